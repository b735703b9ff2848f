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

/* ---- as in memory ---- */
static double number_load(DType t, const void *at)
{
    switch (t) {
    case DT_I8: return *(const int8_t *)at;
    case DT_I32: return *(const int32_t *)at;
    case DT_I64: return (double)*(const int64_t *)at;
    case DT_F32: return *(const float *)at;
    case DT_F64: return *(const double *)at;
    default: return *(const uint8_t *)at;
    }
}

static void number_store(DType t, void *at, double v)
{
    switch (t) {
    case DT_I8: *(int8_t *)at = (int8_t)v; break;
    case DT_I32: *(int32_t *)at = (int32_t)v; break;
    case DT_I64: *(int64_t *)at = (int64_t)v; break;
    case DT_F32: *(float *)at = (float)v; break;
    case DT_F64: *(double *)at = v; break;
    default: *(uint8_t *)at = (uint8_t)v;
    }
}

void array_load(Array *x, const void *from)
{
    int bytes = dtype_bytes(x->type.dtype);
    for (int64_t i = 0; i < x->size; i++)
        x->at[i] = (Num){.value = number_load(x->type.dtype, (const char *)from + i * bytes)};
}

void array_store(const Array *x, void *into)
{
    int bytes = dtype_bytes(x->type.dtype);
    for (int64_t i = 0; i < x->size; i++) number_store(x->type.dtype, (char *)into + i * bytes, x->at[i].value);
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
