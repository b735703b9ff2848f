/* A gzip file of an array or a table, for inputs of every kind. */
#include "driver/data/data.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    const char *path = memory_file(data, size);
    for (int i = 0; i < 4; i++) {
        const char *spec = str_format(a, "%s=%s", data_views[i].name, path);
        load_data(&spec, 1, &data_views[i], 1);
    }
    arena_free(a);
    return 0;
}
