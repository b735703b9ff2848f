/* Graph edits keep use lists right; the verifier sees what is broken; orders and random numbers are as published. */
#include "ir/ir.h"
#include <setjmp.h>
#include <cmocka.h>

typedef struct World { Cx *cx; Program *p; Graph *g; Value *x, *y; Type t; } World;

static Value *input(World *w, const char *name)
{
    Attr attr = {.index = w->g->inputs.n};
    Value *v = value_new(w->g->body, OP_INPUT, NULL, 0, &attr, &w->t, NULL, w->cx);
    vec_push(w->p->arena, &w->g->inputs, ((GraphInput){name, v, NO_SPAN}));
    return v;
}

static World world(void)
{
    World w = {.cx = cx_new()};
    w.p = program_new(w.cx, "m", "m.nn");
    w.g = graph_new(w.p, GRAPH_MODEL, "m", NULL);
    const Axis axes[] = {{dim_const(w.p->dims, 4), NULL, NULL}};
    w.t = type_make(w.p->arena, DT_F32, 1, axes);
    w.x = input(&w, "x");
    w.y = input(&w, "y");
    return w;
}

static Value *add(World *w, Value *a, Value *b)
{
    return value_new(w->g->body, OP_ADD, (Value *[]){a, b}, 2, NULL, NULL, NULL, w->cx);
}

static void output(World *w, Value *v)
{
    graph_add_result(w->g, (Result){.kind = RESULT_OUTPUT, .name = "out", .index = w->g->results.n}, v);
}

static void edits_keep_uses(void **state)
{
    (void)state;
    World w = world();
    Value *s = add(&w, w.x, w.x), *t = add(&w, s, w.y);
    output(&w, t);
    assert_int_equal(w.x->uses.n, 2);
    assert_int_equal(s->uses.n, 1);
    assert_true(graph_verify(w.g, w.cx));
    node_set_input(t->def, 0, w.x);
    assert_int_equal(w.x->uses.n, 3);
    node_remove(s->def);
    assert_int_equal(w.x->uses.n, 1);
    value_replace(w.x, w.y);
    assert_int_equal(w.x->uses.n, 0);
    assert_int_equal(w.y->uses.n, 2);
    assert_true(graph_verify(w.g, w.cx));
    cx_free(w.cx);
}

static void results_grow(void **state)
{
    (void)state;
    World w = world();
    for (int i = 0; i < 9; i++) output(&w, add(&w, w.x, w.y));
    assert_int_equal(w.g->body->last->nin, 9);
    assert_true(graph_verify(w.g, w.cx));
    cx_free(w.cx);
}

static void copies_are_whole(void **state)
{
    (void)state;
    World w = world();
    Node *call = region_new(w.g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "twice"}, NULL);
    Value *s = value_new(call->region, OP_ADD, (Value *[]){w.x, w.y}, 2, NULL, NULL, NULL, w.cx);
    call->out[0].type = w.t;
    block_return(call->region, (Value *[]){s}, 1);
    output(&w, &call->out[0]);
    Value **reads;
    int n;
    block_reads(call->region, w.p->arena, &reads, &n);
    assert_int_equal(n, 2);
    assert_ptr_equal(reads[0], w.x);
    assert_ptr_equal(node_at_level(s->def, w.g->body), call);
    assert_null(node_at_level(w.x->def, call->region));
    Graph *copy = graph_clone(w.g, GRAPH_MODEL, NULL);
    assert_true(graph_verify(copy, w.cx));
    assert_true(graph_verify(w.g, w.cx));
    Text a = {.arena = w.cx->arena}, b = {.arena = w.cx->arena};
    graph_print(w.g, &a);
    graph_print(copy, &b);
    assert_string_equal(text_done(&a), text_done(&b));
    cx_free(w.cx);
}

static void expect_broken(World *w)
{
    assert_false(graph_verify(w->g, w->cx));
    assert_true(w->cx->diags->errors > 0);
    cx_free(w->cx);
}

static void verifier_sees_a_lost_use(void **state)
{
    (void)state;
    World w = world();
    output(&w, add(&w, w.x, w.y));
    w.x->uses.n = 0;
    expect_broken(&w);
}

static void verifier_sees_wrong_order(void **state)
{
    (void)state;
    World w = world();
    Value *s = add(&w, w.x, w.y), *t = add(&w, s, s);
    output(&w, t);
    node_move_before(t->def, s->def);
    expect_broken(&w);
}

static void verifier_sees_a_wrong_type(void **state)
{
    (void)state;
    World w = world();
    Value *s = add(&w, w.x, w.y);
    output(&w, s);
    s->type.dtype = DT_F64;
    expect_broken(&w);
}

static void verifier_sees_a_body_that_leaks(void **state)
{
    (void)state;
    World w = world();
    Node *call = region_new(w.g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "f"}, NULL);
    Value *s = value_new(call->region, OP_ADD, (Value *[]){w.x, w.y}, 2, NULL, NULL, NULL, w.cx);
    call->out[0].type = w.t;
    block_return(call->region, (Value *[]){s}, 1);
    output(&w, add(&w, &call->out[0], s));
    expect_broken(&w);
}

static void verifier_sees_operators_after_fusion(void **state)
{
    (void)state;
    World w = world();
    output(&w, add(&w, w.x, w.y));
    w.g->stage = STAGE_FUSED;
    expect_broken(&w);
}

/* The known answers that Random123 publishes for Philox4x32-10. */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct { uint32_t counter[4], key[2], out[4]; } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t out[4];
        philox4x32(known[i].counter, known[i].key, out);
        for (int k = 0; k < 4; k++) assert_int_equal(out[k], known[i].out[k]);
    }
    assert_true(random_stream("a.b", 0) != random_stream("a.b", 1));
    assert_true(random_stream("a.b", 0) != random_stream("a.c", 0));
}

static void orders_follow_types(void **state)
{
    (void)state;
    World w = world();
    Symbol s = {.name = "N", .low = 1, .high = INT64_MAX};
    const Axis axes[] = {{dim_symbol(w.p->dims, &s), NULL, NULL}, {dim_const(w.p->dims, 10), NULL, NULL}};
    Type t = type_make(w.p->arena, DT_F32, 2, axes);
    Order row = order_of_reduce(t, 1), column = order_of_reduce(t, 0);
    assert_int_equal(row.chains, 64);
    assert_int_equal(row.block, 0);
    assert_int_equal(column.chains, 1);
    assert_int_equal(column.block, 256);
    t.rank = 1;
    assert_int_equal(order_of_reduce(t, 0).block, 4096);
    cx_free(w.cx);
}

/* The chains of a contraction by the width of its last output axis; blocks where the summed size is open. */
static void contraction_orders(void **state)
{
    (void)state;
    World w = world();
    Symbol s = {.name = "N", .low = 1, .high = INT64_MAX};
    const Dim *n = dim_symbol(w.p->dims, &s);
    static const struct { int width, chains; } cases[] = {{1, 4}, {16, 4}, {17, 2}, {32, 2}, {33, 1}, {100, 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        ContractAttr c = {.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
        c.sizes[0] = n;
        c.sizes[1] = dim_const(w.p->dims, 784);
        c.sizes[2] = dim_const(w.p->dims, cases[i].width);
        Node node = {.op = OP_CONTRACT, .attr = {.contract = &c}};
        assert_int_equal(order_of_contract(&node).chains, cases[i].chains);
        assert_int_equal(order_of_contract(&node).block, 0);
        c.sizes[1] = n;
        assert_int_equal(order_of_contract(&node).block, 256);
    }
    cx_free(w.cx);
}

static void views_keep_the_order_of_elements(void **state)
{
    (void)state;
    World w = world();
    MoveAttr m = {.natoms = 3, .nin = 2, .nout = 2};
    for (int i = 0; i < 3; i++) m.sizes[i] = dim_const(w.p->dims, 2 + i);
    m.in[0] = (Group){1, {0}};
    m.in[1] = (Group){2, {1, 2}};
    m.out[0] = (Group){2, {0, 1}};
    m.out[1] = (Group){1, {2}};
    assert_true(move_is_view(&m));
    m.out[0] = (Group){2, {1, 0}};
    assert_false(move_is_view(&m));
    m.sizes[0] = dim_const(w.p->dims, 1);
    assert_true(move_is_view(&m));
    m.in[0].n = 0;
    m.sizes[0] = dim_const(w.p->dims, 5);
    assert_false(move_is_view(&m));
    cx_free(w.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_keep_uses), cmocka_unit_test(results_grow), cmocka_unit_test(copies_are_whole),
        cmocka_unit_test(verifier_sees_a_lost_use), cmocka_unit_test(verifier_sees_wrong_order),
        cmocka_unit_test(verifier_sees_a_wrong_type), cmocka_unit_test(verifier_sees_a_body_that_leaks),
        cmocka_unit_test(verifier_sees_operators_after_fusion), cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(orders_follow_types), cmocka_unit_test(contraction_orders),
        cmocka_unit_test(views_keep_the_order_of_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
