#!/bin/sh
# The same bytes of the same text: models compiled in other folders, under other names, languages, times, users; and the
# compiler and its library, built again from a copy of their sources elsewhere.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
nnc=$build/nnc
fail() { echo "FAILED: $*"; exit 1; }

# ---- models ----
mkdir -p here/parts 'far away/deep/er/parts' out
cat >here/parts/block.nn <<'END'
layer block[I](x: real[..., I]; out) -> real[..., out] = x |> dense(out) |> tanh |> dense(out)
END
cat >here/net.nn <<'END'
import "parts/block.nn"
dim N
model net(x: f32[N, 4]) -> f32[N, 3] = x |> block.block(3)
train net(x, y: f32[N, 3]) { loss mse(net(x), y); optimizer adam }
END
cp here/net.nn 'far away/deep/er/'
cp here/parts/block.nn 'far away/deep/er/parts/'
touch -d 2001-02-03 'far away/deep/er/net.nn'
chmod -R a+rX . && chmod a+rwx out .
count=0
compare() { # what each compilation of `first` and of the last one made
    for kind in so o h ll s graph.nn dot; do
        [ -s "out/first.$kind" ] || fail "nothing is made as $kind"
        cmp "out/first.$kind" "out/again.$kind" || fail "$1: $kind differs"
    done
    count=$((count + 1))
    rm -f out/again.*
}
kinds() { # path of the products, without ending
    echo "so=$1.so,obj=$1.o,header=$1.h,llvm-ir=$1.ll,asm=$1.s,graph=$1.graph.nn,dot=$1.dot"
}
for flags in '-O2' '-g' '--sanitize=thread -g -O0'; do
    flags="$flags -march=x86-64-v3"
    (cd here && "$nnc" net.nn $flags --emit="$(kinds ../out/first)")
    "$nnc" here/net.nn $flags --emit="$(kinds out/again)"
    compare "from the folder above"
    "$nnc" "$work/here/./parts/../net.nn" $flags --emit="$(kinds "$work/out/again")"
    compare "by an absolute path"
    (cd / && "$nnc" "$work/far away/deep/er/net.nn" $flags --emit="$(kinds "$work/out/again")")
    compare "from a copy elsewhere"
    (cd 'far away' && TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 HOME=/nowhere USER=other LOGNAME=other \
        SOURCE_DATE_EPOCH=12345 COLUMNS=20 "$nnc" deep/er/net.nn $flags --emit="$(kinds ../out/again)")
    compare "in another language, zone and name"
    env -i PATH="$PATH" "$nnc" here/net.nn $flags --emit="$(kinds out/again)"
    compare "without an environment"
    if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --clear-groups test -x "$nnc" 2>/dev/null; then
        setpriv --reuid=65534 --clear-groups "$nnc" here/net.nn $flags --emit="$(kinds out/again)"
        compare "by another user"
    fi
    rm -f out/first.*
done
echo "$count compilations gave the bytes of the first"

# ---- the compiler ----
setting() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
mkdir -p copy/somewhere/else
(cd "$root" && tar -c --exclude=./build --exclude=./.git --exclude=./examples .) | tar -x -C copy/somewhere/else
cd copy/somewhere
env -u CMAKE_C_COMPILER_LAUNCHER cmake -S else -B made -G "$(setting CMAKE_GENERATOR)" -DBUILD_TESTING=OFF \
    -DCMAKE_BUILD_TYPE="$(setting CMAKE_BUILD_TYPE)" -DCMAKE_C_COMPILER="$(setting CMAKE_C_COMPILER)" \
    -DNNC_STRICT="$(setting NNC_STRICT)" -DNNC_SANITIZE="$(setting NNC_SANITIZE)" >log 2>&1 || { cat log; exit 1; }
TZ=Pacific/Kiritimati LC_ALL=C CCACHE_DISABLE=1 cmake --build made -j 2 --target nnc nnrt nnrt_shared >log 2>&1 ||
    { tail -40 log; exit 1; }
for file in nnc runtime/libnnrt.a runtime/libnnrt.so; do
    cmp "made/$file" "$build/$file" || fail "$file, built elsewhere, differs: $(strings "made/$file" | grep -m 3 "$work" || true)"
done
echo "the compiler and its library, built elsewhere, are the same to the byte"
