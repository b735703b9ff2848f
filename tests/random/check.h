/* check.h: one compilation under check, and what it is compared with. */
#ifndef CHECK_H
#define CHECK_H
#include "random_graphs.h"
#include "codegen/codegen.h"
#include "runtime/nnrt.h"

enum { TEAM_COUNT = 3 };

typedef struct Compiled {
    Program *p;
    Jit *jit;
    nnrt_session *session, *others[TEAM_COUNT];
} Compiled;

/* The same program, differentiated and no more, to be interpreted. */
typedef struct Oracle {
    Cx *cx;
    Program *p;
    Policy policy;
    bool fma;
    Counts *counts;
} Oracle;

typedef struct Where {
    const char *config;
    int64_t n;
    Arena *arena;
} Where;

/* Ends the process after a message where they differ. */
void check_calls(const Oracle *o, Where *w, const Compiled *c);
/* Predictions of two compilations, bit for bit. */
void check_frozen(const Oracle *o, Where *w, const Compiled *c, const Compiled *frozen);
#endif
