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

/* Does the way lead through a value of whole sequences, such as a mean over
 * their steps?  It owes something to each step that counts, and to no other. */
static bool mixes_steps(const Grad *z, Ref of, Ref by)
{
    int axes = NODE(z->g, of)->axes & GX_TIME;
    for (Ref r = by; r <= of; r++)
        if (z->wants[r] &&
            (axes & ~NODE(z->g, r)->axes || NODE(z->g, r)->op == OP_REVERSE))
            return true;
    return false;
}

/* 1 at the steps that a sequence has along all time axes of `axes`. */
static Ref step_counts(Graph *g, int axes, Span at)
{
    Ref all = graph_const(g, 1);
    for (int i = 0; i < CELL_TIMES; i++) {
        if (!(axes & cell_time(i)))
            continue;
        Ref in[2] = {graph_add(g, OP_TIME, 0, NULL, i, 0, 0, at),
                     graph_add(g, OP_LEN, 0, NULL, i, 0, 0, at)};
        all = graph_op2(g, OP_and, all,
                        graph_add(g, OP_le, 2, in, 0, 0, 0, at));
    }
    return all;
}

Ref grad_step(Graph *g, Ref of, Ref by, bool elementwise)
{
    Grad z = {.g = g, .tmp = arena_new(NULL), .n = g->node.n};
    Ref d = 0;
    z.cot = NEW_N(z.tmp, Cot, z.n);
    z.wants = NEW_N(z.tmp, bool, z.n);
    mark(&z, by, of, elementwise);
    if (z.wants[of]) {
        const Node *n = NODE(g, of);
        cot_add(&z, of,
                mixes_steps(&z, of, by) ? step_counts(g, n->axes, n->span)
                                        : graph_const(g, 1));
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
