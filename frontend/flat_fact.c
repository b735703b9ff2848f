/* What a flat file states of its sizes, with `where`: of a dim, of a graph. */
#include "frontend/flat.h"

static const Condition *condition_fail(Flat *f, const Expr *e)
{
    flat_error(f, e->span, "this compares no sizes");
    return NULL;
}

static const Condition *flat_condition(Flat *f, const Expr *e)
{
    if (e->kind == EX_REF && (str_equal(e->text, "true") || str_equal(e->text, "false")))
        return condition_known(f->arena, e->text[0] == 't');
    if (e->kind != EX_BINARY) return condition_fail(f, e);
    if (e->op == OP_AND || e->op == OP_OR) {
        const Condition *left = flat_condition(f, e->a), *right = left ? flat_condition(f, e->b) : NULL;
        ConditionKind kind = e->op == OP_AND ? CONDITION_ALL : CONDITION_ANY;
        return right ? condition_both(f->arena, kind, left, right) : NULL;
    }
    if (!(op_info(e->op)->flags & OPF_COMPARES)) return condition_fail(f, e);
    const Dim *a = flat_dim(f, e->a), *b = a ? flat_dim(f, e->b) : NULL;
    return b ? condition_compare(f->arena, e->op, a, b) : NULL;
}

/* A size, or the quotient of two; braces that hold neither are text. */
static FactPart flat_part(Flat *f, const MessagePart *written)
{
    const Expr *e = written->formula;
    bool ratio = e && e->kind == EX_BINARY && e->op == OP_DIV;
    Cx dropped = {f->arena, &(Diags){.arena = f->arena}};
    Flat quiet = *f;
    quiet.cx = &dropped;
    const Dim *top = e ? flat_dim(&quiet, ratio ? e->a : e) : NULL;
    const Dim *bottom = !top ? NULL : ratio ? flat_dim(&quiet, e->b) : dim_const(f->program->dims, 1);
    return bottom ? (FactPart){.top = top, .bottom = bottom} : (FactPart){.text = written->text};
}

static bool flat_fact(Flat *f, const Where *w, Facts *to)
{
    Fact fact = {.condition = flat_condition(f, w->condition), .span = w->span};
    if (!fact.condition) return false;
    MessageParts parts = message_parts(f->arena, w);
    for (int i = 0; i < parts.n; i++) vec_push(f->arena, &fact.message, flat_part(f, &parts.at[i]));
    vec_push(f->arena, to, fact);
    return dims_assume(f->program->dims, fact.condition) || flat_error(f, w->span, "no size is left");
}

static bool flat_facts(Flat *f, const Wheres *wheres, Facts *to)
{
    for (int i = 0; i < wheres->n; i++)
        if (!flat_fact(f, &wheres->at[i], to)) return false;
    return true;
}

bool flat_file_facts(Flat *f, Facts *to)
{
    for (int i = 0; i < f->file->decls.n; i++)
        if (f->file->decls.at[i]->kind == DECL_DIM && !flat_facts(f, &f->file->decls.at[i]->wheres, to)) return false;
    return true;
}

/* Its facts hold in this graph alone, so they speak of copies. */
bool flat_graph_facts(Flat *f, const Wheres *wheres, Graph *g)
{
    Program *p = f->program;
    f->own = NULL;
    if (!wheres->n) return true;
    const Symbol **own = NEW_ARRAY(f->arena, const Symbol *, p->symbols.n);
    for (int i = 0; i < p->symbols.n; i++) {
        const Symbol *s = p->symbols.at[i];
        own[i] = s->fixed ? s : arena_copy(f->arena, s, sizeof *s);
    }
    f->own = own;
    return flat_file_facts(f, &(Facts){0}) && flat_facts(f, wheres, &g->facts);
}
