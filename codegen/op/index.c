/* Values that name places. */
#include "codegen/cg.h"

/* The last axis of p gets the index; a number outside of it, which only a fault could make, becomes the last place. */
static LLVMValueRef emit_pick(Cg *cg, const Node *n, const Index *ix)
{
    LLVMBuilderRef b = cg->builder;
    Type p = n->in[0]->type;
    const Dim *size = p.axes[p.rank - 1].dim;
    LLVMValueRef i = pull(cg, n->in[1], ix);
    int lanes = lanes_of(i);
    i = LLVMBuildIntCast2(b, i, lane_type(cg, DT_I64, lanes), n->in[1]->type.dtype != DT_U8, "");
    LLVMValueRef last = LLVMBuildSub(b, dim_value(cg, size), const_i64(cg, 1), "");
    last = splat(cg, last, lanes);
    i = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntULT, i, last, ""), i, last, "");
    Ix place = {i, lanes > 1 ? IX_EACH : IX_SAME, cg->kernel->at};
    Index in = *ix;
    if (ix->flat)
        in.at[0] = ix_join(cg, ix->at[0], size, place);
    else
        in.at[in.rank++] = place;
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
    DType it = n->in[0]->type.dtype;
    LLVMTypeRef type = lane_type(cg, it, lanes);
    c = LLVMBuildIntCast2(b, splat(cg, c, lanes), type, true, "");
    LLVMValueRef same = LLVMBuildICmp(b, LLVMIntEQ, splat(cg, i, lanes), c, "");
    if (t.dtype == DT_BOOL)
        return same;
    return LLVMBuildSelect(b, same, const_number(cg, t.dtype, 1, lanes), const_number(cg, t.dtype, 0, lanes), "");
}

LLVMValueRef emit_index(Cg *cg, const Node *n, const Index *ix)
{
    return n->op == OP_PICK ? emit_pick(cg, n, ix) : emit_one_hot(cg, n, ix);
}
