/* inspect.c: a model's layers as a table: shapes, parameters, cost, bytes. Sizes stay formulas of the open dims. */
#include "driver/driver.h"
#include "driver/report/report.h"
#include <inttypes.h>
#include <string.h>

typedef struct Row {
    const char *path;
    const Value *result;       /* the last value computed under this path */
    int64_t params, bytes;     /* of the tensors that it owns */
    const Dim *cost;           /* multiplications, additions and functions */
} Row;
typedef struct Table {
    Program *p;
    const Graph *g;
    VEC(Row) rows;
    Map *by_path;
    int facts; /* shown so far */
} Table;

static Row *row_of(Table *t, const char *path)
{
    Arena *a = t->p->arena;
    void *at = map_get(t->by_path, path);
    if (at) return &t->rows.at[(intptr_t)at - 1];
    Row r = {path, NULL, 0, 0, dim_const(t->p->dims, 0)};
    vec_push(a, &t->rows, r);
    map_set(t->by_path, path, (void *)(intptr_t)t->rows.n);
    return &t->rows.at[t->rows.n - 1];
}

/* Two a summed product in a contraction, one an element elsewhere; leaves and moves cost nothing. */
static const Dim *node_cost(Table *t, const Node *n)
{
    Dims *ds = t->p->dims;
    OpKind kind = op_info(n->op)->kind;
    if (kind == KIND_elementwise) return type_size(ds, n->out[0].type);
    if (kind == KIND_reduce || n->op == OP_SCATTER_ADD) return type_size(ds, n->in[0]->type);
    if (kind != KIND_contract) return dim_const(ds, 0);
    const Dim *d = dim_const(ds, 2);
    for (int i = 0; i < n->attr.contract->nlabels; i++) d = dim_mul(ds, d, n->attr.contract->sizes[i]);
    return d;
}

static void add_block(Table *t, const Block *b)
{
    for (const Node *n = b->first; n; n = n->next) {
        if (n->region) add_block(t, n->region);
        if (op_info(n->op)->kind == KIND_leaf || n->op == OP_RETURN || !n->nout) continue;
        Row *r = row_of(t, n->site && n->site->path ? n->site->path : t->g->name);
        r->cost = dim_add(t->p->dims, r->cost, node_cost(t, n));
        if (b == t->g->body) r->result = &n->out[0];
    }
}

static void add_tensors(Table *t)
{
    for (int i = 0; i < t->p->tensors.n; i++) {
        const Tensor *x = &t->p->tensors.at[i];
        int64_t size = 0, bytes = 0;
        if (x->role == ROLE_OPT) continue;
        dim_known(type_size(t->p->dims, x->type), &size);
        dim_known(type_bytes(t->p->dims, x->type), &bytes);
        const char *dot = strrchr(x->path, '.');
        const char *path = dot ? str_copy_n(t->p->arena, x->path, (size_t)(dot - x->path)) : x->path;
        if (!map_has(t->by_path, path)) continue; /* another model's */
        Row *r = row_of(t, path);
        r->params += x->role == ROLE_PARAM ? size : 0;
        r->bytes += bytes;
    }
}

/* Of a model's own row what the model gives; of a layer's what it computes last. */
static const char *output_text(const Table *t, const Row *r)
{
    Text out = {.arena = t->p->arena};
    if (!str_equal(r->path, t->g->name)) return r->result ? type_text(out.arena, r->result->type) : "";
    for (int i = 0; i < t->g->results.n; i++)
        text_add(&out, "%s%s", i ? ", " : "", type_text(out.arena, t->g->results.at[i].type));
    return text_done(&out);
}

static Row total_of(Table *t)
{
    Row sum = {"total", NULL, 0, 0, dim_const(t->p->dims, 0)};
    for (int i = 0; i < t->rows.n; i++) {
        sum.params += t->rows.at[i].params;
        sum.bytes += t->rows.at[i].bytes;
        sum.cost = dim_add(t->p->dims, sum.cost, t->rows.at[i].cost);
    }
    return sum;
}

/* A row as texts; the widest of each column sets its width. */
enum { COLUMNS = 5 };
typedef struct Line { const char *cells[COLUMNS]; } Line;

static Line line_of(Table *t, const Row *r)
{
    Arena *a = t->p->arena;
    return (Line){{r->path, output_text(t, r), grouped_number(a, r->params), dim_text(a, r->cost),
                   grouped_number(a, r->bytes)}};
}

static void print_lines(const Line *lines, int n)
{
    int widths[COLUMNS] = {28, 22, 12, 16, 12};
    for (int i = 0; i < n; i++)
        for (int c = 0; c < COLUMNS; c++) {
            int width = (int)strlen(lines[i].cells[c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    for (int i = 0; i < n; i++) {
        const char *const *s = lines[i].cells;
        printf("%-*s %-*s %*s %*s %*s\n", widths[0], s[0], widths[1], s[1], widths[2], s[2], widths[3], s[3], widths[4],
               s[4]);
    }
}

typedef struct Outside { const Graph *g; bool found; } Outside; /* a symbol that no input of the model has */

static void find_symbol(const Symbol *s, void *context)
{
    const Symbol **wanted = context;
    if (*wanted && s->index == (*wanted)->index) *wanted = NULL;
}

static void find_outside(const Symbol *s, void *context)
{
    Outside *o = context;
    const Symbol *wanted = s->fixed ? NULL : s;
    for (int i = 0; i < o->g->inputs.n; i++) {
        Type t = o->g->inputs.at[i].value->type;
        for (int k = 0; k < t.rank; k++) dim_each_symbol(t.axes[k].dim, find_symbol, &wanted);
    }
    o->found |= wanted != NULL;
}

static void find_outside_dim(const Dim *d, void *context) { dim_each_symbol(d, find_outside, context); }

/* What the model demands of its sizes: what the file says of them, and its own. */
static void each_fact(Table *t, void (*show)(Table *, const Fact *))
{
    for (int i = 0; i < t->p->facts.n; i++) {
        Outside o = {t->g, false};
        condition_each_dim(t->p->facts.at[i].condition, find_outside_dim, &o);
        if (!o.found) show(t, &t->p->facts.at[i]);
    }
    for (int i = 0; i < t->g->facts.n; i++) show(t, &t->g->facts.at[i]);
}

static void print_fact(Table *t, const Fact *f)
{
    Arena *a = t->p->arena;
    printf("  where %s: %s\n", condition_text(a, f->condition), fact_text(a, f));
}

static void print_table(Table *t)
{
    Arena *a = t->p->arena;
    printf("model %s(", t->g->name);
    for (int i = 0; i < t->g->inputs.n; i++)
        printf("%s%s: %s", i ? ", " : "", t->g->inputs.at[i].name, type_text(a, t->g->inputs.at[i].value->type));
    puts(")");
    each_fact(t, print_fact);
    Line *lines = NEW_ARRAY(a, Line, t->rows.n + 2);
    lines[0] = (Line){{"layer", "output", "parameters", "cost", "bytes"}};
    for (int i = 0; i < t->rows.n; i++) lines[i + 1] = line_of(t, &t->rows.at[i]);
    Row total = total_of(t);
    lines[t->rows.n + 1] = line_of(t, &total);
    print_lines(lines, t->rows.n + 2);
}

static void json_text(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < 32)
            printf("\\u%04x", *s);
        else
            putchar(*s);
    }
    putchar('"');
}

static void json_row(Table *t, const Row *r)
{
    Arena *a = t->p->arena;
    printf("{\"path\": ");
    json_text(r->path);
    printf(", \"output\": ");
    json_text(output_text(t, r));
    printf(", \"parameters\": %" PRId64 ", \"cost\": ", r->params);
    json_text(dim_text(a, r->cost));
    printf(", \"bytes\": %" PRId64 "}", r->bytes);
}

static void json_fact(Table *t, const Fact *f)
{
    printf("%s{\"condition\": ", t->facts++ ? ", " : "");
    json_text(condition_text(t->p->arena, f->condition));
    printf(", \"message\": ");
    json_text(fact_text(t->p->arena, f));
    printf("}");
}

static void json_table(Table *t)
{
    printf("{\"model\": ");
    json_text(t->g->name);
    printf(", \"inputs\": [");
    for (int i = 0; i < t->g->inputs.n; i++) {
        printf("%s{\"name\": ", i ? ", " : "");
        json_text(t->g->inputs.at[i].name);
        printf(", \"type\": ");
        json_text(type_text(t->p->arena, t->g->inputs.at[i].value->type));
        printf("}");
    }
    printf("], \"where\": [");
    t->facts = 0;
    each_fact(t, json_fact);
    printf("], \"layers\": [");
    for (int i = 0; i < t->rows.n; i++) {
        if (i) printf(", ");
        json_row(t, &t->rows.at[i]);
    }
    printf("], \"total\": ");
    Row total = total_of(t);
    json_row(t, &total);
    printf("}");
}

static void print_memory(Program *p)
{
    printf("\nparameters and state %s bytes, optimizer %s bytes\n", grouped_number(p->arena, p->params_bytes),
           grouped_number(p->arena, p->opt_bytes));
}

int command_inspect(Args *a)
{
    int status;
    bool json = args_has(a, OPT_JSON);
    Program *p = build_graphs(a, &status);
    if (!p) return status;
    if (json) printf("[");
    for (int i = 0; i < p->models.n; i++) {
        Table t = {.p = p, .g = p->models.at[i], .by_path = map_new(p->arena)};
        add_block(&t, t.g->body);
        add_tensors(&t);
        if (json)
            printf("%s", i ? ", " : ""), json_table(&t);
        else
            printf("%s", i ? "\n" : ""), print_table(&t);
    }
    if (json) puts("]");
    PassOptions o = {0};
    if (!json && passes_run(p, &o)) {
        print_memory(p);
        if (args_has(a, OPT_MEM_PLAN)) memory_plan_print(p, stdout);
    }
    return model_finish(a, EXIT_GOOD);
}
