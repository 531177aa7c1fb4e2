/* Threads that share the work of one: a fork and join of well under a
 * microsecond while the others still spin, then they sleep.  Whoever runs a
 * model for few sequences lends it a pool; its products then divide their
 * columns or rows (shared.c), never a sum, so that the results stay the same.
 */
#ifndef CELLC_POOL_H
#define CELLC_POOL_H

#include "rterr.h"

typedef struct RtPool RtPool;

/* `threads` >= 1, the caller's among them.  NULL on an error. */
RtPool *pool_new(int threads, RtError *err);
void pool_free(RtPool *p); /* NULL is fine */
int pool_threads(const RtPool *p);

/* Calls fn(ctx, part, parts) for part = 0 .. parts - 1 at once, part 0 in this
 * thread; parts is pool_threads(p), or 1 for a while after the others were
 * kept waiting by other programs.  One thread at a time may call it. */
typedef void PoolFn(void *ctx, int part, int parts);
void pool_run(RtPool *p, PoolFn *fn, void *ctx);

/* The pool that this thread's kernels use from now on; NULL: none. */
void pool_use(RtPool *p);
RtPool *pool_used(void);

#endif
