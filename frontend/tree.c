/* tree.c: trees of parameters: chosen by path, worked on leaf by leaf, put in the place of a layer's own. */
#include "frontend/elab.h"
#include <string.h>

/* ---- paths ---- */

const char *path_resolve(Frame *f, const Ref *ref)
{
    Elab *e = f->e;
    const Path *p = &ref->path;
    const char *head = p->parts.at[0];
    const char *rest = p->text + strlen(head);
    const Definitions *names = definitions_of(f), *module = names->modules ? map_get(names->modules, head) : NULL;
    const Decl *d = f->builtin ? NULL : map_get(names->callables, head);
    if (module && p->parts.n > 1 && map_has(module->root->functions, p->parts.at[1]))
        return str_format(e->arena, "%s%s", module->name, rest);
    if (map_has(f->functions, head) && f->path[0]) return str_format(e->arena, "%s.%s%s", f->path, head, rest);
    bool whole = (names->root && map_has(names->root->functions, head)) || (d && d->kind == DECL_MODEL);
    if (!whole || f->builtin) return NULL;
    return *names->name ? str_format(e->arena, "%s.%s", names->name, p->text) : p->text;
}

static const char *next_part(const char *path)
{
    const char *end = path + strcspn(path, ".");
    return *end ? end + 1 : end;
}

/* At or below what `by` names; a `*` in it stands for any number of parts. */
bool path_chosen(const char *path, const char *by)
{
    if (!*by) return true;
    if (*by == '*') {
        const char *rest = next_part(by);
        for (; *path; path = next_part(path))
            if (path_chosen(path, rest)) return true;
        return !*rest;
    }
    size_t n = strcspn(by, ".");
    if (strcspn(path, ".") != n || strncmp(path, by, n) != 0) return false;
    return path_chosen(next_part(path), next_part(by));
}

/* ---- what stands for a parameter ---- */

Value *tree_leaf(const Tree *t, int tensor)
{
    for (int i = 0; i < t->leaves.n; i++)
        if (t->leaves.at[i].tensor == tensor) return t->leaves.at[i].value;
    return NULL;
}

/* Its first value, where that is made; else what was put in its place; else the parameter itself. */
Value *parameter(Frame *f, int tensor, Span at)
{
    const Graph *g = f->e->graph;
    for (const Overlay *o = f->overlay; o; o = o->outer) {
        Value *v = tree_leaf(o->tree, tensor);
        if (v && v->def->parent->graph == g) return v;
    }
    for (int i = 0; graph_is_first(g) && i < g->results.n; i++)
        if (g->results.at[i].index == tensor) return g->body->last->in[i];
    return tensor_node(f, tensor, at);
}

Val tree_named(Frame *f, const char *path, Span at)
{
    Elab *e = f->e;
    const int *place = map_get(e->places, path);
    if (place && *place) return val_tensor(parameter(f, *place - 1, at));
    Tree *t = NEW(e->arena, Tree);
    t->path = path;
    for (int i = 0; i < e->program->tensors.n; i++)
        if (e->program->tensors.at[i].role == ROLE_PARAM && path_chosen(e->program->tensors.at[i].path, path))
            vec_push(e->arena, &t->leaves, ((Leaf){i, parameter(f, i, at)}));
    return (Val){.kind = VAL_TREE, .tree = t};
}

/* A layer that only the block's own text applies has parameters once that text is elaborated. */
static void settle_mentions(Frame *f, const char *head)
{
    Frame *t = f->e->train_frame;
    for (int i = 0; t && i < t->decl->body->items.n; i++) {
        const Item *it = t->decl->body->items.at[i];
        bool bind = it->kind == ITEM_BIND && !it->targets.at[0].ref.prime;
        if ((!bind && it->kind != ITEM_SETTING) || !expr_mentions(it->value, head)) continue;
        Binding *b = map_get(t->values, bind ? it->targets.at[0].ref.path.text : it->path.text);
        bool value = bind || str_equal(it->path.text, "loss");
        if (b && b->item == it && value && b->state == BINDING_WAITING) binding_force(b);
    }
}

/* Whose parameters there are: a model made of the file's layers has none of its own. */
static void help_owners(Diag *d, const Elab *e)
{
    Text t = {.arena = e->arena};
    const char *last = "";
    for (int i = 0, n = 0; i < e->program->tensors.n && n < 6; i++) {
        const char *path = e->program->tensors.at[i].path;
        const char *head = str_copy_n(e->arena, path, strcspn(path, "."));
        if (e->program->tensors.at[i].role != ROLE_PARAM || str_equal(head, last)) continue;
        text_add(&t, "%s`%s`", n++ ? ", " : "", head);
        last = head;
    }
    if (t.n) diag_help(d, "parameters are those of %s", text_done(&t));
}

Val tree_settled(Frame *f, const char *path, Span at)
{
    Elab *e = f->e;
    Val v = tree_named(f, path, at);
    if (v.kind != VAL_TREE || v.tree->leaves.n) return v;
    settle_mentions(f, str_copy_n(e->arena, path, strcspn(path, ".")));
    v = tree_named(f, path, at);
    if (v.kind != VAL_TREE || v.tree->leaves.n) return v;
    if (e->file->broken || e->cx->diags->errors) return poison; /* what owns them may not stand */
    Diag *d = fault(f, at, "E0401", "`%s` has no parameters here", path);
    diag_primary(d, "a layer has them once it is applied");
    help_owners(d, e);
    return poison;
}

Val tree_part(Frame *f, const Tree *t, const char *rest)
{
    Elab *e = f->e;
    Tree *part = NEW(e->arena, Tree);
    part->path = str_format(e->arena, "%s%s", t->path, rest);
    for (int i = 0; i < t->leaves.n; i++) {
        const char *path = e->program->tensors.at[t->leaves.at[i].tensor].path;
        if (str_equal(path, part->path)) return val_tensor(t->leaves.at[i].value);
        if (path_chosen(path, part->path)) vec_push(e->arena, &part->leaves, t->leaves.at[i]);
    }
    return part->leaves.n ? (Val){.kind = VAL_TREE, .tree = part} : poison;
}

/* ---- types ---- */

bool type_is_tree(const TypeExpr *t) { return t && !t->shaped && !t->range && str_equal(t->name, "tree"); }

/* A type may be the name of a layer or model: the value has its parameters. NULL where it is none. */
const char *instance_type(Frame *f, const TypeExpr *t)
{
    if (!t || !t->name || t->shaped || t->range || type_is_tree(t) || dtype_named(t->name)) return NULL;
    if (str_equal(t->name, "real") || str_equal(t->name, "int")) return NULL;
    Ref ref = {.span = t->span, .path = path_new(f->e->arena, t->name, t->span)};
    return path_resolve(f, &ref);
}

static Val no_tree(Frame *f, const char *path, Val v, Span at)
{
    if (v.kind == VAL_POISON) return poison;
    Diag *d = fault(f, at, "E0412", "a tree of parameters is needed here, but this is %s", val_text(f->e, v));
    diag_primary(d, path ? "`%s` would have these parameters" : "no tree", path);
    return poison;
}

/* A value that stands for the parameters of a layer: the leaves it lacks are the layer's own. */
Val tree_check(Frame *f, const char *path, Val v, Span at)
{
    Elab *e = f->e;
    if (v.kind != VAL_TREE) return no_tree(f, path, v, at);
    Val own = tree_settled(f, path, at);
    if (own.kind != VAL_TREE) return own;
    Tree *out = NEW(e->arena, Tree);
    out->path = path;
    for (int i = 0; i < own.tree->leaves.n; i++) {
        Leaf l = own.tree->leaves.at[i];
        Value *given = tree_leaf(v.tree, l.tensor);
        if (given && !type_same(given->type, l.value->type)) {
            Diag *d = fault(f, at, "E0209", "`%s` is %s, but this gives it %s", e->program->tensors.at[l.tensor].path,
                            type_text(e->arena, l.value->type), type_text(e->arena, given->type));
            diag_primary(d, "parameters keep their types");
            return poison;
        }
        vec_push(e->arena, &out->leaves, ((Leaf){l.tensor, given ? given : l.value}));
    }
    return (Val){.kind = VAL_TREE, .tree = out};
}

/* As an input of type `tree`: a single tensor is a tree of one leaf. */
Val tree_of(Frame *f, Val v)
{
    if (v.kind != VAL_TENSOR) return v;
    const Node *n = v.tensor->def;
    Tree *t = NEW(f->e->arena, Tree);
    t->path = "";
    vec_push(f->e->arena, &t->leaves, ((Leaf){n->op == OP_TENSOR ? n->attr.index : -1, v.tensor}));
    return (Val){.kind = VAL_TREE, .tree = t};
}

/* ---- leaf by leaf ---- */

Frame *frame_for_leaf(Frame *f, const char *leaf)
{
    Frame *g = NEW(f->e->arena, Frame);
    *g = *f;
    g->leaf = leaf;
    g->slot = "";
    return g;
}

/* What the inputs are at one leaf; false where a tree has no such leaf. */
static bool leaf_inputs(const Val *in, int n, int tensor, Val *out)
{
    for (int k = 0; k < n; k++) {
        Value *v = in[k].kind == VAL_TREE ? tree_leaf(in[k].tree, tensor) : NULL;
        if (in[k].kind == VAL_TREE && !v) return false;
        out[k] = v ? val_tensor(v) : in[k];
    }
    return true;
}

static Val no_common_leaf(Frame *f, Span at)
{
    Diag *d = fault(f, at, "E0412", "these trees have no parameter in common");
    diag_primary(d, "leaf by leaf nothing meets");
    return poison;
}

Val tree_map(Frame *f, const Function *fn, OpCode op, Val *in, int n, Span at)
{
    Elab *e = f->e;
    const Val *first = in;
    while (first->kind != VAL_TREE) first++;
    Tree *out = NEW(e->arena, Tree);
    out->path = first->tree->path;
    for (int i = 0; i < first->tree->leaves.n && n <= MAX_INPUTS; i++) {
        int tensor = first->tree->leaves.at[i].tensor;
        Val args[MAX_INPUTS];
        if (!leaf_inputs(in, n, tensor, args)) continue;
        Frame *g = tensor < 0 ? f : frame_for_leaf(f, e->program->tensors.at[tensor].path);
        Val v = fn ? apply(g, fn, args, n, at, NULL, NULL) : apply_operator(g, op, args, n, at);
        if (v.kind == VAL_POISON) return poison;
        if (v.kind == VAL_NUMBER) v = val_tensor(tensor_of(f, v, f->real ? f->real : f->real_default, at));
        if (v.kind != VAL_TENSOR) {
            Diag *d = fault(f, at, "E0412", "a function of a tree gives a tensor for each leaf, but this is %s",
                            val_text(e, v));
            diag_primary(d, "no tensor");
            return poison;
        }
        vec_push(e->arena, &out->leaves, ((Leaf){tensor, v.tensor}));
    }
    return out->leaves.n ? (Val){.kind = VAL_TREE, .tree = out} : no_common_leaf(f, at);
}

/* The sum of the leaves, in their order. */
Val builtin_total(Call *c)
{
    Val v = tree_of(c->f, c->in[0]);
    if (v.kind != VAL_TREE) return no_tree(c->f, NULL, v, c->at);
    Val sum = val_tensor(v.tree->leaves.at[0].value);
    for (int i = 1; i < v.tree->leaves.n && sum.kind == VAL_TENSOR; i++) {
        Val in[] = {sum, val_tensor(v.tree->leaves.at[i].value)};
        if (!type_same_shape(in[0].tensor->type, in[1].tensor->type)) {
            Arena *a = c->f->e->arena;
            Diag *d = fault(c->f, c->at, "E0203", "`total` adds leaves of one shape, but here are %s and %s",
                            type_text(a, in[0].tensor->type), type_text(a, in[1].tensor->type));
            diag_primary(d, "these cannot be added");
            diag_help(d, "reduce each leaf to a number first: `total(sum(...))`");
            return poison;
        }
        sum = apply_operator(c->f, OP_ADD, in, 2, c->at);
    }
    return sum;
}
