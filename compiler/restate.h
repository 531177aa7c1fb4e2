/* States that are computed again in backward; see restate.c. */
#ifndef CELLC_RESTATE_H
#define CELLC_RESTATE_H

#include "sched.h"

/* Rewrites the loops of a lowered schedule; before chunk_sizes(). */
void restate(Sched *s, Chunks chunks, Arena *a);

#endif
