/* Places by index: picking from the last axis, the row that is 1 in one place, rows of a table and the sum back into it. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
static bool check_index(Infer *i, const Value *index)
{
    const Type *t = &index->type;
    if (dtype_is_int(t->dtype) && t->range) return true;
    const char *op = op_info(i->node->op)->text, *text = type_text(i->arena, *t);
    Diag *d = infer_error(i, "E0302", "`%s` needs an index, but `%s` is %s", op, value_text(index), text);
    if (dtype_is_int(t->dtype)) {
        diag_primary(d, "nothing is known of its values");
        diag_help(d, "give its type a range, as `i32<C>`, or make one: `y %% C`");
    } else {
        diag_primary(d, "%s holds no places", dtype_name(t->dtype));
        diag_help(d, "an index is a whole number with a range, such as `i32<C>`");
    }
    for (int k = 0; k < t->rank; k++) infer_origin(i, d, &t->axes[k]);
    return false;
}

/* The index has one place for each row of p: its shape without the last axis. */
static bool check_pick_shape(Infer *i, const Value *p, const Value *index, Axis *axes)
{
    const Type *tp = &p->type, *ti = &index->type;
    if (tp->rank != ti->rank + 1) {
        Diag *d = infer_error(i, "E0202", "`pick` needs an index for each row, but `%s` is %s and `%s` is %s",
                              value_text(p), type_text(i->arena, *tp), value_text(index), type_text(i->arena, *ti));
        diag_primary(d, "the index should have %d %s", tp->rank - 1, tp->rank == 2 ? "axis" : "axes");
        if (tp->rank) infer_origin(i, d, &tp->axes[tp->rank - 1]);
        if (ti->rank) infer_origin(i, d, &ti->axes[ti->rank - 1]);
        return false;
    }
    for (int k = 0; k < ti->rank; k++) {
        axes[k] = tp->axes[k];
        if (!axes[k].role) axes[k].role = ti->axes[k].role;
        if (axes_match(i, &tp->axes[k], &ti->axes[k])) continue;
        Diag *d = infer_error(i, axes_code(&tp->axes[k], &ti->axes[k], "E0203"),
                              "`pick` needs an index for each row, but `%s` is %s and `%s` is %s", value_text(p),
                              type_text(i->arena, *tp), value_text(index), type_text(i->arena, *ti));
        infer_mismatch(i, d, k, &tp->axes[k], &ti->axes[k]);
        return false;
    }
    return true;
}

static bool check_range(Infer *i, const Value *p, int axis, const Value *index)
{
    const Axis *named = &p->type.axes[axis];
    Verdict same = dim_equal(named->dim, index->type.range);
    if (same == PROVED) return true;
    const char *have = dim_text(i->arena, named->dim), *range = dim_text(i->arena, index->type.range);
    const char *which = axis == p->type.rank - 1 ? "the last axis" : str_format(i->arena, "axis %d", axis + 1);
    Diag *d = infer_error(i, same == UNDECIDED ? "E0212" : "E0302",
                          "`%s` names one of %s places, but %s of `%s` has %s", value_text(index), range, which,
                          value_text(p), have);
    diag_primary(d, "%s places for an index below %s", have, range);
    infer_origin(i, d, named);
    diag_note(d, "`%s`: %s\n`%s`: %s", value_text(p), type_text(i->arena, p->type), value_text(index),
              type_text(i->arena, index->type));
    if (same == UNDECIDED)
        diag_help_settling(d, i->dims, condition_compare(i->arena, OP_EQ, named->dim, index->type.range));
    return false;
}

static bool infer_pick(Infer *i)
{
    const Value *p = i->node->in[0], *index = i->node->in[1];
    Axis axes[MAX_RANK];
    if (!check_index(i, index) || !check_pick_shape(i, p, index, axes)) return false;
    if (!check_range(i, p, p->type.rank - 1, index)) return false;
    Type y = type_make(i->arena, p->type.dtype, index->type.rank, axes);
    y.range = p->type.range;
    return infer_result_type(i, 0, y);
}

static bool infer_one_hot(Infer *i)
{
    const Value *index = i->node->in[0];
    const Type *t = &index->type;
    if (!check_index(i, index)) return false;
    if (t->rank == MAX_RANK) {
        infer_error(i, "E0202", "`one_hot` would need more than %d axes", MAX_RANK);
        return false;
    }
    Axis axes[MAX_RANK];
    for (int k = 0; k < t->rank; k++) axes[k] = t->axes[k];
    const char *places = dim_text(i->arena, t->range);
    axes[t->rank] = infer_axis(i, t->range, NULL, places, NULL);
    DType real = i->given ? i->given->dtype : i->node->parent->graph->program->real;
    return infer_result_type(i, 0, type_make(i->arena, real, t->rank + 1, axes));
}

/* w with one axis replaced by those of the index. */
static bool infer_take(Infer *i)
{
    const Node *n = i->node;
    const Value *w = n->in[0], *index = n->in[1];
    int axis = n->attr.axis, rank = w->type.rank + index->type.rank - 1;
    if (!check_index(i, index) || !infer_has_axis(i, w, axis) || !check_range(i, w, axis, index)) return false;
    if (rank > MAX_RANK) {
        infer_error(i, "E0202", "`take` would need %d axes, and %d is the most", rank, MAX_RANK);
        return false;
    }
    Axis axes[MAX_RANK];
    for (int k = 0; k < rank; k++)
        axes[k] = k < axis ? w->type.axes[k] : k < axis + index->type.rank ? index->type.axes[k - axis]
                                             : w->type.axes[k - index->type.rank + 1];
    Type y = type_make(i->arena, w->type.dtype, rank, axes);
    y.range = w->type.range;
    return infer_result_type(i, 0, y);
}

static bool check_scatter_shape(Infer *i, const Value *x, const Value *index)
{
    int axis = i->node->attr.axis, n = index->type.rank;
    bool fits = axis >= 0 && axis + n <= x->type.rank && x->type.rank - n < MAX_RANK;
    for (int k = 0; fits && k < n; k++) {
        if (axes_match(i, &x->type.axes[axis + k], &index->type.axes[k])) continue;
        Diag *d = infer_error(i, axes_code(&x->type.axes[axis + k], &index->type.axes[k], "E0203"),
                              "`scatter_add` needs a place for each of its sources, but `%s` is %s and `%s` is %s",
                              value_text(x), type_text(i->arena, x->type), value_text(index),
                              type_text(i->arena, index->type));
        infer_mismatch(i, d, axis + k, &x->type.axes[axis + k], &index->type.axes[k]);
        return false;
    }
    if (fits) return true;
    Diag *d = infer_error(i, "E0202", "`scatter_add` needs the axes of the index from axis %d on, but `%s` is %s",
                          axis + 1, value_text(x), type_text(i->arena, x->type));
    diag_primary(d, "the index `%s` is %s", value_text(index), type_text(i->arena, index->type));
    for (int k = 0; k < x->type.rank; k++) infer_origin(i, d, &x->type.axes[k]);
    return false;
}

/* x with the axes of the index replaced by one, along which the index names places. */
static bool infer_scatter(Infer *i)
{
    const Node *n = i->node;
    const Value *x = n->in[0], *index = n->in[1];
    int axis = n->attr.axis, rank = x->type.rank - index->type.rank + 1;
    if (!check_index(i, index) || !check_scatter_shape(i, x, index)) return false;
    if (x->type.dtype == DT_BOOL) {
        Diag *d = infer_error(i, "E0303", "`scatter_add` adds numbers, but `%s` is %s", value_text(x),
                              type_text(i->arena, x->type));
        diag_help(d, "convert by name: `real(...)`");
        return false;
    }
    Axis axes[MAX_RANK];
    for (int k = 0; k < rank; k++)
        axes[k] = k < axis ? x->type.axes[k] : k > axis ? x->type.axes[k + index->type.rank - 1]
                : infer_axis(i, index->type.range, NULL, dim_text(i->arena, index->type.range), NULL);
    return infer_result_type(i, 0, type_make(i->arena, x->type.dtype, rank, axes));
}

bool infer_index(Infer *i)
{
    switch (i->node->op) {
    case OP_PICK: return infer_pick(i);
    case OP_ONE_HOT: return infer_one_hot(i);
    case OP_TAKE: return infer_take(i);
    default: return infer_scatter(i);
    }
}

/* ---- values ---- */
/* From the places an index may mean, those of its bound included; they lie `stride` apart. */
static Num pick_place(const Num *row, int64_t places, int64_t stride, Num index)
{
    int64_t at = num_whole(index.value);
    if (at < 0 || at >= places) fatal("the index %lld lies outside 0..%lld", (long long)at, (long long)places - 1);
    Num y = row[at * stride];
    if (index.bound == 0) return y;
    int64_t first = num_whole(fmax(index.value - index.bound, 0));
    int64_t last = num_whole(fmin(index.value + index.bound, (double)places - 1));
    double low = y.value - y.bound, high = y.value + y.bound;
    for (int64_t k = first; k <= last; k++) {
        Num other = row[k * stride];
        low = fmin(low, other.value - other.bound);
        high = fmax(high, other.value + other.bound);
    }
    return num_between(y, low, high);
}

static Num one_hot_place(int64_t place, Num index)
{
    double off = fabs((double)place - index.value);
    return (Num){off == 0, 0, index.bound > 0 && off <= index.bound};
}

static void eval_one_hot(const Array *index, Array *y)
{
    int64_t places = y->shape[y->rank - 1];
    for (int64_t j = 0; j < y->size; j++) y->at[j] = one_hot_place(j % places, index->at[j / places]);
}

/* The elements behind one place along the axis. */
static int64_t inner_size(const Array *x, int axis)
{
    int64_t inner = 1;
    for (int k = axis + 1; k < x->rank; k++) inner *= x->shape[k];
    return inner;
}

/* Taking is picking along any axis: each outer place with each index. */
static void eval_take(const Array *w, const Array *index, Array *y, int axis)
{
    int64_t inner = inner_size(w, axis), places = w->shape[axis];
    for (int64_t j = 0; j < y->size; j++) {
        int64_t source = j / inner % index->size, outer = j / inner / index->size;
        y->at[j] = pick_place(w->at + outer * places * inner + j % inner, places, inner, index->at[source]);
    }
}

/* A source whose place is in doubt puts every place that it may mean in doubt. */
static void scatter_one(DType t, Num *row, int64_t places, int64_t stride, Num index, Num x)
{
    int64_t at = num_whole(index.value);
    if (at < 0 || at >= places) fatal("the index %lld lies outside 0..%lld", (long long)at, (long long)places - 1);
    row[at * stride] = num_add(t, row[at * stride], x);
    for (int64_t k = 0; index.bound > 0 && k < places; k++)
        if (fabs((double)k - index.value) <= index.bound) row[k * stride].bound = INFINITY;
}

/* Each place from +0 on, its sources in their row-major order. */
static void eval_scatter(const Array *x, const Array *index, Array *y, int axis)
{
    int64_t inner = inner_size(y, axis), places = y->shape[axis], outers = x->size / (inner * index->size);
    for (int64_t outer = 0; outer < outers; outer++)
        for (int64_t source = 0; source < index->size; source++)
            for (int64_t k = 0; k < inner; k++)
                scatter_one(y->type.dtype, y->at + outer * places * inner + k, places, inner, index->at[source],
                            x->at[(outer * index->size + source) * inner + k]);
}

void eval_index(Eval *e, const Node *n)
{
    const Array *x = eval_read(e, n->in[0]), *index = eval_read(e, n->in[n->nin - 1]);
    Array *y = eval_write(e, n, 0);
    int64_t places = n->op == OP_PICK ? x->shape[x->rank - 1] : 0;
    switch (n->op) {
    case OP_PICK:
        for (int64_t j = 0; j < y->size; j++) y->at[j] = pick_place(x->at + j * places, places, 1, index->at[j]);
        return;
    case OP_ONE_HOT: eval_one_hot(index, y); return;
    case OP_TAKE: eval_take(x, index, y, n->attr.axis); return;
    default: eval_scatter(x, index, y, n->attr.axis);
    }
}
