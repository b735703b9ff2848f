/* The gradient of every operator, in f64: <u, Jv> by tangents against <J'u, v> by the reverse graph, and central
   differences as a second opinion. One case_NAME a row of ops.def: a row without its case does not link. */
#include "graph_bench.h"

/* ---- the check ---- */

static double relative(double a, double b)
{
    double size = fmax(fabs(a), fabs(b));
    return size > 0 ? fabs(a - b) / fmax(size, 1e-3) : a == b ? 0 : INFINITY;
}

/* <u, Jv> is the tangent of the loss <u, y>; the step's results after it are the gradients. */
static void compare(Bench *t, const char *what)
{
    Array results[MAX_TENSORS + 1], up[MAX_TENSORS + 1], down[MAX_TENSORS + 1];
    double dot = 0, h = 1e-6;
    assert_true(graph_verify(t->g, t->cx));
    run(t, t->g, 0, results);
    if (isnan(t->tangent)) /* before simplify, which takes detach away */
        t->tangent = results[0].at[0].tangent;
    for (int i = 0; i < t->nparams; i++)
        for (int64_t k = 0; k < results[i + 1].size; k++)
            dot += results[i + 1].at[k].value * t->tensors[i].at[k].tangent;
    if (relative(t->tangent, dot) > 1e-12)
        fail_msg("%s: tangents give %.17g, the reverse graph %.17g", what, t->tangent, dot);
    if (!t->smooth) return;
    run(t, t->g, h, up);
    run(t, t->g, -h, down);
    double difference = (up[0].at[0].value - down[0].at[0].value) / (2 * h);
    if (relative(difference, dot) > 1e-6)
        fail_msg("%s: differences give %.10g, the reverse graph %.10g", what, difference, dot);
}

/* Weighs y by random numbers to a loss, asks for the gradients, and takes the step through every pass to the end. */
static void finish(Bench *t, const char *what, Value *y)
{
    Value *u = input(t, y->type, -1, 1);
    for (int64_t k = 0; k < t->inputs[t->g->inputs.n - 1].size; k++) {
        double *weight = &t->inputs[t->g->inputs.n - 1].at[k].value;
        *weight = floor(*weight * 1024) / 1024; /* an f32 holds it */
    }
    Value *loss = build_reduce(&t->b, OP_SUM, build_2(&t->b, OP_MUL, u, y), all_axes(y->type));
    Value *in[MAX_TENSORS + 1] = {loss};
    memcpy(in + 1, t->params, sizeof *in * (size_t)t->nparams);
    Node *grad = node_new(t->g->body, OP_GRAD, in, t->nparams + 1, NULL, NULL, &t->site, t->cx);
    graph_add_result(t->g, (Result){.kind = RESULT_LOSS, .name = "loss"}, loss);
    for (int i = 0; i < t->nparams; i++)
        graph_add_result(t->g, (Result){.kind = RESULT_NEXT, .name = "p", .index = i}, &grad->out[i]);
    graph_find_rows(t->g);
    Arena *scratch = arena_new();
    pass_differentiate(t->g, scratch);
    t->g->stage = STAGE_DIFFERENTIATED;
    compare(t, what);
    pass_simplify(t->g, scratch);
    compare(t, str_format(t->p->arena, "%s, simplified", what));
    pass_lower(t->g, scratch);
    compare(t, str_format(t->p->arena, "%s, lowered", what));
    arena_free(scratch);
    if (t->cx->diags->errors) diags_print(t->cx->diags, stderr, false);
    assert_int_equal(t->cx->diags->errors, 0);
    cx_free(t->cx);
}

/* ---- elementwise: tensor and tensor, tensor and number, number and tensor, one value twice, numbers ---- */

typedef struct Range { double low, high; } Range;

static Value *as_float(Bench *t, Value *y)
{
    return dtype_is_float(y->type.dtype) ? y : build_convert(&t->b, y, DT_F64);
}

static void check_1(OpCode op, double low, double high, bool smooth)
{
    for (int rank = 0; rank <= 2; rank++) {
        Bench t;
        bench_begin(&t, op + 100u * (unsigned)rank);
        t.low = low, t.high = high, t.smooth = smooth;
        Value *x = param(&t, rank, (int[]){N, 4});
        finish(&t, op_info(op)->name, as_float(&t, build_1(&t.b, op, x)));
    }
}

static void check_2(OpCode op, double low, double high, bool smooth)
{
    static const int ranks[][2] = {{2, 2}, {2, 0}, {0, 2}, {0, 0}, {1, -1}};
    for (size_t i = 0; i < COUNT(ranks); i++) {
        Bench t;
        bench_begin(&t, op + 100 * i);
        t.low = low, t.high = high, t.smooth = smooth;
        Value *x = param(&t, ranks[i][0], (int[]){N, 4});
        Value *y = ranks[i][1] < 0 ? x : param(&t, ranks[i][1], (int[]){N, 4});
        finish(&t, op_info(op)->name, as_float(&t, build_2(&t.b, op, x, y)));
    }
}

#define CASE(NAME) static void case_##NAME(void)
#define CASE_1(NAME, low, high, smooth) CASE(NAME) { check_1(OP_##NAME, low, high, smooth); }
#define CASE_2(NAME, low, high, smooth) CASE(NAME) { check_2(OP_##NAME, low, high, smooth); }

CASE_2(ADD, -1, 1, true)
CASE_2(SUB, -1, 1, true)
CASE_2(MUL, -1, 1, true)
CASE_2(DIV, 0.5, 2, true)
CASE_2(MOD, 0.5, 2, false)
CASE_1(NEG, -1, 1, true)
CASE_2(MIN2, -1, 1, false)
CASE_2(MAX2, -1, 1, false)
CASE_1(ABS, -1, 1, false)
CASE_1(SIGN, -1, 1, false)
CASE_1(FLOOR, -3, 3, false)
CASE_1(CEIL, -3, 3, false)
CASE_1(ROUND, -3, 3, false)
CASE_1(SQRT, 0.5, 2, true)
CASE_1(EXP, -2, 2, true)
CASE_1(EXPM1, -2, 2, true)
CASE_1(LOG, 0.5, 2, true)
CASE_1(LOG1P, -0.5, 2, true)
CASE_1(SIN, -3, 3, true)
CASE_1(COS, -3, 3, true)
CASE_1(TANH, -2, 2, true)
CASE_1(ERF, -2, 2, true)
CASE_1(SIGMOID, -4, 4, true)
CASE_1(DETACH, -1, 1, false)
CASE_2(EQ, -1, 1, false)
CASE_2(NE, -1, 1, false)
CASE_2(LT, -1, 1, false)
CASE_2(LE, -1, 1, false)
CASE_2(GT, -1, 1, false)
CASE_2(GE, -1, 1, false)

/* A truth of parameters times a parameter: only the factor has a gradient. */
static void check_truth(OpCode op)
{
    Bench t;
    bench_begin(&t, op);
    t.low = -1, t.high = 1, t.smooth = false;
    Value *x = param(&t, SHAPE(N, 4)), *y = param(&t, SHAPE(N, 4)), *zero = build_const(&t.b, DT_F64, 0);
    Value *p = build_2(&t.b, OP_GT, x, zero), *q = build_2(&t.b, OP_GT, y, zero);
    Value *truth = op == OP_NOT ? build_1(&t.b, op, p) : build_2(&t.b, op, p, q);
    finish(&t, op_info(op)->name, build_2(&t.b, OP_MUL, y, build_convert(&t.b, truth, DT_F64)));
}
CASE(AND) { check_truth(OP_AND); }
CASE(OR) { check_truth(OP_OR); }
CASE(NOT) { check_truth(OP_NOT); }

CASE(POW)
{
    static const double powers[] = {0, 1, 2, 3, -1, -2, 0.5, 1.7, -0.3};
    check_2(OP_POW, 0.5, 2, true);
    for (size_t i = 0; i < COUNT(powers); i++) {
        Bench t;
        bench_begin(&t, i);
        bool whole = powers[i] == floor(powers[i]);
        t.low = whole ? -2 : 0.5, t.high = whole ? -0.5 : 2;
        Value *x = param(&t, SHAPE(N, 4));
        finish(&t, "a written power", build_2(&t.b, OP_POW, x, build_const(&t.b, DT_F64, powers[i])));
    }
}

CASE(SELECT)
{
    static const int ranks[][3] = {{2, 2, 2}, {2, 0, 2}, {2, 2, 0}, {0, 2, 2}, {2, 0, 0}, {0, 0, 0}};
    for (size_t i = 0; i < COUNT(ranks); i++) {
        Bench t;
        bench_begin(&t, i);
        t.low = -1, t.high = 1;
        Value *c = input(&t, shaped(&t, DT_BOOL, ranks[i][0], (int[]){N, 4}), 0, 2);
        Value *x = param(&t, ranks[i][1], (int[]){N, 4}), *y = param(&t, ranks[i][2], (int[]){N, 4});
        finish(&t, "select", build_3(&t.b, OP_SELECT, c, x, y));
    }
}

/* Down to f32 and back would round the values but not the tangents: whole numbers survive it. */
CASE(CONVERT)
{
    Bench t;
    bench_begin(&t, 1);
    t.smooth = false;
    Value *x = param(&t, SHAPE(N, 4));
    for (int64_t k = 0; k < t.tensors[0].size; k++) t.tensors[0].at[k] = (Num){(double)(k - 4), (double)(k % 3 - 1), 0};
    Value *y = build_convert(&t.b, build_convert(&t.b, x, DT_F32), DT_F64);
    finish(&t, "convert", build_2(&t.b, OP_MUL, y, build_const(&t.b, DT_F64, 3)));
}

/* ---- leaves: each times a parameter ---- */

static void check_leaf(OpCode op, Attr attr, DType d, int rank)
{
    Bench t;
    bench_begin(&t, op);
    Type type = shaped(&t, d, rank, (int[]){N, 4});
    if (op == OP_SIZE) attr.size = dim_symbol(t.p->dims, &t.symbol);
    Value *x = param(&t, SHAPE(N, 4));
    Value *leaf = op == OP_INPUT ? input(&t, type, -1, 1) : build_op(&t.b, op, NULL, 0, &attr, &type);
    finish(&t, op_info(op)->name, build_2(&t.b, OP_MUL, as_float(&t, leaf), build_2(&t.b, OP_MUL, x, x)));
}
CASE(INPUT) { check_leaf(OP_INPUT, (Attr){0}, DT_F64, 2); }
CASE(SIZE) { check_leaf(OP_SIZE, (Attr){0}, DT_I64, 0); }
CASE(CLOCK) { check_leaf(OP_CLOCK, (Attr){.clock = CLOCK_EPOCH}, DT_F64, 0); }
CASE(HYPER) { check_leaf(OP_HYPER, (Attr){0}, DT_F64, 0); }
CASE(IOTA) { check_leaf(OP_IOTA, (Attr){.axis = 1}, DT_I32, 2); }
CASE(CONST)
{
    check_leaf(OP_CONST, (Attr){.constant = {.value = 0.3}}, DT_F64, 0);
    check_leaf(OP_CONST, (Attr){.constant = {.value = 0.3}}, DT_F64, 2);
}

/* Read in two places, once inside a function, it has one gradient: the sum. */
CASE(TENSOR)
{
    Bench t;
    bench_begin(&t, 9);
    Value *x = param(&t, SHAPE(N, 4));
    Type type = x->type;
    Node *call = region_new(t.g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "f"}, &t.site);
    Build in = {call->region, NULL, &t.site};
    Value *again = build_op(&in, OP_TENSOR, NULL, 0, &(Attr){.index = 0}, &type);
    block_return(call->region, (Value *[]){build_1(&in, OP_EXP, again)}, 1);
    call->out->type = type;
    Value *third = build_op(&t.b, OP_TENSOR, NULL, 0, &(Attr){.index = 0}, &type);
    finish(&t, "tensor", build_2(&t.b, OP_MUL, build_2(&t.b, OP_MUL, x, third), call->out));
}

/* ---- reductions, over every set of axes ---- */

static void check_reduce(OpCode op, bool smooth)
{
    for (uint32_t axes = 1; axes < 8; axes++) {
        Bench t;
        bench_begin(&t, axes);
        t.low = -1, t.high = 1, t.smooth = smooth;
        finish(&t, op_info(op)->name, build_reduce(&t.b, op, param(&t, SHAPE(N, 4, 5)), axes));
    }
}
CASE(SUM) { check_reduce(OP_SUM, true); }
CASE(MEAN) { check_reduce(OP_MEAN, true); }
CASE(MAX) { check_reduce(OP_MAX, true); }
CASE(MIN) { check_reduce(OP_MIN, true); }

CASE(ARGMAX)
{
    Bench t;
    bench_begin(&t, 1);
    Value *x = param(&t, SHAPE(N, 4));
    Value *best = build_convert(&t.b, build_reduce(&t.b, OP_ARGMAX, x, 2), DT_F64);
    finish(&t, "argmax", build_2(&t.b, OP_MUL, best, build_reduce(&t.b, OP_SUM, x, 2)));
}

/* ---- contractions: "ab,bc->ac" by letters; a is N, b is 2, c is 3 and so on ---- */

static const Dim *letter_dim(Bench *t, char c)
{
    return c == 'a' ? dim_symbol(t->p->dims, &t->symbol) : dim_const(t->p->dims, c - 'a' + 1);
}

static int read_labels(Bench *t, const char **s, ContractAttr *c, int *labels, int *shape)
{
    int n = 0;
    for (; **s >= 'a' && **s <= 'z'; (*s)++, n++) {
        int label = 0;
        const Dim *size = letter_dim(t, **s);
        while (label < c->nlabels && c->sizes[label] != size) label++;
        if (label == c->nlabels) c->sizes[c->nlabels++] = size;
        labels[n] = label;
        if (shape) shape[n] = **s == 'a' ? N : **s - 'a' + 1;
    }
    while (**s == ',' || **s == '-' || **s == '>') (*s)++;
    return n;
}

static void check_contract(const char *text)
{
    Bench t;
    int a[MAX_RANK], b[MAX_RANK];
    bench_begin(&t, hash_bytes(0, text, strlen(text)));
    t.low = -1, t.high = 1;
    const char *s = text;
    ContractAttr *c = NEW(t.p->arena, ContractAttr);
    c->na = read_labels(&t, &s, c, c->a, a);
    c->nb = read_labels(&t, &s, c, c->b, b);
    c->nout = read_labels(&t, &s, c, c->out, NULL);
    Value *in[] = {param(&t, c->na, a), param(&t, c->nb, b)};
    finish(&t, text, build_op(&t.b, OP_CONTRACT, in, 2, &(Attr){.contract = c}, NULL));
}

CASE(CONTRACT)
{
    static const char *const texts[] = {"ab,bc->ac", "ab,b->a",    "a,ab->b",     "ab,ab->",    "a,b->ab",  "abc,dbc->abd",
                                        "abc,acd->abd", "ab,c->a", "abc,bd->adc", "abcd,bd->ac", "b,bd->d", "cab,cb->"};
    for (size_t i = 0; i < COUNT(texts); i++) check_contract(texts[i]);
}

/* ---- patterns: "(ab)c>cab"; upper case letters are new on the right, 1 is a size of one ---- */

static int read_groups(Bench *t, const char **s, MoveAttr *m, Group *groups, char *names)
{
    int n = 0;
    for (bool open = false; **s && **s != '>'; (*s)++) {
        if (**s == '(') open = true, groups[n].n = 0;
        if (**s == ')') open = false, n++;
        if (**s == '(' || **s == ')') continue;
        int atom = 0;
        while (atom < m->natoms && names[atom] != **s) atom++;
        if (atom == m->natoms) {
            names[m->natoms] = **s;
            m->sizes[m->natoms++] = **s == '1' ? dim_const(t->p->dims, 1) : letter_dim(t, (char)(**s | 32));
        }
        if (!open) groups[n].n = 0;
        groups[n].atoms[groups[n].n++] = atom;
        n += !open;
    }
    return n;
}

static void check_move(const char *text)
{
    Bench t;
    char names[2 * MAX_RANK] = {0};
    MoveAttr m = {0};
    Axis axes[MAX_RANK] = {{0}};
    const char *s = text;
    bench_begin(&t, hash_bytes(0, text, strlen(text)));
    m.nin = read_groups(&t, &s, &m, m.in, names);
    s++;
    m.nout = read_groups(&t, &s, &m, m.out, names);
    for (int i = 0; i < m.nin; i++) {
        axes[i].dim = dim_const(t.p->dims, 1);
        for (int k = 0; k < m.in[i].n; k++) axes[i].dim = dim_mul(t.p->dims, axes[i].dim, m.sizes[m.in[i].atoms[k]]);
    }
    Value *x = param(&t, 0, NULL);
    t.p->tensors.at[0].type = x->type = type_make(t.p->arena, DT_F64, m.nin, axes);
    t.tensors[0] = fill(&t, x->type, -1, 1, false);
    for (int64_t k = 0; k < t.tensors[0].size; k++) t.tensors[0].at[k].tangent = 2 * draw(&t) - 1;
    finish(&t, text, build_move(&t.b, x, &m));
}

CASE(MOVE)
{
    static const char *const texts[] = {"ab>ba",     "a(bc)>cab", "abc>a(cb)", "b>Ab",  "b>bC",      "a1>a",     "a>a1",
                                        "ab>(aC)(bD)", "b>(bC)D",   ">AB",       "abc>(abc)", "(bcd)a>a(dEb)c", "1>"};
    for (size_t i = 0; i < COUNT(texts); i++) check_move(texts[i]);
}

/* ---- places ---- */

CASE(PICK)
{
    for (int rank = 0; rank <= 2; rank++) {
        Bench t;
        bench_begin(&t, (uint64_t)rank);
        Value *x = param(&t, rank + 1, rank == 2 ? (int[]){N, 2, 5} : rank == 1 ? (int[]){N, 5} : (int[]){5});
        Value *in[] = {x, places(&t, 5, rank, (int[]){N, 2})};
        finish(&t, "pick", build_op(&t.b, OP_PICK, in, 2, NULL, NULL));
    }
}

CASE(ONE_HOT)
{
    Bench t;
    bench_begin(&t, 1);
    Value *x = param(&t, SHAPE(N, 5)), *i = places(&t, 5, SHAPE(N));
    Value *hot = build_op(&t.b, OP_ONE_HOT, &i, 1, NULL, &(Type){.dtype = DT_F64, .rank = 2, .axes = x->type.axes});
    Value *away = build_2(&t.b, OP_SUB, x, hot);
    finish(&t, "one_hot", build_2(&t.b, OP_MUL, away, away));
}

/* Along each axis of three, by an index of none, one and two axes; several places are named twice. */
static void check_places(OpCode op)
{
    for (int axis = 0; axis < 3; axis++)
        for (int rank = 0; rank <= 2; rank++) {
            Bench t;
            int shape[5] = {2, 4, 3}, at = 0, sources[] = {N, 5};
            bench_begin(&t, (uint64_t)(10 * axis + rank));
            int places_there = shape[axis], full[5];
            for (int i = 0; i < 3; i++)
                if (i != axis || op == OP_TAKE)
                    full[at++] = shape[i];
                else
                    for (int k = 0; k < rank; k++) full[at++] = sources[k];
            Value *in[] = {param(&t, at, full), places(&t, places_there, rank, sources)};
            finish(&t, op_info(op)->name, build_op(&t.b, op, in, 2, &(Attr){.axis = axis}, NULL));
        }
}
CASE(TAKE) { check_places(OP_TAKE); }
CASE(SCATTER_ADD) { check_places(OP_SCATTER_ADD); }

/* ---- parts, along each axis ---- */

static void check_part(OpCode op, int start, int size)
{
    for (int axis = 0; axis < 3; axis++) {
        Bench t;
        bench_begin(&t, op + 10u * (unsigned)axis);
        int shape[] = {6, 5, 7};
        Attr attr = {.part = {axis, NULL, NULL}};
        Value *in[] = {param(&t, 3, shape), NULL, NULL};
        if (size) attr.part.before = dim_const(t.p->dims, start), attr.part.size = dim_const(t.p->dims, size);
        for (int k = 1; op == OP_CONCAT && k < 3; k++) {
            shape[axis] = axis == 2 && k == 2 ? N : k;
            in[k] = param(&t, 3, shape);
        }
        finish(&t, op_info(op)->name, build_op(&t.b, op, in, op == OP_CONCAT ? 3 : 1, &attr, NULL));
    }
}
CASE(SLICE)
{
    check_part(OP_SLICE, 0, 3);
    check_part(OP_SLICE, 2, 3);
    check_part(OP_SLICE, 4, 1);
}
CASE(PAD)
{
    check_part(OP_PAD, 0, 9);
    check_part(OP_PAD, 2, 9);
    check_part(OP_PAD, 3, 11);
}
CASE(CONCAT) { check_part(OP_CONCAT, 0, 0); }
CASE(REVERSE) { check_part(OP_REVERSE, 0, 0); }

/* ---- chance ---- */

static void check_random(OpCode op)
{
    Bench t;
    bench_begin(&t, op);
    Type type = shaped(&t, DT_F64, SHAPE(N, 4));
    Value *in[] = {param(&t, 0, NULL), param(&t, 0, NULL)};
    finish(&t, op_info(op)->name, build_op(&t.b, op, in, 2, &(Attr){.random = {77}}, &type));
}
CASE(UNIFORM) { check_random(OP_UNIFORM); }
CASE(NORMAL) { check_random(OP_NORMAL); }

/* ---- regions ---- */

static Value *softmax(Build *b, Value *x)
{
    uint32_t last = 1u << (x->type.rank - 1);
    Value *m = build_1(b, OP_DETACH, build_spread(b, build_reduce(b, OP_MAX, x, last), x->type, last));
    Value *e = build_1(b, OP_EXP, build_2(b, OP_SUB, x, m));
    return build_2(b, OP_DIV, e, build_spread(b, build_reduce(b, OP_SUM, e, last), x->type, last));
}

/* f(x, y) = softmax(x)*y inside g(x, y, z) = f(x, y) + f(z, x), one call in another. */
static Value *call_weighted(Build *b, Value *x, Value *y)
{
    Node *call = region_new(b->block, OP_CALL, NULL, 0, 1, &(Attr){.callee = "weighted"}, b->site);
    Build in = {call->region, NULL, b->site};
    block_return(call->region, (Value *[]){build_2(&in, OP_MUL, softmax(&in, x), y)}, 1);
    call->out->type = x->type;
    return call->out;
}

CASE(CALL)
{
    Bench t;
    bench_begin(&t, 4);
    Value *x = param(&t, SHAPE(N, 4)), *y = param(&t, SHAPE(N, 4)), *z = param(&t, SHAPE(N, 4));
    Node *call = region_new(t.g->body, OP_CALL, NULL, 0, 1, &(Attr){.callee = "twice"}, &t.site);
    Build in = {call->region, NULL, &t.site};
    Value *sum = build_2(&in, OP_ADD, call_weighted(&in, x, y), call_weighted(&in, z, x));
    block_return(call->region, &sum, 1);
    call->out->type = x->type;
    finish(&t, "call", build_2(&t.b, OP_MUL, call->out, z));
}

/* Several results, one of which nobody reads. */
CASE(RETURN)
{
    Bench t;
    bench_begin(&t, 5);
    Value *x = param(&t, SHAPE(N, 4)), *y = param(&t, SHAPE(N, 4));
    Node *call = region_new(t.g->body, OP_CALL, NULL, 0, 3, &(Attr){.callee = "three"}, &t.site);
    Build in = {call->region, NULL, &t.site};
    Value *product = build_2(&in, OP_MUL, x, y);
    block_return(call->region, (Value *[]){product, build_1(&in, OP_EXP, product), build_1(&in, OP_SIN, y)}, 3);
    for (int i = 0; i < 3; i++) call->out[i].type = x->type;
    finish(&t, "return", build_2(&t.b, OP_SUB, &call->out[0], &call->out[1]));
}

/* The second derivative: the gradient of a gradient, also of a call's. */
CASE(GRAD)
{
    for (int call = 0; call < 2; call++) {
        Bench t;
        bench_begin(&t, 6);
        Value *x = param(&t, SHAPE(N, 4));
        Value *y = build_2(&t.b, OP_MUL, x, call ? call_weighted(&t.b, x, x) : build_1(&t.b, OP_SIN, x));
        Value *in[] = {build_reduce(&t.b, OP_SUM, y, 3), x};
        Value *slope = build_op(&t.b, OP_GRAD, in, 2, NULL, NULL);
        finish(&t, "grad", build_2(&t.b, OP_MUL, slope, build_1(&t.b, OP_EXP, x)));
    }
}

/* Kernels appear after differentiation and must not change what was found, whichever passes made them. */
static void check_pipeline(const char *const *disabled, int ndisabled)
{
    Bench t;
    bench_begin(&t, 7);
    Value *x = param(&t, SHAPE(N, 4)), *w = param(&t, SHAPE(N, 4));
    Value *y = build_reduce(&t.b, OP_MEAN, call_weighted(&t.b, x, w), 1);
    Value *in[] = {build_reduce(&t.b, OP_SUM, y, 1), x, w};
    Node *grad = node_new(t.g->body, OP_GRAD, in, 3, NULL, NULL, &t.site, t.cx);
    graph_add_result(t.g, (Result){.kind = RESULT_LOSS, .name = "loss"}, in[0]);
    for (int i = 0; i < 2; i++)
        graph_add_result(t.g, (Result){.kind = RESULT_NEXT, .name = "p", .index = i}, &grad->out[i]);
    graph_find_rows(t.g);
    program_place_tensors(t.p);
    compare(&t, "before any pass");
    assert_true(passes_run(t.p, &(PassOptions){.disabled = disabled, .ndisabled = ndisabled, .verify = true}));
    assert_int_equal(t.g->stage, STAGE_PLANNED);
    compare(&t, "kernel");
    cx_free(t.cx);
}

CASE(KERNEL)
{
    static const char *const names[] = {"simplify", "fuse"};
    check_pipeline(names, 0);
    check_pipeline(names, 1);
    check_pipeline(names + 1, 1);
    check_pipeline(names, 2);
}

#define OP(NAME, text, nin, kind, flags, formula) static void test_##NAME(void **s) { (void)s; case_##NAME(); }
#include "ir/ops.def"

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define OP(NAME, text, nin, kind, flags, formula) cmocka_unit_test(test_##NAME),
#include "ir/ops.def"
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
