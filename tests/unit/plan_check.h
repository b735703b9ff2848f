/* plan_check.h: a plan, run by workers that move marks for numbers. Each element of memory is marked with the value that
   stands in it; every element a kernel reads, found by walking its formulas index by index, must bear the right mark, and
   no worker may touch what another one writes in the same phase. Knows nothing of how plans are made. */
#ifndef PLAN_CHECK_H
#define PLAN_CHECK_H
#include "tensor_assert.h"

enum { CHECK_AREAS = AREA_WORK + 1, OLD_TENSOR = 1 << 20 };
typedef struct Memory { int64_t size; int *mark, *writer, *reader, *element; } Memory; /* by byte */
typedef struct PlanCheck {
    const Graph *g;
    Arena *arena;
    const int64_t *symbols;
    Memory areas[CHECK_AREAS], outputs[16];
    const Node *kernel;
    int worker;
    int64_t current;   /* the element that is computed */
    int64_t **seen;    /* by Value.id: the element for which an inner element was walked last */
} PlanCheck;

static inline int64_t shape_of(const PlanCheck *c, Type t, int64_t *shape)
{
    int64_t n = 1;
    for (int i = 0; i < t.rank; i++) n *= shape[i] = dim_eval(t.axes[i].dim, c->symbols);
    return n;
}

static inline void check_unflatten(const PlanCheck *c, Type t, int64_t flat, int64_t *ix)
{
    int64_t shape[MAX_RANK];
    shape_of(c, t, shape);
    for (int i = t.rank - 1; i >= 0; i--) {
        ix[i] = flat % shape[i];
        flat /= shape[i];
    }
}

static inline int64_t check_flatten(const PlanCheck *c, Type t, const int64_t *ix)
{
    int64_t shape[MAX_RANK], flat = 0;
    shape_of(c, t, shape);
    for (int i = 0; i < t.rank; i++) flat = flat * shape[i] + ix[i];
    return flat;
}

static inline const Value *stored_root(const Value *v)
{
    while (v->def->op == OP_MOVE && !v->def->parent->owner) v = v->def->in[0];
    return v;
}

static inline int mark_of(const Value *root)
{
    return root->def->op == OP_TENSOR ? OLD_TENSOR + root->def->attr.index : (int)root->id + 1;
}

static inline Memory *memory_at(PlanCheck *c, const Value *v, int64_t element, int64_t *out_byte)
{
    int bytes = dtype_bytes(v->type.dtype);
    *out_byte = element * bytes + (v->place.offset ? dim_eval(v->place.offset, c->symbols) : 0);
    Memory *m = v->place.area == AREA_OUTPUT ? &c->outputs[v->place.index] : &c->areas[v->place.area];
    if (*out_byte < 0 || *out_byte + bytes > m->size)
        fail_msg("%s[%lld] lies outside its area", v->name ? v->name : "?", (long long)element);
    return m;
}

static inline void check_read(PlanCheck *c, const Value *v, int64_t element)
{
    const Value *root = stored_root(v);
    OpCode op = root->def->op;
    if (op == OP_CONST || op == OP_SIZE || op == OP_CLOCK || op == OP_HYPER || op == OP_INPUT) return;
    int64_t byte;
    Memory *m = memory_at(c, v, element, &byte);
    for (int64_t i = byte; i < byte + dtype_bytes(v->type.dtype); i++) {
        if (m->mark[i] != mark_of(root))
            fail_msg("phase %d reads %s[%lld], but mark %d stands there, not %d", c->kernel->attr.kernel->phase,
                     v->name ? v->name : "?", (long long)element, m->mark[i], mark_of(root));
        if (m->writer[i] && m->writer[i] != c->worker + 1)
            fail_msg("worker %d reads what worker %d writes in the same phase", c->worker, m->writer[i] - 1);
        if (m->element[i] && m->element[i] != c->current + 1)
            fail_msg("a kernel reads at %lld what it writes itself for %lld", (long long)c->current,
                     (long long)m->element[i] - 1);
        m->reader[i] = m->reader[i] && m->reader[i] != c->worker + 1 ? -1 : c->worker + 1;
    }
}

static inline void walk(PlanCheck *c, const Value *v, const int64_t *ix);

static inline void walk_move(PlanCheck *c, const Node *n, const int64_t *ix)
{
    const MoveAttr *m = n->attr.move;
    int64_t atoms[2 * MAX_RANK] = {0}, in[MAX_RANK];
    for (int i = 0; i < m->nout; i++) {
        int64_t rest = ix[i];
        for (int k = m->out[i].n - 1; k >= 0; k--) {
            int64_t size = dim_eval(m->sizes[m->out[i].atoms[k]], c->symbols);
            atoms[m->out[i].atoms[k]] = rest % size;
            rest /= size;
        }
    }
    for (int i = 0; i < m->nin; i++) {
        in[i] = 0;
        for (int k = 0; k < m->in[i].n; k++)
            in[i] = in[i] * dim_eval(m->sizes[m->in[i].atoms[k]], c->symbols) + atoms[m->in[i].atoms[k]];
    }
    walk(c, n->in[0], in);
}

static inline void walk_reduce(PlanCheck *c, const Node *n, const int64_t *ix)
{
    Type t = n->in[0]->type;
    int axis = __builtin_ctz(n->attr.reduce.axes);
    int64_t in[MAX_RANK], size = dim_eval(t.axes[axis].dim, c->symbols);
    for (int i = 0, k = 0; i < t.rank; i++) in[i] = i == axis ? 0 : ix[k++];
    for (in[axis] = 0; in[axis] < size; in[axis]++) walk(c, n->in[0], in);
}

static inline void walk_contract(PlanCheck *c, const Node *n, const int64_t *ix, int64_t *labels, int label)
{
    const ContractAttr *a = n->attr.contract;
    if (label == a->nlabels) {
        int64_t in[MAX_RANK];
        for (int i = 0; i < a->na; i++) in[i] = labels[a->a[i]];
        walk(c, n->in[0], in);
        for (int i = 0; i < a->nb; i++) in[i] = labels[a->b[i]];
        walk(c, n->in[1], in);
        return;
    }
    for (int i = 0; i < a->nout; i++)
        if (a->out[i] == label) {
            labels[label] = ix[i];
            walk_contract(c, n, ix, labels, label + 1);
            return;
        }
    int64_t size = dim_eval(a->sizes[label], c->symbols);
    for (labels[label] = 0; labels[label] < size; labels[label]++) walk_contract(c, n, ix, labels, label + 1);
}

/* A pick may read any place of the last axis. */
static inline void walk_pick(PlanCheck *c, const Node *n, const int64_t *ix)
{
    Type t = n->in[0]->type;
    int64_t in[MAX_RANK], size = dim_eval(t.axes[t.rank - 1].dim, c->symbols);
    for (int i = 0; i < t.rank - 1; i++) in[i] = ix[i];
    for (in[t.rank - 1] = 0; in[t.rank - 1] < size; in[t.rank - 1]++) walk(c, n->in[0], in);
    walk(c, n->in[1], ix);
}

/* A take may read any place of its axis. */
static inline void walk_take(PlanCheck *c, const Node *n, const int64_t *ix)
{
    Type t = n->in[0]->type;
    int axis = n->attr.axis, axes = n->in[1]->type.rank;
    int64_t in[MAX_RANK], size = dim_eval(t.axes[axis].dim, c->symbols);
    for (int i = 0; i < t.rank; i++) in[i] = ix[i < axis ? i : i + axes - 1];
    for (in[axis] = 0; in[axis] < size; in[axis]++) walk(c, n->in[0], in);
    walk(c, n->in[1], ix + axis);
}

/* A sum by places may read any source. */
static inline void walk_scatter(PlanCheck *c, const Node *n, const int64_t *ix)
{
    int axis = n->attr.axis, axes = n->in[1]->type.rank;
    int64_t in[MAX_RANK], source[MAX_RANK], shape[MAX_RANK], sources = shape_of(c, n->in[1]->type, shape);
    for (int i = 0; i < n->in[0]->type.rank; i++) in[i] = ix[i < axis ? i : i < axis + axes ? axis : i - axes + 1];
    for (int64_t s = 0; s < sources; s++) {
        check_unflatten(c, n->in[1]->type, s, source);
        for (int i = 0; i < axes; i++) in[axis + i] = source[i];
        walk(c, n->in[0], in);
        walk(c, n->in[1], source);
    }
}

static inline void walk_part(PlanCheck *c, const Node *n, const int64_t *ix)
{
    const PartAttr *p = &n->attr.part;
    int64_t in[MAX_RANK], before = p->before ? dim_eval(p->before, c->symbols) : 0;
    for (int k = 0; k < n->nin; k++) {
        int64_t size = dim_eval(n->in[k]->type.axes[p->axis].dim, c->symbols);
        for (int i = 0; i < n->in[k]->type.rank; i++) in[i] = ix[i];
        in[p->axis] = n->op == OP_SLICE ? ix[p->axis] + before : n->op == OP_REVERSE ? size - 1 - ix[p->axis]
                                                                                     : ix[p->axis] - before;
        if (in[p->axis] >= 0 && in[p->axis] < size) walk(c, n->in[k], in);
        before += size;
    }
}

static inline void walk_index(PlanCheck *c, const Node *n, const int64_t *ix)
{
    switch (n->op) {
    case OP_PICK: walk_pick(c, n, ix); return;
    case OP_TAKE: walk_take(c, n, ix); return;
    case OP_SCATTER_ADD: walk_scatter(c, n, ix); return;
    default: walk(c, n->in[0], ix);
    }
}

static inline void walk(PlanCheck *c, const Value *v, const int64_t *ix)
{
    int64_t shape[MAX_RANK], size = shape_of(c, v->type, shape), flat = check_flatten(c, v->type, ix);
    if (flat < 0 || flat >= size) fail_msg("an index runs out of %s", v->name ? v->name : op_info(v->def->op)->text);
    if (v->def->parent != c->kernel->region) {
        check_read(c, v, flat);
        return;
    }
    if (!c->seen[v->id]) c->seen[v->id] = NEW_ARRAY(c->arena, int64_t, size);
    if (c->seen[v->id][flat] == c->current + 1) return;
    c->seen[v->id][flat] = c->current + 1;
    const Node *n = v->def;
    int64_t labels[3 * MAX_RANK];
    switch (op_info(n->op)->kind) {
    case KIND_move: walk_move(c, n, ix); return;
    case KIND_reduce: walk_reduce(c, n, ix); return;
    case KIND_contract: walk_contract(c, n, ix, labels, 0); return;
    case KIND_index: walk_index(c, n, ix); return;
    case KIND_part: walk_part(c, n, ix); return;
    default:
        for (int i = 0; i < n->nin; i++) walk(c, n->in[i], ix);
    }
}

/* ---- one worker's part of a kernel ---- */
static inline bool is_in_slice(const PlanCheck *c, const Value *v, int64_t flat, int workers)
{
    const KernelAttr *k = c->kernel->attr.kernel;
    if (k->prefix == 0) return c->worker == 0;
    int64_t ix[MAX_RANK], n = dim_eval(k->dims[0], c->symbols);
    check_unflatten(c, v->type, flat, ix);
    return ix[0] >= n * c->worker / workers && ix[0] < n * (c->worker + 1) / workers;
}

typedef void ElementFn(PlanCheck *c, int result, int64_t flat);

static inline void each_element(PlanCheck *c, int workers, ElementFn *visit)
{
    for (int r = 0; r < c->kernel->nout; r++) {
        int64_t shape[MAX_RANK], size = shape_of(c, c->kernel->out[r].type, shape);
        for (int64_t flat = 0; flat < size; flat++)
            if (is_in_slice(c, &c->kernel->out[r], flat, workers)) visit(c, r, flat);
    }
}

static inline void note_write(PlanCheck *c, int result, int64_t flat)
{
    const Value *v = &c->kernel->out[result];
    int64_t byte;
    Memory *m = memory_at(c, v, flat, &byte);
    for (int64_t i = byte; i < byte + dtype_bytes(v->type.dtype); i++) {
        if (m->reader[i] && m->reader[i] != c->worker + 1)
            fail_msg("worker %d writes %s[%lld], which another reads in the same phase", c->worker,
                     v->name ? v->name : "?", (long long)flat);
        if (m->writer[i] && m->writer[i] != c->worker + 1) fail_msg("two workers write to one place in a phase");
        m->element[i] = (int)flat + 1;
    }
}

static inline void walk_element(PlanCheck *c, int result, int64_t flat)
{
    int64_t ix[MAX_RANK];
    const Value *v = c->kernel->region->last->in[result];
    check_unflatten(c, v->type, flat, ix);
    c->current = flat;
    walk(c, v, ix);
}

static inline void write_element(PlanCheck *c, int result, int64_t flat)
{
    const Value *v = &c->kernel->out[result];
    int64_t byte;
    Memory *m = memory_at(c, v, flat, &byte);
    for (int64_t i = byte; i < byte + dtype_bytes(v->type.dtype); i++) {
        m->mark[i] = mark_of(v);
        m->writer[i] = c->worker + 1;
        m->element[i] = 0;
    }
}

/* ---- the whole ---- */
static inline Memory memory_new(PlanCheck *c, int64_t size)
{
    return (Memory){size, NEW_ARRAY(c->arena, int, size + 1), NEW_ARRAY(c->arena, int, size + 1),
                    NEW_ARRAY(c->arena, int, size + 1), NEW_ARRAY(c->arena, int, size + 1)};
}

static inline void mark_tensors(PlanCheck *c, bool grads)
{
    const Program *p = c->g->program;
    for (int i = 0; i < p->tensors.n; i++) {
        const Tensor *t = &p->tensors.at[i];
        if (grads && t->role == ROLE_OPT) continue;
        Memory *m = &c->areas[grads ? AREA_GRADS : t->role == ROLE_OPT ? AREA_OPT : AREA_PARAMS];
        int64_t shape[MAX_RANK], size = shape_of(c, t->type, shape) * dtype_bytes(t->type.dtype);
        for (int64_t b = t->offset; b < t->offset + size; b++) m->mark[b] = OLD_TENSOR + i;
    }
}

static inline void forget_phase(Memory *m)
{
    for (int64_t i = 0; i < m->size; i++) m->writer[i] = m->reader[i] = m->element[i] = 0;
}

static inline void run_phase(PlanCheck *c, int phase, int workers)
{
    for (int i = 0; i < CHECK_AREAS; i++) forget_phase(&c->areas[i]);
    for (int i = 0; i < 16; i++) forget_phase(&c->outputs[i]);
    for (c->worker = 0; c->worker < workers; c->worker++)
        for (const Node *k = c->g->body->first; k; k = k->next) {
            if (k->op != OP_KERNEL || k->attr.kernel->phase != phase) continue;
            c->kernel = k;
            c->seen = NEW_ARRAY(c->arena, int64_t *, c->g->nvalues);
            each_element(c, workers, note_write);
            each_element(c, workers, walk_element);
            each_element(c, workers, write_element);
        }
}

static inline void check_results(PlanCheck *c)
{
    const Node *end = c->g->body->last;
    int loss = -1;
    for (int i = 0; i < end->nin; i++) {
        const Value *v = end->in[i], *root = stored_root(v);
        const Result *r = &c->g->results.at[i];
        int64_t shape[MAX_RANK], size = shape_of(c, v->type, shape), byte;
        Area area = v->place.area;
        if (r->kind == RESULT_OUTPUT)
            assert_true(area == AREA_OUTPUT && v->place.index == r->index);
        else if (r->kind == RESULT_NEXT)
            assert_true(area == AREA_PARAMS || area == AREA_OPT);
        else
            assert_int_equal(area, r->kind == RESULT_GRAD ? AREA_GRADS : AREA_WORK);
        for (int64_t k = 0; k < size; k++) {
            Memory *m = memory_at(c, v, k, &byte);
            assert_int_equal(m->mark[byte], mark_of(root));
        }
        if (r->kind == RESULT_LOSS && c->g->kind == GRAPH_STEP) loss = root->def->attr.kernel->phase;
    }
    for (int i = 0; i < end->nin && loss >= 0; i++)
        if (c->g->results.at[i].kind == RESULT_NEXT && end->in[i]->def->op == OP_KERNEL) {
            assert_true(end->in[i]->def->attr.kernel->phase > loss);
            assert_true(end->in[i]->def->attr.kernel->phase >= c->g->check_phase && c->g->check_phase > loss);
        }
}

static inline void check_alignment(const PlanCheck *c)
{
    for (const Node *n = c->g->body->first; n; n = n->next)
        for (int i = 0; i < n->nout; i++)
            if (n->out[i].place.offset) assert_int_equal(dim_eval(n->out[i].place.offset, c->symbols) % 64, 0);
}

static inline void check_plan(const Graph *g, int64_t n, int workers)
{
    Arena *arena = arena_new();
    const Program *p = g->program;
    int64_t *symbols = NEW_ARRAY(arena, int64_t, p->symbols.n + 1);
    for (int i = 0; i < p->symbols.n; i++) symbols[i] = p->symbols.at[i]->fixed ? p->symbols.at[i]->fixed : n;
    PlanCheck c = {.g = g, .arena = arena, .symbols = symbols};
    c.areas[AREA_PARAMS] = memory_new(&c, p->params_bytes);
    c.areas[AREA_GRADS] = memory_new(&c, p->params_bytes);
    c.areas[AREA_OPT] = memory_new(&c, p->opt_bytes);
    c.areas[AREA_WORK] = memory_new(&c, dim_eval(g->work_bytes, symbols));
    const Node *end = g->body->last;
    for (int i = 0; i < end->nin; i++)
        if (g->results.at[i].kind == RESULT_OUTPUT) {
            int64_t shape[MAX_RANK], size = shape_of(&c, end->in[i]->type, shape);
            c.outputs[g->results.at[i].index] = memory_new(&c, size * dtype_bytes(end->in[i]->type.dtype));
        }
    mark_tensors(&c, false);
    if (g->kind == GRAPH_UPDATE) mark_tensors(&c, true);
    check_alignment(&c);
    for (int phase = 0; phase < g->phases; phase++) run_phase(&c, phase, workers);
    check_results(&c);
    arena_free(arena);
}
#endif
