/* Arithmetic of a model: floating-point operations for one step of one
 * sequence, by the operator table's costs, for `info`; and those of its
 * products alone, which bound its speed, for `bench` and `explain`. */
#include "cost.h"

#include <math.h>

#include "ops.h"

/* How many products are added for an element of a product of matrices. */
static int64_t summed(const Graph *g, Ref r)
{
    const Shape *x = SHAPE(g, NODE(g, IN(g, r, 0))->shape);
    return x->rank < 2 ? 1 : x->dim[x->rank - (NODE(g, r)->a ? 2 : 1)];
}

static double node_cost(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    double size = (double)shape_size(g, n->shape);
    double in = n->nin ? (double)shape_size(g, NODE(g, IN(g, r, 0))->shape) : 0;
    switch (n->op) {
    case OP_MATVEC:
        return 2 * in;
    case OP_OUTER:
    case OP_MATMUL:
        return 2 * size * (double)summed(g, r);
    case OP_EXPM: /* 16 terms and about 4 squarings */
        return 2 * 20 * size * sqrt(size);
    case OP_SOLVE:
        return 2 * in * (sqrt(in) / 3 + size / sqrt(in));
    case OP_VIEW:
        return 0;
    case OP_FOLD:
    case OP_CUMSUM:
    case OP_SUM:
    case OP_MAXV:
    case OP_MINV:
    case OP_ARGMAX:
        return in;
    case OP_LSE:
    case OP_SOFTMAX:
        return in * op_row[OP_exp].cost;
    default:
        return OP_IS_EW(n->op) ? size * op_row[n->op].cost : 0;
    }
}

double cost_per_step(const Graph *g, Arena *tmp)
{
    Order o = graph_order(g, tmp);
    double sum = 0;
    for (int i = 0; i < o.n; i++) {
        const Node *n = NODE(g, o.v[i]);
        if (n->axes & GX_TIME || n->op == OP_OUTER)
            sum += node_cost(g, o.v[i]);
    }
    return sum;
}

double cost_once(const Graph *g, Arena *tmp)
{
    Order o = graph_order(g, tmp);
    double sum = 0;
    for (int i = 0; i < o.n; i++) {
        int axes = NODE(g, o.v[i])->axes;
        for (int k = 0; k < NODE(g, o.v[i])->nin; k++)
            axes |= NODE(g, IN(g, o.v[i], k))->axes;
        if (!axes)
            sum += node_cost(g, o.v[i]);
    }
    return sum;
}

CellSize cost_products(const Graph *g, Arena *tmp)
{
    Order o = graph_order(g, tmp);
    CellSize sum = {0};
    for (int i = 0; i < o.n; i++) {
        Ref r = o.v[i];
        const Node *n = NODE(g, r);
        int axes = n->axes;
        bool row = n->op == OP_MATMUL && shape_size(g, n->shape) == 1;
        if (row ||
            (n->op != OP_MATVEC && n->op != OP_MATMUL && n->op != OP_OUTER))
            continue; /* a sum of a row is none */
        for (int k = 0; n->op == OP_OUTER && k < n->nin; k++)
            axes |= NODE(g, IN(g, r, k))->axes;
        *(axes ? &sum.by[axes] : &sum.c) += (int64_t)node_cost(g, r);
    }
    return sum;
}
