/* Sizes in one normal form: a sum of terms, each a whole number times a product of atoms, sorted by degree and then by
   the structure of the atoms (never by address or age, so that printing and reading back gives the same order). */
#include "ir/dims.h"
#include <stdlib.h>
#include <string.h>

typedef VEC(Term) Terms;

/* ---- order and hash ---- */

static int atom_compare(const Atom *a, const Atom *b);

int term_compare(const Term *a, const Term *b)
{
    if (a->natoms != b->natoms) return a->natoms > b->natoms ? -1 : 1;
    for (int i = 0; i < a->natoms; i++) {
        int c = atom_compare(a->atoms[i], b->atoms[i]);
        if (c) return c;
    }
    return 0;
}

static int dim_compare(const Dim *a, const Dim *b)
{
    if (a == b) return 0;
    for (int i = 0; i < a->nterms && i < b->nterms; i++) {
        int c = term_compare(&a->terms[i], &b->terms[i]);
        if (c) return c;
        if (a->terms[i].coef != b->terms[i].coef) return a->terms[i].coef > b->terms[i].coef ? -1 : 1;
    }
    return b->nterms - a->nterms;
}

static int symbol_compare(const Symbol *a, const Symbol *b)
{
    if (a->index != b->index) return a->index < b->index ? -1 : 1;
    int c = strcmp(a->name, b->name);
    return c ? c : a < b ? -1 : a > b;
}

static int atom_compare(const Atom *a, const Atom *b)
{
    if (a == b) return 0;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->kind == ATOM_SYMBOL) return symbol_compare(a->symbol, b->symbol);
    int c = dim_compare(a->p, b->p);
    return c ? c : dim_compare(a->k, b->k);
}

static uint64_t dim_hash(const Term *terms, int n)
{
    uint64_t h = 0;
    for (int i = 0; i < n; i++) {
        h = hash_bytes(h, &terms[i].coef, sizeof terms[i].coef);
        h = hash_bytes(h, terms[i].atoms, sizeof *terms[i].atoms * (size_t)terms[i].natoms);
    }
    return h;
}

static uint64_t atom_hash(const Atom *a)
{
    const void *parts[] = {a->symbol, a->p, a->k};
    return hash_bytes((uint64_t)a->kind + 1, parts, sizeof parts);
}

static bool dim_has_terms(const Dim *d, const Term *terms, int n)
{
    if (d->nterms != n) return false;
    for (int i = 0; i < n; i++)
        if (d->terms[i].coef != terms[i].coef || term_compare(&d->terms[i], &terms[i])) return false;
    return true;
}

/* ---- the two tables ---- */

static uint32_t dim_slot(const Dims *ds, const Term *terms, int n)
{
    uint32_t i = (uint32_t)dim_hash(terms, n) & (ds->cap - 1);
    while (ds->dims[i] && !dim_has_terms(ds->dims[i], terms, n)) i = (i + 1) & (ds->cap - 1);
    return i;
}

static uint32_t atom_slot(const Dims *ds, const Atom *a)
{
    uint32_t i = (uint32_t)atom_hash(a) & (ds->cap - 1);
    const Atom *at;
    while ((at = ds->atoms[i]) && (at->kind != a->kind || at->symbol != a->symbol || at->p != a->p || at->k != a->k))
        i = (i + 1) & (ds->cap - 1);
    return i;
}

static void dims_grow(Dims *ds)
{
    const Dim **dims = ds->dims;
    const Atom **atoms = ds->atoms;
    uint32_t cap = ds->cap;
    ds->cap = cap ? 2 * cap : 256;
    ds->dims = NEW_ARRAY(ds->arena, const Dim *, ds->cap);
    ds->atoms = NEW_ARRAY(ds->arena, const Atom *, ds->cap);
    for (uint32_t i = 0; i < cap; i++) {
        if (dims[i]) ds->dims[dim_slot(ds, dims[i]->terms, dims[i]->nterms)] = dims[i];
        if (atoms[i]) ds->atoms[atom_slot(ds, atoms[i])] = atoms[i];
    }
}

Dims *dims_new(Arena *a)
{
    Dims *ds = NEW(a, Dims);
    ds->arena = a;
    dims_grow(ds);
    return ds;
}

static const Dim *dim_intern(Dims *ds, const Term *terms, int n)
{
    uint32_t slot = dim_slot(ds, terms, n);
    if (ds->dims[slot]) return ds->dims[slot];
    Dim *d = NEW(ds->arena, Dim);
    *d = (Dim){.nterms = n, .terms = arena_copy(ds->arena, terms, sizeof *terms * (size_t)n), .id = ds->ndims, .home = ds};
    ds->dims[slot] = d;
    if (2 * ++ds->ndims > ds->cap) dims_grow(ds);
    return d;
}

static const Atom *atom_intern(Dims *ds, Atom a)
{
    uint32_t slot = atom_slot(ds, &a);
    if (ds->atoms[slot]) return ds->atoms[slot];
    const Atom *at = ds->atoms[slot] = arena_copy(ds->arena, &a, sizeof a);
    if (2 * ++ds->natoms > ds->cap) dims_grow(ds);
    return at;
}

/* ---- arithmetic; numbers stop at the ends of int64 instead of wrapping ---- */

static int64_t add_clamped(int64_t a, int64_t b)
{
    int64_t r;
    bool over = __builtin_add_overflow(a, b, &r) || r == INT64_MIN; /* whose negative is none */
    return over ? (a < 0 || b < 0 ? -INT64_MAX : INT64_MAX) : r;
}

static int64_t mul_clamped(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_mul_overflow(a, b, &r) ? ((a < 0) != (b < 0) ? -INT64_MAX : INT64_MAX) : r;
}

int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

/* Two sorted sums, b's numbers times `factor`. */
static const Dim *dim_combine(Dims *ds, const Dim *a, const Dim *b, int64_t factor)
{
    Terms v = {0};
    int i = 0, j = 0;
    while (i < a->nterms || j < b->nterms) {
        int c = i == a->nterms ? 1 : j == b->nterms ? -1 : term_compare(&a->terms[i], &b->terms[j]);
        Term t = c <= 0 ? a->terms[i] : b->terms[j];
        t.coef = c <= 0 ? t.coef : 0;
        if (c >= 0) t.coef = add_clamped(t.coef, mul_clamped(b->terms[j].coef, factor));
        i += c <= 0;
        j += c >= 0;
        if (t.coef) vec_push(ds->arena, &v, t);
    }
    return dim_intern(ds, v.at, v.n);
}

static Term term_multiply(Dims *ds, const Term *a, const Term *b)
{
    const Atom **atoms = NEW_ARRAY(ds->arena, const Atom *, a->natoms + b->natoms);
    int i = 0, j = 0, n = 0;
    while (i < a->natoms || j < b->natoms) {
        bool left = j == b->natoms || (i < a->natoms && atom_compare(a->atoms[i], b->atoms[j]) <= 0);
        atoms[n++] = left ? a->atoms[i++] : b->atoms[j++];
    }
    return (Term){mul_clamped(a->coef, b->coef), n, atoms};
}

const Dim *dim_const(Dims *ds, int64_t v)
{
    Term t = {v, 0, NULL};
    return dim_intern(ds, &t, v != 0);
}

static const Dim *dim_atom(Dims *ds, Atom a)
{
    const Atom *at = atom_intern(ds, a);
    const Atom **atoms = arena_copy(ds->arena, &at, sizeof at);
    Term t = {1, 1, atoms};
    return dim_intern(ds, &t, 1);
}

const Dim *dim_symbol(Dims *ds, const Symbol *s)
{
    return dim_atom(ds, (Atom){ATOM_SYMBOL, s, NULL, NULL});
}

const Dim *dim_of_term(Dims *ds, const Term *t)
{
    return dim_intern(ds, t, t->coef != 0);
}

const Dim *dim_scale(Dims *ds, const Dim *d, int64_t factor)
{
    return dim_combine(ds, dim_const(ds, 0), d, factor);
}

const Dim *dim_add(Dims *ds, const Dim *a, const Dim *b)
{
    return dim_combine(ds, a, b, 1);
}

const Dim *dim_sub(Dims *ds, const Dim *a, const Dim *b)
{
    return dim_combine(ds, a, b, -1);
}

const Dim *dim_mul(Dims *ds, const Dim *a, const Dim *b)
{
    const Dim *sum = dim_const(ds, 0);
    for (int i = 0; i < a->nterms; i++)
        for (int j = 0; j < b->nterms; j++) {
            Term t = term_multiply(ds, &a->terms[i], &b->terms[j]);
            sum = dim_add(ds, sum, dim_intern(ds, &t, 1));
        }
    return sum;
}

/* ---- division ---- */

/* a's atoms without b's; false where b has one that a lacks. */
bool term_divide_atoms(Dims *ds, const Term *a, const Term *b, Term *out)
{
    const Atom **atoms = NEW_ARRAY(ds->arena, const Atom *, a->natoms);
    int n = 0, j = 0;
    for (int i = 0; i < a->natoms; i++) {
        if (j < b->natoms && a->atoms[i] == b->atoms[j]) j++;
        else atoms[n++] = a->atoms[i];
    }
    *out = (Term){0, n, atoms};
    return j == b->natoms;
}

const Dim *dim_divide(Dims *ds, const Dim *p, const Dim *k)
{
    const Dim *q = dim_const(ds, 0);
    if (!k->nterms) return NULL;
    while (p->nterms) {
        Term t;
        if (!term_divide_atoms(ds, &p->terms[0], &k->terms[0], &t)) return NULL;
        if (p->terms[0].coef % k->terms[0].coef) return NULL;
        t.coef = p->terms[0].coef / k->terms[0].coef;
        const Dim *part = dim_intern(ds, &t, 1);
        q = dim_add(ds, q, part);
        p = dim_sub(ds, p, dim_mul(ds, part, k));
    }
    return q;
}

/* The whole part of p/k term by term, where k is one term: p = k*whole + rest with numbers of rest in 0..k-1. */
static const Dim *dim_whole_part(Dims *ds, const Dim *p, const Dim *k)
{
    const Dim *whole = dim_const(ds, 0);
    if (k->nterms != 1 || k->terms[0].coef <= 0) return whole;
    for (int i = 0; i < p->nterms; i++) {
        Term t;
        if (!term_divide_atoms(ds, &p->terms[i], &k->terms[0], &t)) continue;
        t.coef = floor_divide(p->terms[i].coef, k->terms[0].coef);
        if (t.coef) whole = dim_add(ds, whole, dim_intern(ds, &t, 1));
    }
    return whole;
}

/* The largest number that divides k and every term of p that has an atom. */
static int64_t common_number(const Dim *p, const Dim *k)
{
    int64_t g = 0;
    for (int i = 0; i < k->nterms; i++) g = greatest_divisor(g, k->terms[i].coef);
    for (int i = 0; i < p->nterms; i++)
        if (p->terms[i].natoms) g = greatest_divisor(g, p->terms[i].coef);
    return g;
}

static const Dim *dim_divide_numbers(Dims *ds, const Dim *d, int64_t g)
{
    Terms v = {0};
    for (int i = 0; i < d->nterms; i++) {
        Term t = d->terms[i];
        t.coef = floor_divide(t.coef, g);
        if (t.coef) vec_push(ds->arena, &v, t);
    }
    return dim_intern(ds, v.at, v.n);
}

static bool term_has(const Term *t, const Atom *a)
{
    for (int i = 0; i < t->natoms; i++)
        if (t->atoms[i] == a) return true;
    return false;
}

/* A symbol that every term of both has (it is at least 1, so it cancels), or NULL. */
static const Atom *common_symbol(const Dim *p, const Dim *k)
{
    const Term *first = &k->terms[0];
    for (int i = 0; i < first->natoms; i++) {
        bool all = first->atoms[i]->kind == ATOM_SYMBOL && first->atoms[i]->symbol->low > 0;
        for (int j = 0; all && j < p->nterms; j++) all = term_has(&p->terms[j], first->atoms[i]);
        for (int j = 0; all && j < k->nterms; j++) all = term_has(&k->terms[j], first->atoms[i]);
        if (all) return first->atoms[i];
    }
    return NULL;
}

/* The only term of p that holds a floor, where it is 1*floor(..) itself; else -1. */
static int lone_floor(const Dim *p)
{
    int found = -1;
    for (int i = 0; i < p->nterms; i++) {
        const Term *t = &p->terms[i];
        for (int j = 0; j < t->natoms; j++) {
            if (t->atoms[j]->kind != ATOM_FLOOR) continue;
            if (found >= 0 || t->natoms != 1 || t->coef != 1) return -1;
            found = i;
        }
    }
    return found;
}

/* floor((floor(a/m) + s)/k) = floor((a + m*s)/(m*k)), since s is whole. */
static const Dim *dim_floor_of_floor(Dims *ds, const Dim *p, const Dim *k, int at)
{
    const Atom *inner = p->terms[at].atoms[0];
    const Dim *s = dim_sub(ds, p, dim_intern(ds, &p->terms[at], 1));
    return dim_floor(ds, dim_add(ds, inner->p, dim_mul(ds, inner->k, s)), dim_mul(ds, inner->k, k));
}

const Dim *dim_floor(Dims *ds, const Dim *p, const Dim *k)
{
    int64_t a, b;
    if (!k->nterms) return dim_const(ds, 0);
    if (dim_is_const(p, &a) && dim_is_const(k, &b)) return dim_const(ds, floor_divide(a, b));
    if (dim_is_const(k, &b) && b < 0) return dim_floor(ds, dim_scale(ds, p, -1), dim_scale(ds, k, -1));
    const Dim *exact = dim_divide(ds, p, k);
    if (exact) return exact;
    const Dim *whole = dim_whole_part(ds, p, k);
    if (whole->nterms) return dim_add(ds, whole, dim_floor(ds, dim_sub(ds, p, dim_mul(ds, whole, k)), k));
    int64_t g = common_number(p, k);
    if (g > 1) return dim_floor(ds, dim_divide_numbers(ds, p, g), dim_divide_numbers(ds, k, g));
    const Atom *shared = common_symbol(p, k);
    if (shared) {
        const Dim *s = dim_symbol(ds, shared->symbol);
        return dim_floor(ds, dim_divide(ds, p, s), dim_divide(ds, k, s));
    }
    int at = lone_floor(p);
    if (at >= 0) return dim_floor_of_floor(ds, p, k, at);
    const Dim *zero = dim_const(ds, 0), *next = dim_add(ds, p, dim_const(ds, 1));
    if (dim_at_most(ds, zero, p) == PROVED && dim_at_most(ds, next, k) == PROVED) return zero;
    return dim_atom(ds, (Atom){ATOM_FLOOR, NULL, p, k});
}

const Dim *dim_mod(Dims *ds, const Dim *p, const Dim *k)
{
    return dim_sub(ds, p, dim_mul(ds, k, dim_floor(ds, p, k)));
}

const Dim *dim_max(Dims *ds, const Dim *a, const Dim *b)
{
    if (dim_at_most(ds, a, b) == PROVED) return b;
    if (dim_at_most(ds, b, a) == PROVED) return a;
    bool swap = dim_compare(a, b) > 0;
    return dim_atom(ds, (Atom){ATOM_MAX, NULL, swap ? b : a, swap ? a : b});
}

/* ---- questions ---- */

bool dim_is_const(const Dim *d, int64_t *out_value)
{
    if (d->nterms > 1 || (d->nterms && d->terms[0].natoms)) return false;
    if (out_value) *out_value = d->nterms ? d->terms[0].coef : 0;
    return true;
}

void dim_each_symbol(const Dim *d, void (*visit)(const Symbol *, void *), void *context)
{
    for (int i = 0; i < d->nterms; i++)
        for (int j = 0; j < d->terms[i].natoms; j++) {
            const Atom *a = d->terms[i].atoms[j];
            if (a->kind == ATOM_SYMBOL) {
                visit(a->symbol, context);
            } else {
                dim_each_symbol(a->p, visit, context);
                dim_each_symbol(a->k, visit, context);
            }
        }
}

static void clear_unless_fixed(const Symbol *s, void *known)
{
    if (!s->fixed) *(bool *)known = false;
}

bool dim_known(const Dim *d, int64_t *out_value)
{
    bool known = true;
    dim_each_symbol(d, clear_unless_fixed, &known);
    if (known && out_value) *out_value = dim_eval(d, NULL);
    return known;
}

const Symbol *dim_lone_symbol(const Dim *d)
{
    bool lone = d->nterms == 1 && d->terms[0].coef == 1 && d->terms[0].natoms == 1;
    return lone ? d->terms[0].atoms[0]->symbol : NULL;
}

static int64_t atom_eval(const Atom *a, const int64_t *symbols)
{
    if (a->kind == ATOM_SYMBOL) return a->symbol->fixed ? a->symbol->fixed : symbols[a->symbol->index];
    int64_t p = dim_eval(a->p, symbols), k = dim_eval(a->k, symbols);
    if (a->kind == ATOM_MAX) return p > k ? p : k;
    return k ? floor_divide(p, k) : 0;
}

int64_t dim_eval(const Dim *d, const int64_t *symbols)
{
    int64_t sum = 0;
    for (int i = 0; i < d->nterms; i++) {
        int64_t product = d->terms[i].coef;
        for (int j = 0; j < d->terms[i].natoms; j++)
            product = mul_clamped(product, atom_eval(d->terms[i].atoms[j], symbols));
        sum = add_clamped(sum, product);
    }
    return sum;
}

static bool term_is_plain(const Term *t)
{
    for (int i = 0; i < t->natoms; i++)
        if (t->atoms[i]->kind != ATOM_SYMBOL) return false;
    return true;
}

bool dim_same(const Dim *a, const Dim *b)
{
    return a == b || (a && b && dim_canonical(a) == dim_canonical(b));
}

/* The difference of two polynomials in rigid symbols that are not the same is not zero for all values; only a floor or
   a maximum in it can still make up for the rest. */
Verdict dim_equal(const Dim *a, const Dim *b)
{
    int i = 0, j = 0;
    a = dim_canonical(a);
    b = dim_canonical(b);
    if (a == b) return PROVED;
    while (i < a->nterms || j < b->nterms) {
        int c = i == a->nterms ? 1 : j == b->nterms ? -1 : term_compare(&a->terms[i], &b->terms[j]);
        const Term *t = c <= 0 ? &a->terms[i] : &b->terms[j];
        bool cancels = c == 0 && a->terms[i].coef == b->terms[j].coef;
        if (!cancels && !term_is_plain(t)) return UNDECIDED;
        i += c <= 0;
        j += c >= 0;
    }
    return REFUTED;
}
