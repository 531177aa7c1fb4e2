/* The work block of one evaluation: what goes in, and running it.  See
 * session.h; reading back and carrying are in sessionio.c. */
#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

RtSession *session_new(RtModel *m, RtError *err)
{
    RtSession *s = calloc(1, sizeof *s);
    size_t n = (size_t)m->desc->ntensor + 1;

    if (s) {
        s->model = m;
        s->desc = m->desc;
        s->grads = m->grads;
        s->given = calloc(n, 1);
        s->carry = calloc(n, sizeof *s->carry);
    }
    if (!s || !s->given || !s->carry) {
        session_free(s);
        rt_fail_memory(err, sizeof *s + n * sizeof(void *));
        return NULL;
    }
    return s;
}

void session_free(RtSession *s)
{
    if (!s)
        return;
    for (int i = 0; s->carry && i < s->desc->ntensor; i++)
        free(s->carry[i]);
    free(s->carry);
    free(s->given);
    free(s->length);
    free(s->work);
    free(s);
}

static double real_at(const RtSession *s, int64_t at)
{
    return s->desc->real_bytes == 8 ? ((const double *)s->work)[at]
                                    : ((const float *)s->work)[at];
}

static void put_real(RtSession *s, int64_t at, double v)
{
    if (s->desc->real_bytes == 8)
        ((double *)s->work)[at] = v;
    else
        ((float *)s->work)[at] = (float)v;
}

static int64_t place(const RtSession *s, int i)
{
    return cell_size(s->desc->tensor[i].at, s->T, s->B);
}

static char *address(const RtSession *s, int64_t at)
{
    return (char *)s->work + at * s->desc->real_bytes;
}

/* Fills every tensor of a role with one value. */
static void fill_role(RtSession *s, int role, double v)
{
    for (int i = -1; (i = model_next(s->desc, role, i)) >= 0;) {
        int64_t at = place(s, i), n = session_count(s, i);
        for (int64_t k = 0; k < n; k++)
            put_real(s, at + k, v);
    }
}

static int make_room(RtSession *s, RtError *err)
{
    size_t bytes = (size_t)cell_size(s->desc->work_size, s->T, s->B) *
                   (size_t)s->desc->real_bytes;

    if (s->B > s->room) {
        int64_t *p = realloc(s->length, (size_t)s->B * sizeof *p);
        if (!p)
            return rt_fail_memory(err, (size_t)s->B * sizeof *p);
        s->length = p;
        s->room = s->B;
    }
    if (bytes <= s->capacity && s->work)
        return 0;
    free(s->work);
    s->capacity = 0;
    s->work = rt_block(bytes, err);
    if (!s->work)
        return -1;
    s->capacity = bytes;
    return 0;
}

int session_begin(RtSession *s, int64_t T, int64_t B, int start, RtError *err)
{
    if (T < 1 || B < 1)
        return rt_fail(err,
                       "%s: cannot run %lld steps of %lld sequences; there "
                       "must be at least one of each",
                       s->desc->name, (long long)T, (long long)B);
    if (!start && s->carry_B != B)
        return rt_fail(err,
                       "%s: a chunk of %lld sequences cannot go on from one "
                       "of %lld",
                       s->desc->name, (long long)B, (long long)s->carry_B);
    s->T = T;
    s->B = B;
    s->start = start;
    s->row0 = 0;
    s->rows = B;
    if (make_room(s, err))
        return -1;
    memset(s->given, 0, (size_t)s->desc->ntensor);
    for (int64_t b = 0; b < B; b++)
        s->length[b] = T;
    fill_role(s, CELL_LENGTH, (double)T);
    fill_role(s, CELL_LAST, 1);
    fill_role(s, CELL_START, start ? 1 : 0);
    fill_role(s, CELL_BATCH, (double)B);
    fill_role(s, CELL_TOTAL, 0);
    for (int i = 0; !start && i < s->desc->ntensor; i++) {
        const CellTensor *t = &s->desc->tensor[i];
        int64_t rows = t->lag * (t->axes & CELL_B ? B : 1) * model_size(t);
        if (s->carry[i])
            memcpy(address(s, place(s, i) - rows), s->carry[i],
                   (size_t)rows * (size_t)s->desc->real_bytes);
    }
    return 0;
}

void *session_place(RtSession *s, int i)
{
    s->given[i] = 1;
    return address(s, place(s, i));
}

/* What the caller's array of tensor `t` must look like: its rank, dims. */
static int wanted_shape(const RtSession *s, const CellTensor *t,
                        int batch_first, int64_t dim[6])
{
    int n = 0, tb = t->axes == (CELL_T | CELL_B);

    if (tb && batch_first)
        dim[n++] = s->B;
    if (t->axes & CELL_T)
        dim[n++] = s->T;
    if (t->axes & CELL_B && !(tb && batch_first))
        dim[n++] = s->B;
    for (int i = 0; i < t->rank; i++)
        dim[n++] = t->dim[i];
    return n;
}

int session_set_npy(RtSession *s, int i, const Npy *a, int batch_first,
                    RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t dim[6], size = model_size(t), at = place(s, i);
    int rank = wanted_shape(s, t, batch_first, dim);
    int same = a->rank == rank;

    for (int k = 0; same && k < rank; k++)
        same = a->dim[k] == dim[k];
    if (!same) {
        char *found = npy_shape_text(a->rank, a->dim);
        char *want = npy_shape_text(rank, dim);
        rt_fail(err, "%s: has shape %s, wanted %s (%s%s%sthe element)", t->name,
                found ? found : "?", want ? want : "?",
                batch_first && t->axes == (CELL_T | CELL_B) ? "batch, " : "",
                t->axes & CELL_T ? "time, " : "",
                t->axes & CELL_B && !(batch_first && t->axes & CELL_T)
                    ? "batch, "
                    : "");
        free(found);
        free(want);
        return -1;
    }
    int swap = batch_first && t->axes == (CELL_T | CELL_B);
    int64_t rows = size ? a->count / size : 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t from = swap ? r % s->B * s->T + r / s->B : r;
        for (int64_t k = 0; k < size; k++)
            put_real(s, at + r * size + k,
                     npy_value(a->type, a->data, from * size + k));
    }
    s->given[i] = 1;
    return 0;
}

void session_set(RtSession *s, int i, const double *value)
{
    int64_t at = place(s, i), n = session_count(s, i);

    for (int64_t k = 0; k < n; k++)
        put_real(s, at + k, value[k]);
    s->given[i] = 1;
}

int session_lengths(RtSession *s, const int64_t *length, RtError *err)
{
    for (int64_t b = 0; b < s->B; b++)
        if (length[b] < 0 || length[b] > s->T)
            return rt_fail(err,
                           "length of sequence %lld is %lld, but the arrays "
                           "have %lld steps",
                           (long long)b + 1, (long long)length[b],
                           (long long)s->T);
    memcpy(s->length, length, (size_t)s->B * sizeof *length);
    for (int i = -1; (i = model_next(s->desc, CELL_LENGTH, i)) >= 0;)
        for (int64_t b = 0; b < s->B; b++)
            put_real(s, place(s, i) + b, (double)length[b]);
    return 0;
}

void session_last(RtSession *s, const unsigned char *last)
{
    for (int i = -1; (i = model_next(s->desc, CELL_LAST, i)) >= 0;)
        for (int64_t b = 0; b < s->B; b++)
            put_real(s, place(s, i) + b, last[b] ? 1 : 0);
}

void session_batch(RtSession *s, int64_t sequences)
{
    fill_role(s, CELL_BATCH, (double)sequences);
}

void session_total(RtSession *s, const int64_t *total)
{
    for (int i = -1; (i = model_next(s->desc, CELL_TOTAL, i)) >= 0;)
        for (int64_t b = 0; b < s->B; b++)
            put_real(s, place(s, i) + b, (double)total[b]);
}

/* Overwrites what lies beyond each sequence's length. */
static void pad_input(RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t), row = s->B * size, at = place(s, i);
    int missing = t->flags & CELL_INDEX && t->flags & CELL_OBSERVED;

    for (int64_t b = 0; b < s->B; b++) {
        int64_t n = s->length[b];
        for (int64_t p = n; p < s->T; p++)
            for (int64_t k = 0; k < size; k++) {
                int64_t e = at + b * size + k;
                double v = n > 0 ? real_at(s, e + (n - 1) * row) : 0;
                put_real(s, e + p * row, missing ? -1 : v);
            }
    }
}

static int check_classes(const RtSession *s, int i, RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t at = place(s, i), n = session_count(s, i);
    int64_t size = model_size(t);

    for (int64_t k = 0; k < n; k++) {
        double v = real_at(s, at + k);
        if (v == floor(v) && v < (double)t->classes &&
            (v >= 0 || t->flags & CELL_OBSERVED))
            continue;
        int64_t b = t->axes & CELL_B ? k / size % s->B : 0;
        int64_t p = t->axes & CELL_B ? k / size / s->B : k / size;
        return rt_fail(
            err,
            "%s: %.17g at step %lld of sequence %lld is not a class; "
            "they are 0 to %lld%s",
            t->name, v, (long long)p + 1, (long long)b + 1,
            (long long)t->classes - 1,
            t->flags & CELL_OBSERVED ? ", or negative where not observed" : "");
    }
    return 0;
}

static int draw_noise(RtSession *s, int i, RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    const char *kind = t->init.kind;
    uint64_t stream = rt_stream(RT_STREAM_NOISE, (uint64_t)i);
    uint64_t step = strstr(kind, " once") ? s->start_step : s->step;
    uint64_t seed = rt_random(s->seed, stream, step);
    int64_t size = model_size(t), at = place(s, i), n = session_count(s, i);
    int normal = strncmp(kind, "normal", 6) == 0;
    int uniform = strncmp(kind, "uniform", 7) == 0;
    double a = t->init.a, b = t->init.b;

    if (!normal && !uniform && strncmp(kind, "bernoulli", 9) != 0)
        return rt_fail(err, "%s: unknown noise %s", t->name, kind);
    for (int64_t k = 0; k < n; k++) {
        int64_t p = k / size, row = 0;
        if (t->axes & CELL_B) {
            row = s->row0 + p % s->B;
            p /= s->B;
        }
        uint64_t c = (uint64_t)((p * s->rows + row) * size + k % size);
        double v;
        if (normal)
            v = a + b * rt_normal(seed, stream, c);
        else if (uniform)
            v = a + (b - a) * rt_uniform(seed, stream, c);
        else
            v = rt_uniform(seed, stream, c) < a;
        put_real(s, at + k, v);
    }
    return 0;
}

int session_noise(RtSession *s, RtError *err)
{
    for (int i = -1; (i = model_next(s->desc, CELL_NOISE, i)) >= 0;)
        if (draw_noise(s, i, err))
            return -1;
    return 0;
}

int session_forward(RtSession *s, RtError *err)
{
    const CellDesc *d = s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        if (!s->given[i])
            return rt_fail(err, "input %s of %s was not given", t->name,
                           d->name);
        if (t->axes == (CELL_T | CELL_B))
            pad_input(s, i);
        if (t->flags & CELL_INDEX && check_classes(s, i, err))
            return -1;
    }
    if (cell_forward(d, s->model->params, s->grads, s->work, s->T, s->B))
        return rt_fail(err, "%s: forward failed", d->name);
    return 0;
}

int session_backward(RtSession *s, RtError *err)
{
    const CellDesc *d = s->desc;

    if (!d->backward)
        return rt_fail(err, "%s has no loss, so there is no gradient", d->name);
    if (cell_backward(d, s->model->params, s->grads, s->work, s->T, s->B))
        return rt_fail(err, "%s: backward failed", d->name);
    return 0;
}

void session_next(const RtSession *s)
{
    const CellDesc *d = s->desc;

    for (int i = -1; (i = model_next(d, CELL_NEXT, i)) >= 0;) {
        const CellTensor *to = &d->tensor[d->tensor[i].of];
        memcpy((char *)s->model->params + to->at.c * d->real_bytes,
               address(s, place(s, i)),
               (size_t)(model_size(to) * d->real_bytes));
    }
}
