/* move.c: the same pattern from right to left; what was repeated is summed. */
#include "passes/grad/grad.h"

static bool moved(const MoveAttr *m, int atom)
{
    for (int i = 0; i < m->nin; i++)
        for (int j = 0; j < m->in[i].n; j++)
            if (m->in[i].atoms[j] == atom)
                return true;
    return false;
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
        Group *run = new_axis(cut);
        cut->in[i] = m->out[i];
        for (int j = 0; j < m->out[i].n; j++) {
            int atom = m->out[i].atoms[j];
            if (j > 0 && moved(m, atom) != moved(m, m->out[i].atoms[j - 1]))
                run = new_axis(cut);
            run->atoms[run->n++] = atom;
            if (!moved(m, atom))
                repeated |= 1u << (cut->nout - 1);
        }
    }
    return repeated;
}

RULE(MOVE)
{
    (void)slot;
    const MoveAttr *m = n->attr.move;
    MoveAttr cut, back = *m;
    uint32_t repeated = cut_runs(m, &cut);
    if (cut.nout != cut.nin)
        dy = build_move(b, dy, &cut);
    dy = build_reduce(b, OP_SUM, dy, repeated);
    back.nin = 0;
    for (int i = 0; i < cut.nout; i++)
        if (!(repeated >> i & 1))
            back.in[back.nin++] = cut.out[i];
    back.nout = m->nin;
    for (int i = 0; i < m->nin; i++)
        back.out[i] = m->in[i];
    return build_move(b, dy, &back);
}
