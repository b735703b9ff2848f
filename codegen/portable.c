/* Several levels in one file. Everything is emitted once a level, under names of its own; what a host calls is chosen
   when the file is loaded: an indirect function (IFUNC) is whatever its resolver returns, and a resolver asks the CPU.
   So a call costs what it always costs, and nothing is written after loading. */
#include "codegen/target/target.h"
#include <string.h>

enum { MAX_LEVELS_IN_FILE = 8 };
typedef struct Choice {
    const char *name;                          /* as the host knows it */
    LLVMValueRef at[MAX_LEVELS_IN_FILE];       /* from the least demanding level on */
} Choice;
typedef struct Portable {
    int level, n;
    const Target *levels[MAX_LEVELS_IN_FILE];
    VEC(Choice) choices;
} Portable;

void portable_export(Cg *cg, const char *name, LLVMValueRef function)
{
    Portable *p = cg->portable;
    int i = 0;
    while (i < p->choices.n && !str_equal(p->choices.at[i].name, name)) i++;
    if (i == p->choices.n) vec_push(cg->arena, &p->choices, (Choice){.name = name});
    p->choices.at[i].at[p->level] = function;
}

/* The loader calls it before the runtime of a sanitizer is there to be told anything. */
static LLVMValueRef resolver_begin(Cg *cg, const char *name, LLVMTypeRef result)
{
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(result, NULL, 0, false), false);
    sanitizer_leave_out(cg, f);
    return f;
}

/* i64 (): what this machine has, in CPU_ bits. */
static LLVMValueRef emit_question(Cg *cg)
{
    LLVMValueRef f = resolver_begin(cg, "cpu.features", cg->i64);
    LLVMBuildRet(cg->builder, cg->target->arch->features_emit(cg));
    return f;
}

static void emit_choice(Cg *cg, const Portable *p, const Choice *c, LLVMValueRef question)
{
    LLVMBuilderRef b = cg->builder;
    const char *name = str_format(cg->arena, "%s.choose", c->name);
    LLVMValueRef resolver = resolver_begin(cg, name, cg->ptr);
    LLVMValueRef has = LLVMBuildCall2(b, LLVMGlobalGetValueType(question), question, NULL, 0, ""), best = c->at[0];
    for (int i = 1; i < p->n; i++) {
        LLVMValueRef lacks = LLVMBuildAnd(b, LLVMBuildNot(b, has, ""), const_i64(cg, (int64_t)p->levels[i]->needs), "");
        best = LLVMBuildSelect(b, LLVMBuildIsNull(b, lacks, ""), c->at[i], best, "");
    }
    LLVMBuildRet(b, best);
    LLVMAddGlobalIFunc(cg->module, c->name, strlen(c->name), LLVMGlobalGetValueType(c->at[0]), 0, resolver);
}

void portable_emit(Cg *cg, Entries entries, void (*emit)(Cg *cg, Entries entries))
{
    const Target *least = cg->target;
    Portable p = {0};
    cg->portable = &p;
    for (const Target *t = least; t && p.n < MAX_LEVELS_IN_FILE; t = target_above(t)) {
        cg->target = p.levels[p.n] = t;
        cg->kernels = NULL;
        p.level = p.n++;
        emit(cg, entries);
    }
    cg->target = least;
    cg->portable = NULL;
    LLVMValueRef question = emit_question(cg);
    for (int i = 0; i < p.choices.n; i++) emit_choice(cg, &p, &p.choices.at[i], question);
}
