/* A forecast of several steps as a picture: the end of what was known, the
 * median of what was drawn from there on, and where nine tenths of it lie. */
#ifndef CELLC_AHEAD_H
#define CELLC_AHEAD_H

#include "told.h"

#include "rterr.h"

enum { AHEAD_MOST = 8 /* numbers of an element, a colour each */ };

typedef struct Ahead {
    const char *name;   /* of what is drawn */
    const char *axis;   /* of its steps */
    int64_t size;       /* numbers of an element, up to AHEAD_MOST */
    const double *seen; /* [nseen,size] what really came after the beginning, or
                           NULL */
    int64_t nseen;
} Ahead;

/* Draws sequences that all go on from the same beginning, which they have. */
int ahead_plot(const Ahead *a, const Told *told, int64_t n, const char *path,
               RtError *err);

#endif
