/* The run-time library on a model written by hand: sessions, buffers, workers, training. */
#include "line_model.h"
#include "runtime/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PREDICT, EVAL, GRAD, UPDATE, STEP, ROWS = 100 };
static const int64_t rows_dims[] = {ROWS, 3}, twice_dims[] = {2 * ROWS};

/* Points that lie on a line of slopes 1, -2, 0.5 and offsets 0, 1, 2, 3. */
typedef struct Points { float x[ROWS * 3], y[ROWS], out[ROWS], twice[2 * ROWS]; int32_t group[ROWS]; } Points;

static void fill_points(Points *p)
{
    uint32_t random = 1;
    for (int i = 0; i < ROWS; i++) {
        float *x = p->x + 3 * i;
        for (int k = 0; k < 3; k++) {
            random = random * 1664525u + 1013904223u;
            x[k] = (float)(random >> 8) / 16777216.0f - 0.5f;
        }
        p->group[i] = i % 4;
        p->y[i] = x[0] - 2 * x[1] + 0.5f * x[2] + (float)p->group[i];
    }
}

static nnrt_session *open_session(const nnrt_options *options)
{
    nnrt_session *s;
    assert_int_equal(nnrt_session_new(&line_model, options, &s), NNRT_OK);
    return s;
}

static void bind_data(nnrt_session *s, int32_t entry, Points *p)
{
    assert_int_equal(nnrt_bind_input(s, entry, "x", NNRT_F32, 2, rows_dims, p->x, sizeof p->x), NNRT_OK);
    assert_int_equal(nnrt_bind_input(s, entry, "group", NNRT_I32, 1, rows_dims, p->group, sizeof p->group), NNRT_OK);
    if (entry == PREDICT) {
        assert_int_equal(nnrt_bind_output(s, entry, "out", NNRT_F32, 1, rows_dims, p->out, sizeof p->out), NNRT_OK);
        assert_int_equal(nnrt_bind_output_at(s, entry, 1, NNRT_F32, 1, twice_dims, p->twice, sizeof p->twice), NNRT_OK);
    } else {
        assert_int_equal(nnrt_bind_input_at(s, entry, 2, NNRT_F32, 1, rows_dims, p->y, sizeof p->y), NNRT_OK);
    }
}

static void assert_refused(nnrt_session *s, int32_t status, int32_t wanted, const char *sentence)
{
    assert_int_equal(status, wanted);
    assert_string_equal(nnrt_error(s), sentence);
}

static void test_lookup(void **state)
{
    char text[64];
    (void)state;
    assert_int_equal(nnrt_find_entry(&line_model, "line", NNRT_STEP), STEP);
    assert_int_equal(nnrt_find_entry(&line_model, NULL, NNRT_GRAD), GRAD);
    assert_int_equal(nnrt_find_entry(&line_model, "curve", NNRT_STEP), -1);
    assert_int_equal(nnrt_find_tensor(&line_model, "line.offset"), 1);
    assert_string_equal(nnrt_view_text(&line_model, &line_inputs[0], text, sizeof text), "f32[N, 3]");
    assert_string_equal(nnrt_view_text(&line_model, &line_inputs[1], text, sizeof text), "i32<4>[N]");
    assert_string_equal(nnrt_view_text(&line_model, &line_inputs[1], text, 5), "i32<");
    assert_string_equal(nnrt_tensor_text(&line_tensors[0], text, sizeof text), "f32[3]");
}

static void test_refused_models(void **state)
{
    nnrt_model other = line_model;
    nnrt_session *s;
    char why[512], newer[32];
    (void)state;
    other.abi = NNRT_ABI + 1;
    snprintf(newer, sizeof newer, "version %u of", other.abi);
    assert_int_equal(nnrt_check(&other, why, sizeof why), NNRT_ERR_ABI);
    assert_non_null(strstr(why, newer));
    other.abi = NNRT_ABI;
    other.size = 8;
    assert_int_equal(nnrt_check(&other, why, sizeof why), NNRT_ERR_ABI);
    other.size = sizeof other;
    other.features = (uint64_t)1 << 40;
    other.level = "x86-64-v9";
    assert_int_equal(nnrt_check(&other, why, sizeof why), NNRT_ERR_CPU);
    assert_non_null(strstr(why, "`line` was compiled for x86-64-v9"));
    assert_int_equal(nnrt_session_new(&other, NULL, &s), NNRT_ERR_CPU);
    assert_string_equal(nnrt_error(s), why);
    assert_int_equal(nnrt_init(s, 1), NNRT_ERR_STATE);
    assert_int_equal(nnrt_run(s, 0), NNRT_ERR_STATE);
    nnrt_session_free(s);
    assert_int_equal(nnrt_check(NULL, NULL, 0), NNRT_ERR_NULL);
    assert_int_equal(nnrt_check(&line_model, why, sizeof why), NNRT_OK);
}

static void test_refused_files(void **state)
{
    nnrt_library *l;
    (void)state;
    assert_int_equal(nnrt_open("/nowhere/libline.so", &l), NNRT_ERR_FILE);
    assert_string_equal(nnrt_error(l), "/nowhere/libline.so: cannot read: No such file or directory");
    nnrt_close(l);
    assert_int_equal(nnrt_open(NNC_ROOT "/runtime/nnrt.h", &l), NNRT_ERR_FILE);
    assert_null(nnrt_library_model(l));
    nnrt_close(l);
    assert_int_equal(nnrt_open(NULL, &l), NNRT_ERR_NULL);
    nnrt_close(l);
}

static void test_binding(void **state)
{
    static Points p;
    static const int64_t wrong[] = {ROWS, 4}, fewer[] = {ROWS - 1}, none[] = {0, 3}, huge[] = {INT64_MAX / 4, 3};
    nnrt_session *s = open_session(NULL);
    (void)state;
    assert_refused(s, nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, rows_dims, p.x, sizeof p.x - 1), NNRT_ERR_SHAPE,
                   "`x` of `line` (line.nn:2): f32[100, 3] takes 1200 bytes, and the buffer has 1199");
    assert_refused(s, nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, wrong, p.x, sizeof p.x), NNRT_ERR_SHAPE,
                   "`x` of `line` (line.nn:2) is f32[N, 3], and is given f32[100, 4]");
    assert_refused(s, nnrt_bind_input(s, PREDICT, "x", NNRT_F64, 2, rows_dims, p.x, sizeof p.x), NNRT_ERR_SHAPE,
                   "`x` of `line` (line.nn:2) is f32[N, 3], and is given f64[100, 3]");
    assert_refused(s, nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 1, rows_dims, p.x, sizeof p.x), NNRT_ERR_SHAPE,
                   "`x` of `line` (line.nn:2) is f32[N, 3], and is given f32[100]");
    assert_int_equal(nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, none, p.x, sizeof p.x), NNRT_ERR_SHAPE);
    assert_int_equal(nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, huge, p.x, sizeof p.x), NNRT_ERR_SIZE);
    assert_int_equal(nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, rows_dims, NULL, sizeof p.x), NNRT_ERR_NULL);
    assert_int_equal(nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, NULL, p.x, sizeof p.x), NNRT_ERR_NULL);
    assert_int_equal(nnrt_bind_input(s, PREDICT, "x", NNRT_F32, 2, rows_dims, (char *)p.x + 1, sizeof p.x),
                     NNRT_ERR_ARGUMENT);
    assert_refused(s, nnrt_bind_input(s, PREDICT, "z", NNRT_F32, 1, rows_dims, p.x, sizeof p.x), NNRT_ERR_ARGUMENT,
                   "`line` has no such input `z`; it has `x`, `group`");
    assert_int_equal(nnrt_bind_output_at(s, PREDICT, 2, NNRT_F32, 1, rows_dims, p.out, sizeof p.out),
                     NNRT_ERR_ARGUMENT);
    assert_int_equal(nnrt_bind_input(s, 17, "x", NNRT_F32, 2, rows_dims, p.x, sizeof p.x), NNRT_ERR_ARGUMENT);
    assert_int_equal(nnrt_bind_input(NULL, PREDICT, "x", NNRT_F32, 2, rows_dims, p.x, sizeof p.x), NNRT_ERR_NULL);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_ERR_STATE); /* no values */
    assert_int_equal(nnrt_init(s, 1), NNRT_OK);
    assert_refused(s, nnrt_run(s, PREDICT), NNRT_ERR_STATE,
                   "`x` of `line` (line.nn:2) has no buffer yet: bind it before running");
    bind_data(s, PREDICT, &p);
    assert_int_equal(nnrt_bind_input(s, PREDICT, "group", NNRT_I32, 1, fewer, p.group, sizeof p.group), NNRT_OK);
    assert_refused(s, nnrt_run(s, PREDICT), NNRT_ERR_SHAPE,
                   "`group` of `line` (line.nn:2) gives N = 99, but another buffer of `line` gives 100");
    bind_data(s, PREDICT, &p);
    assert_int_equal(nnrt_bind_output(s, PREDICT, "twice", NNRT_F32, 1, rows_dims, p.twice, sizeof p.twice), NNRT_OK);
    assert_refused(s, nnrt_run(s, PREDICT), NNRT_ERR_SHAPE,
                   "`twice` of `line` (line.nn:2): axis 1 must have size 200, and has 100");
    bind_data(s, PREDICT, &p);
    assert_int_equal(nnrt_bind_output(s, PREDICT, "out", NNRT_F32, 1, rows_dims, p.x + 1, sizeof p.out), NNRT_OK);
    assert_refused(s, nnrt_run(s, PREDICT), NNRT_ERR_ARGUMENT,
                   "the buffer of `out` of `line` (line.nn:2) overlaps that of `x`");
    bind_data(s, PREDICT, &p);
    void *params = nnrt_params(s);
    assert_int_equal(nnrt_bind_output(s, PREDICT, "out", NNRT_F32, 1, rows_dims, params, sizeof p.out), NNRT_OK);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_ERR_ARGUMENT);
    bind_data(s, PREDICT, &p);
    p.group[7] = 4;
    assert_refused(s, nnrt_run(s, PREDICT), NNRT_ERR_INDEX,
                   "`group` of `line` (line.nn:2) holds 4 at element 7; its values lie in 0..3");
    p.group[7] = 3;
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    nnrt_session_free(s);
}

/* Buffers that end where memory ends: a byte too far would end the test. */
static void test_guarded(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    static Points p;
    nnrt_session *s = open_session(NULL);
    (void)state;
    fill_points(&p);
    assert_int_equal(nnrt_init(s, 0), NNRT_OK);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED && !mprotect(memory + page, page, PROT_NONE));
    bind_data(s, PREDICT, &p);
    void *edge = memory + page - sizeof p.twice;
    assert_int_equal(nnrt_bind_output(s, PREDICT, "twice", NNRT_F32, 1, twice_dims, edge, sizeof p.twice), NNRT_OK);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    assert_memory_equal((char *)edge + 4, p.out, 4);
    munmap(memory, 2 * page);
    nnrt_session_free(s);
}

/* ---- workers ---- */
static void run_team(void *user, uint32_t workers, void (*work)(void *, uint32_t), void *context);
static void run_for(void *user, uint32_t workers, void (*work)(void *, uint32_t), void *context)
{
    ++*(int *)user;
    for (uint32_t w = workers; w-- > 0;) work(context, w);
}
typedef struct Member { void (*work)(void *, uint32_t); void *context; uint32_t worker; pthread_t thread; } Member;
static void *member_main(void *argument)
{
    Member *m = argument;
    m->work(m->context, m->worker);
    return NULL;
}
static void run_team(void *user, uint32_t workers, void (*work)(void *, uint32_t), void *context)
{
    Member member[16];
    ++*(int *)user;
    for (uint32_t w = 0; w < workers; w++) {
        member[w] = (Member){work, context, w, 0};
        assert_int_equal(pthread_create(&member[w].thread, NULL, member_main, &member[w]), 0);
    }
    for (uint32_t w = 0; w < workers; w++) pthread_join(member[w].thread, NULL);
}
static void count_phases(void *user, const nnrt_entry *entry, uint32_t phase, double seconds)
{
    *(int *)user += 100;
    assert_true(phase < entry->nphases && seconds >= 0);
}

/* Trains a few steps and returns the parameters. */
static Values train_with(nnrt_options *options, uint32_t wanted_workers)
{
    static Points p;
    fill_points(&p);
    nnrt_session *s = open_session(options);
    assert_int_equal(nnrt_init(s, 3), NNRT_OK);
    bind_data(s, STEP, &p);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(nnrt_run(s, STEP), NNRT_OK);
        assert_int_equal(nnrt_workers_ran(s), wanted_workers);
    }
    assert_int_equal(nnrt_clock(s)->step, 51);
    Values v = {0};
    assert_int_equal(nnrt_read(s, "line.slope", v.slope, sizeof v.slope), NNRT_OK);
    assert_int_equal(nnrt_read(s, "line.offset", v.offset, sizeof v.offset), NNRT_OK);
    nnrt_session_free(s);
    return v;
}

static void test_workers(void **state)
{
    nnrt_options o;
    int calls = 0;
    (void)state;
    nnrt_options_init(&o);
    o.workers = 8;
    Values alone = train_with(&o, 1); /* far below the default threshold */
    o.parallel_flops = 0;
    for (o.workers = 1; o.workers <= 8; o.workers++) {
        Values v = train_with(&o, o.workers);
        assert_memory_equal(&v, &alone, sizeof v);
    }
    o.workers = 3;
    o.user = &calls;
    o.parallel_for = run_for;
    Values by_phase = train_with(&o, 3);
    assert_memory_equal(&by_phase, &alone, sizeof alone);
    assert_int_equal(calls, 150);
    o.team = run_team;
    o.trace = count_phases;
    Values by_team = train_with(&o, 3);
    assert_memory_equal(&by_team, &alone, sizeof alone);
    assert_int_equal(calls, 150 + 50 + 150 * 100);
}

static void test_fork(void **state)
{
    static Points p;
    nnrt_options o;
    int status;
    (void)state;
    fill_points(&p);
    nnrt_options_init(&o);
    o.workers = 3;
    o.parallel_flops = 0;
    nnrt_session *s = open_session(&o);
    assert_int_equal(nnrt_init(s, 3), NNRT_OK);
    bind_data(s, PREDICT, &p);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        bool good = nnrt_run(s, PREDICT) == NNRT_OK && nnrt_workers_ran(s) == 3;
        nnrt_session_free(s);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    nnrt_session_free(s);
}

/* ---- gradients, settings, clock ---- */
static void test_order_of_calls(void **state)
{
    static Points p;
    float grad[3], twice[3];
    double rate;
    nnrt_session *s = open_session(NULL);
    (void)state;
    fill_points(&p);
    assert_int_equal(nnrt_init(s, 1), NNRT_OK);
    assert_int_equal(nnrt_run(s, UPDATE), NNRT_ERR_STATE);
    assert_int_equal(nnrt_read_grad(s, "line.slope", grad, sizeof grad), NNRT_ERR_STATE);
    bind_data(s, GRAD, &p);
    assert_int_equal(nnrt_run(s, GRAD), NNRT_OK);
    assert_int_equal(nnrt_read_grad(s, "line.slope", grad, sizeof grad), NNRT_OK);
    assert_int_equal(nnrt_run(s, GRAD), NNRT_OK); /* adds up */
    assert_int_equal(nnrt_read_grad(s, "line.slope", twice, sizeof twice), NNRT_OK);
    assert_true(twice[1] == 2 * grad[1] && grad[1] != 0);
    assert_int_equal(nnrt_zero_grad(s), NNRT_OK);
    assert_int_equal(nnrt_run(s, UPDATE), NNRT_ERR_STATE);
    p.y[0] = NAN;
    assert_int_equal(nnrt_run(s, GRAD), NNRT_ERR_NONFINITE);
    assert_string_equal(nnrt_error(s), "the gradient of `line.slope` (line.nn:4) is infinite or not a number");
    Values before = *(Values *)nnrt_params(s);
    assert_int_equal(nnrt_run(s, UPDATE), NNRT_ERR_STATE);
    bind_data(s, STEP, &p);
    assert_int_equal(nnrt_run(s, STEP), NNRT_ERR_NONFINITE);
    assert_memory_equal(&before, nnrt_params(s), sizeof before);
    assert_int_equal(nnrt_clock(s)->step, 1);
    p.y[0] = 0;
    nnrt_zero_grad(s);
    assert_int_equal(nnrt_run(s, GRAD), NNRT_OK);
    assert_int_equal(nnrt_run(s, UPDATE), NNRT_OK);
    assert_int_equal(nnrt_clock(s)->step, 2);
    assert_int_equal(nnrt_set_hyper(s, "rate", 0), NNRT_OK);
    assert_int_equal(nnrt_get_hyper(s, "rate", &rate), NNRT_OK);
    assert_true(rate == 0);
    assert_int_equal(nnrt_set_hyper(s, "speed", 0), NNRT_ERR_ARGUMENT);
    before = *(Values *)nnrt_params(s);
    assert_int_equal(nnrt_run(s, STEP), NNRT_OK);
    assert_memory_equal(&before, nnrt_params(s), sizeof before);
    assert_int_equal(nnrt_read(s, "line.slope", grad, 11), NNRT_ERR_SHAPE);
    assert_string_equal(nnrt_error(s), "`line.slope` is f32[3] (line.nn:4) and has 12 bytes; the buffer has 11");
    assert_int_equal(nnrt_read(s, "line.tilt", grad, 12), NNRT_ERR_ARGUMENT);
    assert_int_equal(nnrt_read(s, "opt/v/line.slope", grad, 12), NNRT_OK);
    assert_int_equal(nnrt_read_grad(s, "opt/v/line.slope", grad, 12), NNRT_ERR_ARGUMENT);
    nnrt_session_free(s);
}

static void test_swap(void **state)
{
    static Points p;
    static Values mine = {{1, 1, 1}, {5, 5, 5, 5}};
    nnrt_session *s = open_session(NULL);
    (void)state;
    fill_points(&p);
    bind_data(s, PREDICT, &p);
    assert_int_equal(nnrt_use_params(s, (char *)&mine + 4), NNRT_ERR_ARGUMENT);
    assert_int_equal(nnrt_use_params(s, &mine), NNRT_OK);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    float first = p.out[0];
    assert_int_equal(nnrt_use_params(s, NULL), NNRT_OK);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_ERR_STATE);
    assert_int_equal(nnrt_init(s, 2), NNRT_OK);
    assert_int_equal(nnrt_run(s, PREDICT), NNRT_OK);
    assert_true(p.out[0] != first && p.twice[1] == p.out[0]);
    nnrt_session_free(s);
}

/* ---- the host's memory: every allocation failing in turn ---- */
typedef struct Budget { int left, out; } Budget;
static void *budget_alloc(void *user, size_t bytes)
{
    Budget *b = user;
    if (b->left-- <= 0) return NULL;
    b->out++;
    return aligned_alloc(64, bytes);
}
static void budget_release(void *user, void *memory, size_t bytes)
{
    ((Budget *)user)->out--;
    free(memory);
    assert_true(bytes % 64 == 0);
}

static int32_t whole_life(Budget *b, Points *p)
{
    nnrt_options o;
    nnrt_session *s;
    nnrt_options_init(&o);
    o.user = b, o.alloc = budget_alloc, o.release = budget_release;
    const void *arrays[] = {p->x, p->group, p->y};
    nnrt_source source;
    nnrt_source_init(&source);
    source.rows = ROWS, source.arrays = arrays;
    nnrt_fit_options f;
    nnrt_fit_options_init(&f);
    f.test = &source;
    int32_t status = nnrt_session_new(&line_model, &o, &s);
    if (!status && !(status = nnrt_init(s, 0))) status = nnrt_fit(s, "line", &source, &f);
    nnrt_session_free(s);
    return status;
}

static void test_memory(void **state)
{
    static Points p;
    int32_t status = NNRT_ERR_MEMORY;
    (void)state;
    fill_points(&p);
    for (int n = 0; status; n++) {
        Budget b = {n, 0};
        status = whole_life(&b, &p);
        assert_true(status == NNRT_OK || status == NNRT_ERR_MEMORY);
        assert_int_equal(b.out, 0);
        assert_true(n < 200);
    }
}

/* ---- fit ---- */
typedef struct Log { int batches, epochs, stop_after; double loss, off, test; nnrt_progress last; } Log;
static int on_batch(void *user, const nnrt_progress *p)
{
    Log *log = user;
    log->last = *p;
    return ++log->batches == log->stop_after;
}
static int on_epoch(void *user, const nnrt_progress *p)
{
    Log *log = user;
    log->epochs++;
    log->loss = nnrt_loss_of(p->totals);
    log->off = nnrt_metric_of(&p->entry->metrics[0], p->totals);
    log->test = p->test ? nnrt_loss_of(p->test) : -1;
    return 0;
}

static int32_t fetch_rows(void *user, const int64_t *rows, int64_t n, void *const *into)
{
    const Points *p = user;
    for (int64_t i = 0; i < n; i++) {
        memcpy((float *)into[0] + 3 * i, p->x + 3 * rows[i], 12);
        ((int32_t *)into[1])[i] = p->group[rows[i]];
        ((float *)into[2])[i] = p->y[rows[i]];
    }
    return NNRT_OK;
}

static void test_fit(void **state)
{
    static Points p;
    int64_t chosen[80], held[20];
    const void *arrays[] = {p.x, p.group, p.y};
    nnrt_source train, test;
    nnrt_fit_options o;
    Log log = {0};
    (void)state;
    fill_points(&p);
    for (int i = 0; i < ROWS; i++) *(i < 80 ? &chosen[i] : &held[i - 80]) = i;
    nnrt_source_init(&train);
    train.rows = ROWS, train.arrays = arrays, train.chosen = chosen, train.nchosen = 80;
    test = train;
    test.chosen = held, test.nchosen = 20;
    nnrt_fit_options_init(&o);
    o.epochs = 3, o.batch = 32, o.test = &test, o.user = &log, o.on_batch = on_batch, o.on_epoch = on_epoch;
    nnrt_session *s = open_session(NULL);
    assert_int_equal(nnrt_fit(s, NULL, &train, &o), NNRT_ERR_STATE);
    assert_int_equal(nnrt_init(s, 0), NNRT_OK);
    assert_int_equal(nnrt_fit(s, "line", &train, &o), NNRT_OK);
    assert_int_equal(log.batches, 9); /* 32 + 32 + 16, three times */
    assert_int_equal(log.epochs, 3);
    assert_true(log.last.rows == 80 && log.last.dropped == 0 && log.last.epoch == 3 && log.last.step == 9);
    assert_true(log.test > 0);
    o.epochs = 0; /* until the model's own stop */
    assert_int_equal(nnrt_fit(s, "line", &train, &o), NNRT_OK);
    assert_true(log.last.stopped && log.last.epoch > 4);
    assert_true(log.off < 1e-4 && log.test < 1e-6);
    float slope[3];
    assert_int_equal(nnrt_read(s, "line.slope", slope, sizeof slope), NNRT_OK);
    assert_true(fabsf(slope[0] - 1) < 1e-3f && fabsf(slope[1] + 2) < 1e-3f && fabsf(slope[2] - 0.5f) < 1e-3f);
    double totals[8];
    nnrt_step clock = *nnrt_clock(s);
    clock.first_sample = 5, clock.weight = 0.5;
    assert_int_equal(nnrt_set_clock(s, &clock), NNRT_OK);
    assert_int_equal(nnrt_evaluate(s, NULL, &train, 16, totals), NNRT_OK);
    assert_true(totals[0] == 80 && nnrt_clock(s)->first_sample == 5 && nnrt_clock(s)->weight == 0.5);
    nnrt_session_free(s);
}

/* Arrays or fetched rows, on one worker or three: the same bits. A callback ends it in the middle. */
static void test_fit_ways(void **state)
{
    static Points p;
    const void *arrays[] = {p.x, p.group, p.y};
    nnrt_options many;
    Values first = {0}, v = {0};
    (void)state;
    fill_points(&p);
    nnrt_options_init(&many);
    many.workers = 3, many.parallel_flops = 0;
    for (int way = 0; way < 2; way++) {
        Log log = {.stop_after = 5};
        nnrt_source source;
        nnrt_fit_options o;
        nnrt_source_init(&source);
        nnrt_fit_options_init(&o);
        source.rows = ROWS, source.user = &p;
        if (way == 0)
            source.arrays = arrays;
        else
            source.fetch = fetch_rows;
        o.seed = 9, o.user = &log, o.on_batch = on_batch;
        nnrt_session *s = open_session(way ? &many : NULL);
        assert_int_equal(nnrt_init(s, 9), NNRT_OK);
        assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_OK);
        assert_int_equal(log.batches, 5);
        assert_int_equal(log.last.batches, 7); /* of 16, as the file says */
        assert_int_equal(nnrt_read(s, "line.slope", v.slope, sizeof v.slope), NNRT_OK);
        if (way == 0) first = v;
        nnrt_session_free(s);
    }
    assert_memory_equal(&first, &v, sizeof v);
}

/* Of chosen rows each is fetched once an epoch and no other ever, whether they are shuffled or not. */
typedef struct Counted { Points points; int fetched[ROWS]; } Counted;
static int32_t count_rows(void *user, const int64_t *rows, int64_t n, void *const *into)
{
    Counted *c = user;
    for (int64_t i = 0; i < n; i++) c->fetched[rows[i]]++;
    return fetch_rows(&c->points, rows, n, into);
}

static void test_fit_chosen(void **state)
{
    enum { CHOSEN = 33, EPOCHS = 4 };
    int64_t chosen[CHOSEN];
    (void)state;
    for (int i = 0; i < CHOSEN; i++) chosen[i] = ROWS - 1 - 3 * i;
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        static Counted c;
        nnrt_source source;
        nnrt_fit_options o;
        c = (Counted){0};
        fill_points(&c.points);
        nnrt_source_init(&source);
        nnrt_fit_options_init(&o);
        source.rows = ROWS, source.user = &c, source.fetch = count_rows, source.chosen = chosen, source.nchosen = CHOSEN;
        o.shuffle = shuffle, o.epochs = EPOCHS;
        nnrt_session *s = open_session(NULL);
        assert_int_equal(nnrt_init(s, 1), NNRT_OK);
        assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_OK);
        for (int i = 0; i < ROWS; i++)
            assert_int_equal(c.fetched[i], (ROWS - 1 - i) % 3 ? 0 : i > ROWS - 1 - 3 * CHOSEN ? EPOCHS : 0);
        nnrt_session_free(s);
    }
}

static void test_fit_refused(void **state)
{
    static Points p;
    const void *arrays[] = {p.x, NULL, p.y};
    int64_t beyond[] = {0, ROWS};
    nnrt_source source;
    nnrt_fit_options o;
    nnrt_session *s = open_session(NULL);
    (void)state;
    nnrt_source_init(&source);
    nnrt_fit_options_init(&o);
    source.rows = ROWS;
    assert_int_equal(nnrt_init(s, 0), NNRT_OK);
    assert_int_equal(nnrt_fit(s, NULL, NULL, &o), NNRT_ERR_NULL);
    assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_ERR_ARGUMENT);
    source.arrays = arrays;
    assert_refused(s, nnrt_fit(s, NULL, &source, &o), NNRT_ERR_NULL,
                   "the samples for `line` lack the array of `group` (line.nn:2)");
    arrays[1] = p.group;
    source.chosen = beyond, source.nchosen = 2;
    assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_ERR_ARGUMENT);
    source.chosen = NULL;
    assert_int_equal(nnrt_fit(s, "curve", &source, &o), NNRT_ERR_ARGUMENT);
    o.batch = -1;
    assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_ERR_SIZE);
    o.batch = 0;
    fill_points(&p);
    p.y[50] = INFINITY;
    o.shuffle = 0;
    assert_refused(s, nnrt_fit(s, NULL, &source, &o), NNRT_ERR_NONFINITE,
                   "the loss of `line` is infinite or not a number in epoch 1, step 4; the parameters are as they were "
                   "before");
    nnrt_session_free(s);
}

static void test_shuffle(void **state)
{
    enum { N = 1000 };
    static int64_t a[N], b[N];
    static bool seen[N];
    int same = 0;
    (void)state;
    nnrt_shuffle(7, 1, a, N);
    nnrt_shuffle(7, 2, b, N);
    for (int i = 0; i < N; i++) {
        assert_false(seen[a[i]]);
        seen[a[i]] = true;
        same += a[i] == b[i];
    }
    assert_true(same < 20);
    nnrt_shuffle(7, 2, a, N);
    assert_memory_equal(a, b, sizeof a);
}

/* ---- a machine of many processors ---- */
static int processors; /* 0: those of this machine */
int __real_sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set);

/* As the system does it: a set that has no place for all is refused. */
int __wrap_sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set)
{
    if (!processors) return __real_sched_getaffinity(process, bytes, set);
    if (bytes * 8 < (size_t)processors) return errno = EINVAL, -1;
    CPU_ZERO_S(bytes, set);
    for (int i = 0; i < processors; i++) CPU_SET_S((size_t)i, bytes, set);
    return 0;
}

static void test_processors(void **state)
{
    static const int counts[] = {1, 2, 1024, 1025, 5000};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        processors = counts[i];
        assert_int_equal(nnrt__cpu_count(), counts[i]);
    }
    processors = 0;
    assert_in_range(nnrt__cpu_count(), 1, 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),        cmocka_unit_test(test_refused_models),
        cmocka_unit_test(test_refused_files), cmocka_unit_test(test_binding),
        cmocka_unit_test(test_guarded),       cmocka_unit_test(test_workers),
        cmocka_unit_test(test_fork),          cmocka_unit_test(test_order_of_calls),
        cmocka_unit_test(test_swap),          cmocka_unit_test(test_memory),
        cmocka_unit_test(test_fit),           cmocka_unit_test(test_fit_ways),
        cmocka_unit_test(test_fit_refused),   cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_fit_chosen),    cmocka_unit_test(test_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
