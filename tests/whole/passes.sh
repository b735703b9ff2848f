#!/bin/sh
# The passes as a user meets them: every stage prints, reads back to the same bytes and compiles to the same results;
# optional passes can be left out; times and the memory plan are shown.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
nnc=$build/nnc
fail() { echo "FAILED: $*"; exit 1; }
passes="simplify split differentiate lower layout fuse outline plan"

for model in digits rings tiny; do
    file=$root/examples/$model/$model.nn
    for pass in $passes; do
        # A pass with several places prints one program for each: the last is read back.
        "$nnc" check "$file" --dump-after=$pass >dump.txt || fail "$model: no dump after $pass"
        awk '/^# after / { text = "" } { text = text $0 "\n" } END { printf "%s", text }' dump.txt >$pass.nn
        [ -s $pass.nn ] || fail "$model: nothing is printed after $pass"
        "$nnc" check $pass.nn || fail "$model: what stands after $pass does not read back"
    done
    "$nnc" check "$file" --dump-after=all >all.txt
    for pass in $passes; do grep -q "$pass" all.txt || fail "$model: --dump-after=all leaves out $pass"; done
    "$nnc" "$file" --emit=graph=first.graph.nn
    "$nnc" first.graph.nn --name=$model --emit=graph=second.graph.nn
    "$nnc" second.graph.nn --name=$model --emit=graph=third.graph.nn
    cmp second.graph.nn third.graph.nn || fail "$model: printing and reading is not the identity"
    cmp first.graph.nn second.graph.nn || fail "$model: the planned graph changes when it is read back"
    [ "$("$nnc" "$file" --emit=graph -o -)" = "$(cat first.graph.nn)" ] || fail "$model: standard output has another graph"
    for pass in simplify fuse; do
        "$nnc" "$file" --disable-pass=$pass --emit=graph=without.graph.nn || fail "$model: does not compile without $pass"
        cmp -s first.graph.nn without.graph.nn && fail "$model: leaving out $pass changes nothing"
    done
    "$nnc" "$file" --disable-pass=simplify --disable-pass=fuse -o plain.so
    "$nnc" "$file" --time-passes -o timed.so >times.txt 2>&1
    for pass in $passes; do grep -q "$pass" times.txt || fail "$model: --time-passes leaves out $pass"; done
    "$nnc" "$file" --mem-plan -o planned.so >plan.txt
    grep -q "[0-9]" plan.txt || fail "$model: --mem-plan prints nothing"
    grep -q "$model" plan.txt || fail "$model: --mem-plan does not name its graphs"
done
echo "every stage prints, reads back, and may be left out where it is optional"
