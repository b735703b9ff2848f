/* compile.c: a model to a library, an object, a header or a text. Everything is made before anything is written. */
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum Kind {
    KIND_SO, KIND_OBJ, KIND_HEADER, KIND_LLVM_IR, KIND_ASM, KIND_GRAPH, KIND_DOT, KIND_DEPS, KIND_COUNT
} Kind;
static const struct {
    const char *name, *ending;
} kinds[] = {
    [KIND_SO] = {"so", ".so"},           [KIND_OBJ] = {"obj", ".o"}, [KIND_HEADER] = {"header", ".h"},
    [KIND_LLVM_IR] = {"llvm-ir", ".ll"}, [KIND_ASM] = {"asm", ".s"}, [KIND_GRAPH] = {"graph", ".graph.nn"},
    [KIND_DOT] = {"dot", ".dot"},        [KIND_DEPS] = {"deps", ".d"},
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
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)(n < 31 ? n : 31), name);
    const char *near = str_nearest(word, names, KIND_COUNT);
    usage_error("--emit has no kind `%s`%s%s%s", word, near ? "; did you mean `" : "", near ? near : "",
                near ? "`?" : "");
    return -1;
}

/* The output name without the ending of a known kind: what the other products are named after. */
static const char *output_stem(Args *a, const Program *p)
{
    const char *out = args_text(a, OPT_OUTPUT);
    if (!out || !strcmp(out, "-")) return p->name;
    for (int i = 0; i < KIND_COUNT; i++)
        if (str_ends(out, kinds[i].ending)) return str_copy_n(a->cx->arena, out, strlen(out) - strlen(kinds[i].ending));
    return out;
}

/* A header bears the model's name, so that `#include "digits.h"` is right whatever the library is called. */
static const char *product_path(Args *a, const Program *p, Kind kind, bool first)
{
    const char *out = args_text(a, OPT_OUTPUT);
    if (out && first && kind != KIND_HEADER) return out;
    if (out && first && (str_ends(out, ".h") || !strcmp(out, "-"))) return out;
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

static bool parse_emit(Args *a, const Program *p, Products *out)
{
    for (int v = 0; v < a->values[OPT_EMIT].n; v++) {
        for (const char *at = a->values[OPT_EMIT].at[v];; at++) {
            size_t n = strcspn(at, ",="), path = 0;
            int kind = kind_named(at, n);
            if (kind < 0) return false;
            at += n;
            if (*at == '=') path = strcspn(++at, ",");
            Product product = {(Kind)kind, NULL, {0}};
            product.path = path ? str_copy_n(a->cx->arena, at, path) : product_path(a, p, (Kind)kind, out->list.n == 0);
            vec_push(a->cx->arena, &out->list, product);
            at += path;
            if (*at != ',') break;
        }
    }
    if (out->list.n) return true;
    const char *path = args_text(a, OPT_OUTPUT);
    Product so = {KIND_SO, path, {0}}, header = {KIND_HEADER, NULL, {0}};
    if (is_bare(a) || (path && str_ends(path, ".o"))) so.kind = KIND_OBJ;
    if (!path) so.path = product_path(a, p, so.kind, true);
    header.path = product_path(a, p, KIND_HEADER, false);
    vec_push(a->cx->arena, &out->list, so);
    vec_push(a->cx->arena, &out->list, header);
    return true;
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
    if (!*space) text_add(to, "%s", make_word(arena, product_path(a, p, KIND_SO, true)));
    text_add(to, ":");
    for (int i = 0; i < p->read.n; i++) text_add(to, " \\\n  %s", make_word(arena, p->read.at[i]));
    text_add(to, "\n");
}

static bool parse_sanitize(const Args *a, Sanitizer *out)
{
    static const char *const names[] = {[SANITIZE_ADDRESS] = "address", [SANITIZE_THREAD] = "thread"};
    const char *text = args_text(a, OPT_SANITIZE);
    *out = SANITIZE_NONE;
    for (int i = 1; text && i < (int)COUNT(names); i++)
        if (str_equal(text, names[i])) *out = (Sanitizer)i;
    if (text && !*out) usage_error("--sanitize is address or thread, not `%s`", text);
    bool lone = *out && is_bare(a);
    if (lone) usage_error("--sanitize needs a sanitizer beside the model, and a machine without a system has none");
    return (!text || *out) && !lone;
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
