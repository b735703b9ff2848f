/* Places by index: picking from the last axis, and the row that is 1 in one place. */
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
        if (axes_match(&tp->axes[k], &ti->axes[k])) continue;
        Diag *d = infer_error(i, axes_code(&tp->axes[k], &ti->axes[k], "E0203"),
                              "`pick` needs an index for each row, but `%s` is %s and `%s` is %s", value_text(p),
                              type_text(i->arena, *tp), value_text(index), type_text(i->arena, *ti));
        infer_mismatch(i, d, k, &tp->axes[k], &ti->axes[k]);
        return false;
    }
    return true;
}

static bool check_pick_range(Infer *i, const Value *p, const Value *index)
{
    const Axis *last = &p->type.axes[p->type.rank - 1];
    Verdict same = dim_equal(last->dim, index->type.range);
    if (same == PROVED) return true;
    const char *have = dim_text(i->arena, last->dim), *range = dim_text(i->arena, index->type.range);
    Diag *d = infer_error(i, same == UNDECIDED ? "E0212" : "E0302",
                          "`%s` names one of %s places, but the last axis of `%s` has %s", value_text(index), range,
                          value_text(p), have);
    diag_primary(d, "%s places for an index below %s", have, range);
    infer_origin(i, d, last);
    diag_note(d, "`%s`: %s\n`%s`: %s", value_text(p), type_text(i->arena, p->type), value_text(index),
              type_text(i->arena, index->type));
    return false;
}

static bool infer_pick(Infer *i)
{
    const Value *p = i->node->in[0], *index = i->node->in[1];
    Axis axes[MAX_RANK];
    if (!check_index(i, index) || !check_pick_shape(i, p, index, axes) || !check_pick_range(i, p, index)) return false;
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

bool infer_index(Infer *i) { return i->node->op == OP_PICK ? infer_pick(i) : infer_one_hot(i); }

/* ---- values ---- */
/* From the places an index may mean, those of its bound included. */
static Num pick_place(const Num *row, int64_t places, Num index)
{
    int64_t at = num_whole(index.value);
    if (at < 0 || at >= places) fatal("the index %lld lies outside 0..%lld", (long long)at, (long long)places - 1);
    Num y = row[at];
    if (index.bound == 0) return y;
    int64_t first = num_whole(fmax(index.value - index.bound, 0));
    int64_t last = num_whole(fmin(index.value + index.bound, (double)places - 1));
    double low = y.value - y.bound, high = y.value + y.bound;
    for (int64_t k = first; k <= last; k++) {
        low = fmin(low, row[k].value - row[k].bound);
        high = fmax(high, row[k].value + row[k].bound);
    }
    return num_between(y, low, high);
}

static Num one_hot_place(int64_t place, Num index)
{
    double off = fabs((double)place - index.value);
    return (Num){off == 0, 0, index.bound > 0 && off <= index.bound};
}

void eval_index(Eval *e, const Node *n)
{
    const Array *x = eval_read(e, n->in[0]);
    const Array *index = eval_read(e, n->in[n->nin - 1]);
    Array *y = eval_write(e, n, 0);
    int64_t places = n->op == OP_PICK ? x->shape[x->rank - 1] : y->shape[y->rank - 1];
    for (int64_t j = 0; j < y->size; j++)
        y->at[j] = n->op == OP_PICK ? pick_place(x->at + j * places, places, index->at[j])
                                    : one_hot_place(j % places, index->at[j / places]);
}
