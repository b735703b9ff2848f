/* fuse: operators join kernels, greedily, from the first node to the last. A join needs a form that kernels have
   (form.c), no way around through a third kernel, and a gain: a value less in memory. */
#include "passes/cluster.h"

enum { MAX_AGAIN = 4 }; /* how many cheap operators may be done again at every place that reads them */

/* ---- is it worth it? ---- */
/* Is the input's every element asked for about once? */
static bool reads_once(const Node *n, int slot)
{
    switch (op_info(n->op)->kind) {
    case KIND_elementwise: case KIND_random:
        return n->in[slot]->type.rank == n->out[0].type.rank;
    case KIND_move:
        return !move_repeats(n->attr.move);
    case KIND_index:
        if (n->op == OP_SCATTER_ADD) /* it looks at every place for each, and along a vector at every source, too */
            return slot == 0 && n->attr.axis < n->out[0].type.rank - 1;
        return n->op == OP_PICK || (n->op == OP_TAKE && slot == 1);
    case KIND_part:
        return n->op != OP_CONCAT; /* whose inputs are all read, and one is chosen */
    default:
        return true;
    }
}

static bool producer_is_read_once(const Clusters *c, const Cluster *from, const Cluster *to)
{
    for (int i = 0; i < from->items.n; i++) {
        const Value *v = &c->items.at[from->items.at[i]].node->out[0];
        for (int u = 0; u < v->uses.n; u++)
            if (cluster_of(c, v->uses.at[u].node) == to && !reads_once(v->uses.at[u].node, v->uses.at[u].slot))
                return false;
    }
    return true;
}

static bool cluster_is_cheap(const Clusters *c, const Cluster *of)
{
    if (of->items.n > MAX_AGAIN) return false;
    for (int i = 0; i < of->items.n; i++)
        if (!node_is_cheap(c->items.at[of->items.at[i]].node)) return false;
    return true;
}

static bool join_pays(const Clusters *c, const Cluster *from, const Cluster *to)
{
    return from->form.anchor || producer_is_read_once(c, from, to) || cluster_is_cheap(c, from);
}

/* ---- joins ---- */
static const char *join_name(const Form *from, const Form *both)
{
    switch (both->kind) {
    case FORM_ROW:      return "fuse.row";
    case FORM_COLUMN:   return "fuse.column";
    case FORM_CONTRACT: return from->anchor ? "fuse.epilogue" : "fuse.prologue";
    default:            return "fuse.chain";
    }
}

static void put_back(Clusters *c, Cluster *to, const Cluster *was)
{
    *to = *was;
    for (int i = 0; i < to->items.n; i++) c->items.at[to->items.at[i]].cluster = to;
}

static Cluster cluster_copy(const Clusters *c, const Cluster *of)
{
    Cluster copy = *of;
    copy.items.at = arena_copy(c->scratch, of->items.at, sizeof(int) * (size_t)of->items.n);
    copy.items.cap = copy.items.n;
    return copy;
}

/* Makes one cluster, `to`, of both if they may be one kernel. */
static bool unite(Clusters *c, Cluster *from, Cluster *to)
{
    Cluster was_from = cluster_copy(c, from), was_to = cluster_copy(c, to);
    cluster_take(c, to, from);
    if (cluster_form(c, to, &to->form) && !cluster_waits_for_itself(c, to)) return true;
    put_back(c, to, &was_to);
    put_back(c, from, &was_from);
    return false;
}

static bool join(Clusters *c, Cluster *from, Cluster *to)
{
    if (from == to || from->fixed || to->fixed || !join_pays(c, from, to)) return false;
    Form was = from->form;
    if (!unite(c, from, to)) return false;
    pass_count(join_name(&was, &to->form), 1);
    return true;
}

static bool join_producers(Clusters *c)
{
    bool changed = false;
    for (int i = 0; i < c->items.n; i++) {
        const Node *n = c->items.at[i].node;
        for (int k = 0; n && k < n->nin; k++) changed |= join(c, cluster_of(c, n->in[k]->def), cluster_of(c, n));
    }
    return changed;
}

/* ---- kernels side by side: reductions of the same rows, and single numbers ---- */
static bool cluster_updates(const Clusters *c, const Cluster *of)
{
    const Node *end = c->graph->body->last;
    for (int i = 0; i < end->nin; i++)
        if (c->graph->results.at[i].kind == RESULT_NEXT && cluster_of(c, end->in[i]->def) == of) return true;
    return false;
}

static bool forms_are_alike(const Form *a, const Form *b)
{
    if (a->kind != b->kind || a->prefix != b->prefix || !dim_same(a->row, b->row)) return false;
    for (int i = 0; i < a->prefix; i++)
        if (!dim_same(a->dims[i], b->dims[i])) return false;
    return a->kind == FORM_ROW || (a->kind == FORM_MAP && a->prefix == 0);
}

/* The one among the first n that `of` becomes part of. What `of` waits for through a third is known from one search for
   all of them: of a deep network's layers that is nearly every one. */
static bool join_sibling(Clusters *c, Cluster *of, int n)
{
    VEC(Cluster *) may = {0};
    bool joins = forms_are_alike(&of->form, &of->form); /* of some forms none is joined, not even with its like */
    if (of->fixed || !of->items.n || !joins || cluster_updates(c, of)) return false;
    clusters_find_behind(c, of);
    for (int i = 0; i < n; i++) {
        Cluster *a = c->list.at[i];
        if (!a->fixed && a->items.n && forms_are_alike(&a->form, &of->form) && a->seen != c->stamp && !cluster_updates(c, a))
            vec_push(c->scratch, &may, a);
    }
    for (int i = 0; i < may.n; i++)
        if (unite(c, of, may.at[i])) return true;
    return false;
}

static bool join_siblings(Clusters *c)
{
    bool changed = false;
    for (int i = 0; i < c->list.n; i++) {
        if (!join_sibling(c, c->list.at[i], i)) continue;
        pass_count("fuse.siblings", 1);
        changed = true;
    }
    return changed;
}

/* ---- cheap values are computed again where they are read ---- */
typedef struct Cone { int n; Node *at[MAX_AGAIN]; } Cone; /* what is done again, last operator first */

static bool cone_has(const Cone *cone, const Node *n)
{
    for (int i = 0; i < cone->n; i++)
        if (cone->at[i] == n) return true;
    return false;
}

/* Is v in memory even if the cone is done again elsewhere? */
static bool value_stays(const Clusters *c, const Value *v, const Cluster *own)
{
    return cluster_of(c, v->def) != own || value_leaves(c, v);
}

/* The cheap operators of a cluster that lead from values in memory to n. */
static bool find_cone(const Clusters *c, Node *n, Cone *cone)
{
    const Cluster *own = cluster_of(c, n);
    *cone = (Cone){1, {n}};
    for (int i = 0; i < cone->n; i++) {
        if (!node_is_cheap(cone->at[i])) return false;
        for (int k = 0; k < cone->at[i]->nin; k++) {
            Node *from = cone->at[i]->in[k]->def;
            if (value_stays(c, cone->at[i]->in[k], own) || cone_has(cone, from)) continue;
            if (cone->n == MAX_AGAIN) return false;
            cone->at[cone->n++] = from;
        }
    }
    return true;
}

/* The cone in order of execution. */
static void cone_sort(const Clusters *c, Cone *cone)
{
    for (int i = 1; i < cone->n; i++)
        for (int k = i; k > 0 && item_of(c, cone->at[k - 1])->at > item_of(c, cone->at[k])->at; k--) {
            Node *swap = cone->at[k];
            cone->at[k] = cone->at[k - 1];
            cone->at[k - 1] = swap;
        }
}

static Node *first_reader(const Clusters *c, const Value *v, const Cluster *in)
{
    Node *first = NULL;
    for (int i = 0; i < v->uses.n; i++) {
        Node *n = v->uses.at[i].node;
        if (cluster_of(c, n) == in && (!first || item_of(c, n)->at < item_of(c, first)->at)) first = n;
    }
    return first;
}

static void redirect(const Clusters *c, Value *from, Value *to, const Cluster *readers)
{
    for (int i = from->uses.n - 1; i >= 0; i--) {
        Use u = from->uses.at[i];
        if (cluster_of(c, u.node) == readers) node_set_input(u.node, u.slot, to);
    }
}

/* Copies the cone into a cluster that reads v and lets it read the copy. Returns v's copy. */
static Value *cone_copy(Clusters *c, const Cone *cone, Value *v, Cluster *to)
{
    Value **map = NEW_ARRAY(c->scratch, Value *, c->graph->nvalues);
    Node *before = first_reader(c, v, to), *copy = NULL;
    for (int i = 0; i < cone->n; i++) {
        copy = node_clone(cone->at[i], c->graph->body, map);
        node_move_before(copy, before);
        cluster_add(c, to, copy);
    }
    redirect(c, v, &copy->out[0], to);
    clusters_number(c);
    cluster_sort(c, to);
    return &copy->out[0];
}

/* Takes a copy back that its cluster cannot hold. */
static void cone_undo(Clusters *c, Value *copy, Value *v, Cluster *of)
{
    redirect(c, copy, v, of);
    cluster_drop_dead(c, of);
    clusters_number(c);
}

typedef struct Reader { Cluster *cluster; Value *copy; } Reader;
typedef VEC(Reader) Readers;

/* The other clusters that read v; false where one of them must have it in memory. */
static bool find_readers(const Clusters *c, const Value *v, Readers *r)
{
    *r = (Readers){0};
    for (int i = 0; i < v->uses.n; i++) {
        Cluster *reader = cluster_of(c, v->uses.at[i].node);
        bool known = reader == cluster_of(c, v->def);
        for (int k = 0; k < r->n; k++) known = known || r->at[k].cluster == reader;
        if (reader->fixed) return false;
        if (!known) vec_push(c->scratch, r, (Reader){reader, NULL});
    }
    return r->n > 0;
}

/* All readers of v outside its cluster compute it themselves, or none does. */
static bool compute_again(Clusters *c, Node *n)
{
    Readers r;
    Cone cone;
    Value *v = &n->out[0];
    if (!node_is_cheap(n) || !find_readers(c, v, &r) || !find_cone(c, n, &cone)) return false;
    cone_sort(c, &cone);
    for (int i = 0; i < r.n; i++) {
        r.at[i].copy = cone_copy(c, &cone, v, r.at[i].cluster);
        if (cluster_form(c, r.at[i].cluster, &r.at[i].cluster->form)) continue;
        for (; i >= 0; i--) cone_undo(c, r.at[i].copy, v, r.at[i].cluster);
        return false;
    }
    Cluster *own = cluster_of(c, n);
    cluster_drop_dead(c, own);
    clusters_number(c);
    if (own->items.n && !cluster_form(c, own, &own->form))
        UNREACHABLE("a kernel that lost a result is no kernel any more");
    pass_count("fuse.again", 1);
    return true;
}

static bool compute_cheap_again(Clusters *c)
{
    bool changed = false;
    for (int i = c->items.n - 1; i >= 0; i--) {
        Item item = c->items.at[i];
        if (item.node && !item.cluster->fixed) changed |= compute_again(c, item.node);
    }
    return changed;
}

/* ---- the pass ---- */
static void count_updates(const Graph *g)
{
    const Node *end = g->body->last;
    for (const Node *n = g->body->first; n; n = n->next) {
        int next = 0;
        for (int i = 0; i < end->nin && n->op == OP_KERNEL; i++)
            next += g->results.at[i].kind == RESULT_NEXT && end->in[i]->def == n;
        if (next > 1) pass_count("fuse.update", 1);
    }
}

bool pass_fuse(Graph *g, Arena *scratch)
{
    Clusters c;
    clusters_init(&c, g, scratch, true);
    bool changed = join_producers(&c);
    changed |= compute_cheap_again(&c);
    changed |= join_producers(&c);
    changed |= join_siblings(&c);
    clusters_emit(&c, 2);
    count_updates(g);
    return changed;
}
