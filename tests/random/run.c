/* run.c: random graphs through the whole compiler, against the interpreter.

   usage: random_graphs [-j JOBS] COUNT [SEED]
          random_graphs print SEED       the graph as it was built, and as it is planned
          random_graphs bytes HEX        checks and prints the graph of these choices

   A graph that fails is shrunk and printed. At the end stands how often each legal pair of operators occurred and each
   pass fired, among other things: what was too rare fails the run, since such a run has proved too little. */
#include "random_graphs.h"
#include "codegen/codegen.h"
#include "passes/passes.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 16 };

/* A process that checks every jobs-th seed. Its counts lie in memory that outlives it. */
typedef struct Worker {
    pid_t pid;
    unsigned seed, done; /* what it is at */
    Counts counts;
} Worker;

typedef struct Run {
    const Rules *rules;
    unsigned count, seed;
    int jobs, alive;
    Worker *workers;
} Run;

/* ---- workers ---- */

static void note_fired(Counts *c)
{
    int n;
    const char *const *names = counter_names(&n);
    for (int i = 0; i < n && i < COUNTERS; i++) c->fired[i] = pass_fired(names[i]);
}

static void work(const Run *r, Worker *w, unsigned first)
{
    Check check = {r->rules, &w->counts};
    for (unsigned i = first; i < r->count; i += (unsigned)r->jobs) {
        uint8_t bytes[STREAM];
        w->seed = r->seed + i;
        choices_of_seed(r->rules, w->seed, bytes);
        random_check(&check, bytes, STREAM);
        note_fired(&w->counts);
        w->done++;
    }
}

static void start_workers(Run *r)
{
    size_t bytes = sizeof(Worker) * (size_t)r->jobs;
    r->workers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->workers == MAP_FAILED) fatal("no memory to share");
    for (int i = 0; i < r->jobs; i++) {
        Worker *w = &r->workers[i];
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0) fatal("no process could be started");
        if (pid == 0) {
            work(r, w, (unsigned)i);
            fflush(stdout);
            _exit(0);
        }
        w->pid = pid;
        r->alive++;
    }
}

static void show_progress(const Run *r)
{
    unsigned done = 0;
    if (!isatty(STDERR_FILENO)) return;
    for (int i = 0; i < r->jobs; i++) done += r->workers[i].done;
    fprintf(stderr, "\r%u of %u graphs%s", done, r->count, r->alive ? "" : "\n");
}

static void stop_workers(Run *r)
{
    for (int i = 0; i < r->jobs; i++)
        if (r->workers[i].pid && !kill(r->workers[i].pid, SIGKILL)) waitpid(r->workers[i].pid, NULL, 0);
}

/* Until all have ended well: NULL; else the one that has not. */
static Worker *wait_workers(Run *r)
{
    while (r->alive) {
        for (int i = 0; i < r->jobs; i++) {
            Worker *w = &r->workers[i];
            int status;
            if (!w->pid || waitpid(w->pid, &status, WNOHANG) != w->pid) continue;
            w->pid = 0;
            r->alive--;
            if (status) return w;
        }
        show_progress(r);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return NULL;
}

/* ---- graphs that fail ---- */

static int print_graph(const Rules *rules, const uint8_t *bytes, size_t n, bool planned)
{
    Cx *cx = cx_new();
    Program *p = random_program(cx, rules, bytes, n).p;
    Text text = {.arena = cx->arena};
    if (!p) {
        diags_print(cx->diags, stdout, false);
        return 1;
    }
    program_print(p, &text);
    if (planned && passes_run(p, &(PassOptions){0})) program_print(p, &text);
    fputs(text_done(&text), stdout);
    fflush(stdout);
    cx_free(cx);
    return 0;
}

static int run_alone(const Rules *rules, const uint8_t *bytes, size_t n)
{
    Counts counts = {0};
    Check check = {rules, &counts};
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        random_check(&check, bytes, n);
        fflush(stdout);
        _exit(0);
    }
    if (child > 0) waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGABRT) printf("it ends by signal %d\n", WTERMSIG(status));
    return status != 0;
}

static void explain_failure(const Run *r, unsigned seed)
{
    uint8_t bytes[STREAM];
    Counts counts = {0};
    Check check = {r->rules, &counts};
    choices_of_seed(r->rules, seed, bytes);
    printf("graph %u fails: `random_graphs print %u` prints it; shrunk, it is\n", seed, seed);
    size_t n = random_shrink(&check, bytes, STREAM);
    print_graph(r->rules, bytes, n, false);
    run_alone(r->rules, bytes, n);
    printf("random_graphs bytes ");
    for (size_t i = 0; i < n; i++) printf("%02x", bytes[i]);
    printf("\n");
}

static int check_bytes(const Rules *rules, const char *hex)
{
    uint8_t bytes[HEADER + MAX_RECORDS * RECORD];
    size_t n = 0;
    for (unsigned byte; n < sizeof bytes && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) bytes[n] = (uint8_t)byte;
    return print_graph(rules, bytes, n, false) || run_alone(rules, bytes, n);
}

/* ---- the report ---- */

static Counts add_counts(const Run *r)
{
    Counts sum = {0};
    long *to = (long *)&sum; /* nothing but longs */
    for (int i = 0; i < r->jobs; i++)
        for (size_t k = 0; k < sizeof sum / sizeof *to; k++) to[k] += ((const long *)&r->workers[i].counts)[k];
    return sum;
}

static int report_numbers(const Counts *c)
{
    static const uint32_t teams[] = {1, 2, 3, 8};
    int rare = 0, n;
    long all = c->exact + c->bounded + c->useless;
    printf("graphs: %ld exact, %ld real\n", c->graphs[0], c->graphs[1]);
    printf(
        "numbers compared: %ld; %ld to the bit, %ld to a useful bound, %ld to a wide or infinite one or as no number\n",
        all, c->exact, c->bounded, c->useless);
    printf("rows alone: %ld\nruns by workers:", c->rows);
    for (size_t i = 0; i < COUNT(teams); i++) {
        printf(" %u: %ld", teams[i], c->teams[teams[i]]);
        rare += c->teams[teams[i]] == 0;
    }
    printf("\ncompiled for:");
    const char *const *levels = codegen_levels(&n);
    for (int i = 0; i < n; i++) {
        bool here = codegen_level_runs_here(levels[i]);
        printf(" %s %ld%s", levels[i], c->levels[i], here ? "" : " (does not run here)");
        rare += here && c->levels[i] == 0;
    }
    printf("\n");
    if (c->useless * 50 > all) printf("too many bounds say nothing\n");
    return rare + (c->useless * 50 > all);
}

/* Each pass, and each of the common rewrites, a hundred times in three hundred graphs; the stable ones at all. */
static int report_passes(const Run *r, const Counts *c)
{
    int rare = 0, n;
    const char *const *names = counter_names(&n);
    printf("passes fired:");
    for (int i = 0; i < n; i++) {
        long least = str_starts(names[i], "stable.") ? r->count / 30 : r->count / 3;
        printf(" %s %ld%s", names[i], c->fired[i], c->fired[i] < least ? " (too rare)" : "");
        rare += c->fired[i] < least;
    }
    printf("\noperators:");
    for (int i = 0; i < OP_COUNT; i++) {
        printf(" %s %ld", op_info((OpCode)i)->name, c->operators[i]);
        rare += c->operators[i] == 0;
    }
    printf("\n");
    return rare;
}

static int report_pairs(const Run *r, const Counts *c)
{
    int legal = 0, missing = 0;
    long most = 0;
    for (int i = 0; i < OP_COUNT; i++)
        for (int k = 0; k < OP_COUNT; k++) {
            if (!r->rules->legal[i][k]) continue;
            legal++;
            missing += c->pairs[i][k] == 0;
            if (c->pairs[i][k] > most) most = c->pairs[i][k];
        }
    printf("pairs of an operator and its reader: %d legal, %d occurred, the commonest %ld times\n", legal,
           legal - missing, most);
    return missing;
}

static void list_pairs(const Run *r, const Counts *c)
{
    for (int i = 0; i < OP_COUNT; i++) {
        printf("%s:", op_info((OpCode)i)->name);
        for (int k = 0; k < OP_COUNT; k++)
            if (r->rules->legal[i][k]) printf(" %s %ld", op_info((OpCode)k)->name, c->pairs[i][k]);
        printf("\n");
    }
}

/* What a run must have seen grows with its length: all pairs after a walk through them, of a few graphs nothing. */
static int report(const Run *r)
{
    Counts c = add_counts(r);
    list_pairs(r, &c);
    int rare = report_numbers(&c) + report_passes(r, &c), missing = report_pairs(r, &c);
    if (r->count < 100) return 0;
    if (rare) printf("%d of these are too rare\n", rare);
    return rare != 0 || (missing && r->count >= 300);
}

/* ---- the command line ---- */

static int run_all(Run *r)
{
    if (r->jobs > (int)r->count) r->jobs = (int)r->count;
    start_workers(r);
    Worker *failed = wait_workers(r);
    if (!failed) {
        show_progress(r);
        return report(r);
    }
    stop_workers(r);
    explain_failure(r, failed->seed);
    return 1;
}

int main(int argc, char **argv)
{
    Arena *arena = arena_new();
    Run r = {.rules = rules_new(arena), .seed = 1, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (argc > 2 && !strcmp(argv[1], "bytes")) return check_bytes(r.rules, argv[2]);
    if (argc > 2 && !strcmp(argv[1], "print")) {
        uint8_t bytes[STREAM];
        choices_of_seed(r.rules, (unsigned)atoi(argv[2]), bytes);
        return print_graph(r.rules, bytes, STREAM, true);
    }
    for (int o; (o = getopt(argc, argv, "j:")) != -1;)
        if (o == 'j')
            r.jobs = atoi(optarg);
        else
            return 64;
    r.jobs = r.jobs < 1 ? 1 : r.jobs > MOST_JOBS ? MOST_JOBS : r.jobs;
    r.count = optind < argc ? (unsigned)atoi(argv[optind]) : 300;
    if (optind + 1 < argc) r.seed = (unsigned)atoi(argv[optind + 1]);
    if (r.count == 0) fatal("how many graphs?");
    int status = run_all(&r);
    arena_free(arena);
    return status;
}
