/* Leaves that are not in memory: numbers, sizes, settings, counters. */
#include "codegen/cg.h"

static LLVMValueRef int_to(Cg *cg, DType t, LLVMValueRef v)
{
    LLVMTypeRef type = lane_type(cg, t, lanes_of(v));
    return dtype_is_float(t) ? LLVMBuildSIToFP(cg->builder, v, type, "")
                             : LLVMBuildIntCast2(cg->builder, v, type, true, "");
}

/* The numbers of a vector of constants, once in read-only memory. */
static LLVMValueRef number_table(Cg *cg, const Node *n)
{
    LLVMValueRef table = memo_find(cg, 0, n, &index_none);
    if (table) return table;
    Type t = n->out[0].type;
    int64_t count = 0;
    if (!dim_known(t.axes[0].dim, &count)) UNREACHABLE("a table of numbers without a known size");
    LLVMValueRef *numbers = NEW_ARRAY(cg->arena, LLVMValueRef, count);
    for (int64_t i = 0; i < count; i++) numbers[i] = const_number(cg, t.dtype, n->attr.constant.values[i], 1);
    for (int64_t i = 0; i < count && t.dtype == DT_BOOL; i++)
        numbers[i] = LLVMConstInt(cg->i8, n->attr.constant.values[i] != 0, false);
    LLVMTypeRef element = stored_type(cg, t.dtype, 1);
    table = global_const(cg, "numbers", LLVMConstArray2(element, numbers, (uint64_t)count), 64);
    memo_add(cg, 0, n, &index_none, table);
    return table;
}

static LLVMValueRef emit_const(Cg *cg, const Node *n, const Index *ix)
{
    Type t = n->out[0].type;
    if (!n->attr.constant.values) return const_number(cg, t.dtype, n->attr.constant.value, 1);
    return load_at(cg, t.dtype, number_table(cg, n), index_flatten(cg, t, ix));
}

LLVMValueRef emit_leaf(Cg *cg, const Node *n, const Index *ix)
{
    DType t = n->out[0].type.dtype;
    switch (n->op) {
    case OP_CONST:
        return emit_const(cg, n, ix);
    case OP_SIZE:
        return int_to(cg, t, dim_value(cg, n->attr.size));
    case OP_CLOCK:
        return int_to(cg, t, frame_load(cg, n->attr.clock == CLOCK_STEP ? FRAME_STEP : FRAME_EPOCH, cg->i64));
    case OP_HYPER:
        return frame_load(cg, cg->frame->hypers + n->attr.index, cg->f64);
    case OP_IOTA: {
        Index at = index_spread(cg, n->out[0].type, ix);
        return int_to(cg, t, ix_lanes(cg, at.at[n->attr.axis]));
    }
    default:
        UNREACHABLE("a leaf that lies in memory is computed");
    }
}
