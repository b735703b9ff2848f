/* COLUMN: one reduction over an axis that is not the last, or one sum by places; each lane is a chain of its own. */
#include "codegen/cg.h"

typedef struct Column {
    LLVMValueRef lo, hi;
    const Node *reduce;   /* or SCATTER_ADD */
    int axis;             /* of the operand, that goes; or of the result, whose places are named */
    LLVMValueRef size;    /* of that axis; or the number of sources */
    int64_t block;
    Index ix;             /* of the result */
} Column;

static Carry fold_carry(Fold f)
{
    return f.place ? (Carry){2, {f.value, f.place}} : (Carry){1, {f.value}};
}

static Fold carry_fold(const Carry *c)
{
    return (Fold){c->at[0], c->n > 1 ? c->at[1] : NULL};
}

static void column_element(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Column *c = context;
    Ix place = ix_new(cg, i, IX_SAME);
    Index in = {.rank = c->ix.rank + 1};
    for (int a = 0, b = 0; a < in.rank; a++) in.at[a] = a == c->axis ? place : c->ix.at[b++];
    Fold next = fold_read(cg, c->reduce, &in, place);
    *carry = fold_carry(fold_step(cg, c->reduce, carry_fold(carry), next));
}

/* ---- sums by places: every source in its order, where it names the place of the lane ---- */
typedef struct Named { Column *column; LLVMValueRef source; } Named;

static Index source_index(Cg *cg, const Node *n, LLVMValueRef at)
{
    Index flat = {.flat = true, .rank = 1, .at = {ix_new(cg, at, IX_SAME)}};
    return index_spread(cg, n->in[1]->type, &flat);
}

/* The source stands at an index of the level where it was found to be wanted, so that it is not read before. */
static void scatter_one(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    const Named *s = context;
    const Column *c = s->column;
    (void)none;
    Index source = source_index(cg, c->reduce, s->source), in = {.rank = c->reduce->in[0]->type.rank};
    for (int a = 0; a < in.rank; a++)
        in.at[a] = a < c->axis ? c->ix.at[a] : a < c->axis + source.rank ? source.at[a - c->axis]
                                                                        : c->ix.at[a - source.rank + 1];
    Fold next = fold_read(cg, c->reduce, &in, in.at[0]);
    *carry = fold_carry(fold_step(cg, c->reduce, carry_fold(carry), next));
}

static void scatter_element(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Column *c = context;
    LLVMBuilderRef b = cg->builder;
    const Value *index = c->reduce->in[1];
    Index source = source_index(cg, c->reduce, i);
    LLVMValueRef named = LLVMBuildIntCast2(b, pull(cg, index, &source), cg->i64, index->type.dtype != DT_U8, "");
    LLVMValueRef place = ix_lanes(cg, c->ix.at[c->axis]);
    int lanes = lanes_of(place);
    LLVMValueRef here = LLVMBuildICmp(b, LLVMIntEQ, splat(cg, named, lanes), place, "");
    Named one = {c, i};
    if (lanes == 1) {
        loop_when(cg, here, carry, scatter_one, &one);
        return;
    }
    Fold was = carry_fold(carry);
    scatter_one(cg, i, carry, &one);
    *carry = fold_carry(fold_select(cg, here, carry_fold(carry), was));
}

static void scatter_few(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    const Named *first = context;
    (void)none;
    LLVMValueRef end = LLVMBuildNSWAdd(cg->builder, first->source, const_i64(cg, cg->kernel->lanes), "");
    loop_each(cg, first->source, end, 1, carry, scatter_element, first->column);
}

/* A vector of sources, of which most often none names the place. */
static void scatter_vector(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Column *c = context;
    LLVMBuilderRef b = cg->builder;
    int lanes = cg->kernel->lanes;
    const Value *index = c->reduce->in[1];
    Index flat = {.flat = true, .rank = 1, .at = {ix_new(cg, i, IX_STEP)}};
    LLVMValueRef mask = cg->kernel->mask; /* of the lanes of the result */
    cg->kernel->mask = NULL;
    LLVMValueRef named = pull_lanes(cg, index, &flat, lanes);
    cg->kernel->mask = mask;
    LLVMTypeRef type = lane_type(cg, index->type.dtype, 1);
    LLVMValueRef place = LLVMBuildIntCast2(b, ix_lanes(cg, c->ix.at[c->axis]), type, true, "");
    LLVMValueRef here = LLVMBuildICmp(b, LLVMIntEQ, named, splat(cg, place, lanes), "");
    LLVMTypeRef bits = LLVMIntTypeInContext(cg->context, (unsigned)lanes);
    LLVMValueRef any = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildBitCast(b, here, bits, ""), LLVMConstNull(bits), "");
    loop_when(cg, any, carry, scatter_few, &(Named){c, i});
}

static Fold scatter_sources(Cg *cg, Column *c)
{
    int lanes = cg->kernel->lanes;
    bool alone = c->ix.at[c->axis].kind == IX_SAME && lanes > 1; /* one place for all lanes */
    LLVMValueRef from = const_i64(cg, 0);
    Carry carry = fold_carry(fold_start(cg, c->reduce, lanes));
    if (alone) {
        LLVMValueRef whole = LLVMBuildAnd(cg->builder, c->size, const_i64(cg, -lanes), "");
        loop_each(cg, from, whole, lanes, &carry, scatter_vector, c);
        from = whole;
    }
    loop_each(cg, from, c->size, 1, &carry, scatter_element, c);
    return carry_fold(&carry);
}

/* ---- spans and blocks of the axis that goes ---- */
static Fold column_span(Cg *cg, Column *c, LLVMValueRef from, LLVMValueRef to)
{
    Carry carry = fold_carry(fold_start(cg, c->reduce, cg->kernel->lanes));
    loop_each(cg, from, to, 1, &carry, column_element, c);
    return carry_fold(&carry);
}

static void column_block(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    Column *c = context;
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef end = LLVMBuildNSWAdd(b, i, const_i64(cg, c->block), "");
    end = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, end, c->size, ""), end, c->size, "");
    Fold sum = column_span(cg, c, i, end);
    *carry = fold_carry(fold_step(cg, c->reduce, carry_fold(carry), sum));
}

static void column_vector(Cg *cg, LLVMValueRef i, Carry *unused, void *context)
{
    Column *c = context;
    (void)unused;
    c->ix.at[c->ix.rank++] = ix_new(cg, i, IX_STEP);
    Fold all;
    if (c->reduce->op == OP_SCATTER_ADD) {
        all = scatter_sources(cg, c);
    } else if (c->block) {
        Carry carry = fold_carry(fold_blocks_start(cg, c->reduce, cg->kernel->lanes));
        loop_each(cg, const_i64(cg, 0), c->size, c->block, &carry, column_block, c);
        all = carry_fold(&carry);
    } else {
        all = column_span(cg, c, const_i64(cg, 0), c->size);
    }
    pull_give(cg, &c->reduce->out[0], fold_finish(cg, c->reduce, all));
    store_results(cg, c->ix.rank, &c->ix);
    c->ix.rank--;
}

static void column_last_axis(Cg *cg, void *context)
{
    Column *c = context;
    const KernelAttr *k = cg->kernel->node->attr.kernel;
    bool only = k->prefix == 1;
    LLVMValueRef to = only ? c->hi : dim_value(cg, k->dims[k->prefix - 1]);
    loop_lanes(cg, only ? c->lo : const_i64(cg, 0), to, NULL, column_vector, c);
}

void form_column(Cg *cg, LLVMValueRef lo, LLVMValueRef hi)
{
    const Node *kernel = cg->kernel->node, *n = kernel->region->first;
    while (!node_is_anchor(n)) n = n->next;
    Column c = {.lo = lo, .hi = hi, .reduce = n, .axis = n->attr.axis};
    if (n->op == OP_SCATTER_ADD) {
        c.size = dim_value(cg, type_size(cg->program->dims, n->in[1]->type));
    } else {
        c.size = dim_value(cg, reduce_axis(n, &c.axis).dim);
        c.block = order_of_reduce(n->in[0]->type, c.axis).block;
    }
    loop_prefix(cg, lo, hi, kernel->attr.kernel->prefix - 1, &c.ix, column_last_axis, &c);
}
