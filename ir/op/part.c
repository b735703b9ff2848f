/* Parts of tensors along one axis: a slice, zeros around, one behind the other, from the end. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
/* The input's type, but for one size. */
static bool infer_resized(Infer *i, const Dim *size, const char *arithmetic, const Dim *range)
{
    const Type *x = &i->node->in[0]->type;
    int axis = i->node->attr.part.axis;
    Axis axes[MAX_RANK];
    for (int k = 0; k < x->rank; k++) axes[k] = x->axes[k];
    if (size != axes[axis].dim) axes[axis] = infer_axis(i, size, axes[axis].role, arithmetic, &x->axes[axis]);
    Type y = type_make(i->arena, x->dtype, x->rank, axes);
    y.range = range;
    return infer_result_type(i, 0, y);
}

static const Condition *at_most(Infer *i, const Dim *a, const Dim *b)
{
    return condition_compare(i->arena, OP_LE, a, b);
}

static const Condition *all_of(Infer *i, const Condition *a, const Condition *b)
{
    return condition_both(i->arena, CONDITION_ALL, a, b);
}

static bool check_slice(Infer *i, const Axis *axis)
{
    const PartAttr *p = &i->node->attr.part;
    const Value *x = i->node->in[0];
    const Dim *end = dim_add(i->dims, p->before, p->size);
    const Condition *fits = all_of(i, at_most(i, dim_const(i->dims, 0), p->before),
                                   all_of(i, at_most(i, dim_const(i->dims, 1), p->size), at_most(i, end, axis->dim)));
    Verdict inside = condition_verdict(i->dims, fits);
    if (inside == PROVED) return true;
    const char *start = dim_text(i->arena, p->before), *size = dim_text(i->arena, p->size);
    const char *have = dim_text(i->arena, axis->dim);
    const Dim *one = dim_const(i->dims, 1);
    Diag *d = infer_error(i, inside == UNDECIDED ? "E0212" : "E0207",
                          "a slice of %s from place %s on must lie within the %s places of axis %d of `%s`", size, start,
                          have, p->axis + 1, value_text(x));
    diag_primary(d, "places %s to %s of 0 to %s", start, dim_text(i->arena, dim_sub(i->dims, end, one)),
                 dim_text(i->arena, dim_sub(i->dims, axis->dim, one)));
    infer_origin(i, d, axis);
    if (inside == UNDECIDED) diag_help_settling(d, i->dims, fits);
    diag_note(d, "`%s`: %s; places count from 0, and a slice has at least one", value_text(x),
              type_text(i->arena, x->type));
    return false;
}

static bool infer_slice(Infer *i)
{
    const Value *x = i->node->in[0];
    const PartAttr *p = &i->node->attr.part;
    if (!infer_has_axis(i, x, p->axis) || !check_slice(i, &x->type.axes[p->axis])) return false;
    return infer_resized(i, p->size, dim_text(i->arena, p->size), x->type.range);
}

static bool infer_pad(Infer *i)
{
    const Value *x = i->node->in[0];
    const PartAttr *p = &i->node->attr.part;
    if (!infer_has_axis(i, x, p->axis)) return false;
    const Dim *own = x->type.axes[p->axis].dim, *zero = dim_const(i->dims, 0);
    const Dim *after = dim_sub(i->dims, p->size, dim_add(i->dims, p->before, own));
    const char *b = dim_text(i->arena, p->before), *a = dim_text(i->arena, after);
    const Condition *adds = all_of(i, at_most(i, zero, p->before), at_most(i, zero, after));
    Verdict good = condition_verdict(i->dims, adds);
    if (good != PROVED) {
        Diag *d = infer_error(i, good == UNDECIDED ? "E0212" : "E0207",
                              "`pad` adds zeros, and cannot add %s before and %s after", b, a);
        diag_primary(d, "0 or more is needed on both sides");
        infer_origin(i, d, &x->type.axes[p->axis]);
        diag_help(d, "to take places away, write `slice(%s, ...)`", value_text(x));
        if (good == UNDECIDED) diag_help_settling(d, i->dims, adds);
        return false;
    }
    const char *sum = dim_text(i->arena, own);
    if (p->before != zero) sum = str_format(i->arena, "%s + %s", b, sum);
    if (after != zero) sum = str_format(i->arena, "%s + %s", sum, a);
    return infer_resized(i, p->size, sum, x->type.range);
}

static bool check_joined_dtype(Infer *i, const Value *a, const Value *b)
{
    if (a->type.dtype == b->type.dtype) return true;
    const char *ta = dtype_name(a->type.dtype), *tb = dtype_name(b->type.dtype);
    Diag *d = infer_error(i, "E0301", "`concat` joins one dtype, but `%s` is %s and `%s` is %s", value_text(a),
                          type_text(i->arena, a->type), value_text(b), type_text(i->arena, b->type));
    diag_primary(d, "%s meets %s", ta, tb);
    diag_note(d, "dtypes change only by name, never silently");
    diag_help(d, "write `%s(...)` around the second, or `%s(...)` around the first", ta, tb);
    return false;
}

/* All axes but the joined one are the same; of that one, roles must not clash. */
static bool check_joined_axes(Infer *i, const Value *a, const Value *b)
{
    int axis = i->node->attr.part.axis;
    for (int k = 0; k < a->type.rank; k++) {
        const Axis *p = &a->type.axes[k];
        Axis q = b->type.axes[k];
        if (k == axis) q.dim = p->dim;
        if (axes_match(i, p, &q)) continue;
        Diag *d = infer_error(i, axes_code(p, &q, "E0205"),
                              "`concat` joins along axis %d, but axis %d is %s in `%s` and %s in `%s`", axis + 1, k + 1,
                              axis_text(i, p), value_text(a), axis_text(i, &b->type.axes[k]), value_text(b));
        infer_mismatch(i, d, k, p, &q);
        diag_note(d, "`%s`: %s\n`%s`: %s\nonly the joined axis may differ", value_text(a), type_text(i->arena, a->type),
                  value_text(b), type_text(i->arena, b->type));
        return false;
    }
    return true;
}

static bool check_joined(Infer *i, const Value *a, const Value *b)
{
    if (a->type.rank == b->type.rank) return check_joined_dtype(i, a, b) && check_joined_axes(i, a, b);
    Diag *d = infer_error(i, "E0202", "`concat` joins tensors of as many axes, but `%s` is %s and `%s` is %s",
                          value_text(a), type_text(i->arena, a->type), value_text(b), type_text(i->arena, b->type));
    diag_primary(d, "%d %s beside %d", a->type.rank, a->type.rank == 1 ? "axis" : "axes", b->type.rank);
    for (int k = 0; k < a->type.rank; k++) infer_origin(i, d, &a->type.axes[k]);
    for (int k = 0; k < b->type.rank; k++) infer_origin(i, d, &b->type.axes[k]);
    return false;
}

static bool infer_concat(Infer *i)
{
    Node *n = i->node;
    const Value *a = n->in[0];
    const Dim *size = dim_const(i->dims, 0), *range = a->type.range;
    Text sum = {.arena = i->arena};
    if (!infer_has_axis(i, a, n->attr.part.axis)) return false;
    for (int k = 0; k < n->nin; k++) {
        if (!check_joined(i, a, n->in[k])) return false;
        const Dim *part = n->in[k]->type.axes[n->attr.part.axis].dim;
        size = dim_add(i->dims, size, part);
        if (!dim_same(n->in[k]->type.range, range)) range = NULL;
        text_add(&sum, "%s%s", k ? " + " : "", dim_text(i->arena, part));
    }
    return infer_resized(i, size, text_done(&sum), range);
}

static bool infer_reverse(Infer *i)
{
    return infer_has_axis(i, i->node->in[0], i->node->attr.part.axis) && infer_result_type(i, 0, i->node->in[0]->type);
}

bool infer_part(Infer *i)
{
    switch (i->node->op) {
    case OP_SLICE: return infer_slice(i);
    case OP_PAD: return infer_pad(i);
    case OP_CONCAT: return infer_concat(i);
    default: return infer_reverse(i);
    }
}

/* ---- values ---- */
/* Element j of y, whose axis begins at `start` in y and is read from x at `from`, or from the end. */
static void copy_part(Array *y, int64_t start, const Array *x, int64_t from, int64_t size, int axis, bool backward)
{
    int64_t inner = 1, outer = 1, ny = y->shape[axis], nx = x->shape[axis];
    for (int k = 0; k < y->rank; k++) {
        if (k < axis) outer *= y->shape[k];
        if (k > axis) inner *= y->shape[k];
    }
    for (int64_t o = 0; o < outer; o++)
        for (int64_t p = 0; p < size; p++)
            for (int64_t k = 0; k < inner; k++) {
                int64_t at = backward ? size - 1 - p : from + p;
                y->at[(o * ny + start + p) * inner + k] = x->at[(o * nx + at) * inner + k];
            }
}

void eval_part(Eval *e, const Node *n)
{
    const PartAttr *p = &n->attr.part;
    Array *y = eval_write(e, n, 0); /* all zeros */
    int64_t before = p->before ? dim_eval(p->before, e->in->symbols) : 0, start = 0;
    for (int i = 0; i < n->nin; i++) {
        const Array *x = eval_read(e, n->in[i]);
        int64_t size = n->op == OP_SLICE ? y->shape[p->axis] : x->shape[p->axis];
        copy_part(y, n->op == OP_PAD ? before : start, x, n->op == OP_SLICE ? before : 0, size, p->axis,
                  n->op == OP_REVERSE);
        start += size;
    }
}
