/* dce.c: what nobody reads goes. From the last node to the first, so that one walk is enough. */
#include "passes/pass.h"

static bool is_read(const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i].uses.n > 0)
            return true;
    return false;
}

static long sweep(Block *b)
{
    long removed = 0;
    for (Node *n = b->last, *prev; n; n = prev) {
        prev = n->prev;
        if (n->op == OP_RETURN || n->op == OP_INPUT)
            continue;
        if (is_read(n)) {
            removed += n->region ? sweep(n->region) : 0;
        } else {
            node_remove(n);
            removed++;
        }
    }
    return removed;
}

long remove_dead(Graph *g)
{
    return sweep(g->body);
}
