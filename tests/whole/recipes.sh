#!/bin/sh
# The steps of docs/extending.md, followed: every patch in tests/recipes adds one thing in as many places as it says (tests,
# docs and measurements apart), builds without a warning, and passes the tests it names. recipes.sh BUILD ROOT [PATCH...]
set -eu
build=$(realpath "$1")/recipes
root=$(realpath "$2")
shift 2
[ $# -gt 0 ] || set -- "$root"/tests/recipes/*.patch
fail() { echo "FAILED: $*"; exit 1; }
word() { sed -n "s/^$2: //p" "$1"; }
compile() { nice cmake --build "$build/out" -j 2 --target "$@" >"$build/log" 2>&1 || { cat "$build/log"; return 1; }; }

rm -rf "$build"
mkdir -p "$build/tree"
tar -C "$root" --exclude=./build --exclude=./.git -cf - . | tar -C "$build/tree" -xf -
cmake -S "$build/tree" -B "$build/out" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
export GIT_CEILING_DIRECTORIES="$build"

# One after the other on the same tree, so that little is built twice.
for patch; do
    name=$(basename "$patch" .patch)
    places=$(git -C "$build/tree" apply --numstat "$patch" | grep -cvE '(tests|docs|bench)/') || true
    [ "$places" -le "$(word "$patch" places)" ] || fail "$name takes $places places"
    git -C "$build/tree" apply -C1 "$patch" || fail "$name does not apply: its steps have changed"
    tests=$(word "$patch" tests)
    cmake "$build/out" >"$build/log" 2>&1 || { cat "$build/log"; exit 1; }
    # shellcheck disable=SC2046
    compile nnc $(echo "$tests" | tr ' ' '\n' | sed -n 's,^unit/,,p') || fail "$name does not build"
    ! grep warning: "$build/log" || fail "$name builds with warnings"
    for t in $tests; do
        ctest --test-dir "$build/out" -R "^$t\$" --no-tests=error --output-on-failure >"$build/log" 2>&1 ||
            { cat "$build/log"; fail "$name does not pass $t"; }
    done
    echo "$name: $places of $(word "$patch" places) places, passes $tests"
done
rm -rf "$build"
