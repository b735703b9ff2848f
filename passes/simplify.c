/* simplify.c: an equal graph with less in it. Every rewrite gives the same bits but the stable ones, which replace
   formulas that lose digits by formulas that do not. */
#include "passes/pass.h"

/* Each rewrite leaves fewer or cheaper nodes, so this ends; the limit is for a rule that breaks that promise. */
enum { MAX_ROUNDS = 64 };

static bool asks_along_computed(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next) {
        for (int i = 1; n->op == OP_GRAD && i < n->nin; i++)
            if (n->in[i]->def->op != OP_TENSOR && n->in[i]->def->op != OP_INPUT) return true;
        if (n->region && asks_along_computed(n->region)) return true;
    }
    return false;
}

/* The slope along a computed value counts the paths that lead through it, and almost every rewrite moves a path: equal
   values become one, and readers look past a value to what it was made from. Where such a slope is asked for, the graph
   stays as it is written until differentiation. */
bool pass_simplify(Graph *g, Arena *scratch)
{
    long total = 0;
    if (asks_along_computed(g->body)) return false;
    for (int round = 0; round < MAX_ROUNDS; round++) {
        long folded = fold_constants(g), algebra = rewrite_algebra(g), stable = rewrite_stable(g, scratch);
        calls_list_reads(g->body, scratch);
        long dead = graph_drop_unread(g), shared = share_values(g, scratch);
        pass_count("fold", folded);
        pass_count("algebra", algebra);
        pass_count("dce", dead);
        pass_count("cse", shared);
        total += folded + algebra + stable + dead + shared;
        if (folded + algebra + stable + dead + shared == 0) break;
    }
    pass_count("simplify", total);
    return total > 0;
}
