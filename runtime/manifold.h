/* Parameters whose elements depend on each other: rows that are positive and
 * sum to 1 (in simplex), square matrices with A' = -A (in skew).  Files and
 * gradients hold such values; the optimiser moves free ones: logarithms of the
 * rows, or S of A = S - S'. */
#ifndef MANIFOLD_H
#define MANIFOLD_H

#include "cellrt.h"

/* Whether w[model_size(t)] lies there, roughly. */
int manifold_holds(const CellTensor *t, const double *w);
/* Value to free value, with its gradient; and back.  Anything is a free value;
 * without one of the two flags nothing happens. */
void manifold_free(const CellTensor *t, double *w, double *g);
void manifold_value(const CellTensor *t, double *w);

#endif
