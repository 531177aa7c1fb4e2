/* Arithmetic of a model; see cost.c. */
#ifndef CELLC_COST_H
#define CELLC_COST_H

#include "graph.h"

/* FLOPs for one step of one sequence, everything in the graph. */
double cost_per_step(const Graph *g, Arena *tmp);

#endif
