/* where.c: the conditions of a definition, judged at each application. */
#include "frontend/elab.h"
#include <string.h>

static const char *where_message(Frame *f, const Where *w)
{
    Elab *e = f->e;
    Text to = {.arena = e->arena};
    FactParts parts = message_read(f, w);
    for (int i = 0; i < parts.n; i++) {
        const FactPart *p = &parts.at[i];
        text_add(&to, "%s", p->top ? plain_text(e, number_ratio(e, p->top, p->bottom)) : p->text);
    }
    return text_done(&to);
}

typedef struct Labels { Frame *f; Diag *d; Names seen; } Labels;

static void label_name(Expr *e, void *context)
{
    Labels *l = context;
    if (e->kind != EX_REF) return;
    for (int i = 0; i < l->seen.n; i++)
        if (str_equal(l->seen.at[i], e->text)) return;
    vec_push(l->f->e->arena, &l->seen, e->text);
    const DimBinding *dim = frame_dim(l->f, e->text);
    if (dim && dim->dim) {
        label_origin(l->d, dim->origin, "`%s` = %s comes from here", e->text, dim_text(l->f->e->arena, dim->dim));
        return;
    }
    const Binding *b = map_get(l->f->values, e->text);
    if (b && b->option && b->written.source && b->val.kind == VAL_NUMBER)
        diag_label(l->d, b->written, "`%s` = %s is written here", e->text, plain_text(l->f->e, b->val.num));
}

/* `option == dim` where all axes of a sample together are what the option tells. */
static void help_flatten(Diag *d, Frame *f, const Expr *c, const Val *in)
{
    if (!in || !f->decl->inputs.n || in[0].kind != VAL_TENSOR || c->kind != EX_BINARY || c->op != OP_EQ) return;
    if (c->a->kind != EX_REF || c->b->kind != EX_REF || !frame_dim(f, c->b->text)) return;
    const Binding *b = map_get(f->values, c->a->text);
    const Dim *told = b && b->option && b->val.kind == VAL_NUMBER ? number_dim(f->e, b->val.num) : NULL;
    const Dim *sample = dim_const(f->e->dims, 1);
    Type t = in[0].tensor->type;
    for (int i = 1; i < t.rank; i++) sample = dim_mul(f->e->dims, sample, t.axes[i].dim);
    if (told && t.rank > 2 && dim_equal(told, sample) == PROVED) diag_help(d, "put `flatten |>` before it");
}

/* `option == dim` where the option could have been left out. */
static void help_option(Diag *d, Frame *f, const Expr *c)
{
    if (c->kind != EX_BINARY || c->op != OP_EQ || c->a->kind != EX_REF || c->b->kind != EX_REF) return;
    const Binding *b = map_get(f->values, c->a->text);
    const DimBinding *dim = frame_dim(f, c->b->text);
    if (!b || !b->option || !dim || !b->written.source || !b->option->value) return;
    const Expr *value = b->option->value;
    bool found = value->kind == EX_REF && str_equal(value->text, c->b->text);
    diag_help(d, "write `%s = %s` (line %d)%s", c->a->text, dim_text(f->e->arena, dim->dim),
              source_line(b->written.source, b->written.lo), found ? ", or leave it out: it is found from the input"
                  : "");
}

/* `names` is where the condition was read: the frame itself, or its dims as the file sees them. */
static void where_fault(Frame *f, Frame *names, const Where *w, const Val *in, Span at, const char *const *texts,
                        const Condition *c)
{
    Elab *e = f->e;
    const char *condition = source_text(e, w->condition->span);
    bool refuted = c && condition_verdict(e->dims, c) == REFUTED;
    Diag *d = refuted ? fault(f, at, "E0208", "%s", where_message(names, w))
                           : fault(f, at, "E0212", "nothing says whether `%s` holds for `%s`", condition,
                                   f->decl->path.text);
    if (in && f->decl->inputs.n && in[0].kind == VAL_TENSOR)
        diag_primary(d, "`%s` is applied to %s%s%s", f->decl->path.text, texts && texts[0] ? texts[0] : "",
                     texts && texts[0] ? ": " : "", val_text(e, in[0]));
    else diag_primary(d, "`%s` is applied here", f->decl->path.text);
    Labels labels = {names, d, {0}};
    expr_each(w->condition, label_name, &labels);
    diag_note(d, "%s:%d demands `%s`", w->span.source->name, source_line(w->span.source, w->span.lo), condition);
    help_flatten(d, f, w->condition, in);
    help_option(d, f, w->condition);
    if (c && !refuted) diag_help_settling(d, e->dims, c);
}

/* One condition at one application: true where it holds, or is to be supposed of symbols that only stand for sizes. */
static bool where_holds(Frame *f, Frame *names, const Where *w, const Val *in, Span at, const char *const *texts)
{
    Elab *e = f->e;
    const Condition *c;
    bool read = condition_read(names, w->condition, &c);
    Verdict v = read ? condition_verdict(e->dims, c) : UNDECIDED;
    if (v == PROVED || (v == UNDECIDED && e->checking && !read)) return true;
    if (v == UNDECIDED && e->checking) return dims_assume(e->dims, c), true;
    where_fault(f, names, w, in, at, texts, read ? c : NULL);
    return false;
}

bool wheres_check(Frame *f, const Val *in, Span at, const char *const *texts)
{
    if (!formulas_check(f, in, at)) return false;
    for (int i = 0; i < f->decl->wheres.n; i++)
        if (!where_holds(f, f, &f->decl->wheres.at[i], in, at, texts)) return false;
    return true;
}

/* Of a definition that nothing applies; a condition that its symbols break says nothing of applications. */
void wheres_suppose(Frame *f)
{
    const Condition *c;
    for (int i = 0; i < f->decl->wheres.n; i++)
        if (condition_read(f, f->decl->wheres.at[i].condition, &c) && condition_verdict(f->e->dims, c) == UNDECIDED)
            dims_assume(f->e->dims, c);
}

/* ---- facts about the file's dims hold for what these are in an application ---- */

typedef struct Solved { const Frame *names; bool some, all; } Solved;

static void find_solved(Expr *e, void *context)
{
    Solved *s = context;
    const Symbol *symbol = e->kind == EX_REF ? symbol_named(s->names, e->text) : NULL;
    if (!symbol || symbol->fixed) return;
    const DimBinding *b = frame_dim(s->names, e->text);
    s->some |= b && b->dim;
    s->all &= b && b->dim;
}

bool facts_keep(Frame *f, const Val *in, Span at)
{
    Frame *names = frame_new(f->e, NULL, NULL);
    const File *file = definitions_of(f)->file;
    names->names = f->names;
    names->applied = f->applied;
    for (int i = f->decl->binders.n; i < f->dims.n; i++) vec_push(f->e->arena, &names->dims, f->dims.at[i]);
    for (int i = 0; file && i < file->decls.n && names->dims.n; i++) {
        const Wheres *wheres = &file->decls.at[i]->wheres;
        for (int k = 0; file->decls.at[i]->kind == DECL_DIM && k < wheres->n; k++) {
            Solved s = {names, false, true};
            expr_each(wheres->at[k].condition, find_solved, &s);
            if (s.some && s.all && !where_holds(f, names, &wheres->at[k], in, at, NULL)) return false;
        }
    }
    return true;
}
