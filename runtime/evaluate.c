/* Evaluation over a data set, see evaluate.h. */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int role_count(const CellDesc *d, int role)
{
    int n = 0;

    for (int i = -1; (i = model_next(d, role, i)) >= 0;)
        n++;
    return n;
}

static int tally_room(RtTally *t, const CellDesc *d, RtError *err)
{
    if (t->term)
        return 0;
    t->nterm = role_count(d, CELL_TERM);
    t->nmetric = role_count(d, CELL_METRIC);
    t->term = calloc((size_t)t->nterm + 1, sizeof *t->term);
    t->weight = calloc((size_t)t->nterm + 1, sizeof *t->weight);
    t->metric = calloc((size_t)t->nmetric + 1, sizeof *t->metric);
    t->over = calloc((size_t)t->nmetric + 1, sizeof *t->over);
    if (t->term && t->weight && t->metric && t->over)
        return 0;
    return rt_fail_memory(err, 0);
}

/* How much a TERM or METRIC counted: its COUNT, else its sequences. */
static double counted(const RtTeam *t, const CellDesc *d, int i)
{
    int c = model_of(d, CELL_COUNT, i);

    return c < 0 ? (double)team_rows(t) : team_sum(t, c);
}

int tally_add(RtTally *t, const RtTeam *team, RtError *err)
{
    const CellDesc *d = team_session(team, 0)->desc;
    double B = (double)team_rows(team);
    int k = 0;

    if (tally_room(t, d, err))
        return -1;
    for (int i = -1; (i = model_next(d, CELL_TERM, i)) >= 0; k++) {
        double sum = team_sum(team, i), n = counted(team, d, i);
        t->term[k] += sum;
        t->weight[k] += n;
        if (d->tensor[i].flags & CELL_LIKELIHOOD) {
            t->nats += sum;
            t->count += n;
        }
    }
    k = 0;
    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0; k++) {
        t->metric[k] += team_sum(team, i);
        t->over[k] += counted(team, d, i);
    }
    t->plain += team_loss(team) * B;
    t->batches += B;
    return 0;
}

void tally_free(RtTally *t)
{
    free(t->term);
    free(t->weight);
    free(t->metric);
    free(t->over);
    *t = (RtTally){0};
}

double tally_loss(const RtTally *t)
{
    double sum = 0;

    if (t->nterm == 0)
        return t->plain / t->batches;
    for (int k = 0; k < t->nterm; k++)
        sum += t->weight[k] > 0 ? t->term[k] / t->weight[k] : 0;
    return sum;
}

double tally_nats(const RtTally *t)
{
    return t->count > 0 ? t->nats / t->count : NAN;
}

double tally_metric(const RtTally *t, int k)
{
    return t->metric[k] / t->over[k];
}

RtWant *evaluate_wants(const CellDesc *d, int *n)
{
    RtWant *w = calloc((size_t)role_count(d, CELL_INPUT) + 1, sizeof *w);
    int k = 0;

    *n = 0;
    if (!w)
        return NULL;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        if (t->flags & CELL_AFTER)
            continue;
        w[k].name = t->name;
        w[k].is_index = (t->flags & CELL_INDEX) != 0;
        w[k].observed = (t->flags & CELL_OBSERVED) != 0;
        w[k].is_static = cell_only_time(t->axes) == CELL_NO_TIME;
        w[k].axis = w[k].is_static ? 0 : cell_only_time(t->axes);
        w[k].rank = t->rank;
        memcpy(w[k].dim, t->dim, sizeof w[k].dim);
        w[k++].classes = t->classes;
    }
    *n = k;
    return w;
}

/* Whether a field is what the input wants. */
static int fits(const CellTensor *t, const RtField *f, RtError *err)
{
    int is_index = (t->flags & CELL_INDEX) != 0;
    int axis = cell_only_time(t->axes), is_static = axis == CELL_NO_TIME;

    if (axis == CELL_MANY_TIMES)
        return rt_fail(err,
                       "input %s varies over several time axes; there are "
                       "no data of that form",
                       t->name);

    if (is_index != f->is_index)
        return rt_fail(err, "input %s wants %s, the data has %s", t->name,
                       is_index ? "class numbers" : "real numbers",
                       f->is_index ? "class numbers" : "real numbers");
    if (is_static != f->is_static)
        return rt_fail(err,
                       "input %s wants one value per %s, the data has "
                       "one per %s",
                       t->name, is_static ? "sequence" : "step",
                       f->is_static ? "sequence" : "step");
    if (is_index && f->classes > t->classes)
        return rt_fail(err,
                       "%s: %lld %s for input %s, but the model was made for "
                       "%lld: give it that size, or fewer to the data "
                       "(--max-classes %lld)",
                       f->from, (long long)f->classes,
                       t->set ? t->set : "classes", t->name,
                       (long long)t->classes, (long long)t->classes);
    if (model_size(t) != f->size)
        return rt_fail(err, "input %s wants %lld numbers, the data has %lld",
                       t->name, (long long)model_size(t), (long long)f->size);
    return 0;
}

const RtField **evaluate_bind(const CellDesc *d, const RtData *data,
                              RtError *err)
{
    const RtField **from = calloc((size_t)d->ntensor + 1, sizeof *from);

    if (!from) {
        rt_fail_memory(err, (size_t)d->ntensor * sizeof *from);
        return NULL;
    }
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        int rc = 0;
        if (t->flags & CELL_AFTER)
            continue;
        from[i] = data_field(data, t->name);
        if (!from[i])
            rc = rt_fail(err, "the data has nothing for input %s of %s",
                         t->name, d->name);
        if (rc || fits(t, from[i], err)) {
            free(from);
            return NULL;
        }
    }
    return from;
}

int evaluate_visit(RtModel *model, const RtData *data, RtFeed *feed,
                   int threads, const volatile sig_atomic_t *stop,
                   EvaluateVisit *visit, void *user, RtTally *out, RtError *err)
{
    const RtField **from = evaluate_bind(model->desc, data, err);
    RtTeam *team = from ? team_new(model, threads, err) : NULL;
    int64_t n = team ? feed_batches(feed, 0, err) : -1;
    int rc = n < 0 ? -1 : 0;

    for (int64_t i = 0; !rc && i < n; i++) {
        RtBatch batch;
        TeamJob job = {.feed = feed, .from = from, .batch = &batch};
        if (stop && *stop)
            rc = 1;
        else if (feed_batch(feed, 0, i, &batch, err) ||
                 team_run(team, &job, err) || tally_add(out, team, err))
            rc = -1;
        for (int k = 0; visit && !rc && k < team_count(team); k++)
            rc = visit(user, team_session(team, k), &batch, err);
    }
    team_free(team);
    free(from);
    return rc;
}

int evaluate_feed(RtModel *model, const RtData *data, RtFeed *feed, int threads,
                  const volatile sig_atomic_t *stop, RtTally *out, RtError *err)
{
    return evaluate_visit(model, data, feed, threads, stop, NULL, NULL, out,
                          err);
}
