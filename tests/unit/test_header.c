/* The C header of a model, the names it refuses, and the lines that debug information points to. */
#include "lane_bench.h"
#include <stdlib.h>
#include <string.h>

static const char text[] = "model reader(image: u8[N, 28], register: i32<digit>[N]) -> u8[N, 28]\nhyper eta = 0.5\n";

typedef struct Bench { Cx *cx; Program *p; Source *source; Site site; Symbol n, digit; TrainInfo train; } Bench;

static void add_input(Bench *b, Graph *g, const char *name, Type t)
{
    Attr attr = {.index = g->inputs.n};
    Value *v = value_new(g->body, OP_INPUT, NULL, 0, &attr, &t, &b->site, b->cx);
    vec_push(b->cx->arena, &g->inputs, (GraphInput){name, v, {b->source, 13, 18}});
}

static Graph *add_graph(Bench *b, GraphKind kind, const char *name)
{
    Graph *g = graph_new(b->p, kind, name, &b->site);
    Axis axes[] = {{.dim = dim_symbol(b->p->dims, &b->n)}, {.dim = dim_const(b->p->dims, 28)}};
    Type label = type_make(b->cx->arena, DT_I32, 1, axes);
    label.range = dim_symbol(b->p->dims, &b->digit);
    add_input(b, g, "image", type_make(b->cx->arena, DT_U8, 2, axes));
    add_input(b, g, "register", label);
    if (kind == GRAPH_MODEL) graph_add_result(g, (Result){.kind = RESULT_OUTPUT}, g->inputs.at[0].value);
    return g;
}

/* A program with one model, one train block, one parameter and one setting. */
static Bench *bench_new(const char *name, const char *model)
{
    static const char *const labels[] = {"0", "a */ b"};
    Cx *cx = cx_new();
    Bench *b = NEW(cx->arena, Bench);
    b->cx = cx;
    b->p = program_new(cx, name, "/some/where/reader.nn");
    b->source = source_new(cx->arena, "reader.nn", text, strlen(text));
    b->site.span = (Span){b->source, 0, 5};
    b->n = (Symbol){.name = "N", .index = 0, .low = 1, .high = 64};
    b->digit = (Symbol){.name = "digit", .index = 1, .low = 2, .high = 2, .fixed = 2, .labels = labels, .nlabels = 2};
    vec_push(cx->arena, &b->p->symbols, &b->n);
    vec_push(cx->arena, &b->p->symbols, &b->digit);
    vec_push(cx->arena, &b->p->models, add_graph(b, GRAPH_MODEL, model));
    Axis axis = {.dim = dim_const(b->p->dims, 10)};
    Tensor w = {.path = "reader.w", .key = "reader.w", .role = ROLE_PARAM, .train = -1, .site = &b->site};
    w.type = type_make(cx->arena, DT_F32, 1, &axis);
    program_add_tensor(b->p, w);
    program_place_tensors(b->p);
    vec_push(cx->arena, &b->p->hypers, (Hyper){"eta", 0.5, {b->source, 70, 73}});
    TrainInfo t = {.name = model, .ntotals = 4, .has_loss = true, .span = b->site.span};
    t.step = t.eval = add_graph(b, GRAPH_STEP, model);
    vec_push(cx->arena, &t.metrics, (Metric){"accuracy", false, 2});
    vec_push(cx->arena, &b->p->trains, t);
    return b;
}

static void assert_has(const char *whole, const char *part)
{
    if (!strstr(whole, part)) fail_msg("no `%s` in:\n%s", part, whole);
}

static void test_what_it_says(void **state)
{
    Bench *b = bench_new("reader", "reader");
    const char *h = codegen_header(b->p);
    (void)state;
    assert_non_null(h);
    assert_has(h, "int32_t reader_predict(const void *params, int64_t N, const uint8_t *image, ");
    assert_has(h, "const int32_t *register_");
    assert_has(h, "int32_t reader_step(void *params, void *opt, int64_t N, ");
    assert_has(h, "int64_t reader_bytes(int32_t what, int64_t N);");
    assert_has(h, "#define READER_HPARAMS_INIT { sizeof(reader_hparams), 0, 0.5 }");
    assert_has(h, "#define READER_TOTALS 4");
    assert_has(h, "N: 1 to 64");
    assert_has(h, "\"a * / b\"");
    assert_has(h, "params        0  reader.w: f32[10]");
    assert_null(strstr(h, "/some"));
    assert_string_equal(h, codegen_header(b->p));
    cx_free(b->cx);
}

static void run_compiler(const char *compiler, const char *file)
{
    const char *end = strstr(compiler, "++") ? "-x c++ -std=c++11" : "-x c -std=c99";
    char command[256];
    snprintf(command, sizeof command, "%s %s -pedantic -Wall -Wextra -Werror -fsyntax-only -I%s %s", compiler, end,
             NNC_ROOT, file);
    assert_int_equal(system(command), 0);
}

/* By itself, and with the runtime's header before or behind it. */
static void test_compilers_take_it(void **state)
{
    Bench *b = bench_new("reader", "reader");
    char header[] = "/tmp/header.XXXXXX", host[] = "/tmp/host.XXXXXX";
    int files[] = {mkstemp(header), mkstemp(host)};
    const char *h = codegen_header(b->p), *use = "reader_hparams settings = READER_HPARAMS_INIT; nnrt_step where;\n";
    (void)state;
    assert_true(files[0] >= 0 && files[1] >= 0 && write_file(header, h, strlen(h)));
    for (int order = 0; order < 3; order++) {
        Text t = {.arena = b->cx->arena};
        if (order == 1) text_add(&t, "#include \"runtime/nnrt.h\"\n");
        text_add(&t, "#include \"%s\"\n", header);
        if (order == 2) text_add(&t, "#include \"runtime/nnrt.h\"\n");
        text_add(&t, "%sdouble *eta = &settings.eta;\n", use);
        assert_true(write_file(host, text_done(&t), t.n));
        run_compiler("cc", host);
        if (system("c++ --version > /dev/null 2>&1") == 0) run_compiler("c++", host);
    }
    remove(header);
    remove(host);
    cx_free(b->cx);
}

static void refuse(const char *name, const char *model, const char *code)
{
    Bench *b = bench_new(name, model);
    assert_null(codegen_header(b->p));
    assert_string_equal(b->cx->diags->list.at[0]->code, code);
    cx_free(b->cx);
}

static void test_names_refused(void **state)
{
    (void)state;
    refuse("class", "reader", "E0431");
    refuse("my-model", "reader", "E0431");
    refuse("2d", "reader", "E0431");
    refuse("reader", "register", "E0431");
    refuse("reader", "init", "E0432");
}

/* A function at line 1 with an instruction that a definition brought in from line 2. */
static void test_debug_lines(void **state)
{
    Bench *b = bench_new("reader", "reader");
    CodegenOptions options = {.march = "x86-64", .level = 0, .debug = true};
    Site inner = {.span = {b->source, 70, 73}, .applied = &b->site};
    Cg cg;
    Bytes ir;
    (void)state;
    assert_true(cg_open(&cg, b->p, &options));
    LLVMTypeRef args[] = {cg.f32};
    LLVMValueRef f = function_new(&cg, "reader_twice", LLVMFunctionType(cg.f32, args, 1, false), true);
    cg_debug_function(&cg, f, "reader_twice", &b->site);
    LLVMPositionBuilderAtEnd(cg.builder, LLVMAppendBasicBlockInContext(cg.context, f, ""));
    cg_debug_site(&cg, &inner);
    LLVMValueRef x = LLVMGetParam(f, 0), y = LLVMBuildFAdd(cg.builder, x, x, "");
    cg_debug_site(&cg, &b->site);
    LLVMBuildRet(cg.builder, y);
    assert_true(cg_finish(&cg, EMIT_LLVM_IR, &ir));
    const char *said = str_copy_n(b->cx->arena, ir.at, ir.size);
    assert_has(said, "DIFile(filename: \"reader.nn\"");
    assert_has(said, "!DILocation(line: 2, column: 2, scope: ");
    assert_has(said, "inlinedAt: ");
    assert_has(said, "distinct !DISubprogram(name: \"model\"");
    cg_close(&cg);
    cx_free(b->cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_compilers_take_it),
        cmocka_unit_test(test_names_refused), cmocka_unit_test(test_debug_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
