/* Operators that must be exact, as they are compiled, against the reference interpreter: every dtype, the ends of every
   range, zero divisors, NaN, conversions between all dtypes, for every level that runs here. */
#include "lane_bench.h"
#include "ir/op/op.h"
#include <math.h>
#include <string.h>

enum { MOST = 4096 };

static const OpCode arithmetic[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_NEG, OP_MIN2, OP_MAX2, OP_ABS, OP_SIGN};
static const OpCode comparisons[] = {OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE};
static const OpCode logic[] = {OP_AND, OP_OR, OP_NOT, OP_EQ, OP_NE};
static const double floats[] = {
    0.0, -0.0, 1, -1, 0.5, -0.5, 0.75, 1.5, 2.5, -2.5, 3, -3, 7, 10, 127, 128, -128, -129, 255, 256, 300, -300, 0x1p24,
    0x1p31, 0x1.fffffep30, -0x1p31, -0x1.2p31, 0x1p53, 0x1p63, -0x1p63, 0x1.fffffep62, 1e30, -1e30, 0x1p-149, 0x1p-126,
    INFINITY, -INFINITY, NAN,
};
static const int64_t wholes[] = {
    0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 10, 63, 64, 100, 127, -128, 128, 255, -200, 1000, 65536, INT32_MAX, INT32_MIN,
    (int64_t)INT32_MAX + 1, 1ll << 52, -(1ll << 52),
};

static double point(DType t, size_t i)
{
    if (dtype_is_float(t)) return dtype_round(t, floats[i % COUNT(floats)]);
    return t == DT_BOOL ? (double)(i % 2) : dtype_round(t, (double)wholes[i % COUNT(wholes)]);
}

static size_t points(DType t) { return t == DT_BOOL ? 2 : dtype_is_float(t) ? COUNT(floats) : COUNT(wholes); }

static void compare_bits(Tried *l, OpCode op, DType in, DType out)
{
    static char a[MOST * 8], b[MOST * 8], got[2][MOST * 8];
    size_t n = points(in), all = n * n;
    int64_t whole = (int64_t)(all + 63) / 64 * 64;
    for (int64_t i = 0; i < whole; i++) {
        element_set(in, a, i, point(in, (size_t)i % n));
        element_set(in, b, i, point(in, (size_t)i / n % n));
    }
    loop_of(l, op, in, out, "all")(a, b, got[0], whole);
    loop_of(l, op, in, out, "one")(a, b, got[1], whole);
    Scalar s = {.in = in, .out = out, .fma = l->target->fma};
    for (int64_t i = 0; i < whole; i++) {
        Num x[2] = {{element_of(in, a, i), 0, 0}, {element_of(in, b, i), 0, 0}};
        double want = op_scalar(op)(x, &s).value;
        for (int k = 0; k < 2; k++) {
            double y = element_of(out, got[k], i);
            bool signs = !dtype_is_float(out) || !signbit(want) == !signbit(y);
            if ((isnan(want) && isnan(y)) || (want == y && signs)) continue;
            fail_msg("%s: %s of %s (%g, %g) to %s is %g, not %g", l->target->name, op_info(op)->text, dtype_name(in),
                     x[0].value, x[1].value, dtype_name(out), y, want);
        }
    }
}

typedef void Visit(void *context, OpCode op, DType in, DType out);

static void each_case(Visit *visit, void *context)
{
    for (DType t = DT_U8; t < DT_COUNT; t++) {
        for (size_t i = 0; i < COUNT(arithmetic); i++) visit(context, arithmetic[i], t, t);
        for (size_t i = 0; i < COUNT(comparisons); i++) visit(context, comparisons[i], t, DT_BOOL);
    }
    for (size_t i = 0; i < COUNT(logic); i++) visit(context, logic[i], DT_BOOL, DT_BOOL);
    for (DType from = DT_BOOL; from < DT_COUNT; from++)
        for (DType to = DT_BOOL; to < DT_COUNT; to++) visit(context, OP_CONVERT, from, to);
}

static void visit_emit(void *context, OpCode op, DType in, DType out) { both_emit(context, op, in, out); }
static void visit_check(void *context, OpCode op, DType in, DType out) { compare_bits(context, op, in, out); }
static void emit_all(Cg *cg) { each_case(visit_emit, cg); }

static void test_exact_operators(void **state)
{
    int n;
    const char *const *names = codegen_levels(&n);
    (void)state;
    for (int i = 0; i < n; i++) {
        Tried *l = level_open(names[i], emit_all);
        if (!l) continue;
        each_case(visit_check, l);
        level_close(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact_operators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
