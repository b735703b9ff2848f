/* One call of an entry: begin, its phases on one worker or on many, end. */
#include "session.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

/* Phases compute with rounding to nearest and without flushing, whatever the calling thread is set to. */
#if defined(__x86_64__)
#include <xmmintrin.h>
enum { CONTROL_BITS = 0xffc0, CONTROL_DEFAULT = 0x1f80 };
static uint32_t enter_numbers(void)
{
    uint32_t was = _mm_getcsr();
    if ((was & CONTROL_BITS) != CONTROL_DEFAULT) _mm_setcsr(CONTROL_DEFAULT);
    return was;
}
static void leave_numbers(uint32_t was)
{
    if ((was & CONTROL_BITS) != CONTROL_DEFAULT) _mm_setcsr(was);
}
#else
static uint32_t enter_numbers(void) { return 0; }
static void leave_numbers(uint32_t was) { (void)was; }
#endif

/* ---- phases ---- */
typedef struct Job {
    nnrt_session *session;
    const nnrt_entry *entry;
    uint32_t workers, phase;
    _Atomic uint32_t ran;
} Job;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void trace(const nnrt_session *s, const nnrt_entry *e, uint32_t phase, double since)
{
    s->options.trace(s->options.user, e, phase, seconds_now() - since);
}

static void run_alone(nnrt_session *s, const nnrt_entry *e)
{
    bool traced = s->options.trace != NULL;
    for (uint32_t p = 0; p < e->nphases; p++) {
        double since = traced ? seconds_now() : 0;
        e->phases[p](s->work, 0, 1);
        if (traced) trace(s, e, p, since);
    }
    s->ran = 1;
}

/* All workers are here at the same time and meet after each phase. */
static void run_as_member(void *context, uint32_t worker)
{
    Job *job = context;
    const nnrt_entry *e = job->entry;
    bool traced = worker == 0 && job->session->options.trace;
    uint32_t numbers = enter_numbers();
    atomic_fetch_add(&job->ran, 1);
    for (uint32_t p = 0; p < e->nphases; p++) {
        double since = traced ? seconds_now() : 0;
        e->phases[p](job->session->work, worker, job->workers);
        nnrt__barrier_wait(&job->session->barrier, job->workers);
        if (traced) trace(job->session, e, p, since);
    }
    leave_numbers(numbers);
}

static void run_one_phase(void *context, uint32_t worker)
{
    Job *job = context;
    uint32_t numbers = enter_numbers();
    if (job->phase == 0) atomic_fetch_add(&job->ran, 1);
    job->entry->phases[job->phase](job->session->work, worker, job->workers);
    leave_numbers(numbers);
}

static void run_by_phase(Job *job)
{
    const nnrt_options *o = &job->session->options;
    for (job->phase = 0; job->phase < job->entry->nphases; job->phase++) {
        double since = o->trace ? seconds_now() : 0;
        o->parallel_for(o->user, job->workers, run_one_phase, job);
        if (o->trace) trace(job->session, job->entry, job->phase, since);
    }
}

/* The session's own workers: none where the system grants no thread. */
static nnrt_pool *pool_of(nnrt_session *s)
{
    if (s->pool && !nnrt__pool_lives_here(s->pool)) { /* a child of fork: the threads stayed behind */
        s->pool = NULL;
        nnrt__barrier_init(&s->barrier);
    }
    if (!s->pool) s->pool = nnrt__pool_new(s->options.workers);
    return s->pool;
}

static void run_together(nnrt_session *s, const nnrt_entry *e)
{
    Job job = {.session = s, .entry = e, .workers = s->options.workers};
    const nnrt_options *o = &s->options;
    nnrt_pool *pool;
    if (o->team) {
        o->team(o->user, job.workers, run_as_member, &job);
    } else if (o->parallel_for) {
        run_by_phase(&job);
    } else if ((pool = pool_of(s)) && nnrt__pool_workers(pool) > 1) {
        job.workers = nnrt__pool_workers(pool);
        nnrt__pool_run(pool, run_as_member, &job);
    } else {
        run_alone(s, e);
        return;
    }
    s->ran = atomic_load(&job.ran);
}

/* ---- what went wrong ---- */
static int64_t index_at(const void *data, uint32_t dtype, int64_t i)
{
    switch (dtype) {
    case NNRT_U8: return ((const uint8_t *)data)[i];
    case NNRT_I8: return ((const int8_t *)data)[i];
    case NNRT_I32: return ((const int32_t *)data)[i];
    case NNRT_I64: return ((const int64_t *)data)[i];
    default: return 0;
    }
}

int64_t nnrt__index_outside(const nnrt_view *v, const void *data, int64_t n, int64_t *out_value)
{
    for (int64_t k = 0; v->range > 0 && k < n; k++) {
        *out_value = index_at(data, v->dtype, k);
        if (*out_value < 0 || *out_value >= v->range) return k;
    }
    return -1;
}

static int32_t explain_index(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b)
{
    for (uint32_t i = 0; i < e->ninputs; i++) {
        const nnrt_view *v = &e->inputs[i];
        int64_t value, n = (int64_t)(b->slots[i].bytes / nnrt_dtype_bytes(v->dtype));
        int64_t k = nnrt__index_outside(v, b->slots[i].data, n, &value);
        if (k < 0) continue;
        return nnrt__fail(&s->fault, NNRT_ERR_INDEX, "`%s` of `%s` (%s) holds %lld at element %lld; its values "
                          "lie in 0..%lld", v->name, e->name, v->where, (long long)value, (long long)k,
                          (long long)v->range - 1);
    }
    return nnrt__fail(&s->fault, NNRT_ERR_INDEX, "`%s` met an index value outside its range", e->name);
}

static bool is_finite(const nnrt_tensor *t, const char *at)
{
    int64_t n = t->bytes / (int64_t)nnrt_dtype_bytes(t->dtype);
    for (int64_t i = 0; i < n; i++)
        if ((t->dtype == NNRT_F32 && !isfinite(((const float *)(const void *)at)[i])) ||
            (t->dtype == NNRT_F64 && !isfinite(((const double *)(const void *)at)[i])))
            return false;
    return true;
}

static int32_t explain_nonfinite(nnrt_session *s, const nnrt_entry *e)
{
    const nnrt_model *m = s->model;
    bool by_grads = e->kind == NNRT_GRAD || e->kind == NNRT_UPDATE;
    for (uint32_t i = 0; by_grads && i < m->ntensors; i++) {
        const nnrt_tensor *t = &m->tensors[i];
        if (t->role != NNRT_OPT && !is_finite(t, (const char *)s->grads + t->offset))
            return nnrt__fail(&s->fault, NNRT_ERR_NONFINITE, "the gradient of `%s` (%s) is infinite or not a number",
                              t->name, t->where);
    }
    return nnrt__fail(&s->fault, NNRT_ERR_NONFINITE, "the loss of `%s` is infinite or not a number in epoch %llu, step "
                      "%llu; the parameters are as they were before", e->name, (unsigned long long)s->clock.epoch,
                      (unsigned long long)s->clock.step);
}

static int32_t explain(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b, int32_t status)
{
    if (status == NNRT_ERR_INDEX) return explain_index(s, e, b);
    if (status == NNRT_ERR_NONFINITE) return explain_nonfinite(s, e);
    return nnrt__fail(&s->fault, status, "`%s` (%s): %s", e->name, s->model->source, nnrt_status_text(status));
}

/* ---- the call ---- */
static bool trains(const nnrt_entry *e) { return e->kind == NNRT_STEP || e->kind == NNRT_UPDATE; }

static int32_t need_grads_of(nnrt_session *s, const nnrt_entry *e)
{
    if (!s->has_grads || s->grads_train != e->train)
        return nnrt__fail(&s->fault, NNRT_ERR_STATE, "update of `%s` needs gradients: run its grad entry first",
                          e->name);
    if (!s->grads_finite)
        return nnrt__fail(&s->fault, NNRT_ERR_STATE, "update of `%s` is refused: a gradient is infinite or not a "
                          "number; nnrt_zero_grad starts anew", e->name);
    return NNRT_OK;
}

static int32_t ready(nnrt_session *s, const nnrt_entry *e, int32_t entry)
{
    int32_t status = nnrt__need_values(s);
    if (!status && !s->bindings[entry].solved) status = nnrt__solve(s, entry);
    if (!status && e->kind == NNRT_UPDATE) status = need_grads_of(s, e);
    if (!status && e->kind == NNRT_GRAD) status = nnrt__need_grads(s);
    if (!status && trains(e)) status = nnrt__need_opt(s);
    return status;
}

static int32_t call(nnrt_session *s, const nnrt_entry *e, nnrt_binding *b)
{
    bool add = e->kind == NNRT_GRAD && s->has_grads && s->grads_train == e->train;
    s->clock.flags = add ? NNRT_ADD : 0;
    nnrt_call c = {
        .size = sizeof c, .params = s->params, .opt = s->opt, .grads = s->grads, .sizes = b->sizes,
        .inputs = (const void *const *)b->buffers, .outputs = b->buffers + e->ninputs, .step = &s->clock,
        .hparams = s->hparams, .totals = b->totals, .work = s->work,
    };
    uint32_t numbers = enter_numbers();
    int32_t status = e->begin(&c);
    if (!status) {
        (b->parallel ? run_together : run_alone)(s, e);
        status = e->end(s->work);
    }
    leave_numbers(numbers);
    return status;
}

int32_t nnrt_run(nnrt_session *s, int32_t entry)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    const nnrt_entry *e = &s->model->entries[entry];
    nnrt_binding *b = &s->bindings[entry];
    s->ran = 0;
    status = ready(s, e, entry);
    if (status) return status;
    status = call(s, e, b);
    if (e->kind == NNRT_GRAD && (!status || status == NNRT_ERR_NONFINITE)) {
        s->grads_finite = !status && (s->grads_finite || !s->has_grads || s->grads_train != e->train);
        s->has_grads = true;
        s->grads_train = e->train;
    }
    if (status) return explain(s, e, b, status);
    if (trains(e)) s->clock.step++;
    return NNRT_OK;
}

const double *nnrt_totals(const nnrt_session *s, int32_t entry)
{
    bool known = nnrt__is_session(s) && s->model && entry >= 0 && (uint32_t)entry < s->model->nentries;
    return known ? s->bindings[entry].totals : NULL;
}

int32_t nnrt_clear_totals(nnrt_session *s, int32_t entry)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    for (uint32_t i = 0; i < s->model->entries[entry].ntotals; i++) s->bindings[entry].totals[i] = 0;
    return NNRT_OK;
}

uint32_t nnrt_workers_ran(const nnrt_session *session)
{
    return nnrt__is_session(session) ? session->ran : 0;
}
