/* points.h: reads rings.csv: a line of names, then point.0, point.1 and inside on each line. Part of the example
   programs. */
#ifndef POINTS_H
#define POINTS_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 100000 };
typedef struct Points { int64_t rows; float *point, *inside; } Points;

static void points_fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

/* Ends the program with a sentence where the file holds something else. */
static Points points_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    Points p = {0, (float *)malloc(MAX_POINTS * 2 * sizeof(float)), (float *)malloc(MAX_POINTS * sizeof(float))};
    if (!file || !p.point || !p.inside) points_fail(path, "cannot be opened");
    if (!fgets(line, sizeof line, file) || strncmp(line, "point.0,point.1,inside", 22))
        points_fail(path, "does not begin with the names point.0,point.1,inside");
    for (; p.rows < MAX_POINTS && fgets(line, sizeof line, file); p.rows++) {
        char *at = line, *end;
        float values[3];
        for (int i = 0; i < 3; i++, at = end + 1) {
            values[i] = strtof(at, &end);
            if (end == at || (i < 2 && *end != ',')) points_fail(path, "has a line that is not three numbers");
        }
        memcpy(p.point + 2 * p.rows, values, 2 * sizeof(float));
        p.inside[p.rows] = values[2];
    }
    fclose(file);
    return p;
}
#endif
