/* frontend: text to graph. Words (flex), grammar (bison), tree, elaboration, and the reader of the flat form. */
#ifndef NNC_FRONTEND_H
#define NNC_FRONTEND_H
#include "ir/ir.h"

typedef struct Define { const char *name, *value; } Define; /* -D name=value */
typedef struct FrontendOptions {
    const char *name;        /* prefix of every symbol; NULL: the file's stem */
    const char *std_dir;     /* NULL: the std embedded in the compiler */
    const char *weights;     /* the file with all first values of parameters and layer state; NULL: none */
    DType real;              /* DT_F32, or DT_F64: what `real` and the text's f32 are */
    const Define *defines;
    int ndefines;
} FrontendOptions;
/* Reads a source file, or a flat one (it says `stage "..."`), into a program of graphs. NULL after messages to cx;
   where the file cannot be read errno is set and no message given. */
Program *frontend_load(Cx *cx, const char *path, const FrontendOptions *options);
/* The same from text; `name` is how messages call it. */
Program *frontend_parse(Cx *cx, const char *name, const char *text, const FrontendOptions *options);

typedef struct Formatted { const char *text; size_t size; bool changed; } Formatted;
/* The file in the settled style, word for word the same. False after messages to cx where its syntax is broken; where
   it cannot be read errno is set and no message given. */
bool frontend_format(Cx *cx, const char *path, Formatted *out);
#endif
