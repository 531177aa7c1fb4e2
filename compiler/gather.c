/* Work on the matrices that a loop computes, one for each sequence and step,
 * goes into the loop: such a matrix does not stay in a cache until the whole
 * sequence is done, and what was made of it in the loop need not be stored.
 * Between task.c and sched.c: looks at tasks and their order, and moves nodes
 * (Level.sunk), after which the tasks are made anew. */
#include "gather.h"

#include "chunk.h"
#include "ops.h"

typedef struct Gather {
    Tasks *t;
    int fn, loop;
    bool *inside;         /* per task: in the loop */
    bool *after, *before; /* per task: the loop waits for it, or it for that */
    bool *others[2];      /* likewise per loop: one waits as a whole */
} Gather;

static bool is_matrix(const Graph *g, Ref r)
{
    const Node *n = NODE(g, r);
    return SHAPE(g, n->shape)->rank > 1 && n->axes & CELL_B &&
           n->axes & GX_TIME && shape_size(g, n->shape) >= LARGE_STATE;
}

/* Whether the loop has computed operand `in` when it is at that step. */
static bool is_there(const Gather *w, Ref in)
{
    const Level *l = w->t->l;
    Ref r = level_scalar(l->g, in);
    while (NODE(l->g, r)->op == OP_SLICE)
        r = level_scalar(l->g, IN(l->g, r, 0));
    const Node *n = NODE(l->g, r);
    return n->op != OP_READ || !n->b || !slot_computed(SLOT(l->g, n->a)) ||
           level_slot_loop(l, n->a) != w->loop ||
           n->b * l->causal.v.v[w->loop].dir < 0;
}

static int owner(const Level *l, Ref r)
{
    return l->mark[r] == MARK_BACKWARD ? FN_BACKWARD : FN_FORWARD;
}

/* Whether task i could be done in the loop, for its own part. */
static bool can_move(const Gather *w, int i)
{
    const Task *k = &w->t->v.v[i];
    const Level *l = w->t->l;
    const Graph *g = l->g;
    int axis = l->causal.v.v[w->loop].axis;
    if (k->kind != TK_NODE || k->fn != w->fn || k->region >= 0 ||
        !(k->axes & cell_time(axis)) || !chunk_task(w->t, i, axis) ||
        level_loop(l, k->node) >= 0 || w->fn != owner(l, k->node) ||
        (l->home[k->node].kind != HOME_OWN &&
         l->home[k->node].kind != HOME_ROOT &&
         l->home[k->node].kind != HOME_PART))
        return false;
    bool any = is_matrix(g, k->node);
    for (int o = 0; o < NODE(g, k->node)->nin; o++) {
        Ref in = IN(g, k->node, o);
        any |= is_matrix(g, level_strip(g, in));
        if (!is_there(w, in))
            return false;
    }
    return any;
}

/* The loop that task i is in, or was moved to; -1: none. */
static int loop_of(const Gather *w, int i)
{
    const Task *k = &w->t->v.v[i];
    if (k->region >= 0 || k->kind != TK_NODE)
        return k->region;
    return w->t->l->sunk[k->node];
}

/* Another loop waits for the one at hand, or that for it, if one of its tasks
 * does; whether that is news. */
static bool join_loop(Gather *w, int i)
{
    bool *const task[2] = {w->after, w->before};
    int loop = loop_of(w, i);
    bool more = false;
    for (int k = 0; k < 2 && loop >= 0 && loop != w->loop; k++) {
        more |= task[k][i] != w->others[k][loop];
        task[k][i] = w->others[k][loop] |= task[k][i];
    }
    return more;
}

/* What the loop waits for, and what waits for it. */
static void find_order(Gather *w)
{
    const Tasks *t = w->t;
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < t->v.n; i++) {
            const Task *k = &t->v.v[i];
            if (k->fn != w->fn)
                continue;
            more |= join_loop(w, i);
            for (int d = 0; d < k->dep.n; d++) {
                int from = k->dep.v[d].task;
                if ((w->inside[from] || w->after[from]) && !w->after[i])
                    w->after[i] = more = true;
                if ((w->inside[i] || w->before[i]) && !w->before[from])
                    w->before[from] = more = true;
            }
        }
    }
}

/* Whether nothing outside comes between task i and the loop. */
static bool fits(const Gather *w, int i)
{
    const Task *k = &w->t->v.v[i];
    for (int d = 0; d < k->dep.n; d++)
        if (!w->inside[k->dep.v[d].task] && w->after[k->dep.v[d].task])
            return false;
    for (int u = 0; u < k->user.n; u++)
        if (!w->inside[k->user.v[u]] && w->before[k->user.v[u]])
            return false;
    return true;
}

/* Whether the loop has to do with matrices at all. */
static bool begin(Gather *w)
{
    bool any = false;
    for (int i = 0; i < w->t->l->causal.v.n; i++)
        w->others[0][i] = w->others[1][i] = false;
    for (int i = 0; i < w->t->v.n; i++) {
        const Task *k = &w->t->v.v[i];
        w->after[i] = w->before[i] = false;
        w->inside[i] = k->fn == w->fn && k->region == w->loop;
        any |=
            w->inside[i] && k->kind == TK_NODE && is_matrix(w->t->g, k->node);
    }
    return any;
}

static bool gather_loop(Gather *w)
{
    bool any = false;
    if (!begin(w))
        return false;
    find_order(w);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < w->t->v.n; i++)
            if (!w->inside[i] && can_move(w, i) && fits(w, i)) {
                w->t->l->sunk[w->t->v.v[i].node] = w->loop;
                w->inside[i] = any = more = true;
                find_order(w);
            }
    }
    return any;
}

bool gather_tasks(Tasks *t)
{
    bool any = false;
    Gather w = {0};
    w.t = t;
    w.inside = NEW_N(t->arena, bool, t->v.n + 1);
    w.after = NEW_N(t->arena, bool, t->v.n + 1);
    w.before = NEW_N(t->arena, bool, t->v.n + 1);
    for (int i = 0; i < 2; i++)
        w.others[i] = NEW_N(t->arena, bool, t->l->causal.v.n + 1);
    for (w.fn = 0; w.fn < FN_COUNT; w.fn++)
        for (w.loop = 0; w.loop < t->l->causal.v.n; w.loop++)
            any |= gather_loop(&w);
    return any;
}
