/* tensor_assert.c: the first element that differs, both values, and the distance. */
#include "tensor_assert.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t ordered(int64_t bits, int64_t lowest) { return bits < 0 ? lowest - bits : bits; }

int64_t ulp_distance_f32(float a, float b)
{
    int32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b) ? 0 : INT64_MAX;
    return llabs(ordered(x, INT32_MIN) - ordered(y, INT32_MIN));
}

int64_t ulp_distance_f64(double a, double b)
{
    int64_t x, y, d;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b) ? 0 : INT64_MAX;
    if (__builtin_sub_overflow(ordered(x, INT64_MIN), ordered(y, INT64_MIN), &d)) return INT64_MAX;
    return d < 0 ? -d : d;
}

double element_of(DType t, const void *data, int64_t i)
{
    switch (t) {
    case DT_F32: return ((const float *)data)[i];
    case DT_F64: return ((const double *)data)[i];
    case DT_I32: return ((const int32_t *)data)[i];
    case DT_I64: return (double)((const int64_t *)data)[i];
    case DT_I8: return ((const int8_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

void element_set(DType t, void *data, int64_t i, double v)
{
    switch (t) {
    case DT_F32: ((float *)data)[i] = (float)v; break;
    case DT_F64: ((double *)data)[i] = v; break;
    case DT_I32: ((int32_t *)data)[i] = (int32_t)v; break;
    case DT_I64: ((int64_t *)data)[i] = (int64_t)v; break;
    case DT_I8: ((int8_t *)data)[i] = (int8_t)v; break;
    default: ((uint8_t *)data)[i] = (uint8_t)v; break;
    }
}

static void differ(const Array *want, int64_t i, double got, double allowed, const char *file, int line)
{
    double w = want->at[i].value;
    int64_t ulp = want->type.dtype == DT_F32 ? ulp_distance_f32((float)w, (float)got) : ulp_distance_f64(w, got);
    print_error("element %" PRId64 " of %" PRId64 ": wanted %.17g, got %.17g (%" PRId64 " ULP apart, %g allowed)\n", i,
                want->size, w, got, ulp, allowed);
    _fail(file, line);
}

static bool both_nan(double a, double b) { return isnan(a) && isnan(b); }

void assert_array_bits_at(const Array *want, const void *got, const char *file, int line)
{
    for (int64_t i = 0; i < want->size; i++) {
        double w = want->at[i].value, g = element_of(want->type.dtype, got, i);
        if (w != g && !both_nan(w, g)) differ(want, i, g, 0, file, line);
    }
}

void assert_array_bound_at(const Array *want, const void *got, const char *file, int line)
{
    for (int64_t i = 0; i < want->size; i++) {
        double w = want->at[i].value, g = element_of(want->type.dtype, got, i), bound = want->at[i].bound;
        if (w == g || both_nan(w, g)) continue;
        if (!(fabs(w - g) <= bound)) differ(want, i, g, bound, file, line);
    }
}

void assert_array_close_at(const Array *want, const void *got, double relative, const char *file, int line)
{
    double scale = 0;
    for (int64_t i = 0; i < want->size; i++) scale = fmax(scale, fabs(want->at[i].value));
    for (int64_t i = 0; i < want->size; i++) {
        double w = want->at[i].value, g = element_of(want->type.dtype, got, i);
        if (!(fabs(w - g) <= relative * scale) && !both_nan(w, g) && w != g)
            differ(want, i, g, relative * scale, file, line);
    }
}
