/* A model in a shared library: looked at before it is loaded, found by its name, checked before it runs. */
#include "file.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nnrt_library {
    nnrt_fault fault; /* first: nnrt_error reads any handle by it */
    void *handle;
    const nnrt_model *model;
};

/* ---- before loading: a file cut short would end the process where the loader touches its missing pages ---- */
static int32_t refuse(nnrt_library *l, const char *path, const char *why)
{
    return nnrt__fail(&l->fault, NNRT_ERR_FILE, "%s: %s", path, why);
}

/* For which machine the file was made. The field lies where it does in files of 32 bits too. */
typedef struct Machine { unsigned code; const char *name; } Machine;
static const Machine machines[] = {{EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_ARM, "32-bit Arm"},
                                   {EM_386, "32-bit x86"}, {EM_RISCV, "RISC-V"}};
#if defined(__x86_64__)
enum { MACHINE_HERE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE_HERE = EM_AARCH64 };
#else
enum { MACHINE_HERE = EM_NONE };
#endif

static const char *machine_name(unsigned code)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].code == code) return machines[i].name;
    return "another kind of machine";
}

static int32_t refuse_machine(nnrt_library *l, const char *path, unsigned code)
{
    return nnrt__fail(&l->fault, NNRT_ERR_CPU, "%s: it was compiled for %s, and this machine is %s: compile it again "
                      "here, or with the --target of this machine", path, machine_name(code),
                      machine_name(MACHINE_HERE));
}

/* Does everything that the loader would map lie inside the file? */
static bool segments_fit(int fd, const ElfW(Ehdr) *head, uint64_t size)
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        ElfW(Phdr) segment;
        uint64_t end;
        off_t at = (off_t)(head->e_phoff + (uint64_t)i * sizeof segment);
        if (!nnrt__read_at(fd, &segment, sizeof segment, at)) return false;
        if (__builtin_add_overflow(segment.p_offset, segment.p_filesz, &end) ||
            (segment.p_type == PT_LOAD && end > size))
            return false;
    }
    return head->e_phnum > 0;
}

static int32_t look_inside(nnrt_library *l, const char *path, int fd)
{
    ElfW(Ehdr) head;
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode)) return refuse(l, path, "it is no plain file");
    if (!nnrt__read_at(fd, &head, sizeof head, 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_type != ET_DYN)
        return refuse(l, path, "it is no shared library");
    if (head.e_machine != MACHINE_HERE && MACHINE_HERE != EM_NONE) return refuse_machine(l, path, head.e_machine);
    if (head.e_phentsize != sizeof(ElfW(Phdr)) || !segments_fit(fd, &head, (uint64_t)info.st_size))
        return refuse(l, path, "it is cut short or damaged");
    return NNRT_OK;
}

static int32_t check_file(nnrt_library *l, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return nnrt__fail(&l->fault, NNRT_ERR_FILE, "%s: cannot read: %s", path, strerror(errno));
    int32_t status = look_inside(l, path, fd);
    close(fd);
    return status;
}

/* ---- which model it holds: the S whose S_model and S_bytes are exported. All names begin with S, so of several (it may
   have models called a_model and a_bytes) the shortest is meant. ---- */
typedef struct Symbols { const ElfW(Sym) *at; const char *names; const uint32_t *hash, *gnu_hash; } Symbols;

static const void *place_of(const struct link_map *map, ElfW(Addr) at)
{
    return (const void *)(at < map->l_addr ? at + map->l_addr : at); /* the C library may have added l_addr already */
}

static Symbols find_symbols(const struct link_map *map)
{
    Symbols s = {0};
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            s.at = place_of(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            s.names = place_of(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_HASH)
            s.hash = place_of(map, d->d_un.d_ptr);
        else if (d->d_tag == DT_GNU_HASH)
            s.gnu_hash = place_of(map, d->d_un.d_ptr);
    }
    return s;
}

/* The GNU table does not tell its length: it ends with the last chain, whose last word is odd. */
static uint32_t count_by_gnu_hash(const uint32_t *table)
{
    uint32_t nbuckets = table[0], first = table[1], nwords = table[2], last = 0;
    const uint32_t *buckets = table + 4 + nwords * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chains = buckets + nbuckets;
    for (uint32_t i = 0; i < nbuckets; i++) last = buckets[i] > last ? buckets[i] : last;
    if (last < first) return first;
    while (!(chains[last - first] & 1)) last++;
    return last + 1;
}

static uint32_t count_symbols(const Symbols *s)
{
    return s->hash ? s->hash[1] : s->gnu_hash ? count_by_gnu_hash(s->gnu_hash) : 0;
}

static bool exports(void *handle, const char *stem, size_t n, const char *tail)
{
    char name[512];
    int length = snprintf(name, sizeof name, "%.*s%s", (int)n, stem, tail);
    return length > 0 && (size_t)length < sizeof name && dlsym(handle, name);
}

static const char *find_model_symbol(void *handle, const struct link_map *map)
{
    static const char tail[] = "_model";
    Symbols s = find_symbols(map);
    const char *found = NULL;
    if (!s.at || !s.names) return NULL;
    for (uint32_t i = 1, n = count_symbols(&s); i < n; i++) {
        const char *name = s.names + s.at[i].st_name;
        size_t length = strlen(name), stem = length - (sizeof tail - 1);
        if (s.at[i].st_shndx == SHN_UNDEF || length < sizeof tail || strcmp(name + stem, tail)) continue;
        if (exports(handle, name, stem, "_bytes") && (!found || length < strlen(found))) found = name;
    }
    return found;
}

static int32_t take_model(nnrt_library *l, const char *path)
{
    struct link_map *map;
    const nnrt_model *(*describe)(void) = NULL;
    const char *name = dlinfo(l->handle, RTLD_DI_LINKMAP, &map) ? NULL : find_model_symbol(l->handle, map);
    void *symbol = name ? dlsym(l->handle, name) : NULL;
    char why[512];
    if (!symbol) return refuse(l, path, "it is a shared library, but no compiled model");
    memcpy(&describe, &symbol, sizeof symbol);
    const nnrt_model *model = describe();
    int32_t status = nnrt_check(model, why, sizeof why);
    if (status) return nnrt__fail(&l->fault, status, "%s: %s", path, why);
    l->model = model;
    return NNRT_OK;
}

static int32_t open_library(nnrt_library *l, const char *path)
{
    char here[4096];
    int32_t status = check_file(l, path);
    if (status) return status;
    /* A name without `/` would be searched for elsewhere. */
    if ((size_t)snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path) >= sizeof here)
        return refuse(l, path, "its name is too long");
    l->handle = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle) {
        const char *why = dlerror();
        return nnrt__fail(&l->fault, NNRT_ERR_FILE, "%s: cannot load: %s", path, why ? why : "no reason is given");
    }
    return take_model(l, path);
}

int32_t nnrt_open(const char *path, nnrt_library **out)
{
    if (!out) return NNRT_ERR_NULL;
    nnrt_library *l = *out = calloc(1, sizeof *l);
    if (!l) return NNRT_ERR_MEMORY;
    l->fault.handle = NNRT__LIBRARY;
    return path ? open_library(l, path) : nnrt__fail(&l->fault, NNRT_ERR_NULL, "no path is given");
}

static bool is_library(const nnrt_library *l) { return l && l->fault.handle == NNRT__LIBRARY; }

const nnrt_model *nnrt_library_model(const nnrt_library *library)
{
    return is_library(library) ? library->model : NULL;
}

void nnrt_close(nnrt_library *library)
{
    if (!is_library(library)) return;
    library->fault.handle = NNRT__NO_HANDLE;
    if (library->handle) dlclose(library->handle);
    free(library);
}
