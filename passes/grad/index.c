/* index.c: a gradient goes to the place that was read; several that go to one place are added in their order. */
#include "passes/grad/grad.h"

Value *grad_at_place(Build *b, Type to, int axis, Value *place, Value *dy)
{
    DType wide = place->type.dtype == DT_I64 ? DT_I64 : DT_I32; /* u8<300> has places beyond its end */
    Type places = type_with_dtype(to, wide);
    place = build_convert(b, place, wide);
    places.range = place->type.range;
    Value *here = build_op(b, OP_IOTA, NULL, 0, &(Attr){.axis = axis}, &places);
    Value *chosen = build_2(b, OP_EQ, here, build_spread(b, place, to, 1u << axis));
    return build_3(b, OP_SELECT, chosen, build_spread(b, dy, to, 1u << axis), build_const(b, dy->type.dtype, 0));
}

RULE(PICK)
{
    Type table = n->in[0]->type;
    return slot == 0 ? grad_at_place(b, table, table.rank - 1, n->in[1], dy) : NULL;
}

NO_RULE(ONE_HOT)

RULE(TAKE)
{
    return slot == 0 ? build_op(b, OP_SCATTER_ADD, (Value *[]){dy, n->in[1]}, 2, &n->attr, NULL) : NULL;
}

RULE(SCATTER_ADD)
{
    return slot == 0 ? build_op(b, OP_TAKE, (Value *[]){dy, n->in[1]}, 2, &n->attr, NULL) : NULL;
}
