/* array.c: an array as a file gives it becomes a column in the model's dtype, or a message says why it cannot. */
#include "driver/data/data.h"
#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
    uint32_t dtype;
    bool integer;
} scalars[] = {
    [SCALAR_BOOL] = {"bool", 1, NNRT_BOOL, false},
    [SCALAR_U8] = {"u8", 1, NNRT_U8, true},
    [SCALAR_I8] = {"i8", 1, NNRT_I8, true},
    [SCALAR_I16] = {"i16", 2, 0, true},
    [SCALAR_U16] = {"u16", 2, 0, true},
    [SCALAR_I32] = {"i32", 4, NNRT_I32, true},
    [SCALAR_U32] = {"u32", 4, 0, true},
    [SCALAR_I64] = {"i64", 8, NNRT_I64, true},
    [SCALAR_U64] = {"u64", 8, 0, true},
    [SCALAR_F32] = {"f32", 4, NNRT_F32, false},
    [SCALAR_F64] = {"f64", 8, NNRT_F64, false},
};

size_t scalar_bytes(Scalar s) { return scalars[s].bytes; }

bool array_sizes_fit(const RawArray *a, size_t available, size_t *out_needed)
{
    int64_t n = (int64_t)scalar_bytes(a->scalar);
    *out_needed = SIZE_MAX;
    for (int i = 0; i < a->rank; i++)
        if (__builtin_mul_overflow(n, a->shape[i], &n)) return false; /* even where an axis behind has no place */
    *out_needed = (size_t)n;
    return *out_needed <= available;
}

const char *view_type_text(Arena *arena, const nnrt_view *view)
{
    Text t = {arena, 0, 0, 0};
    text_add(&t, "%s", nnrt_dtype_name(view->dtype));
    if (view->range) text_add(&t, "<%" PRId64 ">", view->range);
    for (uint32_t i = 0; i < view->rank; i++) {
        const nnrt_axis *x = &view->axes[i];
        text_add(&t, i ? ", " : "[");
        if (x->role && *x->role) text_add(&t, "%s = ", x->role);
        if (x->size >= 0)
            text_add(&t, "%" PRId64, x->size);
        else
            text_add(&t, i ? "any" : "samples");
    }
    if (view->rank) text_add(&t, "]");
    return text_done(&t);
}

static const char *array_type_text(Arena *arena, const RawArray *a)
{
    Text t = {arena, 0, 0, 0};
    text_add(&t, "%s", scalars[a->scalar].name);
    for (int i = 0; i < a->rank; i++) text_add(&t, "%s%" PRId64, i ? ", " : "[", a->shape[i]);
    if (a->rank) text_add(&t, "]");
    return text_done(&t);
}

static Diag *array_mismatch(Cx *cx, const RawArray *a, const nnrt_view *view)
{
    Diag *d = diag_error(cx->diags, "E0213", NO_SPAN, "`%s` does not fit the input `%s`", a->path, view->name);
    diag_note(d, "`%s` is %s (%s)\nthe file is %s", view->name, view_type_text(cx->arena, view), view->where,
              array_type_text(cx->arena, a));
    return d;
}

static void load_element(const RawArray *a, int64_t i, unsigned char out[8])
{
    size_t n = scalar_bytes(a->scalar);
    for (size_t b = 0; b < n; b++) out[b] = a->at[(size_t)i * n + (a->big_endian ? n - 1 - b : b)];
}

/* The integer in little-endian bytes. What is beyond INT64_MAX is beyond any index, too. */
static int64_t integer_of(Scalar s, const unsigned char e[8])
{
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    switch (s) {
    case SCALAR_U8: return e[0];
    case SCALAR_I8: return (int8_t)e[0];
    case SCALAR_I16: memcpy(&i16, e, 2); return i16;
    case SCALAR_U16: memcpy(&u16, e, 2); return u16;
    case SCALAR_I32: memcpy(&i32, e, 4); return i32;
    case SCALAR_U32: memcpy(&u32, e, 4); return u32;
    case SCALAR_U64: memcpy(&u64, e, 8); return u64 > INT64_MAX ? INT64_MAX : (int64_t)u64;
    default: memcpy(&i64, e, 8); return i64;
    }
}

static Scalar scalar_of(uint32_t dtype)
{
    for (size_t i = 1; i < COUNT(scalars); i++)
        if (scalars[i].dtype == dtype) return (Scalar)i;
    return SCALAR_NONE;
}

double array_number(const RawArray *a, int64_t i)
{
    unsigned char e[8] = {0};
    float single;
    double v;
    load_element(a, i, e);
    memcpy(&single, e, sizeof single);
    memcpy(&v, e, sizeof v);
    if (a->scalar == SCALAR_F32) return single;
    if (a->scalar == SCALAR_F64) return v;
    return a->scalar == SCALAR_BOOL ? e[0] != 0 : (double)integer_of(a->scalar, e);
}

size_t column_bytes(const Column *c)
{
    size_t n = nnrt_dtype_bytes(c->view->dtype);
    for (int i = 0; i < c->rank; i++) n *= (size_t)c->shape[i];
    return n;
}

static RawArray array_of(const Column *c) { return (RawArray){.scalar = scalar_of(c->view->dtype), .at = c->at}; }

double column_number(const Column *c, int64_t i)
{
    RawArray a = array_of(c);
    return array_number(&a, i);
}

const char *column_text(Arena *arena, const Column *c, int64_t i)
{
    RawArray a = array_of(c);
    unsigned char e[8];
    if (!scalars[a.scalar].integer) return text_number(arena, array_number(&a, i), a.scalar == SCALAR_F32);
    load_element(&a, i, e);
    return str_format(arena, "%" PRId64, integer_of(a.scalar, e));
}

static bool store_index(Cx *cx, const RawArray *a, const nnrt_view *view, int64_t i, int64_t per_row, void *to)
{
    unsigned char e[8];
    load_element(a, i, e);
    int64_t v = integer_of(a->scalar, e);
    if (v < 0 || (view->range && v >= view->range)) {
        Diag *d = diag_error(cx->diags, "E0302", NO_SPAN,
                             "sample %" PRId64 " of `%s` is %" PRId64 ", but `%s` takes 0 to %" PRId64, i / per_row + 1,
                             a->path, v, view->name, view->range - 1);
        diag_note(d, "`%s` is %s (%s)", view->name, view_type_text(cx->arena, view), view->where);
        return false;
    }
    if (view->dtype == NNRT_I64)
        ((int64_t *)to)[i] = v;
    else if (view->dtype == NNRT_I32)
        ((int32_t *)to)[i] = (int32_t)v;
    else
        ((uint8_t *)to)[i] = (uint8_t)v;
    return true;
}

static bool array_shape_fits(const RawArray *a, const nnrt_view *view)
{
    if (a->rank != (int)view->rank) return false;
    for (int i = 1; i < a->rank; i++)
        if (a->shape[i] < 1 || (view->axes[i].size >= 0 && view->axes[i].size != a->shape[i])) return false;
    return true;
}

bool array_column(Cx *cx, const RawArray *a, const nnrt_view *view, Column *out)
{
    bool index = view->range && scalars[a->scalar].integer;
    if (!index && scalars[a->scalar].dtype != view->dtype) {
        Diag *d = array_mismatch(cx, a, view);
        if (scalars[a->scalar].dtype)
            diag_help(d, "element types never convert by themselves: write `%s` in the type of `%s` and convert it in the "
                      "model", scalars[a->scalar].name, view->name);
        else
            diag_help(d, "no input has such elements: save the array as %s", nnrt_dtype_name(view->dtype));
        return false;
    }
    if (!array_shape_fits(a, view)) {
        array_mismatch(cx, a, view);
        return false;
    }
    int64_t n = 1, per_row = 1;
    for (int i = 0; i < a->rank; i++) n *= a->shape[i];
    if (a->rank && a->shape[0]) per_row = n / a->shape[0];
    size_t bytes = nnrt_dtype_bytes(view->dtype);
    *out = (Column){.view = view,
                    .rank = a->rank,
                    .row_bytes = (size_t)per_row * bytes,
                    .at = arena_alloc(cx->arena, (size_t)n * bytes)};
    memcpy(out->shape, a->shape, sizeof out->shape);
    for (int64_t i = 0; i < n; i++) {
        if (!index)
            load_element(a, i, (unsigned char *)out->at + (size_t)i * bytes);
        else if (!store_index(cx, a, view, i, per_row, out->at))
            return false;
    }
    return true;
}
