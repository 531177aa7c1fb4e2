/* The compiler as host of the run-time verbs: train, eval, predict and generate
 * in the driver, which compile in process.  See runtime/apphost.h. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>

int drv_host_again(DrvHost *h, Drv *d, const Flags *f)
{
    char *name = drv_model_name(h->path);
    int code = drv_new(d);

    d->path = strdup(h->path);
    if (!code && (!name || !d->path))
        code = EXIT_BUG;
    if (!code)
        code = drv_code(cellc_set(d->c, "name", name));
    if (!code)
        code = drv_use(d, f);
    if (!code)
        code = h->text ? drv_code(cellc_add_text(d->c, h->path, h->text,
                                                 strlen(h->text)))
                       : drv_add_spec(d, h->path);
    free(name);
    if (!code)
        code = drv_known(d, &h->app.about);
    return code ? code : drv_settings(d, f);
}

/* --option and --dim, for the checkpoint. */
static int note_flags(DrvHost *h, const Flags *f)
{
    const char *value, *text;
    RtError err = {0};
    int n, bad = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int i = 0;
             (value = flags_pair(f, pass ? "dim" : "option", i, &n, &text));
             i++) {
            char *name = n > 0 ? strndup(text, (size_t)n) : NULL;

            if (n < 0)
                return EXIT_USAGE;
            bad |= !name ||
                   pairs_set(pass ? &h->app.about.dims : &h->app.about.options,
                             name, value, &err);
            free(name);
        }
    return bad ? drv_fail(&err) : 0;
}

static int is_open(const Cellc *c, const char *name)
{
    const char *dim;

    for (int i = 0; (dim = cellc_open_dim(c, i)); i++)
        if (!strcmp(dim, name))
            return 1;
    return 0;
}

/* Number of classes of a set that is a number, a dim or an option; 0: open. */
static int64_t classes_of(const DrvHost *h, const char *set)
{
    const char *size = pairs_get(&h->app.about.dims, set);
    const char *name, *value, *doc;

    if (*set >= '0' && *set <= '9')
        return strtoll(set, NULL, 10);
    for (int i = 0; !size && cellc_option_at(h->d.c, i, &name, &value, &doc);
         i++)
        if (!strcmp(name, set))
            size = value;
    return size ? strtoll(size, NULL, 10) : 0;
}

/* Members of the input's set that the spec names: they have a class even where
 * the data do not hold them. */
static int list_members(const Cellc *c, AppInput *in)
{
    const char *set, *name;
    int n = 0;

    while (cellc_member_at(c, n, &set, &name))
        n++;
    in->member = calloc((size_t)n + 1, sizeof *in->member);
    if (!in->member)
        return EXIT_BUG;
    for (int i = 0; cellc_member_at(c, i, &set, &name); i++)
        if (!strcmp(set, in->set))
            in->member[in->nmember++] = strdup(name);
    return 0;
}

static int list_inputs(DrvHost *h)
{
    const Cellc *c = h->d.c;
    AppHost *a = &h->app;
    int n = cellc_decl_count(c), code = 0;

    a->input = calloc((size_t)n + 1, sizeof *a->input);
    if (!a->input)
        return EXIT_BUG;
    for (int i = 0; i < n && !code; i++) {
        const CellcDecl *decl = cellc_decl(c, i);
        AppInput *in = &a->input[a->ninput];

        if (decl->role != CELL_INPUT)
            continue;
        in->want = (RtWant){.name = strdup(decl->name),
                            .is_index = !!(decl->flags & CELL_INDEX),
                            .observed = !!(decl->flags & CELL_OBSERVED),
                            .is_static = cell_only_time(decl->axes) < 0,
                            .axis = cell_only_time(decl->axes) < 0
                                        ? 0
                                        : cell_only_time(decl->axes),
                            .rank = decl->rank};
        for (int k = 0; k < decl->rank; k++) {
            in->want.dim[k] = decl->size[k];
            in->dim[k] = strdup(decl->dim[k]);
        }
        if (decl->set) {
            in->set = strdup(decl->set);
            in->open = is_open(c, decl->set);
            in->named = in->open || pairs_get(&a->about.dims, decl->set);
            in->want.classes = classes_of(h, decl->set);
            in->last = decl->last ? strdup(decl->last) : NULL;
            code = list_members(c, in);
        }
        a->ninput++;
    }
    return code;
}

static void list_clocks(DrvHost *h)
{
    const char *name;
    RtClock c;

    for (int k = 0; cellc_axis_at(h->d.c, k, &name, &c.like, &c.rate); k++)
        h->app.clock[k] = c;
}

static int list_block(const Cellc *c, const char *block, RtPairs *to)
{
    const char *key, *value;
    RtError err = {0};

    for (int i = 0; cellc_setting_at(c, block, i, &key, &value); i++)
        if (pairs_set(to, key, value, &err))
            return drv_fail(&err);
    return 0;
}

static int host_open(AppHost *a, const Flags *f, const char *spec,
                     const Checkpoint *from)
{
    DrvHost *h = a->user;
    size_t n;
    int code = 0;

    if (from) {
        h->path = strdup(from->name && *from->name ? from->name : "model");
        h->text = from->spec ? strdup(from->spec) : NULL;
        if (!h->text) {
            say_error("the checkpoint holds no spec");
            return EXIT_USER;
        }
        code = drv_copy_pairs(&a->about.options, &from->options);
        if (!code)
            code = drv_copy_pairs(&a->about.dims, &from->dims);
        if (!code)
            code = drv_copy_pairs(&a->about.vocabs, &from->vocabs);
    } else if (!strcmp(spec, "-")) {
        h->path = strdup("<stdin>");
        h->text = drv_read(spec, &n);
        code = h->text ? 0 : EXIT_USER;
    } else {
        h->path = strdup(spec);
    }
    if (!code)
        code = note_flags(h, f);
    if (!code)
        code = drv_host_again(h, &h->d, f);
    if (!code)
        code = drv_code(cellc_check(h->d.c));
    if (!code)
        code = list_inputs(h);
    if (!code)
        list_clocks(h);
    if (!code)
        code = list_block(h->d.c, "train", &a->train_block);
    return code ? code : list_block(h->d.c, "data", &a->data_block);
}

/* Threads that find few sequences may share loops. */
static int set_threads(const DrvHost *h, Drv *d)
{
    const char *threads = app_setting(&h->app, "threads");
    const char *batch = app_setting(&h->app, "batch");

    if (!threads || !batch)
        return 0;
    return drv_code(cellc_set(d->c, "threads", threads) ||
                    cellc_set(d->c, "sequences", batch));
}

/* One compilation with all that is known now; *d is started if it is not.
 * backend NULL: the one that the flags say. */
static int compile_one(DrvHost *h, Drv *d, const Flags *f, int training,
                       const char *backend, const CellDesc **desc)
{
    static const char *const segmented[] = {"segments", "total"};
    static const char *const probed[] = {"probe", "mark"};
    const char *reduce = app_setting(&h->app, "reduce");
    const char *teacher = app_setting(&h->app, "teacher");
    const char *tbptt = app_setting(&h->app, "tbptt");
    int code = d->c ? drv_known(d, &h->app.about) : drv_host_again(h, d, f);

    if (!code)
        code = drv_settings(d, f);
    if (!code && reduce)
        code = drv_code(cellc_set(d->c, "reduce", reduce));
    if (!code && teacher)
        code = drv_code(cellc_set(d->c, "teacher", teacher));
    if (!code && training && tbptt && *tbptt == '(')
        code = drv_code(cellc_set(d->c, "skip", "1"));
    if (!code && !(tbptt && *tbptt == '(')) /* else chunks overlap */
        code = drv_code(cellc_set(d->c, "states", "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "past", "1"));
    if (!code)
        code = drv_code(cellc_set(d->c, "training", training ? "1" : "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "backward", training ? "1" : "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "outputs", training ? "0" : "1"));
    if (!code)
        code = drv_code(cellc_set(d->c, "inputgrad", "0"));
    if (!code)
        code = drv_code(cellc_set(d->c, "steady", training ? "0" : "1"));
    if (!code)
        code = set_threads(h, d);
    for (size_t k = 0; k < sizeof probed / sizeof *probed; k++)
        for (int i = 0; !code && !training && flags_each(f, probed[k], i); i++)
            code =
                drv_code(cellc_set(d->c, "probe", flags_each(f, probed[k], i)));
    for (size_t i = 0; !code && i < sizeof segmented / sizeof *segmented; i++)
        code = drv_code(
            cellc_set(d->c, segmented[i],
                      training && app_setting(&h->app, "memory") ? "1" : "0"));
    if (!code && backend)
        code = drv_code(cellc_set(d->c, "backend", backend));
    if (!code)
        code = drv_compile(d);
    if (!code) {
        *desc = cellc_jit(d->c);
        code = *desc ? 0 : EXIT_USER;
    }
    return code;
}

static int host_compile(AppHost *a, const Flags *f, int training)
{
    DrvHost *h = a->user;
    int code;

    if (!training) {
        code = compile_one(h, &h->d, f, 0, NULL, &a->eval);
    } else {
        code = compile_one(h, &h->d, f, 1, NULL, &a->train);
        a->eval = a->train;
        if (!code && (model_next(a->train, CELL_NOISE, -1) >= 0 ||
                      app_monitors_drawn(a)))
            code = compile_one(h, &h->e, f, 0, NULL, &a->eval);
    }
    if (!code && !a->about.spec) {
        const CellDesc *d = training ? a->train : a->eval;

        a->about.spec = d->spec ? strdup(d->spec) : NULL;
        a->about.name = strdup(d->name);
    }
    return code;
}

/* The parts say themselves whether the model has any. */
static int host_parts(AppHost *a, const Flags *f, const CellDesc **known,
                      const CellDesc **step)
{
    static const char *const name[] = {"known", "step"};
    DrvHost *h = a->user;
    const CellDesc *desc[2];
    int code = 0, parted = 0;

    for (int i = 0; i < 2 && !code; i++) {
        h->part[i].mute = 1; /* all was said before */
        code = drv_host_again(h, &h->part[i], f);
        if (!code)
            code = drv_code(cellc_set(h->part[i].c, "part", name[i]));
        if (!code)
            code = compile_one(h, &h->part[i], f, 0, NULL, &desc[i]);
    }
    for (int i = -1; !code && (i = model_next(desc[1], CELL_INPUT, i)) >= 0;)
        parted |= desc[1]->tensor[i].flags & CELL_KNOWN;
    *known = parted ? desc[0] : NULL;
    *step = parted ? desc[1] : NULL;
    return code;
}

/* Evaluates the model as it was written, by interpretation, on the same
 * numbers: of them all it sees which one went wrong first. */
static int host_blame(AppHost *a, const Flags *f, const RtSession *s,
                      int backward, FitOrigin *o)
{
    DrvHost *h = a->user;
    const CellDesc *d;
    RtError err = {0};
    CellcOrigin found;
    RtModel *m = NULL;
    RtSession *same = NULL;
    int hit = 0;

    h->b.mute = 1; /* all was said before */
    if (compile_one(h, &h->b, f, 1, "eval", &d))
        return 0;
    m = model_new(d, &err);
    if (m && !model_copy(m, s->model, &err))
        same = session_new(m, &err);
    if (same && !session_same(same, s, &err))
        hit = cellc_blame(h->b.c, backward, m->params, m->grads, same->work,
                          same->n, &found);
    if (hit)
        *o = (FitOrigin){.place = strdup(found.place),
                         .name = found.name ? strdup(found.name) : NULL,
                         .axis = found.axis ? strdup(found.axis) : NULL,
                         .step = found.step,
                         .row = found.row,
                         .given = found.given};
    session_free(same);
    model_free(m);
    rt_error_clear(&err);
    return hit;
}

void drv_host_init(DrvHost *h)
{
    memset(h, 0, sizeof *h);
    h->app.open = host_open;
    h->app.compile = host_compile;
    h->app.parts = host_parts;
    h->app.blame = host_blame;
    h->app.user = h;
}

void drv_host_free(DrvHost *h)
{
    app_host_clear(&h->app);
    drv_free(&h->d);
    drv_free(&h->e);
    drv_free(&h->b);
    drv_free(&h->part[0]);
    drv_free(&h->part[1]);
    free(h->path);
    free(h->text);
}
