/* Contractions are computed by their kernel's form and given to whatever follows; they are met nowhere else. */
#include "codegen/cg.h"

LLVMValueRef emit_contract(Cg *cg, const Node *n, const Index *ix)
{
    (void)cg, (void)ix;
    fatal("`%s` is read before it was computed", op_info(n->op)->text);
}
