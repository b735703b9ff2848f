/* The flat form: printing and reading back give the same bytes; what is not of it is refused where it stands. */
#include "frontend/flat.h"
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static Program *read_flat(Cx *cx, const char *text)
{
    static const FrontendOptions options = {0};
    File *f = file_parse(cx, source_new(cx->arena, "flat.nn", text, strlen(text)));
    return f->broken ? NULL : flat_build(cx, f, NULL, &options);
}

static const char *print(Cx *cx, const Program *p)
{
    Text t = {.arena = cx->arena};
    program_print(p, &t);
    return text_done(&t);
}

static void comes_back(const char *name)
{
    Cx *cx = cx_new();
    Source *s = source_read(cx->arena, str_format(cx->arena, "%s/tests/unit/flat/%s", NNC_ROOT, name), name, MOST_TEXT);
    assert_non_null(s);
    Program *p = read_flat(cx, s->text);
    if (!p) diags_print(cx->diags, stderr, false);
    assert_non_null(p);
    assert_string_equal(print(cx, p), s->text);
    cx_free(cx);
}

static void built_comes_back(void **state)
{
    (void)state;
    comes_back("built.nn");
}

static void parts_come_back(void **state)
{
    (void)state;
    comes_back("parts.nn");
}

static void planned_comes_back(void **state)
{
    (void)state;
    comes_back("planned.nn");
}

/* One error, in that line, with these words. */
static void refused(const char *lines, int line, const char *words)
{
    Cx *cx = cx_new();
    const char *text = str_format(cx->arena, "stage \"built\"\nmodel m(x: f32[4], y: f32[5]) -> f32[4] {\n%s\n}\n", lines);
    assert_null(read_flat(cx, text));
    assert_int_equal(cx->diags->errors, 1);
    const Diag *d = cx->diags->list.at[0];
    assert_int_equal(source_line(d->primary.source, d->primary.lo), line);
    if (!strstr(d->message, words)) fail_msg("%s", d->message);
    cx_free(cx);
}

static void faults_are_refused(void **state)
{
    (void)state;
    refused("  a: f32[4] = x + z\n  a", 3, "nothing above is called `z`");
    refused("  a: f32[4] = x + (x * x)\n  a", 3, "one primitive a line");
    refused("  a = x + x\n  a", 3, "full type");
    refused("  a: f32[4] = blur(x)\n  a", 3, "is no primitive");
    refused("  a: f32[4] = x |> [i] -> [i, 2]\n  a", 3, "cannot be");
    refused("  a: f32[Q] = x\n  a", 3, "no dim is called `Q`");
    refused("  a: f32[4] = x + x\n  a: f32[4] = x * x\n  a", 4, "bound twice");
    refused("  a: f32[4] = call(f) {\n    b: f32[4] = x + x\n    b\n  }\n  c: f32[4] = b + a\n  c", 7, "another body");
    refused("  a: f32[2] = slice(x, start = 0, size = 2)\n  a", 3, "`over` is missing");
    refused("  a: f32[2] = slice(x, over = 0, size = 2)\n  a", 3, "`start` is missing");
    refused("  a: f32[2] = slice(x, over = 0, start = 3, size = 2)\n  a", 3, "must lie within the 4 places");
    refused("  param m.w: f32[4] = 0\n  x", 3, "`.init` and `.start` blocks");
}

static const char *replaced(Cx *cx, const char *text, const char *was, const char *now)
{
    const char *at = strstr(text, was);
    assert_non_null(at);
    return str_format(cx->arena, "%.*s%s%s", (int)(at - text), text, now, at + strlen(was));
}

static void plan_refused(const char *was, const char *now, const char *words)
{
    Cx *cx = cx_new();
    Source *s = source_read(cx->arena, NNC_ROOT "/tests/unit/flat/planned.nn", "planned.nn", MOST_TEXT);
    assert_null(read_flat(cx, replaced(cx, s->text, was, now)));
    const Diag *d = cx->diags->list.at[cx->diags->list.n - 1];
    if (!strstr(d->message, words)) fail_msg("%s", d->message);
    assert_string_equal(d->code, "E0106"); /* the text's fault, not the compiler's */
    cx_free(cx);
}

static void broken_plans_are_refused(void **state)
{
    (void)state;
    plan_refused("kernel(prefix = 1, phase = 1)", "kernel(prefix = 0, phase = 1)", "not at the kernel's own index");
    plan_refused("kernel(prefix = 2, phase = 0) {\n    t1", "kernel(prefix = 2, phase = 2) {\n    t1", "phase 2 of 2");
    plan_refused("work = 128*N", "work = 64*N", "outside the workspace");
    plan_refused("h: f64[N, 16] @(0)", "h: f64[N, 16] @(8)", "a view lies elsewhere");
    plan_refused("@(output, 0)", "@(output, 1)", "lies elsewhere than the host reads it");
    plan_refused("t3: f64[16] @(params, 100352)", "t3: f64[16] @(params, 0)", "lies elsewhere");
    plan_refused("f64[16] @(100352)", "f64[16] @(64)", "lies at 100352");
    plan_refused("phases = 2", "phases = 1", "phase 1 of 1");
    plan_refused("sum(t6, over = 1)", "mean(t6, over = 1)", "sums for means");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_comes_back), cmocka_unit_test(parts_come_back),
        cmocka_unit_test(planned_comes_back), cmocka_unit_test(faults_are_refused),
        cmocka_unit_test(broken_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
