#include "buffers.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WATCHED = 0xA5 };

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("FAILED: ", stdout);
    vprintf(format, arguments);
    puts("");
    va_end(arguments);
    exit(1);
}

/* ---- memory ---- */
static Buffer guarded(Place place, size_t bytes, size_t alignment)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page;
    unsigned char *all = mmap(NULL, inside + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) fail("no memory for a guarded buffer");
    Buffer b = {.bytes = bytes, .pages = all + page, .npages = inside};
    if (inside && mprotect(b.pages, inside, PROT_READ | PROT_WRITE)) fail("a page cannot be opened");
    if (inside) memset(b.pages, WATCHED, inside);
    b.at = place == AT_START ? b.pages : b.pages + (inside - bytes) / alignment * alignment;
    return b;
}

Buffer buffer_new(Place place, size_t bytes, size_t alignment)
{
    if (place != ON_HEAP) return guarded(place, bytes, alignment);
    void *at;
    if (posix_memalign(&at, alignment < sizeof at ? sizeof at : alignment, bytes)) fail("no memory for a buffer");
    memset(at, WATCHED, bytes);
    return (Buffer){.at = at, .bytes = bytes};
}

void buffer_check(const Buffer *b, const char *what)
{
    for (size_t i = 0; i < b->npages; i++)
        if ((b->pages + i < b->at || b->pages + i >= b->at + b->bytes) && b->pages[i] != WATCHED)
            fail("%s: the byte at %td of its %zu was written", what, b->pages + i - b->at, b->bytes);
}

void buffer_free(Buffer *b)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (b->pages) munmap(b->pages - page, b->npages + 2 * page);
    else free(b->at);
    *b = (Buffer){0};
}

uint64_t buffer_hash(const Buffer *b)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < b->bytes; i++) h = (h ^ b->at[i]) * 0x100000001b3u;
    return h;
}

/* ---- sizes and values ---- */
void sizes_choose(const nnrt_model *m, const nnrt_entry *e, int64_t n, int64_t *out_sizes)
{
    for (uint32_t i = 0; i < e->nsymbols; i++) {
        const nnrt_symbol *s = &m->symbols[e->symbols[i]];
        int64_t room = s->high - s->low + 1;
        out_sizes[i] = s->low + (n - 1) % room;
    }
}

void view_dims(const nnrt_entry *e, const nnrt_view *v, const int64_t *sizes, int64_t *out_dims)
{
    for (uint32_t i = 0; i < v->rank; i++) {
        const nnrt_axis *a = &v->axes[i];
        out_dims[i] = a->size >= 0 ? a->size : a->length ? a->length(sizes) : -1;
        for (uint32_t k = 0; k < e->nsymbols; k++)
            if (a->size < 0 && a->symbol == e->symbols[k]) out_dims[i] = sizes[k];
        if (out_dims[i] < 1) fail("`%s` of `%s`: axis %u has no size", v->name, e->name, (unsigned)i);
    }
}

size_t view_bytes(const nnrt_entry *e, const nnrt_view *v, const int64_t *sizes)
{
    int64_t dims[16];
    size_t bytes = nnrt_dtype_bytes(v->dtype);
    view_dims(e, v, sizes, dims);
    for (uint32_t i = 0; i < v->rank; i++) bytes *= (size_t)dims[i];
    return bytes;
}

void view_fill(const nnrt_view *v, Buffer *b, uint32_t seed)
{
    uint32_t random = seed * 2654435761u + 1;
    size_t n = b->bytes / nnrt_dtype_bytes(v->dtype);
    for (size_t i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        double x = (double)(random >> 8) / 8388608.0 - 1;
        int64_t whole = v->range ? (int64_t)(random >> 8) % v->range : random >> 25;
        switch (v->dtype) {
        case NNRT_BOOL: b->at[i] = random >> 31; break;
        case NNRT_U8: b->at[i] = (unsigned char)(random >> 24); break;
        case NNRT_I8: ((int8_t *)b->at)[i] = (int8_t)whole; break;
        case NNRT_I32: ((int32_t *)(void *)b->at)[i] = (int32_t)whole; break;
        case NNRT_I64: ((int64_t *)(void *)b->at)[i] = whole; break;
        case NNRT_F32: ((float *)(void *)b->at)[i] = (float)x; break;
        case NNRT_F64: ((double *)(void *)b->at)[i] = x; break;
        default: fail("`%s` has a dtype that this test does not know", v->name);
        }
    }
}
