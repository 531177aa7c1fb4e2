/* Values and kernels in the making: shared by value.c and lower.c. */
#ifndef CELLC_LOWER_H
#define CELLC_LOWER_H

#include "fuse.h"

typedef struct Lower {
    Tasks *t;
    const Level *l;
    const Graph *g;
    Sched *s;
    Arena *arena;
    Val *leaf;         /* per node: value of a leaf, -1 */
    Val *own;          /* per root: tensor of its own, -1 */
    const char **name; /* per node: in the source, NULL */
    Stage *stage;      /* where kernels go */
} Lower;

/* Makes the values that every model has, those of slots and of roots. */
void value_begin(Lower *w);
Val value_new(Lower *w, ValueKind kind, Ref ref, int shape, uint8_t axes);
/* A part of `base`; equal parts are made once.  See Value for col and row. */
Val value_view(Lower *w, Val base, int64_t col, int row, int shape,
               uint8_t axes);
/* A vector as a matrix of that shape. */
Val value_spread(Lower *w, Val base, Spread how, int shape);
/* The same rows, those of time axis `from` taken as steps of `to`. */
Val value_along(Lower *w, Val base, int from, int to);
Val value_const(Lower *w, double num);
int value_shape(Lower *w, int rank, const int64_t *dim);
/* Where task i puts its result. */
Val value_task(Lower *w, int i);
/* The value of node r for a user in task i: as it is in memory; or, `scalar`,
 * what is behind an EXPAND. */
Val value_of(Lower *w, int i, Ref r, bool scalar);
/* How long each buffer is needed, from the kernels that use it. */
void value_lives(Lower *w);

#define VALUE(w, i) (&(w)->s->val.v[i])

#endif
