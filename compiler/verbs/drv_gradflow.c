/* The verb gradflow: compiles what runtime/appflow needs, of a spec, a cell of
 * the library or a trained model. */
#include "drv_sized.h"

#include "../../runtime/appflow.h"

#include <stdlib.h>
#include <string.h>

typedef struct Work {
    const Flags *f;
    int hosted; /* the host has it: a checkpoint, or a spec with data */
    DrvHost host;
    DrvSized sized; /* else: made-up data of this shape */
    DrvShape shape;
    Checkpoint from; /* of a trained model */
    RtData data;
    Drv flow, loss;
    char **by;
    int nby;
    FlowTask task;
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

static int open_hosted(Work *w, const char *path, const char *data)
{
    AppHost *h = &w->host.app;
    int trained = drv_is_checkpoint(path);
    int code = trained ? app_load(h, w->f, app_data_flags, path, &w->from)
                       : h->open(h, w->f, path, NULL);

    w->hosted = 1;
    if (trained)
        w->task.from = &w->from;
    else if (!code)
        code = app_settings(h, w->f, app_data_flags, NULL);
    if (!code &&
        (data || flags_given(w->f, "in") || flags_given(w->f, "file"))) {
        code = app_data(h, w->f, data, &w->data);
        w->task.data = &w->data;
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
    w->task.seed = (uint64_t)seed;
    w->task.steps = w->shape.n[SHAPE_STEPS];
    w->task.sequences = w->shape.n[SHAPE_BATCH];
    if (code)
        return code;
    if (drv_is_checkpoint(path) || (!cell && data))
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

int drv_flow_states(const Drv *d, int inputs, const char ***name, int *n)
{
    int all = cellc_decl_count(d->c);

    *n = 0;
    *name = calloc((size_t)all + 1, sizeof **name);
    for (int i = 0; *name && i < all; i++) {
        const CellcDecl *decl = cellc_decl(d->c, i);

        if (is_flowing(decl) ||
            (inputs && decl->role == CELL_INPUT && !(decl->flags & CELL_INDEX)))
            (*name)[(*n)++] = decl->name;
    }
    return *name ? 0 : EXIT_BUG;
}

int drv_flow_set(Drv *d, const char *state)
{
    char *last = rt_printf("final.%s", state);
    int code = last ? drv_code(cellc_set(d->c, "upstream", last)) : EXIT_BUG;

    free(last);
    return code ? code : drv_code(cellc_set(d->c, "flow", state));
}

static int pick_states(Work *w, const Drv *d)
{
    const char **known;
    int n, code = drv_flow_states(d, 0, &known, &n);

    if (!code && !n) {
        say_error("%s has no state: nothing is read at an earlier step",
                  flags_arg(w->f, 0));
        code = EXIT_USER;
    }
    if (!code)
        code = app_flow_pick(w->f, "state", "state", known, n, &w->task.state,
                             &w->task.nstate);
    free(known);
    if (code || !flags_given(w->f, "by"))
        return code;
    code = drv_flow_states(d, 1, &known, &n);
    if (!code)
        code = app_flow_pick(w->f, "by", "state or real input", known, n,
                             &w->by, &w->nby);
    free(known);
    w->task.by = code ? NULL : w->by[w->nby - 1];
    return code;
}

/* Those that are asked for; what they are differentiated by is watched too. */
static int set_states(const Work *w, Drv *d)
{
    const FlowTask *t = &w->task;
    const char **known;
    int n, seen = !t->by, code = drv_code(cellc_set(d->c, "inputgrad", "1"));

    for (int i = 0; i < t->nstate && !code; i++) {
        code = drv_flow_set(d, t->state[i]);
        seen |= t->by && !strcmp(t->state[i], t->by);
    }
    if (code || seen)
        return code;
    code = drv_flow_states(d, 0, &known, &n);
    for (int i = 0; i < n && !code; i++)
        if (!strcmp(known[i], t->by))
            code = drv_code(cellc_set(d->c, "flow", t->by));
    free(known);
    return code;
}

/* ---- compiling ---- */

static int compile_flow(Work *w)
{
    int code = open_again(w, &w->flow);

    if (!code)
        code = pick_states(w, &w->flow);
    if (!code)
        code = set_states(w, &w->flow);
    if (!code)
        code = drv_compile(&w->flow);
    if (!code)
        w->task.flow = cellc_jit(w->flow.c);
    return code || w->task.flow ? code : EXIT_USER;
}

static int compile_loss(Work *w)
{
    const CellDesc *d;
    int code = open_again(w, &w->loss);

    if (!code)
        code = drv_compile(&w->loss);
    d = code ? NULL : cellc_jit(w->loss.c);
    if (d && d->backward)
        w->task.loss = d;
    return code || d ? code : EXIT_USER;
}

/* ---- the verb ---- */

static int gradflow_run(Flags *f, void *user)
{
    Work w = {.f = f, .task = {.model = flags_arg(f, 0)}};
    const char *path = flags_arg(f, 0), *slash = strrchr(path, '/');
    char *base = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    int code = app_plot_check(f);

    (void)user;
    drv_host_init(&w.host);
    w.task.init = (InitFrom){.base = base, .vocabs = &w.host.app.about.vocabs};
    if (!code)
        code = open_model(&w);
    if (!code)
        code = compile_flow(&w);
    if (!code)
        code = compile_loss(&w);
    if (!code)
        code = app_flow(&w.task, f);
    app_flow_names_free(w.task.state, w.task.nstate);
    app_flow_names_free(w.by, w.nby);
    drv_free(&w.flow);
    drv_free(&w.loss);
    data_free(&w.data);
    checkpoint_free(&w.from);
    drv_sized_free(&w.sized);
    drv_host_free(&w.host);
    free(base);
    return code;
}

static const Flag gradflow_own[] = {
    {"shape", "T,B,I,H", "50,5", NULL,
     "steps and sequences; of made-up data also the size of what is open, and "
     "the option n"},
    {"wrap", "TEXT", "%", NULL, "what a cell % is put into: 'stack(2, bi(%))'"},
    {NULL, NULL, NULL, NULL, NULL}};
static const Flag *const gradflow_flags[] = {app_flow_flags, gradflow_own,
                                             app_data_flags, drv_size_flags,
                                             drv_json_flags, NULL};
const Verb drv_gradflow = {"gradflow",
                           "SPEC|CELL|CHECKPOINT [DATA]",
                           "how a gradient travels through time",
                           gradflow_flags,
                           {"gradflow lstm --shape 100,5,16,32 --plot flow.svg",
                            "gradflow model.safetensors text.txt --state h.c"},
                           1,
                           2,
                           gradflow_run};
