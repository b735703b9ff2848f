/* source.c: which data a train block is given, and the samples as its entry takes them. */
#include "driver/data/data.h"
#include "driver/driver.h"
#include <string.h>

/* A path in the text starts where the text stands. */
static const char *beside(Args *a, const char *path)
{
    const char *model = a->operands.at[0], *slash = strrchr(model, '/');
    return path[0] == '/' || !slash ? path : str_format(a->cx->arena, "%.*s/%s", (int)(slash - model), model, path);
}

int data_given(Args *a, const TrainInfo *info, const char *const **out_specs)
{
    int n = a->values[OPT_DATA].n;
    *out_specs = a->values[OPT_DATA].at;
    if (n) return n;
    if (!info || !info->data) {
        usage_error("no data: give --data FILE.csv, or --data INPUT=FILE for each input");
        return 0;
    }
    const char **own = NEW(a->cx->arena, const char *);
    *own = beside(a, info->data);
    if (path_is_endless(*own)) {
        usage_error("the data of `%s`, `%s`, is no file but a pipe or a device; --data takes it all the same",
                    a->operands.at[0], *own);
        return 0;
    }
    *out_specs = own;
    return 1;
}

static int64_t symbol_size(const nnrt_entry *entry, const Dataset *d, int32_t symbol)
{
    for (int i = 0; i < d->n; i++)
        for (uint32_t x = 0; x < entry->inputs[i].rank; x++)
            if (entry->inputs[i].axes[x].symbol == symbol) return d->columns[i].shape[x];
    return 1;
}

int64_t *data_sizes(Arena *arena, const nnrt_entry *entry, const Dataset *d)
{
    int64_t *sizes = NEW_ARRAY(arena, int64_t, entry->nsymbols + 1);
    for (uint32_t i = 0; i < entry->nsymbols; i++) sizes[i] = symbol_size(entry, d, entry->symbols[i]);
    return sizes;
}

int64_t data_axis_size(const nnrt_entry *entry, const int64_t *sizes, const nnrt_axis *axis)
{
    if (axis->size >= 0) return axis->size;
    for (uint32_t i = 0; i < entry->nsymbols; i++)
        if (axis->symbol == entry->symbols[i]) return sizes[i];
    return axis->length(sizes);
}

void data_source(Arena *arena, const nnrt_entry *entry, const Dataset *d, nnrt_source *out)
{
    nnrt_source_init(out);
    const void **arrays = NEW_ARRAY(arena, const void *, d->n);
    for (int i = 0; i < d->n; i++) arrays[i] = d->columns[i].at;
    out->rows = d->rows;
    out->arrays = arrays;
    out->sizes = data_sizes(arena, entry, d);
}
