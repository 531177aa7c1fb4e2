/* Sums of gradients that are added up where they lie; see accumulate.c. */
#ifndef CELLC_ACCUMULATE_H
#define CELLC_ACCUMULATE_H

#include "sched.h"

/* Rewrites the kernels of a lowered schedule; before restate(). */
void accumulate_sums(Sched *s, Arena *a);

#endif
