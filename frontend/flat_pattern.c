/* Patterns of the flat form: MOVE and CONTRACT. */
#include "frontend/flat.h"

typedef struct Atoms { const char *names[2 * MAX_RANK]; } Atoms;

static bool pattern_fail(Flat *f, Span at)
{
    return flat_error(f, at, "this is no pattern of the flat form");
}

/* ---- moves ---- */

static int atom_named(const Atoms *a, const MoveAttr *m, const char *name)
{
    for (int i = 0; i < m->natoms; i++)
        if (a->names[i] && str_equal(a->names[i], name)) return i;
    return -1;
}

static int atom_add(Flat *f, Atoms *a, MoveAttr *m, const Expr *e, const char *name, const Dim *size)
{
    if (m->natoms == 2 * MAX_RANK) {
        pattern_fail(f, e->span);
        return -1;
    }
    a->names[m->natoms] = name;
    m->sizes[m->natoms] = size;
    return m->natoms++;
}

/* On the left: a name, `name == size`, or 1. On the right: a name of the left, or a size. */
static int atom_read(Flat *f, Atoms *a, MoveAttr *m, const Expr *e, bool left)
{
    bool sized = left && e->kind == EX_BINARY && e->op == OP_EQ && e->a->kind == EX_REF;
    if (sized || (left && e->kind == EX_REF)) {
        const Dim *size = sized ? flat_dim(f, e->b) : NULL;
        return sized && !size ? -1 : atom_add(f, a, m, e, sized ? e->a->text : e->text, size);
    }
    int known = !left && e->kind == EX_REF ? atom_named(a, m, e->text) : -1;
    if (known >= 0) return known;
    const Dim *size = flat_dim(f, e);
    return size ? atom_add(f, a, m, e, NULL, size) : -1;
}

static bool group_read(Flat *f, Atoms *a, MoveAttr *m, const Expr *e, bool left, Group *g)
{
    Expr *only = (Expr *)e;
    Expr **at = e->kind == EX_TUPLE ? e->list.at : &only;
    int n = e->kind == EX_TUPLE ? e->list.n : 1;
    if (n > MAX_RANK) return pattern_fail(f, e->span);
    for (int i = 0; i < n; i++) {
        int atom = atom_read(f, a, m, at[i], left);
        if (atom < 0) return false;
        g->atoms[g->n++] = atom;
    }
    return true;
}

static bool groups_read(Flat *f, Atoms *a, MoveAttr *m, const PatternList *list, bool left)
{
    Group *groups = left ? m->in : m->out;
    int *n = left ? &m->nin : &m->nout;
    if (list->axes.n > MAX_RANK) return pattern_fail(f, list->span);
    for (int i = 0; i < list->axes.n; i++)
        if (!group_read(f, a, m, list->axes.at[i].size, left, &groups[(*n)++])) return false;
    return true;
}

/* An atom that is an axis by itself has that axis's size. */
static void sizes_from(MoveAttr *m, const Group *groups, int n, Type t)
{
    for (int i = 0; i < n && i < t.rank; i++)
        if (groups[i].n == 1 && !m->sizes[groups[i].atoms[0]]) m->sizes[groups[i].atoms[0]] = t.axes[i].dim;
}

MoveAttr *flat_move(Flat *f, const Expr *pattern, Type from, Type to)
{
    MoveAttr *m = NEW(f->arena, MoveAttr);
    Atoms atoms = {0};
    if (pattern->kind != EX_PATTERN || pattern->from.n != 1) {
        pattern_fail(f, pattern->span);
        return NULL;
    }
    if (!groups_read(f, &atoms, m, &pattern->from.at[0], true) || !groups_read(f, &atoms, m, &pattern->to, false))
        return NULL;
    sizes_from(m, m->in, m->nin, from);
    sizes_from(m, m->out, m->nout, to);
    for (int i = 0; i < m->natoms; i++) {
        const char *name = atoms.names[i];
        if (m->sizes[i]) continue;
        flat_error(f, pattern->span, "nothing tells the size of `%s`: write `%s == size`", name, name);
        return NULL;
    }
    return m;
}

/* ---- contractions ---- */

typedef struct Labels { const char *names[3 * MAX_RANK]; } Labels;

static int label_read(Flat *f, ContractAttr *c, Labels *l, const Expr *e)
{
    if (e->kind != EX_REF) {
        pattern_fail(f, e->span);
        return -1;
    }
    for (int i = 0; i < c->nlabels; i++)
        if (str_equal(l->names[i], e->text)) return i;
    l->names[c->nlabels] = e->text;
    return c->nlabels++;
}

/* The labels of one operand, whose type is t; of the result where t is NULL. */
static bool labels_read(Flat *f, ContractAttr *c, Labels *l, const PatternList *list, int *labels, int *n,
                        const Type *t)
{
    if (list->axes.n > MAX_RANK || (t && list->axes.n != t->rank)) return pattern_fail(f, list->span);
    for (int i = 0; i < list->axes.n; i++) {
        int known = c->nlabels, label = label_read(f, c, l, list->axes.at[i].size);
        if (label < 0) return false;
        if (label == known && !t) return flat_error(f, list->span, "`%s` is not on the left", l->names[label]);
        if (label == known) c->sizes[label] = t->axes[i].dim;
        labels[(*n)++] = label;
    }
    return true;
}

ContractAttr *flat_contract(Flat *f, const Expr *pattern, Type a, Type b)
{
    ContractAttr *c = NEW(f->arena, ContractAttr);
    Labels l = {0};
    if (pattern->kind != EX_PATTERN || pattern->from.n != 2) {
        pattern_fail(f, pattern->span);
        return NULL;
    }
    bool read = labels_read(f, c, &l, &pattern->from.at[0], c->a, &c->na, &a)
             && labels_read(f, c, &l, &pattern->from.at[1], c->b, &c->nb, &b)
             && labels_read(f, c, &l, &pattern->to, c->out, &c->nout, NULL);
    return read ? c : NULL;
}

/* a[.., k] @ b[k, n] */
ContractAttr *flat_matmul(Flat *f, Span at, Type a, Type b)
{
    ContractAttr *c = NEW(f->arena, ContractAttr);
    if (a.rank < 1 || b.rank != 2) {
        flat_error(f, at, "`@` takes a matrix on its right; other contractions are patterns");
        return NULL;
    }
    c->na = c->nout = a.rank;
    c->nb = 2;
    c->nlabels = a.rank + 1;
    for (int i = 0; i < a.rank; i++) {
        c->a[i] = c->out[i] = i;
        c->sizes[i] = a.axes[i].dim;
    }
    c->sizes[a.rank] = b.axes[1].dim;
    c->b[0] = a.rank - 1;
    c->b[1] = c->out[a.rank - 1] = a.rank;
    return c;
}
