/* Executables made by `cellc build`: the run-time verbs with fixed descriptors
 * as their host.  See app.h and apphost.h. */
#include "app.h"

#include "appflow.h"
#include "evaluate.h"
#include "gradcheck.h"

#include <stdlib.h>
#include <string.h>

/* "key = value\n" lines to pairs. */
static int read_lines(const char *text, RtPairs *to, RtError *err)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        const char *eq = memchr(text, '=', n);

        if (eq) {
            size_t k = (size_t)(eq - text), v = n - k - 1;
            const char *from = eq + 1;
            char *key, *value;
            int bad;

            while (k && text[k - 1] == ' ')
                k--;
            for (; v && *from == ' '; v--)
                from++;
            key = strndup(text, k);
            value = strndup(from, v);
            bad = !key || !value ? rt_fail_memory(err, n)
                                 : pairs_set(to, key, value, err);
            free(key);
            free(value);
            if (bad)
                return -1;
        }
        text += n + (text[n] == '\n');
    }
    return 0;
}

/* The blocks as the descriptor has them, in one list: "train.batch = 50". */
static int read_blocks(AppHost *h, const CellDesc *d, RtError *err)
{
    RtPairs all = {0};
    int bad = read_lines(d->trained, &all, err);

    for (int i = 0; i < all.n && !bad; i++) {
        const char *dot = strchr(all.v[i].key, '.');
        int data = !strncmp(all.v[i].key, "data.", 5);

        bad = pairs_set(data ? &h->data_block : &h->train_block,
                        dot ? dot + 1 : all.v[i].key, all.v[i].value, err);
    }
    pairs_free(&all);
    return bad;
}

/* The member with which an input ends, or NULL. */
static const char *last_of(const CellApp *app, const char *input)
{
    for (const char *const *s = app->last; s && *s; s += 2)
        if (!strcmp(s[0], input))
            return s[1];
    return NULL;
}

static int list_inputs(AppHost *h, const CellDesc *d)
{
    const CellApp *app = h->user;
    int n;
    RtWant *want = evaluate_wants(d, &n);

    h->input = calloc((size_t)n + 1, sizeof *h->input);
    if (!want || !h->input) {
        free(want);
        return -1;
    }
    for (int i = 0; i < n; i++) {
        int t = model_find(d, CELL_INPUT, want[i].name);

        h->input[i].want = want[i];
        h->input[i].want.name = strdup(want[i].name);
        if (t >= 0 && d->tensor[t].set)
            h->input[i].set = strdup(d->tensor[t].set);
        if (last_of(app, want[i].name))
            h->input[i].last = strdup(last_of(app, want[i].name));
        h->input[i].named = h->input[i].set &&
                            pairs_get(&h->about.dims, h->input[i].set) != NULL;
    }
    h->ninput = n;
    for (int k = 0; k < d->ntime; k++)
        h->clock[k] = (RtClock){d->like[k], d->rate[k]};
    free(want);
    return 0;
}

static int fixed_open(AppHost *h, const Flags *f, const char *spec,
                      const Checkpoint *from)
{
    const CellApp *app = h->user;
    const CellDesc *d = app->train;
    RtError err = {0};

    (void)f;
    (void)spec;
    if (read_lines(app->options, &h->about.options, &err) ||
        read_lines(app->dims, &h->about.dims, &err) ||
        read_lines(app->vocabs, &h->about.vocabs, &err) || list_inputs(h, d) ||
        read_blocks(h, d, &err))
        return app_fail(&err);
    for (int i = 0; from && i < from->vocabs.n; i++)
        if (pairs_set(&h->about.vocabs, from->vocabs.v[i].key,
                      from->vocabs.v[i].value, &err))
            return app_fail(&err);
    h->about.name = strdup(d->name);
    h->about.spec = d->spec ? strdup(d->spec) : NULL;
    return 0;
}

static int fixed_compile(AppHost *h, const Flags *f, int training)
{
    const CellApp *app = h->user;

    if (training && flags_given(f, "teacher")) {
        say_error("--teacher: that is part of the equations, which are fixed "
                  "here; build the program with it");
        return EXIT_USAGE;
    }
    if (training && strcmp(app_setting(h, "balance"), "no")) {
        say_error("balance: weights of classes are part of the equations, "
                  "which are fixed here; build the program from a checkpoint "
                  "that was trained with it");
        return EXIT_USER;
    }
    h->train = app->train;
    h->eval = app->eval ? app->eval : app->train;
    return 0;
}

typedef int AppVerb(AppHost *h, const Flags *f, const char *first,
                    const char *data);

static int with_host(Flags *f, void *user, AppVerb *verb, int first)
{
    AppHost h = {.open = fixed_open, .compile = fixed_compile, .user = user};
    int code = verb(&h, f, first ? flags_arg(f, 0) : NULL, flags_arg(f, first));

    app_host_clear(&h);
    return code;
}

static int train_run(Flags *f, void *user)
{
    return with_host(f, user, app_train, 0);
}

static int eval_run(Flags *f, void *user)
{
    return with_host(f, user, app_eval, 1);
}

static int predict_run(Flags *f, void *user)
{
    return with_host(f, user, app_predict, 1);
}

static int generate_run(Flags *f, void *user)
{
    return with_host(f, user, app_generate, 1);
}

static int gradcheck(Flags *f, void *user)
{
    const CellApp *app = user;
    const CellDesc *d = app->train;
    int wide = d->real_bytes == 8;
    GradReport r = {0};
    RtError err = {0};
    long T = 5, B = 3, entries = 50;
    GradSetup s = {.seed = 1, .tolerance = wide ? 1e-7 : 1e-2};
    int code = flags_long(f, "steps", 1, 100000, &T);

    if (!code)
        code = flags_long(f, "batch", 1, 100000, &B);
    if (!code)
        code = flags_long(f, "entries", 0, 1L << 40, &entries);
    if (!code)
        code = flags_real(f, "tolerance", 0, 1, &s.tolerance);
    s.T = T;
    s.B = B;
    s.entries = entries;
    s.lengths = flags_given(f, "lengths");
    if (!code)
        code = gradcheck_run(d, &s, &r, &err)
                   ? app_fail(&err)
                   : gradcheck_print(&r, s.tolerance, d->name, NULL,
                                     flags_given(f, "json"), stdout);
    gradcheck_free(&r);
    return code;
}

static int info(Flags *f, void *user)
{
    static const struct {
        int role;
        const char *title;
    } group[] = {{CELL_INPUT, "inputs"},
                 {CELL_PARAM, "parameters"},
                 {CELL_STATE, "states"},
                 {CELL_OUTPUT, "outputs"}};
    const CellApp *app = user;
    const CellDesc *d = app->eval ? app->eval : app->train;

    (void)f;
    printf("%s, in %s precision\n", d->name,
           d->real_bytes == 8 ? "double" : "single");
    for (size_t g = 0; g < sizeof group / sizeof *group; g++) {
        printf("%s\n", group[g].title);
        for (int i = -1; (i = model_next(d, group[g].role, i)) >= 0;) {
            const CellTensor *t = &d->tensor[i];

            printf("  %-20s [", t->name);
            for (int k = 0; k < t->rank; k++)
                printf("%s%lld", k ? ", " : "", (long long)t->dim[k]);
            printf("]%s%s\n", t->set ? " in " : "", t->set ? t->set : "");
        }
    }
    printf("%lld parameters, %lld bytes of work per step and sequence\n",
           (long long)model_count(d, NULL),
           (long long)d->work_size.by[CELL_T | CELL_B] * d->real_bytes);
    return EXIT_DONE;
}

/* States whose last values were compiled as what is differentiated. */
static const char **watched(const CellDesc *d, int *n)
{
    static const char up[] = "up.final.";
    const char **name = calloc((size_t)d->ntensor + 1, sizeof *name);

    *n = 0;
    for (int i = -1; name && (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (!strncmp(d->tensor[i].name, up, sizeof up - 1))
            name[(*n)++] = d->tensor[i].name + sizeof up - 1;
    return name;
}

/* With noise the gradient of the loss would be that of one draw. */
static const CellDesc *without_noise(const CellDesc *d)
{
    return d->backward && model_next(d, CELL_NOISE, -1) < 0 ? d : NULL;
}

static int flow_names(const Flags *f, FlowTask *t, char ***by, int *nby)
{
    int n, code;
    const char **known = watched(t->flow, &n);

    code = known ? app_flow_pick(f, "state", "state", known, n, &t->state,
                                 &t->nstate)
                 : EXIT_BUG;
    if (!code && flags_given(f, "by")) {
        code = app_flow_pick(f, "by", "state", known, n, by, nby);
        t->by = code ? NULL : (*by)[*nby - 1];
    }
    free(known);
    return code;
}

static int flow_numbers(const Flags *f, FlowTask *t)
{
    long steps = 50, sequences = 5, seed = 1;
    int code = flags_long(f, "steps", 1, 1L << 40, &steps);

    if (!code)
        code = flags_long(f, "batch", 1, 1L << 40, &sequences);
    if (!code)
        code = flags_long(f, "seed", 0, 1L << 62, &seed);
    t->steps = steps;
    t->sequences = sequences;
    t->seed = (uint64_t)seed;
    return code;
}

static int gradflow(AppHost *h, const Flags *f, const char *checkpoint,
                    const char *data)
{
    const CellApp *app = h->user;
    FlowTask t = {.model = app->train->name,
                  .flow = app->flow,
                  .loss = without_noise(app->train),
                  .init = {.vocabs = &h->about.vocabs}};
    Checkpoint from = {0};
    RtData d = {0};
    char **by = NULL;
    int nby = 0, code = app_plot_check(f);

    if (!t.flow) {
        say_error("%s has no state: nothing is read at an earlier step",
                  t.model);
        return EXIT_USER;
    }
    if (!code)
        code = flow_numbers(f, &t);
    if (!code)
        code = flow_names(f, &t, &by, &nby);
    if (!code && checkpoint) {
        code = app_load(h, f, app_data_flags, checkpoint, &from);
        t.from = &from;
    }
    if (!code && data) {
        code = app_data(h, f, data, &d);
        t.data = &d;
    }
    if (!code)
        code = app_flow(&t, f);
    app_flow_names_free(t.state, t.nstate);
    app_flow_names_free(by, nby);
    data_free(&d);
    checkpoint_free(&from);
    return code;
}

static int gradflow_run(Flags *f, void *user)
{
    return with_host(f, user, gradflow, 1);
}

static int bench(Flags *f, void *user)
{
    const CellApp *app = user;

    return app_bench(app->train, app->eval, f);
}

static const Flag gradcheck_own[] = {
    {"steps", "T", "5", NULL, "of the random sequences"},
    {"batch", "B", "3", NULL, "sequences"},
    {"lengths", NULL, NULL, NULL, "sequences of random length"},
    {"entries", "N", "50", NULL, "compared of each tensor at most; 0: all"},
    {"tolerance", "X", NULL, NULL, "1e-7 in double precision, else 1e-2"},
    {NULL, NULL, NULL, NULL, NULL}};

static const Flag gradflow_own[] = {
    {"steps", "T", "50", NULL, "of the sequences"},
    {"batch", "B", "5", NULL, "sequences"},
    {NULL, NULL, NULL, NULL, NULL}};

static const Flag *const train_flags[] = {app_train_files, app_train_flags,
                                          app_data_flags, NULL};
static const Flag *const eval_flags[] = {app_eval_flags, app_data_flags,
                                         app_json_flags, NULL};
static const Flag *const predict_flags[] = {app_predict_flags, app_data_flags,
                                            NULL};
static const Flag *const generate_flags[] = {app_generate_flags, app_data_flags,
                                             NULL};
static const Flag *const gradcheck_flags[] = {gradcheck_own, app_json_flags,
                                              NULL};
static const Flag *const gradflow_flags[] = {
    app_flow_flags, gradflow_own, app_data_flags, app_json_flags, NULL};
static const Flag *const bench_flags[] = {app_bench_flags, app_json_flags,
                                          NULL};
static const Flag *const info_flags[] = {NULL};

static const Verb verb_train = {
    "train",
    "[DATA]",
    "train this model",
    train_flags,
    {"train data.csv -o model.safetensors", "train text.txt --valid 0.1"},
    0,
    1,
    train_run};
static const Verb verb_eval = {
    "eval",
    "CHECKPOINT [DATA]",
    "loss, perplexity, bits and metrics",
    eval_flags,
    {"eval model.safetensors test.csv", "eval model.safetensors t.npy --json"},
    1,
    2,
    eval_run};
static const Verb verb_predict = {"predict",
                                  "CHECKPOINT [DATA]",
                                  "outputs as .npy or .csv",
                                  predict_flags,
                                  {"predict model.safetensors test.csv",
                                   "predict model.safetensors x.npy -o o.npy"},
                                  1,
                                  2,
                                  predict_run};
static const Verb verb_generate = {
    "generate",
    "CHECKPOINT [DATA]",
    "draw sequences",
    generate_flags,
    {"generate model.safetensors --length 48",
     "generate model.safetensors --prime 'The ' --temperature 0.8"},
    1,
    2,
    generate_run};
static const Verb verb_gradcheck = {
    "gradcheck",
    "",
    "derivatives against central differences",
    gradcheck_flags,
    {"gradcheck", "gradcheck --lengths --entries 0"},
    0,
    0,
    gradcheck};
static const Verb verb_gradflow = {
    "gradflow",
    "[CHECKPOINT [DATA]]",
    "how a gradient travels through time",
    gradflow_flags,
    {"gradflow --steps 100", "gradflow model.safetensors text.txt --csv"},
    0,
    2,
    gradflow_run};
static const Verb verb_bench = {
    "bench",
    "",
    "times on random data",
    bench_flags,
    {"bench --steps 50 --batch 64", "bench --threads 2 --json"},
    0,
    0,
    bench};
static const Verb verb_info = {"info",
                               "",
                               "parameters, states and outputs",
                               info_flags,
                               {"info", "info"},
                               0,
                               0,
                               info};
static const Verb *const verbs[] = {
    &verb_train,    &verb_eval,      &verb_predict,
    &verb_generate, &verb_gradcheck, &verb_gradflow,
    &verb_bench,    &verb_info,      NULL};

int cell_app_main(const CellApp *app, int argc, char **argv)
{
    CellApp copy = *app;
    char *about = rt_printf("%s, a recurrent network compiled by cellc",
                            app->train->name);
    char *version = rt_printf("%s, ABI %d", app->train->name, CELL_ABI);
    int code = EXIT_BUG;

    if (about && version)
        code = flags_main(verbs, about, "", version, argc, argv, &copy);
    free(about);
    free(version);
    return code;
}

int cell_app(const CellDesc *train, const CellDesc *eval, int argc, char **argv)
{
    const CellApp app = {.train = train, .eval = eval};

    return cell_app_main(&app, argc, argv);
}
