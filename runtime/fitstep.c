/* One batch: forward, backward, and an update where enough gradients are
 * together; see fitint.h. */
#include "fitint.h"
#include "pool.h"

#include <math.h>

int64_t fit_accumulate(const Fit *t)
{
    return t->f->accumulate > 1 ? t->f->accumulate : 1;
}

int64_t fit_megabytes(int64_t bytes)
{
    return ((bytes + (256 << 10)) >> 20) + 1;
}

/* Steps of a segment of this batch; 0: it is run whole. */
static int find_segment(Fit *t, const RtBatch *b, int64_t *steps, RtError *err)
{
    int64_t *least = &t->result->segment;

    *steps = 0;
    if (!t->room)
        return 0;
    *steps = team_segment(t->team, b, t->f->token, t->room);
    if (*steps > 0 && *steps < b->T && (!*least || *steps < *least))
        *least = *steps;
    if (*steps > 0)
        return 0;
    int64_t need = team_bytes(t->team, b, t->f->token, 1) - t->room;
    return rt_fail(err,
                   "--memory %lldM is too little for sequences of %lld steps "
                   "in batches of %lld: %lldM would do, or a smaller --batch",
                   (long long)(t->f->memory >> 20), (long long)b->T,
                   (long long)b->B,
                   (long long)fit_megabytes(t->f->memory + need));
}

/* Adds the last batch to the sums since the last row; *weight gets what its
 * gradient was divided by. */
static int count_batch(Fit *t, const RtBatch *b, double *weight, RtError *err)
{
    RtTally tally = {0};
    int rc = tally_add(&tally, t->team, err);

    if (!rc) {
        t->st->nats += tally.nats;
        t->st->count += tally.count;
        t->st->loss += team_loss(t->team);
        t->st->weight += 1;
        t->tokens += (double)b->steps;
        t->row_tokens += (double)b->steps;
        *weight = t->f->sum                        ? 1
                  : t->f->token && tally.nterm > 0 ? tally.weight[0]
                                                   : (double)b->B;
    }
    tally_free(&tally);
    return rc;
}

/* Puts the gradient to those that wait. */
static void hold(Fit *t, double weight)
{
    FitState *st = t->st;
    const RtModel *m = t->f->model;

    gradient_mix(m->desc, t->held, st->held > 0, m->grads, weight);
    st->held++;
    st->held_weight += weight;
}

/* The gradient of all that wait, as of one batch of them all. */
static void release(Fit *t)
{
    FitState *st = t->st;
    RtModel *m = t->f->model;
    double all = t->f->sum ? 1 : st->held_weight;

    gradient_mix(m->desc, m->grads, 0, t->held, all > 0 ? 1 / all : 0);
    st->held = 0;
    st->held_weight = 0;
}

static int update(Fit *t, const TeamJob *job, RtError *err)
{
    FitState *st = t->st;
    RtModel *m = t->f->model;

    if (st->held > 0)
        release(t);
    if (clip_grads(m, &t->clip, &t->row.gradnorm, err))
        return -1;
    if (!isfinite(t->row.gradnorm))
        return fit_diverged(t, BAD_GRADIENT, job, err);
    fit_explodes(t);
    gradnoise_add(m, &t->noise, st->seed, st->step);
    optim_step(t->optim, t->row.lr);
    team_update(t->team);
    st->step++;
    if (t->average)
        average_step(t->average, st->step);
    return 0;
}

int fit_batch(Fit *t, RtError *err)
{
    FitState *st = t->st;
    RtBatch batch;
    double weight;

    if (feed_batch(t->feed, st->epoch, st->batch, &batch, err))
        return -1;
    if (batch.first)
        st->start_step = st->dealt;
    TeamJob job = {.feed = t->feed,
                   .from = t->from,
                   .batch = &batch,
                   .backward = 1,
                   .training = 1,
                   .token = t->f->token,
                   .seed = st->seed,
                   .step = (uint64_t)st->dealt,
                   .start_step = (uint64_t)st->start_step};
    t->row.lr = optim_rate(t->optim) *
                schedule_factor(t->schedule, &st->plateau, st->step);
    if (find_segment(t, &batch, &job.segment, err) ||
        team_run(t->team, &job, err))
        return -1;
    if (!isfinite(team_loss(t->team)))
        return fit_diverged(t, BAD_LOSS, &job, err);
    if (count_batch(t, &batch, &weight, err))
        return -1;
    if (t->held && !fit_finite(t)) /* a sum would hide which batch it was */
        return fit_diverged(t, BAD_GRADIENT, &job, err);
    if (t->held)
        hold(t, weight);
    t->open = !batch.end && batch.carry;
    st->batch++;
    st->dealt++;
    if (t->held && st->held < fit_accumulate(t) && st->batch < t->batches)
        return 0;
    pool_use(team_pool(t->team));
    int rc = update(t, &job, err);
    pool_use(NULL);
    return rc;
}
