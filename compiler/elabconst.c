/* Constants of the elaboration: `const A[i=1:n, j=1:n] = formula` is worked
 * out element by element and becomes a table of the graph. */
#include <string.h>

#include "elab.h"

#define MAX_TABLE (1 << 26) /* elements; beyond it is a mistake */

/* Extents of the table from its ranges, which start at 1. */
static bool table_type(Elab *e, Scope *s, Ast *subs, Val *v)
{
    *v = val_unknown(0);
    v->rank = 0;
    for (Ast *k = subs->kid; k; k = k->next) {
        Ast *range = k->kind == A_KEY ? k->kid : NULL;
        bool good = range && range->kind == A_RANGE && v->rank < SHAPE_RANK;
        Val lo = good ? expr_number(e, s, range->kid, "a range") : val_none();
        const Dim *hi = good ? expr_dim(e, s, range->kid->next) : NULL;
        if (lo.kind != V_TENSOR || !hi || lo.num != 1) {
            if (e->building && (!good || (lo.kind == V_TENSOR && hi)))
                diag(e->diags, E_TABLE, k->span);
            return false;
        }
        v->dim[v->rank++] = hi;
    }
    return true;
}

/* A scope in front of s that holds the running indices. */
static Scope *index_scope(Elab *e, Scope *s, Ast *subs, const int64_t *at)
{
    Scope *in = NEW(e->arena, Scope);
    *in = *s;
    in->names = NULL;
    memset(&in->order, 0, sizeof in->order);
    in->up = s;
    int i = 0;
    for (Ast *k = subs->kid; k; k = k->next, i++)
        scope_bind(e, in, k->name, val_num(e, (double)at[i]), k->span);
    return in;
}

static bool next_index(const Val *v, int64_t *at)
{
    for (int i = v->rank - 1; i >= 0; i--) {
        if (at[i]++ < dim_number(v->dim[i]))
            return true;
        at[i] = 1;
    }
    return false;
}

static bool fill_table(Elab *e, Name *n, const Val *v, double *out)
{
    Ast *subs = ast_find(n->decl, A_SUBS);
    int64_t at[SHAPE_RANK] = {1, 1, 1, 1};
    do {
        Scope *in = index_scope(e, n->from, subs, at);
        Val x = expr_number(e, in, n->rhs, "an element of a constant");
        if (x.kind != V_TENSOR)
            return false;
        *out++ = x.num;
    } while (next_index(v, at));
    return true;
}

Val const_table(Elab *e, Name *n)
{
    if (n->state == 2)
        return n->val;
    Val v;
    if (!table_type(e, n->from, ast_find(n->decl, A_SUBS), &v))
        return val_none();
    n->val = v;
    n->typed = true;
    if (!e->building)
        return v;
    int64_t size = 1;
    bool open = false;
    for (int i = 0; i < v.rank; i++) {
        open |= dim_value(v.dim[i]) < 0;
        size *= dim_number(v.dim[i]);
        if (size > MAX_TABLE && !open) {
            diag(e->diags, E_TABLE, n->span);
            return val_none();
        }
    }
    Table t = {n->full, val_shape(e, &v), NULL};
    if (!open) { /* else it is only checked, never run */
        t.v = NEW_N(e->arena, double, size);
        if (!fill_table(e, n, &v, t.v))
            return val_none();
    }
    vec_push(e->graph->arena, &e->graph->table, t);
    n->val =
        val_node(e, v, OP_TABLE, 0, NULL, e->graph->table.n - 1, 0, 0, n->span);
    n->state = 2;
    return n->val;
}
