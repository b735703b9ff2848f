/* axis.c: axes called by name, and the reductions that take them away. */
#include "frontend/elab.h"
#include <string.h>

/* A name of a size, where it is one: values that merely bear the name of an axis are looked up apart. */
static const Dim *size_named(Frame *f, const char *name, Span at)
{
    const Binding *b = map_get(f->values, name);
    bool hyper = map_has(definitions_of(f)->hypers, name);
    if (!frame_dim(f, name) && !(b && b->option) && !symbol_named(f, name) && !(hyper && !b)) return NULL;
    Val v;
    if (!value_named(f, name, false, at, &v) || v.kind != VAL_NUMBER) return NULL;
    return v.num.kind == NUM_RUN && !require_known(f, v.num, at, "a size") ? NULL : number_dim(f->e, v.num);
}

const Dim *pattern_size(Frame *f, const char *name, Span at) { return size_named(f, name, at); }

/* ---- choosing ---- */

static bool add_selectors(Frame *f, Expr *e, Selectors *to)
{
    Arena *a = f->e->arena;
    if (e->kind == EX_TUPLE) {
        bool good = true;
        for (int i = 0; i < e->list.n; i++) good &= add_selectors(f, e->list.at[i], to);
        return good;
    }
    Selector s = {SELECT_NAME, e->text, NULL, e->span};
    if (e->kind == EX_PACK) s.kind = SELECT_PACK;
    else if (e->kind == EX_REF && str_equal(e->text, "first")) s.kind = SELECT_FIRST;
    else if (e->kind == EX_REF && str_equal(e->text, "last")) s.kind = SELECT_LAST;
    else if (e->kind != EX_REF || e->ref.prime) {
        Diag *d = fault(f, e->span, "E0216",
                        "an axis is called by its role, its size's name, `first`, `last` or `...`");
        diag_primary(d, "no name of an axis");
        return false;
    }
    const Binding *b = s.kind == SELECT_NAME ? map_get(f->values, e->text) : NULL;
    if (b && b->option && b->option->kind && str_equal(b->option->kind->name, "axis")) {
        Val given = binding_force((Binding *)b);
        if (given.kind != VAL_AXES) return false;
        for (int i = 0; i < given.axes->n; i++) vec_push(a, to, given.axes->at[i]);
        to->frame = given.axes->frame;
        return true;
    }
    if (s.kind == SELECT_NAME) s.dim = size_named(f, e->text, e->span);
    vec_push(a, to, s);
    return true;
}

Val axes_of_expr(Frame *f, Expr *e)
{
    Selectors *s = NEW(f->e->arena, Selectors);
    s->frame = f;
    if (!add_selectors(f, e, s)) return poison;
    return (Val){.kind = VAL_AXES, .axes = s};
}

static bool no_axis(Frame *f, const Selector *s, const Value *x)
{
    Elab *e = f->e;
    Diag *d = fault(f, s->span, "E0216", "no axis of %s answers to `%s`", type_text(e->arena, x->type),
                    s->kind == SELECT_NAME ? s->name : "...");
    diag_primary(d, "no such axis");
    for (int i = 0; i < x->type.rank; i++)
        label_origin(d, x->type.axes[i].origin, "axis %d, %s", i + 1, dim_text(e->arena, x->type.axes[i].dim));
    diag_help(d, "an axis answers to its role, or to the dim that is its size; `first` and `last` always work");
    return false;
}

static bool many_axes(Frame *f, const Selector *s, const Value *x, int found)
{
    Elab *e = f->e;
    Diag *d = fault(f, s->span, "E0216", "%d axes of %s answer to `%s`", found, type_text(e->arena, x->type), s->name);
    diag_primary(d, "which one?");
    for (int i = 0; i < x->type.rank; i++)
        label_origin(d, x->type.axes[i].origin, "axis %d, %s", i + 1, dim_text(e->arena, x->type.axes[i].dim));
    diag_help(d, "give the axes roles: `f32[N, name = 16]`");
    return false;
}

static bool choose_named(Frame *f, const Selector *s, const Value *x, uint32_t *out)
{
    int found = 0;
    uint32_t axes = 0;
    for (int i = 0; i < x->type.rank; i++) {
        if (!str_equal(x->type.axes[i].role, s->name)) continue;
        axes |= 1u << i;
        found++;
    }
    for (int i = 0; i < x->type.rank && !axes && s->dim; i++)
        if (dim_equal(x->type.axes[i].dim, s->dim) == PROVED) found++;
    for (int i = 0; i < x->type.rank && !axes && found == 1; i++)
        if (dim_equal(x->type.axes[i].dim, s->dim) == PROVED) axes = 1u << i;
    if (found != 1) return found ? many_axes(f, s, x, found) : no_axis(f, s, x);
    *out |= axes;
    return true;
}

/* Where the axes that `...` stands for lie in x: the run with their sizes. */
static bool choose_pack(Frame *f, const Selectors *s, const Selector *at, const Value *x, uint32_t *out)
{
    const Frame *p = s->frame;
    for (int from = 0; p->has_pack && from + p->npack <= x->type.rank; from++) {
        bool same = true;
        for (int i = 0; i < p->npack && same; i++)
            same = dim_equal(x->type.axes[from + i].dim, p->pack[i].dim) == PROVED &&
                   (!p->pack[i].role || !x->type.axes[from + i].role ||
                    str_equal(p->pack[i].role, x->type.axes[from + i].role));
        if (!same) continue;
        uint32_t run = ((1u << p->npack) - 1) << from;
        if (run & *out) continue; /* chosen already, by name */
        *out |= run;
        return true;
    }
    return no_axis(f, at, x);
}

bool axes_choose(Frame *f, const Selectors *s, const Value *x, Span at, uint32_t *out)
{
    *out = 0;
    if (!x->type.rank || f->pointwise) {
        Diag *d = fault(f, at, "E0202", "a single number has no axes");
        diag_primary(d, "nothing to choose from");
        if (f->pointwise)
            diag_help(d, "`%s` works on single numbers; write its input as `real[...]`", f->decl->path.text);
        return false;
    }
    for (int i = 0; i < s->n; i++) {
        const Selector *c = &s->at[i];
        if (c->kind == SELECT_FIRST) *out |= 1;
        else if (c->kind == SELECT_LAST) *out |= 1u << (x->type.rank - 1);
        else if (c->kind == SELECT_PACK ? !choose_pack(f, s, c, x, out) : !choose_named(f, c, x, out)) return false;
    }
    return true;
}

/* ---- reductions ---- */

/* The result, repeated along the axes that went. */
static Val fill_along(Frame *f, const Value *x, Value *y, uint32_t axes, Span at)
{
    Type to = x->type;
    to.dtype = y->type.dtype;
    to.range = y->type.range;
    int place[MAX_RANK];
    for (int i = 0, next = 0; i < to.rank; i++) place[i] = axes >> i & 1 ? -1 : next++;
    return val_tensor(move_repeat(f, y, &to, place, at));
}

Val builtin_reduce(Call *c)
{
    Frame *f = c->f;
    OpCode op = c->builtin->op;
    if (c->n == 2 && op == OP_MAX) return apply_operator(f, OP_MAX2, c->in, 2, c->at);
    if (c->n == 2 && op == OP_MIN) return apply_operator(f, OP_MIN2, c->in, 2, c->at);
    const OptionVal *over = option_in(c->options, "over"), *along = option_in(c->options, "along");
    if (c->in[0].kind != VAL_TENSOR) {
        Diag *d = fault(f, c->at, "E0412", "`%s` reduces a tensor, but this is %s", c->builtin->name,
                        val_text(f->e, c->in[0]));
        diag_primary(d, "nothing to reduce");
        return poison;
    }
    if ((over && along) || (op == OP_ARGMAX && (along || !over))) {
        Diag *d = fault(f, c->at, "E0404", over ? "`%s` takes `over` or `along`, not both" : "`%s` needs `over`",
                        c->builtin->name);
        diag_primary(d, op == OP_ARGMAX ? "along which axis?" : "`over` drops the axes, `along` keeps them");
        return poison;
    }
    const OptionVal *which = over ? over : along;
    Value *x = c->in[0].tensor;
    uint32_t axes = (1u << x->type.rank) - 1;
    if (which && !axes_choose(f, which->val.axes, x, c->at, &axes)) return poison;
    if (!which && f->pointwise) return axes_choose(f, NULL, x, c->at, &axes) ? poison : poison;
    if (!axes) return c->in[0];
    Value *y = build(f, c->at, op, &x, 1, &(Attr){.reduce = {axes}}, NULL);
    if (!along || type_is_poison(y->type)) return val_tensor(y);
    return fill_along(f, x, y, axes, c->at);
}
