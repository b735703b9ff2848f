/* Values that name places. */
#include "codegen/cg.h"

/* The place that `index` names; a number outside, which only a fault could make, becomes the last place. */
static Ix named_place(Cg *cg, const Value *index, const Index *ix, const Dim *size)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef i = pull(cg, index, ix), n = dim_value(cg, size);
    int lanes = lanes_of(i), level = index->type.rank ? index_level(ix) : 0, was = level_stand(cg, level);
    i = LLVMBuildIntCast2(b, i, lane_type(cg, DT_I64, lanes), index->type.dtype != DT_U8, "");
    LLVMValueRef last = splat(cg, LLVMBuildSub(b, n, const_i64(cg, 1), ""), lanes);
    i = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, i, last, ""), i, last, "");
    level_stand(cg, was);
    return (Ix){i, lanes > 1 ? IX_EACH : IX_SAME, level};
}

/* The last axis of p gets the index. */
static LLVMValueRef emit_pick(Cg *cg, const Node *n, const Index *ix)
{
    Type p = n->in[0]->type;
    const Dim *size = p.axes[p.rank - 1].dim;
    Ix place = named_place(cg, n->in[1], ix, size);
    Index in = *ix;
    if (ix->flat)
        in.at[0] = ix_join(cg, ix->at[0], size, place);
    else
        in.at[in.rank++] = place;
    return pull(cg, n->in[0], &in);
}

/* The axes of the index become the place that it names. */
static LLVMValueRef emit_take(Cg *cg, const Node *n, const Index *ix)
{
    Type w = n->in[0]->type;
    int axis = n->attr.axis, axes = n->in[1]->type.rank;
    Index out = index_spread(cg, n->out[0].type, ix), source = {.rank = axes}, in = {.rank = w.rank};
    for (int i = 0; i < axes; i++) source.at[i] = out.at[axis + i];
    for (int i = 0; i < w.rank; i++)
        in.at[i] = i == axis ? named_place(cg, n->in[1], &source, w.axes[axis].dim) : out.at[i < axis ? i : i + axes - 1];
    return pull(cg, n->in[0], &in);
}

static LLVMValueRef emit_one_hot(Cg *cg, const Node *n, const Index *ix)
{
    LLVMBuilderRef b = cg->builder;
    Type t = n->out[0].type;
    Index out = index_spread(cg, t, ix), in = out;
    in.rank--;
    LLVMValueRef i = pull(cg, n->in[0], &in), c = ix_lanes(cg, out.at[in.rank]);
    int lanes = lanes_of(i) > lanes_of(c) ? lanes_of(i) : lanes_of(c);
    DType from = n->in[0]->type.dtype, wide = from == DT_I64 ? DT_I64 : DT_I32; /* u8<300> has places beyond its end */
    LLVMTypeRef type = lane_type(cg, wide, lanes);
    c = LLVMBuildIntCast2(b, splat(cg, c, lanes), type, true, "");
    i = LLVMBuildIntCast2(b, splat(cg, i, lanes), type, from != DT_U8, "");
    LLVMValueRef same = LLVMBuildICmp(b, LLVMIntEQ, i, c, "");
    if (t.dtype == DT_BOOL) return same;
    return LLVMBuildSelect(b, same, const_number(cg, t.dtype, 1, lanes), const_number(cg, t.dtype, 0, lanes), "");
}

LLVMValueRef emit_index(Cg *cg, const Node *n, const Index *ix)
{
    switch (n->op) {
    case OP_PICK:
        return emit_pick(cg, n, ix);
    case OP_ONE_HOT:
        return emit_one_hot(cg, n, ix);
    case OP_TAKE:
        return emit_take(cg, n, ix);
    default: /* a sum by places is the kernel's own */
        fatal("`%s` is read before it was computed", op_info(n->op)->text);
    }
}
