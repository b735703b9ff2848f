/* What all parts stand on: an arena's pieces of every size are aligned, zero, and nobody else's. */
#include "tensor_assert.h"
#include <string.h>

static bool is_all(const unsigned char *at, size_t n, unsigned char v)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] != v) return false;
    return true;
}

/* Sizes around those at which chunks are made, grow and stop growing; each piece is filled before the next is asked for. */
static void pieces_are_whole(void **state)
{
    static const size_t sizes[] = {
        0, 1, 15, 16, 17, 4096, 65535, 65536, 65537, 131072, 1 << 20, (4 << 20) - 16, 4 << 20, (4 << 20) + 1, 24, 9 << 20,
        48, 21 << 20, 7, 1 << 20, 3 << 20, 1,
    };
    unsigned char *at[COUNT(sizes)];
    size_t all = 0;
    (void)state;
    Arena *a = arena_new();
    for (size_t i = 0; i < COUNT(sizes); i++) {
        at[i] = arena_alloc(a, sizes[i]);
        assert_int_equal((uintptr_t)at[i] % 16, 0);
        assert_true(is_all(at[i], sizes[i], 0));
        memset(at[i], (int)i + 1, sizes[i]);
        all += sizes[i];
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        if (!is_all(at[i], sizes[i], (unsigned char)(i + 1))) fail_msg("piece %zu was written over", i);
    assert_in_range(arena_bytes(a), all, all + 32 * COUNT(sizes)); /* rounded up, and a gap under AddressSanitizer */
    arena_free(a);
}

static void copies_are_apart(void **state)
{
    static const char text[] = "a text";
    (void)state;
    Arena *a = arena_new();
    char *copy = arena_copy(a, text, sizeof text), *other = arena_copy(a, text, sizeof text);
    copy[0] = 'b';
    assert_string_equal(copy, "b text");
    assert_string_equal(other, text);
    assert_non_null(arena_copy(a, NULL, 0));
    arena_free(a);
}

/* A text of 10^5 lines has as many lists of one large element. */
static void lists_of_one_are_small(void **state)
{
    typedef struct Large { char bytes[88]; } Large;
    VEC(Large) one = {0};
    VEC(char) many = {0};
    (void)state;
    Arena *a = arena_new();
    vec_push(a, &one, (Large){"x"});
    assert_in_range(arena_bytes(a), sizeof(Large), 2 * sizeof(Large));
    for (int i = 1; i < 100; i++) vec_push(a, &one, (Large){{(char)i}});
    for (int i = 0; i < 100; i++) vec_push(a, &many, (char)i);
    for (int i = 1; i < 100; i++) assert_true(one.at[i].bytes[0] == i && many.at[i] == i);
    assert_int_equal(one.at[0].bytes[0], 'x');
    arena_free(a);
}

/* A place belongs to the line whose text it stands in, the end of a line to the line that ends there. */
static void places_have_lines(void **state)
{
    static const char text[] = "ab\n\ncd\nlast";
    static const struct { uint32_t at; int line, column; } cases[] = {
        {0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {5, 3, 2}, {6, 3, 3}, {7, 4, 1}, {10, 4, 4}, {11, 4, 5},
    };
    (void)state;
    Arena *a = arena_new();
    const Source *s = source_new(a, "x", text, sizeof text - 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(source_line(s, cases[i].at), cases[i].line);
        assert_int_equal(source_column(s, cases[i].at), cases[i].column);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_whole),
        cmocka_unit_test(copies_are_apart),
        cmocka_unit_test(lists_of_one_are_small),
        cmocka_unit_test(places_have_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
