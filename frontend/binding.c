/* binding.c: a name gets its value when it is first asked for; asked for on the way there, it is a cycle. */
#include "frontend/elab.h"

/* ---- cycles ---- */

static Val cycle(Binding *b)
{
    Elab *e = b->frame->e;
    int first = e->active.n - 1;
    while (first > 0 && e->active.at[first] != b) first--;
    Text path = {.arena = e->arena};
    for (int i = first; i < e->active.n; i++) text_add(&path, "`%s` needs ", e->active.at[i]->name);
    Diag *d = fault(b->frame, b->span, "E0214", "`%s` is defined by itself", b->name);
    diag_primary(d, e->active.n - first == 1 ? "`%s` needs `%s`" : "the way round begins and ends here", b->name,
                 b->name);
    for (int i = first + 1; i < e->active.n; i++) {
        const char *next = i + 1 < e->active.n ? e->active.at[i + 1]->name : b->name;
        diag_label(d, e->active.at[i]->span, "`%s` needs `%s`", e->active.at[i]->name, next);
    }
    diag_note(d, "the way round: %s`%s`", text_done(&path), b->name);
    for (int i = first; i < e->active.n; i++) {
        const Item *it = e->active.at[i]->item;
        if (it && it->value && it->value->kind == EX_BINARY && it->value->op == OP_SUB &&
            source_line(it->span.source, it->value->op_span.lo) != source_line(it->span.source, it->value->a->span.lo))
            diag_help(d, "a line that begins with `-` goes on with the line above; end that one with `;`");
    }
    diag_help(d, "a value of the step before is a `state`: `state %s: ... = 0`, with `%s' = ...`", b->name, b->name);
    return poison;
}

/* ---- values of bindings ---- */

static const char *top_name(const Binding *b)
{
    const Frame *f = b->frame;
    bool top = f->decl && (f->decl->kind == DECL_MODEL || f->decl->kind == DECL_TRAIN) && !f->applied;
    return top ? b->name : NULL;
}

static Val typed_value(Frame *f, const Target *t, Val v, Span at)
{
    if (!t->type || v.kind == VAL_POISON) return v;
    return result_check(f, t->type, v, at);
}

static Val part_of(Binding *b, const Item *it, Val v, int part)
{
    const Target *t = &it->targets.at[part];
    if (it->targets.n > 1) {
        if (v.kind == VAL_POISON) return v;
        v = v.parts[part];
    }
    v = typed_value(b->frame, t, v, it->value->span);
    const char *name = top_name(b);
    if (name && v.kind == VAL_TENSOR && !v.tensor->name) v.tensor->name = name;
    return v;
}

static Val item_value(Binding *b, const Item *it)
{
    Frame *f = b->frame;
    Type want;
    const Type *wanted = NULL;
    const TypeExpr *type = it->targets.n == 1 ? it->targets.at[0].type : NULL;
    if (type && !type_is_tree(type) && !instance_type(f, type)) {
        if (!type_of_expr(f, type, &want)) return poison;
        wanted = &want;
    }
    Val v = elaborate(f, it->value, wanted);
    if (it->targets.n == 1 || v.kind == VAL_POISON) return v;
    if (v.kind == VAL_TUPLE && v.n == it->targets.n) return v;
    Diag *d = fault(f, it->span, "E0404", "%d names take %s apart", it->targets.n,
                    v.kind == VAL_TUPLE ? str_format(f->e->arena, "%d values", v.n) : "one value");
    diag_primary(d, "the right side is %s", val_text(f->e, v));
    return poison;
}

/* Every name of one item is settled at once. */
static void force_item(Binding *b)
{
    const Item *it = b->item;
    Val v = item_value(b, it);
    for (int i = 0; i < it->targets.n; i++) {
        const Ref *ref = &it->targets.at[i].ref;
        if (str_equal(ref->path.text, "_")) continue;
        const char *key = ref->prime ? str_format(b->frame->e->arena, "%s'", ref->path.text) : ref->path.text;
        Binding *t = map_get(b->frame->values, key);
        if (!t || t->item != it) continue;
        t->val = part_of(t, it, v, i);
        t->state = BINDING_READY;
    }
}

/* ---- a long body needs no deep recursion: what a name surely reads is settled before it, on a list ---- */

typedef struct Needs { Frame *frame; Binding *found; } Needs;

static void find_need(const Expr *e, Needs *n)
{
    if (!e || n->found) return;
    if (e->kind == EX_REF && !e->ref.prime) {
        Binding *b = map_get(n->frame->values, e->text);
        if (b && b->state == BINDING_WAITING && b->item && b->item->kind == ITEM_BIND) n->found = b;
        return;
    }
    find_need(e->a, n);
    if (e->kind == EX_IF) return; /* what only one branch reads may not be wanted */
    find_need(e->b, n);
    for (int i = 0; i < e->list.n; i++) find_need(e->list.at[i], n);
    for (int i = 0; i < e->args.n; i++) find_need(e->args.at[i].value, n);
}

static void settle_needs(Binding *b)
{
    VEC(Binding *) todo = {0};
    Arena *a = b->frame->e->arena;
    vec_push(a, &todo, b);
    while (todo.n) {
        Binding *top = todo.at[todo.n - 1];
        Needs n = {top->frame, NULL};
        find_need(top->item->value, &n);
        if (n.found) {
            n.found->state = BINDING_QUEUED;
            vec_push(a, &todo, n.found);
            continue;
        }
        todo.n--;
        if (top != b && top->state == BINDING_QUEUED) binding_force(top);
    }
}

Val binding_force(Binding *b)
{
    Elab *e = b->frame->e;
    if (b->state == BINDING_READY) return b->val;
    if (b->state == BINDING_ACTIVE) return cycle(b);
    if (b->state == BINDING_WAITING && !b->settle && b->item && b->item->kind == ITEM_BIND) {
        b->state = BINDING_QUEUED;
        settle_needs(b);
        if (b->state == BINDING_READY) return b->val;
    }
    b->state = BINDING_ACTIVE;
    vec_push(e->arena, &e->active, b);
    if (b->settle) b->settle(b);
    else if (b->item && (b->item->kind == ITEM_PARAM || b->item->kind == ITEM_STATE))
        b->val = param_value(b->frame, b->item);
    else if (b->item && b->item->kind == ITEM_BIND) force_item(b);
    else if (b->is_layer) {
        Function *fn = function_of_expr(b->frame, (Expr *)b->value);
        b->val = fn ? (Val){.kind = VAL_FUNCTION, .fn = fn} : poison;
    } else if (b->option && b->option->kind && str_equal(b->option->kind->name, "axis")) {
        b->val = axes_of_expr(b->frame, (Expr *)b->value);
    } else if (b->option && b->option->is_fn) {
        Function *fn = function_of_expr(b->frame, (Expr *)b->value);
        b->val = fn ? (Val){.kind = VAL_FUNCTION, .fn = fn} : poison;
    } else {
        b->val = elaborate(b->frame, (Expr *)b->value, NULL);
    }
    b->state = BINDING_READY;
    e->active.n--;
    return b->val;
}

/* ---- hyperparameters ---- */

/* The way round is told from this hyper on; each of them is on the way to the next. */
static Val hyper_cycle(Frame *f, const Hyperparameter *h)
{
    Elab *e = f->e;
    const char *name = h->decl->path.text;
    Diag *d = fault(f, h->decl->path.span, "E0214", "`%s` is defined by itself", name);
    Text path = {.arena = e->arena};
    int first = e->settling.n - 1;
    while (first > 0 && e->settling.at[first] != h) first--;
    diag_primary(d, e->settling.n - first == 1 ? "`%s` needs `%s`" : "the way round begins and ends here", name, name);
    for (int i = first; i < e->settling.n; i++) {
        const Decl *needs = e->settling.at[i]->decl;
        const char *next = i + 1 < e->settling.n ? e->settling.at[i + 1]->decl->path.text : name;
        text_add(&path, "`%s` needs ", needs->path.text);
        if (i > first) diag_label(d, needs->path.span, "`%s` needs `%s`", needs->path.text, next);
    }
    diag_note(d, "the way round: %s`%s`", text_done(&path), name);
    return poison;
}

/* The value that the text, or -D, gives it. */
Val hyper_default(Frame *f, Hyperparameter *h)
{
    if (h->state == BINDING_ACTIVE) {
        h->val = hyper_cycle(f, h);
    } else if (h->state == BINDING_WAITING) {
        h->state = BINDING_ACTIVE;
        vec_push(f->e->arena, &f->e->settling, h);
        Val v = elaborate(definitions_at(f->e, h->decl->span.source)->root, h->decl->value, NULL);
        f->e->settling.n--;
        if (h->state == BINDING_ACTIVE) h->val = v;
    }
    h->state = BINDING_READY;
    return h->val;
}

/* In train blocks a field of the settings; what a model needs is settled when compiling. */
Val hyper_value(Frame *f, Hyperparameter *h)
{
    Elab *e = f->e;
    bool open = h->index >= 0 && !h->structural;
    bool training = e->graph->kind == GRAPH_STEP || e->graph->kind == GRAPH_EVAL;
    Val v = hyper_default(f, h);
    if (!training || e->checking) {
        if (open) e->again |= (uint64_t)1 << h->place;
        else if (!e->checking) h->structural = true;
        return v;
    }
    if (!open || v.kind != VAL_NUMBER) return v;
    Value *run = build(f, h->decl->path.span, OP_HYPER, NULL, 0, &(Attr){.index = h->index}, &(Type){.dtype = DT_F64});
    return val_number((Number){.kind = NUM_RUN, .run = run, .hypers = (uint64_t)1 << h->place});
}
