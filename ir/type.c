/* Types: a dtype and axes. */
#include "ir/ir.h"
#include <string.h>

static const struct { const char *name; int bytes; bool is_float, is_int; } dtypes[DT_COUNT] = {
    [DT_NONE] = {"unknown", 0, false, false},
#define X(N, text, bytes, fl, in) [DT_##N] = {text, bytes, fl, in},
    DTYPES(X)
#undef X
};

const char *dtype_name(DType t)
{
    return dtypes[t].name;
}

int dtype_bytes(DType t)
{
    return dtypes[t].bytes;
}

bool dtype_is_float(DType t)
{
    return dtypes[t].is_float;
}

bool dtype_is_int(DType t)
{
    return dtypes[t].is_int;
}

DType dtype_named(const char *name)
{
    for (int t = DT_NONE + 1; t < DT_COUNT; t++)
        if (!strcmp(dtypes[t].name, name)) return (DType)t;
    return DT_NONE;
}

Type type_scalar(DType t)
{
    return (Type){.dtype = t};
}

Type type_make(Arena *a, DType t, int rank, const Axis *axes)
{
    return (Type){.dtype = t, .rank = rank, .axes = arena_copy(a, axes, sizeof *axes * (size_t)rank)};
}

Type type_with_dtype(Type t, DType d)
{
    t.dtype = d;
    if (!dtype_is_int(d)) t.range = NULL;
    return t;
}

bool type_is_poison(Type t)
{
    return t.dtype == DT_NONE;
}

bool type_same_shape(Type a, Type b)
{
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; i++)
        if (!dim_same(a.axes[i].dim, b.axes[i].dim)) return false;
    return true;
}

bool type_same(Type a, Type b)
{
    return a.dtype == b.dtype && dim_same(a.range, b.range) && type_same_shape(a, b);
}

const Dim *type_size(Dims *ds, Type t)
{
    const Dim *size = dim_const(ds, 1);
    for (int i = 0; i < t.rank; i++) size = dim_mul(ds, size, t.axes[i].dim);
    return size;
}

const Dim *type_bytes(Dims *ds, Type t)
{
    return dim_mul(ds, type_size(ds, t), dim_const(ds, dtype_bytes(t.dtype)));
}

const char *type_text(Arena *a, Type t)
{
    Text to = {.arena = a};
    text_add(&to, "%s", dtype_name(t.dtype));
    if (t.range) text_add(&to, "<%s>", dim_text(a, t.range));
    for (int i = 0; i < t.rank; i++) {
        text_add(&to, i ? ", " : "[");
        if (t.axes[i].role) text_add(&to, "%s = ", t.axes[i].role);
        text_add(&to, "%s", dim_text(a, t.axes[i].dim));
    }
    if (t.rank) text_add(&to, "]");
    return text_done(&to);
}
