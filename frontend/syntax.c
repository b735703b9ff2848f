/* syntax.c: what a fault of syntax is called, and where reading goes on behind it. */
#include "frontend/habit.h"
#include "frontend/parser.h"
#include "parse.h"
#include <string.h>

static int depth_of(const Expr *e) { return e ? e->depth : 0; }

static int deeper(int a, int b) { return a > b ? a : b; }

static int block_depth(const BlockExpr *b)
{
    int depth = 0;
    for (int i = 0; b && i < b->items.n; i++) depth = deeper(depth, depth_of(b->items.at[i]->value));
    return depth;
}

Expr *bounded(Parser *p, Expr *e)
{
    int depth = deeper(deeper(depth_of(e->a), depth_of(e->b)), deeper(depth_of(e->c), block_depth(e->block)));
    for (int i = 0; i < e->list.n; i++) depth = deeper(depth, depth_of(e->list.at[i]));
    for (int i = 0; i < e->args.n; i++) depth = deeper(depth, depth_of(e->args.at[i].value));
    e->depth = depth + 1;
    if (e->depth <= MAX_DEPTH) return e;
    if (!p->too_deep++) {
        Diag *d = diag_error(p->cx->diags, "E0104", e->op_span.source ? e->op_span : e->span,
                             "this formula is nested deeper than %d levels", MAX_DEPTH);
        diag_help(d, "name parts of it, in bindings of their own");
    }
    return expr_new(p->arena, EX_ERROR, e->span);
}

enum { MAX_PARTS = 64 };

Path longer(Parser *p, Path path, const char *part, Span span)
{
    if (path.parts.n < MAX_PARTS) return path_join(p->arena, path, part, span);
    if (!p->too_deep++) {
        Diag *d = diag_error(p->cx->diags, "E0104", span, "this path has more than %d parts", MAX_PARTS);
        diag_primary(d, "one part too many");
    }
    return path;
}

/* ---- what stands there ---- */

static bool is_keyword(int kind) { return kind >= T_IMPORT && kind <= T_NOT; }

static const char *token_text(Parser *p, int i)
{
    Token t = p->tokens.at[i];
    if (t.kind == 0) return "the end of the file";
    if (t.kind == T_SEP) return "the end of the line";
    size_t n = t.hi - t.lo;
    const char *s = str_copy_n(p->arena, p->source->text + t.lo, n > 40 ? 40 : n);
    return str_format(p->arena, "`%s%s`", s, n > 40 ? "..." : "");
}

static const char *word_at(Parser *p, int i)
{
    Token t = p->tokens.at[i];
    return str_copy_n(p->arena, p->source->text + t.lo, t.hi - t.lo);
}

static int token_at(Parser *p, uint32_t offset)
{
    int low = 0, high = p->tokens.n - 1;
    while (low < high) {
        int mid = (low + high) / 2;
        if (p->tokens.at[mid].lo < offset) low = mid + 1;
        else high = mid;
    }
    return low;
}

/* ---- what may come ---- */

static bool has(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (str_equal(names[i], name)) return true;
    return false;
}

static bool is_operator(const char *name)
{
    static const char *const operators[] = {"'+'", "'-'", "'*'", "'/'", "'%'", "'@'", "'^'", "'<'", "'>'",
                                            "|>", "==", "!=", "<=", ">=", "and", "or"};
    return has(operators, COUNT(operators), name);
}

static bool begins_expression(const char *name)
{
    static const char *const words[] = {"a name", "a number", "a text", "'('", "'['", "'-'", "not", "if", "..."};
    return has(words, COUNT(words), name);
}

static const char *shown(Arena *a, const char *name)
{
    if (name[0] == '\'' && name[1]) return str_format(a, "`%c`", name[1]);
    bool words = str_starts(name, "a ") || str_starts(name, "the ");
    return words ? name : str_format(a, "`%s`", name);
}

static void add_choice(Arena *a, Names *out, const char *text)
{
    for (int i = 0; i < out->n; i++)
        if (str_equal(out->at[i], text)) return;
    vec_push(a, out, text);
}

/* The choices in a few words: whole classes by one name. */
static const char *expected_text(Parser *p, const char *const *names, int n)
{
    Arena *a = p->arena;
    bool expression = has(names, n, "a number") && has(names, n, "'('");
    int operators = 0;
    for (int i = 0; i < n; i++) operators += is_operator(names[i]);
    Names out = {0};
    if (expression) add_choice(a, &out, "a value");
    for (int i = 0; i < n; i++) {
        if (expression && begins_expression(names[i])) continue;
        if (operators > 4 && is_operator(names[i])) add_choice(a, &out, "an operator");
        else if (str_equal(names[i], "';'") && has(names, n, "the end of the line")) continue;
        else if (!str_equal(names[i], "error")) add_choice(a, &out, shown(a, names[i]));
    }
    Text t = {.arena = a};
    for (int i = 0; i < out.n; i++) text_add(&t, "%s%s", i == 0 ? "" : i + 1 == out.n ? " or " : ", ", out.at[i]);
    return text_done(&t);
}

static bool begins_definition(int kind)
{
    return kind == T_IMPORT || kind == T_DIM || kind == T_HYPER || kind == T_FN || kind == T_LAYER || kind == T_MODEL
        || kind == T_TRAIN;
}

/* The bracket around token i that is still open, or -1. */
static int open_bracket(Parser *p, int i)
{
    int depth = 0, tried = 0;
    for (i--; i >= 0 && tried < 4000; i--, tried++) {
        int kind = p->tokens.at[i].kind;
        if (begins_definition(kind) && !p->tokens.at[i].braces && i && p->tokens.at[i - 1].kind == T_SEP) return -1;
        if (kind == ')' || kind == ']' || kind == '}') depth++;
        if ((kind == '(' || kind == '[' || kind == '{') && depth-- == 0) return kind == '{' ? -1 : i;
    }
    return -1;
}

/* ---- where to go on ---- */

static bool first_in_line(Parser *p, int i)
{
    if (i == 0) return true;
    Token before = p->tokens.at[i - 1], t = p->tokens.at[i];
    if (before.kind == T_SEP) return true;
    return memchr(p->source->text + before.hi, '\n', t.lo - before.hi) != NULL;
}

/* A fault in a definition's head: its body would read as definitions, so all of it is left out. */
static void skip_definition(Parser *p, int i)
{
    while (p->tokens.at[i].kind) {
        Token t = p->tokens.at[i];
        if (begins_definition(t.kind) && !t.braces && first_in_line(p, i)) break;
        i++;
    }
    if (i > p->skipped) p->skip_to = p->skipped = i; /* forwards only: the same place twice would not end */
}

/* A fault in a body: the rest of its item, where that has a block of its own, whose `}` would end the body. */
static void skip_block(Parser *p, int i)
{
    int depth = 0;
    bool block = false;
    for (; p->tokens.at[i].kind && (depth || p->tokens.at[i].kind != T_SEP); i++) {
        int kind = p->tokens.at[i].kind;
        if (kind == '{') depth++, block = true;
        if (kind == '}' && depth-- == 0) break;
    }
    if (block && p->tokens.at[i].kind && i > p->skipped) p->skip_to = p->skipped = i;
}

/* ---- the messages ---- */

static void reserved_word(Parser *p, int i)
{
    Token t = p->tokens.at[i];
    Diag *d = diag_error(p->cx->diags, "E0405", (Span){p->source, t.lo, t.hi},
                         "%s is a word of the language and cannot be a name", token_text(p, i));
    diag_primary(d, "a name is needed here");
    diag_help(d, "choose another name, or end it with `_`");
}

/* `where = 3` is a name, whatever the line before may go on with; and so is that word wherever it stands below. */
static bool is_reserved_name(Parser *p, int i)
{
    return is_keyword(p->tokens.at[i].kind) && first_in_line(p, i) && p->tokens.at[i + 1].kind == '=';
}

static bool told_reserved(Parser *p, int i)
{
    const Diags *all = p->cx->diags;
    const char *word = word_at(p, i);
    for (int k = 0; k < all->list.n; k++) {
        Span s = all->list.at[k]->primary;
        if (str_equal(all->list.at[k]->code, "E0405") && s.source == p->source &&
            str_equal(word, str_copy_n(p->arena, p->source->text + s.lo, s.hi - s.lo)))
            return true;
    }
    return false;
}

/* `modle m(x ...`: the word before this one begins nothing. */
static void no_definition(Parser *p, int i)
{
    static const char *const words[] = {"import", "dim", "hyper", "fn", "layer", "model", "train"};
    Token t = p->tokens.at[i];
    Diag *d = diag_error(p->cx->diags, "E0101", (Span){p->source, t.lo, t.hi}, "%s begins no definition", token_text(p, i));
    diag_primary(d, "`import`, `dim`, `hyper`, `fn`, `layer`, `model` or `train` does");
    const char *near = str_nearest(word_at(p, i), words, COUNT(words)), *habit = habit_of_definition(word_at(p, i));
    if (habit) diag_help(d, "%s", habit);
    else if (near) diag_help(d, "did you mean `%s`?", near);
}

/* Does the next word follow without a blank? */
static bool touches_next(Parser *p, int i) { return p->tokens.at[i].hi == p->tokens.at[i + 1].lo; }

/* A token where `among` and `also` might stand: what is mostly meant by it. */
static const struct { int kind; const char *among, *also, *help; } misplaced[] = {
    {T_PRIME, "a text", "a text", "a text stands in double quotes: `\"...\"`"},
    {',', "where", "'{'", "several results stand in brackets: `-> (a: f32[N, 1], b: f32[N, 2])`"},
    {T_SEP, "where", "'{'", "what it holds stands in `{` and `}`, the first of them in this line"},
    {',', "the end of the line", "|>", "several items of one line are parted by `;`"},
    {'.', "|>", "|>", "`|>` hands a value on: `x |> dense(8) |> relu`"},
    {T_ARROW, "|>", "|>", "`|>` hands a value on: `x |> dense(8) |> relu`"},
    {'>', "|>", "|>", "comparisons make no chains; `|>` hands a value on: `x |> dense(8) |> relu`"},
    {'[', "|>", "|>", "parts are taken by `slice`, `take` and `split`; several results by as many names: `a, b = f(x)`"},
    {'(', "'['", "'<'", "sizes stand in square brackets: `f32[N, 4]`"},
    {'[', "a name", "'('", "a type begins with its dtype: `f32[N, 4]`"},
};

static const char *help_misplaced(Parser *p, int i, const char *const *expected, int n)
{
    int kind = p->tokens.at[i].kind;
    if (kind == T_SEP && i > 1 && p->tokens.at[i - 2].kind == T_HYPER) return "a hyper has a value: `hyper H = 16`";
    for (size_t k = 0; k < COUNT(misplaced); k++)
        if (misplaced[k].kind == kind && has(expected, n, misplaced[k].among) && has(expected, n, misplaced[k].also))
            return misplaced[k].help;
    return NULL;
}

static const char *pair_at(Parser *p, int i)
{
    int kind = p->tokens.at[i].kind;
    bool word = kind == T_NAME || is_keyword(kind);
    return kind && (word || touches_next(p, i)) ? habit_of_pair(word_at(p, i), word_at(p, i + 1)) : NULL;
}

/* What is written so in other languages: in the words here, in the first of the line, or at this place. */
static const char *habit_at(Parser *p, int i, const char *const *expected, int n)
{
    int first = i;
    while (!first_in_line(p, first)) first--;
    const char *help = i ? pair_at(p, i - 1) : NULL;
    if (!help) help = pair_at(p, i);
    if (!help) help = pair_at(p, first);
    return help ? help : help_misplaced(p, i, expected, n);
}

/* What was probably meant: a habit, a comparison, or a word of the language with a letter wrong. */
static void help_meant(Parser *p, Diag *d, int i, const char *const *expected, int n)
{
    Token t = p->tokens.at[i];
    const char *habit = habit_at(p, i, expected, n);
    if (habit) diag_help(d, "%s", habit);
    if (t.kind == '=' && has(expected, n, "==")) diag_help(d, "`==` compares");
    if (t.kind != T_NAME || habit) return;
    const char *near = str_nearest(word_at(p, i), expected, n);
    if (near && !strchr(near, ' ')) diag_help(d, "did you mean `%s`?", near);
}

void syntax_error(Parser *p, Span at, const char *const *expected, int n)
{
    int i = token_at(p, at.lo);
    while (p->tokens.at[i].kind && p->tokens.at[i].hi < at.hi) i++;
    int kind = p->tokens.at[i].kind;
    if (p->tokens.at[i].braces) skip_block(p, i);
    else skip_definition(p, i);
    if (kind == T_BAD || kind == T_OPEN_STRING) return; /* told already */
    if (is_keyword(kind) && has(expected, n, "a name") && !has(expected, n, "a number")) {
        reserved_word(p, i);
        return;
    }
    if (kind == '=' && i && is_keyword(p->tokens.at[i - 1].kind)) {
        reserved_word(p, i - 1);
        return;
    }
    if (is_reserved_name(p, i)) {
        reserved_word(p, i);
        return;
    }
    if (is_keyword(kind) && told_reserved(p, i)) return;
    if (n == 1 && has(expected, n, "a text") && i && p->tokens.at[i - 1].kind == T_NAME) {
        no_definition(p, i - 1);
        return;
    }
    Diag *d = diag_error(p->cx->diags, "E0101", at, "%s cannot stand here", token_text(p, i));
    diag_primary(d, "%s may come here", expected_text(p, expected, n));
    if (kind == T_NUMBER && n == 1 && has(expected, n, "a text") && p->tokens.at[i - 1].kind == '=')
        diag_help(d, "a dim is open, or has named places; a size that is known is a `hyper`");
    help_meant(p, d, i, expected, n);
    int open = open_bracket(p, i);
    bool ended = kind == 0 || kind == T_SEP || kind == '}' || is_keyword(kind) || kind == ')' || kind == ']' ||
                 first_in_line(p, i);
    bool above = open >= 0 && source_line(p->source, p->tokens.at[open].lo) != source_line(p->source, at.lo);
    if (open >= 0 && (ended || above)) {
        Token t = p->tokens.at[open];
        diag_label(d, (Span){p->source, t.lo, t.hi}, "this `%c` is still open", t.kind);
    }
}

Names broken_names(Parser *p, Span span)
{
    Names names = {0};
    int i = token_at(p, span.lo);
    if (is_keyword(p->tokens.at[i].kind)) i++;
    for (; p->tokens.at[i].kind == T_NAME; i++) {
        vec_push(p->arena, &names, word_at(p, i));
        if (p->tokens.at[i + 1].kind == ',') i++;
        else if (p->tokens.at[i + 1].kind != T_NAME) break; /* `moel rings`: both */
    }
    return names;
}
