/* message.c: what a `where` says when it does not hold: texts, and formulas in braces between them. */
#include "frontend/ast.h"
#include <string.h>

static Expr *formula_parse(Arena *a, const char *name, const char *text, size_t n)
{
    const char *line = str_format(a, "hyper formula = %.*s\n", (int)n, text);
    Cx quiet = {a, &(Diags){.arena = a}};
    File *file = file_parse(&quiet, source_new(a, name, line, strlen(line)));
    return !file->broken && file->decls.n == 1 ? file->decls.at[0]->value : NULL;
}

MessageParts message_parts(Arena *a, const Where *w)
{
    MessageParts parts = {0};
    const char *s = w->message, *open, *close;
    while ((open = strchr(s, '{')) && (close = strchr(open, '}'))) {
        size_t n = (size_t)(close - open) + 1;
        Expr *formula = formula_parse(a, w->span.source->name, open + 1, n - 2);
        if (open > s) vec_push(a, &parts, ((MessagePart){str_copy_n(a, s, (size_t)(open - s)), NULL}));
        vec_push(a, &parts, ((MessagePart){str_copy_n(a, open, n), formula}));
        s = close + 1;
    }
    vec_push(a, &parts, ((MessagePart){s, NULL}));
    return parts;
}
