/* together.c: eight threads predict while two train, each its own parameters, and publish them by handing over a
   pointer between two calls. Every prediction must be, to the bit, what the publisher itself computed of the same
   parameters.

   usage: together LIBRARY ROUNDS */
#include "buffers.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREDICTORS = 8, TRAINERS = 2, ROWS = 70, WORKERS = 2, MAX_VIEWS = 16, MAX_SYMBOLS = 8 };
/* Parameters that nobody writes any more, and what they predict. */
typedef struct Version { struct Version *older; Buffer params, out; } Version;
typedef struct Publisher { _Atomic(Version *) newest; } Publisher;
typedef struct Bound { nnrt_session *s; int32_t entry; Buffer views[MAX_VIEWS]; } Bound;

static const nnrt_model *model;
static Publisher published[TRAINERS];
static _Atomic long predictions, updates, versions_seen;
static _Atomic bool done;
static long rounds;

static void must(nnrt_session *s, int32_t status)
{
    if (status) fail("%s", nnrt_error(s));
}

static void check_workers(const Bound *b)
{
    if (nnrt_workers_ran(b->s) != WORKERS) fail("%u workers ran", (unsigned)nnrt_workers_ran(b->s));
}

static nnrt_session *session_open(void)
{
    nnrt_options o;
    nnrt_session *s;
    nnrt_options_init(&o);
    o.workers = WORKERS;
    o.parallel_flops = 0; /* every call on all workers */
    int32_t status = nnrt_session_new(model, &o, &s);
    must(s, status);
    return s;
}

/* The same samples in every thread. */
static Bound bind_all(nnrt_session *s, int kind)
{
    Bound b = {.s = s, .entry = nnrt_find_entry(model, NULL, kind)};
    const nnrt_entry *e = &model->entries[b.entry];
    int64_t sizes[MAX_SYMBOLS], dims[16];
    sizes_choose(model, e, ROWS, sizes);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        const nnrt_view *v = i < e->ninputs ? &e->inputs[i] : &e->outputs[i - e->ninputs];
        Buffer *at = &b.views[i];
        *at = buffer_new(ON_HEAP, view_bytes(e, v, sizes), 8);
        view_dims(e, v, sizes, dims);
        view_fill(v, at, i);
        if (i < e->ninputs)
            must(s, nnrt_bind_input_at(s, b.entry, (int32_t)i, v->dtype, v->rank, dims, at->at, at->bytes));
        else
            must(s, nnrt_bind_output_at(s, b.entry, (int32_t)(i - e->ninputs), v->dtype, v->rank, dims, at->at,
                                        at->bytes));
    }
    return b;
}

static Buffer *output_of(Bound *b) { return &b->views[model->entries[b->entry].ninputs]; }

static void bound_free(Bound *b)
{
    for (int i = 0; i < MAX_VIEWS; i++)
        if (b->views[i].at) buffer_free(&b->views[i]);
}

/* ---- training ---- */
static void publish(Publisher *p, Bound *predict)
{
    Version *v = calloc(1, sizeof *v);
    if (!v) fail("no memory for a version");
    v->params = buffer_new(ON_HEAP, (size_t)model->params_bytes, 64);
    memcpy(v->params.at, nnrt_params(predict->s), v->params.bytes);
    must(predict->s, nnrt_run(predict->s, predict->entry));
    v->out = buffer_new(ON_HEAP, output_of(predict)->bytes, 8);
    memcpy(v->out.at, output_of(predict)->at, v->out.bytes);
    v->older = atomic_load(&p->newest);
    atomic_store(&p->newest, v);
}

static void *train(void *argument)
{
    Publisher *p = argument;
    nnrt_session *s = session_open();
    must(s, nnrt_init(s, (uint64_t)(p - published) + 1));
    Bound step = bind_all(s, NNRT_STEP), predict = bind_all(s, NNRT_PREDICT);
    for (long i = 0; i < rounds; i++) {
        publish(p, &predict);
        must(s, nnrt_run(s, step.entry));
        check_workers(&step);
        atomic_fetch_add(&updates, 1);
    }
    nnrt_session_free(s);
    bound_free(&step), bound_free(&predict);
    return NULL;
}

/* ---- predicting ---- */
static void *predict_all(void *argument)
{
    Publisher *p = argument;
    const Version *last = NULL;
    nnrt_session *s = session_open();
    Bound b = bind_all(s, NNRT_PREDICT);
    while (!atomic_load(&done)) {
        const Version *v = atomic_load(&p->newest);
        if (!v) continue;
        atomic_fetch_add(&versions_seen, v != last);
        last = v;
        must(s, nnrt_use_params(s, v->params.at));
        must(s, nnrt_run(s, b.entry));
        check_workers(&b);
        if (memcmp(v->out.at, output_of(&b)->at, v->out.bytes)) fail("a prediction is torn");
        atomic_fetch_add(&predictions, 1);
    }
    nnrt_session_free(s);
    bound_free(&b);
    return NULL;
}

static void free_versions(Publisher *p)
{
    for (Version *v = atomic_load(&p->newest), *older; v; v = older) {
        older = v->older;
        buffer_free(&v->params), buffer_free(&v->out);
        free(v);
    }
}

static pthread_t start(void *(*main)(void *), int i)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, main, &published[i % TRAINERS])) fail("no thread");
    return thread;
}

int main(int argc, char **argv)
{
    pthread_t predictors[PREDICTORS], trainers[TRAINERS];
    nnrt_library *library;
    if (argc < 3) return 64;
    rounds = atol(argv[2]);
    if (nnrt_open(argv[1], &library)) fail("%s", nnrt_error(library));
    model = nnrt_library_model(library);
    for (int i = 0; i < PREDICTORS; i++) predictors[i] = start(predict_all, i);
    for (int i = 0; i < TRAINERS; i++) trainers[i] = start(train, i);
    for (int i = 0; i < TRAINERS; i++) pthread_join(trainers[i], NULL);
    atomic_store(&done, true);
    for (int i = 0; i < PREDICTORS; i++) pthread_join(predictors[i], NULL);
    for (int i = 0; i < TRAINERS; i++) free_versions(&published[i]);
    printf("%s: %ld updates, %ld predictions of %ld versions\n", model->name, updates, predictions, versions_seen);
    if (!predictions || versions_seen < TRAINERS) fail("nothing was predicted while training");
    nnrt_close(library);
    return 0;
}
