/* From tasks in stages to kernels: between sched.c, fuse.c and lower.c. */
#ifndef CELLC_FUSE_H
#define CELLC_FUSE_H

#include "task.h"

/* Sets depth and stored of all tasks (fuse.c). */
void fuse_tasks(Tasks *t);
/* Whether two tasks of one stage are part of the same FUSED kernel. */
bool fuse_same(const Tasks *t, int a, int b);
/* Whether a task is elementwise work. */
bool fuse_elementwise(const Tasks *t, int i);
/* Gives every stored result a value and every stage its kernels (lower.c). */
void lower_tasks(Tasks *t, Sched *s);
/* Where task i puts its result: that of Level.home if it computes the one
 * copy which that speaks of. */
Home fuse_home(const Tasks *t, int i);

#endif
