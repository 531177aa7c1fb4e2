/* The structural operators of the interpreter, by their definition. */
#include "evalint.h"

#include <math.h>
#include <string.h>

static void concat(Eval *e, Ref r, int64_t t, int64_t b, double *out)
{
    for (int i = 0; i < NODE(e->g, r)->nin; i++) {
        Ref x = IN(e->g, r, i);
        int64_t w = eval_width(e, x);
        memcpy(out, eval_row(e, x, t, b), sizeof *out * (size_t)w);
        out += w;
    }
}

/* Reals per element of the first dim. */
static int64_t row_reals(const Eval *e, Ref r)
{
    const Shape *s = SHAPE(e->g, NODE(e->g, r)->shape);
    return s->rank ? eval_width(e, r) / s->dim[0] : 1;
}

/* Adds the product to `out`. */
static void product(Eval *e, Ref r, int64_t t, int64_t b, double *out)
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

static double extreme(const double *x, int64_t n, int sign)
{
    double m = x[0];
    for (int64_t i = 1; i < n; i++)
        if (x[i] * sign > m * sign)
            m = x[i];
    return m;
}

static double log_sum_exp(const double *x, int64_t n)
{
    double m = extreme(x, n, 1), sum = 0;
    if (isinf(m))
        return m;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - m);
    return m + log(sum);
}

static void reduce_row(Op op, const double *x, int64_t n, double *out)
{
    double sum = 0, m = extreme(x, n, op == OP_MINV ? -1 : 1);
    switch (op) {
    case OP_SUM:
        for (int64_t i = 0; i < n; i++)
            sum += x[i];
        *out = sum;
        break;
    case OP_ARGMAX:
        *out = 0;
        for (int64_t i = n - 1; i >= 0; i--)
            if (x[i] == m)
                *out = (double)i;
        break;
    case OP_LSE:
        *out = log_sum_exp(x, n);
        break;
    default:
        *out = m;
    }
}

static void lookup(Eval *e, Ref r, int64_t t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    Ref x = IN(e->g, r, 0);
    const double *v = eval_row(e, x, t, b);
    int64_t w = eval_width(e, r);
    int64_t i = (int64_t)*eval_row(e, IN(e->g, r, n->nin - 1), t, b);
    memset(out, 0, sizeof *out * (size_t)w);
    if (n->op == OP_ONEHOT || n->op == OP_PLACE) {
        if (i >= 0 && i < w)
            out[i] = n->op == OP_PLACE ? *v : 1;
        return;
    }
    int64_t count = SHAPE(e->g, NODE(e->g, x)->shape)->dim[0];
    if (i >= 0 && i < count)
        memcpy(out, v + i * w, sizeof *out * (size_t)w);
}

static void transpose(Eval *e, Ref r, const double *x, double *out)
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

void eval_structural(Eval *e, Ref r, int64_t t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    int64_t w = eval_width(e, r);
    const double *x = n->nin ? eval_row(e, IN(e->g, r, 0), t, b) : NULL;
    int64_t in_w = n->nin ? eval_width(e, IN(e->g, r, 0)) : 0;
    switch (n->op) {
    case OP_CONCAT:
        concat(e, r, t, b, out);
        return;
    case OP_SLICE:
        x += n->a * row_reals(e, IN(e->g, r, 0));
        break;
    case OP_PAD:
        memset(out, 0, sizeof *out * (size_t)w);
        memcpy(out + n->a * row_reals(e, r), x, sizeof *out * (size_t)in_w);
        return;
    case OP_EXPAND:
        for (int64_t i = 0; i < w; i++)
            out[i] = *x;
        return;
    case OP_MATVEC:
    case OP_MATMUL:
        memset(out, 0, sizeof *out * (size_t)w);
        product(e, r, t, b, out);
        return;
    case OP_TRANSPOSE:
        transpose(e, r, x, out);
        return;
    case OP_VIEW:
    case OP_FOLD:
        memset(out, 0, sizeof *out * (size_t)w);
        view(e, &e->g->view.v[n->a], x, out, n->op == OP_FOLD);
        return;
    case OP_SOFTMAX:
        for (int64_t i = 0; i < w; i++)
            out[i] = exp(x[i] - log_sum_exp(x, w));
        return;
    case OP_SUM:
    case OP_MAXV:
    case OP_MINV:
    case OP_ARGMAX:
    case OP_LSE:
        reduce_row((Op)n->op, x, in_w, out);
        return;
    case OP_ONEHOT:
    case OP_PICK:
    case OP_PLACE:
    case OP_GATHER:
        lookup(e, r, t, b, out);
        return;
    default: /* OWN, RESHAPE: the same elements */
        break;
    }
    memcpy(out, x, sizeof *out * (size_t)w);
}

static void add_row(Eval *e, Ref r, int64_t t, int64_t b, double *out,
                    bool first)
{
    const Node *n = NODE(e->g, r);
    const double *x = eval_row(e, IN(e->g, r, 0), t, b);
    int64_t w = eval_width(e, IN(e->g, r, 0));
    int rank = SHAPE(e->g, NODE(e->g, IN(e->g, r, 0))->shape)->rank;
    if (n->op == OP_OUTER && rank > 1) {
        product(e, r, t, b, out);
        return;
    }
    if (n->op == OP_OUTER) {
        const double *y = eval_row(e, IN(e->g, r, 1), t, b);
        int64_t cols = eval_width(e, IN(e->g, r, 1));
        for (int64_t i = 0; i < w; i++)
            for (int64_t j = 0; j < cols; j++)
                out[i * cols + j] += x[i] * y[j];
        return;
    }
    if (n->op == OP_SCATTER) {
        int64_t i = (int64_t)*eval_row(e, IN(e->g, r, 1), t, b);
        for (int64_t j = 0; i >= 0 && i < n->a && j < w; j++)
            out[i * w + j] += x[j];
        return;
    }
    for (int64_t j = 0; j < w; j++) {
        if (n->op == OP_SUMA || n->op == OP_POOL)
            out[j] += x[j];
        else if (first || (n->op == OP_MAXA ? x[j] > out[j] : x[j] < out[j]))
            out[j] = x[j];
    }
}

/* The sum over the sequences at step t, once for each of them. */
static void pool_step(Eval *e, Ref r, int64_t t, double *out)
{
    int64_t w = eval_width(e, r);
    eval_demand(e, IN(e->g, r, 0), t);
    for (int64_t b = 0; b < e->B; b++)
        add_row(e, r, t, b, out, false);
    for (int64_t b = 1; b < e->B; b++)
        memcpy(out + b * w, out, sizeof *out * (size_t)w);
}

void eval_over_rows(Eval *e, Ref r, int64_t t, double *out)
{
    const Node *n = NODE(e->g, r);
    int axes = n->op == OP_POOL ? n->b : 0;
    for (int i = 0; i < n->nin; i++)
        axes |= NODE(e->g, IN(e->g, r, i))->axes;
    if (n->op == OP_POOL && n->axes) {
        pool_step(e, r, t, out);
        return;
    }
    bool over_t = (axes & CELL_T) && !(n->axes & CELL_T);
    bool over_b = (axes & CELL_B) && !(n->axes & CELL_B);
    int64_t w = eval_width(e, r), B = axes & CELL_B ? e->B : 1;
    int64_t from = over_t ? 0 : t, to = over_t ? e->T : t + 1;
    for (int64_t u = from; u < to; u++) {
        for (int i = 0; i < n->nin; i++)
            eval_demand(e, IN(e->g, r, i), u);
        for (int64_t b = 0; b < B; b++)
            add_row(e, r, u, b, out + (over_b ? 0 : b * w),
                    u == from && (!over_b || !b));
    }
}
