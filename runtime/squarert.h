/* Functions of square matrices, the exponential and what divides by one, as
 * plain C99 for emitted files: pasted like emitrt.h, behind it. */
#ifndef RT_SQUARERT_H
#define RT_SQUARERT_H

#include "emitrt.h"

/* to[n,n] = a b */
static void multiply(int64_t n, const REAL *a, const REAL *b, REAL *to)
{
    for (int64_t i = 0; i < n * n; i++)
        to[i] = 0;
    matrix_product(n, n, n, 0, 0, to, a, b);
}

/* how often a[n,n] must be halved until no row's sum of magnitudes exceeds
 * 1/2 */
static int halvings(int64_t n, const REAL *a)
{
    REAL most = 0;
    int s = 0;
    for (int64_t i = 0; i < n; i++) {
        REAL sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += VM(abs)(a[i * n + j]);
        most = VM(max)(most, sum);
    }
    for (; most > (REAL)0.5 && most < (REAL)HUGE_VAL; most *= (REAL)0.5)
        s++;
    return s;
}

/* p[n,n] = scale from + c0 + c1 x + c2 x^2 + c3 x^3, the powers one behind the
 * other */
static void terms(int64_t n, const REAL *c, const REAL *x, REAL scale,
                  const REAL *from, REAL *p)
{
    const int64_t nn = n * n;
    for (int64_t i = 0; i < nn; i++)
        p[i] = from[i] * scale +
               (c[1] * x[i] + (c[2] * x[nn + i] + c[3] * x[2 * nn + i]));
    for (int64_t i = 0; i < n; i++)
        p[i * (n + 1)] += c[0];
}

/* y[n,n] = exp of the matrix a[n,n] in each row: the power series of a / 2^s by
 * its fourth power, then squared s times; room has 5 n^2 reals */
static void expm(int64_t rows, int64_t n, REAL *y, int64_t ys, const REAL *a,
                 int64_t as, REAL *room)
{
    enum { LAST = sizeof(REAL) == sizeof(float) ? 8 : 16 };
    const int64_t nn = n * n;
    REAL *x = room, *x4 = x + 3 * nn, *next = x4 + nn, c[LAST + 1] = {1};
    for (int k = 1; k <= LAST; k++)
        c[k] = c[k - 1] / (REAL)k;
    for (int64_t r = 0; r < rows; r++) {
        const int s = halvings(n, a + r * as);
        REAL scale = 1, *p = y + r * ys;
        for (int i = 0; i < s; i++)
            scale *= (REAL)0.5;
        for (int64_t i = 0; i < nn; i++)
            x[i] = a[r * as + i] * scale;
        for (int k = 1; k < 4; k++)
            multiply(n, x + (k - 1) * nn, x, x + k * nn);
        terms(n, c + LAST - 4, x, c[LAST], x4, p);
        for (int k = LAST - 8; k >= 0; k -= 4) {
            multiply(n, p, x4, next);
            terms(n, c + k, x, 1, next, p);
        }
        for (int i = 0; i < s; i++) {
            multiply(n, p, p, next);
            for (int64_t k = 0; k < nn; k++)
                p[k] = next[k];
        }
    }
}

/* x[n] and y[n] change places */
static void swap(int64_t n, REAL *x, REAL *y)
{
    for (int64_t i = 0; i < n; i++) {
        const REAL v = x[i];
        x[i] = y[i];
        y[i] = v;
    }
}

/* y[n,m] = u^-1 y, with the largest element of each column as pivot; u[n,n] is
 * destroyed */
static void eliminate(int64_t n, int64_t m, REAL *u, REAL *y)
{
    for (int64_t p = 0; p < n; p++) {
        int64_t best = p;
        for (int64_t i = p + 1; i < n; i++)
            if (VM(abs)(u[i * n + p]) > VM(abs)(u[best * n + p]))
                best = i;
        swap(n, u + p * n, u + best * n);
        swap(m, y + p * m, y + best * m);
        for (int64_t i = p + 1; i < n; i++) {
            const REAL f = u[i * n + p] / u[p * n + p];
            for (int64_t j = p; j < n; j++)
                u[i * n + j] -= f * u[p * n + j];
            for (int64_t j = 0; j < m; j++)
                y[i * m + j] -= f * y[p * m + j];
        }
    }
    for (int64_t p = n - 1; p >= 0; p--) {
        for (int64_t j = 0; j < m; j++)
            y[p * m + j] /= u[p * n + p];
        for (int64_t i = 0; i < p; i++)
            for (int64_t j = 0; j < m; j++)
                y[i * m + j] -= u[i * n + p] * y[p * m + j];
    }
}

/* in each row: y[n,m] with a[n,n] y = b[n,m]; room has n^2 reals */
static void solve(int64_t rows, int64_t n, int64_t m, REAL *y, int64_t ys,
                  const REAL *a, int64_t as, const REAL *b, int64_t bs,
                  REAL *room)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < n * n; i++)
            room[i] = a[r * as + i];
        for (int64_t i = 0; i < n * m; i++)
            y[r * ys + i] = b[r * bs + i];
        eliminate(n, m, room, y + r * ys);
    }
}

#endif
