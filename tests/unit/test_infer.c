/* Types of operators: what each gives, and the message where it refuses. */
#include "tensor_assert.h"
#include <string.h>

/* A graph under construction; every input stands in one line of a source, `x` for example in "x: f32[4, 10]". */
typedef struct Bench {
    Cx *cx;
    Program *p;
    Graph *g;
    Source *source;
    Site site;
    Symbol n, m, digit;
} Bench;

static const char text[] = "model m(x: f32[4, 10], w: f32[8, 5])\n  x + w\n";

static Bench *bench_new(void)
{
    static const char *const labels[] = {"a", "b", "c"};
    Cx *cx = cx_new();
    Bench *b = NEW(cx->arena, Bench);
    b->cx = cx;
    b->source = source_new(cx->arena, "m.nn", text, sizeof text - 1);
    b->p = program_new(cx, "m", "m.nn");
    b->p->real = DT_F32;
    b->site = (Site){.span = {b->source, 40, 45}, .path = "m"};
    b->g = graph_new(b->p, GRAPH_MODEL, "m", &b->site);
    b->n = (Symbol){.name = "N", .index = 0, .low = 1, .high = INT64_MAX, .span = {b->source, 0, 5}};
    b->m = (Symbol){.name = "M", .index = 1, .low = 1, .high = INT64_MAX, .span = {b->source, 0, 5}};
    b->digit = (Symbol){.name = "digit", .index = 2, .low = 3, .high = 3, .fixed = 3, .labels = labels, .nlabels = 3};
    return b;
}

static const Dim *size(Bench *b, int64_t v) { return dim_const(b->p->dims, v); }

/* An input of any sizes; its axes come from places in the source. */
static Value *input_of(Bench *b, const char *name, DType t, int rank, const Axis *axes)
{
    Axis with[MAX_RANK] = {0};
    for (int k = 0; k < rank; k++) {
        with[k] = axes[k];
        Origin *o = NEW(b->p->arena, Origin);
        *o = (Origin){{b->source, 15 + 3 * (uint32_t)k, 16 + 3 * (uint32_t)k}, name, NULL};
        with[k].origin = o;
    }
    Type type = type_make(b->p->arena, t, rank, with);
    Attr attr = {.index = 0};
    Value *v = value_new(b->g->body, OP_INPUT, NULL, 0, &attr, &type, &b->site, b->cx);
    v->name = name;
    return v;
}

static Value *input2(Bench *b, const char *name, DType t, int64_t rows, int64_t columns)
{
    return input_of(b, name, t, 2, (Axis[]){{size(b, rows), NULL, NULL}, {size(b, columns), NULL, NULL}});
}

static Value *single(Bench *b, DType t) { return input_of(b, "s", t, 0, NULL); }

static Value *op(Bench *b, OpCode code, int nin, Value *const *in, const Attr *attr)
{
    return value_new(b->g->body, code, in, nin, attr, NULL, &b->site, b->cx);
}

static Value *op2(Bench *b, OpCode code, Value *x, Value *y) { return op(b, code, 2, (Value *[]){x, y}, NULL); }

static void assert_type(Bench *b, const char *want, const Value *v)
{
    if (b->cx->diags->errors) diags_print(b->cx->diags, stderr, false);
    assert_string_equal(want, type_text(b->p->arena, v->type));
}

/* Exactly one message, of that code, at the node's place, with so many labels at least, and with these words. */
static void assert_refused(Bench *b, const Value *v, const char *code, int labels, const char *words)
{
    assert_true(type_is_poison(v->type));
    assert_int_equal(b->cx->diags->list.n, 1);
    const Diag *d = b->cx->diags->list.at[0];
    const char *rendered = diag_render(b->p->arena, d, false);
    if (!str_equal(code, d->code) || d->labels.n < labels || !strstr(rendered, words))
        fail_msg("want %s, %d labels, \"%s\"; got\n%s", code, labels, words, rendered);
    assert_int_equal(d->primary.lo, b->site.span.lo);
    b->cx->diags->list.n = b->cx->diags->errors = 0;
}

/* ---- elementwise ---- */
static void shapes_must_be_equal_or_single(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_F32, 4, 10);
    assert_type(b, "f32[4, 10]", op2(b, OP_ADD, x, x));
    assert_type(b, "f32[4, 10]", op2(b, OP_MUL, single(b, DT_F32), x));
    assert_type(b, "bool[4, 10]", op2(b, OP_LT, x, single(b, DT_F32)));
    assert_refused(b, op2(b, OP_ADD, x, input2(b, "w", DT_F32, 4, 8)), "E0203", 2, "axis 2 would be both 10 and 8");
    assert_refused(b, op2(b, OP_ADD, x, input2(b, "w", DT_F32, 4, 1)), "E0203", 2, "a size 1 never stretches");
    Axis one = {size(b, 10), NULL, NULL};
    assert_refused(b, op2(b, OP_ADD, x, input_of(b, "v", DT_F32, 1, &one)), "E0202", 2, "2 axes meet 1");
    cx_free(b->cx);
}

static void poison_is_silent(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_F32, 4, 10), *bad = op2(b, OP_ADD, x, input2(b, "w", DT_F32, 4, 8));
    assert_refused(b, bad, "E0203", 2, "");
    Value *next = op2(b, OP_MUL, bad, single(b, DT_I32));
    assert_true(type_is_poison(next->type));
    assert_int_equal(b->cx->diags->list.n, 0);
    cx_free(b->cx);
}

static void symbols_are_rigid(void **state)
{
    (void)state;
    Bench *b = bench_new();
    const Dim *n = dim_symbol(b->p->dims, &b->n), *m = dim_symbol(b->p->dims, &b->m);
    Value *x = input_of(b, "x", DT_F32, 1, &(Axis){n, NULL, NULL});
    assert_refused(b, op2(b, OP_ADD, x, input_of(b, "c", DT_F32, 1, &(Axis){size(b, 4), NULL, NULL})), "E0203", 3,
                   "`N` may be any size from 1 up");
    assert_refused(b, op2(b, OP_ADD, x, input_of(b, "y", DT_F32, 1, &(Axis){m, NULL, NULL})), "E0203", 3,
                   "both N and M");
    cx_free(b->cx);
}

static void roles_meet_themselves(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *plain = input_of(b, "p", DT_F32, 1, &(Axis){size(b, 4), NULL, NULL});
    Value *ch = input_of(b, "c", DT_F32, 1, &(Axis){size(b, 4), "ch", NULL});
    Value *y = input_of(b, "y", DT_F32, 1, &(Axis){size(b, 4), "y", NULL});
    assert_type(b, "f32[ch = 4]", op2(b, OP_ADD, plain, ch));
    assert_type(b, "f32[ch = 4]", op2(b, OP_ADD, ch, plain));
    assert_refused(b, op2(b, OP_ADD, ch, y), "E0206", 2, "`ch` meets `y`");
    Value *condition = input_of(b, "k", DT_BOOL, 1, &(Axis){size(b, 4), NULL, NULL});
    assert_refused(b, op(b, OP_SELECT, 3, (Value *[]){condition, ch, y}, NULL), "E0206", 2, "`ch` meets `y`");
    cx_free(b->cx);
}

static void dtypes_never_change_silently(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *f = single(b, DT_F32), *i = single(b, DT_I32), *t = single(b, DT_BOOL);
    assert_refused(b, op2(b, OP_ADD, f, i), "E0301", 0, "f32 meets i32");
    assert_refused(b, op2(b, OP_ADD, f, single(b, DT_F64)), "E0301", 0, "change only by name");
    assert_refused(b, op2(b, OP_ADD, t, t), "E0303", 0, "takes numbers");
    assert_refused(b, op(b, OP_EXP, 1, &i, NULL), "E0303", 0, "takes floats");
    assert_refused(b, op(b, OP_FLOOR, 1, &i, NULL), "E0303", 0, "whole already");
    assert_refused(b, op2(b, OP_AND, t, f), "E0303", 0, "truth values");
    assert_refused(b, op(b, OP_SELECT, 3, (Value *[]){f, f, f}, NULL), "E0303", 0, "truth values");
    assert_refused(b, op2(b, OP_POW, i, i), "E0303", 0, "written exponent");
    assert_type(b, "bool", op2(b, OP_EQ, t, t));
    cx_free(b->cx);
}

static void ranges_come_from_remainders(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_I32, 2, 3);
    Type whole = type_scalar(DT_I32), byte = type_scalar(DT_I8), wide = type_scalar(DT_I64);
    Attr ten = {.constant = {10, NULL}}, digit = {.size = dim_symbol(b->p->dims, &b->digit)};
    Value *c = value_new(b->g->body, OP_CONST, NULL, 0, &ten, &whole, &b->site, b->cx);
    Value *s = value_new(b->g->body, OP_SIZE, NULL, 0, &digit, &whole, &b->site, b->cx);
    Value *index = op2(b, OP_MOD, x, c);
    assert_type(b, "i32<10>[2, 3]", index);
    assert_type(b, "i32<digit>[2, 3]", op2(b, OP_MOD, x, s));
    assert_type(b, "i32[2, 3]", op2(b, OP_ADD, index, c));
    Value *one = op2(b, OP_MOD, single(b, DT_I32), c);
    wide.range = byte.range = size(b, 10);
    Value *v = value_new(b->g->body, OP_CONVERT, &one, 1, NULL, &wide, &b->site, b->cx);
    assert_type(b, "i64<10>", v);
    ten.constant.value = 1000;
    c = value_new(b->g->body, OP_CONST, NULL, 0, &ten, &whole, &b->site, b->cx);
    one = op2(b, OP_MOD, single(b, DT_I32), c);
    byte.range = size(b, 1000);
    v = value_new(b->g->body, OP_CONVERT, &one, 1, NULL, &byte, &b->site, b->cx);
    assert_refused(b, v, "E0302", 0, "`i8` ends at 127");
    ten.constant.value = 0.5;
    assert_refused(b, value_new(b->g->body, OP_CONST, NULL, 0, &ten, &whole, &b->site, b->cx), "E0301", 0, "0.5");
    const double written[] = {100, 200}; /* seen through conversions, but for one that cut it off */
    Type small = type_scalar(DT_I8);
    for (int i = 0; i < 2; i++) {
        ten.constant.value = written[i];
        c = value_new(b->g->body, OP_CONST, NULL, 0, &ten, &whole, &b->site, b->cx);
        c = value_new(b->g->body, OP_CONVERT, &c, 1, NULL, &small, &b->site, b->cx);
        c = value_new(b->g->body, OP_CONVERT, &c, 1, NULL, &whole, &b->site, b->cx);
        assert_type(b, i ? "i32[2, 3]" : "i32<100>[2, 3]", op2(b, OP_MOD, x, c));
    }
    cx_free(b->cx);
}

/* ---- reductions, contractions ---- */
static void reductions_drop_their_axes(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_F32, 4, 10);
    Attr last = {.reduce = {2}}, both = {.reduce = {3}}, beyond = {.reduce = {4}};
    assert_type(b, "f32[4]", op(b, OP_SUM, 1, &x, &last));
    assert_type(b, "f32", op(b, OP_MEAN, 1, &x, &both));
    assert_type(b, "i32<10>[4]", op(b, OP_ARGMAX, 1, &x, &last));
    assert_refused(b, op(b, OP_ARGMAX, 1, &x, &both), "E0202", 2, "one axis");
    assert_refused(b, op(b, OP_SUM, 1, &x, &beyond), "E0202", 1, "does not have");
    Value *i = input2(b, "i", DT_I32, 4, 10), *t = input2(b, "t", DT_BOOL, 4, 10);
    assert_type(b, "i32[4]", op(b, OP_SUM, 1, &i, &last));
    assert_refused(b, op(b, OP_MEAN, 1, &i, &last), "E0303", 0, "takes floats");
    assert_refused(b, op(b, OP_SUM, 1, &t, &last), "E0303", 0, "takes numbers");
    cx_free(b->cx);
}

static Value *matmul(Bench *b, Value *x, Value *w)
{
    ContractAttr *c = NEW(b->p->arena, ContractAttr);
    *c = (ContractAttr){.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
    Attr attr = {.contract = c};
    return op(b, OP_CONTRACT, 2, (Value *[]){x, w}, &attr);
}

static void contractions_have_one_inner_size(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_F32, 4, 10);
    Axis out[2] = {{size(b, 10), NULL, NULL}, {size(b, 5), "feature", NULL}};
    assert_type(b, "f32[4, feature = 5]", matmul(b, x, input_of(b, "w", DT_F32, 2, out)));
    assert_refused(b, matmul(b, x, input2(b, "w", DT_F32, 8, 5)), "E0201", 2, "both 10 and 8");
    assert_refused(b, matmul(b, x, input2(b, "w", DT_F64, 10, 5)), "E0301", 0, "f32 meets f64");
    assert_refused(b, matmul(b, x, single(b, DT_F32)), "E0202", 0, "2 named, 0 there");
    cx_free(b->cx);
}

/* ---- moves ---- */
static Value *split(Bench *b, Value *x, int64_t n, int64_t h, int64_t d)
{
    MoveAttr *m = NEW(b->p->arena, MoveAttr);
    *m = (MoveAttr){.natoms = 3, .nin = 2, .nout = 3, .sizes = {size(b, n), size(b, h), size(b, d)}};
    m->in[0] = m->out[0] = (Group){1, {0}};
    m->in[1] = (Group){2, {1, 2}};
    m->out[1] = (Group){1, {1}};
    m->out[2] = (Group){1, {2}};
    Attr attr = {.move = m};
    return op(b, OP_MOVE, 1, &x, &attr);
}

static void patterns_must_describe_what_they_move(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input_of(b, "x", DT_F32, 2, (Axis[]){{size(b, 4), "row", NULL}, {size(b, 10), "ch", NULL}});
    Value *y = split(b, x, 4, 2, 5);
    assert_type(b, "f32[row = 4, 2, 5]", y);
    assert_ptr_equal(x->type.axes[0].origin, y->type.axes[0].origin);
    assert_ptr_equal(x->type.axes[1].origin, y->type.axes[1].origin->previous);
    assert_refused(b, split(b, x, 4, 3, 4), "E0204", 1, "3*4");
    assert_refused(b, split(b, single(b, DT_F32), 4, 3, 4), "E0202", 0, "2 named, 0 there");
    MoveAttr m = {.natoms = 2, .nin = 2, .nout = 1, .sizes = {size(b, 4), size(b, 10)}};
    m.in[0] = m.out[0] = (Group){1, {0}};
    m.in[1] = (Group){1, {1}};
    Attr attr = {.move = &m};
    assert_refused(b, op(b, OP_MOVE, 1, &x, &attr), "E0204", 0, "loses an axis of size 10");
    cx_free(b->cx);
}

/* ---- parts ---- */
static Value *remainder_by(Bench *b, Value *x, double divisor)
{
    Type whole = type_scalar(DT_I32);
    Attr attr = {.constant = {divisor, NULL}};
    return op2(b, OP_MOD, x, value_new(b->g->body, OP_CONST, NULL, 0, &attr, &whole, &b->site, b->cx));
}

/* What is joined of indices is an index only where all are ones of the same places. */
static void joined_indices_keep_one_range(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_I32, 2, 3);
    Value *three = remainder_by(b, x, 3), *five = remainder_by(b, x, 5);
    Attr last = {.part = {.axis = 1}};
    assert_type(b, "i32<3>[2, 6]", op(b, OP_CONCAT, 2, (Value *[]){three, three}, &last));
    assert_type(b, "i32[2, 6]", op(b, OP_CONCAT, 2, (Value *[]){three, five}, &last));
    assert_type(b, "i32[2, 6]", op(b, OP_CONCAT, 2, (Value *[]){five, x}, &last));
    cx_free(b->cx);
}

/* ---- places, chance, gradients ---- */
static void places_need_an_index_of_their_range(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *p = input2(b, "p", DT_F32, 4, 10), *w = input_of(b, "w", DT_I32, 1, &(Axis){size(b, 4), NULL, NULL});
    Value *y[3];
    for (int k = 0; k < 3; k++) {
        Type t = w->type;
        t.range = size(b, k == 1 ? 8 : 10);
        if (k == 2) t = type_scalar(DT_I32), t.range = size(b, 10);
        Attr attr = {.index = 0};
        y[k] = value_new(b->g->body, OP_INPUT, NULL, 0, &attr, &t, &b->site, b->cx);
        y[k]->name = "y";
    }
    assert_type(b, "f32[4]", op2(b, OP_PICK, p, y[0]));
    assert_type(b, "f32[4, 10]", op(b, OP_ONE_HOT, 1, &y[0], NULL));
    assert_refused(b, op2(b, OP_PICK, p, y[1]), "E0302", 1, "names one of 8 places");
    assert_refused(b, op2(b, OP_PICK, p, y[2]), "E0202", 1, "should have 1 axis");
    assert_refused(b, op2(b, OP_PICK, p, w), "E0302", 1, "`y % C`");
    assert_refused(b, op(b, OP_ONE_HOT, 1, &p, NULL), "E0302", 2, "holds no places");
    cx_free(b->cx);
}

static void draws_are_floats_from_single_floats(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Type f = type_make(b->p->arena, DT_F32, 1, &(Axis){size(b, 4), NULL, NULL}), i = type_with_dtype(f, DT_I32);
    Value *s[2] = {single(b, DT_F32), single(b, DT_F32)}, *wide[2] = {single(b, DT_F64), s[0]};
    assert_type(b, "f32[4]", value_new(b->g->body, OP_UNIFORM, s, 2, NULL, &f, &b->site, b->cx));
    assert_refused(b, value_new(b->g->body, OP_UNIFORM, s, 2, NULL, &i, &b->site, b->cx), "E0303", 0, "draws floats");
    assert_refused(b, value_new(b->g->body, OP_NORMAL, wide, 2, NULL, &f, &b->site, b->cx), "E0301", 0, "f64");
    cx_free(b->cx);
}

static void counting_needs_numbers(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Axis three = {size(b, 3), NULL, NULL};
    Attr attr = {.axis = 0};
    Type places = type_make(b->p->arena, DT_I32, 1, &three), truth = type_make(b->p->arena, DT_BOOL, 1, &three);
    assert_type(b, "i32[3]", value_new(b->g->body, OP_IOTA, NULL, 0, &attr, &places, &b->site, b->cx));
    Value *v = value_new(b->g->body, OP_IOTA, NULL, 0, &attr, &truth, &b->site, b->cx);
    assert_refused(b, v, "E0303", 0, "count in numbers");
    cx_free(b->cx);
}

static void gradients_are_taken_of_one_float(void **state)
{
    (void)state;
    Bench *b = bench_new();
    Value *x = input2(b, "x", DT_F32, 4, 10), *loss = single(b, DT_F32), *count = single(b, DT_I32);
    assert_type(b, "f32[4, 10]", op2(b, OP_GRAD, loss, x));
    assert_refused(b, op2(b, OP_GRAD, x, x), "E0211", 2, "reduce it to one number");
    assert_refused(b, op2(b, OP_GRAD, count, x), "E0211", 0, "a metric");
    assert_refused(b, op2(b, OP_GRAD, loss, count), "E0211", 0, "only floats");
    cx_free(b->cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_must_be_equal_or_single),
        cmocka_unit_test(poison_is_silent),
        cmocka_unit_test(symbols_are_rigid),
        cmocka_unit_test(roles_meet_themselves),
        cmocka_unit_test(dtypes_never_change_silently),
        cmocka_unit_test(ranges_come_from_remainders),
        cmocka_unit_test(reductions_drop_their_axes),
        cmocka_unit_test(contractions_have_one_inner_size),
        cmocka_unit_test(patterns_must_describe_what_they_move),
        cmocka_unit_test(joined_indices_keep_one_range),
        cmocka_unit_test(places_need_an_index_of_their_range),
        cmocka_unit_test(draws_are_floats_from_single_floats),
        cmocka_unit_test(counting_needs_numbers),
        cmocka_unit_test(gradients_are_taken_of_one_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
