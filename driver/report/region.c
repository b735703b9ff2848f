/* region.c: what a model of two numbers says all over their plane, at epochs 0, 1, 2, 4, ... and the last. One column
   of output is shown as bands of colour; several as the class that is greatest. The bands are polygons cut out of a
   grid of cells at the height between two colours. */
#include "driver/report/report.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CELLS = 48, SIDE = CELLS + 1, MOST_WIDTH = 8, MOST_POINTS = 500 };
enum { FRAME = 192, UNITS = 10, PITCH_X = 240, PITCH_Y = 254, LEFT = 46, TOP = 86, COLUMNS = 4, MARKS = 5 };

typedef struct Frame {
    uint64_t epoch;
    bool within; /* in the midst of that epoch, where training stopped */
    double *values; /* [(row * SIDE + column) * width + output], rows from the top */
} Frame;
struct DecisionRegion {
    Arena *arena;
    const Predictor *predictor;
    const nnrt_source *source; /* the samples drawn as points */
    double low[2], high[2]; /* of the plane shown */
    int64_t *rows; /* 0 .. SIDE * SIDE - 1 */
    void *grid; /* the samples at the corners of the cells, in the input's dtype */
    Classes classes; /* n = 0: the points have none */
    VEC(Frame) frames;
    bool last_stays; /* the last frame is one of those that stay */
};

/* Ten colours from blue over white to orange; and eight for classes, light, as Okabe and Ito's. */
static const char *const bands[] = {"#2a78b0", "#5b9bc8", "#8fbcdb", "#bfd9ea", "#e3eef5",
                                    "#fbeadd", "#f7cdae", "#efa97a", "#e2854b", "#cc651f"};
static const char *const class_fills[] = {"#a9cfe6", "#f5c4a1", "#a8dcca", "#ecd0e2",
                                          "#f7efae", "#cfe6f7", "#f3d79a", "#d4d7da"};
static const char *const class_inks[] = {"#00507e", "#a23c00", "#00694c", "#96447a",
                                         "#857a00", "#2e7fb3", "#9a6a00", "#41464c"};

/* ---- taking frames ---- */
static double coordinate(const DecisionRegion *r, int64_t row, int axis)
{
    return source_number(r->predictor->train, r->predictor->from[0], r->source, row * 2 + axis);
}

static bool find_plane(DecisionRegion *r)
{
    for (int axis = 0; axis < 2; axis++) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < source_rows(r->source); i++) {
            double v = coordinate(r, source_row(r->source, i), axis);
            if (isfinite(v)) low = fmin(low, v), high = fmax(high, v);
        }
        if (!(low <= high)) return false;
        double room = high > low ? 0.08 * (high - low) : 1;
        r->low[axis] = low - room;
        r->high[axis] = high + room;
    }
    return true;
}

static void fill_grid(DecisionRegion *r, bool single)
{
    float *f = r->grid;
    double *d = r->grid;
    for (int i = 0; i < SIDE * SIDE; i++) {
        double x = r->low[0] + (r->high[0] - r->low[0]) * (i % SIDE) / CELLS;
        double y = r->high[1] - (r->high[1] - r->low[1]) * (double)(i / SIDE) / CELLS;
        if (single)
            f[2 * i] = (float)x, f[2 * i + 1] = (float)y;
        else
            d[2 * i] = x, d[2 * i + 1] = y;
        r->rows[i] = i;
    }
}

DecisionRegion *decision_region_new(Arena *a, const Predictor *p, const nnrt_source *source)
{
    const nnrt_view *v = &p->entry->inputs[0];
    if (p->entry->ninputs != 1 || v->rank != 2 || v->axes[1].size != 2 || p->width > MOST_WIDTH) return NULL;
    if (v->dtype != NNRT_F32 && v->dtype != NNRT_F64) return NULL;
    DecisionRegion *r = NEW(a, DecisionRegion);
    *r = (DecisionRegion){.arena = a, .predictor = p, .source = source};
    if (!find_plane(r)) return NULL;
    r->rows = NEW_ARRAY(a, int64_t, SIDE *SIDE);
    r->grid = arena_alloc(a, 2 * SIDE * SIDE * sizeof(double));
    fill_grid(r, v->dtype == NNRT_F32);
    if (!classes_find(a, p, source, &r->classes)) r->classes.n = 0;
    return r;
}

/* The place of the last frame is taken again where that frame need not stay. */
static void keep_frame(DecisionRegion *r, uint64_t epoch, bool within, const double *values)
{
    size_t bytes = sizeof(double) * SIDE * SIDE * (size_t)r->predictor->width;
    Frame *last = r->frames.n ? &r->frames.at[r->frames.n - 1] : NULL;
    if (last && (!r->last_stays || (last->epoch == epoch && last->within == within))) {
        last->epoch = epoch;
        last->within = within;
        memcpy(last->values, values, bytes);
    } else {
        vec_push(r->arena, &r->frames, (Frame){epoch, within, arena_copy(r->arena, values, bytes)});
    }
    r->last_stays = r->frames.n == 1 || decision_region_stays(epoch);
}

bool decision_region_stays(uint64_t epoch) { return (epoch & (epoch - 1)) == 0; }

void decision_region_take(DecisionRegion *r, uint64_t epoch, bool within)
{
    nnrt_source grid = *r->source;
    Arena *scratch = arena_new();
    const void **arrays = NEW_ARRAY(scratch, const void *, r->predictor->train->ninputs);
    arrays[r->predictor->from[0]] = r->grid;
    grid.arrays = arrays;
    const double *values = predictor_run(r->predictor, scratch, &grid, r->rows, SIDE * SIDE);
    if (values) keep_frame(r, epoch, within, values);
    arena_free(scratch);
}

/* ---- cutting polygons ---- */
typedef struct Field {
    double at[SIDE * SIDE];
} Field; /* one number a corner; none is infinite or not a number */
typedef struct Cut {
    const Field *field;
    double level;
    Text *area, *line; /* what lies at or above the level; its border */
} Cut;
enum { CELL_UNITS = FRAME * UNITS / CELLS };

static double corner(const Cut *c, int x, int y) { return c->field->at[y * SIDE + x]; }

/* Walks round a cell: corners inside, and the places where its sides cross the level. */
static void cut_cell(const Cut *c, int x, int y)
{
    static const int dx[] = {0, 1, 1, 0}, dy[] = {0, 0, 1, 1};
    char pen = 'M';
    int crossings = 0, was[2] = {0, 0};
    for (int i = 0; i < 4; i++) {
        int j = (i + 1) % 4, x0 = (x + dx[i]) * CELL_UNITS, y0 = (y + dy[i]) * CELL_UNITS;
        double v = corner(c, x + dx[i], y + dy[i]), w = corner(c, x + dx[j], y + dy[j]);
        if (v >= c->level) text_add(c->area, "%c%d %d", pen, x0, y0), pen = 'L';
        if ((v >= c->level) == (w >= c->level)) continue;
        double t = (c->level - v) / (w - v) * CELL_UNITS;
        int at[2] = {x0 + (int)lround(t * (dx[j] - dx[i])), y0 + (int)lround(t * (dy[j] - dy[i]))};
        text_add(c->area, "%c%d %d", pen, at[0], at[1]), pen = 'L';
        if (crossings++ % 2 && c->line) text_add(c->line, "M%d %dL%d %d", was[0], was[1], at[0], at[1]);
        was[0] = at[0], was[1] = at[1];
    }
    if (pen == 'L') text_add(c->area, "Z");
}

static bool all_inside(const Cut *c, int x, int y)
{
    return corner(c, x, y) >= c->level && corner(c, x + 1, y) >= c->level && corner(c, x, y + 1) >= c->level &&
           corner(c, x + 1, y + 1) >= c->level;
}

/* Cells that lie wholly inside are joined along their row. */
static void cut_row(const Cut *c, int y)
{
    for (int x = 0; x < CELLS; x++) {
        int first = x;
        while (x < CELLS && all_inside(c, x, y)) x++;
        if (x > first)
            text_add(c->area, "M%d %dh%dv%dh%dz", first * CELL_UNITS, y * CELL_UNITS, (x - first) * CELL_UNITS,
                     CELL_UNITS, (first - x) * CELL_UNITS);
        if (x < CELLS) cut_cell(c, x, y);
    }
}

static void draw_level(const Field *f, double level, const char *fill, bool with_line, Text *to)
{
    Text area = {to->arena, 0, 0, 0}, line = area;
    Cut c = {f, level, &area, with_line ? &line : NULL};
    for (int y = 0; y < CELLS; y++) cut_row(&c, y);
    if (fill && area.n) text_add(to, "<path fill=\"%s\" d=\"%s\"/>\n", fill, text_done(&area));
    if (line.n) text_add(to, "<path class=\"border\" d=\"%s\"/>\n", text_done(&line));
}

/* ---- one frame ---- */
static double settled(double v) { return isnan(v) ? 0 : fmax(-1e30, fmin(1e30, v)); }

/* The heights between which the colours lie: 0..1 for chances, about 0 where both signs occur, else those met. */
static void find_heights(const DecisionRegion *r, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < r->frames.n; i++)
        for (int k = 0; k < SIDE * SIDE; k++) {
            double v = settled(r->frames.at[i].values[k]);
            *low = fmin(*low, v);
            *high = fmax(*high, v);
        }
    if (*low >= 0 && *high <= 1)
        *low = 0, *high = 1;
    else if (*low < 0 && *high > 0)
        *high = fmax(-*low, *high), *low = -*high;
    if (!(*high > *low)) *high = *low + 1;
}

static void draw_bands(const DecisionRegion *r, const Frame *f, double low, double high, Text *to)
{
    Field *field = NEW(to->arena, Field);
    int n = COUNT(bands);
    for (int k = 0; k < SIDE * SIDE; k++) field->at[k] = settled(f->values[k]);
    text_add(to, "<rect width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", FRAME * UNITS, FRAME * UNITS, bands[0]);
    for (int i = 1; i < n; i++) draw_level(field, low + (high - low) * i / n, bands[i], false, to);
    if (r->classes.n) draw_level(field, (low + high) / 2, NULL, true, to);
}

/* A class is drawn where its output exceeds all others: the margin is at least 0. */
static void draw_classes(const DecisionRegion *r, const Frame *f, Text *to)
{
    Field *field = NEW(to->arena, Field);
    int64_t n = r->predictor->width;
    text_add(to, "<rect width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", FRAME * UNITS, FRAME * UNITS, class_fills[0]);
    for (int64_t c = 1; c < n; c++) {
        for (int k = 0; k < SIDE * SIDE; k++) {
            double other = -INFINITY;
            for (int64_t i = 0; i < n; i++)
                if (i != c) other = fmax(other, settled(f->values[k * n + i]));
            field->at[k] = settled(f->values[k * n + c]) - other;
        }
        draw_level(field, 0, class_fills[c], true, to);
    }
}

static void draw_ticks(const DecisionRegion *r, double x, double y, bool leftmost, Text *to)
{
    double ticks[MARKS];
    Scale across = scale_new(r->low[0], r->high[0], 3, x, x + FRAME),
          up = scale_new(r->low[1], r->high[1], 3, y + FRAME, y);
    int n = scale_ticks(&across, ticks, MARKS);
    for (int i = 0; i < n; i++) {
        double at = scale_at(&across, ticks[i]);
        text_add(to, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>\n", at, y + FRAME);
        svg_text(to, at, y + FRAME + 17, "soft mid", scale_text(to->arena, &across, ticks[i]));
    }
    n = scale_ticks(&up, ticks, MARKS);
    for (int i = 0; i < n; i++) {
        double at = scale_at(&up, ticks[i]);
        text_add(to, "<path class=\"axis\" d=\"M%.1f %.1fh-4\"/>\n", x, at);
        if (leftmost) svg_text(to, x - 7, at + 4, "soft end", scale_text(to->arena, &up, ticks[i]));
    }
}

static void draw_frame(const DecisionRegion *r, int i, double low, double high, Text *to)
{
    const Frame *f = &r->frames.at[i];
    double x = LEFT + i % COLUMNS * PITCH_X, y = TOP + i / COLUMNS * PITCH_Y;
    const char *title = str_format(to->arena, f->within ? "within epoch %" PRIu64 : "epoch %" PRIu64, f->epoch);
    svg_text(to, x + FRAME / 2.0, y - 8, "mid", f->epoch ? title : "before training");
    text_add(to, "<g transform=\"translate(%.1f %.1f) scale(.1)\">\n", x, y);
    if (r->predictor->width == 1)
        draw_bands(r, f, low, high, to);
    else
        draw_classes(r, f, to);
    text_add(
        to, "<use href=\"#nn-points\"/></g>\n<rect class=\"axis\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>\n",
        x, y, FRAME, FRAME);
    draw_ticks(r, x, y, i % COLUMNS == 0, to);
}

/* ---- points and legend ---- */
static int drawn_classes(const DecisionRegion *r) { return r->classes.n <= MOST_WIDTH ? r->classes.n : 0; }

/* A dot is a line of no length with a round end: class 1 gets square ones. */
static void draw_class_points(const DecisionRegion *r, int class, Text *to)
{
    int64_t n = source_rows(r->source), step = (n + MOST_POINTS - 1) / MOST_POINTS;
    Text path = {to->arena, 0, 0, 0};
    for (int64_t i = 0; i < n; i += step) {
        int64_t row = source_row(r->source, i);
        double x = (coordinate(r, row, 0) - r->low[0]) / (r->high[0] - r->low[0]);
        double y = (r->high[1] - coordinate(r, row, 1)) / (r->high[1] - r->low[1]);
        if (!isfinite(x) || !isfinite(y)) continue;
        if (drawn_classes(r) && classes_truth(&r->classes, r->predictor, r->source, row) != class) continue;
        text_add(&path, "M%.0f %.0fh0", x * FRAME * UNITS, y * FRAME * UNITS);
    }
    const char *ink = drawn_classes(r) ? class_inks[class] : "#33383f", *cap = class == 1 ? "square" : "round";
    if (!path.n) return;
    text_add(to, "<path id=\"nn-points%d\" stroke-linecap=\"%s\" d=\"%s\"/>\n", class, cap, text_done(&path));
    text_add(to,
             "<g id=\"nn-class%d\"><use href=\"#nn-points%d\" stroke=\"#fff\" stroke-width=\"44\"/>"
             "<use href=\"#nn-points%d\" stroke=\"%s\" stroke-width=\"30\"/></g>\n",
             class, class, class, ink);
}

static void draw_points(const DecisionRegion *r, Text *to)
{
    int n = drawn_classes(r) ? drawn_classes(r) : 1;
    text_add(to, "<style>.nn .border{fill:none;stroke:#1b1f24;stroke-width:14;stroke-linecap:round}</style>\n<defs>\n");
    for (int i = 0; i < n; i++) draw_class_points(r, i, to);
    text_add(to, "<g id=\"nn-points\">");
    for (int i = 0; i < n; i++) text_add(to, "<use href=\"#nn-class%d\"/>", i);
    text_add(to, "</g>\n</defs>\n");
}

static double draw_class_keys(const DecisionRegion *r, double x, Text *to)
{
    Arena *a = to->arena;
    for (int i = 0; i < drawn_classes(r); i++) {
        const char *name = r->classes.names[i];
        if (r->classes.threshold)
            name = str_format(a, "%s = %s", r->predictor->train->inputs[r->classes.input].name, name);
        const char *cap = i == 1 ? "square" : "round";
        text_add(to,
                 "<g stroke-linecap=\"%s\"><path d=\"M%.1f 22h0\" stroke=\"#fff\" stroke-width=\"11\"/>"
                 "<path d=\"M%.1f 22h0\" stroke=\"%s\" stroke-width=\"8\"/></g>\n",
                 cap, x, x, class_inks[i]);
        svg_text(to, x + 10, 26, "soft", name);
        int characters = 0;
        for (const char *s = name; *s; s++) characters += (*s & 0xc0) != 0x80;
        x += 34 + 6.2 * characters;
    }
    return x;
}

/* The ten colours with the heights at both ends and in the middle. */
static void draw_colour_key(const DecisionRegion *r, double x, double low, double high, Text *to)
{
    enum { STEP = 18 };
    Arena *a = to->arena;
    const char *least = short_number(a, low);
    svg_text(to, x + 24 - 6.6 * (double)strlen(least), 26, "soft end", r->predictor->entry->name);
    svg_text(to, x + 36, 26, "soft end", least);
    for (size_t i = 0; i < COUNT(bands); i++)
        text_add(to, "<rect x=\"%.1f\" y=\"14\" width=\"%d\" height=\"15\" fill=\"%s\"/>\n", x + 42 + STEP * (double)i,
                 STEP, bands[i]);
    svg_text(to, x + 42 + STEP * 10 + 6, 26, "soft", short_number(a, high));
}

static void draw_axis_names(const DecisionRegion *r, Text *to)
{
    const nnrt_view *v = &r->predictor->entry->inputs[0];
    Arena *a = to->arena;
    const char *const *labels = v->axes[1].labels;
    svg_text(to, LEFT, 50, "soft",
             labels ? str_format(a, "across: %s, up: %s", labels[0], labels[1])
                    : str_format(a, "across: %s.0, up: %s.1", v->name, v->name));
}

void decision_region_draw(const DecisionRegion *r, Text *to, bool alone)
{
    double low = 0, high = 1;
    int n = r->frames.n, rows = (n + COLUMNS - 1) / COLUMNS;
    if (r->predictor->width == 1) find_heights(r, &low, &high);
    svg_open(to, LEFT + COLUMNS * PITCH_X - 30, TOP + rows * PITCH_Y - 30, "decision region through training", alone);
    draw_points(r, to);
    svg_text(to, LEFT, 26, "head", "decision region");
    double x = draw_class_keys(r, LEFT + 150, to);
    if (r->predictor->width == 1) draw_colour_key(r, fmax(x + 60, 520), low, high, to);
    draw_axis_names(r, to);
    for (int i = 0; i < n; i++) draw_frame(r, i, low, high, to);
    svg_close(to);
}
