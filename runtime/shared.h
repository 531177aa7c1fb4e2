/* The kernels for a JIT, with products that divide their work among the pool
 * that their thread uses. */
#ifndef CELLC_SHARED_H
#define CELLC_SHARED_H

#include "kernels.h"

/* The symbols of rt_symbols, shared. */
const RtSymbol *rt_shared_symbols(int *count);

#endif
