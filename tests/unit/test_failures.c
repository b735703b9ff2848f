/* Every allocation and every read of the run-time library fails, once or from then on: a status and a sentence, values as
   they were, and not a byte of memory left behind. The linker hands the library's calls to those here. */
#include "line_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

typedef struct Plan { int calls, fail_at, error; bool reads, all_after, watching; long live; } Plan;
static Plan plan;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void __real_free(void *at);
ssize_t __real_pread(int file, void *into, size_t n, off_t from);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void __wrap_free(void *at);
ssize_t __wrap_pread(int file, void *into, size_t n, off_t from);

static bool fails(bool read)
{
    if (!plan.watching || plan.reads != read) return false;
    int at = plan.calls++;
    errno = read ? plan.error : ENOMEM;
    return plan.all_after ? at >= plan.fail_at : at == plan.fail_at;
}

static void *counted(void *at)
{
    plan.live += plan.watching && at;
    return at;
}

void *__wrap_malloc(size_t n) { return fails(false) ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return fails(false) ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_realloc(void *at, size_t n)
{
    if (fails(false)) return NULL;
    void *moved = __real_realloc(at, n);
    plan.live += plan.watching && moved && !at;
    return moved;
}
void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return fails(false) ? NULL : counted(__real_aligned_alloc(alignment, n));
}
void __wrap_free(void *at)
{
    plan.live -= plan.watching && at;
    __real_free(at);
}

/* The error 0 stands for a read that gives a byte alone. */
ssize_t __wrap_pread(int file, void *into, size_t n, off_t from)
{
    if (!fails(true)) return __real_pread(file, into, n, from);
    return plan.error ? -1 : __real_pread(file, into, n > 1 ? 1 : n, from);
}

/* ---- what is tried ---- */
static char folder[64], weights[96], checkpoint[96], fresh[96];

static int32_t save(nnrt_session *s) { return nnrt_save(s, fresh); }
static int32_t load(nnrt_session *s) { return nnrt_load(s, weights); }
static int32_t match(nnrt_session *s) { return nnrt_load_matching(s, weights, NULL, NULL); }
static int32_t save_checkpoint(nnrt_session *s) { return nnrt_save_checkpoint(s, fresh); }
static int32_t load_checkpoint(nnrt_session *s) { return nnrt_load_checkpoint(s, checkpoint); }
static int32_t fit(nnrt_session *s)
{
    static const float x[24] = {1, 2, 3}, y[8] = {1};
    static const int32_t group[8];
    static const void *const arrays[] = {x, group, y};
    nnrt_source source;
    nnrt_source_init(&source);
    source.rows = 8;
    source.arrays = arrays;
    return nnrt_fit(s, NULL, &source, NULL);
}

typedef struct Operation { const char *name; int32_t (*run)(nnrt_session *s); bool changes; } Operation;
static const Operation operations[] = {
    {"save", save, false}, {"load", load, true}, {"load what matches", match, true}, {"fit", fit, true},
    {"save a checkpoint", save_checkpoint, false}, {"load a checkpoint", load_checkpoint, true},
};

/* Opens, gives values, and tries the operation. False: what was to fail was never reached. */
static bool try_once(const Operation *o)
{
    nnrt_session *s = NULL;
    Values before = {{0}, {0}}, after;
    plan.live = plan.calls = 0;
    plan.watching = true;
    int32_t status = nnrt_session_new(&line_model, NULL, &s);
    if (!status) status = nnrt_init(s, 5);
    if (!status) {
        memcpy(&before, nnrt_params(s), sizeof before);
        status = o->run(s);
        memcpy(&after, nnrt_params(s), sizeof after);
        if (status && o->run != fit) assert_memory_equal(&before, &after, sizeof before);
    }
    if (status && s) assert_true(nnrt_error(s)[0] != 0);
    nnrt_session_free(s);
    plan.watching = false;
    if (plan.live) fail_msg("%s: %ld pieces of memory are left after the failure of call %d", o->name, plan.live, plan.fail_at);
    bool reached = plan.calls > plan.fail_at;
    if (!reached) assert_int_equal(status, NNRT_OK);
    else if (plan.all_after && plan.error != 0) assert_int_not_equal(status, NNRT_OK);
    return reached;
}

static int try_all(bool reads, int error, bool all_after)
{
    int tried = 0;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        for (int at = 0;; at++, tried++) {
            plan = (Plan){.fail_at = at, .error = error, .reads = reads, .all_after = all_after};
            if (!try_once(&operations[i])) break;
        }
    return tried;
}

static void test_allocations(void **state)
{
    (void)state;
    int n = try_all(false, ENOMEM, false);
    int m = try_all(false, ENOMEM, true);
    printf("%d allocations failed alone, %d with all behind them\n", n, m);
    assert_true(n > 60 && m > 60);
}

static void test_reads(void **state)
{
    (void)state;
    int n = try_all(true, EIO, false) + try_all(true, EIO, true) + try_all(true, EINTR, false) +
            try_all(true, 0, false);
    printf("%d reads failed, were interrupted or came short\n", n);
    assert_true(n > 20);
}

static int make_files(void **state)
{
    (void)state;
    nnrt_session *s;
    strcpy(folder, "/tmp/nnrt-failures-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(weights, sizeof weights, "%s/weights", folder);
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
    snprintf(fresh, sizeof fresh, "%s/fresh", folder);
    bool made = !nnrt_session_new(&line_model, NULL, &s) && !nnrt_init(s, 3) && !nnrt_save(s, weights) &&
                !nnrt_save_checkpoint(s, checkpoint);
    nnrt_session_free(s);
    return made ? 0 : -1;
}

/* The folder has no more than these: no save left anything half. */
static int remove_files(void **state)
{
    (void)state;
    unlink(weights);
    unlink(checkpoint);
    unlink(fresh);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations), cmocka_unit_test(test_reads)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
