/* Forward and backward over segments of time, see segment.h. */
#include "segment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is looked for on the way. */
enum { NOTHING, BAD_FORWARD, BAD_BACKWARD };

/* Everything that lives as long as one call of segment_run. */
typedef struct Segments {
    RtSession *s;
    const CellDesc *d;
    int64_t T, steps, count;
    int start;
    SegmentLoad *load;
    void *ctx;
    int64_t after;   /* steps after which the state is left, or 0 */
    void ***carry;   /* [count + 1][ntensor]: rows carried to each segment, and
                        those that are left */
    double **sum;    /* [ntensor] of TERM, COUNT, METRIC, LOSS, else NULL */
    double **behind; /* [ntensor] cotangents behind the end, else NULL */
    void *grads;     /* sum over the segments done */
    int look;        /* BAD_FORWARD ..., where the sweep then ends */
    int64_t bad;     /* the segment found, or -1 */
} Segments;

static int is_after(const CellTensor *t)
{
    return t->role == CELL_INPUT && t->flags & CELL_AFTER;
}

int segment_able(const CellDesc *d)
{
    for (int i = 0; i < d->ntensor; i++)
        if (is_after(&d->tensor[i]))
            return 1;
    return 0;
}

/* Bytes of one tensor's carried rows. */
static size_t carry_bytes(const CellDesc *d, int i, int64_t B)
{
    const CellTensor *t = &d->tensor[i];

    return session_carries(d, i)
               ? (size_t)(t->lag * (t->axes & CELL_B ? B : 1) * model_size(t) *
                          d->real_bytes)
               : 0;
}

int64_t segment_bytes(const CellDesc *d, const int64_t *n, int64_t steps)
{
    int64_t one[CELL_AXES], T = n[CELL_AT_T], kept = 0;

    memcpy(one, n, sizeof one);
    one[CELL_AT_T] = steps;
    for (int i = 0; i < d->ntensor; i++)
        kept += (int64_t)carry_bytes(d, i, n[CELL_AT_B]);
    return cell_size(d->work_size, one) * d->real_bytes +
           kept * (steps < T ? (T + steps - 1) / steps : 1);
}

int64_t segment_steps(const CellDesc *d, const int64_t *n, int64_t bytes)
{
    int64_t steps = n[CELL_AT_T];

    while (steps > 0 && segment_bytes(d, n, steps) > bytes)
        steps = steps > 16 ? steps - steps / 8 : steps - 1;
    return steps;
}

/* Fills the session with segment k. */
static int fill(Segments *g, int64_t k, RtError *err)
{
    int64_t first = k * g->steps, left = g->T - first;

    return g->load(g->ctx, first, left < g->steps ? left : g->steps,
                   k == 0 && g->start, err);
}

/* Copies what the session carries to segment k. */
static int keep_carry(Segments *g, int64_t k, RtError *err)
{
    g->carry[k] = calloc((size_t)g->d->ntensor + 1, sizeof **g->carry);
    if (!g->carry[k])
        return rt_fail_memory(err, 0);
    return session_keep(g->s, g->carry[k], err);
}

/* Makes the session go on with segment k. */
static void use_carry(Segments *g, int64_t k)
{
    for (int i = 0; i < g->d->ntensor; i++)
        if (g->carry[k][i])
            memcpy(g->s->carry[i], g->carry[k][i],
                   carry_bytes(g->d, i, g->s->carry_B));
}

/* Adds the session's tensor i to `sum`, made where there is none. */
static int add_tensor(Segments *g, int i, double **sum, RtError *err)
{
    int64_t n = session_count(g->s, i);
    double *v = malloc((size_t)n * sizeof *v);

    if (!*sum)
        *sum = calloc((size_t)n, sizeof **sum);
    if (!v || !*sum) {
        free(v);
        return rt_fail_memory(err, (size_t)n * sizeof *v);
    }
    session_get(g->s, i, 0, v);
    for (int64_t k = 0; k < n; k++)
        (*sum)[k] += v[k];
    free(v);
    return 0;
}

static int add_sums(Segments *g, int with_loss, RtError *err)
{
    for (int i = 0; i < g->d->ntensor; i++)
        if (model_sums(&g->d->tensor[i]) &&
            (g->d->tensor[i].role == CELL_LOSS) == with_loss &&
            add_tensor(g, i, &g->sum[i], err))
            return -1;
    return 0;
}

/* What segment k leaves to the next, and to the caller. */
static int keep_carries(Segments *g, int64_t k, RtError *err)
{
    int64_t T = g->s->n[CELL_AT_T], after = g->after - k * g->steps;

    if (after > 0 && after <= T &&
        (session_carry(g->s, after, err) || keep_carry(g, g->count, err)))
        return -1;
    return k + 1 < g->count &&
                   (session_carry(g->s, T, err) || keep_carry(g, k + 1, err))
               ? -1
               : 0;
}

static int all_finite(const void *v, int64_t n, int real_bytes)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(real_bytes == 8 ? ((const double *)v)[i]
                                      : ((const float *)v)[i]))
            return 0;
    return 1;
}

/* Whether segment k has a loss, and leaves a state, that are finite. */
static int sound_forward(const Segments *g, int64_t k)
{
    int64_t bytes = g->d->real_bytes;

    if (!isfinite(session_loss(g->s)))
        return 0;
    for (int i = 0; i < g->d->ntensor && k + 1 < g->count; i++)
        if (g->carry[k + 1][i] &&
            !all_finite(g->carry[k + 1][i],
                        (int64_t)carry_bytes(g->d, i, g->s->carry_B) / bytes,
                        (int)bytes))
            return 0;
    return 1;
}

/* The first pass: what is carried to each segment, what the terms count. */
static int sweep_forward(Segments *g, RtError *err)
{
    if (!g->start && keep_carry(g, 0, err))
        return -1;
    for (int64_t k = 0; k < g->count && g->bad < 0; k++) {
        if (fill(g, k, err) || session_forward(g->s, err) ||
            keep_carries(g, k, err) || add_sums(g, 0, err))
            return -1;
        if (g->look == BAD_FORWARD && !sound_forward(g, k))
            g->bad = k;
    }
    return 0;
}

/* What segment k is told of the others: all that its terms count, and the
 * cotangents behind its end. */
static void tell(Segments *g)
{
    for (int i = 0; i < g->d->ntensor; i++) {
        const CellTensor *t = &g->d->tensor[i];
        int count = t->role == CELL_TOTAL && t->of >= 0
                        ? model_of(g->d, CELL_COUNT, t->of)
                        : -1;
        if (count >= 0 && g->sum[count])
            session_set(g->s, i, g->sum[count]);
        if (is_after(t) && g->behind[i])
            session_set(g->s, i, g->behind[i]);
    }
}

/* Whether tensor i is the gradient of what comes from behind the end. */
static int is_before(const Segments *g, int i)
{
    const CellTensor *t = &g->d->tensor[i];

    return t->role == CELL_GRAD && t->of >= 0 && is_after(&g->d->tensor[t->of]);
}

static int take_behind(Segments *g, RtError *err)
{
    for (int i = 0; i < g->d->ntensor; i++) {
        int of = g->d->tensor[i].of;
        if (!is_before(g, i))
            continue;
        free(g->behind[of]);
        g->behind[of] = NULL;
        if (add_tensor(g, i, &g->behind[of], err))
            return -1;
    }
    return 0;
}

/* Whether the gradients that the session has are finite. */
static int sound_backward(Segments *g, RtError *err)
{
    int sound =
        all_finite(g->s->grads, g->d->param_size, (int)g->d->real_bytes);

    for (int i = 0; i < g->d->ntensor && sound; i++) {
        double *v = NULL;
        if (is_before(g, i) && !add_tensor(g, i, &v, err))
            sound = all_finite(v, session_count(g->s, i), sizeof *v);
        free(v);
    }
    return sound;
}

static void add_grads(Segments *g)
{
    int64_t n = g->d->param_size;

    if (g->d->real_bytes == 8)
        for (int64_t i = 0; i < n; i++)
            ((double *)g->grads)[i] += ((const double *)g->s->grads)[i];
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)g->grads)[i] += ((const float *)g->s->grads)[i];
}

/* Makes the session ready to go forward on segment k, and back. */
static int enter(Segments *g, int64_t k, RtError *err)
{
    if (k > 0 || !g->start)
        use_carry(g, k);
    if (fill(g, k, err))
        return -1;
    tell(g);
    return 0;
}

static int sweep_backward(Segments *g, RtError *err)
{
    for (int64_t k = g->count - 1; k >= 0; k--) {
        if (enter(g, k, err) || session_forward(g->s, err) ||
            session_backward(g->s, err))
            return -1;
        if (g->look == BAD_BACKWARD && !sound_backward(g, err)) {
            g->bad = k;
            return 0;
        }
        if (add_sums(g, 1, err) || take_behind(g, err))
            return -1;
        add_grads(g);
    }
    return 0;
}

/* Leaves in the session what one pass over all would have left. */
static void leave(Segments *g)
{
    memcpy(g->s->grads, g->grads,
           (size_t)g->d->param_size * (size_t)g->d->real_bytes);
    for (int i = 0; i < g->d->ntensor; i++)
        if (g->sum[i])
            session_set(g->s, i, g->sum[i]);
    if (g->after)
        use_carry(g, g->count);
}

static void release(Segments *g)
{
    for (int64_t k = 0; g->carry && k <= g->count; k++) {
        for (int i = 0; g->carry[k] && i < g->d->ntensor; i++)
            free(g->carry[k][i]);
        free(g->carry[k]);
    }
    for (int i = 0; i < g->d->ntensor; i++) {
        free(g->sum ? g->sum[i] : NULL);
        free(g->behind ? g->behind[i] : NULL);
    }
    free(g->carry);
    free(g->sum);
    free(g->behind);
    free(g->grads);
}

static int begin(Segments *g, RtError *err)
{
    size_t n = (size_t)g->d->ntensor + 1;
    size_t bytes = (size_t)g->d->param_size * (size_t)g->d->real_bytes;

    g->bad = -1;
    g->count = (g->T + g->steps - 1) / g->steps;
    g->carry = calloc((size_t)g->count + 1, sizeof *g->carry);
    g->sum = calloc(n, sizeof *g->sum);
    g->behind = calloc(n, sizeof *g->behind);
    g->grads = g->carry && g->sum && g->behind ? rt_block(bytes, err) : NULL;
    if (!g->grads)
        return rt_fail_memory(err, bytes);
    memset(g->grads, 0, bytes);
    return 0;
}

/* Forward over all segments, then back if `backward`. */
static int sweep_all(Segments *g, int backward, RtError *err)
{
    return begin(g, err) || sweep_forward(g, err) ||
                   (backward && sweep_backward(g, err))
               ? -1
               : 0;
}

int segment_run(RtSession *s, int64_t T, int64_t steps, int start,
                int64_t carry, SegmentLoad *load, void *ctx, RtError *err)
{
    Segments g = {.s = s,
                  .d = s->desc,
                  .T = T,
                  .steps = steps,
                  .start = start,
                  .load = load,
                  .ctx = ctx,
                  .after = carry};
    int rc = sweep_all(&g, 1, err);

    if (!rc)
        leave(&g);
    release(&g);
    return rc;
}

int segment_trace(RtSession *s, int64_t T, int64_t steps, int start,
                  int backward, SegmentLoad *load, void *ctx, int64_t *first,
                  RtError *err)
{
    Segments g = {.s = s,
                  .d = s->desc,
                  .T = T,
                  .steps = steps,
                  .start = start,
                  .load = load,
                  .ctx = ctx,
                  .look = backward ? BAD_BACKWARD : BAD_FORWARD};
    int rc = sweep_all(&g, backward, err);

    if (!rc && g.bad >= 0) {
        *first = g.bad * steps;
        rc = enter(&g, g.bad, err) ? -1 : 1;
    }
    release(&g);
    return rc;
}
