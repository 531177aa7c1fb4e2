/* The verb generate: draws a sequence from a checkpoint's model, as text where
 * it has a vocabulary, else as a table or an array.  See apphost.h. */
#include "apphost.h"

#include "npy.h"
#include "rtio.h"
#include "sample.h"

#include <stdlib.h>
#include <string.h>

const Flag app_generate_flags[] = {
    {"length", "N", "200", NULL, "steps to draw"},
    {"prime", "TEXT", NULL, NULL,
     "how it begins: text, or a file where the model is of numbers"},
    {"temperature", "X", "1", NULL, "below 1 bolder, above 1 wilder"},
    {"greedy", NULL, NULL, NULL, "always the most likely"},
    {"top-k", "K", NULL, NULL, "draw among the K most likely classes"},
    {"top-p", "P", "1", NULL, "draw among classes that make up P"},
    {"seed", "N", "0", NULL, "of the draws"},
    {"o", "FILE", "-", NULL, "FILE.csv, FILE.npy, or text"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {NULL, NULL, NULL, NULL, NULL}};

/* What has been drawn, in the order of the drawn names. */
typedef struct Story {
    const RtModel *m;
    Sampler *sampler;
    Vocab *names;       /* [drawn]: of its index set; n = 0: numbers */
    const Vocab *vocab; /* not NULL: text, written to `to` as it comes */
    FILE *to;
    int64_t told;   /* words written */
    double **value; /* [drawn][length,size] */
    int n;
    int64_t length;
    int64_t sequences; /* that are given; 1 where nothing is */
} Story;

static int on_step(void *user, int64_t step, int k, const double *value,
                   int last, RtError *err)
{
    Story *s = user;
    int64_t size = model_size(&s->m->desc->tensor[sample_drawn(s->sampler, k)]);
    char room[5];

    memcpy(s->value[k] + step * size, value, (size_t)size * sizeof *value);
    if (s->vocab && k == 0 && !last) {
        int32_t id = (int32_t)value[0];
        const char *text =
            s->vocab->word ? vocab_name(s->vocab, id, room) : room;
        size_t n = s->vocab->word ? strlen(text)
                                  : (size_t)text_decode(s->vocab, id, room);

        if (s->vocab->eos && !strcmp(text, s->vocab->eos)) {
            text = "\n";
            n = 1;
            s->told = 0;
        } else if (s->vocab->word && s->told++) {
            fputc(' ', s->to);
        }
        if (fwrite(text, 1, n, s->to) != n)
            return rt_fail(err, "the text could not be written");
    }
    return 0;
}

/* The host with the inputs that are drawn, or the others. */
static int some_inputs(const AppHost *h, const Sampler *s, const CellDesc *d,
                       int drawn, AppHost *part)
{
    *part = *h;
    part->ninput = 0;
    memset(part->clock, 0, sizeof part->clock); /* the rest may set the steps */
    part->input = calloc((size_t)h->ninput + 1, sizeof *part->input);
    if (!part->input)
        return EXIT_BUG;
    for (int i = 0; i < h->ninput; i++) {
        int t = model_find(d, CELL_INPUT, h->input[i].want.name), is = 0;

        if (s) {
            for (int k = 0; sample_drawn(s, k) >= 0; k++)
                is |= sample_drawn(s, k) == t;
        } else {
            for (int k = -1; (k = model_next(d, CELL_DRAW, k)) >= 0;)
                is |= d->tensor[k].of == t;
        }
        if (is == drawn)
            part->input[part->ninput++] = h->input[i];
    }
    return 0;
}

/* Values of the inputs that are not drawn, from --in. */
static int read_given(AppHost *h, const Flags *f, const CellDesc *d, RtData *g)
{
    AppHost part;
    int code = some_inputs(h, NULL, d, 0, &part);

    if (!code && part.ninput && flags_given(f, "in"))
        code = app_data(&part, f, NULL, g);
    h->about = part.about;
    free(part.input);
    return code;
}

/* The observed beginning, from text. */
static int prime_text(Story *s, const char *text, RtError *err)
{
    int32_t *ids = NULL;
    int64_t n = 0;
    double *v;
    int bad =
        text_encode(s->vocab, "--prime", text, strlen(text), &ids, &n, err);

    v = malloc((size_t)(n ? n : 1) * sizeof *v);
    if (!bad && !v)
        bad = rt_fail_memory(err, (size_t)n * sizeof *v);
    for (int64_t i = 0; i < n && !bad; i++)
        v[i] = ids[i];
    if (!bad && n)
        bad = sample_prime(s->sampler, n, (const double *const *)&v, err);
    if (!bad)
        fwrite(text, 1, strlen(text), s->to);
    s->told = n && !strchr(" \t\n", text[strlen(text) - 1]);
    free(v);
    free(ids);
    return bad;
}

/* The observed beginning, from a file of numbers. */
static int prime_file(const Story *s, AppHost *h, const Flags *f,
                      const char *path, RtError *err)
{
    RtData d = {0};
    AppHost part;
    int code = some_inputs(h, s->sampler, s->m->desc, 1, &part);
    double **v = calloc((size_t)s->n, sizeof *v);
    int bad = code || !v || app_data(&part, f, path, &d) ? -1 : 0;

    h->about = part.about;
    for (int k = 0; k < s->n && !bad; k++) {
        int i = sample_drawn(s->sampler, k);
        const RtField *field = data_field(&d, s->m->desc->tensor[i].name);
        int64_t n = data_steps(&d, field->axis, 0) * field->size;

        v[k] = malloc((size_t)(n ? n : 1) * sizeof **v);
        for (int64_t j = 0; v[k] && j < n; j++)
            v[k][j] = data_value(field, j);
        bad = v[k] ? 0 : rt_fail_memory(err, (size_t)n * 8);
    }
    if (!bad)
        bad = sample_prime(s->sampler, d.steps[0].length[0],
                           (const double *const *)v, err);
    for (int k = 0; v && k < s->n; k++)
        free(v[k]);
    free(v);
    free(part.input);
    data_free(&d);
    return bad;
}

/* A number of drawn name k, a name where it has names. */
static void print_value(const Story *s, int k, double value, FILE *to)
{
    char room[5];

    if (!s->names[k].n) {
        fprintf(to, "%.9g", value);
        return;
    }
    const char *name = vocab_name(&s->names[k], (int32_t)value, room);
    int quoted = strpbrk(name, ",\"\n\r") != NULL;

    if (quoted)
        fputc('"', to);
    for (; *name; name++)
        fprintf(to, *name == '"' ? "\"\"" : "%c", *name);
    if (quoted)
        fputc('"', to);
}

/* The drawn values as a table, a column per number. */
static void print_table(const Story *s, FILE *to)
{
    const CellDesc *d = s->m->desc;

    for (int64_t t = -1; t < s->length; t++) {
        for (int k = 0; k < s->n; k++) {
            const CellTensor *x = &d->tensor[sample_drawn(s->sampler, k)];
            int64_t n = model_size(x);

            for (int64_t j = 0; j < n; j++) {
                if (k + j)
                    fputc(',', to);
                if (t >= 0)
                    print_value(s, k, s->value[k][t * n + j], to);
                else if (n == 1)
                    fprintf(to, "%s", x->name);
                else
                    fprintf(to, "%s.%lld", x->name, (long long)j + 1);
            }
        }
        fputc('\n', to);
    }
}

static int write_array(const Story *s, const char *path, RtError *err)
{
    const CellTensor *t = &s->m->desc->tensor[sample_drawn(s->sampler, 0)];
    int64_t dim[5] = {s->length};

    if (s->n > 1)
        return rt_fail(err,
                       "%s holds one array and %d names are drawn; write "
                       ".csv",
                       path, s->n);
    for (int k = 0; k < t->rank; k++)
        dim[1 + k] = t->dim[k];
    return npy_write(path, NPY_F8, 1 + t->rank, dim, s->value[0], err);
}

static int ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);

    return n > m && !strcmp(s + n - m, with);
}

/* Writes everything to `path`; text has gone to a stream in memory. */
static int write_out(const Story *s, const char *path, const char *text,
                     size_t n, RtError *err)
{
    RtSave *save;

    if (ends(path, ".npy"))
        return write_array(s, path, err);
    if (!strcmp(path, "-")) {
        fwrite(text, 1, n, stdout);
        return 0;
    }
    save = rtio_save_open(path, err);
    if (!save)
        return -1;
    rtio_save_write(save, text, n);
    return rtio_save_close(save, err);
}

static int read_how(const Flags *f, SampleHow *how, long *length)
{
    long k = 0, seed = 0;
    int code = flags_long(f, "length", 1, 1L << 40, length);

    *how = (SampleHow){
        .greedy = flags_given(f, "greedy"), .temperature = 1, .top_p = 1};
    if (!code)
        code = flags_real(f, "temperature", 1e-6, 1e6, &how->temperature);
    if (!code)
        code = flags_long(f, "top-k", 1, 1L << 40, &k);
    if (!code)
        code = flags_real(f, "top-p", 1e-9, 1, &how->top_p);
    if (!code)
        code = flags_long(f, "seed", 0, 1L << 62, &seed);
    how->top_k = k;
    how->seed = (uint64_t)seed;
    return code;
}

/* Every sequence that is given; of a table or array the first. */
static int draw_all(Story *s, AppHost *h, const Flags *f, const SampleHow *how,
                    RtError *err)
{
    const char *prime = flags_get(f, "prime");
    int64_t most = s->length, n = s->vocab ? s->sequences : 1;

    for (int64_t i = 0; i < n; i++) {
        if (i)
            sample_restart(s->sampler, i);
        if (prime && *prime &&
            (s->vocab ? prime_text(s, prime, err)
                      : prime_file(s, h, f, prime, err)))
            return -1;
        if (sample_run(s->sampler, how, most, on_step, s, &s->length, err))
            return -1;
        if (s->vocab)
            fputc('\n', s->to);
        s->told = 0;
    }
    return 0;
}

/* Prime, draw, write. */
static int tell(Story *s, AppHost *h, const Flags *f, const SampleHow *how)
{
    const char *out = flags_get(f, "o");
    RtError err = {0};
    char *text = NULL;
    size_t n = 0;
    int live = s->vocab && !strcmp(out, "-"), bad = 0;

    s->to = live ? stdout : open_memstream(&text, &n);
    s->value = calloc((size_t)s->n, sizeof *s->value);
    for (int k = 0; k < s->n && s->value; k++) {
        int i = sample_drawn(s->sampler, k);
        size_t size = (size_t)model_size(&s->m->desc->tensor[i]);

        s->value[k] = calloc((size_t)s->length * size, sizeof **s->value);
        bad |= !s->value[k];
    }
    if (!s->to || !s->value || bad)
        bad = rt_fail_memory(&err, (size_t)s->length * 8);
    if (!bad)
        bad = draw_all(s, h, f, how, &err);
    if (!bad && !s->vocab)
        print_table(s, s->to);
    if (s->to && !live && fclose(s->to) && !bad)
        bad = rt_fail_memory(&err, n);
    if (!bad && !live)
        bad = write_out(s, out, text, n, &err);
    for (int k = 0; k < s->n && s->value; k++)
        free(s->value[k]);
    free(s->value);
    free(text);
    return bad ? err.text ? app_fail(&err) : EXIT_USER : EXIT_DONE;
}

/* Whether something is given step by step along what is drawn. */
static int beside(const Story *s, const RtData *given)
{
    const CellDesc *d = s->m->desc;
    int axis = cell_only_time(d->tensor[sample_drawn(s->sampler, 0)].axes);

    for (int k = 0; k < given->nfield; k++)
        if (!given->field[k].is_static && given->field[k].axis == axis)
            return 1;
    return 0;
}

/* The vocabularies of the drawn names; one alone is told as text if nothing
 * else goes with it. */
static int story_vocabs(Story *s, const AppHost *h, const RtData *given,
                        RtError *err)
{
    while (sample_drawn(s->sampler, s->n) >= 0)
        s->n++;
    s->names = calloc((size_t)s->n, sizeof *s->names);
    if (!s->names)
        return rt_fail_memory(err, sizeof *s->names);
    for (int k = 0; k < s->n; k++)
        if (app_vocab(h, s->m->desc->tensor[sample_drawn(s->sampler, k)].set,
                      &s->names[k], err) < 0)
            return -1;
    s->sequences = given->nfield && given->nseq ? given->nseq : 1;
    if (s->n == 1 && s->names[0].n && !beside(s, given))
        s->vocab = &s->names[0];
    return 0;
}

int app_generate(AppHost *h, const Flags *f, const char *checkpoint)
{
    Checkpoint c = {0};
    RtData given = {0};
    RtModel *m = NULL;
    RtError err = {0};
    Story s = {0};
    SampleHow how;
    long length = 200;
    int code = read_how(f, &how, &length);

    if (!code)
        code = app_load(h, f, app_generate_flags, checkpoint, &c);
    if (!code)
        code = app_model(h, f, &c, &m);
    if (!code)
        code = read_given(h, f, m->desc, &given);
    s.m = m;
    s.length = length;
    if (!code) {
        s.sampler = sample_new(m, given.nfield ? &given : NULL, &err);
        if (!s.sampler || story_vocabs(&s, h, &given, &err))
            code = app_fail(&err);
    }
    if (!code)
        code = tell(&s, h, f, &how);
    sample_free(s.sampler);
    for (int k = 0; s.names && k < s.n; k++)
        vocab_free(&s.names[k]);
    free(s.names);
    model_free(m);
    data_free(&given);
    checkpoint_free(&c);
    return code;
}
