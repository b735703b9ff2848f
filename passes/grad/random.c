/* random.c: the draw itself does not depend on its bounds; it is drawn again, since the counter gives the same bits. */
#include "passes/grad/grad.h"

static Value *draw_again(Build *b, const Node *n, double first, double second)
{
    DType t = n->out->type.dtype;
    Value *in[] = {build_const(b, t, first), build_const(b, t, second)};
    return build_op(b, n->op, in, 2, &n->attr, &n->out->type);
}

RULE(UNIFORM) /* low + (high - low)*u */
{
    Value *rise = build_2(b, OP_MUL, dy, draw_again(b, n, 0, 1));
    return slot == 1 ? rise : build_2(b, OP_SUB, dy, rise);
}

RULE(NORMAL) /* mean + std*z */
{
    return slot == 1 ? dy : build_2(b, OP_MUL, dy, draw_again(b, n, 1, 0));
}
