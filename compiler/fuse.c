/* Clusters: elementwise tasks of one stage with the same rows and the same
 * depth become one FUSED kernel.  Depth counts the kernels that must come
 * before, so tasks of equal depth never wait for each other except inside
 * their cluster.  Needs tasks in stages; used by sched.c and lower.c. */
#include "fuse.h"

#include "ops.h"

bool fuse_elementwise(const Tasks *t, int i)
{
    const Task *k = &t->v.v[i];
    return k->kind == TK_NODE && level_elementwise(t->l, k->node);
}

Home fuse_home(const Tasks *t, int i)
{
    const Task *k = &t->v.v[i];
    Home own = {HOME_OWN, 0, 0}, h = t->l->home[k->node];
    int owner = t->l->mark[k->node] == MARK_BACKWARD ? FN_BACKWARD : FN_FORWARD;
    if (k->kind != TK_NODE || k->fn != owner ||
        k->region != level_loop(t->l, k->node))
        return own;
    if (h.kind == HOME_PART &&
        tasks_find(t, k->fn, k->region, (Ref)h.index) < 0)
        return own;
    return h;
}

/* Same number of elements in a row and same rows. */
static bool same_domain(const Tasks *t, int a, int b)
{
    const Node *x = NODE(t->g, t->v.v[a].node), *y = NODE(t->g, t->v.v[b].node);
    return fuse_elementwise(t, a) && fuse_elementwise(t, b) &&
           t->v.v[a].axes == t->v.v[b].axes &&
           shape_size(t->g, x->shape) == shape_size(t->g, y->shape);
}

bool fuse_same(const Tasks *t, int a, int b)
{
    const Task *x = &t->v.v[a], *y = &t->v.v[b];
    return x->fn == y->fn && x->stage == y->stage && x->depth == y->depth &&
           same_domain(t, a, b);
}

static void set_depth(Tasks *t, int i)
{
    Task *k = &t->v.v[i];
    k->depth = 0;
    for (int d = 0; d < k->dep.n; d++) {
        const Dep *dep = &k->dep.v[d];
        const Task *from = &t->v.v[dep->task];
        if (from->stage != k->stage)
            continue;
        bool join = dep->fusable && same_domain(t, i, dep->task);
        int depth = from->depth + (join ? 0 : 1);
        if (k->depth < depth)
            k->depth = depth;
    }
}

static bool fusable_by(const Tasks *t, int user, int i)
{
    const Task *u = &t->v.v[user];
    bool all = same_domain(t, user, i);
    for (int d = 0; d < u->dep.n; d++)
        if (u->dep.v[d].task == i && !u->dep.v[d].fusable)
            all = false;
    return all;
}

/* Moves elementwise work down to its first user, so that it need not be
 * stored for it. */
static void sink_depth(Tasks *t, int i)
{
    Task *k = &t->v.v[i];
    if (!fuse_elementwise(t, i) || k->outside || !k->user.n ||
        fuse_home(t, i).kind != HOME_OWN)
        return;
    int depth = -1;
    for (int u = 0; u < k->user.n; u++) {
        int user = k->user.v[u];
        int d = t->v.v[user].depth - (fusable_by(t, user, i) ? 0 : 1);
        if (depth < 0 || d < depth)
            depth = d;
    }
    if (depth > k->depth)
        k->depth = depth;
}

static void set_stored(Tasks *t, int i)
{
    Task *k = &t->v.v[i];
    k->stored = !fuse_elementwise(t, i) || k->outside ||
                fuse_home(t, i).kind != HOME_OWN;
    for (int u = 0; u < k->user.n; u++) {
        int user = k->user.v[u];
        if (!fuse_same(t, i, user) || !fusable_by(t, user, i))
            k->stored = true;
    }
}

/* Tasks of one stage in the order of their places. */
typedef VEC(int) Ints;

static Ints *by_place(Tasks *t, int fn, int *stages)
{
    *stages = 0;
    for (int i = 0; i < t->v.n; i++)
        if (t->v.v[i].fn == fn && t->v.v[i].stage >= *stages)
            *stages = t->v.v[i].stage + 1;
    Ints *v = NEW_N(t->arena, Ints, *stages + 1);
    for (int i = 0; i < t->v.n; i++)
        if (t->v.v[i].fn == fn)
            vec_push(t->arena, &v[t->v.v[i].stage], -1);
    for (int i = 0; i < t->v.n; i++)
        if (t->v.v[i].fn == fn)
            v[t->v.v[i].stage].v[t->v.v[i].place] = i;
    return v;
}

void fuse_tasks(Tasks *t)
{
    for (int fn = 0; fn < FN_COUNT; fn++) {
        int stages;
        Ints *v = by_place(t, fn, &stages);
        for (int s = 0; s < stages; s++) {
            for (int i = 0; i < v[s].n; i++)
                set_depth(t, v[s].v[i]);
            for (int i = v[s].n - 1; i >= 0; i--)
                sink_depth(t, v[s].v[i]);
        }
    }
    for (int i = 0; i < t->v.n; i++)
        set_stored(t, i);
}
