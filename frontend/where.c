/* where.c: the conditions of a definition, judged at each application. */
#include "frontend/elab.h"
#include <string.h>

/* A text with its {formulas} worked out. */
static const char *where_message(Frame *f, const Where *w)
{
    Elab *e = f->e;
    Text to = {.arena = e->arena};
    for (const char *s = w->message; *s;) {
        const char *end = *s == '{' ? strchr(s, '}') : NULL;
        if (!end) {
            text_add_n(&to, s++, 1);
            continue;
        }
        const char *formula = str_format(e->arena, "hyper formula = %.*s\n", (int)(end - s - 1), s + 1);
        Source *source = source_new(e->arena, w->span.source->name, formula, strlen(formula));
        Cx quiet = {e->arena, &e->dropped};
        File *file = file_parse(&quiet, source);
        bool good = !file->broken && file->decls.n == 1 && file->decls.at[0]->value;
        Val v = good ? elaborate(f, file->decls.at[0]->value, NULL) : poison;
        if (v.kind == VAL_NUMBER) text_add(&to, "%s", plain_text(e, v.num));
        else text_add(&to, "%.*s", (int)(end - s + 1), s);
        s = end + 1;
    }
    return text_done(&to);
}

static Verdict verdict_not(Verdict v) { return v == PROVED ? REFUTED : v == REFUTED ? PROVED : UNDECIDED; }

/* Whether a condition holds; a broken one was reported and counts as holding. */
static Verdict verdict_of(Frame *f, Expr *c)
{
    if (c->kind == EX_UNARY && c->op == OP_NOT) return verdict_not(verdict_of(f, c->a));
    if (c->kind == EX_BINARY && (c->op == OP_AND || c->op == OP_OR)) {
        Verdict a = verdict_of(f, c->a), b = verdict_of(f, c->b), decides = c->op == OP_AND ? REFUTED : PROVED;
        if (a == decides || b == decides) return decides;
        return a == UNDECIDED || b == UNDECIDED ? UNDECIDED : a;
    }
    if (c->kind == EX_BINARY && op_info(c->op)->flags & OPF_COMPARES) {
        Val a = elaborate(f, c->a, NULL), b = elaborate(f, c->b, NULL);
        if (a.kind == VAL_NUMBER && b.kind == VAL_NUMBER) {
            if (a.num.kind == NUM_RUN || b.num.kind == NUM_RUN) {
                f->e->again |= a.num.hypers | b.num.hypers;
                return PROVED; /* step and epoch cannot be judged before they run */
            }
            return number_compare(f->e, c->op, a.num, b.num);
        }
        if (a.kind == VAL_POISON || b.kind == VAL_POISON) return PROVED;
    }
    bool holds = true;
    Val v = elaborate(f, c, NULL);
    return condition_of(f, v, c->span, &holds) && !holds ? REFUTED : PROVED;
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

static void where_fault(Frame *f, const Where *w, const Val *in, Span at, const char *const *texts, Verdict v)
{
    Elab *e = f->e;
    const char *condition = source_text(e, w->condition->span);
    Diag *d = v == REFUTED ? fault(f, at, "E0208", "%s", where_message(f, w))
                           : fault(f, at, "E0212", "nothing says whether `%s` holds for `%s`", condition,
                                   f->decl->path.text);
    if (in && f->decl->inputs.n && in[0].kind == VAL_TENSOR)
        diag_primary(d, "`%s` is applied to %s%s%s", f->decl->path.text, texts && texts[0] ? texts[0] : "",
                     texts && texts[0] ? ": " : "", val_text(e, in[0]));
    else diag_primary(d, "`%s` is applied here", f->decl->path.text);
    Labels labels = {f, d, {0}};
    expr_each(w->condition, label_name, &labels);
    diag_note(d, "%s:%d demands `%s`", w->span.source->name, source_line(w->span.source, w->span.lo), condition);
    help_flatten(d, f, w->condition, in);
    help_option(d, f, w->condition);
    if (v == UNDECIDED)
        diag_help(d, "give the size a number, or its dim one by `-D`, or bounds that settle it: `dim N in 2..64`");
}

bool wheres_check(Frame *f, const Val *in, Span at, const char *const *texts)
{
    if (!formulas_check(f, in, at)) return false;
    for (int i = 0; i < f->decl->wheres.n; i++) {
        const Where *w = &f->decl->wheres.at[i];
        Verdict v = verdict_of(f, w->condition);
        if (v == PROVED || (v == UNDECIDED && f->e->checking)) continue;
        where_fault(f, w, in, at, texts, v);
        return false;
    }
    return true;
}
