/* Shared by grad.c (which walks the equations) and vjp.c (which knows the
 * operators): cotangents under construction. */
#ifndef CELLC_GRAD_H
#define CELLC_GRAD_H

#include "graph.h"
#include "ops.h"
#include "template.h"

/* A cotangent that reaches only elements lo..hi-1 of the first dim. */
typedef struct PartCot {
    int lo, hi;
    Ref d;
} PartCot;

typedef struct Cot {
    VEC(Ref) full;     /* contributions to the whole */
    VEC(PartCot) part; /* contributions through SLICE */
} Cot;

typedef struct Grad {
    Graph *g;
    Arena *tmp;
    int n;       /* nodes of the forward graph */
    Cot *cot;    /* per forward node */
    bool *wants; /* per forward node: depends on something differentiated */
    Tpl *tpl[OP_COUNT][3]; /* derivative texts, read on first use */
} Grad;

/* Adds `d` to the cotangent of forward node r, summed over the axes and the
 * shape that r does not have. */
void cot_add(Grad *z, Ref r, Ref d);
/* The whole cotangent of r: sum of the contributions, 0 if there are none. */
Ref cot_total(Grad *z, Ref r);
/* d with all the axes and the shape of `like`. */
Ref cot_full(Grad *z, Ref d, Ref like);
/* Hands the cotangent `d` of forward node r on to its operands. */
void vjp(Grad *z, Ref r, Ref d);
/* gradstep.c: derivative of `of` by `by`, both of the same step, with the shape
 * and axes of `by`; of a vector, of the sum of its elements.  elementwise:
 * along the paths alone whose operators act element by element, so of each
 * element by its own.  0: it does not depend on it. */
Ref grad_step(Graph *g, Ref of, Ref by, bool elementwise);
/* vjpmatrix.c: the part of it that is about matrices. */
void vjp_matrix(Grad *z, Ref r, Ref d);

#endif
