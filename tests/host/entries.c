/* entries.c: every entry of a compiled model, at every number of samples from 1 on, on one worker and on three, in
   buffers of exactly the bytes that they must have: before a page that nobody may touch, behind one, and on the heap.
   What a call gives must not depend on where its buffers lie; what it only reads must stay; nothing beside a buffer
   may be written.

   usage: entries LIBRARY MOST_SAMPLES [heap] */
#include "buffers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VIEWS = 16, MAX_SYMBOLS = 8, AREA_ALIGNMENT = 64 };
typedef struct Areas { Buffer params, opt, grads; } Areas;
typedef struct Call {
    const nnrt_model *m;
    const nnrt_entry *e;
    int64_t sizes[MAX_SYMBOLS];
    Buffer views[MAX_VIEWS], work, totals, hparams, step; /* views: inputs, then outputs */
    Areas *areas;
} Call;
static long calls;

/* ---- areas ---- */
static Areas areas_new(const nnrt_model *m, Place place)
{
    Areas a = {buffer_new(place, (size_t)m->params_bytes, AREA_ALIGNMENT),
               buffer_new(place, (size_t)m->opt_bytes, AREA_ALIGNMENT),
               buffer_new(place, (size_t)m->grads_bytes, AREA_ALIGNMENT)};
    Buffer work = buffer_new(place, (size_t)m->first_bytes, AREA_ALIGNMENT);
    if (m->init(a.params.at, a.opt.at, 5, m->first_bytes ? work.at : NULL)) fail("`%s` is given no first values", m->name);
    if (m->first_bytes && m->init(a.params.at, a.opt.at, 5, NULL) != NNRT_ERR_NULL) fail("its workspace is not asked for");
    buffer_check(&work, "the workspace of first values");
    buffer_free(&work);
    if (m->prepare(a.params.at)) fail("`%s` cannot be prepared", m->name);
    memset(a.grads.at, 0, a.grads.bytes); /* its layers' state has no gradient */
    return a;
}

static void areas_check(const Areas *a)
{
    buffer_check(&a->params, "the parameters");
    buffer_check(&a->opt, "the optimizer's state");
    buffer_check(&a->grads, "the gradients");
}

/* ---- one call ---- */
static const nnrt_view *view_of(const nnrt_entry *e, uint32_t i)
{
    return i < e->ninputs ? &e->inputs[i] : &e->outputs[i - e->ninputs];
}

static void call_open(Call *c, Place place, int64_t n, Areas *areas)
{
    const nnrt_entry *e = c->e;
    const nnrt_step step = {.size = sizeof step, .seed = 3, .step = 2, .epoch = 1, .first_sample = 7, .weight = 1};
    c->areas = areas;
    if (e->ninputs + e->noutputs > MAX_VIEWS || e->nsymbols > MAX_SYMBOLS) fail("`%s` is too large", e->name);
    sizes_choose(c->m, e, n, c->sizes);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        const nnrt_view *v = view_of(e, i);
        c->views[i] = buffer_new(place, view_bytes(e, v, c->sizes), nnrt_dtype_bytes(v->dtype));
        if (i < e->ninputs) view_fill(v, &c->views[i], (uint32_t)(n * 31 + i));
    }
    int64_t work = e->bytes(c->sizes);
    if (work <= 0) fail("`%s` does not run with %lld samples", e->name, (long long)n);
    c->work = buffer_new(place, (size_t)work, AREA_ALIGNMENT);
    c->totals = buffer_new(place, e->ntotals * sizeof(double), sizeof(double));
    memset(c->totals.at, 0, c->totals.bytes);
    c->step = buffer_new(place, sizeof step, 8);
    memcpy(c->step.at, &step, sizeof step);
    c->hparams = buffer_new(place, c->m->hparams_bytes, 8);
    memset(c->hparams.at, 0, c->hparams.bytes);
    memcpy(c->hparams.at, &c->m->hparams_bytes, sizeof c->m->hparams_bytes);
    for (uint32_t i = 0; i < c->m->nhypers; i++)
        memcpy(c->hparams.at + c->m->hypers[i].offset, &c->m->hypers[i].value, sizeof(double));
}

static int32_t call_run(Call *c, uint32_t workers)
{
    const nnrt_entry *e = c->e;
    const void *inputs[MAX_VIEWS];
    void *outputs[MAX_VIEWS];
    for (uint32_t i = 0; i < e->ninputs; i++) inputs[i] = c->views[i].at;
    for (uint32_t i = 0; i < e->noutputs; i++) outputs[i] = c->views[e->ninputs + i].at;
    nnrt_call call = {.size = sizeof call, .params = c->areas->params.at, .opt = c->areas->opt.at,
                      .grads = c->areas->grads.at, .sizes = c->sizes, .inputs = inputs, .outputs = outputs,
                      .step = (void *)c->step.at, .hparams = c->hparams.at, .totals = (void *)c->totals.at,
                      .work = c->work.at};
    int32_t status = e->begin(&call);
    for (uint32_t p = 0; !status && p < e->nphases; p++)
        for (uint32_t w = workers; w-- > 0;) e->phases[p](c->work.at, w, workers);
    calls++;
    return status ? status : e->end(c->work.at);
}

/* A number for all that the call gave. */
static uint64_t call_close(Call *c)
{
    const nnrt_entry *e = c->e;
    uint64_t h = buffer_hash(&c->totals);
    Buffer *others[] = {&c->work, &c->totals, &c->hparams, &c->step};
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        buffer_check(&c->views[i], view_of(e, i)->name);
        h = h * 31 + buffer_hash(&c->views[i]);
        buffer_free(&c->views[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        buffer_check(others[i], "the workspace, totals, settings or step");
        buffer_free(others[i]);
    }
    return h;
}

/* ---- one entry ---- */
static uint64_t hash_reads(const Call *c)
{
    uint64_t h = buffer_hash(&c->hparams) ^ buffer_hash(&c->step);
    uint32_t kind = c->e->kind;
    for (uint32_t i = 0; i < c->e->ninputs; i++) h = h * 31 + buffer_hash(&c->views[i]);
    if (kind != NNRT_STEP && kind != NNRT_UPDATE)
        h = h * 31 + buffer_hash(&c->areas->params) + buffer_hash(&c->areas->opt);
    return kind == NNRT_GRAD ? h : h * 31 + buffer_hash(&c->areas->grads);
}

static uint64_t entry_run(const nnrt_model *m, const nnrt_entry *e, int64_t n, Place place, uint32_t workers,
                          Areas *areas)
{
    Call c = {.m = m, .e = e};
    call_open(&c, place, n, areas);
    uint64_t before = hash_reads(&c);
    int32_t status = call_run(&c, workers);
    if (status) fail("%s, entry of kind %u, %lld samples: status %d", e->name, e->kind, (long long)n, (int)status);
    if (hash_reads(&c) != before) fail("%s, entry of kind %u writes what it only reads", e->name, e->kind);
    uint64_t h = call_close(&c);
    areas_check(areas);
    return h + buffer_hash(&areas->params) + 3 * buffer_hash(&areas->opt) + 5 * buffer_hash(&areas->grads);
}

/* All entries in the order of a training: update comes after grad, by its gradients. */
static uint64_t model_run(const nnrt_model *m, int64_t n, Place place, uint32_t workers)
{
    Areas areas = areas_new(m, place);
    uint64_t h = 0;
    for (uint32_t i = 0; i < m->nentries; i++) h = h * 31 + entry_run(m, &m->entries[i], n, place, workers, &areas);
    buffer_free(&areas.params), buffer_free(&areas.opt), buffer_free(&areas.grads);
    return h;
}

int main(int argc, char **argv)
{
    Place first = argc > 3 && !strcmp(argv[3], "heap") ? ON_HEAP : AT_END;
    nnrt_library *library;
    if (argc < 3) return 64;
    if (nnrt_open(argv[1], &library)) fail("%s", nnrt_error(library));
    const nnrt_model *m = nnrt_library_model(library);
    for (int64_t n = 1; n <= atoll(argv[2]); n++) {
        uint64_t wanted = model_run(m, n, first, 1);
        for (Place place = first; place < NPLACES; place++)
            for (uint32_t workers = place == first ? 3 : 1; workers <= 3; workers += 2)
                if (model_run(m, n, place, workers) != wanted)
                    fail("%s: %lld samples give other bits at place %d with %u workers", m->name, (long long)n,
                         (int)place, (unsigned)workers);
    }
    printf("%s: %ld calls, up to %s samples\n", m->name, calls, argv[2]);
    nnrt_close(library);
    return 0;
}
