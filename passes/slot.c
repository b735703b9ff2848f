/* The workspace: values whose lives do not meet share a slot, which is as large as the largest of them. Lives are counted
   in phases, both ends included, so that workers inside one phase never disturb each other. */
#include "passes/plan.h"
#include <stdlib.h>

enum { ALIGNMENT = 64, REFERENCE_SIZE = 64 };

/* ---- lives ---- */
static void span_reach(const Graph *g, const Value *v, int *to) {
    for (int i = 0; i < v->uses.n; i++) {
        const Node *n = node_at_level(v->uses.at[i].node, g->body);
        if (n->op == OP_MOVE)
            span_reach(g, &n->out[0], to);
        int phase = n->op == OP_KERNEL ? n->attr.kernel->phase : n->op == OP_RETURN ? g->phases : 0;
        *to = phase > *to ? phase : *to;
    }
}

void value_span(const Graph *g, const Value *v, int *out_from, int *out_to) {
    *out_from = *out_to = v->def->attr.kernel->phase;
    span_reach(g, v, out_to);
}

int64_t *reference_sizes(const Program *p, Arena *a) {
    int64_t *sizes = NEW_ARRAY(a, int64_t, p->symbols.n + 1);
    for (int i = 0; i < p->symbols.n; i++) {
        const Symbol *s = p->symbols.at[i];
        int64_t size = s->fixed ? s->fixed : REFERENCE_SIZE;
        if (!s->fixed)
            size = size < s->low ? s->low : size > s->high ? s->high : size;
        sizes[s->index] = size;
    }
    return sizes;
}

/* ---- slots ---- */
typedef struct Occupant { Value *value; int from, to; int64_t bytes; int slot; } Occupant;
typedef struct Slot { const Dim *bytes; } Slot;
typedef struct Workspace { Dims *dims; VEC(Occupant) occupants; VEC(Slot) slots; } Workspace;

/* The largest first, of equals the earlier made. */
static int compare_occupants(const void *a, const void *b) {
    const Occupant *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->value->id > y->value->id) - (x->value->id < y->value->id);
}

static void find_occupants(Workspace *w, Graph *g, Arena *scratch) {
    const int64_t *sizes = reference_sizes(g->program, scratch);
    for (Node *n = g->body->first; n; n = n->next)
        for (int i = 0; i < n->nout && n->op == OP_KERNEL; i++) {
            Occupant o = {.value = &n->out[i], .slot = -1};
            if (o.value->place.area != AREA_NONE)
                continue;
            value_span(g, o.value, &o.from, &o.to);
            o.bytes = dim_eval(type_bytes(w->dims, o.value->type), sizes);
            vec_push(scratch, &w->occupants, o);
        }
    if (w->occupants.n)
        qsort(w->occupants.at, (size_t)w->occupants.n, sizeof *w->occupants.at, compare_occupants);
}

static bool slot_is_free(const Workspace *w, int slot, const Occupant *o) {
    for (int i = 0; i < w->occupants.n; i++) {
        const Occupant *p = &w->occupants.at[i];
        if (p->slot == slot && p->from <= o->to && o->from <= p->to)
            return false;
    }
    return true;
}

static const Dim *larger(Dims *ds, const Dim *a, const Dim *b) {
    if (dim_at_most(ds, a, b) == PROVED)
        return b;
    return dim_at_most(ds, b, a) == PROVED ? a : dim_max(ds, a, b);
}

/* The last slot that is free is the smallest: they were made for the largest first. */
static void choose_slot(Workspace *w, Occupant *o, Arena *scratch) {
    const Dim *bytes = type_bytes(w->dims, o->value->type);
    for (int slot = w->slots.n - 1; slot >= 0; slot--)
        if (slot_is_free(w, slot, o)) {
            w->slots.at[slot].bytes = larger(w->dims, w->slots.at[slot].bytes, bytes);
            o->slot = slot;
            return;
        }
    o->slot = w->slots.n;
    vec_push(scratch, &w->slots, (Slot){bytes});
}

static bool dim_is_aligned(const Dim *d) {
    for (int i = 0; i < d->nterms; i++)
        if (d->terms[i].coef % ALIGNMENT)
            return false;
    return true;
}

static const Dim *dim_align(Dims *ds, const Dim *d) {
    if (dim_is_aligned(d))
        return d;
    const Dim *unit = dim_const(ds, ALIGNMENT);
    return dim_mul(ds, dim_floor(ds, dim_add(ds, d, dim_const(ds, ALIGNMENT - 1)), unit), unit);
}

void workspace_plan(Graph *g, Arena *scratch) {
    Workspace w = {.dims = g->program->dims};
    find_occupants(&w, g, scratch);
    for (int i = 0; i < w.occupants.n; i++)
        choose_slot(&w, &w.occupants.at[i], scratch);
    const Dim **offsets = NEW_ARRAY(scratch, const Dim *, w.slots.n + 1), *end = dim_const(w.dims, 0);
    for (int i = 0; i < w.slots.n; i++) {
        offsets[i] = end;
        end = dim_add(w.dims, end, dim_align(w.dims, w.slots.at[i].bytes));
    }
    for (int i = 0; i < w.occupants.n; i++) {
        const Occupant *o = &w.occupants.at[i];
        o->value->place = (Place){AREA_WORK, 0, offsets[o->slot]};
    }
    g->work_bytes = end;
}
