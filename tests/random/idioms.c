/* idioms.c: small formulas that passes look for, so that every rewrite has something to do. */
#include "gen.h"

static Value *number(Gen *g, double v) { return build_const(&g->b, g->p->real, v); }

static Value *real_tensor(Gen *g)
{
    unsigned from = choose(&g->c, (unsigned)g->count);
    for (int i = 0; i < g->count; i++) {
        Value *v = g->pool[(from + (unsigned)i) % (unsigned)g->count];
        if (v->type.dtype == g->p->real && v->type.rank > 1) return v;
    }
    return g->pool[0];
}

/* relu(x @ a + bias), x with its axes either way round. */
static void add_dense(Gen *g)
{
    Value *x = g->pool[0], *w = read_tensor(g, 0), *bias = read_tensor(g, 1);
    ContractAttr *c = NEW(g->p->arena, ContractAttr);
    bool turned = choose(&g->c, 2);
    *c = (ContractAttr){.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
    if (turned) *c = (ContractAttr){.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {1, 2}, .b = {0, 1}, .out = {0, 2}};
    Value *in[] = {turned ? w : x, turned ? x : w};
    Value *y = build_op(&g->b, OP_CONTRACT, in, 2, &(Attr){.contract = c}, NULL);
    y = build_2(&g->b, OP_ADD, y, build_spread(&g->b, bias, y->type, 1));
    pool_add(g, tamed(g, build_2(&g->b, OP_MAX2, y, number(g, 0)), false));
}

/* log of a softmax, of a sigmoid, of 1 less a sigmoid. */
static void add_log(Gen *g)
{
    Value *x = real_tensor(g), *p;
    uint32_t last = 1u << (x->type.rank - 1);
    unsigned way = choose(&g->c, 3);
    if (way == 0) {
        Value *e = build_1(&g->b, OP_EXP, x);
        p = build_2(&g->b, OP_DIV, e, build_spread(&g->b, build_reduce(&g->b, OP_SUM, e, last), x->type, last));
    } else
        p = build_1(&g->b, OP_SIGMOID, x);
    if (way == 2) p = build_2(&g->b, OP_SUB, number(g, 1), p);
    pool_add(g, build_1(&g->b, OP_SIN, build_1(&g->b, OP_LOG, p)));
}

/* What is computed twice, or for nothing, or by neutral elements. */
static void add_spare(Gen *g)
{
    Value *x = real_tensor(g);
    Value *a = build_2(&g->b, OP_MUL, x, number(g, 1)), *b = build_2(&g->b, OP_ADD, x, number(g, 2));
    Value *again = build_2(&g->b, OP_ADD, x, build_2(&g->b, OP_SUB, number(g, 5), number(g, 3)));
    build_2(&g->b, OP_MUL, a, b); /* read by nobody */
    Value *y = build_2(&g->b, OP_SUB, build_1(&g->b, OP_NEG, build_1(&g->b, OP_NEG, a)), b);
    pool_add(g, tamed(g, build_2(&g->b, OP_MUL, y, again), false));
}

/* There and back. */
static void add_moves(Gen *g)
{
    Value *x = real_tensor(g);
    int r = x->type.rank;
    MoveAttr m = {.natoms = r, .nin = r, .nout = r}, back;
    for (int i = 0; i < r; i++) {
        m.sizes[i] = x->type.axes[i].dim;
        m.in[i] = (Group){1, {i}};
        m.out[i] = (Group){1, {r - 1 - i}};
    }
    back = m;
    for (int i = 0; i < r; i++) back.sizes[i] = m.sizes[r - 1 - i];
    Value *y = build_1(&g->b, OP_ABS, build_move(&g->b, x, &m));
    pool_add(g, build_move(&g->b, choose(&g->c, 2) ? y : build_move(&g->b, build_move(&g->b, y, &back), &m), &back));
}

void add_idiom(Gen *g)
{
    if (g->policy == POLICY_REAL) add_log(g);
    switch (choose(&g->c, 3)) {
    case 0: add_dense(g); return;
    case 1: add_spare(g); return;
    default: add_moves(g); return;
    }
}
