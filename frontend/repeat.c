/* repeat.c: a body in function position, written several times in a row: repeat(3) { dense(8) |> relu }. */
#include "frontend/elab.h"

enum { MAX_ROUNDS = 10000, MAX_ALL_ROUNDS = 100000 };

typedef struct Rounds { int64_t from; int count; const Arg *index; } Rounds;

/* ---- how often ---- */

static bool round_number(Frame *f, Expr *e, int64_t *out)
{
    Val v = elaborate_single(f, e, NULL);
    if (v.kind == VAL_POISON || (v.kind == VAL_NUMBER && !require_known(f, v.num, e->span, "a number of rounds")))
        return false;
    if (v.kind == VAL_NUMBER && number_is_whole(&v.num, out)) return true;
    *out = 1;
    if (v.kind == VAL_NUMBER && f->e->checking) return true; /* stands for any number */
    Diag *d = fault(f, e->span, "E0412", "`repeat` counts in whole numbers, but this is %s", val_text(f->e, v));
    diag_primary(d, "a whole number that is known when compiling is needed");
    return false;
}

static bool rounds_read(Frame *f, const Expr *e, Rounds *out)
{
    const Arg *a = e->args.n ? &e->args.at[0] : NULL;
    if (e->args.n != 1 || (a->name && !a->to)) {
        Diag *d = fault(f, e->span, "E0404", "`repeat` takes a number of rounds, or a name and its range");
        diag_primary(d, "write `repeat(3) { ... }` or `repeat(i in 0..3) { ... }`");
        return false;
    }
    *out = (Rounds){1, 0, a->to ? a : NULL};
    int64_t to, last; /* the last round, counted from 0 */
    if (a->to && !round_number(f, a->value, &out->from)) return false;
    if (!round_number(f, a->to ? a->to : a->value, &to)) return false;
    if (__builtin_sub_overflow(to, out->from, &last)) last = to < 0 ? -2 : MAX_ROUNDS;
    if (last < -1) {
        Diag *d = fault(f, a->span, "E0412", "these are fewer than no rounds");
        diag_primary(d, "from %lld to %lld", (long long)out->from, (long long)to);
        return false;
    }
    out->count = last < MAX_ROUNDS ? (int)last + 1 : 0;
    if (last < MAX_ROUNDS) return true;
    diag_primary(fault(f, a->span, "E0104", "`repeat` is written out at most %d times", MAX_ROUNDS), "too often");
    return false;
}

/* ---- the rounds ---- */

static Map *names_copy(Elab *e, const Map *m)
{
    Map *out = map_new(e->arena);
    for (int i = 0; i < map_count(m); i++) map_set(out, map_key(m, i), map_value(m, i));
    return out;
}

/* What stands around is seen, and what the body binds is its own. */
static Frame *frame_of_round(Frame *f, const char *path, const Arg *index, int64_t i)
{
    Frame *g = NEW(f->e->arena, Frame);
    *g = *f;
    g->path = str_format(f->e->arena, "%s.%lld", path, (long long)i);
    g->values = names_copy(f->e, f->values);
    g->functions = names_copy(f->e, f->functions);
    if (index) frame_bind(g, index->name, index->name_span, val_number(number_whole(i)));
    return g;
}

static Function *too_many_rounds(Frame *f, const Expr *e)
{
    f->e->stopped = true;
    Diag *d = fault(f, e->span, "E0104", "this becomes too large");
    diag_primary(d, "more than %d rounds of `repeat` in all", MAX_ALL_ROUNDS);
    return NULL;
}

Function *repeat_function(Frame *f, Expr *e)
{
    Elab *el = f->e;
    Rounds r;
    const Items *items = &e->block->items;
    Item *last = items->n ? items->at[items->n - 1] : NULL;
    if (!rounds_read(f, e, &r)) return NULL;
    if (!last || last->kind != ITEM_RESULT) {
        if (e->block->broken) return NULL;
        Diag *d = fault(f, e->span, "E0404", "the body of `repeat` ends without a function");
        diag_primary(d, "what is applied in each round should stand at its end");
        return NULL;
    }
    const char *local = e->instance ? e->instance : "repeat";
    const char *path = f->path[0] ? str_format(el->arena, "%s.%s", f->path, local) : local;
    Function *fn = NEW(el->arena, Function);
    *fn = (Function){.kind = FN_REPEAT, .span = e->span, .name = "repeat", .frame = f};
    for (int i = 0; i < r.count && !el->stopped; i++) {
        if (el->rounds++ == MAX_ALL_ROUNDS) return too_many_rounds(f, e);
        Frame *g = frame_of_round(f, path, r.index, r.from + i);
        body_bind(g, e->block, false);
        const Function *part = function_of_expr(g, last->value);
        if (!part) return NULL;
        vec_push(el->arena, &fn->chain, part);
    }
    return fn;
}

/* ---- applying them ---- */

static bool same_kind(Val a, Val b)
{
    if (a.kind != VAL_TENSOR || b.kind != VAL_TENSOR) return a.kind == b.kind;
    return type_same(a.tensor->type, b.tensor->type);
}

static Val not_carried(Frame *f, const Function *fn, Val was, Val now, int round)
{
    Elab *e = f->e;
    Diag *d = fault(f, fn->chain.at[round]->span, "E0209", "round %d of `repeat` takes %s, but gives %s", round + 1,
                    val_text(e, was), val_text(e, now));
    diag_primary(d, "the next round could not take this");
    for (int i = 0; was.kind == VAL_TENSOR && now.kind == VAL_TENSOR && i < now.tensor->type.rank; i++) {
        const Axis *x = &now.tensor->type.axes[i];
        if (i < was.tensor->type.rank && dim_equal(x->dim, was.tensor->type.axes[i].dim) == PROVED) continue;
        label_origin(d, x->origin, "%s comes from here", dim_text(e->arena, x->dim));
    }
    return poison;
}

Val repeat_apply(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts)
{
    Val given = {.kind = VAL_TUPLE, .parts = in, .n = n};
    Val v = n == 1 ? in[0] : given;
    for (int i = 0; i < fn->chain.n; i++) {
        Val was = v;
        bool many = was.kind == VAL_TUPLE;
        Span place = fn->frame->decl ? fn->chain.at[i]->span : at;
        v = apply(f, fn->chain.at[i], many ? was.parts : &was, many ? was.n : 1, place, i ? NULL : texts, NULL);
        if (v.kind == VAL_POISON) return v;
        bool same = same_kind(was, v) && (!many || was.n == v.n);
        for (int k = 0; same && many && k < v.n; k++) same = same_kind(was.parts[k], v.parts[k]);
        if (!same) return not_carried(f, fn, was, v, i);
    }
    return v;
}
