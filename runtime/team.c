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
    double *sum;   /* [ntensor] of TERM, COUNT, METRIC, LOSS */
    void *part;    /* gradients of a part; NULL until one is needed */
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

/* Rows of a batch that a session has at a time. */
typedef struct Rows {
    int64_t first, count;
} Rows;

/* Puts rows of a batch, or of steps of one, into the member's session. */
static int load_rows(Member *m, const RtBatch *b, Rows r, RtError *err)
{
    RtSession *s = m->session;
    const CellDesc *d = s->desc;
    const TeamJob *job = m->team->job;

    for (int k = 1; k < d->ntime; k++)
        session_steps(s, k, b->more[k]);
    if (member_room(m, r.count, err) ||
        session_begin(s, b->T, r.count, b->start, err))
        return -1;
    s->row0 = r.first;
    s->rows = b->B;
    s->seed = job->seed;
    s->step = job->step;
    s->start_step = job->start_step;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (job->from[i])
            feed_fill(job->feed, b, job->from[i], r.first, r.count,
                      d->real_bytes, session_place(s, i));
    feed_lengths(job->feed, b, r.first, r.count, m->length, m->last);
    if (session_lengths(s, 0, m->length, err))
        return -1;
    for (int k = 1; k < d->ntime; k++) {
        feed_lengths_along(job->feed, b, k, r.first, r.count, m->length);
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
    return load_rows(m, &part, (Rows){m->row0, m->nrow}, err);
}

/* Under reduce = token, the COUNT by which sessions weigh; else, and where
 * there is none, -1: all weigh the same. */
static int weighed_by(const RtTeam *t)
{
    const CellDesc *d = t->model->desc;
    int term = t->job->token ? model_next(d, CELL_TERM, -1) : -1;

    return term < 0 ? -1 : model_of(d, CELL_COUNT, term);
}

static int one_term(const CellDesc *d)
{
    int term = model_next(d, CELL_TERM, -1);

    return term >= 0 && model_next(d, CELL_TERM, term) < 0;
}

/* Whether sequences of a batch can be run without the others. */
static int divisible(const CellDesc *d, int token)
{
    int batch = model_next(d, CELL_BATCH, -1);

    return (!token || one_term(d)) &&
           !(batch >= 0 && d->tensor[batch].flags & CELL_WHOLE);
}

static int in_segments(const TeamJob *job)
{
    return job->backward && job->segment > 0 && job->segment < job->batch->T;
}

/* The extents of so many rows of a batch. */
static void extents(const CellDesc *d, const RtBatch *b, int64_t rows,
                    int64_t *n)
{
    for (int k = 0; k < CELL_AXES; k++)
        n[k] = 1;
    n[CELL_AT_T] = b->T;
    n[CELL_AT_B] = rows;
    for (int k = 1; k < d->ntime; k++)
        n[cell_time_at(k)] = b->more[k];
    cell_extents(d, n);
}

/* Reals of the work block for each sequence of a batch. */
static int64_t reals_each(const CellDesc *d, const RtBatch *b)
{
    int64_t one[CELL_AXES], none[CELL_AXES];

    extents(d, b, 1, one);
    extents(d, b, 0, none);
    return cell_size(d->work_size, one) - cell_size(d->work_size, none);
}

/* Sequences that are best run at a time: where loops lose nothing by it, as
 * few as let the work block stay in the caches, if a step has enough to do, and
 * what is done once for all, and the sum of gradients, are little beside it. */
static int64_t rows_at_once(const CellDesc *d, const RtBatch *b, int64_t nrow)
{
    static const int64_t near = 2 << 20, step = 8192, rows = 160, share = 2;
    static const int64_t same = 8; /* operations that take as long as a real
                                      out of memory */
    const int64_t each = reals_each(d, b), T = b->T;
    const int64_t once = 3 * d->param_size + d->once / same;

    if (d->once < 0 || each < 1)
        return nrow;
    int64_t take = near / (each * d->real_bytes), most;
    take = take * each < step * T ? step * T / each : take;
    take = take * T < rows ? (rows + T - 1) / T : take;
    take = take > 0 ? take : 1;
    most = nrow * each / (once * share + 1); /* parts */
    if (most * take < nrow)
        take = most > 0 ? (nrow + most - 1) / most : nrow;
    return take;
}

/* In how many parts one of so many members runs its rows; rows > 0: with at
 * most so many in each. */
static int64_t parts_of(const RtTeam *t, int members, int token,
                        const RtBatch *b, int64_t nrow, int64_t rows)
{
    const CellDesc *d = t->model->desc;

    if (members < t->n || !divisible(d, token))
        return 1;
    if (!rows)
        rows = rows_at_once(d, b, nrow);
    return (nrow + rows - 1) / rows;
}

static void *member_grads(const Member *m)
{
    return m->grads ? m->grads : m->team->model->grads;
}

/* Adds what the session has to the member's sums and, unless it is the first
 * part, its gradient to that of the parts before. */
static void add_part(Member *m, int first)
{
    const RtSession *s = m->session;
    const CellDesc *d = s->desc;
    int count = weighed_by(m->team);
    double had = 1, more = 1;

    if (first)
        memset(m->sum, 0, (size_t)d->ntensor * sizeof *m->sum);
    else if (count >= 0) {
        double n = session_sum(s, count), all = m->sum[count] + n;
        had = all > 0 ? m->sum[count] / all : 0;
        more = all > 0 ? n / all : 0;
    }
    for (int i = 0; i < d->ntensor; i++) {
        if (!model_sums(&d->tensor[i]))
            continue;
        double weight = d->tensor[i].role == CELL_LOSS ? more : 1;
        double before = d->tensor[i].role == CELL_LOSS ? had : 1;
        m->sum[i] = before * m->sum[i] + weight * session_sum(s, i);
    }
    if (!first)
        gradient_mix(d, member_grads(m), had, m->part, more);
}

/* Forward, and back, of some rows. */
static int run_rows(Member *m, Rows r)
{
    const TeamJob *job = m->team->job;
    const RtBatch *b = job->batch;
    int64_t carry = b->end ? 0 : b->carry;

    return (job->fill
                ? job->fill(job->ctx, m->session, b, r.first, r.count, &m->err)
                : load_rows(m, b, r, &m->err)) ||
           session_forward(m->session, &m->err) ||
           (job->backward && session_backward(m->session, &m->err)) ||
           (carry && session_carry(m->session, carry, &m->err));
}

/* The same of all its rows, some at a time, in one work block. */
static int run_parts(Member *m)
{
    const CellDesc *d = m->session->desc;
    const TeamJob *job = m->team->job;
    int64_t parts = job->backward
                        ? parts_of(m->team, m->team->active, job->token,
                                   job->batch, m->nrow, job->rows)
                        : 1;
    int rc = 0;

    if (parts > 1 && !m->part)
        m->part =
            rt_block((size_t)d->param_size * (size_t)d->real_bytes, &m->err);
    if (parts > 1 && !m->part)
        return -1;
    m->session->carry_rows = m->nrow;
    for (int64_t k = 0; k < parts && !rc; k++) {
        int64_t from = m->nrow * k / parts, to = m->nrow * (k + 1) / parts;
        m->session->grads = k ? m->part : member_grads(m);
        m->session->carry_row0 = from;
        rc = run_rows(m, (Rows){m->row0 + from, to - from});
        if (!rc)
            add_part(m, k == 0);
    }
    m->session->grads = member_grads(m);
    m->session->carry_rows = m->session->carry_row0 = 0;
    return rc;
}

static void member_run(Member *m)
{
    const TeamJob *job = m->team->job;
    const RtBatch *b = job->batch;
    int64_t carry = b->end ? 0 : b->carry;

    pool_use(m->team->active > 1 ? NULL : m->team->pool);
    if (!b->start && session_remember(m->session, &m->err))
        m->rc = -1;
    else if (in_segments(job)) {
        m->rc = segment_run(m->session, b->T, job->segment, b->start, carry,
                            load_segment, m, &m->err);
        if (!m->rc)
            add_part(m, 1);
    } else
        m->rc = run_parts(m);
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
    m->sum = calloc((size_t)t->model->desc->ntensor + 1, sizeof *m->sum);
    if (!m->session)
        return -1;
    if (!m->sum)
        return rt_fail_memory(err, 0);
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
        free(m->part);
        free(m->sum);
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
static void share(RtTeam *t)
{
    int count = t->active > 1 ? weighed_by(t) : -1;
    double sum = 0;

    for (int k = 0; k < t->active; k++) {
        Member *m = &t->member[k];
        m->weight = 1;
        if (count >= 0)
            sum += m->weight = m->sum[count];
    }
    for (int k = 0; k < t->active && count >= 0; k++)
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

/* Few rows each, of weights that one processor's cache does not hold: better
 * all rows with a part of the weights each. */
static int prefers_pool(const RtTeam *t, int64_t B)
{
    const CellDesc *d = t->model->desc;

    return B < POOL_FEW * t->n && d->param_size * d->real_bytes > POOL_LARGE;
}

int team_split(const RtTeam *t, int64_t B, int token)
{
    if (!divisible(t->model->desc, token) || prefers_pool(t, B))
        return 1;
    return t->n < B ? t->n : (int)B;
}

/* The extents of the member with most rows, and how many there are. */
static int most_rows(const RtTeam *t, const RtBatch *b, int token, int64_t *n)
{
    int members = team_split(t, b->B, token);

    extents(t->model->desc, b, (b->B + members - 1) / members, n);
    return members;
}

int64_t team_segment(const RtTeam *t, const RtBatch *batch, int token,
                     int64_t bytes)
{
    const CellDesc *d = t->model->desc;
    int64_t n[CELL_AXES], one[CELL_AXES];
    int members = most_rows(t, batch, token, n);
    int64_t nrow = n[CELL_AT_B];
    int64_t parts = parts_of(t, members, token, batch, nrow, 0);

    /* in parts it takes less, and nothing is computed twice */
    extents(d, batch, (nrow + parts - 1) / parts, one);
    int64_t spared = cell_size(d->work_size, n) - cell_size(d->work_size, one) -
                     (parts > 1) * d->param_size;
    if (segment_bytes(d, n, batch->T) - spared * d->real_bytes <=
        bytes / members)
        return batch->T;
    return segment_steps(d, n, bytes / members);
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
    share(t);
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
        recall(t, job, row, s, &one, err) ||
                load_rows(&one, job->batch, (Rows){one.row0, one.nrow}, err)
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
    int loss = model_next(t->model->desc, CELL_LOSS, -1);
    double sum = 0;

    for (int k = 0; k < t->active && loss >= 0; k++)
        sum += t->member[k].weight * t->member[k].sum[loss];
    return sum;
}

double team_sum(const RtTeam *t, int i)
{
    double sum = 0;

    for (int k = 0; k < t->active; k++)
        sum += t->member[k].sum[i];
    return sum;
}

int64_t team_rows(const RtTeam *t)
{
    const Member *end = &t->member[t->active ? t->active - 1 : 0];

    return t->active ? end->row0 + end->nrow : 0;
}

int team_count(const RtTeam *t)
{
    return t->active;
}

const RtSession *team_session(const RtTeam *t, int k)
{
    return t->member[k].session;
}

int team_carry_get(const RtTeam *t, void **rows, int64_t *B, RtError *err)
{
    const CellDesc *d = t->model->desc;

    *B = team_rows(t);
    for (int i = 0; i < d->ntensor; i++) {
        const CellTensor *c = &d->tensor[i];
        rows[i] = NULL;
        if (*B == 0 || !session_carries(d, i))
            continue;
        rows[i] = rt_block(
            (size_t)(c->lag * model_size(c) * *B * d->real_bytes), err);
        if (!rows[i])
            return -1;
        for (int k = 0; k < t->active; k++) {
            const Member *m = &t->member[k];
            session_take(m->session, i, m->session->carry[i], m->nrow, 0,
                         rows[i], *B, m->row0, m->nrow);
        }
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
        for (int i = 0; i < d->ntensor; i++)
            if (rows[i])
                session_take(m->session, i, rows[i], B, m->row0,
                             m->session->carry[i], m->nrow, 0, m->nrow);
    }
    return 0;
}
