/* ln x. x = 2^k m with m in [sqrt(1/2), sqrt 2); with f = m - 1 and s = f/(2 + f), ln m = 2 artanh s
   = f - (f^2/2 - s (f^2/2 + R(s^2))): the form of FreeBSD's msun, with polynomials of our own. */
#include "codegen/math/math.h"
#include <math.h>

typedef struct LogTable {
    double root_half, ln2_hi, ln2_lo; /* k * ln2_hi is exact for every k */
    double normal, lift;              /* below `normal` x is lifted by 2^lift first */
    Poly r;                           /* R(z)/z */
} LogTable;

static const double r32[] = {0x1.555556p-1, 0x1.9999ecp-2, 0x1.245c0cp-2, 0x1.ddd8e2p-3};
static const double r64[] = {
    0x1.5555555555555p-1, 0x1.9999999999a39p-2, 0x1.2492492476905p-2, 0x1.c71c7201ba2bbp-3,
    0x1.745cf8df6e793p-3, 0x1.3b1c3ca3a4754p-3, 0x1.0fbde05e573b5p-3, 0x1.0c0a8bd475011p-3,
};
static const LogTable log32 = {0x1.6a09e6p-1, 0x1.62e4p-1, 0x1.7f7d1cp-20, 0x1p-126, 25, {COUNT(r32), r32}};
static const LogTable log64 = {0x1.6a09e667f3bcdp-1, 0x1.62e42fee00000p-1, 0x1.a39ef35793c76p-33, 0x1p-1022, 54,
                               {COUNT(r64), r64}};

static const LogTable *log_table(const Math *m) { return m->t == DT_F64 ? &log64 : &log32; }

Val math_split(const Math *m, Val x, Val *out_k)
{
    const LogTable *t = log_table(m);
    Val below = vless(m, x, vreal(m, t->normal));
    Val lifted = vpick(m, below, vmul(m, x, vreal(m, t->lift == 54 ? 0x1p54 : 0x1p25)), x);
    Val root = vbits(m, vreal(m, t->root_half)), one = vbits(m, vreal(m, 1));
    Val i = viadd(m, vbits(m, lifted), visub(m, one, root));
    /* the exponent as a float: its bits under the leading one of 2^mantissa */
    Val raw = LLVMBuildOr(m->cg->builder, vshift_right(m, i, m->mantissa),
                          vbits(m, vreal(m, m->t == DT_F64 ? 0x1p52 : 0x1p23)), "");
    double zero = (m->t == DT_F64 ? 0x1p52 : 0x1p23) + (double)m->bias;
    *out_k = vsub(m, vfloat(m, raw), vpick(m, below, vreal(m, zero + t->lift), vreal(m, zero)));
    Val mantissa = viand(m, i, vwhole(m, ((int64_t)1 << m->mantissa) - 1));
    return vfloat(m, viadd(m, mantissa, root));
}

/* ln(2^k (1 + f)) + c, where c is small beside f or k is not 0; c NULL: none. */
static Val log_near_one(const Math *m, Val k, Val f, Val c)
{
    const LogTable *t = log_table(m);
    Val s = vdiv(m, f, vadd(m, f, vreal(m, 2))), z = vmul(m, s, s);
    Val r = vmul(m, z, vpoly(m, z, t->r)), half = vmul(m, vmul(m, f, vreal(m, 0.5)), f);
    Val low = vmul(m, k, vreal(m, t->ln2_lo));
    if (c) low = vadd(m, low, c);
    Val tail = vsub(m, half, vfma(m, s, vadd(m, half, r), low));
    return vsub(m, vmul(m, k, vreal(m, t->ln2_hi)), vsub(m, tail, f));
}

/* y for 0 < x < inf; -inf at 0, NaN below, inf and NaN as they come. */
static Val log_ends(const Math *m, Val x, Val y)
{
    Val zero = vreal(m, 0), inf = vreal(m, INFINITY);
    Val outside = vpick(m, vless(m, x, zero), vreal(m, NAN), x);
    outside = vpick(m, vequal(m, x, zero), vneg(m, inf), outside);
    return vpick(m, vboth(m, vless(m, zero, x), vless(m, x, inf)), y, outside);
}

Val math_ln(const Math *m, Val x)
{
    Val k, part = math_split(m, x, &k);
    return log_ends(m, x, log_near_one(m, k, vsub(m, part, vreal(m, 1)), NULL));
}

/* What 1 + x loses by rounding is added again as c/u; where 1 + x needs no scaling x itself is f. */
Val math_log1p(const Math *m, Val x)
{
    Val one = vreal(m, 1), u = vadd(m, one, x), k, part = math_split(m, u, &k);
    Val large = vless(m, one, x);
    Val c = vpick(m, large, vsub(m, one, vsub(m, u, x)), vsub(m, x, vsub(m, u, one)));
    Val as_is = vequal(m, k, vreal(m, 0));
    c = vpick(m, as_is, vreal(m, 0), vdiv(m, c, u));
    Val y = log_near_one(m, k, vpick(m, as_is, x, vsub(m, part, one)), c);
    return vpick(m, vequal(m, x, vreal(m, 0)), x, log_ends(m, u, y));
}
