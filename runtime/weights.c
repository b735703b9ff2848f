/* Parameters and layer state in files. */
#include "session.h"
#include "tensors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t save(nnrt_fault *fault, const nnrt_model *m, const void *params, const char *path)
{
    if (!m || !path || (!params && m->params_bytes > 0))
        return nnrt__fail(fault, NNRT_ERR_NULL, "saving needs a model, its parameters and a path");
    nnrt_areas areas = {m, (char *)params, NULL};
    nnrt_saving s = {0};
    nnrt__add_pair(&s, "format", "nnc-weights-1");
    nnrt__add_pair(&s, "model", m->name);
    nnrt__add_hash(&s, "weights_hash", m->weights_hash);
    return nnrt__save_tensors(fault, &nnrt__io, &s, &areas, path);
}

static int32_t load(nnrt_fault *fault, const nnrt_model *m, void *params, const char *path)
{
    if (!m || !path || (!params && m->params_bytes > 0))
        return nnrt__fail(fault, NNRT_ERR_NULL, "loading needs a model, a place for its parameters and a path");
    nnrt_loading l;
    nnrt_areas areas = {m, params, NULL};
    int32_t status = nnrt__loading_open(&l, fault, m, path);
    if (!status) status = nnrt__loading_match(&l, false);
    if (!status) status = nnrt__loading_data(&l);
    if (!status) nnrt__loading_copy(&l, &areas);
    nnrt__loading_close(&l);
    return status;
}

/* ---- what the host calls ---- */
int32_t nnrt_save_params(const nnrt_model *model, const void *params, const char *path, char *message, size_t size)
{
    nnrt_fault fault;
    return nnrt__say(&fault, save(&fault, model, params, path), message, size);
}

int32_t nnrt_load_params(const nnrt_model *model, void *params, const char *path, char *message, size_t size)
{
    nnrt_fault fault;
    return nnrt__say(&fault, load(&fault, model, params, path), message, size);
}

int32_t nnrt_save(nnrt_session *s, const char *path)
{
    int32_t status = nnrt__usable(s);
    if (!status) status = nnrt__need_values(s);
    return status ? status : save(&s->fault, s->model, s->params, path);
}

int32_t nnrt_load(nnrt_session *s, const char *path)
{
    int32_t status = nnrt__usable(s);
    if (status) return status;
    void *host = s->params == s->own_params ? NULL : s->params;
    status = nnrt__own_params(s);
    if (!status) status = load(&s->fault, s->model, s->own_params, path);
    if (status) {
        if (host) nnrt_use_params(s, host);
        return status;
    }
    s->own_values = true;
    return nnrt__prepare(s);
}

/* ---- what matches ---- */
typedef void Tell(void *user, const char *sentence);

static bool is_wanted(const nnrt_loading *l, const nnrt_tensor *t, Tell *tell, void *user)
{
    const nnrt_file_tensor *f = nnrt__header_find(&l->header, t->name);
    char sentence[640], wanted[160], given[160];
    if (f && nnrt__same_shape(t, f)) return true;
    nnrt_tensor_text(t, wanted, sizeof wanted);
    if (f)
        snprintf(sentence, sizeof sentence, "`%s` is %s (%s), and the file has %s: it keeps its first values", t->name,
                 wanted, t->where, nnrt__file_shape(f, given, sizeof given));
    else
        snprintf(sentence, sizeof sentence, "`%s`, %s (%s), is not in the file: it keeps its first values", t->name,
                 wanted, t->where);
    if (tell) tell(user, sentence);
    return false;
}

/* Tells of every tensor that is on one side alone; returns how many are taken. */
static int64_t compare(const nnrt_loading *l, Tell *tell, void *user)
{
    const nnrt_model *m = l->model;
    char sentence[640];
    int64_t taken = 0;
    for (uint32_t i = 0; i < m->ntensors; i++)
        taken += m->tensors[i].role != NNRT_OPT && is_wanted(l, &m->tensors[i], tell, user);
    for (int64_t i = 0; tell && i < l->header.ntensors; i++) {
        const char *name = l->header.tensors[i].name;
        if (nnrt_find_tensor(m, name) >= 0 || strchr(name, '/')) continue;
        snprintf(sentence, sizeof sentence, "the file's `%s` is not in `%s`: it is left out", name, m->name);
        tell(user, sentence);
    }
    return taken;
}

int32_t nnrt_load_matching(nnrt_session *s, const char *path, Tell *tell, void *user)
{
    int32_t status = nnrt__usable(s);
    if (!status) status = nnrt__need_values(s);
    if (status) return status;
    if (!path || s->params != s->own_params)
        return nnrt__fail(&s->fault, NNRT_ERR_STATE, "loading what matches needs a path, and a session with values of "
                          "its own");
    nnrt_loading l;
    nnrt_areas areas = {s->model, s->own_params, NULL};
    status = nnrt__loading_open(&l, &s->fault, s->model, path);
    if (!status) status = nnrt__loading_data(&l);
    if (!status && compare(&l, tell, user) == 0)
        status = nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "%s: nothing in it matches `%s`", path, s->model->name);
    if (!status) nnrt__loading_copy(&l, &areas);
    nnrt__loading_close(&l);
    return status ? status : nnrt__prepare(s);
}

/* ---- a file by itself ---- */
struct nnrt_file { nnrt_fault fault; nnrt_loading loading; bool opened; };

int32_t nnrt_file_open(const char *path, nnrt_file **out)
{
    if (!path || !out) return NNRT_ERR_NULL;
    nnrt_file *f = *out = calloc(1, sizeof *f);
    if (!f) return NNRT_ERR_MEMORY;
    int32_t status = nnrt__loading_open(&f->loading, &f->fault, NULL, path);
    f->opened = !status;
    return status;
}

void nnrt_file_close(nnrt_file *f)
{
    if (f) nnrt__loading_close(&f->loading);
    free(f);
}

char *nnrt_file_text(const nnrt_file *f, const char *name, char *buffer, size_t size)
{
    const nnrt_file_tensor *t = f && f->opened && name ? nnrt__header_find(&f->loading.header, name) : NULL;
    return t ? nnrt__file_shape(t, buffer, size) : NULL;
}

const char *nnrt_file_name(const nnrt_file *f, int64_t index)
{
    bool has = f && f->opened && index >= 0 && index < f->loading.header.ntensors;
    return has ? f->loading.header.tensors[index].name : NULL;
}

int32_t nnrt_file_read(nnrt_file *f, const char *name, const nnrt_tensor *as, void *into)
{
    char wanted[160];
    if (!f || !name || !as || !into)
        return f ? nnrt__fail(&f->fault, NNRT_ERR_NULL, "reading needs a name, a tensor and a place for it") : NNRT_ERR_NULL;
    if (!f->opened) return nnrt__fail(&f->fault, NNRT_ERR_STATE, "the file was not opened");
    const nnrt_file_tensor *t = nnrt__header_find(&f->loading.header, name);
    if (!t || !nnrt__same_shape(as, t))
        return nnrt__fail(&f->fault, NNRT_ERR_SHAPE, "%s: it has no `%s` that is %s", f->loading.path, name,
                          nnrt_tensor_text(as, wanted, sizeof wanted));
    int32_t status = f->loading.data ? NNRT_OK : nnrt__loading_data(&f->loading);
    if (!status) memcpy(into, f->loading.data + t->begin, (size_t)as->bytes);
    return status;
}
