/* fuzz.h: what the fuzz targets share. A target is a file that defines LLVMFuzzerTestOneInput; it is linked to libFuzzer by
   tools/fuzz, and to replay.c, which hands it its kept seeds, by the test suite. */
#ifndef NNC_FUZZ_H
#define NNC_FUZZ_H
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a file that lies in memory: its path. The next call changes what it holds. */
const char *memory_file(const void *data, size_t size);
/* All messages as a terminal would get them, thrown away. */
void render_all(Cx *cx);

/* A text is read, and where it is a program it goes through all passes, each result verified. Ends the process where a
   program without an error breaks one of the compiler's own rules. */
void compile_text(const char *name, const char *text);

#ifdef NNC_DATA_H
/* What the columns are read for: an f32 `x` of width 3, an index `group` of four named classes, an f64 `y`, an open `any`. */
extern const nnrt_view data_views[4];
void load_data(const char *const *specs, int n, const nnrt_view *views, int nviews);
void load_array(const uint8_t *data, size_t size); /* a file of one array, for each of the inputs by itself */
#endif
#endif
