/* One evaluation of a model on arrays, see runarrays.h. */
#include "runparts.h"

#include <stdlib.h>
#include <string.h>

static void put_real(const Run *r, void *block, int64_t at, double v)
{
    if (r->d->real_bytes == 8)
        ((double *)block)[at] = v;
    else
        ((float *)block)[at] = (float)v;
}

static double get_real(const Run *r, const void *block, int64_t at)
{
    return r->d->real_bytes == 8 ? ((const double *)block)[at]
                                 : (double)((const float *)block)[at];
}

/* The gradient that an upstream final gives counts only where the sequence
 * ends. */
static void mask_final(Run *r, int i)
{
    const CellTensor *t = &r->d->tensor[i];
    void *at = session_place(r->s, i);
    int64_t size = model_size(t);

    if (t->axes & CELL_T || strncmp(t->name, "up.final.", 9))
        return;
    for (int64_t b = 0; b < r->n[CELL_AT_B]; b++)
        for (int64_t k = 0; !r->last[b] && k < size; k++)
            put_real(r, at, b * size + k, 0);
}

/* The TOTAL of a TERM: the one named after it, else the one for all. */
static int total_of(const CellDesc *d, int term)
{
    int all = -1;

    for (int i = -1; (i = model_next(d, CELL_TOTAL, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];

        if (t->of == term || (!strncmp(t->name, "total.", 6) &&
                              !strcmp(t->name + 6, d->tensor[term].name)))
            return i;
        all = t->of < 0 && !strchr(t->name, '.') ? i : all;
    }
    return all;
}

/* Counted steps of the whole sequences, so that chunks share them. */
static void put_totals(Run *r)
{
    for (int i = -1; (i = model_next(r->d, CELL_COUNT, i)) >= 0;) {
        int k =
            r->d->tensor[i].of < 0 ? -1 : total_of(r->d, r->d->tensor[i].of);
        int64_t at;

        if (k < 0 || !r->total[i])
            continue;
        at = cell_size(r->d->tensor[k].at, r->s->n);
        for (int64_t b = 0; b < r->n[CELL_AT_B]; b++)
            put_real(r, r->s->work, at + b, r->total[i][b]);
    }
}

/* The rows of a bound array that belong to steps from+1 .. from+T. */
static int put_bound(Run *r, const Bound *b, int64_t from, int64_t T,
                     RtError *err)
{
    Npy view = b->a;
    int64_t dim[6];

    memcpy(dim, b->a.dim, (size_t)b->a.rank * sizeof *dim);
    view.dim = dim;
    if (r->set->tbptt && r->d->tensor[b->tensor].axes & CELL_T) {
        int64_t step = b->a.count / b->a.dim[0];

        dim[0] = T;
        view.count = step * T;
        view.data =
            (char *)b->a.data + (size_t)(step * from) * npy_bytes(b->a.type);
    }
    if (session_set_npy(r->s, b->tensor, &view, 0, err))
        return rt_fail_in(err, b->path);
    if (r->set->tbptt)
        mask_final(r, b->tensor);
    return 0;
}

/* Fills the session for steps from+1 .. from+T of the sequences; the first
 * `skip` of them have been counted. */
static int begin_chunk(Run *r, int64_t from, int64_t T, int64_t skip,
                       RtError *err)
{
    for (int k = 1; k < r->d->ntime; k++)
        session_steps(r->s, k, r->n[cell_time_at(k)]);
    if (session_begin(r->s, T, r->n[CELL_AT_B], from == 0, err))
        return -1;
    for (int64_t b = 0; b < r->n[CELL_AT_B]; b++) {
        int64_t left = r->length[0][b] - from;

        r->piece[b] = left < 0 ? 0 : left < T ? left : T;
        r->last[b] = (left > skip && left <= T) || (left == 0 && from == 0);
    }
    if (r->set->training && session_noise(r->s, err))
        return -1;
    for (int k = 0; k < r->nbound; k++) /* noise that is given over its draws */
        if (put_bound(r, &r->bound[k], from, T, err))
            return -1;
    if (session_lengths(r->s, 0, r->piece, err))
        return -1;
    for (int k = 1; k < r->d->ntime; k++)
        if (session_lengths(r->s, k, r->length[k], err))
            return -1;
    session_last(r->s, r->last);
    session_skip(r->s, skip);
    return 0;
}

/* Copies tensor i of the chunk to its place in the whole. */
static void collect(Run *r, int i, int64_t from)
{
    const CellTensor *t = &r->d->tensor[i];
    int64_t size = model_size(t);
    int64_t row = (t->axes & CELL_B ? r->n[CELL_AT_B] : 1) * size;
    const CellTensor *of = t->of >= 0 ? &r->d->tensor[t->of] : NULL;
    int back = (t->flags | (of ? of->flags : 0)) & CELL_BACKWARD;
    double *to = r->value[i];

    if (!to)
        return;
    session_get(r->s, i, 0, r->scratch);
    if (t->axes & ~CELL_B && t->role == CELL_GRAD) {
        for (int64_t k = 0; k < session_count(r->s, i); k++)
            to[from * row + k] += r->scratch[k];
    } else if (t->axes & ~CELL_B) {
        memcpy(to + from * row, r->scratch,
               (size_t)session_count(r->s, i) * sizeof *to);
    } else if (t->role == CELL_GRAD) {
        /* the start of a forward sweep acts in the first chunk only */
        int start = of && (of->role == CELL_STATE || strchr(of->name, '@'));

        for (int64_t k = 0; k < row; k++)
            to[k] += start && !back && from ? 0 : r->scratch[k];
    } else {
        for (int64_t k = 0; k < row; k++) {
            int64_t b = t->axes & CELL_B ? k / size : 0;

            if (from == 0 || (!back && r->piece[b] > 0))
                to[k] = r->scratch[k];
        }
    }
}

/* Steps up to `to`, the last of which count: those behind `counted`; the state
 * is kept at step `next`. */
static int run_chunk(Run *r, int64_t from, int64_t to, int64_t counted,
                     int64_t next, int backward, RtError *err)
{
    if (begin_chunk(r, from, to - from, counted - from, err))
        return -1;
    if (r->set->tbptt)
        put_totals(r);
    if (session_forward(r->s, err) || (backward && session_backward(r->s, err)))
        return -1;
    for (int i = 0; i < r->d->ntensor; i++)
        if (r->d->tensor[i].role != CELL_GRAD || backward)
            collect(r, i, from);
    r->loss += session_loss(r->s);
    for (int64_t k = 0; backward && k < r->d->param_size; k++)
        r->grad[k] += get_real(r, r->m->grads, k);
    return next > from ? session_carry(r->s, next - from, err) : 0;
}

/* One evaluation of the whole sequences; the sums start anew. */
static int run_once(Run *r, int backward, RtError *err)
{
    int64_t T = r->n[CELL_AT_T], K = r->set->tbptt ? r->set->tbptt : T;
    int64_t back = r->set->back > K ? r->set->back : K, from = 0;

    r->loss = 0;
    memset(r->grad, 0, (size_t)r->d->param_size * sizeof *r->grad);
    for (int i = 0; i < r->d->ntensor; i++)
        if (r->d->tensor[i].role == CELL_GRAD && r->value[i])
            memset(r->value[i], 0,
                   (size_t)(model_size(&r->d->tensor[i]) *
                            cell_rows(r->d->tensor[i].axes, r->n)) *
                       sizeof(double));
    for (int64_t at = 0; at < T; at += K) {
        int64_t next = at + 2 * K > back ? at + 2 * K - back : 0;

        if (run_chunk(r, from, at + K < T ? at + K : T, at, next, backward,
                      err))
            return -1;
        from = next;
    }
    for (int64_t k = 0; backward && k < r->d->param_size; k++)
        put_real(r, r->m->grads, k, r->grad[k]);
    return 0;
}

/* Reads how many steps each term counts in the whole sequences. */
static int count_steps(Run *r, RtError *err)
{
    if (begin_chunk(r, 0, r->n[CELL_AT_T], 0, err) ||
        session_forward(r->s, err))
        return -1;
    for (int i = -1; (i = model_next(r->d, CELL_COUNT, i)) >= 0;) {
        r->total[i] = run_room(r->n[CELL_AT_B], sizeof(double), err);
        if (!r->total[i])
            return -1;
        session_get(r->s, i, 0, r->total[i]);
    }
    return 0;
}

/* Room for everything that is collected. */
static int make_room(Run *r, RtError *err)
{
    const CellDesc *d = r->d;
    int64_t most = 1;

    r->value = run_room(d->ntensor, sizeof *r->value, err);
    r->total = run_room(d->ntensor, sizeof *r->total, err);
    r->grad = run_room(d->param_size, sizeof *r->grad, err);
    if (!r->value || !r->total || !r->grad)
        return -1;
    for (int i = 0; i < d->ntensor; i++) {
        const CellTensor *t = &d->tensor[i];
        int64_t n = model_size(t) * cell_rows(t->axes, r->n);

        if (t->role != CELL_OUTPUT && t->role != CELL_FINAL &&
            t->role != CELL_GRAD)
            continue;
        r->value[i] = run_room(n, sizeof(double), err);
        if (!r->value[i])
            return -1;
        most = n > most ? n : most;
    }
    r->scratch = run_room(most, sizeof *r->scratch, err);
    return r->scratch ? 0 : -1;
}

/* Clips the gradients of the last run_once; writes what is left of them. */
static int write_clipped(Run *r, const RtClip *clip, RtError *err)
{
    const int64_t one = 1;
    double norm;

    if (clip_grads(r->m, clip, &norm, err))
        return -1;
    for (int64_t k = 0; k < r->d->param_size; k++)
        r->grad[k] = get_real(r, r->m->grads, k);
    return run_write_params(r, "clipped.", r->grad, 0, err) ||
                   run_write(r, "", "gradnorm", 0, 1, &one, &norm, err)
               ? -1
               : 0;
}

static int take_steps(Run *r, const RtClip *clip, RtError *err)
{
    int64_t N = r->set->steps, P = r->d->param_size;
    RtOptim *o = optim_new(r->m, r->set->optimizer, err);
    double *after = o ? run_room(N * P, sizeof *after, err) : NULL;
    double *loss = after ? run_room(N, sizeof *loss, err) : NULL;
    int bad = loss ? 0 : -1;

    for (int64_t n = 0; n < N && !bad; n++) {
        r->s->step = (uint64_t)n;
        bad = run_once(r, 1, err) ||
              (r->set->clip && clip_grads(r->m, clip, NULL, err));
        if (bad)
            break;
        loss[n] = r->loss;
        optim_step(o, optim_rate(o));
        session_update(r->s);
        for (int64_t k = 0; k < P; k++)
            after[n * P + k] = get_real(r, r->m->params, k);
    }
    if (!bad)
        bad = run_write_params(r, "after.", after, N, err) ||
              run_write(r, "", "losses", 0, 1, &N, loss, err);
    free(after);
    free(loss);
    optim_free(o);
    return bad ? -1 : 0;
}

static int run_model(Run *r, RtError *err)
{
    const RunSetup *set = r->set;
    int backward = set->grad || set->clip || set->steps;
    InitFrom from = {.base = set->base};
    RtClip clip;

    if (clip_parse(set->clip, &clip, err))
        return -1;
    if (set->tbptt && r->d->ntime > 1)
        return rt_fail(err,
                       "tbptt cuts sequences along their only time axis; "
                       "the model has %s and %s",
                       r->d->time[0], r->d->time[1]);
    if (backward && !r->d->backward)
        return rt_fail(err, "the spec has no loss to differentiate; give "
                            "--upstream NAME=FILE");
    if (set->weights ? model_load(r->m, set->weights, err)
                     : model_init(r->m, set->seed, &from, err))
        return -1;
    r->s->seed = set->seed;
    if (run_read(r, err) || make_room(r, err) ||
        (set->tbptt && count_steps(r, err)) || run_once(r, backward, err) ||
        run_make_folder(set->out, err) || run_write_results(r, err))
        return -1;
    if (set->clip && write_clipped(r, &clip, err))
        return -1;
    return set->steps ? take_steps(r, &clip, err) : 0;
}

int run_arrays(const CellDesc *d, const RunSetup *setup, RtError *err)
{
    Run r = {.d = d, .set = setup, .n = {-1, -1, -1, -1}};
    int bad = -1;

    r.m = model_new(d, err);
    r.s = r.m ? session_new(r.m, err) : NULL;
    if (r.s)
        bad = run_model(&r, err);
    for (int k = 0; k < r.nbound; k++)
        npy_free(&r.bound[k].a);
    for (int i = 0; i < d->ntensor; i++) {
        free(r.value ? r.value[i] : NULL);
        free(r.total ? r.total[i] : NULL);
    }
    free(r.bound);
    for (int k = 0; k < CELL_TIMES; k++)
        free(r.length[k]);
    free(r.piece);
    free(r.last);
    free(r.value);
    free(r.total);
    free(r.grad);
    free(r.scratch);
    session_free(r.s);
    model_free(r.m);
    return bad;
}
