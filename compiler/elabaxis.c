/* Time axes of the elaboration: what `time` lines declare, and what sum[t](e)
 * and its like mean.  Those are over the steps that each sequence has; beside
 * the reductions of the graph they are elementwise equations, so softmax[t]
 * needs no operator. */
#include <math.h>
#include <string.h>

#include "elab.h"

typedef struct Along {
    Call *c;
    Elab *e;
    Span at;
    int axis;
    Val v;     /* the argument */
    Val valid; /* 1 at the steps that count */
} Along;

const char *axis_list(Elab *e, uint32_t axes)
{
    Buf b;
    buf_init(&b, e->arena);
    for (int i = 0; i < e->axis.n; i++)
        if (axes >> i & 1)
            buf_printf(&b, "%s%s", b.n ? ", " : "", e->axis.v[i].name);
    return b.n ? b.s : "none";
}

static Val op2(Along *a, Op op, Val x, Val y)
{
    Val in[2] = {x, y};
    return val_op(a->e, op, 2, in, a->at, NULL);
}

static Val choose(Along *a, Val cond, Val x, Val y)
{
    Val in[3] = {cond, x, y};
    return val_op(a->e, OP_select, 3, in, a->at, NULL);
}

static Val number(Along *a, double x)
{
    return val_num(a->e, x);
}

/* v over all steps; what does not count is `other`. */
static Val reduce(Along *a, Op op, Val v, double other)
{
    Val x = choose(a, a->valid, v, number(a, other));
    Ref in = x.ref;
    x.axes &= ~(1u << a->axis);
    x.axes |= AXIS_B;
    return val_node(a->e, x, op, 1, &in, cell_time(a->axis), 0, 0, a->at);
}

/* The extreme of no step at all counts as 0, like its sum. */
static Val or_zero(Along *a, Val v)
{
    Val any = op2(a, OP_ge, val_length(a->e, a->axis, a->at), number(a, 1));
    return choose(a, any, v, number(a, 0));
}

static Val sum(Along *a)
{
    return reduce(a, OP_SUMA, a->v, 0);
}

static Val mean(Along *a)
{
    Val n = val_length(a->e, a->axis, a->at);
    return op2(a, OP_div, sum(a), op2(a, OP_max, n, number(a, 1)));
}

static Val largest(Along *a)
{
    return or_zero(a, reduce(a, OP_MAXA, a->v, -HUGE_VAL));
}

static Val smallest(Along *a)
{
    return or_zero(a, reduce(a, OP_MINA, a->v, HUGE_VAL));
}

/* e^(v - max) where it counts, else 0; *max is a constant to derivatives. */
static Val powers(Along *a, Val *max)
{
    Val m = largest(a);
    *max = val_op(a->e, OP_stopgrad, 1, &m, a->at, NULL);
    Val x =
        choose(a, a->valid, op2(a, OP_sub, a->v, *max), number(a, -HUGE_VAL));
    return val_op(a->e, OP_exp, 1, &x, a->at, NULL);
}

/* Their sum: at least 1 where there is a step at all. */
static Val power_sum(Along *a, Val p)
{
    return op2(a, OP_max, reduce(a, OP_SUMA, p, 0), number(a, 0.5));
}

static Val softmax(Along *a)
{
    Val max, p = powers(a, &max);
    return op2(a, OP_div, p, power_sum(a, p));
}

static Val logsumexp(Along *a)
{
    Val max, p = powers(a, &max), s = power_sum(a, p);
    s = val_op(a->e, OP_log, 1, &s, a->at, NULL);
    return or_zero(a, op2(a, OP_add, max, s));
}

/* Counted from 0, as argmax of a vector. */
static Val argmax(Along *a)
{
    Val t = val_unknown(AXIS_B | 1u << a->axis);
    t.rank = 0;
    t = val_node(a->e, t, OP_TIME, 0, NULL, a->axis, 0, 0, a->at);
    Val hit = op2(a, OP_eq, a->v, largest(a));
    Val first =
        choose(a, hit, op2(a, OP_sub, t, number(a, 1)), number(a, HUGE_VAL));
    return or_zero(a, reduce(a, OP_MINA, first, HUGE_VAL));
}

static Val reverse(Along *a)
{
    Ref in = val_ref(a->e, &a->v, a->at);
    return val_node(a->e, a->v, OP_REVERSE, 1, &in, a->axis, 0, 0, a->at);
}

static const struct {
    const char *name;
    Val (*fn)(Along *a);
    bool keeps; /* the axis */
} known[] = {{"sum", sum, false},        {"mean", mean, false},
             {"max", largest, false},    {"min", smallest, false},
             {"softmax", softmax, true}, {"logsumexp", logsumexp, false},
             {"argmax", argmax, false},  {"reverse", reverse, true},
             {"cumsum", NULL, true}};
enum { KNOWN = sizeof known / sizeof *known };

bool axis_function(const char *name)
{
    for (int i = 0; i < KNOWN; i++)
        if (!strcmp(known[i].name, name))
            return true;
    return false;
}

/* cumsum[t](v) is the equation c = v + c[t-1]. */
static Val cumsum(Call *c)
{
    Elab *e = c->e;
    bool made;
    Name *n = name_unnamed(e, c->s, c->a, "c", &made);
    if (made) {
        Ast *one = ast_new(e->arena, A_NUM, c->a, 0, NULL),
            *v = NEW(e->arena, Ast);
        Ast *t = ast_name(e->arena, c->subs->kid, c->subs->kid->name);
        Ast *before = ast_name(e->arena, c->a, n->name);
        one->num = 1;
        t->next = one;
        before->next = ast_new(e->arena, A_SUBS, c->a, 0,
                               ast_new(e->arena, A_BINARY, c->a, '-', t));
        *v = *c->a->kid->next;
        v->next = ast_new(e->arena, A_INDEX, c->a, 0, before);
        n->rhs = n->stmt = ast_new(e->arena, A_BINARY, c->a, '+', v);
        e->changed = true;
    }
    return name_value(e, n, c->a->span);
}

Val axis_call(Call *c)
{
    Elab *e = c->e;
    Along a = {c,          e,
               c->a->span, axis_of(e, c->s, c->subs->kid->name),
               c->x[0],    val_none()};
    int i = 0;
    if (a.v.kind != V_TENSOR)
        return a.v;
    while (strcmp(known[i].name, c->name))
        i++;
    if (a.axis < 0 || !(a.v.axes >> a.axis & 1)) {
        if (e->building)
            diag(e->diags, E_NO_AXIS, c->at[0], c->subs->kid->name,
                 val_text(e, &a.v));
        return e->building ? val_none() : a.v;
    }
    if (!known[i].fn)
        return cumsum(c);
    a.v.set = NULL;
    a.v.constant = false;
    a.v.size = NULL;
    if (e->building) {
        a.valid = val_valid(e, a.axis, a.at);
        return known[i].fn(&a);
    }
    if (!known[i].keeps)
        a.v.axes &= ~(1u << a.axis);
    a.v.axes |= AXIS_B;
    return a.v;
}

/* ---- declarations ---- */

OwnAxis *own_axis(const Scope *s, const char *name)
{
    Scope *in = s->app ? s->app->scope : NULL;
    for (int i = 0; in && i < in->own.n; i++)
        if (!strcmp(in->own.v[i].name, name))
            return &in->own.v[i];
    return NULL;
}

int own_axis_subs(const Scope *s, const Ast *subs)
{
    int n = 0;
    for (const Ast *k = subs ? subs->kid : NULL; k; k = k->next, n++)
        if (k->kind != A_NAME || !own_axis(s, k->name))
            break;
    return n;
}

/* Time axes that the cell calls by names of its own. */
static uint32_t own_axes(const Scope *s)
{
    uint32_t axes = 0;
    for (int i = 0; i < s->own.n; i++)
        axes |= s->own.v[i].axis < 0 ? 0 : 1u << s->own.v[i].axis;
    return axes;
}

bool own_axes_bind(Elab *e, Scope *s, const Ast *subs, uint32_t axes)
{
    int n = own_axis_subs(s, subs), open = 0;
    for (const Ast *k = subs ? subs->kid : NULL; n-- > 0; k = k->next) {
        OwnAxis *x = own_axis(s, k->name);
        uint32_t left = axes & ~own_axes(s);
        if (s->axis >= 0)
            left &= ~(1u << s->axis);
        if (x->axis < 0 && left && !(left & (left - 1))) {
            x->axis = 0;
            while (!(left >> x->axis & 1))
                x->axis++;
            e->changed = true;
        }
        open += x->axis < 0;
    }
    s->axes |= open ? 0 : axes & ~own_axes(s);
    return !open;
}

bool own_axes_known(Elab *e, App *a)
{
    for (int i = 0; i < a->scope->own.n; i++) {
        const OwnAxis *x = &a->scope->own.v[i];
        if (x->axis >= 0)
            continue;
        diag(e->diags, E_OWN_AXIS, a->call->span, x->name, a->scope->where);
        diag_note(e->diags, x->span, "%s is declared here", x->name);
        return false;
    }
    return true;
}

void own_axes_check(Elab *e, const Ast *cell)
{
    for (Ast *a = ast_find(cell, A_BODY)->kid; a; a = a->next)
        for (Ast *k = a->kind == A_TIME ? a->kid : NULL; k; k = k->next)
            if (k->op)
                diag(e->diags, E_UNSUPPORTED, k->span,
                     "until, like or = at the axis of a cell");
}

void axes_collect(Elab *e, Scope *s, Ast *stmt)
{
    for (Ast *k = stmt->kid; k; k = k->next) {
        if (s->app) { /* which axis of the model it is, the arguments say */
            OwnAxis own = {k->name, k->name_span, -1};
            vec_push(e->arena, &s->own, own);
            continue;
        }
        Axis x = {k->name, k->name_span, k, -1, 1, false};
        if (e->axis.n == CELL_TIMES)
            diag(e->diags, E_UNSUPPORTED, k->span,
                 "more than three time axes in one model");
        if (e->axis.n < CELL_TIMES)
            vec_push(e->arena, &e->axis, x);
    }
}

/* Without a `time` line the axis is t. */
void axes_implied(Elab *e, Ast *const *file, int nfile)
{
    Axis t = {intern_str(e->intern, "t"), {0, 0}, NULL, -1, 1, false};
    for (int i = 0; i < nfile; i++)
        if (ast_find(file[i], A_TIME))
            return;
    vec_push(e->arena, &e->axis, t);
}

/* `time t, s like t`: the steps of t once more. */
static void axis_like(Elab *e, Axis *x)
{
    for (Axis *of = e->axis.v; of < x; of++)
        if (!strcmp(of->name, x->decl->kid->name))
            x->like = (int)(of - e->axis.v);
    if (x->like < 0)
        diag(e->diags, E_AXIS_NAME, x->decl->kid->span, x->decl->kid->name);
}

void axes_done(Elab *e)
{
    for (int i = 0; i < e->axis.n; i++) {
        Axis *x = &e->axis.v[i];
        if (x->decl && x->decl->op == K_LIKE)
            axis_like(e, x);
        if (x->decl && x->decl->op == '=')
            clock_declare(e, x);
        TimeAxis t = {x->name, x->like, x->rate};
        vec_push(e->arena, &e->graph->time, t);
    }
}
