/* lower: what later passes need not know. Calls are opened, a reduction goes over one axis, a mean is a sum and one
   division, and a pure reshape stands on a stored value, where it costs nothing. */
#include "passes/pass.h"

/* ---- reductions ---- */
static bool axis_is_one(const Axis *a)
{
    int64_t size;
    return dim_is_const(a->dim, &size) && size == 1;
}

/* A reduction along one number is that number, under a shape without the axis; a sum has begun with +0. */
static Value *drop_axis(Build *b, OpCode op, Value *x, int axis)
{
    MoveAttr m = {.natoms = x->type.rank, .nin = x->type.rank};
    for (int i = 0; i < m.nin; i++) {
        m.sizes[i] = x->type.axes[i].dim;
        m.in[i] = (Group){1, {i}};
        if (i != axis) m.out[m.nout++] = m.in[i];
    }
    return build_move(b, op == OP_SUM ? build_2(b, OP_ADD, x, build_const(b, x->type.dtype, 0)) : x, &m);
}

/* From the last axis to the first; a mean divides once, by all its sizes. */
static void split_reduce(Node *n, Dims *dims)
{
    Build b = {n->parent, n, n->site};
    Value *x = n->in[0];
    OpCode op = n->op == OP_MEAN ? OP_SUM : n->op;
    const Dim *size = dim_const(dims, 1);
    for (int axis = x->type.rank - 1; axis >= 0; axis--) {
        if (!(n->attr.reduce.axes >> axis & 1)) continue;
        size = dim_mul(dims, size, x->type.axes[axis].dim);
        bool one = op != OP_ARGMAX && axis_is_one(&x->type.axes[axis]);
        x = one ? drop_axis(&b, op, x, axis) : build_reduce(&b, op, x, 1u << axis);
    }
    if (n->op == OP_MEAN) x = build_2(&b, OP_DIV, x, build_size(&b, x->type.dtype, size));
    x->name = n->out[0].name;
    value_replace(&n->out[0], x);
    node_remove(n);
}

/* Is it what kernels know: one axis, of more than one number? */
static bool reduce_is_single(const Node *n)
{
    uint32_t axes = n->attr.reduce.axes;
    if (n->op == OP_ARGMAX) return true;
    return n->op != OP_MEAN && (axes & (axes - 1)) == 0 && !axis_is_one(&n->in[0]->type.axes[__builtin_ctz(axes)]);
}

/* ---- pure reshapes ---- */
static bool is_reshape(const Node *n)
{
    return n->op == OP_MOVE && move_is_view(n->attr.move);
}

/* A reshape of a filled constant is a constant. */
static void reshape_const(Node *move)
{
    Build b = {move->parent, move, move->site};
    Value *v = build_fill(&b, move->out[0].type, move->in[0]->def->attr.constant.value);
    value_replace(&move->out[0], v);
    node_remove(move);
}

static Type type_as(Type shape, Type numbers)
{
    shape.dtype = numbers.dtype;
    shape.range = numbers.range;
    return shape;
}

/* A single number goes with a tensor of any shape, and a constant stays one: the exponent of a power of whole numbers
   must. */
static Value *reshape_operand(Build *b, const Node *f, int i, const Node *move)
{
    double c;
    Value *v = f->in[i];
    if (v->type.rank == 0 && f->out[0].type.rank > 0) return v;
    if (!value_is_const(v, &c)) return build_move(b, v, move->attr.move);
    return build_fill(b, type_as(move->out[0].type, v->type), c);
}

/* reshape(f(x, y)) becomes f(reshape(x), reshape(y)). Returns the new f. */
static Node *push_reshape(Node *move)
{
    Node *f = move->in[0]->def;
    Build b = {move->parent, move, f->site};
    Value *in[3];
    for (int i = 0; i < f->nin; i++) in[i] = reshape_operand(&b, f, i, move);
    Type t = type_as(move->out[0].type, f->out[0].type);
    Value *v = build_op(&b, f->op, in, f->nin, &f->attr, f->op == OP_CONVERT ? &t : NULL);
    v->type = t;
    v->name = f->out[0].name;
    value_replace(&move->out[0], v);
    node_remove(move);
    node_remove(f);
    return v->def;
}

/* From the last node to the first, so that a reshape wanders up a whole chain. */
static bool push_reshapes(Block *body)
{
    bool changed = false;
    for (Node *n = body->last, *prev; n; n = prev) {
        prev = n->prev;
        if (!is_reshape(n)) continue;
        Value *x = n->in[0];
        if (value_is_const(x, NULL)) {
            reshape_const(n);
        } else if (op_info(x->def->op)->kind == KIND_elementwise && x->uses.n == 1) {
            prev = push_reshape(n);
            pass_count("lower.reshape", 1);
        } else {
            continue;
        }
        changed = true;
    }
    return changed;
}

/* ---- the pass ---- */
static bool open_calls(Block *body)
{
    bool changed = false;
    for (Node *n = body->first, *next; n; n = next) {
        Node *before = n->prev;
        next = n->next;
        if (n->op != OP_CALL) continue;
        call_open(n);
        next = before ? before->next : body->first; /* a body may hold calls of its own */
        changed = true;
    }
    return changed;
}

static bool split_reduces(Block *body)
{
    bool changed = false;
    for (Node *n = body->first, *next; n; n = next) {
        next = n->next;
        if (op_info(n->op)->kind != KIND_reduce || reduce_is_single(n)) continue;
        split_reduce(n, body->graph->program->dims);
        changed = true;
    }
    return changed;
}

bool pass_lower(Graph *g, Arena *scratch)
{
    (void)scratch;
    bool changed = open_calls(g->body);
    changed |= graph_drop_unread(g) > 0;
    changed |= push_reshapes(g->body);
    changed |= split_reduces(g->body);
    return graph_drop_unread(g) > 0 || changed;
}
