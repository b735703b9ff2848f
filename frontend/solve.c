/* solve.c: a signature against its inputs. A name is found where it stands alone; every other place must then agree. */
#include "frontend/elab.h"
#include <string.h>

typedef struct Match { /* one input against its written type */
    Frame *f;          /* of what is applied */
    const TypeExpr *type;
    Type have;
    const char *name;  /* of the input */
    int input;
    const Val *in;
    Span at;
} Match;

/* ---- messages ---- */

static const char *callee(const Frame *f) { return f->decl->path.text; }

/* Two values that become one number, as in a loss: its mismatch has a code of its own. */
static bool is_objective(const Frame *f)
{
    const TypeExpr *r = f->decl->result;
    return f->decl->kind == DECL_FN && f->decl->inputs.n == 2 && r && r->name && !r->shaped;
}

/* The name to be found that stands alone as a size, or NULL. */
static const char *axis_alone(const Match *m, const AxisExpr *a)
{
    bool alone = a->size->kind == EX_REF && !a->size->ref.prime && frame_dim(m->f, a->size->text);
    return alone ? a->size->text : NULL;
}

/* The axis of a type that stands at a place of its written form; -1 for `...`. */
static int axis_place(const TypeExpr *t, int rank, int i)
{
    for (int k = 0; k <= i; k++)
        if (t->axes.at[k].size->kind == EX_PACK) return k == i ? -1 : rank - (t->axes.n - i);
    return i;
}

static const char *sets_text(Frame *f, const TypeExpr *t, Type have)
{
    Elab *e = f->e;
    Text to = {.arena = e->arena};
    for (int i = 0; i < t->axes.n; i++) {
        const Expr *size = t->axes.at[i].size;
        int k = axis_place(t, have.rank, i);
        if (k < 0 || k >= have.rank || size->kind != EX_REF || !frame_dim(f, size->text)) continue;
        text_add(&to, "%s%s = %s", to.n ? ", " : "", size->text, dim_text(e->arena, have.axes[k].dim));
    }
    return text_done(&to);
}

/* The signature, and what each input settles. */
static void note_signature(Diag *d, Frame *f, const Val *in)
{
    Elab *e = f->e;
    const Decl *decl = f->decl;
    Text note = {.arena = e->arena};
    text_add(&note, "%s", signature_text(e, decl));
    int width = 0;
    const char *heads[MAX_INPUTS];
    for (int i = 0; i < decl->inputs.n && i < MAX_INPUTS; i++) {
        heads[i] = str_format(e->arena, "%s: %s", decl->inputs.at[i].ref.path.text, val_text(e, in[i]));
        if ((int)strlen(heads[i]) > width) width = (int)strlen(heads[i]);
    }
    for (int i = 0; i < decl->inputs.n && i < MAX_INPUTS; i++) {
        const char *sets = in[i].kind == VAL_TENSOR ? sets_text(f, decl->inputs.at[i].type, in[i].tensor->type) : "";
        if (*sets) text_add(&note, "\n%-*s  sets %s", width, heads[i], sets);
        else text_add(&note, "\n%s", heads[i]);
    }
    diag_note(d, "%s", text_done(&note));
}

static bool is_declared(const Value *v) { return v->def->op == OP_INPUT || v->def->op == OP_TENSOR; }

/* Where the other input is a declared one, its type could be written so that it fits. */
static void help_retype(Diag *d, Frame *f, const char *keep, const char *change, const Val *v, int axis, const Dim *dim)
{
    if (v->kind != VAL_TENSOR || !is_declared(v->tensor)) return;
    Type t = v->tensor->type;
    const Origin *o = t.axes[axis].origin;
    if (!o || !o->span.source || o->span.source->builtin) return;
    Axis axes[MAX_RANK];
    memcpy(axes, t.axes, sizeof *axes * (size_t)t.rank);
    axes[axis].dim = dim;
    Type fits = type_make(f->e->arena, t.dtype, t.rank, axes);
    fits.range = t.range;
    diag_help(d, "for `%s` as it is, write `%s` for `%s` (line %d)", keep, type_text(f->e->arena, fits), change,
              source_line(o->span.source, o->span.lo));
}

static int axis_with(const Frame *f, int input, const char *name, int rank)
{
    const TypeExpr *t = f->decl->inputs.at[input].type;
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.at[i].size->kind == EX_REF && str_equal(t->axes.at[i].size->text, name))
            return axis_place(t, rank, i);
    return -1;
}

static bool size_mismatch(const Match *m, const char *name, const DimBinding *was, int axis)
{
    Elab *e = m->f->e;
    const Axis *now = &m->have.axes[axis];
    const char *a = dim_text(e->arena, was->dim), *b = dim_text(e->arena, now->dim);
    bool open = dim_equal(was->dim, now->dim) == UNDECIDED;
    Diag *d = fault(m->f, m->at, open ? "E0212" : is_objective(m->f) ? "E0210" : "E0201",
                    "`%s` needs one size for `%s`, but `%s` gives %s and `%s` gives %s", callee(m->f), name,
                    was->from, a, m->name, b);
    label_origin(d, was->origin, "`%s` = %s from `%s`", name, a, was->from);
    label_origin(d, now->origin, "`%s` = %s from `%s`", name, b, m->name);
    diag_primary(d, "`%s` would be both %s and %s", name, a, b);
    note_signature(d, m->f, m->in);
    if (open) diag_help_settling(d, e->dims, condition_compare(e->arena, OP_EQ, was->dim, now->dim));
    if (m->input < 0 || was->input < 0 || open) return false;
    const Val *first = &m->in[was->input];
    int other = first->kind == VAL_TENSOR ? axis_with(m->f, was->input, name, first->tensor->type.rank) : -1;
    help_retype(d, m->f, was->from, m->name, &m->in[m->input], axis, was->dim);
    if (other >= 0) help_retype(d, m->f, m->name, was->from, first, other, now->dim);
    return false;
}

static bool rank_mismatch(const Match *m, bool at_least)
{
    Elab *e = m->f->e;
    int want = m->type->axes.n - at_least;
    Diag *d = fault(m->f, m->at, "E0202", "`%s` takes %s%d ax%s as `%s`, but %s has %d", callee(m->f),
                    at_least ? "at least " : "", want, want == 1 ? "is" : "es", m->name, type_text(e->arena, m->have),
                    m->have.rank);
    diag_primary(d, "`%s` should be %s", m->name, source_text(e, m->type->span));
    for (int i = 0; i < m->have.rank; i++)
        label_origin(d, m->have.axes[i].origin, "%s comes from here", dim_text(e->arena, m->have.axes[i].dim));
    diag_note(d, "%s", signature_text(e, m->f->decl));
    return false;
}

static bool role_mismatch(const Match *m, const AxisExpr *a, int axis)
{
    const Axis *x = &m->have.axes[axis];
    Diag *d = fault(m->f, m->at, "E0206", "`%s` takes `%s` with the axis `%s` where this one has `%s`", callee(m->f),
                    m->name, a->role, x->role);
    diag_primary(d, "%s", type_text(m->f->e->arena, m->have));
    label_origin(d, x->origin, "`%s` = %s comes from here", x->role, dim_text(m->f->e->arena, x->dim));
    diag_note(d, "%s\ntwo different roles never match, whatever their sizes", signature_text(m->f->e, m->f->decl));
    diag_help(d, "bring the axes into that order with a pattern");
    return false;
}

static bool pack_mismatch(const Match *m, const Axis *axes, int n)
{
    Frame *f = m->f;
    Elab *e = f->e;
    bool ranks = n != f->npack;
    const char *code = is_objective(f) ? "E0210" : ranks ? "E0202" : "E0203";
    const Val *first = NULL;
    for (int i = 0; i < f->decl->inputs.n && m->input >= 0; i++)
        if (str_equal(f->decl->inputs.at[i].ref.path.text, f->pack_from)) first = &m->in[i];
    Diag *d = fault(f, m->at, code, "`%s` needs the same axes of `%s` and `%s`, but they are %s and %s", callee(f),
                    f->pack_from, m->name, first ? val_text(e, *first) : "others", type_text(e->arena, m->have));
    for (int i = 0; i < f->npack; i++)
        if (ranks || i >= n || dim_equal(f->pack[i].dim, axes[i].dim) != PROVED)
            label_origin(d, f->pack[i].origin, "%s in `%s`", dim_text(e->arena, f->pack[i].dim), f->pack_from);
    for (int i = 0; i < n; i++)
        if (ranks || i >= f->npack || dim_equal(f->pack[i].dim, axes[i].dim) != PROVED)
            label_origin(d, axes[i].origin, "%s in `%s`", dim_text(e->arena, axes[i].dim), m->name);
    diag_primary(d, ranks ? "%d ax%s against %d" : "the axes differ", f->npack, f->npack == 1 ? "is" : "es", n);
    diag_note(d, "%s\na size 1 never stretches", signature_text(e, f->decl));
    int64_t last = 0;
    bool longer = n + 1 == f->npack && first && first->kind == VAL_TENSOR && first->tensor->type.rank;
    Type t = longer ? first->tensor->type : m->have;
    if ((longer || n == f->npack + 1) && t.rank && dim_is_const(t.axes[t.rank - 1].dim, &last) && last == 1)
        diag_help(d, "drop the axis of size 1: `|> [..., 1] -> [...]`");
    return false;
}

/* ---- dtypes ---- */

/* Whole numbers where an index is wanted: its type as it should be written, of as many places as are known to be. */
static void help_index(Diag *d, const Match *m)
{
    Arena *a = m->f->e->arena;
    const Expr *range = m->type->range;
    const DimBinding *places = range && range->kind == EX_REF ? frame_dim(m->f, range->text) : NULL;
    const char *dtype = dtype_name(m->have.dtype), *n = places && places->dim ? dim_text(a, places->dim) : "10";
    diag_help(d, "an index tells how many places there are: for %s, write its type as `%s<%s>%s`", n, dtype, n,
              type_text(a, m->have) + strlen(dtype));
}

static bool dtype_mismatch(const Match *m, const char *wanted)
{
    Elab *e = m->f->e;
    bool index_given = dtype_is_int(m->have.dtype) && m->have.range, index_wanted = str_equal(m->type->name, "int");
    bool confused = (index_given && str_equal(wanted, "floats")) || (index_wanted && dtype_is_float(m->have.dtype));
    Diag *d = fault(m->f, m->at, confused ? "E0303" : "E0301", "`%s` takes %s as `%s`, but this is %s", callee(m->f),
                    wanted,
                    m->name, type_text(e->arena, m->have));
    diag_primary(d, "`%s` should be %s", m->name, source_text(e, m->type->span));
    for (int i = 0; i < m->have.rank; i++)
        label_origin(d, m->have.axes[i].origin, "%s comes from here", dim_text(e->arena, m->have.axes[i].dim));
    diag_note(d, "%s", signature_text(e, m->f->decl));
    if (index_given && !index_wanted)
        diag_help(d, "write `one_hot(%s)`, or use a function that takes an index, such as `cross_entropy`", m->name);
    else if (index_wanted && dtype_is_int(m->have.dtype))
        help_index(d, m);
    else if (index_wanted && dtype_is_float(m->have.dtype))
        diag_help(d, "give the place of the right class, an index such as `i32<C>[N]`, not a row of ones and zeros");
    else diag_help(d, "dtypes change only by name: `%s(...)`", index_wanted ? "int" : m->type->name);
    return false;
}

static bool match_real(const Match *m)
{
    Frame *f = m->f;
    if (!dtype_is_float(m->have.dtype)) return dtype_mismatch(m, "floats");
    if (f->real && f->real != m->have.dtype)
        return dtype_mismatch(m, str_format(f->e->arena, "%s, as `%s` is,", dtype_name(f->real), f->real_from));
    f->real = m->have.dtype;
    f->real_from = m->name;
    return true;
}

static bool match_dtype(const Match *m)
{
    if (str_equal(m->type->name, "real")) return match_real(m);
    if (str_equal(m->type->name, "int")) {
        if (!dtype_is_int(m->have.dtype) || !m->have.range) return dtype_mismatch(m, "an index");
        m->f->integer = m->have.dtype;
        return true;
    }
    DType want;
    if (!dtype_of_name(m->f, m->type, &want)) return false;
    return want == m->have.dtype || dtype_mismatch(m, dtype_name(want));
}

/* ---- axes ---- */

static bool match_name(const Match *m, const char *name, int axis)
{
    DimBinding *b = frame_dim(m->f, name);
    const Axis *x = &m->have.axes[axis];
    if (!b->dim) {
        b->dim = x->dim;
        b->from = m->name;
        b->origin = x->origin;
        b->input = m->input;
        return true;
    }
    return dim_equal(b->dim, x->dim) == PROVED || size_mismatch(m, name, b, axis);
}

/* An index tells its range in its type, where that is written as an input's. */
static void label_input(Elab *e, Diag *d, Val v)
{
    if (v.kind != VAL_TENSOR || v.tensor->def->op != OP_INPUT) return;
    const GraphInput *in = &v.tensor->def->parent->graph->inputs.at[v.tensor->def->attr.index];
    diag_label(d, in->span, "`%s` is %s", in->name, type_text(e->arena, v.tensor->type));
}

static bool match_range(const Match *m)
{
    const Expr *r = m->type->range;
    if (!r || !m->have.range || r->kind != EX_REF || !frame_dim(m->f, r->text)) return true;
    DimBinding *b = frame_dim(m->f, r->text);
    if (!b->dim) {
        *b = (DimBinding){b->name, m->have.range, m->name, NULL, m->input};
        return true;
    }
    if (dim_equal(b->dim, m->have.range) == PROVED) return true;
    Elab *e = m->f->e;
    const char *range = dim_text(e->arena, m->have.range), *size = dim_text(e->arena, b->dim);
    Diag *d = fault(m->f, m->at, is_objective(m->f) ? "E0210" : "E0302",
                    "`%s` needs one size for `%s`, but `%s` gives %s and the index `%s` is one of %s", callee(m->f),
                    b->name, b->from, size, m->name, range);
    diag_primary(d, "`%s` would be both %s and %s", b->name, size, range);
    label_origin(d, b->origin, "`%s` = %s from `%s`", b->name, size, b->from);
    label_input(e, d, m->in ? m->in[m->input] : poison);
    note_signature(d, m->f, m->in);
    return false;
}

static bool match_pack(const Match *m, int from, int n)
{
    Frame *f = m->f;
    if (!f->has_pack) {
        f->has_pack = true;
        f->npack = n;
        f->pack_from = m->name;
        for (int i = 0; i < n; i++) f->pack[i] = m->have.axes[from + i];
        return true;
    }
    bool same = n == f->npack;
    for (int i = 0; same && i < n; i++) {
        const Axis *p = &f->pack[i], *q = &m->have.axes[from + i];
        same = dim_equal(p->dim, q->dim) == PROVED && (!p->role || !q->role || str_equal(p->role, q->role));
        if (same && !p->role) f->pack[i].role = q->role;
    }
    return same || pack_mismatch(m, m->have.axes + from, n);
}

static bool match_axes(const Match *m)
{
    const AxisList *axes = &m->type->axes;
    bool pack = false;
    for (int i = 0; i < axes->n; i++) pack |= axes->at[i].size->kind == EX_PACK;
    if (pack ? m->have.rank < axes->n - 1 : m->have.rank != axes->n) return rank_mismatch(m, pack);
    for (int i = 0; i < axes->n; i++) {
        const AxisExpr *a = &axes->at[i];
        int k = axis_place(m->type, m->have.rank, i);
        if (k < 0) {
            if (!match_pack(m, i, m->have.rank - (axes->n - 1))) return false;
            continue;
        }
        const Axis *x = &m->have.axes[k];
        if (a->role && x->role && !str_equal(a->role, x->role)) return role_mismatch(m, a, k);
        const char *name = axis_alone(m, a);
        if (name && !match_name(m, name, k)) return false;
    }
    return true;
}

/* Sizes that are formulas are compared when all names are known. */
static bool match_formulas(const Match *m)
{
    for (int i = 0; i < m->type->axes.n; i++) {
        const AxisExpr *a = &m->type->axes.at[i];
        int k = axis_place(m->type, m->have.rank, i);
        if (k < 0 || axis_alone(m, a)) continue;
        const Dim *want = dim_of_expr(m->f, a->size);
        if (!want) return false;
        const Axis *x = &m->have.axes[k];
        Verdict same = dim_equal(want, x->dim);
        if (same == PROVED) continue;
        Elab *e = m->f->e;
        const char *p = dim_text(e->arena, want), *q = dim_text(e->arena, x->dim);
        Diag *d = fault(m->f, m->at, same == UNDECIDED ? "E0212" : "E0201",
                        "`%s` takes %s in axis %d of `%s`, but %s arrive%s",
                        callee(m->f), p, k + 1, m->name, q,
                        str_equal(q, "1") ? "s" : "");
        diag_primary(d, "`%s` is %s", m->name, type_text(e->arena, m->have));
        label_origin(d, x->origin, "%s comes from here", q);
        if (!m->f->decl->span.source->builtin) diag_label(d, a->span, "%s is demanded here", p);
        note_signature(d, m->f, m->in);
        if (same == UNDECIDED) diag_help_settling(d, e->dims, condition_compare(e->arena, OP_EQ, want, x->dim));
        return false;
    }
    return true;
}

/* ---- the whole signature ---- */

static bool is_option(const Decl *d, const char *name)
{
    for (int i = 0; i < d->options.n; i++)
        if (str_equal(d->options.at[i].name, name)) return true;
    return false;
}

static void add_name(Frame *f, const Expr *size)
{
    if (!size || size->kind != EX_REF || frame_dim(f, size->text) || is_option(f->decl, size->text)) return;
    const Symbol *s = symbol_named(f, size->text);
    if (s && !s->labels) vec_push(f->e->arena, &f->dims, ((DimBinding){.name = size->text, .input = -1}));
}

/* The names to be found: those in brackets, and the file's dims that the inputs' types mention. */
static void names_begin(Frame *f)
{
    const Decl *d = f->decl;
    for (int i = 0; i < d->binders.n; i++)
        vec_push(f->e->arena, &f->dims, ((DimBinding){.name = d->binders.at[i].name, .input = -1}));
    for (int i = 0; i < d->inputs.n; i++) {
        const TypeExpr *t = d->inputs.at[i].type;
        for (int k = 0; t && k < t->axes.n; k++) add_name(f, t->axes.at[k].size);
        if (t) add_name(f, t->range);
    }
}

static bool names_found(Frame *f, Span at)
{
    for (int i = 0; i < f->dims.n; i++) {
        if (f->dims.at[i].dim) continue;
        Diag *d = fault(f, at, "E0404", "nothing settles `%s` of `%s`", f->dims.at[i].name, callee(f));
        diag_primary(d, "no input has `%s` as an axis of its own", f->dims.at[i].name);
        diag_note(d, "%s", signature_text(f->e, f->decl));
        return false;
    }
    return true;
}

static bool bound_broken(Frame *f, const DimBinding *b, const Symbol *s, const Condition *c, Span at)
{
    Elab *e = f->e;
    bool open = condition_verdict(e->dims, c) == UNDECIDED;
    const char *size = dim_text(e->arena, b->dim);
    Diag *d = fault(f, at, open ? "E0212" : "E0208", open ? "nothing says whether `%s` = %s keeps its bounds"
                                                          : "`%s` = %s is out of its bounds", b->name, size);
    diag_primary(d, "`%s` is applied here", callee(f));
    label_origin(d, b->origin, "`%s` = %s from `%s`", b->name, size, b->from);
    diag_label(d, s->span, "`%s` has bounds here", b->name);
    if (open) diag_help_settling(d, e->dims, c);
    return false;
}

/* A dim of the file is solved anew in each application, and its bounds hold for what it then is. */
static bool bounds_hold(Frame *f, Span at)
{
    Elab *e = f->e;
    for (int i = f->decl->binders.n; i < f->dims.n && !e->checking; i++) {
        const DimBinding *b = &f->dims.at[i];
        const Symbol *s = symbol_named(f, b->name);
        if (!s || s->labels || s->fixed || !b->dim) continue;
        Number n = number_of_dim(e, b->dim);
        const Condition *keeps = number_condition(e, OP_GE, n, number_whole(s->low));
        if (s->high < INT64_MAX)
            keeps = condition_both(e->arena, CONDITION_ALL, keeps, number_condition(e, OP_LE, n, number_whole(s->high)));
        if (condition_verdict(e->dims, keeps) != PROVED) return bound_broken(f, b, s, keeps, at);
    }
    return true;
}

static bool is_scalar_type(const TypeExpr *t)
{
    return t && t->name && !t->shaped && !t->range && !type_is_tree(t);
}

static void find_form(Frame *f, const Val *in)
{
    const Decl *d = f->decl;
    bool single = d->inputs.n > 0, numbers = true, axes = false;
    for (int i = 0; i < d->inputs.n; i++) {
        single &= is_scalar_type(d->inputs.at[i].type);
        numbers &= in[i].kind == VAL_NUMBER;
        axes |= in[i].kind == VAL_TENSOR && in[i].tensor->type.rank > 0;
    }
    f->numeric = single && numbers;
    f->pointwise = single && axes;
}

/* The input as the body sees it: with the roles that its written type gives. */
static Val bound_input(Frame *f, const TypeExpr *t, Val v, Span at)
{
    if (v.kind != VAL_TENSOR || f->pointwise) return v;
    Type have = v.tensor->type;
    Axis axes[MAX_RANK];
    bool news = false;
    memcpy(axes, have.axes, sizeof *axes * (size_t)have.rank);
    for (int i = 0; i < t->axes.n; i++) {
        int k = axis_place(t, have.rank, i);
        if (k < 0 || !t->axes.at[i].role || axes[k].role) continue;
        axes[k].role = t->axes.at[i].role;
        news = true;
    }
    if (!news) return v;
    Type to = type_make(f->e->arena, have.dtype, have.rank, axes);
    int place[MAX_RANK];
    for (int i = 0; i < have.rank; i++) place[i] = i;
    return val_tensor(move_repeat(f, v.tensor, &to, place, at));
}

static bool bind_inputs(Frame *f, Val *in, Span at)
{
    const Decl *d = f->decl;
    bool good = true;
    for (int i = 0; i < d->inputs.n; i++) {
        const Input *input = &d->inputs.at[i];
        Val v = type_is_tree(input->type) ? tree_of(f, in[i]) : in[i];
        if (v.kind == VAL_NUMBER && !f->numeric) {
            Type t;
            bool known = type_of_expr(f, input->type, &t);
            Value *filled = known ? fill_type(f, v, &t, at) : NULL;
            good &= filled != NULL;
            v = filled ? val_tensor(filled) : poison;
        }
        frame_bind(f, input->ref.path.text, input->span, bound_input(f, input->type, v, at));
    }
    return good;
}

static bool check_kind(const Match *m, Val v)
{
    bool tree = type_is_tree(m->type);
    if (v.kind == VAL_TENSOR || v.kind == (tree ? VAL_TREE : VAL_NUMBER)) return true;
    Diag *d = fault(m->f, m->at, "E0412", "`%s` takes %s as `%s`, but this is %s", callee(m->f),
                    source_text(m->f->e, m->type->span), m->name, val_text(m->f->e, v));
    diag_primary(d, tree ? "no tree" : "not a tensor");
    diag_note(d, "%s", signature_text(m->f->e, m->f->decl));
    return false;
}

static bool pointwise_dtypes(Frame *f, const Val *in, Span at)
{
    for (int i = 0; i < f->decl->inputs.n; i++) {
        if (in[i].kind != VAL_TENSOR) continue;
        Match m = {f, f->decl->inputs.at[i].type, in[i].tensor->type, f->decl->inputs.at[i].ref.path.text, i, in, at};
        if (!match_dtype(&m)) return false;
    }
    return true;
}

static bool has_axes(const Match *m) { return m->in[m->input].kind == VAL_TENSOR && !type_is_tree(m->type); }

bool signature_solve(Frame *f, Val *in, Span at)
{
    const Decl *d = f->decl;
    names_begin(f);
    find_form(f, in);
    Match ms[MAX_INPUTS];
    bool tensors = false;
    for (int i = 0; i < d->inputs.n; i++) {
        ms[i] = (Match){f, d->inputs.at[i].type, {0}, d->inputs.at[i].ref.path.text, i, in, at};
        if (!ms[i].type) return false;
        if (!check_kind(&ms[i], in[i])) return false;
        if (in[i].kind == VAL_TENSOR) ms[i].have = in[i].tensor->type;
        tensors |= in[i].kind == VAL_TENSOR || in[i].kind == VAL_TREE;
    }
    if (f->numeric) return bind_inputs(f, in, at);
    if (f->pointwise) return pointwise_dtypes(f, in, at) && bind_inputs(f, in, at);
    for (int i = 0; i < d->inputs.n; i++)
        if (has_axes(&ms[i]) && (!match_dtype(&ms[i]) || !match_axes(&ms[i]))) return false;
    for (int i = 0; i < d->inputs.n; i++)
        if (has_axes(&ms[i]) && !match_range(&ms[i])) return false;
    if (!tensors && d->inputs.n) {
        Diag *m = fault(f, at, "E0412", "`%s` takes tensors, but only numbers arrive", callee(f));
        diag_primary(m, "nothing here has a shape");
        diag_note(m, "%s", signature_text(f->e, d));
        return false;
    }
    return names_found(f, at) && bounds_hold(f, at) && (f->e->checking || facts_keep(f, in, at)) && bind_inputs(f, in, at);
}

/* A range that is no name of the signature's own: a number, a dim, a formula. */
static bool match_written_range(const Match *m)
{
    Expr *r = m->type->range;
    if (!r || (r->kind == EX_REF && frame_dim(m->f, r->text))) return true;
    Elab *e = m->f->e;
    const Dim *want = dim_of_expr(m->f, r);
    if (!want) return false;
    if (m->have.range && dim_equal(m->have.range, want) == PROVED) return true;
    const char *places = dim_text(e->arena, want);
    Diag *d = fault(m->f, m->at, "E0302", "`%s` takes one of %s places as `%s`, but this is %s", callee(m->f), places, m->name,
                    type_text(e->arena, m->have));
    if (m->have.range) diag_primary(d, "an index over %s places", dim_text(e->arena, m->have.range));
    else diag_primary(d, "any whole number");
    label_input(e, d, m->in[m->input]);
    note_signature(d, m->f, m->in);
    diag_help(d, "where the remainder is meant, `%% %s` makes one of %s places", places, places);
    return false;
}

/* Formulas in the inputs' types may use options, so they come after those. */
bool formulas_check(Frame *f, const Val *in, Span at)
{
    const Decl *d = f->decl;
    for (int i = 0; i < d->inputs.n && !f->pointwise && !f->numeric; i++) {
        if (in[i].kind != VAL_TENSOR || type_is_tree(d->inputs.at[i].type)) continue;
        Match m = {f, d->inputs.at[i].type, in[i].tensor->type, d->inputs.at[i].ref.path.text, i, in, at};
        if (!match_formulas(&m) || !match_written_range(&m)) return false;
    }
    return true;
}

bool result_solve(Frame *f, const Type *want, Span at)
{
    names_begin(f);
    const TypeExpr *t = f->decl->result;
    if (!t || !t->name) return true;
    Match m = {f, t, *want, "the type it is given to", -1, NULL, at};
    return match_dtype(&m) && match_axes(&m) && names_found(f, at);
}
