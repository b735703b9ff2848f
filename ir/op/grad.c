/* The derivative of a number with respect to values; it stands until differentiation. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
static bool check_objective(Infer *i)
{
    const Value *e = i->node->in[0];
    const Type *t = &e->type;
    if (t->rank == 0 && dtype_is_float(t->dtype)) return true;
    Diag *d = infer_error(i, "E0211", "a gradient is taken of one float, but `%s` is %s", value_text(e),
                          type_text(i->arena, *t));
    if (t->rank) {
        diag_primary(d, "%d %s left", t->rank, t->rank == 1 ? "axis is" : "axes are");
        for (int k = 0; k < t->rank; k++) infer_origin(i, d, &t->axes[k]);
        diag_help(d, "reduce it to one number: `mean(...)` or `sum(...)`");
    } else {
        diag_primary(d, "%s has no slope", dtype_name(t->dtype));
        diag_note(d, "what counts or compares is a metric, not a loss");
    }
    return false;
}

bool infer_grad(Infer *i)
{
    const Node *n = i->node;
    if (!check_objective(i)) return false;
    for (int k = 1; k < n->nin; k++) {
        const Type *t = &n->in[k]->type;
        if (!dtype_is_float(t->dtype)) {
            Diag *d = infer_error(i, "E0211", "`%s` is %s, and only floats have a gradient", value_text(n->in[k]),
                                  type_text(i->arena, *t));
            diag_primary(d, "%s moves in whole steps", dtype_name(t->dtype));
            return false;
        }
        if (!infer_result_type(i, k - 1, *t)) return false;
    }
    return true;
}

/* ---- values: the definition itself. One run along each element of each parameter, its tangent 1 and all others 0.
   Slow, and independent of reverse mode, which it judges. A gradient has no bound and no tangent of its own. ---- */
typedef struct Tangents {
    const Node *node;   /* the GRAD */
    const Eval *base;   /* the run that met it */
    bool *affected;     /* by Value.id: depends on the value that is varied */
    Array *still;       /* by Value.id: what it does not reach, without tangents */
} Tangents;

static bool value_affected(const Tangents *t, const Value *v) { return t->affected[v->id]; }

/* Whether a node, or its body, reads what is varied; marks what it computes. */
static bool mark_affected(Tangents *t, const Node *n)
{
    bool hit = false;
    for (int k = 0; k < n->nin; k++) hit |= value_affected(t, n->in[k]);
    if (n->region)
        for (const Node *m = n->region->first; m; m = m->next) hit |= mark_affected(t, m);
    for (int k = 0; k < n->nout; k++) t->affected[n->out[k].id] |= hit;
    return hit;
}

static void strip_tangents(Tangents *t, Arena *arena)
{
    uint32_t n = t->base->graph->nvalues;
    t->still = NEW_ARRAY(arena, Array, n);
    for (uint32_t k = 0; k < n; k++) {
        const Array *x = &t->base->values[k];
        if (!x->at) continue;
        t->still[k] = *x;
        t->still[k].at = arena_copy(arena, x->at, sizeof(Num) * (size_t)x->size);
        for (int64_t j = 0; j < x->size; j++) t->still[k].at[j].tangent = 0;
    }
}

/* d(first input)/d(element j of v), by one run over the nodes that v reaches. */
static double tangent_of(Tangents *t, const Value *v, int64_t j)
{
    Arena *arena = arena_new();
    Eval run = *t->base;
    run.arena = arena;
    run.values = arena_copy(arena, t->still, sizeof(Array) * t->base->graph->nvalues);
    Num *seed = &run.values[v->id].at[j];
    seed->tangent = 1;
    for (const Node *n = t->node->parent->first; n != t->node; n = n->next)
        if (n->nout && value_affected(t, &n->out[0]) && n != v->def) eval_node(&run, n);
    seed->tangent = 0;
    double slope = eval_read(&run, t->node->in[0])->at[0].tangent;
    arena_free(arena);
    return slope;
}

static void eval_grad_of(Tangents *t, const Value *v, Array *y)
{
    for (uint32_t k = 0; k < t->base->graph->nvalues; k++) t->affected[k] = false;
    t->affected[v->id] = true;
    for (const Node *n = t->node->parent->first; n != t->node; n = n->next) mark_affected(t, n);
    for (int64_t j = 0; j < y->size; j++)
        y->at[j] = (Num){dtype_round(y->type.dtype, tangent_of(t, v, j)), 0, INFINITY};
}

void eval_grad(Eval *e, const Node *n)
{
    Arena *arena = arena_new();
    Tangents t = {.node = n, .base = e, .affected = NEW_ARRAY(arena, bool, e->graph->nvalues)};
    strip_tangents(&t, arena);
    for (int k = 1; k < n->nin; k++) eval_grad_of(&t, n->in[k], eval_write(e, n, k - 1));
    arena_free(arena);
}
