/* Which whole-sequence work is rather done inside a loop; used by sched.c. */
#ifndef CELLC_GATHER_H
#define CELLC_GATHER_H

#include "task.h"

/* Moves nodes into the loops whose matrices they work on; whether there were
 * any, so that tasks must be made anew. */
bool gather_tasks(Tasks *t);

#endif
