/* The graph: making, linking and unlinking of nodes. Use lists are right after every function here. */
#include "ir/op/op.h"
#include <string.h>

Graph *graph_new(Program *p, GraphKind kind, const char *name, const Site *site)
{
    Graph *g = NEW(p->arena, Graph);
    g->program = p;
    g->kind = kind;
    g->name = name;
    g->site = site;
    g->body = block_new(g, NULL);
    g->rows = dim_const(p->dims, 1);
    g->check_phase = -1;
    return g;
}

Block *block_new(Graph *g, Node *owner)
{
    Block *b = NEW(g->program->arena, Block);
    b->graph = g;
    b->owner = owner;
    return b;
}

/* ---- use lists ---- */

static void use_add(Node *n, int slot, Value *v)
{
    vec_push(n->parent->graph->program->arena, &v->uses, (Use){n, slot});
}

static void use_drop(Node *n, int slot, Value *v)
{
    for (int i = 0; i < v->uses.n; i++) {
        if (v->uses.at[i].node != n || v->uses.at[i].slot != slot) continue;
        memmove(&v->uses.at[i], &v->uses.at[i + 1], sizeof *v->uses.at * (size_t)(v->uses.n - i - 1));
        v->uses.n--;
        return;
    }
    UNREACHABLE("a use that its value does not know");
}

/* ---- order in a block ---- */

static void node_link(Node *n, Block *b, Node *before)
{
    n->parent = b;
    n->next = before;
    n->prev = before ? before->prev : b->last;
    *(n->prev ? &n->prev->next : &b->first) = n;
    *(before ? &before->prev : &b->last) = n;
}

static void node_unlink(Node *n)
{
    Block *b = n->parent;
    *(n->prev ? &n->prev->next : &b->first) = n->next;
    *(n->next ? &n->next->prev : &b->last) = n->prev;
    n->prev = n->next = NULL;
}

static Node *block_end(const Block *b)
{
    return b->last && b->last->op == OP_RETURN ? b->last : NULL;
}

/* ---- nodes ---- */

static int power_of_two(int n)
{
    int p = 1;
    while (p < n) p *= 2;
    return p;
}

Node *node_make(Block *b, OpCode op, Value *const *in, int nin, int nout, const Attr *attr, const Site *site)
{
    Arena *a = b->graph->program->arena;
    Node *n = NEW(a, Node);
    *n = (Node){.op = op, .nin = nin, .nout = nout, .site = site};
    n->in = NEW_ARRAY(a, Value *, power_of_two(nin));
    if (nin) memcpy(n->in, in, sizeof *in * (size_t)nin);
    n->out = NEW_ARRAY(a, Value, nout);
    if (attr) n->attr = *attr;
    node_link(n, b, op == OP_RETURN ? NULL : block_end(b));
    for (int i = 0; i < nin; i++) use_add(n, i, in[i]);
    for (int i = 0; i < nout; i++) {
        n->out[i].def = n;
        n->out[i].index = i;
        n->out[i].id = b->graph->nvalues++;
    }
    return n;
}

/* A constant is a value of its dtype: two that compute the same are the same, and print so. */
static void constant_round(Node *n, Arena *a)
{
    ConstAttr *c = &n->attr.constant;
    Type t = n->out[0].type;
    int64_t size = 0;
    if (type_is_poison(t)) return;
    c->value = dtype_round(t.dtype, c->value);
    if (!c->values || !dim_known(t.axes[0].dim, &size)) return;
    double *values = NEW_ARRAY(a, double, size);
    for (int64_t i = 0; i < size; i++) values[i] = dtype_round(t.dtype, c->values[i]);
    c->values = values;
}

Node *node_new(Block *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type, const Site *site,
               Cx *cx)
{
    Node *n = node_make(b, op, in, nin, op == OP_GRAD ? nin - 1 : 1, attr, site);
    node_infer(n, type, cx);
    if (op == OP_CONST) constant_round(n, b->graph->program->arena);
    return n;
}

Value *value_new(Block *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type, const Site *site,
                 Cx *cx)
{
    return &node_new(b, op, in, nin, attr, type, site, cx)->out[0];
}

Node *region_new(Block *b, OpCode op, Value *const *in, int nin, int nout, const Attr *attr, const Site *site)
{
    Node *n = node_make(b, op, in, nin, nout, attr, site);
    n->region = block_new(b->graph, n);
    return n;
}

void block_return(Block *b, Value *const *in, int nin)
{
    Node *end = block_end(b);
    const Site *site = end ? end->site : b->owner ? b->owner->site : b->graph->site;
    if (end) node_remove(end);
    node_make(b, OP_RETURN, in, nin, 0, NULL, site);
}

void node_set_input(Node *n, int slot, Value *v)
{
    use_drop(n, slot, n->in[slot]);
    n->in[slot] = v;
    use_add(n, slot, v);
}

void value_replace(Value *was, Value *now)
{
    if (was == now) return;
    for (int i = 0; i < was->uses.n; i++) {
        Use u = was->uses.at[i];
        u.node->in[u.slot] = now;
        use_add(u.node, u.slot, now);
    }
    was->uses.n = 0;
}

void node_remove(Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i].uses.n) UNREACHABLE("a node was removed whose value is still read");
    if (n->region)
        while (n->region->last) node_remove(n->region->last);
    for (int i = 0; i < n->nin; i++) use_drop(n, i, n->in[i]);
    node_unlink(n);
}

void node_move_before(Node *n, Node *at)
{
    if (n == at) return;
    node_unlink(n);
    node_link(n, at->parent, at);
}

void node_each_symbol(const Node *n, void (*visit)(const Symbol *, void *), void *context)
{
    for (int i = 0; i < n->nout; i++) {
        Type t = n->out[i].type;
        for (int k = 0; k < t.rank; k++) dim_each_symbol(t.axes[k].dim, visit, context);
        if (t.range) dim_each_symbol(t.range, visit, context);
    }
    if (n->op == OP_SIZE) dim_each_symbol(n->attr.size, visit, context);
    if (n->op == OP_SLICE || n->op == OP_PAD) dim_each_symbol(n->attr.part.before, visit, context);
}

Node *node_at_level(Node *n, const Block *b)
{
    while (n && n->parent != b) n = n->parent->owner;
    return n;
}

bool value_is_const(const Value *v, double *out_value)
{
    if (v->def->op != OP_CONST || v->def->attr.constant.values) return false;
    if (out_value) *out_value = v->def->attr.constant.value;
    return true;
}

/* ---- what nobody reads ---- */

static bool node_is_read(const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i].uses.n > 0) return true;
    return false;
}

/* From the last node to the first, so that one walk is enough. */
static long sweep(Block *b)
{
    long removed = 0;
    for (Node *n = b->last, *prev; n; n = prev) {
        prev = n->prev;
        if (n->op == OP_RETURN || n->op == OP_INPUT) continue;
        if (node_is_read(n)) {
            removed += n->region ? sweep(n->region) : 0;
        } else {
            node_remove(n);
            removed++;
        }
    }
    return removed;
}

long graph_drop_unread(Graph *g) { return sweep(g->body); }

/* ---- what a region reads ---- */

typedef VEC(Value *) Values;

static void reads_add(const Block *region, const Block *b, Arena *a, Values *seen)
{
    for (const Node *n = b->first; n; n = n->next) {
        for (int i = 0; i < n->nin; i++) {
            bool known = node_at_level(n->in[i]->def, region) != NULL;
            for (int j = 0; j < seen->n && !known; j++) known = seen->at[j] == n->in[i];
            if (!known) vec_push(a, seen, n->in[i]);
        }
        if (n->region) reads_add(region, n->region, a, seen);
    }
}

void block_reads(const Block *region, Arena *a, Value ***out_values, int *out_n)
{
    Values seen = {0};
    reads_add(region, region, a, &seen);
    *out_values = seen.at;
    *out_n = seen.n;
}

/* ---- inputs and results of the whole ---- */

static void add_doubtful(Dims *ds, Arena *a, DimList *list, const Dim *d)
{
    if (dim_is_const(d, NULL) || dim_lone_symbol(d)) return; /* 1 or more, or checked by its bounds */
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == d) return;
    if (dim_at_most(ds, dim_const(ds, 1), d) != PROVED) vec_push(a, list, d);
}

static void add_doubtful_of(const Block *b, Arena *a, DimList *list)
{
    Dims *ds = b->graph->program->dims;
    for (const Node *n = b->first; n; n = n->next) {
        for (int i = 0; i < n->nout; i++) {
            Type t = n->out[i].type;
            for (int k = 0; k < t.rank; k++) add_doubtful(ds, a, list, t.axes[k].dim);
            if (t.range) add_doubtful(ds, a, list, t.range);
        }
        if (n->region) add_doubtful_of(n->region, a, list);
    }
}

DimList graph_doubtful_sizes(const Graph *g, Arena *a)
{
    DimList list = {0};
    add_doubtful_of(g->body, a, &list);
    return list;
}

bool graph_is_first(const Graph *g) { return g->kind == GRAPH_INIT || g->kind == GRAPH_START; }

void graph_find_rows(Graph *g)
{
    g->rows = dim_const(g->program->dims, 1);
    for (int i = 0; i < g->inputs.n; i++) {
        Type t = g->inputs.at[i].value->type;
        if (!t.rank) continue;
        g->rows = t.axes[0].dim;
        return;
    }
}

/* One more input. The array has room up to the next power of two, and doubles where nin is one. */
static void node_add_input(Node *n, Value *v)
{
    if (n->nin && power_of_two(n->nin) == n->nin) {
        Value **grown = NEW_ARRAY(n->parent->graph->program->arena, Value *, 2 * n->nin);
        memcpy(grown, n->in, sizeof *grown * (size_t)n->nin);
        n->in = grown;
    }
    n->in[n->nin++] = v;
    use_add(n, n->nin - 1, v);
}

void graph_add_result(Graph *g, Result r, Value *v)
{
    if (!block_end(g->body)) block_return(g->body, NULL, 0);
    if (type_is_poison(r.type)) r.type = v->type;
    vec_push(g->program->arena, &g->results, r);
    node_add_input(g->body->last, v);
}
