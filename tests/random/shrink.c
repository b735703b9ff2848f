/* shrink.c: a smaller graph that still fails. Fewer bytes make fewer pairs, and a 0 is the first of the choices; each
   try runs in a process of its own, since a fault may end it. */
#include "random_graphs.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_TRIES = 300 };

typedef struct Shrink {
    const Check *check;
    int tries;
} Shrink;

static bool still_fails(Shrink *s, const uint8_t *bytes, size_t n)
{
    int status = 0;
    if (s->tries++ >= MOST_TRIES) return false;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(0);
        random_check(s->check, bytes, n);
        _exit(0);
    }
    return waitpid(child, &status, 0) == child && status != 0;
}

/* Without the records from `at` on, `count` of them. */
static bool drop_records(Shrink *s, uint8_t *bytes, size_t *n, size_t at, size_t count)
{
    uint8_t less[HEADER + MAX_RECORDS * RECORD];
    size_t from = HEADER + at * RECORD, to = from + count * RECORD;
    if (to > *n) to = *n;
    memcpy(less, bytes, from);
    memcpy(less + from, bytes + to, *n - to);
    if (!still_fails(s, less, *n - (to - from))) return false;
    *n -= to - from;
    memcpy(bytes, less, *n);
    return true;
}

static size_t shrink_records(Shrink *s, uint8_t *bytes, size_t n)
{
    for (size_t count = MAX_RECORDS / 2; count > 0; count /= 2)
        for (size_t at = 0; HEADER + at * RECORD < n;)
            if (!drop_records(s, bytes, &n, at, count)) at += count;
    return n;
}

/* Zeros for a run of bytes, else for its halves. */
static void zero_run(Shrink *s, uint8_t *bytes, size_t n, size_t from, size_t to)
{
    uint8_t was[RECORD];
    bool zero = true;
    for (size_t i = from; i < to; i++) zero &= bytes[i] == 0;
    if (zero) return;
    memcpy(was, bytes + from, to - from);
    memset(bytes + from, 0, to - from);
    if (still_fails(s, bytes, n)) return;
    memcpy(bytes + from, was, to - from);
    if (to - from == 1) return;
    zero_run(s, bytes, n, from, (from + to) / 2);
    zero_run(s, bytes, n, (from + to) / 2, to);
}

size_t random_shrink(const Check *c, uint8_t *bytes, size_t n)
{
    Shrink s = {c, 0};
    n = shrink_records(&s, bytes, n);
    for (size_t at = HEADER; at < n; at += RECORD) zero_run(&s, bytes, n, at + 2, at + RECORD < n ? at + RECORD : n);
    zero_run(&s, bytes, n, 2, HEADER);
    return n;
}
