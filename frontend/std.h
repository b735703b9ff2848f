/* std.h: the standard library, embedded as bytes when the compiler is built. */
#ifndef NNC_STD_H
#define NNC_STD_H
#include <stddef.h>
typedef struct StdFile { const char *name, *text; size_t size; } StdFile;
extern const StdFile std_files[];
extern const int std_nfiles;
#endif
