/* Checking cells on their own: a file of cells only is a library, and each of
 * its cells is elaborated once, applied to inputs as it declares them. */
#ifndef CELLC_PROBE_H
#define CELLC_PROBE_H

#include "ast.h"

/* Text of a small model around the cell, its sizes left open under the names
 * of its arguments, its inputs and its value with a prefix that keeps them
 * apart from what else a file defines; NULL where an argument is itself a cell
 * or a function. */
const char *probe_text(Arena *a, const Ast *cell, const char *prefix);

#endif
