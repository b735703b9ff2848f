/* arena.c: blocks that grow, given back all at once. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

/* Under AddressSanitizer what was not handed out may not be touched, and a gap lies behind every piece. */
#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif
#ifdef WATCHED
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
enum { GAP = 0 };
#endif

typedef struct Chunk {
    struct Chunk *next;
    size_t used, size;
} Chunk;
struct Arena {
    Chunk *chunk;
    size_t bytes;
};
enum { HEADER = (sizeof(Chunk) + 15) & ~15u, FIRST = 64 * 1024, LARGEST = 4 * 1024 * 1024 };

Arena *arena_new(void)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a) fatal("out of memory");
    return a;
}

void arena_free(Arena *a)
{
    for (Chunk *c = a->chunk, *next; c; c = next) {
        next = c->next;
        ASAN_UNPOISON_MEMORY_REGION(c, HEADER + c->size);
        free(c);
    }
    free(a);
}

static Chunk *chunk_add(Arena *a, size_t bytes)
{
    size_t size = a->chunk ? a->chunk->size * 2 : FIRST;
    if (size > LARGEST) size = LARGEST;
    if (size < bytes) size = bytes;
    Chunk *c = calloc(1, HEADER + size); /* zero pages come for free */
    if (!c) fatal("out of memory: %zu bytes wanted", bytes);
    c->size = size;
    c->next = a->chunk;
    ASAN_POISON_MEMORY_REGION((char *)c + HEADER, size);
    return a->chunk = c;
}

void *arena_alloc(Arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) fatal("out of memory: %zu bytes wanted", bytes);
    size_t taken = ((bytes + 15) & ~(size_t)15) + GAP;
    Chunk *c = a->chunk;
    if (!c || c->size - c->used < taken) c = chunk_add(a, taken);
    void *p = (char *)c + HEADER + c->used;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    c->used += taken;
    a->bytes += taken;
    return p;
}

void *arena_copy(Arena *a, const void *from, size_t bytes)
{
    void *p = arena_alloc(a, bytes);
    if (bytes) memcpy(p, from, bytes);
    return p;
}

size_t arena_bytes(const Arena *a) { return a->bytes; }
