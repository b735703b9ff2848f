/* move.c: the same pattern from right to left; what was repeated is summed. */
#include "passes/grad/grad.h"

static bool moved(const MoveAttr *m, int atom)
{
    for (int i = 0; i < m->nin; i++)
        for (int j = 0; j < m->in[i].n; j++)
            if (m->in[i].atoms[j] == atom) return true;
    return false;
}

static bool starts_run(const MoveAttr *m, const Group *g, int at)
{
    return at == 0 || moved(m, g->atoms[at]) != moved(m, g->atoms[at - 1]);
}

static int count_runs(const MoveAttr *m)
{
    int runs = 0;
    for (int i = 0; i < m->nout; i++)
        for (int j = 0; j < m->out[i].n || j == 0; j++) runs += starts_run(m, &m->out[i], j);
    return runs;
}

static Group *new_axis(MoveAttr *cut)
{
    Group *axis = &cut->out[cut->nout++];
    axis->n = 0;
    return axis;
}

/* Cuts each axis of dy into runs of atoms that are all repeated or all moved. Gives the axes that are repeated. */
static uint32_t cut_runs(const MoveAttr *m, MoveAttr *cut)
{
    uint32_t repeated = 0;
    *cut = *m;
    cut->nin = m->nout;
    cut->nout = 0;
    for (int i = 0; i < m->nout; i++) {
        Group *run = NULL;
        cut->in[i] = m->out[i];
        if (m->out[i].n == 0) new_axis(cut);
        for (int j = 0; j < m->out[i].n; j++) {
            int atom = m->out[i].atoms[j];
            if (starts_run(m, &m->out[i], j)) run = new_axis(cut);
            run->atoms[run->n++] = atom;
            if (!moved(m, atom)) repeated |= 1u << (cut->nout - 1);
        }
    }
    return repeated;
}

/* What is repeated within an axis needs an axis of its own on the way back. */
static Value *refuse(Build *b, const Node *n, int runs)
{
    Diags *diags = b->block->graph->program->cx->diags;
    Diag *d = diag_error(diags, "E0202", n->site ? n->site->span : NO_SPAN,
                         "the gradient of this pattern would need %d axes, and %d is the most", runs, MAX_RANK);
    diag_help(d, "write it as two patterns, of which the first only repeats");
    return build_fill(b, n->in[0]->type, 0);
}

RULE(MOVE)
{
    (void)slot;
    const MoveAttr *m = n->attr.move;
    MoveAttr cut, back = *m;
    int runs = count_runs(m);
    if (runs > MAX_RANK) return refuse(b, n, runs);
    uint32_t repeated = cut_runs(m, &cut);
    if (cut.nout != cut.nin) dy = build_move(b, dy, &cut);
    dy = build_reduce(b, OP_SUM, dy, repeated);
    back.nin = 0;
    for (int i = 0; i < cut.nout; i++)
        if (!(repeated >> i & 1)) back.in[back.nin++] = cut.out[i];
    back.nout = m->nin;
    for (int i = 0; i < m->nin; i++) back.out[i] = m->in[i];
    return build_move(b, dy, &back);
}
