/* Times of a model, see measure.h.  A team of sessions as in training, whose
 * inputs are drawn once. */
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
    void ***kept;  /* [B] of rows that a session has had, [ntensor] copies of
                      inputs and noise, at the first one */
    double *spent; /* [B] ms to copy them back, likewise */
    int threads;
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

static int is_kept(const CellTensor *t)
{
    return t->role == CELL_INPUT || t->role == CELL_NOISE;
}

static size_t bytes_of(const RtSession *s, int i)
{
    return (size_t)session_count(s, i) * (size_t)s->desc->real_bytes;
}

/* Draws inputs and noise, and keeps copies where other rows will take their
 * place. */
static int draw_rows(RtSession *s, void ***kept, RtError *err)
{
    const CellDesc *d = s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        fill_input(s, i);
    if (session_noise(s, err))
        return -1;
    if (!kept)
        return 0;
    *kept = calloc((size_t)d->ntensor + 1, sizeof **kept);
    for (int i = 0; *kept && i < d->ntensor; i++) {
        if (!is_kept(&d->tensor[i]))
            continue;
        (*kept)[i] = rt_block(bytes_of(s, i), err);
        if (!(*kept)[i])
            return -1;
        memcpy((*kept)[i], session_place(s, i), bytes_of(s, i));
    }
    return *kept ? 0 : rt_fail_memory(err, 0);
}

/* Draws once for each row: later runs find everything in its place, or, where a
 * session has some rows after the others, copy it there.  Training does so with
 * all rows, and it does not count. */
static int fill_rows(void *ctx, RtSession *s, const RtBatch *batch,
                     int64_t row0, int64_t rows, RtError *err)
{
    RtMeasure *m = ctx;
    void **kept = m->kept[row0];
    double from = measure_now();

    if (s->work && s->n[CELL_AT_T] == batch->T && s->n[CELL_AT_B] == rows &&
        s->row0 == row0)
        return 0;
    for (int k = 1; k < s->desc->ntime; k++)
        session_steps(s, k, batch->more[k]);
    if (session_begin(s, batch->T, rows, 1, err))
        return -1;
    session_batch(s, batch->B);
    s->row0 = row0;
    if (!kept)
        return draw_rows(
            s, rows * m->threads < batch->B ? &m->kept[row0] : NULL, err);
    for (int i = 0; i < s->desc->ntensor; i++)
        if (kept[i])
            memcpy(session_place(s, i), kept[i], bytes_of(s, i));
    m->spent[row0] = measure_now() - from;
    return 0;
}

/* The most that one thread spent on copies since the last time. */
static double copying(RtMeasure *m)
{
    int64_t n = team_count(m->team), B = m->batch.B;
    double most = 0;

    for (int64_t k = 0; k < n; k++) {
        double ms = 0;
        for (int64_t row = B * k / n; row < B * (k + 1) / n; row++) {
            ms += m->spent[row];
            m->spent[row] = 0;
        }
        most = ms > most ? ms : most;
    }
    return most;
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
    m->threads = s->threads > 1 ? s->threads : 1;
    m->kept = calloc((size_t)s->B, sizeof *m->kept);
    m->spent = calloc((size_t)s->B, sizeof *m->spent);
    for (int k = 0; k < CELL_TIMES; k++)
        m->batch.more[k] = s->T;
    if (!m->kept || !m->spent)
        rt_fail_memory(err, (size_t)s->B * sizeof *m->kept);
    else
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
    for (int64_t row = 0; m->kept && row < m->batch.B; row++) {
        for (int i = 0; m->kept[row] && i < m->model->desc->ntensor; i++)
            free(m->kept[row][i]);
        free(m->kept[row]);
    }
    free(m->kept);
    free(m->spent);
    optim_free(m->optim);
    team_free(m->team);
    model_free(m->model);
    free(m);
}

int measure_run(RtMeasure *m, MeasureKind kind, double *ms, RtError *err)
{
    TeamJob job = {.batch = &m->batch,
                   .fill = fill_rows,
                   .ctx = m,
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
    *ms = measure_now() - from - copying(m);
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
