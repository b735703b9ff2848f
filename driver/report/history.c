/* history.c: the loss and metrics of every epoch so far. */
#include "driver/report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

History *history_new(Arena *a, const nnrt_entry *entry, bool has_loss, bool has_test)
{
    History *h = NEW(a, History);
    *h = (History){.arena = a, .nseries = 1 + (int)entry->nmetrics, .first = !has_loss, .has_test = has_test};
    h->names = NEW_ARRAY(a, const char *, h->nseries);
    h->names[0] = "loss";
    for (uint32_t i = 0; i < entry->nmetrics; i++) h->names[i + 1] = entry->metrics[i].name;
    return h;
}

static double *numbers_of(History *h, const nnrt_entry *entry, const double *totals)
{
    double *out = NEW_ARRAY(h->arena, double, h->nseries);
    out[0] = nnrt_loss_of(totals);
    for (uint32_t i = 0; i < entry->nmetrics; i++) out[i + 1] = nnrt_metric_of(&entry->metrics[i], totals);
    return out;
}

void history_add(History *h, const nnrt_progress *p)
{
    EpochNumbers e = {p->epoch, p->step, numbers_of(h, p->entry, p->totals), NULL};
    if (p->test) e.test = numbers_of(h, p->entry, p->test);
    vec_push(h->arena, &h->epochs, e);
}

static const char *read_numbers(History *h, const char *at, double *out)
{
    for (int i = h->first; i < h->nseries && at; i++) {
        char *end;
        if (*at != ',') return NULL;
        out[i] = strtod(at + 1, &end);
        at = end == at + 1 ? NULL : end;
    }
    return at;
}

/* Lines that are not of this run's form (the header; a run with other metrics) are passed over. */
void history_read_csv(History *h, const char *text)
{
    for (const char *end; *text; text = end + (*end == '\n')) {
        char *at;
        end = text + strcspn(text, "\n");
        EpochNumbers e = {.epoch = strtoull(text, &at, 10)};
        if (at == text || *at != ',') continue;
        e.step = strtoull(at + 1, &at, 10);
        e.train = NEW_ARRAY(h->arena, double, h->nseries);
        if (h->has_test) e.test = NEW_ARRAY(h->arena, double, h->nseries);
        const char *rest = read_numbers(h, at, e.train);
        if (rest && h->has_test) rest = read_numbers(h, rest, e.test);
        if (rest == end) vec_push(h->arena, &h->epochs, e);
    }
}

double history_last(const History *h, int series, bool test)
{
    if (!h->epochs.n) return NAN;
    const EpochNumbers *e = &h->epochs.at[h->epochs.n - 1];
    return !test ? e->train[series] : e->test ? e->test[series] : NAN;
}

int history_best(const History *h, int series)
{
    int best = -1;
    double lowest = INFINITY;
    for (int i = 0; i < h->epochs.n; i++) {
        const EpochNumbers *e = &h->epochs.at[i];
        double v = (e->test ? e->test : e->train)[series];
        if (v < lowest) best = i, lowest = v;
    }
    return best;
}
