/* A file of weights, as nnrt_load and nnrt_load_matching read it. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/line_model.h"
#include <stdlib.h>

static void must_be_refused_whole(const char *path)
{
    Values v = {{9, 9, 9}, {9, 9, 9, 9}}, before = v;
    char message[640] = "";
    int32_t status = nnrt_load_params(&line_model, &v, path, message, sizeof message);
    if (status && (memcmp(&v, &before, sizeof v) || !message[0])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = memory_file(data, size);
    nnrt_session *s = NULL;
    must_be_refused_whole(path);
    if (nnrt_session_new(&line_model, NULL, &s) || nnrt_init(s, 1)) abort();
    if (nnrt_load_matching(s, path, NULL, NULL) && !nnrt_error(s)[0]) abort();
    nnrt_session_free(s);
    return 0;
}
