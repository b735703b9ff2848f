/* A flat text, as --emit=graph writes it: the input stands behind `stage "built"`, unless it tells a stage itself. */
#include "tests/fuzz/fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    char *text = str_copy_n(a, (const char *)data, size);
    compile_text("net.nn", str_starts(text, "stage ") ? text : str_format(a, "stage \"built\"\n%s", text));
    arena_free(a);
    return 0;
}
