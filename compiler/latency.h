/* How far an output looks ahead: what can be streamed, what needs the whole
 * sequence.  Used for `info` and by the emitter of NAME_step. */
#ifndef CELLC_LATENCY_H
#define CELLC_LATENCY_H

#include "causal.h"

#define LATENCY_WHOLE (1 << 20)

typedef struct Latency {
    int steps;         /* 0: streamable; LATENCY_WHOLE: the whole sequence */
    const char *blame; /* name that needs it, or NULL */
} Latency;

Latency latency_of(const Graph *g, const Causal *c, Ref r, Arena *tmp);

#endif
