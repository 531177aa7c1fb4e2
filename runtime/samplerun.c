/* What a sampler runs: how many steps there are, what is given and was drawn as
 * inputs of a session, and the parts of a model; see sampleint.h. */
#include "sampleint.h"

#include <stdlib.h>
#include <string.h>

/* Steps of a row's given sequence along an axis. */
static int64_t steps_given(const Sampler *s, int64_t row, int axis)
{
    return s->given ? data_steps(s->given, axis, s->row[row].seq) : 1;
}

/* Steps along axis k: of what is drawn those behind and the next, else all that
 * the inputs have; where another axis gives them, what follows from that. */
static int64_t steps_along(const Sampler *s, int64_t row, int k, int64_t next)
{
    const CellDesc *d = s->s->desc;

    if (d->like[k] >= 0)
        return cell_steps(d, k, steps_along(s, row, d->like[k], next));
    return k == s->axis ? s->row[row].at + next : steps_given(s, row, k);
}

int64_t sample_all(const Sampler *s, int64_t row)
{
    return s->s->desc->like[s->axis] < 0 ? -1 : steps_along(s, row, s->axis, 0);
}

int64_t sample_left(const Sampler *s, int64_t row)
{
    int follows = s->s->desc->like[s->axis] >= 0, beside = 0;

    for (int i = 0; s->given && i < s->given->nfield; i++)
        beside |=
            !s->given->field[i].is_static && s->given->field[i].axis == s->axis;
    if (!follows && !beside)
        return -1;
    return (follows ? sample_all(s, row) : steps_given(s, row, s->axis)) -
           s->row[row].at;
}

static double *buffer_of(Sampler *s, int64_t n, RtError *err)
{
    if (n > s->nbuffer) {
        free(s->buffer);
        s->buffer = malloc((size_t)n * sizeof *s->buffer);
        s->nbuffer = s->buffer ? n : 0;
    }
    if (!s->buffer)
        rt_fail_memory(err, (size_t)n * sizeof *s->buffer);
    return s->buffer;
}

/* Steps of one row of an input that is not drawn: T from `from` on, whose
 * numbers go to every `stride`-th place of to. */
static int give_row(Sampler *s, const char *name, int64_t r, int64_t from,
                    int64_t T, double *to, int64_t stride, RtError *err)
{
    const RtField *field = data_field(s->given, name);
    int64_t n = field->size, seq = s->row[r].seq;

    if (!field->is_static && from + T > steps_given(s, r, field->axis))
        return rt_fail(err,
                       "%s has %lld steps, generating has come to "
                       "step %lld",
                       field->from, (long long)steps_given(s, r, field->axis),
                       (long long)(from + T));
    from = field->is_static ? seq
                            : from + s->given->steps[field->axis].offset[seq];
    for (int64_t t = 0; t < T; t++)
        for (int64_t k = 0; k < n; k++)
            to[t * stride + k] = data_value(field, (from + t) * n + k);
    return 0;
}

/* Input i of session q for all rows: what is given, or was drawn so far. */
static int put_input(Sampler *s, RtSession *q, int i, const int64_t *from,
                     const int64_t *T, RtError *err)
{
    const CellTensor *t = &q->desc->tensor[i];
    int64_t n = model_size(t), stride = n * s->rows, k = 0;
    int64_t steps = session_count(q, i) / stride;
    int axis = cell_only_time(t->axes);
    double *v = buffer_of(s, steps * stride, err);

    if (!v)
        return -1;
    while (k < s->n && (q == s->known || s->drawn[k].laws.input != i))
        k++;
    for (int64_t j = 0; j < steps * stride; j++)
        v[j] = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        double *to = v + r * n;
        if (k == s->n) {
            if (give_row(s, t->name, r, axis == s->axis ? from[r] : 0,
                         axis < 0          ? 1
                         : axis == s->axis ? T[r]
                                           : steps_given(s, r, axis),
                         to, stride, err))
                return -1;
            continue;
        }
        for (int64_t j = 0; j < (axis < 0 ? 1 : T[r]); j++, to += stride)
            memcpy(to, sample_value(s, (int)k, r) + (from[r] + j) * n,
                   (size_t)n * sizeof *to);
    }
    session_set(q, i, v);
    return 0;
}

/* Input i of the present step: what is known of each row; where it stands for
 * the steps behind, those. */
static int put_known(Sampler *s, int i, RtError *err)
{
    const CellTensor *t = &s->s->desc->tensor[i];
    int of = model_find(s->known->desc, CELL_OUTPUT, t->name);
    int64_t n = model_size(t), at[CELL_AXES] = {0};
    double *v = buffer_of(s, session_count(s->s, i), err), *to = v;

    if (!v)
        return -1;
    do {
        const Row *row = &s->row[at[CELL_AT_B]];
        int64_t from[CELL_AXES];
        memcpy(from, at, sizeof from);
        from[CELL_AT_B] = row->known;
        if (of < 0)
            *to = (double)row->at;
        else
            session_read(s->known, of, from, to);
        to += n;
    } while (session_next(s->s, i, at));
    session_set(s->s, i, v);
    return 0;
}

/* Steps of a row along axis k in a run of T steps of what is drawn. */
static int64_t steps_run(const Sampler *s, int64_t row, int k, int64_t T)
{
    if (s->whole)
        return steps_along(s, row, k, T - s->row[row].at);
    return !s->known || k == s->axis ? T : steps_given(s, row, k);
}

/* Room in session q for T[r] steps of each row; of what is known as many as
 * that has. */
static int begin_session(Sampler *s, RtSession *q, const int64_t *T, int start,
                         RtError *err)
{
    int64_t most[CELL_TIMES] = {1, 1, 1};

    for (int k = 0; k < q->desc->ntime; k++) {
        for (int64_t r = 0; r < s->rows; r++) {
            int64_t n = steps_run(s, r, k, T[r]);
            most[k] = n > most[k] ? n : most[k];
        }
        if (s->known && q != s->known && k != s->axis)
            most[k] = s->known->n[cell_time_at(k)];
        if (k)
            session_steps(q, k, most[k]);
    }
    return session_begin(q, most[0], s->rows, start, err);
}

static int set_lengths(Sampler *s, RtSession *q, const int64_t *T, RtError *err)
{
    int64_t *n = malloc((size_t)s->rows * sizeof *n);
    int bad = n ? 0 : rt_fail_memory(err, (size_t)s->rows * sizeof *n);

    for (int k = 0; k < q->desc->ntime && !bad; k++) {
        for (int64_t r = 0; r < s->rows; r++)
            n[r] = steps_run(s, r, k, T[r]);
        bad = session_lengths(q, k, n, err);
    }
    free(n);
    return bad ? -1 : 0;
}

int sample_run(Sampler *s, RtSession *q, const int64_t *from, const int64_t *T,
               int start, RtError *err)
{
    const CellDesc *d = q->desc;
    int bad = begin_session(s, q, T, start, err);

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0 && !bad;)
        if (d->tensor[i].flags & CELL_KNOWN)
            bad = put_known(s, i, err);
        else if (!(d->tensor[i].flags & CELL_AFTER))
            bad = put_input(s, q, i, from, T, err);
    bad = bad || set_lengths(s, q, T, err);
    for (int64_t r = 0; r < s->rows && q == s->s; r++)
        s->row[r].place = r;
    return bad ? -1 : session_forward(q, err);
}

int sample_run_known(Sampler *s, RtError *err)
{
    int64_t *n = calloc(2 * (size_t)s->rows, sizeof *n);
    int bad = n ? 0 : rt_fail_memory(err, 2 * (size_t)s->rows * sizeof *n);

    for (int64_t r = 0; r < s->rows && !bad; r++)
        n[s->rows + r] = 1;
    bad = bad || sample_run(s, s->known, n, n + s->rows, 1, err);
    free(n);
    return bad ? -1 : 0;
}
