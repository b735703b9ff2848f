/* body.c: the items of a body become names, and its result. */
#include "frontend/elab.h"
#include <string.h>

static bool is_known_word(const char *name)
{
    static const char *const words[] = {"true", "false", "pi", "inf", "training", "step", "epoch", "real", "int",
                                        "tree"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_equal(words[i], name)) return true;
    return dtype_named(name) != DT_NONE;
}

static bool bound_before(Frame *f, const char *name, Span at)
{
    const Binding *b = map_get(f->values, name);
    const Symbol *s = f->builtin ? NULL : map_get(definitions_of(f)->symbols, name);
    const Hyperparameter *h = f->builtin ? NULL : map_get(definitions_of(f)->hypers, name);
    Span first = b ? b->span : s ? s->span : h ? h->decl->path.span : NO_SPAN;
    if (is_known_word(name)) {
        Diag *d = fault(f, at, "E0405", "`%s` is known from the start and never bound again", name);
        diag_primary(d, "choose another name");
        return true;
    }
    if (!first.source && !frame_dim(f, name)) return false;
    Diag *d = fault(f, at, "E0406", "`%s` is bound already", name);
    diag_primary(d, "a body binds each name once, and none that it can see");
    if (first.source) diag_label(d, first, "`%s` is bound here first", name);
    if (b) diag_help(d, "choose another name; a chain needs none: `%s |> ... |> ...`", name);
    return true;
}

static void bind(Frame *f, const char *key, Span at, const Item *it, const Expr *value)
{
    Binding *b = NEW(f->e->arena, Binding);
    *b = (Binding){.name = key, .span = at, .item = it, .value = value, .frame = f};
    map_set(f->values, key, b);
}

static void bind_layer(Frame *f, const Item *it)
{
    const char *name = it->path.text;
    const Binding *was = map_get(f->functions, name);
    if (was) {
        Diag *d = fault(f, it->path.span, "E0406", "the layer `%s` is defined twice", name);
        diag_primary(d, "the second definition");
        diag_label(d, was->span, "`%s` is defined here first", name);
        return;
    }
    if (it->from.text) start_from(f, name, it->from);
    Binding *b = NEW(f->e->arena, Binding);
    *b = (Binding){.name = name, .span = it->path.span, .value = it->value, .is_layer = true, .frame = f};
    map_set(f->functions, name, b);
}

static bool may_own(Frame *f, const Item *it)
{
    const char *what = it->kind == ITEM_PARAM ? "param" : "state";
    Diag *d;
    if (f->owner && !(f->leaf && it->kind == ITEM_PARAM)) return true;
    if (f->owner) {
        d = fault(f, it->span, "E0411", "an optimizer has states, but no parameters");
        diag_primary(d, "nothing would train this");
        return false;
    }
    d = fault(f, it->span, "E0411", "a `fn` owns nothing, so it has no `%s`", what);
    diag_primary(d, "`%s` would have no owner", it->path.text);
    diag_help(d, "write `layer %s` instead of `fn %s`", f->decl->path.text, f->decl->path.text);
    return false;
}

static void bind_targets(Frame *f, const Item *it, bool train)
{
    for (int i = 0; i < it->targets.n; i++) {
        const Ref *ref = &it->targets.at[i].ref;
        const char *name = ref->path.text;
        if (str_equal(name, "_")) continue;
        if (ref->prime) {
            const Binding *state = map_get(f->values, name);
            bool is_state = state && state->item && state->item->kind == ITEM_STATE;
            if (is_state) bind(f, str_format(f->e->arena, "%s'", name), ref->span, it, it->value);
            else if (!train && !f->e->file->broken) {
                map_set(f->e->unknown, name, (void *)ref);
                Diag *d = fault(f, ref->span, "E0401", "no state here is called `%s`", name);
                diag_primary(d, "only a `state` of this body has a next value");
            }
            continue;
        }
        if (ref->path.parts.n > 1) {
            Diag *d = fault(f, ref->span, "E0405", "a name is one word, and `%s` is a path", name);
            diag_primary(d, "bind a name without points");
        } else if (!bound_before(f, name, ref->span)) {
            bind(f, name, ref->span, it, it->value);
        }
    }
}

static void bind_item(Frame *f, const Item *it)
{
    switch (it->kind) {
    case ITEM_ERROR: break; /* comes last */
    case ITEM_PARAM: case ITEM_STATE:
        if (bound_before(f, it->path.text, it->path.span)) break;
        if (may_own(f, it)) bind(f, it->path.text, it->path.span, it, it->value);
        else frame_bind(f, it->path.text, it->path.span, poison);
        break;
    case ITEM_INSTANCE: bind_layer(f, it); break;
    case ITEM_SETTING:
        if (!map_has(f->values, it->path.text)) bind(f, it->path.text, it->path.span, it, it->value);
        break;
    case ITEM_BIND: case ITEM_RESULT: break;
    }
}

/* What a broken line seems to bind is no fault where it is read. */
static void bind_broken(Frame *f, const Item *it)
{
    for (int k = 0; k < it->names.n; k++)
        if (!map_has(f->values, it->names.at[k])) frame_bind(f, it->names.at[k], it->span, poison);
}

/* States come first, so that their primes are known for what they are. */
void body_bind(Frame *f, const BlockExpr *b, bool train)
{
    for (int i = 0; i < b->items.n; i++) bind_item(f, b->items.at[i]);
    for (int i = 0; i < b->items.n; i++)
        if (b->items.at[i]->kind == ITEM_BIND) bind_targets(f, b->items.at[i], train);
    for (int i = 0; i < b->items.n; i++) bind_broken(f, b->items.at[i]);
}

/* What nothing reads is elaborated all the same, for its faults. */
static void force_unread(Frame *f, const BlockExpr *b)
{
    for (int i = 0; i < b->items.n && !f->builtin; i++) {
        const Item *it = b->items.at[i];
        if (it->kind != ITEM_BIND || !it->unused || it->targets.at[0].ref.prime) continue;
        for (int k = 0; k < it->targets.n; k++) {
            Binding *t = map_get(f->values, it->targets.at[k].ref.path.text);
            if (t && t->item == it) {
                binding_force(t);
                break;
            }
        }
    }
}

static Val no_result(Frame *f, const BlockExpr *b)
{
    if (b->broken || f->e->file->broken) return poison;
    Span end = b->span;
    end.lo = end.hi ? end.hi - 1 : 0;
    Diag *d = fault(f, end, "E0404", "`%s` ends without a result", f->decl->path.text);
    diag_primary(d, "the value that it gives should stand before this");
    diag_help(d, "a body ends with an expression of its own: `{ h = ...; h }`");
    return poison;
}

Val body_result(Frame *f, const BlockExpr *b, const Type *want)
{
    for (int i = 0; i + 1 < b->items.n && !f->e->file->broken; i++) {
        const Item *it = b->items.at[i];
        if (it->kind != ITEM_RESULT) continue;
        Diag *d = fault(f, it->span, "E0101", "this value goes nowhere");
        diag_primary(d, "only the last line of a body is its result");
        diag_help(d, "bind it to a name, or take it away");
    }
    const Item *last = b->items.n ? b->items.at[b->items.n - 1] : NULL;
    if (!last || last->kind != ITEM_RESULT) return no_result(f, b);
    Val v = elaborate(f, last->value, want);
    force_unread(f, b);
    return v;
}
