/* gzip.c: whole files inflated in memory. */
#include "driver/data/data.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

bool gzip_is(const char *data, size_t size)
{
    return size > 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

enum { LARGEST_RATIO = 1032 }; /* deflate cannot pack tighter; what claims to is damaged */

static bool inflate_to(z_stream *z, Text *out, size_t limit)
{
    static const size_t step = 1 << 16;
    char *buffer = malloc(step);
    if (!buffer) fatal("out of memory");
    int rc = Z_OK;
    while (rc == Z_OK && out->n <= limit) {
        z->next_out = (unsigned char *)buffer;
        z->avail_out = (unsigned)step;
        rc = inflate(z, Z_NO_FLUSH);
        if (rc == Z_OK || rc == Z_STREAM_END) text_add_n(out, buffer, step - z->avail_out);
        if (rc == Z_STREAM_END && z->avail_in) rc = inflateReset(z); /* members may follow one another */
    }
    free(buffer);
    return rc == Z_STREAM_END;
}

bool gzip_inflate(Arena *arena, const char *data, size_t size, char **out_data, size_t *out_size)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)size};
    if (size > UINT32_MAX || inflateInit2(&z, 15 + 16) != Z_OK) return false;
    Text out = {arena, 0, 0, 0};
    bool ok = inflate_to(&z, &out, size * LARGEST_RATIO + 1);
    inflateEnd(&z);
    *out_data = out.at;
    *out_size = out.n;
    return ok;
}
