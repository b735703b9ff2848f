/* Arm Cortex-M without a system: 32-bit words, one number at a time, and no library to call. */
#include "codegen/target/target.h"
#include <llvm-c/Target.h>

static uint64_t features(bool *out_is)
{
    *out_is = false; /* the compiler runs on no such machine */
    return 0;
}

static void generator_open(void)
{
    LLVMInitializeARMTargetInfo();
    LLVMInitializeARMTarget();
    LLVMInitializeARMTargetMC();
    LLVMInitializeARMAsmPrinter();
}

static LLVMValueRef control_read(Cg *cg, LLVMValueRef slot)
{
    (void)slot;
    return intrinsic(cg, "llvm.arm.get.fpscr", NULL, 0, NULL, 0);
}

static void control_write(Cg *cg, LLVMValueRef slot, LLVMValueRef word)
{
    (void)slot;
    intrinsic(cg, "llvm.arm.set.fpscr", NULL, 0, &word, 1);
}

/* FPSCR: half precision, default NaN, flushing, rounding; all 0 is IEEE arithmetic. */
const Arch arch_cortex_m = {
    .open = generator_open, .features = features, .bare = true, .control_bits = 0x07C00000, .control_default = 0,
    .control_read = control_read, .control_write = control_write, .helpers = soft_emit,
};
