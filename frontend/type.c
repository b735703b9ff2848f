/* type.c: written types and the sizes in them. */
#include "frontend/elab.h"
#include "frontend/habit.h"

static Origin *origin_new(Elab *e, Span span, const Origin *previous)
{
    Origin *o = NEW(e->arena, Origin);
    *o = (Origin){span, source_text(e, span), previous};
    return o;
}

/* A name is followed to where its number was written: an option to its application, a hyper to its value. */
const Origin *origin_of_size(Frame *f, const Expr *size)
{
    Elab *e = f->e;
    const Binding *b = size->kind == EX_REF ? map_get(f->values, size->text) : NULL;
    const DimBinding *d = size->kind == EX_REF ? frame_dim(f, size->text) : NULL;
    bool outer = size->kind == EX_REF && !b && !d && !f->builtin;
    const Hyperparameter *h = outer ? map_get(definitions_of(f)->hypers, size->text) : NULL;
    if (b && b->option && b->origin) return b->origin;
    if (d && d->origin) return d->origin;
    if (h && h->decl->value) size = h->decl->value;
    const Site *s = f->applied;
    Span at = size->span;
    for (; at.source && at.source->builtin && s; s = s->applied) at = s->span; /* nobody can change std's text */
    return origin_new(e, at, NULL);
}

/* ---- sizes ---- */

static const Dim *no_size(Frame *f, const Expr *at, Number n)
{
    Elab *e = f->e;
    Diag *d;
    if (n.kind == NUM_REAL && n.real >= 9e15) {
        d = fault(f, at->span, "E0207", "a size of %s is out of reach", plain_text(e, n));
        diag_primary(d, "too many elements to count");
    } else if (n.kind == NUM_EXACT || n.kind == NUM_REAL) {
        d = fault(f, at->span, "E0208", "a size is a whole number, but this is %s", plain_text(e, n));
        diag_primary(d, "%s", plain_text(e, n));
    } else {
        d = fault(f, at->span, "E0208", "nothing says that %s is a whole number", plain_text(e, n));
        diag_primary(d, "%s divides %s only for some sizes", dim_text(e->arena, n.bottom), dim_text(e->arena, n.top));
        diag_help_settling(d, e->dims, condition_compare(e->arena, OP_EQ, dim_mod(e->dims, n.top, n.bottom),
                                                         dim_const(e->dims, 0)));
    }
    if (at->kind == EX_BINARY && at->op == OP_DIV)
        diag_help(d, "to round down, write `floor(%s)`", source_text(e, at->span));
    return NULL;
}

/* `N` that nothing defines: most often the number of samples. */
static void help_open(Elab *e, const Expr *at, int before)
{
    Diags *all = e->cx->diags;
    if (at->kind != EX_REF || at->ref.path.parts.n > 1 || all->list.n != before + 1) return;
    Diag *d = all->list.at[before];
    if (str_equal(d->code, "E0401") && !d->helps.n)
        diag_help(d, "an open size is a dim, defined above: `dim %s`; a known one a hyper: `hyper %s = 8`", at->text, at->text);
}

const Dim *dim_of_expr(Frame *f, Expr *at)
{
    Elab *e = f->e;
    int before = e->cx->diags->list.n;
    Val v = elaborate_single(f, at, NULL);
    if (v.kind == VAL_POISON) help_open(e, at, before);
    if (v.kind == VAL_POISON) return NULL;
    if (v.kind != VAL_NUMBER) {
        Diag *d = fault(f, at->span, "E0412", "a size is a number, but this is %s", val_text(e, v));
        diag_primary(d, "no size");
        return NULL;
    }
    if (!require_known(f, v.num, at->span, "a size")) return NULL;
    const Dim *dim = number_dim(e, v.num);
    int64_t size;
    if (!dim) return no_size(f, at, v.num);
    if (dim_known(dim, &size) && size < 1) {
        Diag *d = fault(f, at->span, "E0207", "a size is 1 or more, but this is %lld", (long long)size);
        diag_primary(d, "nothing would be left");
        return NULL;
    }
    return dim;
}

/* ---- dtypes ---- */

static const char *const dtype_names[] = {"f32", "f64", "i8", "u8", "i32", "i64", "bool", "real", "int"};

static bool unknown_dtype(Frame *f, const TypeExpr *t)
{
    if (str_equal(t->name, "f16") || str_equal(t->name, "bf16")) {
        missing(f, t->span, str_format(f->e->arena, "the type `%s`", t->name));
        return false;
    }
    if (type_is_tree(t) || instance_type(f, t)) {
        Diag *m = fault(f, t->span, "E0412", "a tensor's type is needed here, but `%s` is a tree of parameters",
                        t->name);
        diag_primary(m, "no dtype");
        return false;
    }
    Diag *d = fault(f, t->span, "E0401", "no type is called `%s`", t->name);
    diag_primary(d, "unknown type");
    const char *near = str_nearest(t->name, dtype_names, COUNT(dtype_names)), *habit = habit_of_type(t->name);
    if (habit) diag_help(d, "%s", habit);
    else if (near) diag_help(d, "did you mean `%s`?", near);
    return false;
}

bool dtype_of_name(Frame *f, const TypeExpr *t, DType *out)
{
    Elab *e = f->e;
    if (!t->name) {
        Diag *d = fault(f, t->span, "E0412", "a single value is needed here, not a tuple");
        diag_primary(d, "write one type");
        return false;
    }
    if (str_equal(t->name, "real")) *out = f->real ? f->real : f->real_default;
    else if (str_equal(t->name, "int")) *out = f->integer ? f->integer : DT_I32;
    else if (str_equal(t->name, "f32")) *out = e->options->real == DT_F64 ? DT_F64 : DT_F32;
    else *out = dtype_named(t->name);
    return *out != DT_NONE || unknown_dtype(f, t);
}

/* ---- types ---- */

static bool add_pack(Frame *f, const AxisExpr *a, Axis *axes, int *rank)
{
    if (!f->has_pack) {
        Diag *d = fault(f, a->span, "E0412", "`...` stands for axes that an input has, and none has them here");
        diag_primary(d, "no input settles it");
        return false;
    }
    for (int i = 0; i < f->npack && *rank < MAX_RANK; i++) axes[(*rank)++] = f->pack[i];
    return true;
}

static bool add_axis(Frame *f, const AxisExpr *a, Axis *axes, int *rank)
{
    if (a->size->kind == EX_PACK) return add_pack(f, a, axes, rank);
    const Dim *dim = dim_of_expr(f, a->size);
    if (!dim) return false;
    if (*rank < MAX_RANK) axes[*rank] = (Axis){dim, a->role, origin_of_size(f, a->size)};
    ++*rank;
    return true;
}

bool type_of_expr(Frame *f, const TypeExpr *t, Type *out)
{
    Axis axes[MAX_RANK];
    int rank = 0;
    DType dtype;
    if (!dtype_of_name(f, t, &dtype)) return false;
    bool good = true;
    for (int i = 0; i < t->axes.n; i++) good &= add_axis(f, &t->axes.at[i], axes, &rank);
    if (!good) return false;
    if (rank > MAX_RANK) {
        Diag *d = fault(f, t->span, "E0202", "a tensor has at most %d axes, and this one %d", MAX_RANK, rank);
        diag_primary(d, "too many axes");
        return false;
    }
    *out = type_make(f->e->arena, dtype, rank, axes);
    if (!t->range) return true;
    if (!dtype_is_int(dtype)) {
        Diag *d = fault(f, t->span, "E0303", "only whole numbers have a range, and `%s` is none", dtype_name(dtype));
        diag_primary(d, "write an index type, such as `i32<%s>`", source_text(f->e, t->range->span));
        return false;
    }
    out->range = dim_of_expr(f, t->range);
    return out->range != NULL;
}
