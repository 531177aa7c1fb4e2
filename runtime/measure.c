/* Times of a model, see measure.h.  A team of sessions as in training, whose
 * inputs are drawn once and stay. */
#define _POSIX_C_SOURCE 200809L
#include "measure.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "optim.h"
#include "rng.h"
#include "team.h"

struct RtMeasure {
    RtModel *model;
    RtTeam *team;
    RtOptim *optim; /* or NULL */
    RtClip clip;
    RtBatch batch;
};

const char *const measure_name[] = {"forward", "gradient", "update"};

double measure_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void fill_input(RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];
    uint64_t stream = rt_stream(RT_STREAM_NOISE, (uint64_t)i);
    int64_t n = session_count(s, i), classes = t->classes > 0 ? t->classes : 1;
    void *to = session_place(s, i);

    for (int64_t k = 0; k < n; k++) {
        double u = rt_uniform(1, stream, (uint64_t)k);
        double v = t->flags & CELL_INDEX
                       ? (double)(int64_t)(u * (double)classes)
                       : 2 * u - 1;
        if (s->desc->real_bytes == 8)
            ((double *)to)[k] = v;
        else
            ((float *)to)[k] = (float)v;
    }
}

/* Once for each session: later runs find everything in its place. */
static int fill_once(RtSession *s, const RtBatch *batch, int64_t rows,
                     RtError *err)
{
    if (s->work && s->n[CELL_AT_T] == batch->T && s->n[CELL_AT_B] == rows)
        return 0;
    for (int k = 1; k < s->desc->ntime; k++)
        session_steps(s, k, batch->more[k]);
    if (session_begin(s, batch->T, rows, 1, err))
        return -1;
    for (int i = -1; (i = model_next(s->desc, CELL_INPUT, i)) >= 0;)
        fill_input(s, i);
    session_batch(s, batch->B);
    return session_noise(s, err);
}

static int prepare(RtMeasure *m, const MeasureSetup *s, RtError *err)
{
    if (model_init(m->model, 1, s->from, err) ||
        clip_parse("norm(5)", &m->clip, err))
        return -1;
    m->team = team_new(m->model, s->threads, err);
    if (m->team && s->optimizer)
        m->optim = optim_new(m->model, s->optimizer, err);
    return !m->team || (s->optimizer && !m->optim);
}

RtMeasure *measure_new(const CellDesc *d, const MeasureSetup *s, RtError *err)
{
    RtMeasure *m = calloc(1, sizeof *m);

    if (!m) {
        rt_fail_memory(err, sizeof *m);
        return NULL;
    }
    m->batch = (RtBatch){.B = s->B, .T = s->T, .start = 1, .end = 1};
    for (int k = 0; k < CELL_TIMES; k++)
        m->batch.more[k] = s->T;
    m->model = model_new(d, err);
    if (!m->model || prepare(m, s, err)) {
        measure_free(m);
        return NULL;
    }
    return m;
}

void measure_free(RtMeasure *m)
{
    if (!m)
        return;
    optim_free(m->optim);
    team_free(m->team);
    model_free(m->model);
    free(m);
}

int measure_run(RtMeasure *m, MeasureKind kind, double *ms, RtError *err)
{
    TeamJob job = {.batch = &m->batch,
                   .fill = fill_once,
                   .backward = kind != MEASURE_FORWARD};
    double from = measure_now();

    if (team_run(m->team, &job, err))
        return -1;
    if (kind == MEASURE_UPDATE && m->optim) {
        if (clip_grads(m->model, &m->clip, NULL, err))
            return -1;
        optim_step(m->optim, optim_rate(m->optim));
        team_update(m->team);
    }
    *ms = measure_now() - from;
    return 0;
}

int64_t measure_work(const RtMeasure *m)
{
    int64_t bytes = 0;

    for (int k = 0; k < team_count(m->team); k++)
        bytes += (int64_t)team_session(m->team, k)->capacity;
    return bytes;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

MeasureTime measure_time(double *ms, int n)
{
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    return (MeasureTime){ms[0], ms[n / 2]};
}

int measure_rounds(RtMeasure *train, RtMeasure *forward, int rounds,
                   MeasureTime time[MEASURE_KINDS], RtError *err)
{
    double *ms[MEASURE_KINDS] = {0}, first;
    int kinds = train ? MEASURE_KINDS : MEASURE_FORWARD + 1, bad = 0;

    for (int k = 0; k < kinds; k++) {
        ms[k] = calloc((size_t)rounds, sizeof *ms[k]);
        if (!ms[k])
            bad = rt_fail_memory(err, (size_t)rounds * sizeof *ms[k]);
    }
    bad = bad || measure_run(forward, MEASURE_FORWARD, &first, err) ||
          (train && measure_run(train, MEASURE_GRADIENT, &first, err));
    for (int i = 0; i < rounds && !bad; i++)
        for (int k = 0; k < kinds && !bad; k++) {
            RtMeasure *m = k == MEASURE_FORWARD ? forward : train;
            if (k != MEASURE_UPDATE && team_pool(m->team))
                bad = measure_run(m, (MeasureKind)k, &first, err);
            bad = bad || measure_run(m, (MeasureKind)k, &ms[k][i], err);
        }
    for (int k = 0; k < kinds; k++) {
        if (!bad)
            time[k] = measure_time(ms[k], rounds);
        free(ms[k]);
    }
    return bad ? -1 : 0;
}

int64_t measure_resident(void)
{
    struct rusage use;

    return getrusage(RUSAGE_SELF, &use) ? 0 : (int64_t)use.ru_maxrss * 1024;
}
