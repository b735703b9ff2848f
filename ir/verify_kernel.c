/* What may stand in a graph of a stage, and the forms of kernels (ir.h, kernel.c). */
#include "ir/verify.h"

typedef struct Form {
    const Node *kernel;
    const KernelAttr *attr;
    KernelForm form;
    const Dim *row;    /* of FORM_ROW */
    bool *dependent;   /* by Value.id: computed from a reduction or contraction of this kernel */
} Form;

/* ---- shapes ---- */

static bool is_point(const Form *f, Type t)
{
    if (t.rank != f->attr->prefix) return false;
    for (int i = 0; i < t.rank; i++)
        if (!dim_same(t.axes[i].dim, f->attr->dims[i])) return false;
    return true;
}

static bool is_row(const Form *f, Type t)
{
    if (f->form != FORM_ROW || t.rank != f->attr->prefix + 1) return false;
    for (int i = 0; i < f->attr->prefix; i++)
        if (!dim_same(t.axes[i].dim, f->attr->dims[i])) return false;
    return dim_same(t.axes[f->attr->prefix].dim, f->row);
}

/* ---- anchors: reductions, contractions and sums by places ---- */

static bool verify_anchor(Verifier *v, Form *f, const Node *n, int count)
{
    if (f->form != FORM_ROW && count > 1) return verify_fail(v, n, "a second reduction in a kernel that has one");
    if (count > MAX_REDUCTIONS) return verify_fail(v, n, "more than %d reductions in a kernel", MAX_REDUCTIONS);
    if (!is_point(f, n->out[0].type)) return verify_fail(v, n, "a reduction that is not at the kernel's own index");
    if (n->op == OP_CONTRACT) return f->form == FORM_CONTRACT || verify_fail(v, n, "a contraction beside reductions");
    if (n->op == OP_SCATTER_ADD) return f->form == FORM_COLUMN || verify_fail(v, n, "a sum by places beside reductions");
    if (n->op == OP_MEAN || n->attr.reduce.axes & (n->attr.reduce.axes - 1))
        return verify_fail(v, n, "a kernel reduces one axis at a time, and has sums for means");
    const Type *x = &n->in[0]->type;
    bool last = n->attr.reduce.axes == 1u << (x->rank - 1);
    if (last != (f->form == FORM_ROW)) return verify_fail(v, n, "reductions along and across rows in one kernel");
    if (!last) return true;
    if (!f->row) f->row = x->axes[x->rank - 1].dim;
    return is_row(f, *x) || verify_fail(v, n, "a second kind of row in a kernel");
}

/* ---- what follows from an anchor is met at the kernel's own index ---- */

/* [prefix] -> [prefix, row]: the number of a row, all along it. */
static bool fills_row(const Form *f, const Node *n)
{
    const MoveAttr *m = n->attr.move;
    if (!is_point(f, n->in[0]->type) || !is_row(f, n->out[0].type) || m->nin + 1 != m->nout) return false;
    for (int i = 0; i < m->nin; i++)
        if (m->in[i].n != 1 || m->out[i].n != 1 || m->in[i].atoms[0] != m->out[i].atoms[0]) return false;
    return true;
}

static bool reads_in_place(const Form *f, const Node *n, int slot)
{
    Type x = n->in[slot]->type, y = n->out[0].type;
    switch (op_info(n->op)->kind) {
    case KIND_elementwise: case KIND_random: return x.rank == y.rank || x.rank == f->attr->prefix;
    case KIND_reduce: return is_row(f, x);
    case KIND_move: return fills_row(f, n);
    case KIND_index: return n->op == OP_ONE_HOT ? is_point(f, x) && is_row(f, y) : n->op == OP_PICK && is_point(f, y);
    default: return false;
    }
}

static void verify_dependence(Verifier *v, Form *f, const Node *n)
{
    bool follows = node_is_anchor(n);
    for (int i = 0; i < n->nin; i++) {
        if (!f->dependent[n->in[i]->id]) continue;
        follows = true;
        if (!reads_in_place(f, n, i))
            verify_fail(v, n, "it reads a reduced value elsewhere than at the kernel's index");
    }
    Type t = n->out[0].type;
    if (follows && !is_point(f, t) && !is_row(f, t)) verify_fail(v, n, "a reduced value leaves the kernel's index");
    f->dependent[n->out[0].id] = follows;
}

/* ---- kernels ---- */

static void verify_kernel_dims(Verifier *v, const Form *f)
{
    const Node *k = f->kernel;
    if (f->attr->prefix < 0 || f->attr->prefix > MAX_RANK) verify_fail(v, k, "its prefix is %d", f->attr->prefix);
    for (int i = 0; i < k->nout && !v->failed; i++) {
        Type t = k->out[i].type;
        if (!is_point(f, t) && !is_row(f, t))
            verify_fail(v, k, "result %d is %s, which is not the shape of its kernel", i, type_text(v->scratch, t));
    }
}

static void verify_kernel(Verifier *v, const Node *k)
{
    Form f = {k, k->attr.kernel, kernel_form(k), NULL, NEW_ARRAY(v->scratch, bool, v->graph->nvalues)};
    int anchors = 0;
    for (const Node *n = k->region->first; n && !v->failed; n = n->next) {
        OpKind kind = op_info(n->op)->kind;
        if (kind == KIND_region || kind == KIND_grad) verify_fail(v, n, "a kernel's body holds single operators");
        if (node_is_anchor(n)) verify_anchor(v, &f, n, ++anchors);
    }
    for (const Node *n = k->region->first; n && n->op != OP_RETURN && !v->failed; n = n->next)
        verify_dependence(v, &f, n);
    if (!v->failed) verify_kernel_dims(v, &f);
}

/* ---- stages ---- */

static bool is_forbidden(Stage stage, const Node *n)
{
    OpKind kind = op_info(n->op)->kind;
    if (n->op == OP_GRAD) return stage > STAGE_BUILT;
    if (stage < STAGE_FUSED) return n->op == OP_KERNEL && stage == STAGE_BUILT; /* fusion makes them, one by one */
    if (n->op == OP_MOVE) return !move_is_view(n->attr.move);
    return n->op != OP_KERNEL && kind != KIND_leaf && kind != KIND_result;
}

static void verify_stage_block(Verifier *v, const Block *b)
{
    for (const Node *n = b->first; n && !v->failed; n = n->next) {
        if (is_forbidden(v->graph->stage, n))
            verify_fail(v, n, "`%s` may not stand here any more, or not yet", op_info(n->op)->text);
        else if (n->op == OP_KERNEL) verify_kernel(v, n);
        else if (n->region) verify_stage_block(v, n->region);
    }
}

void verify_stage(Verifier *v)
{
    verify_stage_block(v, v->graph->body);
}
