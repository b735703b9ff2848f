/* Sizes as .nn writes them: 2*N + 1, floor((N + 1)/2), max(N, M). */
#include "ir/ir.h"

static void dim_write(Text *to, const Dim *d);

static void operand_write(Text *to, const Dim *d, bool divisor)
{
    bool bare = d->nterms == 1 && (!divisor || d->terms[0].natoms + (d->terms[0].coef != 1) == 1);
    text_add(to, bare ? "" : "(");
    dim_write(to, d);
    text_add(to, bare ? "" : ")");
}

static void atom_write(Text *to, const Atom *a)
{
    if (a->kind == ATOM_SYMBOL) {
        text_add(to, "%s", a->symbol->name);
    } else if (a->kind == ATOM_FLOOR) {
        text_add(to, "floor(");
        operand_write(to, a->p, false);
        text_add(to, "/");
        operand_write(to, a->k, true);
        text_add(to, ")");
    } else {
        text_add(to, "max(");
        dim_write(to, a->p);
        text_add(to, ", ");
        dim_write(to, a->k);
        text_add(to, ")");
    }
}

static void term_write(Text *to, const Term *t, int64_t coef)
{
    bool number = coef != 1 || !t->natoms;
    if (number) text_add(to, "%lld", (long long)coef);
    for (int i = 0; i < t->natoms; i++) {
        text_add(to, number || i ? "*" : "");
        atom_write(to, t->atoms[i]);
    }
}

/* p % k is p - k*floor(p/k). */
static const Atom *dim_as_remainder(const Dim *d)
{
    for (int i = 0; i < d->nterms && d->nterms > 1; i++)
        for (int j = 0; j < d->terms[i].natoms; j++) {
            const Atom *a = d->terms[i].atoms[j];
            if (a->kind == ATOM_FLOOR && d->terms[i].coef < 0 && dim_mod(d->home, a->p, a->k) == d) return a;
        }
    return NULL;
}

static void dim_write(Text *to, const Dim *d)
{
    const Atom *remainder = dim_as_remainder(d);
    if (remainder) {
        operand_write(to, remainder->p, false);
        text_add(to, " %% ");
        operand_write(to, remainder->k, true);
        return;
    }
    if (!d->nterms) text_add(to, "0");
    for (int i = 0; i < d->nterms; i++) {
        int64_t coef = d->terms[i].coef;
        text_add(to, coef < 0 ? (i ? " - " : "-") : (i ? " + " : ""));
        term_write(to, &d->terms[i], coef < 0 ? -coef : coef);
    }
}

const char *ratio_text(Arena *arena, const Dim *top, const Dim *bottom)
{
    Text t = {.arena = arena};
    int64_t one;
    if (dim_is_const(bottom, &one) && one == 1) return dim_text(arena, top);
    operand_write(&t, top, false);
    text_add(&t, "/");
    operand_write(&t, bottom, true);
    return text_done(&t);
}

const char *dim_text(Arena *arena, const Dim *d)
{
    Text t = {.arena = arena};
    dim_write(&t, d);
    return text_done(&t);
}
