/* Sizes: the normal form, verdicts, text. */
#include "ir/ir.h"
#include <setjmp.h>
#include <cmocka.h>

static Symbol symbol(const char *name, int index)
{
    return (Symbol){.name = name, .index = index, .low = 1, .high = INT64_MAX};
}

typedef struct World { Cx *cx; Dims *ds; const Dim *n, *m, *y, *digit; } World;

static World world(void)
{
    World w = {.cx = cx_new()};
    const Symbol all[] = {symbol("N", 0), symbol("M", 1), symbol("Y", 2), symbol("digit", 3)};
    Symbol *s = arena_copy(w.cx->arena, all, sizeof all);
    s[3].fixed = s[3].low = s[3].high = 10;
    w.ds = dims_new(w.cx->arena);
    w.n = dim_symbol(w.ds, &s[0]);
    w.m = dim_symbol(w.ds, &s[1]);
    w.y = dim_symbol(w.ds, &s[2]);
    w.digit = dim_symbol(w.ds, &s[3]);
    return w;
}

static const Dim *num(World *w, int64_t v) { return dim_const(w->ds, v); }
static const Dim *plus(World *w, const Dim *a, int64_t b) { return dim_add(w->ds, a, num(w, b)); }
static const Dim *times(World *w, int64_t a, const Dim *b) { return dim_mul(w->ds, num(w, a), b); }
static const Dim *over(World *w, const Dim *a, int64_t b) { return dim_floor(w->ds, a, num(w, b)); }
#define same(a, b) assert_ptr_equal((a), (b))
#define text_is(d, s) assert_string_equal(dim_text(w.cx->arena, (d)), (s))

static void sums_have_one_form(void **state)
{
    (void)state;
    World w = world();
    same(dim_add(w.ds, w.n, w.m), dim_add(w.ds, w.m, w.n));
    same(dim_sub(w.ds, plus(&w, w.n, 3), num(&w, 3)), w.n);
    same(dim_mul(w.ds, plus(&w, w.n, 1), plus(&w, w.n, -1)), plus(&w, dim_mul(w.ds, w.n, w.n), -1));
    same(dim_sub(w.ds, w.n, w.n), num(&w, 0));
    text_is(plus(&w, dim_sub(w.ds, times(&w, 2, w.m), w.n), -1), "-N + 2*M - 1");
    text_is(dim_mul(w.ds, w.n, w.n), "N*N");
    text_is(num(&w, 0), "0");
    cx_free(w.cx);
}

static void floors_have_one_form(void **state)
{
    (void)state;
    World w = world();
    same(plus(&w, over(&w, plus(&w, w.y, -2), 2), 1), over(&w, w.y, 2));
    same(over(&w, over(&w, w.y, 2), 2), over(&w, w.y, 4));
    same(over(&w, plus(&w, over(&w, w.y, 2), 1), 2), over(&w, plus(&w, w.y, 2), 4));
    same(over(&w, times(&w, 6, w.n), 3), times(&w, 2, w.n));
    same(over(&w, times(&w, 2, plus(&w, w.n, 1)), 4), over(&w, plus(&w, w.n, 1), 2));
    same(dim_floor(w.ds, dim_mul(w.ds, w.n, w.m), w.m), w.n);
    same(dim_floor(w.ds, dim_mul(w.ds, w.n, w.m), dim_mul(w.ds, times(&w, 2, w.m), w.m)),
         dim_floor(w.ds, w.n, times(&w, 2, w.m)));
    same(over(&w, num(&w, -7), 2), num(&w, -4));
    same(dim_mod(w.ds, times(&w, 4, w.n), num(&w, 2)), num(&w, 0));
    text_is(over(&w, plus(&w, w.n, 1), 2), "floor((N + 1)/2)");
    text_is(dim_floor(w.ds, w.n, times(&w, 2, w.m)), "floor(N/(2*M))");
    cx_free(w.cx);
}

static void division_comes_out_or_not(void **state)
{
    (void)state;
    World w = world();
    const Dim *p = dim_mul(w.ds, plus(&w, w.n, 1), plus(&w, w.m, 2));
    same(dim_divide(w.ds, p, plus(&w, w.n, 1)), plus(&w, w.m, 2));
    assert_null(dim_divide(w.ds, w.n, num(&w, 2)));
    assert_null(dim_divide(w.ds, plus(&w, w.n, 1), w.n));
    same(dim_divide(w.ds, num(&w, 64), num(&w, 8)), num(&w, 8));
    cx_free(w.cx);
}

static void equality_is_proved_refuted_or_open(void **state)
{
    (void)state;
    World w = world();
    assert_int_equal(dim_equal(times(&w, 2, w.n), dim_add(w.ds, w.n, w.n)), PROVED);
    assert_int_equal(dim_equal(w.n, w.m), REFUTED);
    assert_int_equal(dim_equal(w.n, num(&w, 4)), REFUTED);
    assert_int_equal(dim_equal(w.digit, num(&w, 10)), REFUTED);
    assert_int_equal(dim_equal(over(&w, w.y, 2), plus(&w, over(&w, w.y, 2), 1)), REFUTED);
    assert_int_equal(dim_equal(times(&w, 2, over(&w, w.y, 2)), w.y), UNDECIDED);
    cx_free(w.cx);
}

static void order_is_decided_where_it_can_be(void **state)
{
    (void)state;
    World w = world();
    assert_int_equal(dim_at_most(w.ds, w.n, times(&w, 2, w.n)), PROVED);
    assert_int_equal(dim_at_most(w.ds, w.n, dim_mul(w.ds, w.n, w.m)), PROVED);
    assert_int_equal(dim_at_most(w.ds, plus(&w, w.n, 1), w.n), REFUTED);
    assert_int_equal(dim_at_most(w.ds, w.n, w.m), UNDECIDED);
    assert_int_equal(dim_at_most(w.ds, over(&w, w.n, 2), w.n), PROVED);
    assert_int_equal(dim_at_most(w.ds, num(&w, 100), w.n), UNDECIDED);
    ((Symbol *)dim_lone_symbol(w.n))->high = 64;
    assert_int_equal(dim_at_most(w.ds, w.n, num(&w, 64)), PROVED);
    assert_int_equal(dim_at_most(w.ds, num(&w, 65), w.n), REFUTED);
    same(dim_max(w.ds, w.n, num(&w, 64)), num(&w, 64));
    text_is(dim_max(w.ds, w.m, w.n), "max(N, M)");
    cx_free(w.cx);
}

static void a_number_below_zero_divides(void **state)
{
    (void)state;
    World w = world();
    const Dim *half = over(&w, w.n, -2);
    int64_t seven = 7;
    same(half, over(&w, times(&w, -1, w.n), 2));
    assert_int_equal(dim_at_most(w.ds, num(&w, 0), plus(&w, half, 1)), UNDECIDED);
    assert_int_equal(dim_eval(half, &seven), -4);
    cx_free(w.cx);
}

/* A lower bound that int64 does not hold is no proof against what has no upper one. */
static void bounds_end_with_int64(void **state)
{
    (void)state;
    World w = world();
    int64_t most;
    ((Symbol *)dim_lone_symbol(w.n))->low = ((Symbol *)dim_lone_symbol(w.m))->low = (int64_t)1 << 32;
    const Dim *product = dim_mul(w.ds, w.n, w.m);
    assert_int_equal(dim_at_most(w.ds, w.y, product), UNDECIDED);
    assert_int_equal(dim_at_most(w.ds, num(&w, INT64_MAX), product), PROVED);
    const Dim *least = dim_sub(w.ds, num(&w, -INT64_MAX), num(&w, 1));
    assert_true(dim_is_const(dim_sub(w.ds, num(&w, 0), least), &most) && most == INT64_MAX);
    assert_true(dim_is_const(least, &most) && most == -INT64_MAX);
    cx_free(w.cx);
}

static void known_and_evaluated(void **state)
{
    (void)state;
    World w = world();
    int64_t v = 0, sizes[4] = {5, 7, 9, 0};
    assert_false(dim_is_const(w.digit, &v));
    assert_true(dim_known(times(&w, 2, w.digit), &v));
    assert_int_equal(v, 20);
    assert_false(dim_known(w.n, NULL));
    const Dim *d = dim_add(w.ds, dim_mul(w.ds, w.n, w.m), over(&w, plus(&w, w.y, 1), 3));
    assert_int_equal(dim_eval(d, sizes), 38);
    assert_string_equal(dim_lone_symbol(w.n)->name, "N");
    assert_null(dim_lone_symbol(plus(&w, w.n, 1)));
    assert_null(dim_lone_symbol(over(&w, w.n, 2)));
    cx_free(w.cx);
}

/* Any two routes to the same polynomial end in the same pointer, and agree with plain arithmetic. */
static void forms_agree_with_numbers(void **state)
{
    (void)state;
    World w = world();
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        const Dim *d = w.n;
        int64_t sizes[4] = {1 + round % 7, 1 + round % 5, 1 + round % 11, 0}, v = sizes[0];
        for (int step = 0; step < 5; step++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            int what = (int)(seed >> 60) % 4, k = 1 + (int)(seed >> 40) % 6, s = (int)(seed >> 50) % 3;
            const Dim *other[] = {w.n, w.m, w.y};
            if (what == 0) d = dim_add(w.ds, d, times(&w, k, other[s])), v += k * sizes[s];
            if (what == 1) d = plus(&w, d, k - 3), v += k - 3;
            if (what == 2 && step < 3) d = dim_mul(w.ds, d, other[s]), v *= sizes[s];
            if (what == 3) d = over(&w, d, k), v = v / k - (v % k != 0 && v < 0);
        }
        assert_int_equal(dim_eval(d, sizes), v);
    }
    cx_free(w.cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_have_one_form), cmocka_unit_test(floors_have_one_form),
        cmocka_unit_test(division_comes_out_or_not), cmocka_unit_test(equality_is_proved_refuted_or_open),
        cmocka_unit_test(order_is_decided_where_it_can_be),
        cmocka_unit_test(a_number_below_zero_divides), cmocka_unit_test(bounds_end_with_int64),
        cmocka_unit_test(known_and_evaluated),
        cmocka_unit_test(forms_agree_with_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
