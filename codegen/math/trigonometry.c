/* sin and cos. x less the nearest multiple n of pi/2 leaves |r| <= pi/4, with r as a pair; n modulo 4 says which of the
   two series, and its sign. f32 goes through f64 until r is known. */
#include "codegen/math/math.h"

static const double s32[] = {-0x1.555546p-3, 0x1.11075cp-7, -0x1.994cfap-13};
static const double c32[] = {0x1.555556p-5, -0x1.6c16b8p-10, 0x1.a0111cp-16, -0x1.2429fcp-22};
static const double s64[] = {-0x1.5555555555549p-3, 0x1.111111110f861p-7, -0x1.a01a019c0e4aap-13,
                             0x1.71de3574b97bfp-19, -0x1.ae5e63cd0947dp-26, 0x1.5d9246b249584p-33};
static const double c64[] = {0x1.555555555554cp-5, -0x1.6c16c16c15162p-10, 0x1.a01a019caef4dp-16,
                             -0x1.27e4f807d71fdp-22, 0x1.1ee9ea6d69187p-29, -0x1.8fadd0c297aadp-37};

/* sin(r + lo) = r + (r z S(z) + lo (1 - z/2)), z = r^2 */
static Val sine_series(const Math *m, Pair r, Val z)
{
    Poly s = m->t == DT_F64 ? (Poly){COUNT(s64), s64} : (Poly){COUNT(s32), s32};
    Val rest = vmul(m, vmul(m, r.hi, z), vpoly(m, z, s));
    if (r.lo) rest = vadd(m, rest, vmul(m, r.lo, vsub(m, vreal(m, 1), vmul(m, z, vreal(m, 0.5)))));
    return vadd(m, r.hi, rest);
}

/* cos(r + lo) = w + (((1 - w) - z/2) + (z^2 C(z) - r lo)), w = 1 - z/2 as rounded */
static Val cosine_series(const Math *m, Pair r, Val z)
{
    Poly c = m->t == DT_F64 ? (Poly){COUNT(c64), c64} : (Poly){COUNT(c32), c32};
    Val half = vmul(m, z, vreal(m, 0.5)), w = vsub(m, vreal(m, 1), half);
    Val rest = vmul(m, vmul(m, z, z), vpoly(m, z, c));
    if (r.lo) rest = vsub(m, rest, vmul(m, r.hi, r.lo));
    return vadd(m, w, vadd(m, vsub(m, vsub(m, vreal(m, 1), w), half), rest));
}

/* r and n (as wide as m's floats) for x of either type. */
static Pair reduce(const Math *m, Val x, Val *out_n)
{
    if (m->t == DT_F64) return reduce_quarter(m, x, out_n);
    Math wide = math_open(m->cg, DT_F64, m->lanes);
    LLVMBuilderRef b = m->cg->builder;
    Val n;
    Pair r = reduce_quarter(&wide, LLVMBuildFPExt(b, x, wide.type, ""), &n);
    *out_n = LLVMBuildTrunc(b, n, m->bits, "");
    return (Pair){LLVMBuildFPTrunc(b, vadd(&wide, r.hi, r.lo), m->type, ""), NULL};
}

Val math_sine(const Math *m, Val x, int quarter)
{
    Val n;
    Pair r = reduce(m, x, &n);
    n = viadd(m, n, vwhole(m, quarter));
    Val z = vmul(m, r.hi, r.hi), zero = vwhole(m, 0);
    Val odd = LLVMBuildICmp(m->cg->builder, LLVMIntNE, viand(m, n, vwhole(m, 1)), zero, "");
    Val y = vpick(m, odd, cosine_series(m, r, z), sine_series(m, r, z));
    Val sign = vshift_left(m, viand(m, n, vwhole(m, 2)), m->t == DT_F64 ? 62 : 30);
    y = vfloat(m, LLVMBuildXor(m->cg->builder, vbits(m, y), sign, ""));
    return quarter ? y : vpick(m, vequal(m, x, vreal(m, 0)), x, y);
}
