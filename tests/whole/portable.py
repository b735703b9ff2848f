#!/usr/bin/python3
"""One file with every level, on this machine and on emulated older ones: the level is the best that runs there, and what
comes out are the bits of a file with that level alone, through libnnrt and through the plain functions, with whatever other
options it was made. A file for one level is refused in a sentence where the level does not run."""
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
# Models, and the options that what is in the file depends on; WEIGHTS are the model's own.
COMBINATIONS = [
    ("examples/rings/rings", []), ("tests/unit/flat/kernels", []), ("tests/unit/flat/parts", []),
    ("examples/rings/rings", ["--freeze", "-w", "WEIGHTS"]), ("examples/rings/rings", ["--infer-only", "-g"]),
    ("examples/digits/digits", ["-w", "WEIGHTS", "-O0", "-g"]),
    ("examples/digits/digits", ["--freeze", "-w", "WEIGHTS", "-D", "N=3"]),
]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          **options).stdout


def level_here():
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)[1].split()
    return "x86-64-v4" if "avx512vl" in flags else "x86-64-v3" if "fma" in flags and "avx2" in flags else "x86-64"


def train_briefly(work, example, *data):
    source = root / "examples" / example / (example + ".nn")
    run(nnc, "train", source, *data, "-q", "--max-updates=20", "--log", work / (example + ".run"))


def same_through_library(work, model, given, machines):
    weights = str(work / (pathlib.Path(model).name + ".run/last.safetensors"))
    given = [weights if word == "WEIGHTS" else word for word in given]
    for folder, options in [("portable", ["--portable"])] + [(level, ["-march=" + level]) for _, level in machines]:
        run(nnc, root / (model + ".nn"), *given, *options, "-o", work / folder / "m.so")
    for emulator, level in machines:
        assert run(*emulator, work / "level", work / "portable/m.so").strip() == level, (model, emulator)
        portable = run(*emulator, work / "host", "./m.so", cwd=work / "portable")
        alone = run(*emulator, work / "host", "./m.so", cwd=work / level)
        assert len(portable) > 600 and portable == alone, "%s %s is not itself on %s" % (model, given, emulator)
    assert "NEEDED" not in run("readelf", "-dW", work / "portable/m.so")
    assert not run("nm", "-D", "--undefined-only", work / "portable/m.so")
    sections = re.findall(r"\] (\.data|\.bss|\.got\.plt|\.init_array) ", run("readelf", "-SW", work / "portable/m.so"))
    assert not sections, sections


def carries_weights(work):
    """What is read at compile time comes through: values by way of this machine, into a file for any, and there once."""
    digits, weights = root / "examples/digits/digits.nn", work / "digits.run/last.safetensors"
    body = weights.read_bytes()
    data = 8 + int.from_bytes(body[:8], "little")
    begin, end = json.loads(body[8:data])["digits.dense1.w"]["data_offsets"]
    for options in (["--portable"], ["--portable", "--freeze"], ["--target=aarch64-linux-gnu"]):
        run(nnc, digits, *options, "-w", weights, "-o", work / "weights.o")
        times = (work / "weights.o").read_bytes().count(body[data + begin:data + end])
        assert times == 1, "%s has the weights %d times" % (options, times)


FROZEN = r"""
#include "rings.h"
#include <stdio.h>
int main(void) {
    float point[2] = {0.25f, -0.5f}, out;
    if (rings(point, &out)) return 1;
    printf("%a\n", (double)out);
    return 0;
}
"""


def same_without_memory(work, machines):
    """A frozen model of one sample: a function of its input alone, in programs linked in several ways."""
    (work / "frozen.c").write_text(FROZEN)
    weights = work / "rings.run/last.safetensors"
    for folder, options in [("portable", ["--portable"])] + [(level, ["-march=" + level]) for _, level in machines]:
        run(nnc, root / "examples/rings/rings.nn", "--freeze", "-w", weights, "-D", "N=1", *options, "-o",
            work / folder / "rings.o")
        for link in ("-pie", "-no-pie", "-static"):
            run("cc", link, "-I", work / folder, work / "frozen.c", work / folder / "rings.o", "-o",
                work / folder / ("frozen" + link))
    for emulator, level in machines:
        said = {run(*emulator, work / folder / ("frozen" + link)) for folder in ("portable", level)
                for link in ("-pie", "-no-pie", "-static")}
        assert len(said) == 1, "on %s it says %s" % (emulator, said)


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
    for cpu, level, lacks, *more in (("Nehalem", "x86-64-v3", "AVX2"), ("Haswell", "x86-64-v4", "AVX512F"),
                                     ("Nehalem", "x86-64-v3", "AVX2", "--portable")):
        run(nnc, root / "examples/rings/rings.nn", "-march=" + level, *more, "-o", work / "m.so")
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
    data = root / "examples/digits/data"
    train_briefly(work, "rings", "--data", root / "examples/rings/rings.csv")
    train_briefly(work, "digits", "--data", "image=%s" % (data / "train-images-idx3-ubyte.gz"), "--data",
                  "y=%s" % (data / "train-labels-idx1-ubyte.gz"))
    for model, options in COMBINATIONS:
        same_through_library(work, model, options, MACHINES)
    same_through_functions(work, MACHINES)
    same_without_memory(work, MACHINES)
    carries_weights(work)
    refused(work)
print("each level of a portable file is itself on %d machines, with %d sets of options" % (len(MACHINES), len(COMBINATIONS)))
