/* The operator table and the rules of the structural operators: what
 * ops.def's rows expand to.  Everything that needs to know an operator's
 * properties asks here. */
#ifndef CELLC_OPS_H
#define CELLC_OPS_H

#include "graph.h"

typedef struct OpRow {
    const char *name;  /* as in IR text and messages */
    int nin;           /* operands, -1: any number */
    bool elementwise;  /* scalar function applied element by element */
    const char *c;     /* elementwise: C text; else NULL */
    const char *d[3];  /* elementwise: derivative text per operand */
    const char *latex; /* {a} {b} {c} stand for the operands */
    const char *doc;   /* structural: what it does */
    int cost;          /* rough FLOPs per element */
    double lo, hi;     /* elementwise: where its derivative is tested */
} OpRow;

extern const OpRow op_row[OP_COUNT];
#define OP_IS_EW(op) (op_row[op].elementwise)
/* Elementwise on one scalar each: the definition that eval, constant folding
 * and the strips must agree with.  x has op_row[op].nin values. */
double op_scalar(Op op, const double *x);
Op op_find(const char *name); /* OP_NONE when unknown */

/* Shape and axes of a node; returns NULL or what is wrong with it. */
const char *op_type(const Graph *g, Op op, int nin, const Ref *in, int a,
                    int b, double num, Shape *shape, int *axes);

#endif
