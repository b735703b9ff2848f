/* Plans, run with marks in place of numbers: nothing is read before it is written or after it was written over. */
#include "pass_bench.h"
#include "frontend/frontend.h"
#include "plan_check.h"

static const int64_t SIZES[] = {1, 2, 5, 17};

static void check_all(const Graph *g)
{
    for (size_t i = 0; i < COUNT(SIZES); i++)
        for (int workers = 1; workers <= 3; workers++) check_plan(g, SIZES[i], workers);
}

static void run_all(Bench *(*make)(void))
{
    for (int fuse = 0; fuse < 2; fuse++) {
        Bench *t = make();
        Step with[] = {LOWER, LAYOUT, FUSE, OUTLINE, PLAN}, without[] = {LOWER, LAYOUT, OUTLINE, PLAN};
        bench_passes(t, fuse ? with : without, fuse ? 5 : 4);
        check_all(t->g);
        bench_free(t);
    }
}

/* Two layers, squared error, gradients by hand, momentum for one weight and plain descent for the others. */
static Bench *training_step(void)
{
    Bench *t = bench_new(GRAPH_STEP);
    Build *b = &t->b;
    Value *x = bench_input(t, TYPE(t, F32, 0, 6), "x"), *y = bench_input(t, TYPE(t, F32, 0, 3), "y");
    Value *w = bench_tensor(t, TYPE(t, F32, 6, 5), ROLE_PARAM, "w"), *c = bench_tensor(t, TYPE(t, F32, 5), ROLE_PARAM, "c");
    Value *u = bench_tensor(t, TYPE(t, F32, 5, 3), ROLE_PARAM, "u"), *m = bench_tensor(t, TYPE(t, F32, 5, 3), ROLE_OPT, "m");
    Value *h = build_1(b, OP_SIGMOID, build_2(b, OP_ADD, bench_matmul(t, x, w, false, false), MOVE(t, c, "0 > 1 0", 5, 0)));
    Value *d = build_2(b, OP_SUB, bench_matmul(t, h, u, false, false), y);
    Value *loss = build_reduce(b, OP_MEAN, build_2(b, OP_MUL, d, d), 3);
    Value *du = bench_matmul(t, h, d, true, false), *dh = bench_matmul(t, d, u, false, true);
    Value *one = build_const(b, DT_F32, 1), *rate = build_const(b, DT_F32, 0.125);
    Value *dz = build_2(b, OP_MUL, dh, build_2(b, OP_MUL, h, build_2(b, OP_SUB, one, h)));
    Value *dw = bench_matmul(t, x, dz, true, false), *dc = build_reduce(b, OP_SUM, dz, 1);
    Value *next_m = build_2(b, OP_ADD, build_2(b, OP_MUL, m, rate), du);
    bench_result(t, RESULT_NEXT, 0, build_2(b, OP_SUB, w, build_2(b, OP_MUL, rate, dw)));
    bench_result(t, RESULT_NEXT, 1, build_2(b, OP_SUB, c, build_2(b, OP_MUL, rate, dc)));
    bench_result(t, RESULT_NEXT, 2, build_2(b, OP_SUB, u, build_2(b, OP_MUL, rate, next_m)));
    bench_result(t, RESULT_NEXT, 3, next_m);
    bench_result(t, RESULT_LOSS, 1, loss);
    return t;
}

static void test_training_step(void **state)
{
    (void)state;
    long before = pass_fired("plan.in_place");
    run_all(training_step);
    assert_true(pass_fired("plan.in_place") - before == 8);
}

/* Tensors that trade places, one that is multiplied by itself, one that stays, one that is read at its own place and at
   another, and a constant loss. */
static Bench *awkward_updates(void)
{
    Bench *t = bench_new(GRAPH_STEP);
    Build *b = &t->b;
    Type square = TYPE(t, F32, 4, 4);
    Value *p = bench_tensor(t, square, ROLE_PARAM, "p"), *q = bench_tensor(t, square, ROLE_PARAM, "q");
    Value *r = bench_tensor(t, square, ROLE_PARAM, "r"), *s = bench_tensor(t, square, ROLE_STATE, "s");
    Value *v = bench_tensor(t, square, ROLE_STATE, "v"), *u = bench_tensor(t, square, ROLE_STATE, "u");
    Value *top = MOVE(t, build_reduce(b, OP_MAX, v, 2), "0 > 0 1", 4, 4);
    bench_result(t, RESULT_NEXT, 0, q);
    bench_result(t, RESULT_NEXT, 1, p);
    bench_result(t, RESULT_NEXT, 2, bench_matmul(t, r, r, false, true));
    bench_result(t, RESULT_NEXT, 3, s);
    bench_result(t, RESULT_NEXT, 4, build_2(b, OP_DIV, v, top));
    bench_result(t, RESULT_NEXT, 5, build_2(b, OP_SUB, u, MOVE(t, u, "0 1 > 1 0", 4, 4)));
    bench_result(t, RESULT_LOSS, 1, build_const(b, DT_F32, 0.5));
    return t;
}

/* Where no loss is awaited, an update waits for those alone who read other rows of the old value. */
static Bench *update_alone(void)
{
    Bench *t = bench_new(GRAPH_UPDATE);
    Type square = TYPE(t, F32, 4, 4);
    Value *p = bench_tensor(t, square, ROLE_PARAM, "p"), *q = bench_tensor(t, square, ROLE_PARAM, "q");
    bench_result(t, RESULT_NEXT, 0, build_1(&t->b, OP_NEG, p));
    bench_result(t, RESULT_NEXT, 1, build_2(&t->b, OP_SUB, q, MOVE(t, p, "0 1 > 1 0", 4, 4)));
    return t;
}

/* Next values that the loss itself needs, and a reader of the old value that comes after them. */
static Bench *loss_after_update(void)
{
    Bench *t = bench_new(GRAPH_STEP);
    Build *b = &t->b;
    Value *x = bench_input(t, TYPE(t, F32, 0, 4), "x");
    Value *p = bench_tensor(t, TYPE(t, F32, 4), ROLE_PARAM, "p");
    Value *next = build_2(b, OP_ADD, p, build_reduce(b, OP_SUM, x, 1));
    Value *old = build_2(b, OP_MUL, x, MOVE(t, p, "0 > 1 0", 4, 0));
    Value *new = build_2(b, OP_MUL, x, MOVE(t, next, "0 > 1 0", 4, 0));
    Value *loss = build_reduce(b, OP_SUM, build_2(b, OP_ADD, old, new), 3);
    bench_result(t, RESULT_NEXT, 0, next);
    bench_result(t, RESULT_LOSS, 1, loss);
    bench_result(t, RESULT_METRIC, 2, loss);
    return t;
}

/* Outputs that are inputs, parameters, views, constants, or one value twice. */
static Bench *outputs(void)
{
    Bench *t = bench_new(GRAPH_MODEL);
    Value *x = bench_input(t, TYPE(t, F32, 0, 4), "x"), *p = bench_tensor(t, TYPE(t, F32, 4), ROLE_PARAM, "p");
    Value *y = build_1(&t->b, OP_EXP, x), *view = MOVE(t, y, "0 1 > 01", 0, 4);
    Value *values[] = {y, view, x, p, y, MOVE(t, x, "0 1 > 01", 0, 4), build_fill(&t->b, TYPE(t, F32, 0, 2), 3),
                       MOVE(t, build_reduce(&t->b, OP_SUM, view, 1), " > 0", 1)};
    for (size_t i = 0; i < COUNT(values); i++) bench_result(t, RESULT_OUTPUT, (int)i, values[i]);
    return t;
}

/* Gradients that others read, or that are each other's. */
static Bench *gradients(void)
{
    Bench *t = bench_new(GRAPH_GRAD);
    Value *x = bench_input(t, TYPE(t, F32, 0, 4), "x");
    bench_tensor(t, TYPE(t, F32, 4), ROLE_PARAM, "p");
    bench_tensor(t, TYPE(t, F32, 4), ROLE_PARAM, "q");
    bench_tensor(t, TYPE(t, F32, 4), ROLE_STATE, "s");
    Value *g = build_reduce(&t->b, OP_SUM, x, 1);
    bench_result(t, RESULT_GRAD, 0, g);
    bench_result(t, RESULT_GRAD, 1, g);
    bench_result(t, RESULT_GRAD, 2, build_1(&t->b, OP_EXP, g));
    bench_result(t, RESULT_LOSS, 1, build_reduce(&t->b, OP_SUM, g, 1));
    return t;
}

/* A long chain of values, each read once: two slots hold them, though all its kernels run in one phase. */
static Bench *chain(void)
{
    Bench *t = bench_new(GRAPH_MODEL);
    Value *x = bench_input(t, TYPE(t, F32, 0, 7), "x");
    for (int i = 0; i < 12; i++) {
        Value *w = bench_tensor(t, TYPE(t, F32, 7, 7), ROLE_PARAM, str_format(t->p->arena, "w%d", i));
        x = bench_matmul(t, x, w, false, false);
    }
    bench_result(t, RESULT_OUTPUT, 0, x);
    return t;
}

static void test_awkward_updates(void **state) { (void)state; run_all(awkward_updates); }
static void test_update_alone(void **state) { (void)state; run_all(update_alone); }
static void test_loss_after_update(void **state) { (void)state; run_all(loss_after_update); }
static void test_outputs(void **state) { (void)state; run_all(outputs); }
static void test_gradients(void **state) { (void)state; run_all(gradients); }

static void test_chain(void **state)
{
    (void)state;
    run_all(chain);
    Bench *t = chain();
    Step steps[] = {LOWER, LAYOUT, FUSE, OUTLINE, PLAN};
    bench_passes(t, steps, 5);
    int64_t n = 64;
    assert_int_equal(dim_eval(t->g->work_bytes, &n), 2 * 4 * 64 * 7);
    assert_int_equal(t->g->phases, 1);
    bench_free(t);
}

static bool check_graph(Graph *g, void *context)
{
    (void)context;
    check_plan(g, 1, 1);
    check_plan(g, 3, 2);
    return true;
}

/* The examples, with and without each optional pass. */
static void test_examples(void **state)
{
    static const char *const names[] = {"tiny", "rings", "digits"};
    static const char *const optional[] = {"simplify", "fuse"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        for (int from = 0; from < 3; from++) {
            Cx *cx = cx_new();
            const char *path = str_format(cx->arena, "%s/examples/%s/%s.nn", NNC_ROOT, names[i], names[i]);
            Program *p = frontend_load(cx, path, &(FrontendOptions){.real = DT_F32});
            PassOptions o = {.disabled = optional + from, .ndisabled = 2 - from, .verify = true};
            bool good = p && passes_run(p, &o);
            diags_print(cx->diags, stderr, false);
            assert_true(good);
            program_each_graph(p, check_graph, NULL);
            cx_free(cx);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_step), cmocka_unit_test(test_awkward_updates),
        cmocka_unit_test(test_update_alone), cmocka_unit_test(test_loss_after_update), cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_chain), cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
