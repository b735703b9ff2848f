/* Code that a sanitizer sees into. LLVM's own passes do all of it for AddressSanitizer. For ThreadSanitizer they leave
   out vectors of more than 16 bytes and masked ones, which are most of what a model reads and writes; these accesses
   are told to its runtime here. */
#include "codegen/cg.h"
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

static const struct { const char *attribute, *passes; } sanitizers[] = {
    [SANITIZE_ADDRESS] = {"sanitize_address", "asan"},
    [SANITIZE_THREAD] = {"sanitize_thread", "always-inline,tsan-module,function(tsan)"},
};

const char *sanitizer_attribute(const Cg *cg) { return sanitizers[cg->options->sanitize].attribute; }

void sanitizer_leave_out(Cg *cg, LLVMValueRef function)
{
    static const char name[] = "disable_sanitizer_instrumentation";
    unsigned kind = LLVMGetEnumAttributeKindForName(name, sizeof name - 1);
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cg->context, kind, 0));
}

void module_run_passes(Cg *cg, const char *passes)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(cg->module, passes, cg->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error) fatal("the code made for `%s` cannot be worked on: %s", cg->program->name, LLVMGetErrorMessage(error));
}

/* ---- telling an access ---- */
enum { PASS_SEES_BYTES = 16 };
typedef enum Direction { READS, WRITES } Direction;

/* void (ptr at, i64 bytes), inlined where it is called: an access that is told only where it has any bytes. */
static LLVMValueRef teller(Cg *cg, Direction direction)
{
    static const char *const names[] = {"tell.read", "tell.write"};
    static const char *const runtime[] = {"__tsan_read_range", "__tsan_write_range"};
    LLVMValueRef f = LLVMGetNamedFunction(cg->module, names[direction]);
    if (f) return f;
    LLVMBuilderRef b = cg->builder;
    LLVMTypeRef type = LLVMFunctionType(cg->none, (LLVMTypeRef[]){cg->ptr, cg->i64}, 2, false);
    LLVMValueRef range = LLVMAddFunction(cg->module, runtime[direction], type);
    f = LLVMAddFunction(cg->module, names[direction], type);
    LLVMSetLinkage(f, LLVMInternalLinkage);
    unsigned always = LLVMGetEnumAttributeKindForName("alwaysinline", strlen("alwaysinline"));
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cg->context, always, 0));
    LLVMBasicBlockRef first = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef some = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef last = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMValueRef args[2] = {LLVMGetParam(f, 0), LLVMGetParam(f, 1)};
    LLVMPositionBuilderAtEnd(b, first);
    LLVMSetCurrentDebugLocation2(b, NULL);
    LLVMBuildCondBr(b, LLVMBuildIsNull(b, args[1], ""), last, some);
    LLVMPositionBuilderAtEnd(b, some);
    LLVMBuildCall2(b, type, range, args, 2, "");
    LLVMBuildBr(b, last);
    LLVMPositionBuilderAtEnd(b, last);
    LLVMBuildRetVoid(b);
    return f;
}

typedef struct Access {
    LLVMValueRef instruction, at, mask; /* at: a pointer, or one a lane; mask: NULL: all lanes */
    LLVMTypeRef type;
    Direction direction;
} Access;

static void tell(Cg *cg, const Access *a, LLVMValueRef at, LLVMValueRef bytes)
{
    LLVMValueRef f = teller(cg, a->direction), args[2] = {at, bytes};
    LLVMPositionBuilderBefore(cg->builder, a->instruction); /* again, since the function may just have been made */
    LLVMBuildCall2(cg->builder, LLVMGlobalGetValueType(f), f, args, 2, "");
}

/* A masked vector is one of its first lanes: those that a tail has. */
static LLVMValueRef bytes_of(Cg *cg, const Access *a, int lanes, int64_t lane_bytes)
{
    LLVMBuilderRef b = cg->builder;
    LLVMTypeRef bits = LLVMIntTypeInContext(cg->context, (unsigned)lanes);
    if (!a->mask) return const_i64(cg, lanes * lane_bytes);
    LLVMValueRef set = LLVMBuildBitCast(b, a->mask, bits, "");
    LLVMValueRef count = intrinsic(cg, "llvm.ctpop", &bits, 1, &set, 1);
    return LLVMBuildMul(b, LLVMBuildIntCast2(b, count, cg->i64, false, ""), const_i64(cg, lane_bytes), "");
}

static void tell_lanes(Cg *cg, const Access *a, int lanes, int64_t lane_bytes)
{
    LLVMBuilderRef b = cg->builder;
    for (int i = 0; i < lanes; i++) {
        LLVMValueRef lane = LLVMConstInt(cg->i32, (unsigned)i, false);
        LLVMPositionBuilderBefore(b, a->instruction);
        LLVMValueRef at = LLVMBuildExtractElement(b, a->at, lane, "");
        LLVMValueRef on = LLVMBuildExtractElement(b, a->mask, lane, "");
        tell(cg, a, at, LLVMBuildSelect(b, on, const_i64(cg, lane_bytes), const_i64(cg, 0), ""));
    }
}

static void access_tell(Cg *cg, const Access *a)
{
    LLVMTargetDataRef layout = LLVMGetModuleDataLayout(cg->module);
    int64_t bytes = (int64_t)LLVMABISizeOfType(layout, a->type);
    bool vector = LLVMGetTypeKind(a->type) == LLVMVectorTypeKind;
    int lanes = vector ? (int)LLVMGetVectorSize(a->type) : 1;
    if (!a->mask && bytes <= PASS_SEES_BYTES) return;
    LLVMPositionBuilderBefore(cg->builder, a->instruction);
    if (LLVMGetTypeKind(LLVMTypeOf(a->at)) == LLVMVectorTypeKind) tell_lanes(cg, a, lanes, bytes / lanes);
    else tell(cg, a, a->at, bytes_of(cg, a, lanes, bytes / lanes));
}

/* ---- finding them ---- */
/* Where a masked intrinsic has its address, its mask and what it writes; -1: it gives what it reads. */
static const struct { const char *name; Direction direction; int at, mask, value; } masked[] = {
    {"llvm.masked.load", READS, 0, 2, -1},   {"llvm.masked.store", WRITES, 1, 3, 0},
    {"llvm.masked.gather", READS, 0, 2, -1}, {"llvm.masked.scatter", WRITES, 1, 3, 0},
};

static bool call_access(LLVMValueRef call, Access *out)
{
    unsigned id = LLVMGetIntrinsicID(LLVMGetCalledValue(call));
    for (size_t i = 0; id && i < COUNT(masked); i++) {
        if (LLVMLookupIntrinsicID(masked[i].name, strlen(masked[i].name)) != id) continue;
        LLVMValueRef value = masked[i].value < 0 ? call : LLVMGetOperand(call, (unsigned)masked[i].value);
        *out = (Access){call, LLVMGetOperand(call, (unsigned)masked[i].at),
                        LLVMGetOperand(call, (unsigned)masked[i].mask), LLVMTypeOf(value), masked[i].direction};
        return true;
    }
    return false;
}

static bool access_of(LLVMValueRef i, Access *out)
{
    switch (LLVMGetInstructionOpcode(i)) {
    case LLVMLoad: *out = (Access){i, LLVMGetOperand(i, 0), NULL, LLVMTypeOf(i), READS}; return true;
    case LLVMStore:
        *out = (Access){i, LLVMGetOperand(i, 1), NULL, LLVMTypeOf(LLVMGetOperand(i, 0)), WRITES};
        return true;
    case LLVMCall: return call_access(i, out);
    default: return false;
    }
}

static void function_tell(Cg *cg, LLVMValueRef f)
{
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
            Access a;
            next = LLVMGetNextInstruction(i);
            if (access_of(i, &a)) access_tell(cg, &a);
        }
}

void module_sanitize(Cg *cg)
{
    Sanitizer s = cg->options->sanitize;
    if (s == SANITIZE_NONE) return;
    if (s == SANITIZE_THREAD)
        for (LLVMValueRef f = LLVMGetFirstFunction(cg->module); f; f = LLVMGetNextFunction(f)) function_tell(cg, f);
    module_run_passes(cg, sanitizers[s].passes);
}
