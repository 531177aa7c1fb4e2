/* The training loop, see fit.h. */
#include "fitint.h"
#include "judge.h"

#include <math.h>
#include <stdlib.h>

#include "rtio.h"

/* What the limit leaves beside all that is there before the first batch. */
static int find_room(Fit *t, RtError *err)
{
    int64_t used = rt_resident();

    if (t->f->memory <= 0)
        return 0;
    if (t->f->memory <= used)
        return rt_fail(err,
                       "--memory: the program, its data and its weights take "
                       "%lldM already",
                       (long long)fit_megabytes(used));
    t->room = t->f->memory - used;
    return 0;
}

/* What happens to gradients between backward and update. */
static int start_gradients(Fit *t, RtError *err)
{
    const FitSetup *f = t->f;
    const CellDesc *d = f->model->desc;
    int term = model_next(d, CELL_TERM, -1);

    if (clip_parse(f->clip, &t->clip, err) ||
        gradnoise_parse(f->noise, &t->noise, err))
        return -1;
    if (f->ema > 0 && !(t->average = average_new(f->model, f->ema, err)))
        return -1;
    if (fit_accumulate(t) == 1)
        return 0;
    if (f->token && term >= 0 && model_next(d, CELL_TERM, term) >= 0)
        return rt_fail(err,
                       "accumulate: with reduce = token, a loss of several "
                       "terms is not the mean of those of its batches; "
                       "choose reduce = sequence, or a larger batch");
    t->held = rt_block((size_t)d->param_size * (size_t)d->real_bytes, err);
    return t->held ? 0 : -1;
}

/* Names and places of the spec's metrics. */
static int start_metrics(Fit *t, RtError *err)
{
    const CellDesc *d = t->f->model->desc;
    int n = t->f->judge ? judge_count(t->f->judge) : 0, k = 0;

    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0;)
        n++;
    t->metric = calloc((size_t)n + 1, sizeof *t->metric);
    t->row.metric = calloc((size_t)n + 1, sizeof *t->row.metric);
    if (!t->metric || !t->row.metric)
        return rt_fail_memory(err, 0);
    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0;)
        t->metric[k++] = d->tensor[i].name;
    for (int i = 0; k < n; i++)
        t->metric[k++] = judge_name(t->f->judge, i);
    for (k = 0; k < n; k++)
        t->row.metric[k] = NAN;
    t->progress = (Progress){.out = t->f->out,
                             .columns = t->f->terminal,
                             .metric = t->metric,
                             .nmetric = n};
    return 0;
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
    if (!t->optim || start_gradients(t, err))
        return -1;
    t->schedule = schedule_new(f->schedule, optim_rate(t->optim), err);
    if (!t->schedule || (f->resume && fit_resume(t, err)))
        return -1;
    if (schedule_plateau(t->schedule) && !f->valid)
        return rt_fail(err, "schedule plateau: nothing is held out for "
                            "validation; valid = 0.1 holds out a tenth");
    if (find_room(t, err))
        return -1;
    if (start_metrics(t, err))
        return -1;
    t->begun = t->row_clock = progress_clock();
    pace_begin(&t->pace, t->begun);
    return progress_open(&t->progress, f->log, f->resume != NULL, f->events,
                         err);
}

/* Seconds to go; NAN where there is no end. */
static double time_left(const Fit *t, double seconds)
{
    const FitSetup *f = t->f;
    const FitState *st = t->st;
    double per = (double)t->batches, done = (double)st->batch;
    double batches = INFINITY, left = NAN, guess = 0;

    if (f->epochs > 0)
        batches = (double)(f->epochs - st->epoch) * per - done;
    if (f->steps > 0)
        batches =
            fmin(batches, (double)((f->steps - st->step) * fit_accumulate(t) -
                                   st->held));
    if (t->validfeed) /* a forward is a third of a training step */
        guess = per * (double)feed_steps(t->validfeed) /
                (double)feed_steps(t->feed) / 3;
    if (isfinite(batches))
        left = pace_left(&t->pace, fmax(batches, 0),
                         ceil((done + fmax(batches, 0)) / per), guess);
    if (f->seconds > 0)
        left = fmin(left, fmax(f->seconds - seconds, 0));
    return left;
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
static void end_row(Fit *t, int validated)
{
    FitState *st = t->st;

    progress_log(&t->progress, &t->row, validated);
    st->nats = st->count = st->loss = st->weight = 0;
    t->row_tokens = 0;
    t->row_clock = progress_clock();
}

/* What the last validation is judged by. */
static double monitored(const Fit *t)
{
    return t->f->monitor > 0 ? t->row.metric[t->f->monitor - 1]
                             : t->row.val_loss;
}

/* Takes note of a validation; returns whether it is the best so far. */
static int judge(Fit *t, const RtTally *tally)
{
    FitState *st = t->st;

    t->row.val_loss = tally_loss(tally);
    t->row.val_nats = tally_nats(tally);
    for (int k = 0; k < t->progress.nmetric; k++) {
        t->row.metric[k] = k < tally->nmetric
                               ? tally_metric(tally, k)
                               : judge_value(t->f->judge, k - tally->nmetric);
        if (t->f->metric)
            t->f->metric[k] = t->row.metric[k];
    }
    double now = monitored(t);
    if (isnan(now) ||
        (st->best_epoch > 0 && (t->f->up ? now <= st->best : now >= st->best)))
        return 0;
    st->best = now;
    st->best_epoch = st->epoch + 1;
    return 1;
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
    if (f->judge)
        judge_clear(f->judge);
    average_swap(t->average);
    int rc = f->validator ? model_copy(m, f->model, err) : 0;
    if (!rc)
        rc = evaluate_visit(m, f->valid, t->validfeed, f->threads, f->stop,
                            f->judge ? judge_visit : NULL, f->judge, &tally,
                            err);
    if (!rc && f->judge && judge_generates(f->judge))
        rc = judge_generate(f->judge, m, f->valid, &f->validfeed,
                            &(BeamHow){.stop = f->stop}, err);
    average_swap(t->average);
    if (!rc)
        *better = judge(t, &tally);
    tally_free(&tally);
    return rc;
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

/* Saves at the end of an epoch.  A disk may be full for a while: what cannot be
 * written is an error only where no other try will come. */
static int save(Fit *t, const char *path, RtError *err)
{
    RtError now = {0};
    int *unsaved = &t->unsaved[path == t->f->best];

    if (!path)
        return 0;
    if (!fit_save(t, path, &now)) {
        if (*unsaved)
            progress_note(&t->progress, "note: %s is saved again", path);
        *unsaved = 0;
        return 0;
    }
    if (!more(t) || limit(t) || stopped(t)) {
        rt_error_clear(err);
        *err = now;
        return -1;
    }
    if (!*unsaved)
        progress_note(&t->progress, "warning: %s; training goes on",
                      now.text ? now.text : "out of memory");
    *unsaved = 1;
    rt_error_clear(&now);
    return 0;
}

/* Epochs of a few milliseconds are not saved each: writing would take longer
 * than training.  The first is, as something to keep, and the last. */
static int due(Fit *t)
{
    double now = progress_clock();

    if (t->saved > 0 && now - t->saved < 1 && more(t) && !limit(t) &&
        !stopped(t))
        return 0;
    t->saved = now;
    return 1;
}

/* Validation, a row, the next epoch, the files.  Returns 1 if interrupted
 * before anything of that was done. */
static int end_epoch(Fit *t, int advance, RtError *err)
{
    int better, rc;

    if (!fit_sound(t)) /* what was saved is worth more */
        return fit_diverged(t, BAD_WEIGHT, NULL, err);
    measure(t);
    rc = validate(t, &better, err);
    if (rc)
        return rc;
    t->row.seconds = progress_clock() - t->begun;
    progress_show(&t->progress, &t->row, !advance);
    t->result->loss = t->row.loss;
    t->result->nats = t->row.nats;
    end_row(t, 1);
    if (advance) {
        if (t->validfeed)
            schedule_epoch(t->schedule, &t->st->plateau, monitored(t),
                           t->f->up);
        t->st->epoch++;
        t->st->batch = 0;
        t->open = 0;
    }
    if ((due(t) && save(t, t->f->save, err)) ||
        (better && save(t, t->f->best, err)))
        return -1;
    pace_end(&t->pace, progress_clock());
    return 0;
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
        int64_t step = st->step;
        if (fit_batch(t, err))
            return -1;
        pace_batch(&t->pace, progress_clock());
        measure(t);
        progress_show(&t->progress, &t->row, 0);
        if (t->f->log_every > 0 && st->step > step &&
            st->step % t->f->log_every == 0 && st->batch < t->batches)
            end_row(t, 0);
    }
    rc = stopped(t) ? 1 : end_epoch(t, st->batch == t->batches, err);
    if (rc == 1) {
        t->result->interrupted = 1;
        if (!fit_sound(t))
            return fit_diverged(t, BAD_WEIGHT, NULL, err);
        if (t->f->save && fit_save(t, t->f->save, err))
            return -1;
    }
    return rc ? rc : limit(t);
}

static int train(Fit *t, RtError *err)
{
    int rc = 0;

    t->row.val_loss = t->row.val_nats = t->row.loss = t->row.nats = NAN;
    t->row.gradnorm = t->row.tokens_per_s = t->row.left = NAN;
    if (t->f->resume && limit(t)) /* there is nothing to write a row about */
        return 0;
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
    average_free(t.average);
    optim_free(t.optim);
    free(t.held);
    team_free(t.team);
    feed_free(t.feed);
    feed_free(t.validfeed);
    free(t.from);
    free(t.metric);
    free(t.row.metric);
    checkpoint_free(&t.own);
    return rc;
}
