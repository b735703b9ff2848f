/* Objects to shared libraries: any file name, whole or untouched, the same bytes each time, nothing undefined. */
#include "lane_bench.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Bench { Cx *cx; Program *p; Bytes object; char folder[32]; } Bench;

static void bench_emit(Bench *b)
{
    CodegenOptions options = {.march = "x86-64", .level = 2, .debug = true};
    Cg cg;
    assert_true(cg_open(&cg, b->p, &options));
    loop_emit(&cg, "bench_exp", OP_EXP, DT_F32, DT_F32, 4);
    loop_emit(&cg, "bench_sin", OP_SIN, DT_F64, DT_F64, 2);
    assert_true(cg_finish(&cg, EMIT_OBJECT, &b->object));
    cg_close(&cg);
}

/* Every test works in a folder of its own: names are relative there. */
static int set_up(void **state)
{
    Cx *cx = cx_new();
    Bench *b = NEW(cx->arena, Bench);
    *b = (Bench){cx, program_new(cx, "bench", "bench.nn"), {0}, "/tmp/link.XXXXXX"};
    bench_emit(b);
    *state = b;
    return mkdtemp(b->folder) && chdir(b->folder) == 0 ? 0 : -1;
}

static int files_here(bool remove_them)
{
    DIR *d = opendir(".");
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (remove_them) unlink(e->d_name);
        n++;
    }
    closedir(d);
    return n;
}

static int tear_down(void **state)
{
    Bench *b = *state;
    files_here(true);
    if (chdir("/") == 0) rmdir(b->folder);
    cx_free(b->cx);
    return 0;
}

static void test_any_name(void **state)
{
    static const char *const names[] = {
        "plain.so", "a b.so", "-o.so", "@list.so", "new\nline.so", "$(id);'\".so", "--help",
    };
    Bench *b = *state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_true(codegen_link(b->p, b->object, SANITIZE_NONE, names[i]));
        void *library = dlopen(str_format(b->cx->arena, "%s/%s", b->folder, names[i]), RTLD_NOW);
        if (!library) fail_msg("%s", dlerror());
        LoopFn *f = (LoopFn *)dlsym(library, "bench_exp");
        float x[4] = {0, 1, -1, 200}, y[4];
        f(x, x, y, 4);
        assert_true(y[0] == 1 && y[1] > 2.718f && y[1] < 2.7183f && y[3] > 3e38f);
        dlclose(library);
    }
    assert_int_equal(files_here(false), COUNT(names));
    assert_int_equal(b->cx->diags->errors, 0);
}

static void test_same_bytes(void **state)
{
    Bench *b = *state;
    char *one, *two;
    size_t n, m;
    assert_true(codegen_link(b->p, b->object, SANITIZE_NONE, "one.so"));
    bench_emit(b);
    assert_true(codegen_link(b->p, b->object, SANITIZE_NONE, "two.so"));
    assert_true(read_file(b->cx->arena, "one.so", SIZE_MAX, &one, &n) && read_file(b->cx->arena, "two.so", SIZE_MAX, &two, &m));
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
}

/* What was not written to the disk never gets the library's name. */
static int syncs, sync_error;
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    syncs++;
    return sync_error ? (errno = sync_error, -1) : __real_fsync(fd);
}

static void test_synced_before_it_is_named(void **state)
{
    Bench *b = *state;
    char *text;
    size_t n;
    syncs = 0;
    assert_true(codegen_link(b->p, b->object, SANITIZE_NONE, "lib.so"));
    assert_true(syncs > 0);
    assert_true(write_file("old.so", "old", 3));
    sync_error = EIO;
    assert_false(codegen_link(b->p, b->object, SANITIZE_NONE, "old.so"));
    sync_error = 0;
    assert_true(read_file(b->cx->arena, "old.so", SIZE_MAX, &text, &n));
    assert_string_equal(text, "old");
    assert_int_equal(files_here(false), 2);
}

static void test_failure_leaves_the_old_file(void **state)
{
    Bench *b = *state;
    char *text;
    size_t n;
    assert_true(write_file("model.so", "old", 3));
    assert_false(codegen_link(b->p, (Bytes){"no object", 9}, SANITIZE_NONE, "model.so"));
    assert_int_equal(b->cx->diags->errors, 1);
    assert_true(read_file(b->cx->arena, "model.so", SIZE_MAX, &text, &n) && n == 3 && memcmp(text, "old", 3) == 0);
    assert_int_equal(files_here(false), 1);
}

static void test_no_folder(void **state)
{
    Bench *b = *state;
    assert_false(codegen_link(b->p, b->object, SANITIZE_NONE, "none/model.so"));
    assert_string_equal(b->cx->diags->list.at[0]->code, "E0902");
    assert_int_equal(files_here(false), 0);
}

static void test_no_linker(void **state)
{
    Bench *b = *state;
    char *path = str_copy(b->cx->arena, getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    bool linked = codegen_link(b->p, b->object, SANITIZE_NONE, "model.so");
    setenv("PATH", path, 1);
    assert_false(linked);
    assert_string_equal(b->cx->diags->list.at[0]->code, "E0903");
    assert_int_equal(files_here(false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_synced_before_it_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_leaves_the_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_linker, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
