/* An exponential moving average of a model's weights, which often predicts
 * better than the weights that training leaves (Polyak and Juditsky 1992):
 * a += (1 - d) (w - a) after every update. */
#ifndef CELLC_AVERAGE_H
#define CELLC_AVERAGE_H

#include "model.h"

typedef struct RtAverage {
    RtModel *model; /* borrowed */
    void *block;    /* [param_size] reals: the average, or, while swapped,
                       the weights themselves */
    double decay;   /* d, from 0 to below 1 */
} RtAverage;

/* The average is that of the weights the model has now. */
RtAverage *average_new(RtModel *m, double decay, RtError *err);
void average_free(RtAverage *a); /* NULL is fine */
/* After update number `step`, from 1.  The first ones weigh more, d is at most
 * (1 + step) / (10 + step), so that start values are soon forgotten.  What is
 * frozen is as it is. */
void average_step(RtAverage *a, int64_t step);
/* Exchanges average and weights: the model has the other ones then.  NULL:
 * nothing. */
void average_swap(RtAverage *a);

#endif
