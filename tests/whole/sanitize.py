#!/usr/bin/python3
"""Models under sanitizers. First a fault is planted that only the model's own code commits, and must be reported there;
then whole programs run, and nothing may be: every entry in buffers of exactly their bytes, and threads that predict while
others train and publish."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

build, root = sys.argv[1:3]
nnc, hosts = f"{build}/nnc", f"{root}/tests/host"
models = {"rings": f"{root}/examples/rings/rings.nn", "digits": f"{root}/examples/digits/digits.nn",
          "own": f"{root}/examples/own/own.nn", "mixed": f"{hosts}/mixed.nn"}
flags = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", f"-I{root}/runtime", f"-I{hosts}"]
quiet = {"ASAN_OPTIONS": "detect_leaks=1", "TSAN_OPTIONS": "halt_on_error=0"}


def fail(why):
    print("FAILED:", why)
    sys.exit(1)


def run(*command, wanted=0):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **quiet})
    said = done.stdout + done.stderr
    if wanted is not None and done.returncode != wanted:
        fail(f"{' '.join(map(str, command))} ends with {done.returncode}:\n{said[:4000]}")
    return said


# ---- what the machine has ----
def runtime_is_here(sanitizer):
    with open("empty.c", "w") as f:
        f.write("int main(void) { return 0; }\n")
    made = subprocess.run(["cc", f"-fsanitize={sanitizer}", "empty.c", "-o", "empty"], capture_output=True)
    return made.returncode == 0


def plain_addresses():
    """ThreadSanitizer's runtime wants memory where it expects it, which some kernels' random addresses do not give."""
    tried = subprocess.run(["setarch", "-R", "true"], capture_output=True)
    return ["setarch", "-R"] if tried.returncode == 0 else []


# ---- making ----
def make_model(sanitizer, name):
    run(nnc, models[name], "-g", f"--sanitize={sanitizer}", "-o", f"{sanitizer}/lib{name}.so")


def make_host(sanitizer, name, *more, out=None):
    files = [f"{hosts}/{name}.c", *[f"{root}/runtime/{f}" for f in os.listdir(f"{root}/runtime") if f.endswith(".c")]]
    run("cc", *flags, f"-fsanitize={sanitizer}", f"-I{sanitizer}", *files, *more, "-lm", "-o", f"{sanitizer}/{out or name}")


def check_portable(before, sanitizer):
    """A level is chosen before the sanitizer's runtime can be told anything, most of all in a program that holds the model."""
    os.mkdir(f"{sanitizer}/portable")
    run(nnc, models["rings"], "--portable", f"--sanitize={sanitizer}", "-o", f"{sanitizer}/portable/rings.o")
    make_host(sanitizer, "planted", f"{sanitizer}/portable/rings.o", out="portable/planted")
    check_clean(*before, f"{sanitizer}/portable/planted", "none")


def make_all():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        made = [pool.submit(make_model, "address", m) for m in models]
        made += [pool.submit(make_model, "thread", m) for m in ("rings", "digits", "mixed")]
        for m in made:
            m.result()
        made = [pool.submit(make_host, "address", "entries", f"{hosts}/buffers.c"),
                pool.submit(make_host, "thread", "together", f"{hosts}/buffers.c")]
        for s in ("address", "thread"):
            made.append(pool.submit(make_host, s, "planted", f"-L{s}", "-l:librings.so", f"-Wl,-rpath,{os.getcwd()}/{s}"))
        for m in made:
            m.result()


# ---- every access is told ----
def count_accesses(text):
    """Vectors of more than 16 bytes, masked vectors, and lanes that are gathered: what LLVM's pass for threads leaves out."""
    sizes = {"i1": 1, "i8": 1, "i32": 4, "i64": 8, "float": 4, "double": 8}
    wide = {"load": 0, "store": 0}
    for verb, lanes, element in re.findall(r"\b(load|store) <(\d+) x (\w+)>", text):
        wide[verb] += int(lanes) * sizes[element] > 16
    for verb in wide:
        wide[verb] += len(re.findall(rf"call .*@llvm\.masked\.{verb}\.", text))
    gathered = re.findall(r"call <(\d+) x \w+> @llvm\.masked\.gather\.(.*)", text)
    # A lane that is never read is not told.
    wide["load"] += sum(int(lanes) - rest.count("i1 false") for lanes, rest in gathered)
    return wide, len(gathered)


def check_told(level):
    text = run(nnc, models["mixed"], "--sanitize=thread", "--emit=llvm-ir", f"-march={level}", "-o", "-")
    wide, gathered = count_accesses(text)
    for verb, direction in ("load", "read"), ("store", "write"):
        told = len(re.findall(rf"call void @__tsan_{direction}_range\(", text))
        if told != wide[verb] or told == 0:
            fail(f"{level}: {wide[verb]} accesses {verb} vectors, and {told} are told")
    if not gathered:
        fail(f"{level}: nothing is gathered, so this does not show that it would be told")


# ---- planted ----
def check_planted(before, sanitizer, fault, *wanted):
    said = run(*before, f"{sanitizer}/planted", fault, wanted=None)
    for text in wanted:
        if not re.search(text, said):
            fail(f"the planted fault `{fault}` is not reported (no `{text}`):\n{said[:4000]}")


def check_clean(*command):
    said = run(*command)
    if "Sanitizer" in said or "runtime error" in said:
        fail(f"{' '.join(command)}:\n{said[:4000]}")
    print(said.strip())


os.chdir(tempfile.mkdtemp())
if not all(runtime_is_here(s) for s in ("address", "thread")):
    print("SKIP: this compiler has no runtime of the sanitizers")
    sys.exit(77)
os.mkdir("address"), os.mkdir("thread")
make_all()
for level in "x86-64-v3", "x86-64-v4":
    check_told(level)
plain = plain_addresses()
check_clean("address/planted", "none")
check_planted([], "address", "workspace", "heap-buffer-overflow", r"WRITE of size", r"#\d+ .* in dense std/layers.nn:\d+",
              r"#\d+ .* in rings_\w+\.phase\d+ rings.nn:\d+", r"#\d+ .* in rings_\w+ rings.nn:\d+")
check_planted([], "address", "input", "heap-buffer-overflow", r"READ of size", r"#\d+ .* in dense std/layers.nn:\d+")
check_clean(*plain, "thread/planted", "none")
check_planted(plain, "thread", "race", "data race", r"Write of size", r"#\d+ rings_step\.phase\d+ rings.nn:\d+",
              r"SUMMARY: ThreadSanitizer: data race .*\.nn:\d+")
check_portable([], "address")
check_portable(plain, "thread")
for model, most in ("rings", 33), ("digits", 9), ("own", 17), ("mixed", 33):
    check_clean("address/entries", f"address/lib{model}.so", str(most), "heap")
for model, rounds in ("rings", 60), ("mixed", 30), ("digits", 10):
    check_clean(*plain, "thread/together", f"thread/lib{model}.so", str(rounds))
print("planted faults are reported in the model's own code; nothing else is")
