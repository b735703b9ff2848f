/* Words and grammar: which line ends count, what becomes of a text, and that a fault costs one message and one line. */
#include "tensor_assert.h"
#include "frontend/ast.h"
#include <string.h>

typedef struct Parsed { Cx *cx; File *file; } Parsed;

static Parsed parse_bytes(const char *text, size_t n)
{
    Parsed p = {.cx = cx_new()};
    p.file = file_parse(p.cx, source_new(p.cx->arena, "test.nn", text, n));
    return p;
}

static Parsed parse(const char *text) { return parse_bytes(text, strlen(text)); }

/* The codes of all messages, in order, joined by blanks. */
static void assert_codes(const char *text, const char *codes)
{
    Parsed p = parse(text);
    Text t = {.arena = p.cx->arena};
    for (int i = 0; i < p.cx->diags->list.n; i++) text_add(&t, "%s%s", i ? " " : "", p.cx->diags->list.at[i]->code);
    assert_string_equal(text_done(&t), codes);
    assert_int_equal(p.file->broken, codes[0] != 0);
    cx_free(p.cx);
}

static const Items *items_of(Parsed p, int decl) { return &p.file->decls.at[decl]->body->items; }

static void test_line_ends(void **state)
{
    (void)state;
    Parsed p = parse("fn f(a: real,\n     b: real) -> real {\n  x = a\n    + b *\n    2\n  y = (x\n  - 1)\n  y\n"
                     "    |> relu\n}\n");
    assert_int_equal(p.cx->diags->errors, 0);
    const Items *items = items_of(p, 0);
    assert_int_equal(items->n, 3);
    assert_int_equal(items->at[0]->value->op, OP_ADD);
    assert_int_equal(items->at[1]->value->op, OP_SUB);
    assert_int_equal(items->at[2]->kind, ITEM_RESULT);
    assert_int_equal(items->at[2]->value->kind, EX_PIPE);
    cx_free(p.cx);
    assert_codes("fn f(x: real) -> real { a = x; b = a; b }", "");
    assert_codes("fn f(x: real) -> real { a = x; b = a; b }\r\n# the end, without a line end", "");
}

static void test_precedence(void **state)
{
    (void)state;
    Parsed p = parse("hyper a = -2^2^3 + 4*5 @ 6 == 7 or not true\n");
    const Expr *e = p.file->decls.at[0]->value;
    assert_int_equal(e->op, OP_OR);
    assert_int_equal(e->b->op, OP_NOT);
    assert_int_equal(e->a->op, OP_EQ);
    const Expr *sum = e->a->a;
    assert_int_equal(sum->op, OP_ADD);
    assert_int_equal(sum->a->op, OP_NEG);
    assert_int_equal(sum->a->a->op, OP_POW);
    assert_int_equal(sum->a->a->b->op, OP_POW);
    assert_int_equal(sum->b->op, OP_CONTRACT);
    cx_free(p.cx);
}

static void test_items(void **state)
{
    (void)state;
    Parsed p = parse("layer l[I](x: real[..., I]; out, act: fn = relu) -> (a: real[out], b: real)\n"
                     "  where I > 1 : \"{I} is \\\"small\\\"\"\n{\n"
                     "  param w: real[I, out] = init\n  state m: real[ch = out] = 0\n  m' = m\n  layer t = dense(3)\n"
                     "  a, _ = f(x, k = 1)\n  (x, a) |> [i, (j, k)], [j] -> [i, c = j]\n}\n");
    assert_int_equal(p.cx->diags->errors, 0);
    const Decl *d = p.file->decls.at[0];
    assert_string_equal(d->wheres.at[0].message, "{I} is \"small\"");
    assert_int_equal(d->options.n, 2);
    assert_true(d->options.at[1].is_fn);
    assert_int_equal(d->result->fields.n, 2);
    static const ItemKind kinds[] = {ITEM_PARAM, ITEM_STATE, ITEM_BIND, ITEM_INSTANCE, ITEM_BIND, ITEM_RESULT};
    const Items *items = items_of(p, 0);
    assert_int_equal(items->n, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++) assert_int_equal(items->at[i]->kind, kinds[i]);
    assert_true(items->at[2]->targets.at[0].ref.prime);
    assert_string_equal(items->at[1]->type->axes.at[0].role, "ch");
    const Expr *pattern = items->at[5]->value->list.at[1];
    assert_int_equal(pattern->kind, EX_PATTERN);
    assert_int_equal(pattern->from.n, 2);
    cx_free(p.cx);
}

static void test_spans(void **state)
{
    (void)state;
    Parsed p = parse("model m(x: f32[4]) -> f32[4] = x |> dense(4)\n");
    const Item *it = items_of(p, 0)->at[0];
    Span s = it->value->list.at[1]->span;
    assert_int_equal(source_column(s.source, s.lo), 37);
    assert_int_equal(s.hi - s.lo, strlen("dense(4)"));
    cx_free(p.cx);
}

static void test_recovery(void **state)
{
    (void)state;
    assert_codes("fn f(x: real) -> real {\n  a = x +\n  b = )\n  c = x\n  d = c c\n  c\n}\n", "E0101 E0101");
    Parsed p = parse("fn f(x: real) -> real {\n  a = x\n  b, c = (x\n  d = x x\n  e = a\n  e\n}\n"
                     "fn g(x: real) -> real = x\n");
    assert_int_equal(p.cx->diags->errors, 2);
    assert_int_equal(p.file->decls.n, 2);
    const Items *items = items_of(p, 0);
    assert_string_equal(items->at[0]->targets.at[0].ref.path.text, "a");
    assert_int_equal(items->at[1]->kind, ITEM_ERROR);
    assert_int_equal(items->at[1]->names.n, 2);
    assert_string_equal(items->at[1]->names.at[1], "c");
    assert_int_equal(items->at[2]->kind, ITEM_ERROR);
    assert_int_equal(items->at[3]->kind, ITEM_BIND);
    cx_free(p.cx);
}

static void test_faults(void **state)
{
    (void)state;
    assert_codes("fn f(x: real -> real { x }\nfn g(x: real) -> real = x +\n", "E0101 E0101");
    assert_codes("model m(x: f32) -> f32 {\n  y = x\n  y\ntrain m(x) {\n  loss m(x)\n}\n", "E0105");
    assert_codes("layer m(x: real) -> real {\n  x\nlayer n(x: real) -> real = x\n", "E0105");
    assert_codes("fn f(x: real) -> real {\n  a = x $ 2\n  b = \"open\n  a\n}\n", "E0102 E0103");
    assert_codes("hyper in = 3\n", "E0405");
    assert_codes("fn f(x: real) -> real {\n  state = 3\n  x\n}\n", "E0405");
    assert_codes("", "");
    assert_codes("\n\n# nothing\n", "");
    assert_codes("}{)(][ \" ' .. .* @ |>", "E0103 E0105 E0101");
}

static void test_hostile(void **state)
{
    (void)state;
    enum { N = 20000 };
    Cx *cx = cx_new();
    char *deep = NEW_ARRAY(cx->arena, char, 3 * N);
    memcpy(deep, "hyper a = ", 10);
    memset(deep + 10, '(', N);
    assert_codes(deep, "E0104");
    memset(deep + 10, '-', N);
    deep[10 + N] = '1';
    assert_codes(deep, "E0104");
    for (int i = 0; i < N / 2; i++) memcpy(deep + 10 + 2 * i, "1+", 2);
    assert_codes(deep, "E0104");
    Parsed p = parse_bytes("hyper a = 1\0\n(", 14);
    assert_true(p.file->broken);
    cx_free(p.cx);
    cx_free(cx);
}

static void test_flat(void **state)
{
    (void)state;
    Parsed p = parse("stage \"built\"\nmodel m(x: f32[4]) -> (out: f32[4]) {\n"
                     "  t1: f32[4] @(64*4, \"work\") = relu(x) : \"m.nn:1:1 m\"\n  t1\n}\n");
    assert_int_equal(p.cx->diags->errors, 0);
    assert_true(file_is_flat(p.file));
    assert_string_equal(items_of(p, 1)->at[0]->note, "m.nn:1:1 m");
    cx_free(p.cx);
    p = parse("dim N\n");
    assert_false(file_is_flat(p.file));
    cx_free(p.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends), cmocka_unit_test(test_precedence), cmocka_unit_test(test_items),
        cmocka_unit_test(test_spans),     cmocka_unit_test(test_recovery),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
