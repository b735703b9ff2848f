/* update.c: which parameters a loss moves, and its gradients. */
#include "frontend/elab.h"

/* ---- what a loss depends on, and what breaks the way ---- */

typedef struct Walk {
    Elab *e;
    bool *seen;      /* by Value.id */
    bool *reached;   /* by program tensor */
    bool through;    /* go on behind what has no slope */
    bool detached;   /* go on behind `detach` */
    Node *blocked;   /* the first without a slope that was met */
    VEC(Value *) todo;
} Walk;

static bool has_slope(const Node *n)
{
    switch (n->op) {
    case OP_DETACH: case OP_ARGMAX: case OP_ONE_HOT: case OP_FLOOR: case OP_CEIL: case OP_ROUND: case OP_SIGN:
    case OP_NOT: case OP_AND: case OP_OR:
        return false;
    default:
        return !(op_info(n->op)->flags & OPF_COMPARES) && dtype_is_float(n->out[0].type.dtype);
    }
}

static bool slot_has_slope(const Node *n, int slot)
{
    if (n->op == OP_SELECT) return slot > 0;
    if (n->op == OP_PICK || n->op == OP_TAKE || n->op == OP_SCATTER_ADD) return slot == 0;
    return true;
}

static void visit(Walk *w, Value *v)
{
    if (w->seen[v->id]) return;
    w->seen[v->id] = true;
    vec_push(w->e->arena, &w->todo, v);
}

static void visit_inputs(Walk *w, Value *v)
{
    Node *n = v->def;
    if (n->op == OP_TENSOR) {
        w->reached[n->attr.index] = true;
        return;
    }
    if (!has_slope(n)) {
        if (!w->blocked && n->op != OP_DETACH) w->blocked = n;
        if (!w->through && !(w->detached && n->op == OP_DETACH)) return;
    }
    if (n->op == OP_GRAD) { /* of a gradient */
        visit(w, n->in[0]);
        return;
    }
    if (n->region) { /* its body reads the inputs by itself */
        visit(w, n->region->last->in[v->index]);
        return;
    }
    for (int i = 0; i < n->nin; i++)
        if (w->through || slot_has_slope(n, i)) visit(w, n->in[i]);
}

static bool walk(Walk *w, Value *loss)
{
    Elab *e = w->e;
    w->seen = NEW_ARRAY(e->arena, bool, e->graph->nvalues);
    w->reached = NEW_ARRAY(e->arena, bool, e->program->tensors.n + 1);
    w->todo.n = 0;
    visit(w, loss);
    for (int i = 0; i < w->todo.n; i++) visit_inputs(w, w->todo.at[i]);
    bool any = false;
    for (int i = 0; i < e->program->tensors.n; i++) {
        w->reached[i] &= e->program->tensors.at[i].role == ROLE_PARAM;
        any |= w->reached[i];
    }
    return any;
}

bool *gradient_targets(Elab *e, Value *loss, Node **blocked)
{
    Walk w = {.e = e};
    if (walk(&w, loss)) return w.reached;
    if (!blocked) return NULL;
    w.through = true;
    *blocked = walk(&w, loss) ? w.blocked : NULL;
    return NULL;
}

const bool *loss_reaches(Elab *e, Value *loss)
{
    Walk w = {.e = e, .detached = true};
    walk(&w, loss);
    return w.reached;
}

/* ---- is the loss something to be made small? ---- */

static const char *why_flat(const Node *n)
{
    if (op_info(n->op)->flags & OPF_COMPARES) return "answers yes or no";
    if (n->op == OP_ARGMAX) return "gives a place";
    if (n->op == OP_CONVERT) return "goes through whole numbers";
    return "moves in jumps";
}

static const char *op_text(const Node *n)
{
    return n->op == OP_CONVERT ? dtype_name(n->out[0].type.dtype) : op_info(n->op)->text;
}

void check_objective(Frame *f, const Expr *e, Val loss)
{
    Elab *el = f->e;
    Diag *d;
    if (loss.kind != VAL_TENSOR || loss.tensor->type.rank || !dtype_is_float(loss.tensor->type.dtype)) {
        d = fault(f, e->span, "E0211", "a loss is one float, but this is %s", val_text(el, loss));
        int rank = loss.kind == VAL_TENSOR ? loss.tensor->type.rank : 0;
        diag_primary(d, rank == 0 ? "not a float" : rank == 1 ? "%d axis is left" : "%d axes are left", rank);
        label_type(el, d, loss);
        diag_help(d, "reduce it to one number: `mean(...)` or `sum(...)`");
        return;
    }
    Node *blocked = NULL;
    if (gradient_targets(el, loss.tensor, &blocked)) return;
    const char *text = source_text(el, e->span);
    d = fault(f, e->span, "E0211", "`%s` cannot be a loss: it is not differentiable in any parameter", text);
    diag_primary(d, "no parameter gets a gradient from this");
    if (!blocked) {
        diag_note(d, "it depends on no parameter that could be moved");
        return;
    }
    const Site *s = blocked->site;
    diag_note(d, "`%s` in %s:%d %s: a small change of a parameter does not change it", op_text(blocked),
              s && s->span.source ? s->span.source->name : "the text",
              s && s->span.source ? source_line(s->span.source, s->span.lo) : 0, why_flat(blocked));
    diag_help(d, "report it: `metric %s`", text);
    diag_help(d, "and make something smooth small, such as `mse`, `bce` or `cross_entropy`");
}

/* ---- gradients ---- */

Node *gradient_node(Frame *f, Value *loss, const Leaves *leaves, Span at)
{
    Value **in = NEW_ARRAY(f->e->arena, Value *, leaves->n + 1);
    in[0] = loss;
    for (int i = 0; i < leaves->n; i++) in[i + 1] = leaves->at[i].value;
    int n = leaves->n + 1;
    Type *types = NEW_ARRAY(f->e->arena, Type, n);
    for (int i = 0; i < leaves->n; i++) types[i] = leaves->at[i].value->type;
    return elab_node(f, at, OP_GRAD, in, n, NULL, types);
}

/* What stands for a parameter has its gradient too, and it is zero where nothing depends on it. */
static bool leaf_reached(Leaf l, const bool *reached)
{
    return l.value->def->op != OP_TENSOR || (reached && reached[l.value->def->attr.index]);
}

Val gradient_of(Frame *f, Val of, Val with, Span at)
{
    Elab *e = f->e;
    if (of.kind == VAL_POISON || with.kind == VAL_POISON) return poison;
    bool tensor = with.kind == VAL_TENSOR && with.tensor->def->op == OP_TENSOR;
    if (e->graph->kind != GRAPH_STEP && e->graph->kind != GRAPH_EVAL)
        return missing(f, at, "`grad` outside a train block");
    if (e->block != e->graph->body) return missing(f, at, "`grad` inside a function that reduces");
    if (of.kind != VAL_TENSOR || (with.kind != VAL_TREE && !tensor)) {
        Diag *d = fault(f, at, "E0412", "`grad` takes a number and a parameter, or the name of a layer or model");
        diag_primary(d, "here are %s and %s", val_text(e, of), val_text(e, with));
        return poison;
    }
    bool *reached = gradient_targets(e, of.tensor, NULL);
    Leaves leaves = {0};
    if (tensor) vec_push(e->arena, &leaves, ((Leaf){with.tensor->def->attr.index, with.tensor}));
    for (int i = 0; !tensor && i < with.tree->leaves.n; i++)
        if (leaf_reached(with.tree->leaves.at[i], reached)) vec_push(e->arena, &leaves, with.tree->leaves.at[i]);
    if (!leaves.n) {
        Diag *d = fault(f, at, "E0211", "nothing here has a gradient");
        diag_primary(d, "`%s` depends on none of these parameters", source_text(e, at));
        return poison;
    }
    Node *g = gradient_node(f, of.tensor, &leaves, at);
    if (tensor) return val_tensor(&g->out[0]);
    Tree *t = NEW(e->arena, Tree);
    t->path = with.tree->path;
    for (int i = 0; i < leaves.n; i++) vec_push(e->arena, &t->leaves, ((Leaf){leaves.at[i].tensor, &g->out[i]}));
    return (Val){.kind = VAL_TREE, .tree = t};
}
