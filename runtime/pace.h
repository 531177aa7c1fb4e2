/* How long the rest of training takes: seconds of a batch, of late, and of what
 * is done at the end of an epoch.  Times are those of a clock that the caller
 * reads. */
#ifndef CELLC_PACE_H
#define CELLC_PACE_H

#include <stdint.h>

typedef struct Pace {
    double mark;        /* clock at the last call */
    double sum, weight; /* seconds and number of batches, recent ones most */
    double ends, ended; /* the same of ends of epochs; 0: none yet */
    double last;        /* clock at the last of those */
    int64_t batches;    /* seen */
} Pace;

void pace_begin(Pace *p, double now);
void pace_batch(Pace *p, double now); /* one more batch is done */
void pace_end(Pace *p, double now);   /* what an epoch ends with is done */
/* Seconds that `batches` and `ends` will take; before the first end one is
 * taken for as long as `guess` batches.  NAN before the
 * second batch. */
double pace_left(const Pace *p, double batches, double ends, double guess);

#endif
