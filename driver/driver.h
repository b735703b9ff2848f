/* driver: the command line. Options in one table, a file a command. */
#ifndef NNC_DRIVER_H
#define NNC_DRIVER_H
#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "runtime/nnrt.h"

/* Exit statuses. */
enum {
    EXIT_GOOD = 0,
    EXIT_MODEL = 1,
    EXIT_CHECK = 2,
    EXIT_USAGE = 64,
    EXIT_NO_INPUT = 66,
    EXIT_NO_OUTPUT = 73,
    EXIT_SIGNAL = 128, /* and the signal's number: Ctrl-C gives 130 */
};

/* ---- options.c ---- */
enum {
    COMPILE = 1, CHECK = 2, TRAIN = 4, PREDICT = 8, INSPECT = 16, EXPLAIN = 32, EVAL = 64, NEW_MODEL = 128,
    VERIFY = 256, GRADCHECK = 512, COMPLETIONS = 1024, MAN = 2048, FMT = 4096, RUN = 8192
};
typedef struct OptionInfo {
    char letter;
    const char *text, *value;
    int commands;
    const char *what;
} OptionInfo;
const OptionInfo *option_list(int *out_n);
extern const char exit_status_text[];
typedef enum OptionId {
#define OPTION(NAME, letter, text, value, commands, what) OPT_##NAME,
#include "driver/options.def"
    OPT_COUNT
} OptionId;
typedef struct Dump Dump;
typedef struct Args {
    Cx *cx;
    int command;                         /* one of the bits above */
    VEC(const char *) operands;
    VEC(const char *) values[OPT_COUNT]; /* in order; a switch has "" */
    Dump *dump;                          /* whose values the models give instead of their results, or NULL */
} Args;
typedef struct Command {
    const char *name;
    int bit;
    int (*run)(Args *);
    const char *operands, *what, *examples;
} Command;
const Command *command_list(int *out_n);  /* main.c */
int args_parse(Args *a, const Command *command, int argc, char **argv); /* 0, or an exit status after a message */
bool args_has(const Args *a, OptionId id);
const char *args_text(const Args *a, OptionId id); /* the last one given, or NULL */
bool args_count(const Args *a, OptionId id, int64_t low,
                int64_t *out_value); /* a whole number; false after a message */
void help_print(FILE *to, const Command *only);
/* What a command reads it does not write over. 0, or EXIT_USAGE after a message. */
int refuse_overwriting(const char *to, const char *const *read, int n);
bool args_colour(const Args *a, FILE *stream);
int usage_error(const char *fmt, ...) PRINTF_LIKE(1, 2); /* prints and gives EXIT_USAGE */
int failure(const char *fmt, ...) PRINTF_LIKE(1, 2);     /* prints and gives EXIT_MODEL */

/* ---- build.c: from a file name to graphs, an object, a running model ---- */
Program *build_graphs(Args *a, int *out_status);       /* parsed and checked only */
Program *build_planned(Args *a, int *out_status);      /* through all passes */
CodegenOptions codegen_options(const Args *a);                 /* which machine, how hard */
typedef struct Running {
    Program *program;
    Jit *jit;
    nnrt_library *library; /* of a model that was compiled before: then there is neither program nor jit */
    const nnrt_model *model;
    nnrt_session *session;
} Running; /* compiled into this process */
int build_running(Args *a, Running *out);              /* 0, or an exit status after a message */
int running_open(Args *a, Running *out);               /* the same, of a compiled .so too */
/* The entry of that kind of the train block that --model names, else of the first; `purpose` ends the sentence where there is
   none. NULL after a message. */
const nnrt_entry *train_entry(const Args *a, const Running *r, int kind, const char *purpose, const TrainInfo **out_info);
/* --model names none of these, or there is none; `purpose` ends the sentence then. EXIT_MODEL after a message. */
int refuse_model(const Args *a, const char *file, const char *kind, const char *purpose, const char *const *names, int n);
int find_predict(const Args *a, const nnrt_model *m, int32_t *out_at); /* --model, or the first; 0, or EXIT_MODEL */
int weights_wanted(const Args *a, const nnrt_model *m); /* 0 if -w is given, or nothing is to be loaded */
int weights_load(Args *a, nnrt_session *s, const char *path); /* 0, or an exit status after a message */
void running_close(Running *r);
int model_finish(const Args *a, int status);           /* prints the messages collected so far, gives the status */

/* ---- weights.c: reads the first values that stand in files; 0, or an exit status after a message ---- */
int weights_read(const Args *a, Program *p);
void weights_refused(Cx *cx, const char *path, const char *why); /* the message that a file of weights is none */
bool is_folder(const char *path);

/* ---- data/source.c: what --data says, or else the train block; its number, 0 after a message ---- */
int data_given(Args *a, const TrainInfo *info, const char *const **out_specs);

/* ---- report/ ---- */
void dot_print(const Program *p, Text *to);                       /* dot.c */
typedef struct Bar Bar;                                           /* bar.c: progress of training, on standard error */
Bar *bar_new(Args *a, const nnrt_entry *entry, bool has_loss);
void bar_batch(Bar *b, const nnrt_progress *p);
void bar_epoch(Bar *b, const nnrt_progress *p);
typedef struct RunFolder RunFolder;                               /* folder.c: what a run leaves behind */
/* Of a run that goes on, the epochs before `resumed_epoch` are kept; 0 begins anew. NULL after a message, as false below. */
RunFolder *folder_new(Args *a, const Running *r, const char *path, const nnrt_entry *entry, bool has_loss,
                      uint64_t resumed_epoch);
struct Setting;
bool folder_settings(RunFolder *f, const struct Setting *settings, int n); /* settings.json */
bool folder_epoch(RunFolder *f, const nnrt_progress *p); /* metrics.csv, best weights */
bool folder_checkpoint(RunFolder *f, bool best);         /* the last one, or that of the best epoch too */
bool folder_last(RunFolder *f);                          /* last.safetensors, at the end */
const char *folder_path(const RunFolder *f);
#define CHECKPOINT_NAME "checkpoint.safetensors"
#define BEST_CHECKPOINT_NAME "best-checkpoint.safetensors"

/* ---- commands/ ---- */
int command_compile(Args *a);
int command_check(Args *a);
int command_fmt(Args *a);
int command_explain(Args *a);
int command_train(Args *a);
int command_predict(Args *a);
int command_run(Args *a);
int command_eval(Args *a);
int command_new(Args *a);
int command_verify(Args *a);
int command_gradcheck(Args *a);
int command_completions(Args *a);
int command_man(Args *a);
bool dump_prepare(Args *a, Program *p);         /* commands/dump.c; false after a message */
int dump_command(Args *a, bool evaluation); /* --dump */
int command_inspect(Args *a);
#endif
