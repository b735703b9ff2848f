/* random_graphs.h: programs of random graphs, grown from a stream of choices. The same bytes give the same program, so a
   seeded generator can drive it, or a fuzzer, and shorter bytes give a smaller graph. */
#ifndef RANDOM_GRAPHS_H
#define RANDOM_GRAPHS_H
#include "ir/ir.h"

typedef struct Choices {
    const uint8_t *bytes;
    size_t n, at;
} Choices;
unsigned choose(Choices *c, unsigned below); /* 0 once the stream has ended */

/* EXACT: every value is a small whole number, so every sum is exact. REAL: any operator, compared within bounds. */
typedef enum Policy { POLICY_EXACT, POLICY_REAL } Policy;

/* A model over rows of a symbolic N whose every output row depends on that row alone, and a train block with a loss, a
   metric, and an update of every parameter. NULL: the choices lead to nothing that can be trained. */
Program *random_program(Cx *cx, Choices *c, Policy policy);
/* Adds how often each operator stands in the program's graphs. */
void count_operators(Program *p, long counts[OP_COUNT]);
#endif
