/* Drawing the names left of a `~` step by step, each read back at the next
 * step as if it had been observed. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "data.h"
#include "session.h"

typedef struct SampleHow {
    int greedy;         /* the most likely class, the mean */
    double temperature; /* > 0; probabilities to the power of 1/temperature,
                           variances times it */
    int64_t top_k;      /* only the k most likely classes; 0: all */
    double top_p;       /* only classes that make up this much; 1: all */
    uint64_t seed;
} SampleHow;

typedef struct Sampler Sampler;

/* Called for every generated step with the drawn values of drawn name k; last:
 * the model's `until` holds at this step. */
typedef int SampleStep(void *user, int64_t step, int k, const double *value,
                       int last, RtError *err);

/* `given` has a field for every input that is not drawn (NULL: there is none);
 * the first of its sequences goes with what is drawn.  NULL on an error:
 * nothing to draw, an input without values, a model that cannot go step by
 * step. */
Sampler *sample_new(RtModel *m, const RtData *given, RtError *err);
void sample_free(Sampler *s);
/* The drawn inputs, in the order of the descriptor: tensor of the k-th, or
 * -1 past the last. */
int sample_drawn(const Sampler *s, int k);
/* Reads the observed beginning of the sequence: T >= 1 steps, value[k] is
 * [T,element] of drawn name k. */
int sample_prime(Sampler *s, int64_t T, const double *const *value,
                 RtError *err);
/* Begins anew, with another of the given sequences. */
void sample_restart(Sampler *s, int64_t sequence);
/* Draws `steps` more, fewer where the model's `until` ends it; *done says how
 * many. */
int sample_run(Sampler *s, const SampleHow *how, int64_t steps,
               SampleStep *step, void *user, int64_t *done, RtError *err);

/* A class from probabilities p[n]; u is uniform in (0,1). */
int64_t sample_class(const SampleHow *how, const double *p, int64_t n, double u,
                     double *scratch);

#endif
