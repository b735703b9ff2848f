/* condition.c: comparisons of sizes and what `and`, `or` and `not` make of them. */
#include "ir/dims.h"

const Condition *condition_known(Arena *a, bool holds)
{
    Condition *c = NEW(a, Condition);
    c->holds = holds;
    return c;
}

const Condition *condition_compare(Arena *a, OpCode op, const Dim *left, const Dim *right)
{
    Condition c = {.kind = CONDITION_COMPARE, .op = op, .a = left, .b = right};
    return arena_copy(a, &c, sizeof c);
}

const Condition *condition_both(Arena *a, ConditionKind kind, const Condition *left, const Condition *right)
{
    bool decides = kind == CONDITION_ANY;
    if (left->kind == CONDITION_KNOWN) return left->holds == decides ? left : right;
    if (right->kind == CONDITION_KNOWN) return right->holds == decides ? right : left;
    Condition c = {.kind = kind, .left = left, .right = right};
    return arena_copy(a, &c, sizeof c);
}

static OpCode comparison_not(OpCode op)
{
    switch (op) {
    case OP_EQ: return OP_NE;
    case OP_NE: return OP_EQ;
    case OP_LE: return OP_GT;
    case OP_LT: return OP_GE;
    case OP_GE: return OP_LT;
    default: return OP_LE;
    }
}

const Condition *condition_not(Arena *a, const Condition *c)
{
    if (c->kind == CONDITION_KNOWN) return condition_known(a, !c->holds);
    if (c->kind == CONDITION_COMPARE) return condition_compare(a, comparison_not(c->op), c->a, c->b);
    ConditionKind other = c->kind == CONDITION_ALL ? CONDITION_ANY : CONDITION_ALL;
    return condition_both(a, other, condition_not(a, c->left), condition_not(a, c->right));
}

/* ---- verdicts ---- */

static Verdict verdict_not(Verdict v) { return v == PROVED ? REFUTED : v == REFUTED ? PROVED : UNDECIDED; }

static bool condition_same(const Condition *p, const Condition *q)
{
    if (p->kind != q->kind) return false;
    if (p->kind == CONDITION_KNOWN) return p->holds == q->holds;
    if (p->kind == CONDITION_COMPARE) return p->op == q->op && dim_same(p->a, q->a) && dim_same(p->b, q->b);
    return condition_same(p->left, q->left) && condition_same(p->right, q->right);
}

/* Word for word what was said. */
static Verdict verdict_as_said(const Dims *ds, const Condition *c)
{
    for (int i = 0; i < ds->known.conditions.n; i++)
        if (condition_same(ds->known.conditions.at[i], c)) return PROVED;
    return UNDECIDED;
}

static Verdict equality_verdict(Dims *ds, const Dim *a, const Dim *b)
{
    Verdict same = dim_equal(a, b);
    if (same != UNDECIDED) return same;
    bool apart = dim_at_most(ds, a, b) == REFUTED || dim_at_most(ds, b, a) == REFUTED;
    return apart ? REFUTED : UNDECIDED;
}

static Verdict comparison_verdict(Dims *ds, const Condition *c)
{
    switch (c->op) {
    case OP_EQ: return equality_verdict(ds, c->a, c->b);
    case OP_NE: return verdict_not(equality_verdict(ds, c->a, c->b));
    case OP_LE: return dim_at_most(ds, c->a, c->b);
    case OP_GT: return verdict_not(dim_at_most(ds, c->a, c->b));
    case OP_GE: return dim_at_most(ds, c->b, c->a);
    default: return verdict_not(dim_at_most(ds, c->b, c->a));
    }
}

Verdict condition_verdict(Dims *ds, const Condition *c)
{
    if (c->kind == CONDITION_KNOWN) return c->holds ? PROVED : REFUTED;
    if (c->kind == CONDITION_COMPARE) {
        Verdict v = comparison_verdict(ds, c);
        return v == UNDECIDED ? verdict_as_said(ds, c) : v;
    }
    Verdict a = condition_verdict(ds, c->left), b = condition_verdict(ds, c->right);
    Verdict decides = c->kind == CONDITION_ALL ? REFUTED : PROVED;
    if (a == decides || b == decides) return decides;
    return a == UNDECIDED || b == UNDECIDED ? verdict_as_said(ds, c) : a;
}

bool condition_holds(const Condition *c, const int64_t *symbols)
{
    if (c->kind == CONDITION_KNOWN) return c->holds;
    if (c->kind == CONDITION_ALL) return condition_holds(c->left, symbols) && condition_holds(c->right, symbols);
    if (c->kind == CONDITION_ANY) return condition_holds(c->left, symbols) || condition_holds(c->right, symbols);
    int64_t a = dim_eval(c->a, symbols), b = dim_eval(c->b, symbols);
    switch (c->op) {
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_LE: return a <= b;
    case OP_LT: return a < b;
    case OP_GE: return a >= b;
    default: return a > b;
    }
}

/* ---- what is in it ---- */

void condition_each_dim(const Condition *c, void (*visit)(const Dim *, void *), void *context)
{
    if (c->kind == CONDITION_KNOWN) return;
    if (c->kind == CONDITION_COMPARE) {
        visit(c->a, context);
        visit(c->b, context);
        return;
    }
    condition_each_dim(c->left, visit, context);
    condition_each_dim(c->right, visit, context);
}

static void later_symbol(const Symbol *s, void *context)
{
    const Symbol **last = context;
    if (!*last || s->index > (*last)->index) *last = s;
}

static void later_in_dim(const Dim *d, void *context) { dim_each_symbol(d, later_symbol, context); }

const Symbol *condition_last_symbol(const Condition *c)
{
    const Symbol *last = NULL;
    condition_each_dim(c, later_in_dim, &last);
    return last;
}

static void find_open(const Dim *d, void *open)
{
    if (!dim_known(d, NULL)) *(bool *)open = true;
}

bool condition_is_open(const Condition *c)
{
    bool open = false;
    condition_each_dim(c, find_open, &open);
    return open;
}

/* ---- text ---- */

static void condition_write(Arena *a, Text *to, const Condition *c, bool inside)
{
    if (c->kind == CONDITION_KNOWN) {
        text_add(to, c->holds ? "true" : "false");
    } else if (c->kind == CONDITION_COMPARE) {
        text_add(to, "%s %s %s", dim_text(a, c->a), op_info(c->op)->text, dim_text(a, c->b));
    } else {
        text_add(to, inside ? "(" : "");
        condition_write(a, to, c->left, true);
        text_add(to, c->kind == CONDITION_ALL ? " and " : " or ");
        condition_write(a, to, c->right, true);
        text_add(to, inside ? ")" : "");
    }
}

const char *condition_text(Arena *a, const Condition *c)
{
    Text t = {.arena = a};
    condition_write(a, &t, c, false);
    return text_done(&t);
}

const char *fact_text(Arena *a, const Fact *f)
{
    Text t = {.arena = a};
    for (int i = 0; i < f->message.n; i++) {
        const FactPart *p = &f->message.at[i];
        if (p->top) text_add(&t, "{%s}", ratio_text(a, p->top, p->bottom));
        else text_add(&t, "%s", p->text);
    }
    return text_done(&t);
}
