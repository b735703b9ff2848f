/* Samples on their way from a source to one entry's inputs, some rows at a time. */
#include "feed.h"
#include <string.h>

enum { DEFAULT_BATCH = 32 };
static const int64_t MOST_ROWS = (int64_t)1 << 40; /* as of any size */

void nnrt_source_init(nnrt_source *source)
{
    memset(source, 0, sizeof *source);
    source->size = sizeof *source;
}

static int32_t complain(const nnrt_feed *f, int32_t status, const char *what)
{
    return nnrt__fail(&f->session->fault, status, "the samples for `%s` %s", f->info->name, what);
}

/* ---- what a source must be ---- */
static int32_t check_source(const nnrt_feed *f)
{
    const nnrt_source *s = f->source;
    if (!s || s->size != sizeof *s)
        return complain(f, NNRT_ERR_NULL, "are missing, or not started by nnrt_source_init");
    if (!s->arrays == !s->fetch) return complain(f, NNRT_ERR_ARGUMENT, "must come either as arrays or by fetch");
    for (uint32_t i = 0; s->arrays && i < f->info->ninputs; i++)
        if (!s->arrays[i])
            return nnrt__fail(&f->session->fault, NNRT_ERR_NULL, "the samples for `%s` lack the array of `%s` (%s)",
                              f->info->name, f->info->inputs[i].name, f->info->inputs[i].where);
    for (int64_t i = 0; s->chosen && i < s->nchosen; i++)
        if (s->chosen[i] < 0 || s->chosen[i] >= s->rows)
            return complain(f, NNRT_ERR_ARGUMENT, "choose a row that does not exist");
    if (f->rows > MOST_ROWS) return complain(f, NNRT_ERR_SIZE, "are more than memory can hold");
    return f->rows < 1 ? complain(f, NNRT_ERR_SIZE, "are none") : NNRT_OK;
}

static int32_t settle_batch(nnrt_feed *f, int64_t wanted)
{
    const nnrt_entry *e = f->info;
    const nnrt_train *t = e->train >= 0 ? &f->session->model->trains[e->train] : NULL;
    if (wanted < 0) return complain(f, NNRT_ERR_SIZE, "cannot come in batches of less than one");
    if (e->rows == 0 && e->batch <= 0) return complain(f, NNRT_ERR_SIZE, "have no sample axis");
    if (e->rows == 0 && wanted != 0 && wanted != e->batch)
        return nnrt__fail(&f->session->fault, NNRT_ERR_SIZE, "`%s` takes batches of %lld, and is given %lld", e->name,
                          (long long)e->batch, (long long)wanted);
    f->batch = e->rows == 0 ? e->batch : wanted ? wanted : t && t->batch > 0 ? t->batch : DEFAULT_BATCH;
    if (e->rows != 0 && f->batch > f->rows) f->batch = f->rows;
    if (f->batch > f->rows)
        return nnrt__fail(&f->session->fault, NNRT_ERR_SIZE, "`%s` takes batches of %lld, and there are only %lld "
                          "samples", e->name, (long long)f->batch, (long long)f->rows);
    return NNRT_OK;
}

/* The size of an input's axis; 0 where nothing settles it. */
static int64_t axis_size(const nnrt_feed *f, const nnrt_axis *axis)
{
    const int64_t *sizes = f->source->sizes;
    if (axis->size >= 0) return axis->size;
    if (axis->symbol < 0) return sizes && axis->length ? axis->length(sizes) : 0;
    for (uint32_t i = 0; sizes && i < f->info->nsymbols; i++)
        if (f->info->symbols[i] == axis->symbol) return sizes[i];
    return 0;
}

static int32_t measure_rows(nnrt_feed *f)
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
static int32_t make_buffers(nnrt_feed *f)
{
    nnrt_session *s = f->session;
    uint32_t n = f->info->ninputs;
    f->order = nnrt__alloc(s, (size_t)f->rows * sizeof *f->order);
    f->permuted = nnrt__alloc(s, (size_t)f->rows * sizeof *f->permuted);
    f->row_bytes = nnrt__alloc(s, n * sizeof *f->row_bytes);
    f->buffers = nnrt__alloc(s, n * sizeof *f->buffers);
    if (!f->order || !f->permuted || !f->row_bytes || !f->buffers) return NNRT_ERR_MEMORY;
    int32_t status = measure_rows(f);
    for (uint32_t i = 0; i < n && !status; i++)
        if (!(f->buffers[i] = nnrt__alloc(s, (size_t)(f->row_bytes[i] * f->batch)))) status = NNRT_ERR_MEMORY;
    return status;
}

void nnrt__feed_close(nnrt_feed *f)
{
    nnrt_session *s = f->session;
    uint32_t n = f->info->ninputs;
    nnrt__unbind(s, f->entry);
    for (uint32_t i = 0; f->buffers && f->row_bytes && i < n; i++)
        nnrt__release(s, f->buffers[i], (size_t)(f->row_bytes[i] * f->batch));
    nnrt__release(s, f->buffers, n * sizeof *f->buffers);
    nnrt__release(s, f->row_bytes, n * sizeof *f->row_bytes);
    nnrt__release(s, f->permuted, (size_t)f->rows * sizeof *f->permuted);
    nnrt__release(s, f->order, (size_t)f->rows * sizeof *f->order);
}

void nnrt__feed_order(nnrt_feed *f, bool shuffle, uint64_t seed, uint64_t epoch)
{
    const int64_t *chosen = f->source->chosen;
    if (shuffle) nnrt_shuffle(seed, epoch, f->permuted, f->rows);
    for (int64_t i = 0; i < f->rows; i++) {
        int64_t at = shuffle ? f->permuted[i] : i;
        f->order[i] = chosen ? chosen[at] : at;
    }
}

int32_t nnrt__feed_open(nnrt_feed *f, nnrt_session *s, const char *train, int kind, const nnrt_source *source,
                         int64_t batch)
{
    *f = (nnrt_feed){.session = s, .source = source};
    f->entry = nnrt_find_entry(s->model, train, kind);
    if (f->entry < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no train block%s%s%s", s->model->name,
                          train ? " `" : "", train ? train : "", train ? "`" : "");
    f->info = &s->model->entries[f->entry];
    f->rows = !source ? 0 : source->chosen ? source->nchosen : source->rows;
    int32_t status = check_source(f);
    if (!status) status = settle_batch(f, batch);
    if (status) return status;
    status = make_buffers(f);
    if (!status)
        nnrt__feed_order(f, false, 0, 0);
    else
        nnrt__feed_close(f);
    return status;
}

/* ---- some of its samples ---- */
static int32_t bind_rows(nnrt_feed *f, int64_t rows)
{
    int32_t status = NNRT_OK;
    for (uint32_t i = 0; i < f->info->ninputs && !status; i++) {
        const nnrt_view *v = &f->info->inputs[i];
        int64_t dims[NNRT__MAX_RANK] = {rows};
        for (uint32_t k = 1; k < v->rank && k < NNRT__MAX_RANK; k++) dims[k] = axis_size(f, &v->axes[k]);
        status = nnrt_bind_input_at(f->session, f->entry, (int32_t)i, v->dtype, v->rank, dims, f->buffers[i],
                                    (size_t)(rows * f->row_bytes[i]));
    }
    f->bound = rows;
    return status;
}

static int32_t gather(const nnrt_feed *f, const int64_t *rows, int64_t n)
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
        for (int64_t k = 0; k < n; k++) memcpy(to + (size_t)k * bytes, from + (size_t)rows[k] * bytes, bytes);
    }
    return NNRT_OK;
}

/* A batch is nobody's: the sample is told by its place in the source. */
static int32_t explain_index(const nnrt_feed *f, int64_t first, int64_t n)
{
    for (uint32_t i = 0; i < f->info->ninputs; i++) {
        const nnrt_view *v = &f->info->inputs[i];
        int64_t value, width = f->row_bytes[i] / (int64_t)nnrt_dtype_bytes(v->dtype);
        int64_t k = nnrt__index_outside(v, f->buffers[i], n * width, &value);
        if (k < 0) continue;
        return nnrt__fail(&f->session->fault, NNRT_ERR_INDEX, "`%s` of `%s` (%s) holds %lld in sample %lld, counted from 0; "
                          "its values lie in 0..%lld", v->name, f->info->name, v->where, (long long)value,
                          (long long)f->order[first + k / width], (long long)v->range - 1);
    }
    return NNRT_ERR_INDEX;
}

int32_t nnrt__feed_run(nnrt_feed *f, int64_t first, int64_t n, double weight)
{
    int32_t status = n == f->bound ? NNRT_OK : bind_rows(f, n);
    if (!status) status = gather(f, f->order + first, n);
    if (status) return status;
    f->session->clock.first_sample = (uint64_t)first;
    f->session->clock.weight = weight;
    nnrt_clear_totals(f->session, f->entry);
    status = nnrt_run(f->session, f->entry);
    return status == NNRT_ERR_INDEX ? explain_index(f, first, n) : status;
}

int64_t nnrt__feed_rows(const nnrt_feed *f)
{
    return f->info->rows ? f->rows : f->rows / f->batch * f->batch;
}

static int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }

void nnrt__feed_add_totals(double *to, const nnrt_feed *f)
{
    const double *from = nnrt_totals(f->session, f->entry);
    for (uint32_t i = 0; i < f->info->ntotals; i++) to[i] += from[i];
}

int32_t nnrt__feed_evaluate(nnrt_feed *f, double *totals)
{
    int64_t rows = nnrt__feed_rows(f);
    int32_t status = NNRT_OK;
    memset(totals, 0, f->info->ntotals * sizeof *totals);
    for (int64_t at = 0; at < rows && !status; at += f->batch)
        if (!(status = nnrt__feed_run(f, at, least_of(f->batch, rows - at), 1))) nnrt__feed_add_totals(totals, f);
    return status;
}
