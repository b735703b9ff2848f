/* confusion.c: what the samples are against what the model says they are. */
#include "driver/report/report.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

Confusion *confusion_new(Arena *a, int n, const char **names)
{
    Confusion *c = NEW(a, Confusion);
    *c = (Confusion){.n = n, .names = names, .counts = NEW_ARRAY(a, int64_t, (size_t)n *(size_t)n)};
    return c;
}

/* Outputs that are not numbers count as samples, but are no guess. */
void confusion_count(Confusion *c, int truth, int guess)
{
    c->total++;
    if (truth < 0 || truth >= c->n || guess < 0 || guess >= c->n) return;
    c->counts[truth * c->n + guess]++;
    c->right += truth == guess;
}

Confusion *confusion_measure(Arena *a, const Predictor *p, const nnrt_source *source)
{
    enum { AT_ONCE = 4096 };
    Classes classes;
    if (!classes_find(a, p, source, &classes)) return NULL;
    Confusion *c = confusion_new(a, classes.n, classes.names);
    c->target = p->train->inputs[classes.input].name;
    int64_t n = source_rows(source), rows[AT_ONCE];
    for (int64_t first = 0; first < n; first += AT_ONCE) {
        int64_t now = n - first < AT_ONCE ? n - first : AT_ONCE;
        for (int64_t i = 0; i < now; i++) rows[i] = source_row(source, first + i);
        Arena *scratch = arena_new();
        const double *out = predictor_run(p, scratch, source, rows, now);
        for (int64_t i = 0; i < now && out; i++)
            confusion_count(c, classes_truth(&classes, p, source, rows[i]),
                            classes_guess(&classes, out + i * p->width));
        arena_free(scratch);
        if (!out) return NULL;
    }
    return c;
}

bool confusion_worst(const Confusion *c, int i, int *out_truth, int *out_guess)
{
    int64_t bound = INT64_MAX;
    int after = -1, best = -1; /* of equal counts the first comes first */
    for (; i >= 0; i--) {
        best = -1;
        for (int k = 0; k < c->n * c->n; k++) {
            int64_t v = c->counts[k];
            if (k / c->n == k % c->n || !v || v > bound || (v == bound && k <= after)) continue;
            if (best < 0 || v > c->counts[best]) best = k;
        }
        if (best < 0) return false;
        bound = c->counts[best];
        after = best;
    }
    *out_truth = best / c->n;
    *out_guess = best % c->n;
    return true;
}

/* ---- the picture ---- */
typedef struct Matrix {
    const Confusion *c;
    Text *to;
    double cell, left, top;
    bool slanted; /* the names above the columns */
} Matrix;

static int64_t row_total(const Confusion *c, int truth)
{
    int64_t sum = 0;
    for (int k = 0; k < c->n; k++) sum += c->counts[truth * c->n + k];
    return sum;
}

static int64_t column_total(const Confusion *c, int guess)
{
    int64_t sum = 0;
    for (int k = 0; k < c->n; k++) sum += c->counts[k * c->n + guess];
    return sum;
}

/* Blue where right, orange where wrong, denser with the share of the row; a small share of mistakes is seen too. */
static double cell_density(double share, bool right)
{
    return share > 0 ? right ? 0.12 + 0.88 * share : 0.15 + 0.85 * sqrt(share) : 0;
}

static void draw_cell(const Matrix *m, int truth, int guess, int64_t all)
{
    int64_t count = m->c->counts[truth * m->c->n + guess];
    double share = all ? (double)count / (double)all : 0, x = m->left + guess * m->cell, y = m->top + truth * m->cell;
    bool right = truth == guess;
    double side = m->cell - (m->cell > 8), density = cell_density(share, right);
    Arena *a = m->to->arena;
    text_add(m->to, "<g><rect class=\"cell\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x, y, side, side);
    if (count)
        text_add(m->to,
                 "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\" fill-opacity=\"%.3f\"/>", x, y,
                 side, side, right ? "#005a94" : "#b44606", density);
    text_add(m->to, "<title>");
    xml_text(m->to, str_format(a, "%s, taken for %s: %" PRId64 " of %" PRId64, m->c->names[truth], m->c->names[guess],
                               count, all));
    text_add(m->to, "</title>");
    if (m->cell >= 22 && count)
        svg_text(m->to, x + m->cell / 2, y + m->cell / 2 + 4, density > 0.5 ? "mid light" : "mid",
                 str_format(a, "%" PRId64, count));
    text_add(m->to, "</g>\n");
}

/* A name that is too long for its place is cut; the whole is shown when pointed at. */
static const char *cut_name(Arena *a, const char *name, int most)
{
    int characters = 0;
    for (const char *s = name; *s; s++) {
        if ((*s & 0xc0) == 0x80) continue;
        if (++characters > most) return str_format(a, "%.*s…", (int)(s - name), name);
    }
    return name;
}

static const char *percent(Arena *a, int64_t part, int64_t all)
{
    return all ? str_format(a, "%.1f%%", 100 * (double)part / (double)all) : "–";
}

static void draw_column_name(const Matrix *m, double middle, const char *name)
{
    if (!m->slanted) {
        svg_text(m->to, middle, m->top - 8, "mid", name);
        return;
    }
    text_add(m->to, "<g transform=\"translate(%.1f %.1f) rotate(-40)\">", middle - 3, m->top - 8);
    svg_text(m->to, 0, 0, "", name);
    text_add(m->to, "</g>\n");
}

static void draw_names(const Matrix *m)
{
    const Confusion *c = m->c;
    Arena *a = m->to->arena;
    double end = m->left + c->n * m->cell, below = m->top + c->n * m->cell;
    int every = (int)ceil(15 / m->cell);
    for (int i = 0; i < c->n; i += every) {
        double middle = (i + 0.5) * m->cell;
        int64_t right = c->counts[i * c->n + i];
        svg_text(m->to, m->left - 8, m->top + middle + 4, "end", cut_name(a, c->names[i], 16));
        svg_text(m->to, end + 10, m->top + middle + 4, "soft", percent(a, right, row_total(c, i)));
        draw_column_name(m, m->left + middle, cut_name(a, c->names[i], 12));
        if (m->cell < 34) continue;
        svg_text(m->to, m->left + middle, below + 18, "soft mid", percent(a, right, column_total(c, i)));
    }
    svg_text(m->to, end + 10, m->top - 8, "soft", "found");
    if (m->cell >= 34) svg_text(m->to, m->left - 8, below + 18, "soft end", "correct");
}

static int longest_name(const Confusion *c)
{
    int most = 0;
    for (int i = 0; i < c->n; i++) {
        int n = 0;
        for (const char *s = c->names[i]; *s; s++) n += (*s & 0xc0) != 0x80;
        if (n > most) most = n;
    }
    return most;
}

void confusion_draw(const Confusion *c, Text *to, bool alone)
{
    double cell = fmin(72, fmax(4, 440.0 / c->n));
    int longest = longest_name(c);
    bool slanted = longest * 7.5 > cell;
    Matrix m = {c, to, cell, 44 + 7 * fmin(longest, 16), slanted ? 82 + 4.6 * fmin(longest, 12) : 82, slanted};
    double width = m.left + c->n * cell + 80, height = m.top + c->n * cell + 34;
    Arena *a = to->arena;
    if (width < 420) width = 420;
    svg_open(to, width, height, "confusion matrix", alone);
    svg_text(to, 16, 26, "head",
             str_format(a, "%s: %s of %s right on %s sample%s", c->target ? c->target : "classes",
                        percent(a, c->right, c->total), grouped_number(a, c->total),
                        c->held_out ? "held-out" : "training", c->total == 1 ? "" : "s"));
    svg_text(to, 16, 46, "soft", "rows: what it is; columns: what the model says");
    for (int i = 0; i < c->n; i++) {
        int64_t all = row_total(c, i);
        for (int k = 0; k < c->n; k++) draw_cell(&m, i, k, all);
    }
    draw_names(&m);
    svg_close(to);
}
