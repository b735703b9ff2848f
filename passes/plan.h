/* plan.h: when kernels run and where values live. Laid out by file. */
#ifndef NNC_PLAN_H
#define NNC_PLAN_H
#include "passes/pass.h"

/* ---- access.c: at which index a kernel reads what stands around it ---- */
typedef enum Reading { READ_NOT, READ_ALIGNED = 1, READ_ELSEWHERE = 2 } Reading; /* both may be: ALIGNED | ELSEWHERE */
/* By Value.id. Rows: aligned where the index along the value's first axis is the kernel's own. Points: aligned where
   the whole index is. */
const uint8_t *kernel_reads_rows(const Node *kernel, Arena *scratch);
const uint8_t *kernel_reads_points(const Node *kernel, Arena *scratch);
const Value *value_root(const Value *v);  /* what a view shows */
bool view_keeps_rows(const Value *v);     /* has it the root's first axis? */

/* ---- phase.c: the order of kernels and the barriers between them ---- */
typedef struct Wait { int kernel; bool barrier; } Wait; /* barrier: other workers' part is needed too */
typedef struct Kernel {
    Node *node;               /* Node.mark is its index here */
    const uint8_t *rows;      /* kernel_reads_rows */
    VEC(Wait) waits;
    VEC(Node *) views;        /* of its results */
    int order;                /* its place among the kernels as they run; -1 before it is known */
    int seen;                 /* the stamp of the last search that found it */
} Kernel;
typedef struct Schedule {
    Graph *graph;
    Arena *scratch;
    VEC(Kernel) kernels;
    VEC(int) todo;            /* of a search: kernels found, and their waits not yet looked at */
    int stamp;
} Schedule;
void schedule_init(Schedule *s, Graph *g, Arena *scratch); /* every kernel waits for what it reads */
int schedule_add(Schedule *s, Node *kernel);
bool schedule_follows(Schedule *s, int kernel, int earlier); /* the kernel itself, or one that waits for it */
void schedule_wait(Schedule *s, int kernel, int earlier, bool barrier);
/* Must `writer`, who writes axis by axis what x shows, let all workers finish reading it in `reader`? */
bool schedule_needs_barrier(const Schedule *s, int writer, int reader, const Value *x);
void schedule_order(Schedule *s);         /* phases, and the body's list in order of execution */

/* ---- slot.c: the workspace ---- */
/* The phases in which a kernel's result must be kept, both inclusive; the graph's number of phases is its end. */
void value_span(const Graph *g, const Value *v, int *out_from, int *out_to);
void workspace_plan(const Schedule *s); /* places of all results that have none yet, and the size of all */
/* By Symbol.index: what sizes are compared at; those of g's facts, too, where it is not NULL. */
int64_t *reference_sizes(const Program *p, const Graph *g, Arena *a);
#endif
