/* A checkpoint. An input that begins with `=` is no file but lines of metadata, `key=value`, to which the right tensors and
   checksums are added: what stands behind the checksums is met too. */
#include "runtime/session.h"
#include "runtime/tensors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/line_model.h"
#include <stdlib.h>
#include <unistd.h>

static const char *checkpoint_of(char *lines)
{
    static char path[64];
    static Values values, momentum;
    nnrt_saving saving = {0};
    nnrt_areas areas = {&line_model, (char *)&values, (char *)&momentum};
    nnrt_fault fault;
    for (char *line = lines, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        char *value = strchr(line, '=');
        if (value) *value++ = 0;
        nnrt__add_pair(&saving, line, value ? value : "");
    }
    snprintf(path, sizeof path, "/dev/shm/nnc-checkpoint.%ld", (long)getpid());
    if (nnrt__save_tensors(&fault, &nnrt__io, &saving, &areas, path)) fatal("%s", fault.text);
    return path;
}

/* Where it is refused nothing has changed. */
static void load(const char *path)
{
    nnrt_session *s = NULL;
    if (nnrt_session_new(&line_model, NULL, &s) || nnrt_init(s, 1)) abort();
    Values before = *(Values *)nnrt_params(s);
    nnrt_step clock = *nnrt_clock(s);
    int32_t status = nnrt_load_checkpoint(s, path);
    bool same = !memcmp(&before, nnrt_params(s), sizeof before) && !memcmp(&clock, nnrt_clock(s), sizeof clock);
    if (status && (!same || !nnrt_error(s)[0])) abort();
    nnrt_session_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    if (size && data[0] == '=') {
        const char *path = checkpoint_of(str_copy_n(a, (const char *)data + 1, size - 1));
        load(path);
        unlink(path);
    } else {
        load(memory_file(data, size));
    }
    arena_free(a);
    return 0;
}
