/* The naive reference: walks a graph in its order, whole tensors at a time, one number after the other. */
#include "ir/num.h"
#include "ir/op/op.h"

Array array_new(Arena *a, Type t, const int64_t *symbols)
{
    Array x = {.type = t, .rank = t.rank, .size = 1};
    for (int k = 0; k < t.rank; k++) {
        x.shape[k] = dim_eval(t.axes[k].dim, symbols);
        x.size *= x.shape[k];
    }
    x.at = NEW_ARRAY(a, Num, x.size);
    return x;
}

const Array *eval_read(const Eval *e, const Value *v)
{
    const Array *x = &e->values[v->id];
    if (!x->at) UNREACHABLE("a value is read before its node has run");
    return x;
}

void eval_set(Eval *e, const Value *v, Array x) { e->values[v->id] = x; }

Array *eval_write(Eval *e, const Node *n, int k)
{
    const Value *v = &n->out[k];
    eval_set(e, v, array_new(e->arena, v->type, e->in->symbols));
    return &e->values[v->id];
}

void eval_node(Eval *e, const Node *n) { op_eval(n->op)(e, n); }

void eval_block(Eval *e, const Block *b, const Node *end)
{
    for (const Node *n = b->first; n != end; n = n->next) eval_node(e, n);
}

/* An index that lies outside its range is refused at the entry, by the compiled model as here. */
static bool input_is_valid(const Array *x, const Value *v, const int64_t *symbols)
{
    if (!v->type.range) return true;
    double places = (double)dim_eval(v->type.range, symbols);
    for (int64_t j = 0; j < x->size; j++)
        if (!(x->at[j].value >= 0 && x->at[j].value < places)) return false;
    return true;
}

bool graph_eval(const Graph *g, const EvalInputs *in, Arena *a, Array *out_results)
{
    for (int k = 0; k < g->inputs.n; k++)
        if (!input_is_valid(&in->inputs[k], g->inputs.at[k].value, in->symbols)) return false;
    Eval e = {.graph = g, .in = in, .arena = a, .values = NEW_ARRAY(a, Array, g->nvalues)};
    eval_block(&e, g->body, NULL);
    for (int k = 0; k < g->results.n; k++) out_results[k] = *eval_read(&e, g->body->last->in[k]);
    return true;
}
