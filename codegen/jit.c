/* The object of a model, run in this process by ORC: the very bytes that would be linked, so there is no second way for
   code to come out. */
#include "codegen/target/target.h"
#include <llvm-c/LLJIT.h>

struct Jit { LLVMOrcLLJITRef engine; };

/* Takes the error; true if there was one. */
static bool jit_failed(Program *p, LLVMErrorRef error)
{
    if (!error) return false;
    char *text = LLVMGetErrorMessage(error);
    diag_error(p->cx->diags, "E0901", NO_SPAN, "the compiled model cannot be run here: %s", text);
    LLVMDisposeErrorMessage(text);
    return true;
}

Jit *jit_open(Program *p, Bytes object)
{
    target_named("native")->arch->open();
    Jit *j = NEW(p->arena, Jit);
    if (jit_failed(p, LLVMOrcCreateLLJIT(&j->engine, NULL))) return NULL;
    LLVMMemoryBufferRef copy = LLVMCreateMemoryBufferWithMemoryRangeCopy(object.at, object.size, p->name);
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(j->engine);
    if (!jit_failed(p, LLVMOrcLLJITAddObjectFile(j->engine, library, copy))) return j;
    jit_close(j);
    return NULL;
}

void *jit_symbol(Jit *j, const char *name)
{
    LLVMOrcExecutorAddress at = 0;
    LLVMErrorRef error = LLVMOrcLLJITLookup(j->engine, &at, name);
    if (error) LLVMConsumeError(error);
    return error ? NULL : (void *)(uintptr_t)at;
}

void jit_close(Jit *j)
{
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(j->engine);
    if (error) LLVMConsumeError(error);
}
