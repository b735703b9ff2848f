/* elab.h: from tree to graph; private to frontend. Laid out by file.
   A definition is elaborated anew for each application, in a frame that holds its names. Names are elaborated when they
   are first asked for, so that their order in the text does not matter. */
#ifndef NNC_ELAB_H
#define NNC_ELAB_H
#include "frontend/ast.h"
#include "frontend/frontend.h"

typedef struct Elab Elab;
typedef struct Frame Frame;
typedef struct Function Function;
typedef struct Val Val;
typedef struct Definitions Definitions;

/* ---- number.c: plain numbers, exact as long as they are rational ---- */
typedef enum NumKind {
    NUM_EXACT, /* p/q */
    NUM_REAL,  /* irrational, or out of reach */
    NUM_SIZE,  /* top/bottom, with a dim in it */
    NUM_RUN,   /* known at run time: an f64 of the graph */
} NumKind;
typedef struct Number {
    NumKind kind;
    int64_t p, q; /* in lowest terms, q > 0 */
    double real;
    const Dim *top, *bottom;
    Value *run;
    uint64_t hypers; /* RUN: the settings in it, by their place in the file */
    bool clock;      /* RUN: step or epoch is in it */
} Number;
Number number_whole(int64_t v);
Number number_real(double v);
Number number_parse(const char *text);
Number number_of_dim(Elab *e, const Dim *d);
Number number_ratio(Elab *e, const Dim *top, const Dim *bottom);
bool number_is_whole(const Number *n, int64_t *out);
bool number_known(const Number *n, double *out); /* its value, where no free size is in it */
/* + - * / % ^ of numbers known at compile time; false where that needs the run time (a power of a size). */
bool number_binary(Elab *e, OpCode op, Number a, Number b, Number *out);
bool number_function(Elab *e, OpCode op, const Number *in, int n, Number *out);
Verdict number_compare(Elab *e, OpCode op, Number a, Number b);
const Condition *number_condition(Elab *e, OpCode op, Number a, Number b); /* NULL where it cannot be judged */
const Dim *number_dim(Elab *e, Number n); /* NULL where it is not a whole size */
const char *plain_text(Elab *e, Number n);

/* ---- values ---- */
typedef enum ValKind {
    VAL_POISON, /* a fault that was reported */
    VAL_NUMBER, VAL_BOOL, VAL_TEXT, VAL_TENSOR, VAL_TUPLE, VAL_FUNCTION, VAL_TREE, VAL_AXES,
} ValKind;
typedef enum SelectorKind { SELECT_FIRST, SELECT_LAST, SELECT_PACK, SELECT_NAME } SelectorKind;
typedef struct Selector { SelectorKind kind; const char *name; const Dim *dim; Span span; } Selector;
typedef struct Selectors { Selector *at; int n, cap; const Frame *frame; } Selectors;
typedef struct Leaf { int tensor; Value *value; } Leaf;
typedef VEC(Leaf) Leaves;
typedef struct Tree { const char *path; Leaves leaves; } Tree;
typedef struct Overlay { const Tree *tree; const struct Overlay *outer; } Overlay; /* in the place of parameters */
struct Val {
    ValKind kind;
    Number num;
    bool truth;
    const char *text;
    Value *tensor;
    Val *parts;
    int n;
    const char **names; /* of the parts, or NULL */
    const Function *fn;
    const Tree *tree;
    const Selectors *axes;
};
extern const Val poison;
Val val_number(Number n);
Val val_bool(bool b);
Val val_tensor(Value *v);
const char *val_text(Elab *e, Val v); /* what messages call it: a type, a number */

/* ---- functions: what stands in function position ---- */
typedef enum FunctionKind { FN_DEFINED, FN_BUILTIN, FN_DTYPE, FN_CHAIN, FN_REPEAT, FN_PATTERN } FunctionKind;
typedef struct OptionVal { const char *name; Val val; Span span, name_span; const Origin *origin; } OptionVal;
typedef VEC(OptionVal) OptionVals;
typedef struct Builtin Builtin;
struct Function {
    FunctionKind kind;
    Span span;
    const char *name;
    const Decl *decl;
    const char *path;        /* of a layer: its instance */
    const char *slot;        /* of a layer within an optimizer */
    const Tree *parameters;  /* applied with these; NULL: with its own */
    const Builtin *builtin;
    const char *dtype;
    OptionVals options;
    const Expr *pattern;
    Frame *frame;            /* where it was written */
    VEC(const Function *) chain; /* or the rounds of a repeat */
};

/* ---- frames ---- */
typedef enum BindingState { BINDING_WAITING, BINDING_QUEUED, BINDING_ACTIVE, BINDING_READY } BindingState;
typedef struct Binding {
    const char *name;
    Span span;
    BindingState state;
    Val val;
    const Item *item;       /* of a body */
    const Expr *value;      /* of an option's default */
    const Option *option;
    Span written;           /* of an option: where this application gives it */
    const Origin *origin;   /* of an option: where its number was written */
    bool is_layer;          /* a `layer name =` */
    void (*settle)(struct Binding *); /* of an equation: what it does for its effect alone */
    Frame *frame;
} Binding;
typedef struct DimBinding {
    const char *name;
    const Dim *dim;
    const char *from;       /* the input that settled it */
    const Origin *origin;
    int input;
} DimBinding;
struct Frame {
    Elab *e;
    const Decl *decl;       /* NULL: the file itself */
    const char *path;       /* of the instance */
    const Site *applied;
    Map *values;            /* name -> Binding */
    Map *functions;         /* name -> Binding of `layer name =` */
    VEC(DimBinding) dims;
    bool has_pack, numeric, pointwise;
    int npack;
    Axis pack[MAX_RANK];
    Span pack_span;
    const char *pack_from;
    DType real, integer;    /* DT_NONE: not settled yet */
    DType real_default;     /* `real` where nothing settles it */
    const char *real_from;
    bool training;
    bool builtin;           /* std's text */
    const Definitions *names; /* what is known in its file */
    bool owner;             /* params and state may stand here */
    const char *slot;       /* of an optimizer's layer: before the names of its states, "inner." */
    const char *leaf;       /* and the parameter that they belong to; NULL elsewhere */
    const Overlay *overlay; /* what stands for parameters, the innermost first */
};

/* ---- the elaborator ---- */
typedef struct Hyperparameter {
    const Decl *decl;
    bool fixed;      /* given by -D */
    bool structural; /* something needs it when compiling */
    int index;       /* in the program's hypers, or -1 */
    int place;       /* among the file's hypers */
    BindingState state;
    Val val;
} Hyperparameter;
typedef struct LossUse {
    Frame *frame;
    const struct LossWant *want;
    const Value *value;
    const char *text; /* of what it gets, or NULL */
    Span at;
} LossUse;
typedef struct NextValue { int tensor; Value *value; Span span; int count; } NextValue;
struct Definitions { /* of a file, or of std */
    const File *file;
    const char *name; /* of an imported file: before the paths of its layers */
    Frame *root;      /* the file, as this graph sees it */
    Map *callables;   /* name -> Decl of a fn, layer or model */
    Map *symbols;     /* name -> Symbol */
    Map *entry;       /* those of an entry with facts of its own: name -> Symbol; NULL elsewhere */
    Map *hypers;      /* name -> Hyperparameter */
    Map *instances;   /* name -> Decl */
    Map *modules;     /* name -> Definitions of an imported file */
    Map *broken;      /* names that a broken line seems to define */
};
struct Elab {
    Cx *cx;
    Arena *arena;
    Program *program;
    Dims *dims;
    const FrontendOptions *options;
    const File *file;
    Definitions own, std;
    VEC(Definitions *) modules; /* imported files */
    Map *files;         /* their trees, by path */
    VEC(const File *) imported; /* in order of reading */
    Map *unknown;       /* names that were told to be unknown: once is enough */
    Map *applied;       /* definitions that something applies */
    /* the graph under construction */
    Graph *graph;
    Block *block;
    Frame *root;        /* the file, as this graph sees it */
    Value **tensors;    /* by program tensor: its node in this graph */
    int ntensors;
    Map *places;        /* path -> 1 + its program tensor */
    Map *ordinals;      /* path -> draws so far */
    const char *draw_path; /* while a first value is made: its tensor's path */
    VEC(NextValue) next;
    VEC(Binding *) equations;   /* of the train block */
    Binding *optimizer;         /* and its optimizer */
    Frame *train_frame;
    VEC(int) idle;              /* tensors that a step reads and its loss does not depend on */
    Value *loss;                /* NULL where there is none, or none that has a gradient */
    VEC(LossUse) losses; /* std's losses that were applied */
    Map *leaf_owners;           /* state of an optimizer -> the instance that has it */
    Map *starts;                /* path of an instance -> LabelText: the file that it starts from */
    VEC(Binding *) active;
    VEC(const Hyperparameter *) settling;
    VEC(const Decl *) applying;
    int depth;
    bool stopped;       /* it grew too large: nothing more is elaborated */
    bool unsure;        /* a fact is faulty: what stays open for want of it is no fault */
    int rounds;         /* of every `repeat` so far */
    bool checking;      /* a definition that nothing applies, with abstract sizes */
    uint64_t again;     /* settings that turned out to be needed when compiling */
    uint64_t fixed;     /* those known to be */
    int train;          /* block under construction, or -1 */
    const Site *site;   /* the last one made */
    bool warning;       /* names that nothing reads are told, not only marked */
    int nabstract;      /* symbols that only stand for sizes: they are none of the program */
    Diags dropped;      /* repetitions of a message go here */
};

/* ---- fault.c: messages ---- */
/* At the innermost place outside std: a mistake in a call of std never surfaces inside std's body. */
Diag *fault(const Frame *f, Span at, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *warning(const Frame *f, Span at, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
void drop_echoes(Elab *e);
void label_origin(Diag *d, const Origin *o, const char *fmt, ...) PRINTF_LIKE(3, 4);
void label_type(Elab *e, Diag *d, Val v); /* where the sizes of a tensor came from */
const char *signature_text(Elab *e, const Decl *d);
const char *source_text(Elab *e, Span s); /* what stands there, in one line */
const Site *site_at(Frame *f, Span at);
Value *build(Frame *f, Span at, OpCode op, Value *const *in, int n, const Attr *attr, const Type *type);
Node *elab_node(Frame *f, Span at, OpCode op, Value *const *in, int n, const Attr *attr, const Type *type);

/* ---- missing.c: E0409 ---- */
Val missing(const Frame *f, Span at, const char *what); /* gives poison */
bool missing_named(const Frame *f, const char *name, Span at); /* refused, if it is a name that is not available yet */

/* ---- definition.c: what a file defines ---- */
enum { MAX_INPUTS = 64, ABSTRACT_SYMBOLS = 1 << 20 };
void definitions_read(Elab *e, Definitions *to, const File *file);

/* ---- scope.c: names ---- */
Frame *frame_new(Elab *e, const Decl *decl, Frame *caller);
Frame *frame_root(Elab *e, const Definitions *names);
Binding *frame_bind(Frame *f, const char *name, Span span, Val v);
DimBinding *frame_dim(const Frame *f, const char *name);
/* The value that a name stands for; false where there is none (no message). */
bool value_named(Frame *f, const char *name, bool primed, Span at, Val *out);
Val value_of_ref(Frame *f, const Ref *ref, const Type *want);
/* The type written for a state or a binding of that name, or NULL. */
const TypeExpr *binding_type(const Frame *f, const char *name);
bool callable_known(const Frame *f, const char *name);
/* What a name means in function position; NULL after a message. */
Function *function_named(Frame *f, const Path *path, const Expr *at);
const Symbol *symbol_named(const Frame *f, const char *name);

const Definitions *definitions_of(const Frame *f);

/* ---- import.c: other files ---- */
void import_root(Elab *e, const char *path); /* where the file itself stands */
void imports_read(Elab *e, Definitions *to);
const char *import_name(Elab *e, const Decl *d);
const char *source_path(const Elab *e, const Source *s); /* NULL where it is no file */
const Definitions *definitions_at(const Elab *e, const Source *s);
const Definitions *module_named(const Definitions *in, const Path *path);
const Decl *decl_named(const Elab *e, const Definitions *in, const Path *path);

/* ---- binding.c ---- */
Val binding_force(Binding *b);
Val hyper_default(Frame *f, Hyperparameter *h);
Val hyper_value(Frame *f, Hyperparameter *h);

/* ---- type.c: written types ---- */
const Dim *dim_of_expr(Frame *f, Expr *e);  /* NULL after a message */
bool type_of_expr(Frame *f, const TypeExpr *t, Type *out); /* false after a message */
bool dtype_of_name(Frame *f, const TypeExpr *t, DType *out);
const Origin *origin_of_size(Frame *f, const Expr *size); /* where the number behind a written size stands */

/* ---- solve.c: a signature against its inputs ---- */
bool signature_solve(Frame *f, Val *in, Span at);
bool result_solve(Frame *f, const Type *want, Span at); /* a generator against the type it is given to */
/* Sizes that are formulas, when all names and options are known. */
bool formulas_check(Frame *f, const Val *in, Span at);

/* ---- fact.c: conditions, and what the file and its entries state of sizes ---- */
bool condition_read(Frame *f, Expr *e, const Condition **out); /* false where it cannot be judged when compiling */
FactParts message_read(Frame *f, const Where *w);
void facts_of_file(Elab *e);
void facts_of_entry(Frame *f, const Decl *d); /* of the graph that is begun */

/* ---- where.c ---- */
bool wheres_check(Frame *f, const Val *in, Span at, const char *const *texts);
void wheres_suppose(Frame *f);
bool facts_keep(Frame *f, const Val *in, Span at);

/* ---- result.c: a value against its written type, which fills a number and gives roles ---- */
Val result_check(Frame *f, const TypeExpr *t, Val v, Span at);

/* ---- call.c: applying functions ---- */
Function *function_of_expr(Frame *f, Expr *e);   /* NULL after a message */
Val apply(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts, const Type *want);
Val call_expr(Frame *f, Expr *e, const Type *want);
Val pipe_expr(Frame *f, Expr *e);
bool decl_reduces(Elab *e, const Decl *d);

/* ---- repeat.c ---- */
Function *repeat_function(Frame *f, Expr *e);
Val repeat_apply(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts);

/* ---- option.c ---- */
/* Options by name; with no places for inputs one without a name is the first option, else such go to the inputs. */
bool options_read(Frame *f, const Args *args, int inputs, Function *fn);
bool options_bind(Frame *in, Frame *caller, const Function *fn, Span at); /* as names of the body */
bool options_implicit(Frame *in, Frame *caller, const Function *fn);      /* training, real */
const OptionVal *option_in(const OptionVals *options, const char *name);  /* NULL where it is not given */

/* ---- expr.c: expressions ---- */
Val elaborate(Frame *f, Expr *e, const Type *want);
Val elaborate_single(Frame *f, Expr *e, const Type *want); /* no tuple, no function */
Val apply_operator(Frame *f, OpCode op, Val *in, int n, Span at);
Value *tensor_of(Frame *f, Val v, DType t, Span at);       /* a number becomes a constant of that dtype */
Value *fill_type(Frame *f, Val v, const Type *t, Span at); /* and fills the shape; NULL after a message */
Value *run_number(Frame *f, Number n, Span at);            /* as an f64 of the graph */
bool require_known(Frame *f, Number n, Span at, const char *why); /* false after a message */
bool condition_of(Frame *f, Val v, Span at, bool *out);    /* for `if` */

/* ---- builtin.c, axis.c, pattern.c ---- */
typedef struct Call { /* a builtin's application */
    Frame *f;
    const Builtin *builtin;
    Val *in;
    int n;
    const OptionVals *options;
    Span at;
    const Type *want;
} Call;
struct Builtin { const char *name; int low, high; Val (*apply)(Call *c); OpCode op; const char *options; };
const Builtin *builtin_named(const char *name);
const Builtin *builtins_all(int *out_n);
Val convert_value(Frame *f, Val v, DType t, Span at);
bool axes_choose(Frame *f, const Selectors *s, const Value *x, Span at, uint32_t *out);
Val axes_of_expr(Frame *f, Expr *e);
Val builtin_reduce(Call *c);
Val builtin_total(Call *c);
const Dim *pattern_size(Frame *f, const char *name, Span at); /* NULL where the name is no size */
/* place[i]: the axis of v that axis i of the result is, or -1 where it is repeated. */
Value *move_repeat(Frame *f, Value *v, const Type *to, const int *place, Span at);
Val pattern_apply(Frame *f, const Expr *p, Val *in, int n, Span at);
Val contract_at(Frame *f, Val a, Val b, Span at);

/* ---- part.c: parts along an axis, rows of tables ---- */
Val builtin_slice(Call *c);
Val builtin_pad(Call *c);
Val builtin_reverse(Call *c);
Val builtin_concat(Call *c);
Val builtin_split(Call *c);
Val builtin_take(Call *c); /* and scatter_add */

/* ---- instance.c: parameters, states ---- */
void number_layers(Elab *e, const Decl *d);
Val param_value(Frame *f, const Item *it);
Value *tensor_node(Frame *f, int tensor, Span at);

/* ---- given.c: first values from files ---- */
void start_from(Frame *f, const char *name, LabelText from); /* the instance of that name in this frame */
FileValue given_to(Elab *e, const char *path, const char *key); /* by -w, or the file that its instance starts from */

/* ---- tree.c: trees of parameters ---- */
const char *path_resolve(Frame *f, const Ref *ref); /* the full path that a reference names, or NULL */
bool path_chosen(const char *path, const char *by); /* at or below it; `*` is any number of parts */
Value *parameter(Frame *f, int tensor, Span at);    /* or what stands for it here */
Val tree_named(Frame *f, const char *path, Span at);
Val tree_settled(Frame *f, const char *path, Span at); /* not empty; poison after a message */
Val tree_part(Frame *f, const Tree *t, const char *rest); /* g.block2.w of a value g; poison where it has no such part */
Value *tree_leaf(const Tree *t, int tensor);        /* NULL where it has none for it */
Val tree_of(Frame *f, Val v);
Val tree_check(Frame *f, const char *path, Val v, Span at); /* for the parameters of a layer, all of them */
bool type_is_tree(const TypeExpr *t);
const char *instance_type(Frame *f, const TypeExpr *t); /* the path of the layer that it names, or NULL */
Frame *frame_for_leaf(Frame *f, const char *leaf);
Val tree_map(Frame *f, const Function *fn, OpCode op, Val *in, int n, Span at);

/* ---- next.c: values after the step ---- */
void next_value(Frame *f, int tensor, Value *v, Span at, bool averaged);
void states_advance(Frame *f);                 /* every prime equation of an applied body */
void next_begin(Frame *f, const BlockExpr *body); /* of a train block */
void next_settle(Elab *e);                     /* every equation and the optimizer */
Val next_named(Frame *f, const char *path, Span at); /* the tree of the next parameters */

/* ---- body.c: the items of a body ---- */
void body_bind(Frame *f, const BlockExpr *b, bool train);
Val body_result(Frame *f, const BlockExpr *b, const Type *want);

/* ---- model.c, train.c, update.c ---- */
void graph_begin(Elab *e, Graph *g, bool training);
bool entry_inputs(Frame *f, const Decl *d, const TypeExpr *const *types);
void models_build(Elab *e);
void unapplied_check(Elab *e);
void trains_build(Elab *e);
bool *gradient_targets(Elab *e, Value *loss, Node **blocked); /* by program tensor; NULL where there is none */
void check_objective(Frame *f, const Expr *e, Val loss);
Val gradient_of(Frame *f, Val of, Val with, Span at);
Node *gradient_node(Frame *f, Value *loss, const Leaves *leaves, Span at);

/* ---- loss.c: losses that take probabilities, and those that take logits ---- */
void loss_applied(Frame *f, const Function *fn, Val in, const char *text, Span at); /* its first input */
void losses_check(Elab *e);

const bool *loss_reaches(Elab *e, Value *loss);              /* by program tensor, detached ones too */

/* ---- idle.c ---- */
void idle_find(Elab *e, const Graph *step);
void idle_warn(Elab *e);

/* ---- told.c: E0220 ---- */
bool sizes_told(Program *p, Cx *cx); /* false after a message */

/* ---- unused.c: marks items that nothing reads, and warns ---- */
void unused_mark(Elab *e);
void unused_warn(Elab *e);
#endif
