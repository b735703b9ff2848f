/* build.c: from a file name to graphs, to an object, to a model that runs in this process. */
#include "driver/driver.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int model_finish(const Args *a, int status)
{
    diags_print(a->cx->diags, stderr, args_colour(a, stderr));
    return status;
}

static bool parse_defines(Args *a, Define **out)
{
    int n = a->values[OPT_DEFINE].n;
    *out = NEW_ARRAY(a->cx->arena, Define, n + 1);
    for (int i = 0; i < n; i++) {
        const char *text = a->values[OPT_DEFINE].at[i], *equals = strchr(text, '=');
        if (!equals || equals == text) {
            usage_error("-D wants NAME=VALUE, as in -D H=32, not `%s`", text);
            return false;
        }
        (*out)[i] = (Define){str_copy_n(a->cx->arena, text, (size_t)(equals - text)), equals + 1};
        for (int k = 0; k < i; k++) {
            if (!str_equal((*out)[k].name, (*out)[i].name) || str_equal((*out)[k].value, equals + 1)) continue;
            usage_error("-D %s and -D %s contradict each other: which of them is meant?", a->values[OPT_DEFINE].at[k],
                        text);
            return false;
        }
    }
    return true;
}

/* A std that is not there would leave the compiler's own, in silence. */
static bool check_std(const Args *a)
{
    struct stat info;
    const char *folder = args_text(a, OPT_STD);
    if (!folder || (!stat(folder, &info) && S_ISDIR(info.st_mode))) return true;
    usage_error("--std wants a folder, and `%s` is none", folder);
    return false;
}

Program *build_graphs(Args *a, int *out_status)
{
    const char *path = a->operands.at[0];
    FrontendOptions o = {
        .name = args_text(a, OPT_NAME), .std_dir = args_text(a, OPT_STD), .weights = args_text(a, OPT_WEIGHTS),
        .real = args_has(a, OPT_REAL) ? dtype_named(args_text(a, OPT_REAL)) : DT_F32, .ndefines = a->values[OPT_DEFINE].n};
    Define *defines;
    *out_status = EXIT_USAGE;
    if (!parse_defines(a, &defines) || !check_std(a)) return NULL;
    o.defines = defines;
    errno = 0;
    Program *p = frontend_load(a->cx, path, &o);
    if (p && !a->cx->diags->errors) return (*out_status = weights_read(a, p)) ? NULL : p;
    if (!a->cx->diags->errors) {
        *out_status = EXIT_NO_INPUT;
        usage_error("`%s` cannot be read: %s", path, errno ? strerror(errno) : "unknown reason");
        return NULL;
    }
    *out_status = model_finish(a, EXIT_MODEL);
    return NULL;
}

static bool pass_named(const Args *a, const char *name, bool must_be_optional)
{
    int n;
    const PassInfo *list = passes_list(&n);
    const char **names = NEW_ARRAY(a->cx->arena, const char *, n + 1); /* and `all` */
    for (int i = 0; i < n; i++) {
        names[i] = list[i].name;
        if (strcmp(list[i].name, name)) continue;
        if (!must_be_optional || list[i].optional) return true;
        usage_error("the pass `%s` cannot be left out", name);
        return false;
    }
    names[n] = "all";
    const char *near = str_nearest(name, names, must_be_optional ? n : n + 1);
    if (near) usage_error("there is no pass `%s`; did you mean `%s`?", name, near);
    else usage_error("there is no pass `%s`; the first is `%s`, the last is `%s`, and --time-passes lists all", name,
                     names[0], names[n - 1]);
    return false;
}

static bool check_pass_names(const Args *a)
{
    const char *dump = args_text(a, OPT_DUMP_AFTER);
    if (dump && strcmp(dump, "all") && !pass_named(a, dump, false)) return false;
    for (int i = 0; i < a->values[OPT_DISABLE_PASS].n; i++)
        if (!pass_named(a, a->values[OPT_DISABLE_PASS].at[i], true)) return false;
    return true;
}

/* What is left where a model is not trained any more. */
static int leave_out(const Args *a, Program *p)
{
    bool freeze = args_has(a, OPT_FREEZE);
    if (!freeze && !args_has(a, OPT_INFER_ONLY)) return EXIT_GOOD;
    if (!p->models.n) return failure("`%s` has train blocks alone: without training nothing is left", p->file);
    for (int i = 0; freeze && i < p->tensors.n; i++)
        if (p->tensors.at[i].role != ROLE_OPT && !p->tensors.at[i].given.values)
            return usage_error("--freeze makes constants of trained parameters: give them by -w FILE.safetensors");
    if (freeze) program_freeze(p);
    else program_drop_training(p);
    return EXIT_GOOD;
}

CodegenOptions codegen_options(const Args *a)
{
    int64_t level = 2;
    const char *march = args_text(a, OPT_MARCH);
    args_count(a, OPT_LEVEL, 0, &level);
    return (CodegenOptions){.march = march ? march : args_text(a, OPT_MCPU), .level = (int)level,
                            .debug = args_has(a, OPT_DEBUG), .target = args_text(a, OPT_TRIPLE),
                            .portable = args_has(a, OPT_PORTABLE)};
}

enum { MOST_WORKERS = 1024 };

/* A machine that is named must be one, even where no code is made for it. */
static int check_machine(const Args *a)
{
    CodegenOptions o = codegen_options(a);
    if ((!o.march && !o.target) || codegen_has_target(a->cx, &o)) return EXIT_GOOD;
    return model_finish(a, EXIT_MODEL);
}

Program *build_planned(Args *a, int *out_status)
{
    *out_status = EXIT_USAGE;
    if (!check_pass_names(a)) return NULL;
    if ((*out_status = check_machine(a))) return NULL;
    Program *p = build_graphs(a, out_status);
    if (!p || (*out_status = leave_out(a, p))) return NULL;
    *out_status = EXIT_MODEL;
    if (a->dump && !dump_prepare(a, p)) return NULL;
    PassOptions o = {.disabled = a->values[OPT_DISABLE_PASS].at,
                     .ndisabled = a->values[OPT_DISABLE_PASS].n,
                     .dump_after = args_text(a, OPT_DUMP_AFTER),
                     .dump_to = stdout,
                     .time_to = args_has(a, OPT_TIME_PASSES) ? stderr : NULL};
    if (passes_run(p, &o)) return p;
    *out_status = model_finish(a, EXIT_MODEL);
    return NULL;
}

static int open_session(Args *a, Running *r)
{
    nnrt_options o;
    nnrt_options_init(&o);
    int64_t workers = 0;
    if (!args_count(a, OPT_WORKERS, 1, &workers)) return EXIT_USAGE;
    if (workers > MOST_WORKERS)
        return usage_error("--workers wants 1 to %d, not `%s`", MOST_WORKERS, args_text(a, OPT_WORKERS));
    o.workers = (uint32_t)workers;
    if (!nnrt_session_new(r->model, &o, &r->session)) return 0;
    failure("%s", r->session ? nnrt_error(r->session) : "out of memory");
    return EXIT_MODEL;
}

int build_running(Args *a, Running *out)
{
    int status;
    *out = (Running){0};
    const char *march = args_text(a, OPT_MARCH);
    if ((status = check_machine(a))) return status;
    if (march && strcmp(march, "native") && !codegen_level_runs_here(march))
        return usage_error("this machine cannot run %s code; its best level is %s", march, codegen_native_level());
    Program *p = build_planned(a, &status);
    Bytes object;
    if (!p) return status;
    out->program = p;
    CodegenOptions o = codegen_options(a);
    if (!codegen_emit(p, &o, EMIT_OBJECT, &object) || !(out->jit = jit_open(p, object)))
        return model_finish(a, EXIT_MODEL);
    const nnrt_model *(*model)(void) = NULL;
    void *symbol = jit_symbol(out->jit, str_format(a->cx->arena, "%s_model", p->name));
    if (!symbol) UNREACHABLE("the compiled model has no descriptor");
    memcpy(&model, &symbol, sizeof model); /* the one way to a function that C allows */
    out->model = model();
    status = open_session(a, out);
    if (status) return running_close(out), status;
    model_finish(a, 0);
    a->cx->diags->list.n = 0; /* warnings are told once */
    return 0;
}

/* What is settled when a model is compiled cannot be asked of one that is. */
static int refuse_settled(const Args *a)
{
    static const OptionId settled[] = {OPT_DEFINE, OPT_MARCH, OPT_LEVEL, OPT_REAL, OPT_STD, OPT_DISABLE_PASS};
    int n;
    for (size_t i = 0; i < COUNT(settled); i++)
        if (args_has(a, settled[i]))
            return usage_error("--%s is settled when a model is compiled, and `%s` is", option_list(&n)[settled[i]].text,
                               a->operands.at[0]);
    return 0;
}

static int open_library(Args *a, Running *out)
{
    const char *path = a->operands.at[0];
    int status = refuse_settled(a);
    *out = (Running){0};
    if (status) return status;
    if (access(path, R_OK)) return usage_error("`%s` cannot be read: %s", path, strerror(errno)), EXIT_NO_INPUT;
    if (nnrt_open(path, &out->library)) {
        const char *why = out->library ? nnrt_error(out->library) : "out of memory";
        Diag *d = diag_error(a->cx->diags, "E0904", NO_SPAN, "%s", why);
        if (strstr(why, "__asan_") || strstr(why, "__tsan_"))
            diag_help(d, "it was made with --sanitize, for programs that link that sanitizer: compile it without");
        status = model_finish(a, EXIT_MODEL);
    } else {
        out->model = nnrt_library_model(out->library);
        status = open_session(a, out);
    }
    if (status) running_close(out);
    return status;
}

int running_open(Args *a, Running *out)
{
    return str_ends(a->operands.at[0], ".so") ? open_library(a, out) : build_running(a, out);
}

int refuse_model(const Args *a, const char *file, const char *kind, const char *purpose, const char *const *names, int n)
{
    const char *name = args_text(a, OPT_MODEL);
    if (!name || !n) return failure("`%s` has no %s%s", file, kind, purpose);
    const char *near = str_nearest(name, names, n);
    if (near) return failure("`%s` has no %s `%s`; did you mean `%s`?", file, kind, name, near);
    Text all = {.arena = a->cx->arena};
    for (int i = 0; i < n; i++) text_add(&all, "%s`%s`", i ? ", " : "", names[i]);
    return failure("`%s` has no %s `%s`; it has %s", file, kind, name, text_done(&all));
}

int find_predict(const Args *a, const nnrt_model *m, int32_t *out_at)
{
    *out_at = nnrt_find_entry(m, args_text(a, OPT_MODEL), NNRT_PREDICT);
    if (*out_at >= 0) return 0;
    const char **names = NEW_ARRAY(a->cx->arena, const char *, m->nentries + 1);
    int n = 0;
    for (uint32_t i = 0; i < m->nentries; i++)
        if (m->entries[i].kind == NNRT_PREDICT) names[n++] = m->entries[i].name;
    return refuse_model(a, m->source, "model", "", names, n);
}

const nnrt_entry *train_entry(const Args *a, const Running *r, int kind, const char *purpose, const TrainInfo **out_info)
{
    const nnrt_model *m = r->model;
    const char *name = args_text(a, OPT_MODEL);
    int32_t at = nnrt_find_entry(m, name, kind);
    if (at < 0) {
        const char **names = NEW_ARRAY(a->cx->arena, const char *, m->ntrains + 1);
        for (uint32_t i = 0; i < m->ntrains; i++) names[i] = m->trains[i].name;
        refuse_model(a, m->source, "train block", purpose, names, (int)m->ntrains);
        return NULL;
    }
    const nnrt_entry *e = &m->entries[at];
    for (int i = 0; i < r->program->trains.n; i++)
        if (str_equal(r->program->trains.at[i].name, m->trains[e->train].name)) *out_info = &r->program->trains.at[i];
    return e;
}

int weights_wanted(const Args *a, const nnrt_model *m)
{
    if (args_text(a, OPT_WEIGHTS) || !m->params_bytes) return 0;
    return usage_error("no weights: give -w FILE.safetensors (nnc train leaves them in its run folder)");
}

int weights_load(Args *a, nnrt_session *s, const char *path)
{
    if (!nnrt_load(s, path)) return 0;
    weights_refused(a->cx, path, nnrt_error(s));
    return model_finish(a, EXIT_MODEL);
}

void running_close(Running *r)
{
    if (r->session) nnrt_session_free(r->session);
    if (r->jit) jit_close(r->jit);
    if (r->library) nnrt_close(r->library);
    *r = (Running){0};
}
