/* A field of a data set that is put together sequence by sequence, from what
 * the lines of a table hold or name. */
#ifndef CELLC_SERIES_H
#define CELLC_SERIES_H

#include "data.h"

/* Begin with series_begin, end with series_free. */
typedef struct Series {
    RtWant want;   /* the first sequence closes what is open */
    NpyType type;  /* of the numbers in the store */
    RtStore store; /* elements of all sequences */
    RtStore start; /* int64_t [n + 1]: first element of each sequence */
    int64_t n;     /* sequences */
    int64_t all;   /* their elements */
} Series;

void series_begin(Series *s, const RtWant *want, NpyType type);
void series_free(Series *s);
/* The next sequence, an array [T,element] (of a static input: [element]). Where
 * its rank is another, numbers are taken one after the other: a scalar input
 * reads an image pixel by pixel, one with a vector per step row by row. `place`
 * is for messages. */
int series_add(Series *s, const char *place, const Npy *a, RtError *err);
/* Adds the field. */
int series_end(Series *s, RtData *d, const char *from, RtError *err);

#endif
