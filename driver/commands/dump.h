/* dump.h: every named value of one run. */
#ifndef NNC_DUMP_H
#define NNC_DUMP_H
#include "driver/data/data.h"
#include "driver/driver.h"

typedef struct DumpPlace { const char *name; Span span; } DumpPlace;
struct Dump {
    bool evaluation;         /* of a train block, not of a model */
    VEC(DumpPlace) places;   /* in the order of computation */
    Running run;
    const nnrt_entry *entry;
    Dataset data;
    Column *values;          /* by place, after the run */
};
int dump_run(Args *a, Dump *d, const char *const *specs, int n); /* 0, or an exit status after a message */
#endif
