/* many.c: any number of models in one process, all of their names global, all loaded before the first runs. Prints what
   each predicts and what three steps of training make of that, as one number a model, in the order given.

   usage: many LIBRARY ... */
#include "buffers.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 21, MAX_MODELS = 32, MAX_VIEWS = 16, MAX_SYMBOLS = 8 };

static void must(nnrt_session *s, int32_t status)
{
    if (status) fail("%s", nnrt_error(s));
}

static uint64_t run(nnrt_session *s, int kind, int times)
{
    const nnrt_model *m = nnrt_session_model(s);
    int32_t entry = nnrt_find_entry(m, NULL, kind);
    const nnrt_entry *e = &m->entries[entry];
    Buffer views[MAX_VIEWS];
    int64_t sizes[MAX_SYMBOLS], dims[16];
    uint64_t h = 0;
    sizes_choose(m, e, ROWS, sizes);
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        bool in = i < e->ninputs;
        const nnrt_view *v = in ? &e->inputs[i] : &e->outputs[i - e->ninputs];
        Buffer *at = &views[i];
        *at = buffer_new(ON_HEAP, view_bytes(e, v, sizes), 8);
        view_dims(e, v, sizes, dims);
        view_fill(v, at, i);
        if (in) must(s, nnrt_bind_input_at(s, entry, (int32_t)i, v->dtype, v->rank, dims, at->at, at->bytes));
        else must(s, nnrt_bind_output_at(s, entry, (int32_t)(i - e->ninputs), v->dtype, v->rank, dims, at->at, at->bytes));
    }
    for (int i = 0; i < times; i++) must(s, nnrt_run(s, entry));
    for (uint32_t i = 0; i < e->ninputs + e->noutputs; i++) {
        h = h * 31 + buffer_hash(&views[i]);
        buffer_free(&views[i]);
    }
    return h;
}

int main(int argc, char **argv)
{
    nnrt_library *libraries[MAX_MODELS];
    nnrt_session *sessions[MAX_MODELS];
    if (argc < 2 || argc > MAX_MODELS) return 64;
    for (int i = 1; i < argc; i++) {
        if (!dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL)) fail("%s", dlerror());
        if (nnrt_open(argv[i], &libraries[i])) fail("%s", nnrt_error(libraries[i]));
    }
    for (int i = 1; i < argc; i++) {
        int32_t status = nnrt_session_new(nnrt_library_model(libraries[i]), NULL, &sessions[i]);
        must(sessions[i], status);
        must(sessions[i], nnrt_init(sessions[i], 9));
    }
    for (int i = 1; i < argc; i++) {
        uint64_t first = run(sessions[i], NNRT_PREDICT, 1);
        run(sessions[i], NNRT_STEP, 3);
        uint64_t trained = run(sessions[i], NNRT_PREDICT, 1);
        if (first == trained) fail("%s learns nothing", argv[i]);
        printf("%s %016llx %016llx\n", argv[i], (unsigned long long)first, (unsigned long long)trained);
    }
    for (int i = 1; i < argc; i++) nnrt_session_free(sessions[i]), nnrt_close(libraries[i]);
    return 0;
}
