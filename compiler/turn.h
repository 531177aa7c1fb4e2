/* Sweeps that take lines through the steps of a turn; see turn.c. */
#ifndef CELLC_TURN_H
#define CELLC_TURN_H

#include "sched.h"

/* Marks the kernels of loops whose sweeps can go by turns; after
 * sweep_stages().  Where somebody wants chunks of so many steps, for tests,
 * turns have as many. */
void turn_stages(Sched *s, Chunks chunks, Arena *a);

#endif
