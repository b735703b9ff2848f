#!/bin/sh
# Calls that are ready to run take no memory, lock nothing, print nothing and make no system call: tests/host/hot_path.c, by
# the shared library and by the static one.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for model in rings digits; do "$build/nnc" "$root/examples/$model/$model.nn" -o $model.o; done
for library in libnnrt.so libnnrt.a; do
    cc -std=c11 -O1 -Wall -Wextra -Werror -I. -I"$root/runtime" "$root/tests/host/hot_path.c" rings.o digits.o \
        "$build/runtime/$library" -Wl,-rpath,"$build/runtime" -o hot_path
    echo "with $library"
    ./hot_path
done
