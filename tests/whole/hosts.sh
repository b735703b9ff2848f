#!/bin/sh
# What a host may do around a model, and what it gets wrong: buffers at the edge of memory, wrong calls of every kind, forks,
# signals, small stacks, libraries that come and go, many models at once.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
nnc=$build/nnc
fail() { echo "FAILED: $*"; exit 1; }

for model in mixed scratch; do "$nnc" "$root/tests/host/$model.nn" -o lib$model.so; done
for model in rings digits tiny own vae; do "$nnc" "$root/examples/$model/$model.nn" -o lib$model.so; done
host() { # name, what else it links
    name=$1
    shift
    cc -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror "$root/tests/host/$name.c" "$root/tests/host/buffers.c" -I. \
        -I"$root/runtime" -I"$root/tests/host" "$@" "$build/runtime/libnnrt.a" -lm -o "$name"
}
host entries
host process
host many
host misuse -L. -l:libmixed.so -Wl,-rpath,"$work"

# ---- buffers of exactly their bytes: up to two tiles of every level and one more sample ----
for model in mixed rings tiny; do ./entries ./lib$model.so 129 || fail "entries of $model"; done
for model in own digits; do ./entries ./lib$model.so 33 || fail "entries of $model"; done
./entries ./libscratch.so 5 || fail "entries of scratch"
./entries ./libvae.so 1 || fail "entries of vae"

# ---- wrong calls ----
./misuse ./libmixed.so || fail "a wrong call is not refused as it must be"

# ---- a process with more to do ----
for what in 'fork 200' 'signals 300' 'stack 20'; do
    set -- $what
    for model in rings mixed scratch; do ./process "$1" ./lib$model.so "$2" || fail "$what with $model"; done
done
./process reload ./librings.so 10000 || fail "loaded and unloaded again and again"

# ---- sixteen models at once, some of the same names ----
for i in 1 2 3 4; do
    "$nnc" "$root/examples/rings/rings.nn" -O$((i - 1)) -o rings$i.so
    "$nnc" "$root/examples/tiny/tiny.nn" --name tiny$i -o tiny$i.so
    "$nnc" "$root/tests/host/mixed.nn" -D rate=0.0$i -o mixed$i.so
done
for level in x86-64 x86-64-v3; do "$nnc" "$root/examples/own/own.nn" -march=$level -o own-$level.so; done
models=$(for f in rings?.so tiny?.so mixed?.so own-*.so; do echo "./$f"; done)
models="$models ./libdigits.so ./libown.so"
[ "$(echo $models | wc -w)" = 16 ] || fail "these are not sixteen: $models"
./many $models >together || fail "sixteen models do not live together"
for m in $models; do ./many $m || fail "$m does not live alone"; done >alone
cmp together alone || fail "models in one process disturb each other"
echo "sixteen models together give the bits of each alone"
