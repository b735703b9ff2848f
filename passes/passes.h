/* passes: graph to graph, one pass a file; the pipeline on one screen (run.c). */
#ifndef NNC_PASSES_H
#define NNC_PASSES_H
#include "ir/ir.h"

typedef struct PassOptions {
    const char *const *disabled; /* --disable-pass: names of optional passes */
    int ndisabled;
    const char *dump_after;      /* --dump-after: a pass, or "all" */
    const char *until;           /* stop after this pass; NULL: run all */
    FILE *dump_to;
    FILE *time_to;               /* --time-passes; NULL: none */
    bool verify;                 /* after every pass */
} PassOptions;
typedef struct PassInfo { const char *name, *what; bool optional; Stage stage; } PassInfo;
const PassInfo *passes_list(int *out_n);
/* Runs the pipeline over every graph of the program. False after a message. */
bool passes_run(Program *p, const PassOptions *options);
long pass_fired(const char *name); /* how many rewrites a pass made in this process: test runs print and check it */
void memory_plan_print(const Program *p, FILE *to); /* --mem-plan */
#endif
