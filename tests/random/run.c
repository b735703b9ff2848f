/* run.c: random graphs through the whole compiler, against the interpreter.

   usage: random_graphs COUNT [SEED [LEVEL]]
          random_graphs print SEED       the graph as it was built, and as it is planned

   Each graph, with each set of passes, at each N: predictions, totals, gradients and three steps, each step from the
   compiled state; and predictions with frozen parameters, which must have the bits of those without. Exact graphs must
   agree bit for bit, real ones within the interpreter's bounds; other worker counts must give the bits of one worker, and a
   row alone the bits that it has in a batch. At the end stands how often each pass fired and each operator occurred: a zero
   fails the run. */
#include "random_graphs.h"
#include "tensor_assert.h"
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM = 400, MAX_N = 64 };
static const int64_t sizes[] = {1, 2, 3, 7, 17, 64};
static const uint32_t teams[] = {2, 3, 8};
static const struct {
    const char *name, *disabled[2];
    int n;
} configs[] = {{"all passes", {0}, 0},
               {"no optional pass", {"simplify", "fuse"}, 2},
               {"no simplify", {"simplify"}, 1},
               {"no fuse", {"fuse"}, 1}};

typedef struct Counts {
    long operators[OP_COUNT];
    long comparisons, bounded, teams[9], graphs[2];
} Counts;
static Counts counts;
static const char *level = "native";

typedef struct Compiled {
    Program *p;
    Jit *jit;
    const nnrt_model *model;
    nnrt_session *session;
} Compiled;
typedef struct Oracle {
    Cx *cx;
    Program *p;
    Policy policy;
    bool fma;
} Oracle;
typedef struct Data {
    int64_t n;
    Array x, y;
    void *raw_x, *raw_y;
} Data;
typedef struct Where {
    const char *config;
    unsigned seed;
    int64_t n;
} Where;

static void *raw_new(Arena *a, size_t bytes)
{
    char *p = arena_alloc(a, bytes + 128);
    return p + (-(uintptr_t)p & 63);
}

static uint64_t mix(uint64_t *state) /* SplitMix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static Program *make_program(Cx *cx, unsigned seed, Policy policy)
{
    uint8_t *bytes = arena_alloc(cx->arena, STREAM);
    uint64_t state = seed;
    for (int i = 0; i < STREAM; i++) bytes[i] = (uint8_t)(mix(&state) >> 56);
    Choices c = {bytes, STREAM, 0};
    return random_program(cx, &c, policy);
}

static void give_up(const Where *w, const Cx *cx, const char *what)
{
    diags_print(cx->diags, stdout, false);
    printf("graph %u, %s: %s\n", w->seed, w->config, what);
    exit(1);
}

static nnrt_session *session_new(const nnrt_model *m, uint32_t workers)
{
    nnrt_options o;
    nnrt_options_init(&o);
    o.workers = workers;
    o.parallel_flops = 0;
    nnrt_session *s;
    if (nnrt_session_new(m, &o, &s)) fatal("no session: %s", s ? nnrt_error(s) : "out of memory");
    return s;
}

/* Every first value as if it stood in a file. */
static void give_values(Program *p, const char *params)
{
    for (int i = 0; i < p->tensors.n; i++) {
        Tensor *t = &p->tensors.at[i];
        if (t->role != ROLE_OPT) t->given.values = arena_copy(p->arena, params + t->offset, (size_t)tensor_bytes(p, t));
    }
}

/* With the parameters of a model that is not frozen, or NULL: not frozen. */
static Compiled compile(Cx *cx, const Where *w, Policy policy, int config, const char *frozen)
{
    Compiled c = {.p = make_program(cx, w->seed, policy)};
    if (frozen) give_values(c.p, frozen);
    if (frozen) program_freeze(c.p);
    PassOptions o = {.disabled = configs[config].disabled, .ndisabled = configs[config].n, .verify = true};
    CodegenOptions how = {.march = level, .level = 2};
    Bytes object;
    count_operators(c.p, counts.operators);
    if (!passes_run(c.p, &o)) give_up(w, cx, "the passes fail");
    count_operators(c.p, counts.operators);
    if (!codegen_emit(c.p, &how, EMIT_OBJECT, &object)) give_up(w, cx, "no code");
    if (!(c.jit = jit_open(c.p, object))) give_up(w, cx, "the object does not load");
    const nnrt_model *(*model)(void);
    void *symbol = jit_symbol(c.jit, "random_model");
    memcpy(&model, &symbol, sizeof model);
    c.model = model();
    return c;
}

/* ---- data ---- */

static void fill_input(Array *a, void *raw, uint64_t seed, Policy policy)
{
    for (int64_t i = 0; i < a->size; i++) {
        uint64_t r = mix(&seed) >> 40;
        double v = a->type.range            ? (double)(r % (uint64_t)dim_eval(a->type.range, NULL))
                   : policy == POLICY_EXACT ? (double)(r % 7) - 3
                                            : dtype_round(a->type.dtype, (double)r / (1 << 23) * 3 - 3);
        a->at[i] = (Num){v, 0, 0};
        element_set(a->type.dtype, raw, i, v);
    }
}

static Data make_data(Arena *a, const Graph *g, int64_t n, unsigned seed, Policy policy)
{
    Data d = {
        .n = n, .x = array_new(a, g->inputs.at[0].value->type, &n), .y = array_new(a, g->inputs.at[1].value->type, &n)};
    d.raw_x = raw_new(a, (size_t)(d.x.size * dtype_bytes(d.x.type.dtype)));
    d.raw_y = raw_new(a, (size_t)(d.y.size * 4));
    fill_input(&d.x, d.raw_x, seed, policy);
    fill_input(&d.y, d.raw_y, seed + 1, policy);
    return d;
}

static void get_tensors(Arena *a, const Program *p, nnrt_session *s, Array *out)
{
    for (int i = 0; i < p->tensors.n; i++) {
        const Tensor *t = &p->tensors.at[i];
        out[i] = array_new(a, t->type, NULL);
        void *raw = raw_new(a, (size_t)(out[i].size * 8));
        if (nnrt_read(s, t->path, raw, (size_t)(out[i].size * dtype_bytes(t->type.dtype)))) fatal("%s", nnrt_error(s));
        for (int64_t k = 0; k < out[i].size; k++) out[i].at[k] = (Num){element_of(t->type.dtype, raw, k), 0, 0};
    }
}

/* ---- the two sides of a call ---- */

static void evaluate(const Oracle *o, Arena *a, const Graph *g, const Data *d, Array *tensors, const nnrt_step *clock,
                     Array *out)
{
    static const double rate[1] = {0.125};
    Array inputs[2] = {d->x, d->y};
    EvalInputs in = {.symbols = &d->n,
                     .inputs = inputs,
                     .tensors = tensors,
                     .hypers = rate,
                     .seed = clock->seed,
                     .step = clock->step,
                     .epoch = clock->epoch,
                     .first_sample = clock->first_sample,
                     .fma = o->fma};
    if (!graph_eval(g, &in, a, out)) fatal("the interpreter refuses a graph");
}

static void bind(nnrt_session *s, int32_t e, const nnrt_entry *entry, const char *name, const Array *like, void *raw,
                 bool output)
{
    int64_t dims[MAX_RANK];
    for (int i = 0; i < like->rank; i++) dims[i] = like->shape[i];
    size_t bytes = (size_t)(like->size * dtype_bytes(like->type.dtype));
    int32_t at = output ? nnrt_find_output(entry, name) : nnrt_find_input(entry, name);
    if (at < 0) return; /* not among what this entry reads */
    int32_t rc = output
                     ? nnrt_bind_output_at(s, e, at, (uint32_t)like->type.dtype, (uint32_t)like->rank, dims, raw, bytes)
                     : nnrt_bind_input_at(s, e, at, (uint32_t)like->type.dtype, (uint32_t)like->rank, dims, raw, bytes);
    if (rc) fatal("%s", nnrt_error(s));
}

static int32_t bound_entry(nnrt_session *s, const Data *d, int kind)
{
    const nnrt_model *m = nnrt_session_model(s);
    int32_t e = nnrt_find_entry(m, "random", kind);
    if (e < 0) fatal("an entry is missing");
    bind(s, e, &m->entries[e], "x", &d->x, d->raw_x, false);
    bind(s, e, &m->entries[e], "y", &d->y, d->raw_y, false);
    return e;
}

static void run(nnrt_session *s, int32_t e)
{
    if (nnrt_clear_totals(s, e)) fatal("%s", nnrt_error(s));
    int32_t rc = nnrt_run(s, e);
    if (rc && rc != NNRT_ERR_NONFINITE) fatal("%s", nnrt_error(s));
    counts.teams[nnrt_workers_ran(s)]++;
}

static void compare(const Oracle *o, const Where *w, const char *what, const Array *want, const void *got)
{
    for (int64_t i = 0; i < want->size; i++) {
        double v = want->at[i].value, g = element_of(want->type.dtype, got, i), bound = want->at[i].bound;
        counts.comparisons++;
        counts.bounded += bound == 0 || bound <= 1e-3 * (1 + (v < 0 ? -v : v));
        if (v == g || (v != v && g != g)) continue;
        double d = v > g ? v - g : g - v;
        if (o->policy == POLICY_REAL && (d <= bound || bound != bound || v != v)) continue;
        printf("graph %u, %s, N = %" PRId64 ": element %" PRId64 " of %s is %.17g, wanted %.17g within %g\n", w->seed,
               w->config, w->n, i, what, g, v, bound);
        exit(1);
    }
}

static void same_bytes(const Where *w, const char *what, const void *a, const void *b, size_t n)
{
    if (!memcmp(a, b, n)) return;
    size_t at = 0;
    while (((const char *)a)[at] == ((const char *)b)[at]) at++;
    printf("graph %u, %s, N = %" PRId64 ": %s differs from byte %zu of %zu on\n", w->seed, w->config, w->n, what, at,
           n);
    exit(1);
}

/* ---- the checks ---- */

typedef struct Outputs {
    int n;
    void *raw[4];
    Array like[4];
} Outputs;

static Outputs predict(Arena *a, nnrt_session *s, const Graph *g, const Data *d)
{
    Outputs out = {.n = g->results.n};
    int32_t e = bound_entry(s, d, NNRT_PREDICT);
    const Node *end = g->body->last;
    for (int i = 0; i < out.n; i++) {
        out.like[i] = array_new(a, end->in[i]->type, &d->n);
        out.raw[i] = raw_new(a, (size_t)(out.like[i].size * 8));
        bind(s, e, &nnrt_session_model(s)->entries[e], g->results.at[i].name, &out.like[i], out.raw[i], true);
    }
    run(s, e);
    return out;
}

static size_t raw_bytes(const Array *a) { return (size_t)(a->size * dtype_bytes(a->type.dtype)); }

static void check_rows(Arena *a, const Where *w, nnrt_session *s, const Graph *g, const Data *d, const Outputs *whole)
{
    for (int64_t row = 0; row < d->n; row++) {
        size_t xb = raw_bytes(&d->x) / (size_t)d->n, yb = 4;
        Data one = {.n = 1, .x = d->x, .y = d->y, .raw_x = raw_new(a, xb), .raw_y = raw_new(a, yb)};
        one.x.shape[0] = one.y.shape[0] = 1;
        one.x.size /= d->n;
        one.y.size = 1;
        memcpy(one.raw_x, (char *)d->raw_x + (size_t)row * xb, xb);
        memcpy(one.raw_y, (char *)d->raw_y + (size_t)row * yb, yb);
        Outputs alone = predict(a, s, g, &one);
        for (int i = 0; i < alone.n; i++)
            same_bytes(w, "a row alone", alone.raw[i], (char *)whole->raw[i] + (size_t)row * raw_bytes(&alone.like[i]),
                       raw_bytes(&alone.like[i]));
    }
}

static void check_predict(Arena *a, const Oracle *o, const Where *w, const Compiled *c, const Data *d,
                          nnrt_session **others)
{
    const Graph *g = o->p->models.at[0];
    Outputs out = predict(a, c->session, g, d);
    Array want[4], tensors[8];
    get_tensors(a, o->p, c->session, tensors);
    evaluate(o, a, g, d, tensors, nnrt_clock(c->session), want);
    for (int i = 0; i < out.n; i++) compare(o, w, g->results.at[i].name, &want[i], out.raw[i]);
    for (size_t t = 0; t < COUNT(teams); t++) {
        Outputs again = predict(a, others[t], g, d);
        for (int i = 0; i < out.n; i++)
            same_bytes(w, g->results.at[i].name, out.raw[i], again.raw[i], raw_bytes(&out.like[i]));
    }
    check_rows(a, w, c->session, g, d, &out);
}

static void check_totals(const Oracle *o, const Where *w, nnrt_session *s, int32_t e, const Graph *g, const Array *want,
                         int64_t n)
{
    const double *totals = nnrt_totals(s, e);
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_LOSS && g->results.at[i].kind != RESULT_METRIC) continue;
        Num expected = want[i].at[0];
        double rounding = 1e-15 * (double)n * (expected.value < 0 ? -expected.value : expected.value);
        Num scaled = {expected.value * (double)n, 0, expected.bound * (double)n + rounding};
        Array one = {.type = type_scalar(DT_F64), .size = 1, .at = &scaled};
        compare(o, w, g->results.at[i].name, &one, &totals[g->results.at[i].index]);
    }
}

static void check_eval(Arena *a, const Oracle *o, const Where *w, const Compiled *c, const Data *d)
{
    Array want[8], tensors[8];
    int32_t e = bound_entry(c->session, d, NNRT_EVAL);
    run(c->session, e);
    get_tensors(a, o->p, c->session, tensors);
    const Graph *g = o->p->trains.at[0].eval;
    evaluate(o, a, g, d, tensors, nnrt_clock(c->session), want);
    check_totals(o, w, c->session, e, g, want, d->n);
}

static void check_grad(Arena *a, const Oracle *o, const Where *w, const Compiled *c, const Data *d,
                       nnrt_session **others)
{
    const Graph *g = o->p->trains.at[0].grad;
    Array want[8], tensors[8];
    if (!g) return;
    get_tensors(a, o->p, c->session, tensors);
    int32_t e = bound_entry(c->session, d, NNRT_GRAD);
    if (nnrt_zero_grad(c->session)) fatal("%s", nnrt_error(c->session));
    run(c->session, e);
    evaluate(o, a, g, d, tensors, nnrt_clock(c->session), want);
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_GRAD) continue;
        void *raw = raw_new(a, raw_bytes(&want[i])), *again = raw_new(a, raw_bytes(&want[i]));
        if (nnrt_read_grad(c->session, g->results.at[i].name, raw, raw_bytes(&want[i])))
            fatal("%s", nnrt_error(c->session));
        compare(o, w, g->results.at[i].name, &want[i], raw);
        for (size_t t = 0; t < COUNT(teams); t++) {
            int32_t f = bound_entry(others[t], d, NNRT_GRAD);
            if (nnrt_zero_grad(others[t])) fatal("%s", nnrt_error(others[t]));
            run(others[t], f);
            if (nnrt_read_grad(others[t], g->results.at[i].name, again, raw_bytes(&want[i])))
                fatal("%s", nnrt_error(others[t]));
            same_bytes(w, "a gradient of several workers", raw, again, raw_bytes(&want[i]));
        }
    }
}

static void check_step(Arena *a, const Oracle *o, const Where *w, const Compiled *c, const Data *d,
                       nnrt_session **others)
{
    const Graph *g = o->p->trains.at[0].step;
    Array want[8], tensors[8];
    get_tensors(a, o->p, c->session, tensors);
    evaluate(o, a, g, d, tensors, nnrt_clock(c->session), want);
    int32_t e = bound_entry(c->session, d, NNRT_STEP);
    run(c->session, e);
    check_totals(o, w, c->session, e, g, want, d->n);
    for (size_t t = 0; t < COUNT(teams); t++) run(others[t], bound_entry(others[t], d, NNRT_STEP));
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_NEXT) continue;
        const char *path = o->p->tensors.at[g->results.at[i].index].path;
        void *raw = raw_new(a, raw_bytes(&want[i])), *again = raw_new(a, raw_bytes(&want[i]));
        if (nnrt_read(c->session, path, raw, raw_bytes(&want[i]))) fatal("%s", nnrt_error(c->session));
        compare(o, w, path, &want[i], raw);
        for (size_t t = 0; t < COUNT(teams); t++) {
            if (nnrt_read(others[t], path, again, raw_bytes(&want[i]))) fatal("%s", nnrt_error(others[t]));
            same_bytes(w, "a step of several workers", raw, again, raw_bytes(&want[i]));
        }
    }
}

static void start(nnrt_session *s)
{
    if (nnrt_init(s, 42)) fatal("%s", nnrt_error(s));
}

static void check_frozen(const Oracle *o, const Where *w0, const Compiled *c)
{
    Where w = *w0;
    Cx *cx = cx_new();
    nnrt_session *free_one = session_new(c->model, 1);
    start(free_one);
    w.config = "frozen";
    Compiled frozen = compile(cx, &w, o->policy, 0, nnrt_params(free_one));
    frozen.session = session_new(frozen.model, 1);
    start(frozen.session);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const Graph *g = o->p->models.at[0];
        Arena *a = arena_new();
        w.n = sizes[i];
        Data d = make_data(a, g, sizes[i], w.seed * 64 + (unsigned)i, o->policy);
        Outputs want = predict(a, free_one, g, &d), got = predict(a, frozen.session, g, &d);
        for (int k = 0; k < want.n; k++)
            same_bytes(&w, g->results.at[k].name, want.raw[k], got.raw[k], raw_bytes(&want.like[k]));
        arena_free(a);
    }
    nnrt_session_free(frozen.session);
    nnrt_session_free(free_one);
    jit_close(frozen.jit);
    cx_free(cx);
}

static void check_sizes(const Oracle *o, const Where *w0, Compiled *c)
{
    nnrt_session *others[COUNT(teams)];
    c->session = session_new(c->model, 1);
    for (size_t t = 0; t < COUNT(teams); t++) others[t] = session_new(c->model, teams[t]);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        Arena *a = arena_new();
        Where w = *w0;
        w.n = sizes[i];
        Data d = make_data(a, o->p->models.at[0], sizes[i], w.seed * 64 + (unsigned)i, o->policy);
        start(c->session);
        for (size_t t = 0; t < COUNT(teams); t++) start(others[t]);
        check_predict(a, o, &w, c, &d, others);
        check_eval(a, o, &w, c, &d);
        check_grad(a, o, &w, c, &d, others);
        for (int step = 0; step < 3; step++) check_step(a, o, &w, c, &d, others);
        arena_free(a);
    }
    for (size_t t = 0; t < COUNT(teams); t++) nnrt_session_free(others[t]);
    nnrt_session_free(c->session);
}

static Oracle make_oracle(const Where *w, Policy policy)
{
    Oracle o = {cx_new(), NULL, policy,
                strcmp(strcmp(level, "native") ? level : codegen_native_level(), "x86-64") != 0};
    static const char *const off[] = {"simplify"};
    PassOptions plain = {.disabled = off, .ndisabled = 1, .until = "differentiate", .verify = true};
    o.p = make_program(o.cx, w->seed, policy);
    if (!o.p) give_up(w, o.cx, "the generator made a graph that does not check");
    if (!passes_run(o.p, &plain)) give_up(w, o.cx, "differentiation fails");
    return o;
}

/* ---- the text between two passes ---- */

static const char *printed(const Program *p)
{
    Text text = {.arena = p->arena};
    program_print(p, &text);
    return text_done(&text);
}

/* What is read back from the text after a pass ends in the same plan. */
static void check_text(const Where *w, Policy policy, const char *pass)
{
    Cx *cx = cx_new(), *again = cx_new();
    Program *p = make_program(cx, w->seed, policy);
    FrontendOptions how = {.name = p->name, .real = p->real};
    if (!passes_run(p, &(PassOptions){.until = pass})) give_up(w, cx, "the passes fail");
    Program *q = frontend_parse(again, "random.nn", printed(p), &how);
    if (!q || strcmp(printed(p), printed(q))) give_up(w, again, "the text does not read back");
    Program *whole = make_program(cx, w->seed, policy);
    if (!passes_run(whole, &(PassOptions){0}) || !passes_run(q, &(PassOptions){0})) give_up(w, again, "the passes fail");
    if (strcmp(printed(whole), printed(q))) give_up(w, again, "what was read back gets another plan");
    cx_free(again);
    cx_free(cx);
}

static void check_graph(unsigned seed)
{
    Policy policy = seed % 3 ? POLICY_EXACT : POLICY_REAL;
    Where w = {"the interpreter", seed, 0};
    check_text(&w, policy, "outline");
    Oracle o = make_oracle(&w, policy);
    for (size_t i = 0; i < COUNT(configs); i++) {
        Cx *cx = cx_new();
        w.config = configs[i].name;
        Compiled c = compile(cx, &w, policy, (int)i, NULL);
        check_sizes(&o, &w, &c);
        if (i == 0) check_frozen(&o, &w, &c);
        jit_close(c.jit);
        cx_free(cx);
    }
    counts.graphs[policy]++;
    cx_free(o.cx);
}

static int report(void)
{
    int zeros = 0, n;
    printf("graphs: %ld exact, %ld real; %ld numbers compared, %ld of them to a useful bound\n", counts.graphs[0],
           counts.graphs[1], counts.comparisons, counts.bounded);
    printf("runs by workers:");
    for (int i = 1; i <= 8; i++) printf(" %d: %ld", i, counts.teams[i]);
    for (size_t t = 0; t < COUNT(teams); t++) zeros += !counts.teams[teams[t]];
    printf("\npasses fired:");
    const PassInfo *list = passes_list(&n);
    for (int i = 0; i < n; i++) {
        printf(" %s %ld", list[i].name, pass_fired(list[i].name));
        zeros += pass_fired(list[i].name) == 0;
    }
    printf("\noperators:");
    for (int i = 0; i < OP_COUNT; i++) {
        printf(" %s %ld", op_info((OpCode)i)->name, counts.operators[i]);
        zeros += counts.operators[i] == 0;
    }
    printf("\n%d of these are zero\n", zeros);
    return zeros != 0 || counts.bounded * 2 < counts.comparisons;
}

static int print_graph(unsigned seed)
{
    Cx *cx = cx_new();
    Program *p = make_program(cx, seed, seed % 3 ? POLICY_EXACT : POLICY_REAL);
    if (!p) return 1;
    fputs(printed(p), stdout);
    passes_run(p, &(PassOptions){0});
    fputs(printed(p), stdout);
    cx_free(cx);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "print")) return print_graph((unsigned)atoi(argv[2]));
    if (argc > 3) level = argv[3];
    if (!codegen_level_runs_here(level)) return printf("SKIP: this machine does not run %s\n", level), 77;
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 100, seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    for (unsigned i = 0; i < count; i++) check_graph(seed + i);
    return count >= 100 ? report() : 0;
}
