/* The verb predict: the outputs of a checkpoint's model on data, any equation
 * of it, or the values of a drawn name; how they are written is predicted.c.
 * Sequences run whole, or in the chunks that training used.  See apphost.h. */
#include "apphost.h"

#include "evaluate.h"
#include "plot.h"
#include "predicted.h"
#include "rtio.h"
#include "runarrays.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const Flag app_predict_flags[] = {
    {"o", "PATH", "-", NULL,
     "FILE.npy, FILE.csv, a picture .png or .svg, a folder, or - for CSV"},
    {"output", "NAME", NULL, NULL,
     "one output, or a drawn name: its most likely values; else all outputs"},
    {"probe", "NAME", NULL, NULL,
     "any equation, such as h.i or the weights of an attention; again for "
     "more"},
    {"mark", "NAME", NULL, NULL,
     "an equation: a picture of curves shows behind them where it is not 0; "
     "again for more"},
    {"sequence", "N", "1", NULL, "which one a picture shows"},
    {"pixels", "WIDTH", NULL, NULL,
     "the picture is an image with lines of WIDTH values, 0 black, 1 white; "
     "steps of several lines stand side by side"},
    {"batch", "B", "32", "train", "sequences at a time"},
    {"tbptt", "K", NULL, "train", "chunks of K steps, as in training"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {NULL, NULL, NULL, NULL, NULL}};

typedef struct Predict {
    RtSession *s;
    const RtData *data;
    RtFeed *feed;
    const RtField **from; /* [ntensor] */
    PredictedSet set;
    Labels labels;
    long sequence, width; /* of a picture */
} Predict;

/* The time axes of tensor i, the outermost first. */
static void list_axes(const CellDesc *d, int i, Predicted *o)
{
    for (int k = CELL_TIMES - 1; k > 0; k--)
        if (k < d->ntime && d->tensor[i].axes & cell_time(k))
            o->axis[o->naxis++] = k;
    if (d->tensor[i].axes & cell_time(0))
        o->axis[o->naxis++] = 0;
}

/* Tensor i among what is predicted; `c`, NULL for an output, is taken. */
static int add_predicted(Predict *p, const AppHost *h, int i, Decoder *c,
                         RtError *err)
{
    const CellTensor *t = &p->s->desc->tensor[i];
    Predicted *o = &p->set.v[p->set.n++];
    int64_t n = p->data->nseq;
    int bad;

    *o = (Predicted){
        .name = t->name, .tensor = t, .decoder = c, .size = model_size(t)};
    list_axes(p->s->desc, i, o);
    if (c && c->kind == DECODE_CTC) { /* as many as there are, one by one */
        o->size = 1;
        o->naxis = 1;
    }
    o->value = calloc((size_t)n + 1, sizeof *o->value);
    o->steps = calloc((size_t)(n * o->naxis) + 1, sizeof *o->steps);
    bad = o->value && o->steps ? 0 : rt_fail_memory(err, (size_t)n * 24);
    if (!bad)
        bad = app_vocab(h, t->set, &o->names, err) < 0;
    for (int64_t q = 0; q < n && !bad && !o->naxis; q++) {
        double *v = values_more(&o->value[q], o->size, err);
        bad = !v;
        if (v)
            memset(v, 0, (size_t)o->size * sizeof *v);
    }
    return bad;
}

/* A drawn name, where the data say everything that it depends on. */
static int add_decoded(Predict *p, const AppHost *h, int i, RtError *err)
{
    const CellDesc *d = p->s->desc;
    Decoder *c = calloc(1, sizeof *c);
    int bad = c ? decode_open(c, d, i, err) : rt_fail_memory(err, sizeof *c);

    bad = bad ? bad : add_predicted(p, h, i, c, err);
    if (bad) {
        if (!p->set.n && c) {
            decode_free(c);
            free(c);
        }
        return -1;
    }
    for (int k = -1; c->own && (k = model_next(d, CELL_INPUT, k)) >= 0;)
        if (!law_is_drawn(d, k))
            return rt_fail(err,
                           "%s depends on its own values before, which the "
                           "model has to draw: `generate` does that",
                           d->tensor[i].name);
    return 0;
}

static int no_output(const CellDesc *d, const char *name, RtError *err)
{
    char *names = rt_printf("%s", "");
    int n = 0;

    for (int i = -1; names && (i = model_next(d, CELL_OUTPUT, i)) >= 0; n++) {
        char *more =
            rt_printf("%s%s%s", names, n ? ", " : "", d->tensor[i].name);

        free(names);
        names = more;
    }
    rt_fail(err,
            "the model has no output %s; it has %s, and --probe NAME shows "
            "any equation",
            name, n && names ? names : "none");
    free(names);
    return -1;
}

/* Output `name`, if it is not there yet. */
static int add_output(Predict *p, const AppHost *h, const char *name, int mark,
                      RtError *err)
{
    const CellDesc *d = p->s->desc;
    int i = model_find(d, CELL_OUTPUT, name), k = 0;

    if (i < 0)
        return no_output(d, name, err);
    while (k < p->set.n && p->set.v[k].tensor != &d->tensor[i])
        k++;
    if (k == p->set.n && add_predicted(p, h, i, NULL, err))
        return -1;
    p->set.v[k].mark |= mark;
    return 0;
}

/* What was asked for, in that order. */
static int choose(Predict *p, const AppHost *h, const Flags *f, RtError *err)
{
    const CellDesc *d = p->s->desc;
    const char *name = flags_get(f, "output"), *one;
    int drawn = name ? model_find(d, CELL_INPUT, name) : -1, bad = 0;

    p->set.v = calloc((size_t)d->ntensor + 1, sizeof *p->set.v);
    if (!p->set.v)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *p->set.v);
    if (name && drawn >= 0 && law_is_drawn(d, drawn))
        return add_decoded(p, h, drawn, err);
    if (name)
        bad = add_output(p, h, name, 0, err);
    for (int k = 0; !bad && (one = flags_each(f, "probe", k)); k++)
        bad = add_output(p, h, one, 0, err);
    for (int i = -1; !bad && !name && !flags_given(f, "probe") &&
                     (i = model_next(d, CELL_OUTPUT, i)) >= 0;)
        bad = add_output(p, h, d->tensor[i].name, 0, err);
    if (!bad && !p->set.n)
        return rt_fail(err, "the model has no output to predict; name one in "
                            "the spec: `output NAME`");
    for (int k = 0; !bad && (one = flags_each(f, "mark", k)); k++)
        bad = add_output(p, h, one, 1, err);
    return bad;
}

/* Appends what row `row` of the session has of one output. */
static int keep_row(Predict *p, Predicted *o, int tensor, int64_t row,
                    int64_t seq, RtError *err)
{
    int64_t at[CELL_AXES] = {0}, n = 1;
    int k;
    double *v;

    at[CELL_AT_B] = row;
    for (k = 0; k < o->naxis; k++) {
        int64_t steps = p->s->length[o->axis[k]][row];
        o->steps[seq * o->naxis + k] = steps;
        n *= steps;
    }
    if (!o->naxis) {
        if (p->s->length[0][row] > 0)
            session_read(p->s, tensor, at, o->value[seq].v);
        return 0;
    }
    v = values_more(&o->value[seq], n * o->size, err);
    for (; v && n > 0; n--, v += o->size) {
        session_read(p->s, tensor, at, v);
        for (k = o->naxis - 1; k >= 0; k--) {
            int64_t *i = &at[cell_time_at(o->axis[k])];
            if (++*i < o->steps[seq * o->naxis + k])
                break;
            *i = 0;
        }
    }
    return v ? 0 : -1;
}

/* The outputs of a batch go to their sequences. */
static int keep(Predict *p, const RtBatch *b, RtError *err)
{
    for (int k = 0; k < p->set.n; k++) {
        Predicted *o = &p->set.v[k];
        int tensor = (int)(o->tensor - p->s->desc->tensor);

        for (int64_t row = 0; row < b->B; row++) {
            int64_t seq = feed_sequence(p->feed, b, row);

            if (o->decoder && !o->naxis)
                o->value[seq].n = 0;
            if (o->decoder
                    ? decode_row(o->decoder, p->s, row, &o->value[seq], err)
                    : keep_row(p, o, tensor, row, seq, err))
                return -1;
        }
    }
    return 0;
}

static int run_batch(Predict *p, const RtBatch *b, RtError *err)
{
    const CellDesc *d = p->s->desc;
    int64_t *n = malloc((size_t)b->B * sizeof *n);
    unsigned char *last = malloc((size_t)b->B);
    int bad = n && last ? 0 : rt_fail_memory(err, 0);

    for (int k = 1; k < d->ntime; k++)
        session_steps(p->s, k, b->more[k]);
    if (!bad)
        bad = session_begin(p->s, b->T, b->B, b->start, err);
    for (int i = 0; i < d->ntensor && !bad; i++)
        if (p->from[i])
            feed_fill(p->feed, b, p->from[i], 0, b->B, d->real_bytes,
                      session_place(p->s, i));
    if (!bad) {
        feed_lengths(p->feed, b, 0, b->B, n, last);
        bad = session_lengths(p->s, 0, n, err);
        session_last(p->s, last);
    }
    for (int k = 1; k < d->ntime && !bad; k++) {
        feed_lengths_along(p->feed, b, k, 0, b->B, n);
        bad = session_lengths(p->s, k, n, err);
    }
    if (!bad)
        bad = session_forward(p->s, err) || keep(p, b, err) ||
              session_carry(p->s, p->s->n[CELL_AT_T], err);
    free(n);
    free(last);
    return bad ? -1 : 0;
}

static int run_all(Predict *p, RtError *err)
{
    int64_t n = feed_batches(p->feed, 0, err);
    RtBatch b;

    if (n < 0)
        return -1;
    for (int64_t i = 0; i < n; i++)
        if (feed_batch(p->feed, 0, i, &b, err) || run_batch(p, &b, err))
            return -1;
    return 0;
}

static int ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);

    return n > m && !strcmp(s + n - m, with);
}

static int write_csv(const Predict *p, const char *path, RtError *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    RtSave *save = NULL;
    int bad = to ? predicted_csv(&p->set, to, err) : rt_fail_memory(err, 0);

    if (to && fclose(to) && !bad)
        bad = rt_fail_memory(err, n);
    if (!bad) {
        save = rtio_save_open(path, err);
        bad = save ? 0 : -1;
    }
    if (save) {
        rtio_save_write(save, text, n);
        bad = rtio_save_close(save, err);
    }
    free(text);
    return bad;
}

static int write_picture(const Predict *p, const char *path, RtError *err)
{
    int64_t q = p->sequence - 1;

    if (p->width)
        return predicted_image(&p->set, 0, q, p->width, path, err);
    if (predicted_are_curves(&p->set))
        return predicted_curves(&p->set, q, path, err);
    return predicted_heat(&p->set, 0, q, path, err);
}

static int write_folder(const Predict *p, const char *path, RtError *err)
{
    for (int k = 0; k < p->set.n; k++) {
        char *file = rt_printf("%s/%s.npy", path, p->set.v[k].name);
        int bad = file ? predicted_npy(&p->set, k, file, err)
                       : rt_fail_memory(err, 0);

        free(file);
        if (bad)
            return -1;
    }
    return 0;
}

static int is_picture(const char *path)
{
    return ends(path, ".png") || ends(path, ".svg");
}

/* A name that ends as one of a file does, of a kind that is not written. */
static int is_strange(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    struct stat st;

    if (!dot || dot == path || (slash && dot <= slash + 1) || strlen(dot) < 3 ||
        strlen(dot) > 5 || (!stat(path, &st) && S_ISDIR(st.st_mode)))
        return 0;
    return !ends(path, ".csv") && !ends(path, ".npy") && !is_picture(path);
}

static int is_folder(const char *path)
{
    return strcmp(path, "-") && !ends(path, ".csv") && !ends(path, ".npy") &&
           !is_picture(path);
}

/* Whether what is predicted can be written there, before it is computed. */
static int check_output(const Predict *p, const char *path, RtError *err)
{
    int table = !strcmp(path, "-") || ends(path, ".csv");

    if (table && predicted_csv_fits(&p->set, err))
        return -1;
    if (is_folder(path))
        return run_make_folder(path, err);
    if (!table && p->set.n > 1 &&
        !(is_picture(path) && !p->width && predicted_are_curves(&p->set)))
        return rt_fail(err,
                       "%s: the model has %d outputs; choose one with "
                       "--output, or give a folder",
                       path, p->set.n);
    if (is_picture(path) && predicted_has(&p->set, p->sequence - 1, err))
        return -1;
    return strcmp(path, "-") ? rtio_writable(path, err) : 0;
}

static int write_all(const Predict *p, const char *path, RtError *err)
{
    if (!strcmp(path, "-"))
        return predicted_csv(&p->set, stdout, err);
    if (ends(path, ".csv"))
        return write_csv(p, path, err);
    if (is_folder(path))
        return write_folder(p, path, err);
    return is_picture(path) ? write_picture(p, path, err)
                            : predicted_npy(&p->set, 0, path, err);
}

/* The words along each axis, of the first input that has some; what is drawn
 * comes first, since an attention's rows are what it gives. */
static int list_labels(Predict *p, const AppHost *h, RtError *err)
{
    const CellDesc *d = p->s->desc;

    for (int drawn = 1; drawn >= 0; drawn--)
        for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;) {
            const RtField *field = p->from[i];
            int axis = cell_only_time(d->tensor[i].axes), got;

            if (!field || !field->is_index || axis < 0 ||
                p->labels.field[axis] || law_is_drawn(d, i) != drawn)
                continue;
            got = app_vocab(h, d->tensor[i].set, &p->labels.names[axis], err);
            if (got < 0)
                return -1;
            p->labels.field[axis] = got ? field : NULL;
        }
    p->set.labels = &p->labels;
    return 0;
}

static void predict_free(Predict *p)
{
    for (int k = 0; k < p->set.n; k++) {
        Predicted *o = &p->set.v[k];
        for (int64_t q = 0; o->value && q < p->data->nseq; q++)
            free(o->value[q].v);
        if (o->decoder)
            decode_free(o->decoder);
        free(o->decoder);
        vocab_free(&o->names);
        free(o->value);
        free(o->steps);
    }
    for (int k = 0; k < CELL_TIMES; k++)
        vocab_free(&p->labels.names[k]);
    free(p->set.v);
    free(p->from);
    feed_free(p->feed);
    session_free(p->s);
}

static int predict(AppHost *h, const Flags *f, RtModel *m, const RtData *d)
{
    const char *path = flags_get(f, "o");
    RtError err = {0};
    RtFeedOptions o;
    Predict p = {.data = d,
                 .set = {.data = d, .real_bytes = m->desc->real_bytes},
                 .sequence = 1};
    int code = app_feed(h, d, 0, 1, &o);

    if (!code)
        code = flags_long(f, "sequence", 1, 1L << 40, &p.sequence);
    if (!code)
        code = flags_long(f, "pixels", 1, 1L << 20, &p.width);
    if (code)
        return code;
    if (is_strange(path)) {
        say_error("%s: its ending says what is written: .csv, .npy, .png or "
                  ".svg; a name without one is a folder of .npy",
                  path);
        return EXIT_USER;
    }
    if (is_picture(path) && !flags_given(f, "pixels") && plot_check(path, &err))
        return app_fail(&err);
    o.window = 0;
    o.shuffle = 0;
    o.back = 0;
    o.streams = d->nseq == 1;
    o.batch = d->nseq == 1 ? 1 : o.batch;
    p.s = session_new(m, &err);
    p.feed = p.s ? feed_open(d, &o, &err) : NULL;
    p.from = p.feed ? evaluate_bind(m->desc, d, &err) : NULL;
    if (!p.from || list_labels(&p, h, &err) || choose(&p, h, f, &err) ||
        check_output(&p, path, &err) || run_all(&p, &err) ||
        write_all(&p, path, &err))
        code = app_fail(&err);
    predict_free(&p);
    return code;
}

int app_predict(AppHost *h, const Flags *f, const char *checkpoint,
                const char *data)
{
    Checkpoint c = {0};
    RtData d = {0};
    RtModel *m = NULL;
    int code = app_load(h, f, app_predict_flags, checkpoint, &c);

    if (!code)
        code = app_data_unlabelled(h, f, data, &d);
    if (!code)
        code = app_model(h, f, &c, &m);
    if (!code)
        code = predict(h, f, m, &d);
    model_free(m);
    data_free(&d);
    checkpoint_free(&c);
    return code;
}
