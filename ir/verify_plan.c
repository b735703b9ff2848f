/* Places and phases of a planned graph: every kernel's result has its place, what lives at the same time lies apart at
   all sizes that are tried, and nobody reads before the phase in which it is written. */
#include "ir/verify.h"
#include <limits.h>

enum { ALIGNMENT = 64 };
static const int64_t trial_sizes[] = {1, 2, 3, 7, 17, 64, 1000};

/* A kernel's result in the workspace: the phases in which it lives, the kernels that write and last read it. */
typedef struct Life { const Value *value; int from, to, first, last; } Life;
typedef VEC(Life) Lives;

/* ---- places ---- */

static bool same_place(Place a, Place b)
{
    return a.area == b.area && a.index == b.index && a.offset == b.offset;
}

static bool place_is_complete(Place p)
{
    bool bound = p.area == AREA_INPUT || p.area == AREA_OUTPUT;
    return p.area != AREA_NONE && bound == (p.offset == NULL);
}

static void verify_place(Verifier *v, const Node *n)
{
    const Program *p = v->graph->program;
    for (int i = 0; i < n->nout && !v->failed; i++) {
        Place at = n->out[i].place;
        if (n->op == OP_KERNEL && (!place_is_complete(at) || at.area == AREA_INPUT))
            verify_fail(v, n, "result %d has no place to be written to", i);
        else if (n->op == OP_MOVE && n->in[0]->def->op != OP_CONST && !same_place(at, n->in[0]->place))
            verify_fail(v, n, "a view lies elsewhere than what it shows");
        else if (n->op == OP_INPUT && (at.area != AREA_INPUT || at.index != n->attr.index))
            verify_fail(v, n, "an input lies elsewhere than the host binds it");
        else if (n->op == OP_TENSOR && !same_place(at, place_of_tensor(p, n->attr.index, n->grad_area)))
            verify_fail(v, n, "`%s` lies elsewhere than the table says", p->tensors.at[n->attr.index].path);
    }
}

static void verify_result_places(Verifier *v)
{
    const Graph *g = v->graph;
    for (int i = 0; i < g->results.n; i++) {
        const Result *r = &g->results.at[i];
        Place at = g->body->last->in[i]->place;
        bool good = true;
        if (r->kind == RESULT_OUTPUT) good = at.area == AREA_OUTPUT && at.index == r->index;
        if (r->kind == RESULT_NEXT || r->kind == RESULT_GRAD)
            good = same_place(at, place_of_tensor(g->program, r->index, r->kind == RESULT_GRAD));
        if (!good)
            verify_fail(v, g->body->last, "result `%s` lies elsewhere than the host reads it",
                        r->name ? r->name : "out");
    }
}

/* ---- phases ---- */

static const Node *kernel_behind(const Value *x)
{
    while (x->def->op == OP_MOVE) x = x->def->in[0];
    return x->def->op == OP_KERNEL ? x->def : NULL;
}

/* Within a phase a worker may read what it wrote itself: both kernels are cut alike, or not at all. */
static bool may_follow(const Node *writer, const Node *reader)
{
    const KernelAttr *w = writer->attr.kernel, *r = reader->attr.kernel;
    if (w->phase != r->phase) return w->phase < r->phase;
    if (w->prefix == 0 || r->prefix == 0) return w->prefix == r->prefix;
    return dim_same(w->dims[0], r->dims[0]);
}

static void verify_phase(Verifier *v, const Node *k, const Node *before)
{
    int nreads;
    Value **reads;
    const KernelAttr *attr = k->attr.kernel;
    if (attr->phase < 0 || attr->phase >= v->graph->phases)
        verify_fail(v, k, "phase %d of %d", attr->phase, v->graph->phases);
    if (before && before->attr.kernel->phase > attr->phase) verify_fail(v, k, "it runs before what stands above it");
    block_reads(k->region, v->scratch, &reads, &nreads);
    for (int i = 0; i < nreads; i++) {
        const Node *writer = kernel_behind(reads[i]);
        if (writer && !may_follow(writer, k))
            verify_fail(v, k, "it reads `%s` in the phase in which other workers write it", value_text(reads[i]));
    }
}

/* ---- the workspace ---- */

/* The place of every kernel among all, by the number of its first result. */
static int *kernel_places(Verifier *v)
{
    int *places = NEW_ARRAY(v->scratch, int, v->graph->nvalues + 1), count = 0;
    for (const Node *n = v->graph->body->first; n; n = n->next)
        if (n->op == OP_KERNEL && n->nout) places[n->out[0].id] = count++;
    return places;
}

static void follow_readers(const Graph *g, const Value *x, const int *places, Life *l)
{
    for (int i = 0; i < x->uses.n; i++) {
        const Node *n = node_at_level(x->uses.at[i].node, g->body);
        if (n->op == OP_MOVE) {
            follow_readers(g, &n->out[0], places, l);
            continue;
        }
        bool runs = n->op == OP_KERNEL && n->nout;
        int phase = runs ? n->attr.kernel->phase : g->phases, place = runs ? places[n->out[0].id] : INT_MAX;
        l->to = phase > l->to ? phase : l->to;
        l->last = place > l->last ? place : l->last;
    }
}

static Lives lives_of(Verifier *v)
{
    Lives lives = {0};
    const int *places = kernel_places(v);
    for (const Node *n = v->graph->body->first; n; n = n->next)
        for (int i = 0; i < n->nout && n->op == OP_KERNEL; i++) {
            int phase = n->attr.kernel->phase, place = places[n->out[0].id];
            Life l = {&n->out[i], phase, phase, place, place};
            follow_readers(v->graph, l.value, places, &l);
            if (l.value->place.area == AREA_WORK) vec_push(v->scratch, &lives, l);
        }
    return lives;
}

/* Within a phase a value may follow another in its place where both are cut into the same rows of the same bytes. */
static bool rows_follow(const Life *a, const Life *b)
{
    const KernelAttr *p = a->value->def->attr.kernel, *q = b->value->def->attr.kernel;
    if (a->last >= b->first && b->last >= a->first) return false;
    if (p->prefix == 0 || q->prefix == 0) return p->prefix == q->prefix;
    return dim_same(p->dims[0], q->dims[0]) && a->value->place.offset == b->value->place.offset &&
           dtype_bytes(a->value->type.dtype) == dtype_bytes(b->value->type.dtype) &&
           type_same_shape(a->value->type, b->value->type);
}

static void verify_workspace_at(Verifier *v, const Lives *lives, const int64_t *sizes)
{
    Dims *ds = v->graph->program->dims;
    int64_t *at = NEW_ARRAY(v->scratch, int64_t, lives->n + 1), *end = NEW_ARRAY(v->scratch, int64_t, lives->n + 1);
    int64_t all = dim_eval(v->graph->work_bytes, sizes);
    for (int i = 0; i < lives->n; i++) {
        const Value *x = lives->at[i].value;
        at[i] = dim_eval(x->place.offset, sizes);
        end[i] = at[i] + dim_eval(type_bytes(ds, x->type), sizes);
        if (at[i] < 0 || at[i] % ALIGNMENT || end[i] > all)
            verify_fail(v, x->def, "its place is outside the workspace, or not aligned");
    }
    for (int i = 0; i < lives->n && !v->failed; i++)
        for (int k = 0; k < i && !v->failed; k++) {
            bool together = lives->at[i].from <= lives->at[k].to && lives->at[k].from <= lives->at[i].to;
            if (together && at[i] < end[k] && at[k] < end[i] && !rows_follow(&lives->at[i], &lives->at[k]))
                verify_fail(v, lives->at[i].value->def, "it lies over `%s`, which is still needed",
                            value_text(lives->at[k].value));
        }
}

static void verify_workspace(Verifier *v)
{
    const Program *p = v->graph->program;
    Lives lives = lives_of(v);
    int64_t *sizes = NEW_ARRAY(v->scratch, int64_t, p->symbols.n + 1);
    for (size_t t = 0; t < COUNT(trial_sizes) && !v->failed; t++)
        if (sizes_choose(p, v->graph, trial_sizes[t], sizes)) verify_workspace_at(v, &lives, sizes);
}

void verify_plan(Verifier *v)
{
    const Node *before = NULL;
    if (!v->graph->work_bytes) verify_fail(v, NULL, "nobody counted its workspace");
    for (const Node *n = v->graph->body->first; n && !v->failed; n = n->next) {
        verify_place(v, n);
        if (n->op != OP_KERNEL) continue;
        if (!v->failed) verify_phase(v, n, before);
        before = n;
    }
    if (!v->failed) verify_result_places(v);
    if (!v->failed) verify_workspace(v);
}
