/* Drawing sequences, see sample.h.  With one time axis a step is a chunk of
 * length 1 and the state is carried, and so it is with several where the model
 * comes in parts; else each step runs all those behind it again, since what is
 * drawn may attend to any of them. */
#include "sampleint.h"

#include "rng.h"

#include <stdlib.h>
#include <string.h>

void sample_free(Sampler *s)
{
    if (!s)
        return;
    for (int k = 0; k < s->n; k++) {
        law_free(&s->drawn[k].laws);
        free(s->drawn[k].all);
        free(s->drawn[k].a);
        free(s->drawn[k].b);
    }
    free(s->drawn);
    free(s->row);
    free(s->buffer);
    session_free(s->s);
    session_free(s->known);
    free(s);
}

int sample_drawn(const Sampler *s, int k)
{
    return k < s->n ? model_find(s->model, CELL_INPUT, sample_input(s, k)->name)
                    : -1;
}

const Laws *sample_laws(const Sampler *s, int k)
{
    return &s->drawn[k].laws;
}

const char *sample_name(const Sampler *s, int k)
{
    return sample_input(s, k)->name;
}

int64_t sample_size(const Sampler *s, int k)
{
    return s->drawn[k].size;
}

int64_t sample_class_count(const Sampler *s, int k)
{
    return s->drawn[k].classes;
}

int64_t sample_rows(const Sampler *s)
{
    return s->rows;
}

int64_t sample_steps(const Sampler *s, int64_t row)
{
    return s->row[row].at;
}

const double *sample_value(const Sampler *s, int k, int64_t row)
{
    return s->drawn[k].all + row * s->room * s->drawn[k].size;
}

/* The time axis of what is drawn. */
static int drawn_axis(Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;
    int known = 0;

    s->whole = d->ntime > 1 && !s->known;
    for (int k = 0; k < s->n; k++) {
        const CellTensor *t = sample_input(s, k);
        int axis = cell_only_time(t->axes);

        if (axis == CELL_MANY_TIMES || (known && axis != s->axis))
            return rt_fail(err,
                           "%s: everything that is drawn must go along "
                           "one time axis",
                           t->name);
        if (axis == CELL_NO_TIME && s->whole)
            return rt_fail(err,
                           "%s is drawn once per sequence, which a model "
                           "with several time axes cannot do yet",
                           t->name);
        s->axis = axis < 0 ? 0 : axis;
        known = axis >= 0;
    }
    s->s->along = s->known ? s->axis : s->s->along;
    return 0;
}

static int add_drawn(Sampler *s, int i, RtError *err)
{
    const CellDesc *d = s->s->desc;
    Drawn *w = &s->drawn[s->n++];

    if (law_find(d, i, &w->laws, err) || law_check(d, &w->laws, err))
        return -1;
    w->size = model_size(&d->tensor[i]);
    w->classes = 1;
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
        if (d->tensor[k].of == i && model_size(&d->tensor[k]) > w->classes)
            w->classes = model_size(&d->tensor[k]);
    w->a = calloc(2 * (size_t)w->classes, sizeof *w->a);
    w->b = calloc(2 * (size_t)w->classes, sizeof *w->b);
    return w->a && w->b ? 0 : rt_fail_memory(err, (size_t)w->classes * 8);
}

/* What is swept from the end needs steps that are still to be drawn. */
static int looks_ahead(const Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;
    const char *name = sample_input(s, 0)->name;

    for (int i = 0; i < d->ntensor; i++)
        if (d->tensor[i].role == CELL_STATE &&
            d->tensor[i].flags & CELL_BACKWARD && d->tensor[i].axis == s->axis)
            return rt_fail(err,
                           "%s cannot be drawn step by step: %s is swept from "
                           "the end backward; for inputs that are all known, "
                           "`predict` gives what %s would be drawn from",
                           name, d->tensor[i].name, name);
    return 0;
}

static int find_all(Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (law_is_drawn(d, i) && add_drawn(s, i, err))
            return -1;
    if (!s->n)
        return rt_fail(err, "the model draws nothing: generating needs an "
                            "input with `~`");
    if (drawn_axis(s, err) || looks_ahead(s, err))
        return -1;
    for (int i = -1; (i = model_next(s->model, CELL_INPUT, i)) >= 0;) {
        const char *name = s->model->tensor[i].name;
        if (!law_is_drawn(s->model, i) &&
            (!s->given || !data_field(s->given, name)))
            return rt_fail(err,
                           "input %s is not drawn: give its values with DATA, "
                           "or --in %s=FILE.npy",
                           name, name);
    }
    return 0;
}

/* The sessions, of the parts of the model where it has some. */
static int open_sessions(Sampler *s, RtModel *m, RtError *err)
{
    if (m->step &&
        (model_copy(m->step, m, err) || model_copy(m->known, m, err) ||
         !(s->known = session_new(m->known, err))))
        return -1;
    s->s = session_new(m->step ? m->step : m, err);
    return s->s ? 0 : -1;
}

Sampler *sample_new(RtModel *m, const RtData *given, RtError *err)
{
    Sampler *s = calloc(1, sizeof *s);

    if (s) {
        s->model = m->desc;
        s->given = given;
        s->drawn = calloc((size_t)m->desc->ntensor + 1, sizeof *s->drawn);
    }
    if (!s || !s->drawn) {
        sample_free(s);
        rt_fail_memory(err, sizeof *s);
        return NULL;
    }
    if (open_sessions(s, m, err) || find_all(s, err)) {
        sample_free(s);
        return NULL;
    }
    return s;
}

/* What stands for a value of name k that is not drawn yet. */
static double missing(const Sampler *s, int k)
{
    int flags = sample_input(s, k)->flags;

    return flags & CELL_INDEX && flags & CELL_OBSERVED ? -1 : 0;
}

/* Room for `steps` of everything drawn in n rows; row r of the new ones is
 * copied from row from[r], or is empty where from is NULL. */
static int make_room(Sampler *s, int64_t n, int64_t steps, const int64_t *from,
                     RtError *err)
{
    for (int k = 0; k < s->n; k++) {
        Drawn *w = &s->drawn[k];
        int64_t size = w->size, old = s->room * size, now = steps * size;
        double *all = malloc((size_t)(n * now) * sizeof *all);

        if (!all)
            return rt_fail_memory(err, (size_t)(n * now) * sizeof *all);
        for (int64_t i = 0; i < n * now; i++)
            all[i] = missing(s, k);
        for (int64_t r = 0; r < n && from; r++)
            memcpy(all + r * now, w->all + from[r] * old,
                   (size_t)(old < now ? old : now) * sizeof *all);
        free(w->all);
        w->all = all;
    }
    s->room = steps;
    return 0;
}

int sample_arrange(Sampler *s, int64_t n, const int64_t *from, RtError *err)
{
    Row *row = malloc((size_t)n * sizeof *row);
    int same = n == s->rows;

    for (int64_t r = 0; r < n && same; r++)
        same = from[r] == r;
    if (same || !row) {
        free(row);
        return same ? 0 : rt_fail_memory(err, (size_t)n * sizeof *row);
    }
    for (int64_t r = 0; r < n; r++)
        row[r] = s->row[from[r]];
    free(s->row);
    s->row = row;
    s->rows = n;
    return make_room(s, n, s->room, from, err) ||
           (!s->whole && session_arrange(s->s, n, from, err));
}

/* Room for the present step and the one behind it. */
static int grow(Sampler *s, int64_t more, RtError *err)
{
    int64_t most = 0, *from;
    int bad;

    for (int64_t r = 0; r < s->rows; r++) {
        int64_t n = s->row[r].at + more;
        int64_t all = sample_all(s, r);
        n = all > n ? all : n;
        most = n > most ? n : most;
    }
    if (most <= s->room)
        return 0;
    from = malloc((size_t)s->rows * sizeof *from);
    if (!from)
        return rt_fail_memory(err, (size_t)s->rows * sizeof *from);
    for (int64_t r = 0; r < s->rows; r++)
        from[r] = r;
    bad = make_room(s, s->rows, 2 * most, from, err);
    free(from);
    return bad;
}

int sample_begin(Sampler *s, int64_t n, const int64_t *sequence,
                 const int64_t *number, RtError *err)
{
    Row *row = realloc(s->row, (size_t)n * sizeof *row);

    if (!row)
        return rt_fail_memory(err, (size_t)n * sizeof *row);
    s->row = row;
    s->rows = n;
    s->ran = 0;
    for (int64_t r = 0; r < n; r++)
        row[r] = (Row){0, sequence[r], number[r], r, r};
    if (make_room(s, n, 16, NULL, err))
        return -1;
    return s->known ? sample_run_known(s, err) : 0;
}

/* The same with `next` steps behind those that are there: one with a carried
 * state, all of them again without. */
static int run_on(Sampler *s, int64_t next, RtError *err)
{
    int64_t *n = malloc(2 * (size_t)s->rows * sizeof *n);
    int bad, start = 1;

    if (!n)
        return rt_fail_memory(err, 2 * (size_t)s->rows * sizeof *n);
    for (int64_t r = 0; r < s->rows; r++) {
        int64_t at = s->row[r].at, left = sample_left(s, r);
        int64_t ahead = left < 0 || left > next ? next : left;
        n[r] = s->whole ? 0 : at;
        n[s->rows + r] = !s->whole               ? next
                         : sample_all(s, r) >= 0 ? at + left
                                                 : at + ahead;
        start &= s->whole || at == 0;
    }
    bad = grow(s, next, err) || sample_run(s, s->s, n, n + s->rows, start, err);
    free(n);
    return bad ? -1 : 0;
}

static int carry(Sampler *s, RtError *err)
{
    return session_carry(s->s, s->s->n[cell_time_at(s->axis)], err);
}

int sample_prime(Sampler *s, const int64_t *T, const double *const *value,
                 RtError *err)
{
    int64_t most = 1, *from;
    int bad;

    for (int64_t r = 0; r < s->rows; r++)
        most = T[r] > most ? T[r] : most;
    if (grow(s, most, err))
        return -1;
    for (int64_t r = 0; r < s->rows; r++)
        for (int k = 0; k < s->n; k++)
            memcpy(s->drawn[k].all + r * s->room * s->drawn[k].size,
                   value[r * s->n + k],
                   (size_t)(T[r] * s->drawn[k].size) * sizeof(double));
    from = calloc((size_t)s->rows, sizeof *from);
    bad = from ? 0 : rt_fail_memory(err, (size_t)s->rows * sizeof *from);
    if (!bad && !s->whole)
        bad = sample_run(s, s->s, from, T, 1, err) || carry(s, err);
    for (int64_t r = 0; r < s->rows && !bad; r++)
        s->row[r].at = T[r];
    free(from);
    return bad ? -1 : 0;
}

int sample_forward(Sampler *s, RtError *err)
{
    if (s->ran)
        return 0;
    s->ran = 1;
    return run_on(s, 1, err);
}

/* Where step `step` of a row lies in the last forward. */
static void place_of(const Sampler *s, int64_t row, int64_t step,
                     int64_t at[CELL_AXES])
{
    memset(at, 0, CELL_AXES * sizeof *at);
    at[CELL_AT_B] = s->row[row].place;
    at[cell_time_at(s->axis)] = s->whole ? step : 0;
}

/* Tensor i at the present step of a row; returns how many numbers. */
static int64_t present(const Sampler *s, int i, int64_t row, double *to)
{
    int64_t at[CELL_AXES];

    place_of(s, row, s->row[row].at, at);
    session_read(s->s, i, at, to);
    return model_size(&s->s->desc->tensor[i]);
}

int64_t sample_classes(Sampler *s, int k, int64_t row, double *p)
{
    int64_t at[CELL_AXES];

    place_of(s, row, s->row[row].at, at);
    return law_classes(&s->drawn[k].laws, s->s, at, p, s->drawn[k].b);
}

void sample_put(Sampler *s, int k, int64_t row, const double *value)
{
    Drawn *w = &s->drawn[k];

    memcpy(w->all + (row * s->room + s->row[row].at) * w->size, value,
           (size_t)w->size * sizeof *value);
    s->ran = 0;
}

/* Draws one name of a row from what the last forward left. */
static void draw(Sampler *s, const SampleHow *how, int k, int64_t row,
                 double *value)
{
    Drawn *w = &s->drawn[k];
    uint64_t stream = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k);
    uint64_t part = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k + (1u << 20));
    uint64_t other = rt_stream(RT_STREAM_SAMPLE, 1u << 30);
    uint64_t at = (uint64_t)(s->row[row].at * w->size);
    uint64_t seed = how->seed;
    const Law *l = w->laws.law;
    int64_t na, nb = 1;

    if (s->row[row].number)
        seed = rt_random(seed, other, (uint64_t)s->row[row].number);
    if (w->laws.weight >= 0) {
        present(s, w->laws.weight, row, w->a);
        l += sample_class(how, w->a, w->laws.n, rt_uniform(seed, part, at),
                          w->b);
    }
    na = present(s, l->par[0], row, w->a);
    if (!strcmp(l->kind->name, "categorical")) {
        value[0] = (double)sample_class(how, w->a, na,
                                        rt_uniform(seed, stream, at), w->b);
        return;
    }
    if (l->kind->par[1])
        nb = present(s, l->par[1], row, w->b);
    for (int64_t i = 0; i < w->size; i++)
        value[i] =
            law_draw(l->kind, how, w->a[na == 1 ? 0 : i], w->b[nb == 1 ? 0 : i],
                     seed, stream, at + (uint64_t)i);
}

/* Whether the step before the present one ended each sequence. */
static int stops(const Sampler *s, unsigned char *ended, RtError *err)
{
    const CellDesc *d = s->s->desc;

    memset(ended, 0, (size_t)s->rows);
    for (int i = -1; (i = model_next(d, CELL_STOP, i)) >= 0;) {
        int64_t at[CELL_AXES];
        double v;

        if (cell_only_time(d->tensor[i].axes) != s->axis)
            continue;
        if (model_size(&d->tensor[i]) != 1)
            return rt_fail(err, "%s has %lld values, wanted one",
                           d->tensor[i].name,
                           (long long)model_size(&d->tensor[i]));
        for (int64_t r = 0; r < s->rows; r++) {
            place_of(s, r, s->row[r].at - 1, at);
            session_read(s->s, i, at, &v);
            ended[r] |= v != 0;
        }
    }
    return 0;
}

int sample_close(Sampler *s, unsigned char *ended, RtError *err)
{
    if (!s->whole && (run_on(s, 1, err) || carry(s, err)))
        return -1;
    for (int64_t r = 0; r < s->rows; r++)
        s->row[r].at++;
    if (s->whole && run_on(s, 1, err)) /* it sees the next step too */
        return -1;
    s->ran = s->whole;
    return stops(s, ended, err);
}

/* As many rounds as there are drawn names, since one may depend on another at
 * the same step, then once more with all of them in place. */
int sample_step(Sampler *s, const SampleHow *how, unsigned char *ended,
                RtError *err)
{
    for (int round = 0; round < s->n; round++) {
        if (sample_forward(s, err))
            return -1;
        for (int k = 0; k < s->n; k++)
            for (int64_t r = 0; r < s->rows; r++)
                draw(s, how, k, r,
                     s->drawn[k].all +
                         (r * s->room + s->row[r].at) * s->drawn[k].size);
        s->ran = 0;
    }
    return sample_close(s, ended, err);
}
