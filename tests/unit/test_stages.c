/* Printing and reading are inverse at every stage: what stands after each pass is printed, read, and printed again. */
#include "tensor_assert.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <string.h>

static const char *const models[] = {"digits", "rings", "tiny"};

static const char *printed(Program *p)
{
    Text t = {p->arena, 0, 0, 0};
    program_print(p, &t);
    return text_done(&t);
}

static void check_stage(const char *model, const char *pass, DType real)
{
    Cx *cx = cx_new(), *again = cx_new();
    FrontendOptions how = {.real = real};
    PassOptions o = {.until = pass, .verify = true};
    Program *p = frontend_load(cx, str_format(cx->arena, "%s/examples/%s/%s.nn", NNC_ROOT, model, model), &how);
    assert_non_null(p);
    assert_true(passes_run(p, &o));
    const char *text = printed(p);
    how.name = model;
    Program *q = frontend_parse(again, str_format(cx->arena, "%s.%s.nn", model, pass), text, &how);
    diags_print(again->diags, stderr, false);
    if (!q) print_error("%s after %s does not read back:\n%s\n", model, pass, text);
    assert_non_null(q);
    assert_true(program_verify(q, again));
    assert_string_equal(printed(q), text);
    assert_int_equal(program_weights_hash(p), program_weights_hash(q));
    assert_int_equal(program_opt_hash(p), program_opt_hash(q));
    cx_free(again);
    cx_free(cx);
}

static void every_stage(void **state)
{
    int n;
    const PassInfo *list = passes_list(&n);
    for (size_t m = 0; m < COUNT(models); m++)
        for (int i = 0; i < n; i++) check_stage(models[m], list[i].name, i % 2 ? DT_F32 : DT_F64);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_stage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
