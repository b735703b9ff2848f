/* parser.h: what the grammar's actions share; private to parse.y and syntax.c. */
#ifndef NNC_PARSER_H
#define NNC_PARSER_H
#include "frontend/ast.h"
#include "frontend/token.h"

typedef struct Parser {
    Cx *cx;
    Arena *arena;
    const Source *source;
    TokenList tokens;
    int next;        /* token to hand out */
    int skip_to;     /* after a fault in a definition's head: go on here; 0: nowhere */
    int skipped;     /* the last such place */
    int too_deep;    /* reported already */
    File *file;
} Parser;

typedef struct Signature { Inputs inputs; Options options; Span span; } Signature;
typedef struct Bounds { Expr *low, *high; } Bounds;
typedef struct CallTail { Args args; BlockExpr *block; Span span; } CallTail;

/* ---- syntax.c: messages, and what a broken line still tells ---- */
/* `expected` are the grammar's names of what may stand at the token last handed out. */
void syntax_error(Parser *p, Span at, const char *const *expected, int n);
/* The names that the broken text seems to bind or define. */
Names broken_names(Parser *p, Span span);
/* The expression, or an error in its place where the nesting goes too deep. */
Expr *bounded(Parser *p, Expr *e);
/* The path with one more part, unless it has too many. */
Path longer(Parser *p, Path path, const char *part, Span span);
#endif
