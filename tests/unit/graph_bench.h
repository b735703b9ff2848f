/* graph_bench.h: small graphs written by hand, with random values and tangents for what they read. */
#ifndef GRAPH_BENCH_H
#define GRAPH_BENCH_H
#include "tensor_assert.h"
#include "passes/pass.h"
#include <math.h>
#include <string.h>

enum { MAX_TENSORS = 8, MAX_INPUTS = 8, N_SIZE = 3, N = -1 /* in a shape: the symbol N */ };

typedef struct Bench {
    Cx *cx;
    Program *p;
    Graph *g;
    Build b;
    Site site;
    Symbol symbol;
    Value *params[MAX_TENSORS];
    int nparams;
    Array tensors[MAX_TENSORS], inputs[MAX_INPUTS];
    uint64_t random;
    double low, high;   /* of the values that param draws */
    bool smooth;        /* differences make sense at these values */
    double tangent;     /* of the loss; NaN until it is known */
} Bench;

static inline double draw(Bench *t)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(t->random >> 33) / 2147483648.0;
}

static inline void bench_begin(Bench *t, uint64_t seed)
{
    *t = (Bench){.cx = cx_new(), .random = seed, .low = 0.4, .high = 1.6, .smooth = true, .tangent = NAN};
    t->p = program_new(t->cx, "bench", "bench.nn");
    t->p->real = DT_F64;
    t->symbol = (Symbol){.name = "N", .low = 1, .high = INT64_MAX};
    vec_push(t->p->arena, &t->p->symbols, &t->symbol);
    vec_push(t->p->arena, &t->p->hypers, (Hyper){"rate", 0.75, NO_SPAN});
    vec_push(t->p->arena, &t->p->trains, (TrainInfo){.name = "bench", .has_loss = true, .ntotals = 2});
    t->g = graph_new(t->p, GRAPH_STEP, "bench", &t->site);
    t->p->trains.at[0].step = t->g;
    t->b = (Build){t->g->body, NULL, &t->site};
}

static inline Type shaped(Bench *t, DType d, int rank, const int *shape)
{
    Axis axes[MAX_RANK] = {{0}};
    for (int i = 0; i < rank; i++)
        axes[i].dim = shape[i] == N ? dim_symbol(t->p->dims, &t->symbol) : dim_const(t->p->dims, shape[i]);
    return type_make(t->p->arena, d, rank, axes);
}
#define SHAPE(...) (int)(sizeof((int[]){0, ##__VA_ARGS__}) / sizeof(int)) - 1, (int[]){0, ##__VA_ARGS__} + 1

static inline Array fill(Bench *t, Type type, double low, double high, bool whole)
{
    Array x = array_new(t->p->arena, type, (int64_t[]){N_SIZE});
    for (int64_t i = 0; i < x.size; i++) {
        double v = low + (high - low) * draw(t);
        x.at[i].value = whole ? floor(v) : v;
    }
    return x;
}

/* A parameter of random values, each with a random tangent. */
static inline Value *param(Bench *t, int rank, const int *shape)
{
    Type type = shaped(t, DT_F64, rank, shape);
    int i = program_add_tensor(t->p, (Tensor){.path = str_format(t->p->arena, "p%d", t->nparams), .role = ROLE_PARAM,
                                              .type = type, .train = -1});
    t->tensors[i] = fill(t, type, t->low, t->high, false);
    for (int64_t k = 0; k < t->tensors[i].size; k++) t->tensors[i].at[k].tangent = 2 * draw(t) - 1;
    t->params[t->nparams] = build_op(&t->b, OP_TENSOR, NULL, 0, &(Attr){.index = i}, &type);
    return t->params[t->nparams++];
}

static inline Value *input(Bench *t, Type type, double low, double high)
{
    int i = t->g->inputs.n;
    t->inputs[i] = fill(t, type, low, high, dtype_is_int(type.dtype) || type.dtype == DT_BOOL);
    Value *v = build_op(&t->b, OP_INPUT, NULL, 0, &(Attr){.index = i}, &type);
    vec_push(t->p->arena, &t->g->inputs, (GraphInput){"x", v, NO_SPAN});
    return v;
}

static inline Value *places(Bench *t, int range, int rank, const int *shape)
{
    Type type = shaped(t, DT_I32, rank, shape);
    type.range = dim_const(t->p->dims, range);
    return input(t, type, 0, range);
}

static inline void run(Bench *t, const Graph *g, double shift, Array *results)
{
    Array moved[MAX_TENSORS];
    for (int i = 0; i < t->nparams; i++) {
        moved[i] = t->tensors[i];
        moved[i].at = arena_copy(t->p->arena, moved[i].at, sizeof(Num) * (size_t)moved[i].size);
        for (int64_t k = 0; k < moved[i].size; k++) moved[i].at[k].value += shift * moved[i].at[k].tangent;
    }
    EvalInputs in = {.symbols = (int64_t[]){N_SIZE}, .inputs = t->inputs, .tensors = moved, .hypers = (double[]){0.75},
                     .seed = 5, .step = 3, .epoch = 2, .fma = true};
    assert_true(graph_eval(g, &in, t->p->arena, results));
}
#endif
