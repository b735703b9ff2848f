/* Any value of a kernel at any index: what is in memory is read, everything else is computed from its inputs. */
#include "codegen/cg.h"

typedef LLVMValueRef (*Emitter)(Cg *cg, const Node *n, const Index *ix);
static const Emitter emits[OP_COUNT] = {
#define OP(NAME, text, nin, kind, flags, formula) [OP_##NAME] = emit_##kind,
#include "ir/ops.def"
};

static LLVMValueRef all_lanes(Cg *cg)
{
    LLVMValueRef mask = cg->kernel->mask;
    return mask ? mask : splat(cg, LLVMConstInt(cg->i1, 1, false), cg->kernel->lanes);
}

static LLVMValueRef element_address(Cg *cg, DType t, LLVMValueRef base, LLVMValueRef at)
{
    return LLVMBuildInBoundsGEP2(cg->builder, stored_type(cg, t, 1), base, &at, 1, "");
}

static LLVMValueRef masked_load(Cg *cg, const char *name, LLVMTypeRef type, LLVMValueRef address, DType t)
{
    LLVMTypeRef types[2] = {type, LLVMTypeOf(address)};
    LLVMValueRef align = LLVMConstInt(cg->i32, (unsigned)dtype_bytes(t), false);
    LLVMValueRef args[4] = {address, align, all_lanes(cg), LLVMConstNull(type)};
    return intrinsic(cg, name, types, 2, args, 4);
}

LLVMValueRef load_at(Cg *cg, DType t, LLVMValueRef base, Ix offset)
{
    int lanes = offset.kind == IX_SAME ? 1 : cg->kernel->lanes;
    LLVMTypeRef type = stored_type(cg, t, lanes);
    LLVMValueRef address = element_address(cg, t, base, offset.at), v;
    if (offset.kind == IX_EACH)
        v = masked_load(cg, "llvm.masked.gather", type, address, t);
    else if (offset.kind == IX_STEP && cg->kernel->mask)
        v = masked_load(cg, "llvm.masked.load", type, address, t);
    else {
        v = LLVMBuildLoad2(cg->builder, type, address, "");
        LLVMSetAlignment(v, (unsigned)dtype_bytes(t));
    }
    return t == DT_BOOL ? LLVMBuildICmp(cg->builder, LLVMIntNE, v, LLVMConstNull(type), "") : v;
}

static void masked_store(Cg *cg, const char *name, LLVMValueRef v, LLVMValueRef address, DType t)
{
    LLVMTypeRef types[2] = {LLVMTypeOf(v), LLVMTypeOf(address)};
    LLVMValueRef align = LLVMConstInt(cg->i32, (unsigned)dtype_bytes(t), false);
    LLVMValueRef args[4] = {v, address, align, all_lanes(cg)};
    intrinsic(cg, name, types, 2, args, 4);
}

void store_at(Cg *cg, DType t, LLVMValueRef base, Ix offset, LLVMValueRef v)
{
    int lanes = offset.kind == IX_SAME ? 1 : cg->kernel->lanes;
    LLVMValueRef address = element_address(cg, t, base, offset.at);
    v = splat(cg, v, lanes);
    if (t == DT_BOOL) v = LLVMBuildZExt(cg->builder, v, stored_type(cg, t, lanes), "");
    if (offset.kind == IX_EACH)
        masked_store(cg, "llvm.masked.scatter", v, address, t);
    else if (offset.kind == IX_STEP && cg->kernel->mask)
        masked_store(cg, "llvm.masked.store", v, address, t);
    else
        LLVMSetAlignment(LLVMBuildStore(cg->builder, v, address), (unsigned)dtype_bytes(t));
}

static int area_slot(Cg *cg, const Place *p)
{
    switch (p->area) {
    case AREA_INPUT: return cg->frame->inputs + p->index;
    case AREA_OUTPUT: return cg->frame->outputs + p->index;
    case AREA_PARAMS: return FRAME_PARAMS;
    case AREA_GRADS: return FRAME_GRADS;
    case AREA_OPT: return FRAME_OPT;
    case AREA_WORK: return FRAME_WORK;
    case AREA_NONE: break;
    }
    UNREACHABLE("a value without a place is read");
}

/* Inputs and tensors have a place of their own, whatever the plan says. */
static Place value_place(Cg *cg, const Value *v)
{
    const Node *n = v->def;
    if (n->op == OP_INPUT) return (Place){AREA_INPUT, n->attr.index, NULL};
    return n->op == OP_TENSOR ? place_of_tensor(cg->program, n->attr.index, n->grad_area) : v->place;
}

/* A frozen parameter, or what is a view of it: the tensor at that place is a constant of its own. */
static LLVMValueRef frozen_address(Cg *cg, const Dim *place)
{
    Program *p = cg->program;
    int64_t offset = 0;
    int i = 0;
    dim_known(place, &offset);
    while (p->tensors.at[i].offset != offset) i++;
    const Tensor *t = &p->tensors.at[i];
    return global_values(cg, t, t->path, t->given.values, tensor_bytes(p, t));
}

LLVMValueRef value_address(Cg *cg, const Value *v)
{
    const Kernel *k = cg->kernel;
    for (int i = 0; i < k->operands.n; i++)
        if (k->operands.at[i] == v) return LLVMGetParam(k->function, KERNEL_ARGS + (unsigned)i);
    LLVMValueRef address = memo_find(cg, 0, &v->place, &index_none);
    if (address) return address;
    Place p = value_place(cg, v);
    if (p.area == AREA_PARAMS && cg->program->frozen) return frozen_address(cg, p.offset);
    address = frame_load(cg, area_slot(cg, &p), cg->ptr);
    if (p.offset) {
        LLVMValueRef offset = dim_value(cg, p.offset);
        int was = level_stand(cg, 0);
        address = LLVMBuildInBoundsGEP2(cg->builder, cg->i8, address, &offset, 1, "");
        level_stand(cg, was);
    }
    memo_add(cg, 0, &v->place, &index_none, address);
    return address;
}

/* `kernel`: whose body is being emitted, or NULL. */
static bool in_memory(const Node *kernel, const Value *v)
{
    OpCode op = v->def->op;
    if (kernel && v->def->parent == kernel->region) return false;
    return op == OP_INPUT || op == OP_TENSOR || op == OP_KERNEL || v->place.area != AREA_NONE;
}

static void add_operand(Cg *cg, ValueList *list, const Value *v)
{
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == v) return;
    vec_push(cg->arena, list, v);
}

static void add_reads(Cg *cg, const Node *kernel, ValueList *list, const Value *v)
{
    if (in_memory(kernel, v)) {
        add_operand(cg, list, v);
        return;
    }
    for (int i = 0; i < v->def->nin && v->def->parent != kernel->region; i++)
        add_reads(cg, kernel, list, v->def->in[i]);
}

ValueList kernel_operands(Cg *cg, const Node *kernel)
{
    ValueList list = {0};
    for (const Node *n = kernel->region->first; n; n = n->next)
        for (int i = 0; i < n->nin; i++) add_reads(cg, kernel, &list, n->in[i]);
    for (int i = 0; i < kernel->nout; i++) add_operand(cg, &list, &kernel->out[i]);
    return list;
}

void pull_give(Cg *cg, const Value *v, LLVMValueRef made)
{
    Kernel *k = cg->kernel;
    for (int i = 0; i < k->given.n; i++)
        if (k->given.at[i].value == v) {
            k->given.at[i].made = made;
            return;
        }
    vec_push(cg->arena, &k->given, (Given){v, made});
}

static LLVMValueRef find_given(Cg *cg, const Value *v)
{
    Kernel *k = cg->kernel;
    for (int i = 0; i < k->given.n; i++)
        if (k->given.at[i].value == v) return k->given.at[i].made;
    return NULL;
}

LLVMValueRef pull(Cg *cg, const Value *v, const Index *ix)
{
    if (v->type.rank == 0) ix = &index_none;
    LLVMValueRef made = find_given(cg, v);
    if (made) return made;
    int level = index_level(ix);
    made = memo_find(cg, level, v, ix);
    if (made) return made;
    int was = level_stand(cg, level);
    if (in_memory(cg->kernel->node, v)) {
        Ix offset = index_flatten(cg, v->type, ix);
        made = load_at(cg, v->type.dtype, value_address(cg, v), offset);
    } else {
        cg_debug_site(cg, v->def->site);
        made = emits[v->def->op](cg, v->def, ix);
    }
    memo_add(cg, level, v, ix, made);
    level_stand(cg, was);
    return made;
}

/* Formulas go element by element: every input at the same place, a single number in all lanes. */
LLVMValueRef emit_elementwise(Cg *cg, const Node *n, const Index *ix)
{
    LLVMValueRef in[3];
    int lanes = 1;
    for (int i = 0; i < n->nin; i++) {
        in[i] = pull(cg, n->in[i], ix);
        lanes = lanes_of(in[i]) > lanes ? lanes_of(in[i]) : lanes;
    }
    for (int i = 0; i < n->nin; i++) in[i] = splat(cg, in[i], lanes);
    cg_debug_site(cg, n->site);
    return emit_scalar(cg, n, in, lanes);
}

LLVMValueRef pull_lanes(Cg *cg, const Value *v, const Index *ix, int lanes)
{
    return splat(cg, pull(cg, v, ix), lanes);
}

/* A gradient counts by the weight of its rows, and is added to what is there where the host says so. */
static LLVMValueRef weigh(Cg *cg, DType t, LLVMValueRef base, Ix offset, LLVMValueRef v)
{
    LLVMBuilderRef b = cg->builder;
    if (!dtype_is_float(t)) return v;
    int lanes = offset.kind == IX_SAME ? 1 : cg->kernel->lanes;
    LLVMValueRef weight = frame_load(cg, FRAME_WEIGHT, cg->f64), flags = frame_load(cg, FRAME_FLAGS, cg->i64);
    if (t == DT_F32) weight = LLVMBuildFPTrunc(b, weight, cg->f32, "");
    v = LLVMBuildFMul(b, splat(cg, v, lanes), splat(cg, weight, lanes), "");
    LLVMValueRef add = LLVMBuildICmp(b, LLVMIntNE, LLVMBuildAnd(b, flags, const_i64(cg, 1), ""), const_i64(cg, 0), "");
    LLVMValueRef sum = LLVMBuildFAdd(b, load_at(cg, t, base, offset), v, "");
    return LLVMBuildSelect(b, add, sum, v, "");
}

void store_result(Cg *cg, const Value *v, const Index *ix, LLVMValueRef made)
{
    LLVMValueRef base = value_address(cg, v);
    Ix offset = index_flatten(cg, v->type, ix);
    if (v->place.area == AREA_GRADS && cg->kernel->graph->kind == GRAPH_GRAD)
        made = weigh(cg, v->type.dtype, base, offset, made);
    store_at(cg, v->type.dtype, base, offset, made);
}

void store_results(Cg *cg, int rank, const Index *ix)
{
    const Node *kernel = cg->kernel->node, *end = kernel->region->last;
    LLVMValueRef *made = NEW_ARRAY(cg->arena, LLVMValueRef, kernel->nout + 1);
    for (int i = 0; i < kernel->nout; i++)
        if (kernel->out[i].type.rank == rank) made[i] = pull(cg, end->in[i], ix);
    cg_debug_site(cg, kernel->site);
    for (int i = 0; i < kernel->nout; i++)
        if (made[i]) store_result(cg, &kernel->out[i], ix, made[i]);
}
