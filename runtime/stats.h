/* Figures of several runs: mean, spread, and whether two means differ by more
 * than that. */
#ifndef CELLC_STATS_H
#define CELLC_STATS_H

double stats_mean(const double *v, int n);
/* Standard deviation of a sample, by n - 1; NAN where n < 2. */
double stats_sd(const double *v, int n);

/* Welch's test of two samples with spreads of their own (Welch 1947): t, its
 * degrees of freedom (Satterthwaite 1946), and the probability of a difference
 * so large, on either side, between samples of the same mean.  NAN where one
 * has less than two values. */
typedef struct Welch {
    double t, freedom, p;
} Welch;
Welch stats_welch(const double *a, int na, const double *b, int nb);

#endif
