/* build.c: short ways to write graph operators. */
#include "passes/pass.h"

Value *build_op(Build *b, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type)
{
    Cx *cx = b->block->graph->program->cx;
    Value *v = value_new(b->block, op, in, nin, attr, type, b->site, cx);
    if (b->before) node_move_before(v->def, b->before);
    return v;
}

Value *build_1(Build *b, OpCode op, Value *x)
{
    return build_op(b, op, &x, 1, NULL, NULL);
}

Value *build_2(Build *b, OpCode op, Value *x, Value *y)
{
    return build_op(b, op, (Value *[]){x, y}, 2, NULL, NULL);
}

Value *build_3(Build *b, OpCode op, Value *x, Value *y, Value *z)
{
    return build_op(b, op, (Value *[]){x, y, z}, 3, NULL, NULL);
}

Value *build_fill(Build *b, Type t, double v)
{
    return build_op(b, OP_CONST, NULL, 0, &(Attr){.constant = {.value = v}}, &t);
}

Value *build_const(Build *b, DType t, double v)
{
    return build_fill(b, type_scalar(t), v);
}

Value *build_size(Build *b, DType t, const Dim *d)
{
    int64_t n;
    if (dim_is_const(d, &n)) return build_const(b, t, (double)n);
    Type type = type_scalar(t);
    return build_op(b, OP_SIZE, NULL, 0, &(Attr){.size = d}, &type);
}

Value *build_convert(Build *b, Value *x, DType t)
{
    if (x->type.dtype == t) return x;
    Type type = type_with_dtype(x->type, t);
    return build_op(b, OP_CONVERT, &x, 1, NULL, &type);
}

Value *build_reduce(Build *b, OpCode op, Value *x, uint32_t axes)
{
    return axes ? build_op(b, op, &x, 1, &(Attr){.reduce = {axes}}, NULL) : x;
}

Value *build_move(Build *b, Value *x, const MoveAttr *m)
{
    MoveAttr *copy = arena_copy(b->block->graph->program->arena, m, sizeof *m);
    return build_op(b, OP_MOVE, &x, 1, &(Attr){.move = copy}, NULL);
}

Value *build_spread(Build *b, Value *x, Type to, uint32_t axes)
{
    if (axes == 0) return x;
    MoveAttr m = {.natoms = to.rank, .nout = to.rank};
    for (int i = 0; i < to.rank; i++) {
        m.sizes[i] = to.axes[i].dim;
        m.out[i] = (Group){1, {i}};
        if (!(axes >> i & 1)) m.in[m.nin++] = m.out[i];
    }
    return build_move(b, x, &m);
}

uint32_t all_axes(Type t)
{
    return (1u << t.rank) - 1;
}
