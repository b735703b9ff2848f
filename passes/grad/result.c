/* result.c: a RETURN has no result of its own, and a gradient is written out before anything that depends on it is
   differentiated. */
#include "passes/grad/grad.h"

NO_RULE(RETURN)

void grad_GRAD(Flow *f, Node *n)
{
    (void)f, (void)n;
    UNREACHABLE("a gradient of a gradient that still stands");
}
