/* import.c: other files, whose functions and layers are known as `file.name`. */
#include "frontend/elab.h"
#include <errno.h>
#include <string.h>

const char *source_path(const Elab *e, const Source *s)
{
    if (e->file->source == s) return e->file->path;
    for (int i = 0; i < e->imported.n; i++)
        if (e->imported.at[i]->source == s) return e->imported.at[i]->path;
    return NULL;
}

static const char *stem(Elab *e, const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return str_copy_n(e->arena, base, strcspn(base, "."));
}

static bool is_word(const char *s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", digits[] = "0123456789";
    if (!*s || !strchr(letters, *s)) return false;
    while (*s && (strchr(letters, *s) || strchr(digits, *s))) s++;
    return !*s;
}

const char *import_name(Elab *e, const Decl *d) { return d->as ? d->as : stem(e, d->text); }

static void unreadable(Elab *e, const Decl *d, const char *path, const char *why)
{
    Diag *m = diag_error(e->cx->diags, "E0402", d->span, "`%s` cannot be read: %s", d->text, why);
    diag_primary(m, "no file to import");
    if (!str_equal(path, d->text)) diag_note(m, "looked for as %s", path);
}

void import_root(Elab *e, const char *path)
{
    ((File *)e->file)->path = path;
    map_set(e->files, path_real(e->arena, path), (void *)e->file);
}

enum { MAX_IMPORTS = 1000 };

/* A file is read once, however often and by whatever way it is imported. */
static const File *file_of(Elab *e, const Decl *d)
{
    const char *path = path_beside(e->arena, source_path(e, d->span.source), d->text);
    const char *key = path_real(e->arena, path);
    File *file = map_get(e->files, key);
    if (file) return file;
    bool endless = path_is_endless(path);
    const char *shown = path_beside(e->arena, d->span.source->name, d->text);
    Source *s = endless ? NULL : source_read(e->arena, path, shown, MOST_TEXT);
    if (!s) {
        unreadable(e, d, path, endless ? "it is no file but a pipe or a device" : strerror(errno));
        return NULL;
    }
    if (e->imported.n == MAX_IMPORTS) {
        Diag *m = diag_error(e->cx->diags, "E0104", d->span, "a program is made of %d files at most", MAX_IMPORTS);
        diag_primary(m, "one too many");
        return NULL;
    }
    map_set(e->files, key, file = file_parse(e->cx, s));
    file->path = path;
    vec_push(e->arena, &e->imported, file);
    if (file->broken) ((File *)e->file)->broken = true; /* what it defines may be hidden by the fault */
    return file;
}

static Definitions *module_of(Elab *e, const File *file, const char *name)
{
    for (int i = 0; i < e->modules.n; i++)
        if (e->modules.at[i]->file == file) return e->modules.at[i];
    Definitions *m = NEW(e->arena, Definitions);
    m->file = file;
    m->name = name;
    vec_push(e->arena, &e->modules, m);
    definitions_read(e, m, file);
    imports_read(e, m);
    return m;
}

static void import_read(Elab *e, Definitions *to, const Decl *d)
{
    const char *name = import_name(e, d);
    if (!is_word(name)) {
        Diag *m = diag_error(e->cx->diags, "E0405", d->span, "`%s` is no name for a file's definitions", name);
        diag_primary(m, "give it one: `import \"%s\" as name`", d->text);
        return;
    }
    const Decl *was = map_get(to->callables, name);
    if (!was) was = map_get(to->instances, name);
    if (map_has(to->modules, name) || was) {
        Diag *m = diag_error(e->cx->diags, "E0406", d->span, "`%s` is defined twice", name);
        diag_primary(m, "give this import another name: `as ...`");
        if (was) diag_label(m, was->path.span, "`%s` is defined here first", name);
        return;
    }
    map_set(to->modules, name, NULL);
    const File *file = file_of(e, d);
    if (file && (file == e->file || file == to->file)) {
        diag_primary(diag_error(e->cx->diags, "E0410", d->span, "this file imports itself"), "no other file");
        return;
    }
    const char *path = *to->name ? str_format(e->arena, "%s.%s", to->name, name) : name;
    if (file) map_set(to->modules, name, module_of(e, file, path));
    else map_set(to->broken, name, (void *)d);
}

void imports_read(Elab *e, Definitions *to)
{
    for (int i = 0; i < to->file->decls.n; i++)
        if (to->file->decls.at[i]->kind == DECL_IMPORT) import_read(e, to, to->file->decls.at[i]);
}

const Definitions *definitions_at(const Elab *e, const Source *s)
{
    if (s && s->builtin) return &e->std;
    for (int i = 0; i < e->modules.n; i++)
        if (e->modules.at[i]->file->source == s) return e->modules.at[i];
    return &e->own;
}

/* `blocks.wide`: the file that `blocks` stands for, or NULL. */
const Definitions *module_named(const Definitions *in, const Path *path)
{
    return in->modules && path->parts.n == 2 ? map_get(in->modules, path->parts.at[0]) : NULL;
}

/* The fn or layer of that name, of this file, of one that it imports, or of std. */
const Decl *decl_named(const Elab *e, const Definitions *in, const Path *path)
{
    const Definitions *m = module_named(in, path);
    const Decl *d = m ? map_get(m->callables, path->parts.at[1]) : map_get(in->callables, path->text);
    if (m && d && d->kind == DECL_MODEL) return NULL; /* an entry of its own file */
    return d || m ? d : map_get(e->std.callables, path->text);
}
