/* layout: a contraction runs in vectors along the last axis of its result, so that axis must be the last of operand b:
   operands trade places, or an explicit move packs a copy. The order in which summed labels are walked stays. Where no
   tensor has axes enough for that, the contraction stays as it is, and reads its operands where they lie. */
#include "passes/pass.h"

static int find_label(const int *labels, int n, int label)
{
    for (int i = 0; i < n; i++)
        if (labels[i] == label) return i;
    return -1;
}

/* May b stand in a's place? It has to bear all summed labels, in the order of the walk, beside its own. */
static bool may_swap(const ContractAttr *c, int nwalk)
{
    int rank = nwalk;
    for (int i = 0; i < c->nb; i++) rank += !label_is_summed(c, c->b[i]);
    return rank <= MAX_RANK;
}

/* Swaps a and b; what they compute is the same, product by product. */
static void swap_operands(Node *n, ContractAttr *c)
{
    ContractAttr was = *c;
    Value *a = n->in[0], *b = n->in[1];
    c->na = was.nb;
    c->nb = was.na;
    for (int i = 0; i < MAX_RANK; i++) {
        c->a[i] = was.b[i];
        c->b[i] = was.a[i];
    }
    node_set_input(n, 0, b);
    node_set_input(n, 1, a);
}

/* Packs an operand so that its axes carry `wanted`, which becomes `labels`; a label it lacked repeats it. */
static bool turn_operand(Node *n, int slot, int *labels, int *rank, const int *wanted, int nwanted)
{
    const ContractAttr *c = n->attr.contract;
    MoveAttr m = {.natoms = nwanted, .nin = *rank, .nout = nwanted};
    bool same = *rank == nwanted;
    for (int i = 0; i < nwanted; i++) {
        int axis = find_label(labels, *rank, wanted[i]);
        m.sizes[i] = axis < 0 ? c->sizes[wanted[i]] : n->in[slot]->type.axes[axis].dim;
        m.out[i] = (Group){1, {i}};
        if (axis >= 0) m.in[axis] = m.out[i];
        same = same && axis == i;
    }
    if (same) return false;
    Build b = {n->parent, n, n->site};
    node_set_input(n, slot, build_move(&b, n->in[slot], &m));
    *rank = nwanted;
    for (int i = 0; i < nwanted; i++) labels[i] = wanted[i];
    pass_count("layout.pack", 1);
    return true;
}

/* After a swap: puts the summed labels of a in the order in which they were walked before. */
static void keep_walk(Node *n, ContractAttr *c, const int *walk, int nwalk)
{
    int now[2 * MAX_RANK], wanted[3 * MAX_RANK], k = 0;
    summed_labels(c, now);
    bool same = true;
    for (int i = 0; i < nwalk; i++) same = same && now[i] == walk[i];
    if (same) return;
    for (int i = 0; i < c->na; i++)
        if (!label_is_summed(c, c->a[i])) wanted[k++] = c->a[i];
    for (int i = 0; i < nwalk; i++) wanted[k++] = walk[i];
    turn_operand(n, 0, c->a, &c->na, wanted, k);
}

/* Turns an operand that bears the label `last` so that it comes last, the others in their order. */
static bool put_last(Node *n, int slot, int *labels, int *rank, int last)
{
    int wanted[MAX_RANK], k = 0;
    if (find_label(labels, *rank, last) < 0) return false;
    for (int i = 0; i < *rank; i++)
        if (labels[i] != last) wanted[k++] = labels[i];
    wanted[k++] = last;
    return turn_operand(n, slot, labels, rank, wanted, k);
}

static bool layout_contract(Node *n)
{
    ContractAttr *c = arena_copy(n->parent->graph->program->arena, n->attr.contract, sizeof *c);
    n->attr.contract = c;
    if (c->nout == 0) return false;
    int last = c->out[c->nout - 1], walk[2 * MAX_RANK], nwalk = summed_labels(c, walk);
    bool swap = find_label(c->b, c->nb, last) < 0 && may_swap(c, nwalk);
    if (swap) {
        swap_operands(n, c);
        keep_walk(n, c, walk, nwalk);
    }
    bool turned = put_last(n, 1, c->b, &c->nb, last);
    return put_last(n, 0, c->a, &c->na, last) || turned || swap;
}

bool pass_layout(Graph *g, Arena *scratch)
{
    (void)scratch;
    bool changed = false;
    for (Node *n = g->body->first; n; n = n->next)
        if (n->op == OP_CONTRACT) changed |= layout_contract(n);
    return changed;
}
