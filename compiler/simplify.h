/* Between simplify.c, which walks the graph, and simpmatrix.c and simpsum.c,
 * which know the forms that matrices and sums may have. */
#ifndef CELLC_SIMPLIFY_H
#define CELLC_SIMPLIFY_H

#include "graph.h"

typedef struct Simplify Simplify;

/* A node in its simplest form. */
Ref simplify_add(Simplify *s, Graph *g, Op op, int nin, const Ref *in, int a,
                 int b, Span span);
/* That form of a product, element by element too, transpose, view or sum, or 0
 * if it is as simple as can be. */
Ref simplify_matrix(Simplify *s, Graph *g, Op op, const Ref *in, int a, int b,
                    Span span);
/* Whether differentiation is done. */
bool simplify_plain(const Simplify *s);
/* A row that several numbers scale, one after another, by all of them at once;
 * 0: r is none. */
Ref simplify_scaled(Simplify *s, Graph *g, Ref r, Span span);
/* The sum of r by SUMA or POOL, with `a` and `b`, where part of it can be left
 * for what is summed, else 0 (simpsum.c). */
Ref simplify_sum(Simplify *s, Graph *g, Op op, Ref r, int a, int b, Span span);
/* Whether r is the same for all sequences of a step (simpsum.c). */
bool simplify_same_in_step(const Graph *g, Ref r);
/* Whether r is the number v everywhere. */
bool simplify_fill(const Graph *g, Ref r, double v);

#endif
