/* Start values of the elaboration: boundary equations, h[0] = e arguments and
 * values given from outside become the bounds of a slot. */
#include <string.h>

#include "elab.h"

typedef struct Found {
    bool end;
    int at;      /* in the direction of real time */
    Ref part[2]; /* the value; complex: and its imaginary part */
} Found;

typedef VEC(Found) FoundList;

static void found_add(Elab *e, FoundList *list, Name *n, bool reversed,
                      bool end, int at, Scope *scope, Ast *x, Span span)
{
    Found f;
    f.end = reversed ? !end : end;
    f.at = reversed ? 1 - at : at;
    Val v = expr(e, scope, x);
    const Slot *slot = SLOT(e->graph, n->slot);
    if (v.kind == V_STR && n->val.set)
        v = member_index(e, v.str, n->val.set, x->span);
    if (v.kind != V_TENSOR) {
        if (v.kind != V_NONE)
            diag(e->diags, E_NOT_VALUE, x->span, val_text(e, &v));
        return;
    }
    if (val_axes(&v) & ~(slot->axes & ~slot_bit(slot))) {
        diag(e->diags, E_EDGE_VARIES, span, n->name);
        return;
    }
    bool fits = !v.rank || v.rank == n->val.rank;
    for (int i = 0; fits && i < v.rank; i++)
        fits = same_dim(e, v.dim[i], n->val.dim[i]);
    if (!fits) {
        diag(e->diags, E_EDGE_SHAPE, span, n->name, val_text(e, &n->val),
             val_text(e, &v));
        return;
    }
    if (v.complex && !n->val.complex) {
        diag(e->diags, E_COMPLEX_START, span, n->name, val_text(e, &v));
        return;
    }
    int shape = SLOT(e->graph, n->slot)->shape;
    for (int p = 0; p < 2; p++) {
        Val part = val_part(e, &v, p);
        Ref r = val_ref(e, &part, x->span);
        f.part[p] = graph_expand(e->graph, r, shape);
    }
    vec_push(e->arena, list, f);
}

/* What its own scope and the applications around say of `of`, stored in n. */
static void own_edges(Elab *e, FoundList *list, Name *n, Name *of)
{
    bool reversed = of->scope->reversed;
    for (int i = 0; i < of->edge.n; i++) {
        Edge *x = &of->edge.v[i];
        found_add(e, list, n, reversed, x->end, x->at, x->scope, x->e, x->span);
    }
    for (App *a = of->scope->app; a; a = a->outer)
        for (int i = 0; i < a->over.n; i++) {
            const Over *o = &a->over.v[i];
            if (over_starts(e, o, a, of))
                found_add(e, list, n, reversed, o->end, o->offset,
                          over_scope(e, o, a, of), o->e, o->span);
        }
}

/* Edges of other names that are stored in n, and the short name of n. */
static void outer_edges(Elab *e, FoundList *list, Name *n)
{
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *m = e->scope.v[i]->order.v[k];
            if (m == n || m->kind != N_EQN || storage_name(e, m) != n)
                continue;
            own_edges(e, list, n, m);
            for (int p = 0; m->scope == e->top && p < 1 + n->val.complex; p++)
                SLOT(e->graph, slot_part(n, p))->alias =
                    n->val.complex ? part_name(e, m->full, p) : m->full;
        }
}

static bool has_edges(Elab *e, Name *of)
{
    if (of->edge.n)
        return true;
    for (App *a = of->scope->app; a; a = a->outer)
        for (int i = 0; i < a->over.n; i++)
            if (over_starts(e, &a->over.v[i], a, of))
                return true;
    return false;
}

bool edges_of(Elab *e, Name *n)
{
    if (has_edges(e, n))
        return true;
    for (int i = 0; i < e->scope.n; i++)
        for (int k = 0; k < e->scope.v[i]->order.n; k++) {
            Name *m = e->scope.v[i]->order.v[k];
            if (m->kind == N_EQN && storage_name(e, m) == n && has_edges(e, m))
                return true;
        }
    return false;
}

static const char *given_state(Elab *e, const Slot *s)
{
    const char *alias = s->alias;
    for (int i = 0; i < e->set->nstate; i++)
        if (!strcmp(e->set->state[i], s->name) ||
            (alias && !strcmp(e->set->state[i], alias)))
            return e->set->state[i];
    return NULL;
}

/* Value at index 0 (or end+1) comes from outside; what the spec said there
 * still covers what lies beyond. */
static void state_from_outside(Elab *e, int slot, const Name *n,
                               const char *name)
{
    Slot *s = SLOT(e->graph, slot);
    bool back = n->min_off >= 0 && n->max_off > 0;
    int first = back ? 1 : 0, second = back ? 2 : -1;
    Ref beyond = 0;
    VEC(Bound) old = {0};
    int count = back ? s->hi.n : s->lo.n;
    for (int i = 0; i < count; i++)
        vec_push(e->arena, &old, back ? s->hi.v[i] : s->lo.v[i]);
    int in =
        graph_slot(e->graph, SLOT_INPUT, arena_printf(e->arena, "%s@0", name),
                   s->shape, s->axes & ~slot_bit(s));
    s = SLOT(e->graph, slot);
    Bound b = {first, graph_read(e->graph, in, 0)};
    memset(back ? (void *)&s->hi : (void *)&s->lo, 0, sizeof s->lo);
    if (back)
        vec_push(e->arena, &s->hi, b);
    else
        vec_push(e->arena, &s->lo, b);
    bool second_written = false;
    for (int i = 0; i < old.n; i++) {
        if (old.v[i].at == first) {
            beyond = old.v[i].value;
            continue;
        }
        second_written |= old.v[i].at == second;
    }
    if (!second_written && old.n <= 1) {
        Bound rest = {second,
                      beyond ? beyond
                             : graph_expand(e->graph, graph_const(e->graph, 0),
                                            s->shape)};
        if (back)
            vec_push(e->arena, &s->hi, rest);
        else
            vec_push(e->arena, &s->lo, rest);
    }
    for (int i = 0; i < old.n; i++)
        if (old.v[i].at != first) {
            if (back)
                vec_push(e->arena, &s->hi, old.v[i]);
            else
                vec_push(e->arena, &s->lo, old.v[i]);
        }
}

static void slot_bounds(Elab *e, const Name *n, int part, const FoundList *list)
{
    int slot = slot_part(n, part);
    Slot *s = SLOT(e->graph, slot);
    for (int i = 0; i < list->n; i++) {
        Bound b = {list->v[i].at, list->v[i].part[part]};
        if (list->v[i].end)
            vec_push(e->arena, &s->hi, b);
        else
            vec_push(e->arena, &s->lo, b);
    }
    const char *outside = given_state(e, s);
    if (outside && (n->min_off < 0 || n->max_off > 0))
        state_from_outside(e, slot, n, outside);
}

void slot_edges(Elab *e, Name *n)
{
    FoundList list = {0};
    own_edges(e, &list, n, n);
    outer_edges(e, &list, n);
    /* Sorted outwards from the sequence: 0, -1, .. and 1, 2, .. */
    for (int i = 1; i < list.n; i++)
        for (int k = i;
             k > 0 && (list.v[k].end ? list.v[k].at < list.v[k - 1].at
                                     : list.v[k].at > list.v[k - 1].at);
             k--) {
            Found x = list.v[k];
            list.v[k] = list.v[k - 1];
            list.v[k - 1] = x;
        }
    for (int p = 0; p < 1 + n->val.complex; p++)
        slot_bounds(e, n, p, &list);
}
