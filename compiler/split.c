/* A product with vectors behind one another, W [h[t-1]; x], as papers write it,
 * is the sum of products with each: what a loop in time does not change leaves
 * it then, and is done for all steps at once.
 * needs: MATVECs of matrices without axes.  gives: such of columns of them.
 * keeps: values, but for the order in which products are added. */
#include "causal.h"

typedef struct Split {
    const Graph *from;
    Causal causal;
    Arena *tmp;
} Split;

/* Whether operand i of a CONCAT is made by the loop that r is in. */
static bool inside(const Split *z, Ref r, Ref concat, int i)
{
    return z->causal.comp[IN(z->from, concat, i)] == z->causal.comp[r];
}

/* How many operands from the first on are on the same side as that one. */
static int run(const Split *z, Ref r, Ref concat, int first)
{
    int n = 1;
    while (first + n < NODE(z->from, concat)->nin &&
           inside(z, r, concat, first + n) == inside(z, r, concat, first))
        n++;
    return n;
}

/* The operand of a product that is vectors behind one another, some of which
 * the loop of r does not change: of W x, and of the sum of v x; else -1. */
static int joined(const Split *z, Ref r)
{
    const Node *n = NODE(z->from, r);
    bool rows = n->op == OP_MATVEC && !n->a;
    if ((!rows && n->op != OP_mul) || z->causal.comp[r] < 0)
        return -1;
    for (int i = 1; i >= rows; i--) {
        Ref x = IN(z->from, r, i), w = IN(z->from, r, !i);
        if (NODE(z->from, x)->op == OP_CONCAT && !NODE(z->from, w)->axes &&
            SHAPE(z->from, NODE(z->from, x)->shape)->rank == 1 &&
            (rows || NODE(z->from, w)->shape == NODE(z->from, x)->shape) &&
            run(z, r, x, 0) < NODE(z->from, x)->nin)
            return i;
    }
    return -1;
}

/* Columns of a matrix. */
static Ref columns(Graph *to, Ref w, int64_t from, int64_t n)
{
    const Shape *s = SHAPE(to, NODE(to, w)->shape);
    const int64_t dim[SHAPE_RANK] = {s->dim[0], n},
                  stride[SHAPE_RANK] = {s->dim[1], 1};
    int spec = graph_view_spec(to, NODE(to, w)->shape, graph_shape(to, 2, dim),
                               from, stride);
    return graph_add(to, OP_VIEW, 1, &w, spec, 0, 0, NODE(to, w)->span);
}

/* One vector of some that lie behind one another in a CONCAT. */
static Ref some(const Split *z, Graph *to, Ref concat, int i, int n, Span span)
{
    Ref *part = NEW_N(z->tmp, Ref, n);
    for (int k = 0; k < n; k++)
        part[k] = IN(to, concat, i + k);
    return n == 1 ? part[0] : graph_add(to, OP_CONCAT, n, part, 0, 0, 0, span);
}

static Ref split_node(void *ctx, Graph *to, const Graph *from, Ref r,
                      const Ref *in)
{
    const Split *z = ctx;
    const Node *n = NODE(from, r);
    bool dot = n->op == OP_SUM;
    Ref of = dot ? IN(from, r, 0) : r, sum = 0;
    int which = dot || n->op == OP_MATVEC ? joined(z, of) : -1;
    if (which < 0)
        return graph_copy(to, from, r, in);
    Ref x = dot ? IN(to, in[0], which) : in[which];
    Ref w = dot ? IN(to, in[0], !which) : in[!which];
    const Ref concat = IN(from, of, which);
    const Span span = n->span;
    int64_t at = 0;
    for (int i = 0, k; i < NODE(from, concat)->nin; i += k) {
        k = run(z, of, concat, i);
        Ref part[2] = {0, some(z, to, x, i, k, span)}, both[2] = {sum};
        int64_t size = shape_size(to, NODE(to, part[1])->shape);
        if (dot) {
            part[0] = graph_add(to, OP_SLICE, 1, &w, (int)at, (int)(at + size),
                                0, span);
            both[1] = graph_add(to, OP_mul, 2, part, 0, 0, 0, span);
            both[1] = graph_add(to, OP_SUM, 1, &both[1], 0, 0, 0, span);
        } else {
            part[0] = columns(to, w, at, size);
            both[1] = graph_add(to, OP_MATVEC, 2, part, 0, 0, 0, span);
        }
        sum = sum ? graph_add(to, OP_add, 2, both, 0, 0, 0, span) : both[1];
        at += size;
    }
    return sum;
}

Graph *pass_split(const Graph *g)
{
    Arena *tmp = arena_new(NULL);
    Split z = {g, causal_find(g, tmp), tmp};
    Graph *to = graph_map(g, split_node, &z);
    arena_free(tmp);
    return to;
}
