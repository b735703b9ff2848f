/* Lowering, layout, fusion and outlining: the same bits after each, and the kernels that were meant. */
#include "pass_bench.h"

/* Runs all passes up to kernels, with or without fusion. */
static void make_kernels(Bench *t, bool fuse)
{
    Step with[] = {LOWER, LAYOUT, FUSE, OUTLINE}, without[] = {LOWER, LAYOUT, OUTLINE};
    bench_passes(t, fuse ? with : without, fuse ? 4 : 3);
}

/* act(x @ w + b) with a sum over the rows besides: a contraction with its epilogue, and a column sum. */
static Bench *dense(void)
{
    Bench *t = bench_new(GRAPH_MODEL);
    Value *x = bench_input(t, TYPE(t, F32, 0, 12), "x");
    Value *w = bench_tensor(t, TYPE(t, F32, 12, 5), ROLE_PARAM, "w"), *b = bench_tensor(t, TYPE(t, F32, 5), ROLE_PARAM, "b");
    Value *z = bench_matmul(t, x, w, false, false);
    Value *y = build_1(&t->b, OP_SIGMOID, build_2(&t->b, OP_ADD, z, MOVE(t, b, "0 > 1 0", 5, 0)));
    bench_result(t, RESULT_OUTPUT, 0, y);
    bench_result(t, RESULT_OUTPUT, 1, build_reduce(&t->b, OP_SUM, y, 1));
    return t;
}

static void test_epilogue(void **state)
{
    (void)state;
    Bench *t = dense();
    long before = pass_fired("fuse.epilogue");
    make_kernels(t, true);
    assert_int_equal(count_kernels(t->g, FORM_CONTRACT), 1);
    assert_int_equal(count_kernels(t->g, FORM_COLUMN), 1);
    assert_int_equal(count_kernels(t->g, FORM_MAP), 0);
    assert_true(pass_fired("fuse.epilogue") > before);
    bench_free(t);
    t = dense();
    make_kernels(t, false);
    assert_int_equal(count_kernels(t->g, FORM_MAP), 3);
    bench_free(t);
}

/* Cross entropy over a softmax, and its gradient: one kernel of rows, and the mean over them. */
static Bench *softmax(void)
{
    Bench *t = bench_new(GRAPH_MODEL);
    Build *b = &t->b;
    Value *z = bench_input(t, TYPE(t, F32, 0, 10), "z");
    Type label = TYPE(t, I32, 0);
    label.range = bench_dim(t, 10);
    Value *y = bench_input(t, label, "y");
    Value *top = MOVE(t, build_reduce(b, OP_MAX, z, 2), "0 > 0 1", 0, 10);
    Value *e = build_1(b, OP_EXP, build_2(b, OP_SUB, z, top));
    Value *p = build_2(b, OP_DIV, e, MOVE(t, build_reduce(b, OP_SUM, e, 2), "0 > 0 1", 0, 10));
    Value *loss = build_1(b, OP_NEG, build_reduce(b, OP_MEAN, build_1(b, OP_LOG, build_2(b, OP_PICK, p, y)), 1));
    Type hot = TYPE(t, F32, 0, 10);
    Value *d = build_2(b, OP_SUB, p, build_op(b, OP_ONE_HOT, &y, 1, NULL, &hot));
    Value *g = build_2(b, OP_DIV, d, build_size(b, DT_F32, t->n));
    bench_result(t, RESULT_OUTPUT, 0, loss);
    bench_result(t, RESULT_OUTPUT, 1, g);
    bench_result(t, RESULT_OUTPUT, 2, build_reduce(b, OP_ARGMAX, p, 2));
    return t;
}

static void test_rows(void **state)
{
    (void)state;
    Bench *t = softmax();
    make_kernels(t, true);
    assert_int_equal(count_kernels(t->g, FORM_ROW), 2);
    assert_int_equal(count_kernels(t->g, FORM_MAP), 0);
    bench_free(t);
    t = softmax();
    make_kernels(t, false);
    bench_free(t);
}

/* Bytes to floats, flattened: the reshape ends as a view of the input, the conversion in both contractions. */
static void test_prologue(void **state)
{
    (void)state;
    Bench *t = bench_new(GRAPH_MODEL);
    Build *b = &t->b;
    Value *image = bench_input(t, TYPE(t, U8, 0, 4, 3), "image"), *dy = bench_input(t, TYPE(t, F32, 0, 5), "dy");
    Value *w = bench_tensor(t, TYPE(t, F32, 12, 5), ROLE_PARAM, "w");
    Value *x = MOVE(t, build_convert(b, image, DT_F32), "0 1 2 > 0 12", 0, 4, 3);
    bench_result(t, RESULT_OUTPUT, 0, bench_matmul(t, x, w, false, false));
    bench_result(t, RESULT_OUTPUT, 1, bench_matmul(t, x, dy, true, false));
    make_kernels(t, true);
    assert_int_equal(count_kernels(t->g, FORM_CONTRACT), 2);
    assert_int_equal(count_kernels(t->g, FORM_MAP), 0);
    for (const Node *n = t->g->body->first; n; n = n->next)
        if (n->op == OP_MOVE) assert_int_equal(n->in[0]->def->op, OP_INPUT);
    bench_free(t);
}

/* Contractions that run against the grain: operands are swapped or packed, and no bit changes. */
static void test_layout(void **state)
{
    (void)state;
    Bench *t = bench_new(GRAPH_MODEL);
    Value *dy = bench_input(t, TYPE(t, F32, 0, 5), "dy"), *x = bench_input(t, TYPE(t, F32, 0, 12), "x");
    Value *w = bench_tensor(t, TYPE(t, F32, 12, 5), ROLE_PARAM, "w"), *v = bench_tensor(t, TYPE(t, F32, 12), ROLE_PARAM, "v");
    bench_result(t, RESULT_OUTPUT, 0, bench_matmul(t, dy, w, false, true));
    ContractAttr *c = NEW(t->p->arena, ContractAttr);
    *c = (ContractAttr){.na = 2, .nb = 1, .nout = 1, .nlabels = 2, .a = {0, 1}, .b = {1}, .out = {0}};
    bench_result(t, RESULT_OUTPUT, 1, build_op(&t->b, OP_CONTRACT, (Value *[]){x, v}, 2, &(Attr){.contract = c}, NULL));
    c = NEW(t->p->arena, ContractAttr); /* two summed labels, met in the other order in b */
    *c = (ContractAttr){.na = 3, .nb = 2, .nout = 1, .nlabels = 3, .a = {1, 2, 0}, .b = {2, 1}, .out = {0}};
    Value *a = bench_input(t, TYPE(t, F32, 4, 3, 0), "a"), *m = bench_input(t, TYPE(t, F32, 3, 4), "m");
    bench_result(t, RESULT_OUTPUT, 2, build_op(&t->b, OP_CONTRACT, (Value *[]){a, m}, 2, &(Attr){.contract = c}, NULL));
    make_kernels(t, true);
    for (const Node *k = t->g->body->first; k; k = k->next)
        if (k->op == OP_KERNEL && kernel_form(k) == FORM_CONTRACT)
            for (const Node *n = k->region->first; n; n = n->next)
                if (n->op == OP_CONTRACT) {
                    c = n->attr.contract;
                    assert_int_equal(c->b[c->nb - 1], c->out[c->nout - 1]);
                }
    bench_free(t);
}

/* An update with state, by one sweep; a scalar formula that costs is computed once, beside it. */
static void test_update(void **state)
{
    (void)state;
    Bench *t = bench_new(GRAPH_UPDATE);
    Build *b = &t->b;
    Type type = TYPE(t, F32, 12, 5), number = type_scalar(DT_F64);
    Value *w = bench_tensor(t, type, ROLE_PARAM, "w"), *m = bench_tensor(t, type, ROLE_OPT, "m");
    Value *g = build_op(b, OP_TENSOR, NULL, 0, &(Attr){.index = 0}, &type);
    g->def->grad_area = true;
    Value *next = build_2(b, OP_ADD, build_2(b, OP_MUL, m, build_const(b, DT_F32, 0.9)), g);
    Value *epoch = build_op(b, OP_CLOCK, NULL, 0, &(Attr){.clock = CLOCK_EPOCH}, &number);
    Value *rate = build_2(b, OP_POW, build_const(b, DT_F64, 0.5), epoch);
    Value *step = build_2(b, OP_MUL, next, build_convert(b, rate, DT_F32));
    bench_result(t, RESULT_NEXT, 0, build_2(b, OP_SUB, w, step));
    bench_result(t, RESULT_NEXT, 1, next);
    long before = pass_fired("fuse.update");
    make_kernels(t, true);
    assert_int_equal(count_kernels(t->g, FORM_MAP), 2);
    assert_int_equal(pass_fired("fuse.update"), before + 1);
    bench_free(t);
}

/* A function's body, opened; a mean over two axes; draws. */
static void test_lower(void **state)
{
    (void)state;
    Bench *t = bench_new(GRAPH_MODEL);
    Build *b = &t->b;
    Value *x = bench_input(t, TYPE(t, F32, 0, 4, 3), "x");
    Node *call = region_new(t->g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "twice"}, b->site);
    Build inner = {call->region, NULL, b->site};
    Value *twice = build_2(&inner, OP_ADD, x, x);
    block_return(call->region, &twice, 1);
    call->out[0].type = twice->type;
    Type type = TYPE(t, F32, 0, 4, 3);
    Value *low = build_const(b, DT_F32, -1), *high = build_const(b, DT_F32, 1);
    Value *noise = build_op(b, OP_UNIFORM, (Value *[]){low, high}, 2, &(Attr){.random = {99}}, &type);
    Value *y = build_2(b, OP_ADD, &call->out[0], noise);
    bench_result(t, RESULT_OUTPUT, 0, build_reduce(b, OP_MEAN, y, 6));
    bench_result(t, RESULT_OUTPUT, 1, build_reduce(b, OP_MAX, y, 7));
    Type places = TYPE(t, F32, 0, 4, 3);
    bench_result(t, RESULT_OUTPUT, 2, build_2(b, OP_MUL, y, build_op(b, OP_IOTA, NULL, 0, &(Attr){.axis = 1}, &places)));
    make_kernels(t, true);
    bench_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epilogue), cmocka_unit_test(test_rows), cmocka_unit_test(test_prologue),
        cmocka_unit_test(test_layout), cmocka_unit_test(test_update), cmocka_unit_test(test_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
