/* result.c: values against the types that are written for them. */
#include "frontend/elab.h"

static bool is_flattened(Frame *f, Type want, Type have)
{
    if (want.rank != 2 || have.rank <= 2 || !dim_same(want.axes[0].dim, have.axes[0].dim)) return false;
    const Dim *sample = dim_const(f->e->dims, 1);
    for (int i = 1; i < have.rank; i++) sample = dim_mul(f->e->dims, sample, have.axes[i].dim);
    return dim_same(sample, want.axes[1].dim);
}

/* What would make the two types one. */
static void help_written(Diag *d, Frame *f, const TypeExpr *t, Type want, Type have, bool settled)
{
    int64_t last;
    if (settled || t->span.source->builtin) return;
    if (is_flattened(f, want, have)) diag_help(d, "put `|> flatten` behind it");
    else if (want.rank == 2 && have.rank > 2 && dim_same(have.axes[have.rank - 1].dim, want.axes[1].dim) &&
             dim_same(have.axes[0].dim, want.axes[0].dim))
        diag_help(d, "a layer works on the last axis; `|> flatten` before the first makes one of all of a sample's");
    else if (have.rank == want.rank + 1 && dim_is_const(have.axes[have.rank - 1].dim, &last) && last == 1)
        diag_help(d, "drop the axis of size 1: `|> [..., 1] -> [...]`");
    else diag_help(d, "if what arrives is meant, write `%s` (line %d)", type_text(f->e->arena, have),
                   source_line(t->span.source, t->span.lo));
}

static Val type_fault(Frame *f, const TypeExpr *t, Type want, Val v, Span at)
{
    Elab *e = f->e;
    Type have = v.tensor->type;
    bool dtype = have.dtype != want.dtype, open = have.rank == want.rank && !dtype;
    for (int i = 0; open && i < want.rank; i++) open &= dim_equal(want.axes[i].dim, have.axes[i].dim) != REFUTED;
    bool alike = open;
    for (int i = 0; alike && i < want.rank; i++) alike = dim_equal(want.axes[i].dim, have.axes[i].dim) == PROVED;
    const char *code = dtype ? "E0301" : have.rank != want.rank ? "E0202" : alike ? "E0302" : open ? "E0212" : "E0215";
    Diag *d = fault(f, at, code, "this is %s, but its type is written as %s", type_text(e->arena, have),
                    type_text(e->arena, want));
    diag_primary(d, "this is %s", type_text(e->arena, have));
    diag_label(d, t->span, "%s is written here", type_text(e->arena, want));
    for (int i = 0; i < have.rank && !dtype; i++)
        if (i >= want.rank || dim_equal(want.axes[i].dim, have.axes[i].dim) != PROVED)
            label_origin(d, have.axes[i].origin, "%s comes from here", dim_text(e->arena, have.axes[i].dim));
    for (int i = 0; open && i < want.rank; i++)
        if (dim_equal(want.axes[i].dim, have.axes[i].dim) == UNDECIDED)
            diag_help_settling(d, e->dims, condition_compare(e->arena, OP_EQ, want.axes[i].dim, have.axes[i].dim));
    help_written(d, f, t, want, have, dtype || open);
    if (dtype) diag_help(d, "dtypes change only by name: `%s(...)`", dtype_name(want.dtype));
    return poison;
}

static Val checked_tensor(Frame *f, const TypeExpr *t, Type want, Val v, Span at)
{
    Type have = v.tensor->type;
    if (f->pointwise && want.rank == 0) return have.dtype == want.dtype ? v : type_fault(f, t, want, v, at);
    bool good = have.dtype == want.dtype && have.rank == want.rank, roles = false;
    for (int i = 0; good && i < want.rank; i++) {
        const Axis *p = &want.axes[i], *q = &have.axes[i];
        good = dim_equal(p->dim, q->dim) == PROVED;
        if (good && p->role && q->role && !str_equal(p->role, q->role)) {
            Diag *d = fault(f, at, "E0206", "axis %d is `%s`, but its type calls it `%s`", i + 1, q->role, p->role);
            diag_primary(d, "this is %s", type_text(f->e->arena, have));
            diag_label(d, t->span, "%s is written here", type_text(f->e->arena, want));
            label_origin(d, q->origin, "`%s` comes from here", q->role);
            return poison;
        }
        roles |= p->role && !q->role;
    }
    if (good && want.range) good = have.range && dim_equal(want.range, have.range) == PROVED;
    if (!good) return type_fault(f, t, want, v, at);
    if (!roles) return v;
    int place[MAX_RANK];
    for (int i = 0; i < want.rank; i++) place[i] = i;
    return val_tensor(move_repeat(f, v.tensor, &want, place, at));
}

static Val result_tuple(Frame *f, const TypeExpr *t, Val v, Span at)
{
    if (v.kind != VAL_TUPLE || v.n != t->fields.n) {
        const char *are = t->fields.n == 1 ? " is" : "s are";
        Diag *d = fault(f, at, "E0404", "%d result%s declared, but this is %s", t->fields.n, are, val_text(f->e, v));
        diag_primary(d, "%d result%s needed", t->fields.n, are);
        diag_label(d, t->span, "declared here");
        if (t->fields.n == 1)
            diag_help(d, "a single result has no name: write `-> %s`", source_text(f->e, t->fields.at[0].type->span));
        return poison;
    }
    Val out = v;
    out.parts = NEW_ARRAY(f->e->arena, Val, v.n);
    out.names = NEW_ARRAY(f->e->arena, const char *, v.n);
    for (int i = 0; i < v.n; i++) {
        out.parts[i] = result_check(f, t->fields.at[i].type, v.parts[i], at);
        out.names[i] = t->fields.at[i].name;
    }
    return out;
}

Val result_check(Frame *f, const TypeExpr *t, Val v, Span at)
{
    if (v.kind == VAL_POISON) return v;
    const char *instance = instance_type(f, t);
    if (instance) return tree_check(f, instance, v, at);
    if (type_is_tree(t) && v.kind == VAL_TREE) return v;
    if (!t->name) return result_tuple(f, t, v, at);
    if (f->numeric && v.kind == VAL_NUMBER) return v;
    if (str_equal(t->name, "real") && !f->real && v.kind == VAL_TENSOR && dtype_is_float(v.tensor->type.dtype))
        f->real = v.tensor->type.dtype;
    Type want;
    if (!type_of_expr(f, t, &want)) return poison;
    if (v.kind == VAL_NUMBER || v.kind == VAL_BOOL) {
        Value *filled = fill_type(f, v, &want, at);
        return filled ? val_tensor(filled) : poison;
    }
    if (v.kind == VAL_TENSOR) return checked_tensor(f, t, want, v, at);
    Diag *d = fault(f, at, "E0412", "a tensor is needed here, but this is %s", val_text(f->e, v));
    diag_primary(d, "%s is needed", type_text(f->e->arena, want));
    return poison;
}
