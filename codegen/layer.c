/* The typed C functions of a model: the whole call on the caller's thread. */
#include "codegen/target/target.h"

/* ---- floating-point control: read always, written only where it differs, since writing is slow ---- */
static LLVMValueRef control_default(Cg *cg, const Control *c)
{
    return LLVMConstInt(LLVMTypeOf(c->was), cg->target->arch->control_default, false);
}

static void write_control(Cg *cg, const Control *c, LLVMValueRef word)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = LLVMGetBasicBlockParent(LLVMGetInsertBlock(b));
    LLVMValueRef bits = LLVMConstInt(LLVMTypeOf(c->was), cg->target->arch->control_bits, false);
    LLVMValueRef set_bits = LLVMBuildAnd(b, c->was, bits, "");
    LLVMValueRef differs = LLVMBuildICmp(b, LLVMIntNE, set_bits, control_default(cg, c), "");
    LLVMBasicBlockRef set = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBuildCondBr(b, differs, set, after);
    LLVMPositionBuilderAtEnd(b, set);
    cg->target->arch->control_write(cg, c->slot, word);
    LLVMBuildBr(b, after);
    LLVMPositionBuilderAtEnd(b, after);
}

Control control_begin(Cg *cg)
{
    LLVMValueRef slot = stack_array(cg, cg->i32, 1);
    Control c = {cg->target->arch->control_read(cg, slot), slot};
    write_control(cg, &c, control_default(cg, &c));
    return c;
}

void control_end(Cg *cg, Control c)
{
    write_control(cg, &c, c.was);
}

/* ---- arguments ---- */
typedef struct Layer {
    LLVMValueRef call, sizes, inputs, outputs, work;
    int nsizes;
} Layer;

static LLVMTypeRef arg_type(Cg *cg, ArgKind k)
{
    return k == ARG_SIZE ? cg->i64 : cg->ptr;
}

static void set_field(Cg *cg, LLVMValueRef call, size_t offset, LLVMValueRef v)
{
    LLVMBuildStore(cg->builder, v, abi_address(cg, ABI_nnrt_call, call, offset));
}

static void set_element(Cg *cg, LLVMValueRef array, int index, LLVMValueRef v)
{
    LLVMValueRef at = const_i64(cg, index);
    LLVMBuildStore(cg->builder, v, LLVMBuildInBoundsGEP2(cg->builder, LLVMTypeOf(v), array, &at, 1, ""));
}

static void pass_arg(Cg *cg, Layer *l, Arg a, LLVMValueRef v)
{
    static const size_t fields[] = {
        [ARG_PARAMS] = offsetof(Abi_nnrt_call, params), [ARG_PARAMS_IN] = offsetof(Abi_nnrt_call, params),
        [ARG_OPT] = offsetof(Abi_nnrt_call, opt), [ARG_GRADS] = offsetof(Abi_nnrt_call, grads),
        [ARG_GRADS_IN] = offsetof(Abi_nnrt_call, grads), [ARG_STEP] = offsetof(Abi_nnrt_call, step),
        [ARG_HPARAMS] = offsetof(Abi_nnrt_call, hparams), [ARG_TOTALS] = offsetof(Abi_nnrt_call, totals),
        [ARG_WORK] = offsetof(Abi_nnrt_call, work),
    };
    if (a.kind == ARG_SIZE)
        set_element(cg, l->sizes, l->nsizes++, v);
    else if (a.kind == ARG_INPUT)
        set_element(cg, l->inputs, a.index, v);
    else if (a.kind == ARG_OUTPUT)
        set_element(cg, l->outputs, a.index, v);
    else
        set_field(cg, l->call, fields[a.kind], v);
    if (a.kind == ARG_WORK) l->work = v;
}

static LLVMValueRef stack_bytes(Cg *cg, int64_t n)
{
    return stack_array(cg, cg->i8, n > 8 ? n : 8);
}

static void open_call(Cg *cg, Layer *l, const Entry *e)
{
    AbiConst blank = {.of = ABI_nnrt_call};
    abi_set_int(cg, &blank, offsetof(Abi_nnrt_call, size), abi_bytes(cg, ABI_nnrt_call));
    l->call = stack_bytes(cg, abi_bytes(cg, ABI_nnrt_call));
    l->sizes = stack_bytes(cg, 8 * e->nsymbols);
    l->inputs = stack_bytes(cg, 8 * cg->frame->outputs - 8 * cg->frame->inputs);
    l->outputs = stack_bytes(cg, 8 * cg->frame->sizes - 8 * cg->frame->outputs);
    LLVMValueRef fields = abi_const(cg, &blank);
    LLVMBuildStore(cg->builder, fields, l->call);
    set_field(cg, l->call, offsetof(Abi_nnrt_call, sizes), l->sizes);
    set_field(cg, l->call, offsetof(Abi_nnrt_call, inputs), l->inputs);
    set_field(cg, l->call, offsetof(Abi_nnrt_call, outputs), l->outputs);
}

/* An update that needs little has no workspace argument. */
static void need_work(Cg *cg, Layer *l, const Entry *e)
{
    if (l->work) return;
    if (e->work < 0) UNREACHABLE("a workspace on the stack that depends on a size");
    l->work = stack_bytes(cg, e->work);
    set_field(cg, l->call, offsetof(Abi_nnrt_call, work), l->work);
}

/* ---- the call ---- */
static LLVMValueRef run_call(Cg *cg, const EntryCode *code, Layer *l)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef f = LLVMGetBasicBlockParent(LLVMGetInsertBlock(b));
    LLVMBasicBlockRef run = LLVMAppendBasicBlockInContext(cg->context, f, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(cg->context, f, ""), here;
    LLVMValueRef status = LLVMBuildCall2(b, LLVMGlobalGetValueType(code->begin), code->begin, &l->call, 1, "");
    LLVMBuildCondBr(b, LLVMBuildIsNull(b, status, ""), run, after);
    here = LLVMGetInsertBlock(b);
    LLVMPositionBuilderAtEnd(b, run);
    LLVMValueRef args[3] = {l->work, LLVMConstInt(cg->i32, 0, false), LLVMConstInt(cg->i32, 1, false)};
    for (int i = 0; i < code->nphases; i++)
        LLVMBuildCall2(b, LLVMGlobalGetValueType(code->phases[i]), code->phases[i], args, 3, "");
    LLVMValueRef end = LLVMBuildCall2(b, LLVMGlobalGetValueType(code->end), code->end, &l->work, 1, "");
    LLVMBuildBr(b, after);
    LLVMPositionBuilderAtEnd(b, after);
    LLVMValueRef phi = LLVMBuildPhi(b, cg->i32, "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){status, end}, (LLVMBasicBlockRef[]){here, run}, 2);
    return phi;
}

void layer_emit(Cg *cg, const EntryCode *code)
{
    const Entry *e = code->entry;
    LLVMTypeRef *types = NEW_ARRAY(cg->arena, LLVMTypeRef, e->args.n);
    for (int i = 0; i < e->args.n; i++) types[i] = arg_type(cg, e->args.at[i].kind);
    LLVMTypeRef type = LLVMFunctionType(cg->i32, types, (unsigned)e->args.n, false);
    LLVMValueRef f = function_begin(cg, e->function, type, true);
    cg_debug_site(cg, e->graph->site);
    Layer l = {0};
    open_call(cg, &l, e);
    for (int i = 0; i < e->args.n; i++) pass_arg(cg, &l, e->args.at[i], LLVMGetParam(f, (unsigned)i));
    need_work(cg, &l, e);
    Control control = control_begin(cg);
    LLVMValueRef status = run_call(cg, code, &l);
    control_end(cg, control);
    LLVMBuildRet(cg->builder, status);
}

/* ---- S_bytes(what, sizes ...): 0 params, 1 grads, 2 opt, 3 + i the workspace of entry i, last that of init and start;
   0 for anything else ---- */
static LLVMValueRef entry_bytes(Cg *cg, const EntryCode *code, LLVMValueRef f, const int *symbols, int nsymbols)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef sizes = stack_bytes(cg, 8 * code->entry->nsymbols);
    for (int i = 0; i < code->entry->nsymbols; i++)
        for (int k = 0; k < nsymbols; k++)
            if (symbols[k] == code->entry->symbols[i]) set_element(cg, sizes, i, LLVMGetParam(f, (unsigned)k + 1));
    return LLVMBuildCall2(b, LLVMGlobalGetValueType(code->bytes), code->bytes, &sizes, 1, "");
}

void layer_bytes_emit(Cg *cg, Entries entries, const EntryCode *codes)
{
    LLVMBuilderRef b = cg->builder;
    const Program *p = cg->program;
    int n;
    const int *symbols = program_symbols(cg->program, &n);
    LLVMTypeRef *types = NEW_ARRAY(cg->arena, LLVMTypeRef, n + 1);
    types[0] = cg->i32;
    for (int i = 0; i < n; i++) types[i + 1] = cg->i64;
    const char *name = str_format(cg->arena, "%s_bytes", p->name);
    LLVMValueRef f = function_begin(cg, name, LLVMFunctionType(cg->i64, types, (unsigned)n + 1, false), true);
    LLVMValueRef what = LLVMGetParam(f, 0), bytes = const_i64(cg, 0);
    const int64_t areas[3] = {p->params_bytes, p->params_bytes, p->opt_bytes};
    for (int i = 0; i < 3 + entries.n + 1; i++) {
        LLVMValueRef v = i < 3                ? const_i64(cg, areas[i])
                         : i < 3 + entries.n ? entry_bytes(cg, &codes[i - 3], f, symbols, n)
                                             : const_i64(cg, first_bytes(cg));
        LLVMValueRef is = LLVMBuildICmp(b, LLVMIntEQ, what, LLVMConstInt(cg->i32, (unsigned)i, false), "");
        bytes = LLVMBuildSelect(b, is, v, bytes, "");
    }
    LLVMBuildRet(b, bytes);
}
