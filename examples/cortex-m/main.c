/* Trains the two-rings network where there is no system and no heap: every buffer is static, and nothing is linked in
   but rings.o. Prints how it learns, and at the end its parameters bit by bit: they are those of any other machine whose
   products and sums fuse. */
#include "board.h"
#include "rings.h"

enum { BATCH = 32, STEPS = 600, REPORTS = 6, WORK_BYTES = 24 * 1024 };
static _Alignas(64) unsigned char params[RINGS_PARAMS_BYTES], opt[RINGS_OPT_BYTES], work[WORK_BYTES];
static float points[2 * BATCH], inside[BATCH], guesses[BATCH];
static double totals[RINGS_TOTALS];

/* ---- text ---- */
static void say_hex(uint32_t v)
{
    char text[] = "00000000 ";
    for (int i = 7; i >= 0; i--, v >>= 4) text[i] = "0123456789abcdef"[v & 15];
    board_say(text);
}

static void say_number(uint32_t v)
{
    char text[11], *at = text + 10;
    *at = 0;
    do
        *--at = (char)('0' + v % 10);
    while (v /= 10);
    board_say(at);
}

static void check(int32_t status, const char *what)
{
    if (status == NNRT_OK) return;
    board_say(what);
    board_say(" fails with status ");
    say_number((uint32_t)status);
    board_say("\n");
    board_exit(1);
}

/* ---- points in a square, and whether they lie within a circle ---- */
static float draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

static void make_batch(uint32_t *state)
{
    for (int i = 0; i < BATCH; i++) {
        float x = draw(state), y = draw(state), far = x * x + y * y;
        points[2 * i] = x;
        points[2 * i + 1] = y;
        inside[i] = far < 0.6f ? 1 : 0;
    }
}

/* How many of a batch that training never saw are told rightly. */
static uint32_t count_right(void)
{
    uint32_t state = 99, right = 0;
    for (int round = 0; round < 8; round++) {
        make_batch(&state);
        check(rings_predict(params, BATCH, points, guesses, work), "predicting");
        for (int i = 0; i < BATCH; i++) right += (guesses[i] > 0.5f) == (inside[i] > 0.5f);
    }
    return right;
}

static void report(uint32_t step)
{
    board_say("step ");
    say_number(step);
    board_say(": right ");
    say_number(count_right());
    board_say(" of 256\n");
}

int main(void)
{
    static nnrt_step at = {sizeof at, 0, 1, 1, 1, 0, 1};
    static rings_hparams settings = RINGS_HPARAMS_INIT;
    uint32_t state = 1;
    if (rings_bytes(RINGS_WORK_STEP, BATCH) > WORK_BYTES || rings_bytes(RINGS_WORK_PREDICT, BATCH) > WORK_BYTES) {
        board_say("the workspace is too small\n");
        return 1;
    }
    check(rings_init(params, opt, at.seed, work), "the start");
    for (uint32_t step = 1; step <= STEPS; step++) {
        make_batch(&state);
        at.step = step;
        check(rings_step(params, opt, BATCH, points, inside, &at, &settings, totals, work), "a step");
        if (step % (STEPS / REPORTS) == 0) report(step);
    }
    for (unsigned i = 0; i < sizeof params / 4; i++) {
        uint32_t word = 0;
        for (int b = 3; b >= 0; b--) word = word << 8 | params[4 * i + (unsigned)b];
        say_hex(word);
    }
    board_say("\n");
    return 0;
}
