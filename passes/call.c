/* call.c: functions kept whole, opened where they stand or copied to where their result is wanted. */
#include "passes/pass.h"

void call_open(Node *call)
{
    Node *end = call->region->last;
    while (call->region->first != end) node_move_before(call->region->first, call);
    for (int i = 0; i < call->nout; i++) {
        if (!end->in[i]->name) end->in[i]->name = call->out[i].name;
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
        if (b->before) node_move_before(copy, b->before);
    }
    Value *returned = end->in[result->index];
    return map[returned->id] ? map[returned->id] : returned;
}

static bool lists(const Node *call, Value *const *reads, int n)
{
    for (int i = 0; i < n; i++)
        if (i >= call->nin || call->in[i] != reads[i]) return false;
    return call->nin == n;
}

/* Nothing can be taken off a node's inputs, so a new node takes over the body. */
Node *call_list_reads(Node *call, Arena *scratch)
{
    Value **reads;
    int n;
    Node *end = call->region->last;
    block_reads(call->region, scratch, &reads, &n);
    if (lists(call, reads, n)) return call;
    Node *now = region_new(call->parent, call->op, reads, n, call->nout, &call->attr, call->site);
    node_move_before(now, call);
    block_return(now->region, end->in, end->nin);
    while (call->region->first != end) node_move_before(call->region->first, now->region->last);
    for (int i = 0; i < call->nout; i++) {
        now->out[i].type = call->out[i].type;
        now->out[i].name = call->out[i].name;
        value_replace(&call->out[i], &now->out[i]);
    }
    node_remove(call);
    return now;
}

void calls_list_reads(Block *b, Arena *scratch)
{
    for (Node *n = b->first; n; n = n->next)
        if (n->op == OP_CALL) {
            calls_list_reads(n->region, scratch);
            n = call_list_reads(n, scratch);
        }
}

bool asks_gradient(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (n->op == OP_GRAD || (n->region && asks_gradient(n->region))) return true;
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
