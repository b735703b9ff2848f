/* man.c: the manual page, from the tables of commands and options. */
#include "driver/driver.h"
#include <ctype.h>
#include <string.h>

static void print_text(const char *text)
{
    for (const char *start = text; *text; text++) {
        if (*text == '.' && (text == start || text[-1] == '\n')) fputs("\\&", stdout); /* no request */
        if (*text == '\\') fputs("\\e", stdout);
        else if (*text == '-') fputs("\\-", stdout);
        else if (*text == '\'') fputs("\\(aq", stdout);
        else if (*text == '`') fputs("\\(ga", stdout);
        else putchar(*text);
    }
}

static void print_examples(const char *examples)
{
    printf(".PP\n.nf\n.RS\n");
    print_text(examples);
    printf("\n.RE\n.fi\n");
}

static void print_options(const Command *c)
{
    int n;
    const OptionInfo *options = option_list(&n);
    for (int i = 0; i < n; i++) {
        const OptionInfo *o = &options[i];
        if (!(o->commands & c->bit)) continue;
        printf(".TP\n\\fB\\-%c\\fR, \\fB\\-\\-", o->letter);
        print_text(o->text);
        printf("\\fR");
        if (o->value) {
            printf("=\\fI");
            print_text(o->value);
            printf("\\fR");
        }
        putchar('\n');
        print_text(o->what);
        putchar('\n');
    }
}

static void print_command(const Command *c)
{
    printf(".SH NNC ");
    for (const char *s = c->name; *s; s++) putchar(toupper((unsigned char)*s));
    printf("\n.B nnc %s\n", c->name);
    if (!str_equal(c->operands, "[]")) print_text(c->operands);
    printf("\n.PP\n");
    print_text(c->what);
    putchar('\n');
    print_examples(c->examples);
    print_options(c);
}

static void print_head(Arena *arena, const Command *list, int n)
{
    printf(".TH NNC 1 \"\" \"nnc " NNC_VERSION "\"\n.SH NAME\nnnc \\- compile neural networks to native libraries\n"
           ".SH SYNOPSIS\n.B nnc\nMODEL.nn \\-o FILE.so\n.br\n.B nnc\nCOMMAND [options]\n.SH EXAMPLES\n.nf\n.RS\n");
    for (int i = 0; i < n; i++) {
        print_text(str_copy_n(arena, list[i].examples, strcspn(list[i].examples, "\n")));
        putchar('\n');
    }
    printf(".RE\n.fi\n");
}

int command_man(Args *a)
{
    int n;
    const Command *list = command_list(&n);
    if (a->operands.n) return usage_error("`nnc man` prints the one page that tells all");
    print_head(a->cx->arena, list, n);
    for (int i = 0; i < n; i++) print_command(&list[i]);
    printf(".SH EXIT STATUS\n");
    print_text(exit_status_text);
    putchar('\n');
    return EXIT_GOOD;
}
