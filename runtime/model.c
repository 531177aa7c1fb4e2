/* The blocks of a model and access to them by name, see model.h.  Start values
 * are in init.c, files in weights.c. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "manifold.h"
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 }; /* bytes, where there are any */

/* Large blocks ask for huge pages: the first touch of small ones would take
 * longer than the first step of a model. */
void *rt_block(size_t bytes, RtError *err)
{
    void *p = NULL;

    if (bytes == 0)
        bytes = 1;
    if (posix_memalign(&p, bytes < HUGE_PAGE ? 64 : HUGE_PAGE, bytes) != 0) {
        rt_fail_memory(err, bytes);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return memset(p, 0, bytes);
}

RtModel *model_new(const CellDesc *desc, RtError *err)
{
    if (desc->abi != CELL_ABI) {
        rt_fail(err,
                "%s was compiled for version %d of the run time, this is "
                "version %d; compile it again",
                desc->name, desc->abi, CELL_ABI);
        return NULL;
    }
    RtModel *m = calloc(1, sizeof *m);
    if (!m) {
        rt_fail_memory(err, sizeof *m);
        return NULL;
    }
    size_t bytes = (size_t)desc->param_size * (size_t)desc->real_bytes;
    m->desc = desc;
    m->params = rt_block(bytes, err);
    m->grads = m->params ? rt_block(bytes, err) : NULL;
    if (!m->grads) {
        model_free(m);
        return NULL;
    }
    return m;
}

void model_free(RtModel *m)
{
    if (!m)
        return;
    model_free(m->known);
    model_free(m->step);
    free(m->params);
    free(m->grads);
    free(m);
}

int model_find(const CellDesc *d, int role, const char *name)
{
    for (int i = 0; i < d->ntensor; i++)
        if (d->tensor[i].role == role && strcmp(d->tensor[i].name, name) == 0)
            return i;
    return -1;
}

int model_next(const CellDesc *d, int role, int after)
{
    for (int i = after + 1; i < d->ntensor; i++)
        if (d->tensor[i].role == role)
            return i;
    return -1;
}

int model_of(const CellDesc *d, int role, int of)
{
    for (int i = 0; i < d->ntensor; i++)
        if (d->tensor[i].role == role && d->tensor[i].of == of)
            return i;
    return -1;
}

int model_sums(const CellTensor *t)
{
    return t->role == CELL_TERM || t->role == CELL_COUNT ||
           t->role == CELL_METRIC || t->role == CELL_LOSS;
}

int64_t model_size(const CellTensor *t)
{
    int64_t n = 1;

    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

int64_t model_count(const CellDesc *d, int64_t *trainable)
{
    int64_t all = 0, moving = 0;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        int64_t n = model_size(&d->tensor[i]);
        all += n;
        moving += d->tensor[i].flags & CELL_FROZEN ? 0 : n;
    }
    if (trainable)
        *trainable = moving;
    return all;
}

static void get_reals(const CellDesc *d, const void *block, int i, double *out)
{
    const CellTensor *t = &d->tensor[i];
    int64_t n = model_size(t);

    if (d->real_bytes == 8) {
        memcpy(out, (const double *)block + t->at.c, (size_t)n * sizeof *out);
        return;
    }
    const float *p = (const float *)block + t->at.c;
    for (int64_t k = 0; k < n; k++)
        out[k] = p[k];
}

void model_get(const RtModel *m, int i, double *value)
{
    get_reals(m->desc, m->params, i, value);
}

void model_get_grad(const RtModel *m, int i, double *grad)
{
    get_reals(m->desc, m->grads, i, grad);
}

int model_set(RtModel *m, int i, const double *value, RtError *err)
{
    const CellTensor *t = &m->desc->tensor[i];
    int64_t n = model_size(t);

    for (int64_t k = 0; k < n; k++) {
        if (isnan(value[k]))
            return rt_fail(err, "%s: entry %lld is not a number", t->name,
                           (long long)k + 1);
        double r = m->desc->real_bytes == 8 ? value[k] : (float)value[k];
        if ((isfinite(t->lo) && r <= t->lo) || (isfinite(t->hi) && r >= t->hi))
            return rt_fail(
                err, "%s: entry %lld is %.17g, but %s lies in (%g, %g)",
                t->name, (long long)k + 1, value[k], t->name, t->lo, t->hi);
    }
    if (!manifold_holds(t, value))
        return rt_fail(err,
                       t->flags & CELL_SKEW
                           ? "%s is not the negative of its transpose"
                           : "%s: a row is not of positive numbers that sum "
                             "to 1",
                       t->name);
    if (m->desc->real_bytes == 8) {
        memcpy((double *)m->params + t->at.c, value, (size_t)n * sizeof *value);
        return 0;
    }
    float *p = (float *)m->params + t->at.c;
    for (int64_t k = 0; k < n; k++)
        p[k] = (float)value[k];
    return 0;
}

int model_copy(RtModel *to, const RtModel *from, RtError *err)
{
    const CellDesc *d = to->desc, *s = from->desc;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        int j = model_find(s, CELL_PARAM, d->tensor[i].name);
        int64_t n = model_size(&d->tensor[i]);
        if (j < 0 || model_size(&s->tensor[j]) != n)
            return rt_fail(err,
                           "parameter %s differs between two compilations "
                           "of %s",
                           d->tensor[i].name, d->name);
        double *v = malloc((size_t)n * sizeof *v);
        if (!v)
            return rt_fail_memory(err, (size_t)n * sizeof *v);
        model_get(from, j, v);
        int rc = model_set(to, i, v, err);
        free(v);
        if (rc)
            return rc;
    }
    return 0;
}

double model_unbound(const CellTensor *t, double value)
{
    int low = isfinite(t->lo), high = isfinite(t->hi);

    if (low && high)
        return log((value - t->lo) / (t->hi - value));
    if (low)
        return log(value - t->lo);
    if (high)
        return -log(t->hi - value);
    return value;
}

/* The nearest real of the model's type inside the open interval. */
static double inside(const CellTensor *t, double v, int real_bytes)
{
    if (real_bytes == 4) {
        float f = (float)v;
        if (isfinite(t->lo) && f <= t->lo)
            f = nextafterf((float)t->lo, INFINITY);
        if (isfinite(t->hi) && f >= t->hi)
            f = nextafterf((float)t->hi, -INFINITY);
        return f;
    }
    if (isfinite(t->lo) && v <= t->lo)
        v = nextafter(t->lo, INFINITY);
    if (isfinite(t->hi) && v >= t->hi)
        v = nextafter(t->hi, -INFINITY);
    return v;
}

double model_bound(const CellTensor *t, double free_value, int real_bytes)
{
    int low = isfinite(t->lo), high = isfinite(t->hi);
    double v = free_value;

    if (low && high)
        v = t->lo + (t->hi - t->lo) / (1 + exp(-free_value));
    else if (low)
        v = t->lo + exp(free_value);
    else if (high)
        v = t->hi - exp(-free_value);
    else
        return v;
    return inside(t, v, real_bytes);
}

double model_slope(const CellTensor *t, double value)
{
    int low = isfinite(t->lo), high = isfinite(t->hi);

    if (low && high)
        return (value - t->lo) * (t->hi - value) / (t->hi - t->lo);
    if (low)
        return value - t->lo;
    return high ? t->hi - value : 1;
}
