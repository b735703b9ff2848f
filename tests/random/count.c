/* count.c: what occurred in the graphs that were compared, and which rewrites fired. */
#include "random_graphs.h"
#include "passes/passes.h"

/* Marks what reaches a result: readers stand behind what they read, so one walk from the end is enough. */
static void mark_block(const Block *b, bool *live)
{
    for (const Node *n = b->last; n; n = n->prev) {
        bool reached = n->op == OP_RETURN;
        for (int i = 0; i < n->nout; i++) reached |= live[n->out[i].id];
        if (!reached) continue;
        for (int i = 0; i < n->nin; i++) live[n->in[i]->id] = true;
        if (n->region) mark_block(n->region, live);
    }
}

static void count_block(const Block *b, const bool *live, Counts *to)
{
    for (const Node *n = b->first; n; n = n->next) {
        bool reached = n->op == OP_RETURN;
        for (int i = 0; i < n->nout; i++) reached |= live[n->out[i].id];
        if (!reached) continue;
        to->operators[n->op]++;
        for (int i = 0; i < n->nin; i++) to->pairs[n->in[i]->def->op][n->op]++;
        if (n->region) count_block(n->region, live, to);
    }
}

void count_operators(const Graph *g, Counts *to)
{
    Arena *arena = arena_new();
    bool *live = NEW_ARRAY(arena, bool, g->nvalues);
    mark_block(g->body, live);
    count_block(g->body, live, to);
    arena_free(arena);
}

const char *const *counter_names(int *out_n)
{
    static const char *const names[] = {
#define PASS(name, what, optional, stage) #name,
#include "passes/passes.def"
        "fold", "algebra", "dce", "cse", "stable.log_sigmoid", "stable.log_complement", "stable.log_softmax",
    };
    *out_n = COUNT(names);
    return names;
}
