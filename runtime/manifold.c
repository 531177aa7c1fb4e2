/* Constraints over several elements of a parameter, see manifold.h. */
#include "manifold.h"

#include <math.h>

#include "model.h"

static int64_t last_dim(const CellTensor *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

static int row_holds(const double *p, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!(p[i] > -0.05))
            return 0;
        sum += p[i];
    }
    return fabs(sum - 1) < 0.05;
}

static int skew_holds(const double *a, int64_t n)
{
    double size = 0, off = 0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++) {
            size = fmax(size, fabs(a[i * n + k]));
            off = fmax(off, fabs(a[i * n + k] + a[k * n + i]));
        }
    return off <= 0.05 * (1 + size);
}

int manifold_holds(const CellTensor *t, const double *w)
{
    int64_t n = last_dim(t), step = t->flags & CELL_SKEW ? n * n : n;
    int ok = 1;

    if (!(t->flags & (CELL_SIMPLEX | CELL_SKEW)))
        return 1;
    for (int64_t at = 0; at < model_size(t) && ok; at += step)
        ok =
            t->flags & CELL_SKEW ? skew_holds(w + at, n) : row_holds(w + at, n);
    return ok;
}

/* z = log p, dz = p (dp - p . dp) */
static void row_free(double *w, double *g, int64_t n)
{
    double dot = 0;

    for (int64_t i = 0; i < n; i++)
        dot += w[i] * g[i];
    for (int64_t i = 0; i < n; i++) {
        g[i] = w[i] * (g[i] - dot);
        w[i] = log(fmax(w[i], 1e-30));
    }
}

static void row_value(double *w, int64_t n)
{
    double top = -HUGE_VAL, sum = 0;

    for (int64_t i = 0; i < n; i++)
        top = fmax(top, w[i]);
    for (int64_t i = 0; i < n; i++)
        sum += w[i] = exp(w[i] - top);
    for (int64_t i = 0; i < n; i++)
        w[i] /= sum;
}

/* A = S - S', dS = dA - dA'; of all S the skew one is taken. */
static void skew_free(double *w, double *g, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k <= i; k++) {
            double d = g[i * n + k] - g[k * n + i];
            g[i * n + k] = d;
            g[k * n + i] = -d;
            w[i * n + k] /= k < i ? 2 : 1;
            w[k * n + i] /= k < i ? 2 : 1;
        }
}

static void skew_value(double *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k <= i; k++) {
            double a = w[i * n + k] - w[k * n + i];
            w[i * n + k] = a;
            w[k * n + i] = -a;
        }
}

void manifold_free(const CellTensor *t, double *w, double *g)
{
    int64_t n = last_dim(t), size = model_size(t);

    for (int64_t at = 0; t->flags & CELL_SIMPLEX && at < size; at += n)
        row_free(w + at, g + at, n);
    for (int64_t at = 0; t->flags & CELL_SKEW && at < size; at += n * n)
        skew_free(w + at, g + at, n);
}

void manifold_value(const CellTensor *t, double *w)
{
    int64_t n = last_dim(t), size = model_size(t);

    for (int64_t at = 0; t->flags & CELL_SIMPLEX && at < size; at += n)
        row_value(w + at, n);
    for (int64_t at = 0; t->flags & CELL_SKEW && at < size; at += n * n)
        skew_value(w + at, n);
}
