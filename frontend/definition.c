/* definition.c: what a file defines, each name once. */
#include "frontend/elab.h"

static void defined_twice(Elab *e, const char *name, Span at, Span first)
{
    Diag *m = diag_error(e->cx->diags, "E0406", at, "`%s` is defined twice", name);
    diag_primary(m, "the second definition");
    diag_label(m, first, "`%s` is defined here first", name);
}

static void define_dims(Elab *e, Definitions *to, const Decl *d)
{
    for (int i = 0; i < d->binders.n; i++) {
        Binder b = d->binders.at[i];
        const Symbol *was = map_get(to->symbols, b.name);
        const Hyperparameter *hyper = map_get(to->hypers, b.name);
        if (was || hyper) {
            defined_twice(e, b.name, b.span, was ? was->span : hyper->decl->path.span);
            continue;
        }
        Symbol *s = NEW(e->arena, Symbol);
        *s = (Symbol){.name = b.name, .index = e->program->symbols.n, .low = 1, .high = INT64_MAX, .span = b.span};
        s->abstract = to != &e->own && !d->labels.n; /* another file's dims only stand for sizes of applications */
        if (!s->abstract) vec_push(e->arena, &e->program->symbols, s);
        else s->index = ABSTRACT_SYMBOLS + e->nabstract++;
        map_set(to->symbols, b.name, s);
    }
}

static void define_hyper(Elab *e, Definitions *to, const Decl *d)
{
    const char *name = d->path.text;
    Hyperparameter *was = map_get(to->hypers, name);
    const Symbol *symbol = map_get(to->symbols, name);
    if (was || symbol) {
        defined_twice(e, name, d->path.span, was ? was->decl->path.span : symbol->span);
        return;
    }
    Hyperparameter *h = NEW(e->arena, Hyperparameter);
    h->decl = d;
    h->index = -1;
    h->place = to == &e->own ? map_count(to->hypers) : 64; /* another file's are settled when compiling */
    h->structural = h->place >= 64 || (e->fixed >> h->place & 1) || d->wheres.n; /* a host could not keep a fact */
    map_set(to->hypers, name, h);
}

/* One name, one thing: brackets, inputs and options are seen by one body, outputs by one caller. */
static void define_word(Elab *e, Map *seen, const char *name, const Span *at)
{
    const Span *was = name ? map_get(seen, name) : NULL;
    if (was) defined_twice(e, name, *at, *was);
    else if (name) map_set(seen, name, (void *)at);
}

static void check_signature(Elab *e, const Decl *d)
{
    Map *seen = map_new(e->arena), *outputs = map_new(e->arena);
    for (int i = 0; i < d->binders.n; i++) define_word(e, seen, d->binders.at[i].name, &d->binders.at[i].span);
    for (int i = 0; i < d->inputs.n; i++) {
        const Ref *r = &d->inputs.at[i].ref;
        if (!r->prime) define_word(e, seen, r->path.text, &r->span);
    }
    for (int i = 0; i < d->options.n; i++) define_word(e, seen, d->options.at[i].name, &d->options.at[i].name_span);
    for (int i = 0; d->result && i < d->result->fields.n; i++)
        define_word(e, outputs, d->result->fields.at[i].name, &d->result->fields.at[i].span);
}

static void define_callable(Elab *e, Definitions *to, const Decl *d)
{
    const char *name = d->path.text;
    if (d->inputs.n > MAX_INPUTS) {
        Diag *m = diag_error(e->cx->diags, "E0104", d->path.span, "`%s` has more than %d inputs", name, MAX_INPUTS);
        diag_primary(m, "%d inputs", d->inputs.n);
        map_set(to->broken, name, (void *)d);
        return;
    }
    const Decl *was = map_get(to->callables, name);
    if (!was) was = map_get(to->instances, name);
    if (was) {
        defined_twice(e, name, d->path.span, was->path.span);
        return;
    }
    check_signature(e, d);
    map_set(d->kind == DECL_INSTANCE ? to->instances : to->callables, name, (void *)d);
}

void definitions_read(Elab *e, Definitions *to, const File *file)
{
    if (!to->callables) {
        Map **maps[] = {&to->callables, &to->symbols, &to->hypers, &to->instances, &to->modules, &to->broken};
        for (size_t i = 0; i < COUNT(maps); i++) *maps[i] = map_new(e->arena);
    }
    for (int i = 0; i < file->decls.n; i++) {
        const Decl *d = file->decls.at[i];
        switch (d->kind) {
        case DECL_DIM: define_dims(e, to, d); break;
        case DECL_HYPER: define_hyper(e, to, d); break;
        case DECL_FN: case DECL_LAYER: case DECL_MODEL: case DECL_INSTANCE: define_callable(e, to, d); break;
        case DECL_TRAIN: check_signature(e, d); break;
        case DECL_ERROR:
            for (int k = 0; k < d->names.n; k++) map_set(to->broken, d->names.at[k], (void *)d);
            break;
        default: break;
        }
    }
}
