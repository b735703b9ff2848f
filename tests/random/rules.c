/* rules.c: which operators take and give what. Nothing of it is written down: every operator is put on operands of
   every class, and the type rules say whether that is a graph. */
#include "random_graphs.h"

/* ---- classes ---- */

Class class_of(const Value *v)
{
    Type t = v->type;
    return (Class){(uint8_t)t.dtype, t.range != NULL, t.rank == 0, t.rank == 0 && v->def->op == OP_CONST};
}

bool class_same(Class a, Class b)
{
    return a.dtype == b.dtype && a.ranged == b.ranged && a.scalar == b.scalar && a.written == b.written;
}

bool op_is_exact(OpCode op) { return !(op_info(op)->flags & OPF_COSTLY) && op != OP_POW && op != OP_NORMAL; }

/* ---- questions ---- */

enum { SHAPES = 4, OPERANDS = 80 };
static const struct Shape {
    int rank;
    int64_t sizes[2];
} shapes[SHAPES] = {{0, {0}}, {1, {3}}, {1, {1}}, {2, {3, 3}}};

typedef struct Prober {
    Cx *cx;
    Program *p;
    Block *block;
    Value *operands[OPERANDS];
    int n;
    Rules *rules;
    Arena *arena; /* of the rules */
} Prober;

static const Site site = {.path = "rules"};

static Type shape_type(Prober *p, DType t, bool ranged, const struct Shape *s)
{
    Axis axes[2];
    for (int i = 0; i < s->rank; i++) axes[i] = (Axis){dim_const(p->p->dims, s->sizes[i]), NULL, NULL};
    Type type = type_make(p->p->arena, t, s->rank, axes);
    type.range = ranged ? dim_const(p->p->dims, 3) : NULL;
    return type;
}

static void keep(Prober *p, Signature s)
{
    for (int i = p->rules->first[s.op]; i < p->rules->all.n; i++) {
        const Signature *o = &p->rules->all.at[i];
        bool same = o->nin == s.nin && class_same(o->out, s.out);
        for (int k = 0; same && k < s.nin; k++) same = class_same(o->in[k], s.in[k]);
        if (same) return;
    }
    vec_push(p->arena, &p->rules->all, s);
}

/* Is this a graph? Then it is kept. */
static void ask(Prober *p, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type)
{
    int errors = p->cx->diags->errors, told = p->cx->diags->list.n;
    Node *n = node_new(p->block, op, in, nin, attr, type, &site, p->cx);
    Signature s = {.op = op, .nin = nin > 3 ? 3 : nin};
    bool good = p->cx->diags->errors == errors;
    p->cx->diags->errors = errors;
    p->cx->diags->list.n = told;
    for (int i = 0; i < s.nin; i++) s.in[i] = class_of(in[i]);
    if (good && n->nout) s.out = class_of(n->out);
    if (good) keep(p, s);
    node_remove(n);
}

static void ask_leaf(Prober *p, OpCode op)
{
    Attr attr = {0};
    if (op == OP_CONST) attr.constant.value = 1;
    if (op == OP_SIZE) attr.size = dim_const(p->p->dims, 3);
    for (DType t = DT_BOOL; t < DT_COUNT; t++)
        for (int ranged = 0; ranged <= dtype_is_int(t); ranged++)
            for (int s = 0; s < 2; s++) {
                Type type = shape_type(p, t, ranged, &shapes[s]);
                ask(p, op, NULL, 0, &attr, &type);
            }
}

/* With results of every dtype where the inputs do not settle it. */
static void ask_converted(Prober *p, OpCode op, Value *x)
{
    for (DType t = DT_BOOL; t < DT_COUNT; t++) {
        Type type = type_with_dtype(x->type, t);
        if (op == OP_ONE_HOT) {
            Axis axes[3] = {{0}, {0}, {x->type.range, NULL, NULL}};
            for (int i = 0; i < x->type.rank; i++) axes[i] = x->type.axes[i];
            axes[x->type.rank] = axes[2];
            type = type_make(p->p->arena, t, x->type.rank + 1, axes);
        }
        ask(p, op, &x, 1, NULL, &type);
    }
}

static void ask_reduce(Prober *p, OpCode op, Value *x)
{
    for (uint32_t axes = 1; axes < 1u << x->type.rank; axes++) {
        Attr attr = {.reduce = {axes}};
        ask(p, op, &x, 1, &attr, NULL);
        for (DType t = DT_U8; op == OP_ARGMAX && t <= DT_I64; t++) {
            Type type = shape_type(p, t, true, &shapes[x->type.rank == 2]);
            ask(p, op, &x, 1, &attr, &type);
        }
    }
}

/* Each axis as it is; one new axis; none of size 1. */
static void ask_move(Prober *p, Value *x)
{
    for (int way = 0; way < 3; way++) {
        MoveAttr *m = NEW(p->p->arena, MoveAttr);
        int64_t size = 0;
        m->natoms = m->nin = x->type.rank;
        for (int i = 0; i < x->type.rank; i++) {
            m->sizes[i] = x->type.axes[i].dim;
            m->in[i] = (Group){1, {i}};
            if (way != 2 || !dim_is_const(m->sizes[i], &size) || size != 1) m->out[m->nout++] = m->in[i];
        }
        if (way == 1) {
            m->sizes[m->natoms] = dim_const(p->p->dims, 3);
            m->out[m->nout++] = (Group){1, {m->natoms++}};
        }
        ask(p, OP_MOVE, &x, 1, &(Attr){.move = m}, NULL);
    }
}

/* All labels kept, shared ones summed, or all of them. */
static void ask_contract(Prober *p, Value *a, Value *b)
{
    for (int way = 0; way < 3; way++) {
        ContractAttr *c = NEW(p->p->arena, ContractAttr);
        c->na = a->type.rank;
        c->nb = b->type.rank;
        int shared = way == 1 && c->na && c->nb;
        for (int i = 0; i < c->na; i++) c->a[i] = i;
        for (int i = 0; i < c->nb; i++) c->b[i] = c->na - shared + i;
        c->nlabels = c->na + c->nb - shared;
        for (int i = 0; i < c->nlabels && way != 2; i++)
            if (!shared || i != c->na - 1) c->out[c->nout++] = i;
        ask(p, OP_CONTRACT, (Value *[]){a, b}, 2, &(Attr){.contract = c}, NULL);
    }
}

static void ask_one(Prober *p, OpCode op, Value *x)
{
    switch (op_info(op)->kind) {
    case KIND_reduce: ask_reduce(p, op, x); return;
    case KIND_move: ask_move(p, x); return;
    case KIND_part: {
        const Dim *one = dim_const(p->p->dims, 1), *four = dim_const(p->p->dims, 4), *zero = dim_const(p->p->dims, 0);
        PartAttr part = {0, op == OP_PAD ? one : zero, op == OP_PAD ? four : one};
        ask(p, op, &x, 1, &(Attr){.part = part}, NULL);
        return;
    }
    default: break;
    }
    if (op == OP_CONVERT || op == OP_ONE_HOT)
        ask_converted(p, op, x);
    else
        ask(p, op, &x, 1, NULL, NULL);
}

static void ask_two(Prober *p, OpCode op, Value *a, Value *b)
{
    Value *in[] = {a, b};
    switch (op_info(op)->kind) {
    case KIND_contract: ask_contract(p, a, b); return;
    case KIND_random:
        for (DType t = DT_BOOL; t < DT_COUNT; t++)
            for (int s = 0; s < 2; s++) {
                Type type = shape_type(p, t, false, &shapes[s]);
                ask(p, op, in, 2, &(Attr){.random = {1}}, &type);
            }
        return;
    case KIND_part: ask(p, op, in, 2, &(Attr){.part = {0, NULL, NULL}}, NULL); return;
    default: ask(p, op, in, 2, &(Attr){.axis = 0}, NULL);
    }
}

/* A body may read and give anything; a result ends a block with anything. */
static void ask_open(Prober *p, OpCode op, Value *x)
{
    Signature s = {.op = op, .nin = 1, .in = {class_of(x)}};
    if (op == OP_CALL) {
        s.out = s.in[0];
        s.out.written = false;
    }
    keep(p, s);
}

static void ask_about(Prober *p, OpCode op)
{
    const OpInfo *info = op_info(op);
    p->rules->first[op] = p->rules->all.n;
    if (op == OP_KERNEL) return; /* fusion makes them, which comes after every graph that is written */
    if (info->kind == KIND_leaf) ask_leaf(p, op);
    int nin = op == OP_CONCAT || op == OP_GRAD ? 2 : info->nin;
    for (int i = 0; i < p->n; i++) {
        if (op == OP_CALL || op == OP_RETURN)
            ask_open(p, op, p->operands[i]);
        else if (nin == 1)
            ask_one(p, op, p->operands[i]);
        for (int k = 0; nin >= 2 && k < p->n; k++) {
            if (nin == 2) ask_two(p, op, p->operands[i], p->operands[k]);
            for (int l = 0; nin == 3 && l < p->n; l++)
                ask(p, op, (Value *[]){p->operands[i], p->operands[k], p->operands[l]}, 3, NULL, NULL);
        }
    }
}

/* Operands of every class. Only what names places looks at more than one axis, and only what moves at a size of 1. */
static void make_operands(Prober *p, OpCode op)
{
    const OpInfo *info = op_info(op);
    p->n = 0;
    for (DType t = DT_BOOL; t < DT_COUNT; t++) {
        for (int ranged = 0; ranged <= dtype_is_int(t); ranged++)
            for (int s = 0; s < SHAPES; s++) {
                Type type = shape_type(p, t, ranged, &shapes[s]);
                bool needed = s < 2 || (s == 2 ? info->kind == KIND_move : info->kind == KIND_index || info->nin == 1);
                Attr attr = {.index = 0};
                if (needed) p->operands[p->n++] = value_new(p->block, OP_INPUT, NULL, 0, &attr, &type, &site, p->cx);
            }
        Type single = type_scalar(t);
        Attr one = {.constant = {.value = 1}};
        p->operands[p->n++] = value_new(p->block, OP_CONST, NULL, 0, &one, &single, &site, p->cx);
    }
}

/* ---- pairs ---- */

/* A result that the producer can have and some slot of the consumer takes. Leaves read nothing and RETURN gives
   nothing, so they have no such slot or result. */
static bool pair_is_legal(const Rules *r, OpCode producer, OpCode consumer)
{
    for (int i = r->first[producer]; i < r->first[producer + 1]; i++)
        for (int k = r->first[consumer]; k < r->first[consumer + 1]; k++)
            for (int slot = 0; slot < r->all.at[k].nin; slot++)
                if (class_same(r->all.at[i].out, r->all.at[k].in[slot])) return true;
    return false;
}

static void list_pairs(Rules *r, Arena *a)
{
    for (int i = 0; i < OP_COUNT; i++)
        for (int k = 0; k < OP_COUNT; k++) {
            Pair pair = {(OpCode)i, (OpCode)k};
            r->legal[i][k] = pair_is_legal(r, pair.producer, pair.consumer);
            Policy policy = op_is_exact(pair.producer) && op_is_exact(pair.consumer) ? POLICY_EXACT : POLICY_REAL;
            if (r->legal[i][k]) vec_push(a, &r->pairs[policy], pair);
        }
}

Rules *rules_new(Arena *a)
{
    Rules *r = NEW(a, Rules);
    for (int i = 0; i < OP_COUNT; i++) {
        Prober p = {.cx = cx_new(), .rules = r, .arena = a};
        p.p = program_new(p.cx, "rules", "rules.nn");
        p.block = graph_new(p.p, GRAPH_MODEL, "rules", &site)->body;
        make_operands(&p, (OpCode)i);
        ask_about(&p, (OpCode)i);
        cx_free(p.cx);
    }
    r->first[OP_COUNT] = r->all.n;
    list_pairs(r, a);
    return r;
}
