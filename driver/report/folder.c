/* folder.c: what a run leaves behind: settings.json, metrics.csv, weights and checkpoints. Best is the lowest held-out
   loss, or the lowest loss where nothing is held out. */
#include "driver/driver.h"
#include "driver/report/report.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct RunFolder {
    Arena *arena;
    const char *path;
    const nnrt_entry *entry;
    bool has_loss, anew; /* anew: no epoch has ended yet, and what stands here may be an earlier run's */
    nnrt_session *session;
    Text csv;
};

static const char *inside(const RunFolder *f, const char *name) { return str_format(f->arena, "%s/%s", f->path, name); }

static bool put(RunFolder *f, const char *name, const Text *text)
{
    const char *path = inside(f, name);
    if (write_file(path, text->at, text->n)) return true;
    failure("`%s` cannot be written: %s", path, strerror(errno));
    return false;
}

/* ---- what an earlier run left ---- */
/* A file that a killed run had not finished: `metrics.csv.X7ab2c.tmp`. */
static bool is_unfinished(const char *name)
{
    static const char *const kinds[] = {".safetensors.", ".csv.", ".json.", ".svg.", ".html."};
    bool known = false;
    for (size_t i = 0; i < COUNT(kinds); i++) known |= strstr(name, kinds[i]) != NULL;
    return known && str_ends(name, ".tmp");
}

static void remove_unfinished(RunFolder *f)
{
    DIR *d = opendir(f->path);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));)
        if (is_unfinished(e->d_name)) unlink(inside(f, e->d_name));
    closedir(d);
}

/* Where the first epoch of a run is saved, what an earlier one left and this one has not replaced goes. */
static void remove_old_run(RunFolder *f, bool best)
{
    if (f->anew) unlink(inside(f, "last.safetensors"));
    if (f->anew && !best) unlink(inside(f, BEST_CHECKPOINT_NAME));
    if (f->anew && !f->has_loss) unlink(inside(f, "best.safetensors"));
    f->anew = false;
}

/* The header and the epochs before `epoch`: what comes after them is written again. In the first epoch there is none,
   and the file may be an earlier run's. */
static bool keep_metrics(RunFolder *f, uint64_t epoch)
{
    char *text;
    size_t n;
    if (epoch <= 1 || !read_file(f->arena, inside(f, "metrics.csv"), SIZE_MAX, &text, &n)) return true;
    for (const char *line = text, *end; line < text + n; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + n - line));
        if (!end || (line > text && strtoull(line, NULL, 10) >= epoch)) break;
        text_add_n(&f->csv, line, (size_t)(end + 1 - line));
    }
    return put(f, "metrics.csv", &f->csv);
}

RunFolder *folder_new(Args *a, const Running *r, const char *path, const nnrt_entry *entry, bool has_loss,
                      uint64_t resumed_epoch)
{
    if (!folder_make(path)) {
        failure("the run folder `%s` cannot be made: %s", path, strerror(errno));
        return NULL;
    }
    RunFolder *f = NEW(a->cx->arena, RunFolder);
    *f = (RunFolder){a->cx->arena, path, entry, has_loss, !resumed_epoch, r->session, {a->cx->arena, 0, 0, 0}};
    remove_unfinished(f);
    return !resumed_epoch || keep_metrics(f, resumed_epoch) ? f : NULL;
}

const char *folder_path(const RunFolder *f) { return f->path; }

/* ---- settings.json ---- */
static void add_string(Text *to, const char *text)
{
    text_add(to, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < 0x20)
            text_add(to, "\\u%04x", c);
        else
            text_add_n(to, text, 1);
    }
    text_add(to, "\"");
}

/* Whole numbers, true and false go as what they are. */
static void add_value(Text *to, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    bool plain = (digits && !text[digits] && (text[0] != '0' || digits == 1)) || str_equal(text, "true") ||
                 str_equal(text, "false");
    if (plain)
        text_add(to, "%s", text);
    else
        add_string(to, text);
}

bool folder_settings(RunFolder *f, const Setting *settings, int n)
{
    Text text = {f->arena, 0, 0, 0};
    for (int i = 0; i < n; i++) {
        text_add(&text, "%s  ", i ? ",\n" : "{\n");
        add_string(&text, settings[i].name);
        text_add(&text, ": ");
        add_value(&text, settings[i].value);
    }
    text_add(&text, "\n}\n");
    return put(f, "settings.json", &text);
}

/* ---- metrics.csv ---- */
static void add_names(RunFolder *f, const char *prefix)
{
    if (f->has_loss) text_add(&f->csv, ",%sloss", prefix);
    for (uint32_t i = 0; i < f->entry->nmetrics; i++) text_add(&f->csv, ",%s%s", prefix, f->entry->metrics[i].name);
}

static void add_header(RunFolder *f, const nnrt_progress *p)
{
    text_add(&f->csv, "epoch,step");
    add_names(f, "");
    if (p->test) add_names(f, "test_");
    text_add(&f->csv, "\n");
}

static void add_numbers(RunFolder *f, const double *totals)
{
    if (f->has_loss) text_add(&f->csv, ",%s", text_number(f->arena, nnrt_loss_of(totals), false));
    for (uint32_t i = 0; i < f->entry->nmetrics; i++)
        text_add(&f->csv, ",%s", text_number(f->arena, nnrt_metric_of(&f->entry->metrics[i], totals), false));
}

/* ---- weights and checkpoints ---- */
static bool saved(RunFolder *f, int32_t (*save)(nnrt_session *, const char *), const char *name)
{
    if (!save(f->session, inside(f, name))) return true;
    failure("%s", nnrt_error(f->session));
    return false;
}

bool folder_last(RunFolder *f) { return saved(f, nnrt_save, "last.safetensors"); }

bool folder_checkpoint(RunFolder *f, bool best)
{
    bool good = saved(f, nnrt_save_checkpoint, CHECKPOINT_NAME) &&
                (!best || saved(f, nnrt_save_checkpoint, BEST_CHECKPOINT_NAME));
    if (good && f->csv.n) remove_old_run(f, best);
    return good;
}

bool folder_epoch(RunFolder *f, const nnrt_progress *p)
{
    if (!f->csv.n) add_header(f, p);
    text_add(&f->csv, "%" PRIu64 ",%" PRIu64, p->epoch, p->step);
    add_numbers(f, p->totals);
    if (p->test) add_numbers(f, p->test);
    text_add(&f->csv, "\n");
    return put(f, "metrics.csv", &f->csv) && (!p->best || !f->has_loss || saved(f, nnrt_save, "best.safetensors"));
}
