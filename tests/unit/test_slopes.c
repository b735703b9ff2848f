/* Slopes exactly where two halves of a function meet, where neither tangents nor differences can judge. */
#include "graph_bench.h"

typedef struct Row { int n; double at[4]; } Row;
#define ROW(...) (&(Row){sizeof((double[]){__VA_ARGS__}) / sizeof(double), {__VA_ARGS__}})

static Value *vector(Bench *t, const Row *row)
{
    Value *x = param(t, 1, &row->n);
    for (int i = 0; i < row->n; i++) t->tensors[t->nparams - 1].at[i].value = row->at[i];
    return x;
}

static void gradients_as(Bench *t, Value *y, bool simple, Array *results)
{
    Value *in[MAX_TENSORS + 1] = {build_reduce(&t->b, OP_SUM, y, all_axes(y->type))};
    memcpy(in + 1, t->params, sizeof *in * (size_t)t->nparams);
    Node *grad = node_new(t->g->body, OP_GRAD, in, t->nparams + 1, NULL, NULL, &t->site, t->cx);
    for (int i = 0; i < t->nparams; i++)
        graph_add_result(t->g, (Result){.kind = RESULT_NEXT, .name = "p", .index = i}, &grad->out[i]);
    Arena *scratch = arena_new();
    if (simple) pass_simplify(t->g, scratch);
    pass_differentiate(t->g, scratch);
    t->g->stage = STAGE_DIFFERENTIATED;
    if (simple) pass_simplify(t->g, scratch);
    run(t, t->g, 0, results);
    arena_free(scratch);
}

static void gradients_of(Bench *t, Value *y, Array *results)
{
    gradients_as(t, y, true, results);
}

static void expect_row(const char *what, const Array *got, const Row *want)
{
    for (int k = 0; k < want->n; k++)
        if (got->at[k].value != want->at[k])
            fail_msg("%s: slope %d is %g, not %g", what, k, got->at[k].value, want->at[k]);
}

typedef Value *Formula(Build *b, Value *x);

static void check(const char *what, Formula *f, const Row *at, const Row *want)
{
    Bench t;
    Array results[MAX_TENSORS];
    bench_begin(&t, 1);
    gradients_of(&t, f(&t.b, vector(&t, at)), results);
    expect_row(what, &results[0], want);
    cx_free(t.cx);
}

static Value *zero(Build *b) { return build_const(b, DT_F64, 0); }
static Value *relu(Build *b, Value *x) { return build_2(b, OP_MAX2, x, zero(b)); }
static Value *relu_by_select(Build *b, Value *x)
{
    return build_3(b, OP_SELECT, build_2(b, OP_GT, x, zero(b)), x, zero(b));
}
static Value *least(Build *b, Value *x) { return build_2(b, OP_MIN2, zero(b), x); }
static Value *absolute(Build *b, Value *x) { return build_1(b, OP_ABS, x); }
static Value *row_max(Build *b, Value *x) { return build_reduce(b, OP_MAX, x, 1); }
static Value *row_min(Build *b, Value *x) { return build_reduce(b, OP_MIN, x, 1); }
static Value *detached(Build *b, Value *x) { return build_1(b, OP_DETACH, x); }
static Value *through(Build *b, Value *x) /* value of round(x), gradient of x */
{
    Value *value = detached(b, build_1(b, OP_ROUND, x));
    return build_2(b, OP_ADD, value, build_2(b, OP_SUB, x, detached(b, x)));
}
static Value *log_sigmoid(Build *b, Value *x) { return build_1(b, OP_LOG, build_1(b, OP_SIGMOID, x)); }
static Value *log_complement(Build *b, Value *x)
{
    return build_1(b, OP_LOG, build_2(b, OP_SUB, build_const(b, DT_F64, 1), build_1(b, OP_SIGMOID, x)));
}
static Value *square_at_zero(Build *b, Value *x) { return build_2(b, OP_POW, x, build_const(b, DT_F64, 2)); }
static Value *constant_power(Build *b, Value *x) { return build_2(b, OP_POW, x, zero(b)); }

static void test_meeting_points(void **state)
{
    (void)state;
    check("max(x, 0)", relu, ROW(-1, 0, -0.0, 2), ROW(0, 0, 0, 1));
    check("select(x > 0, x, 0)", relu_by_select, ROW(-1, 0, -0.0, 2), ROW(0, 0, 0, 1));
    check("min(0, x)", least, ROW(-1, 0, -0.0, 2), ROW(1, 1, 1, 0));
    check("abs", absolute, ROW(-1, 0, -0.0, 2), ROW(-1, 0, 0, 1));
    check("max of a row", row_max, ROW(0, 2, 2, 1), ROW(0, 1, 0, 0));
    check("min of a row", row_min, ROW(3, 0, 1, 0), ROW(0, 1, 0, 0));
    check("detach", detached, ROW(-1, 0, 1), ROW(0, 0, 0));
    check("straight through", through, ROW(-1.3, 0.5, 1.7), ROW(1, 1, 1));
    check("x^2", square_at_zero, ROW(0, -3), ROW(0, -6));
    check("x^0", constant_power, ROW(0, 5), ROW(0, 0));
}

/* Both halves of the stable forms must add up at 0, where networks whose units all died stay. */
static void test_stable_forms_at_zero(void **state)
{
    (void)state;
    long sigmoids = pass_fired("stable.log_sigmoid"), complements = pass_fired("stable.log_complement");
    check("log(sigmoid)", log_sigmoid, ROW(0, -0.0), ROW(0.5, 0.5));
    check("log(1 - sigmoid)", log_complement, ROW(0, -0.0), ROW(-0.5, -0.5));
    assert_int_equal(pass_fired("stable.log_sigmoid"), sigmoids + 1);
    assert_int_equal(pass_fired("stable.log_complement"), complements + 1);
}

static void test_two_operands(void **state)
{
    (void)state;
    Bench t;
    Array results[MAX_TENSORS];
    bench_begin(&t, 1);
    Value *x = vector(&t, ROW(1, 2, 3)), *y = vector(&t, ROW(1, 1, 4));
    gradients_of(&t, build_2(&t.b, OP_MAX2, x, y), results);
    expect_row("max(x, y) by x", &results[0], ROW(0, 1, 0));
    expect_row("max(x, y) by y", &results[1], ROW(1, 0, 1));
    cx_free(t.cx);
}

/* A parameter that the loss does not reach has a gradient of zeros. */
/* log(x)^0 is 1, with or without the rewrite that says so: at 0 the slope of log must not be met by a 0. */
static void test_written_zero_power(void **state)
{
    (void)state;
    for (int simple = 0; simple < 2; simple++) {
        Bench t;
        bench_begin(&t, 1);
        Array got[1];
        Value *x = vector(&t, ROW(0, 1));
        gradients_as(&t, build_2(&t.b, OP_POW, build_1(&t.b, OP_LOG, x), build_const(&t.b, DT_F64, 0)), simple, got);
        expect_row("log(x)^0", &got[0], ROW(0, 0));
        cx_free(t.cx);
    }
}

static void test_unreached(void **state)
{
    (void)state;
    Bench t;
    Array results[MAX_TENSORS];
    bench_begin(&t, 1);
    Value *x = vector(&t, ROW(1, 2));
    vector(&t, ROW(3, 4));
    gradients_of(&t, x, results);
    expect_row("reached", &results[0], ROW(1, 1));
    expect_row("unreached", &results[1], ROW(0, 0));
    cx_free(t.cx);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meeting_points),
        cmocka_unit_test(test_stable_forms_at_zero),
        cmocka_unit_test(test_two_operands),
        cmocka_unit_test(test_written_zero_power),
        cmocka_unit_test(test_unreached),
    };
    return cmocka_run_group_tests_name("slopes", tests, NULL, NULL);
}
