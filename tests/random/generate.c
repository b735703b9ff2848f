/* generate.c: programs. Each growth step brings one pair of operators, a producer and a reader of its result; what
   nobody reads in the end becomes a result or a share of the loss, so that all of it is compared. */
#include "gen.h"

static const Site site = {.path = "random"};

/* ---- a pair ---- */

typedef struct Match {
    const Signature *producer, *consumer;
    int slot;
} Match;

/* The at-th way in which a result of the producer fits a slot of the consumer. Gives how many there are. */
static unsigned find_match(const Gen *g, Pair pair, bool real, unsigned at, Match *out)
{
    const Rules *r = g->rules;
    unsigned n = 0;
    for (int i = r->first[pair.producer]; i < r->first[pair.producer + 1]; i++) {
        const Signature *p = &r->all.at[i];
        if (real && p->out.dtype != g->p->real) continue;
        for (int k = r->first[pair.consumer]; k < r->first[pair.consumer + 1]; k++)
            for (int slot = 0; slot < r->all.at[k].nin; slot++)
                if (class_same(p->out, r->all.at[k].in[slot]) && n++ == at) *out = (Match){p, &r->all.at[k], slot};
    }
    return n;
}

static bool is_wild(OpCode op)
{
    return op == OP_LOG || op == OP_LOG1P || op == OP_SQRT || op == OP_DIV || op == OP_MOD || op == OP_POW ||
           op == OP_EXP || op == OP_EXPM1 || op == OP_GRAD;
}

/* A result that is rounded has slopes that are: what they add up to depends on the order of the paths, and that follows
   from how far the graph was simplified before differentiation. So does whether a slope at the pole of a remainder, by 0,
   is no number or is never asked for. So none leads through these where every bit is compared. */
static Value *settled(Gen *g, const Match *m, Value *v)
{
    static const OpCode doubtful[] = {OP_DIV, OP_SQRT, OP_MEAN, OP_UNIFORM, OP_MOD};
    bool found = false;
    for (size_t i = 0; i < COUNT(doubtful); i++)
        found |= m->producer->op == doubtful[i] || m->consumer->op == doubtful[i];
    if (g->policy == POLICY_REAL || !found || !dtype_is_float(v->type.dtype)) return v;
    return build_1(&g->b, OP_FLOOR, v);
}

static void add_output(Gen *g, Value *v)
{
    int i = g->g->results.n;
    if (i == MAX_RESULTS) return;
    graph_add_result(g->g, (Result){.kind = RESULT_OUTPUT, .name = str_format(g->p->arena, "out%d", i), .index = i}, v);
}

/* The producer's result as a result of the graph: an output, or a metric. */
static bool make_result(Gen *g, Value *v)
{
    if (g->g->kind == GRAPH_MODEL) {
        add_output(g, v);
        return true;
    }
    if (v->type.rank || v->type.dtype == DT_BOOL || g->metric) return false;
    g->metric = v;
    return true;
}

static bool try_match(Gen *g, const Match *m)
{
    Value *p = make_operator(g, m->producer, 0, NULL);
    if (!p || !class_same(class_of(p), m->consumer->in[m->slot])) return false;
    if (m->consumer->op == OP_RETURN) return make_result(g, p);
    Value *c = make_operator(g, m->consumer, m->slot, p);
    if (!c) return false;
    pool_add(g, tamed(g, settled(g, m, c), is_wild(m->producer->op) || is_wild(m->consumer->op)));
    return true;
}

/* The last node, which stands before the results that there are already. */
static Node *last_node(const Block *b) { return b->last && b->last->op == OP_RETURN ? b->last->prev : b->last; }

/* What a try left that came to nothing would count as a reader of what it reads. */
static void remove_since(Block *b, const Node *mark)
{
    for (Node *n = last_node(b), *before; n != mark; n = before) {
        before = n->prev;
        bool kept = n->op == OP_INPUT || n->op == OP_TENSOR;
        for (int i = 0; i < n->nout; i++) kept |= n->out[i].uses.n > 0;
        if (!kept) node_remove(n);
    }
}

/* The first try is by the record's own choices, each further one by others that follow from them. */
static bool grow_pair(Gen *g, Pair pair, const uint8_t *record)
{
    enum { TRIES = 48 };
    uint64_t state = hash_bytes(0, record, RECORD);
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t others[RECORD];
        for (int k = 0; k < RECORD && i > 0; k++) others[k] = (uint8_t)(mix(&state) >> 56);
        if (i > 0) g->c = (Choices){others, RECORD, 0};
        Match m;
        bool real = i < TRIES / 2 && choose(&g->c, 2);
        unsigned n = find_match(g, pair, real, 0, &m), at = choose(&g->c, 256) * 256 + choose(&g->c, 256);
        if (n == 0 && !(n = find_match(g, pair, real = false, 0, &m))) return false;
        find_match(g, pair, real, at % n, &m);
        const Node *mark = last_node(g->b.block);
        if (try_match(g, &m)) return true;
        remove_since(g->b.block, mark);
    }
    return false;
}

/* ---- records ---- */

typedef struct Records {
    const uint8_t *bytes;
    int n;
    bool done[MAX_RECORDS];
} Records;

static Pair pair_of(const Gen *g, const uint8_t *record)
{
    unsigned i = record[0] | (unsigned)record[1] << 8;
    return g->rules->pairs[g->policy].at[i % (unsigned)g->rules->pairs[g->policy].n];
}

/* Gradients are asked for in a step, and steps are counted in training; a model may have inputs of any shape. */
static bool belongs_here(const Gen *g, Pair p, const uint8_t *record)
{
    static const GraphKind kinds[] = {GRAPH_MODEL, GRAPH_EVAL, GRAPH_MODEL, GRAPH_STEP, GRAPH_MODEL};
    if (p.producer == OP_GRAD || p.consumer == OP_GRAD) return g->g->kind == GRAPH_STEP;
    if (p.producer == OP_CLOCK) return g->g->kind == (record[2] % 2 ? GRAPH_EVAL : GRAPH_STEP);
    if (p.producer == OP_INPUT || p.consumer == OP_RETURN) return g->g->kind == GRAPH_MODEL;
    return g->g->kind == kinds[record[2] % COUNT(kinds)];
}

/* The records that are meant for this graph, and those that came to nothing in an earlier one. */
static void grow(Gen *g, Records *r, bool *tried)
{
    for (int i = 0; i < r->n; i++) {
        const uint8_t *record = r->bytes + i * RECORD;
        g->c = (Choices){record + 3, RECORD - 3, 0};
        bool idiom = (record[1] & 0xe0) == 0xe0;
        Pair pair = pair_of(g, record);
        if (r->done[i] || !(tried[i] || belongs_here(g, pair, record))) continue;
        tried[i] = true;
        if (idiom) add_idiom(g);
        r->done[i] = idiom || grow_pair(g, pair, record);
    }
}

/* ---- graphs ---- */

static void start_graph(Gen *g, GraphKind kind, Type x, Type y)
{
    g->g = graph_new(g->p, kind, "random", &site);
    g->g->rows = g->n;
    g->b = (Build){g->g->body, NULL, &site};
    g->count = 0;
    g->metric = NULL;
    for (int i = 0; i < MAX_TENSORS; i++) g->params[i] = NULL;
    new_input(g, "x", x);
    new_input(g, "y", y);
    for (int i = 0; i < PARAMS; i++) read_tensor(g, i);
}

/* What nobody reads, but what stands there anyway. */
static bool is_sink(const Value *v) { return v->uses.n == 0 && op_info(v->def->op)->kind != KIND_leaf; }

static void finish_model(Gen *g)
{
    for (int i = 0; i < g->count; i++)
        if (is_sink(g->pool[i])) add_output(g, g->pool[i]);
    if (!g->g->results.n) add_output(g, build_1(&g->b, OP_NEG, g->pool[0]));
}

/* Adds v to the first of the sums that has its shape, else to the end of them. */
static int add_share(Gen *g, Value **sums, int n, Value *v)
{
    v = build_convert(&g->b, v, g->p->real);
    int i = 0;
    while (i < n && !type_same_shape(sums[i]->type, v->type)) i++;
    sums[i] = i < n ? build_2(&g->b, OP_ADD, sums[i], v) : v;
    return i < n ? n : n + 1;
}

/* One number out of all that nobody reads and every parameter, so that each has a gradient. */
static Value *make_loss(Gen *g)
{
    Value *sums[POOL], *loss = NULL;
    int n = g->count, shapes = 0;
    bool wanted[POOL];
    for (int i = 0; i < n; i++) wanted[i] = is_sink(g->pool[i]);
    for (int i = 0; i < PARAMS; i++) shapes = add_share(g, sums, shapes, g->params[i]);
    for (int i = 0; i < n; i++)
        if (wanted[i]) shapes = add_share(g, sums, shapes, g->pool[i]);
    for (int i = 0; i < shapes; i++) {
        OpCode op = g->policy == POLICY_REAL ? OP_MEAN : OP_SUM;
        Value *share = build_reduce(&g->b, op, sums[i], all_axes(sums[i]->type));
        loss = loss ? build_2(&g->b, OP_ADD, loss, share) : share;
    }
    loss = tamed(g, loss, false);
    loss->name = "loss";
    return loss;
}

/* A metric, a pair of which each half is summed, and a reason to stop. */
static void add_totals(Gen *g, Value *loss)
{
    Value *size = build_1(&g->b, OP_ABS, loss), *limit = build_const(&g->b, loss->type.dtype, 2);
    graph_add_result(g->g, (Result){.kind = RESULT_LOSS, .name = "loss", .index = 1}, loss);
    graph_add_result(g->g, (Result){.kind = RESULT_METRIC, .name = "size", .index = 2}, g->metric ? g->metric : size);
    graph_add_result(g->g, (Result){.kind = RESULT_METRIC, .name = "share", .index = 3, .summed = true}, size);
    graph_add_result(g->g, (Result){.kind = RESULT_METRIC, .name = "share", .index = 4, .summed = true},
                     build_size(&g->b, DT_F64, g->n));
    graph_add_result(g->g, (Result){.kind = RESULT_STOP, .name = "stop", .index = 5},
                     build_2(&g->b, OP_GT, size, limit));
}

/* ---- steps ---- */

/* Gradients of any size: what is not small is replaced, a remainder keeps whole what is whole. */
static Value *next_param(Gen *g, Value *p, Value *grad)
{
    Type scalar = type_scalar(DT_F64);
    DType t = g->p->real;
    if (g->policy == POLICY_EXACT) {
        grad = build_2(&g->b, OP_MOD, grad, build_const(&g->b, t, 4));
        return tamed(g, build_2(&g->b, OP_SUB, p, tamed(g, grad, true)), false);
    }
    Value *rate = build_op(&g->b, OP_HYPER, NULL, 0, &(Attr){.index = 0}, &scalar);
    return build_2(&g->b, OP_SUB, p, build_2(&g->b, OP_MUL, tamed(g, grad, true), build_convert(&g->b, rate, t)));
}

static Value *next_state(Gen *g, Value *s)
{
    Type t = s->type;
    if (t.dtype == DT_BOOL) return build_1(&g->b, OP_NOT, s);
    Value *more = build_2(&g->b, OP_ADD, s, build_const(&g->b, t.dtype, 1));
    return t.range ? build_2(&g->b, OP_MOD, more, build_size(&g->b, t.dtype, t.range)) : tamed(g, more, true);
}

/* The memory of an optimizer: half of what it was and the gradient. */
static Value *next_memory(Gen *g, Value *m, Value *grad)
{
    m = build_2(&g->b, OP_MUL, m, build_const(&g->b, m->type.dtype, 0.5));
    return build_2(&g->b, OP_ADD, m, tamed(g, grad, true));
}

static Value *next_value(Gen *g, int i, Node *grad)
{
    const Tensor *t = &g->p->tensors.at[i];
    Value *now = read_tensor(g, i);
    if (t->role == ROLE_STATE) return next_state(g, now);
    if (t->role == ROLE_OPT) return next_memory(g, now, &grad->out[0]);
    Value *slope = &grad->out[i];
    if (i == 0 && g->memory >= 0) slope = next_memory(g, read_tensor(g, g->memory), slope);
    return next_param(g, now, slope);
}

static void finish_step(Gen *g)
{
    Value *in[PARAMS + 1] = {make_loss(g)};
    for (int i = 0; i < PARAMS; i++) in[i + 1] = g->params[i];
    Node *grad = node_new(g->g->body, OP_GRAD, in, PARAMS + 1, NULL, NULL, g->b.site, g->p->cx);
    add_totals(g, in[0]);
    for (int i = 0; i < g->p->tensors.n; i++)
        graph_add_result(g->g, (Result){.kind = RESULT_NEXT, .name = g->p->tensors.at[i].path, .index = i},
                         next_value(g, i, grad));
}

/* ---- first values ---- */

/* The first tensor is drawn; the others count, which is quicker to compile. */
static Value *first_numbers(Gen *g, int i, Type like)
{
    Build *b = &g->b;
    Value *low = build_const(b, g->p->real, -3), *high = build_const(b, g->p->real, 4);
    Attr a = {.random = {random_stream(g->p->tensors.at[i].path, 0)}};
    if (i == 0) return build_1(b, OP_FLOOR, build_op(b, OP_UNIFORM, (Value *[]){low, high}, 2, &a, &like));
    if (like.rank == 0) return build_const(b, g->p->real, i);
    Value *v = build_op(b, OP_IOTA, NULL, 0, &(Attr){.axis = like.rank - 1}, &like);
    v = build_2(b, OP_MOD, build_2(b, OP_MUL, v, build_const(b, g->p->real, 3)), build_const(b, g->p->real, 7));
    return build_2(b, OP_SUB, v, high);
}

static Value *first_value(Gen *g, int i)
{
    const Tensor *t = &g->p->tensors.at[i];
    Value *v = first_numbers(g, i, type_with_dtype(t->type, g->p->real));
    if (t->role == ROLE_PARAM && g->policy == POLICY_REAL)
        v = build_2(&g->b, OP_MUL, v, build_const(&g->b, g->p->real, 0.25));
    if (t->type.range)
        v = build_2(&g->b, OP_MOD, build_convert(&g->b, v, DT_I32), build_size(&g->b, DT_I32, t->type.range));
    return build_convert(&g->b, v, t->type.dtype);
}

/* An optimizer's memory starts from the parameter that it is of. */
static Graph *make_first(Gen *g, GraphKind kind)
{
    g->g = graph_new(g->p, kind, kind == GRAPH_INIT ? "init" : "start", &site);
    g->g->rows = dim_const(g->p->dims, 1);
    g->b = (Build){g->g->body, NULL, &site};
    for (int i = 0; i < MAX_TENSORS; i++) g->params[i] = NULL;
    for (int i = 0; i < g->p->tensors.n; i++) {
        const Tensor *t = &g->p->tensors.at[i];
        if ((t->role == ROLE_OPT) != (kind == GRAPH_START)) continue;
        Value *v = kind == GRAPH_START ? build_1(&g->b, OP_ABS, read_tensor(g, 0)) : first_value(g, i);
        graph_add_result(g->g, (Result){.kind = RESULT_NEXT, .name = t->path, .index = i}, v);
    }
    return g->g;
}

/* ---- programs ---- */

static void add_params(Gen *g, const Dim *hidden)
{
    static const char *const paths[PARAMS] = {"random.a", "random.b"};
    const Dim *sizes[PARAMS][2] = {{g->width, hidden}, {hidden, NULL}};
    for (int i = 0; i < PARAMS; i++) {
        Axis axes[2] = {{sizes[i][0], NULL, NULL}, {sizes[i][1], NULL, NULL}};
        Tensor t = {.path = paths[i], .key = paths[i], .role = ROLE_PARAM, .train = -1, .site = &site};
        t.type = type_make(g->p->arena, g->p->real, sizes[i][1] ? 2 : 1, axes);
        program_add_tensor(g->p, t);
    }
}

static int add_memory(Gen *g)
{
    Tensor t = {.path = "random.m.random.a", .key = "opt/m/random.a", .role = ROLE_OPT, .train = 0, .site = &site};
    t.type = g->p->tensors.at[0].type;
    return program_add_tensor(g->p, t);
}

static TrainInfo train_info(Program *p)
{
    TrainInfo t = {.name = "random",
                   .ntotals = 6,
                   .epochs = -1,
                   .batch = -1,
                   .split_a = -1,
                   .split_b = -1,
                   .seed = -1,
                   .has_loss = true};
    Metric size = {"size", false, 2}, pair = {"share", true, 3};
    vec_push(p->arena, &t.metrics, size);
    vec_push(p->arena, &t.metrics, pair);
    return t;
}

/* The step comes last: it gives every tensor that some graph reads its next value. */
static void make_graphs(Gen *g, Type x, Type y, Records *r)
{
    bool *tried = NEW_ARRAY(g->p->arena, bool, MAX_RECORDS);
    TrainInfo t = train_info(g->p);
    start_graph(g, GRAPH_MODEL, x, y);
    grow(g, r, tried);
    finish_model(g);
    vec_push(g->p->arena, &g->p->models, g->g);
    start_graph(g, GRAPH_EVAL, x, y);
    grow(g, r, tried);
    add_totals(g, make_loss(g));
    t.eval = g->g;
    start_graph(g, GRAPH_STEP, x, y);
    grow(g, r, tried);
    finish_step(g);
    t.step = g->g;
    vec_push(g->p->arena, &g->p->trains, t);
}

static const Dim *choose_width(Gen *g)
{
    static const int widths[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33};
    return dim_const(g->p->dims, widths[choose(&g->c, COUNT(widths))]);
}

RandomProgram random_program(Cx *cx, const Rules *rules, const uint8_t *bytes, size_t n)
{
    Program *p = program_new(cx, "random", "random.nn");
    Gen g = {.p = p, .rules = rules, .c = {bytes, n < HEADER ? n : HEADER, 0}};
    RandomProgram made = {p, choose(&g.c, 2) ? POLICY_REAL : POLICY_EXACT, choose(&g.c, 256)};
    Symbol *s = NEW(p->arena, Symbol);
    *s = (Symbol){.name = "N", .low = 1, .high = INT64_MAX};
    vec_push(p->arena, &p->symbols, s);
    Hyper rate = {"rate", 0.125, NO_SPAN};
    vec_push(p->arena, &p->hypers, rate);
    g.policy = made.policy;
    g.n = dim_symbol(p->dims, s);
    p->real = choose(&g.c, 4) ? DT_F32 : DT_F64;
    g.width = choose_width(&g);
    g.classes = choose_width(&g);
    add_params(&g, choose_width(&g));
    g.memory = choose(&g.c, 2) ? add_memory(&g) : -1;
    Axis axes[2] = {{g.n, NULL, NULL}, {g.width, NULL, NULL}};
    Type x = type_make(p->arena, p->real, 2, axes), y = type_make(p->arena, DT_I32, 1, axes);
    y.range = choose(&g.c, 2) ? g.width : g.classes;
    size_t rest = n > HEADER ? n - HEADER : 0;
    Records r = {bytes + HEADER, (int)(rest / RECORD < MAX_RECORDS ? rest / RECORD : MAX_RECORDS), {0}};
    make_graphs(&g, x, y, &r);
    program_place_tensors(p);
    p->init = make_first(&g, GRAPH_INIT);
    p->start = g.memory >= 0 ? make_first(&g, GRAPH_START) : NULL;
    if (cx->diags->errors) made.p = NULL;
    return made;
}

/* ---- seeds ---- */

uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Two seeds of three are exact. Each takes the next pairs of its list, in strides that have no factor with its length,
   so that every pair has its turn before any has a second one. */
void choices_of_seed(const Rules *r, unsigned seed, uint8_t bytes[STREAM])
{
    enum { STRIDE = 1009 };
    uint64_t state = seed;
    for (int i = 0; i < STREAM; i++) bytes[i] = (uint8_t)(mix(&state) >> 56);
    Policy policy = seed % 3 == 0 ? POLICY_REAL : POLICY_EXACT;
    unsigned turn = policy == POLICY_REAL ? seed / 3 : seed - seed / 3 - 1, n = (unsigned)r->pairs[policy].n;
    bytes[0] = policy == POLICY_REAL;
    bytes[1] = (uint8_t)seed;
    for (unsigned i = 0; i < PAIRS; i++) {
        unsigned pair = (unsigned)(((uint64_t)turn * PAIRS + i) * STRIDE % n);
        bytes[HEADER + i * RECORD] = (uint8_t)pair;
        bytes[HEADER + i * RECORD + 1] = (uint8_t)(pair >> 8);
    }
    bytes[HEADER + PAIRS * RECORD + 1] = 0xff; /* an idiom */
}
