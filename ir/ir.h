/* ir: what a graph means. Types, sizes, operators, the graph and its text, its verifier, its naive interpreter.
   Laid out by file; everything lives in the program's arena. */
#ifndef NNC_IR_H
#define NNC_IR_H
#include "base/base.h"

/* ---- dtype ---- */
#define DTYPES(X) /* name, bytes, is float, is an integer */ \
    X(BOOL, "bool", 1, 0, 0) X(U8, "u8", 1, 0, 1) X(I8, "i8", 1, 0, 1) X(I32, "i32", 4, 0, 1) \
    X(I64, "i64", 8, 0, 1) X(F32, "f32", 4, 1, 0) X(F64, "f64", 8, 1, 0)
typedef enum DType {
    DT_NONE,
#define X(N, text, bytes, fl, in) DT_##N,
    DTYPES(X)
#undef X
    DT_COUNT
} DType;
const char *dtype_name(DType t);
int dtype_bytes(DType t);
bool dtype_is_float(DType t);
bool dtype_is_int(DType t);
DType dtype_named(const char *name); /* DT_NONE if there is none */

/* ---- dim.c: sizes. Integer polynomials over symbols, floor(p/k) and max(p, q), in one normal form and hash-consed:
   two sizes are equal for all values exactly where their pointers are equal (max apart), and equal by what is known of
   their symbols exactly where dim_same says so. p mod k is p - k*floor(p/k). ---- */
typedef struct Dim Dim;
typedef struct Dims Dims;
/* A size that the text names: `dim N in 1..64`, or `dim mood = "bad", "good"` (then labels and fixed). */
typedef struct Symbol {
    const char *name;
    int index;               /* in the program's symbols */
    int64_t low, high;       /* inclusive; high is INT64_MAX where none is given */
    int64_t fixed;           /* known size (labels, -D), or 0; still equal only to itself */
    const char *const *labels;
    int nlabels;
    Span span;               /* where it was declared */
    bool abstract;           /* stands for a definition's own dim while it is checked by itself */
} Symbol;
Dims *dims_new(Arena *a);
const Dim *dim_const(Dims *ds, int64_t v);
const Dim *dim_symbol(Dims *ds, const Symbol *s);
const Dim *dim_add(Dims *ds, const Dim *a, const Dim *b);
const Dim *dim_sub(Dims *ds, const Dim *a, const Dim *b);
const Dim *dim_mul(Dims *ds, const Dim *a, const Dim *b);
const Dim *dim_floor(Dims *ds, const Dim *p, const Dim *k); /* floor(p/k); a k of symbols is above 0 */
const Dim *dim_mod(Dims *ds, const Dim *p, const Dim *k);
const Dim *dim_max(Dims *ds, const Dim *a, const Dim *b);   /* for the planner */
const Dim *dim_divide(Dims *ds, const Dim *p, const Dim *k); /* p/k where that comes out exactly, else NULL */
const Dim *dim_quotient(Dims *ds, const Dim *p, const Dim *k); /* also where facts make it come out: floor(p/k) then */
bool dim_is_const(const Dim *d, int64_t *out_value);        /* a plain number: no symbol in it */
bool dim_known(const Dim *d, int64_t *out_value);           /* also where every symbol in it is fixed */
const Symbol *dim_lone_symbol(const Dim *d);                /* the symbol where d is just that, else NULL */
typedef enum Verdict { PROVED, REFUTED, UNDECIDED } Verdict; /* REFUTED: never equal, or a rigid symbol against another */
Verdict dim_equal(const Dim *a, const Dim *b);
bool dim_same(const Dim *a, const Dim *b);                  /* dim_equal is PROVED; both may be NULL */
Verdict dim_at_most(Dims *ds, const Dim *a, const Dim *b);
int64_t dim_eval(const Dim *d, const int64_t *symbols);     /* by Symbol.index; fixed ones need no entry */
const char *dim_text(Arena *arena, const Dim *d);           /* as .nn writes it: 2*N + 1, floor(N/2) */
const char *ratio_text(Arena *arena, const Dim *top, const Dim *bottom); /* (N + 1)/2 */
void dim_each_symbol(const Dim *d, void (*visit)(const Symbol *, void *), void *context);
/* For code generation: d as a sum of terms, each coefficient * product of atoms. */
typedef enum AtomKind { ATOM_SYMBOL, ATOM_FLOOR, ATOM_MAX } AtomKind;
typedef struct Atom { AtomKind kind; const Symbol *symbol; const Dim *p, *k; } Atom;
typedef struct Term { int64_t coef; int natoms; const Atom *const *atoms; } Term; /* powers repeat their atom */
struct Dim {
    int nterms; /* the zero polynomial has none */
    const Term *terms;
    uint32_t id, version; /* of the canonical form */
    Dims *home;
    const Dim *canonical; /* kept by dim_canonical */
};

/* ---- type.c ---- */
/* Where a size came from, walked back by messages: each step names its arithmetic. */
typedef struct Origin {
    Span span;
    const char *text; /* what stood there: "x", "56*56*64"; may be NULL */
    const struct Origin *previous;
} Origin;
typedef struct Axis { const Dim *dim; const char *role; const Origin *origin; } Axis; /* role may be NULL */
typedef struct Type {
    DType dtype;         /* DT_NONE: poison, which passes through every check in silence */
    const Dim *range;    /* of an index: its values lie in 0..range-1; else NULL */
    int rank;
    const Axis *axes;
} Type;
enum { MAX_RANK = 8 };
Type type_scalar(DType t);
Type type_make(Arena *a, DType t, int rank, const Axis *axes); /* copies the axes */
Type type_with_dtype(Type t, DType d);                         /* same axes; a float or bool has no range */
bool type_is_poison(Type t);
bool type_same(Type a, Type b);        /* dtype, range and sizes; roles and origins are ignored */
bool type_same_shape(Type a, Type b);
const Dim *type_size(Dims *ds, Type t); /* number of elements */
const Dim *type_bytes(Dims *ds, Type t);
const char *type_text(Arena *a, Type t); /* f32[N, ch = 3], i32<10>[N] */

/* ---- ops.c: the operator table ---- */
typedef enum OpCode {
#define OP(NAME, text, nin, kind, flags, formula) OP_##NAME,
#include "ir/ops.def"
    OP_COUNT
} OpCode;
typedef enum OpKind { KIND_leaf, KIND_elementwise, KIND_reduce, KIND_contract, KIND_move, KIND_index, KIND_part, KIND_random,
                      KIND_region, KIND_grad, KIND_result } OpKind;
enum {
    OPF_PURE = 1,      /* same inputs, same value: may be shared, dropped, recomputed */
    OPF_INFIX = 2,
    OPF_COMMUTES = 4,
    OPF_COMPARES = 8,  /* bool out of two equal dtypes */
    OPF_COSTLY = 16,   /* more than a few instructions: not worth doing twice */
};
typedef struct OpInfo { const char *name, *text; int nin; OpKind kind; int flags; const char *formula; } OpInfo;
const OpInfo *op_info(OpCode op);
int op_named(const char *text, int nin); /* by its text, -1 if there is none; nin -1: any */
/* An elementwise operator on single numbers, rounded as at run time; `last` is the dtype of the last operand. */
double op_value(OpCode op, DType last, DType result, const double *x);

/* ---- condition.c, known.c, settle.c: conditions on sizes. What the text states of a dim or an entry is a fact: a host's
   sizes are checked against it before anything runs, so all that is proved may use it. ---- */
typedef enum ConditionKind { CONDITION_KNOWN, CONDITION_COMPARE, CONDITION_ALL, CONDITION_ANY } ConditionKind;
typedef struct Condition {
    ConditionKind kind;
    bool holds;                            /* KNOWN */
    OpCode op;                             /* COMPARE: a op b */
    const Dim *a, *b;
    const struct Condition *left, *right;  /* ALL, ANY */
} Condition;
const Condition *condition_known(Arena *a, bool holds);
const Condition *condition_compare(Arena *a, OpCode op, const Dim *left, const Dim *right);
const Condition *condition_both(Arena *a, ConditionKind kind, const Condition *left, const Condition *right);
const Condition *condition_not(Arena *a, const Condition *c);
Verdict condition_verdict(Dims *ds, const Condition *c);
bool condition_holds(const Condition *c, const int64_t *symbols);
const char *condition_text(Arena *a, const Condition *c); /* as .nn writes it: Y % 16 == 0 */
void condition_each_dim(const Condition *c, void (*visit)(const Dim *, void *), void *context);
const Symbol *condition_last_symbol(const Condition *c);  /* that was declared last, or NULL */
bool condition_is_open(const Condition *c);               /* a symbol in it has no known size */
void dims_fix(Dims *ds, const Symbol *s);                  /* to its known size: what that divides comes out */
bool dims_assume(Dims *ds, const Condition *c);           /* from now on it holds; false: then no size is left */
/* The smallest condition that settles an open one. */
const Condition *condition_settling(Dims *ds, const Condition *open);
void diag_help_settling(Diag *d, Dims *ds, const Condition *open); /* which `where` to write, and where */
typedef struct FactPart { const char *text; const Dim *top, *bottom; } FactPart; /* of a message: a text, or top/bottom */
typedef VEC(FactPart) FactParts;
typedef struct Fact { const Condition *condition; FactParts message; Span span; } Fact;
typedef VEC(Fact) Facts;
const char *fact_text(Arena *a, const Fact *f); /* its message, formulas in braces */

/* ---- graph.c ---- */
typedef struct Value Value;
typedef struct Node Node;
typedef struct Block Block;
typedef struct Graph Graph;
typedef struct Program Program;

/* Where a node came from: its place in the text, and the application that brought it there (std line -> user line). */
typedef struct Site {
    Span span;
    const char *path;            /* instance path: "digits.dense1" */
    const struct Site *applied;  /* the application this was expanded for, or NULL */
    const char *note;            /* read from a flat form: what stood there; "" for nothing */
} Site;

/* Where a planned value lives. */
typedef enum Area { AREA_NONE, AREA_INPUT, AREA_OUTPUT, AREA_PARAMS, AREA_GRADS, AREA_OPT, AREA_WORK } Area;
typedef struct Place {
    Area area;
    int index;          /* of the input or output */
    const Dim *offset;  /* bytes from the area's start; NULL for inputs and outputs */
} Place;

typedef struct Use { Node *node; int slot; } Use;
struct Value {
    Type type;
    const char *name;   /* what the text calls it, or NULL */
    Node *def;
    int index;          /* among the node's results */
    VEC(Use) uses;      /* every reader, in regions too; kept valid by every edit */
    Place place;        /* set by plan */
    uint32_t id;        /* unique in its graph */
};

/* Axes of a pattern are made of atoms: a group of atoms, slowest first, is one axis. */
typedef struct Group { int n; int atoms[MAX_RANK]; } Group;
typedef struct MoveAttr {       /* y |> [in groups] -> [out groups] */
    int natoms;
    const Dim *sizes[2 * MAX_RANK];
    int nin, nout;
    Group in[MAX_RANK], out[MAX_RANK];  /* an atom only on the right repeats; one only on the left has size 1 */
} MoveAttr;
typedef struct ContractAttr {   /* one label an axis; a label missing in out is summed */
    int na, nb, nout, nlabels;
    int a[MAX_RANK], b[MAX_RANK], out[MAX_RANK];
    const Dim *sizes[3 * MAX_RANK]; /* by label */
} ContractAttr;
typedef struct ReduceAttr { uint32_t axes; } ReduceAttr; /* bit i: axis i of the operand goes */
typedef enum ClockKind { CLOCK_STEP, CLOCK_EPOCH } ClockKind;
typedef struct ConstAttr { double value; const double *values; } ConstAttr; /* values: rank 1, one each; else filled */
typedef struct PartAttr {       /* SLICE, PAD, CONCAT, REVERSE */
    int axis;
    const Dim *before;          /* SLICE: where it starts; PAD: how many zeros stand before */
    const Dim *size;            /* SLICE, PAD: of the result along the axis */
} PartAttr;
typedef struct RandomAttr { uint64_t stream; } RandomAttr;
typedef struct KernelAttr {
    int prefix;                 /* leading axes shared by all it computes, iterated in parallel and sliced over workers */
    const Dim *dims[MAX_RANK];  /* their sizes */
    int phase;                  /* set by plan */
} KernelAttr;
typedef union Attr {
    int index;                  /* INPUT: in graph inputs; TENSOR: in program tensors; HYPER: in program hypers */
    ConstAttr constant;
    const Dim *size;
    ClockKind clock;
    int axis;                   /* IOTA, TAKE, SCATTER_ADD */
    PartAttr part;
    ReduceAttr reduce;
    ContractAttr *contract;
    MoveAttr *move;
    RandomAttr random;
    KernelAttr *kernel;
    const char *callee;         /* CALL: the function's name */
} Attr;

struct Node {
    OpCode op;
    int nin, nout;
    Value **in;          /* change with node_set_input only */
    Value *out;          /* nout of them */
    Attr attr;
    bool grad_area;      /* TENSOR: reads the gradient of the tensor, not the tensor (graphs of kind update) */
    Block *region;       /* CALL, KERNEL: reads any value around it */
    Block *parent;
    Node *prev, *next;   /* order in the block is order of execution */
    const Site *site;
    uint32_t mark;       /* scratch for one pass */
};
struct Block { Graph *graph; Node *owner; Node *first, *last; }; /* last is RETURN once it is complete */

typedef enum GraphKind { GRAPH_MODEL, GRAPH_STEP, GRAPH_EVAL, GRAPH_GRAD, GRAPH_UPDATE, GRAPH_INIT, GRAPH_START } GraphKind;
typedef enum Stage { STAGE_BUILT, STAGE_DIFFERENTIATED, STAGE_FUSED, STAGE_PLANNED } Stage;
typedef enum ResultKind {
    RESULT_OUTPUT,  /* of a model */
    RESULT_LOSS,    /* totals[1] += value * rows */
    RESULT_METRIC,  /* totals[index] += value * rows, or, being half of a pair, += value */
    RESULT_STOP,    /* totals[index] = 1 where true */
    RESULT_NEXT,    /* the tensor's value after the step */
    RESULT_GRAD,    /* its gradient; for a state its proposed next value */
} ResultKind;
typedef struct Result {
    ResultKind kind;
    const char *name;  /* "loss", "accuracy", "digits.dense1.w" */
    int index;         /* output, total or tensor */
    bool summed;       /* METRIC: half of a pair, not averaged */
    Type type;         /* OUTPUT: as the signature has it; a value that came to stand for it may bear other roles */
} Result;
typedef struct GraphInput { const char *name; Value *value; Span span; } GraphInput;
struct Graph {
    Program *program;
    GraphKind kind;
    const char *name;        /* the model's or train block's */
    Stage stage;
    Block *body;
    VEC(GraphInput) inputs;  /* in the order of the signature */
    VEC(Result) results;     /* one for each input of the body's RETURN */
    const Site *site;
    uint32_t nvalues;
    const Dim *rows;         /* the sample axis: first axis of the inputs; 1 where there is none */
    Facts facts;             /* about its sizes; those of the whole file stand in the program */
    /* set by plan */
    const Dim *work_bytes;
    int phases, check_phase; /* check_phase: the first that writes what a bad loss must not reach, or -1 */
};
Graph *graph_new(Program *p, GraphKind kind, const char *name, const Site *site);
Block *block_new(Graph *g, Node *owner);
/* Adds a node at the end of a block (before its RETURN if there is one). Its result types are inferred; where that
   fails a message was given and the result is poison. `type` is wanted where the inputs do not settle the result
   (leaves, CONVERT, random, regions), else NULL. */
Node *node_new(Block *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type, const Site *site,
               Cx *cx);
Value *value_new(Block *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type, const Site *site,
                 Cx *cx); /* its only result */
/* The caller sets out[i].type, fills the region and ends it with block_return. */
Node *region_new(Block *b, OpCode op, Value *const *in, int nin, int nout, const Attr *attr, const Site *site);
void block_return(Block *b, Value *const *in, int nin); /* makes or replaces its RETURN */
void node_set_input(Node *n, int slot, Value *v);
void value_replace(Value *was, Value *now);     /* every use */
void node_remove(Node *n);                      /* results must be unused; a region goes with it */
void node_move_before(Node *n, Node *at);       /* within or across blocks of one graph */
/* Every symbol of the sizes that its results and attributes are made of; of a region's node, not what is inside. */
void node_each_symbol(const Node *n, void (*visit)(const Symbol *, void *), void *context);
Node *node_at_level(Node *n, const Block *b);   /* n itself, or the region around it, that stands in b; NULL if none */
bool value_is_const(const Value *v, double *out_value); /* a CONST filled with one number */
/* What a region reads from outside, each once, in order. */
void block_reads(const Block *region, Arena *a, Value ***out_values, int *out_n);
/* Copies a whole graph; map receives for each old Value.id the copy (may be NULL). */
Graph *graph_clone(const Graph *g, GraphKind kind, Value **map);
/* Copies a node (and its region) to the end of b, inputs looked up in map by Value.id where that has them. */
Node *node_clone(const Node *n, Block *b, Value **map);
void graph_add_result(Graph *g, Result r, Value *v); /* of type v's, where it has none */
void graph_find_rows(Graph *g); /* sets rows from the inputs */
bool graph_is_first(const Graph *g); /* whether it makes first values: INIT or START */
typedef VEC(const Dim *) DimList;
/* Sizes and ranges in it, each once, that are not proved to be 1 or more: where they are not, it cannot run. */
DimList graph_doubtful_sizes(const Graph *g, Arena *a);
long graph_drop_unread(Graph *g); /* nodes, but inputs, whose results nobody reads; gives their number */

/* ---- program.c: everything one source file becomes ---- */
typedef enum Role { ROLE_PARAM, ROLE_STATE, ROLE_OPT } Role;
/* A first value that no text makes: it stands in a safetensors file. */
typedef struct FileValue {
    const char *file;       /* where it is read; NULL: the graph `init` makes the value */
    const char *key;        /* the name of the tensor in the file */
    const char *written;    /* what the flat form says: "trunk.safetensors:body.w" */
    Span span;              /* the text after `from`; without a source where the command line named the file */
    const void *values;     /* as in memory, once the file is read */
} FileValue;
enum { LONGEST_KEY = 255 }; /* bytes; what reads files of weights refuses longer names */
typedef struct Tensor {
    const char *path;       /* "digits.dense1.w"; an optimizer's state: "rings.m.rings.dense1.w" (train block, slot, parameter) */
    const char *key;        /* its name in files: the path, or "opt/m/rings.dense1.w", "state/average.dense1.w" */
    Role role;
    Type type;
    const Site *site;
    int train;              /* OPT: the train block that owns it, else -1 */
    int64_t offset;         /* bytes in its area, 64-aligned: params = [PARAM | STATE], grads the same, opt = [OPT] */
    FileValue given;
} Tensor;
typedef struct Hyper { const char *name; double value; Span span; } Hyper; /* a field of the run-time settings */
typedef struct Metric { const char *name; bool pair; int total; } Metric;   /* pair: totals[total] / totals[total + 1] */
typedef struct TrainInfo {
    const char *name;
    Graph *step, *eval, *grad, *update;  /* grad and update are NULL where a gradient depends on a primed value */
    VEC(Metric) metrics;
    int ntotals;            /* rows, loss x rows, metrics in order, stops */
    int64_t epochs, batch, split_a, split_b, seed; /* settings; -1 where none was given */
    const char *data;
    bool has_loss;
    Span span;
} TrainInfo;
struct Program {
    Cx *cx;
    Arena *arena;
    Dims *dims;
    const char *name;           /* stem of the file, prefix of every symbol */
    const char *file;
    VEC(const char *) read;     /* paths of all files it was made of, without the std that the compiler carries */
    DType real;                 /* what `real` is where no input settles it */
    bool roles_settled;         /* the text is a graph: its axes' roles were compared, and later nodes may mix them */
    VEC(Symbol *) symbols;
    Facts facts;
    VEC(Tensor) tensors;
    Map *tensor_paths;          /* path to its place in tensors, from 1 */
    VEC(Hyper) hypers;
    VEC(Graph *) models;
    VEC(TrainInfo) trains;
    Graph *init;                /* RESULT_NEXT of every parameter and state of layers that no file gives: their first values */
    Graph *start;               /* the same of every OPT tensor, which may depend on the parameters; NULL without any */
    int64_t params_bytes, trainable_bytes, opt_bytes;
    bool frozen;                /* parameters are constants: there is no init, and calls take no params */
};
Program *program_new(Cx *cx, const char *name, const char *file);
int program_add_tensor(Program *p, Tensor t);
void program_place_tensors(Program *p);         /* offsets and area sizes */
int program_find_tensor(const Program *p, const char *path); /* -1 */
int64_t tensor_bytes(const Program *p, const Tensor *t);
Place place_of_tensor(const Program *p, int index, bool grad); /* of the tensor, or of its gradient */
/* "digits.nn:8": of the span, or where the user's text applied what the site is of. */
const char *program_line(const Program *p, Span span, const Site *site);
void program_drop_training(Program *p);         /* train blocks and the tensors of their optimizers */
void program_freeze(Program *p);                /* and every parameter, whose values are given, becomes a constant */
uint64_t program_weights_hash(const Program *p); /* of paths, dtypes and shapes of PARAM and STATE */
uint64_t program_opt_hash(const Program *p);
/* Sizes by Symbol.index near `wanted`, within their bounds, that keep the facts of the program and of g (or NULL), in
   which no size falls below 1. False: none were found; then the bounds alone are kept. */
bool sizes_choose(const Program *p, const Graph *g, int64_t wanted, int64_t *out_symbols);
/* Calls visit for every graph of the program, in a fixed order; stops and returns false when it does. */
bool program_each_graph(Program *p, bool (*visit)(Graph *, void *), void *context);

/* ---- kernel.c: the forms of a kernel, which fusion makes and code generation emits. Every value of the body can be
   evaluated at any index from what it reads (elementwise, MOVE, PICK, ONE_HOT, TAKE, parts, CONVERT, random and leaves are
   index maps and scalar formulas), except its anchors, a reduction, contraction or SCATTER_ADD, which are met only at the
   kernel's own prefix index.
   MAP       no reduction, no contraction; every result has the shape of the prefix
   ROW       reductions, up to MAX_REDUCTIONS of them, each over the last axis of a value of shape prefix ++ [row], the
             same row for all; a result has the shape of the prefix, or prefix ++ [row]
   COLUMN    one reduction, over one axis that is not the last, or one SCATTER_ADD; every result has its shape, which is
             the prefix
   CONTRACT  one contraction; every result has its shape, which is the prefix; what its operands need is the prologue,
             what reads it the epilogue
   At stage "fused" and after, a graph's body holds leaves, kernels, pure-reshape MOVEs (views) and RETURN only. ---- */
enum { MAX_REDUCTIONS = 32 };
typedef enum KernelForm { FORM_MAP, FORM_ROW, FORM_COLUMN, FORM_CONTRACT } KernelForm;
KernelForm kernel_form(const Node *kernel);
bool node_is_anchor(const Node *n);
bool move_is_view(const MoveAttr *m); /* same elements in the same row-major order: no copy needed */

/* ---- order.c: the declared order of every reduction. Element k goes to chain k mod S; chains ascend from +0 (max and
   min: from their first element); chains join in a fixed halving tree (chain i with i + S/2, then S/4, ...); where the
   reduced size is not known at compile time it is cut in blocks of B, joined ascending. ---- */
typedef struct Order { int chains; int64_t block; } Order; /* block 0: not cut */
bool label_is_summed(const ContractAttr *c, int label); /* no axis of the result bears it */
/* In which order they are walked, slowest first: as operand a has them, then those that only b has. Gives their number. */
int summed_labels(const ContractAttr *c, int out[2 * MAX_RANK]);
Order order_of_contract(const Node *n);        /* by the width of its last output axis; block for the slowest summed label */
Order order_of_reduce(Type operand, int axis); /* the operand as it is when this axis goes: later reduced axes are gone */

/* ---- philox.c: counter-based random numbers ---- */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
uint64_t random_stream(const char *path, int ordinal);
bool random_by_row(const Graph *g, Type t); /* whether a draw of that type counts its first axis in samples */

/* ---- interval.c: what the numbers of a value can be, as far as a simple look at the operators tells ---- */
typedef enum Basis {
    BASIS_KNOWN,   /* the text tells both ends */
    BASIS_GIVEN,   /* an end is open because the host gives it, or a state holds it: it may well be closer */
    BASIS_LEARNED, /* an end is open because of a parameter or a draw: any number will come */
} Basis;
typedef struct Interval { double low, high; Basis basis; } Interval;
Interval *graph_intervals(const Graph *g, Arena *a); /* by Value.id */

/* ---- print.c: the flat form ---- */
/* The dtype of a bare number as an operand: of the result, or, of what compares, of the other operand. DT_NONE: a number
   has a line of its own there. */
DType bare_number_dtype(OpCode op, DType result, DType other);
bool name_is_temporary(const char *name); /* t1, t2, ...: values without a name are called so */
const char *stage_name(Stage s); /* "built" */
const char *area_name(Area a);   /* "work" */
void program_print(const Program *p, Text *to);
void graph_print(const Graph *g, Text *to);
uint64_t program_graph_hash(const Program *p); /* of what its graphs compute but for first values, wherever it stands */

/* ---- verify.c: false after a message to cx; what may stand in a graph depends on its stage ---- */
bool graph_verify(const Graph *g, Cx *cx);
bool program_verify(Program *p, Cx *cx, const char *code); /* of what is found: the compiler's fault or a text's */

/* ---- eval.c: the naive reference. Oracle, constant folder and forward-mode derivative. ---- */
typedef struct Num { double value, tangent, bound; } Num; /* bound: how far value may lie from the compiled one */
typedef struct Array { Type type; int rank; int64_t shape[MAX_RANK]; int64_t size; Num *at; } Array; /* row-major */
typedef struct EvalInputs {
    const int64_t *symbols;      /* by Symbol.index */
    Array *inputs;               /* by graph input */
    Array *tensors;              /* by program tensor; RESULT_NEXT is written back to next[] */
    Array *grads;                /* GRAPH_UPDATE reads, by program tensor */
    const double *hypers;
    uint64_t seed, step, epoch, first_sample;
    bool fma;                    /* contractions round once per product and sum (levels with FMA) */
} EvalInputs;
/* Results in the order of g->results. Works at every stage. */
bool graph_eval(const Graph *g, const EvalInputs *in, Arena *a, Array *out_results);
Array array_new(Arena *a, Type t, const int64_t *symbols);
void array_load(Array *x, const void *from);        /* from memory, dense and row-major */
void array_store(const Array *x, void *into);
double dtype_round(DType t, double v); /* to the nearest value of the dtype */
#endif
