/* Sums of gradients and noise on them, see gradient.h. */
#include "gradient.h"

#include <math.h>
#include <stdlib.h>

#include "clones.h"
#include "pool.h"
#include "rng.h"

#define MIX(REAL)                                                          \
    RT_CLONES static void mix_##REAL(REAL *to, REAL old, const REAL *from, \
                                     REAL weight, int64_t n)               \
    {                                                                      \
        for (int64_t i = 0; i < n; i++)                                    \
            to[i] = old * to[i] + weight * from[i];                        \
    }
MIX(float)
MIX(double)

typedef struct Mix {
    int bytes;
    void *to;
    const void *from;
    double old, weight;
} Mix;

static void mix(void *ctx, int64_t from, int64_t to)
{
    const Mix *m = ctx;

    if (m->bytes == 8)
        mix_double((double *)m->to + from, m->old,
                   (const double *)m->from + from, m->weight, to - from);
    else
        mix_float((float *)m->to + from, (float)m->old,
                  (const float *)m->from + from, (float)m->weight, to - from);
}

enum { GRAIN = 1 << 16 }; /* reals that one thread takes at a time */

void gradient_mix(const CellDesc *d, void *to, double old, const void *from,
                  double weight)
{
    Mix m = {d->real_bytes, to, from, old, weight};

    pool_ranges(d->param_size, GRAIN, mix, &m);
}

enum { NOISE_NONE, NOISE_ANNEALED, NOISE_CONSTANT };

static const CallArg none_args[] = {{NULL, 0, 0, 0}};
static const CallArg annealed_args[] = {
    {"eta", NAN, 0, INFINITY}, {"gamma", 0.55, 0, INFINITY}, {NULL, 0, 0, 0}};
static const CallArg constant_args[] = {{"deviation", NAN, 0, INFINITY},
                                        {NULL, 0, 0, 0}};
static const CallKind kinds[] = {{"none", none_args},
                                 {"annealed", annealed_args},
                                 {"constant", constant_args}};

int gradnoise_parse(const char *text, GradNoise *n, RtError *err)
{
    char *end, *call = NULL;

    *n = (GradNoise){0};
    if (!text)
        return 0;
    strtod(text, &end);
    if (end != text && *end == '\0') {
        call = rt_printf("annealed(%s)", text);
        if (!call)
            return rt_fail_memory(err, 0);
    }
    int kind = call_parse(call ? call : text, "gradient noise", kinds, 3,
                          sizeof *kinds, n->arg, err);
    free(call);
    n->kind = kind < 0 ? NOISE_NONE : kind;
    return kind < 0 ? -1 : 0;
}

double gradnoise_deviation(const GradNoise *n, int64_t step)
{
    switch (n->kind) {
    case NOISE_ANNEALED:
        return sqrt(n->arg[0] / pow(1 + (double)step, n->arg[1]));
    case NOISE_CONSTANT:
        return n->arg[0];
    default:
        return 0;
    }
}

void gradnoise_add(RtModel *m, const GradNoise *n, uint64_t seed, int64_t step)
{
    const CellDesc *d = m->desc;
    double deviation = gradnoise_deviation(n, step);

    if (deviation == 0)
        return;
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        uint64_t stream = rt_stream(RT_STREAM_GRADIENT, (uint64_t)i);
        uint64_t now = rt_random(seed, stream, (uint64_t)step);
        if (t->flags & CELL_FROZEN)
            continue;
        for (int64_t k = 0; k < model_size(t); k++) {
            double v = deviation * rt_normal(now, stream, (uint64_t)k);
            if (d->real_bytes == 8)
                ((double *)m->grads)[t->at.c + k] += v;
            else
                ((float *)m->grads)[t->at.c + k] += (float)v;
        }
    }
}
