#!/usr/bin/python3
"""Names that shells, options and formats would take for more than names: each is a file like any other, or is refused with a
word; no shell is started, nothing but the named file comes to be, and a kill leaves at most a temporary that the next run does
not mind."""
import os, pathlib, random, re, shutil, signal, subprocess, sys, tempfile, time

build, root = map(os.fsencode, sys.argv[1:3])
nnc = build + b"/nnc"
MODEL = b"dim N\nmodel line(x: f32[N, 2]) -> f32[N, 2] { x + 1 }\n"
NAMES = [
    b"a b", b" a", b"a ", b"-o", b"--", b"-", b"-rf", b"--emit=so", b"a;b", b"a;touch owned", b"$(touch owned)", b"`touch owned`",
    b"a|touch owned", b"a&&touch owned", b"a>owned", b"a\nb", b"a\ttouch", b"a\rb", b"a'b", b'a"b', b"a\\b", b"*", b"?", b"[a]", b"{a,b}",
    b"~", b"#a", b"!a", b"@f", b"%s%n", b"%(a)s", b"a=b", b"x=y", b"\xff\xfe", b"\xc3\xa9", b"\xe2\x80\xae", b"\x1b[31m", b"a" * 240, b"...",
    b"../up", b"./a", b"sub/../a", b"a" * 300, b"a" * 4096, b"none/a", b"", b"sub", b"/nowhere/a",
]
problems, tracer = [], shutil.which("strace")


def run(folder, *words):
    """What the run said and started; a name that begins with a dash is given behind its folder or an equals sign."""
    log = folder + b"/../trace"
    before = [b"strace", b"-f", b"-qq", b"-e", b"trace=execve", b"-s", b"9999", b"-o", log] if tracer else []
    p = subprocess.run([*before, nnc, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
    started = open(log, "rb").read() if tracer else b""
    programs = {os.path.basename(m) for m in re.findall(rb'execve\("([^"]*)"[^\n]* = 0', started)}
    return p.returncode, p.stdout + p.stderr, programs - {b"nnc", b"ld.lld-19", b"ld.lld", b"lld"}


def tree(folder):
    return sorted(os.path.join(d, f) for d, _, files in os.walk(os.path.dirname(folder)) for f in files
                  if os.path.join(d, f) != os.path.dirname(folder) + b"/trace")


def check(name, words, folder, made):
    old = tree(folder)
    status, said, programs = run(folder, *words)
    new = [f for f in tree(folder) if f not in old]
    wanted = [os.path.normpath(os.path.join(folder, made))] if made and status == 0 else []
    wrong = []
    if status not in (0, 1, 64, 66, 73):
        wrong.append("status %d" % status)
    if status and not said:
        wrong.append("no word")
    if programs:
        wrong.append("it starts %s" % programs)
    if [os.path.normpath(f) for f in new] != wanted:
        wrong.append("it leaves %s" % new)
    if b"\x1b" in said.replace(name, b""):
        wrong.append("an escape reaches the terminal")
    if wrong:
        problems.append("%r %r: %s\n%r" % (name[:60], words[:3], "; ".join(wrong), said[:300]))
    for f in new:
        os.unlink(f)
    return status == 0


def try_name(name, folder):
    with open(folder + b"/net.nn", "wb") as f:
        f.write(MODEL)
    good = check(name, [b"net.nn", b"--emit=so", b"-O0", b"-o" + name if name else b"--output="], folder, name) if name != b"-" else 0
    good += check(name, [b"net.nn", b"--emit=obj", b"-O0", b"-o", b"./" + name], folder, name)
    check(name, [b"check", b"./" + name], folder, None)
    check(name, [b"check", name], folder, None)
    if name and name != b"sub" and b"/" not in name and len(name) < 256:
        os.rename(folder + b"/net.nn", folder + b"/" + name)
        good += check(name, [b"check", b"./" + name], folder, None)
        os.unlink(folder + b"/" + name)
    return bool(good)


def killed(folder, count):
    """Kills a compilation at a random moment; the next one works, and the old file or a whole new one was there."""
    with open(folder + b"/net.nn", "wb") as f:
        f.write(MODEL)
    words, target = [nnc, b"net.nn", b"--emit=so", b"-o", b"out.so"], folder + b"/out.so"
    started = time.monotonic()
    subprocess.run(words, cwd=folder, check=True)
    whole, span = open(target, "rb").read(), time.monotonic() - started
    for _ in range(count):
        with open(target, "wb") as f:
            f.write(b"old")
        p = subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(random.uniform(0, span))
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        if open(target, "rb").read() not in (b"old", whole):
            problems.append("a kill left half a file")
    subprocess.run(words, cwd=folder, check=True)
    left = [f for f in os.listdir(folder) if f not in (b"net.nn", b"out.so", b"sub")]
    if open(target, "rb").read() != whole or [f for f in left if not f.startswith(b"out.so.")]:
        problems.append("after kills: %s" % left)


random.seed(1)
if not tracer:
    print("without strace: what is started is not seen")
with tempfile.TemporaryDirectory() as place:
    folder = os.fsencode(place) + b"/work"
    os.makedirs(folder + b"/sub")
    taken = sum(try_name(n, folder) for n in NAMES)
    killed(folder, 20)
print("\n".join(problems))
print("%d names, %d of them taken, %d problems" % (len(NAMES), taken, len(problems)))
sys.exit(1 if problems else 0)
