/* host MODEL.so ...: runs every entry of every model at several sizes and by several workers, on inputs that follow
   from a seed, and prints what came out as hashes of bits. Made for two machines, it says the same on both, or one is
   wrong. */
#include "nnrt.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VIEWS = 32, MAX_SYMBOLS = 16 };
static const int64_t sizes[] = {1, 2, 7, 17, 66};
static const uint32_t teams[] = {1, 3};

typedef struct Run {
    const char *path;
    const nnrt_model *model;
    nnrt_session *session;
    int64_t n;
    uint64_t random;
} Run;

static void fail(const Run *r, const char *what)
{
    printf("%s, N = %" PRId64 ": %s\n", r->path, r->n, what);
    exit(1);
}

static void check(const Run *r, int32_t status)
{
    if (status) fail(r, nnrt_error(r->session));
}

/* ---- bits: every NaN counts as one, since machines choose its sign and payload ---- */
static uint64_t element_bits(uint32_t dtype, const char *at)
{
    uint64_t bits = 0;
    memcpy(&bits, at, nnrt_dtype_bytes(dtype));
    if (dtype == NNRT_F32 && (bits & 0x7fffffff) > 0x7f800000) return 0x7fc00000;
    if (dtype == NNRT_F64 && (bits & INT64_MAX) > 0x7ff0000000000000) return 0x7ff8000000000000;
    return bits;
}

static uint64_t hash(uint32_t dtype, const void *data, size_t bytes)
{
    size_t each = nnrt_dtype_bytes(dtype);
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i + each <= bytes; i += each) {
        h = (h ^ element_bits(dtype, (const char *)data + i)) * 0x100000001b3;
        h ^= h >> 29;
    }
    return h;
}

static void say(const Run *r, const char *entry, const char *what, uint64_t h)
{
    const char *slash = strrchr(r->path, '/');
    printf("%s N=%" PRId64 " %s %s %016" PRIx64 "\n", slash ? slash + 1 : r->path, r->n, entry, what, h);
}

/* ---- buffers ---- */
static double draw(Run *r)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(r->random >> 40) / (1 << 24);
}

static void fill(Run *r, const nnrt_view *v, char *data, size_t bytes)
{
    size_t each = nnrt_dtype_bytes(v->dtype);
    double below = v->range ? (double)v->range : v->dtype == NNRT_BOOL ? 2 : 5;
    for (size_t i = 0; i + each <= bytes; i += each) {
        double u = draw(r), wide = 4 * u - 2;
        float narrow = (float)wide;
        int64_t whole = (int64_t)(u * below); /* both machines are little-endian */
        const void *from = &whole;
        if (v->dtype == NNRT_F64) from = &wide;
        if (v->dtype == NNRT_F32) from = &narrow;
        memcpy(data + i, from, each);
    }
}

static size_t view_dims(Run *r, const nnrt_entry *e, const nnrt_view *v, int64_t *dims)
{
    int64_t given[MAX_SYMBOLS];
    size_t bytes = nnrt_dtype_bytes(v->dtype);
    for (uint32_t i = 0; i < e->nsymbols; i++) given[i] = r->n;
    for (uint32_t i = 0; i < v->rank; i++) {
        const nnrt_axis *a = &v->axes[i];
        dims[i] = a->size >= 0 ? a->size : a->length ? a->length(given) : r->n;
        bytes *= (size_t)dims[i];
    }
    return bytes;
}

typedef struct Buffers { char *at[MAX_VIEWS]; size_t bytes[MAX_VIEWS]; uint32_t n; } Buffers;

static void bind(Run *r, int32_t entry, int out, Buffers *b)
{
    const nnrt_entry *e = &r->model->entries[entry];
    b->n = out ? e->noutputs : e->ninputs;
    if (b->n > MAX_VIEWS || e->nsymbols > MAX_SYMBOLS) fail(r, "more buffers than this program has room for");
    for (uint32_t i = 0; i < b->n; i++) {
        const nnrt_view *v = out ? &e->outputs[i] : &e->inputs[i];
        int64_t dims[64];
        b->bytes[i] = view_dims(r, e, v, dims);
        if (!(b->at[i] = calloc(b->bytes[i] + 1, 1))) fail(r, "out of memory");
        if (!out) fill(r, v, b->at[i], b->bytes[i]);
        int32_t index = (int32_t)i;
        check(r, out ? nnrt_bind_output_at(r->session, entry, index, v->dtype, v->rank, dims, b->at[i], b->bytes[i])
                     : nnrt_bind_input_at(r->session, entry, index, v->dtype, v->rank, dims, b->at[i], b->bytes[i]));
    }
}

static void release(Buffers *b)
{
    for (uint32_t i = 0; i < b->n; i++) free(b->at[i]);
}

/* ---- what a call leaves behind ---- */
static void say_tensors(Run *r, const char *entry, int grads)
{
    for (uint32_t i = 0; i < r->model->ntensors; i++) {
        const nnrt_tensor *t = &r->model->tensors[i];
        char name[256], *data = malloc((size_t)t->bytes + 1);
        if (!data) fail(r, "out of memory");
        snprintf(name, sizeof name, "%s%s", grads ? "grad:" : "", t->name);
        if (!grads || t->role != NNRT_OPT) {
            check(r, grads ? nnrt_read_grad(r->session, t->name, data, (size_t)t->bytes)
                           : nnrt_read(r->session, t->name, data, (size_t)t->bytes));
            say(r, entry, name, hash(t->dtype, data, (size_t)t->bytes));
        }
        free(data);
    }
}

static void run_entry(Run *r, int32_t entry)
{
    const nnrt_entry *e = &r->model->entries[entry];
    Buffers in, out;
    bind(r, entry, 0, &in);
    bind(r, entry, 1, &out);
    if (e->kind != NNRT_PREDICT && e->kind != NNRT_UPDATE) check(r, nnrt_clear_totals(r->session, entry));
    int32_t status = nnrt_run(r->session, entry);
    bool no_update = status == NNRT_ERR_STATE && e->kind == NNRT_UPDATE; /* after a gradient that is not finite */
    if (status && status != NNRT_ERR_NONFINITE && status != NNRT_ERR_INDEX && !no_update) check(r, status);
    if (status) say(r, e->name, "status", (uint64_t)status);
    for (uint32_t i = 0; i < out.n; i++)
        say(r, e->name, e->outputs[i].name, hash(e->outputs[i].dtype, out.at[i], out.bytes[i]));
    if (e->ntotals) say(r, e->name, "totals", hash(NNRT_F64, nnrt_totals(r->session, entry), 8 * e->ntotals));
    if (e->kind == NNRT_GRAD && !status) say_tensors(r, e->name, 1);
    if (e->kind == NNRT_UPDATE || e->kind == NNRT_STEP) say_tensors(r, e->name, 0);
    release(&in);
    release(&out);
}

static void run_size(Run *r, uint32_t workers)
{
    nnrt_options o;
    nnrt_options_init(&o);
    o.workers = workers;
    o.parallel_flops = 0;
    if (nnrt_session_new(r->model, &o, &r->session)) fail(r, "no session");
    r->random = 5 * (uint64_t)r->n + workers;
    check(r, nnrt_init(r->session, 42));
    say_tensors(r, "init", 0);
    for (int round = 0; round < 2; round++)
        for (uint32_t e = 0; e < r->model->nentries; e++) run_entry(r, (int32_t)e);
    nnrt_session_free(r->session);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        nnrt_library *library;
        Run r = {.path = argv[i]};
        if (nnrt_open(argv[i], &library)) return puts(nnrt_error(library)), 1;
        r.model = nnrt_library_model(library);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t t = 0; t < sizeof teams / sizeof *teams; t++) {
                r.n = sizes[s];
                run_size(&r, teams[t]);
            }
        nnrt_close(library);
    }
    return 0;
}
