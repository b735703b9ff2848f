/* The invariants of every graph: links, use lists, order, types, results. A message from here is a fault of the
   compiler, or of a flat file that was written by hand. */
#include "ir/verify.h"

bool verify_fail(Verifier *v, const Node *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *what = str_vformat(v->cx->arena, fmt, ap);
    va_end(ap);
    if (v->failed) return false; /* what follows from the first is noise */
    v->failed = true;
    Span at = n && n->site ? n->site->span : NO_SPAN;
    Diag *d = diag_error(v->cx->diags, v->code, at, "the graph of `%s` is broken at stage `%s`: %s", v->graph->name,
                         stage_name(v->graph->stage), what);
    if (n && n->nout) diag_note(d, "at `%s`, which computes `%s`", op_info(n->op)->text, value_text(&n->out[0]));
    return false;
}

/* ---- links and order ---- */

static bool in_scope(const Block *b, const Block *inner)
{
    while (inner && inner != b) inner = inner->owner ? inner->owner->parent : NULL;
    return inner == b;
}

static void verify_inputs(Verifier *v, const Node *n)
{
    int nin = op_info(n->op)->nin;
    if (nin >= 0 && n->nin != nin) verify_fail(v, n, "it has %d inputs, not %d", n->nin, nin);
    for (int i = 0; i < n->nin && !v->failed; i++) {
        const Value *x = n->in[i];
        if (!x || x->id >= v->graph->nvalues) {
            verify_fail(v, n, "input %d is missing", i);
        } else if (!v->defined[x->id] || !in_scope(x->def->parent, n->parent)) {
            verify_fail(v, n, "`%s` is read before it is there, or from a body it is not in", value_text(x));
        } else {
            v->reads[x->id]++;
        }
    }
}

static void verify_outputs(Verifier *v, const Node *n)
{
    for (int i = 0; i < n->nout && !v->failed; i++) {
        const Value *x = &n->out[i];
        if (x->def != n || x->index != i) verify_fail(v, n, "result %d does not know its node", i);
        else if (x->id >= v->graph->nvalues || v->defined[x->id])
            verify_fail(v, n, "result %d has the number of another", i);
        else if (type_is_poison(x->type)) verify_fail(v, n, "result %d has no type", i);
        else v->defined[x->id] = true;
    }
}

/* The types once more from the inputs. */
static void verify_types(Verifier *v, const Node *n)
{
    Node again = *n;
    Type *given = NEW_ARRAY(v->scratch, Type, n->nout);
    again.out = NEW_ARRAY(v->scratch, Value, n->nout);
    for (int i = 0; i < n->nout; i++) again.out[i] = (Value){.type = n->out[i].type, .def = &again, .index = i};
    for (int i = 0; i < n->nout; i++) given[i] = n->out[i].type;
    if (!node_infer(&again, given, v->cx)) {
        verify_fail(v, n, "its inputs do not fit");
        return;
    }
    for (int i = 0; i < n->nout; i++)
        if (!type_same(again.out[i].type, given[i]))
            verify_fail(v, n, "result %d is %s, but its inputs make it %s", i, type_text(v->scratch, given[i]),
                        type_text(v->scratch, again.out[i].type));
}

/* ---- what nodes name outside the graph ---- */

static void verify_leaf(Verifier *v, const Node *n)
{
    const Graph *g = v->graph;
    int i = n->attr.index;
    if (n->op == OP_INPUT) {
        if (i < 0 || i >= g->inputs.n) verify_fail(v, n, "there is no input %d", i);
        else if (!type_same(g->inputs.at[i].value->type, n->out[0].type))
            verify_fail(v, n, "input %d has another type", i);
    } else if (n->op == OP_TENSOR) {
        if (i < 0 || i >= g->program->tensors.n) verify_fail(v, n, "there is no tensor %d", i);
        else if (!type_same(g->program->tensors.at[i].type, n->out[0].type))
            verify_fail(v, n, "`%s` has another type in the table", g->program->tensors.at[i].path);
        else if (n->grad_area && g->kind != GRAPH_UPDATE) verify_fail(v, n, "only an update reads stored gradients");
    } else if (n->op == OP_HYPER) {
        if (i < 0 || i >= g->program->hypers.n) verify_fail(v, n, "there is no setting %d", i);
    }
}

static void verify_block(Verifier *v, const Block *b);

static void verify_node(Verifier *v, const Node *n)
{
    verify_inputs(v, n);
    verify_leaf(v, n);
    bool body = n->op == OP_CALL || n->op == OP_KERNEL;
    if (!v->failed && body != (n->region != NULL)) verify_fail(v, n, "a body is missing, or is one too many");
    if (n->op == OP_CALL && !n->attr.callee) verify_fail(v, n, "a call without a name");
    if (!v->failed && body && n->region->owner != n) verify_fail(v, n, "its body belongs to another node");
    if (!v->failed && body) verify_block(v, n->region);
    if (!v->failed) verify_outputs(v, n);
    if (!v->failed) verify_types(v, n);
}

static void verify_block(Verifier *v, const Block *b)
{
    const Node *before = NULL;
    if (b->graph != v->graph) verify_fail(v, NULL, "a body belongs to another graph");
    for (const Node *n = b->first; n && !v->failed; before = n, n = n->next) {
        if (n->parent != b || n->prev != before) verify_fail(v, n, "it is not linked to where it stands");
        else if ((n->op == OP_RETURN) != (n->next == NULL)) verify_fail(v, n, "a body must end with its results");
        else verify_node(v, n);
    }
    if (!v->failed && (!b->last || b->last != before)) verify_fail(v, NULL, "a body has no end");
}

/* ---- use lists: as many uses as slots that read, and each of them true ---- */

static void verify_uses(Verifier *v, const Block *b)
{
    for (const Node *n = b->first; n && !v->failed; n = n->next) {
        for (int i = 0; i < n->nout; i++) {
            const Value *x = &n->out[i];
            if (x->uses.n != v->reads[x->id]) {
                verify_fail(v, n, "it is read %d times, but knows of %d", v->reads[x->id], x->uses.n);
                return;
            }
            for (int u = 0; u < x->uses.n; u++) {
                Use use = x->uses.at[u];
                bool stale = use.slot >= use.node->nin || use.node->in[use.slot] != x;
                if (stale) verify_fail(v, n, "one of its uses is stale");
            }
        }
        if (n->region) verify_uses(v, n->region);
    }
}

/* ---- results ---- */

static bool kind_gives(GraphKind kind, ResultKind r)
{
    static const unsigned allowed[] = {
        [GRAPH_MODEL] = 1 << RESULT_OUTPUT,
        [GRAPH_STEP] = 1 << RESULT_LOSS | 1 << RESULT_METRIC | 1 << RESULT_STOP | 1 << RESULT_NEXT,
        [GRAPH_EVAL] = 1 << RESULT_LOSS | 1 << RESULT_METRIC | 1 << RESULT_STOP,
        [GRAPH_GRAD] = 1 << RESULT_LOSS | 1 << RESULT_METRIC | 1 << RESULT_STOP | 1 << RESULT_GRAD,
        [GRAPH_UPDATE] = 1 << RESULT_NEXT,
        [GRAPH_INIT] = 1 << RESULT_NEXT,
        [GRAPH_START] = 1 << RESULT_NEXT,
    };
    return allowed[kind] >> r & 1;
}

static void verify_tensor_result(Verifier *v, const Result *r, Type t, bool *given)
{
    const Program *p = v->graph->program;
    if (r->index < 0 || r->index >= p->tensors.n) {
        verify_fail(v, NULL, "result `%s` is of no tensor", r->name);
        return;
    }
    const Tensor *tensor = &p->tensors.at[r->index];
    if (!type_same(t, tensor->type))
        verify_fail(v, NULL, "`%s` would become %s, but is %s", tensor->path, type_text(v->scratch, t),
                    type_text(v->scratch, tensor->type));
    if (given[r->index]) verify_fail(v, NULL, "`%s` has two next values", tensor->path);
    if (r->kind == RESULT_GRAD && tensor->role == ROLE_OPT) verify_fail(v, NULL, "`%s` has no gradient", tensor->path);
    given[r->index] = true;
}

/* Totals are numbered in order: rows, loss, metrics (a pair takes two), then stops. */
static void verify_total(Verifier *v, const Result *r, Type t, int *next)
{
    bool fits = r->kind == RESULT_STOP ? t.dtype == DT_BOOL : r->kind == RESULT_METRIC || dtype_is_float(t.dtype);
    if (t.rank || !fits) verify_fail(v, NULL, "`%s` is %s", r->name, type_text(v->scratch, t));
    if (r->kind == RESULT_LOSS) return;
    if (r->index != (*next)++) verify_fail(v, NULL, "`%s` is out of order", r->name);
}

static void verify_results(Verifier *v)
{
    const Graph *g = v->graph;
    const Node *end = g->body->last;
    bool *given = NEW_ARRAY(v->scratch, bool, g->program->tensors.n + 1);
    int next_total = 2;
    if (g->kind == GRAPH_MODEL && !end->nin) verify_fail(v, end, "a model without a result");
    if (end->nin != g->results.n) verify_fail(v, end, "it returns %d values for %d results", end->nin, g->results.n);
    for (int i = 0; i < g->results.n && !v->failed; i++) {
        const Result *r = &g->results.at[i];
        Type t = end->in[i]->type;
        if (!kind_gives(g->kind, r->kind)) verify_fail(v, end, "a result that its kind of graph does not give");
        else if (r->kind == RESULT_NEXT || r->kind == RESULT_GRAD) verify_tensor_result(v, r, t, given);
        else if (r->kind == RESULT_OUTPUT && r->index != i) verify_fail(v, end, "output %d is called %d", i, r->index);
        else if (r->kind != RESULT_OUTPUT) verify_total(v, r, t, &next_total);
    }
    for (int i = 0; graph_is_first(g) && i < g->program->tensors.n; i++) {
        const Tensor *t = &g->program->tensors.at[i];
        bool wanted = g->kind == GRAPH_START ? t->role == ROLE_OPT : t->role != ROLE_OPT && !t->given.file;
        if (given[i] != wanted)
            verify_fail(v, end, "`%s` %s first value", t->path, given[i] ? "is not one to be given a" : "has no");
    }
}

static void verify_graph_inputs(Verifier *v)
{
    const Graph *g = v->graph;
    for (int i = 0; i < g->inputs.n; i++) {
        const Value *x = g->inputs.at[i].value;
        if (!x || x->def->op != OP_INPUT || x->def->attr.index != i || x->def->parent != g->body)
            verify_fail(v, NULL, "input `%s` has no node", g->inputs.at[i].name);
    }
}

static bool verify(const Graph *g, Cx *cx, const char *code)
{
    Verifier v = {.graph = g, .cx = cx, .code = code, .scratch = arena_new()};
    v.defined = NEW_ARRAY(v.scratch, bool, g->nvalues + 1);
    v.reads = NEW_ARRAY(v.scratch, int, g->nvalues + 1);
    verify_graph_inputs(&v);
    if (!v.failed) verify_block(&v, g->body);
    if (!v.failed) verify_uses(&v, g->body);
    if (!v.failed) verify_results(&v);
    if (!v.failed) verify_stage(&v);
    if (!v.failed && g->stage == STAGE_PLANNED) verify_plan(&v);
    arena_free(v.scratch);
    return !v.failed;
}

bool graph_verify(const Graph *g, Cx *cx) { return verify(g, cx, "E0901"); }

typedef struct Whole {
    Cx *cx;
    const char *code;
} Whole;

static bool verify_next(Graph *g, void *whole)
{
    Whole *w = whole;
    return verify(g, w->cx, w->code);
}

bool program_verify(Program *p, Cx *cx, const char *code)
{
    return program_each_graph(p, verify_next, &(Whole){cx, code});
}
