/* region.c: the gradient of a function kept whole is a function of its own. Its body computes again what it needs of the
   forward one, so that nothing but the inputs has to be kept in between, and gives the gradients of those that want one. */
#include "passes/grad/grad.h"

typedef struct Reads { Value **at; int n; } Reads;

static Reads wanted_reads(Flow *f, const Block *body)
{
    Reads all, some = {0};
    block_reads(body, f->scratch, &all.at, &all.n);
    some.at = NEW_ARRAY(f->scratch, Value *, all.n + 1);
    for (int i = 0; i < all.n; i++)
        if (flow_wants(f, all.at[i])) some.at[some.n++] = all.at[i];
    return some;
}

static Value *copy_of(Value **map, Value *v)
{
    return map[v->id] ? map[v->id] : v;
}

/* The body once more, without its RETURN. Gives where each old value went, by its id. */
static Value **copy_body(const Block *from, Block *to, Arena *scratch)
{
    Value **map = NEW_ARRAY(scratch, Value *, from->graph->nvalues);
    for (Node *n = from->first; n != from->last; n = n->next) node_clone(n, to, map);
    return map;
}

static void write_gradients(Flow *f, Node *call, Block *body, Reads wanted)
{
    Value **map = copy_body(call->region, body, f->scratch);
    Flow inner = flow_new(body->graph, (Build){body, NULL, call->site}, f->scratch);
    for (int i = 0; i < wanted.n; i++) inner.wanted[wanted.at[i]->id] = true;
    flow_spread_wanted(&inner, body);
    Node *last = body->last, *results = call->region->last;
    for (int i = 0; i < call->nout; i++)
        if (f->of[call->out[i].id]) flow_add(&inner, copy_of(map, results->in[i]), f->of[call->out[i].id]);
    flow_sweep(&inner, last);
    Value **gradients = NEW_ARRAY(f->scratch, Value *, wanted.n);
    inner.build.site = call->site;
    for (int i = 0; i < wanted.n; i++) gradients[i] = flow_result(&inner, wanted.at[i]);
    block_return(body, gradients, wanted.n);
}

void grad_CALL(Flow *f, Node *n)
{
    Reads wanted = wanted_reads(f, n->region);
    if (wanted.n == 0) return;
    Attr name = {.callee = str_format(f->build.block->graph->program->arena, "%s.grad", n->attr.callee)};
    Node *back = region_new(f->build.block, OP_CALL, NULL, 0, wanted.n, &name, n->site);
    if (f->build.before) node_move_before(back, f->build.before);
    for (int i = 0; i < wanted.n; i++) back->out[i].type = wanted.at[i]->type;
    write_gradients(f, n, back->region, wanted);
    back = call_list_reads(back, f->scratch);
    for (int i = 0; i < wanted.n; i++) flow_add(f, wanted.at[i], &back->out[i]);
}

void grad_KERNEL(Flow *f, Node *n)
{
    (void)f, (void)n;
    UNREACHABLE("a kernel before differentiation");
}
