/* Where every value of a schedule lies: offsets as polynomials in extents,
 * one arena; and the table of tensors that the descriptor shows. */
#ifndef CELLC_PLAN_H
#define CELLC_PLAN_H

#include "sched.h"

typedef enum Space {
    SP_CONST,   /* no memory: the number Loc.num */
    SP_TIME,    /* no memory: t + 1 for step t of its only time axis */
    SP_TABLE,   /* Graph.table[Loc.table].v, `at.c` reals in */
    SP_PARAM,   /* the parameter block */
    SP_GRAD,    /* the gradient block */
    SP_WORK,    /* the work block */
    SP_PREPARED /* an array of its own beside the parameters, `at.c` in */
} Space;

/* Real i of row (t,b), 0-based, is at
 *     axes TB:   at + (t*B + b)*ld + i
 *     axes B:    at + b*ld + i
 *     axes NONE: at + i;  row r of a matrix: at + r*ld + i
 * with at = cell_size(loc.at, n), and with further axes alike: step[a] is the
 * distance of neighbours along the axis of bit a.  n = 1: one real for the
 * whole row.  Steps before 0 and after the last of one axis exist as far as
 * lag and lead say.  In a buffer that holds a chunk of a Group (Value.group)
 * the step 0 is the first one of the chunk. */
typedef struct Loc {
    Space space;
    CellSize at;
    CellSize step[CELL_AXES];
    uint8_t axes; /* GX_NONE, GX_B, GX_TB ... */
    int64_t ld, n;
    int ring, row;             /* ring: step t + row is that modulo `ring` */
    int64_t turn, every, part; /* as in Value, of what it is (a view of) */
    int lag, lead;             /* of what it is (a view of) */
    Spread spread;             /* n is that of the matrix */
    bool chunk;                /* it holds a chunk of a Group alone */
    double num;                /* SP_CONST */
    int table;                 /* SP_TABLE */
} Loc;

typedef struct Plan {
    const Sched *s;
    Loc *loc;               /* per Sched.val */
    CellSize work_size;     /* reals of the work block */
    int64_t param_size;     /* reals of the parameter and gradient blocks */
    int64_t once;           /* as in CellDesc */
    VEC(CellTensor) tensor; /* as in CellDesc; strings live in the arena */
} Plan;

Plan *plan_build(const Sched *s, Arena *a);
/* Reals that a buffer takes. */
CellSize plan_buffer(const Sched *s, const Value *v);
void plan_print(Buf *out, const Plan *p);

#endif
