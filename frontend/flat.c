/* The reader of the flat form: what program_print wrote becomes the same program. */
#include "frontend/flat.h"
#include <stdlib.h>
#include <string.h>

bool flat_error(Flat *f, Span at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_error(f->cx->diags, "E0106", at, "%s", str_vformat(f->arena, fmt, ap));
    va_end(ap);
    diag_note(d, "this file has a `stage`, so it is read as the flat form");
    return false;
}

/* ---- bodies ---- */

bool flat_region(Flat *f, Block *into, const BlockExpr *body)
{
    const Expr *result = NULL;
    for (int i = 0; i < body->items.n; i++) {
        const Item *item = body->items.at[i];
        if (result || (item->kind != ITEM_BIND && item->kind != ITEM_RESULT))
            return flat_error(f, item->span, "a body holds lines and ends with its results");
        if (item->kind == ITEM_RESULT) result = item->value;
        else if (!flat_line(f, into, item)) return false;
    }
    Operands out;
    if (!flat_results(f, into, result, &out)) return false;
    block_return(into, out.at, out.n);
    return true;
}

/* ---- results ---- */

static Value *next_value(Flat *f, const Expr *e, Type t)
{
    Attr attr = {.constant = {.value = flat_is_number(e) ? flat_number(e, t.dtype) : 0}};
    if (flat_is_number(e)) return value_new(f->graph->body, OP_CONST, NULL, 0, &attr, &t, NULL, f->cx);
    return flat_operand(f, f->graph->body, e, DT_NONE);
}

/* path' = value, path.grad = value */
static bool tensor_result(Flat *f, const Item *item, ResultKind kind, const char *path)
{
    int i = program_find_tensor(f->program, path);
    if (i < 0) return flat_error(f, item->span, "no tensor is called `%s`", path);
    Value *v = next_value(f, item->value, f->program->tensors.at[i].type);
    if (v) graph_add_result(f->graph, (Result){.kind = kind, .name = f->program->tensors.at[i].path, .index = i}, v);
    return v != NULL;
}

static bool plan_line(Flat *f, const Item *item, const char *name)
{
    int64_t n = 0;
    if (str_equal(name, "work")) return (f->graph->work_bytes = flat_dim(f, item->value)) != NULL;
    if (!flat_int(f, item->value, &n)) return false;
    *(str_equal(name, "phases") ? &f->graph->phases : &f->graph->check_phase) = (int)n;
    return true;
}

static bool bind_line(Flat *f, const Item *item)
{
    const Target *t = &item->targets.at[0];
    const char *name = t->ref.path.text;
    if (t->type) return flat_line(f, f->graph->body, item);
    if (t->ref.prime) return tensor_result(f, item, RESULT_NEXT, name);
    if (str_ends(name, ".grad"))
        return tensor_result(f, item, RESULT_GRAD, str_copy_n(f->arena, name, strlen(name) - strlen(".grad")));
    if (str_equal(name, "work") || str_equal(name, "phases") || str_equal(name, "check_phase"))
        return plan_line(f, item, name);
    return flat_error(f, item->span, "`%s` needs its full type", name);
}

/* ---- settings of train blocks ---- */

static int totals_so_far(const Graph *g)
{
    int n = 2;
    for (int i = 0; i < g->results.n; i++) {
        ResultKind k = g->results.at[i].kind;
        n += k == RESULT_METRIC || k == RESULT_STOP;
    }
    return n;
}

static bool add_total(Flat *f, const Expr *e, ResultKind kind, const char *name, bool summed)
{
    Value *v = flat_operand(f, f->graph->body, e, DT_NONE);
    int index = kind == RESULT_LOSS ? 0 : totals_so_far(f->graph);
    if (v) graph_add_result(f->graph, (Result){.kind = kind, .name = name, .index = index, .summed = summed}, v);
    return v != NULL;
}

/* metric accuracy(t9); metric f1(hits, all) */
static bool metric_line(Flat *f, TrainInfo *t, const Item *item)
{
    const Expr *e = item->value;
    bool good = e->kind == EX_CALL && e->a->kind == EX_REF && (e->args.n == 1 || e->args.n == 2);
    if (!good) return flat_error(f, item->span, "a metric has a name and one or two values");
    bool pair = e->args.n == 2;
    Metric m = {e->a->text, pair, totals_so_far(f->graph)};
    if (f->graph == t->step) vec_push(f->arena, &t->metrics, m);
    for (int i = 0; i < e->args.n; i++)
        if (!add_total(f, e->args.at[i].value, RESULT_METRIC, m.name, pair)) return false;
    return true;
}

static bool split_line(Flat *f, TrainInfo *t, const Item *item)
{
    const Expr *e = item->value;
    if (e->kind != EX_BINARY || e->op != OP_DIV) return flat_error(f, item->span, "a split is written 80/20");
    return flat_int(f, e->a, &t->split_a) && flat_int(f, e->b, &t->split_b);
}

static bool setting_line(Flat *f, TrainInfo *t, const Item *item)
{
    const char *name = item->path.text;
    if (!t) return flat_error(f, item->span, "`%s` stands in train blocks", name);
    if (str_equal(name, "loss")) {
        t->has_loss |= f->graph == t->step;
        return add_total(f, item->value, RESULT_LOSS, "loss", false);
    }
    if (str_equal(name, "stop")) return add_total(f, item->value, RESULT_STOP, "stop", false);
    if (str_equal(name, "metric")) return metric_line(f, t, item);
    if (str_equal(name, "split")) return split_line(f, t, item);
    if (str_equal(name, "epochs")) return flat_int(f, item->value, &t->epochs);
    if (str_equal(name, "batch")) return flat_int(f, item->value, &t->batch);
    if (str_equal(name, "seed")) return flat_int(f, item->value, &t->seed);
    if (!str_equal(name, "data") || item->value->kind != EX_TEXT)
        return flat_error(f, item->span, "no setting is called `%s`", name);
    t->data = item->value->text;
    return true;
}

/* ---- tensors ---- */

/* @(opt, 128, "key"): each part where it says more than the path */
static bool tensor_place(Flat *f, const TypeExpr *e, Tensor *t)
{
    for (int i = 0; i < e->place.n; i++) {
        const Expr *part = e->place.at[i];
        if (part->kind == EX_TEXT) t->key = part->text;
        else if (part->kind == EX_REF && str_equal(part->text, "opt")) t->role = ROLE_OPT;
        else if (!flat_int(f, part, &t->offset)) return false;
    }
    return true;
}

static int train_named(const Program *p, const char *name)
{
    for (int i = 0; i < p->trains.n; i++)
        if (str_equal(p->trains.at[i].name, name)) return i;
    return -1;
}

/* The first value in a file, if that is where it is. */
static FileValue file_value(Flat *f, const Item *item, const Tensor *t)
{
    if (t->role == ROLE_OPT) return (FileValue){0};
    if (f->options->weights) return given_by(f->arena, f->options->weights, t->key);
    if (item->value->kind != EX_TEXT) return (FileValue){0};
    return given_in(f->arena, f->path, (LabelText){item->value->span, item->value->text});
}

static bool tensor_line(Flat *f, const Item *item)
{
    Tensor t = {.path = item->path.text, .key = item->path.text, .train = -1};
    t.role = item->kind == ITEM_PARAM ? ROLE_PARAM : ROLE_STATE;
    if (!flat_type(f, item->type, &t.type) || !tensor_place(f, item->type, &t)) return false;
    const char *note = item->note ? item->note : "", *path = strchr(note, ' ');
    Site *s = NEW(f->arena, Site);
    *s = (Site){.span = item->span, .path = path ? path + 1 : NULL, .note = note};
    t.site = s;
    if (t.role == ROLE_OPT) t.train = train_named(f->program, item->path.parts.at[0]);
    if (program_find_tensor(f->program, t.path) >= 0)
        return flat_error(f, item->span, "`%s` is declared twice", t.path);
    if (strlen(t.key) > LONGEST_KEY)
        return flat_error(f, item->span, "no name in files of weights has more than %d bytes", LONGEST_KEY);
    t.given = file_value(f, item, &t);
    program_add_tensor(f->program, t);
    return t.given.file || tensor_result(f, item, RESULT_NEXT, t.path);
}

/* ---- graphs ---- */

static bool graph_inputs(Flat *f, const Decl *d)
{
    for (int i = 0; i < d->inputs.n; i++) {
        const Input *in = &d->inputs.at[i];
        const char *name = in->ref.path.text;
        Type t;
        if (!flat_type(f, in->type, &t)) return false;
        Attr attr = {.index = i};
        Value *v = value_new(f->graph->body, OP_INPUT, NULL, 0, &attr, &t, NULL, f->cx);
        v->name = name;
        vec_push(f->arena, &f->graph->inputs, ((GraphInput){name, v, in->span}));
        map_set(f->values, name, v);
    }
    graph_find_rows(f->graph);
    return true;
}

static bool output_add(Flat *f, const TypeExpr *written, const char *name, Value *v)
{
    Type t;
    if (!flat_type(f, written, &t)) return false;
    if (!type_same(t, v->type))
        return flat_error(f, written->span, "the result is %s, not %s", type_text(f->arena, v->type),
                          type_text(f->arena, t));
    graph_add_result(f->graph, (Result){.kind = RESULT_OUTPUT, .name = name, .index = f->graph->results.n, .type = t}, v);
    return true;
}

static bool outputs_line(Flat *f, const Decl *d, const Expr *e)
{
    Operands out;
    const TypeExpr *t = d->result;
    if (!flat_results(f, f->graph->body, e, &out)) return false;
    if (!t || out.n != (t->name ? 1 : t->fields.n)) return flat_error(f, e->span, "a model has a type for each result");
    if (t->name) return output_add(f, t, NULL, out.at[0]);
    for (int i = 0; i < out.n; i++)
        if (!output_add(f, t->fields.at[i].type, t->fields.at[i].name, out.at[i])) return false;
    return true;
}

static bool item_line(Flat *f, const Decl *d, TrainInfo *t, const Item *item)
{
    switch (item->kind) {
    case ITEM_BIND: return bind_line(f, item);
    case ITEM_PARAM: case ITEM_STATE:
        if (graph_is_first(f->graph)) return tensor_line(f, item);
        return flat_error(f, item->span, "tensors are declared in the `.init` and `.start` blocks");
    case ITEM_SETTING: return setting_line(f, t, item);
    case ITEM_RESULT:
        if (f->graph->kind == GRAPH_MODEL) return outputs_line(f, d, item->value);
        return flat_error(f, item->span, "only a model ends with a value");
    default: return flat_error(f, item->span, "this does not stand in the flat form");
    }
}

/* Leaves live where the host has them. */
static void place_leaves(Graph *g)
{
    Program *p = g->program;
    for (Node *n = g->body->first; n; n = n->next) {
        if (n->op == OP_INPUT) n->out[0].place = (Place){.area = AREA_INPUT, .index = n->attr.index};
        if (n->op != OP_TENSOR) continue;
        const Tensor *t = &p->tensors.at[n->attr.index];
        Area area = t->role == ROLE_OPT ? AREA_OPT : n->grad_area ? AREA_GRADS : AREA_PARAMS;
        n->out[0].place = (Place){.area = area, .offset = dim_const(p->dims, t->offset)};
    }
}

static Graph *graph_read(Flat *f, const Decl *d, GraphKind kind, const char *name, TrainInfo *t)
{
    Site *s = NEW(f->arena, Site);
    *s = (Site){.span = d->head, .path = name, .note = ""};
    f->graph = graph_new(f->program, kind, name, s);
    f->graph->stage = f->stage;
    f->values = map_new(f->arena);
    f->leaves = map_new(f->arena);
    if (kind == GRAPH_STEP) t->step = f->graph;
    if (!flat_graph_facts(f, &d->wheres, f->graph) || !graph_inputs(f, d)) return NULL;
    for (int i = 0; i < d->body->items.n; i++)
        if (!item_line(f, d, t, d->body->items.at[i])) return NULL;
    if (!f->graph->body->last || f->graph->body->last->op != OP_RETURN) block_return(f->graph->body, NULL, 0);
    if (f->stage == STAGE_PLANNED) place_leaves(f->graph);
    return f->graph;
}

/* ---- declarations ---- */

static bool dim_decl(Flat *f, const Decl *d)
{
    for (int i = 0; i < d->binders.n; i++) {
        Symbol *s = NEW(f->arena, Symbol);
        *s = (Symbol){.name = d->binders.at[i].name, .index = f->program->symbols.n, .low = 1, .high = INT64_MAX};
        s->span = d->binders.at[i].span;
        if (d->low && (!flat_int(f, d->low, &s->low) || !flat_int(f, d->high, &s->high))) return false;
        if (d->low && (s->low < 1 || s->low > s->high)) return flat_error(f, d->span, "no size of `%s` is left", s->name);
        if (d->low && s->low == s->high) s->fixed = s->low;
        const char **labels = NEW_ARRAY(f->arena, const char *, d->labels.n);
        for (int k = 0; k < d->labels.n; k++) labels[k] = d->labels.at[k].text;
        if (d->labels.n) s->fixed = s->low = s->high = s->nlabels = d->labels.n;
        if (d->labels.n) s->labels = labels;
        if (s->fixed && !s->labels) dims_fix(f->program->dims, s);
        vec_push(f->arena, &f->program->symbols, s);
    }
    return true;
}

static bool hyper_decl(Flat *f, const Decl *d)
{
    if (!flat_is_number(d->value)) return flat_error(f, d->span, "a setting is a number here");
    vec_push(f->arena, &f->program->hypers, ((Hyper){d->path.text, flat_number(d->value, DT_F64), d->span}));
    return true;
}

static bool file_setting(Flat *f, const Decl *d)
{
    const char *name = d->path.text;
    if (str_equal(name, "real")) {
        f->program->real = dtype_named(d->text);
        return f->program->real != DT_NONE || flat_error(f, d->span, "no dtype is called `%s`", d->text);
    }
    if (!str_equal(name, "stage")) return flat_error(f, d->span, "no setting of a file is called `%s`", name);
    for (int s = STAGE_BUILT; s <= STAGE_PLANNED; s++) {
        f->stage = (Stage)s;
        if (str_equal(d->text, stage_name((Stage)s))) return true;
    }
    return flat_error(f, d->span, "no stage is called `%s`", d->text);
}

/* rings.step: the part before the last point, which is the name, and the entry after it */
static const char *entry_of(Arena *a, const Path *p, const char **out_name)
{
    if (p->parts.n < 2) return NULL;
    const char *entry = p->parts.at[p->parts.n - 1];
    *out_name = str_copy_n(a, p->text, strlen(p->text) - strlen(entry) - 1);
    return entry;
}

static TrainInfo *train_of(Flat *f, const Decl *d, const char *name)
{
    int i = train_named(f->program, name);
    TrainInfo t = {.name = name, .epochs = -1, .batch = -1, .split_a = -1, .split_b = -1, .seed = -1, .span = d->head};
    if (i < 0) vec_push(f->arena, &f->program->trains, t);
    return &f->program->trains.at[i < 0 ? f->program->trains.n - 1 : i];
}

static bool train_decl(Flat *f, const Decl *d)
{
    const char *name, *entry = entry_of(f->arena, &d->path, &name);
    static const struct { const char *name; GraphKind kind; } entries[] = {
        {"step", GRAPH_STEP}, {"eval", GRAPH_EVAL}, {"grad", GRAPH_GRAD}, {"update", GRAPH_UPDATE}};
    for (size_t i = 0; entry && i < COUNT(entries); i++) {
        if (!str_equal(entry, entries[i].name)) continue;
        TrainInfo *t = train_of(f, d, name);
        Graph **slots[] = {&t->step, &t->eval, &t->grad, &t->update};
        *slots[i] = graph_read(f, d, entries[i].kind, name, t);
        if (*slots[i] && entries[i].kind == GRAPH_STEP) t->ntotals = totals_so_far(*slots[i]);
        return *slots[i] != NULL;
    }
    return flat_error(f, d->head, "a train block of the flat form is a step, eval, grad or update");
}

typedef struct FirstName { const char *entry; GraphKind kind; } FirstName;

/* NAME.init and NAME.start, which declare the tensors; NULL for a model. */
static const FirstName *first_name(const Decl *d)
{
    static const FirstName names[] = {{"init", GRAPH_INIT}, {"start", GRAPH_START}};
    const char *last = d->kind == DECL_MODEL && d->path.parts.n > 1 ? d->path.parts.at[d->path.parts.n - 1] : "";
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_equal(last, names[i].entry)) return &names[i];
    return NULL;
}

static bool first_decl(Flat *f, const Decl *d, GraphKind kind)
{
    Program *p = f->program;
    const char *name = p->name;
    entry_of(f->arena, &d->path, &name);
    p->name = f->options->name ? f->options->name : name;
    Graph *g = graph_read(f, d, kind, p->name, NULL);
    *(kind == GRAPH_INIT ? &p->init : &p->start) = g;
    if (g && f->options->weights) graph_drop_unread(g);
    return g != NULL;
}

static bool model_decl(Flat *f, const Decl *d)
{
    Graph *g = graph_read(f, d, GRAPH_MODEL, d->path.text, NULL);
    if (g) vec_push(f->arena, &f->program->models, g);
    return g != NULL;
}

static bool head_decl(Flat *f, const Decl *d)
{
    switch (d->kind) {
    case DECL_DIM: return dim_decl(f, d);
    case DECL_HYPER: return hyper_decl(f, d);
    case DECL_SETTING: return file_setting(f, d);
    case DECL_TRAIN: {
        const char *name;
        if (entry_of(f->arena, &d->path, &name)) train_of(f, d, name);
        return true;
    }
    case DECL_MODEL: return true;
    default: return flat_error(f, d->span, "this does not stand in the flat form");
    }
}

/* What the others name comes first: sizes and settings, then tensors. */
static bool decls_read(Flat *f, const File *file)
{
    for (int i = 0; i < file->decls.n; i++)
        if (!head_decl(f, file->decls.at[i])) return false;
    if (!flat_file_facts(f, &f->program->facts)) return false;
    for (int i = 0; i < file->decls.n; i++)
        if (first_name(file->decls.at[i]) &&
            !first_decl(f, file->decls.at[i], first_name(file->decls.at[i])->kind)) return false;
    for (int i = 0; i < file->decls.n; i++) {
        const Decl *d = file->decls.at[i];
        if (d->kind == DECL_MODEL && !first_name(d) && !model_decl(f, d)) return false;
        if (d->kind == DECL_TRAIN && !train_decl(f, d)) return false;
    }
    return true;
}

/* The tensors' places follow from their order and types; where they are written they must be these. */
static bool tensors_placed(Flat *f, Span file)
{
    Program *p = f->program;
    int64_t *written = NEW_ARRAY(f->arena, int64_t, p->tensors.n);
    for (int i = 0; i < p->tensors.n; i++) written[i] = p->tensors.at[i].offset;
    program_place_tensors(p);
    for (int i = 0; i < p->tensors.n && f->stage == STAGE_PLANNED; i++)
        if (written[i] != p->tensors.at[i].offset)
            return flat_error(f, file, "`%s` lies at %lld, not %lld", p->tensors.at[i].path,
                              (long long)p->tensors.at[i].offset, (long long)written[i]);
    return true;
}

Program *flat_build(Cx *cx, const File *file, const char *path, const FrontendOptions *options)
{
    const char *name = file->source->name, *stem = str_copy_n(cx->arena, name, strcspn(name, "."));
    Program *p = program_new(cx, options->name ? options->name : stem, name);
    p->roles_settled = true; /* by whoever printed it */
    Flat f = {.cx = cx, .arena = cx->arena, .program = p, .options = options, .file = file, .path = path};
    Span whole = {file->source, 0, 0};
    if (options->ndefines) {
        flat_error(&f, whole, "`-D %s` comes too late: a flat file's sizes and settings are settled",
                   options->defines[0].name);
        return NULL;
    }
    if (!decls_read(&f, file) || !tensors_placed(&f, whole)) return NULL;
    return program_verify(p, cx, "E0106") ? p : NULL;
}
