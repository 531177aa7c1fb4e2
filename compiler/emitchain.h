/* Turns of sweeps as programs of the run time's kernel `chain`, which does all
 * steps of a turn at once by products of matrices; between emitturn.c and
 * emitchain.c. */
#ifndef CELLC_EMITCHAIN_H
#define CELLC_EMITCHAIN_H

#include "emitsweep.h"

/* Makes such a program of the turn that `put` was made of into p->chain, and
 * leaves that empty if what is done with the matrices is not linear in them, or
 * they are too small. */
void chain_make(Program *p);
/* Prints the call; whether the kernel did the turn is `done` then. */
void chain_print(Program *p, const char *now, const char *steps);

#endif
