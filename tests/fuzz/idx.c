/* An IDX file, for inputs of every kind. */
#include "driver/data/data.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    load_array(data, size);
    return 0;
}
