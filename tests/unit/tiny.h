/* A character model by hand, as generated code would present it, for the tests
 * of everything above the descriptor:
 *     h = tanh(E[c[t-1]] + U @ h[t-1] + b),  h[0] = 0,  c[0] = 0
 *     c ~ categorical(softmax(V @ (h * z))),  noise z ~ bernoulli(1/2)
 * with z = 1 where it is not compiled for training.  E[K,N] U[N,N] b[N] V[K,N],
 * K = 3, N = 4; b is in (-1, 1). */
#ifndef CELLC_TINY_H
#define CELLC_TINY_H

#include <math.h>

#include "cellrt.h"

enum { TINY_K = 3, TINY_N = 4 };
/* Tensors, in their order in the table. */
enum {
    TINY_E,
    TINY_U,
    TINY_B,
    TINY_V,
    TINY_C,
    TINY_H,
    TINY_Z,
    TINY_P,
    TINY_LOSS,
    TINY_TERM,
    TINY_COUNT,
    TINY_HITS,
    TINY_LENGTH,
    TINY_LAST,
    TINY_START,
    TINY_BATCH,
    TINY_TOTAL,
    TINY_TENSORS
};

/* Reals in front of everything that grows with T, B: loss, hits, start, batch
 * and the reals that only grow with B. */
#define TINY_FIXED 8
enum { ROW_TERM, ROW_COUNT, ROW_LENGTH, ROW_LAST, ROW_TOTAL, NROW };

static const CellTensor tiny_table[TINY_TENSORS] = {
#define PARAM(r0, d0, d1, o, k, x, y, l, u)                                    \
    .role = CELL_PARAM, .rank = r0, .dim = {d0, d1}, .at = {.c = o}, .of = -1, \
    .init = {k, x, y, NULL, NULL}, .lo = l, .hi = u, .lr = 1, .decay = -1
    {.name = "E",
     PARAM(2, TINY_K, TINY_N, 0, "normal", 0, 0.5, -INFINITY, INFINITY)},
    {.name = "U",
     PARAM(2, TINY_N, TINY_N, 12, "orthogonal", 0, 0, -INFINITY, INFINITY)},
    {.name = "b", PARAM(1, TINY_N, 0, 28, "const", 0, 0, -1, 1)},
    {.name = "V",
     PARAM(2, TINY_K, TINY_N, 32, "glorot", 0, 0, -INFINITY, INFINITY)},
    {.name = "c",
     .role = CELL_INPUT,
     .flags = CELL_INDEX | CELL_OBSERVED,
     .axes = CELL_T | CELL_B,
     .classes = TINY_K,
     .set = "chars",
     .lag = 1,
     .at = {.by[CELL_B] = NROW + 1, .c = TINY_FIXED},
     .of = -1},
    {.name = "h",
     .role = CELL_STATE,
     .axes = CELL_T | CELL_B,
     .rank = 1,
     .dim = {TINY_N},
     .lag = 1,
     .at = {.by[CELL_T | CELL_B] = 1,
            .by[CELL_B] = NROW + 1 + TINY_N,
            .c = TINY_FIXED},
     .of = -1},
    {.name = "z",
     .role = CELL_NOISE,
     .axes = CELL_T | CELL_B,
     .rank = 1,
     .dim = {TINY_N},
     .at = {.by[CELL_T | CELL_B] = 1 + TINY_N,
            .by[CELL_B] = NROW + 1 + TINY_N,
            .c = TINY_FIXED},
     .of = -1,
     .init = {"bernoulli", 0.5, 0, NULL, NULL}},
    {.name = "p",
     .role = CELL_OUTPUT,
     .axes = CELL_T | CELL_B,
     .rank = 1,
     .dim = {TINY_K},
     .at = {.by[CELL_T | CELL_B] = 1 + 2 * TINY_N,
            .by[CELL_B] = NROW + 1 + TINY_N,
            .c = TINY_FIXED},
     .of = -1},
    {.name = "loss", .role = CELL_LOSS, .of = -1},
    {.name = "c",
     .role = CELL_TERM,
     .flags = CELL_LIKELIHOOD,
     .axes = CELL_B,
     .at = {.by[CELL_B] = ROW_TERM, .c = TINY_FIXED},
     .of = -1},
    {.name = "c",
     .role = CELL_COUNT,
     .axes = CELL_B,
     .at = {.by[CELL_B] = ROW_COUNT, .c = TINY_FIXED},
     .of = TINY_TERM},
    {.name = "hits", .role = CELL_METRIC, .at = {.c = 1}, .of = -1},
    {.name = "length",
     .role = CELL_LENGTH,
     .axes = CELL_B,
     .at = {.by[CELL_B] = ROW_LENGTH, .c = TINY_FIXED},
     .of = 0},
    {.name = "last",
     .role = CELL_LAST,
     .axes = CELL_B,
     .at = {.by[CELL_B] = ROW_LAST, .c = TINY_FIXED},
     .of = -1},
    {.name = "start", .role = CELL_START, .at = {.c = 2}, .of = -1},
    {.name = "batch", .role = CELL_BATCH, .at = {.c = 3}, .of = -1},
    {.name = "total",
     .role = CELL_TOTAL,
     .axes = CELL_B,
     .at = {.by[CELL_B] = ROW_TOTAL, .c = TINY_FIXED},
     .of = -1},
};
#undef PARAM

/* Where everything lies for one call. */
typedef struct Tiny {
    const double *E, *U, *b, *V;
    double *c, *h, *z, *p, *fixed, *row, *dh;
    int64_t T, B;
    int training;
} Tiny;

static Tiny tiny_open(const double *params, double *w, const int64_t *n,
                      int training)
{
    int64_t T = n[CELL_AT_T], B = n[CELL_AT_B];
    Tiny m = {.E = params,
              .U = params + 12,
              .b = params + 28,
              .V = params + 32,
              .fixed = w,
              .row = w + TINY_FIXED,
              .T = T,
              .B = B,
              .training = training};
    double **at[] = {&m.c, &m.h, &m.z, &m.p};
    for (int i = 0; i < 4; i++)
        *at[i] = w + cell_size(tiny_table[TINY_C + i].at, n);
    m.dh = m.p + T * B * TINY_K;
    return m;
}

static double tiny_scale(const Tiny *m, int64_t b)
{
    double total = m->row[ROW_TOTAL * m->B + b];
    double n = total > 0 ? total : m->row[ROW_COUNT * m->B + b];
    return n > 0 ? 1 / (n * m->fixed[3]) : 0;
}

static double tiny_mask(const Tiny *m, int64_t e)
{
    return m->training ? m->z[e] : 1;
}

static void tiny_step(Tiny *m, int64_t t, int64_t b)
{
    double *h = m->h + (t * m->B + b) * TINY_N, *p = m->p;
    const double *old = h - m->B * TINY_N;
    int64_t prev = (int64_t)m->c[(t - 1) * m->B + b];
    int best = 0;
    double sum = 0;

    p += (t * m->B + b) * TINY_K;
    for (int i = 0; i < TINY_N; i++) {
        double a = (prev < 0 ? 0 : m->E[prev * TINY_N + i]) + m->b[i];
        for (int j = 0; j < TINY_N; j++)
            a += m->U[i * TINY_N + j] * old[j];
        h[i] = tanh(a);
    }
    for (int k = 0; k < TINY_K; k++) {
        p[k] = 0;
        for (int i = 0; i < TINY_N; i++)
            p[k] += m->V[k * TINY_N + i] * h[i] *
                    tiny_mask(m, (t * m->B + b) * TINY_N + i);
        p[k] = exp(p[k]);
        sum += p[k];
        best = p[k] > p[best] ? k : best;
    }
    for (int k = 0; k < TINY_K; k++)
        p[k] /= sum;
    int64_t c = (int64_t)m->c[t * m->B + b];
    if (t < (int64_t)m->row[ROW_LENGTH * m->B + b] && c >= 0) {
        m->row[ROW_TERM * m->B + b] -= log(p[c]);
        m->row[ROW_COUNT * m->B + b] += 1;
        m->fixed[1] += c == best;
    }
}

static void tiny_forward(Tiny *m)
{
    m->fixed[0] = m->fixed[1] = 0;
    for (int64_t b = 0; b < m->B; b++) {
        m->row[ROW_TERM * m->B + b] = m->row[ROW_COUNT * m->B + b] = 0;
        for (int i = 0; i < TINY_N && m->fixed[2] != 0; i++)
            m->h[(b - m->B) * TINY_N + i] = 0;
        if (m->fixed[2] != 0)
            m->c[b - m->B] = 0;
        for (int64_t t = 0; t < m->T; t++)
            tiny_step(m, t, b);
        m->fixed[0] += m->row[ROW_TERM * m->B + b] * tiny_scale(m, b);
    }
}

static void tiny_back_step(const Tiny *m, double *g, int64_t t, int64_t b)
{
    int64_t e = t * m->B + b, c = (int64_t)m->c[e];
    const double *h = m->h + e * TINY_N, *old = h - m->B * TINY_N;
    int64_t prev = (int64_t)m->c[e - m->B];
    double *dh = m->dh + b * TINY_N, next[TINY_N] = {0};
    int seen = t < (int64_t)m->row[ROW_LENGTH * m->B + b] && c >= 0;

    for (int k = 0; k < TINY_K && seen; k++) {
        double d = (m->p[e * TINY_K + k] - (k == c)) * tiny_scale(m, b);
        for (int i = 0; i < TINY_N; i++) {
            double z = tiny_mask(m, e * TINY_N + i);
            g[32 + k * TINY_N + i] += d * h[i] * z;
            dh[i] += d * m->V[k * TINY_N + i] * z;
        }
    }
    for (int i = 0; i < TINY_N; i++) {
        double da = dh[i] * (1 - h[i] * h[i]);
        if (prev >= 0)
            g[prev * TINY_N + i] += da;
        g[28 + i] += da;
        for (int j = 0; j < TINY_N; j++) {
            g[12 + i * TINY_N + j] += da * old[j];
            next[j] += m->U[i * TINY_N + j] * da;
        }
    }
    for (int j = 0; j < TINY_N; j++)
        dh[j] = next[j];
}

static void tiny_backward(const Tiny *m, double *g)
{
    for (int i = 0; i < 44; i++)
        g[i] = 0;
    for (int64_t b = 0; b < m->B; b++) {
        for (int i = 0; i < TINY_N; i++)
            m->dh[b * TINY_N + i] = 0;
        for (int64_t t = m->T - 1; t >= 0; t--)
            tiny_back_step(m, g, t, b);
    }
}

#define TINY_FN(which, mask)                                          \
    static int tiny_##which##_f(const void *p, void *g, void *w,      \
                                const int64_t *n)                     \
    {                                                                 \
        Tiny m = tiny_open(p, w, n, mask);                            \
        (void)g;                                                      \
        tiny_forward(&m);                                             \
        return 0;                                                     \
    }                                                                 \
    static int tiny_##which##_b(const void *p, void *g, void *w,      \
                                const int64_t *n)                     \
    {                                                                 \
        Tiny m = tiny_open(p, w, n, mask);                            \
        tiny_backward(&m, g);                                         \
        return 0;                                                     \
    }                                                                 \
    static const CellDesc tiny_##which = {                            \
        .abi = CELL_ABI,                                              \
        .name = "tiny",                                               \
        .real_bytes = 8,                                              \
        .ntime = 1,                                                   \
        .time = {"t"},                                                \
        .like = {-1, -1, -1},                                         \
        .ntensor = TINY_TENSORS,                                      \
        .tensor = tiny_table,                                         \
        .param_size = 44,                                             \
        .work_size = {.by[CELL_T | CELL_B] = 1 + 2 * TINY_N + TINY_K, \
                      .by[CELL_B] = NROW + 1 + 2 * TINY_N,            \
                      .c = TINY_FIXED},                               \
        .forward = tiny_##which##_f,                                  \
        .backward = tiny_##which##_b,                                 \
        .spec = "the spec"};
TINY_FN(train, 1)
TINY_FN(plain, 0)

#endif
