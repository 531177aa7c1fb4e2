/* Tasks: what has to be done in which function and region, and what must be
 * done before.  task.c makes them from the levels; sched.c puts them into
 * stages; fuse.c makes kernels of them.  Nobody else sees them. */
#ifndef CELLC_TASK_H
#define CELLC_TASK_H

#include "level.h"

typedef enum TaskKind {
    TK_NODE,  /* computes `node` */
    TK_PACK,  /* packs the matrix `node` for a product; `trans` */
    TK_ROWS,  /* repeats `node` so that it has the axes `axes` */
    TK_SLOT,  /* copies `node` into the buffer of slot `index` */
    TK_BOUND, /* fills the rows of slot `index` before the first step */
    TK_TAIL,  /* fills the rows of slot `index` after each last step */
    TK_ROOT   /* copies `node` to the tensor of root `index`; root -1:
                 clears the gradient of parameter slot `slot` */
} TaskKind;

typedef struct Dep {
    int task;
    bool fusable; /* used element by element, in the same region */
} Dep;

typedef struct Task {
    TaskKind kind;
    int fn;     /* FN_FORWARD, FN_BACKWARD */
    int region; /* loop (component), or -1: whole sequence */
    Ref node;
    int index;    /* see kind */
    int slot;     /* ROOT -1 */
    bool trans;   /* PACK */
    uint8_t axes; /* rows that it computes */
    VEC(Dep) dep;
    VEC(int) user; /* tasks that depend on this one */
    int stage;     /* in its function; -1: not placed yet */
    int place;     /* position in its stage, operands first */
    int depth;     /* kernels before it in its stage */
    bool crosses;  /* needed by another function */
    bool outside;  /* needed after its stage */
    bool stored;   /* needed by another kernel */
    Val val;       /* where its result is; -1: nowhere */
} Task;

typedef struct Tasks {
    Level *l;
    const Graph *g;
    Arena *arena;
    VEC(Task) v;
    int **node_task;          /* [fn * (loops + 1) + region + 1][node]; -1 */
    int *slot_task[FN_COUNT]; /* per slot: task that completes it, -1 */
    int *bound_task;          /* per slot */
    int *tail_task;           /* per slot: the one for the whole sequence */
    int *tail_step;           /* per slot: the one inside its loop */
    bool has_backward;
} Tasks;

Tasks *tasks_build(Level *l);
/* The task that gives computed node r (not a leaf, not a SLICE) to a user in
 * function fn and region; -1 before it exists. */
int tasks_find(const Tasks *t, int fn, int region, Ref r);
/* The TK_PACK or TK_ROWS of `node` that a user in (fn, region) needs. */
int tasks_find_pack(const Tasks *t, int fn, Ref node, bool trans);
int tasks_find_rows(const Tasks *t, int fn, int region, Ref node, uint8_t axes);
/* Whether operand `in` of a row-wise kernel with rows `axes` must be copied
 * first, and the axes of that copy. */
bool tasks_needs_rows(const Tasks *t, int region, Ref in, uint8_t axes,
                      uint8_t *copy);
/* Axes of the rows of a row-wise operator: those of its row operands. */
uint8_t tasks_axes(const Graph *g, Ref r);
/* Whether operand k of r is read row by row. */
bool tasks_rowwise(const Graph *g, Ref r, int k);
/* Whether r is a product of its own in each row. */
bool tasks_small_product(const Graph *g, Ref r);

#endif
