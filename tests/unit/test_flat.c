/* The flat form: printing and reading back give the same bytes; what is not of it is refused where it stands. */
#include "frontend/flat.h"
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static Program *read_flat(Cx *cx, const char *text)
{
    static const FrontendOptions options = {0};
    File *f = file_parse(cx, source_new(cx->arena, "flat.nn", text, strlen(text)));
    return f->broken ? NULL : flat_build(cx, f, &options);
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
    Source *s = source_read(cx->arena, str_format(cx->arena, "%s/tests/unit/flat/%s", NNC_ROOT, name), name);
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
    refused("  param m.w: f32[4] = 0\n  x", 3, "`.init` block");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_comes_back), cmocka_unit_test(planned_comes_back), cmocka_unit_test(faults_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
