/* Where a NaN or an infinity comes from: evaluates the model as it was written
 * in the interpreter, then goes from the loss, or from the gradient of a
 * parameter, down to an operation that made such a number of finite ones.  See
 * eval.h. */
#include "evalint.h"

#include <math.h>
#include <string.h>

/* One row of a node, and how bad it is. */
typedef struct Spot {
    Ref r;
    Step t;
    int64_t b;
    int bad; /* 2: NaN, 1: infinite, 0: neither */
} Spot;

static int badness(const Eval *e, Ref r, Step t, int64_t b)
{
    int bad = 0;
    if (!e->val[r])
        return 0;
    const double *v = eval_row(e, r, t, b);
    for (int64_t i = 0; i < eval_width(e, r); i++)
        if (!isfinite(v[i]) && bad < 1 + isnan(v[i]))
            bad = 1 + isnan(v[i]);
    return bad;
}

/* Takes that row in place of *worst where it is worse.  A constant that is
 * infinite is meant to be. */
static void consider(const Eval *e, Ref r, Step t, int64_t b, Spot *worst)
{
    Op op = (Op)NODE(e->g, r)->op;
    if (op == OP_CONST || op == OP_TABLE)
        return;
    int bad = badness(e, r, t, b);
    if (bad > worst->bad)
        *worst = (Spot){r, t, b, bad};
}

/* All steps along `axes`, earliest first, and all sequences if B is in it. */
static void consider_over(const Eval *e, Ref r, Step t, int64_t b, int axes,
                          Spot *worst)
{
    for (int i = 0; i < CELL_TIMES; i++)
        if (axes & cell_time(i))
            t.t[i] = 0;
    do {
        int64_t from = axes & CELL_B ? 0 : b;
        int64_t to = axes & CELL_B ? e->n[CELL_AT_B] - 1 : b;
        for (; from <= to; from++)
            consider(e, r, t, from, worst);
    } while (eval_next(e, axes, &t));
}

/* A step of an axis that t does not have, so all of them. */
static void consider_along(const Eval *e, Ref r, Step t, int64_t b, int axis,
                           Spot *worst)
{
    consider_over(e, r, t, b, cell_time(axis), worst);
}

/* The worst row among those that this one was made of; bad = 0: none is. */
static Spot worst_of(const Eval *e, Spot at)
{
    const Node *n = NODE(e->g, at.r);
    Spot worst = {0, at.t, at.b, 0};
    Step t = at.t;
    Ref x = n->nin ? IN(e->g, at.r, 0) : 0;
    switch (n->op) {
    case OP_READ:
    case OP_AT: {
        int64_t *u = &t.t[SLOT(e->g, n->a)->axis];
        if (n->op == OP_READ)
            *u += n->b;
        else
            *u = n->num != 0
                     ? (int64_t)e->len[SLOT(e->g, n->a)->axis][at.b] + n->b - 1
                     : n->b - 1;
        x = n->op == OP_READ && !n->b ? SLOT(e->g, n->a)->root
                                      : eval_slot_node(e, n->a, t, at.b);
        if (x)
            consider(e, x, t, at.b, &worst);
        return worst;
    }
    case OP_select: {
        bool yes = *eval_row(e, x, t, at.b) != 0;
        consider(e, x, t, at.b, &worst);
        consider(e, IN(e->g, at.r, yes ? 1 : 2), t, at.b, &worst);
        return worst;
    }
    case OP_REVERSE:
        t.t[n->a] = (int64_t)e->len[n->a][at.b] - 1 - t.t[n->a];
        break;
    case OP_ALONG:
        t.t[n->a] = t.t[n->b];
        break;
    case OP_EVERY:
        consider_along(e, x, t, at.b, e->g->time.v[n->a].like, &worst);
        return worst;
    case OP_HOLD:
        consider_along(e, x, t, at.b, n->a, &worst);
        return worst;
    default:
        break;
    }
    for (int i = 0; i < n->nin; i++) {
        x = IN(e->g, at.r, i);
        int over = NODE(e->g, x)->axes & ~n->axes;
        if (n->op == OP_POOL)
            over |= n->a;
        consider_over(e, x, t, at.b, over, &worst);
    }
    return worst;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The C expression of a scalar operator, "vm_expF(a)", with numbers for its
 * operands: "exp(812.4)". */
static void with_numbers(Buf *out, const char *c, const double *x)
{
    while (*c) {
        int n = 0;
        while (is_letter(c[n]))
            n++;
        if (!strncmp(c, "vm_", 3)) {
            c += 3;
            continue;
        }
        if (n == 1 && *c <= 'c')
            buf_printf(out, x[*c - 'a'] < 0 ? "(%.4g)" : "%.4g", x[*c - 'a']);
        else if (n || *c != 'F')
            buf_add(out, c, (size_t)(n ? n : 1));
        c += n ? n : 1;
    }
}

/* The largest number of an operand in this row. */
static double largest(const Eval *e, Spot at)
{
    double most = 0;
    for (int i = 0; i < NODE(e->g, at.r)->nin; i++) {
        Ref x = IN(e->g, at.r, i);
        const double *v = eval_row(e, x, at.t, at.b);
        for (int64_t k = 0; k < eval_width(e, x); k++)
            most = fmax(most, fabs(v[k]));
    }
    return most;
}

/* "exp(812.4) = inf" of an elementwise operator, or how large the numbers were
 * that another one was given. */
static const char *describe(Eval *e, Spot at, Arena *a)
{
    const Node *n = NODE(e->g, at.r);
    const OpRow *row = &op_row[n->op];
    const double *v = eval_row(e, at.r, at.t, at.b);
    int64_t w = eval_width(e, at.r), k = 0;
    Buf out;
    buf_init(&out, a);
    while (k < w - 1 && (at.bad == 2 ? !isnan(v[k]) : isfinite(v[k])))
        k++;
    if (OP_IS_EW(n->op) && row->c) {
        double x[3] = {0};
        for (int i = 0; i < n->nin; i++) {
            Ref in = IN(e->g, at.r, i);
            bool wide = eval_width(e, in) == w;
            x[i] = eval_row(e, in, at.t, at.b)[wide ? k : 0];
        }
        with_numbers(&out, row->c, x);
        buf_puts(&out, " = ");
    }
    if (isnan(v[k]))
        buf_puts(&out, "nan"); /* its sign says nothing */
    else
        buf_printf(&out, "%g", v[k]);
    if (n->nin && !OP_IS_EW(n->op))
        buf_printf(&out, " of numbers up to %.4g", largest(e, at));
    return out.s;
}

/* The one equation that a place lies in, or -1: a derivative has the place of
 * what it is of, but no name. */
static int equation_at(const Eval *e, Span at)
{
    int found = -1, n = 0;
    for (int i = 0; i < e->g->slot.n; i++) {
        const Slot *s = SLOT(e->g, i);
        if (s->kind != SLOT_EQN || !s->root || !at.hi)
            continue;
        Span all = NODE(e->g, s->root)->span;
        if (all.lo <= at.lo && at.hi <= all.hi) {
            found = i;
            n++;
        }
    }
    return n == 1 ? found : -1;
}

static EvalOrigin origin(Eval *e, Spot at, int slot, Arena *a)
{
    const Node *n = NODE(e->g, at.r);
    int given = n->op == OP_PARAM || n->op == OP_READ || n->op == OP_AT;
    EvalOrigin o = {.kind = n->op == OP_PARAM ? ORIGIN_PARAM
                            : given           ? ORIGIN_GIVEN
                                              : ORIGIN_EQUATION,
                    .span = n->span,
                    .row = n->axes & CELL_B ? at.b : -1,
                    .axis = cell_only_time(n->axes)};
    slot = given ? n->a : slot < 0 ? equation_at(e, n->span) : slot;
    const Slot *s = slot < 0 ? NULL : SLOT(e->g, slot);
    o.name = s ? arena_printf(a, "%s", s->name) : NULL;
    o.step = o.axis >= 0 ? at.t.t[o.axis] + 1 : 0;
    o.what = describe(e, at, a);
    return o;
}

/* From one row down to where it went wrong. */
static EvalOrigin trace(Eval *e, Spot at, const int *slot_of, Arena *a)
{
    EvalOrigin o;
    VEC(Span) path = {0};
    int slot = -1;
    for (Spot next = at; next.bad; next = worst_of(e, at)) {
        at = next;
        slot = slot_of[at.r] ? slot_of[at.r] - 1 : slot;
        vec_push(a, &path, NODE(e->g, at.r)->span);
    }
    o = origin(e, at, slot, a);
    memcpy(&o.path, &path, sizeof path);
    return o;
}

/* Number of the equation that has each node for its value, from 1. */
static int *equations(Eval *e)
{
    int *slot_of = NEW_N(e->tmp, int, e->g->node.n);
    for (int s = 0; s < e->g->slot.n; s++)
        if (SLOT(e->g, s)->kind == SLOT_EQN && SLOT(e->g, s)->root)
            slot_of[SLOT(e->g, s)->root] = s + 1;
    return slot_of;
}

/* Where the loss is finite, of the steps at hand: a state that is not. */
static bool blame_state(Eval *e, const int *slot_of, Arena *a, EvalOrigin *out)
{
    Spot at = {0};
    for (int i = 0; i < e->d->ntensor; i++) {
        const CellTensor *x = &e->d->tensor[i];
        int s = x->role == CELL_STATE ? graph_slot_find(e->g, x->name) : -1;
        Step t = {{0}};
        if (s >= 0 && SLOT(e->g, s)->root)
            consider_over(e, SLOT(e->g, s)->root, t, 0, SLOT(e->g, s)->axes,
                          &at);
    }
    if (at.bad)
        *out = trace(e, at, slot_of, a);
    return at.bad > 0;
}

bool eval_blame(const CellDesc *d, int fn, const void *params, void *grads,
                void *work, const int64_t *n, Arena *a, EvalOrigin *out)
{
    Eval e;
    bool found = false;
    eval_begin(&e, d, params, work, n);
    e.narrow = d->real_bytes == 4;
    eval_all(&e, fn, grads);
    int *slot_of = equations(&e);
    for (int i = 0; i < e.g->root.n && !found; i++) {
        const Root *r = &e.g->root.v[i];
        Spot at = {r->value, {{0}}, 0, 0};
        if (r->role != (fn ? CELL_GRAD : CELL_LOSS))
            continue;
        consider_over(&e, r->value, at.t, 0, NODE(e.g, r->value)->axes, &at);
        if (at.bad)
            *out = trace(&e, at, slot_of, a);
        found = at.bad > 0;
    }
    found = found || (!fn && blame_state(&e, slot_of, a, out));
    arena_free(e.tmp);
    return found;
}
