/* completions.c: what a shell offers behind `nnc`, from the tables of commands and options. */
#include "driver/driver.h"
#include <string.h>

static bool takes_files(const OptionInfo *o) { return o->value && (strstr(o->value, "FILE") || str_equal(o->value, "DIR")); }

/* Text within '...': a quote ends it, stands escaped, and begins it again. `also` get a backslash. */
static void print_quoted(const char *text, const char *also)
{
    for (; *text; text++) {
        if (*text == '\'') fputs("'\\''", stdout);
        else if (strchr(also, *text)) printf("\\%c", *text);
        else putchar(*text);
    }
}

static void print_bash(const Command *list, int n)
{
    int noptions;
    const OptionInfo *options = option_list(&noptions);
    printf("# nnc completions bash >~/.local/share/bash-completion/completions/nnc\n"
           "_nnc() {\n    local word=${COMP_WORDS[COMP_CWORD]} options\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    for (int i = 0; i < n; i++) printf("%s ", list[i].name);
    printf("help\" -- \"$word\") $(compgen -f -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (int i = n; i-- > 0;) { /* a model's name alone means the first */
        printf(i ? "        %s) options='" : "        *) options='", list[i].name);
        for (int k = 0; k < noptions; k++)
            if (options[k].commands & list[i].bit) printf("--%s ", options[k].text);
        printf("--help' ;;\n");
    }
    printf("    esac\n    case $word in\n        -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
           "        *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
           "complete -o filenames -F _nnc nnc\n");
}

static void print_zsh_option(const OptionInfo *o)
{
    printf("            '*--%s%s[", o->text, o->value ? "=" : "");
    print_quoted(o->what, "[]:\\");
    printf("]");
    if (o->value) {
        printf(":");
        print_quoted(o->value, ":\\");
        printf(":%s", takes_files(o) ? "_files" : "");
    }
    printf("' \\\n");
}

static void print_zsh(const Command *list, int n)
{
    int noptions;
    const OptionInfo *options = option_list(&noptions);
    printf("#compdef nnc\n# nnc completions zsh >_nnc, in a folder of $fpath\n_nnc() {\n"
           "    if (( CURRENT == 2 )); then\n        local -a commands\n        commands=(\n");
    for (int i = 0; i < n; i++) {
        printf("            '%s:", list[i].name);
        print_quoted(list[i].what, ":\\");
        printf("'\n");
    }
    printf("        )\n        _describe command commands\n        _files\n        return\n    fi\n    case $words[2] in\n");
    for (int i = n; i-- > 0;) {
        printf(i ? "        %s) _arguments \\\n" : "        *) _arguments \\\n", list[i].name);
        for (int k = 0; k < noptions; k++)
            if (options[k].commands & list[i].bit) print_zsh_option(&options[k]);
        printf("            '*:file:_files' ;;\n");
    }
    printf("    esac\n}\nif [ \"$funcstack[1]\" = _nnc ]; then _nnc \"$@\"; else compdef _nnc nnc; fi\n");
}

static void print_fish(const Command *list, int n)
{
    int noptions;
    const OptionInfo *options = option_list(&noptions);
    printf("# nnc completions fish >~/.config/fish/completions/nnc.fish\n");
    for (int i = 0; i < n; i++) {
        printf("complete -c nnc -n __fish_use_subcommand -a %s -d '", list[i].name);
        print_quoted(list[i].what, "\\");
        printf("'\n");
        for (int k = 0; k < noptions; k++) {
            if (!(options[k].commands & list[i].bit)) continue;
            printf("complete -c nnc -n '__fish_seen_subcommand_from %s' -s %c -l %s%s -d '", list[i].name,
                   options[k].letter, options[k].text,
                   !options[k].value          ? ""
                   : takes_files(&options[k]) ? " -r -F"
                                              : " -x");
            print_quoted(options[k].what, "\\");
            printf("'\n");
        }
    }
}

int command_completions(Args *a)
{
    static const struct {
        const char *name;
        void (*print)(const Command *, int);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *shell = a->operands.n ? a->operands.at[0] : "", *names[COUNT(shells)];
    int n;
    const Command *list = command_list(&n);
    for (size_t i = 0; i < COUNT(shells); i++) {
        names[i] = shells[i].name;
        if (str_equal(shell, shells[i].name)) return shells[i].print(list, n), EXIT_GOOD;
    }
    const char *near = str_nearest(shell, names, (int)COUNT(shells));
    if (near) return usage_error("there are no completions for `%s`; did you mean `nnc completions %s`?", shell, near);
    return usage_error("completions are for bash, zsh or fish: nnc completions bash");
}
