/* The LLVM side of one emission: its context, module and machine, the few builders that the C API lacks, and the way
   from a finished module to bytes. */
#include "codegen/target/target.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <string.h>

/* The emitter writes what it wants to see: vectors, unrolled loops, inlined formulas. What is left is cleaning up. */
static const char passes[] =
    "always-inline,function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg),globaldce";

enum { MAX_LANES = 64 }; /* bytes in the widest register */

static bool machine_open(Cg *cg)
{
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault,
                                                 LLVMCodeGenLevelAggressive};
    const Target *t = cg->target;
    int level = cg->options->level < 0 ? 0 : cg->options->level > 3 ? 3 : cg->options->level;
    t->arch->open();
    LLVMTargetRef target;
    char *error = NULL, *triple = LLVMNormalizeTargetTriple(t->triple);
    cg->triple = str_copy(cg->arena, triple);
    LLVMDisposeMessage(triple);
    if (LLVMGetTargetFromTriple(cg->triple, &target, &error)) {
        diag_error(cg->cx->diags, "E0901", NO_SPAN, "no code generator for `%s`: %s", t->name, error);
        LLVMDisposeMessage(error);
        return false;
    }
    LLVMRelocMode reloc = t->arch->bare ? LLVMRelocStatic : LLVMRelocPIC;
    cg->machine = LLVMCreateTargetMachine(target, cg->triple, t->cpu, t->features, levels[level], reloc,
                                          LLVMCodeModelSmall);
    return true;
}

static void types_open(Cg *cg)
{
    cg->i1 = LLVMInt1TypeInContext(cg->context);
    cg->i8 = LLVMInt8TypeInContext(cg->context);
    cg->i32 = LLVMInt32TypeInContext(cg->context);
    cg->i64 = LLVMInt64TypeInContext(cg->context);
    cg->f32 = LLVMFloatTypeInContext(cg->context);
    cg->f64 = LLVMDoubleTypeInContext(cg->context);
    cg->ptr = LLVMPointerTypeInContext(cg->context, 0);
    cg->none = LLVMVoidTypeInContext(cg->context);
}

bool cg_open(Cg *cg, Program *p, const CodegenOptions *options)
{
    *cg = (Cg){.program = p, .arena = p->arena, .cx = p->cx, .options = options};
    cg->target = target_chosen(cg->cx, options);
    if (!cg->target || !machine_open(cg)) return false;
    cg->context = LLVMContextCreate();
    LLVMContextSetDiscardValueNames(cg->context, true);
    cg->module = LLVMModuleCreateWithNameInContext(p->name, cg->context);
    cg->builder = LLVMCreateBuilderInContext(cg->context);
    LLVMSetTarget(cg->module, cg->triple);
    LLVMSetSourceFileName(cg->module, p->file ? p->file : p->name, strlen(p->file ? p->file : p->name));
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(cg->machine);
    LLVMSetModuleDataLayout(cg->module, layout);
    LLVMDisposeTargetData(layout);
    types_open(cg);
    if (options->debug) debug_open(cg);
    return true;
}

void cg_close(Cg *cg)
{
    if (cg->debug) debug_close(cg);
    if (cg->builder) LLVMDisposeBuilder(cg->builder);
    if (cg->module) LLVMDisposeModule(cg->module);
    if (cg->machine) LLVMDisposeTargetMachine(cg->machine);
    if (cg->context) LLVMContextDispose(cg->context);
}

/* ---- from module to bytes ---- */
static void module_verify(Cg *cg)
{
    char *error = NULL;
    if (LLVMVerifyModule(cg->module, LLVMReturnStatusAction, &error))
        fatal("the code made for `%s` is malformed: %s", cg->program->name, error);
    LLVMDisposeMessage(error);
}

static void module_clean(Cg *cg)
{
    if (cg->options->level > 0) module_run_passes(cg, passes);
}

static Bytes bytes_copy(Cg *cg, const void *at, size_t size)
{
    return (Bytes){arena_copy(cg->arena, at, size), size};
}

static Bytes module_text(Cg *cg)
{
    char *text = LLVMPrintModuleToString(cg->module);
    Bytes b = bytes_copy(cg, text, strlen(text));
    LLVMDisposeMessage(text);
    return b;
}

bool cg_finish(Cg *cg, EmitKind kind, Bytes *out)
{
    if (cg->target->arch->helpers) cg->target->arch->helpers(cg);
    if (cg->debug) debug_finish(cg);
    module_verify(cg);
    module_clean(cg);
    module_sanitize(cg);
    if (kind == EMIT_LLVM_IR) {
        *out = module_text(cg);
        return true;
    }
    LLVMMemoryBufferRef buffer;
    char *error = NULL;
    LLVMCodeGenFileType type = kind == EMIT_ASM ? LLVMAssemblyFile : LLVMObjectFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(cg->machine, cg->module, type, &error, &buffer)) {
        diag_error(cg->cx->diags, "E0901", NO_SPAN, "no machine code could be made: %s", error);
        LLVMDisposeMessage(error);
        return false;
    }
    *out = bytes_copy(cg, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    LLVMDisposeMemoryBuffer(buffer);
    return true;
}

/* ---- types and constants ---- */
static LLVMTypeRef lanes_type(LLVMTypeRef scalar, int lanes)
{
    return lanes == 1 ? scalar : LLVMVectorType(scalar, (unsigned)lanes);
}

LLVMTypeRef lane_type(Cg *cg, DType t, int lanes)
{
    LLVMTypeRef scalars[DT_COUNT] = {[DT_BOOL] = cg->i1, [DT_U8] = cg->i8, [DT_I8] = cg->i8, [DT_I32] = cg->i32,
                                     [DT_I64] = cg->i64, [DT_F32] = cg->f32, [DT_F64] = cg->f64};
    return lanes_type(scalars[t], lanes);
}

LLVMTypeRef stored_type(Cg *cg, DType t, int lanes)
{
    return t == DT_BOOL ? lanes_type(cg->i8, lanes) : lane_type(cg, t, lanes);
}

int lanes_of(LLVMValueRef v)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(t) : 1;
}

LLVMValueRef const_i64(Cg *cg, int64_t v) { return LLVMConstInt(cg->i64, (uint64_t)v, true); }

/* A constant in every lane: scalars are made first, vectors of them next. */
static LLVMValueRef const_splat(LLVMValueRef scalar, int lanes)
{
    LLVMValueRef each[MAX_LANES];
    if (lanes == 1) return scalar;
    if (lanes > MAX_LANES) UNREACHABLE("too many lanes");
    for (int i = 0; i < lanes; i++) each[i] = scalar;
    return LLVMConstVector(each, (unsigned)lanes);
}

static int64_t to_integer(double v)
{
    if (!(v > -0x1p63)) return v != v ? 0 : INT64_MIN;
    return v < 0x1p63 ? (int64_t)v : INT64_MAX;
}

LLVMValueRef const_number(Cg *cg, DType t, double v, int lanes)
{
    LLVMTypeRef type = lane_type(cg, t, 1);
    if (dtype_is_float(t)) return const_splat(LLVMConstReal(type, v), lanes);
    return const_splat(LLVMConstInt(type, (uint64_t)(t == DT_BOOL ? v != 0 : to_integer(v)), true), lanes);
}

LLVMValueRef const_iota(Cg *cg, LLVMTypeRef integer, int lanes)
{
    LLVMValueRef each[MAX_LANES];
    (void)cg;
    if (lanes > MAX_LANES) UNREACHABLE("too many lanes");
    for (int i = 0; i < lanes; i++) each[i] = LLVMConstInt(integer, (uint64_t)i, false);
    return LLVMConstVector(each, (unsigned)lanes);
}

LLVMValueRef splat(Cg *cg, LLVMValueRef scalar, int lanes)
{
    if (lanes == 1 || lanes_of(scalar) > 1) return scalar;
    if (LLVMIsConstant(scalar)) return const_splat(scalar, lanes);
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
    LLVMValueRef none = LLVMGetPoison(type);
    LLVMValueRef first = LLVMBuildInsertElement(cg->builder, none, scalar, LLVMConstInt(cg->i32, 0, false), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(cg->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(cg->builder, first, none, zeros, "");
}

/* ---- instructions ---- */
LLVMValueRef intrinsic(Cg *cg, const char *name, LLVMTypeRef *types, int ntypes, LLVMValueRef *args, int nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef type = LLVMIntrinsicGetType(cg->context, id, types, (size_t)ntypes);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(cg->module, id, types, (size_t)ntypes);
    return LLVMBuildCall2(cg->builder, type, f, args, (unsigned)nargs, "");
}

LLVMValueRef multiply_add(Cg *cg, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    if (!cg->target->fma) return LLVMBuildFAdd(cg->builder, LLVMBuildFMul(cg->builder, a, b, ""), c, "");
    LLVMTypeRef type = LLVMTypeOf(a);
    LLVMValueRef args[] = {a, b, c};
    return intrinsic(cg, "llvm.fma", &type, 1, args, 3);
}

/* ---- functions and globals ---- */
/* Where no system loads code in pages, every part is a section of its own, so that a linker leaves out what is not
   called. */
static void set_section(Cg *cg, LLVMValueRef part, const char *kind, const char *name)
{
    if (cg->target->arch->bare) LLVMSetSection(part, str_format(cg->arena, ".%s.%s", kind, name));
}

static void text_attribute(Cg *cg, LLVMValueRef f, const char *key, const char *value)
{
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(cg->context, key, (unsigned)strlen(key), value,
                                                      (unsigned)strlen(value)));
}

static void flag_attribute(Cg *cg, LLVMValueRef f, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(cg->context, kind, 0));
}

/* Levels in one module keep their functions apart. */
static const char *level_name(Cg *cg, const char *name)
{
    return cg->portable ? str_format(cg->arena, "%s.%s", name, cg->target->name) : name;
}

LLVMValueRef function_find(Cg *cg, const char *name)
{
    return LLVMGetNamedFunction(cg->module, level_name(cg, name));
}

/* The width is given because LLVM otherwise splits 64-byte vectors in two; no-builtins because a loop that clears
   memory must stay a loop: a model calls nothing. */
LLVMValueRef function_new(Cg *cg, const char *name, LLVMTypeRef type, bool exported)
{
    bool named = exported && !cg->portable;
    LLVMValueRef f = LLVMAddFunction(cg->module, level_name(cg, name), type);
    LLVMSetLinkage(f, named ? LLVMExternalLinkage : LLVMInternalLinkage);
    LLVMSetUnnamedAddress(f, named ? LLVMNoUnnamedAddr : LLVMGlobalUnnamedAddr);
    if (exported && !named) portable_export(cg, name, f);
    text_attribute(cg, f, "target-cpu", cg->target->cpu);
    if (*cg->target->features) text_attribute(cg, f, "target-features", cg->target->features);
    text_attribute(cg, f, "prefer-vector-width", str_format(cg->arena, "%d", 8 * cg->target->vector_bytes));
    text_attribute(cg, f, "no-trapping-math", "true");
    text_attribute(cg, f, "frame-pointer", sanitizer_attribute(cg) ? "all" : "none"); /* for reports */
    text_attribute(cg, f, "no-builtins", "");
    flag_attribute(cg, f, "nounwind");
    set_section(cg, f, "text", name);
    if (sanitizer_attribute(cg)) flag_attribute(cg, f, sanitizer_attribute(cg));
    return f;
}

LLVMValueRef global_const(Cg *cg, const char *name, LLVMValueRef init, int align)
{
    LLVMValueRef g = LLVMAddGlobal(cg->module, LLVMTypeOf(init), name);
    LLVMSetInitializer(g, init);
    LLVMSetGlobalConstant(g, true);
    LLVMSetLinkage(g, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(g, (unsigned)align);
    set_section(cg, g, "rodata", name);
    return g;
}

LLVMValueRef global_text(Cg *cg, const char *text)
{
    if (!text) return LLVMConstPointerNull(cg->ptr);
    size_t n = strlen(text);
    const char *name = "text.empty"; /* LLVM keeps it as a zero, not as a string */
    if (n) name = str_format(cg->arena, "text.%016llx", (unsigned long long)hash_bytes(0, text, n));
    LLVMValueRef known;
    while ((known = LLVMGetNamedGlobal(cg->module, name))) {
        if (!n) return known;
        size_t size;
        const char *was = LLVMGetAsString(LLVMGetInitializer(known), &size);
        if (size == n + 1 && memcmp(was, text, n) == 0) return known;
        name = str_format(cg->arena, "%s'", name);
    }
    return global_const(cg, name, LLVMConstStringInContext2(cg->context, text, n, false), 1);
}

LLVMValueRef global_values(Cg *cg, const Tensor *t, const char *name, const void *values, int64_t bytes)
{
    const Program *p = cg->program;
    if (!cg->given) cg->given = NEW_ARRAY(cg->arena, LLVMValueRef, p->tensors.n);
    LLVMValueRef *known = &cg->given[t - p->tensors.at];
    if (!*known)
        *known = global_const(cg, name, LLVMConstStringInContext2(cg->context, values, (size_t)bytes, true), 64);
    return *known;
}
