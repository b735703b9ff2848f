/* predict.c: a forward pass over a file of data, to CSV with class names, or to npy. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

typedef struct Prediction {
    Args *args;
    Running run;
    int32_t at;
    const nnrt_entry *entry;
    Dataset data;
    Column *outputs;
} Prediction;

static int find_model(Prediction *p)
{
    if (find_predict(p->args, p->run.model, &p->at)) return EXIT_MODEL;
    p->entry = &p->run.model->entries[p->at];
    return 0;
}

static int load(Prediction *p)
{
    Args *a = p->args;
    int status;
    int64_t seed = 0;
    if (!args_count(a, OPT_SEED, 0, &seed)) return EXIT_USAGE;
    if ((status = weights_wanted(a, p->run.model))) return status;
    if (!a->values[OPT_DATA].n)
        return usage_error("no data: give --data FILE.csv, or --data INPUT=FILE for each input");
    if (nnrt_init(p->run.session, (uint64_t)seed)) return failure("%s", nnrt_error(p->run.session));
    if (!data_load(a->cx, p->entry, a->values[OPT_DATA].at, a->values[OPT_DATA].n,
                   &p->data, &status))
        return model_finish(a, status);
    return 0;
}

/* The samples go through the model in batches: what it says of all of them together no batch can tell. */
static int refuse_whole(const nnrt_view *v)
{
    return failure("`%s` (%s) is no row for each sample: `nnc run` tells what it is for all of the data", v->name,
                   v->where);
}

static int allocate_outputs(Prediction *p)
{
    const int64_t *sizes = data_sizes(p->args->cx->arena, p->entry, &p->data);
    p->outputs = NEW_ARRAY(p->args->cx->arena, Column, p->entry->noutputs);
    for (uint32_t o = 0; o < p->entry->noutputs; o++) {
        Column *c = &p->outputs[o];
        c->view = &p->entry->outputs[o];
        c->rank = (int)c->view->rank;
        c->row_bytes = nnrt_dtype_bytes(c->view->dtype);
        if (!data_is_sampled(p->entry, c->view) && (c->rank || p->data.rows > 1)) return refuse_whole(c->view);
        for (int i = 0; i < c->rank; i++) {
            c->shape[i] = i ? data_axis_size(p->entry, sizes, &c->view->axes[i]) : p->data.rows;
            if (i) c->row_bytes *= (size_t)c->shape[i];
        }
        c->at = arena_alloc(p->args->cx->arena, c->row_bytes * (size_t)p->data.rows);
    }
    return 0;
}

/* What a batch takes of a column: its rows of samples; all of what is the same for every batch. */
typedef struct Part { int64_t dims[DATA_MAX_RANK]; char *at; size_t bytes; } Part;

static Part part_of(const Prediction *p, const Column *c, int64_t first, int64_t rows)
{
    bool sampled = data_is_sampled(p->entry, c->view);
    int64_t all = c->rank ? c->shape[0] : 1;
    Part part = {.at = (char *)c->at + (sampled ? c->row_bytes * (size_t)first : 0),
                 .bytes = c->row_bytes * (size_t)(sampled ? rows : all)};
    memcpy(part.dims, c->shape, sizeof part.dims);
    if (sampled) part.dims[0] = rows;
    return part;
}

static int run_batch(Prediction *p, int64_t first, int64_t rows)
{
    nnrt_session *s = p->run.session;
    int32_t rc = 0;
    for (int i = 0; i < p->data.n && !rc; i++) {
        const nnrt_view *v = p->data.columns[i].view;
        Part part = part_of(p, &p->data.columns[i], first, rows);
        rc = nnrt_bind_input_at(s, p->at, i, v->dtype, v->rank, part.dims, part.at, part.bytes);
    }
    for (uint32_t i = 0; i < p->entry->noutputs && !rc; i++) {
        const nnrt_view *v = p->outputs[i].view;
        Part part = part_of(p, &p->outputs[i], first, rows);
        rc = nnrt_bind_output_at(s, p->at, (int32_t)i, v->dtype, v->rank, part.dims, part.at, part.bytes);
    }
    nnrt_step clock = *nnrt_clock(s);
    clock.first_sample = (uint64_t)first;
    if (!rc) rc = nnrt_set_clock(s, &clock);
    if (!rc) rc = nnrt_run(s, p->at);
    return rc ? failure("%s", nnrt_error(s)) : 0;
}

static int run_all(Prediction *p)
{
    int64_t batch = p->entry->batch ? p->entry->batch : 256, rows = p->data.rows;
    if (!args_count(p->args, OPT_BATCH, 1, &batch)) return EXIT_USAGE;
    if (p->entry->batch && batch != p->entry->batch)
        return usage_error("the model takes %" PRId64 " samples at a time; --batch cannot change that",
                           p->entry->batch);
    int64_t rest = p->entry->batch ? rows % batch : 0;
    if (rest)
        return failure("%" PRId64 " samples do not fill batches of %" PRId64 ", which the model takes", rows, batch);
    int status = 0;
    for (int64_t first = 0; first < rows && !status; first += batch)
        status = run_batch(p, first, rows - first < batch ? rows - first : batch);
    return status;
}

static const char *const *class_names(const nnrt_view *v) { return v->rank == 2 ? v->axes[1].labels : NULL; }

static void csv_header(const Prediction *p, Text *to)
{
    for (uint32_t o = 0; o < p->entry->noutputs; o++) {
        const char **names;
        int n;
        const Column *c = &p->outputs[o];
        csv_names(to->arena, c->view, c->shape, INT_MAX, &names, &n);
        for (int i = 0; i < n; i++) {
            if (to->n) text_add(to, ",");
            csv_field(to, names[i]);
        }
        if (class_names(c->view)) text_add(to, ",%s", p->entry->noutputs > 1 ? c->view->name : "class");
    }
    text_add(to, "\n");
}

static void csv_row(const Column *c, int64_t row, Text *to)
{
    int64_t width = (int64_t)(c->row_bytes / nnrt_dtype_bytes(c->view->dtype)), best = 0;
    for (int64_t i = 0; i < width; i++) {
        double v = column_number(c, row * width + i);
        if (v > column_number(c, row * width + best)) best = i;
        const char *const *labels = c->view->labels;
        if (i) text_add(to, ",");
        if (labels && v >= 0 && v < (double)c->view->range)
            csv_field(to, labels[(int64_t)v]);
        else
            text_add(to, "%s", column_text(to->arena, c, row * width + i));
    }
    if (!class_names(c->view)) return;
    text_add(to, ",");
    csv_field(to, class_names(c->view)[best]);
}

static int write_text(const char *path, const Text *text)
{
    if (write_file(path, text->at, text->n)) return EXIT_GOOD;
    failure("`%s` cannot be written: %s", path, strerror(errno));
    return EXIT_NO_OUTPUT;
}

static int write_csv(const Prediction *p, const char *path)
{
    Text text = {p->args->cx->arena, 0, 0, 0};
    csv_header(p, &text);
    for (int64_t row = 0; row < p->data.rows; row++) {
        for (uint32_t o = 0; o < p->entry->noutputs; o++) {
            if (o) text_add(&text, ",");
            csv_row(&p->outputs[o], row, &text);
        }
        text_add(&text, "\n");
    }
    return write_text(path, &text);
}

/* One file an output; with several, each bears its output's name. */
static int write_npy(const Prediction *p, const char *path)
{
    int status = 0;
    for (uint32_t o = 0; o < p->entry->noutputs && !status; o++) {
        const Column *c = &p->outputs[o];
        Text text = {p->args->cx->arena, 0, 0, 0};
        npy_write(&text, c->view->dtype, c->rank, c->shape, c->at, c->row_bytes * (size_t)p->data.rows);
        const char *to = p->entry->noutputs == 1
                             ? path
                             : str_format(text.arena, "%.*s.%s.npy", (int)(strlen(path) - 4), path, c->view->name);
        status = write_text(to, &text);
    }
    return status;
}

static int write_outputs(const Prediction *p)
{
    const char *path = args_text(p->args, OPT_OUTPUT);
    if (path && str_ends(path, ".npy")) return write_npy(p, path);
    return write_csv(p, path ? path : "-");
}

static int check_output(const Prediction *p)
{
    const char *to = args_text(p->args, OPT_OUTPUT), *weights = args_text(p->args, OPT_WEIGHTS);
    if (!to) return 0;
    int status = refuse_overwriting(to, p->data.paths, p->data.n);
    if (!status) status = refuse_overwriting(to, &weights, weights != NULL);
    if (!status) status = refuse_overwriting(to, p->args->operands.at, 1);
    if (status || (!str_ends(to, ".npz") && !str_ends(to, ".safetensors"))) return status;
    return usage_error("predictions are written as CSV, or as npy where the name ends in .npy, not as `%s`", to);
}

int command_predict(Args *a)
{
    Prediction p = {.args = a};
    if (args_has(a, OPT_DUMP)) return dump_command(a, false);
    int status = running_open(a, &p.run);
    if (status) return status;
    status = find_model(&p);
    if (!status) status = load(&p);
    if (!status) status = check_output(&p);
    if (!status) status = allocate_outputs(&p);
    if (!status) status = run_all(&p);
    if (!status) status = write_outputs(&p);
    running_close(&p.run);
    return status;
}
