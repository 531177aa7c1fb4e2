/* How gradients flow through a state, see perturb.c. */
#ifndef CELLC_PERTURB_H
#define CELLC_PERTURB_H

#include "graph.h"

/* The slot of an equation of that name, which may be its shorter one; -1: there
 * is none. */
int flow_slot(const Graph *g, const char *name);
/* `name`: what the state is called in what is added. */
Graph *pass_perturb(const Graph *g, int slot, const char *name);
Graph *pass_direct(const Graph *g, int slot, const char *name);

#endif
