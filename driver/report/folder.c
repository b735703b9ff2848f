/* folder.c: what a run leaves behind: metrics.csv, best.safetensors, last.safetensors. Best is the lowest held-out loss, or
   the lowest loss where nothing is held out. */
#include "driver/driver.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

struct RunFolder {
    Arena *arena;
    const char *path;
    const nnrt_entry *entry;
    nnrt_session *session;
    Text csv;
    double best;
};

RunFolder *folder_new(Args *a, const Running *r, const char *path, const nnrt_entry *entry)
{
    if (mkdir(path, 0777) && errno != EEXIST) {
        failure("the run folder `%s` cannot be made: %s", path, strerror(errno));
        return NULL;
    }
    RunFolder *f = NEW(a->cx->arena, RunFolder);
    *f = (RunFolder){a->cx->arena, path, entry, r->session, {a->cx->arena, 0, 0, 0}, INFINITY};
    return f;
}

const char *folder_path(const RunFolder *f) { return f->path; }

static void add_header(RunFolder *f, const nnrt_progress *p)
{
    text_add(&f->csv, "epoch,step,loss");
    for (uint32_t i = 0; i < f->entry->nmetrics; i++) text_add(&f->csv, ",%s", f->entry->metrics[i].name);
    if (p->test) text_add(&f->csv, ",test_loss");
    for (uint32_t i = 0; p->test && i < f->entry->nmetrics; i++) text_add(&f->csv, ",test_%s", f->entry->metrics[i].name);
    text_add(&f->csv, "\n");
}

static void add_numbers(RunFolder *f, const double *totals)
{
    text_add(&f->csv, ",%s", text_number(f->arena, nnrt_loss_of(totals), false));
    for (uint32_t i = 0; i < f->entry->nmetrics; i++)
        text_add(&f->csv, ",%s", text_number(f->arena, nnrt_metric_of(&f->entry->metrics[i], totals), false));
}

static bool save_weights(RunFolder *f, const char *name)
{
    if (!nnrt_save(f->session, str_format(f->arena, "%s/%s", f->path, name))) return true;
    failure("%s", nnrt_error(f->session));
    return false;
}

bool folder_epoch(RunFolder *f, const nnrt_progress *p)
{
    if (!f->csv.n) add_header(f, p);
    text_add(&f->csv, "%" PRIu64 ",%" PRIu64, p->epoch, p->step);
    add_numbers(f, p->totals);
    if (p->test) add_numbers(f, p->test);
    text_add(&f->csv, "\n");
    const char *metrics = str_format(f->arena, "%s/metrics.csv", f->path);
    if (!write_file(metrics, f->csv.at, f->csv.n)) {
        failure("`%s` cannot be written: %s", metrics, strerror(errno));
        return false;
    }
    double loss = nnrt_loss_of(p->test ? p->test : p->totals);
    if (!save_weights(f, "last.safetensors")) return false;
    if (!(loss < f->best)) return true;
    f->best = loss;
    return save_weights(f, "best.safetensors");
}
