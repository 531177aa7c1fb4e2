/* Means, spreads and Welch's test (runtime/stats.c), against values of tables
 * of Student's t. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats.h"

static void near_to(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.12g is not %.12g", a, b);
}

static void mean_and_spread(void **state)
{
    (void)state;
    const double v[] = {2, 4, 4, 4, 5, 5, 7, 9};

    near_to(stats_mean(v, 8), 5, 0);
    near_to(stats_sd(v, 8), sqrt(32.0 / 7), 1e-15);
    assert_true(isnan(stats_sd(v, 1)));
    assert_true(isnan(stats_mean(v, 0)));
}

/* Two samples of two values each, so far apart that t is as wanted: their
 * variances are equal, so there are two degrees of freedom, for which
 * p = 1 - t / sqrt(t^2 + 2). */
static void two_degrees(void **state)
{
    (void)state;
    const double apart[] = {0, 0.5, 1, 4.303, 50};

    for (int i = 0; i < 5; i++) {
        double a[] = {-1, 1}, b[] = {-1, 1}, t = apart[i];

        b[0] += t * sqrt(2);
        b[1] += t * sqrt(2);
        Welch w = stats_welch(b, 2, a, 2);
        near_to(w.t, t, 1e-12 * (1 + t));
        near_to(w.freedom, 2, 1e-12);
        near_to(w.p, 1 - t / sqrt(t * t + 2), 1e-12);
    }
}

/* The 5 % and 1 % points of Student's t for n - 1 + n - 1 degrees of freedom.
 */
static void table_of_t(void **state)
{
    (void)state;
    static const struct {
        int n;
        double t, p;
    } row[] = {{3, 2.776445, 0.05},
               {3, 4.604095, 0.01},
               {6, 2.228139, 0.05},
               {6, 3.169273, 0.01},
               {16, 2.042272, 0.05}};

    for (int i = 0; i < 5; i++) {
        double a[16], b[16], sd;
        int n = row[i].n;

        for (int k = 0; k < n; k++)
            a[k] = b[k] = k;
        sd = stats_sd(a, n);
        for (int k = 0; k < n; k++)
            b[k] += row[i].t * sd * sqrt(2.0 / n);
        Welch w = stats_welch(a, n, b, n);
        near_to(w.freedom, 2 * n - 2, 1e-9);
        near_to(w.p, row[i].p, 1e-6);
    }
}

static void unequal_spreads(void **state)
{
    (void)state;
    const double a[] = {1, 1, 1}, b[] = {2, 2, 2}, c[] = {3, 5};

    assert_true(stats_welch(a, 3, b, 3).p == 0);
    near_to(stats_welch(a, 3, a, 3).p, 1, 1e-15);
    near_to(stats_welch(a, 3, c, 2).freedom, 1, 1e-12); /* that of c alone */
    near_to(stats_welch(a, 3, c, 2).t, -3, 1e-12);
    assert_true(isnan(stats_welch(a, 3, c, 1).p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_spread),
        cmocka_unit_test(two_degrees),
        cmocka_unit_test(table_of_t),
        cmocka_unit_test(unequal_spreads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
