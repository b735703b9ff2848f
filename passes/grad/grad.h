/* grad.h: reverse mode, shared by differentiate.c and the rules of the operators. */
#ifndef NNC_GRAD_H
#define NNC_GRAD_H
#include "passes/pass.h"

/* One sweep from a scalar back to the values whose gradients are asked for. */
typedef struct Flow {
    Build build;       /* where gradients are written */
    Arena *scratch;
    uint32_t nvalues;  /* values that stood when the sweep began; only they have a gradient */
    Value **of;        /* by Value.id: the sum gathered so far, NULL where nothing came */
    bool *wanted;      /* by Value.id: one of the asked depends on it, or is it */
} Flow;

/* Gives each wanted input of n its share of the gradients of n's results. */
typedef void GradFn(Flow *f, Node *n);
#define OP(NAME, text, nin, kind, flags, formula) void grad_##NAME(Flow *f, Node *n);
#include "ir/ops.def"

/* ---- differentiate.c ---- */
Flow flow_new(Graph *g, Build build, Arena *scratch);
bool flow_wants(const Flow *f, const Value *v);
void flow_spread_wanted(Flow *f, const Block *b);    /* what depends on a wanted value is wanted */
void flow_add(Flow *f, Value *v, Value *gradient);   /* one more reader of v has spoken */
Value *flow_result(Flow *f, Value *v);               /* its gradient; zeros where nothing came */
void flow_sweep(Flow *f, Node *last);                /* from this node to the first of its block */

/* ---- rules of single-result operators: the gradient of input `slot`, given the result's; NULL is none ---- */
typedef Value *SlotFn(Build *b, const Node *n, int slot, Value *dy);
void flow_slots(Flow *f, Node *n, SlotFn *rule);
#define RULE(NAME)                                                                  \
    static Value *rule_##NAME(Build *b, const Node *n, int slot, Value *dy);        \
    void grad_##NAME(Flow *f, Node *n)                                              \
    {                                                                               \
        flow_slots(f, n, rule_##NAME);                                              \
    }                                                                               \
    static Value *rule_##NAME(Build *b, const Node *n, int slot, Value *dy)
/* An operator through which no gradient passes. */
#define NO_RULE(NAME)                  \
    void grad_##NAME(Flow *f, Node *n) \
    {                                  \
        (void)f;                       \
        (void)n;                       \
    }

/* ---- index.c: dy at the place along `axis` that `place` names, zero elsewhere; both lack that axis of `to` ---- */
Value *grad_at_place(Build *b, Type to, int axis, Value *place, Value *dy);
#endif
