/* given.c: first values that stand in files. Nothing is read here: whoever runs the compiler does that. */
#include "frontend/elab.h"
#include <string.h>

/* Paths are relative to the file that they are written in. */
const char *path_beside(Arena *a, const char *from, const char *path)
{
    const char *slash = from ? strrchr(from, '/') : NULL;
    if (path[0] == '/' || !slash) return path;
    return str_format(a, "%.*s/%s", (int)(slash - from), from, path);
}

void start_from(Frame *f, const char *name, LabelText from)
{
    Elab *e = f->e;
    LabelText *start = NEW(e->arena, LabelText);
    *start = from;
    map_set(e->starts, f->path[0] ? str_format(e->arena, "%s.%s", f->path, name) : name, start);
}

/* "trunk.safetensors:resnet.trunk": what stands before the last colon, and what is behind it; NULL where there is none. */
static const char *file_part(Arena *a, const char *text, const char **out_prefix)
{
    const char *colon = strrchr(text, ':');
    *out_prefix = colon && !strchr(colon, '/') ? colon + 1 : NULL;
    return *out_prefix ? str_copy_n(a, text, (size_t)(colon - text)) : text;
}

static FileValue given_at(Arena *a, const char *beside, const char *file, const char *key, Span span)
{
    const char *written = str_format(a, "%s:%s", file, key);
    return (FileValue){.file = path_beside(a, beside, file), .key = key, .written = written, .span = span};
}

FileValue given_in(Arena *a, const char *beside, LabelText text)
{
    const char *key, *file = file_part(a, text.text, &key);
    return given_at(a, beside, file, key ? key : "", text.span);
}

/* The flat form may be written anywhere, so it says the whole path. */
FileValue given_by(Arena *a, const char *weights, const char *key)
{
    FileValue g = given_at(a, NULL, path_real(a, weights), key, NO_SPAN);
    g.file = weights;
    return g;
}

/* In the file, an instance may have another name, or none where nothing stands behind the colon. */
static FileValue given_below(Elab *e, const char *path, size_t instance, const LabelText *from)
{
    const char *prefix, *file = file_part(e->arena, from->text, &prefix), *rest = path + instance;
    const char *key = !prefix ? path : *prefix ? str_format(e->arena, "%s%s", prefix, rest) : rest + 1;
    return given_at(e->arena, source_path(e, from->span.source), file, key, from->span);
}

FileValue given_to(Elab *e, const char *path, const char *key)
{
    if (e->options->weights) return given_by(e->arena, e->options->weights, key);
    for (size_t n = strlen(path); n > 0; n--) { /* the innermost instance that starts from a file */
        const LabelText *from = path[n] == '.' ? map_get(e->starts, str_copy_n(e->arena, path, n)) : NULL;
        if (from) return given_below(e, path, n, from);
    }
    return (FileValue){0};
}
