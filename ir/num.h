/* num.h: single numbers and arrays of the reference interpreter, private to ir. */
#ifndef NNC_IR_NUM_H
#define NNC_IR_NUM_H
#include "ir/ir.h"
#include <math.h>

/* ---- num.c: arithmetic on {value, tangent, bound}; every result is rounded to its dtype ---- */
double dtype_ulp(DType t, double v);      /* the gap above |v| in t; 0 for whole numbers that a double holds */
double dtype_smallest(DType t);           /* the smallest normal number of t */
int64_t num_whole(double v);              /* towards zero, saturating; NaN gives 0 */
int64_t dtype_wrap(DType t, uint64_t v);  /* the low bits of v as a value of t */
/* y rounded to t. `spread`: how far the exact result may be off because of the operands; it costs a rounding too. */
Num num_result(DType t, double y, double tangent, double spread);
/* A whole number, wrapped. */
Num num_integer(DType t, uint64_t y, double spread);
Num num_exact(double y);                  /* no tangent, no doubt */
double num_slope(double slope, double tangent); /* slope * tangent, where no tangent stays none even at a pole */
Num num_add(DType t, Num a, Num b);
Num num_sub(DType t, Num a, Num b);
Num num_mul(DType t, Num a, Num b);
Num num_div(DType t, Num a, Num b);
Num num_fma(DType t, Num a, Num b, Num c, bool fused); /* a*b + c, rounded once or twice */
/* y with everything between the two ends covered; for choices among values that are in doubt. */
Num num_between(Num y, double low, double high);

/* ---- order.c is the declaration; this follows it: term(k, chain) adds term k to its chain ---- */
typedef Num TermFn(const void *context, int64_t k, Num chain);
Num num_sum(DType t, Order order, int64_t n, TermFn *term, const void *context);

/* ---- eval.c: one run over a graph ---- */
struct Eval {
    const Graph *graph;
    const EvalInputs *in;
    Arena *arena;
    Array *values; /* by Value.id; rows without memory are not known yet */
};
const Array *eval_read(const struct Eval *e, const Value *v);
Array *eval_write(struct Eval *e, const Node *n, int k); /* a new array for result k */
void eval_set(struct Eval *e, const Value *v, Array x);
void eval_block(struct Eval *e, const Block *b, const Node *end); /* up to end, or all */
void eval_node(struct Eval *e, const Node *n);
#endif
