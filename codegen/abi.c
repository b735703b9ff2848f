/* The structs of runtime/abi.def as LLVM types and constants. A field is named by its offset in the C struct, so that
   what is written and what a host reads cannot differ; where pointers are smaller, fields lie as LLVM and C lay them. */
#include "codegen/cg.h"

typedef enum FieldKind { FIELD_U32, FIELD_I32, FIELD_U64, FIELD_I64, FIELD_F64, FIELD_PTR } FieldKind;
typedef struct Layout { const FieldKind *fields; int n; } Layout;

#define STRUCT(name) static const FieldKind fields_##name[] = {
#define FIELD(kind, ctype, name) FIELD_##kind,
#define END(name) };
#include "runtime/abi.def"

static const Layout layouts[] = {
#define STRUCT(name) [ABI_##name] = {fields_##name, COUNT(fields_##name)},
#define FIELD(kind, ctype, name)
#define END(name)
#include "runtime/abi.def"
};

static size_t field_bytes(FieldKind k)
{
    return k == FIELD_U32 || k == FIELD_I32 ? 4 : 8;
}

static LLVMTypeRef field_type(Cg *cg, FieldKind k)
{
    return k == FIELD_F64 ? cg->f64 : k == FIELD_PTR ? cg->ptr : field_bytes(k) == 4 ? cg->i32 : cg->i64;
}

LLVMTypeRef abi_type(Cg *cg, AbiStruct s)
{
    LLVMTypeRef types[MAX_FIELDS];
    const Layout *l = &layouts[s];
    for (int i = 0; i < l->n; i++) types[i] = field_type(cg, l->fields[i]);
    return LLVMStructTypeInContext(cg->context, types, (unsigned)l->n, false);
}

/* Here no struct has padding: a field lies at the sum of the sizes before it. */
static int field_at(AbiStruct s, size_t offset)
{
    const Layout *l = &layouts[s];
    size_t at = 0;
    for (int i = 0; i < l->n; at += field_bytes(l->fields[i++]))
        if (at == offset) return i;
    UNREACHABLE("a field that its struct does not have");
}

void abi_set(AbiConst *c, size_t offset, LLVMValueRef v)
{
    c->fields[field_at(c->of, offset)] = v;
}

void abi_set_int(Cg *cg, AbiConst *c, size_t offset, int64_t v)
{
    int i = field_at(c->of, offset);
    c->fields[i] = LLVMConstInt(field_type(cg, layouts[c->of].fields[i]), (unsigned long long)v, true);
}

LLVMValueRef abi_const(Cg *cg, const AbiConst *c)
{
    LLVMValueRef fields[MAX_FIELDS];
    const Layout *l = &layouts[c->of];
    for (int i = 0; i < l->n; i++)
        fields[i] = c->fields[i] ? c->fields[i] : LLVMConstNull(field_type(cg, l->fields[i]));
    return LLVMConstStructInContext(cg->context, fields, (unsigned)l->n, false);
}

int64_t abi_bytes(Cg *cg, AbiStruct s)
{
    return (int64_t)LLVMABISizeOfType(LLVMGetModuleDataLayout(cg->module), abi_type(cg, s));
}

LLVMValueRef abi_address(Cg *cg, AbiStruct s, LLVMValueRef base, size_t offset)
{
    return LLVMBuildStructGEP2(cg->builder, abi_type(cg, s), base, (unsigned)field_at(s, offset), "");
}

LLVMValueRef abi_load(Cg *cg, AbiStruct s, LLVMValueRef base, size_t offset)
{
    LLVMTypeRef type = field_type(cg, layouts[s].fields[field_at(s, offset)]);
    return LLVMBuildLoad2(cg->builder, type, abi_address(cg, s, base, offset), "");
}
