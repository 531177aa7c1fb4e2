/* The reference interpreter: evaluates equations by demand, in double, with
 * no schedule, no loops and none of the emitters' code, as they were written:
 * before the passes that simplify and merge.  The oracle for both styles, and
 * the back end "eval". */
#ifndef CELLC_EVAL_H
#define CELLC_EVAL_H

#include "plan.h"

/* Makes `d` run by interpretation of g; tensors lie where `p` says, in the
 * precision of d.  Everything lives in `a`. */
void eval_attach(CellDesc *d, const Graph *g, const Plan *p, Arena *a);

#endif
