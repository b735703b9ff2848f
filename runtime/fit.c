/* The training loop: epochs over a source, in batches, in the order of (seed, epoch). */
#include "feed.h"
#include <string.h>

void nnrt_fit_options_init(nnrt_fit_options *options)
{
    memset(options, 0, sizeof *options);
    options->size = sizeof *options;
    options->shuffle = 1;
    options->epochs = 1;
}

static int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- one update ---- */
typedef struct Fit {
    const nnrt_fit_options *options;
    nnrt_feed train, test;
    int32_t update;               /* -1: the train feed runs `step`; else `grad`, and this is the update entry */
    int64_t rows, update_rows;    /* of an epoch, of an update */
    double *last, *test_totals;   /* of the last update's samples; of the held-out ones */
    nnrt_progress progress;
    bool over, cut;               /* cut: by on_batch, where the epoch's end is left for later */
} Fit;

/* Each part's gradient counts by its share of the samples, so that their sum is that of the whole. */
static int32_t sum_gradients(Fit *fit, int64_t first, int64_t n)
{
    nnrt_feed *f = &fit->train;
    int32_t status = nnrt_zero_grad(f->session);
    for (int64_t at = 0; at < n && !status; at += f->batch) {
        int64_t part = least_of(f->batch, n - at);
        status = nnrt__feed_run(f, first + at, part, (double)part / (double)n);
        if (!status) nnrt__feed_add_totals(fit->last, f);
    }
    return status;
}

static int32_t skip(Fit *fit)
{
    memset(fit->last, 0, fit->train.info->ntotals * sizeof *fit->last);
    fit->progress.skipped++;
    return nnrt_zero_grad(fit->train.session);
}

/* `step`, or `grad` for each part and then `update`: where there is one part, with the same bits. */
static int32_t run_update(Fit *fit, int64_t first, int64_t n)
{
    nnrt_feed *f = &fit->train;
    memset(fit->last, 0, f->info->ntotals * sizeof *fit->last);
    if (fit->update < 0) {
        int32_t status = nnrt__feed_run(f, first, n, 1);
        if (!status) nnrt__feed_add_totals(fit->last, f);
        return status;
    }
    int32_t status = sum_gradients(fit, first, n);
    if (status == NNRT_ERR_NONFINITE && fit->options->on_nan == NNRT_SKIP_ON_NAN) return skip(fit);
    f->session->clock.first_sample = (uint64_t)first;
    f->session->clock.weight = 1;
    return status ? status : nnrt_run(f->session, fit->update);
}

/* ---- epochs ---- */
static bool report(Fit *fit, int (*callback)(void *, const nnrt_progress *))
{
    bool enough = callback && callback(fit->options->user, &fit->progress);
    fit->over |= enough;
    return enough;
}

static bool had_updates(const Fit *fit)
{
    uint64_t most = (uint64_t)fit->options->max_updates;
    return most > 0 && fit->train.session->clock.step > most;
}

/* The samples from the cursor's position on. */
static int32_t run_batches(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    nnrt_cursor *c = &s->cursor;
    nnrt_progress *p = &fit->progress;
    p->batch = (c->position + fit->update_rows - 1) / fit->update_rows;
    p->step = s->clock.step - 1; /* the epoch may only be left to end */
    while (c->position < fit->rows && !fit->over && !had_updates(fit)) {
        int64_t n = least_of(fit->update_rows, fit->rows - c->position);
        p->step = s->clock.step;
        int32_t status = run_update(fit, c->position, n);
        if (status) return status;
        p->batch++;
        c->position += n;
        for (uint32_t i = 0; i < fit->train.info->ntotals; i++) s->epoch_totals[i] += fit->last[i];
        p->stopped = nnrt_stop_of(fit->train.info, fit->last);
        fit->over = p->stopped;
        fit->cut = report(fit, fit->options->on_batch);
    }
    return NNRT_OK;
}

/* An epoch that is not whole is the best one only where there is none yet, and the next may better it. */
static void judge_epoch(Fit *fit, bool whole)
{
    nnrt_cursor *c = &fit->train.session->cursor;
    nnrt_progress *p = &fit->progress;
    double loss = nnrt_loss_of(p->test ? p->test : p->totals);
    p->best = whole ? loss < c->best : c->best_epoch == 0;
    if (whole && p->best) {
        c->best = loss;
        c->best_epoch = p->epoch;
    }
    p->waited = p->epoch - c->best_epoch;
}

static bool waited_enough(const Fit *fit)
{
    const nnrt_session *s = fit->train.session;
    uint64_t patience = (uint64_t)fit->options->patience, done = s->clock.epoch - 1;
    return patience > 0 && done >= s->cursor.best_epoch && done - s->cursor.best_epoch >= patience;
}

static int32_t end_epoch(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    nnrt_progress *p = &fit->progress;
    bool whole = s->cursor.position == fit->rows;
    if (p->totals[0] == 0)
        return nnrt__fail(&s->fault, NNRT_ERR_NONFINITE, "every batch of epoch %llu was skipped: no loss or gradient "
                          "of `%s` is finite any more", (unsigned long long)p->epoch, fit->train.info->name);
    int32_t status = fit->test_totals ? nnrt__feed_evaluate(&fit->test, fit->test_totals) : NNRT_OK;
    if (status) return status;
    p->test = fit->test_totals;
    judge_epoch(fit, whole);
    if (whole) {
        s->clock.epoch++;
        s->cursor.position = 0;
    }
    report(fit, fit->options->on_epoch);
    return NNRT_OK;
}

static int32_t run_epoch(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    fit->progress.epoch = s->clock.epoch;
    fit->progress.test = NULL;
    nnrt__feed_order(&fit->train, fit->options->shuffle, fit->options->seed, s->clock.epoch);
    if (s->cursor.position == 0) memset(s->epoch_totals, 0, fit->train.info->ntotals * sizeof *s->epoch_totals);
    int32_t status = run_batches(fit);
    return status || fit->cut ? status : end_epoch(fit);
}

static int32_t run_epochs(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    const nnrt_fit_options *o = fit->options;
    int32_t status = NNRT_OK;
    uint64_t end = o->epochs ? s->clock.epoch + (uint64_t)o->epochs : UINT64_MAX;
    fit->progress.epochs = o->epochs ? end - 1 : 0;
    s->clock.seed = o->seed;
    while (!status && !fit->over && s->clock.epoch < end && !waited_enough(fit)) {
        if (had_updates(fit) && s->cursor.position == 0) break;
        status = run_epoch(fit); /* after the last update too: its epoch was not ended yet */
        fit->over |= had_updates(fit);
    }
    s->clock.first_sample = 0;
    s->clock.weight = 1;
    return status;
}

/* ---- the whole ---- */
/* A training that stands in the middle of an epoch goes on there, if the epoch is the same one. */
static int32_t set_cursor(Fit *fit)
{
    nnrt_session *s = fit->train.session;
    nnrt_cursor *c = &s->cursor;
    if (c->train != fit->train.info->train) {
        nnrt__reset_cursor(s);
        c->train = fit->train.info->train;
    }
    if (c->position > 0 && c->rows != fit->rows)
        return nnrt__fail(&s->fault, NNRT_ERR_SIZE, "the training stands at sample %lld of an epoch of %lld, and the "
                          "samples for `%s` are %lld", (long long)c->position, (long long)c->rows,
                          fit->train.info->name, (long long)fit->rows);
    c->rows = fit->rows;
    c->batch = fit->train.batch;
    c->accumulate = fit->options->accumulate > 1 ? fit->options->accumulate : 1;
    c->shuffle = fit->options->shuffle != 0;
    return NNRT_OK;
}

static void describe(Fit *fit)
{
    const nnrt_feed *f = &fit->train;
    nnrt_progress *p = &fit->progress;
    p->size = sizeof *p;
    p->batches = (fit->rows + fit->update_rows - 1) / fit->update_rows;
    p->rows = fit->rows;
    p->dropped = f->rows - fit->rows;
    p->entry = f->info;
    p->totals = f->session->epoch_totals;
    p->last = fit->last;
}

static int32_t fit_with_test(Fit *fit, const char *train)
{
    nnrt_session *s = fit->train.session;
    const nnrt_source *test = fit->options->test;
    size_t bytes = fit->train.info->ntotals * sizeof(double), test_bytes = 0;
    int64_t batch = fit->train.info->rows ? fit->train.batch : 0;
    int32_t status = test ? nnrt__feed_open(&fit->test, s, train, NNRT_EVAL, test, batch) : NNRT_OK;
    if (status) return status;
    fit->last = nnrt__alloc(s, bytes);
    if (test) {
        test_bytes = fit->test.info->ntotals * sizeof(double);
        fit->test_totals = nnrt__alloc(s, test_bytes);
    }
    status = fit->last && (fit->test_totals || !test) ? set_cursor(fit) : NNRT_ERR_MEMORY;
    if (!status) {
        describe(fit);
        status = run_epochs(fit);
    }
    nnrt__release(s, fit->last, bytes);
    nnrt__release(s, fit->test_totals, test_bytes);
    if (test) nnrt__feed_close(&fit->test);
    return status;
}

static int32_t may_fit(nnrt_session *s)
{
    int32_t status = nnrt__usable(s);
    return status ? status : nnrt__need_values(s);
}

static int32_t check_options(nnrt_session *s, const nnrt_fit_options *o)
{
    if (o->size != sizeof *o || o->epochs < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "the options for training are not started by "
                          "nnrt_fit_options_init, or ask for less than no epoch");
    if (o->accumulate < 0 || o->max_updates < 0 || o->patience < 0 || o->on_nan > NNRT_SKIP_ON_NAN)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "the options for training ask for less than none, or for an "
                          "unknown way to go on after numbers that are not finite");
    return NNRT_OK;
}

/* By `step`, or by `grad` and `update` where the gradient is wanted before anything changes. */
static int32_t open_train(Fit *fit, nnrt_session *s, const char **train, const nnrt_source *data)
{
    const nnrt_fit_options *o = fit->options;
    bool by_step = o->accumulate <= 1 && o->on_nan == NNRT_STOP_ON_NAN;
    int32_t step = nnrt_find_entry(s->model, *train, NNRT_STEP);
    if (step >= 0) *train = s->model->entries[step].name;
    fit->update = by_step ? -1 : nnrt_find_entry(s->model, *train, NNRT_UPDATE);
    if (step >= 0 && !by_step && fit->update < 0)
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` cannot accumulate or skip batches: it has no `loss`, or "
                          "its gradients depend on values that the same step changes", *train);
    int32_t status = nnrt__feed_open(&fit->train, s, *train, by_step ? NNRT_STEP : NNRT_GRAD, data, o->batch);
    if (status) return status;
    fit->rows = nnrt__feed_rows(&fit->train);
    int64_t batches = (fit->rows + fit->train.batch - 1) / fit->train.batch; /* an update ends with its epoch */
    fit->update_rows = fit->train.batch * (o->accumulate > 1 ? least_of(o->accumulate, batches) : 1);
    return NNRT_OK;
}

int32_t nnrt_fit(nnrt_session *s, const char *train, const nnrt_source *data, const nnrt_fit_options *options)
{
    int32_t status = may_fit(s);
    nnrt_fit_options plain;
    nnrt_fit_options_init(&plain);
    Fit fit = {.options = options ? options : &plain};
    if (!status) status = check_options(s, fit.options);
    if (!status) status = open_train(&fit, s, &train, data);
    if (status) return status;
    status = fit_with_test(&fit, train);
    nnrt__feed_close(&fit.train);
    return status;
}

int32_t nnrt_evaluate(nnrt_session *s, const char *train, const nnrt_source *data, int64_t batch, double *totals)
{
    nnrt_feed feed;
    int32_t status = may_fit(s);
    if (status) return status;
    if (!totals) return nnrt__fail(&s->fault, NNRT_ERR_NULL, "there is no place for the totals");
    status = nnrt__feed_open(&feed, s, train, NNRT_EVAL, data, batch);
    if (status) return status;
    nnrt_step clock = s->clock;
    status = nnrt__feed_evaluate(&feed, totals);
    s->clock = clock; /* which its batches moved on through the samples */
    nnrt__feed_close(&feed);
    return status;
}
