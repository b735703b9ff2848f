/* process.c: what else goes on in a host's process: forks while workers live, signals a thousand times a second, threads
   with hardly a stack, libraries that come and go. Whatever happens, nothing hangs and the bits stay.

   usage: process fork | signals | stack | reload LIBRARY TIMES */
#include "buffers.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 40, WORKERS = 3, MAX_VIEWS = 16, MAX_SYMBOLS = 8, PATIENCE = 60 /* seconds: nothing here takes long */ };
typedef struct Bound { int32_t entry; Buffer views[MAX_VIEWS]; } Bound;
typedef struct Host { nnrt_library *library; const nnrt_model *m; nnrt_session *s; Bound predict, step; } Host;

static void must(nnrt_session *s, int32_t status)
{
    if (status) fail("%s", nnrt_error(s));
}

/* ---- a session with samples ---- */
static void bind_all(Host *h, Bound *b, int kind)
{
    b->entry = nnrt_find_entry(h->m, NULL, kind);
    const nnrt_entry *e = &h->m->entries[b->entry];
    int64_t sizes[MAX_SYMBOLS], dims[16];
    sizes_choose(h->m, e, ROWS, sizes);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        const nnrt_view *v = i < e->ninputs ? &e->inputs[i] : &e->outputs[i - e->ninputs];
        Buffer *at = &b->views[i];
        *at = buffer_new(ON_HEAP, view_bytes(e, v, sizes), 8);
        view_dims(e, v, sizes, dims);
        view_fill(v, at, i);
        if (i < e->ninputs)
            must(h->s, nnrt_bind_input_at(h->s, b->entry, (int32_t)i, v->dtype, v->rank, dims, at->at, at->bytes));
        else
            must(h->s, nnrt_bind_output_at(h->s, b->entry, (int32_t)(i - e->ninputs), v->dtype, v->rank, dims, at->at,
                                           at->bytes));
    }
}

static void host_open(Host *h, const char *path, uint32_t workers)
{
    nnrt_options o;
    nnrt_options_init(&o);
    o.workers = workers;
    o.parallel_flops = 0; /* every call on all workers */
    *h = (Host){0};
    if (nnrt_open(path, &h->library)) fail("%s", nnrt_error(h->library));
    h->m = nnrt_library_model(h->library);
    int32_t status = nnrt_session_new(h->m, &o, &h->s);
    must(h->s, status);
    must(h->s, nnrt_init(h->s, 4));
    bind_all(h, &h->predict, NNRT_PREDICT);
    bind_all(h, &h->step, NNRT_STEP);
}

static void host_close(Host *h)
{
    nnrt_session_free(h->s);
    nnrt_close(h->library);
    for (int i = 0; i < MAX_VIEWS; i++) {
        if (h->predict.views[i].at) buffer_free(&h->predict.views[i]);
        if (h->step.views[i].at) buffer_free(&h->step.views[i]);
    }
}

static uint64_t host_predict(Host *h)
{
    must(h->s, nnrt_run(h->s, h->predict.entry));
    return buffer_hash(&h->predict.views[h->m->entries[h->predict.entry].ninputs]);
}

static uint64_t host_train(Host *h)
{
    must(h->s, nnrt_init(h->s, 4));
    for (int i = 0; i < 3; i++) must(h->s, nnrt_run(h->s, h->step.entry));
    return host_predict(h);
}

/* ---- fork ---- */
static _Atomic bool done;

/* Another session whose workers are busy while the process forks. */
static void *keep_busy(void *path)
{
    Host h;
    host_open(&h, path, WORKERS);
    while (!atomic_load(&done)) host_predict(&h);
    host_close(&h);
    return NULL;
}

static void child_main(Host *h, uint64_t wanted)
{
    alarm(PATIENCE);
    bool good = host_predict(h) == wanted && nnrt_workers_ran(h->s) == WORKERS && host_train(h) != wanted;
    host_close(h);
    _exit(good ? 0 : 1);
}

static void run_fork(const char *path, long times)
{
    Host h;
    pthread_t busy;
    int status;
    host_open(&h, path, WORKERS);
    uint64_t wanted = host_predict(&h);
    if (pthread_create(&busy, NULL, keep_busy, (void *)(uintptr_t)path)) fail("no thread");
    for (long i = 0; i < times; i++) {
        pid_t child = fork();
        if (child < 0) fail("no process");
        if (child == 0) child_main(&h, wanted);
        if (host_predict(&h) != wanted || nnrt_workers_ran(h.s) != WORKERS) fail("the parent computes otherwise");
        if (waitpid(child, &status, 0) != child || status) fail("child %ld ends with %x", i, (unsigned)status);
    }
    atomic_store(&done, true);
    pthread_join(busy, NULL);
    host_close(&h);
    printf("fork: %ld children of a process with busy workers\n", times);
}

/* ---- signals ---- */
static _Atomic long signals;
static void count_signal(int number) { (void)number, atomic_fetch_add(&signals, 1); }

static uint64_t train_and_save(Host *h)
{
    uint64_t bits = host_train(h);
    must(h->s, nnrt_save_checkpoint(h->s, "signals.safetensors"));
    must(h->s, nnrt_init(h->s, 9));
    must(h->s, nnrt_load_checkpoint(h->s, "signals.safetensors"));
    if (host_predict(h) != bits) fail("a checkpoint gives other bits");
    return bits;
}

static void run_signals(const char *path, long times)
{
    const struct itimerval each = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = count_signal}, after; /* calls are interrupted: no SA_RESTART */
    sigset_t mask, mask_after;
    long rounds = 0;
    Host h;
    host_open(&h, path, WORKERS);
    uint64_t wanted = train_and_save(&h);
    if (sigaction(SIGALRM, &action, NULL) || pthread_sigmask(SIG_SETMASK, NULL, &mask)) fail("no handler");
    if (setitimer(ITIMER_REAL, &each, NULL)) fail("no timer");
    for (; signals < times; rounds++)
        if (train_and_save(&h) != wanted) fail("signals change the bits");
    setitimer(ITIMER_REAL, &none, NULL);
    if (sigaction(SIGALRM, NULL, &after) || after.sa_handler != count_signal || (after.sa_flags & SA_RESTART))
        fail("the host's handler was replaced");
    if (pthread_sigmask(SIG_SETMASK, NULL, &mask_after) || sigismember(&mask_after, SIGALRM) != sigismember(&mask, SIGALRM))
        fail("the host's signal mask was changed");
    host_close(&h);
    unlink("signals.safetensors");
    printf("signals: %ld during %ld trainings with saving and loading\n", (long)signals, rounds);
}

/* ---- a small stack ---- */
typedef struct Task { const char *path; uint64_t bits; } Task;
static void *whole_life(void *argument)
{
    Task *t = argument;
    Host h;
    host_open(&h, t->path, 1);
    t->bits = train_and_save(&h);
    unlink("signals.safetensors");
    host_close(&h);
    return NULL;
}

static void run_stack(const char *path, long times)
{
    enum { STACK = 64 * 1024 };
    pthread_attr_t small;
    pthread_t thread;
    Task plain = {path, 0}, task = {path, 0};
    whole_life(&plain);
    if (pthread_attr_init(&small) || pthread_attr_setstacksize(&small, STACK)) fail("no stack of %d bytes", STACK);
    for (long i = 0; i < times; i++) {
        if (pthread_create(&thread, &small, whole_life, &task)) fail("no thread");
        pthread_join(thread, NULL);
        if (task.bits != plain.bits) fail("a small stack changes the bits");
    }
    pthread_attr_destroy(&small);
    printf("stack: %ld whole lives of a session on %d bytes\n", times, STACK);
}

/* ---- loading and unloading ---- */
static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*d %ld", &pages) != 1) fail("the size of this process is not known");
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void run_reload(const char *path, long times)
{
    enum { MOST_GROWTH = 1 << 20, WITH_WORKERS = 100 };
    long start = 0;
    uint64_t wanted = 0;
    for (long i = 0; i < times; i++) {
        Host h;
        host_open(&h, path, i % WITH_WORKERS == 0 ? WORKERS : 1);
        uint64_t bits = host_predict(&h);
        host_close(&h);
        wanted = i ? wanted : bits;
        if (bits != wanted) fail("loaded again, it computes otherwise");
        if (i == times / 10) start = resident_bytes(); /* the allocator has what it keeps */
    }
    long growth = resident_bytes() - start;
    if (growth >= MOST_GROWTH) fail("%ld times loaded and unloaded leave %ld bytes behind", times, growth);
    printf("reload: %ld times, %ld bytes more than after a tenth of them\n", times, growth);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*run)(const char *path, long times); } parts[] = {
        {"fork", run_fork}, {"signals", run_signals}, {"stack", run_stack}, {"reload", run_reload}};
    for (size_t i = 0; argc > 3 && i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(argv[1], parts[i].name)) return parts[i].run(argv[2], atol(argv[3])), 0;
    return 64;
}
