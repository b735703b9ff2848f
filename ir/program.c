/* A program: what one source file becomes. */
#include "ir/ir.h"
#include <string.h>

Program *program_new(Cx *cx, const char *name, const char *file)
{
    Program *p = NEW(cx->arena, Program);
    p->cx = cx;
    p->arena = cx->arena;
    p->dims = dims_new(cx->arena);
    p->name = name;
    p->file = file;
    p->real = DT_F32;
    p->tensor_paths = map_new(cx->arena);
    return p;
}

int program_add_tensor(Program *p, Tensor t)
{
    vec_push(p->arena, &p->tensors, t);
    map_set(p->tensor_paths, t.path, (void *)(intptr_t)p->tensors.n);
    return p->tensors.n - 1;
}

int program_find_tensor(const Program *p, const char *path)
{
    return (int)(intptr_t)map_get(p->tensor_paths, path) - 1;
}

int64_t tensor_bytes(const Program *p, const Tensor *t)
{
    int64_t bytes = 0;
    dim_known(type_bytes(p->dims, t->type), &bytes);
    return bytes;
}

Place place_of_tensor(const Program *p, int index, bool grad)
{
    const Tensor *t = &p->tensors.at[index];
    Area area = grad ? AREA_GRADS : t->role == ROLE_OPT ? AREA_OPT : AREA_PARAMS;
    return (Place){.area = area, .offset = dim_const(p->dims, t->offset)};
}

const char *program_line(const Program *p, Span span, const Site *site)
{
    while (site && site->applied) site = site->applied;
    if (site) span = site->span;
    if (!span.source) return p->file ? p->file : p->name;
    return str_format(p->arena, "%s:%d", span.source->name, source_line(span.source, span.lo));
}

/* The tensors of one role one after the other from `offset`; the end of the last. */
static int64_t place_role(Program *p, Role role, int64_t offset)
{
    for (int i = 0; i < p->tensors.n; i++) {
        Tensor *t = &p->tensors.at[i];
        if (t->role != role) continue;
        t->offset = offset;
        offset += (tensor_bytes(p, t) + 63) & ~(int64_t)63;
    }
    return offset;
}

void program_place_tensors(Program *p)
{
    p->trainable_bytes = place_role(p, ROLE_PARAM, 0);
    p->params_bytes = place_role(p, ROLE_STATE, p->trainable_bytes);
    p->opt_bytes = place_role(p, ROLE_OPT, 0);
    if (p->frozen) p->trainable_bytes = p->params_bytes = 0; /* the host holds none of it */
}

/* ---- leaving out ---- */

/* Where each tensor goes when the optimizers' are left out; -1: out. */
static int *drop_opt_tensors(Program *p)
{
    int *place = NEW_ARRAY(p->arena, int, p->tensors.n + 1), n = 0;
    p->tensor_paths = map_new(p->arena);
    for (int i = 0; i < p->tensors.n; i++) {
        Tensor t = p->tensors.at[i];
        place[i] = t.role == ROLE_OPT ? -1 : n;
        if (t.role == ROLE_OPT) continue;
        p->tensors.at[n++] = t;
        map_set(p->tensor_paths, t.path, (void *)(intptr_t)n);
    }
    p->tensors.n = n;
    return place;
}

static void renumber_block(Block *b, const int *place)
{
    for (Node *n = b->first; n; n = n->next) {
        if (n->op == OP_TENSOR) n->attr.index = place[n->attr.index];
        if (n->region) renumber_block(n->region, place);
    }
}

static bool renumber_graph(Graph *g, void *place)
{
    renumber_block(g->body, place);
    for (int i = 0; graph_is_first(g) && i < g->results.n; i++)
        g->results.at[i].index = ((const int *)place)[g->results.at[i].index];
    return true;
}

void program_drop_training(Program *p)
{
    int *place = drop_opt_tensors(p);
    p->trains.n = 0;
    p->start = NULL;
    program_each_graph(p, renumber_graph, place);
    program_place_tensors(p);
}

void program_freeze(Program *p)
{
    program_drop_training(p);
    p->init = NULL;
    p->frozen = true;
    program_place_tensors(p);
}

static uint64_t tensor_hash(uint64_t h, const Tensor *t)
{
    h = hash_bytes(h, t->path, strlen(t->path) + 1);
    h = hash_bytes(h, dtype_name(t->type.dtype), 3);
    for (int i = 0; i < t->type.rank; i++) {
        int64_t size = 0;
        dim_known(t->type.axes[i].dim, &size);
        h = hash_bytes(h, &size, sizeof size);
    }
    return hash_bytes(h, ";", 1);
}

static uint64_t tensors_hash(const Program *p, bool opt)
{
    uint64_t h = hash_bytes(0, "nn", 2);
    for (int i = 0; i < p->tensors.n; i++)
        if ((p->tensors.at[i].role == ROLE_OPT) == opt) h = tensor_hash(h, &p->tensors.at[i]);
    return h;
}

uint64_t program_weights_hash(const Program *p)
{
    return tensors_hash(p, false);
}

uint64_t program_opt_hash(const Program *p)
{
    return tensors_hash(p, true);
}

bool program_each_graph(Program *p, bool (*visit)(Graph *, void *), void *context)
{
    if (p->init && !visit(p->init, context)) return false;
    if (p->start && !visit(p->start, context)) return false;
    for (int i = 0; i < p->models.n; i++)
        if (!visit(p->models.at[i], context)) return false;
    for (int i = 0; i < p->trains.n; i++) {
        TrainInfo *t = &p->trains.at[i];
        Graph *graphs[] = {t->step, t->eval, t->grad, t->update};
        for (size_t k = 0; k < COUNT(graphs); k++)
            if (graphs[k] && !visit(graphs[k], context)) return false;
    }
    return true;
}

/* ---- sizes to try ---- */

static bool facts_hold(const Facts *facts, int n, const int64_t *symbols)
{
    for (int i = 0; i < n; i++)
        if (!condition_holds(facts->at[i].condition, symbols)) return false;
    return true;
}

/* Each fact settles the symbol in it that was declared last; those before it stay. */
static bool facts_keep(const Facts *facts, int64_t *symbols)
{
    enum { REACH = 4096 };
    for (int i = 0; i < facts->n; i++) {
        const Symbol *s = condition_last_symbol(facts->at[i].condition);
        if (facts_hold(facts, i + 1, symbols)) continue;
        int64_t was = symbols[s->index], n = s->low, last = s->high - s->low > REACH ? s->low + REACH : s->high;
        for (symbols[s->index] = n; n <= last && !facts_hold(facts, i + 1, symbols);) symbols[s->index] = ++n;
        if (n <= last) continue;
        symbols[s->index] = was;
        return false;
    }
    return true;
}

bool sizes_choose(const Program *p, const Graph *g, int64_t wanted, int64_t *out_symbols)
{
    Facts facts = {0};
    const Dim *one = dim_const(p->dims, 1);
    for (int i = 0; i < p->symbols.n; i++) {
        const Symbol *s = p->symbols.at[i];
        int64_t size = wanted < s->low ? s->low : wanted > s->high ? s->high : wanted;
        out_symbols[s->index] = s->fixed ? s->fixed : size;
    }
    for (int i = 0; i < p->facts.n; i++) vec_push(p->arena, &facts, p->facts.at[i]);
    for (int i = 0; g && i < g->facts.n; i++) vec_push(p->arena, &facts, g->facts.at[i]);
    DimList doubtful = g ? graph_doubtful_sizes(g, p->arena) : (DimList){0};
    for (int i = 0; i < doubtful.n; i++)
        vec_push(p->arena, &facts, ((Fact){.condition = condition_compare(p->arena, OP_GE, doubtful.at[i], one)}));
    return facts_keep(&facts, out_symbols);
}
