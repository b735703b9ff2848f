/* unused.c: names that are bound and never read. */
#include "frontend/elab.h"
#include <string.h>

typedef struct Reads { Elab *e; Map *names; } Reads;

static void read_name(Expr *e, void *context)
{
    Reads *r = context;
    if (e->kind == EX_REF) map_set(r->names, e->ref.path.parts.at[0], (void *)e);
}

/* The names inside the {formulas} of a text. */
static void read_message(Reads *r, const char *s)
{
    while ((s = strchr(s, '{'))) {
        const char *end = strchr(s, '}');
        if (!end) return;
        for (s++; s < end;) {
            size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
            if (n > (size_t)(end - s)) n = (size_t)(end - s);
            if (n) map_set(r->names, str_copy_n(r->e->arena, s, n), (void *)end);
            s += n ? n : 1;
        }
    }
}

/* Only a file without faults is told: a misspelt name would be told twice. */
static void warn(Elab *e, Span at, const char *code, const char *what, const char *name)
{
    if (name[0] == '_' || e->cx->diags->errors || !e->warning) return;
    Diag *d = diag_warning(e->cx->diags, code, at, "%s `%s` is never used", what, name);
    diag_primary(d, "nothing reads it");
    diag_help(d, "use it, take it away, or call it `_%s`", name);
}

static bool is_read(const Reads *r, const char *name) { return map_has(r->names, name); }

static void check_item(Elab *e, const Reads *r, Item *it)
{
    if (it->kind == ITEM_INSTANCE && !is_read(r, it->path.text))
        warn(e, it->path.span, "W0501", "the layer", it->path.text);
    if (it->kind == ITEM_PARAM && !is_read(r, it->path.text))
        warn(e, it->path.span, "W0501", "the parameter", it->path.text);
    if (it->kind == ITEM_STATE && !is_read(r, it->path.text))
        warn(e, it->path.span, "W0501", "the state", it->path.text);
    if (it->kind != ITEM_BIND) return;
    it->unused = true;
    for (int i = 0; i < it->targets.n; i++) {
        const Ref *ref = &it->targets.at[i].ref;
        bool read = ref->prime || is_read(r, ref->path.text);
        if (!read && !str_equal(ref->path.text, "_")) warn(e, ref->span, "W0501", "the name", ref->path.text);
        it->unused &= !read;
    }
}

static void check_decl(Elab *e, Decl *d)
{
    Reads r = {e, map_new(e->arena)};
    decl_each(d, read_name, &r);
    for (int i = 0; i < d->wheres.n; i++) read_message(&r, d->wheres.at[i].message);
    if (d->body && d->body->broken) return;
    for (int i = 0; d->body && i < d->body->items.n; i++) check_item(e, &r, d->body->items.at[i]);
    for (int i = 0; i < d->inputs.n; i++)
        if (!is_read(&r, d->inputs.at[i].ref.path.text))
            warn(e, d->inputs.at[i].ref.span, "W0502", "the input", d->inputs.at[i].ref.path.text);
    for (int i = 0; i < d->options.n; i++)
        if (!is_read(&r, d->options.at[i].name))
            warn(e, d->options.at[i].name_span, "W0503", "the option", d->options.at[i].name);
    if (d->kind == DECL_DIM) return;
    for (int i = 0; i < d->binders.n; i++)
        if (!is_read(&r, d->binders.at[i].name))
            warn(e, d->binders.at[i].span, "W0504", "the dim", d->binders.at[i].name);
}

static void check_file(Elab *e)
{
    Reads r = {e, map_new(e->arena)};
    for (int i = 0; i < e->file->decls.n; i++) {
        const Decl *d = e->file->decls.at[i];
        decl_each(d, read_name, &r);
        for (int k = 0; k < d->wheres.n; k++) read_message(&r, d->wheres.at[k].message);
    }
    for (int i = 0; i < e->file->decls.n; i++) {
        const Decl *d = e->file->decls.at[i];
        for (int k = 0; d->kind == DECL_DIM && k < d->binders.n; k++)
            if (!is_read(&r, d->binders.at[k].name))
                warn(e, d->binders.at[k].span, "W0504", "the dim", d->binders.at[k].name);
        if (d->kind == DECL_IMPORT && !is_read(&r, import_name(e, d)))
            warn(e, d->span, "W0501", "the import", import_name(e, d));
        if (d->kind == DECL_HYPER && !is_read(&r, d->path.text))
            warn(e, d->path.span, "W0505", "the hyper", d->path.text);
        if (d->kind == DECL_INSTANCE && !is_read(&r, d->path.text))
            warn(e, d->path.span, "W0501", "the layer", d->path.text);
    }
}

void unused_mark(Elab *e)
{
    for (int i = 0; i < e->file->decls.n; i++) check_decl(e, e->file->decls.at[i]);
}

void unused_warn(Elab *e)
{
    e->warning = true;
    for (int i = 0; i < e->file->decls.n; i++) check_decl(e, e->file->decls.at[i]);
    if (!e->file->broken) check_file(e);
}
