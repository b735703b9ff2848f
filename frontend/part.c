/* part.c: parts of tensors by the name of an axis, and rows of tables. */
#include "frontend/elab.h"

static const Value *tensor_input(Call *c, int i)
{
    if (c->in[i].kind == VAL_TENSOR) return c->in[i].tensor;
    Diag *d = fault(c->f, c->at, "E0412", "`%s` takes tensors, but this is %s", c->builtin->name,
                    val_text(c->f->e, c->in[i]));
    diag_primary(d, "no tensor");
    return NULL;
}

/* The one axis of the first input that `over` names; `otherwise` where nothing is written, or -1: it must be. */
static bool one_axis(Call *c, const Value *x, int otherwise, int *out)
{
    const OptionVal *over = option_in(c->options, "over");
    uint32_t axes = 0;
    if (!x) return false;
    if (over || !x->type.rank || c->f->pointwise) {
        Selectors none = {.frame = c->f};
        if (!axes_choose(c->f, over ? over->val.axes : &none, x, c->at, &axes)) return false;
    }
    *out = axes ? __builtin_ctz(axes) : otherwise;
    if (*out >= 0 && !(axes & (axes - 1))) return true;
    const char *name = c->builtin->name;
    Diag *d = fault(c->f, over ? over->span : c->at, axes ? "E0216" : "E0404",
                    axes ? "`%s` goes along one axis, and several are named" : "`%s` needs `over`", name);
    diag_primary(d, "along which axis?");
    if (!axes) diag_help(d, "name it by its role, its size's name, `first` or `last`: `%s(..., over = last)`", name);
    return false;
}

static const Dim *whole_size(Call *c, Val v, Span at, const char *what)
{
    if (v.kind == VAL_POISON || (v.kind == VAL_NUMBER && !require_known(c->f, v.num, at, what))) return NULL;
    const Dim *d = v.kind == VAL_NUMBER ? number_dim(c->f->e, v.num) : NULL;
    if (!d)
        diag_primary(fault(c->f, at, "E0412", "%s is a whole number known when compiling, but this is %s", what,
                           val_text(c->f->e, v)), "no number of places");
    return d;
}

/* NULL after a message. */
static const Dim *size_option(Call *c, const char *name, const Dim *otherwise)
{
    const OptionVal *o = option_in(c->options, name);
    if (!o) return otherwise;
    return whole_size(c, o->val, o->span, str_format(c->f->e->arena, "`%s` of `%s`", name, c->builtin->name));
}

static Value *build_part(Call *c, OpCode op, const Value *x, PartAttr part)
{
    Value *in = (Value *)x;
    return build(c->f, c->at, op, &in, 1, &(Attr){.part = part}, NULL);
}

Val builtin_slice(Call *c)
{
    Dims *dims = c->f->e->dims;
    const Value *x = tensor_input(c, 0);
    PartAttr part;
    if (!one_axis(c, x, -1, &part.axis)) return poison;
    part.before = size_option(c, "start", dim_const(dims, 0));
    if (!part.before) return poison;
    part.size = size_option(c, "size", dim_sub(dims, x->type.axes[part.axis].dim, part.before));
    return part.size ? val_tensor(build_part(c, OP_SLICE, x, part)) : poison;
}

Val builtin_pad(Call *c)
{
    Dims *dims = c->f->e->dims;
    const Value *x = tensor_input(c, 0);
    const Dim *zero = dim_const(dims, 0);
    PartAttr part;
    if (!one_axis(c, x, -1, &part.axis)) return poison;
    const Dim *before = size_option(c, "before", zero), *after = before ? size_option(c, "after", zero) : NULL;
    if (!after) return poison;
    part.before = before;
    part.size = dim_add(dims, dim_add(dims, before, x->type.axes[part.axis].dim), after);
    return val_tensor(build_part(c, OP_PAD, x, part));
}

Val builtin_reverse(Call *c)
{
    const Value *x = tensor_input(c, 0);
    PartAttr part = {0};
    return one_axis(c, x, -1, &part.axis) ? val_tensor(build_part(c, OP_REVERSE, x, part)) : poison;
}

Val builtin_concat(Call *c)
{
    Value *in[MAX_INPUTS];
    PartAttr part = {0};
    for (int i = 0; i < c->n; i++)
        if (!(in[i] = (Value *)tensor_input(c, i))) return poison;
    if (!one_axis(c, in[0], -1, &part.axis)) return poison;
    return val_tensor(build(c->f, c->at, OP_CONCAT, in, c->n, &(Attr){.part = part}, NULL));
}

/* ---- split: slices of one size ---- */

static bool split_parts(Call *c, int *out)
{
    const OptionVal *o = option_in(c->options, "parts");
    int64_t n = 0;
    if (!o) {
        diag_primary(fault(c->f, c->at, "E0404", "`split` needs `parts`"), "into how many?");
        return false;
    }
    const Dim *d = whole_size(c, o->val, o->span, "`parts` of `split`");
    if (!d) return false;
    *out = dim_known(d, &n) && n >= 1 && n <= MAX_INPUTS ? (int)n : 0;
    if (!*out)
        diag_primary(fault(c->f, o->span, "E0207", "`split` makes 1 to %d parts, not %s", MAX_INPUTS,
                           dim_text(c->f->e->arena, d)), "how many?");
    return *out > 0;
}

static const Dim *part_size(Call *c, const Value *x, int axis, int parts)
{
    Elab *e = c->f->e;
    const Dim *whole = x->type.axes[axis].dim, *size = dim_quotient(e->dims, whole, dim_const(e->dims, parts));
    if (size) return size;
    const char *have = dim_text(e->arena, whole);
    Diag *d = fault(c->f, c->at, "E0208", "`split` makes %d equal parts, but axis %d of %s has %s places", parts,
                    axis + 1, type_text(e->arena, x->type), have);
    diag_primary(d, "%s does not divide by %d", have, parts);
    label_origin(d, x->type.axes[axis].origin, "%s comes from here", have);
    diag_help(d, "for parts of several sizes, write a `slice` for each");
    return NULL;
}

Val builtin_split(Call *c)
{
    Elab *e = c->f->e;
    const Value *x = tensor_input(c, 0);
    int parts;
    PartAttr part;
    if (!x || !split_parts(c, &parts) || !one_axis(c, x, x->type.rank - 1, &part.axis)) return poison;
    part.size = part_size(c, x, part.axis, parts);
    if (!part.size) return poison;
    if (parts == 1) return c->in[0];
    Val v = {.kind = VAL_TUPLE, .n = parts, .parts = NEW_ARRAY(e->arena, Val, parts)};
    for (int i = 0; i < parts; i++) {
        part.before = dim_mul(e->dims, part.size, dim_const(e->dims, i));
        v.parts[i] = val_tensor(build_part(c, OP_SLICE, x, part));
    }
    return v;
}

/* ---- rows of tables ---- */

static bool place_exists(Call *c, const Value *x, int axis, const Dim *place)
{
    Elab *e = c->f->e;
    const Axis *of = &x->type.axes[axis];
    const Condition *fits =
        condition_both(e->arena, CONDITION_ALL, condition_compare(e->arena, OP_LE, dim_const(e->dims, 0), place),
                       condition_compare(e->arena, OP_LT, place, of->dim));
    Verdict found = condition_verdict(e->dims, fits);
    if (found == PROVED) return true;
    const char *at = dim_text(e->arena, place);
    Diag *d = fault(c->f, c->at, found == UNDECIDED ? "E0212" : "E0207",
                    "`take` asks for place %s of an axis of %s places", at, dim_text(e->arena, of->dim));
    diag_primary(d, found == UNDECIDED ? "there may be no place %s" : "there is no place %s", at);
    label_origin(d, of->origin, "%s comes from here", dim_text(e->arena, of->dim));
    if (found == UNDECIDED) diag_help_settling(d, e->dims, fits);
    diag_note(d, "places count from 0: the last one is %s",
              dim_text(e->arena, dim_sub(e->dims, of->dim, dim_const(e->dims, 1))));
    return false;
}

/* One place that is known: a slice of one, without its axis. */
static Val take_one(Call *c, const Value *x, int axis)
{
    Elab *e = c->f->e;
    PartAttr part = {axis, whole_size(c, c->in[1], c->at, "the place that `take` names"), dim_const(e->dims, 1)};
    if (!part.before || !place_exists(c, x, axis, part.before)) return poison;
    Value *row = build_part(c, OP_SLICE, x, part);
    if (type_is_poison(row->type)) return poison;
    MoveAttr *m = NEW(e->arena, MoveAttr);
    m->natoms = m->nin = x->type.rank;
    for (int i = 0; i < m->nin; i++) {
        m->sizes[i] = row->type.axes[i].dim;
        m->in[i] = (Group){1, {i}};
        if (i != axis) m->out[m->nout++] = m->in[i];
    }
    return val_tensor(build(c->f, c->at, OP_MOVE, &row, 1, &(Attr){.move = m}, NULL));
}

Val builtin_take(Call *c)
{
    const Value *w = tensor_input(c, 0);
    int axis;
    if (!one_axis(c, w, 0, &axis)) return poison;
    if (c->in[1].kind == VAL_NUMBER && c->builtin->op == OP_TAKE) return take_one(c, w, axis);
    Value *in[] = {(Value *)w, (Value *)tensor_input(c, 1)};
    return in[1] ? val_tensor(build(c->f, c->at, c->builtin->op, in, 2, &(Attr){.axis = axis}, NULL)) : poison;
}
