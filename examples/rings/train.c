/* Trains the two-rings network for one epoch inside a C program, from arrays of its own and in the order of the file:
   32 points a step, by Adam. The network is linked in as rings.o; nothing else is needed, no library and no threads.
   The parameters it reaches are, bit for bit, those of `nnc train --no-shuffle --epochs 1` on the same points from the
   same seed.

   cc -O2 train.c rings.o -o train
   ./train rings.csv rings.params [seed] */
#include "points.h"
#include "rings.h"

enum { BATCH = 32 };

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

static void write_raw(const char *path, const void *from, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(from, 1, bytes, file) != bytes || fclose(file)) points_fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s points.csv parameters.out [seed]\n", argv[0]);
        return 64;
    }
    Points p = points_read(argv[1]);
    void *params = area(RINGS_PARAMS_BYTES);
    void *opt = area(RINGS_OPT_BYTES);
    void *work = area((size_t)rings_bytes(RINGS_WORK_STEP, BATCH));
    double totals[RINGS_TOTALS] = {0};

    nnrt_step at;
    memset(&at, 0, sizeof at);
    at.size = sizeof at;
    at.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    at.step = at.epoch = 1; /* both count from 1 */
    at.weight = 1;
    check(rings_init(params, opt, at.seed, NULL), 0);
    for (int64_t first = 0; first < p.rows; first += BATCH, at.step++) {
        int64_t rows = p.rows - first < BATCH ? p.rows - first : BATCH; /* the last batch is smaller */
        at.first_sample = (uint64_t)first;
        check(rings_step(params, opt, rows, p.point + 2 * first, p.inside + first, &at, NULL, totals, work),
              (int64_t)at.step);
    }
    printf("%lld steps: loss %.6f, accuracy %.4f\n", (long long)at.step - 1, totals[1] / totals[0],
           totals[2] / totals[0]);
    write_raw(argv[2], params, RINGS_PARAMS_BYTES);
    free(params);
    free(opt);
    free(work);
    free(p.point);
    free(p.inside);
    return 0;
}
