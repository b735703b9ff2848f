/* new.c: a model to start from, by the columns of a table: its columns of numbers, centred and scaled, and those of a few
   words, each word a column of ones and zeros, to a hidden layer or two, to one number or to classes. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

typedef struct Feature {
    const char *name;
    double mean, spread;
} Feature;
/* A column of words: an input of places in a dim of its own. */
typedef struct Kind {
    const char *name, *dim;
    Names words;
} Kind;
typedef struct Draft {
    Args *args;
    Arena *arena;
    const char *path;
    CsvTable table;
    int target;
    VEC(Feature) features;
    VEC(Kind) kinds;
    Names classes;      /* of a target of words, in order */
    Feature number;     /* of a target of numbers */
    const char *input, *answer, *guess; /* what the model calls them */
    Text text;
} Draft;

/* ---- columns ---- */
static const char *field(const Draft *d, int row, int column)
{
    return d->table.fields.at[row * d->table.ncolumns + column];
}

static bool is_number(const char *text, double *out)
{
    *out = strtod(text, NULL);
    return csv_is_number(text, strlen(text)) && isfinite(*out);
}

/* The first row that holds no number, or -1. */
static int first_word(const Draft *d, int column)
{
    double v;
    for (int row = 0; row < d->table.rows; row++)
        if (!is_number(field(d, row, column), &v)) return row;
    return -1;
}

static Feature measured(const Draft *d, int column)
{
    double mean = 0, squares = 0, v, low = INFINITY, high = -INFINITY, n = d->table.rows;
    for (int row = 0; row < d->table.rows; row++) {
        is_number(field(d, row, column), &v);
        mean += v / n;
        low = fmin(low, v);
        high = fmax(high, v);
    }
    for (int row = 0; row < d->table.rows; row++) {
        is_number(field(d, row, column), &v);
        squares += (v - mean) * (v - mean) / n;
    }
    return (Feature){d->table.names[column], mean, low < high ? sqrt(squares) : 0};
}

/* ---- names ---- */
/* Words of the language, and what no text binds again. */
static bool is_taken(const char *name)
{
    static const char *const words[] = {
        "import", "as",   "dim",  "in",    "hyper", "fn",  "layer", "model", "train",    "param", "state", "from",
        "where",  "if",   "then", "else",  "and",   "or",  "not",   "true",  "false",    "pi",    "inf",   "training",
        "step",   "epoch", "real", "int",  "tree",  "total", "f16", "bf16",  "bool",     "loss",  "metric", "optimizer",
        "data",   "split", "batch", "epochs", "seed", "stop", "N",  "net",   "class",    "feature", "mean", "spread"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_equal(words[i], name)) return true;
    return dtype_named(name) != DT_NONE;
}

static bool is_name(const char *text)
{
    if (!isalpha((unsigned char)*text) || is_taken(text)) return false;
    return !text[strspn(text, WORD "_")];
}

static const char *as_name(Arena *arena, const char *text)
{
    Text name = {arena, 0, 0, 0};
    if (!isalpha((unsigned char)*text)) text_add(&name, "c");
    for (const char *c = text; *c; c++) {
        if (isalnum((unsigned char)*c))
            text_add_n(&name, c, 1);
        else if (name.n && name.at[name.n - 1] != '_' && c[strcspn(c, WORD)])
            text_add(&name, "_");
    }
    return is_name(text_done(&name)) ? name.at : str_format(arena, "%s_", name.at);
}

/* The columns are `x.0`, `x.1`, ... of one name: its length, else 0. */
static int numbered(const Draft *d)
{
    const char *first = d->features.at[0].name;
    int n = (int)strlen(first) - 2;
    if (n < 1 || d->features.n < 2 || strcmp(first + n, ".0")) return 0;
    const char *stem = str_copy_n(d->arena, first, (size_t)n);
    for (int i = 0; i < d->features.n; i++)
        if (!str_equal(d->features.at[i].name, str_format(d->arena, "%s.%d", stem, i))) return 0;
    return is_name(stem) && !str_equal(stem, d->answer) ? n : 0;
}

/* A column of this name alone: `p.0` beside `p` would be read as a part of it. */
static bool is_free(const Draft *d, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; i < d->table.ncolumns; i++)
        if (!strncmp(d->table.names[i], name, n) && d->table.names[i][n] == '.') return false;
    return is_name(name);
}

/* ---- columns of words ---- */
static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The different words of a column, in order; *out_empty is the first row that holds none, or -1. */
static Names words_of(const Draft *d, int column, int *out_empty)
{
    Map *seen = map_new(d->arena);
    Names words = {0};
    *out_empty = -1;
    for (int row = d->table.rows - 1; row >= 0; row--) {
        const char *word = field(d, row, column);
        if (!*word) *out_empty = row;
        if (!map_has(seen, word)) vec_push(d->arena, &words, str_copy(d->arena, word));
        map_set(seen, word, (void *)d);
    }
    qsort(words.at, (size_t)words.n, sizeof *words.at, by_text);
    return words;
}

enum { MOST_KINDS = 32 };

/* Why a column of words cannot be an input, or NULL. */
static const char *unkind(const Draft *d, int column, const Kind *k, int empty)
{
    int word = first_word(d, column);
    static const char *const used[] = {"x", "x_", "p", "guess", "numbers", "result", "scaled"};
    if (empty >= 0) return str_format(d->arena, "line %d has none", d->table.lines.at[empty]);
    if (k->words.n < 2) return "it has the same value in every line";
    if (k->words.n > MOST_KINDS || 2 * k->words.n > d->table.rows)
        return str_format(d->arena, "`%s` in line %d is no number, and %d different words are too many for %d lines",
                          field(d, word, column), d->table.lines.at[word], k->words.n, d->table.rows);
    for (int i = 0; i < k->words.n; i++)
        if (strpbrk(k->words.at[i], "\r\n")) return "a field of it goes over several lines";
    for (size_t i = 0; i < COUNT(used); i++)
        if (str_equal(used[i], k->name)) return "the model uses this name for itself";
    for (int i = 0; i < d->table.ncolumns; i++)
        if (str_equal(d->table.names[i], k->dim)) return str_format(d->arena, "beside it stands `%s`", k->dim);
    return is_free(d, k->name) ? NULL : "it cannot name an input: call it otherwise in the first line";
}

static void find_kind(Draft *d, int column)
{
    int empty;
    const char *name = d->table.names[column];
    Kind k = {name, str_format(d->arena, "%s_kind", name), words_of(d, column, &empty)};
    const char *why = unkind(d, column, &k, empty);
    if (why) fprintf(stderr, "note: `%s` is left out: %s\n", name, why);
    else vec_push(d->arena, &d->kinds, k);
}

static int find_features(Draft *d)
{
    for (int c = 0; c < d->table.ncolumns; c++) {
        if (c == d->target) continue;
        if (first_word(d, c) >= 0) {
            find_kind(d, c);
            continue;
        }
        Feature f = measured(d, c);
        if (f.spread > 0) vec_push(d->arena, &d->features, f);
        else fprintf(stderr, "note: `%s` is left out: it has the same value in every line\n", f.name);
    }
    return d->features.n ? 0 : failure("`%s` has no column of numbers that differ, beside `%s`", d->path,
                                       d->table.names[d->target]);
}

/* ---- the target ---- */
static int find_classes(Draft *d)
{
    int empty;
    const char *name = d->table.names[d->target];
    d->classes = words_of(d, d->target, &empty);
    if (empty >= 0) return failure("line %d of `%s` has no `%s`", d->table.lines.at[empty], d->path, name);
    if (d->classes.n < 2) return failure("`%s` is `%s` in every line: there is nothing to learn", name, d->classes.at[0]);
    if (d->classes.n == d->table.rows)
        return failure("`%s` is another word in every line: there is nothing to learn", name);
    qsort(d->classes.at, (size_t)d->classes.n, sizeof *d->classes.at, by_text);
    if (is_free(d, name)) return 0;
    const char *other = as_name(d->arena, name);
    return failure("`%s` cannot name an input of a model: call the column `%s%s` in the first line", name, other,
                   is_free(d, other) ? "" : "_");
}

/* Numbers may still be meant as classes. */
static void note_few_numbers(const Draft *d)
{
    bool seen[10] = {false};
    int different = 0;
    for (int row = 0; row < d->table.rows; row++) {
        double v;
        if (!is_number(field(d, row, d->target), &v) || v != floor(v) || v < 0 || v > 9) return;
        different += !seen[(int)v];
        seen[(int)v] = true;
    }
    if (d->table.rows >= 10 * different)
        fprintf(stderr, "note: `%s` is one of %d whole numbers; if they are classes, write them as words in the table\n",
                d->table.names[d->target], different);
}

static const char *columns_text(const Draft *d)
{
    enum { SHOWN = 12 };
    Text t = {.arena = d->arena};
    for (int i = 0; i < d->table.ncolumns && i < SHOWN; i++)
        text_add(&t, "%s`%s`", i ? ", " : "", d->table.names[i]);
    if (d->table.ncolumns > SHOWN) text_add(&t, " and %d more", d->table.ncolumns - SHOWN);
    return text_done(&t);
}

static int find_target(Draft *d)
{
    const char *name = args_text(d->args, OPT_TARGET), **names = d->table.names;
    d->target = -1;
    for (int i = 0; i < d->table.ncolumns; i++) {
        for (int k = 0; k < i; k++)
            if (str_equal(names[i], names[k])) return failure("`%s` has two columns `%s`", d->path, names[i]);
        if (name && str_equal(names[i], name)) d->target = i;
    }
    if (!name) return usage_error("no target: give --target COLUMN, the column that the model is to tell");
    const char *near = str_nearest(name, names, d->table.ncolumns);
    if (d->target < 0 && near) return failure("`%s` has no column `%s`; is it `%s`?", d->path, name, near);
    if (d->target < 0) return failure("`%s` has no column `%s`; it has %s", d->path, name, columns_text(d));
    if (d->table.rows < 2)
        return failure("`%s` has %d sample%s: two are the least", d->path, d->table.rows, d->table.rows == 1 ? "" : "s");
    if (first_word(d, d->target) >= 0) {
        d->answer = name;
        return find_classes(d);
    }
    d->number = measured(d, d->target);
    d->answer = is_free(d, name) ? name : as_name(d->arena, name);
    if (!is_free(d, d->answer)) d->answer = str_format(d->arena, "%s_", d->answer);
    if (d->number.spread > 0) return note_few_numbers(d), 0;
    return failure("`%s` has the same value in every line: there is nothing to learn", name);
}

/* ---- the text ---- */
static void add_dim(Draft *d, const char *name, const char *const *labels, int n)
{
    int column = (int)strlen(name) + 6;
    text_add(&d->text, "dim %s =", name);
    for (int i = 0; i < n; i++) {
        int width = (int)strlen(labels[i]) + 4;
        column += width;
        if (i && column > 110) text_add(&d->text, ",\n   "), column = width + 3;
        else if (i) text_add(&d->text, ",");
        text_add(&d->text, " \"");
        for (const char *c = labels[i]; *c; c++) text_add(&d->text, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        text_add(&d->text, "\"");
    }
    text_add(&d->text, "\n");
}

static const char *number(const Draft *d, double v) { return text_number(d->arena, v, true); }

static void add_vector(Draft *d, const char *name, const char *size, bool spread)
{
    text_add(&d->text, "  %s: f32[%s] = [", name, size);
    for (int i = 0; i < d->features.n; i++) {
        const Feature *f = &d->features.at[i];
        text_add(&d->text, "%s%s", !i ? "" : i % 8 ? ", " : ",\n    ", number(d, spread ? f->spread : f->mean));
    }
    text_add(&d->text, "]\n");
}

static void add_head(Draft *d)
{
    const char *output = args_text(d->args, OPT_OUTPUT);
    int columns = d->features.n + d->kinds.n;
    text_add(&d->text, "# %s from %d column%s of %s.\n", d->table.names[d->target], columns,
             columns > 1 ? "s" : "", d->path);
    text_add(&d->text, "# nnc train %s --data %s\n", output && strcmp(output, "-") ? output : "MODEL.nn", d->path);
    text_add(&d->text, "dim N\n");
}

/* x, colour, ...: with their types where they are declared, or one hot where they are read. */
static void add_inputs(Draft *d, const char *size)
{
    text_add(&d->text, size ? "%s: f32[N, %s]" : "%s", d->input, size);
    for (int i = 0; i < d->kinds.n; i++) {
        const Kind *k = &d->kinds.at[i];
        text_add(&d->text, size ? ", %s: i32<%s>[N]" : ", %s", k->name, k->dim);
    }
}

static void add_features(Draft *d)
{
    if (!d->kinds.n) {
        text_add(&d->text, "  (%s - mean) / spread\n", d->input);
        return;
    }
    text_add(&d->text, "  numbers = (%s - mean) / spread\n  concat(numbers, ", d->input);
    for (int i = 0; i < d->kinds.n; i++) text_add(&d->text, "one_hot(%s), ", d->kinds.at[i].name);
    text_add(&d->text, "over = last)\n");
}

static void add_model(Draft *d, const char *size, const char *result)
{
    text_add(&d->text, "\nmodel net(");
    add_inputs(d, size);
    text_add(&d->text, ") -> f32[N, %s] {\n", result);
    add_vector(d, "mean", size, false);
    add_vector(d, "spread", size, true);
    add_features(d);
    text_add(&d->text, "    |> dense(16) |> relu\n    |> dense(16) |> relu\n");
    if (d->classes.n)
        text_add(&d->text, "    |> dense(class) |> softmax\n}\n");
    else
        text_add(&d->text, "    |> dense(%s) |> scaled\n}\n", result);
    if (!d->classes.n)
        text_add(&d->text, "\nfn scaled(z: real) -> real = %s + %s*z\n", number(d, d->number.mean),
                 number(d, d->number.spread));
}

static void add_train(Draft *d, const char *result)
{
    int epochs = 64000 / d->table.rows;
    text_add(&d->text, "\ntrain net(");
    add_inputs(d, NULL);
    if (d->classes.n) text_add(&d->text, ", %s: i32<class>[N]) {\n  %s = net(", d->answer, d->guess);
    else text_add(&d->text, ", %s: f32[N, %s]) {\n  %s = net(", d->answer, result, d->guess);
    add_inputs(d, NULL);
    text_add(&d->text, ")\n  loss      %s(%s, %s)\n  metric    %s(%s, %s)\n", d->classes.n ? "cross_entropy" : "mse", d->guess,
             d->answer, d->classes.n ? "accuracy" : "mae", d->guess, d->answer);
    text_add(&d->text, "  optimizer adam(lr = 0.01)\n  epochs %d; batch 32;%s seed 1\n}\n",
             epochs < 10    ? 10
             : epochs > 200 ? 200
                            : epochs,
             d->table.rows >= 10 ? " split 80/20;" : "");
}

static void write_model(Draft *d)
{
    int stem = numbered(d);
    const char **labels = NEW_ARRAY(d->arena, const char *, d->features.n), *name = d->table.names[d->target];
    const char *size = stem ? str_format(d->arena, "%d", d->features.n) : "feature";
    bool own_name = str_equal(d->answer, name);
    d->input = str_equal(d->answer, "x") ? "x_" : "x";
    if (stem) d->input = str_copy_n(d->arena, d->features.at[0].name, (size_t)stem);
    d->guess = str_equal(d->answer, "p") || str_equal(d->input, "p") ? "guess" : "p";
    for (int i = 0; i < d->features.n; i++) labels[i] = d->features.at[i].name;
    add_head(d);
    if (!stem) add_dim(d, "feature", labels, d->features.n);
    for (int i = 0; i < d->kinds.n; i++) add_dim(d, d->kinds.at[i].dim, d->kinds.at[i].words.at, d->kinds.at[i].words.n);
    if (d->classes.n) add_dim(d, "class", d->classes.at, d->classes.n);
    if (!own_name) add_dim(d, "result", &name, 1);
    const char *result = d->classes.n ? "class" : own_name ? "1" : "result";
    add_model(d, size, result);
    add_train(d, result);
}

/* What this writes is a model: a table that would make it none is told before anything is written. */
static int check_model(Draft *d)
{
    FrontendOptions o = {.name = "model", .real = DT_F32};
    text_done(&d->text);
    if (frontend_parse(d->args->cx, "the new model", d->text.at, &o) && !d->args->cx->diags->errors) return 0;
    model_finish(d->args, 0);
    return failure("no model follows from `%s`: call its columns otherwise", d->path);
}

static int finish(const Draft *d)
{
    const char *to = args_text(d->args, OPT_OUTPUT);
    if (!to || str_equal(to, "-")) {
        fwrite(d->text.at, 1, d->text.n, stdout);
        fprintf(stderr, "note: the data of this model are --data %s\n", d->path);
        return EXIT_GOOD;
    }
    if (write_file(to, d->text.at, d->text.n)) {
        printf("nnc train %s --data %s\n", to, d->path);
        return EXIT_GOOD;
    }
    failure("`%s` cannot be written: %s", to, strerror(errno));
    return EXIT_NO_OUTPUT;
}

int command_new(Args *a)
{
    Draft d = {.args = a, .arena = a->cx->arena, .path = a->operands.at[0], .text = {.arena = a->cx->arena}};
    const char *to = args_text(a, OPT_OUTPUT);
    if (to && refuse_overwriting(to, &d.path, 1)) return EXIT_USAGE;
    Source *file = source_read(d.arena, d.path, d.path, MOST_TABLE);
    if (!file) {
        usage_error("`%s` cannot be read: %s", d.path, strerror(errno));
        return EXIT_NO_INPUT;
    }
    if (!csv_table(a->cx, file, &d.table)) return model_finish(a, EXIT_MODEL);
    int status = find_target(&d);
    if (!status) status = find_features(&d);
    if (status) return status;
    write_model(&d);
    status = check_model(&d);
    return status ? status : finish(&d);
}
