#!/bin/sh
# nnrt.hpp in C++17 and C++20, by g++ and, where it is, clang++, without a warning; then under AddressSanitizer.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$build/nnc" "$root/examples/rings/rings.nn" -o rings.o
"$build/nnc" "$root/examples/rings/rings.nn" -o librings.so
printf 'dim N\nmodel flags(x: bool[N, 2]) -> bool[N, 2] {\n  state seen: bool[2] = true\n  seen'"'"' = not seen\n  x and seen\n}\n' >flags.nn
"$build/nnc" flags.nn -o libflags.so
check() { # compiler, options
    "$@" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I. -I"$root/runtime" -I"$root/bindings/cpp" \
        "$root/tests/host/session.cpp" rings.o "$build/runtime/libnnrt.a" -pthread -o session
    ./session
}
check g++ -std=c++17 -O1
check g++ -std=c++20 -O0
check g++ -std=c++17 -O0 -g -fsanitize=address,undefined
# A std::vector<bool> has no bytes: the compiler says what to take instead.
printf '#include "nnrt.hpp"\nvoid f(nnrt::call &c, std::vector<bool> v) { c.input(0, v, {1}); }\n' >bits.cpp
if g++ -std=c++17 -fsyntax-only -I"$root/runtime" -I"$root/bindings/cpp" bits.cpp 2>said; then
    echo "std::vector<bool> is taken for a buffer"; exit 1
fi
grep -q 'hand over an nnrt::span<bool>' said
if command -v clang++-19 >/dev/null; then check clang++-19 -std=c++17 -O0; fi
