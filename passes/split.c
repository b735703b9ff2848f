/* split.c: cuts a train block's step into `grad`, which reads data and writes gradients, and `update`, which reads
   gradients and writes parameters. Between the two a host may add gradients up or average them over machines. So nothing
   that grad computes may depend on what comes after the step, nor update on the data; a block that needs either has its
   step only. The gradients still stand as GRAD nodes here, which is what makes the cut simple. */
#include "passes/pass.h"

/* One gradient that update reads: of which loss, and the nodes on both sides of the cut. */
typedef struct Slot {
    const Value *loss;
    Value *made, *read; /* the result of a GRAD of the step; the TENSOR of update that stands for it */
} Slot;

typedef struct Split {
    Graph *step;
    Arena *scratch;
    Slot *slots;     /* by tensor; made is NULL where update reads no gradient */
} Split;

static const Tensor *tensor_at(const Graph *g, int i)
{
    return &g->program->tensors.at[i];
}

static Value *result_value(const Graph *g, int i)
{
    return g->body->last->in[i];
}

static bool is_next_of(const Graph *g, int result, Role role)
{
    const Result *r = &g->results.at[result];
    return r->kind == RESULT_NEXT && tensor_at(g, r->index)->role == role;
}

/* ---- what depends on what ---- */

enum { AFTER_STATE = 1, AFTER_UPDATE = 2, READS_OPT = 4 };

static uint8_t marks_of_inputs(const Node *n, const uint8_t *marks)
{
    uint8_t m = 0;
    for (int i = 0; i < n->nin; i++) m |= marks[n->in[i]->id];
    if (n->region)
        for (const Node *inner = n->region->first; inner; inner = inner->next) m |= marks_of_inputs(inner, marks);
    return m;
}

/* For each value: does it depend on a state's next value, on a parameter's, on the optimizer's memory? A value that is
   itself such a next value counts for those that read it. */
static void mark_block(const Split *s, const Block *b, uint8_t *marks)
{
    const Graph *g = s->step;
    for (const Node *n = b->first; n && n->op != OP_RETURN; n = n->next) {
        uint8_t m = marks_of_inputs(n, marks);
        if (n->region) mark_block(s, n->region, marks);
        if (n->op == OP_TENSOR && tensor_at(g, n->attr.index)->role == ROLE_OPT) m |= READS_OPT;
        for (int i = 0; i < n->nout; i++) marks[n->out[i].id] |= m;
    }
}

/* The next values must be known before their readers are met: leaves are no news, they are the old values. */
static void mark_next_values(const Graph *g, uint8_t *marks)
{
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == RESULT_NEXT && op_info(result_value(g, i)->def->op)->kind != KIND_leaf)
            marks[result_value(g, i)->id] |= is_next_of(g, i, ROLE_STATE) ? AFTER_STATE : AFTER_UPDATE;
}

static bool grads_look_ahead(const Block *b, const uint8_t *marks)
{
    for (const Node *n = b->first; n; n = n->next)
        if ((n->op == OP_GRAD && marks_of_inputs(n, marks)) || (n->region && grads_look_ahead(n->region, marks)))
            return true;
    return false;
}

/* Loss, metrics, stops and the states' next values belong to grad. */
static bool grad_side_looks_ahead(const Split *s)
{
    const Graph *g = s->step;
    uint8_t *marks = NEW_ARRAY(s->scratch, uint8_t, g->nvalues);
    mark_next_values(g, marks);
    mark_block(s, g->body, marks);
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind != RESULT_NEXT || is_next_of(g, i, ROLE_STATE))
            if (marks[result_value(g, i)->id] & (AFTER_UPDATE | READS_OPT)) return true;
    return grads_look_ahead(g->body, marks);
}

/* ---- update ---- */

static Value *read_gradient(Graph *update, int tensor)
{
    Build b = {update->body, update->body->first, update->site};
    Value *v = build_op(&b, OP_TENSOR, NULL, 0, &(Attr){.index = tensor}, &tensor_at(update, tensor)->type);
    v->def->grad_area = true;
    return v;
}

/* A GRAD's parameter, or -1: only a parameter has a place for its gradient. */
static int grad_target(const Graph *g, const Node *grad, int result)
{
    const Node *of = grad->in[result + 1]->def;
    return of->op == OP_TENSOR && tensor_at(g, of->attr.index)->role == ROLE_PARAM ? of->attr.index : -1;
}

/* Replaces the gradient's copy in update. False where one parameter has gradients of two losses. */
static bool cut_gradient(Split *s, Graph *update, Node *grad, int result, Value **map)
{
    int target = grad_target(s->step, grad, result);
    Value *copy = map[grad->out[result].id];
    if (target < 0 || copy->uses.n == 0) return true;
    Slot *slot = &s->slots[target];
    if (slot->made && slot->loss != grad->in[0]) return false;
    if (!slot->made) *slot = (Slot){grad->in[0], &grad->out[result], read_gradient(update, target)};
    value_replace(copy, slot->read);
    return true;
}

/* A state's next value is proposed by grad and committed here. */
static void cut_state(Split *s, Graph *update, int result, Value **map)
{
    int tensor = s->step->results.at[result].index;
    Value *next = result_value(s->step, result), *proposed = read_gradient(update, tensor);
    if (op_info(next->def->op)->kind != KIND_leaf) value_replace(map[next->id], proposed);
    graph_add_result(update, s->step->results.at[result], proposed);
}

static void find_open(const Symbol *s, void *open)
{
    if (!s->fixed) *(bool *)open = true;
}

/* The data, a size that they alone tell, or a gradient that has no place between the two. */
static bool needs_step(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next) {
        bool needs = n->op == OP_INPUT || n->op == OP_GRAD;
        if (n->op == OP_INPUT && n->out->uses.n == 0) continue;
        node_each_symbol(n, find_open, &needs);
        if (needs || (n->region && needs_step(n->region))) return true;
    }
    return false;
}

static void drop_results(Graph *g)
{
    g->results.n = 0;
    block_return(g->body, NULL, 0);
}

static void drop_inputs(Graph *g)
{
    for (int i = 0; i < g->inputs.n; i++) node_remove(g->inputs.at[i].value->def);
    g->inputs.n = 0;
    graph_find_rows(g);
}

/* NULL where there can be none. */
static Graph *make_update(Split *s)
{
    Graph *step = s->step;
    Value **map = NEW_ARRAY(s->scratch, Value *, step->nvalues);
    Graph *update = graph_clone(step, GRAPH_UPDATE, map);
    drop_results(update);
    for (int i = 0; i < step->results.n; i++)
        if (is_next_of(step, i, ROLE_PARAM) || is_next_of(step, i, ROLE_OPT))
            graph_add_result(update, step->results.at[i], map[result_value(step, i)->id]);
    graph_drop_unread(update);
    for (int i = 0; i < step->results.n; i++)
        if (is_next_of(step, i, ROLE_STATE)) cut_state(s, update, i, map);
    for (Node *n = step->body->first; n; n = n->next)
        for (int i = 0; n->op == OP_GRAD && i < n->nout; i++)
            if (!cut_gradient(s, update, n, i, map)) return NULL;
    graph_drop_unread(update);
    if (needs_step(update->body)) return NULL;
    drop_inputs(update);
    return update;
}

/* ---- grad ---- */

static void add_gradient(Graph *grad, int tensor, Value *v)
{
    graph_add_result(grad, (Result){.kind = RESULT_GRAD, .name = tensor_at(grad, tensor)->path, .index = tensor}, v);
}

static Graph *make_grad(Split *s)
{
    Graph *step = s->step;
    Value **map = NEW_ARRAY(s->scratch, Value *, step->nvalues);
    Graph *grad = graph_clone(step, GRAPH_GRAD, map);
    drop_results(grad);
    for (int i = 0; i < step->program->tensors.n; i++)
        if (s->slots[i].made) add_gradient(grad, i, map[s->slots[i].made->id]);
    for (int i = 0; i < step->results.n; i++)
        if (is_next_of(step, i, ROLE_STATE))
            add_gradient(grad, step->results.at[i].index, map[result_value(step, i)->id]);
    for (int i = 0; i < step->results.n; i++)
        if (step->results.at[i].kind != RESULT_NEXT)
            graph_add_result(grad, step->results.at[i], map[result_value(step, i)->id]);
    graph_drop_unread(grad);
    return grad;
}

/* ---- the pass ---- */

static TrainInfo *train_of(const Graph *g)
{
    for (int i = 0; i < g->program->trains.n; i++)
        if (g->program->trains.at[i].step == g) return &g->program->trains.at[i];
    return NULL;
}

bool pass_split(Graph *g, Arena *scratch)
{
    TrainInfo *train = train_of(g);
    if (!train || !train->has_loss || train->grad) return false;
    open_askers(g->body);
    Split s = {g, scratch, NEW_ARRAY(scratch, Slot, g->program->tensors.n)};
    if (grad_side_looks_ahead(&s)) return false;
    Graph *update = make_update(&s);
    if (!update) return false;
    train->grad = make_grad(&s);
    train->update = update;
    return true;
}
