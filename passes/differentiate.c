/* differentiate.c: replaces every GRAD by operators, in reverse mode: from the loss back along what depends on the asked
   values, each operator handing its results' gradients to its inputs by its rule (grad/). Gradients that meet are added in
   the order in which the sweep finds them, which the order of the nodes fixes. */
#include "passes/grad/grad.h"

static GradFn *const rules[OP_COUNT] = {
#define OP(NAME, text, nin, kind, flags, formula) [OP_##NAME] = grad_##NAME,
#include "ir/ops.def"
};

/* ---- one sweep ---- */

Flow flow_new(Graph *g, Build build, Arena *scratch)
{
    Flow f = {.build = build, .scratch = scratch, .nvalues = g->nvalues};
    f.of = NEW_ARRAY(scratch, Value *, g->nvalues);
    f.wanted = NEW_ARRAY(scratch, bool, g->nvalues);
    return f;
}

bool flow_wants(const Flow *f, const Value *v)
{
    return v->id < f->nvalues && f->wanted[v->id];
}

static bool reads_wanted(const Flow *f, const Node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (flow_wants(f, n->in[i])) return true;
    if (n->region)
        for (const Node *inner = n->region->first; inner; inner = inner->next)
            if (reads_wanted(f, inner)) return true;
    return false;
}

static bool stops_gradients(OpCode op)
{
    return op == OP_DETACH || op == OP_SIGN || op == OP_FLOOR || op == OP_CEIL || op == OP_ROUND;
}

void flow_spread_wanted(Flow *f, const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (!stops_gradients(n->op) && reads_wanted(f, n))
            for (int i = 0; i < n->nout; i++)
                if (n->out[i].id < f->nvalues && dtype_is_float(n->out[i].type.dtype)) f->wanted[n->out[i].id] = true;
}

void flow_add(Flow *f, Value *v, Value *gradient)
{
    if (!flow_wants(f, v)) return;
    if (v->type.rank == 0) gradient = build_reduce(&f->build, OP_SUM, gradient, all_axes(gradient->type));
    Value **sum = &f->of[v->id];
    *sum = *sum ? build_2(&f->build, OP_ADD, *sum, gradient) : gradient;
}

Value *flow_result(Flow *f, Value *v)
{
    return flow_wants(f, v) && f->of[v->id] ? f->of[v->id] : build_fill(&f->build, v->type, 0);
}

static bool reached(const Flow *f, const Node *n)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i].id < f->nvalues && f->of[n->out[i].id]) return true;
    return false;
}

void flow_sweep(Flow *f, Node *last)
{
    for (Node *n = last; n; n = n->prev)
        if (reached(f, n)) {
            f->build.site = n->site;
            rules[n->op](f, n);
        }
}

void flow_slots(Flow *f, Node *n, SlotFn *rule)
{
    Value *dy = f->of[n->out->id];
    for (int slot = 0; slot < n->nin; slot++)
        if (flow_wants(f, n->in[slot])) {
            Value *gradient = rule(&f->build, n, slot, dy);
            if (gradient) flow_add(f, n->in[slot], gradient);
        }
}

/* ---- the GRADs of a graph ---- */

static Node *next_grad(Node *n)
{
    while (n && n->op != OP_GRAD) n = n->next;
    return n;
}

static void replace_results(Flow *f, Node *grad)
{
    f->build.site = grad->site;
    for (int i = 0; i < grad->nout; i++) {
        if (grad->out[i].uses.n == 0) continue;
        Value *gradient = flow_result(f, grad->in[i + 1]);
        if (!gradient->name) gradient->name = grad->out[i].name;
        value_replace(&grad->out[i], gradient);
    }
}

/* One sweep serves all the gradients of one loss: the first GRAD's place is before all that reads them. */
static void differentiate_loss(Graph *g, Node *first, Arena *scratch)
{
    Value *loss = first->in[0];
    Flow f = flow_new(g, (Build){g->body, first, first->site}, scratch);
    for (Node *n = first; n; n = next_grad(n->next))
        for (int i = 0; n->in[0] == loss && i < n->nout; i++) f.wanted[n->in[i + 1]->id] |= n->out[i].uses.n > 0;
    flow_spread_wanted(&f, g->body);
    Node *last = first->prev;
    flow_add(&f, loss, build_const(&f.build, loss->type.dtype, 1));
    flow_sweep(&f, last);
    for (Node *n = first; n; n = next_grad(n->next))
        if (n->in[0] == loss) replace_results(&f, n);
    for (Node *n = first, *next; n; n = next) {
        next = next_grad(n->next);
        if (n->in[0] == loss) node_remove(n);
    }
}

/* A gradient is asked for by value, so a tensor must be one value however often the text reads it. */
static void unite_leaves(Block *b, Graph *g, Value **tensors, Value **grads)
{
    for (Node *n = b->first, *next; n; n = next) {
        next = n->next;
        if (n->region) unite_leaves(n->region, g, tensors, grads);
        if (n->op != OP_TENSOR) continue;
        Value **one = &(n->grad_area ? grads : tensors)[n->attr.index];
        if (*one) {
            value_replace(n->out, *one);
            node_remove(n);
        } else {
            *one = n->out;
            if (b != g->body) node_move_before(n, g->body->first);
        }
    }
}

bool pass_differentiate(Graph *g, Arena *scratch)
{
    if (!asks_gradient(g->body)) return false;
    int ntensors = g->program->tensors.n;
    unite_leaves(g->body, g, NEW_ARRAY(scratch, Value *, ntensors), NEW_ARRAY(scratch, Value *, ntensors));
    open_askers(g->body);
    long count = 0;
    for (Node *n; (n = next_grad(g->body->first)); count++) differentiate_loss(g, n, scratch);
    pass_count("differentiate", count);
    return true;
}
