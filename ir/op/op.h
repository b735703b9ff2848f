/* op.h: what an operator must bring, private to ir. The prototypes come from ops.def, so that a row without its
   functions does not link. */
#ifndef NNC_IR_OP_H
#define NNC_IR_OP_H
#include "ir/ir.h"

/* ---- types (ir/infer.c calls one of these for every new node; the verifier calls it again) ----
   infer_<kind> reads node->in and node->attr and writes node->out[..].type. `given` holds one type for each result, or
   is NULL: where the inputs do not settle a result it is the result; where they do it must agree with them in
   everything but the roles it adds. False after a message; the results are poison then. No input is poison. */
typedef struct Infer {
    Cx *cx;
    Dims *dims;
    Arena *arena;
    Node *node;
    const Type *given;
} Infer;
typedef bool InferFn(Infer *i);
#define KINDS(X) X(leaf) X(elementwise) X(reduce) X(contract) X(move) X(index) X(part) X(random) X(region) X(grad) X(result)
#define X(kind) bool infer_##kind(Infer *i);
KINDS(X)
#undef X

/* Dispatches by the node's kind. Where an input is poison every result becomes poison in silence. */
bool node_infer(Node *n, const Type *given, Cx *cx);
/* A message at the node's place: its site is the primary span, the applications that brought it there are labels. */
Diag *infer_error(Infer *i, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Adds where the size of an axis came from: a label for its first origin, a trail in a note for the arithmetic after it. */
void infer_origin(Infer *i, Diag *d, const Axis *axis);
/* An axis made from another by arithmetic at the node's place ("56*56*64"); its origin leads back. */
Axis infer_axis(Infer *i, const Dim *dim, const char *role, const char *arithmetic, const Axis *from);
/* The last step of most: takes t for result `index`, after comparing it with what was given (whose roles it takes). */
bool infer_result_type(Infer *i, int index, Type t);
/* axes.c: whether two axes may be one (roles are compared while the text becomes a graph: what passes make of it may
   mix them), the code of a message where they may not (E0212 where it is undecided), and what that message says of them:
   places, roles, declarations. */
bool axes_match(const Infer *i, const Axis *a, const Axis *b);
const char *axes_code(const Axis *a, const Axis *b, const char *refuted);
void infer_mismatch(Infer *i, Diag *d, int axis, const Axis *a, const Axis *b);
const char *axis_text(Infer *i, const Axis *a); /* "10", "ch = 10" */
/* A help where both values have names and the axis was written, not computed: the type that would do for `change`. */
void infer_fix(Infer *i, Diag *d, const Value *keep, const Value *change, int axis, const Dim *size);
bool infer_has_axis(Infer *i, const Value *x, int axis); /* a message where the operator's axis is none of x */
/* Does the dtype hold the whole number n, whatever the sizes? An i32 ends so far out that nothing has to be proved. */
Verdict dtype_holds(Dims *ds, DType t, const Dim *n);
void infer_settling(Infer *i, Diag *d, DType t, const Dim *n); /* the helps where it does not */
const Dim *dims_product(Dims *ds, const Dim *const *sizes, const int *at, int n); /* of sizes[at[0..n-1]] */
/* A node as it stands, with no types yet (ir/graph.c). */
Node *node_make(Block *b, OpCode op, Value *const *in, int nin, int nout, const Attr *attr, const Site *site);
/* How a message calls an input: its name, or its operator's text. */
const char *value_text(const Value *v);

/* ---- values (ir/eval.c walks a block and calls these) ---- */
typedef struct Eval Eval;
typedef void EvalFn(Eval *e, const Node *n);
#define X(kind) void eval_##kind(Eval *e, const Node *n);
KINDS(X)
#undef X
/* One number from numbers: value, tangent and error bound. `in` is the dtype of the last operand, `out` the result's. */
typedef struct Scalar {
    DType in, out;
    bool fma;
    bool fixed; /* the last operand is a constant of the graph: a power's exponent */
} Scalar;
typedef Num ScalarFn(const Num *x, const Scalar *s);
#define OP(NAME, text, nin, kind, flags, formula)
#define SCALAR(NAME, text, nin, flags, formula) Num scalar_##NAME(const Num *x, const Scalar *s);
#include "ir/ops.def"

/* ir/ops.c: the tables */
InferFn *op_infer(OpCode op);
EvalFn *op_eval(OpCode op);
ScalarFn *op_scalar(OpCode op); /* NULL for what is not elementwise */
#endif
