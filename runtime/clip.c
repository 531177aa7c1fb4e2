/* Clipping of gradients, see optim.h. */
#include <math.h>
#include <stdlib.h>

#include "clones.h"
#include "optim.h"
#include "pool.h"

enum { CLIP_NONE, CLIP_NORM, CLIP_VALUE };

static const CallArg none_args[] = {{NULL, 0, 0, 0}};
static const CallArg norm_args[] = {{"c", NAN, 0, INFINITY},
                                    {"p", 2, 1e-3, INFINITY},
                                    {"eps", 0, 0, INFINITY},
                                    {NULL, 0, 0, 0}};
static const CallArg value_args[] = {{"v", NAN, 0, INFINITY}, {NULL, 0, 0, 0}};
static const CallKind clip_kinds[] = {
    {"none", none_args}, {"norm", norm_args}, {"value", value_args}};

int clip_parse(const char *text, RtClip *c, RtError *err)
{
    *c = (RtClip){0};
    if (!text)
        return 0;
    char *end, *call = NULL;
    strtod(text, &end);
    if (end != text && *end == '\0') {
        call = rt_printf("norm(%s)", text);
        if (!call)
            return rt_fail_memory(err, 0);
    }
    c->kind = call_parse(call ? call : text, "clip", clip_kinds, 3,
                         sizeof *clip_kinds, c->arg, err);
    free(call);
    if (c->kind >= 0)
        return 0;
    c->kind = CLIP_NONE;
    return -1;
}

static double grad_at(const RtModel *m, int64_t at)
{
    return m->desc->real_bytes == 8 ? ((const double *)m->grads)[at]
                                    : ((const float *)m->grads)[at];
}

static void put_grad(RtModel *m, int64_t at, double v)
{
    if (m->desc->real_bytes == 8)
        ((double *)m->grads)[at] = v;
    else
        ((float *)m->grads)[at] = (float)v;
}

/* Sum of n squares, in lanes that a vector holds. */
enum { LANES = 16 };
#define SUM_SQUARES(REAL)                                                \
    RT_CLONES static double sum_squares_##REAL(const REAL *g, int64_t n) \
    {                                                                    \
        double lane[LANES] = {0}, sum = 0;                               \
        int64_t k = 0;                                                   \
        for (; k + LANES <= n; k += LANES)                               \
            for (int i = 0; i < LANES; i++)                              \
                lane[i] += (double)g[k + i] * (double)g[k + i];          \
        for (; k < n; k++)                                               \
            sum += (double)g[k] * (double)g[k];                          \
        for (int i = 0; i < LANES; i++)                                  \
            sum += lane[i];                                              \
        return sum;                                                      \
    }
SUM_SQUARES(float)
SUM_SQUARES(double)

enum { GRAIN = 1 << 16 }; /* reals that one thread takes at a time */

/* Squares of a parameter's gradient, summed range by range so that their sum
 * does not depend on the threads. */
typedef struct Squares {
    const RtModel *m;
    int64_t at;
    double *sum; /* [ranges] */
} Squares;

static void square_range(void *ctx, int64_t from, int64_t to)
{
    const Squares *s = ctx;

    for (; from < to; from += GRAIN) {
        int64_t n = to - from < GRAIN ? to - from : GRAIN, at = s->at + from;
        s->sum[from / GRAIN] =
            s->m->desc->real_bytes == 8
                ? sum_squares_double((const double *)s->m->grads + at, n)
                : sum_squares_float((const float *)s->m->grads + at, n);
    }
}

static double add_squares(const RtModel *m, const CellTensor *t, double sum)
{
    enum { ROOM = 64 };
    int64_t n = model_size(t), at = 0;
    double part[ROOM];

    for (int64_t step; at < n; at += step) {
        step = n - at < ROOM * GRAIN ? n - at : ROOM * GRAIN;
        Squares s = {m, t->at.c + at, part};
        pool_ranges(step, GRAIN, square_range, &s);
        for (int64_t k = 0; k * GRAIN < step; k++)
            sum += part[k];
    }
    return sum;
}

/* Adds |g|^p over one parameter, or for p = inf takes the largest. */
static double gather(const RtModel *m, const CellTensor *t, double p,
                     double sum)
{
    int64_t n = model_size(t);

    if (p == 2)
        return add_squares(m, t, sum);
    for (int64_t k = 0; k < n; k++) {
        double g = fabs(grad_at(m, t->at.c + k));
        if (isinf(p))
            sum = g > sum || isnan(g) ? g : sum;
        else
            sum += p == 1 ? g : pow(g, p);
    }
    return sum;
}

static double root(double sum, double p)
{
    if (isinf(p) || p == 1)
        return sum;
    return p == 2 ? sqrt(sum) : pow(sum, 1 / p);
}

double clip_norm(const RtModel *m, int i)
{
    return root(gather(m, &m->desc->tensor[i], 2, 0), 2);
}

#define SCALE(REAL)                                                       \
    RT_CLONES static void scale_##REAL(REAL *g, double factor, int64_t n) \
    {                                                                     \
        for (int64_t i = 0; i < n; i++)                                   \
            g[i] = (REAL)(g[i] * factor);                                 \
    }
SCALE(float)
SCALE(double)

/* A parameter's gradient that becomes shorter. */
typedef struct Scale {
    RtModel *m;
    int64_t at;
    double factor;
} Scale;

static void scale_range(void *ctx, int64_t from, int64_t to)
{
    const Scale *s = ctx;

    if (s->m->desc->real_bytes == 8)
        scale_double((double *)s->m->grads + s->at + from, s->factor,
                     to - from);
    else
        scale_float((float *)s->m->grads + s->at + from, s->factor, to - from);
}

static void apply(RtModel *m, const CellTensor *t, const RtClip *c, double norm)
{
    int64_t n = model_size(t);
    Scale s = {m, t->at.c, c->arg[0] / (norm + c->arg[2])};

    if (c->kind == CLIP_NORM && s.factor < 1)
        pool_ranges(n, GRAIN, scale_range, &s);
    for (int64_t k = 0; k < n && c->kind == CLIP_VALUE; k++) {
        double g = grad_at(m, t->at.c + k), v = c->arg[0];
        put_grad(m, t->at.c + k, g > v ? v : g < -v ? -v : g);
    }
}

/* Clips with the clip that the spec gave to one parameter. */
static int apply_own(RtModel *m, const CellTensor *t, RtError *err)
{
    RtClip c;

    if (clip_parse(t->clip, &c, err))
        return rt_fail_in(err, t->name);
    double norm =
        c.kind == CLIP_NORM ? root(gather(m, t, c.arg[1], 0), c.arg[1]) : 0;
    apply(m, t, &c, norm);
    return 0;
}

int clip_grads(RtModel *m, const RtClip *c, double *norm, RtError *err)
{
    const CellDesc *d = m->desc;
    double p = c->kind == CLIP_NORM ? c->arg[1] : 2, sum = 0;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        if (t->flags & CELL_FROZEN)
            continue;
        if (t->clip && apply_own(m, t, err))
            return -1;
        sum = gather(m, t, p, sum);
    }
    double total = root(sum, p);
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;)
        if (!(d->tensor[i].flags & CELL_FROZEN))
            apply(m, &d->tensor[i], c, total);
    if (norm)
        *norm = total;
    return 0;
}
