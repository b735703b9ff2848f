/* operators.c: any operator by one of its signatures, a function a kind. What the signature leaves open (sizes, axes,
   places) is chosen so that it fits what is given. */
#include "gen.h"

typedef struct Want {
    const Signature *s;
    int slot;
    Value *given;
} Want;

static Value *operand(Gen *g, const Want *w, int slot, int rank, const Axis *axes, const Dim *range)
{
    if (slot == w->slot) return w->given;
    Class c = w->s->in[slot];
    return value_like(g, c, c.scalar ? 0 : rank, axes, range);
}

static Type shape_of(Gen *g, int least_rank)
{
    const Value *v = pick_tensor(g, least_rank);
    if (!v) v = g->pool[0];
    return v->type;
}

static DType out_dtype(const Want *w) { return (DType)w->s->out.dtype; }

/* ---- leaves ---- */

static Value *make_input(Gen *g, const Want *w)
{
    Class c = w->s->out;
    bool model = g->g->kind == GRAPH_MODEL;
    Axis n = {g->n, NULL, NULL}, axes[2] = {n, {choose(&g->c, 2) ? g->width : g->classes, NULL, NULL}};
    if (c.scalar && !model) return NULL; /* a train block's inputs share their first axis */
    Type t = type_make(g->p->arena, (DType)c.dtype, c.scalar ? 0 : 1 + (int)choose(&g->c, 2), axes);
    if (model && t.rank == 2 && choose(&g->c, 3) == 2) t = type_make(g->p->arena, t.dtype, 1, axes + 1);
    t.range = c.ranged ? g->classes : NULL;
    for (int i = 0; i < g->g->inputs.n; i++)
        if (class_same(class_of(g->g->inputs.at[i].value), c)) return g->g->inputs.at[i].value;
    if (g->g->inputs.n == MAX_INPUTS) return NULL;
    return new_input(g, str_format(g->p->arena, "in%d", g->g->inputs.n), t);
}

static Value *make_tensor(Gen *g, const Want *w)
{
    Class c = w->s->out;
    for (int i = 0; i < g->p->tensors.n; i++) {
        Type t = g->p->tensors.at[i].type;
        if (g->p->tensors.at[i].role != ROLE_OPT && t.dtype == c.dtype && !t.rank == c.scalar && !t.range == !c.ranged)
            return read_tensor(g, i);
    }
    Axis axes[1] = {{g->width, NULL, NULL}};
    Type t = type_make(g->p->arena, (DType)c.dtype, !c.scalar, axes);
    t.range = c.ranged ? dim_const(g->p->dims, 3) : NULL;
    int i = new_state(g, t);
    return i < 0 ? NULL : read_tensor(g, i);
}

static Value *make_const(Gen *g, const Want *w)
{
    Class c = w->s->out;
    if (c.scalar && !c.ranged) return written_number(g, (DType)c.dtype, false);
    Type t = c.scalar ? type_scalar((DType)c.dtype) : type_with_dtype(shape_of(g, 1), (DType)c.dtype);
    t.range = c.ranged ? dim_const(g->p->dims, 3) : NULL;
    Attr attr = {.constant = {.value = 1}};
    int64_t n;
    if (t.rank == 1 && dim_is_const(t.axes[0].dim, &n)) {
        double *values = NEW_ARRAY(g->p->arena, double, n);
        for (int64_t i = 0; i < n; i++) values[i] = c.dtype == DT_BOOL ? (double)(i % 2) : (double)(i % 3);
        attr.constant.values = values;
    }
    return attempt(g, OP_CONST, NULL, 0, &attr, &t);
}

static Value *make_size(Gen *g, const Want *w)
{
    Dims *ds = g->p->dims;
    const Dim *sizes[] = {g->n, dim_add(ds, g->n, dim_const(ds, 2)),
                          dim_floor(ds, dim_add(ds, g->n, dim_const(ds, 1)), dim_const(ds, 2))};
    Type t = type_scalar(out_dtype(w));
    if (w->s->out.ranged) t.range = dim_const(ds, 3); /* one place, which a range of sizes could not promise */
    const Dim *size = w->s->out.ranged ? dim_const(ds, 2) : sizes[choose(&g->c, COUNT(sizes))];
    return attempt(g, OP_SIZE, NULL, 0, &(Attr){.size = size}, &t);
}

static Value *make_iota(Gen *g, const Want *w)
{
    Type like = shape_of(g, 1), t = type_make(g->p->arena, out_dtype(w), like.rank, like.axes);
    int axis = (int)choose(&g->c, (unsigned)t.rank);
    if (w->s->out.ranged) t.range = t.axes[axis].dim;
    return attempt(g, OP_IOTA, NULL, 0, &(Attr){.axis = axis}, &t);
}

static Value *make_leaf(Gen *g, const Want *w)
{
    Type scalar = type_scalar(DT_F64);
    Attr attr = {.index = 0};
    switch (w->s->op) {
    case OP_INPUT: return make_input(g, w);
    case OP_TENSOR: return make_tensor(g, w);
    case OP_CONST: return make_const(g, w);
    case OP_SIZE: return make_size(g, w);
    case OP_IOTA: return make_iota(g, w);
    case OP_CLOCK:
        if (g->g->kind == GRAPH_MODEL) return NULL; /* steps are counted in training alone */
        attr.clock = choose(&g->c, 2) ? CLOCK_EPOCH : CLOCK_STEP;
        break;
    default: break;
    }
    return attempt(g, w->s->op, NULL, 0, &attr, &scalar);
}

/* ---- elementwise ---- */

static Value *make_elementwise(Gen *g, const Want *w)
{
    const Signature *s = w->s;
    Value *in[3];
    Type like = w->given && w->given->type.rank ? w->given->type : shape_of(g, 1);
    for (int i = 0; i < s->nin; i++) {
        bool number = i != w->slot && s->in[i].written && s->op == OP_POW && i == 1;
        in[i] = number ? written_number(g, (DType)s->in[i].dtype, true) : operand(g, w, i, like.rank, like.axes, NULL);
        if (!in[i]) return NULL;
    }
    if (s->op != OP_CONVERT) return attempt(g, s->op, in, s->nin, NULL, NULL);
    Type t = type_with_dtype(in[0]->type, out_dtype(w));
    return attempt(g, OP_CONVERT, in, 1, NULL, &t);
}

/* ---- reductions ---- */

static uint32_t choose_axes(Gen *g, const Signature *s, int rank)
{
    uint32_t all = (1u << rank) - 1;
    if (s->op == OP_ARGMAX) return 1u << choose(&g->c, (unsigned)rank);
    if (s->out.scalar || rank == 1) return all;
    uint32_t some = 1 + choose(&g->c, all - 1); /* all but `all` */
    return choose(&g->c, 2) ? some : 1u << (rank - 1);
}

static Value *make_reduce(Gen *g, const Want *w)
{
    Type like = shape_of(g, w->s->out.scalar ? 1 : 2);
    if (w->s->op == OP_ARGMAX && w->s->out.scalar) like.rank = 1;
    Value *x = operand(g, w, 0, like.rank, like.axes, NULL);
    if (!x) return NULL;
    Attr attr = {.reduce = {choose_axes(g, w->s, x->type.rank)}};
    if (w->s->op != OP_ARGMAX) return attempt(g, w->s->op, &x, 1, &attr, NULL);
    Axis axes[MAX_RANK];
    int rank = 0, gone = __builtin_ctz(attr.reduce.axes);
    for (int i = 0; i < x->type.rank; i++)
        if (i != gone) axes[rank++] = x->type.axes[i];
    Type t = type_make(g->p->arena, out_dtype(w), rank, axes);
    t.range = x->type.axes[gone].dim;
    int64_t places;
    if (dtype_bytes(t.dtype) == 1 && !(dim_is_const(t.range, &places) && places <= 127)) return NULL;
    return attempt(g, OP_ARGMAX, &x, 1, &attr, &t);
}

/* ---- contractions ---- */

/* The other factor shares some axes of x, in any order, and may have one of its own. */
static int choose_factor(Gen *g, const Type *x, Axis *axes, int *labels)
{
    int n = 0;
    bool backwards = choose(&g->c, 2);
    for (int i = 0; i < x->rank; i++) {
        int k = backwards ? x->rank - 1 - i : i;
        bool last = k == x->rank - 1;
        if (choose(&g->c, 4) < (last ? 3 : 1)) labels[n] = k, axes[n++] = x->axes[k];
    }
    if (choose(&g->c, 4) && n < 3) {
        int at = (int)choose(&g->c, (unsigned)n + 1);
        for (int i = n; i > at; i--) labels[i] = labels[i - 1], axes[i] = axes[i - 1];
        labels[at] = x->rank;
        axes[at] = (Axis){choose(&g->c, 2) ? g->width : g->classes, NULL, NULL};
        n++;
    }
    return n;
}

static bool holds(const int *labels, int n, int label)
{
    for (int i = 0; i < n; i++)
        if (labels[i] == label) return true;
    return false;
}

/* Shared labels are summed or kept, the others mostly kept; the result's axes stand in either order. */
static void choose_result(Gen *g, ContractAttr *c, bool scalar)
{
    bool backwards = choose(&g->c, 4) == 3;
    for (int i = 0; i < c->nlabels && !scalar; i++) {
        int label = backwards ? c->nlabels - 1 - i : i;
        bool shared = holds(c->a, c->na, label) && holds(c->b, c->nb, label);
        if (choose(&g->c, 8) < (shared ? 2 : 7)) c->out[c->nout++] = label;
    }
}

static Value *make_contract(Gen *g, const Want *w)
{
    const Signature *s = w->s;
    int known = w->given ? w->slot : 0, other = 1 - known, labels[MAX_RANK], n = 0;
    Type like = shape_of(g, 1);
    Value *in[2];
    in[known] = operand(g, w, known, like.rank, like.axes, NULL);
    if (!in[known]) return NULL;
    Type x = in[known]->type;
    Axis axes[MAX_RANK];
    if (!s->in[other].scalar) n = choose_factor(g, &x, axes, labels);
    if (!s->in[other].scalar && n == 0) labels[n] = x.rank, axes[n++] = (Axis){g->width, NULL, NULL};
    in[other] = operand(g, w, other, n, axes, NULL);
    if (!in[other]) return NULL;
    ContractAttr *c = NEW(g->p->arena, ContractAttr);
    c->na = in[0]->type.rank;
    c->nb = in[1]->type.rank;
    for (int i = 0; i < x.rank; i++) (known ? c->b : c->a)[i] = i;
    for (int i = 0; i < n; i++) (known ? c->a : c->b)[i] = labels[i];
    c->nlabels = x.rank + holds(labels, n, x.rank);
    choose_result(g, c, s->out.scalar);
    return attempt(g, OP_CONTRACT, in, 2, &(Attr){.contract = c}, NULL);
}

/* ---- patterns ---- */

enum { WAY_SAME, WAY_SWAP, WAY_SPLIT, WAY_MERGE, WAY_REPEAT, WAY_DROP, WAYS };

static void insert_axis(MoveAttr *m, int at, Group group)
{
    for (int i = m->nout++; i > at; i--) m->out[i] = m->out[i - 1];
    m->out[at] = group;
}

static void split_last(Gen *g, MoveAttr *m)
{
    int last = m->nin - 1;
    int64_t size;
    if (!dim_is_const(m->sizes[last], &size) || size % 2) return;
    bool swap = choose(&g->c, 2);
    m->sizes[last] = dim_const(g->p->dims, swap ? 2 : size / 2);
    m->sizes[m->natoms] = dim_const(g->p->dims, swap ? size / 2 : 2);
    m->in[last] = (Group){2, {last, m->natoms}};
    m->out[last] = (Group){1, {choose(&g->c, 2) ? last : m->natoms}};
    insert_axis(m, last + 1, (Group){1, {m->out[last].atoms[0] == last ? m->natoms : last}});
    m->natoms++;
}

static void drop_ones(MoveAttr *m, bool all)
{
    int n = 0;
    for (int i = 0; i < m->nout; i++) {
        int64_t size;
        bool one = m->out[i].n == 1 && dim_is_const(m->sizes[m->out[i].atoms[0]], &size) && size == 1;
        if (!one || (n == 0 && i == m->nout - 1 && !all)) m->out[n++] = m->out[i];
    }
    m->nout = n;
}

static void choose_way(Gen *g, MoveAttr *m, const Want *w)
{
    unsigned way = choose(&g->c, WAYS);
    int r = m->nin;
    if (w->s->out.scalar)
        drop_ones(m, true);
    else if (r == 0 || way == WAY_REPEAT) {
        m->sizes[m->natoms] = choose(&g->c, 3) ? g->width : g->n;
        insert_axis(m, (int)choose(&g->c, (unsigned)r + 1), (Group){1, {m->natoms}});
        m->natoms++;
    } else if (way == WAY_SWAP && r > 1) {
        int a = (int)choose(&g->c, (unsigned)r - 1);
        m->out[a] = m->in[r - 1];
        m->out[r - 1] = m->in[a];
    } else if (way == WAY_SPLIT)
        split_last(g, m);
    else if (way == WAY_MERGE && r > 1) {
        bool swap = choose(&g->c, 2);
        m->out[r - 2] = (Group){2, {swap ? r - 1 : r - 2, swap ? r - 2 : r - 1}};
        m->nout--;
    } else if (way == WAY_DROP)
        drop_ones(m, false);
}

static Value *make_move(Gen *g, const Want *w)
{
    Axis one = {dim_const(g->p->dims, 1), NULL, NULL};
    Type like = shape_of(g, 1);
    bool single = w->s->out.scalar;
    Value *x = operand(g, w, 0, single ? 1 : like.rank, single ? &one : like.axes, NULL);
    if (!x) return NULL;
    MoveAttr m = {.natoms = x->type.rank, .nin = x->type.rank, .nout = x->type.rank};
    for (int i = 0; i < x->type.rank; i++) {
        m.sizes[i] = x->type.axes[i].dim;
        m.in[i] = m.out[i] = (Group){1, {i}};
    }
    choose_way(g, &m, w);
    MoveAttr *kept = arena_copy(g->p->arena, &m, sizeof m);
    return attempt(g, OP_MOVE, &x, 1, &(Attr){.move = kept}, NULL);
}

/* ---- places ---- */

static int with_axis(const Type *t, int at, Axis axis, Axis *out)
{
    for (int i = 0; i < t->rank; i++) out[i + (i >= at)] = t->axes[i];
    out[at] = axis;
    return t->rank + 1;
}

static Value *make_pick(Gen *g, const Want *w)
{
    Axis axes[MAX_RANK];
    Value *in[2];
    if (w->slot == 1) { /* a row for each index */
        Type i = w->given->type;
        if (!i.range || i.rank + 1 > MAX_RANK) return NULL;
        in[1] = w->given;
        int rank = with_axis(&i, i.rank, (Axis){i.range, NULL, NULL}, axes);
        in[0] = operand(g, w, 0, rank, axes, NULL);
    } else {
        Type like = shape_of(g, w->s->in[1].scalar ? 1 : 2);
        if (w->s->in[1].scalar) like.rank = 1;
        in[0] = operand(g, w, 0, like.rank, like.axes, NULL);
        if (!in[0] || !in[0]->type.rank) return NULL;
        Type p = in[0]->type;
        if ((p.rank == 1) != w->s->in[1].scalar) return NULL;
        in[1] = operand(g, w, 1, p.rank - 1, p.axes, p.axes[p.rank - 1].dim);
    }
    return in[0] && in[1] ? attempt(g, OP_PICK, in, 2, NULL, NULL) : NULL;
}

static Value *make_one_hot(Gen *g, const Want *w)
{
    Type like = shape_of(g, 1);
    Value *i = operand(g, w, 0, like.rank > 2 ? 1 : like.rank, like.axes, NULL);
    if (!i || i->type.rank == MAX_RANK) return NULL;
    Axis axes[MAX_RANK];
    int rank = with_axis(&i->type, i->type.rank, (Axis){i->type.range, NULL, NULL}, axes);
    Type t = type_make(g->p->arena, out_dtype(w), rank, axes);
    return attempt(g, OP_ONE_HOT, &i, 1, NULL, &t);
}

static Value *make_take(Gen *g, const Want *w)
{
    Axis axes[MAX_RANK];
    Value *in[2];
    int axis;
    if (w->slot == 1) {
        Type rest = shape_of(g, 1);
        rest.rank = rest.rank > 1 || choose(&g->c, 2) ? 1 : 0;
        axis = (int)choose(&g->c, (unsigned)rest.rank + 1);
        in[1] = w->given;
        int rank = with_axis(&rest, axis, (Axis){in[1]->type.range, NULL, NULL}, axes);
        in[0] = operand(g, w, 0, rank, axes, NULL);
    } else {
        Type like = shape_of(g, w->s->out.scalar ? 1 : 2);
        in[0] = operand(g, w, 0, w->s->out.scalar ? 1 : like.rank, like.axes, NULL);
        if (!in[0] || !in[0]->type.rank) return NULL;
        axis = (int)choose(&g->c, (unsigned)in[0]->type.rank);
        Type places = shape_of(g, 1);
        in[1] = operand(g, w, 1, places.rank > 2 ? 1 : places.rank, places.axes, in[0]->type.axes[axis].dim);
    }
    return in[0] && in[1] ? attempt(g, OP_TAKE, in, 2, &(Attr){.axis = axis}, NULL) : NULL;
}

static Value *make_scatter(Gen *g, const Want *w)
{
    Axis axes[MAX_RANK];
    Value *in[2];
    int axis = 0;
    if (w->slot == 1) { /* its axes, and perhaps one around them */
        Type i = w->given->type;
        in[1] = w->given;
        int rank = i.rank, before = (int)choose(&g->c, 3);
        for (int k = 0; k < rank; k++) axes[k] = i.axes[k];
        Axis around = {g->width, NULL, NULL};
        if (before == 0) rank = with_axis(&i, 0, around, axes), axis = 1;
        if (before == 1) rank = with_axis(&i, i.rank, around, axes);
        if (w->s->in[0].scalar) axis = 0;
        in[0] = operand(g, w, 0, rank, axes, NULL);
    } else {
        Type like = shape_of(g, 1);
        in[0] = operand(g, w, 0, like.rank, like.axes, NULL);
        if (!in[0]) return NULL;
        Type x = in[0]->type;
        axis = (int)choose(&g->c, (unsigned)x.rank + (unsigned)w->s->in[1].scalar);
        int n = x.rank - axis > 1 && choose(&g->c, 4) == 3 ? 2 : 1;
        in[1] = operand(g, w, 1, n, x.axes + axis, NULL);
    }
    return in[0] && in[1] ? attempt(g, OP_SCATTER_ADD, in, 2, &(Attr){.axis = axis}, NULL) : NULL;
}

static Value *make_index(Gen *g, const Want *w)
{
    switch (w->s->op) {
    case OP_PICK: return make_pick(g, w);
    case OP_ONE_HOT: return make_one_hot(g, w);
    case OP_TAKE: return make_take(g, w);
    default: return make_scatter(g, w);
    }
}

/* ---- parts ---- */

static void choose_slice(Gen *g, const Dim *size, PartAttr *part)
{
    Dims *ds = g->p->dims;
    int64_t n;
    if (dim_is_const(size, &n)) {
        int64_t before = choose(&g->c, (unsigned)n);
        part->before = dim_const(ds, before);
        part->size = dim_const(ds, 1 + choose(&g->c, (unsigned)(n - before)));
    } else { /* a row, or the first half of them */
        part->before = dim_const(ds, 0);
        part->size =
            choose(&g->c, 2) ? dim_const(ds, 1) : dim_floor(ds, dim_add(ds, size, dim_const(ds, 1)), dim_const(ds, 2));
    }
}

static Value *make_part(Gen *g, const Want *w)
{
    Type like = shape_of(g, 1);
    Value *in[3];
    int known = w->given ? w->slot : 0, n = w->s->op == OP_CONCAT ? 2 + (int)choose(&g->c, 2) : 1;
    in[known] = operand(g, w, known, like.rank, like.axes, NULL);
    if (!in[known] || !in[known]->type.rank) return NULL;
    Type x = in[known]->type;
    Dims *ds = g->p->dims;
    PartAttr part = {.axis = (int)choose(&g->c, (unsigned)x.rank)};
    const Dim *size = x.axes[part.axis].dim;
    if (w->s->op == OP_SLICE) choose_slice(g, size, &part);
    if (w->s->op == OP_PAD) {
        part.before = dim_const(ds, choose(&g->c, 4));
        part.size = dim_add(ds, dim_add(ds, size, part.before), dim_const(ds, choose(&g->c, 4)));
    }
    for (int i = 0; i < n; i++) {
        Axis axes[MAX_RANK];
        for (int k = 0; k < x.rank; k++) axes[k] = x.axes[k];
        if (choose(&g->c, 2)) axes[part.axis].dim = g->classes;
        if (i != known) in[i] = value_like(g, w->s->in[i == 2 ? 1 - known : i], x.rank, axes, x.range);
        if (!in[i]) return NULL;
    }
    return attempt(g, w->s->op, in, n, &(Attr){.part = part}, NULL);
}

/* ---- draws ---- */

static Value *make_random(Gen *g, const Want *w)
{
    Value *in[2];
    for (int i = 0; i < 2; i++)
        if (!(in[i] = operand(g, w, i, 0, NULL, NULL))) return NULL;
    Type like = shape_of(g, 1), t = type_make(g->p->arena, out_dtype(w), w->s->out.scalar ? 0 : like.rank, like.axes);
    return attempt(g, w->s->op, in, 2, &(Attr){.random = {random_stream("random", g->ordinal++)}}, &t);
}

/* ---- functions kept whole ---- */

static Value *make_call(Gen *g, const Want *w)
{
    Type like = shape_of(g, 1);
    Value *x = operand(g, w, 0, like.rank, like.axes, NULL);
    if (!x) return NULL;
    Node *call = region_new(g->b.block, OP_CALL, &x, 1, 1, &(Attr){.callee = "whole"}, g->b.site);
    Build b = {call->region, NULL, g->b.site};
    Value *y = x;
    if (dtype_is_float(x->type.dtype) && x->type.rank && choose(&g->c, 4)) { /* each row less its largest; a softmax */
        uint32_t last = 1u << (x->type.rank - 1);
        y = build_2(&b, OP_SUB, x, build_spread(&b, build_reduce(&b, OP_MAX, x, last), x->type, last));
        if (g->policy == POLICY_REAL && choose(&g->c, 2)) {
            Value *e = build_1(&b, OP_EXP, y);
            y = build_2(&b, OP_DIV, e, build_spread(&b, build_reduce(&b, OP_SUM, e, last), x->type, last));
        }
    } else
        y = build_1(&b, OP_DETACH, x);
    call->out[0].type = y->type;
    block_return(call->region, &y, 1);
    return &call->out[0];
}

/* ---- gradients ---- */

/* A number that depends on x: small numbers times x, added up. */
static Value *objective(Gen *g, Value *x)
{
    Class c = class_of(x);
    c.written = false;
    Value *factor = value_like(g, c, x->type.rank, x->type.axes, NULL);
    Value *y = factor ? build_2(&g->b, OP_MUL, build_2(&g->b, OP_MUL, x, x), factor) : x;
    return tamed(g, build_reduce(&g->b, OP_SUM, y, all_axes(y->type)), false);
}

static Value *make_grad(Gen *g, const Want *w)
{
    if (g->g->kind != GRAPH_STEP || g->b.block != g->g->body) return NULL; /* a step asks for gradients, nothing else */
    Type like = shape_of(g, 1);
    Class wanted = w->s->in[1];
    Value *of = w->slot == 1 ? w->given : NULL;
    if (!of)
        of = wanted.dtype == g->p->real && !wanted.scalar ? read_tensor(g, (int)choose(&g->c, PARAMS))
                                                          : value_like(g, wanted, like.rank, like.axes, NULL);
    if (!of) return NULL;
    Value *in[2] = {w->slot == 0 ? w->given : objective(g, of), of};
    return attempt(g, OP_GRAD, in, 2, NULL, NULL);
}

/* ---- all ---- */

Value *make_operator(Gen *g, const Signature *s, int slot, Value *given)
{
    static Value *(*const makers[])(Gen *, const Want *) = {
        [KIND_leaf] = make_leaf,     [KIND_elementwise] = make_elementwise,
        [KIND_reduce] = make_reduce, [KIND_contract] = make_contract,
        [KIND_move] = make_move,     [KIND_index] = make_index,
        [KIND_part] = make_part,     [KIND_random] = make_random,
        [KIND_region] = make_call,   [KIND_grad] = make_grad,
    };
    Want w = {s, given ? slot : -1, given};
    return makers[op_info(s->op)->kind](g, &w);
}
