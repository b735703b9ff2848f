/* An entry: its kernels in phases, and the end, which adds up what a call measured. */
#include "codegen/cg.h"

/* ---- results that a call reports ---- */
static const Value *result_value(const Graph *g, ResultKind kind)
{
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == kind) return g->body->last->in[i];
    return NULL;
}

static LLVMValueRef as_f64(Cg *cg, const Value *v)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef x = pull(cg, v, &index_none);
    DType t = v->type.dtype;
    if (t == DT_F64) return x;
    if (t == DT_F32) return LLVMBuildFPExt(b, x, cg->f64, "");
    return t == DT_BOOL || t == DT_U8 ? LLVMBuildUIToFP(b, x, cg->f64, "") : LLVMBuildSIToFP(b, x, cg->f64, "");
}

/* ---- phases ---- */
/* Worker w of W does rows n*w/W to n*(w+1)/W - 1 of every kernel; what has no rows is done by worker 0. */
static LLVMValueRef slice_start(Cg *cg, LLVMValueRef n, LLVMValueRef worker, LLVMValueRef workers)
{
    return LLVMBuildUDiv(cg->builder, LLVMBuildMul(cg->builder, n, worker, ""), workers, "");
}

typedef struct Phase { LLVMValueRef worker, workers; } Phase; /* i64 */

typedef struct WholeCall { const Node *node; LLVMValueRef kernel; } WholeCall;

static void call_whole(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    const WholeCall *c = context;
    (void)none, (void)carry;
    kernel_call(cg, c->node, c->kernel, const_i64(cg, 0), const_i64(cg, 1));
}

static void call_slice(Cg *cg, const Phase *p, const Node *node, LLVMValueRef kernel)
{
    LLVMBuilderRef b = cg->builder;
    const KernelAttr *k = node->attr.kernel;
    if (k->prefix == 0) {
        LLVMValueRef first = LLVMBuildICmp(b, LLVMIntEQ, p->worker, const_i64(cg, 0), "");
        loop_when(cg, first, NULL, call_whole, &(WholeCall){node, kernel});
        return;
    }
    LLVMValueRef n = dim_value(cg, k->dims[0]);
    LLVMValueRef next = LLVMBuildAdd(b, p->worker, const_i64(cg, 1), "");
    LLVMValueRef lo = slice_start(cg, n, p->worker, p->workers), hi = slice_start(cg, n, next, p->workers);
    kernel_call(cg, node, kernel, lo, hi);
}

/* A loss that is not finite must not reach what stays: from the check phase on nothing is done then. */
static void leave_if_bad(Cg *cg, const Graph *g)
{
    LLVMBuilderRef b = cg->builder;
    const Value *loss = result_value(g, RESULT_LOSS);
    if (!loss) return;
    LLVMValueRef finite = is_finite(cg, as_f64(cg, loss));
    LLVMBasicBlockRef leave = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMBasicBlockRef stay = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMBuildCondBr(b, finite, stay, leave);
    LLVMPositionBuilderAtEnd(b, leave);
    LLVMBuildRetVoid(b);
    LLVMPositionBuilderAtEnd(b, stay);
}

static LLVMValueRef phase_emit(Cg *cg, const Graph *g, int phase, const char *name, LLVMValueRef *kernels)
{
    LLVMBuilderRef b = cg->builder;
    LLVMTypeRef params[3] = {cg->ptr, cg->i32, cg->i32};
    LLVMValueRef f = function_new(cg, name, LLVMFunctionType(cg->none, params, 3, false), false);
    Kernel k;
    cg_debug_function(cg, f, name, g->site);
    kernel_open(cg, &k, g, NULL, f);
    cg_debug_site(cg, g->site);
    if (g->check_phase >= 0 && phase >= g->check_phase) leave_if_bad(cg, g);
    Phase p = {LLVMBuildZExt(b, LLVMGetParam(f, 1), cg->i64, ""), LLVMBuildZExt(b, LLVMGetParam(f, 2), cg->i64, "")};
    int i = 0;
    for (const Node *n = g->body->first; n; n = n->next) {
        if (n->op != OP_KERNEL) continue;
        if (n->attr.kernel->phase == phase) call_slice(cg, &p, n, kernels[i]);
        i++;
    }
    LLVMBuildRetVoid(b);
    cg->kernel = NULL;
    return f;
}

LLVMValueRef *graph_phases(Cg *cg, const Graph *g, const char *name, int *out_n)
{
    VEC(LLVMValueRef) kernels = {0};
    int n = 0;
    for (const Node *node = g->body->first; node; node = node->next)
        if (node->op == OP_KERNEL) {
            vec_push(cg->arena, &kernels, kernel_emit(cg, g, node));
            n = node->attr.kernel->phase >= n ? node->attr.kernel->phase + 1 : n;
        }
    LLVMValueRef *phases = NEW_ARRAY(cg->arena, LLVMValueRef, n + 1);
    for (int i = 0; i < n; i++)
        phases[i] = phase_emit(cg, g, i, str_format(cg->arena, "%s.phase%d", name, i), kernels.at);
    *out_n = n;
    return phases;
}

/* ---- the end ---- */
static void add_total(Cg *cg, int index, LLVMValueRef v)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef at = const_i64(cg, index);
    LLVMValueRef address = LLVMBuildInBoundsGEP2(b, cg->f64, frame_load(cg, FRAME_TOTALS, cg->ptr), &at, 1, "");
    LLVMValueRef was = LLVMBuildLoad2(b, cg->f64, address, "");
    LLVMBuildStore(b, LLVMBuildFAdd(b, was, v, ""), address);
}

/* 1 where it holds, and what was there where it does not. */
static void set_stop(Cg *cg, int index, LLVMValueRef holds)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef at = const_i64(cg, index);
    LLVMValueRef address = LLVMBuildInBoundsGEP2(b, cg->f64, frame_load(cg, FRAME_TOTALS, cg->ptr), &at, 1, "");
    LLVMValueRef was = LLVMBuildLoad2(b, cg->f64, address, "");
    LLVMValueRef stop = LLVMBuildFCmp(b, LLVMRealONE, holds, LLVMConstReal(cg->f64, 0), "");
    LLVMBuildStore(b, LLVMBuildSelect(b, stop, LLVMConstReal(cg->f64, 1), was, ""), address);
}

static void add_totals(Cg *cg, const Graph *g)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef rows = LLVMBuildSIToFP(b, g->rows ? dim_value(cg, g->rows) : const_i64(cg, 1), cg->f64, "");
    add_total(cg, 0, rows);
    for (int i = 0; i < g->results.n; i++) {
        const Result *r = &g->results.at[i];
        const Value *v = g->body->last->in[i];
        if (r->kind == RESULT_LOSS) add_total(cg, 1, LLVMBuildFMul(b, as_f64(cg, v), rows, ""));
        if (r->kind == RESULT_METRIC)
            add_total(cg, r->index, r->summed ? as_f64(cg, v) : LLVMBuildFMul(b, as_f64(cg, v), rows, ""));
        if (r->kind == RESULT_STOP) set_stop(cg, r->index, as_f64(cg, v));
    }
}

static LLVMValueRef end_emit(Cg *cg, const Entry *e)
{
    LLVMBuilderRef b = cg->builder;
    const Graph *g = e->graph;
    const char *name = str_format(cg->arena, "%s.end", e->function);
    LLVMValueRef f = function_new(cg, name, LLVMFunctionType(cg->i32, &cg->ptr, 1, false), false);
    Kernel k;
    cg_debug_function(cg, f, name, NULL);
    kernel_open(cg, &k, g, NULL, f);
    cg_debug_site(cg, NULL);
    const Value *loss = result_value(g, RESULT_LOSS);
    if (loss && (e->kind == ENTRY_STEP || e->kind == ENTRY_GRAD))
        fail_if(cg, LLVMBuildNot(b, is_finite(cg, as_f64(cg, loss)), ""), STATUS_NONFINITE);
    if (e->kind == ENTRY_GRAD && cg->program->params_bytes)
        fail_if(cg, LLVMBuildNot(b, grads_finite(cg, frame_load(cg, FRAME_GRADS, cg->ptr)), ""), STATUS_NONFINITE);
    if (e->kind != ENTRY_PREDICT && e->kind != ENTRY_UPDATE) add_totals(cg, g);
    LLVMBuildRet(b, LLVMConstInt(cg->i32, STATUS_OK, false));
    cg->kernel = NULL;
    return f;
}

EntryCode entry_emit(Cg *cg, const Entry *e)
{
    EntryCode code = {.entry = e};
    cg->frame->used = (DimList){0};
    code.phases = graph_phases(cg, e->graph, e->function, &code.nphases);
    code.end = end_emit(cg, e);
    code.used = cg->frame->used;
    return code;
}

void entry_finish(Cg *cg, EntryCode *code)
{
    const Entry *e = code->entry;
    code->check = sizes_check_emit(cg, e, &code->used);
    code->bytes = bytes_emit(cg, code);
    code->cost = formula_emit(cg, e, graph_cost(cg, e->graph), "cost");
    code->begin = begin_emit(cg, code);
}
