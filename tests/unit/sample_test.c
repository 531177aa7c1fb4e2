/* law.h: draws follow the probabilities that temperature, top-k and top-p leave
 * (chi-square). */
#define _XOPEN_SOURCE 700
#include "scratch.h"

#include "law.h"
#include "rng.h"

enum { N = 6, DRAWS = 60000 };
static const double probability[N] = {0.02, 0.3, 0.08, 0.25, 0.3, 0.05};

/* The statistic of DRAWS draws against what is expected; classes that must
 * never be drawn are worth infinity. */
static double chi_square(const SampleHow *how, const double *expected)
{
    double scratch[2 * N], x = 0;
    int64_t count[N] = {0};
    for (int i = 0; i < DRAWS; i++)
        count[sample_class(how, probability, N,
                           rt_uniform(how->seed, 1, (uint64_t)i), scratch)]++;
    for (int i = 0; i < N; i++) {
        double want = expected[i] * DRAWS, d = (double)count[i] - want;
        x += want > 0 ? d * d / want : count[i] ? INFINITY : 0;
    }
    return x;
}

static void normalise(double *p)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += p[i];
    for (int i = 0; i < N; i++)
        p[i] /= sum;
}

/* With 5 degrees of freedom 20.5 is passed once in a thousand. */
static void temperature(void **state)
{
    (void)state;
    double T[] = {0.25, 0.7, 1, 2, 10}, p[N];
    for (int k = 0; k < 5; k++) {
        SampleHow how = {.temperature = T[k], .top_p = 1, .seed = 11};
        for (int i = 0; i < N; i++)
            p[i] = pow(probability[i], 1 / T[k]);
        normalise(p);
        assert_true(chi_square(&how, p) < 20.5);
    }
}

static void top_k(void **state)
{
    (void)state;
    double p[N] = {0, 0.3, 0, 0.25, 0.3, 0};
    SampleHow how = {.temperature = 1, .top_p = 1, .top_k = 3, .seed = 5};
    normalise(p);
    assert_true(chi_square(&how, p) < 13.9);
    for (int i = 0; i < N; i++)
        p[i] = sqrt(p[i]);
    normalise(p);
    how.temperature = 2;
    assert_true(chi_square(&how, p) < 13.9);
    how.top_k = 100;
    assert_true(chi_square(&how, p) == INFINITY); /* the others come too */
}

/* The fewest classes that make up P: 0.3, 0.3 and 0.25 for 0.7. */
static void top_p(void **state)
{
    (void)state;
    double three[N] = {0, 0.3, 0, 0.25, 0.3, 0};
    double two[N] = {0, 0.5, 0, 0, 0.5, 0};
    SampleHow how = {.temperature = 1, .top_p = 0.7, .seed = 5};
    normalise(three);
    assert_true(chi_square(&how, three) < 13.9);
    how.top_k = 3; /* of which 0.3 and 0.3 make up 0.706 */
    assert_true(chi_square(&how, two) < 10.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature),
        cmocka_unit_test(top_k),
        cmocka_unit_test(top_p),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
