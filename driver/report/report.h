/* report.h: the pictures of a training run, and the page that shows them together. Laid out by file; what stands before
   the line of dashes is what training calls. Files are written as the run goes, at most one in two seconds, and at its
   end. All that they say follows from the run alone: the same run leaves the same bytes. */
#ifndef NNC_REPORT_H
#define NNC_REPORT_H
#include "base/base.h"
#include "runtime/nnrt.h"

/* ---- report.c ---- */
typedef struct Setting {
    const char *name, *value;
} Setting;
typedef struct ReportSetup {
    Arena *arena;
    const char *folder, *model_file; /* the file may be read again for the page */
    nnrt_session *session;
    const nnrt_entry *entry;         /* the train block's step */
    const nnrt_source *train, *test; /* test is NULL where nothing is held out */
    int64_t seed, epochs;            /* epochs 0: until a `stop` */
    bool has_loss, resumed;          /* resumed: earlier epochs are read back from the folder's metrics.csv */
    const Setting *settings;         /* for the page, which leaves out what is empty, 0 or a hash */
    int nsettings;
    const char *memory_plan;         /* as text, or NULL */
} ReportSetup;
struct Program;
const char *report_memory_plan(Arena *a, const struct Program *p); /* NULL: memory is gone */
typedef struct Report Report;
Report *report_start(const ReportSetup *setup); /* the values before the first step are what the pictures start from */
bool report_epoch(Report *r, const nnrt_progress *p); /* false after a message */
/* After the last epoch, or where training ended early: all pictures with the values as they are now. */
bool report_finish(Report *r);

/* ------------------------------------------------------------------------------------------------------------------ */

/* ---- history.c: what each epoch came to ---- */
typedef struct EpochNumbers {
    uint64_t epoch, step;
    double *train, *test; /* by series; test NULL where nothing is held out */
} EpochNumbers;
typedef struct History {
    Arena *arena;
    const char **names; /* of the series: the loss, then the metrics */
    int nseries, first; /* first: 1 where there is no loss to show */
    bool has_test;
    VEC(EpochNumbers) epochs;
} History;
History *history_new(Arena *a, const nnrt_entry *entry, bool has_loss, bool has_test);
void history_add(History *h, const nnrt_progress *p);
void history_read_csv(History *h, const char *text); /* the lines that metrics.csv holds */
int history_best(const History *h, int series); /* the epoch with the lowest held-out (else own) number; -1: none */
double history_last(const History *h, int series, bool test); /* NaN where there is none */

/* ---- svg.c: text, scales and frames of pictures ---- */
extern const char svg_style[]; /* of every picture here, light and dark */
void xml_text(Text *to, const char *text); /* escaped; bytes that are no UTF-8 or no character become U+FFFD */
void svg_open(Text *to, double width, double height, const char *title, bool alone); /* alone: a file of its own */
void svg_close(Text *to);
void svg_text(Text *to, double x, double y, const char *classes, const char *text);
typedef struct Scale {
    double low, high, step; /* in the numbers shown; of a logarithmic one, in powers of ten */
    double from, to;        /* where low and high lie in the picture */
    bool log;
} Scale;
Scale scale_new(double low, double high, int wanted, double from, double to);
Scale scale_log(double low, double high, double from, double to);
double scale_at(const Scale *s, double v);
int scale_ticks(const Scale *s, double *out, int max);
const char *scale_text(Arena *a, const Scale *s, double tick);
const char *short_number(Arena *a, double v); /* four digits */
const char *grouped_number(Arena *a, int64_t v); /* 12,345 */
const char *bytes_text(Arena *a, int64_t bytes); /* 12.3 kB */

/* ---- curves.c: every series over the epochs ---- */
void curves_draw(const History *h, Text *to, bool alone);
void sparkline_draw(const History *h, int series, Text *to);

/* ---- predictor.c: the model that a train block trains, run on rows of a source ---- */
typedef struct Predictor {
    nnrt_session *session;
    int32_t at;
    const nnrt_entry *entry, *train;
    int *from;     /* by input of the model: which input of the train block it is */
    int64_t width; /* columns of its output */
} Predictor;
/* False where no model of floating point rows and one output takes only inputs that the block has. */
bool predictor_find(Arena *a, nnrt_session *s, const nnrt_entry *train, Predictor *out);
/* n x width numbers for these rows; NULL where a run fails. The inputs' arrays are those of the train block. */
double *predictor_run(const Predictor *p, Arena *a, const nnrt_source *source, const int64_t *rows, int64_t n);
int64_t source_rows(const nnrt_source *s);
int64_t source_row(const nnrt_source *s, int64_t i); /* which row of the arrays comes i-th */
int64_t source_width(const nnrt_entry *train, int input, const nnrt_source *s); /* elements of one row */
double source_number(const nnrt_entry *train, int input, const nnrt_source *s, int64_t element);

/* ---- classes.c: what the samples are told to be ---- */
typedef struct Classes {
    int n;          /* 2 or more */
    int input;      /* the train block's input that tells */
    const char **names;
    bool threshold; /* one column: class 1 where it is at least 0.5 */
    bool one_hot;
} Classes;
/* False where no input tells classes that the model's output could be read as. */
bool classes_find(Arena *a, const Predictor *p, const nnrt_source *source, Classes *out);
int classes_truth(const Classes *c, const Predictor *p, const nnrt_source *source, int64_t row);
int classes_guess(const Classes *c, const double *output); /* -1: not a number */

/* ---- region.c: the model's output over the plane of its two inputs, as training went on ---- */
typedef struct DecisionRegion DecisionRegion;
DecisionRegion *decision_region_new(Arena *a, const Predictor *p, const nnrt_source *source); /* NULL: no such model */
/* Of the frames taken the first, those of epochs 1, 2, 4, 8, ..., and the last one stay. */
bool decision_region_stays(uint64_t epoch);
void decision_region_take(DecisionRegion *r, uint64_t epoch, bool within);
void decision_region_draw(const DecisionRegion *r, Text *to, bool alone);

/* ---- confusion.c ---- */
typedef struct Confusion {
    int n;
    const char **names;
    const char *target;
    int64_t *counts; /* [truth * n + guess] */
    int64_t total, right;
    bool held_out;
} Confusion;
Confusion *confusion_new(Arena *a, int n, const char **names);
void confusion_count(Confusion *c, int truth, int guess);
Confusion *confusion_measure(Arena *a, const Predictor *p, const nnrt_source *source); /* NULL: no classes */
void confusion_draw(const Confusion *c, Text *to, bool alone);
/* The i-th most frequent mistake; false where there are no more. */
bool confusion_worst(const Confusion *c, int i, int *out_truth, int *out_guess);

/* ---- events.c: what TensorBoard reads ---- */
uint32_t crc32c(const void *data, size_t n);
void events_header(Text *to, double wall_time);
void events_scalar(Text *to, double wall_time, int64_t step, const char *tag, float value);

/* ---- weights.c: how the values of each parameter lie ---- */
typedef struct Weights Weights;
Weights *weights_new(Arena *a, nnrt_session *s); /* remembers the values as they are now */
void weights_draw(const Weights *w, Text *to); /* a table, for the page */

/* ---- html.c: one page, with everything in it ---- */
typedef struct Page {
    const ReportSetup *setup;
    const History *history;
    const DecisionRegion *region; /* NULL where there is none, as below */
    const Confusion *confusion;
    const Weights *weights;
    uint64_t updates;             /* of one epoch */
    int64_t batch, dropped;
    bool running;
} Page;
void html_page(const Page *p, Text *to);
#endif
