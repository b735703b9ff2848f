/* Operators that work element by element: every input has the shape of the result or is a single number. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- types ---- */
typedef enum Takes { TAKES_ANY, TAKES_NUMBER, TAKES_FLOAT, TAKES_BOOL } Takes;

static Takes op_takes(OpCode op)
{
    switch (op) {
    case OP_EQ: case OP_NE: case OP_SELECT: case OP_DETACH: case OP_CONVERT: return TAKES_ANY;
    case OP_AND: case OP_OR: case OP_NOT: return TAKES_BOOL;
    case OP_FLOOR: case OP_CEIL: case OP_ROUND: case OP_SQRT: case OP_EXP: case OP_EXPM1: case OP_LOG: case OP_LOG1P:
    case OP_SIN: case OP_COS: case OP_TANH: case OP_ERF: case OP_SIGMOID: return TAKES_FLOAT;
    default: return TAKES_NUMBER;
    }
}

static bool dtype_taken(Takes takes, DType t)
{
    switch (takes) {
    case TAKES_ANY: return true;
    case TAKES_NUMBER: return t != DT_BOOL;
    case TAKES_FLOAT: return dtype_is_float(t);
    case TAKES_BOOL: return t == DT_BOOL;
    }
    return false;
}

static bool check_taken(Infer *i, int slot, Takes takes)
{
    static const char *const wanted[] = {"anything", "numbers", "floats", "truth values"};
    static const char *const single[] = {"such thing", "number", "float", "truth value"};
    const Value *v = i->node->in[slot];
    if (dtype_taken(takes, v->type.dtype)) return true;
    const char *op = op_info(i->node->op)->text;
    Diag *d = infer_error(i, "E0303", "`%s` takes %s, but `%s` is %s", op, wanted[takes], value_text(v),
                          type_text(i->arena, v->type));
    diag_primary(d, "%s is no %s", dtype_name(v->type.dtype), single[takes]);
    if (takes == TAKES_FLOAT && dtype_is_int(v->type.dtype)) {
        if (i->node->op == OP_FLOOR || i->node->op == OP_CEIL || i->node->op == OP_ROUND)
            diag_help(d, "leave `%s` out: these numbers are whole already", op);
        else
            diag_help(d, "convert by name: `real(...)`");
    } else if (takes == TAKES_NUMBER) {
        diag_help(d, "convert by name: `real(...)` makes 0 and 1 of false and true");
    } else if (takes == TAKES_BOOL) {
        diag_help(d, "compare to get a truth value: `x != 0`");
    }
    return false;
}

/* The operands whose dtypes must be one: all but the condition of a choice. */
static int first_alike(OpCode op) { return op == OP_SELECT ? 1 : 0; }

static bool check_dtypes(Infer *i)
{
    const Node *n = i->node;
    Takes takes = op_takes(n->op);
    int first = first_alike(n->op);
    if (first && !check_taken(i, 0, TAKES_BOOL)) return false;
    for (int k = first; k < n->nin; k++)
        if (!check_taken(i, k, takes)) return false;
    const Value *a = n->in[first];
    for (int k = first + 1; k < n->nin; k++) {
        const Value *b = n->in[k];
        if (a->type.dtype == b->type.dtype) continue;
        const char *ta = dtype_name(a->type.dtype), *tb = dtype_name(b->type.dtype);
        Diag *d = infer_error(i, "E0301", "`%s` needs one dtype, but `%s` is %s and `%s` is %s", op_info(n->op)->text,
                              value_text(a), type_text(i->arena, a->type), value_text(b),
                              type_text(i->arena, b->type));
        diag_primary(d, "%s meets %s", ta, tb);
        diag_note(d, "dtypes change only by name, never silently");
        diag_help(d, "write `%s(...)` around the second, or `%s(...)` around the first", ta, tb);
        return false;
    }
    return true;
}

static Diag *shape_error(Infer *i, const char *code, const Value *a, const Value *b)
{
    return infer_error(i, code, "`%s` needs equal shapes, but `%s` is %s and `%s` is %s", op_info(i->node->op)->text,
                       value_text(a), type_text(i->arena, a->type), value_text(b), type_text(i->arena, b->type));
}

static bool rank_error(Infer *i, const Value *a, const Value *b)
{
    Diag *d = shape_error(i, "E0202", a, b);
    diag_primary(d, "%d %s %d", a->type.rank, a->type.rank == 1 ? "axis meets" : "axes meet", b->type.rank);
    const Type *longer = a->type.rank > b->type.rank ? &a->type : &b->type;
    const Type *shorter = a->type.rank > b->type.rank ? &b->type : &a->type;
    infer_origin(i, d, &longer->axes[0]);
    infer_origin(i, d, &shorter->axes[shorter->rank - 1]);
    diag_note(d, "a single number meets any shape; everything else keeps its own");
    diag_help(d, "repeat the smaller one along what it lacks with a pattern, such as `b |> [i] -> [N, i]`");
    return false;
}

static bool is_one(const Dim *d)
{
    int64_t v;
    return dim_is_const(d, &v) && v == 1;
}

/* Whether axis k of two operands is the same axis; if so *out has the role of either. */
static bool merge_axis(Infer *i, const Value *a, const Value *b, int k, Axis *out)
{
    const Axis *p = &a->type.axes[k], *q = &b->type.axes[k];
    *out = *p;
    if (!out->role) out->role = q->role;
    if (!out->origin) out->origin = q->origin;
    if (axes_match(i, p, q)) return true;
    Diag *d = shape_error(i, axes_code(p, q, "E0203"), a, b);
    infer_mismatch(i, d, k, p, q);
    if (is_one(p->dim) || is_one(q->dim))
        diag_note(d, "a size 1 never stretches; only a single number meets any shape");
    if (dim_equal(p->dim, q->dim) == PROVED) return false;
    infer_fix(i, d, a, b, k, p->dim);
    infer_fix(i, d, b, a, k, q->dim);
    return false;
}

/* The shape of the operands that are not single numbers; rank 0 where all are. */
static bool merge_shapes(Infer *i, Axis *axes, int *out_rank)
{
    const Node *n = i->node;
    const Value *a = NULL;
    *out_rank = 0;
    for (int k = 0; k < n->nin; k++) {
        const Value *b = n->in[k];
        if (b->type.rank == 0) continue;
        if (!a) {
            a = b;
            *out_rank = a->type.rank;
            for (int j = 0; j < a->type.rank; j++) axes[j] = a->type.axes[j];
            continue;
        }
        if (a->type.rank != b->type.rank) return rank_error(i, a, b);
        for (int j = 0; j < a->type.rank; j++) {
            Axis merged;
            if (!merge_axis(i, a, b, j, &merged)) return false;
            /* of three operands the last two may have the roles */
            if (axes[j].role && merged.role && !str_equal(axes[j].role, merged.role))
                return merge_axis(i, n->in[k - 1], b, j, &merged);
            if (!axes[j].role) axes[j].role = merged.role;
            if (!axes[j].origin) axes[j].origin = merged.origin;
        }
    }
    return true;
}

/* The size that a remainder is taken by, where it is one: `x % C` is an index below C. It is seen through conversions,
   unless one cuts it off, through moves, and through the kernel that these stand in. */
static const Dim *modulus(Infer *i, const Value *v)
{
    double c;
    const Dim *size = NULL;
    const Node *n = v->def;
    if (n && n->op == OP_KERNEL && n->region->last) return modulus(i, n->region->last->in[v->index]);
    if (n && (n->op == OP_CONVERT || n->op == OP_MOVE)) size = modulus(i, n->in[0]);
    else if (n && n->op == OP_SIZE) size = n->attr.size;
    else if (value_is_const(v, &c) && c >= 1 && c == floor(c) && c < 9e15) size = dim_const(i->dims, (int64_t)c);
    return size && dtype_holds(i->dims, v->type.dtype, size) == PROVED ? size : NULL;
}

/* What is known of the values: a remainder is an index, a choice of indices stays one, arithmetic forgets. */
static const Dim *result_range(Infer *i, DType t)
{
    const Node *n = i->node;
    if (!dtype_is_int(t)) return NULL;
    int first = first_alike(n->op);
    const Dim *range = n->in[first]->type.range;
    switch (n->op) {
    case OP_MOD: {
        const Dim *m = modulus(i, n->in[1]);
        int64_t now, wanted;
        const Dim *given = i->given ? i->given->range : NULL; /* the same number under a dim's name */
        if (i->given && !type_is_poison(*i->given) && !given) return NULL; /* it was not known yet that it is a number */
        return given && m && dim_known(given, &wanted) && dim_known(m, &now) && now == wanted ? given : m;
    }
    case OP_DETACH: case OP_CONVERT: return range;
    case OP_MIN2: case OP_MAX2: case OP_SELECT: return dim_same(range, n->in[first + 1]->type.range) ? range : NULL;
    default: return NULL;
    }
}

static bool check_power(Infer *i)
{
    double e;
    const Value *x = i->node->in[0];
    if (!dtype_is_int(x->type.dtype) || (value_is_const(i->node->in[1], &e) && e >= 0 && e <= 64)) return true;
    Diag *d = infer_error(i, "E0303", "a power of whole numbers needs a written exponent from 0 to 64, but `%s` is %s",
                          value_text(x), type_text(i->arena, x->type));
    diag_help(d, "convert by name: `real(...) ^ real(...)`");
    return false;
}

/* An index must fit the dtype it is moved to: `i8` ends at 127. */
static bool check_converted_range(Infer *i, const Type *to)
{
    const Value *x = i->node->in[0];
    const Dim *last = x->type.range ? dim_sub(i->dims, x->type.range, dim_const(i->dims, 1)) : NULL;
    if (!last || dtype_holds(i->dims, to->dtype, last) == PROVED) return true;
    Diag *d = infer_error(i, "E0302", "`%s` is %s, and `%s` cannot hold its values", value_text(x),
                          type_text(i->arena, x->type), dtype_name(to->dtype));
    infer_settling(i, d, to->dtype, last);
    return false;
}

bool infer_elementwise(Infer *i)
{
    const Node *n = i->node;
    Axis axes[MAX_RANK];
    int rank;
    if (!check_dtypes(i) || (n->op == OP_POW && !check_power(i)) || !merge_shapes(i, axes, &rank)) return false;
    DType t = n->in[first_alike(n->op)]->type.dtype;
    if (op_info(n->op)->flags & OPF_COMPARES) t = DT_BOOL;
    if (n->op == OP_CONVERT) {
        if (!i->given) UNREACHABLE("a conversion without a dtype");
        t = i->given->dtype;
        if (!check_converted_range(i, i->given)) return false;
    }
    Type y = type_make(i->arena, t, rank, axes);
    y.range = result_range(i, t);
    return infer_result_type(i, 0, y);
}

/* ---- values ---- */
void eval_elementwise(Eval *e, const Node *n)
{
    const Array *in[3];
    Array *y = eval_write(e, n, 0);
    ScalarFn *f = op_scalar(n->op);
    const Value *last = n->in[n->nin - 1];
    Scalar s = {last->type.dtype, n->out[0].type.dtype, e->in->fma, value_is_const(last, NULL)};
    for (int k = 0; k < n->nin; k++) in[k] = eval_read(e, n->in[k]);
    for (int64_t j = 0; j < y->size; j++) {
        Num x[3];
        for (int k = 0; k < n->nin; k++) x[k] = in[k]->at[in[k]->rank ? j : 0];
        y->at[j] = f(x, &s);
    }
}
