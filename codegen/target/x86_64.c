/* x86-64: its code generator, its control word, and what the machine that runs the compiler can do. */
#include "codegen/target/target.h"
#include <llvm-c/Target.h>
#include <string.h>

/* What CPUID tells of a feature. Leaf 0 tells the highest leaf, since older processors answer for others at random. */
typedef enum Word { EAX, EBX, ECX } Word;
enum { LEAF_1 = 1, LEAF_7 = 7, LEAF_EXTENDED = (int)0x80000001, OSXSAVE = 27 };
typedef struct Feature { int leaf; Word word; int bit; uint64_t flag; } Feature;
static const Feature cpuid_bits[] = {
    {LEAF_1, ECX, 28, CPU_AVX},         {LEAF_1, ECX, 12, CPU_FMA},       {LEAF_1, ECX, 29, CPU_F16C},
    {LEAF_1, ECX, 22, CPU_MOVBE},       {LEAF_EXTENDED, ECX, 5, CPU_LZCNT}, {LEAF_7, EBX, 5, CPU_AVX2},
    {LEAF_7, EBX, 3, CPU_BMI1},         {LEAF_7, EBX, 8, CPU_BMI2},       {LEAF_7, EBX, 16, CPU_AVX512F},
    {LEAF_7, EBX, 28, CPU_AVX512CD},    {LEAF_7, EBX, 30, CPU_AVX512BW}, {LEAF_7, EBX, 17, CPU_AVX512DQ},
    {LEAF_7, EBX, 31, CPU_AVX512VL},
};
/* The registers that the operating system saves, by XGETBV: bits 1 and 2 are AVX's, 5 to 7 those of AVX-512. */
static const struct { uint32_t bits; uint64_t flag; } saved_bits[] = {{0x06, CPU_OS_AVX}, {0xe6, CPU_OS_AVX512}};

#if defined(__x86_64__)
#include <cpuid.h>

static uint32_t cpuid_word(int leaf, Word word)
{
    uint32_t a = 0, b = 0, c = 0, d;
    __get_cpuid_count((uint32_t)leaf, 0, &a, &b, &c, &d);
    return word == EBX ? b : c;
}

static uint32_t saved_state(void)
{
    uint32_t low, high;
    if (!(cpuid_word(LEAF_1, ECX) >> OSXSAVE & 1)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint64_t features(bool *out_is)
{
    uint64_t found = 0;
    *out_is = true;
    for (size_t i = 0; i < COUNT(cpuid_bits); i++)
        if (cpuid_word(cpuid_bits[i].leaf, cpuid_bits[i].word) >> cpuid_bits[i].bit & 1) found |= cpuid_bits[i].flag;
    for (size_t i = 0; i < COUNT(saved_bits); i++)
        if ((saved_state() & saved_bits[i].bits) == saved_bits[i].bits) found |= saved_bits[i].flag;
    return found;
}
#else
static uint64_t features(bool *out_is)
{
    *out_is = false;
    return 0;
}
#endif

/* ---- the same in compiled code ---- */
static LLVMValueRef word_const(Cg *cg, uint32_t v) { return LLVMConstInt(cg->i32, v, false); }

static LLVMValueRef emit_asm(Cg *cg, const char *text, const char *constraints, int words, LLVMValueRef *args, int n)
{
    LLVMTypeRef outs[] = {cg->i32, cg->i32, cg->i32, cg->i32}, ins[] = {cg->i32, cg->i32};
    LLVMTypeRef type = LLVMFunctionType(LLVMStructTypeInContext(cg->context, outs, (unsigned)words, false), ins,
                                        (unsigned)n, false);
    LLVMValueRef code = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints), true, false,
                                         LLVMInlineAsmDialectATT, false);
    return LLVMBuildCall2(cg->builder, type, code, args, (unsigned)n, "");
}

static LLVMValueRef emit_cpuid(Cg *cg, int leaf, Word word)
{
    LLVMValueRef args[] = {word_const(cg, (uint32_t)leaf), word_const(cg, 0)};
    LLVMValueRef words = emit_asm(cg, "cpuid", "={ax},={bx},={cx},={dx},{ax},{cx}", 4, args, 2);
    return LLVMBuildExtractValue(cg->builder, words, word, "");
}

/* XGETBV is no instruction where CPUID does not say so. */
static LLVMValueRef emit_saved_state(Cg *cg)
{
    LLVMBuilderRef b = cg->builder;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(b);
    LLVMValueRef f = LLVMGetBasicBlockParent(here), zero = word_const(cg, 0);
    LLVMBasicBlockRef ask = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMValueRef bit = LLVMBuildAnd(b, emit_cpuid(cg, LEAF_1, ECX), word_const(cg, 1u << OSXSAVE), "");
    LLVMBuildCondBr(b, LLVMBuildIsNotNull(b, bit, ""), ask, after);
    LLVMPositionBuilderAtEnd(b, ask);
    LLVMValueRef low = LLVMBuildExtractValue(b, emit_asm(cg, "xgetbv", "={ax},={dx},{cx}", 2, &zero, 1), 0, "");
    LLVMBuildBr(b, after);
    LLVMPositionBuilderAtEnd(b, after);
    LLVMValueRef state = LLVMBuildPhi(b, cg->i32, "");
    LLVMAddIncoming(state, (LLVMValueRef[]){zero, low}, (LLVMBasicBlockRef[]){here, ask}, 2);
    return state;
}

static LLVMValueRef add_flag(Cg *cg, LLVMValueRef found, LLVMValueRef word, uint32_t bits, uint64_t flag)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef mask = word_const(cg, bits), both = LLVMBuildAnd(b, word, mask, "");
    LLVMValueRef has = LLVMBuildICmp(b, LLVMIntEQ, both, mask, "");
    LLVMValueRef with = LLVMBuildOr(b, found, const_i64(cg, (int64_t)flag), "");
    return LLVMBuildSelect(b, has, with, found, "");
}

static LLVMValueRef features_emit(Cg *cg)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef state = emit_saved_state(cg), found = const_i64(cg, 0);
    LLVMValueRef has_7 = LLVMBuildICmp(b, LLVMIntUGE, emit_cpuid(cg, 0, EAX), word_const(cg, LEAF_7), "");
    for (size_t i = 0; i < COUNT(cpuid_bits); i++) {
        const Feature *f = &cpuid_bits[i];
        LLVMValueRef word = emit_cpuid(cg, f->leaf, f->word);
        if (f->leaf == LEAF_7) word = LLVMBuildSelect(b, has_7, word, word_const(cg, 0), "");
        found = add_flag(cg, found, word, 1u << f->bit, f->flag);
    }
    for (size_t i = 0; i < COUNT(saved_bits); i++)
        found = add_flag(cg, found, state, saved_bits[i].bits, saved_bits[i].flag);
    return found;
}

static void generator_open(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); /* for CPUID */
}

static LLVMValueRef control_read(Cg *cg, LLVMValueRef slot)
{
    intrinsic(cg, "llvm.x86.sse.stmxcsr", NULL, 0, &slot, 1);
    return LLVMBuildLoad2(cg->builder, cg->i32, slot, "");
}

static void control_write(Cg *cg, LLVMValueRef slot, LLVMValueRef word)
{
    LLVMBuildStore(cg->builder, word, slot);
    intrinsic(cg, "llvm.x86.sse.ldmxcsr", NULL, 0, &slot, 1);
}

/* MXCSR: the sticky flags are its low six bits; nearest, no flushing, every trap masked. */
const Arch arch_x86_64 = {
    .open = generator_open, .features = features, .control_bits = 0xFFC0, .control_default = 0x1F80,
    .control_read = control_read, .control_write = control_write, .features_emit = features_emit,
};
