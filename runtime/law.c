/* Distributions by name, and draws from them; see law.h. */
#include "law.h"

#include "rng.h"
#include "vmath.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const LawKind law_kinds[] = {
    {"normal", {"mean", "sd"}},  {"laplace", {"mean", "scale"}},
    {"bernoulli", {"p", NULL}},  {"categorical", {"p", NULL}},
    {"poisson", {"rate", NULL}},
};
enum { NLAW = sizeof law_kinds / sizeof *law_kinds };

int law_is_drawn(const CellDesc *d, int i)
{
    for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
        if (d->tensor[k].of == i && d->tensor[k].what)
            return 1;
    return 0;
}

/* The law with this path, made where it is new. */
static Law *law_of(Laws *w, const char *path, size_t n)
{
    const char *name = path;

    for (int i = 0; i < w->n; i++)
        if (w->law[i].path_size == n && !memcmp(w->law[i].path, path, n))
            return &w->law[i];
    for (size_t i = 0; i < n; i++)
        if (path[i] == '.')
            name = path + i + 1;
    Law *l = &w->law[w->n++];
    *l = (Law){path, n, NULL, {-1, -1}};
    for (int k = 0; k < NLAW; k++)
        if (strlen(law_kinds[k].name) == (size_t)(path + n - name) &&
            !memcmp(law_kinds[k].name, name, (size_t)(path + n - name)))
            l->kind = &law_kinds[k];
    return l;
}

int law_find(const CellDesc *d, int i, Laws *w, RtError *err)
{
    *w = (Laws){.input = i, .weight = -1};
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

void law_free(Laws *w)
{
    free(w->law);
    *w = (Laws){0};
}

int law_check(const CellDesc *d, const Laws *w, RtError *err)
{
    const char *name = d->tensor[w->input].name;

    for (int i = 0; i < w->n; i++) {
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

int law_is_classes(const Laws *w)
{
    for (int i = 0; i < w->n; i++)
        if (!w->law[i].kind || strcmp(w->law[i].kind->name, "categorical"))
            return 0;
    return w->n > 0;
}

int64_t law_classes(const Laws *w, const RtSession *s,
                    const int64_t at[CELL_AXES], double *p, double *scratch)
{
    int64_t n = model_size(&s->desc->tensor[w->law[0].par[0]]);

    if (w->weight < 0) {
        session_read(s, w->law[0].par[0], at, p);
        return n;
    }
    for (int64_t c = 0; c < n; c++)
        p[c] = 0;
    for (int i = 0; i < w->n; i++) {
        session_read(s, w->weight, at, scratch);
        double weight = scratch[i];
        session_read(s, w->law[i].par[0], at, scratch);
        for (int64_t c = 0; c < n; c++)
            p[c] += weight * scratch[c];
    }
    return n;
}

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
    if (how->top_k > 0 && how->top_k < n) {
        n = how->top_k;
        low = sorted[n - 1];
        sum = 0; /* the rest is divided among these alone */
        for (int64_t i = 0; i < n; i++)
            sum += sorted[i];
    }
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

double law_draw(const LawKind *kind, const SampleHow *how, double a, double b,
                uint64_t seed, uint64_t stream, uint64_t at)
{
    double spread = how->greedy ? 0 : sqrt(how->temperature);
    double u = rt_uniform(seed, stream, at);

    if (!strcmp(kind->name, "normal"))
        return a + spread * b * rt_normal(seed, stream, at);
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
