/* grad(e, W): the derivative of a number by a value that it was computed from,
 * inside a step, for cells that learn while they run (inner losses).  The same
 * vector-Jacobian products as for training, on the part of the graph between
 * the two; what they make is differentiated later like all else. */
#include "elab.h"
#include "grad.h"

/* What lies between: operands come before their users. */
static void mark(Grad *z, Ref from, Ref to)
{
    z->wants[from] = true;
    for (Ref r = from + 1; r <= to; r++)
        for (int i = 0; i < NODE(z->g, r)->nin && !z->wants[r]; i++)
            z->wants[r] = z->wants[IN(z->g, r, i)];
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

static Ref derivative(Elab *e, Ref of, Ref by)
{
    Grad z = {.g = e->graph, .tmp = arena_new(NULL), .n = e->graph->node.n};
    z.cot = NEW_N(z.tmp, Cot, z.n);
    z.wants = NEW_N(z.tmp, bool, z.n);
    mark(&z, by, of);
    Ref d = 0;
    if (z.wants[of]) {
        cot_add(&z, of,
                mixes_steps(&z, of, by) ? step_within(e, NODE(z.g, of)->axes)
                                        : graph_const(e->graph, 1));
        for (Ref r = of; r > by; r--) {
            d = z.wants[r] ? cot_total(&z, r) : 0;
            if (d)
                vjp(&z, r, OP_IS_EW(NODE(z.g, r)->op) ? d : cot_full(&z, d, r));
        }
        d = cot_total(&z, by);
        d = d ? cot_full(&z, d, by) : 0;
    }
    arena_free(z.tmp);
    return d;
}

Val fn_grad(Call *c)
{
    Elab *e = c->e;
    Val x = c->x[0], w = c->x[1];
    if (x.kind != V_TENSOR || w.kind != V_TENSOR || x.complex || w.complex ||
        (x.rank && x.rank != RANK_UNKNOWN)) {
        if (e->building && x.kind != V_NONE && w.kind != V_NONE)
            diag(e->diags, E_GRAD, c->at[0], val_text(e, &x));
        return val_none();
    }
    w.axes |= x.axes;
    w.constant = false;
    w.size = NULL;
    w.set = NULL;
    if (!e->building)
        return w;
    Ref of = val_ref(e, &x, c->at[0]), by = val_ref(e, &w, c->at[1]);
    if (NODE(e->graph, of)->axes & ~NODE(e->graph, by)->axes) {
        diag(e->diags, E_GRAD_AXES, c->at[1]);
        return val_none();
    }
    Ref d = derivative(e, of, by);
    if (!d) {
        diag(e->diags, E_GRAD_APART, c->a->span);
        return val_none();
    }
    w.ref = d;
    w.name = NULL;
    return w;
}
