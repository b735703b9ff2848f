/* Scalar formulas as instructions, on one lane or many. Whole numbers wrap; every operation on floats rounds once. */
#include "codegen/math/math.h"
#include <math.h>

#define EMIT(NAME) LLVMValueRef emit_##NAME(Cg *cg, const Node *n, LLVMValueRef *in, int lanes)

static DType operand(const Node *n, int i) { return n->in[i]->type.dtype; }
static DType result(const Node *n) { return n->out[0].type.dtype; }
static bool is_unsigned(DType t) { return t == DT_U8 || t == DT_BOOL; }

/* ---- arithmetic ---- */
typedef LLVMValueRef BuildFn(LLVMBuilderRef, LLVMValueRef, LLVMValueRef, const char *);

static Val arithmetic(Cg *cg, const Node *n, Val *in, BuildFn *of_floats, BuildFn *of_wholes)
{
    return (dtype_is_float(result(n)) ? of_floats : of_wholes)(cg->builder, in[0], in[1], "");
}

#define ARITHMETIC(NAME, of_floats, of_wholes) \
    EMIT(NAME) { (void)lanes; return arithmetic(cg, n, in, of_floats, of_wholes); }
ARITHMETIC(ADD, LLVMBuildFAdd, LLVMBuildAdd)
ARITHMETIC(SUB, LLVMBuildFSub, LLVMBuildSub)
ARITHMETIC(MUL, LLVMBuildFMul, LLVMBuildMul)

/* The quotient towards minus infinity, 0 for a zero divisor. The machine's division must see neither 0 nor the -1 that
   makes the least number overflow. */
static Val divide_whole(Cg *cg, DType t, Val a, Val b)
{
    LLVMBuilderRef at = cg->builder;
    Val zero = LLVMConstNull(LLVMTypeOf(a)), all = LLVMConstAllOnes(LLVMTypeOf(a));
    Val one = const_number(cg, t, 1, lanes_of(a));
    Val none = LLVMBuildICmp(at, LLVMIntEQ, b, zero, "");
    if (is_unsigned(t)) {
        Val q = LLVMBuildUDiv(at, a, LLVMBuildSelect(at, none, one, b, ""), "");
        return LLVMBuildSelect(at, none, zero, q, "");
    }
    Val minus = LLVMBuildICmp(at, LLVMIntEQ, b, all, "");
    Val d = LLVMBuildSelect(at, LLVMBuildOr(at, none, minus, ""), one, b, "");
    Val q = LLVMBuildSDiv(at, a, d, ""), rest = LLVMBuildSub(at, a, LLVMBuildMul(at, q, d, ""), "");
    Val apart = LLVMBuildICmp(at, LLVMIntSLT, LLVMBuildXor(at, rest, d, ""), zero, "");
    Val inexact = LLVMBuildICmp(at, LLVMIntNE, rest, zero, "");
    q = LLVMBuildSub(at, q, LLVMBuildZExt(at, LLVMBuildAnd(at, apart, inexact, ""), LLVMTypeOf(a), ""), "");
    q = LLVMBuildSelect(at, minus, LLVMBuildNeg(at, a, ""), q, "");
    return LLVMBuildSelect(at, none, zero, q, "");
}

EMIT(DIV)
{
    (void)lanes;
    if (dtype_is_float(result(n))) return LLVMBuildFDiv(cg->builder, in[0], in[1], "");
    return divide_whole(cg, result(n), in[0], in[1]);
}

EMIT(MOD)
{
    LLVMBuilderRef at = cg->builder;
    if (dtype_is_float(result(n))) {
        Math m = math_open(cg, result(n), lanes);
        return vsub(&m, in[0], vmul(&m, in[1], vfloor(&m, vdiv(&m, in[0], in[1]))));
    }
    Val q = divide_whole(cg, result(n), in[0], in[1]);
    Val rest = LLVMBuildSub(at, in[0], LLVMBuildMul(at, in[1], q, ""), ""), zero = LLVMConstNull(LLVMTypeOf(rest));
    return LLVMBuildSelect(at, LLVMBuildICmp(at, LLVMIntEQ, in[1], zero, ""), zero, rest, "");
}

EMIT(NEG)
{
    (void)lanes;
    return dtype_is_float(result(n)) ? LLVMBuildFNeg(cg->builder, in[0], "") : LLVMBuildNeg(cg->builder, in[0], "");
}

/* ---- powers ---- */
/* A written whole exponent: squares and products from its top bit down, then one division where it is below 0. The
   reference interpreter multiplies in the same order, so both agree to the bit. */
static Val whole_power(Cg *cg, DType t, Val x, int e)
{
    BuildFn *multiply = dtype_is_float(t) ? LLVMBuildFMul : LLVMBuildMul;
    int size = e < 0 ? -e : e, bit = 1;
    Val one = const_number(cg, t, 1, lanes_of(x)), y = x;
    if (size == 0) return one;
    while (bit * 2 <= size) bit *= 2;
    for (bit /= 2; bit > 0; bit /= 2) {
        y = multiply(cg->builder, y, y, "");
        if (size & bit) y = multiply(cg->builder, y, x, "");
    }
    return e < 0 ? LLVMBuildFDiv(cg->builder, one, y, "") : y;
}

EMIT(POW)
{
    DType t = result(n);
    double e;
    bool written = value_is_const(n->in[1], &e);
    if (written && (!dtype_is_float(t) || (e == floor(e) && fabs(e) <= 64)))
        return whole_power(cg, t, in[0], (int)fmin(e, 64));
    Math m = math_open(cg, t, lanes);
    if (written && e == 0.5) return vsqrt(&m, in[0]);
    return math_pow(&m, in[0], in[1]);
}

/* ---- comparison and choice ---- */
typedef struct Compare { LLVMRealPredicate floats; LLVMIntPredicate wholes, unsigned_wholes; } Compare;
static const Compare equal = {LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ}, differ = {LLVMRealUNE, LLVMIntNE, LLVMIntNE},
                     less = {LLVMRealOLT, LLVMIntSLT, LLVMIntULT}, most = {LLVMRealOLE, LLVMIntSLE, LLVMIntULE},
                     more = {LLVMRealOGT, LLVMIntSGT, LLVMIntUGT}, least = {LLVMRealOGE, LLVMIntSGE, LLVMIntUGE};

static Val compare(Cg *cg, DType t, const Compare *c, Val a, Val b)
{
    if (dtype_is_float(t)) return LLVMBuildFCmp(cg->builder, c->floats, a, b, "");
    return LLVMBuildICmp(cg->builder, is_unsigned(t) ? c->unsigned_wholes : c->wholes, a, b, "");
}

#define COMPARE(NAME, how) EMIT(NAME) { (void)lanes; return compare(cg, operand(n, 0), &how, in[0], in[1]); }
COMPARE(EQ, equal)
COMPARE(NE, differ)
COMPARE(LT, less)
COMPARE(LE, most)
COMPARE(GT, more)
COMPARE(GE, least)

/* b where it compares so with a, else a */
static Val choose(Cg *cg, DType t, const Compare *c, Val *in)
{
    return LLVMBuildSelect(cg->builder, compare(cg, t, c, in[1], in[0]), in[1], in[0], "");
}

EMIT(MIN2) { (void)lanes; return choose(cg, result(n), &most, in); }
EMIT(MAX2) { (void)lanes; return choose(cg, result(n), &least, in); }
EMIT(AND) { (void)n, (void)lanes; return LLVMBuildAnd(cg->builder, in[0], in[1], ""); }
EMIT(OR) { (void)n, (void)lanes; return LLVMBuildOr(cg->builder, in[0], in[1], ""); }
EMIT(NOT) { (void)n, (void)lanes; return LLVMBuildNot(cg->builder, in[0], ""); }
EMIT(SELECT) { (void)n, (void)lanes; return LLVMBuildSelect(cg->builder, in[0], in[1], in[2], ""); }
EMIT(DETACH) { (void)cg, (void)n, (void)lanes; return in[0]; }

EMIT(ABS)
{
    DType t = result(n);
    if (dtype_is_float(t)) {
        Math m = math_open(cg, t, lanes);
        return vabs(&m, in[0]);
    }
    if (is_unsigned(t)) return in[0];
    Val below = LLVMBuildICmp(cg->builder, LLVMIntSLT, in[0], LLVMConstNull(LLVMTypeOf(in[0])), "");
    return LLVMBuildSelect(cg->builder, below, LLVMBuildNeg(cg->builder, in[0], ""), in[0], "");
}

/* NaN keeps itself */
EMIT(SIGN)
{
    DType t = result(n);
    Val zero = const_number(cg, t, 0, lanes), rest = zero;
    if (dtype_is_float(t)) rest = LLVMBuildSelect(cg->builder, compare(cg, t, &equal, in[0], in[0]), zero, in[0], "");
    Val up = compare(cg, t, &more, in[0], zero), down = compare(cg, t, &less, in[0], zero);
    Val y = LLVMBuildSelect(cg->builder, up, const_number(cg, t, 1, lanes), rest, "");
    return is_unsigned(t) ? y : LLVMBuildSelect(cg->builder, down, const_number(cg, t, -1, lanes), y, "");
}

/* ---- conversions ---- */
/* Towards zero, held at the ends of the dtype; NaN gives 0. */
static Val float_to_whole(Cg *cg, DType to, Val x, int lanes)
{
    LLVMTypeRef types[] = {lane_type(cg, to, lanes), LLVMTypeOf(x)};
    return intrinsic(cg, is_unsigned(to) ? "llvm.fptoui.sat" : "llvm.fptosi.sat", types, 2, &x, 1);
}

static Val whole_to_whole(Cg *cg, DType from, DType to, Val x, LLVMTypeRef type)
{
    int before = from == DT_BOOL ? 0 : dtype_bytes(from), after = dtype_bytes(to);
    if (before == after) return x;
    if (before > after) return LLVMBuildTrunc(cg->builder, x, type, "");
    return is_unsigned(from) ? LLVMBuildZExt(cg->builder, x, type, "") : LLVMBuildSExt(cg->builder, x, type, "");
}

static Val to_float(Cg *cg, DType from, DType to, Val x, LLVMTypeRef type)
{
    if (is_unsigned(from)) return LLVMBuildUIToFP(cg->builder, x, type, "");
    if (!dtype_is_float(from)) return LLVMBuildSIToFP(cg->builder, x, type, "");
    return to == DT_F32 ? LLVMBuildFPTrunc(cg->builder, x, type, "") : LLVMBuildFPExt(cg->builder, x, type, "");
}

EMIT(CONVERT)
{
    DType from = operand(n, 0), to = result(n);
    LLVMTypeRef type = lane_type(cg, to, lanes);
    if (from == to) return in[0];
    if (to == DT_BOOL) return compare(cg, from, &differ, in[0], const_number(cg, from, 0, lanes));
    if (dtype_is_float(to)) return to_float(cg, from, to, in[0], type);
    if (dtype_is_float(from)) return float_to_whole(cg, to, in[0], lanes);
    return whole_to_whole(cg, from, to, in[0], type);
}

/* ---- functions of a real number ---- */
typedef Val RealFn(const Math *m, Val x);

static Val apply(Cg *cg, DType t, int lanes, RealFn *f, Val x)
{
    Math m = math_open(cg, t, lanes);
    return f(&m, x);
}

static Val sine(const Math *m, Val x) { return math_sine(m, x, 0); }
static Val cosine(const Math *m, Val x) { return math_sine(m, x, 1); }

#define REAL(NAME, f) EMIT(NAME) { return apply(cg, result(n), lanes, f, in[0]); }
REAL(FLOOR, vfloor)
REAL(CEIL, vceil)
REAL(ROUND, vnearest)
REAL(SQRT, vsqrt)
REAL(EXP, math_exp)
REAL(EXPM1, math_expm1)
REAL(LOG, math_ln)
REAL(LOG1P, math_log1p)
REAL(SIN, sine)
REAL(COS, cosine)
REAL(TANH, math_tanh)
REAL(ERF, math_erf)
REAL(SIGMOID, math_sigmoid)

LLVMValueRef math_log(Cg *cg, LLVMValueRef x, DType t, int lanes) { return apply(cg, t, lanes, math_ln, x); }
LLVMValueRef math_sqrt(Cg *cg, LLVMValueRef x, DType t, int lanes) { return apply(cg, t, lanes, vsqrt, x); }
LLVMValueRef math_cos(Cg *cg, LLVMValueRef x, DType t, int lanes) { return apply(cg, t, lanes, cosine, x); }

/* ---- the table ---- */
typedef LLVMValueRef EmitFn(Cg *cg, const Node *n, LLVMValueRef *in, int lanes);

LLVMValueRef emit_scalar(Cg *cg, const Node *n, LLVMValueRef *in, int lanes)
{
    static EmitFn *const table[OP_COUNT] = {
#define OP(NAME, text, nin, kind, flags, formula)
#define SCALAR(NAME, text, nin, flags, formula) [OP_##NAME] = emit_##NAME,
#include "ir/ops.def"
    };
    return table[n->op](cg, n, in, lanes);
}
