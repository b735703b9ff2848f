/* The workspace: values whose lives do not meet share a slot, which is as large as the largest of them. Lives are
   counted in phases, both ends included, because workers inside one phase do not wait for each other. */
#include "passes/plan.h"
#include <stdlib.h>

enum { ALIGNMENT = 64, REFERENCE_SIZE = 64 };

/* ---- lives ---- */
static void span_reach(const Graph *g, const Value *v, int *to)
{
    for (int i = 0; i < v->uses.n; i++) {
        const Node *n = node_at_level(v->uses.at[i].node, g->body);
        if (n->op == OP_MOVE) span_reach(g, &n->out[0], to);
        int phase = n->op == OP_KERNEL ? n->attr.kernel->phase : n->op == OP_RETURN ? g->phases : 0;
        *to = phase > *to ? phase : *to;
    }
}

void value_span(const Graph *g, const Value *v, int *out_from, int *out_to)
{
    *out_from = *out_to = v->def->attr.kernel->phase;
    span_reach(g, v, out_to);
}

int64_t *reference_sizes(const Program *p, const Graph *g, Arena *a)
{
    int64_t *sizes = NEW_ARRAY(a, int64_t, p->symbols.n + 1);
    sizes_choose(p, g, REFERENCE_SIZE, sizes);
    return sizes;
}

/* ---- sizes ---- */
static const Dim *settle_atom(Dims *ds, const Atom *a);

/* The formula with known sizes as numbers: places need no names. */
static const Dim *settle(Dims *ds, const Dim *d)
{
    const Dim *sum = dim_const(ds, 0);
    for (int i = 0; i < d->nterms; i++) {
        const Dim *product = dim_const(ds, d->terms[i].coef);
        for (int k = 0; k < d->terms[i].natoms; k++)
            product = dim_mul(ds, product, settle_atom(ds, d->terms[i].atoms[k]));
        sum = dim_add(ds, sum, product);
    }
    return sum;
}

static const Dim *settle_atom(Dims *ds, const Atom *a)
{
    switch (a->kind) {
    case ATOM_FLOOR: return dim_floor(ds, settle(ds, a->p), settle(ds, a->k));
    case ATOM_MAX:   return dim_max(ds, settle(ds, a->p), settle(ds, a->k));
    default:         return a->symbol->fixed ? dim_const(ds, a->symbol->fixed) : dim_symbol(ds, a->symbol);
    }
}

static const Dim *value_bytes(Dims *ds, const Value *v)
{
    return settle(ds, type_bytes(ds, v->type));
}

/* ---- occupants ---- */
typedef struct Occupant {
    Value *value;
    int from, to;        /* phases */
    int first, last;     /* places of the kernels that make it and read it last */
    int64_t bytes;       /* at the reference sizes */
    bool own_rows;       /* every worker reads only the rows that it wrote */
} Occupant;
typedef struct Slot { const Dim *bytes; VEC(Occupant *) occupants; } Slot;
typedef struct Workspace {
    const Schedule *schedule;
    Dims *dims;
    VEC(Occupant) occupants;
    VEC(Slot) slots;
} Workspace;

static void note_readers(const Schedule *s, Occupant *o, const Value *v)
{
    for (int i = 0; i < v->uses.n; i++) {
        const Node *n = node_at_level(v->uses.at[i].node, s->graph->body);
        if (n->op == OP_MOVE) note_readers(s, o, &n->out[0]);
        if (n->op != OP_KERNEL) continue;
        int place = s->kernels.at[n->mark].order;
        o->last = place > o->last ? place : o->last;
        o->own_rows = o->own_rows && !schedule_needs_barrier(s, (int)o->value->def->mark, (int)n->mark, v);
    }
}

/* The largest first, of equals the one that is made earlier: an order that a printed graph has, too. */
static int compare_occupants(const void *a, const void *b)
{
    const Occupant *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? x->first - y->first : x->value->index - y->value->index;
}

static void find_occupants(Workspace *w)
{
    const Schedule *s = w->schedule;
    const int64_t *sizes = reference_sizes(s->graph->program, s->graph, s->scratch);
    for (int k = 0; k < s->kernels.n; k++)
        for (int i = 0; i < s->kernels.at[k].node->nout; i++) {
            Occupant o = {.value = &s->kernels.at[k].node->out[i], .own_rows = true};
            if (o.value->place.area != AREA_NONE) continue;
            value_span(s->graph, o.value, &o.from, &o.to);
            o.first = o.last = s->kernels.at[k].order;
            note_readers(s, &o, o.value);
            o.bytes = dim_eval(value_bytes(w->dims, o.value), sizes);
            vec_push(s->scratch, &w->occupants, o);
        }
    if (w->occupants.n) qsort(w->occupants.at, (size_t)w->occupants.n, sizeof *w->occupants.at, compare_occupants);
}

/* Within a phase one value may follow another in a slot where each worker finds its rows at the same bytes. */
static bool rows_coincide(const Workspace *w, const Occupant *before, const Occupant *after)
{
    const KernelAttr *p = before->value->def->attr.kernel, *q = after->value->def->attr.kernel;
    if (!before->own_rows || before->last >= after->first || before->to >= w->schedule->graph->phases) return false;
    if (p->prefix == 0 || q->prefix == 0) return p->prefix == q->prefix;
    return dim_same(p->dims[0], q->dims[0]) && type_same_shape(before->value->type, after->value->type) &&
           dtype_bytes(before->value->type.dtype) == dtype_bytes(after->value->type.dtype);
}

static bool lives_meet(const Workspace *w, const Occupant *a, const Occupant *b)
{
    if (a->to < b->from || b->to < a->from) return false;
    return !rows_coincide(w, a, b) && !rows_coincide(w, b, a);
}

/* ---- slots ---- */
static bool slot_is_free(const Workspace *w, const Slot *slot, const Occupant *o)
{
    for (int i = 0; i < slot->occupants.n; i++)
        if (lives_meet(w, slot->occupants.at[i], o)) return false;
    return true;
}

static const Dim *larger(Dims *ds, const Dim *a, const Dim *b)
{
    if (dim_at_most(ds, a, b) == PROVED) return b;
    return dim_at_most(ds, b, a) == PROVED ? a : dim_max(ds, a, b);
}

/* The last slot that is free is the smallest: they were made for the largest first. */
static Slot *find_slot(Workspace *w, const Occupant *o)
{
    for (int i = w->slots.n - 1; i >= 0; i--)
        if (slot_is_free(w, &w->slots.at[i], o)) return &w->slots.at[i];
    vec_push(w->schedule->scratch, &w->slots, (Slot){.bytes = dim_const(w->dims, 0)});
    return &w->slots.at[w->slots.n - 1];
}

static void choose_slot(Workspace *w, Occupant *o)
{
    Slot *slot = find_slot(w, o);
    slot->bytes = larger(w->dims, slot->bytes, value_bytes(w->dims, o->value));
    vec_push(w->schedule->scratch, &slot->occupants, o);
}

static bool dim_is_aligned(const Dim *d)
{
    for (int i = 0; i < d->nterms; i++)
        if (d->terms[i].coef % ALIGNMENT) return false;
    return true;
}

static const Dim *dim_align(Dims *ds, const Dim *d)
{
    if (dim_is_aligned(d)) return d;
    const Dim *unit = dim_const(ds, ALIGNMENT);
    return dim_mul(ds, dim_floor(ds, dim_add(ds, d, dim_const(ds, ALIGNMENT - 1)), unit), unit);
}

/* Fixed sizes come first, then those that need no rounding, so that few offsets are long formulas. */
static int slot_rank(const Dim *bytes)
{
    return dim_is_const(bytes, NULL) ? 0 : dim_is_aligned(bytes) ? 1 : 2;
}

void workspace_plan(const Schedule *s)
{
    Workspace w = {.schedule = s, .dims = s->graph->program->dims};
    find_occupants(&w);
    for (int i = 0; i < w.occupants.n; i++) choose_slot(&w, &w.occupants.at[i]);
    const Dim *end = dim_const(w.dims, 0);
    for (int rank = 0; rank < 3; rank++)
        for (int i = 0; i < w.slots.n; i++) {
            Slot *slot = &w.slots.at[i];
            if (slot_rank(slot->bytes) != rank) continue;
            for (int k = 0; k < slot->occupants.n; k++)
                slot->occupants.at[k]->value->place = (Place){AREA_WORK, 0, end};
            end = dim_add(w.dims, end, dim_align(w.dims, slot->bytes));
        }
    s->graph->work_bytes = end;
}
