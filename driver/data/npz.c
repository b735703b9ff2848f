/* npz.c: NumPy's archives: a zip file (zip64 too) of npy files, one an array, `NAME.npy`. */
#include "driver/data/data.h"
#include <inttypes.h>
#include <string.h>
#include <unzip.h>

bool npz_is(const char *data, size_t size)
{
    return size >= 4 && (!memcmp(data, "PK\3\4", 4) || !memcmp(data, "PK\5\6", 4));
}

static bool npz_error(Cx *cx, const char *path, const char *what)
{
    diag_error(cx->diags, "E0213", NO_SPAN, "`%s` is no archive of arrays that can be read: %s", path, what);
    return false;
}

/* The name of the member at hand without `.npy`, or NULL for what is no array. */
static const char *member_name(Arena *arena, unzFile zip, unz_file_info64 *info)
{
    char name[512];
    if (unzGetCurrentFileInfo64(zip, info, name, sizeof name, NULL, 0, NULL, 0) != UNZ_OK) return NULL;
    if (info->size_filename >= sizeof name || !str_ends(name, ".npy")) return NULL;
    return str_copy_n(arena, name, strlen(name) - 4);
}

bool npz_names(Cx *cx, const char *path, Names *out)
{
    unz_file_info64 info;
    unzFile zip = unzOpen64(path);
    if (!zip) return npz_error(cx, path, "its directory, at the end of the file, is missing, empty or damaged");
    int rc = unzGoToFirstFile(zip);
    for (; rc == UNZ_OK; rc = unzGoToNextFile(zip)) {
        const char *name = member_name(cx->arena, zip, &info);
        if (name) vec_push(cx->arena, out, name);
    }
    unzClose(zip);
    if (out->n) return true;
    return npz_error(cx, path, rc == UNZ_END_OF_LIST_OF_FILE ? "it holds no array" : "its directory is damaged");
}

/* Closing tells whether the checksum is right. */
static bool unpack(Arena *arena, unzFile zip, const unz_file_info64 *info, char **out)
{
    if (unzOpenCurrentFile(zip) != UNZ_OK) return false;
    uint64_t at = 0, size = info->uncompressed_size;
    *out = arena_alloc(arena, (size_t)size + 1);
    for (int n = 1; n > 0 && at < size; at += n > 0 ? (uint64_t)n : 0)
        n = unzReadCurrentFile(zip, *out + at, size - at < 1 << 30 ? (unsigned)(size - at) : 1u << 30);
    return unzCloseCurrentFile(zip) == UNZ_OK && at == size;
}

bool npz_read(Cx *cx, const char *path, const char *name, RawArray *out)
{
    unz_file_info64 info;
    char *data = NULL;
    unzFile zip = unzOpen64(path);
    if (!zip) return npz_error(cx, path, "its directory, at the end of the file, is missing, empty or damaged");
    bool ok = unzLocateFile(zip, str_format(cx->arena, "%s.npy", name), 1) == UNZ_OK && member_name(cx->arena, zip, &info);
    bool tight = ok && info.uncompressed_size > unpacked_limit(info.compressed_size);
    ok = ok && !tight && unpack(cx->arena, zip, &info, &data);
    unzClose(zip);
    if (tight)
        return npz_error(cx, path, str_format(cx->arena, "its array `%s` would unpack to %llu bytes, far more than is packed: "
                         "if it should, save it with numpy.savez", name, (unsigned long long)info.uncompressed_size));
    const char *where = str_format(cx->arena, "%s: %s", path, name);
    if (!ok) return npz_error(cx, path, str_format(cx->arena, "its array `%s` is cut off or damaged", name));
    if (npy_is(data, (size_t)info.uncompressed_size))
        return npy_read(cx, where, data, (size_t)info.uncompressed_size, out);
    return npz_error(cx, path, str_format(cx->arena, "what it calls `%s` is no array", name));
}

/* ---- arrays to inputs ---- */

bool npz_holds(const Names *names, const char *name)
{
    for (int i = 0; i < names->n; i++)
        if (str_equal(names->at[i], name)) return true;
    return false;
}

static bool missing_array(Cx *cx, const char *path, const Names *names, const nnrt_view *view)
{
    Diag *d = diag_error(cx->diags, "E0213", NO_SPAN, "`%s` has no array `%s` for the input `%s`", path, view->name,
                         view->name);
    Text have = {cx->arena, 0, 0, 0};
    for (int i = 0; i < names->n; i++) text_add(&have, "%s`%s`", i ? ", " : "", names->at[i]);
    diag_note(d, "`%s` is %s (%s)\nthe file has %s", view->name, view_type_text(cx->arena, view), view->where,
              text_done(&have));
    const char *near = str_nearest(view->name, names->at, names->n);
    if (near) diag_help(d, "is it the array `%s`? save it as `%s`", near, view->name);
    return false;
}

/* An axis of size 1 after the samples may be left out. */
static bool whole_array(Cx *cx, const char *path, const char *name, const nnrt_view *view, Column *out)
{
    RawArray a;
    if (!npz_read(cx, path, name, &a)) return false;
    if (a.rank == 1 && view->rank == 2 && view->axes[1].size == 1) a.shape[a.rank++] = 1;
    return array_column(cx, &a, view, out);
}

/* `x.0`, `x.1`, ... or an array a label, as in a table: each is one column of the input. */
static bool joined_arrays(Cx *cx, const char *path, const char *const *parts, int n, const nnrt_view *view, Column *out)
{
    nnrt_view part = *view;
    size_t bytes = nnrt_dtype_bytes(view->dtype);
    part.rank = 1;
    for (int i = 0; i < n; i++) {
        Column c;
        part.name = parts[i];
        if (!whole_array(cx, path, parts[i], &part, &c)) return false;
        if (i == 0) {
            *out = (Column){.view = view, .rank = (int)view->rank, .shape = {c.shape[0]}, .row_bytes = bytes * (size_t)n};
            out->at = arena_alloc(cx->arena, out->row_bytes * (size_t)c.shape[0]);
        }
        if (c.shape[0] != out->shape[0]) {
            diag_error(cx->diags, "E0213", NO_SPAN, "`%s` has %" PRId64 " samples in `%s`, but %" PRId64 " in `%s`", path,
                       out->shape[0], parts[0], c.shape[0], parts[i]);
            return false;
        }
        for (int64_t r = 0; r < c.shape[0]; r++)
            memcpy((char *)out->at + ((size_t)r * (size_t)n + (size_t)i) * bytes, (char *)c.at + (size_t)r * bytes, bytes);
    }
    for (uint32_t i = 1; i < view->rank; i++) out->shape[i] = view->axes[i].size;
    return true;
}

bool npz_column(Cx *cx, const char *path, const Names *names, const nnrt_view *view, Column *out)
{
    int64_t shape[DATA_MAX_RANK] = {0};
    const char **parts;
    int n, have = 0;
    if (npz_holds(names, view->name)) return whole_array(cx, path, view->name, view, out);
    for (uint32_t i = 1; i < view->rank; i++) {
        if (view->axes[i].size < 0) return missing_array(cx, path, names, view);
        shape[i] = view->axes[i].size;
    }
    csv_names(cx->arena, view, shape, names->n + 1, &parts, &n);
    for (int i = 0; i < n; i++) have += npz_holds(names, parts[i]);
    if (n < 1 || have < n) return missing_array(cx, path, names, view);
    return joined_arrays(cx, path, parts, n, view, out);
}
