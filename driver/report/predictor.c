/* predictor.c: the model that a train block trains, run on chosen rows of what the block is fed. */
#include "driver/report/report.h"
#include <string.h>

enum { CHUNK = 256, MOST_RANK = 8 };

/* ---- which model it is ---- */
static bool reads_block(const nnrt_entry *model, const nnrt_entry *train, int *from)
{
    for (uint32_t i = 0; i < model->ninputs; i++) {
        const nnrt_view *v = &model->inputs[i];
        from[i] = nnrt_find_input(train, v->name);
        if (from[i] < 0 || v->rank < 1 || v->rank > MOST_RANK) return false;
        const nnrt_view *same = &train->inputs[from[i]];
        if (same->dtype != v->dtype || same->rank != v->rank) return false;
    }
    return model->ninputs > 0;
}

/* Rows of floating point numbers, of a known width. */
static bool gives_rows(const nnrt_entry *model, int64_t *width)
{
    if (model->noutputs != 1) return false;
    const nnrt_view *v = &model->outputs[0];
    *width = v->rank == 2 ? v->axes[1].size : 1;
    return (v->dtype == NNRT_F32 || v->dtype == NNRT_F64) && (v->rank == 1 || v->rank == 2) && *width > 0;
}

bool predictor_find(Arena *a, nnrt_session *s, const nnrt_entry *train, Predictor *out)
{
    const nnrt_model *m = nnrt_session_model(s);
    bool found = false;
    for (uint32_t i = 0; i < m->nentries; i++) {
        const nnrt_entry *e = &m->entries[i];
        Predictor p = {s, (int32_t)i, e, train, NEW_ARRAY(a, int, e->ninputs + 1), 0};
        if (e->kind != NNRT_PREDICT || !reads_block(e, train, p.from) || !gives_rows(e, &p.width)) continue;
        if (!found || str_equal(e->name, train->name)) *out = p;
        found = true;
    }
    return found;
}

/* ---- sources ---- */
int64_t source_rows(const nnrt_source *s) { return s->chosen ? s->nchosen : s->rows; }

int64_t source_row(const nnrt_source *s, int64_t i) { return s->chosen ? s->chosen[i] : i; }

static int64_t axis_size(const nnrt_entry *train, const nnrt_axis *axis, const nnrt_source *s)
{
    if (axis->size >= 0) return axis->size;
    if (axis->symbol < 0) return s->sizes && axis->length ? axis->length(s->sizes) : 1;
    for (uint32_t i = 0; s->sizes && i < train->nsymbols; i++)
        if (train->symbols[i] == axis->symbol) return s->sizes[i];
    return 1;
}

int64_t source_width(const nnrt_entry *train, int input, const nnrt_source *s)
{
    const nnrt_view *v = &train->inputs[input];
    int64_t n = 1;
    for (uint32_t i = 1; i < v->rank; i++) n *= axis_size(train, &v->axes[i], s);
    return n;
}

double source_number(const nnrt_entry *train, int input, const nnrt_source *s, int64_t element)
{
    const void *at = s->arrays[input];
    switch (train->inputs[input].dtype) {
    case NNRT_F32: return ((const float *)at)[element];
    case NNRT_F64: return ((const double *)at)[element];
    case NNRT_I32: return ((const int32_t *)at)[element];
    case NNRT_I64: return (double)((const int64_t *)at)[element];
    case NNRT_I8: return ((const int8_t *)at)[element];
    default: return ((const uint8_t *)at)[element];
    }
}

/* ---- running it ---- */
typedef struct Chunk {
    const Predictor *p;
    const nnrt_source *source;
    int64_t rows;  /* of a call */
    char **inputs; /* the gathered rows, by input of the model */
    char *output;
} Chunk;

static size_t row_bytes(const Chunk *c, uint32_t input)
{
    int from = c->p->from[input];
    size_t width = (size_t)source_width(c->p->train, from, c->source);
    return width * nnrt_dtype_bytes(c->p->train->inputs[from].dtype);
}

static bool bind_chunk(const Chunk *c)
{
    const Predictor *p = c->p;
    int32_t status = 0;
    int64_t dims[MOST_RANK] = {c->rows, p->width};
    const nnrt_view *out = &p->entry->outputs[0];
    size_t bytes = (size_t)(c->rows * p->width) * nnrt_dtype_bytes(out->dtype);
    status = nnrt_bind_output_at(p->session, p->at, 0, out->dtype, out->rank, dims, c->output, bytes);
    for (uint32_t i = 0; i < p->entry->ninputs && !status; i++) {
        const nnrt_view *v = &p->train->inputs[p->from[i]];
        for (uint32_t k = 1; k < v->rank; k++) dims[k] = axis_size(p->train, &v->axes[k], c->source);
        status = nnrt_bind_input_at(p->session, p->at, (int32_t)i, v->dtype, v->rank, dims, c->inputs[i],
                                    (size_t)c->rows * row_bytes(c, i));
    }
    return !status;
}

/* Where a call takes more rows than are left, the last row fills up. */
static void gather(const Chunk *c, const int64_t *rows, int64_t n)
{
    for (uint32_t i = 0; i < c->p->entry->ninputs; i++) {
        size_t bytes = row_bytes(c, i);
        const char *from = c->source->arrays[c->p->from[i]];
        for (int64_t k = 0; k < c->rows; k++)
            memcpy(c->inputs[i] + (size_t)k * bytes, from + (size_t)rows[k < n ? k : n - 1] * bytes, bytes);
    }
}

static void take_output(const Chunk *c, int64_t n, double *out)
{
    bool single = c->p->entry->outputs[0].dtype == NNRT_F32;
    const float *f = (const void *)c->output;
    const double *d = (const void *)c->output;
    for (int64_t i = 0; i < n * c->p->width; i++) out[i] = single ? (double)f[i] : d[i];
}

double *predictor_run(const Predictor *p, Arena *a, const nnrt_source *source, const int64_t *rows, int64_t n)
{
    Arena *scratch = arena_new();
    Chunk c = {p, source, p->entry->batch ? p->entry->batch : n < CHUNK ? n : CHUNK, NULL, NULL};
    double *out = NEW_ARRAY(a, double, n * p->width + 1);
    c.output = arena_alloc(scratch, (size_t)(c.rows * p->width) * sizeof(double));
    c.inputs = NEW_ARRAY(scratch, char *, p->entry->ninputs + 1);
    for (uint32_t i = 0; i < p->entry->ninputs; i++)
        c.inputs[i] = arena_alloc(scratch, (size_t)c.rows * row_bytes(&c, i));
    bool good = n > 0 && bind_chunk(&c);
    for (int64_t first = 0; first < n && good; first += c.rows) {
        int64_t now = n - first < c.rows ? n - first : c.rows;
        if (!p->entry->batch && now < c.rows) c.rows = now, good = bind_chunk(&c);
        gather(&c, rows + first, now);
        good = good && !nnrt_run(p->session, p->at);
        if (good) take_output(&c, now, out + first * p->width);
    }
    arena_free(scratch);
    return good ? out : NULL;
}
