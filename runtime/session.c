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
        s->along = m->desc->ntime > 1 ? -1 : 0;
        for (int k = 0; k < CELL_AXES; k++)
            s->n[k] = 1;
        s->given = calloc(n, 1);
        s->carry = calloc(n, sizeof *s->carry);
        s->was = calloc(n, sizeof *s->was);
    }
    if (!s || !s->given || !s->carry || !s->was) {
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
    for (int i = 0; s->carry && s->was && i < s->desc->ntensor; i++) {
        free(s->carry[i]);
        free(s->was[i]);
    }
    free(s->carry);
    free(s->was);
    free(s->given);
    for (int k = 0; k < CELL_TIMES; k++)
        free(s->length[k]);
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
    return cell_size(s->desc->tensor[i].at, s->n);
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
    size_t bytes = (size_t)cell_size(s->desc->work_size, s->n) *
                   (size_t)s->desc->real_bytes;
    int64_t B = s->n[CELL_AT_B];

    for (int k = 0; k < s->desc->ntime && B > s->room; k++) {
        int64_t *p = realloc(s->length[k], (size_t)B * sizeof *p);
        if (!p)
            return rt_fail_memory(err, (size_t)B * sizeof *p);
        s->length[k] = p;
    }
    s->room = B > s->room ? B : s->room;
    if (bytes <= s->capacity && s->work)
        return 0;
    free(s->work);
    s->capacity = 0;
    s->work = rt_block(bytes, err);
    if (!s->work)
        return -1;
    s->capacity = bytes;
    s->fresh = 1;
    return 0;
}

/* Nothing is behind the end unless somebody says so. */
static void clear_after(RtSession *s)
{
    for (int i = -1; (i = model_next(s->desc, CELL_INPUT, i)) >= 0;) {
        int64_t at = place(s, i), n = session_count(s, i);
        if (!(s->desc->tensor[i].flags & CELL_AFTER))
            continue;
        for (int64_t k = 0; k < n; k++)
            put_real(s, at + k, 0);
        s->given[i] = 1;
    }
}

void session_steps(RtSession *s, int axis, int64_t steps)
{
    s->n[cell_time_at(axis)] = steps;
}

/* The lengths into `work`, those that follow from others among them. */
static void put_lengths(RtSession *s)
{
    const CellDesc *d = s->desc;
    int64_t B = s->n[CELL_AT_B];

    for (int k = 0; k < d->ntime; k++)
        for (int64_t b = 0; b < B && d->like[k] >= 0; b++)
            s->length[k][b] = cell_steps(d, k, s->length[d->like[k]][b]);
    for (int i = -1; (i = model_next(d, CELL_LENGTH, i)) >= 0;)
        for (int64_t b = 0; b < B; b++)
            put_real(s, place(s, i) + b, (double)s->length[d->tensor[i].of][b]);
}

int session_begin(RtSession *s, int64_t T, int64_t B, int start, RtError *err)
{
    if (T < 1 || B < 1)
        return rt_fail(err,
                       "%s: cannot run %lld steps of %lld sequences; there "
                       "must be at least one of each",
                       s->desc->name, (long long)T, (long long)B);
    if (!start && s->carry_B != (s->carry_rows ? s->carry_rows : B))
        return rt_fail(err,
                       "%s: a chunk of %lld sequences cannot go on from one "
                       "of %lld",
                       s->desc->name, (long long)B, (long long)s->carry_B);
    s->n[CELL_AT_T] = T;
    s->n[CELL_AT_B] = B;
    cell_extents(s->desc, s->n);
    s->start = start;
    s->fresh |= start; /* parameters may be others */
    s->row0 = s->step0 = 0;
    s->rows = B;
    if (make_room(s, err))
        return -1;
    memset(s->given, 0, (size_t)s->desc->ntensor);
    clear_after(s);
    for (int k = 0; k < s->desc->ntime; k++)
        for (int64_t b = 0; b < B; b++)
            s->length[k][b] = s->n[cell_time_at(k)];
    put_lengths(s);
    fill_role(s, CELL_LAST, 1);
    fill_role(s, CELL_START, start ? 1 : 0);
    fill_role(s, CELL_BATCH, (double)B);
    fill_role(s, CELL_TOTAL, 0);
    fill_role(s, CELL_SKIP, 0);
    session_past(s, start ? 0 : s->carry_past);
    fill_role(s, CELL_FRESH, s->fresh);
    for (int i = 0; !start && i < s->desc->ntensor; i++)
        if (s->carry[i])
            session_take(s, i, s->carry[i], s->carry_B, s->carry_row0,
                         address(s, place(s, i)) - s->desc->tensor[i].lag *
                                                       session_step(s, i, B) *
                                                       s->desc->real_bytes,
                         B, 0, B);
    return 0;
}

void *session_place(RtSession *s, int i)
{
    s->given[i] = 1;
    return address(s, place(s, i));
}

/* The axes from the outer to the inner one. */
static const int outer_first[CELL_AXES] = {CELL_AT_V, CELL_AT_U, CELL_AT_T,
                                           CELL_AT_B};

/* What the caller's array of tensor `t` must look like: its rank, dims. */
static int wanted_shape(const RtSession *s, const CellTensor *t,
                        int batch_first, int64_t dim[CELL_AXES + 4])
{
    int n = 0, first = batch_first && t->axes & CELL_B;

    if (first)
        dim[n++] = s->n[CELL_AT_B];
    for (int k = 0; k < CELL_AXES - first; k++)
        if (t->axes >> outer_first[k] & 1)
            dim[n++] = s->n[outer_first[k]];
    for (int i = 0; i < t->rank; i++)
        dim[n++] = t->dim[i];
    return n;
}

int session_next(const RtSession *s, int i, int64_t at[CELL_AXES])
{
    for (int k = CELL_AXES - 1; k >= 0; k--) {
        int a = outer_first[k];
        if (!(s->desc->tensor[i].axes >> a & 1))
            continue;
        if (++at[a] < s->n[a])
            return 1;
        at[a] = 0;
    }
    return 0;
}

int64_t session_row(const RtSession *s, int axes, int batch_first,
                    const int64_t at[CELL_AXES])
{
    int first = batch_first && axes & CELL_B;
    int64_t row = first ? at[CELL_AT_B] : 0;

    for (int k = 0; k < CELL_AXES - first; k++)
        if (axes >> outer_first[k] & 1)
            row = row * s->n[outer_first[k]] + at[outer_first[k]];
    return row;
}

/* Where the row of tensor i at these steps lies in `work`. */
static int64_t row_place(const RtSession *s, int i, const int64_t *at)
{
    const CellTensor *t = &s->desc->tensor[i];

    return place(s, i) + cell_row(t, s->n, at) * model_size(t);
}

static int wrong_shape(const RtSession *s, const CellTensor *t, const Npy *a,
                       int batch_first, RtError *err)
{
    int64_t dim[CELL_AXES + 4];
    int rank = wanted_shape(s, t, batch_first, dim);
    char *found = npy_shape_text(a->rank, a->dim);
    char *want = npy_shape_text(rank, dim);
    int first = batch_first && t->axes & CELL_B;

    rt_fail(err, "%s: has shape %s, wanted %s (%s%s%sthe element)", t->name,
            found ? found : "?", want ? want : "?", first ? "batch, " : "",
            t->axes & ~CELL_B ? "time, " : "",
            t->axes & CELL_B && !first ? "batch, " : "");
    free(found);
    free(want);
    return -1;
}

int session_set_npy(RtSession *s, int i, const Npy *a, int batch_first,
                    RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t dim[CELL_AXES + 4], size = model_size(t), at[CELL_AXES] = {0};
    int rank = wanted_shape(s, t, batch_first, dim);
    int same = a->rank == rank;

    for (int k = 0; same && k < rank; k++)
        same = a->dim[k] == dim[k];
    if (!same)
        return wrong_shape(s, t, a, batch_first, err);
    do {
        int64_t to = row_place(s, i, at);
        int64_t from = session_row(s, t->axes, batch_first, at) * size;
        for (int64_t k = 0; k < size; k++)
            put_real(s, to + k, npy_value(a->type, a->data, from + k));
    } while (session_next(s, i, at));
    s->given[i] = 1;
    return 0;
}

void session_set(RtSession *s, int i, const double *value)
{
    int64_t size = model_size(&s->desc->tensor[i]), at[CELL_AXES] = {0};

    do {
        int64_t to = row_place(s, i, at);
        for (int64_t k = 0; k < size; k++)
            put_real(s, to + k, *value++);
    } while (session_next(s, i, at));
    s->given[i] = 1;
}

int session_lengths(RtSession *s, int axis, const int64_t *length, RtError *err)
{
    int64_t steps = s->n[cell_time_at(axis)], B = s->n[CELL_AT_B];

    if (s->desc->like[axis] >= 0) /* its steps follow from that axis */
        return 0;
    for (int64_t b = 0; b < B; b++)
        if (length[b] < 0 || length[b] > steps)
            return rt_fail(err,
                           "length of sequence %lld is %lld, but the arrays "
                           "have %lld steps",
                           (long long)b + 1, (long long)length[b],
                           (long long)steps);
    memcpy(s->length[axis], length, (size_t)B * sizeof *length);
    put_lengths(s);
    return 0;
}

void session_last(RtSession *s, const unsigned char *last)
{
    for (int i = -1; (i = model_next(s->desc, CELL_LAST, i)) >= 0;)
        for (int64_t b = 0; b < s->n[CELL_AT_B]; b++)
            put_real(s, place(s, i) + b, last[b] ? 1 : 0);
}

void session_past(RtSession *s, int64_t steps)
{
    s->past = steps;
    fill_role(s, CELL_PAST, (double)steps);
}

void session_skip(RtSession *s, int64_t steps)
{
    fill_role(s, CELL_SKIP, (double)steps);
}

void session_batch(RtSession *s, int64_t sequences)
{
    fill_role(s, CELL_BATCH, (double)sequences);
}

void session_total(RtSession *s, const int64_t *total)
{
    for (int i = -1; (i = model_next(s->desc, CELL_TOTAL, i)) >= 0;)
        for (int64_t b = 0; b < s->n[CELL_AT_B]; b++)
            put_real(s, place(s, i) + b, (double)total[b]);
}

int session_beyond(const RtSession *s, int axes, const int64_t at[CELL_AXES])
{
    for (int k = 0; k < s->desc->ntime && axes & CELL_B; k++)
        if (axes & cell_time(k) &&
            at[cell_time_at(k)] >= s->length[k][at[CELL_AT_B]])
            return 1;
    return 0;
}

/* Overwrites what lies beyond each sequence's length. */
static void pad_input(RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t), at[CELL_AXES] = {0};
    int missing = t->flags & CELL_INDEX && t->flags & CELL_OBSERVED;

    do {
        int64_t last[CELL_AXES], to = row_place(s, i, at);
        int empty = 0;
        if (!session_beyond(s, t->axes, at))
            continue;
        memcpy(last, at, sizeof last);
        for (int k = 0; k < s->desc->ntime; k++) {
            int64_t n = s->length[k][at[CELL_AT_B]],
                    *p = &last[cell_time_at(k)];
            if (!(t->axes & cell_time(k)))
                continue;
            empty |= n < 1;
            *p = *p < n ? *p : n - 1;
        }
        for (int64_t e = 0; e < size; e++) {
            double v = empty ? 0 : real_at(s, row_place(s, i, last) + e);
            put_real(s, to + e, missing ? -1 : v);
        }
    } while (session_next(s, i, at));
}

static int check_classes(const RtSession *s, int i, RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t), at[CELL_AXES] = {0};

    do {
        int64_t from = row_place(s, i, at), p = 0;
        for (int64_t k = 0; k < size; k++) {
            double v = real_at(s, from + k);
            if (v == floor(v) && v < (double)t->classes &&
                (v >= 0 || t->flags & CELL_OBSERVED))
                continue;
            for (int a = 0; a < s->desc->ntime; a++)
                p = t->axes & cell_time(a) ? at[cell_time_at(a)] : p;
            return rt_fail(
                err,
                "%s: %.17g at step %lld of sequence %lld is not a "
                "class; they are 0 to %lld%s",
                t->name, v, (long long)p + 1, (long long)at[CELL_AT_B] + 1,
                (long long)t->classes - 1,
                t->flags & CELL_OBSERVED ? ", or negative where not observed"
                                         : "");
        }
    } while (session_next(s, i, at));
    return 0;
}

/* sum[k]: the weights of the classes up to k of noise t, in single precision,
 * so that models of either precision draw the same; malloc'd. */
static double *class_weights(const RtSession *s, const CellTensor *t,
                             RtError *err)
{
    const CellTensor *q = t->of >= 0 ? &s->desc->tensor[t->of] : NULL;
    int64_t n = t->classes;
    double *sum = malloc(sizeof *sum * (size_t)(n + 1)), all = 0;

    if (!sum) {
        rt_fail_memory(err, sizeof *sum * (size_t)n);
        return NULL;
    }
    if (q)
        model_get(s->model, t->of, sum);
    for (int64_t k = 0; k < n; k++) {
        double w = (double)(float)(q ? sum[k] : t->init.value[k]);
        if (!(w >= 0 && isfinite(w))) {
            rt_fail(err,
                    "%s: the weight of class %lld%s%s is %g; weights are not "
                    "negative",
                    t->name, (long long)k, q ? " in " : "", q ? q->name : "",
                    w);
            free(sum);
            return NULL;
        }
        sum[k] = all += w;
    }
    if (all > 0)
        return sum;
    rt_fail(err, "%s: all classes have the weight 0", t->name);
    free(sum);
    return NULL;
}

/* The class at the share u of all weights, which is none of weight 0: the first
 * whose sum is above, or the last that adds to it. */
static int64_t class_at(const double *sum, int64_t n, double u)
{
    double x = u * sum[n - 1];
    int64_t lo = 0, hi = n - 1;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (sum[mid] > x || sum[mid] == sum[n - 1])
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* The law of a noise tensor. */
typedef enum NoiseKind {
    NOISE_NORMAL,
    NOISE_UNIFORM,
    NOISE_BERNOULLI,
    NOISE_CLASSES,
    NOISE_KINDS
} NoiseKind;

static NoiseKind noise_kind(const char *text)
{
    static const char *const name[NOISE_KINDS] = {
        [NOISE_NORMAL] = "normal",
        [NOISE_UNIFORM] = "uniform",
        [NOISE_BERNOULLI] = "bernoulli",
        [NOISE_CLASSES] = "categorical"};
    int k = 0;

    while (k < NOISE_KINDS && strncmp(text, name[k], strlen(name[k])) != 0)
        k++;
    return (NoiseKind)k;
}

/* Number c of the noise of t; `sum` as class_weights gives it. */
static double draw(const CellTensor *t, NoiseKind kind, const double *sum,
                   uint64_t seed, uint64_t stream, uint64_t c)
{
    double a = t->init.a, b = t->init.b;

    if (kind == NOISE_NORMAL)
        return a + b * rt_normal(seed, stream, c);
    double u = rt_uniform(seed, stream, c);
    return kind == NOISE_UNIFORM   ? a + (b - a) * u
           : kind == NOISE_CLASSES ? (double)class_at(sum, t->classes, u)
                                   : u < a;
}

static int draw_noise(RtSession *s, int i, RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    NoiseKind kind = noise_kind(t->init.kind);
    double *sum = NULL;
    uint64_t stream = rt_stream(RT_STREAM_NOISE, (uint64_t)i);
    uint64_t step = strstr(t->init.kind, " once") ? s->start_step : s->step;
    uint64_t seed = rt_random(s->seed, stream, step);
    int64_t size = model_size(t), rows = size ? session_count(s, i) / size : 0;
    int64_t at[CELL_AXES] = {0}, B = s->n[CELL_AT_B];

    if (kind == NOISE_KINDS)
        return rt_fail(err, "%s: unknown noise %s", t->name, t->init.kind);
    if (kind == NOISE_CLASSES && !(sum = class_weights(s, t, err)))
        return -1;
    for (int64_t k = 0; k < rows; k++) {
        int64_t p = k, row = 0, place = row_place(s, i, at);
        if (t->axes & CELL_B) {
            row = s->row0 + p % B;
            p /= B;
        }
        p += t->axes & CELL_T ? s->step0 : 0;
        uint64_t first = (uint64_t)((p * s->rows + row) * size);
        for (int64_t j = 0; j < size; j++)
            put_real(s, place + j,
                     draw(t, kind, sum, seed, stream, first + (uint64_t)j));
        session_next(s, i, at);
    }
    free(sum);
    return 0;
}

int session_noise(RtSession *s, RtError *err)
{
    for (int i = -1; (i = model_next(s->desc, CELL_NOISE, i)) >= 0;)
        if (!s->given[i] && draw_noise(s, i, err))
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
        if (t->axes & ~CELL_B && !(t->flags & CELL_KNOWN))
            pad_input(s, i);
        if (t->flags & CELL_INDEX && check_classes(s, i, err))
            return -1;
    }
    if (cell_forward(d, s->model->params, s->grads, s->work, s->n))
        return rt_fail(err, "%s: forward failed", d->name);
    s->fresh = 0;
    fill_role(s, CELL_FRESH, 0);
    return 0;
}

int session_backward(RtSession *s, RtError *err)
{
    const CellDesc *d = s->desc;

    if (!d->backward)
        return rt_fail(err, "%s has no loss, so there is no gradient", d->name);
    if (cell_backward(d, s->model->params, s->grads, s->work, s->n))
        return rt_fail(err, "%s: backward failed", d->name);
    return 0;
}

void session_update(const RtSession *s)
{
    const CellDesc *d = s->desc;

    for (int i = -1; (i = model_next(d, CELL_NEXT, i)) >= 0;) {
        const CellTensor *to = &d->tensor[d->tensor[i].of];
        memcpy((char *)s->model->params + to->at.c * d->real_bytes,
               address(s, place(s, i)),
               (size_t)(model_size(to) * d->real_bytes));
    }
}
