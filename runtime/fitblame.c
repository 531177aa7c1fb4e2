/* Training that goes wrong: which sequence, step, equation and parameter a
 * number that is not finite comes from, and gradients that explode.  See
 * fitint.h. */
#include "fitint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double weight_at(const RtModel *m, int64_t at)
{
    return m->desc->real_bytes == 8 ? ((const double *)m->params)[at]
                                    : ((const float *)m->params)[at];
}

/* Parameter with a weight that is not finite, or -1. */
static int bad_weight(const RtModel *m)
{
    const CellDesc *d = m->desc;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;)
        for (int64_t k = 0; k < model_size(&d->tensor[i]); k++)
            if (!isfinite(weight_at(m, d->tensor[i].at.c + k)))
                return i;
    return -1;
}

int fit_sound(const Fit *t)
{
    return bad_weight(t->f->model) < 0;
}

/* Parameter whose gradient is longest, or is not finite; -1: there is none. */
static int longest(const RtModel *m, double *norm)
{
    const CellDesc *d = m->desc;
    int most = -1;

    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        double n = d->tensor[i].flags & CELL_FROZEN ? 0 : clip_norm(m, i);
        if (most < 0 || !(n <= *norm)) {
            most = i;
            *norm = n;
        }
        if (!isfinite(n))
            break;
    }
    return most;
}

int fit_finite(const Fit *t)
{
    double norm = 0;

    return longest(t->f->model, &norm) < 0 || isfinite(norm);
}

/* Whether this session's loss, or with `backward` a gradient, is not finite. */
static int goes_wrong(RtSession *s, int backward, RtError *err)
{
    double norm;
    RtModel m = *s->model;

    if (session_forward(s, err) || (backward && session_backward(s, err)))
        return 0;
    m.grads = s->grads;
    return !isfinite(session_loss(s)) ||
           (backward && longest(&m, &norm) >= 0 && !isfinite(norm));
}

/* Whether a row, or all (-1), goes wrong; then `one` is ready to go forward on
 * it from step *first of the batch on. */
static int row_goes_wrong(Fit *t, const TeamJob *job, int64_t row, int backward,
                          RtSession *one, int64_t *first, RtError *err)
{
    *first = 0;
    if (job->segment > 0 && job->segment < job->batch->T)
        return team_trace(t->team, job, row, backward, one, first, err) > 0;
    return !team_replay(t->team, job, row, one, err) &&
           goes_wrong(one, backward, err) &&
           !team_replay(t->team, job, row, one, err);
}

/* The row that goes wrong by itself, or -1: they do together; -2: none does any
 * more. */
static int64_t find_row(Fit *t, const TeamJob *job, int backward,
                        RtSession *one, int64_t *first, RtError *err)
{
    for (int64_t row = 0; row < job->batch->B; row++)
        if (row_goes_wrong(t, job, row, backward, one, first, err))
            return row;
    return team_split(t->team, job->batch->B, t->f->token) == 1 &&
                   row_goes_wrong(t, job, -1, backward, one, first, err)
               ? -1
               : -2;
}

/* The first step at which a state is not finite: its number from 1, 0: none. */
static int64_t bad_state(RtSession *s, const char **name, RtError *err)
{
    const CellDesc *d = s->desc;
    int64_t first = 0;

    if (session_forward(s, err))
        return 0;
    for (int i = -1; (i = model_next(d, CELL_STATE, i)) >= 0;) {
        int64_t n = session_count(s, i), at[CELL_AXES] = {0}, k = 0;
        int64_t size = model_size(&d->tensor[i]);
        if (!(d->tensor[i].axes & CELL_T)) /* its steps are not there */
            continue;
        double *v = malloc((size_t)(n + 1) * sizeof *v);
        if (!v)
            return 0;
        session_get(s, i, 0, v);
        do {
            int bad = 0;
            for (int64_t e = 0; e < size; e++)
                bad |= !isfinite(v[k++]);
            if (bad && d->ntime == 1 && (!first || at[CELL_AT_T] + 1 < first)) {
                first = at[CELL_AT_T] + 1;
                *name = d->tensor[i].name;
            }
        } while (session_next(s, i, at));
        free(v);
    }
    return first;
}

/* "sequence 4"; malloc'd. */
static char *sequence(const Fit *t, const TeamJob *job, int64_t row)
{
    if (row < 0)
        return rt_printf("a batch of %lld sequences", (long long)job->batch->B);
    if (t->f->feed.streams && t->f->data->nseq == 1)
        return rt_printf("stream %lld of %lld", (long long)row + 1,
                         (long long)job->batch->B);
    return rt_printf("sequence %lld",
                     (long long)feed_sequence(job->feed, job->batch, row) + 1);
}

/* In which equation, where, when, of a session that begins at step `from`;
 * malloc'd. */
static char *tell_origin(Fit *t, const TeamJob *job, int64_t row, int64_t from,
                         RtSession *one, int backward, RtError *err)
{
    FitOrigin o = {0};
    const char *state = NULL;
    char *text = NULL, *who = sequence(t, job, row);

    if (t->f->blame && t->f->blame(t->f->blame_ctx, one, backward, &o)) {
        int chunked = o.axis && !strcmp(o.axis, one->desc->time[0]);
        char *when = o.axis ? rt_printf(" at %s = %lld", o.axis,
                                        (long long)(o.step + chunked * from))
                            : NULL;
        text = rt_printf("%s%s%s%s of %s%s", o.place, o.given ? "" : "in ",
                         o.name ? o.name : "the loss", when ? when : "",
                         who ? who : "", backward ? ", on the way back" : "");
        free(when);
    } else if (!backward) {
        int64_t step = bad_state(one, &state, err);
        if (step > 0)
            text = rt_printf("state %s is not finite from step %lld of %s on",
                             state, (long long)(step + from), who ? who : "");
    }
    if (!text)
        text = rt_printf("in %s", who ? who : "");
    free(who);
    free(o.place);
    free(o.name);
    free(o.axis);
    return text;
}

static char *find_origin(Fit *t, const TeamJob *job, int backward)
{
    RtError err = {0};
    RtSession *one;
    char *text = NULL;
    int64_t row, first;

    if (!job)
        return NULL;
    one = session_new(t->f->model, &err);
    if (one) {
        void *grads = rt_block((size_t)one->desc->param_size *
                                   (size_t)one->desc->real_bytes,
                               &err);
        one->grads = grads;
        row = grads ? find_row(t, job, backward, one, &first, &err) : -2;
        if (row > -2)
            text = tell_origin(t, job, row, job->batch->from + first, one,
                               backward, &err);
        session_free(one);
        free(grads);
    }
    rt_error_clear(&err);
    return text;
}

/* The parameter to look at; malloc'd. */
static char *tell_parameter(const Fit *t, int what)
{
    const RtModel *m = t->f->model;
    double norm = 0;
    int i = what == BAD_GRADIENT ? longest(m, &norm) : bad_weight(m);

    if (i >= 0 && what == BAD_GRADIENT && isfinite(norm))
        return rt_printf("the gradient of %s has the norm %g\n",
                         m->desc->tensor[i].name, norm);
    if (i >= 0 && what == BAD_GRADIENT)
        return rt_printf("the gradient of %s is not finite\n",
                         m->desc->tensor[i].name);
    if (i >= 0)
        return rt_printf("%s holds weights that are not finite\n",
                         m->desc->tensor[i].name);
    if (isnan(t->row.gradnorm))
        return NULL;
    return rt_printf("the gradient had the norm %g at the update before\n",
                     t->row.gradnorm);
}

/* What may help; malloc'd. */
static char *advice(const Fit *t)
{
    if (t->about->state.step == 0)
        return rt_printf("no update was made before: look at the equation, "
                         "the start values and the data");
    return rt_printf("try a smaller learning rate than %g, or clip the "
                     "gradient (clip = norm(1))",
                     t->row.lr);
}

int fit_diverged(Fit *t, int what, const TeamJob *job, RtError *err)
{
    static const char *const bad[] = {"the loss is not a finite number",
                                      "the gradient is not finite",
                                      "weights became other than finite"};
    const FitState *st = &t->about->state;
    char *origin = find_origin(t, job, what == BAD_GRADIENT);
    char *parameter = tell_parameter(t, what), *help = advice(t);
    const char *save = t->f->save;

    rt_fail(err, "training diverged at update %lld: %s\n%s%s%s%s%s%s",
            (long long)st->step + (what != BAD_WEIGHT), bad[what],
            origin ? origin : "", origin ? "\n" : "",
            parameter ? parameter : "", help ? help : "",
            !save           ? ""
            : st->epoch > 0 ? "; the weights of the last epoch are in "
                            : "; nothing was saved yet in ",
            save ? save : "");
    free(origin);
    free(parameter);
    free(help);
    return -1;
}

void fit_explodes(Fit *t)
{
    enum { ENOUGH = 20 };
    static const double jump = 1e3, keep = 0.95;
    double now = log(t->row.gradnorm), norm = 0;

    if (t->normed < 0 || t->clip.kind || !(t->row.gradnorm > 0))
        return;
    /* Where little is left to learn, usual gradients are next to nothing. */
    if (t->normed < ENOUGH || now < 0 || now < t->usual + log(jump)) {
        t->usual = t->normed ? keep * t->usual + (1 - keep) * now : now;
        t->normed++;
        return;
    }
    int i = longest(t->f->model, &norm);
    progress_note(
        &t->progress,
        "note: the gradient explodes: its norm is %.3g at update "
        "%lld, usually %.3g; that of %s has %.3g.  --clip 'norm(%.1g)' "
        "bounds it",
        t->row.gradnorm, (long long)t->st->step + 1, exp(t->usual),
        i >= 0 ? t->f->model->desc->tensor[i].name : "?", norm,
        2 * exp(t->usual));
    t->normed = -1;
}
