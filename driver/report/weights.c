/* weights.c: how the values of each parameter lie, now and before training. */
#include "driver/report/report.h"
#include <math.h>

enum { BINS = 32, MOST_SAMPLES = 1 << 16, MOST_TENSORS = 60 };

typedef struct Values {
    const nnrt_tensor *tensor;
    int64_t n, step; /* every step-th of its values is looked at */
    double *was;
} Values;
struct Weights {
    Arena *arena;
    nnrt_session *session;
    VEC(Values) list;
    int left_out;
};

static int64_t size_of(const nnrt_tensor *t) { return t->bytes / (int64_t)nnrt_dtype_bytes(t->dtype); }

/* NULL where the session cannot give them. */
static double *read_values(const Weights *w, const Values *v, Arena *a)
{
    Arena *scratch = arena_new();
    float *f = arena_alloc(scratch, (size_t)v->tensor->bytes);
    const double *d = (const void *)f;
    double *out = NULL;
    if (!nnrt_read(w->session, v->tensor->name, f, (size_t)v->tensor->bytes)) {
        out = NEW_ARRAY(a, double, v->n);
        for (int64_t i = 0; i < v->n; i++)
            out[i] = v->tensor->dtype == NNRT_F32 ? (double)f[i * v->step] : d[i * v->step];
    }
    arena_free(scratch);
    return out;
}

Weights *weights_new(Arena *a, nnrt_session *s)
{
    const nnrt_model *m = nnrt_session_model(s);
    Weights *w = NEW(a, Weights);
    *w = (Weights){.arena = a, .session = s};
    for (uint32_t i = 0; i < m->ntensors; i++) {
        const nnrt_tensor *t = &m->tensors[i];
        if (t->role != NNRT_PARAM || (t->dtype != NNRT_F32 && t->dtype != NNRT_F64) || !t->bytes) continue;
        if (w->list.n == MOST_TENSORS) {
            w->left_out++;
            continue;
        }
        Values v = {.tensor = t, .step = (size_of(t) + MOST_SAMPLES - 1) / MOST_SAMPLES};
        v.n = (size_of(t) + v.step - 1) / v.step;
        v.was = read_values(w, &v, a);
        vec_push(a, &w->list, v);
    }
    return w;
}

/* ---- one row of the table ---- */
typedef struct Moments {
    double mean, deviation, low, high;
    int64_t bad; /* not finite */
} Moments;

static Moments moments_of(const double *v, int64_t n)
{
    Moments m = {0, 0, INFINITY, -INFINITY, 0};
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) {
            m.bad++;
            continue;
        }
        m.mean += v[i];
        m.low = fmin(m.low, v[i]);
        m.high = fmax(m.high, v[i]);
    }
    if (n > m.bad) m.mean /= (double)(n - m.bad);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) m.deviation += (v[i] - m.mean) * (v[i] - m.mean);
    if (n > m.bad) m.deviation = sqrt(m.deviation / (double)(n - m.bad));
    return m;
}

static void count_bins(const double *v, int64_t n, double low, double high, int64_t *bins)
{
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) continue;
        double share = (v[i] / 2 - low / 2) / (high / 2 - low / 2); /* halves: the whole may be beyond a double */
        bins[share < 1 ? (int)(share * BINS) : share >= 1 ? BINS - 1 : 0]++;
    }
}

static int64_t highest(const int64_t *bins, int64_t so_far)
{
    for (int i = 0; i < BINS; i++)
        if (bins[i] > so_far) so_far = bins[i];
    return so_far;
}

/* Bars: now. Outline: before training, unless every value was the same, which would tower over all. */
static void draw_histogram(const Values *v, const double *now, const Moments *m, Text *to)
{
    enum { WIDTH = 192, HEIGHT = 40, STEP = WIDTH / BINS };
    Moments was = v->was ? moments_of(v->was, v->n) : (Moments){0};
    bool outline = v->was && was.deviation > 0;
    double low = outline ? fmin(m->low, was.low) : m->low, high = outline ? fmax(m->high, was.high) : m->high;
    int64_t bins[BINS] = {0}, before[BINS] = {0};
    if (!(high > low)) low -= 0.5, high = low + 1;
    count_bins(now, v->n, low, high, bins);
    if (outline) count_bins(v->was, v->n, low, high, before);
    double scale = (double)(HEIGHT - 2) / (double)highest(before, highest(bins, 1));
    text_add(to,
             "<svg class=\"nn\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\"><title>%s to %s</title>",
             WIDTH, HEIGHT + 1, WIDTH, HEIGHT + 1, short_number(to->arena, low), short_number(to->arena, high));
    text_add(to, "<path class=\"bar\" d=\"M0 %d", HEIGHT);
    for (int i = 0; i < BINS; i++) text_add(to, "V%.1fh%d", HEIGHT - scale * (double)bins[i], STEP);
    text_add(to, "V%dz\"/>", HEIGHT);
    if (outline) text_add(to, "<path class=\"was\" d=\"M0 %d", HEIGHT);
    for (int i = 0; i < BINS && outline; i++) text_add(to, "V%.1fh%d", HEIGHT - scale * (double)before[i], STEP);
    if (outline) text_add(to, "V%d\"/>", HEIGHT);
    text_add(to, "<path class=\"axis\" d=\"M0 %d.5h%d\"/></svg>", HEIGHT, WIDTH);
}

static void draw_row(const Weights *w, const Values *v, Text *to)
{
    char shape[160];
    const double *now = read_values(w, v, to->arena);
    if (!now) return;
    Moments m = moments_of(now, v->n);
    Arena *a = to->arena;
    text_add(to, "<tr><th scope=\"row\"><code>");
    xml_text(to, v->tensor->name);
    text_add(to, "</code></th><td><code>");
    xml_text(to, nnrt_tensor_text(v->tensor, shape, sizeof shape));
    text_add(to, "</code></td><td class=\"number\">%s</td>", grouped_number(a, size_of(v->tensor)));
    const double shown[] = {m.mean, m.deviation, m.low, m.high};
    for (size_t i = 0; i < COUNT(shown); i++) text_add(to, "<td class=\"number\">%s</td>", short_number(a, shown[i]));
    text_add(to, "<td>");
    draw_histogram(v, now, &m, to);
    if (m.bad) text_add(to, " <strong>%s not finite</strong>", grouped_number(a, m.bad));
    text_add(to, "</td></tr>\n");
}

void weights_draw(const Weights *w, Text *to)
{
    text_add(
        to,
        "<table><thead><tr><th>parameter</th><th>shape</th><th class=\"number\">values</th><th class=\"number\">mean"
        "</th><th class=\"number\">deviation</th><th class=\"number\">least</th><th class=\"number\">greatest</th>"
        "<th>distribution</th></tr></thead><tbody>\n");
    for (int i = 0; i < w->list.n; i++) draw_row(w, &w->list.at[i], to);
    text_add(to, "</tbody></table>\n");
    if (w->left_out) text_add(to, "<p class=\"note\">%d more parameters are not shown.</p>\n", w->left_out);
}
