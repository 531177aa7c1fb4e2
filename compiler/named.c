/* For people: a graph in which every equation keeps its name, also where
 * nothing reads it at another step.  Called by latex.c and dot.c. */
#include <string.h>

#include "graph.h"

Graph *pass_named(const Graph *from)
{
    Graph g = *from; /* with roots of its own */
    memset(&g.root, 0, sizeof g.root);
    for (int i = 0; i < from->root.n; i++)
        vec_push(g.arena, &g.root, from->root.v[i]);
    for (int i = 0; i < g.slot.n; i++) {
        const Slot *s = SLOT(&g, i);
        Root keep = {CELL_OUTPUT, s->name, s->root, i, ROOT_VALUE, 0, -1, NULL};
        if (s->kind == SLOT_EQN && s->root)
            vec_push(g.arena, &g.root, keep);
    }
    return pass_final(&g);
}
