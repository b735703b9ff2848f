/* Reading a descriptor: what a model has, by name, and types as the language writes them. */
#include "fault.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int32_t nnrt_find_entry(const nnrt_model *model, const char *name, int kind)
{
    for (uint32_t i = 0; model && i < model->nentries; i++) {
        const nnrt_entry *e = &model->entries[i];
        if ((int)e->kind == kind && (!name || !strcmp(e->name, name))) return (int32_t)i;
    }
    return -1;
}

int32_t nnrt_find_tensor(const nnrt_model *model, const char *name)
{
    for (uint32_t i = 0; model && name && i < model->ntensors; i++)
        if (!strcmp(model->tensors[i].name, name)) return (int32_t)i;
    return -1;
}

int32_t nnrt_find_hyper(const nnrt_model *model, const char *name)
{
    for (uint32_t i = 0; model && name && i < model->nhypers; i++)
        if (!strcmp(model->hypers[i].name, name)) return (int32_t)i;
    return -1;
}

static int32_t find_view(const nnrt_view *views, uint32_t n, const char *name)
{
    for (uint32_t i = 0; name && i < n; i++)
        if (!strcmp(views[i].name, name)) return (int32_t)i;
    return -1;
}

int32_t nnrt_find_input(const nnrt_entry *entry, const char *name)
{
    return entry ? find_view(entry->inputs, entry->ninputs, name) : -1;
}

int32_t nnrt_find_output(const nnrt_entry *entry, const char *name)
{
    return entry ? find_view(entry->outputs, entry->noutputs, name) : -1;
}

static const struct { const char *name; size_t bytes; } dtypes[] = {
    [NNRT_BOOL] = {"bool", 1}, [NNRT_U8] = {"u8", 1},   [NNRT_I8] = {"i8", 1},   [NNRT_I32] = {"i32", 4},
    [NNRT_I64] = {"i64", 8},   [NNRT_F32] = {"f32", 4}, [NNRT_F64] = {"f64", 8},
};
enum { NDTYPES = sizeof dtypes / sizeof *dtypes };

size_t nnrt_dtype_bytes(uint32_t dtype)
{
    return dtype < NDTYPES ? dtypes[dtype].bytes : 0;
}

const char *nnrt_dtype_name(uint32_t dtype)
{
    return dtype < NDTYPES && dtypes[dtype].name ? dtypes[dtype].name : "no dtype";
}

/* Text that is cut at the end of its buffer. */
typedef struct Line { char *at; size_t size, used; } Line;

static void line_add(Line *line, const char *format, ...)
{
    if (line->used >= line->size) return;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->at + line->used, line->size - line->used, format, arguments);
    va_end(arguments);
    line->used += n > 0 ? (size_t)n : 0;
}

static void add_axis(Line *line, const nnrt_model *model, const nnrt_axis *axis)
{
    if (axis->role && axis->role[0]) line_add(line, "%s = ", axis->role);
    if (axis->size >= 0)
        line_add(line, "%lld", (long long)axis->size);
    else if (model && axis->symbol >= 0 && (uint32_t)axis->symbol < model->nsymbols)
        line_add(line, "%s", model->symbols[axis->symbol].name);
    else
        line_add(line, "?");
}

char *nnrt_view_text(const nnrt_model *model, const nnrt_view *view, char *buffer, size_t size)
{
    Line line = {buffer, size, 0};
    if (size > 0) buffer[0] = 0;
    line_add(&line, "%s", nnrt_dtype_name(view->dtype));
    if (view->range > 0) line_add(&line, "<%lld>", (long long)view->range);
    for (uint32_t i = 0; i < view->rank; i++) {
        line_add(&line, i ? ", " : "[");
        add_axis(&line, model, &view->axes[i]);
    }
    if (view->rank > 0) line_add(&line, "]");
    return buffer;
}

char *nnrt_tensor_text(const nnrt_tensor *tensor, char *buffer, size_t size)
{
    return nnrt__shape_text(tensor->dtype, tensor->rank, tensor->dims, buffer, size);
}

char *nnrt__shape_text(uint32_t dtype, uint32_t rank, const int64_t *dims, char *buffer, size_t size)
{
    Line line = {buffer, size, 0};
    if (size > 0) buffer[0] = 0;
    line_add(&line, "%s", nnrt_dtype_name(dtype));
    for (uint32_t i = 0; i < rank; i++) line_add(&line, "%s%lld", i ? ", " : "[", (long long)dims[i]);
    if (rank > 0) line_add(&line, "]");
    return buffer;
}

double nnrt_loss_of(const double *totals)
{
    return totals[1] / totals[0];
}

double nnrt_metric_of(const nnrt_metric *metric, const double *totals)
{
    double under = metric->pair ? totals[metric->total + 1] : totals[0];
    return totals[metric->total] / under;
}

int nnrt_stop_of(const nnrt_entry *entry, const double *totals)
{
    uint32_t first = 2;
    for (uint32_t i = 0; i < entry->nmetrics; i++) first += entry->metrics[i].pair ? 2 : 1;
    for (uint32_t i = first; i < entry->ntotals; i++)
        if (totals[i] > 0) return 1;
    return 0;
}
