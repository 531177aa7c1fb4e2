/* Kernels on the matrices that a row holds (matrix.inc), for every instruction
 * set. */
#include "isa.h"

#define TEMPLATE "matrix.inc"
#include "each_isa.h"
