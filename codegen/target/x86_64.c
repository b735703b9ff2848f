/* x86-64: its code generator, its control word, and what the machine that runs the compiler can do. */
#include "codegen/target/target.h"
#include <llvm-c/Target.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The state that the operating system saves, by XGETBV: bits 1 and 2 are AVX's registers, 5 to 7 those of AVX-512. */
static uint64_t saved_state(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

static uint64_t features(bool *out_is)
{
    uint32_t a, b = 0, c = 0, d, ext = 0, b7 = 0, unused;
    *out_is = true;
    __get_cpuid(1, &a, &b, &c, &d);
    __get_cpuid(0x80000001, &a, &unused, &ext, &d);
    __get_cpuid_count(7, 0, &a, &b7, &unused, &d);
    const struct { uint32_t word, bit; uint64_t feature; } has[] = {
        {c, bit_AVX, CPU_AVX}, {c, bit_FMA, CPU_FMA}, {c, bit_F16C, CPU_F16C}, {c, bit_MOVBE, CPU_MOVBE},
        {ext, 1u << 5, CPU_LZCNT}, {b7, bit_AVX2, CPU_AVX2}, {b7, bit_BMI, CPU_BMI1}, {b7, bit_BMI2, CPU_BMI2},
        {b7, bit_AVX512F, CPU_AVX512F}, {b7, bit_AVX512CD, CPU_AVX512CD}, {b7, bit_AVX512BW, CPU_AVX512BW},
        {b7, bit_AVX512DQ, CPU_AVX512DQ}, {b7, bit_AVX512VL, CPU_AVX512VL},
    };
    uint64_t found = 0, saved = saved_state();
    for (unsigned i = 0; i < sizeof has / sizeof has[0]; i++)
        if (has[i].word & has[i].bit) found |= has[i].feature;
    if ((saved & 0x06) == 0x06) found |= CPU_OS_AVX;
    if ((saved & 0xe6) == 0xe6) found |= CPU_OS_AVX512;
    return found;
}
#else
static uint64_t features(bool *out_is)
{
    *out_is = false;
    return 0;
}
#endif

static void generator_open(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
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
const Arch arch_x86_64 = {generator_open, features, false, 0xFFC0, 0x1F80, control_read, control_write, NULL};
