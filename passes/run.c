/* run.c: the pipeline, and nothing but it: order, choice, checks, dumps, times and counts. */
#include "passes/pass.h"
#include <string.h>
#include <time.h>

typedef enum PassId {
#define PASS(name, what, optional, stage) PASS_##name,
#include "passes/passes.def"
    PASS_COUNT
} PassId;

static const PassInfo infos[PASS_COUNT] = {
#define PASS(name, what, optional, stage) {#name, what, optional, stage},
#include "passes/passes.def"
};

static bool (*const functions[PASS_COUNT])(Graph *, Arena *) = {
#define PASS(name, what, optional, stage) pass_##name,
#include "passes/passes.def"
};

/* What differentiation writes is worth simplifying as much as what the text says, and so are opened calls: a gradient's
   body repeats what the function's body computed. The cut comes before: which entries a train block has follows from what
   reads a next value by its name, and equal values that have become one would tell no more who does. */
static const PassId pipeline[] = {
    PASS_split, PASS_simplify, PASS_differentiate, PASS_simplify, PASS_lower, PASS_simplify, PASS_layout, PASS_freeze,
    PASS_fuse, PASS_outline, PASS_plan,
};

const PassInfo *passes_list(int *out_n)
{
    *out_n = PASS_COUNT;
    return infos;
}

/* ---- how often each rewrite fired in this process ---- */

static struct Counter { const char *name; long n; } counters[64];

static struct Counter *counter_named(const char *name)
{
    size_t i = 0;
    while (i < COUNT(counters) && counters[i].name && strcmp(counters[i].name, name) != 0) i++;
    if (i == COUNT(counters)) UNREACHABLE("more kinds of rewrites than counters");
    return &counters[i];
}

void pass_count(const char *name, long n)
{
    struct Counter *c = counter_named(name);
    c->name = name;
    c->n += n;
}

long pass_fired(const char *name)
{
    return counter_named(name)->n;
}

/* ---- one pass over all graphs ---- */

typedef struct GraphList { Arena *arena; VEC(Graph *) all; } GraphList;

static bool list_graph(Graph *g, void *list)
{
    GraphList *l = list;
    vec_push(l->arena, &l->all, g);
    return true;
}

/* A pass may add graphs, which it has then treated already. */
static GraphList list_graphs(Program *p, Arena *arena)
{
    GraphList list = {.arena = arena};
    program_each_graph(p, list_graph, &list);
    return list;
}

static void run_pass(Program *p, PassId id)
{
    Arena *arena = arena_new();
    GraphList graphs = list_graphs(p, arena);
    for (int i = 0; i < graphs.all.n; i++) {
        Stage stage = graphs.all.at[i]->stage; /* of a graph read from a flat form: what leads to kernels is done */
        if (stage >= STAGE_FUSED && infos[id].stage <= stage) continue;
        Arena *scratch = arena_new();
        long before = pass_fired(infos[id].name);
        bool changed = functions[id](graphs.all.at[i], scratch);
        if (changed && pass_fired(infos[id].name) == before) pass_count(infos[id].name, 1);
        arena_free(scratch);
    }
    arena_free(arena);
}

static void raise_stage(Program *p, Stage stage)
{
    Arena *arena = arena_new();
    GraphList graphs = list_graphs(p, arena);
    for (int i = 0; i < graphs.all.n; i++)
        if (graphs.all.at[i]->stage < stage) graphs.all.at[i]->stage = stage;
    arena_free(arena);
}

/* ---- options ---- */

static bool is_disabled(const PassInfo *info, const PassOptions *o)
{
    for (int i = 0; i < o->ndisabled; i++)
        if (info->optional && str_equal(o->disabled[i], info->name)) return true;
    return false;
}

static void dump(Program *p, const char *name, const PassOptions *o)
{
    if (!o->dump_after || !(str_equal(o->dump_after, name) || str_equal(o->dump_after, "all"))) return;
    Arena *arena = arena_new();
    Text text = {.arena = arena};
    program_print(p, &text);
    fprintf(o->dump_to ? o->dump_to : stdout, "# after %s\n%s", name, text_done(&text));
    arena_free(arena);
}

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool is_last_place(size_t at)
{
    for (size_t i = at + 1; i < COUNT(pipeline); i++)
        if (pipeline[i] == pipeline[at]) return false;
    return true;
}

/* ---- the pipeline ---- */

bool passes_run(Program *p, const PassOptions *o)
{
    for (size_t i = 0; i < COUNT(pipeline); i++) {
        const PassInfo *info = &infos[pipeline[i]];
        int errors = p->cx->diags->errors;
        double start = milliseconds();
        long fired = pass_fired(info->name);
        if (!is_disabled(info, o)) run_pass(p, pipeline[i]);
        raise_stage(p, info->stage);
        if (o->time_to)
            fprintf(o->time_to, "%-14s %8.3f ms %6ld rewrites\n", info->name, milliseconds() - start,
                    pass_fired(info->name) - fired);
        dump(p, info->name, o);
        if (p->cx->diags->errors > errors || (o->verify && !program_verify(p, p->cx, "E0901"))) return false;
        if (o->until && str_equal(o->until, info->name) && is_last_place(i)) break;
    }
    return true;
}
