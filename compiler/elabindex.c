/* Subscripts of the elaboration: time (h[t-1], h[end], h[1]), boundary
 * equations, components, slices and look-ups.  What is read at another step
 * becomes a READ or AT of the name's slot. */
#include <math.h>
#include <string.h>

#include "elab.h"

/* A cell that is applied to what has no steps runs along the only axis. */
int axis_of(Elab *e, Scope *s, const char *name)
{
    if (s->axis >= 0 && !strcmp(name, "t"))
        return s->axis;
    if (s->app) {
        const OwnAxis *own = own_axis(s, name);
        bool only = e->axis.n == 1 && !strcmp(name, "t");
        return own ? own->axis : only ? 0 : -1;
    }
    for (int i = 0; i < e->axis.n; i++)
        if (!strcmp(e->axis.v[i].name, name))
            return i;
    return -1;
}

bool is_axis(Elab *e, Scope *s, const char *name)
{
    return axis_of(e, s, name) >= 0 ||
           (s->app && (!strcmp(name, "t") || own_axis(s, name)));
}

static bool is_time_name(Elab *e, Scope *s, const char *name)
{
    return !scope_lookup(e, s, name) && is_axis(e, s, name);
}

static TimeSub time_sub(Elab *e, Scope *s, Ast *a);

/* 4*k, t/4: a step of another clock, if there is such a clock. */
static TimeSub clock_sub(Elab *e, Scope *s, Ast *a)
{
    TimeSub x = time_sub(e, s, a->kid), y = time_sub(e, s, a->kid->next);
    if (a->op == '*' && x.when == WHEN_NUMBER) {
        TimeSub swap = x;
        x = y;
        y = swap;
    }
    bool scaled = x.when == WHEN_STEP && y.when == WHEN_NUMBER && y.off > 0 &&
                  (a->op == '*' ? x.div : x.mul) == 1;
    if (scaled && a->op == '*') {
        x.mul *= y.off;
        x.off *= y.off;
    } else if (scaled) {
        x.div *= y.off;
    }
    x.clock = true;
    x.when = scaled && clock_known(e, &x) ? WHEN_STEP : WHEN_NO;
    return x;
}

/* Reads t, t-2, 4*k-1, t/4, end, end+1, 1, or an expression of known numbers.
 */
static TimeSub time_sub(Elab *e, Scope *s, Ast *a)
{
    TimeSub r = {WHEN_NO, 0, -1, 1, 1, false};
    if (a->kind == A_NAME && is_time_name(e, s, a->name)) {
        r.when = WHEN_STEP;
        r.axis = axis_of(e, s, a->name);
        return r;
    }
    if (a->kind == A_NAME && !strcmp(a->name, "end") &&
        !scope_lookup(e, s, a->name)) {
        r.when = WHEN_END;
        return r;
    }
    if (a->kind == A_BINARY && (a->op == '+' || a->op == '-')) {
        TimeSub x = time_sub(e, s, a->kid), y = time_sub(e, s, a->kid->next);
        if (x.when == WHEN_NO || y.when != WHEN_NUMBER)
            return r;
        x.off += (a->op == '-' ? -y.off : y.off) * x.div;
        return x;
    }
    if (a->kind == A_BINARY && (a->op == '*' || a->op == '/')) {
        TimeSub x = clock_sub(e, s, a);
        if (x.when == WHEN_STEP)
            return x;
    }
    if (a->kind == A_RANGE || a->kind == A_KEY || a->kind == A_STR)
        return r;
    bool building = e->building;
    e->building = false; /* a look ahead: it will be read again */
    Val v = expr(e, s, a);
    e->building = building;
    if (v.kind != V_TENSOR || !v.constant || floor(v.num) != v.num)
        return r;
    r.when = WHEN_NUMBER;
    r.off = (int)v.num;
    return r;
}

bool edge_of(Elab *e, Scope *s, Ast *subs, Edge *out)
{
    if (!subs || !subs->kid || subs->kid->next)
        return false;
    TimeSub t = time_sub(e, s, subs->kid);
    out->end = t.when == WHEN_END;
    out->at = t.off;
    return (t.when == WHEN_NUMBER && t.off <= 0) ||
           (t.when == WHEN_END && t.off > 0);
}

bool step_of(Elab *e, Scope *s, Ast *subs, int *offset)
{
    if (!subs->kid || subs->kid->next)
        return false;
    TimeSub t = time_sub(e, s, subs->kid);
    *offset = t.off;
    return t.when == WHEN_STEP && t.off && !t.clock;
}

/* The name whose slot holds what `n` shows: an argument that is a plain name
 * of the caller's, an equation that is one output of an application. */
static Name *storage_of(Elab *e, Name *n)
{
    for (int i = 0; i < 1000; i++) {
        if (n->kind == N_ARG && n->rhs && !n->feed && !n->edge.n &&
            n->rhs->kind == A_NAME) {
            Name *m = scope_lookup(e, n->from, n->rhs->name);
            if (m &&
                (m->kind == N_INPUT || m->kind == N_EQN || m->kind == N_ARG)) {
                n = m;
                continue;
            }
        }
        if (n->kind == N_EQN && n->part < 0 && !over_next(e, n)) {
            App *app = app_at(e, n->scope, n->rhs);
            Name *m = app ? app_output_name(e, app) : NULL;
            if (m && m->kind == N_EQN) {
                n = m;
                continue;
            }
        }
        return n;
    }
    return n;
}

Name *storage_name(Elab *e, Name *n)
{
    return storage_of(e, n);
}

/* Whether n has a type: inputs and noise get theirs by being declared. */
static bool is_declared(Elab *e, Name *n)
{
    return (n->kind != N_INPUT && n->kind != N_NOISE) || declare(e, n);
}

/* Slot that n is stored in; inputs and noise have theirs. */
static int storage_slot(Elab *e, Name *n)
{
    if (n->kind == N_INPUT || n->kind == N_NOISE)
        return declare(e, n) ? n->slot : -1;
    if (n->kind == N_EQN || n->kind == N_ARG)
        return name_slot(e, n);
    return -1;
}

static bool has_edge(Elab *e, Name *n, bool end)
{
    for (int i = 0; i < n->edge.n; i++)
        if (n->edge.v[i].end == end)
            return true;
    for (int p = 0; p < 1 + n->val.complex; p++)
        for (int i = 0; i < e->set->nstate; i++)
            if (!strcmp(e->set->state[i],
                        SLOT(e->graph, slot_part(n, p))->name))
                return true;
    return false;
}

/* Only the cell itself sees what a call put in the place of its own previous
 * state; the caller's h.c[t-1] is the real one. */
static const Over *step_override(Elab *e, Scope *s, Name **n, int offset,
                                 App **at)
{
    App *from = s->app == (*n)->scope->app ? s->app : NULL;
    if ((*n)->stands) {
        from = (*n)->beyond->outer;
        *n = (*n)->stands;
    } else if (from && offset < 0 && (*n)->kind == N_EQN && !(*n)->recurrent) {
        (*n)->recurrent = e->changed = true;
    }
    return over_find(e, from, *n, OVER_STEP, offset, at);
}

Name *name_unnamed(Elab *e, Scope *s, const Ast *a, const char *mark,
                   bool *made)
{
    const char *key = intern_str(
        e->intern, arena_printf(e->arena, "_%u_%u%s", (unsigned)a->span.lo,
                                (unsigned)a->span.hi, mark));
    Name *n = scope_find(s, key);
    *made = !n;
    if (n)
        return n;
    n = scope_add(e, s, N_EQN, key, a->span);
    n->full =
        full_name(e, s->prefix, arena_printf(e->arena, "_%d", ++e->unnamed));
    return n;
}

/* The name n, which is new, stores what `a` says. */
static Name *store(Elab *e, Scope *s, Name *n, Ast *a)
{
    n->rhs = a;
    n->stmt = a;
    Val v = expr(e, s, a);
    if (!e->building && v.kind == V_TENSOR)
        n->val = v;
    return n;
}

/* The name that stores `base`, which n is, for reads along an axis: a stored
 * name is read along one, so for another a second name stores it. */
static Name *stored_along(Elab *e, Scope *s, Name *n, Ast *base, int axis,
                          bool lagged)
{
    Name *m = storage_of(e, n->stands ? n->stands : n);
    if (axis < 0 || m->axis == axis)
        return n;
    while (s->turn && m->scope != s) /* the same in all of them */
        s = s->up;
    if (m->axis < 0 || (lagged && !m->lagged)) {
        e->changed |= !e->building;
        m->axis = axis;
        return n;
    }
    const char *full =
        arena_printf(e->arena, "%s[%s]", m->full, e->axis.v[axis].name);
    const char *key =
        intern_str(e->intern, arena_printf(e->arena, "_%s", full));
    Name *other = scope_find(s, key);
    if (!other)
        other = store(e, s, scope_add(e, s, N_EQN, key, base->span), base);
    other->axis = axis;
    if (s == m->scope)
        other->full = full;
    return other;
}

void axis_untold(Elab *e, Scope *s)
{
    int axis = s->axis < 0 ? 0 : s->axis;
    diag(e->diags, E_AXIS_CELL, s->app->call->span, s->where,
         s->axes ? axis_list(e, s->axes) : "no time axis");
    diag_help(e->diags, "say along which: %s(...)[%s](...)", s->where,
              e->axis.v[axis].name);
    s->along = true; /* told */
}

/* Whether steps along an axis run the other way round in the cell that n is
 * of.  Before that cell's own axis is known there is none other. */
static bool turned(const Name *n, int axis)
{
    int own = n->scope->axis;
    return n->scope->reversed && (own < 0 || axis == own);
}

Val read_at(Elab *e, Scope *s, Name *n, int offset, int axis, Span at)
{
    App *where = NULL;
    const Over *over = step_override(e, s, &n, offset, &where);
    if (over)
        return over_value(e, over, where, n, NULL);
    n->used = n->lagged = true;
    int step = turned(n, axis) ? -offset : offset;
    Name *m = storage_of(e, n);
    m->used = m->lagged = true;
    if (step < m->min_off)
        m->min_off = step;
    if (step > m->max_off)
        m->max_off = step;
    if (!is_declared(e, m))
        return val_none();
    Name *from = fed_back(e, s, m, step);
    Val v = m->val;
    if (v.kind != V_TENSOR && v.kind != V_NONE)
        return name_value(e, n, at);
    if (v.kind == V_NONE || (e->building && v.rank == RANK_UNKNOWN))
        return e->building ? val_none() : val_unknown(AXIS_B);
    v.axes |= AXIS_B | (axis >= 0 ? 1u << axis : 0);
    v.constant = false;
    v.size = NULL;
    if (!e->building)
        return v;
    if (s->app && (s->axes & (s->axes - 1) || axis < 0) && !s->along) {
        axis_untold(e, s);
        return val_none();
    }
    if (m->kind == N_INPUT && !has_edge(e, m, step > 0)) {
        diag(e->diags, E_BEFORE_START, at, n->name,
             s->app ? "t" : e->axis.v[axis].name, offset,
             step < 0 ? "before the first" : "after the last");
        diag_help(e->diags, "say what is there, e.g.  %s[%s] = %s", m->name,
                  step < 0 ? "0" : "end+1", m->val.set ? "\"\\n\"" : "0");
        return val_none();
    }
    int slot = storage_slot(e, from);
    if (slot < 0)
        return val_none();
    v = val_slot(e, v, OP_READ, from, step, 0, at);
    v.name = n;
    return v;
}

/* The axis that h[end], h[1] and final(h) drop, -1 if none. */
static int dropped_axis(Elab *e, Scope *s, const Val *v, const char *what,
                        const char *how, Span at, bool *clear)
{
    uint32_t axes = v->axes & ~AXIS_B;
    int axis = val_axis(v);
    *clear = !s->app || s->axis >= 0 || !s->app->scope->own.n;
    if (!*clear && !e->building) /* it may be of one that is not known yet */
        return -1;
    *clear = true;
    if (axis >= 0 || !axes)
        return axis;
    if (s->app && s->axis >= 0 && axes >> s->axis & 1)
        return s->axis;
    if (e->building)
        diag(e->diags, E_AXIS_WHICH, at, what, axis_list(e, axes), how);
    *clear = false;
    return -1;
}

Val final_value(Elab *e, Scope *s, Val v, Span at)
{
    bool clear;
    int axis = dropped_axis(e, s, &v, v.name ? v.name->name : "this", "final()",
                            at, &clear);
    if (!clear && e->building)
        return val_none();
    Ref in = val_ref(e, &v, at);
    if (axis >= 0)
        v.axes &= ~(1u << axis);
    return axis < 0 ? v : val_node(e, v, OP_FINAL, 1, &in, axis, 0, 0, at);
}

/* h[end], h[1], h[end-2]: one step, the axis is gone. */
static Val read_one(Elab *e, Scope *s, Name *n, Ast *base, TimeSub t, Span at)
{
    bool end = t.when == WHEN_END, clear = true;
    int off = t.off, axis = t.axis;
    n = n->stands ? n->stands : n;
    Name *m = storage_of(e, n);
    n->used = m->used = true;
    if (!is_declared(e, m))
        return val_none();
    Val v = m->val;
    if (v.kind != V_TENSOR)
        return v;
    if (axis < 0)
        axis =
            dropped_axis(e, s, &v, n->name, end ? "[end]" : "[1]", at, &clear);
    if (!clear && e->building)
        return val_none();
    if (turned(n, axis)) {
        off = 1 - off; /* 1 and end change places */
        end = !end;
    }
    m = storage_of(e, stored_along(e, s, n, base, axis, false));
    if (axis >= 0)
        v.axes &= ~(1u << axis);
    v.axes |= AXIS_B;
    v.constant = false;
    v.size = NULL;
    if (!e->building)
        return v;
    if (m->kind != N_INPUT && m->state != 1)
        name_value(e, m, at); /* its type must be final */
    if (m->kind == N_INPUT && (end ? off > 0 : off < 1) &&
        !has_edge(e, m, end)) {
        diag(
            e->diags, E_OUTSIDE, at,
            arena_printf(e->arena, end ? "%s[end%+d]" : "%s[%d]", n->name, off),
            end ? "behind the last" : "before the first");
        diag_help(e->diags,
                  "steps count from 1; or say what is there, e.g.  "
                  "%s[%s] = 0",
                  n->name, end ? "end+1" : "0");
        return val_none();
    }
    int slot = storage_slot(e, m);
    if (slot < 0 || m->val.kind != V_TENSOR || m->val.rank == RANK_UNKNOWN)
        return val_none();
    if (!slot_steps(SLOT(e->graph, slot)))
        return name_value(e, n, at);
    return val_slot(e, v, OP_AT, m, off, end, at);
}

/* E[w]: row of a matrix, element of a vector, by a class number; by a vector of
 * numbers those in their order. */
static Val lookup(Elab *e, Val v, Val index, Ast *a)
{
    if (index.set && !same_dim(e, v.dim[0], index.set)) {
        if (e->building) {
            diag(e->diags, E_INDEX, a->span,
                 v.name ? v.name->name : "the left side",
                 dim_text(e->arena, v.dim[0]),
                 index.name ? index.name->name : "the index",
                 dim_text(e->arena, index.set));
            if (v.name)
                diag_note(e->diags, v.name->span, "%s is %s", v.name->name,
                          val_text(e, &v));
            if (index.name)
                diag_note(e->diags, index.name->span, "%s is %s",
                          index.name->name, val_text(e, &index));
        }
        return val_none();
    }
    if (index.rank == 1)
        return permuted(e, v, index, a->span);
    Ref in[2] = {v.ref, val_ref(e, &index, a->span)};
    Val r = v;
    r.axes |= index.axes;
    r.rank--;
    memmove(r.dim, v.dim + 1, sizeof v.dim - sizeof *v.dim);
    r.dim[SHAPE_RANK - 1] = NULL;
    Op op = v.rank == 1 ? OP_PICK : v.rank > 2 || v.axes ? OP_TAKE : OP_GATHER;
    return val_node(e, r, op, 2, in, 0, 0, 0, a->span);
}

/* An end of a range; one outside of the vector is told with the range. */
static const Dim *position(Elab *e, Scope *s, Ast *a)
{
    Val v = expr(e, s, a);
    return v.kind == V_TENSOR && v.size ? v.size : expr_dim(e, s, a);
}

/* A part of v, which has members of the same set. */
static Val part_of(Elab *e, Val v, int dim, const Dim *lo, const Dim *hi,
                   bool drop, Span at)
{
    Val r = val_slice(e, v, dim, lo, hi, drop, at);
    r.set = r.kind == V_TENSOR ? v.set : NULL;
    return r;
}

/* One subscript, for dim `*dim` of v; a range leaves that dim there. */
static Val component(Elab *e, Scope *s, Val v, int *dim, Ast *sub, Ast *whole)
{
    if (v.complex) {
        int other = *dim;
        Val re = component(e, s, val_part(e, &v, 0), dim, sub, whole);
        return re.kind == V_NONE ? re
                                 : val_pair(e, re,
                                            component(e, s, val_part(e, &v, 1),
                                                      &other, sub, whole),
                                            whole->span);
    }
    if (v.kind != V_TENSOR || v.rank == RANK_UNKNOWN)
        return v;
    if (v.rank <= *dim) {
        if (e->building)
            diag(e->diags, E_NO_COMPONENTS, whole->span, val_text(e, &v));
        return val_none();
    }
    if (sub->kind == A_RANGE) {
        const Dim *lo = position(e, s, sub->kid);
        const Dim *hi = position(e, s, sub->kid->next);
        return lo && hi ? part_of(e, v, (*dim)++, lo, hi, false, sub->span)
                        : val_none();
    }
    Val k = expr(e, s, sub);
    if (k.kind == V_NONE)
        return e->building ? k : val_unknown(v.axes);
    if (k.complex)
        return complex_refuse(e, "a subscript", &k, sub->span);
    if (k.kind == V_STR)
        k = member_index(e, k.str, v.dim[*dim], sub->span);
    else if (k.kind == V_TENSOR && k.constant && k.size)
        return part_of(e, v, *dim, k.size, k.size, true, sub->span);
    if (*dim && k.kind == V_TENSOR) {
        if (e->building)
            diag(e->diags, E_UNSUPPORTED, sub->span,
                 "a look-up in a dim behind the first");
        return val_none();
    }
    bool integral = k.kind != V_TENSOR || !k.constant || floor(k.num) == k.num;
    if (k.kind != V_TENSOR || !integral || k.rank > 1) {
        if (e->building)
            diag(e->diags, E_BAD_INDEX, sub->span, val_text(e, &k));
        return val_none();
    }
    *dim += k.rank == 1;
    return lookup(e, v, k, whole);
}

/* The name that is subscripted, when it is one that has steps. */
static Name *indexed_name(Elab *e, Scope *s, Ast *base)
{
    if (base->kind == A_MEMBER)
        return member_name(e, s, base);
    if (base->kind != A_NAME)
        return NULL;
    Name *n = scope_lookup(e, s, base->name);
    return n && (n->kind == N_EQN || n->kind == N_INPUT || n->kind == N_ARG ||
                 n->kind == N_NOISE)
               ? n
               : NULL;
}

static bool has_steps(const Val *v)
{
    return v->kind == V_TENSOR && (v->axes & ~AXIS_B) != 0;
}

/* k[s] of a k over t, with s like t: its steps once more. */
Val val_along(Elab *e, Val v, int from, int to, Span at)
{
    if (v.kind != V_TENSOR || !(v.axes >> from & 1))
        return v;
    Ref in = val_ref(e, &v, at);
    v.axes = (v.axes & ~(1u << from)) | 1u << to;
    return val_node(e, v, OP_ALONG, 1, &in, from, to, 0, at);
}

/* Whether base[s], with s like t, means base at another index: base is over t
 * alone.  A name may be asked about in its own equation, where it has a type
 * and no value; *open: nor that yet. */
static bool along_like(Elab *e, Scope *s, Ast *base, const Name *n, int axis,
                       bool *open)
{
    bool computed = n && n->kind == N_EQN;
    Val v = computed ? n->val : expr(e, s, base);
    *open = !e->building && computed && !n->typed;
    return v.kind == V_TENSOR && !(v.axes >> axis & 1);
}

Val timed_index(Elab *e, Scope *s, Ast *base, Name *n, TimeSub t, Span at)
{
    if (t.clock)
        return clock_read(e, s, base, n, t, at);
    bool open = false, made = false;
    int like = t.when == WHEN_STEP && t.axis >= 0 ? e->axis.v[t.axis].like : -1;
    if (like >= 0 && e->axis.v[t.axis].rate > 1)
        like = -1;
    if (like >= 0 && along_like(e, s, base, n, t.axis, &open)) {
        TimeSub own = t;
        own.axis = like;
        return open ? val_unknown(AXIS_B)
                    : val_along(e, timed_index(e, s, base, n, own, at), like,
                                t.axis, at);
    }
    if (!n)
        n = name_unnamed(e, s, base, "", &made);
    if (made)
        store(e, s, n, base);
    if (t.when != WHEN_STEP)
        return read_one(e, s, n, base, t, at);
    if (!t.off)
        return expr(e, s, base);
    n = stored_along(e, s, n, base, t.axis, true);
    return read_at(e, s, n, t.off, t.axis, at);
}

static bool is_timed(TimeSub t)
{
    return t.when == WHEN_STEP || t.when == WHEN_END;
}

/* a[t-1, u+1]: what stands before its last time subscript, as a tree. */
static Ast *before_subscript(Elab *e, Ast *a, Ast *last)
{
    Ast *whole = NEW(e->arena, Ast), *base = NEW(e->arena, Ast);
    Ast *subs = NEW(e->arena, Ast);
    *whole = *a;
    *base = *a->kid;
    *subs = *a->kid->next;
    whole->kid = base;
    base->next = subs;
    subs->kid = NULL;
    Ast **to = &subs->kid;
    for (Ast *k = a->kid->next->kid; k != last;
         k = k->next, to = &(*to)->next) {
        *to = NEW(e->arena, Ast);
        **to = *k;
        (*to)->next = NULL;
    }
    whole->span.hi = last->span.lo;
    return whole;
}

/* The last of the subscripts in front that are times; NULL: the first is
 * none.  Those that mean the current step are left out. */
static Ast *last_time(Elab *e, Scope *s, Ast *sub)
{
    Ast *last = NULL;
    for (Ast *k = sub; k; k = k->next) {
        TimeSub t = time_sub(e, s, k);
        if (!is_timed(t))
            break;
        if (!last || t.when != WHEN_STEP || t.off || t.clock)
            last = k;
    }
    return last;
}

Val expr_index(Elab *e, Scope *s, Ast *a)
{
    Ast *base = a->kid, *sub = base->next->kid;
    if (!sub)
        return expr(e, s, base);
    Ast *last = last_time(e, s, sub), *rest = last ? last->next : sub;
    TimeSub t = time_sub(e, s, last ? last : sub);
    bool timed = last != NULL;
    Name *n = indexed_name(e, s, base);
    Val v = val_none();
    for (Ast *k = sub; last && k != last; k = k->next) {
        TimeSub before = time_sub(e, s, k);
        if (before.when == WHEN_STEP && !before.off && !before.clock)
            continue;
        base = before_subscript(e, a, last);
        n = NULL;
        break;
    }
    while (rest && timed && is_timed(time_sub(e, s, rest)))
        rest = rest->next;
    if (n && t.when == WHEN_NUMBER) {
        Val now = is_declared(e, n) ? n->val : val_none();
        timed = has_steps(&now);
    }
    if (!n && !timed) {
        v = expr(e, s, base);
        timed = t.when == WHEN_NUMBER && has_steps(&v) &&
                (v.rank == 0 || base->kind == A_MEMBER);
    }
    if (timed && t.when == WHEN_NUMBER)
        rest = sub->next;
    if (timed)
        v = timed_index(e, s, base, n, t, a->span);
    else if (n)
        v = expr(e, s, base);
    int dim = 0;
    for (Ast *k = rest; k; k = k->next)
        v = component(e, s, v, &dim, k, a);
    return v;
}
