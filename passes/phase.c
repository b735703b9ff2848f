/* The order of kernels and the barriers between them. A phase ends where a worker needs what another one wrote: kernels
   follow each other within one only if both are cut along the same first axis and the later reads its own rows alone,
   or if both are not cut at all and so run on the first worker. */
#include "passes/plan.h"

/* ---- who waits for whom ---- */
static bool cut_alike(const Node *a, const Node *b)
{
    const KernelAttr *p = a->attr.kernel, *q = b->attr.kernel;
    return (p->prefix == 0) == (q->prefix == 0) && (p->prefix == 0 || p->dims[0] == q->dims[0]);
}

bool schedule_needs_barrier(const Schedule *s, int writer, int reader, const Value *x)
{
    const Kernel *w = &s->kernels.at[writer], *r = &s->kernels.at[reader];
    if (!cut_alike(w->node, r->node)) return true;
    bool whole = w->node->attr.kernel->prefix == 0;
    return !whole && !(r->rows[x->id] == READ_ALIGNED && view_keeps_rows(x));
}

void schedule_wait(Schedule *s, int kernel, int earlier, bool barrier)
{
    vec_push(s->scratch, &s->kernels.at[kernel].waits, (Wait){earlier, barrier});
}

int schedule_add(Schedule *s, Node *kernel)
{
    int index = s->kernels.n, nreads;
    Value **reads;
    kernel->mark = (uint32_t)index;
    vec_push(s->scratch, &s->kernels, (Kernel){.node = kernel, .order = -1});
    s->kernels.at[index].rows = kernel_reads_rows(kernel, s->scratch);
    block_reads(kernel->region, s->scratch, &reads, &nreads);
    for (int i = 0; i < nreads; i++) {
        const Node *from = value_root(reads[i])->def;
        if (from->op == OP_KERNEL)
            schedule_wait(s, index, (int)from->mark, schedule_needs_barrier(s, (int)from->mark, index, reads[i]));
    }
    return index;
}

void schedule_init(Schedule *s, Graph *g, Arena *scratch)
{
    *s = (Schedule){.graph = g, .scratch = scratch};
    for (Node *n = g->body->first; n; n = n->next)
        if (n->op == OP_KERNEL) schedule_add(s, n);
}

static void find_kernel(Schedule *s, int kernel)
{
    if (s->kernels.at[kernel].seen == s->stamp) return;
    s->kernels.at[kernel].seen = s->stamp;
    vec_push(s->scratch, &s->todo, kernel);
}

/* By a list, as below: networks are deeper than a stack. */
bool schedule_follows(Schedule *s, int kernel, int earlier)
{
    s->stamp++;
    s->todo.n = 0;
    find_kernel(s, kernel);
    while (s->todo.n) {
        int at = s->todo.at[--s->todo.n];
        if (at == earlier) return true;
        for (int i = 0; i < s->kernels.at[at].waits.n; i++) find_kernel(s, s->kernels.at[at].waits.at[i].kernel);
    }
    return false;
}

/* ---- phases ---- */
static int phase_after(const Schedule *s, const Kernel *k)
{
    int phase = 0;
    for (int i = 0; i < k->waits.n; i++) {
        Wait w = k->waits.at[i];
        int after = s->kernels.at[w.kernel].node->attr.kernel->phase + w.barrier;
        phase = after > phase ? after : phase;
    }
    return phase;
}

/* What a kernel waits for comes before it, in the order of its waits. */
static void find_phase(Schedule *s, int kernel, int *count)
{
    s->todo.n = 0;
    vec_push(s->scratch, &s->todo, kernel);
    while (s->todo.n) {
        int top = s->todo.n;
        Kernel *k = &s->kernels.at[s->todo.at[top - 1]];
        for (int i = k->waits.n - 1; i >= 0 && k->order < 0; i--) {
            int before = k->waits.at[i].kernel;
            if (s->kernels.at[before].order < 0) vec_push(s->scratch, &s->todo, before);
        }
        if (s->todo.n > top) continue;
        s->todo.n--;
        if (k->order >= 0) continue;
        k->node->attr.kernel->phase = phase_after(s, k);
        k->order = (*count)++;
    }
}

static bool runs_before(const Kernel *a, const Kernel *b)
{
    int p = a->node->attr.kernel->phase, q = b->node->attr.kernel->phase;
    return p != q ? p < q : a->order < b->order;
}

/* ---- the list ---- */
static bool is_leaf(const Node *n)
{
    return op_info(n->op)->kind == KIND_leaf;
}

/* Leaves and their views, then kernels as they run, each with the views of its results; views in the order of the body,
   which is one that a printed graph has, too. */
static void place_nodes(Schedule *s, const int *by_time)
{
    Node *end = s->graph->body->last;
    VEC(Node *) first = {0}, views = {0};
    for (Node *n = s->graph->body->first; n; n = n->next) {
        Node *root = n->op == OP_MOVE ? value_root(&n->out[0])->def : n;
        if (is_leaf(n))
            vec_push(s->scratch, &first, n);
        else if (n->op == OP_MOVE && is_leaf(root))
            vec_push(s->scratch, &views, n);
        else if (n->op == OP_MOVE)
            vec_push(s->scratch, &s->kernels.at[root->mark].views, n);
    }
    for (int i = 0; i < first.n; i++) node_move_before(first.at[i], end);
    for (int i = 0; i < views.n; i++) node_move_before(views.at[i], end);
    for (int i = 0; i < s->kernels.n; i++) {
        Kernel *k = &s->kernels.at[by_time[i]];
        node_move_before(k->node, end);
        for (int v = 0; v < k->views.n; v++) node_move_before(k->views.at[v], end);
        k->order = i;
    }
}

void schedule_order(Schedule *s)
{
    int n = s->kernels.n, count = 0, *by_time = NEW_ARRAY(s->scratch, int, n);
    s->graph->phases = 0;
    for (int i = 0; i < n; i++) {
        find_phase(s, i, &count);
        int phase = s->kernels.at[i].node->attr.kernel->phase, k = i;
        for (; k > 0 && runs_before(&s->kernels.at[i], &s->kernels.at[by_time[k - 1]]); k--)
            by_time[k] = by_time[k - 1];
        by_time[k] = i;
        s->graph->phases = phase + 1 > s->graph->phases ? phase + 1 : s->graph->phases;
    }
    place_nodes(s, by_time);
}
