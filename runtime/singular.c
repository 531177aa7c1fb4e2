/* Singular values, see singular.h. */
#include "singular.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double largest_magnitude(const double *a, int64_t n)
{
    double most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

double frobenius_norm(const double *a, int64_t n)
{
    double most = largest_magnitude(a, n), sum = 0;

    if (!(most > 0) || !isfinite(most))
        return most;
    for (int64_t i = 0; i < n; i++)
        sum += (a[i] / most) * (a[i] / most);
    return n == 1 ? most : most * sqrt(sum);
}

/* The reflection I - 2 v v' that maps x[n] (step apart) to (norm, 0, ...), in
 * v[n]; returns that first element; v is 0 where nothing is to be done. */
static double reflector(const double *x, int64_t n, int64_t step, double *v)
{
    double norm, length;

    for (int64_t i = 0; i < n; i++)
        v[i] = x[i * step];
    norm = frobenius_norm(v, n);
    norm = v[0] > 0 ? -norm : norm;
    v[0] -= norm;
    length = frobenius_norm(v, n);
    for (int64_t i = 0; i < n; i++)
        v[i] = length > 0 ? v[i] / length : 0;
    return norm;
}

/* Rows from..rows of a, columns first..columns: a - 2 v (v' a). */
static void from_left(double *a, int64_t rows, int64_t columns, int64_t k,
                      int64_t first, const double *v, double *sum)
{
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int64_t i = k; i < rows; i++)
        for (int64_t j = first; j < columns; j++)
            sum[j] += v[i - k] * a[i * columns + j];
    for (int64_t i = k; i < rows; i++)
        for (int64_t j = first; j < columns; j++)
            a[i * columns + j] -= 2 * v[i - k] * sum[j];
}

static void from_right(double *a, int64_t rows, int64_t columns, int64_t k,
                       const double *v)
{
    for (int64_t i = k + 1; i < rows; i++) {
        double *row = a + i * columns + k + 1, sum = 0;

        for (int64_t j = 0; j < columns - k - 1; j++)
            sum += v[j] * row[j];
        for (int64_t j = 0; j < columns - k - 1; j++)
            row[j] -= 2 * sum * v[j];
    }
}

/* a[rows,columns], rows >= columns, becomes bidiagonal: the diagonal and what
 * is above it, alternately, in b[2 columns - 1]. */
static void bidiagonal(double *a, int64_t rows, int64_t columns, double *b,
                       double *v, double *sum)
{
    for (int64_t k = 0; k < columns; k++) {
        b[2 * k] = reflector(a + k * columns + k, rows - k, columns, v);
        from_left(a, rows, columns, k, k + 1, v, sum);
        if (k + 1 == columns)
            continue;
        b[2 * k + 1] =
            reflector(a + k * columns + k + 1, columns - k - 1, 1, v);
        from_right(a, rows, columns, k, v);
    }
}

/* How many of the n singular values are below x > 0: those of the bidiagonal
 * matrix and their negatives are the eigenvalues of the symmetric tridiagonal
 * one with b beside a diagonal of zeros. */
static int64_t count_below(const double *b, int64_t n, double x)
{
    double q = -x;
    int64_t below = 1;

    for (int64_t i = 0; i < 2 * n - 1; i++) {
        q = -x - b[i] * (b[i] / q);
        if (q == 0)
            q = -DBL_MIN;
        below += q < 0;
    }
    return below - n;
}

/* The value with `rank` others below it. */
static double bisect(const double *b, int64_t n, int64_t rank, double high)
{
    double low = 0;

    while (high - low > 2 * DBL_EPSILON * high && high > DBL_MIN) {
        double middle = low + (high - low) / 2;

        if (middle <= low || middle >= high)
            break;
        if (count_below(b, n, middle) > rank)
            high = middle;
        else
            low = middle;
    }
    return high > 4 * DBL_MIN ? low + (high - low) / 2 : 0;
}

static void find_ends(const double *b, int64_t n, double *largest,
                      double *smallest)
{
    double bound = 0;

    for (int64_t i = 0; i < 2 * n - 1; i++)
        bound = fmax(bound, fabs(b[i]) + (i ? fabs(b[i - 1]) : 0));
    bound = 2 * bound + DBL_MIN;
    *largest = n == 1 ? fabs(b[0]) : bisect(b, n, n - 1, bound);
    *smallest = n == 1 ? fabs(b[0]) : bisect(b, n, 0, bound);
}

int singular_ends(const double *a, int64_t rows, int64_t columns,
                  double *largest, double *smallest, RtError *err)
{
    int64_t n = rows < columns ? rows : columns;
    int64_t m = rows < columns ? columns : rows;
    size_t bytes = (size_t)(m * n + 2 * n + m + n + 1) * sizeof(double);
    double scale = largest_magnitude(a, rows * columns);
    double *copy = malloc(bytes);

    *largest = *smallest = scale;
    if (!copy)
        return rt_fail_memory(err, bytes);
    if (scale > 0 && isfinite(scale)) {
        double *b = copy + m * n;

        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                copy[rows < columns ? j * n + i : i * n + j] =
                    a[i * columns + j] / scale;
        bidiagonal(copy, m, n, b, b + 2 * n, b + 2 * n + m);
        find_ends(b, n, largest, smallest);
        *largest *= scale;
        *smallest *= scale;
    }
    free(copy);
    return 0;
}
