/* Functions of the sizes that a host gives: are they in bounds, how much workspace they need, how much work it is. */
#include "codegen/cg.h"

LLVMValueRef *symbols_load(Cg *cg, const Entry *e, LLVMValueRef sizes)
{
    LLVMValueRef *symbols = NEW_ARRAY(cg->arena, LLVMValueRef, cg->program->symbols.n + 1);
    for (int i = 0; i < e->nsymbols; i++) {
        LLVMValueRef at = const_i64(cg, i);
        LLVMValueRef address = LLVMBuildInBoundsGEP2(cg->builder, cg->i64, sizes, &at, 1, "");
        symbols[e->symbols[i]] = LLVMBuildLoad2(cg->builder, cg->i64, address, "");
    }
    return symbols;
}

static LLVMValueRef size_function(Cg *cg, const char *name, LLVMTypeRef result)
{
    return function_begin(cg, name, LLVMFunctionType(result, &cg->ptr, 1, false), false);
}

/* ---- bounds ---- */
static const double most_bytes = 0x1p43, most_counted = 0x1p62; /* of a buffer; of what no step may overflow in */

static LLVMValueRef and_at_most(Cg *cg, LLVMValueRef ok, LLVMValueRef *symbols, const Dim *d, double most)
{
    LLVMValueRef ceiling = dim_ceiling(cg, symbols, d);
    LLVMValueRef fits = LLVMBuildFCmp(cg->builder, LLVMRealOLE, ceiling, LLVMConstReal(cg->f64, most), "");
    return LLVMBuildAnd(cg->builder, ok, fits, "");
}

static LLVMValueRef and_type(Cg *cg, LLVMValueRef ok, LLVMValueRef *symbols, Type t)
{
    if (t.range) ok = and_at_most(cg, ok, symbols, t.range, most_counted);
    return and_at_most(cg, ok, symbols, type_bytes(cg->program->dims, t), most_bytes);
}

/* ---- sizes that are formulas: none may fall below 1 ---- */
static LLVMValueRef and_positive(Cg *cg, LLVMValueRef ok, LLVMValueRef *symbols, const Graph *g)
{
    LLVMBuilderRef b = cg->builder;
    DimList list = graph_doubtful_sizes(g, cg->arena);
    for (int i = 0; i < list.n; i++) {
        LLVMValueRef size = dim_compute(cg, symbols, list.at[i]);
        ok = LLVMBuildAnd(b, ok, LLVMBuildICmp(b, LLVMIntSGE, size, const_i64(cg, 1), ""), "");
        ok = and_at_most(cg, ok, symbols, list.at[i], most_counted);
    }
    return ok;
}

/* ---- facts ---- */
static LLVMIntPredicate predicate_of(OpCode op)
{
    switch (op) {
    case OP_EQ: return LLVMIntEQ;
    case OP_NE: return LLVMIntNE;
    case OP_LE: return LLVMIntSLE;
    case OP_LT: return LLVMIntSLT;
    case OP_GE: return LLVMIntSGE;
    default:    return LLVMIntSGT;
    }
}

/* A comparison of numbers that i64 does not hold fails. */
static LLVMValueRef comparison_compute(Cg *cg, LLVMValueRef *symbols, const Condition *c)
{
    LLVMValueRef a = dim_compute(cg, symbols, c->a), b = dim_compute(cg, symbols, c->b);
    LLVMValueRef ok = LLVMBuildICmp(cg->builder, predicate_of(c->op), a, b, "");
    ok = and_at_most(cg, ok, symbols, c->a, most_counted);
    return and_at_most(cg, ok, symbols, c->b, most_counted);
}

static LLVMValueRef condition_compute(Cg *cg, LLVMValueRef *symbols, const Condition *c)
{
    LLVMBuilderRef b = cg->builder;
    if (c->kind == CONDITION_KNOWN) return LLVMConstInt(cg->i1, c->holds, false);
    if (c->kind == CONDITION_COMPARE) return comparison_compute(cg, symbols, c);
    LLVMValueRef left = condition_compute(cg, symbols, c->left), right = condition_compute(cg, symbols, c->right);
    return c->kind == CONDITION_ALL ? LLVMBuildAnd(b, left, right, "") : LLVMBuildOr(b, left, right, "");
}

LLVMValueRef condition_emit(Cg *cg, const Entry *e, const Condition *c)
{
    LLVMValueRef f = size_function(cg, str_format(cg->arena, "%s.holds", e->function), cg->i64);
    LLVMValueRef ok = condition_compute(cg, symbols_load(cg, e, LLVMGetParam(f, 0)), c);
    LLVMBuildRet(cg->builder, LLVMBuildZExt(cg->builder, ok, cg->i64, ""));
    return f;
}

LLVMValueRef ratio_emit(Cg *cg, const Entry *e, const Dim *top, const Dim *bottom)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = size_function(cg, str_format(cg->arena, "%s.number", e->function), cg->f64);
    LLVMValueRef *symbols = symbols_load(cg, e, LLVMGetParam(f, 0));
    LLVMValueRef p = LLVMBuildSIToFP(b, dim_compute(cg, symbols, top), cg->f64, "");
    LLVMValueRef q = LLVMBuildSIToFP(b, dim_compute(cg, symbols, bottom), cg->f64, "");
    LLVMBuildRet(b, LLVMBuildFDiv(b, p, q, ""));
    return f;
}

LLVMValueRef sizes_check_emit(Cg *cg, const Entry *e, const DimList *used)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = size_function(cg, str_format(cg->arena, "%s.sizes", e->function), cg->i1);
    LLVMValueRef *symbols = symbols_load(cg, e, LLVMGetParam(f, 0)), ok = LLVMConstInt(cg->i1, 1, false);
    for (int i = 0; i < e->nsymbols; i++) {
        const Symbol *s = cg->program->symbols.at[e->symbols[i]];
        LLVMValueRef n = symbols[s->index];
        int64_t low = s->low > 1 ? s->low : 1, high = s->high < (int64_t)1 << 40 ? s->high : (int64_t)1 << 40;
        ok = LLVMBuildAnd(b, ok, LLVMBuildICmp(b, LLVMIntSGE, n, const_i64(cg, low), ""), "");
        ok = LLVMBuildAnd(b, ok, LLVMBuildICmp(b, LLVMIntSLE, n, const_i64(cg, high), ""), "");
    }
    ok = and_positive(cg, ok, symbols, e->graph);
    for (int i = 0; i < used->n; i++)
        if (!dim_lone_symbol(used->at[i])) ok = and_at_most(cg, ok, symbols, used->at[i], most_bytes);
    for (int i = 0; i < e->graph->inputs.n; i++) ok = and_type(cg, ok, symbols, e->graph->inputs.at[i].value->type);
    for (int i = 0; i < e->graph->results.n; i++)
        if (e->graph->results.at[i].kind == RESULT_OUTPUT)
            ok = and_type(cg, ok, symbols, e->graph->body->last->in[i]->type);
    if (e->graph->work_bytes) ok = and_at_most(cg, ok, symbols, e->graph->work_bytes, most_bytes);
    for (int i = 0; i < e->facts.n; i++)
        ok = LLVMBuildAnd(b, ok, condition_compute(cg, symbols, e->facts.at[i].condition), "");
    LLVMBuildRet(b, ok);
    return f;
}

LLVMValueRef bytes_emit(Cg *cg, const EntryCode *code)
{
    LLVMBuilderRef b = cg->builder;
    const Entry *e = code->entry;
    LLVMValueRef f = size_function(cg, str_format(cg->arena, "%s.bytes", e->function), cg->i64);
    LLVMValueRef sizes = LLVMGetParam(f, 0), *symbols = symbols_load(cg, e, sizes);
    LLVMValueRef ok = LLVMBuildCall2(b, LLVMGlobalGetValueType(code->check), code->check, &sizes, 1, "");
    LLVMValueRef bytes = const_i64(cg, frame_bytes(cg, &code->used));
    if (e->graph->work_bytes) bytes = LLVMBuildAdd(b, bytes, dim_compute(cg, symbols, e->graph->work_bytes), "");
    LLVMBuildRet(b, LLVMBuildSelect(b, ok, bytes, const_i64(cg, 0), ""));
    return f;
}

LLVMValueRef formula_emit(Cg *cg, const Entry *e, const Dim *d, const char *name)
{
    LLVMValueRef f = size_function(cg, str_format(cg->arena, "%s.%s", e->function, name), cg->i64);
    LLVMBuildRet(cg->builder, dim_compute(cg, symbols_load(cg, e, LLVMGetParam(f, 0)), d));
    return f;
}

/* ---- work ---- */
/* Rounds of the innermost operation for each index of the kernel's prefix. */
static const Dim *kernel_depth(Dims *ds, const Node *kernel)
{
    const Dim *depth = dim_const(ds, 0);
    for (const Node *n = kernel->region->first; n; n = n->next) {
        const Dim *one = dim_const(ds, op_info(n->op)->kind == KIND_elementwise);
        int axis;
        if (op_info(n->op)->kind == KIND_reduce) one = reduce_axis(n, &axis).dim;
        if (n->op == OP_SCATTER_ADD) one = type_size(ds, n->in[1]->type);
        for (int i = 0; n->op == OP_CONTRACT && i < n->attr.contract->nlabels; i++) {
            const ContractAttr *c = n->attr.contract;
            one = i == 0 ? dim_const(ds, 2) : one;
            one = label_is_summed(c, i) ? dim_mul(ds, one, c->sizes[i]) : one;
        }
        depth = dim_add(ds, depth, one);
    }
    return depth;
}

const Dim *graph_cost(Cg *cg, const Graph *g)
{
    Dims *ds = cg->program->dims;
    const Dim *cost = dim_const(ds, 0);
    for (const Node *n = g->body->first; n; n = n->next) {
        if (n->op != OP_KERNEL) continue;
        const Dim *work = kernel_depth(ds, n);
        for (int i = 0; i < n->attr.kernel->prefix; i++) work = dim_mul(ds, work, n->attr.kernel->dims[i]);
        cost = dim_add(ds, cost, work);
    }
    return cost;
}
