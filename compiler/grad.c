/* Reverse-mode differentiation, equations to equations: the adjoint of
 * reading v[t-k] is a cotangent read at t+k, so loops need no special care
 * and the causality pass finds the backward sweep by itself.
 * needs: a graph with a LOSS root.  gives: GRAD roots, and a COT slot for
 * every read at another step.  keeps: all that was there.
 * Source: Werbos 1990 (back-propagation through time), in the form of
 * adjoint recurrence equations. */
#include "grad.h"

#include <string.h>

typedef struct Reads {
    Ref node; /* READ of a slot at another step */
    int cot;  /* slot of its cotangent */
} Reads;

typedef struct State {
    Grad z;
    VEC(Reads) reads;
    VEC(Ref) order; /* reverse of this is a valid order of work */
    char *seen;     /* per node, for that order */
    Ref *slot_cot;  /* per slot: sum for slots without an equation */
    Ref *start_cot; /* per slot: of the value at 0 or end+1 */
    Ref *total;     /* per forward node: its cotangent, once known */
} State;

static Ref identity(void *ctx, Graph *to, const Graph *from, Ref r,
                    const Ref *in)
{
    (void)ctx;
    return graph_copy(to, from, r, in);
}

typedef VEC(Ref) RefStack;

static void visit_slot(State *s, RefStack *stack, const Slot *v)
{
    if (v->root && !s->seen[v->root])
        vec_push(s->z.tmp, stack, v->root);
    for (int i = 0; i < v->lo.n; i++)
        if (!s->seen[v->lo.v[i].value])
            vec_push(s->z.tmp, stack, v->lo.v[i].value);
    for (int i = 0; i < v->hi.n; i++)
        if (!s->seen[v->hi.v[i].value])
            vec_push(s->z.tmp, stack, v->hi.v[i].value);
}

/* Operands and slot roots before their users; READs close loops and AT
 * needs the whole sequence of its slot first. */
static void visit(State *s, Ref root)
{
    const Graph *g = s->z.g;
    RefStack stack = {0};
    if (!root)
        return;
    vec_push(s->z.tmp, &stack, root);
    while (stack.n) {
        Ref r = stack.v[stack.n - 1];
        const Node *n = NODE(g, r);
        if (s->seen[r]) {
            stack.n--;
            if (s->seen[r] == 1) {
                s->seen[r] = 2;
                vec_push(s->z.tmp, &s->order, r);
            }
            continue;
        }
        s->seen[r] = 1;
        for (int i = 0; i < n->nin; i++)
            if (!s->seen[IN(g, r, i)])
                vec_push(s->z.tmp, &stack, IN(g, r, i));
        if (n->op == OP_AT)
            visit_slot(s, &stack, SLOT(g, n->a));
    }
}

static bool slot_wanted(const Slot *s, bool inputs)
{
    return s->kind == SLOT_PARAM || (inputs && s->kind == SLOT_INPUT &&
                                     !(s->flags & (CELL_INDEX | CELL_FROZEN)));
}

/* What depends on a differentiated leaf; through READs to a fixpoint. */
static void find_wants(Grad *z, bool inputs)
{
    const Graph *g = z->g;
    for (bool more = true; more;) {
        more = false;
        for (Ref r = 1; r < (Ref)z->n; r++) {
            if (z->wants[r])
                continue;
            const Node *n = NODE(g, r);
            bool w = false;
            for (int i = 0; i < n->nin; i++)
                w |= z->wants[IN(g, r, i)];
            if (n->op == OP_PARAM || n->op == OP_READ || n->op == OP_AT) {
                const Slot *s = SLOT(g, n->a);
                w |= slot_wanted(s, inputs) || z->wants[s->root];
                w |= inputs && n->op == OP_READ && s->kind == SLOT_EQN;
                for (int i = 0; i < s->lo.n; i++)
                    w |= z->wants[s->lo.v[i].value];
                for (int i = 0; i < s->hi.n; i++)
                    w |= z->wants[s->hi.v[i].value];
            }
            z->wants[r] = w;
            more |= w;
        }
    }
}

/* What the loss depends on. */
static void mark_live(const Graph *g, Ref loss, Arena *tmp, bool *live)
{
    Order o = graph_order_of(g, loss, tmp);
    for (int i = 0; i < o.n; i++)
        live[o.v[i]] = true;
}

static Ref at_node(State *s, int cot, int step, bool end)
{
    Graph *g = s->z.g;
    return graph_add(g, OP_AT, 0, NULL, cot, step, end, SLOT(g, cot)->span);
}

static void sum_into(State *s, Ref *sum, Ref d)
{
    *sum = *sum ? graph_op2(s->z.g, OP_add, *sum, d) : d;
}

/* Adds to the value that a bound puts at index j (0, -1.. or 1, 2..). */
static void to_bound(State *s, int slot, int j, bool end, Ref d)
{
    const Slot *v = SLOT(s->z.g, slot);
    int n = end ? v->hi.n : v->lo.n;
    const Bound *b = end ? v->hi.v : v->lo.v;
    if (j == (end ? 1 : 0))
        sum_into(s, &s->start_cot[slot], d);
    Ref value = 0;
    for (int i = 0; i < n; i++)
        if (b[i].at == j)
            value = b[i].value;
    if (!value && n && (end ? j > b[n - 1].at : j < b[n - 1].at))
        value = b[n - 1].value;
    if (value)
        cot_add(&s->z, value, d);
}

/* The reads of a slot at another step, as contributions to its equation and
 * its bounds. */
static void read_adjoint(State *s, const Reads *read)
{
    Graph *g = s->z.g;
    const Node n = *NODE(g, read->node);
    Span none = {0, 0};
    Ref d = graph_read(g, read->cot, -n.b);
    if (n.b > 0) { /* steps beyond the end were read as bounds */
        int axis = SLOT(g, n.a)->axis;
        Ref t = graph_add(g, OP_TIME, 0, NULL, axis, 0, 0, none);
        Ref len = graph_add(g, OP_LEN, 0, NULL, axis, 0, 0, none);
        d = graph_op3(g, OP_select, graph_op2(g, OP_le, t, len), d,
                      graph_const(g, 0));
    }
    Ref root = SLOT(g, n.a)->root;
    if (root && s->z.wants[root])
        cot_add(&s->z, root, d);
    else if (!root)
        sum_into(s, &s->slot_cot[n.a], d);
    Ref start = graph_add(g, OP_START, 0, NULL, 0, 0, 0, none);
    for (int j = 0; j > n.b; j--)
        to_bound(
            s, n.a, j, false,
            graph_op2(g, OP_mul, at_node(s, read->cot, j - n.b, false), start));
    for (int i = 1; i <= n.b; i++)
        to_bound(s, n.a, i, true, at_node(s, read->cot, i - n.b, true));
}

/* Where a short sequence made AT read a bound, its cotangent goes there. */
static void at_bounds(State *s, const Node *n, Ref d)
{
    Graph *g = s->z.g;
    Ref zero = graph_const(g, 0);
    Ref len = graph_add(g, OP_LEN, 0, NULL, SLOT(g, n->a)->axis, 0, 0, n->span);
    Ref start = graph_add(g, OP_START, 0, NULL, 0, 0, 0, n->span);
    Ref early = graph_op2(g, OP_mul, d, start);
    bool end = n->num != 0;
    if (end && n->b > 0)
        to_bound(s, n->a, n->b, true, d);
    if (!end && n->b <= 0)
        to_bound(s, n->a, n->b, false, early);
    for (int j = 0; end && j >= n->b; j--) {
        Ref hit = graph_op2(g, OP_eq, len, graph_const(g, j - n->b));
        to_bound(s, n->a, j, false, graph_op3(g, OP_select, hit, early, zero));
    }
    for (int i = 1; !end && i <= n->b; i++) {
        Ref hit = graph_op2(g, OP_eq, len, graph_const(g, n->b - i));
        to_bound(s, n->a, i, true, graph_op3(g, OP_select, hit, d, zero));
    }
}

/* AT keeps one step: its cotangent reaches that step alone. */
static void at_adjoint(State *s, Ref r, Ref d)
{
    Graph *g = s->z.g;
    const Node n = *NODE(g, r);
    int axis = SLOT(g, n.a)->axis;
    Ref t = graph_add(g, OP_TIME, 0, NULL, axis, 0, 0, n.span);
    Ref step = graph_const(g, n.b);
    at_bounds(s, &n, d);
    if (n.num != 0 ? n.b > 0 : n.b <= 0)
        return; /* in no sequence */
    if (n.num != 0) {
        step = graph_add(g, OP_LEN, 0, NULL, axis, 0, 0, n.span);
        if (n.b)
            step = graph_op2(g, OP_add, step, graph_const(g, n.b));
    }
    Ref hit = graph_op2(g, OP_eq, t, step);
    if (n.num == 0) { /* a step that this sequence may not have */
        Ref len = graph_add(g, OP_LEN, 0, NULL, axis, 0, 0, n.span);
        hit = graph_op2(g, OP_and, hit, graph_op2(g, OP_le, t, len));
    }
    d = graph_op3(g, OP_select, hit, d, graph_const(g, 0));
    if (SHAPE(g, NODE(g, d)->shape)->rank == 0)
        d = graph_expand(g, d, n.shape);
    if (SLOT(g, n.a)->root)
        cot_add(&s->z, SLOT(g, n.a)->root, d);
    else
        sum_into(s, &s->slot_cot[n.a], d);
}

static void make_cotangent_slots(State *s, const bool *live)
{
    Graph *g = s->z.g;
    for (Ref r = 1; r < (Ref)s->z.n; r++) {
        const Node n = *NODE(g, r);
        if (n.op != OP_READ || !n.b || !live[r] || !s->z.wants[r])
            continue;
        const Slot *v = SLOT(g, n.a);
        const char *name = arena_printf(g->arena, "d%s[t%+d]", v->name, n.b);
        Span span = v->span;
        int axis = v->axis;
        Reads read = {r, graph_slot(g, SLOT_COT, name, n.shape, n.axes)};
        SLOT(g, read.cot)->span = span;
        SLOT(g, read.cot)->axis = axis;
        vec_push(s->z.tmp, &s->reads, read);
    }
    for (int i = 0; i < s->reads.n; i++)
        read_adjoint(s, &s->reads.v[i]);
}

static void sweep(State *s, const bool *live)
{
    Graph *g = s->z.g;
    for (int i = s->order.n - 1; i >= 0; i--) {
        Ref r = s->order.v[i];
        if (!live[r] || !s->z.wants[r])
            continue;
        Ref d = s->total[r] = cot_total(&s->z, r);
        const Node n = *NODE(g, r);
        if (n.op == OP_READ && n.b) {
            int k = 0;
            while (s->reads.v[k].node != r)
                k++;
            Ref root = d ? d : graph_const(g, 0);
            SLOT(g, s->reads.v[k].cot)->root = cot_full(&s->z, root, r);
            continue;
        }
        if (!d)
            continue;
        if (n.op == OP_PARAM || n.op == OP_READ)
            sum_into(s, &s->slot_cot[n.a], d);
        else if (n.op == OP_AT)
            at_adjoint(s, r, d);
        else
            vjp(&s->z, r,
                OP_IS_EW(n.op) || n.op == OP_SUMA ? d : cot_full(&s->z, d, r));
    }
}

static void add_grad(State *s, const char *name, Ref d, int slot)
{
    Graph *g = s->z.g;
    const Slot *v = SLOT(g, slot);
    if (!d)
        d = graph_expand(g, graph_const(g, 0), v->shape);
    else if (!SHAPE(g, NODE(g, d)->shape)->rank)
        d = graph_expand(g, d, v->shape);
    Root r = {CELL_GRAD, name, d, slot, NULL, 0, -1, NULL};
    vec_push(g->arena, &g->root, r);
}

/* "grad.x"; the start value given as input "h@0" is "grad.h". */
static const char *grad_name(Arena *a, const char *of)
{
    const char *at = strstr(of, "@0");
    size_t n = at ? (size_t)(at - of) : strlen(of);
    return arena_printf(a, "grad.%.*s", (int)n, of);
}

static void add_roots(State *s, bool inputs)
{
    Graph *g = s->z.g;
    int n = g->slot.n;
    for (int i = 0; i < n; i++) {
        const Slot *v = SLOT(g, i);
        if (v->kind == SLOT_COT)
            continue;
        if (slot_wanted(v, inputs))
            add_grad(s, grad_name(g->arena, v->name), s->slot_cot[i], i);
        if (v->kind != SLOT_EQN || !inputs || !s->start_cot[i])
            continue;
        const char *given = arena_printf(g->arena, "%s@0", v->name);
        const char *short_given =
            v->alias ? arena_printf(g->arena, "%s@0", v->alias) : given;
        bool is_given = graph_slot_find(g, given) >= 0 ||
                        graph_slot_find(g, short_given) >= 0;
        if (!is_given)
            add_grad(s, grad_name(g->arena, v->name), s->start_cot[i], i);
        if (SLOT(g, i)->alias && graph_slot_find(g, short_given) < 0)
            add_grad(s, grad_name(g->arena, SLOT(g, i)->alias), s->start_cot[i],
                     i);
    }
}

/* For people: the cotangent of each value that has a root of its own, and of
 * what its outermost function is applied to. */
static void add_named(State *s)
{
    Graph *g = s->z.g;
    int n = g->root.n;
    for (int i = 0; i < n; i++) {
        Root of = g->root.v[i];
        Ref r = of.value;
        if (!of.what || strcmp(of.what, ROOT_VALUE) != 0 || !s->total[r])
            continue;
        of.what = ROOT_COTANGENT;
        of.value = s->total[r];
        vec_push(g->arena, &g->root, of);
        bool applied = NODE(g, r)->nin == 1 && OP_IS_EW(NODE(g, r)->op);
        of.what = ROOT_ARGUMENT;
        of.value = applied ? s->total[IN(g, r, 0)] : 0;
        if (of.value)
            vec_push(g->arena, &g->root, of);
    }
}

static Graph *grad(const Graph *from, bool inputs, bool named)
{
    Graph *g = graph_map(from, identity, NULL);
    Ref loss = 0;
    bool done = false; /* an IR text may hold its gradient already */
    for (int i = 0; i < g->root.n; i++) {
        done |= g->root.v[i].role == CELL_GRAD;
        if (g->root.v[i].role == CELL_LOSS)
            loss = g->root.v[i].value;
    }
    if (!loss || done)
        return g;
    State s;
    memset(&s, 0, sizeof s);
    s.z.g = g;
    s.z.tmp = arena_new(NULL);
    s.z.n = g->node.n;
    s.z.cot = NEW_N(s.z.tmp, Cot, g->node.n);
    s.z.wants = NEW_N(s.z.tmp, bool, g->node.n);
    s.seen = NEW_N(s.z.tmp, char, g->node.n);
    s.slot_cot = NEW_N(s.z.tmp, Ref, g->slot.n);
    s.start_cot = NEW_N(s.z.tmp, Ref, g->slot.n);
    s.total = NEW_N(s.z.tmp, Ref, g->node.n);
    bool *live = NEW_N(s.z.tmp, bool, g->node.n);
    mark_live(g, loss, s.z.tmp, live);
    find_wants(&s.z, inputs);
    for (Ref r = 1; r < (Ref)s.z.n; r++)
        visit(&s, r);
    make_cotangent_slots(&s, live);
    s.z.wants[loss] = true;
    cot_add(&s.z, loss, graph_const(g, 1));
    sweep(&s, live);
    add_roots(&s, inputs);
    if (named)
        add_named(&s);
    Arena *tmp = s.z.tmp;
    Graph *to = graph_map(g, identity, NULL);
    arena_free(tmp);
    return to;
}

Graph *pass_grad(const Graph *from, bool inputs)
{
    return grad(from, inputs, false);
}

Graph *pass_unvalued(const Graph *from)
{
    Graph *g = graph_map(from, identity, NULL);
    int n = 0;
    for (int i = 0; i < g->root.n; i++)
        if (g->root.v[i].role != CELL_LOSS)
            g->root.v[n++] = g->root.v[i];
    g->root.n = n;
    return graph_map(g, identity, NULL);
}

Graph *pass_grad_named(const Graph *from)
{
    return grad(from, false, true);
}
