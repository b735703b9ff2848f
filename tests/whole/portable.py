#!/usr/bin/python3
"""One file with every level, on this machine and on emulated older ones: the level is the best that runs there, and what
comes out are the bits of a file with that level alone, through libnnrt and through the plain functions. A file for one
level is refused in a sentence where the level does not run."""
import json, pathlib, re, shutil, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
nnc = build / "nnc"
FLAGS = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-I", root / "runtime", "-I", root]
LEVEL = r"""
#include "nnrt.h"
#include <stdio.h>
int main(int argc, char **argv) {
    nnrt_library *library;
    if (argc < 2 || nnrt_open(argv[1], &library)) return 1;
    puts(nnrt_library_model(library)->level);
    nnrt_close(library);
    return 0;
}
"""
MODELS = ["examples/rings/rings", "tests/unit/flat/kernels", "tests/unit/flat/parts"]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          **options).stdout


def level_here():
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)[1].split()
    return "x86-64-v4" if "avx512vl" in flags else "x86-64-v3" if "fma" in flags and "avx2" in flags else "x86-64"


def same_through_library(work, model, machines):
    levels = {level for _, level in machines}
    for folder, options in [("portable", ["--portable"])] + [(level, ["-march=" + level]) for level in levels]:
        run(nnc, root / (model + ".nn"), *options, "-o", work / folder / "m.so")
    for emulator, level in machines:
        assert run(*emulator, work / "level", work / "portable/m.so").strip() == level, (model, emulator)
        portable = run(*emulator, work / "host", "./m.so", cwd=work / "portable")
        alone = run(*emulator, work / "host", "./m.so", cwd=work / level)
        assert len(portable) > 1000 and portable == alone, "%s is not itself on %s" % (model, emulator)
    assert "NEEDED" not in run("readelf", "-dW", work / "portable/m.so")
    assert not run("nm", "-D", "--undefined-only", work / "portable/m.so")
    sections = re.findall(r"\] (\.data|\.bss|\.got\.plt|\.init_array) ", run("readelf", "-SW", work / "portable/m.so"))
    assert not sections, sections


def carries_weights(work):
    """What is read at compile time comes through: values by way of this machine, into a file for any."""
    rings = root / "examples/rings"
    run(nnc, "train", rings / "rings.nn", "--data", rings / "rings.csv", "-q", "--epochs=1", "--log", work / "run")
    body = (work / "run/last.safetensors").read_bytes()
    data = 8 + int.from_bytes(body[:8], "little")
    begin, end = json.loads(body[8:data])["rings.dense2.w"]["data_offsets"]
    for options in (["--portable"], ["--target=aarch64-linux-gnu"]):
        run(nnc, rings / "rings.nn", *options, "-w", work / "run/last.safetensors", "-o", work / "weights.o")
        assert body[data + begin:data + end] in (work / "weights.o").read_bytes(), "%s leaves weights out" % options


def same_through_functions(work, machines):
    """The training program, linked with the object itself."""
    example, params = root / "examples/rings", {}
    for folder, options in [("portable", ["--portable"])] + [(level, ["-march=" + level]) for _, level in machines]:
        run(nnc, example / "rings.nn", *options, "-o", work / folder / "rings.o")
        run("cc", "-O1", "-I", work / folder, "-I", example, example / "train.c", work / folder / "rings.o", "-o",
            work / folder / "train")
    for emulator, level in machines:
        for folder in ("portable", level):
            run(*emulator, work / folder / "train", example / "rings.csv", work / "params")
            params[folder] = (work / "params").read_bytes()
        assert params["portable"] == params[level], "on %s the plain functions are not %s" % (emulator, level)
    assert len({params[level] for _, level in machines}) > 1, "with and without fused products nothing differs"


def refused(work):
    for cpu, level, lacks in (("Nehalem", "x86-64-v3", "AVX2"), ("Haswell", "x86-64-v4", "AVX512F")):
        run(nnc, root / "examples/rings/rings.nn", "-march=" + level, "-o", work / "m.so")
        done = subprocess.run(["qemu-x86_64", "-cpu", cpu, work / "host", work / "m.so"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        assert done.returncode == 1 and "was compiled for %s, and this machine lacks" % level in done.stdout and \
            lacks in done.stdout, done


if not shutil.which("qemu-x86_64"):
    print("SKIP: qemu-x86_64 is not installed")
    sys.exit(77)
MACHINES = [([], level_here()), (["qemu-x86_64", "-cpu", "Nehalem"], "x86-64"),
            (["qemu-x86_64", "-cpu", "Haswell"], "x86-64-v3")]
with tempfile.TemporaryDirectory() as name:
    work = pathlib.Path(name)
    for folder in ("portable", *(level for _, level in MACHINES)):
        (work / folder).mkdir(exist_ok=True)
    (work / "level.c").write_text(LEVEL)
    for program, source in (("host", root / "tests/emulated/host.c"), ("level", work / "level.c")):
        run("cc", *FLAGS, source, *sorted((root / "runtime").glob("*.c")), "-o", work / program, "-lpthread", "-ldl",
            "-lm")
    for model in MODELS:
        same_through_library(work, model, MACHINES)
    same_through_functions(work, MACHINES)
    carries_weights(work)
    refused(work)
print("each level of a portable file is itself on %d machines" % len(MACHINES))
