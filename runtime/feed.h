/* feed.h: samples on their way from a source to one entry's inputs. Private to the folder. */
#ifndef NNRT_FEED_H
#define NNRT_FEED_H
#include "session.h"

typedef struct nnrt_feed {
    nnrt_session *session;
    int32_t entry;
    const nnrt_entry *info;
    const nnrt_source *source;
    int64_t batch;      /* rows of a full one */
    int64_t rows;       /* to be used */
    int64_t bound;      /* rows that the inputs are bound for now */
    int64_t *order;     /* row numbers, as this epoch takes them */
    int64_t *permuted;  /* places in the given order */
    int64_t *row_bytes; /* by input */
    void **buffers;     /* by input: a batch of rows */
} nnrt_feed;

/* The entry of a kind of the train block (NULL: the first), given the source's samples. Close it after success only. */
int32_t nnrt__feed_open(nnrt_feed *f, nnrt_session *s, const char *train, int kind, const nnrt_source *source,
                        int64_t batch);
void nnrt__feed_close(nnrt_feed *f);
/* The order of this epoch: shuffled, or as the source gives the rows. */
void nnrt__feed_order(nnrt_feed *f, bool shuffle, uint64_t seed, uint64_t epoch);
int64_t nnrt__feed_rows(const nnrt_feed *f); /* of an epoch: without those that a constant sample axis leaves over */
/* Runs the entry on n samples from place `first` of the order; its totals are then those of them. */
int32_t nnrt__feed_run(nnrt_feed *f, int64_t first, int64_t n, double weight);
void nnrt__feed_add_totals(double *to, const nnrt_feed *f);
int32_t nnrt__feed_evaluate(nnrt_feed *f, double *totals); /* all samples, batch by batch */
#endif
