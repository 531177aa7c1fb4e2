/* What the scheduler decides about nodes before it makes tasks of them: which
 * function computes them, at which level, what backward saves or recomputes,
 * and where a value has its place.  Used by level.c, sched.c and fuse.c. */
#ifndef CELLC_LEVEL_H
#define CELLC_LEVEL_H

#include "sched.h"

/* Where the one stored copy of a node lies. */
typedef enum HomeKind {
    HOME_OWN,  /* a buffer of its own */
    HOME_SLOT, /* that of slot `index` */
    HOME_ROOT, /* the tensor of root `index` */
    HOME_PART, /* inside the CONCAT node `index`, from element `col` */
    HOME_GRAD  /* the gradient block, from parameter slot `index` on */
} HomeKind;

typedef struct Home {
    HomeKind kind;
    int index;
    int64_t col;
} Home;

enum { MARK_NONE, MARK_FORWARD, MARK_BACKWARD };

/* All element-wise work on so many reals takes them for lines of this length,
 * so that any of it can be fused. */
typedef struct Lines {
    int64_t size, length;
} Lines;

typedef struct Level {
    const Graph *g;
    Arena *arena;
    Causal causal;
    Order order;
    int *rank;          /* per node: index in order, -1 unused */
    uint8_t *mark;      /* per node: the function that computes it */
    uint8_t *slot_mark; /* per slot */
    bool *whole_slot;   /* per slot: kept for all steps, in a buffer */
    int *lag, *lead;    /* per slot */
    bool *needed;       /* per node: forward's, used by backward */
    bool *tape;         /* per node: forward keeps it for backward */
    bool *again;        /* per node: backward computes it once more */
    int *sunk;          /* per node: the loop that it moves into; -1 */
    Home *home;         /* per node */
    bool *alike;        /* per node: the same for all sequences */
    Ref *pooled;        /* per node: its sum in each step, alike, or 0 */
    VEC(Ref) pool;      /* those sums */
    int *users;         /* per node: nodes that read it, 2 if others do */
    int64_t *param_at;  /* per slot: place in the parameter block */
    int64_t param_size;
    VEC(Lines) lines; /* of matrices beside which vectors are spread */
} Level;

Level *level_build(const Graph *g, Arena *a);

/* The node whose value r has: behind RESHAPE, OWN, stopgrad and READ of an
 * equation at the same step; level_scalar also behind EXPAND, for users that
 * repeat a scalar themselves. */
Ref level_strip(const Graph *g, Ref r);
Ref level_scalar(const Graph *g, Ref r);
/* Finds the lines of that field (spread.c), as what follows does. */
void level_find_lines(Level *l);
/* Element by element: by its operator, or the product of a column and a row. */
bool level_elementwise(const Level *l, Ref r);
/* Where such work finds its operand k: level_scalar, or the vector behind a
 * VIEW that `how` says the effect of. */
Ref level_operand(const Level *l, Ref r, int k, Spread *how);
/* The length of a line in a row of r where something is spread there, else 0.
 */
int64_t level_line(const Level *l, Ref r);
/* Finds what is alike for all sequences (sums.c).  The axes of the rows that r
 * is computed in: those of the node, or without that of the sequences. */
void level_find_alike(Level *l);
uint8_t level_axes(const Level *l, Ref r);
/* What SUMA r adds up. */
Ref level_summed(const Level *l, Ref r);
/* The same where nobody else needs it, taken apart: one or two factors of each
 * row, and which rows count, 0: all.  Gives the number of factors; 0: it adds
 * up what there is. */
enum { SUMMED_MOST = 2 };
int level_summed_parts(const Level *l, Ref r, Ref factor[SUMMED_MOST],
                       Ref *where);
/* No work: parameters, reads, numbers, and CONCAT of parameters that are
 * neighbours in their block. */
bool level_leaf(const Level *l, Ref r);
/* The loop that computes r in its own function; -1: none. */
int level_loop(const Level *l, Ref r);
/* The loop that fills the buffer of computed slot i; -1: none. */
int level_slot_loop(const Level *l, int i);
/* The bit of the axis that a loop sweeps. */
static inline int level_bit(const Level *l, int loop)
{
    return cell_time(l->causal.v.v[loop].axis);
}
/* Axes of the tensor of root i: the gradient of an input has those of the
 * input. */
uint8_t level_root_axes(const Graph *g, int i);
/* Whether the value of root i lies where the root wants it, without a copy. */
bool level_root_direct(const Level *l, int i);
static inline bool slot_computed(const Slot *s)
{
    return s->kind == SLOT_EQN || s->kind == SLOT_COT;
}

#endif
