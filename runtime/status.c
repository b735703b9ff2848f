/* Statuses in words, and the sentence that a handle keeps of its last failure. */
#include "fault.h"
#include <stdarg.h>
#include <stdio.h>

static const char *const texts[] = {
    [NNRT_OK] = "all is well",
    [NNRT_ERR_NULL] = "something that must be given is missing",
    [NNRT_ERR_SIZE] = "a size lies outside its bounds",
    [NNRT_ERR_INDEX] = "an index value lies outside its range",
    [NNRT_ERR_NONFINITE] = "a loss or gradient is not finite",
    [NNRT_ERR_ARGUMENT] = "an argument cannot be used",
    [NNRT_ERR_CPU] = "this machine lacks what the model was compiled for",
    [NNRT_ERR_ABI] = "the model was built for another version of the run-time library",
    [NNRT_ERR_FILE] = "a file cannot be used",
    [NNRT_ERR_SHAPE] = "a shape, dtype or byte size does not fit",
    [NNRT_ERR_MEMORY] = "memory is exhausted",
    [NNRT_ERR_STATE] = "a call comes out of its order",
};

const char *nnrt_status_text(int32_t status)
{
    int known = status >= 0 && status < (int32_t)(sizeof texts / sizeof *texts);
    return known ? texts[status] : "an unknown status";
}

const char *nnrt_error(const void *handle)
{
    return handle ? ((const nnrt_fault *)handle)->text : "";
}

int32_t nnrt__fail(nnrt_fault *fault, int32_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return status;
}

int32_t nnrt__say(const nnrt_fault *fault, int32_t status, char *message, size_t size)
{
    if (message && size > 0) snprintf(message, size, "%s", status ? fault->text : "");
    return status;
}
