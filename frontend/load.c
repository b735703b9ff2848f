/* load.c: from a file to a program of graphs. */
#include "frontend/elab.h"
#include "frontend/flat.h"
#include "frontend/std.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- std ---- */

static const Source *std_source(Elab *e, const StdFile *file)
{
    Source *s = NULL;
    if (e->options->std_dir) {
        const char *base = strrchr(file->name, '/');
        const char *path = str_format(e->arena, "%s/%s", e->options->std_dir, base ? base + 1 : file->name);
        if ((s = source_read(e->arena, path, file->name, MOST_TEXT))) vec_push(e->arena, &e->program->read, path);
    }
    if (!s) s = source_new(e->arena, file->name, file->text, file->size);
    s->builtin = true;
    return s;
}

static void read_std(Elab *e)
{
    for (int i = 0; i < std_nfiles; i++) definitions_read(e, &e->std, file_parse(e->cx, std_source(e, &std_files[i])));
}

/* ---- dims and -D ---- */

static bool whole_bound(Elab *e, Expr *at, int64_t *out)
{
    if (!at) return true;
    const Dim *d = dim_of_expr(e->root, at);
    if (!d) return false;
    if (dim_known(d, out)) return true;
    Diag *m = fault(e->root, at->span, "E0412", "a bound is a number");
    diag_primary(m, "no number");
    return false;
}

static void settle_labels(Elab *e, const Decl *d, Symbol *s)
{
    const char **labels = NEW_ARRAY(e->arena, const char *, d->labels.n);
    Map *seen = map_new(e->arena);
    for (int i = 0; i < d->labels.n; i++) {
        const LabelText *was = map_get(seen, d->labels.at[i].text);
        labels[i] = d->labels.at[i].text;
        map_set(seen, labels[i], was ? (void *)was : &d->labels.at[i]);
        if (!was) continue;
        Diag *m = fault(e->root, d->labels.at[i].span, "E0406", "two places of `%s` are called \"%s\"", s->name,
                        labels[i]);
        diag_primary(m, "the second one");
        diag_label(m, was->span, "the first one");
    }
    s->labels = labels;
    s->nlabels = d->labels.n;
    s->fixed = s->low = s->high = d->labels.n;
}

static void settle_dim(Elab *e, const Definitions *names, const Decl *d)
{
    for (int i = 0; i < d->binders.n; i++) {
        Symbol *s = map_get(names->symbols, d->binders.at[i].name);
        if (!s || s->span.lo != d->binders.at[i].span.lo) continue;
        if (d->labels.n) settle_labels(e, d, s);
        if (!whole_bound(e, d->low, &s->low) || !whole_bound(e, d->high, &s->high)) continue;
        if (s->low <= s->high) continue;
        Diag *m = fault(e->root, d->span, "E0207", "no size of `%s` is left", s->name);
        diag_primary(m, "%lld is more than %lld", (long long)s->low, (long long)s->high);
    }
}

static void define_fault(Elab *e, const Define *d, const char *why)
{
    Diag *m = diag_error(e->cx->diags, "E0407", NO_SPAN, "-D %s=%s: %s", d->name, d->value, why);
    Names names = {0};
    for (int i = 0; i < map_count(e->own.hypers); i++) vec_push(e->arena, &names, map_key(e->own.hypers, i));
    for (int i = 0; i < map_count(e->own.symbols); i++) vec_push(e->arena, &names, map_key(e->own.symbols, i));
    const char *near = str_nearest(d->name, names.at, names.n);
    if (near && !str_equal(near, d->name)) diag_help(m, "did you mean `%s`?", near);
}

static void define_size(Elab *e, const Define *d, Symbol *s)
{
    char *end;
    long long n = strtoll(d->value, &end, 10);
    if (*end || end == d->value || n < s->low || n > s->high || s->labels) {
        const char *to = s->high == INT64_MAX ? "up" : str_format(e->arena, "to %lld", (long long)s->high);
        const char *why = str_format(e->arena, "this size is a whole number from %lld %s", (long long)s->low, to);
        define_fault(e, d, s->labels ? "a dim with named places has a size already" : why);
        return;
    }
    s->fixed = s->low = s->high = n;
    dims_fix(e->dims, s);
}

static Val define_text(Elab *e, const Hyperparameter *h, const char *text)
{
    Val was = hyper_default(e->root, (Hyperparameter *)h);
    if (was.kind == VAL_TEXT) return (Val){.kind = VAL_TEXT, .text = str_copy(e->arena, text)};
    if (was.kind == VAL_BOOL && (str_equal(text, "true") || str_equal(text, "false"))) return val_bool(text[0] == 't');
    const char *line = str_format(e->arena, "hyper value = %s\n", text);
    Cx quiet = {e->arena, &e->dropped}, *loud = e->cx; /* one message says it all */
    File *file = file_parse(&quiet, source_new(e->arena, "-D", line, strlen(line)));
    bool good = was.kind == VAL_NUMBER && !file->broken && file->decls.n == 1 && file->decls.at[0]->kind == DECL_HYPER;
    e->cx = &quiet;
    Val v = good ? elaborate(e->root, file->decls.at[0]->value, NULL) : poison;
    e->cx = loud;
    return v.kind == VAL_NUMBER ? v : poison;
}

static void define_hyper(Elab *e, const Define *d, Hyperparameter *h)
{
    Val v = define_text(e, h, d->value);
    ValKind kind = hyper_default(e->root, h).kind;
    if (v.kind == VAL_POISON)
        define_fault(e, d, kind == VAL_BOOL ? "this hyper is `true` or `false`" : "this hyper is a number");
    h->val = v;
    h->state = BINDING_READY;
    h->fixed = h->structural = true;
}

static void settle_dims(Elab *e, const Definitions *names)
{
    for (int i = 0; i < names->file->decls.n; i++) {
        const Decl *d = names->file->decls.at[i];
        if (d->kind == DECL_DIM) settle_dim(e, names, d);
        if (d->kind == DECL_INSTANCE) number_layers(e, d);
    }
}

/* Hypers by -D first, since other hypers, bounds and facts may depend on them; dims by -D once their bounds are known. */
static void settle_names(Elab *e)
{
    const FrontendOptions *o = e->options;
    for (int i = 0; i < o->ndefines; i++) {
        Hyperparameter *h = map_get(e->own.hypers, o->defines[i].name);
        if (h) define_hyper(e, &o->defines[i], h);
        else if (!map_has(e->own.symbols, o->defines[i].name))
            define_fault(e, &o->defines[i], "no dim or hyper has this name");
    }
    settle_dims(e, &e->own);
    for (int i = 0; i < e->modules.n; i++) settle_dims(e, e->modules.at[i]);
    for (int i = 0; i < o->ndefines; i++) {
        Symbol *s = map_get(e->own.symbols, o->defines[i].name);
        if (s) define_size(e, &o->defines[i], s);
    }
    facts_of_file(e);
}

/* ---- the whole ---- */

static const char *stem_of(Arena *a, const char *name)
{
    const char *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    const char *dot = strrchr(base, '.');
    return str_copy_n(a, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static void check_declarations(Elab *e)
{
    for (int i = 0; i < e->file->decls.n; i++) {
        const Decl *d = e->file->decls.at[i];
        if (d->kind == DECL_HYPER) hyper_default(e->root, map_get(e->own.hypers, d->path.text));
        if (d->kind != DECL_SETTING) continue;
        Diag *m = fault(e->root, d->span, "E0101", "`%s` cannot stand here", d->path.text);
        diag_primary(m, "a definition may come here");
    }
}

static Program *build_program(Elab *e)
{
    Program *p = program_new(e->cx, e->options->name ? e->options->name : stem_of(e->arena, e->file->source->name),
                             e->file->source->name);
    e->program = p;
    e->dims = p->dims;
    p->real = e->options->real ? e->options->real : DT_F32;
    p->init = graph_new(p, GRAPH_INIT, "init", NULL);
    e->own = (Definitions){.file = e->file, .name = ""};
    e->std = (Definitions){.name = ""};
    e->modules.n = e->losses.n = 0;
    e->applied = map_new(e->arena);
    e->unknown = map_new(e->arena);
    e->places = map_new(e->arena);
    e->leaf_owners = map_new(e->arena);
    e->starts = map_new(e->arena);
    e->train_frame = NULL;
    e->idle.n = 0;
    e->train = -1;
    e->again = 0;
    e->rounds = 0;
    read_std(e);
    definitions_read(e, &e->own, e->file);
    imports_read(e, &e->own);
    graph_begin(e, p->init, false);
    settle_names(e);
    check_declarations(e);
    if (!e->stopped) models_build(e);
    if (!e->stopped) trains_build(e);
    unapplied_check(e);
    if (!e->stopped) losses_check(e);
    idle_warn(e);
    drop_echoes(e);
    if (!p->init->results.n) block_return(p->init->body, NULL, 0);
    program_place_tensors(p);
    p->roles_settled = true;
    return p;
}

/* A setting that turns out to be needed when compiling was perhaps used as one of the run time before: once more. */
static Program *build_settled(Elab *e)
{
    Diags *all = e->cx->diags;
    int n = all->list.n, errors = all->errors, warnings = all->warnings;
    for (;;) {
        Program *p = build_program(e);
        if (!(e->again & ~e->fixed)) return p;
        e->fixed |= e->again;
        all->list.n = n;
        all->errors = errors;
        all->warnings = warnings;
    }
}

static Program *elaborate_file(Cx *cx, const File *file, const char *path, const FrontendOptions *options)
{
    Elab *e = NEW(cx->arena, Elab);
    e->cx = cx;
    e->arena = cx->arena;
    e->options = options;
    e->file = file;
    e->dropped.arena = cx->arena;
    e->files = map_new(cx->arena);
    if (path) import_root(e, path);
    unused_mark(e);
    Program *p = build_settled(e);
    for (int i = 0; i < e->imported.n; i++) vec_push(cx->arena, &p->read, e->imported.at[i]->path);
    unused_warn(e);
    return cx->diags->errors ? NULL : p;
}

static Program *load_source(Cx *cx, const Source *s, const char *path, const FrontendOptions *options)
{
    File *file = file_parse(cx, s);
    bool flat = file_is_flat(file);
    if (flat && file->broken) return NULL;
    Program *p = flat ? flat_build(cx, file, path, options) : elaborate_file(cx, file, path, options);
    return p && sizes_told(p, cx) ? p : NULL;
}

Program *frontend_load(Cx *cx, const char *path, const FrontendOptions *options)
{
    const char *base = strrchr(path, '/');
    Source *s = source_read(cx->arena, path, base ? base + 1 : path, MOST_TEXT);
    Program *p = s ? load_source(cx, s, path, options) : NULL;
    if (p) vec_push(cx->arena, &p->read, path);
    return p;
}

Program *frontend_parse(Cx *cx, const char *name, const char *text, const FrontendOptions *options)
{
    return load_source(cx, source_new(cx->arena, name, text, strlen(text)), NULL, options);
}
