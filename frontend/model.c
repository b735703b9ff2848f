/* model.c: models as graphs, and definitions that nothing applies, checked by themselves. */
#include "frontend/elab.h"

void graph_begin(Elab *e, Graph *g, bool training)
{
    e->graph = g;
    e->block = g->body;
    e->tensors = NULL;
    e->ntensors = 0;
    e->ordinals = map_new(e->arena);
    e->next.n = 0;
    e->std.root = frame_root(e, &e->std);
    e->root = e->own.root = frame_root(e, &e->own);
    e->root->training = training;
    for (int i = 0; i < e->modules.n; i++) {
        e->modules.at[i]->root = frame_root(e, e->modules.at[i]);
        e->modules.at[i]->root->training = training;
    }
    e->own.entry = NULL;
    e->depth = 0;
    e->applying.n = 0;
    e->active.n = 0;
}

/* ---- entries ---- */

static void entry_input(Frame *f, const Input *input, int index, const Type *t)
{
    Elab *e = f->e;
    Value *v = build(f, input->span, OP_INPUT, NULL, 0, &(Attr){.index = index}, t);
    v->name = input->ref.path.text;
    vec_push(e->arena, &e->graph->inputs, ((GraphInput){v->name, v, input->span}));
    frame_bind(f, v->name, input->ref.span, val_tensor(v));
}

bool entry_inputs(Frame *f, const Decl *d, const TypeExpr *const *types)
{
    bool good = true;
    for (int i = 0; i < d->inputs.n; i++) {
        Type t;
        const Input *input = &d->inputs.at[i];
        if (f->e->checking && type_is_tree(types[i])) {
            frame_bind(f, input->ref.path.text, input->span, poison);
            continue;
        }
        bool known = types[i] && type_of_expr(f, types[i], &t);
        if (known) entry_input(f, input, i, &t);
        else frame_bind(f, input->ref.path.text, input->span, poison);
        good &= known;
    }
    graph_find_rows(f->e->graph);
    return good;
}

static void model_results(Frame *f, Val v, Span at)
{
    Elab *e = f->e;
    int n = v.kind == VAL_TUPLE ? v.n : 1;
    for (int i = 0; i < n; i++) {
        Val part = v.kind == VAL_TUPLE ? v.parts[i] : v;
        if (part.kind == VAL_POISON) return;
        if (part.kind != VAL_TENSOR) {
            Diag *d = fault(f, at, "E0412", "a model gives tensors, but this is %s", val_text(e, part));
            diag_primary(d, "no tensor");
            diag_help(d, "write the type of its result: `-> f32[...]`");
            return;
        }
        const char *name = v.kind == VAL_TUPLE && v.names && v.names[i] ? v.names[i]
                         : n == 1 ? "out" : str_format(e->arena, "out%d", i);
        graph_add_result(e->graph, (Result){.kind = RESULT_OUTPUT, .name = name, .index = i}, part.tensor);
    }
}

static void check_model(Frame *f, const Decl *d)
{
    if (d->options.n) {
        Diag *m = fault(f, d->options.at[0].span, "E0404", "a model has no options");
        diag_primary(m, "a host could not give it");
        diag_help(m, "make it a `hyper`, or write a `layer`");
    }
}

static void model_build(Elab *e, const Decl *d)
{
    Site *site = NEW(e->arena, Site);
    *site = (Site){.span = d->path.span, .path = d->path.text};
    Graph *g = graph_new(e->program, GRAPH_MODEL, d->path.text, site);
    vec_push(e->arena, &e->program->models, g);
    graph_begin(e, g, false);
    number_layers(e, d);
    Frame *f = frame_new(e, d, NULL);
    f->path = d->path.text;
    f->owner = true;
    check_model(f, d);
    facts_of_entry(f, d);
    const TypeExpr **types = NEW_ARRAY(e->arena, const TypeExpr *, d->inputs.n);
    for (int i = 0; i < d->inputs.n; i++) {
        types[i] = d->inputs.at[i].type;
        if (types[i]) continue;
        Diag *m = fault(f, d->inputs.at[i].span, "E0408", "`%s` has no type", d->inputs.at[i].ref.path.text);
        diag_primary(m, "write its type: `%s: f32[...]`", d->inputs.at[i].ref.path.text);
    }
    entry_inputs(f, d, types);
    vec_push(e->arena, &e->applying, d);
    body_bind(f, d->body, false);
    Type want;
    bool single = d->result && d->result->name && type_of_expr(f, d->result, &want);
    Val v = body_result(f, d->body, single ? &want : NULL);
    const Item *last = d->body->items.n ? d->body->items.at[d->body->items.n - 1] : NULL;
    if (last && d->result && v.kind != VAL_POISON) v = result_check(f, d->result, v, last->span);
    if (v.kind != VAL_POISON) model_results(f, v, last->span);
}

void models_build(Elab *e)
{
    for (int i = 0; i < e->file->decls.n; i++)
        if (e->file->decls.at[i]->kind == DECL_MODEL && e->file->decls.at[i]->inputs.n <= MAX_INPUTS)
            model_build(e, e->file->decls.at[i]);
}

/* ---- definitions that nothing applies: with symbols for their dims and options ---- */

static const Dim *abstract_dim(Elab *e, const char *name, Span span)
{
    Symbol *s = NEW(e->arena, Symbol);
    *s = (Symbol){.name = name, .index = ABSTRACT_SYMBOLS + e->nabstract++, .low = 1, .high = INT64_MAX,
                  .span = span,
                  .abstract = true};
    return dim_symbol(e->dims, s);
}

static void abstract_options(Frame *f, const Decl *d)
{
    Elab *e = f->e;
    for (int i = 0; i < d->options.n; i++) {
        const Option *o = &d->options.at[i];
        Val v = poison;
        if (o->kind && str_equal(o->kind->name, "bool")) v = val_bool(true);
        else if (!o->is_fn && !o->kind) v = val_number(number_of_dim(e, abstract_dim(e, o->name, o->name_span)));
        Binding *b = frame_bind(f, o->name, o->name_span, v);
        b->option = o;
        if (!o->value) continue;
        b->state = BINDING_WAITING;
        b->value = o->value;
    }
}

static void abstract_names(Frame *f, const Decl *d)
{
    Elab *e = f->e;
    for (int i = 0; i < d->binders.n; i++) {
        Binder b = d->binders.at[i];
        vec_push(e->arena, &f->dims, ((DimBinding){.name = b.name, .dim = abstract_dim(e, b.name, b.span),
                                                   .input = -1}));
    }
    f->has_pack = true;
    f->npack = 1;
    f->pack[0] = (Axis){abstract_dim(e, "rest", NO_SPAN), NULL, NULL};
    f->pack_from = "";
}

static void check_unapplied(Elab *e, const Decl *d)
{
    Program *p = e->program;
    Graph *init = p->init, *start = p->start;
    int tensors = p->tensors.n;
    Graph *g = graph_new(p, GRAPH_MODEL, d->path.text, NULL);
    graph_begin(e, g, false);
    p->init = graph_new(p, GRAPH_INIT, "init", NULL);
    p->start = NULL;
    Map *places = e->places;
    e->places = map_new(e->arena);
    e->checking = true;
    number_layers(e, d);
    Frame *f = frame_new(e, d, NULL);
    f->path = d->path.text;
    f->owner = d->kind == DECL_LAYER;
    abstract_names(f, d);
    abstract_options(f, d);
    const TypeExpr **types = NEW_ARRAY(e->arena, const TypeExpr *, d->inputs.n);
    for (int i = 0; i < d->inputs.n; i++) types[i] = d->inputs.at[i].type;
    vec_push(e->arena, &e->applying, d);
    wheres_suppose(f);
    Type want;
    bool single = d->result && d->result->name && type_of_expr(f, d->result, &want);
    bool good = entry_inputs(f, d, types);
    if (good) body_bind(f, d->body, false);
    Val v = good ? body_result(f, d->body, single ? &want : NULL) : poison;
    if (v.kind != VAL_POISON && d->result) result_check(f, d->result, v, d->body->items.at[d->body->items.n - 1]->span);
    e->checking = false;
    e->places = places;
    p->init = init;
    p->start = start;
    p->tensors.n = tensors;
}

static void check_inputs(Elab *e, const Decl *d)
{
    for (int i = 0; i < d->inputs.n; i++) {
        if (d->inputs.at[i].type) continue;
        Diag *m = diag_error(e->cx->diags, "E0408", d->inputs.at[i].span, "`%s` has no type",
                             d->inputs.at[i].ref.path.text);
        diag_primary(m, "write its type: `%s: real[...]`", d->inputs.at[i].ref.path.text);
    }
}

void unapplied_check(Elab *e)
{
    for (int i = 0; i < e->file->decls.n; i++) {
        const Decl *d = e->file->decls.at[i];
        if ((d->kind != DECL_FN && d->kind != DECL_LAYER) || e->stopped || d->inputs.n > MAX_INPUTS) continue;
        check_inputs(e, d);
        if (!map_has(e->applied, d->path.text)) check_unapplied(e, d);
    }
}
