/* What a 32-bit machine lacks: f64 arithmetic, conversions and division of 64 bits. LLVM calls them by the names that
   Arm's run-time ABI gives them; here they are, as functions of the object's own, in integers, rounded as IEEE 754
   says. Sums, products and both at once are one function: a + b is a*1 + b, and a*b is a*b - 0, to the bit. */
#include "codegen/target/target.h"
#include <string.h>

typedef LLVMValueRef Val;
typedef struct Format { int bits, mantissa, bias; } Format;
static const Format narrow = {32, 23, 127}, wide = {64, 52, 1023};
typedef struct Soft { Cg *cg; LLVMBuilderRef b; LLVMTypeRef i128; Val function; } Soft;
/* (-1)^sign * significand * 2^exponent, or one of the others; numbers are i64, facts i1. */
typedef struct Parts { Val sign, exponent, significand, nan, infinite; } Parts;

/* ---- words ---- */
#define WORD(name, Build) \
    static Val name(const Soft *s, Val a, Val c) { return LLVMBuild##Build(s->b, a, c, ""); }
WORD(add, Add)
WORD(sub, Sub)
WORD(mul, Mul)
WORD(both, And)
WORD(either, Or)
WORD(differ, Xor)
WORD(up, Shl)
WORD(down, LShr)
#define FACT(name, predicate) \
    static Val name(const Soft *s, Val a, Val c) { return LLVMBuildICmp(s->b, LLVMInt##predicate, a, c, ""); }
FACT(equal, EQ)
FACT(unequal, NE)
FACT(less, SLT)
FACT(below, ULT)

static Val whole(const Soft *s, int64_t v) { return const_i64(s->cg, v); }
static Val pick(const Soft *s, Val c, Val a, Val d) { return LLVMBuildSelect(s->b, c, a, d, ""); }
static Val not_zero(const Soft *s, Val a) { return unequal(s, a, LLVMConstNull(LLVMTypeOf(a))); }
static Val is_zero(const Soft *s, Val a) { return equal(s, a, LLVMConstNull(LLVMTypeOf(a))); }
static Val bit(const Soft *s, Val fact, LLVMTypeRef type) { return LLVMBuildZExt(s->b, fact, type, ""); }
static Val as_64(const Soft *s, Val a) { return LLVMBuildIntCast2(s->b, a, s->cg->i64, false, ""); }
static Val as_128(const Soft *s, Val a) { return LLVMBuildZExt(s->b, a, s->i128, ""); }
static Val lesser(const Soft *s, Val a, Val c) { return pick(s, less(s, a, c), a, c); }

static Val leading_zeros(const Soft *s, Val a)
{
    LLVMTypeRef type = LLVMTypeOf(a);
    Val args[] = {a, LLVMConstInt(s->cg->i1, 0, false)};
    return as_64(s, intrinsic(s->cg, "llvm.ctlz", &type, 1, args, 2));
}

/* a >> n, its last bit set where any that fell off was; n up to the width less one. */
static Val down_sticky(const Soft *s, Val a, Val n)
{
    Val ones = LLVMConstAllOnes(LLVMTypeOf(a)), lost = both(s, a, differ(s, up(s, ones, n), ones));
    return either(s, down(s, a, n), bit(s, not_zero(s, lost), LLVMTypeOf(a)));
}

/* ---- floats as parts ---- */
static int64_t top_exponent(const Format *f) { return 2 * f->bias + 1; }

static Parts unpack(const Soft *s, const Format *f, Val bits)
{
    int64_t unit = (int64_t)1 << f->mantissa;
    Val e = both(s, down(s, bits, whole(s, f->mantissa)), whole(s, top_exponent(f)));
    Val fraction = both(s, bits, whole(s, unit - 1)), normal = not_zero(s, e);
    Val special = equal(s, e, whole(s, top_exponent(f)));
    Parts p = {.sign = both(s, down(s, bits, whole(s, f->bits - 1)), whole(s, 1))};
    p.exponent = sub(s, pick(s, normal, e, whole(s, 1)), whole(s, f->bias + f->mantissa));
    p.significand = either(s, fraction, pick(s, normal, whole(s, unit), whole(s, 0)));
    p.nan = both(s, special, not_zero(s, fraction));
    p.infinite = both(s, special, is_zero(s, fraction));
    return p;
}

static Val signed_bits(const Soft *s, const Format *f, Val sign, Val size)
{
    return either(s, size, up(s, sign, whole(s, f->bits - 1)));
}

static Val infinity(const Soft *s, const Format *f) { return whole(s, top_exponent(f) << f->mantissa); }
static Val not_a_number(const Soft *s, const Format *f)
{
    return whole(s, (2 * top_exponent(f) + 1) << (f->mantissa - 1));
}


/* To the nearest float, of two the even one; the last bit of the significand may stand for all that follow it. */
static Val pack(const Soft *s, const Format *f, Parts p)
{
    int spare = 63 - f->mantissa;
    Val zeros = leading_zeros(s, p.significand), one = whole(s, 1);
    Val placed = up(s, p.significand, both(s, zeros, whole(s, 63)));
    Val e = add(s, sub(s, p.exponent, zeros), whole(s, 63 + f->bias)), small = less(s, e, one);
    Val deeper = pick(s, small, lesser(s, sub(s, one, e), whole(s, 63)), whole(s, 0));
    placed = down_sticky(s, placed, deeper);
    Val q = down(s, placed, whole(s, spare)), rest = both(s, placed, whole(s, ((int64_t)1 << spare) - 1));
    Val half = whole(s, (int64_t)1 << (spare - 1)), odd = not_zero(s, both(s, q, one));
    Val round = either(s, less(s, half, rest), both(s, equal(s, half, rest), odd));
    q = add(s, q, bit(s, round, s->cg->i64));
    Val size = add(s, q, up(s, sub(s, pick(s, small, one, e), one), whole(s, f->mantissa)));
    size = pick(s, less(s, e, whole(s, top_exponent(f))), size, infinity(s, f));
    return signed_bits(s, f, p.sign, pick(s, is_zero(s, p.significand), whole(s, 0), size));
}

/* So that the highest bit of the significand is bit `at`. */
static void place(const Soft *s, Parts *p, int at)
{
    Val n = sub(s, leading_zeros(s, p->significand), whole(s, 63 - at));
    p->significand = up(s, p->significand, both(s, n, whole(s, 63)));
    p->exponent = sub(s, p->exponent, n);
}

/* ---- arguments and results: LLVM's f64 goes by in its bits ---- */
static Val argument(const Soft *s, unsigned i)
{
    Val v = LLVMGetParam(s->function, i);
    if (LLVMTypeOf(v) == s->cg->f64) v = LLVMBuildBitCast(s->b, v, s->cg->i64, "");
    return v;
}

static void give(const Soft *s, Val v)
{
    LLVMTypeRef type = LLVMGetReturnType(LLVMGlobalGetValueType(s->function));
    if (type == s->cg->f64) v = LLVMBuildBitCast(s->b, v, type, "");
    else if (type != LLVMTypeOf(v)) v = LLVMBuildTrunc(s->b, v, type, "");
    LLVMBuildRet(s->b, v);
}

typedef void Round(const Soft *s, Val *carried, Val fixed);

/* `rounds` times; carried[] goes from one to the next. */
static void repeat(const Soft *s, int rounds, Val *carried, int n, Round *body, Val fixed)
{
    LLVMBasicBlockRef from = LLVMGetInsertBlock(s->b);
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(s->cg->context, s->function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(s->cg->context, s->function, "");
    Val phis[4], count, first = whole(s, rounds);
    LLVMBuildBr(s->b, loop);
    LLVMPositionBuilderAtEnd(s->b, loop);
    count = LLVMBuildPhi(s->b, s->cg->i64, "");
    LLVMAddIncoming(count, &first, &from, 1);
    for (int i = 0; i < n; i++) {
        phis[i] = LLVMBuildPhi(s->b, LLVMTypeOf(carried[i]), "");
        LLVMAddIncoming(phis[i], &carried[i], &from, 1);
        carried[i] = phis[i];
    }
    body(s, carried, fixed);
    Val left = sub(s, count, whole(s, 1));
    LLVMAddIncoming(count, &left, &loop, 1);
    for (int i = 0; i < n; i++) LLVMAddIncoming(phis[i], &carried[i], &loop, 1);
    LLVMBuildCondBr(s->b, not_zero(s, left), loop, after);
    LLVMPositionBuilderAtEnd(s->b, after);
}

/* ---- a*b + c ---- */
/* A number of 128 bits whose highest bit is 126, so that the sum of two does not overflow; 0 lies below all. */
typedef struct Broad { Val sign, exponent, size; } Broad;

static Broad broad(const Soft *s, Val sign, Val exponent, Val size)
{
    Val n = sub(s, leading_zeros(s, size), whole(s, 1)), none = is_zero(s, size);
    Val placed = up(s, size, as_128(s, both(s, n, whole(s, 127))));
    return (Broad){sign, pick(s, none, whole(s, -100000), sub(s, exponent, n)), placed};
}

static Broad broad_pick(const Soft *s, Val c, Broad a, Broad d)
{
    return (Broad){pick(s, c, a.sign, d.sign), pick(s, c, a.exponent, d.exponent), pick(s, c, a.size, d.size)};
}

static Parts broad_sum(const Soft *s, Broad a, Broad c)
{
    Val swap = less(s, a.exponent, c.exponent), apart = not_zero(s, differ(s, a.sign, c.sign));
    Broad high = broad_pick(s, swap, c, a), low = broad_pick(s, swap, a, c);
    Val n = lesser(s, sub(s, high.exponent, low.exponent), whole(s, 127));
    low.size = down_sticky(s, low.size, as_128(s, n));
    Val under = both(s, apart, below(s, high.size, low.size));
    Val difference = sub(s, pick(s, under, low.size, high.size), pick(s, under, high.size, low.size));
    Val size = pick(s, apart, difference, add(s, high.size, low.size));
    Val sign = differ(s, high.sign, bit(s, under, s->cg->i64));
    sign = pick(s, both(s, apart, is_zero(s, size)), whole(s, 0), sign);
    Val zeros = leading_zeros(s, size), placed = up(s, size, as_128(s, both(s, zeros, whole(s, 127))));
    Val rest = not_zero(s, as_64(s, placed)), top = as_64(s, down(s, placed, as_128(s, whole(s, 64))));
    Parts p = {.sign = sign, .exponent = add(s, sub(s, high.exponent, zeros), whole(s, 64))};
    p.significand = either(s, top, bit(s, rest, s->cg->i64));
    return p;
}

enum { SUM, DIFFERENCE, PRODUCT, FUSED };

static void body_fused(const Soft *s, int how)
{
    (void)how;
    Parts a = unpack(s, &wide, argument(s, 0)), b = unpack(s, &wide, argument(s, 1));
    Parts c = unpack(s, &wide, argument(s, 2));
    Val sign = differ(s, a.sign, b.sign), product = mul(s, as_128(s, a.significand), as_128(s, b.significand));
    Broad ab = broad(s, sign, add(s, a.exponent, b.exponent), product);
    Val sum = pack(s, &wide, broad_sum(s, ab, broad(s, c.sign, c.exponent, as_128(s, c.significand))));
    Val endless = either(s, a.infinite, b.infinite), zero = is_zero(s, product);
    Val against = both(s, both(s, endless, c.infinite), not_zero(s, differ(s, sign, c.sign)));
    Val no_product = both(s, endless, both(s, zero, either(s, is_zero(s, a.significand), is_zero(s, b.significand))));
    Val bad = either(s, either(s, a.nan, either(s, b.nan, c.nan)), either(s, against, no_product));
    sum = pick(s, c.infinite, signed_bits(s, &wide, c.sign, infinity(s, &wide)), sum);
    sum = pick(s, endless, signed_bits(s, &wide, sign, infinity(s, &wide)), sum);
    give(s, pick(s, bad, not_a_number(s, &wide), sum));
}

static void body_through_fused(const Soft *s, int how)
{
    Val a = argument(s, 0), b = argument(s, 1), one = whole(s, 0x3ff0000000000000), minus_0 = whole(s, INT64_MIN);
    if (how == DIFFERENCE) b = differ(s, b, minus_0);
    Val args[] = {a, how >= PRODUCT ? b : one, how == FUSED ? argument(s, 2) : how == PRODUCT ? minus_0 : b};
    Val fused = LLVMGetNamedFunction(s->cg->module, "soft.fused");
    give(s, LLVMBuildCall2(s->b, LLVMGlobalGetValueType(fused), fused, args, 3, ""));
}

/* ---- quotients and roots, a bit a round ---- */
static void divide_round(const Soft *s, Val *carried, Val d)
{
    Val takes = LLVMBuildNot(s->b, below(s, carried[0], d), "");
    carried[0] = up(s, sub(s, carried[0], pick(s, takes, d, whole(s, 0))), whole(s, 1));
    carried[1] = either(s, up(s, carried[1], whole(s, 1)), bit(s, takes, s->cg->i64));
}

static void body_divide(const Soft *s, int how)
{
    (void)how;
    enum { ROUNDS = 63 };
    Parts a = unpack(s, &wide, argument(s, 0)), b = unpack(s, &wide, argument(s, 1));
    place(s, &a, wide.mantissa);
    place(s, &b, wide.mantissa);
    Val carried[] = {a.significand, whole(s, 0)};
    repeat(s, ROUNDS, carried, 2, divide_round, b.significand);
    Parts q = {.sign = differ(s, a.sign, b.sign)};
    q.exponent = sub(s, sub(s, a.exponent, b.exponent), whole(s, ROUNDS - 1));
    q.significand = either(s, carried[1], bit(s, not_zero(s, carried[0]), s->cg->i64));
    Val a_zero = is_zero(s, a.significand), b_zero = is_zero(s, b.significand);
    Val bad = either(s, both(s, a_zero, b_zero), both(s, a.infinite, b.infinite));
    Val zero = signed_bits(s, &wide, q.sign, whole(s, 0));
    Val y = pick(s, either(s, a_zero, b.infinite), zero, pack(s, &wide, q));
    y = pick(s, either(s, b_zero, a.infinite), signed_bits(s, &wide, q.sign, infinity(s, &wide)), y);
    give(s, pick(s, either(s, bad, either(s, a.nan, b.nan)), not_a_number(s, &wide), y));
}

/* What is left, the root so far, the digits to come: all of 128 bits. */
static void root_round(const Soft *s, Val *carried, Val two)
{
    Val one = LLVMConstInt(s->i128, 1, false), next = down(s, carried[2], LLVMConstInt(s->i128, 126, false));
    Val left = either(s, up(s, carried[0], two), next), trial = either(s, up(s, carried[1], two), one);
    Val takes = LLVMBuildNot(s->b, below(s, left, trial), "");
    carried[0] = pick(s, takes, sub(s, left, trial), left);
    carried[1] = either(s, up(s, carried[1], one), bit(s, takes, s->i128));
    carried[2] = up(s, carried[2], two);
}

static void body_root(const Soft *s, int how)
{
    (void)how;
    Val x = argument(s, 0), zero = LLVMConstNull(s->i128);
    Parts p = unpack(s, &wide, x);
    place(s, &p, 63);
    Val odd = both(s, p.exponent, whole(s, 1)), shift = sub(s, whole(s, 64), odd);
    Val carried[] = {zero, zero, up(s, as_128(s, p.significand), as_128(s, shift))};
    repeat(s, 64, carried, 3, root_round, LLVMConstInt(s->i128, 2, false));
    Val exact = is_zero(s, carried[0]);
    Parts y = {.sign = whole(s, 0)};
    y.exponent = LLVMBuildAShr(s->b, sub(s, p.exponent, shift), whole(s, 1), "");
    y.significand = either(s, as_64(s, carried[1]), bit(s, LLVMBuildNot(s->b, exact, ""), s->cg->i64));
    Val itself = either(s, is_zero(s, p.significand), both(s, p.infinite, is_zero(s, p.sign)));
    Val root = pick(s, either(s, p.nan, not_zero(s, p.sign)), not_a_number(s, &wide), pack(s, &wide, y));
    give(s, pick(s, itself, x, root));
}

/* ---- comparisons: the bits of floats are in order, those below 0 backwards ---- */
static Val order(const Soft *s, Val bits)
{
    return pick(s, less(s, bits, whole(s, 0)), sub(s, whole(s, INT64_MIN), bits), bits);
}

enum { UNORDERED = -1 };

static void body_compare(const Soft *s, int how)
{
    Val a = argument(s, 0), b = argument(s, 1);
    Val bad = either(s, unpack(s, &wide, a).nan, unpack(s, &wide, b).nan), yes = bad;
    if (how != UNORDERED) {
        yes = LLVMBuildICmp(s->b, (LLVMIntPredicate)how, order(s, a), order(s, b), "");
        yes = both(s, yes, LLVMBuildNot(s->b, bad, ""));
    }
    give(s, bit(s, yes, s->cg->i32));
}

/* ---- conversions ---- */
static Val convert(const Soft *s, const Format *from, const Format *to, Val bits)
{
    Parts p = unpack(s, from, bits);
    Val y = pick(s, p.infinite, signed_bits(s, to, p.sign, infinity(s, to)), pack(s, to, p));
    return pick(s, p.nan, not_a_number(s, to), y);
}

static void body_widen(const Soft *s, int how)
{
    (void)how;
    give(s, convert(s, &narrow, &wide, as_64(s, argument(s, 0))));
}

static void body_narrow(const Soft *s, int how)
{
    (void)how;
    give(s, convert(s, &wide, &narrow, argument(s, 0)));
}

enum { SIGNED = 1, NARROW = 2 };
static const Format *format_of(int how) { return how & NARROW ? &narrow : &wide; }

static void body_from_whole(const Soft *s, int how)
{
    Val x = LLVMBuildIntCast2(s->b, argument(s, 0), s->cg->i64, how & SIGNED, ""), zero = whole(s, 0);
    Val under = how & SIGNED ? less(s, x, zero) : LLVMConstInt(s->cg->i1, 0, false);
    Parts p = {.sign = bit(s, under, s->cg->i64), .exponent = zero, .significand = pick(s, under, sub(s, zero, x), x)};
    give(s, pack(s, format_of(how), p));
}

/* Towards 0; what does not fit is the caller's to avoid. */
static void body_to_whole(const Soft *s, int how)
{
    Parts p = unpack(s, format_of(how), as_64(s, argument(s, 0)));
    Val most = whole(s, 63), zero = whole(s, 0), small = less(s, p.exponent, zero);
    Val n = lesser(s, pick(s, small, sub(s, zero, p.exponent), p.exponent), most);
    Val size = pick(s, small, down(s, p.significand, n), up(s, p.significand, n));
    give(s, pick(s, is_zero(s, p.sign), size, sub(s, zero, size)));
}

/* ---- division of whole numbers: quotient and rest in one ---- */
static void return_both(const Soft *s, Val quotient, Val rest)
{
    LLVMTypeRef type = LLVMGetReturnType(LLVMGlobalGetValueType(s->function));
    Val result = LLVMBuildInsertValue(s->b, LLVMGetPoison(type), quotient, 0, "");
    LLVMBuildRet(s->b, LLVMBuildInsertValue(s->b, result, rest, 1, ""));
}

/* The rest, and below it the quotient, which comes in where the dividend goes out. */
static void divmod_round(const Soft *s, Val *carried, Val d)
{
    Val one = whole(s, 1), top = whole(s, 63), out = down(s, carried[0], top);
    Val rest = either(s, up(s, carried[0], one), down(s, carried[1], top));
    Val takes = either(s, not_zero(s, out), LLVMBuildNot(s->b, below(s, rest, d), ""));
    carried[0] = pick(s, takes, sub(s, rest, d), rest);
    carried[1] = either(s, up(s, carried[1], one), bit(s, takes, s->cg->i64));
}

static void body_divmod(const Soft *s, int how)
{
    (void)how;
    Val a = argument(s, 0), b = argument(s, 1), high = whole(s, -(INT64_C(1) << 32));
    LLVMBasicBlockRef quick = LLVMAppendBasicBlockInContext(s->cg->context, s->function, "");
    LLVMBasicBlockRef slow = LLVMAppendBasicBlockInContext(s->cg->context, s->function, "");
    LLVMBuildCondBr(s->b, is_zero(s, both(s, either(s, a, b), high)), quick, slow);
    LLVMPositionBuilderAtEnd(s->b, quick); /* the machine divides 32 bits */
    Val a_low = LLVMBuildTrunc(s->b, a, s->cg->i32, ""), b_low = LLVMBuildTrunc(s->b, b, s->cg->i32, "");
    Val q = LLVMBuildUDiv(s->b, a_low, b_low, "");
    return_both(s, as_64(s, q), as_64(s, sub(s, a_low, mul(s, q, b_low))));
    LLVMPositionBuilderAtEnd(s->b, slow);
    Val carried[] = {whole(s, 0), a};
    repeat(s, 64, carried, 2, divmod_round, b);
    return_both(s, carried[1], carried[0]);
}

static Val negated_if(const Soft *s, Val c, Val a) { return pick(s, c, sub(s, whole(s, 0), a), a); }

static void body_signed_divmod(const Soft *s, int how)
{
    (void)how;
    Val a = argument(s, 0), b = argument(s, 1), zero = whole(s, 0);
    Val a_under = less(s, a, zero), b_under = less(s, b, zero);
    Val f = LLVMGetNamedFunction(s->cg->module, "__aeabi_uldivmod");
    Val args[] = {negated_if(s, a_under, a), negated_if(s, b_under, b)};
    Val made = LLVMBuildCall2(s->b, LLVMGlobalGetValueType(f), f, args, 2, "");
    Val q = LLVMBuildExtractValue(s->b, made, 0, ""), rest = LLVMBuildExtractValue(s->b, made, 1, "");
    return_both(s, negated_if(s, differ(s, a_under, b_under), q), negated_if(s, a_under, rest));
}

/* ---- the table. Types: d f64, l 64 bits, i 32 bits (of f32 too), 2 two of 64; the result first. ---- */
typedef struct Helper { const char *name, *types; void (*body)(const Soft *, int); int how; } Helper;
static const Helper helpers[] = {
    {"soft.fused", "llll", body_fused, 0}, {"fma", "dddd", body_through_fused, FUSED},
    {"__aeabi_dadd", "lll", body_through_fused, SUM}, {"__aeabi_dsub", "lll", body_through_fused, DIFFERENCE},
    {"__aeabi_dmul", "lll", body_through_fused, PRODUCT}, {"__aeabi_ddiv", "lll", body_divide, 0},
    {"sqrt", "dd", body_root, 0},
    {"__aeabi_dcmpeq", "ill", body_compare, LLVMIntEQ}, {"__aeabi_dcmplt", "ill", body_compare, LLVMIntSLT},
    {"__aeabi_dcmple", "ill", body_compare, LLVMIntSLE}, {"__aeabi_dcmpgt", "ill", body_compare, LLVMIntSGT},
    {"__aeabi_dcmpge", "ill", body_compare, LLVMIntSGE}, {"__aeabi_dcmpun", "ill", body_compare, UNORDERED},
    {"__aeabi_f2d", "li", body_widen, 0}, {"__aeabi_d2f", "il", body_narrow, 0},
    {"__aeabi_i2d", "li", body_from_whole, SIGNED}, {"__aeabi_ui2d", "li", body_from_whole, 0},
    {"__aeabi_l2d", "ll", body_from_whole, SIGNED}, {"__aeabi_ul2d", "ll", body_from_whole, 0},
    {"__aeabi_l2f", "il", body_from_whole, SIGNED | NARROW}, {"__aeabi_ul2f", "il", body_from_whole, NARROW},
    {"__aeabi_d2iz", "il", body_to_whole, 0}, {"__aeabi_d2uiz", "il", body_to_whole, 0},
    {"__aeabi_d2lz", "ll", body_to_whole, 0}, {"__aeabi_d2ulz", "ll", body_to_whole, 0},
    {"__aeabi_f2lz", "li", body_to_whole, NARROW}, {"__aeabi_f2ulz", "li", body_to_whole, NARROW},
    {"__aeabi_uldivmod", "2ll", body_divmod, 0}, {"__aeabi_ldivmod", "2ll", body_signed_divmod, 0},
};

static LLVMTypeRef lettered(Cg *cg, char letter)
{
    LLVMTypeRef two[] = {cg->i64, cg->i64};
    if (letter == '2') return LLVMStructTypeInContext(cg->context, two, 2, false);
    return letter == 'd' ? cg->f64 : letter == 'l' ? cg->i64 : cg->i32;
}

static Val helper_emit(Cg *cg, const Helper *h)
{
    LLVMTypeRef params[3];
    unsigned n = (unsigned)strlen(h->types) - 1;
    for (unsigned i = 0; i < n; i++) params[i] = lettered(cg, h->types[i + 1]);
    Soft s = {cg, cg->builder, LLVMIntTypeInContext(cg->context, 128), NULL};
    s.function = function_begin(cg, h->name, LLVMFunctionType(lettered(cg, *h->types), params, n, false), false);
    h->body(&s, h->how);
    return s.function;
}

/* Nothing in the module names them; LLVM's calls come after its last pass. */
void soft_emit(Cg *cg)
{
    Val made[COUNT(helpers)];
    for (size_t i = 0; i < COUNT(helpers); i++) made[i] = helper_emit(cg, &helpers[i]);
    Val list = LLVMConstArray2(cg->ptr, made, COUNT(helpers));
    Val used = LLVMAddGlobal(cg->module, LLVMTypeOf(list), "llvm.compiler.used");
    LLVMSetInitializer(used, list);
    LLVMSetLinkage(used, LLVMAppendingLinkage);
    LLVMSetSection(used, "llvm.metadata");
}
