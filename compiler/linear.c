/* Which states a model is linear in: those whose way back to themselves meets
 * no other than linear operations, products with what does not depend on them
 * included.  Every node of a loop lies on such a way, so a loop is linear where
 * none of its nodes bends one operand of the loop or multiplies two.  Asked by
 * cellclib.c about the library's cells. */
#include "linear.h"

#include <string.h>

static bool bends(const Graph *g, const Causal *c, Ref r)
{
    const Node *n = NODE(g, r);
    bool in[3] = {false, false, false}, any = false;
    for (int i = 0; i < n->nin; i++) {
        bool inside = c->comp[IN(g, r, i)] == c->comp[r];
        any |= inside;
        if (i < 3)
            in[i] = inside;
    }
    switch (n->op) {
    case OP_neg:
    case OP_add:
    case OP_sub:
    case OP_stopgrad:
    case OP_READ:
    case OP_OWN: /* its value is an operand like any other */
    case OP_EXPAND:
    case OP_SUM:
    case OP_SUMA:
    case OP_POOL:
    case OP_TRANSPOSE:
    case OP_CUMSUM:
    case OP_VIEW:
    case OP_FOLD:
    case OP_CONCAT:
    case OP_SLICE:
    case OP_PAD:
    case OP_RESHAPE:
        return false;
    case OP_mul:
    case OP_fma:
    case OP_MATVEC:
    case OP_MATMUL:
    case OP_OUTER:
        return in[0] && in[1];
    case OP_div:
    case OP_PICK:
    case OP_PLACE:
    case OP_GATHER:
    case OP_SCATTER:
    case OP_TAKE:
    case OP_PUT:
        return in[1];
    case OP_SOLVE:
    case OP_select:
        return in[0];
    default:
        return any;
    }
}

const char *linear_text(const Graph *g, const Causal *c, bool inner, Arena *a)
{
    bool *bent = NEW_N(a, bool, c->v.n + 1);
    int linear = 0;
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        if (c->comp[r] >= 0)
            bent[c->comp[r]] |= bends(g, c, r);
    for (int k = 0; k < c->v.n; k++)
        linear += !bent[k];
    if (!c->v.n)
        return "no state";
    if (linear == 0 || linear == c->v.n)
        return linear ? "yes" : "no";
    Buf b;
    buf_init(&b, a);
    for (int k = 0; k < c->v.n; k++)
        for (int i = 0; i < c->v.v[k].slot.n && !bent[k]; i++) {
            const char *name = SLOT(g, c->v.v[k].slot.v[i])->name;
            const char *dot = inner ? strchr(name, '.') : NULL;
            buf_printf(&b, "%s%s", b.n ? ", " : "partly (",
                       dot ? dot + 1 : name);
        }
    buf_puts(&b, ")");
    return b.s;
}
