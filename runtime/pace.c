/* Time left, see pace.h. */
#include "pace.h"

#include <math.h>

static const double memory = 30; /* seconds after which a batch counts 1/e */

void pace_begin(Pace *p, double now)
{
    *p = (Pace){.mark = now, .last = now};
}

void pace_batch(Pace *p, double now)
{
    double took = now - p->mark, keep = exp(-took / memory);

    /* The first one also makes room and loads code: it tells little. */
    if (p->batches++ == 1)
        p->sum = p->weight = 0;
    p->sum = keep * p->sum + took;
    p->weight = keep * p->weight + 1;
    p->mark = now;
}

void pace_end(Pace *p, double now)
{
    double keep = exp(-(now - p->last) / memory);

    p->ends = keep * p->ends + now - p->mark;
    p->ended = keep * p->ended + 1;
    p->mark = p->last = now;
}

double pace_left(const Pace *p, double batches, double ends, double guess)
{
    if (p->batches < 2)
        return NAN;
    double one = p->sum / p->weight;
    return batches * one +
           ends * (p->ended > 0 ? p->ends / p->ended : guess * one);
}
