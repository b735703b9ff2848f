/* Reductions: axes go, one at a time from the last to the first, each in its declared order. */
#include "ir/op/op.h"
#include "ir/num.h"
#include <stdlib.h>

/* ---- types ---- */
static int axes_count(uint32_t axes)
{
    int n = 0;
    for (; axes; axes &= axes - 1) n++;
    return n;
}

static bool check_reduced_axes(Infer *i, Type x)
{
    const Node *n = i->node;
    uint32_t axes = n->attr.reduce.axes;
    const char *op = op_info(n->op)->text;
    if (axes >> x.rank) {
        Diag *d = infer_error(i, "E0202", "`%s` is to take an axis away that `%s` does not have: it is %s", op,
                              value_text(n->in[0]), type_text(i->arena, x));
        if (x.rank) infer_origin(i, d, &x.axes[x.rank - 1]);
        return false;
    }
    if (n->op != OP_ARGMAX || axes_count(axes) == 1) return true;
    Diag *d = infer_error(i, "E0202", "`argmax` gives a place along one axis, not along %d of %s", axes_count(axes),
                          type_text(i->arena, x));
    for (int k = 0; k < x.rank; k++) infer_origin(i, d, &x.axes[k]);
    diag_help(d, "name one axis: `argmax(x, over = last)`");
    return false;
}

static bool check_reduced_dtype(Infer *i, Type x)
{
    const Node *n = i->node;
    bool good = n->op == OP_MEAN ? dtype_is_float(x.dtype) : x.dtype != DT_BOOL;
    if (good) return true;
    const char *op = op_info(n->op)->text;
    Diag *d = infer_error(i, "E0303", "`%s` takes %s, but `%s` is %s", op, n->op == OP_MEAN ? "floats" : "numbers",
                          value_text(n->in[0]), type_text(i->arena, x));
    diag_primary(d, "no such values in %s", dtype_name(x.dtype));
    diag_help(d, "convert by name: `%s(real(...))`", op);
    return false;
}

/* The places along the axis that goes. */
static bool check_places(Infer *i, const Dim *places, DType index)
{
    const Dim *last = dim_sub(i->dims, places, dim_const(i->dims, 1));
    if (dtype_holds(i->dims, index, last) == PROVED) return true;
    Diag *d = infer_error(i, "E0302", "`argmax` names one of %s places, and `%s` cannot hold them",
                          dim_text(i->arena, places), dtype_name(index));
    infer_settling(i, d, index, last);
    return false;
}

bool infer_reduce(Infer *i)
{
    const Node *n = i->node;
    Type x = n->in[0]->type;
    uint32_t gone = n->attr.reduce.axes;
    if (!check_reduced_axes(i, x) || !check_reduced_dtype(i, x)) return false;
    Axis axes[MAX_RANK];
    int rank = 0;
    for (int k = 0; k < x.rank; k++)
        if (!(gone >> k & 1)) axes[rank++] = x.axes[k];
    bool argmax = n->op == OP_ARGMAX;
    DType index = i->given && dtype_is_int(i->given->dtype) ? i->given->dtype : DT_I32;
    Type y = type_make(i->arena, argmax ? index : x.dtype, rank, axes);
    if (argmax) y.range = x.axes[__builtin_ctz(gone)].dim;
    if (argmax && !check_places(i, y.range, index)) return false;
    else if (n->op == OP_MAX || n->op == OP_MIN) y.range = x.range;
    return infer_result_type(i, 0, y);
}

/* ---- values ---- */
/* One row to reduce: n elements, `stride` apart. */
typedef struct Row { const Num *at; int64_t n, stride; DType dtype; } Row;

static Num add_element(const void *context, int64_t k, Num chain)
{
    const Row *r = context;
    return num_add(r->dtype, chain, r->at[k * r->stride]);
}

/* The place of the first largest (or, with sign -1, smallest) element; the first NaN goes before all. */
static int64_t row_place(const Row *r, int sign)
{
    int64_t best = 0;
    for (int64_t k = 1; k < r->n && !isnan(r->at[best * r->stride].value); k++) {
        double v = r->at[k * r->stride].value;
        if (isnan(v) || sign * v > sign * r->at[best * r->stride].value) best = k;
    }
    return best;
}

static Num row_extreme(const Row *r, int sign)
{
    Num y = r->at[row_place(r, sign) * r->stride];
    double low = sign * y.value - y.bound, high = sign * y.value + y.bound;
    bool doubt = false;
    for (int64_t k = 0; k < r->n; k++) {
        Num x = r->at[k * r->stride];
        low = fmax(low, sign * x.value - x.bound);
        high = fmax(high, sign * x.value + x.bound);
        doubt |= x.bound > 0;
    }
    if (!doubt) return y;
    return sign > 0 ? num_between(y, low, high) : num_between(y, -high, -low);
}

/* In doubt wherever another element may be the largest. */
static Num row_argmax(const Row *r)
{
    int64_t best = row_place(r, 1), off = 0;
    Num y = r->at[best * r->stride];
    for (int64_t k = 0; k < r->n; k++) {
        Num x = r->at[k * r->stride];
        double room = x.bound + y.bound;
        if (room > 0 && !(x.value + room < y.value)) off = llabs(k - best) > off ? llabs(k - best) : off;
    }
    return (Num){(double)best, 0, (double)off};
}

static Num reduce_row(OpCode op, const Row *r, Order order)
{
    switch (op) {
    case OP_MAX: return row_extreme(r, 1);
    case OP_MIN: return row_extreme(r, -1);
    case OP_ARGMAX: return row_argmax(r);
    default: return num_sum(r->dtype, order, r->n, add_element, r);
    }
}

/* x without one axis. */
static Array reduce_axis(Eval *e, OpCode op, const Array *x, int axis)
{
    Array y = *x;
    Axis axes[MAX_RANK];
    int64_t inner = 1;
    y.rank = 0;
    for (int k = 0; k < x->rank; k++) {
        if (k > axis) inner *= x->shape[k];
        if (k == axis) continue;
        axes[y.rank] = x->type.axes[k];
        y.shape[y.rank++] = x->shape[k];
    }
    y.type = type_make(e->arena, x->type.dtype, y.rank, axes);
    y.size = x->size / x->shape[axis];
    y.at = NEW_ARRAY(e->arena, Num, y.size);
    Order order = order_of_reduce(x->type, axis);
    for (int64_t j = 0; j < y.size; j++) {
        Row r = {x->at + j / inner * inner * x->shape[axis] + j % inner, x->shape[axis], inner, x->type.dtype};
        y.at[j] = reduce_row(op, &r, order);
    }
    return y;
}

void eval_reduce(Eval *e, const Node *n)
{
    Array x = *eval_read(e, n->in[0]);
    Array *y = eval_write(e, n, 0);
    DType t = x.type.dtype;
    double count = 1;
    for (int axis = x.rank - 1; axis >= 0; axis--) {
        if (!(n->attr.reduce.axes >> axis & 1)) continue;
        count *= (double)x.shape[axis];
        x = reduce_axis(e, n->op, &x, axis);
    }
    Num divisor = num_exact(dtype_round(t, count));
    for (int64_t j = 0; j < y->size; j++) y->at[j] = n->op == OP_MEAN ? num_div(t, x.at[j], divisor) : x.at[j];
}
