/* steps.c: the example networks trained by compiled code and by the interpreter.

   usage: steps

   Fifty steps of each example, in process and from a library: each step starts from the compiled state and is compared
   with one step of the interpreter within its bound, and the two ways of running agree bit for bit. Then whole runs in
   f64, where both sides go their own way from the same first values: they stay within 1e-9 of each other. */
#include "tensor_assert.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INPUTS = 2, MAX_RESULTS = 64, SEED = 3 };
typedef struct Samples { int64_t rows; double *at[MAX_INPUTS]; int64_t width[MAX_INPUTS]; } Samples;
typedef struct Example { const char *name; int64_t batch; Samples (*load)(Arena *); int64_t long_steps; } Example;
typedef struct Oracle { Cx *cx; Program *p; } Oracle;
typedef struct Compiled { Cx *cx; Program *p; Jit *jit; nnrt_library *library; nnrt_session *session; } Compiled;
typedef struct Batch { int64_t n; Array in[MAX_INPUTS]; void *raw[MAX_INPUTS]; } Batch;

static long compared, bounded;

static void *raw_new(Arena *a, int64_t bytes)
{
    char *p = arena_alloc(a, (size_t)bytes + 128);
    return p + (-(uintptr_t)p & 63);
}

/* ---- data ---- */

static FILE *unpacked(Arena *a, const char *name)
{
    FILE *f = popen(str_format(a, "gzip -dc '%s/examples/digits/data/%s'", NNC_ROOT, name), "r");
    if (!f) fatal("%s cannot be read", name);
    return f;
}

static double *read_idx(Arena *a, const char *name, int header, int64_t count)
{
    FILE *f = unpacked(a, name);
    unsigned char *bytes = arena_alloc(a, (size_t)(header + count));
    if (fread(bytes, 1, (size_t)(header + count), f) != (size_t)(header + count)) fatal("%s is too short", name);
    pclose(f);
    double *out = NEW_ARRAY(a, double, count);
    for (int64_t i = 0; i < count; i++) out[i] = bytes[header + i];
    return out;
}

static Samples load_digits(Arena *a)
{
    enum { ROWS = 2000 };
    double *images = read_idx(a, "train-images-idx3-ubyte.gz", 16, ROWS * 784);
    return (Samples){ROWS, {images, read_idx(a, "train-labels-idx1-ubyte.gz", 8, ROWS)}, {784, 1}};
}

static Samples load_rings(Arena *a)
{
    Samples s = {0, {NEW_ARRAY(a, double, 2000), NEW_ARRAY(a, double, 1000)}, {2, 1}};
    FILE *f = fopen(NNC_ROOT "/examples/rings/rings.csv", "r");
    if (!f || fscanf(f, "%*[^\n]") < 0) fatal("rings.csv cannot be read");
    double *point = s.at[0], *inside = s.at[1];
    while (s.rows < 1000 && fscanf(f, "%lf,%lf,%lf", point, point + 1, inside) == 3) point += 2, inside++, s.rows++;
    fclose(f);
    if (s.rows != 1000) fatal("rings.csv has %d points", (int)s.rows);
    return s;
}

static uint32_t next(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

/* The tiny network has no data of its own: a seeded stream. */
static Samples load_tiny(Arena *a)
{
    Samples s = {200, {NEW_ARRAY(a, double, 2000), NEW_ARRAY(a, double, 200)}, {10, 1}};
    uint32_t state = 7;
    for (int i = 0; i < 2000; i++) s.at[0][i] = (double)(next(&state) >> 16) / 16384 - 2;
    for (int i = 0; i < 200; i++) s.at[1][i] = next(&state) >> 29;
    return s;
}

static const Example examples[] = {
    {"digits", 10, load_digits, 200}, {"rings", 32, load_rings, 1250}, {"tiny", 4, load_tiny, 200}};

/* Step number s takes the next rows in file order, from the start again after the end; the last batch may be
   smaller. */
static Batch batch_of(Arena *a, const Graph *g, const Example *e, const Samples *s, int64_t step)
{
    int64_t per_epoch = (s->rows + e->batch - 1) / e->batch, first = step % per_epoch * e->batch;
    Batch b = {.n = s->rows - first < e->batch ? s->rows - first : e->batch};
    for (int i = 0; i < MAX_INPUTS; i++) {
        b.in[i] = array_new(a, g->inputs.at[i].value->type, &b.n);
        if (b.in[i].size != b.n * s->width[i]) fatal("%s: the data does not fit `%s`", e->name, g->inputs.at[i].name);
        b.raw[i] = raw_new(a, b.in[i].size * 8);
        for (int64_t k = 0; k < b.in[i].size; k++) {
            double v = dtype_round(b.in[i].type.dtype, s->at[i][first * s->width[i] + k]);
            b.in[i].at[k] = (Num){v, 0, 0};
            element_set(b.in[i].type.dtype, b.raw[i], k, v);
        }
    }
    return b;
}

/* ---- the two sides ---- */

static Program *load(Cx *cx, const Example *e, DType real, const char *until)
{
    FrontendOptions how = {.real = real};
    PassOptions o = {.until = until, .verify = true};
    Program *p = frontend_load(cx, str_format(cx->arena, "%s/examples/%s/%s.nn", NNC_ROOT, e->name, e->name), &how);
    if (p && passes_run(p, &o)) return p;
    diags_print(cx->diags, stderr, false);
    fatal("%s does not compile", e->name);
}

static Oracle oracle_new(const Example *e, DType real)
{
    Oracle o = {cx_new(), NULL};
    o.p = load(o.cx, e, real, "differentiate");
    return o;
}

static Compiled compile(const Example *e, DType real, bool from_library)
{
    Compiled c = {.cx = cx_new()};
    c.p = load(c.cx, e, real, NULL);
    CodegenOptions how = {.march = "native", .level = 2};
    Bytes object;
    const nnrt_model *m = NULL;
    if (!codegen_emit(c.p, &how, EMIT_OBJECT, &object)) fatal("%s: no code", e->name);
    if (from_library) {
        char path[] = "/tmp/steps.XXXXXX";
        close(mkstemp(path));
        if (!codegen_link(c.p, object, SANITIZE_NONE, path)) fatal("%s: no library", e->name);
        if (nnrt_open(path, &c.library)) fatal("%s", nnrt_error(c.library));
        unlink(path);
        m = nnrt_library_model(c.library);
    } else {
        if (!(c.jit = jit_open(c.p, object))) fatal("%s: the object does not load", e->name);
        const nnrt_model *(*model)(void);
        void *symbol = jit_symbol(c.jit, str_format(c.cx->arena, "%s_model", e->name));
        memcpy(&model, &symbol, sizeof model);
        m = model();
    }
    if (nnrt_session_new(m, NULL, &c.session) || nnrt_init(c.session, SEED)) fatal("%s: no session", e->name);
    return c;
}

static void compiled_close(Compiled *c)
{
    nnrt_session_free(c->session);
    if (c->jit) jit_close(c->jit);
    if (c->library) nnrt_close(c->library);
    cx_free(c->cx);
}

static int64_t raw_bytes(const Array *a) { return a->size * dtype_bytes(a->type.dtype); }

static void *read_tensor(Arena *a, nnrt_session *s, const char *key, int64_t bytes)
{
    void *raw = raw_new(a, bytes);
    if (nnrt_read(s, key, raw, (size_t)bytes)) fatal("%s", nnrt_error(s));
    return raw;
}

static void get_tensors(Arena *a, const Program *p, nnrt_session *s, Array *out)
{
    for (int i = 0; i < p->tensors.n; i++) {
        const Tensor *t = &p->tensors.at[i];
        out[i] = array_new(a, t->type, NULL);
        void *raw = read_tensor(a, s, t->key, raw_bytes(&out[i]));
        for (int64_t k = 0; k < out[i].size; k++) out[i].at[k] = (Num){element_of(t->type.dtype, raw, k), 0, 0};
    }
}

static void run_compiled(nnrt_session *s, const char *train, const Batch *b)
{
    int32_t entry = nnrt_find_entry(nnrt_session_model(s), train, NNRT_STEP);
    for (int i = 0; i < MAX_INPUTS; i++) {
        const Array *x = &b->in[i];
        uint32_t dtype = (uint32_t)x->type.dtype, rank = (uint32_t)x->rank;
        if (nnrt_bind_input_at(s, entry, i, dtype, rank, x->shape, b->raw[i], (size_t)raw_bytes(x)))
            fatal("%s", nnrt_error(s));
    }
    if (nnrt_clear_totals(s, entry) || nnrt_run(s, entry)) fatal("%s", nnrt_error(s));
}

static void run_interpreter(const Oracle *o, Arena *a, const nnrt_step *clock, const Batch *b, Array *tensors,
                            Array *out)
{
    double hypers[16];
    for (int i = 0; i < o->p->hypers.n; i++) hypers[i] = o->p->hypers.at[i].value;
    EvalInputs in = {.symbols = &b->n, .inputs = (Array *)b->in, .tensors = tensors, .hypers = hypers,
                     .seed = clock->seed, .step = clock->step, .epoch = clock->epoch,
                     .first_sample = clock->first_sample, .fma = strcmp(codegen_native_level(), "x86-64") != 0};
    if (!graph_eval(o->p->trains.at[0].step, &in, a, out)) fatal("the interpreter refuses a graph");
}

/* ---- fifty steps, one at a time ---- */

static void compare(const char *what, int64_t step, const Array *want, const void *got)
{
    for (int64_t i = 0; i < want->size; i++) {
        double v = want->at[i].value, g = element_of(want->type.dtype, got, i), bound = want->at[i].bound;
        compared++;
        bounded += bound <= 1e-3 * (1 + fabs(v));
        if (v == g || fabs(v - g) <= bound) continue;
        printf("FAILED step %" PRId64 ": element %" PRId64 " of %s is %.17g, wanted %.17g within %g\n", step, i, what,
               g, v, bound);
        exit(1);
    }
}

static void compare_loss(nnrt_session *s, const Graph *g, int64_t step, int64_t n, const Array *want)
{
    const double *totals = nnrt_totals(s, nnrt_find_entry(nnrt_session_model(s), g->name, NNRT_STEP));
    for (int i = 0; i < g->results.n; i++) {
        const Result *r = &g->results.at[i];
        if (r->kind != RESULT_LOSS && r->kind != RESULT_METRIC) continue;
        double value = want[i].at[0].value * (double)n, bound = want[i].at[0].bound * (double)n;
        Num scaled = {value, 0, bound + 1e-15 * fabs(value)};
        Array one = {.type = type_scalar(DT_F64), .size = 1, .at = &scaled};
        compare(r->name, step, &one, &totals[r->index]);
    }
}

static void check_step(const Oracle *o, const Example *e, const Samples *data, nnrt_session *jit,
                       nnrt_session *library, int64_t step)
{
    Arena *a = arena_new();
    const Graph *g = o->p->trains.at[0].step;
    Array tensors[MAX_RESULTS], want[MAX_RESULTS];
    Batch b = batch_of(a, g, e, data, step);
    get_tensors(a, o->p, jit, tensors);
    run_interpreter(o, a, nnrt_clock(jit), &b, tensors, want);
    run_compiled(jit, g->name, &b);
    run_compiled(library, g->name, &b);
    compare_loss(jit, g, step, b.n, want);
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_NEXT) continue;
        const char *key = o->p->tensors.at[g->results.at[i].index].key;
        int64_t bytes = raw_bytes(&want[i]);
        void *one = read_tensor(a, jit, key, bytes), *other = read_tensor(a, library, key, bytes);
        compare(key, step, &want[i], one);
        if (!memcmp(one, other, (size_t)bytes)) continue;
        printf("FAILED %s, step %" PRId64 ": %s in process and from the library differ\n", e->name, step, key);
        exit(1);
    }
    arena_free(a);
}

static void check_steps(const Example *e, const Samples *data)
{
    Oracle o = oracle_new(e, DT_F32);
    Compiled jit = compile(e, DT_F32, false), library = compile(e, DT_F32, true);
    for (int64_t step = 0; step < 50; step++) check_step(&o, e, data, jit.session, library.session, step);
    printf("%s: 50 steps, in process and from a library\n", e->name);
    compiled_close(&jit);
    compiled_close(&library);
    cx_free(o.cx);
}

/* ---- whole runs in f64 ---- */

/* Takes the step's next values over into the tensors, whose memory is the caller's. */
static void commit(const Graph *g, const Array *results, Array *tensors)
{
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_NEXT) continue;
        Array *t = &tensors[g->results.at[i].index];
        for (int64_t k = 0; k < t->size; k++) t->at[k] = (Num){results[i].at[k].value, 0, 0};
    }
}

static double largest_difference(Arena *a, const Program *p, nnrt_session *s, const Array *tensors)
{
    double worst = 0;
    for (int i = 0; i < p->tensors.n; i++) {
        void *raw = read_tensor(a, s, p->tensors.at[i].key, raw_bytes(&tensors[i]));
        for (int64_t k = 0; k < tensors[i].size; k++) {
            double d = fabs(element_of(tensors[i].type.dtype, raw, k) - tensors[i].at[k].value);
            if (!(d <= worst)) worst = d;
        }
    }
    return worst;
}

static void check_run(const Example *e, const Samples *data)
{
    Oracle o = oracle_new(e, DT_F64);
    Compiled c = compile(e, DT_F64, false);
    const Graph *g = o.p->trains.at[0].step;
    Arena *whole = arena_new();
    Array tensors[MAX_RESULTS], want[MAX_RESULTS];
    get_tensors(whole, o.p, c.session, tensors);
    for (int64_t step = 0; step < e->long_steps; step++) {
        Arena *a = arena_new();
        Batch b = batch_of(a, g, e, data, step);
        run_interpreter(&o, a, nnrt_clock(c.session), &b, tensors, want);
        run_compiled(c.session, g->name, &b);
        commit(g, want, tensors);
        arena_free(a);
    }
    double worst = largest_difference(whole, o.p, c.session, tensors);
    printf("%s: %" PRId64 " steps in f64, largest difference %.3g\n", e->name, e->long_steps, worst);
    if (!(worst < 1e-9)) exit(1);
    compiled_close(&c);
    arena_free(whole);
    cx_free(o.cx);
}

int main(void)
{
    Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(examples); i++) {
        Samples data = examples[i].load(a);
        check_steps(&examples[i], &data);
        check_run(&examples[i], &data);
    }
    printf("%ld numbers compared one step at a time, %ld of them to a useful bound\n", compared, bounded);
    arena_free(a);
    return bounded * 2 < compared;
}
