/* The words that formulas are written in: one instruction each, or a few. */
#include "codegen/math/math.h"

Math math_open(Cg *cg, DType t, int lanes)
{
    bool wide = t == DT_F64;
    return (Math){.cg = cg, .t = t, .lanes = lanes, .type = lane_type(cg, t, lanes),
                  .bits = lane_type(cg, wide ? DT_I64 : DT_I32, lanes),
                  .mantissa = wide ? 52 : 23, .bias = wide ? 1023 : 127};
}

Val vreal(const Math *m, double v) { return const_number(m->cg, m->t, v, m->lanes); }

Val vwhole(const Math *m, int64_t v)
{
    LLVMTypeRef scalar = m->t == DT_F64 ? m->cg->i64 : m->cg->i32;
    return splat(m->cg, LLVMConstInt(scalar, (uint64_t)v, true), m->lanes);
}

/* ---- arithmetic ---- */
Val vadd(const Math *m, Val a, Val b) { return LLVMBuildFAdd(m->cg->builder, a, b, ""); }
Val vsub(const Math *m, Val a, Val b) { return LLVMBuildFSub(m->cg->builder, a, b, ""); }
Val vmul(const Math *m, Val a, Val b) { return LLVMBuildFMul(m->cg->builder, a, b, ""); }
Val vdiv(const Math *m, Val a, Val b) { return LLVMBuildFDiv(m->cg->builder, a, b, ""); }
Val vneg(const Math *m, Val a) { return LLVMBuildFNeg(m->cg->builder, a, ""); }
Val vfma(const Math *m, Val a, Val b, Val c) { return multiply_add(m->cg, a, b, c); }

static Val vintrinsic(const Math *m, const char *name, Val a)
{
    LLVMTypeRef type = m->type;
    return intrinsic(m->cg, name, &type, 1, &a, 1);
}

Val vabs(const Math *m, Val a) { return vintrinsic(m, "llvm.fabs", a); }
Val vsqrt(const Math *m, Val a) { return vintrinsic(m, "llvm.sqrt", a); }

Val vsign_of(const Math *m, Val size, Val sign)
{
    LLVMTypeRef type = m->type;
    Val args[] = {size, sign};
    return intrinsic(m->cg, "llvm.copysign", &type, 1, args, 2);
}

/* ---- choices ---- */
Val vless(const Math *m, Val a, Val b) { return LLVMBuildFCmp(m->cg->builder, LLVMRealOLT, a, b, ""); }
Val vmost(const Math *m, Val a, Val b) { return LLVMBuildFCmp(m->cg->builder, LLVMRealOLE, a, b, ""); }
Val vequal(const Math *m, Val a, Val b) { return LLVMBuildFCmp(m->cg->builder, LLVMRealOEQ, a, b, ""); }
Val vpick(const Math *m, Val c, Val a, Val b) { return LLVMBuildSelect(m->cg->builder, c, a, b, ""); }
Val vboth(const Math *m, Val c, Val d) { return LLVMBuildAnd(m->cg->builder, c, d, ""); }
Val vnot(const Math *m, Val c) { return LLVMBuildNot(m->cg->builder, c, ""); }

/* ---- bits ---- */
Val vbits(const Math *m, Val a) { return LLVMBuildBitCast(m->cg->builder, a, m->bits, ""); }
Val vfloat(const Math *m, Val bits) { return LLVMBuildBitCast(m->cg->builder, bits, m->type, ""); }
Val vshift_left(const Math *m, Val a, int n) { return LLVMBuildShl(m->cg->builder, a, vwhole(m, n), ""); }
Val vshift_right(const Math *m, Val a, int n) { return LLVMBuildLShr(m->cg->builder, a, vwhole(m, n), ""); }
Val viadd(const Math *m, Val a, Val b) { return LLVMBuildAdd(m->cg->builder, a, b, ""); }
Val visub(const Math *m, Val a, Val b) { return LLVMBuildSub(m->cg->builder, a, b, ""); }
Val viand(const Math *m, Val a, Val b) { return LLVMBuildAnd(m->cg->builder, a, b, ""); }

Val vpower_of_two(const Math *m, Val biased) { return vfloat(m, vshift_left(m, biased, m->mantissa)); }

/* ---- polynomials ---- */
/* The upper half times a power of x, plus the lower half; powers[i] is x^(2^i). */
static Val poly_part(const Math *m, const Val *powers, const double *c, int n)
{
    if (n == 1) return vreal(m, c[0]);
    int half = 1, level = 0;
    while (2 * half < n) {
        half *= 2;
        level++;
    }
    return vfma(m, poly_part(m, powers, c + half, n - half), powers[level], poly_part(m, powers, c, half));
}

Val vpoly(const Math *m, Val x, Poly p)
{
    Val powers[8] = {x};
    for (int i = 1; (1 << i) < p.n; i++) powers[i] = vmul(m, powers[i - 1], powers[i - 1]);
    return poly_part(m, powers, p.c, p.n);
}

/* ---- rounding to whole numbers ---- */
Val vround_small(const Math *m, Val x, Val *out_whole)
{
    Val magic = vreal(m, m->t == DT_F64 ? 0x1.8p52 : 0x1.8p23);
    Val shifted = vadd(m, x, magic);
    *out_whole = visub(m, vbits(m, shifted), vbits(m, magic));
    return vsub(m, shifted, magic);
}

/* Without an instruction for it: floats from 2^mantissa on are whole already. */
static Val nearest_by_adding(const Math *m, Val x)
{
    Val limit = vreal(m, m->t == DT_F64 ? 0x1p52 : 0x1p23), size = vabs(m, x);
    Val whole = vsub(m, vadd(m, size, limit), limit);
    return vpick(m, vless(m, size, limit), vsign_of(m, whole, x), x);
}

static bool has_rounding(const Math *m) { return m->cg->target->rounding; }

Val vnearest(const Math *m, Val x)
{
    return has_rounding(m) ? vintrinsic(m, "llvm.roundeven", x) : nearest_by_adding(m, x);
}

Val vfloor(const Math *m, Val x)
{
    if (has_rounding(m)) return vintrinsic(m, "llvm.floor", x);
    Val near = nearest_by_adding(m, x);
    return vpick(m, vless(m, x, near), vsub(m, near, vreal(m, 1)), near);
}

Val vceil(const Math *m, Val x)
{
    if (has_rounding(m)) return vintrinsic(m, "llvm.ceil", x);
    Val near = nearest_by_adding(m, x);
    return vsign_of(m, vpick(m, vless(m, near, x), vadd(m, near, vreal(m, 1)), near), x);
}

/* ---- exact sums and products (Knuth, Dekker, Veltkamp) ---- */
Pair vsum_ordered(const Math *m, Val a, Val b)
{
    Val s = vadd(m, a, b);
    return (Pair){s, vsub(m, b, vsub(m, s, a))};
}

Pair vsum(const Math *m, Val a, Val b)
{
    Val s = vadd(m, a, b), from_b = vsub(m, s, a), from_a = vsub(m, s, from_b);
    return (Pair){s, vadd(m, vsub(m, a, from_a), vsub(m, b, from_b))};
}

/* The upper half of the places; the rest is exact too. */
static Val upper_half(const Math *m, Val a)
{
    Val scaled = vmul(m, a, vreal(m, m->t == DT_F64 ? 0x1p27 + 1 : 0x1p12 + 1));
    return vsub(m, scaled, vsub(m, scaled, a));
}

Pair vproduct(const Math *m, Val a, Val b)
{
    Val p = vmul(m, a, b);
    if (m->cg->target->fma) return (Pair){p, vfma(m, a, b, vneg(m, p))};
    Val ah = upper_half(m, a), bh = upper_half(m, b), al = vsub(m, a, ah), bl = vsub(m, b, bh);
    Val e = vsub(m, vmul(m, ah, bh), p);
    e = vadd(m, vadd(m, e, vmul(m, ah, bl)), vmul(m, al, bh));
    return (Pair){p, vadd(m, e, vmul(m, al, bl))};
}
