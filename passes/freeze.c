/* freeze.c: what depends on frozen parameters alone, turned weights above all, is computed now. The interpreter says of
   every number how far it may lie from the compiled one: a value is taken only where all of them are exact, so the bits
   are those of a model that is not frozen. */
#include "passes/pass.h"

static int64_t known_size(const Value *v)
{
    int64_t n = 0;
    dim_known(type_size(v->def->parent->graph->program->dims, v->type), &n);
    return n;
}

/* The interpreter counts in doubles, which do not hold every i64. */
static bool may_be_known(const Node *n)
{
    OpKind kind = op_info(n->op)->kind;
    if (n->op == OP_CONST || n->op == OP_TENSOR) return n->out[0].type.dtype != DT_I64;
    return (kind == KIND_elementwise || kind == KIND_move || kind == KIND_part) && n->out[0].type.dtype != DT_I64;
}

/* Known, and no larger than what it is made of: a stretched bias is no gain. mark: it is known. */
static bool is_known(const Node *n)
{
    int64_t read = 0;
    if (!may_be_known(n)) return false;
    for (int i = 0; i < n->nin; i++) {
        if (!n->in[i]->def->mark) return false;
        read += known_size(n->in[i]);
    }
    return n->nin == 0 || (known_size(&n->out[0]) > 0 && known_size(&n->out[0]) <= read);
}

static bool is_wanted(const Node *n)
{
    if (!n->mark || n->nin == 0 || (n->op == OP_MOVE && move_is_view(n->attr.move))) return false;
    for (int i = 0; i < n->out[0].uses.n; i++)
        if (!n->out[0].uses.at[i].node->mark) return true;
    return false;
}

/* ---- computing ---- */
typedef struct Freezing { Program *program; Arena *scratch; Graph *part; Value **map; EvalInputs in; } Freezing;

static void copy_known(Freezing *f, const Node *n)
{
    if (f->map[n->out[0].id]) return;
    for (int i = 0; i < n->nin; i++) copy_known(f, n->in[i]->def);
    if (n->op == OP_TENSOR) {
        const Tensor *t = &f->program->tensors.at[n->attr.index];
        f->in.tensors[n->attr.index] = array_new(f->scratch, t->type, f->in.symbols);
        array_load(&f->in.tensors[n->attr.index], t->given.values);
    }
    node_clone(n, f->part->body, f->map);
}

static bool compute(const Node *n, Arena *scratch, Array *out)
{
    Graph *g = n->parent->graph;
    Program *p = g->program;
    int64_t *symbols = NEW_ARRAY(scratch, int64_t, p->symbols.n + 1);
    for (int i = 0; i < p->symbols.n; i++) symbols[i] = p->symbols.at[i]->fixed;
    Freezing f = {.program = p, .scratch = scratch, .part = graph_new(p, GRAPH_MODEL, g->name, n->site)};
    f.map = NEW_ARRAY(scratch, Value *, g->nvalues);
    f.in = (EvalInputs){.symbols = symbols, .tensors = NEW_ARRAY(scratch, Array, p->tensors.n)};
    copy_known(&f, n);
    graph_add_result(f.part, (Result){.kind = RESULT_OUTPUT}, f.map[n->out[0].id]);
    if (!graph_eval(f.part, &f.in, scratch, out)) return false;
    bool exact = true;
    for (int64_t i = 0; i < out->size; i++) exact = exact && out->at[i].bound == 0;
    return exact;
}

/* ---- a tensor more ---- */
static int add_tensor(Node *n, const Array *x)
{
    Program *p = n->parent->graph->program;
    char *values = arena_alloc(p->arena, (size_t)x->size * (size_t)dtype_bytes(x->type.dtype));
    Tensor t = {.role = ROLE_STATE, .type = n->out[0].type, .site = n->site, .train = -1};
    t.path = t.key = str_format(p->arena, "%s.frozen%d", n->parent->graph->name, p->tensors.n);
    t.given = (FileValue){.file = "", .key = t.path, .written = t.path, .values = values};
    array_store(x, values);
    int place = program_add_tensor(p, t);
    program_place_tensors(p);
    return place;
}

static bool freeze_node(Node *n, Arena *scratch)
{
    Array x;
    if (!compute(n, scratch, &x)) return false;
    Build b = {n->parent, n, n->site};
    Value *now = build_op(&b, OP_TENSOR, NULL, 0, &(Attr){.index = add_tensor(n, &x)}, &n->out[0].type);
    now->def->mark = 1;
    now->name = n->out[0].name;
    value_replace(&n->out[0], now);
    return true;
}

bool pass_freeze(Graph *g, Arena *scratch)
{
    long frozen = 0;
    if (!g->program->frozen) return false;
    for (Node *n = g->body->first; n; n = n->next) {
        n->mark = 0;
        n->mark = n->nout == 1 && is_known(n);
    }
    for (Node *n = g->body->first; n; n = n->next) frozen += is_wanted(n) && freeze_node(n, scratch);
    graph_drop_unread(g);
    pass_count("freeze", frozen);
    return frozen > 0;
}
