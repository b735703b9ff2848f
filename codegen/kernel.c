/* Kernels: one function each. Two that say the same are one. */
#include "codegen/cg.h"
#include <string.h>

typedef struct KernelText {
    struct KernelText *next;
    const char *text;          /* from its parameters on */
    LLVMValueRef function;
} KernelText;

/* ---- vectors ---- */
/* The widest number that it stores. */
static int widest_bytes(const Node *kernel)
{
    int bytes = 4;
    for (int i = 0; i < kernel->nout; i++)
        if (dtype_bytes(kernel->out[i].type.dtype) > bytes) bytes = dtype_bytes(kernel->out[i].type.dtype);
    for (const Node *n = kernel->region->first; n; n = n->next)
        if (n->nout == 1 && n->out[0].type.rank > 0 && dtype_is_float(n->out[0].type.dtype)
            && dtype_bytes(n->out[0].type.dtype) > bytes)
            bytes = dtype_bytes(n->out[0].type.dtype);
    return bytes;
}

/* How many numbers lie side by side where vectors go, or 0 where that is not known. */
static int64_t known_width(const Node *kernel, KernelForm form)
{
    const KernelAttr *k = kernel->attr.kernel;
    const Dim *last = k->prefix ? k->dims[k->prefix - 1] : NULL;
    int64_t width = 1;
    int axis;
    for (const Node *n = kernel->region->first; n; n = n->next) {
        if (op_info(n->op)->kind == KIND_reduce && form == FORM_ROW) last = reduce_axis(n, &axis).dim;
        if (n->op == OP_CONTRACT && (axis = contract_column(n)) >= 0) last = n->out[0].type.axes[axis].dim;
    }
    if (last && !dim_known(last, &width)) return 0;
    return form == FORM_MAP && k->prefix > 1 ? 0 : width;
}

static int choose_lanes(Cg *cg, const Node *kernel, KernelForm form)
{
    int lanes = target_lanes(cg->target, widest_bytes(kernel));
    int64_t width = known_width(kernel, form);
    while (width && lanes / 2 >= width) lanes /= 2;
    return lanes;
}

/* ---- sharing ---- */
static LLVMValueRef share_kernel(Cg *cg, LLVMValueRef function)
{
    char *printed = LLVMPrintValueToString(function);
    const char *text = strchr(strchr(printed, '@'), '(');
    for (KernelText *k = cg->kernels; k; k = k->next)
        if (str_equal(k->text, text)) {
            LLVMDisposeMessage(printed);
            LLVMDeleteFunction(function);
            return k->function;
        }
    KernelText *k = NEW(cg->arena, KernelText);
    *k = (KernelText){cg->kernels, str_copy(cg->arena, text), function};
    cg->kernels = k;
    LLVMDisposeMessage(printed);
    return function;
}

static const char *kernel_name(Cg *cg, const Node *node, KernelForm form)
{
    static const char *const names[] = {"map", "row", "column", "contract"};
    const char *path = node->site && node->site->path ? node->site->path : cg->program->name;
    return str_format(cg->arena, "%s.%s", path, names[form]);
}

LLVMValueRef kernel_emit(Cg *cg, const Graph *g, const Node *node)
{
    static void (*const forms[])(Cg *, LLVMValueRef, LLVMValueRef) = {form_map, form_row, form_column, form_contract};
    KernelForm form = kernel_form(node);
    ValueList operands = kernel_operands(cg, node);
    LLVMTypeRef *params = NEW_ARRAY(cg->arena, LLVMTypeRef, KERNEL_ARGS + operands.n);
    const char *name = kernel_name(cg, node, form);
    params[0] = cg->ptr;
    params[1] = params[2] = cg->i64;
    for (int i = 0; i < operands.n; i++) params[KERNEL_ARGS + i] = cg->ptr;
    LLVMTypeRef type = LLVMFunctionType(cg->none, params, KERNEL_ARGS + (unsigned)operands.n, false);
    LLVMValueRef function = function_new(cg, name, type, false);
    Kernel k;
    cg_debug_function(cg, function, name, node->site);
    kernel_open(cg, &k, g, node, function);
    cg_debug_site(cg, node->site);
    k.operands = operands;
    k.lanes = choose_lanes(cg, node, form);
    forms[form](cg, LLVMGetParam(function, 1), LLVMGetParam(function, 2));
    LLVMBuildRetVoid(cg->builder);
    cg->kernel = NULL;
    return share_kernel(cg, function);
}

void kernel_call(Cg *cg, const Node *node, LLVMValueRef function, LLVMValueRef lo, LLVMValueRef hi)
{
    ValueList operands = kernel_operands(cg, node);
    LLVMValueRef *args = NEW_ARRAY(cg->arena, LLVMValueRef, KERNEL_ARGS + operands.n);
    args[0] = cg->kernel->frame;
    args[1] = lo;
    args[2] = hi;
    for (int i = 0; i < operands.n; i++) args[KERNEL_ARGS + i] = value_address(cg, operands.at[i]);
    LLVMTypeRef type = LLVMGlobalGetValueType(function);
    LLVMBuildCall2(cg->builder, type, function, args, KERNEL_ARGS + (unsigned)operands.n, "");
}
