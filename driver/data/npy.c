/* npy.c: NumPy's array files, format 1 to 3: magic, version, header length, a Python literal, the elements. */
#include "driver/data/data.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *code;
    Scalar scalar;
} npy_scalars[] = {
    {"b1", SCALAR_BOOL}, {"u1", SCALAR_U8},  {"i1", SCALAR_I8},  {"i2", SCALAR_I16}, {"u2", SCALAR_U16},
    {"i4", SCALAR_I32},  {"u4", SCALAR_U32}, {"i8", SCALAR_I64}, {"u8", SCALAR_U64}, {"f4", SCALAR_F32},
    {"f8", SCALAR_F64},
};

bool npy_is(const char *data, size_t size) { return size >= 10 && !memcmp(data, "\x93NUMPY", 6); }

/* What follows `'key':` in the header, or NULL. */
static const char *npy_entry(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at || !(at = strchr(at, ':'))) return NULL;
    return at + 1 + strspn(at + 1, " ");
}

static bool npy_descr(const char *at, RawArray *out)
{
    if (!at || (*at != '\'' && *at != '"')) return false;
    at++;
    out->big_endian = *at == '>';
    if (!*at || !strchr("<>|=", *at)) return false;
    for (size_t i = 0; i < COUNT(npy_scalars); i++)
        if (!strncmp(at + 1, npy_scalars[i].code, 2) && (at[3] == '\'' || at[3] == '"'))
            out->scalar = npy_scalars[i].scalar;
    return out->scalar != SCALAR_NONE;
}

static bool npy_shape(const char *at, RawArray *out)
{
    if (!at || *at++ != '(') return false;
    for (out->rank = 0;;) {
        at += strspn(at, " ,");
        if (*at == ')') return true;
        char *end;
        long long v = strtoll(at, &end, 10);
        if (end == at || v < 0 || out->rank == DATA_MAX_RANK) return false;
        out->shape[out->rank++] = v;
        at = end;
    }
}

static bool npy_error(Cx *cx, const char *path, const char *what)
{
    diag_error(cx->diags, "E0213", NO_SPAN, "`%s` is no array file that can be read: %s", path, what);
    return false;
}

bool npy_read(Cx *cx, const char *path, const char *data, size_t size, RawArray *out)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t at = p[6] == 1 ? 10 : 12, length = p[8] | (size_t)p[9] << 8, needed;
    if (size < at) return npy_error(cx, path, "it ends within its header");
    if (p[6] > 1) length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > size - at) return npy_error(cx, path, "it ends within its header");
    const char *header = str_copy_n(cx->arena, data + at, length);
    *out = (RawArray){.path = path, .at = p + at + length};
    if (!npy_descr(npy_entry(header, "descr"), out))
        return npy_error(cx, path, "its element type is none of bool, integer, f32, f64");
    const char *fortran = npy_entry(header, "fortran_order");
    if (!fortran || str_starts(fortran, "True"))
        return npy_error(cx, path, "it is stored column by column; save it with numpy.ascontiguousarray");
    if (!npy_shape(npy_entry(header, "shape"), out)) return npy_error(cx, path, "its shape is damaged");
    if (!array_sizes_fit(out, size - at - length, &needed) && needed == SIZE_MAX)
        return npy_error(cx, path, "no file holds as many elements as its header announces");
    if (needed != size - at - length)
        return npy_error(cx, path,
                         str_format(cx->arena, "its header announces %zu byte%s of elements, %zu follow", needed,
                                    needed == 1 ? "" : "s", size - at - length));
    return true;
}

void npy_write(Text *to, uint32_t dtype, int rank, const int64_t *shape, const void *at, size_t bytes)
{
    static const char *const codes[] = {[NNRT_BOOL] = "|b1", [NNRT_U8] = "|u1",  [NNRT_I8] = "|i1", [NNRT_I32] = "<i4",
                                        [NNRT_I64] = "<i8",  [NNRT_F32] = "<f4", [NNRT_F64] = "<f8"};
    Text header = {to->arena, 0, 0, 0};
    text_add(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", codes[dtype]);
    for (int i = 0; i < rank; i++) text_add(&header, "%s%lld", i ? ", " : "", (long long)shape[i]);
    text_add(&header, "%s), }", rank == 1 ? "," : "");
    size_t total = (10 + header.n + 1 + 63) / 64 * 64;
    text_add(&header, "%*s\n", (int)(total - 10 - header.n - 1), "");
    unsigned char magic[10] = "\x93NUMPY\x01";
    magic[8] = (unsigned char)(header.n & 255);
    magic[9] = (unsigned char)(header.n >> 8);
    text_add_n(to, (const char *)magic, sizeof magic);
    text_add_n(to, header.at, header.n);
    text_add_n(to, at, bytes);
}
