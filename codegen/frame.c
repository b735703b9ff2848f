/* The frame: the start of an entry's workspace. Its layout is one for the whole program, so that equal kernels of
   different entries are one function. */
#include "codegen/cg.h"

/* The most inputs or outputs that an entry has. */
static bool count_views(Graph *g, void *context)
{
    int *most = context, outputs = 0;
    for (int i = 0; i < g->results.n; i++) outputs += g->results.at[i].kind == RESULT_OUTPUT;
    most[0] = g->inputs.n > most[0] ? g->inputs.n : most[0];
    most[1] = outputs > most[1] ? outputs : most[1];
    return true;
}

static Frame frame_of(Program *p)
{
    Frame f = {.hypers = FRAME_FIELDS};
    int most[2] = {0, 0};
    program_each_graph(p, count_views, most);
    f.symbols = f.hypers + p->hypers.n;
    f.inputs = f.symbols + p->symbols.n;
    f.outputs = f.inputs + most[0];
    f.sizes = f.outputs + most[1];
    return f;
}

void frame_open(Cg *cg)
{
    cg->frame = NEW(cg->arena, Frame);
    *cg->frame = frame_of(cg->program);
}

static int64_t slots_bytes(int slots)
{
    return ((int64_t)slots * 8 + 63) / 64 * 64;
}

int64_t frame_least(Program *p)
{
    return slots_bytes(frame_of(p).sizes);
}

LLVMValueRef frame_address(Cg *cg, LLVMValueRef frame, int slot)
{
    LLVMValueRef at = const_i64(cg, slot);
    return LLVMBuildInBoundsGEP2(cg->builder, cg->i64, frame, &at, 1, "");
}

LLVMValueRef frame_load(Cg *cg, int slot, LLVMTypeRef type)
{
    const void *what = (const void *)((intptr_t)slot + 1);
    LLVMValueRef v = memo_find(cg, 0, what, &index_none);
    if (v) return v;
    int was = level_stand(cg, 0);
    v = LLVMBuildLoad2(cg->builder, type, frame_address(cg, cg->kernel->frame, slot), "");
    memo_add(cg, 0, what, &index_none, v);
    level_stand(cg, was);
    return v;
}

static int list_find(const DimList *list, const Dim *d)
{
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == d) return i;
    return -1;
}

int64_t frame_bytes(const Cg *cg, const DimList *used)
{
    int last = 0;
    for (int i = 0; i < used->n; i++) {
        int slot = list_find(&cg->frame->dims, used->at[i]) + 1;
        last = slot > last ? slot : last;
    }
    return slots_bytes(cg->frame->sizes + last);
}

int frame_slot(Cg *cg, const Dim *d)
{
    Frame *f = cg->frame;
    const Symbol *s = dim_lone_symbol(d);
    if (list_find(&f->used, d) < 0) vec_push(cg->arena, &f->used, d);
    if (s) return f->symbols + s->index;
    int at = list_find(&f->dims, d);
    if (at < 0) {
        at = f->dims.n;
        vec_push(cg->arena, &f->dims, d);
    }
    return f->sizes + at;
}

LLVMValueRef dim_value(Cg *cg, const Dim *d)
{
    int64_t v;
    return dim_known(d, &v) ? const_i64(cg, v) : frame_load(cg, frame_slot(cg, d), cg->i64);
}

static LLVMValueRef symbol_compute(Cg *cg, const LLVMValueRef *symbols, const Symbol *s)
{
    if (s->fixed) return const_i64(cg, s->fixed);
    if (!symbols[s->index]) fatal("the size `%s` is used where no input tells it", s->name);
    return symbols[s->index];
}

/* As floor_divide, and 0 by nothing. By a number below zero it is the division of -p by -k, so that no p over -1 traps:
   a fact is reckoned before it is known that its numbers fit. */
static LLVMValueRef floor_compute(Cg *cg, LLVMValueRef p, LLVMValueRef k)
{
    LLVMBuilderRef b = cg->builder;
    LLVMValueRef zero = const_i64(cg, 0), none = LLVMBuildICmp(b, LLVMIntEQ, k, zero, "");
    LLVMValueRef below = LLVMBuildICmp(b, LLVMIntSLT, k, zero, "");
    p = LLVMBuildSelect(b, below, LLVMBuildNeg(b, p, ""), p, "");
    k = LLVMBuildSelect(b, below, LLVMBuildNeg(b, k, ""), k, "");
    k = LLVMBuildSelect(b, none, const_i64(cg, 1), k, "");
    LLVMValueRef negative = LLVMBuildICmp(b, LLVMIntSLT, LLVMBuildSRem(b, p, k, ""), zero, "");
    LLVMValueRef q = LLVMBuildSub(b, LLVMBuildSDiv(b, p, k, ""), LLVMBuildZExt(b, negative, cg->i64, ""), "");
    return LLVMBuildSelect(b, none, zero, q, "");
}

static LLVMValueRef atom_compute(Cg *cg, const LLVMValueRef *symbols, const Atom *a)
{
    LLVMBuilderRef b = cg->builder;
    if (a->kind == ATOM_SYMBOL) return symbol_compute(cg, symbols, a->symbol);
    LLVMValueRef p = dim_compute(cg, symbols, a->p), k = dim_compute(cg, symbols, a->k);
    if (a->kind == ATOM_FLOOR) return floor_compute(cg, p, k);
    return LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSGT, p, k, ""), p, k, "");
}

LLVMValueRef dim_compute(Cg *cg, const LLVMValueRef *symbols, const Dim *d)
{
    LLVMValueRef sum = const_i64(cg, 0);
    for (int i = 0; i < d->nterms; i++) {
        LLVMValueRef term = const_i64(cg, d->terms[i].coef);
        for (int j = 0; j < d->terms[i].natoms; j++)
            term = LLVMBuildMul(cg->builder, term, atom_compute(cg, symbols, d->terms[i].atoms[j]), "");
        sum = LLVMBuildAdd(cg->builder, sum, term, "");
    }
    return sum;
}

static LLVMValueRef atom_ceiling(Cg *cg, const LLVMValueRef *symbols, const Atom *a)
{
    if (a->kind == ATOM_SYMBOL)
        return LLVMBuildSIToFP(cg->builder, symbol_compute(cg, symbols, a->symbol), cg->f64, "");
    return LLVMBuildFAdd(cg->builder, dim_ceiling(cg, symbols, a->p), dim_ceiling(cg, symbols, a->k), "");
}

LLVMValueRef dim_ceiling(Cg *cg, const LLVMValueRef *symbols, const Dim *d)
{
    LLVMValueRef sum = LLVMConstReal(cg->f64, 0);
    for (int i = 0; i < d->nterms; i++) {
        double coef = (double)d->terms[i].coef;
        LLVMValueRef term = LLVMConstReal(cg->f64, coef < 0 ? -coef : coef);
        for (int j = 0; j < d->terms[i].natoms; j++)
            term = LLVMBuildFMul(cg->builder, term, atom_ceiling(cg, symbols, d->terms[i].atoms[j]), "");
        sum = LLVMBuildFAdd(cg->builder, sum, term, "");
    }
    return sum;
}
