/* Passes over buffers that the host gives: indices in range, numbers finite. Each is one function a dtype, made when
   it is first needed. */
#include "codegen/cg.h"

typedef struct Scan {
    DType t;
    LLVMValueRef at, n, last;  /* last: the largest index allowed; NULL: numbers must be finite */
} Scan;

/* x - x is 0 for every finite number and NaN otherwise. */
static LLVMValueRef not_finite(Cg *cg, LLVMValueRef v)
{
    LLVMValueRef d = LLVMBuildFSub(cg->builder, v, v, "");
    return LLVMBuildFCmp(cg->builder, LLVMRealUNO, d, d, "");
}

LLVMValueRef is_finite(Cg *cg, LLVMValueRef v)
{
    return LLVMBuildNot(cg->builder, not_finite(cg, v), "");
}

static void scan_vector(Cg *cg, LLVMValueRef i, Carry *bad, void *context)
{
    Scan *s = context;
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef v = load_at(cg, s->t, s->at, ix_new(cg, i, IX_STEP));
    LLVMValueRef out = s->last ? LLVMBuildICmp(b, LLVMIntUGT, v, splat(cg, s->last, lanes_of(v)), "")
                               : not_finite(cg, v);
    bad->at[0] = LLVMBuildOr(b, bad->at[0], out, "");
}

/* i1 (ptr at, i64 n[, last]) */
static LLVMValueRef scan_function(Cg *cg, DType t, bool ranged)
{
    LLVMBuilderRef b = cg->builder;
    const char *name = str_format(cg->arena, "%s.%s", ranged ? "in_range" : "finite", dtype_name(t));
    LLVMValueRef f = function_find(cg, name);
    if (f) return f;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(b);
    Kernel *outer = cg->kernel, k;
    LLVMTypeRef params[3] = {cg->ptr, cg->i64, lane_type(cg, t, 1)};
    f = function_new(cg, name, LLVMFunctionType(cg->i1, params, ranged ? 3 : 2, false), false);
    cg_debug_function(cg, f, name, NULL);
    kernel_open(cg, &k, NULL, NULL, f);
    cg_debug_site(cg, NULL);
    k.lanes = target_lanes(cg->target, dtype_bytes(t));
    Scan s = {t, LLVMGetParam(f, 0), LLVMGetParam(f, 1), ranged ? LLVMGetParam(f, 2) : NULL};
    Carry bad = {1, {LLVMConstNull(lane_type(cg, DT_BOOL, k.lanes))}};
    loop_lanes(cg, const_i64(cg, 0), s.n, &bad, scan_vector, &s);
    LLVMTypeRef type = LLVMTypeOf(bad.at[0]);
    LLVMValueRef any = k.lanes == 1 ? bad.at[0] : intrinsic(cg, "llvm.vector.reduce.or", &type, 1, bad.at, 1);
    LLVMBuildRet(b, LLVMBuildNot(b, any, ""));
    cg->kernel = outer;
    LLVMPositionBuilderAtEnd(b, here);
    cg_debug_site(cg, NULL);
    return f;
}

LLVMValueRef scan_range(Cg *cg, DType t, LLVMValueRef at, LLVMValueRef n, LLVMValueRef limit)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = scan_function(cg, t, true);
    int64_t most = t == DT_U8 ? UINT8_MAX : t == DT_I8 ? INT8_MAX : t == DT_I32 ? INT32_MAX : INT64_MAX;
    LLVMValueRef last = LLVMBuildSub(b, limit, const_i64(cg, 1), ""), top = const_i64(cg, most);
    last = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, last, top, ""), last, top, "");
    LLVMValueRef args[3] = {at, n, LLVMBuildIntCast2(b, last, lane_type(cg, t, 1), true, "")};
    return LLVMBuildCall2(b, LLVMGlobalGetValueType(f), f, args, 3, "");
}

LLVMValueRef scan_finite(Cg *cg, DType t, LLVMValueRef at, LLVMValueRef n)
{
    LLVMValueRef f = scan_function(cg, t, false), args[2] = {at, n};
    return LLVMBuildCall2(cg->builder, LLVMGlobalGetValueType(f), f, args, 2, "");
}

LLVMValueRef grads_finite(Cg *cg, LLVMValueRef grads)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef ok = LLVMConstInt(cg->i1, 1, false);
    for (int i = 0; i < cg->program->tensors.n; i++) {
        const Tensor *t = &cg->program->tensors.at[i];
        int64_t n;
        bool real = t->role != ROLE_OPT && dtype_is_float(t->type.dtype);
        if (!real || !dim_known(type_size(cg->program->dims, t->type), &n)) continue;
        LLVMValueRef offset = const_i64(cg, t->offset);
        LLVMValueRef at = LLVMBuildInBoundsGEP2(b, cg->i8, grads, &offset, 1, "");
        ok = LLVMBuildAnd(b, ok, scan_finite(cg, t->type.dtype, at, const_i64(cg, n)), "");
    }
    return ok;
}
