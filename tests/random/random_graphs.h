/* random_graphs.h: programs of random graphs, grown from a stream of choices, and their check against the interpreter.
   The same bytes give the same program, so a seeded generator can drive it, or a fuzzer; fewer bytes give a smaller
   graph. */
#ifndef RANDOM_GRAPHS_H
#define RANDOM_GRAPHS_H
#include "ir/ir.h"

/* ---- choices.c: a stream of bytes: HEADER of them for the program, then records of RECORD bytes, one a growth step,
   of which the first two name the pair of operators that it shall bring ---- */
enum { HEADER = 8, RECORD = 24, MAX_RECORDS = 32, PAIRS = 12, STREAM = HEADER + (PAIRS + 1) * RECORD };
typedef struct Choices {
    const uint8_t *bytes;
    size_t n, at;
} Choices;
unsigned choose(Choices *c, unsigned below); /* 0 once the stream has ended */
uint64_t mix(uint64_t *state);               /* SplitMix64 */

/* ---- rules.c: what the type rules allow, asked of the rules themselves ---- */
typedef struct Class {      /* all that they look at but the sizes */
    uint8_t dtype;
    bool ranged, scalar;
    bool written;           /* a single CONST */
} Class;
typedef struct Signature {
    OpCode op;
    int nin;                /* CONCAT: of any number, two are told */
    Class in[3], out;       /* out.dtype is DT_NONE where there is no result */
} Signature;
typedef struct Pair {
    OpCode producer, consumer;
} Pair;
typedef struct Rules {
    VEC(Signature) all;     /* those of one operator stand together */
    int first[OP_COUNT + 1];
    bool legal[OP_COUNT][OP_COUNT];
    VEC(Pair) pairs[2];     /* the legal ones, by Policy: of exact operators alone, and the others */
} Rules;
Class class_of(const Value *v);
bool class_same(Class a, Class b);
bool op_is_exact(OpCode op); /* its result is promised to the bit */
Rules *rules_new(Arena *a);

/* EXACT: exact operators alone, so everything must agree bit for bit. REAL: any operator, compared within bounds. */
typedef enum Policy { POLICY_EXACT, POLICY_REAL } Policy;

/* The choices of a seed: consecutive seeds walk through all legal pairs of operators. */
void choices_of_seed(const Rules *r, unsigned seed, uint8_t bytes[STREAM]);

/* ---- generate.c ---- */
typedef struct RandomProgram {
    Program *p;
    Policy policy;
    unsigned turn;          /* which levels and sets of passes it is checked with */
} RandomProgram;
/* A model over rows of a symbolic N, and a train block with a loss, metrics, and an update of every parameter. p is NULL
   where the choices lead to a graph that does not check. */
RandomProgram random_program(Cx *cx, const Rules *r, const uint8_t *bytes, size_t n);

/* ---- rows.c: which results of a graph depend, row by row, on the same row of its inputs alone ---- */
void rows_alone(const Graph *g, bool *out_results);

/* ---- check.c ---- */
enum { COUNTERS = 32, TEAMS = 8 };
typedef struct Counts {
    long operators[OP_COUNT], pairs[OP_COUNT][OP_COUNT];
    long exact, bounded, useless, rows, teams[TEAMS + 1], graphs[2], levels[8], configs;
    long fired[COUNTERS]; /* by counter_names */
} Counts;
typedef struct Check {
    const Rules *rules;
    Counts *counts;
} Check;
/* Compiles the program of these choices and compares it with the interpreter. Ends the process by abort() after a
   message where they differ. */
void random_check(const Check *c, const uint8_t *bytes, size_t n);
/* The same for a fuzzer: everything it needs is made at the first call. */
void random_check_bytes(const uint8_t *bytes, size_t n);
/* Adds how often each operator, and each pair of an operator and its reader, stands in a graph and reaches a result. */
void count_operators(const Graph *g, Counts *to);
const char *const *counter_names(int *out_n); /* passes, then rewrites */

/* ---- shrink.c ---- */
/* Leaves the fewest choices found that still fail, each try in a process of its own. Gives their number. */
size_t random_shrink(const Check *c, uint8_t *bytes, size_t n);
#endif
