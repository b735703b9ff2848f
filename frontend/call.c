/* call.c: applying functions, layers, models and chains. */
#include "frontend/elab.h"
#include <string.h>

/* ---- does a function reduce? Then its application is kept whole. ---- */

typedef struct Search { Elab *e; const Definitions *names; bool found; } Search;

static bool expr_reduces(const Expr *e)
{
    static const char *const names[] = {"sum", "mean", "argmax"};
    const char *name = e->a && e->a->kind == EX_REF ? e->a->text : "";
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_equal(name, names[i])) return true;
    int inputs = 0;
    for (int i = 0; i < e->args.n; i++) inputs += !e->args.at[i].name;
    return (str_equal(name, "max") || str_equal(name, "min")) && inputs == 1;
}

static void search_reduction(Expr *e, void *context)
{
    Search *s = context;
    if (e->kind == EX_CALL) s->found |= expr_reduces(e);
    if (e->kind != EX_REF || s->found) return;
    const Decl *d = decl_named(s->e, s->names, &e->ref.path);
    if (d && d->kind == DECL_FN) s->found |= decl_reduces(s->e, d);
}

bool decl_reduces(Elab *e, const Decl *d)
{
    Decl *known = (Decl *)d; /* the answer is kept with the definition */
    if (known->reduces) return known->reduces == 2;
    known->reduces = 1;
    Search s = {e, definitions_at(e, d->span.source), false};
    for (int i = 0; d->body && i < d->body->items.n; i++) expr_each(d->body->items.at[i]->value, search_reduction, &s);
    known->reduces = 1 + s.found;
    return s.found;
}

/* ---- function position ---- */

static Function *chain_of(Frame *f, Expr *e)
{
    Function *fn = NEW(f->e->arena, Function);
    *fn = (Function){.kind = FN_CHAIN, .span = e->span, .name = "this chain", .frame = f};
    bool good = true;
    for (int i = 0; i < e->list.n; i++) {
        const Function *part = function_of_expr(f, e->list.at[i]);
        good &= part != NULL;
        vec_push(f->e->arena, &fn->chain, part);
    }
    return good ? fn : NULL;
}

/* judge' and `average` are layers with other parameters than their own. */
static Function *function_of_ref(Frame *f, Expr *e)
{
    const Ref *ref = &e->ref;
    const TypeExpr *type = binding_type(f, ref->path.text);
    const char *instance = instance_type(f, type);
    if (!instance && !ref->prime) return function_named(f, &ref->path, e);
    Ref of = *ref;
    if (instance) of.path = path_new(f->e->arena, type->name, ref->span);
    const char *path = path_resolve(f, &of);
    if (!path) {
        Diag *d = fault(f, ref->span, "E0401", "`%s` has no next value", ref->path.text);
        diag_primary(d, "only states and parameters do");
        return NULL;
    }
    const Function *base = function_named(f, &of.path, e);
    Val v = instance ? value_of_ref(f, ref, NULL) : next_named(f, path, ref->span);
    if (!base || v.kind != VAL_TREE) return NULL;
    Function *fn = NEW(f->e->arena, Function);
    *fn = *base;
    fn->parameters = v.tree;
    return fn;
}

static Function *function_with_options(Frame *f, Expr *e)
{
    if (e->a->kind != EX_REF) {
        Diag *d = fault(f, e->a->span, "E0413", "only a name can be applied");
        diag_primary(d, "no name of a function");
        if (e->a->kind == EX_CALL)
            diag_help(d, "what has options is applied by `|>`, or takes them by name: `x |> dense(8)`, `dense(x, out = 8)`");
        return NULL;
    }
    if (e->block && str_equal(e->a->text, "repeat")) return repeat_function(f, e);
    if (e->block) {
        if (!missing_named(f, e->a->text, e->a->span))
            missing(f, e->span, str_format(f->e->arena, "a block behind `%s`", e->a->text));
        return NULL;
    }
    const Function *base = function_of_ref(f, e->a);
    if (!base) return NULL;
    Function *fn = NEW(f->e->arena, Function);
    *fn = *base;
    fn->span = e->span;
    fn->options.at = NULL; /* a list of its own */
    fn->options.n = fn->options.cap = 0;
    for (int i = 0; i < base->options.n; i++) vec_push(f->e->arena, &fn->options, base->options.at[i]);
    return options_read(f, &e->args, 0, fn) ? fn : NULL;
}

Function *function_of_expr(Frame *f, Expr *e)
{
    bool truth;
    switch (e->kind) {
    case EX_REF: return function_of_ref(f, e);
    case EX_CALL: return function_with_options(f, e);
    case EX_PIPE: return chain_of(f, e);
    case EX_IF:
        if (!condition_of(f, elaborate(f, e->a, NULL), e->a->span, &truth)) return NULL;
        return function_of_expr(f, truth ? e->b : e->c);
    case EX_PATTERN: {
        Function *fn = NEW(f->e->arena, Function);
        *fn = (Function){.kind = FN_PATTERN, .span = e->span, .name = "this pattern", .pattern = e, .frame = f};
        return fn;
    }
    case EX_ERROR: return NULL;
    default: break;
    }
    Diag *d = fault(f, e->span, "E0413", "a function is needed here");
    diag_primary(d, "this is a value");
    return NULL;
}

/* ---- applying a definition ---- */

static bool wrong_count(Frame *f, const Function *fn, int n, Span at)
{
    const Decl *d = fn->decl;
    Diag *m = fault(f, at, "E0404", "`%s` takes %d input%s, but %d arrive%s", fn->name, d->inputs.n,
                    d->inputs.n == 1 ? "" : "s", n, n == 1 ? "s" : "");
    diag_primary(m, "%d given", n);
    diag_note(m, "%s", signature_text(f->e, d));
    if (n > d->inputs.n && d->options.n) diag_help(m, "options go by name, such as `%s = ...`", d->options.at[0].name);
    return false;
}

static bool is_recursive(Frame *f, const Function *fn, Span at)
{
    Elab *e = f->e;
    for (int i = 0; i < e->applying.n; i++) {
        if (e->applying.at[i] != fn->decl) continue;
        Diag *d = fault(f, at, "E0410", "`%s` applies itself", fn->name);
        diag_primary(d, "there is no recursion: sizes and layers are settled when compiling");
        diag_label(d, fn->decl->path.span, "`%s` is defined here", fn->name);
        return true;
    }
    return false;
}

static int result_count(const Decl *d)
{
    if (d->result && !d->result->name) return d->result->fields.n;
    const Item *last = d->body->items.n ? d->body->items.at[d->body->items.n - 1] : NULL;
    return last && last->value && last->value->kind == EX_TUPLE ? last->value->list.n : 1;
}

static Val body_value(Frame *in, const Decl *d, const Type *want)
{
    Type result;
    bool plain = d->result && d->result->name && !in->numeric && !in->pointwise;
    if (plain && !want && !str_equal(d->result->name, "real") && !d->result->shaped) plain = false;
    if (plain && !want && type_of_expr(in, d->result, &result)) want = &result;
    body_bind(in, d->body, false);
    Val v = body_result(in, d->body, want);
    if (v.kind == VAL_POISON || !d->result) return v;
    const Item *last = d->body->items.at[d->body->items.n - 1];
    return result_check(in, d->result, v, last->span);
}

/* The body as a region of one CALL node. */
static Val region_value(Frame *f, Frame *in, const Decl *d, Val *inputs, int n, Span at)
{
    Elab *e = f->e;
    Block *around = e->block;
    Value *args[MAX_INPUTS], *results[MAX_INPUTS];
    int nargs = 0, count = result_count(d);
    for (int i = 0; i < n; i++)
        if (inputs[i].kind == VAL_TENSOR) args[nargs++] = inputs[i].tensor;
    if (count > MAX_INPUTS) count = MAX_INPUTS;
    Node *call = region_new(around, OP_CALL, args, nargs, count, &(Attr){.callee = d->path.text}, site_at(f, at));
    e->block = call->region;
    Val v = body_value(in, d, NULL);
    Val out = v;
    if (v.kind == VAL_TUPLE) out.parts = NEW_ARRAY(e->arena, Val, v.n);
    bool good = v.kind == VAL_TUPLE ? v.n == count : count == 1 && (v.kind == VAL_TENSOR || v.kind == VAL_NUMBER);
    for (int i = 0; good && i < count; i++) {
        Val part = v.kind == VAL_TUPLE ? v.parts[i] : v;
        good = part.kind == VAL_TENSOR || part.kind == VAL_NUMBER;
        if (good) results[i] = tensor_of(in, part, in->real ? in->real : in->real_default, at);
    }
    e->block = around;
    if (!good) return v.kind == VAL_TUPLE || v.kind == VAL_TENSOR ? poison : v;
    block_return(call->region, results, count);
    for (int i = 0; i < count; i++) {
        call->out[i].type = results[i]->type;
        if (v.kind == VAL_TUPLE) out.parts[i] = val_tensor(&call->out[i]);
        else out = val_tensor(&call->out[i]);
    }
    return out;
}

static Val apply_framed(Frame *f, Frame *in, const Function *fn, Val *inputs, int n, Span at, const char *const *texts,
                        const Type *want)
{
    const Decl *d = fn->decl;
    if (!options_implicit(in, f, fn) || !options_bind(in, f, fn, at)) return poison;
    if (n ? !signature_solve(in, inputs, at) : !result_solve(in, want, at)) return poison;
    if (!wheres_check(in, inputs, at, texts)) return poison;
    if (n) loss_applied(f, fn, inputs[0], texts ? texts[0] : NULL, at);
    bool tensors = false;
    bool trees = false;
    for (int i = 0; i < n; i++) tensors |= inputs[i].kind == VAL_TENSOR;
    for (int i = 0; i < n; i++) trees |= inputs[i].kind == VAL_TREE || type_is_tree(d->inputs.at[i].type);
    bool region = d->kind == DECL_FN && tensors && !trees && !in->numeric && !in->pointwise && decl_reduces(f->e, d);
    Val v = region ? region_value(f, in, d, inputs, n, at) : body_value(in, d, n ? NULL : want);
    if (d->kind != DECL_FN && v.kind != VAL_POISON) states_advance(in);
    return v;
}

static Val apply_defined(Frame *f, const Function *fn, Val *inputs, int n, Span at, const char *const *texts,
                         const Type *want)
{
    Elab *e = f->e;
    const Decl *d = fn->decl;
    if (is_recursive(f, fn, at)) return poison;
    if (n != d->inputs.n && !wrong_count(f, fn, n, at)) return poison;
    if (!n && !want) {
        Diag *m = fault(f, at, "E0412", "`%s` makes a tensor of the type it is given to, and none is written",
                        fn->name);
        diag_primary(m, "of which type?");
        diag_help(m, "write it: `name: f32[...] = %s`", fn->name);
        return poison;
    }
    number_layers(e, d);
    Frame *in = frame_new(e, d, f);
    in->applied = site_at(f, at);
    in->owner = d->kind != DECL_FN;
    if (fn->path) in->path = fn->path;
    if (fn->slot) in->slot = fn->slot;
    vec_push(e->arena, &e->applying, d);
    Val v = apply_framed(f, in, fn, inputs, n, at, texts, want);
    e->applying.n--;
    return v;
}

/* ---- applying anything ---- */

static Val apply_dtype(Frame *f, const Function *fn, Val *in, int n, Span at)
{
    TypeExpr name = {.span = fn->span, .name = fn->dtype};
    DType t;
    if (n != 1) {
        Diag *d = fault(f, at, "E0404", "`%s` converts one value, but %d arrive", fn->dtype, n);
        diag_primary(d, "%d given", n);
        return poison;
    }
    if (!dtype_of_name(f, &name, &t)) return poison;
    return convert_value(f, in[0], t, at);
}

static Val apply_chain(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts)
{
    Val v = poison;
    for (int i = 0; i < fn->chain.n; i++) {
        const Function *part = fn->chain.at[i];
        Span place = i || fn->frame->decl ? part->span : at;
        bool many = i && v.kind == VAL_TUPLE;
        v = apply(f, part, i == 0 ? in : many ? v.parts : &v, i == 0 ? n : many ? v.n : 1, place, i ? NULL : texts,
                  NULL);
        if (v.kind == VAL_POISON) return v;
    }
    return v;
}

static bool takes_trees(const Function *fn)
{
    if (fn->kind == FN_BUILTIN) return str_equal(fn->name, "grad") || str_equal(fn->name, "total");
    if (fn->kind == FN_CHAIN) return takes_trees(fn->chain.at[0]);
    for (int i = 0; fn->decl && i < fn->decl->inputs.n; i++)
        if (type_is_tree(fn->decl->inputs.at[i].type)) return true;
    return false;
}

static Val apply_with(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts)
{
    Overlay over = {fn->parameters, f->overlay};
    Overlay *kept = arena_copy(f->e->arena, &over, sizeof over);
    Function own = *fn;
    Frame *g = NEW(f->e->arena, Frame);
    *g = *f;
    g->overlay = kept;
    own.parameters = NULL;
    return apply(g, arena_copy(f->e->arena, &own, sizeof own), in, n, at, texts, NULL);
}

Val apply(Frame *f, const Function *fn, Val *in, int n, Span at, const char *const *texts, const Type *want)
{
    bool trees = false;
    for (int i = 0; i < n; i++) {
        if (in[i].kind == VAL_POISON) return poison;
        trees |= in[i].kind == VAL_TREE;
    }
    if (trees && !takes_trees(fn)) return tree_map(f, fn, OP_COUNT, in, n, at);
    if (fn->parameters) return apply_with(f, fn, in, n, at, texts);
    switch (fn->kind) {
    case FN_DEFINED: return apply_defined(f, fn, in, n, at, texts, want);
    case FN_DTYPE: return apply_dtype(f, fn, in, n, at);
    case FN_CHAIN: return apply_chain(f, fn, in, n, at, texts);
    case FN_REPEAT: return repeat_apply(f, fn, in, n, at, texts);
    case FN_PATTERN: return pattern_apply(fn->frame, fn->pattern, in, n, at);
    case FN_BUILTIN: break;
    }
    const Builtin *b = fn->builtin;
    if (n < b->low || n > b->high) {
        Diag *d = fault(f, at, "E0404", b->low == b->high ? "`%s` takes %d input%s, but %d arrive%s"
                        : "`%s` takes %d input%s or more, but %d arrive%s", fn->name, n < b->low ? b->low : b->high,
                        (n < b->low ? b->low : b->high) == 1 ? "" : "s", n, n == 1 ? "s" : "");
        diag_primary(d, "%d given", n);
        return poison;
    }
    Call c = {f, b, in, n, &fn->options, at, want};
    return b->apply(&c);
}

/* ---- calls and pipes in the text ---- */

/* size(...) is the product of the axes that `...` stands for. */
static Val size_of_pack(Frame *f, const Expr *e)
{
    Elab *el = f->e;
    const Dim *size = dim_const(el->dims, 1);
    if (!f->has_pack) {
        Diag *d = fault(f, e->span, "E0412", "`...` stands for axes that a type has, and none has them here");
        diag_primary(d, "nothing settles it");
        return poison;
    }
    for (int i = 0; i < f->npack; i++) size = dim_mul(el->dims, size, f->pack[i].dim);
    return val_number(number_of_dim(el, size));
}

static int places_for_inputs(const Function *fn)
{
    if (fn->kind == FN_DEFINED) return fn->decl->inputs.n ? MAX_INPUTS : 0;
    return fn->kind == FN_BUILTIN && fn->builtin->high == 0 ? 0 : MAX_INPUTS;
}

Val call_expr(Frame *f, Expr *e, const Type *want)
{
    Elab *el = f->e;
    if (e->a->kind == EX_REF && str_equal(e->a->text, "size") && e->args.n == 1 && e->args.at[0].value->kind == EX_PACK)
        return size_of_pack(f, e);
    if (e->a->kind != EX_REF || e->block) {
        if (!function_of_expr(f, e)) return poison;
        Diag *d = fault(f, e->span, "E0413", "`%s` is a function, and a value is needed here", e->a->text);
        diag_primary(d, "it stands behind `|>` or in `layer name = ...`");
        return poison;
    }
    const Function *base = function_of_ref(f, e->a);
    if (!base) return poison;
    Function *fn = NEW(el->arena, Function);
    *fn = *base;
    fn->options.at = NULL;
    fn->options.n = fn->options.cap = 0;
    for (int i = 0; i < base->options.n; i++) vec_push(el->arena, &fn->options, base->options.at[i]);
    int places = places_for_inputs(fn);
    bool good = options_read(f, &e->args, places, fn);
    Val *in = NEW_ARRAY(el->arena, Val, e->args.n);
    const char **texts = NEW_ARRAY(el->arena, const char *, e->args.n);
    int n = 0;
    for (int i = 0; i < e->args.n && places; i++) {
        Expr *value = e->args.at[i].value;
        if (e->args.at[i].name) continue;
        texts[n] = value->kind == EX_REF ? value->text : NULL;
        in[n++] = elaborate_single(f, value, NULL);
    }
    return good ? apply(f, fn, in, n, e->span, texts, want) : poison;
}

Val pipe_expr(Frame *f, Expr *e)
{
    Expr *first = e->list.at[0];
    const char *text = first->kind == EX_REF ? first->text : NULL;
    Val v = elaborate(f, first, NULL);
    for (int i = 1; i < e->list.n; i++) {
        Expr *stage = e->list.at[i];
        const Function *fn = function_of_expr(f, stage);
        if (!fn || v.kind == VAL_POISON) {
            v = poison;
            continue;
        }
        bool many = v.kind == VAL_TUPLE;
        v = apply(f, fn, many ? v.parts : &v, many ? v.n : 1, stage->span, i == 1 && !many ? &text : NULL, NULL);
    }
    return v;
}
