/* str.c: text in arenas, nearness of words, numbers as text. */
#include "base/base.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

char *str_copy_n(Arena *a, const char *s, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (n) memcpy(copy, s, n);
    return copy;
}

char *str_copy(Arena *a, const char *s) { return str_copy_n(a, s, strlen(s)); }

char *str_vformat(Arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) fatal("text cannot be formatted: %s", fmt);
    char *s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

char *str_format(Arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = str_vformat(a, fmt, ap);
    va_end(ap);
    return s;
}

bool str_equal(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }
bool str_starts(const char *s, const char *prefix) { return !strncmp(s, prefix, strlen(prefix)); }

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && !strcmp(s + n - m, suffix);
}

enum { WORD_LIMIT = 64 };
static int folded(char c) { return tolower((unsigned char)c); }
static int smaller(int a, int b) { return a < b ? a : b; }

/* Three rows of the table suffice, since a swap looks back two. */
int str_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > WORD_LIMIT || m > WORD_LIMIT) return n > m ? n : m;
    int row[3][WORD_LIMIT + 1];
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *above = row[(i + 2) % 3], *twice = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            now[j] = smaller(smaller(above[j], now[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]))
                now[j] = smaller(now[j], twice[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

/* Letters that two words have in common from the front and from the back. */
static int shared_ends(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b), least = smaller(n, m), front = 0, back = 0;
    while (front < least && folded(a[front]) == folded(b[front])) front++;
    while (back < least - front && folded(a[n - 1 - back]) == folded(b[m - 1 - back])) back++;
    return front + back;
}

/* One edit in a short word is a slip; two leave too little of it to tell what was meant. */
const char *str_nearest(const char *word, const char *const *candidates, int n)
{
    const char *best = NULL;
    int length = (int)strlen(word), limit = length <= 5 ? 1 : length <= 8 ? 2 : 3, nearest = limit + 1;
    for (int i = 0; i < n; i++) {
        int d = str_distance(word, candidates[i]);
        bool nearer = d < nearest || (d == nearest && best && shared_ends(word, candidates[i]) > shared_ends(word, best));
        if (nearer && d < length && d <= limit) {
            nearest = d;
            best = candidates[i];
        }
    }
    return best;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t n)
{
    uint64_t h = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

static void text_reserve(Text *t, size_t more)
{
    if (t->n + more + 1 <= t->cap) return;
    size_t cap = t->cap ? t->cap * 2 : 256;
    while (cap < t->n + more + 1) cap *= 2;
    char *grown = arena_alloc(t->arena, cap);
    if (t->n) memcpy(grown, t->at, t->n);
    t->at = grown;
    t->cap = cap;
}

void text_add_n(Text *t, const char *s, size_t n)
{
    text_reserve(t, n);
    if (n) memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = 0;
}

void text_add(Text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) fatal("text cannot be formatted: %s", fmt);
    text_reserve(t, (size_t)n);
    vsnprintf(t->at + t->n, (size_t)n + 1, fmt, ap);
    t->n += (size_t)n;
    va_end(ap);
}

const char *text_done(Text *t) { return t->at ? t->at : ""; }

const char *text_number(Arena *a, double v, bool single)
{
    if (isnan(v)) return "nan";
    if (isinf(v)) return v < 0 ? "-inf" : "inf";
    if (v == floor(v) && fabs(v) < 1e15) return str_format(a, "%.0f", v); /* 300 reads better than 3e+02 */
    char s[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (single ? strtof(s, NULL) == (float)v : strtod(s, NULL) == v) break;
    }
    return str_copy(a, s);
}
