/* events.c: TensorBoard's event files. A record is its length, the masked CRC-32C of the length, the bytes, and theirs.
   The bytes are an Event of protocol buffers: wall_time 1, step 2, file_version 3, summary 5 {value 1 {tag 1, f32 2}}.
   Checksums are masked, since one of data that ends in its own checksum says nothing. */
#include "driver/report/report.h"
#include <string.h>

/* The Castagnoli polynomial, lowest bit first. */
uint32_t crc32c(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; }

static void put_little(Text *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) text_add_n(to, &(char){(char)(v >> (8 * i))}, 1);
}

static void put_varint(Text *to, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) put_little(to, (v & 0x7f) | 0x80, 1);
    put_little(to, v, 1);
}

enum Wire { WIRE_VARINT = 0, WIRE_EIGHT = 1, WIRE_BYTES = 2, WIRE_FOUR = 5 };
static void put_key(Text *to, int field, enum Wire wire) { put_varint(to, (uint64_t)(field << 3 | wire)); }

static void put_bytes(Text *to, int field, const char *at, size_t n)
{
    put_key(to, field, WIRE_BYTES);
    put_varint(to, n);
    text_add_n(to, at, n);
}

static void put_wall_time(Text *to, double seconds)
{
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    put_key(to, 1, WIRE_EIGHT);
    put_little(to, bits, 8);
}

static void put_record(Text *to, const Text *event)
{
    size_t start = to->n;
    put_little(to, event->n, 8);
    put_little(to, masked(crc32c(to->at + start, 8)), 4);
    text_add_n(to, event->at, event->n);
    put_little(to, masked(crc32c(event->at, event->n)), 4);
}

void events_header(Text *to, double wall_time)
{
    Text event = {to->arena, 0, 0, 0};
    put_wall_time(&event, wall_time);
    put_bytes(&event, 3, "brain.Event:2", 13);
    put_record(to, &event);
}

void events_scalar(Text *to, double wall_time, int64_t step, const char *tag, float value)
{
    Text event = {to->arena, 0, 0, 0}, summary = event, pair = event;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bytes(&pair, 1, tag, strlen(tag));
    put_key(&pair, 2, WIRE_FOUR);
    put_little(&pair, bits, 4);
    put_bytes(&summary, 1, pair.at, pair.n);
    put_wall_time(&event, wall_time);
    put_key(&event, 2, WIRE_VARINT);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, 5, summary.at, summary.n);
    put_record(to, &event);
}
