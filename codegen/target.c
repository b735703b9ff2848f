/* The table of levels, and which of them this machine runs. */
#include "codegen/cg.h"
#include "codegen/target/target.h"

static const Target targets[] = {
#define TARGET(name, triple, cpu, features, bytes, registers, fma, needs) \
    {name, triple, cpu, features, bytes, registers, fma, needs},
#include "codegen/target.def"
};

static bool target_runs_here(const Target *t)
{
    bool family;
    uint64_t has = x86_64_features(&family);
    return family && (t->needs & ~has) == 0;
}

static const Target *target_native(void) {
    const Target *best = NULL;
    for (size_t i = 0; i < COUNT(targets); i++)
        if (target_runs_here(&targets[i])) best = &targets[i];
    return best;
}

const Target *target_named(const char *march)
{
    if (str_equal(march, "native")) return target_native();
    for (size_t i = 0; i < COUNT(targets); i++)
        if (str_equal(targets[i].name, march)) return &targets[i];
    return NULL;
}

const char *const *codegen_levels(int *out_n)
{
    static const char *const names[] = {
#define TARGET(name, triple, cpu, features, bytes, registers, fma, needs) name,
#include "codegen/target.def"
    };
    *out_n = COUNT(names);
    return names;
}

const char *codegen_native_level(void)
{
    const Target *best = target_native();
    return best ? best->name : NULL;
}

bool codegen_level_runs_here(const char *level)
{
    const Target *t = target_named(level);
    return t && target_runs_here(t);
}
