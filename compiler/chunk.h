/* Work that can run chunk by chunk along a time axis: see Group in sched.h.
 * Asked by sched.c, which forms the groups, and by value.c. */
#ifndef CELLC_CHUNK_H
#define CELLC_CHUNK_H

#include "task.h"

/* Whether whole-sequence task i can be done on the rows of one chunk after
 * another, if those of its operands are there. */
bool chunk_task(const Tasks *t, int i, int axis);
/* Whether a task in the same group may read the result of task i there. */
bool chunk_passes(const Tasks *t, int i, const Group *g);
/* Whether a loop can take some sequences through all steps before others, at no
 * loss. */
bool chunk_alone(const Sched *s, const Stage *st, Arena *a);
/* Whether all that the functions do can be done of some sequences and then of
 * the next ones, at no loss. */
bool chunk_apart(const Sched *s, Arena *a);
/* Sets how many rows a chunk of each group has, and which buffers hold those
 * alone; after lowering. */
void chunk_sizes(Sched *s, Arena *a);

#endif
