/* COLUMN: one reduction over an axis that is not the last; each lane is a chain of its own. */
#include "codegen/cg.h"

typedef struct Column {
    LLVMValueRef lo, hi;
    const Node *reduce;
    int axis;             /* of the operand, that goes */
    LLVMValueRef size;    /* of that axis */
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
    for (int a = 0, b = 0; a < in.rank; a++)
        in.at[a] = a == c->axis ? place : c->ix.at[b++];
    Fold next = fold_read(cg, c->reduce, &in, place);
    *carry = fold_carry(fold_step(cg, c->reduce, carry_fold(carry), next));
}

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
    if (c->block) {
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
    while (op_info(n->op)->kind != KIND_reduce)
        n = n->next;
    Column c = {.lo = lo, .hi = hi, .reduce = n};
    c.size = dim_value(cg, reduce_axis(n, &c.axis).dim);
    c.block = order_of_reduce(n->in[0]->type, c.axis).block;
    loop_prefix(cg, lo, hi, kernel->attr.kernel->prefix - 1, &c.ix, column_last_axis, &c);
}
