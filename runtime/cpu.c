/* What this machine can run, and whether a model asks for more. */
#include "fault.h"
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct Feature { uint32_t leaf, reg, bit; uint64_t flag; } Feature;
enum { EBX, ECX, LEAF_1 = 1, LEAF_7 = 7, LEAF_EXTENDED = 0x80000001 };
static const Feature features[] = {
    {LEAF_1, ECX, 28, NNRT_CPU_AVX},        {LEAF_1, ECX, 12, NNRT_CPU_FMA},
    {LEAF_1, ECX, 29, NNRT_CPU_F16C},       {LEAF_1, ECX, 22, NNRT_CPU_MOVBE},
    {LEAF_EXTENDED, ECX, 5, NNRT_CPU_LZCNT}, {LEAF_7, EBX, 5, NNRT_CPU_AVX2},
    {LEAF_7, EBX, 3, NNRT_CPU_BMI1},        {LEAF_7, EBX, 8, NNRT_CPU_BMI2},
    {LEAF_7, EBX, 16, NNRT_CPU_AVX512F},    {LEAF_7, EBX, 28, NNRT_CPU_AVX512CD},
    {LEAF_7, EBX, 30, NNRT_CPU_AVX512BW},   {LEAF_7, EBX, 17, NNRT_CPU_AVX512DQ},
    {LEAF_7, EBX, 31, NNRT_CPU_AVX512VL},
};

static uint32_t cpuid_register(uint32_t leaf, uint32_t reg)
{
    uint32_t a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(leaf, 0, &a, &b, &c, &d)) return 0;
    return reg == EBX ? b : c;
}

/* Which register files the system saves when it switches threads. */
static uint64_t saved_registers(void)
{
    if (!(cpuid_register(LEAF_1, ECX) >> 27 & 1)) /* no XGETBV for programs */
        return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    uint64_t flags = (low & 0x06) == 0x06 ? NNRT_CPU_OS_AVX : 0;
    return flags | ((low & 0xe6) == 0xe6 ? NNRT_CPU_OS_AVX512 : 0);
}

uint64_t nnrt_cpu_features(void)
{
    uint64_t found = saved_registers();
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (cpuid_register(features[i].leaf, features[i].reg) >> features[i].bit & 1) found |= features[i].flag;
    return found;
}
#else
uint64_t nnrt_cpu_features(void) { return 0; }
#endif

static const char *const names[] = {
    "AVX", "AVX2", "FMA", "BMI1", "BMI2", "F16C", "LZCNT", "MOVBE", "AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ",
    "AVX512VL", "AVX registers saved by the system", "AVX-512 registers saved by the system",
};
enum { NNAMES = sizeof names / sizeof *names };

static void list_features(uint64_t flags, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < 64 && at < size; i++)
        if (flags >> i & 1) {
            const char *name = i < NNAMES ? names[i] : "something newer than this library knows";
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", name);
        }
}

static int32_t check_model(nnrt_fault *fault, const nnrt_model *m)
{
    if (!m) return nnrt__fail(fault, NNRT_ERR_NULL, "no model is given");
    if (m->abi != NNRT_ABI || m->size < sizeof *m)
        return nnrt__fail(fault, NNRT_ERR_ABI, "the model was built for version %u of the run-time library's "
                          "interface, and this is version %u: compile the model again with the compiler that came "
                          "with this library", (unsigned)m->abi, NNRT_ABI);
    uint64_t missing = m->features & ~nnrt_cpu_features();
    if (!missing) return NNRT_OK;
    char list[256];
    list_features(missing, list, sizeof list);
    return nnrt__fail(fault, NNRT_ERR_CPU, "`%s` was compiled for %s, and this machine lacks %s: compile it with "
                      "-march=native on this machine, or with --portable for any", m->name, m->level, list);
}

int32_t nnrt_check(const nnrt_model *model, char *message, size_t size)
{
    nnrt_fault fault;
    return nnrt__say(&fault, check_model(&fault, model), message, size);
}
