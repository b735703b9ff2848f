/* train.c: a model trained in this process: the same machine code that a library would hold. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include "driver/report/report.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct Training {
    Args *args;
    Running run;
    const nnrt_entry *entry;
    const TrainInfo *info;
    const nnrt_train *settings;
    Dataset data, test;
    bool has_test, failed, shuffle;
    int interrupted; /* by this signal; 0: not */
    int64_t seed, epochs, batch, accumulate, max_updates, patience, checkpoint_every;
    int64_t split_train, split_test;
    uint32_t on_nan;
    const char *resumed; /* the checkpoint that the run goes on from, or NULL */
    nnrt_source source, held_out;
    Bar *bar;
    RunFolder *folder;
    Report *report;
} Training;

/* A step without next values, as of a block with a loss and no optimizer: a host may want its gradients alone. */
static void note_nothing_learns(const Training *t)
{
    const Graph *step = t->info ? t->info->step : NULL;
    for (int i = 0; step && i < step->results.n; i++)
        if (step->results.at[i].kind == RESULT_NEXT) return;
    if (step)
        fprintf(stderr, "note: nothing learns in `%s`: it has no `optimizer` (such as `optimizer adam`) and no equation\n",
                t->info->name);
}

static int find_entry(Training *t)
{
    t->entry = train_entry(t->args, &t->run, NNRT_STEP, ": there is nothing to train", &t->info);
    if (!t->entry) return EXIT_MODEL;
    t->settings = &t->run.model->trains[t->entry->train];
    note_nothing_learns(t);
    return 0;
}

static int load_data(Training *t)
{
    Args *a = t->args;
    const char *const *specs;
    int status, n = data_given(a, t->info, &specs);
    if (!n) return EXIT_USAGE;
    if (!data_load(a->cx, t->entry, specs, n, &t->data, &status)) return model_finish(a, status);
    t->has_test = args_has(a, OPT_TEST);
    if (!t->has_test) return 0;
    if (!data_load(a->cx, t->entry, a->values[OPT_TEST].at, a->values[OPT_TEST].n, &t->test, &status))
        return model_finish(a, status);
    return 0;
}

/* ---- settings ---- */
static bool read_split(Training *t)
{
    const char *text = args_text(t->args, OPT_SPLIT);
    char *slash, *end = NULL;
    t->split_train = t->settings->split_train;
    t->split_test = t->settings->split_test;
    if (!text) return true;
    long long a = strtoll(text, &slash, 10), b = *slash == '/' ? strtoll(slash + 1, &end, 10) : -1;
    t->split_train = a;
    t->split_test = b;
    if (slash > text && a > 0 && b >= 0 && end > slash + 1 && !*end && a < 1 << 30 && b < 1 << 30) return true;
    usage_error("--split wants A/B, as in 80/20: whole numbers, A from 1 up, B from 0 up, not `%s`", text);
    return false;
}

/* What the file says, or else the run that goes on. */
static void read_defaults(Training *t)
{
    const nnrt_train *s = t->settings;
    const nnrt_cursor *c = nnrt_cursor_of(t->run.session);
    uint32_t totals = 2;
    for (uint32_t i = 0; i < t->entry->nmetrics; i++) totals += 1 + t->entry->metrics[i].pair;
    bool stops = t->entry->ntotals > totals; /* what is left are `stop` conditions */
    bool bounded = stops || args_has(t->args, OPT_MAX_UPDATES) || args_has(t->args, OPT_EARLY_STOP);
    t->seed = t->resumed ? (int64_t)nnrt_clock(t->run.session)->seed : s->seed >= 0 ? s->seed : 0;
    t->epochs = s->epochs > 0 ? s->epochs : bounded ? 0 : 1;
    t->batch = t->resumed && c->batch ? c->batch : s->batch > 0 ? s->batch : 0;
    t->accumulate = t->resumed && c->accumulate ? c->accumulate : 1;
    t->shuffle = !args_has(t->args, OPT_NO_SHUFFLE) && (!t->resumed || c->shuffle || !c->rows);
}

static bool has_loss(const Training *t) { return t->info && t->info->has_loss; }

/* Which epoch is the best is told by its loss. */
static bool refuse_best(const Training *t)
{
    const char *word = args_has(t->args, OPT_EARLY_STOP) ? "early-stop" : "save-best";
    if (has_loss(t) || (!args_has(t->args, OPT_EARLY_STOP) && !args_has(t->args, OPT_SAVE_BEST))) return false;
    usage_error("`%s` has no `loss`, which tells the best epoch: leave out --%s", t->settings->name, word);
    return true;
}

static bool read_settings(Training *t)
{
    Args *a = t->args;
    read_defaults(t);
    int64_t seed = t->seed;
    if (!args_count(a, OPT_SEED, 0, &t->seed) || !args_count(a, OPT_EPOCHS, 1, &t->epochs) ||
        !args_count(a, OPT_BATCH, 1, &t->batch) || !args_count(a, OPT_ACCUMULATE, 1, &t->accumulate) ||
        !args_count(a, OPT_MAX_UPDATES, 1, &t->max_updates) || !args_count(a, OPT_EARLY_STOP, 1, &t->patience) ||
        !args_count(a, OPT_CHECKPOINT_EVERY, 1, &t->checkpoint_every) || !read_split(t) || refuse_best(t))
        return false;
    t->on_nan = str_equal(args_text(a, OPT_ON_NAN), "skip") ? NNRT_SKIP_ON_NAN : NNRT_STOP_ON_NAN;
    if (t->resumed && t->seed != seed)
        return usage_error("the run was begun with seed %" PRId64 ": leave out --seed", seed), false;
    if (t->has_test && args_has(a, OPT_SPLIT))
        return usage_error("--test and --split both hold samples out: give one of them"), false;
    return true;
}

/* ---- where to begin ---- */
static int load_checkpoint(Training *t)
{
    const char *given = args_text(t->args, OPT_RESUME);
    nnrt_session *s = t->run.session;
    if (!given) return 0;
    if (args_has(t->args, OPT_WEIGHTS) || args_has(t->args, OPT_INIT_FROM))
        return usage_error("--resume takes everything from the checkpoint: leave out --weights and --init-from");
    t->resumed = is_folder(given) ? str_format(t->args->cx->arena, "%s/" CHECKPOINT_NAME, given) : given;
    int32_t status = nnrt_load_checkpoint(s, t->resumed);
    if (status) {
        Diag *d = diag_error(t->args->cx->diags, "E0219", NO_SPAN, "%s", nnrt_error(s));
        if (status == NNRT_ERR_SHAPE) diag_help(d, "--init-from begins anew with what matches in a file");
        return model_finish(t->args, EXIT_MODEL);
    }
    const nnrt_cursor *c = nnrt_cursor_of(s);
    if (c->train >= 0 && c->train != t->entry->train) {
        const char *other = t->run.model->trains[c->train].name;
        diag_help(diag_error(t->args->cx->diags, "E0219", NO_SPAN, "`%s` is a checkpoint of the train block `%s`",
                             t->resumed, other), "give --model %s", other);
        return model_finish(t->args, EXIT_MODEL);
    }
    if (c->changed) fprintf(stderr, "note: the model computes something else than the one that was saved\n");
    return 0;
}

static void tell(void *user, const char *sentence)
{
    int *told = user;
    if ((*told)++ < MOST_SHOWN) fprintf(stderr, "note: %s\n", sentence);
}

static int load_matching(Training *t, const char *path)
{
    int told = 0;
    int32_t status = nnrt_load_matching(t->run.session, path, tell, &told);
    if (told > MOST_SHOWN) fprintf(stderr, "note: and %d more like these\n", told - MOST_SHOWN);
    if (!status) return 0;
    weights_refused(t->args->cx, path, nnrt_error(t->run.session));
    return model_finish(t->args, EXIT_MODEL);
}

static int load_values(Training *t)
{
    nnrt_session *s = t->run.session;
    const char *weights = args_text(t->args, OPT_WEIGHTS), *matching = args_text(t->args, OPT_INIT_FROM);
    if (t->resumed) return 0;
    if (weights && matching) return usage_error("--weights and --init-from both give first values: give one of them");
    if (nnrt_init(s, (uint64_t)t->seed)) return failure("%s", nnrt_error(s));
    return matching ? load_matching(t, matching) : 0;
}

/* ---- samples ---- */
/* `split a/b` holds out the last of the samples in the order of (seed, epoch 0); with --no-shuffle of the file. */
static int split(Training *t)
{
    int64_t a = t->split_train, b = t->split_test, n = t->data.rows;
    data_source(t->args->cx->arena, t->entry, &t->data, &t->source);
    if (t->has_test) data_source(t->args->cx->arena, t->entry, &t->test, &t->held_out);
    if (t->has_test || a < 0 || b <= 0) return 0;
    int64_t held = (int64_t)((double)n * (double)b / (double)(a + b));
    if (held < 1) held = 1;
    if (held >= n) {
        diag_error(t->args->cx->diags, "E0213", NO_SPAN, "%" PRId64 " sample%s cannot be split %" PRId64 "/%" PRId64
                   ": none would be left to train on", n, n == 1 ? "" : "s", a, b);
        return model_finish(t->args, EXIT_MODEL);
    }
    int64_t *order = NEW_ARRAY(t->args->cx->arena, int64_t, n);
    for (int64_t i = 0; i < n; i++) order[i] = i;
    if (t->shuffle) nnrt_shuffle((uint64_t)t->seed, 0, order, n);
    t->held_out = t->source;
    t->source.chosen = order;
    t->source.nchosen = n - held;
    t->held_out.chosen = order + n - held;
    t->held_out.nchosen = held;
    t->has_test = true;
    return 0;
}

/* A run that goes on wants the samples it began with. */
static int check_rows(const Training *t)
{
    const nnrt_cursor *c = nnrt_cursor_of(t->run.session);
    int64_t n = t->source.chosen ? t->source.nchosen : t->source.rows;
    if (t->entry->batch) n = n / t->entry->batch * t->entry->batch;
    if (!t->resumed || !c->rows) return 0;
    bool same = t->accumulate == c->accumulate && t->shuffle == (c->shuffle != 0);
    if (!same || (t->batch != c->batch && t->batch <= c->rows))
        fprintf(stderr, "note: the run goes on in other batches than it began with\n");
    if (c->rows == n) return 0;
    return failure("the run has epochs of %" PRId64 " samples, and these data give %" PRId64
                   ": --data, --test and --split must be as they were", c->rows, n);
}

/* ---- while it runs ---- */
static volatile sig_atomic_t asked_to_stop;

static void ask_to_stop(int signal_number)
{
    asked_to_stop = signal_number;
}

/* The first one asks; the second finds the system's own handling, which ends the process. Where it is ignored, as Ctrl-C
   is by what runs in the background, it stays so. */
static void watch(int signal_number)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND | SA_RESTART}, was;
    if (!sigaction(signal_number, NULL, &was) && was.sa_handler != SIG_IGN) sigaction(signal_number, &action, NULL);
}

static void watch_interrupts(void)
{
    asked_to_stop = 0;
    watch(SIGINT);
    watch(SIGTERM);
}

static int on_batch(void *user, const nnrt_progress *p)
{
    Training *t = user;
    if (t->bar) bar_batch(t->bar, p);
    if (t->checkpoint_every && p->step % (uint64_t)t->checkpoint_every == 0)
        t->failed = !folder_checkpoint(t->folder, false);
    t->interrupted = asked_to_stop;
    return t->failed || t->interrupted != 0;
}

static void note_dropped(const Training *t, const nnrt_progress *p)
{
    if (p->dropped && p->epoch == 1)
        fprintf(stderr,
                "note: the last %" PRId64 " samples of an epoch do not fill a batch of %" PRId64 " and are left out\n",
                p->dropped, t->entry->batch);
}

static int on_epoch(void *user, const nnrt_progress *p)
{
    Training *t = user;
    bool save_best = p->best && args_has(t->args, OPT_SAVE_BEST);
    if (t->bar) bar_epoch(t->bar, p);
    note_dropped(t, p);
    if (p->skipped) fprintf(stderr, "note: batches left out so far, as not finite: %" PRIu64 "\n", p->skipped);
    t->failed = !folder_epoch(t->folder, p) || !folder_checkpoint(t->folder, save_best) ||
                !report_epoch(t->report, p);
    return t->failed;
}

/* ---- the run folder ---- */
/* A run that goes on from its own folder stays there. */
static const char *run_folder(const Training *t)
{
    Arena *arena = t->args->cx->arena;
    const char *given = args_text(t->args, OPT_LOG), *from = args_text(t->args, OPT_RESUME);
    if (given) return given;
    if (from && is_folder(from)) return from;
    const char *slash = from ? strrchr(from, '/') : NULL;
    if (slash && slash > from && (str_equal(slash + 1, CHECKPOINT_NAME) || str_equal(slash + 1, BEST_CHECKPOINT_NAME)))
        return str_copy_n(arena, from, (size_t)(slash - from));
    return str_format(arena, "%s.run", t->run.program->name);
}

static const char *number(const Training *t, int64_t v) { return str_format(t->args->cx->arena, "%" PRId64, v); }
static const char *hash(const Training *t, uint64_t v) { return str_format(t->args->cx->arena, "%016" PRIx64, v); }
static const char *truth(bool v) { return v ? "true" : "false"; }

static const char *joined(const Training *t, OptionId id)
{
    Text text = {t->args->cx->arena, 0, 0, 0};
    for (int i = 0; i < t->args->values[id].n; i++) text_add(&text, "%s%s", i ? " " : "", t->args->values[id].at[i]);
    return text_done(&text);
}

static bool start_report(Training *t, const Setting *settings, int n)
{
    Arena *arena = t->args->cx->arena;
    ReportSetup s = {
        .arena = arena, .folder = folder_path(t->folder), .model_file = t->args->operands.at[0],
        .session = t->run.session, .entry = t->entry, .train = &t->source, .test = t->has_test ? &t->held_out : NULL,
        .seed = t->seed, .epochs = t->epochs, .has_loss = has_loss(t), .resumed = t->resumed != NULL,
        .settings = arena_copy(arena, settings, (size_t)n * sizeof *settings), .nsettings = n,
        .memory_plan = report_memory_plan(arena, t->run.program)};
    t->report = report_start(&s);
    return t->report != NULL;
}

static bool write_settings(Training *t)
{
    const nnrt_model *m = t->run.model;
    bool splits = t->split_test > 0 && !args_has(t->args, OPT_TEST);
    const Setting list[] = {
        {"nnc", NNC_VERSION}, {"model", t->args->operands.at[0]}, {"train", t->settings->name},
        {"define", joined(t, OPT_DEFINE)}, {"data", joined(t, OPT_DATA)}, {"test", joined(t, OPT_TEST)},
        {"split", splits ? str_format(t->args->cx->arena, "%" PRId64 "/%" PRId64, t->split_train, t->split_test) : ""},
        {"seed", number(t, t->seed)}, {"epochs", number(t, t->epochs)}, {"batch", number(t, t->batch)},
        {"accumulate", number(t, t->accumulate)}, {"shuffle", truth(t->shuffle)},
        {"max_updates", number(t, t->max_updates)}, {"early_stop", number(t, t->patience)},
        {"on_nan", t->on_nan == NNRT_SKIP_ON_NAN ? "skip" : "stop"},
        {"samples", number(t, t->source.chosen ? t->source.nchosen : t->source.rows)},
        {"held_out", number(t, !t->has_test ? 0 : t->held_out.chosen ? t->held_out.nchosen : t->held_out.rows)},
        {"resumed_from", t->resumed ? t->resumed : ""},
        {"level", m->level}, {"weights_hash", hash(t, m->weights_hash)}, {"optimizer_hash", hash(t, m->opt_hash)},
        {"graph_hash", hash(t, m->graph_hash)},
    };
    return start_report(t, list, (int)COUNT(list)) && folder_settings(t->folder, list, (int)COUNT(list));
}

static int start(Training *t)
{
    int status = load_values(t);
    if (status) return status;
    if (!args_has(t->args, OPT_QUIET)) t->bar = bar_new(t->args, t->entry, has_loss(t));
    uint64_t epoch = t->resumed ? nnrt_clock(t->run.session)->epoch : 0;
    t->folder = folder_new(t->args, &t->run, run_folder(t), t->entry, has_loss(t), epoch);
    return t->folder && write_settings(t) ? 0 : EXIT_NO_OUTPUT;
}

/* ---- the run ---- */
/* A field of a table that says `nan` is a number to its reader, and the end of training. */
static void note_not_finite(const Training *t)
{
    const char *input;
    int64_t row;
    if (!data_not_finite(&t->data, &input, &row)) return;
    fprintf(stderr, "note: sample %" PRId64 " of the data has a value of `%s` that is infinite or not a number\n", row + 1,
            input);
}

static bool is_done(int64_t whole, uint64_t done, const char *of_what)
{
    if (!whole || done < (uint64_t)whole) return false;
    fprintf(stderr, "note: the run has had %" PRIu64 " %s: more of them make it go on\n", done, of_what);
    return true;
}

static void note_early_stop(const Training *t)
{
    uint64_t done = nnrt_clock(t->run.session)->epoch - 1, best = nnrt_cursor_of(t->run.session)->best_epoch;
    if (t->patience && done - best >= (uint64_t)t->patience)
        fprintf(stderr, "stopped early: epoch %" PRIu64 " was the best\n", best);
}

static int finish(Training *t, int32_t status)
{
    const nnrt_step *clock = nnrt_clock(t->run.session);
    if (status) failure("%s", nnrt_error(t->run.session));
    if (status == NNRT_ERR_NONFINITE) note_not_finite(t);
    if (status) return EXIT_MODEL;
    if (t->failed) return EXIT_NO_OUTPUT;
    if (!folder_last(t->folder)) return EXIT_NO_OUTPUT;
    if (t->interrupted) {
        if (!folder_checkpoint(t->folder, false)) return EXIT_NO_OUTPUT;
        fprintf(stderr, "\nstopped in epoch %" PRIu64 " after step %" PRIu64 "; --resume %s goes on\n", clock->epoch,
                clock->step - 1, folder_path(t->folder));
        return EXIT_SIGNAL + t->interrupted;
    }
    note_early_stop(t);
    printf("%s/last.safetensors\n", folder_path(t->folder));
    return EXIT_GOOD;
}

static int fit(Training *t)
{
    const nnrt_step *clock = nnrt_clock(t->run.session);
    nnrt_fit_options o;
    nnrt_fit_options_init(&o);
    o.shuffle = t->shuffle;
    o.batch = t->batch;
    o.seed = (uint64_t)t->seed;
    o.test = t->has_test ? &t->held_out : NULL;
    o.accumulate = t->accumulate;
    o.patience = t->patience;
    o.on_nan = t->on_nan;
    o.user = t;
    o.on_batch = on_batch;
    o.on_epoch = on_epoch;
    o.epochs = t->epochs ? t->epochs - (int64_t)clock->epoch + 1 : 0;
    o.max_updates = t->max_updates;
    if (is_done(t->epochs, clock->epoch - 1, "epochs")) return finish(t, NNRT_OK);
    is_done(t->max_updates, clock->step - 1, "updates"); /* their last epoch may still want its end */
    watch_interrupts();
    int32_t status = nnrt_fit(t->run.session, t->settings->name, &t->source, &o);
    t->failed |= !report_finish(t->report);
    return finish(t, status);
}

int command_train(Args *a)
{
    Training t = {.args = a};
    int status = build_running(a, &t.run);
    if (status) return status;
    status = find_entry(&t);
    if (!status) status = load_data(&t);
    if (!status) status = load_checkpoint(&t);
    if (!status && !read_settings(&t)) status = EXIT_USAGE;
    if (!status) status = split(&t);
    if (!status) status = check_rows(&t);
    if (!status) status = start(&t);
    if (!status) status = fit(&t);
    running_close(&t.run);
    return status;
}
