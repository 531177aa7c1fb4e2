/* Derivatives against differences, see gradcheck.h. */
#include "manifold.h"
#include "gradcheck.h"

#include "rng.h"
#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Check {
    const CellDesc *d;
    const GradSetup *set;
    RtModel *m;
    RtSession *s;
    double **input; /* [ntensor] values over the whole sequences, or NULL */
    int64_t n[CELL_AXES];        /* extents of the whole sequences */
    int64_t *length[CELL_TIMES]; /* [B] */
    int64_t *piece;              /* [B] of the chunk */
    unsigned char *last;
    int64_t from, T; /* the chunk ... */
    int64_t skip;    /* ... of which so many have been counted ... */
    int64_t carry;   /* ... and after which the next one begins */
    RtRng rng;
} Check;

/* ---- filling ---- */

static int64_t reals_of(const Check *c, const CellTensor *t)
{
    return model_size(t) * cell_rows(t->axes, c->n);
}

static int fill_inputs(Check *c, RtError *err)
{
    c->input = calloc((size_t)c->d->ntensor, sizeof *c->input);
    if (!c->input)
        return rt_fail_memory(err, (size_t)c->d->ntensor * 8);
    for (int i = -1; (i = model_next(c->d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &c->d->tensor[i];
        int64_t n = reals_of(c, t);

        c->input[i] = malloc((size_t)(n ? n : 1) * sizeof(double));
        if (!c->input[i])
            return rt_fail_memory(err, (size_t)n * sizeof(double));
        for (int64_t k = 0; k < n; k++) {
            double u = rt_next_uniform(&c->rng);

            if (!(t->flags & CELL_INDEX))
                c->input[i][k] = rt_next_normal(&c->rng);
            else if (c->set->lengths && t->flags & CELL_OBSERVED && u < 0.125)
                c->input[i][k] = -1;
            else
                c->input[i][k] = floor(rt_next_uniform(&c->rng) *
                                       (double)(t->classes ? t->classes : 2));
        }
    }
    return 0;
}

/* Whether classes are drawn by the weights in parameter i, which stay those of
 * its start: others could be negative. */
static int draws(const CellDesc *d, int i)
{
    int found = 0;

    for (int k = -1; (k = model_next(d, CELL_NOISE, k)) >= 0;)
        found |= d->tensor[k].of == i;
    return found;
}

static int fill_params(Check *c, RtError *err)
{
    for (int i = -1; (i = model_next(c->d, CELL_PARAM, i)) >= 0;) {
        const CellTensor *t = &c->d->tensor[i];
        int64_t n = model_size(t);
        double *v;
        int bad;

        if (draws(c->d, i))
            continue;
        v = malloc((size_t)(n ? n : 1) * sizeof *v);
        if (!v)
            return rt_fail_memory(err, (size_t)n * sizeof *v);
        for (int64_t k = 0; k < n; k++)
            v[k] =
                model_bound(t, 0.5 * rt_next_normal(&c->rng), c->d->real_bytes);
        manifold_value(t, v);
        bad = model_set(c->m, i, v, err);
        free(v);
        if (bad)
            return -1;
    }
    return 0;
}

static int fill_lengths(Check *c, RtError *err)
{
    int64_t B = c->set->B;

    c->piece = malloc((size_t)B * sizeof *c->piece);
    c->last = malloc((size_t)B);
    for (int k = 0; k < c->d->ntime; k++) {
        int64_t T = c->n[cell_time_at(k)];
        int64_t *length = c->length[k] = malloc((size_t)B * sizeof *length);

        for (int64_t b = 0; length && b < B; b++) {
            double u = rt_next_uniform(&c->rng);

            length[b] =
                c->set->lengths && b > k ? 1 + (int64_t)(u * (double)T) : T;
        }
        if (!length)
            return rt_fail_memory(err, (size_t)B * sizeof *length);
    }
    return c->piece && c->last
               ? 0
               : rt_fail_memory(err, (size_t)B * sizeof *c->piece);
}

/* ---- one evaluation of the chunk ---- */

static int forward(Check *c, double *loss, RtError *err)
{
    int64_t B = c->set->B;

    for (int k = 1; k < c->d->ntime; k++)
        session_steps(c->s, k, c->n[cell_time_at(k)]);
    if (session_begin(c->s, c->T, B, c->from == 0, err))
        return -1;
    for (int i = -1; (i = model_next(c->d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &c->d->tensor[i];
        int64_t step = model_size(t) * (t->axes & CELL_B ? B : 1);

        session_set(c->s, i,
                    c->input[i] + (t->axes & CELL_T ? c->from * step : 0));
    }
    if (session_lengths(c->s, 0, c->piece, err))
        return -1;
    for (int k = 1; k < c->d->ntime; k++)
        if (session_lengths(c->s, k, c->length[k], err))
            return -1;
    session_last(c->s, c->last);
    session_skip(c->s, c->skip);
    if (model_next(c->d, CELL_NOISE, -1) >= 0 && session_noise(c->s, err))
        return -1;
    if (session_forward(c->s, err))
        return -1;
    *loss = session_loss(c->s);
    return 0;
}

/* What is varied: a parameter, or an input of the chunk. */
typedef struct Varied {
    int tensor;
    int64_t n;
    double *value; /* the parameter's, or into Check.input */
    double *grad;  /* [n] analytic */
} Varied;

static int loss_at(Check *c, const Varied *v, int64_t k, double x, double *loss,
                   RtError *err)
{
    double was = v->value[k];
    int param = c->d->tensor[v->tensor].role == CELL_PARAM, bad;

    v->value[k] = x;
    bad = (param && model_set(c->m, v->tensor, v->value, err)) ||
          forward(c, loss, err);
    v->value[k] = was;
    if (!bad && param)
        bad = model_set(c->m, v->tensor, v->value, err);
    return bad ? -1 : 0;
}

/* (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h: error h^4 f'''''/30. */
static int difference(Check *c, const Varied *v, int64_t k, double h,
                      double *slope, RtError *err)
{
    static const double weight[] = {1, -8, 8, -1};
    static const double at[] = {-2, -1, 1, 2};
    double sum = 0, f, x = v->value[k];

    for (int j = 0; j < 4; j++) {
        if (loss_at(c, v, k, x + at[j] * h, &f, err))
            return -1;
        sum += weight[j] * f;
    }
    *slope = sum / (12 * h);
    return 0;
}

static double relative(double a, double b)
{
    return fabs(a - b) / fmax(1, fmax(fabs(a), fabs(b)));
}

static int check_entry(Check *c, const Varied *v, int64_t k, GradRow *row,
                       RtError *err)
{
    const CellTensor *t = &c->d->tensor[v->tensor];
    double x = v->value[k], best = INFINITY, found = NAN;
    double h = (c->d->real_bytes == 8 ? 1e-3 : 3e-2) * fmax(1, fabs(x));

    if (t->role == CELL_PARAM && isfinite(t->lo))
        h = fmin(h, (x - t->lo) / 4);
    if (t->role == CELL_PARAM && isfinite(t->hi))
        h = fmin(h, (t->hi - x) / 4);
    for (int try = 0; try < 3 && !(best <= c->set->tolerance / 8); try++) {
        double slope, e;

        if (difference(c, v, k, h, &slope, err))
            return -1;
        e = relative(v->grad[k], slope);
        if (e < best || try == 0) {
            best = isnan(e) ? INFINITY : e;
            found = slope;
        }
        h /= 10;
    }
    row->checked++;
    if (row->checked == 1 || best > row->error) {
        row->index = k;
        row->analytic = v->grad[k];
        row->numeric = found;
        row->error = best;
    }
    return 0;
}

static GradRow *find_row(GradReport *r, const char *name, int64_t of,
                         RtError *err)
{
    GradRow *more;

    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->row[i].name, name))
            return &r->row[i];
    more = realloc(r->row, (size_t)(r->n + 1) * sizeof *more);
    if (more)
        r->row = more;
    if (more)
        more[r->n] = (GradRow){.name = strdup(name), .of = of};
    if (!more || !more[r->n].name) {
        rt_fail_memory(err, sizeof *more);
        return NULL;
    }
    return &r->row[r->n++];
}

/* Entries of one tensor, all or some; inputs beyond a length are left out by
 * being no different: both derivatives are 0. */
static int check_varied(Check *c, const Varied *v, GradReport *r, RtError *err)
{
    const CellTensor *t = &c->d->tensor[v->tensor];
    GradRow *row = find_row(r, t->name, v->n, err);
    int64_t most = c->set->entries, n = v->n;

    if (!row)
        return -1;
    for (int64_t j = 0; j < (most && most < n ? most : n); j++) {
        int64_t k = most && most < n
                        ? (int64_t)(rt_next_uniform(&c->rng) * (double)n)
                        : j;

        if (check_entry(c, v, k, row, err))
            return -1;
    }
    if (row->error > r->worst)
        r->worst = row->error;
    return 0;
}

/* The input that a GRAD tensor belongs to: "grad.x" to x, "grad.h" to h@0;
 * -1 for the weights of --upstream. */
static int input_of(const CellDesc *d, const char *grad)
{
    const char *name = strncmp(grad, "grad.", 5) ? grad : grad + 5;
    char *start = rt_printf("%s@0", name);
    int i = strncmp(name, "up.", 3) ? model_find(d, CELL_INPUT, name) : -1;

    if (i < 0 && start)
        i = model_find(d, CELL_INPUT, start);
    free(start);
    return i;
}

/* Analytic derivatives of all that is varied in this chunk; the list is
 * malloc'd, the caller frees it with its grads. */
static Varied *gather(Check *c, int *n, RtError *err)
{
    Varied *list = calloc((size_t)c->d->ntensor + 1, sizeof *list);
    int bad = list ? 0 : rt_fail_memory(err, (size_t)c->d->ntensor * 8);

    *n = 0;
    for (int i = 0; i < c->d->ntensor && !bad; i++) {
        const CellTensor *t = &c->d->tensor[i];
        Varied *v = &list[*n];
        int of = t->role == CELL_GRAD ? input_of(c->d, t->name) : -1;
        int start = of >= 0 && strchr(c->d->tensor[of].name, '@');
        int back = t->flags & CELL_BACKWARD ||
                   (of >= 0 && c->d->tensor[of].flags & CELL_BACKWARD);

        if (t->role == CELL_PARAM && !c->set->starts &&
            !(t->flags & CELL_FROZEN)) {
            v->tensor = i;
            v->n = model_size(t);
        } else if (of >= 0 && !!start == !!c->set->starts &&
                   (!start || c->from == 0 || back)) {
            v->tensor = of;
            v->n = session_count(c->s, i);
        } else {
            continue;
        }
        v->grad = malloc((size_t)(v->n ? v->n : 1) * sizeof *v->grad);
        v->value = of < 0
                       ? malloc((size_t)(v->n ? v->n : 1) * 8)
                       : c->input[of] +
                             (t->axes & CELL_T ? c->from * (v->n / c->T) : 0);
        (*n)++;
        if (!v->grad || !v->value) {
            bad = rt_fail_memory(err, (size_t)v->n * sizeof *v->grad);
        } else if (of >= 0) {
            session_get(c->s, i, 0, v->grad);
        } else {
            model_get(c->m, i, v->value);
            model_get_grad(c->m, i, v->grad);
        }
    }
    return list;
}

static int check_chunk(Check *c, GradReport *r, RtError *err)
{
    double loss;
    int n = 0, bad;
    Varied *list = NULL;

    for (int64_t b = 0; b < c->set->B; b++) {
        int64_t left = c->length[0][b] - c->from;

        c->piece[b] = left < 0 ? 0 : left < c->T ? left : c->T;
        c->last[b] = left > c->skip && left <= c->T;
    }
    bad = forward(c, &loss, err) || session_backward(c->s, err);
    if (!bad) {
        list = gather(c, &n, err);
        bad = !list || (err && err->text);
        r->loss += loss;
    }
    for (int k = 0; k < n && !bad; k++)
        for (int64_t i = 0; i < list[k].n; i++)
            r->norm2 += list[k].grad[i] * list[k].grad[i];
    for (int k = 0; k < n && !bad; k++)
        bad = check_varied(c, &list[k], r, err);
    for (int k = 0; k < n; k++) {
        free(list[k].grad);
        if (c->d->tensor[list[k].tensor].role == CELL_PARAM)
            free(list[k].value);
    }
    free(list);
    if (!bad)
        bad = forward(c, &loss, err) ||
              (c->carry && session_carry(c->s, c->carry, err));
    return bad ? -1 : 0;
}

int gradcheck_run(const CellDesc *d, const GradSetup *setup, GradReport *r,
                  RtError *err)
{
    Check c = {.d = d, .set = setup};
    int64_t T = setup->T, K = setup->tbptt ? setup->tbptt : T;
    int64_t back = setup->back > K ? setup->back : K;
    int bad = -1;

    if (!d->backward)
        return rt_fail(err, "the model has no loss and so no gradients");
    if (setup->tbptt && d->ntime > 1)
        return rt_fail(err,
                       "tbptt cuts sequences along their only time axis; "
                       "the model has %s and %s",
                       d->time[0], d->time[1]);
    c.n[CELL_AT_B] = setup->B;
    for (int k = 0; k < CELL_TIMES; k++) /* all of them different */
        c.n[cell_time_at(k)] = setup->T > k ? setup->T - k : 1;
    cell_extents(d, c.n);
    c.rng = (RtRng){setup->seed, rt_stream(RT_STREAM_TEST, 0), 0};
    c.m = model_new(d, err);
    c.s = c.m ? session_new(c.m, err) : NULL;
    if (c.s) {
        c.s->seed = setup->seed;
        bad = model_init(c.m, setup->seed, NULL, err) || fill_params(&c, err) ||
              fill_inputs(&c, err) || fill_lengths(&c, err);
    }
    for (int64_t at = 0; at < T && !bad; at += K) {
        int64_t next = at + 2 * K > back ? at + 2 * K - back : 0;

        c.T = (at + K < T ? at + K : T) - c.from;
        c.skip = at - c.from;
        c.carry = next - c.from;
        bad = check_chunk(&c, r, err);
        c.from = next;
    }
    for (int i = 0; i < d->ntensor && c.input; i++)
        free(c.input[i]);
    free(c.input);
    for (int k = 0; k < CELL_TIMES; k++)
        free(c.length[k]);
    free(c.piece);
    free(c.last);
    session_free(c.s);
    model_free(c.m);
    return bad ? -1 : 0;
}
