/* Threads that do lanes, see lanes.h.  Nobody hands out work: each thread takes
 * a chunk of the lane from whose beginning the longest way lies ahead, among
 * those that can go on, and stays with its lane, whose matrices its cache
 * holds, unless that has got ahead of others. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "lanes.h"

#include <sched.h>
#include <time.h>

#include "pool.h"

enum {
    LINE = 64,       /* bytes of a cache */
    NEAR = 4,        /* part of its work that a lane may be behind another for a
                        thread to leave those of its own */
    PATIENCE = 2000, /* looks before a thread gives its processor away */
    LATE = 2000000,  /* ns for nothing, and so many times those of work, after
                        which somebody else has the processors */
    TIMES = 4,
    REST = 100 /* jobs that the caller then does alone */
};

/* Its chunks: taken by threads, and done, atomic; in a line of their own. */
typedef struct Progress {
    int64_t taken __attribute__((aligned(LINE)));
    int64_t done;
} Progress;

typedef struct Lanes {
    int64_t n;
    void (*const *lane)(void *const *, const int64_t *, int64_t);
    const int64_t *chunks, *same, *all, *any, *home, *cost, *after;
    void *const *at;
    const int64_t *extent;
    int late; /* the caller waited for others, and not for their work */
    Progress progress[RT_LANES];
} Lanes;

/* What a thread does with its time, in ns. */
typedef struct Times {
    int64_t begun, idle;
    int64_t since; /* it has nothing to do; 0: it has */
} Times;

static int64_t get(const int64_t *x)
{
    return __atomic_load_n(x, __ATOMIC_ACQUIRE);
}

/* Whether chunk c of lane i may begin. */
static int ready(const Lanes *l, int i, int64_t c)
{
    for (int64_t k = 0, left = l->same[i] | l->all[i]; left; k++, left >>= 1) {
        int64_t need = l->all[i] >> k & 1 ? l->chunks[k] : c + 1;

        if (left & 1 && get(&l->progress[k].done) < need)
            return 0;
    }
    return 1;
}

/* The next chunk of lane i, -1 where there is none now. */
static int64_t next_chunk(const Lanes *l, int i)
{
    const Progress *p = &l->progress[i];
    int64_t c = get(&p->taken);

    return c < l->chunks[i] && (l->any[i] || get(&p->done) == c) &&
                   ready(l, i, c)
               ? c
               : -1;
}

/* How far it is from chunk c of lane i to the end. */
static int64_t way(const Lanes *l, int i, int64_t c)
{
    return l->after[i] + l->cost[i] * (l->chunks[i] - c) / l->chunks[i];
}

/* The lane that thread `part` of `parts` goes on with, and its chunk; -1: none
 * now. */
static int choose(const Lanes *l, int part, int parts, int64_t *chunk)
{
    int best = -1;
    int64_t longest = 0;

    for (int i = 0; i < l->n; i++) {
        int64_t c = next_chunk(l, i), far;

        if (c < 0)
            continue;
        far = way(l, i, c);
        if (l->home[i] % parts == part)
            far += l->cost[i] / NEAR;
        if (best >= 0 && far <= longest)
            continue;
        best = i;
        longest = far;
        *chunk = c;
    }
    return best;
}

static int all_done(const Lanes *l)
{
    for (int i = 0; i < l->n; i++)
        if (get(&l->progress[i].done) < l->chunks[i])
            return 0;
    return 1;
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1000000000 * (int64_t)t.tv_sec + t.tv_nsec;
}

static void wait_a_little(int *looks)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
    if (++*looks % PATIENCE == 0)
        sched_yield();
}

static void begin_idle(Times *t)
{
    if (!t->since)
        t->since = now();
}

static void end_idle(Times *t)
{
    if (t->since)
        t->idle += now() - t->since;
    t->since = 0;
}

/* Whether a thread waited so long that it had better done all alone. */
static int is_late(const Times *t)
{
    return t->idle > LATE && t->idle > TIMES * (now() - t->begun - t->idle);
}

/* Chunks are done in order: one that others began before is waited for. */
static void end_chunk(Progress *p, int64_t chunk, Times *t)
{
    int looks = 0;

    for (; get(&p->done) != chunk; wait_a_little(&looks))
        begin_idle(t);
    end_idle(t);
    __atomic_store_n(&p->done, chunk + 1, __ATOMIC_RELEASE);
}

static void do_lanes(void *ctx, int part, int parts)
{
    Lanes *l = ctx;
    Times t = {.begun = now()};
    int looks = 0;

    while (!all_done(l)) {
        int64_t chunk = 0;
        int i = choose(l, part, parts, &chunk);

        if (i < 0) {
            begin_idle(&t);
            wait_a_little(&looks);
            continue;
        }
        if (!__atomic_compare_exchange_n(&l->progress[i].taken, &chunk,
                                         chunk + 1, 0, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        end_idle(&t);
        l->lane[i](l->at, l->extent, chunk);
        end_chunk(&l->progress[i], chunk, &t);
    }
    end_idle(&t);
    if (part == 0)
        l->late = is_late(&t);
}

void rt_lanes(RT_LANES_PARAMS)
{
    Lanes l = {.n = n,
               .lane = lane,
               .chunks = chunks,
               .same = same,
               .all = all,
               .any = any,
               .home = home,
               .cost = cost,
               .after = after,
               .at = at,
               .extent = extent};
    RtPool *p = pool_used();

    pool_use(NULL); /* products of a lane are its thread's own */
    if (p)
        pool_run(p, do_lanes, &l);
    else
        do_lanes(&l, 0, 1);
    if (p && l.late)
        pool_rest(p, REST);
    pool_use(p);
}
