/* Chance: counter-based draws, which depend on nothing but seed, stream, step and place. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
bool infer_random(Infer *i)
{
    const Node *n = i->node;
    const char *op = op_info(n->op)->text;
    if (!i->given) UNREACHABLE("a draw without a type");
    Type y = i->given[0];
    if (!dtype_is_float(y.dtype)) {
        Diag *d = infer_error(i, "E0303", "`%s` draws floats, and cannot be %s", op, type_text(i->arena, y));
        diag_help(d, "draw a `real` and convert: `int(floor(...))`");
        return false;
    }
    for (int k = 0; k < n->nin; k++) {
        const Type *t = &n->in[k]->type;
        if (t->dtype == y.dtype && t->rank == 0) continue;
        infer_error(i, t->rank ? "E0202" : "E0301", "`%s` of %s takes single numbers of that dtype, but `%s` is %s", op,
                    type_text(i->arena, y), value_text(n->in[k]), type_text(i->arena, *t));
        return false;
    }
    return infer_result_type(i, 0, y);
}

/* ---- values ---- */
bool random_by_row(const Graph *g, Type t)
{
    int64_t n;
    return t.rank > 0 && g->rows && dim_same(t.axes[0].dim, g->rows) && !dim_is_const(g->rows, &n);
}

static void draw_words(const Eval *e, const Node *n, int64_t row, int64_t element, uint32_t words[4])
{
    const EvalInputs *in = e->in;
    uint64_t stream = n->attr.random.stream, step = graph_is_first(e->graph) ? 0 : in->step;
    const uint32_t counter[4] = {(uint32_t)element, (uint32_t)row, (uint32_t)step, (uint32_t)stream};
    const uint32_t key[2] = {(uint32_t)in->seed, (uint32_t)(in->seed >> 32) ^ (uint32_t)(stream >> 32)};
    philox4x32(counter, key, words);
}

/* low + (high - low)*u, u having as many random bits as the dtype holds in 0..1. */
static Num draw_uniform(DType t, Num low, Num high, const uint32_t w[4])
{
    double u = t == DT_F32 ? (w[0] >> 8) * 0x1p-24 : ((w[0] >> 5) * 0x1p26 + (w[1] >> 6)) * 0x1p-53;
    return num_add(t, low, num_mul(t, num_sub(t, high, low), num_exact(u)));
}

/* mean + std*z in f64, z by Box and Muller; the compiled logarithm and cosine may be some gaps off. */
static Num draw_normal(DType t, Num std, Num mean, const uint32_t w[4])
{
    double radius = sqrt(-2 * log((w[0] + 1.0) * 0x1p-32)), angle = 2 * M_PI * (w[1] * 0x1p-32);
    Num z = {radius * cos(angle), 0, radius * 32 * dtype_ulp(DT_F64, 1)};
    Num y = num_add(DT_F64, mean, num_mul(DT_F64, std, z));
    return num_result(t, y.value, y.tangent, y.bound);
}

void eval_random(Eval *e, const Node *n)
{
    Array *y = eval_write(e, n, 0);
    Num a = eval_read(e, n->in[0])->at[0], b = eval_read(e, n->in[1])->at[0];
    bool by_row = random_by_row(e->graph, n->out[0].type);
    int64_t width = by_row ? y->size / y->shape[0] : y->size;
    for (int64_t j = 0; j < y->size; j++) {
        uint32_t words[4];
        draw_words(e, n, by_row ? j / width + (int64_t)e->in->first_sample : 0, j % width, words);
        y->at[j] = n->op == OP_UNIFORM ? draw_uniform(y->type.dtype, a, b, words)
                                       : draw_normal(y->type.dtype, a, b, words);
    }
}
