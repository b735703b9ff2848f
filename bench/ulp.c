/* ulp STRIDE THREADS [NAME ...]: the largest error of each f32 function of ulp.nn over every STRIDE-th of all 2^32 bit
   patterns (1: all), in units of the last place of the exact result. Infinities, zeros and NaN are judged apart: they
   must be what C's functions give. Prints a line a function: name, error, the argument where it is. */
#include "ulp.h"
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, BLOCKS_AT_ONCE = 64, MAX_THREADS = 64, MOST_AT_ENDS = 4 };
typedef int32_t ModelFn(const void *params, int64_t n, const float *x, float *out, void *ws);
typedef struct Function {
    const char *name;
    ModelFn *model;
    void (*exact)(const float *in, double *out, int n);
    double low; /* below it a result is no number */
} Function;
#define FUNCTION(name, formula, low) void exact_##name(const float *in, double *out, int n);
#include "ulp.def"
static const Function functions[] = {
#define FUNCTION(name, formula, low) {#name, ulp_f_##name, exact_##name, low},
#include "ulp.def"
};

typedef struct Sweep {
    const Function *function;
    uint64_t stride;
    atomic_ullong next;        /* pattern that nobody has begun */
    pthread_mutex_t lock;
    double worst;
    float at;
} Sweep;

/* 2^128 stands for infinity, as it would if exponents went on. */
static double beyond(double v)
{
    return v > 0x1p128 ? 0x1p128 : v < -0x1p128 ? -0x1p128 : v;
}

/* One over the last place of an f32 as large as v. */
static double places(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52 & 0x7ff) - 1023 - 23;
    exponent = exponent < -149 ? -149 : exponent > 104 ? 104 : exponent;
    bits = (uint64_t)(1023 - exponent) << 52;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void sweep_block(Sweep *s, uint64_t first, double *worst, float *at)
{
    _Alignas(64) static _Thread_local unsigned char ws[1 << 16];
    static _Thread_local float in[BLOCK], out[BLOCK];
    static _Thread_local double want[BLOCK], error[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        uint32_t bits = (uint32_t)(first + (uint64_t)i * s->stride);
        if ((bits & 0x7fffffff) >= 0x7f800000) bits = 0x3f800000; /* judged apart */
        memcpy(&in[i], &bits, sizeof bits);
    }
    if (s->function->model(NULL, BLOCK, in, out, ws)) abort();
    s->function->exact(in, want, BLOCK);
    double largest = 0;
    for (int i = 0; i < BLOCK; i++) {
        double w = beyond(want[i]), e = fabs(beyond(out[i]) - w) * places(w);
        int both_nan = in[i] < s->function->low && out[i] != out[i];
        error[i] = both_nan ? 0 : in[i] < s->function->low || e != e ? INFINITY : e;
        largest = error[i] > largest ? error[i] : largest;
    }
    for (int i = 0; i < BLOCK && largest > *worst; i++)
        if (error[i] == largest) {
            *worst = largest;
            *at = in[i];
        }
}

static void *sweep_part(void *context)
{
    Sweep *s = context;
    double worst = 0;
    float at = 0;
    uint64_t step = BLOCK * s->stride;
    for (;;) {
        uint64_t from = atomic_fetch_add(&s->next, BLOCKS_AT_ONCE * step);
        if (from > UINT32_MAX) break;
        for (int i = 0; i < BLOCKS_AT_ONCE && from <= UINT32_MAX; i++, from += step) sweep_block(s, from, &worst, &at);
    }
    pthread_mutex_lock(&s->lock);
    if (worst > s->worst) {
        s->worst = worst;
        s->at = at;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- ends: what has no place, and the numbers beside it ---- */
static float from_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int has_no_value(const Function *f, float x)
{
    int turns = f->exact == exact_sin || f->exact == exact_cos;
    return isnan(x) || x < f->low || (isinf(x) && turns);
}

static void check_ends(Sweep *s)
{
    static const uint32_t ends[] = {0, 1, 0x007fffff, 0x00800000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x42b17217,
                                    0x42b17218, 0x42b17219, 0x42cff1b5, 0x49800000, 0x4b7fffff, 0x4b800000,
                                    0x7f7fffff, 0x7f800000, 0x7fc00000};
    static _Alignas(64) unsigned char ws[1 << 16];
    for (size_t i = 0; i < 2 * sizeof ends / sizeof *ends; i++) {
        float x = from_bits(ends[i / 2] | (uint32_t)(i % 2) << 31), got;
        double want;
        if (s->function->model(NULL, 1, &x, &got, ws)) abort();
        s->function->exact(&x, &want, 1);
        double e = fabs(beyond(got) - beyond(want)) * places(beyond(want));
        int other_zero = x == 0 && want == 0 && signbit(x) != signbit(got); /* they keep its sign */
        if (has_no_value(s->function, x) ? !isnan(got) : !(e <= MOST_AT_ENDS) || other_zero) {
            s->worst = INFINITY;
            s->at = x;
        }
    }
}

static void measure(const Function *f, uint64_t stride, int threads)
{
    Sweep s = {.function = f, .stride = stride, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t started[MAX_THREADS];
    for (int t = 0; t < threads; t++)
        if (pthread_create(&started[t], NULL, sweep_part, &s)) abort();
    for (int t = 0; t < threads; t++) pthread_join(started[t], NULL);
    check_ends(&s);
    printf("%-8s %.3f at %a\n", f->name, s.worst, (double)s.at);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t stride = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    int threads = argc > 2 ? atoi(argv[2]) : 0;
    if (!stride || threads < 1 || threads > MAX_THREADS)
        return fprintf(stderr, "usage: %s STRIDE THREADS [NAME ...]\n", argv[0]), 64;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        int named = argc == 3;
        for (int a = 3; a < argc; a++) named |= !strcmp(argv[a], functions[i].name);
        if (named) measure(&functions[i], stride, threads);
    }
    return 0;
}
