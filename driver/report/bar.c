/* bar.c: one line that moves on a terminal, one line an epoch in a log. */
#include "driver/driver.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct Bar {
    Arena *arena;
    const nnrt_entry *entry;
    bool has_loss, terminal, colour;
    double started, epoch_started, drawn;
    double before; /* epochs done when this run began */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Bar *bar_new(Args *a, const nnrt_entry *entry, bool has_loss)
{
    Bar *b = NEW(a->cx->arena, Bar);
    *b = (Bar){a->cx->arena, entry, has_loss, isatty(2) != 0, args_colour(a, stderr), now(), now(), 0, -1};
    return b;
}

static void add_numbers(const Bar *b, Text *to, const double *totals, const char *prefix)
{
    if (b->has_loss) text_add(to, "  %sloss %.4g", prefix, nnrt_loss_of(totals));
    for (uint32_t i = 0; i < b->entry->nmetrics; i++)
        text_add(to, "  %s%s %.4g", prefix, b->entry->metrics[i].name, nnrt_metric_of(&b->entry->metrics[i], totals));
}

static void add_time(Text *to, double seconds)
{
    int whole = (int)(seconds < 3.6e8 ? seconds : 3.6e8); /* ten years and more are told as 100000 hours */
    if (whole < 60)
        text_add(to, "%ds", whole);
    else if (whole < 3600)
        text_add(to, "%dm%02ds", whole / 60, whole % 60);
    else
        text_add(to, "%dh%02dm", whole / 3600, whole / 60 % 60);
}

static void add_left(const Bar *b, Text *to, const nnrt_progress *p)
{
    if (!p->epochs) return;
    double done = (double)(p->epoch - 1) + (double)p->batch / (double)p->batches;
    if (done <= b->before) return;
    text_add(to, "  left ");
    add_time(to, (now() - b->started) / (done - b->before) * ((double)p->epochs - done));
}

void bar_batch(Bar *b, const nnrt_progress *p)
{
    enum { WIDTH = 24 };
    double t = now();
    if (p->batch == 1) b->epoch_started = t;
    if (b->before < 0) b->before = (double)(p->epoch - 1) + (double)(p->batch - 1) / (double)p->batches;
    if (!b->terminal || (t - b->drawn < 0.1 && p->batch < p->batches)) return;
    b->drawn = t;
    Text line = {arena_new(), 0, 0, 0};
    int full = (int)(WIDTH * p->batch / p->batches);
    text_add(&line, "\r\033[Kepoch %" PRIu64, p->epoch);
    if (p->epochs) text_add(&line, "/%" PRIu64, p->epochs);
    text_add(&line, " %s", b->colour ? "\033[32m" : "");
    for (int i = 0; i < WIDTH; i++) text_add(&line, "%s", i < full ? "█" : "░");
    text_add(&line, "%s", b->colour ? "\033[0m" : "");
    add_numbers(b, &line, p->totals, "");
    double rate = t > b->epoch_started ? p->totals[0] / (t - b->epoch_started) : 0;
    text_add(&line, "  %.0f samples/s", rate);
    add_left(b, &line, p);
    fputs(text_done(&line), stderr);
    arena_free(line.arena);
}

void bar_epoch(Bar *b, const nnrt_progress *p)
{
    Text line = {arena_new(), 0, 0, 0};
    text_add(&line, "%sepoch %" PRIu64, b->terminal ? "\r\033[K" : "", p->epoch);
    if (p->epochs) text_add(&line, "/%" PRIu64, p->epochs);
    text_add(&line, "  step %" PRIu64, p->step);
    add_numbers(b, &line, p->totals, "");
    if (p->test) add_numbers(b, &line, p->test, "test_");
    text_add(&line, "\n");
    fputs(text_done(&line), stderr);
    arena_free(line.arena);
    b->epoch_started = now();
}
