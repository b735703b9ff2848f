/* fuzz.c: files in memory, and texts on their way through the compiler. */
#include "tests/fuzz/fuzz.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *memory_file(const void *data, size_t size)
{
    static char path[64];
    static int file = -1;
    if (file < 0) file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size) fatal("no file in memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

void render_all(Cx *cx)
{
    for (int i = 0; i < cx->diags->list.n; i++) diag_render(cx->arena, cx->diags->list.at[i], true);
}

static void compile_program(Cx *cx, Program *p)
{
    PassOptions o = {.verify = true};
    if (passes_run(p, &o) || cx->diags->errors) return;
    fprintf(stderr, "the passes failed without a message\n");
    abort();
}

/* An error that only a fault of the compiler's own can cause. */
static void check_codes(const Cx *cx)
{
    for (int i = 0; i < cx->diags->list.n; i++) {
        if (!str_starts(cx->diags->list.at[i]->code, "E09")) continue;
        diags_print(cx->diags, stderr, false);
        abort();
    }
}

void compile_text(const char *name, const char *text)
{
    static const FrontendOptions options = {.real = DT_F32};
    Cx *cx = cx_new();
    Program *p = frontend_parse(cx, name, text, &options);
    if (!p && !cx->diags->errors) abort();
    if (p) compile_program(cx, p);
    check_codes(cx);
    render_all(cx);
    cx_free(cx);
}
