/* Sums over steps that a loop adds up itself; see running.c. */
#ifndef CELLC_RUNNING_H
#define CELLC_RUNNING_H

#include "sched.h"

/* Rewrites backward of a lowered schedule; between accumulate_sums() and
 * restate().  Where somebody wants chunks of so many steps, for tests, rows may
 * be of any size. */
void running_sums(Sched *s, Chunks chunks, Arena *a);

#endif
