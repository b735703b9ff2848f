/* Sizes, types and places of the flat form. */
#include "frontend/flat.h"
#include <errno.h>
#include <stdlib.h>

static const Dim *dim_fail(Flat *f, const Expr *e)
{
    flat_error(f, e->span, "this is no size");
    return NULL;
}

static const Dim *dim_named(Flat *f, const Expr *e)
{
    for (int i = 0; i < f->program->symbols.n; i++) {
        const Symbol *s = f->own ? f->own[i] : f->program->symbols.at[i];
        if (str_equal(s->name, e->text)) return dim_symbol(f->program->dims, s);
    }
    flat_error(f, e->span, "no dim is called `%s`", e->text);
    return NULL;
}

static const Dim *dim_number(Flat *f, const Expr *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(e->text, &end, 10);
    return errno || *end ? dim_fail(f, e) : dim_const(f->program->dims, v);
}

static const Dim *dim_binary(Flat *f, const Expr *e)
{
    Dims *ds = f->program->dims;
    const Dim *a = flat_dim(f, e->a), *b = a ? flat_dim(f, e->b) : NULL;
    if (!b) return NULL;
    switch (e->op) {
    case OP_ADD: return dim_add(ds, a, b);
    case OP_SUB: return dim_sub(ds, a, b);
    case OP_MUL: return dim_mul(ds, a, b);
    case OP_MOD: return dim_mod(ds, a, b);
    default: return dim_fail(f, e);
    }
}

/* floor(p/k), max(p, q) */
static const Dim *dim_call(Flat *f, const Expr *e)
{
    const char *name = e->a->kind == EX_REF ? e->a->text : "";
    const Expr *first = e->args.n ? e->args.at[0].value : NULL;
    bool is_floor = str_equal(name, "floor") && e->args.n == 1 && first->kind == EX_BINARY && first->op == OP_DIV;
    if (!is_floor && !(str_equal(name, "max") && e->args.n == 2)) return dim_fail(f, e);
    const Dim *p = flat_dim(f, is_floor ? first->a : first);
    const Dim *q = p ? flat_dim(f, is_floor ? first->b : e->args.at[1].value) : NULL;
    if (!q) return NULL;
    return is_floor ? dim_floor(f->program->dims, p, q) : dim_max(f->program->dims, p, q);
}

const Dim *flat_dim(Flat *f, const Expr *e)
{
    switch (e->kind) {
    case EX_NUMBER: return dim_number(f, e);
    case EX_REF: return dim_named(f, e);
    case EX_BINARY: return dim_binary(f, e);
    case EX_CALL: return dim_call(f, e);
    case EX_UNARY: {
        const Dim *d = e->op == OP_NEG ? flat_dim(f, e->a) : dim_fail(f, e);
        return d ? dim_sub(f->program->dims, dim_const(f->program->dims, 0), d) : NULL;
    }
    default: return dim_fail(f, e);
    }
}

bool flat_int(Flat *f, const Expr *e, int64_t *out)
{
    const Dim *d = flat_dim(f, e);
    if (!d) return false;
    return dim_is_const(d, out) || flat_error(f, e->span, "a plain number is needed here");
}

bool flat_type(Flat *f, const TypeExpr *e, Type *out)
{
    Axis axes[MAX_RANK];
    if (!e || !e->name) return flat_error(f, e ? e->span : NO_SPAN, "a type is needed here");
    *out = type_scalar(dtype_named(e->name));
    if (out->dtype == DT_NONE) return flat_error(f, e->span, "no dtype is called `%s`", e->name);
    if (e->range && !(out->range = flat_dim(f, e->range))) return false;
    if (e->axes.n > MAX_RANK) return flat_error(f, e->span, "a tensor has %d axes at most", MAX_RANK);
    for (int i = 0; i < e->axes.n; i++) {
        const AxisExpr *a = &e->axes.at[i];
        Origin *o = NEW(f->arena, Origin);
        o->span = a->span;
        axes[i] = (Axis){flat_dim(f, a->size), a->role, o};
        if (!axes[i].dim) return false;
    }
    const Dim *range = out->range;
    *out = type_make(f->arena, out->dtype, e->axes.n, axes);
    out->range = range;
    return true;
}

static Area area_named(const Expr *e)
{
    for (int a = AREA_NONE + 1; a <= AREA_WORK; a++)
        if (e->kind == EX_REF && str_equal(area_name((Area)a), e->text)) return (Area)a;
    return AREA_NONE;
}

/* @(64*N) in the workspace, @(output, 0), @(params, 128) */
bool flat_place(Flat *f, const TypeExpr *e, Place *out)
{
    *out = (Place){0};
    if (!e->place.n) return true;
    const Expr *last = e->place.at[e->place.n - 1];
    out->area = e->place.n == 1 ? AREA_WORK : area_named(e->place.at[0]);
    if (e->place.n > 2 || out->area == AREA_NONE) return flat_error(f, e->span, "this is no place");
    if (out->area == AREA_INPUT || out->area == AREA_OUTPUT) {
        int64_t index;
        if (!flat_int(f, last, &index)) return false;
        out->index = (int)index;
        return true;
    }
    out->offset = flat_dim(f, last);
    return out->offset != NULL;
}
