/* format.c: a text in the settled style. Line breaks are the author's; indentation follows the brackets, the space
   between two words their kinds; columns that the author aligned stay aligned. */
#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/token.h"
#include "parse.h"
#include <string.h>

/* Signs that mean another thing than their like. */
enum { UNARY_MINUS = TOKEN_BLANK + 1, RANGE_OPEN, RANGE_CLOSE };

typedef struct Word {
    int kind;
    uint32_t lo, hi;
    bool starts; /* an item */
    bool apart;  /* white space stood before it */
} Word;
typedef VEC(Word) Words;

typedef struct Scope { /* a block, or the file */
    int body;          /* where its items begin */
    int was, now;      /* where the line at hand of its item began, and begins */
} Scope;

typedef struct Formatter {
    Arena *arena;
    const Source *source;
    Text *to;
    Words words;
    int next;            /* the first word of the line at hand */
    VEC(Scope) scopes;   /* the innermost last */
    int was, now;        /* where the line at hand began, and begins */
    size_t start;        /* of it in the result */
    int note_was, note_now; /* the column of the last comment behind words, -1 before there is one */
} Formatter;

/* ---- words ---- */
static bool is_word(int kind) { return (kind >= T_IMPORT && kind <= T_NOT) || kind == T_NAME; }

/* Can an operand end with this word? */
static bool ends_operand(int kind)
{
    switch (kind) {
    case T_NAME: case T_NUMBER: case T_STRING: case T_PACK: case T_ANY: case T_PRIME: case ')': case ']': case '}':
    case RANGE_CLOSE:
        return true;
    }
    return false;
}

static bool is_type_name(const Formatter *f, Word w)
{
    const char *name = str_copy_n(f->arena, f->source->text + w.lo, w.hi - w.lo);
    return w.kind == T_NAME && (dtype_named(name) || str_equal(name, "int") || str_equal(name, "real"));
}

/* i32<C>: from < to the next > that is not deeper in brackets. */
static void mark_range(Formatter *f, int open)
{
    int depth = 0;
    for (int i = open; i < f->words.n; i++) {
        Word *w = &f->words.at[i];
        depth += (w->kind == '(' || w->kind == '[') - (w->kind == ')' || w->kind == ']');
        if (w->kind != '>' || depth) continue;
        f->words.at[open].kind = RANGE_OPEN;
        w->kind = RANGE_CLOSE;
        return;
    }
}

/* `loss -x` has the words of a difference; the space tells. */
static bool negates(const Formatter *f, int i)
{
    const Word *w = f->words.at;
    if (!i || !ends_operand(w[i - 1].kind)) return true;
    return w[i - 1].kind == T_NAME && w[i - 1].starts && w[i].apart && !w[i + 1].apart;
}

static void mark_signs(Formatter *f)
{
    for (int i = 0; i < f->words.n; i++) {
        Word *w = &f->words.at[i];
        if (w->kind == '-' && negates(f, i)) w->kind = UNARY_MINUS;
        if (w->kind == '<' && i && is_type_name(f, w[-1])) mark_range(f, i);
    }
}

static void collect_words(Formatter *f, const TokenList *tokens)
{
    bool starts = true;
    uint32_t end = 0;
    VEC(int) open = {0};
    for (int i = 0; i < tokens->n && tokens->at[i].kind; i++) {
        Token t = tokens->at[i];
        if (t.kind == T_SEP) {
            starts = true;
            continue;
        }
        vec_push(f->arena, &f->words, ((Word){t.kind, t.lo, t.hi, starts, t.lo > end}));
        end = t.hi;
        if (t.kind == '(' || t.kind == '[' || t.kind == '{') vec_push(f->arena, &open, t.kind);
        else if ((t.kind == ')' || t.kind == ']' || t.kind == '}') && open.n) open.n--;
        starts = t.kind == '{' || (t.kind == ';' && (!open.n || open.at[open.n - 1] == '{'));
    }
    vec_push(f->arena, &f->words, ((Word){0})); /* so that a word ahead exists */
    f->words.n--;
    mark_signs(f);
}

/* ---- the space between two words ---- */
static bool joins_next(int kind)
{
    switch (kind) {
    case '(': case '[': case '.': case T_DOTDOT: case RANGE_OPEN: case UNARY_MINUS: return true;
    }
    return false;
}

static bool joins_previous(const Word *w)
{
    switch (w->kind) {
    case ')': case ']': case ',': case ';': case '.': case T_ANY: case T_PRIME: case T_DOTDOT:
    case RANGE_OPEN: case RANGE_CLOSE:
        return true;
    case ':': return w[1].kind != T_STRING; /* `where n > 0 : "..."` */
    }
    return false;
}

static bool is_factor_sign(int kind) { return kind == '*' || kind == '/' || kind == '%' || kind == '^'; }

/* Products and powers are set close or wide as the author likes, on both sides alike; so is the bracket behind the name of
   a setting: `loss (a, b)`. */
static bool is_apart(const Word *w)
{
    const Word *before = w - 1;
    bool bracket = w->kind == '(' || w->kind == '[';
    if (before->kind == '.' || w->kind == '.')
        if (w->kind == T_NUMBER || before->kind == T_NUMBER || w->kind == T_PACK) return w->apart;
    if (joins_next(before->kind) || joins_previous(w)) return false;
    if (before->kind == '{' && w->kind == '}') return false;
    if (is_factor_sign(w->kind)) return w->apart && w[1].apart;
    if (is_factor_sign(before->kind)) return w->apart && before->apart;
    if (bracket && (before->kind == '@' || before->kind == T_NUMBER)) return w->apart;
    if (bracket && before->kind == T_NAME && before->starts) return w->apart;
    return !(bracket && before->kind != '}' && before->kind != T_STRING && ends_operand(before->kind));
}

/* Where a run of spaces is a column of the author's. */
static bool is_aligned(const Formatter *f, const Word *w)
{
    const Word *before = w - 1;
    if (w->lo - before->hi < 2) return false;
    if (w->kind == '=' || w->kind == ':' || w->kind == T_ARROW || w->kind == T_PIPE || before->kind == ':') return true;
    return before == &f->words.at[f->next] && is_word(before->kind) && is_apart(w);
}

/* ---- lines ---- */
static int column_of(const Formatter *f, uint32_t at)
{
    uint32_t i = f->source->lines[source_line(f->source, at) - 1];
    int column = 0;
    for (; i < at; i++) column = f->source->text[i] == '\t' ? (column / 8 + 1) * 8 : column + 1;
    return column;
}

static Scope *scope(Formatter *f) { return &f->scopes.at[f->scopes.n - 1]; }

static void add_spaces(Formatter *f, int n)
{
    for (int i = 0; i < n; i++) text_add(f->to, " ");
}

/* Up to the column that what stands there had, as the line has moved; at least n. */
static void align(Formatter *f, uint32_t at, int n)
{
    int target = column_of(f, at) + f->now - f->was, width = (int)(f->to->n - f->start);
    add_spaces(f, target - width > n ? target - width : n);
}

/* What goes on with the line above keeps its place beside it, two columns further in at least. */
static int continued(Formatter *f, int was, bool closes)
{
    const Scope *s = scope(f);
    int moved = was + s->now - s->was, least = s->now + (closes ? 0 : 2);
    return moved > least ? moved : least;
}

static int indent_of(Formatter *f, const Word *w, int was)
{
    if (w->starts) return scope(f)->body;
    if (w->kind == '}') return f->scopes.n > 1 ? scope(f)->body - 2 : 0;
    if (w->kind == '{') return scope(f)->now;
    return continued(f, was, w->kind == ')' || w->kind == ']');
}

/* The body of a definition begins at its first line, another block at the line that opens it. */
static void follow(Formatter *f, const Word *w)
{
    if (w->starts) scope(f)->was = f->was, scope(f)->now = f->now;
    if (w->kind == '{') {
        int base = f->scopes.n == 1 ? scope(f)->now : f->now;
        vec_push(f->arena, &f->scopes, ((Scope){base + 2, base + 2, base + 2}));
    }
    if (w->kind == '}' && f->scopes.n > 1) f->scopes.n--;
}

static void put_words(Formatter *f, int end)
{
    for (int i = f->next; i < end; i++) {
        const Word *w = &f->words.at[i];
        if (i > f->next && is_aligned(f, w)) align(f, w->lo, is_apart(w));
        else if (i > f->next && is_apart(w)) text_add(f->to, " ");
        text_add_n(f->to, f->source->text + w->lo, w->hi - w->lo);
        follow(f, w);
    }
}

/* A comment of its own stands above what follows it, or goes on below the one behind the words above. */
static int indent_of_comment(Formatter *f, int was)
{
    const Word *w = f->next < f->words.n ? &f->words.at[f->next] : NULL;
    if (was == f->note_was) return f->note_now;
    return !w || w->starts || w->kind == '}' ? scope(f)->body : continued(f, was, false);
}

static void put_comment(Formatter *f, uint32_t at, uint32_t end, bool alone)
{
    while (end > at && strchr(" \t\r\f\v", f->source->text[end - 1])) end--;
    if (!alone) {
        align(f, at, 1);
        f->note_was = column_of(f, at);
        f->note_now = (int)(f->to->n - f->start);
    }
    text_add_n(f->to, f->source->text + at, end - at);
}

/* Where the comment of a line begins, or its end. */
static uint32_t comment_of(const Formatter *f, uint32_t from, uint32_t end)
{
    while (from < end && f->source->text[from] != '#') from++;
    return from;
}

static bool put_line(Formatter *f, uint32_t lo, uint32_t hi, bool blank)
{
    int end = f->next;
    while (end < f->words.n && f->words.at[end].lo < hi) end++;
    const Word *first = end > f->next ? &f->words.at[f->next] : NULL;
    uint32_t note = comment_of(f, first ? f->words.at[end - 1].hi : lo, hi);
    if (!first && note == hi) return false;
    bool opened = f->next && joins_next(f->words.at[f->next - 1].kind);
    opened |= f->next && f->words.at[f->next - 1].kind == '{';
    if (blank && f->to->n && !opened && !(first && first->kind == '}')) text_add(f->to, "\n");
    f->was = column_of(f, first ? first->lo : note);
    f->now = first ? indent_of(f, first, f->was) : indent_of_comment(f, f->was);
    f->start = f->to->n;
    if (first) f->note_was = -1;
    add_spaces(f, f->now);
    put_words(f, end);
    if (note < hi) put_comment(f, note, hi, !first);
    text_add(f->to, "\n");
    f->next = end;
    return true;
}

/* Nothing but white space may differ. */
static bool same_words(Arena *a, const Source *s, const Source *t)
{
    TokenList p = words_scan(a, s), q = words_scan(a, t);
    int i = 0, k = 0;
    for (;; i++, k++) {
        while (p.at[i].kind == TOKEN_LINE_END) i++;
        while (q.at[k].kind == TOKEN_LINE_END) k++;
        Token x = p.at[i], y = q.at[k];
        if (x.kind != y.kind || x.hi - x.lo != y.hi - y.lo) return false;
        if (memcmp(s->text + x.lo, t->text + y.lo, x.hi - x.lo)) return false;
        if (!x.kind) return true;
    }
}

static void format(Cx *cx, const Source *s, Formatted *out)
{
    Text to = {.arena = cx->arena};
    Formatter f = {.arena = cx->arena, .source = s, .to = &to, .note_was = -1};
    TokenList tokens = tokens_read(cx, s, false);
    collect_words(&f, &tokens);
    vec_push(f.arena, &f.scopes, ((Scope){0}));
    bool blank = false;
    for (int i = 0; i < s->nlines; i++) {
        uint32_t hi = i + 1 < s->nlines ? s->lines[i + 1] - 1 : (uint32_t)s->size;
        blank = !put_line(&f, s->lines[i], hi, blank);
        if (blank) f.note_was = -1;
    }
    *out = (Formatted){text_done(&to), to.n, to.n != s->size || memcmp(to.at, s->text, to.n)};
    if (!same_words(cx->arena, s, source_new(cx->arena, s->name, out->text, out->size)))
        UNREACHABLE("formatting changed a word");
}

bool frontend_format(Cx *cx, const char *path, Formatted *out)
{
    const char *base = strrchr(path, '/');
    const Source *s = source_read(cx->arena, path, base ? base + 1 : path, MOST_TEXT);
    if (!s || file_parse(cx, s)->broken) return false;
    format(cx, s, out);
    return true;
}
