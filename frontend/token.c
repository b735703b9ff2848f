/* token.c: which line ends end an item, and where a forgotten } must have stood. */
#include "frontend/ast.h"
#include "frontend/habit.h"
#include "frontend/token.h"
#include "parse.h"
#include <string.h>

/* Can an item end after this word? */
static bool may_end(int kind)
{
    switch (kind) {
    case T_NAME: case T_NUMBER: case T_STRING: case T_PACK: case T_ANY: case T_PRIME: case T_FN:
    case T_BAD: case T_OPEN_STRING: case ')': case ']': case '}': case '>':
        return true;
    }
    return false;
}

/* Does a line that begins with this word go on with the line above? */
static bool goes_on(int kind)
{
    switch (kind) {
    case T_PIPE: case '+': case '-': case '*': case '/': case '%': case '@': case '^': case '=':
    case T_EQ: case T_NE: case '<': case '>': case T_LE: case T_GE: case T_AND: case T_OR: case T_ARROW:
    case T_WHERE: case T_THEN: case T_ELSE: case T_FROM: case ',': case '{': case '}': case ')': case ']': case 0:
        return true;
    }
    return false;
}

/* Words that begin an item and stand nowhere else: an open ( or [ before them was forgotten. */
static bool begins_item(const Token *t)
{
    if (t->kind == T_FN) return t[1].kind == T_NAME; /* `init: fn` ends an option */
    switch (t->kind) {
    case T_IMPORT: case T_DIM: case T_HYPER: case T_LAYER: case T_MODEL: case T_TRAIN: case T_PARAM: case T_STATE:
        return true;
    }
    return false;
}

/* Words that begin a definition and never stand in a body: an open { before them was forgotten. */
static bool begins_definition(const Token *t)
{
    switch (t->kind) {
    case T_IMPORT: case T_DIM: case T_HYPER: case T_MODEL: case T_TRAIN: return true;
    case T_FN: return t[1].kind == T_NAME;
    case T_LAYER: return t[1].kind == T_NAME && (t[2].kind == '(' || t[2].kind == '['); /* `layer f =` may be an item */
    }
    return false;
}

typedef struct Reader {
    Cx *cx;
    const Source *source;
    TokenList out;
    TokenList open; /* the brackets that wait for their end */
    int braces;
    bool by_indent;
} Reader;

static Span span_of(const Reader *r, Token t) { return (Span){r->source, t.lo, t.hi}; }

static void put(Reader *r, int kind, uint32_t lo, uint32_t hi)
{
    vec_push(r->cx->arena, &r->out, ((Token){kind, lo, hi, r->braces}));
}

static bool inside_parens(const Reader *r) { return r->open.n && r->open.at[r->open.n - 1].kind != '{'; }

/* Ends every block that is still open, as if its } stood at the end of the line above. */
static void close_braces(Reader *r, uint32_t at)
{
    for (; r->open.n; r->open.n--) {
        Token open = r->open.at[r->open.n - 1];
        if (open.kind != '{') continue;
        Diag *d = diag_error(r->cx->diags, "E0105", span_of(r, open), "this `{` is never closed");
        diag_primary(d, "the block begins here");
        if (at < r->source->size) diag_label(d, (Span){r->source, at, at + 1}, "a new definition begins here");
        diag_help(d, "write `}` where the block ends");
        r->braces--;
        put(r, '}', at, at);
    }
}

static uint32_t indent_of(const Reader *r, uint32_t at)
{
    uint32_t start = r->source->lines[source_line(r->source, at) - 1], n = 0;
    while (r->source->text[start + n] == ' ' || r->source->text[start + n] == '\t') n++;
    return n;
}

/* A line like `b = ...` that stands no deeper than the line of the open bracket: the bracket's end was forgotten. */
static bool begins_binding(const Reader *r, const Token *t)
{
    if (!inside_parens(r) || t[0].kind != T_NAME || t[1].kind != '=') return false;
    return indent_of(r, t->lo) <= indent_of(r, r->open.at[r->open.n - 1].lo);
}

static void track_brackets(Reader *r, Token t)
{
    if (t.kind == '(' || t.kind == '[' || t.kind == '{') {
        vec_push(r->cx->arena, &r->open, t);
        r->braces += t.kind == '{';
    } else if (t.kind == '}' && r->open.n) { /* what stood open within was dropped by read_word */
        r->braces--;
        r->open.n--;
    } else if ((t.kind == ')' || t.kind == ']') && inside_parens(r)) {
        r->open.n--;
    }
}

static void bad_word(Reader *r, Token t)
{
    const char *text = str_copy_n(r->cx->arena, r->source->text + t.lo, t.hi - t.lo);
    Diag *d;
    if (t.kind == T_OPEN_STRING) {
        d = diag_error(r->cx->diags, "E0103", span_of(r, t), "this text is not closed");
        diag_primary(d, "a text ends in its own line");
        diag_help(d, "write `\"` where the text ends");
        return;
    }
    bool shown = (unsigned char)text[0] >= 0x20 && text[0] != 0x7f;
    d = diag_error(r->cx->diags, "E0102", span_of(r, t), shown ? "`%s` means nothing here"
                   : "a character that cannot be shown stands here", text);
    diag_primary(d, "not a character of the language");
    if (habit_of_character(text)) diag_help(d, "%s", habit_of_character(text));
}

/* One word; the words behind it may be looked at. */
static void read_word(Reader *r, const Token *word, bool crossed, uint32_t line_end)
{
    Token t = *word;
    if (crossed && begins_definition(word) && r->braces) close_braces(r, t.lo);
    if (t.kind == 0 && r->braces) close_braces(r, t.lo);
    bool binding = r->by_indent && crossed && begins_binding(r, word);
    if (t.kind == '}' || (crossed && begins_item(word)) || binding)
        while (inside_parens(r)) r->open.n--;
    int last = r->out.n ? r->out.at[r->out.n - 1].kind : 0;
    if (crossed && !inside_parens(r) && (may_end(last) || binding) && !goes_on(t.kind))
        put(r, T_SEP, line_end, line_end + 1);
    if (t.kind == T_BAD || t.kind == T_OPEN_STRING) bad_word(r, t);
    put(r, t.kind == T_OPEN_STRING ? T_STRING : t.kind, t.lo, t.hi);
    track_brackets(r, t);
    while (t.kind == T_OPEN_STRING && inside_parens(r)) r->open.n--; /* what it swallowed may have closed them */
}

enum { MAX_BRACKETS = 256, LONGEST_WORD = 4096, LONGEST_NAME = 255 };

static uint32_t longest(Token t) { return t.kind == T_NAME ? LONGEST_NAME : LONGEST_WORD; }

/* Of a text that is too large nothing is read: its end would come as a surprise at every level. */
static TokenList nothing_of(Reader *r)
{
    TokenList nothing = {0};
    uint32_t end = (uint32_t)r->source->size;
    vec_push(r->cx->arena, &nothing, ((Token){0, end, end, 0}));
    return nothing;
}

static void too_deep(Reader *r, Token t)
{
    Diag *d = diag_error(r->cx->diags, "E0104", span_of(r, t), "brackets are nested deeper than %d levels",
                         MAX_BRACKETS);
    diag_primary(d, "one level too many");
    diag_help(d, "name parts of this, in bindings of their own");
}

static void too_long(Reader *r, Token t)
{
    Diag *d = diag_error(r->cx->diags, "E0104", (Span){r->source, t.lo, t.lo + 1}, "this word has %u bytes",
                         (unsigned)(t.hi - t.lo));
    diag_primary(d, "no %s has more than %u", t.kind == T_NAME ? "name" : "number or text", (unsigned)longest(t));
}

static void too_many(Reader *r, Token t)
{
    Diag *d = diag_error(r->cx->diags, "E0104", span_of(r, t), "this text has more than %d words and lines", MAX_WORDS);
    diag_primary(d, "one too many");
}

static void no_text(Reader *r, uint32_t at)
{
    Diag *d = diag_error(r->cx->diags, "E0102", (Span){r->source, at, at + 1}, "`%s` is no text", r->source->name);
    diag_primary(d, "a zero byte");
    if (r->source->size > 4 && !memcmp(r->source->text, "\177ELF", 4))
        diag_help(d, "it is compiled already: give the text that it was made of, a `.nn` file");
}

TokenList tokens_read(Cx *cx, const Source *s, bool by_indent)
{
    Reader r = {.cx = cx, .source = s, .by_indent = by_indent};
    const char *zero = memchr(s->text, 0, s->size);
    if (zero) {
        no_text(&r, (uint32_t)(zero - s->text));
        return nothing_of(&r);
    }
    TokenList words = words_scan(cx->arena, s);
    if (words.n > MAX_WORDS) {
        too_many(&r, words.at[MAX_WORDS]);
        return nothing_of(&r);
    }
    for (int i = 0; i < 2; i++) vec_push(cx->arena, &words, ((Token){0})); /* so that two words ahead exist */
    bool crossed = false;
    uint32_t line_end = 0;
    for (int i = 0; i < words.n - 2; i++) {
        Token t = words.at[i];
        if (t.kind == TOKEN_LINE_END) {
            if (!crossed) line_end = t.lo;
            crossed = true;
            continue;
        }
        bool fits = t.hi - t.lo <= longest(t);
        if (fits) read_word(&r, &words.at[i], crossed, line_end);
        if (!fits) too_long(&r, t);
        else if (r.open.n > MAX_BRACKETS) too_deep(&r, t);
        if (!fits || r.open.n > MAX_BRACKETS) return nothing_of(&r);
        crossed = false;
    }
    return r.out;
}
