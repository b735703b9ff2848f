#!/usr/bin/python3
"""Models compiled for aarch64, run under emulation, against the same models on this machine: every entry of the
examples, of graphs of every kernel form and of random graphs gives the same bits, and so do whole epochs of training.
The host that runs them is tests/emulated/host.c over libnnrt, compiled for both machines.
usage: emulated.py BUILD ROOT [RANDOM_GRAPHS [FIRST_SEED]]"""
import gzip, pathlib, platform, re, shutil, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
random_graphs = int(sys.argv[3]) if len(sys.argv) > 3 else 40
first_seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
nnc = build / "nnc"
EXAMPLES = ["rings/rings", "digits/digits", "digits-relu/digits", "tiny/tiny", "own/own"]
FLAT = ["kernels", "parts", "training"]
CROSS, EMULATOR = "aarch64-linux-gnu-gcc", ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]
FLAGS = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I", root / "runtime", "-I", root]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def machine_level():
    """The best level of this machine, if its products fuse as those of aarch64 do."""
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return "x86-64-v3" if platform.machine() == "x86_64" and flags and "fma" in flags[1].split() else None


def random_graph(work, seed):
    """The graph as it was built, in the form that nnc reads."""
    text = run(build / "tests/random_graphs", "print", str(seed))
    path = work / ("random%d.nn" % seed)
    path.write_text(text[:text.index('\nstage "', 1) + 1])
    return path


def same_results(work, hosts, models):
    for folder, options in (("here", ["-march=" + LEVEL]), ("there", ["--target=aarch64-linux-gnu"])):
        (work / folder).mkdir()
        for i, model in enumerate(models):
            run(nnc, model, *options, "--name", "m%d" % i, "-o", work / folder / ("m%d.so" % i))
    names = ["./m%d.so" % i for i in range(len(models))]
    here = run(hosts[0], *names, cwd=work / "here").splitlines()
    there = run(*EMULATOR, hosts[1], *names, cwd=work / "there").splitlines()
    assert len(here) > 5000 and sum(" status " in line for line in here) < len(here) / 100
    for a, b in zip(here, there):
        assert a == b, "%s: here %s, under emulation %s" % (models[int(a[1:a.index(".")])], a, b)
    assert len(here) == len(there)
    return len(here)


def same_training(work, example, source, data):
    """The parameters after an epoch of a C program that links the model in."""
    results = []
    for compiler, emulator, options in (("cc", [], ["-march=" + LEVEL]),
                                        (CROSS, EMULATOR, ["--target=aarch64-linux-gnu"])):
        folder = work / ("%s-%s" % (example, compiler))
        folder.mkdir()
        run(nnc, root / "examples" / example / (example + ".nn"), *options, "-o", folder / (example + ".o"))
        run(compiler, "-O1", "-I", folder, "-I", root / "examples" / example, root / "examples" / example / source,
            folder / (example + ".o"), "-o", folder / "train")
        run(*emulator, folder / "train", *data, folder / "params")
        results.append((folder / "params").read_bytes())
    assert len(results[0]) > 100 and results[0] == results[1], "%s trains to other parameters under emulation" % example


def refused_politely(work, hosts):
    """Another machine's model is refused in a sentence, on either side."""
    for words, model, wants in (([hosts[0]], "there/m0.so", "it was compiled for aarch64, and this machine is x86-64"),
                                (EMULATOR + [hosts[1]], "here/m0.so", "it was compiled for x86-64, and this machine is aarch64")):
        done = subprocess.run([*words, work / model], stdout=subprocess.PIPE, text=True)
        assert done.returncode == 1 and wants in done.stdout, done


LEVEL = machine_level()
missing = [tool for tool in (CROSS, EMULATOR[0]) if not shutil.which(tool)]
if missing or not LEVEL:
    print("SKIP:", "%s is not installed" % missing[0] if missing else "this machine rounds products and sums apart")
    sys.exit(77)
with tempfile.TemporaryDirectory() as name:
    work = pathlib.Path(name)
    hosts = []
    for compiler in ("cc", CROSS):
        hosts.append(work / ("host-" + compiler))
        run(compiler, *FLAGS, root / "tests/emulated/host.c", *sorted((root / "runtime").glob("*.c")), "-o", hosts[-1],
            "-lpthread", "-ldl", "-lm")
    models = [root / "examples" / (e + ".nn") for e in EXAMPLES] + [root / "tests/unit/flat" / (f + ".nn") for f in FLAT]
    models += [random_graph(work, seed) for seed in range(first_seed, first_seed + random_graphs)]
    results = same_results(work, hosts, models)
    refused_politely(work, hosts)
    same_training(work, "rings", "train.c", [root / "examples/rings/rings.csv"])
    digits = []
    for kind in ("images-idx3", "labels-idx1"):
        digits.append(work / kind)
        digits[-1].write_bytes(gzip.decompress((root / ("examples/digits/data/train-%s-ubyte.gz" % kind)).read_bytes()))
    same_training(work, "digits", "train.c", digits)
print("%d models: %d results are the same bits on aarch64, and so are the parameters after an epoch"
      % (len(models), results))
