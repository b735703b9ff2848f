/* The order in which an epoch walks through its samples. */
#include "nnrt.h"

/* Philox4x32-10 of Salmon and others (2011): ten rounds of two multiplications. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* A number in 0 .. below-1: the high half of a 64-bit draw times `below`. */
static int64_t draw_below(uint64_t seed, uint64_t epoch, int64_t below)
{
    uint64_t n = (uint64_t)below;
    uint32_t counter[4] = {(uint32_t)n, (uint32_t)(n >> 32), (uint32_t)epoch, (uint32_t)(epoch >> 32)};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, word[4];
    philox(counter, key, word);
    uint64_t draw = (uint64_t)word[1] << 32 | word[0];
    return (int64_t)(uint64_t)(((unsigned __int128)draw * n) >> 64);
}

void nnrt_shuffle(uint64_t seed, uint64_t epoch, int64_t *out_order, int64_t n)
{
    for (int64_t i = 0; i < n; i++) out_order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = draw_below(seed, epoch, i + 1), kept = out_order[i];
        out_order[i] = out_order[j];
        out_order[j] = kept;
    }
}
