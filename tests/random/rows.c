/* rows.c: which values of a graph hold, row by row, what follows from the same row of the inputs: one sample must then
   get the same bits alone as among others. It errs on the side of no. */
#include "random_graphs.h"

typedef enum Reach { FIXED, BY_ROW, MIXED } Reach; /* of no sample, of the same one, of several */

typedef struct Rows {
    const Graph *g;
    Reach *of; /* by Value.id */
} Rows;

static void see(const Symbol *s, void *named)
{
    (void)s;
    *(bool *)named = true;
}

static bool names_rows(const Dim *d)
{
    bool named = false;
    dim_each_symbol(d, see, &named);
    return named;
}

static Reach reach_of_type(const Rows *r, Type t)
{
    bool first = t.rank > 0 && t.axes[0].dim == r->g->rows;
    for (int i = first; i < t.rank; i++)
        if (names_rows(t.axes[i].dim)) return MIXED;
    if (t.range && names_rows(t.range)) return MIXED;
    return first ? BY_ROW : FIXED;
}

static bool is_alone(const Group *g) { return g->n == 1; }

static bool same_first_axis(const MoveAttr *m, Reach x)
{
    if (x == FIXED) return m->nout > 0 && is_alone(&m->out[0]);
    return m->nout > 0 && is_alone(&m->in[0]) && is_alone(&m->out[0]) && m->in[0].atoms[0] == m->out[0].atoms[0];
}

static bool contract_keeps(const ContractAttr *c, Reach a, Reach b)
{
    if (c->nout == 0) return false;
    return (a != BY_ROW || c->a[0] == c->out[0]) && (b != BY_ROW || c->b[0] == c->out[0]);
}

/* Given that its operands are at most by row, does the result's row i still follow from row i alone? */
static bool keeps_rows(const Rows *r, const Node *n)
{
    Reach first = n->nin > 0 ? r->of[n->in[0]->id] : FIXED, second = n->nin > 1 ? r->of[n->in[1]->id] : FIXED;
    switch (op_info(n->op)->kind) {
    case KIND_elementwise: return true;
    case KIND_reduce: return first == FIXED || !(n->attr.reduce.axes & 1);
    case KIND_contract: return contract_keeps(n->attr.contract, first, second);
    case KIND_move: return same_first_axis(n->attr.move, first);
    case KIND_part: return n->attr.part.axis > 0;
    case KIND_index: break;
    default: return false;
    }
    if (n->op == OP_TAKE) return first == FIXED ? n->attr.axis == 0 : n->attr.axis > 0 && second == FIXED;
    return n->op == OP_SCATTER_ADD ? n->attr.axis > 0 && second == FIXED : true;
}

static Reach reach_of_leaf(const Rows *r, const Node *n)
{
    Reach type = reach_of_type(r, n->out->type);
    bool counts =
        (n->op == OP_IOTA && n->attr.axis == 0 && type == BY_ROW) || (n->op == OP_SIZE && names_rows(n->attr.size));
    return counts ? MIXED : type;
}

static void walk(Rows *r, const Block *b)
{
    for (const Node *n = b->first; n && n->op != OP_RETURN; n = n->next) {
        if (n->region) walk(r, n->region);
        Reach most = op_info(n->op)->kind == KIND_leaf ? reach_of_leaf(r, n) : FIXED;
        for (int i = 0; i < n->nin; i++)
            if (r->of[n->in[i]->id] > most) most = r->of[n->in[i]->id];
        for (int i = 0; i < n->nout; i++) {
            Reach *of = &r->of[n->out[i].id], type = reach_of_type(r, n->out[i].type);
            if (n->region)
                *of = r->of[n->region->last->in[i]->id];
            else if (most == FIXED && type == FIXED && op_info(n->op)->kind != KIND_random)
                *of = FIXED;
            else if (op_info(n->op)->kind == KIND_leaf)
                *of = most;
            else
                *of = most != MIXED && type == BY_ROW && keeps_rows(r, n) ? BY_ROW : MIXED;
        }
    }
}

void rows_alone(const Graph *g, bool *out_results)
{
    Arena *arena = arena_new();
    Rows r = {g, NEW_ARRAY(arena, Reach, g->nvalues)};
    walk(&r, g->body);
    for (int i = 0; i < g->results.n; i++) out_results[i] = r.of[g->body->last->in[i]->id] == BY_ROW;
    arena_free(arena);
}
