/* NumPy's archive, for three inputs and for one. */
#include "driver/data/data.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    const char *archive = memory_file(data, size);
    load_data(&archive, 1, data_views, 3);
    const char *one = str_format(a, "any=%s", archive);
    load_data(&one, 1, &data_views[3], 1);
    arena_free(a);
    return 0;
}
