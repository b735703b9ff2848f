/* A .nn text: words, grammar, elaboration, then every pass. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    compile_text("net.nn", str_copy_n(a, (const char *)data, size));
    arena_free(a);
    return 0;
}
