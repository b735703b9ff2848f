/* options.c: the one table of options: parsing, help, and what was meant by a mistyped word. */
#include "driver/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const OptionInfo options[] = {
#define OPTION(NAME, letter, text, value, commands, what) [OPT_##NAME] = {letter, text, value, commands, what},
#include "driver/options.def"
};

const char exit_status_text[] =
    "0 good; 1 the model, its data or its weights are wrong; 2 a check failed; 64 usage; 66 no input;\n"
    "70 a fault of the compiler itself; 73 the output cannot be written; 130 stopped by Ctrl-C,\n"
    "143 by SIGTERM, after saving.";

const OptionInfo *option_list(int *out_n)
{
    *out_n = OPT_COUNT;
    return options;
}

int usage_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("nnc: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_USAGE;
}

int failure(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("error: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_MODEL;
}

bool args_has(const Args *a, OptionId id) { return a->values[id].n > 0; }

const char *args_text(const Args *a, OptionId id)
{
    return a->values[id].n ? a->values[id].at[a->values[id].n - 1] : NULL;
}

bool args_count(const Args *a, OptionId id, int64_t low, int64_t *out_value)
{
    const char *text = args_text(a, id);
    if (!text) return true;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    const char *range = errno == ERANGE ? "to 9223372036854775807" : "up";
    if (end == text || *end || errno || v < low) {
        usage_error("--%s wants a whole number from %lld %s, not `%s`", options[id].text, (long long)low, range, text);
        return false;
    }
    *out_value = v;
    return true;
}

int refuse_overwriting(const char *to, const char *const *read, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(to, "-") && !path_is_endless(to) && path_same(to, read[i]))
            return usage_error("`%s` would be written over, and it is read: give the result another name", to);
    return 0;
}

bool args_colour(const Args *a, FILE *stream)
{
    const char *when = args_text(a, OPT_COLOR);
    if (when && !strcmp(when, "always")) return true;
    if (when && !strcmp(when, "never")) return false;
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && isatty(fileno(stream));
}

/* The option that the command calls so: a word may mean one thing to one command and another to another. */
static int option_named(const Command *command, const char *word, size_t n)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if ((options[i].commands & command->bit) && strlen(options[i].text) == n && !strncmp(options[i].text, word, n))
            return i;
    return -1;
}

static int option_lettered(const Command *command, char letter)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if ((options[i].commands & command->bit) && options[i].letter == letter) return i;
    return -1;
}

/* The option written `-x...`, `--word...` or, as gcc spells it, `-march=...`; *out_rest is its value where it is joined,
   else NULL. */
static int option_find(const Command *command, const char *arg, const char **out_rest)
{
    int dashes = 1 + (arg[1] == '-');
    size_t n = strcspn(arg + dashes, "=");
    int id = n > 1 || dashes == 2 ? option_named(command, arg + dashes, n) : -1;
    *out_rest = id >= 0 && arg[dashes + n] == '=' ? arg + dashes + n + 1 : NULL;
    if (id >= 0 || dashes == 2) return id;
    if (arg[1] && arg[2]) *out_rest = arg + 2 + (arg[2] == '=');
    return option_lettered(command, arg[1]);
}

/* The commands that have an option of that name, where this one has none. */
static const char *option_owners(const Args *a, const char *word)
{
    Text t = {.arena = a->cx->arena};
    int n;
    const Command *list = command_list(&n);
    for (int i = 0; i < n; i++)
        if (option_named(&list[i], word, strlen(word)) >= 0) text_add(&t, "%s`nnc %s`", t.n ? ", " : "", list[i].name);
    return t.n ? text_done(&t) : NULL;
}

static int option_unknown(const Args *a, const char *arg, const Command *command)
{
    const char *names[OPT_COUNT];
    int n = 0;
    for (int i = 0; i < OPT_COUNT; i++)
        if (options[i].commands & command->bit) names[n++] = options[i].text;
    size_t length = strcspn(arg, "=");
    const char *word = str_copy_n(a->cx->arena, arg, length), *bare = word + strspn(word, "-");
    const char *owners = option_owners(a, bare), *near = str_nearest(bare, names, n);
    if (owners) return usage_error("`nnc %s` has no option `%s`; it is one of %s", command->name, word, owners);
    if (near) return usage_error("`nnc %s` has no option `%s`; did you mean `--%s`?", command->name, word, near);
    if (arg[length] && (options[OPT_DEFINE].commands & command->bit))
        return usage_error("`nnc %s` has no option `%s`; a hyper of the text is set by `-D %s`", command->name, word,
                           arg + strspn(arg, "-"));
    return usage_error("`nnc %s` has no option `%s`; `nnc help %s` lists what it has", command->name, word,
                       command->name);
}

/* ---- values ---- */
static bool may_repeat(OptionId id)
{
    return id == OPT_DEFINE || id == OPT_EMIT || id == OPT_DATA || id == OPT_TEST || id == OPT_DISABLE_PASS;
}

/* Is it one of the words "a|b|c"? */
static int check_choice(const Args *a, const OptionInfo *o, const char *value)
{
    Text t = {.arena = a->cx->arena};
    for (const char *word = o->value; *word;) {
        size_t n = strcspn(word, "|");
        if (strlen(value) == n && !memcmp(word, value, n)) return 0;
        const char *before = !t.n ? "" : word[n] ? ", " : " or ";
        text_add(&t, "%s%.*s", before, (int)n, word);
        word += n + (word[n] == '|');
    }
    return usage_error("--%s is %s, not `%s`", o->text, text_done(&t), value);
}

static int check_value(const Args *a, OptionId id, const char *value)
{
    const OptionInfo *o = &options[id];
    const char *before = args_text(a, id);
    if (!*value) return usage_error("--%s needs a value: --%s %s", o->text, o->text, o->value);
    int status = strchr(o->value, '|') ? check_choice(a, o, value) : 0;
    if (!status && before && strcmp(before, value) && !may_repeat(id))
        return usage_error("--%s is given as `%s` and as `%s`: which of them is meant?", o->text, before, value);
    return status;
}

static bool names_option(const Command *command, const char *arg)
{
    const char *rest;
    return arg[0] == '-' && arg[1] && (arg[1] == '-' || !arg[2]) && option_find(command, arg, &rest) >= 0;
}

static int option_take(Args *a, const Command *command, int argc, char **argv, int *at)
{
    const char *arg = argv[*at], *rest = NULL;
    int id = option_find(command, arg, &rest);
    if (id < 0) return option_unknown(a, arg, command);
    const OptionInfo *o = &options[id];
    if (!o->value) {
        if (rest && rest == arg + 2)
            return usage_error("-%c takes no value, and `%s` stands behind it: words have two dashes, each letter its own",
                               o->letter, rest);
        if (rest) return usage_error("--%s takes no value", o->text);
        rest = "";
    } else if (!rest) {
        if (*at + 1 >= argc) return usage_error("--%s needs a value: --%s %s", o->text, o->text, o->value);
        rest = argv[++*at];
        if (names_option(command, rest))
            return usage_error("--%s needs a value: --%s %s; `%s` is an option", o->text, o->text, o->value, rest);
    }
    int status = o->value ? check_value(a, (OptionId)id, rest) : 0;
    if (!status) vec_push(a->cx->arena, &a->values[id], rest);
    return status;
}

/* What several commands take, and must be known to be right wherever it is read. */
static int args_check_machine(const Args *a)
{
    static const OptionId inputs[] = {OPT_WEIGHTS, OPT_INIT_FROM};
    for (size_t i = 0; i < COUNT(inputs); i++) {
        const char *path = args_text(a, inputs[i]);
        if (path && access(path, R_OK)) return usage_error("`%s` cannot be read: %s", path, strerror(errno)), EXIT_NO_INPUT;
    }
    const char *march = args_text(a, OPT_MARCH), *cpu = args_text(a, OPT_MCPU);
    if (march && cpu && strcmp(march, cpu))
        return usage_error("--march=%s and --mcpu=%s name two machines: give one of them", march, cpu);
    if (march && args_has(a, OPT_PORTABLE) && str_equal(march, "native"))
        return usage_error("--portable holds every level and --march=native one: leave one of them out, or name the least "
                           "level that is to run, as in --march=x86-64-v3");
    return 0;
}

int args_parse(Args *a, const Command *command, int argc, char **argv)
{
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || !arg[1]) {
            vec_push(a->cx->arena, &a->operands, arg);
        } else if (!strcmp(arg, "--")) {
            only_operands = true;
        } else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
            help_print(stdout, command);
            return -1;
        } else {
            int status = option_take(a, command, argc, argv, &i);
            if (status) return status;
        }
    }
    bool wants = command->operands[0] != '[';
    if (wants && a->operands.n == 0)
        return usage_error("`nnc %s` needs a file: nnc %s %s", command->name, command->name, command->operands);
    bool two = strchr(command->operands, ' ') != NULL, any = str_ends(command->operands, "...");
    if (two && a->operands.n == 1)
        return usage_error("`nnc %s` needs two files: nnc %s %s", command->name, command->name, command->operands);
    bool data = !two && options[OPT_DATA].commands & command->bit;
    if (a->operands.n > 1 + two && !any)
        return usage_error("`nnc %s` takes %s, not also `%s`%s", command->name, two ? "two files" : "one file",
                           a->operands.at[1 + two], data ? ": data come by --data" : "");
    return args_check_machine(a);
}

static void print_indented(FILE *to, const char *lines)
{
    for (const char *end; *lines; lines = end + (*end == '\n')) {
        end = lines + strcspn(lines, "\n");
        fprintf(to, "  %.*s\n", (int)(end - lines), lines);
    }
}

static void help_command(FILE *to, const Command *c)
{
    fprintf(to, "Examples\n");
    print_indented(to, c->examples);
    bool has_options = false;
    for (int i = 0; i < OPT_COUNT; i++) has_options |= options[i].commands & c->bit;
    const char *operands = str_equal(c->operands, "[]") ? "" : c->operands;
    fprintf(to, "\nnnc %s%s%s%s: %s\n%s", c->name, *operands ? " " : "", operands, has_options ? " [options]" : "",
            c->what, has_options ? "\nOptions\n" : "");
    for (int i = 0; i < OPT_COUNT; i++) {
        const OptionInfo *o = &options[i];
        if (!(o->commands & c->bit)) continue;
        char left[64];
        snprintf(left, sizeof left, "-%c, --%s%s%s", o->letter, o->text, o->value ? "=" : "", o->value ? o->value : "");
        fprintf(to, "  %-32s %s\n", left, o->what);
    }
}

void help_print(FILE *to, const Command *only)
{
    if (only) {
        help_command(to, only);
        return;
    }
    int n;
    const Command *list = command_list(&n);
    fprintf(to, "nnc compiles neural networks to native libraries.\n\nExamples\n");
    for (int i = 0; i < n; i++) {
        const char *line = list[i].examples;
        fprintf(to, "  %.*s\n", (int)strcspn(line, "\n"), line);
    }
    fprintf(to, "\nCommands\n");
    for (int i = 0; i < n; i++) fprintf(to, "  %-11s %s\n", list[i].name, list[i].what);
    fprintf(to, "\n`nnc help COMMAND` tells its options.\nExit status: %s\n", exit_status_text);
}
