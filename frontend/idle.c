/* idle.c: parameters that an optimizer was to move, and that no loss depends on. */
#include "frontend/elab.h"

void idle_find(Elab *e, const Graph *step)
{
    if (!e->optimizer || !e->loss) return;
    const bool *reached = loss_reaches(e, e->loss);
    for (const Node *n = step->body->first; n; n = n->next) {
        bool param = n->op == OP_TENSOR && e->program->tensors.at[n->attr.index].role == ROLE_PARAM;
        if (param && !reached[n->attr.index]) vec_push(e->arena, &e->idle, n->attr.index);
    }
}

static bool moves(const Program *p, int tensor)
{
    for (int i = 0; i < p->trains.n; i++) {
        const Graph *step = p->trains.at[i].step;
        for (int k = 0; k < step->results.n; k++)
            if (step->results.at[k].kind == RESULT_NEXT && step->results.at[k].index == tensor) return true;
    }
    return false;
}

/* Those of one layer are told once, at its place. */
void idle_warn(Elab *e)
{
    const Site *told = NULL;
    for (int i = 0; i < e->idle.n && !e->cx->diags->errors; i++) {
        const Tensor *t = &e->program->tensors.at[e->idle.at[i]];
        const Site *s = t->site;
        while (s->applied && s->span.source->builtin) s = s->applied;
        if (s == told || moves(e->program, e->idle.at[i])) continue;
        told = s;
        Diag *d = warning(e->root, s->span, "W0507", "`%s` never learns: the loss does not depend on it", t->path);
        diag_primary(d, "what this computes ends before the loss");
        diag_help(d, "lead its result to the loss, or take the layer away; to freeze it on purpose, `detach` its result");
    }
}
