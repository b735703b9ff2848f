/* MAP: each result element from elements at its own place. */
#include "codegen/cg.h"

typedef struct Nest {
    LLVMValueRef lo, hi;
    int n, axis;
    Index *ix;
    void (*body)(Cg *, void *);
    void *context;
} Nest;

static void nest_axis(Cg *cg, LLVMValueRef i, Carry *carry, void *context);

static void nest_next(Cg *cg, Nest *nest)
{
    const KernelAttr *k = cg->kernel->node->attr.kernel;
    if (nest->axis == nest->n) {
        nest->body(cg, nest->context);
        return;
    }
    LLVMValueRef from = nest->axis ? const_i64(cg, 0) : nest->lo;
    LLVMValueRef to = nest->axis ? dim_value(cg, k->dims[nest->axis]) : nest->hi;
    loop_each(cg, from, to, 1, NULL, nest_axis, nest);
}

static void nest_axis(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Nest *nest = context;
    (void)carry;
    nest->ix->at[nest->axis] = ix_new(cg, i, IX_SAME);
    nest->ix->rank = ++nest->axis;
    nest_next(cg, nest);
    nest->ix->rank = --nest->axis;
}

void loop_prefix(Cg *cg, LLVMValueRef lo, LLVMValueRef hi, int n, Index *ix, void (*body)(Cg *, void *), void *context)
{
    Nest nest = {lo, hi, n, 0, ix, body, context};
    *ix = index_none;
    nest_next(cg, &nest);
}

/* Whether every value of the body can be reached by one row-major number. */
static bool node_is_flat(const Node *n)
{
    if (n->op == OP_RETURN) return true;
    if (op_info(n->op)->kind == KIND_leaf) return n->op != OP_IOTA;
    if (n->op == OP_MOVE) return n->in[0]->type.rank == 0 || move_is_view(n->attr.move);
    return op_info(n->op)->kind == KIND_elementwise;
}

static bool body_is_flat(const Node *kernel)
{
    for (const Node *n = kernel->region->first; n; n = n->next) {
        if (!node_is_flat(n)) return false;
        for (int i = 0; i < n->nin; i++)
            if (n->in[i]->def->parent != kernel->region && n->in[i]->def->op == OP_IOTA) return false;
    }
    return true;
}

typedef struct Map { LLVMValueRef lo, hi; Index ix; int rank; } Map;

static void map_vector(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Map *m = context;
    (void)carry;
    Index ix = m->ix;
    ix.at[ix.rank++] = ix_new(cg, i, IX_STEP);
    store_results(cg, m->rank, &ix);
}

static void map_flat(Cg *cg, LLVMValueRef lo, LLVMValueRef hi, const KernelAttr *k)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef inner = const_i64(cg, 1);
    for (int i = 1; i < k->prefix; i++) inner = LLVMBuildNSWMul(b, inner, dim_value(cg, k->dims[i]), "");
    Map m = {.rank = k->prefix, .ix = {.flat = true}};
    loop_lanes(cg, LLVMBuildNSWMul(b, lo, inner, ""), LLVMBuildNSWMul(b, hi, inner, ""), NULL, map_vector, &m);
}

static void map_last_axis(Cg *cg, void *context)
{
    Map *m = context;
    const KernelAttr *k = cg->kernel->node->attr.kernel;
    bool only = k->prefix == 1;
    LLVMValueRef to = only ? m->hi : dim_value(cg, k->dims[k->prefix - 1]);
    loop_lanes(cg, only ? m->lo : const_i64(cg, 0), to, NULL, map_vector, m);
}

void form_map(Cg *cg, LLVMValueRef lo, LLVMValueRef hi)
{
    const KernelAttr *k = cg->kernel->node->attr.kernel;
    if (k->prefix == 0) {
        store_results(cg, 0, &index_none);
    } else if (body_is_flat(cg->kernel->node)) {
        map_flat(cg, lo, hi, k);
    } else {
        Map m = {.lo = lo, .hi = hi, .rank = k->prefix};
        loop_prefix(cg, lo, hi, k->prefix - 1, &m.ix, map_last_axis, &m);
    }
}
