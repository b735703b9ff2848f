/* eval.c: loss and metrics of a trained model over all samples of its data. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <inttypes.h>
#include <math.h>

typedef struct Evaluation {
    Args *args;
    Running run;
    const nnrt_entry *entry;
    const TrainInfo *info;
    const char *train;
    Dataset data;
    double *totals;
} Evaluation;

static int find_entry(Evaluation *e)
{
    e->entry = train_entry(e->args, &e->run, NNRT_EVAL, ", which says what loss and metrics are", &e->info);
    if (!e->entry) return EXIT_MODEL;
    e->train = e->run.model->trains[e->entry->train].name;
    return 0;
}

static int load(Evaluation *e)
{
    Args *a = e->args;
    int status, n;
    const char *const *specs;
    int64_t seed = 0;
    if (!args_count(a, OPT_SEED, 0, &seed)) return EXIT_USAGE;
    if ((status = weights_wanted(a, e->run.model))) return status;
    if (!(n = data_given(a, e->info, &specs))) return EXIT_USAGE;
    if (nnrt_init(e->run.session, (uint64_t)seed)) return failure("%s", nnrt_error(e->run.session));
    if (data_load(a->cx, e->entry, specs, n, &e->data, &status)) return 0;
    return model_finish(a, status);
}

static int run(Evaluation *e)
{
    int64_t batch = e->entry->batch ? e->entry->batch : 256, rows = e->data.rows;
    nnrt_source source;
    if (!args_count(e->args, OPT_BATCH, 1, &batch)) return EXIT_USAGE;
    if (e->entry->batch && batch != e->entry->batch)
        return usage_error("the train block takes %" PRId64 " samples at a time; --batch cannot change that",
                           e->entry->batch);
    if (e->entry->batch && rows % batch)
        return failure("%" PRId64 " samples do not fill batches of %" PRId64 ", which the train block takes", rows,
                       batch);
    data_source(e->args->cx->arena, e->entry, &e->data, &source);
    e->totals = NEW_ARRAY(e->args->cx->arena, double, e->entry->ntotals);
    if (!nnrt_evaluate(e->run.session, e->train, &source, batch, e->totals)) return 0;
    return failure("%s", nnrt_error(e->run.session));
}

static void print_number(const Evaluation *e, const char *name, double v)
{
    const char *text = text_number(e->args->cx->arena, v, false);
    if (!args_has(e->args, OPT_JSON))
        printf("%-16s %s\n", name, text);
    else
        printf(", \"%s\": %s", name, isfinite(v) ? text : "null");
}

static int print_totals(const Evaluation *e)
{
    bool json = args_has(e->args, OPT_JSON);
    printf(json ? "{\"samples\": %" PRId64 : "samples          %" PRId64 "\n", e->data.rows);
    if (e->info && e->info->has_loss) print_number(e, "loss", nnrt_loss_of(e->totals));
    for (uint32_t i = 0; i < e->entry->nmetrics; i++)
        print_number(e, e->entry->metrics[i].name, nnrt_metric_of(&e->entry->metrics[i], e->totals));
    if (json) puts("}");
    return EXIT_GOOD;
}

int command_eval(Args *a)
{
    Evaluation e = {.args = a};
    if (args_has(a, OPT_DUMP)) return dump_command(a, true);
    int status = build_running(a, &e.run);
    if (status) return status;
    status = find_entry(&e);
    if (!status) status = load(&e);
    if (!status) status = run(&e);
    if (!status) status = print_totals(&e);
    running_close(&e.run);
    return status;
}
