/* grad(e, W): the derivative of a number by a value that it was computed from,
 * inside a step, for cells that learn while they run (inner losses). */
#include "elab.h"
#include "grad.h"

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
    Ref d = grad_step(e->graph, of, by, false);
    if (!d) {
        diag(e->diags, E_GRAD_APART, c->a->span);
        return val_none();
    }
    w.ref = d;
    w.name = NULL;
    return w;
}
