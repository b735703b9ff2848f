/* Buffers for an entry's inputs and outputs: checked against its types, and sizes solved from them. */
#include "session.h"
#include <stdio.h>
#include <string.h>

static const nnrt_view *view_of(const nnrt_entry *e, uint32_t slot)
{
    return slot < e->ninputs ? &e->inputs[slot] : &e->outputs[slot - e->ninputs];
}

int32_t nnrt__need_entry(nnrt_session *s, int32_t entry)
{
    int32_t status = nnrt__usable(s);
    if (status || (entry >= 0 && (uint32_t)entry < s->model->nentries)) return status;
    return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no entry number %d: nnrt_find_entry gives the number, or "
                      "-1 for a name it does not have", s->model->name, (int)entry);
}

/* "`image` of `digits` (digits.nn:8)" */
static const char *name_view(const nnrt_entry *e, const nnrt_view *v, char *buffer, size_t size)
{
    snprintf(buffer, size, "`%s` of `%s` (%s)", v->name, e->name, v->where);
    return buffer;
}

/* Bytes of a dense buffer, or -1 where they cannot be counted. */
static int64_t dense_bytes(uint32_t dtype, uint32_t rank, const int64_t *dims)
{
    int64_t bytes = (int64_t)nnrt_dtype_bytes(dtype);
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] < 1 || __builtin_mul_overflow(bytes, dims[i], &bytes)) return -1;
    return bytes;
}

static bool shape_fits(const nnrt_view *v, uint32_t dtype, uint32_t rank, const int64_t *dims)
{
    if (dtype != v->dtype || rank != v->rank || rank > NNRT__MAX_RANK) return false;
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] < 1 || (v->axes[i].size >= 0 && v->axes[i].size != dims[i])) return false;
    return true;
}

static int32_t refuse_shape(nnrt_session *s, const nnrt_entry *e, const nnrt_view *v, uint32_t dtype, uint32_t rank,
                            const int64_t *dims)
{
    char name[160], wanted[160], given[160];
    uint32_t shown = rank < NNRT__MAX_RANK ? rank : NNRT__MAX_RANK;
    return nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "%s is %s, and is given %s", name_view(e, v, name, sizeof name),
                      nnrt_view_text(s->model, v, wanted, sizeof wanted),
                      nnrt__shape_text(dtype, shown, dims, given, sizeof given));
}

static int32_t bind_slot(nnrt_session *s, int32_t entry, uint32_t slot, uint32_t dtype, uint32_t rank,
                         const int64_t *dims, void *data, size_t bytes)
{
    const nnrt_entry *e = &s->model->entries[entry];
    const nnrt_view *v = view_of(e, slot);
    nnrt_binding *b = &s->bindings[entry];
    char name[160], given[160];
    name_view(e, v, name, sizeof name);
    b->solved = false;
    b->slots[slot].data = NULL;
    if (!data || (rank > 0 && !dims))
        return nnrt__fail(&s->fault, NNRT_ERR_NULL, "%s is given no %s", name, data ? "shape" : "buffer");
    if (!shape_fits(v, dtype, rank, dims)) return refuse_shape(s, e, v, dtype, rank, dims);
    int64_t needed = dense_bytes(dtype, rank, dims);
    nnrt__shape_text(dtype, rank, dims, given, sizeof given);
    if (needed < 0) return nnrt__fail(&s->fault, NNRT_ERR_SIZE, "%s: %s is more than memory can hold", name, given);
    if ((uint64_t)needed > bytes)
        return nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "%s: %s takes %lld byte%s, and the buffer has %zu", name, given,
                          (long long)needed, needed == 1 ? "" : "s", bytes);
    if ((uintptr_t)data % nnrt_dtype_bytes(dtype))
        return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "%s: the buffer of %s must lie at a multiple of %zu bytes",
                          name, nnrt_dtype_name(dtype), nnrt_dtype_bytes(dtype));
    b->slots[slot].data = b->buffers[slot] = data;
    b->slots[slot].bytes = (size_t)needed;
    if (rank > 0) memcpy(b->slots[slot].dims, dims, rank * sizeof *dims);
    return NNRT_OK;
}

static int32_t refuse_place(nnrt_session *s, int32_t entry, const char *what, const nnrt_view *views, uint32_t n,
                            const char *name)
{
    char list[256] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < n && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s`%s`", i ? ", " : "", views[i].name);
    return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "`%s` has no such %s%s%s%s; it has %s",
                      s->model->entries[entry].name, what, name ? " `" : "", name ? name : "", name ? "`" : "",
                      n ? list : "none");
}

int32_t nnrt_bind_input_at(nnrt_session *s, int32_t entry, int32_t input, uint32_t dtype, uint32_t rank,
                           const int64_t *dims, const void *data, size_t bytes)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    const nnrt_entry *e = &s->model->entries[entry];
    if (input < 0 || (uint32_t)input >= e->ninputs) return refuse_place(s, entry, "input", e->inputs, e->ninputs, NULL);
    return bind_slot(s, entry, (uint32_t)input, dtype, rank, dims, (void *)(uintptr_t)data, bytes);
}

int32_t nnrt_bind_output_at(nnrt_session *s, int32_t entry, int32_t output, uint32_t dtype, uint32_t rank,
                            const int64_t *dims, void *data, size_t bytes)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    const nnrt_entry *e = &s->model->entries[entry];
    if (output < 0 || (uint32_t)output >= e->noutputs)
        return refuse_place(s, entry, "output", e->outputs, e->noutputs, NULL);
    return bind_slot(s, entry, e->ninputs + (uint32_t)output, dtype, rank, dims, data, bytes);
}

int32_t nnrt_bind_input(nnrt_session *s, int32_t entry, const char *name, uint32_t dtype, uint32_t rank,
                        const int64_t *dims, const void *data, size_t bytes)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    const nnrt_entry *e = &s->model->entries[entry];
    int32_t at = nnrt_find_input(e, name);
    return at < 0 ? refuse_place(s, entry, "input", e->inputs, e->ninputs, name)
                  : nnrt_bind_input_at(s, entry, at, dtype, rank, dims, data, bytes);
}

int32_t nnrt_bind_output(nnrt_session *s, int32_t entry, const char *name, uint32_t dtype, uint32_t rank,
                         const int64_t *dims, void *data, size_t bytes)
{
    int32_t status = nnrt__need_entry(s, entry);
    if (status) return status;
    const nnrt_entry *e = &s->model->entries[entry];
    int32_t at = nnrt_find_output(e, name);
    return at < 0 ? refuse_place(s, entry, "output", e->outputs, e->noutputs, name)
                  : nnrt_bind_output_at(s, entry, at, dtype, rank, dims, data, bytes);
}

void nnrt__unbind(nnrt_session *s, int32_t entry)
{
    const nnrt_entry *e = &s->model->entries[entry];
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) s->bindings[entry].slots[i].data = NULL;
    s->bindings[entry].solved = false;
}

/* ---- sizes ---- */
static int64_t *size_of_symbol(const nnrt_entry *e, nnrt_binding *b, int32_t symbol)
{
    for (uint32_t i = 0; i < e->nsymbols; i++)
        if (e->symbols[i] == symbol) return &b->sizes[i];
    return NULL;
}

/* Takes the lone symbols of one buffer's axes, which must agree with those taken before. */
static int32_t take_sizes(nnrt_session *s, const nnrt_entry *e, nnrt_binding *b, uint32_t slot)
{
    const nnrt_view *v = view_of(e, slot);
    char name[160];
    name_view(e, v, name, sizeof name);
    if (!b->slots[slot].data)
        return nnrt__fail(&s->fault, NNRT_ERR_STATE, "%s has no buffer yet: bind it before running", name);
    for (uint32_t i = 0; i < v->rank; i++) {
        int64_t *size = v->axes[i].size < 0 ? size_of_symbol(e, b, v->axes[i].symbol) : NULL;
        if (!size) continue;
        if (*size != 0 && *size != b->slots[slot].dims[i])
            return nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "%s gives %s = %lld, but another buffer of `%s` gives %lld",
                              name, s->model->symbols[v->axes[i].symbol].name, (long long)b->slots[slot].dims[i],
                              e->name, (long long)*size);
        *size = b->slots[slot].dims[i];
    }
    return NNRT_OK;
}

static int32_t check_bounds(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b)
{
    for (uint32_t i = 0; i < e->nsymbols; i++) {
        const nnrt_symbol *symbol = &s->model->symbols[e->symbols[i]];
        if (b->sizes[i] == 0)
            return nnrt__fail(&s->fault, NNRT_ERR_STATE, "no buffer of `%s` settles the size %s", e->name,
                              symbol->name);
        if (b->sizes[i] < symbol->low || b->sizes[i] > symbol->high)
            return nnrt__fail(&s->fault, NNRT_ERR_SIZE, "%s = %lld lies outside %lld..%lld", symbol->name,
                              (long long)b->sizes[i], (long long)symbol->low, (long long)symbol->high);
    }
    return NNRT_OK;
}

/* "Y = 20: a height of 20 is no multiple of 16" */
static int32_t refuse_fact(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b, const nnrt_fact *fact)
{
    char text[512];
    size_t at = 0;
    for (uint32_t i = 0; i < fact->nsymbols && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s = %lld", i ? ", " : "",
                               s->model->symbols[e->symbols[fact->symbols[i]]].name,
                               (long long)b->sizes[fact->symbols[i]]);
    for (uint32_t i = 0; i <= fact->nvalues && at < sizeof text; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? "" : ": ", fact->texts[i]);
        if (i < fact->nvalues && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%.15g", fact->values[i](b->sizes));
    }
    return nnrt__fail(&s->fault, NNRT_ERR_SIZE, "%s", text);
}

static int32_t check_facts(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b)
{
    for (uint32_t i = 0; i < e->nfacts; i++)
        if (!e->facts[i].holds(b->sizes)) return refuse_fact(s, e, b, &e->facts[i]);
    return NNRT_OK;
}

/* Axes that are formulas of the symbols, now that these are known. */
static int32_t check_formulas(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b, uint32_t slot)
{
    const nnrt_view *v = view_of(e, slot);
    char name[160];
    for (uint32_t i = 0; i < v->rank; i++) {
        const nnrt_axis *axis = &v->axes[i];
        if (axis->size >= 0 || axis->symbol >= 0) continue;
        int64_t wanted = axis->length ? axis->length(b->sizes) : -1;
        if (wanted != b->slots[slot].dims[i])
            return nnrt__fail(&s->fault, NNRT_ERR_SHAPE, "%s: axis %u must have size %lld, and has %lld",
                              name_view(e, v, name, sizeof name), (unsigned)i + 1, (long long)wanted,
                              (long long)b->slots[slot].dims[i]);
    }
    return NNRT_OK;
}

static bool overlap(const void *a, size_t na, const void *b, size_t nb)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return a && b && na && nb && x < y + nb && y < x + na;
}

static int32_t check_overlap(nnrt_session *s, const nnrt_entry *e, const nnrt_binding *b, uint32_t output)
{
    const nnrt_slot *out = &b->slots[output];
    const nnrt_model *m = s->model;
    const struct { const void *at; int64_t bytes; const char *what; } areas[] = {
        {s->params, m->params_bytes, "the parameters"},
        {s->own_params, m->params_bytes, "the parameters"},
        {s->opt, m->opt_bytes, "the optimizer's state"},
        {s->grads, m->grads_bytes, "the gradients"},
    };
    char name[160];
    name_view(e, view_of(e, output), name, sizeof name);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++)
        if (i != output && overlap(out->data, out->bytes, b->slots[i].data, b->slots[i].bytes))
            return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "the buffer of %s overlaps that of `%s`", name,
                              view_of(e, i)->name);
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
        if (overlap(out->data, out->bytes, areas[i].at, (size_t)areas[i].bytes))
            return nnrt__fail(&s->fault, NNRT_ERR_ARGUMENT, "the buffer of %s overlaps %s", name, areas[i].what);
    return NNRT_OK;
}

static int32_t need_work(nnrt_session *s, const nnrt_entry *e, int64_t bytes)
{
    if (bytes <= 0)
        return nnrt__fail(&s->fault, NNRT_ERR_SIZE, "`%s` (%s) does not run at these sizes: one lies outside its "
                          "bounds, or a demand of the model does not hold", e->name, s->model->source);
    if (s->work && s->work_bytes >= (size_t)bytes) return NNRT_OK;
    nnrt__release(s, s->work, s->work_bytes);
    s->work_bytes = 0;
    s->work = nnrt__alloc(s, (size_t)bytes);
    if (!s->work) return NNRT_ERR_MEMORY;
    s->work_bytes = (size_t)bytes;
    return NNRT_OK;
}

int32_t nnrt__solve(nnrt_session *s, int32_t entry)
{
    const nnrt_entry *e = &s->model->entries[entry];
    nnrt_binding *b = &s->bindings[entry];
    uint32_t nslots = e->ninputs + e->noutputs;
    int32_t status = NNRT_OK;
    memset(b->sizes, 0, e->nsymbols * sizeof *b->sizes);
    for (uint32_t i = 0; i < nslots && !status; i++) status = take_sizes(s, e, b, i);
    if (!status) status = check_bounds(s, e, b);
    if (!status) status = check_facts(s, e, b);
    for (uint32_t i = 0; i < nslots && !status; i++) status = check_formulas(s, e, b, i);
    for (uint32_t i = e->ninputs; i < nslots && !status; i++) status = check_overlap(s, e, b, i);
    if (!status) status = need_work(s, e, e->bytes(b->sizes));
    if (status) return status;
    b->parallel = s->options.workers > 1 && (e->cost ? (double)e->cost(b->sizes) : 0) >= s->options.parallel_flops;
    b->solved = true;
    return NNRT_OK;
}
