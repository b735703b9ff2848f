/* A small pool: workers that spin for a moment, then sleep. One fork a call; phases meet at a barrier inside. */
#include "pool.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 2000 }; /* some tens of microseconds: about what falling asleep and waking costs */

static void spin_once(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void gate_init(nnrt_gate *g)
{
    atomic_init(&g->moves, 0);
    atomic_init(&g->sleepers, 0);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->moved, NULL);
}

static void gate_free(nnrt_gate *g)
{
    pthread_cond_destroy(&g->moved);
    pthread_mutex_destroy(&g->lock);
}

static uint32_t gate_moves(nnrt_gate *g)
{
    return atomic_load_explicit(&g->moves, memory_order_acquire);
}

/* A sleeper counts itself before it looks a last time, a mover looks for sleepers after it moved: in the one order of
   these four, either the sleeper sees the move or the mover the sleeper. */
static void gate_sleep(nnrt_gate *g, uint32_t seen)
{
    pthread_mutex_lock(&g->lock);
    atomic_fetch_add(&g->sleepers, 1);
    while (atomic_load(&g->moves) == seen) pthread_cond_wait(&g->moved, &g->lock);
    atomic_fetch_sub(&g->sleepers, 1);
    pthread_mutex_unlock(&g->lock);
}

static void gate_move(nnrt_gate *g)
{
    atomic_fetch_add(&g->moves, 1);
    if (atomic_load(&g->sleepers) == 0) return;
    pthread_mutex_lock(&g->lock);
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
}

/* Until it has moved away from `seen`. */
static void gate_wait(nnrt_gate *g, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (gate_moves(g) != seen) return;
        spin_once();
    }
    gate_sleep(g, seen);
}

void nnrt__barrier_init(nnrt_barrier *b)
{
    atomic_init(&b->arrived, 0);
    gate_init(&b->round);
}

void nnrt__barrier_free(nnrt_barrier *b)
{
    gate_free(&b->round);
}

void nnrt__barrier_wait(nnrt_barrier *b, uint32_t workers)
{
    uint32_t round = gate_moves(&b->round);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == workers) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        gate_move(&b->round);
    } else {
        gate_wait(&b->round, round);
    }
}

typedef struct Worker { nnrt_pool *pool; pthread_t thread; uint32_t number; } Worker;
struct nnrt_pool {
    pid_t process;
    uint32_t workers;          /* with the caller */
    nnrt_work_fn *work;
    void *context;
    bool quit;
    nnrt_gate job;             /* moves on when there is work, or the end has come */
    nnrt_barrier done;
    Worker worker[];
};

static void *worker_main(void *argument)
{
    Worker *self = argument;
    nnrt_pool *pool = self->pool;
    for (uint32_t seen = 0;; seen++) {
        gate_wait(&pool->job, seen);
        if (pool->quit) return NULL;
        pool->work(pool->context, self->number);
        nnrt__barrier_wait(&pool->done, pool->workers);
    }
}

/* The host's signals go to the host's threads. */
static bool start_worker(Worker *worker)
{
    sigset_t all;
    pthread_attr_t attributes;
    sigfillset(&all);
    if (pthread_attr_init(&attributes)) return false;
    bool started = !pthread_attr_setsigmask_np(&attributes, &all) &&
                   !pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_attr_destroy(&attributes);
    return started;
}

nnrt_pool *nnrt__pool_new(uint32_t workers)
{
    nnrt_pool *pool = calloc(1, sizeof *pool + workers * sizeof(Worker));
    if (!pool) return NULL;
    pool->process = getpid();
    gate_init(&pool->job);
    nnrt__barrier_init(&pool->done);
    for (pool->workers = 1; pool->workers < workers; pool->workers++) {
        Worker *worker = &pool->worker[pool->workers];
        *worker = (Worker){.pool = pool, .number = pool->workers};
        if (!start_worker(worker)) break;
    }
    return pool;
}

void nnrt__pool_free(nnrt_pool *pool)
{
    if (!pool) return;
    pool->quit = true;
    gate_move(&pool->job);
    for (uint32_t i = 1; i < pool->workers; i++) pthread_join(pool->worker[i].thread, NULL);
    nnrt__barrier_free(&pool->done);
    gate_free(&pool->job);
    free(pool);
}

uint32_t nnrt__pool_workers(const nnrt_pool *pool)
{
    return pool->workers;
}

bool nnrt__pool_lives_here(const nnrt_pool *pool)
{
    return pool->process == getpid();
}

void nnrt__pool_run(nnrt_pool *pool, nnrt_work_fn *work, void *context)
{
    pool->work = work;
    pool->context = context;
    gate_move(&pool->job);
    work(context, 0);
    nnrt__barrier_wait(&pool->done, pool->workers);
}

uint32_t nnrt__cpu_count(void)
{
    enum { FIRST = 1024, MOST = 1 << 20 };
    int n = 0, refused = EINVAL;
    for (int room = FIRST; room <= MOST && refused == EINVAL; room *= 2) { /* too small a set is refused */
        size_t bytes = CPU_ALLOC_SIZE((size_t)room);
        cpu_set_t *set = CPU_ALLOC((size_t)room);
        if (!set) return 1;
        refused = sched_getaffinity(0, bytes, set) ? errno : 0;
        if (!refused) n = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
    }
    return n > 0 ? (uint32_t)n : 1;
}
