/* At which index a kernel reads what stands around it: from its results backwards, each operator keeps the index or
   loses it. */
#include "passes/plan.h"

typedef bool Keeps(const Node *n, int slot);

static bool groups_equal(const Group *a, const Group *b)
{
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (a->atoms[i] != b->atoms[i]) return false;
    return true;
}

static bool move_keeps_rows(const MoveAttr *m)
{
    return m->nin > 0 && m->nout > 0 && groups_equal(&m->in[0], &m->out[0]);
}

static bool contract_keeps_rows(const ContractAttr *c, int slot)
{
    int n = slot == 0 ? c->na : c->nb;
    return n > 0 && c->nout > 0 && (slot == 0 ? c->a[0] : c->b[0]) == c->out[0];
}

static bool index_keeps_rows(const Node *n, int slot)
{
    switch (n->op) {
    case OP_ONE_HOT:     return n->in[0]->type.rank > 0;
    case OP_TAKE:        return slot == 0 ? n->attr.axis > 0 : n->attr.axis == 0 && n->in[1]->type.rank > 0;
    case OP_SCATTER_ADD: return slot == 0 && n->attr.axis > 0;
    default:             return n->out[0].type.rank > 0;
    }
}

static bool keeps_rows(const Node *n, int slot)
{
    int rank = n->out[0].type.rank, inner = n->in[slot]->type.rank;
    switch (op_info(n->op)->kind) {
    case KIND_elementwise: return rank > 0 && inner == rank;
    case KIND_reduce:      return !(n->attr.reduce.axes & 1) && rank > 0;
    case KIND_contract:    return contract_keeps_rows(n->attr.contract, slot);
    case KIND_move:        return move_keeps_rows(n->attr.move);
    case KIND_index:       return index_keeps_rows(n, slot);
    case KIND_part:        return n->attr.part.axis > 0;
    default:               return false;
    }
}

static bool keeps_points(const Node *n, int slot)
{
    return op_info(n->op)->kind == KIND_elementwise && n->in[slot]->type.rank == n->out[0].type.rank;
}

static const uint8_t *trace_reads(const Node *kernel, Keeps *keeps, int min_rank, int max_rank, Arena *scratch)
{
    const Node *end = kernel->region->last;
    uint8_t *reads = arena_alloc(scratch, kernel->parent->graph->nvalues);
    for (int i = 0; i < end->nin; i++) {
        int rank = end->in[i]->type.rank;
        reads[end->in[i]->id] |= rank >= min_rank && rank <= max_rank ? READ_ALIGNED : READ_ELSEWHERE;
    }
    for (const Node *n = end->prev; n; n = n->prev) {
        uint8_t at = reads[n->out[0].id];
        for (int slot = 0; slot < n->nin; slot++) {
            bool kept = keeps(n, slot);
            reads[n->in[slot]->id] |= (at & READ_ALIGNED) && kept ? READ_ALIGNED : READ_NOT;
            reads[n->in[slot]->id] |= (at & READ_ELSEWHERE) || !kept ? READ_ELSEWHERE : READ_NOT;
        }
    }
    return reads;
}

const uint8_t *kernel_reads_rows(const Node *kernel, Arena *scratch)
{
    return trace_reads(kernel, keeps_rows, 1, MAX_RANK, scratch);
}

const uint8_t *kernel_reads_points(const Node *kernel, Arena *scratch)
{
    int prefix = kernel->attr.kernel->prefix;
    return trace_reads(kernel, keeps_points, prefix, prefix, scratch);
}

const Value *value_root(const Value *v)
{
    while (v->def->op == OP_MOVE) v = v->def->in[0];
    return v;
}

bool view_keeps_rows(const Value *v)
{
    for (; v->def->op == OP_MOVE; v = v->def->in[0])
        if (!move_keeps_rows(v->def->attr.move)) return false;
    return true;
}
