/* Drawing sequences, see sample.h. */
#include "sample.h"

#include "rng.h"

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
    double *a, *b; /* parameters of one step, and room to sort them */
} Drawn;

struct Sampler {
    RtSession *s;
    const RtData *given;
    Drawn *drawn;
    int n;
    int64_t at; /* steps behind */
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

static int find_all(Sampler *s, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        Drawn *w = &s->drawn[s->n];
        size_t room = 1;

        if (!is_drawn(d, i)) {
            if (!s->given || !data_field(s->given, d->tensor[i].name))
                return rt_fail(err,
                               "input %s is not drawn: give its values "
                               "with --in %s=FILE.npy",
                               d->tensor[i].name, d->tensor[i].name);
            continue;
        }
        s->n++;
        if (find_laws(d, i, w, err) || check_laws(d, w, err))
            return -1;
        w->size = model_size(&d->tensor[i]);
        for (int k = 0; k < d->ntensor; k++)
            if (d->tensor[k].of == i &&
                (size_t)model_size(&d->tensor[k]) > room)
                room = (size_t)model_size(&d->tensor[k]);
        w->value = calloc((size_t)w->size, sizeof *w->value);
        w->a = calloc(2 * room, sizeof *w->a);
        w->b = calloc(2 * room, sizeof *w->b);
        if (!w->value || !w->a || !w->b)
            return rt_fail_memory(err, room * sizeof *w->a);
    }
    if (!s->n)
        return rt_fail(err, "the model draws nothing: generating needs an "
                            "input with `~`");
    for (int i = 0; i < d->ntensor; i++)
        if (d->tensor[i].role == CELL_STATE &&
            d->tensor[i].flags & CELL_BACKWARD)
            return rt_fail(err,
                           "%s is swept from the end backward, so steps "
                           "cannot be drawn one after the other",
                           d->tensor[i].name);
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

static void put_reals(RtSession *s, int i, const double *v, int64_t n)
{
    void *at = session_place(s, i);

    for (int64_t k = 0; k < n; k++)
        if (s->desc->real_bytes == 8)
            ((double *)at)[k] = v[k];
        else
            ((float *)at)[k] = (float)v[k];
}

/* The next T steps of the inputs that are not drawn. */
static int put_given(Sampler *s, int64_t T, RtError *err)
{
    const CellDesc *d = s->s->desc;

    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const RtField *field =
            s->given ? data_field(s->given, d->tensor[i].name) : NULL;
        int64_t from, n = model_size(&d->tensor[i]);
        double *v;

        if (is_drawn(d, i))
            continue;
        from = field->is_static ? 0 : s->at;
        n *= field->is_static ? 1 : T;
        if (!field->is_static && s->at + T > field->count)
            return rt_fail(err,
                           "%s has %lld steps, generating has come to "
                           "step %lld",
                           field->from, (long long)field->count,
                           (long long)(s->at + T));
        v = malloc((size_t)n * sizeof *v);
        if (!v)
            return rt_fail_memory(err, (size_t)n * sizeof *v);
        for (int64_t k = 0; k < n; k++)
            v[k] = npy_value(field->type, field->data, from * field->size + k);
        put_reals(s->s, i, v, n);
        free(v);
    }
    return 0;
}

int sample_prime(Sampler *s, int64_t T, const double *const *value,
                 RtError *err)
{
    if (session_begin(s->s, T, 1, s->at == 0, err) || put_given(s, T, err))
        return -1;
    for (int k = 0; k < s->n; k++)
        session_set(s->s, s->drawn[k].input, value[k]);
    if (session_forward(s->s, err) || session_carry(s->s, err))
        return -1;
    s->at += T;
    return 0;
}

/* Numbers of Poisson's distribution below u, by going through them; where that
 * would take long it is close to the normal one. */
static double poisson(double rate, double u, double z)
{
    double p = exp(-rate), k = 0;

    if (rate > 500)
        return fmax(0, floor(rate + sqrt(rate) * z + 0.5));
    for (double sum = p; sum < u && k < 10000; sum += p)
        p *= rate / ++k;
    return k;
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
        return how->greedy ? floor(a)
                           : poisson(a, u, rt_normal(how->seed, stream, at));
    double yes = pow(a, 1 / how->temperature);
    double no = pow(1 - a, 1 / how->temperature);
    return how->greedy ? a > 0.5 : u * (yes + no) < yes;
}

/* Draws one name from what the last forward left. */
static void draw(Sampler *s, const SampleHow *how, int k)
{
    Drawn *w = &s->drawn[k];
    uint64_t stream = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k);
    uint64_t part = rt_stream(RT_STREAM_SAMPLE, (uint64_t)k + (1u << 20));
    uint64_t at = (uint64_t)(s->at * w->size);
    const Law *l = w->law;

    if (w->weight >= 0) {
        session_get(s->s, w->weight, 0, w->a);
        l += sample_class(how, w->a, w->nlaw, rt_uniform(how->seed, part, at),
                          w->b);
    }
    session_get(s->s, l->par[0], 0, w->a);
    int64_t na = session_count(s->s, l->par[0]), nb = 1;
    if (!strcmp(l->kind->name, "categorical")) {
        w->value[0] = (double)sample_class(
            how, w->a, na, rt_uniform(how->seed, stream, at), w->b);
        return;
    }
    if (l->kind->par[1]) {
        session_get(s->s, l->par[1], 0, w->b);
        nb = session_count(s->s, l->par[1]);
    }
    for (int64_t i = 0; i < w->size; i++)
        w->value[i] = draw_one(l->kind, how, w->a[na == 1 ? 0 : i],
                               w->b[nb == 1 ? 0 : i], stream, at + (uint64_t)i);
}

/* One step: as many rounds as there are drawn names, since one may depend on
 * another at the same step, then once more with all of them in place. */
static int step_once(Sampler *s, const SampleHow *how, RtError *err)
{
    const CellDesc *d = s->s->desc;

    if (session_begin(s->s, 1, 1, s->at == 0, err) || put_given(s, 1, err))
        return -1;
    for (int k = 0; k < s->n; k++) {
        const CellTensor *t = &d->tensor[s->drawn[k].input];

        for (int64_t i = 0; i < s->drawn[k].size; i++)
            s->drawn[k].value[i] =
                t->flags & CELL_INDEX && t->flags & CELL_OBSERVED ? -1 : 0;
        put_reals(s->s, s->drawn[k].input, s->drawn[k].value, s->drawn[k].size);
    }
    for (int round = 0; round < s->n; round++) {
        if (session_forward(s->s, err))
            return -1;
        for (int k = 0; k < s->n; k++) {
            draw(s, how, k);
            put_reals(s->s, s->drawn[k].input, s->drawn[k].value,
                      s->drawn[k].size);
        }
    }
    if (session_forward(s->s, err) || session_carry(s->s, err))
        return -1;
    s->at++;
    return 0;
}

int sample_run(Sampler *s, const SampleHow *how, int64_t steps,
               SampleStep *step, void *user, RtError *err)
{
    for (int64_t t = 0; t < steps; t++) {
        if (step_once(s, how, err))
            return -1;
        for (int k = 0; k < s->n; k++)
            if (step(user, t, k, s->drawn[k].value, err))
                return -1;
    }
    return 0;
}
