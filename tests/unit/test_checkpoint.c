/* Checkpoints: a training that was stopped anywhere goes on with the bits of one that was not; every damage is refused
   before anything changes; whatever stops a save leaves the old file or the new one. */
#include "line_model.h"
#include "runtime/session.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 100, EPOCHS = 3, BATCHES = 7 /* of 16, the last one of 4 */, MAX_FILE = 8192 };
static char folder[64], path[96];
static float x[ROWS * 3], y[ROWS];
static int32_t group[ROWS];

static void fill_points(bool integers)
{
    uint32_t random = 1;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < 3; k++) {
            random = random * 1664525u + 1013904223u;
            x[3 * i + k] = integers ? (float)(random >> 30) - 1 : (float)(random >> 8) / 16777216.0f - 0.5f;
        }
        group[i] = i % 4;
        y[i] = x[3 * i] - 2 * x[3 * i + 1] + (float)group[i];
    }
}

static nnrt_source points(void)
{
    static const void *const arrays[] = {x, group, y};
    nnrt_source s;
    nnrt_source_init(&s);
    s.rows = ROWS;
    s.arrays = arrays;
    return s;
}

static nnrt_session *open_session(const nnrt_model *m, uint32_t workers)
{
    nnrt_session *s;
    nnrt_options o;
    nnrt_options_init(&o);
    o.workers = workers;
    o.parallel_flops = 0;
    assert_int_equal(nnrt_session_new(m, &o, &s), NNRT_OK);
    return s;
}

/* All that a checkpoint restores. */
typedef struct State { Values params, opt; nnrt_step clock; nnrt_cursor cursor; double totals[5], rate; } State;

static State state_of(nnrt_session *s)
{
    State at = {0};
    assert_int_equal(nnrt_read(s, "line.slope", at.params.slope, 12), NNRT_OK);
    assert_int_equal(nnrt_read(s, "line.offset", at.params.offset, 16), NNRT_OK);
    assert_int_equal(nnrt_read(s, "opt/v/line.slope", at.opt.slope, 12), NNRT_OK);
    assert_int_equal(nnrt_read(s, "opt/v/line.offset", at.opt.offset, 16), NNRT_OK);
    assert_int_equal(nnrt_get_hyper(s, "rate", &at.rate), NNRT_OK);
    at.clock = *nnrt_clock(s);
    at.clock.first_sample = 0;
    at.cursor = *nnrt_cursor_of(s);
    memcpy(at.totals, s->epoch_totals, sizeof at.totals);
    return at;
}

static void assert_same(const State *a, const State *b) { assert_memory_equal(a, b, sizeof *a); }

static int stop_after(void *user, const nnrt_progress *p)
{
    (void)p;
    return --*(int *)user == 0;
}

/* An epoch ends at its last step, even where that was done before the training stopped. */
static int at_last_step(void *user, const nnrt_progress *p)
{
    (void)user;
    assert_int_equal(p->step, p->epoch * BATCHES);
    return 0;
}

/* Trains to the end of `epochs`, or ends after so many batches. */
static int32_t train(nnrt_session *s, int64_t epochs, int batches)
{
    nnrt_source source = points();
    nnrt_fit_options o;
    nnrt_fit_options_init(&o);
    o.epochs = epochs - (int64_t)nnrt_clock(s)->epoch + 1;
    o.seed = 3;
    o.test = &source;
    o.user = &batches;
    o.on_batch = stop_after;
    o.on_epoch = at_last_step;
    return nnrt_fit(s, NULL, &source, &o);
}

static nnrt_session *trained(int batches)
{
    nnrt_session *s = open_session(&line_model, 1);
    assert_int_equal(nnrt_init(s, 3), NNRT_OK);
    if (batches > 0) assert_int_equal(train(s, EPOCHS, batches), NNRT_OK);
    return s;
}

/* ---- going on ---- */
static void test_every_step(void **state)
{
    (void)state;
    nnrt_session *whole = trained(1000);
    State wanted = state_of(whole);
    assert_int_equal(wanted.clock.step, 1 + EPOCHS * BATCHES);
    assert_int_equal(wanted.clock.epoch, 1 + EPOCHS);
    for (int stop = 0; stop <= EPOCHS * BATCHES; stop++) {
        nnrt_session *s = trained(stop);
        State was = state_of(s);
        assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
        nnrt_session_free(s);
        s = open_session(&line_model, 1 + (uint32_t)stop % 3);
        assert_int_equal(nnrt_load_checkpoint(s, path), NNRT_OK);
        State now = state_of(s);
        assert_same(&now, &was);
        assert_int_equal(train(s, EPOCHS, 1000), NNRT_OK);
        now = state_of(s);
        assert_same(&now, &wanted);
        nnrt_session_free(s);
    }
    nnrt_session_free(whole);
}

static void test_settings_and_weights(void **state)
{
    (void)state;
    double rate;
    nnrt_session *s = trained(4);
    assert_int_equal(nnrt_set_hyper(s, "rate", 0.1), NNRT_OK);
    assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
    State was = state_of(s);
    assert_int_equal(was.cursor.position, 64);
    nnrt_session *other = open_session(&line_model, 1);
    assert_int_equal(nnrt_load_checkpoint(other, path), NNRT_OK);
    assert_int_equal(nnrt_get_hyper(other, "rate", &rate), NNRT_OK);
    assert_true(rate == 0.1);
    nnrt_session_free(other);
    other = open_session(&line_model, 1);
    assert_int_equal(nnrt_load(other, path), NNRT_OK); /* its parameters alone */
    State now = state_of(other);
    assert_memory_equal(&now.params, &was.params, sizeof now.params);
    assert_int_equal(now.clock.step, 1);
    nnrt_session_free(other);
    nnrt_session_free(s);
}

/* ---- refusals ---- */
static void assert_refused(const nnrt_model *m, int32_t status, const char *part)
{
    nnrt_session *s = open_session(m, 1);
    assert_int_equal(nnrt_init(s, 8), NNRT_OK);
    State before = state_of(s);
    assert_int_equal(nnrt_load_checkpoint(s, path), status);
    if (!strstr(nnrt_error(s), part)) fail_msg("`%s` does not say `%s`", nnrt_error(s), part);
    State after = state_of(s);
    assert_same(&before, &after);
    nnrt_session_free(s);
}

static size_t read_back(char *into)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(into, 1, MAX_FILE, f);
    fclose(f);
    assert_true(n < MAX_FILE);
    return n;
}

static void put(const char *from, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(from, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The file with one text in its header changed for another of equal length. */
static void put_changed(const char *file, size_t n, const char *from, const char *to)
{
    static char changed[MAX_FILE];
    memcpy(changed, file, n);
    char *at = memmem(changed, n, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    put(changed, n);
}

static void test_refusals(void **state)
{
    char file[MAX_FILE];
    (void)state;
    nnrt_session *s = trained(4);
    assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
    size_t n = read_back(file);
    nnrt_model other = line_model;
    other.opt_hash = 1;
    assert_refused(&other, NNRT_ERR_SHAPE, "it was saved by another optimizer than that of `line.nn`");
    other = line_model;
    nnrt_tensor tensors[4];
    memcpy(tensors, line_tensors, sizeof tensors);
    tensors[1].dtype = NNRT_I32;
    other.tensors = tensors;
    other.weights_hash = 2;
    assert_refused(&other, NNRT_ERR_SHAPE, "`line.offset` is i32[4] (line.nn:5), and the file has f32[4]; it was "
                                           "written by a model with other parameters");
    other = line_model;
    nnrt_train another = line_trains[0];
    another.name = "curve";
    other.trains = &another;
    assert_refused(&other, NNRT_ERR_SHAPE, "it comes from the train block `line`, which `line.nn` has not");
    put_changed(file, n, "nnc-checkpoint-1", "nnc-checkpoint-2");
    assert_refused(&line_model, NNRT_ERR_FILE, "it was written by a newer version: its format is 2, and this version "
                                               "reads formats up to 1");
    put_changed(file, n, "\"step\":\"5\"", "\"step\":\"6\"");
    assert_refused(&line_model, NNRT_ERR_FILE, "its metadata is damaged: its checksum is");
    put(file, n - 1);
    assert_refused(&line_model, NNRT_ERR_FILE, "bytes of data, and it has");
    file[n - 1] ^= 64;
    put(file, n);
    assert_refused(&line_model, NNRT_ERR_FILE, "is damaged: its checksum is");
    assert_int_equal(nnrt_save(s, path), NNRT_OK);
    assert_refused(&line_model, NNRT_ERR_FILE, "it is no checkpoint");
    unlink(path);
    assert_refused(&line_model, NNRT_ERR_FILE, "cannot read: No such file or directory");
    nnrt_session_free(s);
}

static void test_changed_model(void **state)
{
    (void)state;
    nnrt_session *s = trained(4), *t;
    nnrt_model other = line_model;
    assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
    other.graph_hash = 3;
    t = open_session(&other, 1);
    assert_int_equal(nnrt_load_checkpoint(t, path), NNRT_OK);
    assert_int_equal(nnrt_cursor_of(t)->changed, 1);
    nnrt_source fewer = points();
    fewer.rows = 90;
    assert_int_equal(nnrt_fit(t, NULL, &fewer, NULL), NNRT_ERR_SIZE);
    assert_string_equal(nnrt_error(t), "the training stands at sample 64 of an epoch of 100, and the samples for "
                                       "`line` are 90");
    nnrt_session_free(t);
    nnrt_session_free(s);
}

/* Every file that is shorter, and every file with one bit changed: refused, or of the same meaning. */
static void test_every_damage(void **state)
{
    char file[MAX_FILE];
    int refused = 0, harmless = 0;
    (void)state;
    nnrt_session *s = trained(10), *t = open_session(&line_model, 1);
    assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
    State was = state_of(s);
    size_t n = read_back(file);
    assert_int_equal(nnrt_init(t, 8), NNRT_OK);
    State first = state_of(t);
    for (size_t length = 0; length < n; length++) {
        put(file, length);
        assert_int_not_equal(nnrt_load_checkpoint(t, path), NNRT_OK);
        State now = state_of(t);
        assert_same(&now, &first);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        file[bit / 8] ^= (char)(1 << bit % 8);
        put(file, n);
        file[bit / 8] ^= (char)(1 << bit % 8);
        int32_t status = nnrt_load_checkpoint(t, path);
        State now = state_of(t);
        assert_same(&now, status ? &first : &was);
        ++*(status ? &refused : &harmless);
        if (status) continue;
        nnrt_session_free(t);
        t = open_session(&line_model, 1);
        assert_int_equal(nnrt_init(t, 8), NNRT_OK);
    }
    printf("%zu bytes: %d flips refused, %d harmless\n", n, refused, harmless);
    nnrt_session_free(t);
    nnrt_session_free(s);
}

/* ---- saves that are stopped ---- */
enum { CREATE, WRITE, CHMOD, SYNC, CLOSE, RENAME, SYNC_FOLDER, REMOVE, MAX_CALLS = 200 };

/* The system's calls, counted, with one of them failing, or none from there on happening. */
typedef struct Faulty {
    int calls, fail_at, error;
    bool all_after;   /* as after a kill */
    size_t most;      /* bytes that one write takes */
    int log[MAX_CALLS];
    size_t written[MAX_CALLS]; /* so far, after each call */
    size_t bytes;
} Faulty;

static bool fails(Faulty *f, int call)
{
    assert_true(f->calls < MAX_CALLS);
    int at = f->calls++;
    f->log[at] = call;
    f->written[at] = f->bytes;
    errno = f->error;
    return f->fail_at >= 0 && (f->all_after ? at >= f->fail_at : at == f->fail_at);
}

static int faulty_create(void *user, const char *name)
{
    return fails(user, CREATE) ? -1 : nnrt__io.create(NULL, name);
}
static ssize_t faulty_write(void *user, int file, const void *from, size_t n)
{
    Faulty *f = user;
    if (fails(f, WRITE)) return -1;
    ssize_t put_now = nnrt__io.write(NULL, file, from, n < f->most ? n : f->most);
    f->bytes += (size_t)put_now;
    f->written[f->calls - 1] = f->bytes;
    return put_now;
}
static int faulty_chmod(void *user, int file, mode_t mode)
{
    return fails(user, CHMOD) ? -1 : nnrt__io.chmod(NULL, file, mode);
}
static int faulty_sync(void *user, int file) { return fails(user, SYNC) ? -1 : nnrt__io.sync(NULL, file); }
static int faulty_close(void *user, int file)
{
    bool failed = fails(user, CLOSE);
    int status = nnrt__io.close(NULL, file);
    errno = EIO;
    return failed ? -1 : status;
}
static int faulty_rename(void *user, const char *from, const char *to)
{
    return fails(user, RENAME) ? -1 : nnrt__io.rename(NULL, from, to);
}
static int faulty_sync_folder(void *user, const char *name)
{
    return fails(user, SYNC_FOLDER) ? -1 : nnrt__io.sync_folder(NULL, name);
}
static int faulty_remove(void *user, const char *name)
{
    return fails(user, REMOVE) ? -1 : nnrt__io.remove(NULL, name);
}

static nnrt_io faulty_io(Faulty *f)
{
    return (nnrt_io){f, faulty_create, faulty_write, faulty_chmod, faulty_sync, faulty_close, faulty_rename,
                     faulty_sync_folder, faulty_remove};
}

static void drop_unfinished(void)
{
    char name[200];
    snprintf(name, sizeof name, "%s.%ld-0.tmp", path, (long)getpid());
    unlink(name);
}

/* Every call of a save fails once, in each way; or the process ends there. */
static void test_failing_calls(void **state)
{
    static const int errors[] = {ENOSPC, EIO, EINTR};
    (void)state;
    nnrt_session *old = trained(5), *fresh = trained(9), *t = open_session(&line_model, 1);
    State before = state_of(old), after = state_of(fresh);
    int saves = 0;
    for (int killed = 0; killed < 2; killed++)
        for (int e = 0; e < 3; e++)
            for (int at = 0;; at++) {
                Faulty f = {.fail_at = at, .error = errors[e], .all_after = killed, .most = 700};
                nnrt_io io = faulty_io(&f);
                if (killed && errors[e] == EINTR) break;
                assert_int_equal(nnrt_save_checkpoint(old, path), NNRT_OK);
                int32_t status = nnrt__save_checkpoint(fresh, &io, path);
                assert_int_equal(nnrt_load_checkpoint(t, path), NNRT_OK);
                State now = state_of(t);
                assert_same(&now, status ? &before : &after);
                if (status) assert_non_null(strstr(nnrt_error(fresh), "cannot write: "));
                drop_unfinished();
                saves++;
                if (f.calls <= at) break;
            }
    printf("%d saves\n", saves);
    nnrt_session_free(old);
    nnrt_session_free(fresh);
    nnrt_session_free(t);
}

/* A checkpoint that others may not read stays so. */
static void test_mode_stays(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0444, 0666};
    struct stat info;
    (void)state;
    nnrt_session *s = trained(5);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, modes[i]);
    }
    unlink(path);
    nnrt_session_free(s);
}

/* What a disk may hold after its power went: a name that was not synced may be the old or the new one, and of a file
   that was not synced any part may be there, or zeros for it. */
typedef struct Disk { char old_file[MAX_FILE], new_file[MAX_FILE]; size_t old_n, new_n; int states; } Disk;

static void assert_loads(nnrt_session *t, const char *file, size_t n, const State *a, const State *b)
{
    put(file, n);
    assert_int_equal(nnrt_load_checkpoint(t, path), NNRT_OK);
    State now = state_of(t);
    assert_true(!memcmp(&now, a, sizeof now) || !memcmp(&now, b, sizeof now));
}

static void assert_survives(Disk *d, const Faulty *f, int calls, nnrt_session *t, const State *a, const State *b)
{
    bool synced = false, renamed = false, lasting = false;
    size_t written = calls ? f->written[calls - 1] : 0;
    for (int i = 0; i < calls; i++) {
        synced |= f->log[i] == SYNC;
        renamed |= f->log[i] == RENAME;
        lasting |= f->log[i] == SYNC_FOLDER;
    }
    if (!lasting) assert_loads(t, d->old_file, d->old_n, a, b), d->states++;
    if (!renamed) return;
    const size_t lengths[] = {0, 1, written / 2, written - 1, written};
    for (int zeros = 0; zeros < 2; zeros++)
        for (int i = synced ? 4 : 0; i < 5; i++) {
            char torn[MAX_FILE] = {0};
            memcpy(torn, d->new_file, synced || !zeros ? lengths[i] : lengths[i] / 2);
            assert_loads(t, torn, lengths[i], a, b);
            d->states++;
        }
}

static void test_power_cuts(void **state)
{
    static Disk d;
    (void)state;
    nnrt_session *old = trained(5), *fresh = trained(9), *t = open_session(&line_model, 1);
    State before = state_of(old), after = state_of(fresh);
    Faulty f = {.fail_at = -1, .most = 100};
    nnrt_io io = faulty_io(&f);
    assert_int_equal(nnrt_save_checkpoint(old, path), NNRT_OK);
    d.old_n = read_back(d.old_file);
    assert_int_equal(nnrt__save_checkpoint(fresh, &io, path), NNRT_OK);
    d.new_n = read_back(d.new_file);
    assert_int_equal(f.bytes, d.new_n);
    for (int calls = 0; calls <= f.calls; calls++) assert_survives(&d, &f, calls, t, &before, &after);
    printf("%d states of the disk\n", d.states);
    nnrt_session_free(old);
    nnrt_session_free(fresh);
    nnrt_session_free(t);
}

/* ---- ways of training ---- */
static nnrt_session *fitted(const nnrt_fit_options *o, const nnrt_source *source, double rate, int32_t wanted)
{
    nnrt_session *s = open_session(&line_model, 1);
    assert_int_equal(nnrt_init(s, 0), NNRT_OK);
    assert_int_equal(nnrt_set_hyper(s, "rate", rate), NNRT_OK);
    assert_int_equal(nnrt_fit(s, NULL, source, o), wanted);
    return s;
}

/* On whole numbers every sum is exact, so four batches of 8 are one of 32 bit for bit; and one batch is `step`. */
static void test_accumulation(void **state)
{
    nnrt_fit_options o;
    (void)state;
    fill_points(true);
    nnrt_source source = points();
    source.rows = 64;
    nnrt_fit_options_init(&o);
    o.batch = 32;
    nnrt_session *whole = fitted(&o, &source, 0.0625, NNRT_OK);
    State a = state_of(whole), b;
    o.on_nan = NNRT_SKIP_ON_NAN; /* by grad and update */
    nnrt_session *by_grads = fitted(&o, &source, 0.0625, NNRT_OK);
    b = state_of(by_grads);
    assert_same(&a, &b);
    o.on_nan = NNRT_STOP_ON_NAN;
    o.batch = 8, o.accumulate = 4;
    nnrt_session *parts = fitted(&o, &source, 0.0625, NNRT_OK);
    b = state_of(parts);
    assert_int_equal(b.clock.step, 3);
    assert_int_equal(b.cursor.accumulate, 4);
    assert_memory_equal(&a.params, &b.params, sizeof a.params);
    assert_memory_equal(&a.opt, &b.opt, sizeof a.opt);
    assert_memory_equal(a.totals, b.totals, sizeof a.totals);
    fill_points(false);
    nnrt_session_free(whole);
    nnrt_session_free(by_grads);
    nnrt_session_free(parts);
}

/* 40 rows at once, or as 16, 16 and 8: each row counts alike, up to the rounding of a few sums. */
static void test_uneven_accumulation(void **state)
{
    nnrt_fit_options o;
    (void)state;
    nnrt_source source = points();
    source.rows = 40;
    nnrt_fit_options_init(&o);
    o.batch = 40;
    nnrt_session *whole = fitted(&o, &source, 0.05, NNRT_OK);
    o.batch = 16, o.accumulate = 3;
    nnrt_session *parts = fitted(&o, &source, 0.05, NNRT_OK);
    State a = state_of(whole), b = state_of(parts);
    assert_int_equal(b.clock.step, 2);
    for (int i = 0; i < 3; i++) assert_float_equal(a.params.slope[i], b.params.slope[i], 1e-6f);
    for (int i = 0; i < 4; i++) assert_float_equal(a.params.offset[i], b.params.offset[i], 1e-6f);
    nnrt_session_free(whole);
    nnrt_session_free(parts);
}

typedef struct Seen { int batches, epochs; uint64_t skipped, waited; } Seen;
static int see_batch(void *user, const nnrt_progress *p)
{
    Seen *seen = user;
    seen->batches++;
    seen->skipped = p->skipped;
    return 0;
}
static int see_epoch(void *user, const nnrt_progress *p)
{
    Seen *seen = user;
    seen->epochs++;
    seen->waited = p->waited;
    return 0;
}

/* A batch with a number that is none: the training ends there, or is as if the batch were not there. */
static void test_skipped(void **state)
{
    nnrt_fit_options o;
    Seen seen = {0};
    int64_t without[ROWS];
    (void)state;
    nnrt_source source = points();
    nnrt_fit_options_init(&o);
    o.shuffle = 0, o.batch = 10, o.user = &seen, o.on_batch = see_batch;
    float was = y[25];
    y[25] = NAN;
    nnrt_session *stopped = fitted(&o, &source, 0.05, NNRT_ERR_NONFINITE);
    assert_int_equal(seen.batches, 2);
    assert_int_equal(nnrt_cursor_of(stopped)->position, 20);
    o.on_nan = NNRT_SKIP_ON_NAN;
    nnrt_session *skipped = fitted(&o, &source, 0.05, NNRT_OK);
    assert_int_equal(seen.skipped, 1);
    source.chosen = without;
    for (int i = 0; i < ROWS; i++)
        if (i < 20 || i >= 30) without[source.nchosen++] = i;
    nnrt_session *shorter = fitted(&o, &source, 0.05, NNRT_OK);
    State a = state_of(skipped), b = state_of(shorter);
    assert_memory_equal(&a.params, &b.params, sizeof a.params);
    assert_memory_equal(&a.opt, &b.opt, sizeof a.opt);
    assert_int_equal(a.clock.step, b.clock.step);
    for (int i = 0; i < ROWS; i++) y[i] = NAN;
    nnrt_session *none = fitted(&o, &source, 0.05, NNRT_ERR_NONFINITE);
    assert_non_null(strstr(nnrt_error(none), "every batch of epoch 1 was skipped"));
    y[25] = was;
    fill_points(false);
    nnrt_session_free(stopped);
    nnrt_session_free(skipped);
    nnrt_session_free(shorter);
    nnrt_session_free(none);
}

static void test_ends(void **state)
{
    nnrt_fit_options o;
    Seen seen = {0};
    (void)state;
    nnrt_source source = points();
    nnrt_fit_options_init(&o);
    o.epochs = 0, o.user = &seen, o.on_epoch = see_epoch, o.max_updates = 10;
    nnrt_session *s = fitted(&o, &source, 0.05, NNRT_OK);
    assert_int_equal(nnrt_clock(s)->step, 11);
    assert_int_equal(nnrt_cursor_of(s)->position, 48);
    assert_int_equal(seen.epochs, 2);
    nnrt_session_free(s);
    seen = (Seen){0};
    o.max_updates = 0, o.patience = 3;
    s = fitted(&o, &source, 0, NNRT_OK); /* nothing learns: the order of sums alone is another */
    assert_true(seen.waited == 3 && nnrt_clock(s)->epoch == nnrt_cursor_of(s)->best_epoch + 4);
    int before = seen.epochs;
    assert_int_equal(nnrt_fit(s, NULL, &source, &o), NNRT_OK); /* it has waited enough */
    assert_int_equal(seen.epochs, before);
    nnrt_session_free(s);
    o.accumulate = -1;
    s = fitted(&o, &source, 0.05, NNRT_ERR_ARGUMENT);
    nnrt_session_free(s);
}

/* ---- what matches ---- */
static void take_sentence(void *user, const char *sentence)
{
    strcat(user, sentence);
    strcat(user, "\n");
}

static void test_matching(void **state)
{
    char told[2000] = "";
    (void)state;
    nnrt_session *s = trained(6);
    State was = state_of(s);
    assert_int_equal(nnrt_save_checkpoint(s, path), NNRT_OK);
    nnrt_model other = line_model;
    nnrt_tensor tensors[4];
    memcpy(tensors, line_tensors, sizeof tensors);
    tensors[1].name = "line.other";
    other.tensors = tensors;
    nnrt_session *t = open_session(&other, 1);
    assert_int_equal(nnrt_load_matching(t, path, take_sentence, told), NNRT_ERR_STATE);
    assert_int_equal(nnrt_init(t, 2), NNRT_OK);
    assert_int_equal(nnrt_load_matching(t, path, take_sentence, told), NNRT_OK);
    assert_string_equal(told, "`line.other`, f32[4] (line.nn:5), is not in the file: it keeps its first values\n"
                              "the file's `line.offset` is not in `line`: it is left out\n");
    float slope[3];
    assert_int_equal(nnrt_read(t, "line.slope", slope, sizeof slope), NNRT_OK);
    assert_memory_equal(slope, was.params.slope, sizeof slope);
    assert_int_equal(nnrt_clock(t)->step, 1);
    tensors[0].name = "line.third";
    assert_int_equal(nnrt_load_matching(t, path, NULL, NULL), NNRT_ERR_SHAPE);
    nnrt_session_free(t);
    nnrt_session_free(s);
}

static int make_folder(void **state)
{
    (void)state;
    fill_points(false);
    strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/nnrt-checkpoint-XXXXXX" : "/dev/shm/nnrt-checkpoint-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/c.safetensors", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where something was left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),    cmocka_unit_test(test_settings_and_weights),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_changed_model),
        cmocka_unit_test(test_every_damage),  cmocka_unit_test(test_failing_calls),
        cmocka_unit_test(test_mode_stays),
        cmocka_unit_test(test_power_cuts),    cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_skipped),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_matching),      cmocka_unit_test(test_uneven_accumulation),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
