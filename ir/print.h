/* print.h: what the parts of the printer share. */
#ifndef NNC_IR_PRINT_H
#define NNC_IR_PRINT_H
#include "ir/ir.h"

typedef struct Printer {
    const Graph *graph;
    Arena *arena;
    Text *to;
    int indent;
    bool notes;         /* where things came from: `: "file.nn:5:8 path"` */
    const char **names; /* by Value.id; NULL: the value has no line, it stands bare where it is read */
} Printer;

/* ---- names.c ---- */
/* Gives every value that has a line of its own a name that no other thing in its graph has. */
void names_give(Printer *p);
/* A value as an operand: its name, a number, a path. */
const char *operand_text(const Printer *p, const Value *v);
const char *number_text(Arena *a, DType t, double v);

/* ---- pattern.c ---- */
void move_print(const Printer *p, const Node *n);
void contract_print(const Printer *p, const Node *n);
#endif
