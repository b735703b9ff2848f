/* explain.c: what a code means. The pages are docs/explain/CODE.md. */
#include "driver/driver.h"
#include "driver/pages.h"
#include <ctype.h>
#include <string.h>

static void list_pages(FILE *to)
{
    for (int i = 0; i < page_nfiles; i++) {
        const char *title = page_files[i].text + strspn(page_files[i].text, "# ");
        fprintf(to, "%.*s\n", (int)strcspn(title, "\n"), title);
    }
}

int command_explain(Args *a)
{
    if (!a->operands.n) return list_pages(stdout), EXIT_GOOD;
    const char *code = a->operands.at[0], *names[256];
    char *file = str_format(a->cx->arena, "%s.md", code);
    int n = 0;
    for (char *c = file; *c && c < file + strlen(code); c++) *c = (char)toupper((unsigned char)*c);
    for (int i = 0; i < page_nfiles && n < 256; i++) {
        names[n++] = str_copy_n(a->cx->arena, page_files[i].name, strlen(page_files[i].name) - 3);
        if (strcmp(page_files[i].name, file)) continue;
        fwrite(page_files[i].text, 1, page_files[i].size, stdout);
        return EXIT_GOOD;
    }
    const char *near = str_nearest(code, names, n);
    return near ? usage_error("there is no code `%s`; did you mean %s?", code, near)
                : usage_error("there is no code `%s`; `nnc explain` lists them", code);
}
