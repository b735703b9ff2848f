/* algebra.c: identities that keep every bit, signs of zeros, infinities and NaN included. x + 0 is none of them (-0 + 0
   is +0), nor is 0*x or x - x. */
#include "passes/pass.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Gives an equal value that is cheaper, or NULL. */
typedef Value *Rule(Build *b, const Node *n);

static bool is_number(const Value *v, double c)
{
    double value;
    return value_is_const(v, &value) && value == c && !signbit(value) == !signbit(c);
}

static const Node *made_by(const Value *v, OpCode op)
{
    return v->def->op == op ? v->def : NULL;
}

/* Whether an input already has the type of the result, not one of a single number beside a tensor. */
static bool is_whole(const Node *n, int slot)
{
    return type_same(n->in[slot]->type, n->out->type);
}

/* ---- arithmetic ---- */

static Value *rule_add(Build *b, const Node *n)
{
    double nothing = dtype_is_float(n->out->type.dtype) ? -0.0 : 0.0;
    for (int i = 0; i < 2; i++) {
        const Node *neg = made_by(n->in[1 - i], OP_NEG);
        if (is_number(n->in[1 - i], nothing)) return n->in[i];
        if (neg) return build_2(b, OP_SUB, n->in[i], neg->in[0]);
    }
    return NULL;
}

static Value *rule_sub(Build *b, const Node *n)
{
    const Node *neg = made_by(n->in[1], OP_NEG);
    if (is_number(n->in[1], 0)) return n->in[0];
    return neg ? build_2(b, OP_ADD, n->in[0], neg->in[0]) : NULL;
}

static Value *rule_mul(Build *b, const Node *n)
{
    for (int i = 0; i < 2; i++) {
        if (!is_whole(n, i)) continue;
        if (is_number(n->in[1 - i], 1)) return n->in[i];
        if (is_number(n->in[1 - i], -1)) return build_1(b, OP_NEG, n->in[i]);
    }
    return NULL;
}

/* Both a power of two and its reciprocal are normal numbers: then dividing and multiplying round alike. */
static bool has_exact_reciprocal(DType t, double c)
{
    int exponent, most = t == DT_F32 ? FLT_MAX_EXP : DBL_MAX_EXP;
    return dtype_is_float(t) && isfinite(c) && fabs(frexp(c, &exponent)) == 0.5 && abs(exponent - 1) < most - 2;
}

static Value *rule_div(Build *b, const Node *n)
{
    double c;
    DType t = n->out->type.dtype;
    if (is_number(n->in[1], 1)) return n->in[0];
    if (!is_whole(n, 0) || !value_is_const(n->in[1], &c) || !has_exact_reciprocal(t, c)) return NULL;
    return build_2(b, OP_MUL, n->in[0], build_const(b, t, 1 / c));
}

/* Written exponents mean products, and 1/2 the square root. */
static Value *rule_pow(Build *b, const Node *n)
{
    if (is_number(n->in[1], 0)) return build_fill(b, n->out->type, 1);
    if (is_number(n->in[1], 1)) return n->in[0];
    if (is_number(n->in[1], 2)) return build_2(b, OP_MUL, n->in[0], n->in[0]);
    return is_number(n->in[1], 0.5) ? build_1(b, OP_SQRT, n->in[0]) : NULL;
}

static Value *rule_twice(Build *b, const Node *n) /* neg(neg x), not(not x) */
{
    (void)b;
    const Node *inner = made_by(n->in[0], n->op);
    return inner ? inner->in[0] : NULL;
}

/* ---- choices ---- */

static Value *rule_either(Build *b, const Node *n) /* min(x, x) */
{
    (void)b;
    return n->in[0] == n->in[1] ? n->in[0] : NULL;
}

static Value *rule_select(Build *b, const Node *n)
{
    double c;
    const Node *not = made_by(n->in[0], OP_NOT);
    if (n->in[1] == n->in[2]) return n->in[1];
    if (value_is_const(n->in[0], &c)) return c != 0 ? n->in[1] : n->in[2];
    return not ? build_3(b, OP_SELECT, not->in[0], n->in[2], n->in[1]) : NULL;
}

/* 0 < x is x > 0: the number to the right, so that equal questions look alike. */
static Value *rule_order(Build *b, const Node *n)
{
    static const OpCode turned[OP_COUNT] = {
        [OP_LT] = OP_GT, [OP_LE] = OP_GE, [OP_GT] = OP_LT, [OP_GE] = OP_LE,
    };
    bool lone = value_is_const(n->in[0], NULL) && !value_is_const(n->in[1], NULL);
    return lone ? build_2(b, turned[n->op], n->in[1], n->in[0]) : NULL;
}

/* ---- dtypes, places, gradients ---- */

static Value *rule_same(Build *b, const Node *n) /* a conversion, slice, pad or concat that changes nothing */
{
    (void)b;
    return n->in[0]; /* if the types are equal, as they are for every rule */
}

static Value *rule_reverse(Build *b, const Node *n)
{
    (void)b;
    const Node *inner = made_by(n->in[0], OP_REVERSE);
    return inner && inner->attr.part.axis == n->attr.part.axis ? inner->in[0] : NULL;
}

static Value *rule_move(Build *b, const Node *n)
{
    double c;
    MoveAttr joint;
    const Node *inner = made_by(n->in[0], OP_MOVE);
    if (pattern_is_identity(n->attr.move)) return n->in[0];
    if (value_is_const(n->in[0], &c)) return build_fill(b, n->out->type, c);
    if (inner && pattern_join(inner->attr.move, n->attr.move, &joint)) return build_move(b, inner->in[0], &joint);
    return NULL;
}

/* v along the last axis of what it is an operand of: a single number, or what was spread along just that axis. */
static Value *per_row(Value *v)
{
    if (v->type.rank == 0) return v;
    bool spread = v->def->op == OP_MOVE && pattern_is_spread(v->def->attr.move, 1u << (v->type.rank - 1));
    return spread ? v->def->in[0] : NULL;
}

/* pick(a - spread(m), i) is pick(a, i) - m: the rest of the row is not computed, and neither is its gradient. */
static Value *rule_pick(Build *b, const Node *n)
{
    const Node *f = n->in[0]->def;
    if (op_info(f->op)->kind != KIND_elementwise || f->nin != 2 || f->out->uses.n != 1 ||
        !dtype_is_float(n->out->type.dtype))
        return NULL;
    for (int i = 0; i < 2; i++) {
        Value *row = per_row(f->in[i]), *in[2];
        if (!row || f->in[1 - i]->type.rank == 0) continue;
        in[i] = row;
        in[1 - i] = build_2(b, OP_PICK, f->in[1 - i], n->in[1]);
        return build_op(b, f->op, in, 2, NULL, NULL);
    }
    return NULL;
}

/* Once gradients are written out nothing asks any more. */
static Value *rule_detach(Build *b, const Node *n)
{
    return b->block->graph->stage >= STAGE_DIFFERENTIATED ? n->in[0] : NULL;
}

static Rule *const rules[OP_COUNT] = {
    [OP_ADD] = rule_add,         [OP_SUB] = rule_sub,       [OP_MUL] = rule_mul,     [OP_DIV] = rule_div,
    [OP_POW] = rule_pow,         [OP_NEG] = rule_twice,     [OP_NOT] = rule_twice,   [OP_MIN2] = rule_either,
    [OP_MAX2] = rule_either,     [OP_SELECT] = rule_select, [OP_LT] = rule_order,    [OP_LE] = rule_order,
    [OP_GT] = rule_order,        [OP_GE] = rule_order,      [OP_MOVE] = rule_move,   [OP_PICK] = rule_pick,
    [OP_CONVERT] = rule_same,    [OP_DETACH] = rule_detach, [OP_SLICE] = rule_same,  [OP_PAD] = rule_same,
    [OP_CONCAT] = rule_same,     [OP_REVERSE] = rule_reverse,
};

/* ---- single numbers that were spread for nothing ---- */

/* The single number that fills v, where one does. */
static Value *filled_with(Build *b, Value *v)
{
    double c;
    if (v->type.rank == 0) return v;
    if (v->def->op == OP_MOVE && v->def->in[0]->type.rank == 0) return v->def->in[0];
    if (!value_is_const(v, &c)) return NULL;
    Type single = type_scalar(v->type.dtype);
    single.range = v->type.range;
    return build_fill(b, single, c);
}

static bool is_filled(const Value *v)
{
    return v->type.rank == 0 || value_is_const(v, NULL) || (v->def->op == OP_MOVE && v->def->in[0]->type.rank == 0);
}

/* f(spread a, spread b) is spread f(a, b). */
static Value *spread_later(Build *b, const Node *n)
{
    Value *in[3];
    if (!dtype_is_float(n->out->type.dtype)) return NULL;
    for (int i = 0; i < n->nin; i++)
        if (!is_filled(n->in[i])) return NULL;
    for (int i = 0; i < n->nin; i++) in[i] = filled_with(b, n->in[i]);
    Type single = type_scalar(n->out->type.dtype);
    Value *y = build_op(b, n->op, in, n->nin, &n->attr, n->op == OP_CONVERT ? &single : NULL);
    return build_spread(b, y, n->out->type, all_axes(n->out->type));
}

/* Beside a full tensor a single number need not be spread. */
static long unspread_inputs(Build *b, Node *n)
{
    long changed = 0;
    for (int i = 0; i < n->nin; i++) {
        bool full = false;
        for (int k = 0; k < n->nin; k++) full |= k != i && n->in[k]->type.rank > 0;
        if (!full || n->in[i]->type.rank == 0 || !is_filled(n->in[i])) continue;
        node_set_input(n, i, filled_with(b, n->in[i]));
        changed++;
    }
    return changed;
}

/* ---- the walk ---- */

static Value *rewrite_node(Build *b, Node *n, long *changed)
{
    Rule *rule = rules[n->op];
    Value *now = rule ? rule(b, n) : NULL;
    if (now && type_same(now->type, n->out->type)) return now;
    if (op_info(n->op)->kind != KIND_elementwise || n->out->type.rank == 0) return NULL;
    now = spread_later(b, n);
    if (!now) *changed += unspread_inputs(b, n);
    return now;
}

static long rewrite_block(Block *block)
{
    long changed = 0;
    for (Node *n = block->first; n; n = n->next) {
        if (n->region) changed += rewrite_block(n->region);
        if (n->nout != 1 || n->region || n->out->uses.n == 0) continue;
        Build b = {block, n, n->site};
        Value *now = rewrite_node(&b, n, &changed);
        if (!now) continue;
        if (!now->name) now->name = n->out->name;
        value_replace(n->out, now);
        changed++;
    }
    return changed;
}

long rewrite_algebra(Graph *g)
{
    return rewrite_block(g->body);
}
