/* Elaboration: what a text becomes, and which message a mistake gets. */
#include "tensor_assert.h"
#include "frontend/frontend.h"
#include <string.h>

typedef struct World { Cx *cx; Program *p; } World;

static World load_with(const char *text, const FrontendOptions *options)
{
    World w = {.cx = cx_new()};
    w.p = frontend_parse(w.cx, "test.nn", text, options);
    return w;
}

static World load(const char *text)
{
    FrontendOptions plain = {0};
    World w = load_with(text, &plain);
    if (!w.p) diags_print(w.cx->diags, stderr, false);
    assert_non_null(w.p);
    assert_true(program_verify(w.p, w.cx, "E0901"));
    return w;
}

/* The codes of all messages, in the order of their places. */
static void assert_codes(const char *text, const char *codes)
{
    FrontendOptions plain = {0};
    World w = load_with(text, &plain);
    Text t = {.arena = w.cx->arena};
    for (int i = 0; i < w.cx->diags->list.n; i++) text_add(&t, "%s%s", i ? " " : "", w.cx->diags->list.at[i]->code);
    if (strcmp(text_done(&t), codes)) diags_print(w.cx->diags, stderr, false);
    assert_string_equal(text_done(&t), codes);
    cx_free(w.cx);
}

static const Type *tensor_type(World w, const char *path)
{
    int i = program_find_tensor(w.p, path);
    if (i < 0) fail_msg("there is no tensor %s", path);
    return &w.p->tensors.at[i].type;
}

static int count_nodes(const Block *b, OpCode op)
{
    int n = 0;
    for (const Node *at = b->first; at; at = at->next) n += (at->op == op)
        + (at->region ? count_nodes(at->region, op) : 0);
    return n;
}

static int count_results(const Graph *g, ResultKind kind)
{
    int n = 0;
    for (int i = 0; i < g->results.n; i++) n += g->results.at[i].kind == kind;
    return n;
}

/* ---- sizes and instances ---- */

static void test_sizes(void **state)
{
    (void)state;
    World w = load("dim N\ndim mood = \"bad\", \"good\"\n"
                   "model m(x: f32[N, y = 4, x = 6]) -> f32[N, mood] = x |> flatten |> dense(2*5) |> dense(mood)\n");
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.dense1.w")), "f32[24, 10]");
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.dense2.w")), "f32[10, mood]");
    const Graph *g = w.p->models.at[0];
    assert_string_equal(g->results.at[0].name, "out");
    assert_ptr_equal(g->rows, dim_symbol(w.p->dims, w.p->symbols.at[0]));
    cx_free(w.cx);
}

/* Numbers stand for the axes of their sizes in order: two equal ones do not change places. */
static void test_equal_axes(void **state)
{
    (void)state;
    World w = load("dim N\nmodel m(x: f32[N, 3, 3]) -> f32[N, 9] = x |> [N, 3, 3] -> [N, (3, 3)]\n");
    const Value *y = w.p->models.at[0]->body->last->in[0];
    assert_int_equal(y->def->op, OP_MOVE);
    assert_true(move_is_view(y->def->attr.move));
    cx_free(w.cx);
}

static void test_instances(void **state)
{
    (void)state;
    World w = load("dim N\nlayer tower = dense(3) |> relu |> dense(2)\n"
                   "layer pair[I](x: real[..., I]; out) -> real[..., out] {\n  layer left = dense(out)\n"
                   "  left(x) + dense(x, out = out, bias = false)\n}\n"
                   "model m(x: f32[N, 4], y: f32[N, 4]) -> f32[N, 2] {\n  layer one = pair(2)\n"
                   "  one(x) + one(y) + tower(x) + tower(y) + (x |> pair(2)) + (y |> pair(2))\n}\n");
    static const char *const paths[] = {"m.one.left.w", "m.one.left.b", "m.one.dense1.w", "tower.dense1.w",
                                        "tower.dense1.b",
                                        "tower.dense2.w", "tower.dense2.b", "m.pair1.left.w", "m.pair1.left.b",
                                        "m.pair1.dense1.w", "m.pair2.left.w", "m.pair2.left.b", "m.pair2.dense1.w"};
    for (size_t i = 0; i < COUNT(paths); i++) tensor_type(w, paths[i]);
    assert_int_equal(w.p->tensors.n, COUNT(paths));
    assert_int_equal(w.p->init->results.n, COUNT(paths));
    cx_free(w.cx);
}

static void test_repeat(void **state)
{
    (void)state;
    World w = load("dim N\nhyper depth = 2\nlayer shared = dense(4) |> relu\nlayer blocks = repeat(2) { dense(4) }\n"
                   "layer deep[I](x: real[..., I]; n) -> real[..., I] = x |> repeat(n) { dense(I) |> tanh }\n"
                   "model m(x: f32[N, 4]) -> f32[N, 4] {\n  x |> repeat(depth) { dense(4) } |> repeat(3) { shared }\n"
                   "    |> blocks |> deep(1) |> repeat(i in 0..1) { layer one = dense(4*(i + 1)); one |> dense(4) }\n}\n");
    static const char *const paths[] = {"m.repeat1.1.w", "m.repeat1.2.w", "shared.dense1.w", "blocks.1.w", "blocks.2.w",
                                        "m.deep1.repeat1.1.dense1.w", "m.repeat3.0.one.w", "m.repeat3.0.dense1.w",
                                        "m.repeat3.1.one.w", "m.repeat3.1.dense1.w"};
    for (size_t i = 0; i < COUNT(paths); i++) tensor_type(w, paths[i]);
    assert_int_equal(w.p->tensors.n, 2 * COUNT(paths));
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.repeat3.1.one.w")), "f32[4, 8]");
    cx_free(w.cx);
    w = load("dim N\nmodel m(x: f32[N, 4]) -> f32[N, 4]\n"
             "  = x |> repeat(i in 9223372036854775806..9223372036854775807) { dense(4) }\n");
    tensor_type(w, "m.repeat1.9223372036854775807.w"); /* the last of all numbers */
    assert_int_equal(w.p->tensors.n, 4);
    cx_free(w.cx);
}

static void test_exact_numbers(void **state)
{
    (void)state;
    World w = load("dim N\nhyper E = 12\nhyper third = 1/3\n"
                   "model m(x: f32[N, E]) -> f32[N, E/4] = x |> dense(9*third) |> dense(floor(E/5) + E % 5 - 1)\n");
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.dense1.w")), "f32[12, 3]");
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.dense2.w")), "f32[3, 3]");
    cx_free(w.cx);
    assert_codes("hyper E = 12\nmodel m(x: f32[E/5]) -> f32[2] = x\n", "E0208");
}

static void test_streams(void **state)
{
    (void)state;
    World w = load("dim N\nmodel m(x: f32[N, 4]) -> f32[N, 4] = x |> dense(4) |> dense(4)\n");
    uint64_t seen[2];
    int n = 0;
    for (const Node *at = w.p->init->body->first; at; at = at->next)
        if (at->op == OP_UNIFORM) seen[n++] = at->attr.random.stream;
    assert_int_equal(n, 2);
    assert_true(seen[0] != seen[1]);
    assert_true(seen[0] == random_stream("m.dense1.w", 0));
    cx_free(w.cx);
}

/* ---- functions ---- */

static void test_regions(void **state)
{
    (void)state;
    World w = load("dim N\nfn own(p: real[...], y: real[...]) -> (real, real) = (sum(p*y), sum(y))\n"
                   "fn half(x: real) -> real = x/2\n"
                   "model m(x: f32[N, 4]) -> f32[N, 3] = x |> dense(3) |> relu |> half |> softmax\n"
                   "train m(x, y: i32<3>[N], z: f32[N, 3]) {\n  loss cross_entropy(m(x), y)\n"
                   "  metric own(m(x), z)\n}\n");
    const Graph *g = w.p->models.at[0], *step = w.p->trains.at[0].step;
    assert_int_equal(count_nodes(g->body, OP_CALL), 1);
    assert_int_equal(count_nodes(g->body, OP_SELECT), 1);
    assert_int_equal(count_nodes(step->body, OP_CALL), 4);
    assert_true(w.p->trains.at[0].metrics.at[0].pair);
    assert_int_equal(w.p->trains.at[0].ntotals, 4);
    cx_free(w.cx);
}

static void test_sites(void **state)
{
    (void)state;
    World w = load("dim N\nmodel m(x: f32[N, 4]) -> f32[N, 3] = x |> dense(3)\n");
    const Node *n = w.p->models.at[0]->body->first;
    while (n->op != OP_CONTRACT) n = n->next;
    assert_string_equal(n->site->span.source->name, "std/layers.nn");
    assert_string_equal(n->site->path, "m.dense1");
    assert_string_equal(n->site->applied->span.source->name, "test.nn");
    assert_int_equal(source_line(n->site->applied->span.source, n->site->applied->span.lo), 2);
    cx_free(w.cx);
}

static const char mixed[] =
    "dim N\nhyper wide = false\nhyper kind = \"relu\"\n"
    "layer block[I](x: real[..., I]; out, act: fn = relu, over: axis = last) -> real[..., out] {\n"
    "  h = if wide then x |> dense(2*out) |> dense(out) else x |> dense(out)\n"
    "  act(h) - mean(h, along = over)\n}\n"
    "model m(x: f32[N, 4]) -> f32[N, 3] = x |> block(3, act = if kind == \"relu\" then relu else tanh)\n";

static void test_options(void **state)
{
    (void)state;
    World w = load(mixed);
    assert_int_equal(w.p->tensors.n, 2);
    tensor_type(w, "m.block1.dense3.w"); /* numbered by the text, taken or not */
    cx_free(w.cx);
    Define wide = {"wide", "true"}, kind = {"kind", "tanh"};
    const Define both[] = {wide, kind};
    FrontendOptions o = {.defines = both, .ndefines = 2};
    w = load_with(mixed, &o);
    assert_non_null(w.p);
    assert_int_equal(w.p->tensors.n, 4);
    assert_int_equal(count_nodes(w.p->models.at[0]->body, OP_TANH), 1);
    cx_free(w.cx);
}

/* ---- hypers ---- */

static const char settings[] =
    "dim N\nhyper H = 4\nhyper lr = 0.1\nhyper B = 8\nhyper slope = 0.2\n"
    "fn weighted(a: real) -> real = slope*a\n"
    "model m(x: f32[N, 4]) -> f32[N, 1] = x |> dense(H) |> tanh |> dense(1)\n"
    "train m(x, y: f32[N, 1]) {\n  loss weighted(mse(m(x), y))\n  optimizer sgd(lr = lr/epoch)\n  batch B\n}\n";

static void test_hypers(void **state)
{
    (void)state;
    World w = load(settings);
    assert_int_equal(w.p->hypers.n, 2);
    assert_string_equal(w.p->hypers.at[0].name, "lr");
    assert_string_equal(w.p->hypers.at[1].name, "slope");
    assert_int_equal(w.p->trains.at[0].batch, 8);
    assert_true(count_nodes(w.p->trains.at[0].step->body, OP_HYPER) > 0);
    cx_free(w.cx);
    Define fixed[] = {{"lr", "1/4"}, {"H", "7"}, {"N", "32"}};
    FrontendOptions o = {.defines = fixed, .ndefines = 3};
    w = load_with(settings, &o);
    assert_non_null(w.p);
    assert_int_equal(w.p->hypers.n, 1);
    assert_string_equal(type_text(w.cx->arena, *tensor_type(w, "m.dense1.w")), "f32[4, 7]");
    assert_int_equal(w.p->symbols.at[0]->fixed, 32);
    cx_free(w.cx);
    Define wrong = {"Hh", "7"};
    o = (FrontendOptions){.defines = &wrong, .ndefines = 1};
    w = load_with(settings, &o);
    assert_null(w.p);
    assert_string_equal(w.cx->diags->list.at[0]->code, "E0407");
    cx_free(w.cx);
}

/* ---- training ---- */

static const char momentum[] =
    "dim N\nlayer norm[N, C](a: real[N, C]) -> real[N, C] {\n  state mean: real[C] = zeros\n"
    "  m = mean(a, over = first)\n"
    "  mean' = 0.9*mean + 0.1*m\n  a - (if training then m else mean)\n}\n"
    "model m(x: f32[N, 4]) -> f32[N, 2] = x |> dense(2) |> norm\n"
    "train fit(x, y: f32[N, 2]) {\n  p = m(x)\n  loss mse(p, y)\n  metric mae(p, y)\n  optimizer momentum(lr = 0.1)\n"
    "  epochs 3; batch 16; split 9/1; seed 5\n  stop step >= 100\n}\n";

static void test_train(void **state)
{
    (void)state;
    World w = load(momentum);
    const TrainInfo *t = &w.p->trains.at[0];
    assert_int_equal(count_results(t->step, RESULT_NEXT), 5); /* w, b, their velocities, the running mean */
    assert_int_equal(count_results(t->eval, RESULT_NEXT), 0);
    assert_int_equal(count_results(t->eval, RESULT_METRIC), 1);
    assert_int_equal(count_results(t->step, RESULT_STOP), 1);
    assert_int_equal(t->ntotals, 4);
    assert_int_equal(t->epochs, 3);
    assert_int_equal(t->split_b, 1);
    assert_int_equal(t->seed, 5);
    const Tensor *v = &w.p->tensors.at[program_find_tensor(w.p, "fit.v.m.dense1.w")];
    assert_string_equal(v->key, "opt/v/m.dense1.w");
    assert_int_equal(v->role, ROLE_OPT);
    assert_int_equal(w.p->tensors.at[program_find_tensor(w.p, "m.norm1.mean")].role, ROLE_STATE);
    assert_int_equal(count_nodes(t->step->body, OP_GRAD), 1);
    cx_free(w.cx);
}

static void test_equations(void **state)
{
    (void)state;
    World w = load("dim N\nlayer body = dense(4) |> tanh\nmodel m(x: f32[N, 4]) -> f32[N, 1] = x |> body |> dense(1)\n"
                   "train m(x, y: f32[N, 1]) {\n  loss mse(m(x), y)\n  body' = sgd(body, grad(loss, body), lr = 0.5)\n"
                   "  optimizer adam\n}\n"
                   "train frozen(x, y: f32[N, 1]) {\n  loss mse(m(x), y)\n"
                   "  m.dense1.w' = sgd(m.dense1.w, grad(loss, m.dense1.w))\n}\n");
    assert_int_equal(count_results(w.p->trains.at[0].step, RESULT_NEXT), 4 + 4);
    assert_int_equal(count_results(w.p->trains.at[1].step, RESULT_NEXT), 1);
    cx_free(w.cx);
}

static void test_detach(void **state)
{
    (void)state;
    World w = load("dim N\nmodel m(x: f32[N, 4]) -> f32[N, 1] = detach(x |> dense(3)) |> dense(1)\n"
                   "train m(x, y: f32[N, 1]) {\n  loss mse(m(x), y)\n  optimizer sgd\n}\n");
    assert_int_equal(count_results(w.p->trains.at[0].step, RESULT_NEXT), 2);
    cx_free(w.cx);
}

static void test_double(void **state)
{
    (void)state;
    FrontendOptions o = {.real = DT_F64};
    World w = load_with(momentum, &o);
    assert_non_null(w.p);
    assert_int_equal(tensor_type(w, "m.dense1.w")->dtype, DT_F64);
    assert_true(program_verify(w.p, w.cx, "E0901"));
    cx_free(w.cx);
}

/* ---- mistakes ---- */

#define MODEL(body) "dim N\nmodel m(x: f32[N, 4], i: i32<3>[N], w: f32[5, 2]) -> f32[N, 2] {\n" body "\n}\n"
#define TRAIN(body) "dim N\nmodel m(x: f32[N, 4]) -> f32[N, 3] = x |> dense(3) |> softmax\n" \
                    "train m(x, y: i32<3>[N], z: f32[N, 3], u: f32[N]) {\n  p = m(x)\n" body "\n}\n"
#define QUIET "  _a = i; _b = w\n"

static void test_mistakes(void **state)
{
    (void)state;
    static const struct { const char *text, *codes; } cases[] = {
        {MODEL(QUIET "x @ w"), "E0201"},
        {MODEL(QUIET "x |> dense(2, inputs = 5)"), "E0208"},
        {MODEL(QUIET "x |> dense(3)"), "E0215"},
        {MODEL(QUIET "x + (x |> dense(2))"), "E0203"},
        {MODEL(QUIET "x |> [N, 2, 2] -> [N, 2]"), "E0202"},
        {MODEL(QUIET "x |> [N, (a, 3)] -> [N, a]"), "E0204"},
        {MODEL(QUIET "x |> [N, C] -> [C]"), "E0204"},
        {MODEL(QUIET "sum(x, over = K)"), "E0216"},
        {MODEL(QUIET "dense(i, out = 2)"), "E0303"},
        {MODEL(QUIET "f32(i) + i"), "E0301"},
        {MODEL(QUIET "pick(x, i)"), "E0302"},
        {"model m(x: f32[2000000, 2000000]) -> f32[2000000, 2000000] = x\n", "E0207"},
        {"hyper a = 1/0\n", "E0302"},
        {"hyper a = 5 % (3 - 3)\n", "E0302"},
        {"hyper a = sqrt(-1)\n", "E0302"},
        {"dim N\nfn f(x: i32<3>[N]) -> f32[N] = mean(one_hot(x), over = last)\nmodel m(x: i32<7>[N]) -> f32[N] = f(x)\n",
         "E0302"},
        {"dim N\nfn f(x: i32<3>[N]) -> f32[N] = mean(one_hot(x), over = last)\nmodel m(x: i32[N]) -> f32[N] = f(x)\n", "E0302"},
        {"dim N\nmodel m(x: i32<7>[N]) -> i32<3>[N] = x\n", "E0302"},
        {"hyper a = 10^1000\n", "E0302"},
        {"hyper a = inf - inf\n", "E0302"},
        {"hyper a = 1e400\n", "E0302"},
        {"model m(x: f32[4]) -> f32[4] = x*1e39\n", "E0302"},
        {"model m(x: f64[4]) -> f64[4] = x*1e39\n", ""},
        {"model m(x: f32[4]) -> f32[4] = select(x > 0, x, -2*inf)\n", ""},
        {"model m(x: f32[4]) -> f32[4] = x*exp(-inf)\n", ""},
        {MODEL(QUIET "x |> dens(2)"), "E0402"},
        {"dim W where W > 3 : \"{W} are too few\"\n"
         "model m(x: f32[W]) -> f32[4] = slice(x, over = W, start = 0, size = 4)\n", ""},
        {"dim W where W < 3 : \"{W} are too many\"\n"
         "model m(x: f32[3]) -> f32[W] = slice(x, over = first, start = 1, size = W)\n", ""},
        {"dim A\ndim B\nfn f[I](x: real[I], y: real[floor(I/2)]) -> real[I] = x + 0*sum(y)\n"
         "model m(x: f32[A], y: f32[B]) -> f32[A] = f(x, y)\n", "E0212"},
        {MODEL(QUIET "y + x"), "E0401"},
        {MODEL(QUIET "x |> dense(2, bais = true)"), "E0403"},
        {MODEL(QUIET "dense(x, x, out = 2)"), "E0404"},
        {MODEL(QUIET "x |> dense"), "E0404"},
        {MODEL(QUIET "N = 3; x |> dense(2)"), "E0406"},
        {MODEL(QUIET "x |> conv(3)"), "E0409"},
        {MODEL(QUIET "x |> repeat(3) { dense(2) }"), "E0209"},
        {MODEL(QUIET "x |> repeat(0.5) { relu } |> dense(2)"), "E0412"},
        {MODEL(QUIET "x |> repeat(N) { relu } |> dense(2)"), "E0412"},
        {MODEL(QUIET "x |> repeat(100000) { relu } |> dense(2)"), "E0104"},
        {MODEL(QUIET "x |> repeat(i in 3..1) { relu } |> dense(2)"), "E0412"},
        {MODEL(QUIET "x |> repeat(2) { a = 3 } |> dense(2)"), "E0404"},
        {MODEL(QUIET "x |> repeat(2) { x } |> dense(2)"), "E0413"},
        {MODEL(QUIET "repeat(2) { relu }"), "E0413"},
        {MODEL(QUIET "x |> repeat { relu } |> dense(2)"), "E0101"},
        {MODEL(QUIET "scan(x, over = N)"), "E0409"},
        {MODEL(QUIET "if x > 0 then x else x"), "E0412"},
        {MODEL(QUIET "x |> dense(2, bias = 3)"), "E0412"},
        {MODEL(QUIET "a = b; b = x + a; a |> dense(2)"), "E0214"},
        {MODEL(QUIET "param v: f32[N] = zeros; x |> dense(2) + v"), "E0101"},
        {MODEL(QUIET "param v: f32[N, 2] = zeros; (x |> dense(2)) + v"), "E0217"},
        {MODEL(QUIET "layer t = dense(2); t(x) + t(w |> [a, b] -> [b, a])"), "E0218"},
        {MODEL(QUIET "h = dense(x, out = 2); x |> dense(2)"), "W0501"},
        {TRAIN("loss accuracy(p, y); metric mse(p, z); metric mean(u)"), "E0211"},
        {TRAIN("loss mse(p, u); metric mse(p, z); metric accuracy(p, y)"), "E0210"},
        {TRAIN("loss mse(p, y); metric mse(p, z); metric mean(u)"), "E0303"},
        {TRAIN("loss cross_entropy(p, z); metric accuracy(p, y); metric mean(u)"), "E0303"},
        {TRAIN("loss cross_entropy(p, y % 2); metric mse(p, z); metric mean(u)"), "E0210"},
        {TRAIN("loss p; metric mse(p, z); metric mean(u); metric accuracy(p, y)"), "E0211"},
        {TRAIN("los mse(p, z); metric accuracy(p, y); metric mean(u)"), "E0403"},
        {TRAIN("loss mse(p, z) + mean(u)*f32(0); metric accuracy(p, y); epochs 1.5"), "E0412"},
        {"fn f(x: real) -> real = f(x)\n", "E0410"},
        {"fn f(x: real) -> real { param w: real = 0; x*w }\n", "E0411"},
        {"fn f(x: real[..., 3]) -> real[..., 2] = x |> dense(2)\n", "E0411"},
        {"layer f[I, O](x: real[I], w: real[O, I]) -> real[O] = x @ w\n", "E0201"},
        {"dim N\nmodel m(a: f32[N, y = 8, x = 8], b: f32[N, x = 8, y = 8]) -> f32[N, y = 8, x = 8] = a + b\n", "E0206"},
        {"dim N\ndim T in 2..8\nlayer f(x: real[N, T]) -> real[N, T] = relu(x)\n"
         "model m(x: f32[N, 9]) -> f32[N, 9] = f(x)\n", "E0208"},
        {"dim N\ndim T in 2..8\nlayer f(x: real[N, T]) -> real[N, T] = relu(x)\n"
         "model m(x: f32[N, N]) -> f32[N, N] = f(x)\n", "E0212"},
        {"dim N\ndim T in 2..8\nlayer f(x: real[N, T]) -> real[N, T] = relu(x)\n"
         "model m(x: f32[N, T], y: f32[N, 8]) -> (f32[N, T], f32[N, 8]) = (f(x), f(y))\n", ""},
        {"dim N\nlayer f[T](x: real[T, 2]) -> real[T, 2] where T % 2 == 0 : \"odd {T}\" = x\n"
         "model m(x: f32[N, 2]) -> f32[N, 2] = f(x)\n", "E0212"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) assert_codes(cases[i].text, cases[i].codes);
}

static void test_two_faults(void **state)
{
    (void)state;
    assert_codes(MODEL(QUIET "a = x @ w\nb = a + relu(a)\nc = sigmod(x)\n b + c"), "E0201 E0402");
    assert_codes("dim N\nmodel m(x: f32[N, 4]) -> f32[N, 2] {\n  a = x |> dense(3\n"
                 "  b = x |> dense(5) |> dense(2, inputs = 6)\n"
                 "  a + b\n}\n", "E0101 E0208");
}

/* Every `nn` block of these pages compiles, without a warning. */
static void test_docs(void **state)
{
    (void)state;
    static const struct { const char *path; int least; } pages[] = {
        {NNC_ROOT "/docs/language.md", 5}, {NNC_ROOT "/docs/std.md", 1},
    };
    Cx *cx = cx_new();
    for (size_t i = 0; i < COUNT(pages); i++) {
        char *page;
        size_t size;
        int blocks = 0;
        assert_true(read_file(cx->arena, pages[i].path, SIZE_MAX, &page, &size));
        for (const char *at = page; (at = strstr(at, "```nn\n")); blocks++) {
            at += strlen("```nn\n");
            const char *end = strstr(at, "```");
            assert_non_null(end);
            assert_codes(str_copy_n(cx->arena, at, (size_t)(end - at)), "");
            at = end;
        }
        assert_true(blocks >= pages[i].least);
    }
    cx_free(cx);
}

static void test_growth(void **state)
{
    (void)state;
    size_t bytes[2];
    for (int k = 0; k < 2; k++) {
        World w = {.cx = cx_new()};
        Text t = {.arena = w.cx->arena};
        text_add(&t, "dim N\nmodel m(x: f32[N, 4]) -> f32[N, 4] = x");
        for (int i = 0; i < (k + 1) * 200; i++) text_add(&t, " |> dense(4) |> relu");
        text_add(&t, "\n");
        size_t before = arena_bytes(w.cx->arena);
        FrontendOptions plain = {0};
        w.p = frontend_parse(w.cx, "test.nn", text_done(&t), &plain);
        assert_non_null(w.p);
        assert_int_equal(w.p->tensors.n, (k + 1) * 400);
        bytes[k] = arena_bytes(w.cx->arena) - before;
        cx_free(w.cx);
    }
    assert_true((double)bytes[1] < 2.1 * (double)bytes[0]);
}

static void test_hostile(void **state)
{
    (void)state;
    Cx *cx = cx_new();
    Text t = {.arena = cx->arena}, u = {.arena = cx->arena};
    text_add(&t, "fn f0(x: real) -> real = x\n");
    for (int i = 1; i < 3000; i++) text_add(&t, "fn f%d(x: real) -> real = f%d(x)\n", i, i - 1);
    text_add(&t, "model m(x: f32[4]) -> f32[4] = f2999(x)\n");
    assert_codes(text_done(&t), "E0104");
    text_add(&u, "model m(x: f32[4]) -> f32[4] {\n");
    for (int i = 0; i < 2000; i++) text_add(&u, "  a%d = a%d + x\n", i, i + 1);
    text_add(&u, "  a2000 = x\n  a0\n}\n");
    assert_codes(text_done(&u), "");
    cx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_instances),  cmocka_unit_test(test_exact_numbers),
        cmocka_unit_test(test_streams),  cmocka_unit_test(test_regions),    cmocka_unit_test(test_sites),
        cmocka_unit_test(test_options),  cmocka_unit_test(test_hypers),     cmocka_unit_test(test_train),
        cmocka_unit_test(test_equations), cmocka_unit_test(test_detach),    cmocka_unit_test(test_double),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_two_faults), cmocka_unit_test(test_growth),
        cmocka_unit_test(test_hostile),  cmocka_unit_test(test_repeat),     cmocka_unit_test(test_docs),
        cmocka_unit_test(test_equal_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
