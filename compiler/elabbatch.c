/* Statistics of the batch in the elaboration: mean[batch](e) at each step,
 * mean[t, batch](e) over all steps of all sequences, where padding never
 * counts; and parameters that follow them, `with next = e`. */
#include <string.h>

#include "elab.h"

bool over_batch_named(const Ast *subs)
{
    for (const Ast *k = subs ? subs->kid : NULL; k; k = k->next)
        if (k->kind == A_NAME && !strcmp(k->name, "batch"))
            return true;
    return false;
}

bool over_batch_takes(const char *fn)
{
    return !strcmp(fn, "sum") || !strcmp(fn, "mean");
}

/* Time axes in the brackets, as bits; *ok is false after an error. */
static uint32_t named_axes(Call *c, const Val *v, bool *ok)
{
    Elab *e = c->e;
    uint32_t axes = 0;
    for (Ast *k = c->subs->kid; k; k = k->next) {
        if (k->kind == A_NAME && !strcmp(k->name, "batch"))
            continue;
        int axis = k->kind == A_NAME ? axis_of(e, c->s, k->name) : -1;
        bool varies = axis >= 0 && v->axes >> axis & 1;
        if (varies)
            axes |= 1u << axis;
        else if (e->building) {
            diag(e->diags, axis < 0 ? E_AXIS_NAME : E_NO_AXIS,
                 axis < 0 ? k->span : c->at[0], k->name, val_text(e, v));
            *ok = false;
        }
    }
    return axes;
}

/* 1 at the steps of each sequence; without steps, where it has any. */
static Val counted(Elab *e, uint32_t axes, Span at)
{
    Val some[2] = {val_length(e, 0, at), val_num(e, 1)};
    Val all = val_none();
    for (int i = 0; i < e->axis.n; i++) {
        if (!(axes >> i & 1))
            continue;
        Val pair[2] = {all, val_valid(e, i, at)};
        all =
            all.kind == V_NONE ? pair[1] : val_op(e, OP_and, 2, pair, at, NULL);
    }
    return all.kind == V_NONE ? val_op(e, OP_ge, 2, some, at, NULL) : all;
}

/* The sum over the sequences and the axes `over`, in every row of the steps
 * that are left; one value where none are. */
static Val pooled(Elab *e, Val v, uint32_t over, Span at)
{
    uint32_t left = v.axes & ~over & ~AXIS_B;
    v.set = NULL;
    if (over && left) {
        Val sum = v, gone = v;
        Ref in = v.ref;
        sum.axes &= ~over;
        gone.axes = over;
        v = val_node(e, sum, OP_SUMA, 1, &in, val_axes(&gone) & GX_TIME, 0, 0,
                     at);
    }
    Ref in = v.ref;
    int rows = val_axes(&v);
    v.axes = left ? v.axes : 0;
    return val_node(e, v, OP_POOL, 1, &in, left ? CELL_B : rows, rows, 0, at);
}

Val over_batch(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0];
    Span at = c->a->span;
    bool ok = true;
    if (v.kind != V_TENSOR)
        return v;
    uint32_t over = named_axes(c, &v, &ok);
    if (ok && !(v.axes & AXIS_B) && e->building) {
        diag(e->diags, E_NO_AXIS, c->at[0], "the batch", val_text(e, &v));
        ok = false;
    }
    if (!ok)
        return val_none();
    if (!e->building) {
        v.axes &= ~over;
        v.axes = v.axes & ~AXIS_B ? v.axes : 0;
        v.set = NULL;
        v.constant = false;
        return v;
    }
    Val mask = counted(e, v.axes, at);
    Val x[3] = {mask, v, val_num(e, 0)};
    Val sum = pooled(e, val_op(e, OP_select, 3, x, at, NULL), over, at);
    if (strcmp(c->name, "mean"))
        return sum;
    Val least[2] = {pooled(e, mask, over, at), val_num(e, 1)};
    Val by[2] = {sum, val_op(e, OP_max, 2, least, at, NULL)};
    return val_op(e, OP_div, 2, by, at, NULL);
}

Ast *next_value(const Name *n)
{
    Ast *with = n->kind == N_PARAM ? ast_find(n->stmt, A_WITH) : NULL;
    for (Ast *k = with ? with->kid : NULL; k; k = k->next)
        if (!strcmp(k->name, "next"))
            return k->kid;
    return NULL;
}

static bool fits_param(Elab *e, const Name *n, const Val *v, Span at)
{
    if (v->kind != V_TENSOR) {
        if (v->kind != V_NONE)
            diag(e->diags, E_NOT_VALUE, at, val_text(e, v));
        return false;
    }
    if (v->axes) {
        diag(e->diags, E_NEXT_VARIES, at, n->name,
             v->axes & ~AXIS_B ? "step by step" : "with the sequence");
        diag_help(e->diags, "reduce it, e.g. mean[%sbatch](...)",
                  v->axes & ~AXIS_B ? "t, " : "");
        return false;
    }
    bool same = !v->rank || v->rank == n->val.rank;
    for (int i = 0; same && i < v->rank; i++)
        same = same_dim(e, v->dim[i], n->val.dim[i]);
    same = same && (n->val.complex || !v->complex);
    if (!same)
        diag(e->diags, E_NEXT_SHAPE, at, n->name, val_text(e, &n->val),
             val_text(e, v));
    return same;
}

static void next_root(Elab *e, int slot, Val v, Span at)
{
    Graph *g = e->graph;
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role == CELL_NEXT && g->root.v[i].slot == slot) {
            diag(e->diags, E_NEXT_TWICE, at, SLOT(g, slot)->name);
            return;
        }
    const char *name = arena_printf(e->arena, "next.%s", SLOT(g, slot)->name);
    Ref value = graph_expand(g, val_ref(e, &v, at), SLOT(g, slot)->shape);
    Root r = {CELL_NEXT, name, value, slot, NULL, 0, -1, NULL};
    vec_push(e->arena, &g->root, r);
}

/* The call gives it a value: W = E. */
static bool tied(Elab *e, const Name *n)
{
    App *at = NULL;
    const Over *o = n->scope->app
                        ? over_find(e, n->scope->app, n, OVER_VALUE, 0, &at)
                        : NULL;
    return o && o->word == WORD_NAME;
}

/* Always read, for its mistakes; computed only where there are updates. */
void next_roots(Elab *e)
{
    int before = e->graph->root.n;
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *n = e->scope.v[i]->order.v[k];
            Ast *next = next_value(n);
            if (!next || tied(e, n) || !declare(e, n))
                continue;
            n->used = true;
            Val v = expr(e, n->scope, next);
            if (!fits_param(e, n, &v, next->span))
                continue;
            for (int p = 0; p < 1 + n->val.complex; p++)
                next_root(e, slot_part(n, p), val_part(e, &v, p), next->span);
        }
    if (!e->training)
        e->graph->root.n = before;
}
