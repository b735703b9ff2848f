/* Checkpoints: safetensors of values and the optimizer's state, whose metadata tells where the training stands. */
#include "session.h"
#include "tensors.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, HEX = 16 /* digits of a double's bits */ };

static uint32_t totals_of(const nnrt_model *m, const nnrt_cursor *c)
{
    return c->train >= 0 ? nnrt__most_totals(m) : 0;
}

/* The metadata's whole numbers, under their keys. */
typedef struct Place { nnrt_step clock; nnrt_cursor cursor; } Place;
typedef struct Count { const char *key; size_t offset; uint64_t least, most; } Count;
#define CLOCK(field, least, most) {#field, offsetof(Place, clock.field), least, most}
#define CURSOR(field) {#field, offsetof(Place, cursor.field), 0, INT64_MAX}
static const Count counts[] = {
    CLOCK(seed, 0, UINT64_MAX), CLOCK(step, 1, INT64_MAX), CLOCK(epoch, 1, INT64_MAX),
    CURSOR(position), CURSOR(rows), CURSOR(batch), CURSOR(accumulate), CURSOR(best_epoch),
};
enum { COUNTS = sizeof counts / sizeof *counts };

/* ---- saving ---- */
/* Doubles go as their bits, so that they come back as they were. */
static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static int32_t add_totals(nnrt_session *s, nnrt_saving *to)
{
    uint32_t n = totals_of(s->model, &s->cursor);
    char *text = calloc(n + 1, HEX + 1);
    if (!text) return nnrt__fail(&s->fault, NNRT_ERR_MEMORY, "there is no memory left for a checkpoint");
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + i * HEX, HEX + 1, "%016llx", (unsigned long long)bits_of(s->epoch_totals[i]));
    nnrt__add_pair(to, "totals", text);
    free(text);
    return NNRT_OK;
}

static void add_settings(const nnrt_session *s, nnrt_saving *to)
{
    for (uint32_t i = 0; i < s->model->nhypers; i++) {
        const nnrt_hyper *h = &s->model->hypers[i];
        char key[NNRT__MAX_NAME + 16];
        double value;
        memcpy(&value, (const char *)s->hparams + h->offset, sizeof value);
        snprintf(key, sizeof key, "hyper:%s", h->name);
        nnrt__add_hash(to, key, bits_of(value));
    }
}

static void add_place(const nnrt_session *s, nnrt_saving *to)
{
    Place place = {s->clock, s->cursor};
    for (int i = 0; i < COUNTS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&place + counts[i].offset, sizeof value);
        nnrt__add_count(to, counts[i].key, value);
    }
    nnrt__add_count(to, "shuffle", s->cursor.shuffle);
    nnrt__add_hash(to, "best", bits_of(s->cursor.best));
    nnrt__add_pair(to, "train", s->cursor.train >= 0 ? s->model->trains[s->cursor.train].name : "");
}

int32_t nnrt__save_checkpoint(nnrt_session *s, const nnrt_io *io, const char *path)
{
    int32_t status = nnrt__usable(s);
    if (!status) status = nnrt__need_values(s);
    if (!status) status = nnrt__need_opt(s);
    if (!status && !path) status = nnrt__fail(&s->fault, NNRT_ERR_NULL, "a checkpoint needs a path");
    if (status) return status;
    const nnrt_model *m = s->model;
    nnrt_areas areas = {m, s->params, s->opt};
    nnrt_saving saving = {0};
    char format[32];
    snprintf(format, sizeof format, "nnc-checkpoint-%d", FORMAT);
    nnrt__add_pair(&saving, "format", format);
    nnrt__add_pair(&saving, "model", m->name);
    nnrt__add_hash(&saving, "weights_hash", m->weights_hash);
    nnrt__add_hash(&saving, "opt_hash", m->opt_hash);
    nnrt__add_hash(&saving, "graph_hash", m->graph_hash);
    add_place(s, &saving);
    add_settings(s, &saving);
    if ((status = add_totals(s, &saving))) {
        free(saving.file.at);
        return status;
    }
    return nnrt__save_tensors(&s->fault, io, &saving, &areas, path);
}

int32_t nnrt_save_checkpoint(nnrt_session *session, const char *path)
{
    return nnrt__save_checkpoint(session, &nnrt__io, path);
}

/* ---- loading ---- */
/* What is read, beside the session that it will change. */
typedef struct Restored { Place place; double *totals; unsigned char *settings; } Restored;

static int32_t odd(const nnrt_loading *l, const char *key)
{
    return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: its metadata tells no usable `%s`", l->path, key);
}

static bool read_hex(const char *text, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < HEX; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint64_t)digit;
    }
    return true;
}

static bool read_double(const nnrt_loading *l, const char *key, double *out)
{
    const char *text = nnrt__header_metadata(&l->header, key);
    uint64_t bits;
    if (!text || strlen(text) != HEX || !read_hex(text, &bits)) return false;
    memcpy(out, &bits, sizeof bits);
    return true;
}

static bool read_count(const nnrt_loading *l, const char *key, uint64_t *out)
{
    const char *text = nnrt__header_metadata(&l->header, key);
    char *end;
    if (!text || *text < '0' || *text > '9') return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !*end && !errno;
}

static int32_t read_place(const nnrt_loading *l, Place *p)
{
    for (int i = 0; i < COUNTS; i++) {
        uint64_t value;
        if (!read_count(l, counts[i].key, &value) || value < counts[i].least || value > counts[i].most)
            return odd(l, counts[i].key);
        memcpy((char *)p + counts[i].offset, &value, sizeof value);
    }
    uint64_t shuffle;
    if (!read_count(l, "shuffle", &shuffle) || shuffle > 1) return odd(l, "shuffle");
    if (!read_double(l, "best", &p->cursor.best)) return odd(l, "best");
    p->cursor.shuffle = (uint32_t)shuffle;
    return p->cursor.position > p->cursor.rows ? odd(l, "position") : NNRT_OK;
}

static int32_t read_train(const nnrt_loading *l, nnrt_cursor *c)
{
    const char *name = nnrt__header_metadata(&l->header, "train");
    c->train = -1;
    for (uint32_t i = 0; name && i < l->model->ntrains; i++)
        if (!strcmp(l->model->trains[i].name, name)) c->train = (int32_t)i;
    if (name && (!*name || c->train >= 0)) return NNRT_OK;
    return name ? nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it comes from the train block `%s`, which `%s` has not",
                             l->path, name, l->model->source)
                : odd(l, "train");
}

/* Totals are those of an epoch under way; of a train block with other metrics they would be others. */
static int32_t read_totals(const nnrt_loading *l, Restored *r)
{
    const char *text = nnrt__header_metadata(&l->header, "totals");
    uint32_t n = totals_of(l->model, &r->place.cursor);
    if (!text || strlen(text) % HEX) return odd(l, "totals");
    if (strlen(text) != (size_t)n * HEX)
        return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it was saved by a model with other metrics than `%s` has",
                          l->path, l->model->source);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits;
        if (!read_hex(text + (size_t)i * HEX, &bits)) return odd(l, "totals");
        memcpy(&r->totals[i], &bits, sizeof bits);
    }
    return NNRT_OK;
}

/* A setting that the file does not know keeps its value. */
static int32_t read_settings(const nnrt_loading *l, Restored *r)
{
    for (uint32_t i = 0; i < l->model->nhypers; i++) {
        const nnrt_hyper *h = &l->model->hypers[i];
        char key[NNRT__MAX_NAME + 16];
        double value;
        snprintf(key, sizeof key, "hyper:%s", h->name);
        if (!nnrt__header_metadata(&l->header, key)) continue;
        if (!read_double(l, key, &value)) return odd(l, key);
        memcpy(r->settings + h->offset, &value, sizeof value);
    }
    return NNRT_OK;
}

static int32_t check_format(const nnrt_loading *l)
{
    int format = nnrt__checkpoint_format(&l->header);
    if (format == 0)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is no checkpoint: it does not tell where a training stands",
                          l->path);
    if (format > FORMAT)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it was written by a newer version: its format is %d, and this "
                          "version reads formats up to %d", l->path, format, FORMAT);
    return NNRT_OK;
}

static bool has_hash(const nnrt_loading *l, const char *key, uint64_t hash)
{
    const char *text = nnrt__header_metadata(&l->header, key);
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%016llx", (unsigned long long)hash);
    return text && !strcmp(text, wanted);
}

static int32_t check_optimizer(const nnrt_loading *l)
{
    if (has_hash(l, "opt_hash", l->model->opt_hash)) return NNRT_OK;
    return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it was saved by another optimizer than that of `%s`, whose state "
                      "it cannot give; its parameters alone can be loaded", l->path, l->model->source);
}

/* Reads and checks all; the session stays as it is. */
static int32_t read_all(nnrt_loading *l, Restored *r)
{
    int32_t status = check_format(l);
    if (!status) status = nnrt__loading_data(l);
    if (!status) status = nnrt__loading_match(l, false);
    if (!status) status = check_optimizer(l);
    if (!status) status = nnrt__loading_match(l, true);
    if (!status) status = read_place(l, &r->place);
    if (!status) status = read_train(l, &r->place.cursor);
    if (!status) status = read_totals(l, r);
    return status ? status : read_settings(l, r);
}

/* Nothing here can fail any more. */
static int32_t take_over(nnrt_session *s, const nnrt_loading *l, const Restored *r)
{
    nnrt_areas areas = {s->model, s->own_params, s->opt};
    nnrt__loading_copy(l, &areas);
    s->clock = r->place.clock;
    s->clock.first_sample = 0;
    s->clock.weight = 1;
    s->cursor = r->place.cursor;
    s->cursor.changed = !has_hash(l, "graph_hash", s->model->graph_hash);
    memcpy(s->epoch_totals, r->totals, totals_of(s->model, &s->cursor) * sizeof *r->totals);
    if (s->hparams) memcpy(s->hparams, r->settings, s->model->hparams_bytes);
    s->own_values = true;
    s->has_grads = false;
    return nnrt__prepare(s);
}

static int32_t load(nnrt_session *s, const char *path)
{
    const nnrt_model *m = s->model;
    size_t totals = nnrt__most_totals(m) * sizeof(double);
    nnrt_loading l;
    Restored r = {.place = {s->clock, s->cursor}};
    r.totals = nnrt__alloc(s, totals);
    r.settings = nnrt__alloc(s, m->hparams_bytes);
    int32_t status = r.totals && r.settings ? NNRT_OK : NNRT_ERR_MEMORY;
    if (!status && s->hparams) memcpy(r.settings, s->hparams, m->hparams_bytes);
    if (!status) {
        status = nnrt__loading_open(&l, &s->fault, m, path);
        if (!status) status = read_all(&l, &r);
        if (!status) status = nnrt__own_params(s);
        if (!status) status = nnrt__need_opt(s);
        if (!status) status = take_over(s, &l, &r);
        nnrt__loading_close(&l);
    }
    nnrt__release(s, r.totals, totals);
    nnrt__release(s, r.settings, m->hparams_bytes);
    return status;
}

int32_t nnrt_load_checkpoint(nnrt_session *s, const char *path)
{
    int32_t status = nnrt__usable(s);
    if (status) return status;
    return path ? load(s, path) : nnrt__fail(&s->fault, NNRT_ERR_NULL, "a checkpoint needs a path");
}
