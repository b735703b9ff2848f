/* Machine code back to lines of .nn: one subprogram for each function made, and for what an application brought in from
   a definition, say of std, one for the definition, inlined at the application's place. */
#include "codegen/cg.h"
#include <ctype.h>
#include <llvm-c/DebugInfo.h>
#include <string.h>

typedef struct Scope { const Source *source; const char *name; LLVMMetadataRef at; } Scope;
struct Debug {
    LLVMDIBuilderRef builder;
    LLVMMetadataRef unit, type;  /* the type of every subprogram: what they take is not described */
    VEC(Scope) files, inlined;
};

/* No machine's paths: names are as messages show them, from where the compiler ran. */
static LLVMMetadataRef file_make(struct Debug *d, const char *name)
{
    return LLVMDIBuilderCreateFile(d->builder, name, strlen(name), ".", 1);
}

static LLVMMetadataRef file_of(Cg *cg, const Source *source)
{
    struct Debug *d = cg->debug;
    for (int i = 0; i < d->files.n; i++)
        if (d->files.at[i].source == source) return d->files.at[i].at;
    const char *name = source ? source->name : cg->program->file;
    LLVMMetadataRef file = file_make(d, name ? name : cg->program->name);
    vec_push(cg->arena, &d->files, (Scope){source, NULL, file});
    return file;
}

static void module_flag(Cg *cg, const char *key, unsigned value)
{
    LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(cg->i32, value, false));
    LLVMAddModuleFlag(cg->module, LLVMModuleFlagBehaviorWarning, key, strlen(key), v);
}

void debug_open(Cg *cg)
{
    struct Debug *d = cg->debug = NEW(cg->arena, struct Debug);
    d->builder = LLVMCreateDIBuilder(cg->module);
    LLVMMetadataRef file = file_of(cg, NULL);
    /* Lines alone would leave out the subprograms into which nothing is inlined, and sanitizers then tell no line. */
    d->unit = LLVMDIBuilderCreateCompileUnit(d->builder, LLVMDWARFSourceLanguageC99, file, "nnc", 3,
                                             cg->options->level > 0, "", 0, 0, "", 0, LLVMDWARFEmissionFull,
                                             0, false, false, "", 0, "", 0);
    d->type = LLVMDIBuilderCreateSubroutineType(d->builder, file, NULL, 0, LLVMDIFlagZero);
    module_flag(cg, "Debug Info Version", LLVMDebugMetadataVersion());
    module_flag(cg, "Dwarf Version", 4); /* 5 brings an index, which gdb takes for that of the whole program */
}

void debug_finish(Cg *cg) { LLVMDIBuilderFinalize(cg->debug->builder); }
void debug_close(Cg *cg) { LLVMDisposeDIBuilder(cg->debug->builder); }

static unsigned line_of(const Site *site)
{
    return site && site->span.source ? (unsigned)source_line(site->span.source, site->span.lo) : 0;
}

static unsigned column_of(const Site *site)
{
    return site && site->span.source ? (unsigned)source_column(site->span.source, site->span.lo) : 0;
}

static LLVMMetadataRef subprogram_new(Cg *cg, const char *name, const char *symbol, const Source *source, unsigned line)
{
    struct Debug *d = cg->debug;
    LLVMMetadataRef file = file_of(cg, source);
    return LLVMDIBuilderCreateFunction(d->builder, file, name, strlen(name), symbol, strlen(symbol), file, line,
                                       d->type, true, true, line, LLVMDIFlagZero, cg->options->level > 0);
}

/* The application that brought a site into the outermost text, or the site itself. */
static const Site *outermost(const Site *site)
{
    while (site && site->applied) site = site->applied;
    return site;
}

void cg_debug_function(Cg *cg, LLVMValueRef function, const char *name, const Site *site)
{
    if (!cg->debug) return;
    const Site *outer = outermost(site);
    const Source *source = outer ? outer->span.source : NULL;
    size_t size;
    const char *symbol = LLVMGetValueName2(function, &size);
    LLVMSetSubprogram(function, subprogram_new(cg, name, symbol, source, line_of(outer)));
    cg_debug_site(cg, site);
}

/* What an application applies: the word it begins with. */
static const char *applied_name(Cg *cg, const Site *site)
{
    Span s = site->span;
    if (!s.source) return "applied";
    const char *from = s.source->text + s.lo;
    uint32_t n = 0;
    while (n < s.hi - s.lo && (isalnum((unsigned char)from[n]) || from[n] == '_')) n++;
    return n > 0 ? str_copy_n(cg->arena, from, n) : s.source->name;
}

static LLVMMetadataRef inlined_scope(Cg *cg, const Source *source, const char *name)
{
    struct Debug *d = cg->debug;
    for (int i = 0; i < d->inlined.n; i++)
        if (d->inlined.at[i].source == source && str_equal(d->inlined.at[i].name, name)) return d->inlined.at[i].at;
    LLVMMetadataRef scope = subprogram_new(cg, name, "", source, 0);
    vec_push(cg->arena, &d->inlined, (Scope){source, name, scope});
    return scope;
}

/* The place itself, inlined at the place of its application, and so on outwards to the function being made. */
static LLVMMetadataRef location(Cg *cg, const Site *site, LLVMMetadataRef function)
{
    unsigned line = line_of(site), column = column_of(site);
    if (site && site->applied) {
        LLVMMetadataRef scope = inlined_scope(cg, site->span.source, applied_name(cg, site->applied));
        LLVMMetadataRef at = location(cg, site->applied, function);
        return LLVMDIBuilderCreateDebugLocation(cg->context, line, column, scope, at);
    }
    LLVMMetadataRef scope = function, file = file_of(cg, site ? site->span.source : NULL);
    if (site && file != LLVMDIScopeGetFile(function))
        scope = LLVMDIBuilderCreateLexicalBlockFile(cg->debug->builder, function, file, 0);
    return LLVMDIBuilderCreateDebugLocation(cg->context, line, column, scope, NULL);
}

void cg_debug_site(Cg *cg, const Site *site)
{
    if (!cg->debug) return;
    LLVMBasicBlockRef block = LLVMGetInsertBlock(cg->builder);
    LLVMMetadataRef function = block ? LLVMGetSubprogram(LLVMGetBasicBlockParent(block)) : NULL;
    LLVMSetCurrentDebugLocation2(cg->builder, function ? location(cg, site, function) : NULL);
}
