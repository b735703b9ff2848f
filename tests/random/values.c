/* values.c: the pool of a graph under construction. A value that is asked for is one that stands there, or is made from
   one by repeating, converting and taking remainders. */
#include "gen.h"

unsigned choose(Choices *c, unsigned below) { return c->at < c->n && below ? c->bytes[c->at++] % below : 0; }

Value *pool_add(Gen *g, Value *v)
{
    if (v && g->count < POOL) g->pool[g->count++] = v;
    return v;
}

static bool is_small(const Type *t)
{
    double size = 1;
    int64_t n = LARGEST_N;
    for (int i = 0; i < t->rank; i++) size *= (double)dim_eval(t->axes[i].dim, &n);
    return size <= MAX_ELEMENTS && t->rank <= 5;
}

Value *attempt(Gen *g, OpCode op, Value *const *in, int nin, const Attr *attr, const Type *type)
{
    Diags *d = g->p->cx->diags;
    int errors = d->errors, told = d->list.n;
    Node *n = node_new(g->b.block, op, in, nin, attr, type, g->b.site, g->p->cx);
    bool good = d->errors == errors && is_small(&n->out->type);
    d->errors = errors;
    d->list.n = told;
    if (good) return n->out;
    node_remove(n);
    return NULL;
}

const Value *pick_tensor(Gen *g, int least_rank)
{
    unsigned from = choose(&g->c, (unsigned)g->count);
    for (int i = 0; i < g->count; i++) {
        const Value *v = g->pool[(from + (unsigned)i) % (unsigned)g->count];
        if (v->type.rank >= least_rank) return v;
    }
    return NULL;
}

/* ---- tensors and inputs ---- */

Value *new_input(Gen *g, const char *name, Type t)
{
    Value *v = build_op(&g->b, OP_INPUT, NULL, 0, &(Attr){.index = g->g->inputs.n}, &t);
    v->name = name;
    GraphInput in = {name, v, NO_SPAN};
    vec_push(g->p->arena, &g->g->inputs, in);
    return pool_add(g, v);
}

Value *read_tensor(Gen *g, int i)
{
    if (!g->params[i]) {
        Build b = g->b;
        b.block = g->g->body;
        g->params[i] = build_op(&b, OP_TENSOR, NULL, 0, &(Attr){.index = i}, &g->p->tensors.at[i].type);
        pool_add(g, g->params[i]);
    }
    return g->params[i];
}

int new_state(Gen *g, Type t)
{
    static const Site site = {.path = "random"};
    int i = g->p->tensors.n;
    if (i == MAX_TENSORS) return -1;
    const char *path = str_format(g->p->arena, "random.s%d", i);
    return program_add_tensor(
        g->p, (Tensor){.path = path, .key = path, .role = ROLE_STATE, .train = -1, .site = &site, .type = t});
}

/* ---- numbers ---- */

Value *written_number(Gen *g, DType t, bool exponent)
{
    static const double reals[] = {2, 3, 0.5, 1, 1.5, -1, 0}, wholes[] = {2, 3, 1, 5, 7};
    if (t == DT_BOOL) return build_const(&g->b, t, choose(&g->c, 2));
    if (exponent && dtype_is_float(t)) return build_const(&g->b, t, reals[choose(&g->c, COUNT(reals))]);
    return build_const(&g->b, t, wholes[choose(&g->c, COUNT(wholes))]);
}

/* Whole numbers come to -3..3 by a remainder, and so do floats of an exact graph; those of a real one go through a sine.
   What may be infinite or no number is replaced where it is not small. */
Value *tamed(Gen *g, Value *v, bool wild)
{
    DType t = v->type.dtype;
    Build *b = &g->b;
    if (t == DT_BOOL || v->type.range || dtype_bytes(t) == 1) return v;
    if (wild && dtype_is_float(t)) {
        Value *small = build_2(b, OP_LE, build_1(b, OP_ABS, v), build_const(b, t, 4));
        return build_3(b, OP_SELECT, small, v, build_const(b, t, 0.5));
    }
    if (g->policy == POLICY_REAL && dtype_is_float(t)) return build_1(b, OP_SIN, v);
    return build_2(b, OP_SUB, build_2(b, OP_MOD, v, build_const(b, t, 7)), build_const(b, t, 3));
}

/* ---- values by class and shape ---- */

static bool shape_is(const Type *t, int rank, const Axis *axes)
{
    bool same = t->rank == rank;
    for (int i = 0; same && i < rank; i++) same = t->axes[i].dim == axes[i].dim;
    return same;
}

static Value *pool_like(Gen *g, Class c, int rank, const Axis *axes, const Dim *range)
{
    unsigned from = choose(&g->c, (unsigned)g->count);
    for (int i = 0; i < g->count; i++) {
        Value *v = g->pool[(from + (unsigned)i) % (unsigned)g->count];
        bool fits = class_same(class_of(v), c) && shape_is(&v->type, rank, axes);
        if (fits && (!range || v->type.range == range)) return v;
    }
    return NULL;
}

/* Which of the axes v has, in their order, as a mask; false where it has others. */
static bool lies_within(const Type *v, int rank, const Axis *axes, uint32_t *out_lacking)
{
    int have = 0;
    *out_lacking = 0;
    for (int i = 0; i < rank; i++)
        if (have < v->rank && v->axes[have].dim == axes[i].dim)
            have++;
        else
            *out_lacking |= 1u << i;
    return have == v->rank;
}

/* Any numbers of this shape: of the pool, repeated along what they lack; or places. */
static Value *numbers_of_shape(Gen *g, int rank, const Axis *axes)
{
    Type t = type_make(g->p->arena, DT_I32, rank, axes);
    unsigned from = choose(&g->c, (unsigned)g->count);
    for (int i = 0; i < g->count; i++) {
        Value *v = g->pool[(from + (unsigned)i) % (unsigned)g->count];
        uint32_t lacking;
        if (v->type.dtype == DT_BOOL || (rank && !v->type.rank)) continue;
        if (!lies_within(&v->type, rank, axes, &lacking)) continue;
        return build_spread(&g->b, v, type_with_dtype(t, v->type.dtype), lacking);
    }
    if (!rank) { /* no single number is there: the largest of some */
        Value *v = g->pool[0];
        return build_reduce(&g->b, OP_MAX, v, all_axes(v->type));
    }
    return build_op(&g->b, OP_IOTA, NULL, 0, &(Attr){.axis = rank - 1}, &t);
}

/* Arithmetic forgets the range. */
static Value *unranged(Gen *g, Value *v)
{
    return v->type.range ? build_2(&g->b, OP_ADD, v, build_const(&g->b, v->type.dtype, 0)) : v;
}

/* An index into `range` places. */
static Value *ranged(Gen *g, Value *v, DType t, const Dim *range)
{
    v = build_convert(&g->b, unranged(g, v), DT_I32);
    v = build_2(&g->b, OP_MOD, v, build_size(&g->b, DT_I32, range));
    if (t == DT_I32) return v;
    int64_t places;
    if (dtype_bytes(t) == 1 && !(dim_is_const(range, &places) && places <= 127)) return NULL;
    return build_convert(&g->b, v, t);
}

Value *value_like(Gen *g, Class c, int rank, const Axis *axes, const Dim *range)
{
    static const int64_t places[] = {3, 1, 2, 5, 8};
    if (c.written) return range ? NULL : written_number(g, (DType)c.dtype, false);
    Type t = type_make(g->p->arena, (DType)c.dtype, rank, axes);
    if (!is_small(&t)) return NULL;
    Value *v = choose(&g->c, 8) != 7 ? pool_like(g, c, rank, axes, range) : NULL;
    if (v) return v;
    v = numbers_of_shape(g, rank, axes);
    if (!c.ranged) return build_convert(&g->b, unranged(g, v), (DType)c.dtype);
    return ranged(g, v, (DType)c.dtype, range ? range : dim_const(g->p->dims, places[choose(&g->c, COUNT(places))]));
}
