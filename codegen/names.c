/* The names that a model gives its host: C identifiers, no keyword of C or C++, none twice, in capitals neither. */
#include "codegen/cg.h"
#include <ctype.h>
#include <string.h>

/* C99, C11, C23 and C++23 together: the header serves them all. */
static const char *const keywords[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
    "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "concept",
    "const", "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default", "delete",
    "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for",
    "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
    "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "requires", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast",
    "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid",
    "typename", "typeof", "typeof_unqual", "union", "unsigned", "using", "virtual", "void", "volatile",
    "wchar_t", "while", "xor", "xor_eq",
};

bool name_is_keyword(const char *name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_equal(keywords[i], name)) return true;
    return false;
}

const char *name_upper(Arena *a, const char *name)
{
    char *up = str_copy(a, name);
    for (char *c = up; *c; c++) *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    return up;
}

static bool is_identifier(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_') return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_') return false;
    return true;
}

static bool refuse_name(Program *p, const char *what, const char *name, Span at, const char *why)
{
    Diag *d = diag_error(p->cx->diags, "E0431", at, "%s cannot be called `%s`", what, name);
    diag_note(d, "the name becomes part of the model's C header, and %s", why);
    diag_help(d, "choose another name, such as `%s_`", name);
    return false;
}

static bool check_keyword(Program *p, const char *what, const char *name, Span at)
{
    if (!name_is_keyword(name)) return true;
    return refuse_name(p, what, name, at, str_format(p->arena, "`%s` is a keyword of C or C++", name));
}

/* A field of the settings' struct, beside those that it begins with. */
static bool check_setting(Program *p, const Hyper *h)
{
    static const char *const what = "a run-time setting";
    if (str_equal(h->name, "size") || str_equal(h->name, "spare"))
        return refuse_name(p, what, h->name, h->span, "the struct of the settings has a field of this name already");
    return check_keyword(p, what, h->name, h->span);
}

static bool check_program_name(Program *p)
{
    if (!is_identifier(p->name)) {
        Diag *d = diag_error(p->cx->diags, "E0431", NO_SPAN, "`%s` cannot begin the names of C functions", p->name);
        diag_note(d, "every function of a compiled model begins with the name of its file: letters, digits and `_`");
        diag_help(d, "rename the file, or give a name: `--name model`");
        return false;
    }
    if (str_equal(p->name, "nnrt"))
        return refuse_name(p, "a compiled model", p->name, NO_SPAN, "the names of the runtime begin with it");
    return check_keyword(p, "a compiled model", p->name, NO_SPAN);
}

static Span entry_span(const Entry *e, const Program *p)
{
    if (e->train >= 0) return p->trains.at[e->train].span;
    return e->graph->site ? e->graph->site->span : NO_SPAN;
}

static bool take_name(Program *p, Map *taken, const Entry *e, const char *kind, const char *name)
{
    const char *by = map_get(taken, name), *what = e->train >= 0 ? "train block" : "model";
    if (!by) {
        map_set(taken, name, str_format(p->arena, "%s `%s`", what, e->name));
        return true;
    }
    Diag *d = diag_error(p->cx->diags, "E0432", entry_span(e, p), "two C %s would be called `%s`", kind, name);
    diag_primary(d, "this %s makes one", what);
    diag_note(d, "the other is made by %s", by);
    diag_help(d, "rename this %s", what);
    return false;
}

static const char *work_name(Program *p, const char *verb)
{
    return str_format(p->arena, "%s_WORK_%s", name_upper(p->arena, p->name), name_upper(p->arena, verb));
}

bool names_check(Program *p, Entries entries)
{
    static const char *const own[] = {"bytes", "init", "start", "prepare", "model", "hparams"};
    Map *taken = map_new(p->arena);
    for (size_t i = 0; i < COUNT(own); i++)
        map_set(taken, str_format(p->arena, "%s_%s", p->name, own[i]), "every compiled model");
    map_set(taken, work_name(p, "init"), "every compiled model");
    bool good = check_program_name(p);
    for (int i = 0; i < p->hypers.n; i++) good &= check_setting(p, &p->hypers.at[i]);
    for (int i = 0; i < entries.n; i++) {
        const Entry *e = &entries.at[i];
        if (i == 0 || !str_equal(e->name, entries.at[i - 1].name))
            good &= check_keyword(p, e->train >= 0 ? "a train block" : "a model", e->name, entry_span(e, p));
        good &= take_name(p, taken, e, "functions", e->function) &&
                take_name(p, taken, e, "constants", work_name(p, e->verb));
    }
    return good;
}
