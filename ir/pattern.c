/* MOVE and CONTRACT as the patterns of the language. An axis name stands for an atom; its size is not written where the
   types tell it: where it is an axis by itself on one side. */
#include "ir/print.h"

typedef struct Letters { const char *at[3 * MAX_RANK]; int next; } Letters;

/* i, j, .. z, i1, j1, ..: the next one that is no dim of the program. */
static const char *letter_next(const Printer *p, Letters *l)
{
    for (;;) {
        int round = l->next / 18, letter = 'i' + l->next % 18;
        l->next++;
        const char *name = str_format(p->arena, round ? "%c%d" : "%c", letter, round);
        bool taken = false;
        for (int i = 0; i < p->graph->program->symbols.n; i++)
            taken |= str_equal(p->graph->program->symbols.at[i]->name, name);
        if (!taken) return name;
    }
}

/* ---- moves ---- */

static const Group *group_with(const Group *groups, int n, int atom)
{
    for (int g = 0; g < n; g++)
        for (int k = 0; k < groups[g].n; k++)
            if (groups[g].atoms[k] == atom) return &groups[g];
    return NULL;
}

static const char *atom_text(const Printer *p, const MoveAttr *m, int atom, const Letters *l, bool sized)
{
    const char *size = dim_text(p->arena, m->sizes[atom]);
    if (!l->at[atom]) return size;
    return sized ? str_format(p->arena, "%s == %s", l->at[atom], size) : l->at[atom];
}

static void group_print(const Printer *p, const MoveAttr *m, const Group *g, const Letters *l, bool left)
{
    if (g->n == 0) text_add(p->to, "1");
    if (g->n > 1) text_add(p->to, "(");
    for (int k = 0; k < g->n; k++) {
        const Group *right = group_with(m->out, m->nout, g->atoms[k]);
        bool sized = left && g->n > 1 && right && right->n > 1;
        text_add(p->to, "%s%s", k ? ", " : "", atom_text(p, m, g->atoms[k], l, sized));
    }
    if (g->n > 1) text_add(p->to, ")");
}

static void groups_print(const Printer *p, const MoveAttr *m, const Group *groups, int n, const Letters *l, bool left)
{
    text_add(p->to, "[");
    for (int g = 0; g < n; g++) {
        text_add(p->to, g ? ", " : "");
        group_print(p, m, &groups[g], l, left);
    }
    text_add(p->to, "]");
}

void move_print(const Printer *p, const Node *n)
{
    const MoveAttr *m = n->attr.move;
    Letters l = {0};
    for (int g = 0; g < m->nin; g++)
        for (int k = 0; k < m->in[g].n; k++) {
            int atom = m->in[g].atoms[k];
            if (group_with(m->out, m->nout, atom)) l.at[atom] = letter_next(p, &l);
        }
    text_add(p->to, "%s |> ", operand_text(p, n->in[0]));
    groups_print(p, m, m->in, m->nin, &l, true);
    text_add(p->to, " -> ");
    groups_print(p, m, m->out, m->nout, &l, false);
}

/* ---- contractions ---- */

/* a[.., k] with b[k, n] to [.., n]. */
static bool is_matmul(const ContractAttr *c)
{
    if (c->na < 1 || c->nb != 2 || c->nout != c->na || c->b[0] != c->a[c->na - 1] || c->out[c->nout - 1] != c->b[1])
        return false;
    for (int i = 0; i + 1 < c->na; i++)
        if (c->a[i] != c->out[i] || c->a[i] == c->b[0] || c->a[i] == c->b[1]) return false;
    return c->b[0] != c->b[1];
}

static void labels_print(const Printer *p, const int *labels, int n, Letters *l)
{
    text_add(p->to, "[");
    for (int i = 0; i < n; i++) {
        if (!l->at[labels[i]]) l->at[labels[i]] = letter_next(p, l);
        text_add(p->to, "%s%s", i ? ", " : "", l->at[labels[i]]);
    }
    text_add(p->to, "]");
}

void contract_print(const Printer *p, const Node *n)
{
    const ContractAttr *c = n->attr.contract;
    const char *a = operand_text(p, n->in[0]), *b = operand_text(p, n->in[1]);
    Letters l = {0};
    if (is_matmul(c)) {
        text_add(p->to, "%s @ %s", a, b);
        return;
    }
    text_add(p->to, "(%s, %s) |> ", a, b);
    labels_print(p, c->a, c->na, &l);
    text_add(p->to, ", ");
    labels_print(p, c->b, c->nb, &l);
    text_add(p->to, " -> ");
    labels_print(p, c->out, c->nout, &l);
}
