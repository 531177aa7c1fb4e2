/* Whether a model is linear in its states; see linear.c. */
#ifndef CELLC_LINEAR_H
#define CELLC_LINEAR_H

#include "causal.h"

/* "yes", "no", "no state", or "partly (c, n)": the names of the states that
 * are, `inner`: without the instance that they are in. */
const char *linear_text(const Graph *g, const Causal *c, bool inner, Arena *a);

#endif
