#!/bin/sh
# The server that learns while it answers: two million answers by four threads, none torn, no growth of memory; nothing for
# ThreadSanitizer to report. Weights that are overwritten while they are read are noticed.
set -eu
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAILED: $*"; exit 1; }
points=$root/examples/rings/rings.csv
"$build/nnc" "$root/examples/rings/rings.nn" -o rings.o
make_server() { # program, source, options of cc
    program=$1 source=$2
    shift 2
    cc -std=c11 -Wall -Wextra -Werror -pthread "$@" -I. -I"$root/examples/rings" "$source" rings.o -o "$program"
}
make_server server "$root/examples/server/server.c" -O2
./server "$points" 2000000 4 >said || fail "the server: $(cat said)"
cat said
awk '/by version/ { seen = $10 } /^torn:/ { torn = $2 } /^memory/ { kib = $7; bytes = $10 }
    END { exit !(seen > 100 && torn == 0 && kib < 1024 && bytes < 65536) }' said || fail "torn answers, few versions or growing memory"
./server "$points" 20000000 4 >longer
cat longer
[ "$(awk '/^memory/ { print ($7 < 1024 && $10 < 65536) }' longer)" = 1 ] || fail "memory grows with the number of answers"

make_server watched "$root/examples/server/server.c" -O1 -g -fsanitize=thread
./watched "$points" 100000 4 >said 2>&1 || fail "ThreadSanitizer: $(cat said)"

# The same with weights that are overwritten in place.
sed 's/Version \*v = free_place(s);/Version *v = number == 1 ? free_place(s) : atomic_load(\&s->current);/' "$root/examples/server/server.c" >broken.c
cmp -s broken.c "$root/examples/server/server.c" && fail "the broken server is the whole one"
make_server broken broken.c -O2
./broken "$points" 2000000 4 >said && fail "answers from half-written weights are not noticed"
echo "no answer is torn, memory stays, and what is broken is seen"
