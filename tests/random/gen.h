/* gen.h: what the parts of the generator share: a graph under construction, and the values that stand in it so far. */
#ifndef GEN_H
#define GEN_H
#include "random_graphs.h"
#include "passes/pass.h"

enum {
    POOL = 160,
    MAX_INPUTS = 8,
    MAX_TENSORS = 12,
    MAX_RESULTS = 24,
    PARAMS = 2,
    LARGEST_N = 64,
    MAX_ELEMENTS = 5000
};

typedef struct Gen {
    Program *p;
    Graph *g;
    Build b;
    Choices c;
    Policy policy;
    const Rules *rules;
    const Dim *n, *width, *classes;
    Value *pool[POOL];
    int count;
    Value *params[MAX_TENSORS]; /* by tensor, NULL where the graph does not read it */
    Value *metric;              /* that a growth step made, or NULL */
    int memory;                 /* the tensor that is the optimizer's, or -1 */
    int ordinal;                /* of the next draw */
} Gen;

/* ---- values.c ---- */
Value *pool_add(Gen *g, Value *v);
/* A node, or NULL without a trace where the rules refuse it or it would be too large. */
Value *attempt(Gen *g, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type);
const Value *pick_tensor(Gen *g, int least_rank); /* any with so many axes, for its shape */
/* A value of a class, shape (rank 0: a single number) and, if not NULL, range: one that is there, or made from some. */
Value *value_like(Gen *g, Class c, int rank, const Axis *axes, const Dim *range);
Value *written_number(Gen *g, DType t, bool exponent);
Value *tamed(Gen *g, Value *v, bool wild); /* kept small; wild: it may be no number at all */
Value *new_input(Gen *g, const char *name, Type t);
Value *read_tensor(Gen *g, int i);
int new_state(Gen *g, Type t); /* its place among the tensors, -1: there are enough */

/* ---- operators.c ---- */
/* The operator by this signature, with `given` in one slot (or NULL), other operands found or made. NULL: it does not
   come about. */
Value *make_operator(Gen *g, const Signature *s, int slot, Value *given);

/* ---- idioms.c: what passes look for ---- */
void add_idiom(Gen *g);
#endif
