/* Arrays by formula, worked out element by element: `const A[i=1:n, j=1:n] =
 * formula` becomes a table of the graph, behind `param` it is a start. */
#include "elab.h"

#define MAX_TABLE (1 << 26) /* elements; beyond it is a mistake */

/* The size that i = 1:n stands for, NULL while it is unknown. */
const Dim *table_dim(Elab *e, Scope *s, Ast *k)
{
    Ast *range = k->kind == A_KEY ? k->kid : NULL;
    bool good = range && range->kind == A_RANGE;
    Val lo = good ? expr_number(e, s, range->kid, "a range") : val_none();
    const Dim *hi = good ? expr_dim(e, s, range->kid->next) : NULL;
    if (lo.kind == V_TENSOR && hi && lo.num == 1)
        return hi;
    if (e->building && (!good || (lo.kind == V_TENSOR && hi)))
        diag(e->diags, E_TABLE, k->span);
    return NULL;
}

static bool table_type(Elab *e, Scope *s, Ast *subs, Val *v)
{
    *v = val_unknown(0);
    v->rank = 0;
    for (Ast *k = subs->kid; k; k = k->next) {
        const Dim *d = table_dim(e, s, k);
        if (d && v->rank == SHAPE_RANK && e->building)
            diag(e->diags, E_TABLE, k->span);
        if (!d || v->rank == SHAPE_RANK)
            return false;
        v->dim[v->rank++] = d;
    }
    return true;
}

/* A scope in front of s that holds the running indices. */
static Scope *index_scope(Elab *e, Scope *s, Ast *subs, const int64_t *at)
{
    Scope *in = NEW(e->arena, Scope);
    scope_stand(in, s);
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

static bool fill_table(Elab *e, Scope *s, Ast *subs, Ast *rhs, const Val *v,
                       double *out)
{
    int64_t at[SHAPE_RANK] = {1, 1, 1, 1};
    do {
        Scope *in = index_scope(e, s, subs, at);
        Val x = expr_number(e, in, rhs, "an element of an array");
        if (x.kind != V_TENSOR)
            return false;
        *out++ = x.num;
    } while (next_index(v, at));
    return true;
}

bool table_values(Elab *e, Scope *s, Ast *subs, Ast *rhs, const Val *v,
                  double **out)
{
    int64_t size = 1;
    bool open = false;
    *out = NULL;
    for (int i = 0; i < v->rank; i++) {
        open |= dim_value(v->dim[i]) < 0;
        size *= dim_number(v->dim[i]);
        if (size > MAX_TABLE && !open) {
            diag(e->diags, E_TABLE, subs->span);
            return false;
        }
    }
    if (open) /* only checked, never run */
        return true;
    double *to = NEW_N(e->graph->arena, double, size);
    *out = to;
    return fill_table(e, s, subs, rhs, v, to);
}

Val const_table(Elab *e, Name *n)
{
    if (n->state == 2)
        return n->val;
    Val v;
    Ast *subs = ast_find(n->decl, A_SUBS);
    if (!table_type(e, n->from, subs, &v))
        return val_none();
    n->val = v;
    n->typed = true;
    if (!e->building)
        return v;
    Table t = {n->full, val_shape(e, &v), NULL};
    if (!table_values(e, n->from, subs, n->rhs, &v, &t.v))
        return val_none();
    vec_push(e->graph->arena, &e->graph->table, t);
    n->val =
        val_node(e, v, OP_TABLE, 0, NULL, e->graph->table.n - 1, 0, 0, n->span);
    n->state = 2;
    return n->val;
}
