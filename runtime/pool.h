/* Threads that share the work of one: a fork and join of well under a
 * microsecond while the others still spin, then they sleep.  Whoever runs a
 * model for few sequences lends it a pool; its products then divide their
 * columns or rows (shared.c), never a sum, so that the results stay the same.
 */
#ifndef CELLC_POOL_H
#define CELLC_POOL_H

#include <stdint.h>

#include "rterr.h"

typedef struct RtPool RtPool;

/* Threads share a step, rather than the sequences, where there are fewer of
 * those than threads; and where there are not so many to each thread, of a
 * model whose parameters take so many bytes that no processor's cache holds
 * them. */
enum { POOL_FEW = 4, POOL_LARGE = 1 << 20 };

/* `threads` >= 1, the caller's among them.  NULL on an error. */
RtPool *pool_new(int threads, RtError *err);
void pool_free(RtPool *p); /* NULL is fine */
int pool_threads(const RtPool *p);

/* Calls fn(ctx, part, parts) for part = 0 .. parts - 1 at once, part 0 in this
 * thread; parts is pool_threads(p), or 1 for a while after the others were
 * kept waiting by other programs.  One thread at a time may call it. */
typedef void PoolFn(void *ctx, int part, int parts);
void pool_run(RtPool *p, PoolFn *fn, void *ctx);

/* The caller does the next jobs of pool_run alone. */
void pool_rest(RtPool *p, int jobs);

/* Calls fn(ctx, from, to) for ranges that cover 0 .. n - 1 and begin at
 * multiples of `grain`, in the threads of pool_used(), each of which takes the
 * next one when it is free: for work on more numbers than a cache holds. Little
 * work is one call. */
typedef void PoolRange(void *ctx, int64_t from, int64_t to);
void pool_ranges(int64_t n, int64_t grain, PoolRange *fn, void *ctx);

/* The pool that this thread's kernels use from now on; NULL: none. */
void pool_use(RtPool *p);
RtPool *pool_used(void);

#endif
