/* known.c: what conditions say of sizes. A symbol that they touch gets a stand, which canonical forms have in its place:
   Y % 16 == 0 makes Y 16*y, S == 2*T makes S 2*T, and a bound makes it a symbol that has it. */
#include "ir/dims.h"

/* ---- canonical forms ---- */

static const Dim *stand_of(const Dims *ds, const Symbol *s)
{
    for (int i = 0; i < ds->known.stands.n; i++)
        if (ds->known.stands.at[i].of == s) return ds->known.stands.at[i].by;
    return NULL;
}

static const Dim *atom_canonical(Dims *ds, const Atom *a)
{
    if (a->kind == ATOM_SYMBOL) {
        const Dim *by = stand_of(ds, a->symbol);
        return by ? dim_canonical(by) : dim_symbol(ds, a->symbol);
    }
    const Dim *p = dim_canonical(a->p), *k = dim_canonical(a->k);
    return a->kind == ATOM_FLOOR ? dim_floor(ds, p, k) : dim_max(ds, p, k);
}

static const Dim *dim_stood_for(Dims *ds, const Dim *d)
{
    const Dim *sum = dim_const(ds, 0);
    for (int i = 0; i < d->nterms; i++) {
        const Dim *product = dim_const(ds, d->terms[i].coef);
        for (int k = 0; k < d->terms[i].natoms; k++)
            product = dim_mul(ds, product, atom_canonical(ds, d->terms[i].atoms[k]));
        sum = dim_add(ds, sum, product);
    }
    return sum;
}

/* One term that holds the head of an equation gives way; NULL where none does. */
static const Dim *dim_rewritten(Dims *ds, const Dim *d, const Equation *e)
{
    for (int i = 0; i < d->nterms; i++) {
        Term rest;
        if (!term_divide_atoms(ds, &d->terms[i], e->head, &rest)) continue;
        rest.coef = floor_divide(d->terms[i].coef, e->head->coef);
        if (rest.coef) return dim_sub(ds, d, dim_mul(ds, dim_of_term(ds, &rest), e->zero));
    }
    return NULL;
}

static const Dim *dim_by_equations(Dims *ds, const Dim *d)
{
    for (int steps = 0, i = 0; i < ds->known.equations.n && steps < 64; steps++) {
        const Dim *now = dim_rewritten(ds, d, &ds->known.equations.at[i]);
        i = now ? 0 : i + 1;
        d = now ? now : d;
    }
    return d;
}

const Dim *dim_canonical(const Dim *d)
{
    Dims *ds = d->home;
    if (d->version == ds->known.version) return d->version ? d->canonical : d;
    if (!ds->known.version) return d;
    Dim *kept = (Dim *)d; /* a cache */
    kept->version = ds->known.version;
    kept->canonical = d; /* on the way round */
    kept->canonical = dim_by_equations(ds, dim_stood_for(ds, d));
    return kept->canonical;
}

const Dim *dim_quotient(Dims *ds, const Dim *p, const Dim *k)
{
    const Dim *exact = dim_divide(ds, p, k), *whole = dim_floor(ds, p, k);
    return exact ? exact : dim_same(dim_mul(ds, whole, k), p) ? whole : NULL;
}

/* ---- stands ---- */

enum { HIDDEN_SYMBOLS = 1 << 24 }; /* beyond every symbol that a text names */

static const Symbol *symbol_hidden(Dims *ds, int64_t low, int64_t high)
{
    Symbol *s = NEW(ds->arena, Symbol);
    *s = (Symbol){.name = "", .index = HIDDEN_SYMBOLS + (int)ds->nhidden++, .low = low, .high = high};
    return s;
}

static const Term *head_of(const Dim *zero);

static void equation_add(Dims *ds, const Dim *zero)
{
    const Term *head = head_of(zero);
    if (head->coef < 0) {
        zero = dim_scale(ds, zero, -1);
        head = head_of(zero);
    }
    vec_push(ds->arena, &ds->known.equations, ((Equation){zero, head}));
    ds->known.version = ++ds->nversions;
}

static void stand_add(Dims *ds, const Symbol *of, const Dim *by)
{
    vec_push(ds->arena, &ds->known.stands, ((Stand){of, by}));
    ds->known.version = ++ds->nversions;
    for (int i = 0, n = ds->known.equations.n; i < n; i++) {
        const Dim *was = ds->known.equations.at[i].zero, *now = dim_stood_for(ds, was);
        if (now != was && !dim_is_const(now, NULL)) equation_add(ds, now);
    }
}

void dims_fix(Dims *ds, const Symbol *s)
{
    stand_add(ds, s, dim_scale(ds, dim_symbol(ds, symbol_hidden(ds, 1, 1)), s->fixed));
}

/* ---- 0 or more ---- */

/* factor*s + rest, where that is all of it */
static bool dim_is_linear(const Dim *d, const Symbol **s, int64_t *factor, int64_t *rest)
{
    const Term *t = d->terms;
    bool lone = d->nterms && t->natoms == 1 && t->atoms[0]->kind == ATOM_SYMBOL;
    if (!lone || d->nterms > 2 || (d->nterms == 2 && t[1].natoms)) return false;
    *s = t->atoms[0]->symbol;
    *factor = t->coef;
    *rest = d->nterms == 2 ? t[1].coef : 0;
    return true;
}

static bool assume_natural(Dims *ds, const Dim *d)
{
    const Symbol *s;
    int64_t factor, rest, low, high;
    d = dim_canonical(d);
    if (dim_is_const(d, &rest)) return rest >= 0;
    if (!dim_is_linear(d, &s, &factor, &rest)) {
        vec_push(ds->arena, &ds->known.naturals, d);
        ds->known.version = ++ds->nversions;
        return true;
    }
    low = s->fixed ? s->fixed : s->low;
    high = s->fixed ? s->fixed : s->high;
    if (factor > 0 && -floor_divide(rest, factor) > low) low = -floor_divide(rest, factor);
    if (factor < 0 && floor_divide(rest, -factor) < high) high = floor_divide(rest, -factor);
    if (low > high) return false;
    if (!s->fixed && (low > s->low || high < s->high)) stand_add(ds, s, dim_symbol(ds, symbol_hidden(ds, low, high)));
    return true;
}

/* ---- 0 ---- */

static bool atom_mentions(const Atom *a, const Symbol *s);

static bool dim_mentions(const Dim *d, const Symbol *s)
{
    for (int i = 0; i < d->nterms; i++)
        for (int k = 0; k < d->terms[i].natoms; k++)
            if (atom_mentions(d->terms[i].atoms[k], s)) return true;
    return false;
}

static bool atom_mentions(const Atom *a, const Symbol *s)
{
    if (a->kind == ATOM_SYMBOL) return a->symbol == s;
    return dim_mentions(a->p, s) || dim_mentions(a->k, s);
}

/* A term with a floor or a maximum holds what other terms are made of, so it goes first. */
static const Term *head_of(const Dim *zero)
{
    for (int i = 0; i < zero->nterms; i++)
        for (int k = 0; k < zero->terms[i].natoms; k++)
            if (zero->terms[i].atoms[k]->kind != ATOM_SYMBOL) return &zero->terms[i];
    return &zero->terms[0];
}

/* factor*s + rest leaves r when divided by k: s = k'*s' + first. */
static bool assume_remainder(Dims *ds, const Symbol *s, int64_t factor, int64_t rest, int64_t k, int64_t r)
{
    int64_t first = 0, low = s->fixed ? s->fixed : s->low, high = s->fixed ? s->fixed : s->high;
    int64_t step = k / greatest_divisor(factor, k), want = r - rest;
    while (first < step && ((__int128)factor * first - want) % k) first++;
    if (first == step) return false;
    low = -floor_divide(first - low, step);
    if (high < INT64_MAX) high = floor_divide(high - first, step);
    if (low > high) return false;
    if (step == 1) return true;
    const Dim *whole = dim_symbol(ds, symbol_hidden(ds, low, high));
    stand_add(ds, s, dim_add(ds, dim_scale(ds, whole, step), dim_const(ds, first)));
    return true;
}

typedef enum Taken { TAKEN_NOT, TAKEN, TAKEN_BROKEN } Taken;

/* p - k*floor(p/k) - r, or its negative, with one symbol in p */
static Taken take_remainder(Dims *ds, const Dim *zero)
{
    enum { MOST = 1 << 16 };
    for (int i = 0; i < zero->nterms; i++) {
        const Term *t = &zero->terms[i];
        const Atom *a = t->natoms == 1 ? t->atoms[0] : NULL;
        const Symbol *s;
        int64_t k, r, factor, rest;
        if (!a || a->kind != ATOM_FLOOR || !dim_is_const(a->k, &k) || k > MOST || (t->coef != k && t->coef != -k)) continue;
        if (!dim_is_linear(a->p, &s, &factor, &rest)) continue;
        const Dim *others = dim_sub(ds, zero, dim_of_term(ds, t));
        const Dim *left = dim_sub(ds, a->p, t->coef < 0 ? others : dim_scale(ds, others, -1));
        if (!dim_is_const(left, &r)) continue;
        if (r < 0 || r >= k) return TAKEN_BROKEN;
        return assume_remainder(ds, s, factor, rest, k, r) ? TAKEN : TAKEN_BROKEN;
    }
    return TAKEN_NOT;
}

/* A symbol that stands alone in it, once, is what the others say; the one that was declared last. */
static Taken take_symbol(Dims *ds, const Dim *zero)
{
    for (int i = zero->nterms - 1; i >= 0; i--) {
        const Term *t = &zero->terms[i];
        if (t->natoms != 1 || t->atoms[0]->kind != ATOM_SYMBOL || (t->coef != 1 && t->coef != -1)) continue;
        const Symbol *s = t->atoms[0]->symbol;
        const Dim *others = dim_sub(ds, zero, dim_of_term(ds, t));
        if (s->fixed || dim_mentions(others, s)) continue;
        const Dim *by = dim_scale(ds, others, -t->coef);
        stand_add(ds, s, by);
        bool low = assume_natural(ds, dim_sub(ds, by, dim_const(ds, s->low)));
        bool high = s->high == INT64_MAX || assume_natural(ds, dim_sub(ds, dim_const(ds, s->high), by));
        return low && high ? TAKEN : TAKEN_BROKEN;
    }
    return TAKEN_NOT;
}

static bool assume_zero(Dims *ds, const Dim *d)
{
    int64_t rest = 0, common = 0;
    d = dim_canonical(d);
    if (dim_is_const(d, &rest)) return rest == 0;
    for (int i = 0; i < d->nterms; i++) {
        if (d->terms[i].natoms) common = greatest_divisor(common, d->terms[i].coef);
        else rest = d->terms[i].coef;
    }
    if (rest % common) return false;
    d = dim_divide(ds, d, dim_const(ds, common));
    Taken taken = take_remainder(ds, d);
    if (taken == TAKEN_NOT) taken = take_symbol(ds, d);
    if (taken == TAKEN_NOT) equation_add(ds, d);
    return taken != TAKEN_BROKEN;
}

/* ---- conditions ---- */

static bool assume_comparison(Dims *ds, const Condition *c)
{
    const Dim *less = dim_sub(ds, c->a, c->b), *more = dim_sub(ds, c->b, c->a), *one = dim_const(ds, 1);
    switch (c->op) {
    case OP_EQ: return assume_zero(ds, less);
    case OP_LE: return assume_natural(ds, more);
    case OP_LT: return assume_natural(ds, dim_sub(ds, more, one));
    case OP_GE: return assume_natural(ds, less);
    case OP_GT: return assume_natural(ds, dim_sub(ds, less, one));
    default: return !dim_same(c->a, c->b);
    }
}

bool dims_assume(Dims *ds, const Condition *c)
{
    vec_push(ds->arena, &ds->known.conditions, c);
    switch (c->kind) {
    case CONDITION_KNOWN: return c->holds;
    case CONDITION_ALL: return dims_assume(ds, c->left) && dims_assume(ds, c->right);
    case CONDITION_COMPARE: return assume_comparison(ds, c);
    case CONDITION_ANY: break;
    }
    Verdict left = condition_verdict(ds, c->left), right = condition_verdict(ds, c->right);
    return left != REFUTED || right != REFUTED;
}
