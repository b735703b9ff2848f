/* Which of two sizes is the larger one: by the ranges of their symbols, or, where both grow together, by moving every
   symbol to its least value and looking at the signs of what is left. */
#include "ir/dims.h"

typedef struct Range { int64_t low, high; } Range; /* INT64_MAX and its negative: no bound */

static int64_t clamp(__int128 v)
{
    return v > INT64_MAX ? INT64_MAX : v < -INT64_MAX ? -INT64_MAX : (int64_t)v;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* `open` is the end that is no bound: a lower bound that was clamped at the upper end is one still. */
static int64_t add_bounds(int64_t a, int64_t b, int64_t open)
{
    return a == open || b == open ? open : clamp((__int128)a + b);
}

static Range range_multiply(Range a, Range b)
{
    int64_t c[] = {clamp((__int128)a.low * b.low), clamp((__int128)a.low * b.high),
                   clamp((__int128)a.high * b.low), clamp((__int128)a.high * b.high)};
    return (Range){least(least(c[0], c[1]), least(c[2], c[3])), most(most(c[0], c[1]), most(c[2], c[3]))};
}

static int64_t symbol_low(const Symbol *s)
{
    return s->fixed ? s->fixed : s->low;
}

static Range dim_range(const Dim *d);

static int64_t floor_bound(int64_t p, int64_t k, int64_t open)
{
    return p == open ? p : floor_divide(p, k);
}

static Range floor_range(Range p, Range k)
{
    if (k.low < 1) return (Range){-INT64_MAX, INT64_MAX};
    return (Range){floor_bound(p.low, p.low < 0 ? k.low : k.high, -INT64_MAX),
                   floor_bound(p.high, p.high < 0 ? k.high : k.low, INT64_MAX)};
}

static Range atom_range(const Atom *a)
{
    const Symbol *s = a->symbol;
    if (a->kind == ATOM_SYMBOL) return (Range){symbol_low(s), s->fixed ? s->fixed : s->high};
    Range p = dim_range(a->p), k = dim_range(a->k);
    if (a->kind == ATOM_FLOOR) return floor_range(p, k);
    return (Range){most(p.low, k.low), most(p.high, k.high)};
}

static Range dim_range(const Dim *d)
{
    Range sum = {0, 0};
    for (int i = 0; i < d->nterms; i++) {
        Range product = {d->terms[i].coef, d->terms[i].coef};
        for (int j = 0; j < d->terms[i].natoms; j++)
            product = range_multiply(product, atom_range(d->terms[i].atoms[j]));
        sum.low = add_bounds(sum.low, product.low, -INT64_MAX);
        sum.high = add_bounds(sum.high, product.high, INT64_MAX);
    }
    return sum;
}

/* A term below `t`: whole multiples of it, so that floors by a number become fractions: times *scale. */
static int64_t floor_scale(const Dim *d)
{
    int64_t scale = 1, k;
    for (int i = 0; i < d->nterms; i++) {
        const Term *t = &d->terms[i];
        if (t->natoms == 1 && t->atoms[0]->kind == ATOM_FLOOR && dim_is_const(t->atoms[0]->k, &k) && k < 4096
            && scale < 4096)
            scale *= k;
    }
    return scale;
}

static const Dim *term_alone(Dims *ds, const Dim *d, int i)
{
    return dim_of_term(ds, &d->terms[i]);
}

/* scale*d or less, with floor(p/k) between (p - k + 1)/k and p/k, and max(p, q) at least p. */
static const Dim *dim_relax(Dims *ds, const Dim *d, int64_t scale)
{
    const Dim *sum = dim_const(ds, 0);
    for (int i = 0; i < d->nterms; i++) {
        const Term *t = &d->terms[i];
        const Atom *a = t->natoms == 1 ? t->atoms[0] : NULL;
        const Dim *part = term_alone(ds, d, i);
        int64_t k, factor = scale;
        if (a && a->kind == ATOM_FLOOR && dim_is_const(a->k, &k) && scale % k == 0) {
            int64_t back = t->coef > 0 ? k - 1 : 0;
            part = dim_mul(ds, dim_const(ds, t->coef), dim_sub(ds, a->p, dim_const(ds, back)));
            factor = scale / k;
        } else if (a && a->kind == ATOM_MAX && t->coef > 0) {
            part = dim_mul(ds, dim_const(ds, t->coef), a->p);
        }
        sum = dim_add(ds, sum, dim_mul(ds, dim_const(ds, factor), part));
    }
    return sum;
}

/* d with every symbol s read as low + s, s from 0 up. */
static const Dim *dim_shift(Dims *ds, const Dim *d)
{
    const Dim *sum = dim_const(ds, 0);
    for (int i = 0; i < d->nterms; i++) {
        const Dim *product = dim_const(ds, d->terms[i].coef);
        for (int j = 0; j < d->terms[i].natoms; j++) {
            const Atom *a = d->terms[i].atoms[j];
            const Atom *const atoms[] = {a};
            Term t = {1, 1, atoms};
            const Dim *factor = dim_of_term(ds, &t);
            if (a->kind == ATOM_SYMBOL) factor = dim_add(ds, factor, dim_const(ds, symbol_low(a->symbol)));
            product = dim_mul(ds, product, factor);
        }
        sum = dim_add(ds, sum, product);
    }
    return sum;
}

/* Every term of a shifted size is at least 0: a positive number times atoms that are at least 0. */
static bool signs_agree(const Dim *d)
{
    for (int i = 0; i < d->nterms; i++) {
        if (d->terms[i].coef < 0) return false;
        for (int j = 0; j < d->terms[i].natoms; j++) {
            const Atom *a = d->terms[i].atoms[j];
            if (a->kind != ATOM_SYMBOL && atom_range(a).low < 0) return false;
        }
    }
    return true;
}

/* Also where what is known to be 0 or more leaves it so; facts are few, and two of them in a row suffice. */
static bool never_negative(Dims *ds, const Dim *d, int facts)
{
    d = dim_canonical(d);
    if (dim_range(d).low >= 0) return true;
    if (signs_agree(dim_shift(ds, dim_relax(ds, d, floor_scale(d))))) return true;
    for (int i = 0; facts && i < ds->known.naturals.n; i++)
        if (never_negative(ds, dim_sub(ds, d, ds->known.naturals.at[i]), facts - 1)) return true;
    return false;
}

Verdict dim_at_most(Dims *ds, const Dim *a, const Dim *b)
{
    const Dim *room = dim_sub(ds, b, a);
    if (never_negative(ds, room, 2)) return PROVED;
    const Dim *excess = dim_sub(ds, dim_const(ds, -1), room);
    return never_negative(ds, excess, 2) ? REFUTED : UNDECIDED;
}
