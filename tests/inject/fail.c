/* fail.c: loaded before the compiler, it makes the n-th call of the compiler's own code to the system or to malloc fail:
   FAIL_AT=N counts from 1, FAIL_KIND is `memory` or `io`, FAIL_ERROR an errno (0: a write that takes one byte), FAIL_ALL=1
   fails all later ones too. When the N-th call was met, the file FAIL_MARK is there. Calls of LLVM and of libc count not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uintptr_t low, high;
static long at, calls;
static int error;
static bool all, memory;

/* The first object is the program itself. */
static int first_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    low = (uintptr_t)-1;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD) continue;
        if (info->dlpi_addr + p->p_vaddr < low) low = info->dlpi_addr + p->p_vaddr;
        if (info->dlpi_addr + p->p_vaddr + p->p_memsz > high) high = info->dlpi_addr + p->p_vaddr + p->p_memsz;
    }
    return 1;
}

__attribute__((constructor)) static void start(void)
{
    const char *n = getenv("FAIL_AT"), *kind = getenv("FAIL_KIND"), *number = getenv("FAIL_ERROR");
    dl_iterate_phdr(first_object, NULL);
    error = number ? atoi(number) : EIO;
    memory = kind && !strcmp(kind, "memory");
    all = getenv("FAIL_ALL") != NULL;
    at = n ? atol(n) : 0;
    unsetenv("LD_PRELOAD"); /* what the compiler starts is no concern of this */
}

static bool fails(bool is_memory, void *caller)
{
    if (!at || is_memory != memory || (uintptr_t)caller < low || (uintptr_t)caller >= high) return false;
    calls++;
    const char *mark = calls == at ? getenv("FAIL_MARK") : NULL;
    if (mark) syscall(SYS_close, (int)syscall(SYS_open, mark, O_CREAT | O_WRONLY, 0600));
    errno = is_memory ? ENOMEM : error;
    return all ? calls >= at : calls == at;
}

#define FAILS(is_memory) fails(is_memory, __builtin_return_address(0))
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t n) { return FAILS(true) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return FAILS(true) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return FAILS(true) ? NULL : __libc_realloc(p, n); }
void *aligned_alloc(size_t a, size_t n) { return FAILS(true) ? NULL : NEXT(aligned_alloc)(a, n); }
ssize_t read(int fd, void *to, size_t n)
{
    if (!FAILS(false)) return syscall(SYS_read, fd, to, n);
    return error ? -1 : syscall(SYS_read, fd, to, n ? 1 : 0);
}
ssize_t pread(int fd, void *to, size_t n, off_t from)
{
    if (!FAILS(false)) return syscall(SYS_pread64, fd, to, n, from);
    return error ? -1 : syscall(SYS_pread64, fd, to, n ? 1 : 0, from);
}
ssize_t write(int fd, const void *from, size_t n)
{
    if (!FAILS(false)) return syscall(SYS_write, fd, from, n);
    return error ? -1 : syscall(SYS_write, fd, from, n ? 1 : 0);
}
int fsync(int fd) { return error && FAILS(false) ? -1 : (int)syscall(SYS_fsync, fd); }
int close(int fd)
{
    bool failed = error && FAILS(false);
    int status = (int)syscall(SYS_close, fd);
    if (failed) errno = error;
    return failed ? -1 : status;
}
int rename(const char *from, const char *to) { return error && FAILS(false) ? -1 : (int)syscall(SYS_rename, from, to); }
int mkstemp(char *name) { return error && FAILS(false) ? -1 : NEXT(mkstemp)(name); }
int mkstemps(char *name, int end) { return error && FAILS(false) ? -1 : NEXT(mkstemps)(name, end); }
int mkostemps(char *name, int end, int flags) { return error && FAILS(false) ? -1 : NEXT(mkostemps)(name, end, flags); }
int open(const char *path, int flags, ...)
{
    __builtin_va_list ap;
    __builtin_va_start(ap, flags);
    int mode = __builtin_va_arg(ap, int);
    __builtin_va_end(ap);
    return error && FAILS(false) ? -1 : (int)syscall(SYS_open, path, flags, mode);
}
