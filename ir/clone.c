/* Copies of graphs and of nodes with their regions. */
#include "ir/ir.h"
#include "ir/op/op.h"

static Value *value_mapped(Value *v, Value *const *map)
{
    return map && map[v->id] ? map[v->id] : v;
}

static Attr attr_copy(const Node *n, Arena *a)
{
    Attr attr = n->attr;
    if (n->op == OP_KERNEL) attr.kernel = arena_copy(a, attr.kernel, sizeof *attr.kernel); /* plan writes its phase */
    return attr;
}

static void results_copy(const Node *n, Node *copy, Value **map)
{
    for (int i = 0; i < n->nout; i++) {
        copy->out[i].type = n->out[i].type;
        copy->out[i].name = n->out[i].name;
        copy->out[i].place = n->out[i].place;
        if (map) map[n->out[i].id] = &copy->out[i];
    }
}

static Node *node_copy(const Node *n, Block *b, Value **map)
{
    Arena *a = b->graph->program->arena;
    Value **in = NEW_ARRAY(a, Value *, n->nin);
    for (int i = 0; i < n->nin; i++) in[i] = value_mapped(n->in[i], map);
    if (n->op == OP_RETURN) {
        block_return(b, in, n->nin);
        b->last->site = n->site;
        return b->last;
    }
    Attr attr = attr_copy(n, a);
    Node *copy = node_make(b, n->op, in, n->nin, n->nout, &attr, n->site);
    copy->grad_area = n->grad_area;
    copy->mark = n->mark;
    results_copy(n, copy, map);
    if (!n->region) return copy;
    copy->region = block_new(b->graph, copy);
    for (const Node *inner = n->region->first; inner; inner = inner->next) node_copy(inner, copy->region, map);
    return copy;
}

Node *node_clone(const Node *n, Block *b, Value **map)
{
    const Graph *from = n->parent->graph;
    if (!map && n->region) map = NEW_ARRAY(from->program->arena, Value *, from->nvalues);
    return node_copy(n, b, map);
}

Graph *graph_clone(const Graph *g, GraphKind kind, Value **map)
{
    Program *p = g->program;
    Graph *copy = graph_new(p, kind, g->name, g->site);
    if (!map) map = NEW_ARRAY(p->arena, Value *, g->nvalues);
    for (const Node *n = g->body->first; n; n = n->next) node_copy(n, copy->body, map);
    for (int i = 0; i < g->inputs.n; i++) {
        GraphInput in = g->inputs.at[i];
        in.value = map[in.value->id];
        vec_push(p->arena, &copy->inputs, in);
    }
    for (int i = 0; i < g->results.n; i++) vec_push(p->arena, &copy->results, g->results.at[i]);
    copy->stage = g->stage;
    copy->rows = g->rows;
    copy->facts = g->facts;
    copy->work_bytes = g->work_bytes;
    copy->phases = g->phases;
    copy->check_phase = g->check_phase;
    return copy;
}
