/* The operator table expanded from ops.def, the scalar meaning of every
 * elementwise operator, and the typing of all of them.  Stands beside the
 * graph: graph_add() asks op_type() before a node exists. */
#include "ops.h"

#include <math.h>
#include <string.h>

const OpRow op_row[OP_COUNT] = {
    [OP_NONE] = {"none", 0, false, NULL, {0}, "", NULL, 0, 0, 0},
#define EW1(name, c, da, latex, cost, lo, hi) \
    [OP_##name] = {#name, 1, true, #c, {da}, latex, NULL, cost, lo, hi},
#define EW2(name, c, da, db, latex, cost, lo, hi) \
    [OP_##name] = {#name, 2, true, #c, {da, db}, latex, NULL, cost, lo, hi},
#define EW3(name, c, da, db, dc, latex, cost, lo, hi) \
    [OP_##name] = {#name, 3, true, #c, {da, db, dc}, latex, NULL, cost, lo, hi},
#define EWN(name, latex, cost) \
    [OP_##name] = {#name, -1, true, NULL, {0}, latex, NULL, cost, 0, 1},
#define ST(name, nin, latex, doc) \
    [OP_##name] = {#name, nin, false, NULL, {0}, latex, doc, 1, 0, 0},
#include "ops.def"
#undef EW1
#undef EW2
#undef EW3
#undef EWN
#undef ST
};

/* What the vmath names of ops.def mean in double precision. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double sigmoid(double x)
{
    if (x >= 0)
        return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}
/* A NaN on either side comes through, as from an addition. */
static double larger(double x, double y)
{
    return x > y || isnan(x) ? x : y;
}
static double smaller(double x, double y)
{
    return x < y || isnan(x) ? x : y;
}
/* Term by term, each from its formula. */
static double poisson_quantile(double u, double rate)
{
    double sum = exp(-rate), k = 0;
    if (!(rate > 0))
        return isnan(rate) ? rate : 0;
    while (sum < u && k < rate + 12 * sqrt(rate) + 40) {
        k++;
        sum += exp(k * log(rate) - rate - lgamma(k + 1));
    }
    return k;
}
#define vm_maxF larger
#define vm_minF smaller
#define vm_fmaF fma
#define vm_selectF(x, y, z) ((x) != 0 ? (y) : (z))
#define vm_expF exp
#define vm_logF log
#define vm_log1pF log1p
#define vm_expm1F expm1
#define vm_sqrtF sqrt
#define vm_tanhF tanh
#define vm_sigmoidF sigmoid
#define vm_softplusF softplus
#define vm_absF fabs
#define vm_signF(x) ((x) > 0 ? 1.0 : (x) < 0 ? -1.0 : 0.0)
#define vm_floorF floor
#define vm_sinF sin
#define vm_cosF cos
#define vm_erfF erf
#define vm_powF pow
#define vm_atan2F atan2
#define vm_poisson_quantileF poisson_quantile

double op_scalar(Op op, const double *x)
{
    int n = op_row[op].nin;
    double a = x[0], b = n > 1 ? x[1] : 0, c = n > 2 ? x[2] : 0;
    switch (op) {
#define EW1(name, c_, da, latex, cost, lo, hi) \
    case OP_##name:                            \
        return (double)(c_);
#define EW2(name, c_, da, db, latex, cost, lo, hi) EW1(name, c_, , , , , )
#define EW3(name, c_, da, db, dc, latex, cost, lo, hi) EW1(name, c_, , , , , )
#define EWN(name, latex, cost)
#define ST(name, nin, latex, doc)
#include "ops.def"
#undef EW1
#undef EW2
#undef EW3
#undef EWN
#undef ST
    default:
        return NAN;
    }
}

Op op_find(const char *name)
{
    for (int i = 1; i < OP_COUNT; i++)
        if (!strcmp(op_row[i].name, name))
            return (Op)i;
    return OP_NONE;
}

typedef struct Typing {
    const Graph *g;
    const Ref *in;
    int nin, a, b;
    Shape *shape; /* result */
    int *axes;    /* result; starts as the union of the operands' */
} Typing;

static const Shape *in_shape(const Typing *t, int i)
{
    return SHAPE(t->g, NODE(t->g, t->in[i])->shape);
}

static int in_axes(const Typing *t, int i)
{
    return NODE(t->g, t->in[i])->axes;
}

static const char *type_vector(const Typing *t)
{
    return in_shape(t, 0)->rank == 1 ? NULL : "operand is not a vector";
}

static const char *type_elementwise(Typing *t)
{
    *t->shape = *in_shape(t, 0);
    for (int i = 1; i < t->nin; i++) {
        const Shape *s = in_shape(t, i);
        if (!s->rank)
            continue;
        if (!t->shape->rank)
            *t->shape = *s;
        else if (memcmp(s, t->shape, sizeof *s))
            return "operands of different shape";
    }
    return NULL;
}

static const char *type_slot(Typing *t, bool at)
{
    if (t->a < 0 || t->a >= t->g->slot.n)
        return "no such slot";
    const Slot *s = SLOT(t->g, t->a);
    *t->shape = *SHAPE(t->g, s->shape);
    *t->axes = at ? s->axes & ~slot_bit(s) : s->axes;
    return NULL;
}

static const char *type_concat(Typing *t)
{
    int64_t rows = 0;
    if (!t->nin)
        return "nothing to concatenate";
    for (int i = 0; i < t->nin; i++) {
        const Shape *s = in_shape(t, i);
        rows += s->rank ? s->dim[0] : 1;
        for (int k = 1; k < s->rank; k++)
            if (s->rank != in_shape(t, 0)->rank ||
                s->dim[k] != in_shape(t, 0)->dim[k])
                return "parts differ beyond the first dim";
    }
    *t->shape = *in_shape(t, 0);
    t->shape->dim[0] = rows;
    if (!t->shape->rank)
        t->shape->rank = 1;
    return NULL;
}

/* SLICE a..b and PAD to b rows at a. */
static const char *type_rows(Typing *t, bool pad)
{
    const Shape *s = in_shape(t, 0);
    *t->shape = *s;
    if (pad) {
        int64_t rows = s->rank ? s->dim[0] : 1;
        if (t->a < 0 || t->a + rows > t->b)
            return "operand does not fit";
        if (!s->rank)
            t->shape->rank = 1;
        t->shape->dim[0] = t->b;
        return NULL;
    }
    if (!s->rank || t->a < 0 || t->b > s->dim[0] || t->a >= t->b)
        return "range outside the operand";
    t->shape->dim[0] = t->b - t->a;
    return NULL;
}

static void shape_set(Shape *s, int rank, int64_t d0, int64_t d1)
{
    memset(s, 0, sizeof *s);
    s->rank = rank;
    s->dim[0] = d0;
    s->dim[1] = d1;
}

static const char *type_products(Typing *t, Op op)
{
    const Shape *x = in_shape(t, 0), *y = in_shape(t, 1);
    int r = x->rank;
    if (op == OP_OUTER)
        *t->axes = GX_NONE;
    if (op == OP_OUTER && r == 1 && y->rank == 1) {
        shape_set(t->shape, 2, x->dim[0], y->dim[0]);
        return NULL;
    }
    if (op == OP_MATVEC) {
        if (r != 2 || y->rank != 1 || x->dim[!t->a] != y->dim[0])
            return "matrix and vector do not fit";
        shape_set(t->shape, 1, x->dim[t->a], 0);
        return NULL;
    }
    if (r < 2 || r > 3 || y->rank != r || (r == 3 && x->dim[0] != y->dim[0]))
        return "operands are not matrices";
    const int64_t *rows = x->dim + r - 2, *cols = y->dim + r - 2;
    if (rows[!t->a] != cols[t->b])
        return "matrices do not fit";
    *t->shape = *x;
    t->shape->dim[r - 2] = rows[t->a];
    t->shape->dim[r - 1] = cols[!t->b];
    return NULL;
}

static const char *type_lookup(Typing *t, Op op)
{
    const Shape *x = in_shape(t, 0);
    const Shape *index = in_shape(t, op == OP_ONEHOT ? 0 : 1);
    if (index->rank)
        return "index is not a scalar";
    switch (op) {
    case OP_ONEHOT:
        shape_set(t->shape, 1, t->a, 0);
        return NULL;
    case OP_PICK:
        shape_set(t->shape, 0, 0, 0);
        return x->rank == 1 ? NULL : "operand is not a vector";
    case OP_PLACE:
        shape_set(t->shape, 1, t->a, 0);
        return x->rank == 0 ? NULL : "operand is not a scalar";
    default: /* GATHER */
        shape_set(t->shape, 1, x->dim[1], 0);
        return x->rank == 2 && in_axes(t, 0) == GX_NONE
                   ? NULL
                   : "operand is not a constant matrix";
    }
}

/* Operators along the last dim: in each line of a matrix. */
static const char *type_lines(Typing *t, bool drop)
{
    const Shape *s = in_shape(t, 0);
    if (!s->rank)
        return "operand is a scalar";
    *t->shape = *s;
    if (drop)
        t->shape->dim[--t->shape->rank] = 0;
    return NULL;
}

/* Elements of the first dim of x at `index`, or the other way round. */
static const char *type_take(Typing *t, bool put)
{
    const Shape *x = in_shape(t, 0), *index = in_shape(t, 1);
    int skip = put ? index->rank : 1, n = 0;
    if (index->rank > 1)
        return "index is neither a number nor a vector";
    if (x->rank < skip || (put && skip && x->dim[0] != index->dim[0]))
        return "operand does not fit its index";
    if (put)
        t->shape->dim[n++] = t->a;
    for (int i = 0; i < index->rank && !put; i++)
        t->shape->dim[n++] = index->dim[i];
    if (n + x->rank - skip > SHAPE_RANK)
        return "too many dims";
    for (int i = skip; i < x->rank; i++)
        t->shape->dim[n++] = x->dim[i];
    t->shape->rank = n;
    return NULL;
}

static const char *type_square(Typing *t, Op op)
{
    const Shape *a = in_shape(t, 0);
    const Shape *y = in_shape(t, op == OP_SOLVE);
    if (a->rank != 2 || a->dim[0] != a->dim[1])
        return "operand is not a square matrix";
    *t->shape = *y;
    return y->rank > 0 && y->rank < 3 && y->dim[0] == a->dim[0]
               ? NULL
               : "right side does not fit the matrix";
}

/* ALONG replaces one time axis by another, REVERSE keeps it. */
static const char *type_along(Typing *t, bool other)
{
    *t->shape = *in_shape(t, 0);
    if (t->a < 0 || t->a >= CELL_TIMES || t->b < 0 || t->b >= CELL_TIMES)
        return "no such time axis";
    if (!(*t->axes & cell_time(t->a)))
        return "operand without that time axis";
    if (other && *t->axes & cell_time(t->b))
        return "operand has both time axes";
    if (other)
        *t->axes = (*t->axes & ~cell_time(t->a)) | cell_time(t->b);
    return NULL;
}

/* Between the slower axis a and the one that it counts the steps of. */
static const char *type_clock(Typing *t, bool every)
{
    *t->shape = *in_shape(t, 0);
    if (t->a < 0 || t->a >= t->g->time.n || t->g->time.v[t->a].like < 0)
        return "no such slower axis";
    int slow = cell_time(t->a), fast = cell_time(t->g->time.v[t->a].like);
    if (!(*t->axes & (every ? fast : slow)))
        return "operand without that time axis";
    if (*t->axes & (every ? slow : fast))
        return "operand has both time axes";
    *t->axes ^= slow | fast;
    return NULL;
}

static const char *type_own(Typing *t)
{
    *t->shape = *in_shape(t, 0);
    return t->nin % 2 ? NULL : "value, then pairs of operand and derivative";
}

static const char *type_shaped(Typing *t, bool expand)
{
    if (t->a < 0 || t->a >= t->g->shape.n)
        return "no such shape";
    int from = NODE(t->g, t->in[0])->shape;
    *t->shape = *SHAPE(t->g, t->a);
    if (expand)
        return in_shape(t, 0)->rank ? "operand is not a scalar" : NULL;
    return shape_size(t->g, from) == shape_size(t->g, t->a)
               ? NULL
               : "number of elements changes";
}

/* Every element that is read must be there. */
static const char *type_view(Typing *t, bool fold)
{
    if (t->a < 0 || t->a >= t->g->view.n)
        return "no such view";
    const ViewSpec *v = &t->g->view.v[t->a];
    const Shape *y = SHAPE(t->g, v->y);
    int64_t first = v->base, last = v->base;
    for (int i = 0; i < y->rank; i++)
        *(v->stride[i] < 0 ? &first : &last) += v->stride[i] * (y->dim[i] - 1);
    if (first < 0 || last >= shape_size(t->g, v->x))
        return "view outside the operand";
    *t->shape = *SHAPE(t->g, fold ? v->x : v->y);
    return NODE(t->g, t->in[0])->shape == (fold ? v->y : v->x)
               ? NULL
               : "operand of another shape than the view";
}

static const char *type_structural(Typing *t, Op op)
{
    switch (op) {
    case OP_CONST:
    case OP_START:
    case OP_BATCH:
    case OP_SKIP:
    case OP_PAST:
        *t->axes = GX_NONE;
        return NULL;
    case OP_LAST:
    case OP_TOTAL:
        *t->axes = GX_B;
        return NULL;
    case OP_LEN:
    case OP_TIME:
        if (t->a < 0 || t->a >= CELL_TIMES)
            return "no such time axis";
        *t->axes = op == OP_LEN ? GX_B : GX_B | cell_time(t->a);
        return NULL;
    case OP_TABLE:
        if (t->a < 0 || t->a >= t->g->table.n)
            return "no such table";
        *t->shape = *SHAPE(t->g, t->g->table.v[t->a].shape);
        return NULL;
    case OP_PARAM:
    case OP_READ:
        return type_slot(t, false);
    case OP_AT:
        return type_slot(t, true);
    case OP_FINAL:
        *t->shape = *in_shape(t, 0);
        if (t->a < 0 || t->a >= CELL_TIMES)
            return "no such time axis";
        *t->axes &= ~cell_time(t->a);
        return NULL;
    case OP_ALONG:
    case OP_REVERSE:
        return type_along(t, op == OP_ALONG);
    case OP_EVERY:
    case OP_HOLD:
        return type_clock(t, op == OP_EVERY);
    case OP_OWN:
        return type_own(t);
    case OP_EXPAND:
        return type_shaped(t, true);
    case OP_RESHAPE:
        return type_shaped(t, false);
    case OP_SUM:
        return NULL;
    case OP_MAXV:
    case OP_MINV:
        return type_vector(t);
    case OP_ARGMAX:
    case OP_LSE:
        return type_lines(t, true);
    case OP_SOFTMAX:
    case OP_CUMSUM:
        return type_lines(t, false);
    case OP_TAKE:
    case OP_PUT:
        return type_take(t, op == OP_PUT);
    case OP_EXPM:
    case OP_SOLVE:
        return type_square(t, op);
    case OP_ONEHOT:
    case OP_PICK:
    case OP_PLACE:
    case OP_GATHER:
        return type_lookup(t, op);
    case OP_SCATTER:
        *t->axes = GX_NONE;
        return type_take(t, true);
    case OP_MATVEC:
    case OP_OUTER:
    case OP_MATMUL:
        return type_products(t, op);
    case OP_TRANSPOSE:
        shape_set(t->shape, 2, in_shape(t, 0)->dim[1], in_shape(t, 0)->dim[0]);
        return in_shape(t, 0)->rank == 2 ? NULL : "operand is not a matrix";
    case OP_VIEW:
    case OP_FOLD:
        return type_view(t, op == OP_FOLD);
    case OP_CONCAT:
        return type_concat(t);
    case OP_SLICE:
        return type_rows(t, false);
    case OP_PAD:
        return type_rows(t, true);
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        *t->shape = *in_shape(t, 0);
        *t->axes &= ~t->a;
        return *t->axes & GX_TIME && !(*t->axes & CELL_B)
                   ? "sequences summed before steps"
                   : NULL;
    case OP_POOL:
        *t->shape = *in_shape(t, 0);
        if (*t->axes & ~t->b || !(t->b & CELL_B) ||
            (t->a != CELL_B && t->a != t->b))
            return "pooled over axes that its rows do not have";
        *t->axes = t->a == t->b ? GX_NONE : t->b;
        return NULL;
    default:
        return "unknown operator";
    }
}

const char *op_type(const Graph *g, Op op, int nin, const Ref *in, int a, int b,
                    double num, Shape *shape, int *axes)
{
    (void)num;
    memset(shape, 0, sizeof *shape);
    *axes = GX_NONE;
    if (op <= OP_NONE || op >= OP_COUNT)
        return "unknown operator";
    if (op_row[op].nin >= 0 && op_row[op].nin != nin)
        return "wrong number of operands";
    for (int i = 0; i < nin; i++) {
        if (!in[i] || in[i] >= (Ref)g->node.n)
            return "operand is not a node";
        *axes |= NODE(g, in[i])->axes;
    }
    if (op == OP_CALL && (a < 0 || a >= g->call.n || g->call.v[a].n != nin))
        return "no function of so many operands";
    Typing t = {g, in, nin, a, b, shape, axes};
    return OP_IS_EW(op) ? type_elementwise(&t) : type_structural(&t, op);
}
