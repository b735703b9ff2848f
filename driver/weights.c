/* weights.c: first values that stand in files: compared with the model's types by header, then read, before anything
   is made of the model. */
#include "driver/driver.h"
#include <sys/stat.h>

/* As libnnrt knows it from a compiled model. */
static nnrt_tensor describe(const Program *p, const Tensor *t)
{
    static const uint32_t roles[] = {[ROLE_PARAM] = NNRT_PARAM, [ROLE_STATE] = NNRT_STATE, [ROLE_OPT] = NNRT_OPT};
    int64_t *dims = NEW_ARRAY(p->arena, int64_t, t->type.rank + 1);
    for (int i = 0; i < t->type.rank; i++) dim_known(t->type.axes[i].dim, &dims[i]);
    return (nnrt_tensor){.name = t->key,
                         .where = program_line(p, NO_SPAN, t->site),
                         .role = roles[t->role],
                         .dtype = (uint32_t)t->type.dtype,
                         .rank = (uint32_t)t->type.rank,
                         .train = t->train,
                         .dims = dims,
                         .offset = t->offset,
                         .bytes = tensor_bytes(p, t)};
}

bool is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

void weights_refused(Cx *cx, const char *path, const char *why)
{
    Diag *d = diag_error(cx->diags, "E0219", NO_SPAN, "%s", why);
    if (is_folder(path)) diag_help(d, "a run folder holds them: %s/last.safetensors, %s/best.safetensors", path, path);
}

/* ---- -w: all parameters and layer state ---- */
static int read_all(Program *p, const char *path)
{
    char message[1024] = "";
    nnrt_tensor *tensors = NEW_ARRAY(p->arena, nnrt_tensor, p->tensors.n + 1);
    char *params = arena_alloc(p->arena, (size_t)p->params_bytes + 1);
    nnrt_model m = {.size = sizeof m, .abi = NNRT_ABI, .name = p->name, .source = p->file, .tensors = tensors};
    m.ntensors = (uint32_t)p->tensors.n;
    m.params_bytes = p->params_bytes;
    m.weights_hash = program_weights_hash(p);
    for (int i = 0; i < p->tensors.n; i++) tensors[i] = describe(p, &p->tensors.at[i]);
    if (nnrt_load_params(&m, params, path, message, sizeof message)) {
        weights_refused(p->cx, path, message);
        return EXIT_MODEL;
    }
    for (int i = 0; i < p->tensors.n; i++)
        if (p->tensors.at[i].role != ROLE_OPT) p->tensors.at[i].given.values = params + p->tensors.at[i].offset;
    vec_push(p->arena, &p->read, path);
    return EXIT_GOOD;
}

/* ---- `from`: the tensors of an instance ---- */
typedef struct Reading {
    Program *p;
    Map *files;    /* path -> nnrt_file, or NULL where it cannot be used, which was told */
    Span told;     /* the `from` of the last fault: one is enough */
} Reading;

static Diag *refuse(Reading *r, const Tensor *t, const char *code, const char *what)
{
    r->told = t->given.span;
    Diag *d = diag_error(r->p->cx->diags, code, t->given.span, "%s", what);
    diag_primary(d, "`%s` starts from here", t->path);
    const Site *s = t->site;
    while (s && s->applied && (!s->span.source || s->span.source->builtin)) s = s->applied;
    if (s && s->span.source) diag_label(d, s->span, "it is %s", type_text(r->p->arena, t->type));
    return d;
}

static nnrt_file *file_at(Reading *r, const Tensor *t)
{
    const char *path = t->given.file;
    if (map_has(r->files, path)) return map_get(r->files, path);
    nnrt_file *f;
    bool good = nnrt_file_open(path, &f) == NNRT_OK;
    if (!good) {
        refuse(r, t, "E0414", f ? nnrt_error(f) : "there is no memory left to read the file");
        nnrt_file_close(f);
    }
    vec_push(r->p->arena, &r->p->read, path);
    map_set(r->files, path, good ? f : NULL);
    return good ? f : NULL;
}

/* The name in the file that is nearest, or else the first ones. */
static void tell_names(Reading *r, Diag *d, const nnrt_file *f, const char *key)
{
    VEC(const char *) names = {0};
    Text some = {.arena = r->p->arena};
    for (const char *name; (name = nnrt_file_name(f, names.n));) vec_push(r->p->arena, &names, name);
    const char *near = str_nearest(key, names.at, names.n);
    for (int i = 0; i < names.n && i < 4; i++) text_add(&some, "%s`%s`", i ? ", " : "", names.at[i]);
    if (near) diag_help(d, "the file has `%s`", near);
    else if (names.n) diag_note(d, "the file has %s%s", text_done(&some), names.n > 4 ? ", ..." : "");
    diag_help(d, "behind the colon stands what the layer is called in the file: \"file.safetensors:name\"");
}

/* Where the command line makes f64 of the text's f32, it does so of the file's. */
static int32_t read_values(const Program *p, nnrt_file *f, const Tensor *t, void *values)
{
    nnrt_tensor wanted = describe(p, t);
    int32_t status = nnrt_file_read(f, t->given.key, &wanted, values);
    if (status != NNRT_ERR_SHAPE || p->real != DT_F64 || t->type.dtype != DT_F64) return status;
    wanted.dtype = NNRT_F32;
    wanted.bytes /= 2;
    float *narrow = arena_alloc(p->arena, (size_t)wanted.bytes);
    status = nnrt_file_read(f, t->given.key, &wanted, narrow);
    for (int64_t i = 0; !status && i < wanted.bytes / 4; i++) ((double *)values)[i] = narrow[i];
    return status;
}

static void read_one(Reading *r, Tensor *t)
{
    const FileValue *g = &t->given;
    Arena *a = r->p->arena;
    nnrt_file *f = file_at(r, t);
    char found[160];
    int32_t status = NNRT_ERR_FILE;
    void *values = arena_alloc(a, (size_t)tensor_bytes(r->p, t) + 1);
    if (!f || (r->told.source == g->span.source && r->told.lo == g->span.lo)) return;
    if (!nnrt_file_text(f, g->key, found, sizeof found))
        tell_names(r, refuse(r, t, "E0415", str_format(a, "%s: it has no `%s`", g->file, g->key)), f, g->key);
    else if ((status = read_values(r->p, f, t, values)) == NNRT_ERR_SHAPE)
        diag_help(refuse(r, t, "E0219", str_format(a, "`%s` is %s, but `%s` of %s is %s", t->path,
                                                   type_text(a, t->type), g->key, g->file, found)),
                  "give the layer the sizes that it has in the file, or start from another one");
    else if (status)
        refuse(r, t, "E0414", nnrt_error(f));
    t->given.values = status ? NULL : values;
}

static int read_parts(Program *p)
{
    Reading r = {.p = p, .files = map_new(p->arena)};
    for (int i = 0; i < p->tensors.n; i++)
        if (p->tensors.at[i].given.file) read_one(&r, &p->tensors.at[i]);
    for (int i = 0; i < map_count(r.files); i++) nnrt_file_close(map_value(r.files, i));
    return p->cx->diags->errors ? EXIT_MODEL : EXIT_GOOD;
}

int weights_read(const Args *a, Program *p)
{
    const char *path = args_text(a, OPT_WEIGHTS);
    int status = path ? read_all(p, path) : read_parts(p);
    return status ? model_finish(a, status) : status;
}
