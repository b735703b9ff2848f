/* instance.c: what layers own. Names of instances, parameters and states, trees of parameters. */
#include "frontend/elab.h"
#include <string.h>

/* ---- names: each place in the text where a layer is applied is one instance, counted in the order of the text ---- */

typedef struct Numbering {
    Elab *e;
    const Decl *decl;
    const char *prefix;
    Map *counts;
} Numbering;

static bool is_local_layer(const Numbering *n, const char *name)
{
    if (map_has(n->e->own.instances, name) && !n->decl->span.source->builtin) return true;
    for (int i = 0; n->decl->body && i < n->decl->body->items.n; i++) {
        const Item *it = n->decl->body->items.at[i];
        if (it->kind == ITEM_INSTANCE && str_equal(it->path.text, name)) return true;
    }
    for (int i = 0; i < n->decl->options.n; i++)
        if (n->decl->options.at[i].is_fn && str_equal(n->decl->options.at[i].name, name)) return true;
    return false;
}

static bool is_local_value(const Numbering *n, const char *name)
{
    for (int i = 0; n->decl->body && i < n->decl->body->items.n; i++) {
        const Item *it = n->decl->body->items.at[i];
        if (it->kind != ITEM_INSTANCE && str_equal(it->path.text, name)) return true;
        for (int k = 0; k < it->targets.n; k++)
            if (str_equal(it->targets.at[k].ref.path.text, name)) return true;
    }
    for (int i = 0; i < n->decl->inputs.n; i++)
        if (str_equal(n->decl->inputs.at[i].ref.path.text, name)) return true;
    return false;
}

static bool names_layer(const Numbering *n, const char *name)
{
    const Decl *d = n->decl->span.source->builtin ? NULL : map_get(n->e->own.callables, name);
    if (!d) d = map_get(n->e->std.callables, name);
    return d && d->kind == DECL_LAYER && !is_local_layer(n, name);
}

static void count_layer(Numbering *n, Expr *e, bool function)
{
    if (!names_layer(n, e->text) || (!function && is_local_value(n, e->text))) return;
    int *count = map_get(n->counts, e->text);
    if (!count) map_set(n->counts, e->text, count = NEW(n->e->arena, int));
    e->instance = str_format(n->e->arena, "%s%s%d", n->prefix, e->text, ++*count);
}

static void count_layers(Numbering *n, Expr *e, bool function)
{
    if (!e) return;
    if (e->kind == EX_REF) count_layer(n, e, function);
    count_layers(n, e->a, e->kind == EX_CALL);
    count_layers(n, e->b, function && e->kind == EX_IF);
    count_layers(n, e->c, function && e->kind == EX_IF);
    for (int i = 0; i < e->list.n; i++) count_layers(n, e->list.at[i], e->kind == EX_PIPE && (i || function));
    for (int i = 0; i < e->args.n; i++) count_layers(n, e->args.at[i].value, false);
}

/* `layer f = dense(8)` gives the layer its name; the members of a chain are numbered below it. */
static void name_layers(Numbering *n, Expr *e, const char *name)
{
    Numbering below = {n->e, n->decl, str_format(n->e->arena, "%s.", name), map_new(n->e->arena)};
    if (e->kind == EX_IF) {
        count_layers(n, e->a, false);
        name_layers(n, e->b, name);
        name_layers(n, e->c, name);
        return;
    }
    Expr *head = e->kind == EX_CALL ? e->a : e;
    if (head->kind != EX_REF || !names_layer(n, head->text)) {
        count_layers(&below, e, true);
        return;
    }
    head->instance = name;
    for (int i = 0; e->kind == EX_CALL && i < e->args.n; i++) count_layers(&below, e->args.at[i].value, false);
}

void number_layers(Elab *e, const Decl *d)
{
    Decl *decl = (Decl *)d; /* the names are kept with the text */
    if (decl->numbered) return;
    decl->numbered = true;
    Numbering n = {e, d, "", map_new(e->arena)};
    if (d->kind == DECL_INSTANCE) name_layers(&n, d->value, d->path.text);
    for (int i = 0; i < d->options.n; i++) count_layers(&n, d->options.at[i].value, false);
    for (int i = 0; d->body && i < d->body->items.n; i++) {
        Item *it = d->body->items.at[i];
        if (it->kind == ITEM_INSTANCE) name_layers(&n, it->value, it->path.text);
        else count_layers(&n, it->value, false);
    }
}

/* ---- tensors ---- */

Value *tensor_node(Frame *f, int tensor, Span at)
{
    Elab *e = f->e;
    const Tensor *t = &e->program->tensors.at[tensor];
    if (tensor < e->ntensors && e->tensors[tensor]) return e->tensors[tensor];
    if (tensor >= e->ntensors) {
        int n = 2 * tensor + 8;
        Value **grown = NEW_ARRAY(e->arena, Value *, n);
        if (e->ntensors) memcpy(grown, e->tensors, sizeof *grown * (size_t)e->ntensors);
        e->tensors = grown;
        e->ntensors = n;
    }
    Type type = t->type;
    Block *around = e->block;
    e->block = e->graph->body;
    Value *v = build(f, at, OP_TENSOR, NULL, 0, &(Attr){.index = tensor}, &type);
    e->block = around;
    if (around != e->graph->body) node_move_before(v->def, node_at_level(around->owner, e->graph->body));
    v->name = t->path;
    return e->tensors[tensor] = v;
}

static bool constant_sizes(Frame *f, const Item *it, Type t)
{
    int64_t n;
    for (int i = 0; i < t.rank && !f->e->checking; i++) {
        if (dim_known(t.axes[i].dim, &n)) continue;
        Arena *a = f->e->arena;
        Diag *d = fault(f, it->type->axes.n == t.rank ? it->type->axes.at[i].span : it->type->span, "E0217",
                        "a %s has a size of its own, but %s is known only when the model runs",
                        it->kind == ITEM_PARAM ? "parameter" : "state", dim_text(a, t.axes[i].dim));
        diag_primary(d, "`%s` may be any size", dim_text(a, t.axes[i].dim));
        label_origin(d, t.axes[i].origin, "%s comes from here", dim_text(a, t.axes[i].dim));
        diag_help(d, "give it a number, or fix the dim by `-D`");
        return false;
    }
    return true;
}

/* The first value, in the graph that makes them all. */
static void first_value(Frame *f, const Item *it, int tensor)
{
    Elab *e = f->e;
    Graph *graph = e->graph;
    Block *block = e->block;
    Value **tensors = e->tensors;
    int ntensors = e->ntensors;
    const char *draws = e->draw_path;
    Type type = e->program->tensors.at[tensor].type;
    e->graph = e->program->init;
    e->block = e->graph->body;
    e->tensors = NULL;
    e->ntensors = 0;
    e->draw_path = e->program->tensors.at[tensor].path;
    Val v = elaborate(f, it->value, &type);
    if (v.kind != VAL_POISON) v = result_check(f, it->type, v, it->value->span);
    if (v.kind == VAL_TENSOR) {
        Result r = {.kind = RESULT_NEXT, .name = e->program->tensors.at[tensor].path, .index = tensor};
        graph_add_result(e->graph, r, v.tensor);
    }
    e->graph = graph;
    e->block = block;
    e->tensors = tensors;
    e->ntensors = ntensors;
    e->draw_path = draws;
}

static Tensor tensor_of_item(Frame *f, const Item *it, Type type)
{
    Elab *e = f->e;
    const char *name = it->path.text;
    Tensor t = {.type = type, .train = -1, .site = site_at(f, it->span)};
    bool of_train = f->decl && f->decl->kind == DECL_TRAIN;
    t.role = it->kind == ITEM_PARAM ? ROLE_PARAM : f->leaf || of_train ? ROLE_OPT : ROLE_STATE;
    t.path = t.key = f->path[0] ? str_format(e->arena, "%s.%s", f->path, name) : name;
    if (t.role != ROLE_OPT) return t;
    t.train = e->train;
    const char *train = e->train >= 0 ? e->program->trains.at[e->train].name : "";
    const char *block = e->train > 0 ? str_format(e->arena, "%s/", train) : ""; /* the first one's go without */
    if (f->leaf) {
        t.path = str_format(e->arena, "%s.%s%s.%s", train, f->slot, name, f->leaf);
        t.key = str_format(e->arena, "opt/%s%s%s/%s", block, f->slot, name, f->leaf);
    } else {
        t.key = str_format(e->arena, "state/%s%s", block, name);
    }
    return t;
}

static Val shared_tensor(Frame *f, const Item *it, int tensor, Type type)
{
    Elab *e = f->e;
    const Tensor *was = &e->program->tensors.at[tensor];
    if (type_same(was->type, type)) return val_tensor(tensor_node(f, tensor, it->span));
    Diag *d = fault(f, f->applied ? f->applied->span : it->span, "E0218", "`%s` would be both %s and %s", was->path,
                    type_text(e->arena, was->type), type_text(e->arena, type));
    diag_primary(d, "an instance has one set of parameters for all its applications");
    for (int i = 0; i < type.rank; i++)
        if (i >= was->type.rank || type.axes[i].dim != was->type.axes[i].dim)
            label_origin(d, type.axes[i].origin, "%s comes from here", dim_text(e->arena, type.axes[i].dim));
    const Site *first = was->site ? was->site->applied : NULL;
    if (first && first->span.source) diag_label(d, first->span, "applied here first");
    diag_help(d, "write the layer again where it is to have parameters of its own");
    return poison;
}

Val param_value(Frame *f, const Item *it)
{
    Elab *e = f->e;
    Type type;
    if (!type_of_expr(f, it->type, &type) || !constant_sizes(f, it, type)) return poison;
    if (e->graph == e->program->init) {
        Diag *d = fault(f, it->span, "E0412", "a first value cannot depend on `%s`", it->path.text);
        diag_primary(d, "first values are made of numbers and generators");
        return poison;
    }
    Tensor t = tensor_of_item(f, it, type);
    int *place = map_get(e->places, t.path);
    if (place && *place) return shared_tensor(f, it, *place - 1, type);
    int tensor = program_add_tensor(e->program, t);
    if (!place) map_set(e->places, t.path, place = NEW(e->arena, int));
    *place = tensor + 1;
    first_value(f, it, tensor);
    return val_tensor(tensor_node(f, tensor, it->span));
}

/* ---- next values ---- */

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

static void state_advance(Frame *f, const Item *it, const Ref *ref)
{
    Elab *e = f->e;
    Binding *state = map_get(f->values, ref->path.text);
    Binding *next = map_get(f->values, str_format(e->arena, "%s'", ref->path.text));
    if (!state || !next || !state->item || state->item->kind != ITEM_STATE) return;
    Val was = binding_force(state), v = binding_force(next);
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

/* ---- trees ---- */

const char *path_resolve(Frame *f, const Ref *ref)
{
    Elab *e = f->e;
    const Path *p = &ref->path;
    const char *head = p->parts.at[0];
    const char *rest = p->text + strlen(head);
    const Decl *d = f->builtin ? NULL : map_get(e->own.callables, head);
    if (map_has(f->functions, head) && f->path[0]) return str_format(e->arena, "%s.%s%s", f->path, head, rest);
    bool whole = map_has(e->root->functions, head) || (d && d->kind == DECL_MODEL);
    return whole && !f->builtin ? p->text : NULL;
}

static bool lies_below(const char *path, const char *tree)
{
    size_t n = strlen(tree);
    return !strncmp(path, tree, n) && (path[n] == '.' || !path[n]);
}

Val tree_named(Frame *f, const char *path)
{
    Elab *e = f->e;
    const int *place = map_get(e->places, path);
    if (place && *place) return val_tensor(tensor_node(f, *place - 1, NO_SPAN));
    Tree *t = NEW(e->arena, Tree);
    t->path = path;
    for (int i = 0; i < e->program->tensors.n; i++)
        if (e->program->tensors.at[i].role == ROLE_PARAM && lies_below(e->program->tensors.at[i].path, path))
            vec_push(e->arena, &t->leaves, ((Leaf){i, tensor_node(f, i, NO_SPAN)}));
    return (Val){.kind = VAL_TREE, .tree = t};
}

Frame *frame_for_leaf(Frame *f, const char *leaf)
{
    Frame *g = NEW(f->e->arena, Frame);
    *g = *f;
    g->leaf = leaf;
    g->slot = "";
    return g;
}

static Value *leaf_of(Val v, int tensor)
{
    for (int i = 0; i < v.tree->leaves.n; i++)
        if (v.tree->leaves.at[i].tensor == tensor) return v.tree->leaves.at[i].value;
    return NULL;
}

Val tree_map(Frame *f, const Function *fn, OpCode op, Val *in, int n, Span at)
{
    Elab *e = f->e;
    const Val *first = in;
    while (first->kind != VAL_TREE) first++;
    Tree *out = NEW(e->arena, Tree);
    out->path = first->tree->path;
    for (int i = 0; i < first->tree->leaves.n; i++) {
        int tensor = first->tree->leaves.at[i].tensor;
        Val args[MAX_INPUTS];
        bool all = n <= MAX_INPUTS;
        for (int k = 0; k < n && all; k++) {
            args[k] = in[k];
            if (in[k].kind != VAL_TREE) continue;
            Value *v = leaf_of(in[k], tensor);
            all = v != NULL;
            if (all) args[k] = val_tensor(v);
        }
        if (!all) continue;
        Frame *g = frame_for_leaf(f, e->program->tensors.at[tensor].path);
        Val v = fn ? apply(g, fn, args, n, at, NULL, NULL) : apply_operator(g, op, args, n, at);
        if (v.kind == VAL_POISON) return poison;
        if (v.kind != VAL_TENSOR) {
            Diag *d = fault(f, at, "E0412", "a function of a tree gives a tensor for each leaf, but this is %s",
                            val_text(e, v));
            diag_primary(d, "no tensor");
            return poison;
        }
        vec_push(e->arena, &out->leaves, ((Leaf){tensor, v.tensor}));
    }
    return (Val){.kind = VAL_TREE, .tree = out};
}
