/* The gradients of std's layers, activations and losses as the frontend builds them, in f64: tangents and differences
   against the `grad` graph, with simplification and without. */
#include "tensor_assert.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <math.h>
#include <string.h>

enum { ROWS = 5, MAX_VALUES = 32 };

typedef struct Run {
    Program *p;
    Graph *g;               /* of kind grad */
    Array tensors[MAX_VALUES], inputs[MAX_VALUES];
    int64_t symbols[MAX_VALUES];
    uint64_t random;
} Run;

static double draw(Run *r)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(r->random >> 33) / 2147483648.0;
}

static EvalInputs bound(Run *r)
{
    return (EvalInputs){.symbols = r->symbols, .inputs = r->inputs, .tensors = r->tensors, .seed = 3, .step = 1,
                        .epoch = 1, .fma = true};
}

/* First values, moved a little so that none is exactly 0, with random tangents. */
static void fill_tensors(Run *r)
{
    Array first[MAX_VALUES];
    EvalInputs in = bound(r);
    assert_true(graph_eval(r->p->init, &in, r->p->arena, first));
    for (int i = 0; i < r->p->init->results.n; i++) {
        Array *to = &r->tensors[r->p->init->results.at[i].index];
        bool weighs = r->p->tensors.at[r->p->init->results.at[i].index].role == ROLE_PARAM;
        *to = first[i];
        to->at = arena_copy(r->p->arena, to->at, sizeof(Num) * (size_t)to->size);
        for (int64_t k = 0; k < to->size; k++)
            to->at[k] = (Num){to->at[k].value + 0.2 * draw(r) - 0.1, weighs ? 2 * draw(r) - 1 : 0, 0};
    }
}

static void fill_inputs(Run *r)
{
    for (int i = 0; i < r->g->inputs.n; i++) {
        Type t = r->g->inputs.at[i].value->type;
        r->inputs[i] = array_new(r->p->arena, t, r->symbols);
        for (int64_t k = 0; k < r->inputs[i].size; k++)
            r->inputs[i].at[k].value = t.range ? floor(draw(r) * (double)dim_eval(t.range, r->symbols)) : draw(r);
    }
}

static double evaluate(Run *r, double shift, double *out_tangent, double *out_dot)
{
    Array results[MAX_VALUES], kept[MAX_VALUES];
    double loss = 0;
    for (int i = 0; i < r->p->tensors.n; i++) {
        kept[i] = r->tensors[i];
        r->tensors[i].at = arena_copy(r->p->arena, kept[i].at, sizeof(Num) * (size_t)kept[i].size);
        for (int64_t k = 0; k < kept[i].size; k++) r->tensors[i].at[k].value += shift * kept[i].at[k].tangent;
    }
    EvalInputs in = bound(r);
    assert_true(graph_eval(r->g, &in, r->p->arena, results));
    for (int i = 0; i < r->p->tensors.n; i++) r->tensors[i] = kept[i];
    *out_dot = 0;
    for (int i = 0; i < r->g->results.n; i++) {
        const Result *result = &r->g->results.at[i];
        if (result->kind == RESULT_GRAD && r->p->tensors.at[result->index].role == ROLE_STATE)
            continue; /* a next value, not a gradient */
        if (result->kind == RESULT_LOSS) loss = results[i].at[0].value, *out_tangent = results[i].at[0].tangent;
        for (int64_t k = 0; result->kind == RESULT_GRAD && k < results[i].size; k++)
            *out_dot += results[i].at[k].value * kept[result->index].at[k].tangent;
    }
    return loss;
}

static double relative(double a, double b)
{
    return fabs(a - b) / fmax(fmax(fabs(a), fabs(b)), 1e-3);
}

static void check(const char *text, bool simplify)
{
    Cx *cx = cx_new();
    Run r = {.random = hash_bytes(0, text, strlen(text))};
    FrontendOptions options = {.name = "t", .real = DT_F64};
    r.p = frontend_parse(cx, "t.nn", text, &options);
    static const char *const off[] = {"simplify"};
    PassOptions passes = {.disabled = off, .ndisabled = simplify ? 0 : 1, .until = "differentiate", .verify = true};
    if (!r.p || !passes_run(r.p, &passes)) {
        diags_print(cx->diags, stderr, false);
        fail_msg("%s", text);
    }
    r.g = r.p->trains.at[0].grad;
    assert_non_null(r.g);
    for (int i = 0; i < r.p->symbols.n; i++)
        r.symbols[i] = r.p->symbols.at[i]->fixed ? r.p->symbols.at[i]->fixed : ROWS;
    fill_tensors(&r);
    fill_inputs(&r);
    double tangent = 0, dot, other, ignored, h = 1e-6;
    evaluate(&r, 0, &tangent, &dot);
    if (relative(tangent, dot) > 1e-12) fail_msg("%s: tangents give %.17g, the grad graph %.17g", text, tangent, dot);
    double up = evaluate(&r, h, &ignored, &other), down = evaluate(&r, -h, &ignored, &other);
    if (relative((up - down) / (2 * h), dot) > 1e-6)
        fail_msg("%s: differences give %.10g, the grad graph %.10g", text, (up - down) / (2 * h), dot);
    if (dot == 0) fail_msg("%s: every gradient is 0", text);
    cx_free(cx);
}

/* What stands between two dense layers, and the loss on what comes out. */
static void check_model(const char *middle, const char *target, const char *loss)
{
    char text[2000];
    snprintf(text, sizeof text,
             "dim N\nmodel t(x: f32[N, 4]) -> f32[N, 3] { x |> dense(5) |> %s |> dense(3)%s }\n"
             "train t(x, y: %s) { loss %s\n optimizer sgd(lr = 0.1) }\n",
             middle, strstr(loss, "bce(") ? " |> sigmoid" : strstr(loss, "cross_entropy(") || strstr(loss, "_soft(") ?
             " |> softmax" : "", target, loss);
    check(text, true);
    check(text, false);
}

static void test_activations(void **state)
{
    (void)state;
    static const char *const names[] = {
        "relu", "leaky_relu", "leaky_relu(0.2)", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "hard_sigmoid",
        "hard_sigmoid_relus", "elu", "elu(0.3)", "gelu", "swish", "prelu", "prelu(-0.5)",
    };
    for (size_t i = 0; i < COUNT(names); i++) check_model(names[i], "f32[N, 3]", "mse(t(x), y)");
}

static void test_losses(void **state)
{
    (void)state;
    check_model("tanh", "f32[N, 3]", "mse(t(x), y)");
    check_model("tanh", "f32[N, 3]", "mae(t(x), y)");
    check_model("tanh", "f32[N, 3]", "bce(t(x), y)");
    check_model("tanh", "f32[N, 3]", "bce_logits(t(x), y)");
    check_model("tanh", "i32<3>[N]", "cross_entropy(t(x), y)");
    check_model("tanh", "i32<3>[N]", "cross_entropy_logits(t(x), y)");
    check_model("tanh", "f32[N, 3]", "mean(sum((t(x) - y)^2, over = last))");
    check_model("tanh", "f32[N, 3]", "huber(t(x), y)");
    check_model("tanh", "f32[N, 3]", "huber(t(x), y, d = 0.2)");
    check_model("tanh", "f32[N, 3]", "hinge(t(x), y)");
    check_model("tanh", "f32[N, 3]", "cross_entropy_soft(t(x), y)");
    check_model("tanh", "f32[N, 3]", "cross_entropy_soft_logits(t(x), y)");
    check_model("tanh", "f32[N, 3]", "kl_normal(t(x), y)");
    check_model("tanh", "f32[N, 3]", "kl_normal(y, t(x))");
    check_model("tanh", "f32[N, 3]", "mean(cosine_similarity(t(x), y))");
    check_model("tanh", "f32[N, 3]", "mean(cosine_similarity(y, t(x))^2)");
}

static void test_layers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "dim N\nmodel t(x: f32[N, 2, 3]) -> f32[N, 3] { x |> flatten |> dense(3) }\n"
        "train t(x, y: f32[N, 3]) { loss mse(t(x), y)\n optimizer momentum(lr = 0.1) }\n",
        "dim N\nmodel t(x: f32[N, 4]) -> f32[N, 3] { x |> dense(6, bias = false) |> dense(3, init = he_normal) }\n"
        "train t(x, y: f32[N, 3]) { loss mse(t(x), y)\n optimizer adam(lr = 0.1) }\n",
        "dim N\nmodel t(x: i32<4>[N, 3]) -> f32[N, 3] { x |> embedding(5) |> tanh |> flatten |> dense(3) }\n"
        "train t(x, y: f32[N, 3]) { loss mse(t(x), y)\n optimizer sgd }\n",
        "dim N\nmodel t(x: f32[N, t = 4]) -> f32[N, 4] {\n  h = x |> dense(8) |> tanh\n  a, b = split(h, parts = 2)\n"
        "  c = concat(a, b*b, take(h, 3, over = last) |> [N] -> [N, 1], over = last)\n"
        "  reverse(c, over = last) |> pad(over = last, before = 2) |> slice(over = last, start = 1, size = 8) |> dense(4)\n}\n"
        "train t(x, y: f32[N, 4]) { loss mse(t(x), y)\n optimizer sgd }\n",
        "dim N\nmodel t(x: f32[N, 4]) -> f32[N, 4] {\n layer shared = dense(4) |> tanh\n shared(x) - shared(x*x)\n}\n"
        "train t(x, y: f32[N, 4]) { loss mse(t(x), y)\n optimizer sgd }\n",
    };
    static const char *const names[] = {
        "batch_norm", "batch_norm(0.5) |> tanh", "layer_norm", "layer_norm |> tanh", "dropout", "dropout(0.2) |> tanh",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        check(texts[i], true);
        check(texts[i], false);
    }
    for (size_t i = 0; i < COUNT(names); i++) check_model(names[i], "f32[N, 3]", "mse(t(x), y)");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_layers),
    };
    return cmocka_run_group_tests_name("std gradients", tests, NULL, NULL);
}
