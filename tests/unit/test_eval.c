/* The interpreter against values worked out by hand: orders, ties, ends of ranges, tangents, bounds. */
#include "tensor_assert.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* A graph under construction, its input arrays and the run over it. */
typedef struct Bench {
    Cx *cx;
    Program *p;
    Graph *g;
    Site site;
    Array inputs[8];
    Symbol n;
    EvalInputs in;
} Bench;

static Bench *bench_new(void)
{
    Cx *cx = cx_new();
    Bench *b = NEW(cx->arena, Bench);
    b->cx = cx;
    b->p = program_new(cx, "bench", "bench.nn");
    b->g = graph_new(b->p, GRAPH_MODEL, "bench", &b->site);
    b->n = (Symbol){.name = "N", .low = 1, .high = INT64_MAX};
    b->in = (EvalInputs){.inputs = b->inputs, .step = 1, .epoch = 1, .fma = true};
    return b;
}

static void bench_free(Bench *b)
{
    assert_int_equal(b->cx->diags->errors, 0);
    cx_free(b->cx);
}

static Type type_of(Bench *b, DType t, int rank, const int64_t *shape)
{
    Axis axes[MAX_RANK] = {{0}};
    for (int k = 0; k < rank; k++) axes[k].dim = dim_const(b->p->dims, shape[k]);
    return type_make(b->p->arena, t, rank, axes);
}

static Value *bench_op(Bench *b, OpCode op, int nin, Value *const *in, const Attr *attr, const Type *type)
{
    return value_new(b->g->body, op, in, nin, attr, type, &b->site, b->cx);
}

static Value *bench_input(Bench *b, Type t, const double *values)
{
    Attr attr = {.index = b->g->inputs.n};
    Value *v = bench_op(b, OP_INPUT, 0, NULL, &attr, &t);
    static const int64_t symbols[1];
    Array x = array_new(b->p->arena, t, symbols);
    for (int64_t k = 0; k < x.size; k++) x.at[k].value = values[k];
    b->inputs[b->g->inputs.n] = x;
    vec_push(b->p->arena, &b->g->inputs, (GraphInput){"x", v, NO_SPAN});
    return v;
}

static Value *bench_vector(Bench *b, DType t, int64_t n, const double *values)
{
    return bench_input(b, type_of(b, t, 1, &n), values);
}

static Value *bench_const(Bench *b, DType t, double v)
{
    Type type = type_scalar(t);
    Attr attr = {.constant = {v, NULL}};
    return bench_op(b, OP_CONST, 0, NULL, &attr, &type);
}

static Array bench_run(Bench *b, Value *result)
{
    Array out;
    block_return(b->g->body, &result, 1);
    b->g->results.n = 0;
    vec_push(b->p->arena, &b->g->results, (Result){.kind = RESULT_OUTPUT, .name = "y"});
    assert_true(graph_eval(b->g, &b->in, b->p->arena, &out));
    return out;
}

/* One operator on single numbers; the tangents are those of the operands. */
static Num apply(OpCode op, DType t, int nin, const Num *x)
{
    Bench *b = bench_new();
    Value *in[3];
    for (int k = 0; k < nin; k++) {
        in[k] = bench_input(b, type_scalar(op == OP_SELECT && k == 0 ? DT_BOOL : t), &x[k].value);
        b->inputs[k].at[0] = x[k];
    }
    Num y = bench_run(b, bench_op(b, op, nin, in, NULL, NULL)).at[0];
    bench_free(b);
    return y;
}

static Num apply1(OpCode op, DType t, double x) { return apply(op, t, 1, &(Num){x, 1, 0}); }
static double apply2(OpCode op, DType t, double x, double y)
{
    return apply(op, t, 2, (Num[]){{x, 0, 0}, {y, 0, 0}}).value;
}

static Num convert(DType from, DType to, Num x)
{
    Bench *b = bench_new();
    Value *v = bench_input(b, type_scalar(from), &x.value);
    b->inputs[0].at[0] = x;
    Type t = type_scalar(to);
    Num y = bench_run(b, bench_op(b, OP_CONVERT, 1, &v, NULL, &t)).at[0];
    bench_free(b);
    return y;
}

/* x^e with a written exponent. */
static Num power(DType t, double x, double e)
{
    Bench *b = bench_new();
    Value *in[2] = {bench_input(b, type_scalar(t), &x), bench_const(b, t, e)};
    b->inputs[0].at[0].tangent = 1;
    Num y = bench_run(b, bench_op(b, OP_POW, 2, in, NULL, NULL)).at[0];
    bench_free(b);
    return y;
}

static Num reduce(OpCode op, DType t, int64_t n, const double *x, const double *bounds)
{
    Bench *b = bench_new();
    Value *v = bench_vector(b, t, n, x);
    for (int64_t k = 0; bounds && k < n; k++) b->inputs[0].at[k].bound = bounds[k];
    for (int64_t k = 0; k < n; k++) b->inputs[0].at[k].tangent = (double)(k + 1);
    Attr attr = {.reduce = {1}};
    Num y = bench_run(b, bench_op(b, op, 1, &v, &attr, NULL)).at[0];
    bench_free(b);
    return y;
}

static void assert_double(double want, double got)
{
    if (isnan(want) ? !isnan(got) : want != got) fail_msg("want %.17g, got %.17g", want, got);
}

static void assert_near(double want, double got)
{
    if (!(fabs(want - got) <= 1e-13 * fabs(want))) fail_msg("want %.17g, got %.17g", want, got);
}

/* ---- arithmetic ---- */
static void float_arithmetic_rounds_to_its_dtype(void **state)
{
    (void)state;
    assert_double(16777216, apply2(OP_ADD, DT_F32, 16777216, 1));
    assert_double(16777217, apply2(OP_ADD, DT_F64, 16777216, 1));
    assert_double((double)(1.0f / 3.0f), apply2(OP_DIV, DT_F32, 1, 3));
    assert_double(INFINITY, apply2(OP_MUL, DT_F32, 1e30f, 1e30f));
    assert_double(-INFINITY, apply2(OP_DIV, DT_F32, -1, 0));
    assert_double((double)sqrtf(2), apply1(OP_SQRT, DT_F32, 2).value);
    assert_double(0, apply1(OP_SQRT, DT_F32, 2).bound);
    assert_double(1.5, apply2(OP_MOD, DT_F32, -2.5, 4));
    assert_double(NAN, apply2(OP_MOD, DT_F32, 1, 0));
}

static void whole_numbers_wrap_and_divide_downwards(void **state)
{
    (void)state;
    assert_double(-2147483648.0, apply2(OP_ADD, DT_I32, 2147483647, 1));
    assert_double(-128, apply2(OP_ADD, DT_I8, 127, 1));
    assert_double(255, apply2(OP_SUB, DT_U8, 0, 1));
    assert_double(-2147483648.0, apply1(OP_NEG, DT_I32, -2147483648.0).value);
    assert_double(-2147483648.0, apply1(OP_ABS, DT_I32, -2147483648.0).value);
    assert_double(-1294967296, apply2(OP_MUL, DT_I32, 3000, 1000000));
    assert_double(-4, apply2(OP_DIV, DT_I32, -7, 2));
    assert_double(1, apply2(OP_MOD, DT_I32, -7, 2));
    assert_double(-1, apply2(OP_MOD, DT_I32, 7, -2));
    assert_double(0, apply2(OP_DIV, DT_I32, 7, 0));
    assert_double(0, apply2(OP_MOD, DT_I32, 7, 0));
    assert_double(-2147483648.0, apply2(OP_DIV, DT_I32, -2147483648.0, -1));
    assert_double(0, apply2(OP_MOD, DT_I32, -2147483648.0, -1));
    assert_double(81, power(DT_I32, -3, 4).value);
}

static void conversions_saturate_from_floats_and_wrap_from_whole(void **state)
{
    (void)state;
    assert_double(-2, convert(DT_F32, DT_I32, (Num){-2.9, 0, 0}).value);
    assert_double(2147483647, convert(DT_F32, DT_I32, (Num){1e20, 0, 0}).value);
    assert_double(-128, convert(DT_F64, DT_I8, (Num){-INFINITY, 0, 0}).value);
    assert_double(0, convert(DT_F64, DT_U8, (Num){NAN, 0, 0}).value);
    assert_double(0, convert(DT_F64, DT_U8, (Num){-1, 0, 0}).value);
    assert_false(signbit(convert(DT_F64, DT_U8, (Num){-0.0, 0, 0}).value)); /* whole numbers have no -0 */
    assert_false(signbit(convert(DT_F32, DT_I32, (Num){-0.9, 0, 0}).value));
    assert_double(-1, convert(DT_I32, DT_I8, (Num){255, 0, 0}).value);
    assert_double(1, convert(DT_F32, DT_BOOL, (Num){NAN, 0, 0}).value);
    assert_double(16777216, convert(DT_I32, DT_F32, (Num){16777217, 0, 0}).value);
    assert_double(1, convert(DT_F64, DT_F32, (Num){1, 1, 0}).tangent);
    assert_double(1, convert(DT_F64, DT_I32, (Num){2.9999, 0, 1e-3}).bound); /* may be 2 or 3 */
}

static void steps_ties_and_nan(void **state)
{
    (void)state;
    assert_double(2, apply1(OP_ROUND, DT_F32, 2.5).value);
    assert_double(4, apply1(OP_ROUND, DT_F32, 3.5).value);
    assert_double(-3, apply1(OP_FLOOR, DT_F32, -2.5).value);
    assert_double(-2, apply1(OP_CEIL, DT_F32, -2.5).value);
    assert_double(0, apply1(OP_FLOOR, DT_F32, 2.5).tangent);
    assert_double(NAN, apply1(OP_SIGN, DT_F32, NAN).value);
    assert_double(NAN, apply2(OP_MAX2, DT_F32, NAN, 0));
    assert_double(0, apply2(OP_EQ, DT_F32, NAN, NAN));
    assert_double(1, apply2(OP_NE, DT_F32, NAN, NAN));
    Num tie[2] = {{3, 10, 0}, {3, 20, 0}};
    assert_double(20, apply(OP_MAX2, DT_F32, 2, tie).tangent);
    assert_double(20, apply(OP_MIN2, DT_F32, 2, tie).tangent);
    assert_double(0, apply1(OP_ABS, DT_F64, 0).tangent);
    assert_double(-1, apply1(OP_ABS, DT_F64, -2).tangent);
    assert_double(0, apply1(OP_DETACH, DT_F64, 2).tangent);
}

/* ---- powers ---- */
static void written_powers_are_products(void **state)
{
    (void)state;
    float x = 1.1f, x2 = x * x, x3 = x2 * x, x5 = (x2 * x2) * x;
    assert_double((double)x2, power(DT_F32, x, 2).value);
    assert_double((double)x3, power(DT_F32, x, 3).value);
    assert_double((double)x5, power(DT_F32, x, 5).value);
    assert_double((double)(1 / x2), power(DT_F32, x, -2).value);
    assert_double((double)sqrtf(x), power(DT_F32, x, 0.5).value);
    assert_double(1, power(DT_F32, NAN, 0).value);
    assert_double(0, power(DT_F32, x, 2).bound);
    assert_near(6, power(DT_F64, 3, 2).tangent);
    assert_double(0, power(DT_F64, 0, 0).tangent);
    assert_double(1, power(DT_F64, 0, 1).tangent);
}

static void other_powers_are_in_doubt(void **state)
{
    (void)state;
    Num y = power(DT_F32, 2, 1.5);
    assert_double((double)(float)pow(2, 1.5), y.value);
    assert_true(y.bound > 0 && y.bound < 1e-5);
    Num x[2] = {{2, 0, 0}, {3, 1, 0}};
    assert_near(8 * log(2), apply(OP_POW, DT_F64, 2, x).tangent);
}

/* ---- tangents of the transcendental functions, against central differences ---- */
static void tangents_agree_with_differences(void **state)
{
    (void)state;
    static const OpCode ops[] = {OP_SQRT, OP_EXP, OP_EXPM1, OP_LOG, OP_LOG1P, OP_SIN, OP_COS, OP_TANH, OP_ERF,
                                 OP_SIGMOID, OP_NEG, OP_ABS};
    for (size_t k = 0; k < COUNT(ops); k++)
        for (double x = 0.3; x < 3; x += 0.7) {
            double h = 1e-5, up = apply1(ops[k], DT_F64, x + h).value, down = apply1(ops[k], DT_F64, x - h).value;
            double slope = apply1(ops[k], DT_F64, x).tangent, want = (up - down) / (2 * h);
            if (fabs(slope - want) > 1e-8 * fmax(1, fabs(want)))
                fail_msg("%s at %g: %.12g, differences give %.12g", op_info(ops[k])->text, x, slope, want);
        }
}

static void products_and_quotients_have_their_rules(void **state)
{
    (void)state;
    Num x[2] = {{3, 5, 0}, {4, 7, 0}};
    assert_near(3 * 7 + 4 * 5, apply(OP_MUL, DT_F64, 2, x).tangent);
    assert_near((5.0 * 4 - 3 * 7) / 16, apply(OP_DIV, DT_F64, 2, x).tangent);
    assert_near(-2, apply(OP_SUB, DT_F64, 2, x).tangent);
    Num pole = {0, 0, 0};
    assert_double(0, apply(OP_SQRT, DT_F64, 1, &pole).tangent); /* no tangent stays none at a pole */
}

/* ---- bounds ---- */
static void exact_stays_exact(void **state)
{
    (void)state;
    static const OpCode ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_MIN2, OP_MAX2, OP_LT, OP_EQ};
    for (size_t k = 0; k < COUNT(ops); k++)
        assert_double(0, apply(ops[k], DT_F32, 2, (Num[]){{1.7f, 0, 0}, {0.3f, 0, 0}}).bound);
    assert_double(0, apply1(OP_EXP, DT_F32, INFINITY).bound);
    assert_double(0, apply1(OP_LOG, DT_F32, 0).bound);
    assert_double(0, apply1(OP_EXP, DT_F32, 500).bound);       /* far beyond the edge */
    assert_double(INFINITY, apply1(OP_EXP, DT_F32, 88.722839).bound); /* at the edge */
}

static void transcendental_functions_may_be_some_gaps_off(void **state)
{
    (void)state;
    Num y = apply1(OP_EXP, DT_F32, 1);
    double gap = 0x1p-22; /* of f32 between 2 and 4 */
    assert_true(y.bound >= 4 * gap && y.bound <= 6 * gap);
    y = apply1(OP_EXP, DT_F32, -100); /* below the normal numbers: may be flushed */
    assert_true(y.bound >= FLT_MIN);
}

static void bounds_pass_through(void **state)
{
    (void)state;
    Num x[2] = {{3, 0, 0.5}, {-4, 0, 0.25}};
    double b = apply(OP_ADD, DT_F64, 2, x).bound;
    assert_true(b >= 0.75 && b < 0.7500001);
    b = apply(OP_MUL, DT_F64, 2, x).bound;
    assert_true(b >= 3 * 0.25 + 4 * 0.5 + 0.125 && b < 2.8750001);
    b = apply(OP_DIV, DT_F64, 2, x).bound;
    assert_true(b >= 3.5 / 3.75 - 0.75 && b < 0.19);
    Num exponent = {0, 0, 1};
    b = apply(OP_EXP, DT_F64, 1, &exponent).bound;
    assert_true(b >= exp(1) - 1 && b < 1.7182819);
    Num through_zero[2] = {{1, 0, 0}, {0.1, 0, 0.2}};
    assert_double(INFINITY, apply(OP_DIV, DT_F64, 2, through_zero).bound);
}

static void doubt_covers_both_outcomes(void **state)
{
    (void)state;
    Num close[2] = {{1, 0, 0.01}, {1.005, 0, 0}}, apart[2] = {{1, 0, 0.01}, {1.1, 0, 0}};
    assert_double(1, apply(OP_LT, DT_F32, 2, close).bound);
    assert_double(0, apply(OP_LT, DT_F32, 2, apart).bound);
    Num choice[3] = {{1, 0, 1}, {5, 0, 0}, {9, 0, 0.5}};
    assert_double(4.5, apply(OP_SELECT, DT_F64, 3, choice).bound);
    choice[0].bound = 0;
    assert_double(0, apply(OP_SELECT, DT_F64, 3, choice).bound);
    Num edge = {2.999, 0, 0.01};
    assert_true(apply(OP_FLOOR, DT_F64, 1, &edge).bound >= 1);
}

/* ---- reductions in their order ---- */
static void sums_follow_their_chains(void **state)
{
    (void)state;
    enum { N = 150, S = 64 };
    double x[N];
    for (int k = 0; k < N; k++) x[k] = (double)(float)(1.0 / (k + 3) * (k % 3 ? 1 : -17));
    float chain[S] = {0};
    for (int k = 0; k < N; k++) chain[k % S] += (float)x[k];
    for (int h = S / 2; h; h /= 2)
        for (int c = 0; c < h; c++) chain[c] += chain[c + h];
    Num y = reduce(OP_SUM, DT_F32, N, x, NULL);
    assert_double((double)chain[0], y.value);
    assert_double(0, y.bound);
    assert_near(N * (N + 1) / 2, y.tangent);
    assert_double((double)(chain[0] / N), reduce(OP_MEAN, DT_F32, N, x, NULL).value);
}

static void sums_down_an_axis_ascend(void **state)
{
    (void)state;
    Bench *b = bench_new();
    double x[300];
    float want[3] = {0};
    for (int k = 0; k < 300; k++) {
        x[k] = (double)(1.0f / (float)(k + 1));
        want[k % 3] += (float)x[k];
    }
    Value *v = bench_input(b, type_of(b, DT_F32, 2, (int64_t[]){100, 3}), x);
    Attr attr = {.reduce = {1}};
    Array y = bench_run(b, bench_op(b, OP_SUM, 1, &v, &attr, NULL));
    for (int k = 0; k < 3; k++) assert_double((double)want[k], y.at[k].value);
    bench_free(b);
}

/* A size known only at run time is cut in blocks, each from 0 anew. */
static void symbolic_sums_are_cut_in_blocks(void **state)
{
    (void)state;
    enum { N = 600, B = 256 };
    Bench *b = bench_new();
    int64_t symbols[1] = {N};
    b->in.symbols = symbols;
    Axis axes[2] = {{dim_symbol(b->p->dims, &b->n), NULL, NULL}, {dim_const(b->p->dims, 1), NULL, NULL}};
    Type t = type_make(b->p->arena, DT_F32, 2, axes);
    Attr attr = {.index = 0};
    Value *v = bench_op(b, OP_INPUT, 0, NULL, &attr, &t);
    vec_push(b->p->arena, &b->g->inputs, (GraphInput){"x", v, NO_SPAN});
    b->inputs[0] = array_new(b->p->arena, t, symbols);
    float want = 0;
    for (int from = 0; from < N; from += B) {
        float block = 0;
        for (int k = from; k < from + B && k < N; k++) {
            b->inputs[0].at[k].value = (double)(1.0f / (float)(k + 1));
            block += 1.0f / (float)(k + 1);
        }
        want = from ? want + block : block;
    }
    attr.reduce.axes = 1;
    assert_double((double)want, bench_run(b, bench_op(b, OP_SUM, 1, &v, &attr, NULL)).at[0].value);
    bench_free(b);
}

static void extremes_take_the_first_and_pass_nan_on(void **state)
{
    (void)state;
    const double x[] = {1, 7, 3, 7, -2, -2};
    assert_double(7, reduce(OP_MAX, DT_F32, 6, x, NULL).value);
    assert_double(2, reduce(OP_MAX, DT_F32, 6, x, NULL).tangent); /* the first of equals */
    assert_double(5, reduce(OP_MIN, DT_F32, 6, x, NULL).tangent);
    assert_double(1, reduce(OP_ARGMAX, DT_F32, 6, x, NULL).value);
    const double n[] = {1, NAN, 9, NAN};
    assert_double(NAN, reduce(OP_MAX, DT_F32, 4, n, NULL).value);
    assert_double(NAN, reduce(OP_MIN, DT_F32, 4, n, NULL).value);
    assert_double(1, reduce(OP_ARGMAX, DT_F32, 4, n, NULL).value);
    const double bounds[] = {0, 0.1, 0, 0.2, 0, 0};
    Num y = reduce(OP_MAX, DT_F64, 6, x, bounds);
    assert_near(0.2, y.bound);
    assert_double(2, reduce(OP_ARGMAX, DT_F64, 6, x, bounds).bound); /* place 1, perhaps place 3 */
}

/* ---- contractions ---- */
static ContractAttr matrix_product(void)
{
    return (ContractAttr){.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
}

static void products_of_matrices_follow_their_chains(void **state)
{
    (void)state;
    enum { M = 2, K = 11, N = 3, S = 4 }; /* a narrow result has four chains */
    for (int fused = 0; fused < 2; fused++) {
        Bench *b = bench_new();
        b->in.fma = fused;
        double x[M * K], w[K * N];
        for (int k = 0; k < M * K; k++) x[k] = (double)(1.0f / (float)(k + 1));
        for (int k = 0; k < K * N; k++) w[k] = (double)(1.0f / (float)(k + 7));
        Value *in[2] = {bench_input(b, type_of(b, DT_F32, 2, (int64_t[]){M, K}), x),
                        bench_input(b, type_of(b, DT_F32, 2, (int64_t[]){K, N}), w)};
        ContractAttr c = matrix_product();
        Attr attr = {.contract = &c};
        Array y = bench_run(b, bench_op(b, OP_CONTRACT, 2, in, &attr, NULL));
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                float chain[S] = {0};
                for (int k = 0; k < K; k++) {
                    float p = (float)x[i * K + k], q = (float)w[k * N + j], *at = &chain[k % S];
                    volatile float product = p * q;
                    *at = fused ? fmaf(p, q, *at) : *at + product;
                }
                assert_double((double)((chain[0] + chain[2]) + (chain[1] + chain[3])), y.at[i * N + j].value);
            }
        bench_free(b);
    }
}

/* [i, j, k], [j, l, k] -> [l, i]: summed over j and k, with k the faster as in the first operand. */
static void patterns_of_two_sum_what_is_missing(void **state)
{
    (void)state;
    Bench *b = bench_new();
    double x[2 * 3 * 4], w[3 * 5 * 4], want[5 * 2] = {0};
    for (int k = 0; k < 24; k++) x[k] = k % 7 - 3;
    for (int k = 0; k < 60; k++) w[k] = k % 5 - 2;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                for (int l = 0; l < 5; l++) want[l * 2 + i] += x[(i * 3 + j) * 4 + k] * w[(j * 5 + l) * 4 + k];
    Value *in[2] = {bench_input(b, type_of(b, DT_I32, 3, (int64_t[]){2, 3, 4}), x),
                    bench_input(b, type_of(b, DT_I32, 3, (int64_t[]){3, 5, 4}), w)};
    ContractAttr c = {.na = 3, .nb = 3, .nout = 2, .nlabels = 4, .a = {0, 1, 2}, .b = {1, 3, 2}, .out = {3, 0}};
    Attr attr = {.contract = &c};
    Array y = bench_run(b, bench_op(b, OP_CONTRACT, 2, in, &attr, NULL));
    for (int k = 0; k < 10; k++) assert_double(want[k], y.at[k].value);
    bench_free(b);
}

/* ---- moves, places ---- */
/* [n, (h, d)] -> [h, n, r, d] with r = 2 repeated. */
static void patterns_move_elements(void **state)
{
    (void)state;
    Bench *b = bench_new();
    double x[3 * 4];
    for (int k = 0; k < 12; k++) x[k] = k;
    Value *v = bench_input(b, type_of(b, DT_F32, 2, (int64_t[]){3, 4}), x);
    MoveAttr m = {.natoms = 4, .nin = 2, .nout = 4};
    const int64_t sizes[] = {3, 2, 2, 2};
    for (int k = 0; k < 4; k++) m.sizes[k] = dim_const(b->p->dims, sizes[k]);
    m.in[0] = (Group){1, {0}};
    m.in[1] = (Group){2, {1, 2}};
    m.out[0] = (Group){1, {1}};
    m.out[1] = (Group){1, {0}};
    m.out[2] = (Group){1, {3}};
    m.out[3] = (Group){1, {2}};
    Attr attr = {.move = &m};
    Array y = bench_run(b, bench_op(b, OP_MOVE, 1, &v, &attr, NULL));
    for (int h = 0; h < 2; h++)
        for (int n = 0; n < 3; n++)
            for (int r = 0; r < 2; r++)
                for (int d = 0; d < 2; d++) assert_double(n * 4 + h * 2 + d, y.at[((h * 3 + n) * 2 + r) * 2 + d].value);
    bench_free(b);
}

static void places_are_picked_and_marked(void **state)
{
    (void)state;
    Bench *b = bench_new();
    int64_t two = 2;
    Type index = type_of(b, DT_I32, 1, &two);
    index.range = dim_const(b->p->dims, 3);
    Value *p = bench_input(b, type_of(b, DT_F32, 2, (int64_t[]){2, 3}), (double[]){1, 2, 3, 4, 5, 6});
    Value *in[2] = {p, bench_input(b, index, (double[]){2, 0})};
    Array y = bench_run(b, bench_op(b, OP_PICK, 2, in, NULL, NULL));
    assert_double(3, y.at[0].value);
    assert_double(4, y.at[1].value);
    y = bench_run(b, bench_op(b, OP_ONE_HOT, 1, &in[1], NULL, NULL));
    const double want[] = {0, 0, 1, 1, 0, 0};
    for (int k = 0; k < 6; k++) assert_double(want[k], y.at[k].value);
    b->inputs[1].at[0].bound = 1; /* place 2, perhaps place 1 */
    y = bench_run(b, bench_op(b, OP_PICK, 2, in, NULL, NULL));
    assert_double(1, y.at[0].bound);
    b->inputs[1].at[0].value = 3; /* outside its range */
    assert_false(graph_eval(b->g, &b->in, b->p->arena, &y));
    bench_free(b);
}

/* ---- chance ---- */
static void draws_are_those_of_the_counter(void **state)
{
    (void)state;
    Bench *b = bench_new();
    b->in.seed = 0x123456789abcdef0;
    b->in.step = 7;
    Value *in[2] = {bench_const(b, DT_F32, -1), bench_const(b, DT_F32, 3)};
    Type t = type_of(b, DT_F32, 1, (int64_t[]){5});
    Attr attr = {.random = {0xfeedfacecafebeef}};
    Array y = bench_run(b, bench_op(b, OP_UNIFORM, 2, in, &attr, &t));
    for (uint32_t k = 0; k < 5; k++) {
        const uint32_t counter[4] = {k, 0, 7, 0xcafebeef}, key[2] = {0x9abcdef0, 0x12345678 ^ 0xfeedface};
        uint32_t w[4];
        philox4x32(counter, key, w);
        float u = (float)(w[0] >> 8) * 0x1p-24f;
        assert_double((double)(-1 + 4 * u), y.at[k].value);
        assert_double(0, y.at[k].bound);
    }
    y = bench_run(b, bench_op(b, OP_NORMAL, 2, (Value *[]){in[1], in[0]}, &attr, &t));
    for (int k = 0; k < 5; k++) assert_true(y.at[k].bound > 0 && y.at[k].bound < 1e-5);
    bench_free(b);
}

/* ---- graphs ---- */
/* loss = sum(x^2 * c): its gradient by tangents is 2*x*c. */
static void gradients_come_from_tangents(void **state)
{
    (void)state;
    Bench *b = bench_new();
    const double x[] = {1, -2, 3}, c[] = {5, 7, 11};
    Value *vx = bench_vector(b, DT_F64, 3, x), *vc = bench_vector(b, DT_F64, 3, c);
    Value *square = bench_op(b, OP_MUL, 2, (Value *[]){vx, vx}, NULL, NULL);
    Value *product = bench_op(b, OP_MUL, 2, (Value *[]){square, vc}, NULL, NULL);
    Attr attr = {.reduce = {1}};
    Value *loss = bench_op(b, OP_SUM, 1, &product, &attr, NULL);
    Node *g = node_new(b->g->body, OP_GRAD, (Value *[]){loss, vx, vc}, 3, NULL, NULL, &b->site, b->cx);
    Array dx = bench_run(b, &g->out[0]), dc = bench_run(b, &g->out[1]);
    for (int k = 0; k < 3; k++) {
        assert_near(2 * x[k] * c[k], dx.at[k].value);
        assert_near(x[k] * x[k], dc.at[k].value);
    }
    bench_free(b);
}

static void regions_mean_their_bodies(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = bench_vector(b, DT_F32, 2, (double[]){1, 2});
    KernelAttr k = {.prefix = 1, .dims = {dim_const(b->p->dims, 2)}};
    Attr attr = {.kernel = &k};
    Node *kernel = region_new(b->g->body, OP_KERNEL, NULL, 0, 1, &attr, &b->site);
    Value *twice = value_new(kernel->region, OP_ADD, (Value *[]){x, x}, 2, NULL, NULL, &b->site, b->cx);
    block_return(kernel->region, &twice, 1);
    kernel->out[0].type = twice->type;
    Array y = bench_run(b, bench_op(b, OP_NEG, 1, (Value *[]){&kernel->out[0]}, NULL, NULL));
    assert_double(-4, y.at[1].value);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_arithmetic_rounds_to_its_dtype),
        cmocka_unit_test(whole_numbers_wrap_and_divide_downwards),
        cmocka_unit_test(conversions_saturate_from_floats_and_wrap_from_whole),
        cmocka_unit_test(steps_ties_and_nan),
        cmocka_unit_test(written_powers_are_products),
        cmocka_unit_test(other_powers_are_in_doubt),
        cmocka_unit_test(tangents_agree_with_differences),
        cmocka_unit_test(products_and_quotients_have_their_rules),
        cmocka_unit_test(exact_stays_exact),
        cmocka_unit_test(transcendental_functions_may_be_some_gaps_off),
        cmocka_unit_test(bounds_pass_through),
        cmocka_unit_test(doubt_covers_both_outcomes),
        cmocka_unit_test(sums_follow_their_chains),
        cmocka_unit_test(sums_down_an_axis_ascend),
        cmocka_unit_test(symbolic_sums_are_cut_in_blocks),
        cmocka_unit_test(extremes_take_the_first_and_pass_nan_on),
        cmocka_unit_test(products_of_matrices_follow_their_chains),
        cmocka_unit_test(patterns_of_two_sum_what_is_missing),
        cmocka_unit_test(patterns_move_elements),
        cmocka_unit_test(places_are_picked_and_marked),
        cmocka_unit_test(draws_are_those_of_the_counter),
        cmocka_unit_test(gradients_come_from_tangents),
        cmocka_unit_test(regions_mean_their_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
