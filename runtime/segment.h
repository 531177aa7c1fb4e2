/* One pass over sequences that are too long for memory: forward through
 * segments of time with only the state kept between two, then backward from the
 * last to the first, each after one more forward.  Gradients and loss are those
 * of the whole.  Needs a model compiled for it (compiler/segment.c). */
#ifndef CELLC_SEGMENT_H
#define CELLC_SEGMENT_H

#include "session.h"

/* Steps of a segment with which a session on sequences of extents n stays
 * within `bytes`, what is kept between segments included: n[CELL_AT_T] where
 * all fit; 0 where not even segments of one step do. */
int64_t segment_steps(const CellDesc *d, const int64_t *n, int64_t bytes);
/* Bytes that it then takes. */
int64_t segment_bytes(const CellDesc *d, const int64_t *n, int64_t steps);
/* Whether the model can be run in segments. */
int segment_able(const CellDesc *d);

/* Puts steps first .. first + T - 1 into the session, from session_begin to
 * session_noise; `start` as there. */
typedef int SegmentLoad(void *ctx, int64_t first, int64_t T, int start,
                        RtError *err);

/* Forward and backward over T steps.  Leaves the gradients in s->grads, the
 * sums over all segments in the TERM, COUNT, METRIC and LOSS tensors, and, if
 * `carry` is not 0, the state after that many steps as session_carry does. */
int segment_run(RtSession *s, int64_t T, int64_t steps, int start,
                int64_t carry, SegmentLoad *load, void *ctx, RtError *err);

/* The same once more, up to the segment in which the loss or what is carried on
 * is not finite, or, with `backward`, a gradient: 1, with its first step in
 * *first and the session ready to go forward on it.  0: none is so. */
int segment_trace(RtSession *s, int64_t T, int64_t steps, int start,
                  int backward, SegmentLoad *load, void *ctx, int64_t *first,
                  RtError *err);

#endif
