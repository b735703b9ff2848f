/* plan: which kernel runs when, and where every value lives. Results are written where the host wants them; next values
   over the old ones where nobody can tell the difference. */
#include "passes/cluster.h"
#include "passes/plan.h"

/* ---- results become results of kernels ---- */
static bool value_is_result_before(const Node *end, int i)
{
    for (int k = 0; k < i; k++)
        if (end->in[k] == end->in[i]) return true;
    return false;
}

static bool value_is_tensor(const Value *v, int index)
{
    return v->def->op == OP_TENSOR && !v->def->grad_area && v->def->attr.index == index;
}

static bool result_needs_copy(const Graph *g, const Node *end, int i)
{
    const Value *v = end->in[i];
    const Result *r = &g->results.at[i];
    switch (r->kind) {
    case RESULT_OUTPUT:
        return v->def->op != OP_KERNEL || value_is_result_before(end, i);
    case RESULT_NEXT:
        return !value_is_tensor(v, r->index) && (v->def->op != OP_KERNEL || value_is_result_before(end, i));
    case RESULT_GRAD: /* what is stored there is weighted and added up, so nobody else may read it */
        return v->def->op != OP_KERNEL || v->uses.n > 1;
    default:
        return value_root(v)->def->op != OP_KERNEL;
    }
}

static void copy_results(Graph *g)
{
    Node *end = g->body->last;
    for (int i = 0; i < end->nin; i++)
        if (result_needs_copy(g, end, i)) {
            node_set_input(end, i, kernel_copy(end->in[i], end));
            pass_count("plan.copy", 1);
        }
}

/* ---- next values ---- */
typedef struct Reader { int kernel; Value *value; } Reader;
typedef VEC(Reader) Readers;

static void add_readers(const Schedule *s, Value *v, Readers *out)
{
    for (int i = 0; i < v->uses.n; i++) {
        Node *n = node_at_level(v->uses.at[i].node, s->graph->body);
        if (n->op == OP_MOVE)
            add_readers(s, &n->out[0], out);
        else if (n->op == OP_KERNEL)
            vec_push(s->scratch, out, (Reader){(int)n->mark, v});
    }
}

/* Every kernel that reads the tensor's old value, and how it sees it. */
static Readers tensor_readers(const Schedule *s, int tensor)
{
    Readers readers = {0};
    for (Node *n = s->graph->body->first; n; n = n->next)
        if (n->op == OP_TENSOR && value_is_tensor(&n->out[0], tensor)) add_readers(s, &n->out[0], &readers);
    return readers;
}

/* A kernel may write over what it reads itself where each element needs only its own old value. */
static bool reads_own_points(const Schedule *s, int kernel, const Value *v)
{
    const Node *n = s->kernels.at[kernel].node;
    return kernel_form(n) != FORM_ROW && kernel_reads_points(n, s->scratch)[v->id] == READ_ALIGNED;
}

static bool may_write_over(Schedule *s, int writer, const Readers *readers)
{
    for (int i = 0; i < readers->n; i++) {
        Reader r = readers->at[i];
        if (r.kernel == writer ? !reads_own_points(s, writer, r.value) : schedule_follows(s, r.kernel, writer))
            return false;
    }
    return true;
}

/* The kernels that compute the loss: a bad one must stop the step before it writes anything that stays. */
static bool follows_loss(Schedule *s, int writer, bool wait)
{
    const Graph *g = s->graph;
    bool all = true;
    for (int i = 0; i < g->results.n; i++) {
        if (g->results.at[i].kind != RESULT_LOSS || g->kind != GRAPH_STEP) continue;
        int loss = (int)value_root(g->body->last->in[i])->def->mark;
        all = all && !schedule_follows(s, loss, writer);
        if (wait) schedule_wait(s, writer, loss, true);
    }
    return all;
}

static void wait_for_all(Schedule *s, int writer, const Readers *readers)
{
    follows_loss(s, writer, true);
    for (int i = 0; i < readers->n; i++) {
        Reader r = readers->at[i];
        if (r.kernel != writer)
            schedule_wait(s, writer, r.kernel, schedule_needs_barrier(s, writer, r.kernel, r.value));
    }
}

/* Writes result i over the tensor it follows: by the kernel that computes it, else by a copy at the end. */
static void write_next(Schedule *s, int i)
{
    Node *end = s->graph->body->last;
    int tensor = s->graph->results.at[i].index;
    if (value_is_tensor(end->in[i], tensor)) return;
    Readers readers = tensor_readers(s, tensor);
    int writer = (int)end->in[i]->def->mark;
    if (follows_loss(s, writer, false) && may_write_over(s, writer, &readers)) {
        pass_count("plan.in_place", 1);
    } else {
        node_set_input(end, i, kernel_copy(end->in[i], end));
        writer = schedule_add(s, end->in[i]->def);
        pass_count("plan.copy", 1);
    }
    wait_for_all(s, writer, &readers);
    end->in[i]->place = place_of_tensor(s->graph->program, tensor, false);
}

/* ---- places ---- */
static void place_leaf(const Graph *g, Node *n)
{
    if (n->op == OP_INPUT)
        n->out[0].place = (Place){AREA_INPUT, n->attr.index, NULL};
    else if (n->op == OP_TENSOR)
        n->out[0].place = place_of_tensor(g->program, n->attr.index, n->grad_area);
}

static void place_results(Graph *g)
{
    const Node *end = g->body->last;
    for (int i = 0; i < end->nin; i++) {
        const Result *r = &g->results.at[i];
        if (r->kind == RESULT_OUTPUT)
            end->in[i]->place = (Place){AREA_OUTPUT, r->index, NULL};
        else if (r->kind == RESULT_GRAD)
            end->in[i]->place = place_of_tensor(g->program, r->index, true);
    }
}

static void place_all(const Schedule *s)
{
    Graph *g = s->graph;
    place_results(g);
    workspace_plan(s);
    for (Node *n = g->body->first; n; n = n->next) {
        place_leaf(g, n);
        if (n->op == OP_MOVE) n->out[0].place = value_root(&n->out[0])->place;
    }
}

static void find_check_phase(Graph *g)
{
    const Node *end = g->body->last;
    bool has_loss = false;
    int first = -1;
    for (int i = 0; i < end->nin; i++) {
        has_loss = has_loss || g->results.at[i].kind == RESULT_LOSS;
        if (g->results.at[i].kind != RESULT_NEXT || end->in[i]->def->op != OP_KERNEL) continue;
        int phase = end->in[i]->def->attr.kernel->phase;
        first = first < 0 || phase < first ? phase : first;
    }
    g->check_phase = has_loss && g->kind == GRAPH_STEP ? first : -1;
}

bool pass_plan(Graph *g, Arena *scratch)
{
    Schedule s;
    copy_results(g);
    schedule_init(&s, g, scratch);
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == RESULT_NEXT) write_next(&s, i);
    schedule_order(&s);
    place_all(&s);
    find_check_phase(g);
    return true;
}
