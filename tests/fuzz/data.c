/* data.c: data files on their way to a model's inputs. */
#include "driver/data/data.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>

static const char *const classes[] = {"red", "green", "blue", "mixed, \"other\""};
static const nnrt_axis one[] = {{"", NULL, -1, 0, 0, NULL}};
static const nnrt_axis three[] = {{"", NULL, -1, 0, 0, NULL}, {"", NULL, 3, -1, 0, NULL}};
static const nnrt_axis open_axes[] = {{"", NULL, -1, 0, 0, NULL}, {"", NULL, -1, 1, 0, NULL}, {"", NULL, 2, -1, 0, NULL}};
const nnrt_view data_views[4] = {
    {"x", three, 2, NNRT_F32, 0, NULL, "net.nn:1"},
    {"group", one, 1, NNRT_I32, 4, classes, "net.nn:2"},
    {"y", one, 1, NNRT_F64, 0, NULL, "net.nn:3"},
    {"any", open_axes, 3, NNRT_U8, 0, NULL, "net.nn:4"},
};

void load_data(const char *const *specs, int n, const nnrt_view *views, int nviews)
{
    Cx *cx = cx_new();
    Dataset d;
    int status = 0;
    nnrt_entry entry = {.inputs = views, .ninputs = (uint32_t)nviews};
    bool loaded = data_load(cx, &entry, specs, n, &d, &status);
    if (loaded == (cx->diags->errors > 0) || (!loaded && !status)) abort();
    uint64_t sum = 0; /* every byte that a training would read is there */
    for (int i = 0; loaded && i < d.n; i++)
        sum = hash_bytes(sum, d.columns[i].at, d.columns[i].row_bytes * (size_t)d.rows);
    if (sum == 1) puts("");
    render_all(cx);
    cx_free(cx);
}

void load_array(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    const char *path = memory_file(data, size);
    for (size_t i = 0; i < COUNT(data_views); i++) {
        const char *spec = str_format(a, "%s=%s", data_views[i].name, path);
        load_data(&spec, 1, &data_views[i], 1);
    }
    arena_free(a);
}
