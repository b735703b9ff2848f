/* ast.h: the text as a tree, in both its forms: what people write and the flat form. Every node knows its place. */
#ifndef NNC_AST_H
#define NNC_AST_H
#include "ir/ir.h"

typedef struct Expr Expr;
typedef struct BlockExpr BlockExpr;
typedef VEC(Expr *) Exprs;

/* enc.3.w, net.*.w, dense1.w.init; text is the whole of it */
typedef struct Path {
    Span span;
    const char *text;
    VEC(const char *) parts;
} Path;

typedef struct Ref { /* a path, primed or not: m' */
    Span span;
    Path path;
    bool prime;
} Ref;

/* ---- types ---- */
typedef struct AxisExpr { /* 28, N, y = 28, 2*N, ..., and in patterns (a, b) */
    Span span;
    const char *role; /* NULL: none */
    Expr *size;
} AxisExpr;
typedef VEC(AxisExpr) AxisList;

typedef struct TypeExpr TypeExpr;
typedef struct Field { Span span; const char *name; TypeExpr *type; } Field;
typedef VEC(Field) Fields;
struct TypeExpr {
    Span span;
    const char *name;  /* "f32", "real"; NULL: a tuple of fields */
    Expr *range;       /* i32<range>; NULL: none */
    bool shaped;       /* brackets were written */
    AxisList axes;
    Fields fields;
    Exprs place;       /* flat: @(offset, "area") */
};

/* ---- expressions ---- */
typedef enum ExprKind {
    EX_ERROR,   /* a fault that was reported */
    EX_NUMBER,  /* text */
    EX_TEXT,    /* text */
    EX_REF,     /* ref */
    EX_PACK,    /* ... */
    EX_BINARY,  /* op a b; `@` is OP_CONTRACT */
    EX_UNARY,   /* op a: OP_NEG, OP_NOT */
    EX_IF,      /* if a then b else c */
    EX_PIPE,    /* list[0] |> list[1] |> ... */
    EX_CALL,    /* a(args) block */
    EX_TUPLE,   /* list: (a, b) */
    EX_VECTOR,  /* list: [a, b] */
    EX_PATTERN, /* from -> to */
} ExprKind;

typedef struct Arg { /* value, name = value, name in value..to */
    Span span, name_span;
    const char *name;
    Expr *value, *to;
} Arg;
typedef VEC(Arg) Args;

typedef struct PatternList { Span span; AxisList axes; } PatternList; /* [N, (a, b)] */
typedef VEC(PatternList) PatternLists;

struct Expr {
    ExprKind kind;
    OpCode op;
    Span span, op_span;
    int depth;         /* of the tree below, for a bound on recursion */
    bool paren;        /* stands in parentheses of its own */
    const char *text;
    const char *instance; /* CALL, REF of a layer: the name of its instance in the text around */
    Ref ref;
    Expr *a, *b, *c;
    Exprs list;
    Args args;
    BlockExpr *block;  /* repeat(3) { ... }, kernel(...) { ... } */
    PatternLists from;
    PatternList to;
};

/* ---- items of a body ---- */
typedef enum ItemKind {
    ITEM_ERROR,     /* names: what the broken line seems to bind */
    ITEM_PARAM,     /* path: type = value */
    ITEM_STATE,
    ITEM_INSTANCE,  /* layer path = value from file */
    ITEM_BIND,      /* targets = value */
    ITEM_RESULT,    /* value alone */
    ITEM_SETTING,   /* path value: epochs 30 */
} ItemKind;

typedef struct LabelText { Span span; const char *text; } LabelText;
typedef VEC(LabelText) LabelTexts;

typedef struct Target { Ref ref; TypeExpr *type; Span span; } Target;
typedef VEC(Target) Targets;
typedef VEC(const char *) Names;

typedef struct Item {
    ItemKind kind;
    Span span;
    Path path;
    TypeExpr *type;
    Targets targets;
    Expr *value;
    LabelText from;    /* of INSTANCE; text NULL: none */
    const char *note;  /* flat: where it came from */
    Names names;
    bool unused;       /* nothing reads what it binds: found by unused.c */
} Item;
typedef VEC(Item *) Items;

struct BlockExpr { /* { items; result }; `= value` is a block of one result */
    Span span;
    Items items;
    bool broken; /* holds an ITEM_ERROR */
};

/* ---- definitions ---- */
typedef struct Where { Span span; Expr *condition; const char *message; Span message_span; } Where;
typedef VEC(Where) Wheres;

typedef struct Input { Span span; Ref ref; TypeExpr *type; } Input; /* type: NULL where none is written */
typedef VEC(Input) Inputs;
typedef struct Option {
    Span span, name_span;
    const char *name;
    TypeExpr *kind;  /* NULL: none written, or `fn` */
    bool is_fn;
    Expr *value;     /* its default, or NULL */
} Option;
typedef VEC(Option) Options;
typedef struct Binder { Span span; const char *name; } Binder;
typedef VEC(Binder) Binders;
typedef enum DeclKind {
    DECL_ERROR, DECL_IMPORT, DECL_DIM, DECL_HYPER, DECL_FN, DECL_LAYER, DECL_INSTANCE, DECL_MODEL, DECL_TRAIN,
    DECL_SETTING, /* flat: stage "planned" */
} DeclKind;

typedef struct Decl {
    DeclKind kind;
    Span span;
    Span head;          /* from its word to its result type: what messages show of it */
    Path path;          /* its name */
    Binders binders;    /* [I, O]; of DIM: the names */
    Inputs inputs;
    Options options;
    TypeExpr *result;   /* NULL: not written */
    Wheres wheres;
    BlockExpr *body;
    Expr *value;        /* HYPER, INSTANCE */
    Expr *low, *high;   /* DIM: bounds, or NULL */
    LabelTexts labels;  /* DIM: named places */
    const char *text;   /* IMPORT: file; SETTING: its text */
    LabelText from;     /* INSTANCE; text NULL: none */
    const char *as;     /* IMPORT */
    Names names;        /* ERROR: what the broken line seems to define */
    /* found out while elaborating */
    bool numbered;      /* its layers have their names */
    int reduces;        /* 0: not asked yet; see decl_reduces */
} Decl;
typedef VEC(Decl *) Decls;

typedef struct File {
    const Source *source;
    Decls decls;
    bool broken;      /* has syntax errors */
    const char *path; /* where it stands; NULL where that is no file */
} File;

/* Reads a source into a tree; faults are reported and leave ERROR nodes, the rest stands. */
File *file_parse(Cx *cx, const Source *source);
/* `stage "..."`: a flat file. */
bool file_is_flat(const File *f);

/* ---- message.c ---- */
typedef struct MessagePart { const char *text; Expr *formula; } MessagePart; /* text: as written, braces and all */
typedef VEC(MessagePart) MessageParts;
MessageParts message_parts(Arena *a, const Where *w);

/* ---- given.c: first values that stand in files, in both forms ---- */
const char *path_beside(Arena *a, const char *from, const char *path); /* relative to the file `from` (or NULL) */
FileValue given_by(Arena *a, const char *weights, const char *key);        /* the weights of the command line */
FileValue given_in(Arena *a, const char *beside, LabelText text);          /* "file:key", written in the file `beside` */

/* ---- ast.c: building ---- */
enum { MAX_DEPTH = 1000 };
Expr *expr_new(Arena *a, ExprKind kind, Span span);
Expr *expr_binary(Arena *a, OpCode op, Expr *left, Span op_span, Expr *right);
Expr *expr_unary(Arena *a, OpCode op, Span op_span, Expr *of);
Item *item_new(Arena *a, ItemKind kind, Span span);
Decl *decl_new(Arena *a, DeclKind kind, Span span);
Path path_new(Arena *a, const char *name, Span span);
Path path_join(Arena *a, Path p, const char *part, Span span);
const char *text_unquote(Arena *a, const char *quoted, size_t n);
/* Calls visit for an expression and everything in it, outside in. */
void expr_each(Expr *e, void (*visit)(Expr *, void *), void *context);
bool expr_mentions(Expr *e, const char *name); /* reads or applies it, unprimed */
/* The same for every expression of a definition. */
void decl_each(const Decl *d, void (*visit)(Expr *, void *), void *context);
#endif
