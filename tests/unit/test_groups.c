/* What a train block's equations say: trees, groups, next and second parameters. What is built, and that compiled code
   and the interpreter, each going its own way from the same first values, stay together. */
#include "tensor_assert.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"
#include <math.h>
#include <string.h>

enum { ROWS = 8, STEPS = 12, SEED = 3, MAX_TENSORS = 128, MAX_RESULTS = 256 };

static Program *load(Cx *cx, const char *text, const char *until)
{
    FrontendOptions how = {.real = DT_F64};
    PassOptions o = {.until = until, .verify = true};
    Program *p = frontend_parse(cx, "test.nn", text, &how);
    if (p && (!until || passes_run(p, &o))) return p;
    diags_print(cx->diags, stderr, false);
    fail_msg("it does not compile");
    return NULL;
}

static void assert_code(const char *text, const char *code)
{
    Cx *cx = cx_new();
    FrontendOptions how = {0};
    frontend_parse(cx, "test.nn", text, &how);
    if (cx->diags->list.n != 1 || strcmp(cx->diags->list.at[0]->code, code)) diags_print(cx->diags, stderr, false);
    assert_int_equal(cx->diags->list.n, 1);
    assert_string_equal(cx->diags->list.at[0]->code, code);
    cx_free(cx);
}

static int next_values(const Graph *g, const char *holds)
{
    int n = 0;
    for (int i = 0; i < g->results.n; i++)
        n += g->results.at[i].kind == RESULT_NEXT && strstr(g->results.at[i].name, holds);
    return n;
}

/* ---- one program, two ways ---- */

static void *raw_new(Arena *a, int64_t n)
{
    char *p = arena_alloc(a, (size_t)n * 8 + 128);
    return p + (-(uintptr_t)p & 63);
}

static uint32_t draw(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static Array sample(Arena *a, Type t, const int64_t *rows, uint32_t *state, void **raw)
{
    Array x = array_new(a, t, rows);
    int64_t range = 256;
    if (t.range) dim_known(t.range, &range);
    *raw = raw_new(a, x.size);
    for (int64_t k = 0; k < x.size; k++) {
        double v = dtype_is_float(t.dtype) ? (draw(state) >> 8) * 0x1p-24 : (double)(draw(state) >> 8) ;
        if (!dtype_is_float(t.dtype)) v = fmod(v, (double)range);
        x.at[k] = (Num){v, 0, 0};
        element_set(t.dtype, *raw, k, v);
    }
    return x;
}

static void read_back(Arena *a, nnrt_session *s, const Tensor *t, Array *out)
{
    *out = array_new(a, t->type, NULL);
    void *raw = raw_new(a, out->size);
    assert_int_equal(nnrt_read(s, t->key, raw, (size_t)(out->size * dtype_bytes(t->type.dtype))), 0);
    for (int64_t k = 0; k < out->size; k++) out->at[k] = (Num){element_of(t->type.dtype, raw, k), 0, 0};
}

static void commit(const Graph *g, const Array *results, Array *tensors)
{
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_NEXT) continue;
        Array *t = &tensors[g->results.at[i].index];
        for (int64_t k = 0; k < t->size; k++) t->at[k] = (Num){results[i].at[k].value, 0, 0};
    }
}

static void step_both(Arena *a, Program *oracle, int train, nnrt_session *s, Array *tensors, uint32_t *state)
{
    const Graph *g = oracle->trains.at[train].step;
    int64_t rows[] = {ROWS, ROWS, ROWS, ROWS};
    Array in[8], out[MAX_RESULTS];
    double hypers[16];
    int32_t entry = nnrt_find_entry(nnrt_session_model(s), g->name, NNRT_STEP);
    assert_true(entry >= 0);
    for (int i = 0; i < g->inputs.n; i++) {
        void *raw;
        in[i] = sample(a, g->inputs.at[i].value->type, rows, state, &raw);
        DType t = in[i].type.dtype;
        assert_int_equal(nnrt_bind_input_at(s, entry, i, (uint32_t)t, (uint32_t)in[i].rank, in[i].shape, raw,
                                            (size_t)(in[i].size * dtype_bytes(t))), 0);
    }
    for (int i = 0; i < oracle->hypers.n; i++) hypers[i] = oracle->hypers.at[i].value;
    const nnrt_step *clock = nnrt_clock(s);
    EvalInputs with = {.symbols = rows, .inputs = in, .tensors = tensors, .hypers = hypers, .seed = clock->seed,
                       .step = clock->step, .epoch = clock->epoch, .first_sample = clock->first_sample,
                       .fma = strcmp(codegen_native_level(), "x86-64") != 0};
    assert_true(graph_eval(g, &with, a, out));
    assert_int_equal(nnrt_clear_totals(s, entry), 0);
    if (nnrt_run(s, entry)) fail_msg("%s", nnrt_error(s));
    commit(g, out, tensors);
}

static void assert_agree(const char *text)
{
    Cx *cx = cx_new(), *other = cx_new();
    Program *oracle = load(other, text, "differentiate"), *p = load(cx, text, NULL);
    PassOptions rest = {.verify = true};
    assert_true(passes_run(p, &rest));
    CodegenOptions how = {.march = "native", .level = 2};
    Bytes object;
    assert_true(codegen_emit(p, &how, EMIT_OBJECT, &object));
    Jit *jit = jit_open(p, object);
    assert_non_null(jit);
    const nnrt_model *(*model)(void);
    void *symbol = jit_symbol(jit, "test_model");
    memcpy(&model, &symbol, sizeof model);
    nnrt_session *s;
    assert_int_equal(nnrt_session_new(model(), NULL, &s), 0);
    assert_int_equal(nnrt_init(s, SEED), 0);
    Array tensors[MAX_TENSORS];
    assert_true(oracle->tensors.n <= MAX_TENSORS);
    for (int i = 0; i < oracle->tensors.n; i++) read_back(cx->arena, s, &oracle->tensors.at[i], &tensors[i]);
    uint32_t state = 7;
    for (int k = 0; k < STEPS; k++)
        for (int t = 0; t < oracle->trains.n; t++) step_both(cx->arena, oracle, t, s, tensors, &state);
    for (int i = 0; i < oracle->tensors.n; i++) {
        Array got;
        read_back(cx->arena, s, &oracle->tensors.at[i], &got);
        for (int64_t k = 0; k < got.size; k++)
            if (!(fabs(got.at[k].value - tensors[i].at[k].value) < 1e-9))
                fail_msg("%s[%d] is %.17g, wanted %.17g", oracle->tensors.at[i].path, (int)k, got.at[k].value,
                         tensors[i].at[k].value);
    }
    nnrt_session_free(s);
    jit_close(jit);
    cx_free(other);
    cx_free(cx);
}

/* ---- trees ---- */

#define NET "dim N\nmodel net(x: f32[N, 4]) -> f32[N, 2] {\n  layer body = dense(3) |> tanh |> dense(3)\n" \
            "  layer head = dense(2)\n  x |> body |> tanh |> head\n}\n"
#define FIT(items) NET "train net(x, y: f32[N, 2]) {\n" items "\n}\n"

static const char penalties[] =
    FIT("  loss mse(net(x), y) + 1e-2*l2(net.*.w) + 1e-3*l1(net.head)\n  optimizer sgd(lr = 0.1)\n"
        "  stop norm(grad(loss, net)) < 1e-6\n  metric total(sum(rank(net)))");

static void test_penalties(void **state)
{
    (void)state;
    Cx *cx = cx_new();
    Program *p = load(cx, penalties, NULL);
    assert_int_equal(next_values(p->trains.at[0].step, ".w"), 3);
    cx_free(cx);
    assert_agree(penalties);
}

static void test_clipping(void **state)
{
    (void)state;
    assert_agree(FIT("  loss mse(net(x), y)\n  g: tree = grad(loss, net)\n"
                     "  net' = adam(net, clip_norm(g, limit = 0.01), lr = 0.1)\n  metric norm(g)\n"
                     "  metric total(sum(size(net)))"));
    assert_agree("fn half(t: tree, by: real) -> tree = t * by\n"
                 FIT("  loss mse(net(x), y)\n  net' = net - half(grad(loss, net), 0.5)"));
}

/* ---- groups, and what is frozen ---- */

static void test_groups(void **state)
{
    (void)state;
    static const char groups[] =
        FIT("  loss mse(net(x), y)\n  net.head' = adam(net.head, grad(loss, net.head), lr = 1e-2)\n"
            "  net.body' = adam(net.body, grad(loss, net.body), lr = 1e-3)");
    Cx *cx = cx_new();
    Program *p = load(cx, groups, NULL);
    assert_int_equal(next_values(p->trains.at[0].step, "net.m."), 6);
    cx_free(cx);
    assert_agree(groups);
    static const char frozen[] = FIT("  loss mse(net(x), y)\n  net.head' = sgd(net.head, grad(loss, net.head))");
    cx = cx_new();
    p = load(cx, frozen, NULL);
    assert_int_equal(next_values(p->trains.at[0].step, ""), 2);
    cx_free(cx);
    assert_agree(frozen);
    assert_agree(FIT("  loss mse(net(x), y)\n  optimizer momentum(lr = 0.1)\n"
                     "  net.*.b' = sgd(net.*.b, grad(loss, net.*.b), lr = 0.5)"));
}

/* A name chooses what is called so, not what begins so. */
static void test_like_names(void **state)
{
    (void)state;
    Cx *cx = cx_new();
    Program *p = load(cx, "dim N\nmodel net(x: f32[N, 4]) -> f32[N, 2] {\n  layer mid = dense(3)\n"
                          "  layer middle = dense(2)\n  x |> mid |> tanh |> middle\n}\n"
                          "train net(x, y: f32[N, 2]) {\n  loss mse(net(x), y) + l2(net.mid)\n"
                          "  net.mid' = sgd(net.mid, grad(loss, net.mid))\n}\n", NULL);
    assert_int_equal(next_values(p->trains.at[0].step, "net.mid."), 2);
    assert_int_equal(next_values(p->trains.at[0].step, "net.middle."), 0);
    cx_free(cx);
}

/* Two layers at work on one parameter do not share their states. */
static void test_slots(void **state)
{
    (void)state;
    static const char twice[] = FIT("  loss mse(net(x), y)\n"
                                    "  net' = momentum(net, momentum(grad(loss, net), grad(loss, net), lr = 0.5))");
    Cx *cx = cx_new();
    Program *p = load(cx, twice, NULL);
    assert_int_equal(next_values(p->trains.at[0].step, ".v."), 2 * 6);
    cx_free(cx);
    assert_agree(twice);
}

/* ---- next and second parameters ---- */

#define TWO "dim N\nlayer judge = dense(5) |> leaky_relu(0.2) |> dense(1) |> sigmoid\n" \
            "model draw(z: f32[N, 3]) -> f32[N, 4] = z |> dense(5) |> tanh |> dense(4) |> sigmoid\n" \
            "train gan(image: f32[N, 4]) {\n  z: f32[N, 3] = normal\n  fake = draw(z)\n"

static void test_next(void **state)
{
    (void)state;
    assert_agree(TWO "  caught = bce(judge(image), 1) + bce(judge(detach(fake)), 0)\n"
                     "  judge' = adam(judge, grad(caught, judge), lr = 0.01, b1 = 0.5)\n"
                     "  fooled = bce(judge'(fake), 1)\n"
                     "  draw' = adam(draw, grad(fooled, draw), lr = 0.01, b1 = 0.5)\n"
                     "  metric caught; metric fooled\n}\n");
    assert_agree(TWO "  draw' = sgd(draw, grad(fooled, draw))\n  fooled = bce(judge'(fake), 1)\n"
                     "  judge' = sgd(judge, grad(caught, judge))\n"
                     "  caught = bce(judge(image), 1) + bce(judge(detach(fake)), 0)\n}\n");
}

static void test_average(void **state)
{
    (void)state;
    static const char average[] = FIT("  loss mse(net(x), y)\n  optimizer adam(lr = 0.1)\n  state average: net = net\n"
                                      "  average' = 0.9*average + 0.1*net'\n  metric mae(average(x), y)");
    Cx *cx = cx_new();
    Program *p = load(cx, average, NULL);
    const Tensor *t = &p->tensors.at[program_find_tensor(p, "net.average.head.w")];
    assert_int_equal(t->role, ROLE_OPT);
    assert_string_equal(t->key, "state/average.head.w");
    assert_int_equal(next_values(p->trains.at[0].step, "average"), 6);
    assert_int_equal(next_values(p->start, "average"), 6);
    cx_free(cx);
    assert_agree(average);
}

static void test_inner_step(void **state)
{
    (void)state;
    assert_agree(FIT("  near = mse(net(x), y)\n  fast: net = net - 0.5*grad(near, net)\n  loss mse(fast(x), y)\n"
                     "  net' = adam(net, clip_norm(grad(loss, net), limit = 5), lr = 0.01)\n  stop loss < 0.01"));
}

static void test_several_blocks(void **state)
{
    (void)state;
    assert_agree("dim N\nlayer encoder = dense(6) |> relu |> dense(2)\nlayer decoder = dense(6) |> relu |> dense(4)\n"
                 "model encode(x: f32[N, 4]) -> f32[N, 2] = encoder(x)\n"
                 "model decode(c: f32[N, 2]) -> f32[N, 4] = decoder(c)\n"
                 "train rebuild(x) {\n  loss mse(decode(encode(x)), x)\n  optimizer adam(lr = 0.01)\n}\n"
                 "train place(x, c: f32[N, 2]) {\n  loss mse(encode(x), c)\n  optimizer momentum(lr = 0.01)\n}\n");
}

/* Layers with states and chance, shared by models and by losses. */
static void test_shared_states(void **state)
{
    (void)state;
    assert_agree("dim N\nlayer judge = dense(6) |> leaky_relu(0.2) |> dropout(0.3) |> dense(1) |> sigmoid\n"
                 "model draw(z: f32[N, 3]) -> f32[N, 5] = z |> dense(6) |> batch_norm |> relu |> dense(5) |> sigmoid\n"
                 "train gan(image: f32[N, 5]) {\n  z: f32[N, 3] = normal\n  fake = draw(z)\n"
                 "  caught = bce(judge(image), 1) + bce(judge(detach(fake)), 0)\n"
                 "  judge' = adam(judge, grad(caught, judge), lr = 2e-4, b1 = 0.5)\n  fooled = bce(judge'(fake), 1)\n"
                 "  draw' = adam(draw, grad(fooled, draw), lr = 2e-4, b1 = 0.5)\n  metric caught; metric fooled\n}\n");
    assert_agree("dim N\nlayer encoder = dense(6) |> relu |> dense(4)\n"
                 "layer decoder = dense(6) |> relu |> dense(5) |> sigmoid\n"
                 "model encode(image: f32[N, 5]) -> (mean: f32[N, 2], logvar: f32[N, 2])\n"
                 "  = split(encoder(image), parts = 2)\n"
                 "model decode(code: f32[N, 2]) -> f32[N, 5] = decoder(code)\n"
                 "train vae(image: f32[N, 5]) {\n  m, v = encode(image)\n  noise: f32[N, 2] = normal\n"
                 "  back = decode(m + exp(v/2)*noise)\n  ramp = min(step/10, 1)\n"
                 "  loss 5*bce(back, image) + ramp*kl_normal(m, v)\n  optimizer adam(1e-3)\n}\n");
}

static void test_rounds(void **state)
{
    (void)state;
    assert_agree("dim N\nlayer same = dense(4) |> tanh\n"
                 "model net(x: f32[N, 4]) -> f32[N, 2]\n"
                 "  = x |> repeat(3) { dense(4) |> relu } |> repeat(2) { same } |> dense(2)\n"
                 "train net(x, y: f32[N, 2]) {\n  loss mse(net(x), y) + 0.1*l2(net.repeat1.2.dense1.w)\n"
                 "  optimizer momentum(lr = 0.1)\n}\n");
}

/* ---- mistakes ---- */

static void test_mistakes(void **state)
{
    (void)state;
    static const struct { const char *text, *code; } cases[] = {
        {FIT("  loss mse(net(x), y)\n  net.head' = sgd(net.body, grad(loss, net.body))"), "E0412"},
        {FIT("  loss mse(net(x), y)\n  net.heat' = sgd(net.head, grad(loss, net.head))"), "E0401"},
        {FIT("  loss mse(net(x), y)\n  net' = grad(loss, net.head.w)"), "E0412"},
        {FIT("  loss mse(net(x), y)\n  net' = sgd(net, grad(loss, net))\n"
             "  net.head' = sgd(net.head, grad(loss, net.head))"), "E0406"},
        {FIT("  loss mse(net(x), y) + total(net)\n  optimizer sgd"), "E0203"},
        {FIT("  loss mse(net(x), y) + l2(x)*0 + total(y - net.head)\n  optimizer sgd"), "E0203"},
        {FIT("  loss mse(net(x), y)\n  metric total(sum(net.head*net.body))\n  optimizer sgd"), "E0412"},
        {FIT("  loss mse(net(x), y)\n  state average: net = 3\n  average' = average\n"
             "  metric mae(average(x), y)"), "E0412"},
        {FIT("  loss mse(relu'(x), x) + mse(net(x), y)"), "E0401"},
        {FIT("  loss mse(net'(x), y)\n  optimizer sgd"), "E0214"},
        {"fn f(t: tree) -> real = total(t)\nmodel m(x: tree) -> f32[3] = f(x)\n", "E0412"},
        {"dim N\nlayer f(x: real[N, 2]) -> real[N, 2] {\n  layer g = dense(2)\n  state s: g = g\n"
         "  s' = s\n  g(x) + s(x)\n}\n"
         "model m(x: f32[N, 2]) -> f32[N, 2] = f(x)\n", "E0411"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) assert_code(cases[i].text, cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_penalties), cmocka_unit_test(test_clipping), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_like_names), cmocka_unit_test(test_slots), cmocka_unit_test(test_next),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_inner_step), cmocka_unit_test(test_several_blocks), cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_shared_states),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
