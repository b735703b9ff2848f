/* told.c: sizes that a graph needs and its host has no way to tell: no input, and of a model no output, has them. */
#include "frontend/elab.h"

typedef struct Told {
    const Graph *graph;
    bool *symbols;          /* by Symbol.index: the host tells it */
    bool *read;             /* by Value.id: a result is made of it */
    const Node *node;       /* under the eyes */
    const Symbol *lacking;
    const Site *at;         /* the first place that needs it */
} Told;

static void mark_told(const Symbol *s, void *symbols) { ((bool *)symbols)[s->index] = true; }

static void mark_type(Type t, bool *symbols)
{
    for (int i = 0; i < t.rank; i++) dim_each_symbol(t.axes[i].dim, mark_told, symbols);
    if (t.range) dim_each_symbol(t.range, mark_told, symbols);
}

static void find_lacking(const Symbol *s, void *context)
{
    Told *t = context;
    if (s->fixed || t->symbols[s->index]) return;
    t->lacking = s;
    t->at = t->node->site;
}

/* From the last node to the first; what no result is made of needs nothing. */
static void look_at(Told *t, const Block *b)
{
    for (const Node *n = b->last; n; n = n->prev) {
        bool live = n->op == OP_RETURN;
        for (int i = 0; i < n->nout; i++) live |= t->read[n->out[i].id];
        if (!live) continue;
        t->node = n;
        node_each_symbol(n, find_lacking, t);
        for (int i = 0; i < n->nin; i++) t->read[n->in[i]->id] = true;
        if (n->region) look_at(t, n->region);
    }
}

static const char *who_tells(Arena *a, const Graph *g)
{
    if (g->kind == GRAPH_MODEL) return str_format(a, "no input or output of `%s` has it", g->name);
    if (graph_is_first(g)) return "first values are made before there is any data";
    return str_format(a, "no input of the train block `%s` has it", g->name);
}

static void refuse(const Told *t, Cx *cx)
{
    const Site *s = t->at;
    while (s && s->applied && (!s->span.source || s->span.source->builtin)) s = s->applied;
    Diag *d = diag_error(cx->diags, "E0220", s ? s->span : NO_SPAN, "nothing tells how large `%s` is: %s",
                         t->lacking->name, who_tells(cx->arena, t->graph));
    diag_primary(d, "this needs it");
    if (t->lacking->span.source) diag_label(d, t->lacking->span, "declared here");
    diag_help(d, "fix it by `-D %s=16`%s", t->lacking->name,
              graph_is_first(t->graph) ? "" : ", or give an input an axis of this size");
}

static bool check_graph(Graph *g, void *context)
{
    Cx *cx = context;
    const Program *p = g->program;
    Told t = {.graph = g};
    t.symbols = NEW_ARRAY(cx->arena, bool, p->symbols.n + 1);
    t.read = NEW_ARRAY(cx->arena, bool, g->nvalues + 1);
    for (int i = 0; i < g->inputs.n; i++) mark_type(g->inputs.at[i].value->type, t.symbols);
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == RESULT_OUTPUT) mark_type(g->results.at[i].type, t.symbols);
    look_at(&t, g->body);
    if (t.lacking) refuse(&t, cx);
    return !t.lacking;
}

bool sizes_told(Program *p, Cx *cx) { return program_each_graph(p, check_graph, cx); }
