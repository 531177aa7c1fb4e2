/* Inside of the interpreter, shared by eval.c (values over time) and evalop.c
 * (the structural operators on one row). */
#ifndef CELLC_EVALINT_H
#define CELLC_EVALINT_H

#include "eval.h"
#include "ops.h"

/* 0-based steps along all time axes. */
typedef struct Step {
    int64_t t[CELL_TIMES];
} Step;

typedef struct Eval {
    const Graph *g;
    const Plan *plan;
    const Causal *causal;
    const CellDesc *d;
    Arena *tmp;
    const int64_t *n; /* extents, as CellFn has them */
    const void *params;
    void *work;
    double **val; /* per node: [U][T][B][n] of its axes; NULL: not yet */
    char **done;  /* per node and step */
    double *len[CELL_TIMES]; /* [B] */
    bool start;
    bool narrow;                    /* every value is rounded to a float */
    const CellTensor **slot_tensor; /* per slot: where it lies in work */
    const CellTensor **total;       /* per root: TOTAL of that TERM */
} Eval;

/* Starts an evaluation; the caller frees e->tmp.  Then all of fn: 0 forward, 1
 * the gradients. */
void eval_begin(Eval *e, const CellDesc *d, const void *params, void *work,
                const int64_t *n);
void eval_all(Eval *e, int fn, void *grads);

int64_t eval_width(const Eval *e, Ref r); /* reals in a row */
/* The row of node r at step t for sequence b; r must have been demanded. */
const double *eval_row(const Eval *e, Ref r, Step t, int64_t b);
void eval_demand(Eval *e, Ref r, Step t);
/* Row of slot `s` at step t, which may lie outside of the sequence along the
 * slot's own axis: bounds and carried rows included. */
const double *eval_slot_row(Eval *e, int s, Step t, int64_t b);
/* The node that gives that row; 0: none, it is the caller's, or zeros. */
Ref eval_slot_node(const Eval *e, int s, Step t, int64_t b);
/* Structural operators whose operands stand in the same row. */
void eval_structural(Eval *e, Ref r, Step t, int64_t b, double *out);
/* Those on matrices, evalmatrix.c: adds to `out`. */
void eval_matrix(Eval *e, Ref r, Step t, int64_t b, double *out);
/* SUMA, MAXA, MINA, OUTER, SCATTER: over all rows of their operands. */
void eval_over_rows(Eval *e, Ref r, Step t, double *out);
/* The steps after *t among those of the time axes `axes`, from 0 on; false
 * behind the last. */
bool eval_next(const Eval *e, int axes, Step *t);

#endif
