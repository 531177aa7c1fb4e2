/* Sessions in parallel, see team.h.  Thread 0 is the caller's; the others wait
 * for the next batch on a condition. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "team.h"

#include "gradient.h"
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One member: its session, its rows of the batch and how it went. */
typedef struct Member {
    RtTeam *team;
    RtSession *session;
    void *grads; /* own block; NULL: the model's (member 0) */
    int64_t row0, nrow;
    int64_t *length;     /* [room] valid steps of its rows */
    unsigned char *last; /* [room] whether they end here */
    int64_t room;
    double weight; /* its share of loss and gradient */
    int rc;
    RtError err;
    pthread_t thread;
    int started;
} Member;

struct RtTeam {
    RtModel *model;
    Member *member;
    int n, active; /* members; those with rows in the last batch */
    RtPool *pool;  /* n threads for what one does alone; NULL: one */
    const TeamJob *job;
    pthread_mutex_t lock;
    pthread_cond_t go, done;
    unsigned long round; /* batches started */
    int pending;         /* members still at work */
    int quit;
};

static int member_room(Member *m, int64_t n, RtError *err)
{
    if (n <= m->room)
        return 0;
    free(m->length);
    free(m->last);
    m->room = 0;
    m->length = malloc((size_t)n * sizeof *m->length);
    m->last = malloc((size_t)n);
    if (!m->length || !m->last)
        return rt_fail_memory(err, (size_t)n * 9);
    m->room = n;
    return 0;
}

/* Puts the member's rows of a batch, or of steps of one, into its session. */
static int load_rows(Member *m, const RtBatch *b, RtError *err)
{
    RtSession *s = m->session;
    const CellDesc *d = s->desc;
    const TeamJob *job = m->team->job;

    for (int k = 1; k < d->ntime; k++)
        session_steps(s, k, b->more[k]);
    if (member_room(m, m->nrow, err) ||
        session_begin(s, b->T, m->nrow, b->start, err))
        return -1;
    s->row0 = m->row0;
    s->rows = b->B;
    s->seed = job->seed;
    s->step = job->step;
    s->start_step = job->start_step;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (job->from[i])
            feed_fill(job->feed, b, job->from[i], m->row0, m->nrow,
                      d->real_bytes, session_place(s, i));
    feed_lengths(job->feed, b, m->row0, m->nrow, m->length, m->last);
    if (session_lengths(s, 0, m->length, err))
        return -1;
    for (int k = 1; k < d->ntime; k++) {
        feed_lengths_along(job->feed, b, k, m->row0, m->nrow, m->length);
        if (session_lengths(s, k, m->length, err))
            return -1;
    }
    session_last(s, m->last);
    session_batch(s, b->B);
    session_skip(s, b->skip);
    session_past(s, b->from);
    s->step0 = b->from - job->batch->from;
    return job->training ? session_noise(s, err) : 0;
}

static int load_segment(void *ctx, int64_t first, int64_t T, int start,
                        RtError *err)
{
    Member *m = ctx;
    RtBatch part = *m->team->job->batch;

    part.from += first;
    part.T = T;
    part.start = start;
    part.skip = part.skip < first ? 0 : part.skip - first;
    return load_rows(m, &part, err);
}

static void member_run(Member *m)
{
    const TeamJob *job = m->team->job;
    const RtBatch *b = job->batch;
    int64_t carry = b->end ? 0 : b->carry;

    pool_use(m->team->active > 1 ? NULL : m->team->pool);
    if (job->backward && job->segment > 0 && job->segment < b->T)
        m->rc = segment_run(m->session, b->T, job->segment, b->start, carry,
                            load_segment, m, &m->err);
    else
        m->rc = (job->fill ? job->fill(m->session, b, m->nrow, &m->err)
                           : load_rows(m, b, &m->err)) ||
                session_forward(m->session, &m->err) ||
                (job->backward && session_backward(m->session, &m->err)) ||
                (carry && session_carry(m->session, carry, &m->err));
    pool_use(NULL);
}

static void *member_main(void *arg)
{
    Member *m = arg;
    RtTeam *t = m->team;
    unsigned long seen = 0;

    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (!t->quit && t->round == seen)
            pthread_cond_wait(&t->go, &t->lock);
        if (t->quit)
            break;
        seen = t->round;
        int busy = m - t->member < t->active;
        pthread_mutex_unlock(&t->lock);
        if (busy)
            member_run(m);
        pthread_mutex_lock(&t->lock);
        if (--t->pending == 0)
            pthread_cond_signal(&t->done);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static int member_start(RtTeam *t, int k, RtError *err)
{
    Member *m = &t->member[k];

    m->team = t;
    m->session = session_new(t->model, err);
    if (!m->session)
        return -1;
    if (k == 0)
        return 0;
    m->grads = rt_block((size_t)t->model->desc->param_size *
                            (size_t)t->model->desc->real_bytes,
                        err);
    if (!m->grads)
        return -1;
    m->session->grads = m->grads;
    if (pthread_create(&m->thread, NULL, member_main, m) != 0)
        return rt_fail(err, "cannot start thread %d; try --threads %d", k + 1,
                       k);
    m->started = 1;
    return 0;
}

RtTeam *team_new(RtModel *model, int threads, RtError *err)
{
    RtTeam *t = calloc(1, sizeof *t);
    int n = threads > 0 ? threads : 1;

    if (t)
        t->member = calloc((size_t)n, sizeof *t->member);
    if (!t || !t->member) {
        free(t);
        rt_fail_memory(err, (size_t)n * sizeof(Member));
        return NULL;
    }
    t->model = model;
    t->n = n;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->go, NULL);
    pthread_cond_init(&t->done, NULL);
    int bad = n > 1 && !(t->pool = pool_new(n, err));
    for (int k = 0; k < n && !bad; k++)
        bad = member_start(t, k, err);
    if (!bad)
        return t;
    team_free(t);
    return NULL;
}

void team_free(RtTeam *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->quit = 1;
    pthread_cond_broadcast(&t->go);
    pthread_mutex_unlock(&t->lock);
    for (int k = 0; k < t->n; k++) {
        Member *m = &t->member[k];
        if (m->started)
            pthread_join(m->thread, NULL);
        session_free(m->session);
        free(m->grads);
        free(m->length);
        free(m->last);
        rt_error_clear(&m->err);
    }
    pool_free(t->pool);
    pthread_cond_destroy(&t->go);
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->lock);
    free(t->member);
    free(t);
}

/* Each member's share: all of it, but under reduce = token what it counted of
 * all that was counted. */
static void share(RtTeam *t, int token)
{
    const CellDesc *d = t->model->desc;
    int term = model_next(d, CELL_TERM, -1);
    int count = term < 0 ? -1 : model_of(d, CELL_COUNT, term);
    double sum = 0;

    for (int k = 0; k < t->active; k++) {
        Member *m = &t->member[k];
        m->weight = 1;
        if (token && count >= 0)
            sum += m->weight = session_sum(m->session, count);
    }
    for (int k = 0; k < t->active && token && count >= 0; k++)
        t->member[k].weight = sum > 0 ? t->member[k].weight / sum : 0;
}

/* model->grads = sum over members, in their order. */
static void sum_grads(RtTeam *t)
{
    for (int k = 1; k < t->active; k++) {
        const Member *m = &t->member[k];
        double old = k == 1 ? t->member[0].weight : 1;
        gradient_mix(t->model->desc, t->model->grads, old, m->grads, m->weight);
    }
}

static int one_term(const CellDesc *d)
{
    int term = model_next(d, CELL_TERM, -1);

    return term >= 0 && model_next(d, CELL_TERM, term) < 0;
}

/* Few rows each, of weights that one processor's cache does not hold: better
 * all rows with a part of the weights each. */
static int prefers_pool(const RtTeam *t, int64_t B)
{
    const CellDesc *d = t->model->desc;

    return B < POOL_FEW * t->n && d->param_size * d->real_bytes > POOL_LARGE;
}

int team_split(const RtTeam *t, int64_t B, int token)
{
    const CellDesc *d = t->model->desc;
    int batch = model_next(d, CELL_BATCH, -1);

    if ((token && !one_term(d)) ||
        (batch >= 0 && d->tensor[batch].flags & CELL_WHOLE))
        return 1;
    if (prefers_pool(t, B))
        return 1;
    return t->n < B ? t->n : (int)B;
}

/* The extents of the member with most rows, and how many there are. */
static int most_rows(const RtTeam *t, const RtBatch *b, int token, int64_t *n)
{
    int members = team_split(t, b->B, token);

    for (int k = 0; k < CELL_AXES; k++)
        n[k] = 1;
    n[CELL_AT_T] = b->T;
    n[CELL_AT_B] = (b->B + members - 1) / members;
    for (int k = 1; k < t->model->desc->ntime; k++)
        n[cell_time_at(k)] = b->more[k];
    cell_extents(t->model->desc, n);
    return members;
}

int64_t team_segment(const RtTeam *t, const RtBatch *batch, int token,
                     int64_t bytes)
{
    int64_t n[CELL_AXES];
    int members = most_rows(t, batch, token, n);

    return segment_steps(t->model->desc, n, bytes / members);
}

int64_t team_bytes(const RtTeam *t, const RtBatch *batch, int token,
                   int64_t segment)
{
    int64_t n[CELL_AXES];
    int members = most_rows(t, batch, token, n);

    return members * segment_bytes(t->model->desc, n, segment);
}

/* Gives every member its rows. */
static void deal(RtTeam *t, int64_t B, int token)
{
    int n = t->active = team_split(t, B, token);

    for (int k = 0; k < n; k++) {
        Member *m = &t->member[k];
        m->row0 = B * k / n;
        m->nrow = B * (k + 1) / n - m->row0;
    }
}

int team_run(RtTeam *t, const TeamJob *job, RtError *err)
{
    pthread_mutex_lock(&t->lock);
    t->job = job;
    deal(t, job->batch->B, job->token);
    t->round++;
    t->pending = t->n - 1;
    if (t->n > 1)
        pthread_cond_broadcast(&t->go);
    pthread_mutex_unlock(&t->lock);
    member_run(&t->member[0]);
    pthread_mutex_lock(&t->lock);
    while (t->pending > 0)
        pthread_cond_wait(&t->done, &t->lock);
    pthread_mutex_unlock(&t->lock);
    for (int k = 0; k < t->active; k++)
        if (t->member[k].rc)
            return rt_fail(err, "%s",
                           t->member[k].err.text ? t->member[k].err.text
                                                 : "out of memory");
    share(t, job->token && t->active > 1);
    pool_use(t->pool);
    if (job->backward)
        sum_grads(t);
    pool_use(NULL);
    return 0;
}

/* A member that has such rows of the batch alone, with what was carried to
 * them. */
static int recall(RtTeam *t, const TeamJob *job, int64_t row, RtSession *s,
                  Member *one, RtError *err)
{
    const Member *had = t->member;

    while (had->row0 + had->nrow <= row)
        had++;
    *one = (Member){.team = t, .session = s, .row0 = row, .nrow = 1};
    if (row < 0) {
        one->row0 = 0;
        one->nrow = job->batch->B;
    }
    t->job = job;
    return job->batch->start
               ? 0
               : session_recall(s, had->session, one->row0 - had->row0,
                                one->nrow, err);
}

int team_replay(RtTeam *t, const TeamJob *job, int64_t row, RtSession *s,
                RtError *err)
{
    Member one;
    int rc =
        recall(t, job, row, s, &one, err) || load_rows(&one, job->batch, err)
            ? -1
            : 0;

    free(one.length);
    free(one.last);
    return rc;
}

int team_trace(RtTeam *t, const TeamJob *job, int64_t row, int backward,
               RtSession *s, int64_t *first, RtError *err)
{
    const RtBatch *b = job->batch;
    Member one;
    int rc = recall(t, job, row, s, &one, err)
                 ? -1
                 : segment_trace(s, b->T, job->segment, b->start, backward,
                                 load_segment, &one, first, err);

    free(one.length);
    free(one.last);
    return rc;
}

struct RtPool *team_pool(const RtTeam *t)
{
    return t->pool;
}

void team_update(const RtTeam *t)
{
    session_update(t->member[0].session);
}

double team_loss(const RtTeam *t)
{
    double sum = 0;

    for (int k = 0; k < t->active; k++)
        sum += t->member[k].weight * session_loss(t->member[k].session);
    return sum;
}

int team_count(const RtTeam *t)
{
    return t->active;
}

const RtSession *team_session(const RtTeam *t, int k)
{
    return t->member[k].session;
}

/* Copies the carried rows of tensor `i` between one session and the array of
 * all, whose rows have `all` reals; member's part begins at `from`. */
static void copy_carry(RtSession *s, int i, char *rows, int64_t all,
                       int64_t from, int out)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t bytes = s->desc->real_bytes, size = model_size(t);
    int64_t B = t->axes & CELL_B ? s->carry_B : 1;

    for (int64_t r = 0; r < t->lag; r++) {
        char *a = rows + (r * all + from * size) * bytes;
        char *c = (char *)s->carry[i] + r * B * size * bytes;
        memcpy(out ? a : c, out ? c : a, (size_t)(B * size * bytes));
    }
}

int team_carry_get(const RtTeam *t, void **rows, int64_t *B, RtError *err)
{
    const CellDesc *d = t->model->desc;
    const Member *end = &t->member[t->active ? t->active - 1 : 0];

    *B = t->active ? end->row0 + end->nrow : 0;
    for (int i = 0; i < d->ntensor; i++) {
        const CellTensor *c = &d->tensor[i];
        int64_t all = model_size(c) * (c->axes & CELL_B ? *B : 1);
        rows[i] = NULL;
        if (*B == 0 || !session_carries(d, i))
            continue;
        rows[i] = rt_block((size_t)(c->lag * all * d->real_bytes), err);
        if (!rows[i])
            return -1;
        for (int k = 0; k < t->active; k++)
            copy_carry(t->member[k].session, i, rows[i], all,
                       c->axes & CELL_B ? t->member[k].row0 : 0, 1);
    }
    return 0;
}

int team_carry_set(RtTeam *t, void *const *rows, int64_t B, int token,
                   RtError *err)
{
    const CellDesc *d = t->model->desc;

    deal(t, B, token);
    for (int k = 0; k < t->active; k++) {
        Member *m = &t->member[k];
        if (session_carry_room(m->session, m->nrow, err))
            return -1;
        for (int i = 0; i < d->ntensor; i++) {
            const CellTensor *c = &d->tensor[i];
            if (rows[i])
                copy_carry(m->session, i, rows[i],
                           model_size(c) * (c->axes & CELL_B ? B : 1),
                           c->axes & CELL_B ? m->row0 : 0, 0);
        }
    }
    return 0;
}
