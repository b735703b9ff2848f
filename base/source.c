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

/* How much to make room for at first; a device, which may have no end, is read so far and no further. */
static size_t first_room(int fd, size_t *most)
{
    enum { ROOM = 64 << 10, DEVICE = 64 << 20 };
    struct stat info;
    if (fstat(fd, &info)) return ROOM;
    if (S_ISCHR(info.st_mode) && *most > DEVICE) *most = DEVICE;
    return S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size + 1 : ROOM;
}

static bool read_all(Arena *a, int fd, size_t most, char **out_data, size_t *out_size)
{
    size_t room = first_room(fd, &most), n = 0;
    char *data = room <= most ? arena_alloc(a, room) : NULL;
    for (ssize_t got = 1; data && n <= most;) {
        if (n + 1 >= room) {
            char *grown = arena_alloc(a, room *= 2);
            data = memcpy(grown, data, n);
        }
        got = read(fd, data + n, room - n - 1); /* a zero byte stays behind the last one */
        if (got < 0 && errno != EINTR) return false;
        if (got == 0) break;
        if (got > 0) n += (size_t)got;
    }
    *out_data = data;
    *out_size = n;
    if (data && n <= most) return true;
    errno = EFBIG;
    return false;
}

bool path_is_endless(const char *path)
{
    struct stat info;
    return !stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

const char *path_real(Arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = real ? str_copy(a, real) : path;
    free(real);
    return copy;
}

bool path_same(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) || stat(b, &y)) return !strcmp(a, b);
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool folder_make(const char *path)
{
    struct stat info;
    if (!mkdir(path, 0777)) return true;
    return errno == EEXIST && !stat(path, &info) && S_ISDIR(info.st_mode);
}

bool read_file(Arena *a, const char *path, size_t most, char **out_data, size_t *out_size)
{
    bool standard = !strcmp(path, "-");
    int fd = standard ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = read_all(a, fd, most, out_data, out_size);
    int saved = errno;
    if (!standard) close(fd);
    errno = saved;
    return ok;
}

Source *source_read(Arena *a, const char *path, const char *name, size_t most)
{
    char *text;
    size_t size;
    if (!read_file(a, path, most, &text, &size)) return NULL;
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

/* The first fault of writing, syncing and closing is told. */
static bool write_and_close(int fd, const void *data, size_t size, const char *path, bool sync)
{
    bool ok = write_all(fd, data, size) && (!sync || (!fchmod(fd, mode_of(path)) && !fsync(fd)));
    int saved = errno;
    if (close(fd) && ok) return false;
    errno = saved;
    return ok;
}

static bool write_beside(Arena *a, const char *path, const void *data, size_t size)
{
    char *temporary = str_format(a, "%s.XXXXXX.tmp", path);
    int fd = mkostemps(temporary, 4, O_CLOEXEC);
    if (fd < 0) return false;
    if (write_and_close(fd, data, size, path, true) && !rename(temporary, path)) return true;
    int saved = errno;
    unlink(temporary);
    errno = saved;
    return false;
}

static bool write_through(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write_and_close(fd, data, size, path, false);
}

bool write_file(const char *path, const void *data, size_t size)
{
    if (!strcmp(path, "-")) return !fflush(stdout) && write_all(1, data, size); /* behind what was printed */
    if (path_is_endless(path)) return write_through(path, data, size);
    Arena *a = arena_new();
    bool ok = write_beside(a, path_real(a, path), data, size);
    arena_free(a);
    return ok;
}
