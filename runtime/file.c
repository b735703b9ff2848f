/* Files: read whole, and replaced in one step. */
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Four bits at a time. */
uint32_t nnrt__crc32c(const void *data, size_t n)
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

int32_t nnrt__failed_to(nnrt_fault *fault, const char *what, const char *path)
{
    return nnrt__fail(fault, NNRT_ERR_FILE, "%s: cannot %s: %s", path, what, strerror(errno));
}

bool nnrt__read_at(int file, void *into, size_t n, off_t from)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(file, (char *)into + done, n - done, from + (off_t)done);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return errno = got == 0 ? EIO : errno, false;
    }
    return true;
}

/* ---- the system's calls ---- */
static int system_create(void *user, const char *path)
{
    (void)user;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static ssize_t system_write(void *user, int file, const void *from, size_t n)
{
    (void)user;
    return write(file, from, n);
}

static int system_chmod(void *user, int file, mode_t mode)
{
    (void)user;
    return fchmod(file, mode);
}

static int system_sync(void *user, int file)
{
    (void)user;
    return fsync(file);
}

static int system_close(void *user, int file)
{
    (void)user;
    return close(file);
}

static int system_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to);
}

/* Makes a rename last through a power cut. */
static int system_sync_folder(void *user, const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    (void)user;
    if (n >= sizeof folder - 1) return errno = ENAMETOOLONG, -1;
    memcpy(folder, path, n);
    memcpy(folder + n, ".", 2);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int status = fsync(fd);
    close(fd);
    return status;
}

static int system_remove(void *user, const char *path)
{
    (void)user;
    return unlink(path);
}

const nnrt_io nnrt__io = {NULL, system_create, system_write, system_chmod, system_sync, system_close,
                          system_rename, system_sync_folder, system_remove};

/* ---- replacing ---- */
/* Opens a new file beside `path`, whose name goes to `name`. */
static int create_beside(const nnrt_io *io, const char *path, char *name, size_t size)
{
    for (int i = 0; i < 100; i++) {
        if ((size_t)snprintf(name, size, "%s.%ld-%d.tmp", path, (long)getpid(), i) >= size)
            return errno = ENAMETOOLONG, -1;
        int file = io->create(io->user, name);
        if (file >= 0 || errno != EEXIST) return file;
    }
    return -1;
}

static bool write_all(const nnrt_io *io, int file, const char *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = io->write(io->user, file, from + done, n - done);
        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* What a file takes over from the one in whose place it comes. */
typedef struct Old { bool stands; mode_t mode; } Old;

/* After a failed sync nothing is tried again: the system may have dropped what was written. */
static bool fill(const nnrt_io *io, int file, Old old, const char *from, size_t n)
{
    bool good = write_all(io, file, from, n) && (!old.stands || !io->chmod(io->user, file, old.mode)) &&
                !io->sync(io->user, file);
    int why = errno;
    if (io->close(io->user, file) && good) return false;
    errno = why;
    return good;
}

static bool replace(const nnrt_io *io, const char *path, Old old, const void *from, size_t n)
{
    char name[4096];
    int file = create_beside(io, path, name, sizeof name);
    if (file < 0) return false;
    if (fill(io, file, old, from, n) && !io->rename(io->user, name, path)) {
        io->sync_folder(io->user, path); /* some file systems refuse to: then they need it not */
        return true;
    }
    int why = errno;
    io->remove(io->user, name);
    errno = why;
    return false;
}

int32_t nnrt__replace_file(nnrt_fault *fault, const nnrt_io *io, const char *path, const void *from, size_t n)
{
    char real[PATH_MAX];
    struct stat info;
    Old old = {.stands = !stat(path, &info)};
    if (old.stands) old.mode = info.st_mode & 07777;
    if (old.stands && !S_ISREG(info.st_mode)) /* a pipe or a device would be gone */
        return nnrt__fail(fault, NNRT_ERR_FILE, "%s: cannot write: it is no plain file", path);
    const char *to = realpath(path, real) ? real : path; /* links to the file stay */
    return replace(io, to, old, from, n) ? NNRT_OK : nnrt__failed_to(fault, "write", path);
}
