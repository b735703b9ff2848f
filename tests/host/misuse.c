/* misuse.c: everything that a host can get wrong and a library can see. Each wrong call must give its status, a sentence
   that names what it is about (through libnnrt), and must not have written a byte: neither into the buffers that were
   bound, which lie before a page that nobody may touch, nor beside them.

   usage: misuse LIBRARY   (of tests/host/mixed.nn) */
#include "buffers.h"
#include "mixed.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 9, MAX_ENTRIES = 16, MAX_VIEWS = 16, MAX_SYMBOLS = 8, MAX_RANK = 8 };
typedef struct Good { int64_t sizes[MAX_SYMBOLS], dims[MAX_VIEWS][MAX_RANK]; Buffer views[MAX_VIEWS]; } Good;

static nnrt_library *library;
static const nnrt_model *m;
static nnrt_session *s;
static Good good[MAX_ENTRIES];       /* what is right, of every entry */
static Buffer params, opt, grads;    /* for calls without libnnrt */
static uint64_t before;
static bool has_values;              /* the session's own */
static long refused, plain_refused;

/* ---- what must not change ---- */
static uint64_t hash_all(void)
{
    uint64_t h = 0;
    const Buffer own = {.at = nnrt_params(s), .bytes = has_values ? (size_t)m->params_bytes : 0};
    const Buffer *areas[] = {&own, &params, &opt, &grads};
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) h = h * 31 + buffer_hash(areas[i]);
    for (uint32_t e = 0; e < m->nentries; e++)
        for (uint32_t v = 0; v < m->entries[e].ninputs + m->entries[e].noutputs; v++)
            h = h * 31 + buffer_hash(&good[e].views[v]);
    return h;
}

static void check_untouched(const char *what)
{
    if (hash_all() != before) fail("%s: a refused call has written", what);
    buffer_check(&params, what), buffer_check(&opt, what), buffer_check(&grads, what);
    for (uint32_t e = 0; e < m->nentries; e++)
        for (uint32_t v = 0; v < m->entries[e].ninputs + m->entries[e].noutputs; v++)
            buffer_check(&good[e].views[v], what);
}

/* The status, and a sentence with both of these in it. */
static void refuse(int32_t status, int32_t wanted, const char *name, const char *more)
{
    const char *said = nnrt_error(s);
    if (status != wanted) fail("status %d (%s) where %d was due", (int)status, said, (int)wanted);
    if (!strstr(said, name) || !strstr(said, more)) fail("`%s` names neither `%s` nor `%s`", said, name, more);
    check_untouched(said);
    refused++;
}

static void refuse_plain(int32_t status, int32_t wanted, const char *what)
{
    if (status != wanted) fail("%s: status %d where %d was due", what, (int)status, (int)wanted);
    check_untouched(what);
    plain_refused++;
}

static void must(int32_t status)
{
    if (status) fail("what is right is refused: %s", nnrt_error(s));
}

/* ---- buffers ---- */
static const nnrt_view *view_of(const nnrt_entry *e, uint32_t slot)
{
    return slot < e->ninputs ? &e->inputs[slot] : &e->outputs[slot - e->ninputs];
}

static int32_t bind(uint32_t entry, uint32_t slot, uint32_t dtype, uint32_t rank, const int64_t *dims, void *at,
                    size_t bytes)
{
    const nnrt_entry *e = &m->entries[entry];
    if (slot < e->ninputs) return nnrt_bind_input_at(s, (int32_t)entry, (int32_t)slot, dtype, rank, dims, at, bytes);
    return nnrt_bind_output_at(s, (int32_t)entry, (int32_t)(slot - e->ninputs), dtype, rank, dims, at, bytes);
}

static int32_t bind_as(uint32_t entry, uint32_t slot, const int64_t *dims, void *at)
{
    const nnrt_view *v = view_of(&m->entries[entry], slot);
    return bind(entry, slot, v->dtype, v->rank, dims, at, good[entry].views[slot].bytes);
}

static void bind_right(uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++)
        must(bind_as(entry, i, good[entry].dims[i], good[entry].views[i].at));
}

static void make_good(uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    Good *g = &good[entry];
    sizes_choose(m, e, ROWS, g->sizes);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        const nnrt_view *v = view_of(e, i);
        view_dims(e, v, g->sizes, g->dims[i]);
        g->views[i] = buffer_new(AT_END, view_bytes(e, v, g->sizes), nnrt_dtype_bytes(v->dtype));
        view_fill(v, &g->views[i], i);
    }
}

/* ---- one buffer of an entry ---- */
static void wrong_buffer(uint32_t entry, uint32_t slot)
{
    const nnrt_view *v = view_of(&m->entries[entry], slot);
    Buffer *b = &good[entry].views[slot];
    const int64_t *dims = good[entry].dims[slot];
    char bytes[64];
    snprintf(bytes, sizeof bytes, "takes %zu bytes, and the buffer has %zu", b->bytes, b->bytes - 1);
    refuse(bind(entry, slot, v->dtype, v->rank, dims, b->at, b->bytes - 1), NNRT_ERR_SHAPE, v->name, bytes);
    refuse(bind(entry, slot, v->dtype, v->rank, dims, b->at, 0), NNRT_ERR_SHAPE, v->name, "has 0");
    refuse(bind(entry, slot, v->dtype, v->rank, dims, NULL, b->bytes), NNRT_ERR_NULL, v->name, "no buffer");
    refuse(bind(entry, slot, v->dtype, v->rank, NULL, b->at, b->bytes), NNRT_ERR_NULL, v->name, "no shape");
    refuse(bind(entry, slot, v->dtype, v->rank - 1, dims, b->at, b->bytes), NNRT_ERR_SHAPE, v->name, "is given");
    refuse(bind(entry, slot, v->dtype, 0, NULL, b->at, b->bytes), NNRT_ERR_SHAPE, v->name, "is given");
    for (uint32_t t = 0; t <= NNRT_F64 + 1; t++)
        if (t != v->dtype)
            refuse(bind(entry, slot, t, v->rank, dims, b->at, b->bytes), NNRT_ERR_SHAPE, v->name, "is given");
    for (size_t off = 1; off < nnrt_dtype_bytes(v->dtype); off *= 2)
        refuse(bind(entry, slot, v->dtype, v->rank, dims, b->at - off, b->bytes), NNRT_ERR_ARGUMENT, v->name,
               "at a multiple of");
}

static void wrong_shape(uint32_t entry, uint32_t slot)
{
    const nnrt_view *v = view_of(&m->entries[entry], slot);
    Buffer *b = &good[entry].views[slot];
    static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 62};
    int64_t dims[MAX_RANK + 1];
    memcpy(dims, good[entry].dims[slot], sizeof good[entry].dims[slot]);
    dims[v->rank] = 1;
    refuse(bind(entry, slot, v->dtype, v->rank + 1, dims, b->at, b->bytes), NNRT_ERR_SHAPE, v->name, "is given");
    for (uint32_t i = 0; i < v->rank; i++) {
        int64_t right = dims[i];
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            bool countable = sizes[k] > 0 && v->axes[i].size < 0;
            dims[i] = sizes[k];
            int32_t status = bind_as(entry, slot, dims, b->at);
            refuse(status, countable && status == NNRT_ERR_SIZE ? NNRT_ERR_SIZE : NNRT_ERR_SHAPE, v->name, "");
        }
        dims[i] = right + 1; /* more than the buffer has, or than the model takes */
        refuse(bind_as(entry, slot, dims, b->at), NNRT_ERR_SHAPE, v->name, "");
        dims[i] = right - 1;
        if (v->axes[i].size >= 0) refuse(bind_as(entry, slot, dims, b->at), NNRT_ERR_SHAPE, v->name, "is given");
        dims[i] = right;
    }
}

/* Sizes that no single buffer shows to be wrong, but two together do. */
static void wrong_together(uint32_t entry, uint32_t slot)
{
    const nnrt_entry *e = &m->entries[entry];
    const nnrt_view *v = view_of(e, slot);
    int64_t dims[MAX_RANK];
    memcpy(dims, good[entry].dims[slot], sizeof dims);
    bool alone = e->ninputs + e->noutputs == 1;
    for (uint32_t i = 0; i < v->rank && !alone; i++) {
        if (v->axes[i].size >= 0 || (v->axes[i].symbol >= 0 && !strcmp(m->symbols[v->axes[i].symbol].name, "T") &&
                                     !strcmp(e->name, "mixed")))
            continue; /* one word more or less is right where no other buffer has as many */
        dims[i]--;
        must(bind_as(entry, slot, dims, good[entry].views[slot].at));
        refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_SHAPE, e->name, "");
        dims[i]++;
    }
    must(bind_as(entry, slot, dims, good[entry].views[slot].at));
}

static void wrong_index(uint32_t entry, uint32_t slot)
{
    const nnrt_view *v = view_of(&m->entries[entry], slot);
    Buffer *b = &good[entry].views[slot];
    size_t width = nnrt_dtype_bytes(v->dtype), n = b->bytes / width;
    const int64_t wrong[] = {-1, v->range, v->range + 1, INT32_MAX, INT32_MIN, INT64_MIN, INT64_MAX - 1};
    const size_t places[] = {0, n / 2, n - 1};
    if (slot >= m->entries[entry].ninputs || !v->range) return;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        for (size_t p = 0; p < 3; p++) {
            char kept[8], said[64];
            int64_t narrow = (int32_t)wrong[k];
            if (width == 4 && narrow != wrong[k]) continue;
            memcpy(kept, b->at + places[p] * width, width);
            memcpy(b->at + places[p] * width, &wrong[k], width);
            before = hash_all();
            snprintf(said, sizeof said, "holds %lld at element %zu;", (long long)wrong[k], places[p]);
            refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_INDEX, v->name, said);
            memcpy(b->at + places[p] * width, kept, width);
            before = hash_all();
        }
}

static void wrong_place(uint32_t entry, uint32_t slot)
{
    const nnrt_entry *e = &m->entries[entry];
    const nnrt_view *v = view_of(e, slot);
    Buffer *b = &good[entry].views[slot];
    for (uint32_t i = 0; i < e->ninputs + e->noutputs && slot >= e->ninputs; i++) {
        size_t width = nnrt_dtype_bytes(v->dtype);
        Buffer *other = &good[entry].views[i];
        if (i == slot || (uintptr_t)other->at % width || other->bytes < b->bytes) continue;
        must(bind_as(entry, slot, good[entry].dims[slot], other->at));
        refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_ARGUMENT, v->name, "overlaps");
    }
    if (slot >= e->ninputs && (size_t)m->params_bytes >= b->bytes) {
        must(bind_as(entry, slot, good[entry].dims[slot], nnrt_params(s)));
        refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_ARGUMENT, v->name, "overlaps the parameters");
    }
    must(bind_as(entry, slot, good[entry].dims[slot], b->at));
}

/* ---- one entry ---- */
static void wrong_numbers(uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    const int64_t dims[] = {1};
    const int32_t wrong[] = {-1, INT32_MIN, INT32_MAX, (int32_t)e->ninputs, (int32_t)e->noutputs};
    static float at[4];
    for (size_t i = 0; i < 4; i++)
        refuse(nnrt_bind_input_at(s, (int32_t)entry, wrong[i], NNRT_F32, 1, dims, at, 4), NNRT_ERR_ARGUMENT, e->name,
               "no such input");
    for (size_t i = 0; i < 5; i++)
        if (i != 3)
            refuse(nnrt_bind_output_at(s, (int32_t)entry, wrong[i], NNRT_F32, 1, dims, at, 4), NNRT_ERR_ARGUMENT,
                   e->name, "no such output");
    refuse(nnrt_bind_input(s, (int32_t)entry, "nothing", NNRT_F32, 1, dims, at, 4), NNRT_ERR_ARGUMENT, "nothing", "");
    refuse(nnrt_bind_output(s, (int32_t)entry, NULL, NNRT_F32, 1, dims, at, 4), NNRT_ERR_ARGUMENT, e->name, "");
}

static void wrong_entry(uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    uint32_t n = e->ninputs + e->noutputs;
    if (n) refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_STATE, view_of(e, 0)->name, "has no buffer yet");
    for (uint32_t i = 0; i < n; i++) wrong_buffer(entry, i), wrong_shape(entry, i);
    wrong_numbers(entry);
    for (uint32_t missing = 0; missing < n; missing++) {
        bind_right(entry);
        refuse(bind_as(entry, missing, good[entry].dims[missing], NULL), NNRT_ERR_NULL, view_of(e, missing)->name, "");
        refuse(nnrt_run(s, (int32_t)entry), NNRT_ERR_STATE, view_of(e, missing)->name, "has no buffer yet");
    }
    bind_right(entry);
    for (uint32_t i = 0; i < n; i++) wrong_together(entry, i), wrong_index(entry, i), wrong_place(entry, i);
}

/* ---- the order of calls, names, settings ---- */
static void before_values(void)
{
    static float buffer[256];
    for (uint32_t i = 0; i < m->nentries; i++) {
        bind_right(i);
        refuse(nnrt_run(s, (int32_t)i), NNRT_ERR_STATE, "mixed", "has no values yet");
    }
    refuse(nnrt_read(s, m->tensors[0].name, buffer, (size_t)m->tensors[0].bytes), NNRT_ERR_STATE, "no values", "");
    refuse(nnrt_write(s, m->tensors[0].name, buffer, (size_t)m->tensors[0].bytes), NNRT_ERR_STATE, "no values", "");
    refuse(nnrt_save(s, "never.safetensors"), NNRT_ERR_STATE, "has no values yet", "");
    refuse(nnrt_save_checkpoint(s, "never.safetensors"), NNRT_ERR_STATE, "has no values yet", "");
    refuse(nnrt_load_matching(s, "never.safetensors", NULL, NULL), NNRT_ERR_STATE, "has no values yet", "");
    refuse(nnrt_fit(s, NULL, NULL, NULL), NNRT_ERR_STATE, "has no values yet", "");
    refuse(nnrt_load(s, "never.safetensors"), NNRT_ERR_FILE, "never.safetensors", "");
    refuse(nnrt_load_checkpoint(s, "never.safetensors"), NNRT_ERR_FILE, "never.safetensors", "");
}

static void wrong_order(void)
{
    int32_t update = nnrt_find_entry(m, NULL, NNRT_UPDATE);
    static float buffer[256];
    refuse(nnrt_run(s, update), NNRT_ERR_STATE, "update of `mixed`", "run its grad entry first");
    refuse(nnrt_read_grad(s, m->tensors[0].name, buffer, (size_t)m->tensors[0].bytes), NNRT_ERR_STATE, "no gradients",
           "");
    refuse(nnrt_run(s, -1), NNRT_ERR_ARGUMENT, "no entry number -1", "");
    refuse(nnrt_run(s, (int32_t)m->nentries), NNRT_ERR_ARGUMENT, "no entry number", "");
    refuse(nnrt_run(s, INT32_MIN), NNRT_ERR_ARGUMENT, "no entry number", "");
    refuse(nnrt_clear_totals(s, 99), NNRT_ERR_ARGUMENT, "no entry number 99", "");
    if (nnrt_totals(s, 99) || nnrt_totals(s, -1)) fail("totals of no entry");
}

static void wrong_tensors(void)
{
    static char buffer[1 << 14];
    for (uint32_t i = 0; i < m->ntensors; i++) {
        const nnrt_tensor *t = &m->tensors[i];
        size_t bytes = (size_t)t->bytes;
        if (bytes + 1 > sizeof buffer) fail("`%s` is too large", t->name);
        refuse(nnrt_read(s, t->name, buffer, bytes - 1), NNRT_ERR_SHAPE, t->name, "the buffer has");
        refuse(nnrt_read(s, t->name, buffer, bytes + 1), NNRT_ERR_SHAPE, t->name, "the buffer has");
        refuse(nnrt_write(s, t->name, buffer, 0), NNRT_ERR_SHAPE, t->name, "the buffer has 0");
        refuse(nnrt_write(s, t->name, NULL, bytes), NNRT_ERR_NULL, "no buffer", "");
        if (t->role == NNRT_OPT)
            refuse(nnrt_read_grad(s, t->name, buffer, bytes), NNRT_ERR_ARGUMENT, t->name, "has no gradient");
    }
    refuse(nnrt_read(s, "mixed.nothing", buffer, 4), NNRT_ERR_ARGUMENT, "mixed.nothing", "");
    refuse(nnrt_read(s, NULL, buffer, 4), NNRT_ERR_NULL, "no tensor's name", "");
    refuse(nnrt_save(s, NULL), NNRT_ERR_NULL, "", "");
    refuse(nnrt_load(s, NULL), NNRT_ERR_NULL, "", "");
    refuse(nnrt_save_checkpoint(s, NULL), NNRT_ERR_NULL, "path", "");
    refuse(nnrt_load_checkpoint(s, NULL), NNRT_ERR_NULL, "path", "");
    refuse(nnrt_save(s, "no/such/folder/w.safetensors"), NNRT_ERR_FILE, "no/such/folder", "");
    refuse(nnrt_load(s, "."), NNRT_ERR_FILE, "", "");
    refuse(nnrt_load_checkpoint(s, "no/such/file"), NNRT_ERR_FILE, "no/such/file", "");
    refuse(nnrt_load_matching(s, NULL, NULL, NULL), NNRT_ERR_STATE, "path", "");
    refuse(nnrt_use_params(s, params.at + 4), NNRT_ERR_ARGUMENT, "parameters must lie at a multiple of 64", "");
}

static void wrong_settings(void)
{
    double value;
    nnrt_step clock = *nnrt_clock(s);
    refuse(nnrt_set_hyper(s, "speed", 1), NNRT_ERR_ARGUMENT, "speed", "");
    refuse(nnrt_set_hyper(s, NULL, 1), NNRT_ERR_ARGUMENT, "setting", "");
    refuse(nnrt_get_hyper(s, "speed", &value), NNRT_ERR_ARGUMENT, "speed", "");
    refuse(nnrt_get_hyper(s, "rate", NULL), NNRT_ERR_NULL, "rate", "");
    refuse(nnrt_set_clock(s, NULL), NNRT_ERR_NULL, "clock", "");
    for (uint32_t size = 0; size < 2 * sizeof clock; size += 8)
        if ((clock.size = size) != sizeof clock) refuse(nnrt_set_clock(s, &clock), NNRT_ERR_ARGUMENT, "clock", "");
    clock = *nnrt_clock(s);
    clock.step = 0;
    refuse(nnrt_set_clock(s, &clock), NNRT_ERR_ARGUMENT, "count from 1", "");
    clock.step = 1, clock.epoch = 0;
    refuse(nnrt_set_clock(s, &clock), NNRT_ERR_ARGUMENT, "count from 1", "");
}

/* ---- training ---- */
static void wrong_training(void)
{
    static const void *arrays[MAX_VIEWS], *lacking[MAX_VIEWS];
    static const int64_t sizes[] = {ROWS, ROWS}, beyond[] = {0, ROWS}, negative[] = {-1};
    int32_t step = nnrt_find_entry(m, NULL, NNRT_STEP);
    double totals[16];
    nnrt_source right, x;
    nnrt_fit_options o;
    for (uint32_t i = 0; i < m->entries[step].ninputs; i++) arrays[i] = lacking[i] = good[step].views[i].at;
    lacking[1] = NULL;
    nnrt_source_init(&right);
    right.rows = ROWS, right.arrays = arrays, right.sizes = sizes;
    refuse(nnrt_fit(s, NULL, NULL, NULL), NNRT_ERR_NULL, "mixed", "missing");
    refuse(nnrt_fit(s, "nobody", &right, NULL), NNRT_ERR_ARGUMENT, "nobody", "");
    refuse(nnrt_evaluate(s, NULL, &right, 0, NULL), NNRT_ERR_NULL, "totals", "");
    refuse(nnrt_evaluate(s, NULL, NULL, 0, totals), NNRT_ERR_NULL, "mixed", "missing");
    refuse(nnrt_evaluate(s, NULL, &right, -1, totals), NNRT_ERR_SIZE, "mixed", "less than one");
    const struct { nnrt_source s; int32_t status; const char *name; } sources[] = {
        {{.size = 8, .rows = ROWS, .arrays = arrays}, NNRT_ERR_NULL, "nnrt_source_init"},
        {{.size = sizeof x, .rows = ROWS}, NNRT_ERR_ARGUMENT, "either as arrays or by fetch"},
        {{.size = sizeof x, .rows = ROWS, .arrays = lacking, .sizes = sizes}, NNRT_ERR_NULL, "`u` (mixed.nn:"},
        {{.size = sizeof x, .rows = 0, .arrays = arrays, .sizes = sizes}, NNRT_ERR_SIZE, "are none"},
        {{.size = sizeof x, .rows = -5, .arrays = arrays, .sizes = sizes}, NNRT_ERR_SIZE, "are none"},
        {{.size = sizeof x, .rows = (int64_t)1 << 61, .arrays = arrays, .sizes = sizes}, NNRT_ERR_SIZE, "more than"},
        {{.size = sizeof x, .rows = INT64_MAX, .arrays = arrays, .sizes = sizes}, NNRT_ERR_SIZE, "more than"},
        {{.size = sizeof x, .rows = ROWS, .arrays = arrays}, NNRT_ERR_SIZE, "axis 2 of `word`"},
        {{.size = sizeof x, .rows = ROWS, .arrays = arrays, .sizes = sizes, .chosen = beyond, .nchosen = 2},
         NNRT_ERR_ARGUMENT, "a row that does not exist"},
        {{.size = sizeof x, .rows = ROWS, .arrays = arrays, .sizes = sizes, .chosen = negative, .nchosen = 1},
         NNRT_ERR_ARGUMENT, "a row that does not exist"},
        {{.size = sizeof x, .rows = ROWS, .arrays = arrays, .sizes = sizes, .chosen = beyond}, NNRT_ERR_SIZE, "none"},
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        refuse(nnrt_fit(s, NULL, &sources[i].s, NULL), sources[i].status, sources[i].name, "");
        refuse(nnrt_evaluate(s, NULL, &sources[i].s, 4, totals), sources[i].status, sources[i].name, "");
        nnrt_fit_options_init(&o);
        o.test = &sources[i].s;
        refuse(nnrt_fit(s, NULL, &right, &o), sources[i].status, sources[i].name, "");
    }
    static const struct { size_t at; int64_t value; int32_t status; } options[] = {
        {offsetof(nnrt_fit_options, epochs), -1, NNRT_ERR_ARGUMENT},
        {offsetof(nnrt_fit_options, batch), -1, NNRT_ERR_SIZE},
        {offsetof(nnrt_fit_options, batch), INT64_MIN, NNRT_ERR_SIZE},
        {offsetof(nnrt_fit_options, accumulate), -1, NNRT_ERR_ARGUMENT},
        {offsetof(nnrt_fit_options, max_updates), -1, NNRT_ERR_ARGUMENT},
        {offsetof(nnrt_fit_options, patience), -1, NNRT_ERR_ARGUMENT},
        {offsetof(nnrt_fit_options, on_nan), 2, NNRT_ERR_ARGUMENT},
        {offsetof(nnrt_fit_options, size), 8, NNRT_ERR_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        nnrt_fit_options_init(&o);
        memcpy((char *)&o + options[i].at, &options[i].value, options[i].at < 8 ? 4 : 8);
        refuse(nnrt_fit(s, NULL, &right, &o), options[i].status, "", "");
    }
    for (uint32_t i = 0; i < m->nentries; i++) bind_right(i); /* a training lets go of what it bound */
}

/* ---- handles and models ---- */
static void *take(void *user, size_t bytes)
{
    (void)user;
    return malloc(bytes);
}

static void wrong_handles(void)
{
    nnrt_session *wrong = (nnrt_session *)(void *)library, *none = NULL;
    Good *g = &good[0];
    float buffer[4];
    for (int i = 0; i < 2; i++) {
        nnrt_session *h = i ? wrong : none;
        int32_t due = i ? NNRT_ERR_ARGUMENT : NNRT_ERR_NULL;
        refuse_plain(nnrt_init(h, 1), due, "init");
        refuse_plain(nnrt_use_params(h, params.at), due, "use_params");
        refuse_plain(nnrt_read(h, m->tensors[0].name, buffer, 4), due, "read");
        refuse_plain(nnrt_write(h, m->tensors[0].name, buffer, 4), due, "write");
        refuse_plain(nnrt_read_grad(h, m->tensors[0].name, buffer, 4), due, "read_grad");
        refuse_plain(nnrt_zero_grad(h), due, "zero_grad");
        refuse_plain(nnrt_set_hyper(h, "rate", 1), due, "set_hyper");
        refuse_plain(nnrt_get_hyper(h, "rate", NULL), due, "get_hyper");
        refuse_plain(nnrt_set_clock(h, nnrt_clock(s)), due, "set_clock");
        refuse_plain(nnrt_bind_input(h, 0, "a", NNRT_F32, 2, g->dims[0], g->views[0].at, 9999), due, "bind_input");
        refuse_plain(nnrt_bind_output(h, 0, "out", NNRT_F32, 2, g->dims[0], g->views[0].at, 9999), due, "bind_output");
        refuse_plain(nnrt_bind_input_at(h, 0, 0, NNRT_F32, 2, g->dims[0], g->views[0].at, 9999), due, "bind_input_at");
        refuse_plain(nnrt_bind_output_at(h, 0, 0, NNRT_F32, 2, g->dims[0], g->views[0].at, 9999), due, "bind_..._at");
        refuse_plain(nnrt_run(h, 0), due, "run");
        refuse_plain(nnrt_clear_totals(h, 0), due, "clear_totals");
        refuse_plain(nnrt_fit(h, NULL, NULL, NULL), due, "fit");
        refuse_plain(nnrt_evaluate(h, NULL, NULL, 0, NULL), due, "evaluate");
        refuse_plain(nnrt_save(h, "x"), due, "save");
        refuse_plain(nnrt_load(h, "x"), due, "load");
        refuse_plain(nnrt_load_matching(h, "x", NULL, NULL), due, "load_matching");
        refuse_plain(nnrt_save_checkpoint(h, "x"), due, "save_checkpoint");
        refuse_plain(nnrt_load_checkpoint(h, "x"), due, "load_checkpoint");
        if (nnrt_session_model(h) || nnrt_params(h) || nnrt_clock(h) || nnrt_cursor_of(h) || nnrt_totals(h, 0) ||
            nnrt_workers_ran(h))
            fail("a handle that is no session is asked, and answers");
        nnrt_session_free(h);
    }
    if (!strstr(nnrt_error(library), "a session is wanted")) fail("`%s`", nnrt_error(library));
    if (nnrt_library_model((nnrt_library *)(void *)s) || nnrt_library_model(NULL)) fail("a session has a library's model");
    nnrt_close((nnrt_library *)(void *)s);
    nnrt_close(NULL);
    if (nnrt_library_model(library) != m) fail("the library was harmed");
}

static void refuse_model(const nnrt_model *model, const nnrt_options *o, int32_t wanted, const char *said)
{
    nnrt_session *other;
    int32_t status = nnrt_session_new(model, o, &other);
    if (status != wanted || !strstr(nnrt_error(other), said)) fail("status %d: %s", (int)status, nnrt_error(other));
    if (nnrt_init(other, 1) != NNRT_ERR_STATE || nnrt_run(other, 0) != NNRT_ERR_STATE ||
        nnrt_save(other, "x") != NNRT_ERR_STATE || nnrt_load_checkpoint(other, "x") != NNRT_ERR_STATE)
        fail("a session that was not opened does something");
    nnrt_session_free(other);
    check_untouched(said);
    plain_refused += 5;
}

static void wrong_models(void)
{
    static const uint32_t abis[] = {0, NNRT_ABI - 1, NNRT_ABI + 1, UINT32_MAX};
    nnrt_model other = *m;
    nnrt_options o;
    refuse_model(NULL, NULL, NNRT_ERR_NULL, "no model");
    for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
        other.abi = abis[i];
        refuse_model(&other, NULL, NNRT_ERR_ABI, "version");
    }
    other = *m;
    for (uint32_t size = 0; size < sizeof other; size += 56) {
        other.size = size;
        refuse_model(&other, NULL, NNRT_ERR_ABI, "version");
    }
    other = *m;
    other.features = (uint64_t)1 << 50;
    refuse_model(&other, NULL, NNRT_ERR_CPU, "`mixed` was compiled for");
    nnrt_options_init(&o);
    for (uint32_t size = 0; size < 2 * sizeof o; size += 8) {
        o.size = size;
        if (size != sizeof o) refuse_model(m, &o, NNRT_ERR_ARGUMENT, "nnrt_options_init");
    }
    nnrt_options_init(&o);
    o.alloc = take;
    refuse_model(m, &o, NNRT_ERR_ARGUMENT, "alloc");
    refuse_plain(nnrt_session_new(m, NULL, NULL), NNRT_ERR_NULL, "session_new");
    refuse_plain(nnrt_open("x", NULL), NNRT_ERR_NULL, "open");
}

/* ---- without libnnrt: what raw pointers let a model see ---- */
typedef struct Plain {
    nnrt_call call;
    nnrt_step step;
    const void *inputs[MAX_VIEWS];
    void *outputs[MAX_VIEWS];
    int64_t sizes[MAX_SYMBOLS];
    double totals[16];
    Buffer work, hparams;
} Plain;

static void plain_open(Plain *p, uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    *p = (Plain){.step = {.size = sizeof p->step, .step = 1, .epoch = 1, .weight = 1}};
    memcpy(p->sizes, good[entry].sizes, sizeof p->sizes);
    for (uint32_t i = 0; i < e->ninputs; i++) p->inputs[i] = good[entry].views[i].at;
    for (uint32_t i = 0; i < e->noutputs; i++) p->outputs[i] = good[entry].views[e->ninputs + i].at;
    p->work = buffer_new(AT_END, (size_t)e->bytes(p->sizes), 64);
    p->hparams = buffer_new(AT_END, m->hparams_bytes, 8);
    memset(p->hparams.at, 0, p->hparams.bytes);
    memcpy(p->hparams.at, &m->hparams_bytes, sizeof m->hparams_bytes);
    p->call = (nnrt_call){.size = sizeof p->call, .params = params.at, .opt = opt.at, .grads = grads.at,
                          .sizes = p->sizes, .inputs = p->inputs, .outputs = p->outputs, .step = &p->step,
                          .hparams = p->hparams.at, .totals = p->totals, .work = p->work.at};
}

static void plain_call(const Plain *p, const nnrt_entry *e, int32_t wanted, const char *what)
{
    refuse_plain(e->begin(&p->call), wanted, what);
    buffer_check(&p->work, what), buffer_check(&p->hparams, what);
}

static void plain_pointers(Plain *p, const nnrt_entry *e)
{
    bool trains = e->kind == NNRT_STEP || e->kind == NNRT_UPDATE, takes_grads = e->kind == NNRT_GRAD || e->kind == NNRT_UPDATE;
    const struct { size_t at; bool needed; const char *what; size_t alignment; } fields[] = {
        {offsetof(nnrt_call, work), true, "work", 64},
        {offsetof(nnrt_call, params), m->params_bytes > 0, "params", 64},
        {offsetof(nnrt_call, opt), trains, "opt", 64},
        {offsetof(nnrt_call, grads), takes_grads, "grads", 64},
        {offsetof(nnrt_call, totals), e->ntotals > 0, "totals", 8},
        {offsetof(nnrt_call, sizes), e->nsymbols > 0, "sizes", 1},
        {offsetof(nnrt_call, inputs), e->ninputs > 0, "inputs", 1},
        {offsetof(nnrt_call, outputs), e->noutputs > 0, "outputs", 1},
    };
    const nnrt_call right = p->call;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char **at = (char **)(void *)((char *)&p->call + fields[i].at);
        if (!fields[i].needed) continue;
        *at = NULL;
        plain_call(p, e, NNRT_ERR_NULL, fields[i].what);
        p->call = right;
        for (size_t off = 4; off < fields[i].alignment; off *= 2) {
            *at += off;
            plain_call(p, e, NNRT_ERR_ARGUMENT, fields[i].what);
            p->call = right;
        }
    }
    refuse_plain(e->begin(NULL), NNRT_ERR_NULL, "a call");
    for (uint32_t size = 0; size < sizeof p->call; size += 8) {
        p->call.size = size;
        plain_call(p, e, NNRT_ERR_ABI, "a short call");
    }
    p->call = right;
    p->step.size = sizeof p->step - 8;
    plain_call(p, e, NNRT_ERR_ARGUMENT, "a short step");
    p->step.size = sizeof p->step;
    uint32_t shorter = m->hparams_bytes - 8;
    if (m->nhypers) {
        memcpy(p->hparams.at, &shorter, sizeof shorter);
        plain_call(p, e, NNRT_ERR_ARGUMENT, "short settings");
        memcpy(p->hparams.at, &m->hparams_bytes, sizeof m->hparams_bytes);
    }
}

static void plain_buffers(Plain *p, uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        const nnrt_view *v = view_of(e, i);
        const void **at = i < e->ninputs ? &p->inputs[i] : (const void **)(void *)&p->outputs[i - e->ninputs], *right = *at;
        *at = NULL;
        plain_call(p, e, NNRT_ERR_NULL, v->name);
        for (size_t off = 1; off < nnrt_dtype_bytes(v->dtype); off *= 2) {
            *at = (const char *)right - off;
            plain_call(p, e, NNRT_ERR_ARGUMENT, v->name);
        }
        *at = right;
        Buffer *b = &good[entry].views[i];
        for (size_t place = 0; i < e->ninputs && v->range && place < b->bytes; place += b->bytes / 3) {
            unsigned char *byte = &b->at[(place / nnrt_dtype_bytes(v->dtype) + 1) * nnrt_dtype_bytes(v->dtype) - 1];
            *byte ^= 0x80; /* a negative number */
            before = hash_all();
            plain_call(p, e, NNRT_ERR_INDEX, v->name);
            *byte ^= 0x80;
            before = hash_all();
        }
    }
}

static void plain_sizes(Plain *p, const nnrt_entry *e)
{
    static const int64_t wrong[] = {0, -1, INT64_MIN, INT64_MAX, (int64_t)1 << 41, (int64_t)1 << 40, 1ll << 62};
    for (uint32_t i = 0; i < e->nsymbols; i++) {
        int64_t right = p->sizes[i];
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            p->sizes[i] = wrong[k];
            plain_call(p, e, NNRT_ERR_SIZE, m->symbols[e->symbols[i]].name);
            if (e->bytes(p->sizes)) fail("a size out of bounds has a workspace");
        }
        p->sizes[i] = right;
    }
}

static void plain_entry(uint32_t entry)
{
    const nnrt_entry *e = &m->entries[entry];
    Plain p;
    plain_open(&p, entry);
    plain_pointers(&p, e);
    plain_buffers(&p, entry);
    plain_sizes(&p, e);
    p.call.size += 64, p.step.size += 64; /* of a host that is newer than the model */
    if (e->begin(&p.call)) fail("%s does not take longer structs", e->name);
    if (e->kind == NNRT_UPDATE) {
        const float wrong[] = {NAN, INFINITY, -INFINITY};
        for (size_t i = 0; i < 3; i++) {
            memcpy(grads.at + 4, &wrong[i], 4);
            before = hash_all();
            plain_call(&p, e, NNRT_ERR_NONFINITE, "gradients");
        }
        memset(grads.at, 0, grads.bytes);
        before = hash_all();
    }
    buffer_free(&p.work), buffer_free(&p.hparams);
}

/* The functions of mixed.h itself. */
static void typed_functions(void)
{
    const Good *g = &good[0];
    const float *a = (void *)g->views[0].at;
    const uint8_t *u = (void *)g->views[1].at, *flag = (void *)g->views[3].at;
    const int32_t *word = (void *)g->views[2].at;
    float *out = (void *)g->views[4].at;
    Buffer work = buffer_new(AT_END, (size_t)mixed_bytes(MIXED_WORK_PREDICT, ROWS, ROWS), 64);
    void *p = params.at, *w = work.at;
    refuse_plain(mixed_init(NULL, opt.at, 1, NULL), NNRT_ERR_NULL, "init");
    refuse_plain(mixed_init(params.at + 8, opt.at, 1, NULL), NNRT_ERR_ARGUMENT, "init");
    refuse_plain(mixed_init(params.at, opt.at + 8, 1, NULL), NNRT_ERR_ARGUMENT, "init");
    refuse_plain(mixed_prepare(NULL), NNRT_ERR_NULL, "prepare");
    refuse_plain(mixed_prepare(params.at + 32), NNRT_ERR_ARGUMENT, "prepare");
    refuse_plain(mixed_predict(NULL, ROWS, ROWS, a, u, word, flag, out, w), NNRT_ERR_NULL, "predict");
    refuse_plain(mixed_predict(p, 0, ROWS, a, u, word, flag, out, w), NNRT_ERR_SIZE, "predict");
    refuse_plain(mixed_predict(p, -3, ROWS, a, u, word, flag, out, w), NNRT_ERR_SIZE, "predict");
    refuse_plain(mixed_predict(p, ROWS, 41, a, u, word, flag, out, w), NNRT_ERR_SIZE, "predict");
    refuse_plain(mixed_predict(p, ROWS, ROWS, NULL, u, word, flag, out, w), NNRT_ERR_NULL, "predict");
    refuse_plain(mixed_predict(p, ROWS, ROWS, a, u, word, flag, NULL, w), NNRT_ERR_NULL, "predict");
    refuse_plain(mixed_predict(p, ROWS, ROWS, a, u, word, flag, out, NULL), NNRT_ERR_NULL, "predict");
    refuse_plain(mixed_predict(p, ROWS, ROWS, a, u, word, flag, out, work.at + 16), NNRT_ERR_ARGUMENT, "predict");
    if (mixed_bytes(MIXED_WORK_PREDICT, ROWS, 41) || mixed_bytes(-1, 1, 1) || mixed_bytes(99, 1, 1))
        fail("what is out of bounds has bytes");
    buffer_free(&work);
}

int main(int argc, char **argv)
{
    nnrt_options o;
    if (argc < 2) return 64;
    if (nnrt_open(argv[1], &library)) fail("%s", nnrt_error(library));
    m = nnrt_library_model(library);
    if (m->nentries > MAX_ENTRIES) fail("too many entries");
    nnrt_options_init(&o);
    must(nnrt_session_new(m, &o, &s));
    params = buffer_new(AT_END, (size_t)m->params_bytes, 64);
    opt = buffer_new(AT_END, (size_t)m->opt_bytes, 64);
    grads = buffer_new(AT_END, (size_t)m->grads_bytes, 64);
    if (m->init(params.at, opt.at, 1, NULL)) fail("no first values");
    memset(grads.at, 0, grads.bytes);
    for (uint32_t i = 0; i < m->nentries; i++) make_good(i);
    before = hash_all();
    before_values();
    nnrt_session_free(s);
    must(nnrt_session_new(m, &o, &s));
    must(nnrt_init(s, 1));
    has_values = true;
    before = hash_all();
    wrong_order();
    for (uint32_t i = 0; i < m->nentries; i++)
        if (m->entries[i].kind != NNRT_UPDATE) wrong_entry(i);
    wrong_tensors();
    wrong_settings();
    wrong_training();
    wrong_handles();
    wrong_models();
    for (uint32_t i = 0; i < m->nentries; i++) plain_entry(i);
    typed_functions();
    for (uint32_t i = 0; i < m->nentries; i++) { /* after all this, what is right still runs */
        bind_right(i);
        must(nnrt_run(s, (int32_t)i));
    }
    printf("%ld wrong calls refused with a sentence, %ld with a status; nothing was written\n", refused, plain_refused);
    nnrt_session_free(s);
    nnrt_close(library);
    return 0;
}
