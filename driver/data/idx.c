/* idx.c: the array files that MNIST comes in: two zero bytes, a type, a rank, big-endian sizes, the elements. */
#include "driver/data/data.h"

static const Scalar idx_scalars[16] = {
    [8] = SCALAR_U8, [9] = SCALAR_I8, [11] = SCALAR_I16, [12] = SCALAR_I32, [13] = SCALAR_F32, [14] = SCALAR_F64};

bool idx_is(const char *data, size_t size)
{
    return size >= 4 && !data[0] && !data[1] && (unsigned char)data[2] < 16 && idx_scalars[(unsigned char)data[2]];
}

static int64_t big_u32(const unsigned char *p)
{
    return (int64_t)p[0] << 24 | (int64_t)p[1] << 16 | (int64_t)p[2] << 8 | p[3];
}

bool idx_read(Cx *cx, const char *path, const char *data, size_t size, RawArray *out)
{
    const unsigned char *p = (const unsigned char *)data;
    int rank = p[3];
    size_t header = 4 + 4 * (size_t)rank, needed;
    if (rank < 1 || rank > DATA_MAX_RANK) {
        diag_error(cx->diags, "E0213", NO_SPAN, "`%s` says that it has %d axes; an IDX file has 1 to %d", path, rank,
                   DATA_MAX_RANK);
        return false;
    }
    *out = (RawArray){.path = path, .scalar = idx_scalars[p[2]], .big_endian = true, .rank = rank, .at = p + header};
    if (size < header) {
        diag_error(cx->diags, "E0213", NO_SPAN, "`%s` ends within its header: %zu of %zu bytes are there", path, size,
                   header);
        return false;
    }
    for (int i = 0; i < rank; i++) out->shape[i] = big_u32(p + 4 + 4 * i);
    if (!array_sizes_fit(out, size - header, &needed) && needed == SIZE_MAX) {
        diag_error(cx->diags, "E0213", NO_SPAN,
                   "`%s` is damaged: no file holds as many elements as its header announces", path);
        return false;
    }
    if (needed != size - header) {
        Diag *d = diag_error(cx->diags, "E0213", NO_SPAN,
                             "`%s` is %s: its header announces %zu byte%s of elements, %zu follow", path,
                             needed > size - header ? "cut off" : "longer than it says", needed, needed == 1 ? "" : "s",
                             size - header);
        diag_help(d, "copy or unpack the file again; its size should be %zu bytes", header + needed);
        return false;
    }
    return true;
}
