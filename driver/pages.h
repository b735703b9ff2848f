/* pages.h: what `nnc explain` knows, the pages of docs/explain, embedded when the compiler is built. */
#ifndef NNC_PAGES_H
#define NNC_PAGES_H
#include <stddef.h>
typedef struct PageFile { const char *name, *text; size_t size; } PageFile;
extern const PageFile page_files[];
extern const int page_nfiles;
#endif
