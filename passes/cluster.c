/* The clusters of a graph: who is with whom, who reads whom. */
#include "passes/cluster.h"

/* ---- items ---- */
Item *item_of(const Clusters *c, const Node *n)
{
    n = node_at_level((Node *)n, c->graph->body);
    return &c->items.at[n->mark];
}

Cluster *cluster_of(const Clusters *c, const Node *n)
{
    return item_of(c, n)->cluster;
}

void clusters_number(Clusters *c)
{
    int at = 0;
    for (Node *n = c->graph->body->first; n; n = n->next) c->items.at[n->mark].at = at++;
}

/* Does the value have memory of its own that a view may show? */
static bool value_is_stored(const Clusters *c, const Value *v)
{
    switch (v->def->op) {
    case OP_CONST: case OP_SIZE: case OP_CLOCK: case OP_HYPER:
        return false;
    case OP_INPUT: case OP_TENSOR: case OP_KERNEL:
        return true;
    default:
        break;
    }
    OpKind kind = op_info(v->def->op)->kind;
    bool map = kind == KIND_move || kind == KIND_part || kind == KIND_random || kind == KIND_leaf ||
               (kind == KIND_index && !node_is_anchor(v->def));
    return cluster_of(c, v->def)->fixed || !c->lenient || !map || v->uses.n > 1;
}

static bool node_is_fixed(const Clusters *c, const Node *n)
{
    switch (n->op) {
    case OP_INPUT: case OP_TENSOR: case OP_CONST: case OP_SIZE: case OP_CLOCK: case OP_HYPER:
    case OP_KERNEL: case OP_RETURN:
        return true;
    case OP_MOVE:
        return move_is_view(n->attr.move) && value_is_stored(c, n->in[0]);
    default:
        return false;
    }
}

Item *cluster_add(Clusters *c, Cluster *to, Node *n)
{
    n->mark = (uint32_t)c->items.n;
    vec_push(c->scratch, &c->items, (Item){.node = n, .cluster = to});
    vec_push(c->scratch, &to->items, (int)n->mark);
    return &c->items.at[n->mark];
}

void clusters_init(Clusters *c, Graph *g, Arena *scratch, bool lenient)
{
    *c = (Clusters){.graph = g, .scratch = scratch, .lenient = lenient};
    for (Node *n = g->body->first; n; n = n->next) {
        Cluster *own = NEW(scratch, Cluster);
        vec_push(scratch, &c->list, own);
        cluster_add(c, own, n);
        own->fixed = node_is_fixed(c, n);
    }
    for (int i = 0; i < c->list.n; i++)
        if (!c->list.at[i]->fixed && !cluster_form(c, c->list.at[i], &c->list.at[i]->form))
            UNREACHABLE("an operator that is no kernel by itself");
    clusters_number(c);
}

/* ---- readers ---- */
bool value_leaves(const Clusters *c, const Value *v)
{
    const Cluster *own = cluster_of(c, v->def);
    for (int i = 0; i < v->uses.n; i++)
        if (cluster_of(c, v->uses.at[i].node) != own) return true;
    return false;
}

/* Puts what `at` reads onto the list, each cluster once; true where that is `start` again. */
static bool find_read(Clusters *c, const Cluster *start, const Cluster *at)
{
    for (int i = 0; i < at->items.n; i++) {
        const Node *n = c->items.at[at->items.at[i]].node;
        for (int k = 0; k < n->nin; k++) {
            Cluster *read = cluster_of(c, n->in[k]->def);
            if (read == start && at != start) return true;
            if (read == start || read->seen == c->stamp) continue;
            read->seen = c->stamp;
            vec_push(c->scratch, &c->todo, read);
        }
    }
    return false;
}

void clusters_find_behind(Clusters *c, const Cluster *of)
{
    c->stamp++;
    c->todo.n = 0;
    find_read(c, of, of);
    for (int i = 0; i < c->todo.n; i++) c->todo.at[i]->seen = 0; /* read by `of` itself, and maybe by a third */
    while (c->todo.n) find_read(c, of, c->todo.at[--c->todo.n]);
}

/* From readers up to what they read; by a list, since networks are deeper than a stack. */
bool cluster_waits_for_itself(Clusters *c, const Cluster *of)
{
    c->stamp++;
    c->todo.n = 0;
    bool found = find_read(c, of, of);
    while (!found && c->todo.n) found = find_read(c, of, c->todo.at[--c->todo.n]);
    return found;
}

/* ---- changes ---- */
/* By place, by insertion: what is added is short or already in order. */
void cluster_sort(Clusters *c, Cluster *of)
{
    for (int i = 1; i < of->items.n; i++) {
        int item = of->items.at[i], k = i;
        for (; k > 0 && c->items.at[of->items.at[k - 1]].at > c->items.at[item].at; k--)
            of->items.at[k] = of->items.at[k - 1];
        of->items.at[k] = item;
    }
}

void cluster_take(Clusters *c, Cluster *to, Cluster *from)
{
    for (int i = 0; i < from->items.n; i++) {
        c->items.at[from->items.at[i]].cluster = to;
        vec_push(c->scratch, &to->items, from->items.at[i]);
    }
    from->items.n = 0;
    cluster_sort(c, to);
}

void cluster_drop_dead(Clusters *c, Cluster *of)
{
    for (int i = of->items.n - 1; i >= 0; i--) {
        Node *n = c->items.at[of->items.at[i]].node;
        if (n->out[0].uses.n) continue;
        node_remove(n);
        c->items.at[of->items.at[i]].node = NULL;
        for (int k = i; k + 1 < of->items.n; k++) of->items.at[k] = of->items.at[k + 1];
        of->items.n--;
    }
}
