#!/bin/sh
# nnrt.hpp in C++17 and C++20, by g++ and, where it is, clang++, without a warning; then under AddressSanitizer.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$build/nnc" "$root/examples/rings/rings.nn" -o rings.o
"$build/nnc" "$root/examples/rings/rings.nn" -o librings.so
check() { # compiler, options
    "$@" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I. -I"$root/runtime" -I"$root/bindings/cpp" \
        "$root/tests/host/session.cpp" rings.o "$build/runtime/libnnrt.a" -pthread -o session
    ./session
}
check g++ -std=c++17 -O1
check g++ -std=c++20 -O0
check g++ -std=c++17 -O0 -g -fsanitize=address,undefined
if command -v clang++-19 >/dev/null; then check clang++-19 -std=c++17 -O0; fi
