/* csv.c: tables of text (RFC 4180: quotes, doubled quotes, CRLF). The first line names the columns; an input of width 1
   is its name, a wider one `name.0`, `name.1`, ... or the labels of its last axis. */
#include "driver/data/data.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Field {
    uint32_t lo, hi; /* without its quotes */
    bool doubled;    /* quotes inside stand twice */
} Field;
typedef struct Reader {
    Cx *cx;
    const Source *file;
    uint32_t at;
    VEC(Field) row;
    Map *first, *second; /* of the first line: where a name stands, and where once more; as Field * */
} Reader;

static Span field_span(const Reader *r, Field f) { return (Span){r->file, f.lo, f.hi > f.lo ? f.hi : f.lo + 1}; }

static bool read_quoted(Reader *r, Field *out)
{
    const char *text = r->file->text;
    uint32_t start = r->at++;
    out->lo = r->at;
    for (; r->at < r->file->size; r->at++) {
        if (text[r->at] != '"') continue;
        if (text[r->at + 1] != '"') break;
        out->doubled = true;
        r->at++;
    }
    out->hi = r->at;
    if (r->at++ >= r->file->size) {
        diag_error(r->cx->diags, "E0213", (Span){r->file, start, start + 1}, "a quoted field of `%s` has no end",
                   r->file->name);
        return false;
    }
    r->at += (uint32_t)strspn(text + r->at, " \t");
    if (!text[r->at] || strchr(",\r\n", text[r->at])) return true;
    Diag *d = diag_error(r->cx->diags, "E0213", (Span){r->file, r->at, r->at + 1},
                         "a quoted field of `%s` goes on after its quote", r->file->name);
    diag_help(d, "a quote within a quoted field is written twice");
    return false;
}

enum { MOST_COLUMNS = 1000000, MOST_BEYOND = 1000 };

static bool too_wide(Reader *r, Field f)
{
    Diag *d = diag_error(r->cx->diags, "E0213", field_span(r, f), "`%s` has more than %d columns", r->file->name,
                         MOST_COLUMNS);
    diag_help(d, "give wide data as npy, npz or IDX files");
    return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Blanks around a field are none of it, those within its quotes are. */
static bool read_field(Reader *r, Field *out)
{
    const char *text = r->file->text;
    while (is_blank(text[r->at])) r->at++;
    *out = (Field){r->at, r->at, false};
    if (text[r->at] == '"') return read_quoted(r, out);
    r->at += (uint32_t)strcspn(text + r->at, ",\r\n");
    out->hi = r->at;
    while (out->hi > out->lo && is_blank(text[out->hi - 1])) out->hi--;
    return true;
}

/* The fields of the next line; false at the end of the file or after a message. */
static bool read_row(Reader *r)
{
    const char *text = r->file->text;
    r->row.n = 0;
    while (r->at < r->file->size && (text[r->at] == '\n' || text[r->at] == '\r')) r->at++;
    if (r->at >= r->file->size) return false;
    for (;;) {
        Field f;
        if (!read_field(r, &f)) return false;
        if (r->row.n == MOST_COLUMNS) return too_wide(r, f);
        vec_push(r->cx->arena, &r->row, f);
        if (text[r->at] != ',') return true;
        r->at++;
    }
}

static const char *field_text(const Reader *r, Field f)
{
    const char *text = r->file->text;
    char *out = arena_alloc(r->cx->arena, f.hi - f.lo + 1), *to = out;
    for (uint32_t i = f.lo; i < f.hi; i++) {
        *to++ = text[i];
        if (f.doubled && text[i] == '"') i++;
    }
    *to = '\0';
    return out;
}

static bool field_is(const Reader *r, Field f, const char *word)
{
    if (f.doubled) return str_equal(field_text(r, f), word);
    return strlen(word) == f.hi - f.lo && !memcmp(r->file->text + f.lo, word, f.hi - f.lo);
}

/* A decimal number or, as tables are written, nan or inf; nothing else that C takes for one, such as 0x10. */
bool csv_is_number(const char *text, size_t n)
{
    static const char digits[] = "0123456789";
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, digits), part = 0;
    if (text + n == at + 3 && (!strncasecmp(at, "nan", 3) || !strncasecmp(at, "inf", 3))) return true;
    at += whole;
    if (*at == '.') at += 1 + (part = strspn(at + 1, digits));
    if (whole + part == 0) return false;
    if (*at == 'e' || *at == 'E') {
        size_t sign = 1 + (at[1] == '-' || at[1] == '+'), power = strspn(at + sign, digits);
        if (power) at += sign + power;
    }
    return at == text + n;
}

void csv_names(Arena *arena, const nnrt_view *view, const int64_t *shape, int most, const char ***out_names, int *out_n)
{
    int64_t width = 1;
    for (uint32_t i = 1; i < view->rank; i++)
        if (__builtin_mul_overflow(width, shape[i], &width)) width = INT64_MAX;
    int n = width < most ? (int)width : most;
    const char *const *labels = view->rank ? view->axes[view->rank - 1].labels : NULL;
    const char **names = NEW_ARRAY(arena, const char *, n);
    for (int i = 0; i < n; i++)
        names[i] = labels && view->rank == 2 ? labels[i]
                   : width == 1              ? view->name
                                             : str_format(arena, "%s.%d", view->name, i);
    *out_names = names;
    *out_n = n;
}

void csv_field(Text *to, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        text_add(to, "%s", text);
        return;
    }
    text_add(to, "\"");
    for (; *text; text++) text_add(to, *text == '"' ? "\"\"" : "%c", *text);
    text_add(to, "\"");
}

/* Where in the file each part of a view stands. */
typedef struct Wanted {
    const nnrt_view *view;
    int width;
    const int *places;
} Wanted;

static void index_columns(Reader *r)
{
    r->first = map_new(r->cx->arena);
    r->second = map_new(r->cx->arena);
    for (int i = 0; i < r->row.n; i++) {
        const char *name = field_text(r, r->row.at[i]);
        Map *to = map_has(r->first, name) ? r->second : r->first;
        if (!map_has(to, name)) map_set(to, name, &r->row.at[i]);
    }
}

static int find_column(const Reader *r, const Map *among, const char *name)
{
    const Field *at = map_get(among, name);
    return at ? (int)(at - r->row.at) : -1;
}

/* What a first line that names nothing may be instead. */
static const char *other_header(const Reader *r)
{
    if (r->row.n == 1 && memchr(r->file->text + r->row.at[0].lo, ';', r->row.at[0].hi - r->row.at[0].lo))
        return "a comma parts the columns of a table, not `;`";
    for (int i = 0; i < r->row.n; i++)
        if (!csv_is_number(r->file->text + r->row.at[i].lo, r->row.at[i].hi - r->row.at[i].lo)) return NULL;
    return "the first line of a table names its columns; here it holds numbers";
}

/* `wanted`: the view's columns, which are no candidates for another's name. */
static bool missing_column(Reader *r, const nnrt_view *view, const char *name, const char *const *wanted, int n)
{
    Span header = {r->file, r->row.at[0].lo, r->row.at[r->row.n - 1].hi};
    Diag *d = diag_error(r->cx->diags, "E0213", header, "`%s` has no column `%s` for the input `%s`", r->file->name,
                         name, view->name);
    diag_primary(d, "the columns that are there");
    diag_note(d, "`%s` is %s (%s)", view->name, view_type_text(r->cx->arena, view), view->where);
    const char **have = NEW_ARRAY(r->cx->arena, const char *, r->row.n);
    Map *own = map_new(r->cx->arena);
    int others = 0;
    for (int i = 0; i < n; i++) map_set(own, wanted[i], r);
    for (int i = 0; i < r->row.n; i++) {
        const char *text = field_text(r, r->row.at[i]);
        if (!map_has(own, text)) have[others++] = text;
    }
    const char *other = other_header(r), *near = other ? NULL : str_nearest(name, have, others);
    if (other) diag_help(d, "%s", other);
    if (near) diag_help(d, "is it the column `%s`? name it `%s` in the first line", near, name);
    return false;
}

static bool column_twice(Reader *r, int first, int second)
{
    Diag *d = diag_error(r->cx->diags, "E0213", field_span(r, r->row.at[second]), "two columns of `%s` are called `%s`",
                         r->file->name, field_text(r, r->row.at[second]));
    diag_label(d, field_span(r, r->row.at[first]), "the first one");
    return false;
}

static bool column_beyond(Reader *r, int place, const nnrt_view *view, int width)
{
    Diag *d = diag_error(r->cx->diags, "E0213", field_span(r, r->row.at[place]),
                         "`%s` has more columns for the input `%s` than the %d it takes", r->file->name, view->name,
                         width);
    diag_note(d, "`%s` is %s (%s)", view->name, view_type_text(r->cx->arena, view), view->where);
    return false;
}

static bool locate(Reader *r, const nnrt_view *view, Wanted *out)
{
    int64_t shape[DATA_MAX_RANK] = {0};
    for (uint32_t i = 1; i < view->rank; i++) {
        shape[i] = view->axes[i].size;
        if (shape[i] >= 0) continue;
        diag_error(r->cx->diags, "E0213", NO_SPAN,
                   "the width of `%s` is open, which a table cannot settle: give it as an npy or IDX file", view->name);
        return false;
    }
    const char **names;
    csv_names(r->cx->arena, view, shape, r->row.n + MOST_BEYOND, &names, &out->width); /* of more one is missing */
    int *places = NEW_ARRAY(r->cx->arena, int, out->width);
    for (int i = 0; i < out->width; i++) {
        places[i] = find_column(r, r->first, names[i]);
        if (places[i] < 0) return missing_column(r, view, names[i], names, out->width);
        int again = find_column(r, r->second, names[i]);
        if (again >= 0) return column_twice(r, places[i], again);
    }
    int beyond = find_column(r, r->first, str_format(r->cx->arena, "%s.%d", view->name, out->width));
    if (beyond >= 0) return column_beyond(r, beyond, view, out->width);
    out->view = view;
    out->places = places;
    return true;
}

static const char *class_names(Arena *arena, const nnrt_view *view)
{
    Text names = {.arena = arena};
    for (int64_t i = 0; i < view->range; i++) text_add(&names, "%s%s", i ? ", " : "", view->labels[i]);
    return names.at;
}

static bool bad_value(Reader *r, Field f, const nnrt_view *view, const char *why)
{
    bool index = view->range != 0;
    Diag *d = diag_error(r->cx->diags, index ? "E0302" : "E0213", field_span(r, f), "`%.*s` is no value for `%s`",
                         (int)(f.hi - f.lo), r->file->text + f.lo, view->name);
    diag_primary(d, "%s", f.hi > f.lo ? why : "the field is empty");
    diag_note(d, "`%s` is %s (%s)", view->name, view_type_text(r->cx->arena, view), view->where);
    if (view->labels && view->range <= 16) diag_note(d, "its classes are %s", class_names(r->cx->arena, view));
    const char *near = view->labels ? str_nearest(field_text(r, f), view->labels, (int)view->range) : NULL;
    if (near) diag_help(d, "did you mean `%s`?", near);
    return false;
}

static int64_t label_place(const Reader *r, Field f, const nnrt_view *view)
{
    for (int64_t i = 0; view->labels && i < view->range; i++)
        if (field_is(r, f, view->labels[i])) return i;
    return -1;
}

/* Within quotes a number may stand among blanks. */
static Field without_blanks(const Reader *r, Field f)
{
    while (f.lo < f.hi && is_blank(r->file->text[f.lo])) f.lo++;
    while (f.hi > f.lo && is_blank(r->file->text[f.hi - 1])) f.hi--;
    return f;
}

/* A truth by name, as the language and Python write it; else -1. */
static int64_t truth_named(const Reader *r, Field f, const nnrt_view *view)
{
    static const char *const words[] = {"false", "true", "False", "True", "FALSE", "TRUE"};
    for (size_t i = 0; view->dtype == NNRT_BOOL && i < COUNT(words); i++)
        if (field_is(r, f, words[i])) return i % 2;
    return -1;
}

static const char *wanted_of(const nnrt_view *view)
{
    if (view->dtype == NNRT_BOOL) return "none of true, false, 1 and 0";
    return view->labels ? "neither a class name nor a whole number" : "not a whole number";
}

static bool store_integer(Reader *r, Field f, const nnrt_view *view, unsigned char *to)
{
    static const int64_t low[] = {[NNRT_I8] = INT8_MIN, [NNRT_I32] = INT32_MIN, [NNRT_I64] = INT64_MIN, [NNRT_F64] = 0};
    static const int64_t high[] = {
        [NNRT_BOOL] = 1, [NNRT_U8] = 255, [NNRT_I8] = 127, [NNRT_I32] = INT32_MAX, [NNRT_I64] = INT64_MAX};
    int64_t v = view->dtype == NNRT_BOOL ? truth_named(r, f, view) : label_place(r, f, view);
    if (v < 0) {
        char *end;
        Field n = without_blanks(r, f);
        errno = 0;
        v = strtoll(r->file->text + n.lo, &end, 10);
        if (end != r->file->text + n.hi || !csv_is_number(r->file->text + n.lo, n.hi - n.lo) || errno)
            return bad_value(r, f, view, wanted_of(view));
        if (view->range && (v < 0 || v >= view->range))
            return bad_value(r, f, view, str_format(r->cx->arena, "outside 0 to %" PRId64, view->range - 1));
        if (v < low[view->dtype] || v > high[view->dtype])
            return bad_value(r, f, view, view->dtype == NNRT_BOOL ? wanted_of(view) : "too large for its type");
    }
    memcpy(to, &v, nnrt_dtype_bytes(view->dtype)); /* little-endian */
    return true;
}

static bool store_field(Reader *r, Field f, const nnrt_view *view, unsigned char *to)
{
    if (view->dtype != NNRT_F32 && view->dtype != NNRT_F64) return store_integer(r, f, view, to);
    Field n = without_blanks(r, f);
    bool is_single = view->dtype == NNRT_F32;
    if (!csv_is_number(r->file->text + n.lo, n.hi - n.lo)) return bad_value(r, f, view, "not a number");
    errno = 0;
    float single = is_single ? strtof(r->file->text + n.lo, NULL) : 0;
    double v = is_single ? single : strtod(r->file->text + n.lo, NULL);
    if (errno == ERANGE && isinf(v)) return bad_value(r, f, view, "too large for its type");
    if (is_single)
        memcpy(to, &single, sizeof single);
    else
        memcpy(to, &v, sizeof v);
    return true;
}

static bool store_row(Reader *r, const Wanted *wanted, int n, Column *out)
{
    for (int v = 0; v < n; v++) {
        const nnrt_view *view = wanted[v].view;
        size_t bytes = nnrt_dtype_bytes(view->dtype);
        unsigned char *to = (unsigned char *)out[v].at + (size_t)out[v].shape[0] * out[v].row_bytes;
        for (int i = 0; i < wanted[v].width; i++)
            if (!store_field(r, r->row.at[wanted[v].places[i]], view, to + (size_t)i * bytes)) return false;
        out[v].shape[0]++;
    }
    return true;
}

static void column_start(Reader *r, const Wanted *w, size_t rows, Column *out)
{
    *out = (Column){.view = w->view, .rank = (int)w->view->rank};
    for (uint32_t i = 1; i < w->view->rank; i++) out->shape[i] = w->view->axes[i].size;
    out->row_bytes = (size_t)w->width * nnrt_dtype_bytes(w->view->dtype);
    out->at = arena_alloc(r->cx->arena, out->row_bytes * rows);
}

/* Line feeds and carriage returns both end lines; a field and what ends it take a byte at least. */
static size_t most_rows(const Source *file, int width)
{
    size_t n = 1, full = file->size / (size_t)width + 1;
    for (size_t i = 0; i < file->size; i++) n += file->text[i] == '\n' || file->text[i] == '\r';
    return n < full ? n : full;
}

static bool short_line(const Reader *r, int width)
{
    Span line = {r->file, r->row.at[0].lo, r->row.at[r->row.n - 1].hi};
    diag_error(r->cx->diags, "E0213", line, "this line of `%s` has %d field%s, the first line has %d", r->file->name,
               r->row.n, r->row.n == 1 ? "" : "s", width);
    return false;
}

static bool read_header(Reader *r)
{
    const Source *file = r->file;
    if (file->size >= 3 && !memcmp(file->text, "\xef\xbb\xbf", 3)) r->at = 3; /* a byte order mark */
    if (memchr(file->text, 0, file->size)) {
        diag_error(r->cx->diags, "E0213", NO_SPAN, "`%s` is neither a table of text nor an IDX, npy or npz file", file->name);
        return false;
    }
    if (file->size > MOST_TABLE) {
        Diag *d = diag_error(r->cx->diags, "E0213", NO_SPAN, "`%s` is larger than %d bytes", file->name, MOST_TABLE);
        diag_help(d, "give large data as npy, npz or IDX files");
        return false;
    }
    if (read_row(r)) return true;
    if (!r->cx->diags->errors)
        diag_error(r->cx->diags, "E0213", NO_SPAN, "`%s` is empty: its first line should name its columns", file->name);
    return false;
}

bool csv_table(Cx *cx, const Source *file, CsvTable *out)
{
    Reader r = {.cx = cx, .file = file};
    *out = (CsvTable){0};
    int before = cx->diags->errors;
    if (!read_header(&r)) return false;
    out->ncolumns = r.row.n;
    out->names = NEW_ARRAY(cx->arena, const char *, r.row.n);
    for (int i = 0; i < r.row.n; i++) out->names[i] = field_text(&r, r.row.at[i]);
    while (read_row(&r)) {
        if (r.row.n != out->ncolumns) return short_line(&r, out->ncolumns);
        for (int i = 0; i < r.row.n; i++) vec_push(cx->arena, &out->fields, field_text(&r, r.row.at[i]));
        vec_push(cx->arena, &out->lines, source_line(file, r.row.at[0].lo));
    }
    out->rows = out->lines.n;
    return cx->diags->errors == before;
}

bool csv_columns(Cx *cx, const Source *file, const nnrt_view *const *views, int nviews, Column *out)
{
    Reader r = {.cx = cx, .file = file};
    if (!read_header(&r)) return false;
    Wanted *wanted = NEW_ARRAY(cx->arena, Wanted, nviews);
    int width = r.row.n;
    size_t rows = most_rows(file, width);
    index_columns(&r);
    for (int i = 0; i < nviews; i++) {
        if (!locate(&r, views[i], &wanted[i])) return false;
        column_start(&r, &wanted[i], rows, &out[i]);
    }
    int before = cx->diags->errors;
    while (read_row(&r)) {
        if (r.row.n != width) return short_line(&r, width);
        if (!store_row(&r, wanted, nviews, out)) return false;
    }
    return cx->diags->errors == before;
}
