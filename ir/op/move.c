/* Patterns of one input: split, merge, swap, repeat, drop an axis of size 1. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
static bool group_has(const Group *groups, int n, int atom)
{
    for (int g = 0; g < n; g++)
        for (int k = 0; k < groups[g].n; k++)
            if (groups[g].atoms[k] == atom) return true;
    return false;
}

static const char *group_text(Infer *i, const Group *g)
{
    Text t = {.arena = i->arena};
    for (int k = 0; k < g->n; k++)
        text_add(&t, "%s%s", k ? "*" : "", dim_text(i->arena, i->node->attr.move->sizes[g->atoms[k]]));
    return g->n ? text_done(&t) : "1";
}

/* The left side must describe the input: as many axes, each the product of its group. */
static bool check_left(Infer *i, Type x)
{
    const MoveAttr *m = i->node->attr.move;
    const Value *v = i->node->in[0];
    if (m->nin != x.rank) {
        Diag *d = infer_error(i, "E0202", "the pattern names %d %s, but `%s` is %s", m->nin,
                              m->nin == 1 ? "axis" : "axes", value_text(v), type_text(i->arena, x));
        diag_primary(d, "%d named, %d there", m->nin, x.rank);
        for (int k = 0; k < x.rank; k++) infer_origin(i, d, &x.axes[k]);
        return false;
    }
    for (int k = 0; k < m->nin; k++) {
        Axis named = {dims_product(i->dims, m->sizes, m->in[k].atoms, m->in[k].n), NULL, NULL};
        if (axes_match(i, &x.axes[k], &named)) continue;
        const char *have = dim_text(i->arena, x.axes[k].dim), *want = dim_text(i->arena, named.dim);
        Diag *d = infer_error(i, axes_code(&x.axes[k], &named, "E0204"),
                              "axis %d of `%s` is %s, but the pattern says %s", k + 1, value_text(v), have,
                              group_text(i, &m->in[k]));
        infer_mismatch(i, d, k, &x.axes[k], &named);
        if (m->in[k].n > 1)
            diag_note(d, "a split axis is the product of its parts: %s = %s", group_text(i, &m->in[k]), want);
        return false;
    }
    return true;
}

/* Nothing may vanish but a size of 1, and nothing may stand on one side twice. */
static bool check_atoms(Infer *i)
{
    const MoveAttr *m = i->node->attr.move;
    for (int atom = 0; atom < m->natoms; atom++) {
        int64_t size;
        if (group_has(m->out, m->nout, atom) || !group_has(m->in, m->nin, atom)) continue;
        if (dim_is_const(m->sizes[atom], &size) && size == 1) continue;
        Diag *d = infer_error(i, "E0204", "the pattern loses an axis of size %s", dim_text(i->arena, m->sizes[atom]));
        diag_primary(d, "only an axis written `1` may vanish");
        diag_help(d, "to drop it, reduce it: `sum(x, over = ...)`, `mean` or `max`");
        return false;
    }
    return true;
}

/* The axis of the input that an output axis continues: the one that holds its first known atom. */
static const Axis *group_source(const MoveAttr *m, const Group *g, const Type *x)
{
    for (int k = 0; k < g->n; k++)
        for (int a = 0; a < m->nin; a++)
            if (group_has(&m->in[a], 1, g->atoms[k])) return &x->axes[a];
    return NULL;
}

/* An axis that moves whole keeps its role and its place in the text; any other is made here. */
static Axis moved_axis(Infer *i, const Group *g, const Type *x)
{
    const MoveAttr *m = i->node->attr.move;
    const Dim *size = dims_product(i->dims, m->sizes, g->atoms, g->n);
    const Axis *from = group_source(m, g, x);
    for (int a = 0; from && a < m->nin; a++) {
        bool whole = m->in[a].n == g->n;
        for (int k = 0; whole && k < g->n; k++) whole = m->in[a].atoms[k] == g->atoms[k];
        if (whole && &x->axes[a] == from) return (Axis){size, from->role, from->origin};
    }
    return infer_axis(i, size, NULL, group_text(i, g), from);
}

bool infer_move(Infer *i)
{
    const Node *n = i->node;
    const MoveAttr *m = n->attr.move;
    Type x = n->in[0]->type;
    if (!check_left(i, x) || !check_atoms(i)) return false;
    Axis axes[MAX_RANK];
    for (int k = 0; k < m->nout; k++) axes[k] = moved_axis(i, &m->out[k], &x);
    Type y = type_make(i->arena, x.dtype, m->nout, axes);
    y.range = x.range;
    return infer_result_type(i, 0, y);
}

/* ---- values ---- */
/* The input element of output element j: its index is taken apart into atoms, fastest first, which each have a stride
   in the input (0 for what only the output has). */
void eval_move(Eval *e, const Node *n)
{
    const MoveAttr *m = n->attr.move;
    const Array *x = eval_read(e, n->in[0]);
    Array *y = eval_write(e, n, 0);
    int64_t stride[2 * MAX_RANK] = {0}, size[2 * MAX_RANK], step = 1;
    for (int a = 0; a < m->natoms; a++) size[a] = dim_eval(m->sizes[a], e->in->symbols);
    for (int g = m->nin - 1; g >= 0; g--)
        for (int k = m->in[g].n - 1; k >= 0; k--) {
            int atom = m->in[g].atoms[k];
            stride[atom] = step;
            step *= size[atom];
        }
    for (int64_t j = 0; j < y->size; j++) {
        int64_t rest = j, from = 0;
        for (int g = m->nout - 1; g >= 0; g--)
            for (int k = m->out[g].n - 1; k >= 0; k--) {
                int atom = m->out[g].atoms[k];
                from += rest % size[atom] * stride[atom];
                rest /= size[atom];
            }
        y->at[j] = x->at[from];
    }
}
