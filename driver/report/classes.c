/* classes.c: which input of a train block tells the class of a sample, and what class an output says. An index whose
   range is the output's width; a row with a single 1 of the same width; or, for one column, 0 and 1, where the output
   is read as the chance of 1. */
#include "driver/report/report.h"
#include <math.h>

enum { MOST_CLASSES = 200, LOOKED_AT = 4096 };

static const char **names_from(Arena *a, const char *const *labels, int n)
{
    const char **names = NEW_ARRAY(a, const char *, n);
    for (int i = 0; i < n; i++) names[i] = labels ? labels[i] : str_format(a, "%d", i);
    return names;
}

static bool is_model_input(const Predictor *p, int input)
{
    for (uint32_t i = 0; i < p->entry->ninputs; i++)
        if (p->from[i] == input) return true;
    return false;
}

/* Are all of its numbers 0 or 1, and, in rows, one of each row 1? Of a long file the first rows tell. */
static bool all_marks(const Predictor *p, int input, const nnrt_source *s, bool one_each)
{
    int64_t width = source_width(p->train, input, s), n = source_rows(s);
    for (int64_t i = 0; i < n && i < LOOKED_AT; i++) {
        double sum = 0;
        for (int64_t k = 0; k < width; k++) {
            double v = source_number(p->train, input, s, source_row(s, i) * width + k);
            if (v != 0 && v != 1) return false;
            sum += v;
        }
        if (one_each && sum != 1) return false;
    }
    return n > 0;
}

/* An output that is no chance (one outside 0..1) has no threshold that all would agree on. */
static bool gives_chances(Arena *a, const Predictor *p, const nnrt_source *s)
{
    int64_t n = source_rows(s) < LOOKED_AT ? source_rows(s) : LOOKED_AT;
    int64_t *rows = NEW_ARRAY(a, int64_t, n + 1);
    for (int64_t i = 0; i < n; i++) rows[i] = source_row(s, i);
    double *v = predictor_run(p, a, s, rows, n);
    for (int64_t i = 0; i < n && v; i++)
        if (!(v[i] >= 0 && v[i] <= 1) && !isnan(v[i])) return false;
    return v != NULL;
}

static bool tells(Arena *a, const Predictor *p, int input, const nnrt_source *s, Classes *out)
{
    const nnrt_view *v = &p->train->inputs[input], *o = &p->entry->outputs[0];
    const char *const *labels = o->rank == 2 ? o->axes[1].labels : NULL;
    int64_t width = source_width(p->train, input, s), n = p->width;
    *out = (Classes){.n = (int)n, .input = input};
    if (v->rank == 1 && v->range == n && n > 1) {
        out->names = names_from(a, v->labels ? v->labels : labels, (int)n);
        return true;
    }
    if (v->range || v->rank > 2 || width != n) return false;
    if (n == 1) {
        *out = (Classes){2, input, names_from(a, NULL, 2), true, false};
        return all_marks(p, input, s, false) && gives_chances(a, p, s);
    }
    out->one_hot = true;
    if (v->rank == 2 && v->axes[1].labels) labels = v->axes[1].labels;
    out->names = names_from(a, labels, (int)n);
    return all_marks(p, input, s, true);
}

bool classes_find(Arena *a, const Predictor *p, const nnrt_source *s, Classes *out)
{
    if (p->width > MOST_CLASSES) return false;
    for (uint32_t i = 0; i < p->train->ninputs; i++)
        if (!is_model_input(p, (int)i) && p->train->inputs[i].rank > 0 && tells(a, p, (int)i, s, out)) return true;
    return false;
}

int classes_truth(const Classes *c, const Predictor *p, const nnrt_source *s, int64_t row)
{
    if (!c->one_hot) return (int)source_number(p->train, c->input, s, row);
    for (int k = 0; k < c->n; k++)
        if (source_number(p->train, c->input, s, row * c->n + k) == 1) return k;
    return 0;
}

int classes_guess(const Classes *c, const double *output)
{
    if (c->threshold) return isnan(output[0]) ? -1 : output[0] >= 0.5;
    int best = 0;
    for (int k = 0; k < c->n; k++) {
        if (isnan(output[k])) return -1;
        if (output[k] > output[best]) best = k;
    }
    return best;
}
