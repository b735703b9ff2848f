/* cse.c: equal operators on equal values are one value, within a block. Regions are compared as wholes: two applications
   of one function to the same inputs are one call. */
#include "passes/pass.h"
#include <string.h>

/* min and max commute in value, but not in which of two equal operands gets the gradient. */
static bool commutes(OpCode op)
{
    return (op_info(op)->flags & OPF_COMMUTES) && op != OP_MIN2 && op != OP_MAX2;
}

static bool is_shareable(const Node *n)
{
    return (op_info(n->op)->flags & OPF_PURE) || n->op == OP_TENSOR || n->op == OP_CALL;
}

/* ---- attributes ---- */

static bool same_constant(const Node *a, const Node *b)
{
    const ConstAttr *p = &a->attr.constant, *q = &b->attr.constant;
    int64_t n = 1;
    if (!p->values != !q->values) return false;
    if (!p->values) return memcmp(&p->value, &q->value, sizeof p->value) == 0;
    return dim_known(a->out->type.axes[0].dim, &n) && memcmp(p->values, q->values, sizeof *p->values * (size_t)n) == 0;
}

static bool same_labels(const int *a, const int *b, int n)
{
    return memcmp(a, b, sizeof *a * (size_t)n) == 0;
}

static bool same_contraction(const ContractAttr *p, const ContractAttr *q)
{
    return p->na == q->na && p->nb == q->nb && p->nout == q->nout && same_labels(p->a, q->a, p->na) &&
           same_labels(p->b, q->b, p->nb) && same_labels(p->out, q->out, p->nout);
}

static bool same_attr(const Node *a, const Node *b)
{
    switch (a->op) {
    case OP_TENSOR:
    case OP_INPUT:
    case OP_HYPER: return a->attr.index == b->attr.index && a->grad_area == b->grad_area;
    case OP_CONST: return same_constant(a, b);
    case OP_SIZE: return a->attr.size == b->attr.size;
    case OP_CLOCK: return a->attr.clock == b->attr.clock;
    case OP_IOTA:
    case OP_TAKE:
    case OP_SCATTER_ADD: return a->attr.axis == b->attr.axis;
    case OP_SLICE:
    case OP_PAD: return a->attr.part.axis == b->attr.part.axis && a->attr.part.before == b->attr.part.before;
    case OP_CONCAT:
    case OP_REVERSE: return a->attr.part.axis == b->attr.part.axis;
    case OP_CONTRACT: return same_contraction(a->attr.contract, b->attr.contract);
    case OP_MOVE: return pattern_equal(a->attr.move, b->attr.move);
    case OP_UNIFORM:
    case OP_NORMAL: return a->attr.random.stream == b->attr.random.stream;
    case OP_CALL: return str_equal(a->attr.callee, b->attr.callee);
    default: return op_info(a->op)->kind != KIND_reduce || a->attr.reduce.axes == b->attr.reduce.axes;
    }
}

/* ---- nodes and regions ---- */

static bool is_inside(const Node *n, const Block *region)
{
    return node_at_level((Node *)n, region) != NULL;
}

typedef struct Pair { const Block *a, *b; } Pair; /* two regions under comparison, their nodes numbered alike */

static bool same_value(const Value *x, const Value *y, const Pair *regions)
{
    if (x == y) return true;
    return regions && x->index == y->index && x->def->mark == y->def->mark && is_inside(x->def, regions->a) &&
           is_inside(y->def, regions->b);
}

static bool same_inputs(const Node *a, const Node *b, const Pair *regions)
{
    bool straight = true, crossed = commutes(a->op);
    for (int i = 0; i < a->nin; i++) {
        straight = straight && same_value(a->in[i], b->in[i], regions);
        crossed = crossed && same_value(a->in[i], b->in[a->nin - 1 - i], regions);
    }
    return straight || crossed;
}

static bool same_types(const Node *a, const Node *b)
{
    for (int i = 0; i < a->nout; i++)
        if (!type_same(a->out[i].type, b->out[i].type)) return false;
    return true;
}

static uint32_t number_nodes(const Block *b, uint32_t next)
{
    for (Node *n = b->first; n; n = n->next) {
        n->mark = next++;
        if (n->region) next = number_nodes(n->region, next);
    }
    return next;
}

static bool same_regions(const Block *a, const Block *b, const Pair *outer);

static bool same_node(const Node *a, const Node *b, const Pair *regions)
{
    return a->op == b->op && a->nin == b->nin && a->nout == b->nout && same_attr(a, b) &&
           same_inputs(a, b, regions) && same_types(a, b) && !a->region == !b->region &&
           (!a->region || same_regions(a->region, b->region, regions));
}

static bool same_regions(const Block *a, const Block *b, const Pair *outer)
{
    Pair here = outer ? *outer : (Pair){a, b};
    if (!outer && number_nodes(a, 1) != number_nodes(b, 1)) return false;
    const Node *p = a->first, *q = b->first;
    while (p && q && same_node(p, q, &here)) p = p->next, q = q->next;
    return !p && !q;
}

/* ---- the walk, with a table of what stands so far in the block ---- */

typedef struct Table { Node **slots; size_t mask; } Table;

static uint64_t hash_node(const Node *n)
{
    uint64_t h = hash_bytes(0, &n->op, sizeof n->op), sum = 0;
    for (int i = 0; i < n->nin; i++)
        sum += hash_bytes(0, &n->in[i]->id, sizeof n->in[i]->id); /* the same in any order */
    h = hash_bytes(h, &sum, sizeof sum);
    if (n->op == OP_CONST) h = hash_bytes(h, &n->attr.constant.value, sizeof n->attr.constant.value);
    if (n->op == OP_TENSOR) h = hash_bytes(h, &n->attr.index, sizeof n->attr.index);
    return h;
}

static Table table_new(const Block *b, Arena *scratch)
{
    size_t n = 0, cap = 16;
    for (const Node *node = b->first; node; node = node->next) n++;
    while (cap < 2 * n) cap *= 2;
    return (Table){NEW_ARRAY(scratch, Node *, cap), cap - 1};
}

/* The equal node that stands already; n itself, now in the table, if there is none. */
static Node *table_find(Table *t, Node *n)
{
    size_t i = hash_node(n) & t->mask;
    while (t->slots[i] && !same_node(t->slots[i], n, NULL)) i = (i + 1) & t->mask;
    if (!t->slots[i]) t->slots[i] = n;
    return t->slots[i];
}

static long share_block(Block *b, Arena *scratch)
{
    long shared = 0;
    Table table = table_new(b, scratch);
    for (Node *n = b->first, *next; n; n = next) {
        next = n->next;
        if (n->region) shared += share_block(n->region, scratch);
        if (!is_shareable(n)) continue;
        Node *one = table_find(&table, n);
        if (one == n) continue;
        for (int i = 0; i < n->nout; i++) {
            if (!one->out[i].name) one->out[i].name = n->out[i].name;
            value_replace(&n->out[i], &one->out[i]);
        }
        node_remove(n);
        shared++;
    }
    return shared;
}

long share_values(Graph *g, Arena *scratch)
{
    return share_block(g->body, scratch);
}
