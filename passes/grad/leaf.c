/* leaf.c: a leaf reads nothing, so nothing flows on. */
#include "passes/grad/grad.h"

NO_RULE(INPUT)
NO_RULE(TENSOR)
NO_RULE(CONST)
NO_RULE(SIZE)
NO_RULE(CLOCK)
NO_RULE(HYPER)
NO_RULE(IOTA)
