/* diag.c: messages as people see them: what is wrong, where it stands, where its parts came from, what would help. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

enum { TAB = 4, WIDEST = 200 }; /* a longer line is shown from near its first mark */

Cx *cx_new(void)
{
    Arena *a = arena_new();
    Cx *cx = NEW(a, Cx);
    cx->arena = a;
    cx->diags = NEW(a, Diags);
    cx->diags->arena = a;
    return cx;
}

void cx_free(Cx *cx) { arena_free(cx->arena); }

static bool is_shown(char c) { return ((unsigned char)c >= 32 && c != 127) || c == '\t'; }

enum { LONGEST = 4000 }; /* bytes of a text in a message: what is quoted in it may be of any length, and of any bytes */

static const char *clipped(Arena *a, const char *fmt, va_list ap)
{
    char *text = str_vformat(a, fmt, ap);
    size_t n = strlen(text);
    for (char *c = text; *c; c++)
        if (!is_shown(*c) && *c != '\n') *c = '?'; /* no escape reaches the terminal */
    if (n <= LONGEST) return text;
    for (n = LONGEST; n && ((unsigned char)text[n] & 0xc0) == 0x80;) n--;
    memcpy(text + n, "...", 4);
    return text;
}

static Diag *diag_new(Diags *all, Severity severity, const char *code, Span at, const char *fmt, va_list ap)
{
    int *said = severity == SEV_ERROR ? &all->errors : &all->warnings;
    if ((*said)++ >= MOST_SHOWN) {
        all->spare = (Diag){.severity = severity, .code = code, .message = "", .all = all, .dropped = true};
        return &all->spare;
    }
    Diag *d = NEW(all->arena, Diag);
    d->severity = severity;
    d->code = code;
    d->message = clipped(all->arena, fmt, ap);
    d->primary = at;
    d->all = all;
    vec_push(all->arena, &all->list, d);
    return d;
}

Diag *diag_error(Diags *all, const char *code, Span at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_new(all, SEV_ERROR, code, at, fmt, ap);
    va_end(ap);
    return d;
}

Diag *diag_warning(Diags *all, const char *code, Span at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_new(all, SEV_WARNING, code, at, fmt, ap);
    va_end(ap);
    return d;
}

void diag_applied(Diag *d, Span at)
{
    d->applied = at;
    diag_label(d, at, "applied here");
}

void diag_primary(Diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!d->dropped) d->primary_text = clipped(d->all->arena, fmt, ap);
    va_end(ap);
}

void diag_label(Diag *d, Span at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!d->dropped && at.source) vec_push(d->all->arena, &d->labels, ((Label){at, clipped(d->all->arena, fmt, ap)}));
    va_end(ap);
}

void diag_note(Diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!d->dropped) vec_push(d->all->arena, &d->notes, clipped(d->all->arena, fmt, ap));
    va_end(ap);
}

void diag_help(Diag *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!d->dropped) vec_push(d->all->arena, &d->helps, clipped(d->all->arena, fmt, ap));
    va_end(ap);
}

void diags_move(Diags *to, const Diags *from)
{
    for (int i = 0; i < from->list.n; i++) {
        Diag *d = from->list.at[i];
        int *said = d->severity == SEV_ERROR ? &to->errors : &to->warnings;
        d->all = to;
        if ((*said)++ < MOST_SHOWN) vec_push(to->arena, &to->list, d);
    }
    int errors = 0;
    for (int i = 0; i < from->list.n; i++) errors += from->list.at[i]->severity == SEV_ERROR;
    to->errors += from->errors - errors;
    to->warnings += from->warnings - (from->list.n - errors);
}

/* ---- rendering ---- */

typedef struct Paint {
    const char *error, *warning, *bold, *frame, *off;
} Paint;
static const Paint plain = {"", "", "", "", ""};
static const Paint coloured = {"\033[1;31m", "\033[1;33m", "\033[1m", "\033[1;34m", "\033[0m"};

typedef struct Mark {
    Span span;
    const char *text;
    bool primary;
    int line;
} Mark;
typedef struct Snippet {
    Text text;
    const Paint *paint;
    int gutter;
    const Source *source;
} Snippet;

static int mark_order(const void *pa, const void *pb)
{
    const Mark *a = pa, *b = pb;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    if (a->span.lo != b->span.lo) return a->span.lo < b->span.lo ? -1 : 1;
    return b->primary - a->primary;
}

static uint32_t line_end(const Source *s, int line)
{
    uint32_t end = line < s->nlines ? s->lines[line] - 1 : (uint32_t)s->size;
    if (end > s->lines[line - 1] && s->text[end - 1] == '\r') end--;
    return end;
}

/* Columns on a screen: tabs widen, the bytes of one UTF-8 character count once. */
static int screen_width(const Source *s, uint32_t from, uint32_t to)
{
    int n = 0;
    for (uint32_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)s->text[i];
        n += c == '\t' ? TAB : (c & 0xc0) != 0x80;
    }
    return n;
}

static void add_source(Text *t, const Source *s, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        char c = s->text[i];
        if (c == '\t')
            text_add(t, "%*s", TAB, "");
        else
            text_add_n(t, is_shown(c) ? &c : "?", 1);
    }
}

/* From where a long line is shown, and up to where. */
static void line_window(const Source *s, const Mark *first, uint32_t *lo, uint32_t *hi)
{
    *lo = s->lines[first->line - 1];
    *hi = line_end(s, first->line);
    if (*hi - *lo <= WIDEST) return;
    if (first->span.lo > *lo + WIDEST / 2) *lo = first->span.lo - WIDEST / 2;
    while (((unsigned char)s->text[*lo] & 0xc0) == 0x80) ++*lo;
    if (*hi - *lo > WIDEST) *hi = *lo + WIDEST;
    while (((unsigned char)s->text[*hi] & 0xc0) == 0x80) --*hi;
}

static void add_mark(Snippet *p, const Mark *m, uint32_t lo, uint32_t hi)
{
    uint32_t from = m->span.lo < lo ? lo : m->span.lo > hi ? hi : m->span.lo;
    uint32_t to = m->span.hi < from ? from : m->span.hi > hi ? hi : m->span.hi;
    int width = screen_width(p->source, from, to);
    text_add(&p->text, "%s%*s |%s %*s%s", p->paint->frame, p->gutter, "", p->paint->off,
             screen_width(p->source, lo, from), "", m->primary ? p->paint->error : p->paint->frame);
    for (int i = 0; i < (width ? width : 1); i++) text_add_n(&p->text, m->primary ? "^" : "-", 1);
    text_add(&p->text, "%s%s%s\n", m->text ? " " : "", m->text ? m->text : "", p->paint->off);
}

static void add_line(Snippet *p, const Mark *marks, int n)
{
    uint32_t lo, hi;
    line_window(p->source, marks, &lo, &hi);
    text_add(&p->text, "%s%*d |%s ", p->paint->frame, p->gutter, marks->line, p->paint->off);
    add_source(&p->text, p->source, lo, hi);
    text_add(&p->text, "\n");
    for (int i = 0; i < n; i++) add_mark(p, &marks[i], lo, hi);
}

/* Groups the marks by line; a gap of unmarked lines is shown as such where it is wider than one line. */
static void add_file(Snippet *p, Mark *marks, int n)
{
    qsort(marks, (size_t)n, sizeof *marks, mark_order);
    for (int i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && marks[j].line == marks[i].line; j++);
        int gap = i ? marks[i].line - marks[i - 1].line - 1 : 0;
        if (gap == 1)
            add_line(p, &(Mark){.span = {p->source, p->source->lines[marks[i].line - 2], 0}, .line = marks[i].line - 1},
                     0);
        else if (gap)
            text_add(&p->text, "%s%*s...%s\n", p->paint->frame, p->gutter - 1, "", p->paint->off);
        add_line(p, marks + i, j - i);
    }
}

static int digits_of(int n)
{
    int d = 1;
    while (n >= 10) n /= 10, d++;
    return d;
}

static int collect_marks(const Diag *d, const Source *source, Mark *out)
{
    int n = 0;
    if (d->primary.source == source) out[n++] = (Mark){d->primary, d->primary_text, true, 0};
    for (int i = 0; i < d->labels.n; i++)
        if (d->labels.at[i].span.source == source)
            out[n++] = (Mark){d->labels.at[i].span, d->labels.at[i].text, false, 0};
    for (int i = 0; i < n; i++) out[i].line = source_line(source, out[i].span.lo);
    return n;
}

static int gutter_of(const Diag *d)
{
    int widest = source_line(d->primary.source, d->primary.lo);
    for (int i = 0; i < d->labels.n; i++) {
        int line = source_line(d->labels.at[i].span.source, d->labels.at[i].span.lo);
        if (line > widest) widest = line;
    }
    return digits_of(widest) + 1;
}

/* The primary place's file first, then each other file that a label names. */
static void add_snippets(Snippet *p, const Diag *d)
{
    Mark *marks = NEW_ARRAY(p->text.arena, Mark, d->labels.n + 1);
    p->gutter = gutter_of(d);
    p->source = d->primary.source;
    text_add(&p->text, "%s%*s-->%s %s:%d:%d\n", p->paint->frame, p->gutter, "", p->paint->off, p->source->name,
             source_line(p->source, d->primary.lo), source_column(p->source, d->primary.lo));
    text_add(&p->text, "%s%*s |%s\n", p->paint->frame, p->gutter, "", p->paint->off);
    add_file(p, marks, collect_marks(d, p->source, marks));
    for (int i = 0; i < d->labels.n; i++) {
        const Source *other = d->labels.at[i].span.source;
        bool seen = other == d->primary.source;
        for (int j = 0; j < i; j++) seen |= d->labels.at[j].span.source == other;
        if (seen) continue;
        p->source = other;
        text_add(&p->text, "%s%*s:::%s %s\n", p->paint->frame, p->gutter, "", p->paint->off, other->name);
        add_file(p, marks, collect_marks(d, other, marks));
    }
    text_add(&p->text, "%s%*s |%s\n", p->paint->frame, p->gutter, "", p->paint->off);
}

/* `= note: text`, its further lines under the text. */
static void add_remark(Snippet *p, const char *word, const char *text)
{
    text_add(&p->text, "%s%*s =%s %s: ", p->paint->frame, p->gutter, "", p->paint->off, word);
    int indent = p->gutter + 3 + (int)strlen(word) + 2;
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        text_add(&p->text, "%.*s\n%*s", (int)(end - text), text, indent, "");
    text_add(&p->text, "%s\n", text);
}

const char *diag_render(Arena *a, const Diag *d, bool colour)
{
    Snippet p = {{a, 0, 0, 0}, colour ? &coloured : &plain, 1, NULL};
    bool error = d->severity == SEV_ERROR;
    text_add(&p.text, "%s%s[%s]%s%s: %s%s\n", error ? p.paint->error : p.paint->warning, error ? "error" : "warning",
             d->code, p.paint->off, p.paint->bold, d->message, p.paint->off);
    if (d->primary.source) add_snippets(&p, d);
    for (int i = 0; i < d->notes.n; i++) add_remark(&p, "note", d->notes.at[i]);
    for (int i = 0; i < d->helps.n; i++) add_remark(&p, "help", d->helps.at[i]);
    add_remark(&p, "more", str_format(a, "nnc explain %s", d->code));
    return text_done(&p.text);
}

static int diag_order(const void *pa, const void *pb)
{
    const Diag *a = *(const Diag *const *)pa, *b = *(const Diag *const *)pb;
    if (!a->primary.source || !b->primary.source) return !b->primary.source - !a->primary.source;
    int files = strcmp(a->primary.source->name, b->primary.source->name);
    if (files) return files;
    if (a->primary.lo != b->primary.lo) return a->primary.lo < b->primary.lo ? -1 : 1;
    return strcmp(a->code, b->code);
}

/* Those that were one too many, in a line. */
static void print_rest(const Diags *all, FILE *to)
{
    int errors = 0;
    for (int i = 0; i < all->list.n; i++) errors += all->list.at[i]->severity == SEV_ERROR;
    int more = all->errors - errors, warnings = all->warnings - (all->list.n - errors);
    if (more > 0) fprintf(to, "\n%d more error%s like these\n", more, more == 1 ? "" : "s");
    if (warnings > 0) fprintf(to, "\n%d more warning%s like these\n", warnings, warnings == 1 ? "" : "s");
}

void diags_print(const Diags *all, FILE *to, bool colour)
{
    if (!all->list.n) return;
    Diag **sorted = arena_copy(all->arena, all->list.at, sizeof *sorted * (size_t)all->list.n);
    qsort(sorted, (size_t)all->list.n, sizeof *sorted, diag_order);
    for (int i = 0; i < all->list.n; i++)
        fprintf(to, "%s%s", i ? "\n" : "", diag_render(all->arena, sorted[i], colour));
    print_rest(all, to);
}
