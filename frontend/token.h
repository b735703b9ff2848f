/* token.h: the words of a file as an array, line ends kept only where they end an item. */
#ifndef NNC_TOKEN_H
#define NNC_TOKEN_H
#include "base/base.h"

typedef struct Token {
    int kind;
    uint32_t lo, hi;
    int braces; /* open { before it */
} Token;
typedef VEC(Token) TokenList;

/* ---- lex.l: every word of a text; line ends are words too ---- */
enum { MAX_WORDS = 1000000 }; /* and line ends; of a longer text no more are read */
enum { TOKEN_LINE_END = 10000, TOKEN_BLANK };
TokenList words_scan(Arena *a, const Source *s);

/* ---- token.c: the words with the newline rule applied; the last has kind 0 ---- */
/* In a text that has faults, by_indent tells by the look of the lines where a bracket was forgotten. */
TokenList tokens_read(Cx *cx, const Source *s, bool by_indent);
#endif
