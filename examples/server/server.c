/* A server in small: threads answer questions with a compiled network while one more trains it on and publishes better
   weights, without a lock anywhere and without a pause. The network of ../rings is linked in as rings.o.

   predict only reads params, so all threads share one copy; each has a workspace of its own. The trainer has params of
   its own, which nobody else sees. To publish, it copies them to a free place and swaps one pointer. A place is free again
   once it is not the current one and no thread says that it is reading it.

   Every answer is checked: with the weights it publishes, the trainer leaves what they say about some points, and an
   answer that differs by one bit, or whose version changed while it was made, counts as torn.

   cc -O2 -pthread -I../rings server.c rings.o -o server
   ./server ../rings/rings.csv [answers] [threads] */
#define _GNU_SOURCE
#include "points.h"
#include "rings.h"
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum { BATCH = 32, ASKED = 16, MAX_THREADS = 64, PLACES = MAX_THREADS + 2, WARM_SHARE = 10 };

/* Weights as published, and what they say about the first points. */
typedef struct Version {
    _Alignas(64) unsigned char params[RINGS_PARAMS_BYTES];
    _Atomic uint64_t number;
    float says[ASKED];
} Version;

struct Server;
typedef struct Answerer {
    _Alignas(64) _Atomic(Version *) reading; /* not to be written to; a cache line of its own */
    struct Server *server;
    pthread_t thread;
    void *work;
    int64_t answers, torn;
    uint64_t first, last; /* versions seen */
} Answerer;

typedef struct Server {
    _Atomic(Version *) current;
    Version places[PLACES]; /* one current, one being written, one for each thread that still reads an older one */
    Answerer answerer[MAX_THREADS];
    int threads;
    int64_t answers;        /* of each thread */
    Points points;
    atomic_bool over;
    pthread_barrier_t begun; /* there is something to answer with */
    pthread_barrier_t warm;  /* all threads have answered a while; memory is looked at; on */
} Server;

static void fail(const char *what, int status)
{
    fprintf(stderr, "server: %s (status %d)\n", what, status);
    exit(1);
}

/* Memory as models want it: aligned to 64 bytes, zeroed. */
static void *area(int64_t bytes)
{
    size_t padded = ((size_t)bytes + 63) / 64 * 64 + 64;
    void *at = aligned_alloc(64, padded);
    if (!at) fail("there is no memory left", 0);
    return memset(at, 0, padded);
}

/* ---- reading the current weights ---- */
/* Says what it reads, then looks whether that is still current: the trainer swaps first and looks at what is read after,
   so one of the two sees the other. */
static Version *hold(Answerer *a)
{
    for (;;) {
        Version *v = atomic_load(&a->server->current);
        atomic_store(&a->reading, v);
        if (atomic_load(&a->server->current) == v) return v;
    }
}

static void let_go(Answerer *a) { atomic_store(&a->reading, NULL); }

static void answer(Answerer *a, int64_t i)
{
    int which = (int)(i % ASKED);
    float out;
    Version *v = hold(a);
    uint64_t number = atomic_load(&v->number);
    int status = rings_predict(v->params, 1, a->server->points.point + 2 * which, &out, a->work);
    if (status) fail("predicting failed", status);
    bool whole = memcmp(&out, &v->says[which], sizeof out) == 0 && atomic_load(&v->number) == number;
    let_go(a);
    a->torn += !whole;
    a->first = a->first ? a->first : number;
    a->last = number;
}

static void *answerer_main(void *argument)
{
    Answerer *a = argument;
    for (; a->answers < a->server->answers / WARM_SHARE; a->answers++) answer(a, a->answers);
    pthread_barrier_wait(&a->server->warm);
    pthread_barrier_wait(&a->server->warm);
    for (; a->answers < a->server->answers; a->answers++) answer(a, a->answers);
    return NULL;
}

/* ---- training and publishing ---- */
static bool is_free(Server *s, const Version *v)
{
    if (v == atomic_load(&s->current)) return false;
    for (int i = 0; i < s->threads; i++)
        if (v == atomic_load(&s->answerer[i].reading)) return false;
    return true;
}

/* There always is one: fewer are current or read than there are places. */
static Version *free_place(Server *s)
{
    for (int i = 0;; i = (i + 1) % PLACES)
        if (is_free(s, &s->places[i])) return &s->places[i];
}

static void publish(Server *s, const void *params, uint64_t number, void *work)
{
    Version *v = free_place(s);
    atomic_store(&v->number, number);
    memcpy(v->params, params, sizeof v->params);
    for (int i = 0; i < ASKED; i++) {
        int status = rings_predict(v->params, 1, s->points.point + 2 * i, &v->says[i], work);
        if (status) fail("predicting failed", status);
    }
    atomic_store(&s->current, v);
}

/* Steps over the points again and again; each gives new weights. */
static uint64_t train(Server *s, void *params, void *opt, void *work)
{
    double totals[RINGS_TOTALS] = {0};
    nnrt_step at = {.size = sizeof at, .seed = 1, .step = 1, .epoch = 1, .weight = 1};
    for (int64_t first = 0; !atomic_load(&s->over); at.step++) {
        int64_t rows = s->points.rows - first < BATCH ? s->points.rows - first : BATCH;
        at.first_sample = (uint64_t)first;
        int status = rings_step(params, opt, rows, s->points.point + 2 * first, s->points.inside + first, &at, NULL,
                                totals, work);
        if (status) fail("training failed", status);
        publish(s, params, at.step + 1, work);
        first += rows;
        if (first >= s->points.rows) {
            first = 0;
            at.epoch++;
        }
    }
    return at.step;
}

static void *trainer_main(void *argument)
{
    Server *s = argument;
    int64_t step = rings_bytes(RINGS_WORK_STEP, BATCH), predict = rings_bytes(RINGS_WORK_PREDICT, 1);
    void *params = area(RINGS_PARAMS_BYTES), *opt = area(RINGS_OPT_BYTES), *work = area(step > predict ? step : predict);
    int status = rings_init(params, opt, 1, NULL);
    if (status) fail("the network has no first values", status);
    publish(s, params, 1, work);
    pthread_barrier_wait(&s->begun);
    uint64_t versions = train(s, params, opt, work);
    free(params);
    free(opt);
    free(work);
    return (void *)(uintptr_t)versions;
}

/* ---- the whole ---- */
typedef struct Memory { long resident; size_t allocated; } Memory; /* kilobytes, bytes */

static Memory memory_now(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("/proc/self/statm cannot be read", 0);
    fclose(file);
    return (Memory){pages * (sysconf(_SC_PAGESIZE) / 1024), mallinfo2().uordblks};
}

static void start(Server *s, pthread_t *trainer)
{
    pthread_barrier_init(&s->begun, NULL, 2);
    pthread_barrier_init(&s->warm, NULL, (unsigned)s->threads + 1);
    if (pthread_create(trainer, NULL, trainer_main, s)) fail("a thread cannot be started", 0);
    pthread_barrier_wait(&s->begun);
    for (int i = 0; i < s->threads; i++) {
        Answerer *a = &s->answerer[i];
        a->server = s;
        a->work = area(rings_bytes(RINGS_WORK_PREDICT, 1));
        if (pthread_create(&a->thread, NULL, answerer_main, a)) fail("a thread cannot be started", 0);
    }
}

static int report(const Server *s, uint64_t published, Memory warm, Memory end)
{
    int64_t answers = 0, torn = 0;
    uint64_t newest = 0;
    for (int i = 0; i < s->threads; i++) {
        answers += s->answerer[i].answers;
        torn += s->answerer[i].torn;
        newest = s->answerer[i].last > newest ? s->answerer[i].last : newest;
    }
    printf("%lld answers by %d threads, the last ones by version %llu of %llu published\n", (long long)answers, s->threads,
           (unsigned long long)newest, (unsigned long long)published);
    printf("torn: %lld\n", (long long)torn);
    printf("memory since the first tenth: resident %+ld KiB, allocated %+lld bytes\n", end.resident - warm.resident,
           (long long)end.allocated - (long long)warm.allocated);
    return torn > 0;
}

int main(int argc, char **argv)
{
    static Server s;
    long long answers = argc > 2 ? atoll(argv[2]) : 2000000;
    s.threads = argc > 3 ? atoi(argv[3]) : 4;
    if (argc < 2 || s.threads < 1 || s.threads > MAX_THREADS || answers < s.threads) {
        fprintf(stderr, "usage: %s points.csv [answers] [threads up to %d]\n", argv[0], MAX_THREADS);
        return 64;
    }
    pthread_t trainer;
    void *published;
    s.points = points_read(argv[1]);
    s.answers = answers / s.threads;
    if (s.points.rows < ASKED) points_fail(argv[1], "has too few points");
    start(&s, &trainer);
    pthread_barrier_wait(&s.warm);
    Memory warm = memory_now();
    pthread_barrier_wait(&s.warm);
    for (int i = 0; i < s.threads; i++) pthread_join(s.answerer[i].thread, NULL);
    Memory end = memory_now();
    atomic_store(&s.over, true);
    pthread_join(trainer, &published);
    for (int i = 0; i < s.threads; i++) free(s.answerer[i].work);
    free(s.points.point);
    free(s.points.inside);
    return report(&s, (uint64_t)(uintptr_t)published, warm, end);
}
