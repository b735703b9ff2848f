/* report.c: which file of the run folder is written when. */
#include "driver/report/report.h"
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct Report {
    ReportSetup setup;
    Predictor predictor;
    History *history;
    DecisionRegion *region;
    Confusion *confusion;
    Weights *weights;
    bool has_predictor, running;
    uint64_t epoch;     /* the last one done */
    uint64_t step;      /* done by then */
    uint64_t updates;   /* of one epoch */
    int64_t batch, dropped;
    FILE *events;
    double drawn, took; /* when the page was last drawn, and how long that took */
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The time of day, or that which SOURCE_DATE_EPOCH sets, for files that must come out the same. */
static double wall_time(void)
{
    const char *set = getenv("SOURCE_DATE_EPOCH");
    return set && *set ? strtod(set, NULL) : seconds(CLOCK_REALTIME);
}

static bool cannot_write(const char *path)
{
    failure("`%s` cannot be written: %s", path, strerror(errno));
    return false;
}

static bool write_text(const Report *r, const char *name, const Text *text)
{
    const char *path = str_format(text->arena, "%s/%s", r->setup.folder, name);
    return write_file(path, text->at, text->n) || cannot_write(path);
}

/* ---- TensorBoard ---- */
static const char *events_path(const Report *r)
{
    return str_format(r->setup.arena, "%s/events.out.tfevents", r->setup.folder);
}

static bool put_events(Report *r, const Text *text)
{
    if (fwrite(text->at, 1, text->n, r->events) == text->n && !fflush(r->events)) return true;
    return cannot_write(events_path(r));
}

static bool add_events(Report *r, const EpochNumbers *e)
{
    Text text = {arena_new(), 0, 0, 0};
    double now = wall_time();
    for (int i = r->history->first; i < r->history->nseries; i++)
        for (int test = 0; test <= (e->test != NULL); test++) {
            const char *tag = str_format(text.arena, "%s/%s", r->history->names[i], test ? "held_out" : "train");
            events_scalar(&text, now, (int64_t)e->step, tag, (float)(test ? e->test : e->train)[i]);
        }
    bool good = !text.n || put_events(r, &text);
    arena_free(text.arena);
    return good;
}

/* Of a run that goes on, the earlier epochs are written again. */
static bool open_events(Report *r)
{
    r->events = fopen(events_path(r), "wb");
    if (!r->events) return cannot_write(events_path(r));
    Text text = {arena_new(), 0, 0, 0};
    events_header(&text, wall_time());
    bool good = put_events(r, &text);
    arena_free(text.arena);
    for (int i = 0; i < r->history->epochs.n && good; i++) good = add_events(r, &r->history->epochs.at[i]);
    return good;
}

/* ---- pictures ---- */
typedef void DrawFn(const Report *r, Text *to);
static void draw_curves(const Report *r, Text *to) { curves_draw(r->history, to, true); }
static void draw_region(const Report *r, Text *to) { decision_region_draw(r->region, to, true); }
static void draw_confusion(const Report *r, Text *to) { confusion_draw(r->confusion, to, true); }

static void draw_page(const Report *r, Text *to)
{
    Page p = {&r->setup, r->history, r->region, r->confusion, r->weights, r->updates, r->batch, r->dropped, r->running};
    html_page(&p, to);
}

static bool draw_file(const Report *r, const char *name, DrawFn *draw)
{
    Text text = {arena_new(), 0, 0, 0};
    draw(r, &text);
    bool good = write_text(r, name, &text);
    arena_free(text.arena);
    return good;
}

static bool draw_all(Report *r)
{
    double start = seconds(CLOCK_MONOTONIC);
    bool within = nnrt_clock(r->setup.session)->step - 1 != r->step;
    if (r->region) decision_region_take(r->region, r->epoch + within, within);
    bool good = draw_file(r, "curves.svg", draw_curves) && (!r->region || draw_file(r, "region.svg", draw_region)) &&
                (!r->confusion || draw_file(r, "confusion.svg", draw_confusion)) &&
                draw_file(r, "report.html", draw_page);
    r->drawn = seconds(CLOCK_MONOTONIC);
    r->took = r->drawn - start;
    return good;
}

const char *report_memory_plan(Arena *a, const Program *p)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    memory_plan_print(p, f);
    const char *plan = fclose(f) ? NULL : str_copy_n(a, text, size);
    free(text);
    return plan;
}

/* ---- the run ---- */
static void read_earlier(Report *r)
{
    char *text;
    size_t size;
    const char *path = str_format(r->setup.arena, "%s/metrics.csv", r->setup.folder);
    if (read_file(r->setup.arena, path, SIZE_MAX, &text, &size)) history_read_csv(r->history, text);
}

Report *report_start(const ReportSetup *setup)
{
    Arena *a = setup->arena;
    Report *r = NEW(a, Report);
    *r = (Report){.setup = *setup, .running = true, .drawn = seconds(CLOCK_MONOTONIC)};
    r->history = history_new(a, setup->entry, setup->has_loss, setup->test != NULL);
    if (setup->resumed) read_earlier(r);
    if (!open_events(r)) return NULL;
    r->has_predictor = predictor_find(a, setup->session, setup->entry, &r->predictor);
    if (r->has_predictor) r->region = decision_region_new(a, &r->predictor, setup->train);
    r->epoch = nnrt_clock(setup->session)->epoch - 1;
    r->step = nnrt_clock(setup->session)->step - 1;
    if (r->region) decision_region_take(r->region, r->epoch, false);
    r->weights = weights_new(a, setup->session);
    return r;
}

static void count_batches(Report *r, const nnrt_progress *p)
{
    r->updates = (uint64_t)p->batches;
    r->dropped = p->dropped;
    r->batch = (p->rows + p->batches - 1) / p->batches;
    if (r->setup.entry->batch) r->batch = r->setup.entry->batch;
}

/* The page is drawn again after two seconds, or later where drawing takes long: it never slows a run by much. */
bool report_epoch(Report *r, const nnrt_progress *p)
{
    history_add(r->history, p);
    count_batches(r, p);
    if (!add_events(r, &r->history->epochs.at[r->history->epochs.n - 1])) return false;
    r->epoch = p->epoch;
    r->step = p->step;
    if (r->region && decision_region_stays(p->epoch)) decision_region_take(r->region, p->epoch, false);
    if (seconds(CLOCK_MONOTONIC) - r->drawn < 2 + 50 * r->took) return true;
    return draw_all(r);
}

bool report_finish(Report *r)
{
    bool held_out = r->setup.test != NULL;
    r->running = false;
    if (r->has_predictor)
        r->confusion = confusion_measure(r->setup.arena, &r->predictor, held_out ? r->setup.test : r->setup.train);
    if (r->confusion) r->confusion->held_out = held_out;
    return fclose(r->events) ? cannot_write(events_path(r)) : draw_all(r);
}
