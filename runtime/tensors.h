/* tensors.h: a model's tensors in a safetensors file: by name, never by memory layout. Private to the folder. */
#ifndef NNRT_TENSORS_H
#define NNRT_TENSORS_H
#include "file.h"
#include "safetensors.h"

/* Where a model's tensors lie. Without opt the optimizer's are left out. */
typedef struct nnrt_areas { const nnrt_model *model; char *params, *opt; } nnrt_areas;

/* Text that grows; after a failed allocation nothing is added. */
typedef struct nnrt_text { char *at; size_t n, cap; bool failed; } nnrt_text;

/* ---- writing: the metadata goes first, pair by pair, then all is saved ---- */
typedef struct nnrt_saving {
    nnrt_text file;
    uint32_t sum;       /* of the metadata: see nnrt__pair_sum */
} nnrt_saving;
void nnrt__add_pair(nnrt_saving *s, const char *key, const char *value);
void nnrt__add_count(nnrt_saving *s, const char *key, uint64_t value);
void nnrt__add_hash(nnrt_saving *s, const char *key, uint64_t hash);
/* Adds the tensors' checksums and data, writes the file and frees it. */
int32_t nnrt__save_tensors(nnrt_fault *fault, const nnrt_io *io, nnrt_saving *s, const nnrt_areas *areas,
                           const char *path);

/* ---- reading: open, match, data, then copy; close in any case ---- */
typedef struct nnrt_loading {
    nnrt_fault *fault;
    const nnrt_model *model;
    const char *path;
    int file;
    int64_t data_at, data_bytes;
    char *text, *data;
    nnrt_file_header header;
} nnrt_loading;
int32_t nnrt__loading_open(nnrt_loading *l, nnrt_fault *fault, const nnrt_model *m, const char *path);
int32_t nnrt__loading_match(const nnrt_loading *l, bool opt); /* names, dtypes and shapes, of opt's or of all others */
int32_t nnrt__loading_data(nnrt_loading *l);                  /* reads it, checks the sums */
void nnrt__loading_copy(const nnrt_loading *l, const nnrt_areas *areas); /* what the file has of them */
void nnrt__loading_close(nnrt_loading *l);
bool nnrt__same_shape(const nnrt_tensor *t, const nnrt_file_tensor *f);
char *nnrt__file_shape(const nnrt_file_tensor *t, char *buffer, size_t size);
/* The version of a checkpoint's form; 0: the file is no checkpoint. */
int nnrt__checkpoint_format(const nnrt_file_header *h);
/* Of one pair; those of all pairs but `crc32c` itself, xored, guard the metadata. */
uint32_t nnrt__pair_sum(const char *key, const char *value);
#endif
