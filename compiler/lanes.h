/* What threads do side by side where there are few sequences; see lanes.c. */
#ifndef CELLC_LANES_H
#define CELLC_LANES_H

#include "sched.h"

/* Finds the sections of a schedule that is otherwise finished.  Where somebody
 * wants chunks of so many steps, for tests, they need not gain. */
void form_lanes(Sched *s, Chunks chunks, Arena *a);

#endif
