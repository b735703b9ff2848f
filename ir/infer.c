/* Types of new nodes: the dispatch by kind and what every kind shares: messages, origins, results. */
#include "ir/op/op.h"
#include <string.h>

static const Type poison = {.dtype = DT_NONE};

static bool node_has_poison(const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (type_is_poison(n->in[i]->type)) return true;
    return false;
}

bool node_infer(Node *n, const Type *given, Cx *cx)
{
    Program *p = n->parent->graph->program;
    Infer i = {cx, p->dims, p->arena, n, given};
    if (!node_has_poison(n) && op_infer(n->op)(&i)) return true;
    for (int k = 0; k < n->nout; k++) n->out[k].type = poison;
    return false;
}

/* The place that its writer can change: the innermost one outside the standard library. */
static const Site *site_of_user(const Site *s)
{
    while (s && s->applied && (!s->span.source || s->span.source->builtin)) s = s->applied;
    return s;
}

Diag *infer_error(Infer *i, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *message = str_vformat(i->arena, fmt, ap);
    va_end(ap);
    const Site *inner = i->node->site, *user = site_of_user(inner);
    Diag *d = diag_error(i->cx->diags, code, user ? user->span : NO_SPAN, "%s", message);
    const Site *applied = user ? site_of_user(user->applied) : NULL;
    if (applied) diag_applied(d, applied->span);
    for (const Site *s = inner; s && s != user; s = s->applied)
        if (s->span.source)
            diag_note(d, "in %s:%d, which this applies", s->span.source->name, source_line(s->span.source, s->span.lo));
    return d;
}

void infer_origin(Infer *i, Diag *d, const Axis *axis)
{
    const Origin *first = axis->origin;
    int steps = 0;
    Text trail = {.arena = i->arena};
    for (const Origin *o = axis->origin; o; o = o->previous) {
        first = o;
        if (!o->previous || !o->text || !o->span.source || ++steps > 6) continue;
        text_add(&trail, "%sline %d: %s", steps > 1 ? "\n" : "", source_line(o->span.source, o->span.lo), o->text);
    }
    if (!first) return;
    const char *size = dim_text(i->arena, axis->dim);
    if (first == axis->origin) diag_label(d, first->span, "%s comes from here", size);
    else if (first->text) diag_label(d, first->span, "%s is made from `%s`", size, first->text);
    else diag_label(d, first->span, "%s is made from this", size);
    if (steps) diag_note(d, "on its way to %s:\n%s", size, text_done(&trail));
}

Axis infer_axis(Infer *i, const Dim *dim, const char *role, const char *arithmetic, const Axis *from)
{
    const Site *s = site_of_user(i->node->site);
    Origin *o = NEW(i->arena, Origin);
    *o = (Origin){s ? s->span : NO_SPAN, arithmetic, from ? from->origin : NULL};
    return (Axis){dim, role, o};
}

/* The inferred axes, with the roles that were asked for. */
static Type with_roles(Arena *a, Type t, Type given)
{
    Type r = type_make(a, t.dtype, t.rank, t.axes);
    Axis *axes = arena_copy(a, t.axes, sizeof *t.axes * (size_t)t.rank);
    for (int k = 0; k < t.rank; k++) {
        if (given.axes[k].role) axes[k].role = given.axes[k].role;
        if (given.axes[k].origin) axes[k].origin = given.axes[k].origin;
    }
    r.axes = axes;
    r.range = t.range;
    return r;
}

static const int64_t ends[DT_COUNT] = {[DT_U8] = UINT8_MAX, [DT_I8] = INT8_MAX, [DT_I32] = INT32_MAX};

Verdict dtype_holds(Dims *ds, DType t, const Dim *n)
{
    Verdict v = ends[t] ? dim_at_most(ds, n, dim_const(ds, ends[t])) : PROVED;
    return v == UNDECIDED && t == DT_I32 ? PROVED : v;
}

void infer_settling(Infer *i, Diag *d, DType t, const Dim *n)
{
    diag_primary(d, "`%s` ends at %lld", dtype_name(t), (long long)ends[t]);
    diag_help(d, "use a wider dtype: `i32`");
    if (dtype_holds(i->dims, t, n) == UNDECIDED)
        diag_help_settling(d, i->dims, condition_compare(i->arena, OP_LE, n, dim_const(i->dims, ends[t])));
}

/* More elements for one of each free size than any machine holds; sizes past the ends of int64 have stopped there. */
static bool type_is_endless(Dims *ds, Type t)
{
    const int64_t most = (int64_t)1 << 40;
    const Dim *size = type_size(ds, t);
    int64_t known;
    for (int k = 0; k < size->nterms; k++)
        if (size->terms[k].coef > most || size->terms[k].coef < -most) return true;
    return dim_known(size, &known) && known > most;
}

static bool refuse_endless(Infer *i, Type t)
{
    Diag *d = infer_error(i, "E0207", "%s has more elements than can be held", type_text(i->arena, t));
    diag_primary(d, "more than 2^40, each free size counted as 1");
    for (int k = 0; k < t.rank; k++) infer_origin(i, d, &t.axes[k]);
    return false;
}

bool infer_result_type(Infer *i, int index, Type t)
{
    if (type_is_endless(i->dims, t)) return refuse_endless(i, t);
    Value *out = &i->node->out[index];
    if (i->given && !type_is_poison(i->given[index])) {
        Type given = i->given[index];
        if (!type_same(t, given)) {
            infer_error(i, "E0202", "this is %s, and cannot be %s", type_text(i->arena, t), type_text(i->arena, given));
            return false;
        }
        t = with_roles(i->arena, t, given);
    }
    out->type = t;
    return true;
}

/* Its name, else what stands in the text for it, or how that begins. */
const char *value_text(const Value *v)
{
    enum { SHOWN = 32 };
    const Site *user = site_of_user(v->def->site);
    Span s = user ? user->span : NO_SPAN;
    if (v->name) return v->name;
    if (!s.source || s.source->builtin || s.hi <= s.lo) return op_info(v->def->op)->text;
    const char *text = s.source->text + s.lo;
    size_t whole = s.hi - s.lo, n = strcspn(text, "\n");
    n = n > whole ? whole : n;
    n = n > SHOWN ? SHOWN : n;
    while (n < whole && ((unsigned char)text[n] & 0xc0) == 0x80) n--; /* no character is cut */
    Arena *arena = v->def->parent->graph->program->arena;
    return str_format(arena, "%.*s%s", (int)n, text, n < whole ? "..." : "");
}
