/* A small pool: workers that spin for a moment, then sleep. One fork a call; phases meet at a barrier inside. */
#include "pool.h"
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

/* Has the counter moved away from `seen`, within a bounded wait? */
static bool spin_until_moved(_Atomic uint32_t *counter, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(counter, memory_order_acquire) != seen)
            return true;
        spin_once();
    }
    return false;
}

static void sleep_until_moved(_Atomic uint32_t *counter, uint32_t seen, pthread_mutex_t *lock, pthread_cond_t *moved)
{
    pthread_mutex_lock(lock);
    while (atomic_load_explicit(counter, memory_order_acquire) == seen)
        pthread_cond_wait(moved, lock);
    pthread_mutex_unlock(lock);
}

static void move_on(_Atomic uint32_t *counter, pthread_mutex_t *lock, pthread_cond_t *moved)
{
    pthread_mutex_lock(lock);
    atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel);
    pthread_cond_broadcast(moved);
    pthread_mutex_unlock(lock);
}

void nnrt__barrier_init(nnrt_barrier *b)
{
    atomic_init(&b->arrived, 0);
    atomic_init(&b->round, 0);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->opened, NULL);
}

void nnrt__barrier_free(nnrt_barrier *b)
{
    pthread_cond_destroy(&b->opened);
    pthread_mutex_destroy(&b->lock);
}

void nnrt__barrier_wait(nnrt_barrier *b, uint32_t workers)
{
    uint32_t round = atomic_load_explicit(&b->round, memory_order_acquire);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1 == workers) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        move_on(&b->round, &b->lock, &b->opened);
    } else if (!spin_until_moved(&b->round, round)) {
        sleep_until_moved(&b->round, round, &b->lock, &b->opened);
    }
}

typedef struct Worker { nnrt_pool *pool; pthread_t thread; uint32_t number; } Worker;
struct nnrt_pool {
    pid_t process;
    uint32_t workers;          /* with the caller */
    nnrt_work_fn *work;
    void *context;
    bool quit;
    _Atomic uint32_t job;      /* moves on when there is work, or the end has come */
    pthread_mutex_t lock;
    pthread_cond_t posted;
    nnrt_barrier done;
    Worker worker[];
};

static void *worker_main(void *argument)
{
    Worker *self = argument;
    nnrt_pool *pool = self->pool;
    for (uint32_t seen = 0;; seen++) {
        if (!spin_until_moved(&pool->job, seen))
            sleep_until_moved(&pool->job, seen, &pool->lock, &pool->posted);
        if (pool->quit)
            return NULL;
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
    if (pthread_attr_init(&attributes))
        return false;
    bool started = !pthread_attr_setsigmask_np(&attributes, &all) &&
                   !pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_attr_destroy(&attributes);
    return started;
}

nnrt_pool *nnrt__pool_new(uint32_t workers)
{
    nnrt_pool *pool = calloc(1, sizeof *pool + workers * sizeof(Worker));
    if (!pool)
        return NULL;
    pool->process = getpid();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->posted, NULL);
    nnrt__barrier_init(&pool->done);
    for (pool->workers = 1; pool->workers < workers; pool->workers++) {
        Worker *worker = &pool->worker[pool->workers];
        *worker = (Worker){.pool = pool, .number = pool->workers};
        if (!start_worker(worker))
            break;
    }
    return pool;
}

void nnrt__pool_free(nnrt_pool *pool)
{
    if (!pool)
        return;
    pool->quit = true;
    move_on(&pool->job, &pool->lock, &pool->posted);
    for (uint32_t i = 1; i < pool->workers; i++)
        pthread_join(pool->worker[i].thread, NULL);
    nnrt__barrier_free(&pool->done);
    pthread_cond_destroy(&pool->posted);
    pthread_mutex_destroy(&pool->lock);
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
    move_on(&pool->job, &pool->lock, &pool->posted);
    work(context, 0);
    nnrt__barrier_wait(&pool->done, pool->workers);
}

uint32_t nnrt__cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (uint32_t)n : 1;
}
