/* number.c: plain numbers. Fractions of whole numbers and of sizes stay exact; the rest is a double. */
#include "frontend/elab.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

Number number_whole(int64_t v) { return (Number){.kind = NUM_EXACT, .p = v, .q = 1}; }
Number number_real(double v) { return (Number){.kind = NUM_REAL, .real = v}; }


/* p/q in lowest terms; as a double where the ends of int64 are near. */
static Number fraction(__int128 p, __int128 q)
{
    if (q < 0) p = -p, q = -q;
    __int128 a = p < 0 ? -p : p, b = q;
    while (b) {
        __int128 r = a % b;
        a = b;
        b = r;
    }
    if (a > 1) p /= a, q /= a;
    if (p > INT64_MAX || p < -INT64_MAX || q > INT64_MAX) return number_real((double)p / (double)q);
    return (Number){.kind = NUM_EXACT, .p = (int64_t)p, .q = (int64_t)q};
}

/* 784, 0.5, 1e-3: exact where numerator and denominator fit. */
Number number_parse(const char *text)
{
    __int128 p = 0, q = 1;
    bool point = false;
    const char *s = text;
    for (; *s && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        p = 10 * p + (*s - '0');
        if (point) q *= 10;
        if (p > INT64_MAX || q > INT64_MAX) return number_real(strtod(text, NULL));
    }
    for (long power = *s ? strtol(s + 1, NULL, 10) : 0; power; power += power < 0 ? 1 : -1) {
        if (power < 0) q *= 10;
        else p *= 10;
        if (p > INT64_MAX || q > INT64_MAX) return number_real(strtod(text, NULL));
        if (p == 0) break;
    }
    return fraction(p, q);
}

Number number_ratio(Elab *e, const Dim *top, const Dim *bottom)
{
    int64_t p, q;
    if (dim_is_const(top, &p) && dim_is_const(bottom, &q) && q) return fraction(p, q);
    const Dim *whole = dim_divide(e->dims, top, bottom);
    if (whole) top = whole, bottom = dim_const(e->dims, 1);
    if (dim_is_const(top, &p) && dim_is_const(bottom, &q) && q) return fraction(p, q);
    return (Number){.kind = NUM_SIZE, .top = top, .bottom = bottom};
}

Number number_of_dim(Elab *e, const Dim *d) { return number_ratio(e, d, dim_const(e->dims, 1)); }

bool number_is_whole(const Number *n, int64_t *out)
{
    if (n->kind == NUM_EXACT && n->q == 1) {
        *out = n->p;
        return true;
    }
    int64_t p, q;
    if (n->kind != NUM_SIZE || !dim_known(n->top, &p) || !dim_known(n->bottom, &q) || !q || p % q) return false;
    *out = p / q;
    return true;
}

bool number_known(const Number *n, double *out)
{
    int64_t p, q;
    switch (n->kind) {
    case NUM_EXACT: *out = (double)n->p / (double)n->q; return true;
    case NUM_REAL: *out = n->real; return true;
    case NUM_SIZE:
        if (!dim_known(n->top, &p) || !dim_known(n->bottom, &q)) return false;
        *out = (double)p / (double)q;
        return true;
    case NUM_RUN: return false;
    }
    return false;
}

static void as_ratio(Elab *e, const Number *n, const Dim **top, const Dim **bottom)
{
    if (n->kind == NUM_SIZE) {
        *top = n->top;
        *bottom = n->bottom;
    } else {
        *top = dim_const(e->dims, n->p);
        *bottom = dim_const(e->dims, n->q);
    }
}

static bool exact_binary(OpCode op, Number a, Number b, Number *out)
{
    __int128 ap = a.p, aq = a.q, bp = b.p, bq = b.q;
    switch (op) {
    case OP_ADD: *out = fraction(ap * bq + bp * aq, aq * bq); return true;
    case OP_SUB: *out = fraction(ap * bq - bp * aq, aq * bq); return true;
    case OP_MUL: *out = fraction(ap * bp, aq * bq); return true;
    case OP_DIV:
        if (!bp) return false;
        *out = fraction(ap * bq, aq * bp);
        return true;
    case OP_MOD:
        if (aq != 1 || bq != 1 || bp <= 0) return false;
        *out = number_whole((int64_t)(((ap % bp) + bp) % bp));
        return true;
    case OP_POW:
        if (bq != 1 || bp < 0 || bp > 64) return false;
        *out = number_whole(1);
        for (int64_t i = 0; i < b.p; i++)
            if (out->kind == NUM_EXACT) *out = fraction((__int128)out->p * ap, (__int128)out->q * aq);
        return out->kind == NUM_EXACT;
    default: return false;
    }
}

static bool size_binary(Elab *e, OpCode op, Number a, Number b, Number *out)
{
    Dims *ds = e->dims;
    const Dim *ap, *aq, *bp, *bq, *one = dim_const(ds, 1);
    as_ratio(e, &a, &ap, &aq);
    as_ratio(e, &b, &bp, &bq);
    switch (op) {
    case OP_ADD:
        *out = number_ratio(e, dim_add(ds, dim_mul(ds, ap, bq), dim_mul(ds, bp, aq)), dim_mul(ds, aq, bq));
        return true;
    case OP_SUB:
        *out = number_ratio(e, dim_sub(ds, dim_mul(ds, ap, bq), dim_mul(ds, bp, aq)), dim_mul(ds, aq, bq));
        return true;
    case OP_MUL: *out = number_ratio(e, dim_mul(ds, ap, bp), dim_mul(ds, aq, bq)); return true;
    case OP_DIV: *out = number_ratio(e, dim_mul(ds, ap, bq), dim_mul(ds, aq, bp)); return true;
    case OP_MOD:
        if (aq != one || bq != one) return false;
        *out = number_of_dim(e, dim_mod(ds, ap, bp));
        return true;
    case OP_POW: {
        int64_t n;
        if (!number_is_whole(&b, &n) || n < 0 || n > 8) return false;
        *out = number_whole(1);
        while (n--) size_binary(e, OP_MUL, *out, a, out);
        return true;
    }
    default: return false;
    }
}

static double double_binary(OpCode op, double a, double b)
{
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MOD: return a - b * floor(a / b);
    case OP_POW: return pow(a, b);
    default: return NAN;
    }
}

bool number_binary(Elab *e, OpCode op, Number a, Number b, Number *out)
{
    bool rational = a.kind != NUM_REAL && b.kind != NUM_REAL && a.kind != NUM_RUN && b.kind != NUM_RUN;
    if (rational && a.kind == NUM_EXACT && b.kind == NUM_EXACT && exact_binary(op, a, b, out)) return true;
    if (rational && (a.kind == NUM_SIZE || b.kind == NUM_SIZE) && size_binary(e, op, a, b, out)) return true;
    double x, y;
    if (!number_known(&a, &x) || !number_known(&b, &y)) return false;
    *out = number_real(double_binary(op, x, y));
    return true;
}

static bool round_number(Elab *e, OpCode op, Number n, Number *out)
{
    if (n.kind == NUM_SIZE && op == OP_FLOOR) {
        *out = number_of_dim(e, dim_floor(e->dims, n.top, n.bottom));
        return true;
    }
    if (n.kind == NUM_SIZE && op == OP_CEIL) { /* ceil(p/k) = floor((p + k - 1)/k) */
        const Dim *top = dim_sub(e->dims, dim_add(e->dims, n.top, n.bottom), dim_const(e->dims, 1));
        *out = number_of_dim(e, dim_floor(e->dims, top, n.bottom));
        return true;
    }
    double v;
    if (!number_known(&n, &v)) return false;
    v = op == OP_FLOOR ? floor(v) : op == OP_CEIL ? ceil(v) : nearbyint(v);
    *out = fabs(v) < 9e15 ? number_whole((int64_t)v) : number_real(v);
    return true;
}

static bool choose_number(Elab *e, OpCode op, const Number *in, Number *out)
{
    Verdict least = number_compare(e, OP_LE, in[0], in[1]);
    if (least == UNDECIDED) return false;
    *out = in[(least == PROVED) == (op == OP_MAX2)];
    return true;
}

bool number_function(Elab *e, OpCode op, const Number *in, int n, Number *out)
{
    if (n == 2) return choose_number(e, op, in, out);
    if (op == OP_DETACH) {
        *out = in[0];
        return true;
    }
    if (op == OP_FLOOR || op == OP_CEIL || op == OP_ROUND) return round_number(e, op, in[0], out);
    if (in[0].kind == NUM_EXACT && (op == OP_ABS || op == OP_SIGN)) {
        int64_t p = in[0].p;
        *out = op == OP_ABS ? fraction(p < 0 ? -(__int128)p : p, in[0].q) : number_whole((p > 0) - (p < 0));
        return true;
    }
    double x;
    if (!number_known(&in[0], &x)) return false;
    *out = number_real(op_value(op, DT_F64, DT_F64, &x));
    return true;
}

static bool compare(OpCode op, double x, double y)
{
    return op == OP_EQ ? x == y : op == OP_NE ? x != y : op == OP_LT ? x < y : op == OP_LE ? x <= y
         : op == OP_GT ? x > y : x >= y;
}

/* A whole number beside a size that stands on the same side of it as the real one; false where there is none. */
static bool number_near(OpCode op, Number *n)
{
    if (n->kind != NUM_REAL) return true;
    bool up = op == OP_LT || op == OP_GE;
    double v = up ? ceil(n->real) : floor(n->real);
    if (!(fabs(v) < 9e15) || ((op == OP_EQ || op == OP_NE) && v != n->real)) return false;
    *n = number_whole((int64_t)v);
    return true;
}

static OpCode comparison_turned(OpCode op)
{
    return op == OP_LT ? OP_GT : op == OP_GT ? OP_LT : op == OP_LE ? OP_GE : op == OP_GE ? OP_LE : op;
}

const Condition *number_condition(Elab *e, OpCode op, Number a, Number b)
{
    Dims *ds = e->dims;
    const Dim *ap, *aq, *bp, *bq;
    double x, y;
    int64_t one = 0;
    if (a.kind == NUM_RUN || b.kind == NUM_RUN) return NULL;
    if (a.kind != NUM_SIZE && b.kind == NUM_SIZE) return number_condition(e, comparison_turned(op), b, a);
    bool sizes = a.kind == NUM_SIZE;
    if (sizes && b.kind == NUM_REAL && (!dim_is_const(a.bottom, &one) || one != 1)) return NULL;
    if (sizes && !number_near(op, &b)) return condition_known(e->arena, compare(op, 1, b.real)); /* no size comes near */
    if (!sizes) return condition_known(e->arena, number_known(&a, &x) && number_known(&b, &y) && compare(op, x, y));
    as_ratio(e, &a, &ap, &aq);
    as_ratio(e, &b, &bp, &bq);
    return condition_compare(e->arena, op, dim_mul(ds, ap, bq), dim_mul(ds, bp, aq));
}

Verdict number_compare(Elab *e, OpCode op, Number a, Number b)
{
    const Condition *c = number_condition(e, op, a, b);
    Verdict v = c ? condition_verdict(e->dims, c) : UNDECIDED;
    double x, y;
    if (v != UNDECIDED || !number_known(&a, &x) || !number_known(&b, &y)) return v;
    return compare(op, x, y) ? PROVED : REFUTED;
}

const Dim *number_dim(Elab *e, Number n)
{
    if (n.kind == NUM_EXACT && n.q == 1) return dim_const(e->dims, n.p);
    if (n.kind == NUM_SIZE) return dim_quotient(e->dims, n.top, n.bottom);
    if (n.kind == NUM_REAL && n.real == floor(n.real) && fabs(n.real) < 9e15)
        return dim_const(e->dims, (int64_t)n.real);
    return NULL;
}

const char *plain_text(Elab *e, Number n)
{
    Arena *a = e->arena;
    switch (n.kind) {
    case NUM_EXACT:
        if (n.q == 1) return str_format(a, "%lld", (long long)n.p);
        return text_number(a, (double)n.p / (double)n.q, false);
    case NUM_REAL: return text_number(a, n.real, false);
    case NUM_SIZE: return ratio_text(a, n.top, n.bottom);
    case NUM_RUN: return "a number known at run time";
    }
    return "";
}
