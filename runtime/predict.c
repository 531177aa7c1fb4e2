/* The verb predict: the outputs of a checkpoint's model on data, as .npy or
 * .csv.  Sequences run whole, or in the chunks that training used.  See
 * apphost.h. */
#include "apphost.h"

#include "evaluate.h"
#include "rtio.h"
#include "runarrays.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

const Flag app_predict_flags[] = {
    {"o", "PATH", "-", NULL, "FILE.npy, FILE.csv, a folder, or - for CSV"},
    {"output", "NAME", NULL, NULL, "one output, else all"},
    {"batch", "B", "32", "train", "sequences at a time"},
    {"tbptt", "K", NULL, "train", "chunks of K steps, as in training"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {NULL, NULL, NULL, NULL, NULL}};

/* One output over the whole data set. */
typedef struct Predicted {
    int tensor;
    int64_t size;  /* reals of one element */
    double *value; /* [steps of all sequences, size], static [nseq, size] */
} Predicted;

typedef struct Predict {
    RtSession *s;
    const RtData *data;
    RtFeed *feed;
    const RtField **from; /* [ntensor] */
    Predicted *out;
    int nout;
    double *chunk;  /* one tensor of a chunk */
    int64_t nchunk; /* its room */
} Predict;

/* The steps of the data along the axis of tensor i; NULL: it has none. */
static const RtSteps *steps_of(const Predict *p, int i)
{
    int axis = cell_only_time(p->s->desc->tensor[i].axes);

    return axis < 0 ? NULL : &p->data->steps[axis];
}

/* The outputs asked for, with room for their values. */
static int choose(Predict *p, const char *name, RtError *err)
{
    const CellDesc *d = p->s->desc;

    p->out = calloc((size_t)d->ntensor + 1, sizeof *p->out);
    if (!p->out)
        return rt_fail_memory(err, (size_t)d->ntensor * sizeof *p->out);
    for (int i = -1; (i = model_next(d, CELL_OUTPUT, i)) >= 0;) {
        const CellTensor *t = &d->tensor[i];
        Predicted *o = &p->out[p->nout];
        const RtSteps *steps = steps_of(p, i);
        int64_t n = steps ? steps->offset[p->data->nseq] : p->data->nseq;

        if (name && strcmp(name, t->name))
            continue;
        if (cell_only_time(t->axes) == CELL_MANY_TIMES)
            return rt_fail(err,
                           "%s varies over several time axes; predict "
                           "writes outputs along one: choose with "
                           "--output",
                           t->name);
        *o = (Predicted){.tensor = i, .size = model_size(t)};
        o->value = calloc((size_t)(n * o->size + 1), sizeof *o->value);
        if (!o->value)
            return rt_fail_memory(err, (size_t)(n * o->size) * 8);
        p->nout++;
    }
    if (p->nout)
        return 0;
    return name ? rt_fail(err, "the model has no output %s", name)
                : rt_fail(err, "the model has no output to predict; name one "
                               "in the spec: `output NAME`");
}

/* Copies the outputs of a batch to their sequences. */
static int keep(Predict *p, const RtBatch *b, RtError *err)
{
    for (int k = 0; k < p->nout; k++) {
        Predicted *o = &p->out[k];
        int axes = p->s->desc->tensor[o->tensor].axes;
        int axis = cell_only_time(axes);
        const RtSteps *steps = steps_of(p, o->tensor);
        int64_t n = session_count(p->s, o->tensor);
        double *more = n > p->nchunk
                           ? realloc(p->chunk, (size_t)n * sizeof *more)
                           : p->chunk;

        if (!more)
            return rt_fail_memory(err, (size_t)n * sizeof *more);
        p->chunk = more;
        p->nchunk = n > p->nchunk ? n : p->nchunk;
        session_get(p->s, o->tensor, 0, p->chunk);
        for (int64_t row = 0; row < b->B; row++) {
            int64_t seq = feed_sequence(p->feed, b, row);
            int64_t valid = p->s->length[axis < 0 ? 0 : axis][row];

            for (int64_t t = 0; t < (steps ? valid : valid > 0); t++) {
                int64_t at = steps ? steps->offset[seq] + b->from + t : seq;

                memcpy(o->value + at * o->size,
                       p->chunk + (axes ? t * b->B + row : 0) * o->size,
                       (size_t)o->size * sizeof *o->value);
            }
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

/* One output as an array: [N,T,element], [T,element] where there is only one
 * sequence, static [N,element]. */
static int write_npy(const Predict *p, const Predicted *o, const char *path,
                     RtError *err)
{
    const CellTensor *t = &p->s->desc->tensor[o->tensor];
    const RtData *d = p->data;
    const RtSteps *steps = steps_of(p, o->tensor);
    int64_t dim[6], T = 1, n, size = o->size;
    int rank = 0, bad;
    double *v;

    for (int64_t k = 0; k < d->nseq && steps; k++)
        if (steps->offset[k + 1] - steps->offset[k] > T)
            T = steps->offset[k + 1] - steps->offset[k];
    if (d->nseq != 1 || !steps)
        dim[rank++] = d->nseq;
    if (steps)
        dim[rank++] = T;
    for (int k = 0; k < t->rank; k++)
        dim[rank++] = t->dim[k];
    n = d->nseq * T * size;
    v = calloc((size_t)(n ? n : 1), sizeof *v);
    if (!v)
        return rt_fail_memory(err, (size_t)n * sizeof *v);
    for (int64_t k = 0; k < d->nseq; k++)
        memcpy(v + k * T * size,
               o->value + (steps ? steps->offset[k] : k) * size,
               (size_t)((steps ? steps->length[k] : 1) * size) * sizeof *v);
    for (int64_t k = 0; k < n && (t->flags & CELL_INDEX); k++)
        ((int64_t *)(void *)v)[k] = (int64_t)v[k];
    for (int64_t k = 0;
         k < n && p->s->desc->real_bytes == 4 && !(t->flags & CELL_INDEX); k++)
        ((float *)(void *)v)[k] = (float)v[k];
    bad = npy_write(path,
                    t->flags & CELL_INDEX         ? NPY_I8
                    : p->s->desc->real_bytes == 4 ? NPY_F4
                                                  : NPY_F8,
                    rank, dim, v, err);
    free(v);
    return bad;
}

/* A row per step, or per sequence where all outputs are static; a blank line
 * between sequences of steps. */
static int write_csv(const Predict *p, FILE *to, RtError *err)
{
    const CellDesc *d = p->s->desc;
    int axis = cell_only_time(d->tensor[p->out[0].tensor].axes);
    const RtSteps *steps = steps_of(p, p->out[0].tensor);
    int digits = d->real_bytes == 4 ? 9 : 17;

    for (int k = 0; k < p->nout; k++) {
        const CellTensor *t = &d->tensor[p->out[k].tensor];

        if (cell_only_time(t->axes) != axis)
            return rt_fail(err,
                           "%s is one value per %s and %s is not: choose "
                           "with --output, or write a folder of .npy",
                           t->name, steps ? "sequence" : "step",
                           d->tensor[p->out[0].tensor].name);
        for (int64_t j = 0; j < p->out[k].size; j++)
            if (p->out[k].size == 1)
                fprintf(to, "%s%s", k ? "," : "", t->name);
            else
                fprintf(to, "%s%s.%lld", k + j ? "," : "", t->name,
                        (long long)j + 1);
    }
    fputc('\n', to);
    for (int64_t q = 0; q < p->data->nseq; q++) {
        int64_t n = steps ? steps->length[q] : 1;

        for (int64_t r = 0; r < n; r++) {
            int64_t at = steps ? steps->offset[q] + r : q;

            for (int k = 0; k < p->nout; k++)
                for (int64_t j = 0; j < p->out[k].size; j++)
                    fprintf(to, "%s%.*g", k + j ? "," : "", digits,
                            p->out[k].value[at * p->out[k].size + j]);
            fputc('\n', to);
        }
        if (steps && q + 1 < p->data->nseq)
            fputc('\n', to);
    }
    return 0;
}

static int ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);

    return n > m && !strcmp(s + n - m, with);
}

static int write_csv_file(const Predict *p, const char *path, RtError *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    RtSave *save = NULL;
    int bad = to ? write_csv(p, to, err) : rt_fail_memory(err, 0);

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

static int write_all(const Predict *p, const char *path, RtError *err)
{
    if (!strcmp(path, "-"))
        return write_csv(p, stdout, err);
    if (ends(path, ".csv"))
        return write_csv_file(p, path, err);
    if (ends(path, ".npy")) {
        if (p->nout > 1)
            return rt_fail(err,
                           "%s: the model has %d outputs; choose one with "
                           "--output, or give a folder",
                           path, p->nout);
        return write_npy(p, &p->out[0], path, err);
    }
    if (run_make_folder(path, err))
        return -1;
    for (int k = 0; k < p->nout; k++) {
        char *file = rt_printf("%s/%s.npy", path,
                               p->s->desc->tensor[p->out[k].tensor].name);
        int bad =
            file ? write_npy(p, &p->out[k], file, err) : rt_fail_memory(err, 0);

        free(file);
        if (bad)
            return -1;
    }
    return 0;
}

static int predict(AppHost *h, const Flags *f, RtModel *m, const RtData *d)
{
    RtError err = {0};
    RtFeedOptions o;
    Predict p = {.data = d};
    int code = app_feed(h, d, 0, 1, &o);

    if (code)
        return code;
    o.window = 0;
    o.shuffle = 0;
    o.back = 0;
    o.streams = d->nseq == 1;
    o.batch = d->nseq == 1 ? 1 : o.batch;
    p.s = session_new(m, &err);
    p.feed = p.s ? feed_open(d, &o, &err) : NULL;
    p.from = p.feed ? evaluate_bind(m->desc, d, &err) : NULL;
    if (!p.from || choose(&p, flags_get(f, "output"), &err) ||
        run_all(&p, &err) || write_all(&p, flags_get(f, "o"), &err))
        code = app_fail(&err);
    for (int k = 0; k < p.nout; k++)
        free(p.out[k].value);
    free(p.out);
    free(p.chunk);
    free(p.from);
    feed_free(p.feed);
    session_free(p.s);
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
        code = app_data(h, f, data, &d);
    if (!code)
        code = app_model(h, f, &c, &m);
    if (!code)
        code = predict(h, f, m, &d);
    model_free(m);
    data_free(&d);
    checkpoint_free(&c);
    return code;
}
