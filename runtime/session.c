/* A session: a model's memory, settings and clock. */
#include "session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };
static const double default_parallel_flops = 1e6;

/* ---- memory ---- */
static size_t padded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + (bytes == 0 ? ALIGNMENT : 0);
}

static void *take(const nnrt_options *o, size_t bytes)
{
    if (bytes > SIZE_MAX - 2 * ALIGNMENT) return NULL;
    void *memory = o->alloc ? o->alloc(o->user, padded(bytes)) : aligned_alloc(ALIGNMENT, padded(bytes));
    return memory ? memset(memory, 0, padded(bytes)) : NULL;
}

static void give_back(const nnrt_options *o, void *memory, size_t bytes)
{
    if (!memory) return;
    if (o->alloc)
        o->release(o->user, memory, padded(bytes));
    else
        free(memory);
}

void *nnrt__alloc(nnrt_session *s, size_t bytes)
{
    void *memory = take(&s->options, bytes);
    if (!memory) nnrt__fail(&s->fault, NNRT_ERR_MEMORY, "there is no memory left for %zu bytes", bytes);
    return memory;
}

void nnrt__release(nnrt_session *s, void *memory, size_t bytes)
{
    give_back(&s->options, memory, bytes);
}

/* ---- life ---- */
void nnrt_options_init(nnrt_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->parallel_flops = -1;
}

static int32_t take_options(nnrt_options *own, const nnrt_options *given)
{
    nnrt_options_init(own);
    if (given && given->size != sizeof *given) return NNRT_ERR_ARGUMENT;
    if (given) *own = *given;
    if (!own->alloc != !own->release) return NNRT_ERR_ARGUMENT;
    if (own->workers == 0) own->workers = nnrt__cpu_count();
    if (!(own->parallel_flops >= 0)) own->parallel_flops = default_parallel_flops;
    return NNRT_OK;
}

static void reset_clock(nnrt_session *s, uint64_t seed)
{
    s->clock = (nnrt_step){.size = sizeof s->clock, .seed = seed, .step = 1, .epoch = 1, .weight = 1};
}

void nnrt__reset_cursor(nnrt_session *s)
{
    s->cursor = (nnrt_cursor){.size = sizeof s->cursor, .train = -1, .best = INFINITY};
}

uint32_t nnrt__most_totals(const nnrt_model *m)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < m->nentries; i++) most = m->entries[i].ntotals > most ? m->entries[i].ntotals : most;
    return most;
}

/* The settings as the model reads them: its size, then a double each. */
static int32_t fill_hparams(nnrt_session *s)
{
    const nnrt_model *m = s->model;
    if (m->hparams_bytes == 0) return NNRT_OK;
    if (!(s->hparams = nnrt__alloc(s, m->hparams_bytes))) return NNRT_ERR_MEMORY;
    memcpy(s->hparams, &m->hparams_bytes, sizeof m->hparams_bytes);
    for (uint32_t i = 0; i < m->nhypers; i++)
        memcpy((char *)s->hparams + m->hypers[i].offset, &m->hypers[i].value, sizeof(double));
    return NNRT_OK;
}

static size_t slots_of(const nnrt_entry *e) { return e->ninputs + e->noutputs; }

static int32_t make_binding(nnrt_session *s, const nnrt_entry *e, nnrt_binding *b)
{
    b->slots = nnrt__alloc(s, slots_of(e) * sizeof *b->slots);
    b->buffers = nnrt__alloc(s, slots_of(e) * sizeof *b->buffers);
    b->sizes = nnrt__alloc(s, e->nsymbols * sizeof *b->sizes);
    b->totals = nnrt__alloc(s, e->ntotals * sizeof *b->totals);
    return b->slots && b->buffers && b->sizes && b->totals ? NNRT_OK : NNRT_ERR_MEMORY;
}

static void free_binding(nnrt_session *s, const nnrt_entry *e, nnrt_binding *b)
{
    nnrt__release(s, b->slots, slots_of(e) * sizeof *b->slots);
    nnrt__release(s, b->buffers, slots_of(e) * sizeof *b->buffers);
    nnrt__release(s, b->sizes, e->nsymbols * sizeof *b->sizes);
    nnrt__release(s, b->totals, e->ntotals * sizeof *b->totals);
}

static int32_t fill_session(nnrt_session *s)
{
    int32_t status = nnrt_check(s->model, s->fault.text, sizeof s->fault.text);
    if (status) {
        s->model = NULL;
        return status;
    }
    reset_clock(s, 0);
    nnrt__reset_cursor(s);
    if ((status = fill_hparams(s))) return status;
    if (!(s->epoch_totals = nnrt__alloc(s, nnrt__most_totals(s->model) * sizeof *s->epoch_totals)))
        return NNRT_ERR_MEMORY;
    if (!(s->bindings = nnrt__alloc(s, s->model->nentries * sizeof *s->bindings))) return NNRT_ERR_MEMORY;
    for (uint32_t i = 0; i < s->model->nentries; i++)
        if ((status = make_binding(s, &s->model->entries[i], &s->bindings[i]))) return status;
    return NNRT_OK;
}

int32_t nnrt_session_new(const nnrt_model *model, const nnrt_options *options, nnrt_session **out)
{
    nnrt_options own;
    if (!out) return NNRT_ERR_NULL;
    *out = NULL;
    int32_t status = take_options(&own, options);
    if (status) nnrt_options_init(&own);
    nnrt_session *s = take(&own, sizeof *s);
    if (!s) return NNRT_ERR_MEMORY;
    *out = s;
    s->fault.handle = NNRT__SESSION;
    s->options = own;
    nnrt__barrier_init(&s->barrier);
    if (status)
        return nnrt__fail(&s->fault, status, "the options are of another size than this library's, or give only one of "
                          "alloc and release: start from nnrt_options_init");
    s->model = model;
    return fill_session(s);
}

void nnrt_session_free(nnrt_session *s)
{
    if (!nnrt__is_session(s)) return;
    const nnrt_model *m = s->model;
    s->fault.handle = NNRT__NO_HANDLE;
    if (s->pool && nnrt__pool_lives_here(s->pool)) nnrt__pool_free(s->pool);
    nnrt__barrier_free(&s->barrier);
    if (m) {
        for (uint32_t i = 0; s->bindings && i < m->nentries; i++) free_binding(s, &m->entries[i], &s->bindings[i]);
        nnrt__release(s, s->bindings, m->nentries * sizeof *s->bindings);
        nnrt__release(s, s->hparams, m->hparams_bytes);
        nnrt__release(s, s->epoch_totals, nnrt__most_totals(m) * sizeof *s->epoch_totals);
        nnrt__release(s, s->own_params, (size_t)m->params_bytes);
        nnrt__release(s, s->opt, (size_t)m->opt_bytes);
        nnrt__release(s, s->grads, (size_t)m->grads_bytes);
        nnrt__release(s, s->work, s->work_bytes);
    }
    nnrt_options options = s->options;
    give_back(&options, s, sizeof *s);
}

const nnrt_model *nnrt_session_model(const nnrt_session *session)
{
    return nnrt__is_session(session) ? session->model : NULL;
}

/* ---- areas ---- */
static int32_t need_area(nnrt_session *s, void **area, int64_t bytes)
{
    if (!*area) *area = nnrt__alloc(s, (size_t)bytes);
    return *area ? NNRT_OK : NNRT_ERR_MEMORY;
}

int32_t nnrt__own_params(nnrt_session *s)
{
    int32_t status = need_area(s, &s->own_params, s->model->params_bytes);
    if (!status && s->params != s->own_params) nnrt_use_params(s, NULL);
    return status;
}

int32_t nnrt__need_grads(nnrt_session *s)
{
    return need_area(s, &s->grads, s->model->grads_bytes);
}

/* The workspace of init and start: NULL where they need none. */
static int32_t take_first(nnrt_session *s, void **out)
{
    size_t bytes = (size_t)s->model->first_bytes;
    return bytes && !(*out = nnrt__alloc(s, bytes)) ? NNRT_ERR_MEMORY : NNRT_OK;
}

/* An optimizer's state starts when it is first asked for, from the parameters as they then are. */
int32_t nnrt__need_opt(nnrt_session *s)
{
    const nnrt_model *m = s->model;
    void *opt = NULL, *work = NULL;
    if (s->opt) return NNRT_OK;
    int32_t status = need_area(s, &opt, m->opt_bytes);
    if (!status) status = take_first(s, &work);
    if (!status && m->opt_bytes > 0 && (status = m->start(s->params, opt, s->clock.seed, work)))
        nnrt__fail(&s->fault, status, "the optimizer of `%s` could not be given first values", m->name);
    nnrt__release(s, work, (size_t)m->first_bytes);
    if (status)
        nnrt__release(s, opt, (size_t)m->opt_bytes);
    else
        s->opt = opt;
    return status;
}

int32_t nnrt__prepare(nnrt_session *s)
{
    return s->model->prepare ? s->model->prepare(s->params) : NNRT_OK;
}

bool nnrt__is_session(const nnrt_session *s) { return s && s->fault.handle == NNRT__SESSION; }

int32_t nnrt__usable(nnrt_session *s)
{
    if (!s) return NNRT_ERR_NULL;
    if (!nnrt__is_session(s))
        return s->fault.handle == NNRT__LIBRARY
                   ? nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "a session is wanted, and a library is given")
                   : NNRT_ERR_ARGUMENT;
    if (s->model) return NNRT_OK;
    return nnrt__fail(&s->fault, NNRT_ERR_STATE, "the session was not opened: its model was refused");
}

int32_t nnrt__need_values(nnrt_session *s)
{
    if (s->own_values || s->params != s->own_params || s->model->params_bytes == 0) return NNRT_OK;
    return nnrt__fail(&s->fault, NNRT_ERR_STATE, "`%s` has no values yet: call nnrt_init, nnrt_load or nnrt_use_params",
                      s->model->name);
}

int32_t nnrt_init(nnrt_session *s, uint64_t seed)
{
    int32_t status = nnrt__usable(s);
    if (status || (status = nnrt__own_params(s))) return status;
    void *work = NULL;
    if ((status = take_first(s, &work))) return status;
    status = s->model->init(s->own_params, s->opt, seed, work);
    nnrt__release(s, work, (size_t)s->model->first_bytes);
    if (status) return nnrt__fail(&s->fault, status, "`%s` could not be given first values", s->model->name);
    reset_clock(s, seed);
    nnrt__reset_cursor(s);
    s->own_values = true;
    s->has_grads = false;
    return nnrt__prepare(s);
}

int32_t nnrt_use_params(nnrt_session *s, void *params)
{
    int32_t status = nnrt__usable(s);
    if (status) return status;
    if ((uintptr_t)params % ALIGNMENT)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "parameters must lie at a multiple of %d bytes", ALIGNMENT);
    s->params = params ? params : s->own_params;
    for (uint32_t i = 0; i < s->model->nentries; i++)
        s->bindings[i].solved = false; /* outputs may now overlap them */
    return NNRT_OK;
}

void *nnrt_params(nnrt_session *session)
{
    return nnrt__is_session(session) ? session->params : NULL;
}

/* ---- one tensor ---- */
/* The tensor of that name, for a buffer of that many bytes. */
static int32_t tensor_named(nnrt_session *s, const char *name, const void *buffer, size_t bytes,
                            const nnrt_tensor **out)
{
    int32_t status = nnrt__usable(s), i;
    char type[128];
    if (status) return status;
    if (!buffer || !name)
        return nnrt__fail(&s->fault, NNRT_ERR_NULL, "there is no %s", name ? "buffer" : "tensor's name");
    if ((i = nnrt_find_tensor(s->model, name)) < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no tensor `%s`", s->model->name, name);
    const nnrt_tensor *t = *out = &s->model->tensors[i];
    if ((int64_t)bytes == t->bytes) return NNRT_OK;
    return nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "`%s` is %s (%s) and has %lld byte%s; the buffer has %zu", t->name,
                      nnrt_tensor_text(t, type, sizeof type), t->where, (long long)t->bytes, t->bytes == 1 ? "" : "s",
                      bytes);
}

static int32_t find_value(nnrt_session *s, const nnrt_tensor *t, char **out)
{
    bool optimizers = t->role == NNRT_OPT;
    int32_t status = optimizers ? nnrt__need_opt(s) : nnrt__need_values(s);
    if (!status) *out = (char *)(optimizers ? s->opt : s->params) + t->offset;
    return status;
}

int32_t nnrt_read(nnrt_session *s, const char *tensor, void *into, size_t bytes)
{
    const nnrt_tensor *t = NULL;
    char *from = NULL;
    int32_t status = tensor_named(s, tensor, into, bytes, &t);
    if (status || (status = find_value(s, t, &from))) return status;
    memcpy(into, from, bytes);
    return NNRT_OK;
}

int32_t nnrt_write(nnrt_session *s, const char *tensor, const void *from, size_t bytes)
{
    const nnrt_tensor *t = NULL;
    char *to = NULL;
    int32_t status = tensor_named(s, tensor, from, bytes, &t);
    if (status || (status = find_value(s, t, &to))) return status;
    memcpy(to, from, bytes);
    return t->role == NNRT_OPT ? NNRT_OK : nnrt__prepare(s);
}

int32_t nnrt_read_grad(nnrt_session *s, const char *tensor, void *into, size_t bytes)
{
    const nnrt_tensor *t = NULL;
    int32_t status = tensor_named(s, tensor, into, bytes, &t);
    if (status) return status;
    if (t->role == NNRT_OPT)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` belongs to the optimizer and has no gradient", t->name);
    if (!s->has_grads)
        return nnrt__fail(&s->fault, NNRT_ERR_STATE, "there are no gradients yet: run a grad entry first");
    memcpy(into, (const char *)s->grads + t->offset, bytes);
    return NNRT_OK;
}

int32_t nnrt_zero_grad(nnrt_session *s)
{
    int32_t status = nnrt__usable(s);
    if (!status) s->has_grads = false;
    return status;
}

/* ---- settings ---- */
/* Where a setting's double lies in the session's copy. */
static int32_t find_setting(nnrt_session *s, const char *name, char **out)
{
    int32_t status = nnrt__usable(s), i;
    if (status) return status;
    if ((i = nnrt_find_hyper(s->model, name)) < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no setting `%s` that can change at run time",
                          s->model->name, name ? name : "");
    *out = (char *)s->hparams + s->model->hypers[i].offset;
    return NNRT_OK;
}

int32_t nnrt_set_hyper(nnrt_session *s, const char *name, double value)
{
    char *at = NULL;
    int32_t status = find_setting(s, name, &at);
    if (!status) memcpy(at, &value, sizeof value);
    return status;
}

int32_t nnrt_get_hyper(nnrt_session *s, const char *name, double *out_value)
{
    char *at = NULL;
    int32_t status = find_setting(s, name, &at);
    if (status) return status;
    if (!out_value) return nnrt__fail(&s->fault, NNRT_ERR_NULL, "there is no place for the value of `%s`", name);
    memcpy(out_value, at, sizeof *out_value);
    return NNRT_OK;
}

int32_t nnrt_set_clock(nnrt_session *s, const nnrt_step *clock)
{
    int32_t status = nnrt__usable(s);
    if (status) return status;
    if (!clock) return nnrt__fail(&s->fault, NNRT_ERR_NULL, "no clock is given");
    if (clock->size != sizeof *clock || clock->step == 0 || clock->epoch == 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "a clock needs its size, and step and epoch count from 1");
    s->clock = *clock;
    s->cursor.position = 0;
    return NNRT_OK;
}

const nnrt_step *nnrt_clock(const nnrt_session *session)
{
    return nnrt__is_session(session) ? &session->clock : NULL;
}

const nnrt_cursor *nnrt_cursor_of(const nnrt_session *session)
{
    return nnrt__is_session(session) ? &session->cursor : NULL;
}
