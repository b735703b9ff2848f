/* fault.c: messages of the elaborator, each said once, at a place that its reader can change. */
#include "frontend/elab.h"
#include <ctype.h>
#include <string.h>

const Val poison = {.kind = VAL_POISON};

const Site *site_at(Frame *f, Span at)
{
    Elab *e = f->e;
    const Site *last = e->site;
    if (last && last->span.source == at.source && last->span.lo == at.lo && last->span.hi == at.hi &&
        last->applied == f->applied && last->path == f->path)
        return last;
    Site *s = NEW(e->arena, Site);
    *s = (Site){.span = at, .path = f->path, .applied = f->applied};
    return e->site = s;
}

static bool same_span(Span p, Span q) { return p.source == q.source && p.lo == q.lo && p.hi == q.hi; }

static bool same_fault(const Diag *a, const Diag *b)
{
    return a->severity == b->severity && str_equal(a->code, b->code) && a->primary.source == b->primary.source &&
           a->primary.lo == b->primary.lo && a->primary.hi == b->primary.hi;
}

static bool said_before(const Diags *all, const Diag *d, int upto)
{
    for (int i = 0; i < upto; i++)
        if (same_fault(all->list.at[i], d)) return true;
    return false;
}

/* At the innermost place outside std, once. */
static Diag *say(const Frame *f, Severity severity, Span at, const char *code, const char *message)
{
    Elab *e = f->e;
    Span inner = at;
    const Site *s = f->applied;
    while (at.source && at.source->builtin && s) {
        at = s->span;
        s = s->applied;
    }
    Diag probe = {.severity = severity, .code = code, .primary = at};
    Diags *to = said_before(e->cx->diags, &probe, e->cx->diags->list.n) ? &e->dropped : e->cx->diags;
    Diag *d = (severity == SEV_ERROR ? diag_error : diag_warning)(to, code, at, "%s", message);
    while (s && (same_span(s->span, at) || (s->span.source && s->span.source->builtin))) s = s->applied;
    if (s && at.source) diag_applied(d, s->span);
    if (inner.source && inner.source != at.source)
        diag_note(d, "found in %s:%d, which this applies", inner.source->name, source_line(inner.source, inner.lo));
    return d;
}

Diag *fault(const Frame *f, Span at, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *message = str_vformat(f->e->arena, fmt, ap);
    va_end(ap);
    return say(f, SEV_ERROR, at, code, message);
}

Diag *warning(const Frame *f, Span at, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *message = str_vformat(f->e->arena, fmt, ap);
    va_end(ap);
    return say(f, SEV_WARNING, at, code, message);
}

/* The graph's own checks say their message at the same place for every application: only the first is kept. */
static void drop_repetitions(Elab *e, int from)
{
    Diags *all = e->cx->diags;
    int kept = from;
    for (int i = from; i < all->list.n; i++) {
        Diag *d = all->list.at[i];
        if (said_before(all, d, kept)) all->errors -= d->severity == SEV_ERROR;
        else all->list.at[kept++] = d;
    }
    all->list.n = kept;
}

/* The next label of the fault itself. */
static const Label *label_from(const Diag *d, int *i)
{
    while (*i < d->labels.n && d->applied.source && same_span(d->labels.at[*i].span, d->applied)) ++*i;
    return *i < d->labels.n ? &d->labels.at[(*i)++] : NULL;
}

static bool same_labels(const Diag *a, const Diag *b)
{
    int i = 0, k = 0, found = 0;
    if (!str_equal(a->code, b->code)) return false;
    for (const Label *p, *q; (p = label_from(a, &i), q = label_from(b, &k), p || q); found++)
        if (!p || !q || !same_span(p->span, q->span)) return false;
    return found > 0;
}

/* Two messages about the same places are one fault, met twice; and a faulty fact leaves open what it was to settle. */
void drop_echoes(Elab *e)
{
    Diags *all = e->cx->diags;
    int kept = 0;
    for (int i = 0; i < all->list.n; i++) {
        Diag *d = all->list.at[i];
        bool echo = e->unsure && str_equal(d->code, "E0212");
        for (int k = 0; k < kept && !echo && d->severity == SEV_ERROR; k++) echo = same_labels(all->list.at[k], d);
        if (echo) all->errors--;
        else all->list.at[kept++] = d;
    }
    all->list.n = kept;
}

Node *elab_node(Frame *f, Span at, OpCode op, Value *const *in, int n, const Attr *attr, const Type *type)
{
    Elab *e = f->e;
    int before = e->cx->diags->list.n;
    Node *node = node_new(e->block, op, in, n, attr, type, site_at(f, at), e->cx);
    drop_repetitions(e, before);
    return node;
}

Value *build(Frame *f, Span at, OpCode op, Value *const *in, int n, const Attr *attr, const Type *type)
{
    return &elab_node(f, at, op, in, n, attr, type)->out[0];
}

void label_origin(Diag *d, const Origin *o, const char *fmt, ...)
{
    va_list ap;
    const char *made = o && o->previous && o->text ? o->text : NULL;
    while (o && o->previous) o = o->previous;
    if (!o || !o->span.source) return;
    va_start(ap, fmt);
    const char *text = str_vformat(d->all->arena, fmt, ap);
    va_end(ap);
    bool formula = made && strpbrk(made, "+-*/");
    diag_label(d, o->span, formula ? "%s, made as %s" : "%s", text, made);
}

void label_type(Elab *e, Diag *d, Val v)
{
    if (v.kind != VAL_TENSOR) return;
    Type t = v.tensor->type;
    for (int i = 0; i < t.rank; i++)
        label_origin(d, t.axes[i].origin, "%s comes from here", dim_text(e->arena, t.axes[i].dim));
}

const char *source_text(Elab *e, Span s)
{
    Text t = {.arena = e->arena};
    bool blank = false, quoted = false;
    for (uint32_t i = s.lo; s.source && i < s.hi; i++) {
        const char *c = s.source->text + i;
        bool comment = *c == '#' && !quoted;
        if (comment) i += (uint32_t)strcspn(c, "\n"); /* between the lines */
        if (comment || (isspace((unsigned char)*c) && !quoted)) {
            blank = t.n > 0;
            continue;
        }
        if (*c == '"') quoted = !quoted || c[-1] == '\\';
        if (blank) text_add(&t, " ");
        blank = false;
        text_add_n(&t, c, 1);
    }
    return text_done(&t);
}

/* linear[B, I](x: f32[B, I]) -> f32[B]: the head without its first word. */
const char *signature_text(Elab *e, const Decl *d)
{
    Span s = d->head;
    s.lo = d->path.span.lo;
    return source_text(e, s);
}

Val val_number(Number n) { return (Val){.kind = VAL_NUMBER, .num = n}; }
Val val_bool(bool b) { return (Val){.kind = VAL_BOOL, .truth = b}; }

Val val_tensor(Value *v)
{
    if (type_is_poison(v->type)) return poison;
    return (Val){.kind = VAL_TENSOR, .tensor = v};
}

static const char *tuple_text(Elab *e, Val v)
{
    Text t = {.arena = e->arena};
    for (int i = 0; i < v.n; i++) text_add(&t, "%s%s", i ? ", " : "(", val_text(e, v.parts[i]));
    text_add(&t, ")");
    return text_done(&t);
}

const char *val_text(Elab *e, Val v)
{
    switch (v.kind) {
    case VAL_POISON: return "unknown";
    case VAL_NUMBER: return v.num.kind == NUM_RUN ? plain_text(e, v.num)
                                                  : str_format(e->arena, "the number %s", plain_text(e, v.num));
    case VAL_BOOL: return v.truth ? "true" : "false";
    case VAL_TEXT: return str_format(e->arena, "the text \"%s\"", v.text);
    case VAL_TENSOR: return type_text(e->arena, v.tensor->type);
    case VAL_TUPLE: return tuple_text(e, v);
    case VAL_FUNCTION: return "a function";
    case VAL_TREE: return "a tree of parameters";
    case VAL_AXES: return "a choice of axes";
    }
    return "";
}
