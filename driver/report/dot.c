/* dot.c: a graph as Graphviz draws it. */
#include "driver/driver.h"

static void print_quoted(Text *to, const char *text)
{
    for (; *text; text++) text_add(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void print_node(const Node *n, Text *to, const char *prefix, Arena *a)
{
    text_add(to, "    \"%s.%u\" [label=\"%s", prefix, n->nout ? n->out[0].id : 0, op_info(n->op)->text);
    if (n->nout) {
        if (n->out[0].name) text_add(to, "\\n"), print_quoted(to, n->out[0].name);
        text_add(to, "\\n"), print_quoted(to, type_text(a, n->out[0].type));
    }
    text_add(to, "\"%s];\n", n->op == OP_KERNEL || n->op == OP_CALL ? ", shape=box" : "");
}

/* An edge for every value that the node, or its region, reads. */
static void print_edges(const Node *n, Text *to, const char *prefix, Arena *a)
{
    Value **reads = n->in;
    int count = n->nin;
    if (n->region) block_reads(n->region, a, &reads, &count);
    for (int i = 0; i < count; i++)
        text_add(to, "    \"%s.%u\" -> \"%s.%u\";\n", prefix, reads[i]->def->out[0].id, prefix, n->out[0].id);
}

static bool print_graph(Graph *g, void *context)
{
    Text *to = context;
    static const char *const kinds[] = {"model", "step", "eval", "grad", "update", "init", "start"};
    Arena *a = to->arena;
    char *prefix = str_format(a, "%s.%s", g->name ? g->name : "", kinds[g->kind]);
    text_add(to, "  subgraph \"cluster_%s\" {\n    label=\"%s %s\";\n", prefix, kinds[g->kind], g->name ? g->name : "");
    for (Node *n = g->body->first; n; n = n->next) {
        if (n->op == OP_RETURN) continue;
        print_node(n, to, prefix, a);
        print_edges(n, to, prefix, a);
    }
    text_add(to, "  }\n");
    return true;
}

void dot_print(const Program *p, Text *to)
{
    text_add(to, "digraph \"%s\" {\n  rankdir=LR; node [shape=ellipse, fontname=\"sans-serif\"];\n", p->name);
    program_each_graph((Program *)(uintptr_t)p, print_graph, to);
    text_add(to, "}\n");
}
