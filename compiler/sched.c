/* Puts the tasks of each function into stages: everything that whole sequences
 * allow, then one loop, and so on; and sets how deep in its stage each task
 * lies, which is what fuse.c forms clusters by.  Stands between level.c and
 * plan.c. */
#include "sched.h"

#include <string.h>

#include "fuse.h"
#include "ops.h"

typedef struct Stager {
    Tasks *t;
    Sched *s;
    int fn;
    int *seq; /* tasks of this function in the order of their nodes */
    int n;
} Stager;

static int task_before(const Tasks *t, int a, int b)
{
    const Task *x = &t->v.v[a], *y = &t->v.v[b];
    int rx = t->l->rank[x->node], ry = t->l->rank[y->node];
    if (rx != ry)
        return rx < ry;
    return x->kind != y->kind ? x->kind < y->kind : a < b;
}

/* Merge sort: the host's qsort need not be stable, and takes no context. */
static void sort_tasks(const Tasks *t, int *v, int *tmp, int n)
{
    if (n < 2)
        return;
    int h = n / 2;
    sort_tasks(t, v, tmp, h);
    sort_tasks(t, v + h, tmp, n - h);
    memcpy(tmp, v, sizeof *v * (size_t)n);
    for (int i = 0, a = 0, b = h; i < n; i++)
        v[i] = a < h && (b == n || !task_before(t, tmp[b], tmp[a])) ? tmp[a++]
                                                                    : tmp[b++];
}

/* Whether everything that a task needs is placed; needs inside `loop` count
 * as placed when `outer`. */
static bool ready(const Tasks *t, int i, int loop, bool outer)
{
    const Task *k = &t->v.v[i];
    for (int d = 0; d < k->dep.n; d++) {
        const Task *need = &t->v.v[k->dep.v[d].task];
        if (need->stage < 0 && !(outer && need->region == loop))
            return false;
    }
    return true;
}

/* Places all tasks of a region that become ready; returns how many. */
static int fill_stage(Stager *st, int region, int stage)
{
    int placed = 0;
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < st->n; i++) {
            Task *k = &st->t->v.v[st->seq[i]];
            if (k->region != region || k->stage >= 0 ||
                !ready(st->t, st->seq[i], region, false))
                continue;
            k->stage = stage;
            k->place = placed++;
            again = true;
        }
    }
    return placed;
}

static bool loop_ready(const Stager *st, int loop)
{
    int waiting = 0;
    for (int i = 0; i < st->n; i++) {
        const Task *k = &st->t->v.v[st->seq[i]];
        if (k->region != loop || k->stage >= 0)
            continue;
        waiting++;
        if (!ready(st->t, st->seq[i], loop, true))
            return false;
    }
    return waiting > 0;
}

static void add_stage(Stager *st, int loop)
{
    Stage stage = {0};
    stage.comp = loop;
    stage.dir = loop < 0 ? 0 : st->t->l->causal.v.v[loop].dir;
    vec_push(st->t->arena, &st->s->fn[st->fn].stage, stage);
}

static void build_stages(Stager *st)
{
    SchedFn *fn = &st->s->fn[st->fn];
    int left = st->n;
    while (left > 0) {
        int n = fill_stage(st, -1, fn->stage.n), loop = 0;
        if (n)
            add_stage(st, -1);
        left -= n;
        while (loop < st->t->l->causal.v.n && !loop_ready(st, loop))
            loop++;
        if (loop < st->t->l->causal.v.n) {
            int m = fill_stage(st, loop, fn->stage.n);
            add_stage(st, loop);
            left -= m;
            n += m;
        }
        if (!n)
            arena_panic(st->t->arena, "schedule: tasks wait for each other");
    }
}

/* The last WHOLE stage that comes before all users of task i. */
static int latest_stage(const Stager *st, int i)
{
    const Task *k = &st->t->v.v[i];
    const SchedFn *fn = &st->s->fn[st->fn];
    int latest = fn->stage.n - 1;
    for (int u = 0; u < k->user.n; u++)
        if (st->t->v.v[k->user.v[u]].stage < latest)
            latest = st->t->v.v[k->user.v[u]].stage;
    while (fn->stage.v[latest].comp >= 0)
        latest--;
    return latest;
}

/* Moves work that needs nothing of this function to where it is used first,
 * so that its result occupies memory no longer than it must. */
static void delay(Stager *st, int *order)
{
    int n = 0, stages = st->s->fn[st->fn].stage.n;
    for (int s = 0; s < stages; s++) {
        int from = n;
        for (int i = 0; i < st->n; i++)
            if (st->t->v.v[st->seq[i]].stage == s)
                n++;
        for (int i = 0; i < st->n; i++)
            if (st->t->v.v[st->seq[i]].stage == s)
                order[from + st->t->v.v[st->seq[i]].place] = st->seq[i];
    }
    for (int i = n - 1; i >= 0; i--) {
        Task *k = &st->t->v.v[order[i]];
        if (k->region < 0 && !k->dep.n && k->user.n)
            k->stage = latest_stage(st, order[i]);
    }
    int *count = NEW_N(st->t->arena, int, stages + 1);
    for (int i = 0; i < n; i++) {
        Task *k = &st->t->v.v[order[i]];
        k->place = count[k->stage]++;
    }
}

/* Takes out stages that delay() left without work. */
static void drop_empty(Stager *st)
{
    SchedFn *fn = &st->s->fn[st->fn];
    int *to = NEW_N(st->t->arena, int, fn->stage.n + 1), n = 0;
    for (int i = 0; i < st->n; i++)
        to[st->t->v.v[st->seq[i]].stage] = 1;
    for (int s = 0; s < fn->stage.n; s++) {
        fn->stage.v[n] = fn->stage.v[s];
        n += to[s];
        to[s] = n - to[s];
    }
    fn->stage.n = n;
    for (int i = 0; i < st->n; i++)
        st->t->v.v[st->seq[i]].stage = to[st->t->v.v[st->seq[i]].stage];
}

/* What others need of a task decides where its result goes. */
static void set_outside(Tasks *t, int i)
{
    Task *k = &t->v.v[i];
    Home home = fuse_home(t, i);
    k->outside =
        k->crosses || (home.kind != HOME_OWN && home.kind != HOME_PART);
    for (int u = 0; u < k->user.n; u++)
        if (t->v.v[k->user.v[u]].stage != k->stage)
            k->outside = true;
}

/* A CONCAT whose parts are needed after the step must last as long. */
static void spread_outside(Tasks *t)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < t->v.n; i++) {
            const Task *k = &t->v.v[i];
            Home home = fuse_home(t, i);
            if (!k->outside || home.kind != HOME_PART)
                continue;
            int c = tasks_find(t, k->fn, k->region, (Ref)home.index);
            if (c >= 0 && !t->v.v[c].outside && t->v.v[c].region >= 0)
                t->v.v[c].outside = again = true;
        }
    }
}

Sched *sched_build(const Graph *g, Arena *a)
{
    Sched *s = NEW(a, Sched);
    Tasks *t = tasks_build(level_build(g, a));
    s->g = g;
    s->causal = t->l->causal;
    s->param_at = t->l->param_at;
    s->param_size = t->l->param_size;
    for (int fn = 0; fn < FN_COUNT; fn++) {
        Stager st = {t, s, fn, NEW_N(a, int, t->v.n + 1), 0};
        for (int i = 0; i < t->v.n; i++)
            if (t->v.v[i].fn == fn)
                st.seq[st.n++] = i;
        sort_tasks(t, st.seq, NEW_N(a, int, t->v.n + 1), st.n);
        build_stages(&st);
        delay(&st, NEW_N(a, int, t->v.n + 1));
        drop_empty(&st);
    }
    for (int i = 0; i < t->v.n; i++)
        set_outside(t, i);
    spread_outside(t);
    fuse_tasks(t);
    lower_tasks(t, s);
    return s;
}
