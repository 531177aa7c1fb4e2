/* Flow of gradients through time, see flow.h. */
#include "flow.h"

#include "rng.h"
#include "singular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64 }; /* unit vectors that go back side by side */

/* The tensors of one pair of names. */
typedef struct Pair {
    int up;     /* weights of the last value of `of` */
    int grad;   /* gradient by `by` at every step */
    int direct; /* or -1 */
    int64_t n, m;
    int axis; /* time axis that they run along */
    int back; /* swept from the end: its last value is that of step 1 */
} Pair;

int flow_own_input(const CellTensor *t)
{
    return !strncmp(t->name, "perturb.", 8) || !strncmp(t->name, "up.", 3);
}

static int find_named(const CellDesc *d, int role, const char *before,
                      const char *name)
{
    char *full = rt_printf("%s%s", before, name);
    int i = full ? model_find(d, role, full) : -1;

    free(full);
    return i;
}

static int find_pair(const CellDesc *d, const Flow *f, Pair *p, RtError *err)
{
    int state = model_find(d, CELL_STATE, f->of);
    int last = find_named(d, CELL_FINAL, "final.", f->of);

    p->up = find_named(d, CELL_INPUT, "up.final.", f->of);
    p->grad = find_named(d, CELL_GRAD, "grad.perturb.", f->by);
    if (p->grad < 0 && model_find(d, CELL_INPUT, f->by) >= 0)
        p->grad = find_named(d, CELL_GRAD, "grad.", f->by);
    p->direct = strcmp(f->of, f->by)
                    ? -1
                    : find_named(d, CELL_OUTPUT, "direct.", f->of);
    if (p->up < 0 || p->grad < 0)
        return rt_fail(err, "no gradient of %s by %s was compiled", f->of,
                       f->by);
    p->axis = cell_only_time(d->tensor[p->grad].axes);
    if (p->axis < 0 || (state >= 0 && d->tensor[state].axis != p->axis))
        return rt_fail(err, "%s and %s do not run along one time axis", f->of,
                       f->by);
    p->n = model_size(&d->tensor[p->up]);
    p->m = model_size(&d->tensor[p->grad]);
    p->back = ((state >= 0 ? d->tensor[state].flags : 0) |
               (last >= 0 ? d->tensor[last].flags : 0)) &
              CELL_BACKWARD;
    return 0;
}

/* ---- data ---- */

int flow_random(const CellDesc *d, FlowData *data, uint64_t seed, RtError *err)
{
    RtRng rng = {seed, rt_stream(RT_STREAM_TEST, 0), 0};
    int64_t n[CELL_AXES] = {0};

    n[CELL_AT_B] = 1;
    for (int k = 0; k < CELL_TIMES; k++)
        n[cell_time_at(k)] = data->steps[k];
    cell_extents(d, n);
    for (int k = 0; k < CELL_TIMES; k++)
        data->steps[k] = n[cell_time_at(k)];
    data->value = calloc((size_t)d->ntensor + 1, sizeof *data->value);
    if (!data->value)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *data->value);
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        int64_t count = model_size(t) * cell_rows(t->axes, n);

        if (flow_own_input(t))
            continue;
        data->value[i] = malloc((size_t)(count + 1) * sizeof(double));
        if (!data->value[i])
            return rt_fail_memory(err, (size_t)count * sizeof(double));
        for (int64_t k = 0; k < count; k++)
            data->value[i][k] =
                t->flags & CELL_INDEX
                    ? floor(rt_next_uniform(&rng) *
                            (double)(t->classes ? t->classes : 2))
                    : rt_next_normal(&rng);
    }
    return 0;
}

void flow_data_free(const CellDesc *d, FlowData *data)
{
    for (int i = 0; data->value && i < d->ntensor; i++)
        free(data->value[i]);
    free(data->value);
    data->value = NULL;
}

/* Puts the sequence into every row; what is the flow's own is 0. */
static int set_input(RtSession *s, int i, const double *value, int64_t rows,
                     RtError *err)
{
    const CellTensor *t = &s->desc->tensor[i];
    int64_t size = model_size(t), count = session_count(s, i);
    int64_t each = t->axes & CELL_B ? rows : 1;
    double *all = calloc((size_t)count + 1, sizeof *all);

    if (!all)
        return rt_fail_memory(err, (size_t)count * sizeof *all);
    for (int64_t k = 0; value && k < count; k++)
        all[k] = value[k / (size * each) * size + k % size];
    session_set(s, i, all);
    free(all);
    return 0;
}

int flow_begin(RtSession *s, const FlowData *data, int64_t rows, RtError *err)
{
    for (int k = 1; k < s->desc->ntime; k++)
        session_steps(s, k, data->steps[k]);
    if (session_begin(s, data->steps[0], rows, 1, err))
        return -1;
    for (int i = -1; (i = model_next(s->desc, CELL_INPUT, i)) >= 0;)
        if (set_input(s, i, data->value[i], rows, err))
            return -1;
    return 0;
}

/* ---- Jacobians ---- */

/* Rows first.. of the Jacobians of every lag, into jacobian[lags,n,m]. */
static int some_rows(RtSession *s, const FlowData *data, const Pair *p,
                     int64_t first, int64_t rows, double *jacobian,
                     double *direct, RtError *err)
{
    int64_t T = data->steps[p->axis];
    double *unit = calloc((size_t)(rows * p->n) + 1, sizeof *unit);
    double *grad = malloc((size_t)(T * rows * p->m + 1) * sizeof *grad);
    int bad = !unit || !grad ? rt_fail_memory(err, (size_t)(T * rows * p->m))
                             : flow_begin(s, data, rows, err);

    for (int64_t r = 0; r < rows && !bad; r++)
        unit[r * p->n + first + r] = 1;
    if (!bad)
        session_set(s, p->up, unit);
    bad = bad || session_forward(s, err) || session_backward(s, err);
    if (!bad)
        session_get(s, p->grad, 0, grad);
    for (int64_t t = 0; t < T && !bad; t++) {
        int64_t lag = p->back ? t : T - 1 - t;

        for (int64_t r = 0; r < rows; r++)
            memcpy(jacobian + (lag * p->n + first + r) * p->m,
                   grad + (t * rows + r) * p->m, (size_t)p->m * sizeof *grad);
    }
    if (!bad && direct && !first) {
        double *all = malloc((size_t)session_count(s, p->direct) * sizeof *all);

        if (all)
            session_get(s, p->direct, 0, all);
        for (int64_t t = 0; all && t < T; t++)
            memcpy(direct + t * p->n, all + t * rows * p->n,
                   (size_t)p->n * sizeof *all);
        bad = all ? 0 : rt_fail_memory(err, (size_t)(T * rows));
        free(all);
    }
    free(unit);
    free(grad);
    return bad ? -1 : 0;
}

/* Norm of the product of the direct steps over every lag; direct[T,n]. */
static void add_direct(Flow *f, const Pair *p, int64_t T, const double *direct,
                       double *product)
{
    for (int64_t k = 0; k < p->n; k++)
        product[k] = 1;
    for (int64_t lag = 0; lag < T; lag++) {
        f->direct[lag] += frobenius_norm(product, p->n);
        for (int64_t k = 0; k < p->n; k++)
            product[k] *= direct[(p->back ? lag : T - 1 - lag) * p->n + k];
    }
}

static int add_lags(Flow *f, const Pair *p, int64_t T, const double *jacobian,
                    RtError *err)
{
    for (int64_t lag = 0; lag < T; lag++) {
        const double *j = jacobian + lag * p->n * p->m;
        double largest, smallest;

        if (singular_ends(j, p->n, p->m, &largest, &smallest, err))
            return -1;
        f->count[lag] += 1;
        f->norm[lag] += frobenius_norm(j, p->n * p->m);
        f->largest[lag] += largest;
        f->smallest[lag] += smallest;
    }
    return 0;
}

/* Room for T lags. */
static int grow(Flow *f, int64_t T, int direct, RtError *err)
{
    double **list[] = {&f->count, &f->norm, &f->largest, &f->smallest,
                       &f->direct};
    int lists = direct ? 5 : 4;

    if (T <= f->lags)
        return 0;
    for (int i = 0; i < lists; i++) {
        double *more = realloc(*list[i], (size_t)T * sizeof *more);

        if (!more)
            return rt_fail_memory(err, (size_t)T * sizeof *more);
        *list[i] = more;
        for (int64_t k = f->lags; k < T; k++)
            more[k] = 0;
    }
    f->lags = T;
    return 0;
}

/* A model that looks at the whole batch gets one sequence at a time. */
static int64_t rows_at_once(const CellDesc *d, int64_t n)
{
    int batch = model_next(d, CELL_BATCH, -1);

    if (batch >= 0 && d->tensor[batch].flags & CELL_WHOLE)
        return 1;
    return n < ROWS ? n : ROWS;
}

int flow_add(Flow *f, RtModel *m, const FlowData *data, RtError *err)
{
    const CellDesc *d = m->desc;
    Pair p = {0};
    int64_t T, rows;
    double *jacobian, *direct = NULL;
    RtSession *s = NULL;
    int bad = find_pair(d, f, &p, err);

    if (bad)
        return -1;
    T = data->steps[p.axis];
    rows = rows_at_once(d, p.n);
    jacobian = malloc((size_t)(T * p.n * p.m + 1) * sizeof *jacobian);
    if (p.direct >= 0)
        direct = malloc((size_t)((T + 1) * p.n) * sizeof *direct);
    bad = !jacobian || (p.direct >= 0 && !direct)
              ? rt_fail_memory(err, (size_t)(T * p.n * p.m) * sizeof *jacobian)
              : grow(f, T, direct != NULL, err);
    if (!bad)
        s = session_new(m, err);
    bad = bad || !s;
    for (int64_t i = 0; i < p.n && !bad; i += rows)
        bad = some_rows(s, data, &p, i, p.n - i < rows ? p.n - i : rows,
                        jacobian, direct, err);
    bad = bad || add_lags(f, &p, T, jacobian, err);
    if (!bad && direct)
        add_direct(f, &p, T, direct, direct + T * p.n);
    session_free(s);
    free(jacobian);
    free(direct);
    return bad ? -1 : 0;
}

void flow_mean(Flow *f)
{
    for (int64_t k = 0; k < f->lags; k++) {
        f->norm[k] /= f->count[k];
        f->largest[k] /= f->count[k];
        f->smallest[k] /= f->count[k];
        if (f->direct)
            f->direct[k] /= f->count[k];
    }
}

void flow_free(Flow *f)
{
    free(f->count);
    free(f->norm);
    free(f->largest);
    free(f->smallest);
    free(f->direct);
    *f = (Flow){0};
}
