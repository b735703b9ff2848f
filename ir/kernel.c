/* The forms of a kernel, read from its body. */
#include "ir/ir.h"

bool node_is_anchor(const Node *n)
{
    OpKind kind = op_info(n->op)->kind;
    return kind == KIND_reduce || kind == KIND_contract || n->op == OP_SCATTER_ADD;
}

KernelForm kernel_form(const Node *kernel)
{
    KernelForm form = FORM_MAP;
    for (const Node *n = kernel->region->first; n; n = n->next) {
        if (n->op == OP_CONTRACT) return FORM_CONTRACT;
        if (n->op == OP_SCATTER_ADD) return FORM_COLUMN;
        if (op_info(n->op)->kind != KIND_reduce) continue;
        int last = n->in[0]->type.rank - 1;
        bool row = n->attr.reduce.axes == 1u << last && last == kernel->attr.kernel->prefix;
        form = row ? FORM_ROW : FORM_COLUMN;
    }
    return form;
}

/* The atoms of all groups in order, without those of size 1. */
static int atoms_in_order(const MoveAttr *m, const Group *groups, int n, int *out)
{
    int count = 0;
    for (int g = 0; g < n; g++)
        for (int k = 0; k < groups[g].n; k++) {
            int64_t size;
            int atom = groups[g].atoms[k];
            if (!dim_is_const(m->sizes[atom], &size) || size != 1) out[count++] = atom;
        }
    return count;
}

bool move_is_view(const MoveAttr *m)
{
    int in[MAX_RANK * MAX_RANK], out[MAX_RANK * MAX_RANK];
    int nin = atoms_in_order(m, m->in, m->nin, in), nout = atoms_in_order(m, m->out, m->nout, out);
    if (nin != nout) return false;
    for (int i = 0; i < nin; i++)
        if (in[i] != out[i]) return false;
    return true;
}
