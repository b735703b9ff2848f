/* fact.c: conditions as the text writes them, and what a file and its entries state of their sizes. */
#include "frontend/elab.h"

/* ---- conditions ---- */

static bool read_comparison(Frame *f, Expr *e, const Condition **out)
{
    Val a = elaborate(f, e->a, NULL), b = elaborate(f, e->b, NULL);
    *out = condition_known(f->e->arena, true);
    if (a.kind == VAL_POISON || b.kind == VAL_POISON) return true; /* told already */
    if (a.kind != VAL_NUMBER || b.kind != VAL_NUMBER) {
        Val v = apply_operator(f, e->op, (Val[]){a, b}, 2, e->span);
        bool holds = true;
        if (condition_of(f, v, e->span, &holds)) *out = condition_known(f->e->arena, holds);
        return true;
    }
    if (a.num.kind == NUM_RUN || b.num.kind == NUM_RUN) {
        f->e->again |= a.num.hypers | b.num.hypers;
        return true; /* step and epoch cannot be judged before they run */
    }
    const Condition *c = number_condition(f->e, e->op, a.num, b.num);
    if (c) *out = c;
    return c != NULL;
}

bool condition_read(Frame *f, Expr *e, const Condition **out)
{
    Arena *arena = f->e->arena;
    const Condition *left, *right;
    if (e->kind == EX_UNARY && e->op == OP_NOT) {
        if (!condition_read(f, e->a, &left)) return false;
        *out = condition_not(arena, left);
        return true;
    }
    if (e->kind == EX_BINARY && (e->op == OP_AND || e->op == OP_OR)) {
        if (!condition_read(f, e->a, &left) || !condition_read(f, e->b, &right)) return false;
        *out = condition_both(arena, e->op == OP_AND ? CONDITION_ALL : CONDITION_ANY, left, right);
        return true;
    }
    if (e->kind == EX_BINARY && op_info(e->op)->flags & OPF_COMPARES) return read_comparison(f, e, out);
    bool holds = true;
    Val v = elaborate(f, e, NULL);
    *out = condition_known(arena, v.kind == VAL_POISON || !condition_of(f, v, e->span, &holds) || holds);
    return true;
}

/* ---- messages ---- */

FactParts message_read(Frame *f, const Where *w)
{
    Elab *e = f->e;
    Cx quiet = {e->arena, &e->dropped}, *was = e->cx;
    MessageParts written = message_parts(e->arena, w);
    FactParts parts = {0};
    for (int i = 0; i < written.n; i++) {
        const MessagePart *m = &written.at[i];
        FactPart part = {.text = m->text};
        e->cx = &quiet;
        Val v = m->formula ? elaborate(f, m->formula, NULL) : poison;
        e->cx = was;
        if (v.kind == VAL_NUMBER && v.num.kind == NUM_SIZE) part = (FactPart){NULL, v.num.top, v.num.bottom};
        else if (v.kind == VAL_NUMBER) part.text = plain_text(e, v.num);
        vec_push(e->arena, &parts, part);
    }
    return parts;
}

/* A message whose sizes are all known. */
static const char *message_settled(Elab *e, const FactParts *parts)
{
    Text to = {.arena = e->arena};
    for (int i = 0; i < parts->n; i++) {
        const FactPart *p = &parts->at[i];
        int64_t top, bottom;
        bool known = p->top && dim_known(p->top, &top) && dim_known(p->bottom, &bottom) && bottom;
        if (known) text_add(&to, "%s", text_number(e->arena, (double)top / (double)bottom, false));
        else text_add(&to, "%s", p->top ? dim_text(e->arena, p->top) : p->text);
    }
    return text_done(&to);
}

/* ---- facts ---- */

/* What -D gave, where the condition speaks of it. */
static const Define *define_in(const Elab *e, const Where *w)
{
    for (int i = 0; i < e->options->ndefines; i++)
        if (expr_mentions(w->condition, e->options->defines[i].name)) return &e->options->defines[i];
    return NULL;
}

static void fact_broken(Frame *f, const Where *w, const Fact *fact)
{
    Elab *e = f->e;
    const Define *by = define_in(e, w);
    const char *message = message_settled(e, &fact->message);
    Diag *d = by ? fault(f, w->span, "E0407", "-D %s=%s: %s", by->name, by->value, message)
                 : fault(f, w->span, "E0208", "%s", message);
    diag_primary(d, "`%s` does not hold", source_text(e, w->condition->span));
    e->stopped |= by != NULL; /* what would follow is no fault of the text */
}

static void fact_read(Frame *f, const Where *w, Facts *to)
{
    Elab *e = f->e;
    Fact fact = {.span = w->span, .message = message_read(f, w)};
    if (!condition_read(f, w->condition, &fact.condition)) {
        Diag *d = fault(f, w->span, "E0412", "a fact compares sizes and whole numbers");
        diag_primary(d, "`%s` cannot be judged", source_text(e, w->condition->span));
        return;
    }
    if (!condition_is_open(fact.condition)) {
        if (!condition_holds(fact.condition, NULL)) fact_broken(f, w, &fact);
        else dims_assume(e->dims, fact.condition);
        return;
    }
    if (to) vec_push(e->arena, to, fact);
    if (dims_assume(e->dims, fact.condition)) return;
    Diag *d = fault(f, w->span, "E0207", "no size is left for which `%s` holds", source_text(e, w->condition->span));
    diag_primary(d, "this is never so, by what is known of its dims");
}

static void read_facts(Elab *e, Facts *to)
{
    for (int i = 0; i < e->file->decls.n; i++) {
        const Decl *d = e->file->decls.at[i];
        for (int k = 0; (d->kind == DECL_DIM || d->kind == DECL_HYPER) && k < d->wheres.n; k++)
            fact_read(e->root, &d->wheres.at[k], to);
    }
}

void facts_of_file(Elab *e)
{
    int errors = e->cx->diags->errors;
    read_facts(e, &e->program->facts);
    e->unsure = e->cx->diags->errors > errors;
}

/* Its facts hold in this graph alone, so there the open dims are symbols of its own, of which the file's facts hold too. */
void facts_of_entry(Frame *f, const Decl *d)
{
    Elab *e = f->e;
    if (!d->wheres.n) return;
    Map *own = map_new(e->arena);
    for (int i = 0; i < map_count(e->own.symbols); i++) {
        const Symbol *s = map_value(e->own.symbols, i);
        if (!s->fixed) map_set(own, s->name, arena_copy(e->arena, s, sizeof *s));
    }
    e->own.entry = own;
    read_facts(e, NULL);
    for (int i = 0; i < d->wheres.n; i++) fact_read(f, &d->wheres.at[i], &e->graph->facts);
}
