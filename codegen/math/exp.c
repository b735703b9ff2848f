/* e^x and what is made of it. x = n ln2 + r with |r| <= ln2/2; e^r = 1 + (r + r^2 Q(r)), Q minimax; times 2^n in two
   steps, so that results below the normal range are rounded once. */
#include "codegen/math/math.h"

typedef struct ExpTable {
    double log2e, ln2_hi, ln2_lo; /* n * ln2_hi is exact for every n that occurs */
    double low, high;             /* beyond these the result is 0 or inf */
    double low_m1;                /* and below this e^x - 1 is -1 */
    double tiny;                  /* up to here e^x - 1 is x */
    Poly q;
} ExpTable;

static const double q32[] = {0x1p-1, 0x1.555556p-3, 0x1.55548p-5, 0x1.11107cp-7, 0x1.6d9684p-10, 0x1.a1b7f6p-13};
static const double q64[] = {
    0x1.0000000000000p-1, 0x1.555555555555cp-3, 0x1.555555555555ep-5, 0x1.111111110ebb3p-7,
    0x1.6c16c16c13569p-10, 0x1.a01a01b3bb254p-13, 0x1.a01a01b45d4edp-16, 0x1.71ddef93bda20p-19,
    0x1.27e4bf22d6aa9p-22, 0x1.af6cccf8ac0b6p-26, 0x1.1f9e016050fa9p-29,
};
static const ExpTable exp32 = {
    0x1.715476p0, 0x1.62e4p-1, 0x1.7f7d1cp-20, -104, 89, -18, 0x1p-26, {COUNT(q32), q32},
};
static const ExpTable exp64 = {
    0x1.71547652b82fep0, 0x1.62e42fee00000p-1, 0x1.a39ef35793c76p-33, -746, 710, -38, 0x1p-55, {COUNT(q64), q64},
};

static const ExpTable *exp_table(const Math *m) { return m->t == DT_F64 ? &exp64 : &exp32; }

/* x within low..high; NaN stays. */
static Val clamp(const Math *m, Val x, double low, double high)
{
    x = vpick(m, vless(m, vreal(m, high), x), vreal(m, high), x);
    return vpick(m, vless(m, x, vreal(m, low)), vreal(m, low), x);
}

/* e^r - 1 and n, for x = n ln2 + r. */
static Val exp_reduced(const Math *m, Val x, Val lo, Val *out_n)
{
    const ExpTable *t = exp_table(m);
    Val n = vround_small(m, vmul(m, x, vreal(m, t->log2e)), out_n);
    Val r = vfma(m, n, vreal(m, -t->ln2_hi), x);
    r = vfma(m, n, vreal(m, -t->ln2_lo), r);
    if (lo) r = vadd(m, r, lo);
    return vfma(m, vmul(m, r, r), vpoly(m, r, t->q), r);
}

/* x * 2^n: the halves of n keep each factor within the range of a float. */
static Val scale(const Math *m, Val x, Val n)
{
    Val both = viadd(m, n, vwhole(m, 2 * m->bias)), half = vshift_right(m, both, 1);
    x = vmul(m, x, vpower_of_two(m, half));
    return vmul(m, x, vpower_of_two(m, visub(m, both, half)));
}

Val math_exp_pair(const Math *m, Val x, Val lo)
{
    const ExpTable *t = exp_table(m);
    Val n, p = exp_reduced(m, clamp(m, x, t->low, t->high), lo, &n);
    return scale(m, vadd(m, vreal(m, 1), p), n);
}

Val math_exp(const Math *m, Val x) { return math_exp_pair(m, x, NULL); }

/* 2 (s p + (s - 1/2)) with s = 2^(n-1): near 0 nothing but p is left, and 2^n alone could overflow. */
Val math_expm1(const Math *m, Val x)
{
    const ExpTable *t = exp_table(m);
    Val n, p = exp_reduced(m, clamp(m, x, t->low_m1, t->high), NULL, &n);
    Val s = vpower_of_two(m, viadd(m, n, vwhole(m, m->bias - 1)));
    Val half = vfma(m, s, p, vsub(m, s, vreal(m, 0.5)));
    return vpick(m, vless(m, vabs(m, x), vreal(m, t->tiny)), x, vadd(m, half, half));
}

/* a/(b + c) with b >= c >= 0 and `inverse` near 1/(b + c): what rounding b + c loses is made good. */
static Val divide_by_sum(const Math *m, Val quotient, Val sum, Val b, Val c, Val inverse)
{
    Val lost = vsub(m, c, vsub(m, sum, b));
    return vfma(m, vmul(m, vneg(m, quotient), inverse), lost, quotient);
}

/* With e = e^-|x| both sides keep their precision: 1/(1 + e) and e/(1 + e). They add up to 1. */
Val math_sigmoid(const Math *m, Val x)
{
    Val one = vreal(m, 1), e = math_exp(m, vneg(m, vabs(m, x))), sum = vadd(m, one, e);
    Val below = vless(m, x, vreal(m, 0)), y = vdiv(m, vpick(m, below, e, one), sum);
    return divide_by_sum(m, y, sum, one, e, vpick(m, below, vsub(m, one, y), y));
}

/* With t = e^(2|x|) - 1: t/(2 + t) up to t = 2, and from there on 1 - 2/(2 + t); and the sign of x. Below, with q for
   the quotient, 1/(2 + t) is (1 - q)/2. */
Val math_tanh(const Math *m, Val x)
{
    Val size = vabs(m, x), two = vreal(m, 2), half = vreal(m, 0.5);
    Val t = math_expm1(m, vadd(m, size, size)), sum = vadd(m, two, t), large = vless(m, two, t);
    Val q = vdiv(m, vpick(m, large, two, t), sum), inverse = vfma(m, vneg(m, half), q, half);
    Val y = vpick(m, large, vsub(m, vreal(m, 1), q), divide_by_sum(m, q, sum, two, t, inverse));
    return vsign_of(m, y, x);
}
