/* generate.c: a pool of values grows by randomly chosen operators on randomly chosen values that fit. */
#include "random_graphs.h"
#include "passes/pass.h"
#include <math.h>

enum { POOL = 96, GROWTH = 14 };
typedef struct Gen {
    Program *p;
    Graph *g;
    Build b;
    Choices *c;
    Policy policy;
    DType real;
    const Dim *n;
    bool train;               /* draws and reductions over N are allowed */
    Value *pool[POOL];
    int count;
    Value *params[4];
} Gen;

unsigned choose(Choices *c, unsigned below) { return c->at < c->n && below ? c->bytes[c->at++] % below : 0; }

static Value *add(Gen *g, Value *v)
{
    if (v && g->count < POOL) g->pool[g->count++] = v;
    return v;
}

static bool is_real(const Value *v) { return dtype_is_float(v->type.dtype); }
static bool is_bool(const Value *v) { return v->type.dtype == DT_BOOL; }

/* A value that satisfies want, from a random place on; NULL where there is none. */
static Value *pick(Gen *g, bool (*want)(const Value *, const Value *), const Value *like)
{
    unsigned from = choose(g->c, (unsigned)g->count);
    for (int i = 0; i < g->count; i++) {
        Value *v = g->pool[((unsigned)g->count - 1 - from + (unsigned)g->count - (unsigned)i) % (unsigned)g->count];
        if (want(v, like)) return v;
    }
    return NULL;
}

static bool real_tensor(const Value *v, const Value *like)
{
    (void)like;
    return is_real(v) && v->type.rank > 0;
}
static bool any_real(const Value *v, const Value *like)
{
    (void)like;
    return is_real(v);
}
static bool any_bool(const Value *v, const Value *like)
{
    (void)like;
    return is_bool(v);
}
static bool real_like(const Value *v, const Value *like)
{
    return v->type.dtype == like->type.dtype && (v->type.rank == 0 || type_same_shape(v->type, like->type));
}
static bool bool_like(const Value *v, const Value *like) { return is_bool(v) && type_same_shape(v->type, like->type); }
static bool index_like_row(const Value *v, const Value *like)
{
    const Axis *a = like->type.axes;
    return v->type.range && v->type.rank == 1 && v->type.axes[0].dim == a[0].dim &&
           v->type.range == a[like->type.rank - 1].dim;
}
static bool has_index(const Value *v, const Value *like)
{
    (void)like;
    return v->type.range && v->type.rank == 1;
}
static bool contracts(const Value *v, const Value *like)
{
    int64_t size;
    return is_real(v) && v->type.dtype == like->type.dtype && v->type.rank == 2 &&
           dim_is_const(v->type.axes[0].dim, &size) && v->type.axes[0].dim == like->type.axes[like->type.rank - 1].dim;
}

/* Keeps exact values small: x % 8 - 3, which is -3 .. 4. */
static Value *tamed(Gen *g, Value *v)
{
    if (g->policy != POLICY_EXACT || !is_real(v)) return v;
    Value *m = build_2(&g->b, OP_MOD, v, build_const(&g->b, v->type.dtype, 8));
    return build_2(&g->b, OP_SUB, m, build_const(&g->b, v->type.dtype, 3));
}

static Value *grow_binary(Gen *g)
{
    static const OpCode exact[] = {OP_ADD, OP_SUB, OP_MUL, OP_MIN2, OP_MAX2, OP_MOD};
    static const OpCode real[] = {OP_ADD, OP_SUB, OP_MUL, OP_MIN2, OP_MAX2, OP_DIV};
    Value *a = pick(g, any_real, NULL), *b = a ? pick(g, real_like, a) : NULL;
    if (!b) return NULL;
    OpCode op = (g->policy == POLICY_EXACT ? exact : real)[choose(g->c, 6)];
    if (op == OP_MOD) b = build_const(&g->b, a->type.dtype, 5);
    if (op == OP_DIV) b = build_2(&g->b, OP_ADD, build_1(&g->b, OP_ABS, b), build_const(&g->b, a->type.dtype, 1.5));
    return tamed(g, build_2(&g->b, op, a, b));
}

static Value *grow_unary(Gen *g)
{
    static const OpCode exact[] = {OP_NEG, OP_ABS, OP_SIGN, OP_FLOOR, OP_CEIL, OP_ROUND, OP_DETACH};
    static const OpCode real[] = {OP_EXP,  OP_EXPM1, OP_LOG,     OP_LOG1P, OP_SIN, OP_COS,
                                  OP_TANH, OP_ERF,   OP_SIGMOID, OP_SQRT,  OP_NEG, OP_ABS};
    Value *x = pick(g, any_real, NULL);
    if (!x) return NULL;
    OpCode op = g->policy == POLICY_EXACT ? exact[choose(g->c, COUNT(exact))] : real[choose(g->c, COUNT(real))];
    if (op == OP_LOG || op == OP_LOG1P || op == OP_SQRT) /* keep to where they are defined */
        x = build_2(&g->b, OP_ADD, build_2(&g->b, OP_MUL, x, x), build_const(&g->b, x->type.dtype, 0.5));
    if (op == OP_EXP || op == OP_EXPM1) x = build_1(&g->b, OP_TANH, x);
    return build_1(&g->b, op, x);
}

static Value *grow_power(Gen *g)
{
    Value *x = pick(g, any_real, NULL);
    if (!x) return NULL;
    return tamed(g, build_2(&g->b, OP_POW, x, build_const(&g->b, x->type.dtype, 2 + choose(g->c, 2))));
}

static Value *grow_compare(Gen *g)
{
    static const OpCode ops[] = {OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE};
    Value *a = pick(g, any_real, NULL), *b = a ? pick(g, real_like, a) : NULL;
    return b ? build_2(&g->b, ops[choose(g->c, COUNT(ops))], a, b) : NULL;
}

static Value *grow_logic(Gen *g)
{
    Value *a = pick(g, any_bool, NULL), *b = a ? pick(g, bool_like, a) : NULL;
    if (!b) return NULL;
    unsigned op = choose(g->c, 3);
    return op == 2 ? build_1(&g->b, OP_NOT, a) : build_2(&g->b, op ? OP_AND : OP_OR, a, b);
}

static Value *grow_select(Gen *g)
{
    Value *a = pick(g, any_real, NULL), *c = a ? pick(g, bool_like, a) : NULL, *b = c ? pick(g, real_like, a) : NULL;
    return b ? build_3(&g->b, OP_SELECT, c, a, b) : NULL;
}

static Value *grow_convert(Gen *g)
{
    Value *c = pick(g, any_bool, NULL);
    if (c) return build_convert(&g->b, c, g->real);
    Value *i = pick(g, has_index, NULL);
    return i ? build_convert(&g->b, i, g->real) : NULL;
}

static Value *grow_contract(Gen *g)
{
    Value *a = pick(g, real_tensor, NULL), *b = a ? pick(g, contracts, a) : NULL;
    if (!b) return NULL;
    ContractAttr *c = NEW(g->p->arena, ContractAttr);
    int r = a->type.rank;
    *c = (ContractAttr){.na = r, .nb = 2, .nout = r, .nlabels = r + 1};
    for (int i = 0; i < r; i++) {
        c->a[i] = i;
        c->out[i] = i < r - 1 ? i : r;
        c->sizes[i] = a->type.axes[i].dim;
    }
    c->b[0] = r - 1;
    c->b[1] = r;
    c->sizes[r] = b->type.axes[1].dim;
    return tamed(g, build_op(&g->b, OP_CONTRACT, (Value *[]){a, b}, 2, &(Attr){.contract = c}, NULL));
}

/* A reduction of the last axis, or of any others but N where rows must stay apart. */
static Value *grow_reduce(Gen *g)
{
    static const OpCode ops[] = {OP_SUM, OP_MAX, OP_MIN, OP_MEAN};
    Value *x = pick(g, real_tensor, NULL);
    if (!x) return NULL;
    uint32_t axes = 1u << (x->type.rank - 1);
    unsigned which = choose(g->c, 3);
    if (which == 1 && x->type.rank > 2) axes = 1u << (x->type.rank - 2);
    if (which == 2 && g->train) axes = all_axes(x->type);
    if (!g->train && (axes & 1) && x->type.axes[0].dim == g->n) return NULL;
    OpCode op = ops[choose(g->c, g->policy == POLICY_EXACT ? 3 : 4)];
    return tamed(g, build_reduce(&g->b, op, x, axes));
}

static Value *grow_spread(Gen *g)
{
    Value *like = pick(g, real_tensor, NULL), *x = pick(g, any_real, NULL);
    if (!like || !x || x->type.rank + 1 != like->type.rank) return NULL;
    for (int skip = 0; skip < like->type.rank; skip++) {
        bool fits = true;
        for (int i = 0; i < x->type.rank; i++) fits &= x->type.axes[i].dim == like->type.axes[i + (i >= skip)].dim;
        if (fits) return build_spread(&g->b, x, type_with_dtype(like->type, x->type.dtype), 1u << skip);
    }
    return NULL;
}

/* Splits the last axis in two and swaps the parts, or merges the last two. */
static Value *grow_move(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL);
    int64_t last;
    if (!x || !dim_is_const(x->type.axes[x->type.rank - 1].dim, &last)) return NULL;
    MoveAttr m = {.natoms = x->type.rank, .nin = x->type.rank, .nout = x->type.rank};
    int r = x->type.rank;
    for (int i = 0; i < r; i++) {
        m.sizes[i] = x->type.axes[i].dim;
        m.in[i] = m.out[i] = (Group){1, {i}};
    }
    if (last % 2 == 0 && r < 3) {
        m.natoms = m.nout = r + 1;
        m.sizes[r - 1] = dim_const(g->p->dims, 2);
        m.sizes[r] = dim_const(g->p->dims, last / 2);
        m.in[r - 1] = (Group){2, {r - 1, r}};
        m.out[r - 1] = (Group){1, {choose(g->c, 2) ? r : r - 1}};
        m.out[r] = (Group){1, {m.out[r - 1].atoms[0] == r ? r - 1 : r}};
    } else if (r == 3) {
        m.nout = 2;
        bool swap = choose(g->c, 2);
        m.out[1] = (Group){2, {swap ? 2 : 1, swap ? 1 : 2}};
    } else
        return NULL;
    return build_move(&g->b, x, &m);
}

static Value *grow_index(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL), *i = x && x->type.rank == 2 ? pick(g, index_like_row, x) : NULL;
    if (i) return build_op(&g->b, OP_PICK, (Value *[]){x, i}, 2, NULL, NULL);
    i = pick(g, has_index, NULL);
    if (!i) return NULL;
    Axis axes[2] = {i->type.axes[0], {i->type.range, NULL, NULL}};
    Type t = type_make(g->p->arena, g->real, 2, axes);
    return build_op(&g->b, OP_ONE_HOT, &i, 1, NULL, &t);
}

/* An axis along which values may be cut and joined: not N where rows must stay apart. */
static int free_axis(Gen *g, const Value *x)
{
    int axis = (int)choose(g->c, (unsigned)x->type.rank);
    return !g->train && x->type.axes[axis].dim == g->n ? x->type.rank - 1 : axis;
}
static bool is_row_axis(const Gen *g, const Value *x, int axis) { return !g->train && x->type.axes[axis].dim == g->n; }

/* A slice of what has room for one, else zeros around. */
static Value *grow_part(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL);
    int axis = x ? free_axis(g, x) : 0;
    int64_t size = 1;
    if (!x || is_row_axis(g, x, axis)) return NULL;
    dim_is_const(x->type.axes[axis].dim, &size);
    unsigned which = choose(g->c, 3);
    Dims *ds = g->p->dims;
    PartAttr part = {axis, NULL, NULL};
    if (which == 0) return build_op(&g->b, OP_REVERSE, &x, 1, &(Attr){.part = part}, NULL);
    OpCode op = which == 1 && size > 1 ? OP_SLICE : OP_PAD;
    int64_t before = choose(g->c, op == OP_SLICE ? (unsigned)size - 1 : 5), rest = 1 + choose(g->c, (unsigned)size);
    part.before = dim_const(ds, before);
    part.size = op == OP_PAD ? dim_add(ds, x->type.axes[axis].dim, dim_const(ds, before + rest))
                             : dim_const(ds, before + rest > size ? size - before : rest);
    return build_op(&g->b, op, &x, 1, &(Attr){.part = part}, NULL);
}

static bool joins(const Value *v, const Value *like)
{
    bool same = v->type.dtype == like->type.dtype && v->type.rank == like->type.rank;
    for (int i = 0; same && i < v->type.rank - 1; i++) same = v->type.axes[i].dim == like->type.axes[i].dim;
    return same;
}

static Value *grow_concat(Gen *g)
{
    Value *in[3] = {pick(g, real_tensor, NULL)};
    int n = 2 + (int)choose(g->c, 2);
    if (!in[0] || is_row_axis(g, in[0], in[0]->type.rank - 1)) return NULL;
    for (int i = 1; i < n; i++) in[i] = pick(g, joins, in[0]);
    PartAttr part = {in[0]->type.rank - 1, NULL, NULL};
    return build_op(&g->b, OP_CONCAT, in, n, &(Attr){.part = part}, NULL);
}

static bool has_places(const Value *v, const Value *like)
{
    bool found = false;
    for (int i = 0; i < v->type.rank; i++) found |= v->type.axes[i].dim == like->type.range;
    return is_real(v) && found && v->type.rank < 3;
}

/* Rows of what has as many as an index names, or columns. */
static Value *grow_take(Gen *g)
{
    Value *i = pick(g, has_index, NULL), *w = i ? pick(g, has_places, i) : NULL;
    if (!w || (!g->train && w->type.axes[0].dim == g->n && i->type.axes[0].dim == g->n)) return NULL;
    int axis = 0;
    while (w->type.axes[axis].dim != i->type.range) axis++;
    return build_op(&g->b, OP_TAKE, (Value *[]){w, i}, 2, &(Attr){.axis = axis}, NULL);
}

/* Sums by an index along the rows where they may meet, else by the last axis's own places. */
static Value *grow_scatter(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL), *i = pick(g, has_index, NULL);
    int axis = x ? x->type.rank - 1 : 0;
    if (!x || is_row_axis(g, x, axis)) return NULL;
    if (!g->train || !i || i->type.axes[0].dim != x->type.axes[0].dim) {
        Type t = type_make(g->p->arena, DT_I32, 1, &x->type.axes[axis]);
        i = build_op(&g->b, OP_IOTA, NULL, 0, &(Attr){.axis = 0}, &t);
        t.range = dim_const(g->p->dims, 3);
        i = build_op(&g->b, OP_MOD, (Value *[]){i, build_const(&g->b, DT_I32, 3)}, 2, NULL, &t);
    } else
        axis = 0;
    return tamed(g, build_op(&g->b, OP_SCATTER_ADD, (Value *[]){x, i}, 2, &(Attr){.axis = axis}, NULL));
}

static Value *grow_argmax(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL);
    if (!x || x->type.rank != 2) return NULL;
    return build_reduce(&g->b, OP_ARGMAX, x, 2);
}

static Value *grow_random(Gen *g)
{
    Value *like = pick(g, real_tensor, NULL);
    if (!g->train || !like) return NULL;
    Type t = type_with_dtype(like->type, g->real);
    bool normal = g->policy == POLICY_REAL && choose(g->c, 2);
    Value *in[2] = {build_const(&g->b, g->real, normal ? 1 : 0), build_const(&g->b, g->real, normal ? 0 : 8)};
    Attr a = {.random = {random_stream("random", g->count)}};
    Value *v = build_op(&g->b, normal ? OP_NORMAL : OP_UNIFORM, in, 2, &a, &t);
    return g->policy == POLICY_EXACT ? build_1(&g->b, OP_FLOOR, v) : v;
}

/* A function kept whole: each row less its largest, halved; or a softmax. */
static Value *grow_call(Gen *g)
{
    Value *x = pick(g, real_tensor, NULL);
    if (!x || x->type.rank < 2) return NULL;
    uint32_t last = 1u << (x->type.rank - 1);
    Node *call = region_new(g->g->body, OP_CALL, &x, 1, 1, &(Attr){.callee = "centre"}, g->b.site);
    Build b = {call->region, NULL, g->b.site};
    Value *top = build_spread(&b, build_reduce(&b, OP_MAX, x, last), x->type, last), *y = build_2(&b, OP_SUB, x, top);
    if (g->policy == POLICY_REAL) {
        Value *e = build_1(&b, OP_EXP, y);
        y = build_2(&b, OP_DIV, e, build_spread(&b, build_reduce(&b, OP_SUM, e, last), x->type, last));
    }
    call->out[0].type = y->type;
    block_return(call->region, &y, 1);
    return tamed(g, &call->out[0]);
}

static Value *grow_leaf(Gen *g)
{
    Type scalar = type_scalar(DT_F64), index;
    Value *like = pick(g, real_tensor, NULL);
    switch (choose(g->c, 4)) {
    case 0:
        return build_convert(
            &g->b,
            build_size(&g->b, DT_F64,
                       g->train ? dim_add(g->p->dims, g->n, dim_const(g->p->dims, 2)) : dim_const(g->p->dims, 3)),
            g->real);
    case 1:
        return g->train ? build_convert(
                              &g->b, build_op(&g->b, OP_CLOCK, NULL, 0, &(Attr){.clock = CLOCK_STEP}, &scalar), g->real)
                        : NULL;
    case 2: return like && like->type.rank ? build_fill(&g->b, type_with_dtype(like->type, g->real), 2) : NULL;
    default:
        if (!like || like->type.rank != 2) return NULL;
        index = type_make(g->p->arena, DT_I32, 1, &like->type.axes[1]);
        index.range = like->type.axes[1].dim;
        return build_convert(&g->b, build_op(&g->b, OP_IOTA, NULL, 0, &(Attr){.axis = 0}, &index), g->real);
    }
}

static void grow(Gen *g, int count)
{
    static Value *(*const growers[])(Gen *) = {grow_binary, grow_unary,   grow_contract, grow_reduce, grow_compare,
                                               grow_select, grow_spread,  grow_move,     grow_binary, grow_index,
                                               grow_logic,  grow_convert, grow_power,    grow_call,   grow_random,
                                               grow_leaf,   grow_argmax,  grow_unary,    grow_part,   grow_concat,
                                               grow_take,   grow_scatter};
    for (int i = 0; i < count; i++) add(g, growers[choose(g->c, COUNT(growers))](g));
}

/* ---- programs ---- */

static Value *input(Gen *g, const char *name, Type t)
{
    Value *v = build_op(&g->b, OP_INPUT, NULL, 0, &(Attr){.index = g->g->inputs.n}, &t);
    v->name = name;
    GraphInput in = {name, v, NO_SPAN};
    vec_push(g->p->arena, &g->g->inputs, in);
    return v;
}

static void start_graph(Gen *g, GraphKind kind, Type x, Type y)
{
    static const Site site = {.path = "random"};
    g->g = graph_new(g->p, kind, "random", &site);
    g->g->rows = g->n;
    g->b = (Build){g->g->body, NULL, &site};
    g->count = 0;
    add(g, input(g, "x", x));
    add(g, input(g, "y", y));
    for (int i = 0; i < g->p->tensors.n; i++) {
        Type t = g->p->tensors.at[i].type;
        g->params[i] = build_op(&g->b, OP_TENSOR, NULL, 0, &(Attr){.index = i}, &t);
        add(g, g->params[i]);
    }
}

/* Every real value that follows from a row, as outputs: at most three, the youngest. */
static void finish_model(Gen *g)
{
    int found = 0;
    for (int i = g->count - 1; i >= 2 && found < 3; i--) {
        Value *v = g->pool[i];
        if (v->def->op == OP_TENSOR || !v->type.rank || v->type.axes[0].dim != g->n) continue;
        static const char *const names[] = {"out0", "out1", "out2"};
        Result r = {RESULT_OUTPUT, names[found], found, false};
        graph_add_result(g->g, r, v);
        found++;
    }
    if (!found) {
        Result r = {RESULT_OUTPUT, "out0", 0, false};
        graph_add_result(g->g, r, build_1(&g->b, OP_NEG, g->pool[0]));
    }
}

/* One number out of the youngest values and every parameter, so that each has a gradient. */
static Value *make_loss(Gen *g)
{
    Value *loss = NULL;
    int used = 0;
    for (int i = g->count - 1; i >= 0 && (used < 4 || i < 6); i--) {
        Value *v = g->pool[i];
        if (!is_real(v) || v->type.dtype != g->real) continue;
        Value *s = tamed(g, build_reduce(&g->b, OP_SUM, v, all_axes(v->type)));
        if (g->policy == POLICY_REAL) s = build_1(&g->b, OP_TANH, s);
        loss = loss ? build_2(&g->b, OP_ADD, loss, s) : s;
        used++;
    }
    return loss;
}

/* p' = tamed(p - g * rate): the gradient's own size does not matter to an exact value, since all of it is whole. */
static Value *next_value(Gen *g, Value *p, Value *grad)
{
    Type scalar = type_scalar(DT_F64);
    if (g->policy == POLICY_EXACT) {
        Value *m = build_2(&g->b, OP_MOD, grad, build_const(&g->b, g->real, 4));
        return tamed(g, build_2(&g->b, OP_SUB, p, m));
    }
    Value *rate = build_op(&g->b, OP_HYPER, NULL, 0, &(Attr){.index = 0}, &scalar);
    Value *step = build_2(&g->b, OP_MUL, build_1(&g->b, OP_TANH, grad), build_convert(&g->b, rate, g->real));
    return build_2(&g->b, OP_SUB, p, step);
}

static void finish_step(Gen *g)
{
    int n = g->p->tensors.n;
    Value *in[5] = {make_loss(g)};
    in[0]->name = "loss";
    for (int i = 0; i < n; i++) in[i + 1] = g->params[i];
    Node *grad = node_new(g->g->body, OP_GRAD, in, n + 1, NULL, NULL, g->b.site, g->p->cx);
    graph_add_result(g->g, (Result){RESULT_LOSS, "loss", 1, false}, in[0]);
    graph_add_result(g->g, (Result){RESULT_METRIC, "size", 2, false}, build_1(&g->b, OP_ABS, in[0]));
    for (int i = 0; i < n; i++)
        graph_add_result(g->g, (Result){RESULT_NEXT, g->p->tensors.at[i].path, i, false},
                         next_value(g, g->params[i], &grad->out[i]));
}

static void finish_eval(Gen *g)
{
    Value *loss = make_loss(g);
    graph_add_result(g->g, (Result){RESULT_LOSS, "loss", 1, false}, loss);
    graph_add_result(g->g, (Result){RESULT_METRIC, "size", 2, false}, build_1(&g->b, OP_ABS, loss));
}

static void make_init(Gen *g)
{
    static const Site site = {.path = "random"};
    g->g = graph_new(g->p, GRAPH_INIT, "init", &site);
    g->g->rows = dim_const(g->p->dims, 1);
    g->b = (Build){g->g->body, NULL, &site};
    for (int i = 0; i < g->p->tensors.n; i++) {
        Value *low = build_const(&g->b, g->real, -3), *high = build_const(&g->b, g->real, 4);
        Attr a = {.random = {random_stream(g->p->tensors.at[i].path, 0)}};
        Value *v = build_op(&g->b, OP_UNIFORM, (Value *[]){low, high}, 2, &a, &g->p->tensors.at[i].type);
        if (g->policy == POLICY_EXACT)
            v = build_1(&g->b, OP_FLOOR, v);
        else
            v = build_2(&g->b, OP_MUL, v, build_const(&g->b, g->real, 0.25));
        graph_add_result(g->g, (Result){RESULT_NEXT, g->p->tensors.at[i].path, i, false}, v);
    }
    g->p->init = g->g;
}

static void add_params(Gen *g, int64_t width, int64_t classes)
{
    static const char *const paths[] = {"random.a", "random.b", "random.c", "random.d"};
    static const Site site = {.path = "random"};
    int64_t hidden = 1 + choose(g->c, 20);
    int64_t sizes[4][2] = {{width, hidden}, {hidden, classes}, {hidden, 0}, {width, 0}};
    for (int i = 0; i < 4; i++) {
        Axis axes[2] = {{dim_const(g->p->dims, sizes[i][0]), NULL, NULL},
                        {dim_const(g->p->dims, sizes[i][1] ? sizes[i][1] : 1), NULL, NULL}};
        Tensor t = {.path = paths[i], .key = paths[i], .role = ROLE_PARAM, .train = -1, .site = &site};
        t.type = type_make(g->p->arena, g->real, sizes[i][1] ? 2 : 1, axes);
        program_add_tensor(g->p, t);
    }
}

static void add_train(Gen *g, Type x, Type y)
{
    TrainInfo t = {.name = "random",
                   .ntotals = 3,
                   .epochs = -1,
                   .batch = -1,
                   .split_a = -1,
                   .split_b = -1,
                   .seed = -1,
                   .has_loss = true};
    Choices kept = *g->c;
    g->train = true;
    start_graph(g, GRAPH_STEP, x, y);
    grow(g, GROWTH);
    finish_step(g);
    t.step = g->g;
    *g->c = kept;
    start_graph(g, GRAPH_EVAL, x, y);
    grow(g, GROWTH);
    finish_eval(g);
    t.eval = g->g;
    Metric m = {"size", false, 2};
    vec_push(g->p->arena, &t.metrics, m);
    vec_push(g->p->arena, &g->p->trains, t);
}

Program *random_program(Cx *cx, Choices *c, Policy policy)
{
    static const int widths[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 33};
    Program *p = program_new(cx, "random", "random.nn");
    Gen g = {.p = p, .c = c, .policy = policy};
    Symbol *n = NEW(p->arena, Symbol);
    *n = (Symbol){.name = "N", .low = 1, .high = INT64_MAX};
    vec_push(p->arena, &p->symbols, n);
    g.n = dim_symbol(p->dims, n);
    g.real = p->real = choose(c, 4) ? DT_F32 : DT_F64;
    Hyper rate = {"rate", 0.125, NO_SPAN};
    vec_push(p->arena, &p->hypers, rate);
    int64_t width = widths[choose(c, COUNT(widths))], classes = widths[choose(c, COUNT(widths))];
    Axis axes[2] = {{g.n, NULL, NULL}, {dim_const(p->dims, width), NULL, NULL}};
    Type x = type_make(p->arena, g.real, 2, axes), y = type_make(p->arena, DT_I32, 1, axes);
    y.range = dim_const(p->dims, choose(c, 2) ? width : classes);
    add_params(&g, width, classes);
    program_place_tensors(p);
    make_init(&g);
    start_graph(&g, GRAPH_MODEL, x, y);
    grow(&g, GROWTH);
    finish_model(&g);
    vec_push(p->arena, &p->models, g.g);
    add_train(&g, x, y);
    return cx->diags->errors ? NULL : p;
}

static void count_block(const Block *b, long counts[OP_COUNT])
{
    for (const Node *n = b->first; n; n = n->next) {
        counts[n->op]++;
        if (n->region) count_block(n->region, counts);
    }
}

static bool count_graph(Graph *g, void *context)
{
    count_block(g->body, context);
    return true;
}

void count_operators(Program *p, long counts[OP_COUNT]) { program_each_graph(p, count_graph, counts); }
