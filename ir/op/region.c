/* Nodes with a body: a function kept whole, a fused kernel. Their results are what the body returns. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
bool infer_region(Infer *i)
{
    const Node *n = i->node;
    const Node *end = n->region ? n->region->last : NULL;
    bool complete = end && end->op == OP_RETURN;
    if (complete && end->nin != n->nout) {
        infer_error(i, "E0901", "a body returns %d value%s where %d %s awaited", end->nin,
                    end->nin == 1 ? "" : "s", n->nout, n->nout == 1 ? "is" : "are");
        return false;
    }
    for (int k = 0; k < n->nout; k++) {
        if (!complete && !i->given) UNREACHABLE("a body without a result or its type");
        if (!infer_result_type(i, k, complete ? end->in[k]->type : i->given[k])) return false;
    }
    return true;
}

/* ---- values ---- */
/* A body means the same whole tensors wherever it stands: fusing changes how they are computed, not what they are. */
void eval_region(Eval *e, const Node *n)
{
    eval_block(e, n->region, NULL);
    for (int k = 0; k < n->nout; k++) eval_set(e, &n->out[k], *eval_read(e, n->region->last->in[k]));
}
