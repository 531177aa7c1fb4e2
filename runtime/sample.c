/* Drawing sequences, see sample.h. */
#include "sample.h"

#include "rng.h"
#include "vmath.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A distribution by the words of the language, with its parameters. */
typedef struct LawKind {
    const char *name, *par[2];
} LawKind;

static const LawKind law_kinds[] = {
    {"normal", {"mean", "sd"}},  {"laplace", {"mean", "scale"}},
    {"bernoulli", {"p", NULL}},  {"categorical", {"p", NULL}},
    {"poisson", {"rate", NULL}},
};
enum { NLAW = sizeof law_kinds / sizeof *law_kinds };

/* One of them: "normal", or "mixture.2.normal", a part of a mixture. */
typedef struct Law {
    const char *path; /* of the parameters' names, path_size characters */
    size_t path_size;
    const LawKind *kind; /* NULL: nobody here can draw it */
    int par[2];          /* tensors, -1 where there is none */
} Law;

/* A drawn input and what it is drawn from. */
typedef struct Drawn {
    int input;
    int weight; /* tensor of the mixture's weights, or -1 */
    Law *law;   /* [nlaw] more than one in a mixture */
    int nlaw;
    int64_t size;  /* reals of one element */
    double *value; /* [size] drawn last */
    double *all;   /* several time axes: everything drawn, [room,size] */
    int64_t room;
    double *a, *b; /* parameters of one step, and room to sort them */
} Drawn;

struct Sampler {
    RtSession *s;
    const RtData *given;
    Drawn *drawn;
    int n;
    int axis;    /* time axis along which steps are drawn */
    int whole;   /* several axes: each step runs all those behind it again */
    int64_t at;  /* steps behind */
    int64_t seq; /* of what is given */
};

/* Sorting of classes by falling probability. */
static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The smallest probability that --top-k and --top-p leave. */
static double threshold(const SampleHow *how, const double *p, int64_t n,
                        double sum, double *sorted)
{
    double low = 0, so_far = 0;

    if (how->top_k <= 0 && how->top_p >= 1)
        return 0;
    memcpy(sorted, p, (size_t)n * sizeof *p);
    qsort(sorted, (size_t)n, sizeof *sorted, falling);
    if (how->top_k > 0 && how->top_k < n)
        low = sorted[how->top_k - 1];
    for (int64_t i = 0; i < n && how->top_p < 1; i++) {
        so_far += sorted[i] / sum;
        if (so_far >= how->top_p)
            return sorted[i] > low ? sorted[i] : low;
    }
    return low;
}

int64_t sample_class(const SampleHow *how, const double *p, int64_t n, double u,
                     double *scratch)
{
    double *w = scratch, sum = 0, low, at;
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (p[i] > p[best])
            best = i;
    if (how->greedy)
        return best;
    for (int64_t i = 0; i < n; i++) {
        /* relative to the largest, so that small temperatures do not vanish */
        w[i] = p[i] > 0 ? exp(log(p[i] / p[best]) / how->temperature) : 0;
        sum += w[i];
    }
    low = threshold(how, w, n, sum, scratch + n);
    sum = 0;
    for (int64_t i = 0; i < n; i++) {
        w[i] = w[i] >= low ? w[i] : 0;
        sum += w[i];
    }
    at = u * sum;
    for (int64_t i = 0; i < n; i++) {
        at -= w[i];
        if (at < 0 && w[i] > 0)
            return i;
    }
    return best;
}

void sample_free(Sampler *s)
{
    if (!s)
        return;
    for (int k = 0; k < s->n; k++) {
        free(s->drawn[k].law);
        free(s->drawn[k].value);
        free(s->drawn[k].all);
        free(s->drawn[k].a);
        free(s->drawn[k].b);
    }
    free(s->drawn);
    session_free(s->s);
    free(s);
}

static int is_drawn(const CellDesc *d, int i)
{
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
        if (d->tensor[k].of == i && d->tensor[k].what)
            return 1;
    return 0;
}

/* The law with this path, made where it is new. */
static Law *law_of(Drawn *w, const char *path, size_t n)
{
    const char *name = path;

    for (int i = 0; i < w->nlaw; i++)
        if (w->law[i].path_size == n && !memcmp(w->law[i].path, path, n))
            return &w->law[i];
    for (size_t i = 0; i < n; i++)
        if (path[i] == '.')
            name = path + i + 1;
    Law *l = &w->law[w->nlaw++];
    *l = (Law){path, n, NULL, {-1, -1}};
    for (int k = 0; k < NLAW; k++)
        if (strlen(law_kinds[k].name) == (size_t)(path + n - name) &&
            !memcmp(law_kinds[k].name, name, (size_t)(path + n - name)))
            l->kind = &law_kinds[k];
    return l;
}

/* Finds what input i is drawn from. */
static int find_laws(const CellDesc *d, int i, Drawn *w, RtError *err)
{
    *w = (Drawn){.input = i, .weight = -1};
    w->law = calloc((size_t)d->ntensor, sizeof *w->law);
    if (!w->law)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *w->law);
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;) {
        const char *what = d->tensor[k].what;
        const char *dot = what ? strrchr(what, '.') : NULL;

        if (d->tensor[k].of != i || !dot)
            continue;
        if (!strcmp(what, "mixture.w")) {
            w->weight = k;
            continue;
        }
        Law *l = law_of(w, what, (size_t)(dot - what));
        for (int p = 0; l->kind && p < 2 && l->kind->par[p]; p++)
            if (!strcmp(l->kind->par[p], dot + 1))
                l->par[p] = k;
    }
    return 0;
}

static int check_laws(const CellDesc *d, const Drawn *w, RtError *err)
{
    const char *name = d->tensor[w->input].name;

    for (int i = 0; i < w->nlaw; i++) {
        const Law *l = &w->law[i];
        if (!l->kind)
            return rt_fail(err,
                           "%s cannot be drawn from %.*s: only its "
                           "likelihood is known",
                           name, (int)l->path_size, l->path);
        for (int p = 0; p < 2 && l->kind->par[p]; p++)
            if (l->par[p] < 0)
                return rt_fail(err, "%s: %s has no %s to draw with", name,
                               l->kind->name, l->kind->par[p]);
    }
    return 0;
}

/* The time axis of what is drawn. */
static int drawn_axis(Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;
    int known = 0;

    s->whole = d->ntime > 1;
    for (int k = 0; k < s->n; k++) {
        const CellTensor *t = &d->tensor[s->drawn[k].input];
        int axis = cell_only_time(t->axes);

        if (axis == CELL_MANY_TIMES || (known && axis != s->axis))
            return rt_fail(err,
                           "%s: everything that is drawn must go along "
                           "one time axis",
                           t->name);
        if (axis == CELL_NO_TIME && s->whole)
            return rt_fail(err,
                           "%s is drawn once per sequence, which a model "
                           "with several time axes cannot do yet",
                           t->name);
        s->axis = axis < 0 ? 0 : axis;
        known = axis >= 0;
    }
    return 0;
}

static int add_drawn(Sampler *s, int i, RtError *err)
{
    const CellDesc *d = s->s->desc;
    Drawn *w = &s->drawn[s->n++];
    size_t room = 1;

    if (find_laws(d, i, w, err) || check_laws(d, w, err))
        return -1;
    w->size = model_size(&d->tensor[i]);
    for (int k = 0; k < d->ntensor; k++)
        if (d->tensor[k].of == i && (size_t)model_size(&d->tensor[k]) > room)
            room = (size_t)model_size(&d->tensor[k]);
    w->value = calloc((size_t)w->size, sizeof *w->value);
    w->a = calloc(2 * room, sizeof *w->a);
    w->b = calloc(2 * room, sizeof *w->b);
    return w->value && w->a && w->b ? 0
                                    : rt_fail_memory(err, room * sizeof *w->a);
}

/* What is swept from the end needs steps that are still to be drawn. */
static int looks_ahead(const Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;
    const char *name = d->tensor[s->drawn[0].input].name;

    for (int i = 0; i < d->ntensor; i++)
        if (d->tensor[i].role == CELL_STATE &&
            d->tensor[i].flags & CELL_BACKWARD && d->tensor[i].axis == s->axis)
            return rt_fail(err,
                           "%s cannot be drawn step by step: %s is swept from "
                           "the end backward; for inputs that are all known, "
                           "`predict` gives what %s would be drawn from",
                           name, d->tensor[i].name, name);
    return 0;
}

static int find_all(Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (is_drawn(d, i) && add_drawn(s, i, err))
            return -1;
    if (!s->n)
        return rt_fail(err, "the model draws nothing: generating needs an "
                            "input with `~`");
    if (drawn_axis(s, err) || looks_ahead(s, err))
        return -1;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (!is_drawn(d, i) &&
            (!s->given || !data_field(s->given, d->tensor[i].name)))
            return rt_fail(err,
                           "input %s is not drawn: give its values with --in "
                           "%s=FILE.npy",
                           d->tensor[i].name, d->tensor[i].name);
    return 0;
}

Sampler *sample_new(RtModel *m, const RtData *given, RtError *err)
{
    Sampler *s = calloc(1, sizeof *s);

    if (s) {
        s->given = given;
        s->s = session_new(m, err);
        s->drawn = calloc((size_t)m->desc->ntensor + 1, sizeof *s->drawn);
    }
    if (!s || !s->drawn) {
        sample_free(s);
        rt_fail_memory(err, sizeof *s);
        return NULL;
    }
    if (!s->s || find_all(s, err)) {
        sample_free(s);
        return NULL;
    }
    return s;
}

int sample_drawn(const Sampler *s, int k)
{
    return k < s->n ? s->drawn[k].input : -1;
}

void sample_restart(Sampler *s, int64_t sequence)
{
    s->at = 0;
    s->seq = sequence;
    for (int k = 0; k < s->n; k++)
        s->drawn[k].room = 0; /* what it holds was drawn before */
}

static void put_reals(RtSession *s, int i, const double *v, int64_t n)
{
    void *at = session_place(s, i);

    for (int64_t k = 0; k < n; k++)
        if (s->desc->real_bytes == 8)
            ((double *)at)[k] = v[k];
        else
            ((float *)at)[k] = (float)v[k];
}

/* Steps of the given sequence along an axis. */
static int64_t steps_given(const Sampler *s, int axis)
{
    return s->given ? data_steps(s->given, axis, s->seq) : 1;
}

/* Steps along axis k: of what is drawn those behind and the next, else all that
 * the inputs have; where another axis gives them, what follows from that. */
static int64_t steps_along(const Sampler *s, int k, int64_t next)
{
    const CellDesc *d = s->s->desc;

    if (d->like[k] >= 0)
        return cell_steps(d, k, steps_along(s, d->like[k], next));
    return k == s->axis ? s->at + next : steps_given(s, k);
}

/* Whether another axis says how many steps are drawn. */
static int follows(const Sampler *s)
{
    return s->s->desc->like[s->axis] >= 0;
}

/* Steps from+1 .. from+T of input i, which is not drawn. */
static int give(Sampler *s, int i, int64_t from, int64_t T, RtError *err)
{
    const CellTensor *t = &s->s->desc->tensor[i];
    const RtField *field = data_field(s->given, t->name);
    int64_t n = model_size(t);
    double *v;

    if (!field->is_static && from + T > steps_given(s, field->axis))
        return rt_fail(err,
                       "%s has %lld steps, generating has come to "
                       "step %lld",
                       field->from, (long long)steps_given(s, field->axis),
                       (long long)(from + T));
    n *= field->is_static ? 1 : T;
    from = field->is_static
               ? s->seq
               : from + s->given->steps[field->axis].offset[s->seq];
    v = malloc((size_t)n * sizeof *v);
    if (!v)
        return rt_fail_memory(err, (size_t)n * sizeof *v);
    for (int64_t k = 0; k < n; k++)
        v[k] = data_value(field, from * field->size + k);
    put_reals(s->s, i, v, n);
    free(v);
    return 0;
}

/* The next T steps of the inputs that are not drawn. */
static int put_given(Sampler *s, int64_t T, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (!is_drawn(d, i) && give(s, i, s->at, T, err))
            return -1;
    return 0;
}

/* The value of drawn name k at the present step. */
static void put_drawn(Sampler *s, int k)
{
    Drawn *w = &s->drawn[k];

    if (s->whole)
        memcpy(w->all + s->at * w->size, w->value,
               (size_t)w->size * sizeof *w->value);
    else
        put_reals(s->s, w->input, w->value, w->size);
}

/* What stands for a value of name k that is not drawn yet. */
static double missing(const Sampler *s, int k)
{
    int flags = s->s->desc->tensor[s->drawn[k].input].flags;

    return flags & CELL_INDEX && flags & CELL_OBSERVED ? -1 : 0;
}

/* Room for one more step of everything drawn, or for all where another axis
 * says how many there are. */
static int grow(Sampler *s, RtError *err)
{
    for (int k = 0; k < s->n; k++) {
        Drawn *w = &s->drawn[k];
        int64_t steps = follows(s) ? steps_along(s, s->axis, 1) : s->at;
        int64_t room = 2 * steps + 16;
        double *more;

        if (steps < w->room)
            continue;
        more = realloc(w->all, (size_t)(room * w->size) * sizeof *more);
        if (!more)
            return rt_fail_memory(err, (size_t)(room * w->size) * 8);
        w->all = more;
        for (int64_t i = w->room * w->size; i < room * w->size; i++)
            more[i] = missing(s, k);
        w->room = room;
    }
    return 0;
}

int sample_prime(Sampler *s, int64_t T, const double *const *value,
                 RtError *err)
{
    for (int64_t t = 0; s->whole && t < T; t++, s->at++) {
        if (grow(s, err))
            return -1;
        for (int k = 0; k < s->n; k++) {
            Drawn *w = &s->drawn[k];
            memcpy(w->value, value[k] + t * w->size,
                   (size_t)w->size * sizeof *w->value);
            put_drawn(s, k);
        }
    }
    if (s->whole)
        return 0;
    if (session_begin(s->s, T, 1, s->at == 0, err) || put_given(s, T, err))
        return -1;
    for (int k = 0; k < s->n; k++)
        session_set(s->s, s->drawn[k].input, value[k]);
    if (session_forward(s->s, err) ||
        session_carry(s->s, s->s->n[CELL_AT_T], err))
        return -1;
    s->at += T;
    return 0;
}

/* Where the present step lies in `all` reals, n for each step: it is the last
 * but where another axis says how many there are. */
static int64_t present(const Sampler *s, int64_t all, int64_t n)
{
    int64_t last = all - n;

    return follows(s) && s->at * n < last ? s->at * n : last;
}

/* The parameters in tensor i for the present step; returns how many there are.
 */
static int64_t present_step(const Sampler *s, int i, double *to, RtError *err)
{
    int64_t n = model_size(&s->s->desc->tensor[i]);
    int64_t all = session_count(s->s, i);
    double *v = malloc((size_t)all * sizeof *v);

    if (!v)
        return rt_fail_memory(err, (size_t)all * sizeof *v);
    session_get(s->s, i, 0, v);
    memcpy(to, v + present(s, all, n), (size_t)n * sizeof *to);
    free(v);
    return n;
}

/* One element from a and b, the parameters of its law. */
static double draw_one(const LawKind *kind, const SampleHow *how, double a,
                       double b, uint64_t stream, uint64_t at)
{
    double spread = how->greedy ? 0 : sqrt(how->temperature);
    double u = rt_uniform(how->seed, stream, at);

    if (!strcmp(kind->name, "normal"))
        return a + spread * b * rt_normal(how->seed, stream, at);
    if (!strcmp(kind->name, "laplace")) {
        double side = u < 0.5 ? -1 : 1;
        return a - spread * b * side * log(1 - 2 * fabs(u - 0.5));
    }
    if (!strcmp(kind->name, "poisson"))
        return how->greedy ? floor(a) : vm_poisson_quantile(u, a);
    double yes = pow(a, 1 / how->temperature);
    double no = pow(1 - a, 1 / how->temperature);
    return how->greedy ? a > 0.5 : u * (yes + no) < yes;
}

/* Draws one name from what the last forward left. */
static int draw(Sampler *s, const SampleHow *how, int k, RtError *err)
{
    Drawn *w = &s->drawn[k];
    uint64_t stream = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k);
    uint64_t part = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k + (1u << 20));
    uint64_t at = (uint64_t)(s->at * w->size);
    const Law *l = w->law;
    int64_t na, nb = 1;

    if (w->weight >= 0) {
        if (present_step(s, w->weight, w->a, err) < 0)
            return -1;
        l += sample_class(how, w->a, w->nlaw, rt_uniform(how->seed, part, at),
                          w->b);
    }
    na = present_step(s, l->par[0], w->a, err);
    if (na < 0)
        return -1;
    if (!strcmp(l->kind->name, "categorical")) {
        w->value[0] = (double)sample_class(
            how, w->a, na, rt_uniform(how->seed, stream, at), w->b);
        return 0;
    }
    if (l->kind->par[1])
        nb = present_step(s, l->par[1], w->b, err);
    if (nb < 0)
        return -1;
    for (int64_t i = 0; i < w->size; i++)
        w->value[i] = draw_one(l->kind, how, w->a[na == 1 ? 0 : i],
                               w->b[nb == 1 ? 0 : i], stream, at + (uint64_t)i);
    return 0;
}

/* Runs the whole sequence with `next` more steps, whose drawn values lie in
 * `all` already. */
static int run_whole(Sampler *s, int64_t next, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int k = 1; k < d->ntime; k++)
        session_steps(s->s, k, steps_along(s, k, next));
    if (session_begin(s->s, steps_along(s, 0, next), 1, 1, err))
        return -1;
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        int axis = cell_only_time(t->axes);
        int64_t n = axis < 0 ? 1 : s->s->n[cell_time_at(axis)];

        if (!is_drawn(d, i) && give(s, i, 0, n, err))
            return -1;
    }
    for (int k = 0; k < s->n; k++)
        session_set(s->s, s->drawn[k].input, s->drawn[k].all);
    return session_forward(s->s, err);
}

/* As many rounds as there are drawn names, since one may depend on another at
 * the same step, then once more with all of them in place. */
static int step_rounds(Sampler *s, const SampleHow *how, RtError *err)
{
    if (s->whole ? grow(s, err)
                 : session_begin(s->s, 1, 1, s->at == 0, err) ||
                       put_given(s, 1, err))
        return -1;
    for (int k = 0; k < s->n; k++) {
        for (int64_t i = 0; i < s->drawn[k].size; i++)
            s->drawn[k].value[i] = missing(s, k);
        put_drawn(s, k);
    }
    for (int round = 0; round < s->n; round++) {
        if (s->whole ? run_whole(s, 1, err) : session_forward(s->s, err))
            return -1;
        for (int k = 0; k < s->n; k++) {
            if (draw(s, how, k, err))
                return -1;
            put_drawn(s, k);
        }
    }
    return s->whole ? run_whole(s, 1, err)
                    : session_forward(s->s, err) ||
                          session_carry(s->s, s->s->n[CELL_AT_T], err);
}

/* Whether the step just drawn ends the sequence. */
static int stops(const Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;
    int stop = 0;

    for (int i = -1; (i = model_next(d, CELL_STOP, i)) >= 0;) {
        int64_t n = session_count(s->s, i);
        double *v = malloc((size_t)n * sizeof *v);

        if (!v)
            return rt_fail_memory(err, (size_t)n * sizeof *v);
        session_get(s->s, i, 0, v);
        stop |= cell_only_time(d->tensor[i].axes) == s->axis &&
                v[present(s, n, 1)] != 0;
        free(v);
    }
    return stop;
}

int sample_run(Sampler *s, const SampleHow *how, int64_t steps,
               SampleStep *step, void *user, int64_t *done, RtError *err)
{
    if (follows(s) && steps > steps_along(s, s->axis, 0) - s->at)
        steps = steps_along(s, s->axis, 0) - s->at;
    for (*done = 0; *done < steps;) {
        int stop;

        if (step_rounds(s, how, err))
            return -1;
        stop = stops(s, err);
        for (int k = 0; k < s->n && stop >= 0; k++)
            if (step(user, *done, k, s->drawn[k].value, stop, err))
                return -1;
        if (stop < 0)
            return -1;
        s->at++;
        ++*done;
        if (stop)
            break;
    }
    return 0;
}
