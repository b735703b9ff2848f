/* The end of a block: hands its inputs on and has no result of its own. */
#include "ir/op/op.h"

bool infer_result(Infer *i)
{
    (void)i; /* any value may be returned */
    return true;
}

void eval_result(Eval *e, const Node *n)
{
    (void)e; /* whoever walks the block reads the inputs of its end */
    (void)n;
}
