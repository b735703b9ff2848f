/* codegen: planned graphs to machine code, through the LLVM C API; the only folder that sees llvm-c/. */
#ifndef NNC_CODEGEN_H
#define NNC_CODEGEN_H
#include "ir/ir.h"

/* Whose runtime the host brings: the code tells it what it reads and writes. */
typedef enum Sanitizer { SANITIZE_NONE, SANITIZE_ADDRESS, SANITIZE_THREAD } Sanitizer;
typedef struct CodegenOptions {
    const char *march;      /* a name in target.def, or "native"; NULL: native, or the first of the target */
    int level;              /* -O0 .. -O3 */
    bool debug;             /* -g */
    Sanitizer sanitize;
    const char *target;     /* LLVM's triple; NULL: that of march */
    bool portable;          /* march and each level above it, chosen at load; without march from the least on */
} CodegenOptions;
typedef struct Bytes { const void *at; size_t size; } Bytes;
typedef enum EmitKind { EMIT_OBJECT, EMIT_LLVM_IR, EMIT_ASM } EmitKind;
/* The bytes live in the program's arena. False after a message. */
bool codegen_emit(Program *p, const CodegenOptions *options, EmitKind kind, Bytes *out);
/* The self-contained C99 header of the model. */
const char *codegen_header(Program *p); /* NULL after a message */
/* The object as a shared library, by ld.lld without a shell. False after a message; path is whole or untouched. The
   names of a sanitizer's runtime stay open in what was made for it. */
bool codegen_link(Program *p, Bytes object, Sanitizer sanitize, const char *path);
/* The object, run in this process. NULL after a message. */
typedef struct Jit Jit;
Jit *jit_open(Program *p, Bytes object);
void *jit_symbol(Jit *j, const char *name);
void jit_close(Jit *j);
/* The levels this compiler knows, and the best one of this machine. */
const char *const *codegen_levels(int *out_n);
const char *codegen_native_level(void);
bool codegen_level_runs_here(const char *level);
bool codegen_has_target(Cx *cx, const CodegenOptions *options); /* false after a message */
bool codegen_is_bare(const CodegenOptions *options); /* for machines without a system: objects only */
#endif
