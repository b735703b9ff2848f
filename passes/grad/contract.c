/* contract.c: the gradient of each factor is a contraction of dy with the other one. */
#include "passes/grad/grad.h"
#include <string.h>

static bool holds(const int *labels, int n, int label)
{
    for (int i = 0; i < n; i++)
        if (labels[i] == label) return true;
    return false;
}

static int take_labels(int *to, const int *from, int n)
{
    memcpy(to, from, sizeof *to * (size_t)n);
    return n;
}

/* Numbers the labels anew, in the order in which the operands name them, so that none is idle. */
static void renumber(ContractAttr *c)
{
    int now[3 * MAX_RANK];
    const Dim *sizes[3 * MAX_RANK];
    int n = 0, *lists[] = {c->a, c->b, c->out}, lengths[] = {c->na, c->nb, c->nout};
    memset(now, -1, sizeof now);
    for (int l = 0; l < 3; l++)
        for (int i = 0; i < lengths[l]; i++) {
            int was = lists[l][i];
            if (now[was] < 0) {
                sizes[n] = c->sizes[was];
                now[was] = n++;
            }
            lists[l][i] = now[was];
        }
    c->nlabels = n;
    memcpy(c->sizes, sizes, sizeof *sizes * (size_t)n);
}

/* Axes that only this factor has were summed alone: along them its gradient is constant. */
RULE(CONTRACT)
{
    const ContractAttr *was = n->attr.contract;
    const int *own = slot == 0 ? was->a : was->b, *other = slot == 0 ? was->b : was->a;
    int nown = slot == 0 ? was->na : was->nb, nother = slot == 0 ? was->nb : was->na;
    ContractAttr c = *was;
    uint32_t lacking = 0;
    c.na = take_labels(c.a, slot == 0 ? was->out : other, slot == 0 ? was->nout : nother);
    c.nb = take_labels(c.b, slot == 0 ? other : was->out, slot == 0 ? nother : was->nout);
    c.nout = 0;
    for (int i = 0; i < nown; i++)
        if (holds(other, nother, own[i]) || holds(was->out, was->nout, own[i]))
            c.out[c.nout++] = own[i];
        else
            lacking |= 1u << i;
    renumber(&c);
    ContractAttr *attr = arena_copy(b->block->graph->program->arena, &c, sizeof c);
    Value *factor = n->in[1 - slot];
    Value *pair[] = {slot == 0 ? dy : factor, slot == 0 ? factor : dy};
    Value *y = build_op(b, OP_CONTRACT, pair, 2, &(Attr){.contract = attr}, NULL);
    return build_spread(b, y, n->in[slot]->type, lacking);
}
