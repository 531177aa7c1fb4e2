/* A model as a drawing, in the language of Graphviz; see dot.c. */
#ifndef CELLC_DOT_H
#define CELLC_DOT_H

#include "graph.h"

/* `g` as elaborated; equations are labelled with their lines of `s`. */
void dot_print(Buf *out, const Graph *g, const Sources *s);

#endif
