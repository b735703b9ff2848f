/* calls.c: every entry of a compiled program beside the interpreter, at several N: predictions, totals, gradients and
   three steps, each step from the compiled state. Other worker counts must give the bits of one worker, and a row alone
   the bits that it has in a batch. */
#include "check.h"
#include "tensor_assert.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_INPUTS = 8, MOST_RESULTS = 40 };
static const int64_t sizes[] = {1, 2, 3, 7, 64};

typedef struct Data {
    int64_t n;
    Array in[MOST_INPUTS];
    void *raw[MOST_INPUTS];
} Data;

static void *raw_new(Arena *a, size_t bytes)
{
    char *p = arena_alloc(a, bytes + 128);
    return p + (-(uintptr_t)p & 63);
}

static size_t raw_bytes(const Array *a) { return (size_t)(a->size * dtype_bytes(a->type.dtype)); }

/* ---- what differs ends the process ---- */

static void must(nnrt_session *s, int32_t status)
{
    if (!status) return;
    printf("libnnrt refuses: %s\n", nnrt_error(s));
    fflush(stdout);
    abort();
}

static void count_comparison(Counts *c, Num want)
{
    if (want.bound == 0 && !isnan(want.value))
        c->exact++;
    else if (want.bound <= 1e-3 * (1 + fabs(want.value)))
        c->bounded++;
    else
        c->useless++;
}

/* Bit for bit where nothing is in doubt, else within the bound; what may be infinite or no number says nothing. */
static bool agrees(Policy policy, Num want, double got)
{
    if (want.value == got || (isnan(want.value) && isnan(got))) return true;
    return policy == POLICY_REAL && want.bound > 0 && !(fabs(want.value - got) > want.bound);
}

static void compare(const Oracle *o, const Where *w, const char *what, const Array *want, const void *got)
{
    for (int64_t i = 0; i < want->size; i++) {
        Num v = want->at[i];
        double g = element_of(want->type.dtype, got, i);
        count_comparison(o->counts, v);
        if (agrees(o->policy, v, g)) continue;
        printf("%s, N = %" PRId64 ": element %" PRId64 " of %s is %.17g, wanted %.17g within %g\n", w->config, w->n, i,
               what, g, v.value, o->policy == POLICY_REAL ? v.bound : 0);
        fflush(stdout);
        abort();
    }
}

/* The same bits, but for those of a NaN: which of two NaNs a sum hands on, the machine's code chooses as it likes. */
static void same_bits(const Where *w, const char *what, const char *when, DType t, const void *a, const void *b, size_t n)
{
    size_t each = (size_t)dtype_bytes(t);
    for (size_t at = 0; at < n; at += each) {
        const char *one = (const char *)a + at, *other = (const char *)b + at;
        if (!memcmp(one, other, each) || (isnan(element_of(t, one, 0)) && isnan(element_of(t, other, 0)))) continue;
        printf("%s, N = %" PRId64 ": %s %s differs at byte %zu of %zu\n", w->config, w->n, what, when, at, n);
        fflush(stdout);
        abort();
    }
}

/* ---- data: what an input holds follows from its name, so that all graphs get the same ---- */

static double draw(Type t, uint64_t r, Policy policy)
{
    if (t.range) return (double)(r % (uint64_t)dim_eval(t.range, NULL));
    if (t.dtype == DT_BOOL) return (double)(r % 2);
    if (t.dtype == DT_U8) return (double)(r % 7);
    if (policy == POLICY_EXACT || !dtype_is_float(t.dtype)) return (double)(r % 7) - 3;
    return dtype_round(t.dtype, (double)r / (1 << 23) * 3 - 3);
}

static Data make_data(Arena *a, const Graph *g, int64_t n, Policy policy)
{
    Data d = {.n = n};
    for (int k = 0; k < g->inputs.n; k++) {
        Array *x = &d.in[k];
        *x = array_new(a, g->inputs.at[k].value->type, &n);
        d.raw[k] = raw_new(a, raw_bytes(x));
        uint64_t state = hash_bytes((uint64_t)n, g->inputs.at[k].name, strlen(g->inputs.at[k].name));
        for (int64_t i = 0; i < x->size; i++) {
            x->at[i] = (Num){draw(x->type, mix(&state) >> 40, policy), 0, 0};
            element_set(x->type.dtype, d.raw[k], i, x->at[i].value);
        }
    }
    return d;
}

static bool by_row(const Graph *g, const Array *x) { return x->rank > 0 && x->type.axes[0].dim == g->rows; }

/* One row of what has rows, the whole of what has none. */
static Data make_row(Arena *a, const Graph *g, const Data *whole, int64_t row)
{
    Data d = *whole;
    d.n = 1;
    for (int k = 0; k < g->inputs.n; k++) {
        if (!by_row(g, &d.in[k])) continue;
        size_t bytes = raw_bytes(&d.in[k]) / (size_t)whole->n;
        d.raw[k] = raw_new(a, bytes);
        memcpy(d.raw[k], (char *)whole->raw[k] + (size_t)row * bytes, bytes);
        d.in[k].shape[0] = 1;
        d.in[k].size /= whole->n;
    }
    return d;
}

static void get_tensors(Arena *a, const Program *p, nnrt_session *s, Array *out)
{
    for (int i = 0; i < p->tensors.n; i++) {
        const Tensor *t = &p->tensors.at[i];
        out[i] = array_new(a, t->type, NULL);
        void *raw = raw_new(a, raw_bytes(&out[i]));
        must(s, nnrt_read(s, t->key, raw, raw_bytes(&out[i])));
        for (int64_t k = 0; k < out[i].size; k++) out[i].at[k] = (Num){element_of(t->type.dtype, raw, k), 0, 0};
    }
}

/* ---- the two sides of a call ---- */

static void evaluate(const Oracle *o, Arena *a, const Graph *g, Data *d, nnrt_session *s, Array *out)
{
    static const double rate[1] = {0.125};
    Array *tensors = NEW_ARRAY(a, Array, o->p->tensors.n);
    const nnrt_step *clock = nnrt_clock(s);
    get_tensors(a, o->p, s, tensors);
    EvalInputs in = {.symbols = &d->n,
                     .inputs = d->in,
                     .tensors = tensors,
                     .hypers = rate,
                     .seed = clock->seed,
                     .step = clock->step,
                     .epoch = clock->epoch,
                     .first_sample = clock->first_sample,
                     .fma = o->fma};
    if (!graph_eval(g, &in, a, out)) fatal("the interpreter refuses a graph");
}

static void bind(nnrt_session *s, int32_t e, const char *name, const Array *like, void *raw, bool output)
{
    const nnrt_entry *entry = &nnrt_session_model(s)->entries[e];
    int64_t dims[MAX_RANK];
    for (int i = 0; i < like->rank; i++) dims[i] = like->shape[i];
    uint32_t dtype = (uint32_t)like->type.dtype, rank = (uint32_t)like->rank;
    int32_t at = output ? nnrt_find_output(entry, name) : nnrt_find_input(entry, name);
    if (at < 0) return; /* not among what this entry reads */
    must(s, output ? nnrt_bind_output_at(s, e, at, dtype, rank, dims, raw, raw_bytes(like))
                   : nnrt_bind_input_at(s, e, at, dtype, rank, dims, raw, raw_bytes(like)));
}

static int32_t bound_entry(nnrt_session *s, const Graph *g, const Data *d, int kind)
{
    int32_t e = nnrt_find_entry(nnrt_session_model(s), "random", kind);
    if (e < 0) fatal("an entry is missing");
    for (int k = 0; k < g->inputs.n; k++) bind(s, e, g->inputs.at[k].name, &d->in[k], d->raw[k], false);
    return e;
}

/* False where it reports that a loss or gradient is not finite. */
static bool runs(Counts *c, nnrt_session *s, int32_t e)
{
    must(s, nnrt_clear_totals(s, e));
    int32_t status = nnrt_run(s, e);
    if (status != NNRT_ERR_NONFINITE) must(s, status);
    uint32_t ran = nnrt_workers_ran(s);
    if (ran <= TEAMS) c->teams[ran]++;
    return !status;
}

static void run(Counts *c, nnrt_session *s, int32_t e)
{
    if (!runs(c, s, e)) must(s, NNRT_ERR_NONFINITE);
}

/* ---- the checks ---- */

typedef struct Outputs {
    int n;
    void *raw[MOST_RESULTS];
    Array like[MOST_RESULTS];
} Outputs;

static void predict(const Oracle *o, Arena *a, nnrt_session *s, const Data *d, Outputs *out)
{
    const Graph *g = o->p->models.at[0];
    int32_t e = bound_entry(s, g, d, NNRT_PREDICT);
    out->n = g->results.n;
    for (int i = 0; i < out->n; i++) {
        out->like[i] = array_new(a, g->body->last->in[i]->type, &d->n);
        out->raw[i] = raw_new(a, raw_bytes(&out->like[i]));
        bind(s, e, g->results.at[i].name, &out->like[i], out->raw[i], true);
    }
    run(o->counts, s, e);
}

static void check_rows(const Oracle *o, const Where *w, nnrt_session *s, const Data *d, const Outputs *whole)
{
    const Graph *g = o->p->models.at[0];
    bool alone[MOST_RESULTS], any = false;
    rows_alone(g, alone);
    for (int i = 0; i < whole->n; i++) any |= alone[i];
    for (int64_t row = 0; any && row < d->n; row++) {
        Arena *a = arena_new();
        Data one = make_row(a, g, d, row);
        Outputs *out = NEW(a, Outputs);
        predict(o, a, s, &one, out);
        for (int i = 0; i < out->n; i++) {
            if (!alone[i]) continue;
            size_t bytes = raw_bytes(&out->like[i]);
            o->counts->rows++;
            same_bits(w, g->results.at[i].name, "of a row alone", out->like[i].type.dtype, out->raw[i],
                      (char *)whole->raw[i] + (size_t)row * bytes, bytes);
        }
        arena_free(a);
    }
}

static void check_predict(const Oracle *o, const Where *w, const Compiled *c)
{
    Arena *a = w->arena;
    const Graph *g = o->p->models.at[0];
    Data d = make_data(a, g, w->n, o->policy);
    Outputs *out = NEW(a, Outputs), *again = NEW(a, Outputs);
    Array want[MOST_RESULTS];
    predict(o, a, c->session, &d, out);
    evaluate(o, a, g, &d, c->session, want);
    for (int i = 0; i < out->n; i++) compare(o, w, g->results.at[i].name, &want[i], out->raw[i]);
    for (size_t t = 0; t < TEAM_COUNT; t++) {
        predict(o, a, c->others[t], &d, again);
        for (int i = 0; i < out->n; i++)
            same_bits(w, g->results.at[i].name, "by several workers", out->like[i].type.dtype, out->raw[i],
                      again->raw[i], raw_bytes(&out->like[i]));
    }
    check_rows(o, w, c->session, &d, out);
}

/* Loss and metrics are averages, kept as sums over rows; a half of a pair is a sum, a reason to stop a truth value. */
static void check_totals(const Oracle *o, const Where *w, nnrt_session *s, int32_t e, const Graph *g, const Array *want)
{
    const double *totals = nnrt_totals(s, e);
    for (int i = 0; i < g->results.n; i++) {
        const Result *r = &g->results.at[i];
        if (r->kind != RESULT_LOSS && r->kind != RESULT_METRIC && r->kind != RESULT_STOP) continue;
        Num v = want[i].at[0];
        double n = r->summed || r->kind == RESULT_STOP ? 1 : (double)w->n;
        Num scaled = {v.value * n, 0, v.bound * n + (n > 1 ? 1e-15 * fabs(v.value) * n : 0)};
        Array one = {.type = type_scalar(DT_F64), .size = 1, .at = &scaled};
        Oracle within = *o;
        within.policy = POLICY_REAL;
        compare(&within, w, r->name, &one, &totals[r->index]);
    }
}

static void check_eval(const Oracle *o, const Where *w, const Compiled *c)
{
    const Graph *g = o->p->trains.at[0].eval;
    Data d = make_data(w->arena, g, w->n, o->policy);
    Array want[MOST_RESULTS];
    int32_t e = bound_entry(c->session, g, &d, NNRT_EVAL);
    run(o->counts, c->session, e);
    evaluate(o, w->arena, g, &d, c->session, want);
    check_totals(o, w, c->session, e, g, want);
}

/* Runs an entry of a train block with every number of workers, then compares what it leaves by `read`. */
typedef int32_t ReadFn(nnrt_session *, const char *, void *, size_t);

static void check_tensors(const Oracle *o, const Where *w, const Compiled *c, const Graph *g, const Array *want,
                          ResultKind kind, ReadFn *read)
{
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != kind) continue;
        const char *path = o->p->tensors.at[g->results.at[i].index].key;
        size_t bytes = raw_bytes(&want[i]);
        void *raw = raw_new(w->arena, bytes), *again = raw_new(w->arena, bytes);
        must(c->session, read(c->session, path, raw, bytes));
        compare(o, w, path, &want[i], raw);
        for (size_t t = 0; t < TEAM_COUNT; t++) {
            must(c->others[t], read(c->others[t], path, again, bytes));
            same_bits(w, path, "by several workers", want[i].type.dtype, raw, again, bytes);
        }
    }
}

/* What a run reports of gradients must be so; where a bound is infinite, either may be. */
static void check_report(const Where *w, const Graph *g, const Array *want, bool finite)
{
    bool surely = true, perhaps = true;
    for (int i = 0; i < g->results.n; i++)
        for (int64_t k = 0; g->results.at[i].kind == RESULT_GRAD && k < want[i].size; k++) {
            Num v = want[i].at[k];
            surely &= isfinite(v.value) && isfinite(v.bound);
            perhaps &= isfinite(v.value) || v.bound > 0;
        }
    if (finite ? perhaps : !surely) return;
    printf("%s, N = %" PRId64 ": gradients are reported as %s, and are not\n", w->config, w->n,
           finite ? "finite" : "not finite");
    fflush(stdout);
    abort();
}

static void check_grad(const Oracle *o, const Where *w, const Compiled *c)
{
    const Graph *g = o->p->trains.at[0].grad;
    Array want[MOST_RESULTS];
    if (!g) return;
    Data d = make_data(w->arena, g, w->n, o->policy);
    bool finite = true;
    for (size_t t = 0; t <= TEAM_COUNT; t++) {
        nnrt_session *s = t < TEAM_COUNT ? c->others[t] : c->session;
        int32_t e = bound_entry(s, g, &d, NNRT_GRAD);
        must(s, nnrt_zero_grad(s));
        finite = runs(o->counts, s, e);
    }
    evaluate(o, w->arena, g, &d, c->session, want);
    check_report(w, g, want, finite);
    check_tensors(o, w, c, g, want, RESULT_GRAD, nnrt_read_grad);
}

static void check_step(const Oracle *o, const Where *w, const Compiled *c)
{
    const Graph *g = o->p->trains.at[0].step;
    Array want[MOST_RESULTS];
    Data d = make_data(w->arena, g, w->n, o->policy);
    evaluate(o, w->arena, g, &d, c->session, want);
    int32_t e = bound_entry(c->session, g, &d, NNRT_STEP);
    run(o->counts, c->session, e);
    check_totals(o, w, c->session, e, g, want);
    for (size_t t = 0; t < TEAM_COUNT; t++) run(o->counts, c->others[t], bound_entry(c->others[t], g, &d, NNRT_STEP));
    check_tensors(o, w, c, g, want, RESULT_NEXT, nnrt_read);
}

void check_calls(const Oracle *o, Where *w, const Compiled *c)
{
    enum { STEPS = 3 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        w->n = sizes[i];
        w->arena = arena_new();
        must(c->session, nnrt_init(c->session, 42));
        for (size_t t = 0; t < TEAM_COUNT; t++) must(c->others[t], nnrt_init(c->others[t], 42));
        check_predict(o, w, c);
        check_eval(o, w, c);
        check_grad(o, w, c);
        for (int step = 0; step < STEPS; step++) check_step(o, w, c);
        arena_free(w->arena);
    }
}

void check_frozen(const Oracle *o, Where *w, const Compiled *c, const Compiled *frozen)
{
    const Graph *g = o->p->models.at[0];
    must(frozen->session, nnrt_init(frozen->session, 42));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        w->n = sizes[i];
        w->arena = arena_new();
        Data d = make_data(w->arena, g, w->n, o->policy);
        Outputs *want = NEW(w->arena, Outputs), *got = NEW(w->arena, Outputs);
        predict(o, w->arena, c->session, &d, want);
        predict(o, w->arena, frozen->session, &d, got);
        for (int k = 0; k < want->n; k++)
            same_bits(w, g->results.at[k].name, "with fixed parameters", want->like[k].type.dtype, want->raw[k],
                      got->raw[k], raw_bytes(&want->like[k]));
        arena_free(w->arena);
    }
}
