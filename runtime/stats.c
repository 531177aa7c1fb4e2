/* Figures of several runs, see stats.h. */
#include "stats.h"

#include <float.h>
#include <math.h>

double stats_mean(const double *v, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += v[i];
    return n ? sum / n : NAN;
}

/* Variance of a sample. */
static double variance(const double *v, int n)
{
    double mean = stats_mean(v, n), sum = 0;

    for (int i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return n > 1 ? sum / (n - 1) : NAN;
}

double stats_sd(const double *v, int n)
{
    return sqrt(variance(v, n));
}

/* No number may be 0 on the way down a continued fraction. */
static double away_from_zero(double x)
{
    return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun
 * 1964, 26.5.8), evaluated from its beginning (Lentz 1976). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), f = d;

    for (int m = 1; m < 1000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd =
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double before = f;

        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        f *= c * d;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        f *= c * d;
        if (fabs(f - before) <= DBL_EPSILON * fabs(f))
            break;
    }
    return f;
}

/* The regularised incomplete beta function, 0 <= x <= 1. */
static double beta_share(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front =
        exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));

    return x < (a + 1) / (a + b + 2)
               ? front * beta_fraction(a, b, x) / a
               : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

Welch stats_welch(const double *a, int na, const double *b, int nb)
{
    Welch w = {NAN, NAN, NAN};
    double u = variance(a, na) / na, v = variance(b, nb) / nb;
    double difference = stats_mean(a, na) - stats_mean(b, nb);

    if (na < 2 || nb < 2)
        return w;
    w.t = difference / sqrt(u + v);
    w.freedom = (u + v) * (u + v) / (u * u / (na - 1) + v * v / (nb - 1));
    if (u + v == 0) { /* both without any spread */
        w.t = difference == 0 ? 0 : copysign(INFINITY, difference);
        w.freedom = na + nb - 2;
    }
    w.p = isinf(w.t) ? 0
                     : beta_share(w.freedom / 2, 0.5,
                                  w.freedom / (w.freedom + w.t * w.t));
    return w;
}
