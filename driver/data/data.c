/* data.c: which file feeds which input, what kind of file it is, and that all have the same number of samples. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct Loader {
    Cx *cx;
    const nnrt_entry *entry;
    const nnrt_view *views; /* its inputs */
    int nviews;
    Dataset *out;
    int *status;
} Loader;

static int view_named(const Loader *l, const char *name, size_t n)
{
    for (int i = 0; i < l->nviews; i++)
        if (strlen(l->views[i].name) == n && !memcmp(l->views[i].name, name, n)) return i;
    return -1;
}

static bool read_unpacked(Loader *l, const char *path, char **data, size_t *size)
{
    if (!read_file(l->cx->arena, path, SIZE_MAX, data, size)) {
        diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` cannot be read: %s", path, strerror(errno));
        *l->status = EXIT_NO_INPUT;
        return false;
    }
    if (!gzip_is(*data, *size)) return true;
    char *packed = *data;
    const char *why = gzip_inflate(l->cx->arena, packed, *size, data, size);
    if (why) diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` is damaged: %s", path, why);
    return !why;
}

static bool take_array(Loader *l, int view, const char *path, const RawArray *a)
{
    l->out->paths[view] = path;
    return array_column(l->cx, a, &l->views[view], &l->out->columns[view]);
}

/* Arrays by the names of the inputs; where one input is asked for, an only array may have any name. */
static bool load_archive(Loader *l, const int *places, int n, const char *path)
{
    Names names = {0};
    if (!npz_names(l->cx, path, &names)) return false;
    for (int i = 0; i < n; i++) {
        const nnrt_view *view = &l->views[places[i]];
        Column *out = &l->out->columns[places[i]];
        RawArray only;
        bool ok = n == 1 && names.n == 1 && !npz_holds(&names, view->name)
                      ? npz_read(l->cx, path, names.at[0], &only) && array_column(l->cx, &only, view, out)
                      : npz_column(l->cx, path, &names, view, out);
        if (!ok) return false;
        l->out->paths[places[i]] = path;
    }
    return true;
}

static bool fed_already(Loader *l, const char *path, int view)
{
    diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` is for the input `%s`, but `%s` feeds it already", path,
               l->views[view].name, l->out->paths[view]);
    return false;
}

static bool load_for_input(Loader *l, int view, const char *path)
{
    char *data;
    size_t size;
    RawArray a;
    if (l->out->paths[view]) return fed_already(l, path, view);
    if (!read_unpacked(l, path, &data, &size)) return false;
    if (npy_is(data, size)) return npy_read(l->cx, path, data, size, &a) && take_array(l, view, path, &a);
    if (idx_is(data, size)) return idx_read(l->cx, path, data, size, &a) && take_array(l, view, path, &a);
    if (npz_is(data, size)) return load_archive(l, &view, 1, path);
    l->out->paths[view] = path;
    const nnrt_view *only = &l->views[view];
    return csv_columns(l->cx, source_new(l->cx->arena, path, data, size), &only, 1, &l->out->columns[view]);
}

/* A table feeds every input that no other file feeds. */
static bool load_table(Loader *l, const char *path)
{
    char *data;
    size_t size;
    int n = 0, *places = NEW_ARRAY(l->cx->arena, int, l->nviews);
    const nnrt_view **views = NEW_ARRAY(l->cx->arena, const nnrt_view *, l->nviews);
    for (int i = 0; i < l->nviews; i++)
        if (!l->out->paths[i]) places[n] = i, views[n++] = &l->views[i];
    if (!n && l->nviews) return fed_already(l, path, 0);
    if (!read_unpacked(l, path, &data, &size)) return false;
    if (npy_is(data, size) || idx_is(data, size)) {
        Diag *d = diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` holds one array: say which input it is for", path);
        diag_help(d, "--data %s=%s", n ? views[0]->name : "INPUT", path);
        return false;
    }
    if (npz_is(data, size)) return load_archive(l, places, n, path);
    Column *columns = NEW_ARRAY(l->cx->arena, Column, n);
    if (!csv_columns(l->cx, source_new(l->cx->arena, path, data, size), views, n, columns)) return false;
    for (int i = 0; i < n; i++) l->out->columns[places[i]] = columns[i], l->out->paths[places[i]] = path;
    return true;
}

static bool unknown_input(Loader *l, const char *spec, size_t n)
{
    const char *names[64], *word = str_copy_n(l->cx->arena, spec, n);
    int count = 0;
    for (int i = 0; i < l->nviews && count < 64; i++) names[count++] = l->views[i].name;
    const char *near = str_nearest(word, names, count);
    Diag *d = diag_error(l->cx->diags, "E0213", NO_SPAN, "there is no input `%s`", word);
    if (near) diag_help(d, "did you mean `%s=%s`?", near, spec + n + 1);
    return false;
}

bool data_is_sampled(const nnrt_entry *entry, const nnrt_view *view)
{
    if (entry->train >= 0) return true;
    if (!view->rank) return false;
    return entry->rows ? view->axes[0].symbol == entry->symbols[entry->rows - 1] : view->axes[0].size == entry->batch;
}

/* What is no samples comes in the size that its type says. */
static bool whole_fits(Loader *l, const Column *c, const char *path)
{
    const nnrt_view *v = c->view;
    int64_t wanted = v->rank ? v->axes[0].size : 1, rows = v->rank || c->shape[0] ? c->shape[0] : 1;
    if (wanted < 0 || rows == wanted) return true;
    Diag *d = diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` has %" PRId64 " row%s for `%s`, which has %" PRId64,
                         path, rows, rows == 1 ? "" : "s", v->name, wanted);
    diag_note(d, "`%s` is %s (%s)", v->name, view_type_text(l->cx->arena, v), v->where);
    return false;
}

static bool rows_agree(Loader *l)
{
    int first = -1;
    for (int i = 0; i < l->nviews; i++) {
        const Column *c = &l->out->columns[i];
        int64_t rows = c->rank ? c->shape[0] : 1;
        if (!data_is_sampled(l->entry, &l->views[i])) {
            if (!whole_fits(l, c, l->out->paths[i])) return false;
            continue;
        }
        if (first < 0) first = i, l->out->rows = rows;
        if (rows == l->out->rows) continue;
        diag_error(l->cx->diags, "E0213", NO_SPAN,
                   "`%s` has %" PRId64 " samples for `%s`, but `%s` has %" PRId64 " for `%s`", l->out->paths[first],
                   l->out->rows, l->views[first].name, l->out->paths[i], rows, l->views[i].name);
        return false;
    }
    if (first < 0) l->out->rows = l->nviews > 0;
    if (l->out->rows > 0) return true;
    diag_error(l->cx->diags, "E0213", NO_SPAN, "there is no sample in `%s`",
               l->nviews ? l->out->paths[first] : "the data");
    return false;
}

/* INPUT=FILE, where INPUT is a word; else a table. */
static size_t input_length(const char *spec)
{
    size_t n = strspn(spec, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return spec[n] == '=' ? n : 0;
}

static bool no_file(const Loader *l, const char *spec)
{
    Diag *d = diag_error(l->cx->diags, "E0213", NO_SPAN, "`%s` names no file", spec);
    diag_help(d, "write the file behind it: `%sFILE`", spec);
    return false;
}

bool data_load(Cx *cx, const nnrt_entry *entry, const char *const *specs, int nspecs, Dataset *out, int *out_status)
{
    const nnrt_view *views = entry->inputs;
    int nviews = (int)entry->ninputs;
    *out = (Dataset){nviews, NEW_ARRAY(cx->arena, Column, nviews), NEW_ARRAY(cx->arena, const char *, nviews), 0};
    Loader l = {cx, entry, views, nviews, out, out_status};
    *out_status = EXIT_MODEL;
    for (int i = 0; i < nspecs; i++) {
        size_t n = input_length(specs[i]);
        if (!n) continue;
        int view = view_named(&l, specs[i], n);
        if (view < 0) return unknown_input(&l, specs[i], n);
        if (!specs[i][n + 1]) return no_file(&l, specs[i]);
        if (!load_for_input(&l, view, specs[i] + n + 1)) return false;
    }
    for (int i = 0; i < nspecs; i++)
        if (!input_length(specs[i]) && !load_table(&l, specs[i])) return false;
    for (int i = 0; i < nviews; i++) {
        if (l.out->paths[i]) continue;
        Diag *d = diag_error(cx->diags, "E0213", NO_SPAN, "the input `%s` has no data", views[i].name);
        diag_help(d, "--data %s=FILE, or a table with its columns: --data FILE.csv", views[i].name);
        return false;
    }
    return rows_agree(&l);
}

static bool column_not_finite(const Column *c, int64_t rows, int64_t *out_row)
{
    bool single = c->view->dtype == NNRT_F32;
    size_t width = single || c->view->dtype == NNRT_F64 ? c->row_bytes / nnrt_dtype_bytes(c->view->dtype) : 0;
    for (size_t i = 0; i < width * (size_t)rows; i++) {
        double v = single ? ((const float *)c->at)[i] : ((const double *)c->at)[i];
        if (isfinite(v)) continue;
        *out_row = (int64_t)(i / width);
        return true;
    }
    return false;
}

bool data_not_finite(const Dataset *d, const char **out_input, int64_t *out_row)
{
    for (int i = 0; i < d->n; i++) {
        *out_input = d->columns[i].view->name;
        if (column_not_finite(&d->columns[i], d->rows, out_row)) return true;
    }
    return false;
}
