/* settle.c: the smallest condition that settles an open one. Candidates are supposed, one after the other, until one
   proves it: remainders of the divisions in it, a bound of one symbol, the open condition itself. */
#include "ir/dims.h"

enum { MANY = 8, FAR = 1 << 20 };
typedef struct Parts {
    const Atom *floors[MANY];
    const Symbol *symbols[MANY];
    int nfloors, nsymbols;
} Parts;

static void find_parts(const Dim *d, void *context)
{
    Parts *p = context;
    for (int i = 0; i < d->nterms; i++)
        for (int k = 0; k < d->terms[i].natoms; k++) {
            const Atom *a = d->terms[i].atoms[k];
            bool is_new = true;
            if (a->kind == ATOM_SYMBOL) {
                for (int j = 0; j < p->nsymbols; j++) is_new &= p->symbols[j] != a->symbol;
                if (is_new && !a->symbol->fixed && p->nsymbols < MANY) p->symbols[p->nsymbols++] = a->symbol;
                continue;
            }
            for (int j = 0; j < p->nfloors; j++) is_new &= p->floors[j] != a;
            if (is_new && a->kind == ATOM_FLOOR && p->nfloors < MANY) p->floors[p->nfloors++] = a;
            find_parts(a->p, p);
            find_parts(a->k, p);
        }
}

static bool settles(Dims *ds, const Condition *supposed, const Condition *open)
{
    Known before = ds->known;
    bool good = dims_assume(ds, supposed) && condition_verdict(ds, open) == PROVED;
    ds->known = before;
    return good;
}

static const Condition *remainder_is(Dims *ds, const Atom *floor, int64_t r)
{
    return condition_compare(ds->arena, OP_EQ, dim_mod(ds, floor->p, floor->k), dim_const(ds, r));
}

static const Condition *settle_by_remainders(Dims *ds, const Parts *p, const Condition *open)
{
    const Condition *all = condition_known(ds->arena, true);
    int64_t k;
    for (int i = 0; i < p->nfloors; i++) {
        const Condition *c = remainder_is(ds, p->floors[i], 0);
        if (settles(ds, c, open)) return c;
        all = condition_both(ds->arena, CONDITION_ALL, all, c);
    }
    if (p->nfloors > 1 && settles(ds, all, open)) return all;
    for (int i = 0; i < p->nfloors; i++)
        for (int64_t r = 1; dim_is_const(p->floors[i]->k, &k) && r < k && r < 2 * MANY; r++)
            if (settles(ds, remainder_is(ds, p->floors[i], r), open)) return remainder_is(ds, p->floors[i], r);
    return NULL;
}

static const Condition *bound_is(Dims *ds, OpCode op, const Symbol *s, int64_t n)
{
    return condition_compare(ds->arena, op, dim_symbol(ds, s), dim_const(ds, n));
}

/* The bound that is nearest to what is allowed anyway. */
static const Condition *settle_by_bound(Dims *ds, const Symbol *s, OpCode op, const Condition *open)
{
    bool least = op == OP_GE;
    int64_t weak = least ? s->low : s->high < FAR ? s->high : FAR, strong = least ? FAR : s->low;
    if (least && s->high < strong) strong = s->high;
    if (weak == strong || !settles(ds, bound_is(ds, op, s, strong), open)) return NULL;
    while (least ? weak + 1 < strong : strong + 1 < weak) {
        int64_t middle = weak + (strong - weak) / 2;
        *(settles(ds, bound_is(ds, op, s, middle), open) ? &strong : &weak) = middle;
    }
    return bound_is(ds, op, s, strong);
}

static const Condition *open_part(Dims *ds, const Condition *c)
{
    if (c->kind != CONDITION_ALL) return c;
    if (condition_verdict(ds, c->left) == PROVED) return open_part(ds, c->right);
    if (condition_verdict(ds, c->right) == PROVED) return open_part(ds, c->left);
    return condition_both(ds->arena, CONDITION_ALL, open_part(ds, c->left), open_part(ds, c->right));
}

const Condition *condition_settling(Dims *ds, const Condition *open)
{
    Parts p = {0};
    open = open_part(ds, open);
    condition_each_dim(open, find_parts, &p);
    const Condition *found = settle_by_remainders(ds, &p, open);
    if (!found && p.nsymbols == 1) found = settle_by_bound(ds, p.symbols[0], OP_GE, open);
    if (!found && p.nsymbols == 1) found = settle_by_bound(ds, p.symbols[0], OP_LE, open);
    return found ? found : open;
}

void diag_help_settling(Diag *d, Dims *ds, const Condition *open)
{
    const Condition *c = condition_settling(ds, open);
    const Symbol *s = condition_last_symbol(c);
    const char *text = condition_text(ds->arena, c);
    if (!s || !s->span.source) {
        diag_help(d, "this settles it: `where %s : \"...\"`", text);
        return;
    }
    int line = source_line(s->span.source, s->span.lo);
    diag_help(d, "if it always holds, say so behind %s%s%s (line %d): `where %s : \"...\"`",
              s->abstract ? "the head of the definition" : "`dim ", s->abstract ? "" : s->name, s->abstract ? "" : "`",
              line, text);
}
