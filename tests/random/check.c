/* check.c: one program through the whole compiler, against the interpreter. It is compiled three times: with every pass
   at -O2, without the optional ones at -O0, and with some of them, each for another level of the machine. Its text must
   read back, and every other one is compiled with fixed parameters, too. */
#include "check.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include <stdlib.h>
#include <string.h>

enum { CONFIGS = 3, MAX_LEVELS = 8, MAX_OPTIONAL = 8 };
static const uint32_t teams[TEAM_COUNT] = {2, 3, 8};

typedef struct Config {
    const char *disabled[MAX_OPTIONAL], *march, *name;
    int ndisabled, level;
} Config;

/* ---- what differs ends the process ---- */

static NORETURN void give_up(const Where *w, const Cx *cx, const char *what)
{
    diags_print(cx->diags, stdout, false);
    printf("%s: %s\n", w->config, what);
    fflush(stdout);
    abort();
}

/* ---- configurations ---- */

static int list_optional(const char *names[MAX_OPTIONAL])
{
    int n, count = 0;
    const PassInfo *list = passes_list(&n);
    for (int i = 0; i < n && count < MAX_OPTIONAL; i++)
        if (list[i].optional) names[count++] = list[i].name;
    return count;
}

static int list_levels(const char *names[MAX_LEVELS])
{
    int n, count = 0;
    const char *const *list = codegen_levels(&n);
    for (int i = 0; i < n && count < MAX_LEVELS; i++)
        if (codegen_level_runs_here(list[i])) names[count++] = list[i];
    return count;
}

/* Turn after turn the third one leaves out each optional pass alone, then a set of them at random. */
static bool leaves_out(int config, unsigned turn, int pass, int passes)
{
    if (config < 2) return config == 1;
    unsigned way = turn % (unsigned)(passes + 1);
    return way < (unsigned)passes ? way == (unsigned)pass : (turn * 2654435761u >> (8 + pass)) & 1;
}

static Config config_at(Arena *a, int config, unsigned turn)
{
    const char *optional[MAX_OPTIONAL], *levels[MAX_LEVELS];
    int passes = list_optional(optional), nlevels = list_levels(levels);
    Config c = {.level = config == 0 || (config == 2 && turn % 4 == 3) ? 2 : 0};
    Text off = {.arena = a};
    for (int i = 0; i < passes; i++)
        if (leaves_out(config, turn, i, passes)) {
            c.disabled[c.ndisabled++] = optional[i];
            text_add(&off, ", no %s", optional[i]);
        }
    c.march = levels[(turn + (unsigned)config) % (unsigned)nlevels];
    c.name = str_format(a, "%s -O%d%s", c.march, c.level, text_done(&off));
    return c;
}

/* ---- two programs of the same choices ---- */

/* A team that is not there: its workers run one after the other, the last one first. */
static void run_backwards(void *user, uint32_t workers, void (*work)(void *context, uint32_t worker), void *context)
{
    (void)user;
    while (workers-- > 0) work(context, workers);
}

/* Two workers are threads; more than the machine may have would only wait for each other. */
static nnrt_session *session_new(const nnrt_model *m, uint32_t workers)
{
    nnrt_options o;
    nnrt_options_init(&o);
    o.workers = workers;
    o.parallel_flops = 0;
    if (workers > 2) o.parallel_for = run_backwards;
    nnrt_session *s;
    if (nnrt_session_new(m, &o, &s)) fatal("no session: %s", s ? nnrt_error(s) : "out of memory");
    return s;
}

static bool count_kernels(Graph *g, void *counts)
{
    for (const Node *n = g->body->first; n; n = n->next) ((Counts *)counts)->operators[OP_KERNEL] += n->op == OP_KERNEL;
    return true;
}

/* Every first value as if it stood in a file, and fixed. */
static void freeze(Program *p, const char *params)
{
    for (int i = 0; i < p->tensors.n; i++) {
        Tensor *t = &p->tensors.at[i];
        if (t->role != ROLE_OPT) t->given.values = arena_copy(p->arena, params + t->offset, (size_t)tensor_bytes(p, t));
    }
    program_freeze(p);
}

/* With the parameters of a model that is not frozen, or NULL: not frozen. */
static Compiled compile(Cx *cx, const Check *check, const Where *w, const Config *config, const Choices *from,
                        const char *frozen)
{
    Compiled c = {.p = random_program(cx, check->rules, from->bytes, from->n).p};
    PassOptions o = {.disabled = config->disabled, .ndisabled = config->ndisabled, .verify = true};
    CodegenOptions how = {.march = config->march, .level = config->level};
    Bytes object;
    if (c.p && frozen) freeze(c.p, frozen);
    if (!c.p || !passes_run(c.p, &o)) give_up(w, cx, "the passes fail");
    program_each_graph(c.p, count_kernels, check->counts);
    if (!codegen_emit(c.p, &how, EMIT_OBJECT, &object)) give_up(w, cx, "no code");
    if (!(c.jit = jit_open(c.p, object))) give_up(w, cx, "the object does not load");
    const nnrt_model *(*model)(void);
    void *symbol = jit_symbol(c.jit, "random_model");
    memcpy(&model, &symbol, sizeof model);
    c.session = session_new(model(), 1);
    for (size_t t = 0; t < COUNT(teams); t++) c.others[t] = session_new(model(), teams[t]);
    return c;
}

static void compiled_free(Compiled *c)
{
    for (size_t t = 0; t < COUNT(teams); t++) nnrt_session_free(c->others[t]);
    nnrt_session_free(c->session);
    jit_close(c->jit);
}

static Oracle make_oracle(const Check *check, const Where *w, const uint8_t *bytes, size_t n)
{
    static const char *const off[] = {"simplify"};
    PassOptions plain = {.disabled = off, .ndisabled = 1, .until = "differentiate", .verify = true};
    Oracle o = {.cx = cx_new(), .counts = check->counts};
    RandomProgram made = random_program(o.cx, check->rules, bytes, n);
    o.p = made.p;
    o.policy = made.policy;
    if (!o.p) give_up(w, o.cx, "the generator made a graph that does not check");
    count_operators(o.p->models.at[0], check->counts);
    count_operators(o.p->trains.at[0].step, check->counts);
    count_operators(o.p->trains.at[0].eval, check->counts);
    if (!passes_run(o.p, &plain)) give_up(w, o.cx, "differentiation fails");
    return o;
}

/* ---- the text between two passes ---- */

static const char *printed(const Program *p)
{
    Text text = {.arena = p->arena};
    program_print(p, &text);
    return text_done(&text);
}

/* The text of a program, as it is built (pass NULL) or after a pass, reads back to the same text and ends in the same
   plan. */
static void check_text(const Check *check, const Where *w, const char *pass, const uint8_t *bytes, size_t n)
{
    Cx *cx = cx_new(), *again = cx_new();
    Program *p = random_program(cx, check->rules, bytes, n).p;
    FrontendOptions how = {.name = p->name, .real = p->real};
    if (pass && !passes_run(p, &(PassOptions){.until = pass})) give_up(w, cx, "the passes fail");
    Program *q = frontend_parse(again, p->file, printed(p), &how);
    if (!q || strcmp(printed(p), printed(q))) give_up(w, again, "its text does not read back");
    Program *whole = random_program(cx, check->rules, bytes, n).p;
    if (!passes_run(whole, &(PassOptions){0}) || !passes_run(q, &(PassOptions){0}))
        give_up(w, again, "the passes fail");
    if (strcmp(printed(whole), printed(q))) give_up(w, again, "what is read back gets another plan");
    cx_free(again);
    cx_free(cx);
}

static int level_number(const char *march)
{
    int n, i = 0;
    const char *const *names = codegen_levels(&n);
    while (i < n - 1 && strcmp(names[i], march)) i++;
    return i;
}

/* Fixed parameters must give the predictions of free ones, bit for bit. */
static void check_freezing(const Check *check, const Oracle *o, const Compiled *c, const Config *config,
                           const Choices *from)
{
    Cx *cx = cx_new();
    Where w = {.config = str_format(cx->arena, "%s, frozen", config->name)};
    if (nnrt_init(c->session, 42)) fatal("%s", nnrt_error(c->session));
    Compiled frozen = compile(cx, check, &w, config, from, nnrt_params(c->session));
    check_frozen(o, &w, c, &frozen);
    compiled_free(&frozen);
    cx_free(cx);
}

void random_check(const Check *check, const uint8_t *bytes, size_t n)
{
    Where w = {.config = "the text"};
    Oracle o = make_oracle(check, &w, bytes, n);
    unsigned turn = n > 1 ? bytes[1] : 0;
    const Choices from = {bytes, n, 0};
    check_text(check, &w, turn % 2 ? NULL : "outline", bytes, n);
    for (int i = 0; i < CONFIGS; i++) {
        Cx *cx = cx_new();
        Config config = config_at(cx->arena, i, turn);
        w.config = config.name;
        o.fma = strcmp(config.march, "x86-64") != 0;
        Compiled c = compile(cx, check, &w, &config, &from, NULL);
        check_calls(&o, &w, &c);
        if (i == 0 && turn % 2) check_freezing(check, &o, &c, &config, &from);
        compiled_free(&c);
        cx_free(cx);
        check->counts->levels[level_number(config.march)]++;
    }
    check->counts->graphs[o.policy]++;
    cx_free(o.cx);
}

void random_check_bytes(const uint8_t *bytes, size_t n)
{
    static Arena *arena; /* and rules: the same at every call */
    static const Rules *rules;
    static Counts counts;
    if (!rules) rules = rules_new(arena = arena_new());
    Check check = {rules, &counts};
    random_check(&check, bytes, n);
}
