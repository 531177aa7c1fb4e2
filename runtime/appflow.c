/* The verb gradflow: what is computed, see appflow.h. */
#include "appflow.h"

#include "singular.h"

#include <stdlib.h>
#include <string.h>

typedef struct Work {
    const FlowTask *t;
    RtFeed *feed; /* where there are data */
} Work;

/* ---- names ---- */

/* The name itself, or the only one that ends so: c for value.c; -1. */
static int find_name(const char *const *known, int n, const char *name)
{
    size_t end = strlen(name);
    int found = -1, many = 0;

    for (int i = 0; i < n; i++) {
        size_t all = strlen(known[i]);

        if (!strcmp(known[i], name))
            return i;
        if (all > end && known[i][all - end - 1] == '.' &&
            !strcmp(known[i] + all - end, name)) {
            found = i;
            many++;
        }
    }
    return many == 1 ? found : -1;
}

static int no_such(const char *const *known, int n, const char *name,
                   const char *what)
{
    const char *near = flags_nearest(name, known, n);

    say_error("there is no %s %s%s%s%s", what, name,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    for (int i = 0; i < n; i++)
        fprintf(stderr, "%s %s", i ? "" : "  there are:", known[i]);
    if (n)
        fputc('\n', stderr);
    return EXIT_USER;
}

int app_flow_pick(const Flags *f, const char *flag, const char *what,
                  const char *const *known, int n, char ***picked, int *npicked)
{
    int given = flags_given(f, flag), count = given ? given : n;

    *npicked = 0;
    *picked = calloc((size_t)count + 1, sizeof **picked);
    for (int i = 0; *picked && i < count; i++) {
        const char *name = given ? flags_each(f, flag, i) : known[i];
        int k = find_name(known, n, name);

        if (k < 0)
            return no_such(known, n, name, what);
        (*picked)[(*npicked)++] = strdup(known[k]);
    }
    return *picked ? 0 : EXIT_BUG;
}

void app_flow_names_free(char **name, int n)
{
    for (int i = 0; name && i < n; i++)
        free(name[i]);
    free(name);
}

/* ---- sequences ---- */

/* Whole sequences, or windows of the one that there is. */
static int open_feed(Work *w, RtError *err)
{
    const FlowTask *t = w->t;
    RtFeedOptions o = {.to = 1, .batch = 1, .seed = t->seed, .shuffle = 1};

    if (t->data->nseq == 1 && t->data->steps[0].length[0] > t->steps)
        o.window = o.hop = t->steps;
    w->feed = feed_open(t->data, &o, err);
    return w->feed ? 0 : -1;
}

static int from_feed(const Work *w, const CellDesc *d, int64_t k,
                     FlowData *data, RtError *err)
{
    RtBatch b;

    if (feed_batch(w->feed, 0, k, &b, err))
        return -1;
    if (b.T > w->t->steps)
        b.T = w->t->steps;
    data->steps[0] = b.T;
    for (int axis = 1; axis < d->ntime; axis++)
        feed_lengths_along(w->feed, &b, axis, 0, 1, &data->steps[axis]);
    data->value = calloc((size_t)d->ntensor + 1, sizeof *data->value);
    if (!data->value)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *data->value);
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        const RtField *field = data_field(w->t->data, t->name);
        int64_t n = model_size(t);

        if (flow_own_input(t))
            continue;
        if (!field)
            return rt_fail(err, "there are no data for %s", t->name);
        for (int axis = 0; axis < CELL_TIMES; axis++)
            n *= t->axes & cell_time(axis) ? data->steps[axis] : 1;
        data->value[i] = calloc((size_t)n + 1, sizeof(double));
        if (!data->value[i])
            return rt_fail_memory(err, (size_t)n * sizeof(double));
        feed_fill(w->feed, &b, field, 0, 1, 8, data->value[i]);
    }
    return 0;
}

static int sequence(const Work *w, const CellDesc *d, int64_t k, FlowData *data,
                    RtError *err)
{
    int64_t T = w->t->steps;

    *data = (FlowData){NULL, {T, T, T}};
    return w->feed ? from_feed(w, d, k, data, err)
                   : flow_random(d, data, w->t->seed + (uint64_t)k, err);
}

static int64_t sequences(const Work *w)
{
    int64_t wanted = w->t->sequences;

    return w->feed && feed_rows(w->feed) < wanted ? feed_rows(w->feed) : wanted;
}

static RtModel *weights(const Work *w, const CellDesc *d, RtError *err)
{
    RtModel *m = model_new(d, err);

    if (m && (w->t->from ? checkpoint_weights(w->t->from, m, err)
                         : model_init(m, w->t->seed, &w->t->init, err))) {
        model_free(m);
        m = NULL;
    }
    return m;
}

/* ---- what is found ---- */

static int64_t units_of(const CellDesc *d, const char *state)
{
    char *name = rt_printf("up.final.%s", state);
    int i = name ? model_find(d, CELL_INPUT, name) : -1;

    free(name);
    return i < 0 ? 0 : model_size(&d->tensor[i]);
}

static int find_flows(const Work *w, FlowResult *r, RtError *err)
{
    RtModel *m = weights(w, w->t->flow, err);
    int bad = !m;

    r->flow = calloc((size_t)w->t->nstate + 1, sizeof *r->flow);
    r->size = calloc((size_t)w->t->nstate + 1, sizeof *r->size);
    for (; r->flow && r->size && r->n < w->t->nstate; r->n++) {
        Flow *f = &r->flow[r->n];

        f->of = w->t->state[r->n];
        f->by = w->t->by ? w->t->by : f->of;
        r->size[r->n] = units_of(w->t->flow, f->of);
    }
    for (int64_t k = 0; k < sequences(w) && !bad; k++) {
        FlowData data;

        bad = sequence(w, m->desc, k, &data, err);
        for (int i = 0; i < r->n && !bad; i++)
            bad = flow_add(&r->flow[i], m, &data, err);
        flow_data_free(m->desc, &data);
    }
    for (int i = 0; i < r->n && !bad; i++) {
        flow_mean(&r->flow[i]);
        r->steps = r->flow[i].lags > r->steps ? r->flow[i].lags : r->steps;
    }
    model_free(m);
    return bad ? -1 : 0;
}

/* Norms of the mean of n gradients, whose sum this is, and of the weights. */
static int list_params(const RtModel *m, const double *sum, int64_t n,
                       FlowResult *r, RtError *err)
{
    const CellDesc *d = m->desc;
    int64_t at = 0;

    r->param = calloc((size_t)d->ntensor + 1, sizeof *r->param);
    if (!r->param)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *r->param);
    for (int i = -1; (i = model_next(d, CELL_PARAM, i)) >= 0;) {
        FlowParam *p = &r->param[r->nparam];
        double *v;

        p->size = model_size(&d->tensor[i]);
        p->name = strdup(d->tensor[i].name);
        v = malloc((size_t)(p->size + 1) * sizeof *v);
        r->nparam++;
        if (!v || !p->name) {
            free(v);
            return rt_fail_memory(err, (size_t)p->size * sizeof *v);
        }
        model_get(m, i, v);
        p->weight = frobenius_norm(v, p->size);
        p->gradient = frobenius_norm(sum + at, p->size) / (double)n;
        at += p->size;
        free(v);
    }
    return 0;
}

/* Adds the gradient of one sequence, parameter behind parameter. */
static int add_gradient(RtSession *s, const FlowData *data, double *sum,
                        RtError *err)
{
    int64_t at = 0;

    if (flow_begin(s, data, 1, err) || session_forward(s, err) ||
        session_backward(s, err))
        return -1;
    for (int i = -1; (i = model_next(s->desc, CELL_PARAM, i)) >= 0;) {
        int64_t n = model_size(&s->desc->tensor[i]);
        double *g = malloc((size_t)(n + 1) * sizeof *g);

        if (!g)
            return rt_fail_memory(err, (size_t)n * sizeof *g);
        model_get_grad(s->model, i, g);
        for (int64_t k = 0; k < n; k++)
            sum[at + k] += g[k];
        at += n;
        free(g);
    }
    return 0;
}

static int find_params(const Work *w, FlowResult *r, RtError *err)
{
    RtModel *m = weights(w, w->t->loss, err);
    double *sum =
        m ? calloc((size_t)m->desc->param_size + 1, sizeof *sum) : NULL;
    RtSession *s = sum ? session_new(m, err) : NULL;
    int bad = !s;

    for (int64_t k = 0; k < sequences(w) && !bad; k++) {
        FlowData data;

        bad = sequence(w, m->desc, k, &data, err) ||
              add_gradient(s, &data, sum, err);
        flow_data_free(m->desc, &data);
    }
    bad = bad || list_params(m, sum, sequences(w), r, err);
    session_free(s);
    free(sum);
    model_free(m);
    return bad ? -1 : 0;
}

/* ---- the verb ---- */

static void result_free(FlowResult *r)
{
    for (int i = 0; i < r->n; i++)
        flow_free(&r->flow[i]);
    free(r->flow);
    free(r->size);
    for (int i = 0; i < r->nparam; i++)
        free(r->param[i].name);
    free(r->param);
}

static int report(const FlowResult *r, const Flags *f)
{
    int code = 0;

    if (flags_given(f, "json"))
        code = flow_print_json(r);
    else if (flags_given(f, "csv"))
        flow_print_csv(r);
    else
        flow_print(r);
    return code ? code : flow_plot(r, f);
}

int app_flow(const FlowTask *t, const Flags *f)
{
    Work w = {.t = t};
    FlowResult r = {
        .model = t->model, .trained = t->from != NULL, .real = t->data != NULL};
    RtError err = {0};
    int bad = (t->data && open_feed(&w, &err)) || find_flows(&w, &r, &err) ||
              (t->loss && find_params(&w, &r, &err));
    int code;

    r.sequences = bad ? 0 : sequences(&w);
    code = bad ? app_fail(&err) : report(&r, f);
    result_free(&r);
    feed_free(w.feed);
    return code;
}

const Flag app_flow_flags[] = {
    {"state", "NAME", NULL, NULL,
     "which one (`info` lists them); again for others; else all"},
    {"by", "NAME", NULL, NULL,
     "derivative by another state or a real input instead"},
    {"seed", "N", "1", NULL, "of start values, made-up data, choice of data"},
    {"csv", NULL, NULL, NULL, "every lag, as CSV"},
    {"plot", "FILE", NULL, NULL,
     ".png or .svg; else in the terminal where there is one; or none"},
    {NULL, NULL, NULL, NULL, NULL}};
