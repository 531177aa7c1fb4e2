/* Sums over sequences and steps: what is the same in all rows that are summed,
 * the gain of a normalisation or the variance that it divides by, is left for
 * the sum.  Called by simplify.c after differentiation. */
#include "simplify.h"

#include "ops.h"

enum { DEEP = 8 }; /* nodes behind one another that are looked at */

/* Whether r is the same for all sequences of a step: made of sums over them
 * and of what varies neither with them nor with the step. */
static bool same_in_step(const Graph *g, Ref r, int deep)
{
    const Node *n = NODE(g, r);
    if (!n->axes)
        return true;
    if (n->op == OP_POOL)
        return n->a == CELL_B;
    bool works = OP_IS_EW(n->op) || n->op == OP_EXPAND || n->op == OP_RESHAPE ||
                 n->op == OP_SLICE;
    bool same = works && deep > 0 && n->nin > 0;
    for (int i = 0; same && i < n->nin; i++)
        same = same_in_step(g, IN(g, r, i), deep - 1);
    return same;
}

bool simplify_same_in_step(const Graph *g, Ref r)
{
    return same_in_step(g, r, DEEP);
}

/* What a sum goes over: of a POOL within each step the sequences. */
typedef struct Sum {
    Simplify *s;
    Graph *g;
    Op op;
    int a, b;
    Span span;
} Sum;

static bool is_same(const Sum *z, Ref r)
{
    int over = z->op == OP_POOL ? z->b : z->a;
    if (z->op == OP_POOL && z->a != z->b)
        return simplify_same_in_step(z->g, r);
    return !(NODE(z->g, r)->axes & over);
}

static Ref sum_of(const Sum *z, Ref x)
{
    return simplify_add(z->s, z->g, z->op, 1, &x, z->a, z->b, z->span);
}

static Ref add(const Sum *z, Op op, int nin, const Ref *in)
{
    return simplify_add(z->s, z->g, op, nin, in, 0, 0, z->span);
}

/* What is left for the sum: above / below, < 0 if minus. */
typedef struct Factor {
    Ref above, below; /* 0: 1 */
    int sign;
} Factor;

static void take(const Sum *z, Ref *by, Ref r)
{
    Ref in[2] = {*by, r};
    *by = *by ? add(z, OP_mul, 2, in) : r;
}

/* r without such factors, which `by` collects. */
static Ref without(const Sum *z, Ref r, Factor *by, int deep)
{
    const Node n = *NODE(z->g, r);
    Ref x = n.nin ? IN(z->g, r, 0) : 0, y = n.nin > 1 ? IN(z->g, r, 1) : 0;
    if (n.op == OP_neg) {
        by->sign = -by->sign;
        return without(z, x, by, deep);
    }
    if ((n.op != OP_mul && n.op != OP_div) || !deep)
        return r;
    if (is_same(z, y)) {
        take(z, n.op == OP_div ? &by->below : &by->above, y);
        return without(z, x, by, deep - 1);
    }
    if (n.op == OP_mul && is_same(z, x)) {
        take(z, &by->above, x);
        return without(z, y, by, deep - 1);
    }
    Ref in[2] = {without(z, x, by, deep - 1), y};
    if (n.op == OP_mul)
        in[1] = without(z, y, by, deep - 1);
    return in[0] == x && in[1] == y ? r : add(z, (Op)n.op, 2, in);
}

static Ref scaled(const Sum *z, Ref r)
{
    Factor by = {0, 0, 1};
    Ref x = is_same(z, r) ? 0 : without(z, r, &by, DEEP);
    if (!x || x == r)
        return 0;
    x = sum_of(z, x);
    if (by.above)
        x = add(z, OP_mul, 2, (Ref[]){by.above, x});
    if (by.below)
        x = add(z, OP_div, 2, (Ref[]){x, by.below});
    if (by.sign < 0)
        x = add(z, OP_neg, 1, &x);
    return NODE(z->g, x)->shape == NODE(z->g, r)->shape ? x : 0;
}

/* A choice that is the same in all rows, between something and zero. */
static Ref chosen(const Sum *z, Ref r)
{
    Ref x[3] = {IN(z->g, r, 0), IN(z->g, r, 1), IN(z->g, r, 2)};
    int i = simplify_fill(z->g, x[1], 0) ? 2 : 1;
    if (!is_same(z, x[0]) || !simplify_fill(z->g, x[3 - i], 0))
        return 0;
    x[i] = sum_of(z, x[i]);
    return add(z, OP_select, 3, x);
}

static Ref row_of(const Sum *z, Ref r)
{
    int64_t n = shape_size(z->g, NODE(z->g, r)->shape);
    return simplify_add(z->s, z->g, OP_RESHAPE, 1, &r, graph_shape(z->g, 1, &n),
                        0, z->span);
}

/* The elements whose sum the number r is in each row, or 0. */
static Ref elements(const Sum *z, Ref r)
{
    const Graph *g = z->g;
    while (NODE(g, r)->op == OP_RESHAPE)
        r = IN(g, r, 0);
    const Node n = *NODE(g, r);
    for (int i = 0; i < n.nin; i++)
        if (NODE(g, IN(g, r, i))->axes != n.axes)
            return 0;
    if (n.op == OP_SUM)
        return IN(g, r, 0);
    if (n.op != OP_MATMUL || n.a || !n.b || shape_size(g, n.shape) > 1)
        return 0;
    Ref x[2] = {row_of(z, IN(g, r, 0)), row_of(z, IN(g, r, 1))};
    return add(z, OP_mul, 2, x);
}

/* Rows are added up before their elements are: a number for each row takes
 * longer than both. */
static Ref rows_first(const Sum *z, Ref r)
{
    bool number = z->op == OP_SUMA && !SHAPE(z->g, NODE(z->g, r)->shape)->rank;
    Ref x = number ? elements(z, r) : 0;
    if (!x)
        return 0;
    x = sum_of(z, x);
    return add(z, OP_SUM, 1, &x);
}

Ref simplify_sum(Simplify *s, Graph *g, Op op, Ref r, int a, int b, Span span)
{
    Sum z = {s, g, op, a, b, span};
    Ref sum = rows_first(&z, r);
    if (sum)
        return sum;
    return NODE(g, r)->op == OP_select ? chosen(&z, r) : scaled(&z, r);
}
