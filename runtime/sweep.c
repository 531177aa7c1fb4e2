/* Programs on the lines of matrices (sweep.inc), for every instruction set. */
#include "isa.h"
#include "sweep.h"

enum { DOTS = 8 }; /* of a program whose totals are put off */

#define TEMPLATE "sweep.inc"
#include "each_isa.h"
