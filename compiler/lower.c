/* Lowering: turns the tasks of each stage into kernels, operands into values.
 * Needs tasks in stages with their depths; gives the finished Sched.  The last
 * step before plan.c. */
#include "lower.h"

#include <string.h>

#include "ops.h"

static Kernel kernel_new(Lower *w, int i, KernelKind kind)
{
    const Task *k = &w->t->v.v[i];
    Kernel n = {0};
    n.kind = kind;
    n.node = k->node;
    n.span = NODE(w->g, k->node)->span;
    n.axes = k->axes;
    n.m = 1;
    n.out = value_task(w, i);
    n.n = VALUE(w, n.out)->n;
    return n;
}

static void add_in(Lower *w, Kernel *n, Val v)
{
    vec_push(w->arena, &n->in, v);
}

static void put(Lower *w, Kernel n)
{
    vec_push(w->arena, &w->stage->kernel, n);
}

/* The value of operand `in` of a row-wise kernel of task i. */
static Val row_value(Lower *w, int i, Ref in, uint8_t axes)
{
    const Task *k = &w->t->v.v[i];
    uint8_t copy;
    if (!tasks_needs_rows(w->t, k->region, in, axes, &copy))
        return value_of(w, i, in, false);
    return value_task(w, tasks_find_rows(w->t, k->fn, k->region, in, copy));
}

static void put_copy(Lower *w, int i, Val to, Val from)
{
    Kernel n = kernel_new(w, i, KN_COPY);
    n.out = to;
    n.n = VALUE(w, to)->n;
    add_in(w, &n, from);
    put(w, n);
}

static void lower_concat(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node;
    Val to = value_task(w, i);
    int64_t col = 0;
    for (int k = 0; k < NODE(g, r)->nin; k++) {
        Ref in = IN(g, r, k);
        Val v = value_of(w, i, in, true);
        int shape = NODE(g, in)->shape;
        Val part = value_view(w, to, col, 0, shape, VALUE(w, to)->axes);
        if (v != part)
            put_copy(w, i, part, v);
        col += shape_size(g, shape);
    }
}

/* A range of `rows` rows from `row` on along the first dim of task i. */
static Val range_view(Lower *w, int i, int64_t row, int64_t rows)
{
    Val to = value_task(w, i);
    Shape s = *SHAPE(w->g, NODE(w->g, w->t->v.v[i].node)->shape);
    int64_t size = VALUE(w, to)->n / s.dim[0];
    s.dim[0] = rows;
    return value_view(w, to, row * size, 0, value_shape(w, s.rank, s.dim),
                      VALUE(w, to)->axes);
}

static void lower_pad(Lower *w, int i)
{
    const Node *n = NODE(w->g, w->t->v.v[i].node);
    const Shape *in =
        SHAPE(w->g, NODE(w->g, IN(w->g, w->t->v.v[i].node, 0))->shape);
    int64_t rows = in->rank ? in->dim[0] : 1;
    Val zero = value_const(w, 0);
    if (n->a > 0)
        put_copy(w, i, range_view(w, i, 0, n->a), zero);
    put_copy(w, i, range_view(w, i, n->a, rows),
             value_of(w, i, IN(w->g, w->t->v.v[i].node, 0), true));
    if (n->a + rows < n->b)
        put_copy(w, i, range_view(w, i, n->a + rows, n->b - n->a - rows), zero);
}

static Val pack_value(Lower *w, int i, Ref matrix, bool trans)
{
    return value_task(w, tasks_find_pack(w->t, w->t->v.v[i].fn, matrix, trans));
}

static void lower_matvec(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node, in = IN(g, r, 1);
    Kernel n = kernel_new(w, i, KN_GEMM);
    n.k = shape_size(g, NODE(g, in)->shape);
    add_in(w, &n, row_value(w, i, in, tasks_axes(g, r)));
    add_in(w, &n, pack_value(w, i, IN(g, r, 0), !NODE(g, r)->a));
    put(w, n);
}

static void lower_matmul(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node, a = IN(g, r, 0), b = IN(g, r, 1);
    const Node *node = NODE(g, r);
    int64_t rows = SHAPE(g, node->shape)->dim[0];
    Kernel n = kernel_new(w, i, node->a && !node->b ? KN_OUTER : KN_GEMM);
    Val x = value_of(w, i, a, false);
    n.m = rows;
    n.n = SHAPE(g, node->shape)->dim[1];
    n.k = shape_size(g, NODE(g, a)->shape) / rows;
    if (n.kind == KN_OUTER) {
        n.m = n.k; /* rows that are summed */
        n.k = n.n;
        n.n = rows;
        add_in(w, &n, x);
        add_in(w, &n, value_of(w, i, b, false));
        put(w, n);
        return;
    }
    if (node->a) {
        int64_t dim[2] = {rows, n.k};
        Kernel turn = kernel_new(w, i, KN_TRANSPOSE);
        turn.out = value_new(w, VAL_BUFFER, 0, value_shape(w, 2, dim), GX_NONE);
        turn.m = rows;
        turn.n = n.k;
        add_in(w, &turn, x);
        put(w, turn);
        x = turn.out;
    }
    add_in(w, &n, x);
    add_in(w, &n, pack_value(w, i, b, node->b));
    put(w, n);
}

/* A product in each row.  A column on the right counts as a row on the left, so
 * that the inner loop runs along rows of the matrix. */
static void lower_product(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node, a = IN(g, r, 0), b = IN(g, r, 1);
    const Node *node = NODE(g, r);
    const Shape *x = SHAPE(g, NODE(g, a)->shape), *y = SHAPE(g, node->shape);
    bool vector = node->op == OP_MATVEC;
    Kernel n = kernel_new(w, i, KN_PRODUCT);
    n.axes = tasks_axes(g, r);
    n.parts = x->rank == 3 ? x->dim[0] : 1;
    n.m = vector ? y->dim[0] : y->dim[y->rank - 2];
    n.n = vector ? 1 : y->dim[y->rank - 1];
    n.k = x->dim[x->rank - (node->a ? 2 : 1)];
    n.ta = node->a;
    n.tb = node->b;
    n.add = node->op == OP_OUTER;
    if (n.n == 1) {
        Ref column = b;
        b = a;
        a = column;
        n.tb = !n.ta;
        n.n = n.m;
        n.m = 1;
    }
    n.ta = n.ta && n.m > 1 && n.k > 1;
    n.tb = n.tb && n.k > 1;
    add_in(w, &n, value_of(w, i, a, false));
    add_in(w, &n, value_of(w, i, b, false));
    put(w, n);
}

static void lower_at(Lower *w, int i)
{
    const Node *node = NODE(w->g, w->t->v.v[i].node);
    Kernel n = kernel_new(w, i, KN_AT);
    n.row = node->b - 1;
    add_in(w, &n, w->s->slot_val[node->a]);
    if (node->num != 0)
        add_in(w, &n, w->s->len[SLOT(w->g, node->a)->axis]);
    put(w, n);
}

static void lower_along(Lower *w, int i)
{
    const Node *node = NODE(w->g, w->t->v.v[i].node);
    Val from = value_of(w, i, IN(w->g, w->t->v.v[i].node, 0), false);
    put_copy(w, i, value_task(w, i), value_along(w, from, node->a, node->b));
}

static void lower_reverse(Lower *w, int i)
{
    Ref r = w->t->v.v[i].node;
    const Node *node = NODE(w->g, r);
    Kernel n = kernel_new(w, i, KN_REVERSE);
    n.over = (uint8_t)cell_time(node->a);
    add_in(w, &n, row_value(w, i, IN(w->g, r, 0), node->axes));
    add_in(w, &n, w->s->len[node->a]);
    put(w, n);
}

static void lower_clock(Lower *w, int i, KernelKind kind)
{
    Ref r = w->t->v.v[i].node;
    const Node *node = NODE(w->g, r);
    Kernel n = kernel_new(w, i, kind);
    n.rate = sched_rate(w->s, node->a);
    n.row = kind == KN_EVERY ? -1 - node->b : 1 + node->b - n.rate;
    n.parts = kind == KN_EVERY ? (int64_t)node->num : 1;
    n.over = (uint8_t)cell_time(node->a);
    n.from = NODE(w->g, IN(w->g, r, 0))->axes;
    add_in(w, &n, row_value(w, i, IN(w->g, r, 0), n.from));
    put(w, n);
}

/* What sum i adds up. */
static void add_summed(Lower *w, int i, Kernel *n, Ref in)
{
    Ref r = w->t->v.v[i].node, factor[SUMMED_MOST], where;
    int count =
        n->kind == KN_SUMA ? level_summed_parts(w->l, r, factor, &where) : 0;
    for (int k = 0; k < count; k++)
        add_in(w, n, value_of(w, i, factor[k], false));
    if (count && where) {
        add_in(w, n, value_of(w, i, where, false));
        n->where = true;
    }
    if (count)
        return;
    if (w->l->alike[in]) {
        add_in(w, n, value_of(w, i, in, false));
    } else {
        add_in(w, n, row_value(w, i, in, n->from));
    }
}

static void lower_axis(Lower *w, int i, KernelKind kind)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node;
    Ref in = kind == KN_SUMA ? level_summed(w->l, r) : IN(g, r, 0);
    Kernel n = kernel_new(w, i, kind);
    n.from = level_axes(w->l, in);
    n.over = (uint8_t)(NODE(g, r)->a & n.from);
    if (!n.over)
        n.kind = KN_COPY;
    add_summed(w, i, &n, in);
    put(w, n);
}

/* Over everything, or where its rows are those of steps, it is a sum like
 * others. */
static void lower_pool(Lower *w, int i)
{
    Ref r = w->t->v.v[i].node, in = level_summed(w->l, r);
    const Node *node = NODE(w->g, r);
    bool rows = w->t->v.v[i].axes & CELL_B;
    Kernel n = kernel_new(w, i, rows ? KN_POOL : KN_SUMA);
    n.from = (uint8_t)node->b;
    n.over = (uint8_t)node->a;
    if (w->l->alike[in])
        n.from = n.over = level_axes(w->l, in);
    add_summed(w, i, &n, in);
    put(w, n);
}

/* Operators whose kernel has the same operands. */
static void lower_rows(Lower *w, int i, KernelKind kind)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node;
    const Node *node = NODE(g, r);
    Kernel n = kernel_new(w, i, kind);
    n.axes = tasks_axes(g, r);
    for (int k = 0; k < node->nin; k++) {
        Ref in = IN(g, r, k);
        bool rows = tasks_rowwise(g, r, k);
        add_in(w, &n,
               rows ? row_value(w, i, in, n.axes) : value_of(w, i, in, false));
    }
    n.view = node->a;
    int64_t size0 = node->nin ? shape_size(g, NODE(g, IN(g, r, 0))->shape) : 0;
    n.k = size0;
    if (kind == KN_GATHER)
        n.k = SHAPE(g, NODE(g, IN(g, r, 0))->shape)->dim[0];
    if (kind == KN_OUTER) {
        n.n = size0;
        n.k = shape_size(g, NODE(g, IN(g, r, 1))->shape);
    }
    if (kind == KN_SCATTER) {
        n.k = SHAPE(g, node->shape)->dim[0];
        n.n = shape_size(g, node->shape) / n.k;
        n.parts = size0 / n.n;
    }
    put(w, n);
}

static int64_t last_dim(const Graph *g, Ref r)
{
    const Shape *s = SHAPE(g, NODE(g, r)->shape);
    return s->dim[s->rank - 1];
}

/* Operators along the last dim. */
static void lower_lines(Lower *w, int i, KernelKind kind)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node, in = IN(g, r, 0);
    Kernel n = kernel_new(w, i, kind);
    n.k = last_dim(g, in);
    n.parts = shape_size(g, NODE(g, in)->shape) / n.k;
    n.trans = NODE(g, r)->a;
    add_in(w, &n, row_value(w, i, in, tasks_axes(g, r)));
    put(w, n);
}

/* Memory that a kernel works in. */
static void add_room(Lower *w, Kernel *n, int64_t reals)
{
    Val v = value_new(w, VAL_BUFFER, 0, value_shape(w, 1, &reals), GX_NONE);
    VALUE(w, v)->name = "room";
    add_in(w, n, v);
}

static void lower_square(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node;
    bool solve = NODE(g, r)->op == OP_SOLVE;
    Kernel n = kernel_new(w, i, solve ? KN_SOLVE : KN_EXPM);
    n.n = SHAPE(g, NODE(g, r)->shape)->dim[0];
    n.k = shape_size(g, NODE(g, r)->shape) / n.n;
    for (int k = 0; k < NODE(g, r)->nin; k++)
        add_in(w, &n, value_of(w, i, IN(g, r, k), false));
    add_room(w, &n, solve ? n.n * n.n : 5 * n.n * n.n);
    put(w, n);
}

static void lower_take(Lower *w, int i)
{
    const Graph *g = w->g;
    Ref r = w->t->v.v[i].node, in = IN(g, r, 0);
    bool is_put = NODE(g, r)->op == OP_PUT;
    const Shape *limit = SHAPE(g, NODE(g, is_put ? r : in)->shape);
    bool one = is_put && NODE(g, r)->axes == GX_NONE;
    Kernel n = kernel_new(w, i, one ? KN_SCATTER : is_put ? KN_PUT : KN_TAKE);
    n.k = limit->dim[0];
    n.n = shape_size(g, NODE(g, is_put ? r : in)->shape) / n.k;
    n.m = shape_size(g, NODE(g, IN(g, r, 1))->shape);
    if (one)
        n.parts = n.m;
    add_in(w, &n, value_of(w, i, in, false));
    add_in(w, &n, value_of(w, i, IN(g, r, 1), false));
    put(w, n);
}

/* In each row a VIEW with the strides exchanged. */
static void lower_transpose(Lower *w, int i)
{
    const Graph *g = w->g;
    const Node *node = NODE(g, w->t->v.v[i].node);
    Ref in = IN(g, w->t->v.v[i].node, 0);
    bool one = node->axes == GX_NONE;
    Kernel n = kernel_new(w, i, one ? KN_TRANSPOSE : KN_VIEW);
    const Shape *y = SHAPE(g, node->shape);
    int64_t stride[2] = {1, y->dim[0]};
    if (one) {
        n.m = y->dim[0];
        n.n = y->dim[1];
    } else {
        n.view = graph_view_spec((Graph *)g, NODE(g, in)->shape, node->shape, 0,
                                 stride);
    }
    add_in(w, &n, value_of(w, i, in, false));
    put(w, n);
}

static void lower_node(Lower *w, int i)
{
    Ref r = w->t->v.v[i].node;
    if (tasks_small_product(w->g, r)) {
        lower_product(w, i);
        return;
    }
    switch (NODE(w->g, r)->op) {
    case OP_EXPAND:
        put_copy(w, i, value_task(w, i), value_of(w, i, r, true));
        break;
    case OP_CONCAT:
        lower_concat(w, i);
        break;
    case OP_PAD:
        lower_pad(w, i);
        break;
    case OP_MATVEC:
        lower_matvec(w, i);
        break;
    case OP_MATMUL:
        lower_matmul(w, i);
        break;
    case OP_TRANSPOSE:
        lower_transpose(w, i);
        break;
    case OP_EXPM:
    case OP_SOLVE:
        lower_square(w, i);
        break;
    case OP_TAKE:
    case OP_PUT:
        lower_take(w, i);
        break;
    case OP_ARGMAX:
        lower_lines(w, i, KN_ARGMAX);
        break;
    case OP_LSE:
        lower_lines(w, i, KN_LSE);
        break;
    case OP_SOFTMAX:
        lower_lines(w, i, KN_SOFTMAX);
        break;
    case OP_CUMSUM:
        lower_lines(w, i, KN_CUMSUM);
        break;
    case OP_AT:
        lower_at(w, i);
        break;
    case OP_ALONG:
        lower_along(w, i);
        break;
    case OP_REVERSE:
        lower_reverse(w, i);
        break;
    case OP_EVERY:
        lower_clock(w, i, KN_EVERY);
        break;
    case OP_HOLD:
        lower_clock(w, i, KN_HOLD);
        break;
    case OP_SUMA:
        lower_axis(w, i, KN_SUMA);
        break;
    case OP_MAXA:
        lower_axis(w, i, KN_MAXA);
        break;
    case OP_MINA:
        lower_axis(w, i, KN_MINA);
        break;
    case OP_POOL:
        lower_pool(w, i);
        break;
#define ROWS(op)                   \
    case OP_##op:                  \
        lower_rows(w, i, KN_##op); \
        break;
        ROWS(OUTER)
        ROWS(VIEW)
        ROWS(FOLD)
        ROWS(GATHER)
        ROWS(SCATTER)
        ROWS(SUM)
        ROWS(MAXV)
        ROWS(MINV)
        ROWS(ONEHOT)
        ROWS(PLACE)
#undef ROWS
    case OP_PICK:
        lower_rows(w, i, tasks_rowwise(w->g, r, 0) ? KN_PICK : KN_GATHER);
        break;
    default:
        arena_panic(w->arena, "schedule: no kernel for %s",
                    op_row[NODE(w->g, r)->op].name);
    }
}

/* ---- ends of a slot ---- */

/* Boundary value of index `at` (0, -1, ...): that entry, or the last beyond
 * it; 0 where nothing is written. */
static Ref bound_before(const Slot *s, int at)
{
    for (int i = 0; i < s->lo.n; i++)
        if (s->lo.v[i].at == at || (i == s->lo.n - 1 && at < s->lo.v[i].at))
            return s->lo.v[i].value;
    return 0;
}

static void lower_bound(Lower *w, int i)
{
    int index = w->t->v.v[i].index;
    const Slot *s = SLOT(w->g, index);
    Val to = w->s->slot_val[index];
    uint8_t axes = (uint8_t)(s->axes & ~slot_bit(s));
    for (int k = 0; k < w->l->lag[index]; k++) {
        Ref v = bound_before(s, -k);
        Kernel n = kernel_new(w, i, KN_COPY);
        n.axes = axes;
        n.out = value_view(w, to, 0, -1 - k, s->shape, axes);
        n.on_start = s->kind != SLOT_COT; /* else they are carried */
        add_in(w, &n, v ? value_of(w, i, v, true) : value_const(w, 0));
        put(w, n);
    }
}

static void put_tail(Lower *w, int i, int row, Val v)
{
    Kernel n = kernel_new(w, i, KN_TAIL);
    n.row = row;
    add_in(w, &n, v);
    add_in(w, &n, w->s->len[SLOT(w->g, w->t->v.v[i].index)->axis]);
    put(w, n);
}

/* Each entry fills everything from its index on, later ones over it. */
static void lower_tail(Lower *w, int i)
{
    const Slot *s = SLOT(w->g, w->t->v.v[i].index);
    int next = 1;
    for (int k = 0; k < s->hi.n; k++) {
        if (s->hi.v[k].at > next)
            put_tail(w, i, next - 1, value_const(w, 0));
        put_tail(w, i, s->hi.v[k].at - 1,
                 value_of(w, i, s->hi.v[k].value, true));
        next = s->hi.v[k].at + 1;
    }
    if (!s->hi.n)
        put_tail(w, i, 0, value_const(w, 0));
}

/* ---- clusters ---- */

static int inst_of(const int *member, int n, int task)
{
    for (int i = 0; i < n; i++)
        if (member[i] == task)
            return i;
    return -1;
}

static int input_of(Lower *w, Kernel *n, Val v)
{
    for (int i = 0; i < n->in.n; i++)
        if (n->in.v[i] == v)
            return ~i;
    add_in(w, n, v);
    return ~(n->in.n - 1);
}

static void put_fused(Lower *w, const int *member, int count)
{
    const Graph *g = w->g;
    const Task *first = &w->t->v.v[member[0]];
    Kernel n = {0};
    n.kind = KN_FUSED;
    n.node = first->node;
    n.span = NODE(g, first->node)->span;
    n.axes = first->axes;
    n.m = 1;
    n.n = shape_size(g, NODE(g, first->node)->shape);
    n.out = -1;
    for (int i = 0; i < count; i++) {
        const Task *k = &w->t->v.v[member[i]];
        const Node *node = NODE(g, k->node);
        bool own = OP_IS_EW(node->op); /* else an outer product */
        Inst x = {own ? (Op)node->op : OP_mul, k->node, node->nin, {0}, -1};
        for (int o = 0; o < node->nin; o++) {
            Spread how;
            Ref r = level_operand(w->l, k->node, o, &how);
            int task = -1;
            if (NODE(g, r)->op != OP_SLICE && !level_leaf(w->l, r))
                task = tasks_find(w->t, k->fn, k->region, r);
            int from = how ? -1 : inst_of(member, i, task);
            Val v = from < 0 ? value_of(w, member[i], r, true) : -1;
            if (how) {
                v = value_spread(w, v, how, node->shape);
                n.k = level_line(w->l, k->node);
            }
            x.in[o] = from >= 0 ? from : input_of(w, &n, v);
        }
        if (k->stored)
            x.out = value_task(w, member[i]);
        vec_push(w->arena, &n.inst, x);
    }
    put(w, n);
}

/* ---- stages ---- */

static void lower_task(Lower *w, int i)
{
    switch (w->t->v.v[i].kind) {
    case TK_NODE:
        lower_node(w, i);
        break;
    case TK_PACK: {
        const Task *k = &w->t->v.v[i];
        Kernel n = kernel_new(w, i, KN_PACK);
        n.axes = GX_NONE;
        n.trans = k->trans;
        n.n = VALUE(w, n.out)->pn;
        n.k = VALUE(w, n.out)->pk;
        add_in(w, &n, value_of(w, i, k->node, false));
        put(w, n);
        break;
    }
    case TK_ROWS:
    case TK_SLOT:
        put_copy(w, i, value_task(w, i),
                 value_of(w, i, w->t->v.v[i].node, true));
        break;
    case TK_ROOT:
        put_copy(w, i, value_task(w, i),
                 w->t->v.v[i].index < 0
                     ? value_const(w, 0)
                     : value_of(w, i, w->t->v.v[i].node, true));
        break;
    case TK_BOUND:
        lower_bound(w, i);
        break;
    case TK_TAIL:
        lower_tail(w, i);
        break;
    }
}

static void lower_stage(Lower *w, int *task, int n)
{
    bool *done = NEW_N(w->arena, bool, n + 1);
    int *member = NEW_N(w->arena, int, n + 1), left = n;
    for (int depth = 0; left > 0; depth++)
        for (int i = 0; i < n; i++) {
            if (done[i] || w->t->v.v[task[i]].depth != depth)
                continue;
            if (!fuse_elementwise(w->t, task[i])) {
                lower_task(w, task[i]);
                done[i] = true;
                left--;
                continue;
            }
            int count = 0;
            for (int k = i; k < n; k++)
                if (!done[k] && fuse_same(w->t, task[i], task[k])) {
                    member[count++] = task[k];
                    done[k] = true;
                }
            put_fused(w, member, count);
            left -= count;
        }
}

void lower_tasks(Tasks *t, Sched *s)
{
    Lower w = {0};
    w.t = t;
    w.l = t->l;
    w.g = t->g;
    w.s = s;
    w.arena = t->arena;
    value_begin(&w);
    int *task = NEW_N(t->arena, int, t->v.n + 1);
    for (int f = 0; f < FN_COUNT; f++)
        for (int st = 0; st < s->fn[f].stage.n; st++) {
            int n = 0;
            for (int i = 0; i < t->v.n; i++)
                if (t->v.v[i].fn == f && t->v.v[i].stage == st) {
                    task[t->v.v[i].place] = i;
                    n++;
                }
            w.stage = &s->fn[f].stage.v[st];
            lower_stage(&w, task, n);
        }
    value_lives(&w);
}
