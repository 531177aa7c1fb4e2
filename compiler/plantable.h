/* The descriptor's table of tensors, from the places of a plan. */
#ifndef CELLC_PLANTABLE_H
#define CELLC_PLANTABLE_H

#include "plan.h"

/* Fills p->tensor; p->loc must be complete. */
void plan_tensors(Plan *p, Arena *a);

#endif
