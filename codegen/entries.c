/* The entries of a program, in the order of the descriptor, and the arguments of their C functions. */
#include "codegen/cg.h"

/* ---- symbols ---- */
static void mark_symbol(const Symbol *s, void *context)
{
    bool *marks = context;
    if (!s->fixed) marks[s->index] = true;
}

static void mark_type(Type t, bool *marks)
{
    for (int i = 0; i < t.rank; i++) dim_each_symbol(t.axes[i].dim, mark_symbol, marks);
    if (t.range) dim_each_symbol(t.range, mark_symbol, marks);
}

static const int *marked_symbols(Program *p, const bool *marks, int *out_n)
{
    int *at = NEW_ARRAY(p->arena, int, p->symbols.n + 1), n = 0;
    for (int i = 0; i < p->symbols.n; i++)
        if (marks[i]) at[n++] = i;
    *out_n = n;
    return at;
}

static void find_symbols(Program *p, Entry *e)
{
    bool *marks = NEW_ARRAY(p->arena, bool, p->symbols.n + 1);
    const Node *end = e->graph->body->last;
    for (int i = 0; i < e->graph->inputs.n; i++) mark_type(e->graph->inputs.at[i].value->type, marks);
    for (int i = 0; i < e->graph->results.n; i++)
        if (e->graph->results.at[i].kind == RESULT_OUTPUT) mark_type(end->in[i]->type, marks);
    e->symbols = marked_symbols(p, marks, &e->nsymbols);
}

/* ---- facts: those of the file that speak of nothing but this entry's sizes, and its own ---- */
typedef struct Taken { const Entry *entry; bool all; } Taken;

static void check_taken(const Symbol *s, void *context)
{
    Taken *t = context;
    bool found = s->fixed;
    for (int i = 0; i < t->entry->nsymbols; i++) found |= t->entry->symbols[i] == s->index;
    t->all &= found;
}

static void check_dim_taken(const Dim *d, void *context)
{
    dim_each_symbol(d, check_taken, context);
}

static void add_facts(Program *p, Entry *e, const Facts *from)
{
    for (int i = 0; i < from->n; i++) {
        Taken t = {e, true};
        condition_each_dim(from->at[i].condition, check_dim_taken, &t);
        if (t.all) vec_push(p->arena, &e->facts, from->at[i]);
    }
}

/* ---- arguments ---- */
static bool block_draws(const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (op_info(n->op)->kind == KIND_random || (n->region && block_draws(n->region))) return true;
    return false;
}

bool graph_fits_stack(const Graph *g)
{
    int64_t bytes = 0;
    return !g || !g->work_bytes || (dim_known(g->work_bytes, &bytes) && bytes <= MAX_STACK_WORK);
}

bool init_fits_stack(const Program *p) { return graph_fits_stack(p->init) && graph_fits_stack(p->start); }

/* A frozen model whose sizes are all fixed spares its host a workspace, where that is small. */
static bool works_on_stack(const Program *p, const Entry *e)
{
    bool may = e->kind == ENTRY_UPDATE || (p->frozen && e->nsymbols == 0);
    return may && graph_fits_stack(e->graph);
}

static void add_arg(const Program *p, Entry *e, ArgKind kind, int index)
{
    vec_push(p->arena, &e->args, (Arg){kind, index});
}

static void add_args(const Program *p, Entry *e)
{
    bool writes = e->kind == ENTRY_UPDATE || e->kind == ENTRY_STEP, trains = e->kind != ENTRY_PREDICT;
    if (!p->frozen) add_arg(p, e, writes ? ARG_PARAMS : ARG_PARAMS_IN, 0);
    if (writes) add_arg(p, e, ARG_OPT, 0);
    for (int i = 0; i < e->nsymbols; i++) add_arg(p, e, ARG_SIZE, e->symbols[i]);
    for (int i = 0; i < e->graph->inputs.n; i++) add_arg(p, e, ARG_INPUT, i);
    for (int i = 0; i < e->graph->results.n; i++)
        if (e->graph->results.at[i].kind == RESULT_OUTPUT) add_arg(p, e, ARG_OUTPUT, e->graph->results.at[i].index);
    if (e->kind == ENTRY_UPDATE) add_arg(p, e, ARG_GRADS_IN, 0);
    if (trains || e->draws) add_arg(p, e, ARG_STEP, 0);
    if (trains) add_arg(p, e, ARG_HPARAMS, 0);
    if (e->kind == ENTRY_GRAD) add_arg(p, e, ARG_GRADS, 0);
    if (trains && e->kind != ENTRY_UPDATE) add_arg(p, e, ARG_TOTALS, 0);
    if (!works_on_stack(p, e)) add_arg(p, e, ARG_WORK, 0);
}

static int64_t work_of(Program *p, const Entry *e)
{
    int64_t bytes = 0;
    bool known = !e->graph->work_bytes || dim_known(e->graph->work_bytes, &bytes);
    return known && (e->nsymbols == 0 || e->kind == ENTRY_UPDATE) ? frame_least(p) + bytes : -1;
}

static const char *verb_of(Program *p, const Entry *e)
{
    static const char *const verbs[] = {"predict", "eval", "grad", "update", "step"};
    if (str_equal(p->name, e->name)) return verbs[e->kind];
    return e->kind == ENTRY_PREDICT ? e->name : str_format(p->arena, "%s_%s", e->name, verbs[e->kind]);
}

/* digits_predict(image, out, ws); where nothing but inputs and outputs is left, digits(image, out). */
static const char *function_name(Program *p, const Entry *e)
{
    bool plain = p->frozen && str_equal(p->name, e->name) && works_on_stack(p, e);
    return plain ? p->name : str_format(p->arena, "%s_%s", p->name, e->verb);
}

static void add_entry(Program *p, Entries *all, EntryKind kind, Graph *g, const char *name, int train)
{
    if (!g) return;
    Entry *e = &all->at[all->n++];
    *e = (Entry){.kind = kind, .name = name, .graph = g, .train = train, .draws = block_draws(g->body)};
    find_symbols(p, e);
    add_facts(p, e, &p->facts);
    add_facts(p, e, &g->facts);
    e->work = work_of(p, e);
    e->verb = verb_of(p, e);
    e->function = function_name(p, e);
    add_args(p, e);
}

Entries entries_list(Program *p)
{
    Entries all = {NEW_ARRAY(p->arena, Entry, p->models.n + 4 * p->trains.n + 1), 0};
    for (int i = 0; i < p->models.n; i++) add_entry(p, &all, ENTRY_PREDICT, p->models.at[i], p->models.at[i]->name, -1);
    for (int i = 0; i < p->trains.n; i++) {
        const TrainInfo *t = &p->trains.at[i];
        add_entry(p, &all, ENTRY_EVAL, t->eval, t->name, i);
        add_entry(p, &all, ENTRY_GRAD, t->grad, t->name, i);
        add_entry(p, &all, ENTRY_UPDATE, t->update, t->name, i);
        add_entry(p, &all, ENTRY_STEP, t->step, t->name, i);
    }
    return all;
}

const int *program_symbols(Program *p, int *out_n)
{
    bool *marks = NEW_ARRAY(p->arena, bool, p->symbols.n + 1);
    Entries all = entries_list(p);
    for (int i = 0; i < all.n; i++)
        for (int k = 0; k < all.at[i].nsymbols; k++) marks[all.at[i].symbols[k]] = true;
    return marked_symbols(p, marks, out_n);
}

const char *output_name(const Graph *g, int index)
{
    for (int i = 0; i < g->results.n; i++)
        if (g->results.at[i].kind == RESULT_OUTPUT && g->results.at[i].index == index && g->results.at[i].name)
            return g->results.at[i].name;
    return "out";
}
