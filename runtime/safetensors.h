/* safetensors.h: the header of a safetensors file, read strictly. Private to the folder. */
#ifndef NNRT_SAFETENSORS_H
#define NNRT_SAFETENSORS_H
#include "fault.h"

enum { NNRT__MAX_HEADER = 16 << 20, NNRT__MAX_NAME = 255, NNRT__MAX_FILE_RANK = 8 };

typedef struct nnrt_file_tensor {
    const char *name;
    const char *dtype;              /* as the file writes it: "F32" */
    uint32_t rank;
    int64_t dims[NNRT__MAX_FILE_RANK];
    int64_t begin, end;             /* bytes in the data section */
} nnrt_file_tensor;

typedef struct nnrt_file_header {
    nnrt_file_tensor *tensors;      /* in order of name */
    int64_t ntensors;
    const char **metadata;          /* key, value, key, value; in order of key */
    int64_t nmetadata;              /* pairs */
    char *strings;
} nnrt_file_header;

/* Reads the JSON text of a header (n bytes) whose file has data_bytes of data. Everything in it is checked: its form,
   names, shapes, and that the tensors fill the data without hole or overlap. Free it after success only. */
int32_t nnrt__header_read(nnrt_fault *fault, const char *text, size_t n, int64_t data_bytes, nnrt_file_header *out);
void nnrt__header_free(nnrt_file_header *header);
const nnrt_file_tensor *nnrt__header_find(const nnrt_file_header *header, const char *name);
const char *nnrt__header_metadata(const nnrt_file_header *header, const char *key); /* NULL: not there */
const char *nnrt__file_dtype(uint32_t dtype); /* "F32" for NNRT_F32 */
#endif
