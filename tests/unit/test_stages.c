/* Printing and reading are inverse at every stage: what stands after each pass is printed, read, and printed again; and
   what was read goes on to the same plan. */
#include "tensor_assert.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <glob.h>
#include <string.h>

static const char *printed(Program *p)
{
    Text t = {p->arena, 0, 0, 0};
    program_print(p, &t);
    return text_done(&t);
}

/* The example after a pass; NULL: as it is parsed. */
static Program *loaded(Cx *cx, const char *path, const FrontendOptions *how, const char *pass)
{
    PassOptions o = {.until = pass, .verify = true};
    Program *p = frontend_load(cx, path, how);
    if (!p) diags_print(cx->diags, stderr, false);
    assert_non_null(p);
    assert_true(!pass || passes_run(p, &o));
    return p;
}

static Program *read_back(Cx *cx, Program *p, const char *text, FrontendOptions how)
{
    how.name = p->name;
    Program *q = frontend_parse(cx, "printed.nn", text, &how);
    diags_print(cx->diags, stderr, false);
    if (!q) print_error("%s does not read back:\n%s\n", p->file, text);
    assert_non_null(q);
    assert_true(program_verify(q, cx, "E0901"));
    return q;
}

/* Says the first line that differs: the whole would be too long. */
static void assert_same(const char *path, const char *pass, const char *a, const char *b)
{
    while (*a && *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n)) break;
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    if (*a || *b)
        fail_msg("%s after %s: printed\n%.*s\nand then\n%.*s", path, pass ? pass : "parsing", (int)strcspn(a, "\n"), a,
                 (int)strcspn(b, "\n"), b);
}

static void check_stage(const char *path, const char *pass, DType real)
{
    Cx *cx = cx_new(), *again = cx_new();
    FrontendOptions how = {.real = real};
    Program *p = loaded(cx, path, &how, pass);
    const char *text = printed(p);
    Program *q = read_back(again, p, text, how);
    assert_same(path, pass, text, printed(q));
    assert_int_equal(program_weights_hash(p), program_weights_hash(q));
    assert_int_equal(program_opt_hash(p), program_opt_hash(q));
    if (pass && str_equal(pass, "outline")) {
        assert_true(passes_run(q, &(PassOptions){.verify = true}));
        assert_int_equal(program_graph_hash(q), program_graph_hash(loaded(cx, path, &how, "plan")));
    }
    cx_free(again);
    cx_free(cx);
}

static void every_stage(void **state)
{
    int n;
    glob_t examples;
    const PassInfo *list = passes_list(&n);
    assert_int_equal(glob(NNC_ROOT "/examples/*/*.nn", 0, NULL, &examples), 0);
    for (size_t m = 0; m < examples.gl_pathc; m++)
        for (int i = -1; i < n; i++)
            check_stage(examples.gl_pathv[m], i < 0 ? NULL : list[i].name, (i + (int)m) % 2 ? DT_F32 : DT_F64);
    globfree(&examples);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_stage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
