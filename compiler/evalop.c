/* The structural operators of the interpreter, by their definition. */
#include "evalint.h"

#include <math.h>
#include <string.h>

static void concat(Eval *e, Ref r, Step t, int64_t b, double *out)
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

static int64_t last_dim(const Eval *e, Ref r)
{
    const Shape *s = SHAPE(e->g, NODE(e->g, r)->shape);
    return s->dim[s->rank - 1];
}

/* What works along the last dim, on one line of n. */
static void do_line(const Node *op, const double *x, int64_t n, double *out)
{
    double sum = 0;
    if (op->op == OP_SOFTMAX)
        for (int64_t i = 0; i < n; i++)
            out[i] = exp(x[i] - log_sum_exp(x, n));
    else if (op->op == OP_CUMSUM)
        for (int64_t k = 0; k < n; k++) {
            int64_t i = op->a ? n - 1 - k : k;
            out[i] = sum += x[i];
        }
    else
        reduce_row((Op)op->op, x, n, out);
}

static void lookup(Eval *e, Ref r, Step t, int64_t b, double *out)
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

void eval_structural(Eval *e, Ref r, Step t, int64_t b, double *out)
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
    case OP_TRANSPOSE:
    case OP_VIEW:
    case OP_FOLD:
    case OP_TAKE:
    case OP_PUT:
    case OP_EXPM:
    case OP_SOLVE:
        memset(out, 0, sizeof *out * (size_t)w);
        eval_matrix(e, r, t, b, out);
        return;
    case OP_SOFTMAX:
    case OP_CUMSUM:
    case OP_ARGMAX:
    case OP_LSE: {
        int64_t line = last_dim(e, IN(e->g, r, 0)), lines = in_w / line;
        for (int64_t i = 0; i < lines; i++)
            do_line(n, x + i * line, line, out + i * (w / lines));
        return;
    }
    case OP_SUM:
    case OP_MAXV:
    case OP_MINV:
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

static void add_row(Eval *e, Ref r, Step t, int64_t b, double *out, bool first)
{
    const Node *n = NODE(e->g, r);
    const double *x = eval_row(e, IN(e->g, r, 0), t, b);
    int64_t w = eval_width(e, IN(e->g, r, 0));
    int rank = SHAPE(e->g, NODE(e->g, IN(e->g, r, 0))->shape)->rank;
    if (n->op == OP_OUTER && rank > 1) {
        eval_matrix(e, r, t, b, out);
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
        eval_matrix(e, r, t, b, out);
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
static void pool_step(Eval *e, Ref r, Step t, double *out)
{
    int64_t w = eval_width(e, r), B = e->n[CELL_AT_B];
    eval_demand(e, IN(e->g, r, 0), t);
    for (int64_t b = 0; b < B; b++)
        add_row(e, r, t, b, out, false);
    for (int64_t b = 1; b < B; b++)
        memcpy(out + b * w, out, sizeof *out * (size_t)w);
}

void eval_over_rows(Eval *e, Ref r, Step t, double *out)
{
    const Node *n = NODE(e->g, r);
    int axes = n->op == OP_POOL ? n->b : 0;
    for (int i = 0; i < n->nin; i++)
        axes |= NODE(e->g, IN(e->g, r, i))->axes;
    if (n->op == OP_POOL && n->axes) {
        pool_step(e, r, t, out);
        return;
    }
    int over = axes & ~n->axes;
    int64_t w = eval_width(e, r), B = axes & CELL_B ? e->n[CELL_AT_B] : 1;
    bool first = true;
    for (int i = 0; i < CELL_TIMES; i++)
        if (over & cell_time(i))
            t.t[i] = 0;
    do {
        for (int i = 0; i < n->nin; i++)
            eval_demand(e, IN(e->g, r, i), t);
        for (int64_t b = 0; b < B; b++)
            add_row(e, r, t, b, out + (over & CELL_B ? 0 : b * w),
                    first && (!(over & CELL_B) || !b));
        first = false;
    } while (eval_next(e, over, &t));
}
