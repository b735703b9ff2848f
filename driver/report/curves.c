/* curves.c: the loss and each metric over the epochs, train against held out, one panel each. */
#include "driver/report/report.h"
#include <inttypes.h>
#include <math.h>

enum { PANEL_WIDTH = 470, PANEL_HEIGHT = 290, LEFT = 58, RIGHT = 64, TOP = 44, BOTTOM = 44, MAX_TICKS = 12 };
enum { MAX_POINTS = 800, MAX_MARKED = 400, MAX_DOTTED = 30 };

typedef struct Panel {
    const History *h;
    Text *to;
    int series;
    double left, top; /* of the panel in the picture */
    Scale x, y;
} Panel;

static double number_at(const History *h, int epoch, int series, bool test)
{
    const EpochNumbers *e = &h->epochs.at[epoch];
    return !test ? e->train[series] : e->test ? e->test[series] : NAN;
}

/* The least and greatest finite number of a series; false where there is none. */
static bool find_range(const History *h, int series, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < 2 * h->epochs.n; i++) {
        double v = number_at(h, i / 2, series, i % 2);
        if (!isfinite(v)) continue;
        *low = fmin(*low, v);
        *high = fmax(*high, v);
    }
    return *low <= *high;
}

/* A loss that falls over decades is read on a logarithmic axis. */
static Scale value_scale(const History *h, int series, double from, double to)
{
    double low = 0, high = 1;
    if (!find_range(h, series, &low, &high)) low = 0, high = 1;
    if (low > 0 && high / low >= 60) return scale_log(low, high, from, to);
    double room = 0.06 * (high - low);
    bool rate = low >= 0 && high <= 1;
    low = low >= 0 ? fmax(0, low - room) : low - room;
    high = rate ? fmin(1, high + room) : high + room;
    return scale_new(low, high, 5, from, to);
}

/* Epochs shown: all, or so many that a line of a thousand points says the same. The last is always one. */
static int next_shown(const History *h, int i)
{
    int step = (h->epochs.n + MAX_POINTS - 1) / MAX_POINTS, last = h->epochs.n - 1;
    return i == last ? last + 1 : i + step > last ? last : i + step;
}

static void draw_line(const Panel *p, bool test)
{
    bool pen = false, any = false;
    const char *fine = p->h->epochs.n > 100 ? " fine" : "";
    for (int i = 0; i < p->h->epochs.n; i = next_shown(p->h, i)) {
        double v = number_at(p->h, i, p->series, test);
        if (!isfinite(v)) {
            pen = false;
            continue;
        }
        if (!any) text_add(p->to, "<path class=\"%s%s\" d=\"", test ? "test" : "train", fine);
        text_add(p->to, "%c%.1f %.1f", pen ? 'L' : 'M', scale_at(&p->x, (double)p->h->epochs.at[i].epoch),
                 scale_at(&p->y, v));
        pen = any = true;
    }
    if (any) text_add(p->to, "\"/>\n");
}

static void draw_dots(const Panel *p, bool test)
{
    for (int i = 0; i < p->h->epochs.n && p->h->epochs.n <= MAX_DOTTED; i++) {
        double v = number_at(p->h, i, p->series, test), x = scale_at(&p->x, (double)p->h->epochs.at[i].epoch);
        if (isfinite(v))
            text_add(p->to, "<circle class=\"%s dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>\n", test ? "test" : "train",
                     x, scale_at(&p->y, v));
    }
}

/* The last numbers, written beside the ends of the lines and kept apart. */
static void draw_ends(const Panel *p)
{
    double v[2] = {history_last(p->h, p->series, false), history_last(p->h, p->series, true)}, y[2];
    for (int i = 0; i < 2; i++) y[i] = isfinite(v[i]) ? scale_at(&p->y, v[i]) + 4 : NAN;
    double overlap = 13 - fabs(y[0] - y[1]);
    if (overlap > 0) {
        int upper = y[0] > y[1] || (y[0] == y[1]);
        y[upper] -= overlap / 2;
        y[!upper] += overlap / 2;
    }
    for (int i = 0; i < 2; i++)
        if (isfinite(v[i]))
            svg_text(p->to, p->x.to + 8, y[i], i ? "test" : "train", str_format(p->to->arena, "%.3g", v[i]));
}

static void draw_axes(const Panel *p)
{
    double ticks[MAX_TICKS];
    Arena *a = p->to->arena;
    int n = scale_ticks(&p->y, ticks, MAX_TICKS);
    for (int i = 0; i < n; i++) {
        double y = scale_at(&p->y, ticks[i]);
        text_add(p->to, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", p->x.from, y, p->x.to);
        svg_text(p->to, p->x.from - 8, y + 4, "soft end", scale_text(a, &p->y, ticks[i]));
    }
    n = scale_ticks(&p->x, ticks, MAX_TICKS);
    for (int i = 0; i < n; i++) {
        double x = scale_at(&p->x, ticks[i]);
        text_add(p->to, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>\n", x, p->y.from);
        svg_text(p->to, x, p->y.from + 17, "soft mid", scale_text(a, &p->x, ticks[i]));
    }
    text_add(p->to, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>\n", p->x.from, p->y.from, p->x.to);
    svg_text(p->to, (p->x.from + p->x.to) / 2, p->y.from + 35, "soft mid", "epoch");
}

static void draw_legend(const Panel *p)
{
    double y = p->top + 18, x = p->x.to - (p->h->has_test ? 150 : 52);
    const char *title = p->h->names[p->series];
    svg_text(p->to, p->x.from, p->top + 22, "head",
             p->y.log ? str_format(p->to->arena, "%s (logarithmic)", title) : title);
    for (int i = 0; i <= p->h->has_test; i++, x += 74) {
        text_add(p->to, "<path class=\"%s\" d=\"M%.1f %.1fh20\"/>\n", i ? "test" : "train", x, y);
        svg_text(p->to, x + 26, y + 4, "soft", i ? "held out" : "train");
    }
}

/* The epoch whose weights are best.safetensors. */
static void draw_best(const Panel *p)
{
    int best = p->series ? -1 : history_best(p->h, 0);
    if (best < 0 || p->h->epochs.n < 2) return;
    const EpochNumbers *e = &p->h->epochs.at[best];
    double v = (e->test ? e->test : e->train)[0];
    text_add(p->to,
             "<circle class=\"%s solid\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"><title>lowest: %.4g, epoch %" PRIu64
             "</title></circle>\n",
             e->test ? "test" : "train", scale_at(&p->x, (double)e->epoch), scale_at(&p->y, v), v, e->epoch);
}

/* A strip an epoch that shows its numbers when pointed at. */
static void draw_strips(const Panel *p)
{
    int n = p->h->epochs.n;
    double width = (p->x.to - p->x.from) / fmax(1, n - 1);
    for (int i = 0; i < n && n <= MAX_MARKED; i++) {
        const EpochNumbers *e = &p->h->epochs.at[i];
        double x = scale_at(&p->x, (double)e->epoch);
        text_add(p->to,
                 "<rect class=\"hover\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>epoch %" PRIu64
                 ": train %.4g",
                 x - width / 2, p->y.to, width, p->y.from - p->y.to, e->epoch, e->train[p->series]);
        if (e->test) text_add(p->to, ", held out %.4g", e->test[p->series]);
        text_add(p->to, "</title></rect>\n");
    }
}

static void draw_panel(const History *h, Text *to, int series, double left, double top)
{
    Panel p = {.h = h, .to = to, .series = series, .left = left, .top = top};
    double first = h->epochs.n ? (double)h->epochs.at[0].epoch : 1;
    double last = h->epochs.n ? (double)h->epochs.at[h->epochs.n - 1].epoch : 1;
    double wanted = fmin(6, fmax(1, last - first)), from = left + LEFT, until = left + PANEL_WIDTH - RIGHT;
    p.x = last > first ? scale_new(first, last, (int)wanted, from, until)
                       : (Scale){first - 0.5, first + 0.5, 1, from, until, false};
    if (p.x.step < 1) p.x.step = 1;
    p.y = value_scale(h, series, top + PANEL_HEIGHT - BOTTOM, top + TOP);
    draw_axes(&p);
    draw_strips(&p);
    for (int test = 0; test <= h->has_test; test++) draw_line(&p, test), draw_dots(&p, test);
    draw_best(&p);
    draw_ends(&p);
    draw_legend(&p);
}

void curves_draw(const History *h, Text *to, bool alone)
{
    int n = h->nseries - h->first, columns = n > 1 ? 2 : 1, rows = (n + columns - 1) / columns;
    svg_open(to, columns * PANEL_WIDTH, rows * PANEL_HEIGHT, "loss and metrics by epoch", alone);
    for (int i = 0; i < n; i++) draw_panel(h, to, h->first + i, i % columns * PANEL_WIDTH, i / columns * PANEL_HEIGHT);
    svg_close(to);
}

void sparkline_draw(const History *h, int series, Text *to)
{
    enum { WIDTH = 120, HEIGHT = 28 };
    int n = h->epochs.n;
    if (n < 2) return;
    Panel p = {.h = h, .to = to, .series = series};
    p.x = scale_new((double)h->epochs.at[0].epoch, (double)h->epochs.at[n - 1].epoch, 5, 2, WIDTH - 2);
    p.y = value_scale(h, series, HEIGHT - 3, 3);
    text_add(to, "<svg class=\"nn spark\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" aria-hidden=\"true\">",
             WIDTH, HEIGHT, WIDTH, HEIGHT);
    for (int test = 0; test <= h->has_test; test++) draw_line(&p, test);
    svg_close(to);
}
