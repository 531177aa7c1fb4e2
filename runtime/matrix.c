/* Kernels on the matrices that a row holds (matrix.inc), for every instruction
 * set. */
#include "isa.h"

enum {
    MOST_PLACES = 1024, /* that are looked up in all rows alike */
    FEW_RUNS = 8        /* of them, that are compared with one another */
};

#define TEMPLATE "matrix.inc"
#include "each_isa.h"
