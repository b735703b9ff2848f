/* part.c: what was cut off gets zeros, what was joined comes apart. */
#include "passes/grad/grad.h"

/* The part of dy that came from an input: its places along the axis begin at `before`. */
static Value *own_part(Build *b, const Node *n, int slot, const Dim *before, Value *dy)
{
    int axis = n->attr.part.axis;
    PartAttr part = {axis, before, n->in[slot]->type.axes[axis].dim};
    return build_op(b, n->op == OP_SLICE ? OP_PAD : OP_SLICE, &dy, 1, &(Attr){.part = part}, NULL);
}

RULE(SLICE) { return own_part(b, n, slot, n->attr.part.before, dy); }
RULE(PAD) { return own_part(b, n, slot, n->attr.part.before, dy); }

RULE(CONCAT)
{
    Dims *dims = b->block->graph->program->dims;
    const Dim *before = dim_const(dims, 0);
    for (int i = 0; i < slot; i++) before = dim_add(dims, before, n->in[i]->type.axes[n->attr.part.axis].dim);
    return own_part(b, n, slot, before, dy);
}

RULE(REVERSE)
{
    (void)slot;
    return build_op(b, OP_REVERSE, &dy, 1, &n->attr, NULL);
}
