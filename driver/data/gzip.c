/* gzip.c: whole files inflated in memory. */
#include "driver/data/data.h"
#include <string.h>
#include <zlib.h>

bool gzip_is(const char *data, size_t size)
{
    return size > 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

/* What unpacks to very much more than its size was made to fill the memory. */
size_t unpacked_limit(size_t packed)
{
    enum { ALWAYS = 64 << 20, RATIO = 32 };
    return packed < ALWAYS / RATIO ? ALWAYS : packed * RATIO;
}

static bool inflate_to(z_stream *z, Text *out, size_t limit)
{
    static const size_t step = 1 << 16;
    char *buffer = arena_alloc(out->arena, step);
    int rc = Z_OK;
    while (rc == Z_OK && out->n <= limit) {
        z->next_out = (unsigned char *)buffer;
        z->avail_out = (unsigned)step;
        rc = inflate(z, Z_NO_FLUSH);
        if (rc == Z_OK || rc == Z_STREAM_END) text_add_n(out, buffer, step - z->avail_out);
        if (rc == Z_STREAM_END && z->avail_in) rc = inflateReset(z); /* members may follow one another */
    }
    return rc == Z_STREAM_END;
}

/* The last four bytes tell how long the last member is, as a rule the only one. */
static size_t announced(const char *data, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; size > 4 && i < 4; i++) n |= (size_t)(unsigned char)data[size - 4 + i] << 8 * i;
    return n;
}

const char *gzip_inflate(Arena *arena, const char *data, size_t size, char **out_data, size_t *out_size)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)size};
    size_t limit = unpacked_limit(size);
    if (size > UINT32_MAX) return "it is too large to be unpacked here: unpack it first, with `gzip -d`";
    if (inflateInit2(&z, 15 + 16) != Z_OK) return "there is no memory left to unpack it";
    size_t room = announced(data, size) < limit ? announced(data, size) + 1 : limit + (1 << 16) + 1;
    Text out = {arena, arena_alloc(arena, room), 0, room};
    bool ok = inflate_to(&z, &out, limit);
    inflateEnd(&z);
    *out_data = out.at;
    *out_size = out.n;
    if (out.n > limit)
        return str_format(arena, "it unpacks to more than %zu MiB: if it should, unpack it first, with `gzip -d`",
                          limit >> 20);
    return ok ? NULL : "its gzip data is cut off or does not unpack";
}
