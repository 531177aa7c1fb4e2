/* Whole sequences that a sampler has drawn. */
#ifndef CELLC_TOLD_H
#define CELLC_TOLD_H

#include "sample.h"

#include <signal.h>

/* A sequence that was drawn. */
typedef struct Told {
    double **value; /* [drawn][first + steps,element] */
    int64_t first;  /* steps of the prime */
    int64_t steps;  /* those that were drawn */
    int ended;      /* the model's `until` holds at the last one */
    double score;   /* of a beam */
} Told;

/* Copies a row of the sampler, whose first steps are the prime's.  Error: no
 * memory; *t can be freed in either case. */
int told_keep(Told *t, const Sampler *s, int64_t row, int64_t first,
              RtError *err);
void told_free(Told *t);

/* Draws the n rows that the sampler has, begun and perhaps primed, side by
 * side, until each has ended or has `steps` more; what is done leaves the
 * sampler.  out[n], zeroed before, is for the caller to free, also after an
 * error; steps of the prime are not in it.  Ends early where *stop is not 0. */
int told_draw(Sampler *s, const SampleHow *how, int64_t steps,
              const volatile sig_atomic_t *stop, Told *out, RtError *err);

#endif
