/* next.c: values after the step: of states, by equations, by the optimizer. */
#include "frontend/elab.h"

/* ---- what is known of them ---- */

void next_value(Frame *f, int tensor, Value *v, Span at, bool averaged)
{
    Elab *e = f->e;
    for (int i = 0; i < e->next.n; i++) {
        NextValue *n = &e->next.at[i];
        if (n->tensor != tensor) continue;
        if (averaged && n->count) {
            n->value = build(f, at, OP_ADD, (Value *[]){n->value, v}, 2, NULL, NULL);
            n->count++;
            return;
        }
        Diag *d = fault(f, at, "E0406", "`%s` has two equations", e->program->tensors.at[tensor].path);
        diag_primary(d, "the second one");
        diag_label(d, n->span, "the first one");
        return;
    }
    vec_push(e->arena, &e->next, ((NextValue){tensor, v, at, averaged}));
}

static Value *next_of(Elab *e, int tensor)
{
    for (int i = 0; i < e->next.n; i++)
        if (e->next.at[i].tensor == tensor) return e->next.at[i].value;
    return NULL;
}

/* ---- states ---- */

static void state_tree_advance(Frame *f, const Tree *was, Val v, const Item *it)
{
    v = tree_check(f, was->path, v, it->value->span);
    for (int i = 0; v.kind == VAL_TREE && i < was->leaves.n; i++) {
        Value *next = tree_leaf(v.tree, was->leaves.at[i].tensor);
        if (next) next_value(f, was->leaves.at[i].value->def->attr.index, next, it->span, true);
    }
}

static void state_advance(Frame *f, const Item *it, const Ref *ref)
{
    Elab *e = f->e;
    Binding *state = map_get(f->values, ref->path.text);
    Binding *next = map_get(f->values, str_format(e->arena, "%s'", ref->path.text));
    if (!state || !next || !state->item || state->item->kind != ITEM_STATE) return;
    Val was = binding_force(state), v = binding_force(next);
    if (was.kind == VAL_TREE) state_tree_advance(f, was.tree, v, it);
    if (was.kind != VAL_TENSOR || v.kind == VAL_POISON) return;
    v = result_check(f, state->item->type, v, it->value->span);
    if (v.kind != VAL_TENSOR) return;
    if (e->block != e->graph->body) {
        missing(f, it->span, "a state inside a function that reduces");
        return;
    }
    next_value(f, was.tensor->def->attr.index, v.tensor, it->span, true);
}

void states_advance(Frame *f)
{
    const BlockExpr *b = f->decl->body;
    if (!f->training || !b) return;
    for (int i = 0; i < b->items.n; i++) {
        const Item *it = b->items.at[i];
        for (int k = 0; it->kind == ITEM_BIND && k < it->targets.n; k++)
            if (it->targets.at[k].ref.prime) state_advance(f, it, &it->targets.at[k].ref);
    }
}

/* ---- equations: tiny.first' = ..., every leaf of the left from that of the right ---- */

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

static void equation_tree(Frame *f, const Ref *ref, const Item *it, Val v)
{
    Elab *e = f->e;
    if (v.kind != VAL_TREE) {
        Diag *d = fault(f, it->value->span, "E0412", "`%s` is a tree of parameters, but this is %s", ref->path.text,
                        val_text(e, v));
        diag_primary(d, "a tree is needed, such as `sgd(%s, grad(loss, %s))`", ref->path.text, ref->path.text);
        return;
    }
    const char *path = path_resolve(f, ref);
    for (int i = 0; i < v.tree->leaves.n; i++) {
        Leaf l = v.tree->leaves.at[i];
        if (l.tensor < 0 || !path_chosen(e->program->tensors.at[l.tensor].path, path)) {
            Diag *d = fault(f, it->value->span, "E0412", "this gives a next value to `%s`, which is no part of `%s`",
                            l.tensor < 0 ? "a value" : e->program->tensors.at[l.tensor].path, ref->path.text);
            diag_primary(d, "a tree with the leaves of `%s` is needed", ref->path.text);
            return;
        }
        if (next_fits(f, l.tensor, val_tensor(l.value), it->value->span))
            next_value(f, l.tensor, l.value, it->span, false);
    }
}

static void equation_settle(Binding *b)
{
    Frame *f = b->frame;
    const Item *it = b->item;
    const Ref *ref = &it->targets.at[0].ref;
    const char *path = path_resolve(f, ref);
    if (!path && f->e->file->broken) return;
    if (it->targets.n > 1 || !path) {
        Diag *d = fault(f, ref->span, "E0401", "nothing here is called `%s`", ref->path.text);
        diag_primary(d, "an equation stands for a state, a parameter, a layer or a model");
        return;
    }
    Val was = tree_settled(f, path, ref->span), v = elaborate(f, it->value, NULL);
    if (was.kind == VAL_TREE && v.kind != VAL_POISON) equation_tree(f, ref, it, v);
    if (was.kind != VAL_TENSOR || v.kind == VAL_POISON) return;
    int tensor = was.tensor->def->attr.index;
    if (next_fits(f, tensor, v, it->value->span)) next_value(f, tensor, v.tensor, it->span, false);
}

/* ---- the optimizer: each parameter that gets a gradient from the loss and has no equation ---- */

static void step_param(Frame *f, const Function *optimizer, int tensor, Value *p, Value *g, Span at)
{
    Frame *leaf = frame_for_leaf(f, f->e->program->tensors.at[tensor].path);
    Val in[] = {val_tensor(p), val_tensor(g)};
    Val v = apply(leaf, optimizer, in, 2, at, NULL, NULL);
    if (next_fits(f, tensor, v, at)) next_value(f, tensor, v.tensor, at, false);
}

static Binding *equation_of(Frame *f, int tensor)
{
    Elab *e = f->e;
    for (int i = 0; i < e->equations.n; i++) {
        Binding *b = e->equations.at[i];
        const char *path = path_resolve(f, &b->item->targets.at[0].ref);
        if (path && path_chosen(e->program->tensors.at[tensor].path, path)) return b;
    }
    return NULL;
}

static void optimizer_settle(Binding *b)
{
    Frame *f = b->frame;
    Elab *e = f->e;
    Val loss;
    Span at = b->item->value->span;
    const Function *fn = function_of_expr(f, b->item->value);
    if (!fn || !value_named(f, "loss", false, at, &loss) || !e->loss) return;
    bool *reached = gradient_targets(e, e->loss, NULL);
    Leaves leaves = {0};
    int n = e->program->tensors.n;
    for (int i = 0; reached && i < n; i++)
        if (reached[i] && !equation_of(f, i)) vec_push(e->arena, &leaves, ((Leaf){i, tensor_node(f, i, at)}));
    if (!leaves.n) return;
    Node *g = gradient_node(f, e->loss, &leaves, at);
    if (type_is_poison(g->out[0].type)) return;
    for (int i = 0; i < leaves.n; i++) step_param(f, fn, leaves.at[i].tensor, leaves.at[i].value, &g->out[i], at);
}

/* ---- reading them before the step ends: judge' is the tree of the next parameters ---- */

void next_begin(Frame *f, const BlockExpr *body)
{
    Elab *e = f->e;
    e->equations.n = 0;
    e->optimizer = NULL;
    for (int i = 0; i < body->items.n; i++) {
        const Item *it = body->items.at[i];
        bool optimizer = it->kind == ITEM_SETTING && str_equal(it->path.text, "optimizer");
        bool equation = it->kind == ITEM_BIND && it->targets.at[0].ref.prime;
        const Binding *state = equation ? map_get(f->values, it->targets.at[0].ref.path.text) : NULL;
        if ((!optimizer && !equation) || (state && state->item && state->item->kind == ITEM_STATE)) continue;
        Binding *b = NEW(e->arena, Binding);
        *b = (Binding){.item = it, .frame = f, .span = it->span, .settle = optimizer ? optimizer_settle
                                                                                      : equation_settle};
        b->name = optimizer ? "optimizer" : str_format(e->arena, "%s'", it->targets.at[0].ref.path.text);
        if (equation) vec_push(e->arena, &e->equations, b);
        else if (!e->optimizer) e->optimizer = b;
    }
}

void next_settle(Elab *e)
{
    for (int i = 0; i < e->equations.n; i++) binding_force(e->equations.at[i]);
    if (e->optimizer) binding_force(e->optimizer);
}

static Value *next_leaf(Frame *f, int tensor, Value *now)
{
    Elab *e = f->e;
    Binding *b = equation_of(e->train_frame, tensor);
    if (!b) b = e->optimizer;
    if (b) binding_force(b);
    Value *next = next_of(e, tensor);
    return next ? next : now;
}

Val next_named(Frame *f, const char *path, Span at)
{
    Elab *e = f->e;
    Val now = tree_settled(f, path, at);
    if (!f->training || e->graph->kind != GRAPH_STEP) return now;
    if (now.kind == VAL_TENSOR) {
        int tensor = now.tensor->def->op == OP_TENSOR ? now.tensor->def->attr.index : -1;
        return tensor < 0 ? now : val_tensor(next_leaf(f, tensor, now.tensor));
    }
    if (now.kind != VAL_TREE) return now;
    Tree *t = NEW(e->arena, Tree);
    t->path = path;
    for (int i = 0; i < now.tree->leaves.n; i++) {
        Leaf l = now.tree->leaves.at[i];
        vec_push(e->arena, &t->leaves, ((Leaf){l.tensor, next_leaf(f, l.tensor, l.value)}));
    }
    return (Val){.kind = VAL_TREE, .tree = t};
}
