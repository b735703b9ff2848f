/* builtin.c: the functions that the language brings along. */
#include "frontend/elab.h"
#include <string.h>

static Val builtin_elementwise(Call *c) { return apply_operator(c->f, c->builtin->op, c->in, c->n, c->at); }

static bool check_tensors(Call *c)
{
    for (int i = 0; i < c->n; i++) {
        if (c->in[i].kind == VAL_TENSOR) continue;
        Diag *d = fault(c->f, c->at, "E0412", "`%s` takes tensors, but this is %s", c->builtin->name,
                        val_text(c->f->e, c->in[i]));
        diag_primary(d, "no tensor");
        return false;
    }
    return true;
}

static Val builtin_pick(Call *c)
{
    if (!check_tensors(c)) return poison;
    return val_tensor(build(c->f, c->at, OP_PICK, (Value *[]){c->in[0].tensor, c->in[1].tensor}, 2, NULL, NULL));
}

static Val builtin_one_hot(Call *c)
{
    Frame *f = c->f;
    if (!check_tensors(c)) return poison;
    Value *x = c->in[0].tensor;
    Type t = x->type;
    if (!t.range || t.rank == MAX_RANK) return val_tensor(build(f, c->at, OP_ONE_HOT, &x, 1, NULL, NULL));
    Axis axes[MAX_RANK];
    for (int i = 0; i < t.rank; i++) axes[i] = t.axes[i];
    axes[t.rank] = (Axis){t.range, NULL, NULL};
    Type to = type_make(f->e->arena, f->real ? f->real : f->real_default, t.rank + 1, axes);
    return val_tensor(build(f, c->at, OP_ONE_HOT, &x, 1, NULL, &to));
}

/* ---- chance and counting: made of the type they are given to ---- */

static bool check_want(Call *c)
{
    if (c->want) return true;
    const char *name = c->builtin->name;
    Diag *d = fault(c->f, c->at, "E0412", "`%s` makes a tensor of the type it is given to, and none is written", name);
    diag_primary(d, "of which type?");
    diag_help(d, "write it: `noise: f32[...] = %s`", name);
    return false;
}

static Value *number_option(Call *c, const char *name, int64_t otherwise)
{
    const OptionVal *o = option_in(c->options, name);
    Val v = o ? o->val : val_number(number_whole(otherwise));
    if (v.kind == VAL_NUMBER || v.kind == VAL_TENSOR) return tensor_of(c->f, v, c->want->dtype, c->at);
    if (v.kind != VAL_POISON)
        diag_primary(fault(c->f, o->span, "E0412", "`%s` of `%s` is a number, but this is %s", name, c->builtin->name,
                           val_text(c->f->e, v)), "no number");
    return NULL;
}

/* The draws of one path are counted, so that each has a stream of its own, whatever surrounds it. */
static uint64_t next_stream(Frame *f)
{
    Elab *e = f->e;
    const char *path = e->draw_path ? e->draw_path : f->path;
    int *count = map_get(e->ordinals, path);
    if (!count) map_set(e->ordinals, path, count = NEW(e->arena, int));
    return random_stream(path, (*count)++);
}

static Val builtin_random(Call *c)
{
    if (!check_want(c)) return poison;
    bool normal = c->builtin->op == OP_NORMAL;
    Value *in[] = {number_option(c, normal ? "std" : "low", normal),
                   number_option(c, normal ? "mean" : "high", !normal)};
    if (!in[0] || !in[1]) return poison;
    Attr attr = {.random = {next_stream(c->f)}};
    return val_tensor(build(c->f, c->at, c->builtin->op, in, 2, &attr, c->want));
}

static Val builtin_iota(Call *c)
{
    if (!check_want(c)) return poison;
    if (c->want->rank > 1) {
        Diag *d = fault(c->f, c->at, "E0202", "`iota` counts along one axis, and %s has %d",
                        type_text(c->f->e->arena, *c->want), c->want->rank);
        diag_primary(d, "along which axis?");
        return poison;
    }
    return val_tensor(build(c->f, c->at, OP_IOTA, NULL, 0, &(Attr){.axis = 0}, c->want));
}

/* ---- what is settled when compiling ---- */

static Val builtin_rank(Call *c)
{
    if (!check_tensors(c)) return poison;
    return val_number(number_whole(c->in[0].tensor->type.rank));
}

static Val builtin_size(Call *c)
{
    if (!check_tensors(c)) return poison;
    return val_number(number_of_dim(c->f->e, type_size(c->f->e->dims, c->in[0].tensor->type)));
}

static Val builtin_grad(Call *c) { return gradient_of(c->f, c->in[0], c->in[1], c->at); }

/* ---- conversions ---- */

/* Is the formula part of the conversion, or all that stands before it in a chain? */
static bool is_written_in(Span formula, Span conversion)
{
    if (formula.source != conversion.source || !formula.source) return false;
    if (formula.hi > conversion.lo) return formula.lo >= conversion.lo && formula.hi <= conversion.hi;
    const char *between = formula.source->text + formula.hi;
    size_t n = conversion.lo - formula.hi;
    return strspn(between, " \n)|>") == n && memchr(between, '|', n);
}

/* `f32(image / 255)` is 0 or 1: what is meant is mostly `f32(image) / 255`. */
static void warn_of_rounded(Frame *f, const Value *v, DType to, Span at)
{
    const Node *n = v->def;
    bool rounded = n && n->op == OP_DIV && dtype_is_int(v->type.dtype) && dtype_is_float(to);
    if (!rounded || f->builtin || !n->site || !is_written_in(n->site->span, at)) return;
    Diag *d = warning(f, n->site->span, "W0508", "a quotient of whole numbers is rounded down before it becomes %s",
                      dtype_name(to));
    diag_primary(d, "this is %s", type_text(f->e->arena, v->type));
    diag_help(d, "convert first, as in `%s(x) / 255`; where whole numbers are meant, give the quotient a name", dtype_name(to));
}

Val convert_value(Frame *f, Val v, DType t, Span at)
{
    if (v.kind == VAL_NUMBER) return val_tensor(tensor_of(f, v, t, at));
    if (v.kind == VAL_TENSOR) {
        if (v.tensor->type.dtype == t) return val_tensor(v.tensor);
        Type to = type_with_dtype(v.tensor->type, t);
        warn_of_rounded(f, v.tensor, t, at);
        return val_tensor(build(f, at, OP_CONVERT, &v.tensor, 1, NULL, &to));
    }
    Diag *d = fault(f, at, "E0412", "`%s` converts tensors and numbers, but this is %s", dtype_name(t),
                    val_text(f->e, v));
    diag_primary(d, "no number");
    return poison;
}

/* ---- the table ---- */

static const Builtin builtins[] = {
#define OP(NAME, text, nin, kind, flags, formula)
#define SCALAR(NAME, text, nin, flags, formula)
#define FUNCTION(NAME, text, flags, formula) {text, 1, 1, builtin_elementwise, OP_##NAME, NULL},
#include "ir/ops.def"
    {"select", 3, 3, builtin_elementwise, OP_SELECT, NULL},
    {"sum", 1, 1, builtin_reduce, OP_SUM, "over along"},
    {"mean", 1, 1, builtin_reduce, OP_MEAN, "over along"},
    {"max", 1, 2, builtin_reduce, OP_MAX, "over along"},
    {"min", 1, 2, builtin_reduce, OP_MIN, "over along"},
    {"argmax", 1, 1, builtin_reduce, OP_ARGMAX, "over"},
    {"pick", 2, 2, builtin_pick, OP_PICK, NULL},
    {"one_hot", 1, 1, builtin_one_hot, OP_ONE_HOT, NULL},
    {"take", 2, 2, builtin_take, OP_TAKE, "over"},
    {"scatter_add", 2, 2, builtin_take, OP_SCATTER_ADD, "over"},
    {"slice", 1, 1, builtin_slice, OP_SLICE, "over start size"},
    {"pad", 1, 1, builtin_pad, OP_PAD, "over before after"},
    {"concat", 1, MAX_INPUTS, builtin_concat, OP_CONCAT, "over"},
    {"split", 1, 1, builtin_split, OP_SLICE, "parts over"},
    {"reverse", 1, 1, builtin_reverse, OP_REVERSE, "over"},
    {"uniform", 0, 0, builtin_random, OP_UNIFORM, "low high"},
    {"normal", 0, 0, builtin_random, OP_NORMAL, "std mean"},
    {"iota", 0, 0, builtin_iota, OP_IOTA, NULL},
    {"rank", 1, 1, builtin_rank, OP_COUNT, NULL},
    {"size", 1, 1, builtin_size, OP_COUNT, NULL},
    {"grad", 2, 2, builtin_grad, OP_GRAD, NULL},
    {"total", 1, 1, builtin_total, OP_COUNT, NULL},
};

const Builtin *builtins_all(int *out_n)
{
    *out_n = COUNT(builtins);
    return builtins;
}

const Builtin *builtin_named(const char *name)
{
    for (size_t i = 0; i < COUNT(builtins); i++)
        if (str_equal(builtins[i].name, name)) return &builtins[i];
    return NULL;
}
