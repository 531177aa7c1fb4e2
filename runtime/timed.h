/* The kernels with a clock around each call: where the time of a step goes,
 * by kernel.  For `cellc bench`; the clocks are one set for the program, so
 * that one thread at a time may run what is timed. */
#ifndef CELLC_TIMED_H
#define CELLC_TIMED_H

#include "kernels.h"

/* The symbols of rt_symbols, timed. */
const RtSymbol *rt_timed_symbols(int *count);

typedef struct RtTimed {
    const char *name; /* "rt_gemm_f32" */
    int product;      /* a product of matrices, or what packs for one */
    int64_t calls;
    double ms; /* in it, the clock's own time taken off */
} RtTimed;

void rt_timed_reset(void);
/* Kernel i of rt_timed_symbols since the reset. */
RtTimed rt_timed_at(int i);
/* What the clocks themselves cost since the reset, in ms. */
double rt_timed_cost(void);

#endif
