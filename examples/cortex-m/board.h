/* board.h: what main.c needs of a board. board.c is one without a system; any other C program may be one too. */
#ifndef BOARD_H
#define BOARD_H
void board_say(const char *text);
void board_exit(int failed);
#endif
