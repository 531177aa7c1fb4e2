/* Words of the graph's text, shared by graphio.c, which prints it, and
 * graphread.c. */
#ifndef CELLC_GRAPHTEXT_H
#define CELLC_GRAPHTEXT_H

#include "ops.h"

enum { GRAPH_KINDS = 6, GRAPH_ROLES = 10 };

typedef struct GraphRole {
    int role; /* CELL_OUTPUT .. */
    const char *name;
} GraphRole;

extern const char *const graph_kind_name[GRAPH_KINDS]; /* per SlotKind */
/* Sets of axes, by their bits, and time axes by their numbers. */
extern const char *const graph_axes_name[1 << CELL_AXES];
extern const char *const graph_time_name[CELL_TIMES];
extern const GraphRole graph_role_name[GRAPH_ROLES];

void graph_print_shape(Buf *out, const Graph *g, int shape);

/* Whether attributes a and b say that an operand is transposed. */
static inline bool graph_is_product(Op op)
{
    return op == OP_MATVEC || op == OP_MATMUL || op == OP_OUTER;
}

#endif
