/* A strict reader of the JSON that heads a safetensors file: an object of objects, and nothing else that JSON knows. */
#include "safetensors.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; int64_t bytes; } file_dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},   {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8},
};

const char *nnrt__file_dtype(uint32_t dtype)
{
    static const char *const names[] = {[NNRT_BOOL] = "BOOL", [NNRT_U8] = "U8",   [NNRT_I8] = "I8",  [NNRT_I32] = "I32",
                                        [NNRT_I64] = "I64",   [NNRT_F32] = "F32", [NNRT_F64] = "F64"};
    return dtype < sizeof names / sizeof *names && names[dtype] ? names[dtype] : "";
}

static int64_t file_dtype_bytes(const char *name)
{
    for (size_t i = 0; i < sizeof file_dtypes / sizeof *file_dtypes; i++)
        if (!strcmp(file_dtypes[i].name, name)) return file_dtypes[i].bytes;
    return 0;
}

/* ---- words ---- */
typedef struct Reader {
    nnrt_fault *fault;
    const unsigned char *at, *start, *end;
    char *strings;                  /* where decoded strings go: never longer than the text */
    nnrt_file_header *header;
    int64_t tensors_cap, metadata_cap;
    bool starved;                   /* no memory was left */
} Reader;

static bool broken(Reader *r, const char *what)
{
    nnrt__fail(r->fault, NNRT_ERR_FILE, "its header %s, at byte %lld", what, (long long)(r->at - r->start) + 8);
    return false;
}

static void skip_space(Reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool accept(Reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != (unsigned char)c) return false;
    r->at++;
    return true;
}

static bool expect(Reader *r, char c)
{
    char what[] = "lacks a `?`";
    what[9] = c;
    return accept(r, c) || broken(r, what);
}

/* Numbers are sizes: digits alone, no zero in front. */
static bool read_number(Reader *r, int64_t *out)
{
    skip_space(r);
    const unsigned char *first = r->at;
    int64_t v = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *r->at - '0', &v))
            return broken(r, "has a number that is too large");
    if (r->at == first || (*first == '0' && r->at - first > 1))
        return broken(r, "has no plain number where one belongs");
    *out = v;
    return true;
}

static void put_utf8(Reader *r, uint32_t c)
{
    if (c < 0x80) {
        *r->strings++ = (char)c;
    } else if (c < 0x800) {
        *r->strings++ = (char)(0xc0 | c >> 6);
        *r->strings++ = (char)(0x80 | (c & 0x3f));
    } else {
        *r->strings++ = (char)(0xe0 | c >> 12);
        *r->strings++ = (char)(0x80 | (c >> 6 & 0x3f));
        *r->strings++ = (char)(0x80 | (c & 0x3f));
    }
}

/* Four hexadecimal digits: a character of the first plane, no NUL and no half of a pair. */
static bool read_code(Reader *r)
{
    uint32_t c = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        unsigned char d = r->at < r->end ? *r->at : 0;
        int digit = d >= '0' && d <= '9' ? d - '0' : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10 : -1;
        if (digit < 0) return broken(r, "has a broken \\u in a string");
        c = c << 4 | (uint32_t)digit;
    }
    if (c == 0 || (c >= 0xd800 && c < 0xe000)) return broken(r, "has a character that no name may hold");
    put_utf8(r, c);
    return true;
}

static bool read_escape(Reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    unsigned char c = r->at < r->end ? *r->at : 0;
    const char *found = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        r->at++;
        return read_code(r);
    }
    if (!found) return broken(r, "has an unknown escape in a string");
    *r->strings++ = to[found - from];
    r->at++;
    return true;
}

/* One character of more than a byte, copied if it is well formed: shortest form, no half pair, within Unicode. */
static bool copy_utf8(Reader *r)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = *r->at;
    int n = c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc0 && c < 0xe0 ? 2 : 0;
    if (n == 0 || r->end - r->at < n) return broken(r, "is no valid UTF-8");
    uint32_t code = c & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((r->at[i] & 0xc0) != 0x80) return broken(r, "is no valid UTF-8");
        code = code << 6 | (r->at[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return broken(r, "is no valid UTF-8");
    memcpy(r->strings, r->at, (size_t)n);
    r->strings += n;
    r->at += n;
    return true;
}

static bool read_string(Reader *r, const char **out)
{
    if (!expect(r, '"')) return false;
    *out = r->strings;
    while (r->at < r->end && *r->at != '"') {
        unsigned char c = *r->at;
        bool good = true;
        if (c == '\\') {
            r->at++;
            good = read_escape(r);
        } else if (c >= 0x80) {
            good = copy_utf8(r);
        } else if (c < 0x20) {
            good = broken(r, "has a control character in a string");
        } else {
            *r->strings++ = (char)c;
            r->at++;
        }
        if (!good) return false;
    }
    *r->strings++ = 0;
    return expect(r, '"');
}

/* ---- the form ---- */
static bool read_sizes(Reader *r, int64_t *out, uint32_t cap, uint32_t *out_n)
{
    uint32_t n = 0;
    if (!expect(r, '[')) return false;
    if (accept(r, ']')) {
        *out_n = 0;
        return true;
    }
    do {
        if (n == cap) return broken(r, "has a list that is too long");
        if (!read_number(r, &out[n++])) return false;
    } while (accept(r, ','));
    *out_n = n;
    return expect(r, ']');
}

static bool read_offsets(Reader *r, nnrt_file_tensor *t)
{
    int64_t pair[2];
    uint32_t n;
    if (!read_sizes(r, pair, 2, &n)) return false;
    t->begin = pair[0];
    t->end = n == 2 ? pair[1] : -1;
    return n == 2 || broken(r, "has data_offsets that are no pair");
}

static bool read_field(Reader *r, nnrt_file_tensor *t, unsigned *seen)
{
    const char *key;
    if (!read_string(r, &key) || !expect(r, ':')) return false;
    unsigned bit = !strcmp(key, "dtype") ? 1 : !strcmp(key, "shape") ? 2 : !strcmp(key, "data_offsets") ? 4 : 0;
    if (!bit || *seen & bit)
        return broken(r, bit ? "tells a field of a tensor twice" : "has an unknown field in a tensor");
    *seen |= bit;
    return bit == 1   ? read_string(r, &t->dtype)
           : bit == 2 ? read_sizes(r, t->dims, NNRT__MAX_FILE_RANK, &t->rank)
                      : read_offsets(r, t);
}

static bool check_extent(Reader *r, const nnrt_file_tensor *t)
{
    int64_t bytes = file_dtype_bytes(t->dtype);
    if (bytes == 0) return broken(r, "has an unknown dtype");
    for (uint32_t i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(bytes, t->dims[i], &bytes)) return broken(r, "has a shape that is too large");
    if (t->begin > t->end || t->end - t->begin != bytes) return broken(r, "has data_offsets that do not fit the shape");
    return true;
}

static bool grow(Reader *r, void **at, int64_t n, int64_t *cap, size_t size)
{
    if (n < *cap) return true;
    int64_t wider = *cap ? 2 * *cap : 16;
    void *moved = realloc(*at, (size_t)wider * size);
    r->starved = !moved;
    if (!moved) return nnrt__fail(r->fault, NNRT_ERR_MEMORY, "there is no memory left for its header") == NNRT_OK;
    *at = moved;
    *cap = wider;
    return true;
}

static bool read_tensor(Reader *r, const char *name)
{
    nnrt_file_header *h = r->header;
    nnrt_file_tensor t = {.name = name};
    unsigned seen = 0;
    if (strlen(name) > NNRT__MAX_NAME) return broken(r, "has a name of more than 255 bytes");
    if (!expect(r, '{')) return false;
    do {
        if (!read_field(r, &t, &seen)) return false;
    } while (accept(r, ','));
    if (!expect(r, '}')) return false;
    if (seen != 7) return broken(r, "has a tensor without dtype, shape or data_offsets");
    if (!check_extent(r, &t) || !grow(r, (void **)&h->tensors, h->ntensors, &r->tensors_cap, sizeof t)) return false;
    h->tensors[h->ntensors++] = t;
    return true;
}

static bool read_metadata(Reader *r)
{
    nnrt_file_header *h = r->header;
    if (h->metadata) return broken(r, "has two __metadata__");
    if (!grow(r, (void **)&h->metadata, 0, &r->metadata_cap, 2 * sizeof *h->metadata) || !expect(r, '{')) return false;
    if (accept(r, '}')) return true;
    do {
        const char *key, *value;
        if (!read_string(r, &key) || !expect(r, ':') || !read_string(r, &value) ||
            !grow(r, (void **)&h->metadata, h->nmetadata, &r->metadata_cap, 2 * sizeof *h->metadata))
            return false;
        h->metadata[2 * h->nmetadata] = key;
        h->metadata[2 * h->nmetadata++ + 1] = value;
    } while (accept(r, ','));
    return expect(r, '}');
}

static bool read_members(Reader *r)
{
    if (r->at == r->end || *r->at != '{') return broken(r, "does not begin with `{`");
    r->at++;
    if (!accept(r, '}')) {
        do {
            const char *name;
            if (!read_string(r, &name) || !expect(r, ':')) return false;
            if (!(strcmp(name, "__metadata__") ? read_tensor(r, name) : read_metadata(r))) return false;
        } while (accept(r, ','));
        if (!expect(r, '}')) return false;
    }
    skip_space(r);
    return r->at == r->end || broken(r, "goes on after its end");
}

/* ---- the whole ---- */
static int by_begin(const void *a, const void *b)
{
    const nnrt_file_tensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nnrt_file_tensor *)a)->name, ((const nnrt_file_tensor *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No hole, no overlap, no rest; no name twice. Leaves the tensors in order of name. */
static bool check_whole(Reader *r, int64_t data_bytes)
{
    nnrt_file_header *h = r->header;
    int64_t reached = 0;
    if (h->ntensors > 0) qsort(h->tensors, (size_t)h->ntensors, sizeof *h->tensors, by_begin);
    for (int64_t i = 0; i < h->ntensors; reached = h->tensors[i++].end)
        if (h->tensors[i].begin != reached) return broken(r, "leaves a hole or an overlap between its tensors");
    if (reached != data_bytes)
        return nnrt__fail(r->fault, NNRT_ERR_FILE, "its header tells of %lld byte%s of data, and it has %lld",
                          (long long)reached, reached == 1 ? "" : "s", (long long)data_bytes) == NNRT_OK;
    if (h->ntensors > 0) qsort(h->tensors, (size_t)h->ntensors, sizeof *h->tensors, by_name);
    for (int64_t i = 1; i < h->ntensors; i++)
        if (!by_name(&h->tensors[i - 1], &h->tensors[i]))
            return nnrt__fail(r->fault, NNRT_ERR_FILE, "it has two tensors `%s`", h->tensors[i].name) == NNRT_OK;
    if (h->nmetadata > 0) qsort(h->metadata, (size_t)h->nmetadata, 2 * sizeof *h->metadata, by_key);
    for (int64_t i = 1; i < h->nmetadata; i++)
        if (!by_key(&h->metadata[2 * i - 2], &h->metadata[2 * i]))
            return broken(r, "tells a key of __metadata__ twice");
    return true;
}

int32_t nnrt__header_read(nnrt_fault *fault, const char *text, size_t n, int64_t data_bytes, nnrt_file_header *out)
{
    memset(out, 0, sizeof *out);
    out->strings = malloc(n + 1);
    if (!out->strings) return nnrt__fail(fault, NNRT_ERR_MEMORY, "there is no memory left for its header");
    const unsigned char *start = (const unsigned char *)text;
    Reader r = {.fault = fault, .at = start, .start = start, .end = start + n, .strings = out->strings, .header = out};
    if (read_members(&r) && check_whole(&r, data_bytes)) return NNRT_OK;
    nnrt__header_free(out);
    return r.starved ? NNRT_ERR_MEMORY : NNRT_ERR_FILE;
}

void nnrt__header_free(nnrt_file_header *header)
{
    free(header->tensors);
    free(header->metadata);
    free(header->strings);
    memset(header, 0, sizeof *header);
}

const nnrt_file_tensor *nnrt__header_find(const nnrt_file_header *header, const char *name)
{
    nnrt_file_tensor key = {.name = name};
    if (header->ntensors == 0) return NULL;
    return bsearch(&key, header->tensors, (size_t)header->ntensors, sizeof key, by_name);
}

const char *nnrt__header_metadata(const nnrt_file_header *header, const char *key)
{
    if (header->nmetadata == 0) return NULL;
    const char **pair = bsearch(&key, header->metadata, (size_t)header->nmetadata, 2 * sizeof key, by_key);
    return pair ? pair[1] : NULL;
}
