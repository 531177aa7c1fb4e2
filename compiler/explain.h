/* What the compiler did to a model, read off its schedule and plan; see
 * explain.c. */
#ifndef CELLC_EXPLAIN_H
#define CELLC_EXPLAIN_H

#include "cellc.h"
#include "plan.h"

typedef VEC(CellcFact) Facts;
typedef VEC(const Stage *) Stages;

/* Everything in the order in which it is told; texts live in `a`.
 * `by_products`: the loops whose turns are printed as products. */
Facts explain_plan(const Plan *p, const Sources *sources,
                   const Stages *by_products, Arena *a);

/* FLOPs of the products that one forward and backward make. */
CellSize explain_products(const Sched *s);

#endif
