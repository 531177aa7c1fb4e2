/* The element-wise kernels of strips.def: one loop each, compiled for every
 * instruction set, and one driver that walks rows and spreads repeated
 * numbers.  Called by generated code through kernels.c. */
#include "isa.h"

#define TEMPLATE "strips.inc"
#include "each_isa.h"
