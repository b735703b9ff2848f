/* train.c: a train block as two graphs, the step and the evaluation. */
#include "frontend/elab.h"
#include <string.h>

static const char *const settings[] = {"loss", "optimizer", "metric", "data", "split", "batch", "epochs", "seed",
                                       "stop"};

typedef struct Training {
    Elab *e;
    const Decl *decl;
    Frame *f;
    Graph *graph;
    int index;      /* in the program's trains */
    int totals;
    bool step;
    Value *loss;
    const Input *unread; /* has no type, and nothing says which */
    int errors;     /* before the block */
} Training;

static TrainInfo *info(const Training *t) { return &t->e->program->trains.at[t->index]; }

static bool is_setting(const Item *it, const char *name)
{
    return it->kind == ITEM_SETTING && str_equal(it->path.text, name);
}

static const Item *setting(const Decl *d, const char *name)
{
    for (int i = 0; i < d->body->items.n; i++)
        if (is_setting(d->body->items.at[i], name)) return d->body->items.at[i];
    return NULL;
}

/* ---- inputs without a type have that of the model input they are passed to ---- */

typedef struct InputSearch { Elab *e; const char *name; const TypeExpr *found; bool read, unknown; } InputSearch;

static void search_stage(InputSearch *s, const Expr *callee, int place)
{
    if (callee->kind == EX_CALL) callee = callee->a;
    const Decl *d = callee->kind == EX_REF ? map_get(s->e->own.callables, callee->text) : NULL;
    if (callee->kind == EX_REF && callee->ref.path.parts.n == 1 && !callable_known(s->e->root, callee->text))
        s->unknown = true; /* told there */
    if (d && d->kind == DECL_MODEL && place < d->inputs.n && !s->found) s->found = d->inputs.at[place].type;
}

static bool is_name(const Expr *e, const char *name) { return e->kind == EX_REF && str_equal(e->text, name); }

static void search_input(Expr *e, void *context)
{
    InputSearch *s = context;
    s->read |= is_name(e, s->name);
    if (e->kind == EX_PIPE && is_name(e->list.at[0], s->name)) search_stage(s, e->list.at[1], 0);
    if (e->kind == EX_PIPE && e->list.at[0]->kind == EX_TUPLE)
        for (int i = 0; i < e->list.at[0]->list.n; i++)
            if (is_name(e->list.at[0]->list.at[i], s->name)) search_stage(s, e->list.at[1], i);
    if (e->kind != EX_CALL) return;
    for (int i = 0, place = 0; i < e->args.n; i++) {
        if (e->args.at[i].name) continue;
        if (is_name(e->args.at[i].value, s->name)) search_stage(s, e->a, place);
        place++;
    }
}

static const TypeExpr *input_type(Training *t, const Input *input)
{
    InputSearch s = {t->e, input->ref.path.text, input->type, false, false};
    for (int i = 0; !s.found && i < t->decl->body->items.n; i++)
        expr_each(t->decl->body->items.at[i]->value, search_input, &s);
    if (s.found) return s.found;
    if (t->decl->body->broken || t->e->file->broken || s.unknown) return NULL;
    if (!s.read) {
        t->unread = input;
        return NULL;
    }
    Diag *d = fault(t->f, input->span, "E0408", "`%s` has no type", s.name);
    diag_primary(d, "no model is applied to `%s`, so nothing says what it is", s.name);
    diag_help(d, "write its type: `%s: f32[...]`", s.name);
    return NULL;
}

/* All inputs share their first axis: the samples. */
static void check_samples(Training *t)
{
    const GraphInput *first = NULL;
    for (int i = 0; i < t->graph->inputs.n; i++) {
        const GraphInput *in = &t->graph->inputs.at[i];
        if (!in->value->type.rank) continue;
        if (!first) first = in;
        const Axis *a = &first->value->type.axes[0], *b = &in->value->type.axes[0];
        if (dim_equal(a->dim, b->dim) == PROVED) continue;
        Elab *e = t->e;
        Diag *d = fault(t->f, in->span, "E0210", "`%s` has %s samples, but `%s` has %s", first->name,
                        dim_text(e->arena, a->dim),
                        in->name, dim_text(e->arena, b->dim));
        diag_primary(d, "the first axis of all inputs counts the samples");
        label_origin(d, a->origin, "%s in `%s`", dim_text(e->arena, a->dim), first->name);
        label_origin(d, b->origin, "%s in `%s`", dim_text(e->arena, b->dim), in->name);
    }
}

static void bind_inputs(Training *t)
{
    const Decl *d = t->decl;
    const TypeExpr **types = NEW_ARRAY(t->e->arena, const TypeExpr *, d->inputs.n);
    for (int i = 0; i < d->inputs.n; i++) types[i] = input_type(t, &d->inputs.at[i]);
    entry_inputs(t->f, d, types);
    check_samples(t);
}

/* ---- settings ---- */

static bool is_known_setting(const char *name)
{
    for (size_t i = 0; i < COUNT(settings); i++)
        if (str_equal(settings[i], name)) return true;
    return false;
}

/* `epochs = 10` binds a name that nothing reads. */
static void refuse_equals(Training *t, const Item *it)
{
    const char *name = it->targets.at[0].ref.path.text;
    if (!it->unused || it->targets.n > 1 || it->targets.at[0].ref.prime || !is_known_setting(name)) return;
    Diag *d = fault(t->f, it->targets.at[0].span, "E0403", "`%s` is a setting, and stands without `=`", name);
    diag_primary(d, "this binds a name, which nothing reads");
    diag_help(d, "write `%s %s`", name, source_text(t->e, it->value->span));
    frame_bind(t->f, name, it->span, poison);
}

static void check_settings(Training *t)
{
    for (int i = 0; i < t->decl->body->items.n; i++)
        if (t->decl->body->items.at[i]->kind == ITEM_BIND) refuse_equals(t, t->decl->body->items.at[i]);
    for (int i = 0; i < t->decl->body->items.n; i++) {
        const Item *it = t->decl->body->items.at[i];
        if (it->kind != ITEM_SETTING) continue;
        const char *name = it->path.text;
        if (!is_known_setting(name)) {
            Diag *d = fault(t->f, it->path.span, "E0403", "a train block has no setting `%s`", name);
            diag_primary(d, "unknown setting");
            const char *near = str_nearest(name, settings, COUNT(settings));
            if (near) diag_help(d, "did you mean `%s`?", near);
            if (near) map_set(t->e->unknown, near, (void *)it); /* what reads it is no fault of its own */
            diag_note(d, "its settings are `loss`, `optimizer`, `metric`, `data`, `split`, `batch`, `epochs`,\n"
                         "`seed` and `stop`");
            continue;
        }
        bool repeats = str_equal(name, "metric") || str_equal(name, "stop");
        if (repeats || setting(t->decl, name) == it) continue;
        Diag *d = fault(t->f, it->span, "E0406", "`%s` is set twice", name);
        diag_primary(d, "the second time");
        diag_label(d, setting(t->decl, name)->span, "the first time");
    }
}

static int64_t whole_of(Training *t, Expr *e, const char *name, int64_t low)
{
    Val v = elaborate_single(t->f, e, NULL);
    int64_t n;
    if (v.kind == VAL_POISON) return -1;
    if (v.kind == VAL_NUMBER && !require_known(t->f, v.num, e->span, "a setting")) return -1;
    if (v.kind == VAL_NUMBER && number_is_whole(&v.num, &n) && n >= low) return n;
    Diag *d = fault(t->f, e->span, "E0412", "`%s` is a whole number from %lld up, but this is %s", name, (long long)low,
                    val_text(t->e, v));
    diag_primary(d, "a whole number is needed");
    return -1;
}

static int64_t whole_setting(Training *t, const char *name, int64_t low)
{
    const Item *it = setting(t->decl, name);
    return it ? whole_of(t, it->value, name, low) : -1;
}

static void read_split(Training *t)
{
    const Item *it = setting(t->decl, "split");
    TrainInfo *to = info(t);
    to->split_a = to->split_b = -1;
    if (!it) return;
    if (it->value->kind == EX_BINARY && it->value->op == OP_DIV) {
        int64_t a = whole_of(t, it->value->a, "split", 1), b = whole_of(t, it->value->b, "split", 1);
        info(t)->split_a = a;
        info(t)->split_b = b;
        if (a < 0 || b < 0 || a >= b) return;
        Diag *d = fault(t->f, it->value->span, "E0412", "less than half of the samples would train");
        diag_primary(d, "%lld to %lld", (long long)a, (long long)b);
        diag_help(d, "`split 80/20` trains on 80 of 100 and holds out 20");
        return;
    }
    Diag *d = fault(t->f, it->value->span, "E0412", "a split is two numbers, such as `80/20`");
    diag_primary(d, "how many train, and how many are held out?");
}

static void read_settings(Training *t)
{
    check_settings(t);
    int64_t epochs = whole_setting(t, "epochs", 1), batch = whole_setting(t, "batch", 1);
    int64_t seed = whole_setting(t, "seed", 0);
    TrainInfo *to = info(t);
    to->epochs = epochs;
    to->batch = batch;
    to->seed = seed;
    const Item *data = setting(t->decl, "data");
    if (data && data->value->kind == EX_TEXT) to->data = data->value->text;
    else if (data)
        diag_primary(fault(t->f, data->value->span, "E0412", "`data` is a path"), "write it as a text: `\"digits\"`");
    read_split(t);
}

/* ---- what the block gives ---- */

static void add_loss(Training *t)
{
    const Item *it = setting(t->decl, "loss");
    if (!it) return;
    info(t)->has_loss = true;
    Val v;
    if (!value_named(t->f, "loss", false, it->span, &v) || v.kind == VAL_POISON) return;
    if (t->step) {
        int errors = t->e->cx->diags->errors;
        check_objective(t->f, it->value, v);
        if (t->e->cx->diags->errors > errors) return;
    }
    if (v.kind != VAL_TENSOR) return;
    t->loss = t->e->loss = v.tensor;
    if (!v.tensor->name) v.tensor->name = "loss";
    graph_add_result(t->graph, (Result){.kind = RESULT_LOSS, .name = "loss", .index = 1}, v.tensor);
}

static const char *metric_name(Training *t, const Expr *e)
{
    const char *name = e->kind == EX_CALL && e->a->kind == EX_REF ? e->a->text : e->kind == EX_REF ? e->text : "metric";
    if (e->kind == EX_PIPE) return metric_name(t, e->list.at[e->list.n - 1]);
    return name;
}

static const char *unique_metric(Training *t, const char *name, int upto)
{
    int same = 1;
    for (int i = 0, seen = 0; i < t->decl->body->items.n && seen < upto; i++) {
        const Item *it = t->decl->body->items.at[i];
        if (!is_setting(it, "metric")) continue;
        same += str_equal(metric_name(t, it->value), name);
        seen++;
    }
    return same > 1 ? str_format(t->e->arena, "%s%d", name, same) : name;
}

static void metric_fault(Training *t, const Item *it, Val v)
{
    Diag *d = fault(t->f, it->value->span, "E0211", "a metric is one float or a pair of them, but this is %s",
                    val_text(t->e, v));
    diag_primary(d, "neither");
    label_type(t->e, d, v);
    diag_help(d, "reduce it to one number: `mean(...)`");
}

static bool is_single(Val v)
{
    if (v.kind == VAL_NUMBER) return true;
    return v.kind == VAL_TENSOR && !v.tensor->type.rank && dtype_is_float(v.tensor->type.dtype);
}

static void add_metric(Training *t, const Item *it, int place)
{
    Val v = elaborate(t->f, it->value, NULL);
    bool pair = v.kind == VAL_TUPLE && v.n == 2;
    const char *name = unique_metric(t, metric_name(t, it->value), place);
    if (v.kind == VAL_POISON) return;
    if (pair ? !is_single(v.parts[0]) || !is_single(v.parts[1]) : !is_single(v)) {
        metric_fault(t, it, v);
        return;
    }
    if (t->step) vec_push(t->e->arena, &info(t)->metrics, ((Metric){name, pair, t->totals}));
    for (int i = 0; i <= pair; i++) {
        Value *m = tensor_of(t->f, pair ? v.parts[i] : v, t->f->real_default, it->value->span);
        Result r = {.kind = RESULT_METRIC, .name = name, .index = t->totals++, .summed = pair};
        graph_add_result(t->graph, r, m);
    }
}

static void add_stop(Training *t, const Item *it)
{
    if (!t->step) {
        t->totals++;
        return;
    }
    Val v = elaborate(t->f, it->value, NULL);
    Value *stop = v.kind == VAL_BOOL ? tensor_of(t->f, v, DT_BOOL, it->value->span) : v.tensor;
    if (v.kind == VAL_POISON) return;
    if (v.kind != VAL_BOOL && (v.kind != VAL_TENSOR || v.tensor->type.rank || v.tensor->type.dtype != DT_BOOL)) {
        Diag *d = fault(t->f, it->value->span, "E0412", "`stop` is a condition, but this is %s", val_text(t->e, v));
        diag_primary(d, "write a comparison, such as `step >= 1000`");
        return;
    }
    graph_add_result(t->graph, (Result){.kind = RESULT_STOP, .name = "stop", .index = t->totals++}, stop);
}

static void add_reports(Training *t)
{
    const Items *items = &t->decl->body->items;
    int place = 0;
    t->totals = 2;
    for (int i = 0; i < items->n; i++)
        if (is_setting(items->at[i], "metric")) add_metric(t, items->at[i], place++);
    for (int i = 0; i < items->n; i++)
        if (is_setting(items->at[i], "stop")) add_stop(t, items->at[i]);
    info(t)->ntotals = t->totals;
}

/* Bindings that only the next values need, and those that nothing needs. */
static void force_bindings(Training *t)
{
    for (int i = 0; i < t->decl->body->items.n; i++) {
        const Item *it = t->decl->body->items.at[i];
        if (it->kind != ITEM_BIND || it->targets.at[0].ref.prime) continue;
        Binding *b = map_get(t->f->values, it->targets.at[0].ref.path.text);
        if (b && b->item == it) binding_force(b);
    }
}

static void add_steps(Training *t)
{
    const Item *optimizer = setting(t->decl, "optimizer");
    states_advance(t->f);
    next_settle(t->e);
    bool broken = t->e->cx->diags->errors > t->errors || t->e->file->broken;
    if (!optimizer || setting(t->decl, "loss") || broken) return;
    Diag *d = fault(t->f, optimizer->span, "E0404", "an optimizer needs a `loss`");
    diag_primary(d, "nothing says what is to be made small");
    if (map_has(t->f->values, "loss")) diag_help(d, "a setting is written without `=`: `loss ...`");
}

static Value *mean_of(Training *t, const NextValue *n)
{
    if (n->count < 2) return n->value;
    Val in[] = {val_tensor(n->value), val_number(number_whole(n->count))};
    Val v = apply_operator(t->f, OP_DIV, in, 2, n->span);
    return v.kind == VAL_TENSOR ? v.tensor : n->value;
}

static void add_next_values(Training *t)
{
    Elab *e = t->e;
    for (int i = 0; i < e->program->tensors.n; i++)
        for (int k = 0; k < e->next.n; k++) {
            const NextValue *n = &e->next.at[k];
            if (n->tensor != i) continue;
            Result r = {.kind = RESULT_NEXT, .name = e->program->tensors.at[i].path, .index = i};
            graph_add_result(t->graph, r, mean_of(t, n));
        }
}

/* ---- one graph ---- */

static Graph *build_graph(Elab *e, const Decl *d, int index, bool step)
{
    Site *site = NEW(e->arena, Site);
    *site = (Site){.span = d->path.span, .path = d->path.text};
    Graph *g = graph_new(e->program, step ? GRAPH_STEP : GRAPH_EVAL, d->path.text, site);
    graph_begin(e, g, step);
    Training t = {.e = e, .decl = d, .graph = g, .index = index, .step = step, .errors = e->cx->diags->errors};
    t.f = frame_new(e, d, NULL);
    t.f->path = d->path.text;
    t.f->owner = true;
    t.f->training = step;
    facts_of_entry(t.f, d);
    bind_inputs(&t);
    body_bind(t.f, d->body, true);
    e->train_frame = t.f;
    e->loss = NULL;
    next_begin(t.f, d->body);
    if (step) read_settings(&t);
    add_loss(&t);
    add_reports(&t);
    if (step) force_bindings(&t);
    if (step) add_steps(&t);
    if (step) add_next_values(&t);
    if (!g->results.n) block_return(g->body, NULL, 0);
    if (step) idle_find(e, g);
    if (step && t.unread && e->cx->diags->errors == t.errors) {
        Diag *m = fault(t.f, t.unread->span, "E0408", "`%s` has no type", t.unread->ref.path.text);
        diag_primary(m, "nothing reads it, so nothing says what it is");
        diag_help(m, "take it away, or write its type: `%s: f32[...]`", t.unread->ref.path.text);
    }
    return g;
}

static void train_build(Elab *e, const Decl *d)
{
    Program *p = e->program;
    TrainInfo to = {.name = d->path.text, .epochs = -1, .batch = -1, .split_a = -1, .split_b = -1, .seed = -1,
                    .span = d->path.span};
    for (int i = 0; i < p->trains.n; i++) {
        if (!str_equal(p->trains.at[i].name, to.name)) continue;
        Diag *m = diag_error(e->cx->diags, "E0406", d->path.span, "there are two train blocks called `%s`", to.name);
        diag_primary(m, "the second one");
        diag_label(m, p->trains.at[i].span, "the first one");
        return;
    }
    vec_push(e->arena, &p->trains, to);
    int index = e->train = p->trains.n - 1;
    number_layers(e, d);
    Graph *step = build_graph(e, d, index, true);
    p->trains.at[index].step = step;
    Graph *eval = build_graph(e, d, index, false);
    p->trains.at[index].eval = eval;
    e->train = -1;
    e->train_frame = NULL;
}

/* ---- settings of the run time ---- */

typedef struct Mention { const char *name; bool found; } Mention;

static void find_mention(Expr *e, void *context)
{
    Mention *m = context;
    if (e->kind == EX_REF && str_equal(e->ref.path.parts.at[0], m->name)) m->found = true;
}

/* A hyper that no model needed may be a field of the settings, if a train block may need it. */
static void offer_hypers(Elab *e)
{
    for (int i = 0; i < map_count(e->own.hypers); i++) {
        Hyperparameter *h = map_value(e->own.hypers, i);
        Mention m = {h->decl->path.text, false};
        for (int k = 0; k < e->file->decls.n; k++) {
            const Decl *d = e->file->decls.at[k];
            if (d->kind == DECL_TRAIN || d->kind == DECL_FN || d->kind == DECL_LAYER) decl_each(d, find_mention, &m);
        }
        double value;
        if (h->structural || h->fixed || !m.found) continue;
        Val v = hyper_default(e->root, h);
        if (v.kind != VAL_NUMBER || !number_known(&v.num, &value)) continue;
        h->index = e->program->hypers.n;
        vec_push(e->arena, &e->program->hypers, ((Hyper){h->decl->path.text, value, h->decl->path.span}));
    }
}

void trains_build(Elab *e)
{
    offer_hypers(e);
    for (int i = 0; i < e->file->decls.n; i++)
        if (e->file->decls.at[i]->kind == DECL_TRAIN) train_build(e, e->file->decls.at[i]);
}
