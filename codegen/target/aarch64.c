/* aarch64: vectors of 16 bytes and fused products are in every processor of it, so its one level needs no feature. */
#include "codegen/target/target.h"
#include <llvm-c/Target.h>

static uint64_t features(bool *out_is)
{
#if defined(__aarch64__)
    *out_is = true;
#else
    *out_is = false;
#endif
    return 0;
}

static void generator_open(void)
{
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
}

static LLVMValueRef control_read(Cg *cg, LLVMValueRef slot)
{
    (void)slot;
    return intrinsic(cg, "llvm.aarch64.get.fpcr", NULL, 0, NULL, 0);
}

static void control_write(Cg *cg, LLVMValueRef slot, LLVMValueRef word)
{
    (void)slot;
    intrinsic(cg, "llvm.aarch64.set.fpcr", NULL, 0, &word, 1);
}

/* FPCR: half precision, default NaN, flushing, rounding, traps; all 0 is IEEE arithmetic. */
const Arch arch_aarch64 = {
    .open = generator_open, .features = features, .control_bits = 0x07F89F00, .control_default = 0,
    .control_read = control_read, .control_write = control_write,
};
