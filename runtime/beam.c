/* Beam search over rows of a sampler, see beam.h. */
#include "beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A way to go on: a row, and the class that it draws next. */
typedef struct Way {
    double logp;
    int64_t row, id;
} Way;

/* A beginning: one row of the sampler. */
typedef struct Beginning {
    int64_t owner; /* the row that it came from at first */
    double logp;
} Beginning;

typedef struct Beam {
    Sampler *s;
    const BeamHow *how;
    int64_t n;       /* rows at first */
    int64_t *primed; /* [n] steps before the first */
    Beginning *live; /* [n * width] one for each row of the sampler */
    Way *way;        /* [n * width] the best ways of each owner */
    int64_t *nway;   /* [n] */
    Told *done;      /* [n * width] the best that are complete */
    int64_t *ndone;  /* [n] */
    int64_t *from;   /* [n * width] */
    double *p;       /* probabilities of one row */
    double *chosen;  /* [n * width, drawn] those of what was put */
} Beam;

int beam_check(const Sampler *s, RtError *err)
{
    for (int k = 0; sample_drawn(s, k) >= 0; k++) {
        const Law *l = sample_laws(s, k)->law;

        if (!law_is_classes(sample_laws(s, k)))
            return rt_fail(err,
                           "--beam ranks classes by their probability, and %s "
                           "is drawn from %s; leave --beam out, or say "
                           "--greedy for the most likely values",
                           sample_name(s, k), l->kind->name);
    }
    return 0;
}

/* Puts a way among the best of its owner; of equal ones the first stays. */
static void add_way(Beam *b, int64_t owner, Way w)
{
    int64_t K = b->how->width, n = b->nway[owner];
    Way *way = b->way + owner * K;

    if (n == K && !(w.logp > way[K - 1].logp))
        return;
    n = n < K ? n : K - 1;
    for (; n > 0 && w.logp > way[n - 1].logp; n--)
        way[n] = way[n - 1];
    way[n] = w;
    b->nway[owner] += b->nway[owner] < K;
}

/* Before a is told, b: an end of its own counts first. */
static int better(const Told *a, const Told *b)
{
    return a->ended != b->ended ? a->ended > b->ended : a->score > b->score;
}

static int finish(Beam *b, int64_t row, int ended, RtError *err)
{
    int64_t K = b->how->width, owner = b->live[row].owner, n = b->ndone[owner];
    Told *done = b->done + owner * K;
    Told t = {0};

    if (told_keep(&t, b->s, row, b->primed[owner], err)) {
        told_free(&t);
        return -1;
    }
    t.ended = ended;
    t.score = b->live[row].logp / pow((double)t.steps, b->how->penalty);
    if (n == K && !better(&t, &done[K - 1])) {
        told_free(&t);
        return 0;
    }
    if (n == K)
        told_free(&done[K - 1]);
    else
        b->ndone[owner]++;
    n = n < K ? n : K - 1;
    for (; n > 0 && better(&t, &done[n - 1]); n--)
        done[n] = done[n - 1];
    done[n] = t;
    return 0;
}

/* Keeps rows from[0..n) of the sampler and of `live`. */
static int keep_rows(Beam *b, int64_t n, RtError *err)
{
    for (int64_t r = 0; r < n; r++)
        b->live[r] = b->live[b->from[r]];
    return n ? sample_arrange(b->s, n, b->from, err) : 0;
}

/* Every row goes on with the classes of drawn name k, of each owner the best
 * remain. */
static int expand(Beam *b, int k, int n, RtError *err)
{
    int64_t rows = sample_rows(b->s), K = b->how->width, to = 0;
    int64_t *id = malloc((size_t)(b->n * K) * sizeof *id);
    Beginning *next = malloc((size_t)(b->n * K) * sizeof *next);
    double *chosen = malloc((size_t)(b->n * K * n) * sizeof *chosen);
    int bad = id && next && chosen ? 0 : rt_fail_memory(err, 0);

    if (!bad)
        bad = sample_forward(b->s, err);
    memset(b->nway, 0, (size_t)b->n * sizeof *b->nway);
    for (int64_t r = 0; r < rows && !bad; r++) {
        int64_t classes = sample_classes(b->s, k, r, b->p);
        for (int64_t c = 0; c < classes; c++)
            if (b->p[c] > 0)
                add_way(b, b->live[r].owner,
                        (Way){b->live[r].logp + log(b->p[c]), r, c});
    }
    for (int64_t o = 0; o < b->n && !bad; o++)
        for (int64_t i = 0; i < b->nway[o]; i++, to++) {
            const Way *w = &b->way[o * K + i];
            b->from[to] = w->row;
            id[to] = w->id;
            next[to] = (Beginning){o, w->logp};
            memcpy(chosen + to * n, b->chosen + w->row * n,
                   (size_t)n * sizeof *chosen);
            chosen[to * n + k] = w->logp - b->live[w->row].logp;
        }
    if (!bad && !to)
        bad = rt_fail(err, "%s: no class has a probability above 0",
                      sample_name(b->s, k));
    bad = bad || sample_arrange(b->s, to, b->from, err);
    for (int64_t r = 0; r < to && !bad; r++) {
        double value = (double)id[r];
        b->live[r] = next[r];
        memcpy(b->chosen + r * n, chosen + r * n, (size_t)n * sizeof *chosen);
        sample_put(b->s, k, r, &value);
    }
    free(id);
    free(next);
    free(chosen);
    return bad ? -1 : 0;
}

/* With several names at a step, each was ranked before the later ones were
 * known: none may depend on those. */
static int in_order(Beam *b, int n, RtError *err)
{
    if (n < 2)
        return 0;
    if (sample_forward(b->s, err))
        return -1;
    for (int64_t r = 0; r < sample_rows(b->s); r++)
        for (int k = 0; k < n; k++) {
            int64_t steps = sample_steps(b->s, r);
            int64_t id = (int64_t)sample_value(b->s, k, r)[steps];

            sample_classes(b->s, k, r, b->p);
            if (fabs(log(b->p[id]) - b->chosen[r * n + k]) > 1e-3)
                return rt_fail(err,
                               "--beam chooses the names of a step in the "
                               "order of the inputs, and %s depends on one "
                               "behind it: put `input %s` last",
                               sample_name(b->s, k), sample_name(b->s, k));
        }
    return 0;
}

/* Whether an owner has all its results: as many as are kept, and none of its
 * beginnings has a better score by now. */
static int satisfied(const Beam *b, int64_t owner, const unsigned char *ended)
{
    int64_t K = b->how->width;
    const Told *last = &b->done[owner * K + K - 1];

    if (b->ndone[owner] < K || !last->ended)
        return 0;
    for (int64_t r = 0; r < sample_rows(b->s); r++) {
        double steps = (double)(sample_steps(b->s, r) - b->primed[owner]);
        if (b->live[r].owner == owner && !ended[r] &&
            b->live[r].logp / pow(steps, b->how->penalty) > last->score)
            return 0;
    }
    return 1;
}

/* Takes out the rows that ended, and those of owners that have all; returns how
 * many are left. */
static int64_t sort_out(Beam *b, const unsigned char *ended, RtError *err)
{
    int64_t n = 0, rows = sample_rows(b->s);

    for (int64_t r = 0; r < rows; r++)
        if (ended[r] && finish(b, r, 1, err))
            return -1;
    for (int64_t r = 0; r < rows; r++) {
        int64_t steps = sample_steps(b->s, r) - b->primed[b->live[r].owner];
        int over = sample_left(b->s, r) == 0;

        if (ended[r] || satisfied(b, b->live[r].owner, ended))
            continue;
        if (over || steps >= b->how->steps) {
            if (finish(b, r, over, err))
                return -1;
            continue;
        }
        b->from[n++] = r;
    }
    return keep_rows(b, n, err) ? -1 : n;
}

static int beam_room(Beam *b, int ndrawn, RtError *err)
{
    size_t n = (size_t)b->n, all = n * (size_t)b->how->width;
    int64_t classes = 1;

    for (int k = 0; k < ndrawn; k++)
        if (sample_class_count(b->s, k) > classes)
            classes = sample_class_count(b->s, k);
    b->primed = calloc(n, sizeof *b->primed);
    b->live = calloc(all, sizeof *b->live);
    b->way = calloc(all, sizeof *b->way);
    b->nway = calloc(n, sizeof *b->nway);
    b->done = calloc(all, sizeof *b->done);
    b->ndone = calloc(n, sizeof *b->ndone);
    b->from = calloc(all, sizeof *b->from);
    b->p = calloc((size_t)classes, sizeof *b->p);
    b->chosen = calloc(all * (size_t)ndrawn, sizeof *b->chosen);
    if (b->primed && b->live && b->way && b->nway && b->done && b->ndone &&
        b->from && b->p && b->chosen)
        return 0;
    return rt_fail_memory(err, all * sizeof *b->way);
}

static void beam_free(Beam *b)
{
    for (int64_t i = 0; b->done && i < b->n * b->how->width; i++)
        told_free(&b->done[i]);
    free(b->primed);
    free(b->live);
    free(b->way);
    free(b->nway);
    free(b->done);
    free(b->ndone);
    free(b->from);
    free(b->p);
    free(b->chosen);
}

/* Steps until no row is left, or the user has had enough. */
static int search(Beam *b, int ndrawn, RtError *err)
{
    unsigned char *ended = malloc((size_t)(b->n * b->how->width));
    int64_t left = b->n;
    int bad = ended ? 0 : rt_fail_memory(err, (size_t)b->n);

    while (left && !bad && !(b->how->stop && *b->how->stop)) {
        for (int k = 0; k < ndrawn && !bad; k++)
            bad = expand(b, k, ndrawn, err);
        bad = bad || in_order(b, ndrawn, err) || sample_close(b->s, ended, err);
        left = bad ? 0 : sort_out(b, ended, err);
        bad |= left < 0;
    }
    for (int64_t r = 0; r < left && !bad; r++)
        bad = finish(b, r, 0, err);
    free(ended);
    return bad;
}

int beam_search(Sampler *s, const BeamHow *how, Told *out, int64_t *count,
                RtError *err)
{
    Beam b = {.s = s, .how = how, .n = sample_rows(s)};
    int ndrawn = 0, bad;

    while (sample_drawn(s, ndrawn) >= 0)
        ndrawn++;
    bad = beam_room(&b, ndrawn, err);
    for (int64_t r = 0; r < b.n && !bad; r++) {
        b.live[r].owner = r;
        b.primed[r] = sample_steps(s, r);
    }
    bad = bad || search(&b, ndrawn, err);
    for (int64_t r = 0; r < b.n && !bad; r++) {
        count[r] = b.ndone[r] < how->best ? b.ndone[r] : how->best;
        for (int64_t i = 0; i < count[r]; i++) {
            out[r * how->best + i] = b.done[r * how->width + i];
            b.done[r * how->width + i] = (Told){0};
        }
    }
    beam_free(&b);
    return bad ? -1 : 0;
}
