/* outline: clusters of operators become kernels. After it a body holds leaves, kernels, views and RETURN only. */
#include "passes/cluster.h"

/* ---- one kernel ---- */
/* The results of a kernel stand for its inner values wherever those were read outside. */
static void redirect_readers(Node *kernel, Value *inner, Value *result)
{
    for (int i = inner->uses.n - 1; i >= 0; i--) {
        Use u = inner->uses.at[i];
        if (node_at_level(u.node, kernel->region) == NULL) node_set_input(u.node, u.slot, result);
    }
}

/* Moves nodes, which stand in order, into a kernel before `at` with these results. */
static Node *kernel_make(Node **nodes, int n, Value **results, int nresults, const Form *f, Node *at)
{
    Block *body = at->parent;
    KernelAttr *attr = NEW(body->graph->program->arena, KernelAttr);
    attr->prefix = f->prefix;
    for (int i = 0; i < f->prefix; i++) attr->dims[i] = f->dims[i];
    const Site *site = f->anchor ? f->anchor->site : results[0]->def->site;
    Node *kernel = region_new(body, OP_KERNEL, NULL, 0, nresults, &(Attr){.kernel = attr}, site);
    node_move_before(kernel, at);
    block_return(kernel->region, results, nresults);
    for (int i = 0; i < n; i++) node_move_before(nodes[i], kernel->region->last);
    for (int i = 0; i < nresults; i++) {
        kernel->out[i].type = results[i]->type;
        kernel->out[i].name = results[i]->name;
        redirect_readers(kernel, results[i], &kernel->out[i]);
    }
    return kernel;
}

Value *kernel_copy(Value *v, Node *at)
{
    MoveAttr m = {.natoms = v->type.rank, .nin = v->type.rank, .nout = v->type.rank};
    Form f = {.kind = FORM_MAP, .prefix = v->type.rank};
    for (int i = 0; i < v->type.rank; i++) {
        f.dims[i] = m.sizes[i] = v->type.axes[i].dim;
        m.in[i] = m.out[i] = (Group){1, {i}};
    }
    Build b = {at->parent, at, v->def->site};
    Value *copy = build_move(&b, v, &m);
    copy->name = v->name;
    return &kernel_make((Node *[]){copy->def}, 1, &copy, 1, &f, at)->out[0];
}

/* ---- all of them ---- */
static void emit_kernel(Clusters *c, Cluster *cluster, Node *at)
{
    int n = cluster->items.n, nresults = 0;
    Node **nodes = NEW_ARRAY(c->scratch, Node *, n);
    Value **results = NEW_ARRAY(c->scratch, Value *, n);
    for (int i = 0; i < n; i++) {
        nodes[i] = c->items.at[cluster->items.at[i]].node;
        if (value_leaves(c, &nodes[i]->out[0])) results[nresults++] = &nodes[i]->out[0];
    }
    Node *kernel = kernel_make(nodes, n, results, nresults, &cluster->form, at);
    kernel->mark = (uint32_t)c->items.n;
    vec_push(c->scratch, &c->items, (Item){.node = kernel, .cluster = cluster});
}

static void emit(Clusters *c, Cluster *cluster, int least);

static void emit_reads(Clusters *c, const Node *n, int least)
{
    for (int i = 0; i < n->nin; i++) emit(c, cluster_of(c, n->in[i]->def), least);
    for (const Node *in = n->region ? n->region->first : NULL; in; in = in->next) emit_reads(c, in, least);
}

/* Emits what a cluster reads, then the cluster; `seen` says which were met. */
static void emit(Clusters *c, Cluster *cluster, int least)
{
    if (cluster->seen == c->stamp) return;
    cluster->seen = c->stamp;
    for (int i = 0; i < cluster->items.n; i++) emit_reads(c, c->items.at[cluster->items.at[i]].node, least);
    Node *end = c->graph->body->last, *first = c->items.at[cluster->items.at[0]].node;
    if (first == end) return;
    if (!cluster->fixed && cluster->items.n >= least)
        emit_kernel(c, cluster, end);
    else
        node_move_before(first, end);
}

static bool is_constant(const Clusters *c, const Cluster *cluster)
{
    return c->items.at[cluster->items.at[0]].node->op == OP_CONST;
}

/* A constant comes with its first reader: the text says no other place for it, so the order may follow from none. */
void clusters_emit(Clusters *c, int least)
{
    c->stamp++;
    for (int i = 0; i < c->list.n; i++)
        if (c->list.at[i]->items.n && !is_constant(c, c->list.at[i])) emit(c, c->list.at[i], least);
}

bool pass_outline(Graph *g, Arena *scratch)
{
    Clusters c;
    clusters_init(&c, g, scratch, false);
    clusters_emit(&c, 1);
    return true;
}
