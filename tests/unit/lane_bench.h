/* lane_bench.h: single scalar operators compiled to loops over arrays, in vectors ("all") and in single lanes ("one"),
   for one level of the instruction set. */
#ifndef LANE_BENCH_H
#define LANE_BENCH_H
#include "tensor_assert.h"
#include "codegen/cg.h"

/* ---- compiled loops: void f(const T *a, const T *b, T *out, int64_t n) ---- */
typedef void LoopFn(const void *a, const void *b, void *out, int64_t n);

static inline Node node_of(Cg *cg, OpCode op, DType in, DType out)
{
    Value *each = NEW_ARRAY(cg->arena, Value, 3), **all = NEW_ARRAY(cg->arena, Value *, 3);
    for (int i = 0; i < 3; i++) {
        each[i].type = type_scalar(i == 2 ? out : in);
        each[i].def = NEW(cg->arena, Node);
        all[i] = &each[i];
    }
    return (Node){.op = op, .nin = op_info(op)->nin, .nout = 1, .in = all, .out = &each[2]};
}

static inline LLVMValueRef lanes_load(Cg *cg, DType t, int lanes, LLVMValueRef base, LLVMValueRef i)
{
    LLVMValueRef at = LLVMBuildGEP2(cg->builder, stored_type(cg, t, 1), base, &i, 1, "");
    LLVMValueRef v = LLVMBuildLoad2(cg->builder, stored_type(cg, t, lanes), at, "");
    LLVMSetAlignment(v, 1);
    return t == DT_BOOL ? LLVMBuildTrunc(cg->builder, v, lane_type(cg, t, lanes), "") : v;
}

static inline void lanes_store(Cg *cg, DType t, int lanes, LLVMValueRef base, LLVMValueRef i, LLVMValueRef v)
{
    if (t == DT_BOOL) v = LLVMBuildZExt(cg->builder, v, stored_type(cg, t, lanes), "");
    LLVMValueRef at = LLVMBuildGEP2(cg->builder, stored_type(cg, t, 1), base, &i, 1, "");
    LLVMSetAlignment(LLVMBuildStore(cg->builder, v, at), 1);
}

static inline void loop_emit(Cg *cg, const char *name, OpCode op, DType in, DType out, int lanes)
{
    LLVMTypeRef args[] = {cg->ptr, cg->ptr, cg->ptr, cg->i64};
    LLVMValueRef f = function_new(cg, name, LLVMFunctionType(cg->none, args, 4, false), true);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef end = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMPositionBuilderAtEnd(cg->builder, entry);
    LLVMBuildBr(cg->builder, loop);
    LLVMPositionBuilderAtEnd(cg->builder, loop);
    LLVMValueRef i = LLVMBuildPhi(cg->builder, cg->i64, ""), x[2];
    for (unsigned k = 0; k < 2; k++) x[k] = lanes_load(cg, in, lanes, LLVMGetParam(f, k), i);
    Node n = node_of(cg, op, in, out);
    lanes_store(cg, out, lanes, LLVMGetParam(f, 2), i, emit_scalar(cg, &n, x, lanes));
    LLVMValueRef next = LLVMBuildAdd(cg->builder, i, const_i64(cg, lanes), ""), from[] = {const_i64(cg, 0), next};
    LLVMBasicBlockRef blocks[] = {entry, LLVMGetInsertBlock(cg->builder)};
    LLVMAddIncoming(i, from, blocks, 2);
    LLVMBuildCondBr(cg->builder, LLVMBuildICmp(cg->builder, LLVMIntSLT, next, LLVMGetParam(f, 3), ""), loop, end);
    LLVMPositionBuilderAtEnd(cg->builder, end);
    LLVMBuildRetVoid(cg->builder);
}

typedef struct Tried { Cx *cx; Program *p; const Target *target; Jit *jit; } Tried;
typedef void EmitAll(Cg *cg);

static inline const char *loop_name(Cg *cg, OpCode op, DType in, DType out, int lanes)
{
    const char *how = lanes == 1 ? "one" : "all";
    return str_format(cg->arena, "%s.%s.%s.%s", op_info(op)->text, dtype_name(in), dtype_name(out), how);
}

static inline void both_emit(Cg *cg, OpCode op, DType in, DType out)
{
    int wider = dtype_bytes(in) > dtype_bytes(out) ? dtype_bytes(in) : dtype_bytes(out);
    int lanes[] = {1, cg->target->vector_bytes / wider};
    for (int k = 0; k < 2; k++) loop_emit(cg, loop_name(cg, op, in, out, lanes[k]), op, in, out, lanes[k]);
}

/* NULL where the level does not run here. */
static inline Tried *level_open(const char *name, EmitAll *emit)
{
    if (!codegen_level_runs_here(name)) return NULL;
    Cx *cx = cx_new();
    Tried *l = NEW(cx->arena, Tried);
    *l = (Tried){cx, program_new(cx, "bench", "bench.nn"), target_named(name), NULL};
    CodegenOptions options = {.march = name, .level = 2};
    Cg cg;
    Bytes object;
    assert_true(cg_open(&cg, l->p, &options));
    emit(&cg);
    assert_true(cg_finish(&cg, EMIT_OBJECT, &object));
    cg_close(&cg);
    l->jit = jit_open(l->p, object);
    assert_non_null(l->jit);
    return l;
}

static inline void level_close(Tried *l)
{
    jit_close(l->jit);
    cx_free(l->cx);
}

static inline LoopFn *loop_of(Tried *l, OpCode op, DType in, DType out, const char *lanes)
{
    const char *ti = dtype_name(in), *to = dtype_name(out);
    const char *name = str_format(l->cx->arena, "%s.%s.%s.%s", op_info(op)->text, ti, to, lanes);
    LoopFn *f = (LoopFn *)jit_symbol(l->jit, name);
    if (!f) fail_msg("no %s", name);
    return f;
}
#endif
