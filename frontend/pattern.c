/* pattern.c: what moves where. One input becomes a MOVE, several a chain of CONTRACTs with MOVEs around it where axes are
   split, merged or added. */
#include "frontend/elab.h"
#include <string.h>

enum { MAX_ATOMS = 2 * MAX_RANK };

typedef struct Name { const char *text; const Dim *size; Span span; const char *role; int used; bool number; } Name;
typedef struct Side { int n; Group groups[MAX_RANK]; } Side;
typedef struct Pattern {
    Frame *f;
    const Expr *expr;
    Span at;
    Name atoms[MAX_ATOMS];
    int natoms;
    int pack[MAX_RANK], npack; /* the atoms that `...` stands for */
    bool has_pack;
    bool failed;
} Pattern;

static Diag *pattern_fault(Pattern *p, Span span, const char *fmt, ...) PRINTF_LIKE(3, 4);
static Diag *pattern_fault(Pattern *p, Span span, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *message = str_vformat(p->f->e->arena, fmt, ap);
    va_end(ap);
    p->failed = true;
    return fault(p->f, span, "E0204", "%s", message);
}

static int atom_new(Pattern *p, const char *text, const Dim *size, Span span)
{
    if (p->natoms == MAX_ATOMS) {
        if (!p->failed) diag_primary(pattern_fault(p, span, "this pattern has too many parts"), "one too many");
        return 0;
    }
    p->atoms[p->natoms] = (Name){.text = text, .size = size, .span = span};
    return p->natoms++;
}

static int atom_named(const Pattern *p, const char *text)
{
    for (int i = 0; i < p->natoms; i++)
        if (text && str_equal(p->atoms[i].text, text)) return i;
    return -1;
}

static const Dim *written_size(Pattern *p, Expr *e)
{
    if (e->kind == EX_REF) return pattern_size(p->f, e->text, e->span);
    return dim_of_expr(p->f, e);
}

static void push(Pattern *p, Group *g, int atom, Span span)
{
    if (g->n < MAX_RANK) g->atoms[g->n++] = atom;
    else if (!p->failed) diag_primary(pattern_fault(p, span, "an axis of too many parts"), "more than 8");
}

/* ---- left ---- */

static int left_atom(Pattern *p, Expr *e, const Dim *found)
{
    const char *name = e->kind == EX_REF ? e->text : NULL;
    int known = atom_named(p, name);
    if (known >= 0) {
        const Dim *have = p->atoms[known].size;
        if (found && have && dim_equal(found, have) != PROVED) {
            Elab *el = p->f->e;
            Diag *d = pattern_fault(p, p->at, "`%s` of this pattern needs one size", name);
            diag_primary(d, "`%s` would be both %s and %s", name, dim_text(el->arena, have),
                         dim_text(el->arena, found));
            diag_label(d, e->span, "`%s` is %s here", name, dim_text(el->arena, found));
        }
        if (!have) p->atoms[known].size = found;
        return known;
    }
    const Dim *size = written_size(p, e);
    if (!size && e->kind != EX_REF) p->failed = true;
    int atom = atom_new(p, name, size ? size : found, e->span);
    p->atoms[atom].number = e->kind == EX_NUMBER;
    return atom;
}

static void left_group(Pattern *p, Expr *e, const Axis *axis, Group *g)
{
    Dims *ds = p->f->e->dims;
    const Dim *known = dim_const(ds, 1);
    int open = -1;
    for (int i = 0; i < e->list.n; i++) {
        Expr *part = e->list.at[i];
        int atom = left_atom(p, part, NULL);
        push(p, g, atom, part->span);
        if (p->atoms[atom].size) known = dim_mul(ds, known, p->atoms[atom].size);
        else if (open < 0) open = atom;
        else if (!p->failed)
            diag_primary(pattern_fault(p, part->span, "at most one part of a split axis may be unknown"),
                         "how large is `%s`?", part->text ? part->text : "this");
    }
    if (open < 0 || p->failed) return;
    p->atoms[open].size = dim_quotient(ds, axis->dim, known);
    if (p->atoms[open].size) return;
    Arena *a = p->f->e->arena;
    Diag *d = pattern_fault(p, e->span, "this axis does not split into such parts");
    diag_primary(d, "%s is no multiple of %s", dim_text(a, axis->dim), dim_text(a, known));
    label_origin(d, axis->origin, "%s comes from here", dim_text(a, axis->dim));
}

static void left_pack(Pattern *p, const Value *x, int from, int n, Side *side, Span span)
{
    if (p->has_pack && n != p->npack) {
        diag_primary(pattern_fault(p, span, "`...` stands for the same axes throughout"),
                     "%d ax%s, and %d before", n, n == 1 ? "is" : "es", p->npack);
        return;
    }
    for (int i = 0; i < n && side->n < MAX_RANK; i++) {
        if (!p->has_pack) p->pack[p->npack++] = atom_new(p, NULL, x->type.axes[from + i].dim, span);
        Name *atom = &p->atoms[p->pack[i]];
        if (!atom->role) atom->role = x->type.axes[from + i].role;
        if (dim_equal(atom->size, x->type.axes[from + i].dim) != PROVED && !p->failed)
            diag_primary(pattern_fault(p, span, "`...` stands for the same axes throughout"),
                         "their sizes differ");
        side->groups[side->n++] = (Group){1, {p->pack[i]}};
    }
    p->has_pack = true;
}

static bool left_rank(Pattern *p, const PatternList *list, const Value *x, bool pack)
{
    int n = list->axes.n;
    if (pack ? x->type.rank >= n - 1 : x->type.rank == n) return true;
    Elab *e = p->f->e;
    Diag *d = fault(p->f, list->span, "E0202", "the pattern names %s%d ax%s, but %s has %d", pack ? "at least " : "",
                    n - pack, n - pack == 1 ? "is" : "es", type_text(e->arena, x->type), x->type.rank);
    diag_primary(d, "%d here", n - pack);
    label_type(e, d, val_tensor((Value *)x));
    p->failed = true;
    return false;
}

static void left_axis(Pattern *p, const AxisExpr *a, const Axis *axis, Side *side)
{
    Group *g = &side->groups[side->n++];
    *g = (Group){0};
    if (a->role && axis->role && !str_equal(a->role, axis->role)) {
        Diag *d = fault(p->f, a->span, "E0206", "this axis is `%s`, and the pattern calls it `%s`", axis->role,
                        a->role);
        diag_primary(d, "two different roles never match");
        label_origin(d, axis->origin, "`%s` comes from here", axis->role);
        p->failed = true;
    }
    if (a->size->kind == EX_TUPLE) {
        left_group(p, a->size, axis, g);
        return;
    }
    int atom = left_atom(p, a->size, axis->dim);
    const char *role = a->role ? a->role : axis->role;
    if (!p->atoms[atom].role) p->atoms[atom].role = role;
    push(p, g, atom, a->span);
}

static void read_left(Pattern *p, const PatternList *list, const Value *x, Side *side)
{
    bool pack = false;
    for (int i = 0; i < list->axes.n; i++) pack |= list->axes.at[i].size->kind == EX_PACK;
    if (!left_rank(p, list, x, pack)) return;
    for (int i = 0, k = 0; i < list->axes.n && !p->failed; i++) {
        const AxisExpr *a = &list->axes.at[i];
        if (a->size->kind == EX_PACK) {
            int n = x->type.rank - (list->axes.n - 1);
            left_pack(p, x, k, n, side, a->span);
            k += n;
        } else {
            left_axis(p, a, &x->type.axes[k++], side);
        }
    }
}

/* ---- right ---- */

/* A number on the right is the axis of that number on the left, if one waits there. */
static int atom_counted(const Pattern *p, const Expr *e)
{
    int64_t n, have;
    Number written = e->kind == EX_NUMBER ? number_parse(e->text) : number_real(0);
    if (!number_is_whole(&written, &n) || n == 1) return -1;
    for (int i = 0; i < p->natoms; i++)
        if (p->atoms[i].number && !p->atoms[i].used && dim_is_const(p->atoms[i].size, &have) && have == n) return i;
    return -1;
}

static void right_part(Pattern *p, Expr *e, Group *g)
{
    if (e->kind == EX_PACK) {
        for (int i = 0; i < p->npack; i++) {
            p->atoms[p->pack[i]].used++;
            push(p, g, p->pack[i], e->span);
        }
        return;
    }
    int atom = e->kind == EX_REF ? atom_named(p, e->text) : atom_counted(p, e);
    if (atom < 0) {
        const Dim *size = written_size(p, e);
        if (!size && !p->failed) {
            Diag *d = pattern_fault(p, e->span, "`%s` stands on the right alone, and is no size",
                                    e->text ? e->text : "this");
            diag_primary(d, "unknown size");
        }
        atom = atom_new(p, NULL, size, e->span);
    } else if (p->atoms[atom].used++ && !p->failed) {
        diag_primary(pattern_fault(p, e->span, "`%s` stands on the right twice", e->text), "the second time");
    }
    push(p, g, atom, e->span);
}

static void read_right(Pattern *p, const PatternList *list, Side *side, const char **roles)
{
    for (int i = 0; i < list->axes.n && !p->failed; i++) {
        const AxisExpr *a = &list->axes.at[i];
        bool spread = a->size->kind == EX_PACK && !a->size->paren;
        int axes = spread ? p->npack : 1;
        if (side->n + axes > MAX_RANK) {
            diag_primary(pattern_fault(p, list->span, "a tensor has at most 8 axes"), "too many axes");
            return;
        }
        if (spread) {
            for (int k = 0; k < axes; k++) {
                p->atoms[p->pack[k]].used++;
                roles[side->n] = p->atoms[p->pack[k]].role;
                side->groups[side->n++] = (Group){1, {p->pack[k]}};
            }
            continue;
        }
        Group *g = &side->groups[side->n];
        *g = (Group){0};
        for (int k = 0; k < a->size->list.n && a->size->kind == EX_TUPLE; k++) right_part(p, a->size->list.at[k], g);
        if (a->size->kind != EX_TUPLE) right_part(p, a->size, g);
        roles[side->n++] = a->role ? a->role : g->n == 1 ? p->atoms[g->atoms[0]].role : NULL;
    }
}

/* With one input nothing vanishes but a written 1. */
static void check_used(Pattern *p, int nleft)
{
    for (int i = 0; i < nleft && !p->failed; i++) {
        int64_t one;
        const Name *n = &p->atoms[i];
        if (n->used || (!n->text && n->size && dim_is_const(n->size, &one) && one == 1)) continue;
        Diag *d = n->text ? pattern_fault(p, n->span, "`%s` is missing on the right", n->text)
                          : pattern_fault(p, n->span, "an axis of size %s is missing on the right",
                                          dim_text(p->f->e->arena, n->size));
        diag_primary(d, "only a written `1` may vanish");
        diag_help(d, "to drop an axis, reduce it: `sum(x, over = ...)`, `mean` or `max`");
    }
}

/* ---- building ---- */

static Type grouped_type(Pattern *p, DType t, const Side *s, const char *const *roles)
{
    Dims *ds = p->f->e->dims;
    Axis axes[MAX_RANK];
    for (int i = 0; i < s->n; i++) {
        const Dim *size = dim_const(ds, 1);
        for (int k = 0; k < s->groups[i].n; k++) size = dim_mul(ds, size, p->atoms[s->groups[i].atoms[k]].size);
        axes[i] = (Axis){size, roles ? roles[i] : NULL, NULL};
    }
    return type_make(p->f->e->arena, t, s->n, axes);
}

static Value *build_move(Pattern *p, Value *x, const Side *from, const Side *to, const char *const *roles)
{
    MoveAttr *m = NEW(p->f->e->arena, MoveAttr);
    m->natoms = p->natoms;
    for (int i = 0; i < p->natoms; i++) m->sizes[i] = p->atoms[i].size;
    m->nin = from->n;
    m->nout = to->n;
    memcpy(m->in, from->groups, sizeof m->in);
    memcpy(m->out, to->groups, sizeof m->out);
    Type t = grouped_type(p, x->type.dtype, to, roles);
    t.range = x->type.range;
    return build(p->f, p->at, OP_MOVE, &x, 1, &(Attr){.move = m}, &t);
}

static bool is_flat(const Side *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->groups[i].n != 1) return false;
    return true;
}

/* Every atom an axis of its own. */
static bool flatten(Pattern *p, const Side *s, Side *flat)
{
    *flat = (Side){0};
    for (int i = 0; i < s->n; i++) {
        for (int k = 0; k < s->groups[i].n; k++) {
            if (flat->n == MAX_RANK) {
                Diag *d = pattern_fault(p, p->expr->span, "a side of this pattern has more than 8 parts");
                diag_primary(d, "the parts of a product are axes, of which a tensor has at most 8");
                return false;
            }
            flat->groups[flat->n++] = (Group){1, {s->groups[i].atoms[k]}};
        }
    }
    return true;
}

static bool side_has(const Side *s, int atom)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->groups[i].n; k++)
            if (s->groups[i].atoms[k] == atom) return true;
    return false;
}

/* A factor of a product: a tensor and its axes, each an atom of its own. */
typedef struct Factor { Value *v; Side axes; } Factor;

static bool factor_make(Pattern *p, Value *x, const Side *left, Factor *to)
{
    if (!flatten(p, left, &to->axes)) return false;
    to->v = is_flat(left) ? x : build_move(p, x, left, &to->axes, NULL);
    return !type_is_poison(to->v->type);
}

/* Of two factors' axes those that stand in `wanted`, in its order. */
static Side axes_wanted(const Factor *a, const Factor *b, const Side *wanted)
{
    Side out = {0};
    for (int i = 0; i < wanted->n; i++) {
        int atom = wanted->groups[i].atoms[0];
        if (side_has(&a->axes, atom) || side_has(&b->axes, atom)) out.groups[out.n++] = wanted->groups[i];
    }
    return out;
}

/* The axes of two factors that the result or a later factor still needs. */
static bool axes_kept(Pattern *p, const Factor *two, int n, const Side *wanted, Side *out)
{
    *out = axes_wanted(&two[0], &two[1], wanted);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < two[i].axes.n; k++) {
            int atom = two[i].axes.groups[k].atoms[0];
            bool later = false;
            for (int j = 2; j < n; j++) later |= side_has(&two[j].axes, atom);
            if (!later || side_has(out, atom)) continue;
            if (out->n == MAX_RANK) {
                Diag *d = pattern_fault(p, p->expr->span, "inputs of this pattern have a product of more than 8 axes");
                diag_primary(d, "inputs are multiplied from the left");
                diag_help(d, "let inputs that share axes stand side by side");
                return false;
            }
            out->groups[out->n++] = two[i].axes.groups[k];
        }
    }
    return true;
}

/* Labels are numbered as they are first met, so that each belongs to an axis. */
static int label_axes(const Pattern *p, ContractAttr *c, int *labels, const Side *axes, int *out)
{
    for (int i = 0; i < axes->n; i++) {
        int atom = axes->groups[i].atoms[0];
        if (!labels[atom]) {
            c->sizes[c->nlabels++] = p->atoms[atom].size;
            labels[atom] = c->nlabels;
        }
        out[i] = labels[atom] - 1;
    }
    return axes->n;
}

static Value *contract_two(Pattern *p, const Factor *a, const Factor *b, const Side *out)
{
    ContractAttr *c = NEW(p->f->e->arena, ContractAttr);
    int labels[MAX_ATOMS] = {0}; /* by atom: from 1 */
    c->na = label_axes(p, c, labels, &a->axes, c->a);
    c->nb = label_axes(p, c, labels, &b->axes, c->b);
    c->nout = label_axes(p, c, labels, out, c->out);
    Value *v[] = {a->v, b->v};
    return build(p->f, p->at, OP_CONTRACT, v, 2, &(Attr){.contract = c}, NULL);
}

/* The product of all inputs, two at a time from the left; a label is summed as soon as nothing needs it any more. */
static Val build_product(Pattern *p, Factor *factors, int n, const Side *right, const char *const *roles)
{
    Side want;
    Factor product = factors[0];
    if (!flatten(p, right, &want)) return poison;
    for (int i = 1; i < n; i++) {
        Side out;
        factors[i - 1] = product;
        if (!axes_kept(p, &factors[i - 1], n - i + 1, &want, &out)) return poison;
        product = (Factor){contract_two(p, &factors[i - 1], &factors[i], &out), out};
        if (type_is_poison(product.v->type)) return poison;
    }
    bool plain = is_flat(right) && product.axes.n == right->n;
    return val_tensor(plain ? product.v : build_move(p, product.v, &product.axes, right, roles));
}

static bool count_inputs(Frame *f, const Expr *expr, int n)
{
    if (expr->from.n == n) return true;
    Diag *d = fault(f, expr->span, "E0404", "the pattern takes %d input%s, but %d arrive%s", expr->from.n,
                    expr->from.n == 1 ? "" : "s", n, n == 1 ? "s" : "");
    diag_primary(d, "%d left of `->`", expr->from.n);
    return false;
}

static bool is_moved(Frame *f, Val in, Span at)
{
    if (in.kind == VAL_TENSOR) return true;
    Diag *d = fault(f, at, "E0412", "a pattern moves tensors, but this is %s", val_text(f->e, in));
    diag_primary(d, "no tensor arrives here");
    return false;
}

Val pattern_apply(Frame *f, const Expr *expr, Val *in, int n, Span at)
{
    Pattern p = {.f = f, .expr = expr, .at = at};
    Side *left = NEW_ARRAY(f->e->arena, Side, n), right = {0};
    Factor *factors = NEW_ARRAY(f->e->arena, Factor, n);
    const char *roles[MAX_RANK] = {NULL};
    if (!count_inputs(f, expr, n)) return poison;
    if (f->pointwise) {
        axes_choose(f, NULL, in[0].tensor, at, &(uint32_t){0}); /* says that there are no axes */
        return poison;
    }
    for (int i = 0; i < n; i++) {
        if (!is_moved(f, in[i], at)) return poison;
        read_left(&p, &expr->from.at[i], in[i].tensor, &left[i]);
        if (p.failed) return poison;
    }
    int nleft = p.natoms;
    read_right(&p, &expr->to, &right, roles);
    if (n == 1) check_used(&p, nleft);
    if (p.failed) return poison;
    if (n == 1) return val_tensor(build_move(&p, in[0].tensor, &left[0], &right, roles));
    for (int i = 0; i < n; i++)
        if (!factor_make(&p, in[i].tensor, &left[i], &factors[i])) return poison;
    return build_product(&p, factors, n, &right, roles);
}

/* ---- the moves and contractions that other parts need ---- */

Value *move_repeat(Frame *f, Value *v, const Type *to, const int *place, Span at)
{
    MoveAttr *m = NEW(f->e->arena, MoveAttr);
    m->nin = v->type.rank;
    m->nout = to->rank;
    for (int i = 0; i < m->nin; i++) {
        m->sizes[m->natoms] = v->type.axes[i].dim;
        m->in[i] = (Group){1, {m->natoms++}};
    }
    for (int i = 0; i < m->nout; i++) {
        if (place[i] < 0) m->sizes[m->natoms] = to->axes[i].dim;
        m->out[i] = (Group){1, {place[i] < 0 ? m->natoms++ : place[i]}};
    }
    Type t = *to;
    t.dtype = v->type.dtype;
    t.range = v->type.range;
    return build(f, at, OP_MOVE, &v, 1, &(Attr){.move = m}, &t);
}

static Val no_matrix(Frame *f, Val a, Val b, Span at)
{
    Elab *e = f->e;
    bool numbers = a.kind != VAL_TENSOR || b.kind != VAL_TENSOR;
    Diag *d = fault(f, at, numbers ? "E0412" : "E0202", "`@` sums over an axis of both sides, but they are %s and %s",
                    val_text(e, a),
                    val_text(e, b));
    diag_primary(d, "one has no axis to sum over");
    diag_help(d, "a single number multiplies with `*`");
    label_type(e, d, a);
    label_type(e, d, b);
    return poison;
}

/* a[.., k] @ b[.., k, n]: further axes of b are the first axes of a. */
Val contract_at(Frame *f, Val a, Val b, Span at)
{
    if (a.kind != VAL_TENSOR || b.kind != VAL_TENSOR || !a.tensor->type.rank || !b.tensor->type.rank || f->pointwise)
        return no_matrix(f, a, b, at);
    int ra = a.tensor->type.rank, rb = b.tensor->type.rank, extra = rb > 2 ? rb - 2 : 0;
    if (extra > ra - 1) {
        Diag *d = fault(f, at, "E0202", "the right side of `@` has %d further ax%s, but the left only %d", extra,
                        extra == 1 ? "is" : "es", ra - 1);
        diag_primary(d, "%s meets %s", val_text(f->e, a), val_text(f->e, b));
        label_type(f->e, d, a);
        label_type(f->e, d, b);
        return poison;
    }
    ContractAttr *c = NEW(f->e->arena, ContractAttr);
    c->na = ra;
    c->nb = rb;
    for (int i = 0; i < ra; i++) {
        c->a[i] = i;
        c->sizes[i] = a.tensor->type.axes[i].dim;
    }
    c->nlabels = ra;
    for (int i = 0; i < extra; i++) c->b[i] = i;
    c->b[extra] = ra - 1;
    for (int i = 0; i < ra - 1; i++) c->out[c->nout++] = i;
    if (rb > 1) {
        c->sizes[c->nlabels] = b.tensor->type.axes[rb - 1].dim;
        c->b[rb - 1] = c->nlabels;
        if (c->nout < MAX_RANK) c->out[c->nout++] = c->nlabels;
        c->nlabels++;
    }
    Value *in[] = {a.tensor, b.tensor};
    return val_tensor(build(f, at, OP_CONTRACT, in, 2, &(Attr){.contract = c}, NULL));
}
