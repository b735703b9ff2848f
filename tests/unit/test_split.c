/* The cut of a step into grad and update: both together must give what the step gives, bit for bit, and where a cut is
   impossible none is made. */
#include "graph_bench.h"

/* w (a parameter), mean (a layer's state), m (the optimizer's memory): their places in the table. */
enum { W, MEAN, MEMORY, TENSORS };

typedef struct Step {
    Bench t;
    Value *x, *old[TENSORS], *loss, *gradient;
} Step;

static Value *table_read(Step *s, const char *path, Role role)
{
    Value *v = param(&s->t, SHAPE(4));
    Tensor *tensor = &s->t.p->tensors.at[s->t.nparams - 1];
    tensor->path = path;
    tensor->role = role;
    return v;
}

static void next_value(Step *s, int tensor, Value *v)
{
    Result r = {.kind = RESULT_NEXT, .name = s->t.p->tensors.at[tensor].path, .index = tensor};
    graph_add_result(s->t.g, r, v);
}

static Value *gradient_of(Step *s, Value *loss, Value *of)
{
    return build_op(&s->t.b, OP_GRAD, (Value *[]){loss, of}, 2, NULL, NULL);
}

/* loss = sum((x*w)^2), and its gradient */
static void step_begin(Step *s)
{
    Bench *t = &s->t;
    bench_begin(t, 11);
    s->old[W] = table_read(s, "w", ROLE_PARAM);
    s->old[MEAN] = table_read(s, "mean", ROLE_STATE);
    s->old[MEMORY] = table_read(s, "m", ROLE_OPT);
    s->x = input(t, shaped(t, DT_F64, SHAPE(N, 4)), -1, 1);
    Value *h = build_2(&t->b, OP_MUL, s->x, build_spread(&t->b, s->old[W], s->x->type, 1));
    s->loss = build_reduce(&t->b, OP_SUM, build_2(&t->b, OP_MUL, h, h), 3);
    s->gradient = gradient_of(s, s->loss, s->old[W]);
    graph_add_result(t->g, (Result){.kind = RESULT_LOSS, .name = "loss"}, s->loss);
}

static TrainInfo *step_split(Step *s)
{
    Arena *scratch = arena_new();
    graph_find_rows(s->t.g);
    assert_true(graph_verify(s->t.g, s->t.cx));
    pass_split(s->t.g, scratch);
    arena_free(scratch);
    return &s->t.p->trains.at[0];
}

static void expect_no_cut(Step *s)
{
    TrainInfo *train = step_split(s);
    assert_null(train->grad);
    assert_null(train->update);
    cx_free(s->t.cx);
}

static int result_named(const Graph *g, ResultKind kind, int index)
{
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == kind && g->results.at[i].index == index) return i;
    fail_msg("a result is missing");
    return -1;
}

static void evaluate(Step *s, const Graph *g, Array *grads, Array *results)
{
    EvalInputs in = {.symbols = (int64_t[]){N_SIZE}, .inputs = s->t.inputs, .tensors = s->t.tensors, .grads = grads,
                     .hypers = (double[]){0.75}, .step = 3, .epoch = 2, .fma = true};
    assert_true(graph_verify(g, s->t.cx));
    assert_true(graph_eval(g, &in, s->t.p->arena, results));
}

/* update(grad(...)) against step(...) for each tensor that has a next value. */
static void expect_cut(Step *s, int ngradients)
{
    TrainInfo *train = step_split(s);
    Graph *all[] = {s->t.g, train->grad, train->update};
    Array results[3][8], grads[TENSORS];
    Arena *scratch = arena_new();
    memset(grads, 0, sizeof grads);
    assert_non_null(train->grad);
    assert_non_null(train->update);
    assert_int_equal(train->update->inputs.n, 0);
    for (int i = 0; i < 3; i++) pass_differentiate(all[i], scratch);
    evaluate(s, all[0], NULL, results[0]);
    evaluate(s, all[1], NULL, results[1]);
    for (int i = 0; i < train->grad->results.n; i++)
        if (train->grad->results.at[i].kind == RESULT_GRAD) {
            grads[train->grad->results.at[i].index] = results[1][i];
            ngradients--;
        }
    assert_int_equal(ngradients, 0);
    evaluate(s, all[2], grads, results[2]);
    for (int i = 0; i < train->update->results.n; i++) {
        int tensor = train->update->results.at[i].index;
        const Array *want = &results[0][result_named(s->t.g, RESULT_NEXT, tensor)], *got = &results[2][i];
        for (int64_t k = 0; k < want->size; k++) assert_true(want->at[k].value == got->at[k].value);
    }
    assert_true(results[1][result_named(train->grad, RESULT_LOSS, 0)].at[0].value == results[0][0].at[0].value);
    arena_free(scratch);
    cx_free(s->t.cx);
}

static Value *descend(Step *s, Value *by)
{
    Value *rate = build_op(&s->t.b, OP_HYPER, NULL, 0, &(Attr){.index = 0}, NULL);
    return build_2(&s->t.b, OP_SUB, s->old[W], build_2(&s->t.b, OP_MUL, rate, by));
}

/* Momentum beside running statistics. */
static void test_momentum_and_statistics(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *m = build_2(&s.t.b, OP_ADD, build_2(&s.t.b, OP_MUL, s.old[MEMORY], build_const(&s.t.b, DT_F64, 0.9)), s.gradient);
    next_value(&s, MEMORY, m);
    next_value(&s, MEAN, build_2(&s.t.b, OP_ADD, s.old[MEAN], build_reduce(&s.t.b, OP_SUM, s.x, 1)));
    next_value(&s, W, descend(&s, m));
    expect_cut(&s, 2);
}

/* A norm over the gradient belongs to the update; the loss of the step stays in grad. */
static void test_clipping(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *norm = build_1(&s.t.b, OP_SQRT, build_reduce(&s.t.b, OP_SUM, build_2(&s.t.b, OP_MUL, s.gradient, s.gradient), 1));
    next_value(&s, W, descend(&s, build_2(&s.t.b, OP_DIV, s.gradient, norm)));
    expect_cut(&s, 1);
}

/* The optimizer reads a state's next value: it was proposed by grad. */
static void test_update_reads_a_proposed_state(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *mean = build_2(&s.t.b, OP_ADD, s.old[MEAN], build_reduce(&s.t.b, OP_SUM, s.x, 1));
    next_value(&s, MEAN, mean);
    next_value(&s, W, descend(&s, build_2(&s.t.b, OP_MUL, s.gradient, mean)));
    expect_cut(&s, 2);
}

static void test_gradient_after_the_step(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *next = descend(&s, s.gradient);
    Value *second = build_reduce(&s.t.b, OP_SUM, build_2(&s.t.b, OP_MUL, next, next), 1);
    next_value(&s, W, next);
    next_value(&s, MEMORY, gradient_of(&s, second, s.old[W]));
    expect_no_cut(&s);
}

static void test_state_of_after_the_step_in_the_loss(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *mean = build_2(&s.t.b, OP_ADD, s.old[MEAN], build_reduce(&s.t.b, OP_SUM, s.x, 1));
    Value *loss = build_reduce(&s.t.b, OP_SUM, build_2(&s.t.b, OP_MUL, mean, s.old[W]), 1);
    next_value(&s, MEAN, mean);
    next_value(&s, W, descend(&s, gradient_of(&s, loss, s.old[W])));
    expect_no_cut(&s);
}

static void test_update_that_reads_data(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    next_value(&s, W, build_2(&s.t.b, OP_MUL, descend(&s, s.gradient), build_reduce(&s.t.b, OP_SUM, s.x, 1)));
    expect_no_cut(&s);
}

static void test_gradients_of_two_losses(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *other = gradient_of(&s, build_reduce(&s.t.b, OP_SUM, s.old[W], 1), s.old[W]);
    next_value(&s, W, descend(&s, build_2(&s.t.b, OP_ADD, s.gradient, other)));
    expect_no_cut(&s);
}

static void test_metric_of_the_optimizers_memory(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Value *metric = build_reduce(&s.t.b, OP_SUM, s.old[MEMORY], 1);
    graph_add_result(s.t.g, (Result){.kind = RESULT_METRIC, .name = "memory", .index = 2}, metric);
    next_value(&s, W, descend(&s, s.gradient));
    expect_no_cut(&s);
}

/* The loss computes what happens to be the state's next value, but does not read it: the cut does not hang on whether
   equal values have become one. */
static void test_next_state_computed_twice(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    Bench *t = &s.t;
    Value *half = build_const(&t->b, DT_F64, 0.5), *own = build_2(&t->b, OP_MUL, s.old[MEAN], half);
    Value *loss = build_reduce(&t->b, OP_SUM, build_2(&t->b, OP_MUL, s.old[W], own), 1);
    next_value(&s, W, descend(&s, gradient_of(&s, loss, s.old[W])));
    next_value(&s, MEAN, build_2(&t->b, OP_MUL, s.old[MEAN], half));
    graph_find_rows(t->g);
    assert_true(passes_run(t->p, &(PassOptions){.until = "differentiate", .verify = true}));
    assert_non_null(t->p->trains.at[0].grad);
    assert_non_null(t->p->trains.at[0].update);
    cx_free(t->cx);
}

static void test_no_loss(void **state)
{
    (void)state;
    Step s;
    step_begin(&s);
    s.t.p->trains.at[0].has_loss = false;
    next_value(&s, W, descend(&s, s.gradient));
    expect_no_cut(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_momentum_and_statistics),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_update_reads_a_proposed_state),
        cmocka_unit_test(test_gradient_after_the_step),
        cmocka_unit_test(test_state_of_after_the_step_in_the_loss),
        cmocka_unit_test(test_update_that_reads_data),
        cmocka_unit_test(test_gradients_of_two_losses),
        cmocka_unit_test(test_metric_of_the_optimizers_memory),
        cmocka_unit_test(test_next_state_computed_twice),
        cmocka_unit_test(test_no_loss),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
