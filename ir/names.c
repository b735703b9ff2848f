/* Names of the flat form: which values have a line, and what they are called there. */
#include "ir/print.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

DType bare_number_dtype(OpCode op, DType result, DType other)
{
    const OpInfo *info = op_info(op);
    if (info->kind == KIND_random) return result;
    if (info->kind != KIND_elementwise || info->nin < 2) return DT_NONE; /* one operand is folded, not written bare */
    return info->flags & OPF_COMPARES ? other : result;
}

const char *number_text(Arena *a, DType t, double v)
{
    const char *sign = signbit(v) && !isnan(v) ? "-" : "";
    double size = fabs(v);
    if (t == DT_BOOL) return v != 0 ? "true" : "false";
    if (isnan(v)) return "nan";
    if (isinf(v)) return str_format(a, "%sinf", sign);
    if (dtype_is_int(t)) return str_format(a, "%s%.0f", sign, size);
    return str_format(a, "%s%s", sign, text_number(a, size, t == DT_F32));
}

/* ---- which constants stand bare ---- */

static bool is_bare_operand(const Value *v, const Node *n, int slot)
{
    DType other = DT_NONE, result = n->nout ? n->out[0].type.dtype : DT_NONE;
    if (op_info(n->op)->flags & OPF_COMPARES) {
        const Value *o = n->in[1 - slot];
        other = o->def->op == OP_CONST ? DT_NONE : o->type.dtype;
    }
    if (n->op == OP_SELECT && slot == 0) return false;
    return type_same(v->type, type_scalar(bare_number_dtype(n->op, result, other)));
}

/* One number for two results has a line: read back, it is still one. */
static bool is_bare_result(const Value *v, const Node *n, int slot)
{
    const Graph *g = n->parent->graph;
    if (n->parent != g->body || slot >= g->results.n || v->uses.n > 1) return false;
    const Result *r = &g->results.at[slot];
    return r->kind == RESULT_NEXT && type_same(v->type, g->program->tensors.at[r->index].type);
}

static bool is_bare_constant(const Value *v)
{
    if (!value_is_const(v, NULL) || !v->uses.n) return false;
    for (int i = 0; i < v->uses.n; i++) {
        Use u = v->uses.at[i];
        bool bare = u.node->op == OP_RETURN ? is_bare_result(v, u.node, u.slot) : is_bare_operand(v, u.node, u.slot);
        if (!bare) return false;
    }
    return true;
}

/* Inputs, tensors, clocks and settings are called by their names in the text. */
static bool has_line(const Value *v)
{
    switch (v->def->op) {
    case OP_INPUT: case OP_TENSOR: case OP_CLOCK: case OP_HYPER: return false;
    case OP_CONST: return !is_bare_constant(v);
    default: return true;
    }
}

/* ---- names ---- */

bool name_is_temporary(const char *name)
{
    if (*name++ != 't' || !*name) return false;
    while (isdigit((unsigned char)*name)) name++;
    return !*name;
}

static bool is_word(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    return !*s;
}

static Map *names_taken(const Printer *p)
{
    static const char *const words[] = {"import", "as", "dim", "in", "hyper", "fn", "layer", "model", "train", "param",
        "state", "from", "where", "if", "then", "else", "and", "or", "not", "true", "false", "inf", "nan", "pi", "step",
        "epoch", "training", "work", "phases", "check_phase"};
    const Graph *g = p->graph;
    Map *taken = map_new(p->arena);
    for (size_t i = 0; i < COUNT(words); i++) map_set(taken, words[i], taken);
    for (int i = 0; i < g->inputs.n; i++) map_set(taken, g->inputs.at[i].name, taken);
    for (int i = 0; i < g->program->hypers.n; i++) map_set(taken, g->program->hypers.at[i].name, taken);
    return taken;
}

/* An input or a setting may be called t1 too. */
static const char *temporary_next(const Printer *p, const Map *taken, int *temporaries)
{
    const char *name;
    do name = str_format(p->arena, "t%d", ++*temporaries);
    while (map_has(taken, name));
    return name;
}

static void names_give_block(Printer *p, const Block *b, Map *taken, int *temporaries)
{
    for (const Node *n = b->first; n; n = n->next) {
        for (int i = 0; i < n->nout; i++) {
            const Value *v = &n->out[i];
            if (!has_line(v)) continue;
            bool own = v->name && is_word(v->name) && !name_is_temporary(v->name) && !map_has(taken, v->name);
            if (own) map_set(taken, v->name, taken);
            p->names[v->id] = own ? v->name : temporary_next(p, taken, temporaries);
        }
        if (n->region) names_give_block(p, n->region, taken, temporaries);
    }
}

void names_give(Printer *p)
{
    int temporaries = 0;
    p->names = NEW_ARRAY(p->arena, const char *, p->graph->nvalues);
    names_give_block(p, p->graph->body, names_taken(p), &temporaries);
}

/* ---- operands ---- */

/* A setting whose name an input hides. */
static bool is_hidden(const Graph *g, const char *name)
{
    for (int i = 0; i < g->inputs.n; i++)
        if (str_equal(g->inputs.at[i].name, name)) return true;
    return false;
}

const char *operand_text(const Printer *p, const Value *v)
{
    const Node *n = v->def;
    const Graph *g = p->graph;
    if (p->names[v->id]) return p->names[v->id];
    switch (n->op) {
    case OP_INPUT: return g->inputs.at[n->attr.index].name;
    case OP_TENSOR: {
        const char *path = g->program->tensors.at[n->attr.index].path;
        return n->grad_area ? str_format(p->arena, "%s.grad", path) : path;
    }
    case OP_CLOCK: return n->attr.clock == CLOCK_STEP ? "step" : "epoch";
    case OP_CONST: return number_text(p->arena, v->type.dtype, n->attr.constant.value);
    case OP_HYPER: {
        const char *name = g->program->hypers.at[n->attr.index].name;
        return is_hidden(g, name) ? str_format(p->arena, "setting(%s)", name) : name;
    }
    default: UNREACHABLE("a value without a line");
    }
}
