/* math: elementary functions as straight vector instructions, for f32 and f64 in any number of lanes. By file. */
#ifndef NNC_CODEGEN_MATH_H
#define NNC_CODEGEN_MATH_H
#include "codegen/cg.h"

typedef LLVMValueRef Val;

/* What a formula is written for: one float type, as many lanes as its operands have. */
typedef struct Math {
    Cg *cg;
    DType t;            /* DT_F32 or DT_F64 */
    int lanes;
    LLVMTypeRef type;   /* of the floats */
    LLVMTypeRef bits;   /* of integers as wide */
    int mantissa;       /* bits after the point: 23, 52 */
    int64_t bias;       /* of the exponent: 127, 1023 */
} Math;
/* A sum of two floats, the second below the last bit of the first. */
typedef struct Pair { Val hi, lo; } Pair;
/* Coefficients of a polynomial, constant first. */
typedef struct Poly { int n; const double *c; } Poly;

/* ---- vector.c: the words that formulas are written in ---- */
Math math_open(Cg *cg, DType t, int lanes);
Val vreal(const Math *m, double v);
Val vwhole(const Math *m, int64_t v);    /* an integer as wide as the float */
Val vadd(const Math *m, Val a, Val b);
Val vsub(const Math *m, Val a, Val b);
Val vmul(const Math *m, Val a, Val b);
Val vdiv(const Math *m, Val a, Val b);
Val vfma(const Math *m, Val a, Val b, Val c);   /* a*b + c, rounded once where the target can */
Val vneg(const Math *m, Val a);
Val vabs(const Math *m, Val a);
Val vsign_of(const Math *m, Val size, Val sign); /* |size| with the sign of the other */
Val vsqrt(const Math *m, Val a);
Val vless(const Math *m, Val a, Val b);          /* false where either is NaN, as are the next two */
Val vmost(const Math *m, Val a, Val b);          /* a <= b */
Val vequal(const Math *m, Val a, Val b);
Val vpick(const Math *m, Val c, Val a, Val b);   /* c ? a : b */
Val vboth(const Math *m, Val c, Val d);
Val vnot(const Math *m, Val c);
Val vbits(const Math *m, Val a);                 /* float to integer, bit by bit */
Val vfloat(const Math *m, Val bits);             /* and back */
Val vshift_left(const Math *m, Val a, int n);    /* integers */
Val vshift_right(const Math *m, Val a, int n);
Val viadd(const Math *m, Val a, Val b);
Val visub(const Math *m, Val a, Val b);
Val viand(const Math *m, Val a, Val b);
Val vpoly(const Math *m, Val x, Poly p);         /* in pairs: short chains of dependent steps */
Val vnearest(const Math *m, Val x);              /* whole numbers; all keep the sign of a zero */
Val vfloor(const Math *m, Val x);
Val vceil(const Math *m, Val x);
/* x to the nearest whole number by adding and taking off a number so large that no place is left behind the point:
   |x| < 2^(mantissa - 2). *out_whole is the integer. NaN gives NaN and some integer. */
Val vround_small(const Math *m, Val x, Val *out_whole);
Val vpower_of_two(const Math *m, Val biased);    /* 2^(biased - bias), 0 < biased < 2 bias + 1 */
Pair vsum(const Math *m, Val a, Val b);          /* exactly a + b */
Pair vsum_ordered(const Math *m, Val a, Val b);  /* the same where |a| >= |b| */
Pair vproduct(const Math *m, Val a, Val b);      /* exactly a * b */

/* ---- exp.c ---- */
Val math_exp(const Math *m, Val x);
Val math_exp_pair(const Math *m, Val x, Val lo); /* e^(x + lo); lo is far below x; NULL: none */
Val math_expm1(const Math *m, Val x);
Val math_sigmoid(const Math *m, Val x);
Val math_tanh(const Math *m, Val x);
/* ---- log.c ---- */
/* x = 2^k m with m in [sqrt(1/2), sqrt 2): gives m; x is positive. */
Val math_split(const Math *m, Val x, Val *out_k);
Val math_ln(const Math *m, Val x);
Val math_log1p(const Math *m, Val x);
/* ---- trigonometry.c, reduce.c ---- */
Val math_sine(const Math *m, Val x, int quarter); /* sin(x + quarter * pi/2) */
/* The argument of any finite x less the nearest multiple n of pi/2, and n modulo 4 in the low bits. f64 lanes. */
Pair reduce_quarter(const Math *m, Val x, Val *out_n);
/* ---- erf.c ---- */
Val math_erf(const Math *m, Val x);
/* ---- power.c ---- */
Val math_pow(const Math *m, Val x, Val y);
#endif
