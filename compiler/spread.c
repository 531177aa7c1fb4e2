/* Vectors that stand beside matrices, element by element: of diag(a) S and of
 * the product of a column and a row no matrix is built; the kernel reads the
 * vectors line by line.  Part of level.c, used by all that look at operands. */
#include "level.h"

#include "ops.h"

/* The product of a column and a row, of which each element is one of two
 * numbers. */
static bool is_outer(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    if (n->op != OP_MATMUL || SHAPE(g, n->shape)->rank != 2)
        return false;
    const Shape *x = SHAPE(g, NODE(g, IN(g, r, 0))->shape);
    const Shape *y = SHAPE(g, n->shape);
    return x->dim[!n->a] == 1 && y->dim[0] > 1 && y->dim[1] > 1;
}

/* How VIEW r, all of a vector, is that vector spread over a matrix whose lines
 * have `length` reals. */
static Spread view_spread(const Graph *g, Ref r, int64_t *length)
{
    const ViewSpec *v = &g->view.v[NODE(g, r)->a];
    const Shape *y = SHAPE(g, v->y);
    int64_t dim[2] = {1, 1}, stride[2] = {0, 0};
    int n = 0;
    for (int i = y->rank - 1; i >= 0; i--) {
        if (y->dim[i] == 1)
            continue;
        bool joins = n && v->stride[i] == stride[n - 1] * dim[n - 1];
        if (!joins && n == 2)
            return SPREAD_NONE;
        if (!joins)
            stride[n++] = v->stride[i];
        dim[n - 1] *= y->dim[i];
    }
    *length = dim[0];
    int64_t all = shape_size(g, v->x);
    if (n != 2 || v->base)
        return SPREAD_NONE;
    if (stride[0] == 0 && stride[1] == 1 && all == dim[1])
        return SPREAD_LINES;
    if (stride[0] == 1 && stride[1] == 0 && all == dim[0])
        return SPREAD_COLUMNS;
    return SPREAD_NONE;
}

static int64_t length_of(const Level *l, int64_t size)
{
    for (int i = 0; i < l->lines.n; i++)
        if (l->lines.v[i].size == size)
            return l->lines.v[i].length;
    return 0;
}

int64_t level_line(const Level *l, Ref r)
{
    return length_of(l, shape_size(l->g, NODE(l->g, r)->shape));
}

void level_find_lines(Level *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < l->order.n; i++) {
        Ref r = l->order.v[i];
        const Node *n = NODE(g, r);
        Lines x = {shape_size(g, n->shape), 0};
        if (is_outer(g, r))
            x.length = SHAPE(g, n->shape)->dim[1];
        else if (n->op != OP_VIEW || !view_spread(g, r, &x.length))
            continue;
        if (!length_of(l, x.size))
            vec_push(l->arena, &l->lines, x);
    }
}

bool level_elementwise(const Level *l, Ref r)
{
    const Graph *g = l->g;
    return OP_IS_EW(NODE(g, r)->op) ||
           (is_outer(g, r) &&
            level_line(l, r) == SHAPE(g, NODE(g, r)->shape)->dim[1]);
}

Ref level_operand(const Level *l, Ref r, int k, Spread *how)
{
    const Graph *g = l->g;
    Ref in = level_scalar(g, IN(g, r, k));
    int64_t length = 0;
    *how = SPREAD_NONE;
    if (shape_size(g, NODE(g, in)->shape) == 1)
        return in;
    if (!OP_IS_EW(NODE(g, r)->op)) {
        *how = k ? SPREAD_COLUMNS : SPREAD_LINES;
        return in;
    }
    if (NODE(g, in)->op != OP_VIEW)
        return in;
    Spread s = view_spread(g, in, &length);
    if (s == SPREAD_NONE || length != level_line(l, in))
        return in;
    *how = s;
    return level_strip(g, IN(g, in, 0));
}
