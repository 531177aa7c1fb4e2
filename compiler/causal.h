/* Which values form a loop in time, and in which direction it runs: the
 * strongly connected components of the equations through reads of other
 * steps.  Used by the checker (to blame the user) and by the scheduler. */
#ifndef CELLC_CAUSAL_H
#define CELLC_CAUSAL_H

#include "graph.h"

typedef struct Comp {
    int dir;       /* +1: t = 1..T, -1: t = T..1 */
    int axis;      /* time axis that it sweeps, from 0 */
    VEC(int) slot; /* slots read at another step inside it, ascending */
} Comp;

typedef enum CausalWhy {
    CAUSAL_OK,
    CAUSAL_INSTANT, /* a value depends on itself at the same step */
    CAUSAL_MIXED,   /* reads of earlier and of later steps in one cycle */
    CAUSAL_WHOLE,   /* a value needs its own whole sequence: end, sum[t],
                       or a boundary value that depends on the sequence */
    CAUSAL_AXES     /* one cycle goes through steps of two axes */
} CausalWhy;

/* Slot `slot` uses the next one of the cycle (the last uses the first)
 * `offset` steps away; `span` is that use. */
typedef struct CausalLink {
    int slot, offset;
    Span span;
} CausalLink;

typedef struct CausalError {
    CausalWhy why;
    Ref read;               /* the offending READ or AT; 0: none */
    Span span;              /* where it is written */
    VEC(CausalLink) cycle;  /* one shortest cycle through it */
} CausalError;

typedef struct Causal {
    int *comp;      /* per node: index into v, -1: in no loop */
    VEC(Comp) v;    /* operands before users */
    CausalError error; /* the first; why is CAUSAL_OK when there is none */
} Causal;

/* Components of everything reachable from roots and slots.  READ of offset 0
 * of an equation counts as a same-time use; so does, inside a loop over one
 * axis, a read at other steps of another. */
Causal causal_find(const Graph *g, Arena *a);

#endif
