/* The flat form: one primitive a line, full types. frontend/flat.c reads it back. */
#include "ir/print.h"

static const char *const stage_names[] = {"built", "differentiated", "fused", "planned"};
static const char *const area_names[] = {"none", "input", "output", "params", "grads", "opt", "work"};

const char *stage_name(Stage s)
{
    return stage_names[s];
}

const char *area_name(Area a)
{
    return area_names[a];
}

static void line_begin(const Printer *p)
{
    text_add(p->to, "%*s", p->indent, "");
}

static void text_quote(Text *to, const char *s)
{
    text_add(to, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') text_add(to, "\\%c", *s);
        else if (*s == '\n') text_add(to, "\\n");
        else if (*s == '\t') text_add(to, "\\t");
        else text_add_n(to, s, 1);
    }
    text_add(to, "\"");
}

/* Where it came from: `: "file.nn:5:8 digits.dense1"`. */
static void site_print(const Printer *p, const Site *s)
{
    if (!p->notes || !s || (s->note ? !*s->note : !s->span.source)) return;
    const char *note = s->note;
    if (!note) {
        int line = source_line(s->span.source, s->span.lo), column = source_column(s->span.source, s->span.lo);
        note = str_format(p->arena, "%s:%d:%d%s%s", s->span.source->name, line, column, s->path ? " " : "",
                          s->path ? s->path : "");
    }
    text_add(p->to, " : ");
    text_quote(p->to, note);
}

/* ---- values ---- */

static void place_print(const Printer *p, const Place *at)
{
    switch (at->area) {
    case AREA_NONE: break;
    case AREA_WORK: text_add(p->to, " @(%s)", dim_text(p->arena, at->offset)); break;
    case AREA_INPUT: case AREA_OUTPUT: text_add(p->to, " @(%s, %d)", area_name(at->area), at->index); break;
    default: text_add(p->to, " @(%s, %s)", area_name(at->area), dim_text(p->arena, at->offset));
    }
}

static void targets_print(const Printer *p, const Node *n)
{
    line_begin(p);
    for (int i = 0; i < n->nout; i++) {
        const Value *v = &n->out[i];
        text_add(p->to, "%s%s: %s", i ? ", " : "", operand_text(p, v), type_text(p->arena, v->type));
        place_print(p, &v->place);
    }
    text_add(p->to, " = ");
}

static void operands_print(const Printer *p, const Node *n)
{
    for (int i = 0; i < n->nin; i++) text_add(p->to, "%s%s", i ? ", " : "", operand_text(p, n->in[i]));
}

/* ---- expressions by kind ---- */

static void constant_print(const Printer *p, const Node *n)
{
    const ConstAttr *c = &n->attr.constant;
    Type t = n->out[0].type;
    int64_t size = 0;
    if (!c->values) {
        text_add(p->to, "%s", number_text(p->arena, t.dtype, c->value));
        return;
    }
    dim_known(t.axes[0].dim, &size);
    for (int64_t i = 0; i < size; i++)
        text_add(p->to, "%s%s", i ? ", " : "[", number_text(p->arena, t.dtype, c->values[i]));
    text_add(p->to, "]");
}

static void leaf_print(const Printer *p, const Node *n)
{
    if (n->op == OP_CONST) constant_print(p, n);
    else if (n->op == OP_SIZE) text_add(p->to, "size(%s)", dim_text(p->arena, n->attr.size));
    else text_add(p->to, "iota(over = %d)", n->attr.axis);
}

static void elementwise_print(const Printer *p, const Node *n)
{
    const OpInfo *info = op_info(n->op);
    if (info->flags & OPF_INFIX || n->op == OP_AND || n->op == OP_OR) {
        const char *a = operand_text(p, n->in[0]);
        bool negative_base = n->op == OP_POW && *a == '-'; /* -2^x is -(2^x) */
        text_add(p->to, negative_base ? "(%s) %s %s" : "%s %s %s", a, info->text, operand_text(p, n->in[1]));
    } else if (n->op == OP_NEG || n->op == OP_NOT) {
        text_add(p->to, n->op == OP_NEG ? "-%s" : "not %s", operand_text(p, n->in[0]));
    } else {
        text_add(p->to, "%s(", n->op == OP_CONVERT ? dtype_name(n->out[0].type.dtype) : info->text);
        operands_print(p, n);
        text_add(p->to, ")");
    }
}

static void reduce_print(const Printer *p, const Node *n)
{
    uint32_t axes = n->attr.reduce.axes;
    bool many = axes & (axes - 1);
    text_add(p->to, "%s(%s", op_info(n->op)->text, operand_text(p, n->in[0]));
    for (int i = 0, first = 1; i < MAX_RANK; i++) {
        if (!(axes >> i & 1)) continue;
        text_add(p->to, "%s%d", first ? (many ? ", over = (" : ", over = ") : ", ", i);
        first = 0;
    }
    text_add(p->to, many ? "))" : ")");
}

static void random_print(const Printer *p, const Node *n)
{
    const char *const *names = n->op == OP_UNIFORM ? (const char *const[]){"low", "high"}
                                                   : (const char *const[]){"std", "mean"};
    text_add(p->to, "%s(%s = %s, %s = %s, stream = \"%016llx\")", op_info(n->op)->text, names[0],
             operand_text(p, n->in[0]), names[1], operand_text(p, n->in[1]), (unsigned long long)n->attr.random.stream);
}

static void block_print(Printer *p, const Block *b);

static void region_print(Printer *p, const Node *n)
{
    const char *comma = n->nin ? ", " : "";
    text_add(p->to, "%s(", op_info(n->op)->text);
    if (n->op == OP_CALL) text_add(p->to, "%s%s", n->attr.callee, comma);
    operands_print(p, n);
    if (n->op == OP_KERNEL) {
        text_add(p->to, "%sprefix = %d", comma, n->attr.kernel->prefix);
        if (p->graph->stage == STAGE_PLANNED) text_add(p->to, ", phase = %d", n->attr.kernel->phase);
    }
    text_add(p->to, ") {\n");
    p->indent += 2;
    block_print(p, n->region);
    p->indent -= 2;
    line_begin(p);
    text_add(p->to, "}");
}

static void call_print(const Printer *p, const Node *n)
{
    text_add(p->to, "%s(", op_info(n->op)->text);
    operands_print(p, n);
    if (n->op == OP_TAKE || n->op == OP_SCATTER_ADD) text_add(p->to, ", over = %d", n->attr.axis);
    text_add(p->to, ")");
}

static void part_print(const Printer *p, const Node *n)
{
    const PartAttr *a = &n->attr.part;
    Dims *ds = p->graph->program->dims;
    text_add(p->to, "%s(", op_info(n->op)->text);
    operands_print(p, n);
    text_add(p->to, ", over = %d", a->axis);
    if (n->op == OP_SLICE)
        text_add(p->to, ", start = %s, size = %s", dim_text(p->arena, a->before), dim_text(p->arena, a->size));
    if (n->op == OP_PAD) {
        const Dim *rest = dim_sub(ds, dim_sub(ds, a->size, a->before), n->in[0]->type.axes[a->axis].dim);
        text_add(p->to, ", before = %s, after = %s", dim_text(p->arena, a->before), dim_text(p->arena, rest));
    }
    text_add(p->to, ")");
}

static void node_print(Printer *p, const Node *n)
{
    if (n->op != OP_RETURN && (!n->nout || !p->names[n->out[0].id])) return;
    targets_print(p, n);
    switch (op_info(n->op)->kind) {
    case KIND_leaf: leaf_print(p, n); break;
    case KIND_elementwise: elementwise_print(p, n); break;
    case KIND_reduce: reduce_print(p, n); break;
    case KIND_contract: contract_print(p, n); break;
    case KIND_move: move_print(p, n); break;
    case KIND_random: random_print(p, n); break;
    case KIND_region: region_print(p, n); break;
    case KIND_index: case KIND_grad: call_print(p, n); break;
    case KIND_part: part_print(p, n); break;
    case KIND_result: break;
    }
    site_print(p, n->site);
    text_add(p->to, "\n");
}

/* ---- blocks and results ---- */

static void return_print(const Printer *p, const Node *n)
{
    if (!n->nin) return;
    line_begin(p);
    text_add(p->to, n->nin > 1 ? "(" : "");
    operands_print(p, n);
    text_add(p->to, n->nin > 1 ? ")\n" : "\n");
}

static void nodes_print(Printer *p, const Block *b)
{
    for (const Node *n = b->first; n; n = n->next)
        if (n->op != OP_RETURN) node_print(p, n);
}

static void block_print(Printer *p, const Block *b)
{
    nodes_print(p, b);
    if (b->last && b->last->op == OP_RETURN) return_print(p, b->last);
}

/* A tensor and its first value, or the file that has it: `param digits.dense1.w: f32[784, 16] @(0) = t3`. */
static void tensor_print(const Printer *p, const Tensor *t, const Value *first)
{
    Text at = {.arena = p->arena};
    line_begin(p);
    text_add(p->to, "%s %s: %s", t->role == ROLE_PARAM ? "param" : "state", t->path, type_text(p->arena, t->type));
    if (t->role == ROLE_OPT) text_add(&at, "opt");
    if (p->graph->stage == STAGE_PLANNED) text_add(&at, "%s%lld", at.n ? ", " : "", (long long)t->offset);
    if (t->key && !str_equal(t->key, t->path)) {
        text_add(&at, at.n ? ", " : "");
        text_quote(&at, t->key);
    }
    if (at.n) text_add(p->to, " @(%s)", text_done(&at));
    text_add(p->to, " = ");
    if (first) text_add(p->to, "%s", operand_text(p, first));
    else text_quote(p->to, t->given.written);
    site_print(p, t->site);
    text_add(p->to, "\n");
}

static const Value *result_value(const Graph *g, int i)
{
    return g->body->last->in[i];
}

/* In the order of the table, whatever the order of the results. */
static void tensors_print(const Printer *p)
{
    const Graph *g = p->graph;
    int n = g->program->tensors.n;
    const Value **first = NEW_ARRAY(p->arena, const Value *, n);
    for (int r = 0; r < g->results.n; r++) first[g->results.at[r].index] = result_value(g, r);
    for (int i = 0; i < n; i++) {
        const Tensor *t = &g->program->tensors.at[i];
        if (first[i] || (t->given.file && g->kind == GRAPH_INIT)) tensor_print(p, t, first[i]);
    }
}

/* One line a result; the two halves of a pair share theirs. Returns how many results it took. */
static int result_print(const Printer *p, int i)
{
    const Graph *g = p->graph;
    const Result *r = &g->results.at[i];
    const char *value = operand_text(p, result_value(g, i));
    const char *path = r->kind == RESULT_NEXT || r->kind == RESULT_GRAD ? g->program->tensors.at[r->index].path : NULL;
    line_begin(p);
    switch (r->kind) {
    case RESULT_OUTPUT: break;
    case RESULT_LOSS: text_add(p->to, "loss %s\n", value); break;
    case RESULT_STOP: text_add(p->to, "stop %s\n", value); break;
    case RESULT_NEXT: text_add(p->to, "%s' = %s\n", path, value); break;
    case RESULT_GRAD: text_add(p->to, "%s.grad = %s\n", path, value); break;
    case RESULT_METRIC:
        text_add(p->to, "metric %s(%s", r->name, value);
        if (r->summed) text_add(p->to, ", %s", operand_text(p, result_value(g, i + 1)));
        text_add(p->to, ")\n");
        return r->summed ? 2 : 1;
    }
    return 1;
}

static void results_print(const Printer *p)
{
    if (!p->graph->body->last) return;
    if (p->graph->kind == GRAPH_MODEL) {
        return_print(p, p->graph->body->last);
    } else if (graph_is_first(p->graph)) {
        tensors_print(p);
    } else {
        for (int i = 0; i < p->graph->results.n; i += result_print(p, i)) {}
    }
}

/* ---- graphs ---- */

static void outputs_print(const Printer *p)
{
    const Graph *g = p->graph;
    bool named = g->results.n > 1 || (g->results.n == 1 && g->results.at[0].name);
    text_add(p->to, named ? " -> (" : " -> ");
    for (int i = 0; i < g->results.n; i++) {
        const char *name = g->results.at[i].name;
        text_add(p->to, "%s%s%s%s", i ? ", " : "", name ? name : "", name ? ": " : "",
                 type_text(p->arena, g->results.at[i].type));
    }
    text_add(p->to, named ? ")" : "");
}

static const char *const entry_names[] = {
    [GRAPH_MODEL] = "", [GRAPH_STEP] = ".step", [GRAPH_EVAL] = ".eval",
    [GRAPH_GRAD] = ".grad", [GRAPH_UPDATE] = ".update", [GRAPH_INIT] = ".init",
    [GRAPH_START] = ".start",
};

static void fact_print(const Fact *f, Text *to)
{
    text_add(to, "\n  where %s : ", condition_text(to->arena, f->condition));
    text_quote(to, fact_text(to->arena, f));
}

static void head_print(const Printer *p)
{
    const Graph *g = p->graph;
    bool model = g->kind == GRAPH_MODEL || graph_is_first(g);
    const char *name = graph_is_first(g) ? g->program->name : g->name;
    text_add(p->to, "%s %s%s(", model ? "model" : "train", name, entry_names[g->kind]);
    for (int i = 0; i < g->inputs.n; i++) {
        const GraphInput *in = &g->inputs.at[i];
        text_add(p->to, "%s%s: %s", i ? ", " : "", in->name, type_text(p->arena, in->value->type));
    }
    text_add(p->to, ")");
    if (g->kind == GRAPH_MODEL) outputs_print(p);
    for (int i = 0; i < g->facts.n; i++) fact_print(&g->facts.at[i], p->to);
    text_add(p->to, g->facts.n ? "\n{\n" : " {\n");
}

static void plan_print(const Printer *p)
{
    const Graph *g = p->graph;
    if (g->stage != STAGE_PLANNED) return;
    text_add(p->to, "  work = %s\n", dim_text(p->arena, g->work_bytes));
    text_add(p->to, "  phases = %d\n  check_phase = %d\n", g->phases, g->check_phase);
}

static void number_setting_print(Text *to, const char *name, int64_t v)
{
    if (v >= 0) text_add(to, "  %s %lld\n", name, (long long)v);
}

static void settings_print(const Printer *p)
{
    const Program *program = p->graph->program;
    for (int i = 0; i < program->trains.n; i++) {
        const TrainInfo *t = &program->trains.at[i];
        if (t->step != p->graph) continue;
        if (t->data) {
            text_add(p->to, "  data ");
            text_quote(p->to, t->data);
            text_add(p->to, "\n");
        }
        number_setting_print(p->to, "epochs", t->epochs);
        number_setting_print(p->to, "batch", t->batch);
        if (t->split_a >= 0) text_add(p->to, "  split %lld/%lld\n", (long long)t->split_a, (long long)t->split_b);
        number_setting_print(p->to, "seed", t->seed);
    }
}

static void graph_write(const Graph *g, Text *to, bool notes)
{
    Printer p = {.graph = g, .arena = to->arena, .to = to, .indent = 2, .notes = notes};
    names_give(&p);
    head_print(&p);
    settings_print(&p);
    plan_print(&p);
    nodes_print(&p, g->body);
    results_print(&p);
    text_add(to, "}\n");
}

void graph_print(const Graph *g, Text *to)
{
    graph_write(g, to, true);
}

/* With the facts that speak of it and of none after it. */
static void symbol_print(const Program *p, const Symbol *s, Text *to)
{
    text_add(to, "dim %s", s->name);
    for (int i = 0; i < s->nlabels; i++) {
        text_add(to, i ? ", " : " = ");
        text_quote(to, s->labels[i]);
    }
    int64_t low = s->fixed ? s->fixed : s->low, high = s->fixed ? s->fixed : s->high;
    if (!s->nlabels && (low != 1 || high != INT64_MAX)) text_add(to, " in %lld..%lld", (long long)low, (long long)high);
    for (int i = 0; i < p->facts.n; i++)
        if (condition_last_symbol(p->facts.at[i].condition) == s) fact_print(&p->facts.at[i], to);
    text_add(to, "\n");
}

static bool graph_print_next(Graph *g, void *to)
{
    text_add(to, "\n");
    graph_print(g, to);
    return true;
}

static bool graph_stage(Graph *g, void *out)
{
    *(Stage *)out = g->stage;
    return false;
}

void program_print(const Program *p, Text *to)
{
    Stage stage = STAGE_BUILT;
    program_each_graph((Program *)p, graph_stage, &stage);
    text_add(to, "stage \"%s\"\n", stage_name(stage));
    if (p->real != DT_F32) text_add(to, "real \"%s\"\n", dtype_name(p->real));
    if (p->symbols.n + p->hypers.n) text_add(to, "\n");
    for (int i = 0; i < p->symbols.n; i++) symbol_print(p, p->symbols.at[i], to);
    for (int i = 0; i < p->hypers.n; i++)
        text_add(to, "hyper %s = %s\n", p->hypers.at[i].name, number_text(to->arena, DT_F64, p->hypers.at[i].value));
    program_each_graph((Program *)p, graph_print_next, to);
}

static bool graph_hash_next(Graph *g, void *hash)
{
    if (graph_is_first(g)) return true;
    Arena *arena = arena_new();
    Text text = {.arena = arena};
    graph_write(g, &text, false);
    *(uint64_t *)hash = hash_bytes(*(uint64_t *)hash, text.at, text.n);
    arena_free(arena);
    return true;
}

uint64_t program_graph_hash(const Program *p)
{
    uint64_t hash = 0;
    program_each_graph((Program *)p, graph_hash_next, &hash);
    return hash;
}
