/* bench.c: the example networks by compiled model and by plain C, as a library that run.py times beside other systems. */
#define _POSIX_C_SOURCE 200809L
#include "digits.h"
#include "plain.h"
#include "rings.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 41, MAX_BATCH = 256 };
static _Alignas(64) unsigned char params[1 << 17], opt[1 << 16], work[1 << 23];
static _Alignas(64) float points[MAX_BATCH * 2], inside[MAX_BATCH], out[MAX_BATCH * 10];
static unsigned char images[MAX_BATCH * 784];
static int32_t labels[MAX_BATCH];
static RingsNet rings_net, rings_m, rings_v;
static DigitsNet digits_net;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static nnrt_step clock_of(long i)
{
    nnrt_step s = {.size = sizeof s, .seed = 1, .step = (uint64_t)i % 1000 + 1, .epoch = 1, .weight = 1};
    return s;
}

static void check(int status)
{
    if (!status) return;
    fprintf(stderr, "bench: a model refused a call: status %d\n", status);
    exit(1);
}

static void rings_predict_ours(int n, long i)
{
    (void)i;
    check(rings_predict(params, n, points, out, work));
}
static void rings_predict_plain(int n, long i)
{
    (void)i;
    plain_rings_predict(&rings_net, n, points, out);
}
static void rings_step_ours(int n, long i)
{
    nnrt_step s = clock_of(i);
    double totals[8] = {0};
    check(rings_step(params, opt, n, points, inside, &s, NULL, totals, work));
}
static void rings_step_plain(int n, long i)
{
    plain_rings_step(&rings_net, &rings_m, &rings_v, n, points, inside, (int)(i % 1000) + 1);
}
static void digits_predict_ours(int n, long i)
{
    (void)i;
    check(digits_predict(params, n, images, out, work));
}
static void digits_predict_plain(int n, long i)
{
    (void)i;
    plain_digits_predict(&digits_net, n, images, out);
}
static void digits_step_ours(int n, long i)
{
    nnrt_step s = clock_of(i);
    double totals[8] = {0};
    check(digits_step(params, opt, n, images, labels, &s, NULL, totals, work));
}
static void digits_step_plain(int n, long i)
{
    (void)i;
    plain_digits_step(&digits_net, n, images, labels, 0.01f);
}

static const struct Work {
    const char *name;
    int n;
    void (*ours)(int, long), (*plain)(int, long);
    int rings;
} works[] = {
    {"rings predict", 1, rings_predict_ours, rings_predict_plain, 1},
    {"rings predict", 32, rings_predict_ours, rings_predict_plain, 1},
    {"rings train", 1, rings_step_ours, rings_step_plain, 1},
    {"rings train", 32, rings_step_ours, rings_step_plain, 1},
    {"digits predict", 1, digits_predict_ours, digits_predict_plain, 0},
    {"digits predict", 32, digits_predict_ours, digits_predict_plain, 0},
    {"digits predict", 256, digits_predict_ours, digits_predict_plain, 0},
    {"digits train", 10, digits_step_ours, digits_step_plain, 0},
    {"digits train", 32, digits_step_ours, digits_step_plain, 0},
    {"digits train", 256, digits_step_ours, digits_step_plain, 0},
};

static double time_of(void (*call)(int, long), int n, long repeats)
{
    double start = now();
    for (long i = 0; i < repeats; i++) call(n, i);
    return (now() - start) / (double)repeats;
}

static void prepare(const struct Work *w)
{
    memset(opt, 0, sizeof opt);
    for (int i = 0; i < MAX_BATCH; i++) {
        points[2 * i] = (float)(i % 17) / 8 - 1;
        points[2 * i + 1] = (float)(i % 13) / 6 - 1;
        inside[i] = (float)(i & 1);
        labels[i] = i % 10;
    }
    for (size_t i = 0; i < sizeof images; i++) images[i] = (unsigned char)(i * 7 % 256 & (i / 28 % 3 ? 255 : 0));
    check(w->rings ? rings_init(params, opt, 1, NULL) : digits_init(params, opt, 1, NULL));
    float *p = w->rings ? rings_net.w1[0] : digits_net.w1[0];
    size_t count = (w->rings ? sizeof rings_net : sizeof digits_net) / sizeof(float);
    for (size_t i = 0; i < count; i++) p[i] = (float)((i * 2654435761u >> 8) % 1000) / 2500 - 0.2f;
    memset(&rings_m, 0, sizeof rings_m);
    memset(&rings_v, 0, sizeof rings_v);
}

/* ---- what run.py calls ---- */
const char *bench_work(int work, int *batch)
{
    if (work < 0 || (size_t)work >= sizeof works / sizeof *works) return NULL;
    *batch = works[work].n;
    return works[work].name;
}

/* Puts parameters and data in place for a work. */
void bench_prepare(int work) { prepare(&works[work]); }

/* Nanoseconds of a call, of the compiled model or of plain C. */
double bench_time(int work, int plain, long repeats)
{
    const struct Work *w = &works[work];
    return time_of(plain ? w->plain : w->ours, w->n, repeats);
}
