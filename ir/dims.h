/* dims.h: how sizes are kept; private to dim.c, bound.c and known.c. */
#ifndef NNC_DIMS_H
#define NNC_DIMS_H
#include "ir/ir.h"

typedef struct Stand { const Symbol *of; const Dim *by; } Stand;        /* a symbol, and what stands for it */
typedef struct Equation { const Dim *zero; const Term *head; } Equation; /* the term that gives way to the others */

/* What conditions say of sizes. The lists only grow, so that a supposition is taken back by their lengths. */
typedef struct Known {
    VEC(Stand) stands;
    VEC(Equation) equations;
    VEC(const Dim *) naturals;         /* 0 or more */
    VEC(const Condition *) conditions; /* as they were given */
    uint32_t version;                  /* 0: nothing is known; canonical forms are of one version */
} Known;

struct Dims {
    Arena *arena;
    const Dim **dims;
    const Atom **atoms;
    uint32_t ndims, natoms, cap; /* cap slots in both tables, a power of two */
    uint32_t nversions, nhidden;
    Known known;
};

/* ---- dim.c ---- */
int term_compare(const Term *a, const Term *b);
bool term_divide_atoms(Dims *ds, const Term *a, const Term *b, Term *out); /* a's atoms without b's, or false */
const Dim *dim_of_term(Dims *ds, const Term *t);
const Dim *dim_scale(Dims *ds, const Dim *d, int64_t factor);
int64_t floor_divide(int64_t a, int64_t b);
int64_t greatest_divisor(int64_t a, int64_t b);

/* ---- known.c ---- */
const Dim *dim_canonical(const Dim *d); /* the one form of all sizes that are equal by what is known */
#endif
