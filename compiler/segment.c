/* Sequences that are too long for memory: train cuts them into segments, runs
 * forward through all of them keeping only the state between two, and then
 * backward from the last one on, each time after one more forward.  For that a
 * model must take the cotangents of what the next segment reads of this one,
 * and give those of what it reads of the segment before.
 * pass_segment needs: a graph with its gradient.  gives: what cotangents are
 * beyond the end as inputs (CELL_AFTER), the same before the start as GRAD
 * roots of these inputs.  keeps: all that was there. Source: Chen, Xu, Zhang,
 * Guestrin 2016 (checkpoints and recomputation). */
#include "graph.h"

#include "ops.h"

static Ref identity(void *ctx, Graph *to, const Graph *from, Ref r,
                    const Ref *in)
{
    (void)ctx;
    return graph_copy(to, from, r, in);
}

/* How many steps ahead each slot is read. */
static int *find_ahead(const Graph *g, Arena *tmp)
{
    int *ahead = NEW_N(tmp, int, g->slot.n + 1);
    Order o = graph_order(g, tmp);
    for (int i = 0; i < o.n; i++) {
        const Node *n = NODE(g, o.v[i]);
        if (n->op == OP_READ && n->b > ahead[n->a])
            ahead[n->a] = n->b;
    }
    return ahead;
}

/* Step k behind the end of cotangent slot s, and step k of the segment itself,
 * which is that of the segment before. */
static void join(Graph *g, int s, int k)
{
    const char *name = arena_printf(g->arena, "%s@%d", SLOT(g, s)->name, k);
    int axes = SLOT(g, s)->axes & ~slot_bit(SLOT(g, s));
    int in = graph_slot(g, SLOT_INPUT, name, SLOT(g, s)->shape, axes);
    Bound b = {k, graph_read(g, in, 0)};
    Root r = {
        CELL_GRAD, arena_printf(g->arena, "grad.%s", name), 0, in, NULL, 0, -1,
        NULL};
    SLOT(g, in)->flags |= CELL_AFTER | CELL_FROZEN;
    vec_push(g->arena, &SLOT(g, s)->hi, b);
    r.value = graph_add(g, OP_AT, 0, NULL, s, k, 0, SLOT(g, s)->span);
    vec_push(g->arena, &g->root, r);
}

Graph *pass_segment(const Graph *from)
{
    Graph *g = graph_map(from, identity, NULL);
    Arena *tmp = arena_new(NULL);
    int *ahead = find_ahead(g, tmp), n = g->slot.n;
    for (int i = 0; i < n; i++)
        for (int k = 1; SLOT(g, i)->kind == SLOT_COT && k <= ahead[i]; k++)
            join(g, i, k);
    arena_free(tmp);
    return g;
}

/* ---- what cannot be cut ---- */

/* What is known of the values that a loss needs. */
typedef struct Look {
    const Graph *g;
    Order order;
    bool *end;  /* per node: depends on a value at the end */
    bool *data; /* per node: depends on data, not on parameters alone */
    bool *sum;  /* per node: the sum over time that a term is */
} Look;

static void spread(Look *l)
{
    const Graph *g = l->g;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < l->order.n; i++) {
            Ref r = l->order.v[i];
            const Node *n = NODE(g, r);
            bool end = n->op == OP_AT, data = n->axes != GX_NONE;
            for (int k = 0; k < n->nin; k++) {
                end |= l->end[IN(g, r, k)];
                data |= l->data[IN(g, r, k)];
            }
            if (n->op == OP_READ && SLOT(g, n->a)->root)
                end |= l->end[SLOT(g, n->a)->root];
            more |= end != l->end[r] || data != l->data[r];
            l->end[r] = end;
            l->data[r] = data;
        }
    }
}

/* Positions and lengths may only say which steps there are: counted anew in
 * each segment, they mean something else, but for those counted on. */
static bool is_mask(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    if (n->op == OP_add && (NODE(g, IN(g, r, 0))->op == OP_PAST ||
                            NODE(g, IN(g, r, 1))->op == OP_PAST))
        return true;
    return n->op == OP_le || n->op == OP_ge || n->op == OP_gt ||
           (n->op != OP_READ && n->op != OP_AT && !n->nin);
}

static bool counts_steps(const Graph *g, Ref r)
{
    for (int k = 0; k < NODE(g, r)->nin; k++) {
        int op = NODE(g, IN(g, r, k))->op;
        if ((op == OP_TIME || op == OP_LEN) && !is_mask(g, r))
            return true;
    }
    return false;
}

static bool needs_whole(const Look *l, Ref r)
{
    const Node *n = NODE(l->g, r);
    switch (n->op) {
    case OP_READ:
        return n->b > 0 || (l->end[r] && n->axes & GX_TIME);
    case OP_AT:
        return n->num == 0;
    case OP_REVERSE:
    case OP_ALONG:
    case OP_EVERY:
    case OP_HOLD:
        return true;
    case OP_SUMA:
    case OP_MAXA:
    case OP_MINA:
    case OP_POOL:
        return (n->a & GX_TIME && !l->sum[r]) ||
               (l->end[r] && n->axes & GX_TIME);
    default:
        return counts_steps(l->g, r) || (l->end[r] && n->axes & GX_TIME);
    }
}

/* A summand of the loss that no data reach would count in every segment. */
static Ref penalty(const Look *l, Ref r)
{
    if (NODE(l->g, r)->op != OP_add)
        return l->data[r] || NODE(l->g, r)->op == OP_CONST ? 0 : r;
    Ref found = penalty(l, IN(l->g, r, 0));
    return found ? found : penalty(l, IN(l->g, r, 1));
}

Ref segment_refuses(const Graph *g, Arena *tmp)
{
    Look l = {g,
              {0},
              NEW_N(tmp, bool, g->node.n),
              NEW_N(tmp, bool, g->node.n),
              NEW_N(tmp, bool, g->node.n)};
    Ref loss = 0;
    for (int i = 0; i < g->root.n; i++) {
        const Root *r = &g->root.v[i];
        if (r->role == CELL_LOSS)
            loss = r->value;
        if (r->role == CELL_TERM || r->role == CELL_COUNT)
            l.sum[r->value] = true;
    }
    if (!loss)
        return 0;
    l.order = graph_order_of(g, loss, tmp);
    spread(&l);
    for (int i = 0; i < l.order.n; i++)
        if (needs_whole(&l, l.order.v[i]))
            return l.order.v[i];
    return penalty(&l, loss);
}
