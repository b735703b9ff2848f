/* pool.h: sleeping workers and a barrier. Private to the folder. */
#ifndef NNRT_POOL_H
#define NNRT_POOL_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A number that threads wait for to move on: they spin a while, then sleep. Whoever moves it locks only to wake one that
   sleeps. */
typedef struct nnrt_gate {
    _Atomic uint32_t moves, sleepers;
    pthread_mutex_t lock;
    pthread_cond_t moved;
} nnrt_gate;

/* Holds `workers` threads until all have come. */
typedef struct nnrt_barrier {
    _Atomic uint32_t arrived;
    nnrt_gate round;
} nnrt_barrier;
void nnrt__barrier_init(nnrt_barrier *b);
void nnrt__barrier_free(nnrt_barrier *b);
void nnrt__barrier_wait(nnrt_barrier *b, uint32_t workers);

typedef void nnrt_work_fn(void *context, uint32_t worker);
typedef struct nnrt_pool nnrt_pool;
/* Starts workers-1 threads, or as many as the system grants; NULL where memory is gone. */
nnrt_pool *nnrt__pool_new(uint32_t workers);
void nnrt__pool_free(nnrt_pool *pool);
uint32_t nnrt__pool_workers(const nnrt_pool *pool); /* with the caller */
/* False in a child of fork, where the pool's threads do not exist: drop it, never free it. */
bool nnrt__pool_lives_here(const nnrt_pool *pool);
/* Runs work(context, 0 .. workers-1) at the same time, 0 on the caller, and returns after all. */
void nnrt__pool_run(nnrt_pool *pool, nnrt_work_fn *work, void *context);
uint32_t nnrt__cpu_count(void);
#endif
