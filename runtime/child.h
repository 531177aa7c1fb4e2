/* Programs of others that are asked for help, such as gnuplot and dot: a text
 * goes into one, what it writes comes out.  They need not be there; who needs
 * one says which Debian package has it. */
#ifndef CELLC_CHILD_H
#define CELLC_CHILD_H

#include <stdio.h>

#include "rterr.h"

/* Whether there is a program of that name on PATH. */
int child_there(const char *program);
/* The same; an error: "WHAT needs the program NAME, which is not there; install
 * it (Debian: PACKAGE)". */
int child_needed(const char *program, const char *package, const char *what,
                 RtError *err);

/* Runs argv[0], found on PATH, with `in` as its standard input and the open
 * file `out` as its standard output; its messages go where ours do.  Error: it
 * is not there, or did not succeed. */
int child_filter(const char *const *argv, const char *in, FILE *out,
                 RtError *err);

#endif
