/* Parts of tensors and places in tables: values worked out by hand, refusals, and what simplify makes of them. */
#include "graph_bench.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "plan_check.h"

/* A vector or matrix 1, 2, 3, ... as an input. */
static Value *counted(Bench *t, int rank, const int *shape)
{
    Value *v = input(t, shaped(t, DT_F64, rank, shape), 0, 1);
    Array *x = &t->inputs[t->g->inputs.n - 1];
    for (int64_t k = 0; k < x->size; k++) x->at[k].value = (double)k + 1;
    return v;
}

static Value *named(Bench *t, int range, int n, const double *at)
{
    Value *v = places(t, range, 1, &n);
    for (int k = 0; k < n; k++) t->inputs[t->g->inputs.n - 1].at[k].value = at[k];
    return v;
}

static Value *part(Bench *t, OpCode op, Value *x, int axis, int64_t before, int64_t size)
{
    Dims *ds = t->p->dims;
    PartAttr p = {axis, size ? dim_const(ds, before) : NULL, size ? dim_const(ds, size) : NULL};
    return build_op(&t->b, op, &x, 1, &(Attr){.part = p}, NULL);
}

static Array value_of(Bench *t, Value *v)
{
    Array out;
    if (t->g->results.n)
        block_return(t->g->body, &v, 1);
    else
        graph_add_result(t->g, (Result){.kind = RESULT_OUTPUT, .name = "out"}, v);
    run(t, t->g, 0, &out);
    return out;
}

static void is_now(Bench *t, Value *v, int n, const double *want)
{
    Array y = value_of(t, v);
    assert_int_equal(y.size, n);
    for (int k = 0; k < n; k++)
        if (y.at[k].value != want[k]) fail_msg("element %d is %g, wanted %g", k, y.at[k].value, want[k]);
}
#define IS(v, ...) is_now(&t, v, (int)(sizeof(double[]){__VA_ARGS__} / sizeof(double)), (double[]){__VA_ARGS__})

static void parts_are_cut_and_joined(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Value *x = counted(&t, SHAPE(2, 3)), *y = counted(&t, SHAPE(2, 1));
    IS(part(&t, OP_SLICE, x, 1, 1, 2), 2, 3, 5, 6);
    IS(part(&t, OP_SLICE, x, 0, 1, 1), 4, 5, 6);
    IS(part(&t, OP_PAD, x, 1, 1, 5), 0, 1, 2, 3, 0, 0, 4, 5, 6, 0);
    IS(part(&t, OP_PAD, x, 0, 0, 3), 1, 2, 3, 4, 5, 6, 0, 0, 0);
    IS(part(&t, OP_REVERSE, x, 1, 0, 0), 3, 2, 1, 6, 5, 4);
    IS(part(&t, OP_REVERSE, x, 0, 0, 0), 4, 5, 6, 1, 2, 3);
    Attr last = {.part = {.axis = 1}}, first = {.part = {.axis = 0}};
    IS(build_op(&t.b, OP_CONCAT, (Value *[]){y, x, y}, 3, &last, NULL), 1, 1, 2, 3, 1, 2, 4, 5, 6, 2);
    IS(build_op(&t.b, OP_CONCAT, (Value *[]){x, x}, 2, &first, NULL), 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6);
    assert_int_equal(t.cx->diags->errors, 0);
    cx_free(t.cx);
}

static void tables_are_read_and_added_to(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Value *w = counted(&t, SHAPE(3, 2)), *i = named(&t, 3, 4, (double[]){2, 0, 2, 1}), *x = counted(&t, SHAPE(4, 2));
    Value *j = named(&t, 2, 3, (double[]){1, 1, 0});
    IS(build_op(&t.b, OP_TAKE, (Value *[]){w, i}, 2, &(Attr){.axis = 0}, NULL), 5, 6, 1, 2, 5, 6, 3, 4);
    IS(build_op(&t.b, OP_TAKE, (Value *[]){w, j}, 2, &(Attr){.axis = 1}, NULL), 2, 2, 1, 4, 4, 3, 6, 6, 5);
    Value *sum = build_op(&t.b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &(Attr){.axis = 0}, NULL);
    IS(sum, 3, 4, 7, 8, 1 + 5, 2 + 6);
    Array *places_now = &t.inputs[1];
    places_now->at[0].bound = 1; /* place 2, perhaps place 1 */
    Array y = value_of(&t, sum);
    assert_true(y.at[0].bound == 0 && isinf(y.at[2].bound) && isinf(y.at[4].bound));
    y = value_of(&t, build_op(&t.b, OP_TAKE, (Value *[]){w, i}, 2, &(Attr){.axis = 0}, NULL));
    assert_true(y.at[0].bound == 2 && y.at[2].bound == 0);
    cx_free(t.cx);
}

/* The sum of each place goes up its sources in their order: 1e16 + 1 - 1e16 is 0, in any other order 1. */
static void sources_are_added_in_order(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Value *x = counted(&t, SHAPE(3)), *i = named(&t, 2, 3, (double[]){1, 1, 1});
    const double sources[] = {1e16, 1, -1e16};
    for (int k = 0; k < 3; k++) t.inputs[0].at[k].value = sources[k];
    IS(build_op(&t.b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &(Attr){.axis = 0}, NULL), 0, 0);
    t.inputs[0].at[0].value = 1, t.inputs[0].at[1].value = -1e16, t.inputs[0].at[2].value = 1e16;
    IS(build_op(&t.b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &(Attr){.axis = 0}, NULL), 0, 0);
    t.inputs[0].at[0].value = 1e16, t.inputs[0].at[1].value = -1e16, t.inputs[0].at[2].value = 1;
    IS(build_op(&t.b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &(Attr){.axis = 0}, NULL), 0, 1);
    cx_free(t.cx);
}

/* ---- types ---- */

static void refused(Bench *t, const Value *v, const char *code, const char *words)
{
    assert_true(type_is_poison(v->type));
    const Diag *d = t->cx->diags->list.at[t->cx->diags->list.n - 1];
    assert_string_equal(d->code, code);
    if (!strstr(d->message, words)) fail_msg("%s", d->message);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Value *x = counted(&t, SHAPE(2, 3)), *y = counted(&t, SHAPE(4, 1)), *z = counted(&t, SHAPE(3));
    Value *n = counted(&t, SHAPE(N, 3)), *i = named(&t, 2, 4, (double[]){0, 0, 0, 0});
    Value *single = build_convert(&t.b, x, DT_F32);
    Attr last = {.part = {.axis = 1}}, first = {.axis = 0}, second = {.axis = 1};
    refused(&t, part(&t, OP_SLICE, x, 1, 2, 2), "E0207", "within the 3 places of axis 2");
    refused(&t, part(&t, OP_SLICE, x, 1, 0, 0 + 4), "E0207", "a slice of 4 from place 0 on");
    refused(&t, part(&t, OP_SLICE, n, 0, 1, 2), "E0212", "within the N places");
    refused(&t, part(&t, OP_SLICE, x, 2, 0, 1), "E0202", "axis 3, which");
    refused(&t, part(&t, OP_PAD, x, 1, 2, 4), "E0207", "cannot add 2 before and -1 after");
    refused(&t, build_op(&t.b, OP_CONCAT, (Value *[]){x, y}, 2, &last, NULL), "E0205", "axis 1 is 2");
    refused(&t, build_op(&t.b, OP_CONCAT, (Value *[]){x, n}, 2, &last, NULL), "E0205", "axis 1 is 2");
    refused(&t, build_op(&t.b, OP_CONCAT, (Value *[]){x, z}, 2, &last, NULL), "E0202", "as many axes");
    refused(&t, build_op(&t.b, OP_CONCAT, (Value *[]){x, single}, 2, &last, NULL), "E0301", "one dtype");
    refused(&t, build_op(&t.b, OP_REVERSE, &z, 1, &last, NULL), "E0202", "axis 2, which");
    refused(&t, build_op(&t.b, OP_TAKE, (Value *[]){x, x}, 2, &first, NULL), "E0302", "needs an index");
    refused(&t, build_op(&t.b, OP_TAKE, (Value *[]){x, i}, 2, &second, NULL), "E0302", "names one of 2 places");
    refused(&t, build_op(&t.b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &first, NULL), "E0203", "a place for each");
    refused(&t, build_op(&t.b, OP_SCATTER_ADD, (Value *[]){z, i}, 2, &second, NULL), "E0202", "from axis 2 on");
    cx_free(t.cx);
}

static void sizes_and_ranges_are_known(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Arena *a = t.p->arena;
    Value *n = counted(&t, SHAPE(N, 3)), *i = named(&t, 5, 2, (double[]){1, 2}), *k = named(&t, 4, 2, (double[]){0, 0});
    Attr first = {.part = {.axis = 0}};
    const Dim *size = n->type.axes[0].dim, *one = dim_const(t.p->dims, 1);
    Value *more = build_op(&t.b, OP_PAD, &n, 1, &(Attr){.part = {0, one, dim_add(t.p->dims, size, one)}}, NULL);
    assert_string_equal(type_text(a, more->type), "f64[N + 1, 3]");
    Value *same = build_op(&t.b, OP_SLICE, &more, 1, &(Attr){.part = {0, one, size}}, NULL);
    assert_string_equal(type_text(a, same->type), "f64[N, 3]");
    Value *twice = build_op(&t.b, OP_CONCAT, (Value *[]){n, n}, 2, &first, NULL);
    assert_string_equal(type_text(a, twice->type), "f64[2*N, 3]");
    assert_string_equal(type_text(a, build_op(&t.b, OP_CONCAT, (Value *[]){i, i}, 2, &first, NULL)->type), "i32<5>[4]");
    assert_string_equal(type_text(a, build_op(&t.b, OP_CONCAT, (Value *[]){i, k}, 2, &first, NULL)->type), "i32[4]");
    assert_int_equal(t.cx->diags->errors, 0);
    cx_free(t.cx);
}

/* ---- simplify ---- */

static void what_changes_nothing_goes(void **state)
{
    (void)state;
    Bench t;
    bench_begin(&t, 1);
    Arena *scratch = arena_new();
    Value *x = counted(&t, SHAPE(2, 3)), *y = part(&t, OP_SLICE, part(&t, OP_PAD, x, 1, 0, 3), 0, 0, 2);
    y = build_op(&t.b, OP_CONCAT, &y, 1, &(Attr){.part = {.axis = 0}}, NULL);
    y = part(&t, OP_REVERSE, part(&t, OP_REVERSE, y, 1, 0, 0), 1, 0, 0);
    Value *kept = part(&t, OP_REVERSE, part(&t, OP_REVERSE, x, 1, 0, 0), 0, 0, 0);
    graph_add_result(t.g, (Result){.kind = RESULT_OUTPUT, .name = "a"}, y);
    graph_add_result(t.g, (Result){.kind = RESULT_OUTPUT, .name = "b"}, kept);
    pass_simplify(t.g, scratch);
    assert_ptr_equal(t.g->body->last->in[0], x);
    assert_int_equal(t.g->body->last->in[1]->def->op, OP_REVERSE);
    arena_free(scratch);
    cx_free(t.cx);
}

/* ---- plans ---- */

static bool plan_holds(Graph *g, void *context)
{
    static const int64_t ns[] = {1, 2, 5, 17};
    (void)context;
    for (size_t i = 0; i < COUNT(ns); i++)
        for (int workers = 1; workers <= 3; workers++) check_plan(g, ns[i], workers);
    return true;
}

/* Every number that a kernel reads through a part or a table must stand where it is read. */
static void plans_hold(void **state)
{
    (void)state;
    static const char text[] =
        "dim N\n"
        "model t(x: i32<6>[N, 3], z: f32[N, 4]) -> f32[N, 5] {\n"
        "  e = x |> embedding(4) |> flatten\n"
        "  a, b = split(concat(e, z, over = last) |> dense(8) |> tanh, parts = 2)\n"
        "  c = reverse(a * b, over = first) |> pad(over = last, before = 1, after = 2)\n"
        "  concat(c, take(softmax(z), 1, over = last) |> [N] -> [N, 1], over = last) |> dense(5)\n"
        "}\n"
        "train t(x, z, y: f32[N, 5]) { loss mse(t(x, z), y)\n optimizer momentum(lr = 0.1) }\n";
    for (int fuse = 0; fuse < 2; fuse++) {
        static const char *const without[] = {"fuse", "simplify"};
        Cx *cx = cx_new();
        FrontendOptions options = {.name = "t"};
        Program *p = frontend_parse(cx, "t.nn", text, &options);
        if (!p) diags_print(cx->diags, stderr, false);
        assert_non_null(p);
        assert_true(passes_run(p, &(PassOptions){.disabled = without, .ndisabled = fuse ? 0 : 2, .verify = true}));
        program_each_graph(p, plan_holds, NULL);
        cx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_cut_and_joined),   cmocka_unit_test(tables_are_read_and_added_to),
        cmocka_unit_test(sources_are_added_in_order), cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(sizes_and_ranges_are_known), cmocka_unit_test(what_changes_nothing_goes),
        cmocka_unit_test(plans_hold),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
