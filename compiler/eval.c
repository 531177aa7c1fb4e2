/* The interpreter's time: rows by demand, memoised per node and step; slots
 * with their bounds, padding and carried rows.  See eval.h. */
#include "evalint.h"

#include <string.h>

int64_t eval_width(const Eval *e, Ref r)
{
    return shape_size(e->g, NODE(e->g, r)->shape);
}

static int64_t place(const Eval *e, Ref r, int64_t t, int64_t b)
{
    int axes = NODE(e->g, r)->axes;
    int64_t row = axes == GX_TB ? t * e->B + b : axes ? b : 0;
    return row * eval_width(e, r);
}

const double *eval_row(const Eval *e, Ref r, int64_t t, int64_t b)
{
    return e->val[r] + place(e, r, t, b);
}

static double load(const Eval *e, const void *block, int64_t i)
{
    return e->d->real_bytes == 8 ? ((const double *)block)[i]
                                 : (double)((const float *)block)[i];
}

static void store(const Eval *e, void *block, int64_t i, double v)
{
    if (e->d->real_bytes == 8)
        ((double *)block)[i] = v;
    else
        ((float *)block)[i] = (float)v;
}

static int64_t tensor_at(const Eval *e, const CellTensor *x, int64_t t,
                         int64_t b, int64_t n)
{
    int64_t at = cell_size(x->at, e->T, e->B);
    if (x->axes & CELL_T)
        return at + (t * e->B + b) * n;
    return x->axes & CELL_B ? at + b * n : at;
}

/* Value outside 1..end: entry for index j, else what the outermost covers. */
static Ref bound_at(const Bound *b, int n, int j, bool end)
{
    for (int i = 0; i < n; i++)
        if (b[i].at == j)
            return b[i].value;
    bool beyond = n && (end ? j > b[n - 1].at : j < b[n - 1].at);
    return beyond ? b[n - 1].value : 0;
}

static const double *bound_row(Eval *e, const Slot *s, int j, bool end,
                               int64_t b)
{
    Ref r = end ? bound_at(s->hi.v, s->hi.n, j, true)
                : bound_at(s->lo.v, s->lo.n, j, false);
    int64_t n = shape_size(e->g, s->shape);
    double *row = NEW_N(e->tmp, double, n);
    if (!r)
        return row;
    eval_demand(e, r, 0);
    const double *v = eval_row(e, r, 0, b);
    bool scalar = eval_width(e, r) == 1;
    for (int64_t i = 0; i < n; i++)
        row[i] = v[scalar ? 0 : i];
    return row;
}

static const double *work_row(Eval *e, int s, int64_t t, int64_t b)
{
    int64_t n = shape_size(e->g, SLOT(e->g, s)->shape);
    double *row = NEW_N(e->tmp, double, n);
    const CellTensor *x = e->slot_tensor[s];
    if (!x)
        return row;
    int64_t at = tensor_at(e, x, t, b, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = load(e, e->work, at + i);
    return row;
}

/* Steps of a loop in its own direction, so that recursion stays shallow. */
static void demand_swept(Eval *e, Ref root, int64_t t)
{
    int comp = e->causal->comp[root];
    if (comp < 0) {
        eval_demand(e, root, t);
    } else if (e->causal->v.v[comp].dir > 0) {
        for (int64_t u = 0; u <= t; u++)
            eval_demand(e, root, u);
    } else {
        for (int64_t u = e->T - 1; u >= t; u--)
            eval_demand(e, root, u);
    }
}

const double *eval_slot_row(Eval *e, int slot, int64_t t, int64_t b)
{
    const Slot *s = SLOT(e->g, slot);
    int64_t len = (int64_t)e->len[b];
    if (t < 0 && !e->start && e->slot_tensor[slot] &&
        -t <= e->slot_tensor[slot]->lag)
        return work_row(e, slot, t, b);
    if (t < 0)
        return bound_row(e, s, (int)(t + 1), false, b);
    if (t >= len)
        return bound_row(e, s, (int)(t - len + 1), true, b);
    if (!s->root)
        return work_row(e, slot, t, b);
    demand_swept(e, s->root, t);
    const double *v = eval_row(e, s->root, t, b);
    int64_t n = shape_size(e->g, s->shape);
    if (eval_width(e, s->root) == n)
        return v;
    double *row = NEW_N(e->tmp, double, n);
    for (int64_t i = 0; i < n; i++)
        row[i] = *v;
    return row;
}

/* READ at offset 0 of an input: padding rows as they are in work. */
static const double *read_row(Eval *e, const Node *n, int64_t t, int64_t b)
{
    const Slot *s = SLOT(e->g, n->a);
    if (s->axes != GX_TB && s->root) {
        eval_demand(e, s->root, 0);
        return eval_row(e, s->root, 0, b);
    }
    if (!n->b && s->root) {
        demand_swept(e, s->root, t);
        return eval_row(e, s->root, t, b);
    }
    if (!n->b || s->axes != GX_TB)
        return work_row(e, n->a, t, b);
    return eval_slot_row(e, n->a, t + n->b, b);
}

static void elementwise(Eval *e, Ref r, int64_t t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    int64_t w = eval_width(e, r);
    const double *in[3] = {0};
    int64_t step[3] = {0};
    for (int i = 0; i < n->nin; i++) {
        Ref x = IN(e->g, r, i);
        in[i] = eval_row(e, x, t, b);
        step[i] = eval_width(e, x) == w && w > 1;
    }
    for (int64_t k = 0; k < w; k++) {
        double x[3] = {0};
        for (int i = 0; i < n->nin; i++)
            x[i] = in[i][k * step[i]];
        out[k] = op_scalar((Op)n->op, x);
    }
}

static void leaf_or_slot(Eval *e, Ref r, int64_t t, int64_t b, double *out)
{
    const Node *n = NODE(e->g, r);
    int64_t w = eval_width(e, r);
    const double *from = NULL;
    switch (n->op) {
    case OP_PARAM:
        for (int64_t i = 0; i < w; i++)
            out[i] = load(e, e->params, e->plan->s->param_at[n->a] + i);
        return;
    case OP_READ:
        from = read_row(e, n, t, b);
        break;
    case OP_AT: {
        int64_t step = n->num != 0 ? (int64_t)e->len[b] + n->b - 1 : n->b - 1;
        from = eval_slot_row(e, n->a, step, b);
        break;
    }
    case OP_CONST:
        *out = n->num;
        return;
    case OP_TIME:
        *out = (double)(t + 1);
        return;
    case OP_LEN:
        *out = e->len[b];
        return;
    case OP_TABLE:
        from = e->g->table.v[n->a].v;
        break;
    case OP_START:
        *out = e->start;
        return;
    case OP_LAST:
    case OP_BATCH:
    case OP_TOTAL: {
        int role = n->op == OP_LAST    ? CELL_LAST
                   : n->op == OP_BATCH ? CELL_BATCH
                                       : CELL_TOTAL;
        const CellTensor *x = n->op == OP_TOTAL ? e->total[n->a] : NULL;
        for (int i = 0; !x && i < e->d->ntensor; i++)
            if (e->d->tensor[i].role == role)
                x = &e->d->tensor[i];
        *out = x ? load(e, e->work, tensor_at(e, x, 0, b, 1)) : 1;
        return;
    }
    default:
        eval_structural(e, r, t, b, out);
        return;
    }
    memcpy(out, from, sizeof *out * (size_t)w);
}

static bool over_rows(Op op)
{
    return op == OP_SUMA || op == OP_MAXA || op == OP_MINA || op == OP_OUTER ||
           op == OP_SCATTER || op == OP_POOL;
}

void eval_demand(Eval *e, Ref r, int64_t t)
{
    const Node *n = NODE(e->g, r);
    bool steps = n->axes == GX_TB;
    int64_t w = eval_width(e, r), rows = n->axes ? e->B : 1;
    if (!e->val[r]) {
        e->val[r] = NEW_N(e->tmp, double, w *rows *(steps ? e->T : 1));
        e->done[r] = NEW_N(e->tmp, char, steps ? e->T : 1);
    }
    t = steps ? t : 0;
    if (e->done[r][t])
        return;
    e->done[r][t] = 1;
    if (over_rows((Op)n->op)) {
        eval_over_rows(e, r, t, e->val[r] + place(e, r, t, 0));
        return;
    }
    for (int i = 0; i < n->nin; i++)
        eval_demand(e, IN(e->g, r, i), t);
    for (int64_t b = 0; b < rows; b++) {
        double *out = e->val[r] + place(e, r, t, b);
        if (OP_IS_EW(n->op))
            elementwise(e, r, t, b, out);
        else
            leaf_or_slot(e, r, t, b, out);
    }
}

/* Writes node r (and for states the rows before step 1) to its tensor. */
static void write_tensor(Eval *e, const CellTensor *x, Ref r, void *block)
{
    int64_t n = 1, T = x->axes & CELL_T ? e->T : 1;
    int64_t B = x->axes & CELL_B ? e->B : 1;
    for (int i = 0; i < x->rank; i++)
        n *= x->dim[i];
    bool swept = NODE(e->g, r)->axes == GX_TB;
    for (int64_t t = 0; t < T; t++) {
        if (swept)
            demand_swept(e, r, e->T - 1);
        if (swept)
            demand_swept(e, r, 0);
        eval_demand(e, r, t);
        bool scalar = eval_width(e, r) == 1;
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < n; i++)
                store(e, block, tensor_at(e, x, t, b, n) + i,
                      eval_row(e, r, t, b)[scalar ? 0 : i]);
    }
}

static void write_lag(Eval *e, const CellTensor *x, int slot)
{
    int64_t n = shape_size(e->g, SLOT(e->g, slot)->shape);
    for (int64_t t = -x->lag; e->start && t < 0; t++)
        for (int64_t b = 0; b < e->B; b++) {
            const double *row = eval_slot_row(e, slot, t, b);
            for (int64_t i = 0; i < n; i++)
                store(e, e->work, tensor_at(e, x, t, b, n) + i, row[i]);
        }
}

static void run_forward(Eval *e)
{
    for (int s = 0; s < e->g->slot.n; s++) {
        const CellTensor *x = e->slot_tensor[s];
        if (x && x->lag)
            write_lag(e, x, s);
    }
    for (int i = 0; i < e->d->ntensor; i++) {
        const CellTensor *x = &e->d->tensor[i];
        int s = x->role == CELL_STATE ? graph_slot_find(e->g, x->name) : -1;
        if (s >= 0 && SLOT(e->g, s)->root)
            write_tensor(e, x, SLOT(e->g, s)->root, e->work);
    }
}

static void run_roots(Eval *e, bool grads, void *grad_block)
{
    for (int i = 0; i < e->g->root.n; i++) {
        const Root *r = &e->g->root.v[i];
        if ((r->role == CELL_GRAD) != grads)
            continue;
        if (grads && r->slot >= 0 && SLOT(e->g, r->slot)->kind == SLOT_PARAM) {
            int64_t at = e->plan->s->param_at[r->slot];
            eval_demand(e, r->value, 0);
            bool scalar = eval_width(e, r->value) == 1;
            int64_t n = shape_size(e->g, SLOT(e->g, r->slot)->shape);
            for (int64_t k = 0; at >= 0 && k < n; k++)
                store(e, grad_block, at + k,
                      eval_row(e, r->value, 0, 0)[scalar ? 0 : k]);
            continue;
        }
        for (int k = 0; k < e->d->ntensor; k++)
            if (e->d->tensor[k].role == r->role &&
                !strcmp(e->d->tensor[k].name, r->name))
                write_tensor(e, &e->d->tensor[k], r->value, e->work);
    }
}

static void find_tensors(Eval *e)
{
    const Graph *g = e->g;
    e->slot_tensor = NEW_N(e->tmp, const CellTensor *, g->slot.n + 1);
    e->total = NEW_N(e->tmp, const CellTensor *, g->root.n + 1);
    for (int i = 0; i < e->d->ntensor; i++) {
        const CellTensor *x = &e->d->tensor[i];
        if (x->role == CELL_LENGTH)
            for (int64_t b = 0; b < e->B; b++)
                e->len[b] = load(e, e->work, tensor_at(e, x, 0, b, 1));
        if (x->role == CELL_START)
            e->start = load(e, e->work, tensor_at(e, x, 0, 0, 1)) != 0;
        for (int k = 0; x->role == CELL_TOTAL && k < g->root.n; k++)
            if (g->root.v[k].role == CELL_TERM &&
                !strcmp(g->root.v[k].name, x->name + strlen("total.")))
                e->total[k] = x;
        if (x->role != CELL_INPUT && x->role != CELL_NOISE &&
            x->role != CELL_STATE)
            continue;
        int s = graph_slot_find(g, x->name);
        if (s >= 0)
            e->slot_tensor[s] = x;
    }
}

typedef struct EvalUser {
    const Graph *g;
    const Plan *plan;
    Causal causal;
} EvalUser;

static int eval_run(const CellDesc *d, int fn, const void *params, void *grads,
                    void *work, int64_t T, int64_t B)
{
    const EvalUser *u = d->user;
    Eval e;
    memset(&e, 0, sizeof e);
    e.g = u->g;
    e.plan = u->plan;
    e.causal = &u->causal;
    e.d = d;
    e.tmp = arena_new(NULL);
    e.T = T;
    e.B = B;
    e.params = params;
    e.work = work;
    e.val = NEW_N(e.tmp, double *, u->g->node.n);
    e.done = NEW_N(e.tmp, char *, u->g->node.n);
    e.len = NEW_N(e.tmp, double, B);
    find_tensors(&e);
    if (!fn)
        run_forward(&e);
    run_roots(&e, fn == 1, grads);
    arena_free(e.tmp);
    return 0;
}

static int not_compiled(const void *params, void *grads, void *work, int64_t T,
                        int64_t B)
{
    (void)params;
    (void)grads;
    (void)work;
    (void)T;
    (void)B;
    return 1;
}

void eval_attach(CellDesc *d, const Graph *g, const Plan *p, Arena *a)
{
    EvalUser *u = NEW(a, EvalUser);
    bool grad = false;
    u->g = g;
    u->plan = p;
    u->causal = causal_find(g, a);
    for (int i = 0; i < g->root.n; i++)
        grad |= g->root.v[i].role == CELL_GRAD;
    d->run = eval_run;
    d->user = u;
    d->forward = not_compiled; /* run is called instead of both */
    d->backward = grad ? not_compiled : NULL;
}
