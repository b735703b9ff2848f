/* missing.c: what the language has and this version has not, refused by its name. */
#include "frontend/elab.h"

/* Primitives and names of std; a file's own definition of one is taken as any other. */
static const struct { const char *name, *lacks; } absent[] = {
    {"convolve", "convolution"}, {"conv", "convolution"},
    {"window_max", "windows"}, {"window_sum", "windows"}, {"max_pool", "pooling by windows"},
    {"avg_pool", "pooling by windows"},
    {"scan", "walks along an axis"}, {"final", "walks along an axis"},
    {"rnn", "recurrence, which `scan` is for"}, {"lstm", "recurrence, which `scan` is for"},
    {"gru", "recurrence, which `scan` is for"}, {"orthogonal", "orthogonal first values, which `scan` is for"},
    {"attention", "attention"}, {"causal_bias", "attention"},
};

static Val refuse(const Frame *f, Span at, const char *what, const char *lacks)
{
    Diag *d = fault(f, at, "E0409", "%s is not available yet", what);
    diag_primary(d, "this version has no %s", lacks);
    return poison;
}

Val missing(const Frame *f, Span at, const char *what)
{
    return refuse(f, at, what, "way to build it so far");
}

bool missing_named(const Frame *f, const char *name, Span at)
{
    for (size_t i = 0; i < COUNT(absent); i++) {
        if (!str_equal(absent[i].name, name)) continue;
        if (!map_has(f->e->unknown, name)) refuse(f, at, str_format(f->e->arena, "`%s`", name), absent[i].lacks);
        map_set(f->e->unknown, name, (void *)name); /* once is enough */
        return true;
    }
    return false;
}
