/* dump.c: every named value of a model or of a train block's evaluation, from one run over all samples: what the text
   binds a name to, what each layer gives, and the results. The graph that gives them as outputs stands in for the models. */
#include "driver/commands/dump.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- which values, under which names ---- */
typedef struct Watch {
    const Graph *from;
    Arena *arena;
    Dump *dump;
    Map *taken, *last; /* names; by path, the last value computed under it */
    VEC(Value *) values;
} Watch;

static const char *value_name(const Watch *w, const Value *v)
{
    const Node *end = w->from->body->last;
    for (int i = 0; i < end->nin; i++)
        if (end->in[i] == v) return w->from->results.at[i].name;
    if (v->name) return v->name;
    const char *path = v->def->site ? v->def->site->path : NULL;
    return path && map_get(w->last, path) == v && !str_equal(path, w->from->name) ? path : NULL;
}

/* The place in the user's text that brought a value there. */
static Span value_span(const Value *v)
{
    const Site *s = v->def->site;
    while (s && s->applied && (!s->span.source || s->span.source->builtin)) s = s->applied;
    return s ? s->span : NO_SPAN;
}

static bool is_computed(const Node *n) { return op_info(n->op)->kind != KIND_leaf && n->op != OP_RETURN; }

static void watch_value(Watch *w, Value *v)
{
    const char *name = value_name(w, v);
    if (!name) return;
    for (int i = 2; map_has(w->taken, name); i++) name = str_format(w->arena, "%s_%d", value_name(w, v), i);
    map_set(w->taken, name, v);
    vec_push(w->arena, &w->values, v);
    vec_push(w->arena, &w->dump->places, ((DumpPlace){str_copy(w->arena, name), value_span(v)}));
}

static void watch_all(Watch *w)
{
    for (const Node *n = w->from->body->first; n; n = n->next)
        if (is_computed(n) && n->nout && n->site && n->site->path) map_set(w->last, n->site->path, &n->out[0]);
    for (const Node *n = w->from->body->first; n; n = n->next)
        for (int i = 0; is_computed(n) && i < n->nout; i++) watch_value(w, &n->out[i]);
}

/* The copy gives the watched values as its outputs. */
static void replace_models(Watch *w, Program *p)
{
    Value **map = NEW_ARRAY(w->arena, Value *, w->from->nvalues);
    Graph *g = graph_clone(w->from, GRAPH_MODEL, map);
    g->results.n = 0;
    block_return(g->body, NULL, 0);
    for (int i = 0; i < w->values.n; i++)
        graph_add_result(g, (Result){.kind = RESULT_OUTPUT, .name = w->dump->places.at[i].name, .index = i},
                         map[w->values.at[i]->id]);
    p->models.n = 0;
    vec_push(p->arena, &p->models, g);
}

static const Graph *graph_wanted(Args *a, const Program *p, bool evaluation)
{
    const char *name = args_text(a, OPT_MODEL);
    int n = evaluation ? p->trains.n : p->models.n;
    const char **names = NEW_ARRAY(p->arena, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        names[i] = evaluation ? p->trains.at[i].name : p->models.at[i]->name;
        if (!name || str_equal(names[i], name)) return evaluation ? p->trains.at[i].eval : p->models.at[i];
    }
    refuse_model(a, p->file, evaluation ? "train block" : "model", "", names, n);
    return NULL;
}

bool dump_prepare(Args *a, Program *p)
{
    Dump *d = a->dump;
    const Graph *from = graph_wanted(a, p, d->evaluation);
    Watch w = {from, p->arena, d, map_new(p->arena), map_new(p->arena), {0}};
    if (!from) return false;
    watch_all(&w);
    if (w.values.n) return replace_models(&w, p), true;
    failure("`%s` computes nothing that has a name", p->file);
    return false;
}

/* ---- the run ---- */
static int bind_output(Args *a, Dump *d, const int64_t *sizes, int i)
{
    Column *c = &d->values[i];
    *c = (Column){.view = &d->entry->outputs[i], .rank = (int)d->entry->outputs[i].rank};
    for (int x = 0; x < c->rank; x++) c->shape[x] = data_axis_size(d->entry, sizes, &c->view->axes[x]);
    c->at = arena_alloc(a->cx->arena, column_bytes(c));
    if (!nnrt_bind_output_at(d->run.session, 0, i, c->view->dtype, c->view->rank, c->shape, c->at, column_bytes(c)))
        return 0;
    return failure("%s", nnrt_error(d->run.session));
}

static int bind_and_run(Args *a, Dump *d)
{
    nnrt_session *s = d->run.session;
    if (d->entry->batch && d->data.rows != d->entry->batch)
        return failure("values are told of one batch: the model takes %" PRId64 " samples, and the data are %" PRId64,
                       d->entry->batch, d->data.rows);
    for (int i = 0; i < d->data.n; i++) {
        const Column *c = &d->data.columns[i];
        if (nnrt_bind_input_at(s, 0, i, c->view->dtype, c->view->rank, c->shape, c->at, column_bytes(c)))
            return failure("%s", nnrt_error(s));
    }
    const int64_t *sizes = data_sizes(a->cx->arena, d->entry, &d->data);
    d->values = NEW_ARRAY(a->cx->arena, Column, d->entry->noutputs);
    for (uint32_t i = 0; i < d->entry->noutputs; i++) {
        int status = bind_output(a, d, sizes, (int)i);
        if (status) return status;
    }
    return nnrt_run(s, 0) ? failure("%s", nnrt_error(s)) : 0;
}

int dump_run(Args *a, Dump *d, const char *const *specs, int n)
{
    int64_t seed = 0;
    int status;
    if (!n) return usage_error("no data: give --data FILE.csv, or --data INPUT=FILE for each input");
    if (a->values[OPT_SEED].n && !args_count(a, OPT_SEED, 0, &seed)) return EXIT_USAGE;
    if (str_ends(a->operands.at[0], ".so"))
        return usage_error("--dump needs the model's text: a compiled model has only its results");
    a->dump = d;
    if ((status = build_running(a, &d->run)) || (status = weights_wanted(a, d->run.model))) return status;
    if (nnrt_find_entry(d->run.model, NULL, NNRT_PREDICT) != 0) UNREACHABLE("the watched graph is not the first entry");
    d->entry = &d->run.model->entries[0];
    if (nnrt_init(d->run.session, (uint64_t)seed)) return failure("%s", nnrt_error(d->run.session));
    if (!data_load(a->cx, d->entry, specs, n, &d->data, &status))
        return model_finish(a, status);
    return bind_and_run(a, d);
}

/* ---- files ---- */
static int write_values(Args *a, const Dump *d, const char *folder)
{
    if (!folder_make(folder)) {
        failure("the folder `%s` cannot be made: %s", folder, strerror(errno));
        return EXIT_NO_OUTPUT;
    }
    for (int i = 0; i < d->places.n; i++) {
        const Column *c = &d->values[i];
        const char *path = str_format(a->cx->arena, "%s/%s.npy", folder, d->places.at[i].name);
        Text text = {a->cx->arena, 0, 0, 0};
        npy_write(&text, c->view->dtype, c->rank, c->shape, c->at, column_bytes(c));
        if (!write_file(path, text.at, text.n)) {
            failure("`%s` cannot be written: %s", path, strerror(errno));
            return EXIT_NO_OUTPUT;
        }
        puts(path);
    }
    return EXIT_GOOD;
}

int dump_command(Args *a, bool evaluation)
{
    Dump d = {.evaluation = evaluation};
    int status = dump_run(a, &d, a->values[OPT_DATA].at, a->values[OPT_DATA].n);
    if (!status) status = write_values(a, &d, args_text(a, OPT_DUMP));
    running_close(&d.run);
    return status;
}
