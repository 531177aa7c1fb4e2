/* Spinning and sleeping threads, see pool.h. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum {
    SPIN = 20000,    /* looks before a waiting thread sleeps: some 100 us */
    PATIENCE = 2000, /* looks before the caller gives its processor away */
    TIRED = 10000,   /* looks after which somebody else has the processors */
    REST = 1000      /* jobs that the caller then does alone */
};

typedef struct Worker {
    RtPool *pool;
    int part;
    pthread_t thread;
    int started;
} Worker;

struct RtPool {
    int threads;
    Worker *worker; /* [threads - 1] */
    PoolFn *fn;
    void *ctx;
    unsigned round; /* jobs begun; atomic, and so are: */
    int pending;    /* workers that have not ended this one */
    int asleep;     /* workers that wait on `go` */
    int quit;
    int rest; /* jobs to do alone, of the caller's */
    pthread_mutex_t lock;
    pthread_cond_t go;
};

static __thread RtPool *used;

void pool_use(RtPool *p)
{
    used = p;
}

RtPool *pool_used(void)
{
    return used;
}

int pool_threads(const RtPool *p)
{
    return p->threads;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static unsigned round_now(const RtPool *p)
{
    return __atomic_load_n(&p->round, __ATOMIC_SEQ_CST);
}

/* Waits for a round other than `seen`. */
static unsigned wait_round(RtPool *p, unsigned seen)
{
    for (int i = 0; i < SPIN; i++) {
        if (round_now(p) != seen)
            return round_now(p);
        relax();
    }
    pthread_mutex_lock(&p->lock);
    __atomic_add_fetch(&p->asleep, 1, __ATOMIC_SEQ_CST);
    while (round_now(p) == seen)
        pthread_cond_wait(&p->go, &p->lock);
    __atomic_sub_fetch(&p->asleep, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&p->lock);
    return round_now(p);
}

static void *work(void *arg)
{
    Worker *w = arg;
    RtPool *p = w->pool;
    unsigned seen = 0;

    for (;;) {
        seen = wait_round(p, seen);
        if (__atomic_load_n(&p->quit, __ATOMIC_SEQ_CST))
            return NULL;
        p->fn(p->ctx, w->part, p->threads);
        __atomic_sub_fetch(&p->pending, 1, __ATOMIC_RELEASE);
    }
}

/* Begins a round; wakes whoever sleeps, and says whether anybody did. */
static int begin(RtPool *p)
{
    __atomic_add_fetch(&p->round, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&p->asleep, __ATOMIC_SEQ_CST))
        return 0;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->go);
    pthread_mutex_unlock(&p->lock);
    return 1;
}

/* Waits for the workers; how many looks that took. */
static int join(RtPool *p)
{
    int i = 0;

    while (__atomic_load_n(&p->pending, __ATOMIC_ACQUIRE) > 0) {
        relax();
        if (++i % PATIENCE == 0)
            sched_yield();
    }
    return i;
}

/* Whether the others spun and yet kept the caller waiting. */
static int run(RtPool *p, PoolFn *fn, void *ctx)
{
    p->fn = fn;
    p->ctx = ctx;
    __atomic_store_n(&p->pending, p->threads - 1, __ATOMIC_RELEASE);
    int woke = begin(p);
    fn(ctx, 0, p->threads);
    return join(p) > TIRED && !woke;
}

void pool_run(RtPool *p, PoolFn *fn, void *ctx)
{
    if (p->rest > 0) {
        p->rest--;
        fn(ctx, 0, 1);
    } else if (run(p, fn, ctx)) {
        p->rest = REST;
    }
}

void pool_rest(RtPool *p, int jobs)
{
    p->rest = jobs;
}

typedef struct Ranges {
    PoolRange *fn;
    void *ctx;
    int64_t n, grain;
    int64_t next; /* first that nobody has taken; atomic */
} Ranges;

static void take_ranges(void *ctx, int part, int parts)
{
    Ranges *r = ctx;
    int64_t from;

    (void)part;
    (void)parts;
    while ((from = __atomic_fetch_add(&r->next, r->grain, __ATOMIC_RELAXED)) <
           r->n)
        r->fn(r->ctx, from, from + r->grain < r->n ? from + r->grain : r->n);
}

void pool_ranges(int64_t n, int64_t grain, PoolRange *fn, void *ctx)
{
    RtPool *p = pool_used();
    Ranges r = {fn, ctx, n, grain, 0};

    if (p && p->threads > 1 && n > grain)
        run(p, take_ranges, &r);
    else
        fn(ctx, 0, n);
}

RtPool *pool_new(int threads, RtError *err)
{
    RtPool *p = calloc(1, sizeof *p);

    if (p)
        p->worker = calloc((size_t)threads, sizeof *p->worker);
    if (!p || !p->worker) {
        free(p);
        rt_fail_memory(err, (size_t)threads * sizeof *p->worker);
        return NULL;
    }
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->go, NULL);
    for (int i = 0; i < threads - 1; i++) {
        Worker *w = &p->worker[i];
        *w = (Worker){.pool = p, .part = i + 1};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            rt_fail(err, "cannot start thread %d; try --threads %d", i + 2,
                    i + 1);
            pool_free(p);
            return NULL;
        }
        w->started = 1;
    }
    return p;
}

void pool_free(RtPool *p)
{
    if (!p)
        return;
    __atomic_store_n(&p->quit, 1, __ATOMIC_SEQ_CST);
    begin(p);
    for (int i = 0; i < p->threads - 1; i++)
        if (p->worker[i].started)
            pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->go);
    pthread_mutex_destroy(&p->lock);
    free(p->worker);
    free(p);
}
