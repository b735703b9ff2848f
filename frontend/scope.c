/* scope.c: names. Values and what can be called are looked up apart; a file's own definitions come before std's. */
#include "frontend/elab.h"
#include "frontend/habit.h"
#include <math.h>
#include <string.h>

/* ---- frames ---- */

const Definitions *definitions_of(const Frame *f) { return f->names; }

Frame *frame_new(Elab *e, const Decl *decl, Frame *caller)
{
    Frame *f = NEW(e->arena, Frame);
    f->e = e;
    f->decl = decl;
    f->values = map_new(e->arena);
    f->functions = map_new(e->arena);
    f->slot = "";
    f->path = "";
    f->real_default = e->program->real;
    f->names = decl ? definitions_at(e, decl->span.source) : &e->own;
    if (!caller) return f;
    f->training = caller->training;
    f->real_default = caller->real ? caller->real : caller->real_default;
    f->leaf = caller->leaf;
    f->overlay = caller->overlay;
    f->slot = caller->slot;
    f->path = caller->path;
    f->builtin = decl && decl->span.source && decl->span.source->builtin;
    return f;
}

/* The file as a frame: no body, only what `layer name =` defines. */
Frame *frame_root(Elab *e, const Definitions *names)
{
    Frame *f = frame_new(e, NULL, NULL);
    f->builtin = names == &e->std;
    f->names = names;
    f->path = names->name;
    f->owner = true;
    const Definitions *defs = definitions_of(f);
    for (int i = 0; i < map_count(defs->instances); i++) {
        const Decl *d = map_value(defs->instances, i);
        Binding *b = NEW(e->arena, Binding);
        *b = (Binding){.name = d->path.text, .span = d->path.span, .value = d->value, .is_layer = true, .frame = f};
        map_set(f->functions, d->path.text, b);
        if (d->from.text) start_from(f, d->path.text, d->from);
    }
    return f;
}

Binding *frame_bind(Frame *f, const char *name, Span span, Val v)
{
    Binding *b = NEW(f->e->arena, Binding);
    *b = (Binding){.name = name, .span = span, .state = BINDING_READY, .val = v, .frame = f};
    map_set(f->values, name, b);
    return b;
}

DimBinding *frame_dim(const Frame *f, const char *name)
{
    for (int i = 0; i < f->dims.n; i++)
        if (str_equal(f->dims.at[i].name, name)) return &f->dims.at[i];
    return NULL;
}

const Symbol *symbol_named(const Frame *f, const char *name)
{
    const Definitions *names = definitions_of(f);
    const Symbol *own = names->entry ? map_get(names->entry, name) : NULL;
    return own ? own : map_get(names->symbols, name);
}

/* ---- looking up a value ---- */

static Val clock_value(Frame *f, ClockKind kind, Span at)
{
    if (f->e->graph->kind != GRAPH_STEP && f->e->graph->kind != GRAPH_EVAL) {
        Diag *d = fault(f, at, "E0401", "`%s` is known in a train block alone", kind == CLOCK_STEP ? "step" : "epoch");
        diag_primary(d, "there is no step here");
        return poison;
    }
    Attr attr = {.clock = kind};
    Value *v = build(f, at, OP_CLOCK, NULL, 0, &attr, &(Type){.dtype = DT_F64});
    return val_number((Number){.kind = NUM_RUN, .run = v, .clock = true});
}

static bool known_value(Frame *f, const char *name, Span at, Val *out)
{
    if (str_equal(name, "true") || str_equal(name, "false")) *out = val_bool(name[0] == 't');
    else if (str_equal(name, "pi")) *out = val_number(number_real(acos(-1)));
    else if (str_equal(name, "inf")) *out = val_number(number_real(INFINITY));
    else if (str_equal(name, "training")) *out = val_bool(f->training);
    else if (str_equal(name, "step")) *out = clock_value(f, CLOCK_STEP, at);
    else if (str_equal(name, "epoch")) *out = clock_value(f, CLOCK_EPOCH, at);
    else return false;
    return true;
}

static const Graph *graph_of(const Value *v) { return v->def->parent->graph; }

/* A first value is made in a graph of its own, where the inputs of the definition do not exist. */
static Val of_this_graph(Frame *f, Val v, const char *name, Span at)
{
    bool run = v.kind == VAL_NUMBER && v.num.kind == NUM_RUN;
    const Value *inside = v.kind == VAL_TENSOR ? v.tensor : run ? v.num.run : NULL;
    if (!inside || graph_of(inside) == f->e->graph) return v;
    Diag *d = fault(f, at, "E0412", "a first value is made of numbers and generators, but `%s` is %s", name,
                    val_text(f->e, v));
    diag_primary(d, "`%s` is known only while the model runs", name);
    return poison;
}

bool value_named(Frame *f, const char *name, bool primed, Span at, Val *out)
{
    Elab *e = f->e;
    const char *key = primed ? str_format(e->arena, "%s'", name) : name;
    Binding *b = map_get(f->values, key);
    if (primed && (!b || !f->training)) b = map_get(f->values, name); /* without an equation m' is m */
    if (b) {
        *out = of_this_graph(f, binding_force(b), name, at);
        return true;
    }
    const DimBinding *dim = frame_dim(f, name);
    if (dim) {
        *out = dim->dim ? val_number(number_of_dim(e, dim->dim)) : poison;
        return true;
    }
    const Symbol *s = symbol_named(f, name);
    if (s) {
        *out = val_number(number_of_dim(e, dim_symbol(e->dims, s)));
        return true;
    }
    Hyperparameter *h = map_get(definitions_of(f)->hypers, name);
    if (h) {
        *out = hyper_value(f, h);
        return true;
    }
    if (map_has(definitions_of(f)->broken, name)) {
        *out = poison;
        return true;
    }
    return known_value(f, name, at, out);
}

/* ---- did you mean ---- */

/* Of more words than these the nearest is not worth its search. */
enum { MANY_NAMES = 5000 };

static void add_keys(Elab *e, Names *to, const Map *m)
{
    for (int i = 0; m && i < map_count(m) && to->n < MANY_NAMES; i++) vec_push(e->arena, to, map_key(m, i));
}

static void add_callables(Frame *f, Names *to)
{
    Elab *e = f->e;
    add_keys(e, to, f->functions);
    add_keys(e, to, definitions_of(f)->instances);
    add_keys(e, to, definitions_of(f)->callables);
    add_keys(e, to, e->std.callables);
    const Map *modules = definitions_of(f)->modules;
    for (int i = 0; i < map_count(modules); i++) {
        const Definitions *m = map_value(modules, i);
        for (int k = 0; m && k < map_count(m->callables); k++)
            vec_push(e->arena, to, str_format(e->arena, "%s.%s", map_key(modules, i), map_key(m->callables, k)));
    }
    int n;
    const Builtin *all = builtins_all(&n);
    for (int i = 0; i < n; i++) vec_push(e->arena, to, all[i].name);
}

static void add_values(Frame *f, Names *to)
{
    static const char *const known[] = {"true", "false", "pi", "inf", "training", "step", "epoch"};
    Elab *e = f->e;
    add_keys(e, to, f->values);
    for (int i = 0; i < f->dims.n; i++) vec_push(e->arena, to, f->dims.at[i].name);
    add_keys(e, to, definitions_of(f)->symbols);
    add_keys(e, to, definitions_of(f)->hypers);
    for (size_t i = 0; i < COUNT(known); i++) vec_push(e->arena, to, known[i]);
}

static void suggest(Diag *d, const char *name, const Names *among, const char *habit)
{
    const char *near = str_nearest(name, among->at, among->n);
    if (habit) diag_help(d, "%s", habit);
    else if (near) diag_help(d, "did you mean `%s`?", near);
}

/* An unknown name is told once; behind a fault of syntax, which may have hidden it, only where it looks misspelt. */
static bool is_told(const Frame *f, const char *name, const Names *among)
{
    Elab *e = f->e;
    if (map_has(e->unknown, name) || (e->file->broken && !str_nearest(name, among->at, among->n))) return true;
    map_set(e->unknown, name, (void *)among);
    return false;
}

static const Decl *callable_named(const Frame *f, const char *name)
{
    const Decl *d = map_get(definitions_of(f)->callables, name);
    return d ? d : map_get(f->e->std.callables, name);
}

static bool is_generator(const Frame *f, const char *name)
{
    const Decl *d = callable_named(f, name);
    const Builtin *b = d ? NULL : builtin_named(name);
    return d ? d->kind == DECL_FN && !d->inputs.n : b && !b->high;
}

static Val unknown_value(Frame *f, const Ref *ref)
{
    const char *name = ref->path.parts.at[0];
    Names among = {0};
    add_values(f, &among);
    Diag *d;
    if (is_generator(f, name)) {
        d = fault(f, ref->span, "E0412", "`%s` makes a tensor of the type it is given to, and none is written", name);
        diag_primary(d, "of which type?");
        diag_help(d, "write it: `name: f32[...] = %s`", name);
        return poison;
    }
    if (callable_known(f, name)) {
        if (f->e->file->broken || map_has(f->e->unknown, name)) return poison;
        map_set(f->e->unknown, name, (void *)ref);
        d = fault(f, ref->span, "E0413", "`%s` is a function, and a value is needed here", name);
        diag_primary(d, "apply it: `%s(...)`", name);
        return poison;
    }
    if (missing_named(f, name, ref->span) || is_told(f, name, &among)) return poison;
    d = fault(f, ref->span, "E0401", "nothing here is called `%s`", name);
    diag_primary(d, "unknown name");
    suggest(d, name, &among, habit_of_value(name));
    return poison;
}

/* ---- what can be called ---- */

static Binding *layer_named(const Frame *f, const char *name)
{
    Binding *b = map_get(f->functions, name);
    const Frame *root = definitions_of(f)->root;
    if (!b && root && !f->builtin) b = map_get(root->functions, name);
    return b;
}

const TypeExpr *binding_type(const Frame *f, const char *name)
{
    const Binding *b = map_get(f->values, name);
    const Item *it = b ? b->item : NULL;
    if (!it || (it->kind != ITEM_STATE && it->kind != ITEM_BIND)) return NULL;
    return it->kind == ITEM_STATE ? it->type : it->targets.n == 1 ? it->targets.at[0].type : NULL;
}

bool callable_known(const Frame *f, const char *name)
{
    const Binding *option = map_get(f->values, name);
    bool function = option && option->option && option->option->is_fn;
    return function || layer_named(f, name) || callable_named(f, name) || builtin_named(name) || dtype_named(name) ||
           str_equal(name, "real") || str_equal(name, "int");
}

static Function *unknown_function(Frame *f, const Path *path)
{
    const char *name = path->text;
    if (map_has(definitions_of(f)->broken, name)) return NULL;
    if (map_has(definitions_of(f)->broken, path->parts.at[0])) return NULL; /* told at the import */
    Val v;
    Names among = {0};
    add_callables(f, &among);
    Diag *d;
    if (value_named(f, name, false, path->span, &v)) {
        if (v.kind == VAL_POISON) return NULL;
        d = fault(f, path->span, "E0413", "`%s` is %s, and no function", name, val_text(f->e, v));
        diag_primary(d, "a function is needed here");
    } else {
        if (missing_named(f, name, path->span) || is_told(f, name, &among)) return NULL;
        d = fault(f, path->span, "E0402", "no function is called `%s`", name);
        diag_primary(d, "unknown function");
    }
    suggest(d, name, &among, habit_of_function(name));
    return NULL;
}

static Function *function_new(Frame *f, FunctionKind kind, const char *name, Span at)
{
    Function *fn = NEW(f->e->arena, Function);
    fn->kind = kind;
    fn->name = name;
    fn->span = at;
    fn->frame = f;
    return fn;
}

static Function *function_defined(Frame *f, const Decl *d, const Expr *at)
{
    Elab *e = f->e;
    Function *fn = function_new(f, FN_DEFINED, d->path.text, at->span);
    fn->decl = d;
    if (d->span.source == e->file->source) map_set(e->applied, d->path.text, (void *)d);
    if (d->kind == DECL_MODEL) fn->path = d->path.text;
    if (d->kind != DECL_LAYER) return fn;
    if (!f->owner) {
        Diag *m = fault(f, at->span, "E0411", "a `fn` owns nothing, but `%s` is a layer", d->path.text);
        diag_primary(m, "its parameters would have no owner");
        if (f->decl) diag_help(m, "write `layer %s` instead of `fn %s`", f->decl->path.text, f->decl->path.text);
        return NULL;
    }
    const char *local = at->instance ? at->instance : d->path.text;
    if (!*local) fn->path = f->path; /* the only one in a round of `repeat` */
    else fn->path = f->path[0] ? str_format(e->arena, "%s.%s", f->path, local) : local;
    if (f->leaf) fn->slot = str_format(e->arena, "%s%s.", f->slot, *local ? local : "repeat");
    return fn;
}

Function *function_named(Frame *f, const Path *path, const Expr *at)
{
    const char *name = path->text;
    const Binding *option = map_get(f->values, name);
    if (option && option->option && option->option->is_fn) {
        Val v = binding_force((Binding *)option);
        return v.kind == VAL_FUNCTION ? (Function *)v.fn : NULL;
    }
    Binding *layer = layer_named(f, name);
    if (layer) {
        Val v = binding_force(layer);
        return v.kind == VAL_FUNCTION ? (Function *)v.fn : NULL;
    }
    const Definitions *module = module_named(definitions_of(f), path);
    if (module && map_has(module->root->functions, path->parts.at[1]))
        return function_named(module->root, &(Path){.span = path->span, .text = path->parts.at[1]}, at);
    const Decl *d = decl_named(f->e, definitions_of(f), path);
    if (d) return function_defined(f, d, at);
    const Builtin *b = builtin_named(name);
    if (b) {
        Function *fn = function_new(f, FN_BUILTIN, name, at->span);
        fn->builtin = b;
        return fn;
    }
    if (dtype_named(name) || str_equal(name, "real") || str_equal(name, "int")) {
        Function *fn = function_new(f, FN_DTYPE, name, at->span);
        fn->dtype = name;
        return fn;
    }
    return unknown_function(f, path);
}

/* ---- references ---- */

/* The results of a tuple by name, as a binding would take them: a, b. */
static const char *names_text(Elab *e, Val v)
{
    Text t = {.arena = e->arena};
    for (int i = 0; i < v.n; i++) {
        const char *name = v.names && v.names[i] ? v.names[i] : str_format(e->arena, "out%d", i);
        text_add(&t, "%s%s", i ? ", " : "", name);
    }
    return text_done(&t);
}

static Val next_of_ref(Frame *f, const Ref *ref, const char *path)
{
    if (path) return next_named(f, path, ref->span);
    Diag *d = fault(f, ref->span, "E0401", "`%s` has no next value", ref->path.text);
    diag_primary(d, "only states and parameters do");
    return poison;
}

/* A name with dots that is no parameter: a part of a tree, or a function of another file. */
static Val value_of_parts(Frame *f, const Ref *ref, const Type *want)
{
    Val v = poison;
    const char *name = ref->path.text, *head = ref->path.parts.at[0];
    if (map_has(f->values, head) && value_named(f, head, false, ref->span, &v)) {
        if (v.kind == VAL_POISON) return poison;
        Val part = v.kind == VAL_TREE ? tree_part(f, v.tree, name + strlen(head)) : poison;
        if (part.kind != VAL_POISON) return part;
    }
    const Expr at = {.kind = EX_REF, .span = ref->span, .ref = *ref, .text = name};
    bool module = want && module_named(definitions_of(f), &ref->path);
    const Function *fn = module ? function_named(f, &ref->path, &at) : NULL;
    if (fn) return apply(f, fn, NULL, 0, ref->span, NULL, want);
    if (f->e->file->broken || map_has(f->e->unknown, head)) return poison;
    Diag *d = fault(f, ref->span, "E0401", "nothing here is called `%s`", name);
    diag_primary(d, "`%s` is no layer with such a part", head);
    if (v.kind == VAL_TUPLE) diag_help(d, "take its %d results apart: `%s = ...`", v.n, names_text(f->e, v));
    return poison;
}

Val value_of_ref(Frame *f, const Ref *ref, const Type *want)
{
    Val v = poison;
    const char *name = ref->path.text;
    bool whole = ref->path.parts.n == 1;
    if (whole && value_named(f, name, ref->prime, ref->span, &v)) {
        if (v.kind == VAL_FUNCTION && want) return apply(f, v.fn, NULL, 0, ref->span, NULL, want);
        return v;
    }
    const char *path = path_resolve(f, ref);
    if (ref->prime) return next_of_ref(f, ref, path);
    if (path) return tree_settled(f, path, ref->span);
    if (!whole) return value_of_parts(f, ref, want);
    if (want && callable_known(f, name)) {
        Expr at = {.kind = EX_REF, .span = ref->span, .ref = *ref};
        Function *fn = function_named(f, &ref->path, &at);
        return fn ? apply(f, fn, NULL, 0, ref->span, NULL, want) : poison;
    }
    return unknown_value(f, ref);
}
