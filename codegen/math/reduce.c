/* The argument of sin and cos less the nearest multiple of pi/2, for every finite f64: below 2^20 by a product with
   pi/2 in four exact parts (Cody and Waite), beyond by the few bits of 2/pi that matter (Payne and Hanek). Both end as
   a pair, so that the bits that cancel near a multiple of pi/2 are not missed. */
#include "codegen/math/math.h"
#include <math.h>

static const double half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};
enum { NEAR_BITS = 20 }; /* n * half_pi[0..2] is exact up to here: 33 bits each */

/* 2/pi, 64 bits a word after one word of zeros: the bit of weight 2^-i is bit i + 63 from the left. */
static const uint64_t two_over_pi[] = {
    0,
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
};

static Pair reduce_near(const Math *m, Val x, Val *out_n)
{
    Val n = vround_small(m, vmul(m, x, vreal(m, M_2_PI)), out_n), minus = vneg(m, n);
    Val r = vfma(m, minus, vreal(m, half_pi[0]), x);
    Pair second = vsum(m, r, vmul(m, minus, vreal(m, half_pi[1])));
    Pair third = vsum(m, second.hi, vmul(m, minus, vreal(m, half_pi[2])));
    Val lo = vfma(m, minus, vreal(m, half_pi[3]), vadd(m, second.lo, third.lo));
    return vsum_ordered(m, third.hi, lo);
}

/* ---- scalar integers for the far part; W is a word of 128 bits ---- */
typedef struct Far { Cg *cg; LLVMBuilderRef b; LLVMTypeRef wide; Math m; } Far;

static Val far_const(const Far *f, uint64_t v) { return LLVMConstInt(f->wide, v, false); }
static Val far_up(const Far *f, Val a, Val n) { return LLVMBuildShl(f->b, a, n, ""); }
static Val far_down(const Far *f, Val a, uint64_t n) { return LLVMBuildLShr(f->b, a, far_const(f, n), ""); }
static Val far_wide(const Far *f, Val a) { return LLVMBuildZExt(f->b, a, f->wide, ""); }

/* Word i of a window of 2/pi that starts at a bit: the end of one table word and the start of the next. */
static Val far_word(const Far *f, Val table, Val start, int i)
{
    Cg *cg = f->cg;
    Val at = LLVMBuildAdd(f->b, LLVMBuildLShr(f->b, start, const_i64(cg, 6), ""), const_i64(cg, i), "");
    Val next = LLVMBuildAdd(f->b, at, const_i64(cg, 1), "");
    Val first = LLVMBuildLoad2(f->b, cg->i64, LLVMBuildGEP2(f->b, cg->i64, table, &at, 1, ""), "");
    Val second = LLVMBuildLoad2(f->b, cg->i64, LLVMBuildGEP2(f->b, cg->i64, table, &next, 1, ""), "");
    Val args[] = {first, second, LLVMBuildAnd(f->b, start, const_i64(cg, 63), "")};
    return intrinsic(cg, "llvm.fshl", &cg->i64, 1, args, 3);
}

static Val far_table(Cg *cg)
{
    Val words[COUNT(two_over_pi)];
    for (size_t i = 0; i < COUNT(words); i++) words[i] = const_i64(cg, (int64_t)two_over_pi[i]);
    return global_const(cg, "two_over_pi", LLVMConstArray2(cg->i64, words, COUNT(words)), 64);
}

/* |x| = mantissa * 2^e; times 2/pi, modulo 4, in 2 + 128 bits: *out_n gets the quarter, rounded to nearest; the result
   is the rest in 2^-128, signed. Bits of 2/pi above weight 2^(2-e) only add multiples of 4 and are left out. */
static Val far_turns(const Far *f, Val bits, Val *out_n)
{
    Cg *cg = f->cg;
    Val exponent = LLVMBuildAnd(f->b, LLVMBuildLShr(f->b, bits, const_i64(cg, 52), ""), const_i64(cg, 0x7ff), "");
    Val mantissa = LLVMBuildAnd(f->b, bits, const_i64(cg, ((int64_t)1 << 52) - 1), "");
    mantissa = far_wide(f, LLVMBuildOr(f->b, mantissa, const_i64(cg, (int64_t)1 << 52), ""));
    Val start = LLVMBuildAdd(f->b, exponent, const_i64(cg, 62 - 1075), ""), table = far_table(cg), w[3];
    for (int i = 0; i < 3; i++) w[i] = far_wide(f, far_word(f, table, start, i));
    Val upper = LLVMBuildOr(f->b, far_up(f, w[0], far_const(f, 64)), w[1], "");
    Val low = LLVMBuildMul(f->b, mantissa, w[2], "");
    Val top = LLVMBuildAdd(f->b, LLVMBuildMul(f->b, upper, mantissa, ""), far_down(f, low, 64), "");
    Val lost = LLVMBuildAnd(f->b, far_down(f, low, 62), far_const(f, 3), "");
    Val rest = LLVMBuildOr(f->b, far_up(f, top, far_const(f, 2)), lost, "");
    Val n = LLVMBuildAdd(f->b, far_down(f, top, 126), far_down(f, rest, 127), "");
    *out_n = LLVMBuildTrunc(f->b, n, cg->i64, "");
    return rest;
}

/* size * 2^-128 * pi/2 as a pair: 53 bits from the top, 53 more, each a float exactly. */
static Pair far_angle(const Far *f, Val size)
{
    Cg *cg = f->cg;
    const Math *m = &f->m;
    Val args[] = {size, LLVMConstInt(cg->i1, 1, false)};
    Val zeros = intrinsic(cg, "llvm.ctlz", (LLVMTypeRef[]){f->wide}, 1, args, 2);
    Val placed = far_up(f, size, zeros);
    Val hi = LLVMBuildTrunc(f->b, far_down(f, placed, 75), cg->i64, "");
    Val lo = LLVMBuildTrunc(f->b, far_down(f, placed, 22), cg->i64, "");
    lo = LLVMBuildAnd(f->b, lo, const_i64(cg, ((int64_t)1 << 53) - 1), "");
    Val unit = vpower_of_two(m, visub(m, vwhole(m, m->bias), LLVMBuildTrunc(f->b, zeros, cg->i64, "")));
    hi = vmul(m, LLVMBuildSIToFP(f->b, hi, cg->f64, ""), vmul(m, unit, vreal(m, 0x1p-53)));
    lo = vmul(m, LLVMBuildSIToFP(f->b, lo, cg->f64, ""), vmul(m, unit, vreal(m, 0x1p-106)));
    Pair p = vproduct(m, hi, vreal(m, M_PI_2));
    Val rest = vfma(m, hi, vreal(m, 0x1.1a62633145c07p-54), vmul(m, lo, vreal(m, M_PI_2)));
    return vsum_ordered(m, p.hi, vadd(m, p.lo, rest));
}

static LLVMTypeRef reduced_type(const Math *m)
{
    LLVMTypeRef parts[] = {m->type, m->type, m->bits};
    return LLVMStructTypeInContext(m->cg->context, parts, 3, false);
}

static void return_reduced(const Math *m, Pair r, Val n)
{
    LLVMBuilderRef b = m->cg->builder;
    Val result = LLVMBuildInsertValue(b, LLVMGetPoison(reduced_type(m)), r.hi, 0, "");
    result = LLVMBuildInsertValue(b, result, r.lo, 1, "");
    LLVMBuildRet(b, LLVMBuildInsertValue(b, result, n, 2, ""));
}

static void far_body(Cg *cg, Val function)
{
    Math m = math_open(cg, DT_F64, 1);
    Far f = {cg, cg->builder, LLVMIntTypeInContext(cg->context, 128), m};
    Val x = LLVMGetParam(function, 0), n;
    Val rest = far_turns(&f, vbits(&m, x), &n);
    Val under = LLVMBuildICmp(f.b, LLVMIntSLT, rest, far_const(&f, 0), "");
    Pair r = far_angle(&f, vpick(&m, under, LLVMBuildNeg(f.b, rest, ""), rest));
    Val negative = vless(&m, x, vreal(&m, 0)), flip = LLVMBuildXor(f.b, under, negative, "");
    r.hi = vpick(&m, flip, vneg(&m, r.hi), r.hi);
    r.lo = vpick(&m, flip, vneg(&m, r.lo), r.lo);
    return_reduced(&m, r, vpick(&m, negative, LLVMBuildNeg(f.b, n, ""), n));
}

/* ---- both, chosen where any lane is far; functions of their own: a formula must not cut its caller's block ---- */
typedef void BodyFn(Cg *cg, Val function);

/* The function of that name, made on first use; its body is built aside from what is being built. */
static Val shared_function(Cg *cg, const char *name, LLVMTypeRef type, BodyFn *body)
{
    Val known = function_find(cg, name);
    if (known) return known;
    Val f = function_new(cg, name, type, false);
    LLVMBuilderRef outer = cg->builder;
    cg->builder = LLVMCreateBuilderInContext(cg->context);
    LLVMPositionBuilderAtEnd(cg->builder, LLVMAppendBasicBlockInContext(cg->context, f, ""));
    body(cg, f);
    LLVMDisposeBuilder(cg->builder);
    cg->builder = outer;
    return f;
}

static LLVMTypeRef reduce_type(const Math *m)
{
    LLVMTypeRef argument = m->type;
    return LLVMFunctionType(reduced_type(m), &argument, 1, false);
}

static Val lane(Cg *cg, Val v, int i)
{
    return lanes_of(v) == 1 ? v : LLVMBuildExtractElement(cg->builder, v, const_i64(cg, i), "");
}

static Val put_lane(Cg *cg, Val v, int lanes, int i, Val each)
{
    return lanes == 1 ? each : LLVMBuildInsertElement(cg->builder, v, each, const_i64(cg, i), "");
}

/* Every lane by itself, through the scalar function. */
static Pair reduce_far(const Math *m, Val x, Val *out_n)
{
    Cg *cg = m->cg;
    Math one = math_open(cg, DT_F64, 1);
    LLVMTypeRef type = reduce_type(&one);
    Val f = shared_function(cg, "reduce_far", type, far_body);
    Pair r = {LLVMGetPoison(m->type), LLVMGetPoison(m->type)};
    *out_n = LLVMGetPoison(m->bits);
    for (int i = 0; i < m->lanes; i++) {
        Val each = lane(cg, x, i), got = LLVMBuildCall2(cg->builder, type, f, &each, 1, "");
        r.hi = put_lane(cg, r.hi, m->lanes, i, LLVMBuildExtractValue(cg->builder, got, 0, ""));
        r.lo = put_lane(cg, r.lo, m->lanes, i, LLVMBuildExtractValue(cg->builder, got, 1, ""));
        *out_n = put_lane(cg, *out_n, m->lanes, i, LLVMBuildExtractValue(cg->builder, got, 2, ""));
    }
    return r;
}

static void reduce_body(Cg *cg, Val function)
{
    Val x = LLVMGetParam(function, 0), n;
    Math m = math_open(cg, DT_F64, lanes_of(x));
    Val size = vabs(&m, x), limit = vreal(&m, 1 << NEAR_BITS);
    Val far = vboth(&m, vmost(&m, limit, size), vless(&m, size, vreal(&m, INFINITY))), any = far;
    LLVMTypeRef flags = LLVMTypeOf(far);
    if (m.lanes > 1) any = intrinsic(cg, "llvm.vector.reduce.or", &flags, 1, &far, 1);
    LLVMBasicBlockRef slow = LLVMAppendBasicBlockInContext(cg->context, function, "");
    LLVMBasicBlockRef fast = LLVMAppendBasicBlockInContext(cg->context, function, "");
    LLVMBuildCondBr(cg->builder, any, slow, fast);
    LLVMPositionBuilderAtEnd(cg->builder, fast);
    Pair r = reduce_near(&m, x, &n);
    return_reduced(&m, r, n);
    LLVMPositionBuilderAtEnd(cg->builder, slow);
    Val n_far;
    Pair near = reduce_near(&m, x, &n), away = reduce_far(&m, vpick(&m, far, x, limit), &n_far);
    Pair both = {vpick(&m, far, away.hi, near.hi), vpick(&m, far, away.lo, near.lo)};
    return_reduced(&m, both, vpick(&m, far, n_far, n));
}

Pair reduce_quarter(const Math *m, Val x, Val *out_n)
{
    Cg *cg = m->cg;
    LLVMTypeRef type = reduce_type(m);
    Val f = shared_function(cg, str_format(cg->arena, "reduce_quarter.%d", m->lanes), type, reduce_body);
    unsigned inlined = LLVMGetEnumAttributeKindForName("alwaysinline", 12);
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cg->context, inlined, 0));
    Val got = LLVMBuildCall2(cg->builder, type, f, &x, 1, "");
    *out_n = LLVMBuildExtractValue(cg->builder, got, 2, "");
    return (Pair){LLVMBuildExtractValue(cg->builder, got, 0, ""), LLVMBuildExtractValue(cg->builder, got, 1, "")};
}
