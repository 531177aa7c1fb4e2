/* Programs on the lines of matrices (sweep.inc), for every instruction set. */
#include "isa.h"
#include "sweep.h"

#define WAITING SWEEP_BATCH
#define WAITING_LONG 0
#define TEMPLATE "sweep.inc"
#include "each_isa.h"
