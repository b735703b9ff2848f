/* nnrt.h: the run-time library of compiled models. It opens a model (or takes one that is linked in), checks it, binds
   buffers, runs, trains, saves and loads. C99, and C++ as it is. Laid out by file.

   Every call that can fail returns a status, 0 where all is well; nnrt_error gives the sentence that goes with it.
   A handle serves one thread at a time; different handles are independent. The host owns its buffers, its threads and
   its files: nothing here prints, exits, or keeps anything running but the session's own sleeping workers. */
#ifndef NNRT_H
#define NNRT_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a model and its host share; a model's own header repeats this part ---- */
#ifdef NNRT_TYPES
#define ABI_WITHOUT_STEP
#else
#define NNRT_TYPES
enum nnrt_status {
    NNRT_OK = 0,
    NNRT_ERR_NULL = 1,      /* something that must be given is NULL */
    NNRT_ERR_SIZE = 2,      /* a size lies outside its bounds */
    NNRT_ERR_INDEX = 3,     /* an index value lies outside its range */
    NNRT_ERR_NONFINITE = 4, /* a loss or gradient is infinite or not a number */
    NNRT_ERR_ARGUMENT = 5,
    NNRT_ERR_CPU = 6,       /* the machine lacks what the code needs */
    NNRT_ERR_ABI = 7,       /* built for another version of this interface */
    NNRT_ERR_FILE = 8,
    NNRT_ERR_SHAPE = 9,     /* a buffer or a file's tensor of another dtype, rank, shape or byte size */
    NNRT_ERR_MEMORY = 10,
    NNRT_ERR_STATE = 11     /* a call out of its order */
};
enum { NNRT_ADD = 1 };      /* flag of nnrt_step: gradients are added to those there */
typedef struct nnrt_step nnrt_step;
typedef struct nnrt_model nnrt_model;
#endif

/* ---- abi.def: the descriptor of a model ---- */
enum nnrt_dtype { NNRT_BOOL = 1, NNRT_U8, NNRT_I8, NNRT_I32, NNRT_I64, NNRT_F32, NNRT_F64 };
enum nnrt_role { NNRT_PARAM, NNRT_STATE, NNRT_OPT };
enum nnrt_entry_kind { NNRT_PREDICT, NNRT_EVAL, NNRT_GRAD, NNRT_UPDATE, NNRT_STEP };
enum { NNRT_DRAWS = 1 }; /* flag of nnrt_entry: it draws random numbers, so the clock's seed counts */
enum nnrt_cpu {
    NNRT_CPU_AVX = 1, NNRT_CPU_AVX2 = 2, NNRT_CPU_FMA = 4, NNRT_CPU_BMI1 = 8, NNRT_CPU_BMI2 = 16, NNRT_CPU_F16C = 32,
    NNRT_CPU_LZCNT = 64, NNRT_CPU_MOVBE = 128, NNRT_CPU_AVX512F = 256, NNRT_CPU_AVX512CD = 512,
    NNRT_CPU_AVX512BW = 1024, NNRT_CPU_AVX512DQ = 2048, NNRT_CPU_AVX512VL = 4096,
    NNRT_CPU_OS_AVX = 8192,     /* the system saves the AVX registers */
    NNRT_CPU_OS_AVX512 = 16384
};
typedef struct nnrt_symbol nnrt_symbol;
typedef struct nnrt_axis nnrt_axis;
typedef struct nnrt_view nnrt_view;
typedef struct nnrt_tensor nnrt_tensor;
typedef struct nnrt_hyper nnrt_hyper;
typedef struct nnrt_metric nnrt_metric;
typedef struct nnrt_fact nnrt_fact;
typedef struct nnrt_call nnrt_call;
typedef struct nnrt_entry nnrt_entry;
typedef struct nnrt_train nnrt_train;
typedef int64_t nnrt_bytes_fn(const int64_t *sizes);
typedef double nnrt_value_fn(const int64_t *sizes);
typedef int32_t nnrt_begin_fn(const nnrt_call *call);
typedef void nnrt_phase_fn(void *work, uint32_t worker, uint32_t workers);
typedef int32_t nnrt_end_fn(void *work);
typedef int32_t nnrt_init_fn(void *params, void *opt, uint64_t seed, void *work);
typedef int32_t nnrt_prepare_fn(void *params);
typedef int32_t nnrt_start_fn(const void *params, void *opt, uint64_t seed, void *work);
#define STRUCT(name) struct name {
#define FIELD(kind, type, name) type name;
#define END(name) };
#include "abi.def"
#undef ABI_WITHOUT_STEP

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
/* ---- abi.c ---- */
/* The structs above as text, for hosts that make their declarations when they start: a line with a struct's name, then
   one a field, " KIND name: C type", KIND being U32 I32 U64 I64 F64 PTR. There is no padding. */
const char *nnrt_layouts(void);

/* ---- status.c ---- */
const char *nnrt_status_text(int32_t status);
/* Why the last failed call on a library or session failed; "" before any did. Lives until its next failure. */
const char *nnrt_error(const void *handle);

/* ---- library.c, cpu.c: models in files ---- */
typedef struct nnrt_library nnrt_library;
/* Opens a compiled .so and checks it. *out is given on failure too (unless memory is gone): ask it why, close it. */
int32_t nnrt_open(const char *path, nnrt_library **out);
const nnrt_model *nnrt_library_model(const nnrt_library *library); /* NULL where opening failed */
void nnrt_close(nnrt_library *library);                            /* its sessions are freed before */
/* May this model run here? Its interface version, its CPU features. Sessions and nnrt_open ask by themselves. */
int32_t nnrt_check(const nnrt_model *model, char *message, size_t size);
uint64_t nnrt_cpu_features(void);

/* ---- model.c: reading a descriptor. What is looked up and not found is -1. ---- */
int32_t nnrt_find_entry(const nnrt_model *model, const char *name, int kind); /* name NULL: the first of the kind */
int32_t nnrt_find_tensor(const nnrt_model *model, const char *name);
int32_t nnrt_find_hyper(const nnrt_model *model, const char *name);
int32_t nnrt_find_input(const nnrt_entry *entry, const char *name);
int32_t nnrt_find_output(const nnrt_entry *entry, const char *name);
size_t nnrt_dtype_bytes(uint32_t dtype);      /* 0: no dtype */
const char *nnrt_dtype_name(uint32_t dtype);
/* "f32[N, 10]": at most size bytes with the final NUL; returns buffer. */
char *nnrt_view_text(const nnrt_model *model, const nnrt_view *view, char *buffer, size_t size);
char *nnrt_tensor_text(const nnrt_tensor *tensor, char *buffer, size_t size);
/* From totals as eval, grad and step add them up. */
double nnrt_loss_of(const double *totals);
double nnrt_metric_of(const nnrt_metric *metric, const double *totals);
int nnrt_stop_of(const nnrt_entry *entry, const double *totals); /* did a `stop` condition hold? */

/* ---- session.c: memory and settings for running a model ---- */
typedef struct nnrt_options {
    uint32_t size;         /* sizeof(nnrt_options) */
    uint32_t workers;      /* 0: one a CPU that this process may use */
    double parallel_flops; /* calls that cost less run on the caller alone; below 0: the default, 1e6 */
    void *user;            /* handed to the functions below, each of which may be NULL */
    void *(*alloc)(void *user, size_t bytes); /* at least 64-byte aligned; alloc and release go together */
    void (*release)(void *user, void *memory, size_t bytes);
    /* Runs work(context, 0 .. workers-1) all at the same time, since they wait for each other; returns after them. */
    void (*team)(void *user, uint32_t workers, void (*work)(void *context, uint32_t worker), void *context);
    /* Runs work(context, 0 .. workers-1) in any order. Used, once a phase, where there is no team. */
    void (*parallel_for)(void *user, uint32_t workers, void (*work)(void *context, uint32_t worker), void *context);
    void (*trace)(void *user, const nnrt_entry *entry, uint32_t phase, double seconds); /* after each phase */
} nnrt_options;
void nnrt_options_init(nnrt_options *options);

typedef struct nnrt_session nnrt_session;
/* options NULL: the defaults. *out is given on failure too (unless memory is gone). */
int32_t nnrt_session_new(const nnrt_model *model, const nnrt_options *options, nnrt_session **out);
void nnrt_session_free(nnrt_session *session);
const nnrt_model *nnrt_session_model(const nnrt_session *session);

/* First values of every parameter and state from a seed; the clock starts anew with this seed. */
int32_t nnrt_init(nnrt_session *session, uint64_t seed);
/* Uses parameters of the host's (64-byte aligned, params_bytes long, prepared) from the next call on. Any number of
   sessions may share them as long as none trains. NULL: the session's own again. */
int32_t nnrt_use_params(nnrt_session *session, void *params);
void *nnrt_params(nnrt_session *session); /* NULL before there are any */
/* One parameter, state, or optimizer's state by name, dense row-major; bytes must be its size. */
int32_t nnrt_read(nnrt_session *session, const char *tensor, void *into, size_t bytes);
int32_t nnrt_write(nnrt_session *session, const char *tensor, const void *from, size_t bytes);
int32_t nnrt_read_grad(nnrt_session *session, const char *tensor, void *into, size_t bytes); /* after a grad call */
/* The next grad call starts from zero; without this gradients add up. */
int32_t nnrt_zero_grad(nnrt_session *session);
int32_t nnrt_set_hyper(nnrt_session *session, const char *name, double value);
int32_t nnrt_get_hyper(nnrt_session *session, const char *name, double *out_value);
/* Seed, step, epoch, first sample and weight of the next call. step and update count the step on by themselves. A new
   clock begins an epoch. */
int32_t nnrt_set_clock(nnrt_session *session, const nnrt_step *clock);
const nnrt_step *nnrt_clock(const nnrt_session *session);

/* ---- bind.c: buffers. An entry is given by its place in model->entries (nnrt_find_entry). dims has rank numbers;
   bytes is the buffer's length, at least what dims and dtype need. Sizes of symbols follow from what is bound. ---- */
int32_t nnrt_bind_input(nnrt_session *session, int32_t entry, const char *name, uint32_t dtype, uint32_t rank,
                        const int64_t *dims, const void *data, size_t bytes);
int32_t nnrt_bind_output(nnrt_session *session, int32_t entry, const char *name, uint32_t dtype, uint32_t rank,
                         const int64_t *dims, void *data, size_t bytes);
int32_t nnrt_bind_input_at(nnrt_session *session, int32_t entry, int32_t input, uint32_t dtype, uint32_t rank,
                           const int64_t *dims, const void *data, size_t bytes);
int32_t nnrt_bind_output_at(nnrt_session *session, int32_t entry, int32_t output, uint32_t dtype, uint32_t rank,
                            const int64_t *dims, void *data, size_t bytes);

/* ---- run.c ---- */
int32_t nnrt_run(nnrt_session *session, int32_t entry);
/* Sums that eval, grad and step add to: [0] rows, [1] loss x rows, then metrics and stops. NULL: no such entry. */
const double *nnrt_totals(const nnrt_session *session, int32_t entry);
int32_t nnrt_clear_totals(nnrt_session *session, int32_t entry);
uint32_t nnrt_workers_ran(const nnrt_session *session); /* how many took part in the last run */

/* ---- fit.c: the training loop ---- */
/* Samples: whole arrays, or a function that copies out the rows it is asked for. */
typedef struct nnrt_source {
    uint32_t size;              /* sizeof(nnrt_source) */
    uint32_t spare;
    int64_t rows;
    const void *const *arrays;  /* one an input of the train block, `rows` samples each, row-major; or NULL: fetch */
    int32_t (*fetch)(void *user, const int64_t *rows, int64_t count, void *const *into); /* a status */
    void *user;
    const int64_t *chosen;      /* the rows to use, in this order; NULL: all */
    int64_t nchosen;
    const int64_t *sizes;       /* of the entry's symbols, in order; needed where others than the samples' exist */
} nnrt_source;
void nnrt_source_init(nnrt_source *source);

typedef struct nnrt_progress {
    uint32_t size;              /* sizeof(nnrt_progress) */
    uint32_t spare;
    uint64_t epoch, epochs;     /* this one and the last one of this call, as the clock counts; 0: none is set */
    uint64_t step;              /* the last one done */
    int64_t batch, batches;     /* done and to be done in this epoch; accumulated ones are one */
    int64_t rows;               /* of one epoch, without those dropped */
    int64_t dropped;            /* a last smaller batch that a constant sample axis cannot take */
    const nnrt_entry *entry;    /* for nnrt_metric_of */
    const double *totals;       /* of this epoch so far */
    const double *last;         /* of the last batch alone */
    const double *test;         /* held out, at the end of an epoch; else NULL */
    int stopped;                /* a `stop` of the model holds: this was the last batch */
    int best;                   /* at the end of an epoch: its loss is the lowest (held out, where samples are) */
    uint64_t waited;            /* epochs since the best one */
    uint64_t skipped;           /* batches of this call whose loss or gradient was not finite */
} nnrt_progress;
enum nnrt_on_nan { NNRT_STOP_ON_NAN, NNRT_SKIP_ON_NAN };
typedef struct nnrt_fit_options {
    uint32_t size;              /* sizeof(nnrt_fit_options) */
    uint32_t shuffle;           /* 1: each epoch in an order of its own, from seed and epoch; 0: as given */
    int64_t epochs;             /* 0: until a `stop` or a callback ends it */
    int64_t batch;              /* 0: the constant sample axis, else what the file says, else 32 */
    uint64_t seed;
    const nnrt_source *test;    /* held out: evaluated after each epoch; or NULL */
    void *user;
    int (*on_batch)(void *user, const nnrt_progress *progress); /* nonzero stops there, and fit returns NNRT_OK */
    int (*on_epoch)(void *user, const nnrt_progress *progress);
    int64_t accumulate;         /* so many batches make one update, with the gradient of all their samples; 0: one */
    int64_t max_updates;        /* ends when the clock has counted so many; 0: no bound */
    int64_t patience;           /* ends after so many epochs without a lower loss; 0: never */
    uint32_t on_nan;            /* enum nnrt_on_nan: skip goes on with the next batch, as if this one were not there */
    uint32_t spare;
} nnrt_fit_options;
void nnrt_fit_options_init(nnrt_fit_options *options); /* shuffled, one epoch, seed 0 */
/* Trains by the `step` entry of a train block (NULL: the first); where batches are accumulated or may be skipped, by
   `grad` and `update`, which give the same bits. It goes on where the last one ended, in the middle of an epoch too. A
   loss that is not finite ends it with NNRT_ERR_NONFINITE before any parameter has changed by it. */
int32_t nnrt_fit(nnrt_session *session, const char *train, const nnrt_source *data, const nnrt_fit_options *options);
/* Adds the `eval` of every sample to totals (entry->ntotals of them, zeroed here). The clock stays as it is. */
int32_t nnrt_evaluate(nnrt_session *session, const char *train, const nnrt_source *data, int64_t batch, double *totals);

/* Where a training stands in its data. nnrt_fit keeps it up with every batch, and checkpoints hold it. */
typedef struct nnrt_cursor {
    uint32_t size;              /* sizeof(nnrt_cursor) */
    int32_t train;              /* its train block; -1: none has begun */
    int64_t position;           /* samples of the clock's epoch that are done */
    int64_t rows;               /* of an epoch */
    int64_t batch, accumulate;
    uint32_t shuffle;
    uint32_t changed;           /* 1: loaded from a checkpoint of a model that computes something else */
    uint64_t best_epoch;        /* 0: none yet */
    double best;                /* its loss */
} nnrt_cursor;
const nnrt_cursor *nnrt_cursor_of(const nnrt_session *session);

/* ---- shuffle.c: the order of (seed, epoch): 0 .. n-1, by Fisher and Yates with Philox4x32-10 ---- */
void nnrt_shuffle(uint64_t seed, uint64_t epoch, int64_t *out_order, int64_t n);

/* ---- weights.c: parameters and layer state by name, as safetensors ---- */
int32_t nnrt_save(nnrt_session *session, const char *path); /* the old file or the new one, whatever happens */
int32_t nnrt_load(nnrt_session *session, const char *path); /* everything is checked before anything changes */
/* The same for a params area without a session. */
int32_t nnrt_save_params(const nnrt_model *model, const void *params, const char *path, char *message, size_t size);
int32_t nnrt_load_params(const nnrt_model *model, void *params, const char *path, char *message, size_t size);

/* Takes what has the name, dtype and shape of a parameter or layer state; `tell` (or NULL) gets a sentence for each
   tensor that is on one side alone. The session has values already. */
int32_t nnrt_load_matching(nnrt_session *session, const char *path, void (*tell)(void *user, const char *sentence),
                           void *user);

/* A safetensors file by itself, whatever wrote it. *out is given on failure too (unless memory is gone). */
typedef struct nnrt_file nnrt_file;
int32_t nnrt_file_open(const char *path, nnrt_file **out);
void nnrt_file_close(nnrt_file *file);
/* "f32[64, 10]": at most size bytes with the final NUL; returns buffer, or NULL: no tensor of the file has the name. */
char *nnrt_file_text(const nnrt_file *file, const char *name, char *buffer, size_t size);
const char *nnrt_file_name(const nnrt_file *file, int64_t index); /* in order of name; NULL: past the last */
/* The values of one; it must have the dtype and the sizes of `as`, else NNRT_ERR_SHAPE. as->bytes are written. */
int32_t nnrt_file_read(nnrt_file *file, const char *name, const nnrt_tensor *as, void *into);

/* ---- checkpoint.c: all that a training needs to go on: values, optimizer's state, settings, clock, cursor ---- */
int32_t nnrt_save_checkpoint(nnrt_session *session, const char *path); /* the old file or the new one */
/* Everything is checked before anything changes. nnrt_fit then gives the bits of a training that was never stopped. */
int32_t nnrt_load_checkpoint(nnrt_session *session, const char *path);
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
