/* Start values of parameters, one function per word of the language, see
 * model_init in model.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "load.h"
#include "manifold.h"
#include "model.h"
#include "rng.h"

/* What one parameter is filled with. */
typedef struct Draw {
    const CellTensor *t;
    double *v; /* [mats, rows, cols] */
    int64_t mats, rows, cols;
    RtRng rng;            /* the parameter's own stream */
    const InitFrom *from; /* where files are, or NULL */
} Draw;

typedef int DrawFn(Draw *d, RtError *err);

typedef struct DrawKind {
    const char *name;
    DrawFn *fn;
} DrawKind;

static int draw_const(Draw *d, RtError *err)
{
    (void)err;
    for (int64_t i = 0; i < d->mats * d->rows * d->cols; i++)
        d->v[i] = d->t->init.a;
    return 0;
}

static int draw_table(Draw *d, RtError *err)
{
    if (!d->t->init.value)
        return rt_fail(err, "%s: its start values are missing", d->t->name);
    memcpy(d->v, d->t->init.value,
           (size_t)(d->mats * d->rows * d->cols) * sizeof *d->v);
    return 0;
}

static void fill_normal(Draw *d, double mean, double sd)
{
    for (int64_t i = 0; i < d->mats * d->rows * d->cols; i++)
        d->v[i] = mean + sd * rt_next_normal(&d->rng);
}

static void fill_uniform(Draw *d, double low, double high)
{
    for (int64_t i = 0; i < d->mats * d->rows * d->cols; i++)
        d->v[i] = low + (high - low) * rt_next_uniform(&d->rng);
}

static int draw_normal(Draw *d, RtError *err)
{
    (void)err;
    fill_normal(d, d->t->init.a, d->t->init.b);
    return 0;
}

static int draw_truncated(Draw *d, RtError *err)
{
    (void)err;
    for (int64_t i = 0; i < d->mats * d->rows * d->cols; i++) {
        double z;
        do
            z = rt_next_normal(&d->rng);
        while (fabs(z) > 2);
        d->v[i] = d->t->init.a + d->t->init.b * z;
    }
    return 0;
}

static int draw_uniform(Draw *d, RtError *err)
{
    (void)err;
    fill_uniform(d, d->t->init.a, d->t->init.b);
    return 0;
}

static int draw_bernoulli(Draw *d, RtError *err)
{
    (void)err;
    for (int64_t i = 0; i < d->mats * d->rows * d->cols; i++)
        d->v[i] = rt_next_uniform(&d->rng) < d->t->init.a;
    return 0;
}

static int draw_glorot(Draw *d, RtError *err)
{
    double a = sqrt(6 / (double)(d->rows + d->cols));

    (void)err;
    fill_uniform(d, -a, a);
    return 0;
}

static int draw_he(Draw *d, RtError *err)
{
    (void)err;
    fill_normal(d, 0, sqrt(2 / (double)d->cols));
    return 0;
}

static int draw_identity(Draw *d, RtError *err)
{
    double gain = d->t->init.a != 0 ? d->t->init.a : 1;

    (void)err;
    for (int64_t i = 0; i < d->mats; i++)
        for (int64_t r = 0; r < d->rows; r++)
            for (int64_t c = 0; c < d->cols; c++)
                d->v[(i * d->rows + r) * d->cols + c] = r == c ? gain : 0;
    return 0;
}

/* Makes the k vectors q[k][n], k <= n, orthonormal: modified Gram-Schmidt, each
 * vector twice, which is enough (Giraud, Langou, Rozloznik 2005).  The diagonal
 * of R is positive, so that normal q give a uniform (Haar) result. */
static void orthonormalise(double *q, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k; i++) {
        double *a = q + i * n, norm = 0;
        for (int twice = 0; twice < 2; twice++)
            for (int64_t j = 0; j < i; j++) {
                const double *b = q + j * n;
                double dot = 0;
                for (int64_t c = 0; c < n; c++)
                    dot += a[c] * b[c];
                for (int64_t c = 0; c < n; c++)
                    a[c] -= dot * b[c];
            }
        for (int64_t c = 0; c < n; c++)
            norm += a[c] * a[c];
        for (int64_t c = 0; c < n; c++)
            a[c] /= sqrt(norm);
    }
}

static int draw_orthogonal(Draw *d, RtError *err)
{
    int64_t rows = d->rows, cols = d->cols, n = rows > cols ? rows : cols,
            k = rows < cols ? rows : cols;
    double gain = d->t->init.a != 0 ? d->t->init.a : 1;
    double *q = malloc((size_t)(n * k) * sizeof *q);

    if (!q)
        return rt_fail_memory(err, (size_t)(n * k) * sizeof *q);
    for (int64_t m = 0; m < d->mats; m++) {
        double *v = d->v + m * rows * cols;
        for (int64_t i = 0; i < n * k; i++)
            q[i] = rt_next_normal(&d->rng);
        orthonormalise(q, k, n);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols; c++)
                v[r * cols + c] =
                    gain * (rows < cols ? q[r * n + c] : q[c * n + r]);
    }
    free(q);
    return 0;
}

/* Words without a vector start as without the file. */
static int draw_load(Draw *d, RtError *err)
{
    draw_glorot(d, err);
    return load_values(d->t, d->from, d->v, err);
}

/* In single precision, whatever the model's. */
static int draw_frequency(Draw *d, RtError *err)
{
    int64_t n = d->rows * d->cols;
    double all = 0;

    (void)err;
    memset(d->v, 0, (size_t)n * sizeof *d->v);
    if (d->from && d->from->count)
        d->from->count(d->from->user, d->t->set, d->v, n);
    for (int64_t i = 0; i < n; i++)
        all += d->v[i];
    for (int64_t i = 0; i < n && !(all > 0); i++)
        d->v[i] = 1;
    all = 0;
    for (int64_t i = 0; i < n; i++)
        all += d->v[i] = d->v[i] > 0 ? pow(d->v[i], d->t->init.a) : 0;
    for (int64_t i = 0; i < n; i++)
        d->v[i] = (double)(float)(d->v[i] / all);
    return 0;
}

static const DrawKind draw_kinds[] = {
    {"const", draw_const},       {"table", draw_table},
    {"normal", draw_normal},     {"truncated", draw_truncated},
    {"uniform", draw_uniform},   {"bernoulli", draw_bernoulli},
    {"glorot", draw_glorot},     {"he", draw_he},
    {"identity", draw_identity}, {"orthogonal", draw_orthogonal},
    {"load", draw_load},         {"frequency", draw_frequency},
};
enum { NDRAW = sizeof draw_kinds / sizeof *draw_kinds };

/* FNV-1a: the parameter's name chooses its stream, so that adding another
 * parameter changes no start value. */
static uint64_t name_hash(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static void make_inside(const CellTensor *t, double *v, int64_t n, int bytes)
{
    int out = 0;

    for (int64_t i = 0; i < n; i++)
        out |= v[i] <= t->lo || v[i] >= t->hi;
    for (int64_t i = 0; i < n && out; i++)
        v[i] = model_bound(t, v[i], bytes);
}

static int init_one(RtModel *m, int i, uint64_t seed, const InitFrom *from,
                    RtError *err)
{
    const CellTensor *t = &m->desc->tensor[i];
    const char *kind = t->init.kind ? t->init.kind : "const";
    int64_t n = model_size(t);
    int k = 0;

    while (k < NDRAW && strcmp(draw_kinds[k].name, kind) != 0)
        k++;
    if (k == NDRAW) {
        const char *near =
            call_nearest(kind, draw_kinds, NDRAW, sizeof *draw_kinds);
        return rt_fail(err, "%s: unknown initialiser %s%s%s", t->name, kind,
                       near ? "; did you mean " : "", near ? near : "");
    }
    Draw d = {.t = t, .mats = 1, .rows = 1, .cols = 1, .from = from};
    d.rng = (RtRng){seed, rt_stream(RT_STREAM_INIT, name_hash(t->name)), 0};
    if (t->rank == 1)
        d.rows = t->dim[0];
    if (t->rank >= 2) {
        d.rows = t->dim[t->rank - 2];
        d.cols = t->dim[t->rank - 1];
    }
    for (int r = 0; r + 2 < t->rank; r++)
        d.mats *= t->dim[r];
    d.v = malloc((size_t)(n ? n : 1) * sizeof *d.v);
    if (!d.v)
        return rt_fail_memory(err, (size_t)n * sizeof *d.v);
    int rc = draw_kinds[k].fn(&d, err);
    if (!rc) {
        make_inside(t, d.v, n, m->desc->real_bytes);
        if (!manifold_holds(t, d.v))
            manifold_value(t, d.v);
        rc = model_set(m, i, d.v, err);
    }
    free(d.v);
    return rc;
}

int model_init(RtModel *m, uint64_t seed, const InitFrom *from, RtError *err)
{
    for (int i = -1; (i = model_next(m->desc, CELL_PARAM, i)) >= 0;)
        if (init_one(m, i, seed, from, err))
            return -1;
    return 0;
}
