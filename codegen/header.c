/* The C header of a model: self-contained, C99 and C++, with what a caller needs to know of every function in words. */
#include "codegen/cg.h"
#include <string.h>

typedef struct Header {
    Program *program;
    Arena *arena;
    Text text;
    const char *upper;  /* the prefix of macros */
    Entries entries;
} Header;

/* ---- words ---- */
/* As part of a comment: on one line, and not its end. */
static const char *plain(Arena *a, const char *s)
{
    Text t = {.arena = a};
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 127) text_add(&t, "\\x%02x", (unsigned char)*s);
        else text_add(&t, "%c%s", *s, (*s == '*' && s[1] == '/') || (*s == '/' && s[1] == '*') ? " " : "");
    }
    return text_done(&t);
}

static const char *file_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

static const char *where(Header *h, Span s)
{
    if (!s.source) return "";
    return str_format(h->arena, " (%s:%d)", plain(h->arena, file_name(s.source->name)), source_line(s.source, s.lo));
}

static const char *c_type(DType t)
{
    static const char *const names[DT_COUNT] = {
        [DT_BOOL] = "uint8_t", [DT_U8] = "uint8_t", [DT_I8] = "int8_t", [DT_I32] = "int32_t",
        [DT_I64] = "int64_t", [DT_F32] = "float", [DT_F64] = "double",
    };
    return names[t];
}

/* ---- what all models share: once, whichever header comes first ---- */
static const struct { const char *name; int value; const char *what; } statuses[] = {
    {"NNRT_OK", 0, ""},
    {"NNRT_ERR_NULL", 1, "something that must be given is NULL"},
    {"NNRT_ERR_SIZE", 2, "a size lies outside its bounds"},
    {"NNRT_ERR_INDEX", 3, "an index value lies outside its range"},
    {"NNRT_ERR_NONFINITE", 4, "a loss or gradient is infinite or not a number"},
    {"NNRT_ERR_ARGUMENT", 5, ""},
    {"NNRT_ERR_CPU", 6, "the machine lacks what the code needs"},
    {"NNRT_ERR_ABI", 7, "built for another version of this interface"},
    {"NNRT_ERR_FILE", 8, ""},
    {"NNRT_ERR_SHAPE", 9, "another dtype, rank, shape or byte size"},
    {"NNRT_ERR_MEMORY", 10, ""},
    {"NNRT_ERR_STATE", 11, "a call out of its order"},
};

typedef struct AbiRow { const char *owner, *type, *name; } AbiRow; /* a struct's start has no type, its end no name */
static const AbiRow abi[] = {
#define STRUCT(name) {#name, NULL, #name},
#define FIELD(kind, ctype, name) {NULL, #ctype, #name},
#define END(name) {#name, NULL, NULL},
#include "runtime/abi.def"
};

static void add_fields(Header *h, const char *owner)
{
    size_t i = 0;
    while (!(abi[i].owner && abi[i].name && str_equal(abi[i].owner, owner))) i++;
    for (i++; !abi[i].owner; i++) text_add(&h->text, "    %s %s;\n", abi[i].type, abi[i].name);
}

static void add_shared(Header *h)
{
    Text *t = &h->text;
    text_add(t, "#ifndef NNRT_TYPES\n#define NNRT_TYPES\nenum nnrt_status {\n");
    for (size_t i = 0; i < COUNT(statuses); i++)
        text_add(t, "    %s = %d%s%s%s%s\n", statuses[i].name, statuses[i].value, i + 1 < COUNT(statuses) ? "," : "",
                 *statuses[i].what ? " /* " : "", statuses[i].what, *statuses[i].what ? " */" : "");
    text_add(t, "};\nenum { NNRT_ADD = 1 }; /* flag of nnrt_step: gradients are added to those there */\n"
                "typedef struct nnrt_step nnrt_step;\ntypedef struct nnrt_model nnrt_model;\n"
                "/* Where in its training a call stands. size: sizeof(nnrt_step); step and epoch count from 1;\n"
                "   first_sample: samples before this call's first one in its batch; weight: rows here / rows of the\n"
                "   whole batch. NULL instead means seed 0, step 1, epoch 1, first sample 0, weight 1. */\n"
                "struct nnrt_step {\n");
    add_fields(h, "nnrt_step");
    text_add(t, "};\n#endif\n\n");
}

/* ---- sizes, settings, totals ---- */
static const char *bounds_text(Header *h, const Symbol *s)
{
    if (s->high == INT64_MAX) return str_format(h->arena, "%lld or more", (long long)s->low);
    return str_format(h->arena, "%lld to %lld", (long long)s->low, (long long)s->high);
}

static void add_labels(Header *h, const Symbol *s)
{
    if (s->nlabels > 0) text_add(&h->text, " /*");
    for (int i = 0; i < s->nlabels; i++)
        text_add(&h->text, " \"%s\"%s", plain(h->arena, s->labels[i]), i + 1 < s->nlabels ? "," : " */");
}

static bool takes_work(const Entry *e)
{
    bool takes = false;
    for (int i = 0; i < e->args.n; i++) takes |= e->args.at[i].kind == ARG_WORK;
    return takes;
}

static void add_sizes(Header *h)
{
    Program *p = h->program;
    Text *t = &h->text;
    text_add(t, "/* Bytes of the areas that the host holds, each aligned to 64; a workspace is here where no call's sizes\n"
                "   decide it. */\n");
    if (!p->frozen) text_add(t, "#define %s_PARAMS_BYTES %lld\n", h->upper, (long long)p->params_bytes);
    if (p->trains.n > 0)
        text_add(t, "#define %s_GRADS_BYTES %lld\n#define %s_OPT_BYTES %lld\n", h->upper, (long long)p->params_bytes,
                 h->upper, (long long)p->opt_bytes);
    for (int i = 0; i < h->entries.n; i++) {
        const Entry *e = &h->entries.at[i];
        if (e->work >= 0 && takes_work(e))
            text_add(t, "#define %s_%s_WORK_BYTES %lld\n", h->upper, name_upper(h->arena, e->verb), (long long)e->work);
    }
    for (int i = 0; i < p->symbols.n; i++) {
        const Symbol *s = p->symbols.at[i];
        if (!s->fixed || s->abstract) continue;
        text_add(t, "#define %s_DIM_%s %lld", h->upper, s->name, (long long)s->fixed);
        add_labels(h, s);
        text_add(t, "\n");
    }
    text_add(t, "\n");
}

static void add_tensors(Header *h)
{
    static const char *const areas[] = {[ROLE_PARAM] = "params", [ROLE_STATE] = "params", [ROLE_OPT] = "opt"};
    Program *p = h->program;
    if (p->tensors.n == 0 || p->frozen) return;
    text_add(&h->text, "/* Where each tensor begins in its area, dense and row-major; a gradient stands in grads\n"
                       "   where its parameter stands in params:\n");
    for (int i = 0; i < p->tensors.n; i++) {
        const Tensor *x = &p->tensors.at[i];
        text_add(&h->text, "   %-6s %8lld  %s: %s%s\n", areas[x->role], (long long)x->offset, plain(h->arena, x->path),
                 plain(h->arena, type_text(h->arena, x->type)), x->role == ROLE_STATE ? ", a layer's state" : "");
    }
    text_add(&h->text, "*/\n\n");
}

/* As a constant expression. */
static const char *c_number(Arena *a, double v)
{
    if (v != v) return "0.0 / 0.0";
    if (v - v != 0) return v > 0 ? "1e999" : "-1e999";
    return text_number(a, v, false);
}

static void add_settings(Header *h)
{
    Program *p = h->program;
    Text *t = &h->text;
    if (p->trains.n == 0) return;
    text_add(t, "/* What training can be told at run time; NULL means the values of %s_HPARAMS_INIT. */\n", h->upper);
    text_add(t, "typedef struct %s_hparams {\n    uint32_t size; /* sizeof(%s_hparams) */\n    uint32_t spare;\n",
             p->name, p->name);
    for (int i = 0; i < p->hypers.n; i++) {
        const char *place = where(h, p->hypers.at[i].span);
        text_add(t, "    double %s;%s%s%s\n", p->hypers.at[i].name, *place ? " /*" : "", place, *place ? " */" : "");
    }
    text_add(t, "} %s_hparams;\n#define %s_HPARAMS_INIT { sizeof(%s_hparams), 0", p->name, h->upper, p->name);
    for (int i = 0; i < p->hypers.n; i++) text_add(t, ", %s", c_number(h->arena, p->hypers.at[i].value));
    text_add(t, " }\n\n");
}

/* The prefix of a train block's macros. */
static const char *train_upper(Header *h, const TrainInfo *t)
{
    if (str_equal(t->name, h->program->name)) return h->upper;
    return str_format(h->arena, "%s_%s", h->upper, name_upper(h->arena, t->name));
}

static void add_totals(Header *h, const TrainInfo *t)
{
    const char *up = train_upper(h, t);
    text_add(&h->text, "/* What eval, grad and step of `%s` add to `totals`, which the host zeroes:\n"
                       "   [0] rows", t->name);
    if (t->has_loss) text_add(&h->text, "\n   [1] loss x rows");
    int next = 2;
    for (int i = 0; i < t->metrics.n; i++) {
        const Metric *m = &t->metrics.at[i];
        const char *name = plain(h->arena, m->name);
        if (m->pair) text_add(&h->text, "\n   [%d] / [%d] %s", m->total, m->total + 1, name);
        else text_add(&h->text, "\n   [%d] %s x rows", m->total, name);
        next = m->total + 1 + m->pair;
    }
    for (; next < t->ntotals; next++) text_add(&h->text, "\n   [%d] 1 once training is to stop", next);
    text_add(&h->text, " */\n#define %s_TOTALS %d\n\n", up, t->ntotals);
}

/* ---- functions ---- */
typedef struct Param { const char *type, *name, *wished; } Param; /* wished: its name in the text, NULL where it has none */
typedef VEC(Param) Params;

/* A name for a parameter: of the wished one, with as many `_` as make it good C and unlike those before it. */
static const char *param_name(Header *h, const Params *before, const char *wished)
{
    static const char *const own[] = {"params", "opt", "grads", "step", "hparams", "totals", "ws"};
    const char *name = wished;
    for (bool free = false; !free;) {
        free = !name_is_keyword(name);
        for (size_t i = 0; i < COUNT(own); i++) free &= !str_equal(own[i], name);
        for (int i = 0; i < before->n; i++) free &= !str_equal(before->at[i].name, name);
        if (!free) name = str_format(h->arena, "%s_", name);
    }
    return name;
}

static Param param_named(Header *h, const char *type, const char *wished, const Params *before)
{
    return (Param){type, param_name(h, before, wished), wished};
}

static const Result *output_result(const Entry *e, int index)
{
    for (int i = 0; i < e->graph->results.n; i++) {
        const Result *r = &e->graph->results.at[i];
        if (r->kind == RESULT_OUTPUT && r->index == index) return r;
    }
    UNREACHABLE("an output without a result");
}

static Param param_of(Header *h, const Entry *e, Arg arg, const Params *before)
{
    Program *p = h->program;
    switch (arg.kind) {
    case ARG_PARAMS: return (Param){"void *", "params", NULL};
    case ARG_PARAMS_IN: return (Param){"const void *", "params", NULL};
    case ARG_OPT: return (Param){"void *", "opt", NULL};
    case ARG_GRADS: return (Param){"void *", "grads", NULL};
    case ARG_GRADS_IN: return (Param){"const void *", "grads", NULL};
    case ARG_STEP: return (Param){"const nnrt_step *", "step", NULL};
    case ARG_HPARAMS: return (Param){str_format(h->arena, "const %s_hparams *", p->name), "hparams", NULL};
    case ARG_TOTALS: return (Param){"double *", "totals", NULL};
    case ARG_WORK: return (Param){"void *", "ws", NULL};
    case ARG_SIZE: return param_named(h, "int64_t ", p->symbols.at[arg.index]->name, before);
    case ARG_INPUT: {
        const GraphInput *in = &e->graph->inputs.at[arg.index];
        const char *type = str_format(h->arena, "const %s *", c_type(in->value->type.dtype));
        return param_named(h, type, in->name, before);
    }
    case ARG_OUTPUT: {
        const Result *r = output_result(e, arg.index);
        const char *name = r->name ? r->name : arg.index ? str_format(h->arena, "out%d", arg.index) : "out";
        return param_named(h, str_format(h->arena, "%s *", c_type(r->type.dtype)), name, before);
    }
    }
    UNREACHABLE("an argument of no kind");
}

/* As the function calls it and, where C has taken that name, as the text does, which types and facts go on doing. */
static void add_note_name(Header *h, Param param)
{
    bool same = str_equal(param.name, param.wished);
    text_add(&h->text, same ? "   %s: " : "   %s, in the text %s: ", param.name, plain(h->arena, param.wished));
}

/* "   image: u8[N, y = 28, x = 28] (digits.nn:8)" */
static void add_param_note(Header *h, const Entry *e, Arg arg, Param param)
{
    const Type *type = NULL;
    Span at = NO_SPAN;
    if (arg.kind == ARG_INPUT) {
        type = &e->graph->inputs.at[arg.index].value->type;
        at = e->graph->inputs.at[arg.index].span;
    } else if (arg.kind == ARG_OUTPUT) {
        type = &output_result(e, arg.index)->type;
    } else if (arg.kind == ARG_SIZE) {
        add_note_name(h, param);
        text_add(&h->text, "%s\n", bounds_text(h, h->program->symbols.at[arg.index]));
    }
    if (!type) return;
    add_note_name(h, param);
    text_add(&h->text, "%s%s", plain(h->arena, type_text(h->arena, *type)), where(h, at));
    if (type->range)
        text_add(&h->text, "; values from 0 to below %s", plain(h->arena, dim_text(h->arena, type->range)));
    if (type->dtype == DT_BOOL) text_add(&h->text, "; bytes of 0 or 1");
    text_add(&h->text, "\n");
}

/* What a function does, and what it gives besides NNRT_OK. */
static const struct { const char *does, *gives; } kinds[] = {
    [ENTRY_PREDICT] = {"predicts", ""},
    [ENTRY_EVAL] = {"adds loss and metrics to totals", ""},
    [ENTRY_GRAD] = {"sets grads (adds to them with NNRT_ADD) and adds to totals", ",\n   NNRT_ERR_NONFINITE"},
    [ENTRY_UPDATE] = {"changes params and opt by grads", ",\n   NNRT_ERR_NONFINITE (nothing has changed then)"},
    [ENTRY_STEP] = {"makes one step of training: changes params and opt, adds to totals",
                    ",\n   NNRT_ERR_NONFINITE (params and opt have not changed then)"},
};

static bool takes_index(const Entry *e)
{
    for (int i = 0; i < e->graph->inputs.n; i++)
        if (e->graph->inputs.at[i].value->type.range) return true;
    return false;
}

/* Wraps a parameter list at 110 columns. */
static void add_prototype(Header *h, const char *result, const char *function, const Params *params)
{
    Text *t = &h->text;
    size_t start = t->n;
    text_add(t, "%s %s(", result, function);
    int indent = (int)(t->n - start);
    for (int i = 0; i < params->n; i++) {
        const Param *p = &params->at[i];
        if (i > 0) text_add(t, ",");
        if (t->n - start + strlen(p->type) + strlen(p->name) > 108) {
            text_add(t, "\n");
            start = t->n;
            text_add(t, "%*s", indent, "");
        } else if (i > 0) {
            text_add(t, " ");
        }
        text_add(t, "%s%s", p->type, p->name);
    }
    text_add(t, ");\n\n");
}

static void add_entry(Header *h, const Entry *e)
{
    Params params = {0};
    for (int i = 0; i < e->args.n; i++) vec_push(h->arena, &params, param_of(h, e, e->args.at[i], &params));
    text_add(&h->text, "/* %s `%s` %s.\n", e->train >= 0 ? "Train block" : "Model", e->name, kinds[e->kind].does);
    for (int i = 0; i < e->args.n; i++) add_param_note(h, e, e->args.at[i], params.at[i]);
    for (int i = 0; i < e->facts.n; i++)
        text_add(&h->text, "   %s, or: %s\n", plain(h->arena, condition_text(h->arena, e->facts.at[i].condition)),
                 plain(h->arena, fact_text(h->arena, &e->facts.at[i])));
    if (e->kind == ENTRY_PREDICT && e->draws)
        text_add(&h->text, "   step: its seed settles the random numbers; NULL: 0\n");
    text_add(&h->text, "   NNRT_OK, NNRT_ERR_NULL%s%s, NNRT_ERR_ARGUMENT (a place's alignment%s)%s. */\n",
             e->nsymbols > 0 ? ", NNRT_ERR_SIZE" : "", takes_index(e) ? ", NNRT_ERR_INDEX" : "",
             e->kind != ENTRY_PREDICT || e->draws ? ", a struct's size" : "", kinds[e->kind].gives);
    add_prototype(h, "int32_t", e->function, &params);
}

static void add_bytes_function(Header *h)
{
    Text *t = &h->text;
    int n;
    const int *symbols = program_symbols(h->program, &n);
    text_add(t, "/* Bytes of an area, or of the workspace (ws) of a call of these sizes; 0: a size is out of\n"
                "   bounds, or breaks what an entry demands of it. */\n"
                "enum { %s_PARAMS = 0, %s_GRADS = 1, %s_OPT = 2", h->upper, h->upper, h->upper);
    for (int i = 0; i < h->entries.n; i++)
        text_add(t, ",\n       %s_WORK_%s = %d", h->upper, name_upper(h->arena, h->entries.at[i].verb), 3 + i);
    if (!init_fits_stack(h->program)) text_add(t, ",\n       %s_WORK_INIT = %d", h->upper, 3 + h->entries.n);
    Params params = {0};
    vec_push(h->arena, &params, ((Param){"int32_t ", "what", NULL}));
    for (int i = 0; i < n; i++)
        vec_push(h->arena, &params, param_named(h, "int64_t ", h->program->symbols.at[symbols[i]]->name, &params));
    text_add(t, " };\n");
    add_prototype(h, "int64_t", str_format(h->arena, "%s_bytes", h->program->name), &params);
}

/* First values come from a seed, or from a file; a text says which. */
static const char *first_values_text(const Program *p)
{
    int given = 0, all = 0;
    for (int i = 0; i < p->tensors.n; i++) {
        all += p->tensors.at[i].role != ROLE_OPT;
        given += p->tensors.at[i].given.file != NULL;
    }
    if (!given) return "First values of params and opt, settled by the seed";
    return given == all ? "First values: of params those that were compiled in, of opt settled by the seed"
                        : "First values of params and opt, settled by the seed where none were compiled in";
}

static void add_state_functions(Header *h)
{
    const char *s = h->program->name;
    bool needs_work = !init_fits_stack(h->program);
    text_add(&h->text, "/* %s; opt%s may be NULL%s.\n"
                       "   NNRT_OK, NNRT_ERR_NULL, NNRT_ERR_ARGUMENT (a place's alignment); so below. */\n"
                       "int32_t %s_init(void *params, void *opt, uint64_t seed, void *ws);\n\n"
                       "/* First values of opt alone, for params as they are: after the host wrote weights of its own. */\n"
                       "int32_t %s_start(const void *params, void *opt, uint64_t seed, void *ws);\n\n"
                       "/* To be called after the host wrote to params. */\n"
                       "int32_t %s_prepare(void *params);\n\n", first_values_text(h->program),
             needs_work ? "" : " and ws", needs_work ? ", ws is that of WORK_INIT, of start too" : "", s, s, s);
}

const char *codegen_header(Program *p)
{
    Header h = {.program = p, .arena = p->arena, .text = {.arena = p->arena}};
    Text *t = &h.text;
    h.upper = name_upper(p->arena, p->name);
    h.entries = entries_list(p);
    if (!names_check(p, h.entries)) return NULL;
    text_add(t, "/* %s.h: the compiled model of %s. Made by nnc; C99, and C++ as it is.\n"
                "   The functions keep nothing, allocate nothing and start nothing: every buffer is the host's, and\n"
                "   calls that write to different buffers may run at the same time. Each returns a status. */\n"
                "#ifndef NNRT_MODEL_%s_H\n#define NNRT_MODEL_%s_H\n#include <stddef.h>\n#include <stdint.h>\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
             p->name, p->file ? plain(p->arena, file_name(p->file)) : "a model", h.upper, h.upper);
    add_shared(&h);
    add_sizes(&h);
    add_tensors(&h);
    add_settings(&h);
    for (int i = 0; i < p->trains.n; i++) add_totals(&h, &p->trains.at[i]);
    add_bytes_function(&h);
    if (!p->frozen) add_state_functions(&h);
    for (int i = 0; i < h.entries.n; i++) add_entry(&h, &h.entries.at[i]);
    text_add(t, "/* The model's description: all that libnnrt needs. */\nconst nnrt_model *%s_model(void);\n\n"
                "#ifdef __cplusplus\n}\n#endif\n#endif\n", p->name);
    return text_done(t);
}
