/* Averages of weights, see average.h. */
#include "average.h"

#include <stdlib.h>
#include <string.h>

#include "gradient.h"

RtAverage *average_new(RtModel *m, double decay, RtError *err)
{
    RtAverage *a = calloc(1, sizeof *a);
    size_t bytes = (size_t)m->desc->param_size * (size_t)m->desc->real_bytes;

    if (!a) {
        rt_fail_memory(err, sizeof *a);
        return NULL;
    }
    a->model = m;
    a->decay = decay;
    a->block = rt_block(bytes, err);
    if (!a->block) {
        free(a);
        return NULL;
    }
    memcpy(a->block, m->params, bytes);
    return a;
}

void average_free(RtAverage *a)
{
    if (!a)
        return;
    free(a->block);
    free(a);
}

void average_step(RtAverage *a, int64_t step)
{
    const CellDesc *d = a->model->desc;
    double early = (1 + (double)step) / (10 + (double)step);
    double keep = a->decay < early ? a->decay : early;

    gradient_mix(d, a->block, keep, a->model->params, 1 - keep);
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        int64_t at = t->at.c * d->real_bytes;
        if (t->flags & CELL_FROZEN)
            memcpy((char *)a->block + at, (const char *)a->model->params + at,
                   (size_t)(model_size(t) * d->real_bytes));
    }
}

void average_swap(RtAverage *a)
{
    void *weights;

    if (!a)
        return;
    weights = a->model->params;
    a->model->params = a->block;
    a->block = weights;
}
