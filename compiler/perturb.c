/* What shows how gradients flow through a state (the verb gradflow).
 * pass_perturb: an input "perturb.NAME" is added to the state at every step, so
 *   that its gradient is the one by the state at that step, along all paths.
 * pass_direct: an output "direct.NAME", the derivative of NAME by its own value
 *   one step before along the paths that pass element by element, such as the
 *   forget gate of an LSTM's c (Gers, Schmidhuber, Cummins 2000).
 * needs: a graph as elaborated.  keeps: all that was there. */
#include "perturb.h"

#include <string.h>

#include "grad.h"

static Ref identity(void *ctx, Graph *to, const Graph *from, Ref r,
                    const Ref *in)
{
    (void)ctx;
    return graph_copy(to, from, r, in);
}

int flow_slot(const Graph *g, const char *name)
{
    for (int i = 0; i < g->slot.n; i++) {
        const Slot *s = SLOT(g, i);
        if (s->kind == SLOT_EQN && s->root &&
            (!strcmp(s->name, name) || (s->alias && !strcmp(s->alias, name))))
            return i;
    }
    return -1;
}

typedef struct Perturb {
    Ref root;  /* what the state is ... */
    int input; /* ... and what is added to it */
} Perturb;

static Ref add_input(void *ctx, Graph *to, const Graph *from, Ref r,
                     const Ref *in)
{
    const Perturb *p = ctx;
    Ref same = graph_copy(to, from, r, in);
    return r == p->root
               ? graph_op2(to, OP_add, same, graph_read(to, p->input, 0))
               : same;
}

Graph *pass_perturb(const Graph *from, int slot, const char *name)
{
    Graph *g = graph_map(from, identity, NULL);
    const Slot s = *SLOT(g, slot);
    Perturb p = {s.root, graph_slot(g, SLOT_INPUT,
                                    arena_printf(g->arena, "perturb.%s", name),
                                    s.shape, s.axes)};
    SLOT(g, p.input)->axis = s.axis;
    return graph_map(g, add_input, &p);
}

/* The slot read one step before, or one after where it is swept backward. */
static Ref step_before(const Graph *g, int slot)
{
    Ref found = 0;
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        if (n->op == OP_READ && n->a == slot &&
            (n->b == -1 || (n->b == 1 && !found)))
            found = r;
    }
    return found;
}

Graph *pass_direct(const Graph *from, int slot, const char *name)
{
    Graph *g = graph_map(from, identity, NULL);
    const Slot s = *SLOT(g, slot);
    Ref before = step_before(g, slot);
    Ref d = before && before < s.root ? grad_step(g, s.root, before, true) : 0;
    if (!d)
        return g;
    Root r = {CELL_OUTPUT, arena_printf(g->arena, "direct.%s", name),
              d,           -1,
              NULL,        0,
              -1,          NULL};
    vec_push(g->arena, &g->root, r);
    return graph_map(g, identity, NULL);
}
