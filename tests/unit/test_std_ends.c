/* std's activations, losses and tricks at the ends of the range, as compiled for this machine in f32 and f64: values and
   gradients at 0, the largest finite values, infinities and NaN against what is stated here. */
#include "tensor_assert.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_WIDTH = 6 };
/* Stands for the largest finite value of the dtype; c*BIG for c times that. */
#define BIG 0x1p1020

typedef struct Compiled { Cx *cx; Program *p; Jit *jit; const nnrt_model *m; DType real; } Compiled;
typedef struct Row { int n; double at[MAX_WIDTH]; } Row;
#define ROW(...) {sizeof((double[]){__VA_ARGS__}) / sizeof(double), {__VA_ARGS__}}

static Compiled compile(const char *text, DType real)
{
    Compiled c = {.cx = cx_new(), .real = real};
    FrontendOptions options = {.name = "t", .real = real};
    PassOptions passes = {.verify = true};
    CodegenOptions how = {.march = "native", .level = 2};
    Bytes object;
    c.p = frontend_parse(c.cx, "t.nn", text, &options);
    bool good = c.p && passes_run(c.p, &passes) && codegen_emit(c.p, &how, EMIT_OBJECT, &object);
    diags_print(c.cx->diags, stderr, false);
    if (!good) fail_msg("%s", text);
    c.jit = jit_open(c.p, object);
    assert_non_null(c.jit);
    const nnrt_model *(*model)(void);
    void *symbol = jit_symbol(c.jit, "t_model");
    memcpy(&model, &symbol, sizeof model);
    c.m = model();
    return c;
}

static void compiled_free(Compiled *c)
{
    jit_close(c->jit);
    cx_free(c->cx);
}

/* ---- one call on one row ---- */

static double in_dtype(DType t, double v)
{
    double most = t == DT_F32 ? FLT_MAX : DBL_MAX;
    return fabs(v) >= 0x1p1000 && isfinite(v) ? v / BIG * most : v;
}

static void *memory_new(Arena *a, int64_t bytes)
{
    char *at = arena_alloc(a, (size_t)bytes + 128);
    at += -(uintptr_t)at & 63;
    return memset(at, 0, (size_t)bytes + 64);
}

static const void *row_of(Compiled *c, DType t, const Row *row)
{
    void *raw = memory_new(c->cx->arena, 8 * row->n);
    for (int i = 0; i < row->n; i++) element_set(t, raw, i, in_dtype(t, row->at[i]));
    return raw;
}

/* Runs the model's entry of a kind: what it puts out, or the gradient of w. */
static const void *run(Compiled *c, int kind, const Row *x, const Row *y, double *out_loss)
{
    Arena *a = c->cx->arena;
    const nnrt_entry *e = &c->m->entries[nnrt_find_entry(c->m, "t", kind)];
    const void *inputs[2] = {row_of(c, c->real, x), NULL};
    if (e->ninputs > 1) inputs[1] = row_of(c, (DType)e->inputs[1].dtype, y);
    int64_t sizes[1] = {1};
    double totals[8] = {0};
    nnrt_step step = {sizeof step, 0, 1, 1, 1, 0, 1};
    void *output = memory_new(a, 8 * MAX_WIDTH);
    nnrt_call call = {.size = sizeof call, .params = memory_new(a, c->m->params_bytes),
                      .opt = memory_new(a, c->m->opt_bytes), .grads = memory_new(a, c->m->grads_bytes), .sizes = sizes,
                      .inputs = inputs, .outputs = &output, .step = &step, .totals = totals,
                      .work = memory_new(a, e->bytes(sizes))};
    assert_int_equal(c->m->init(call.params, call.opt, 1, NULL), NNRT_OK);
    int32_t status = e->begin(&call);
    for (uint32_t i = 0; i < e->nphases && !status; i++) e->phases[i](call.work, 0, 1);
    if (!status) status = e->end(call.work);
    assert_true(status == NNRT_OK || status == NNRT_ERR_NONFINITE); /* told, and yet all is written */
    *out_loss = totals[1];
    const nnrt_tensor *w = &c->m->tensors[nnrt_find_tensor(c->m, "t.w")];
    return kind == NNRT_PREDICT ? output : (char *)call.grads + w->offset;
}

/* ---- what is stated ---- */

static bool is_as_stated(double got, double want, double tolerance)
{
    if (isnan(want)) return isnan(got);
    if (isinf(want) || !isfinite(got)) return got == want;
    return fabs(got - want) <= tolerance * fmax(fabs(want), 0.1);
}

static void expect(const Compiled *c, const char *what, const Row *at, const Row *want, const void *got)
{
    for (int i = 0; i < want->n; i++) {
        double v = element_of(c->real, got, i);
        if (!is_as_stated(v, in_dtype(c->real, want->at[i]), c->real == DT_F32 ? 1e-6 : 1e-14))
            fail_msg("%s in %s: number %d at %g is %.17g, not %.17g", what, dtype_name(c->real), i,
                     in_dtype(c->real, at->at[i % at->n]), v, in_dtype(c->real, want->at[i]));
    }
}

/* Each activation at these; the slopes are not stated for NaN, whose value tells enough. */
static const Row ends = ROW(-INFINITY, -BIG, 0, BIG, INFINITY, NAN);

typedef struct Activation { const char *name; Row values, slopes; } Activation;
static const Activation activations[] = {
    {"relu", ROW(0, 0, 0, BIG, INFINITY, NAN), ROW(0, 0, 0, 1, 1)},
    {"leaky_relu", ROW(-INFINITY, -0.01 * BIG, 0, BIG, INFINITY, NAN), ROW(0.01, 0.01, 0.01, 1, 1)},
    {"prelu", ROW(-INFINITY, -0.25 * BIG, 0, BIG, INFINITY, NAN), ROW(0.25, 0.25, 0.25, 1, 1)},
    {"sigmoid", ROW(0, 0, 0.5, 1, 1, NAN), ROW(0, 0, 0.25, 0, 0)},
    {"tanh", ROW(-1, -1, 0, 1, 1, NAN), ROW(0, 0, 1, 0, 0)},
    {"hard_sigmoid", ROW(0, 0, 0.5, 1, 1, NAN), ROW(0, 0, 1.0 / 6, 0, 0)},
    {"hard_sigmoid_relus", ROW(0, 0, 0.5, 1, 1, NAN), ROW(0, 0, 1.0 / 6, 0, 0)},
    {"softplus", ROW(0, 0, M_LN2, BIG, INFINITY, NAN), ROW(0, 0, 0.5, 1, 1)},
    {"elu", ROW(-1, -1, 0, BIG, INFINITY, NAN), ROW(0, 0, 1, 1, 1)},
    {"elu(2)", ROW(-2, -2, 0, BIG, INFINITY, NAN), ROW(0, 0, 2, 1, 1)},
    {"gelu", ROW(0, 0, 0, BIG, INFINITY, NAN), ROW(0, 0, 0.5, 1, 1)},
    {"swish", ROW(0, 0, 0, BIG, INFINITY, NAN), ROW(0, 0, 0.5, 1, 1)},
    {"round_through", ROW(NAN, -BIG, 0, BIG, NAN, NAN), ROW(1, 1, 1, 1, 1)},
    {"reverse_gradient(0.5)", ROW(NAN, -BIG, 0, BIG, NAN, NAN), ROW(-0.5, -0.5, -0.5, -0.5, -0.5)},
};

static const DType reals[] = {DT_F32, DT_F64};

static void check_activation(const char *name, const Row *at, const Row *values, const Row *slopes)
{
    char text[500];
    snprintf(text, sizeof text,
             "dim N\nmodel t(x: f32[N, %d]) -> f32[N, %d] {\n  param w: f32[%d] = zeros\n  (x + w) |> %s\n}\n"
             "train t(x) { loss sum(t(x))\n optimizer sgd }\n", at->n, at->n, at->n, name);
    double loss;
    for (size_t k = 0; k < COUNT(reals); k++) {
        Compiled c = compile(text, reals[k]);
        expect(&c, name, at, values, run(&c, NNRT_PREDICT, at, NULL, &loss));
        expect(&c, name, at, slopes, run(&c, NNRT_GRAD, at, NULL, &loss));
        compiled_free(&c);
    }
}

static void test_activations(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(activations); i++)
        check_activation(activations[i].name, &ends, &activations[i].values, &activations[i].slopes);
}

/* Where two pieces meet, and far out: sigmoid at -100 has the slope 0 in f32 and no NaN, as has what is made of it. */
static void test_meeting_points(void **state)
{
    (void)state;
    const Row corners = ROW(-3, 3), low = ROW(0, 1), flat = ROW(0, 0), far = ROW(-1000, 1000), one = ROW(0, 1);
    check_activation("hard_sigmoid", &corners, &low, &flat);
    check_activation("hard_sigmoid_relus", &corners, &low, &flat);
    check_activation("sigmoid", &far, &one, &flat);
    const Row right = ROW(0, 1000), slopes = ROW(0, 1);
    check_activation("softplus", &far, &right, &slopes);
    check_activation("gelu", &far, &right, &slopes);
    check_activation("swish", &far, &right, &slopes);
    const Row mixed = ROW(-2.5, -0.5, 0.5, 1.5), rounded = ROW(-2, 0, 0, 2), ones = ROW(1, 1, 1, 1);
    check_activation("round_through", &mixed, &rounded, &ones);
}

/* The sum of a softmax is 1 whatever comes in, so its slopes are 0. */
static void test_softmax(void **state)
{
    (void)state;
    const double third = 1.0 / 3, ln3 = 1.0986122886681098;
    const struct { Row at, values, logs; } rows[] = {
        {ROW(0, 0, 0), ROW(third, third, third), ROW(-ln3, -ln3, -ln3)},
        {ROW(BIG, 0, -BIG), ROW(1, 0, 0), ROW(0, -BIG, -INFINITY)},
        {ROW(BIG, BIG, 0), ROW(0.5, 0.5, 0), ROW(-M_LN2, -M_LN2, -BIG)},
        {ROW(0, -INFINITY, 0), ROW(0.5, 0, 0.5), ROW(-M_LN2, -INFINITY, -M_LN2)},
        {ROW(INFINITY, 0, 0), ROW(NAN, 0, 0), ROW(NAN, NAN, NAN)},
        {ROW(NAN, 0, 0), ROW(NAN, NAN, NAN), ROW(NAN, NAN, NAN)},
    };
    const Row still = ROW(0, 0, 0), none = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool plain = i < 4;
        check_activation("softmax", &rows[i].at, i == 4 ? &rows[5].values : &rows[i].values, plain ? &still : &none);
        check_activation("log_softmax", &rows[i].at, &rows[i].logs, &none);
    }
}

/* ---- losses ---- */

typedef struct Loss { const char *text; Row p, y; double value; Row slopes; } Loss;

static const Loss losses[] = {
    {"mse(t(x), y)", ROW(0), ROW(0), 0, ROW(0)},
    {"mse(t(x), y)", ROW(BIG), ROW(0), INFINITY, ROW(INFINITY)},
    {"mse(t(x), y)", ROW(-INFINITY), ROW(0), INFINITY, ROW(-INFINITY)},
    {"mse(t(x), y)", ROW(NAN), ROW(0), NAN, ROW(NAN)},
    {"mae(t(x), y)", ROW(0), ROW(0), 0, ROW(0)},
    {"mae(t(x), y)", ROW(-BIG), ROW(0), BIG, ROW(-1)},
    {"mae(t(x), y)", ROW(BIG), ROW(-BIG), INFINITY, ROW(1)},
    {"mae(t(x), y)", ROW(INFINITY), ROW(0), INFINITY, ROW(1)},
    {"mae(t(x), y)", ROW(NAN), ROW(0), NAN, {0}},
    {"huber(t(x), y)", ROW(0), ROW(0), 0, ROW(0)},
    {"huber(t(x), y)", ROW(-1), ROW(0), 0.5, ROW(-1)},
    {"huber(t(x), y, d = 2)", ROW(2), ROW(0), 2, ROW(2)},
    {"huber(t(x), y)", ROW(BIG), ROW(0), BIG, ROW(1)},
    {"huber(t(x), y)", ROW(-INFINITY), ROW(0), INFINITY, ROW(-1)},
    {"huber(t(x), y)", ROW(NAN), ROW(0), NAN, {0}},
    {"hinge(t(x), y)", ROW(0), ROW(1), 1, ROW(-1)},
    {"hinge(t(x), y)", ROW(-1), ROW(-1), 0, ROW(0)},
    {"hinge(t(x), y)", ROW(BIG), ROW(1), 0, ROW(0)},
    {"hinge(t(x), y)", ROW(BIG), ROW(-1), BIG, ROW(1)},
    {"hinge(t(x), y)", ROW(INFINITY), ROW(1), 0, ROW(0)},
    {"hinge(t(x), y)", ROW(-INFINITY), ROW(1), INFINITY, ROW(-1)},
    {"hinge(t(x), y)", ROW(NAN), ROW(1), NAN, {0}},
    {"bce(t(x), y)", ROW(0), ROW(0), 0, ROW(1)},
    {"bce(t(x), y)", ROW(1), ROW(1), 0, ROW(-1)},
    {"bce(t(x), y)", ROW(0), ROW(1), INFINITY, ROW(-INFINITY)},
    {"bce(t(x), y)", ROW(1), ROW(0), INFINITY, ROW(INFINITY)},
    {"bce(t(x), y)", ROW(NAN), ROW(1), NAN, {0}},
    {"bce(sigmoid(t(x)), y)", ROW(0), ROW(0), M_LN2, ROW(0.5)},
    {"bce(sigmoid(t(x)), y)", ROW(-1000), ROW(1), 1000, ROW(-1)},
    {"bce(sigmoid(t(x)), y)", ROW(-BIG), ROW(1), BIG, ROW(-1)},
    {"bce(sigmoid(t(x)), y)", ROW(BIG), ROW(1), 0, ROW(0)},
    {"bce(sigmoid(t(x)), y)", ROW(INFINITY), ROW(1), 0, {0}},
    {"bce(sigmoid(t(x)), y)", ROW(INFINITY), ROW(0), INFINITY, {0}},
    {"bce_logits(t(x), y)", ROW(0), ROW(0), M_LN2, ROW(0.5)},
    {"bce_logits(t(x), y)", ROW(0), ROW(1), M_LN2, ROW(-0.5)},
    {"bce_logits(t(x), y)", ROW(BIG), ROW(1), 0, ROW(0)},
    {"bce_logits(t(x), y)", ROW(BIG), ROW(0), BIG, ROW(1)},
    {"bce_logits(t(x), y)", ROW(-BIG), ROW(1), BIG, ROW(-1)},
    {"bce_logits(t(x), y)", ROW(-INFINITY), ROW(1), INFINITY, ROW(-1)},
    {"bce_logits(t(x), y)", ROW(INFINITY), ROW(1), NAN, ROW(0)},
    {"cross_entropy(t(x), y)", ROW(0, 1), ROW(1), 0, ROW(0, -1)},
    {"cross_entropy(t(x), y)", ROW(0, 1), ROW(0), INFINITY, ROW(-INFINITY, 0)},
    {"cross_entropy(softmax(t(x)), y)", ROW(0, 0), ROW(0), M_LN2, ROW(-0.5, 0.5)},
    {"cross_entropy(softmax(t(x)), y)", ROW(BIG, 0), ROW(0), 0, ROW(0, 0)},
    {"cross_entropy(softmax(t(x)), y)", ROW(BIG, 0), ROW(1), BIG, ROW(1, -1)},
    {"cross_entropy(softmax(t(x)), y)", ROW(0, NAN), ROW(0), NAN, ROW(NAN, NAN)},
    {"cross_entropy_logits(t(x), y)", ROW(0, 0), ROW(1), M_LN2, ROW(0.5, -0.5)},
    {"cross_entropy_logits(t(x), y)", ROW(BIG, -BIG), ROW(1), INFINITY, ROW(1, -1)},
    {"cross_entropy_logits(t(x), y)", ROW(BIG, -INFINITY), ROW(0), 0, ROW(0, 0)},
    {"cross_entropy_soft(t(x), y)", ROW(0, 1), ROW(0, 1), 0, ROW(0, -1)},
    {"cross_entropy_soft(t(x), y)", ROW(0, 1), ROW(1, 0), INFINITY, ROW(-INFINITY, 0)},
    {"cross_entropy_soft(softmax(t(x)), y)", ROW(0, 0), ROW(1, 0), M_LN2, ROW(-0.5, 0.5)},
    {"cross_entropy_soft(softmax(t(x)), y)", ROW(BIG, -INFINITY), ROW(1, 0), 0, ROW(0, 0)},
    {"cross_entropy_soft(softmax(t(x)), y)", ROW(BIG, 0), ROW(0, 1), BIG, ROW(1, -1)},
    {"cross_entropy_soft_logits(t(x), y)", ROW(0, 0), ROW(0, 1), M_LN2, ROW(0.5, -0.5)},
    {"cross_entropy_soft_logits(t(x), y)", ROW(BIG, -BIG), ROW(0, 1), INFINITY, ROW(1, -1)},
    {"cross_entropy_soft_logits(t(x), y)", ROW(BIG, -INFINITY), ROW(1, 0), 0, ROW(0, 0)},
    {"kl_normal(t(x), y)", ROW(0), ROW(0), 0, ROW(0)},
    {"kl_normal(t(x), y)", ROW(BIG), ROW(0), INFINITY, ROW(BIG)},
    {"kl_normal(y, t(x))", ROW(0), ROW(0), 0, ROW(0)},
    {"kl_normal(y, t(x))", ROW(-BIG), ROW(0), 0.5 * BIG, ROW(-0.5)},
    {"kl_normal(y, t(x))", ROW(BIG), ROW(0), INFINITY, ROW(INFINITY)},
    {"kl_normal(y, t(x))", ROW(-INFINITY), ROW(0), INFINITY, ROW(-0.5)},
    {"kl_normal(y, t(x))", ROW(NAN), ROW(0), NAN, ROW(NAN)},
    {"sum(cosine_similarity(t(x), y))", ROW(0, 0), ROW(3, 4), 0, ROW(0.6, 0.8)},
    {"sum(cosine_similarity(t(x), y))", ROW(3, 4), ROW(0, 0), 0, ROW(0, 0)},
    {"sum(cosine_similarity(t(x), y))", ROW(BIG, 0), ROW(-BIG, 0), -1, ROW(0, 0)},
    {"sum(cosine_similarity(t(x), y))", ROW(BIG, BIG), ROW(1, 0), 0.70710678118654752, ROW(0, 0)},
    {"sum(cosine_similarity(t(x), y))", ROW(INFINITY, 0), ROW(1, 0), NAN, {0}},
};

static Compiled compile_loss(const Loss *l, DType real)
{
    bool labels = strstr(l->text, "entropy(") || strstr(l->text, "entropy_logits(");
    char text[500], type[40];
    snprintf(type, sizeof type, labels ? "i32<%d>[N]" : "f32[N, %d]", l->p.n);
    snprintf(text, sizeof text,
             "dim N\nmodel t(x: f32[N, %d]) -> f32[N, %d] {\n  param w: f32[%d] = zeros\n  x + w\n}\n"
             "train t(x, y: %s) { loss %s\n optimizer sgd }\n", l->p.n, l->p.n, l->p.n, type, l->text);
    return compile(text, real);
}

static void check_loss(Compiled *c, const Loss *l)
{
    double value, ignored, want = in_dtype(c->real, l->value);
    run(c, NNRT_EVAL, &l->p, &l->y, &value);
    if (!is_as_stated(value, want, c->real == DT_F32 ? 1e-6 : 1e-14))
        fail_msg("%s in %s: at %g and %g it is %.17g, not %.17g", l->text, dtype_name(c->real),
                 in_dtype(c->real, l->p.at[0]), l->y.at[0], value, want);
    expect(c, l->text, &l->p, &l->slopes, run(c, NNRT_GRAD, &l->p, &l->y, &ignored));
}

static void test_losses(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(reals); k++) {
        size_t i = 0;
        while (i < COUNT(losses)) {
            const char *text = losses[i].text;
            Compiled c = compile_loss(&losses[i], reals[k]);
            for (; i < COUNT(losses) && !strcmp(losses[i].text, text); i++) check_loss(&c, &losses[i]);
            compiled_free(&c);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_meeting_points),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests_name("std ends", tests, NULL, NULL);
}
