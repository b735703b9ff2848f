/* The scalar functions of the elementwise operators: value, tangent and error bound of each.
   x[0], x[1], ... are the operands; s->in is the dtype of the last of them, s->out that of the result. */
#include "ir/op/op.h"
#include "ir/num.h"

/* ---- arithmetic ---- */
Num scalar_ADD(const Num *x, const Scalar *s) { return num_add(s->out, x[0], x[1]); }
Num scalar_SUB(const Num *x, const Scalar *s) { return num_sub(s->out, x[0], x[1]); }
Num scalar_MUL(const Num *x, const Scalar *s) { return num_mul(s->out, x[0], x[1]); }
Num scalar_DIV(const Num *x, const Scalar *s) { return num_div(s->out, x[0], x[1]); }

Num scalar_NEG(const Num *x, const Scalar *s)
{
    if (!dtype_is_float(s->out)) return num_sub(s->out, num_exact(0), x[0]);
    return (Num){-x[0].value, -x[0].tangent, x[0].bound};
}

/* a - b*floor(a/b), each operation rounded: for floats no library's remainder, for whole numbers the same in effect. */
Num scalar_MOD(const Num *x, const Scalar *s)
{
    if (!dtype_is_float(s->out) && x[1].value == 0) return (Num){0, 0, x[0].bound + x[1].bound ? INFINITY : 0};
    Scalar whole = {s->out, s->out, false, false};
    Num q = num_div(s->out, x[0], x[1]);
    if (dtype_is_float(s->out)) q = scalar_FLOOR(&q, &whole);
    return num_sub(s->out, x[0], num_mul(s->out, x[1], q));
}

/* ---- choices ---- */
Num scalar_MIN2(const Num *x, const Scalar *s)
{
    (void)s;
    Num a = x[0], b = x[1], y = b.value <= a.value ? b : a;
    if (a.bound == 0 && b.bound == 0) return y;
    return num_between(y, fmin(a.value - a.bound, b.value - b.bound), fmin(a.value + a.bound, b.value + b.bound));
}

Num scalar_MAX2(const Num *x, const Scalar *s)
{
    (void)s;
    Num a = x[0], b = x[1], y = b.value >= a.value ? b : a;
    if (a.bound == 0 && b.bound == 0) return y;
    return num_between(y, fmax(a.value - a.bound, b.value - b.bound), fmax(a.value + a.bound, b.value + b.bound));
}

Num scalar_ABS(const Num *x, const Scalar *s)
{
    double v = x->value, sign = (v > 0) - (v < 0);
    if (!dtype_is_float(s->out)) return num_integer(s->out, (uint64_t)num_whole(v) * (v < 0 ? -1 : 1), x->bound);
    return (Num){fabs(v), num_slope(sign, x->tangent), x->bound};
}

Num scalar_SELECT(const Num *x, const Scalar *s)
{
    (void)s;
    Num y = x[0].value != 0 ? x[1] : x[2], other = x[0].value != 0 ? x[2] : x[1];
    if (x[0].bound == 0) return y;
    return num_between(y, fmin(y.value - y.bound, other.value - other.bound),
                       fmax(y.value + y.bound, other.value + other.bound));
}

Num scalar_DETACH(const Num *x, const Scalar *s)
{
    (void)s;
    return (Num){x->value, 0, x->bound};
}

/* ---- functions that only rise (or only fall): the ends of the operand's interval bound the result's ---- */
typedef double RealFn(double);

/* How far f may lie from y for an operand within its bound. */
static double rising_spread(RealFn *f, Num x, double y)
{
    if (x.bound == 0) return 0;
    double up = f(x.value + x.bound), down = f(x.value - x.bound);
    double spread = fmax(fabs(up - y), fabs(y - down));
    if (up == y && down == y) return 0;
    return isnan(up) || isnan(down) || isnan(spread) ? INFINITY : spread;
}

static Num step_function(RealFn *f, const Num *x, const Scalar *s)
{
    double y = f(x->value);
    return num_result(s->out, y, 0, rising_spread(f, *x, y));
}

static double sign(double v) { return isnan(v) ? v : (v > 0) - (v < 0); }

Num scalar_SIGN(const Num *x, const Scalar *s) { return step_function(sign, x, s); }
Num scalar_FLOOR(const Num *x, const Scalar *s) { return step_function(floor, x, s); }
Num scalar_CEIL(const Num *x, const Scalar *s) { return step_function(ceil, x, s); }
Num scalar_ROUND(const Num *x, const Scalar *s) { return step_function(nearbyint, x, s); }

Num scalar_SQRT(const Num *x, const Scalar *s)
{
    double y = sqrt(x->value);
    return num_result(s->out, y, num_slope(0.5 / y, x->tangent), rising_spread(sqrt, *x, y));
}

/* ---- transcendental functions: the compiled value is promised within this many gaps of the exact one ---- */
enum { PROMISED_ULPS = 4 };

/* A result beside the exact y, computed from an operand that may itself be off. Poles, NaN and overflow far from the
   edge are exact; below the smallest normal number a result may be flushed to zero. */
static Num near_result(const Num *x, const Scalar *s, double y, double slope, double spread)
{
    double tangent = num_slope(slope, x->tangent);
    Num r = num_result(s->out, y, tangent, spread);
    double sure = dtype_round(s->out, y * (1 - 16 * dtype_ulp(s->out, 1)));
    if (x->bound == 0 && !isfinite(sure)) return (Num){r.value, tangent, 0};
    if (isnan(y)) return (Num){y, tangent, INFINITY};
    double doubt = PROMISED_ULPS * dtype_ulp(s->out, fabs(y) + spread);
    if (fabs(y) < dtype_smallest(s->out) && y != 0) doubt = dtype_smallest(s->out);
    return num_result(s->out, y, tangent, spread + doubt);
}

static Num rising(RealFn *f, double slope, const Num *x, const Scalar *s)
{
    double y = f(x->value);
    return near_result(x, s, y, slope, rising_spread(f, *x, y));
}

static double sigmoid(double v) { return v >= 0 ? 1 / (1 + exp(-v)) : exp(v) / (1 + exp(v)); }

static double sigmoid_slope(double v) { return sigmoid(v) * sigmoid(-v); }

Num scalar_EXP(const Num *x, const Scalar *s) { return rising(exp, exp(x->value), x, s); }
Num scalar_EXPM1(const Num *x, const Scalar *s) { return rising(expm1, exp(x->value), x, s); }
Num scalar_LOG(const Num *x, const Scalar *s) { return rising(log, 1 / x->value, x, s); }
Num scalar_LOG1P(const Num *x, const Scalar *s) { return rising(log1p, 1 / (1 + x->value), x, s); }
Num scalar_TANH(const Num *x, const Scalar *s) { return rising(tanh, 4 * sigmoid_slope(2 * x->value), x, s); }
Num scalar_ERF(const Num *x, const Scalar *s) { return rising(erf, M_2_SQRTPI * exp(-x->value * x->value), x, s); }
Num scalar_SIGMOID(const Num *x, const Scalar *s) { return rising(sigmoid, sigmoid_slope(x->value), x, s); }

/* Slopes within -1..1: no further off than the operand. */
static Num wave(RealFn *f, double slope, const Num *x, const Scalar *s)
{
    return near_result(x, s, f(x->value), slope, fmin(x->bound, 2));
}

Num scalar_SIN(const Num *x, const Scalar *s) { return wave(sin, cos(x->value), x, s); }
Num scalar_COS(const Num *x, const Scalar *s) { return wave(cos, -sin(x->value), x, s); }

/* ---- powers ---- */
/* x^n for a written whole exponent: binary powering from the exponent's top bit down, each product rounded, then one
   division for a negative n. Code generation emits these very products, so that x^2 is x*x to the bit. */
static Num power_whole(Num x, int n, const Scalar *s)
{
    int m = n < 0 ? -n : n, bit = 1;
    if (m == 0) return num_exact(1);
    while (bit * 2 <= m) bit *= 2;
    Num y = x;
    for (bit /= 2; bit > 0; bit /= 2) {
        y = num_mul(s->out, y, y);
        if (m & bit) y = num_mul(s->out, y, x);
    }
    return n < 0 ? num_div(s->out, num_exact(1), y) : y;
}

static double power_slope(double x, double e) { return e == 0 ? 0 : e * pow(x, e - 1); }

/* a^b as C's pow has it at the ends. |a|^b is e^(b ln|a|): what that exponent is off, the power is off relatively. */
static Num power_any(Num a, Num b, const Scalar *s)
{
    double y = pow(a.value, b.value), spread = 0;
    if (a.bound != 0 || b.bound != 0) {
        double room = fabs(a.value) - a.bound;
        double shift = num_slope(fabs(b.value) + b.bound, a.bound) / room;
        shift += num_slope(fabs(log(fabs(a.value))), b.bound);
        bool smooth = room > 0 && (a.value > 0 || b.bound == 0);
        spread = smooth ? fabs(y) * expm1(shift) : INFINITY;
        if (isnan(spread)) spread = INFINITY;
    }
    Num x = {0, 1, a.bound + b.bound};
    double tangent = num_slope(power_slope(a.value, b.value), a.tangent) + num_slope(y * log(a.value), b.tangent);
    return near_result(&x, s, y, tangent, spread);
}

/* A written exponent: whole up to 64 by products, 1/2 by the square root. Everything else by logarithm. */
Num scalar_POW(const Num *x, const Scalar *s)
{
    double e = x[1].value;
    if (s->fixed && x[1].bound == 0) {
        if (e == floor(e) && fabs(e) <= 64) { /* always so for whole numbers */
            Num y = power_whole(x[0], (int)e, s);
            y.tangent = num_slope(power_slope(x[0].value, e), x[0].tangent);
            return y;
        }
        if (e == 0.5) return scalar_SQRT(x, s);
    }
    return power_any(x[0], x[1], s);
}

/* ---- comparisons and truth: 0 or 1, in doubt (bound 1) where the operands' intervals allow both ---- */
static Num truth(bool y, bool doubt) { return (Num){y, 0, doubt ? 1 : 0}; }

/* Whether two operands in doubt may come to lie the other way round, or to meet. */
static bool may_cross(const Num *x)
{
    double room = x[0].bound + x[1].bound;
    return room > 0 && !(fabs(x[0].value - x[1].value) > room);
}

#define COMPARISON(NAME, op)                                                         \
    Num scalar_##NAME(const Num *x, const Scalar *s) {                               \
        (void)s;                                                                     \
        return truth(x[0].value op x[1].value, may_cross(x));                        \
    }
COMPARISON(EQ, ==)
COMPARISON(NE, !=)
COMPARISON(LT, <)
COMPARISON(LE, <=)
COMPARISON(GT, >)
COMPARISON(GE, >=)

/* A sure false settles `and`, a sure true settles `or`. */
static bool surely(Num x, bool what) { return x.bound == 0 && (x.value != 0) == what; }

Num scalar_AND(const Num *x, const Scalar *s)
{
    (void)s;
    bool doubt = (x[0].bound > 0 || x[1].bound > 0) && !surely(x[0], false) && !surely(x[1], false);
    return truth(x[0].value != 0 && x[1].value != 0, doubt);
}

Num scalar_OR(const Num *x, const Scalar *s)
{
    (void)s;
    bool doubt = (x[0].bound > 0 || x[1].bound > 0) && !surely(x[0], true) && !surely(x[1], true);
    return truth(x[0].value != 0 || x[1].value != 0, doubt);
}

Num scalar_NOT(const Num *x, const Scalar *s)
{
    (void)s;
    return truth(x->value == 0, x->bound > 0);
}

/* ---- conversions ---- */
/* Float to whole: towards zero, held at the ends of the dtype; NaN gives 0. */
static double saturate(DType t, double v) { return isnan(v) ? 0 : dtype_round(t, trunc(v)); }

static Num convert_to_whole(const Num *x, DType t)
{
    Num y = {saturate(t, x->value), 0, 0};
    if (x->bound == 0) return y;
    return num_between(y, saturate(t, x->value - x->bound), saturate(t, x->value + x->bound));
}

/* Whole to whole keeps the low bits; to bool anything but 0 is true. */
Num scalar_CONVERT(const Num *x, const Scalar *s)
{
    if (s->out == DT_BOOL) return truth(x->value != 0, x->bound > 0 && !(fabs(x->value) > x->bound));
    if (dtype_is_float(s->out)) return num_result(s->out, x->value, x->tangent, x->bound);
    if (dtype_is_float(s->in)) return convert_to_whole(x, s->out);
    return num_integer(s->out, (uint64_t)num_whole(x->value), x->bound);
}
