/* update.c: which parameters a loss moves, its gradients, and the values after the step. */
#include "frontend/elab.h"

/* ---- what a loss depends on, and what breaks the way ---- */

typedef struct Walk {
    Elab *e;
    bool *seen;      /* by Value.id */
    bool *reached;   /* by program tensor */
    bool through;    /* go on behind what has no slope */
    Node *blocked;   /* the first without a slope that was met */
    VEC(Value *) todo;
} Walk;

static bool has_slope(const Node *n)
{
    switch (n->op) {
    case OP_DETACH: case OP_ARGMAX: case OP_ONE_HOT: case OP_FLOOR: case OP_CEIL: case OP_ROUND: case OP_SIGN:
    case OP_NOT: case OP_AND: case OP_OR: case OP_GRAD:
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
        if (!w->through) return;
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

/* ---- is the loss something to be made small? ---- */

static const char *why_flat(const Node *n)
{
    if (op_info(n->op)->flags & OPF_COMPARES) return "answers yes or no";
    if (n->op == OP_ARGMAX) return "gives a place";
    if (n->op == OP_CONVERT) return "goes through whole numbers";
    return "moves in jumps";
}

static const char *op_text(Elab *e, const Node *n)
{
    if (n->op == OP_CONVERT) return dtype_name(n->out[0].type.dtype);
    (void)e;
    return op_info(n->op)->text;
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
    diag_note(d, "`%s` in %s:%d %s: a small change of a parameter does not change it", op_text(el, blocked),
              s && s->span.source ? s->span.source->name : "the text",
              s && s->span.source ? source_line(s->span.source, s->span.lo) : 0, why_flat(blocked));
    diag_help(d, "report it: `metric %s`", text);
    diag_help(d, "and make something smooth small, such as `mse`, `bce` or `cross_entropy`");
}

/* ---- gradients ---- */

static Node *gradient_node(Frame *f, Value *loss, const Leaves *leaves, Span at)
{
    Value **in = NEW_ARRAY(f->e->arena, Value *, leaves->n + 1);
    in[0] = loss;
    for (int i = 0; i < leaves->n; i++) in[i + 1] = leaves->at[i].value;
    int n = leaves->n + 1;
    Type *types = NEW_ARRAY(f->e->arena, Type, n);
    for (int i = 0; i < leaves->n; i++) types[i] = leaves->at[i].value->type;
    return elab_node(f, at, OP_GRAD, in, n, NULL, types);
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
        if (reached && reached[with.tree->leaves.at[i].tensor]) vec_push(e->arena, &leaves, with.tree->leaves.at[i]);
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

/* ---- values after the step ---- */

static bool has_equation(Elab *e, int tensor)
{
    for (int i = 0; i < e->next.n; i++)
        if (e->next.at[i].tensor == tensor) return true;
    return false;
}

static bool next_fits(Frame *f, int tensor, Val v, Span at)
{
    Elab *e = f->e;
    const Tensor *t = &e->program->tensors.at[tensor];
    if (v.kind == VAL_TENSOR && type_same(v.tensor->type, t->type)) return true;
    if (v.kind == VAL_POISON) return false;
    Diag *d = fault(f, at, "E0209", "the next value of `%s` is %s, but the parameter is %s", t->path, val_text(e, v),
                    type_text(e->arena, t->type));
    diag_primary(d, "a step keeps the type");
    return false;
}

static void step_param(Frame *f, const Function *optimizer, int tensor, Value *p, Value *g, Span at)
{
    Frame *leaf = frame_for_leaf(f, f->e->program->tensors.at[tensor].path);
    Val in[] = {val_tensor(p), val_tensor(g)};
    Val v = apply(leaf, optimizer, in, 2, at, NULL, NULL);
    if (next_fits(f, tensor, v, at)) next_value(f, tensor, v.tensor, at, false);
}

void optimizer_apply(Frame *f, const Function *optimizer, Value *loss, Span at)
{
    Elab *e = f->e;
    bool *reached = gradient_targets(e, loss, NULL);
    Leaves leaves = {0};
    int n = e->program->tensors.n;
    for (int i = 0; reached && i < n; i++)
        if (reached[i] && !has_equation(e, i)) vec_push(e->arena, &leaves, ((Leaf){i, tensor_node(f, i, at)}));
    if (!leaves.n) return;
    Node *g = gradient_node(f, loss, &leaves, at);
    if (type_is_poison(g->out[0].type)) return;
    for (int i = 0; i < leaves.n; i++) step_param(f, optimizer, leaves.at[i].tensor, leaves.at[i].value, &g->out[i],
                                                  at);
}

/* tiny.first' = ...: every leaf of the left from that of the right. */
void equation_apply(Frame *f, const Item *it)
{
    Elab *e = f->e;
    const Ref *ref = &it->targets.at[0].ref;
    const char *path = path_resolve(f, ref);
    if (!path && e->file->broken) return;
    if (it->targets.n > 1 || !path) {
        Diag *d = fault(f, ref->span, "E0401", "nothing here is called `%s`", ref->path.text);
        diag_primary(d, "an equation stands for a state, a parameter, a layer or a model");
        return;
    }
    Val was = tree_named(f, path), v = elaborate(f, it->value, NULL);
    if (was.kind == VAL_TREE && !was.tree->leaves.n) {
        if (e->file->broken || e->cx->diags->errors) return;
        Diag *d = fault(f, ref->span, "E0401", "`%s` has no parameters here", ref->path.text);
        diag_primary(d, "a layer has them once it is applied");
        return;
    }
    if (v.kind == VAL_POISON) return;
    if (was.kind == VAL_TENSOR) {
        int tensor = was.tensor->def->attr.index;
        if (next_fits(f, tensor, v, it->value->span)) next_value(f, tensor, v.tensor, it->span, false);
        return;
    }
    if (v.kind != VAL_TREE) {
        Diag *d = fault(f, it->value->span, "E0412", "`%s` is a tree of parameters, but this is %s", ref->path.text,
                        val_text(e, v));
        diag_primary(d, "a tree is needed, such as `sgd(%s, grad(loss, %s))`", ref->path.text, ref->path.text);
        return;
    }
    for (int i = 0; i < v.tree->leaves.n; i++) {
        Leaf l = v.tree->leaves.at[i];
        if (next_fits(f, l.tensor, val_tensor(l.value), it->value->span))
            next_value(f, l.tensor, l.value, it->span, false);
    }
}
