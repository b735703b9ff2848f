/* elementwise.c: dy times the slope, written with what the forward pass already has where that is exact. An input that
   is a single number beside a tensor gets the sum, which flow_add takes. */
#include "passes/grad/grad.h"
#include <math.h>

#ifndef M_2_SQRTPI
#define M_2_SQRTPI 1.12837916709551257390
#endif

static Value *number(Build *b, const Value *like, double v)
{
    return build_const(b, like->type.dtype, v);
}

static Value *add(Build *b, Value *x, Value *y) { return build_2(b, OP_ADD, x, y); }
static Value *sub(Build *b, Value *x, Value *y) { return build_2(b, OP_SUB, x, y); }
static Value *mul(Build *b, Value *x, Value *y) { return build_2(b, OP_MUL, x, y); }
static Value *quotient(Build *b, Value *x, Value *y) { return build_2(b, OP_DIV, x, y); }
static Value *neg(Build *b, Value *x) { return build_1(b, OP_NEG, x); }

/* dy where c holds, or where it does not; else zero. */
static Value *keep_where(Build *b, Value *c, bool holds, Value *dy)
{
    Value *zero = number(b, dy, 0);
    return holds ? build_3(b, OP_SELECT, c, dy, zero) : build_3(b, OP_SELECT, c, zero, dy);
}

RULE(ADD)
{
    (void)b, (void)n, (void)slot;
    return dy;
}

RULE(SUB)
{
    (void)n;
    return slot == 0 ? dy : neg(b, dy);
}

RULE(MUL)
{
    return mul(b, dy, n->in[1 - slot]);
}

RULE(DIV)
{
    Value *share = quotient(b, dy, n->in[1]);
    return slot == 0 ? share : neg(b, mul(b, share, n->out));
}

RULE(MOD) /* a - b*floor(a/b) */
{
    if (slot == 0) return dy;
    return neg(b, mul(b, dy, build_1(b, OP_FLOOR, quotient(b, n->in[0], n->in[1]))));
}

/* x^0 has slope 0 even at 0, and so has 0^p along p: the formulas alone would give 0*inf there. A written 0 makes a 1 of
   every x, so that nothing flows on at all: 0/0 may stand further back. */
RULE(POW)
{
    Value *x = n->in[0], *p = n->in[1], *zero = number(b, dy, 0);
    double power;
    if (slot == 1) {
        Value *slope = mul(b, dy, mul(b, n->out, build_1(b, OP_LOG, x)));
        return build_3(b, OP_SELECT, build_2(b, OP_EQ, x, zero), zero, slope);
    }
    bool written = value_is_const(p, &power);
    if (written && power == 0) return NULL;
    if (written) return mul(b, dy, mul(b, p, power == 2 ? x : build_2(b, OP_POW, x, number(b, dy, power - 1))));
    Value *slope = mul(b, dy, mul(b, p, build_2(b, OP_POW, x, sub(b, p, number(b, dy, 1)))));
    return build_3(b, OP_SELECT, build_2(b, OP_EQ, p, zero), zero, slope);
}

RULE(NEG)
{
    (void)n, (void)slot;
    return neg(b, dy);
}

RULE(MIN2)
{
    return keep_where(b, build_2(b, OP_LE, n->in[1], n->in[0]), slot == 1, dy);
}

RULE(MAX2)
{
    return keep_where(b, build_2(b, OP_GE, n->in[1], n->in[0]), slot == 1, dy);
}

RULE(ABS)
{
    (void)slot;
    return mul(b, dy, build_1(b, OP_SIGN, n->in[0]));
}

RULE(SQRT)
{
    (void)slot;
    return quotient(b, mul(b, dy, number(b, dy, 0.5)), n->out);
}

RULE(EXP)
{
    (void)slot;
    return mul(b, dy, n->out);
}

RULE(EXPM1)
{
    (void)slot;
    return mul(b, dy, add(b, n->out, number(b, dy, 1)));
}

RULE(LOG)
{
    (void)slot;
    return quotient(b, dy, n->in[0]);
}

RULE(LOG1P)
{
    (void)slot;
    return quotient(b, dy, add(b, n->in[0], number(b, dy, 1)));
}

RULE(SIN)
{
    (void)slot;
    return mul(b, dy, build_1(b, OP_COS, n->in[0]));
}

RULE(COS)
{
    (void)slot;
    return neg(b, mul(b, dy, build_1(b, OP_SIN, n->in[0])));
}

RULE(TANH)
{
    (void)slot;
    return mul(b, dy, sub(b, number(b, dy, 1), mul(b, n->out, n->out)));
}

RULE(ERF)
{
    (void)slot;
    Value *x = n->in[0];
    Value *bell = build_1(b, OP_EXP, neg(b, mul(b, x, x)));
    return mul(b, dy, mul(b, number(b, dy, M_2_SQRTPI), bell));
}

RULE(SIGMOID)
{
    (void)slot;
    return mul(b, dy, mul(b, n->out, sub(b, number(b, dy, 1), n->out)));
}

RULE(SELECT)
{
    return keep_where(b, n->in[0], slot == 1, dy);
}

RULE(CONVERT)
{
    (void)slot;
    return build_convert(b, dy, n->in[0]->type.dtype);
}

NO_RULE(SIGN)
NO_RULE(FLOOR)
NO_RULE(CEIL)
NO_RULE(ROUND)
NO_RULE(DETACH)
NO_RULE(EQ)
NO_RULE(NE)
NO_RULE(LT)
NO_RULE(LE)
NO_RULE(GT)
NO_RULE(GE)
NO_RULE(AND)
NO_RULE(OR)
NO_RULE(NOT)
