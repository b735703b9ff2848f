/* The settled style: what it looks like; and that no file of ours changes its meaning, however it was spaced before. */
#include "frontend/frontend.h"
#include "tensor_assert.h"
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Bench {
    Cx *cx;
    char path[32]; /* a file for texts */
} Bench;

static Bench bench_new(void)
{
    Bench b = {cx_new(), "/tmp/format.XXXXXX"};
    int fd = mkstemp(b.path);
    assert_true(fd >= 0);
    close(fd);
    return b;
}

static void bench_free(Bench *b)
{
    unlink(b->path);
    cx_free(b->cx);
}

static const char *formatted(Bench *b, const char *text)
{
    Formatted f;
    assert_true(write_file(b->path, text, strlen(text)));
    if (!frontend_format(b->cx, b->path, &f)) fail_msg("refused:\n%s", text);
    return f.text;
}

/* ---- the style ---- */
static void check(const char *text, const char *want)
{
    Bench b = bench_new();
    const char *got = formatted(&b, text);
    assert_string_equal(got, want);
    assert_string_equal(formatted(&b, got), got);
    bench_free(&b);
}

static void test_space(void **state)
{
    (void)state;
    check("fn f( x :real ;a=- 1,init:fn=zeros )->real=x*a  *2/ 3-- 1\n",
          "fn f(x: real; a = -1, init: fn = zeros) -> real = x*a*2/3 - -1\n");
    check("layer g(a:i32 < N >[..., N])=if  not(a<b)then a . w else - a ^ 2\n",
          "layer g(a: i32<N>[..., N]) = if not (a < b) then a.w else -a ^ 2\n");
    check("dim T in 1 .. 256\ndim m=\"a  b\",\"b\"\n", "dim T in 1..256\ndim m = \"a  b\", \"b\"\n");
    check("dim Y where Y%16==0:\"no\"\n", "dim Y where Y%16 == 0 : \"no\"\n");
    check("train t(x){loss -x ;metric   (a,b)|>f;split 80/20;m  ' = net . a.*  . w- 1}\n",
          "train t(x) { loss -x; metric (a, b) |> f; split 80/20; m' = net.a.*.w - 1 }\n");
    check("train t(x) {\nloss   (a,b)|>f\nmetric g(x)\n}\n", "train t(x) {\n  loss   (a, b) |> f\n  metric g(x)\n}\n");
    check("fn f(x)=x|>[N,(a,b)]->[N,a,b]|>repeat( i in 0 ..3 ){dense( 2 )}\n",
          "fn f(x) = x |> [N, (a, b)] -> [N, a, b] |> repeat(i in 0..3) { dense(2) }\n");
}

static void test_lines(void **state)
{
    (void)state;
    check("\n\n\n# doc  \nmodel m(x: f32[N]) {\n\n    h = x\n          |> relu\n|> tanh\n\n\n  h\n\n}\n\n",
          "# doc\nmodel m(x: f32[N]) {\n  h = x\n        |> relu\n    |> tanh\n\n  h\n}\n");
    check("fn f(x: real) -> real\nwhere x > 0 : \"no\"\n{\nx\n}",
          "fn f(x: real) -> real\n  where x > 0 : \"no\"\n{\n  x\n}\n");
    check("fn f(x) {\n\ty = g(\n\t\tx,\n\t1)\n\ty\n}\r\n", "fn f(x) {\n  y = g(\n          x,\n    1)\n  y\n}\n");
    check("fn f(x) {\ny = x\n|> repeat(2) {\nrelu\n}\n|> tanh\ny\n}\n",
          "fn f(x) {\n  y = x\n    |> repeat(2) {\n      relu\n    }\n    |> tanh\n  y\n}\n");
}

static void test_columns(void **state)
{
    (void)state;
    check("fn  f(x) {\nparam w:   f32  = 1   # a\n"
          "param bb: f32   = 1   # b\n                      # c\n   # d\nw\n   # e\n}\n",
          "fn  f(x) {\n  param w:   f32  = 1   # a\n  param bb: f32   = 1   # b\n                        # c\n"
          "  # d\n  w\n  # e\n}\n");
    check("fn f(x) = x+1    # a\nfn g(x) = x + 22 # b\n", "fn f(x) = x + 1  # a\nfn g(x) = x + 22 # b\n");
    check("fn f(x) = x#a\n", "fn f(x) = x #a\n");
}

static void test_refused(void **state)
{
    (void)state;
    Bench b = bench_new();
    Formatted f;
    assert_true(write_file(b.path, "fn f( = 1\n", 10));
    assert_false(frontend_format(b.cx, b.path, &f));
    assert_true(b.cx->diags->errors > 0);
    bench_free(&b);
}

/* ---- the meaning ---- */

/* The codes of its messages and, where it has no mistake, the hash of its graphs. */
static const char *meaning(Arena *a, const char *path)
{
    Cx *cx = cx_new();
    FrontendOptions plain = {.name = "m"};
    Program *p = frontend_load(cx, path, &plain);
    Text t = {.arena = a};
    for (int i = 0; i < cx->diags->list.n; i++) text_add(&t, "%s ", cx->diags->list.at[i]->code);
    if (p) text_add(&t, "%llx", (unsigned long long)program_graph_hash(p));
    cx_free(cx);
    return text_done(&t);
}

/* Without indentation, and with every space and bracket outside of texts and comments set wide. */
static const char *widened(Arena *a, const char *s)
{
    Text t = {.arena = a};
    char quote = 0;
    for (bool first = true; *s; s++) {
        if (*s == '\n') first = true, quote = 0;
        else if (*s != ' ') first = false;
        if (first && *s == ' ') continue;
        text_add_n(&t, s, 1);
        if (quote == '"' && *s == '\\') text_add_n(&t, ++s, 1);
        else if (quote == *s) quote = 0;
        else if (!quote && (*s == '"' || *s == '#')) quote = *s;
        else if (!quote && strchr(" ,()[]", *s)) text_add(&t, "  ");
    }
    return text_done(&t);
}

static void check_file(const char *path, bool *out_changed)
{
    Bench b = bench_new();
    Arena *a = b.cx->arena;
    Formatted f;
    bool good = frontend_format(b.cx, path, &f);
    *out_changed |= good && f.changed;
    if (good && !strstr(f.text, "import \"")) { /* its files stand beside each other */
        assert_true(write_file(b.path, f.text, f.size));
        assert_string_equal(meaning(a, b.path), meaning(a, path));
        assert_string_equal(formatted(&b, f.text), f.text);
        const char *wide = formatted(&b, widened(a, f.text));
        assert_true(write_file(b.path, wide, strlen(wide)));
        assert_string_equal(meaning(a, b.path), meaning(a, path));
        assert_string_equal(formatted(&b, wide), wide);
    }
    bench_free(&b);
}

static void check_files(const char *pattern, bool settled)
{
    glob_t found;
    Arena *a = arena_new();
    assert_int_equal(glob(str_format(a, NNC_ROOT "/%s", pattern), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        bool changed = false;
        check_file(found.gl_pathv[i], &changed);
        if (settled && changed) fail_msg("%s is not in the settled style: nnc fmt", found.gl_pathv[i]);
    }
    globfree(&found);
    arena_free(a);
}

static void test_files(void **state)
{
    (void)state;
    check_files("std/*.nn", true);
    check_files("examples/*/*.nn", true);
    check_files("tests/cases/*/*.nn", false);
    check_files("tests/unit/flat/*.nn", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space), cmocka_unit_test(test_lines), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
