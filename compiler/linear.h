/* Whether a model is linear in its states; see linear.c. */
#ifndef CELLC_LINEAR_H
#define CELLC_LINEAR_H

#include "causal.h"

/* "yes", "no", "no state", or "partly (c, n)": the names of the states that
 * are; `prefix` is left out of them. */
const char *linear_text(const Graph *g, const Causal *c, const char *prefix,
                        Arena *a);

#endif
