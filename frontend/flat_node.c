/* A line of the flat form as a node: `name: type = one primitive`. */
#include "frontend/flat.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One line on its way to a node. */
typedef struct Line {
    Flat *flat;
    Block *block;
    const Expr *value;
    const Type *types;
    int ntypes;
    const Site *site;
} Line;

/* ---- numbers ---- */

static bool is_number_word(const char *s)
{
    return str_equal(s, "true") || str_equal(s, "false") || str_equal(s, "inf") || str_equal(s, "nan");
}

bool flat_is_number(const Expr *e)
{
    if (e->kind == EX_UNARY && e->op == OP_NEG) e = e->a;
    return e->kind == EX_NUMBER || (e->kind == EX_REF && is_number_word(e->text));
}

double flat_number(const Expr *e, DType t)
{
    if (e->kind == EX_UNARY) return -flat_number(e->a, t);
    if (str_equal(e->text, "true")) return 1;
    if (str_equal(e->text, "false")) return 0;
    if (str_equal(e->text, "inf")) return (double)INFINITY;
    if (str_equal(e->text, "nan")) return (double)NAN;
    return t == DT_F32 ? (double)strtof(e->text, NULL) : strtod(e->text, NULL);
}

/* ---- operands ---- */

static bool in_scope(const Block *outer, const Block *inner)
{
    while (inner && inner != outer) inner = inner->owner ? inner->owner->parent : NULL;
    return inner == outer;
}

/* A leaf stands in the graph's body, before the region that is being read. */
static Value *leaf_add(Flat *f, Block *from, const char *text, OpCode op, Attr attr, const Type *type, bool grad)
{
    Node *n = node_new(f->graph->body, op, NULL, 0, &attr, type, NULL, f->cx);
    n->grad_area = grad;
    if (from != f->graph->body) node_move_before(n, node_at_level(from->owner, f->graph->body));
    map_set(f->leaves, text, &n->out[0]);
    return &n->out[0];
}

static Value *tensor_leaf(Flat *f, Block *b, const char *text)
{
    bool grad = str_ends(text, ".grad");
    const char *path = grad ? str_copy_n(f->arena, text, strlen(text) - strlen(".grad")) : text;
    int i = program_find_tensor(f->program, path);
    if (i < 0) return NULL;
    return leaf_add(f, b, text, OP_TENSOR, (Attr){.index = i}, &f->program->tensors.at[i].type, grad);
}

static Value *setting_leaf(Flat *f, Block *b, const char *text)
{
    Type f64 = type_scalar(DT_F64);
    for (int i = 0; i < f->program->hypers.n; i++)
        if (str_equal(f->program->hypers.at[i].name, text))
            return leaf_add(f, b, text, OP_HYPER, (Attr){.index = i}, &f64, false);
    return NULL;
}

static Value *leaf_named(Flat *f, Block *b, const char *text)
{
    Type f64 = type_scalar(DT_F64);
    Value *v = map_get(f->leaves, text);
    if (v) return v;
    if (str_equal(text, "step")) return leaf_add(f, b, text, OP_CLOCK, (Attr){.clock = CLOCK_STEP}, &f64, false);
    if (str_equal(text, "epoch")) return leaf_add(f, b, text, OP_CLOCK, (Attr){.clock = CLOCK_EPOCH}, &f64, false);
    v = tensor_leaf(f, b, text);
    return v ? v : setting_leaf(f, b, text);
}

static Value *name_value(Flat *f, Block *b, const Expr *e)
{
    Value *v = map_get(f->values, e->text);
    if (v && !in_scope(v->def->parent, b)) {
        flat_error(f, e->span, "`%s` is a name of another body", e->text);
        return NULL;
    }
    if (!v) v = leaf_named(f, b, e->text);
    if (!v) flat_error(f, e->span, "nothing above is called `%s`", e->text);
    return v;
}

/* setting(name): a setting whose name an input hides */
static bool is_hidden_setting(const Expr *e)
{
    return e->kind == EX_CALL && e->a->kind == EX_REF && str_equal(e->a->text, "setting") && e->args.n == 1
        && e->args.at[0].value->kind == EX_REF;
}

Value *flat_operand(Flat *f, Block *b, const Expr *e, DType bare)
{
    if (flat_is_number(e)) {
        Type t = type_scalar(bare);
        Attr attr = {.constant = {.value = bare == DT_NONE ? 0 : flat_number(e, bare)}};
        if (bare != DT_NONE) return value_new(b, OP_CONST, NULL, 0, &attr, &t, NULL, f->cx);
        flat_error(f, e->span, "a number has a line of its own here");
        return NULL;
    }
    if (is_hidden_setting(e)) {
        Value *v = setting_leaf(f, b, e->args.at[0].value->text);
        if (v) return v;
    }
    if (e->kind == EX_REF && !e->ref.prime) return name_value(f, b, e);
    flat_error(f, e->span, "a name is needed here: the flat form has one primitive a line");
    return NULL;
}

bool flat_results(Flat *f, Block *b, const Expr *e, Operands *out)
{
    Expr *only = (Expr *)e;
    Expr **at = e && e->kind == EX_TUPLE ? e->list.at : &only;
    out->n = !e ? 0 : e->kind == EX_TUPLE ? e->list.n : 1;
    out->at = NEW_ARRAY(f->arena, Value *, out->n);
    for (int i = 0; i < out->n; i++)
        if (!(out->at[i] = flat_operand(f, b, at[i], DT_NONE))) return false;
    return true;
}

/* ---- nodes ---- */

static Node *line_node(const Line *l, OpCode op, Value *const *in, int nin, Attr attr)
{
    int errors = l->flat->cx->diags->errors;
    int results = op == OP_GRAD ? nin - 1 : 1, arity = op_info(op)->nin;
    if (arity >= 0 && arity != nin) {
        flat_error(l->flat, l->value->span, "`%s` has %d input%s, not %d", op_info(op)->text, arity,
                   arity == 1 ? "" : "s", nin);
        return NULL;
    }
    if (results != l->ntypes) {
        flat_error(l->flat, l->value->span, "this gives %d value%s, not %d", results, results == 1 ? "" : "s",
                   l->ntypes);
        return NULL;
    }
    Node *n = node_new(l->block, op, in, nin, &attr, l->types, l->site, l->flat->cx);
    return l->flat->cx->diags->errors > errors ? NULL : n;
}

static Node *constant_line(const Line *l)
{
    const Expr *e = l->value;
    DType t = l->types[0].dtype;
    if (e->kind != EX_VECTOR) return line_node(l, OP_CONST, NULL, 0, (Attr){.constant = {.value = flat_number(e, t)}});
    double *values = NEW_ARRAY(l->flat->arena, double, e->list.n);
    int64_t size;
    if (l->types[0].rank != 1 || !dim_known(l->types[0].axes[0].dim, &size) || size != e->list.n) {
        flat_error(l->flat, e->span, "this vector has %d number%s", e->list.n, e->list.n == 1 ? "" : "s");
        return NULL;
    }
    for (int i = 0; i < e->list.n; i++) {
        if (!flat_is_number(e->list.at[i])) {
            flat_error(l->flat, e->list.at[i]->span, "a vector holds numbers");
            return NULL;
        }
        values[i] = flat_number(e->list.at[i], t);
    }
    return line_node(l, OP_CONST, NULL, 0, (Attr){.constant = {.values = values}});
}

/* Operands of an elementwise or random operator; what compares learns a number's dtype from its other operand. */
static Node *operator_line(const Line *l, OpCode op, Expr *const *operands, int n, Attr attr)
{
    Value **in = NEW_ARRAY(l->flat->arena, Value *, n);
    DType other = DT_NONE, result = l->types[0].dtype;
    for (int i = 0; i < n; i++) {
        if (flat_is_number(operands[i])) continue;
        if (!(in[i] = flat_operand(l->flat, l->block, operands[i], DT_NONE))) return NULL;
        other = in[i]->type.dtype;
    }
    for (int i = 0; i < n; i++) {
        if (!flat_is_number(operands[i])) continue;
        if (!(in[i] = flat_operand(l->flat, l->block, operands[i], bare_number_dtype(op, result, other)))) return NULL;
    }
    return line_node(l, op, in, n, attr);
}

static Node *matmul_line(const Line *l)
{
    Value *in[2];
    in[0] = flat_operand(l->flat, l->block, l->value->a, DT_NONE);
    in[1] = in[0] ? flat_operand(l->flat, l->block, l->value->b, DT_NONE) : NULL;
    if (!in[1]) return NULL;
    ContractAttr *c = flat_matmul(l->flat, l->value->span, in[0]->type, in[1]->type);
    return c ? line_node(l, OP_CONTRACT, in, 2, (Attr){.contract = c}) : NULL;
}

static Node *binary_line(const Line *l)
{
    Expr *const operands[] = {l->value->a, l->value->b};
    return l->value->op == OP_CONTRACT ? matmul_line(l) : operator_line(l, l->value->op, operands, 2, (Attr){0});
}

static Node *pattern_line(const Line *l)
{
    const Expr *pattern = l->value->list.at[1];
    Operands in;
    if (!flat_results(l->flat, l->block, l->value->list.at[0], &in)) return NULL;
    if (in.n == 2) {
        ContractAttr *c = flat_contract(l->flat, pattern, in.at[0]->type, in.at[1]->type);
        return c ? line_node(l, OP_CONTRACT, in.at, 2, (Attr){.contract = c}) : NULL;
    }
    MoveAttr *m = flat_move(l->flat, pattern, in.at[0]->type, l->types[0]);
    return m ? line_node(l, OP_MOVE, in.at, 1, (Attr){.move = m}) : NULL;
}

/* ---- calls ---- */

static const Arg *arg_named(const Expr *e, const char *name)
{
    for (int i = 0; i < e->args.n; i++)
        if (e->args.at[i].name && str_equal(e->args.at[i].name, name)) return &e->args.at[i];
    return NULL;
}

static int inputs_of(const Expr *e)
{
    int n = 0;
    while (n < e->args.n && !e->args.at[n].name) n++;
    return n;
}

static bool axes_read(Flat *f, const Expr *e, uint32_t *out)
{
    Expr *only = (Expr *)e;
    Expr **at = e->kind == EX_TUPLE ? e->list.at : &only;
    int n = e->kind == EX_TUPLE ? e->list.n : 1;
    for (int i = 0; i < n; i++) {
        int64_t axis;
        if (!flat_int(f, at[i], &axis)) return false;
        if (axis < 0 || axis >= MAX_RANK) return flat_error(f, at[i]->span, "this is no axis");
        *out |= 1u << axis;
    }
    return true;
}

static bool call_inputs(const Line *l, int from, Operands *out)
{
    const Expr *e = l->value;
    out->n = inputs_of(e) - from;
    out->at = NEW_ARRAY(l->flat->arena, Value *, out->n + 1);
    for (int i = 0; i < out->n; i++)
        if (!(out->at[i] = flat_operand(l->flat, l->block, e->args.at[from + i].value, DT_NONE))) return false;
    return true;
}

static Node *reduce_line(const Line *l, OpCode op)
{
    Operands in;
    Attr attr = {.reduce = {0}};
    const Arg *over = arg_named(l->value, "over");
    if (!call_inputs(l, 0, &in) || (over && !axes_read(l->flat, over->value, &attr.reduce.axes))) return NULL;
    return line_node(l, op, in.at, in.n, attr);
}

static Node *random_line(const Line *l, OpCode op)
{
    const char *const names[] = {op == OP_UNIFORM ? "low" : "std", op == OP_UNIFORM ? "high" : "mean"};
    const Arg *stream = arg_named(l->value, "stream");
    Expr *operands[2];
    for (int i = 0; i < 2; i++) {
        const Arg *a = arg_named(l->value, names[i]);
        if (!a || !stream || stream->value->kind != EX_TEXT) {
            flat_error(l->flat, l->value->span, "`%s` needs `%s`, `%s` and `stream`", op_info(op)->text, names[0],
                       names[1]);
            return NULL;
        }
        operands[i] = a->value;
    }
    Attr attr = {.random = {strtoull(stream->value->text, NULL, 16)}};
    return operator_line(l, op, operands, 2, attr);
}

static Node *leaf_line(const Line *l, OpCode op)
{
    const Expr *e = l->value;
    Attr attr = {0};
    uint32_t axes = 0;
    const Arg *over = arg_named(e, "over");
    if (op == OP_SIZE ? inputs_of(e) != 1 : !over) {
        flat_error(l->flat, e->span, op == OP_SIZE ? "`size` needs one size" : "`iota` needs `over`");
        return NULL;
    }
    if (op == OP_SIZE) {
        attr.size = flat_dim(l->flat, e->args.at[0].value);
        return attr.size ? line_node(l, op, NULL, 0, attr) : NULL;
    }
    if (!axes_read(l->flat, over->value, &axes)) return NULL;
    attr.axis = __builtin_ctz(axes);
    return line_node(l, op, NULL, 0, attr);
}

/* A size written as an option of a primitive; NULL after a message. */
static const Dim *size_arg(const Line *l, const char *name)
{
    const Arg *a = arg_named(l->value, name);
    if (a) return flat_dim(l->flat, a->value);
    flat_error(l->flat, l->value->span, "`%s` is missing", name);
    return NULL;
}

static bool axis_arg(const Line *l, int *out)
{
    const Arg *over = arg_named(l->value, "over");
    uint32_t axes = 0;
    if (!over) return flat_error(l->flat, l->value->span, "`over` is missing");
    if (!axes_read(l->flat, over->value, &axes)) return false;
    *out = __builtin_ctz(axes);
    return true;
}

static Node *part_line(const Line *l, OpCode op)
{
    Operands in;
    Attr attr = {.part = {0}};
    PartAttr *p = &attr.part;
    if (!call_inputs(l, 0, &in) || !in.n || !axis_arg(l, &p->axis)) return NULL;
    if (op == OP_SLICE || op == OP_PAD) {
        Dims *ds = l->flat->program->dims;
        p->before = size_arg(l, op == OP_SLICE ? "start" : "before");
        p->size = p->before ? size_arg(l, op == OP_SLICE ? "size" : "after") : NULL;
        if (!p->size) return NULL;
        if (op == OP_PAD && p->axis < in.at[0]->type.rank)
            p->size = dim_add(ds, p->size, dim_add(ds, p->before, in.at[0]->type.axes[p->axis].dim));
    }
    return line_node(l, op, in.at, in.n, attr);
}

/* ---- bodies ---- */

static bool kernel_read(const Line *l, Attr *attr)
{
    Flat *f = l->flat;
    const Arg *prefix = arg_named(l->value, "prefix"), *phase = arg_named(l->value, "phase");
    int64_t n = -1, at = 0;
    if (!prefix || !flat_int(f, prefix->value, &n) || (phase && !flat_int(f, phase->value, &at)) || n < 0
        || n > l->types[0].rank)
        return flat_error(f, l->value->span, "a kernel has a prefix of its result's axes");
    attr->kernel = NEW(f->arena, KernelAttr);
    attr->kernel->prefix = (int)n;
    attr->kernel->phase = (int)at;
    for (int i = 0; i < n; i++) attr->kernel->dims[i] = l->types[0].axes[i].dim;
    return true;
}

static Node *region_line(const Line *l, OpCode op)
{
    Flat *f = l->flat;
    const Expr *e = l->value;
    Attr attr = {0};
    Operands in;
    bool named = inputs_of(e) && e->args.at[0].value->kind == EX_REF;
    if (!e->block || (op == OP_CALL && !named)) {
        flat_error(f, e->span, op == OP_CALL ? "`call` needs a function's name and a body" : "`kernel` needs a body");
        return NULL;
    }
    if (op == OP_CALL) attr.callee = e->args.at[0].value->text;
    if (op == OP_KERNEL && !kernel_read(l, &attr)) return NULL;
    if (!call_inputs(l, op == OP_CALL, &in)) return NULL;
    Node *n = region_new(l->block, op, in.at, in.n, l->ntypes, &attr, l->site);
    for (int i = 0; i < l->ntypes; i++) n->out[i].type = l->types[i];
    if (!flat_region(f, n->region, e->block)) return NULL;
    if (n->region->last->nin == n->nout) return n;
    int given = n->region->last->nin;
    flat_error(f, e->span, "this body gives %d value%s, not %d", given, given == 1 ? "" : "s", n->nout);
    return NULL;
}

static Node *plain_call_line(const Line *l, OpCode op)
{
    const Expr *e = l->value;
    Operands in;
    OpKind kind = op_info(op)->kind;
    if (kind == KIND_elementwise) {
        Expr **operands = NEW_ARRAY(l->flat->arena, Expr *, e->args.n);
        for (int i = 0; i < e->args.n; i++) operands[i] = e->args.at[i].value;
        return operator_line(l, op, operands, e->args.n, (Attr){0});
    }
    Attr attr = {0};
    if ((op == OP_TAKE || op == OP_SCATTER_ADD) && !axis_arg(l, &attr.axis)) return NULL;
    return call_inputs(l, 0, &in) ? line_node(l, op, in.at, in.n, attr) : NULL;
}

static Node *call_line(const Line *l)
{
    const Expr *e = l->value;
    int n = inputs_of(e);
    const char *name = e->a->kind == EX_REF ? e->a->text : "";
    int op = dtype_named(name) != DT_NONE ? (int)OP_CONVERT : op_named(name, n);
    if (op < 0) op = op_named(name, -1);
    OpKind kind = op < 0 ? KIND_result : op_info((OpCode)op)->kind;
    switch (kind) {
    case KIND_leaf: if (op == OP_SIZE || op == OP_IOTA) return leaf_line(l, (OpCode)op); break;
    case KIND_reduce: return reduce_line(l, (OpCode)op);
    case KIND_random: return random_line(l, (OpCode)op);
    case KIND_part: if (n > 0) return part_line(l, (OpCode)op); break;
    case KIND_region: return region_line(l, (OpCode)op);
    case KIND_elementwise: case KIND_index: case KIND_grad:
        if (op_info((OpCode)op)->nin < 0 || op_info((OpCode)op)->nin == n) return plain_call_line(l, (OpCode)op);
        break;
    default: break;
    }
    flat_error(l->flat, e->span, "there is no primitive `%s` with %d input%s", name, n, n == 1 ? "" : "s");
    return NULL;
}

static Node *value_line(const Line *l)
{
    const Expr *e = l->value;
    if (flat_is_number(e)) return constant_line(l);
    switch (e->kind) {
    case EX_VECTOR: return constant_line(l);
    case EX_BINARY: return binary_line(l);
    case EX_UNARY: {
        Expr *const operand[] = {e->a};
        return operator_line(l, e->op, operand, 1, (Attr){0});
    }
    case EX_PIPE: if (e->list.n == 2) return pattern_line(l); break;
    case EX_CALL: return call_line(l);
    default: break;
    }
    flat_error(l->flat, e->span, "this is no primitive of the flat form");
    return NULL;
}

/* ---- lines ---- */

static const Site *line_site(Flat *f, const Item *item)
{
    const char *note = item->note ? item->note : "", *path = strchr(note, ' ');
    Site *s = NEW(f->arena, Site);
    *s = (Site){.span = item->span, .path = path ? path + 1 : NULL, .note = note};
    return s;
}

static bool target_bind(Flat *f, const Target *t, Value *v)
{
    const char *name = t->ref.path.text;
    if (map_has(f->values, name)) return flat_error(f, t->span, "`%s` is bound twice", name);
    if (!name_is_temporary(name)) v->name = name;
    map_set(f->values, name, v);
    return flat_place(f, t->type, &v->place);
}

bool flat_line(Flat *f, Block *b, const Item *item)
{
    int n = item->targets.n;
    Type *types = NEW_ARRAY(f->arena, Type, n);
    for (int i = 0; i < n; i++)
        if (!flat_type(f, item->targets.at[i].type, &types[i])) return false;
    Line l = {f, b, item->value, types, n, line_site(f, item)};
    Node *node = value_line(&l);
    if (!node) return false;
    for (int i = 0; i < n; i++) /* the roles of axes are as written: a pass may have put another input in place */
        if (type_same(node->out[i].type, types[i])) node->out[i].type = types[i];
    for (int i = 0; i < n; i++)
        if (!target_bind(f, &item->targets.at[i], &node->out[i])) return false;
    return true;
}
