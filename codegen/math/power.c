/* x^y as C's pow defines it at the ends; in between e^(y ln|x|), with the logarithm as a pair of floats since y may
   stretch its error a thousandfold. f32 computes in f64 and needs no pair. */
#include "codegen/math/math.h"
#include <math.h>

/* artanh s = s + s^3/3 + s^5 P(s^2)/2 */
static const double p64[] = {
    0x1.999999999999ap-2, 0x1.2492492492523p-2, 0x1.c71c71c6ea3a7p-3, 0x1.745d177ae7ca4p-3,
    0x1.3b1395b312af8p-3, 0x1.1118cdef60706p-3, 0x1.df7b9e38d150dp-4, 0x1.e039c40bcc6e0p-4,
};

/* s = (m - 1)/(m + 1), with what the division leaves */
static Pair log_ratio(const Math *m, Val part)
{
    Val one = vreal(m, 1), f = vsub(m, part, one);
    Pair g = vsum(m, part, one);
    Val s = vdiv(m, f, g.hi);
    Pair back = vproduct(m, s, g.hi);
    Val left = vsub(m, vsub(m, vsub(m, f, back.hi), back.lo), vmul(m, s, g.lo));
    return (Pair){s, vdiv(m, left, g.hi)};
}

static Pair pair_product(const Math *m, Pair a, Pair b)
{
    Pair p = vproduct(m, a.hi, b.hi);
    Val cross = vfma(m, a.hi, b.lo, vmul(m, a.lo, b.hi));
    return (Pair){p.hi, vadd(m, p.lo, cross)};
}

/* ln x to about 66 bits, 0 < x < inf: k ln2 + s (2 + z (2/3 + z P(z))), z = s^2 */
static Pair log_pair(const Math *m, Val x)
{
    Val k, part = math_split(m, x, &k);
    Pair s = log_ratio(m, part), z = pair_product(m, s, s);
    Val later = vmul(m, z.hi, vpoly(m, z.hi, (Poly){COUNT(p64), p64}));
    Pair third = vsum_ordered(m, vreal(m, 0x1.5555555555555p-1), later);
    third.lo = vadd(m, third.lo, vreal(m, 0x1.5555555555555p-55));
    Pair w = pair_product(m, z, third), two = vsum_ordered(m, vreal(m, 2), w.hi);
    two.lo = vadd(m, two.lo, w.lo);
    Pair u = pair_product(m, s, two), a = vsum(m, vmul(m, k, vreal(m, 0x1.62e42fee00000p-1)), u.hi);
    a.lo = vadd(m, a.lo, vfma(m, k, vreal(m, 0x1.a39ef35793c76p-33), u.lo));
    return vsum_ordered(m, a.hi, a.lo);
}

/* |x|^y. Far beyond the range the low part means nothing; y beyond 2^70 only makes inf and 0 sooner. */
static Val power_wide(const Math *m, Val size, Val y)
{
    Val zero = vreal(m, 0), inf = vreal(m, INFINITY), most = vreal(m, 0x1p70);
    y = vpick(m, vless(m, most, vabs(m, y)), vsign_of(m, most, y), y);
    Pair l = log_pair(m, size);
    Val end = vpick(m, vequal(m, size, zero), vneg(m, inf), size);
    l.hi = vpick(m, vboth(m, vless(m, zero, size), vless(m, size, inf)), l.hi, end);
    Pair p = vproduct(m, y, l.hi);
    Val lo = vpick(m, vless(m, vabs(m, p.hi), vreal(m, 800)), vfma(m, y, l.lo, p.lo), zero);
    return math_exp_pair(m, p.hi, lo);
}

static Val power_narrow(const Math *m, Val size, Val y)
{
    Math wide = math_open(m->cg, DT_F64, m->lanes);
    LLVMBuilderRef b = m->cg->builder;
    Val l = math_ln(&wide, LLVMBuildFPExt(b, size, wide.type, ""));
    Val power = math_exp(&wide, vmul(&wide, LLVMBuildFPExt(b, y, wide.type, ""), l));
    return LLVMBuildFPTrunc(b, power, m->type, "");
}

static Val either(const Math *m, Val c, Val d) { return LLVMBuildOr(m->cg->builder, c, d, ""); }

Val math_pow(const Math *m, Val x, Val y)
{
    Val size = vabs(m, x), one = vreal(m, 1), inf = vreal(m, INFINITY);
    Val power = m->t == DT_F64 ? power_wide(m, size, y) : power_narrow(m, size, y);
    Val half = vmul(m, y, vreal(m, 0.5)), whole = vequal(m, vnearest(m, y), y);
    Val odd = vboth(m, whole, vnot(m, vequal(m, vnearest(m, half), half)));
    power = vpick(m, odd, vsign_of(m, power, x), power);
    Val undefined = vboth(m, vless(m, x, vreal(m, 0)), vboth(m, vless(m, size, inf), vnot(m, whole)));
    power = vpick(m, undefined, vreal(m, NAN), power);
    Val flat = vboth(m, vequal(m, size, one), vequal(m, vabs(m, y), inf));
    Val is_one = either(m, flat, either(m, vequal(m, x, one), vequal(m, y, vreal(m, 0))));
    return vpick(m, is_one, one, power);
}
