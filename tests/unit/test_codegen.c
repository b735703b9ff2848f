/* Compiled kernels against the interpreter: every form, every tail, every split over workers, at every level that runs
   here. What has no rounding of its own but sums and products must agree bit for bit. */
#include "tensor_assert.h"
#include "codegen/codegen.h"
#include "frontend/flat.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_VALUES = 32, SYMBOLS = 8, SEED = 3, STEP = 5, EPOCH = 2, FIRST = 11 };
static const int64_t sizes[] = {1, 2, 3, 7, 17, 64, 300};
static const uint32_t teams[] = {1, 2, 3, 8};

typedef struct Compiled { Cx *cx; Program *p; Jit *jit; const nnrt_model *m; bool fma; uint64_t random; } Compiled;

/* ---- a model in this process ---- */
static Compiled compile_with(const char *name, const char *level, bool fuse, const void *weights)
{
    static const char *const without[] = {"simplify", "fuse"};
    Compiled c = {.cx = cx_new(), .fma = strcmp(level, "x86-64") != 0, .random = 1};
    const char *path = str_format(c.cx->arena, "%s/tests/unit/flat/%s.nn", NNC_ROOT, name);
    FrontendOptions options = {.name = name, .weights = weights ? "given" : NULL};
    PassOptions passes = {.disabled = without, .ndisabled = fuse ? 0 : 2, .verify = true};
    CodegenOptions how = {.march = level, .level = 2};
    Bytes object;
    File *f = file_parse(c.cx, source_read(c.cx->arena, path, name, MOST_TEXT));
    c.p = flat_build(c.cx, f, NULL, &options);
    for (int i = 0; weights && i < c.p->tensors.n; i++) {
        Tensor *t = &c.p->tensors.at[i];
        if (t->role != ROLE_OPT) t->given.values = (const char *)weights + t->offset;
    }
    bool good = c.p && passes_run(c.p, &passes) && codegen_emit(c.p, &how, EMIT_OBJECT, &object);
    diags_print(c.cx->diags, stderr, false);
    assert_true(good);
    c.jit = jit_open(c.p, object);
    assert_non_null(c.jit);
    const nnrt_model *(*model)(void);
    void *symbol = jit_symbol(c.jit, str_format(c.cx->arena, "%s_model", name));
    memcpy(&model, &symbol, sizeof model);
    c.m = model();
    return c;
}

static Compiled compile(const char *name, const char *level, bool fuse)
{
    return compile_with(name, level, fuse, NULL);
}

static void compiled_free(Compiled *c)
{
    jit_close(c->jit);
    cx_free(c->cx);
}

static Graph *graph_of(const Compiled *c, const nnrt_entry *e)
{
    for (int i = 0; i < c->p->models.n && e->kind == NNRT_PREDICT; i++)
        if (str_equal(c->p->models.at[i]->name, e->name)) return c->p->models.at[i];
    const TrainInfo *t = &c->p->trains.at[e->train];
    return e->kind == NNRT_EVAL ? t->eval : e->kind == NNRT_GRAD ? t->grad
         : e->kind == NNRT_UPDATE ? t->update : t->step;
}

/* ---- values ---- */
static void *memory_new(Arena *a, int64_t bytes)
{
    char *at = arena_alloc(a, (size_t)bytes + 128);
    at += -(uintptr_t)at & 63;
    return memset(at, 0x5a, (size_t)bytes + 64);
}

static double next_random(Compiled *c)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(c->random >> 40) / (1 << 24);
}

static Array fill(Compiled *c, Arena *a, Type t, const int64_t *symbols, void *raw)
{
    Array x = array_new(a, t, symbols);
    double range = t.range ? (double)dim_eval(t.range, symbols) : t.dtype == DT_BOOL ? 2 : 100;
    for (int64_t i = 0; i < x.size; i++) {
        double u = next_random(c);
        double v = dtype_is_float(t.dtype) ? dtype_round(t.dtype, 2 * u - 1) : (double)(int64_t)(u * range);
        x.at[i] = (Num){v, 0, 0};
        element_set(t.dtype, raw, i, v);
    }
    return x;
}

typedef struct Call {
    Arena *arena;
    Graph *graph;
    int64_t symbols[SYMBOLS], sizes[SYMBOLS];
    char *params, *opt, *grads;
    void *inputs[MAX_VALUES], *outputs[MAX_VALUES];
    Array wanted[MAX_VALUES];
    double totals[MAX_VALUES];
} Call;

static void *tensor_at(const Call *k, const Tensor *t)
{
    return (t->role == ROLE_OPT ? k->opt : k->params) + t->offset;
}

/* Random inputs and tensors, and what the interpreter makes of them. */
static void call_open(Compiled *c, const nnrt_entry *e, int64_t n, Call *k)
{
    Array inputs[MAX_VALUES], tensors[MAX_VALUES], grads[MAX_VALUES];
    double hypers[MAX_VALUES];
    *k = (Call){.arena = arena_new(), .graph = graph_of(c, e)};
    for (int i = 0; i < SYMBOLS; i++) k->symbols[i] = k->sizes[i] = n;
    for (int i = 0; i < c->p->symbols.n; i++)
        k->symbols[i] = c->p->symbols.at[i]->fixed ? c->p->symbols.at[i]->fixed : n;
    k->params = memory_new(k->arena, c->m->params_bytes);
    k->opt = memory_new(k->arena, c->m->opt_bytes);
    k->grads = memory_new(k->arena, c->m->grads_bytes);
    for (int i = 0; i < k->graph->inputs.n; i++) {
        Type t = k->graph->inputs.at[i].value->type;
        k->inputs[i] = memory_new(k->arena, 8 * dim_eval(type_size(c->p->dims, t), k->symbols));
        inputs[i] = fill(c, k->arena, t, k->symbols, k->inputs[i]);
    }
    for (int i = 0; i < c->p->tensors.n; i++) {
        const Tensor *t = &c->p->tensors.at[i];
        tensors[i] = fill(c, k->arena, t->type, k->symbols, tensor_at(k, t));
        if (t->role != ROLE_OPT) grads[i] = fill(c, k->arena, t->type, k->symbols, k->grads + t->offset);
    }
    for (int i = 0; i < c->p->hypers.n; i++) hypers[i] = c->p->hypers.at[i].value;
    EvalInputs in = {k->symbols, inputs, tensors, grads, hypers, SEED, STEP, EPOCH, FIRST, c->fma};
    assert_true(graph_eval(k->graph, &in, k->arena, k->wanted));
    for (int i = 0; i < k->graph->results.n; i++)
        if (k->graph->results.at[i].kind == RESULT_OUTPUT)
            k->outputs[k->graph->results.at[i].index] = memory_new(k->arena, 8 * k->wanted[i].size);
}

static int32_t call_weighted(const nnrt_entry *e, Call *k, uint32_t workers, uint32_t flags, double weight)
{
    nnrt_step step = {sizeof step, flags, SEED, STEP, EPOCH, FIRST, weight};
    void *work = memory_new(k->arena, e->bytes(k->sizes));
    nnrt_call call = {.size = sizeof call, .params = k->params, .opt = k->opt, .grads = k->grads, .sizes = k->sizes,
                      .inputs = (const void *const *)k->inputs, .outputs = k->outputs, .step = &step,
                      .totals = k->totals, .work = work};
    int32_t status = e->begin(&call);
    for (uint32_t p = 0; p < e->nphases && !status; p++)
        for (uint32_t w = workers; w-- > 0;) e->phases[p](work, w, workers);
    return status ? status : e->end(work);
}

static int32_t call_run(const nnrt_entry *e, Call *k, uint32_t workers)
{
    return call_weighted(e, k, workers, 0, 1);
}

static void call_compare(const Compiled *c, const Call *k)
{
    double rows = (double)dim_eval(k->graph->rows, k->symbols);
    for (int i = 0; i < k->graph->results.n; i++) {
        const Result *r = &k->graph->results.at[i];
        const Array *want = &k->wanted[i];
        const Tensor *t = r->kind == RESULT_NEXT || r->kind == RESULT_GRAD ? &c->p->tensors.at[r->index] : NULL;
        double total = k->totals[r->kind == RESULT_LOSS ? 1 : r->index % MAX_VALUES];
        if (r->kind == RESULT_OUTPUT)
            assert_array_bound(want, k->outputs[r->index]);
        else if (r->kind == RESULT_NEXT)
            assert_array_bound(want, tensor_at(k, t));
        else if (r->kind == RESULT_GRAD)
            assert_array_bound(want, k->grads + t->offset);
        else if (!(total - want->at[0].value * rows <= want->at[0].bound * rows * 1.01)
                 || !(want->at[0].value * rows - total <= want->at[0].bound * rows * 1.01))
            fail_msg("%s is %.17g, wanted %.17g", r->name ? r->name : "loss", total, want->at[0].value * rows);
    }
}

static void size_agrees(Compiled *c, const nnrt_entry *e, int64_t n)
{
    Call k;
    call_open(c, e, n, &k);
    char *params = arena_copy(k.arena, k.params, (size_t)c->m->params_bytes);
    char *opt = arena_copy(k.arena, k.opt, (size_t)c->m->opt_bytes);
    for (size_t w = 0; w < COUNT(teams); w++) {
        memcpy(k.params, params, (size_t)c->m->params_bytes);
        memcpy(k.opt, opt, (size_t)c->m->opt_bytes);
        memset(k.totals, 0, sizeof k.totals);
        assert_int_equal(call_run(e, &k, teams[w]), NNRT_OK);
        call_compare(c, &k);
    }
    arena_free(k.arena);
}

static void entry_agrees(Compiled *c, const nnrt_entry *e)
{
    for (size_t i = 0; i < (e->nsymbols ? COUNT(sizes) : 1); i++) size_agrees(c, e, sizes[i]);
}

static void first_agree(const Compiled *c, const Graph *g, const EvalInputs *in, const Call *k)
{
    Array *first = NEW_ARRAY(c->cx->arena, Array, MAX_VALUES);
    assert_true(graph_eval(g, in, c->cx->arena, first));
    for (int i = 0; i < g->results.n; i++) {
        assert_array_bound(&first[i], tensor_at(k, &c->p->tensors.at[g->results.at[i].index]));
        in->tensors[g->results.at[i].index] = first[i];
    }
}

static void init_agrees(Compiled *c)
{
    Call k = {.params = memory_new(c->cx->arena, c->m->params_bytes), .opt = memory_new(c->cx->arena, c->m->opt_bytes)};
    EvalInputs in = {.symbols = k.symbols, .seed = 0x123456789abcu, .step = 9, .fma = c->fma};
    for (int i = 0; i < c->p->symbols.n; i++) k.symbols[i] = c->p->symbols.at[i]->fixed;
    in.tensors = NEW_ARRAY(c->cx->arena, Array, c->p->tensors.n + 1);
    assert_int_equal(c->m->init(k.params, NULL, 1, NULL), NNRT_OK);
    assert_int_equal(c->m->init(k.params, k.opt, in.seed, NULL), NNRT_OK);
    first_agree(c, c->p->init, &in, &k);
    if (c->p->start) first_agree(c, c->p->start, &in, &k);
}

static void model_agrees(const char *name, const char *level, bool fuse)
{
    Compiled c = compile(name, level, fuse);
    init_agrees(&c);
    for (uint32_t i = 0; i < c.m->nentries; i++) entry_agrees(&c, &c.m->entries[i]);
    compiled_free(&c);
}

static void forms_agree(void **state)
{
    int n;
    const char *const *levels = codegen_levels(&n);
    (void)state;
    for (int i = 0; i < n; i++)
        if (codegen_level_runs_here(levels[i])) model_agrees("kernels", levels[i], true);
    model_agrees("kernels", codegen_native_level(), false);
}

/* What is cut, joined, turned and taken, along every axis. */
static void parts_agree(void **state)
{
    int n;
    const char *const *levels = codegen_levels(&n);
    (void)state;
    for (int i = 0; i < n; i++)
        if (codegen_level_runs_here(levels[i])) model_agrees("parts", levels[i], true);
    model_agrees("parts", codegen_native_level(), false);
}

static void training_agrees(void **state)
{
    (void)state;
    model_agrees("training", codegen_native_level(), true);
}

/* ---- what a host must not do ---- */
static const nnrt_entry *entry_named(const Compiled *c, const char *name, uint32_t kind)
{
    for (uint32_t i = 0; i < c->m->nentries; i++)
        if (c->m->entries[i].kind == kind && str_equal(c->m->entries[i].name, name)) return &c->m->entries[i];
    fail_msg("%s has no such entry", name);
    return NULL;
}

static void faults_are_refused(void **state)
{
    (void)state;
    Compiled c = compile("training", codegen_native_level(), true);
    const nnrt_entry *e = entry_named(&c, "training", NNRT_STEP);
    Call k;
    call_open(&c, e, 7, &k);
    char *before = arena_copy(k.arena, k.params, (size_t)c.m->params_bytes);
    ((int32_t *)k.inputs[1])[6] = 10;
    assert_int_equal(call_run(e, &k, 1), NNRT_ERR_INDEX);
    ((int32_t *)k.inputs[1])[6] = -1;
    assert_int_equal(call_run(e, &k, 1), NNRT_ERR_INDEX);
    ((int32_t *)k.inputs[1])[6] = 9;
    void *image = k.inputs[0];
    k.inputs[0] = NULL;
    assert_int_equal(call_run(e, &k, 1), NNRT_ERR_NULL);
    k.inputs[0] = image;
    assert_int_equal(e->bytes((const int64_t[]){0}), 0);
    assert_int_equal(e->bytes((const int64_t[]){(int64_t)1 << 41}), 0);
    assert_memory_equal(before, k.params, (size_t)c.m->params_bytes);
    arena_free(k.arena);
    compiled_free(&c);
}

/* A row whose length is not known is summed in blocks of 4096. */
static void blocks_of_rows_agree(void **state)
{
    (void)state;
    Compiled c = compile("kernels", codegen_native_level(), true);
    const nnrt_entry *e = entry_named(&c, "rows", NNRT_PREDICT);
    size_agrees(&c, e, 4096);
    size_agrees(&c, e, 4097);
    size_agrees(&c, e, 9000);
    compiled_free(&c);
}

/* A loss or gradient that is not finite changes nothing. */
static void bad_numbers_stop(void **state)
{
    (void)state;
    Compiled c = compile("training", codegen_native_level(), true);
    const nnrt_entry *e = entry_named(&c, "training", NNRT_STEP), *update = entry_named(&c, "training", NNRT_UPDATE);
    Call k;
    call_open(&c, e, 7, &k);
    ((float *)k.params)[5] = 0.0f / 0.0f;
    char *before = arena_copy(k.arena, k.params, (size_t)c.m->params_bytes);
    assert_int_equal(call_run(e, &k, 2), NNRT_ERR_NONFINITE);
    assert_memory_equal(before, k.params, (size_t)c.m->params_bytes);
    assert_true(k.totals[0] == 0 && k.totals[1] == 0);
    ((float *)k.grads)[9] = -1.0f / 0.0f;
    assert_int_equal(call_run(update, &k, 1), NNRT_ERR_NONFINITE);
    assert_memory_equal(before, k.params, (size_t)c.m->params_bytes);
    arena_free(k.arena);
    compiled_free(&c);
}

/* Twice half a gradient, added up, is the gradient: halving is exact. What was there before is never read. */
static void gradients_add_up(void **state)
{
    (void)state;
    Compiled c = compile("training", codegen_native_level(), true);
    const nnrt_entry *e = entry_named(&c, "training", NNRT_GRAD);
    Call k;
    call_open(&c, e, 7, &k);
    memset(k.grads, 0xff, (size_t)c.m->grads_bytes);
    assert_int_equal(call_weighted(e, &k, 2, 0, 0.5), NNRT_OK);
    assert_int_equal(call_weighted(e, &k, 1, NNRT_ADD, 0.5), NNRT_OK);
    char *added = arena_copy(k.arena, k.grads, (size_t)c.m->grads_bytes);
    assert_int_equal(call_run(e, &k, 3), NNRT_OK);
    for (uint32_t i = 0; i < c.m->ntensors; i++)
        if (c.m->tensors[i].role != NNRT_OPT)
            assert_memory_equal(added + c.m->tensors[i].offset, k.grads + c.m->tensors[i].offset,
                                (size_t)c.m->tensors[i].bytes);
    arena_free(k.arena);
    compiled_free(&c);
}

static void weights_are_embedded(void **state)
{
    (void)state;
    Compiled plain = compile("training", codegen_native_level(), true);
    size_t n = (size_t)plain.m->params_bytes;
    char *weights = memory_new(plain.cx->arena, (int64_t)n), *params = memory_new(plain.cx->arena, (int64_t)n);
    for (size_t i = 0; i < n; i++) weights[i] = (char)(i * 7);
    Compiled c = compile_with("training", codegen_native_level(), true, weights);
    assert_int_equal(c.m->init(params, NULL, 1, NULL), NNRT_OK);
    for (int i = 0; i < c.p->tensors.n; i++) {
        const Tensor *t = &c.p->tensors.at[i];
        if (t->role != ROLE_OPT)
            assert_memory_equal(params + t->offset, weights + t->offset, (size_t)tensor_bytes(c.p, t));
    }
    size_t m = (size_t)c.m->opt_bytes; /* made of the parameters as they are given */
    char *opt = memory_new(c.cx->arena, c.m->opt_bytes), *wanted = memory_new(c.cx->arena, c.m->opt_bytes);
    memset(params, 0, n);
    assert_int_equal(c.m->init(params, opt, 1, NULL), NNRT_OK);
    assert_int_equal(c.m->start(params, wanted, 1, NULL), NNRT_OK);
    assert_memory_equal(opt, wanted, m);
    memset(wanted, 0, m);
    assert_memory_not_equal(opt, wanted, m);
    compiled_free(&c);
    compiled_free(&plain);
}

/* A kernel that reads the size K, which no argument of its entry tells: the compiler stops before there is code. */
static void a_size_that_nothing_tells_stops(void **state)
{
    static const char text[] = "stage \"built\"\n\ndim N\ndim K\n\nmodel untold(x: f32[N]) -> (y: f32[N]) {\n"
                               "  s: f32[K] = 1\n  t: f32 = sum(s, over = 0)\n  y: f32[N] = x * t\n  (y)\n}\n";
    int status;
    Cx *cx = cx_new();
    (void)state;
    File *f = file_parse(cx, source_new(cx->arena, "untold", text, sizeof text - 1));
    Program *p = flat_build(cx, f, NULL, &(FrontendOptions){.name = "untold"});
    assert_true(p && passes_run(p, &(PassOptions){.verify = true}));
    pid_t child = fork();
    if (child == 0) {
        Bytes object;
        codegen_emit(p, &(CodegenOptions){.march = codegen_native_level(), .level = 2}, EMIT_OBJECT, &object);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    cx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_agree), cmocka_unit_test(parts_agree),
        cmocka_unit_test(training_agrees), cmocka_unit_test(blocks_of_rows_agree),
        cmocka_unit_test(faults_are_refused), cmocka_unit_test(bad_numbers_stop), cmocka_unit_test(gradients_add_up),
        cmocka_unit_test(weights_are_embedded), cmocka_unit_test(a_size_that_nothing_tells_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
