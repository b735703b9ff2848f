/* The table of levels: which of them is meant, and which this machine runs. */
#include "codegen/target/target.h"
#include <string.h>

static const Target targets[] = {
#define TARGET(name, arch, triple, cpu, features, bytes, registers, fma, rounding, needs) \
    {name, &arch_##arch, triple, cpu, features, bytes, registers, fma, rounding, needs},
#include "codegen/target.def"
};

static bool target_runs_here(const Target *t)
{
    bool is;
    uint64_t has = t->arch->features(&is);
    return is && (t->needs & ~has) == 0;
}

static const Target *target_native(void)
{
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

int target_lanes(const Target *t, int bytes)
{
    return t->vector_bytes > bytes ? t->vector_bytes / bytes : 1;
}

/* ---- what the command line asks for ---- */
/* Triples are equal in their full form: "aarch64-linux-gnu" leaves out the vendor. */
static bool triple_is(const Target *t, const char *triple)
{
    if (!triple) return true;
    char *own = LLVMNormalizeTargetTriple(t->triple), *asked = LLVMNormalizeTargetTriple(triple);
    bool same = str_equal(own, asked);
    LLVMDisposeMessage(own);
    LLVMDisposeMessage(asked);
    return same;
}

/* The least demanding one, where nothing more is asked and this machine is not of that kind. */
static const Target *target_first(const char *triple)
{
    for (size_t i = 0; i < COUNT(targets); i++)
        if (triple_is(&targets[i], triple)) return &targets[i];
    return NULL;
}

/* What other compilers call a machine that a triple here begins with. */
static const struct { const char *name, *own; } other_names[] = {
    {"arm64", "aarch64"}, {"armv8", "aarch64"},   {"amd64", "x86_64"},
    {"x86", "x86_64"},    {"arm", "thumbv7em"}, {"cortex", "thumbv7em"},
};

/* The target whose triple begins as this one does, or nearly so. */
static const Target *target_near(Arena *arena, const char *triple)
{
    const char *word = str_copy_n(arena, triple, strcspn(triple, "-")), *machines[COUNT(targets)];
    for (size_t i = 0; i < COUNT(other_names); i++)
        if (str_equal(word, other_names[i].name)) word = other_names[i].own;
    size_t length = strlen(word);
    for (size_t i = 0; i < COUNT(targets); i++) {
        machines[i] = str_copy_n(arena, targets[i].triple, strcspn(targets[i].triple, "-"));
        if (length > 3 && (str_starts(machines[i], word) || str_starts(word, machines[i]))) return &targets[i];
    }
    const char *near = str_nearest(word, machines, COUNT(targets));
    for (size_t i = 0; near && i < COUNT(targets); i++)
        if (str_equal(machines[i], near)) return &targets[i];
    return NULL;
}

static void refuse_triple(Cx *cx, const char *triple)
{
    Text t = {.arena = cx->arena};
    Diag *d = diag_error(cx->diags, "E0430", NO_SPAN, "no code can be made for the target `%s`", triple);
    for (size_t i = 0; i < COUNT(targets); i++)
        if (target_first(targets[i].triple) == &targets[i]) text_add(&t, "%s`%s`", t.n ? ", " : "", targets[i].triple);
    diag_note(d, "known are %s", text_done(&t));
    const Target *near = target_near(cx->arena, triple);
    if (target_named(triple)) diag_help(d, "`%s` is no triple but a level: `-march=%s`", triple, triple);
    else if (near) diag_help(d, "did you mean `--target=%s`?", near->triple);
}

/* The level whose name is nearest, or holds what was written: "v3". */
static const char *level_near(const char *march, const char *const *names, int n)
{
    const char *near = str_nearest(march, names, n);
    for (int i = 0; i < n && !near && strlen(march) > 1; i++)
        if (strstr(names[i], march)) near = names[i];
    return near;
}

static void refuse_level(Cx *cx, const char *triple, const char *march)
{
    const char *names[COUNT(targets) + 1];
    Text t = {.arena = cx->arena};
    int n = 0;
    Diag *d = diag_error(cx->diags, "E0430", NO_SPAN, "no code can be made for `%s`%s%s%s", march,
                         triple ? " on the target `" : "", triple ? triple : "", triple ? "`" : "");
    for (size_t i = 0; i < COUNT(targets); i++) {
        if (!triple_is(&targets[i], triple)) continue;
        names[n++] = targets[i].name;
        text_add(&t, "%s`%s`", n > 1 ? ", " : "", targets[i].name);
    }
    if (!triple) names[n++] = "native";
    const char *near = level_near(march, names, n);
    if (near) diag_help(d, "did you mean `%s`?", near);
    diag_note(d, "known are %s%s", text_done(&t), triple ? "" : ", and `native`, the best of these that runs here");
}

const Target *target_above(const Target *t)
{
    const Target *next = t + 1;
    return t->arch->features_emit && next < targets + COUNT(targets) && next->arch == t->arch ? next : NULL;
}

const Target *target_chosen(Cx *cx, const CodegenOptions *o)
{
    const Target *t = target_named(o->march ? o->march : "native");
    if (t && !o->march && o->portable) t = target_first(t->triple);
    if (t && triple_is(t, o->target)) return t;
    if (o->target && !target_first(o->target)) return refuse_triple(cx, o->target), NULL;
    if (!o->march && o->target) return target_first(o->target);
    return refuse_level(cx, o->target, o->march ? o->march : "native"), NULL;
}

/* ---- for those outside ---- */
bool codegen_has_target(Cx *cx, const CodegenOptions *o) { return target_chosen(cx, o) != NULL; }

const char *const *codegen_levels(int *out_n)
{
    static const char *const names[] = {
#define TARGET(name, ...) name,
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

bool codegen_is_bare(const CodegenOptions *o)
{
    const Target *t = o->march ? target_named(o->march) : o->target ? target_first(o->target) : NULL;
    return t && t->arch->bare;
}
