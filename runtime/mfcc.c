/* Mel frequency cepstral coefficients, see wav.h. */
#include "wav.h"

#include <math.h>
#include <stdlib.h>

const MfccHow mfcc_usual = {.emphasis = 0.97,
                            .window = 25,
                            .hop = 10,
                            .filters = 26,
                            .coefficients = 13};

static const double PI = 3.14159265358979323846;

/* What all windows share. */
typedef struct Mfcc {
    int64_t window, hop, size; /* samples; size: of the transform */
    double *hamming;           /* [window] */
    double *re, *im;           /* [size] */
    int64_t *edge;             /* [filters + 2]: bins where filters meet */
    double *level;             /* [filters] logarithms of one window */
} Mfcc;

static void mfcc_free(Mfcc *m)
{
    free(m->hamming);
    free(m->re);
    free(m->im);
    free(m->edge);
    free(m->level);
}

/* The transform of Fourier of re + i im, in place; n a power of two (Cooley and
 * Tukey 1965). */
static void transform(double *re, double *im, int64_t n)
{
    for (int64_t i = 1, j = 0; i < n; i++) {
        int64_t bit = n >> 1;

        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double a = re[i], b = im[i];

            re[i] = re[j];
            im[i] = im[j];
            re[j] = a;
            im[j] = b;
        }
    }
    for (int64_t half = 1; half < n; half *= 2)
        for (int64_t k = 0; k < half; k++) {
            double c = cos(PI * (double)k / (double)half);
            double s = -sin(PI * (double)k / (double)half);

            for (int64_t i = k; i < n; i += 2 * half) {
                int64_t j = i + half;
                double a = c * re[j] - s * im[j], b = c * im[j] + s * re[j];

                re[j] = re[i] - a;
                im[j] = im[i] - b;
                re[i] += a;
                im[i] += b;
            }
        }
}

static double mel(double f)
{
    return 2595 * log10(1 + f / 700);
}

static int prepare(Mfcc *m, const MfccHow *how, int rate, RtError *err)
{
    double high = how->high > 0 ? how->high : rate / 2.0;
    double from = mel(how->low), to = mel(high);
    int n = how->filters;

    *m = (Mfcc){.window = lround(how->window * rate / 1000),
                .hop = lround(how->hop * rate / 1000),
                .size = 1};
    if (m->window < 2 || m->hop < 1 || high > rate / 2.0 || how->low >= high)
        return rt_fail(err,
                       "windows of %g ms, every %g ms, from %g to %g Hz cannot "
                       "be taken of %d samples a second",
                       how->window, how->hop, how->low, high, rate);
    while (m->size < m->window)
        m->size *= 2;
    m->hamming = malloc(sizeof *m->hamming * (size_t)m->window);
    m->re = malloc(sizeof *m->re * (size_t)m->size);
    m->im = malloc(sizeof *m->im * (size_t)m->size);
    m->edge = malloc(sizeof *m->edge * (size_t)(n + 2));
    m->level = malloc(sizeof *m->level * (size_t)n);
    if (!m->hamming || !m->re || !m->im || !m->edge || !m->level)
        return rt_fail_memory(err, sizeof *m->re * (size_t)m->size);
    for (int64_t i = 0; i < m->window; i++)
        m->hamming[i] =
            0.54 - 0.46 * cos(2 * PI * (double)i / (double)(m->window - 1));
    for (int k = 0; k < n + 2; k++) {
        double at = from + (to - from) * k / (n + 1);
        double f = 700 * (pow(10, at / 2595) - 1);

        m->edge[k] = (int64_t)floor((double)(m->size + 1) * f / rate);
    }
    return 0;
}

/* The power in the transform's bin i. */
static double power(const Mfcc *m, int64_t i)
{
    return (m->re[i] * m->re[i] + m->im[i] * m->im[i]) / (double)m->size;
}

/* Coefficients of the window that begins at sample `at`. */
static void one_window(Mfcc *m, const Wav *w, const MfccHow *how, int64_t at,
                       double *v)
{
    int n = how->filters;

    for (int64_t i = 0; i < m->size; i++) {
        int64_t k = at + i;
        int inside = i < m->window && k < w->n;
        double before = inside && k > 0 ? how->emphasis * w->x[k - 1] : 0;

        m->re[i] = inside ? m->hamming[i] * (w->x[k] - before) : 0;
        m->im[i] = 0;
    }
    transform(m->re, m->im, m->size);
    for (int k = 0; k < n; k++) {
        int64_t a = m->edge[k], b = m->edge[k + 1], c = m->edge[k + 2];
        double sum = 0;

        for (int64_t i = a; i < b; i++)
            sum += power(m, i) * (double)(i - a) / (double)(b - a);
        for (int64_t i = b; i < c; i++)
            sum += power(m, i) * (double)(c - i) / (double)(c - b);
        m->level[k] = log(sum > 1e-10 ? sum : 1e-10);
    }
    for (int q = 0; q < how->coefficients; q++) {
        v[q] = 0;
        for (int k = 0; k < n; k++)
            v[q] += m->level[k] * cos(PI * q * (k + 0.5) / n);
        v[q] *= sqrt((q ? 2.0 : 1.0) / n);
    }
}

int mfcc_find(const Wav *w, const MfccHow *how, double **v, int64_t *frames,
              RtError *err)
{
    Mfcc m;
    int q = how->coefficients;
    *v = NULL;
    if (how->filters < 1 || q < 1 || q > how->filters)
        return rt_fail(err,
                       "%d coefficients of %d filters; wanted 1 or more, and "
                       "no more than there are filters",
                       q, how->filters);
    int bad = prepare(&m, how, w->rate, err);
    *frames = w->n && !bad ? 1 : 0;
    if (!bad && w->n > m.window)
        *frames += (w->n - m.window) / m.hop;
    if (!bad) {
        *v = malloc(sizeof **v * (size_t)(*frames * q + 1));
        if (!*v)
            bad = rt_fail_memory(err, sizeof **v * (size_t)(*frames * q));
    }
    for (int64_t i = 0; i < *frames && !bad; i++)
        one_window(&m, w, how, i * m.hop, *v + i * q);
    mfcc_free(&m);
    return bad;
}
