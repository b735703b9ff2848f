/* fold.c: what is known when compiling is computed now, by the reference evaluator and so with the rounding of run time.
   Functions whose compiled form is an approximation stay, or a constant would differ from the same thing computed later. */
#include "passes/pass.h"
#include <math.h>

/* The evaluator counts in doubles: whole numbers beyond these are not all among them. */
#define EXACT_WHOLE 9007199254740992.0

static bool is_foldable(OpCode op)
{
    const OpInfo *info = op_info(op);
    return info->kind == KIND_elementwise && !(info->flags & OPF_COSTLY) && op != OP_POW && op != OP_DETACH;
}

/* A constant is written as text at every stage: it must be a number that text can say. */
static bool is_writable(DType t, double v)
{
    if (dtype_is_float(t)) return !isnan(v) && !(v == 0 && signbit(v));
    return fabs(v) < EXACT_WHOLE;
}

static Value *fold_elementwise(Build *b, const Node *n)
{
    double in[3];
    DType t = n->out->type.dtype;
    for (int i = 0; i < n->nin; i++) {
        if (!value_is_const(n->in[i], &in[i]) || !is_writable(n->in[i]->type.dtype, in[i])) return NULL;
        in[i] = dtype_round(n->in[i]->type.dtype, in[i]);
    }
    double y = op_value(n->op, n->in[n->nin - 1]->type.dtype, t, in);
    return is_writable(t, y) ? build_fill(b, n->out->type, y) : NULL;
}

static Value *fold_size(Build *b, const Node *n)
{
    int64_t v;
    if (!dim_known(n->attr.size, &v)) return NULL;
    return build_fill(b, n->out->type, dtype_round(n->out->type.dtype, (double)v));
}

static long fold_block(Block *block)
{
    long folded = 0;
    for (Node *n = block->first; n; n = n->next) {
        Build b = {block, n, n->site};
        Value *now = NULL;
        if (n->region)
            folded += fold_block(n->region);
        else if (n->nout != 1 || n->out->uses.n == 0)
            continue;
        else if (n->op == OP_SIZE)
            now = fold_size(&b, n);
        else if (is_foldable(n->op))
            now = fold_elementwise(&b, n);
        if (!now) continue;
        now->name = n->out->name;
        value_replace(n->out, now);
        folded++;
    }
    return folded;
}

long fold_constants(Graph *g)
{
    return fold_block(g->body);
}
