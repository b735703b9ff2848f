/* A model's tensors on their way to a file and back. */
#include "tensors.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *place_of(const nnrt_areas *a, const nnrt_tensor *t)
{
    if (t->role != NNRT_OPT) return a->params + t->offset;
    return a->opt ? a->opt + t->offset : NULL;
}

/* ---- text ---- */
static void add_bytes(nnrt_text *g, const void *from, size_t n)
{
    if (g->failed) return;
    if (g->n + n > g->cap) {
        size_t cap = 2 * (g->n + n) + 256;
        char *moved = realloc(g->at, cap);
        g->failed = !moved;
        if (!moved) return;
        g->at = moved;
        g->cap = cap;
    }
    memcpy(g->at + g->n, from, n);
    g->n += n;
}

static void add_text(nnrt_text *g, const char *text) { add_bytes(g, text, strlen(text)); }

static void add_string(nnrt_text *g, const char *text)
{
    char escape[8];
    add_text(g, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*text);
            add_text(g, escape);
        } else {
            add_bytes(g, text, 1);
        }
    }
    add_text(g, "\"");
}

/* ---- metadata ---- */
uint32_t nnrt__pair_sum(const char *key, const char *value)
{
    return nnrt__crc32c(key, strlen(key)) ^ 31 * nnrt__crc32c(value, strlen(value));
}

void nnrt__add_pair(nnrt_saving *s, const char *key, const char *value)
{
    add_text(&s->file, s->file.n ? "," : "        {\"__metadata__\":{"); /* eight bytes for the header's length */
    add_string(&s->file, key);
    add_text(&s->file, ":");
    add_string(&s->file, value);
    s->sum ^= nnrt__pair_sum(key, value);
}

void nnrt__add_count(nnrt_saving *s, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    nnrt__add_pair(s, key, text);
}

void nnrt__add_hash(nnrt_saving *s, const char *key, uint64_t hash)
{
    char text[32];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    nnrt__add_pair(s, key, text);
}

static void add_sum(nnrt_saving *s, const char *key, uint32_t sum)
{
    char text[16];
    snprintf(text, sizeof text, "%08x", (unsigned)sum);
    nnrt__add_pair(s, key, text);
}

static void finish_metadata(nnrt_saving *s, const nnrt_areas *a)
{
    char key[NNRT__MAX_NAME + 16];
    for (uint32_t i = 0; i < a->model->ntensors; i++) {
        const nnrt_tensor *t = &a->model->tensors[i];
        if (!place_of(a, t)) continue;
        snprintf(key, sizeof key, "crc32c:%s", t->name);
        add_sum(s, key, nnrt__crc32c(place_of(a, t), (size_t)t->bytes));
    }
    add_sum(s, "crc32c", s->sum);
    add_text(&s->file, "}");
}

/* ---- the whole file ---- */
static void add_tensor(nnrt_text *g, const nnrt_tensor *t, int64_t begin)
{
    char text[96];
    add_text(g, ",");
    add_string(g, t->name);
    snprintf(text, sizeof text, ":{\"dtype\":\"%s\",\"shape\":[", nnrt__file_dtype(t->dtype));
    add_text(g, text);
    for (uint32_t i = 0; i < t->rank; i++) {
        snprintf(text, sizeof text, "%s%lld", i ? "," : "", (long long)t->dims[i]);
        add_text(g, text);
    }
    snprintf(text, sizeof text, "],\"data_offsets\":[%lld,%lld]}", (long long)begin, (long long)(begin + t->bytes));
    add_text(g, text);
}

typedef struct Writing { nnrt_text *file; int64_t begin; const nnrt_areas *areas; } Writing;

/* Wide elements first, so that every tensor is aligned in the file. */
static void each_saved(Writing *w, void (*visit)(Writing *w, const nnrt_tensor *t))
{
    const nnrt_model *m = w->areas->model;
    for (size_t bytes = 8; bytes > 0; bytes /= 2)
        for (uint32_t i = 0; i < m->ntensors; i++)
            if (place_of(w->areas, &m->tensors[i]) && nnrt_dtype_bytes(m->tensors[i].dtype) == bytes)
                visit(w, &m->tensors[i]);
}

static void write_entry(Writing *w, const nnrt_tensor *t)
{
    add_tensor(w->file, t, w->begin);
    w->begin += t->bytes;
}

static void write_data(Writing *w, const nnrt_tensor *t)
{
    add_bytes(w->file, place_of(w->areas, t), (size_t)t->bytes);
}

/* Eight bytes of length, the header filled up to a multiple of eight, the data. */
static void compose(nnrt_saving *s, const nnrt_areas *areas)
{
    nnrt_text *g = &s->file;
    Writing w = {g, 0, areas};
    finish_metadata(s, areas);
    each_saved(&w, write_entry);
    add_text(g, "}");
    while (g->n % 8 && !g->failed) add_text(g, " ");
    for (int i = 0; i < 8 && !g->failed; i++) g->at[i] = (char)((uint64_t)(g->n - 8) >> (8 * i));
    each_saved(&w, write_data);
}

int32_t nnrt__save_tensors(nnrt_fault *fault, const nnrt_io *io, nnrt_saving *s, const nnrt_areas *areas,
                           const char *path)
{
    compose(s, areas);
    int32_t status = s->file.failed
                         ? nnrt__fail(fault, NNRT_ERR_MEMORY, "%s: there is no memory left to write it", path)
                         : nnrt__replace_file(fault, io, path, s->file.at, s->file.n);
    free(s->file.at);
    return status;
}

/* ---- what a file has against what a model wants ---- */
char *nnrt__file_shape(const nnrt_file_tensor *t, char *buffer, size_t size)
{
    size_t at = (size_t)snprintf(buffer, size, "%s", t->dtype);
    for (uint32_t i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s%lld", i ? ", " : "[", (long long)t->dims[i]);
    if (t->rank > 0 && at < size) snprintf(buffer + at, size - at, "]");
    for (char *c = buffer; *c && *c != '['; c++) /* f32, as the language writes it */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return buffer;
}

bool nnrt__same_shape(const nnrt_tensor *t, const nnrt_file_tensor *f)
{
    if (strcmp(f->dtype, nnrt__file_dtype(t->dtype)) || f->rank != t->rank) return false;
    return t->rank == 0 || !memcmp(f->dims, t->dims, t->rank * sizeof *t->dims);
}

int nnrt__checkpoint_format(const nnrt_file_header *h)
{
    static const char prefix[] = "nnc-checkpoint-";
    const char *format = nnrt__header_metadata(h, "format");
    if (!format || strncmp(format, prefix, sizeof prefix - 1)) return 0;
    long version = strtol(format + sizeof prefix - 1, NULL, 10);
    return version > 0 && version <= INT_MAX ? (int)version : 0;
}

/* What a file of another model also says. */
static const char *hash_note(const nnrt_loading *l)
{
    char wanted[32];
    const char *hash = nnrt__header_metadata(&l->header, "weights_hash");
    snprintf(wanted, sizeof wanted, "%016llx", (unsigned long long)l->model->weights_hash);
    return hash && strcmp(hash, wanted) ? "; it was written by a model with other parameters" : "";
}

static int32_t match_tensor(const nnrt_loading *l, const nnrt_tensor *t)
{
    const nnrt_file_tensor *f = nnrt__header_find(&l->header, t->name);
    char wanted[160], given[160];
    nnrt_tensor_text(t, wanted, sizeof wanted);
    if (!f)
        return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it lacks `%s`, which is %s (%s)%s", l->path, t->name, wanted,
                          t->where, hash_note(l));
    if (nnrt__same_shape(t, f)) return NNRT_OK;
    return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: `%s` is %s (%s), and the file has %s%s", l->path, t->name, wanted,
                      t->where, nnrt__file_shape(f, given, sizeof given), hash_note(l));
}

/* A checkpoint's names of an optimizer's state. No parameter's path has a slash. */
static bool names_opt(const nnrt_loading *l, const char *name)
{
    return nnrt__checkpoint_format(&l->header) && strchr(name, '/');
}

int32_t nnrt__loading_match(const nnrt_loading *l, bool opt)
{
    const nnrt_model *m = l->model;
    for (uint32_t i = 0; i < m->ntensors; i++) {
        int32_t status = (m->tensors[i].role == NNRT_OPT) == opt ? match_tensor(l, &m->tensors[i]) : NNRT_OK;
        if (status) return status;
    }
    for (int64_t i = 0; i < l->header.ntensors; i++) {
        const char *name = l->header.tensors[i].name;
        int32_t at = nnrt_find_tensor(m, name);
        bool known = at >= 0 && (m->tensors[at].role == NNRT_OPT) == opt;
        if (!known && names_opt(l, name) == opt)
            return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it has `%s`, which `%s` (%s) has not%s", l->path, name,
                              m->name, m->source, hash_note(l));
    }
    return NNRT_OK;
}

/* ---- reading ---- */
static int32_t damaged(const nnrt_loading *l, const char *what, uint32_t sum, const char *wanted)
{
    return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: %s is damaged: its checksum is %08x, and should be %s", l->path,
                      what, (unsigned)sum, wanted);
}

static bool differs(uint32_t sum, const char *wanted)
{
    char text[16];
    snprintf(text, sizeof text, "%08x", (unsigned)sum);
    return strcmp(text, wanted) != 0;
}

/* A file of another program has no sums, and a checkpoint must have. */
static int32_t check_metadata(const nnrt_loading *l)
{
    const nnrt_file_header *h = &l->header;
    const char *wanted = nnrt__header_metadata(h, "crc32c");
    uint32_t sum = 0;
    if (!wanted && nnrt__checkpoint_format(h))
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is damaged: its metadata lacks a checksum", l->path);
    for (int64_t i = 0; i < h->nmetadata; i++)
        if (strcmp(h->metadata[2 * i], "crc32c")) sum ^= nnrt__pair_sum(h->metadata[2 * i], h->metadata[2 * i + 1]);
    return wanted && differs(sum, wanted) ? damaged(l, "its metadata", sum, wanted) : NNRT_OK;
}

static int32_t check_sums(const nnrt_loading *l)
{
    char key[NNRT__MAX_NAME + 16], name[NNRT__MAX_NAME + 8];
    for (int64_t i = 0; i < l->header.ntensors; i++) {
        const nnrt_file_tensor *t = &l->header.tensors[i];
        snprintf(key, sizeof key, "crc32c:%s", t->name);
        const char *wanted = nnrt__header_metadata(&l->header, key);
        uint32_t sum = wanted ? nnrt__crc32c(l->data + t->begin, (size_t)(t->end - t->begin)) : 0;
        snprintf(name, sizeof name, "`%s`", t->name);
        if (wanted && differs(sum, wanted)) return damaged(l, name, sum, wanted);
    }
    return NNRT_OK;
}

static int32_t read_header_text(nnrt_loading *l, uint64_t length)
{
    l->text = malloc((size_t)length + 1);
    if (!l->text) return nnrt__fail(l->fault, NNRT_ERR_MEMORY, "%s: there is no memory left to read it", l->path);
    if (!nnrt__read_at(l->file, l->text, (size_t)length, 8)) return nnrt__failed_to(l->fault, "read", l->path);
    nnrt_fault why;
    int32_t status = nnrt__header_read(&why, l->text, (size_t)length, l->data_bytes, &l->header);
    return status ? nnrt__fail(l->fault, status, "%s: %.500s", l->path, why.text) : NNRT_OK;
}

static int32_t read_header(nnrt_loading *l)
{
    struct stat info;
    unsigned char prefix[8];
    uint64_t length = 0;
    if (fstat(l->file, &info)) return nnrt__failed_to(l->fault, "read", l->path);
    if (!S_ISREG(info.st_mode) || info.st_size < 8)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is no safetensors file: %s", l->path,
                          S_ISREG(info.st_mode)   ? "it has fewer than 8 bytes"
                          : S_ISDIR(info.st_mode) ? "it is a folder"
                                                  : "it is no plain file");
    if (!nnrt__read_at(l->file, prefix, sizeof prefix, 0)) return nnrt__failed_to(l->fault, "read", l->path);
    for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
    if (length > NNRT__MAX_HEADER || (int64_t)length > info.st_size - 8)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is no safetensors file, or cut short: its header would have "
                          "%llu bytes", l->path, (unsigned long long)length);
    l->data_at = 8 + (int64_t)length;
    l->data_bytes = info.st_size - l->data_at;
    return read_header_text(l, length);
}

int32_t nnrt__loading_open(nnrt_loading *l, nnrt_fault *fault, const nnrt_model *m, const char *path)
{
    *l = (nnrt_loading){.fault = fault, .model = m, .path = path};
    l->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (l->file < 0) return nnrt__failed_to(fault, "read", path);
    return read_header(l);
}

int32_t nnrt__loading_data(nnrt_loading *l)
{
    int32_t status = check_metadata(l);
    if (status) return status;
    l->data = malloc((size_t)l->data_bytes + 1);
    if (!l->data) return nnrt__fail(l->fault, NNRT_ERR_MEMORY, "%s: there is no memory left to read it", l->path);
    if (!nnrt__read_at(l->file, l->data, (size_t)l->data_bytes, (off_t)l->data_at))
        return nnrt__failed_to(l->fault, "read", l->path);
    return check_sums(l);
}

void nnrt__loading_copy(const nnrt_loading *l, const nnrt_areas *areas)
{
    for (uint32_t i = 0; i < l->model->ntensors; i++) {
        const nnrt_tensor *t = &l->model->tensors[i];
        const nnrt_file_tensor *f = nnrt__header_find(&l->header, t->name);
        if (f && place_of(areas, t) && nnrt__same_shape(t, f))
            memcpy(place_of(areas, t), l->data + f->begin, (size_t)t->bytes);
    }
}

void nnrt__loading_close(nnrt_loading *l)
{
    if (l->file >= 0) close(l->file);
    free(l->text);
    free(l->data);
    nnrt__header_free(&l->header);
}
