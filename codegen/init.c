/* First values: drawn from a seed, or taken from weights that were given at compile time. */
#include "codegen/cg.h"

static bool writes_area(const Node *kernel, Area area)
{
    for (int i = 0; i < kernel->nout; i++)
        if (kernel->out[i].place.area == area)
            return true;
    return false;
}

typedef struct FirstCall { const Node *node; LLVMValueRef kernel; } FirstCall;

static void call_first(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    const FirstCall *c = context;
    const KernelAttr *k = c->node->attr.kernel;
    (void)none, (void)carry;
    LLVMValueRef rows = k->prefix ? dim_value(cg, k->dims[0]) : const_i64(cg, 1);
    kernel_call(cg, c->node, c->kernel, const_i64(cg, 0), rows);
}

/* An optimizer's state is given first values only where the host has a place for it. */
static void run_kernels(Cg *cg, const Graph *g, LLVMValueRef *kernels, LLVMValueRef has_opt)
{
    int i = 0;
    for (const Node *n = g->body->first; n; n = n->next) {
        if (n->op != OP_KERNEL)
            continue;
        LLVMValueRef when = writes_area(n, AREA_OPT) ? has_opt : LLVMConstInt(cg->i1, 1, false);
        loop_when(cg, when, NULL, call_first, &(FirstCall){n, kernels[i++]});
    }
}

static void copy_word(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    LLVMValueRef *copy = context;
    LLVMBuilderRef b = cg->builder;
    (void)carry;
    LLVMValueRef v = LLVMBuildLoad2(b, cg->i64, LLVMBuildInBoundsGEP2(b, cg->i8, copy[0], &i, 1, ""), "");
    LLVMBuildStore(b, v, LLVMBuildInBoundsGEP2(b, cg->i8, copy[1], &i, 1, ""));
}

static void copy_weights(Cg *cg, LLVMValueRef params)
{
    int64_t n = cg->program->params_bytes;
    if (!cg->options->weights || n == 0)
        return;
    LLVMValueRef bytes = LLVMConstStringInContext2(cg->context, cg->options->weights, (size_t)n, true);
    LLVMValueRef copy[2] = {global_const(cg, "weights", bytes, 64), params};
    loop_each(cg, const_i64(cg, 0), const_i64(cg, n), 8, NULL, copy_word, copy);
}

static void fill_frame(Cg *cg, LLVMValueRef frame, LLVMValueRef f)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef zero = const_i64(cg, 0), one = LLVMConstReal(cg->f64, 1), past = const_i64(cg, frame_bytes(cg));
    const struct { int slot; LLVMValueRef v; } fields[] = {
        {FRAME_PARAMS, LLVMGetParam(f, 0)}, {FRAME_OPT, LLVMGetParam(f, 1)}, {FRAME_SEED, LLVMGetParam(f, 2)},
        {FRAME_STEP, zero}, {FRAME_EPOCH, zero}, {FRAME_FIRST_SAMPLE, zero}, {FRAME_FLAGS, zero}, {FRAME_WEIGHT, one},
        {FRAME_WORK, LLVMBuildInBoundsGEP2(b, cg->i8, frame, &past, 1, "")},
    };
    for (size_t i = 0; i < COUNT(fields); i++)
        LLVMBuildStore(b, fields[i].v, frame_address(cg, frame, fields[i].slot));
    for (int i = 0; i < cg->program->hypers.n; i++)
        LLVMBuildStore(b, LLVMConstReal(cg->f64, cg->program->hypers.at[i].value),
                       frame_address(cg, frame, cg->frame->hypers + i));
}

/* int32_t (void *params, void *opt, uint64_t seed, void *work): what work is needed is small and on the stack. */
LLVMValueRef init_emit(Cg *cg)
{
    LLVMBuilderRef b = cg->builder;
    const Graph *g = cg->program->init;
    VEC(LLVMValueRef) kernels = {0};
    int64_t bytes = 0;
    cg->frame->used.n = 0;
    for (const Node *n = g ? g->body->first : NULL; n; n = n->next)
        if (n->op == OP_KERNEL)
            vec_push(cg->arena, &kernels, kernel_emit(cg, g, n));
    if (cg->frame->used.n || (g && g->work_bytes && !dim_known(g->work_bytes, &bytes)))
        UNREACHABLE("first values that depend on a size");
    LLVMTypeRef params[4] = {cg->ptr, cg->ptr, cg->i64, cg->ptr};
    const char *name = str_format(cg->arena, "%s_init", cg->program->name);
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(cg->i32, params, 4, false), true);
    if (cg->program->params_bytes)
        fail_if(cg, LLVMBuildIsNull(b, LLVMGetParam(f, 0), ""), STATUS_NULL);
    Control control = control_begin(cg);
    Kernel k = {.graph = g, .function = f, .lanes = 1};
    k.frame = stack_array(cg, cg->i8, frame_bytes(cg) + bytes);
    cg->kernel = &k;
    fill_frame(cg, k.frame, f);
    if (g)
        run_kernels(cg, g, kernels.at, LLVMBuildIsNotNull(b, LLVMGetParam(f, 1), ""));
    copy_weights(cg, LLVMGetParam(f, 0));
    control_end(cg, control);
    LLVMBuildRet(b, LLVMConstInt(cg->i32, STATUS_OK, false));
    cg->kernel = NULL;
    return f;
}

/* Nothing is derived from parameters yet, so nothing is to be rebuilt. */
LLVMValueRef prepare_emit(Cg *cg)
{
    const char *name = str_format(cg->arena, "%s_prepare", cg->program->name);
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(cg->i32, &cg->ptr, 1, false), true);
    if (cg->program->params_bytes)
        fail_if(cg, LLVMBuildIsNull(cg->builder, LLVMGetParam(f, 0), ""), STATUS_NULL);
    LLVMBuildRet(cg->builder, LLVMConstInt(cg->i32, STATUS_OK, false));
    return f;
}
