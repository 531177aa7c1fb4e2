/* What the compiler did to a model, read off its schedule and plan; see
 * explain.c. */
#ifndef CELLC_EXPLAIN_H
#define CELLC_EXPLAIN_H

#include "plan.h"

/* FLOPs of the products that one forward and backward make. */
CellSize explain_products(const Sched *s);

#endif
