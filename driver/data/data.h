/* data.h: files of samples behind one form: a column of rows for each input, checked against the model's types. */
#ifndef NNC_DATA_H
#define NNC_DATA_H
#include "base/base.h"
#include "runtime/nnrt.h"

enum { DATA_MAX_RANK = 8 };
typedef struct Column {
    const nnrt_view *view;
    int rank;
    int64_t shape[DATA_MAX_RANK]; /* shape[0] is the number of rows */
    size_t row_bytes;
    void *at;                     /* row-major, in the view's dtype */
} Column;
typedef struct Dataset {
    int n;
    Column *columns;
    const char **paths; /* by column: the file that feeds it */
    int64_t rows;
} Dataset;

/* ---- data.c: --data FILE (columns by name) and --data INPUT=FILE, any mix, for an entry's inputs. False after
   messages; *out_status is the exit status. ---- */
bool data_load(Cx *cx, const nnrt_entry *entry, const char *const *specs, int nspecs, Dataset *out, int *out_status);
/* Does its first axis count the samples? Of a train block that of every input does. */
bool data_is_sampled(const nnrt_entry *entry, const nnrt_view *view);

/* The first value, if any, that is no finite number: its input and sample. */
bool data_not_finite(const Dataset *d, const char **out_input, int64_t *out_row);

/* ---- source.c: the samples as an entry takes them ---- */
/* One a symbol of the entry: the length of an input's axis that is just that; 1 where no input has one. */
int64_t *data_sizes(Arena *arena, const nnrt_entry *entry, const Dataset *d);
int64_t data_axis_size(const nnrt_entry *entry, const int64_t *sizes, const nnrt_axis *axis);
void data_source(Arena *arena, const nnrt_entry *entry, const Dataset *d, nnrt_source *out);

/* ---- array.c: an array as a file gives it, and its check against a view ---- */
typedef enum Scalar {
    SCALAR_NONE,
    SCALAR_BOOL,
    SCALAR_U8,
    SCALAR_I8,
    SCALAR_I16,
    SCALAR_U16,
    SCALAR_I32,
    SCALAR_U32,
    SCALAR_I64,
    SCALAR_U64,
    SCALAR_F32,
    SCALAR_F64
} Scalar;
typedef struct RawArray {
    const char *path;
    Scalar scalar;
    bool big_endian;
    int rank;
    int64_t shape[DATA_MAX_RANK];
    const unsigned char *at;
} RawArray;
size_t scalar_bytes(Scalar s);
double array_number(const RawArray *a, int64_t i); /* its element i, as a number */
size_t column_bytes(const Column *c);
double column_number(const Column *c, int64_t i);
const char *column_text(Arena *arena, const Column *c, int64_t i); /* its element i, with all its digits */
bool array_sizes_fit(const RawArray *a, size_t available, size_t *out_needed); /* false on overflow */
bool array_column(Cx *cx, const RawArray *a, const nnrt_view *view, Column *out);
const char *view_type_text(Arena *arena, const nnrt_view *view); /* i32<10>[N] */

/* ---- gzip.c ---- */
bool gzip_is(const char *data, size_t size);
/* NULL, or why not. */
const char *gzip_inflate(Arena *arena, const char *data, size_t size, char **out_data, size_t *out_size);
size_t unpacked_limit(size_t packed); /* bytes that so many packed ones may become */

/* ---- idx.c, npy.c: false after a message ---- */
bool idx_is(const char *data, size_t size);
bool idx_read(Cx *cx, const char *path, const char *data, size_t size, RawArray *out);
bool npy_is(const char *data, size_t size);
bool npy_read(Cx *cx, const char *path, const char *data, size_t size, RawArray *out);
void npy_write(Text *to, uint32_t dtype, int rank, const int64_t *shape, const void *at, size_t bytes);

/* ---- npz.c: false after a message ---- */
typedef VEC(const char *) Names;
bool npz_is(const char *data, size_t size);
bool npz_names(Cx *cx, const char *path, Names *out);
bool npz_holds(const Names *names, const char *name);
bool npz_read(Cx *cx, const char *path, const char *name, RawArray *out);
/* An input's samples: the array of its name, or, as in a table, an array for each of its columns. */
bool npz_column(Cx *cx, const char *path, const Names *names, const nnrt_view *view, Column *out);

/* ---- csv.c ---- */
bool csv_columns(Cx *cx, const Source *file, const nnrt_view *const *views, int nviews,
                 Column *out); /* one for each view */
/* A table as text, row after row. */
typedef struct CsvTable {
    int ncolumns, rows;
    const char **names;
    VEC(const char *) fields;
    VEC(int) lines; /* of the file, by row */
} CsvTable;
bool csv_table(Cx *cx, const Source *file, CsvTable *out);
/* What the columns of a view are called, the first `most` of them. */
void csv_names(Arena *arena, const nnrt_view *view, const int64_t *shape, int most, const char ***out_names,
               int *out_n);
bool csv_is_number(const char *text, size_t n);
void csv_field(Text *to, const char *text); /* quoted where it must be */
#endif
