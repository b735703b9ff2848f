/* vec.c: growable arrays; the old storage stays in the arena. */
#include "base/base.h"
#include <string.h>

enum { FIRST_ROOM = 64 }; /* bytes: most lists of large elements, such as what a line binds, have one */

void *vec_grow(Arena *a, void *at, int n, int *cap, size_t size)
{
    *cap = *cap ? *cap * 2 : size < FIRST_ROOM ? (int)(FIRST_ROOM / size) : 1;
    void *grown = arena_alloc(a, (size_t)*cap * size);
    if (n) memcpy(grown, at, (size_t)n * size);
    return grown;
}
