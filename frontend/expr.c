/* expr.c: expressions. Numbers stay numbers until they meet a tensor. */
#include "frontend/elab.h"
#include <math.h>
#include <string.h>

enum { MAX_LEVELS = 2000, MAX_VALUES = 200000 };

/* ---- numbers in the graph ---- */

Value *run_number(Frame *f, Number n, Span at)
{
    Type t = type_scalar(DT_F64);
    double v;
    if (n.kind == NUM_RUN) return n.run;
    if (number_known(&n, &v)) return build(f, at, OP_CONST, NULL, 0, &(Attr){.constant = {.value = v}}, &t);
    Value *top = build(f, at, OP_SIZE, NULL, 0, &(Attr){.size = n.top}, &t);
    if (dim_is_const(n.bottom, NULL) && n.bottom == dim_const(f->e->dims, 1)) return top;
    Value *bottom = build(f, at, OP_SIZE, NULL, 0, &(Attr){.size = n.bottom}, &t);
    return build(f, at, OP_DIV, (Value *[]){top, bottom}, 2, NULL, NULL);
}

Value *tensor_of(Frame *f, Val v, DType dtype, Span at)
{
    Type t = type_scalar(dtype);
    double known;
    if (v.kind == VAL_TENSOR) return v.tensor;
    if (v.kind == VAL_BOOL) {
        t = type_scalar(DT_BOOL);
        return build(f, at, OP_CONST, NULL, 0, &(Attr){.constant = {.value = v.truth}}, &t);
    }
    if (number_known(&v.num, &known)) return build(f, at, OP_CONST, NULL, 0, &(Attr){.constant = {.value = known}}, &t);
    if (v.num.kind == NUM_SIZE && dtype_is_int(dtype) && number_dim(f->e, v.num))
        return build(f, at, OP_SIZE, NULL, 0, &(Attr){.size = number_dim(f->e, v.num)}, &t);
    Value *run = run_number(f, v.num, at);
    return dtype == DT_F64 ? run : build(f, at, OP_CONVERT, &run, 1, NULL, &t);
}

Value *fill_type(Frame *f, Val v, const Type *t, Span at)
{
    double known;
    bool truth = v.kind == VAL_BOOL;
    if (truth != (t->dtype == DT_BOOL)) {
        Diag *d = fault(f, at, "E0301", "%s cannot be %s", val_text(f->e, v), type_text(f->e->arena, *t));
        diag_primary(d, truth ? "a truth value is no number" : "a number is no truth value");
        return NULL;
    }
    if (truth || number_known(&v.num, &known)) {
        if (truth) known = v.truth;
        Value *c = build(f, at, OP_CONST, NULL, 0, &(Attr){.constant = {.value = known}}, t);
        return type_is_poison(c->type) ? NULL : c;
    }
    Value *one = tensor_of(f, v, t->dtype, at);
    if (!t->rank) return one;
    int place[MAX_RANK];
    for (int i = 0; i < t->rank; i++) place[i] = -1;
    return move_repeat(f, one, t, place, at);
}

bool require_known(Frame *f, Number n, Span at, const char *why)
{
    if (n.kind != NUM_RUN) return true;
    f->e->again |= n.hypers;
    if (!n.clock && n.hypers) return false; /* elaborated again, with the setting as a constant */
    Diag *d = fault(f, at, "E0412", "%s is settled when compiling, but this is known at run time", why);
    diag_primary(d, "it depends on `step` or `epoch`");
    return false;
}

/* ---- truth ---- */

bool condition_of(Frame *f, Val v, Span at, bool *out)
{
    if (v.kind == VAL_BOOL) {
        *out = v.truth;
        return true;
    }
    if (v.kind == VAL_POISON) return false;
    if (v.kind == VAL_TENSOR && v.num.hypers && !v.num.clock) {
        f->e->again |= v.num.hypers;
        return false;
    }
    Diag *d = fault(f, at, "E0412", "`if` is decided when compiling, but this is %s", val_text(f->e, v));
    diag_primary(d, v.kind == VAL_TENSOR ? "known only at run time" : "no truth value");
    if (v.kind == VAL_TENSOR) diag_help(d, "`select(c, a, b)` chooses element by element");
    return false;
}

static Val if_expr(Frame *f, Expr *e, const Type *want)
{
    bool truth;
    Val c = elaborate(f, e->a, NULL);
    if (!condition_of(f, c, e->a->span, &truth)) return poison;
    return elaborate(f, truth ? e->b : e->c, want);
}

/* ---- operators on numbers ---- */

static Val compare_numbers(Frame *f, OpCode op, const Val *in, Span at)
{
    Elab *e = f->e;
    const Number *a = &in[0].num, *b = &in[1].num;
    if (a->kind == NUM_RUN || b->kind == NUM_RUN) {
        Value *v[] = {run_number(f, *a, at), run_number(f, *b, at)};
        Val out = val_tensor(build(f, at, op, v, 2, NULL, NULL));
        out.num = (Number){.hypers = a->hypers | b->hypers, .clock = a->clock || b->clock};
        return out;
    }
    Verdict v = number_compare(e, op, *a, *b);
    if (v != UNDECIDED) return val_bool(v == PROVED);
    if (e->checking) return val_bool(true);
    Diag *d = fault(f, at, "E0212", "nothing says whether %s %s %s", plain_text(e, *a), op_info(op)->text,
                    plain_text(e, *b));
    diag_primary(d, "this must be decided when compiling");
    const Condition *c = number_condition(e, op, *a, *b);
    if (c) diag_help_settling(d, e->dims, c);
    return poison;
}

static Val divides_by_zero(Frame *f, Span at)
{
    Diag *d = fault(f, at, "E0302", "this divides by zero");
    diag_primary(d, "the divisor is 0");
    return poison;
}

/* Infinite only where `inf` is written; never no number at all. */
static Val settled_number(Frame *f, Number n, const Number *from, int count, Span at)
{
    double v;
    bool endless = false;
    for (int i = 0; i < count; i++) endless |= from[i].kind == NUM_REAL && isinf(from[i].real);
    if (!number_known(&n, &v) || isfinite(v) || (isinf(v) && endless)) return val_number(n);
    const char *text = source_text(f->e, at);
    if (isnan(v)) {
        Diag *d = fault(f, at, "E0302", "`%s` has no value", text);
        diag_primary(d, "this is not a number");
        return poison;
    }
    Diag *d = fault(f, at, "E0302", "`%s` has no finite value", text);
    diag_primary(d, "infinite, or too large for every dtype");
    diag_help(d, "where infinity is meant, write `inf`");
    return poison;
}

static Val operate_numbers(Frame *f, OpCode op, const Val *in, int n, Span at)
{
    Elab *e = f->e;
    Number nums[3], out;
    bool run = false;
    for (int i = 0; i < n; i++) {
        nums[i] = in[i].num;
        run |= nums[i].kind == NUM_RUN;
    }
    if (op_info(op)->flags & OPF_COMPARES) return compare_numbers(f, op, in, at);
    if (op == OP_NEG) {
        nums[1] = nums[0];
        nums[0] = number_whole(0);
        if (nums[1].kind == NUM_REAL) return val_number(number_real(-nums[1].real));
    }
    if ((op == OP_DIV || op == OP_MOD) && nums[1].kind == NUM_EXACT && nums[1].p == 0) return divides_by_zero(f, at);
    bool binary = op == OP_NEG || (n == 2 && op_info(op)->flags & OPF_INFIX);
    if (!run && (binary ? number_binary(e, op == OP_NEG ? OP_SUB : op, nums[0], nums[1], &out)
                        : number_function(e, op, nums, n, &out)))
        return settled_number(f, out, nums, n, at);
    Value *v[3];
    out = (Number){.kind = NUM_RUN};
    for (int i = 0; i < n; i++) {
        v[i] = run_number(f, in[i].num, at);
        out.hypers |= in[i].num.hypers;
        out.clock |= in[i].num.clock;
    }
    out.clock |= !out.hypers;
    out.run = build(f, at, op, v, n, NULL, NULL);
    return type_is_poison(out.run->type) ? poison : val_number(out);
}

static Val operate_truths(Frame *f, OpCode op, const Val *in, int n, Span at)
{
    bool a = in[0].truth, b = n > 1 && in[1].truth;
    switch (op) {
    case OP_NOT: return val_bool(!a);
    case OP_AND: return val_bool(a && b);
    case OP_OR: return val_bool(a || b);
    case OP_EQ: return val_bool(a == b);
    case OP_NE: return val_bool(a != b);
    default: {
        Diag *d = fault(f, at, "E0412", "`%s` takes numbers, but these are truth values", op_info(op)->text);
        diag_primary(d, "true and false are no numbers");
        return poison;
    }
    }
}

static Val compare_texts(Frame *f, OpCode op, const Val *in, Span at)
{
    if (op == OP_EQ || op == OP_NE) return val_bool(str_equal(in[0].text, in[1].text) == (op == OP_EQ));
    Diag *d = fault(f, at, "E0412", "texts are compared by `==` and `!=` alone");
    diag_primary(d, "`%s` means nothing for texts", op_info(op)->text);
    return poison;
}

/* ---- operators on tensors ---- */

/* Where each axis of the left comes from in the right: by role if all have one, else the last ones. */
static bool find_places(Frame *f, const Value *a, const Value *b, int *place, Span at)
{
    Type ta = a->type, tb = b->type;
    bool roles = true;
    for (int i = 0; i < tb.rank; i++) {
        bool found = false;
        for (int k = 0; k < ta.rank; k++) found |= tb.axes[i].role && str_equal(ta.axes[k].role, tb.axes[i].role);
        roles &= found;
    }
    for (int k = 0; k < ta.rank; k++) {
        place[k] = roles ? -1 : k - (ta.rank - tb.rank);
        for (int i = 0; i < tb.rank && roles; i++)
            if (str_equal(ta.axes[k].role, tb.axes[i].role)) place[k] = i;
        if (place[k] < 0) continue;
        const Axis *p = &ta.axes[k], *q = &tb.axes[place[k]];
        Verdict same = dim_equal(p->dim, q->dim);
        bool clash = p->role && q->role && !str_equal(p->role, q->role);
        if (same == PROVED && !clash) continue;
        Elab *e = f->e;
        Diag *d = fault(f, at, clash ? "E0206" : same == UNDECIDED ? "E0212" : "E0203",
                        "%s cannot be stretched over %s", type_text(e->arena, tb), type_text(e->arena, ta));
        if (clash) diag_primary(d, "`%s` meets `%s`", p->role, q->role);
        else diag_primary(d, "%s meets %s", dim_text(e->arena, p->dim), dim_text(e->arena, q->dim));
        label_origin(d, p->origin, "%s comes from here", dim_text(e->arena, p->dim));
        label_origin(d, q->origin, "%s comes from here", dim_text(e->arena, q->dim));
        if (same == UNDECIDED) diag_help_settling(d, e->dims, condition_compare(e->arena, OP_EQ, p->dim, q->dim));
        diag_note(d, "the right operand may lack axes if its own are the last axes of the left one, or bear its roles");
        return false;
    }
    return true;
}

static bool stretch_right(Frame *f, Value **v, Span at)
{
    Type a = v[0]->type, b = v[1]->type;
    if (!b.rank || b.rank >= a.rank || a.dtype != b.dtype) return true;
    int place[MAX_RANK];
    if (!find_places(f, v[0], v[1], place, at)) return false;
    Type to = type_make(f->e->arena, b.dtype, a.rank, a.axes);
    to.range = b.range;
    v[1] = move_repeat(f, v[1], &to, place, at);
    return !type_is_poison(v[1]->type);
}

/* The dtype that numbers take: that of the tensors they stand beside. */
static DType partner_dtype(const Frame *f, OpCode op, const Val *in, int n)
{
    for (int i = op == OP_SELECT; i < n; i++)
        if (in[i].kind == VAL_TENSOR) return in[i].tensor->type.dtype;
    return f->real ? f->real : f->real_default;
}

static Val operate_tensors(Frame *f, OpCode op, const Val *in, int n, Span at)
{
    DType dtype = partner_dtype(f, op, in, n);
    Value *v[3];
    for (int i = 0; i < n; i++) {
        v[i] = tensor_of(f, in[i], dtype, at);
        if (type_is_poison(v[i]->type)) return poison;
    }
    bool infix = op_info(op)->flags & OPF_INFIX;
    if (n == 2 && infix && !stretch_right(f, v, at)) return poison;
    Type given;
    const Type *type = NULL;
    if (op == OP_MOD && dtype_is_int(dtype) && in[1].kind == VAL_NUMBER) {
        given = v[0]->type;
        given.range = number_dim(f->e, in[1].num);
        type = given.range ? &given : NULL;
    }
    return val_tensor(build(f, at, op, v, n, NULL, type));
}

static bool all_of(const Val *in, int n, ValKind kind)
{
    for (int i = 0; i < n; i++)
        if (in[i].kind != kind) return false;
    return true;
}

static bool takes_truth(OpCode op)
{
    return op == OP_AND || op == OP_OR || op == OP_NOT || op == OP_EQ || op == OP_NE || op == OP_SELECT;
}

Val apply_operator(Frame *f, OpCode op, Val *in, int n, Span at)
{
    bool trees = false;
    for (int i = 0; i < n; i++) {
        if (in[i].kind == VAL_POISON) return poison;
        trees |= in[i].kind == VAL_TREE;
    }
    if (trees) return tree_map(f, NULL, op, in, n, at);
    if (op == OP_SELECT && in[0].kind == VAL_BOOL) return in[0].truth ? in[1] : in[2];
    if (op == OP_CONTRACT) return contract_at(f, in[0], in[1], at);
    if (all_of(in, n, VAL_NUMBER)) return operate_numbers(f, op, in, n, at);
    if (all_of(in, n, VAL_BOOL)) return operate_truths(f, op, in, n, at);
    if (all_of(in, n, VAL_TEXT)) return compare_texts(f, op, in, at);
    for (int i = 0; i < n; i++) {
        if (in[i].kind == VAL_TENSOR || in[i].kind == VAL_NUMBER || (in[i].kind == VAL_BOOL && takes_truth(op)))
            continue;
        Diag *d = fault(f, at, "E0412", "`%s` works on tensors and numbers, but this is %s", op_info(op)->text,
                        val_text(f->e, in[i]));
        diag_primary(d, "%s", val_text(f->e, in[i]));
        return poison;
    }
    return operate_tensors(f, op, in, n, at);
}

/* ---- other expressions ---- */

static Val tuple_expr(Frame *f, Expr *e)
{
    Val v = {.kind = VAL_TUPLE, .n = e->list.n};
    v.parts = NEW_ARRAY(f->e->arena, Val, e->list.n);
    for (int i = 0; i < e->list.n; i++) {
        v.parts[i] = elaborate_single(f, e->list.at[i], NULL);
        if (v.parts[i].kind == VAL_POISON) v.kind = VAL_POISON;
    }
    return v;
}

static Val vector_expr(Frame *f, Expr *e, const Type *want)
{
    Elab *el = f->e;
    double *values = NEW_ARRAY(el->arena, double, e->list.n);
    for (int i = 0; i < e->list.n; i++) {
        Expr *part = e->list.at[i];
        Val v = elaborate_single(f, part, NULL);
        if (v.kind == VAL_POISON) return poison;
        if (v.kind == VAL_NUMBER && number_known(&v.num, &values[i])) continue;
        if (v.kind == VAL_NUMBER && !require_known(f, v.num, part->span, "a constant vector")) return poison;
        Diag *d = fault(f, part->span, "E0412", "a constant vector holds numbers, but this is %s", val_text(el, v));
        diag_primary(d, "not a number known when compiling");
        if (part->kind == EX_VECTOR) diag_help(d, "a table is one list and a pattern: `[1, 2, 3, 4] |> [(a, 2)] -> [a, 2]`");
        return poison;
    }
    DType dtype = want ? want->dtype : f->real ? f->real : f->real_default;
    const Dim *n = dim_const(el->dims, e->list.n);
    Axis axis = {n, want && want->rank == 1 ? want->axes[0].role : NULL, origin_of_size(f, e)};
    if (want && want->rank == 1 && dim_known(want->axes[0].dim, &(int64_t){0})) {
        int64_t size;
        dim_known(want->axes[0].dim, &size);
        if (size == e->list.n) axis.dim = want->axes[0].dim; /* a named dim of that many places */
    }
    Type t = type_make(el->arena, dtype, 1, &axis);
    if (want && want->rank == 1) t.range = want->range;
    return val_tensor(build(f, e->span, OP_CONST, NULL, 0, &(Attr){.constant = {.values = values}}, &t));
}

static Val misplaced(Frame *f, const Expr *e)
{
    bool pack = e->kind == EX_PACK;
    Diag *d = fault(f, e->span, "E0413", pack ? "`...` stands for axes, and a value is needed here"
                                              : "a pattern stands behind `|>`");
    diag_primary(d, pack ? "no value" : "nothing flows into this pattern");
    return poison;
}

static bool begins_line(Span op)
{
    const Source *s = op.source;
    uint32_t at = op.lo;
    while (at > 0 && (s->text[at - 1] == ' ' || s->text[at - 1] == '\t')) at--;
    return at == 0 || s->text[at - 1] == '\n';
}

static Val operator_expr(Frame *f, Expr *e)
{
    Val in[2];
    int n = e->kind == EX_UNARY ? 1 : 2;
    in[0] = elaborate_single(f, e->a, NULL);
    if (n == 2) in[1] = elaborate_single(f, e->b, NULL);
    Diags *all = f->e->cx->diags;
    int before = all->list.n;
    Val v = apply_operator(f, e->op, in, n, e->span);
    if (all->list.n > before && e->op == OP_SUB && begins_line(e->op_span))
        diag_help(all->list.at[all->list.n - 1],
                  "a line that begins with `-` goes on with the line above; end that one with `;`");
    return v;
}

static Val elaborate_kind(Frame *f, Expr *e, const Type *want)
{
    switch (e->kind) {
    case EX_ERROR: return poison;
    case EX_NUMBER: return settled_number(f, number_parse(e->text), NULL, 0, e->span);
    case EX_TEXT: return (Val){.kind = VAL_TEXT, .text = e->text};
    case EX_REF: return value_of_ref(f, &e->ref, want);
    case EX_BINARY: case EX_UNARY: return operator_expr(f, e);
    case EX_IF: return if_expr(f, e, want);
    case EX_PIPE: return pipe_expr(f, e);
    case EX_CALL: return call_expr(f, e, want);
    case EX_TUPLE: return tuple_expr(f, e);
    case EX_VECTOR: return vector_expr(f, e, want);
    case EX_PACK: case EX_PATTERN: return misplaced(f, e);
    }
    return poison;
}

Val elaborate(Frame *f, Expr *e, const Type *want)
{
    Elab *el = f->e;
    bool deep = el->depth >= MAX_LEVELS, large = el->graph->nvalues > MAX_VALUES;
    if (el->stopped || el->cx->diags->errors > MOST_SHOWN) return poison;
    if (deep || large) {
        el->stopped = true;
        Diag *d = fault(f, e->span, "E0104", "this becomes too %s", deep ? "deep" : "large");
        diag_primary(d, deep ? "definitions apply each other through more than %d levels" : "more than %d values",
                     deep ? MAX_LEVELS : MAX_VALUES);
        return poison;
    }
    el->depth++;
    Val v = elaborate_kind(f, e, want);
    el->depth--;
    return v;
}

Val elaborate_single(Frame *f, Expr *e, const Type *want)
{
    Val v = elaborate(f, e, want);
    if (v.kind != VAL_TUPLE && v.kind != VAL_FUNCTION) return v;
    Diag *d = fault(f, e->span, "E0412", "one value is needed here, but this is %s", val_text(f->e, v));
    diag_primary(d, v.kind == VAL_TUPLE ? "%d values" : "a function, which gives a value when it is applied", v.n);
    return poison;
}
