/* instance.c: what layers own. Names of instances, parameters and states. */
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
    if (map_has(definitions_at(n->e, n->decl->span.source)->instances, name)) return true;
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

static bool names_layer(const Numbering *n, const Path *path)
{
    const Decl *d = decl_named(n->e, definitions_at(n->e, n->decl->span.source), path);
    return d && d->kind == DECL_LAYER && !is_local_layer(n, path->text);
}

static const char *counted(Numbering *n, const char *name)
{
    int *count = map_get(n->counts, name);
    if (!count) map_set(n->counts, name, count = NEW(n->e->arena, int));
    return str_format(n->e->arena, "%s%s%d", n->prefix, name, ++*count);
}

static void count_layer(Numbering *n, Expr *e, bool function)
{
    if (!names_layer(n, &e->ref.path) || (!function && is_local_value(n, e->text))) return;
    e->instance = counted(n, e->ref.path.parts.at[e->ref.path.parts.n - 1]);
}

static void name_layers(Numbering *n, Expr *e, const char *name);
static void count_layers(Numbering *n, Expr *e, bool function);

static bool is_repeat(const Expr *e) { return e->kind == EX_CALL && e->block && e->a->kind == EX_REF; }

/* The names within a round are counted anew; a single layer takes the round's own. */
static void name_rounds(Numbering *n, Expr *e, const char *name)
{
    Numbering in = {n->e, n->decl, "", map_new(n->e->arena)};
    e->instance = name;
    for (int i = 0; i < e->block->items.n; i++) {
        Item *it = e->block->items.at[i];
        if (it->kind == ITEM_INSTANCE) name_layers(&in, it->value, it->path.text);
        else if (it->kind == ITEM_RESULT) name_layers(&in, it->value, "");
        else count_layers(&in, it->value, false);
    }
}

static void count_layers(Numbering *n, Expr *e, bool function)
{
    if (!e) return;
    if (is_repeat(e)) name_rounds(n, e, counted(n, "repeat"));
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
    Numbering below = {n->e, n->decl, *name ? str_format(n->e->arena, "%s.", name) : "", map_new(n->e->arena)};
    if (!e) return;
    if (is_repeat(e)) {
        name_rounds(n, e, *name ? name : counted(&below, "repeat"));
        return;
    }
    if (e->kind == EX_IF) {
        count_layers(n, e->a, false);
        name_layers(n, e->b, name);
        name_layers(n, e->c, name);
        return;
    }
    Expr *head = e->kind == EX_CALL ? e->a : e;
    if (head->kind != EX_REF || !names_layer(n, &head->ref.path)) {
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

/* ---- first values, in the two graphs that make them ---- */

typedef struct Around { Graph *graph; Block *block; Value **tensors; int ntensors; const char *draws; } Around;

static Graph *first_graph(Program *p, Role role)
{
    if (role != ROLE_OPT) return p->init;
    if (!p->start) p->start = graph_new(p, GRAPH_START, "start", NULL);
    return p->start;
}

static Around first_enter(Elab *e, Role role, const char *path)
{
    Around was = {e->graph, e->block, e->tensors, e->ntensors, e->draw_path};
    e->graph = first_graph(e->program, role);
    e->block = e->graph->body;
    e->tensors = NULL;
    e->ntensors = 0;
    e->draw_path = path;
    return was;
}

static void first_leave(Elab *e, Around was)
{
    e->graph = was.graph;
    e->block = was.block;
    e->tensors = was.tensors;
    e->ntensors = was.ntensors;
    e->draw_path = was.draws;
}

static void add_first_value(Elab *e, int tensor, Value *v)
{
    Result r = {.kind = RESULT_NEXT, .name = e->program->tensors.at[tensor].path, .index = tensor};
    graph_add_result(e->graph, r, v);
}

static void first_value(Frame *f, const Item *it, int tensor)
{
    Elab *e = f->e;
    const Tensor *t = &e->program->tensors.at[tensor];
    Type type = t->type;
    Around was = first_enter(e, t->role, t->path);
    Val v = elaborate(f, it->value, &type);
    if (v.kind != VAL_POISON) v = result_check(f, it->type, v, it->value->span);
    if (v.kind == VAL_TENSOR) add_first_value(e, tensor, v.tensor);
    first_leave(e, was);
}

/* Two layers at work on one parameter have states of their own: the second one's bear its name. */
static const char *leaf_slot(Frame *f, const char *name)
{
    Elab *e = f->e;
    const char *key = str_format(e->arena, "%d %s%s %s", e->train, f->slot, name, f->leaf);
    const char *owner = map_get(e->leaf_owners, key), *local = strrchr(f->path, '.');
    if (!owner) map_set(e->leaf_owners, key, (void *)(owner = f->path));
    if (str_equal(owner, f->path)) return f->slot;
    return str_format(e->arena, "%s%s.", f->slot, local ? local + 1 : f->path);
}

static Tensor tensor_of_item(Frame *f, const Item *it, const char *name, Type type)
{
    Elab *e = f->e;
    Tensor t = {.type = type, .train = -1, .site = site_at(f, it->span)};
    bool of_train = f->decl && f->decl->kind == DECL_TRAIN;
    t.role = it->kind == ITEM_PARAM ? ROLE_PARAM : f->leaf || of_train ? ROLE_OPT : ROLE_STATE;
    t.path = t.key = f->path[0] ? str_format(e->arena, "%s.%s", f->path, name) : name;
    if (t.role != ROLE_OPT) {
        t.given = given_to(e, t.path, t.key);
        return t;
    }
    t.train = e->train;
    const char *train = e->train >= 0 ? e->program->trains.at[e->train].name : "";
    const char *block = e->train > 0 ? str_format(e->arena, "%s/", train) : ""; /* the first one's go without */
    if (f->leaf) {
        const char *slot = leaf_slot(f, name);
        t.path = str_format(e->arena, "%s.%s%s.%s", train, slot, name, f->leaf);
        t.key = str_format(e->arena, "opt/%s%s%s/%s", block, slot, name, f->leaf);
    } else {
        t.key = str_format(e->arena, "state/%s%s", block, name);
    }
    return t;
}

static Val shared_tensor(Frame *f, const Item *it, int tensor, Type type)
{
    Elab *e = f->e;
    const Tensor *was = &e->program->tensors.at[tensor];
    if (type_same(was->type, type)) return val_tensor(parameter(f, tensor, it->span));
    Diag *d = fault(f, f->applied ? f->applied->span : it->span, "E0218", "`%s` would be both %s and %s", was->path,
                    type_text(e->arena, was->type), type_text(e->arena, type));
    diag_primary(d, "an instance has one set of parameters for all its applications");
    for (int i = 0; i < type.rank; i++)
        if (i >= was->type.rank || !dim_same(type.axes[i].dim, was->type.axes[i].dim))
            label_origin(d, type.axes[i].origin, "%s comes from here", dim_text(e->arena, type.axes[i].dim));
    const Site *first = was->site ? was->site->applied : NULL;
    if (first && first->span.source) diag_label(d, first->span, "applied here first");
    diag_help(d, "write the layer again where it is to have parameters of its own");
    return poison;
}

/* The tensor of that path; *made tells whether it is new, and without a first value so far. */
static int tensor_place(Elab *e, Tensor t, bool *made)
{
    int *place = map_get(e->places, t.path);
    *made = !place || !*place;
    if (!place) map_set(e->places, t.path, place = NEW(e->arena, int));
    if (*made) *place = program_add_tensor(e->program, t) + 1;
    return *place - 1;
}

static bool key_fits(Frame *f, const Item *it, const Tensor *t)
{
    size_t n = strlen(t->key);
    if (n <= LONGEST_KEY) return true;
    Diag *d = fault(f, f->applied ? f->applied->span : it->span, "E0104",
                    "`%s` would have a name of %zu bytes in files of weights", it->path.text, n);
    diag_primary(d, "no name there has more than %d", LONGEST_KEY);
    diag_note(d, "it would be `%.60s...`", t->key);
    diag_help(d, "give the layers around it shorter names");
    return false;
}

/* ---- a second set of parameters: state average: net = net ---- */

static bool state_tree_may_stand(Frame *f, const Item *it)
{
    bool train = f->decl && f->decl->kind == DECL_TRAIN;
    if (train && it->kind == ITEM_STATE) return true;
    Diag *d = fault(f, it->span, "E0411", "a second set of parameters is a `state` of a train block");
    diag_primary(d, train ? "write `state` instead of `param`" : "it cannot stand here");
    return false;
}

static void first_tree(Frame *f, const Item *it, const Tree *of, const int *tensors)
{
    Elab *e = f->e;
    Around was = first_enter(e, ROLE_OPT, it->path.text);
    Val v = tree_check(f, of->path, elaborate(f, it->value, NULL), it->value->span);
    for (int i = 0; v.kind == VAL_TREE && i < of->leaves.n; i++) {
        Value *first = tree_leaf(v.tree, of->leaves.at[i].tensor);
        if (first) add_first_value(e, tensors[i], first);
    }
    first_leave(e, was);
}

static Val state_tree(Frame *f, const Item *it, const char *path)
{
    Elab *e = f->e;
    if (!state_tree_may_stand(f, it)) return poison;
    Val of = tree_settled(f, path, it->type->span);
    if (of.kind != VAL_TREE) return poison;
    int n = of.tree->leaves.n;
    int *tensors = NEW_ARRAY(e->arena, int, n);
    Tree *out = NEW(e->arena, Tree);
    out->path = path;
    bool news = false, made;
    for (int i = 0; i < n; i++) {
        Leaf leaf = of.tree->leaves.at[i];
        const char *rest = e->program->tensors.at[leaf.tensor].path + strlen(path);
        const char *name = str_format(e->arena, "%s%s", it->path.text, rest);
        Tensor t = tensor_of_item(f, it, name, leaf.value->type);
        if (!key_fits(f, it, &t)) return poison;
        tensors[i] = tensor_place(e, t, &made);
        news |= made;
        vec_push(e->arena, &out->leaves, ((Leaf){leaf.tensor, tensor_node(f, tensors[i], it->span)}));
    }
    if (news) first_tree(f, it, of.tree, tensors);
    return (Val){.kind = VAL_TREE, .tree = out};
}

Val param_value(Frame *f, const Item *it)
{
    Elab *e = f->e;
    Type type;
    const char *instance = instance_type(f, it->type);
    if (instance) return state_tree(f, it, instance);
    if (!type_of_expr(f, it->type, &type) || !constant_sizes(f, it, type)) return poison;
    if (graph_is_first(e->graph)) {
        Diag *d = fault(f, it->span, "E0412", "a first value cannot depend on `%s`", it->path.text);
        diag_primary(d, "first values are made of numbers and generators");
        return poison;
    }
    bool made;
    Tensor t = tensor_of_item(f, it, it->path.text, type);
    if (!key_fits(f, it, &t)) return poison;
    int tensor = tensor_place(e, t, &made);
    if (!made) return shared_tensor(f, it, tensor, type);
    if (!e->program->tensors.at[tensor].given.file) first_value(f, it, tensor);
    return val_tensor(parameter(f, tensor, it->span));
}
