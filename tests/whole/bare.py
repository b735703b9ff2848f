#!/usr/bin/python3
"""Models for microcontrollers, on emulated boards without a system: the objects call nothing, training in static memory
reaches the parameters that it reaches here, bit by bit, and what a machine lacks instructions for is rounded as here."""
import pathlib, re, shutil, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
nnc, board, emulated = build / "nnc", root / "examples/cortex-m", root / "tests/emulated"
GCC, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing", "-ffp-contract=off"]
BARE = ["-mthumb", "-mfloat-abi=hard", "-ffreestanding", "-nostdlib", "-Wl,--gc-sections,-z,noexecstack", "-T",
        board / "board.ld"]
MACHINES = {"cortex-m4": ("fpv4-sp-d16", "mps2-an386"), "cortex-m7": ("fpv5-d16", "mps2-an500")}
TARGET = "--target=thumbv7em-none-eabihf"
MODELS = ["examples/rings/rings", "examples/digits/digits", "examples/tiny/tiny", "tests/unit/flat/kernels",
          "tests/unit/flat/parts", "tests/unit/flat/training"]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options).stdout


def calls_nothing(work, cpu):
    for model in MODELS:
        run(nnc, root / (model + ".nn"), TARGET, "-mcpu=" + cpu, "-o", work / "model.o")
        undefined = run("arm-none-eabi-nm", "-u", work / "model.o")
        assert not undefined, "%s for %s needs %s" % (model, cpu, undefined)


def run_here(work, model, main, *options):
    folder = work / "here"
    folder.mkdir(exist_ok=True)
    run(nnc, model, "-march=x86-64-v3", "-o", folder / "model.o", *options)
    run("cc", *FLAGS, "-I", folder, "-I", board, main, emulated / "native_board.c", folder / "model.o", "-o",
        folder / "main")
    return run(folder / "main")


def run_there(work, cpu, model, main, *options, libraries=()):
    folder = work / cpu
    folder.mkdir(exist_ok=True)
    fpu, machine = MACHINES[cpu]
    run(nnc, model, TARGET, "-mcpu=" + cpu, "-o", folder / "model.o", *options)
    run(GCC, *FLAGS, *BARE, "-mcpu=" + cpu, "-mfpu=" + fpu, "-I", folder, "-I", board, board / "board.c", main,
        folder / "model.o", *libraries, "-o", folder / "main.elf")
    return run(EMULATOR, "-machine", machine, "-nographic", "-semihosting-config", "enable=on,target=native",
               "-kernel", folder / "main.elf", timeout=300)


def wide_main(work):
    """The training program over f64, which a Cortex-M4 computes in integers alone."""
    text = (board / "main.c").read_text().replace("float", "double").replace("STEPS = 600", "STEPS = 12")
    path = work / "wide.c"
    path.write_text(re.sub(r"([0-9])f\b", r"\1", text))
    return path


fma = re.search(r"^flags\s*:.*\bfma\b", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
missing = [tool for tool in (GCC, EMULATOR) if not shutil.which(tool)]
if missing or not fma:
    print("SKIP:", "%s is not installed" % missing[0] if missing else "this machine rounds products and sums apart")
    sys.exit(77)
rings = root / "examples/rings/rings.nn"
with tempfile.TemporaryDirectory() as name:
    work = pathlib.Path(name)
    wide = wide_main(work)
    for model, main, options, libraries in ((emulated / "soft.nn", emulated / "soft.c", [], ["-lgcc"]),
                                            (rings, board / "main.c", [], []),
                                            (rings, wide, ["--real=f64"], ["-lgcc"])):
        here = run_here(work, model, main, *options)
        for cpu in MACHINES:
            there = run_there(work, cpu, model, main, *options, libraries=libraries)
            assert here == there, "%s on %s:\n%s\nand here:\n%s" % (main, cpu, there[:2000], here[:2000])
        if main == board / "main.c":
            last = re.findall(r"right (\d+) of 256", here)[-1]
            assert int(last) >= 230, "only %s of 256 points are told rightly" % last
        assert len(set(here.split())) > 20
    for cpu in MACHINES:
        calls_nothing(work, cpu)
    refused = subprocess.run([nnc, rings, TARGET, "--emit=so", "-o", work / "no.so"], stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 1 and "take the object" in refused.stderr and not (work / "no.so").exists(), refused
print("trained on two boards as here, to the bit, in f32 and in f64; %s of 256 points right; %d objects call nothing"
      % (last, len(MODELS)))
