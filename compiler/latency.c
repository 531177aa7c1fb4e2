/* Latency of values; see latency.h. */
#include "latency.h"

#include "ops.h"

typedef struct Look {
    const Graph *g;
    const Causal *c;
    int *steps;         /* per node */
    const char **blame; /* per node: what makes it wait for the end */
} Look;

static void raise(Look *l, Ref r, int steps, const char *blame, bool *more)
{
    if (steps > LATENCY_WHOLE)
        steps = LATENCY_WHOLE;
    if (steps <= l->steps[r])
        return;
    l->steps[r] = steps;
    l->blame[r] = blame;
    *more = true;
}

static void look_slot(Look *l, Ref r, const Node *n, bool *more)
{
    const Slot *s = SLOT(l->g, n->a);
    if (n->op == OP_AT) {
        bool ahead = n->num != 0 || n->b > 1;
        raise(l, r, ahead ? LATENCY_WHOLE : 0, s->name, more);
    }
    int ahead = n->op == OP_READ ? n->b : 0;
    int from = s->root ? l->steps[s->root] : 0;
    bool looped = l->c->comp[r] >= 0; /* further ahead with each round */
    if (ahead > 0 && looped)
        from = LATENCY_WHOLE;
    int steps = from >= LATENCY_WHOLE ? from : from + ahead;
    raise(l, r, steps < 0 ? 0 : steps,
          s->root && l->blame[s->root] ? l->blame[s->root] : s->name, more);
}

Latency latency_of(const Graph *g, const Causal *c, Ref root, Arena *tmp)
{
    Look l = {g, c, NEW_N(tmp, int, g->node.n),
              NEW_N(tmp, const char *, g->node.n)};
    for (bool more = true; more;) {
        more = false;
        for (Ref r = 1; r < (Ref)g->node.n; r++) {
            const Node *n = NODE(g, r);
            for (int i = 0; i < n->nin; i++)
                raise(&l, r, l.steps[IN(g, r, i)], l.blame[IN(g, r, i)], &more);
            if (n->op == OP_READ || n->op == OP_AT)
                look_slot(&l, r, n, &more);
            bool whole = n->op == OP_LEN || n->op == OP_FINAL ||
                         n->op == OP_REVERSE || n->op == OP_ALONG ||
                         n->op == OP_EVERY || n->op == OP_HOLD ||
                         ((n->op == OP_SUMA || n->op == OP_MAXA ||
                           n->op == OP_MINA || n->op == OP_POOL) &&
                          (n->a & GX_TIME));
            if (whole)
                raise(&l, r, LATENCY_WHOLE,
                      n->op == OP_LEN ? "end" : op_row[n->op].name, &more);
        }
    }
    Latency out = {l.steps[root], l.blame[root]};
    return out;
}
