/* First values: drawn from a seed, or taken from weights that were given at compile time. Those of an optimizer are made of
   the parameters as they then are. */
#include "codegen/cg.h"
#include <string.h>

static void copy_word(Cg *cg, LLVMValueRef i, Carry *carry, void *context)
{
    LLVMValueRef *copy = context;
    LLVMBuilderRef b = cg->builder;
    (void)carry;
    LLVMValueRef v = LLVMBuildLoad2(b, cg->i64, LLVMBuildInBoundsGEP2(b, cg->i8, copy[0], &i, 1, ""), "");
    LLVMBuildStore(b, v, LLVMBuildInBoundsGEP2(b, cg->i8, copy[1], &i, 1, ""));
}

/* Tensors in the order of their places, as far as a host holds them as parameters. */
static int place_tensors(Cg *cg, const Tensor **out)
{
    static const Role roles[] = {ROLE_PARAM, ROLE_STATE};
    const Program *p = cg->program;
    int n = 0;
    for (size_t r = 0; r < COUNT(roles); r++)
        for (int i = 0; i < p->tensors.n; i++)
            if (p->tensors.at[i].role == roles[r]) out[n++] = &p->tensors.at[i];
    return n;
}

/* The values of n tensors, side by side as in params. */
static void copy_given(Cg *cg, const Tensor *const *run, int n, LLVMValueRef params)
{
    int64_t from = run[0]->offset, bytes = run[n - 1]->offset + (tensor_bytes(cg->program, run[n - 1]) + 7) / 8 * 8 - from;
    char *values = arena_alloc(cg->arena, (size_t)bytes);
    for (int i = 0; i < n; i++)
        memcpy(values + run[i]->offset - from, run[i]->given.values, (size_t)tensor_bytes(cg->program, run[i]));
    LLVMValueRef at = const_i64(cg, from), copy[2] = {global_values(cg, run[0], "weights", values, bytes), NULL};
    copy[1] = LLVMBuildInBoundsGEP2(cg->builder, cg->i8, params, &at, 1, "");
    loop_each(cg, const_i64(cg, 0), const_i64(cg, bytes), 8, NULL, copy_word, copy);
}

/* What files give, over what a planned graph may still have made instead. */
static void copy_weights(Cg *cg, LLVMValueRef params)
{
    const Tensor **all = NEW_ARRAY(cg->arena, const Tensor *, cg->program->tensors.n + 1);
    int n = place_tensors(cg, all);
    for (int i = 0, end; i < n; i = end + 1) {
        for (end = i; end < n && all[end]->given.values; end++) {}
        if (end > i) copy_given(cg, all + i, end - i, params);
    }
}

static void fill_frame(Cg *cg, LLVMValueRef frame, LLVMValueRef f)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef zero = const_i64(cg, 0), one = LLVMConstReal(cg->f64, 1), past = const_i64(cg, frame_least(cg->program));
    const struct { int slot; LLVMValueRef v; } fields[] = {
        {FRAME_PARAMS, LLVMGetParam(f, 0)}, {FRAME_OPT, LLVMGetParam(f, 1)}, {FRAME_SEED, LLVMGetParam(f, 2)},
        {FRAME_STEP, zero}, {FRAME_EPOCH, zero}, {FRAME_FIRST_SAMPLE, zero}, {FRAME_FLAGS, zero}, {FRAME_WEIGHT, one},
        {FRAME_WORK, LLVMBuildInBoundsGEP2(b, cg->i8, frame, &past, 1, "")},
    };
    for (size_t i = 0; i < COUNT(fields); i++) LLVMBuildStore(b, fields[i].v, frame_address(cg, frame, fields[i].slot));
    for (int i = 0; i < cg->program->hypers.n; i++)
        LLVMBuildStore(b, LLVMConstReal(cg->f64, cg->program->hypers.at[i].value),
                       frame_address(cg, frame, cg->frame->hypers + i));
}

static LLVMTypeRef first_type(Cg *cg)
{
    return LLVMFunctionType(cg->i32, (LLVMTypeRef[]){cg->ptr, cg->ptr, cg->i64, cg->ptr}, 4, false);
}

static void refuse_astray(Cg *cg, LLVMValueRef at)
{
    fail_if(cg, LLVMBuildIsNotNull(cg->builder, place_astray(cg, at, AREA_ALIGNMENT), ""), STATUS_ARGUMENT);
}

static void need_area(Cg *cg, LLVMValueRef at)
{
    fail_if(cg, LLVMBuildIsNull(cg->builder, at, ""), STATUS_NULL);
    refuse_astray(cg, at);
}

typedef struct Kernels { Arena *arena; VEC(const Node *) nodes; VEC(LLVMValueRef) code; int64_t work_bytes; } Kernels;

static Kernels kernels_emit(Cg *cg, const Graph *g)
{
    Kernels k = {.arena = cg->arena};
    cg->frame->used.n = 0;
    for (const Node *n = g ? g->body->first : NULL; n; n = n->next) {
        if (n->op != OP_KERNEL) continue;
        vec_push(k.arena, &k.nodes, n);
        vec_push(k.arena, &k.code, kernel_emit(cg, g, n));
    }
    if (g && g->work_bytes && !dim_known(g->work_bytes, &k.work_bytes)) UNREACHABLE("first values of an open size");
    return k;
}

static int64_t graph_first_bytes(const Cg *cg, const Graph *g)
{
    int64_t bytes = 0;
    if (graph_fits_stack(g) || !dim_known(g->work_bytes, &bytes)) return 0;
    return frame_least(cg->program) + bytes;
}

int64_t first_bytes(const Cg *cg)
{
    int64_t init = graph_first_bytes(cg, cg->program->init), start = graph_first_bytes(cg, cg->program->start);
    return init > start ? init : start;
}

static void run_kernels(Cg *cg, const Kernels *all)
{
    LLVMValueRef f = cg->kernel->function, frame = LLVMGetParam(f, 3);
    if (graph_fits_stack(cg->kernel->graph))
        frame = stack_array(cg, cg->i8, frame_least(cg->program) + all->work_bytes);
    cg->kernel->frame = frame;
    fill_frame(cg, frame, f);
    for (int i = 0; i < all->nodes.n; i++) {
        const KernelAttr *attr = all->nodes.at[i]->attr.kernel;
        LLVMValueRef rows = attr->prefix ? dim_value(cg, attr->dims[0]) : const_i64(cg, 1);
        kernel_call(cg, all->nodes.at[i], all->code.at[i], const_i64(cg, 0), rows);
    }
    if (cg->frame->used.n) UNREACHABLE("first values that read a size");
}

/* int32_t (const void *params, void *opt, uint64_t seed, void *work) */
LLVMValueRef start_emit(Cg *cg)
{
    const Graph *g = cg->program->start;
    Kernels kernels = kernels_emit(cg, g);
    LLVMValueRef f = function_begin(cg, str_format(cg->arena, "%s_start", cg->program->name), first_type(cg),
                                    !cg->program->frozen);
    if (g) {
        for (unsigned i = 0; i < 2; i++)
            if (i || cg->program->params_bytes) need_area(cg, LLVMGetParam(f, i));
        if (!graph_fits_stack(g)) need_area(cg, LLVMGetParam(f, 3));
        Control control = control_begin(cg);
        cg->kernel = &(Kernel){.graph = g, .function = f, .lanes = 1};
        run_kernels(cg, &kernels);
        cg->kernel = NULL;
        control_end(cg, control);
    }
    LLVMBuildRet(cg->builder, LLVMConstInt(cg->i32, STATUS_OK, false));
    return f;
}

typedef struct StartCall { LLVMValueRef start, init; } StartCall;

static void call_start(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    const StartCall *c = context;
    (void)none, (void)carry;
    LLVMValueRef args[4];
    LLVMGetParams(c->init, args);
    LLVMBuildCall2(cg->builder, first_type(cg), c->start, args, 4, "");
}

/* int32_t (void *params, void *opt, uint64_t seed, void *work): an optimizer's state is given first values only where the
   host has a place for it. */
LLVMValueRef init_emit(Cg *cg, LLVMValueRef start)
{
    const Graph *g = cg->program->init;
    Kernels kernels = kernels_emit(cg, g);
    const char *name = str_format(cg->arena, "%s_init", cg->program->name);
    LLVMValueRef f = function_begin(cg, name, first_type(cg), !cg->program->frozen);
    if (cg->program->params_bytes) need_area(cg, LLVMGetParam(f, 0));
    refuse_astray(cg, LLVMGetParam(f, 1));
    if (first_bytes(cg)) need_area(cg, LLVMGetParam(f, 3));
    Control control = control_begin(cg);
    cg->kernel = &(Kernel){.graph = g, .function = f, .lanes = 1};
    run_kernels(cg, &kernels);
    if (!cg->program->frozen) copy_weights(cg, LLVMGetParam(f, 0));
    control_end(cg, control);
    LLVMValueRef has_opt = LLVMBuildIsNotNull(cg->builder, LLVMGetParam(f, 1), "");
    loop_when(cg, has_opt, NULL, call_start, &(StartCall){start, f});
    cg->kernel = NULL;
    LLVMBuildRet(cg->builder, LLVMConstInt(cg->i32, STATUS_OK, false));
    return f;
}

/* Nothing is derived from parameters yet, so nothing is to be rebuilt. */
LLVMValueRef prepare_emit(Cg *cg)
{
    const char *name = str_format(cg->arena, "%s_prepare", cg->program->name);
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(cg->i32, &cg->ptr, 1, false), !cg->program->frozen);
    if (cg->program->params_bytes) need_area(cg, LLVMGetParam(f, 0));
    LLVMBuildRet(cg->builder, LLVMConstInt(cg->i32, STATUS_OK, false));
    return f;
}
