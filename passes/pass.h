/* pass.h: what the passes share with each other and nobody else sees. Laid out by file. */
#ifndef NNC_PASS_H
#define NNC_PASS_H
#include "passes/passes.h"

/* ---- run.c ---- */
/* A pass rewrites one graph and says whether anything changed. What it keeps must live in the program's arena; scratch
   is emptied after it. */
#define PASS(name, what, optional, stage) bool pass_##name(Graph *g, Arena *scratch);
#include "passes/passes.def"
/* Counts n firings under a name: a pass's, or one rewrite's ("stable.log_softmax"). */
void pass_count(const char *name, long n);

/* ---- build.c: short ways to write graph operators, used by every pass that makes nodes ---- */
typedef struct Build {
    Block *block;
    Node *before;      /* new nodes go before this one; NULL: to the end of the block */
    const Site *site;
} Build;
Value *build_op(Build *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type);
Value *build_1(Build *b, OpCode op, Value *x);
Value *build_2(Build *b, OpCode op, Value *x, Value *y);
Value *build_3(Build *b, OpCode op, Value *x, Value *y, Value *z);
Value *build_const(Build *b, DType t, double v);              /* a single number */
Value *build_fill(Build *b, Type t, double v);                /* a whole tensor of it */
Value *build_size(Build *b, DType t, const Dim *d);           /* a size formula as a single number */
Value *build_convert(Build *b, Value *x, DType t);
Value *build_reduce(Build *b, OpCode op, Value *x, uint32_t axes);
Value *build_move(Build *b, Value *x, const MoveAttr *m);
Value *build_spread(Build *b, Value *x, Type to, uint32_t axes); /* repeats x along the axes of `to` that it lacks */
uint32_t all_axes(Type t);

/* ---- call.c: functions kept whole ---- */
void call_open(Node *call);                              /* its body takes its place */
Value *call_copy(Value *result, Build *b, Arena *scratch); /* the body once more, as written by b: the same result */
/* Makes a call's inputs what its body reads, no more and no less. Gives the call, which may be another node now. */
Node *call_list_reads(Node *call, Arena *scratch);
void calls_list_reads(Block *b, Arena *scratch);           /* all in a block */
bool asks_gradient(const Block *b);                        /* a GRAD stands in it */
/* Opens functions that ask for gradients themselves: these may reach through their inputs. */
void open_askers(Block *b);

/* ---- pattern.c: algebra of one-input patterns ---- */
bool pattern_is_identity(const MoveAttr *m);
bool pattern_equal(const MoveAttr *a, const MoveAttr *b);
bool pattern_is_spread(const MoveAttr *m, uint32_t axes); /* repeats along exactly these axes of its result */
bool pattern_join(const MoveAttr *first, const MoveAttr *second, MoveAttr *out); /* false: they have no common atoms */

/* ---- the parts of simplify; each gives the number of its rewrites ---- */
long fold_constants(Graph *g);              /* fold.c */
long share_values(Graph *g, Arena *scratch);  /* cse.c */
long rewrite_algebra(Graph *g);             /* algebra.c */
long rewrite_stable(Graph *g, Arena *scratch); /* stable.c */
#endif
