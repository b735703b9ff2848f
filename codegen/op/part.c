/* Parts along one axis: a place in the result is a place in an operand, or none. What is not there is read at the
   nearest place that is, and not chosen: nothing outside an operand is ever read. */
#include "codegen/cg.h"

typedef struct Part { LLVMValueRef inside, value; } Part;

/* The operand's value where its places along the axis begin at `before` of the result, and whether it has one there. */
static Part pull_part(Cg *cg, const Node *n, int slot, const Index *out, const Dim *before)
{
    const Value *x = n->in[slot];
    int axis = n->attr.part.axis;
    const Dim *size = x->type.axes[axis].dim;
    Index in = *out;
    Ix at = ix_shift(cg, out->at[axis], before, true);
    in.at[axis] = ix_clamp(cg, at, size);
    LLVMValueRef value = pull(cg, x, &in);
    return (Part){ix_below(cg, at, size), value};
}

static LLVMValueRef choose_part(Cg *cg, Part part, LLVMValueRef otherwise)
{
    int lanes = lanes_of(part.inside), a = lanes_of(part.value), b = lanes_of(otherwise);
    lanes = a > lanes ? a : lanes;
    lanes = b > lanes ? b : lanes;
    return LLVMBuildSelect(cg->builder, splat(cg, part.inside, lanes), splat(cg, part.value, lanes),
                           splat(cg, otherwise, lanes), "");
}

static LLVMValueRef emit_pad(Cg *cg, const Node *n, const Index *out)
{
    Part part = pull_part(cg, n, 0, out, n->attr.part.before);
    return choose_part(cg, part, LLVMConstNull(LLVMTypeOf(part.value)));
}

static LLVMValueRef emit_concat(Cg *cg, const Node *n, const Index *out)
{
    Dims *dims = cg->program->dims;
    const Dim *before = dim_const(dims, 0);
    LLVMValueRef made = NULL;
    for (int i = 0; i < n->nin; i++) {
        Part part = pull_part(cg, n, i, out, before);
        made = made ? choose_part(cg, part, made) : part.value;
        before = dim_add(dims, before, n->in[i]->type.axes[n->attr.part.axis].dim);
    }
    return made;
}

LLVMValueRef emit_part(Cg *cg, const Node *n, const Index *ix)
{
    const PartAttr *p = &n->attr.part;
    Index in = index_spread(cg, n->out[0].type, ix);
    if (n->op == OP_PAD) return emit_pad(cg, n, &in);
    if (n->op == OP_CONCAT) return emit_concat(cg, n, &in);
    in.at[p->axis] = n->op == OP_SLICE ? ix_shift(cg, in.at[p->axis], p->before, false)
                                       : ix_mirror(cg, in.at[p->axis], n->in[0]->type.axes[p->axis].dim);
    return pull(cg, n->in[0], &in);
}
