/* compile.c: a model to a library, an object, a header or a text. Everything is made before anything is written. */
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind {
    KIND_SO, KIND_OBJ, KIND_HEADER, KIND_LLVM_IR, KIND_ASM, KIND_GRAPH, KIND_DOT, KIND_DEPS, KIND_COUNT
} Kind;
static const struct {
    const char *name, *ending, *what;
    bool aside; /* goes with another product, whose name -o is */
} kinds[] = {
    [KIND_SO] = {"so", ".so", "a library", false},
    [KIND_OBJ] = {"obj", ".o", "an object", false},
    [KIND_HEADER] = {"header", ".h", "a header", true},
    [KIND_LLVM_IR] = {"llvm-ir", ".ll", "LLVM's text", false},
    [KIND_ASM] = {"asm", ".s", "assembly", false},
    [KIND_GRAPH] = {"graph", ".graph.nn", "a graph", false},
    [KIND_DOT] = {"dot", ".dot", "a drawing", false},
    [KIND_DEPS] = {"deps", ".d", "a rule for make", true},
};
typedef struct Product {
    Kind kind;
    const char *path;
    Bytes bytes;
} Product;
typedef struct Products {
    VEC(Product) list;
} Products;

static int kind_named(const char *name, size_t n)
{
    const char *names[KIND_COUNT];
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strlen(kinds[i].name) == n && !memcmp(kinds[i].name, name, n)) return i;
        names[i] = kinds[i].name;
    }
    char word[32], all[128] = "";
    snprintf(word, sizeof word, "%.*s", (int)(n < 31 ? n : 31), name);
    const char *near = str_nearest(word, names, KIND_COUNT);
    for (int i = 0; i < KIND_COUNT; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", kinds[i].name);
    if (near) usage_error("--emit has no kind `%s`; did you mean `%s`?", word, near);
    else usage_error("--emit has no kind `%s`; there are %s", word, all);
    return -1;
}

/* The kind whose ending the path has, else -1. */
static int kind_by_ending(const char *path)
{
    for (int i = 0; i < KIND_COUNT; i++)
        if (str_ends(path, kinds[i].ending)) return i;
    return -1;
}

/* The output name without the ending of a known kind: what the other products are named after. */
static const char *output_stem(Args *a, const Program *p)
{
    const char *out = args_text(a, OPT_OUTPUT);
    if (!out || !strcmp(out, "-")) return p->name;
    int kind = kind_by_ending(out);
    return kind < 0 ? out : str_copy_n(a->cx->arena, out, strlen(out) - strlen(kinds[kind].ending));
}

/* A header bears the model's name, so that `#include "digits.h"` is right whatever the library is called. */
static const char *stem_path(Args *a, const Program *p, Kind kind)
{
    const char *stem = output_stem(a, p), *slash = strrchr(stem, '/');
    if (kind == KIND_HEADER)
        return str_format(a->cx->arena, "%.*s%s.h", slash ? (int)(slash - stem) + 1 : 0, stem, p->name);
    return str_format(a->cx->arena, "%s%s", stem, kinds[kind].ending);
}

/* For a machine without a system an object is all there can be. */
static bool is_bare(const Args *a)
{
    CodegenOptions o = codegen_options(a);
    return codegen_is_bare(&o);
}

/* ---- what is made ---- */
static void product_add(Args *a, Products *list, Kind kind, const char *path)
{
    vec_push(a->cx->arena, &list->list, (Product){kind, path, {0}});
}

/* Without --emit: what the ending of -o tells, else a library; a header beside what is linked. */
static void products_by_output(Args *a, Products *out)
{
    const char *path = args_text(a, OPT_OUTPUT);
    int told = path ? kind_by_ending(path) : -1;
    Kind kind = told >= 0 ? (Kind)told : is_bare(a) ? KIND_OBJ : KIND_SO;
    product_add(a, out, kind, NULL);
    if (kind == KIND_SO || kind == KIND_OBJ) product_add(a, out, KIND_HEADER, NULL);
}

/* KIND[=FILE],...; the path is NULL where none is given. */
static bool products_by_emit(Args *a, const char *at, Products *out)
{
    for (;; at++) {
        size_t n = strcspn(at, ",="), path = 0;
        int kind = kind_named(at, n);
        if (kind < 0) return false;
        at += n;
        if (*at == '=' && !(path = strcspn(++at, ",")))
            return usage_error("--emit=%s= names no file: --emit=%s=FILE, or --emit=%s", kinds[kind].name,
                               kinds[kind].name, kinds[kind].name), false;
        product_add(a, out, (Kind)kind, path ? str_copy_n(a->cx->arena, at, path) : NULL);
        at += path;
        if (*at != ',') return true;
    }
}

/* What -o names: the product with its ending, else the first that does not go with another; `-` is for the first. */
static Product *product_named(const char *path, Products *list)
{
    Product *first = NULL;
    for (int i = 0; i < list->list.n; i++) {
        Product *x = &list->list.at[i];
        if (x->path) continue;
        if (!strcmp(path, "-") || kind_by_ending(path) == (int)x->kind) return x;
        if (!first && !kinds[x->kind].aside) first = x;
    }
    return first;
}

static bool name_products(Args *a, const Program *p, Products *list)
{
    const char *path = args_text(a, OPT_OUTPUT);
    Product *named = path ? product_named(path, list) : NULL;
    int ending = path ? kind_by_ending(path) : -1;
    if (path && str_ends(path, ".a")) {
        usage_error("nnc makes no archives: write `-o %.*s.o`, and put that into one by `ar rcs`", (int)strlen(path) - 2, path);
        return false;
    }
    if (named && ending >= 0 && ending != (int)named->kind) {
        usage_error("`%s` is the name of %s, but --emit=%s makes %s: write `-o %s%s`, or --emit=%s", path,
                    kinds[ending].what, kinds[named->kind].name, kinds[named->kind].what, output_stem(a, p),
                    kinds[named->kind].ending, kinds[ending].name);
        return false;
    }
    if (named) named->path = path;
    for (int i = 0; i < list->list.n; i++) {
        Product *x = &list->list.at[i];
        if (!x->path) x->path = stem_path(a, p, x->kind);
        if (x->kind == KIND_SO && !strcmp(x->path, "-")) {
            usage_error("a library cannot go to standard output: name a file, or take the object by --emit=obj");
            return false;
        }
    }
    return true;
}

static bool parse_emit(Args *a, const Program *p, Products *out)
{
    for (int i = 0; i < a->values[OPT_EMIT].n; i++)
        if (!products_by_emit(a, a->values[OPT_EMIT].at[i], out)) return false;
    if (!out->list.n) products_by_output(a, out);
    return name_products(a, p, out);
}

static Bytes text_bytes(const char *text) { return (Bytes){text, text ? strlen(text) : 0}; }

/* A name as make reads it. */
static const char *make_word(Arena *arena, const char *path)
{
    Text t = {.arena = arena};
    for (; *path; path++) {
        if (strchr(" #:", *path)) text_add(&t, "\\");
        text_add(&t, *path == '$' ? "$$" : "%c", *path);
    }
    return text_done(&t);
}

/* What another run with the same options makes, where this one makes the rule alone. */
static const char *made_elsewhere(Args *a, const Program *p)
{
    const char *out = args_text(a, OPT_OUTPUT);
    if (out && strcmp(out, "-") && kind_by_ending(out) != KIND_DEPS) return out;
    return stem_path(a, p, is_bare(a) ? KIND_OBJ : KIND_SO);
}

/* For make and ninja: what is made here, and of which files. */
static void dependencies_print(Args *a, const Program *p, const Products *products, Text *to)
{
    Arena *arena = a->cx->arena;
    const char *space = "";
    for (int i = 0; i < products->list.n; i++) {
        const Product *x = &products->list.at[i];
        if (x->kind == KIND_DEPS || !strcmp(x->path, "-")) continue;
        text_add(to, "%s%s", space, make_word(arena, x->path));
        space = " ";
    }
    if (!*space) text_add(to, "%s", make_word(arena, made_elsewhere(a, p)));
    text_add(to, ":");
    for (int i = 0; i < p->read.n; i++) text_add(to, " \\\n  %s", make_word(arena, p->read.at[i]));
    text_add(to, "\n");
}

static bool parse_sanitize(const Args *a, Sanitizer *out)
{
    const char *text = args_text(a, OPT_SANITIZE);
    *out = !text ? SANITIZE_NONE : str_equal(text, "address") ? SANITIZE_ADDRESS : SANITIZE_THREAD;
    if (!text || !is_bare(a)) return true;
    usage_error("--sanitize needs a sanitizer beside the model, and a machine without a system has none");
    return false;
}

/* Each product has a file of its own, and none of them is one that the model is made of. */
static int check_paths(const Program *p, const Products *products)
{
    for (int i = 0; i < products->list.n; i++) {
        const Product *x = &products->list.at[i];
        int status = refuse_overwriting(x->path, p->read.at, p->read.n);
        if (status) return status;
        for (int k = 0; k < i; k++)
            if (strcmp(x->path, "-") && !path_is_endless(x->path) && str_equal(x->path, products->list.at[k].path))
                return usage_error("`%s` is to hold two results: give each a name, as in --emit=%s=FILE", x->path,
                                   kinds[x->kind].name);
    }
    return 0;
}

static bool make(Args *a, Program *p, Sanitizer sanitize, Products *products)
{
    Bytes object = {0};
    CodegenOptions o = codegen_options(a);
    o.sanitize = sanitize;
    for (int i = 0; i < products->list.n; i++) {
        Product *x = &products->list.at[i];
        Text text = {a->cx->arena, 0, 0, 0};
        switch (x->kind) {
        case KIND_SO:
            if (codegen_is_bare(&o)) {
                failure("a machine without a system loads no libraries: take the object, `--emit=obj`");
                return false;
            }
            /* fallthrough */
        case KIND_OBJ:
            if (!object.at && !codegen_emit(p, &o, EMIT_OBJECT, &object)) return false;
            x->bytes = object;
            break;
        case KIND_LLVM_IR:
            if (!codegen_emit(p, &o, EMIT_LLVM_IR, &x->bytes)) return false;
            break;
        case KIND_ASM:
            if (!codegen_emit(p, &o, EMIT_ASM, &x->bytes)) return false;
            break;
        case KIND_HEADER: x->bytes = text_bytes(codegen_header(p)); break;
        case KIND_GRAPH:
            program_print(p, &text);
            x->bytes = text_bytes(text_done(&text));
            break;
        case KIND_DOT:
            dot_print(p, &text);
            x->bytes = text_bytes(text_done(&text));
            break;
        case KIND_DEPS:
            dependencies_print(a, p, products, &text);
            x->bytes = text_bytes(text_done(&text));
            break;
        case KIND_COUNT: break;
        }
    }
    return !a->cx->diags->errors;
}

static int write_products(Program *p, Sanitizer sanitize, const Products *products)
{
    for (int i = 0; i < products->list.n; i++) {
        const Product *x = &products->list.at[i];
        if (x->kind == KIND_SO) {
            if (!codegen_link(p, x->bytes, sanitize, x->path)) return EXIT_NO_OUTPUT;
        } else if (!write_file(x->path, x->bytes.at, x->bytes.size)) {
            failure("`%s` cannot be written: %s", x->path, strerror(errno));
            return EXIT_NO_OUTPUT;
        }
    }
    return EXIT_GOOD;
}

int command_compile(Args *a)
{
    int status;
    Program *p = build_planned(a, &status);
    if (!p) return status;
    Products products = {{0}};
    Sanitizer sanitize;
    if (!parse_sanitize(a, &sanitize) || !parse_emit(a, p, &products)) return EXIT_USAGE;
    if ((status = check_paths(p, &products))) return status;
    for (int i = 0; i < products.list.n && p->frozen; i++)
        if (products.list.at[i].kind == KIND_GRAPH)
            return usage_error("--emit=graph writes no values, so it cannot tell a frozen model: give --freeze where the "
                               "graph is compiled");
    if (!p->models.n && !p->trains.n)
        return failure("`%s` defines no model: there is nothing to compile", a->operands.at[0]);
    bool ok = make(a, p, sanitize, &products);
    status = model_finish(a, ok ? EXIT_GOOD : EXIT_MODEL);
    a->cx->diags->list.n = 0;
    if (!ok) return status;
    if (args_has(a, OPT_MEM_PLAN)) memory_plan_print(p, stdout);
    status = write_products(p, sanitize, &products);
    return model_finish(a, status);
}
