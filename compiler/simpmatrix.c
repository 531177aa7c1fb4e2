/* Products with matrices that need not be built: diagonals, ones, blocks along
 * the diagonal; and views that are slices.  Called by simplify.c. */
#include "simplify.h"

#include <string.h>

#include "ops.h"

typedef struct Simp {
    Simplify *s;
    Graph *g;
    Span span;
    bool plain; /* after differentiation */
} Simp;

static Ref add(Simp *p, Op op, int nin, const Ref *in, int a, int b)
{
    return simplify_add(p->s, p->g, op, nin, in, a, b, p->span);
}

static Ref add2(Simp *p, Op op, Ref x, Ref y, int a, int b)
{
    Ref in[2] = {x, y};
    return add(p, op, 2, in, a, b);
}

static Shape shape_of(const Graph *g, Ref r)
{
    return *SHAPE(g, NODE(g, r)->shape);
}

static Ref reshaped(Simp *p, Ref x, int rank, int64_t d0, int64_t d1,
                    int64_t d2)
{
    int64_t dim[SHAPE_RANK] = {d0, d1, d2, 0};
    return add(p, OP_RESHAPE, 1, &x, graph_shape(p->g, rank, dim), 0);
}

static Ref view(Simp *p, Ref x, int y, int64_t base, const int64_t *stride)
{
    int spec = graph_view_spec(p->g, NODE(p->g, x)->shape, y, base, stride);
    return add(p, OP_VIEW, 1, &x, spec, 0);
}

static Ref fold(Simp *p, Ref d, int x, const int64_t *stride)
{
    int spec = graph_view_spec(p->g, x, NODE(p->g, d)->shape, 0, stride);
    return add(p, OP_FOLD, 1, &d, spec, 0);
}

/* v of diag(v), or 0. */
static Ref diagonal(const Graph *g, Ref r)
{
    if (NODE(g, r)->op != OP_FOLD)
        return 0;
    const ViewSpec *v = &g->view.v[NODE(g, r)->a];
    const Shape *x = SHAPE(g, v->x), *y = SHAPE(g, v->y);
    bool is = x->rank == 2 && y->rank == 1 && x->dim[0] == y->dim[0] &&
              x->dim[1] == y->dim[0] && !v->base &&
              v->stride[0] == y->dim[0] + 1;
    return is ? IN(g, r, 0) : 0;
}

/* B of blockdiag(B), or 0. */
static Ref blocks(const Graph *g, Ref r)
{
    if (NODE(g, r)->op != OP_FOLD)
        return 0;
    const ViewSpec *v = &g->view.v[NODE(g, r)->a];
    const Shape *x = SHAPE(g, v->x), *y = SHAPE(g, v->y);
    bool is = x->rank == 2 && y->rank == 3 && !v->base &&
              x->dim[0] == y->dim[0] * y->dim[1] &&
              x->dim[1] == y->dim[0] * y->dim[2] && v->stride[2] == 1 &&
              v->stride[1] == x->dim[1] &&
              v->stride[0] == y->dim[1] * x->dim[1] + y->dim[2];
    return is ? IN(g, r, 0) : 0;
}

/* diag(v) M, or M diag(v): rows or columns scaled. */
static Ref scaled(Simp *p, Ref v, Ref m, bool columns)
{
    int64_t stride[2] = {!columns, columns};
    return add2(p, OP_mul, view(p, v, NODE(p->g, m)->shape, 0, stride), m, 0,
                0);
}

static Ref turned(Simp *p, Ref m, bool trans)
{
    return trans ? add(p, OP_TRANSPOSE, 1, &m, 0, 0) : m;
}

/* Sums of the rows of m, or of its columns. */
static Ref sums(Simp *p, Ref m, bool of_columns)
{
    Shape s = shape_of(p->g, m);
    int64_t stride[2] = {!of_columns, of_columns};
    return fold(p, m, graph_shape(p->g, 1, &s.dim[of_columns]), stride);
}

/* Whether r repeats a vector: its elements along a row each (`across`), or the
 * whole in every row. */
static bool repeats(const Graph *g, Ref r, bool *across)
{
    if (NODE(g, r)->op != OP_VIEW)
        return false;
    const ViewSpec *v = &g->view.v[NODE(g, r)->a];
    const Shape *x = SHAPE(g, v->x), *y = SHAPE(g, v->y);
    *across = v->stride[0] == 1 && v->stride[1] == 0;
    return x->rank == 1 && y->rank == 2 && !v->base &&
           x->dim[0] == y->dim[!*across] &&
           (*across || (v->stride[0] == 0 && v->stride[1] == 1));
}

/* (s M) v is s (M v), for a number s or a vector that scales rows or columns:
 * the matrix that varies is not built. */
static Ref scaled_matvec(Simp *p, Ref m, Ref v, bool trans)
{
    Graph *g = p->g;
    for (int i = 0; i < 2 && NODE(g, m)->op == OP_mul; i++) {
        Ref s = IN(g, m, i), rest = IN(g, m, !i);
        bool across, number = !shape_of(g, s).rank;
        if (shape_of(g, rest).rank != 2 || (!number && !repeats(g, s, &across)))
            continue;
        if (!number)
            s = IN(g, s, 0);
        if (!number && across == trans)
            return add2(p, OP_MATVEC, rest, add2(p, OP_mul, s, v, 0, 0), trans,
                        0);
        return add2(p, OP_mul, s, add2(p, OP_MATVEC, rest, v, trans, 0), 0, 0);
    }
    return 0;
}

/* Whether r is the product of a column u and a row v. */
static bool outer_product(Simp *p, Ref r, Ref *u, Ref *v)
{
    Graph *g = p->g;
    const Node n = *NODE(g, r);
    Shape s = shape_of(g, r);
    if (n.op != OP_MATMUL || s.rank != 2)
        return false;
    Ref x = IN(g, r, 0), y = IN(g, r, 1);
    if (shape_of(g, x).dim[!n.a] != 1)
        return false;
    *u = reshaped(p, x, 1, s.dim[0], 0, 0);
    *v = reshaped(p, y, 1, s.dim[1], 0, 0);
    return true;
}

/* s u v', for a number s or a vector that scales rows or columns, is (s u) v':
 * a vector is scaled in place of a matrix. */
static Ref scaled_outer(Simp *p, Ref s, Ref m)
{
    Graph *g = p->g;
    Ref u, v;
    bool across = true, number = !shape_of(g, s).rank;
    if (!NODE(g, m)->axes || !outer_product(p, m, &u, &v) ||
        (!number && !repeats(g, s, &across)))
        return 0;
    if (!number)
        s = IN(g, s, 0);
    Ref *part = across ? &u : &v;
    *part = add2(p, OP_mul, s, *part, 0, 0);
    u = reshaped(p, u, 2, shape_of(g, u).dim[0], 1, 0);
    v = reshaped(p, v, 2, 1, shape_of(g, v).dim[0], 0);
    return add2(p, OP_MATMUL, u, v, 0, 0);
}

static Ref matvec(Simp *p, Ref m, Ref v, bool trans)
{
    Graph *g = p->g;
    Ref d = diagonal(g, m), b = blocks(g, m), u, w;
    if (p->plain && NODE(g, m)->axes && outer_product(p, m, &u, &w)) {
        Ref all = add2(p, OP_mul, trans ? u : w, v, 0, 0);
        return add2(p, OP_mul, trans ? w : u, add(p, OP_SUM, 1, &all, 0, 0), 0,
                    0);
    }
    Ref scale = scaled_matvec(p, m, v, trans);
    if (scale)
        return scale;
    if (d)
        return add2(p, OP_mul, d, v, 0, 0);
    if (simplify_fill(g, v, 1))
        return sums(p, m, trans);
    if (NODE(g, m)->op == OP_TRANSPOSE)
        return add2(p, OP_MATVEC, IN(g, m, 0), v, !trans, 0);
    if (!b)
        return 0;
    Shape s = shape_of(g, b);
    int64_t n = s.dim[trans ? 2 : 1], k = s.dim[trans ? 1 : 2];
    Ref parts = reshaped(p, v, 3, s.dim[0], k, 1);
    return reshaped(p, add2(p, OP_MATMUL, b, parts, trans, 0), 1, s.dim[0] * n,
                    0, 0);
}

/* A column of ones times a row repeats the row, and the other way round. */
static Ref repeated(Simp *p, Ref x, Ref y, int shape)
{
    Graph *g = p->g;
    int64_t down[2] = {0, 1}, across[2] = {1, 0};
    Shape s = *SHAPE(g, shape);
    if (simplify_fill(g, x, 1))
        return view(p, reshaped(p, y, 1, s.dim[1], 0, 0), shape, 0, down);
    if (simplify_fill(g, y, 1))
        return view(p, reshaped(p, x, 1, s.dim[0], 0, 0), shape, 0, across);
    return 0;
}

/* Blocks that are the same in all rows, times a vector each: turned once, the
 * inner loop of the product runs along their lines. */
static Ref turned_blocks(Simp *p, Ref x, Ref y, int a, int b)
{
    Graph *g = p->g;
    Shape s = shape_of(g, x), of = shape_of(g, y);
    bool vectors = s.rank == 3 && of.rank == 3 && of.dim[b ? 1 : 2] == 1;
    if (!p->plain || a || !vectors || NODE(g, x)->axes || !NODE(g, y)->axes)
        return 0;
    int64_t dim[3] = {s.dim[0], s.dim[2], s.dim[1]};
    int64_t stride[3] = {s.dim[1] * s.dim[2], 1, s.dim[2]};
    return add2(p, OP_MATMUL, view(p, x, graph_shape(g, 3, dim), 0, stride), y,
                1, b);
}

static Ref matmul(Simp *p, const Ref *in, int a, int b)
{
    Graph *g = p->g;
    Ref x = in[0], y = in[1];
    if (NODE(g, x)->op == OP_TRANSPOSE)
        return add2(p, OP_MATMUL, IN(g, x, 0), y, !a, b);
    if (NODE(g, y)->op == OP_TRANSPOSE)
        return add2(p, OP_MATMUL, x, IN(g, y, 0), a, !b);
    Ref dx = diagonal(g, x), dy = diagonal(g, y);
    if (dx)
        return scaled(p, dx, turned(p, y, b), false);
    if (dy)
        return scaled(p, dy, turned(p, x, a), true);
    Shape s = shape_of(g, x);
    if (s.rank != 2)
        return turned_blocks(p, x, y, a, b);
    if (s.dim[!a] == 1) {
        int64_t dim[2] = {s.dim[a], shape_of(g, y).dim[!b]};
        return repeated(p, x, y, graph_shape(g, 2, dim));
    }
    int64_t m = s.dim[a], k = s.dim[!a], n = shape_of(g, y).dim[!b];
    if (n == 1)
        return reshaped(p,
                        add2(p, OP_MATVEC, x, reshaped(p, y, 1, k, 0, 0), a, 0),
                        2, m, 1, 0);
    if (m == 1)
        return reshaped(
            p, add2(p, OP_MATVEC, y, reshaped(p, x, 1, k, 0, 0), !b, 0), 2, 1,
            n, 0);
    return 0;
}

/* What multiplies every element of a row alike: above / below, < 0 if minus. */
typedef struct Scale {
    Ref above, below; /* 0: 1 */
    int sign, count;  /* of what was collected in them */
    bool deep;        /* that of factors too */
} Scale;

static void scale_by(Simp *p, Ref *by, Ref s)
{
    *by = *by ? add2(p, OP_mul, *by, s, 0, 0) : s;
}

/* r without the numbers that scale it, which `by` collects. */
static Ref unscaled(Simp *p, Ref r, Scale *by)
{
    Graph *g = p->g;
    const Node n = *NODE(g, r);
    Ref x = n.nin ? IN(g, r, 0) : 0, y = n.nin > 1 ? IN(g, r, 1) : 0;
    if (n.op == OP_neg) {
        by->sign = -by->sign;
        by->count++;
        return unscaled(p, x, by);
    }
    if (n.op != OP_mul && n.op != OP_div)
        return r;
    bool left = n.op == OP_mul && !shape_of(g, x).rank;
    if (left || !shape_of(g, y).rank) {
        scale_by(p, n.op == OP_div ? &by->below : &by->above, left ? x : y);
        by->count++;
        return unscaled(p, left ? y : x, by);
    }
    if (n.op == OP_div || !by->deep || NODE(g, x)->op == OP_EXPAND ||
        NODE(g, y)->op == OP_EXPAND)
        return r;
    Ref in[2] = {unscaled(p, x, by), unscaled(p, y, by)};
    return in[0] == x && in[1] == y ? r : add(p, OP_mul, 2, in, 0, 0);
}

static Ref rescaled(Simp *p, Ref x, const Scale *by)
{
    if (by->above)
        x = add2(p, OP_mul, by->above, x, 0, 0);
    if (by->below)
        x = add2(p, OP_div, x, by->below, 0, 0);
    return by->sign < 0 ? add(p, OP_neg, 1, &x, 0, 0) : x;
}

/* The sum of a row: numbers that scale it are left for the sum. */
static Ref scaled_sum(Simp *p, Ref r)
{
    Scale by = {0, 0, 1, 0, true};
    Ref x = unscaled(p, r, &by);
    if (x == r || !shape_of(p->g, x).rank)
        return 0;
    return rescaled(p, add(p, OP_SUM, 1, &x, 0, 0), &by);
}

Ref simplify_scaled(Simplify *s, Graph *g, Ref r, Span span)
{
    Simp p = {s, g, span, simplify_plain(s)};
    Scale by = {0, 0, 1, 0, false};
    if (!shape_of(g, r).rank)
        return 0;
    Ref x = unscaled(&p, r, &by);
    if (by.count < 2 || !shape_of(g, x).rank)
        return 0;
    return add2(&p, OP_mul, x, rescaled(&p, graph_const(g, 1), &by), 0, 0);
}

/* Whether r is a row less its mean, or that times numbers: its sum is zero. */
static bool is_centred(Simp *p, Ref r)
{
    const Graph *g = p->g;
    Scale by = {0, 0, 1, 0, false};
    r = unscaled(p, r, &by);
    if (NODE(g, r)->op != OP_sub)
        return false;
    Ref x = IN(g, r, 0), mean = IN(g, r, 1);
    if (NODE(g, mean)->op == OP_EXPAND)
        mean = IN(g, mean, 0);
    if (NODE(g, mean)->op != OP_div)
        return false;
    Ref sum = IN(g, mean, 0);
    double n = (double)shape_size(g, NODE(g, x)->shape);
    return NODE(g, sum)->op == OP_SUM && IN(g, sum, 0) == x &&
           graph_is_const(g, IN(g, mean, 1), n);
}

/* The sum of all elements of x y, element by element: a product of two long
 * vectors; of x u v' that of u and x v; of a row less its mean, as norms have
 * it, nothing. */
static Ref sum_of(Simp *p, Ref r)
{
    Graph *g = p->g;
    if (!NODE(g, r)->axes)
        return 0;
    for (int i = 0; NODE(g, r)->op == OP_add && i < 2; i++)
        if (is_centred(p, IN(g, r, i)))
            return add(p, OP_SUM, 1, (Ref[]){IN(g, r, !i)}, 0, 0);
    Ref scaled = scaled_sum(p, r);
    if (scaled || NODE(g, r)->op != OP_mul)
        return scaled;
    Ref x[2] = {IN(g, r, 0), IN(g, r, 1)};
    Shape s = shape_of(g, x[0]);
    if (!s.rank || NODE(g, x[0])->op == OP_EXPAND ||
        NODE(g, x[1])->op == OP_EXPAND ||
        NODE(g, x[0])->shape != NODE(g, x[1])->shape)
        return 0;
    for (int i = 0; i < 2; i++) {
        Ref u, v;
        if (!outer_product(p, x[i], &u, &v))
            continue;
        Ref xv = add2(p, OP_MATVEC, x[!i], v, 0, 0);
        Ref all = add2(p, OP_mul, u, xv, 0, 0);
        return add(p, OP_SUM, 1, &all, 0, 0);
    }
    int64_t n = shape_size(g, NODE(g, x[0])->shape);
    Ref row = reshaped(p, x[0], 2, 1, n, 0),
        line = reshaped(p, x[1], 2, 1, n, 0);
    Ref pair[2] = {row, line};
    return reshaped(p, graph_add(g, OP_MATMUL, 2, pair, 0, 1, 0, p->span), 0, 0,
                    0, 0);
}

/* A matrix of one row or column only changes its shape. */
static Ref transpose(Simp *p, Ref x)
{
    Graph *g = p->g;
    Shape s = shape_of(g, x);
    if (NODE(g, x)->op == OP_TRANSPOSE)
        return IN(g, x, 0);
    if (diagonal(g, x))
        return x;
    if (s.dim[0] == 1 || s.dim[1] == 1)
        return reshaped(p, x, 2, s.dim[1], s.dim[0], 0);
    return 0;
}

/* Elements that lie one behind the other are a slice, which needs no copy. */
static Ref contiguous(Simp *p, Ref x, const ViewSpec *v)
{
    Graph *g = p->g;
    Shape y = *SHAPE(g, v->y);
    int64_t n = shape_size(g, v->y), step = 1;
    for (int i = y.rank - 1; i >= 0; i--) {
        if (v->stride[i] != step && y.dim[i] > 1)
            return 0;
        step *= y.dim[i];
    }
    Ref part = reshaped(p, x, 1, shape_size(g, v->x), 0, 0);
    part = add(p, OP_SLICE, 1, &part, (int)v->base, (int)(v->base + n));
    return add(p, OP_RESHAPE, 1, &part, v->y, 0);
}

static Ref view_of(Simp *p, Ref x, int spec)
{
    Graph *g = p->g;
    ViewSpec v = g->view.v[spec];
    if (NODE(g, x)->op == OP_EXPAND)
        return graph_expand(g, IN(g, x, 0), v.y);
    Ref part = contiguous(p, x, &v);
    if (part || NODE(g, x)->op != OP_RESHAPE)
        return part;
    x = IN(g, x, 0);
    return SHAPE(g, NODE(g, x)->shape)->rank ? view(p, x, v.y, v.base, v.stride)
                                             : 0;
}

/* The sums along the lines of x y, element by element: of x u v' they are u and
 * x v; else each is the product of two lines. */
static Ref line_sums(Simp *p, Ref r)
{
    Graph *g = p->g;
    Ref x[2] = {IN(g, r, 0), IN(g, r, 1)}, u, v;
    Shape s = shape_of(g, r);
    int64_t m = s.dim[0], n = s.dim[1];
    for (int i = 0; i < 2; i++)
        if (outer_product(p, x[i], &u, &v))
            return add2(p, OP_mul, u, add2(p, OP_MATVEC, x[!i], v, 0, 0), 0, 0);
    for (int i = 0; i < 2; i++)
        if (NODE(g, x[i])->shape != NODE(g, r)->shape ||
            NODE(g, x[i])->op == OP_VIEW || NODE(g, x[i])->op == OP_EXPAND)
            return 0;
    Ref lines = add2(p, OP_MATMUL, reshaped(p, x[0], 3, m, 1, n),
                     reshaped(p, x[1], 3, m, 1, n), 0, 1);
    return reshaped(p, lines, 1, m, 0, 0);
}

/* Whether a FOLD adds up the lines of a matrix. */
static bool adds_lines(const Graph *g, const ViewSpec *v)
{
    const Shape *x = SHAPE(g, v->x), *y = SHAPE(g, v->y);
    return x->rank == 1 && y->rank == 2 && !v->base && x->dim[0] == y->dim[0] &&
           v->stride[0] == 1 && v->stride[1] == 0;
}

/* What is smaller after it was folded is added up after that. */
static Ref fold_of(Simp *p, Ref x, int spec)
{
    Graph *g = p->g;
    const Node n = *NODE(g, x);
    const ViewSpec *v = &g->view.v[spec];
    if (p->plain && n.op == OP_mul && n.axes && adds_lines(g, v))
        return line_sums(p, x);
    if (n.op != OP_SUMA || shape_size(g, v->x) >= shape_size(g, v->y))
        return 0;
    Ref part = IN(g, x, 0);
    part = add(p, OP_FOLD, 1, &part, spec, 0);
    return add(p, OP_SUMA, 1, &part, n.a, n.b);
}

Ref simplify_matrix(Simplify *s, Graph *g, Op op, const Ref *in, int a, int b,
                    Span span)
{
    Simp p = {s, g, span, simplify_plain(s)};
    Ref r = 0;
    switch (op) {
    case OP_mul:
        for (int i = 0; i < 2 && !r; i++)
            r = scaled_outer(&p, in[i], in[!i]);
        return r;
    case OP_MATVEC:
        return matvec(&p, in[0], in[1], a);
    case OP_MATMUL:
        return matmul(&p, in, a, b);
    case OP_TRANSPOSE:
        return transpose(&p, in[0]);
    case OP_VIEW:
        return view_of(&p, in[0], a);
    case OP_FOLD:
        return fold_of(&p, in[0], a);
    case OP_SUM:
        return sum_of(&p, in[0]);
    default:
        return 0;
    }
}
