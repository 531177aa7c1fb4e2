/* Slower clocks of the elaboration: `time t, k = t/4` makes k an axis with one
 * step for every four of t.  x[4*k-1] takes steps of t as steps of k, z[t/4] is
 * at t the last step of k that is over.  Both become operators of the graph,
 * one for each axis on the way, and boundaries elementwise choices. */
#include <string.h>

#include "elab.h"

enum { MOST_RATE = 1 << 24 }; /* steps are counted in floats */

/* The axes from a slower one down to a faster one, without that. */
typedef struct Way {
    int n, axis[CELL_TIMES];
    int rate; /* steps of the faster one for one of the slower one */
} Way;

/* floor(a/b) for b > 0 */
static int floor_div(int a, int b)
{
    return a / b - (a % b < 0);
}

static bool find_way(const Elab *e, int slow, int fast, Way *w)
{
    *w = (Way){0, {0}, 1};
    for (; slow != fast && slow >= 0; slow = e->axis.v[slow].like) {
        w->axis[w->n++] = slow;
        w->rate *= e->axis.v[slow].rate;
    }
    return slow == fast && w->n > 0;
}

/* Whether a value varies over one of the axes on the way alone. */
static bool one_end(const Way *w, int fast, uint32_t axes)
{
    uint32_t met = axes >> fast & 1;
    for (int i = 0; i < w->n; i++)
        met += axes >> w->axis[i] & 1;
    return met == 1;
}

/* Whether that is the way from one axis to the other that t says. */
static bool said_way(const Elab *e, int slow, int fast, const TimeSub *t,
                     uint32_t axes, Way *w)
{
    return find_way(e, slow, fast, w) && w->rate == t->mul * t->div &&
           one_end(w, fast, axes);
}

void clock_declare(Elab *e, Axis *x)
{
    const Ast *way = x->decl->kid;
    int rate = 0;
    if (way->kind == A_BINARY && way->op == '/' && way->kid->kind == A_NAME) {
        for (Axis *of = e->axis.v; of < x; of++)
            if (!strcmp(of->name, way->kid->name))
                x->like = (int)(of - e->axis.v);
        Val v = expr_number(e, e->top, way->kid->next, "the rate");
        if (v.kind == V_TENSOR && v.num >= 1 && v.num <= MOST_RATE)
            rate = (int)v.num;
        rate = rate == v.num ? rate : 0;
    }
    if (x->like >= 0 && rate) {
        x->rate = rate;
        return;
    }
    diag(e->diags, E_CLOCK, way->span, x->name);
    diag_help(e->diags, "say it like  time t, %s = t/4", x->name);
    x->like = -1;
}

bool clock_known(const Elab *e, const TimeSub *t)
{
    Way w;
    for (int i = 0; i < e->axis.n; i++)
        if ((t->mul == 1 && find_way(e, i, t->axis, &w)) ||
            (t->div == 1 && find_way(e, t->axis, i, &w)))
            return true;
    return false;
}

/* The value at the current step. */
static Val present(Elab *e, Scope *s, Ast *base)
{
    int from = e->clock_from;
    e->clock_from = e->chain.n;
    Val v = expr(e, s, base);
    e->clock_from = from;
    return v;
}

/* The steps that v has along other clocks than its own. */
static void list_steps(Elab *e, Buf *b, const char *name, const Val *v)
{
    for (int slow = 0; slow < e->axis.n; slow++)
        for (int fast = 0; fast < e->axis.n; fast++) {
            Way w;
            if (!find_way(e, slow, fast, &w) || !one_end(&w, fast, v->axes))
                continue;
            buf_printf(b, b->n ? " or %s[" : "%s[", name);
            if (v->axes >> fast & 1)
                buf_printf(b, "%d*%s]", w.rate, e->axis.v[slow].name);
            else
                buf_printf(b, "%s/%d]", e->axis.v[fast].name, w.rate);
        }
}

static void refuse(Elab *e, Ast *base, const Val *v, Span at)
{
    Buf b, text;
    buf_init(&b, e->arena);
    buf_init(&text, e->arena);
    ast_print_expr(&text, base);
    bool name = base->kind == A_NAME || base->kind == A_MEMBER;
    const char *what = name ? text.s : arena_printf(e->arena, "(%s)", text.s);
    diag(e->diags, E_CLOCK_STEP, at, what, axis_list(e, v->axes));
    list_steps(e, &b, what, v);
    if (b.n)
        diag_help(e->diags, "there is %s", b.s);
}

/* One operator for each axis on the way, of each part of a complex value. */
static Val step_along(Elab *e, Val v, Op op, int to, int from, int axis, int b,
                      Span at)
{
    if (v.complex)
        return val_pair(
            e, step_along(e, val_part(e, &v, 0), op, to, from, axis, b, at),
            step_along(e, val_part(e, &v, 1), op, to, from, axis, b, at), at);
    if (e->axis.v[axis].rate == 1)
        return val_along(e, v, from, to, at);
    Ref in = val_ref(e, &v, at);
    v.axes = (v.axes & ~(1u << from)) | 1u << to;
    return val_node(e, v, op, 1, &in, axis, b, 1, at);
}

/* x[rate*k + off]: steps further away are read along the faster axis first. */
static Val every(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, int fast,
                 const Way *w, Span at)
{
    int ahead = t.off > 0 || -t.off >= w->rate ? t.off : 0;
    int back = ahead - t.off;
    TimeSub now = {WHEN_STEP, ahead, fast, 1, 1, false};
    Val v = ahead ? timed_index(e, s, base, n, now, at) : present(e, s, base);
    for (int i = w->n - 1; i >= 0 && v.kind == V_TENSOR; i--) {
        int axis = w->axis[i], rate = e->axis.v[axis].rate;
        v = step_along(e, v, OP_EVERY, axis, e->axis.v[axis].like, axis,
                       back % rate, at);
        back /= rate;
    }
    return v;
}

static Val number_op(Elab *e, Op op, Val x, int y, Span at)
{
    Val in[2] = {x, val_num(e, y)};
    return val_op(e, op, 2, in, at, NULL);
}

/* What stands at z[at], outside of the sequence; 0 where nothing does. */
static Val outside(Elab *e, Scope *s, Ast *base, Name *n, bool end, int index,
                   int axis, Span at)
{
    Name *m = n ? storage_name(e, n->stands ? n->stands : n) : NULL;
    TimeSub t = {end ? WHEN_END : WHEN_NUMBER, index, axis, 1, 1, false};
    if (m && (m->kind == N_INPUT || edges_of(e, m)))
        return timed_index(e, s, base, n, t, at);
    return val_num(e, 0);
}

/* z[(t + off)/rate], v at the steps that there are. */
static Val bounded(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, int slow,
                   const Way *w, Val v, Span at)
{
    Val step = val_unknown(1u << t.axis | AXIS_B);
    step.rank = 0;
    step = val_node(e, step, OP_TIME, 0, NULL, t.axis, 0, 0, at);
    for (int i = 0; i >= floor_div(1 + t.off, w->rate); i--) {
        Val edge = outside(e, s, base, n, false, i, slow, at);
        Val in[3] = {number_op(e, OP_ge, step, w->rate * (i + 1) - t.off, at),
                     v, edge};
        if (edge.kind == V_NONE)
            return edge;
        if (!edge.constant)
            v = val_op(e, OP_select, 3, in, at, NULL);
    }
    for (int i = 1; i <= floor_div(w->rate - 1 + t.off, w->rate); i++) {
        Val edge = outside(e, s, base, n, true, i, slow, at);
        Val end = number_op(e, OP_mul, val_length(e, slow, at), w->rate, at);
        int far = w->rate * i - t.off;
        Val beyond[2] = {step, number_op(e, far < 0 ? OP_sub : OP_add, end,
                                         far < 0 ? -far : far, at)};
        Val in[3] = {val_op(e, OP_lt, 2, beyond, at, NULL), v, edge};
        if (edge.kind == V_NONE)
            return edge;
        v = val_op(e, OP_select, 3, in, at, NULL);
    }
    return v;
}

static Val hold(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, int slow,
                const Way *w, Val v, Span at)
{
    int left = w->n;
    if (w->rate == 1 && t.off) { /* the same steps, others of them */
        TimeSub there = {WHEN_STEP, t.off, slow, 1, 1, false};
        v = timed_index(e, s, base, n, there, at);
    }
    while (left > 0 && e->axis.v[w->axis[left - 1]].rate == 1)
        left--;
    for (int i = 0; i < w->n && v.kind == V_TENSOR; i++)
        v = step_along(e, v, OP_HOLD, e->axis.v[w->axis[i]].like, w->axis[i],
                       w->axis[i], i == left - 1 ? t.off : 0, at);
    if (v.kind != V_TENSOR || !e->building || w->rate == 1)
        return v;
    return bounded(e, s, base, n, t, slow, w, v, at);
}

Val clock_read(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, Span at)
{
    Way w;
    Val v = present(e, s, base);
    if (v.kind != V_TENSOR || !(v.axes & ~AXIS_B))
        return v;
    if (s->reversed && e->building) {
        diag(e->diags, E_UNSUPPORTED, at, "another clock inside rev() or bi()");
        return val_none();
    }
    e->axis.v[t.axis].used = true;
    for (int i = 0; i < e->axis.n; i++)
        if (v.axes >> i & 1 && t.div == 1 &&
            said_way(e, t.axis, i, &t, v.axes, &w))
            return every(e, s, base, n, t, i, &w, at);
    for (int i = 0; i < e->axis.n; i++)
        if (v.axes >> i & 1 && t.mul == 1 &&
            said_way(e, i, t.axis, &t, v.axes, &w))
            return hold(e, s, base, n, t, i, &w, v, at);
    if (e->building)
        refuse(e, base, &v, at);
    return e->building ? val_none() : v;
}
