/* ast.c: building the tree. */
#include "frontend/ast.h"
#include <string.h>

Expr *expr_new(Arena *a, ExprKind kind, Span span)
{
    Expr *e = NEW(a, Expr);
    e->kind = kind;
    e->span = span;
    e->depth = 1;
    return e;
}

Expr *expr_binary(Arena *a, OpCode op, Expr *left, Span op_span, Expr *right)
{
    Expr *e = expr_new(a, EX_BINARY, span_join(left->span, right->span));
    e->op = op;
    e->op_span = op_span;
    e->a = left;
    e->b = right;
    return e;
}

Expr *expr_unary(Arena *a, OpCode op, Span op_span, Expr *of)
{
    Expr *e = expr_new(a, EX_UNARY, span_join(op_span, of->span));
    e->op = op;
    e->op_span = op_span;
    e->a = of;
    return e;
}

Item *item_new(Arena *a, ItemKind kind, Span span)
{
    Item *it = NEW(a, Item);
    it->kind = kind;
    it->span = span;
    return it;
}

Decl *decl_new(Arena *a, DeclKind kind, Span span)
{
    Decl *d = NEW(a, Decl);
    d->kind = kind;
    d->span = d->head = span;
    return d;
}

Path path_new(Arena *a, const char *name, Span span)
{
    Path p = {.span = span, .text = name};
    vec_push(a, &p.parts, name);
    return p;
}

Path path_join(Arena *a, Path p, const char *part, Span span)
{
    Path q = {.span = span, .text = str_format(a, "%s.%s", p.text, part)};
    for (int i = 0; i < p.parts.n; i++) vec_push(a, &q.parts, p.parts.at[i]);
    vec_push(a, &q.parts, part);
    return q;
}

static char unescaped(char c) { return c == 'n' ? '\n' : c == 't' ? '\t' : c; }

const char *text_unquote(Arena *a, const char *quoted, size_t n)
{
    char *out = str_copy_n(a, quoted, n), *to = out;
    for (size_t i = 1; i + 1 < n; i++) *to++ = quoted[i] == '\\' ? unescaped(quoted[++i]) : quoted[i];
    *to = 0;
    return out;
}

static void each_item(const Item *it, void (*visit)(Expr *, void *), void *context);

static void each_axis(AxisList axes, void (*visit)(Expr *, void *), void *context)
{
    for (int i = 0; i < axes.n; i++) expr_each(axes.at[i].size, visit, context);
}

void expr_each(Expr *e, void (*visit)(Expr *, void *), void *context)
{
    if (!e) return;
    visit(e, context);
    expr_each(e->a, visit, context);
    expr_each(e->b, visit, context);
    expr_each(e->c, visit, context);
    for (int i = 0; i < e->list.n; i++) expr_each(e->list.at[i], visit, context);
    for (int i = 0; i < e->args.n; i++) {
        expr_each(e->args.at[i].value, visit, context);
        expr_each(e->args.at[i].to, visit, context);
    }
    for (int i = 0; i < e->from.n; i++) each_axis(e->from.at[i].axes, visit, context);
    each_axis(e->to.axes, visit, context);
    for (int i = 0; e->block && i < e->block->items.n; i++) each_item(e->block->items.at[i], visit, context);
}

bool file_is_flat(const File *f)
{
    for (int i = 0; i < f->decls.n; i++) {
        const Decl *d = f->decls.at[i];
        if (d->kind == DECL_SETTING) return str_equal(d->path.text, "stage");
    }
    return false;
}

static void each_type(const TypeExpr *t, void (*visit)(Expr *, void *), void *context)
{
    if (!t) return;
    expr_each(t->range, visit, context);
    each_axis(t->axes, visit, context);
    for (int i = 0; i < t->fields.n; i++) each_type(t->fields.at[i].type, visit, context);
}

static void each_item(const Item *it, void (*visit)(Expr *, void *), void *context)
{
    each_type(it->type, visit, context);
    for (int i = 0; i < it->targets.n; i++) each_type(it->targets.at[i].type, visit, context);
    expr_each(it->value, visit, context);
}

void decl_each(const Decl *d, void (*visit)(Expr *, void *), void *context)
{
    for (int i = 0; i < d->inputs.n; i++) each_type(d->inputs.at[i].type, visit, context);
    for (int i = 0; i < d->options.n; i++) {
        each_type(d->options.at[i].kind, visit, context);
        expr_each(d->options.at[i].value, visit, context);
    }
    each_type(d->result, visit, context);
    for (int i = 0; i < d->wheres.n; i++) expr_each(d->wheres.at[i].condition, visit, context);
    for (int i = 0; d->body && i < d->body->items.n; i++) each_item(d->body->items.at[i], visit, context);
    expr_each(d->value, visit, context);
    expr_each(d->low, visit, context);
    expr_each(d->high, visit, context);
}

typedef struct Mention { const char *name; bool found; } Mention;

static void find_mention(Expr *e, void *context)
{
    Mention *m = context;
    if (e->kind == EX_REF && !e->ref.prime && str_equal(e->ref.path.parts.at[0], m->name)) m->found = true;
}

bool expr_mentions(Expr *e, const char *name)
{
    Mention m = {name, false};
    expr_each(e, find_mention, &m);
    return m.found;
}
