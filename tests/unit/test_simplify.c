/* Simplification: what it does, what it must leave alone, and that every bit stays, zeros' signs, infinities and NaN
   included; only the stable rewrites may change a value, and those for the better. */
#include "graph_bench.h"

static const double specials[] = {0.0, -0.0, 1, -1, 2.5, -3, 1e300, -1e-310, INFINITY, -INFINITY, NAN, 0.1};

static Value *special_vector(Bench *t)
{
    Value *x = param(t, SHAPE(12));
    for (size_t i = 0; i < COUNT(specials); i++) t->tensors[t->nparams - 1].at[i].value = specials[i];
    return x;
}

static void begin(Bench *t)
{
    bench_begin(t, 3);
    t->g->kind = GRAPH_MODEL;
    t->p->trains.n = 0;
}

static void output(Bench *t, Value *y)
{
    graph_add_result(t->g, (Result){.kind = RESULT_OUTPUT, .index = t->g->results.n}, y);
}

static Value *result(Bench *t, int i)
{
    return t->g->body->last->in[i];
}

static int count_op(const Block *b, OpCode op)
{
    int count = 0;
    for (const Node *n = b->first; n; n = n->next) count += (n->op == op) + (n->region ? count_op(n->region, op) : 0);
    return count;
}

static bool same_bits(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b);
}

/* Simplifies at a stage after differentiation; every result keeps its bits unless one may be close only. */
static void simplify(Bench *t, double relative)
{
    Array before[MAX_TENSORS], after[MAX_TENSORS];
    Arena *scratch = arena_new();
    run(t, t->g, 0, before);
    pass_simplify(t->g, scratch);
    if (!graph_verify(t->g, t->cx)) {
        diags_print(t->cx->diags, stderr, false);
        fail();
    }
    run(t, t->g, 0, after);
    for (int r = 0; r < t->g->results.n; r++)
        for (int64_t i = 0; i < before[r].size; i++) {
            double a = before[r].at[i].value, b = after[r].at[i].value;
            if (!same_bits(a, b) && !isinf(relative) && !(fabs(a - b) <= relative * fabs(b)))
                fail_msg("result %d, element %d: %.17g became %.17g", r, (int)i, a, b);
        }
    assert_false(pass_simplify(t->g, scratch));
    arena_free(scratch);
}

static void end(Bench *t)
{
    assert_int_equal(t->cx->diags->errors, 0);
    cx_free(t->cx);
}

/* ---- one identity a line: what is written, how many operators may be left besides x ---- */

typedef Value *Formula(Build *b, Value *x);
static Value *num(Build *b, double v) { return build_const(b, DT_F64, v); }
static Value *add0(Build *b, Value *x) { return build_2(b, OP_ADD, x, num(b, 0)); }
static Value *add_minus0(Build *b, Value *x) { return build_2(b, OP_ADD, num(b, -0.0), x); }
static Value *sub0(Build *b, Value *x) { return build_2(b, OP_SUB, x, num(b, 0)); }
static Value *sub_minus0(Build *b, Value *x) { return build_2(b, OP_SUB, x, num(b, -0.0)); }
static Value *from0(Build *b, Value *x) { return build_2(b, OP_SUB, num(b, 0), x); }
static Value *mul1(Build *b, Value *x) { return build_2(b, OP_MUL, num(b, 1), x); }
static Value *mul_fill(Build *b, Value *x) { return build_2(b, OP_MUL, build_fill(b, x->type, 1), x); }
static Value *mul_minus1(Build *b, Value *x) { return build_2(b, OP_MUL, x, num(b, -1)); }
static Value *mul0(Build *b, Value *x) { return build_2(b, OP_MUL, x, num(b, 0)); }
static Value *div1(Build *b, Value *x) { return build_2(b, OP_DIV, x, num(b, 1)); }
static Value *div8(Build *b, Value *x) { return build_2(b, OP_DIV, x, num(b, 8)); }
static Value *div10(Build *b, Value *x) { return build_2(b, OP_DIV, x, num(b, 10)); }
static Value *div3(Build *b, Value *x) { return build_2(b, OP_DIV, x, num(b, 3)); }
static Value *minus_itself(Build *b, Value *x) { return build_2(b, OP_SUB, x, x); }
static Value *pow0(Build *b, Value *x) { return build_2(b, OP_POW, x, num(b, 0)); }
static Value *pow1(Build *b, Value *x) { return build_2(b, OP_POW, x, num(b, 1)); }
static Value *pow2(Build *b, Value *x) { return build_2(b, OP_POW, x, num(b, 2)); }
static Value *root(Build *b, Value *x) { return build_2(b, OP_POW, x, num(b, 0.5)); }
static Value *neg2(Build *b, Value *x) { return build_1(b, OP_NEG, build_1(b, OP_NEG, x)); }
static Value *add_neg(Build *b, Value *x) { return build_2(b, OP_ADD, build_1(b, OP_NEG, x), num(b, 3)); }
static Value *sub_neg(Build *b, Value *x) { return build_2(b, OP_SUB, num(b, 3), build_1(b, OP_NEG, x)); }
static Value *max_same(Build *b, Value *x) { return build_2(b, OP_MAX2, x, x); }
static Value *detach(Build *b, Value *x) { return build_1(b, OP_DETACH, x); }
static Value *same_dtype(Build *b, Value *x) { return build_op(b, OP_CONVERT, &x, 1, NULL, &x->type); }
static Value *select_same(Build *b, Value *x)
{
    return build_3(b, OP_SELECT, build_2(b, OP_GT, x, num(b, 0)), x, x);
}
static Value *select_not(Build *b, Value *x)
{
    Value *positive = build_2(b, OP_GT, x, num(b, 0));
    return build_3(b, OP_SELECT, build_1(b, OP_NOT, positive), num(b, 7), x);
}

static Value *number_first(Build *b, Value *x)
{
    Value *left = build_2(b, OP_GE, num(b, 0), x), *right = build_2(b, OP_LE, x, num(b, 0));
    return build_3(b, OP_SELECT, build_2(b, OP_AND, left, right), x, num(b, 7));
}

static void test_identities(void **state)
{
    (void)state;
    static const struct { const char *text; Formula *f; int left; } cases[] = {
        {"x + 0 may turn -0", add0, 1},    {"-0 + x", add_minus0, 0},    {"x - 0", sub0, 0},
        {"x - -0 may turn -0", sub_minus0, 1}, {"0 - x is not -x", from0, 1}, {"1*x", mul1, 0},
        {"1*x, filled", mul_fill, 0},      {"x*-1 is -x", mul_minus1, 1}, {"x*0 keeps NaN", mul0, 1},
        {"x/1", div1, 0},                  {"x/8 is x*0.125", div8, 1},  {"x/10", div10, 1},
        {"x - x keeps NaN", minus_itself, 1}, {"x^0", pow0, 0},         {"x^1", pow1, 0},
        {"x^2 is x*x", pow2, 1},           {"x^0.5 is a root", root, 1}, {"-(-x)", neg2, 0},
        {"-x + 3 is 3 - x", add_neg, 1},   {"3 - -x is 3 + x", sub_neg, 1}, {"max(x, x)", max_same, 0},
        {"detach(x)", detach, 0},          {"f64(x)", same_dtype, 0},    {"select(c, x, x)", select_same, 0},
        {"select(not c, ..)", select_not, 2}, {"0 >= x is x <= 0", number_first, 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        Bench t;
        begin(&t);
        output(&t, cases[i].f(&t.b, special_vector(&t)));
        t.g->stage = STAGE_DIFFERENTIATED;
        simplify(&t, 0);
        int left = 0;
        for (const Node *n = t.g->body->first; n; n = n->next)
            left += n->op != OP_RETURN && op_info(n->op)->kind != KIND_leaf;
        if (left != cases[i].left) fail_msg("%s: %d operators are left, not %d", cases[i].text, left, cases[i].left);
        assert_int_equal(count_op(t.g->body, OP_DIV), cases[i].f == div10);
        end(&t);
    }
}

/* detach must stand until the gradients are written. */
static void test_detach_waits(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    output(&t, detach(&t.b, special_vector(&t)));
    simplify(&t, 0);
    assert_int_equal(count_op(t.g->body, OP_DETACH), 1);
    end(&t);
}

/* ---- constants ---- */

static void test_folding(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *third = build_2(&t.b, OP_DIV, build_const(&t.b, DT_F32, 1), build_const(&t.b, DT_F32, 3));
    output(&t, third);
    output(&t, build_1(&t.b, OP_EXP, num(&t.b, 1)));
    output(&t, build_2(&t.b, OP_DIV, build_const(&t.b, DT_I32, -7), build_const(&t.b, DT_I32, 2)));
    output(&t, build_3(&t.b, OP_SELECT, build_2(&t.b, OP_LT, num(&t.b, 1), num(&t.b, 2)), num(&t.b, 5), num(&t.b, 6)));
    simplify(&t, 0);
    double v;
    assert_true(value_is_const(result(&t, 0), &v) && v == (double)(1.0f / 3.0f));
    assert_int_equal(result(&t, 1)->def->op, OP_EXP);
    assert_true(value_is_const(result(&t, 2), &v) && v == -4);
    assert_true(value_is_const(result(&t, 3), &v) && v == 5);
    end(&t);
}

/* A remainder by what turns out to be a number only now stays without a range, as its readers know it. */
static void test_folding_keeps_types(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *two = build_const(&t.b, DT_I32, 2), *x = places(&t, 5, SHAPE(N));
    output(&t, build_2(&t.b, OP_MOD, x, build_1(&t.b, OP_SIGN, two)));
    simplify(&t, 0);
    assert_true(value_is_const(result(&t, 0)->def->in[1], NULL));
    assert_null(result(&t, 0)->type.range);
    end(&t);
}

/* The gradient of a mean: 1/n spread to all, times what stands there. Nothing of the spreading is left. */
static void test_spreading_goes(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *x = param(&t, SHAPE(N, 4)), *zero = num(&t.b, 0);
    Value *share = build_2(&t.b, OP_DIV, num(&t.b, 1), build_size(&t.b, DT_F64, dim_symbol(t.p->dims, &t.symbol)));
    Value *all = build_spread(&t.b, share, x->type, 3), *none = build_spread(&t.b, zero, x->type, 3);
    Value *y = build_2(&t.b, OP_MUL, build_1(&t.b, OP_NEG, all), x);
    output(&t, build_3(&t.b, OP_SELECT, build_2(&t.b, OP_GT, x, none), y, none));
    simplify(&t, 0);
    assert_int_equal(count_op(t.g->body, OP_MOVE), 0);
    end(&t);
}

/* ---- patterns ---- */

static Value *move(Bench *t, Value *x, int natoms, const int *sizes, int nin, const Group *in, int nout, const Group *out)
{
    MoveAttr m = {.natoms = natoms, .nin = nin, .nout = nout};
    for (int i = 0; i < natoms; i++)
        m.sizes[i] = sizes[i] == N ? dim_symbol(t->p->dims, &t->symbol) : dim_const(t->p->dims, sizes[i]);
    memcpy(m.in, in, sizeof *in * (size_t)nin);
    memcpy(m.out, out, sizeof *out * (size_t)nout);
    return build_move(&t->b, x, &m);
}
#define GROUPS(...) (int)(sizeof((Group[]){__VA_ARGS__}) / sizeof(Group)), (Group[]){__VA_ARGS__}
#define AXIS(...) {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}

static void test_patterns_join(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    int sizes[] = {N, 2, 3, 5};
    Value *x = param(&t, SHAPE(N, 6));
    /* [n, (a b)] -> [a, b, n], then back: nothing */
    Value *split = move(&t, x, 3, sizes, GROUPS(AXIS(0), AXIS(1, 2)), GROUPS(AXIS(1), AXIS(2), AXIS(0)));
    Value *back = move(&t, split, 3, (int[]){2, 3, N}, GROUPS(AXIS(0), AXIS(1), AXIS(2)), GROUPS(AXIS(2), AXIS(0, 1)));
    output(&t, build_2(&t.b, OP_ADD, back, x));
    /* a repeat, merged with what is there, then turned: one pattern */
    Value *many = move(&t, x, 3, (int[]){N, 6, 5}, GROUPS(AXIS(0), AXIS(1)), GROUPS(AXIS(0), AXIS(2, 1)));
    output(&t, move(&t, many, 2, (int[]){N, 30}, GROUPS(AXIS(0), AXIS(1)), GROUPS(AXIS(1), AXIS(0))));
    /* parts that do not fit each other: (2 3) against (3 2) */
    Value *six = move(&t, split, 3, (int[]){2, 3, N}, GROUPS(AXIS(0), AXIS(1), AXIS(2)), GROUPS(AXIS(1, 0), AXIS(2)));
    output(&t, move(&t, six, 3, (int[]){2, 3, N}, GROUPS(AXIS(0, 1), AXIS(2)), GROUPS(AXIS(1), AXIS(0), AXIS(2))));
    simplify(&t, 0);
    assert_ptr_equal(result(&t, 0)->def->in[0], result(&t, 0)->def->in[1]);
    assert_int_equal(result(&t, 1)->def->op, OP_MOVE);
    assert_int_equal(result(&t, 1)->def->in[0]->def->op, OP_TENSOR);
    assert_int_equal(result(&t, 2)->def->in[0]->def->op, OP_MOVE);
    end(&t);
}

/* ---- sharing ---- */

static Value *call_of(Bench *t, const char *name, Formula *f, Value *x)
{
    Node *call = region_new(t->g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = name}, &t->site);
    Build in = {call->region, NULL, &t->site};
    Value *y = f(&in, x);
    block_return(call->region, &y, 1);
    call->out->type = y->type;
    return call->out;
}

static Value *softmax_of(Build *b, Value *x)
{
    uint32_t last = 1u << (x->type.rank - 1);
    Value *m = detach(b, build_spread(b, build_reduce(b, OP_MAX, x, last), x->type, last));
    Value *e = build_1(b, OP_EXP, build_2(b, OP_SUB, x, m));
    return build_2(b, OP_DIV, e, build_spread(b, build_reduce(b, OP_SUM, e, last), x->type, last));
}

static void test_sharing(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *x = param(&t, SHAPE(N, 4)), *y = param(&t, SHAPE(N, 4));
    output(&t, build_2(&t.b, OP_MUL, build_2(&t.b, OP_ADD, x, y), build_2(&t.b, OP_ADD, y, x)));
    output(&t, build_2(&t.b, OP_SUB, build_2(&t.b, OP_SUB, x, y), build_2(&t.b, OP_SUB, y, x)));
    output(&t, build_2(&t.b, OP_MUL, build_2(&t.b, OP_MAX2, x, y), build_2(&t.b, OP_MAX2, y, x)));
    output(&t, build_2(&t.b, OP_MUL, call_of(&t, "softmax", softmax_of, x), call_of(&t, "softmax", softmax_of, x)));
    output(&t, build_2(&t.b, OP_SUB, call_of(&t, "part", div3, x), call_of(&t, "part", div10, x)));
    output(&t, call_of(&t, "softmax", softmax_of, y));
    simplify(&t, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(result(&t, i)->def->in[0] == result(&t, i)->def->in[1], i == 0 || i == 3);
    assert_int_equal(count_op(t.g->body, OP_CALL), 4);
    end(&t);
}

/* Atoms are numbered as they were met: patterns that say the same may number them otherwise. */
static void test_sharing_of_patterns(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *x = param(&t, SHAPE(N, 4));
    Value *turn = move(&t, x, 2, (int[]){N, 4}, GROUPS(AXIS(0), AXIS(1)), GROUPS(AXIS(1), AXIS(0)));
    Value *same = move(&t, x, 3, (int[]){4, 7, N}, GROUPS(AXIS(2), AXIS(0)), GROUPS(AXIS(0), AXIS(2)));
    output(&t, build_2(&t.b, OP_SUB, turn, same));
    Value *split = move(&t, x, 3, (int[]){N, 2, 2}, GROUPS(AXIS(0), AXIS(1, 2)), GROUPS(AXIS(1), AXIS(2), AXIS(0)));
    Value *other = move(&t, x, 3, (int[]){N, 2, 2}, GROUPS(AXIS(0), AXIS(1, 2)), GROUPS(AXIS(2), AXIS(1), AXIS(0)));
    output(&t, build_2(&t.b, OP_SUB, split, other));
    simplify(&t, 0);
    for (int i = 0; i < 2; i++) assert_int_equal(result(&t, i)->def->in[0] == result(&t, i)->def->in[1], i == 0);
    assert_int_equal(count_op(t.g->body, OP_MOVE), 3);
    end(&t);
}

/* d(a*a*b)/da of two equal sums a and b: were they one value, its gradient would be that of a^3. */
static void test_slopes_along_computed_values(void **state)
{
    (void)state;
    for (int computed = 0; computed < 2; computed++) {
        Bench t;
        bench_begin(&t, 3);
        Value *x = param(&t, SHAPE(4)), *y = param(&t, SHAPE(4)), *a = build_2(&t.b, OP_ADD, x, y);
        Value *b = build_2(&t.b, OP_ADD, x, y), *product = build_2(&t.b, OP_MUL, build_2(&t.b, OP_MUL, a, a), b);
        Value *in[] = {build_reduce(&t.b, OP_SUM, product, 1), computed ? a : x};
        Node *grad = node_new(t.g->body, OP_GRAD, in, 2, NULL, NULL, &t.site, t.cx);
        graph_add_result(t.g, (Result){.kind = RESULT_LOSS, .index = 1}, in[0]);
        graph_add_result(t.g, (Result){.kind = RESULT_NEXT, .index = 0}, grad->out);
        Arena *scratch = arena_new();
        pass_simplify(t.g, scratch);
        assert_int_equal(count_op(t.g->body, OP_ADD), computed ? 2 : 1);
        arena_free(scratch);
        end(&t);
    }
}

static void test_dead_values_go(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *x = param(&t, SHAPE(N, 4));
    build_1(&t.b, OP_EXP, build_1(&t.b, OP_LOG, call_of(&t, "softmax", softmax_of, x)));
    output(&t, x);
    simplify(&t, 0);
    assert_ptr_equal(t.g->body->first->next, t.g->body->last);
    end(&t);
}

/* Of a row only what is picked is computed. */
static void test_picking_first(void **state)
{
    (void)state;
    Bench t;
    begin(&t);
    Value *x = param(&t, SHAPE(N, 4)), *y = places(&t, 4, SHAPE(N));
    Value *most = build_spread(&t.b, build_reduce(&t.b, OP_MAX, x, 2), x->type, 2);
    output(&t, build_2(&t.b, OP_PICK, build_2(&t.b, OP_SUB, x, most), y));
    simplify(&t, 0);
    assert_int_equal(result(&t, 0)->def->op, OP_SUB);
    assert_int_equal(result(&t, 0)->def->in[0]->def->op, OP_PICK);
    assert_int_equal(count_op(t.g->body, OP_MOVE), 0);
    end(&t);
}

/* ---- stable forms ---- */

static Value *sigmoid(Build *b, Value *x) { return build_1(b, OP_SIGMOID, x); }
static Value *logarithm(Build *b, Value *x) { return build_1(b, OP_LOG, x); }
static Value *one_minus(Build *b, Value *x) { return build_2(b, OP_SUB, build_const(b, DT_F64, 1), x); }

static Value *logits(Bench *t, double scale)
{
    Value *z = param(t, SHAPE(N, 4));
    for (int64_t i = 0; i < t->tensors[0].size; i++) t->tensors[0].at[i].value *= scale * (i % 3 - 1.0);
    return z;
}

static void fired(const char *name, long before, long times)
{
    if (pass_fired(name) - before != times)
        fail_msg("%s fired %ld times, not %ld", name, pass_fired(name) - before, times);
}

/* log(pick(softmax(z), y)), each half a function of its own, as std writes them. */
static void test_log_of_softmax(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        Bench t;
        long before = pass_fired("stable.log_softmax");
        begin(&t);
        Value *z = logits(&t, large ? 1000 : 2), *y = places(&t, 4, SHAPE(N));
        Value *p = call_of(&t, "softmax", softmax_of, z);
        Node *loss = region_new(t.g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "cross_entropy"}, &t.site);
        Build in = {loss->region, NULL, &t.site};
        Value *picked = build_2(&in, OP_PICK, p, y);
        Value *mean = build_1(&in, OP_NEG, build_reduce(&in, OP_MEAN, build_1(&in, OP_LOG, picked), 1));
        block_return(loss->region, &mean, 1);
        loss->out->type = mean->type;
        output(&t, loss->out);
        simplify(&t, large ? INFINITY : 1e-12);
        fired("stable.log_softmax", before, 1);
        assert_int_equal(count_op(t.g->body, OP_CALL), 1);
        assert_int_equal(count_op(t.g->body, OP_DIV), 0);
        const Node *call = result(&t, 0)->def;
        assert_string_equal(call->attr.callee, "cross_entropy");
        assert_int_equal(call->nin, 2);
        assert_true((call->in[0] == z && call->in[1] == y) || (call->in[0] == y && call->in[1] == z));
        Array got[1];
        run(&t, t.g, 0, got);
        assert_true(isfinite(got[0].at[0].value));
        end(&t);
    }
}

/* A softmax that does not subtract its maximum gets it too; one over other axes than it sums along is none. */
static Value *bare_softmax(Build *b, Value *x)
{
    Value *e = build_1(b, OP_EXP, x);
    return build_2(b, OP_DIV, e, build_spread(b, build_reduce(b, OP_SUM, e, 2), x->type, 2));
}

static Value *crossed_softmax(Build *b, Value *x)
{
    Value *e = build_1(b, OP_EXP, x), *sums = build_reduce(b, OP_SUM, e, 2);
    return build_2(b, OP_DIV, e, build_spread(b, sums, x->type, 1));
}

static void test_other_softmaxes(void **state)
{
    (void)state;
    Bench t;
    long before = pass_fired("stable.log_softmax");
    begin(&t);
    Value *z = logits(&t, 1000);
    output(&t, logarithm(&t.b, bare_softmax(&t.b, z)));
    simplify(&t, INFINITY);
    Array got[1];
    run(&t, t.g, 0, got);
    for (int64_t i = 0; i < got[0].size; i++) assert_true(isfinite(got[0].at[i].value));
    fired("stable.log_softmax", before, 1);
    end(&t);
    begin(&t);
    Value *square = param(&t, SHAPE(4, 4));
    output(&t, logarithm(&t.b, crossed_softmax(&t.b, square)));
    simplify(&t, 0);
    fired("stable.log_softmax", before, 1);
    end(&t);
}

/* bce: the logarithms of p and 1 - p inside a call, p outside. */
static Value *both_logs(Build *b, Value *p)
{
    return build_2(b, OP_ADD, logarithm(b, p), logarithm(b, one_minus(b, p)));
}

static void test_logs_of_sigmoid(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        Bench t;
        long direct = pass_fired("stable.log_sigmoid"), complement = pass_fired("stable.log_complement");
        begin(&t);
        Value *z = logits(&t, large ? 1000 : 3);
        output(&t, call_of(&t, "bce", both_logs, call_of(&t, "sigmoid", sigmoid, z)));
        simplify(&t, large ? INFINITY : 1e-12);
        fired("stable.log_sigmoid", direct, 1);
        fired("stable.log_complement", complement, 1);
        assert_int_equal(count_op(t.g->body, OP_SIGMOID), 0);
        assert_int_equal(count_op(t.g->body, OP_LOG1P), 1);
        Array got[1];
        run(&t, t.g, 0, got);
        for (int64_t i = 0; i < got[0].size; i++)
            assert_true(fabs(got[0].at[i].value + fabs(t.tensors[0].at[i].value)) < 2);
        end(&t);
    }
}

/* log(select(c, 1, p)) and log(1 - select(c, 0, p)): what is chosen instead of p has its own logarithm. */
static Value *chosen_logs(Build *b, Value *p)
{
    Value *c = build_2(b, OP_GT, p, num(b, 0.5)), *yes = build_3(b, OP_SELECT, c, num(b, 1), p);
    return build_2(b, OP_ADD, logarithm(b, yes), logarithm(b, one_minus(b, build_3(b, OP_SELECT, c, num(b, 0), p))));
}

static void test_logs_of_choices(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        Bench t;
        long direct = pass_fired("stable.log_sigmoid"), complement = pass_fired("stable.log_complement");
        begin(&t);
        output(&t, chosen_logs(&t.b, sigmoid(&t.b, logits(&t, large ? 1000 : 3))));
        simplify(&t, large ? INFINITY : 1e-12);
        fired("stable.log_sigmoid", direct, 1);
        fired("stable.log_complement", complement, 1);
        assert_int_equal(count_op(t.g->body, OP_LOG), 0);
        Array got[1];
        run(&t, t.g, 0, got);
        for (int64_t i = 0; i < got[0].size; i++) assert_true(isfinite(got[0].at[i].value));
        end(&t);
    }
}

/* Numbers as tensors full of them, before algebra has made single ones of them: each may alone say how large the result
   is. */
static void test_logs_beside_full_tensors(void **state)
{
    (void)state;
    Bench t;
    Array before[2], after[2];
    Arena *scratch = arena_new();
    begin(&t);
    Value *p = sigmoid(&t.b, param(&t, SHAPE())), *yes = build_2(&t.b, OP_GT, p, build_const(&t.b, DT_F64, 0.9));
    Type many = shaped(&t, DT_F64, SHAPE(N, 4));
    output(&t, logarithm(&t.b, build_3(&t.b, OP_SELECT, yes, build_fill(&t.b, many, 0.25), p)));
    output(&t, logarithm(&t.b, build_2(&t.b, OP_SUB, build_fill(&t.b, many, 1), p)));
    run(&t, t.g, 0, before);
    assert_int_equal(rewrite_stable(t.g, scratch), 1);
    if (!graph_verify(t.g, t.cx)) fail();
    run(&t, t.g, 0, after);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(after[r].size, 4 * N_SIZE);
        for (int64_t i = 0; i < after[r].size; i++)
            assert_true(fabs(before[r].at[i].value - after[r].at[i].value) < 1e-12);
    }
    arena_free(scratch);
    end(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),     cmocka_unit_test(test_detach_waits),
        cmocka_unit_test(test_folding),        cmocka_unit_test(test_spreading_goes),
        cmocka_unit_test(test_patterns_join),  cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_dead_values_go), cmocka_unit_test(test_log_of_softmax),
        cmocka_unit_test(test_other_softmaxes), cmocka_unit_test(test_picking_first), cmocka_unit_test(test_logs_of_sigmoid),
        cmocka_unit_test(test_logs_of_choices), cmocka_unit_test(test_logs_beside_full_tensors),
        cmocka_unit_test(test_slopes_along_computed_values),
        cmocka_unit_test(test_folding_keeps_types), cmocka_unit_test(test_sharing_of_patterns),
    };
    return cmocka_run_group_tests_name("simplify", tests, NULL, NULL);
}
