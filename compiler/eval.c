/* The interpreter's time: rows by demand, memoised per node and step; slots
 * with their bounds, padding and carried rows.  See eval.h. */
#include "evalint.h"

#include <string.h>

int64_t eval_width(const Eval *e, Ref r)
{
    return shape_size(e->g, NODE(e->g, r)->shape);
}

/* Number of step t among those of the time axes that `axes` has. */
static int64_t step_number(const Eval *e, int axes, Step t)
{
    int64_t step = 0;
    for (int i = CELL_TIMES - 1; i >= 0; i--)
        if (axes & cell_time(i))
            step = step * e->n[cell_time_at(i)] + t.t[i];
    return step;
}

static int64_t place(const Eval *e, Ref r, Step t, int64_t b)
{
    int axes = NODE(e->g, r)->axes;
    int64_t row = step_number(e, axes, t);
    if (axes & CELL_B)
        row = row * e->n[CELL_AT_B] + b;
    return row * eval_width(e, r);
}

bool eval_next(const Eval *e, int axes, Step *t)
{
    for (int i = 0; i < CELL_TIMES; i++) {
        if (!(axes & cell_time(i)))
            continue;
        if (++t->t[i] < e->n[cell_time_at(i)])
            return true;
        t->t[i] = 0;
    }
    return false;
}

const double *eval_row(const Eval *e, Ref r, Step t, int64_t b)
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

static int64_t tensor_at(const Eval *e, const CellTensor *x, Step t, int64_t b,
                         int64_t n)
{
    int64_t i[CELL_AXES];
    i[CELL_AT_B] = b;
    for (int k = 0; k < CELL_TIMES; k++)
        i[cell_time_at(k)] = t.t[k];
    return cell_size(x->at, e->n) + cell_row(x, e->n, i) * n;
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

/* Whether the caller has put that row, or the chunk before has left it. */
static bool is_given(const Eval *e, int slot, Step t, int64_t b)
{
    const Slot *s = SLOT(e->g, slot);
    const CellTensor *x = e->slot_tensor[slot];
    int64_t u = t.t[s->axis];
    if (u < 0)
        return !e->start && x && -u <= x->lag;
    return u < (int64_t)e->len[s->axis][b] && !s->root;
}

Ref eval_slot_node(const Eval *e, int slot, Step t, int64_t b)
{
    const Slot *s = SLOT(e->g, slot);
    int64_t len = (int64_t)e->len[s->axis][b], u = t.t[s->axis];
    if (is_given(e, slot, t, b))
        return 0;
    if (u < 0)
        return bound_at(s->lo.v, s->lo.n, (int)(u + 1), false);
    return u < len ? s->root
                   : bound_at(s->hi.v, s->hi.n, (int)(u - len + 1), true);
}

static const double *work_row(Eval *e, int s, Step t, int64_t b)
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
static void demand_swept(Eval *e, Ref root, Step t)
{
    int comp = e->causal->comp[root];
    if (comp < 0) {
        eval_demand(e, root, t);
        return;
    }
    const Comp *c = &e->causal->v.v[comp];
    int64_t *u = &t.t[c->axis], to = *u;
    if (c->dir > 0)
        for (*u = 0; *u <= to; ++*u)
            eval_demand(e, root, t);
    else
        for (*u = e->n[cell_time_at(c->axis)] - 1; *u >= to; --*u)
            eval_demand(e, root, t);
}

const double *eval_slot_row(Eval *e, int slot, Step t, int64_t b)
{
    Ref r = eval_slot_node(e, slot, t, b);
    int64_t n = shape_size(e->g, SLOT(e->g, slot)->shape);
    if (!r && is_given(e, slot, t, b))
        return work_row(e, slot, t, b);
    if (r)
        demand_swept(e, r, t);
    const double *v = r ? eval_row(e, r, t, b) : NULL;
    if (r && eval_width(e, r) == n)
        return v;
    double *row = NEW_N(e->tmp, double, n);
    for (int64_t i = 0; i < n && r; i++)
        row[i] = *v;
    return row;
}

/* READ at offset 0 of an input: padding rows as they are in work. */
static const double *read_row(Eval *e, const Node *n, Step t, int64_t b)
{
    const Slot *s = SLOT(e->g, n->a);
    if (!n->b && s->root) {
        demand_swept(e, s->root, t);
        return eval_row(e, s->root, t, b);
    }
    if (!n->b)
        return work_row(e, n->a, t, b);
    t.t[s->axis] += n->b;
    return eval_slot_row(e, n->a, t, b);
}

static void elementwise(Eval *e, Ref r, Step t, int64_t b, double *out)
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
        out[k] = n->op == OP_CALL ? graph_call_value(e->g, n->a, x)
                                  : op_scalar((Op)n->op, x);
    }
}

static void leaf_or_slot(Eval *e, Ref r, Step t, int64_t b, double *out)
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
        int axis = SLOT(e->g, n->a)->axis;
        t.t[axis] =
            n->num != 0 ? (int64_t)e->len[axis][b] + n->b - 1 : n->b - 1;
        from = eval_slot_row(e, n->a, t, b);
        break;
    }
    case OP_CONST:
        *out = n->num;
        return;
    case OP_TIME:
        *out = (double)(t.t[n->a] + 1);
        return;
    case OP_LEN:
        *out = e->len[n->a][b];
        return;
    case OP_TABLE:
        from = e->g->table.v[n->a].v;
        break;
    case OP_START:
        *out = e->start;
        return;
    case OP_LAST:
    case OP_BATCH:
    case OP_SKIP:
    case OP_PAST:
    case OP_TOTAL: {
        int role = n->op == OP_LAST    ? CELL_LAST
                   : n->op == OP_BATCH ? CELL_BATCH
                   : n->op == OP_SKIP  ? CELL_SKIP
                   : n->op == OP_PAST  ? CELL_PAST
                                       : CELL_TOTAL;
        const CellTensor *x = n->op == OP_TOTAL ? e->total[n->a] : NULL;
        for (int i = 0; !x && i < e->d->ntensor; i++)
            if (e->d->tensor[i].role == role)
                x = &e->d->tensor[i];
        *out =
            x ? load(e, e->work, tensor_at(e, x, t, b, 1)) : n->op != OP_PAST;
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

/* Each sequence's own step from the end. */
static void reversed(Eval *e, Ref r, Step t)
{
    const Node *n = NODE(e->g, r);
    int64_t w = eval_width(e, r);
    for (int64_t b = 0; b < e->n[CELL_AT_B]; b++) {
        Step from = t;
        from.t[n->a] = (int64_t)e->len[n->a][b] - 1 - t.t[n->a];
        if (from.t[n->a] < 0)
            continue;
        eval_demand(e, IN(e->g, r, 0), from);
        memcpy(e->val[r] + place(e, r, t, b),
               eval_row(e, IN(e->g, r, 0), from, b),
               sizeof(double) * (size_t)w);
    }
}

/* The sum of the steps of the axis below that a step of a slower one takes. */
static void every(Eval *e, Ref r, Step t)
{
    const Node *n = NODE(e->g, r);
    const TimeAxis *axis = &e->g->time.v[n->a];
    int64_t w = eval_width(e, r), extent = e->n[cell_time_at(axis->like)];
    int64_t first = axis->rate * (t.t[n->a] + 1) - n->b - 1;
    for (int64_t i = first; i < first + (int64_t)n->num; i++) {
        Step from = t;
        from.t[axis->like] = i;
        if (i < 0 || i >= extent)
            continue;
        eval_demand(e, IN(e->g, r, 0), from);
        for (int64_t b = 0; b < e->n[CELL_AT_B]; b++)
            for (int64_t k = 0; k < w; k++)
                e->val[r][place(e, r, t, b) + k] +=
                    eval_row(e, IN(e->g, r, 0), from, b)[k];
    }
}

/* The step of a slower axis that holds at a step of the axis below. */
static void hold(Eval *e, Ref r, Step t)
{
    const Node *n = NODE(e->g, r);
    const TimeAxis *axis = &e->g->time.v[n->a];
    int64_t at = t.t[axis->like] + 1 + n->b - axis->rate;
    Step from = t;
    from.t[n->a] = at / axis->rate;
    if (at < 0 || from.t[n->a] >= e->n[cell_time_at(n->a)])
        return;
    eval_demand(e, IN(e->g, r, 0), from);
    for (int64_t b = 0; b < e->n[CELL_AT_B]; b++)
        memcpy(e->val[r] + place(e, r, t, b),
               eval_row(e, IN(e->g, r, 0), from, b),
               sizeof(double) * (size_t)eval_width(e, r));
}

/* As the model's own numbers would hold it. */
static void narrow(Eval *e, Ref r, Step t, int64_t rows)
{
    double *v = e->val[r] + place(e, r, t, 0);
    for (int64_t i = 0; i < rows * eval_width(e, r); i++)
        v[i] = (float)v[i];
}

static void evaluate(Eval *e, Ref r, Step t, int64_t rows)
{
    const Node *n = NODE(e->g, r);
    if (over_rows((Op)n->op)) {
        eval_over_rows(e, r, t, e->val[r] + place(e, r, t, 0));
        return;
    }
    Step from = t;
    if (n->op == OP_REVERSE || n->op == OP_EVERY || n->op == OP_HOLD) {
        (n->op == OP_REVERSE ? reversed
         : n->op == OP_EVERY ? every
                             : hold)(e, r, t);
        return;
    }
    if (n->op == OP_ALONG)
        from.t[n->a] = t.t[n->b];
    for (int i = 0; i < n->nin; i++)
        eval_demand(e, IN(e->g, r, i), from);
    for (int64_t b = 0; b < rows; b++) {
        double *out = e->val[r] + place(e, r, t, b);
        if (OP_IS_EW(n->op))
            elementwise(e, r, t, b, out);
        else
            leaf_or_slot(e, r, from, b, out);
    }
}

void eval_demand(Eval *e, Ref r, Step t)
{
    const Node *n = NODE(e->g, r);
    int64_t w = eval_width(e, r);
    int64_t rows = n->axes & CELL_B ? e->n[CELL_AT_B] : 1;
    if (!e->val[r]) {
        int64_t steps = cell_rows(n->axes & GX_TIME, e->n);
        e->val[r] = NEW_N(e->tmp, double, w *rows *steps);
        e->done[r] = NEW_N(e->tmp, char, steps);
    }
    int64_t step = step_number(e, n->axes, t);
    if (e->done[r][step])
        return;
    e->done[r][step] = 1;
    evaluate(e, r, t, rows);
    if (e->narrow)
        narrow(e, r, t, rows);
}

/* Writes node r (and for states the rows before step 1) to its tensor. */
static void write_tensor(Eval *e, const CellTensor *x, Ref r, void *block)
{
    int64_t n = 1, B = x->axes & CELL_B ? e->n[CELL_AT_B] : 1;
    for (int i = 0; i < x->rank; i++)
        n *= x->dim[i];
    int comp = e->causal->comp[r];
    Step t = {{0}};
    do {
        Step last = t; /* the whole loop first, in its own direction */
        if (comp >= 0 && e->causal->v.v[comp].dir > 0) {
            int axis = e->causal->v.v[comp].axis;
            last.t[axis] = e->n[cell_time_at(axis)] - 1;
        }
        demand_swept(e, r, last);
        eval_demand(e, r, t);
        bool scalar = eval_width(e, r) == 1;
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < n; i++)
                store(e, block, tensor_at(e, x, t, b, n) + i,
                      eval_row(e, r, t, b)[scalar ? 0 : i]);
    } while (eval_next(e, x->axes, &t));
}

static void write_lag(Eval *e, const CellTensor *x, int slot)
{
    int64_t n = shape_size(e->g, SLOT(e->g, slot)->shape);
    int other = x->axes & ~cell_time(x->axis);
    Step t = {{0}};
    do
        for (int k = -x->lag; e->start && k < 0; k++)
            for (int64_t b = 0; b < e->n[CELL_AT_B]; b++) {
                t.t[x->axis] = k;
                const double *row = eval_slot_row(e, slot, t, b);
                for (int64_t i = 0; i < n; i++)
                    store(e, e->work, tensor_at(e, x, t, b, n) + i, row[i]);
            }
    while (eval_next(e, other, &t));
}

/* A state of which a compiled model keeps the last step of each sequence. */
static void write_end(Eval *e, const CellTensor *x, int slot)
{
    const Slot *s = SLOT(e->g, slot);
    int64_t n = shape_size(e->g, s->shape);
    Step at = {{0}}, t = {{0}};
    for (int64_t b = 0; b < e->n[CELL_AT_B]; b++) {
        t.t[s->axis] = (int64_t)e->len[s->axis][b] - 1;
        if (t.t[s->axis] >= 0) {
            demand_swept(e, s->root, t);
            eval_demand(e, s->root, t);
        }
        const double *row = eval_slot_row(e, slot, t, b);
        for (int64_t i = 0; i < n; i++)
            store(e, e->work, tensor_at(e, x, at, b, n) + i, row[i]);
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
        if (s < 0 || !SLOT(e->g, s)->root)
            continue;
        if (SLOT(e->g, s)->axes & ~x->axes)
            write_end(e, x, s);
        else
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
            Step none = {{0}};
            eval_demand(e, r->value, none);
            bool scalar = eval_width(e, r->value) == 1;
            int64_t n = shape_size(e->g, SLOT(e->g, r->slot)->shape);
            for (int64_t k = 0; at >= 0 && k < n; k++)
                store(e, grad_block, at + k,
                      eval_row(e, r->value, none, 0)[scalar ? 0 : k]);
            continue;
        }
        for (int k = 0; k < e->d->ntensor; k++)
            if (e->d->tensor[k].role == r->role &&
                !strcmp(e->d->tensor[k].name, r->name))
                write_tensor(e, &e->d->tensor[k], r->value, e->work);
    }
}

static bool is_short_name(const Graph *g, const char *name)
{
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->alias && !strcmp(SLOT(g, i)->alias, name))
            return true;
    return false;
}

static void find_tensors(Eval *e)
{
    const Graph *g = e->g;
    Step t = {{0}};
    e->slot_tensor = NEW_N(e->tmp, const CellTensor *, g->slot.n + 1);
    e->total = NEW_N(e->tmp, const CellTensor *, g->root.n + 1);
    for (int i = 0; i < e->d->ntensor; i++) {
        const CellTensor *x = &e->d->tensor[i];
        if (x->role == CELL_LENGTH)
            for (int64_t b = 0; b < e->n[CELL_AT_B]; b++)
                e->len[x->of][b] = load(e, e->work, tensor_at(e, x, t, b, 1));
        if (x->role == CELL_START)
            e->start = load(e, e->work, tensor_at(e, x, t, 0, 1)) != 0;
        for (int k = 0; x->role == CELL_TOTAL && k < g->root.n; k++)
            if (g->root.v[k].role == CELL_TERM &&
                !strcmp(g->root.v[k].name, x->name + strlen("total.")))
                e->total[k] = x;
        if (x->role != CELL_INPUT && x->role != CELL_NOISE &&
            x->role != CELL_STATE)
            continue;
        /* The short name of a state may be that of an equation too. */
        int s = graph_slot_find(g, x->name);
        if (s >= 0 && (x->role != CELL_STATE || !is_short_name(g, x->name)))
            e->slot_tensor[s] = x;
    }
}

typedef struct EvalUser {
    const Graph *g;
    const Plan *plan;
    Causal causal;
} EvalUser;

void eval_begin(Eval *e, const CellDesc *d, const void *params, void *work,
                const int64_t *n)
{
    const EvalUser *u = d->user;
    memset(e, 0, sizeof *e);
    e->g = u->g;
    e->plan = u->plan;
    e->causal = &u->causal;
    e->d = d;
    e->tmp = arena_new(NULL);
    e->n = n;
    e->params = params;
    e->work = work;
    e->val = NEW_N(e->tmp, double *, u->g->node.n);
    e->done = NEW_N(e->tmp, char *, u->g->node.n);
    for (int i = 0; i < d->ntime; i++)
        e->len[i] = d->like[i] >= 0 && d->rate[i] == 1
                        ? e->len[d->like[i]]
                        : NEW_N(e->tmp, double, n[CELL_AT_B]);
    find_tensors(e);
}

void eval_all(Eval *e, int fn, void *grads)
{
    if (!fn)
        run_forward(e);
    run_roots(e, fn == 1, grads);
}

static int eval_run(const CellDesc *d, int fn, const void *params, void *grads,
                    void *work, const int64_t *n)
{
    Eval e;
    eval_begin(&e, d, params, work, n);
    eval_all(&e, fn, grads);
    arena_free(e.tmp);
    return 0;
}

static int not_compiled(const void *params, void *grads, void *work,
                        const int64_t *n)
{
    (void)params;
    (void)grads;
    (void)work;
    (void)n;
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
