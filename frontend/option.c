/* option.c: what is fixed in a call: options given by name, their kinds and defaults. */
#include "frontend/elab.h"
#include <string.h>

/* ---- given in a call ---- */

const OptionVal *option_in(const OptionVals *options, const char *name)
{
    for (int i = 0; i < options->n; i++)
        if (str_equal(options->at[i].name, name)) return &options->at[i];
    return NULL;
}

static const Option *option_of(const Decl *d, const char *name)
{
    for (int i = 0; d && i < d->options.n; i++)
        if (str_equal(d->options.at[i].name, name)) return &d->options.at[i];
    return NULL;
}

/* The names a function takes as options, in order. */
static Names option_names(Elab *e, const Function *fn)
{
    Names names = {0};
    for (int i = 0; fn->decl && i < fn->decl->options.n; i++) vec_push(e->arena, &names, fn->decl->options.at[i].name);
    const char *s = fn->builtin ? fn->builtin->options : "";
    while (s && *s) {
        size_t n = strcspn(s, " ");
        vec_push(e->arena, &names, str_copy_n(e->arena, s, n));
        s += n + (s[n] == ' ');
    }
    return names;
}

static bool is_axis_option(const Function *fn, const char *name)
{
    const Option *o = option_of(fn->decl, name);
    if (o) return o->kind && str_equal(o->kind->name, "axis");
    return fn->builtin && (str_equal(name, "over") || str_equal(name, "along"));
}

static Val option_value(Frame *f, const Function *fn, const char *name, Expr *value)
{
    const Option *o = option_of(fn->decl, name);
    if (str_equal(name, "real") && !o) return (Val){.kind = VAL_TEXT, .text = value->text ? value->text : ""};
    if (is_axis_option(fn, name)) return axes_of_expr(f, value);
    if (!o || !o->is_fn) return elaborate_single(f, value, NULL);
    const Function *given = function_of_expr(f, value);
    return given ? (Val){.kind = VAL_FUNCTION, .fn = given} : poison;
}

static bool unknown_option(Frame *f, const Function *fn, const Arg *a, const Names *names)
{
    Diag *d = fault(f, a->name_span, "E0403", "`%s` has no option `%s`", fn->name, a->name);
    diag_primary(d, "unknown option");
    const char *near = str_nearest(a->name, names->at, names->n);
    if (near) diag_help(d, "did you mean `%s`?", near);
    for (int i = 0; fn->decl && i < fn->decl->inputs.n; i++)
        if (str_equal(fn->decl->inputs.at[i].ref.path.text, a->name))
            diag_help(d, "`%s` is an input: inputs go by place, without a name", a->name);
    Text list = {.arena = f->e->arena};
    for (int i = 0; i < names->n; i++) text_add(&list, "%s`%s`", i ? ", " : "", names->at[i]);
    diag_note(d, names->n ? "its options are %s" : "it has no options%s", text_done(&list));
    return false;
}

static bool check_option_kind(Frame *f, const Function *fn, const Arg *a, const char *name, Val v)
{
    const Option *o = option_of(fn->decl, name);
    if (v.kind == VAL_POISON || !o) return v.kind != VAL_POISON;
    const char *kind = o->kind ? o->kind->name : o->is_fn ? "fn" : NULL;
    ValKind want = VAL_NUMBER;
    if (str_equal(kind, "bool")) want = VAL_BOOL;
    else if (str_equal(kind, "str")) want = VAL_TEXT;
    else if (kind) return true;
    else if (o->value && o->value->kind == EX_TEXT) want = VAL_TEXT;
    else if (o->value && o->value->kind == EX_REF &&
             (str_equal(o->value->text, "true") || str_equal(o->value->text, "false")))
        want = VAL_BOOL;
    bool number = v.kind == VAL_TENSOR && v.tensor->type.rank == 0 && dtype_is_float(v.tensor->type.dtype);
    if (v.kind == want || (want == VAL_NUMBER && number)) return true;
    const char *wanted = want == VAL_BOOL ? "true or false" : want == VAL_TEXT ? "a text" : "a number";
    Diag *d = fault(f, a->value->span, "E0412", "`%s` of `%s` is %s, but %s is given", name, fn->name, wanted,
                    val_text(f->e, v));
    diag_primary(d, "%s is needed", wanted);
    return false;
}

static bool given_twice(Frame *f, const Function *fn, const Arg *a, const char *name)
{
    Diag *d = fault(f, a->span, "E0404", "`%s` gets its option `%s` twice", fn->name, name);
    diag_primary(d, "the second time");
    diag_label(d, option_in(&fn->options, name)->span, "the first time");
    return false;
}

static bool option_read(Frame *f, Function *fn, const Arg *a, const char *name, const Names *names)
{
    bool known = str_equal(name, "training") || str_equal(name, "real");
    for (int i = 0; i < names->n; i++) known |= str_equal(names->at[i], name);
    if (!known) return unknown_option(f, fn, a, names);
    if (option_in(&fn->options, name)) return given_twice(f, fn, a, name);
    Val v = option_value(f, fn, name, a->value);
    if (!check_option_kind(f, fn, a, name, v)) return false;
    vec_push(f->e->arena, &fn->options, ((OptionVal){name, v, a->value->span, a->name ? a->name_span : a->span,
                                                     origin_of_size(f, a->value)}));
    return true;
}

bool options_read(Frame *f, const Args *args, int inputs, Function *fn)
{
    Names names = option_names(f->e, fn);
    bool good = true;
    int places = 0;
    for (int i = 0; i < args->n; i++) {
        const Arg *a = &args->at[i];
        if (a->to) {
            Diag *d = fault(f, a->span, "E0404", "only `repeat` counts with `in`, and `%s` does not", fn->name);
            diag_primary(d, "no option");
            good = false;
        } else if (a->name) {
            good &= option_read(f, fn, a, a->name, &names);
        } else if (places++ >= inputs) {
            if (places == inputs + 1 && inputs == 0 && names.n) {
                good &= option_read(f, fn, a, names.at[0], &names);
                continue;
            }
            Diag *d = fault(f, a->span, "E0404", names.n ? "options of `%s` after the first go by name"
                                                         : "`%s` has no options", fn->name);
            diag_primary(d, "this has no name");
            if (fn->decl) diag_note(d, "%s", signature_text(f->e, fn->decl));
            good = false;
        }
    }
    return good;
}

/* ---- as names of the body ---- */

bool options_bind(Frame *in, Frame *caller, const Function *fn, Span at)
{
    const Decl *d = fn->decl;
    for (int i = 0; i < d->options.n; i++) {
        const Option *o = &d->options.at[i];
        const OptionVal *given = option_in(&fn->options, o->name);
        if (!given && !o->value) {
            Diag *m = fault(caller, at, "E0404", "`%s` needs its option `%s`", fn->name, o->name);
            diag_primary(m, "`%s = ...` is missing", o->name);
            diag_note(m, "%s", signature_text(caller->e, d));
            return false;
        }
        Binding *b = frame_bind(in, o->name, o->name_span, given ? given->val : poison);
        b->option = o;
        b->written = given ? given->span : NO_SPAN;
        b->origin = given ? given->origin : NULL;
        if (given) continue;
        b->state = BINDING_WAITING;
        b->value = o->value;
    }
    return true;
}

bool options_implicit(Frame *in, Frame *caller, const Function *fn)
{
    const OptionVal *training = option_in(&fn->options, "training"), *real = option_in(&fn->options, "real");
    if (training && !condition_of(caller, training->val, training->span, &in->training)) return false;
    if (!real || option_of(fn->decl, "real")) return true;
    TypeExpr name = {.span = real->span, .name = real->val.text};
    if (!dtype_of_name(caller, &name, &in->real_default)) return false;
    return true;
}
