/* Parameters and layer state in safetensors files: by name, never by memory layout. */
#include "safetensors.h"
#include "session.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* CRC-32C (Castagnoli), four bits at a time. */
static uint32_t crc32c(const void *data, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *at = data;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static bool saved(const nnrt_tensor *t) { return t->role != NNRT_OPT; }

/* ---- files ---- */
static int32_t failed_to(nnrt_fault *fault, const char *what, const char *path)
{
    return nnrt__fail(fault, NNRT_ERR_FILE, "%s: cannot %s: %s", path, what, strerror(errno));
}

static bool read_all(int fd, void *into, size_t n, off_t from)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, (char *)into + done, n - done, from + (off_t)done);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return errno = got == 0 ? EIO : errno, false;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, (const char *)from + done, n - done);
        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* ---- saving ---- */
/* Text that grows; after a failed allocation it stays NULL. */
typedef struct Growing { char *at; size_t n, cap; bool failed; } Growing;

static void add_bytes(Growing *g, const void *from, size_t n)
{
    if (g->failed)
        return;
    if (g->n + n > g->cap) {
        size_t cap = 2 * (g->n + n) + 256;
        char *moved = realloc(g->at, cap);
        g->failed = !moved;
        if (!moved)
            return;
        g->at = moved;
        g->cap = cap;
    }
    memcpy(g->at + g->n, from, n);
    g->n += n;
}

static void add_text(Growing *g, const char *text) { add_bytes(g, text, strlen(text)); }

static void add_string(Growing *g, const char *text)
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

static void add_pair(Growing *g, const char *key, const char *value)
{
    add_string(g, key);
    add_text(g, ":");
    add_string(g, value);
}

static void add_metadata(Growing *g, const nnrt_model *m, const char *params)
{
    char text[32], key[NNRT__MAX_NAME + 16];
    add_text(g, "{\"__metadata__\":{");
    add_pair(g, "format", "nnc-weights-1");
    add_text(g, ",");
    add_pair(g, "model", m->name);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)m->weights_hash);
    add_text(g, ",");
    add_pair(g, "weights_hash", text);
    for (uint32_t i = 0; i < m->ntensors; i++) {
        const nnrt_tensor *t = &m->tensors[i];
        if (!saved(t))
            continue;
        snprintf(key, sizeof key, "crc32c:%s", t->name);
        snprintf(text, sizeof text, "%08x", (unsigned)crc32c(params + t->offset, (size_t)t->bytes));
        add_text(g, ",");
        add_pair(g, key, text);
    }
    add_text(g, "}");
}

static void add_tensor(Growing *g, const nnrt_tensor *t, int64_t begin)
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

/* Wide elements first, so that every tensor is aligned in the file. */
static void each_saved(const nnrt_model *m, void (*visit)(void *context, const nnrt_tensor *t), void *context)
{
    for (size_t bytes = 8; bytes > 0; bytes /= 2)
        for (uint32_t i = 0; i < m->ntensors; i++)
            if (saved(&m->tensors[i]) && nnrt_dtype_bytes(m->tensors[i].dtype) == bytes)
                visit(context, &m->tensors[i]);
}

typedef struct Saving { Growing file; int64_t begin; const char *params; } Saving;

static void save_entry(void *context, const nnrt_tensor *t)
{
    Saving *s = context;
    add_tensor(&s->file, t, s->begin);
    s->begin += t->bytes;
}

static void save_data(void *context, const nnrt_tensor *t)
{
    Saving *s = context;
    add_bytes(&s->file, s->params + t->offset, (size_t)t->bytes);
}

/* The whole file: eight bytes of length, the header filled up to a multiple of eight, the data. */
static Growing compose(const nnrt_model *m, const char *params)
{
    Saving s = {.params = params};
    unsigned char length[8];
    add_bytes(&s.file, "        ", 8);
    add_metadata(&s.file, m, params);
    each_saved(m, save_entry, &s);
    add_text(&s.file, "}");
    while (s.file.n % 8 && !s.file.failed)
        add_text(&s.file, " ");
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)(s.file.n - 8) >> (8 * i));
    if (!s.file.failed)
        memcpy(s.file.at, length, sizeof length);
    each_saved(m, save_data, &s);
    return s.file;
}

/* Opens a new file beside `path`, whose name goes to `name`. */
static int open_beside(const char *path, char *name, size_t size)
{
    for (int i = 0; i < 100; i++) {
        if ((size_t)snprintf(name, size, "%s.%ld-%d.tmp", path, (long)getpid(), i) >= size)
            return errno = ENAMETOOLONG, -1;
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Makes a rename last through a power cut. Some file systems refuse to sync a directory: then they need it not. */
static void sync_directory(const char *path)
{
    char directory[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof directory)
        return;
    memcpy(directory, path, n);
    memcpy(directory + n, ".", 2);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static int32_t replace_file(nnrt_fault *fault, const char *path, const Growing *file)
{
    char name[4096];
    int fd = open_beside(path, name, sizeof name);
    if (fd < 0)
        return failed_to(fault, "write", path);
    bool good = write_all(fd, file->at, file->n) && !fsync(fd);
    int why = errno;
    if (close(fd) && good) {
        good = false;
        why = errno;
    }
    if (good && !rename(name, path)) {
        sync_directory(path);
        return NNRT_OK;
    }
    why = good ? errno : why;
    unlink(name);
    errno = why;
    return failed_to(fault, "write", path);
}

static int32_t save(nnrt_fault *fault, const nnrt_model *m, const void *params, const char *path)
{
    if (!m || !path || (!params && m->params_bytes > 0))
        return nnrt__fail(fault, NNRT_ERR_NULL, "saving needs a model, its parameters and a path");
    Growing file = compose(m, params);
    int32_t status = file.failed ? nnrt__fail(fault, NNRT_ERR_MEMORY, "%s: there is no memory left to write it", path)
                                 : replace_file(fault, path, &file);
    free(file.at);
    return status;
}

/* ---- loading ---- */
typedef struct Loading {
    nnrt_fault *fault;
    const nnrt_model *model;
    const char *path;
    int fd;
    int64_t data_at, data_bytes;
    char *text, *data;
    nnrt_file_header header;
} Loading;

static const char *file_shape(const nnrt_file_tensor *t, char *buffer, size_t size)
{
    size_t at = (size_t)snprintf(buffer, size, "%s", t->dtype);
    for (uint32_t i = 0; i < t->rank && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, "%s%lld", i ? ", " : "[", (long long)t->dims[i]);
    if (t->rank > 0 && at < size)
        snprintf(buffer + at, size - at, "]");
    for (char *c = buffer; *c && *c != '['; c++) /* f32, as the language writes it */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    return buffer;
}

static bool same_shape(const nnrt_tensor *t, const nnrt_file_tensor *f)
{
    if (strcmp(f->dtype, nnrt__file_dtype(t->dtype)) || f->rank != t->rank)
        return false;
    return t->rank == 0 || !memcmp(f->dims, t->dims, t->rank * sizeof *t->dims);
}

/* What a file of another model also says. */
static const char *hash_note(const Loading *l)
{
    char wanted[32];
    const char *hash = nnrt__header_metadata(&l->header, "weights_hash");
    snprintf(wanted, sizeof wanted, "%016llx", (unsigned long long)l->model->weights_hash);
    return hash && strcmp(hash, wanted) ? "; it was written by a model with other parameters" : "";
}

static int32_t match_tensor(const Loading *l, const nnrt_tensor *t)
{
    const nnrt_file_tensor *f = nnrt__header_find(&l->header, t->name);
    char wanted[160], given[160];
    nnrt_tensor_text(t, wanted, sizeof wanted);
    if (!f)
        return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it lacks `%s`, which is %s (%s)%s", l->path, t->name, wanted,
                          t->where, hash_note(l));
    if (same_shape(t, f))
        return NNRT_OK;
    return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: `%s` is %s (%s), and the file has %s%s", l->path, t->name, wanted,
                      t->where, file_shape(f, given, sizeof given), hash_note(l));
}

static int32_t match_all(const Loading *l)
{
    const nnrt_model *m = l->model;
    for (uint32_t i = 0; i < m->ntensors; i++) {
        int32_t status = saved(&m->tensors[i]) ? match_tensor(l, &m->tensors[i]) : NNRT_OK;
        if (status)
            return status;
    }
    for (int64_t i = 0; i < l->header.ntensors; i++) {
        int32_t at = nnrt_find_tensor(m, l->header.tensors[i].name);
        if (at < 0 || !saved(&m->tensors[at]))
            return nnrt__fail(l->fault, NNRT_ERR_SHAPE, "%s: it has `%s`, which `%s` (%s) has not%s", l->path,
                              l->header.tensors[i].name, m->name, m->source, hash_note(l));
    }
    return NNRT_OK;
}

static int32_t check_sums(const Loading *l)
{
    char key[NNRT__MAX_NAME + 16], sum[16];
    for (int64_t i = 0; i < l->header.ntensors; i++) {
        const nnrt_file_tensor *t = &l->header.tensors[i];
        snprintf(key, sizeof key, "crc32c:%s", t->name);
        const char *wanted = nnrt__header_metadata(&l->header, key);
        if (!wanted)
            continue;
        snprintf(sum, sizeof sum, "%08x", (unsigned)crc32c(l->data + t->begin, (size_t)(t->end - t->begin)));
        if (strcmp(sum, wanted))
            return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: `%s` is damaged: its checksum is %s, and should be %s",
                              l->path, t->name, sum, wanted);
    }
    return NNRT_OK;
}

static int32_t read_header(Loading *l)
{
    struct stat info;
    unsigned char prefix[8];
    uint64_t length = 0;
    if (fstat(l->fd, &info))
        return failed_to(l->fault, "read", l->path);
    if (!S_ISREG(info.st_mode) || info.st_size < 8)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is no safetensors file: %s", l->path,
                          S_ISREG(info.st_mode) ? "it has fewer than 8 bytes" : "it is no plain file");
    if (!read_all(l->fd, prefix, sizeof prefix, 0))
        return failed_to(l->fault, "read", l->path);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | prefix[i];
    if (length > NNRT__MAX_HEADER || (int64_t)length > info.st_size - 8)
        return nnrt__fail(l->fault, NNRT_ERR_FILE, "%s: it is no safetensors file, or cut short: its header would have "
                          "%llu bytes", l->path, (unsigned long long)length);
    l->data_at = 8 + (int64_t)length;
    l->data_bytes = info.st_size - l->data_at;
    l->text = malloc((size_t)length + 1);
    if (!l->text)
        return nnrt__fail(l->fault, NNRT_ERR_MEMORY, "%s: there is no memory left to read it", l->path);
    if (!read_all(l->fd, l->text, (size_t)length, 8))
        return failed_to(l->fault, "read", l->path);
    nnrt_fault why;
    int32_t status = nnrt__header_read(&why, l->text, (size_t)length, l->data_bytes, &l->header);
    return status ? nnrt__fail(l->fault, status, "%s: %.500s", l->path, why.text) : NNRT_OK;
}

static int32_t read_data(Loading *l)
{
    l->data = malloc((size_t)l->data_bytes + 1);
    if (!l->data)
        return nnrt__fail(l->fault, NNRT_ERR_MEMORY, "%s: there is no memory left to read it", l->path);
    if (!read_all(l->fd, l->data, (size_t)l->data_bytes, (off_t)l->data_at))
        return failed_to(l->fault, "read", l->path);
    return check_sums(l);
}

static void copy_out(const Loading *l, char *params)
{
    for (uint32_t i = 0; i < l->model->ntensors; i++) {
        const nnrt_tensor *t = &l->model->tensors[i];
        const nnrt_file_tensor *f = saved(t) ? nnrt__header_find(&l->header, t->name) : NULL;
        if (f)
            memcpy(params + t->offset, l->data + f->begin, (size_t)t->bytes);
    }
}

static int32_t load(nnrt_fault *fault, const nnrt_model *m, void *params, const char *path)
{
    if (!m || !path || (!params && m->params_bytes > 0))
        return nnrt__fail(fault, NNRT_ERR_NULL, "loading needs a model, a place for its parameters and a path");
    Loading l = {.fault = fault, .model = m, .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (l.fd < 0)
        return failed_to(fault, "read", path);
    int32_t status = read_header(&l);
    if (!status)
        status = match_all(&l);
    if (!status)
        status = read_data(&l);
    if (!status)
        copy_out(&l, params);
    close(l.fd);
    free(l.text);
    free(l.data);
    nnrt__header_free(&l.header);
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

static int32_t no_model(nnrt_session *s)
{
    return s ? nnrt__fail(&s->fault, NNRT_ERR_STATE, "the session has no model") : NNRT_ERR_NULL;
}

int32_t nnrt_save(nnrt_session *s, const char *path)
{
    if (!s || !s->model)
        return no_model(s);
    int32_t status = nnrt__need_values(s);
    return status ? status : save(&s->fault, s->model, s->params, path);
}

int32_t nnrt_load(nnrt_session *s, const char *path)
{
    if (!s || !s->model)
        return no_model(s);
    void *host = s->params == s->own_params ? NULL : s->params;
    int32_t status = nnrt__own_params(s);
    if (!status)
        status = load(&s->fault, s->model, s->own_params, path);
    if (status) {
        if (host)
            nnrt_use_params(s, host);
        return status;
    }
    s->own_values = true;
    return nnrt__prepare(s);
}
