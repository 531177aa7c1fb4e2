/* Drawing along one of several time axes, step by step: what does not change
 * along it, such as an encoder, is computed once, and a step reads that as an
 * input.  Stands before all other passes, for `generate`.
 * pass_part needs: a graph as elaborated, for inference.  gives: with KNOWN an
 * OUTPUT root "@1", "@2", ... for each value that is known before the first
 * step; else the DRAW and STOP roots, with inputs (CELL_KNOWN) of those names,
 * and "@past", the steps behind, if the number of a step counts.  NULL where a
 * step needs more of the others than the states that they left. */
#include "graph.h"

#include "ops.h"

typedef struct Part {
    const Graph *g;
    int axis; /* that is drawn along */
    Order order;
    bool *data; /* per node: depends on what a slot has */
    int *known; /* per node: its number among those known before, 0: none */
    int *input; /* per number: the slot of the step that holds it, -1 */
    int n;      /* known values */
    int past;   /* the slot of "@past", -1 */
} Part;

static Ref identity(void *ctx, Graph *to, const Graph *from, Ref r,
                    const Ref *in)
{
    (void)ctx;
    return graph_copy(to, from, r, in);
}

/* The axis that everything drawn goes along, -1: there is none. */
static int drawn_axis(const Graph *g)
{
    int axis = CELL_NO_TIME;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        if (r->role != CELL_DRAW || r->slot < 0)
            continue;
        int own = cell_only_time(SLOT(g, r->slot)->axes);
        if (own < 0 || (axis >= 0 && own != axis))
            return -1;
        axis = own;
    }
    for (int i = 0; i < g->time.n; i++)
        if (axis >= 0 && (g->time.v[i].like == axis ||
                          (i == axis && g->time.v[i].like >= 0)))
            return -1;
    return axis;
}

/* Only what draws, and says when it ends. */
static Graph *drawing(const Graph *from, int axis)
{
    Graph *g = graph_map(from, identity, NULL);
    int kept = 0;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        bool stop = r->role == CELL_STOP &&
                    cell_only_time(NODE(g, r->value)->axes) == axis;
        if (stop || r->role == CELL_DRAW)
            g->root.v[kept++] = *r;
    }
    g->root.n = kept;
    return g;
}

/* Whether a READ is of what one step leaves to later ones as a block. */
static bool carried(const Part *p, const Node *n)
{
    const Slot *s = SLOT(p->g, n->a);
    int bit = cell_time(p->axis), others = s->axes & GX_TIME & ~bit;
    if (!n->b || !(s->axes & bit))
        return true;
    return n->b < 0 && s->axis == p->axis && others < bit &&
           (!others || s->kind == SLOT_EQN);
}

/* Whether node r can be computed at one step. */
static bool stepwise(const Part *p, Ref r)
{
    const Node *n = NODE(p->g, r);
    switch (n->op) {
    case OP_READ:
        return carried(p, n);
    case OP_AT:
        return SLOT(p->g, n->a)->axis != p->axis;
    case OP_FINAL:
    case OP_REVERSE:
    case OP_LEN:
    case OP_EVERY:
    case OP_HOLD:
        return n->a != p->axis;
    case OP_ALONG:
        return n->a != p->axis && n->b != p->axis;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
        return !(n->a & cell_time(p->axis));
    case OP_OUTER:
    case OP_SCATTER:
        return n->axes != GX_NONE;
    case OP_POOL:
    case OP_LAST:
    case OP_START:
        return false;
    default:
        return true;
    }
}

/* A value that data decide and that has no such axis is known before. */
static void know(Part *p, Ref r)
{
    const Node *n = NODE(p->g, r);
    if (r && p->data[r] && n->axes && !(n->axes & cell_time(p->axis)) &&
        !p->known[r])
        p->known[r] = ++p->n;
}

/* Numbers what a step needs of the values known before. */
static void find_known(Part *p)
{
    const Graph *g = p->g;
    for (int i = 0; i < p->order.n; i++) {
        Ref r = p->order.v[i];
        const Node *n = NODE(g, r);
        p->data[r] = n->op == OP_READ || n->op == OP_AT;
        for (int k = 0; k < n->nin; k++)
            p->data[r] |= p->data[IN(g, r, k)];
    }
    for (int i = 0; i < p->order.n; i++) {
        Ref r = p->order.v[i];
        const Node *n = NODE(g, r);
        for (int k = 0; k < n->nin && n->axes & cell_time(p->axis); k++)
            know(p, IN(g, r, k));
    }
    for (int i = 0; i < g->slot.n; i++)
        for (int k = 0; k < SLOT(g, i)->lo.n; k++)
            if (p->order.slot_used[i] && SLOT(g, i)->axis == p->axis)
                know(p, SLOT(g, i)->lo.v[k].value);
    for (int i = 0; i < g->root.n; i++)
        know(p, g->root.v[i].value);
}

static const char *name_of(Graph *g, int number)
{
    return arena_printf(g->arena, "@%d", number);
}

static int add_input(Graph *to, const char *name, int shape, int axes)
{
    int s = graph_slot(to, SLOT_INPUT, name, shape, axes);
    SLOT(to, s)->flags = CELL_KNOWN | CELL_FROZEN;
    return s;
}

/* The steps behind, of each sequence. */
static Ref behind(Part *p, Graph *to)
{
    if (p->past < 0)
        p->past = add_input(to, "@past", 0, GX_B);
    return graph_read(to, p->past, 0);
}

static Ref of_step(void *ctx, Graph *to, const Graph *from, Ref r,
                   const Ref *in)
{
    Part *p = ctx;
    const Node *n = NODE(from, r);
    int k = p->known[r];
    if (k && p->input[k] < 0)
        p->input[k] = add_input(to, name_of(to, k), n->shape, n->axes);
    if (k)
        return graph_read(to, p->input[k], 0);
    if (n->op == OP_PAST && p->axis == 0)
        return behind(p, to);
    Ref same = graph_copy(to, from, r, in);
    if (n->op == OP_TIME && n->a == p->axis && p->axis > 0)
        return graph_op2(to, OP_add, same, behind(p, to));
    return same;
}

static Graph *step(Part *p)
{
    for (int k = 0; k <= p->n; k++)
        p->input[k] = -1;
    p->past = -1;
    Graph *g = graph_map(p->g, of_step, p);
    return graph_map(g, identity, NULL);
}

static Graph *known(const Part *p, Graph *g)
{
    g->root.n = 0;
    for (int k = 1; k <= p->n; k++) {
        Root root = {CELL_OUTPUT, name_of(g, k), 0, -1, NULL, 0, -1, NULL};
        vec_push(g->arena, &g->root, root);
    }
    for (int i = 0; i < p->order.n; i++)
        if (p->known[p->order.v[i]])
            g->root.v[p->known[p->order.v[i]] - 1].value = p->order.v[i];
    return graph_map(g, identity, NULL);
}

Graph *pass_part(const Graph *from, bool before)
{
    int axis = drawn_axis(from);
    if (axis < 0)
        return NULL;
    Graph *g = drawing(from, axis);
    Arena *tmp = arena_new(NULL);
    Part p = {.g = g, .axis = axis, .order = graph_order(g, tmp)};
    p.data = NEW_N(tmp, bool, g->node.n);
    p.known = NEW_N(tmp, int, g->node.n);
    p.input = NEW_N(tmp, int, g->node.n);
    bool can = true;
    for (int i = 0; i < p.order.n && can; i++)
        can = stepwise(&p, p.order.v[i]);
    find_known(&p);
    Graph *to = !can || !p.n ? NULL : before ? known(&p, g) : step(&p);
    arena_free(tmp);
    if (to)
        graph_idle(to);
    return to;
}
