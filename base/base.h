/* base: what any compiler needs and no tensor knows. Laid out by file. */
#ifndef NNC_BASE_H
#define NNC_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#else
#define PRINTF_LIKE(fmt, args)
#define NORETURN
#endif
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- arena.c: memory that lives as long as its arena; nothing in it is freed alone ---- */
typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t bytes); /* zeroed, 16-byte aligned; never NULL */
void *arena_copy(Arena *a, const void *from, size_t bytes);
size_t arena_bytes(const Arena *a); /* handed out so far: growth tests count these */
#define NEW(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))

/* ---- vec.c: a growable array in an arena. VEC(int) v = {0}; vec_push(a, &v, 3); v.at[0]; v.n ---- */
#define VEC(T) struct { T *at; int n, cap; }
void *vec_grow(Arena *a, void *at, int n, int *cap, size_t size);
#define vec_push(arena, v, ...) \
    ((v)->at = ((v)->n < (v)->cap) ? (v)->at \
                                   : vec_grow((arena), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at), \
     (v)->at[(v)->n++] = __VA_ARGS__)

/* ---- str.c: text ---- */
char *str_copy(Arena *a, const char *s);
char *str_copy_n(Arena *a, const char *s, size_t n);
char *str_format(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *str_vformat(Arena *a, const char *fmt, va_list ap);
bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
int str_distance(const char *a, const char *b); /* restricted Damerau-Levenshtein, case folded */
/* The candidate nearest to a mistyped word, or NULL when none is near. */
const char *str_nearest(const char *word, const char *const *candidates, int n);
uint64_t hash_bytes(uint64_t seed, const void *data, size_t n); /* FNV-1a, 64 bits; start with 0 */

/* A text under construction. */
typedef struct Text { Arena *arena; char *at; size_t n, cap; } Text;
void text_add(Text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_add_n(Text *t, const char *s, size_t n);
const char *text_done(Text *t); /* NUL-terminated; "" if nothing was added */
/* The shortest decimal that reads back as exactly v (as an f32 if single). */
const char *text_number(Arena *a, double v, bool single);

/* ---- map.c: string keys to pointers, in order of insertion ---- */
typedef struct Map Map;
Map *map_new(Arena *a);
void *map_get(const Map *m, const char *key);
bool map_has(const Map *m, const char *key);
void map_set(Map *m, const char *key, void *value); /* the key is copied */
int map_count(const Map *m);
const char *map_key(const Map *m, int i);
void *map_value(const Map *m, int i);

/* ---- source.c: files and places in them ---- */
typedef struct Source {
    const char *name;  /* as messages show it */
    const char *text;  /* NUL-terminated */
    size_t size;
    uint32_t *lines;   /* byte offset of each line's start */
    int nlines;
    bool builtin;      /* part of std */
} Source;
typedef struct Span { const Source *source; uint32_t lo, hi; } Span; /* bytes lo..hi-1 */
#define NO_SPAN ((Span){0})
Source *source_new(Arena *a, const char *name, const char *text, size_t size);
enum { MOST_TEXT = 16 << 20, MOST_TABLE = INT32_MAX / 2 }; /* bytes that are read of a program, and of a table */
/* NULL: errno says why; EFBIG where there are more bytes than `most`. */
Source *source_read(Arena *a, const char *path, const char *name, size_t most);
int source_line(const Source *s, uint32_t offset);   /* from 1 */
int source_column(const Source *s, uint32_t offset); /* from 1, in bytes */
Span span_join(Span a, Span b);
/* The whole file and a zero byte behind it; at most so many bytes. errno on failure. */
bool read_file(Arena *a, const char *path, size_t most, char **out_data, size_t *out_size);
bool path_is_endless(const char *path); /* a pipe or a device: reading it may never end */
const char *path_real(Arena *a, const char *path); /* the file that a link leads to; `path` where there is none */
bool path_same(const char *a, const char *b);      /* one file, by whatever names */
bool folder_make(const char *path);                /* true where it is there already; errno on failure */
/* Whole file or nothing: a temporary name beside it, synced, renamed; its mode and links to it stay. A pipe or a device
   takes the bytes as they come. errno on failure. */
bool write_file(const char *path, const void *data, size_t size);

/* ---- diag.c: messages to people ---- */
typedef enum Severity { SEV_ERROR, SEV_WARNING } Severity;
typedef struct Label { Span span; const char *text; } Label;
typedef struct Diag {
    Severity severity;
    const char *code;              /* "E0201" */
    const char *message;
    Span primary;
    const char *primary_text;
    VEC(Label) labels;             /* secondary places, in other lines or the same */
    Span applied;                  /* one of these: the application that led here, no part of the fault itself */
    VEC(const char *) notes;       /* lines within a note are separated by \n */
    VEC(const char *) helps;
    struct Diags *all;
    bool dropped;                  /* one too many: it is only counted */
} Diag;
enum { MOST_SHOWN = 100 };         /* errors, and as many warnings */
typedef struct Diags {
    Arena *arena;
    VEC(Diag *) list;
    int errors, warnings;          /* said, shown or not */
    Diag spare;                    /* what those that are not shown are written to */
} Diags;
/* Starts a message; span.source may be NULL for one that has no place in a file. */
Diag *diag_error(Diags *d, const char *code, Span at, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *diag_warning(Diags *d, const char *code, Span at, const char *fmt, ...) PRINTF_LIKE(4, 5);
void diag_applied(Diag *d, Span at);
void diag_primary(Diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3); /* the text under the carets */
void diag_label(Diag *d, Span at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void diag_note(Diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
void diag_help(Diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *diag_render(Arena *a, const Diag *d, bool colour);
void diags_move(Diags *to, const Diags *from);
void diags_print(const Diags *d, FILE *to, bool colour); /* all, in order of place */

/* One compilation's context: handed down, never global. */
typedef struct Cx { Arena *arena; Diags *diags; } Cx;
Cx *cx_new(void);
void cx_free(Cx *cx);

/* ---- fatal.c: bugs and empty memory, never a user's mistake ---- */
NORETURN void fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);
#define UNREACHABLE(what) fatal("%s:%d: internal error: %s", __FILE__, __LINE__, (what))
#endif
