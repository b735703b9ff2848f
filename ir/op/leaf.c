/* Leaves: inputs, tensors, constants, sizes, clocks, settings, counting. */
#include "ir/op/op.h"
#include "ir/num.h"

/* Whole numbers that can be written for a dtype, ends included. */
static void dtype_ends(DType t, double *low, double *high)
{
    static const double ends[DT_COUNT][2] = {
        [DT_BOOL] = {0, 1},       [DT_U8] = {0, 255},
        [DT_I8] = {-128, 127},    [DT_I32] = {-2147483648.0, 2147483647.0},
        [DT_I64] = {-9007199254740991.0, 9007199254740991.0}, /* beyond, a double may stand for another number */
    };
    *low = ends[t][0];
    *high = ends[t][1];
}

static bool check_constant_value(Infer *i, Type t, double v)
{
    if (dtype_is_float(t.dtype) && (!isfinite(v) || isfinite(dtype_round(t.dtype, v)))) return true;
    const char *name = dtype_name(t.dtype);
    const char *text = text_number(i->arena, v, false);
    if (dtype_is_float(t.dtype)) {
        Diag *d = infer_error(i, "E0302", "%s does not fit `%s`", text, name);
        diag_primary(d, "it would become infinite");
        return false;
    }
    if (v != floor(v)) {
        Diag *d = infer_error(i, "E0301", "`%s` holds whole numbers, but this one is %s", name, text);
        diag_primary(d, "%s has a fraction", text);
        diag_help(d, "write a whole number, or make the other side a float: `real(...)`");
        return false;
    }
    double low, high;
    dtype_ends(t.dtype, &low, &high);
    int64_t range;
    bool ranged = t.range && dim_known(t.range, &range);
    if (ranged) low = 0, high = (double)range - 1;
    if (v >= low && v <= high) return true;
    Diag *d = infer_error(i, "E0302", "%s does not fit `%s%s%s%s`", text, name, ranged ? "<" : "",
                          ranged ? dim_text(i->arena, t.range) : "", ranged ? ">" : "");
    bool written = t.dtype == DT_I64 && !ranged;
    diag_primary(d, "%s lie in %.0f..%.0f", written ? "those that are written" : "its values", low, high);
    return false;
}

static bool infer_constant(Infer *i, Type t)
{
    const ConstAttr *c = &i->node->attr.constant;
    if (!c->values) return check_constant_value(i, t, c->value);
    int64_t n;
    if (t.rank != 1 || !dim_known(t.axes[0].dim, &n)) {
        Diag *d = infer_error(i, "E0202", "a row of numbers has one axis of a known size, and cannot be %s",
                              type_text(i->arena, t));
        diag_note(d, "`[0.5, 0.3]` is a vector of two numbers");
        return false;
    }
    for (int64_t k = 0; k < n; k++)
        if (!check_constant_value(i, t, c->values[k])) return false;
    return true;
}

/* Counting gives 0..n-1, which an index of a smaller range could not hold. */
static bool infer_iota(Infer *i, Type t)
{
    int axis = i->node->attr.axis;
    if (axis < 0 || axis >= t.rank) {
        Diag *d = infer_error(i, "E0202", "`iota` counts along an axis, and %s has none", type_text(i->arena, t));
        diag_help(d, "give it a type with one axis: `t: i32[T] = iota`");
        return false;
    }
    if (t.dtype == DT_BOOL) {
        Diag *d = infer_error(i, "E0303", "`iota` counts, and cannot be %s", type_text(i->arena, t));
        diag_primary(d, "truth values do not count");
        diag_help(d, "count in numbers and compare: `t: i32[T] = iota`, then `t > 0`");
        return false;
    }
    const Dim *n = t.axes[axis].dim, *last = dim_sub(i->dims, n, dim_const(i->dims, 1));
    if (dtype_holds(i->dims, t.dtype, last) != PROVED) {
        Diag *d = infer_error(i, "E0302", "`iota` counts to %s, and cannot be %s", dim_text(i->arena, last),
                              type_text(i->arena, t));
        infer_settling(i, d, t.dtype, last);
        return false;
    }
    if (!t.range || dim_equal(n, t.range) == PROVED || dim_at_most(i->dims, n, t.range) == PROVED) return true;
    Diag *d = infer_error(i, "E0302", "`iota` counts to %s, but its values must stay below %s",
                          dim_text(i->arena, n), dim_text(i->arena, t.range));
    diag_primary(d, "this counts 0..%s - 1", dim_text(i->arena, n));
    infer_origin(i, d, &t.axes[axis]);
    return false;
}

static bool infer_single_f64(Infer *i, Type t)
{
    if (t.dtype == DT_F64 && t.rank == 0) return true;
    infer_error(i, "E0301", "a number known at run time is one f64, and cannot be %s", type_text(i->arena, t));
    return false;
}

static bool infer_size(Infer *i, Type t)
{
    if (t.rank != 0 || t.dtype == DT_BOOL) {
        infer_error(i, "E0202", "a size is one number, and cannot be %s", type_text(i->arena, t));
        return false;
    }
    const Dim *size = i->node->attr.size;
    if (dtype_holds(i->dims, t.dtype, size) == PROVED) return true;
    Diag *d = infer_error(i, "E0302", "the size %s does not fit `%s`", dim_text(i->arena, size), dtype_name(t.dtype));
    infer_settling(i, d, t.dtype, size);
    return false;
}

bool infer_leaf(Infer *i)
{
    Type t = i->given ? i->given[0] : type_scalar(DT_F64); /* only clocks and settings come without a type */
    switch (i->node->op) {
    case OP_CONST: if (!infer_constant(i, t)) return false; break;
    case OP_IOTA: if (!infer_iota(i, t)) return false; break;
    case OP_SIZE: if (!infer_size(i, t)) return false; break;
    case OP_CLOCK:
    case OP_HYPER: if (!infer_single_f64(i, t)) return false; break;
    default: break;
    }
    return infer_result_type(i, 0, t);
}

/* ---- values ---- */
static Array bound_array(const Eval *e, const Node *n)
{
    const EvalInputs *in = e->in;
    const Array *from = n->op == OP_INPUT ? in->inputs : n->grad_area ? in->grads : in->tensors;
    const char *name = n->out[0].name ? n->out[0].name : op_info(n->op)->text;
    if (!from || !from[n->attr.index].at) fatal("no array was bound to %s", name);
    Array x = from[n->attr.index];
    Array want = {.type = n->out[0].type, .rank = n->out[0].type.rank, .size = 1};
    for (int k = 0; k < want.rank; k++) want.size *= dim_eval(want.type.axes[k].dim, in->symbols);
    if (x.size != want.size) fatal("%s is bound to an array of another size", name);
    for (int k = 0; k < want.rank; k++) want.shape[k] = dim_eval(want.type.axes[k].dim, in->symbols);
    want.at = x.at;
    return want;
}

static Num leaf_element(const Eval *e, const Node *n, const Array *y, int64_t j)
{
    const EvalInputs *in = e->in;
    DType t = y->type.dtype;
    switch (n->op) {
    case OP_CONST: return num_exact(dtype_round(t, n->attr.constant.values ? n->attr.constant.values[j]
                                                                            : n->attr.constant.value));
    case OP_SIZE: return num_exact(dtype_round(t, (double)dim_eval(n->attr.size, in->symbols)));
    case OP_CLOCK: return num_exact((double)(n->attr.clock == CLOCK_STEP ? in->step : in->epoch));
    case OP_HYPER: return num_exact(in->hypers[n->attr.index]);
    default: break;
    }
    int64_t inner = 1;
    for (int k = n->attr.axis + 1; k < y->rank; k++) inner *= y->shape[k];
    return num_exact(dtype_round(t, (double)(j / inner % y->shape[n->attr.axis])));
}

void eval_leaf(Eval *e, const Node *n)
{
    if (n->op == OP_INPUT || n->op == OP_TENSOR) {
        eval_set(e, &n->out[0], bound_array(e, n));
        return;
    }
    Array *y = eval_write(e, n, 0);
    for (int64_t j = 0; j < y->size; j++) y->at[j] = leaf_element(e, n, y, j);
}
