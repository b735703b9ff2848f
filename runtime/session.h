/* session.h: what a session holds. Private to the folder. */
#ifndef NNRT_SESSION_H
#define NNRT_SESSION_H
#include "file.h"
#include "pool.h"

enum { NNRT__MAX_RANK = 8 };

/* What the host bound to one input or output. */
typedef struct nnrt_slot {
    void *data;               /* NULL: nothing yet */
    size_t bytes;             /* what dims and dtype need of it */
    int64_t dims[NNRT__MAX_RANK];
} nnrt_slot;

/* One entry's buffers, and what follows from them. */
typedef struct nnrt_binding {
    nnrt_slot *slots;         /* inputs, then outputs */
    void **buffers;           /* their data, as begin reads them */
    int64_t *sizes;           /* one a symbol of the entry */
    double *totals;
    bool solved;              /* sizes, workspace and cost are those of the slots */
    bool parallel;
} nnrt_binding;

struct nnrt_session {
    nnrt_fault fault;         /* first: nnrt_error reads any handle by it */
    const nnrt_model *model;
    nnrt_options options;
    nnrt_step clock;
    nnrt_cursor cursor;
    double *epoch_totals;     /* of the epoch that the cursor is in; as many as any entry has */
    void *params;             /* in use: own_params, or the host's */
    void *own_params, *opt, *grads, *work, *hparams;
    size_t work_bytes;
    bool own_values;          /* own_params were given values */
    bool has_grads;           /* grads hold gradients ... */
    bool grads_finite;        /* ... all of them finite ... */
    int32_t grads_train;      /* ... of this train block */
    nnrt_binding *bindings;   /* one an entry */
    nnrt_pool *pool;
    nnrt_barrier barrier;
    uint32_t ran;             /* workers of the last run */
};

/* Memory from the host's alloc or ours, 64-byte aligned; zeroed. NULL after keeping a sentence. */
void *nnrt__alloc(nnrt_session *s, size_t bytes);
void nnrt__release(nnrt_session *s, void *memory, size_t bytes);
/* The session's own params area, made on first use. */
int32_t nnrt__own_params(nnrt_session *s);
int32_t nnrt__need_values(nnrt_session *s);
int32_t nnrt__need_opt(nnrt_session *s);
int32_t nnrt__need_grads(nnrt_session *s);
/* Rebuilds what is derived from params after their values changed. */
int32_t nnrt__prepare(nnrt_session *s);

/* A training that has not begun; the clock stays. */
void nnrt__reset_cursor(nnrt_session *s);
/* run.c: the first element of an index that lies outside its range, and its value; -1: none. */
int64_t nnrt__index_outside(const nnrt_view *v, const void *data, int64_t n, int64_t *out_value);
uint32_t nnrt__most_totals(const nnrt_model *m);
/* nnrt_save_checkpoint by other system calls. */
int32_t nnrt__save_checkpoint(nnrt_session *s, const nnrt_io *io, const char *path);

/* A session, and one that was opened; with an entry of that number. */
bool nnrt__is_session(const nnrt_session *s);
int32_t nnrt__usable(nnrt_session *s);
int32_t nnrt__need_entry(nnrt_session *s, int32_t entry);
/* Solves the entry's sizes from its slots and readies the workspace. */
int32_t nnrt__solve(nnrt_session *s, int32_t entry);
void nnrt__unbind(nnrt_session *s, int32_t entry);
#endif
