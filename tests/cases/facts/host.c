/* Sizes that keep the bounds and break a fact: refused by its own text, with nothing written. */
#include "nnrt.h"
#include "tall.h"
#include <stdio.h>

static float in[3][4 * 4096], out[4 * 4096];
static float work[4 * 4096] __attribute__((aligned(64)));

static void run(nnrt_session *s, const char *name, int n, const int64_t *widths)
{
    static const char *const names[] = {"a", "b", "names"};
    int32_t entry = nnrt_find_entry(nnrt_session_model(s), name, NNRT_PREDICT);
    for (int i = 0; i < n; i++) {
        const int64_t dims[] = {2, widths[i]};
        nnrt_bind_input(s, entry, names[i], NNRT_F32, 2, dims, in[i], sizeof in[i]);
    }
    const int64_t dims[] = {2, widths[n - 1]};
    nnrt_bind_output_at(s, entry, 0, NNRT_F32, 2, dims, out, sizeof out);
    out[0] = -1;
    int32_t status = nnrt_run(s, entry);
    printf("%d %g %s\n", (int)status, (double)out[0], status ? nnrt_error(s) : "");
}

int main(void)
{
    nnrt_library *library;
    nnrt_session *s;
    if (nnrt_open("./tall.so", &library) || nnrt_session_new(nnrt_library_model(library), NULL, &s)) return 1;
    nnrt_init(s, 1);
    run(s, "tall", 1, (int64_t[]){8});
    run(s, "tall", 1, (int64_t[]){10});
    run(s, "tall", 1, (int64_t[]){2});
    run(s, "square", 3, (int64_t[]){8, 8, 16});
    run(s, "square", 3, (int64_t[]){8, 12, 20});
    run(s, "square", 3, (int64_t[]){8, 8, 17});
    const int64_t parts[] = {8, 6, 9, 3, 10, 13};
    for (int i = 0; i < 6; i++) run(s, "part", 1, &parts[i]);
    printf("%d\n", (int)tall_predict(NULL, 2, 10, in[0], out, work));
    for (int y = 8; y <= 10; y += 2) printf("%d\n", tall_bytes(TALL_WORK_PREDICT, 2, y, 8, 16, 6) > 0);
    nnrt_session_free(s);
    nnrt_close(library);
    return 0;
}
