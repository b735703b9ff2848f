/* What a plan needs, as a table: every value in the workspace, its bytes and place as formulas, and when it lives. */
#include "passes/plan.h"

static const char *graph_kind_name(GraphKind kind)
{
    static const char *const names[] = {[GRAPH_MODEL] = "predict", [GRAPH_STEP] = "step", [GRAPH_EVAL] = "eval",
                                        [GRAPH_GRAD] = "grad", [GRAPH_UPDATE] = "update", [GRAPH_INIT] = "init",
                                        [GRAPH_START] = "start"};
    return names[kind];
}

typedef struct Report { FILE *to; Arena *arena; const int64_t *sizes; } Report;

static void print_value(const Report *r, const Graph *g, const Value *v)
{
    int from, to;
    value_span(g, v, &from, &to);
    const char *until = to == g->phases ? "end" : str_format(r->arena, "%d", to);
    const char *bytes = dim_text(r->arena, type_bytes(g->program->dims, v->type));
    fprintf(r->to, "  %-12s %3d..%-3s  %-20s %-16s %s\n", bytes, from, until, type_text(r->arena, v->type),
            v->name ? v->name : "", dim_text(r->arena, v->place.offset));
}

/* What must be kept at once in a phase, whatever the plan. */
static int64_t live_bytes(const Report *r, const Graph *g, int phase)
{
    int64_t bytes = 0;
    for (const Node *n = g->body->first; n; n = n->next)
        for (int i = 0; i < n->nout && n->op == OP_KERNEL; i++) {
            int from, to;
            value_span(g, &n->out[i], &from, &to);
            if (n->out[i].place.area == AREA_WORK && from <= phase && phase <= to)
                bytes += dim_eval(type_bytes(g->program->dims, n->out[i].type), r->sizes);
        }
    return bytes;
}

static void print_total(const Report *r, const Graph *g)
{
    int64_t least = 0, all = dim_eval(g->work_bytes, r->sizes);
    const Program *p = g->program;
    for (int phase = 0; phase < g->phases; phase++) {
        int64_t live = live_bytes(r, g, phase);
        least = live > least ? live : least;
    }
    fprintf(r->to, "  workspace: %s bytes; %lld", dim_text(r->arena, g->work_bytes), (long long)all);
    for (int i = 0; i < p->symbols.n; i++)
        if (!p->symbols.at[i]->fixed && !p->symbols.at[i]->abstract)
            fprintf(r->to, ", %s = %lld", p->symbols.at[i]->name, (long long)r->sizes[p->symbols.at[i]->index]);
    fprintf(r->to, "; alive at once: %lld\n", (long long)least);
}

static bool print_graph(Graph *g, void *context)
{
    Report *r = context;
    r->sizes = reference_sizes(g->program, g, r->arena);
    fprintf(r->to, "%s %s: %d phase%s\n", g->name ? g->name : g->program->name, graph_kind_name(g->kind), g->phases,
            g->phases == 1 ? "" : "s");
    fprintf(r->to, "  %-12s %-9s %-20s %-16s %s\n", "bytes", " phases", "type", "name", "offset");
    for (const Node *n = g->body->first; n; n = n->next)
        for (int i = 0; i < n->nout && n->op == OP_KERNEL; i++)
            if (n->out[i].place.area == AREA_WORK) print_value(r, g, &n->out[i]);
    print_total(r, g);
    return true;
}

void memory_plan_print(const Program *p, FILE *to)
{
    Report r = {to, arena_new(), NULL};
    fprintf(to, "parameters and states: %lld bytes, %lld of them trained; optimizer: %lld bytes\n",
            (long long)p->params_bytes, (long long)p->trainable_bytes, (long long)p->opt_bytes);
    program_each_graph((Program *)p, print_graph, &r);
    arena_free(r.arena);
}
