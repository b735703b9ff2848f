/* Choices of a random graph: the program that grows from them, compiled and compared with the interpreter. */
#include "tests/fuzz/fuzz.h"
#include "tests/random/random_graphs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    random_check_bytes(data, size);
    return 0;
}
