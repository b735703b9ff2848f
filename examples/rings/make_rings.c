/* Makes rings.csv: 1,000 points on two rings about the origin, of radius 1 and of radius 0.5 (inside), each coordinate
   moved by normal noise of standard deviation 0.05. The seed is fixed, so the file is always the same.

   cc -O2 make_rings.c -lm -o make_rings && ./make_rings > rings.csv */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { POINTS = 1000 };

/* SplitMix64: a number in (0, 1). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(draw(state)));
    return radius * cos(6.283185307179586 * draw(state));
}

int main(void)
{
    uint64_t state = 2026;
    puts("point.0,point.1,inside");
    for (int i = 0; i < POINTS; i++) {
        int inside = draw(&state) < 0.5;
        double radius = inside ? 0.5 : 1.0, angle = 6.283185307179586 * draw(&state);
        double x = radius * cos(angle) + 0.05 * draw_normal(&state);
        double y = radius * sin(angle) + 0.05 * draw_normal(&state);
        printf("%.6f,%.6f,%d\n", x, y, inside);
    }
    return 0;
}
