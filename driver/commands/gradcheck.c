/* gradcheck.c: gradients by reverse mode against two other ways to the same slopes, in f64, at random values: tangents of
   the forward pass, and differences of the loss a little above and below. All by the interpreter. */
#include "driver/driver.h"
#include <inttypes.h>
#include <math.h>

enum { SAMPLES = 3, MOST_ELEMENTS = 12 };
static const double step_size = 1e-6, largest_tangent_share = 1e-6, largest_difference_share = 1e-4;

typedef struct Check {
    Args *args;
    Program *p;
    Arena *arena;
    const TrainInfo *train;
    const Graph *g;
    EvalInputs in;
    uint64_t state; /* of the random values */
    int loss;       /* its place among the results */
    bool detaches, failed, differs;
} Check;

/* ---- random values ---- */
static double next_random(Check *c) /* SplitMix64, in [0, 1) */
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool choose_sizes(Check *c)
{
    int64_t *sizes = NEW_ARRAY(c->arena, int64_t, c->p->symbols.n + 1);
    c->in.symbols = sizes;
    return sizes_choose(c->p, c->g, SAMPLES, sizes);
}

static double random_for(Check *c, Type t)
{
    double u = next_random(c);
    if (dtype_is_float(t.dtype)) return u;
    double most = t.range ? (double)dim_eval(t.range, c->in.symbols) : t.dtype == DT_BOOL ? 2 : t.dtype == DT_U8 ? 256 : 4;
    return floor(u * most);
}

static void choose_inputs(Check *c)
{
    c->in.inputs = NEW_ARRAY(c->arena, Array, c->g->inputs.n);
    for (int i = 0; i < c->g->inputs.n; i++) {
        Array *x = &c->in.inputs[i];
        *x = array_new(c->arena, c->g->inputs.at[i].value->type, c->in.symbols);
        for (int64_t k = 0; k < x->size; k++) x->at[k].value = random_for(c, x->type);
    }
}

/* A first value, moved a little: zeros and equal numbers would hide mistakes. */
static void choose_value(Check *c, int tensor, const Num *first)
{
    Array *x = &c->in.tensors[tensor];
    bool moves = c->p->tensors.at[tensor].role == ROLE_PARAM && dtype_is_float(x->type.dtype);
    for (int64_t k = 0; k < x->size; k++)
        x->at[k] = (Num){.value = first[k].value + (moves ? 0.1 * (next_random(c) - 0.5) : 0)};
}

static bool choose_first(Check *c, const Graph *g)
{
    if (!g) return true;
    Array *first = NEW_ARRAY(c->arena, Array, g->results.n + 1);
    if (!graph_eval(g, &c->in, c->arena, first)) return false;
    for (int i = 0; i < g->results.n; i++) choose_value(c, g->results.at[i].index, first[i].at);
    return true;
}

static bool choose_tensors(Check *c)
{
    c->in.tensors = NEW_ARRAY(c->arena, Array, c->p->tensors.n + 1);
    for (int i = 0; i < c->p->tensors.n; i++) {
        const Tensor *t = &c->p->tensors.at[i];
        c->in.tensors[i] = array_new(c->arena, t->type, c->in.symbols);
        if (!t->given.values) continue;
        array_load(&c->in.tensors[i], t->given.values);
        choose_value(c, i, c->in.tensors[i].at);
    }
    return choose_first(c, c->p->init) && choose_first(c, c->p->start);
}

/* ---- slopes ---- */
static Num loss_at(const Check *c)
{
    Arena *scratch = arena_new();
    Array *results = NEW_ARRAY(scratch, Array, c->g->results.n);
    if (!graph_eval(c->g, &c->in, scratch, results)) UNREACHABLE("an index outside its range");
    Num loss = results[c->loss].at[0];
    arena_free(scratch);
    return loss;
}

static double loss_moved(const Check *c, Num *at, double by)
{
    double was = at->value;
    at->value = was + by;
    double loss = loss_at(c).value;
    at->value = was;
    return loss;
}

static double relative(double a, double b, double least)
{
    double size = fmax(fmax(fabs(a), fabs(b)), least);
    return a == b ? 0 : fabs(a - b) / size;
}

typedef struct Worst { double tangent, difference; int checked, kinks; } Worst;

static void check_element(const Check *c, Num *at, double slope, double here, Worst *w)
{
    at->tangent = 1;
    double tangent = loss_at(c).tangent;
    at->tangent = 0;
    double up = loss_moved(c, at, step_size), down = loss_moved(c, at, -step_size);
    double right = (up - here) / step_size, left = (here - down) / step_size;
    double share = relative(slope, tangent, 1e-10);
    w->tangent = share > w->tangent || isnan(share) ? share : w->tangent;
    w->checked++;
    if (relative(right, left, 1e-2) > 1e-2) { /* the loss bends here: no difference tells its slope */
        w->kinks++;
        return;
    }
    w->difference = fmax(w->difference, relative(slope, (up - down) / (2 * step_size), 1e-3));
}

static void check_tensor(Check *c, int tensor, const Array *grad, double here)
{
    Array *x = &c->in.tensors[tensor];
    Worst w = {0};
    int64_t n = x->size < MOST_ELEMENTS ? x->size : MOST_ELEMENTS;
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i * x->size / n;
        check_element(c, &x->at[k], grad->at[k].value, here, &w);
    }
    bool good = w.tangent <= largest_tangent_share, near = w.difference <= largest_difference_share;
    c->failed |= !good || (!near && !c->detaches);
    c->differs |= !near;
    printf("%-32s %5d of %-9" PRId64 " %12.1e %12.1e  %s\n", c->p->tensors.at[tensor].path, w.checked, x->size,
           w.tangent, w.difference, !good ? "WRONG" : near ? "good" : c->detaches ? "detached" : "WRONG");
}

static int check_all(Check *c)
{
    Array *results = NEW_ARRAY(c->arena, Array, c->g->results.n);
    if (!graph_eval(c->g, &c->in, c->arena, results)) UNREACHABLE("an index outside its range");
    double here = results[c->loss].at[0].value;
    if (!isfinite(here))
        return failure("the loss is %s at these values: another --seed gives others",
                       isnan(here) ? "not a number" : "infinite");
    printf("%-32s %-18s %12s %12s\n", "parameter", "elements", "tangents", "differences");
    for (int i = 0; i < c->g->results.n; i++) {
        const Result *r = &c->g->results.at[i];
        if (r->kind == RESULT_GRAD && c->p->tensors.at[r->index].role == ROLE_PARAM)
            check_tensor(c, r->index, &results[i], here);
    }
    if (c->differs && !c->failed)
        printf("differences see through `detach`, gradients do not: where they differ that may be meant\n");
    puts(c->failed ? "the gradients are wrong" : "the gradients are right");
    return c->failed ? EXIT_CHECK : EXIT_GOOD;
}

/* ---- the graph ---- */
static bool block_detaches(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (n->op == OP_DETACH || (n->region && block_detaches(n->region))) return true;
    return false;
}

static int refuse_train(const Check *c)
{
    const char **names = NEW_ARRAY(c->p->arena, const char *, c->p->trains.n + 1);
    for (int i = 0; i < c->p->trains.n; i++) names[i] = c->p->trains.at[i].name;
    return refuse_model(c->args, c->p->file, "train block", "", names, c->p->trains.n);
}

static int find_graph(Check *c)
{
    const char *name = args_text(c->args, OPT_MODEL);
    for (int i = 0; i < c->p->trains.n && !c->train; i++)
        if (!name || str_equal(c->p->trains.at[i].name, name)) c->train = &c->p->trains.at[i];
    if (!c->train) return refuse_train(c);
    c->g = c->train->grad;
    if (!c->g)
        return failure("the gradients of `%s` depend on the parameters after the step: they cannot be told alone",
                       c->train->name);
    c->loss = -1;
    for (int i = 0; i < c->g->results.n; i++)
        if (c->g->results.at[i].kind == RESULT_LOSS) c->loss = i;
    if (c->loss < 0) return failure("the train block `%s` has no loss", c->train->name);
    c->detaches = block_detaches(c->g->body);
    return 0;
}

static bool differentiate(Check *c)
{
    static const char *const disabled[] = {"simplify"};
    PassOptions o = {.disabled = disabled, .ndisabled = 1, .until = "differentiate"};
    return passes_run(c->p, &o);
}

int command_gradcheck(Args *a)
{
    Check c = {.args = a, .arena = a->cx->arena};
    int status;
    int64_t seed = 0;
    if (!args_count(a, OPT_SEED, 0, &seed)) return EXIT_USAGE;
    a->values[OPT_REAL].n = 0;
    vec_push(c.arena, &a->values[OPT_REAL], "f64");
    if (!(c.p = build_graphs(a, &status))) return status;
    if (!differentiate(&c)) return model_finish(a, EXIT_MODEL);
    if ((status = find_graph(&c))) return status;
    double *hypers = NEW_ARRAY(c.arena, double, c.p->hypers.n + 1);
    for (int i = 0; i < c.p->hypers.n; i++) hypers[i] = c.p->hypers.at[i].value;
    c.in.hypers = hypers;
    c.in.seed = c.state = (uint64_t)seed;
    c.in.step = c.in.epoch = 1;
    if (!choose_sizes(&c)) return failure("no sizes that keep every `where` were found: fix them by -D");
    choose_inputs(&c);
    if (!choose_tensors(&c)) return failure("the first values cannot be computed");
    return model_finish(a, check_all(&c));
}
