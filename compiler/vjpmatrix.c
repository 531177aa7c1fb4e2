/* What operators on matrices, and along the lines of one, hand on to their
 * operands.  The rest of vjp.c. */
#include "grad.h"

static Ref node1(Grad *z, Op op, Ref x, int a)
{
    return graph_add(z->g, op, 1, &x, a, 0, 0, NODE(z->g, x)->span);
}

static Ref node2(Grad *z, Op op, Ref x, Ref y, int a, int b)
{
    Ref in[2] = {x, y};
    return graph_add(z->g, op, 2, in, a, b, 0, NODE(z->g, x)->span);
}

/* ---- along the last dim ---- */

/* Shape without the last dim, and the strides that find the number of a line
 * for every element of it. */
static int lines(Graph *g, int shape, int64_t *stride)
{
    Shape s = *SHAPE(g, shape);
    int64_t step = 1;
    stride[--s.rank] = 0;
    for (int i = s.rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s.dim[i];
    }
    return graph_shape(g, s.rank, s.dim);
}

/* One number for each line of x, repeated along it. */
static Ref repeated(Grad *z, Ref v, Ref x)
{
    Graph *g = z->g;
    int64_t stride[SHAPE_RANK];
    int shape = NODE(g, x)->shape;
    if (SHAPE(g, shape)->rank < 2)
        return v;
    lines(g, shape, stride);
    return graph_view(g, v, shape, 0, stride);
}

static Ref sums(Grad *z, Ref x)
{
    Graph *g = z->g;
    int64_t stride[SHAPE_RANK];
    int shape = NODE(g, x)->shape;
    if (SHAPE(g, shape)->rank < 2)
        return graph_op1(g, OP_SUM, x);
    int to = lines(g, shape, stride);
    return graph_fold(g, x, to, 0, stride);
}

static Ref softmax(Grad *z, Ref y, Ref d)
{
    Graph *g = z->g;
    Ref dot = sums(z, graph_op2(g, OP_mul, d, y));
    return graph_op2(g, OP_mul, y,
                     graph_op2(g, OP_sub, d, repeated(z, dot, y)));
}

static Ref log_sum_exp(Grad *z, Ref x, Ref y, Ref d)
{
    Graph *g = z->g;
    Ref p = graph_op1(g, OP_exp, graph_op2(g, OP_sub, x, repeated(z, y, x)));
    return graph_op2(g, OP_mul, repeated(z, d, x), p);
}

/* ---- products ---- */

/* The product that is the cotangent of a factor: where that is the same for all
 * sequences and steps, summed over them. */
static Ref factor(Grad *z, Ref of, Ref x, Ref y, int a, int b)
{
    Graph *g = z->g;
    bool varies = NODE(g, x)->axes | NODE(g, y)->axes;
    if (!varies || NODE(g, of)->axes)
        return node2(z, OP_MATMUL, x, y, a, b);
    return node2(z, OP_OUTER, x, y, a, b);
}

/* The cotangent x y^T of matrix m. */
static Ref outer(Grad *z, Ref m, Ref x, Ref y)
{
    Graph *g = z->g;
    if (!NODE(g, m)->axes)
        return node2(z, OP_OUTER, x, y, 0, 0);
    const Shape s = *SHAPE(g, NODE(g, m)->shape);
    int64_t col[2] = {s.dim[0], 1}, row[2] = {1, s.dim[1]};
    return node2(z, OP_MATMUL, node1(z, OP_RESHAPE, x, graph_shape(g, 2, col)),
                 node1(z, OP_RESHAPE, y, graph_shape(g, 2, row)), 0, 0);
}

static void products(Grad *z, Ref r, Ref d)
{
    const Node n = *NODE(z->g, r);
    Ref a = IN(z->g, r, 0), b = IN(z->g, r, 1);
    if (n.op == OP_MATVEC) {
        if (z->wants[b])
            cot_add(z, b, node2(z, OP_MATVEC, a, d, !n.a, 0));
        if (z->wants[a])
            cot_add(z, a, outer(z, a, n.a ? b : d, n.a ? d : b));
        return;
    }
    if (z->wants[a])
        cot_add(z, a,
                factor(z, a, n.a ? b : d, n.a ? d : b, n.a ? n.b : 0,
                       n.a ? 1 : !n.b));
    if (z->wants[b])
        cot_add(z, b,
                factor(z, b, n.b ? d : a, n.b ? a : d, n.b ? 1 : !n.a,
                       n.b ? n.a : 0));
}

/* exp of [[A', D], [0, A']] has in its corner what D is carried to (Najfeld &
 * Havel 1995). */
static Ref exponential(Grad *z, Ref a, Ref d)
{
    Graph *g = z->g;
    int64_t n = SHAPE(g, NODE(g, a)->shape)->dim[0];
    int64_t twice[2] = {2 * n, 2 * n}, stride[2] = {2 * n, 1};
    int big = graph_shape(g, 2, twice);
    Ref turned = graph_op1(g, OP_TRANSPOSE, a);
    Ref both = graph_op2(g, OP_add, graph_fold(g, turned, big, 0, stride),
                         graph_fold(g, turned, big, 2 * n * n + n, stride));
    Ref all = graph_op2(g, OP_add, both, graph_fold(g, d, big, n, stride));
    return graph_view(g, graph_op1(g, OP_EXPM, all), NODE(g, a)->shape, n,
                      stride);
}

static void solve(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    Ref a = IN(g, r, 0), b = IN(g, r, 1);
    Ref back = node2(z, OP_SOLVE, graph_op1(g, OP_TRANSPOSE, a), d, 0, 0);
    bool vector = SHAPE(g, NODE(g, b)->shape)->rank == 1;
    cot_add(z, b, back);
    if (!z->wants[a])
        return;
    Ref minus = graph_op1(g, OP_neg, back);
    cot_add(z, a,
            vector ? outer(z, a, minus, r) : factor(z, a, minus, r, 0, 1));
}

void vjp_matrix(Grad *z, Ref r, Ref d)
{
    Graph *g = z->g;
    const Node n = *NODE(g, r);
    Ref x = n.nin ? IN(g, r, 0) : 0;
    if (!x)
        return;
    int rows = (int)SHAPE(g, NODE(g, x)->shape)->dim[0];
    switch (n.op) {
    case OP_LSE:
        cot_add(z, x, log_sum_exp(z, x, r, d));
        break;
    case OP_SOFTMAX:
        cot_add(z, x, softmax(z, r, d));
        break;
    case OP_CUMSUM:
        cot_add(z, x, node1(z, OP_CUMSUM, d, !n.a));
        break;
    case OP_TAKE: {
        bool sum = n.axes && !NODE(g, x)->axes;
        cot_add(z, x,
                node2(z, sum ? OP_SCATTER : OP_PUT, d, IN(g, r, 1), rows, 0));
        break;
    }
    case OP_PUT:
        cot_add(z, x, node2(z, OP_TAKE, d, IN(g, r, 1), 0, 0));
        break;
    case OP_VIEW:
        cot_add(z, x, node1(z, OP_FOLD, d, n.a));
        break;
    case OP_FOLD:
        cot_add(z, x, node1(z, OP_VIEW, d, n.a));
        break;
    case OP_TRANSPOSE:
        cot_add(z, x, graph_op1(g, OP_TRANSPOSE, d));
        break;
    case OP_MATVEC:
    case OP_MATMUL:
        products(z, r, d);
        break;
    case OP_EXPM:
        if (z->wants[x])
            cot_add(z, x, exponential(z, x, d));
        break;
    case OP_SOLVE:
        solve(z, r, d);
        break;
    default:
        break;
    }
}
