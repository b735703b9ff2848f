/* cg: what the files of code generation share. Laid out by file; nothing outside this folder includes it. */
#ifndef NNC_CG_H
#define NNC_CG_H
#include "codegen/codegen.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

/* ---- target.c, target.def: what a level of the instruction set gives ---- */
typedef struct Target {
    const char *name;     /* as -march says it: "x86-64-v3" */
    const struct Arch *arch; /* target/target.h */
    const char *triple, *cpu, *features; /* as LLVM says it */
    int vector_bytes;     /* of one vector register: 16, 32, 64; 0: there is none */
    int registers;        /* vector registers: 16, 16, 32 */
    bool fma;             /* contractions round once per product and sum */
    bool rounding;        /* an instruction rounds to whole numbers */
    uint64_t needs;       /* NNRT_CPU_ bits */
} Target;
const Target *target_named(const char *march); /* "native": the best that runs here; NULL: there is none */
const Target *target_chosen(Cx *cx, const CodegenOptions *options); /* NULL after a message */
const Target *target_above(const Target *t);   /* the next more demanding one that a choice at load may take, or NULL */
int target_lanes(const Target *t, int bytes);  /* numbers of so many bytes in a vector; 1 without vectors */

/* ---- the state of one emission ---- */
typedef struct Cg {
    Program *program;
    Arena *arena;
    Cx *cx;
    const CodegenOptions *options;
    const Target *target;
    const char *triple;      /* of the target, in full */
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTargetMachineRef machine;
    LLVMTypeRef i1, i8, i32, i64, f32, f64, ptr, none;
    struct Debug *debug;     /* debug.c; NULL without -g */
    struct Frame *frame;     /* frame.c */
    struct Kernel *kernel;   /* the one being emitted, loop.c */
    struct KernelText *kernels; /* those emitted so far, kernel.c */
    struct Portable *portable; /* portable.c; NULL: one level alone */
    LLVMValueRef *given;     /* by program tensor: the constant that begins with its values, or NULL; llvm.c */
} Cg;

/* ---- llvm.c: the context, the module, the few builders that LLVM's C API lacks. Only *InContext functions. ---- */
bool cg_open(Cg *cg, Program *p, const CodegenOptions *options); /* all fields up to debug; false after a message */
/* Debug info closed, module verified (a fault is fatal), short pass list, emitted. */
bool cg_finish(Cg *cg, EmitKind kind, Bytes *out);
void cg_close(Cg *cg);
LLVMTypeRef lane_type(Cg *cg, DType t, int lanes);   /* as computed with: bool is i1; one lane is a plain scalar */
LLVMTypeRef stored_type(Cg *cg, DType t, int lanes); /* as in memory: bool is i8 */
int lanes_of(LLVMValueRef v);                        /* 1 for a scalar */
LLVMValueRef const_i64(Cg *cg, int64_t v);
LLVMValueRef const_number(Cg *cg, DType t, double v, int lanes); /* v rounded to t, in every lane */
LLVMValueRef const_iota(Cg *cg, LLVMTypeRef integer, int lanes); /* <0, 1, 2, ...>; lanes > 1 */
LLVMValueRef splat(Cg *cg, LLVMValueRef scalar, int lanes);      /* itself where lanes is 1 or it is a vector already */
/* A call of an intrinsic, overloaded on the given types: intrinsic(cg, "llvm.fma", &type, 1, args, 3). */
LLVMValueRef intrinsic(Cg *cg, const char *name, LLVMTypeRef *types, int ntypes, LLVMValueRef *args, int nargs);
/* a*b + c of floats: fused where the target fuses. */
LLVMValueRef multiply_add(Cg *cg, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
/* A function with the attributes that all of ours have (target-cpu, target-features, prefer-vector-width, no-builtins,
   no-trapping-math, nounwind, frame-pointer none ...); internal, or exported under its name. Has no block yet. */
LLVMValueRef function_new(Cg *cg, const char *name, LLVMTypeRef type, bool exported);
LLVMValueRef function_find(Cg *cg, const char *name); /* one of this level, or NULL */
LLVMValueRef global_const(Cg *cg, const char *name, LLVMValueRef init, int align); /* private; gives its address */
LLVMValueRef global_text(Cg *cg, const char *text); /* address of a NUL-terminated constant, one for each text */
/* The address of values that were given and begin with the tensor's: one constant for all levels. */
LLVMValueRef global_values(Cg *cg, const Tensor *t, const char *name, const void *values, int64_t bytes);

/* ---- sanitize.c ---- */
const char *sanitizer_attribute(const Cg *cg);  /* of every function, or NULL */
void sanitizer_leave_out(Cg *cg, LLVMValueRef function); /* but this one */
void module_sanitize(Cg *cg);                   /* after all other passes */
void module_run_passes(Cg *cg, const char *passes); /* a fault is fatal */

/* ---- debug.c: .nn lines, with the applications that inlined them ---- */
void debug_open(Cg *cg);   /* sets cg->debug; llvm.c calls these three, nobody else */
void debug_finish(Cg *cg); /* before the module is verified */
void debug_close(Cg *cg);
/* A function's subprogram; site may be NULL. */
void cg_debug_function(Cg *cg, LLVMValueRef function, const char *name, const Site *site);
void cg_debug_site(Cg *cg, const Site *site); /* what the builder makes from here on, in a function with a subprogram */

/* ---- op/elementwise.c: scalar formulas, in one lane or many. in[] have the node's dtypes as lane_type gives them;
   all have `lanes` lanes. ---- */
#define SCALAR(NAME, text, nin, flags, formula) \
    LLVMValueRef emit_##NAME(Cg *cg, const Node *n, LLVMValueRef *in, int lanes);
#define OP(NAME, text, nin, kind, flags, formula)
#include "ir/ops.def"
LLVMValueRef emit_scalar(Cg *cg, const Node *n, LLVMValueRef *in, int lanes); /* the table over those */
/* The formulas of random draws use these on f64 lanes. */
LLVMValueRef math_log(Cg *cg, LLVMValueRef x, DType t, int lanes);
LLVMValueRef math_sqrt(Cg *cg, LLVMValueRef x, DType t, int lanes);
LLVMValueRef math_cos(Cg *cg, LLVMValueRef x, DType t, int lanes);

/* ---- entries.c: the entries of a program and the C functions made for them, for header.c and layer.c ---- */
typedef enum EntryKind { /* enum nnrt_entry_kind */
    ENTRY_PREDICT, ENTRY_EVAL, ENTRY_GRAD, ENTRY_UPDATE, ENTRY_STEP
} EntryKind;
typedef enum ArgKind {
    ARG_PARAMS,   /* void *params: written (step, update) */
    ARG_PARAMS_IN,/* const void *params */
    ARG_OPT,      /* void *opt */
    ARG_GRADS,    /* void *grads: written */
    ARG_GRADS_IN, /* const void *grads */
    ARG_SIZE,     /* int64_t N; index: in program symbols */
    ARG_INPUT,    /* const T *; index: in graph inputs */
    ARG_OUTPUT,   /* T *; index: in the results of kind RESULT_OUTPUT */
    ARG_STEP,     /* const nnrt_step * */
    ARG_HPARAMS,  /* const S_hparams * */
    ARG_TOTALS,   /* double * */
    ARG_WORK,     /* void *ws */
} ArgKind;
typedef struct Arg { ArgKind kind; int index; } Arg;
typedef struct Entry {
    EntryKind kind;
    const char *name;       /* of its model or train block */
    const char *function;   /* of the C function: "digits_predict" */
    const char *verb;       /* what macros call it: "predict", "M" of another model, "T_step" of another train block */
    Graph *graph;
    int train;              /* of its train block, or -1 */
    bool draws;             /* random numbers: predict takes a step for them */
    int nsymbols;
    const int *symbols;     /* in program symbols, ascending */
    Facts facts;            /* about these */
    int64_t work;           /* bytes of its workspace, where they depend on no size; else -1 */
    VEC(Arg) args;          /* in the order of the C function */
} Entry;
typedef struct Entries { Entry *at; int n; } Entries;
/* Models in file order, then for each train block eval, grad, update, step, as far as they exist.
   S_bytes(int32_t what, int64_t for each of program_symbols ...): what is 0 params, 1 grads, 2 opt, 3 + i the workspace
   of entry i. S_init(params, opt, uint64_t seed, ws), S_prepare(params). */
Entries entries_list(Program *p);
/* What update, init and start plan may lie on the caller's stack; where it is more, they want their `ws`. */
enum { MAX_STACK_WORK = 4096 };
bool graph_fits_stack(const Graph *g);
bool init_fits_stack(const Program *p);
const char *output_name(const Graph *g, int index); /* "out" where it has none */
const int *program_symbols(Program *p, int *out_n); /* every symbol that some entry takes, in file order */

/* ---- portable.c: several levels in one file, chosen when it is loaded ---- */
/* Emits at this level and at each above, by `emit`, and for every exported name the choice among them. */
void portable_emit(Cg *cg, Entries entries, void (*emit)(Cg *cg, Entries entries));
void portable_export(Cg *cg, const char *name, LLVMValueRef function); /* under that name at this level */

/* ---- names.c: what the host will call them; false after a message ---- */
bool names_check(Program *p, Entries entries);
bool name_is_keyword(const char *name); /* of C or C++ */
const char *name_upper(Arena *a, const char *name); /* as part of a macro's name */

/* ---- frame.c: what a call knows, at the start of its workspace: pointers, the step, settings, sizes ---- */
typedef enum FrameField {
    FRAME_PARAMS, FRAME_OPT, FRAME_GRADS, FRAME_TOTALS, FRAME_WORK, FRAME_SEED, FRAME_STEP, FRAME_EPOCH,
    FRAME_FIRST_SAMPLE, FRAME_WEIGHT, FRAME_FLAGS, FRAME_FIELDS
} FrameField;
typedef struct Frame {
    int hypers, symbols, inputs, outputs, sizes; /* first slot of each part; slots are of 8 bytes */
    DimList dims;            /* formulas in slots, from `sizes` on, of all graphs */
    DimList used;            /* sizes that the graph being emitted reads, lone symbols among them */
} Frame;
void frame_open(Cg *cg);
int64_t frame_least(Program *p);                 /* bytes of a frame that holds no formula */
int64_t frame_bytes(const Cg *cg, const DimList *used); /* of one that holds these */
LLVMValueRef frame_address(Cg *cg, LLVMValueRef frame, int slot);
LLVMValueRef frame_load(Cg *cg, int slot, LLVMTypeRef type); /* in a kernel, once */
LLVMValueRef dim_value(Cg *cg, const Dim *d);    /* i64: a constant, or read from the frame */
int frame_slot(Cg *cg, const Dim *d);            /* a size's place, which is written for the graph being emitted */
/* The formula itself, from the values of the program's symbols; and a bound in f64 that no step of it exceeds. */
LLVMValueRef dim_compute(Cg *cg, const LLVMValueRef *symbols, const Dim *d);
LLVMValueRef dim_ceiling(Cg *cg, const LLVMValueRef *symbols, const Dim *d);

/* ---- index.c: where in a tensor. Lanes of a vector stand at one place, at neighbouring ones, or anywhere. ---- */
typedef enum IxKind { IX_SAME, IX_STEP, IX_EACH } IxKind;
typedef struct Ix {
    LLVMValueRef at;   /* i64 of the first lane, or for IX_EACH <lanes x i64> */
    IxKind kind;
    int level;         /* the innermost loop in which it changes */
} Ix;
typedef struct Index {
    bool flat;         /* at[0] is the row-major place in the whole tensor */
    int rank;
    Ix at[MAX_RANK];
} Index;
extern const Index index_none;
Ix ix_const(Cg *cg, int64_t v);
Ix ix_new(Cg *cg, LLVMValueRef at, IxKind kind);         /* made by the loop in which the builder stands */
LLVMValueRef ix_lanes(Cg *cg, Ix x);                      /* a vector, or the scalar where all lanes are the same */
Ix ix_join(Cg *cg, Ix slow, const Dim *size, Ix fast);    /* slow*size + fast */
void ix_split(Cg *cg, Ix x, const Dim *size, Ix *out_slow, Ix *out_fast); /* x / size, x mod size */
Ix ix_shift(Cg *cg, Ix x, const Dim *by, bool back);      /* x + by, or x - by */
Ix ix_mirror(Cg *cg, Ix x, const Dim *size);              /* size - 1 - x */
Ix ix_clamp(Cg *cg, Ix x, const Dim *size);               /* the nearest of 0 .. size - 1 */
LLVMValueRef ix_below(Cg *cg, Ix x, const Dim *size);     /* is it in 0 .. size - 1? */
Ix index_flatten(Cg *cg, Type t, const Index *ix);
Index index_spread(Cg *cg, Type t, const Index *ix);      /* not flat */
int index_level(const Index *ix);

/* ---- loop.c: levels of code. A value is made in the outermost one in which it does not change. ---- */
/* What was made already: a value at an index, a value's address (what: its place), a slot of the frame. */
typedef struct Memo { const void *what; Index index; LLVMValueRef made; } Memo;
typedef struct Level {
    LLVMValueRef before;     /* where code of this level goes once an inner one began */
    LLVMBasicBlockRef block; /* the end of the innermost level, while the builder stands elsewhere */
    VEC(Memo) memo;
} Level;
typedef VEC(const Value *) ValueList;
typedef struct Given { const Value *value; LLVMValueRef made; } Given;
enum { MAX_LEVELS = 32, MAX_CARRY = 128, KERNEL_ARGS = 3 };
typedef struct Kernel {
    const Graph *graph;
    const Node *node;         /* NULL in entry functions */
    LLVMValueRef function, frame;
    int lanes;                /* of what is computed in vectors */
    LLVMValueRef mask;        /* <lanes x i1> in a tail, else NULL */
    int depth, at;            /* the innermost level, and the one where the builder stands */
    Level levels[MAX_LEVELS];
    ValueList operands;       /* of a kernel: what it reads and writes, an argument each */
    VEC(Given) given;         /* reductions and contractions already computed, at the kernel's own index */
} Kernel;
typedef struct Carry { int n; LLVMValueRef at[MAX_CARRY]; } Carry; /* what goes from one round of a loop to the next */
typedef void (*LoopBody)(Cg *cg, LLVMValueRef i, Carry *carry, void *context);
/* Begins the function's first block, as level 0. */
void kernel_open(Cg *cg, Kernel *k, const Graph *g, const Node *node, LLVMValueRef function);
int level_stand(Cg *cg, int level);   /* moves the builder there; gives where it stood */
void loop_each(Cg *cg, LLVMValueRef from, LLVMValueRef to, int64_t step, Carry *carry, LoopBody body, void *context);
void loop_when(Cg *cg, LLVMValueRef condition, Carry *carry, LoopBody body, void *context); /* i is poison */
/* from..to-1 in vectors: whole ones, then a masked one; straight code where that is short. body gets the first lane. */
void loop_lanes(Cg *cg, LLVMValueRef from, LLVMValueRef to, Carry *carry, LoopBody body, void *context);
/* from..to-1, which are at least one and less than a vector, as one masked vector. */
void loop_tail(Cg *cg, LLVMValueRef from, LLVMValueRef to, Carry *carry, LoopBody body, void *context);
LLVMValueRef stack_array(Cg *cg, LLVMTypeRef element, int64_t n); /* 64-byte aligned; builder at a block's end */
bool const_value(LLVMValueRef v, int64_t *out);
LLVMValueRef memo_find(Cg *cg, int level, const void *what, const Index *ix); /* NULL: not yet */
void memo_add(Cg *cg, int level, const void *what, const Index *ix, LLVMValueRef made);

/* ---- pull.c: any value of a kernel at any index, from what it reads ---- */
LLVMValueRef pull(Cg *cg, const Value *v, const Index *ix);        /* a scalar where all lanes agree */
LLVMValueRef pull_lanes(Cg *cg, const Value *v, const Index *ix, int lanes);
void pull_give(Cg *cg, const Value *v, LLVMValueRef made);         /* from here on v is this */
LLVMValueRef load_at(Cg *cg, DType t, LLVMValueRef base, Ix offset); /* offset in elements */
void store_at(Cg *cg, DType t, LLVMValueRef base, Ix offset, LLVMValueRef v);
LLVMValueRef value_address(Cg *cg, const Value *v);                /* of its first element */
ValueList kernel_operands(Cg *cg, const Node *kernel);             /* what lies in memory: read, then written */
void store_result(Cg *cg, const Value *v, const Index *ix, LLVMValueRef made); /* gradients are weighted and added */
/* Every result of the kernel that has this rank; all are read before the first is written. */
void store_results(Cg *cg, int rank, const Index *ix);
#define OP(NAME, text, nin, kind, flags, formula) \
    LLVMValueRef emit_##kind(Cg *cg, const Node *n, const Index *ix);
#include "ir/ops.def"

/* ---- op/reduce.c: what a reduction does with one more element. ARGMAX keeps a place beside the value. ---- */
typedef struct Fold { LLVMValueRef value, place; } Fold; /* place: NULL, or i64 lanes */
Fold fold_start(Cg *cg, const Node *n, int lanes);
Fold fold_step(Cg *cg, const Node *n, Fold so_far, Fold next); /* also joins chains */
Fold fold_read(Cg *cg, const Node *n, const Index *ix, Ix place); /* an element of the operand, in all lanes */
LLVMValueRef fold_finish(Cg *cg, const Node *n, Fold all);
Fold fold_blocks_start(Cg *cg, const Node *n, int lanes);      /* block sums are added to this */
Fold fold_select(Cg *cg, LLVMValueRef mask, Fold yes, Fold no);
Axis reduce_axis(const Node *n, int *out_axis);                 /* the axis that goes */

/* ---- form/: the four kernels. lo and hi bound the first axis. ---- */
void form_map(Cg *cg, LLVMValueRef lo, LLVMValueRef hi);
void form_row(Cg *cg, LLVMValueRef lo, LLVMValueRef hi);
void form_column(Cg *cg, LLVMValueRef lo, LLVMValueRef hi);
void form_contract(Cg *cg, LLVMValueRef lo, LLVMValueRef hi);
int contract_column(const Node *contract); /* the result's axis along which its vectors go; -1: it has none */
/* The body inside loops over the first n axes of the prefix; ix receives them. */
void loop_prefix(Cg *cg, LLVMValueRef lo, LLVMValueRef hi, int n, Index *ix, void (*body)(Cg *, void *), void *context);

/* ---- kernel.c ---- */
/* void (ptr frame, i64 lo, i64 hi, ptr each operand); equal bodies are one function, wherever their operands lie. */
LLVMValueRef kernel_emit(Cg *cg, const Graph *g, const Node *node);
void kernel_call(Cg *cg, const Node *node, LLVMValueRef function, LLVMValueRef lo, LLVMValueRef hi); /* in an entry */

/* ---- size.c: functions of the sizes that a host gives ---- */
LLVMValueRef *symbols_load(Cg *cg, const Entry *e, LLVMValueRef sizes); /* by program symbol; NULL: not of this entry */
LLVMValueRef sizes_check_emit(Cg *cg, const Entry *e, const DimList *used); /* i1 (ptr sizes): all within bounds */
LLVMValueRef formula_emit(Cg *cg, const Entry *e, const Dim *d, const char *name); /* nnrt_bytes_fn of any size */
LLVMValueRef condition_emit(Cg *cg, const Entry *e, const Condition *c);           /* nnrt_bytes_fn: does it hold? */
LLVMValueRef ratio_emit(Cg *cg, const Entry *e, const Dim *top, const Dim *bottom); /* nnrt_value_fn */
const Dim *graph_cost(Cg *cg, const Graph *g); /* multiplications and additions */

/* ---- scan.c: passes over buffers that the host gives. All give an i1. ---- */
LLVMValueRef scan_range(Cg *cg, DType t, LLVMValueRef at, LLVMValueRef n, LLVMValueRef limit); /* all in 0..limit-1? */
LLVMValueRef scan_finite(Cg *cg, DType t, LLVMValueRef at, LLVMValueRef n);
LLVMValueRef grads_finite(Cg *cg, LLVMValueRef grads); /* every float of params and states */
LLVMValueRef is_finite(Cg *cg, LLVMValueRef v);        /* of one lane */

/* ---- entry.c, begin.c, layer.c, init.c: what the host calls ---- */
enum { /* enum nnrt_status */
    STATUS_OK, STATUS_NULL, STATUS_SIZE, STATUS_INDEX, STATUS_NONFINITE, STATUS_ARGUMENT, STATUS_CPU, STATUS_ABI
};
typedef struct EntryCode {
    const Entry *entry;
    LLVMValueRef check, bytes, cost, begin, end;
    LLVMValueRef *phases;
    int nphases;
    DimList used;               /* sizes that begin puts into the frame */
} EntryCode;
LLVMValueRef bytes_emit(Cg *cg, const EntryCode *code);   /* size.c: nnrt_bytes_fn of the workspace */
LLVMValueRef function_begin(Cg *cg, const char *name, LLVMTypeRef type, bool exported); /* with its first block */
void fail_if(Cg *cg, LLVMValueRef condition, int status); /* in a function that gives a status */
enum { AREA_ALIGNMENT = 64 };                             /* of params, grads, opt and workspace */
LLVMValueRef place_astray(Cg *cg, LLVMValueRef pointer, int64_t alignment); /* i64: 0 where it lies at a multiple */
EntryCode entry_emit(Cg *cg, const Entry *e);             /* kernels, phases, end: not what needs the frame's size */
void entry_finish(Cg *cg, EntryCode *code);               /* bytes, cost, begin */
/* Its kernels, and a function a phase. */
LLVMValueRef *graph_phases(Cg *cg, const Graph *g, const char *name, int *out_n);
LLVMValueRef begin_emit(Cg *cg, const EntryCode *code);
void layer_emit(Cg *cg, const EntryCode *code);           /* the typed function */
void layer_bytes_emit(Cg *cg, Entries entries, const EntryCode *codes); /* S_bytes */
LLVMValueRef start_emit(Cg *cg);                          /* S_start */
int64_t first_bytes(const Cg *cg);                        /* of the `ws` of S_init and S_start; 0: they want none */
LLVMValueRef init_emit(Cg *cg, LLVMValueRef start);       /* S_init */
LLVMValueRef prepare_emit(Cg *cg);                        /* S_prepare */
typedef struct Control { LLVMValueRef was, slot; } Control; /* of floating-point arithmetic */
Control control_begin(Cg *cg);                            /* the default, where another was set */
void control_end(Cg *cg, Control c);

/* ---- abi.c: the structs of runtime/abi.def, as C sees them here and as LLVM does ---- */
#define ABI_U32 uint32_t
#define ABI_I32 int32_t
#define ABI_U64 uint64_t
#define ABI_I64 int64_t
#define ABI_F64 double
#define ABI_PTR const void *
#define STRUCT(name) typedef struct Abi_##name {
#define FIELD(kind, ctype, name) ABI_##kind name;
#define END(name) } Abi_##name;
#include "runtime/abi.def"
typedef enum AbiStruct {
#define STRUCT(name) ABI_##name,
#define FIELD(kind, ctype, name)
#define END(name)
#include "runtime/abi.def"
    ABI_COUNT
} AbiStruct;
enum { MAX_FIELDS = 40 };
typedef struct AbiConst { AbiStruct of; LLVMValueRef fields[MAX_FIELDS]; } AbiConst; /* zero where nothing was set */
LLVMTypeRef abi_type(Cg *cg, AbiStruct s);
void abi_set(AbiConst *c, size_t offset, LLVMValueRef v);
void abi_set_int(Cg *cg, AbiConst *c, size_t offset, int64_t v);
LLVMValueRef abi_const(Cg *cg, const AbiConst *c);
int64_t abi_bytes(Cg *cg, AbiStruct s); /* on the target, whose pointers may be smaller than here */
LLVMValueRef abi_address(Cg *cg, AbiStruct s, LLVMValueRef base, size_t offset);
LLVMValueRef abi_load(Cg *cg, AbiStruct s, LLVMValueRef base, size_t offset);

/* ---- descriptor.c ---- */
typedef struct Setters { LLVMValueRef start, init, prepare; } Setters; /* the functions that write areas, and no entries */
void descriptor_emit(Cg *cg, Entries entries, const EntryCode *codes, Setters setters);
#endif
