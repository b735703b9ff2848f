/* ROW: reductions over the last axis, each in 64 chains held in vectors, and what follows from them along the same row.
   Reductions that do not need one another share a pass over the row. */
#include "codegen/cg.h"

enum { SHORT_ROW = 8 /* vectors */ };
typedef struct Row {
    const Node *reductions[MAX_REDUCTIONS];
    int stage[MAX_REDUCTIONS];    /* the pass that computes it, from 1 */
    int n, stages, now;
    int chains;
    int64_t block;
    LLVMValueRef size;            /* of the row */
    int64_t known;                /* the same, or 0 */
    Index ix;                     /* of the prefix */
    LLVMValueRef values[MAX_REDUCTIONS], places[MAX_REDUCTIONS]; /* chains in memory */
    LLVMValueRef start;           /* of the present block */
} Row;

/* ---- which pass ---- */
static int stage_of(const Row *r, const Block *body, const Value *v)
{
    const Node *n = v->def;
    int stage = 0;
    if (n->parent != body) return 0;
    for (int i = 0; i < r->n; i++)
        if (r->reductions[i] == n) return r->stage[i];
    for (int i = 0; i < n->nin; i++) {
        int s = stage_of(r, body, n->in[i]);
        stage = s > stage ? s : stage;
    }
    return stage;
}

static void find_reductions(Row *r, const Block *body)
{
    for (const Node *n = body->first; n; n = n->next) {
        if (op_info(n->op)->kind != KIND_reduce) continue;
        if (r->n == MAX_REDUCTIONS) UNREACHABLE("more reductions than a kernel has");
        int stage = stage_of(r, body, n->in[0]) + 1;
        r->stage[r->n] = stage;
        r->reductions[r->n++] = n;
        r->stages = stage > r->stages ? stage : r->stages;
    }
}

/* ---- joining chains ---- */
static LLVMValueRef lanes_part(Cg *cg, LLVMValueRef v, int from, int n)
{
    LLVMValueRef at[64];
    if (!v) return NULL;
    if (n == 1) return LLVMBuildExtractElement(cg->builder, v, const_i64(cg, from), "");
    for (int i = 0; i < n; i++) at[i] = LLVMConstInt(cg->i32, (unsigned)(from + i), false);
    return LLVMBuildShuffleVector(cg->builder, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(at, (unsigned)n), "");
}

/* Chain i with i + S/2, then S/4, ...: whole vectors first, then halves of one. n is a power of two; a vector that no
   element reached holds the start of the reduction, which changes nothing, and is left out of f. */
static Fold join_chains(Cg *cg, const Node *n, Fold *f, int vectors)
{
    for (int half = vectors / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            if (f[i + half].value) f[i] = fold_step(cg, n, f[i], f[i + half]);
    Fold all = f[0];
    for (int half = lanes_of(all.value) / 2; half > 0; half /= 2) {
        Fold low = {lanes_part(cg, all.value, 0, half), lanes_part(cg, all.place, 0, half)};
        Fold high = {lanes_part(cg, all.value, half, half), lanes_part(cg, all.place, half, half)};
        all = fold_step(cg, n, low, high);
    }
    return all;
}

/* ---- a short row: each chain has one element at most, and no loop is needed ---- */
typedef struct Straight { Row *row; const Node *n; Fold vectors[64]; int count; } Straight;

static Index row_index(const Row *r, Ix place)
{
    Index ix = r->ix;
    ix.at[ix.rank++] = place;
    return ix;
}

static void straight_vector(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Straight *s = context;
    (void)carry;
    int lanes = cg->kernel->lanes;
    Ix place = ix_new(cg, i, IX_STEP);
    Index ix = row_index(s->row, place);
    Fold start = fold_start(cg, s->n, lanes);
    Fold f = fold_step(cg, s->n, start, fold_read(cg, s->n, &ix, place));
    if (cg->kernel->mask) f = fold_select(cg, cg->kernel->mask, f, start);
    s->vectors[s->count++] = f;
}

static void reduce_straight(Cg *cg, Row *r, const Node *n)
{
    Straight s = {.row = r, .n = n};
    int lanes = cg->kernel->lanes, vectors = 1;
    for (int64_t i = 0; i < r->known; i += lanes) {
        int64_t rest = r->known - i;
        loop_lanes(cg, const_i64(cg, i), const_i64(cg, i + (rest < lanes ? rest : lanes)), NULL, straight_vector, &s);
    }
    while (vectors < s.count) vectors *= 2;
    pull_give(cg, &n->out[0], fold_finish(cg, n, join_chains(cg, n, s.vectors, vectors)));
}

/* ---- a long row: chains lie in memory, element k adds to chain k mod S ---- */
static LLVMValueRef chain_address(Cg *cg, LLVMValueRef array, LLVMTypeRef element, LLVMValueRef at)
{
    return LLVMBuildInBoundsGEP2(cg->builder, element, array, &at, 1, "");
}

static LLVMTypeRef chain_type(Cg *cg, const Node *n, int lanes)
{
    return lane_type(cg, n->in[0]->type.dtype, lanes);
}

static Fold chains_load(Cg *cg, Row *r, int i, LLVMValueRef at)
{
    LLVMBuilderRef b = cg->builder;
    const Node *n = r->reductions[i];
    int lanes = cg->kernel->lanes;
    LLVMValueRef from = chain_address(cg, r->values[i], chain_type(cg, n, 1), at);
    Fold f = {LLVMBuildLoad2(b, chain_type(cg, n, lanes), from, ""), NULL};
    if (r->places[i])
        f.place = LLVMBuildLoad2(b, lane_type(cg, DT_I64, lanes), chain_address(cg, r->places[i], cg->i64, at), "");
    return f;
}

static void chains_store(Cg *cg, Row *r, int i, LLVMValueRef at, Fold f)
{
    LLVMBuilderRef b = cg->builder;
    LLVMBuildStore(b, f.value, chain_address(cg, r->values[i], chain_type(cg, r->reductions[i], 1), at));
    if (f.place) LLVMBuildStore(b, f.place, chain_address(cg, r->places[i], cg->i64, at));
}

static void long_vector(Cg *cg, LLVMValueRef at, Carry *carry, void *context)
{
    Row *r = context;
    (void)carry;
    LLVMValueRef chain = LLVMBuildAnd(cg->builder, at, const_i64(cg, r->chains - 1), "");
    Ix place = ix_new(cg, at, IX_STEP);
    Index ix = row_index(r, place);
    for (int i = 0; i < r->n; i++) {
        if (r->stage[i] != r->now) continue;
        Fold was = chains_load(cg, r, i, chain);
        Fold f = fold_step(cg, r->reductions[i], was, fold_read(cg, r->reductions[i], &ix, place));
        if (cg->kernel->mask) f = fold_select(cg, cg->kernel->mask, f, was);
        chains_store(cg, r, i, chain, f);
    }
}

static void chains_clear(Cg *cg, LLVMValueRef at, Carry *carry, void *context)
{
    Row *r = context;
    (void)carry;
    for (int i = 0; i < r->n; i++)
        if (r->stage[i] == r->now) chains_store(cg, r, i, at, fold_start(cg, r->reductions[i], cg->kernel->lanes));
}

static Fold chains_join(Cg *cg, Row *r, int i)
{
    Fold f[64];
    int lanes = cg->kernel->lanes, vectors = r->chains / lanes;
    for (int v = 0; v < vectors; v++) f[v] = chains_load(cg, r, i, const_i64(cg, v * lanes));
    return join_chains(cg, r->reductions[i], f, vectors);
}

/* One block of the row; carry: for each reduction of this pass its value and place so far. */
static void long_block(Cg *cg, LLVMValueRef from, Carry *carry, void *context)
{
    Row *r = context;
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef to = r->size;
    if (r->block) {
        to = LLVMBuildNSWAdd(b, from, const_i64(cg, r->block), "");
        to = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, to, r->size, ""), to, r->size, "");
    }
    loop_each(cg, const_i64(cg, 0), const_i64(cg, r->chains), cg->kernel->lanes, NULL, chains_clear, r);
    loop_lanes(cg, from, to, NULL, long_vector, r);
    for (int i = 0, c = 0; i < r->n; i++) {
        if (r->stage[i] != r->now) continue;
        Fold sum = chains_join(cg, r, i);
        Fold so_far = {carry->at[c], r->places[i] ? carry->at[c + 1] : NULL};
        so_far = fold_step(cg, r->reductions[i], so_far, sum);
        carry->at[c++] = so_far.value;
        if (so_far.place) carry->at[c++] = so_far.place;
    }
}

static void reduce_long(Cg *cg, Row *r)
{
    Carry carry = {0};
    for (int i = 0; i < r->n; i++) {
        if (r->stage[i] != r->now) continue;
        Fold start = fold_blocks_start(cg, r->reductions[i], 1);
        r->values[i] = stack_array(cg, chain_type(cg, r->reductions[i], 1), r->chains);
        r->places[i] = start.place ? stack_array(cg, cg->i64, r->chains) : NULL;
        carry.at[carry.n++] = start.value;
        if (start.place) carry.at[carry.n++] = start.place;
    }
    if (r->block)
        loop_each(cg, const_i64(cg, 0), r->size, r->block, &carry, long_block, r);
    else
        long_block(cg, const_i64(cg, 0), &carry, r);
    for (int i = 0, c = 0; i < r->n; i++) {
        if (r->stage[i] != r->now) continue;
        Fold all = {carry.at[c], r->places[i] ? carry.at[c + 1] : NULL};
        c += r->places[i] ? 2 : 1;
        pull_give(cg, &r->reductions[i]->out[0], fold_finish(cg, r->reductions[i], all));
    }
}

/* ---- the row ---- */
static void row_results(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Row *r = context;
    (void)carry;
    Index ix = row_index(r, ix_new(cg, i, IX_STEP));
    store_results(cg, ix.rank, &ix);
}

static bool has_row_result(const Node *kernel)
{
    for (int i = 0; i < kernel->nout; i++)
        if (kernel->out[i].type.rank > kernel->attr.kernel->prefix) return true;
    return false;
}

static void row_emit(Cg *cg, void *context)
{
    Row *r = context;
    cg->kernel->given.n = 0;
    for (r->now = 1; r->now <= r->stages; r->now++) {
        if (r->known && r->known <= r->chains && r->known <= SHORT_ROW * cg->kernel->lanes) {
            for (int i = 0; i < r->n; i++)
                if (r->stage[i] == r->now) reduce_straight(cg, r, r->reductions[i]);
        } else {
            reduce_long(cg, r);
        }
    }
    if (has_row_result(cg->kernel->node)) loop_lanes(cg, const_i64(cg, 0), r->size, NULL, row_results, r);
    store_results(cg, r->ix.rank, &r->ix);
}

void form_row(Cg *cg, LLVMValueRef lo, LLVMValueRef hi)
{
    const Node *kernel = cg->kernel->node;
    Row r = {0};
    find_reductions(&r, kernel->region);
    int axis;
    Axis row = reduce_axis(r.reductions[0], &axis);
    Order order = order_of_reduce(r.reductions[0]->in[0]->type, axis);
    r.chains = order.chains;
    r.block = order.block;
    r.size = dim_value(cg, row.dim);
    if (!const_value(r.size, &r.known)) r.known = 0;
    loop_prefix(cg, lo, hi, kernel->attr.kernel->prefix, &r.ix, row_emit, &r);
}
