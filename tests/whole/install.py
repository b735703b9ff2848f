#!/usr/bin/python3
"""An installed copy, moved away from where it was put, used by another user: everything that docs/hosts.md shows is run as it
stands there. Then: models are compiled anew when an import changes, Python's package by pip, and the Debian package."""
import os, pathlib, re, shutil, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
os.umask(0o022)
work = pathlib.Path(tempfile.mkdtemp(prefix="install."))
work.chmod(0o755)
prefix, home = work / "moved", work / "home"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


skipped = []


def skip(why):
    print("SKIPPED: " + why)
    skipped.append(why)


def run(*words, **options):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, "%s gives %d:\n%s" % (" ".join(map(str, words)), done.returncode, done.stdout)
    return done.stdout


def as_user(script):
    """Runs a script at home as somebody who owns nothing here, with nothing of the builder's environment."""
    words = ["sh", "-euc", script]
    if os.getuid() == 0:
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
    return run(*words, cwd=home, env={"PATH": SYSTEM_PATH, "HOME": str(home), "PREFIX": str(prefix), "LC_ALL": "C.UTF-8",
                                      "CARGO_NET_OFFLINE": "true"})


def install():
    run("cmake", "--install", build, "--prefix", work / "first")
    (work / "first").rename(prefix)
    home.mkdir()
    if os.getuid() == 0:
        shutil.chown(home, 65534, 65534)
    for path in prefix.rglob("*"):
        if path.is_file() and "/share/doc/" not in str(path):
            assert str(root).encode() not in path.read_bytes(), "%s names the source tree" % path
            assert str(work / "first").encode() not in path.read_bytes(), "%s names where it was put first" % path
    have = {str(p.relative_to(prefix)) for p in prefix.rglob("*")}
    want = {"bin/nnc", "lib/libnnrt.so", "lib/libnnrt.so.0", "lib/libnnrt.a", "include/nnrt.h", "include/nnrt.hpp",
            "lib/pkgconfig/nnrt.pc", "lib/cmake/nnrt/nnrtConfig.cmake", "lib/cmake/nnrt/nnrtConfigVersion.cmake",
            "share/man/man1/nnc.1", "share/bash-completion/completions/nnc", "share/nnc/std/layers.nn",
            "share/nnc/python/nnc/__init__.py"}
    assert want <= have, want - have
    print("installed, and moved: %d files" % len(have))


def blocks():
    """Of docs/hosts.md: language, what stands after it, text."""
    text = (root / "docs/hosts.md").read_text()
    return re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.M | re.S)


def check_backtrace(said):
    """The line of std, and above it the user's line that brought it in."""
    frames = re.findall(r"^#\d+ .*? at (\S+)$", said, re.M)
    assert frames[:4] == ["std/layers.nn:9", "rings.nn:5", "rings.nn:4", "rings.nn:4"], said
    assert frames[4].startswith("ask.c:"), said
    assert "|> dense(" in said and "model rings" in said, said
    print("gdb: %s" % ", ".join(frames))


def run_documents():
    script, tools = "", {"rust": "cargo", "gdb": "gdb"}
    for language, mark, text in blocks():
        if language != "sh":
            if mark:
                put(home / mark, text)
        elif mark and not shutil.which(tools[mark], path=SYSTEM_PATH):
            skip("there is no %s here" % tools[mark])
        else:
            script += "echo '== %s'\n%s" % (mark or "", text)
    said = as_user(script)
    parts = re.split(r"^== (\w*)\n", said, flags=re.M)
    marks = dict(zip(parts[1::2], parts[2::2]))
    assert len(re.findall(r"^inside: (1\.0|0\.9)", said, re.M)) >= 5, said
    for want in ("refused (9): `point` of `rings` (rings.nn:4): f32[4, 2] takes 32 bytes, and the buffer has 16",
                 "right: 0.9", "step 64: loss 0.", "`point` (rings.nn:4) is f32[N, 2], and is given float64[1000, 2]"):
        assert want in said or (want == "right: 0.9" and "right: 1.0" in said), (want, said)
    if "gdb" in marks:
        check_backtrace(marks["gdb"])
    if "rust" in marks:
        assert "960 steps: loss 0.0" in marks["rust"] and "of 1000 right" in marks["rust"], marks["rust"]
        print("rust: %s" % marks["rust"].strip().replace("\n", "; "))
    print("all of docs/hosts.md runs, as user %s" % as_user("id -u").strip())


MODEL = {
    "CMakeLists.txt": """cmake_minimum_required(VERSION 3.20)
project(again C)
find_package(nnrt 0.1 REQUIRED)
nnc_add_model(model "my models/top.nn" NAME top OPTIONS -D H=3)
add_executable(size size.c)
target_link_libraries(size model)
""",
    "my models/top.nn": """import "part.nn"
dim N
hyper H = 2
model top(x: f32[N, 2]) -> f32[N, H] = x |> part.wide(H)
""",
    "my models/part.nn": "layer wide[I](x: real[..., I]; out) -> real[..., out] = x |> dense(4) |> dense(out)\n",
    "size.c": """#include "top.h"
#include <stdio.h>
int main(void) { return printf("%d\\n", TOP_PARAMS_BYTES) < 0; }
""",
}


def put(path, text):
    """A file of the user's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if os.getuid() == 0:
        for p in (path, path.parent):
            shutil.chown(p, 65534, 65534)


def rebuilt_when_an_import_changes(generator):
    folder = home / generator.replace(" ", "")
    for name, text in MODEL.items():
        put(folder / name, text)
    make = 'cd "%s" && export CMAKE_PREFIX_PATH="$PREFIX" && cmake -S . -B build -G "%s" >log && cmake --build build' % (folder, generator)
    first = as_user(make + " >log && build/size")
    put(folder / "my models/part.nn", MODEL["my models/part.nn"].replace("dense(4)", "dense(400)"))
    said = as_user(make + " && build/size && cmake --build build")
    built, size, again = re.split(r"^(\d+)$", said, flags=re.M)
    assert "Compiling the model top" in built and "Compiling" not in again, said
    assert int(size) > 10 * int(first), (first, said)
    print("CMake, %s: a model is compiled anew when what it imports changes, and not otherwise" % generator)


def by_pip():
    if subprocess.run(["/usr/bin/python3", "-m", "pip", "--version"], capture_output=True).returncode:
        skip("there is no pip here")
        return
    said = as_user("""export LD_LIBRARY_PATH="$PREFIX/lib"
/usr/bin/python3 -m pip install -q --no-index --no-build-isolation --no-deps --target=site "$PREFIX/share/nnc/python"
export PYTHONPATH=site PATH="$PREFIX/bin:$PATH"
/usr/bin/python3 -c 'import nnc; print(nnc.__file__, nnc.open("librings.so").name)'
NNRT_LIBRARY=/nowhere/libnnrt.so /usr/bin/python3 -c 'import nnc' 2>&1 | tail -n 1
""")
    assert "site/nnc/__init__.py rings" in said and "ImportError: libnnrt cannot be loaded" in said, said
    print("Python: installed by pip without a network")


def debian_package():
    if not shutil.which("dpkg-shlibdeps"):
        skip("there is no dpkg-shlibdeps here, so no Debian package is made")
        return
    run("cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", work / "deb", cwd=work)
    (package,) = (work / "deb").glob("nnc_*.deb")
    names = {line.split()[5] for line in run("dpkg-deb", "-c", package).splitlines()}
    for name in ("bin/nnc", "lib/libnnrt.so.0", "lib/libnnrt.a", "include/nnrt.h", "include/nnrt.hpp", "lib/pkgconfig/nnrt.pc",
                 "lib/cmake/nnrt/nnrtConfig.cmake", "share/nnc/std/layers.nn", "share/man/man1/nnc.1", "share/doc/nnc/README.md"):
        assert "./usr/" + name in names, name
    assert all(name.startswith("./usr/") for name in names - {"./"}), names
    depends = run("dpkg-deb", "-f", package, "Depends")
    for what in ("libc6 (>=", "libllvm19", "zlib1g", "libminizip1", "lld-19 | lld"):
        assert what in depends, depends
    run("dpkg-deb", "-x", package, work / "root")
    said = run(work / "root/usr/bin/nnc", "check", root / "examples/rings/rings.nn") + run(work / "root/usr/bin/nnc", "--version")
    print("%s: %d files; %s" % (package.name, len(names), said.strip()))


try:
    install()
    run_documents()
    for generator, tool in ("Ninja", "ninja"), ("Unix Makefiles", "make"):
        if shutil.which(tool, path=SYSTEM_PATH):
            rebuilt_when_an_import_changes(generator)
        else:
            skip("there is no %s here" % tool)
    by_pip()
    debian_package()
finally:
    shutil.rmtree(work)
sys.exit(77 if skipped else 0)
