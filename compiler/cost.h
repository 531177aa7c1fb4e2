/* Arithmetic of a model; see cost.c. */
#ifndef CELLC_COST_H
#define CELLC_COST_H

#include "graph.h"

/* FLOPs for one step of one sequence, everything in the graph. */
double cost_per_step(const Graph *g, Arena *tmp);
/* FLOPs of what is computed once, whatever the steps and sequences. */
double cost_once(const Graph *g, Arena *tmp);
/* FLOPs of all products of matrices and vectors: twice the entries of the
 * matrix for each row.  A look-up costs none. */
CellSize cost_products(const Graph *g, Arena *tmp);

#endif
