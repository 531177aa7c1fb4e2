/* The flag --expect of the verbs that report figures: 'NAME >= X', a check
 * that makes the program fail where the figure falls short. */
#ifndef CELLC_EXPECT_H
#define CELLC_EXPECT_H

#include "flags.h"

#include <stdio.h>

/* The figure of that name: 1, and *value; 0: there is none, told by the
 * finder. */
typedef int ExpectFind(void *user, const char *name, double *value);

/* Whether all of them can be read, and with a finder whether it knows their
 * names; to be asked before the work.  0 or EXIT_USAGE. */
int expect_check(const Flags *f, ExpectFind *find, void *user);
/* Looks at all of them: a line each, "NAME VALUE (wanted >= X)".  0, EXIT_SHORT
 * where one falls short, EXIT_USAGE where a name is not known. */
int expect_all(const Flags *f, ExpectFind *find, void *user, FILE *to);

#endif
