#!/bin/sh
# What a compiled model is made of, for every level of the instruction set: it needs nothing, hides all but its functions,
# and says so where the machine cannot run it.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
nnc=$build/nnc
fail() { echo "FAILED: $*"; exit 1; }
functions="bytes eval grad init model predict prepare start step update"

# ---- sections and symbols ----
check_library() { # library, model, header
    readelf -dW "$1" | grep NEEDED && fail "$1 needs another library"
    [ -z "$(nm -D --undefined-only "$1")" ] || fail "$1 has undefined symbols: $(nm -D --undefined-only "$1")"
    readelf -SW "$1" | sed 's/\[ *[0-9]*\]//' | awk '($1 == ".data" || $1 == ".bss") && $5 !~ /^0*$/ { print; bad = 1 } END { exit bad }' ||
        fail "$1 has writable data"
    for f in $functions; do
        echo "$2_$f"
        grep -q "[ *]$2_$f(" "$3" || fail "$3 does not declare $2_$f"
    done | sort >want
    nm -D --defined-only "$1" | awk '{ print $3 }' | sort >have
    diff want have || fail "$1 exports something else"
}
for level in x86-64 x86-64-v3 x86-64-v4; do
    mkdir $level
    for model in digits rings tiny; do
        "$nnc" "$root/examples/$model/$model.nn" -march=$level -o $level/lib$model.so
        check_library $level/lib$model.so $model $level/$model.h
    done
    "$nnc" "$root/examples/digits/digits.nn" -march=$level -O0 -g -o $level/debug.so
    check_library $level/debug.so digits $level/digits.h
done
objdump -d x86-64-v3/libdigits.so | grep -q vfmadd || fail "x86-64-v3 code without a fused multiply-add"
objdump -d x86-64-v4/libdigits.so | grep -q zmm || fail "x86-64-v4 code without a 512-bit register"
objdump -d x86-64/libdigits.so | grep -qE 'ymm|zmm|vfmadd' && fail "x86-64 code that any machine could not run"

# ---- libnnrt: the functions of nnrt.h, each of a version, and nothing else ----
sed '/^typedef/d' "$root/runtime/nnrt.h" | grep -oE '\bnnrt_[a-z_]+\(' | tr -d '(' | sort -u >want
nm -D --defined-only "$build/runtime/libnnrt.so" | awk '$2 == "T" { print $3 }' | sort >have
sed 's/@@NNRT_0\.1$//' have | diff want - || fail "runtime/nnrt.map and runtime/nnrt.h differ"
readelf -dW "$build/runtime/libnnrt.so" | grep -q 'soname: \[libnnrt\.so\.0\]' || fail "libnnrt.so has another soname"

# ---- headers ----
for order in 'digits rings tiny' 'tiny nnrt digits' 'nnrt rings'; do
    for h in $order; do echo "#include \"$h.h\""; done >include.c
    cp include.c include.cc
    echo 'int unused;' >>include.c
    cc -std=c99 -pedantic -Wall -Wextra -Werror -Ix86-64 -I"$root/runtime" -c include.c -o /dev/null || fail "C99 does not take $order"
    g++ -std=c++11 -pedantic -Wall -Wextra -Werror -Ix86-64 -I"$root/runtime" -c include.cc -o /dev/null || fail "C++ does not take $order"
done

# ---- the same bytes, wherever and whenever compiled ----
mkdir again
(cd "$root/examples/digits" && "$nnc" digits.nn -march=x86-64-v3 -o "$work/again/libdigits.so")
cmp x86-64-v3/libdigits.so again/libdigits.so || fail "two compilations differ"
cmp x86-64-v3/digits.h again/digits.h || fail "two headers differ"

# ---- two models as objects of one program ----
"$nnc" "$root/examples/rings/rings.nn" -o rings.o
"$nnc" "$root/examples/tiny/tiny.nn" -o tiny.o
printf '#include "rings.h"\n#include "tiny.h"\nint main(void) { return !rings_model() || !tiny_model(); }\n' >objects.c
cc objects.c rings.o tiny.o -o objects && ./objects || fail "two objects do not live in one program"

# ---- a machine that lacks the level, a library of another interface ----
python3 - <<'END' || fail "the features of the descriptor are not found once"
import struct
data = open("x86-64/librings.so", "rb").read()
# size, abi, four names that the loader fills in, and then the features: none for x86-64. Found by the level's hash fields
# being the only place where the model's byte sizes follow: ask the library itself where its descriptor lies.
import ctypes
library = ctypes.CDLL("./x86-64/librings.so")
library.rings_model.restype = ctypes.c_void_p
at = library.rings_model()
base = next(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if line.rstrip().endswith("x86-64/librings.so"))
sections = [l.split() for l in __import__("subprocess").check_output(["readelf", "-lW", "x86-64/librings.so"], text=True).splitlines()]
loads = [(int(l[1], 16), int(l[2], 16), int(l[4], 16)) for l in sections if l and l[0] == "LOAD"]
offset = next(at - base - v + o for o, v, n in loads if v <= at - base < v + n)
features = offset + 4 + 4 + 3 * 8
assert struct.unpack_from("<Q", data, features) == (0,)
open("future.so", "wb").write(data[:features] + struct.pack("<Q", 1 << 40) + data[features + 8:])
# The first two fields: the descriptor's size, and the version of the interface.
size, abi = struct.unpack_from("<II", data, offset)
for name, fields in ("newer.so", (size, abi + 1)), ("older.so", (size, abi - 1)), ("smaller.so", (size - 8, abi)):
    open(name, "wb").write(data[:offset] + struct.pack("<II", *fields) + data[offset + 8:])
END
cat >refuse.c <<'END'
#include <stdio.h>
#include "nnrt.h"
int main(int argc, char **argv) {
    nnrt_library *library;
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        int32_t status = nnrt_open(argv[i], &library);
        puts(nnrt_error(library));
        nnrt_close(library);
        bad |= status != (i == 1 ? NNRT_ERR_CPU : NNRT_ERR_ABI);
    }
    return bad;
}
END
cc -std=c99 refuse.c -I"$root/runtime" "$build/runtime/libnnrt.a" -lm -o refuse
./refuse ./future.so newer.so ./older.so ./smaller.so >sentence || fail "a model for another machine or another library is opened"
grep -q 'this machine lacks' sentence || fail "the refusal does not say what is missing: $(cat sentence)"
[ "$(grep -c 'the model was built for version [0-9]* .*: compile the model again' sentence)" = 3 ] || fail "the refusal does not say what to do: $(cat sentence)"

# ---- strange names ----
newline='new
line.so'
for name in 'two words.so' '-dash.so' "$newline" 'ünï.so' '$(touch caught).so' "quo'te.so" '@file.so' no-ending; do
    "$nnc" "$root/examples/tiny/tiny.nn" -o "$name" || fail "it cannot be called $name"
    [ -s "./$name" ] || fail "$name is not there"
    python3 -c 'import ctypes, os, sys; ctypes.CDLL(os.path.abspath(sys.argv[1])).tiny_model' "$name" || fail "$name cannot be opened"
done
[ ! -e caught ] || fail "a name was run by a shell"
echo "precious" >kept.so
"$nnc" "$root/examples/tiny/tiny.nn" -D nothing=1 -o kept.so 2>/dev/null && fail "an unknown hyper is taken"
[ "$(cat kept.so)" = precious ] || fail "a failed compilation touched its output"
echo "every level needs nothing, hides all else, and keeps to itself"
