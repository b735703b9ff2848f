/* Arithmetic of the reference interpreter: a value as the compiled model computes it, the derivative along one
   direction, and a bound on how far the compiled value may lie away. */
#include "ir/num.h"
#include <float.h>

enum { MAX_CHAINS = 64 };

/* ---- dtypes ---- */
double dtype_ulp(DType t, double v)
{
    if (!dtype_is_float(t)) return fabs(v) > 0x1p53 ? dtype_ulp(DT_F64, v) : 0;
    if (!isfinite(v)) return INFINITY;
    int bits = t == DT_F32 ? 24 : 53, least = t == DT_F32 ? -149 : -1074, exponent;
    frexp(v, &exponent);
    exponent -= bits;
    return ldexp(1, v == 0 || exponent < least ? least : exponent);
}

double dtype_smallest(DType t) { return t == DT_F32 ? FLT_MIN : t == DT_F64 ? DBL_MIN : 0; }

static double dtype_largest(DType t) { return t == DT_F32 ? FLT_MAX : t == DT_F64 ? DBL_MAX : INFINITY; }

int64_t num_whole(double v)
{
    if (isnan(v)) return 0;
    if (v >= 0x1p63) return INT64_MAX;
    if (v < -0x1p63) return INT64_MIN;
    return (int64_t)v;
}

int64_t dtype_wrap(DType t, uint64_t v)
{
    switch (t) {
    case DT_BOOL: return v != 0;
    case DT_U8: return (uint8_t)v;
    case DT_I8: return (int8_t)(uint8_t)v;
    case DT_I32: return (int32_t)(uint32_t)v;
    default: return (int64_t)v;
    }
}

double dtype_round(DType t, double v)
{
    static const double low[DT_COUNT] = {[DT_I8] = -128, [DT_I32] = -0x1p31, [DT_I64] = -0x1p63};
    static const double high[DT_COUNT] = {
        [DT_BOOL] = 1, [DT_U8] = 255, [DT_I8] = 127, [DT_I32] = 0x1p31 - 1, [DT_I64] = 0x1p63};
    if (t == DT_F64) return v;
    if (t == DT_F32) return (double)(float)v;
    return isnan(v) ? 0 : fmin(fmax(nearbyint(v), low[t]), high[t]) + 0.0; /* whole numbers have no -0 */
}

/* ---- results ---- */
Num num_exact(double y) { return (Num){y, 0, 0}; }

double num_slope(double slope, double tangent) { return tangent == 0 ? 0 : slope * tangent; }

/* The bound of a rounded y: nothing where nothing is in doubt, everything where it may have left the dtype's range. */
static double result_bound(DType t, double y, double spread)
{
    if (spread == 0) return 0;
    double reach = fabs(y) + spread;
    if (!(reach <= dtype_largest(t))) return INFINITY;
    return spread + dtype_ulp(t, reach);
}

Num num_result(DType t, double y, double tangent, double spread)
{
    double value = dtype_round(t, y);
    return (Num){value, tangent, result_bound(t, value, spread)};
}

Num num_integer(DType t, uint64_t y, double spread)
{
    double value = (double)dtype_wrap(t, y);
    return (Num){value, 0, spread + dtype_ulp(t, value)};
}

Num num_between(Num y, double low, double high)
{
    double up = high - y.value, down = y.value - low;
    y.bound = isnan(up) || isnan(down) ? (y.value == low && y.value == high ? 0 : INFINITY) : fmax(up, down);
    return y;
}

/* ---- arithmetic ---- */
static uint64_t bits(Num x) { return (uint64_t)num_whole(x.value); }

/* How far a*b may be off. An exact 0 makes a product exact, but not with infinity or NaN. */
static double product_spread(Num a, Num b)
{
    if (a.bound == 0 && b.bound == 0) return 0;
    double s = num_slope(fabs(a.value), b.bound) + num_slope(fabs(b.value), a.bound) + num_slope(a.bound, b.bound);
    return isnan(s) ? INFINITY : s;
}

static double product_tangent(Num a, Num b) { return num_slope(a.value, b.tangent) + num_slope(b.value, a.tangent); }

Num num_add(DType t, Num a, Num b)
{
    if (!dtype_is_float(t)) return num_integer(t, bits(a) + bits(b), a.bound + b.bound);
    return num_result(t, a.value + b.value, a.tangent + b.tangent, a.bound + b.bound);
}

Num num_sub(DType t, Num a, Num b)
{
    if (!dtype_is_float(t)) return num_integer(t, bits(a) - bits(b), a.bound + b.bound);
    return num_result(t, a.value - b.value, a.tangent - b.tangent, a.bound + b.bound);
}

Num num_mul(DType t, Num a, Num b)
{
    if (!dtype_is_float(t)) return num_integer(t, bits(a) * bits(b), product_spread(a, b));
    return num_result(t, a.value * b.value, product_tangent(a, b), product_spread(a, b));
}

/* Rounds towards minus infinity; by zero gives 0; the one overflow wraps. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    if (b == 0) return 0;
    if (b == -1) return (int64_t)(0 - (uint64_t)a);
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

Num num_div(DType t, Num a, Num b)
{
    double y = a.value / b.value, spread = 0;
    if (a.bound != 0 || b.bound != 0) {
        double room = fabs(b.value) - b.bound;
        spread = room > 0 ? (a.bound + num_slope(fabs(y), b.bound)) / room : INFINITY;
        if (isnan(spread)) spread = INFINITY;
    }
    if (!dtype_is_float(t))
        return num_integer(t, (uint64_t)floor_divide(num_whole(a.value), num_whole(b.value)), spread ? spread + 1 : 0);
    double tangent = num_slope(1 / b.value, a.tangent) - num_slope(y / b.value, b.tangent);
    return num_result(t, y, tangent, spread);
}

static double fma_round(DType t, double a, double b, double c)
{
    return t == DT_F32 ? (double)fmaf((float)a, (float)b, (float)c) : fma(a, b, c);
}

Num num_fma(DType t, Num a, Num b, Num c, bool fused)
{
    if (!fused || !dtype_is_float(t)) return num_add(t, c, num_mul(t, a, b));
    double y = fma_round(t, a.value, b.value, c.value);
    return num_result(t, y, product_tangent(a, b) + c.tangent, product_spread(a, b) + c.bound);
}

/* ---- sums in their declared order ---- */
static Num sum_block(DType t, int chains, int64_t from, int64_t to, TermFn *term, const void *context)
{
    Num chain[MAX_CHAINS] = {{0}};
    for (int64_t k = from; k < to; k++) {
        Num *c = &chain[(k - from) % chains];
        *c = term(context, k, *c);
    }
    for (int half = chains / 2; half > 0; half /= 2)
        for (int c = 0; c < half; c++) chain[c] = num_add(t, chain[c], chain[c + half]);
    return chain[0];
}

Num num_sum(DType t, Order order, int64_t n, TermFn *term, const void *context)
{
    if (order.chains < 1 || order.chains > MAX_CHAINS) UNREACHABLE("an order with so many chains");
    int64_t block = order.block > 0 && order.block < n ? order.block : n;
    Num sum = sum_block(t, order.chains, 0, block, term, context);
    for (int64_t from = block; from < n; from += block) {
        int64_t to = from + block < n ? from + block : n;
        sum = num_add(t, sum, sum_block(t, order.chains, from, to, term, context));
    }
    return sum;
}
