/* Which sequences of a data set have the same inputs: what is generated for one
 * is what is generated for all, and what was observed of them are references of
 * one another. */
#ifndef CELLC_TWINS_H
#define CELLC_TWINS_H

#include "data.h"

/* Compares the sequences seq[n] by `field`[nfield] and keeps, in their order,
 * the first of each kind in seq[0 .. the result - 1].  next[data->nseq] leads
 * from each of these to its twins, in order, and ends with -1.  -1: error. */
int64_t twins_find(const RtData *data, const RtField *const *field, int nfield,
                   int64_t *seq, int64_t n, int64_t *next, RtError *err);

#endif
