/* Loops and the levels that they make. Code of an outer level goes before the jump into the inner one, so that what
   does not change in a loop is never computed in it. */
#include "codegen/cg.h"

void kernel_open(Cg *cg, Kernel *k, const Graph *g, const Node *node, LLVMValueRef function)
{
    *k = (Kernel){.graph = g, .node = node, .function = function, .lanes = 1};
    k->frame = LLVMGetParam(function, 0);
    LLVMPositionBuilderAtEnd(cg->builder, LLVMAppendBasicBlockInContext(cg->context, function, ""));
    cg->kernel = k;
}

int level_stand(Cg *cg, int level)
{
    Kernel *k = cg->kernel;
    int was = k->at;
    if (was == level) return was;
    if (was == k->depth) k->levels[k->depth].block = LLVMGetInsertBlock(cg->builder);
    k->at = level;
    if (level == k->depth)
        LLVMPositionBuilderAtEnd(cg->builder, k->levels[level].block);
    else
        LLVMPositionBuilderBefore(cg->builder, k->levels[level].before);
    return was;
}

/* `jump` leads from the present level into a new one. */
static void level_push(Cg *cg, LLVMValueRef jump)
{
    Kernel *k = cg->kernel;
    k->levels[k->depth].before = jump;
    if (++k->depth == MAX_LEVELS) fatal("loops nested deeper than %d", MAX_LEVELS);
    k->at = k->depth;
    k->levels[k->depth].memo.n = 0;
}

static void level_pop(Cg *cg)
{
    Kernel *k = cg->kernel;
    k->depth--;
    k->at = k->depth;
    k->levels[k->depth].before = NULL;
}

bool const_value(LLVMValueRef v, int64_t *out)
{
    if (!LLVMIsAConstantInt(v)) return false;
    *out = LLVMConstIntGetSExtValue(v);
    return true;
}

static LLVMValueRef make_phi(Cg *cg, LLVMValueRef value, LLVMBasicBlockRef from)
{
    LLVMValueRef phi = LLVMBuildPhi(cg->builder, LLVMTypeOf(value), "");
    LLVMAddIncoming(phi, &value, &from, 1);
    return phi;
}

/* After a loop or a condition: what each carried value is, coming from `skip` with `was` or from `last` with now. */
static void join_carry(Cg *cg, Carry *carry, const LLVMValueRef *was, LLVMBasicBlockRef skip, LLVMBasicBlockRef last)
{
    for (int c = 0; carry && c < carry->n; c++) {
        LLVMValueRef phi = make_phi(cg, was[c], skip);
        LLVMAddIncoming(phi, &carry->at[c], &last, 1);
        carry->at[c] = phi;
    }
}

/* Where the number of rounds is known: none or one need no loop. */
static bool loop_is_short(Cg *cg, LLVMValueRef from, LLVMValueRef to, int64_t step, Carry *carry, LoopBody body,
                          void *context)
{
    int64_t lo, hi;
    if (!const_value(from, &lo) || !const_value(to, &hi) || hi - lo > step) return false;
    if (lo < hi) body(cg, from, carry, context);
    return true;
}

void loop_each(Cg *cg, LLVMValueRef from, LLVMValueRef to, int64_t step, Carry *carry, LoopBody body, void *context)
{
    if (loop_is_short(cg, from, to, step, carry, body, context)) return;
    LLVMBuilderRef b = cg->builder;
    LLVMBasicBlockRef pre = LLVMGetInsertBlock(b);
    LLVMBasicBlockRef inside = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMValueRef was[MAX_CARRY], phis[MAX_CARRY];
    level_push(cg, LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, from, to, ""), inside, after));
    LLVMPositionBuilderAtEnd(b, inside);
    LLVMValueRef i = make_phi(cg, from, pre);
    for (int c = 0; carry && c < carry->n; c++) {
        was[c] = carry->at[c];
        phis[c] = carry->at[c] = make_phi(cg, was[c], pre);
    }
    body(cg, i, carry, context);
    LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
    LLVMValueRef next = LLVMBuildNSWAdd(b, i, const_i64(cg, step), "");
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, to, ""), inside, after);
    LLVMAddIncoming(i, &next, &last, 1);
    for (int c = 0; carry && c < carry->n; c++) LLVMAddIncoming(phis[c], &carry->at[c], &last, 1);
    level_pop(cg);
    LLVMPositionBuilderAtEnd(b, after);
    join_carry(cg, carry, was, pre, last);
}

void loop_when(Cg *cg, LLVMValueRef condition, Carry *carry, LoopBody body, void *context)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef none = LLVMGetPoison(cg->i64);
    if (LLVMIsAConstantInt(condition)) {
        if (LLVMConstIntGetZExtValue(condition)) body(cg, none, carry, context);
        return;
    }
    LLVMBasicBlockRef pre = LLVMGetInsertBlock(b);
    LLVMBasicBlockRef inside = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(cg->context, cg->kernel->function, "");
    LLVMValueRef was[MAX_CARRY];
    for (int c = 0; carry && c < carry->n; c++) was[c] = carry->at[c];
    level_push(cg, LLVMBuildCondBr(b, condition, inside, after));
    LLVMPositionBuilderAtEnd(b, inside);
    body(cg, none, carry, context);
    LLVMBasicBlockRef last = LLVMGetInsertBlock(b);
    LLVMBuildBr(b, after);
    level_pop(cg);
    LLVMPositionBuilderAtEnd(b, after);
    join_carry(cg, carry, was, pre, last);
}

/* Lanes 0..rest-1. */
static LLVMValueRef tail_mask(Cg *cg, LLVMValueRef rest)
{
    int lanes = cg->kernel->lanes;
    LLVMValueRef n = LLVMBuildTrunc(cg->builder, rest, cg->i32, "");
    return LLVMBuildICmp(cg->builder, LLVMIntULT, const_iota(cg, cg->i32, lanes), splat(cg, n, lanes), "");
}

void loop_tail(Cg *cg, LLVMValueRef from, LLVMValueRef to, Carry *carry, LoopBody body, void *context)
{
    cg->kernel->mask = tail_mask(cg, LLVMBuildSub(cg->builder, to, from, ""));
    body(cg, from, carry, context);
    cg->kernel->mask = NULL;
}

typedef struct Tail { LLVMValueRef from, to; LoopBody body; void *context; } Tail;

static void tail_body(Cg *cg, LLVMValueRef none, Carry *carry, void *context)
{
    Tail *t = context;
    (void)none;
    loop_tail(cg, t->from, t->to, carry, t->body, t->context);
}

enum { STRAIGHT_VECTORS = 4 }; /* so many whole vectors need no loop */

void loop_lanes(Cg *cg, LLVMValueRef from, LLVMValueRef to, Carry *carry, LoopBody body, void *context)
{
    LLVMBuilderRef b = cg->builder;
    int64_t lanes = cg->kernel->lanes, lo, n;
    LLVMValueRef count = LLVMBuildNSWSub(b, to, from, "");
    LLVMValueRef whole = LLVMBuildNSWAdd(b, from, LLVMBuildAnd(b, count, const_i64(cg, -lanes), ""), "");
    if (const_value(count, &n) && const_value(from, &lo) && n / lanes <= STRAIGHT_VECTORS)
        for (int64_t i = 0; i < n / lanes; i++) body(cg, const_i64(cg, lo + i * lanes), carry, context);
    else
        loop_each(cg, from, whole, lanes, carry, body, context);
    if (lanes > 1)
        loop_when(cg, LLVMBuildICmp(b, LLVMIntSLT, whole, to, ""), carry, tail_body,
                  &(Tail){whole, to, body, context});
}

LLVMValueRef stack_array(Cg *cg, LLVMTypeRef element, int64_t n)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(cg->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(here));
    LLVMPositionBuilder(cg->builder, entry, LLVMGetFirstInstruction(entry));
    LLVMValueRef array = LLVMBuildAlloca(cg->builder, LLVMArrayType2(element, (uint64_t)n), "");
    LLVMSetAlignment(array, 64);
    LLVMPositionBuilderAtEnd(cg->builder, here);
    return array;
}

static bool index_same(const Index *a, const Index *b)
{
    if (a->flat != b->flat || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->at[i].at != b->at[i].at || a->at[i].kind != b->at[i].kind) return false;
    return true;
}

LLVMValueRef memo_find(Cg *cg, int level, const void *what, const Index *ix)
{
    Level *l = &cg->kernel->levels[level];
    for (int i = l->memo.n; i-- > 0;)
        if (l->memo.at[i].what == what && index_same(&l->memo.at[i].index, ix)) return l->memo.at[i].made;
    return NULL;
}

void memo_add(Cg *cg, int level, const void *what, const Index *ix, LLVMValueRef made)
{
    vec_push(cg->arena, &cg->kernel->levels[level].memo, (Memo){what, *ix, made});
}
