/* call.c: functions kept whole, opened where they stand or copied to where their result is wanted. */
#include "passes/pass.h"

void call_open(Node *call)
{
    Node *end = call->region->last;
    while (call->region->first != end)
        node_move_before(call->region->first, call);
    for (int i = 0; i < call->nout; i++) {
        if (!end->in[i]->name)
            end->in[i]->name = call->out[i].name;
        value_replace(&call->out[i], end->in[i]);
    }
    node_remove(call);
}

Value *call_copy(Value *result, Build *b, Arena *scratch)
{
    const Node *call = result->def, *end = call->region->last;
    Value **map = NEW_ARRAY(scratch, Value *, b->block->graph->nvalues);
    for (const Node *n = call->region->first; n != end; n = n->next) {
        Node *copy = node_clone(n, b->block, map);
        if (b->before)
            node_move_before(copy, b->before);
    }
    Value *returned = end->in[result->index];
    return map[returned->id] ? map[returned->id] : returned;
}

bool asks_gradient(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (n->op == OP_GRAD || (n->region && asks_gradient(n->region)))
            return true;
    return false;
}

void open_askers(Block *b)
{
    for (Node *n = b->first, *next; n; n = next) {
        next = n->next;
        if (n->region && asks_gradient(n->region)) {
            Node *before = n->prev;
            call_open(n);
            next = before ? before->next : b->first;
        }
    }
}
