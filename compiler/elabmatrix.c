/* Functions of the elaboration on vectors and matrices: rearrangements, which
 * are views of what they are given, and linear algebra.  Rows of the table in
 * elabfn.c. */
#include <string.h>

#include "elab.h"
#include "ops.h"

/* Whether argument i is a value of lo to hi dims, or may become one. */
static bool is_array(Call *c, int i, int lo, int hi)
{
    Elab *e = c->e;
    const Val *v = &c->x[i];
    if (v->kind == V_TENSOR &&
        (v->rank == RANK_UNKNOWN || (v->rank >= lo && v->rank <= hi)))
        return true;
    if (e->building && v->kind != V_NONE && lo < 2)
        diag(e->diags, E_NOT_VECTOR, c->at[i], c->name, val_text(e, v));
    else if (e->building && v->kind != V_NONE)
        diag(e->diags, E_NOT_MATRIX, c->at[i], c->name,
             lo == 2 ? "a matrix" : "a stack of matrices, [k,n,m]",
             val_text(e, v));
    if (e->building && e->guessed && v->kind == V_TENSOR && !v->rank)
        diag_help(e->diags,
                  "if it depends on %s, say the shape of that: "
                  "state %s[n, m]",
                  e->guessed->name, e->guessed->name);
    return false;
}

static int64_t extent(const Val *v, int i)
{
    return dim_number(v->dim[i]);
}

static int64_t elements(const Val *v)
{
    int64_t n = 1;
    for (int i = 0; i < v->rank; i++)
        n *= extent(v, i);
    return n;
}

static Val reshaped(Elab *e, Val v, int rank, const Dim *const *dim, Span at)
{
    Ref in = val_ref(e, &v, at);
    memset(v.dim, 0, sizeof v.dim);
    v.rank = rank;
    v.set = NULL;
    memcpy(v.dim, dim, sizeof *dim * (size_t)rank);
    return val_node(e, v, OP_RESHAPE, 1, &in,
                    e->building ? val_shape(e, &v) : 0, 0, 0, at);
}

typedef Ref Affine(Graph *g, Ref x, int shape, int64_t base,
                   const int64_t *stride);

static Val affine(Elab *e, Affine *make, Val v, const Val *to, int64_t base,
                  const int64_t *stride)
{
    Ref in = v.ref;
    v.rank = to->rank;
    memcpy(v.dim, to->dim, sizeof v.dim);
    v.set = NULL;
    v.name = NULL;
    if (e->building)
        v.ref = make(e->graph, in, val_shape(e, &v), base, stride);
    return v;
}

/* `v` with the shape of `to`: y[i] = x[base + stride i]. */
static Val viewed(Elab *e, Val v, const Val *to, int64_t base,
                  const int64_t *stride)
{
    return affine(e, graph_view, v, to, base, stride);
}

/* Zeros in the shape of `to`, and `v` added where that view would read it. */
static Val folded(Elab *e, Val v, const Val *to, int64_t base,
                  const int64_t *stride)
{
    return affine(e, graph_fold, v, to, base, stride);
}

static void row_major(const Val *v, int64_t *stride)
{
    int64_t step = 1;
    for (int i = v->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= extent(v, i);
    }
}

/* ---- along the last dim ---- */

Val fn_along(Call *c)
{
    Val v = c->x[0];
    if (!is_array(c, 0, 1, SHAPE_RANK))
        return val_none();
    Ref in = v.ref;
    v.set = NULL;
    return val_node(c->e, v, c->op, 1, &in, 0, 0, 0, c->a->span);
}

/* The type of one number for each line of v, and the strides of its view in the
 * shape of v. */
static Val line_type(const Val *v, int64_t *stride)
{
    Val r = *v;
    r.rank--;
    row_major(&r, stride);
    stride[r.rank] = 0;
    r.dim[r.rank] = NULL;
    return r;
}

Val fn_norm(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0];
    if (v.complex)
        v = val_op(e, OP_abs, 1, c->x, c->a->span, c->at);
    Val pair[2] = {v, v};
    Val square = val_op(e, OP_mul, 2, pair, c->a->span, NULL);
    if (square.kind != V_TENSOR || square.rank == RANK_UNKNOWN)
        return square;
    if (square.rank < 2) {
        Ref in = val_ref(e, &square, c->a->span);
        square.rank = 0;
        square = val_node(e, square, OP_SUM, 1, &in, 0, 0, 0, c->a->span);
    } else {
        int64_t stride[SHAPE_RANK];
        Val to = line_type(&square, stride);
        square = folded(e, square, &to, 0, stride);
    }
    return val_op(e, OP_sqrt, 1, &square, c->a->span, NULL);
}

/* Each line divided by its length. */
Val fn_normalize(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0], pair[2] = {fn_norm(c), val_num(e, 1e-12)};
    if (v.complex && v.rank > 1)
        return complex_refuse(e, c->name, &v, c->at[0]);
    if (pair[0].kind != V_TENSOR || v.rank == RANK_UNKNOWN)
        return v;
    pair[1] = val_op(e, OP_max, 2, pair, c->a->span, NULL);
    pair[0] = v;
    if (v.rank > 1) {
        int64_t stride[SHAPE_RANK];
        line_type(&v, stride);
        pair[1] = viewed(e, pair[1], &v, 0, stride);
    }
    return val_op(e, OP_div, 2, pair, c->a->span, NULL);
}

/* ---- shapes ---- */

Val fn_reshape(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0];
    const Dim *dim[SHAPE_RANK] = {0};
    int64_t n = 1;
    for (int i = 1; i < c->n; i++) {
        dim[i - 1] = c->x[i].kind == V_TENSOR ? c->x[i].size : NULL;
        if (!dim[i - 1]) {
            if (e->building)
                diag(e->diags, E_NOT_SIZE, c->at[i], val_text(e, &c->x[i]));
            return val_none();
        }
        n *= dim_number(dim[i - 1]);
    }
    if (!is_array(c, 0, 0, SHAPE_RANK))
        return val_none();
    if (v.rank != RANK_UNKNOWN && e->building && n != elements(&v)) {
        diag(e->diags, E_RESHAPE, c->a->span, val_text(e, &v),
             (long long)elements(&v), (long long)n);
        return val_none();
    }
    return reshaped(e, v, c->n - 1, dim, c->a->span);
}

Val fn_flatten(Call *c)
{
    Val v = c->x[0];
    if (!is_array(c, 0, 0, SHAPE_RANK) || v.rank == RANK_UNKNOWN)
        return v;
    const Dim *n = dim_const(c->e->arena, 1);
    for (int i = 0; i < v.rank; i++)
        n = dim_op(c->e->arena, '*', n, v.dim[i]);
    return reshaped(c->e, v, 1, &n, c->a->span);
}

/* ---- the order of elements ---- */

/* Element i of the first dim is v[i-s], cyclic. */
Val fn_roll(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0], s = c->x[1];
    if (!is_array(c, 0, 1, SHAPE_RANK))
        return val_none();
    if (s.kind != V_TENSOR || !s.constant || !s.size) {
        if (e->building && s.kind != V_NONE)
            diag(e->diags, E_NOT_CONSTANT, c->at[1], "the shift",
                 val_text(e, &s));
        return e->building ? val_none() : v;
    }
    if (!e->building || v.rank == RANK_UNKNOWN)
        return v;
    int64_t n = extent(&v, 0), k = ((int64_t)s.num % n + n) % n;
    if (!k)
        return v;
    Ref in = v.ref, part[2];
    part[0] = graph_add(e->graph, OP_SLICE, 1, &in, (int)(n - k), (int)n, 0,
                        c->a->span);
    part[1] =
        graph_add(e->graph, OP_SLICE, 1, &in, 0, (int)(n - k), 0, c->a->span);
    return val_node(e, v, OP_CONCAT, 2, part, 0, 0, 0, c->a->span);
}

Val fn_reverse(Call *c)
{
    Val v = c->x[0];
    int64_t stride[SHAPE_RANK];
    if (!is_array(c, 0, 1, SHAPE_RANK) || v.rank == RANK_UNKNOWN)
        return v;
    row_major(&v, stride);
    int64_t last = stride[0] * (extent(&v, 0) - 1);
    stride[0] = -stride[0];
    return viewed(c->e, v, &v, last, stride);
}

/* Elements of the first dim in the order of p, positions from 1. */
Val permuted(Elab *e, Val v, Val p, Span at)
{
    Val pair[2] = {p, val_num(e, 1)};
    if (v.rank == RANK_UNKNOWN)
        return v;
    Val index = p.set ? p : val_op(e, OP_sub, 2, pair, at, NULL);
    if (index.kind != V_TENSOR)
        return index;
    Ref in[2] = {v.ref, index.ref};
    v.axes |= p.axes;
    v.dim[0] = p.dim[0];
    return val_node(e, v, OP_TAKE, 2, in, 0, 0, 0, at);
}

Val fn_permute(Call *c)
{
    if (!is_array(c, 0, 1, SHAPE_RANK) || !is_array(c, 1, 1, 1))
        return val_none();
    if (c->x[1].rank == RANK_UNKNOWN)
        return c->x[0];
    return permuted(c->e, c->x[0], c->x[1], c->a->span);
}

Val val_slice(Elab *e, Val v, int dim, const Dim *lo, const Dim *hi, bool drop,
              Span at)
{
    int64_t a = dim_number(lo), b = dim_number(hi), stride[SHAPE_RANK];
    if (e->building && (a < 1 || b < a || b > extent(&v, dim))) {
        diag(e->diags, E_RANGE, at, dim_text(e->arena, lo),
             dim_text(e->arena, hi), dim_text(e->arena, v.dim[dim]));
        diag_help(e->diags, "positions count from 1; the last is %s",
                  dim_text(e->arena, v.dim[dim]));
        return val_none();
    }
    row_major(&v, stride);
    int64_t base = (a - 1) * stride[dim];
    const Dim *len = dim_op(e->arena, '-', hi, lo);
    v.dim[dim] = dim_op(e->arena, '+', len, dim_const(e->arena, 1));
    Ref in = v.ref;
    v = dim ? viewed(e, v, &v, base, stride)
            : val_node(e, v, OP_SLICE, 1, &in, (int)(a - 1), (int)b, 0, at);
    if (!drop)
        return v;
    const Dim *rest[SHAPE_RANK] = {0};
    for (int i = 0, n = 0; i < v.rank; i++)
        if (i != dim)
            rest[n++] = v.dim[i];
    return reshaped(e, v, v.rank - 1, rest, at);
}

/* ---- matrices with a form ---- */

/* A vector becomes the matrix with that diagonal, a matrix gives its own. */
Val fn_diag(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0];
    if (!is_array(c, 0, 1, 2) || v.rank == RANK_UNKNOWN)
        return val_unknown(v.axes);
    int64_t stride = extent(&v, v.rank - 1) + 1;
    Val to = v;
    if (v.rank == 1) {
        to.rank = 2;
        to.dim[1] = v.dim[0];
        return folded(e, v, &to, 0, &stride);
    }
    if (e->building && !same_dim(e, v.dim[0], v.dim[1])) {
        diag(e->diags, E_SQUARE, c->at[0], c->name, val_text(e, &v));
        return val_none();
    }
    to.rank = 1;
    to.dim[1] = NULL;
    return viewed(e, v, &to, 0, &stride);
}

/* B[k,a,b]: k matrices along the diagonal of one. */
Val fn_blockdiag(Call *c)
{
    Elab *e = c->e;
    Val v = c->x[0], to = v;
    if (!is_array(c, 0, 3, 3) || v.rank == RANK_UNKNOWN)
        return val_unknown(v.axes);
    to.rank = 2;
    to.dim[0] = dim_op(e->arena, '*', v.dim[0], v.dim[1]);
    to.dim[1] = dim_op(e->arena, '*', v.dim[0], v.dim[2]);
    to.dim[2] = NULL;
    int64_t width = extent(&to, 1);
    int64_t stride[3] = {extent(&v, 1) * width + extent(&v, 2), width, 1};
    return folded(e, v, &to, 0, stride);
}

Val fn_eye(Call *c)
{
    Elab *e = c->e;
    Val v = val_unknown(0);
    if (c->x[0].kind != V_TENSOR || !c->x[0].size) {
        if (e->building)
            diag(e->diags, E_NOT_SIZE, c->at[0], val_text(e, &c->x[0]));
        return val_none();
    }
    v.rank = 1;
    v.dim[0] = c->x[0].size;
    if (e->building)
        v.ref =
            graph_expand(e->graph, graph_const(e->graph, 1), val_shape(e, &v));
    Call of = *c;
    of.x = &v;
    return fn_diag(&of);
}

/* u v^T: a column times a row. */
Val fn_outer(Call *c)
{
    Elab *e = c->e;
    const Dim *one = dim_const(e->arena, 1);
    Val r = val_unknown(c->x[0].axes | c->x[1].axes);
    Ref in[2] = {0};
    r.rank = 2;
    for (int i = 0; i < 2; i++) {
        if (!is_array(c, i, 1, 1))
            return val_none();
        if (c->x[i].rank == RANK_UNKNOWN) {
            r.rank = RANK_UNKNOWN;
            continue;
        }
        const Dim *dim[2] = {one, one};
        r.dim[i] = dim[i] = c->x[i].dim[0];
        in[i] = reshaped(e, c->x[i], 2, dim, c->a->span).ref;
    }
    return val_node(e, r, OP_MATMUL, 2, in, 0, 0, 0, c->a->span);
}

/* ---- linear algebra ---- */

static bool is_square(Call *c)
{
    Elab *e = c->e;
    const Val *a = &c->x[0];
    if (!is_array(c, 0, 2, 2))
        return false;
    if (a->rank == RANK_UNKNOWN || same_dim(e, a->dim[0], a->dim[1]))
        return true;
    if (e->building)
        diag(e->diags, E_SQUARE, c->at[0], c->name, val_text(e, a));
    return false;
}

Val fn_expm(Call *c)
{
    Val a = c->x[0];
    if (!is_square(c))
        return val_none();
    return val_node(c->e, a, OP_EXPM, 1, &a.ref, 0, 0, 0, c->a->span);
}

/* X with A X = B. */
Val fn_solve(Call *c)
{
    Elab *e = c->e;
    Val a = c->x[0], b = c->x[1];
    if (!is_square(c) || !is_array(c, 1, 1, 2))
        return val_none();
    b.axes |= a.axes;
    b.set = NULL;
    if (a.rank == RANK_UNKNOWN || b.rank == RANK_UNKNOWN)
        return b;
    if (!same_dim(e, a.dim[1], b.dim[0])) {
        if (e->building)
            diag(e->diags, E_SHAPE, c->a->span, val_text(e, &a),
                 val_text(e, &b));
        return val_none();
    }
    Ref in[2] = {a.ref, b.ref};
    return val_node(e, b, OP_SOLVE, 2, in, 0, 0, 0, c->a->span);
}

/* y[o,j] = sum over i and d of W[o,i,d] X[i, j + d - k/2], d from 0, with
 * zeros on both sides of X: a product with all windows of it. */
Val fn_conv(Call *c)
{
    Elab *e = c->e;
    Val w = c->x[0], x = c->x[1];
    if (!is_array(c, 0, 3, 3) || !is_array(c, 1, 2, 2))
        return val_none();
    Val r = val_unknown(w.axes | x.axes);
    if (w.rank == RANK_UNKNOWN || x.rank == RANK_UNKNOWN)
        return r;
    if (!same_dim(e, w.dim[1], x.dim[0])) {
        if (e->building)
            diag(e->diags, E_SHAPE, c->a->span, val_text(e, &w),
                 val_text(e, &x));
        return val_none();
    }
    r.rank = 2;
    r.dim[0] = w.dim[0];
    r.dim[1] = x.dim[1];
    if (!e->building)
        return r;
    int64_t in = extent(&x, 0), n = extent(&x, 1), k = extent(&w, 2);
    int64_t wide[2] = {in, n + k - 1}, place[2] = {n + k - 1, 1};
    int64_t all[3] = {in, k, n}, window[3] = {n + k - 1, 1, 1};
    int64_t flat[2] = {in * k, n}, rows[2] = {extent(&w, 0), in * k};
    Graph *g = e->graph;
    Ref p = graph_fold(g, x.ref, graph_shape(g, 2, wide), k / 2, place);
    Ref v = graph_view(g, p, graph_shape(g, 3, all), 0, window);
    Ref pair[2];
    pair[0] = graph_add(g, OP_RESHAPE, 1, &w.ref, graph_shape(g, 2, rows), 0, 0,
                        c->a->span);
    pair[1] = graph_add(g, OP_RESHAPE, 1, &v, graph_shape(g, 2, flat), 0, 0,
                        c->a->span);
    return val_node(e, r, OP_MATMUL, 2, pair, 0, 0, 0, c->a->span);
}

/* The value as it is; its derivative is kept within +-c. */
Val fn_clipgrad(Call *c)
{
    Elab *e = c->e;
    const Val *limit = &c->x[1];
    if (limit->kind != V_TENSOR || !limit->constant) {
        if (e->building && limit->kind != V_NONE)
            diag(e->diags, E_NOT_CONSTANT, c->at[1], "the limit",
                 val_text(e, limit));
        return e->building ? val_none() : c->x[0];
    }
    return val_op(e, OP_clipgrad, 2, c->x, c->a->span, c->at);
}
