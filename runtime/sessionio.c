/* Results of a session as doubles, and the state that it carries from chunk to
 * chunk; see session.h. */
#include <stdlib.h>
#include <string.h>

#include "session.h"

int64_t session_count(const RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];

    return model_size(t) * cell_rows(t->axes, s->n);
}

void session_get(const RtSession *s, int i, int batch_first, double *value)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t), at[CELL_AXES] = {0};
    int64_t base = cell_size(t->at, s->n);
    const double *d = (const double *)s->work + base;
    const float *f = (const float *)s->work + base;

    do {
        int64_t from = cell_row(t, s->n, at) * size;
        int64_t to = session_row(s, t->axes, batch_first, at) * size;
        int beyond = session_beyond(s, t->axes, at);
        for (int64_t k = 0; k < size; k++) {
            double v =
                s->desc->real_bytes == 8 ? d[from + k] : (double)f[from + k];
            value[to + k] = beyond ? 0 : v;
        }
    } while (session_next(s, i, at));
}

void session_read(const RtSession *s, int i, const int64_t at[CELL_AXES],
                  double *value)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t);
    int64_t from = cell_size(t->at, s->n) + cell_row(t, s->n, at) * size;

    for (int64_t k = 0; k < size; k++)
        value[k] = s->desc->real_bytes == 8
                       ? ((const double *)s->work)[from + k]
                       : ((const float *)s->work)[from + k];
}

double session_sum(const RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t at = cell_size(t->at, s->n), n = session_count(s, i);
    double sum = 0;

    for (int64_t k = 0; k < n; k++)
        sum += s->desc->real_bytes == 8 ? ((const double *)s->work)[at + k]
                                        : ((const float *)s->work)[at + k];
    return sum;
}

double session_loss(const RtSession *s)
{
    int i = model_next(s->desc, CELL_LOSS, -1);

    return i < 0 ? 0 : session_sum(s, i);
}

int session_carries(const CellDesc *d, int i)
{
    const CellTensor *t = &d->tensor[i];

    return t->lag > 0 && (t->axes | CELL_T) == (CELL_T | CELL_B) &&
           t->axes & CELL_B && d->ntime == 1;
}

/* Rows of tensor `i` at one step of a sequence: those of other time axes, which
 * lie inside of it. */
static int64_t rows_inside(const RtSession *s, int i)
{
    return cell_rows(s->desc->tensor[i].axes & ~(CELL_B | cell_time(s->along)),
                     s->n);
}

int64_t session_step(const RtSession *s, int i, int64_t B)
{
    const CellTensor *t = &s->desc->tensor[i];

    return model_size(t) * rows_inside(s, i) * (t->axes & CELL_B ? B : 1);
}

/* Whether tensor `i` is carried along the axis of this session. */
static int carries(const RtSession *s, int i)
{
    const CellTensor *t = &s->desc->tensor[i];

    return s->desc->ntime == 1 ? session_carries(s->desc, i)
                               : t->lag > 0 && t->axes & CELL_B &&
                                     s->along >= 0 && t->axis == s->along;
}

/* Bytes of one carried step of tensor `i`. */
static size_t row_bytes(const RtSession *s, int i, int64_t B)
{
    return (size_t)session_step(s, i, B) * (size_t)s->desc->real_bytes;
}

/* What is remembered is of as many sequences as are carried. */
static void forget(RtSession *s, int i)
{
    free(s->was[i]);
    s->was[i] = NULL;
}

int session_carry_room(RtSession *s, int64_t B, RtError *err)
{
    for (int i = 0; i < s->desc->ntensor; i++) {
        if (!carries(s, i) || (s->carry[i] && s->carry_B == B))
            continue;
        forget(s, i);
        free(s->carry[i]);
        s->carry[i] =
            rt_block(row_bytes(s, i, B) * (size_t)s->desc->tensor[i].lag, err);
        if (!s->carry[i]) {
            s->carry_B = 0;
            return -1;
        }
    }
    s->carry_B = B;
    return 0;
}

void session_take(const RtSession *s, int i, const void *from, int64_t all,
                  int64_t first, void *to, int64_t room, int64_t at, int64_t B)
{
    int64_t rows = s->desc->tensor[i].lag * rows_inside(s, i);
    size_t part = row_bytes(s, i, 1) / (size_t)rows_inside(s, i);

    for (int64_t r = 0; r < rows; r++)
        memcpy((char *)to + (size_t)(r * room + at) * part,
               (const char *)from + (size_t)(r * all + first) * part,
               (size_t)B * part);
}

/* The lag rows of tensor `i` up to step `steps`, or its sequence's last. */
static void carry_rows(RtSession *s, int i, int64_t steps)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t B = s->n[CELL_AT_B], inside = rows_inside(s, i);
    size_t row = row_bytes(s, i, B), part = row / (size_t)(B * inside);
    size_t all = row_bytes(s, i, s->carry_B);
    const char *from =
        (const char *)s->work + cell_size(t->at, s->n) * s->desc->real_bytes;

    for (int64_t r = -t->lag; r < 0; r++)
        for (int64_t k = 0; k < inside * B; k++) {
            int64_t length = s->length[s->along][k % B];
            int64_t n = length < steps ? length : steps;
            int64_t to = k / B * s->carry_B + s->carry_row0 + k % B;
            memcpy((char *)s->carry[i] + (size_t)(r + t->lag) * all +
                       (size_t)to * part,
                   from + (r + n) * (int64_t)row + k * (int64_t)part, part);
        }
}

int session_carry(RtSession *s, int64_t steps, RtError *err)
{
    int64_t B = s->n[CELL_AT_B];

    if (session_carry_room(s, s->carry_rows ? s->carry_rows : B, err))
        return -1;
    s->carry_past = s->past + (s->along ? 0 : steps);
    for (int i = 0; i < s->desc->ntensor; i++) {
        const CellTensor *t = &s->desc->tensor[i];
        if (!s->carry[i])
            continue;
        if (t->axes & cell_time(s->along)) {
            carry_rows(s, i, steps);
            continue;
        }
        for (int64_t b = 0; b < B; b++)
            if (s->length[s->along][b] > steps)
                return rt_fail(err,
                               "%s: of %s the last step alone was kept, "
                               "not step %lld; compile it with all states",
                               s->desc->name, t->name, (long long)steps);
        session_take(s, i, /* all there is */
                     (const char *)s->work +
                         cell_size(t->at, s->n) * s->desc->real_bytes,
                     B, 0, s->carry[i], s->carry_B, s->carry_row0, B);
    }
    return 0;
}

int session_keep(const RtSession *s, void **to, RtError *err)
{
    for (int i = 0; i < s->desc->ntensor; i++) {
        size_t bytes =
            row_bytes(s, i, s->carry_B) * (size_t)s->desc->tensor[i].lag;
        if (!s->carry[i])
            continue;
        if (!to[i] && !(to[i] = rt_block(bytes, err)))
            return -1;
        memcpy(to[i], s->carry[i], bytes);
    }
    return 0;
}

int session_remember(RtSession *s, RtError *err)
{
    return session_keep(s, s->was, err);
}

int session_recall(RtSession *s, const RtSession *from, int64_t first,
                   int64_t B, RtError *err)
{
    if (session_carry_room(s, B, err))
        return -1;
    for (int i = 0; i < s->desc->ntensor; i++)
        if (s->carry[i])
            session_take(s, i, from->was[i], from->carry_B, first, s->carry[i],
                         B, 0, B);
    return 0;
}

/* Whether the caller of a session writes tensors of that role. */
static int is_given(int role)
{
    return role == CELL_INPUT || role == CELL_NOISE || role == CELL_LAST ||
           role == CELL_BATCH || role == CELL_TOTAL || role == CELL_SKIP ||
           role == CELL_PAST;
}

static int copy_carry(RtSession *s, const RtSession *from, RtError *err)
{
    if (session_carry_room(s, from->carry_B, err))
        return -1;
    for (int i = 0; i < from->desc->ntensor; i++) {
        const CellTensor *t = &from->desc->tensor[i];
        int to = from->carry[i] ? model_find(s->desc, t->role, t->name) : -1;
        if (to >= 0 && s->carry[to])
            memcpy(s->carry[to], from->carry[i],
                   row_bytes(s, to, s->carry_B) * (size_t)t->lag);
    }
    return 0;
}

int session_same(RtSession *s, const RtSession *from, RtError *err)
{
    const CellDesc *d = from->desc;

    for (int k = 1; k < d->ntime; k++)
        session_steps(s, k, from->n[cell_time_at(k)]);
    if (!from->start && copy_carry(s, from, err))
        return -1;
    if (session_begin(s, from->n[CELL_AT_T], from->n[CELL_AT_B], from->start,
                      err))
        return -1;
    for (int k = 0; k < d->ntime; k++)
        if (session_lengths(s, k, from->length[k], err))
            return -1;
    for (int i = 0; i < d->ntensor; i++) {
        const CellTensor *t = &d->tensor[i];
        int to = is_given(t->role) ? model_find(s->desc, t->role, t->name) : -1;
        if (to < 0)
            continue;
        int64_t n = session_count(from, i);
        double *v = malloc((size_t)(n + 1) * sizeof *v);
        if (!v)
            return rt_fail_memory(err, (size_t)n * sizeof *v);
        session_get(from, i, 0, v);
        session_set(s, to, v);
        free(v);
    }
    return 0;
}

int session_arrange(RtSession *s, int64_t n, const int64_t *from, RtError *err)
{
    for (int i = 0; i < s->desc->ntensor; i++) {
        int64_t lag = s->desc->tensor[i].lag;
        int64_t inside = rows_inside(s, i);
        size_t part = row_bytes(s, i, 1) / (size_t)inside,
               row = row_bytes(s, i, n), old = row_bytes(s, i, s->carry_B);
        char *to;
        if (!s->carry[i] || !(s->desc->tensor[i].axes & CELL_B))
            continue;
        to = rt_block(row * (size_t)lag, err);
        if (!to)
            return -1;
        for (int64_t r = 0; r < lag; r++)
            for (int64_t k = 0; k < inside * n; k++)
                memcpy(to + (size_t)r * row + (size_t)k * part,
                       (const char *)s->carry[i] + (size_t)r * old +
                           (size_t)(k / n * s->carry_B + from[k % n]) * part,
                       part);
        forget(s, i);
        free(s->carry[i]);
        s->carry[i] = to;
    }
    s->carry_B = s->carry_B ? n : 0;
    return 0;
}
