/* tensor_assert.h: comparisons of numbers that say where and by how much two tensors differ. */
#ifndef TENSOR_ASSERT_H
#define TENSOR_ASSERT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "ir/ir.h"

/* How many representable numbers lie between a and b. */
int64_t ulp_distance_f32(float a, float b);
int64_t ulp_distance_f64(double a, double b);

/* A compiled tensor (raw memory in want's dtype) against the interpreter's. */
#define assert_array_bits(want, got) \
    assert_array_bits_at((want), (got), __FILE__, __LINE__)      /* equal values, NaN to NaN */
#define assert_array_bound(want, got) \
    assert_array_bound_at((want), (got), __FILE__, __LINE__)    /* within each element's bound */
#define assert_array_close(want, got, relative) assert_array_close_at((want), (got), (relative), __FILE__, __LINE__)
void assert_array_bits_at(const Array *want, const void *got, const char *file, int line);
void assert_array_bound_at(const Array *want, const void *got, const char *file, int line);
void assert_array_close_at(const Array *want, const void *got, double relative, const char *file, int line);
double element_of(DType t, const void *data, int64_t i);
void element_set(DType t, void *data, int64_t i, double v);
#endif
