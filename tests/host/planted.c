/* planted.c: breaks a model's contract on purpose, so that the fault happens in the model's own code and nowhere else.
   A sanitizer that does not report it would not report anything.

   usage: planted none | workspace | input | race */
#include "rings.h"
#include "nnrt.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40, STEP = 4, WORK_OF_STEP = 3 + STEP };
static void *heap(size_t bytes)
{
    void *at;
    if (posix_memalign(&at, 64, bytes)) exit(2);
    return memset(at, 0, bytes);
}

static void *work;
static void *first_phases(void *arrived)
{
    const nnrt_entry *step = &rings_model()->entries[STEP];
    pthread_barrier_wait(arrived);
    for (uint32_t p = 0; p < step->nphases; p++) step->phases[p](work, 0, 1);
    return NULL;
}

/* Two threads, both as the only worker of one call. */
static int32_t run_twice_at_once(const nnrt_call *call)
{
    pthread_barrier_t arrived;
    pthread_t other;
    int32_t status = rings_model()->entries[STEP].begin(call);
    if (status || pthread_barrier_init(&arrived, NULL, 2)) return status;
    if (pthread_create(&other, NULL, first_phases, &arrived)) return -1;
    first_phases(&arrived);
    pthread_join(other, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[1] : "none";
    size_t bytes = (size_t)rings_bytes(WORK_OF_STEP, N) - (strcmp(fault, "workspace") ? 0 : 64);
    void *params = heap((size_t)rings_bytes(0, N)), *opt = heap((size_t)rings_bytes(2, N));
    float *points = heap(2 * N * sizeof *points - (strcmp(fault, "input") ? 0 : sizeof *points));
    float *inside = heap(N * sizeof *inside);
    double *totals = heap((size_t)rings_model()->entries[STEP].ntotals * sizeof *totals);
    work = heap(bytes);
    int32_t status = rings_init(params, opt, 1, NULL);
    if (!status && !strcmp(fault, "race")) {
        const int64_t sizes[] = {N};
        const void *inputs[] = {points, inside};
        const nnrt_call call = {.size = sizeof call, .params = params, .opt = opt, .sizes = sizes, .inputs = inputs,
                                .totals = totals, .work = work};
        status = run_twice_at_once(&call);
    } else if (!status) {
        status = rings_step(params, opt, N, points, inside, NULL, NULL, totals, work);
    }
    free(params), free(opt), free(points), free(inside), free(totals), free(work);
    printf("%s: status %d\n", fault, (int)status);
    return status != 0;
}
