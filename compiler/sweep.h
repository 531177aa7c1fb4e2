/* Work on matrices that is done line by line together; see sweep.c. */
#ifndef CELLC_SWEEP_H
#define CELLC_SWEEP_H

#include "sched.h"

/* Orders the kernels of loops so that those that can are neighbours, and marks
 * them (Kernel.sweep); after chunk_sizes().  Where somebody wants chunks of so
 * many steps, for tests, matrices may be of any size. */
void sweep_stages(Sched *s, Chunks chunks, Arena *a);
/* How a kernel of a sweep looks at its matrices. */
typedef enum SweepRole {
    SWEEP_NOT,    /* it is none */
    SWEEP_WORK,   /* FUSED */
    SWEEP_ENDS,   /* TAIL, of zeros */
    SWEEP_WEIGHS, /* y[n] = in.v[0][lines] times the matrix in.v[1] */
    SWEEP_SUMS,   /* y[n] = the sum of the lines of in.v[0] */
    SWEEP_DOTS,   /* y[lines] = lines of in.v[1] times in.v[0][n] */
    SWEEP_PAIRS,  /* y[lines] = lines of in.v[0] times those of in.v[1] */
    SWEEP_ALL     /* y = the sum of all products of in.v[0] and in.v[1] */
} SweepRole;
/* Lines of kernel k: `lines` of n reals; 0: any that come to as many. */
SweepRole sweep_role(const Sched *s, const Kernel *k, int64_t *lines,
                     int64_t *n);
/* Reals of its matrices. */
int64_t sweep_matrix(const Sched *s, const Kernel *k);
/* Whether two values share reals in a step of the loop over that axis. */
bool sweep_overlap(const Sched *s, Val a, Val b, int bit);

#endif
