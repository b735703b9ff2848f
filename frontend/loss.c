/* loss.c: std's losses in their two forms, on probabilities and on the logits that sigmoid or softmax would make
   probabilities of: a warning where one gets what the other takes. */
#include "frontend/elab.h"
#include <math.h>

typedef struct LossWant {
    const char *name;
    bool logits;
    const char *instead, *maker; /* the other form; what makes probabilities of logits */
} LossWant;

static const LossWant wants[] = {
    {"bce",                       false, "bce_logits",                "sigmoid"},
    {"bce_logits",                true,  "bce",                       "sigmoid"},
    {"cross_entropy",             false, "cross_entropy_logits",      "softmax"},
    {"cross_entropy_logits",      true,  "cross_entropy",             "softmax"},
    {"cross_entropy_soft",        false, "cross_entropy_soft_logits", "softmax"},
    {"cross_entropy_soft_logits", true,  "cross_entropy_soft",        "softmax"},
};

/* A function of the same name in the user's own text is another one. */
void loss_applied(Frame *f, const Function *fn, Val in, const char *text, Span at)
{
    if (in.kind != VAL_TENSOR || !fn->decl->span.source->builtin) return;
    for (size_t i = 0; i < COUNT(wants); i++)
        if (str_equal(wants[i].name, fn->decl->path.text))
            vec_push(f->e->arena, &f->e->losses, ((LossUse){f, &wants[i], in.tensor, text, at}));
}

static const char *interval_text(Arena *a, Interval v)
{
    if (isinf(v.low) && isinf(v.high)) return "any number";
    if (isinf(v.low)) return str_format(a, "any number up to %s", text_number(a, v.high, true));
    if (isinf(v.high)) return str_format(a, "any number from %s up", text_number(a, v.low, true));
    return str_format(a, "from %s to %s", text_number(a, v.low, true), text_number(a, v.high, true));
}

static void warn(const LossUse *u, Interval v)
{
    const LossWant *w = u->want;
    const char *what = u->text ? str_format(u->frame->e->arena, "`%s`", u->text) : "what it gets";
    Diag *d;
    if (w->logits) {
        d = warning(u->frame, u->at, "W0506", "`%s` takes logits, but %s lies in 0..1, as probabilities do", w->name,
                    what);
        diag_primary(d, "`%s` would be applied to probabilities", w->maker);
        diag_help(d, "`%s` takes probabilities", w->instead);
        diag_help(d, "or give `%s` what stands before `%s`", w->name, w->maker);
        return;
    }
    d = warning(u->frame, u->at, "W0506", "`%s` takes probabilities, but %s may lie outside 0..1", w->name, what);
    diag_primary(d, "%s arrives", interval_text(u->frame->e->arena, v));
    diag_help(d, "`%s` takes logits, which are any numbers", w->instead);
    diag_help(d, "or apply `%s` first", w->maker);
}

/* Rounding may carry a share of many parts a little over 1. */
static bool is_probability(Interval v) { return v.low >= -1e-6 && v.high <= 1 + 1e-6; }

static void check(const LossUse *u, Interval v)
{
    bool fits = is_probability(v);
    if (u->want->logits ? fits && v.low < v.high : !fits && v.basis != BASIS_GIVEN) warn(u, v);
}

/* The uses stand in the order of elaboration, graph by graph. */
void losses_check(Elab *e)
{
    const Graph *of = NULL;
    const Interval *known = NULL;
    if (e->cx->diags->errors) return;
    for (int i = 0; i < e->losses.n; i++) {
        const LossUse *u = &e->losses.at[i];
        const Graph *g = u->value->def->parent->graph;
        if (g != of) known = graph_intervals(of = g, e->arena);
        check(u, known[u->value->id]);
    }
}
