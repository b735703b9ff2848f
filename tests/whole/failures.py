#!/usr/bin/python3
"""Every n-th allocation and every n-th call to the system of the compiler's own code fails, alone or with all that follow: the
status is one of those that are documented, there is a sentence, what was to be written is as it was before or whole, and
nothing lies beside it. Told apart: LLVM itself ends the process where its own memory is gone, which is not tried here."""
import errno, os, pathlib, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
MODEL = """dim N
model line(x: f32[N, 2]) -> f32[N, 2] { x |> dense(2) }
train line(x) { loss mse(line(x), x); optimizer sgd(lr = 0.1); batch 2 }
"""
TABLE = "x.0,x.1\n" + "1,2\n3,4\n" * 4
# Words, and what is written, which must stay whole; a run folder holds several files, each of which counts.
COMMANDS = [
    (["check", "line.nn"], []),
    (["line.nn", "-O0", "-o", "out.so"], ["out.so"]),
    (["line.nn", "-O0", "--emit=header", "-o", "out.h"], ["out.h"]),
    (["train", "line.nn", "-q", "-O0", "--epochs=2", "--workers=1", "--data", "x.csv", "--log", "run"],
     ["run/last.safetensors", "run/best.safetensors", "run/checkpoint.safetensors"]),
    (["predict", "line.nn", "-O0", "--workers=1", "-w", "w", "--data", "x.csv", "-o", "out.npy"], ["out.npy"]),
]
STATUSES = (0, 1, 66, 70, 73)
WAYS = [("memory", 0, False), ("memory", 0, True), ("io", errno.EIO, False), ("io", errno.ENOSPC, True),
        ("io", errno.EINTR, False), ("io", 0, False)]
problems = []


def call(folder, words, **variables):
    env = dict(os.environ, NO_COLOR="1", LC_ALL="C", SOURCE_DATE_EPOCH="0", **variables)
    p = subprocess.run([build / "nnc", *words], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return p.returncode, p.stderr.decode(errors="replace")


def fresh(folder, written):
    """The folder as it is before each try, with old files in the places of the new ones."""
    for name in sorted(os.listdir(folder)):
        if name not in ("line.nn", "x.csv", "w"):
            subprocess.run(["rm", "-rf", folder / name], check=True)
    for name in written:
        if "/" not in name:
            (folder / name).write_text("old")


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def attempt(folder, words, written, whole, listing, way, at):
    kind, error, later = way
    mark = folder.parent / "mark"
    mark.unlink(missing_ok=True)
    fresh(folder, written)
    status, said = call(folder, words, LD_PRELOAD=str(shim), FAIL_AT=str(at), FAIL_KIND=kind, FAIL_ERROR=str(error),
                        FAIL_MARK=str(mark), **({"FAIL_ALL": "1"} if later else {}))
    wrong = []
    if status not in STATUSES:
        wrong.append("status %d" % status)
    if status and not said.strip() and not (kind == "io" and later): # what is said goes by write too
        wrong.append("no word")
    for name in written:
        path = folder / name
        if path.exists() and path.read_bytes() not in (b"old", whole[name]) and "run/" not in name:
            wrong.append("`%s` is neither old nor new" % name)
    extra = [n for n in everything(folder) if n not in listing]
    if extra and not later: # where everything fails nothing can be removed either
        wrong.append("left behind: %s" % extra)
    if wrong:
        problems.append("%s, %s %d%s at %d: %s\n%.300s" % (" ".join(words), kind, error, " and on" if later else "", at,
                                                         "; ".join(wrong), said))
    return mark.exists()


def try_command(folder, words, written):
    fresh(folder, written)
    status, said = call(folder, words)
    assert status == 0, said
    whole, listing, tries = {n: (folder / n).read_bytes() for n in written}, everything(folder), 0
    for way in WAYS:
        at = 1
        while attempt(folder, words, written, whole, listing, way, at):
            at += 1 if at < 40 else at // 4
            tries += 1
    print("%s: %d failures" % (" ".join(words), tries))
    assert tries > 10


with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
    folder = pathlib.Path(name) / "work"
    folder.mkdir()
    shim = pathlib.Path(name) / "fail.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", root / "tests/inject/fail.c", "-o", shim, "-ldl"], check=True)
    (folder / "line.nn").write_text(MODEL)
    (folder / "x.csv").write_text(TABLE)
    status, said = call(folder, ["train", "line.nn", "-q", "--data", "x.csv", "--log", "run"])
    assert status == 0, said
    os.rename(folder / "run/last.safetensors", folder / "w")
    for words, written in COMMANDS:
        try_command(folder, words, written)
print("\n".join(problems[:20]))
print("%d problems" % len(problems))
sys.exit(bool(problems))
