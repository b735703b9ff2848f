/* The descriptor: what a host may know of a model, as constants. */
#include "codegen/cg.h"

#define SET(c, type, field, v) abi_set(&(c), offsetof(Abi_##type, field), (v))
#define SET_INT(cg, c, type, field, v) abi_set_int((cg), &(c), offsetof(Abi_##type, field), (int64_t)(v))
#define SET_TEXT(cg, c, type, field, v) SET(c, type, field, global_text((cg), (v)))

/* The address of an array of constants; NULL where there are none. */
static LLVMValueRef array_const(Cg *cg, const char *name, LLVMTypeRef element, LLVMValueRef *at, int n)
{
    if (n == 0) return LLVMConstPointerNull(cg->ptr);
    return global_const(cg, name, LLVMConstArray2(element, at, (uint64_t)n), 8);
}

static LLVMValueRef *slots_new(Cg *cg, int n)
{
    return NEW_ARRAY(cg->arena, LLVMValueRef, n + 1);
}

static int symbol_place(Cg *cg, const Symbol *s)
{
    int n;
    const int *symbols = program_symbols(cg->program, &n);
    for (int i = 0; s && i < n; i++)
        if (symbols[i] == s->index) return i;
    return -1;
}

/* ---- views ---- */
static LLVMValueRef labels(Cg *cg, const Dim *d)
{
    const Symbol *s = d ? dim_lone_symbol(d) : NULL;
    if (!s || !s->nlabels) return LLVMConstPointerNull(cg->ptr);
    LLVMValueRef *at = slots_new(cg, s->nlabels);
    for (int i = 0; i < s->nlabels; i++) at[i] = global_text(cg, s->labels[i]);
    return array_const(cg, "labels", cg->ptr, at, s->nlabels);
}

static LLVMValueRef axis_const(Cg *cg, const Entry *e, const Axis *a)
{
    AbiConst c = {.of = ABI_nnrt_axis};
    int64_t size;
    bool known = dim_known(a->dim, &size);
    int symbol = known ? -1 : symbol_place(cg, dim_lone_symbol(a->dim));
    SET_TEXT(cg, c, nnrt_axis, role, a->role ? a->role : "");
    SET(c, nnrt_axis, labels, labels(cg, a->dim));
    SET_INT(cg, c, nnrt_axis, size, known ? size : -1);
    SET_INT(cg, c, nnrt_axis, symbol, symbol);
    if (!known && symbol < 0) SET(c, nnrt_axis, length, formula_emit(cg, e, a->dim, "length"));
    return abi_const(cg, &c);
}

static LLVMValueRef view_const(Cg *cg, const Entry *e, const char *name, Type t, const char *place)
{
    AbiConst c = {.of = ABI_nnrt_view};
    LLVMValueRef *axes = slots_new(cg, t.rank);
    int64_t range = 0;
    for (int i = 0; i < t.rank; i++) axes[i] = axis_const(cg, e, &t.axes[i]);
    if (t.range && !dim_known(t.range, &range)) range = 0;
    SET_TEXT(cg, c, nnrt_view, name, name);
    SET(c, nnrt_view, axes, array_const(cg, "axes", abi_type(cg, ABI_nnrt_axis), axes, t.rank));
    SET_INT(cg, c, nnrt_view, rank, t.rank);
    SET_INT(cg, c, nnrt_view, dtype, t.dtype);
    SET_INT(cg, c, nnrt_view, range, range);
    SET(c, nnrt_view, labels, labels(cg, t.range));
    SET_TEXT(cg, c, nnrt_view, where, place);
    return abi_const(cg, &c);
}

static LLVMValueRef inputs_const(Cg *cg, const Entry *e)
{
    const Graph *g = e->graph;
    LLVMValueRef *at = slots_new(cg, g->inputs.n);
    for (int i = 0; i < g->inputs.n; i++) {
        const GraphInput *in = &g->inputs.at[i];
        at[i] = view_const(cg, e, in->name, in->value->type, program_line(cg->program, in->span, NULL));
    }
    return array_const(cg, "inputs", abi_type(cg, ABI_nnrt_view), at, g->inputs.n);
}

static LLVMValueRef outputs_const(Cg *cg, const Entry *e, int *out_n)
{
    const Graph *g = e->graph;
    LLVMValueRef *at = slots_new(cg, g->results.n);
    int n = 0;
    for (int i = 0; i < g->results.n; i++) {
        const Result *r = &g->results.at[i];
        if (r->kind != RESULT_OUTPUT) continue;
        at[r->index] = view_const(cg, e, output_name(g, r->index), r->type, program_line(cg->program, NO_SPAN, g->site));
        n++;
    }
    *out_n = n;
    return array_const(cg, "outputs", abi_type(cg, ABI_nnrt_view), at, n);
}

/* ---- entries ---- */
static LLVMValueRef metrics_const(Cg *cg, const TrainInfo *t)
{
    LLVMValueRef *at = slots_new(cg, t->metrics.n);
    for (int i = 0; i < t->metrics.n; i++) {
        AbiConst c = {.of = ABI_nnrt_metric};
        SET_TEXT(cg, c, nnrt_metric, name, t->metrics.at[i].name);
        SET_INT(cg, c, nnrt_metric, total, t->metrics.at[i].total);
        SET_INT(cg, c, nnrt_metric, pair, t->metrics.at[i].pair);
        at[i] = abi_const(cg, &c);
    }
    return array_const(cg, "metrics", abi_type(cg, ABI_nnrt_metric), at, t->metrics.n);
}

static void set_symbols(Cg *cg, AbiConst *c, const Entry *e)
{
    LLVMValueRef *at = slots_new(cg, e->nsymbols);
    const Symbol *rows = e->graph->rows ? dim_lone_symbol(e->graph->rows) : NULL;
    int64_t batch = 0;
    for (int i = 0; i < e->nsymbols; i++) {
        const Symbol *s = cg->program->symbols.at[e->symbols[i]];
        at[i] = LLVMConstInt(cg->i32, (unsigned)symbol_place(cg, s), false);
        if (rows && s->index == rows->index) SET_INT(cg, *c, nnrt_entry, rows, i + 1);
    }
    if (e->graph->rows && dim_known(e->graph->rows, &batch)) SET_INT(cg, *c, nnrt_entry, batch, batch);
    SET(*c, nnrt_entry, symbols, array_const(cg, "symbols", cg->i32, at, e->nsymbols));
    SET_INT(cg, *c, nnrt_entry, nsymbols, e->nsymbols);
}

static void mark_symbol(const Symbol *s, void *marks)
{
    ((bool *)marks)[s->index] = true;
}

static void mark_symbols(const Dim *d, void *marks)
{
    dim_each_symbol(d, mark_symbol, marks);
}

/* Which of the entry's sizes it is about. */
static void set_fact_symbols(Cg *cg, AbiConst *c, const Entry *e, const Condition *condition)
{
    bool *marks = NEW_ARRAY(cg->arena, bool, cg->program->symbols.n + 1);
    LLVMValueRef *at = slots_new(cg, e->nsymbols);
    int n = 0;
    condition_each_dim(condition, mark_symbols, marks);
    for (int i = 0; i < e->nsymbols; i++)
        if (marks[e->symbols[i]]) at[n++] = LLVMConstInt(cg->i32, (unsigned)i, false);
    SET(*c, nnrt_fact, symbols, array_const(cg, "fact_symbols", cg->i32, at, n));
    SET_INT(cg, *c, nnrt_fact, nsymbols, n);
}

static LLVMValueRef fact_const(Cg *cg, const Entry *e, const Fact *fact)
{
    AbiConst c = {.of = ABI_nnrt_fact};
    const FactParts *parts = &fact->message;
    LLVMValueRef *texts = slots_new(cg, parts->n + 1), *values = slots_new(cg, parts->n);
    Text text = {.arena = cg->arena};
    int n = 0;
    for (int i = 0; i < parts->n; i++) {
        const FactPart *part = &parts->at[i];
        text_add(&text, "%s", part->text ? part->text : "");
        if (!part->top) continue;
        texts[n] = global_text(cg, text_done(&text));
        values[n++] = ratio_emit(cg, e, part->top, part->bottom);
        text = (Text){.arena = cg->arena};
    }
    texts[n] = global_text(cg, text_done(&text));
    SET(c, nnrt_fact, holds, condition_emit(cg, e, fact->condition));
    SET(c, nnrt_fact, texts, array_const(cg, "texts", cg->ptr, texts, n + 1));
    SET(c, nnrt_fact, values, array_const(cg, "values", cg->ptr, values, n));
    SET_INT(cg, c, nnrt_fact, nvalues, n);
    set_fact_symbols(cg, &c, e, fact->condition);
    return abi_const(cg, &c);
}

static void set_facts(Cg *cg, AbiConst *c, const Entry *e)
{
    LLVMValueRef *at = slots_new(cg, e->facts.n);
    for (int i = 0; i < e->facts.n; i++) at[i] = fact_const(cg, e, &e->facts.at[i]);
    SET(*c, nnrt_entry, facts, array_const(cg, "facts", abi_type(cg, ABI_nnrt_fact), at, e->facts.n));
    SET_INT(cg, *c, nnrt_entry, nfacts, e->facts.n);
}

static LLVMValueRef entry_const(Cg *cg, const EntryCode *code)
{
    const Entry *e = code->entry;
    AbiConst c = {.of = ABI_nnrt_entry};
    int outputs;
    SET_TEXT(cg, c, nnrt_entry, name, e->name);
    SET_INT(cg, c, nnrt_entry, kind, e->kind);
    SET_INT(cg, c, nnrt_entry, flags, e->draws);
    SET(c, nnrt_entry, inputs, inputs_const(cg, e));
    SET(c, nnrt_entry, outputs, outputs_const(cg, e, &outputs));
    SET_INT(cg, c, nnrt_entry, ninputs, e->graph->inputs.n);
    SET_INT(cg, c, nnrt_entry, noutputs, outputs);
    set_symbols(cg, &c, e);
    SET_INT(cg, c, nnrt_entry, nphases, code->nphases);
    SET(c, nnrt_entry, bytes, code->bytes);
    SET(c, nnrt_entry, cost, code->cost);
    SET(c, nnrt_entry, begin, code->begin);
    SET(c, nnrt_entry, phases, array_const(cg, "phases", cg->ptr, code->phases, code->nphases));
    SET(c, nnrt_entry, end, code->end);
    if (e->kind != ENTRY_PREDICT && e->kind != ENTRY_UPDATE) {
        const TrainInfo *t = &cg->program->trains.at[e->train];
        SET_INT(cg, c, nnrt_entry, ntotals, t->ntotals);
        SET_INT(cg, c, nnrt_entry, nmetrics, t->metrics.n);
        SET(c, nnrt_entry, metrics, metrics_const(cg, t));
    }
    SET_INT(cg, c, nnrt_entry, train, e->train);
    set_facts(cg, &c, e);
    return abi_const(cg, &c);
}

/* ---- tables of the model ---- */
static LLVMValueRef symbols_const(Cg *cg, int *out_n)
{
    const int *symbols = program_symbols(cg->program, out_n);
    LLVMValueRef *at = slots_new(cg, *out_n);
    for (int i = 0; i < *out_n; i++) {
        const Symbol *s = cg->program->symbols.at[symbols[i]];
        AbiConst c = {.of = ABI_nnrt_symbol};
        SET_TEXT(cg, c, nnrt_symbol, name, s->name);
        SET_INT(cg, c, nnrt_symbol, low, s->low > 1 ? s->low : 1);
        SET_INT(cg, c, nnrt_symbol, high, s->high < (int64_t)1 << 40 ? s->high : (int64_t)1 << 40);
        at[i] = abi_const(cg, &c);
    }
    return array_const(cg, "symbols", abi_type(cg, ABI_nnrt_symbol), at, *out_n);
}

static LLVMValueRef tensor_const(Cg *cg, const Tensor *t)
{
    AbiConst c = {.of = ABI_nnrt_tensor};
    LLVMValueRef *dims = slots_new(cg, t->type.rank);
    int64_t size = 0;
    for (int i = 0; i < t->type.rank; i++) {
        if (!dim_known(t->type.axes[i].dim, &size)) UNREACHABLE("a tensor whose size is not known");
        dims[i] = const_i64(cg, size);
    }
    SET_TEXT(cg, c, nnrt_tensor, name, t->key);
    SET_TEXT(cg, c, nnrt_tensor, where, program_line(cg->program, NO_SPAN, t->site));
    SET_INT(cg, c, nnrt_tensor, role, t->role);
    SET_INT(cg, c, nnrt_tensor, dtype, t->type.dtype);
    SET_INT(cg, c, nnrt_tensor, rank, t->type.rank);
    SET_INT(cg, c, nnrt_tensor, train, t->train);
    SET(c, nnrt_tensor, dims, array_const(cg, "dims", cg->i64, dims, t->type.rank));
    SET_INT(cg, c, nnrt_tensor, offset, t->offset);
    SET_INT(cg, c, nnrt_tensor, bytes, tensor_bytes(cg->program, t));
    return abi_const(cg, &c);
}

/* Of a frozen model a host knows none: there is nothing that it could read or write. */
static LLVMValueRef tensors_const(Cg *cg, int *out_n)
{
    int n = *out_n = cg->program->frozen ? 0 : cg->program->tensors.n;
    LLVMValueRef *at = slots_new(cg, n);
    for (int i = 0; i < n; i++) at[i] = tensor_const(cg, &cg->program->tensors.at[i]);
    return array_const(cg, "tensors", abi_type(cg, ABI_nnrt_tensor), at, n);
}

static LLVMValueRef hypers_const(Cg *cg)
{
    int n = cg->program->hypers.n;
    LLVMValueRef *at = slots_new(cg, n);
    for (int i = 0; i < n; i++) {
        AbiConst c = {.of = ABI_nnrt_hyper};
        SET_TEXT(cg, c, nnrt_hyper, name, cg->program->hypers.at[i].name);
        SET(c, nnrt_hyper, value, LLVMConstReal(cg->f64, cg->program->hypers.at[i].value));
        SET_INT(cg, c, nnrt_hyper, offset, 8 + 8 * i);
        at[i] = abi_const(cg, &c);
    }
    return array_const(cg, "hypers", abi_type(cg, ABI_nnrt_hyper), at, n);
}

static LLVMValueRef trains_const(Cg *cg)
{
    int n = cg->program->trains.n;
    LLVMValueRef *at = slots_new(cg, n);
    for (int i = 0; i < n; i++) {
        const TrainInfo *t = &cg->program->trains.at[i];
        AbiConst c = {.of = ABI_nnrt_train};
        SET_TEXT(cg, c, nnrt_train, name, t->name);
        SET_INT(cg, c, nnrt_train, epochs, t->epochs);
        SET_INT(cg, c, nnrt_train, batch, t->batch);
        SET_INT(cg, c, nnrt_train, split_train, t->split_a);
        SET_INT(cg, c, nnrt_train, split_test, t->split_b);
        SET_INT(cg, c, nnrt_train, seed, t->seed);
        at[i] = abi_const(cg, &c);
    }
    return array_const(cg, "trains", abi_type(cg, ABI_nnrt_train), at, n);
}

static LLVMValueRef entries_const(Cg *cg, Entries entries, const EntryCode *codes)
{
    LLVMValueRef *at = slots_new(cg, entries.n);
    for (int i = 0; i < entries.n; i++) at[i] = entry_const(cg, &codes[i]);
    return array_const(cg, "entries", abi_type(cg, ABI_nnrt_entry), at, entries.n);
}

static LLVMValueRef model_const(Cg *cg, Entries entries, const EntryCode *codes, Setters setters)
{
    Program *p = cg->program;
    AbiConst c = {.of = ABI_nnrt_model};
    int nsymbols, ntensors;
    SET_INT(cg, c, nnrt_model, size, abi_bytes(cg, ABI_nnrt_model));
    SET_INT(cg, c, nnrt_model, abi, NNRT_ABI);
    SET_TEXT(cg, c, nnrt_model, name, p->name);
    SET_TEXT(cg, c, nnrt_model, source, p->file ? p->file : p->name);
    SET_TEXT(cg, c, nnrt_model, level, cg->target->name);
    SET_INT(cg, c, nnrt_model, features, cg->target->needs);
    SET_INT(cg, c, nnrt_model, weights_hash, program_weights_hash(p));
    SET_INT(cg, c, nnrt_model, opt_hash, program_opt_hash(p));
    SET_INT(cg, c, nnrt_model, graph_hash, program_graph_hash(p));
    SET_INT(cg, c, nnrt_model, params_bytes, p->params_bytes);
    SET_INT(cg, c, nnrt_model, grads_bytes, p->params_bytes);
    SET_INT(cg, c, nnrt_model, opt_bytes, p->opt_bytes);
    SET(c, nnrt_model, symbols, symbols_const(cg, &nsymbols));
    SET(c, nnrt_model, tensors, tensors_const(cg, &ntensors));
    SET(c, nnrt_model, hypers, hypers_const(cg));
    SET(c, nnrt_model, entries, entries_const(cg, entries, codes));
    SET(c, nnrt_model, trains, trains_const(cg));
    SET_INT(cg, c, nnrt_model, nsymbols, nsymbols);
    SET_INT(cg, c, nnrt_model, ntensors, ntensors);
    SET_INT(cg, c, nnrt_model, nhypers, p->hypers.n);
    SET_INT(cg, c, nnrt_model, nentries, entries.n);
    SET_INT(cg, c, nnrt_model, ntrains, p->trains.n);
    SET_INT(cg, c, nnrt_model, hparams_bytes, 8 + 8 * p->hypers.n);
    SET(c, nnrt_model, init, setters.init);
    SET(c, nnrt_model, prepare, setters.prepare);
    SET(c, nnrt_model, start, setters.start);
    SET_INT(cg, c, nnrt_model, first_bytes, first_bytes(cg));
    return abi_const(cg, &c);
}

void descriptor_emit(Cg *cg, Entries entries, const EntryCode *codes, Setters setters)
{
    LLVMValueRef model = global_const(cg, "model", model_const(cg, entries, codes, setters), 8);
    const char *name = str_format(cg->arena, "%s_model", cg->program->name);
    function_begin(cg, name, LLVMFunctionType(cg->ptr, NULL, 0, false), true);
    LLVMBuildRet(cg->builder, model);
}
