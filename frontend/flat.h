/* flat.h: the reader of the flat form. */
#ifndef NNC_FLAT_H
#define NNC_FLAT_H
#include "frontend/ast.h"
#include "frontend/frontend.h"

/* ---- flat.c ---- */
/* A flat file, which stands at `path` (or NULL), as a program. NULL after messages. */
Program *flat_build(Cx *cx, const File *file, const char *path, const FrontendOptions *options);

/* What the parts of the reader share. */
typedef struct Flat {
    Cx *cx;
    Arena *arena;
    Program *program;
    const File *file;
    const FrontendOptions *options;
    const char *path;
    Stage stage;
    Graph *graph;   /* being read */
    Map *values;    /* by name: Value */
    Map *leaves;    /* by text: Value of a tensor, a setting, a clock */
    const Symbol **own; /* of a graph with facts of its own: its copies of the program's symbols, else NULL */
} Flat;
typedef struct Operands { Value **at; int n; } Operands;
/* Reports what is not the flat form. Gives false. */
bool flat_error(Flat *f, Span at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The lines of a body, its RETURN apart. */
bool flat_region(Flat *f, Block *into, const BlockExpr *body);
/* The written value of a RETURN: nothing, one value or a tuple. */
bool flat_results(Flat *f, Block *b, const Expr *e, Operands *out);

/* ---- flat_type.c ---- */
const Dim *flat_dim(Flat *f, const Expr *e); /* NULL after a message */
bool flat_int(Flat *f, const Expr *e, int64_t *out);
bool flat_type(Flat *f, const TypeExpr *e, Type *out);
bool flat_place(Flat *f, const TypeExpr *e, Place *out);

/* ---- flat_fact.c ---- */
bool flat_file_facts(Flat *f, Facts *to);
bool flat_graph_facts(Flat *f, const Wheres *wheres, Graph *g);

/* ---- flat_pattern.c ---- */
MoveAttr *flat_move(Flat *f, const Expr *pattern, Type from, Type to);
ContractAttr *flat_contract(Flat *f, const Expr *pattern, Type a, Type b);
ContractAttr *flat_matmul(Flat *f, Span at, Type a, Type b);

/* ---- flat_node.c ---- */
/* A bare number of a dtype, or a name's value. NULL after a message. */
Value *flat_operand(Flat *f, Block *b, const Expr *e, DType bare);
bool flat_is_number(const Expr *e);
double flat_number(const Expr *e, DType t);
/* `targets = value`: the node with the written types. */
bool flat_line(Flat *f, Block *b, const Item *item);
#endif
