/* file.h: files written so that a stop at any moment leaves the old one or the new one. Private to the folder. */
#ifndef NNRT_FILE_H
#define NNRT_FILE_H
#include "fault.h"
#include <stdbool.h>
#include <sys/types.h>

/* Every step by which a file is written, as the system calls of the same names: -1 and errno on failure. Tests put
   others in their place. */
typedef struct nnrt_io {
    void *user;
    int (*create)(void *user, const char *path); /* for writing; fails where the name is taken */
    ssize_t (*write)(void *user, int file, const void *from, size_t n);
    int (*chmod)(void *user, int file, mode_t mode);
    int (*sync)(void *user, int file);
    int (*close)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
    int (*sync_folder)(void *user, const char *path); /* of the file `path` */
    int (*remove)(void *user, const char *path);
} nnrt_io;
extern const nnrt_io nnrt__io; /* the system's own */

/* Writes n bytes to a new file beside the one that `path` leads to, with the mode of that one, syncs it, and gives it
   that name. */
int32_t nnrt__replace_file(nnrt_fault *fault, const nnrt_io *io, const char *path, const void *from, size_t n);
bool nnrt__read_at(int file, void *into, size_t n, off_t from); /* false after errno */
int32_t nnrt__failed_to(nnrt_fault *fault, const char *what, const char *path); /* tells errno */
/* CRC-32C (Castagnoli) of n bytes. */
uint32_t nnrt__crc32c(const void *data, size_t n);
#endif
