/* What two axes that should be one have against it: the part of a message that every kind of operator shares. */
#include "ir/op/op.h"

/* A dim's name that meets another size: say what it is and where it was declared. */
static void explain_symbol(Diag *d, const Dim *dim)
{
    const Symbol *s = dim_lone_symbol(dim);
    if (!s) return;
    if (s->span.source) diag_label(d, s->span, "`%s` is declared here", s->name);
    if (s->labels)
        diag_note(d, "`%s` is the %d place%s it names, and equal only to itself", s->name, s->nlabels,
                  s->nlabels == 1 ? "" : "s");
    else if (!s->fixed)
        diag_note(d, "`%s` may be any size from %lld up, and is equal only to itself", s->name, (long long)s->low);
}

void infer_mismatch(Infer *i, Diag *d, int axis, const Axis *a, const Axis *b)
{
    const char *p = dim_text(i->arena, a->dim), *q = dim_text(i->arena, b->dim);
    Verdict same = dim_equal(a->dim, b->dim);
    infer_origin(i, d, a);
    infer_origin(i, d, b);
    if (same == PROVED) {
        diag_primary(d, "`%s` meets `%s` in axis %d", a->role, b->role, axis + 1);
        diag_note(d, "two different roles never match, whatever their sizes");
        diag_help(d, "rename the axis with a pattern, such as `x |> [i] -> [%s = i]`", a->role);
        return;
    }
    diag_primary(d, "axis %d would be both %s and %s", axis + 1, p, q);
    explain_symbol(d, a->dim);
    if (b->dim != a->dim) explain_symbol(d, b->dim);
    if (same == UNDECIDED) diag_help_settling(d, i->dims, condition_compare(i->arena, OP_EQ, a->dim, b->dim));
}

const char *axis_text(Infer *i, const Axis *a)
{
    const char *size = dim_text(i->arena, a->dim);
    return a->role ? str_format(i->arena, "%s = %s", a->role, size) : size;
}

void infer_fix(Infer *i, Diag *d, const Value *keep, const Value *change, int axis, const Dim *size)
{
    const Origin *o = change->type.axes[axis].origin;
    if (!keep->name || !change->name || !o || o->previous || !o->span.source || o->span.source->builtin) return;
    Type t = type_make(i->arena, change->type.dtype, change->type.rank, change->type.axes);
    Axis *axes = arena_copy(i->arena, t.axes, sizeof *axes * (size_t)t.rank);
    axes[axis].dim = size;
    t.axes = axes;
    t.range = change->type.range;
    diag_help(d, "for `%s` as it is, write `%s` for `%s` (line %d)", keep->name, type_text(i->arena, t), change->name,
              source_line(o->span.source, o->span.lo));
}

bool infer_has_axis(Infer *i, const Value *x, int axis)
{
    if (axis >= 0 && axis < x->type.rank) return true;
    const char *op = op_info(i->node->op)->text;
    Diag *d = infer_error(i, "E0202", "`%s` goes along axis %d, which `%s` does not have: it is %s", op, axis + 1,
                          value_text(x), type_text(i->arena, x->type));
    diag_primary(d, "no such axis");
    for (int k = 0; k < x->type.rank; k++) infer_origin(i, d, &x->type.axes[k]);
    return false;
}

static bool roles_match(const Infer *i, const Axis *a, const Axis *b)
{
    if (i->node->parent->graph->program->roles_settled) return true;
    return !a->role || !b->role || str_equal(a->role, b->role);
}

bool axes_match(const Infer *i, const Axis *a, const Axis *b)
{
    return roles_match(i, a, b) && dim_equal(a->dim, b->dim) == PROVED;
}

const char *axes_code(const Axis *a, const Axis *b, const char *refuted)
{
    Verdict same = dim_equal(a->dim, b->dim);
    return same == PROVED ? "E0206" : same == UNDECIDED ? "E0212" : refuted;
}

const Dim *dims_product(Dims *ds, const Dim *const *sizes, const int *at, int n)
{
    const Dim *p = dim_const(ds, 1);
    for (int k = 0; k < n; k++) p = dim_mul(ds, p, sizes[at[k]]);
    return p;
}
