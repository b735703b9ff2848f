/* Numbers whose sums, products, quotients and conversions are hard to round, through every function of soft.nn. Prints
   a hash of the bits of each result; a machine with instructions for them says what is right. */
#include "board.h"
#include "soft.h"

enum { ROWS = 384, RESULTS = 21 };
static _Alignas(64) unsigned char work[4096];
static uint64_t a[ROWS], b[ROWS];
static uint32_t x[ROWS];
static int64_t i[ROWS], j[ROWS];
static uint64_t out[RESULTS][ROWS];
static const char *const names[RESULTS] = {
    "sum", "difference", "product", "quotient", "root", "narrow", "wide", "whole", "small", "from_narrow", "real",
    "real_narrow", "ratio", "rest", "below", "most", "same", "other", "power", "wave", "middle",
};
static const char types[] = "dddddsdlilds" "ll" "cccc" "ddd"; /* d f64, s f32, l 64 bits, i 32, c 8 */

static uint64_t draw(void)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state ^ state >> 29;
}

/* Any bits, ends of the range, numbers near one another, few bits set, small whole numbers. */
static uint64_t hard(uint64_t beside)
{
    static const uint64_t ends[] = {
        0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x3ff0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000,
        0x7ff8000000000000, 0x47efffffefffffff, 0x47efffffe0000000, 0x36a0000000000000, 0x43e0000000000000,
        0x41dfffffffc00000, 0x3810000000000000, 0x380fffffffffffff, 0x0008000000000000,
    };
    uint64_t r = draw(), sign = r & 0x8000000000000000;
    switch (r % 6) {
    case 0: return draw();
    case 1: return ends[r / 6 % 16] | sign;
    case 2: return (beside ^ sign) + r / 6 % 5 - 2;
    case 3: return sign | (0x3c00000000000000 + ((r / 6 % 2048) << 52)) | (uint64_t)1 << r % 52;
    case 4: return (beside ^ sign) + ((r / 6 % 128 - 64) << 52);
    default: return sign | (0x3ff0000000000000 + ((r / 6 % 16) << 52)) | (draw() & 0x000fff0000000000);
    }
}

static uint64_t element(char type, const void *at, int row)
{
    switch (type) {
    case 'c': return ((const uint8_t *)at)[row];
    case 's': {
        uint32_t v = ((const uint32_t *)at)[row];
        return (v & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : v;
    }
    case 'i': return ((const uint32_t *)at)[row];
    case 'd': {
        uint64_t v = ((const uint64_t *)at)[row];
        return (v & INT64_MAX) > 0x7ff0000000000000 ? 0x7ff8000000000000 : v;
    }
    default: return ((const uint64_t *)at)[row];
    }
}

static void say(const char *name, uint64_t v)
{
    char text[] = " 0000000000000000\n";
    for (int k = 16; k > 0; k--, v >>= 4) text[k] = "0123456789abcdef"[v & 15];
    board_say(name);
    board_say(text);
}

int main(void)
{
    for (int row = 0; row < ROWS; row++) {
        a[row] = hard(draw());
        b[row] = hard(a[row]);
        x[row] = (uint32_t)draw();
        i[row] = (int64_t)draw() >> draw() % 64;
        j[row] = row % 9 ? (int64_t)draw() >> draw() % 64 : row % 3;
    }
    if (soft_bytes(SOFT_WORK_PREDICT, ROWS) > (int64_t)sizeof work) return 1;
    int32_t status = soft_predict(
        NULL, ROWS, (const double *)a, (const double *)b, (const float *)x, i, j, (double *)out[0], (double *)out[1],
        (double *)out[2], (double *)out[3], (double *)out[4], (float *)out[5], (double *)out[6], (int64_t *)out[7],
        (int32_t *)out[8], (int64_t *)out[9], (double *)out[10], (float *)out[11], (int64_t *)out[12],
        (int64_t *)out[13], (uint8_t *)out[14], (uint8_t *)out[15], (uint8_t *)out[16], (uint8_t *)out[17],
        (double *)out[18], (double *)out[19], (double *)out[20], work);
    for (int k = 0; k < RESULTS; k++) {
        uint64_t h = 0xcbf29ce484222325;
        for (int row = 0; row < ROWS; row++) {
            h = (h ^ element(types[k], out[k], row)) * 0x100000001b3;
            h ^= h >> 29;
        }
        say(names[k], h);
    }
    return status;
}
