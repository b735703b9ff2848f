/* train.c: a model trained in this process: the same machine code that a library would hold. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <inttypes.h>
#include <string.h>

typedef struct Training {
    Args *args;
    Running run;
    const nnrt_entry *entry;
    const TrainInfo *info;
    const nnrt_train *settings;
    Dataset data, test;
    bool has_test, failed;
    int64_t seed, epochs, batch;
    nnrt_source source, held_out;
    Bar *bar;
    RunFolder *folder;
} Training;

static int find_entry(Training *t)
{
    const nnrt_model *m = t->run.model;
    const char *name = args_text(t->args, OPT_MODEL);
    int32_t at = nnrt_find_entry(m, name, NNRT_STEP);
    if (at < 0 && name) return failure("`%s` has no train block `%s`", m->source, name);
    if (at < 0) return failure("`%s` has no train block: there is nothing to train", m->source);
    t->entry = &m->entries[at];
    t->settings = &m->trains[t->entry->train];
    for (int i = 0; i < t->run.program->trains.n; i++)
        if (str_equal(t->run.program->trains.at[i].name, t->settings->name)) t->info = &t->run.program->trains.at[i];
    return 0;
}

static const char *beside(Args *a, const char *path)
{
    const char *model = a->operands.at[0], *slash = strrchr(model, '/');
    return path[0] == '/' || !slash ? path : str_format(a->cx->arena, "%.*s/%s", (int)(slash - model), model, path);
}

static int load_data(Training *t)
{
    Args *a = t->args;
    int status, n = a->values[OPT_DATA].n;
    const char *const *specs = a->values[OPT_DATA].at, *own;
    if (!n && t->info && t->info->data) own = beside(a, t->info->data), specs = &own, n = 1;
    if (!n) return usage_error("no data: give --data FILE.csv, or --data INPUT=FILE for each input");
    const nnrt_view *views = t->entry->inputs;
    int nviews = (int)t->entry->ninputs;
    if (!data_load(a->cx, views, nviews, specs, n, &t->data, &status)) return model_finish(a, status);
    t->has_test = args_has(a, OPT_TEST);
    if (!t->has_test) return 0;
    if (!data_load(a->cx, views, nviews, a->values[OPT_TEST].at, a->values[OPT_TEST].n, &t->test, &status))
        return model_finish(a, status);
    return 0;
}

static bool read_settings(Training *t)
{
    const nnrt_train *s = t->settings;
    uint32_t totals = 2;
    for (uint32_t i = 0; i < t->entry->nmetrics; i++) totals += 1 + t->entry->metrics[i].pair;
    bool stops = t->entry->ntotals > totals; /* what is left are `stop` conditions */
    t->seed = s->seed >= 0 ? s->seed : 0;
    t->epochs = s->epochs > 0 ? s->epochs : stops ? 0 : 1;
    t->batch = s->batch > 0 ? s->batch : 0;
    return args_count(t->args, OPT_SEED, 0, &t->seed) && args_count(t->args, OPT_EPOCHS, 1, &t->epochs)
        && args_count(t->args, OPT_BATCH, 1, &t->batch);
}

/* What the data says of a symbol: the length of an axis that is just that; 1 where no input has one. */
static int64_t symbol_size(const Training *t, const Dataset *d, int32_t symbol)
{
    for (int i = 0; i < d->n; i++)
        for (uint32_t x = 0; x < t->entry->inputs[i].rank; x++)
            if (t->entry->inputs[i].axes[x].symbol == symbol) return d->columns[i].shape[x];
    return 1;
}

static void fill_source(Training *t, nnrt_source *s, const Dataset *d)
{
    nnrt_source_init(s);
    const void **arrays = NEW_ARRAY(t->args->cx->arena, const void *, d->n);
    int64_t *sizes = NEW_ARRAY(t->args->cx->arena, int64_t, t->entry->nsymbols + 1);
    for (int i = 0; i < d->n; i++) arrays[i] = d->columns[i].at;
    for (uint32_t i = 0; i < t->entry->nsymbols; i++) sizes[i] = symbol_size(t, d, t->entry->symbols[i]);
    s->rows = d->rows;
    s->arrays = arrays;
    s->sizes = sizes;
}

/* `split a/b` holds out the last of the samples in the order of (seed, epoch 0); with --no-shuffle of the file. */
static int split(Training *t)
{
    int64_t a = t->settings->split_train, b = t->settings->split_test, n = t->data.rows;
    fill_source(t, &t->source, &t->data);
    if (t->has_test) fill_source(t, &t->held_out, &t->test);
    if (t->has_test || a < 0 || b <= 0) return 0;
    int64_t held = (int64_t)((double)n * (double)b / (double)(a + b));
    if (held < 1) held = 1;
    if (held >= n) return failure("%" PRId64 " samples cannot be split %" PRId64 "/%" PRId64, n, a, b);
    int64_t *order = NEW_ARRAY(t->args->cx->arena, int64_t, n);
    if (args_has(t->args, OPT_NO_SHUFFLE)) for (int64_t i = 0; i < n; i++) order[i] = i;
    else nnrt_shuffle((uint64_t)t->seed, 0, order, n);
    t->held_out = t->source;
    t->source.chosen = order;
    t->source.nchosen = n - held;
    t->held_out.chosen = order + n - held;
    t->held_out.nchosen = held;
    t->has_test = true;
    return 0;
}

static int on_batch(void *user, const nnrt_progress *p)
{
    Training *t = user;
    if (t->bar) bar_batch(t->bar, p);
    return 0;
}

static int on_epoch(void *user, const nnrt_progress *p)
{
    Training *t = user;
    if (t->bar) bar_epoch(t->bar, p);
    if (p->dropped && p->epoch == 1)
        fprintf(stderr, "note: the last %" PRId64 " samples of an epoch do not fill a batch of %" PRId64 " and are left out\n",
                p->dropped, t->entry->batch);
    t->failed = !folder_epoch(t->folder, p);
    return t->failed;
}

static const char *run_folder(Args *a, const Program *p)
{
    const char *given = args_text(a, OPT_LOG);
    return given ? given : str_format(a->cx->arena, "%s.run", p->name);
}

static int start(Training *t)
{
    nnrt_session *s = t->run.session;
    if (nnrt_init(s, (uint64_t)t->seed)) return failure("%s", nnrt_error(s));
    const char *weights = args_text(t->args, OPT_WEIGHTS);
    if (weights && nnrt_load(s, weights)) return failure("%s", nnrt_error(s));
    if (!args_has(t->args, OPT_QUIET)) t->bar = bar_new(t->args, t->entry);
    t->folder = folder_new(t->args, &t->run, run_folder(t->args, t->run.program), t->entry);
    return t->folder ? 0 : EXIT_NO_OUTPUT;
}

static int fit(Training *t)
{
    nnrt_fit_options o;
    nnrt_fit_options_init(&o);
    o.shuffle = !args_has(t->args, OPT_NO_SHUFFLE);
    o.epochs = t->epochs;
    o.batch = t->batch;
    o.seed = (uint64_t)t->seed;
    o.test = t->has_test ? &t->held_out : NULL;
    o.user = t;
    o.on_batch = on_batch;
    o.on_epoch = on_epoch;
    if (nnrt_fit(t->run.session, t->settings->name, &t->source, &o)) return failure("%s", nnrt_error(t->run.session));
    if (t->failed) return EXIT_NO_OUTPUT;
    printf("%s/last.safetensors\n", folder_path(t->folder));
    return EXIT_GOOD;
}

int command_train(Args *a)
{
    Training t = {.args = a};
    int status = build_running(a, &t.run);
    if (status) return status;
    status = find_entry(&t);
    if (!status) status = load_data(&t);
    if (!status && !read_settings(&t)) status = EXIT_USAGE;
    if (!status) status = split(&t);
    if (!status) status = start(&t);
    if (!status) status = fit(&t);
    running_close(&t.run);
    return status;
}
