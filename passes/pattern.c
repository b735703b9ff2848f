/* pattern.c: algebra of one-input patterns, as MOVE holds them. */
#include "passes/pass.h"
#include <string.h>

static bool same_group(const Group *a, const Group *b)
{
    return a->n == b->n && memcmp(a->atoms, b->atoms, sizeof *a->atoms * (size_t)a->n) == 0;
}

bool pattern_is_identity(const MoveAttr *m)
{
    for (int i = 0; i < m->nin && i < m->nout; i++)
        if (!same_group(&m->in[i], &m->out[i])) return false;
    return m->nin == m->nout;
}

/* Atoms have no names of their own: a's atom i is b's atom as[i], and no two are the same one. */
typedef struct Naming { int as[2 * MAX_RANK], back[2 * MAX_RANK]; } Naming;

static bool same_but_for_names(const MoveAttr *a, const Group *g, const MoveAttr *b, const Group *h, Naming *names)
{
    for (int i = 0; i < g->n && g->n == h->n; i++) {
        int x = g->atoms[i], y = h->atoms[i];
        if (names->as[x] < 0 && names->back[y] < 0) names->as[x] = y, names->back[y] = x;
        if (names->as[x] != y || names->back[y] != x || !dim_same(a->sizes[x], b->sizes[y])) return false;
    }
    return g->n == h->n;
}

bool pattern_equal(const MoveAttr *a, const MoveAttr *b)
{
    Naming names;
    memset(&names, -1, sizeof names);
    if (a->nin != b->nin || a->nout != b->nout) return false;
    for (int i = 0; i < a->nin; i++)
        if (!same_but_for_names(a, &a->in[i], b, &b->in[i], &names)) return false;
    for (int i = 0; i < a->nout; i++)
        if (!same_but_for_names(a, &a->out[i], b, &b->out[i], &names)) return false;
    return true;
}

bool pattern_is_spread(const MoveAttr *m, uint32_t axes)
{
    int next = 0;
    for (int i = 0; i < m->nout; i++) {
        if (m->out[i].n != 1) return false;
        if (axes >> i & 1) continue;
        if (next == m->nin || !same_group(&m->in[next++], &m->out[i])) return false;
    }
    return next == m->nin;
}

/* ---- two patterns in a row ---- */

enum { ATOMS = 2 * MAX_RANK };
typedef struct Joint {
    int natoms;                /* of the joint pattern, as they are met */
    const Dim *sizes[2 * ATOMS];
    Group first[ATOMS], second[ATOMS]; /* what each pattern's atom has become */
} Joint;

static int new_atom(Joint *j, const Dim *size)
{
    j->sizes[j->natoms] = size;
    return j->natoms++;
}

static bool same_sizes(const MoveAttr *p, const Group *a, const MoveAttr *q, const Group *b)
{
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (!dim_same(p->sizes[a->atoms[i]], q->sizes[b->atoms[i]])) return false;
    return true;
}

/* The finer side of an axis between the two gives the atoms; the coarser side's only atom becomes all of them. */
static void refine(Joint *j, const MoveAttr *fine, const Group *g, Group *atoms, Group *whole)
{
    whole->n = 0;
    for (int i = 0; i < g->n; i++) {
        int atom = new_atom(j, fine->sizes[g->atoms[i]]);
        atoms[g->atoms[i]] = (Group){1, {atom}};
        whole->atoms[whole->n++] = atom;
    }
}

static bool join_axis(Joint *j, const MoveAttr *p, const Group *a, const MoveAttr *q, const Group *b)
{
    if (same_sizes(p, a, q, b)) {
        for (int i = 0; i < a->n; i++)
            j->first[a->atoms[i]] = j->second[b->atoms[i]] = (Group){1, {new_atom(j, p->sizes[a->atoms[i]])}};
        return true;
    }
    if (b->n == 1)
        refine(j, p, a, j->first, &j->second[b->atoms[0]]);
    else if (a->n == 1)
        refine(j, q, b, j->second, &j->first[a->atoms[0]]);
    else
        return false;
    return true;
}

static bool write_side(const Group *from, int n, Group *became, const MoveAttr *was, Joint *j, bool *met, Group *to)
{
    for (int i = 0; i < n; i++) {
        to[i].n = 0;
        for (int k = 0; k < from[i].n; k++) {
            int atom = from[i].atoms[k];
            if (!met[atom]) became[atom] = (Group){1, {new_atom(j, was->sizes[atom])}};
            if (to[i].n + became[atom].n > MAX_RANK) return false;
            for (int l = 0; l < became[atom].n; l++) to[i].atoms[to[i].n++] = became[atom].atoms[l];
        }
    }
    return true;
}

static void mark_atoms(const Group *groups, int n, bool *met)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < groups[i].n; k++) met[groups[i].atoms[k]] = true;
}

/* Numbers the atoms that stand on a side from 0, in order, and drops the others. */
static bool pack_atoms(MoveAttr *m, const Joint *j)
{
    int now[2 * ATOMS];
    memset(now, -1, sizeof now);
    m->natoms = 0;
    for (int s = 0; s < m->nin + m->nout; s++) {
        Group *g = s < m->nin ? &m->in[s] : &m->out[s - m->nin];
        for (int k = 0; k < g->n; k++) {
            int *atom = &now[g->atoms[k]];
            if (*atom < 0) {
                if (m->natoms == ATOMS) return false;
                m->sizes[m->natoms] = j->sizes[g->atoms[k]];
                *atom = m->natoms++;
            }
            g->atoms[k] = *atom;
        }
    }
    return true;
}

bool pattern_join(const MoveAttr *p, const MoveAttr *q, MoveAttr *out)
{
    Joint j = {0};
    bool met_first[ATOMS] = {0}, met_second[ATOMS] = {0};
    for (int i = 0; i < p->nout; i++)
        if (!join_axis(&j, p, &p->out[i], q, &q->in[i])) return false;
    mark_atoms(p->out, p->nout, met_first);
    mark_atoms(q->in, q->nin, met_second);
    *out = (MoveAttr){.nin = p->nin, .nout = q->nout};
    return write_side(p->in, p->nin, j.first, p, &j, met_first, out->in) &&
           write_side(q->out, q->nout, j.second, q, &j, met_second, out->out) && pack_atoms(out, &j);
}
