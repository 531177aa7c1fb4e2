/* The operators on matrices of the interpreter, by their definition. */
#include "evalint.h"

#include <math.h>
#include <string.h>

/* Adds the product to `out`. */
static void product(const Eval *e, Ref r, Step t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    const Shape *s = SHAPE(e->g, NODE(e->g, IN(e->g, r, 0))->shape);
    const Shape *y = SHAPE(e->g, NODE(e->g, IN(e->g, r, 1))->shape);
    const double *w = eval_row(e, IN(e->g, r, 0), t, b);
    const double *x = eval_row(e, IN(e->g, r, 1), t, b);
    bool vector = y->rank == 1;
    int64_t rows = s->dim[s->rank - 2], cols = s->dim[s->rank - 1];
    int64_t m = n->a ? cols : rows, k = n->a ? rows : cols;
    int64_t ld = vector ? 1 : y->dim[y->rank - 1];
    int64_t out_cols = vector ? 1 : n->b ? y->dim[y->rank - 2] : ld;
    int64_t parts = s->rank == 3 ? s->dim[0] : 1;
    for (int64_t part = 0; part < parts; part++) {
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < out_cols; j++, out++)
                for (int64_t p = 0; p < k; p++)
                    *out += (n->a ? w[p * cols + i] : w[i * cols + p]) *
                            (n->b ? x[j * ld + p] : x[p * ld + j]);
        w += rows * cols;
        x += k * out_cols;
    }
}

static void transpose(const Eval *e, Ref r, const double *x, double *out)
{
    const Shape *s = SHAPE(e->g, NODE(e->g, r)->shape);
    for (int64_t i = 0; i < s->dim[0]; i++)
        for (int64_t j = 0; j < s->dim[1]; j++)
            out[i * s->dim[1] + j] = x[j * s->dim[0] + i];
}

/* y of a VIEW from x, or, `fold`, added to x. */
static void view(const Eval *e, const ViewSpec *v, const double *from,
                 double *to, bool fold)
{
    int64_t dim[SHAPE_RANK] = {1, 1, 1, 1}, i[SHAPE_RANK], at = 0;
    const Shape *y = SHAPE(e->g, v->y);
    memcpy(dim, y->dim, sizeof *dim * (size_t)y->rank);
    for (i[0] = 0; i[0] < dim[0]; i[0]++)
        for (i[1] = 0; i[1] < dim[1]; i[1]++)
            for (i[2] = 0; i[2] < dim[2]; i[2]++)
                for (i[3] = 0; i[3] < dim[3]; i[3]++, at++) {
                    int64_t x = v->base;
                    for (int k = 0; k < SHAPE_RANK; k++)
                        x += v->stride[k] * i[k];
                    if (fold)
                        to[x] += from[at];
                    else
                        to[at] = from[x];
                }
}

/* out = x at index, or, `put`, out at index += x. */
static void take(const Eval *e, Ref r, const double *x, const double *index,
                 double *out)
{
    const Node *n = NODE(e->g, r);
    bool put = n->op != OP_TAKE;
    int64_t count = eval_width(e, IN(e->g, r, 1));
    int64_t rows =
        put ? n->a : SHAPE(e->g, NODE(e->g, IN(e->g, r, 0))->shape)->dim[0];
    int64_t w = eval_width(e, put ? IN(e->g, r, 0) : r) / count;
    for (int64_t k = 0; k < count; k++)
        for (int64_t j = 0; j < w && index[k] >= 0 && index[k] < (double)rows;
             j++)
            *(put ? out + (int64_t)index[k] * w + j : out + k * w + j) +=
                *(put ? x + k * w + j : x + (int64_t)index[k] * w + j);
}

/* y[n,n] = a b */
static void multiply(int64_t n, const double *a, const double *b, double *y)
{
    memset(y, 0, sizeof *y * (size_t)(n * n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = 0; j < n; j++)
                y[i * n + j] += a[i * n + k] * b[k * n + j];
}

/* The power series of a/2^s, squared s times. */
static void exponential(Eval *e, int64_t n, const double *a, double *out)
{
    double *term = NEW_N(e->tmp, double, n *n),
           *x = NEW_N(e->tmp, double, n *n);
    double *next = NEW_N(e->tmp, double, n *n), norm = 0;
    int squarings = 0;
    for (int64_t i = 0; i < n * n; i++)
        norm += fabs(a[i]);
    for (; norm > 0.25 && isfinite(norm); norm /= 2)
        squarings++;
    for (int64_t i = 0; i < n * n; i++) {
        x[i] = ldexp(a[i], -squarings);
        term[i] = out[i] = i % (n + 1) == 0;
    }
    for (int k = 1; k < 20; k++) {
        multiply(n, term, x, next);
        for (int64_t i = 0; i < n * n; i++)
            out[i] += term[i] = next[i] / k;
    }
    for (int k = 0; k < squarings; k++) {
        multiply(n, out, out, next);
        memcpy(out, next, sizeof *out * (size_t)(n * n));
    }
}

static void swap_rows(double *x, int64_t w, int64_t i, int64_t k)
{
    for (int64_t j = 0; j < w; j++) {
        double v = x[i * w + j];
        x[i * w + j] = x[k * w + j];
        x[k * w + j] = v;
    }
}

/* Gauss and Jordan, with the largest element of the column as pivot. */
static void solve(Eval *e, int64_t n, int64_t w, const double *a, double *y)
{
    double *m = NEW_N(e->tmp, double, n *n);
    memcpy(m, a, sizeof *m * (size_t)(n * n));
    for (int64_t p = 0; p < n; p++) {
        int64_t best = p;
        for (int64_t i = p + 1; i < n; i++)
            if (fabs(m[i * n + p]) > fabs(m[best * n + p]))
                best = i;
        swap_rows(m, n, p, best);
        swap_rows(y, w, p, best);
        for (int64_t i = 0; i < n; i++) {
            double f = i == p ? 0 : m[i * n + p] / m[p * n + p];
            for (int64_t j = 0; j < n && i != p; j++)
                m[i * n + j] -= f * m[p * n + j];
            for (int64_t j = 0; j < w && i != p; j++)
                y[i * w + j] -= f * y[p * w + j];
        }
    }
    for (int64_t i = 0; i < n * w; i++)
        y[i] /= m[i / w * (n + 1)];
}

void eval_matrix(Eval *e, Ref r, Step t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    const double *x = eval_row(e, IN(e->g, r, 0), t, b);
    const double *y = n->nin > 1 ? eval_row(e, IN(e->g, r, 1), t, b) : NULL;
    int64_t w = eval_width(e, r);
    int64_t rows = SHAPE(e->g, NODE(e->g, r)->shape)->dim[0];
    switch (n->op) {
    case OP_TRANSPOSE:
        transpose(e, r, x, out);
        break;
    case OP_VIEW:
    case OP_FOLD:
        view(e, &e->g->view.v[n->a], x, out, n->op == OP_FOLD);
        break;
    case OP_TAKE:
    case OP_PUT:
    case OP_SCATTER:
        take(e, r, x, y, out);
        break;
    case OP_EXPM:
        exponential(e, rows, x, out);
        break;
    case OP_SOLVE:
        memcpy(out, y, sizeof *out * (size_t)w);
        solve(e, rows, w / rows, x, out);
        break;
    default: /* MATVEC, MATMUL, OUTER */
        product(e, r, t, b, out);
    }
}
