/* verify.h: what the parts of the verifier share. */
#ifndef NNC_IR_VERIFY_H
#define NNC_IR_VERIFY_H
#include "ir/op/op.h"

typedef struct Verifier {
    const Graph *graph;
    Cx *cx;
    const char *code; /* of the message */
    Arena *scratch;
    bool *defined;  /* by Value.id: its node was met */
    int *reads;     /* by Value.id: slots that read it */
    bool failed;
} Verifier;

/* Reports a broken invariant at a node (or of the whole graph, where n is NULL). Gives false. */
bool verify_fail(Verifier *v, const Node *n, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- verify_kernel.c: what may stand where from fusion on, and the forms of kernels ---- */
void verify_stage(Verifier *v);
/* ---- verify_plan.c: places and phases ---- */
void verify_plan(Verifier *v);
#endif
