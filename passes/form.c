/* May these nodes be one kernel, and of which form? The rules are those of ir/ir.h (kernel.c): what follows from a
   reduction or contraction is met at the kernel's own index only, all else at any index. */
#include "passes/cluster.h"

enum { MAX_NODES = 96, MAX_PROLOGUE = 3 };

bool node_is_cheap(const Node *n)
{
    bool number = n->out[0].type.rank == 0; /* done once a kernel, not once an element */
    switch (n->op) {
    case OP_POW:
        return false;
    case OP_DIV: case OP_MOD: case OP_SQRT:
        return number;
    case OP_MOVE: case OP_ONE_HOT: case OP_PICK: case OP_TAKE: case OP_IOTA: case OP_SLICE: case OP_PAD: case OP_REVERSE:
        return true;
    default:
        return op_info(n->op)->kind == KIND_elementwise && !(op_info(n->op)->flags & OPF_COSTLY);
    }
}

static bool move_reads_atom(const MoveAttr *m, int atom)
{
    for (int i = 0; i < m->nin; i++)
        for (int k = 0; k < m->in[i].n; k++)
            if (m->in[i].atoms[k] == atom) return true;
    return false;
}

bool move_repeats(const MoveAttr *m)
{
    for (int i = 0; i < m->nout; i++)
        for (int k = 0; k < m->out[i].n; k++) {
            int atom = m->out[i].atoms[k];
            int64_t size;
            bool one = dim_is_const(m->sizes[atom], &size) && size == 1;
            if (!one && !move_reads_atom(m, atom)) return true;
        }
    return false;
}

/* ---- shapes ---- */
static bool has_dims(Type t, const Form *f)
{
    if (t.rank < f->prefix) return false;
    for (int i = 0; i < f->prefix; i++)
        if (!dim_same(t.axes[i].dim, f->dims[i])) return false;
    return true;
}

static bool is_point(Type t, const Form *f) { /* one number at each index of the prefix */
    return t.rank == f->prefix && has_dims(t, f);
}

static bool is_row(Type t, const Form *f)
{
    return f->kind == FORM_ROW && t.rank == f->prefix + 1 && has_dims(t, f) && dim_same(t.axes[f->prefix].dim, f->row);
}

static void set_prefix(Form *f, Type t)
{
    f->prefix = t.rank;
    for (int i = 0; i < t.rank; i++) f->dims[i] = t.axes[i].dim;
}

/* ---- the anchor decides the form ---- */
static int reduced_axis(const Node *n)
{
    return __builtin_ctz(n->attr.reduce.axes);
}

static KernelForm anchor_form(const Node *n)
{
    if (n->op == OP_CONTRACT) return FORM_CONTRACT;
    if (n->op == OP_SCATTER_ADD) return FORM_COLUMN;
    return reduced_axis(n) == n->in[0]->type.rank - 1 ? FORM_ROW : FORM_COLUMN;
}

static bool join_anchor(Form *f, const Node *n)
{
    KernelForm kind = anchor_form(n);
    if (f->anchor) return kind == FORM_ROW && is_row(n->in[0]->type, f);
    f->anchor = n;
    f->kind = kind;
    set_prefix(f, n->out[0].type);
    if (kind == FORM_ROW) f->row = n->in[0]->type.axes[f->prefix].dim;
    return true;
}

static bool find_form(const Clusters *c, const Cluster *of, Form *f)
{
    *f = (Form){.kind = FORM_MAP};
    const Value *result = NULL;
    int anchors = 0;
    for (int i = 0; i < of->items.n; i++) {
        const Node *n = c->items.at[of->items.at[i]].node;
        if (node_is_anchor(n) && (++anchors > MAX_REDUCTIONS || !join_anchor(f, n))) return false;
        if (!result && value_leaves(c, &n->out[0])) result = &n->out[0];
    }
    if (!f->anchor && result) set_prefix(f, result->type);
    return true;
}

static bool results_fit(const Clusters *c, const Cluster *of, const Form *f)
{
    for (int i = 0; i < of->items.n; i++) {
        const Value *v = &c->items.at[of->items.at[i]].node->out[0];
        if (value_leaves(c, v) && !is_point(v->type, f) && !is_row(v->type, f)) return false;
    }
    return true;
}

/* ---- what follows from the anchor ---- */
/* [prefix] -> [prefix, row]: each row's number, along the row. */
static bool move_fills_row(const MoveAttr *m, const Form *f)
{
    if (m->nin != f->prefix || m->nout != f->prefix + 1) return false;
    for (int i = 0; i < f->prefix; i++)
        if (m->in[i].n != 1 || m->out[i].n != 1 || m->in[i].atoms[0] != m->out[i].atoms[0]) return false;
    return m->out[f->prefix].n == 1 && !move_reads_atom(m, m->out[f->prefix].atoms[0]);
}

/* Does n, at the kernel's index, read its input at the kernel's index? In a row any place of the row will do. */
static bool reads_in_place(const Node *n, int slot, const Form *f)
{
    Type x = n->in[slot]->type, y = n->out[0].type;
    switch (op_info(n->op)->kind) {
    case KIND_elementwise: case KIND_random:
        return x.rank == y.rank || (f->kind == FORM_ROW && f->prefix == 0);
    case KIND_reduce:
        return is_row(x, f);
    case KIND_move:
        return f->kind == FORM_ROW && is_point(x, f) && move_fills_row(n->attr.move, f);
    case KIND_index:
        if (n->op == OP_ONE_HOT) return is_point(x, f);
        return n->op == OP_PICK && is_point(y, f) && (slot == 0 ? is_row(x, f) : is_point(x, f));
    default:
        return false;
    }
}

static bool dependents_fit(const Clusters *c, const Cluster *of, const Form *f)
{
    for (int i = 0; i < of->items.n; i++) {
        Item *item = &c->items.at[of->items.at[i]];
        const Node *n = item->node;
        item->dependent = node_is_anchor(n);
        for (int slot = 0; slot < n->nin; slot++) {
            const Item *from = item_of(c, n->in[slot]->def);
            if (from->cluster != of || !from->dependent) continue;
            if (!reads_in_place(n, slot, f)) return false;
            item->dependent = true;
        }
        if (item->dependent && !is_point(n->out[0].type, f) && !is_row(n->out[0].type, f)) return false;
    }
    return true;
}

/* ---- prologues ---- */
/* Marks what operand `slot` of the contraction is computed from within the cluster, and says whether it is little
   enough to be done again for every tile: a few cheap formulas for a, a conversion for b. */
static bool prologue_fits(const Clusters *c, const Cluster *of, const Node *contract, int slot)
{
    const Value *v = contract->in[slot];
    int rank = v->type.rank, limit = slot == 0 ? MAX_PROLOGUE : 1;
    VEC(const Value *) todo = {0};
    vec_push(c->scratch, &todo, v);
    for (int i = 0; i < todo.n; i++) {
        const Node *n = todo.at[i]->def;
        if (cluster_of(c, n) != of) continue;
        bool formula = op_info(n->op)->kind == KIND_elementwise && node_is_cheap(n);
        if (!formula || limit-- == 0 || n->out[0].type.rank != rank || (slot == 1 && n->op != OP_CONVERT)) return false;
        for (int k = 0; k < n->nin; k++) vec_push(c->scratch, &todo, n->in[k]);
    }
    return true;
}

bool cluster_form(const Clusters *c, const Cluster *of, Form *out)
{
    Form f;
    if (of->items.n > MAX_NODES || !find_form(c, of, &f) || !results_fit(c, of, &f) || !dependents_fit(c, of, &f))
        return false;
    if (f.kind == FORM_CONTRACT && !(prologue_fits(c, of, f.anchor, 0) && prologue_fits(c, of, f.anchor, 1)))
        return false;
    *out = f;
    return true;
}
