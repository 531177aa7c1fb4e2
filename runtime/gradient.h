/* Gradients between backward and update: those of several threads or batches
 * added up, and noise on them. */
#ifndef CELLC_GRADIENT_H
#define CELLC_GRADIENT_H

#include "call.h"
#include "model.h"

/* to = old * to + weight * from, blocks of desc->param_size reals: gradients,
 * or weights. */
void gradient_mix(const CellDesc *d, void *to, double old, const void *from,
                  double weight);

/* Normal noise of mean 0: annealed(eta, gamma = 0.55) has the variance
 * eta / (1 + step)^gamma (Neelakantan et al. 2015), constant(deviation) always
 * the same; a bare number eta is annealed(eta). */
typedef struct GradNoise {
    int kind; /* 0: none */
    double arg[CALL_ARGS];
} GradNoise;
int gradnoise_parse(const char *text, GradNoise *n, RtError *err); /* NULL:
                                                                     none */
double gradnoise_deviation(const GradNoise *n, int64_t step);
/* Adds it to the gradients of all that is not frozen; the same numbers for the
 * same seed and step, from 0. */
void gradnoise_add(RtModel *m, const GradNoise *n, uint64_t seed, int64_t step);

#endif
