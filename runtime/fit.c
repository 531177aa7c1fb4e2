/* The training loop, see fit.h. */
#include "fit.h"

#include <math.h>
#include <stdlib.h>

#include "evaluate.h"
#include "progress.h"
#include "rtio.h"

/* Everything that lives as long as one call of fit_run. */
typedef struct Fit {
    const FitSetup *f;
    Checkpoint own; /* where the caller gave no `about` */
    Checkpoint *about;
    FitState *st; /* about->state */
    RtFeed *feed, *validfeed;
    const RtField **from; /* which field feeds which tensor */
    RtTeam *team;
    RtOptim *optim;
    RtClip clip;
    RtSchedule *schedule;
    Progress progress;
    ProgressRow row; /* the last known numbers */
    FitResult *result;
    double begun, row_clock;   /* clock at the start, at the last row */
    double tokens, row_tokens; /* valid steps since then */
    int64_t first_step;        /* updates made before this call */
    int64_t batches;           /* of this epoch */
    int open;                  /* the team carries state */
    int64_t room;              /* bytes for work blocks; 0: no limit */
} Fit;

static int resume(Fit *t, RtError *err)
{
    const Checkpoint *c = t->f->resume;
    const CellDesc *d = t->f->model->desc;

    if (checkpoint_weights(c, t->f->model, err) ||
        checkpoint_optim(c, t->optim, err))
        return -1;
    *t->st = c->state;
    if (c->carry_B == 0)
        return 0;
    void **rows = calloc((size_t)d->ntensor + 1, sizeof *rows);
    int rc = rows ? 0 : rt_fail_memory(err, 0);
    for (int i = 0; !rc && i < d->ntensor; i++) {
        const CellTensor *s = &d->tensor[i];
        if (!session_carries(d, i))
            continue;
        rows[i] = rt_block(
            (size_t)(s->lag * c->carry_B * model_size(s) * d->real_bytes), err);
        rc = rows[i] ? checkpoint_carry(c, d, i, rows[i], err) : -1;
    }
    if (!rc)
        rc = team_carry_set(t->team, rows, c->carry_B, t->f->token, err);
    t->open = !rc;
    for (int i = 0; rows && i < d->ntensor; i++)
        free(rows[i]);
    free(rows);
    return rc;
}

/* What the limit leaves beside all that is there before the first batch. */
static int find_room(Fit *t, RtError *err)
{
    int64_t used = rt_resident();

    if (t->f->memory <= 0)
        return 0;
    if (t->f->memory <= used)
        return rt_fail(err,
                       "--memory %lldM: the program, its data and its weights "
                       "take %lldM already",
                       (long long)(t->f->memory >> 20),
                       (long long)(used >> 20) + 1);
    t->room = t->f->memory - used;
    return 0;
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
                   (long long)((t->f->memory + need) >> 20) + 1);
}

static int start(Fit *t, RtError *err)
{
    const FitSetup *f = t->f;

    if (!f->model->desc->backward)
        return rt_fail(err,
                       "%s has no loss to train on; write y ~ normal(...) or "
                       "loss ... in the spec",
                       f->model->desc->name);
    t->about = f->about ? f->about : &t->own;
    t->st = &t->about->state;
    *t->st = (FitState){.seed = f->seed};
    t->from = evaluate_bind(f->model->desc, f->data, err);
    t->feed = t->from ? feed_open(f->data, &f->feed, err) : NULL;
    if (!t->feed)
        return -1;
    if (f->valid && !(t->validfeed = feed_open(f->valid, &f->validfeed, err)))
        return rt_fail_in(err, "validation");
    t->team = team_new(f->model, f->threads, err);
    t->optim = t->team ? optim_new(f->model, f->optimizer, err) : NULL;
    if (!t->optim || clip_parse(f->clip, &t->clip, err))
        return -1;
    t->schedule = schedule_new(f->schedule, err);
    if (!t->schedule || (f->resume && resume(t, err)))
        return -1;
    t->first_step = t->st->step;
    if (find_room(t, err))
        return -1;
    t->begun = t->row_clock = progress_clock();
    return progress_open(&t->progress, f->out, f->terminal, f->log,
                         f->resume != NULL, err);
}

/* Everything up to the save file; the state is that before the next batch. */
static int save(Fit *t, const char *path, RtError *err)
{
    const CellDesc *d = t->f->model->desc;
    void **rows = calloc((size_t)d->ntensor + 1, sizeof *rows);
    int rc = rows ? 0 : rt_fail_memory(err, 0);

    t->about->carry_B = 0;
    if (!rc && t->open)
        rc = team_carry_get(t->team, rows, &t->about->carry_B, err);
    if (!rc)
        rc = checkpoint_save(t->about, t->f->model, t->optim, rows, path, err);
    for (int i = 0; rows && i < d->ntensor; i++)
        free(rows[i]);
    free(rows);
    return rc;
}

static int diverged(const Fit *t, const char *what, RtError *err)
{
    return rt_fail(
        err,
        "training diverged at update %lld: the %s is not a number; try a "
        "smaller learning rate than %g, or clip the gradient (clip = "
        "norm(1))%s%s",
        (long long)t->st->step + 1, what, t->row.lr,
        t->f->save && t->st->epoch > 0 ? "; the weights of the last epoch are "
                                         "in "
                                       : "",
        t->f->save && t->st->epoch > 0 ? t->f->save : "");
}

/* Adds the last batch to the sums since the last row. */
static int count_batch(Fit *t, const RtBatch *b, RtError *err)
{
    RtTally tally = {0};

    if (tally_add(&tally, t->team, err)) {
        tally_free(&tally);
        return -1;
    }
    t->st->nats += tally.nats;
    t->st->count += tally.count;
    t->st->loss += team_loss(t->team);
    t->st->weight += 1;
    t->tokens += (double)b->steps;
    t->row_tokens += (double)b->steps;
    tally_free(&tally);
    return 0;
}

/* One batch: forward, backward, clip, update. */
static int train_batch(Fit *t, RtError *err)
{
    FitState *st = t->st;
    RtBatch batch;

    if (feed_batch(t->feed, st->epoch, st->batch, &batch, err))
        return -1;
    if (batch.first)
        st->start_step = st->step;
    TeamJob job = {.feed = t->feed,
                   .from = t->from,
                   .batch = &batch,
                   .backward = 1,
                   .training = 1,
                   .token = t->f->token,
                   .seed = st->seed,
                   .step = (uint64_t)st->step,
                   .start_step = (uint64_t)st->start_step};
    if (find_segment(t, &batch, &job.segment, err))
        return -1;
    t->row.lr = optim_rate(t->optim) * schedule_factor(t->schedule, st->step);
    if (team_run(t->team, &job, err) ||
        clip_grads(t->f->model, &t->clip, &t->row.gradnorm, err))
        return -1;
    if (!isfinite(team_loss(t->team)))
        return diverged(t, "loss", err);
    if (!isfinite(t->row.gradnorm))
        return diverged(t, "gradient", err);
    optim_step(t->optim, t->row.lr);
    team_update(t->team);
    if (count_batch(t, &batch, err))
        return -1;
    t->open = !batch.end && batch.carry;
    st->batch++;
    st->step++;
    return 0;
}

/* Seconds to go, from the pace of this call; NAN where there is no end. */
static double time_left(const Fit *t, double seconds)
{
    const FitSetup *f = t->f;
    double done = (double)(t->st->step - t->first_step), left = INFINITY;

    if (done < 1)
        return NAN;
    if (f->epochs > 0)
        left = (double)((f->epochs - t->st->epoch) * t->batches - t->st->batch);
    if (f->steps > 0)
        left = fmin(left, (double)(f->steps - t->st->step));
    left *= seconds / done;
    if (f->seconds > 0)
        left = fmin(left, f->seconds - seconds);
    return isfinite(left) ? fmax(left, 0) : NAN;
}

/* Brings the row up to date. */
static void measure(Fit *t)
{
    double now = progress_clock(), took = now - t->row_clock;
    const FitState *st = t->st;

    t->row.epoch = st->epoch + 1;
    t->row.epochs = t->f->epochs;
    t->row.step = st->step;
    t->row.seconds = now - t->begun;
    if (st->weight > 0) {
        t->row.loss = st->loss / st->weight;
        t->row.nats = st->count > 0 ? st->nats / st->count : NAN;
        t->row.tokens_per_s = took > 0 ? t->row_tokens / took : NAN;
    }
    t->row.left = time_left(t, t->row.seconds);
}

/* Writes the row and begins the next one. */
static int end_row(Fit *t, int validated, RtError *err)
{
    FitState *st = t->st;

    if (progress_log(&t->progress, &t->row, validated, err))
        return -1;
    st->nats = st->count = st->loss = st->weight = 0;
    t->row_tokens = 0;
    t->row_clock = progress_clock();
    return 0;
}

/* Returns 1 if it was interrupted.  *better: the best so far. */
static int validate(Fit *t, int *better, RtError *err)
{
    const FitSetup *f = t->f;
    RtModel *m = f->validator ? f->validator : f->model;
    RtTally tally = {0};

    *better = 0;
    if (!t->validfeed)
        return 0;
    int rc = f->validator ? model_copy(m, f->model, err) : 0;
    if (!rc)
        rc = evaluate_feed(m, f->valid, t->validfeed, f->threads, f->stop,
                           &tally, err);
    if (!rc) {
        t->row.val_loss = tally_loss(&tally);
        t->row.val_nats = tally_nats(&tally);
        if (t->st->best_epoch == 0 || t->row.val_loss < t->st->best) {
            t->st->best = t->row.val_loss;
            t->st->best_epoch = t->st->epoch + 1;
            *better = 1;
        }
    }
    tally_free(&tally);
    return rc;
}

/* Validation, a row, the next epoch, the files.  Returns 1 if interrupted
 * before anything of that was done. */
static int end_epoch(Fit *t, int advance, RtError *err)
{
    int better, rc;

    measure(t);
    rc = validate(t, &better, err);
    if (rc)
        return rc;
    t->row.seconds = progress_clock() - t->begun;
    progress_show(&t->progress, &t->row, !advance);
    t->result->loss = t->row.loss;
    t->result->nats = t->row.nats;
    if (end_row(t, 1, err))
        return -1;
    if (advance) {
        t->st->epoch++;
        t->st->batch = 0;
        t->open = 0;
    }
    if (t->f->save && save(t, t->f->save, err))
        return -1;
    return better && t->f->best ? save(t, t->f->best, err) : 0;
}

static int stopped(const Fit *t)
{
    return t->f->stop && *t->f->stop;
}

/* Whether a limit inside an epoch is reached. */
static int limit(const Fit *t)
{
    const FitSetup *f = t->f;

    return (f->steps > 0 && t->st->step >= f->steps) ||
           (f->seconds > 0 && progress_clock() - t->begun >= f->seconds);
}

/* Whether there is another epoch to train. */
static int more(const Fit *t)
{
    const FitSetup *f = t->f;
    const FitState *st = t->st;

    if (f->epochs > 0 && st->epoch >= f->epochs)
        return 0;
    return !(f->patience > 0 && st->best_epoch > 0 &&
             st->epoch - st->best_epoch >= f->patience);
}

/* What is left of one epoch.  Returns 1 when training shall end. */
static int epoch(Fit *t, RtError *err)
{
    FitState *st = t->st;
    int rc;

    t->batches = feed_batches(t->feed, st->epoch, err);
    if (t->batches < 0)
        return -1;
    while (st->batch < t->batches && !stopped(t) && !limit(t)) {
        if (train_batch(t, err))
            return -1;
        measure(t);
        progress_show(&t->progress, &t->row, 0);
        if (t->f->log_every > 0 && st->step % t->f->log_every == 0 &&
            st->batch < t->batches && end_row(t, 0, err))
            return -1;
    }
    rc = stopped(t) ? 1 : end_epoch(t, st->batch == t->batches, err);
    if (rc == 1) {
        t->result->interrupted = 1;
        if (t->f->save && save(t, t->f->save, err))
            return -1;
    }
    return rc ? rc : limit(t);
}

static int train(Fit *t, RtError *err)
{
    int rc = 0;

    t->row.val_loss = t->row.val_nats = t->row.loss = t->row.nats = NAN;
    t->row.gradnorm = t->row.tokens_per_s = t->row.left = NAN;
    while (!rc && more(t))
        rc = epoch(t, err);
    return rc < 0 ? -1 : 0;
}

static void finish(Fit *t)
{
    FitResult *r = t->result;

    r->seconds = progress_clock() - t->begun;
    r->epochs = t->st->epoch;
    r->steps = t->st->step;
    r->val_loss = t->row.val_loss;
    r->val_nats = t->row.val_nats;
    r->tokens_per_s = r->seconds > 0 ? t->tokens / r->seconds : 0;
}

int fit_run(const FitSetup *f, FitResult *result, RtError *err)
{
    Fit t = {.f = f, .result = result};

    *result =
        (FitResult){.loss = NAN, .nats = NAN, .val_loss = NAN, .val_nats = NAN};
    int rc = start(&t, err);
    if (!rc) {
        rc = train(&t, err);
        finish(&t);
    }
    if (progress_close(&t.progress, rc ? NULL : err))
        rc = -1;
    schedule_free(t.schedule);
    optim_free(t.optim);
    team_free(t.team);
    feed_free(t.feed);
    feed_free(t.validfeed);
    free(t.from);
    checkpoint_free(&t.own);
    return rc;
}
