/* Patterns of one input: a place in the result becomes a place in the operand. Nothing is copied. */
#include "codegen/cg.h"

static bool single_atoms(const MoveAttr *m)
{
    for (int i = 0; i < m->nin; i++)
        if (m->in[i].n > 1) return false;
    for (int i = 0; i < m->nout; i++)
        if (m->out[i].n > 1) return false;
    return true;
}

/* Where each atom stands, from the result's axes. */
static void split_atoms(Cg *cg, const MoveAttr *m, const Index *ix, Ix *atoms)
{
    for (int i = 0; i < m->natoms; i++) atoms[i] = ix_const(cg, 0);
    for (int i = 0; i < m->nout; i++) {
        Ix rest = ix->at[i];
        for (int j = m->out[i].n; j-- > 1;)
            ix_split(cg, rest, m->sizes[m->out[i].atoms[j]], &rest, &atoms[m->out[i].atoms[j]]);
        if (m->out[i].n > 0) atoms[m->out[i].atoms[0]] = rest;
    }
}

static Index join_atoms(Cg *cg, const MoveAttr *m, const Ix *atoms)
{
    Index out = {.rank = m->nin};
    for (int i = 0; i < m->nin; i++) {
        Ix x = ix_const(cg, 0);
        for (int j = 0; j < m->in[i].n; j++) x = ix_join(cg, x, m->sizes[m->in[i].atoms[j]], atoms[m->in[i].atoms[j]]);
        out.at[i] = x;
    }
    return out;
}

LLVMValueRef emit_move(Cg *cg, const Node *n, const Index *ix)
{
    const MoveAttr *m = n->attr.move;
    Index in;
    if (move_is_view(m) && (ix->flat || !single_atoms(m))) {
        in = (Index){.flat = true, .rank = 1, .at = {index_flatten(cg, n->out[0].type, ix)}};
    } else {
        Ix atoms[2 * MAX_RANK];
        Index out = index_spread(cg, n->out[0].type, ix);
        split_atoms(cg, m, &out, atoms);
        in = join_atoms(cg, m, atoms);
    }
    return pull(cg, n->in[0], &in);
}
