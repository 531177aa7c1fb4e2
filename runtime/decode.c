/* Most likely values, see decode.h. */
#include "decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double *values_more(Values *s, int64_t n, RtError *err)
{
    if (s->n + n > s->cap) {
        int64_t cap = s->n + n > 2 * s->cap ? s->n + n + 16 : 2 * s->cap;
        double *more = realloc(s->v, (size_t)cap * sizeof *more);

        if (!more) {
            rt_fail_memory(err, (size_t)cap * sizeof *more);
            return NULL;
        }
        s->v = more;
        s->cap = cap;
    }
    s->n += n;
    return s->v + s->n - n;
}

int values_add(Values *s, double v, RtError *err)
{
    double *to = values_more(s, 1, err);

    if (!to)
        return -1;
    *to = v;
    return 0;
}

/* The DRAW tensor of input i called `what`, or -1. */
static int parameter(const CellDesc *d, int i, const char *what)
{
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
        if (d->tensor[k].of == i && d->tensor[k].what &&
            !strcmp(d->tensor[k].what, what))
            return k;
    return -1;
}

int decode_blank(const CellDesc *d, int i, int64_t *blank)
{
    int k = parameter(d, i, "ctc.blank");

    if (k < 0 || !isfinite(d->tensor[k].lo))
        return 0;
    *blank = (int64_t)d->tensor[k].lo;
    return 1;
}

static int find_kind(Decoder *c, const CellDesc *d, RtError *err)
{
    const char *name = d->tensor[c->input].name, *law;

    c->s = parameter(d, c->input, "crf.s");
    c->A = parameter(d, c->input, "crf.A");
    c->p = parameter(d, c->input, "ctc.p");
    c->blank = parameter(d, c->input, "ctc.blank");
    if (c->s >= 0 && c->A >= 0)
        c->kind = DECODE_CRF;
    else if (c->p >= 0 && c->blank >= 0)
        c->kind = DECODE_CTC;
    else if (law_check(d, &c->laws, err))
        return -1;
    else if (law_is_classes(&c->laws))
        c->kind = DECODE_CLASS;
    else if (c->laws.n > 1)
        return rt_fail(err,
                       "%s is drawn from a mixture, of which the most likely "
                       "value is not known",
                       name);
    else {
        law = c->laws.law[0].kind->name;
        c->kind = strcmp(law, "bernoulli") ? DECODE_MEAN : DECODE_SIGN;
    }
    return 0;
}

int decode_open(Decoder *c, const CellDesc *d, int i, RtError *err)
{
    *c = (Decoder){.input = i, .room = 1};
    if (!law_is_drawn(d, i))
        return rt_fail(err, "%s is not drawn: no `%s ~ ...` is in the spec",
                       d->tensor[i].name, d->tensor[i].name);
    if (law_find(d, i, &c->laws, err) || find_kind(c, d, err))
        return -1;
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
        if (d->tensor[k].of == i) {
            c->own |= d->tensor[k].flags & CELL_OWN;
            if (model_size(&d->tensor[k]) > c->room)
                c->room = model_size(&d->tensor[k]);
        }
    c->a = calloc(2 * (size_t)c->room, sizeof *c->a);
    c->b = calloc(2 * (size_t)c->room, sizeof *c->b);
    return c->a && c->b ? 0 : rt_fail_memory(err, (size_t)c->room * 16);
}

void decode_free(Decoder *c)
{
    law_free(&c->laws);
    free(c->a);
    free(c->b);
}

/* Steps of a row along the only time axis of tensor i. */
static int64_t steps_of(const RtSession *s, int i, int64_t row)
{
    int axis = cell_only_time(s->desc->tensor[i].axes);

    return axis < 0 ? 1 : s->length[axis][row];
}

static void place_at(const RtSession *s, int i, int64_t row, int64_t step,
                     int64_t at[CELL_AXES])
{
    int axis = cell_only_time(s->desc->tensor[i].axes);

    memset(at, 0, CELL_AXES * sizeof *at);
    at[CELL_AT_B] = row;
    if (axis >= 0)
        at[cell_time_at(axis)] = step;
}

static int64_t largest(const double *v, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        best = v[i] > v[best] ? i : best;
    return best;
}

/* The tags with the highest sum of scores: Viterbi 1967. */
static int viterbi(Decoder *c, const RtSession *s, int64_t row, Values *to,
                   RtError *err)
{
    int64_t T = steps_of(s, c->input, row), at[CELL_AXES], tag;
    int64_t k = model_size(&s->desc->tensor[c->s]);
    int64_t *from = malloc((size_t)(T * k + 1) * sizeof *from);
    double *best = malloc(2 * (size_t)k * sizeof *best), *next = best + k;
    int bad = from && best ? 0 : rt_fail_memory(err, (size_t)(T * k) * 8);

    for (int64_t t = 0; t < T && !bad; t++) {
        place_at(s, c->input, row, t, at);
        session_read(s, c->s, at, c->a);
        session_read(s, c->A, at, c->b);
        for (int64_t j = 0; j < k; j++) {
            int64_t i = 0;
            for (int64_t q = 1; q < k && t; q++)
                i = best[q] + c->b[q * k + j] > best[i] + c->b[i * k + j] ? q
                                                                          : i;
            from[t * k + j] = i;
            next[j] = c->a[j] + (t ? best[i] + c->b[i * k + j] : 0);
        }
        memcpy(best, next, (size_t)k * sizeof *best);
    }
    for (int64_t t = 0; t < T && !bad; t++)
        bad = values_add(to, 0, err);
    tag = T && !bad ? largest(best, k) : 0;
    for (int64_t t = T - 1; t >= 0 && !bad; t--) {
        to->v[to->n - T + t] = (double)tag;
        tag = from[t * k + tag];
    }
    free(from);
    free(best);
    return bad;
}

/* The best class of each step, repetitions and blanks taken out. */
static int best_path(Decoder *c, const RtSession *s, int64_t row, Values *to,
                     RtError *err)
{
    int64_t T = steps_of(s, c->p, row), at[CELL_AXES], last = -1, blank = 0;

    for (int64_t t = 0; t < T; t++) {
        place_at(s, c->p, row, t, at);
        if (!t) {
            session_read(s, c->blank, at, c->a);
            blank = (int64_t)c->a[0];
        }
        session_read(s, c->p, at, c->a);
        int64_t id = largest(c->a, model_size(&s->desc->tensor[c->p]));
        if (id != last && id != blank && values_add(to, (double)id, err))
            return -1;
        last = id;
    }
    return 0;
}

int decode_row(Decoder *c, const RtSession *s, int64_t row, Values *to,
               RtError *err)
{
    int64_t T = steps_of(s, c->input, row), at[CELL_AXES];
    int64_t size = model_size(&s->desc->tensor[c->input]);
    int bad = 0;

    if (c->kind == DECODE_CRF)
        return viterbi(c, s, row, to, err);
    if (c->kind == DECODE_CTC)
        return best_path(c, s, row, to, err);
    for (int64_t t = 0; t < T && !bad; t++) {
        place_at(s, c->input, row, t, at);
        if (c->kind == DECODE_CLASS) {
            int64_t n = law_classes(&c->laws, s, at, c->a, c->b);
            bad = values_add(to, (double)largest(c->a, n), err);
            continue;
        }
        int p = c->laws.law[0].par[0];
        session_read(s, p, at, c->a);
        for (int64_t i = 0; i < size && !bad; i++) {
            double v = c->a[model_size(&s->desc->tensor[p]) == 1 ? 0 : i];
            bad = values_add(to, c->kind == DECODE_MEAN ? v : v > 0.5, err);
        }
    }
    return bad;
}

int decode_truth(const Decoder *c, const RtSession *s, int64_t row, Values *to,
                 RtError *err)
{
    int64_t T = steps_of(s, c->input, row), at[CELL_AXES];
    int64_t size = model_size(&s->desc->tensor[c->input]);
    double *v = malloc((size_t)size * sizeof *v);
    int bad = v ? 0 : rt_fail_memory(err, (size_t)size * sizeof *v);

    for (int64_t t = 0; t < T && !bad; t++) {
        place_at(s, c->input, row, t, at);
        session_read(s, c->input, at, v);
        for (int64_t i = 0; i < size && !bad; i++)
            if (c->kind != DECODE_CTC || v[i] >= 0)
                bad = values_add(to, v[i], err);
    }
    free(v);
    return bad;
}

int decode_chance(Decoder *c, const RtSession *s, int64_t row, Values *to,
                  RtError *err)
{
    int64_t T = steps_of(s, c->input, row), at[CELL_AXES];
    int64_t size = model_size(&s->desc->tensor[c->input]);
    int bad = 0;

    for (int64_t t = 0; t < T && !bad; t++) {
        place_at(s, c->input, row, t, at);
        if (c->kind == DECODE_CLASS) {
            law_classes(&c->laws, s, at, c->a, c->b);
            bad = values_add(to, c->a[1], err);
            continue;
        }
        int p = c->laws.law[0].par[0];
        session_read(s, p, at, c->a);
        for (int64_t i = 0; i < size && !bad; i++)
            bad = values_add(
                to, c->a[model_size(&s->desc->tensor[p]) == 1 ? 0 : i], err);
    }
    return bad;
}
