/* Trains the digit reader for one epoch inside a C program, from arrays of its own and in the order of the file: ten
   pictures a step. The network is linked in as digits.o; nothing else is needed, no library and no threads. The
   parameters it reaches are, bit for bit, those of `nnc train --no-shuffle --epochs 1` from the same seed.

   cc -O2 train.c digits.o -o train
   ./train data/train-images-idx3-ubyte data/train-labels-idx1-ubyte digits.params [seed] */
#include "digits.h"
#include "idx.h"
#include <string.h>

enum { BATCH = 10, SIDE = 28 };

/* The areas that the model works in lie at multiples of 64 bytes; zeroed. */
static void *area(size_t bytes)
{
    size_t padded = (bytes + 63) / 64 * 64 + 64;
    void *at = aligned_alloc(64, padded);
    if (!at) {
        fprintf(stderr, "there is no memory left\n");
        exit(1);
    }
    return memset(at, 0, padded);
}

static void check(int status, int64_t step)
{
    if (status == NNRT_OK) return;
    fprintf(stderr, "step %lld failed with status %d\n", (long long)step, status);
    exit(1);
}

static int32_t *wide_labels(const Idx *labels)
{
    int32_t *wide = (int32_t *)area((size_t)labels->rows * sizeof *wide);
    for (int64_t i = 0; i < labels->rows; i++) wide[i] = labels->bytes[i];
    return wide;
}

static void write_raw(const char *path, const void *from, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(from, 1, bytes, file) != bytes || fclose(file)) idx_fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s images labels parameters.out [seed]\n", argv[0]);
        return 64;
    }
    Idx images = idx_read(argv[1], 3), labels = idx_read(argv[2], 1);
    if (images.rows != labels.rows || images.row_bytes != SIDE * SIDE)
        idx_fail(argv[1], "does not fit its labels, or is not of 28 by 28 pictures");
    int32_t *y = wide_labels(&labels);
    void *params = area(DIGITS_PARAMS_BYTES);
    void *opt = area(DIGITS_OPT_BYTES);
    void *work = area((size_t)digits_bytes(DIGITS_WORK_STEP, BATCH));
    double totals[DIGITS_TOTALS] = {0};

    nnrt_step at;
    memset(&at, 0, sizeof at);
    at.size = sizeof at;
    at.seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 7;
    at.step = at.epoch = 1; /* both count from 1 */
    at.weight = 1;
    check(digits_init(params, opt, at.seed, NULL), 0);
    for (int64_t first = 0; first < images.rows; first += BATCH, at.step++) {
        int64_t rows = images.rows - first < BATCH ? images.rows - first : BATCH;
        at.first_sample = (uint64_t)first;
        check(digits_step(params, opt, rows, images.bytes + first * images.row_bytes, y + first, &at, NULL, totals,
                          work), (int64_t)at.step);
    }
    printf("%lld steps: loss %.6f, accuracy %.4f\n", (long long)at.step - 1, totals[1] / totals[0],
           totals[2] / totals[0]);
    write_raw(argv[3], params, DIGITS_PARAMS_BYTES);
    free(params);
    free(opt);
    free(work);
    free(y);
    free(images.bytes);
    free(labels.bytes);
    return 0;
}
