/* Lanes of a model (compiler/lanes.c), run by the threads of the pool that this
 * one uses, or by this one alone.  Lane i is done by chunks, which lane[i] does
 * one of at a time, in their order, so that results do not depend on how many
 * threads there are.  Before chunk c of lane i, chunk c of those lanes must be
 * done whose bits same[i] has, and all of those whose bits all[i] has.  Where
 * any[i] is not 0, several chunks may be done at once.  Lanes with
 * the same home[i] share what a cache holds.  cost[i], for all of the lane, and
 * after[i], for what waits for its end, tell what to do first. */
#ifndef RT_LANES_H
#define RT_LANES_H

#include <stdint.h>

enum { RT_LANES = 62 }; /* the most */

/* at: parameters, gradients, work block; extent: those of the model. */
#define RT_LANES_PARAMS                                                      \
    int64_t n, void (*const *lane)(void *const *, const int64_t *, int64_t), \
        const int64_t *chunks, const int64_t *same, const int64_t *all,      \
        const int64_t *any, const int64_t *home, const int64_t *cost,        \
        const int64_t *after, void *const *at, const int64_t *extent

void rt_lanes(RT_LANES_PARAMS);

#endif
