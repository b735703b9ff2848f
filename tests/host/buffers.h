/* buffers.h: memory whose every foreign byte is watched, filled for the entries of any model. */
#ifndef BUFFERS_H
#define BUFFERS_H
#include "nnrt.h"
#include <stdbool.h>

/* Where a buffer lies: its last byte before a page that nobody may touch, its first byte behind one, or on the heap. */
typedef enum Place { AT_END, AT_START, ON_HEAP, NPLACES } Place;
typedef struct Buffer {
    unsigned char *at;    /* the buffer itself */
    size_t bytes;
    unsigned char *pages; /* of guarded ones: what may be touched, with the watched bytes around the buffer */
    size_t npages;        /* bytes of them */
} Buffer;

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
Buffer buffer_new(Place place, size_t bytes, size_t alignment);
void buffer_check(const Buffer *b, const char *what); /* ends the program where a byte beside it was written */
void buffer_free(Buffer *b);
uint64_t buffer_hash(const Buffer *b);

/* The sizes of an entry's symbols: n samples, and for all others what n gives within their bounds. */
void sizes_choose(const nnrt_model *m, const nnrt_entry *e, int64_t n, int64_t *out_sizes);
void view_dims(const nnrt_entry *e, const nnrt_view *v, const int64_t *sizes, int64_t *out_dims);
size_t view_bytes(const nnrt_entry *e, const nnrt_view *v, const int64_t *sizes);
/* Values that every type takes: indices in range, numbers from -1 to 1. */
void view_fill(const nnrt_view *v, Buffer *b, uint32_t seed);
#endif
