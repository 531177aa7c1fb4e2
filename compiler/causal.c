/* Components: which values form a loop in time and which way it runs, or why
 * that cannot be.  Strongly connected components after Tarjan 1972, with a
 * stack of our own.  Needs a graph whose slots have their roots; called by the
 * checker on the user's equations and by sched.c on those and their gradient.
 */
#include "causal.h"

#include <string.h>

#include "ops.h"

typedef struct Find {
    const Graph *g;
    Arena *arena;
    Causal *out;
    int *index, *low, *edge; /* per node: Tarjan's numbers, next edge */
    bool *open;              /* per node: on `stack` */
    int next;
    VEC(Ref) stack, path;
    int *scc; /* per node: number of its component, also of single nodes */
    int nscc;
    Ref *from, *queue, *cycle; /* of cycle_through */
} Find;

/* i-th of the nodes that r needs: operands; of READ and AT the equation, then
 * the boundary values.  -1 past the last; 0 for none. */
static int64_t edge_at(const Graph *g, Ref r, int i)
{
    const Node *n = NODE(g, r);
    if (i < n->nin)
        return IN(g, r, i);
    i -= n->nin;
    if (n->op != OP_READ && n->op != OP_AT)
        return -1;
    const Slot *s = SLOT(g, n->a);
    if (i == 0)
        return s->root;
    if (n->op == OP_READ && n->b == 0)
        return -1;
    if (i <= s->lo.n)
        return s->lo.v[i - 1].value;
    i -= s->lo.n;
    return i <= s->hi.n ? (int64_t)s->hi.v[i - 1].value : -1;
}

/* Whether r reads other steps of another axis than its component's loop. */
static bool across(const Find *f, Ref r)
{
    const Node *n = NODE(f->g, r);
    if (n->op != OP_AT && (n->op != OP_READ || !n->b))
        return false;
    int comp = f->out->comp[r];
    return comp >= 0 && SLOT(f->g, n->a)->axis != f->out->v.v[comp].axis;
}

/* Whether the i-th edge of r stays within one step. */
static bool edge_same_time(const Find *f, Ref r, int i)
{
    const Node *n = NODE(f->g, r);
    return i < n->nin || (n->op == OP_READ && n->b == 0) || across(f, r);
}

/* Whether a node needs whole sequences along an axis. */
static bool whole(const Graph *g, Ref r, int axis)
{
    const Node *n = NODE(g, r);
    switch (n->op) {
    case OP_AT:
        return SLOT(g, n->a)->axis == axis;
    case OP_FINAL:
    case OP_REVERSE:
        return n->a == axis;
    case OP_ALONG:
        return n->a == axis || n->b == axis;
    case OP_EVERY:
    case OP_HOLD:
        return n->a == axis || g->time.v[n->a].like == axis;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        return n->a & cell_time(axis);
    case OP_OUTER:
    case OP_SCATTER:
        return true;
    case OP_POOL:
        return NODE(g, r)->axes == GX_NONE;
    default:
        return false;
    }
}

/* Finds the shortest way from r back to r inside its component, in the order
 * of the edges, r first; returns its length, 0 if there is none. */
static int cycle_through(Find *f, Ref r, bool same_time)
{
    const Graph *g = f->g;
    Ref *from = f->from;
    memset(from, 0, sizeof *from * (size_t)g->node.n);
    f->queue[0] = r;
    for (int q = 0, end = 1; q < end && !from[r]; q++) {
        Ref u = f->queue[q];
        int64_t v;
        for (int i = 0; (v = edge_at(g, u, i)) >= 0; i++) {
            if (!v || f->scc[v] != f->scc[r] || from[v] ||
                (same_time && !edge_same_time(f, u, i)))
                continue;
            from[v] = u;
            f->queue[end++] = (Ref)v;
        }
    }
    if (!from[r])
        return 0;
    int n = 1;
    for (Ref v = from[r]; v != r; v = from[v])
        n++;
    f->cycle[0] = r;
    Ref v = r;
    for (int i = n - 1; i > 0; i--)
        f->cycle[i] = v = from[v];
    return n;
}

static int slot_of_root(const Graph *g, Ref r)
{
    for (int i = 0; i < g->slot.n; i++)
        if (SLOT(g, i)->root == r)
            return i;
    return -1;
}

static bool reads_slot(const Graph *g, Ref r)
{
    return NODE(g, r)->op == OP_READ || NODE(g, r)->op == OP_AT;
}

static void add_link(Find *f, int slot, int offset, Span span)
{
    CausalLink l = {slot, offset, span};
    vec_push(f->arena, &f->out->error.cycle, l);
}

/* The cycle as names: starts at the equation that some node of it reads. */
static void set_cycle(Find *f, int n)
{
    const Graph *g = f->g;
    const Ref *cycle = f->cycle;
    int start = 0;
    while (!reads_slot(g, cycle[start]))
        start++;
    int cur = NODE(g, cycle[start])->a, first = cur;
    for (int i = 1; i <= n; i++) {
        Ref r = cycle[(start + i) % n];
        const Node *node = NODE(g, r);
        int own = slot_of_root(g, r);
        if (own >= 0 && SLOT(g, cur)->root != r && i < n) {
            add_link(f, cur, 0, node->span);
            cur = own;
        }
        if (reads_slot(g, r)) {
            add_link(f, cur, node->op == OP_READ ? node->b : 0, node->span);
            cur = i < n ? node->a : first;
        }
    }
}

static void set_error(Find *f, CausalWhy why, Ref r, bool same_time)
{
    CausalError *e = &f->out->error;
    if (e->why != CAUSAL_OK)
        return;
    int n = cycle_through(f, r, same_time);
    if (!n)
        return;
    e->why = why;
    e->read = r;
    e->span = NODE(f->g, r)->span;
    set_cycle(f, n);
}

/* A read inside the component: adds its slot, notes its direction. */
static void check_read(Find *f, Comp *c, Ref r)
{
    const Graph *g = f->g;
    const Node *n = NODE(g, r);
    const Slot *s = SLOT(g, n->a);
    for (int i = 0; n->b && i < s->lo.n + s->hi.n; i++) {
        Ref v = i < s->lo.n ? s->lo.v[i].value : s->hi.v[i - s->lo.n].value;
        if (v && f->scc[v] == f->scc[r])
            set_error(f, CAUSAL_WHOLE, r, false);
    }
    if (!s->root || f->scc[s->root] != f->scc[r])
        return;
    if (n->b == 0 || across(f, r)) {
        set_error(f, n->b ? CAUSAL_AXES : CAUSAL_INSTANT, r, true);
        return;
    }
    int dir = n->b < 0 ? 1 : -1;
    if (c->dir && c->dir != dir)
        set_error(f, CAUSAL_MIXED, r, false);
    c->dir = c->dir ? c->dir : dir;
    for (int i = 0; i < c->slot.n; i++)
        if (c->slot.v[i] == n->a)
            return;
    vec_push(f->arena, &c->slot, n->a);
}

static void sort_slots(Comp *c)
{
    for (int i = 1; i < c->slot.n; i++)
        for (int k = i; k > 0 && c->slot.v[k - 1] > c->slot.v[k]; k--) {
            int s = c->slot.v[k];
            c->slot.v[k] = c->slot.v[k - 1];
            c->slot.v[k - 1] = s;
        }
}

/* Whether the nodes of one component, taken from the stack, form a loop. */
static bool is_loop(const Find *f, const Ref *v, int n)
{
    if (n > 1)
        return true;
    int64_t to;
    for (int i = 0; (to = edge_at(f->g, v[0], i)) >= 0; i++)
        if ((Ref)to == v[0])
            return true;
    return false;
}

static void close_component(Find *f, Ref r)
{
    int from = f->stack.n;
    do
        from--;
    while (f->stack.v[from] != r);
    Ref *v = f->stack.v + from;
    int n = f->stack.n - from;
    f->stack.n = from;
    for (int i = 0; i < n; i++) {
        f->open[v[i]] = false;
        f->scc[v[i]] = f->nscc;
    }
    if (is_loop(f, v, n)) {
        Comp c = {0};
        for (int i = 0; i < n; i++)
            f->out->comp[v[i]] = f->out->v.n;
        vec_push(f->arena, &f->out->v, c);
    }
    f->nscc++;
}

static void enter(Find *f, Ref r)
{
    f->index[r] = f->low[r] = ++f->next;
    f->open[r] = true;
    vec_push(f->arena, &f->stack, r);
    vec_push(f->arena, &f->path, r);
}

static void tarjan(Find *f, Ref start)
{
    enter(f, start);
    while (f->path.n) {
        Ref r = f->path.v[f->path.n - 1];
        int64_t to = edge_at(f->g, r, f->edge[r]);
        if (to > 0 && !f->index[to]) {
            enter(f, (Ref)to);
            continue; /* the same edge again when `to` is done */
        }
        if (to >= 0) {
            if (to && f->open[to] && f->low[to] < f->low[r])
                f->low[r] = f->low[to];
            f->edge[r]++;
            continue;
        }
        f->path.n--;
        if (f->low[r] == f->index[r])
            close_component(f, r);
    }
}

/* Whether no step of any component depends on itself through reads along
 * another axis than its loop's. */
static bool steps_apart(Find *f, int comp)
{
    for (Ref r = 1; r < (Ref)f->g->node.n; r++)
        if (f->out->comp[r] == comp && across(f, r) &&
            cycle_through(f, r, true))
            return false;
    return true;
}

/* Whether no value of the component is of whole sequences along the axis. */
static bool stepwise(const Find *f, int comp, int axis)
{
    for (Ref r = 1; r < (Ref)f->g->node.n; r++)
        if (f->out->comp[r] == comp && whole(f->g, r, axis))
            return false;
    return true;
}

/* The axes along which a component reads itself: at earlier steps, at later
 * ones, at the ends. */
typedef struct Reached {
    int back, ahead, ends; /* bit k: time axis k */
} Reached;

static Reached *reached_axes(Find *f)
{
    const Graph *g = f->g;
    Reached *v = NEW_N(f->arena, Reached, f->out->v.n + 1);
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        const Node *n = NODE(g, r);
        int comp = f->out->comp[r];
        if (comp < 0 || !reads_slot(g, r) || (n->op == OP_READ && !n->b))
            continue;
        Ref root = SLOT(g, n->a)->root;
        if (!root || f->scc[root] != f->scc[r])
            continue;
        *(n->op == OP_AT ? &v[comp].ends
          : n->b < 0     ? &v[comp].back
                         : &v[comp].ahead) |= 1 << SLOT(g, n->a)->axis;
    }
    return v;
}

/* The axis of each loop: the one at whose other steps it is read; of several
 * the first that can be swept, is not looked at as a whole meanwhile and leaves
 * no cycle within a step. */
static void choose_axes(Find *f)
{
    Reached *reached = reached_axes(f);
    for (int i = 0; i < f->out->v.n; i++) {
        const Reached *x = &reached[i];
        int steps = x->back | x->ahead, set = steps ? steps : x->ends;
        int first = -1, *axis = &f->out->v.v[i].axis;
        for (int k = 0; k < CELL_TIMES; k++) {
            if (!(set >> k & 1))
                continue;
            *axis = k;
            first = first < 0 ? k : first;
            if (set == 1 << k ||
                (!(x->back & x->ahead & 1 << k) && stepwise(f, i, k) &&
                 steps_apart(f, i)))
                break;
            *axis = first;
        }
    }
}

Causal causal_find(const Graph *g, Arena *a)
{
    Causal out = {0};
    Find f = {0};
    out.comp = NEW_N(a, int, g->node.n);
    memset(out.comp, -1, sizeof(int) * (size_t)g->node.n);
    f.g = g;
    f.arena = a;
    f.out = &out;
    f.index = NEW_N(a, int, g->node.n);
    f.low = NEW_N(a, int, g->node.n);
    f.edge = NEW_N(a, int, g->node.n);
    f.scc = NEW_N(a, int, g->node.n);
    f.open = NEW_N(a, bool, g->node.n);
    f.from = NEW_N(a, Ref, g->node.n);
    f.queue = NEW_N(a, Ref, g->node.n + 1);
    f.cycle = NEW_N(a, Ref, g->node.n + 1);
    for (Ref r = 1; r < (Ref)g->node.n; r++)
        if (!f.index[r])
            tarjan(&f, r);
    choose_axes(&f);
    for (Ref r = 1; r < (Ref)g->node.n; r++) {
        if (out.comp[r] < 0)
            continue;
        if (NODE(g, r)->op == OP_READ)
            check_read(&f, &out.v.v[out.comp[r]], r);
        else if (whole(g, r, out.v.v[out.comp[r]].axis))
            set_error(&f, CAUSAL_WHOLE, r, false);
        else if (across(&f, r))
            set_error(&f, CAUSAL_WHOLE, r, true);
    }
    for (int i = 0; i < out.v.n; i++)
        sort_slots(&out.v.v[i]);
    return out;
}
