/* target.h: what the file of an architecture tells the table of levels and the emitter. */
#ifndef NNC_CODEGEN_TARGET_H
#define NNC_CODEGEN_TARGET_H
#include "codegen/cg.h"

/* One bit a feature that the runtime asks the CPU for; a compiled model carries those it needs, so the numbers are part
   of the binary interface (NNRT_CPU_ in the runtime's header). */
enum {
    CPU_AVX = 1, CPU_AVX2 = 2, CPU_FMA = 4, CPU_BMI1 = 8, CPU_BMI2 = 16, CPU_F16C = 32, CPU_LZCNT = 64,
    CPU_MOVBE = 128, CPU_AVX512F = 256, CPU_AVX512CD = 512, CPU_AVX512BW = 1024, CPU_AVX512DQ = 2048,
    CPU_AVX512VL = 4096, CPU_OS_AVX = 8192, CPU_OS_AVX512 = 16384,
    CPU_V3 = CPU_AVX | CPU_AVX2 | CPU_FMA | CPU_BMI1 | CPU_BMI2 | CPU_F16C | CPU_LZCNT | CPU_MOVBE | CPU_OS_AVX,
    CPU_V4 = CPU_V3 | CPU_AVX512F | CPU_AVX512CD | CPU_AVX512BW | CPU_AVX512DQ | CPU_AVX512VL | CPU_OS_AVX512,
};

typedef struct Arch {
    void (*open)(void);                 /* LLVM's code generator for it */
    uint64_t (*features)(bool *out_is); /* CPU_ bits of this machine, if it is one */
    bool bare;                          /* no system below: nothing is loaded, shared or called */
    /* The word that settles rounding and flushing: those of its bits that are no mere flags, and what they are to be.
       `slot` is room for one word, where an instruction wants an address. */
    uint64_t control_bits, control_default;
    LLVMValueRef (*control_read)(Cg *cg, LLVMValueRef slot);
    void (*control_write)(Cg *cg, LLVMValueRef slot, LLVMValueRef word);
    LLVMValueRef (*features_emit)(Cg *cg); /* the same in compiled code, for a choice at load; NULL: one level for all */
    void (*helpers)(Cg *cg);            /* adds what the machine lacks and LLVM would call; NULL: it lacks nothing */
} Arch;

void soft_emit(Cg *cg); /* soft.c: f64 and 64-bit division in 32-bit words, by the names of Arm's run-time ABI */

#define TARGET(name, arch, ...) extern const Arch arch_##arch;
#include "codegen/target.def"
#endif
