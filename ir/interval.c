/* interval.c: what the numbers of a value can be, read off the operators in one walk from the inputs to the results. */
#include "ir/ir.h"
#include <math.h>

typedef struct Walk {
    const Graph *graph;
    Interval *of; /* by Value.id */
} Walk;

static const Interval anything = {-INFINITY, INFINITY, BASIS_LEARNED};
static const Interval share = {0, 1, BASIS_KNOWN};

static Interval of(const Walk *w, const Value *v) { return w->of[v->id]; }

/* What is closed at both ends is known, whatever it is made of. */
static Interval between(double low, double high, Basis basis)
{
    if (isnan(low)) low = -INFINITY;
    if (isnan(high)) high = INFINITY;
    return (Interval){low, high, isfinite(low) && isfinite(high) ? BASIS_KNOWN : basis};
}

static Basis weaker(Interval a, Interval b) { return a.basis > b.basis ? a.basis : b.basis; }

static Interval hull(Interval a, Interval b)
{
    return between(fmin(a.low, b.low), fmax(a.high, b.high), weaker(a, b));
}

/* ---- the same value twice, computed by the same text ---- */
static bool same_value(const Value *a, const Value *b, int depth)
{
    const Node *p = a->def, *q = b->def;
    double x, y;
    if (a == b) return true;
    if (value_is_const(a, &x) && value_is_const(b, &y)) return x == y;
    if (!depth || p->op != q->op || p->nin != q->nin) return false;
    if (!p->nin || op_info(p->op)->kind != KIND_elementwise) return false;
    for (int i = 0; i < p->nin; i++)
        if (!same_value(p->in[i], q->in[i], depth - 1)) return false;
    return true;
}

static bool same(const Value *a, const Value *b) { return same_value(a, b, 8); }

/* What lies below moves, detachments and additions of what is not negative. */
static const Value *below_moves(const Walk *w, const Value *v)
{
    for (const Node *n = v->def;; n = v->def) {
        if (n->op == OP_MOVE || n->op == OP_DETACH) v = n->in[0];
        else if (n->op == OP_ADD && n->in[1]->def->op == OP_CONST && of(w, n->in[1]).low >= 0) v = n->in[0];
        else return v;
    }
}

/* e / sum(e) and e / max(e) for e >= 0. */
static bool is_share_of_whole(const Walk *w, const Node *n)
{
    const Node *whole = below_moves(w, n->in[1])->def;
    return (whole->op == OP_SUM || whole->op == OP_MAX) && of(w, n->in[0]).low >= 0 && same(n->in[0], whole->in[0]);
}

/* z - log(sum(exp(z))) */
static bool is_log_of_share(const Walk *w, const Node *n)
{
    const Node *log = below_moves(w, n->in[1])->def;
    if (log->op != OP_LOG) return false;
    const Node *sum = below_moves(w, log->in[0])->def;
    return sum->op == OP_SUM && sum->in[0]->def->op == OP_EXP && same(sum->in[0]->def->in[0], n->in[0]);
}

static bool is_rest_of(const Value *rest, const Value *g)
{
    double one;
    return rest->def->op == OP_SUB && value_is_const(rest->def->in[0], &one) && one == 1 && same(rest->def->in[1], g);
}

/* g*a + (1 - g)*b for g in 0..1 lies between a and b. */
static bool mixed(const Walk *w, const Node *n, Interval *out)
{
    const Node *p = n->in[0]->def, *q = n->in[1]->def;
    if (p->op != OP_MUL || q->op != OP_MUL) return false;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            const Value *g = p->in[i], *h = q->in[k];
            if (!is_rest_of(h, g) && !is_rest_of(g, h)) continue;
            if (of(w, g).low < 0 || of(w, g).high > 1) continue;
            *out = hull(of(w, p->in[1 - i]), of(w, q->in[1 - k]));
            return true;
        }
    return false;
}

/* What is left of an operand of a select where its condition compares that very operand with something. */
static Interval chosen(const Walk *w, const Node *select, int slot)
{
    const Node *c = select->in[0]->def;
    Interval v = of(w, select->in[slot]);
    bool less = c->op == OP_LT || c->op == OP_LE, more = c->op == OP_GT || c->op == OP_GE;
    for (int i = 0; (less || more) && i < 2; i++) {
        Interval other = of(w, c->in[1 - i]);
        if (!same(select->in[slot], c->in[i])) continue;
        bool below = (less == (i == 0)) == (slot == 1);
        double low = below ? v.low : fmax(v.low, other.low), high = below ? fmin(v.high, other.high) : v.high;
        v = between(low, high, v.basis);
    }
    return v;
}

/* ---- arithmetic ---- */
static Interval corners(double a, double b, double c, double d, Basis basis)
{
    return between(fmin(fmin(a, b), fmin(c, d)), fmax(fmax(a, b), fmax(c, d)), basis);
}

static double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }

static Interval product(Interval a, Interval b)
{
    return corners(times(a.low, b.low), times(a.low, b.high), times(a.high, b.low), times(a.high, b.high),
                   weaker(a, b));
}

static Interval magnitude(Interval a)
{
    double low = a.low > 0 ? a.low : a.high < 0 ? -a.high : 0;
    return between(low, fmax(fabs(a.low), fabs(a.high)), a.basis);
}

static Interval quotient(Interval a, Interval b)
{
    if (b.low < 0 && b.high > 0) return between(-INFINITY, INFINITY, weaker(a, b));
    if (b.high <= 0) return quotient(between(-a.high, -a.low, a.basis), between(-b.high, -b.low, b.basis));
    Interval inverse = between(b.high == INFINITY ? 0 : 1 / b.high, b.low == 0 ? INFINITY : 1 / b.low, b.basis);
    return product(a, inverse);
}

/* A base below 0 has a power where the exponent is whole. */
static Interval power(Interval a, Interval e)
{
    bool even = e.low == e.high && fmod(e.low, 2) == 0;
    if (a.low < 0 && !even) return between(-INFINITY, INFINITY, weaker(a, e));
    a = magnitude(a);
    if (a.high <= 1 && e.low >= 0) return share;
    return corners(pow(a.low, e.low), pow(a.low, e.high), pow(a.high, e.low), pow(a.high, e.high), weaker(a, e));
}

/* `count` numbers of an interval in one sum; 0: any count from 1 up. */
static Interval sum_of(Interval a, int64_t count)
{
    if (count) return product(a, between((double)count, (double)count, BASIS_KNOWN));
    return between(a.low < 0 ? -INFINITY : a.low, a.high > 0 ? INFINITY : a.high, a.basis);
}

static Interval arithmetic(const Walk *w, const Node *n)
{
    Interval a = of(w, n->in[0]), b = n->nin > 1 ? of(w, n->in[1]) : a, mix;
    switch (n->op) {
    case OP_ADD: return mixed(w, n, &mix) ? mix : between(a.low + b.low, a.high + b.high, weaker(a, b));
    case OP_SUB:
        if (is_log_of_share(w, n)) return (Interval){-INFINITY, 0, a.basis};
        return between(a.low - b.high, a.high - b.low, weaker(a, b));
    case OP_MUL: return same(n->in[0], n->in[1]) ? product(magnitude(a), magnitude(a)) : product(a, b);
    case OP_DIV: return is_share_of_whole(w, n) ? share : quotient(a, b);
    case OP_MOD: return b.low > 0 ? between(0, b.high, b.basis) : between(-INFINITY, INFINITY, weaker(a, b));
    case OP_POW: return power(a, b);
    case OP_NEG: return between(-a.high, -a.low, a.basis);
    case OP_ABS: return magnitude(a);
    case OP_MIN2: return between(fmin(a.low, b.low), fmin(a.high, b.high), weaker(a, b));
    case OP_MAX2: return between(fmax(a.low, b.low), fmax(a.high, b.high), weaker(a, b));
    case OP_SIN: case OP_COS: return between(-1, 1, BASIS_KNOWN);
    case OP_SELECT: return hull(chosen(w, n, 1), chosen(w, n, 2));
    case OP_CONVERT: case OP_DETACH: return a;
    default: return anything;
    }
}

/* Functions that grow with their operand, from its least value on. */
static bool grows(OpCode op, double *out_least)
{
    *out_least = op == OP_SQRT || op == OP_LOG ? 0 : op == OP_LOG1P ? -1 : -INFINITY;
    switch (op) {
    case OP_SIGN: case OP_FLOOR: case OP_CEIL: case OP_ROUND: case OP_SQRT: case OP_EXP: case OP_EXPM1: case OP_LOG:
    case OP_LOG1P: case OP_TANH: case OP_ERF: case OP_SIGMOID:
        return true;
    default: return false;
    }
}

static Interval elementwise(const Walk *w, const Node *n)
{
    double least;
    if (n->out[0].type.dtype == DT_BOOL) return share;
    if (!grows(n->op, &least)) return arithmetic(w, n);
    Interval a = of(w, n->in[0]);
    DType t = n->out[0].type.dtype;
    double low = fmax(a.low, least), high = fmax(a.high, least);
    return between(op_value(n->op, t, t, &low), op_value(n->op, t, t, &high), a.basis);
}

/* ---- everything else ---- */
static int64_t known(const Dim *d)
{
    int64_t n;
    return dim_known(d, &n) ? n : 0;
}

static Interval places(const Dim *range)
{
    int64_t n = range ? known(range) : 0;
    return between(0, n ? (double)n - 1 : INFINITY, BASIS_GIVEN);
}

/* What the host or a parameter holds, as far as its dtype tells. */
static Interval held(Type t, Basis basis)
{
    if (t.range) return places(t.range);
    switch (t.dtype) {
    case DT_BOOL: return share;
    case DT_U8: return (Interval){0, 255, basis};
    case DT_I8: return (Interval){-128, 127, basis};
    default: return (Interval){-INFINITY, INFINITY, basis};
    }
}

static Interval constant(const Node *n)
{
    const ConstAttr *c = &n->attr.constant;
    if (!c->values) return between(c->value, c->value, BASIS_KNOWN);
    Interval all = between(c->values[0], c->values[0], BASIS_KNOWN);
    for (int64_t i = 1, size = known(n->out[0].type.axes[0].dim); i < size; i++)
        all = hull(all, between(c->values[i], c->values[i], BASIS_KNOWN));
    return all;
}

static Interval leaf(const Walk *w, const Node *n)
{
    Type t = n->out[0].type;
    switch (n->op) {
    case OP_CONST: return constant(n);
    case OP_IOTA: return places(t.axes[0].dim);
    case OP_SIZE: case OP_CLOCK: return between(1, INFINITY, BASIS_KNOWN);
    case OP_TENSOR:
        return held(t, w->graph->program->tensors.at[n->attr.index].role == ROLE_PARAM ? BASIS_LEARNED : BASIS_GIVEN);
    default: return held(t, BASIS_GIVEN);
    }
}

static int64_t reduced(const Node *n)
{
    int64_t count = 1;
    Type t = n->in[0]->type;
    for (int i = 0; i < t.rank; i++)
        if (n->attr.reduce.axes >> i & 1) count *= known(t.axes[i].dim);
    return count;
}

static Interval reduction(const Walk *w, const Node *n)
{
    Interval a = of(w, n->in[0]);
    if (n->op == OP_ARGMAX) return places(n->out[0].type.range);
    return n->op == OP_SUM ? sum_of(a, reduced(n)) : a;
}

static Interval contraction(const Walk *w, const Node *n)
{
    const ContractAttr *c = n->attr.contract;
    int64_t count = 1;
    for (int label = 0; label < c->nlabels; label++)
        if (label_is_summed(c, label)) count *= known(c->sizes[label]);
    return sum_of(product(of(w, n->in[0]), of(w, n->in[1])), count);
}

static Interval indexed(const Walk *w, const Node *n)
{
    Interval a = of(w, n->in[0]);
    if (n->op == OP_ONE_HOT) return share;
    return n->op == OP_SCATTER_ADD ? hull(sum_of(a, 0), between(0, 0, BASIS_KNOWN)) : a;
}

static Interval parts(const Walk *w, const Node *n)
{
    Interval all = of(w, n->in[0]);
    for (int i = 1; i < n->nin; i++) all = hull(all, of(w, n->in[i]));
    return n->op == OP_PAD ? hull(all, between(0, 0, BASIS_KNOWN)) : all;
}

static Interval interval_of(const Walk *w, const Node *n)
{
    switch (op_info(n->op)->kind) {
    case KIND_leaf: return leaf(w, n);
    case KIND_elementwise: return elementwise(w, n);
    case KIND_reduce: return reduction(w, n);
    case KIND_contract: return contraction(w, n);
    case KIND_move: return of(w, n->in[0]);
    case KIND_index: return indexed(w, n);
    case KIND_part: return parts(w, n);
    case KIND_random: return n->op == OP_UNIFORM ? hull(of(w, n->in[0]), of(w, n->in[1])) : anything;
    default: return anything;
    }
}

static void walk_block(Walk *w, const Block *b)
{
    for (const Node *n = b->first; n; n = n->next) {
        const Node *end = NULL;
        if (n->region) {
            walk_block(w, n->region);
            end = n->region->last;
            if (end && (end->op != OP_RETURN || end->nin != n->nout)) end = NULL;
        }
        for (int i = 0; i < n->nout; i++) w->of[n->out[i].id] = end ? of(w, end->in[i]) : interval_of(w, n);
    }
}

Interval *graph_intervals(const Graph *g, Arena *a)
{
    Walk w = {g, NEW_ARRAY(a, Interval, g->nvalues)};
    for (uint32_t i = 0; i < g->nvalues; i++) w.of[i] = (Interval){-INFINITY, INFINITY, BASIS_GIVEN};
    walk_block(&w, g->body);
    return w.of;
}
