/* rng.h: the published test values of Philox, moments and ends of the
 * distributions, the quantile against erfc, shuffles. */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "rng.h"

/* Known answers of the Random123 distribution (philox4x32-10). */
static void known_answers(void **state)
{
    (void)state;
    static const uint32_t row[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
         0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
         0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    for (int i = 0; i < 3; i++) {
        uint32_t c[4];
        memcpy(c, row[i], sizeof c);
        rt_philox(c, row[i] + 4);
        assert_memory_equal(c, row[i] + 6, sizeof c);
    }
}

/* Numbers that must never change: old checkpoints depend on them. */
static void fixed_values(void **state)
{
    (void)state;
    uint64_t s = rt_stream(RT_STREAM_NOISE, 3);
    assert_true(s == ((uint64_t)2 << 56 | 3));
    assert_true(rt_random(0, 0, 0) == 0xe169c58d6627e8d5u);
    assert_true(rt_random(7, s, 1) != rt_random(7, s, 2));
    assert_true(rt_random(7, s, 1) != rt_random(8, s, 1));
    assert_true(rt_random(7, s, 1) != rt_random(7, s + 1, 1));
    RtRng g = {7, s, 5};
    assert_true(rt_next_uniform(&g) == rt_uniform(7, s, 5));
    assert_true(rt_next_normal(&g) == rt_normal(7, s, 6));
    assert_true(g.counter == 7);
}

static void uniform_and_normal(void **state)
{
    (void)state;
    int n = 200000;
    double u1 = 0, u2 = 0, z1 = 0, z2 = 0, z4 = 0;
    for (int i = 0; i < n; i++) {
        double u = rt_uniform(1, 2, (uint64_t)i),
               z = rt_normal(3, 4, (uint64_t)i);
        assert_true(u > 0 && u < 1);
        u1 += u / n;
        u2 += u * u / n;
        z1 += z / n;
        z2 += z * z / n;
        z4 += z * z * z * z / n;
    }
    assert_true(fabs(u1 - 0.5) < 0.003 && fabs(u2 - 1.0 / 3) < 0.003);
    assert_true(fabs(z1) < 0.01 && fabs(z2 - 1) < 0.02 && fabs(z4 - 3) < 0.1);
}

static void quantile_inverts_erfc(void **state)
{
    (void)state;
    for (int i = 1; i < 4000; i++) {
        double p = i < 1000 ? pow(10, -0.0159 * i) : (i - 1000 + 0.5) / 3000;
        double x = rt_normal_quantile(p);
        double back = 0.5 * erfc(-x * 0.70710678118654752440);
        assert_true(fabs(back / p - 1) < 1e-13 * (1 + x * x));
    }
    assert_true(rt_normal_quantile(0.5) == 0);
    double last = 1 - 0x1p-53, first = 0x1p-53;
    assert_true(isfinite(rt_normal_quantile(last)));
    assert_true(isfinite(rt_normal_quantile(first)));
    for (double x = 1; x > 1e-300; x *= 0.37)
        assert_true(fabs(rt_log(x) - log(x)) <= 1e-15 * (1 + fabs(log(x))));
}

static void below_and_shuffle(void **state)
{
    (void)state;
    int count[7] = {0};
    for (uint64_t i = 0; i < 70000; i++)
        count[rt_below(5, 6, i, 7)]++;
    for (int k = 0; k < 7; k++)
        assert_true(abs(count[k] - 10000) < 500);
    uint64_t big = (uint64_t)1 << 63;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(rt_below(5, 6, i, 1) == 0);
        assert_true(rt_below(5, 6, i, big) == rt_random(5, 6, i) >> 1);
    }
    int64_t v[100], w[100], seen[100] = {0};
    for (int64_t i = 0; i < 100; i++)
        v[i] = w[i] = i;
    rt_shuffle(1, 2, v, 100);
    rt_shuffle(1, 2, w, 100);
    assert_memory_equal(v, w, sizeof v);
    rt_shuffle(1, 3, w, 100);
    assert_memory_not_equal(v, w, sizeof v);
    for (int i = 0; i < 100; i++)
        seen[v[i]]++;
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(fixed_values),
        cmocka_unit_test(uniform_and_normal),
        cmocka_unit_test(quantile_inverts_erfc),
        cmocka_unit_test(below_and_shuffle),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
