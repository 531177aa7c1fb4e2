/* Beam search: the most probable sequences that a model draws, found by going
 * on from the K best beginnings side by side. */
#ifndef CELLC_BEAM_H
#define CELLC_BEAM_H

#include "told.h"

typedef struct BeamHow {
    int64_t width;  /* K beginnings that are kept of each sequence */
    double penalty; /* A: scores are log probabilities / steps^A */
    int64_t best;   /* results wanted of each, at most `width` */
    int64_t steps;  /* no sequence gets longer */
    const volatile sig_atomic_t *stop;
} BeamHow;

/* Error: something that is drawn has no classes. */
int beam_check(const Sampler *s, RtError *err);
/* From the n rows that the sampler has, begun and perhaps primed, the best
 * results of each: out[r * how->best + i], i < count[r], by falling score;
 * what the model's `until` did not end stands behind all others.  Steps of the
 * prime count for nothing.  The caller frees the results, also after an error;
 * out is zeroed before. */
int beam_search(Sampler *s, const BeamHow *how, Told *out, int64_t *count,
                RtError *err);

#endif
