/* The kernels that reduce, select and move rows, compiled for every instruction
 * set.  Called by generated code through kernels.c. */
#include "isa.h"

#define TEMPLATE "rows.inc"
#include "each_isa.h"
