/* source.c: files read whole, and places in them; files written whole or not at all. */
#include "base/base.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Source *source_new(Arena *a, const char *name, const char *text, size_t size)
{
    Source *s = NEW(a, Source);
    s->name = str_copy(a, name);
    s->text = str_copy_n(a, text, size);
    s->size = size;
    VEC(uint32_t) lines = {0};
    vec_push(a, &lines, 0);
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n') vec_push(a, &lines, (uint32_t)(i + 1));
    s->lines = lines.at;
    s->nlines = lines.n;
    return s;
}

static bool read_all(Arena *a, int fd, char **out_data, size_t *out_size)
{
    size_t cap = 64 * 1024, n = 0;
    char *data = malloc(cap);
    for (ssize_t got = 1; data && got; n += (size_t)got) {
        if (n == cap) {
            char *grown = realloc(data, cap *= 2);
            if (!grown) free(data);
            data = grown;
            if (!data) break;
        }
        do got = read(fd, data + n, cap - n);
        while (got < 0 && errno == EINTR);
        if (got < 0) {
            free(data);
            return false;
        }
    }
    if (!data) fatal("out of memory");
    *out_data = str_copy_n(a, data, n);
    *out_size = n;
    free(data);
    return true;
}

bool read_file(Arena *a, const char *path, char **out_data, size_t *out_size)
{
    bool standard = !strcmp(path, "-");
    int fd = standard ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = read_all(a, fd, out_data, out_size);
    int saved = errno;
    if (!standard) close(fd);
    errno = saved;
    return ok;
}

Source *source_read(Arena *a, const char *path, const char *name)
{
    char *text;
    size_t size;
    if (!read_file(a, path, &text, &size)) return NULL;
    if (size > UINT32_MAX / 2) {
        errno = EFBIG;
        return NULL;
    }
    return source_new(a, name, text, size);
}

int source_line(const Source *s, uint32_t offset)
{
    int lo = 0, hi = s->nlines;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (s->lines[mid] <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return lo + 1;
}

int source_column(const Source *s, uint32_t offset) { return (int)(offset - s->lines[source_line(s, offset) - 1]) + 1; }

Span span_join(Span a, Span b)
{
    if (!a.source) return b;
    if (!b.source || a.source != b.source) return a;
    if (b.lo < a.lo) a.lo = b.lo;
    if (b.hi > a.hi) a.hi = b.hi;
    return a;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* A file that is replaced keeps its mode. */
static mode_t mode_of(const char *path)
{
    struct stat was;
    if (!stat(path, &was) && S_ISREG(was.st_mode)) return was.st_mode & 07777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool write_temporary(const char *temporary, int fd, const void *data, size_t size, const char *path)
{
    bool ok = write_all(fd, data, size) && !fchmod(fd, mode_of(path)) && !fsync(fd);
    int saved = errno;
    if (close(fd) && ok) ok = false, saved = errno;
    if (ok && rename(temporary, path)) ok = false, saved = errno;
    if (!ok) unlink(temporary);
    errno = saved;
    return ok;
}

bool write_file(const char *path, const void *data, size_t size)
{
    if (!strcmp(path, "-")) return write_all(1, data, size);
    size_t n = strlen(path) + sizeof ".XXXXXX";
    char *temporary = malloc(n);
    if (!temporary) fatal("out of memory");
    snprintf(temporary, n, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    bool ok = fd >= 0 && write_temporary(temporary, fd, data, size, path);
    free(temporary);
    return ok;
}
