/* The derivative inside of a step: of a value by another one of the same step
 * that it was computed from.  The same vector-Jacobian products as for
 * training, on the part of the graph between the two; what they make is
 * differentiated later like all else.  For grad(e, W) of the language
 * (elabgrad.c) and for direct paths (perturb.c). */
#include "grad.h"

/* Whether element i of what r gives depends on elements i alone. */
static bool element_by_element(const Node *n)
{
    return OP_IS_EW(n->op) || n->op == OP_OWN;
}

/* What lies between: operands come before their users. */
static void mark(Grad *z, Ref from, Ref to, bool elementwise)
{
    z->wants[from] = true;
    for (Ref r = from + 1; r <= to; r++) {
        if (elementwise && !element_by_element(NODE(z->g, r)))
            continue;
        for (int i = 0; i < NODE(z->g, r)->nin && !z->wants[r]; i++)
            z->wants[r] = z->wants[IN(z->g, r, i)];
    }
}

Ref grad_step(Graph *g, Ref of, Ref by, bool elementwise)
{
    Grad z = {.g = g, .tmp = arena_new(NULL), .n = g->node.n};
    Ref d = 0;
    z.cot = NEW_N(z.tmp, Cot, z.n);
    z.wants = NEW_N(z.tmp, bool, z.n);
    mark(&z, by, of, elementwise);
    if (z.wants[of]) {
        cot_add(&z, of, graph_const(g, 1));
        for (Ref r = of; r > by; r--) {
            d = z.wants[r] ? cot_total(&z, r) : 0;
            if (d)
                vjp(&z, r, OP_IS_EW(NODE(g, r)->op) ? d : cot_full(&z, d, r));
        }
        d = cot_total(&z, by);
        d = d ? cot_full(&z, d, by) : 0;
    }
    arena_free(z.tmp);
    return d;
}
