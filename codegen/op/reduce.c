/* Reductions, one element or one vector at a time; the kernel's form says in which order. */
#include "codegen/cg.h"
#include <math.h>

Axis reduce_axis(const Node *n, int *out_axis)
{
    int axis = 0;
    while (!(n->attr.reduce.axes >> axis & 1)) axis++;
    *out_axis = axis;
    return n->in[0]->type.axes[axis];
}

static LLVMValueRef lowest(Cg *cg, DType t, int lanes, bool highest)
{
    if (dtype_is_float(t)) return const_number(cg, t, highest ? INFINITY : -INFINITY, lanes);
    int bits = 8 * dtype_bytes(t);
    uint64_t least = t == DT_U8 ? 0 : (uint64_t)1 << (bits - 1);
    LLVMTypeRef type = lane_type(cg, t, 1);
    return splat(cg, LLVMConstInt(type, highest ? ~least : least, false), lanes);
}

Fold fold_start(Cg *cg, const Node *n, int lanes)
{
    DType t = n->in[0]->type.dtype;
    if (n->op == OP_MAX || n->op == OP_MIN) return (Fold){lowest(cg, t, lanes, n->op == OP_MIN), NULL};
    if (n->op == OP_ARGMAX) return (Fold){lowest(cg, t, lanes, false), splat(cg, const_i64(cg, INT64_MAX), lanes)};
    return (Fold){const_number(cg, t, 0, lanes), NULL};
}

/* -0 + x is x for every x: the first block's sum is the start. */
Fold fold_blocks_start(Cg *cg, const Node *n, int lanes)
{
    DType t = n->in[0]->type.dtype;
    if (n->op == OP_SUM) return (Fold){const_number(cg, t, dtype_is_float(t) ? -0.0 : 0, lanes), NULL};
    return fold_start(cg, n, lanes);
}

static LLVMValueRef compare(Cg *cg, DType t, LLVMRealPredicate real, LLVMIntPredicate with_sign,
                            LLVMIntPredicate without, LLVMValueRef a, LLVMValueRef b)
{
    if (dtype_is_float(t)) return LLVMBuildFCmp(cg->builder, real, a, b, "");
    return LLVMBuildICmp(cg->builder, t == DT_U8 ? without : with_sign, a, b, "");
}

static LLVMValueRef is_nan(Cg *cg, DType t, LLVMValueRef v)
{
    if (dtype_is_float(t)) return LLVMBuildFCmp(cg->builder, LLVMRealUNO, v, v, "");
    return LLVMConstNull(lane_type(cg, DT_BOOL, lanes_of(v)));
}

/* NaN wins over every number. */
static LLVMValueRef extreme(Cg *cg, const Node *n, LLVMValueRef a, LLVMValueRef b)
{
    LLVMBuilderRef l = cg->builder;
    DType t = n->in[0]->type.dtype;
    LLVMValueRef better = n->op == OP_MAX ? compare(cg, t, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT, b, a)
                                          : compare(cg, t, LLVMRealOLT, LLVMIntSLT, LLVMIntULT, b, a);
    better = LLVMBuildOr(l, better, is_nan(cg, t, b), "");
    return LLVMBuildSelect(l, better, b, a, "");
}

/* The larger value, of equals the earlier place; NaN is above all. */
static Fold first_largest(Cg *cg, const Node *n, Fold a, Fold b)
{
    LLVMBuilderRef l = cg->builder;
    DType t = n->in[0]->type.dtype;
    LLVMValueRef above = compare(cg, t, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT, b.value, a.value);
    LLVMValueRef equal = compare(cg, t, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ, b.value, a.value);
    LLVMValueRef nan_a = is_nan(cg, t, a.value), nan_b = is_nan(cg, t, b.value);
    above = LLVMBuildOr(l, above, LLVMBuildAnd(l, nan_b, LLVMBuildNot(l, nan_a, ""), ""), "");
    equal = LLVMBuildOr(l, equal, LLVMBuildAnd(l, nan_a, nan_b, ""), "");
    LLVMValueRef earlier = LLVMBuildICmp(l, LLVMIntSLT, b.place, a.place, "");
    LLVMValueRef take = LLVMBuildOr(l, above, LLVMBuildAnd(l, equal, earlier, ""), "");
    return fold_select(cg, take, b, a);
}

Fold fold_step(Cg *cg, const Node *n, Fold so_far, Fold next)
{
    switch (n->op) {
    case OP_ARGMAX:
        return first_largest(cg, n, so_far, next);
    case OP_MAX:
    case OP_MIN:
        return (Fold){extreme(cg, n, so_far.value, next.value), NULL};
    default:
        if (dtype_is_float(n->in[0]->type.dtype))
            return (Fold){LLVMBuildFAdd(cg->builder, so_far.value, next.value, ""), NULL};
        return (Fold){LLVMBuildAdd(cg->builder, so_far.value, next.value, ""), NULL};
    }
}

Fold fold_read(Cg *cg, const Node *n, const Index *ix, Ix place)
{
    int lanes = cg->kernel->lanes;
    Fold f = {pull_lanes(cg, n->in[0], ix, lanes), NULL};
    if (n->op == OP_ARGMAX) f.place = splat(cg, ix_lanes(cg, place), lanes);
    return f;
}

Fold fold_select(Cg *cg, LLVMValueRef mask, Fold yes, Fold no)
{
    LLVMBuilderRef b = cg->builder;
    Fold f = {LLVMBuildSelect(b, mask, yes.value, no.value, ""), NULL};
    if (yes.place) f.place = LLVMBuildSelect(b, mask, yes.place, no.place, "");
    return f;
}

LLVMValueRef fold_finish(Cg *cg, const Node *n, Fold all)
{
    if (n->op != OP_ARGMAX) return all.value;
    LLVMTypeRef type = lane_type(cg, n->out[0].type.dtype, lanes_of(all.value));
    return LLVMBuildIntCast2(cg->builder, all.place, type, true, "");
}

LLVMValueRef emit_reduce(Cg *cg, const Node *n, const Index *ix)
{
    (void)cg, (void)ix;
    fatal("`%s` is read before it was computed", op_info(n->op)->text);
}
