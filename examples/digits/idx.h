/* idx.h: reads the unpacked files of the digit collections: a magic number that tells dtype and rank, the sizes, the
   bytes. Numbers are big-endian. Part of the example programs. */
#ifndef IDX_H
#define IDX_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Idx { int64_t rows, row_bytes; uint8_t *bytes; } Idx;

static void idx_fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

static uint32_t idx_number(FILE *file, const char *path)
{
    unsigned char b[4];
    if (fread(b, 1, 4, file) != 4) idx_fail(path, "is cut short in its header");
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Bytes of the given rank; ends the program with a sentence where the file holds something else. */
static Idx idx_read(const char *path, uint32_t rank)
{
    FILE *file = fopen(path, "rb");
    Idx idx = {0, 1, NULL};
    if (!file)
        idx_fail(path, "cannot be opened; unpack it first: gunzip -k data/*.gz");
    if (idx_number(file, path) != (0x0800 | rank))
        idx_fail(path, "is no unpacked IDX file of bytes with the wanted number of dimensions");
    idx.rows = idx_number(file, path);
    for (uint32_t i = 1; i < rank; i++) idx.row_bytes *= idx_number(file, path);
    if (idx.rows < 1 || idx.row_bytes < 1 || idx.row_bytes > (1 << 20) || idx.rows > (1 << 24))
        idx_fail(path, "tells sizes that cannot be");
    idx.bytes = (uint8_t *)malloc((size_t)(idx.rows * idx.row_bytes));
    if (!idx.bytes || fread(idx.bytes, (size_t)idx.row_bytes, (size_t)idx.rows, file) != (size_t)idx.rows)
        idx_fail(path, "is cut short");
    fclose(file);
    return idx;
}
#endif
