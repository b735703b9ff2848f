/* fmt.c: files in the settled style, in place; each is replaced whole or stays as it is. */
#include "driver/driver.h"
#include <errno.h>
#include <string.h>

static int replace(const char *path, const Formatted *f)
{
    if (write_file(path, f->text, f->size)) return EXIT_GOOD;
    failure("`%s` cannot be written: %s", path, strerror(errno));
    return EXIT_NO_OUTPUT;
}

static int format_file(Args *a, const char *path)
{
    Formatted f;
    errno = 0;
    if (!frontend_format(a->cx, path, &f)) {
        int why = errno, told = a->cx->diags->errors;
        model_finish(a, 0);
        a->cx->diags->list.n = a->cx->diags->errors = 0;
        return told ? EXIT_MODEL : (usage_error("`%s` cannot be read: %s", path, strerror(why)), EXIT_NO_INPUT);
    }
    if (args_has(a, OPT_CHECK)) return f.changed ? (puts(path), EXIT_CHECK) : EXIT_GOOD;
    return f.changed || !strcmp(path, "-") ? replace(path, &f) : EXIT_GOOD;
}

int command_fmt(Args *a)
{
    int status = EXIT_GOOD;
    for (int i = 0; i < a->operands.n; i++) {
        int one = format_file(a, a->operands.at[i]);
        if (!status || one > status) status = one;
    }
    return status;
}
