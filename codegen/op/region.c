/* What never stands in a kernel: whole regions, gradients still to be taken, ends of blocks. */
#include "codegen/cg.h"

static LLVMValueRef refuse(const Node *n)
{
    fatal("`%s` reached code generation", op_info(n->op)->text);
}

LLVMValueRef emit_region(Cg *cg, const Node *n, const Index *ix)
{
    (void)cg, (void)ix;
    return refuse(n);
}

LLVMValueRef emit_grad(Cg *cg, const Node *n, const Index *ix)
{
    (void)cg, (void)ix;
    return refuse(n);
}

LLVMValueRef emit_result(Cg *cg, const Node *n, const Index *ix)
{
    (void)cg, (void)ix;
    return refuse(n);
}
