/* The elementary functions as they are compiled, for every level that runs here: chosen f64 against libm in the next
   wider format, and the same bits in vectors and alone. Prints the largest error of each in units of the last place: 4
   is what the reference interpreter allows. f32 is measured by tools/ulp. */
#include "lane_bench.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { BLOCK = 8192 };
static const double allowed_ulps = 4;

/* ---- the functions and what they should give ---- */
static long double sigmoidl(long double x) { return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }

typedef struct Function { OpCode op; long double (*f)(long double); } Function;
static const Function functions[] = {
    {OP_EXP, expl}, {OP_EXPM1, expm1l}, {OP_LOG, logl}, {OP_LOG1P, log1pl}, {OP_SIN, sinl}, {OP_COS, cosl},
    {OP_TANH, tanhl}, {OP_ERF, erfl}, {OP_SIGMOID, sigmoidl}, {OP_SQRT, sqrtl}, {OP_FLOOR, floorl}, {OP_CEIL, ceill},
    {OP_ROUND, nearbyintl},
};

/* ---- errors ---- */
/* In units of the last place of the exact value; a wrong infinity, NaN or sign of zero counts as infinitely many. */
static double ulps(DType t, double got, long double want)
{
    double largest = t == DT_F32 ? FLT_MAX : DBL_MAX;
    int bits = t == DT_F32 ? 24 : 53, least = t == DT_F32 ? -149 : -1074, exponent;
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if (want == 0) return got == 0 && !signbit(got) == !signbit(want) ? 0 : INFINITY;
    frexpl(want, &exponent);
    long double ulp = ldexpl(1, exponent - bits < least ? least : exponent - bits);
    if (fabsl(want) > largest) {
        long double over = (fabsl(want) - largest) / ulp;
        return isinf(got) && !signbit(got) == !signbit(want) ? 0 : fabs(got) == largest ? (double)over : INFINITY;
    }
    if (isinf(got)) return (double)((ldexpl(1, t == DT_F32 ? 128 : 1024) - fabsl(want)) / ulp);
    return (double)(fabsl(got - want) / ulp);
}

typedef struct Worst { double ulps, at, also; } Worst;

static void worse(Worst *w, double e, double x, double y)
{
    if (!(e <= w->ulps)) *w = (Worst){e, x, y};
}

static void report(const Tried *l, DType t, OpCode op, Worst w)
{
    const char *name = op_info(op)->text;
    printf("%-10s %s %-8s %.3f ulp at %a %a\n", l->target->name, dtype_name(t), name, w.ulps, w.at, w.also);
    if (!(w.ulps <= allowed_ulps)) fail_msg("%s is off by %g ulp at %a", name, w.ulps, w.at);
}

static void assert_lanes_agree(Tried *l, OpCode op, DType t, const void *a, const void *b, const void *want, int64_t n)
{
    static double again[BLOCK];
    loop_of(l, op, t, t, "one")(a, b, again, n);
    assert_memory_equal(want, again, (size_t)n * (size_t)dtype_bytes(t));
}

/* ---- f64: chosen points ---- */
static uint64_t random_state = 1;
static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}
static double random_unit(void) { return (double)(random_bits() >> 11) * 0x1p-53; }
static double random_any(void)
{
    uint64_t bits = random_bits();
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static const double special[] = {
    0.0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, -0.5, 2, -2, 3, -3, DBL_MAX, -DBL_MAX, DBL_MIN, -DBL_MIN,
    0x1p-1074, -0x1p-1074, 0x1.fffffffffffffp-1, 0x1.0000000000001p0, -0x1.fffffffffffffp-1, FLT_MAX, FLT_MIN,
    0x1p-149, -100, 100, 709.782712893384, 709.7827128933841, -745.1332191019412, -745.2, 88.72283, 88.7229,
    -103.98, 1.5, -1.5, 2.5, -2.5, 0x1p52, 0x1p53, -0x1p53, 0x1p31, 0x1p63, -0x1p63, 0x1p64, 1e22,
    0x1.921fb54442d18p0, 0x1.921fb54442d18p1, 6381956970095103 * 0x1p797,
};

/* Any bits, the usual range, the range of e^x, near 1, near multiples of pi/2, powers of small numbers. */
static double random_point(int i)
{
    if (i < (int)COUNT(special)) return special[i];
    switch (i % 6) {
    case 0: return random_any();
    case 1: return 20 * random_unit() - 10;
    case 2: return 1500 * random_unit() - 750;
    case 3: return 1 + ldexp(random_unit() - 0.5, -(int)(random_bits() % 50));
    case 4: return floor(ldexp(random_unit(), (int)(random_bits() % 60))) * 0x1.921fb54442d18p0;
    default: return ldexp(random_unit() - 0.5, -(int)(random_bits() % 60));
    }
}

static void f64_points(Tried *l, const Function *f)
{
    static double in[BLOCK], out[BLOCK];
    LoopFn *loop = loop_of(l, f->op, DT_F64, DT_F64, "all");
    Worst w = {0};
    for (int round = 0; round < 24; round++) {
        for (int i = 0; i < BLOCK; i++) in[i] = random_point(round == 0 ? i : i + (int)COUNT(special));
        loop(in, in, out, BLOCK);
        if (round % 8 == 0) assert_lanes_agree(l, f->op, DT_F64, in, in, out, BLOCK);
        for (int i = 0; i < BLOCK; i++) worse(&w, ulps(DT_F64, out[i], f->f(in[i])), in[i], 0);
    }
    report(l, DT_F64, f->op, w);
}

/* ---- f32: any bits ---- */
static void f32_lanes(Tried *l, OpCode op)
{
    static float in[BLOCK], out[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        uint32_t bits = (uint32_t)random_bits();
        memcpy(&in[i], &bits, sizeof bits);
    }
    loop_of(l, op, DT_F32, DT_F32, "all")(in, in, out, BLOCK);
    assert_lanes_agree(l, op, DT_F32, in, in, out, BLOCK);
}

static void functions_emit(Cg *cg)
{
    for (size_t i = 0; i < COUNT(functions); i++) {
        both_emit(cg, functions[i].op, DT_F32, DT_F32);
        both_emit(cg, functions[i].op, DT_F64, DT_F64);
    }
}

static void test_functions(void **state)
{
    int n;
    const char *const *names = codegen_levels(&n);
    (void)state;
    for (int i = 0; i < n; i++) {
        Tried *l = level_open(names[i], functions_emit);
        if (!l) continue;
        for (size_t k = 0; k < COUNT(functions); k++) f32_lanes(l, functions[k].op);
        for (size_t k = 0; k < COUNT(functions); k++) f64_points(l, &functions[k]);
        level_close(l);
    }
}

/* ---- powers ---- */
/* Points where the power neither overflows nor vanishes, and any others. */
static void power_point(DType t, int i, double *x, double *y)
{
    int count = (int)COUNT(special);
    double reach = t == DT_F32 ? 100 : 740;
    *x = special[i % count];
    *y = special[i / count % count];
    if (i < count * count) return;
    switch (i % 3) {
    case 0: *x = random_any(); break;
    case 1: *x = ldexp(random_unit(), (int)(random_bits() % 64) - 32); break;
    default: *x = 1 + ldexp(random_unit() - 0.5, -(int)(random_bits() % 40));
    }
    *y = i % 5 == 0 ? random_any() : reach * (2 * random_unit() - 1) / log(fabs(*x));
    if (i % 7 == 0) *y = floor(*y);
}

/* glibc's powl(-inf, -2^63) is inf, its pow is right: the wider one is asked for finite numbers only. Both make NaN of a
   signalling NaN where C defines 1. */
static long double exact_power(double x, double y)
{
    if (x == 1 || y == 0) return 1;
    return isfinite(x) && isfinite(y) ? powl(x, y) : pow(x, y);
}

static void powers_check(Tried *l, DType t)
{
    static double x[BLOCK], y[BLOCK], a[BLOCK], b[BLOCK], out[BLOCK];
    Worst w = {0};
    for (int round = 0; round < 24; round++) {
        for (int i = 0; i < BLOCK; i++) {
            power_point(t, i + round * BLOCK, &x[i], &y[i]);
            element_set(t, a, i, x[i]);
            element_set(t, b, i, y[i]);
        }
        loop_of(l, OP_POW, t, t, "all")(a, b, out, BLOCK);
        assert_lanes_agree(l, OP_POW, t, a, b, out, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            double u = element_of(t, a, i), v = element_of(t, b, i);
            worse(&w, ulps(t, element_of(t, out, i), exact_power(u, v)), u, v);
        }
    }
    report(l, t, OP_POW, w);
}

static void powers_emit(Cg *cg)
{
    both_emit(cg, OP_POW, DT_F32, DT_F32);
    both_emit(cg, OP_POW, DT_F64, DT_F64);
}

static void test_powers(void **state)
{
    int n;
    const char *const *names = codegen_levels(&n);
    (void)state;
    for (int i = 0; i < n; i++) {
        Tried *l = level_open(names[i], powers_emit);
        if (!l) continue;
        powers_check(l, DT_F32);
        powers_check(l, DT_F64);
        level_close(l);
    }
}

/* ---- the levels that fuse give the same bits ---- */
static uint64_t outputs_hash(Tried *l, DType t)
{
    static double in[BLOCK], out[BLOCK];
    uint64_t h = 0;
    random_state = 7;
    for (int i = 0; i < BLOCK; i++) element_set(t, in, i, random_point(i));
    for (size_t k = 0; k < COUNT(functions); k++) {
        loop_of(l, functions[k].op, t, t, "all")(in, in, out, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            double v = element_of(t, out, i);
            h = isnan(v) ? h * 31 : hash_bytes(h, &v, sizeof v);
        }
    }
    return h;
}

static void test_levels_agree(void **state)
{
    (void)state;
    Tried *a = level_open("x86-64-v3", functions_emit), *b = level_open("x86-64-v4", functions_emit);
    for (DType t = DT_F32; a && b && t <= DT_F64; t++) assert_true(outputs_hash(a, t) == outputs_hash(b, t));
    bool both = a && b;
    if (a) level_close(a);
    if (b) level_close(b);
    if (!both) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions), cmocka_unit_test(test_powers), cmocka_unit_test(test_levels_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
