/* run.c: a model once, on given data or on inputs that are made up: every result with its shape and first values. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MADE_SIZE = 4, SHOWN_ROWS = 4, SHOWN_COLUMNS = 8 };

typedef struct Trial {
    Args *args;
    Running run;
    int32_t at;
    const nnrt_entry *entry;
    int64_t *sizes;   /* of the entry's symbols */
    Dataset data;
    Column *outputs;
} Trial;

static int find_model(Trial *t)
{
    if (find_predict(t->args, t->run.model, &t->at)) return EXIT_MODEL;
    t->entry = &t->run.model->entries[t->at];
    return 0;
}

/* ---- sizes ---- */
static int64_t made_size(const nnrt_symbol *s, int64_t wanted)
{
    return wanted < s->low ? s->low : wanted > s->high ? s->high : wanted;
}

/* Without data every open size is a small one, that of the samples --batch. */
static int make_sizes(Trial *t)
{
    int64_t batch = t->entry->batch ? t->entry->batch : MADE_SIZE;
    if (!args_count(t->args, OPT_BATCH, 1, &batch)) return EXIT_USAGE;
    if (t->entry->batch && batch != t->entry->batch)
        return usage_error("the model takes %" PRId64 " samples at a time; --batch cannot change that", t->entry->batch);
    for (uint32_t i = 0; i < t->entry->nsymbols; i++)
        t->sizes[i] = made_size(&t->run.model->symbols[t->entry->symbols[i]], i + 1 == t->entry->rows ? batch : MADE_SIZE);
    return 0;
}

/* A size that is a formula of others may come out too small. */
static int check_view(const Trial *t, const nnrt_view *view)
{
    for (uint32_t i = 0; i < view->rank; i++) {
        int64_t size = data_axis_size(t->entry, t->sizes, &view->axes[i]);
        if (size < 1)
            return failure("at these sizes axis %" PRIu32 " of `%s` (%s) would have %" PRId64 " places", i + 1, view->name,
                           view->where, size);
    }
    return 0;
}

static const char *shape_text(const Trial *t, const nnrt_view *view)
{
    Text text = {t->args->cx->arena, 0, 0, 0};
    text_add(&text, "%s[", nnrt_dtype_name(view->dtype));
    for (uint32_t i = 0; i < view->rank; i++)
        text_add(&text, "%s%" PRId64, i ? ", " : "", data_axis_size(t->entry, t->sizes, &view->axes[i]));
    text_add(&text, "]");
    return text_done(&text);
}

/* In floating point, since sizes that are open may multiply to more than 64 bits hold. */
static int check_room(const Trial *t, const nnrt_view *view)
{
    double most = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double bytes = (double)nnrt_dtype_bytes(view->dtype);
    for (uint32_t i = 0; i < view->rank; i++) bytes *= (double)data_axis_size(t->entry, t->sizes, &view->axes[i]);
    if (bytes <= most) return 0;
    return failure("at these sizes `%s` (%s) would be %s: %.0f bytes, more than this machine's memory", view->name,
                   view->where, shape_text(t, view), bytes);
}

static int check_sizes(const Trial *t)
{
    int status = 0;
    for (uint32_t i = 0; i < t->entry->ninputs && !status; i++) status = check_view(t, &t->entry->inputs[i]);
    for (uint32_t i = 0; i < t->entry->noutputs && !status; i++) status = check_view(t, &t->entry->outputs[i]);
    for (uint32_t i = 0; i < t->entry->ninputs && !status; i++) status = check_room(t, &t->entry->inputs[i]);
    for (uint32_t i = 0; i < t->entry->noutputs && !status; i++) status = check_room(t, &t->entry->outputs[i]);
    return status;
}

static Column column_new(const Trial *t, const nnrt_view *view)
{
    Column c = {.view = view, .rank = (int)view->rank};
    for (int i = 0; i < c.rank; i++) c.shape[i] = data_axis_size(t->entry, t->sizes, &view->axes[i]);
    c.at = arena_alloc(t->args->cx->arena, column_bytes(&c) + 1);
    return c;
}

/* ---- made inputs: whole numbers in their range, others normal ---- */
static double draw(uint64_t seed, uint32_t input, uint64_t element, const nnrt_view *v)
{
    uint32_t word[4];
    philox4x32((uint32_t[]){(uint32_t)element, (uint32_t)(element >> 32), input, 0},
               (uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, word);
    double u = (word[0] + 1.0) * 0x1p-32, turn = word[1] * 0x1p-32;
    int64_t places = v->range ? v->range : v->dtype == NNRT_BOOL ? 2 : v->dtype == NNRT_I8 ? 128 : 256;
    if (v->dtype == NNRT_F32 || v->dtype == NNRT_F64) return sqrt(-2 * log(u)) * cos(2 * acos(-1) * turn);
    return (double)(((uint64_t)word[0] << 32 | word[1]) % (uint64_t)places);
}

static void put_number(const Column *c, size_t i, double v)
{
    switch (c->view->dtype) {
    case NNRT_F32: ((float *)c->at)[i] = (float)v; break;
    case NNRT_F64: ((double *)c->at)[i] = v; break;
    case NNRT_I32: ((int32_t *)c->at)[i] = (int32_t)v; break;
    case NNRT_I64: ((int64_t *)c->at)[i] = (int64_t)v; break;
    default: ((uint8_t *)c->at)[i] = (uint8_t)v; break;
    }
}

static void make_inputs(Trial *t, uint64_t seed)
{
    t->data = (Dataset){.n = (int)t->entry->ninputs};
    t->data.columns = NEW_ARRAY(t->args->cx->arena, Column, t->data.n + 1);
    for (int i = 0; i < t->data.n; i++) {
        Column *c = &t->data.columns[i];
        *c = column_new(t, &t->entry->inputs[i]);
        size_t n = column_bytes(c) / nnrt_dtype_bytes(c->view->dtype);
        for (size_t k = 0; k < n; k++) put_number(c, k, draw(seed, (uint32_t)i, k, c->view));
    }
}

static int load(Trial *t)
{
    Args *a = t->args;
    int64_t seed = 0;
    int status;
    const char *weights = args_text(a, OPT_WEIGHTS);
    if (!args_count(a, OPT_SEED, 0, &seed)) return EXIT_USAGE;
    if (nnrt_init(t->run.session, (uint64_t)seed)) return failure("%s", nnrt_error(t->run.session));
    if (weights && t->run.library && (status = weights_load(a, t->run.session, weights))) return status;
    t->sizes = NEW_ARRAY(a->cx->arena, int64_t, t->entry->nsymbols + 1);
    if ((status = make_sizes(t))) return status;
    if (!a->values[OPT_DATA].n) {
        if (!(status = check_sizes(t))) make_inputs(t, (uint64_t)seed);
        return status;
    }
    if (!data_load(a->cx, t->entry, a->values[OPT_DATA].at, a->values[OPT_DATA].n, &t->data, &status))
        return model_finish(a, status);
    if (t->entry->batch && t->data.rows != t->entry->batch)
        return failure("the model runs once: it takes %" PRId64 " samples, and the data are %" PRId64, t->entry->batch,
                       t->data.rows);
    t->sizes = data_sizes(a->cx->arena, t->entry, &t->data);
    return check_sizes(t);
}

/* ---- the run ---- */
static int run_once(Trial *t)
{
    nnrt_session *s = t->run.session;
    int32_t rc = 0;
    t->outputs = NEW_ARRAY(t->args->cx->arena, Column, t->entry->noutputs);
    for (int i = 0; i < t->data.n && !rc; i++) {
        const Column *c = &t->data.columns[i];
        rc = nnrt_bind_input_at(s, t->at, i, c->view->dtype, c->view->rank, c->shape, c->at, column_bytes(c));
    }
    for (uint32_t i = 0; i < t->entry->noutputs && !rc; i++) {
        Column *c = &t->outputs[i];
        *c = column_new(t, &t->entry->outputs[i]);
        rc = nnrt_bind_output_at(s, t->at, (int32_t)i, c->view->dtype, c->view->rank, c->shape, c->at, column_bytes(c));
    }
    if (!rc) rc = nnrt_run(s, t->at);
    return rc ? failure("%s", nnrt_error(s)) : 0;
}

/* ---- what people read ---- */
static const char *shown(const Trial *t, const Column *c, int64_t i)
{
    double v = column_number(c, i);
    bool real = c->view->dtype == NNRT_F32 || c->view->dtype == NNRT_F64;
    if (c->view->labels && v >= 0 && v < (double)c->view->range) return c->view->labels[(int64_t)v];
    return real ? str_format(t->args->cx->arena, "%.6g", v) : column_text(t->args->cx->arena, c, i);
}

/* The last axis in lines, the others one after the other. */
static void print_values(const Trial *t, const Column *c)
{
    int64_t width = c->rank ? c->shape[c->rank - 1] : 1, rows = 1;
    for (int i = 0; i + 1 < c->rank; i++) rows *= c->shape[i];
    if (c->rank == 1) rows = width, width = 1;
    const char *const *names = c->rank > 1 ? c->view->axes[c->rank - 1].labels : NULL;
    for (int64_t x = 0; names && x < width && x < SHOWN_COLUMNS; x++) printf("%*s", x ? 12 : 14, names[x]);
    if (names) puts(width > SHOWN_COLUMNS ? "  ..." : "");
    for (int64_t r = 0; r < rows && r < SHOWN_ROWS; r++) {
        for (int64_t x = 0; x < width && x < SHOWN_COLUMNS; x++)
            printf("%*s", x ? 12 : 14, shown(t, c, r * width + x));
        puts(width > SHOWN_COLUMNS ? "  ..." : "");
    }
    if (rows > SHOWN_ROWS) printf("  ... %" PRId64 " more\n", rows - SHOWN_ROWS);
}

static void print_json(const Trial *t)
{
    for (uint32_t o = 0; o < t->entry->noutputs; o++) {
        const Column *c = &t->outputs[o];
        int64_t n = (int64_t)(column_bytes(c) / nnrt_dtype_bytes(c->view->dtype));
        printf("%s\"%s\": {\"dtype\": \"%s\", \"shape\": [", o ? ", " : "{", c->view->name, nnrt_dtype_name(c->view->dtype));
        for (int i = 0; i < c->rank; i++) printf("%s%" PRId64, i ? ", " : "", c->shape[i]);
        printf("], \"values\": [");
        for (int64_t i = 0; i < n; i++)
            printf("%s%s", i ? ", " : "",
                   isfinite(column_number(c, i)) ? column_text(t->args->cx->arena, c, i) : "null");
        printf("]}");
    }
    puts("}");
}

static int print_outputs(const Trial *t)
{
    if (args_has(t->args, OPT_JSON)) return print_json(t), EXIT_GOOD;
    for (uint32_t o = 0; o < t->entry->noutputs; o++) {
        printf("%s: %s\n", t->outputs[o].view->name, shape_text(t, t->outputs[o].view));
        print_values(t, &t->outputs[o]);
    }
    return EXIT_GOOD;
}

int command_run(Args *a)
{
    Trial t = {.args = a};
    int status = running_open(a, &t.run);
    if (status) return status;
    status = find_model(&t);
    if (!status) status = load(&t);
    if (!status) status = run_once(&t);
    if (!status) status = print_outputs(&t);
    running_close(&t.run);
    return status;
}
