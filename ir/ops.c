/* The operator table, expanded from ops.def. */
#include "ir/op/op.h"

static const OpInfo infos[OP_COUNT] = {
#define OP(NAME, text, nin, kind, flags, formula) [OP_##NAME] = {#NAME, text, nin, KIND_##kind, flags, formula},
#include "ir/ops.def"
};
static InferFn *const infers[] = {
#define X(kind) [KIND_##kind] = infer_##kind,
    KINDS(X)
#undef X
};
static EvalFn *const evals[] = {
#define X(kind) [KIND_##kind] = eval_##kind,
    KINDS(X)
#undef X
};
static ScalarFn *const scalars[OP_COUNT] = {
#define OP(NAME, text, nin, kind, flags, formula)
#define SCALAR(NAME, text, nin, flags, formula) [OP_##NAME] = scalar_##NAME,
#include "ir/ops.def"
};

const OpInfo *op_info(OpCode op)
{
    return &infos[op];
}

int op_named(const char *text, int nin)
{
    for (int op = 0; op < OP_COUNT; op++)
        if (str_equal(infos[op].text, text) && (nin < 0 || infos[op].nin < 0 || infos[op].nin == nin)) return op;
    return -1;
}

InferFn *op_infer(OpCode op)
{
    return infers[infos[op].kind];
}

EvalFn *op_eval(OpCode op)
{
    return evals[infos[op].kind];
}

ScalarFn *op_scalar(OpCode op)
{
    return scalars[op];
}

double op_value(OpCode op, DType last, DType result, const double *x)
{
    Num in[3] = {{0}};
    for (int i = 0; i < infos[op].nin; i++) in[i].value = x[i];
    Scalar s = {.in = last, .out = result, .fixed = true};
    return scalars[op](in, &s).value;
}
