/* pass_bench.h: graphs made by hand, their inputs, and their values before and after a pass. */
#ifndef PASS_BENCH_H
#define PASS_BENCH_H
#include "tensor_assert.h"
#include "passes/pass.h"
#include <string.h>

typedef struct Bench {
    Cx *cx;
    Arena *scratch;
    Program *p;
    Graph *g;
    Build b;
    const Dim *n;       /* the symbol N */
    uint64_t seed;
} Bench;

static inline Bench *bench_new(GraphKind kind)
{
    static const Site site;
    Cx *cx = cx_new();
    Bench *t = NEW(cx->arena, Bench);
    t->cx = cx;
    t->scratch = arena_new();
    t->p = program_new(cx, "bench", "bench.nn");
    Symbol *n = NEW(cx->arena, Symbol);
    *n = (Symbol){.name = "N", .low = 1, .high = INT64_MAX};
    vec_push(cx->arena, &t->p->symbols, n);
    t->n = dim_symbol(t->p->dims, n);
    t->g = graph_new(t->p, kind, "bench", &site);
    t->g->rows = t->n;
    t->g->stage = STAGE_DIFFERENTIATED;
    block_return(t->g->body, NULL, 0);
    t->b = (Build){t->g->body, NULL, &site};
    return t;
}

static inline void bench_free(Bench *t)
{
    diags_print(t->cx->diags, stderr, false);
    assert_int_equal(t->cx->diags->errors, 0);
    arena_free(t->scratch);
    cx_free(t->cx);
}

static inline const Dim *bench_dim(Bench *t, int64_t n) /* 0: N */
{
    return n ? dim_const(t->p->dims, n) : t->n;
}

static inline Type bench_type(Bench *t, DType d, int rank, const int64_t *shape)
{
    Axis axes[MAX_RANK] = {{0}};
    for (int i = 0; i < rank; i++) axes[i].dim = bench_dim(t, shape[i]);
    return type_make(t->p->arena, d, rank, axes);
}
#define TYPE(t, d, ...) bench_type((t), DT_##d, (int)COUNT(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static inline Value *bench_input(Bench *t, Type type, const char *name)
{
    Value *v = build_op(&t->b, OP_INPUT, NULL, 0, &(Attr){.index = t->g->inputs.n}, &type);
    v->name = name;
    vec_push(t->p->arena, &t->g->inputs, (GraphInput){name, v, NO_SPAN});
    return v;
}

static inline Value *bench_tensor(Bench *t, Type type, Role role, const char *path)
{
    int index = program_add_tensor(t->p, (Tensor){.path = path, .key = path, .role = role, .type = type, .train = -1});
    program_place_tensors(t->p);
    return build_op(&t->b, OP_TENSOR, NULL, 0, &(Attr){.index = index}, &type);
}

static inline void bench_result(Bench *t, ResultKind kind, int index, Value *v)
{
    graph_add_result(t->g, (Result){.kind = kind, .name = "result", .index = index}, v);
}

/* Matrix product: labels 0, 1, 2; `turn_a` and `turn_b` say that the operand comes transposed. */
static inline Value *bench_matmul(Bench *t, Value *a, Value *b, bool turn_a, bool turn_b)
{
    ContractAttr *c = NEW(t->p->arena, ContractAttr);
    *c = (ContractAttr){.na = 2, .nb = 2, .nout = 2, .nlabels = 3, .a = {0, 1}, .b = {1, 2}, .out = {0, 2}};
    if (turn_a) c->a[0] = 1, c->a[1] = 0;
    if (turn_b) c->b[0] = 2, c->b[1] = 1;
    return build_op(&t->b, OP_CONTRACT, (Value *[]){a, b}, 2, &(Attr){.contract = c}, NULL);
}

/* A pattern over atoms of the given sizes (0: N, ended by -1), written "01 2 > 0 12". */
static inline Value *bench_move(Bench *t, Value *x, const int64_t *sizes, const char *pattern)
{
    MoveAttr m = {0};
    for (; sizes[m.natoms] >= 0; m.natoms++) m.sizes[m.natoms] = bench_dim(t, sizes[m.natoms]);
    Group *groups = m.in;
    int *n = &m.nin;
    bool open = false;
    for (const char *s = pattern; *s; s++) {
        if (*s == '>') {
            groups = m.out;
            n = &m.nout;
        }
        bool digit = *s >= '0' && *s <= '9';
        if (digit && !open) groups[(*n)++] = (Group){0, {0}};
        open = digit;
        if (digit) groups[*n - 1].atoms[groups[*n - 1].n++] = *s - '0';
    }
    return build_move(&t->b, x, &m);
}
#define MOVE(t, x, pattern, ...) bench_move((t), (x), (int64_t[]){__VA_ARGS__, -1}, (pattern))

/* ---- values ---- */
static inline double bench_random(Bench *t)
{
    t->seed = t->seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(t->seed >> 40) / (double)(1 << 24);
}

static inline Array bench_array(Bench *t, Type type, const int64_t *symbols)
{
    Array x = array_new(t->p->arena, type, symbols);
    double range = type.range ? (double)dim_eval(type.range, symbols) : dtype_is_float(type.dtype) ? 0 : 100;
    for (int64_t i = 0; i < x.size; i++) {
        double u = bench_random(t);
        x.at[i].value = range ? (double)(int)(u * range) : dtype_round(type.dtype, u * 4 - 2);
    }
    return x;
}

typedef struct Run { EvalInputs in; Array results[64]; } Run;

static inline Run *bench_inputs(Bench *t, int64_t n)
{
    Run *r = NEW(t->p->arena, Run);
    int64_t *symbols = NEW_ARRAY(t->p->arena, int64_t, t->p->symbols.n + 1);
    for (int i = 0; i < t->p->symbols.n; i++) symbols[i] = n;
    t->seed = 7;
    r->in = (EvalInputs){.symbols = symbols, .seed = 3, .step = 5, .epoch = 2, .first_sample = 11, .fma = true};
    r->in.inputs = NEW_ARRAY(t->p->arena, Array, t->g->inputs.n + 1);
    r->in.tensors = NEW_ARRAY(t->p->arena, Array, t->p->tensors.n + 1);
    double *hypers = NEW_ARRAY(t->p->arena, double, t->p->hypers.n + 1);
    r->in.hypers = hypers;
    for (int i = 0; i < t->g->inputs.n; i++) r->in.inputs[i] = bench_array(t, t->g->inputs.at[i].value->type, symbols);
    for (int i = 0; i < t->p->tensors.n; i++) r->in.tensors[i] = bench_array(t, t->p->tensors.at[i].type, symbols);
    r->in.grads = r->in.tensors;
    for (int i = 0; i < t->p->hypers.n; i++) hypers[i] = t->p->hypers.at[i].value;
    return r;
}

static inline void assert_same_array(const Array *a, const Array *b, const char *after, int result)
{
    assert_int_equal(a->size, b->size);
    for (int64_t i = 0; i < a->size; i++)
        if (memcmp(&a->at[i].value, &b->at[i].value, sizeof(double)) != 0)
            fail_msg("after %s result %d differs at %lld: %.17g, was %.17g", after, result, (long long)i, b->at[i].value,
                     a->at[i].value);
}

/* ---- passes ---- */
typedef bool PassFn(Graph *g, Arena *scratch);
typedef struct Step { const char *name; PassFn *run; Stage stage; } Step;
#define LOWER   {"lower", pass_lower, STAGE_DIFFERENTIATED}
#define LAYOUT  {"layout", pass_layout, STAGE_DIFFERENTIATED}
#define FUSE    {"fuse", pass_fuse, STAGE_DIFFERENTIATED}
#define OUTLINE {"outline", pass_outline, STAGE_FUSED}
#define PLAN    {"plan", pass_plan, STAGE_PLANNED}

/* Runs passes over the bench's graph; after each it must verify, and give the same bits for several N. */
static inline void bench_passes(Bench *t, const Step *steps, int nsteps)
{
    static const int64_t sizes[] = {1, 2, 3, 17};
    Run *runs[COUNT(sizes)];
    assert_true(graph_verify(t->g, t->cx));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        runs[i] = bench_inputs(t, sizes[i]);
        assert_true(graph_eval(t->g, &runs[i]->in, t->p->arena, runs[i]->results));
    }
    for (int s = 0; s < nsteps; s++) {
        steps[s].run(t->g, t->scratch);
        t->g->stage = steps[s].stage;
        if (!graph_verify(t->g, t->cx)) {
            diags_print(t->cx->diags, stderr, false);
            fail_msg("after %s the graph is broken", steps[s].name);
        }
        for (size_t i = 0; i < COUNT(sizes); i++) {
            Array again[64];
            assert_true(graph_eval(t->g, &runs[i]->in, t->p->arena, again));
            for (int k = 0; k < t->g->results.n; k++)
                assert_same_array(&runs[i]->results[k], &again[k], steps[s].name, k);
        }
    }
}

static inline int count_kernels(const Graph *g, KernelForm form)
{
    int n = 0;
    for (const Node *k = g->body->first; k; k = k->next) n += k->op == OP_KERNEL && kernel_form(k) == form;
    return n;
}
#endif
