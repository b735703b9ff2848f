/* reduce.c: every element that went into a sum gets its gradient; of a largest or smallest, the first that equals it. */
#include "passes/grad/grad.h"

RULE(SUM)
{
    (void)slot;
    return build_spread(b, dy, n->in[0]->type, n->attr.reduce.axes);
}

RULE(MEAN)
{
    (void)slot;
    Type x = n->in[0]->type;
    Dims *dims = b->block->graph->program->dims;
    const Dim *count = dim_const(dims, 1);
    for (int i = 0; i < x.rank; i++)
        if (n->attr.reduce.axes >> i & 1) count = dim_mul(dims, count, x.axes[i].dim);
    Value *share = build_2(b, OP_DIV, dy, build_size(b, dy->type.dtype, count));
    return build_spread(b, share, x, n->attr.reduce.axes);
}

/* Axes go one at a time, the last first; the gradient comes back the other way, through the values in between. */
static Value *reach_extreme(Build *b, const Node *n, Value *dy)
{
    Value *before[MAX_RANK] = {0}, *x = n->in[0];
    uint32_t axes = n->attr.reduce.axes;
    for (int i = x->type.rank - 1; i >= 0; i--)
        if (axes >> i & 1) {
            before[i] = x;
            if (axes & ((1u << i) - 1)) x = build_reduce(b, n->op, x, 1u << i);
        }
    for (int i = 0; i < MAX_RANK; i++)
        if (before[i]) {
            Value *from = n->op == OP_MIN ? build_1(b, OP_NEG, before[i]) : before[i];
            dy = grad_at_place(b, before[i]->type, i, build_reduce(b, OP_ARGMAX, from, 1u << i), dy);
        }
    return dy;
}

RULE(MAX)
{
    (void)slot;
    return reach_extreme(b, n, dy);
}

RULE(MIN)
{
    (void)slot;
    return reach_extreme(b, n, dy);
}

NO_RULE(ARGMAX)
