/* Puts the tasks of each function into stages: everything that whole sequences
 * allow, then one loop, and so on; and sets how deep in its stage each task
 * lies, which is what fuse.c forms clusters by.  Stands between level.c and
 * plan.c. */
#include "sched.h"

#include <string.h>

#include "accumulate.h"
#include "chunk.h"
#include "fuse.h"
#include "gather.h"
#include "lanes.h"
#include "ops.h"
#include "restate.h"
#include "running.h"
#include "sweep.h"
#include "turn.h"

/* Steps of a turn whose states are lines in the L1 cache and not matrices in
 * the L2 cache. */
enum { LONG_TURN = 16 };

typedef struct Stager {
    Tasks *t;
    Sched *s;
    Chunks chunks;
    int fn;
    int *seq; /* tasks of this function in the order of their nodes */
    int n;
    int left;  /* how many have no stage yet */
    int *seen; /* per task: in which search can_come_later() has been there */
    int searches;
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

/* Whether everything that a task needs is placed, so that it may come next, in
 * `group` if that is one; needs inside `loop` count as placed when `outer`. */
static bool ready(const Stager *st, int i, int group, int loop, bool outer)
{
    const Tasks *t = st->t;
    const SchedFn *fn = &st->s->fn[st->fn];
    const Task *k = &t->v.v[i];
    for (int d = 0; d < k->dep.n; d++) {
        int n = k->dep.v[d].task, stage = t->v.v[n].stage;
        bool same = loop >= 0 && t->v.v[n].region == loop;
        if (stage < 0 && !(outer && same))
            return false;
        if (stage >= 0 && group >= 0 && !same &&
            fn->stage.v[stage].group == group &&
            !chunk_passes(t, n, &fn->group.v[group]))
            return false;
    }
    return true;
}

/* Places all tasks of a region that become ready, in a group those that can
 * run in chunks; returns how many. */
static int fill_stage(Stager *st, int region, int group)
{
    SchedFn *fn = &st->s->fn[st->fn];
    int placed = 0;
    Stage stage = {0};
    stage.comp = region;
    stage.dir = region < 0 ? 0 : st->t->l->causal.v.v[region].dir;
    stage.group = group;
    vec_push(st->t->arena, &fn->stage, stage);
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < st->n; i++) {
            Task *k = &st->t->v.v[st->seq[i]];
            if (k->region != region || k->stage >= 0 ||
                (region < 0 && group >= 0 &&
                 !chunk_task(st->t, st->seq[i], fn->group.v[group].axis)) ||
                !ready(st, st->seq[i], group, region, false))
                continue;
            k->stage = fn->stage.n - 1;
            k->place = placed++;
            st->left--;
            again = true;
        }
    }
    if (!placed)
        fn->stage.n--;
    return placed;
}

static bool loop_ready(const Stager *st, int loop, int group)
{
    int waiting = 0;
    for (int i = 0; i < st->n; i++) {
        const Task *k = &st->t->v.v[st->seq[i]];
        if (k->region != loop || k->stage >= 0)
            continue;
        waiting++;
        if (!ready(st, st->seq[i], group, loop, true))
            return false;
    }
    return waiting > 0;
}

/* The first loop that can run, in a group one that has its axis and direction;
 * -1: none. */
static int find_loop(const Stager *st, int group)
{
    const Causal *c = &st->t->l->causal;
    const Group *g = group < 0 ? NULL : &st->s->fn[st->fn].group.v[group];
    for (int i = 0; i < c->v.n; i++)
        if ((!g || (c->v.v[i].axis == g->axis && c->v.v[i].dir == g->dir)) &&
            loop_ready(st, i, group))
            return i;
    return -1;
}

static int stage_group(const Stager *st, int i)
{
    return st->s->fn[st->fn].stage.v[st->t->v.v[i].stage].group;
}

/* Whether task i has no stage, or one before a group and nobody in between
 * needs it: it, and all that is made of it, may as well come behind. */
static bool can_come_later(Stager *st, int i)
{
    const Task *k = &st->t->v.v[i];
    bool later = k->stage < 0 || (k->region < 0 && stage_group(st, i) < 0);
    if (k->stage < 0 || st->seen[i] == st->searches)
        return later;
    st->seen[i] = st->searches;
    for (int u = 0; u < k->user.n; u++)
        later = later && can_come_later(st, k->user.v[u]);
    return later;
}

static void put_off(Stager *st, int i)
{
    Task *k = &st->t->v.v[i];
    if (k->stage < 0)
        return;
    k->stage = -1;
    st->left++;
    for (int u = 0; u < k->user.n; u++)
        put_off(st, k->user.v[u]);
}

/* Whether a sum over steps that was placed before a group could as well be in
 * it: nobody needs it earlier, or what needs it can wait, which is worth the
 * while where memory holds more than a number of each row. */
static bool late_sum(Stager *st, int i, const Group *g)
{
    const Task *k = &st->t->v.v[i];
    bool wide = shape_size(st->t->g, NODE(st->t->g, k->node)->shape) > 1;
    bool late = stage_group(st, i) < 0 && chunk_task(st->t, i, g->axis) &&
                !(k->axes & cell_time(g->axis));
    st->searches++;
    for (int u = 0; u < k->user.n; u++)
        late = late && (st->t->v.v[k->user.v[u]].stage < 0 ||
                        (wide && can_come_later(st, k->user.v[u])));
    return late;
}

/* Whether a task that was placed before a group can move into it: nobody
 * needs it earlier, and someone in the group does. */
static bool only_for(Stager *st, int i, int group)
{
    const Task *k = &st->t->v.v[i];
    const Group *g = &st->s->fn[st->fn].group.v[group];
    bool inside = false;
    if (k->stage < 0 || stage_group(st, i) >= 0 ||
        !chunk_task(st->t, i, g->axis) || !chunk_passes(st->t, i, g))
        return false;
    for (int u = 0; u < k->user.n; u++) {
        int user = k->user.v[u];
        if (st->t->v.v[user].stage < 0)
            continue;
        if (stage_group(st, user) == group)
            inside = true;
        else if (!late_sum(st, user, g))
            return false;
    }
    return inside;
}

/* Moves task i, and sums that only its being there had kept outside; what is
 * made of those comes later. */
static void move_into(Stager *st, int i, int group, int stage)
{
    Task *k = &st->t->v.v[i];
    int bit = cell_time(st->s->fn[st->fn].group.v[group].axis);
    for (int u = 0; u < k->user.n; u++)
        if (!(k->axes & bit))
            put_off(st, k->user.v[u]);
        else if (st->t->v.v[k->user.v[u]].stage >= 0 &&
                 stage_group(st, k->user.v[u]) != group)
            move_into(st, k->user.v[u], group, stage);
    k->place += k->stage * st->n; /* after those of stages before */
    k->stage = stage;
}

/* Stages that begin with `loop`, as many as can run chunk by chunk with it;
 * work that was done for them before moves to their first one. */
static int build_group(Stager *st, int loop)
{
    SchedFn *fn = &st->s->fn[st->fn];
    const Comp *c = &st->t->l->causal.v.v[loop];
    Group g = {c->axis, c->dir, 0, st->chunks.steps, 0};
    Stage before = {0};
    int group = fn->group.n, first = fn->stage.n, placed = 0, moved = 0;
    vec_push(st->t->arena, &fn->group, g);
    before.comp = -1;
    before.group = group;
    vec_push(st->t->arena, &fn->stage, before);
    for (; loop >= 0; loop = find_loop(st, group)) {
        placed += fill_stage(st, loop, group);
        placed += fill_stage(st, -1, group);
    }
    for (int i = st->n - 1; i >= 0; i--)
        if (only_for(st, st->seq[i], group)) {
            move_into(st, st->seq[i], group, first);
            moved++;
        }
    if (!moved && fn->stage.n == first + 2) { /* a loop and nothing else */
        fn->stage.v[first + 1].group = -1;
        fn->group.n--;
    }
    return placed;
}

static void build_stages(Stager *st)
{
    while (st->left > 0) {
        int n = fill_stage(st, -1, -1), loop = find_loop(st, -1);
        if (loop >= 0)
            n += st->chunks.off ? fill_stage(st, loop, -1)
                                : build_group(st, loop);
        if (!n)
            arena_panic(st->t->arena, "schedule: tasks wait for each other");
    }
}

/* The last WHOLE stage of that group, or outside of groups, that comes before
 * all users of task i; at least where it is. */
static int latest_stage(const Stager *st, int i, int group)
{
    const Task *k = &st->t->v.v[i];
    const SchedFn *fn = &st->s->fn[st->fn];
    int latest = fn->stage.n - 1;
    for (int u = 0; u < k->user.n; u++)
        if (st->t->v.v[k->user.v[u]].stage < latest)
            latest = st->t->v.v[k->user.v[u]].stage;
    while (latest > k->stage && (fn->stage.v[latest].comp >= 0 ||
                                 fn->stage.v[latest].group != group))
        latest--;
    return latest;
}

/* Whether a task may wait for its first user.  In a group that is work element
 * by element, which then need not be stored; its operand must be, until then,
 * so there may be one. */
static bool can_wait(const Stager *st, const Task *k)
{
    if (k->region >= 0 || !k->user.n)
        return false;
    if (st->s->fn[st->fn].stage.v[k->stage].group < 0)
        return !k->dep.n;
    return k->kind == TK_NODE && OP_IS_EW(NODE(st->t->g, k->node)->op) &&
           k->dep.n <= 1;
}

/* Tasks by stage and place. */
static void sort_places(const Stager *st, int *order)
{
    const Task *v = st->t->v.v;
    int n = 0;
    for (int s = 0; s < st->s->fn[st->fn].stage.n; s++) {
        int from = n;
        for (int i = 0; i < st->n; i++) {
            int k = st->seq[i], at = n;
            if (v[k].stage != s)
                continue;
            for (n++; at > from && v[order[at - 1]].place > v[k].place; at--)
                order[at] = order[at - 1];
            order[at] = k;
        }
    }
}

/* Moves work that needs little of this function to where it is used first, so
 * that its result occupies memory no longer than it must. */
static void delay(Stager *st, int *order)
{
    int n = st->n, stages = st->s->fn[st->fn].stage.n;
    sort_places(st, order);
    for (int i = n - 1; i >= 0; i--) {
        Task *k = &st->t->v.v[order[i]];
        if (can_wait(st, k))
            k->stage = latest_stage(st, order[i],
                                    st->s->fn[st->fn].stage.v[k->stage].group);
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

static Sched *build(const Graph *g, Chunks chunks, Arena *a)
{
    Sched *s = NEW(a, Sched);
    Level *l = level_build(g, a);
    Tasks *t = tasks_build(l);
    if (gather_tasks(t))
        t = tasks_build(l);
    s->g = g;
    s->causal = t->l->causal;
    s->param_at = t->l->param_at;
    s->param_size = t->l->param_size;
    s->tight = chunks.off;
    for (int fn = 0; fn < FN_COUNT; fn++) {
        Stager st = {.t = t, .s = s, .chunks = chunks, .fn = fn};
        st.seq = NEW_N(a, int, t->v.n + 1);
        st.seen = NEW_N(a, int, t->v.n + 1);
        for (int i = 0; i < t->v.n; i++)
            if (t->v.v[i].fn == fn)
                st.seq[st.n++] = i;
        st.left = st.n;
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
    accumulate_sums(s, a);
    running_sums(s, chunks, a);
    if (chunks.restate)
        restate(s, chunks, a);
    chunk_sizes(s, a);
    sweep_stages(s, chunks, a);
    turn_stages(s, chunks, a);
    if (chunks.threads > 1 && s->param_size >= chunks.least)
        form_lanes(s, chunks, a);
    return s;
}

/* Whether all turns in which states are computed again are sweeps. */
static bool turns_sweep(const Sched *s)
{
    const SchedFn *back = &s->fn[FN_BACKWARD];
    for (int i = 0; i < back->stage.n; i++)
        if (back->stage.v[i].turn && !back->stage.v[i].swept)
            return false;
    return true;
}

Sched *sched_build(const Graph *g, Chunks chunks, Arena *a)
{
    chunks.turn = LONG_TURN;
    Sched *s = build(g, chunks, a);
    if (turns_sweep(s))
        return s;
    chunks.turn = 0;
    return build(g, chunks, a);
}
