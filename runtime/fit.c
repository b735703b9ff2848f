/* The training loop: epochs over a source, in batches, in the order of (seed, epoch). */
#include "session.h"
#include <string.h>

enum { DEFAULT_BATCH = 32 };

void nnrt_source_init(nnrt_source *source)
{
    memset(source, 0, sizeof *source);
    source->size = sizeof *source;
}

void nnrt_fit_options_init(nnrt_fit_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->shuffle = 1;
    options->epochs = 1;
}

/* Batches of a source on their way to one entry's inputs. */
typedef struct Feed {
    nnrt_session *session;
    int32_t entry;
    const nnrt_entry *info;
    const nnrt_source *source;
    int64_t batch;      /* rows of a full one */
    int64_t rows;       /* to be used */
    int64_t bound;      /* rows that the inputs are bound for now */
    int64_t *order;     /* row numbers, as this epoch takes them */
    int64_t *permuted;  /* places in the given order */
    int64_t *row_bytes; /* by input */
    void **buffers;     /* by input: a batch of rows */
} Feed;

static int32_t complain(const Feed *f, int32_t status, const char *what)
{
    return nnrt__fail(&f->session->fault, status, "the samples for `%s` %s", f->info->name, what);
}

/* ---- what a source must be ---- */
static int32_t check_source(const Feed *f)
{
    const nnrt_source *s = f->source;
    if (!s || s->size != sizeof *s)
        return complain(f, NNRT_ERR_NULL, "are missing, or not started by nnrt_source_init");
    if (!s->arrays == !s->fetch)
        return complain(f, NNRT_ERR_ARGUMENT, "must come either as arrays or by fetch");
    for (uint32_t i = 0; s->arrays && i < f->info->ninputs; i++)
        if (!s->arrays[i])
            return nnrt__fail(&f->session->fault, NNRT_ERR_NULL, "the samples for `%s` lack the array of `%s` (%s)",
                              f->info->name, f->info->inputs[i].name, f->info->inputs[i].where);
    for (int64_t i = 0; s->chosen && i < s->nchosen; i++)
        if (s->chosen[i] < 0 || s->chosen[i] >= s->rows)
            return complain(f, NNRT_ERR_ARGUMENT, "choose a row that does not exist");
    return f->rows < 1 ? complain(f, NNRT_ERR_SIZE, "are none") : NNRT_OK;
}

static int32_t settle_batch(Feed *f, int64_t wanted)
{
    const nnrt_entry *e = f->info;
    const nnrt_train *t = e->train >= 0 ? &f->session->model->trains[e->train] : NULL;
    if (wanted < 0)
        return complain(f, NNRT_ERR_SIZE, "cannot come in batches of less than one");
    if (e->rows == 0 && e->batch <= 0)
        return complain(f, NNRT_ERR_SIZE, "have no sample axis");
    if (e->rows == 0 && wanted != 0 && wanted != e->batch)
        return nnrt__fail(&f->session->fault, NNRT_ERR_SIZE, "`%s` takes batches of %lld, and is given %lld", e->name,
                          (long long)e->batch, (long long)wanted);
    f->batch = e->rows == 0 ? e->batch : wanted ? wanted : t && t->batch > 0 ? t->batch : DEFAULT_BATCH;
    if (e->rows != 0 && f->batch > f->rows)
        f->batch = f->rows;
    if (f->batch > f->rows)
        return nnrt__fail(&f->session->fault, NNRT_ERR_SIZE, "`%s` takes batches of %lld, and there are only %lld "
                          "samples", e->name, (long long)f->batch, (long long)f->rows);
    return NNRT_OK;
}

/* The size of an input's axis; 0 where nothing settles it. */
static int64_t axis_size(const Feed *f, const nnrt_axis *axis)
{
    const int64_t *sizes = f->source->sizes;
    if (axis->size >= 0)
        return axis->size;
    if (axis->symbol < 0)
        return sizes && axis->length ? axis->length(sizes) : 0;
    for (uint32_t i = 0; sizes && i < f->info->nsymbols; i++)
        if (f->info->symbols[i] == axis->symbol)
            return sizes[i];
    return 0;
}

static int32_t measure_rows(Feed *f)
{
    for (uint32_t i = 0; i < f->info->ninputs; i++) {
        const nnrt_view *v = &f->info->inputs[i];
        int64_t bytes = (int64_t)nnrt_dtype_bytes(v->dtype), all;
        for (uint32_t k = 1; k < v->rank; k++)
            if (axis_size(f, &v->axes[k]) < 1 || __builtin_mul_overflow(bytes, axis_size(f, &v->axes[k]), &bytes))
                return nnrt__fail(&f->session->fault, NNRT_ERR_SIZE, "axis %u of `%s` (%s) needs a size in the "
                                  "source's `sizes`", (unsigned)k + 1, v->name, v->where);
        if (v->rank == 0 || __builtin_mul_overflow(bytes, f->batch, &all))
            return complain(f, NNRT_ERR_SIZE, "have no sample axis, or are more than memory can hold");
        f->row_bytes[i] = bytes;
    }
    return NNRT_OK;
}

/* ---- life of a feed ---- */
static int32_t make_buffers(Feed *f)
{
    nnrt_session *s = f->session;
    uint32_t n = f->info->ninputs;
    f->order = nnrt__alloc(s, (size_t)f->rows * sizeof *f->order);
    f->permuted = nnrt__alloc(s, (size_t)f->rows * sizeof *f->permuted);
    f->row_bytes = nnrt__alloc(s, n * sizeof *f->row_bytes);
    f->buffers = nnrt__alloc(s, n * sizeof *f->buffers);
    if (!f->order || !f->permuted || !f->row_bytes || !f->buffers)
        return NNRT_ERR_MEMORY;
    int32_t status = measure_rows(f);
    for (uint32_t i = 0; i < n && !status; i++)
        if (!(f->buffers[i] = nnrt__alloc(s, (size_t)(f->row_bytes[i] * f->batch))))
            status = NNRT_ERR_MEMORY;
    return status;
}

static void feed_close(Feed *f)
{
    nnrt_session *s = f->session;
    uint32_t n = f->info->ninputs;
    nnrt__unbind(s, f->entry);
    for (uint32_t i = 0; f->buffers && i < n; i++)
        nnrt__release(s, f->buffers[i], (size_t)(f->row_bytes[i] * f->batch));
    nnrt__release(s, f->buffers, n * sizeof *f->buffers);
    nnrt__release(s, f->row_bytes, n * sizeof *f->row_bytes);
    nnrt__release(s, f->permuted, (size_t)f->rows * sizeof *f->permuted);
    nnrt__release(s, f->order, (size_t)f->rows * sizeof *f->order);
}

static void set_order(Feed *f, bool shuffle, uint64_t seed, uint64_t epoch)
{
    const int64_t *chosen = f->source->chosen;
    if (shuffle)
        nnrt_shuffle(seed, epoch, f->permuted, f->rows);
    for (int64_t i = 0; i < f->rows; i++) {
        int64_t at = shuffle ? f->permuted[i] : i;
        f->order[i] = chosen ? chosen[at] : at;
    }
}

static int32_t feed_open(Feed *f, nnrt_session *s, const char *train, int kind, const nnrt_source *source,
                         int64_t batch)
{
    *f = (Feed){.session = s, .source = source};
    f->entry = nnrt_find_entry(s->model, train, kind);
    if (f->entry < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no train block%s%s", s->model->name, train ? " " : "",
                          train ? train : "");
    f->info = &s->model->entries[f->entry];
    f->rows = !source ? 0 : source->chosen ? source->nchosen : source->rows;
    int32_t status = check_source(f);
    if (!status)
        status = settle_batch(f, batch);
    if (status)
        return status;
    status = make_buffers(f);
    if (!status)
        set_order(f, false, 0, 0);
    else
        feed_close(f);
    return status;
}

/* ---- one batch ---- */
static int64_t batches_of(const Feed *f)
{
    return f->info->rows ? (f->rows + f->batch - 1) / f->batch : f->rows / f->batch;
}

static int64_t rows_of_batch(const Feed *f, int64_t batch)
{
    int64_t left = f->rows - batch * f->batch;
    return left < f->batch ? left : f->batch;
}

static int32_t bind_rows(Feed *f, int64_t rows)
{
    int32_t status = NNRT_OK;
    for (uint32_t i = 0; i < f->info->ninputs && !status; i++) {
        const nnrt_view *v = &f->info->inputs[i];
        int64_t dims[NNRT__MAX_RANK] = {rows};
        for (uint32_t k = 1; k < v->rank && k < NNRT__MAX_RANK; k++)
            dims[k] = axis_size(f, &v->axes[k]);
        status = nnrt_bind_input_at(f->session, f->entry, (int32_t)i, v->dtype, v->rank, dims, f->buffers[i],
                                    (size_t)(rows * f->row_bytes[i]));
    }
    f->bound = rows;
    return status;
}

static int32_t gather(const Feed *f, const int64_t *rows, int64_t n)
{
    const nnrt_source *s = f->source;
    if (s->fetch) {
        int32_t status = s->fetch(s->user, rows, n, f->buffers);
        return status ? complain(f, status, "could not be fetched") : NNRT_OK;
    }
    for (uint32_t i = 0; i < f->info->ninputs; i++) {
        size_t bytes = (size_t)f->row_bytes[i];
        const char *from = s->arrays[i];
        char *to = f->buffers[i];
        for (int64_t k = 0; k < n; k++)
            memcpy(to + (size_t)k * bytes, from + (size_t)rows[k] * bytes, bytes);
    }
    return NNRT_OK;
}

/* Runs the entry on batch number `batch`; totals of the entry are then those of this batch. */
static int32_t run_batch(Feed *f, int64_t batch)
{
    int64_t rows = rows_of_batch(f, batch);
    int32_t status = rows == f->bound ? NNRT_OK : bind_rows(f, rows);
    if (!status)
        status = gather(f, f->order + batch * f->batch, rows);
    if (status)
        return status;
    f->session->clock.first_sample = (uint64_t)(batch * f->batch);
    f->session->clock.weight = 1;
    nnrt_clear_totals(f->session, f->entry);
    return nnrt_run(f->session, f->entry);
}

static void add_totals(double *to, const double *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] += from[i];
}

/* ---- epochs ---- */
static int32_t evaluate(Feed *f, double *totals)
{
    int32_t status = NNRT_OK;
    memset(totals, 0, f->info->ntotals * sizeof *totals);
    for (int64_t b = 0; b < batches_of(f) && !status; b++)
        if (!(status = run_batch(f, b)))
            add_totals(totals, nnrt_totals(f->session, f->entry), f->info->ntotals);
    return status;
}

typedef struct Fit {
    const nnrt_fit_options *options;
    Feed train, test;
    double *totals, *test_totals; /* of one epoch */
    nnrt_progress progress;
    bool over;
} Fit;

static void report(Fit *fit, int (*callback)(void *, const nnrt_progress *))
{
    if (callback && callback(fit->options->user, &fit->progress))
        fit->over = true;
}

static int32_t run_epoch(Fit *fit)
{
    Feed *f = &fit->train;
    nnrt_progress *p = &fit->progress;
    memset(fit->totals, 0, f->info->ntotals * sizeof *fit->totals);
    set_order(f, fit->options->shuffle, fit->options->seed, p->epoch);
    p->test = NULL;
    for (p->batch = 0; p->batch < p->batches && !fit->over;) {
        p->step = f->session->clock.step;
        int32_t status = run_batch(f, p->batch);
        if (status)
            return status;
        p->batch++;
        p->stopped = nnrt_stop_of(f->info, p->last);
        add_totals(fit->totals, p->last, f->info->ntotals);
        fit->over = p->stopped;
        report(fit, fit->options->on_batch);
    }
    int32_t status = fit->test_totals ? evaluate(&fit->test, fit->test_totals) : NNRT_OK;
    p->test = fit->test_totals;
    if (!status)
        report(fit, fit->options->on_epoch);
    return status;
}

static int32_t run_epochs(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    const nnrt_fit_options *o = fit->options;
    nnrt_progress *p = &fit->progress;
    uint64_t first = s->clock.epoch;
    int32_t status = NNRT_OK;
    s->clock.seed = o->seed;
    for (uint64_t done = 0; !status && !fit->over && (o->epochs == 0 || done < (uint64_t)o->epochs); done++) {
        p->epoch = s->clock.epoch = first + done;
        status = run_epoch(fit);
    }
    if (!status)
        s->clock.epoch++;
    s->clock.first_sample = 0;
    return status;
}

static void describe(Fit *fit)
{
    const Feed *f = &fit->train;
    nnrt_progress *p = &fit->progress;
    p->epochs = (uint64_t)fit->options->epochs;
    p->batches = batches_of(f);
    p->rows = f->info->rows ? f->rows : p->batches * f->batch;
    p->dropped = f->rows - p->rows;
    p->entry = f->info;
    p->totals = fit->totals;
    p->last = nnrt_totals(f->session, f->entry);
}

static int32_t fit_with_test(Fit *fit, const char *train)
{
    nnrt_session *s = fit->train.session;
    const nnrt_source *test = fit->options->test;
    size_t bytes = fit->train.info->ntotals * sizeof(double), test_bytes = 0;
    int64_t batch = fit->train.info->rows ? fit->train.batch : 0;
    int32_t status = test ? feed_open(&fit->test, s, train, NNRT_EVAL, test, batch) : NNRT_OK;
    if (status)
        return status;
    fit->totals = nnrt__alloc(s, bytes);
    if (test) {
        test_bytes = fit->test.info->ntotals * sizeof(double);
        fit->test_totals = nnrt__alloc(s, test_bytes);
    }
    status = fit->totals && (fit->test_totals || !test) ? NNRT_OK : NNRT_ERR_MEMORY;
    if (!status) {
        describe(fit);
        status = run_epochs(fit);
    }
    nnrt__release(s, fit->totals, bytes);
    nnrt__release(s, fit->test_totals, test_bytes);
    if (test)
        feed_close(&fit->test);
    return status;
}

static int32_t may_fit(nnrt_session *s)
{
    if (!s)
        return NNRT_ERR_NULL;
    return s->model ? nnrt__need_values(s) : nnrt__fail(&s->fault, NNRT_ERR_STATE, "the session has no model");
}

int32_t nnrt_fit(nnrt_session *s, const char *train, const nnrt_source *data, const nnrt_fit_options *options)
{
    int32_t status = may_fit(s);
    nnrt_fit_options plain;
    nnrt_fit_options_init(&plain);
    Fit fit = {.options = options ? options : &plain};
    if (status)
        return status;
    if (fit.options->size != sizeof plain || fit.options->epochs < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "the options for training are not started by "
                          "nnrt_fit_options_init, or ask for less than no epoch");
    status = feed_open(&fit.train, s, train, NNRT_STEP, data, fit.options->batch);
    if (status)
        return status;
    status = fit_with_test(&fit, train);
    feed_close(&fit.train);
    return status;
}

int32_t nnrt_evaluate(nnrt_session *s, const char *train, const nnrt_source *data, int64_t batch, double *totals)
{
    Feed feed;
    int32_t status = may_fit(s);
    if (status)
        return status;
    if (!totals)
        return nnrt__fail(&s->fault, NNRT_ERR_NULL, "there is no place for the totals");
    status = feed_open(&feed, s, train, NNRT_EVAL, data, batch);
    if (status)
        return status;
    status = evaluate(&feed, totals);
    feed_close(&feed);
    return status;
}
