/* begin: everything a host hands over is checked before it is used, and what the kernels need is put into the frame. */
#include "codegen/cg.h"

LLVMValueRef function_begin(Cg *cg, const char *name, LLVMTypeRef type, bool exported)
{
    LLVMValueRef f = function_new(cg, name, type, exported);
    cg_debug_function(cg, f, name, NULL);
    LLVMPositionBuilderAtEnd(cg->builder, LLVMAppendBasicBlockInContext(cg->context, f, ""));
    cg_debug_site(cg, NULL);
    return f;
}

LLVMValueRef place_astray(Cg *cg, LLVMValueRef pointer, int64_t alignment)
{
    LLVMValueRef at = LLVMBuildPtrToInt(cg->builder, pointer, cg->i64, "");
    return LLVMBuildAnd(cg->builder, at, const_i64(cg, alignment - 1), "");
}

void fail_if(Cg *cg, LLVMValueRef condition, int status)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = LLVMGetBasicBlockParent(LLVMGetInsertBlock(b));
    LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBuildCondBr(b, condition, bad, good);
    LLVMPositionBuilderAtEnd(b, bad);
    LLVMBuildRet(b, LLVMConstInt(cg->i32, (unsigned)status, false));
    LLVMPositionBuilderAtEnd(b, good);
}

typedef struct Begin {
    const EntryCode *code;
    LLVMValueRef call, frame, sizes, inputs, outputs;
    LLVMValueRef *symbols;
    LLVMValueRef astray; /* i64: bits of addresses that must be 0 */
} Begin;

static void refuse_null(Cg *cg, LLVMValueRef pointer)
{
    fail_if(cg, LLVMBuildIsNull(cg->builder, pointer, ""), STATUS_NULL);
}

static void add_place(Cg *cg, Begin *g, LLVMValueRef pointer, int64_t alignment)
{
    if (alignment > 1) g->astray = LLVMBuildOr(cg->builder, g->astray, place_astray(cg, pointer, alignment), "");
}

static LLVMValueRef need(Cg *cg, const Begin *g, size_t offset)
{
    LLVMValueRef p = abi_load(cg, ABI_nnrt_call, g->call, offset);
    refuse_null(cg, p);
    return p;
}

static void keep(Cg *cg, const Begin *g, int slot, LLVMValueRef v)
{
    LLVMBuildStore(cg->builder, v, frame_address(cg, g->frame, slot));
}

/* A struct that begins with its size may be longer than ours, and never shorter. */
static void refuse_short(Cg *cg, LLVMValueRef at, int64_t bytes, int status)
{
    LLVMValueRef size = LLVMBuildLoad2(cg->builder, cg->i32, at, "");
    LLVMValueRef least = LLVMConstInt(cg->i32, (unsigned long long)bytes, false);
    fail_if(cg, LLVMBuildICmp(cg->builder, LLVMIntULT, size, least, ""), status);
}

/* ---- pointers ---- */
static void take_buffer(Cg *cg, Begin *g, LLVMValueRef list, int index, int slot, DType t)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef at = const_i64(cg, index);
    LLVMValueRef buffer = LLVMBuildLoad2(b, cg->ptr, LLVMBuildInBoundsGEP2(b, cg->ptr, list, &at, 1, ""), "");
    refuse_null(cg, buffer);
    add_place(cg, g, buffer, dtype_bytes(t));
    keep(cg, g, slot + index, buffer);
}

static void take_inputs(Cg *cg, Begin *g)
{
    const Graph *graph = g->code->entry->graph;
    if (!graph->inputs.n) return;
    LLVMValueRef list = need(cg, g, offsetof(Abi_nnrt_call, inputs));
    for (int i = 0; i < graph->inputs.n; i++)
        take_buffer(cg, g, list, i, cg->frame->inputs, graph->inputs.at[i].value->type.dtype);
}

static void take_outputs(Cg *cg, Begin *g)
{
    const Graph *graph = g->code->entry->graph;
    LLVMValueRef list = NULL;
    for (int i = 0; i < graph->results.n; i++) {
        const Result *r = &graph->results.at[i];
        if (r->kind != RESULT_OUTPUT) continue;
        list = list ? list : need(cg, g, offsetof(Abi_nnrt_call, outputs));
        take_buffer(cg, g, list, r->index, cg->frame->outputs, graph->body->last->in[i]->type.dtype);
    }
}

static void take_area(Cg *cg, Begin *g, size_t offset, int slot, bool needed)
{
    LLVMValueRef at = needed ? need(cg, g, offset) : abi_load(cg, ABI_nnrt_call, g->call, offset);
    if (needed) add_place(cg, g, at, slot == FRAME_TOTALS ? (int64_t)sizeof(double) : AREA_ALIGNMENT);
    keep(cg, g, slot, at);
}

static void take_pointers(Cg *cg, Begin *g)
{
    const Entry *e = g->code->entry;
    const Program *p = cg->program;
    bool steps = e->kind == ENTRY_STEP || e->kind == ENTRY_UPDATE;
    bool grads = e->kind == ENTRY_GRAD || e->kind == ENTRY_UPDATE;
    bool totals = e->kind != ENTRY_PREDICT && e->kind != ENTRY_UPDATE;
    take_area(cg, g, offsetof(Abi_nnrt_call, params), FRAME_PARAMS, p->params_bytes > 0);
    take_area(cg, g, offsetof(Abi_nnrt_call, opt), FRAME_OPT, steps && p->opt_bytes > 0);
    take_area(cg, g, offsetof(Abi_nnrt_call, grads), FRAME_GRADS, grads && p->params_bytes > 0);
    take_area(cg, g, offsetof(Abi_nnrt_call, totals), FRAME_TOTALS, totals);
    take_inputs(cg, g);
    take_outputs(cg, g);
    fail_if(cg, LLVMBuildIsNotNull(cg->builder, g->astray, ""), STATUS_ARGUMENT);
}

/* ---- step and settings ---- */
static LLVMValueRef or_default(Cg *cg, LLVMValueRef given, LLVMValueRef fallback, int64_t bytes)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef at = LLVMBuildSelect(b, LLVMBuildIsNull(b, given, ""), fallback, given, "");
    refuse_short(cg, at, bytes, STATUS_ARGUMENT);
    return at;
}

static void take_step(Cg *cg, Begin *g)
{
    static const struct { size_t offset; int slot; } fields[] = {
        {offsetof(Abi_nnrt_step, seed), FRAME_SEED}, {offsetof(Abi_nnrt_step, step), FRAME_STEP},
        {offsetof(Abi_nnrt_step, epoch), FRAME_EPOCH}, {offsetof(Abi_nnrt_step, first_sample), FRAME_FIRST_SAMPLE},
        {offsetof(Abi_nnrt_step, weight), FRAME_WEIGHT},
    };
    AbiConst c = {.of = ABI_nnrt_step};
    abi_set_int(cg, &c, offsetof(Abi_nnrt_step, size), abi_bytes(cg, ABI_nnrt_step));
    abi_set_int(cg, &c, offsetof(Abi_nnrt_step, step), 1);
    abi_set_int(cg, &c, offsetof(Abi_nnrt_step, epoch), 1);
    abi_set(&c, offsetof(Abi_nnrt_step, weight), LLVMConstReal(cg->f64, 1));
    LLVMValueRef fallback = global_const(cg, "first_step", abi_const(cg, &c), 8);
    LLVMValueRef given = abi_load(cg, ABI_nnrt_call, g->call, offsetof(Abi_nnrt_call, step));
    LLVMValueRef step = or_default(cg, given, fallback, abi_bytes(cg, ABI_nnrt_step));
    for (size_t i = 0; i < COUNT(fields); i++)
        keep(cg, g, fields[i].slot, abi_load(cg, ABI_nnrt_step, step, fields[i].offset));
    LLVMValueRef flags = abi_load(cg, ABI_nnrt_step, step, offsetof(Abi_nnrt_step, flags));
    keep(cg, g, FRAME_FLAGS, LLVMBuildZExt(cg->builder, flags, cg->i64, ""));
}

/* {u32 size, u32 spare, f64 ...} */
static void take_hypers(Cg *cg, Begin *g)
{
    int n = cg->program->hypers.n;
    LLVMValueRef *fields = NEW_ARRAY(cg->arena, LLVMValueRef, n + 2);
    if (n == 0) return;
    fields[0] = LLVMConstInt(cg->i32, (unsigned)(8 + 8 * n), false);
    fields[1] = LLVMConstInt(cg->i32, 0, false);
    for (int i = 0; i < n; i++) fields[i + 2] = LLVMConstReal(cg->f64, cg->program->hypers.at[i].value);
    LLVMValueRef defaults = LLVMConstStructInContext(cg->context, fields, (unsigned)n + 2, false);
    LLVMValueRef given = abi_load(cg, ABI_nnrt_call, g->call, offsetof(Abi_nnrt_call, hparams));
    LLVMValueRef at = or_default(cg, given, global_const(cg, "hparams", defaults, 8), 8 + 8 * n);
    for (int i = 0; i < n; i++) {
        LLVMValueRef field = const_i64(cg, 1 + i);
        LLVMValueRef from = LLVMBuildInBoundsGEP2(cg->builder, cg->f64, at, &field, 1, "");
        keep(cg, g, cg->frame->hypers + i, LLVMBuildLoad2(cg->builder, cg->f64, from, ""));
    }
}

/* ---- sizes and what they decide ---- */
static void take_sizes(Cg *cg, Begin *g)
{
    const EntryCode *c = g->code;
    LLVMBuilderRef b = cg->builder;
    if (c->entry->nsymbols) {
        LLVMValueRef ok = LLVMBuildCall2(b, LLVMGlobalGetValueType(c->check), c->check, &g->sizes, 1, "");
        fail_if(cg, LLVMBuildNot(b, ok, ""), STATUS_SIZE);
    }
    g->symbols = symbols_load(cg, c->entry, g->sizes);
    for (int i = 0; i < c->used.n; i++)
        keep(cg, g, frame_slot(cg, c->used.at[i]), dim_compute(cg, g->symbols, c->used.at[i]));
}

static void check_indices(Cg *cg, Begin *g)
{
    const Graph *graph = g->code->entry->graph;
    LLVMBuilderRef b = cg->builder;
    for (int i = 0; i < graph->inputs.n; i++) {
        Type t = graph->inputs.at[i].value->type;
        if (!t.range) continue;
        LLVMValueRef at = LLVMBuildLoad2(b, cg->ptr, frame_address(cg, g->frame, cg->frame->inputs + i), "");
        LLVMValueRef n = dim_compute(cg, g->symbols, type_size(cg->program->dims, t));
        LLVMValueRef ok = scan_range(cg, t.dtype, at, n, dim_compute(cg, g->symbols, t.range));
        fail_if(cg, LLVMBuildNot(b, ok, ""), STATUS_INDEX);
    }
}

LLVMValueRef begin_emit(Cg *cg, const EntryCode *code)
{
    LLVMBuilderRef b = cg->builder;
    const char *name = str_format(cg->arena, "%s.begin", code->entry->function);
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(cg->i32, &cg->ptr, 1, false), false);
    Begin g = {.code = code, .call = LLVMGetParam(f, 0)};
    refuse_null(cg, g.call);
    refuse_short(cg, g.call, abi_bytes(cg, ABI_nnrt_call), STATUS_ABI);
    g.frame = need(cg, &g, offsetof(Abi_nnrt_call, work));
    g.astray = place_astray(cg, g.frame, AREA_ALIGNMENT);
    if (code->entry->nsymbols) g.sizes = need(cg, &g, offsetof(Abi_nnrt_call, sizes));
    LLVMValueRef past = const_i64(cg, frame_bytes(cg, &code->used));
    keep(cg, &g, FRAME_WORK, LLVMBuildInBoundsGEP2(b, cg->i8, g.frame, &past, 1, ""));
    take_pointers(cg, &g);
    take_step(cg, &g);
    take_hypers(cg, &g);
    take_sizes(cg, &g);
    check_indices(cg, &g);
    if (code->entry->kind == ENTRY_UPDATE && cg->program->params_bytes) {
        LLVMValueRef grads = abi_load(cg, ABI_nnrt_call, g.call, offsetof(Abi_nnrt_call, grads));
        fail_if(cg, LLVMBuildNot(b, grads_finite(cg, grads), ""), STATUS_NONFINITE);
    }
    LLVMBuildRet(b, LLVMConstInt(cg->i32, STATUS_OK, false));
    return f;
}
