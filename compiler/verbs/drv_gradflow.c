/* The verb gradflow: how a gradient travels through time, for the states of a
 * spec, a cell of the library or a trained model, on data or on made-up
 * sequences; and the gradient of the loss by each parameter. */
#include "drv_flow.h"
#include "drv_sized.h"

#include "../../runtime/singular.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Work {
    const Flags *f;
    int hosted; /* the host has it: a checkpoint, or a spec with data */
    DrvHost host;
    DrvSized sized; /* else: made-up data of this shape */
    DrvShape shape;
    Checkpoint from; /* what its weights are from, if `trained` */
    int trained;
    RtData data; /* if there are some: */
    RtFeed *feed;
    uint64_t seed;
    char **state; /* what is asked for */
    int nstate;
    char *by; /* NULL: each by itself */
} Work;

/* ---- opening ---- */

static int open_again(Work *w, Drv *d)
{
    int code = w->hosted ? drv_host_again(&w->host, d, w->f)
                         : drv_sized_open(d, &w->sized, &w->shape);

    if (!code)
        code = drv_code(cellc_set(d->c, "double", "1"));
    return code ? code : drv_code(cellc_check(d->c));
}

/* Whole sequences, or windows of the one that there is. */
static int open_feed(Work *w)
{
    RtFeedOptions o = {.to = 1, .batch = 1, .seed = w->seed, .shuffle = 1};
    RtError err = {0};

    if (w->data.nseq == 1 &&
        w->data.steps[0].length[0] > w->shape.n[SHAPE_STEPS])
        o.window = o.hop = w->shape.n[SHAPE_STEPS];
    w->feed = feed_open(&w->data, &o, &err);
    return w->feed ? 0 : drv_fail(&err);
}

static int open_hosted(Work *w, const char *path, const char *data)
{
    AppHost *h = &w->host.app;
    int code = w->trained ? app_load(h, w->f, app_data_flags, path, &w->from)
                          : h->open(h, w->f, path, NULL);

    w->hosted = 1;
    if (!code && !w->trained)
        code = app_settings(h, w->f, app_data_flags, NULL);
    if (!code &&
        (data || flags_given(w->f, "in") || flags_given(w->f, "file"))) {
        code = app_data(h, w->f, data, &w->data);
        if (!code)
            code = open_feed(w);
    }
    return code;
}

static int open_model(Work *w)
{
    const char *path = flags_arg(w->f, 0), *data = flags_arg(w->f, 1);
    int cell = !drv_is_file(path);
    long seed = 1;
    int code = drv_shape(flags_get(w->f, "shape"), cell, &w->shape);

    if (!code)
        code = flags_long(w->f, "seed", 0, 1L << 62, &seed);
    if (code)
        return code;
    w->seed = (uint64_t)seed;
    w->trained = drv_is_checkpoint(path);
    if (w->trained || (!cell && data))
        return open_hosted(w, path, data);
    if (data) {
        say_error("%s is a cell; data need a model: write a spec that applies "
                  "it",
                  path);
        return EXIT_USAGE;
    }
    return drv_sized_read(&w->sized, w->f, path);
}

/* ---- which states ---- */

static int is_flowing(const CellcDecl *d)
{
    return d->role == CELL_STATE && !d->given && !(d->flags & CELL_INDEX) &&
           cell_only_time(d->axes) >= 0;
}

static int find_decl(const Drv *d, const char *name, int inputs)
{
    for (int i = 0; i < cellc_decl_count(d->c); i++) {
        const CellcDecl *decl = cellc_decl(d->c, i);

        if (!strcmp(decl->name, name) &&
            (is_flowing(decl) || (inputs && decl->role == CELL_INPUT &&
                                  !(decl->flags & CELL_INDEX))))
            return i;
    }
    return -1;
}

static int no_state(const Drv *d, const char *name, int inputs)
{
    int n = cellc_decl_count(d->c), k = 0;
    const char **known = calloc((size_t)n + 1, sizeof *known), *near;

    for (int i = 0; known && i < n; i++)
        if (find_decl(d, cellc_decl(d->c, i)->name, inputs) == i)
            known[k++] = cellc_decl(d->c, i)->name;
    near = known ? flags_nearest(name, known, k) : NULL;
    say_error("there is no state %s%s%s%s%s", inputs ? "or real input " : "",
              name, near ? "; did you mean " : "", near ? near : "",
              near ? "?" : "");
    for (int i = 0; i < k; i++)
        fprintf(stderr, "%s %s", i ? "" : "  there are:", known[i]);
    if (k)
        fputc('\n', stderr);
    free(known);
    return EXIT_USER;
}

/* The state of that name, or the only one that ends so: c for value.c. */
static const char *full_name(const Drv *d, const char *name)
{
    const char *found = name;
    int n = 0;

    for (int i = 0; i < cellc_decl_count(d->c); i++) {
        const char *other = cellc_decl(d->c, i)->name;
        size_t all = strlen(other), end = strlen(name);

        if (!is_flowing(cellc_decl(d->c, i)))
            continue;
        if (!strcmp(other, name))
            return name;
        if (all > end && other[all - end - 1] == '.' &&
            !strcmp(other + all - end, name)) {
            found = other;
            n++;
        }
    }
    return n == 1 ? found : name;
}

/* The states of --state, else all of them. */
static int list_states(Work *w, const Drv *d)
{
    int given = flags_given(w->f, "state"), all = cellc_decl_count(d->c);

    w->state = calloc((size_t)(given + all) + 1, sizeof *w->state);
    if (!w->state)
        return EXIT_BUG;
    for (int i = 0; i < given; i++) {
        const char *name = full_name(d, flags_each(w->f, "state", i));

        if (find_decl(d, name, 0) < 0)
            return no_state(d, name, 0);
        w->state[w->nstate++] = strdup(name);
    }
    for (int i = 0; i < all && !given; i++)
        if (is_flowing(cellc_decl(d->c, i)))
            w->state[w->nstate++] = strdup(cellc_decl(d->c, i)->name);
    if (!w->nstate) {
        say_error("%s has no state: nothing is read at an earlier step",
                  flags_arg(w->f, 0));
        return EXIT_USER;
    }
    if (flags_given(w->f, "by")) {
        const char *name = full_name(d, flags_get(w->f, "by"));

        if (find_decl(d, name, 1) < 0)
            return no_state(d, name, 1);
        w->by = strdup(name);
    }
    return 0;
}

static int set_flow(const Work *w, Drv *d)
{
    const char *by = w->by;
    int code = drv_code(cellc_set(d->c, "inputgrad", "1"));

    for (int i = 0; i < w->nstate && !code; i++) {
        char *last = rt_printf("final.%s", w->state[i]);

        code = last ? drv_code(cellc_set(d->c, "upstream", last)) : EXIT_BUG;
        if (!code)
            code = drv_code(cellc_set(d->c, "flow", w->state[i]));
        free(last);
    }
    for (int i = 0; i < w->nstate && by; i++)
        if (!strcmp(w->state[i], by))
            by = NULL;
    if (!code && by && find_decl(d, by, 0) >= 0)
        code = drv_code(cellc_set(d->c, "flow", by));
    return code;
}

/* ---- sequences ---- */

static int from_feed(const Work *w, const CellDesc *d, int64_t k,
                     FlowData *data, RtError *err)
{
    RtBatch b;

    if (feed_batch(w->feed, 0, k, &b, err))
        return -1;
    if (b.T > w->shape.n[SHAPE_STEPS])
        b.T = w->shape.n[SHAPE_STEPS];
    data->steps[0] = b.T;
    for (int axis = 1; axis < d->ntime; axis++)
        feed_lengths_along(w->feed, &b, axis, 0, 1, &data->steps[axis]);
    data->value = calloc((size_t)d->ntensor + 1, sizeof *data->value);
    if (!data->value)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *data->value);
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        const RtField *field = data_field(&w->data, t->name);
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
    int64_t T = w->shape.n[SHAPE_STEPS];

    *data = (FlowData){NULL, {T, T, T}};
    return w->feed ? from_feed(w, d, k, data, err)
                   : flow_random(d, data, w->seed + (uint64_t)k, err);
}

static int64_t sequences(const Work *w)
{
    int64_t wanted = w->shape.n[SHAPE_BATCH];

    return w->feed && feed_rows(w->feed) < wanted ? feed_rows(w->feed) : wanted;
}

/* The compiled model with its weights. */
static RtModel *weights(const Work *w, Drv *d, RtError *err)
{
    const CellDesc *desc = cellc_jit(d->c);
    RtModel *m = desc ? model_new(desc, err) : NULL;
    const char *path = flags_arg(w->f, 0), *slash = strrchr(path, '/');
    char *base = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    InitFrom from = {base, &w->host.app.about.vocabs};

    if (m && (w->trained ? checkpoint_weights(&w->from, m, err)
                         : model_init(m, w->seed, &from, err))) {
        model_free(m);
        m = NULL;
    }
    free(base);
    return m;
}

/* ---- what is found ---- */

static int find_flows(Work *w, Drv *d, FlowResult *r)
{
    RtError err = {0};
    RtModel *m = weights(w, d, &err);
    int bad = !m;

    r->flow = calloc((size_t)w->nstate + 1, sizeof *r->flow);
    r->size = calloc((size_t)w->nstate + 1, sizeof *r->size);
    for (; r->flow && r->size && r->n < w->nstate; r->n++) {
        Flow *f = &r->flow[r->n];
        const CellcDecl *decl =
            cellc_decl(d->c, find_decl(d, w->state[r->n], 0));

        f->of = w->state[r->n];
        f->by = w->by ? w->by : f->of;
        r->size[r->n] = 1;
        for (int k = 0; k < decl->rank; k++)
            r->size[r->n] *= decl->size[k];
    }
    for (int64_t k = 0; k < sequences(w) && !bad; k++) {
        FlowData data;

        bad = sequence(w, m->desc, k, &data, &err);
        for (int i = 0; i < r->n && !bad; i++)
            bad = flow_add(&r->flow[i], m, &data, &err);
        flow_data_free(m->desc, &data);
    }
    for (int i = 0; i < r->n && !bad; i++) {
        flow_mean(&r->flow[i]);
        r->steps = r->flow[i].lags > r->steps ? r->flow[i].lags : r->steps;
    }
    model_free(m);
    return bad ? drv_fail(&err) : 0;
}

/* Norms of the mean gradient in sum[param_size], and of the weights. */
static int list_params(const RtModel *m, const double *sum, int64_t n,
                       FlowResult *r, RtError *err)
{
    const CellDesc *d = m->desc;

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
        memcpy(v, sum + d->tensor[i].at.c, (size_t)p->size * sizeof *v);
        p->gradient = frobenius_norm(v, p->size) / (double)n;
        free(v);
    }
    return 0;
}

/* Adds the gradient of one sequence, which session_backward left. */
static int add_gradient(RtSession *s, const FlowData *data, double *sum,
                        RtError *err)
{
    const double *g = s->grads;

    if (flow_begin(s, data, 1, err) || session_forward(s, err) ||
        session_backward(s, err))
        return -1;
    for (int64_t i = 0; i < s->desc->param_size; i++)
        sum[i] += g[i];
    return 0;
}

static int find_params(Work *w, Drv *d, FlowResult *r)
{
    RtError err = {0};
    RtModel *m = weights(w, d, &err);
    double *sum =
        m ? calloc((size_t)m->desc->param_size + 1, sizeof *sum) : NULL;
    RtSession *s = sum ? session_new(m, &err) : NULL;
    int bad = !s;

    for (int64_t k = 0; k < sequences(w) && !bad; k++) {
        FlowData data;

        bad = sequence(w, m->desc, k, &data, &err) ||
              add_gradient(s, &data, sum, &err);
        flow_data_free(m->desc, &data);
    }
    bad = bad || list_params(m, sum, sequences(w), r, &err);
    session_free(s);
    free(sum);
    model_free(m);
    return bad ? drv_fail(&err) : 0;
}

/* ---- the verb ---- */

static int with_flow(Work *w, FlowResult *r)
{
    Drv d = {0};
    int code = open_again(w, &d);

    if (!code)
        code = list_states(w, &d);
    if (!code)
        code = set_flow(w, &d);
    if (!code)
        code = drv_compile(&d);
    if (!code)
        code = find_flows(w, &d, r);
    drv_free(&d);
    return code;
}

static int with_loss(Work *w, FlowResult *r)
{
    Drv d = {0};
    const CellDesc *desc;
    int code = open_again(w, &d);

    if (!code)
        code = drv_compile(&d);
    desc = code ? NULL : cellc_jit(d.c);
    if (!code && !desc)
        code = EXIT_USER;
    if (!code && desc->backward)
        code = find_params(w, &d, r);
    drv_free(&d);
    return code;
}

static int report(const Work *w, const FlowResult *r)
{
    if (flags_given(w->f, "json"))
        return flow_print_json(r);
    if (flags_given(w->f, "csv"))
        flow_print_csv(r);
    else
        flow_print(r);
    return 0;
}

static void free_all(Work *w, FlowResult *r)
{
    for (int i = 0; i < r->n; i++)
        flow_free(&r->flow[i]);
    free(r->flow);
    free(r->size);
    for (int i = 0; i < r->nparam; i++)
        free(r->param[i].name);
    free(r->param);
    for (int i = 0; i < w->nstate; i++)
        free(w->state[i]);
    free(w->state);
    free(w->by);
    feed_free(w->feed);
    data_free(&w->data);
    checkpoint_free(&w->from);
    drv_sized_free(&w->sized);
    drv_host_free(&w->host);
}

static int gradflow_run(Flags *f, void *user)
{
    Work w = {.f = f};
    FlowResult r = {.model = flags_arg(f, 0)};
    int code = app_plot_check(f);

    (void)user;
    drv_host_init(&w.host);
    if (!code)
        code = open_model(&w);
    if (!code)
        code = with_flow(&w, &r);
    if (!code)
        code = with_loss(&w, &r);
    r.trained = w.trained;
    r.real = w.feed != NULL;
    r.sequences = code ? 0 : sequences(&w);
    if (!code)
        code = report(&w, &r);
    if (!code)
        code = flow_plot(&r, f);
    free_all(&w, &r);
    return code;
}

static const Flag gradflow_own[] = {
    {"state", "NAME", NULL, NULL,
     "which one (`info` lists them); again for others; else all"},
    {"by", "NAME", NULL, NULL,
     "derivative by another state or a real input instead"},
    {"shape", "T,B,I,H", "50,5", NULL,
     "steps and sequences; of made-up data also the size of what is open, and "
     "the option n"},
    {"seed", "N", "1", NULL, "of start values, made-up data, choice of data"},
    {"wrap", "TEXT", "%", NULL, "what a cell % is put into: 'stack(2, bi(%))'"},
    {"csv", NULL, NULL, NULL, "every lag, as CSV"},
    {"plot", "FILE", NULL, NULL,
     ".png or .svg; else in the terminal where there is one; or none"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const gradflow_flags[] = {
    gradflow_own, app_data_flags, drv_size_flags, drv_json_flags, NULL};
const Verb drv_gradflow = {"gradflow",
                           "SPEC|CELL|CHECKPOINT [DATA]",
                           "how a gradient travels through time",
                           gradflow_flags,
                           {"gradflow lstm --shape 100,5,16,32 --plot flow.svg",
                            "gradflow model.safetensors text.txt --state h.c"},
                           1,
                           2,
                           gradflow_run};
