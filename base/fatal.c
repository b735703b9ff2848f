/* fatal.c: the end for bugs and empty memory. A user's mistake goes through diag.c. */
#include "base/base.h"
#include <stdlib.h>

void fatal(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("nnc: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(70);
}
